"""Every warning of the protocol on what a study brings; colour, title and money that follow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from workbench import protocol, scoring
from workbench.assess import alerts
from workbench.assess.standing import standing
from workbench.community import Community

CIVILISED = protocol.load("civilised")
NAN = float("nan")


def _unit(
    programme: Any = CIVILISED,
    *,
    measures: dict[str, Any] | None = None,
    facts: list[tuple[str, str, str | None]] = (),  # type: ignore[assignment]
    gate: str | None = "lower",
    **tables: pd.DataFrame,
) -> Community:
    settings = {
        "community": "U",
        "wave": "b",
        "issued": "2026-12-20",
        "edition": 1,
        "timezone": "Asia/Shanghai",
        "waves": [{"id": "b", "records": ["2026-06", "2026-11"]}],
        "decisions": {"level": 0.95, "gate": gate},
        "measures": measures or {},
    }
    if facts:
        frame = pd.DataFrame(facts, columns=["fact", "value", "date"])
        tables["facts"] = frame.assign(date=pd.to_datetime(frame["date"]))
    return Community(Path(), settings, dict(tables), programme)


def _series(slug: str, values: dict[str, float]) -> pd.DataFrame:
    return pd.DataFrame(
        {"indicator": slug, "period": list(values), "value": list(values.values()),
         "numerator": NAN, "denominator": NAN, "origin": "ledger"}
    )  # fmt: skip


def _indicators(**columns: Any) -> pd.DataFrame:
    row = {"finding": "indicator.x", "indicator": "x", "value": NAN, "unit": "share",
           "ci_low": NAN, "ci_high": NAN, "target": NAN, "target_zh": "", "label_zh": "x",
           "label_en": "x", "channel": "record", "std_error": NAN, "n": NAN}  # fmt: skip
    return pd.DataFrame([row | columns])


def _fired(c: Community, frame: pd.DataFrame | None = None) -> dict[str, str]:
    told = alerts.warnings(c, _indicators() if frame is None else frame)
    return dict(zip(told["finding"], told["verdict"], strict=True))


WASTE = {"waste_sorting_accuracy": {"channel": "record", "measurement": "w", "statistic": "mean"}}
LOW = {"2026-09": 0.84, "2026-10": 0.83, "2026-11": 0.84}


def test_every_warning_with_printed_cases_gives_what_is_printed() -> None:
    seen = 0
    for programme in ("rectification", "subdistrict", "civilised", "participation"):
        for name, one in protocol.load(programme).warnings.items():
            for case in one.examples:
                seen += 1
                rule = {
                    "id": name, "kind": "run", "indicator": "x", "run": one.condition.consecutive,
                    "operator": "<", "threshold": one.condition.below,
                }  # fmt: skip
                months = [f"2026-{i:02d}" for i in range(1, len(case["values"]) + 1)]
                frame = pd.DataFrame({"indicator": "x", "period": months, "value": case["values"]})
                card = scoring.warnings(frame.astype({"value": float}), [rule]).iloc[0]
                assert (card["verdict"] == "failed") is case["fires"], case
                assert bool(card["flags"]) is ("flag" in case), case
    assert seen >= 3


def test_three_low_months_concern_awarded_units_and_two_concern_candidates() -> None:
    months = _series("w", LOW)
    awarded = _unit(measures=WASTE, facts=[("awarded", "true", "2026-01-10")], measurements=months)
    assert _fired(awarded)["warning.W-04"] == "failed"
    card = alerts.warnings(awarded, pd.DataFrame(columns=["finding", "target"])).iloc[0]
    assert card["display_en"] == "fired (2026-09 – 2026-11): 84.0, 83.0, 84.0"
    assert not card["reason_en"]  # months and values once, rounded
    assert "warning.W-05" not in _fired(awarded)
    candidate = _unit(measures=WASTE, measurements=months)
    target = _indicators(
        finding="indicator.waste_sorting_accuracy", indicator="waste_sorting_accuracy",
        target=0.9, target_zh="≥90%",
    )  # fmt: skip
    told = _fired(candidate, target)
    assert "warning.W-04" not in told
    assert told["warning.W-05.waste_sorting_accuracy"] == "failed"
    better = _series("w", LOW | {"2026-10": 0.93})
    assert _fired(_unit(measures=WASTE, measurements=better), target)["warning.W-05"] == "passed"
    # the window begins in September: two low months are enough before the notice
    early = _series("w", {"2026-09": 0.8, "2026-10": 0.8})
    told = _fired(_unit(measures=WASTE, measurements=early), target)
    assert told["warning.W-05.waste_sorting_accuracy"] == "failed"
    gone = _series("w", {"2026-08": 0.8, "2026-10": 0.8})  # one month of the window
    silent = alerts.warnings(_unit(measures=WASTE, measurements=gone), target)
    assert "W-05" in silent.iloc[-1]["reason_en"]


def test_below_the_standard_without_a_warning_is_noted() -> None:
    target = _indicators(
        finding="indicator.waste_sorting_accuracy", indicator="waste_sorting_accuracy",
        target=0.9, target_zh="≥90%", target_en="≥90%",
    )  # fmt: skip
    awarded = [("awarded", "true", "2026-01-10")]

    def said(share: float) -> str:
        months = _series("w", {f"2026-{m:02d}": 0.93 for m in range(5, 10)} | {"2026-10": share})
        c = _unit(measures=WASTE, facts=awarded, measurements=months)
        row = alerts.warnings(c, target).set_index("finding").loc["warning.W-04"]
        assert row["verdict"] == "passed"
        return str(row["display_en"])

    assert said(0.86).endswith("2026-10 at 86.0, below the standard ≥90%")
    assert "below" not in said(0.90)


def test_requests_past_their_deadline_and_conflicts_after_a_day() -> None:
    at = pd.to_datetime(["2026-07-01", "2026-07-02", "2026-07-03"]).tz_localize("Asia/Shanghai")
    day = pd.Timedelta("1D")
    requests = pd.DataFrame(
        {"request": ["a", "b", "c"], "kind": ["complaint", "complaint", "dispute"], "received": at,
         "assigned": [pd.NaT, pd.NaT, at[2] + 2 * day], "answered": [at[0], pd.NaT, at[2] + 3 * day],
         "closed": [at[0] + day, pd.NaT, at[2] + 3 * day], "due": [at[0] + 2 * day, at[1] + day, pd.NaT],
         "duplicate_of": None}
    ).assign(assigned=lambda f: pd.to_datetime(f["assigned"], utc=True).dt.tz_convert("Asia/Shanghai"))  # fmt: skip
    told = alerts.warnings(_unit(requests=requests), _indicators()).set_index("finding")
    late = told.loc["warning.W-08"]
    assert (late["verdict"], late["numerator"], late["denominator"]) == ("failed", 1, 2)
    assert "(b)" in late["display_en"]
    part = _unit(protocol.load("participation"), requests=requests)
    assert _fired(part)["warning.W-12"] == "failed"


def test_disqualifying_facts_are_disclosed_at_once() -> None:
    held = _unit(facts=[("fire_lane_blocked", "true", "2026-10-20")])
    assert _fired(held)["warning.W-10"] == "failed"
    assert _fired(_unit(facts=[("fire_lane_blocked", "false", None)]))["warning.W-10"] == "passed"


def test_a_value_below_that_at_the_award_is_listed() -> None:
    facts = [("awarded", "true", "2026-06-30")]
    fell = _series("w", {"2026-06": 0.92, "2026-11": 0.78})
    told = _fired(_unit(measures=WASTE, facts=facts, measurements=fell))
    assert told["warning.W-09.waste_sorting_accuracy"] == "failed"
    kept = _series("w", {"2026-06": 0.92, "2026-11": 0.95})
    assert _fired(_unit(measures=WASTE, facts=facts, measurements=kept))["warning.W-09"] == "passed"


@pytest.mark.parametrize(
    ("value", "low", "high", "verdict"),
    [(0.45, 0.41, 0.49, "failed"), (0.48, 0.44, 0.53, "cannot_tell"), (0.6, NAN, NAN, "passed")],
)
def test_a_threshold_across_the_interval_cannot_be_told(
    value: float, low: float, high: float, verdict: str
) -> None:
    frame = _indicators(
        finding="indicator.resident_participation_rate", indicator="resident_participation_rate",
        value=value, ci_low=low, ci_high=high,
    )  # fmt: skip
    assert _fired(_unit(protocol.load("rectification")), frame)["warning.W-02"] == verdict


def test_participation_that_falls_two_years_in_a_row_is_noted() -> None:
    measure = {"channel": "record", "measurement": "p", "statistic": "last"}
    slug = next(s for s in CIVILISED.indicators if "participation" in s)
    series = _series("p", {"2023": 0.68, "2024": 0.5, "2025": 0.32})
    told = _fired(_unit(measures={slug: measure}, measurements=series))
    assert told["warning.W-11"] == "failed"


def test_colour_title_and_subsidy_of_an_awarded_unit() -> None:
    facts = [("awarded", "true", "2025-12-10"), *(
        (event, "true", day) for event, day in (
            ("applied", "2025-07-01"), ("review_passed", "2025-08-01"), ("assessed", "2025-10-01"),
            ("notice", "2025-11-01"), ("named", "2025-12-10"), ("recheck_failed", "2026-12-01"))
    )]  # fmt: skip
    c = _unit(measures=WASTE, facts=facts, measurements=_series("w", LOW))
    frame = _indicators(
        finding="indicator.property_fee_collection_rate", indicator="property_fee_collection_rate",
        value=0.80,
    )  # fmt: skip
    told = standing(c, frame, alerts.warnings(c, frame)).set_index("finding")
    assert told.loc["standing.colour", "severity"] == "yellow"
    state = told.loc["standing.state"]
    assert "黄牌警告" in state["display_zh"]
    assert "2027-03-01" in state["display_zh"]
    assert told.loc["standing.subsidy", "status"] == "not_computed"
    assert "reference_rate" in told.loc["standing.subsidy", "reason_en"]
    own = CIVILISED.model_copy(
        update={"parameters": CIVILISED.parameters | {"reference_rate": CIVILISED.parameters[
            "reference_rate"].model_copy(update={"value": 90.0})}}
    )  # fmt: skip
    cut = _unit(own, measures=WASTE, facts=facts, measurements=_series("w", LOW))
    told = standing(cut, frame, alerts.warnings(cut, frame)).set_index("finding")
    assert told.loc["standing.subsidy", "value"] == 0.8 * 150_000


def test_an_unawarded_unit_has_no_colour_and_impossible_events_are_named() -> None:
    assert standing(_unit(), _indicators(), pd.DataFrame()).empty
    odd = _unit(facts=[("revoked", "true", "2026-01-01")])
    told = standing(odd, _indicators(), pd.DataFrame()).iloc[0]
    assert told["status"] == "not_computed"
    assert "cannot follow" in told["reason_en"]


@pytest.mark.parametrize(
    ("gate", "low", "high", "verdict"),
    [
        ("lower", 0.55, 0.69, "failed"),
        ("point", 0.55, 0.69, "passed"),
        ("lower", 0.61, 0.66, "passed"),
        (None, 0.55, 0.69, "cannot_tell"),
        (None, NAN, NAN, "passed"),
    ],
)
def test_money_for_participation_follows_the_studys_rule(
    gate: str | None, low: float, high: float, verdict: str
) -> None:
    c = _unit(protocol.load("participation"), gate=gate)
    frame = _indicators(
        finding="indicator.participation_rate", indicator="participation_rate", value=0.63,
        ci_low=low, ci_high=high, std_error=0.02, denominator=900.0,
    )  # fmt: skip
    told = standing(c, frame, pd.DataFrame()).set_index("finding")
    assert told.loc["standing.bonus", "verdict"] == verdict


def test_a_month_that_is_missing_makes_the_candidates_run_untold() -> None:
    """84, missing, 84 in September to November: neither two in a row nor a pass (2.7)."""
    target = _indicators(
        finding="indicator.waste_sorting_accuracy", indicator="waste_sorting_accuracy",
        target=0.9, target_zh="≥90%",
    )  # fmt: skip
    gap = _series("w", {"2026-09": 0.84, "2026-10": NAN, "2026-11": 0.84})
    row = alerts.warnings(_unit(measures=WASTE, measurements=gap), target).set_index("finding")
    assert row.loc["warning.W-05.waste_sorting_accuracy", "verdict"] == "cannot_tell"
    assert row.loc["warning.W-05.waste_sorting_accuracy", "flags"] == "missing_period"


def _order(**columns: Any) -> pd.DataFrame:
    at = pd.Timestamp("2026-07-01", tz="Asia/Shanghai")
    row = {"request": "r1", "kind": "dispute", "received": at, "assigned": pd.NaT,
           "answered": pd.NaT, "closed": pd.NaT, "due": pd.NaT, "duplicate_of": None,
           "set_aside": False}  # fmt: skip
    frame = pd.DataFrame([row | columns])
    steps = ("assigned", "answered", "closed", "due")
    return frame.assign(
        **{n: pd.to_datetime(frame[n], utc=True).dt.tz_convert("Asia/Shanghai") for n in steps}
    )


@pytest.mark.parametrize(
    ("step", "hours", "verdict"),
    [
        ("assigned", 24, "passed"),  # within 24 hours is in time
        ("answered", 24.1, "failed"),
        ("closed", 20, "passed"),  # settled at once: nobody was assigned, and somebody stepped in
    ],
)
def test_a_conflict_is_taken_up_by_whoever_came_first(
    step: str, hours: float, verdict: str
) -> None:
    at = pd.Timestamp("2026-07-01", tz="Asia/Shanghai")
    told = _order(**{step: at + pd.Timedelta(hours=hours)})
    later = _order(request="r2", kind="need", received=at + pd.Timedelta("90D"))  # the extract
    c = _unit(protocol.load("participation"), requests=pd.concat([told, later]))
    assert _fired(c)["warning.W-12"] == verdict


def test_an_order_overdue_since_before_the_wave_is_not_forgotten() -> None:
    old, now = (pd.Timestamp(day, tz="Asia/Shanghai") for day in ("2026-01-05", "2026-08-01"))
    day = pd.Timedelta("1D")
    orders = pd.concat(
        [
            _order(request="old", kind="complaint", received=old, due=old + day),
            _order(request="done", kind="complaint", received=old, due=old + day, closed=now),
            _order(request="new", kind="complaint", received=now, due=now + day, closed=now),
        ]
    )
    told = alerts.warnings(_unit(requests=orders), _indicators()).set_index("finding")
    late = told.loc["warning.W-08"]
    assert (late["verdict"], late["numerator"], late["denominator"]) == ("failed", 1, 2)
    assert "(old)" in late["display_en"]


def _rectified(value: float, base: float | None, **settings: Any) -> Any:
    """The warning of the phase for a participation rate that records report."""
    slug = "resident_participation_rate"
    months = {"2026-04": base, "2026-11": value} if base is not None else {"2026-11": value}
    c = _unit(
        protocol.load("rectification"),
        measures={slug: {"channel": "record", "measurement": "p", "statistic": "last"}},
        measurements=_series("p", months),  # type: ignore[arg-type]
    )
    waves = [{"id": "a", "records": ["2026-01", "2026-04"]}, *c.settings["waves"]]
    c.settings.update({"phase": "S", "unit": "community", "waves": waves, "codebook": {}})
    c.settings.update({"baseline": "a" if base is not None else None} | settings)
    frame = _indicators(finding=f"indicator.{slug}", indicator=slug, value=value)
    return alerts.warnings(c, frame).set_index("finding")


def test_thresholds_that_fire_from_day_one_stand_beside_those_of_the_phase() -> None:
    """From 28 % to 60 % in 60 months: 34.4 % by the end of the first year (X-28)."""
    told = _rectified(0.35, 0.28)
    assert told.loc["warning.W-02", "verdict"] == "failed"  # below 50 %, as from day one
    phase = told.loc["warning.W-02.phase"]
    assert phase["target"] == pytest.approx(0.28 + 0.32 * 12 / 60)
    assert phase["verdict"] == "passed"
    assert "20% of the way" in phase["reason_en"]
    assert _rectified(0.34, 0.28).loc["warning.W-02.phase", "verdict"] == "failed"
    # without a baseline of its own, or a phase, nothing is made up
    alone = _rectified(0.34, None).loc["warning.W-02.phase"]
    assert (alone["verdict"], alone["status"]) == ("cannot_tell", "not_computed")
    assert "no baseline" in alone["reason_en"]
    assert (
        "names no phase"
        in _rectified(0.34, 0.28, phase=None).loc["warning.W-02.phase", "reason_en"]
    )


def test_a_yearly_count_has_no_standard_for_one_month() -> None:
    """Twelve activities a year: one in a month is not eleven too few."""
    slug = "community_activities_per_year"
    entry = {
        "channel": "record",
        "measurement": "a",
        "statistic": "sum",
        "window": "last_12_months",
    }
    target = _indicators(
        finding=f"indicator.{slug}", indicator=slug, target=12.0, target_zh="≥12", unit="count"
    )
    months = _series("a", {"2026-09": 1.0, "2026-10": 1.0})
    told = _fired(_unit(measures={slug: entry}, measurements=months), target)
    assert not any(name.startswith("warning.W-05") for name in told)
    facts = [("awarded", "true", "2026-09-30")]
    kept = _series("a", {"2026-09": 2.0, "2026-10": 1.0})
    told = _fired(_unit(measures={slug: entry}, facts=facts, measurements=kept), target)
    assert not any(name.startswith("warning.W-09") for name in told)


@pytest.mark.parametrize(
    ("slug", "value", "unit", "rule", "verdict"),
    [
        ("fund_progress_lag", 0.3 - 0.1, "share", "W-01", "failed"),  # 20 points count
        ("fund_progress_lag", 0.1999, "share", "W-01", "passed"),
        ("resident_participation_rate", 0.5, "share", "W-02", "passed"),  # below 50, not at 50
        ("resident_participation_rate", 0.4999, "share", "W-02", "failed"),
        ("cross_dept_cycle_days", 10.0, "days", "W-03", "passed"),  # above 10, not at 10
        ("cross_dept_cycle_days", 10.1, "days", "W-03", "failed"),
    ],
)
def test_the_bounds_of_the_three_risk_indicators(
    slug: str, value: float, unit: str, rule: str, verdict: str
) -> None:
    frame = _indicators(finding=f"indicator.{slug}", indicator=slug, value=value, unit=unit)
    assert _fired(_unit(protocol.load("rectification")), frame)[f"warning.{rule}"] == verdict
