"""Sealed sheets merged only when all are in, places not visited, and how far assessors agree."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import pytest

from workbench.assess import inspections
from workbench.community import Community
from workbench.errors import InputError, Problem
from workbench.protocol import Protocol

ind: Any = import_module("workbench.assess.indicators")  # the package exports its function


class _Protocol:
    """A programme with the rule of three sealed sheets, or without."""

    def __init__(self, team: list[str] | None) -> None:
        self.parameters = {} if team is None else {"team": team}

    def parameter(self, name: str) -> Any:
        return self.parameters[name]


def _unit(
    rows: list[dict[str, Any]],
    *,
    team: list[str] | None = ["expert", "analyst", "resident"],  # noqa: B006 - not changed
    **tables: pd.DataFrame,
) -> Community:
    frame = pd.DataFrame(rows)
    for name in ("score", "passed", "max_score"):
        frame[name] = frame.get(name, pd.Series(dtype=float)).astype(float)
    settings = {
        "community": "U",
        "wave": "b",
        "seed": 1,
        "decisions": {"level": 0.95},
        "codebook": {i: {"role": "inspection"} for i in ("f1", "f2")},
    }
    whole = {"inspections": frame} | tables
    return Community(Path(), settings, whole, cast(Protocol, _Protocol(team)))


def _mark(role: str, item: str, place: str, visit: str = "announced", **more: Any) -> Any:
    row = {"community": "U", "wave": "b", "assessor": f"S-{role}", "role": role, "visit": visit}
    return row | {"item": item, "place": place, "score": 8.0, "max_score": 10.0} | more


def _sheet(role: str, scores: tuple[float, float], visit: str = "announced") -> list[Any]:
    return [
        _mark(role, item, "p1", visit, score=score)
        for item, score in zip(("f1", "f2"), scores, strict=True)
    ]


WHOLE = [*_sheet("expert", (8, 9)), *_sheet("analyst", (7, 9)), *_sheet("resident", (8, 8))]


def test_three_whole_sheets_are_merged() -> None:
    c = _unit(WHOLE)
    assert len(inspections.marks(c, ["announced"])) == 6
    assert inspections.unmerged(c, ["announced"]) is None


@pytest.mark.parametrize("rows", [WHOLE[:4], WHOLE[:5]], ids=["no resident", "a gap"])
def test_sheets_that_are_not_all_in_are_shown_to_nobody(rows: list[Any]) -> None:
    visit = [_mark("mystery", "f1", "p1", "mystery", score=5.0)]
    c = _unit(rows + visit)
    assert inspections.marks(c, None)["visit"].tolist() == ["mystery"]
    zh, en = inspections.unmerged(c, ["announced"]) or ("", "")
    assert "居民代表" in zh
    assert "resident" in en
    told = inspections.agreement(c).set_index("finding")
    assert told.loc["agreement.visit.announced", "status"] == "not_computed"
    assert pd.isna(told.loc["agreement.visit.announced"].get("value"))
    assert not any("S-expert" in name for name in told.index)
    row = ind._inspection(c, {"items": ["f1"], "visits": ["announced"], "statistic": "points"})
    assert row["status"] == "not_computed"
    assert "sealed sheets" in row["reason_en"]


def test_a_programme_without_the_rule_merges_what_is_there() -> None:
    assert len(inspections.marks(_unit(WHOLE[:2], team=None), None)) == 2


def test_places_not_visited_widen_the_interval() -> None:
    rows = [
        _mark(role, "f1", place, score=score)
        for role in ("expert", "analyst", "resident")
        for place, score in (("p1", 10.0), ("p2", 6.0))
    ]
    supply = pd.DataFrame(
        {"service": ["f1", "beds"], "capacity": [40.0, 9.0], "unit": ["places", "places"]}
    )
    measure = {"items": ["f1"], "visits": ["announced"], "statistic": "points"}
    narrow = ind._inspection(_unit(rows), measure)
    wide = ind._inspection(_unit(rows, supply=supply), measure)
    assert narrow["value"] == wide["value"] == 80
    assert narrow["std_error"] == pytest.approx(0.0, abs=1e-9)
    # (1 - 2/40) · s²/2 with s² of the shares 1.0 and 0.6
    assert wide["std_error"] == pytest.approx(100 * (0.95 * 0.08 / 2) ** 0.5)


def test_totals_pairs_and_the_flag_of_fifteen_points() -> None:
    rows = [*_sheet("expert", (10, 10)), *_sheet("analyst", (8, 9)), *_sheet("resident", (9, 9))]
    told = inspections.agreement(_unit(rows)).set_index("finding")
    assert told.loc["agreement.total.announced.S-expert", "value"] == 100
    assert told.loc["agreement.visit.announced", "value"] == pytest.approx(275 / 3)
    pairs = told[told["kind"].eq("check")]["verdict"].to_dict()
    assert pairs == {
        "agreement.pair.announced.S-analyst.S-expert": "failed",
        "agreement.pair.announced.S-analyst.S-resident": "passed",
        "agreement.pair.announced.S-expert.S-resident": "passed",
    }
    flagged = told.loc["agreement.pair.announced.S-analyst.S-expert"]
    assert "not a penalty" in flagged["reason_en"]
    assert "agreement.icc_2_1.announced.scored" in told.index


def test_a_monitor_is_called_one_in_both_languages() -> None:
    rows = [*WHOLE, *_sheet("monitor", (8, 9), "spot_check")]
    told = inspections.agreement(_unit(rows)).set_index("finding")
    row = told.loc["agreement.total.spot_check.S-monitor"]
    assert "居民监督员" in row["label_zh"]
    assert "residents' monitor" in row["label_en"]


def test_a_study_without_inspections_shows_nothing() -> None:
    c = Community(Path(), {}, {}, cast(Protocol, SimpleNamespace()))
    assert inspections.agreement(c).empty


def test_those_who_went_to_other_communities_are_not_compared_in_the_higher_unit() -> None:
    sheets = [*_sheet("expert", (8, 9)), *_sheet("analyst", (5, 4)), *_sheet("resident", (8, 7))]
    lower = [row | {"community": "U-1"} for row in sheets]
    assert inspections.agreement(_unit(lower)).empty
    others = [row | {"assessor": f"{row['assessor']}-9"} for row in lower]
    both = inspections.agreement(_unit(sheets + others))
    assert not both["finding"].str.contains("-9").any()
    assert both["finding"].str.startswith("agreement.pair.").sum() == 3


def test_coefficients_that_cannot_be_computed_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise InputError(Problem(code="scoring.marks", zh="评分不足", en="too few marks"))

    monkeypatch.setattr(inspections.scoring, "agreement", refused)
    sheets = [m for role in ("expert", "analyst", "resident") for m in _sheet(role, (8.0, 9.0))]
    told = inspections.agreement(_unit(sheets)).set_index("finding")
    row = told.loc["agreement.coefficients.announced.scored"]
    assert row["status"] == "not_computed"
    assert (row["reason_zh"], row["reason_en"]) == ("评分不足", "too few marks")
