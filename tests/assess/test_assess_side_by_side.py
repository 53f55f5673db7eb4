"""A locality's overlay on the same unit, side by side with the programme as it stands."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from workbench import assess, community
from workbench.protocol import differences, load

OVERLAY = """\
version: XX市-2026
indicators:
  resident_satisfaction: {max_points: 40, points_origin: commissioned}
  mediation_success_rate: {max_points: 10, points_origin: commissioned}
  waste_sorting_accuracy:
    max_points: 20
    points_origin: commissioned
    targets: [{op: ">=", value: 97, floor: 60, year: 2026, locality: XX市, source: contract}]
  service_response_hours: {max_points: 10, points_origin: commissioned}
  lighting_intact_rate:
    name: {zh: 公共照明完好率, en: Lighting in working order}
    table: C3
    kind: feature
    dimension: security
    unit: percent
    direction: up
    evidence: [inspection]
    level: compound
    combine: population_mean
    max_points: 10
    points_origin: commissioned
    targets: [{op: ">=", value: 100, floor: 50, source: contract}]
    source: contract
  activity_room_score:
    name: {zh: 活动室开放评分, en: Activity room open}
    table: C3
    kind: feature
    dimension: culture
    unit: score_100
    direction: up
    evidence: [inspection]
    level: compound
    combine: own
    max_points: 10
    points_origin: commissioned
    targets: [{op: ">=", value: 90, floor: 30, source: contract}]
    source: contract
points_total: 100
"""
SHARED = ["resident_satisfaction", "mediation_success_rate", "waste_sorting_accuracy",
          "service_response_hours"]  # fmt: skip
ADDED = {
    "lighting_intact_rate": {"channel": "inspection", "items": ["f01"], "statistic": "share_passed",
                             "visits": ["announced"]},
    "activity_room_score": {"channel": "inspection", "items": ["c03"], "statistic": "points",
                            "visits": ["announced"]},
}  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The same compound by the national programme and by the locality's."""
    overlay = tmp_path_factory.mktemp("overlay") / "protocol.yaml"
    overlay.write_text(OVERLAY, encoding="utf-8")
    opened = community.open("demo", "JX-03")
    measures = {slug: opened.measures[slug] for slug in SHARED}
    national = dataclasses.replace(
        opened,
        protocol=load("civilised"),
        settings={**opened.settings, "scope": SHARED, "measures": measures, "locality": None},
    )
    local = dataclasses.replace(
        opened,
        protocol=load("civilised", Path(overlay)),
        settings={
            **opened.settings,
            "scope": [*SHARED, *ADDED],
            "measures": {**measures, **ADDED},
            "locality": "XX市",
        },
    )
    sample = assess.design(opened)
    told: dict[str, Any] = {"national": national, "local": local}
    for name in ("national", "local"):
        figures = assess.indicators(told[name], sample)
        own = figures[figures["finding"].str.startswith("indicator.")]
        told[f"{name}.figures"] = own.set_index("indicator")
        told[f"{name}.score"] = assess.score(told[name], figures)
        told[f"{name}.ruleset"] = assess.ruleset(told[name], figures, told[f"{name}.score"])
    return told


def total(frame: pd.DataFrame) -> float:
    return float(frame.loc[frame["part"].eq("total"), "value"].iloc[0])


def test_the_overlay_is_told_entry_by_entry(runs) -> None:
    rows = differences(runs["national"].protocol, runs["local"].protocol)
    told = {(row["entry"], row["key"]) for row in rows if row["section"] == "indicators"}
    assert ("lighting_intact_rate", "*") in told
    assert {key for entry, key in told if entry == "waste_sorting_accuracy"} >= {
        "targets",
        "max_points",
    }
    changes = runs["local.ruleset"].set_index("finding").loc["ruleset.changes"]
    assert "公共照明完好率" in changes["display_zh"]
    plain = runs["national.ruleset"].set_index("finding").loc["ruleset.changes"]
    assert plain["display_en"] == "none: the programme as it stands"


def test_the_same_evidence_gives_the_same_values_under_both(runs) -> None:
    for slug in SHARED:
        assert (
            runs["local.figures"].loc[slug, "value"] == runs["national.figures"].loc[slug, "value"]
        )


def test_the_years_target_of_the_locality_counts_there_and_nowhere_else(runs) -> None:
    assert runs["national.figures"].loc["waste_sorting_accuracy", "target"] == pytest.approx(0.90)
    assert runs["local.figures"].loc["waste_sorting_accuracy", "target"] == pytest.approx(0.97)
    assert runs["national.figures"].loc["waste_sorting_accuracy", "verdict"] == "met"
    assert runs["local.figures"].loc["waste_sorting_accuracy", "verdict"] == "not_met"


def test_weights_and_added_indicators_move_the_score_and_points_still_add_up(runs) -> None:
    for name, slugs in (("national", SHARED), ("local", [*SHARED, *ADDED])):
        frame = runs[f"{name}.score"]
        per = frame[frame["part"].eq("indicator")]
        assert set(slugs) <= set(per["indicator"])
        assert per["points"].sum() == pytest.approx(total(frame))
        assert per["max_points"].sum() == pytest.approx(100)
    assert total(runs["local.score"]) != pytest.approx(total(runs["national.score"]), abs=0.5)


def test_the_feature_share_of_the_overlay_is_held_against_its_limit(runs) -> None:
    rows = runs["local.ruleset"]
    share = rows[rows["rule"].eq("R-04")].iloc[0]
    assert share["value"] == pytest.approx(0.2)
    assert share["verdict"] == "passed"
