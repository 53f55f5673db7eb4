"""What the baseline published beside today's method, and the change of the score split."""

from __future__ import annotations

import dataclasses
from typing import Any

import pandas as pd
import pytest

import workbench as wb
from workbench import assess
from workbench.assess.bridge import as_of_baseline
from workbench.community import Community

PARTS = [f"change.bridge.{p}" for p in ("survey", "inspection", "record", "weights", "method")]


@pytest.fixture(scope="module")
def unit() -> Community:
    return wb.open("demo", "JX-01")


@pytest.fixture(scope="module")
def waves(unit: Community) -> dict[str, pd.DataFrame]:
    """Scores of this wave and of the baseline by today's method."""
    earlier = as_of_baseline(unit)
    out = {}
    for name, c in (("now", unit), ("again", earlier)):
        sample = assess.design(c)
        out[name] = assess.score(c, assess.indicators(c, sample))
    sample = assess.design(earlier)
    out["shares"] = assess.satisfaction(earlier, sample)
    return out


def published(waves: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Make the table as it would be read from the baseline's own bag."""
    whole = pd.concat([waves["again"], waves["shares"]])
    keep = whole["finding"].str.fullmatch(r"score\.(total|points\..*)|survey\..*\.top2\.current")
    out = whole[keep].assign(source="JX-01")
    bag = {"finding": "bag", "source": "JX-01", "verdict": "valid", "display_zh": "证据包：有效",
           "display_en": "bag: valid", "reason_zh": None, "reason_en": None}  # fmt: skip
    return pd.concat([pd.DataFrame([bag]), out], ignore_index=True)


def bridge(unit: Community, table: pd.DataFrame, now: pd.DataFrame, **own: Any) -> pd.DataFrame:
    tables = {**unit.tables, "published": table}
    if own:
        tables["communities"] = unit.tables["communities"].assign(**own)
    return assess.bridge(dataclasses.replace(unit, tables=tables), now).set_index("finding")


def test_the_parts_add_up_and_the_same_method_moves_nothing(
    unit: Community, waves: dict[str, pd.DataFrame]
) -> None:
    told = bridge(unit, published(waves), waves["now"])
    totals = [w.loc[w["finding"].eq("score.total"), "value"].iloc[0] for w in
              (waves["again"], waves["now"])]  # fmt: skip
    assert told.loc["change.bridge.total", "value"] == pytest.approx(totals[1] - totals[0])
    assert told.loc[PARTS, "value"].sum() == pytest.approx(totals[1] - totals[0])
    assert told.loc["change.bridge.method", "value"] == pytest.approx(0, abs=1e-6)
    assert told.loc["change.published.bag.JX-01", "verdict"] == "passed"
    assert told.loc["change.recomputed.score", "reason_en"] == "as published"
    assert not [name for name in told.index if name.startswith("change.recomputed.q")]


def test_another_method_is_told_apart_from_a_change(
    unit: Community, waves: dict[str, pd.DataFrame]
) -> None:
    """The survey indicator had been scored half a point lower: that is method, not progress."""
    table = published(waves)
    first = bridge(unit, table, waves["now"])
    at = table["finding"].eq("score.points.resident_satisfaction")
    table.loc[at, "points"] = table.loc[at, "points"].astype(float) - 0.5
    total = table["finding"].eq("score.total")
    table.loc[total, "value"] = table.loc[total, "value"].astype(float) - 0.5
    share = table["finding"].eq("survey.q1.top2.current")
    table.loc[share, "value"] = table.loc[share, "value"].astype(float) - 0.03
    told = bridge(unit, table, waves["now"])
    assert told.loc["change.bridge.method", "value"] == pytest.approx(0.5)
    for name in ("survey", "inspection", "record", "weights"):
        key = f"change.bridge.{name}"
        assert told.loc[key, "value"] == pytest.approx(first.loc[key, "value"], abs=1e-9)
    assert told.loc[PARTS, "value"].sum() == pytest.approx(told.loc["change.bridge.total", "value"])
    gap = told.loc["change.recomputed.q1", "value"] - told.loc["change.published.q1", "value"]
    assert gap == pytest.approx(0.03)
    assert "today's method" in told.loc["change.published.q1", "reason_en"]


def test_other_weights_are_told_apart(unit: Community, waves: dict[str, pd.DataFrame]) -> None:
    table = published(waves)
    points = table["finding"].str.startswith("score.points.")
    survey = points & table["channel"].eq("survey")
    for name in ("points", "max_points"):
        table.loc[survey, name] = table.loc[survey, name].astype(float) * 0.5
    total = table["finding"].eq("score.total")
    table.loc[total, "value"] = table.loc[points, "points"].astype(float).sum()
    told = bridge(unit, table, waves["now"])
    assert told.loc["change.bridge.method", "value"] == pytest.approx(0, abs=1e-6)
    naive = float(table.loc[survey, "points"].astype(float).sum())  # doubled by today's weights
    assert told.loc["change.bridge.weights", "value"] == pytest.approx(naive)


@pytest.mark.parametrize(("verdict", "shown"), [("changed", "failed"), ("withdrawn", "failed"),
                                                ("missing", "cannot_tell")])  # fmt: skip
def test_a_report_that_is_not_valid_is_not_quoted(
    unit: Community, waves: dict[str, pd.DataFrame], verdict: str, shown: str
) -> None:
    table = published(waves).head(1).assign(verdict=verdict, reason_en="why", reason_zh="因")
    told = bridge(unit, table, waves["now"])
    assert told["verdict"].tolist() == [shown]
    assert told["reason_zh"].iloc[0]


def test_a_merged_unit_prints_both_figures_and_no_bridge(
    unit: Community, waves: dict[str, pd.DataFrame]
) -> None:
    one = published(waves)
    told = bridge(unit, pd.concat([one, one.assign(source="JX-09")]), waves["now"])
    assert "change.published.score.JX-09" in told.index
    assert not [name for name in told.index if name.startswith("change.bridge")]


def test_predecessors_cap_the_grade(unit: Community) -> None:
    frame = unit.tables["communities"].assign(predecessors="A;B")
    c = dataclasses.replace(unit, tables={**unit.tables, "communities": frame})
    told = assess.changes(c, assess.design(c))
    grades = told.loc[told["kind"].eq("comparison"), "evidence_grade"]
    assert set(grades) == {"E1"}
    reasons = told.loc[told["finding"].str.startswith("change.grounds"), "display_en"]
    assert reasons.str.contains("merged or split|describes").all()
