"""Before and after: all comparisons of many communities in one process, and the resampling tests.

Each fast way is held against a naive one written out here, on the same data, before it is timed.
"""

from __future__ import annotations

import math
import resource
import sys
import time
from collections.abc import Callable, Iterator
from itertools import combinations, product
from statistics import median
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.lines import Figure, lines
from workbench import change, survey

COMMUNITIES, ITEMS, ASKED, BUILDINGS = 500, 40, 300, 15
NAMES = [f"q{i:02d}" for i in range(ITEMS)]


def _community(number: int) -> pd.DataFrame:
    """Two waves of 300 people in 15 buildings, 40 items on a scale of five, unequal weights."""
    rng = np.random.default_rng([20261128, number])
    n = 2 * ASKED
    building = np.tile(np.arange(ASKED) % BUILDINGS, 2)
    wave = np.repeat([1, 2], ASKED)
    lift = rng.normal(0, 0.4, (BUILDINGS, ITEMS))[building] + 0.1 * (wave == 2)[:, None]
    answers = np.clip(np.rint(3.4 + lift + rng.normal(0, 1, (n, ITEMS))), 1, 5)
    answers[rng.random((n, ITEMS)) < 0.03] = np.nan
    frame = pd.DataFrame(answers, columns=NAMES)
    weight = rng.uniform(1, 3, n)
    return frame.assign(wave=wave, building=building, weight=weight)


def _ours(frame: pd.DataFrame) -> pd.DataFrame:
    design = survey.Design(frame, weights="weight", psu="building")
    facts = {"same_question": True, "same_mode": True, "same_months": True}
    return change.compare(design, NAMES, baseline=1, current=2, facts=facts)


def _naive(frame: pd.DataFrame) -> list[tuple[float, float]]:
    """Change and linearised error of each item, building by building."""
    told = []
    for item in NAMES:
        score = pd.Series(0.0, index=frame.index)
        value = 0.0
        for wave, sign in ((1, -1.0), (2, 1.0)):
            here = frame[frame["wave"].eq(wave) & frame[item].notna()]
            top, w = here[item].ge(4).astype(float), here["weight"]
            share = float((top * w).sum() / w.sum())
            value += sign * share
            score[here.index] = sign * w * (top - share) / w.sum()
        sums = np.array([score[frame["building"].eq(b)].sum() for b in range(BUILDINGS)])
        variance = BUILDINGS / (BUILDINGS - 1) * ((sums - sums.mean()) ** 2).sum()
        told.append((value, math.sqrt(variance)))
    return told


def _seconds(call: Callable[[], Any], times: int) -> tuple[float, Any]:
    spent, answer = [], None
    for _ in range(times):
        started = time.perf_counter()
        answer = call()
        spent.append(time.perf_counter() - started)
    return median(spent), answer


def _peak() -> float:
    """Peak memory of this process in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def _arms(communities: int, treated: int) -> pd.DataFrame:
    rng = np.random.default_rng(20261129)
    c = np.repeat(np.arange(communities), 60)
    post = np.tile(np.repeat([0, 1], 30), communities)
    y = rng.normal(0, 3, communities)[c] + rng.normal(0, 2, (communities, 2))[c, post]
    return pd.DataFrame(
        {"c": c, "post": post, "on": (c < treated).astype(int), "y": y + rng.normal(0, 8, len(c))}
    )


def _naive_wild(model: Any, at: int) -> float:
    """Refit by least squares for each of the 2^G sign vectors, null imposed, CRV1-type t."""
    X, y, codes = model.X, model.y, model.codes
    rest = np.delete(X, at, axis=1)
    fitted = rest @ np.linalg.lstsq(rest, y, rcond=None)[0]
    bread = np.linalg.inv(X.T @ X)

    def t_of(outcome: Any) -> float:
        beta = bread @ (X.T @ outcome)
        left = outcome - X @ beta
        total = 0.0
        for g in range(model.groups):
            here = codes == g
            total += float(bread[at] @ X[here].T @ left[here]) ** 2
        return float(beta[at] / math.sqrt(total))

    observed = abs(t_of(y))
    signs = product([1.0, -1.0], repeat=model.groups)
    hits = [abs(t_of(fitted + (y - fitted) * np.array(s)[codes])) for s in signs]
    return float(np.mean([t >= observed - 1e-9 * max(1.0, observed) for t in hits]))


def _naive_randomisation(d: Any, arm: Any) -> float:
    k, observed, hits = int(arm.sum()), abs(d[arm].mean() - d[~arm].mean()), []
    for chosen in combinations(range(len(d)), k):
        mask = np.zeros(len(d), dtype=bool)
        mask[list(chosen)] = True
        hits.append(abs(d[mask].mean() - d[~mask].mean()) >= observed - 1e-12)
    return float(np.mean(hits))


def run(*, quick: bool) -> Iterator[str]:
    """Give the lines of this block."""
    communities, few, times = (4, 1, 1) if quick else (COMMUNITIES, 3, 3)
    for number in range(few):
        frame = _community(number)
        ours = _ours(frame)[["value", "std_error"]].astype(float)
        np.testing.assert_allclose(ours, _naive(frame), rtol=1e-9, atol=1e-12)
    slow, _ = _seconds(lambda: [_naive(_community(i)) for i in range(few)], 1)
    started = time.perf_counter()
    for number in range(communities):
        made = _ours(_community(number))
        assert len(made) == ITEMS
    spent = time.perf_counter() - started
    size = f"{ITEMS} indicators x 2 waves x {ASKED} respondents in {BUILDINGS} buildings"
    yield from lines(
        f"change, {communities} communities x {size}, one process",
        [
            Figure("change.naive.per_community", slow / few, "s"),
            Figure("change.compare.per_community", spent / communities, "s"),
        ],
    )
    yield from lines(
        f"change, all {communities} communities, figures made on the way included",
        [
            Figure("change.compare.all", spent, "s"),
            Figure("change.compare.peak_memory", _peak(), "MB"),
        ],
    )
    groups, treated = (8, 3) if quick else (12, 5)
    frame = _arms(groups, treated)
    codes = frame["c"].to_numpy()
    both = (frame["on"] * frame["post"]).to_numpy(dtype=float)
    X = np.column_stack([np.eye(groups)[codes], frame["post"].to_numpy(dtype=float), both])
    model = change.fit(frame["y"].to_numpy(), X, codes)
    at = X.shape[1] - 1
    slow, naive = _seconds(lambda: _naive_wild(model, at), 1)
    fast, ours = _seconds(lambda: change.wild_bootstrap(model, at)["p"], times)
    np.testing.assert_allclose(ours, naive, rtol=1e-12)
    yield from lines(
        f"change, wild bootstrap by all {2**groups} sign vectors, {groups} communities",
        [Figure("change.wild.naive", slow, "s"), Figure("change.wild", fast, "s")],
    )
    n, k = (12, 5) if quick else (18, 7)
    d = np.random.default_rng(5).normal(0, 1, n)
    arm = np.arange(n) < k
    slow, naive = _seconds(lambda: _naive_randomisation(d, arm), 1)
    fast, ours = _seconds(lambda: change.randomisation(d, arm)["p"], times)
    np.testing.assert_allclose(ours, naive, rtol=1e-12)
    yield from lines(
        f"change, randomisation by all {math.comb(n, k)} assignments of {k} in {n} communities",
        [
            Figure("change.randomisation.naive", slow, "s"),
            Figure("change.randomisation", fast, "s"),
        ],
    )
