"""Estimation from 100,000 rows in 1,800 primary units, beside R, ``svy`` and a naive version."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
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


LINES = ("design", "mean", "domains", "rao_scott", "glm", "rake")


def _r(data: pd.DataFrame, times: int) -> dict[str, tuple[float, np.ndarray]]:
    """Time R's survey package in a process of its own; empty where it is not installed."""
    rscript = shutil.which("Rscript")
    if rscript is None:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sample.csv"
        data.to_csv(file, index=False)
        script = Path(__file__).with_name("survey.R")
        done = subprocess.run(
            [rscript, "--vanilla", str(script), str(file), str(times)],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        return {}
    told = (line.split() for line in done.stdout.splitlines() if line.split()[:1])
    return {n: (float(s), np.array(rest, dtype=float)) for n, s, *rest in told if n in LINES}


def _svy(data: pd.DataFrame, times: int) -> dict[str, tuple[float, Any]]:
    """Time ``svy``; empty where it is not installed."""
    try:
        polars, svy = import_module("polars"), import_module("svy")
    except ImportError:
        return {}
    frame = polars.from_pandas(data.assign(topt=data["top"].map({0.0: "no", 1.0: "yes"})))

    def made() -> Any:
        return svy.Sample(frame, svy.Design(stratum="stratum", psu="psu", wgt="weight"))

    ages = {"age": {k: v * 1e6 for k, v in AGES.items()}}
    sexes = {"sex": {k: v * 1e6 for k, v in SEXES.items()}}
    cat = svy.Cat
    calls: dict[str, Callable[[Any], Any]] = {
        "design": lambda _: made(),
        "mean": lambda s: s.estimation.mean("q1", drop_nulls=True),
        "domains": lambda s: s.estimation.mean("q1", by="area", drop_nulls=True),
        "rao_scott": lambda s: s.categorical.tabulate("age", "topt", drop_nulls=True),
        "glm": lambda s: s.glm.fit("top", x=[cat("age"), cat("sex")], family="binomial"),
        "rake": lambda s: s.weighting.rake(controls=ages | sexes, tol=1e-9),
    }
    out = {}
    for name, call in calls.items():
        spent = []
        for _ in range(times):
            sample = made()
            started = time.perf_counter()
            call(sample)
            spent.append(time.perf_counter() - started)
        out[name] = (median(spent), None)
    return out


def run(*, quick: bool) -> Iterator[str]:
    """Give the lines of this block."""
    rows, times = (10_000, 1) if quick else (ROWS, 5)
    data, margins = _sample(rows, UNITS), _margins()
    data["top"] = (data["q1"] >= 4).astype(float).where(data["q1"].notna())
    coded = data.astype(dict.fromkeys(("age", "sex", "area"), "category"))  # as R's factors are
    weight = data["weight"].to_numpy()
    spelt = margins.rename(columns={"count": "count_"})

    def made() -> survey.Design:
        return survey.Design(coded, weights="weight", strata="stratum", psu="psu")

    def naive_domains() -> list[tuple[float, float]]:
        return [
            _naive_mean(data.assign(q1=data["q1"].where(data["area"].eq(area))), weight)
            for area in sorted(data["area"].unique())
        ]

    design = made()
    ours: dict[str, Callable[[], Any]] = {
        "design": made,
        "mean": lambda: survey.mean(design, "q1"),
        "domains": lambda: survey.mean(design, "q1", by="area"),
        "rao_scott": lambda: survey.rao_scott(design, "age", "top"),
        "glm": lambda: survey.glm(design, "top", ["age", "sex"], family="binomial"),
        "rake": lambda: survey.rake(design, margins, tolerance=1e-9),
    }
    naive: dict[str, Callable[[], Any]] = {
        "mean": lambda: _naive_mean(data, weight),
        "domains": naive_domains,
        "rake": lambda: _naive_rake(data, spelt),
    }
    r, svy = _r(data, times), _svy(data, times)
    if not r:
        yield "# R with its survey package is not installed: not compared"
    for name in LINES:
        figures = []
        spent, answer = _seconds(ours[name], times)
        told = _figures(name, answer)
        if name in r:
            np.testing.assert_allclose(told, r[name][1], rtol=1e-4 if name == "rake" else 1e-5)
            figures.append(Figure(f"survey.{name}.r", r[name][0], "s"))
        if name in svy:
            figures.append(Figure(f"survey.{name}.svy", svy[name][0], "s"))
        if name in naive:
            slow, other = _seconds(naive[name], 1)
            if name != "rake":
                np.testing.assert_allclose(np.ravel(np.array(other).T), told, rtol=1e-9)
            figures.append(Figure(f"survey.{name}.naive", slow, "s"))
        if name == "mean":
            fast, other = _seconds(lambda: _pandas_mean(data, weight), times)
            np.testing.assert_allclose(other, told, rtol=1e-9)
            figures.append(Figure("survey.mean.one_grouping", fast, "s"))
        figures.append(Figure(f"survey.{name}", spent, "s"))
        yield from lines(f"survey, {name}, {rows} rows, {UNITS} primary units", figures)
    yield from _communities(times)


def _figures(name: str, answer: Any) -> np.ndarray:
    """Give the figures of an answer in the order in which R prints its own."""
    if name == "design":
        return np.array([float(answer.df)])
    if name == "rake":
        return np.array([answer.weights.min(), answer.weights.max()])
    if name == "rao_scott":
        return answer[["value", "p_value"]].to_numpy(dtype=float).ravel()
    table = answer.table if name == "glm" else answer
    return np.ravel(table[["value", "std_error"]].to_numpy(dtype=float).T)


def _communities(times: int) -> Iterator[str]:
    """Time 30 communities, 40 items, two waves, with all subgroups: target under 2 s."""
    rng = np.random.default_rng(1)
    n, items = 6_000, [f"q{i}" for i in range(40)]
    data = pd.DataFrame(rng.integers(1, 6, (n, 40)).astype(float), columns=items)
    data["community"], data["psu"] = np.arange(n) % 30, np.arange(n) // 30 % 10
    data["wave"] = rng.integers(1, 3, n)
    for name, levels in (("age", 4), ("sex", 2), ("tenure", 3)):
        data[name] = rng.integers(0, levels, n)
    counts = {"age": [250.0] * 4, "sex": [500.0] * 2}
    told = [(v, c, x) for v, cells in counts.items() for c, x in enumerate(cells)]
    margins = pd.DataFrame(told, columns=["variable", "category", "count"])
    by = ["wave", "community"]

    def everything() -> int:
        design = survey.Design(data, strata="community", psu="psu")
        raked = survey.rake(design, margins, by=by)
        subs: tuple[list[str], ...] = ([], ["age"], ["sex"], ["tenure"])
        return sum(len(survey.top2(raked, items, by=[*by, *sub])) for sub in subs)

    spent, rows = _seconds(everything, min(times, 3))
    assert rows == 40 * 60 * 10
    yield from lines(
        f"survey, 30 communities x 40 items x 2 waves with subgroups, raked: {rows} estimates",
        [Figure("survey.communities", spent, "s")],
    )
