"""Gates by indicators, by facts and by signatures: bounds, windows, and who must decide."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from workbench import assess, protocol
from workbench.community import Community

NAN = float("nan")
ACCIDENT = {"channel": "fact", "fact": "major_safety_accident", "statistic": "value"}


def _unit(
    *,
    programme: str = "civilised",
    parameters: dict[str, Any] | None = None,
    facts: list[tuple[str, str, str | None]] = (),  # type: ignore[assignment]
    votes: list[dict[str, Any]] = (),  # type: ignore[assignment]
    fieldwork: tuple[str, str] = ("2026-10-08", "2026-11-05"),
    measures: dict[str, Any] | None = None,
) -> Community:
    settings = {
        "community": "U",
        "wave": "b",
        "baseline": None,
        "issued": "2026-12-20",
        "timezone": "Asia/Shanghai",
        "waves": [{"id": "b", "fieldwork": list(fieldwork), "records": ["2026-05", "2026-10"]}],
        "decisions": {"level": 0.95, "gate": "lower"},
        "measures": measures or {"major_safety_accident": {**ACCIDENT, "window_months": 36}},
    }
    tables: dict[str, pd.DataFrame] = {}
    if facts:
        frame = pd.DataFrame(facts, columns=["fact", "value", "date"])
        tables["facts"] = frame.assign(date=pd.to_datetime(frame["date"]), community="U")
    if votes:
        tables["votes"] = pd.DataFrame(votes)
    told = protocol.load(programme, parameters=parameters)
    return Community(Path(), settings, tables, told)


def _measured(**values: Any) -> pd.DataFrame:
    base = {"unit": "share", "ci_low": NAN, "ci_high": NAN, "std_error": NAN, "status": "ok",
            "channel": "record"}  # fmt: skip
    rows = [
        base | {"finding": f"indicator.{slug}", "indicator": slug}
        | (told if isinstance(told, dict) else {"value": told})
        for slug, told in values.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _verdicts(c: Community, frame: pd.DataFrame) -> dict[str, str]:
    told = assess.eligibility(c, frame)
    return {} if told.empty else dict(zip(told["finding"], told["verdict"], strict=True))


@pytest.mark.parametrize(("rate", "verdict"), [(0.70, "passed"), (0.6999, "failed")])
def test_below_seventy_of_fee_collection_is_removed_and_seventy_is_not(
    rate: float, verdict: str
) -> None:
    told = _verdicts(_unit(), _measured(property_fee_collection_rate=rate))
    assert told["rule.R-18.property_fee_collection_rate"] == verdict


@pytest.mark.parametrize(
    ("day", "years", "verdict"),
    [
        ("2023-12-20", None, "failed"),  # three years to the day
        ("2023-12-19", None, "passed"),
        ("2023-12-19", 5, "failed"),  # the study looks back five years, whatever the measure says
    ],
)
def test_the_gate_looks_back_as_far_as_its_parameter_says(
    day: str, years: int | None, verdict: str
) -> None:
    parameters = {"gate_accident_years": years} if years else None
    c = _unit(facts=[("major_safety_accident", "true", day)], parameters=parameters)
    told = _verdicts(c, _measured(major_safety_accident={"value": 0.0, "unit": "yes_no",
                                                         "channel": "fact"}))  # fmt: skip
    assert told["rule.R-18.major_safety_accident"] == verdict


def test_an_accident_without_a_date_cannot_be_placed() -> None:
    c = _unit(facts=[("major_safety_accident", "true", None)])
    told = _verdicts(c, _measured(major_safety_accident={"value": 1.0, "unit": "yes_no",
                                                         "channel": "fact"}))  # fmt: skip
    assert told["rule.R-18.major_safety_accident"] == "cannot_tell"


@pytest.mark.parametrize(
    ("ended", "verdict"), [("2026-06-20", "passed"), ("2026-06-19", "cannot_tell")]
)
def test_satisfaction_of_the_last_half_year_is_no_older(ended: str, verdict: str) -> None:
    asked = {"value": 0.9, "ci_low": 0.85, "ci_high": 0.94, "std_error": 0.02, "channel": "survey"}
    c = _unit(fieldwork=("2026-06-01", ended))
    told = _verdicts(c, _measured(resident_satisfaction=asked))
    assert told["rule.R-17.resident_satisfaction"] == verdict


def test_the_veto_on_environment_holds_where_its_threshold_was_given() -> None:
    asked = {"value": 60.0, "unit": "score_0_100", "ci_low": 55.0, "ci_high": 65.0,
             "std_error": 2.0, "channel": "survey"}  # fmt: skip
    silent = _unit(programme="rectification")
    assert "rule.R-20.environment_satisfaction" not in _verdicts(
        silent, _measured(environment_satisfaction=asked)
    )
    given = _unit(programme="rectification", parameters={"veto_environment": 56})
    told = _verdicts(given, _measured(environment_satisfaction=asked))
    assert told["rule.R-20.environment_satisfaction"] == "failed"  # the lower limit is 55


@pytest.mark.parametrize(("until", "verdict"), [("2027-12-31", "failed"), ("2026-12-20", "passed")])
def test_poor_rectification_bars_until_its_date(until: str, verdict: str) -> None:
    c = _unit(facts=[("ineligible_until", until, "2026-01-10")])
    assert _verdicts(c, _measured(property_fee_collection_rate=0.9))["rule.R-22"] == verdict


@pytest.mark.parametrize(("day", "verdict"), [("2025-02-01", "failed"), ("2024-12-31", "passed")])
def test_who_failed_to_rectify_loses_the_next_year(day: str, verdict: str) -> None:
    """Failed in 2025: out until the end of 2026 (R-22); issued on 20 December 2026."""
    c = _unit(facts=[("not_rectified", "true", day)])
    assert _verdicts(c, _measured(property_fee_collection_rate=0.9))["rule.R-22"] == verdict


def test_a_disqualifying_fact_is_a_veto_of_its_own() -> None:
    c = _unit(facts=[("fire_lane_blocked", "true", "2026-10-20")])
    told = assess.eligibility(c, _measured(property_fee_collection_rate=0.9)).set_index("finding")
    row = told.loc["rule.R-23.fire_lane_blocked"]
    assert (row["verdict"], row["severity"]) == ("failed", "veto")
    assert "2026-10-20" in row["reason_zh"]
    free = _unit(facts=[("fire_lane_blocked", "false", "2026-10-20")])
    assert _verdicts(free, _measured(property_fee_collection_rate=0.9))[
        "rule.R-23.fire_lane_blocked"] == "passed"  # fmt: skip


def _count(approve: int, base: str = "adults") -> dict[str, Any]:
    return {"vote": "U-signatures", "community": "U", "base": base, "eligible": 1000,
            "cast": approve, "approve": approve, "threshold": NAN, "date": dt.date(2026, 11, 1)}  # fmt: skip


@pytest.mark.parametrize(
    ("votes", "verdict"),
    [
        ([_count(800)], "passed"),
        ([_count(799)], "failed"),
        ([_count(900, "households")], "cannot_tell"),  # another base is another share
        ([], "cannot_tell"),
    ],
)
def test_eighty_of_a_hundred_must_have_signed_where_the_rule_is_used(
    votes: list[dict[str, Any]], verdict: str
) -> None:
    on = {"signature_rule_on": True, "signature_base": "adults"}
    measured = _measured(property_fee_collection_rate=0.9)
    assert _verdicts(_unit(parameters=on, votes=votes), measured)["rule.R-21"] == verdict
    assert "rule.R-21" not in _verdicts(_unit(votes=votes), measured)  # off by default


def test_without_a_base_the_signatures_are_not_judged() -> None:
    on = {"signature_rule_on": True}
    told = assess.eligibility(_unit(parameters=on, votes=[_count(900)]),
                              _measured(property_fee_collection_rate=0.9))  # fmt: skip
    assert told.set_index("finding").loc["rule.R-21", "verdict"] == "cannot_tell"
