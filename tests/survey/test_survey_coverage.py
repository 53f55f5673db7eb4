"""Do nominal 95 % intervals hold the truth in 95 % of samples? Repeated sampling says.

A population of 30 communities with 33 buildings of 90 to 140 adults each; 10 buildings in every
community, about 10 interviews in each; the old answer more readily than the young. ``make soak`` runs
the 2,000 draws that the methods page prints; the normal ring runs a few.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from workbench import survey

SEED = 20261201
SHARES = (0.05, 0.30, 0.70, 0.95)
AGES = ("18-29", "30-44", "45-59", "60+")
AGE_SHARE = (0.21, 0.31, 0.29, 0.19)
COMMUNITIES, BUILDINGS, CHOSEN, TAKE = 30, 33, 10, 10


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
    """Coverage and mean width by way of estimation and share."""
    p = population()
    items = [f"p{share:g}" for share in SHARES]
    every = margins(p, "community", "age:sex")
    local = within(p)
    hits: dict[tuple[str, str], list[float]] = {}
    for number in range(draws):
        rng = np.random.default_rng([SEED, 1, number])
        sample = draw(p, rng, readiness)
        base = {"weights": "w", "strata": "community", "psu": "building"}
        designs = {"no fpc": survey.Design(sample, **base)}
        if level == "all":
            designs["two stages"] = survey.Design(
                sample, **base, ssu="person", fpc=["buildings", "adults"]
            )
        for name, design in designs.items():
            if level == "all":
                raked = survey.rake(design, every)
                ways = {"logit": _shares(raked, items, None, "logit")}
            else:
                raked = survey.rake(design, local, by="community")
                ways = {
                    ci: _shares(raked, items, "community", ci) for ci in ("logit", "wilson", "beta")
                }
            for ci, frame in ways.items():
                where = frame["community"] if level != "all" else pd.Series("all", frame.index)
                true = np.array(
                    [p.truth.loc[a, i] for a, i in zip(where, frame["item"], strict=True)]
                )
                inside = (frame["ci_low"] <= true) & (true <= frame["ci_high"])
                width = frame["ci_high"] - frame["ci_low"]
                for item in items:
                    at = (frame["item"] == item).to_numpy()
                    entry = hits.setdefault((f"{name}, {ci}", item), [0.0, 0.0, 0.0])
                    entry[0] += float(inside[at].sum())
                    entry[1] += float(width[at].sum())
                    entry[2] += float(at.sum())
    rows = [
        {"level": level, "way": way, "share": item, "coverage": a / n, "width": b / n, "n": int(n)}
        for (way, item), (a, b, n) in hits.items()
    ]
    return pd.DataFrame(rows)


def _shares(design: survey.Design, items: list[str], by: str | None, ci: str) -> pd.DataFrame:
    return survey.top2(design, items, by=by, top=(1,), scale=(0, 1), ci=ci)


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
