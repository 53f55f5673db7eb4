"""Do nominal 95 % intervals hold the truth in 95 % of samples? Repeated sampling says.

A population of 30 communities with 33 buildings of 90 to 140 adults each; 10 buildings in every
community, about 10 interviews in each; the old answer more readily than the young. ``make soak`` runs
the 2,000 draws that the methods page prints; the normal ring runs a few.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench import survey
from workbench.survey import intervals

SEED = 20261201
SHARES = (0.05, 0.30, 0.70, 0.95)
AGES = ("18-29", "30-44", "45-59", "60+")
AGE_SHARE = (0.21, 0.31, 0.29, 0.19)
COMMUNITIES, BUILDINGS, CHOSEN, TAKE = 30, 33, 10, 10
TOGETHER = 10  # draws estimated at once


@dataclass(frozen=True)
class Population:
    people: pd.DataFrame
    building: np.ndarray
    age: np.ndarray
    truth: pd.DataFrame
    margins: pd.DataFrame


def population(seed: int = SEED) -> Population:
    """Everybody, with answers whose share in every community is that of the item."""
    rng = np.random.default_rng([seed, 0])
    size = rng.integers(90, 141, COMMUNITIES * BUILDINGS)
    building = np.repeat(np.arange(size.size), size)
    n = building.size
    community = building // BUILDINGS
    age = rng.choice(4, n, p=AGE_SHARE)
    sex = rng.integers(0, 2, n)
    frame = pd.DataFrame(
        {
            "community": community,
            "building": building,
            "age": np.array(AGES)[age],
            "sex": np.array(["F", "M"])[sex],
            "old": np.where(age >= 2, "y", "n"),
            "buildings": BUILDINGS,
            "adults": size[building],
        }
    )
    for share in SHARES:
        lean = rng.normal(0, 0.45, size.size)[building] + 0.45 * (age - 1.2)
        liking = lean + rng.logistic(0, 1, n)
        order = pd.Series(liking).groupby(community).rank(pct=True)
        frame[f"p{share:g}"] = (order > 1 - share).astype(float)
    items = [f"p{share:g}" for share in SHARES]
    truth = frame.groupby("community")[items].mean()
    truth.loc["all"] = frame[items].mean()
    counts = frame.groupby(["community", "age", "sex"]).size().rename("count").reset_index()
    return Population(frame, building, age, truth, counts)


def draw(p: Population, rng: np.random.Generator, readiness: float) -> pd.DataFrame:
    """One sample: buildings at random, then people, the older the readier to answer."""
    people = p.people
    lot = rng.random(COMMUNITIES * BUILDINGS).reshape(COMMUNITIES, BUILDINGS)
    chosen = np.argsort(lot, axis=1)[:, :CHOSEN] + np.arange(COMMUNITIES)[:, None] * BUILDINGS
    take = np.zeros(COMMUNITIES * BUILDINGS, dtype=np.int64)
    take[chosen.ravel()] = rng.integers(TAKE - 3, TAKE + 4, chosen.size)
    rows = np.flatnonzero(take[p.building] > 0)
    building, age = p.building[rows], p.age[rows]
    key = -(readiness * age + rng.gumbel(size=rows.size))
    order = np.lexsort((key, building))
    start = np.searchsorted(building[order], building[order])
    rank = np.arange(rows.size) - start
    kept = rows[order][rank < take[building[order]]]
    out = people.iloc[kept].reset_index(drop=True)
    out["person"] = np.arange(len(out))
    out["w"] = BUILDINGS / CHOSEN * out["adults"] / take[out["building"].to_numpy()]
    return out


def margins(p: Population, *variables: str) -> pd.DataFrame:
    parts = []
    for variable in variables:
        keys = variable.split(":")
        counts = p.margins.groupby(keys)["count"].sum().reset_index()
        category = counts[keys].astype(str).agg(":".join, axis=1)
        parts.append(
            pd.DataFrame({"variable": variable, "category": category, "count": counts["count"]})
        )
    return pd.concat(parts, ignore_index=True)


def within(p: Population) -> pd.DataFrame:
    """Margins of age in two classes for each community."""
    counts = p.margins.assign(old=p.margins["age"].isin(AGES[2:]).map({True: "y", False: "n"}))
    out = counts.groupby(["community", "old"])["count"].sum().reset_index()
    return out.rename(columns={"old": "category"}).assign(variable="old")


def simulate(draws: int, readiness: float, level: str) -> pd.DataFrame:
    """Coverage and mean width by way of estimation and share.

    Draws are laid side by side, ``TOGETHER`` in one frame: communities of one draw are strata of
    their own, weights are raked within each draw, and each draw is a domain. That is the estimate of
    each draw by itself (``test_draws_side_by_side_are_the_draws_one_by_one``), in a fifth of the
    time.
    """
    p = population()
    items = [f"p{share:g}" for share in SHARES]
    sums: dict[tuple[str, str], Any] = {}
    for start in range(0, draws, TOGETHER):
        numbers = range(start, min(start + TOGETHER, draws))
        for way, low, high, true, item in _intervals(p, numbers, readiness, level, items):
            inside = (low <= true) & (true <= high)
            told = np.array([inside.sum(), (high - low).sum(), inside.size], dtype=float)
            sums[way, item] = sums.get((way, item), 0.0) + told
    rows = [
        {"level": level, "way": way, "share": item, "coverage": a / n, "width": b / n, "n": int(n)}
        for (way, item), (a, b, n) in sums.items()
    ]
    return pd.DataFrame(rows)


def _intervals(
    p: Population, numbers: range, readiness: float, level: str, items: list[str]
) -> Iterator[tuple[str, Any, Any, Any, str]]:
    """Ends of all intervals of some draws, with the truth: way, low, high, true, item."""
    samples = [draw(p, np.random.default_rng([SEED, 1, i]), readiness) for i in numbers]
    sample = pd.concat(samples, keys=numbers, names=["draw"]).reset_index("draw")
    sample["person"] = np.arange(len(sample))
    base = {"weights": "w", "strata": ["draw", "community"], "psu": "building"}
    designs = {"no fpc": survey.Design(sample, **base)}
    if level == "all":
        designs["two stages"] = survey.Design(
            sample, **base, ssu="person", fpc=["buildings", "adults"]
        )
    for name, design in designs.items():
        if level == "all":
            raked = survey.rake(design, margins(p, "community", "age:sex"), by="draw")
            by, ways = ["draw"], ("logit",)
        else:
            by, ways = ["draw", "community"], ("logit", "wilson", "beta")
            raked = survey.rake(design, within(p), by=by)
        frame = survey.top2(raked, items, by=by, top=(1,), scale=(0, 1))
        where = frame["community"].to_numpy() if level != "all" else np.full(len(frame), "all")
        for item in items:
            at = (frame["item"] == item).to_numpy()
            true = p.truth[item].loc[where[at]].to_numpy()
            one = frame[at]
            for ci in ways:
                low, high = one["ci_low"].to_numpy(), one["ci_high"].to_numpy()
                if ci != "logit":
                    low, high = _other(ci, one)
                yield f"{name}, {ci}", low, high, true, item


def _other(ci: str, frame: pd.DataFrame) -> tuple[Any, Any]:
    """Another interval from the same estimates and errors (no second estimation)."""
    p, se, n, df = (frame[c].to_numpy(dtype=float) for c in ("value", "std_error", "n", "df"))
    size = intervals.effective_n(p, se, frame["n_effective"].to_numpy(dtype=float))
    return intervals.share(ci, p, se, n, size, df, 0.95)


def test_draws_side_by_side_are_the_draws_one_by_one() -> None:
    p, items = population(), [f"p{share:g}" for share in SHARES]
    for level in ("all", "community"):
        together = list(_intervals(p, range(2), 0.9, level, items))
        first = list(_intervals(p, range(1), 0.9, level, items))
        for (way, low, high, true, item), (way1, low1, high1, true1, item1) in zip(
            together, first, strict=True
        ):
            size = len(low1)
            assert (way, item) == (way1, item1)
            np.testing.assert_allclose(low[:size], low1, rtol=1e-6)
            np.testing.assert_allclose(high[:size], high1, rtol=1e-6)
            np.testing.assert_array_equal(true[:size], true1)


def test_few_draws_already_show_that_raked_intervals_cover() -> None:
    table = simulate(25, 0.3, "community")
    logit = table[table["way"] == "no fpc, logit"]
    assert (logit["n"] == 25 * COMMUNITIES).all()
    assert logit["coverage"].between(0.925, 0.995).all(), logit


@pytest.mark.soak
def test_intervals_cover_in_two_thousand_draws(capsys: pytest.CaptureFixture[str]) -> None:
    table = pd.concat([simulate(2000, 0.9, "all"), simulate(2000, 0.3, "community")])
    with capsys.disabled():
        print("\n" + table.round(4).to_string(index=False))
    used = table[~table["way"].str.contains("beta")]
    assert used["coverage"].between(0.93, 0.985).all()
