"""Estimation from a large sample: 100,000 rows in 1,800 primary units, against a naive version."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.lines import Figure, lines
from workbench import survey

ROWS, UNITS, STRATA = 100_000, 1_800, 60
AGES = {"18-34": 0.30, "35-59": 0.45, "60+": 0.25}
SEXES = {"female": 0.51, "male": 0.49}


def _sample(rows: int, units: int) -> pd.DataFrame:
    rng = np.random.default_rng(20261201)
    psu = rng.integers(0, units, rows)
    level = rng.normal(3.6, 0.4, units)
    answer = np.clip(np.rint(level[psu] + rng.normal(0, 1, rows)), 1, 5)
    answer[rng.random(rows) < 0.04] = np.nan
    return pd.DataFrame(
        {
            "psu": psu,
            "stratum": psu % STRATA,
            "weight": rng.uniform(0.5, 3.0, rows),
            "age": rng.choice(list(AGES), rows, p=[0.2, 0.4, 0.4]),
            "sex": rng.choice(list(SEXES), rows),
            "area": rng.choice(["n", "e", "s", "w"], rows),
            "q1": answer,
        }
    )


def _margins() -> pd.DataFrame:
    told = {"age": AGES, "sex": SEXES}
    rows = [(v, c, share * 1e6) for v, cells in told.items() for c, share in cells.items()]
    return pd.DataFrame(rows, columns=["variable", "category", "count"])


def _naive_mean(data: pd.DataFrame, weight: np.ndarray) -> tuple[float, float]:
    """Write out the mean and its linearised variance, stratum by stratum and unit by unit."""
    known = data["q1"].notna()
    w, y = weight[known], data.loc[known, "q1"].to_numpy()
    estimate = float((w * y).sum() / w.sum())
    score = pd.Series(0.0, index=data.index)
    score[known] = w * (y - estimate) / w.sum()
    total = 0.0
    for _, stratum in data.assign(score=score).groupby("stratum"):
        sums = np.array([unit["score"].sum() for _, unit in stratum.groupby("psu")])
        total += sums.size / (sums.size - 1) * ((sums - sums.mean()) ** 2).sum()
    return estimate, float(np.sqrt(total))


def _pandas_mean(data: pd.DataFrame, weight: np.ndarray) -> tuple[float, float]:
    """Compute the same with one grouping, as who knows pandas would write it for one mean."""
    known = data["q1"].notna().to_numpy()
    y = data["q1"].to_numpy()
    estimate = float(np.sum(weight[known] * y[known]) / weight[known].sum())
    score = np.where(known, weight * (np.where(known, y, 0) - estimate), 0) / weight[known].sum()
    sums = pd.Series(score).groupby([data["stratum"], data["psu"]]).sum()
    deviation = sums - sums.groupby(level=0).transform("mean")
    size = sums.groupby(level=0).size()
    within = (deviation**2).groupby(level=0).sum()
    return estimate, float(np.sqrt((within * size / (size - 1)).sum()))


def _naive_rake(data: pd.DataFrame, margins: pd.DataFrame) -> np.ndarray:
    weight = data["weight"].to_numpy(copy=True)
    for _ in range(50):
        worst = 0.0
        for row in margins.itertuples():
            cell = (data[row.variable] == row.category).to_numpy()
            factor = row.count_ / weight[cell].sum()
            weight[cell] *= factor
            worst = max(worst, abs(factor - 1))
        if worst < 1e-9:
            break
    return weight


def _seconds(call: Callable[[], Any], times: int) -> tuple[float, Any]:
    spent, answer = [], None
    for _ in range(times):
        started = time.perf_counter()
        answer = call()
        spent.append(time.perf_counter() - started)
    return median(spent), answer


def run(*, quick: bool) -> Iterator[str]:
    """Give the lines of this block."""
    rows, times = (10_000, 1) if quick else (ROWS, 5)
    data, margins = _sample(rows, UNITS), _margins()
    spelt = margins.rename(columns={"count": "count_"})
    size = f"{rows} rows, {UNITS} primary units"

    made, design = _seconds(
        lambda: survey.Design(data, weights="weight", strata="stratum", psu="psu"), times
    )
    weight = data["weight"].to_numpy()
    slow, naive = _seconds(lambda: _naive_mean(data, weight), times)
    fast, ours = _seconds(lambda: survey.mean(design, "q1"), times)
    grouped, same = _seconds(lambda: _pandas_mean(data, weight), times)
    for other in (naive, same):
        told = ours.loc[0, ["value", "std_error"]].astype(float)
        np.testing.assert_allclose(other, told, rtol=1e-9)
    yield from lines(
        f"survey, mean with standard error, {size}",
        [
            Figure("survey.mean.naive", slow, "s"),
            Figure("survey.mean.one_grouping", grouped, "s"),
            Figure("survey.mean", fast, "s"),
            Figure("survey.design", made, "s"),
        ],
    )

    def naive_domains() -> list[tuple[float, float]]:
        return [
            _naive_mean(data.assign(q1=data["q1"].where(data["area"].eq(area))), weight)
            for area in sorted(data["area"].unique())
        ]

    slow, naive = _seconds(naive_domains, times)
    fast, ours = _seconds(lambda: survey.mean(design, "q1", by="area"), times)
    np.testing.assert_allclose(naive, ours[["value", "std_error"]].astype(float), rtol=1e-9)
    yield from lines(
        f"survey, means of four domains, {size}",
        [Figure("survey.domains.naive", slow, "s"), Figure("survey.domains", fast, "s")],
    )

    slow, naive = _seconds(lambda: _naive_rake(data, spelt), times)
    fast, ours = _seconds(lambda: survey.rake(design, margins), times)
    np.testing.assert_allclose(naive, ours.weights, rtol=1e-4)
    yield from lines(
        f"survey, raking to two margins, {size}",
        [Figure("survey.rake.naive", slow, "s"), Figure("survey.rake", fast, "s")],
    )
