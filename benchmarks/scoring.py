"""Scores, intervals and rank sets of 10,000 communities × 60 indicators; Sobol' of 300 × 60.

Each is held against a loop over communities, draws or runs written out plainly; the loop runs on a
part and its time is scaled to the whole, and on that part both must give the same numbers.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.lines import Figure, lines
from workbench import scoring
from workbench.scoring import _ranksets

INDICATORS = 60
CHANNELS = ("record", "inspection", "survey")
SHARES = {"record": 0.40, "inspection": 0.30, "survey": 0.30}
Z = 1.959963984540054


def _points(communities: int) -> pd.DataFrame:
    """Make attainments with their errors: a third of the indicators from each channel."""
    rng = np.random.default_rng(20261201)
    size = (communities, INDICATORS)
    channel = np.array([CHANNELS[k % 3] for k in range(INDICATORS)])
    share = rng.uniform(0.3, 1.0, size)
    error = np.where(channel == "record", 0.0, rng.uniform(0.01, 0.06, size))
    return pd.DataFrame(
        {
            "community": np.repeat(np.arange(communities), INDICATORS),
            "indicator": np.tile([f"i{k:02d}" for k in range(INDICATORS)], communities),
            "channel": np.tile(channel, communities),
            "dimension": np.tile([f"d{k % 5}" for k in range(INDICATORS)], communities),
            "max_points": np.tile(rng.integers(1, 6, INDICATORS).astype(float), communities),
            "attainment": share.ravel(),
            "attainment_se": error.ravel(),
        }
    )


def _naive_score(own: pd.DataFrame) -> tuple[float, float, float]:
    """Score one community with its interval, indicator by indicator and pair by pair."""
    available = own.groupby("channel")["max_points"].sum().to_dict()
    worth = [
        SHARES[c] * 100 * m / available[c]
        for c, m in zip(own["channel"], own["max_points"], strict=True)
    ]
    value, down, up = 0.0, [], []
    for w, a, e in zip(worth, own["attainment"], own["attainment_se"], strict=True):
        value += w * a
        down.append(w * (a - max(a - Z * e, 0.0)))
        up.append(w * (min(a + Z * e, 1.0) - a))
    channels = list(own["channel"])
    square = [0.0, 0.0]
    for i, first in enumerate(channels):
        for j, second in enumerate(channels):
            together = i == j or (first == second and first != "record")
            if together:
                square[0] += down[i] * down[j]
                square[1] += up[i] * up[j]
    return value, value - math.sqrt(square[0]), value + math.sqrt(square[1])


def _naive_largest(se: np.ndarray, z: np.ndarray) -> float:
    """Find the largest standardised difference among all pairs, unit by unit."""
    error, best = z * se, 0.0
    for i in range(len(se) - 1):
        ratio = np.abs(error[i] - error[i + 1 :]) / np.hypot(se[i], se[i + 1 :])
        best = max(best, float(ratio.max()))
    return best


def _naive_shift(choices: scoring.ScoringChoices, u: np.ndarray, nominal: np.ndarray) -> float:
    """Run one combination of choices: weights, mean, scores, ranks, mean shift."""
    tables = list(choices.tables.values())
    table = tables[min(int(u[0] * len(tables)), len(tables) - 1)]
    mean = choices.means[min(int(u[1] * len(choices.means)), len(choices.means) - 1)]
    weight = {
        p: choices.weights[p] * (1 + choices.spread * (2 * x - 1))
        for p, x in zip(table.columns, u[2:], strict=True)
    }
    total = sum(weight.values())
    scores = []
    for _, row in table.iterrows():
        parts = [(weight[p] / total, float(row[p])) for p in table.columns]
        if mean == "arithmetic":
            scores.append(sum(w * x for w, x in parts))
        else:
            scores.append(math.exp(sum(w * math.log(x) for w, x in parts)))
    rank = pd.Series(scores).rank(ascending=False, method="min").to_numpy()
    return float(np.abs(rank - nominal).mean())


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    answer = call()
    return time.perf_counter() - started, answer


def run(*, quick: bool) -> Iterator[str]:
    """Give the lines of this block."""
    communities, some, draws = (1_000, 20, 200) if quick else (10_000, 200, 1_000)
    points = _points(communities)
    fast, table = _timed(lambda: scoring.composite(points, scheme="A"))
    totals = table[table["part"].eq("total")].set_index("community")
    parts = [own for _, own in points[points["community"] < some].groupby("community")]
    slow, naive = _timed(lambda: [_naive_score(own) for own in parts])
    ours = totals.loc[list(range(some)), ["value", "ci_low", "ci_high"]].to_numpy(dtype=float)
    np.testing.assert_allclose(np.array(naive), ours, rtol=1e-9)
    size = f"{communities} communities × {INDICATORS} indicators"
    yield from lines(
        f"scoring, scores with intervals, {size} (loop: {some}, scaled)",
        [
            Figure("scoring.scores.loop", slow * communities / some, "s"),
            Figure("scoring.scores", fast, "s"),
        ],
    )

    frame = totals.reset_index()[["community", "value", "std_error"]]
    ranked, sets = _timed(
        lambda: scoring.ranks(frame, rng=np.random.default_rng(1), draws=draws, decimals=1)
    )
    assert bool((sets["set_low"] <= sets["rank"]).all())
    x, se = frame["value"].to_numpy(dtype=float), frame["std_error"].to_numpy(dtype=float)
    few = 3
    noise = _ranksets._Noise(se, np.random.default_rng(2), few)
    ours = noise._pruned(x, None, np.random.default_rng(noise.seed))
    again = np.random.default_rng(noise.seed)
    drawn = [again.standard_normal(len(se)) for _ in range(few)]
    slow, naive = _timed(lambda: [_naive_largest(se, z) for z in drawn])
    np.testing.assert_allclose(naive, ours, rtol=1e-9)
    yield from lines(
        f"scoring, ranks, intervals, sets and tiers, {communities} communities, {draws} draws "
        f"(loop: {few} draws of one step, scaled)",
        [
            Figure("scoring.ranks.loop", slow * draws / few, "s"),
            Figure("scoring.ranks", ranked, "s"),
        ],
    )

    units, base = (50, 16) if quick else (300, 1_024)
    rng = np.random.default_rng(3)
    names = [f"i{k:02d}" for k in range(INDICATORS)]
    level = pd.DataFrame(rng.uniform(5, 100, (units, INDICATORS)), columns=names)
    places = 1 + 99 * (level.rank() - 1) / (units - 1)
    choices = scoring.ScoringChoices(
        tables={"level": level, "places": places},
        weights=dict.fromkeys(names, 1.0),
        means=("arithmetic", "geometric"),
    )
    fast, told = _timed(
        lambda: scoring.choice_sensitivity(choices, rng=np.random.default_rng(4), base=base)
    )
    runs = int(told["n"].iloc[0])
    few = 5 if quick else 30
    u = np.random.default_rng(5).random((few, len(choices.inputs)))
    nominal = choices.ranks(np.r_[[0.0, 0.0], np.full(INDICATORS, 0.5)][None, :])[0]
    slow, naive = _timed(lambda: [_naive_shift(choices, row, nominal) for row in u])
    np.testing.assert_allclose(
        naive, np.abs(choices.ranks(u) - nominal).mean(axis=1), rtol=1e-9, atol=1e-12
    )
    yield from lines(
        f"scoring, Sobol' indices, {units} communities × {INDICATORS} indicators, {runs} runs "
        f"(loop: {few} runs, scaled)",
        [
            Figure("scoring.sobol.loop", slow * runs / few, "s"),
            Figure("scoring.sobol", fast, "s"),
        ],
    )
