"""Early warnings and the colours they lead to."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from workbench import scoring
from workbench.errors import InputError

W04 = {"id": "W-04", "kind": "run", "indicator": "sorting", "operator": "<", "threshold": 85,
       "run": 3, "severity": "yellow"}  # fmt: skip


def monthly(*values: float | None, start: int = 1) -> pd.DataFrame:
    return pd.DataFrame(
        {"indicator": "sorting", "value": values,
         "period": [f"2026-{start + i:02d}" for i in range(len(values))]}
    )  # fmt: skip


def single(series: pd.DataFrame, rule: dict[str, object], **more: object) -> pd.Series:
    out = scoring.warnings(series, [rule], **more)
    assert len(out) == 1
    return out.iloc[0]


def test_three_months_below_give_a_yellow_card_in_the_third():
    row = single(monthly(84, 83, 84), W04)
    assert (row["verdict"], row["severity"], row["period"]) == ("failed", "yellow", "2026-03")
    assert row["values"] == "84, 83, 84"


def test_a_good_month_in_between_gives_none():
    row = single(monthly(84, 86, 84), W04)
    assert (row["verdict"], row["n"], row["flags"]) == ("passed", 0, "")


def test_a_missing_month_breaks_the_run_and_raises_a_flag():
    for series in (monthly(84, None, 84, 84), monthly(84, 0, 84, 84).drop(index=1)):
        row = single(series, W04)
        assert row["n"] == 0
        assert row["flags"] == "missing_period"
        assert row["verdict"] == "cannot_tell"
        assert "2026-02" in row["reason_zh"]


def test_missing_months_that_could_not_matter_leave_the_rule_passed():
    row = single(monthly(90, None, 90, 84), W04)
    assert (row["verdict"], row["flags"]) == ("passed", "missing_period")


def test_the_stored_value_counts_not_the_rounded_one():
    assert single(monthly(84.96, 84.99, 84.999), W04)["verdict"] == "failed"
    assert single(monthly(84.96, 84.99, 85.0), W04)["verdict"] == "passed"


def test_one_run_gives_one_card_and_a_second_run_a_second():
    out = scoring.warnings(monthly(80, 80, 80, 80, 80, 90, 80, 80, 80), [W04])
    assert out["finding"].tolist() == ["warning.W-04", "warning.W-04.2"]
    assert out["period"].tolist() == ["2026-03", "2026-09"]


def test_a_run_goes_over_the_turn_of_the_year():
    series = pd.DataFrame({"indicator": "sorting", "value": [80, 80, 80],
                           "period": ["2025-11", "2025-12", "2026-01"]})  # fmt: skip
    assert single(series, W04)["period"] == "2026-01"


def test_months_missing_at_the_end_are_seen_when_the_last_is_named():
    assert single(monthly(80, 80), W04)["verdict"] == "passed"
    row = single(monthly(80, 80), W04, through="2026-03")
    assert (row["verdict"], row["flags"]) == ("cannot_tell", "missing_period")


def test_the_log_shows_every_evaluation():
    log = scoring.warning_log(monthly(84, 83, 84, 84, 90), [W04])
    assert log["outcome"].tolist() == ["watch", "watch", "warning", "continued", "ok"]
    assert log["run_length"].tolist() == [1, 2, 3, 4, 0]


@pytest.mark.parametrize(
    ("rule", "series", "verdict"),
    [
        # W-01: twenty points behind plan, the bound included
        ({"id": "W-01", "kind": "plan_gap", "indicator": "funds", "threshold": 0.20,
          "cadence": "quarter"},
         {"period": "2026-Q2", "value": 0.3, "plan": 0.5}, "failed"),
        ({"id": "W-01", "kind": "plan_gap", "indicator": "funds", "threshold": 0.20,
          "cadence": "quarter"},
         {"period": "2026-Q2", "value": 0.31, "plan": 0.5}, "passed"),
        # W-02, W-03
        ({"id": "W-02", "kind": "run", "indicator": "part", "operator": "<", "threshold": 0.5},
         {"period": "2026-02", "value": 0.49}, "failed"),
        ({"id": "W-03", "kind": "run", "indicator": "days", "operator": ">", "threshold": 10},
         {"period": "2026-02", "value": 10}, "passed"),
        # W-09: below the value at the award
        ({"id": "W-09", "kind": "below_reference", "indicator": "sat", "cadence": "year"},
         {"period": "2026", "value": 0.45, "reference": 0.82}, "failed"),
        ({"id": "W-09", "kind": "below_reference", "indicator": "hours", "cadence": "year",
          "direction": -1},
         {"period": "2026", "value": 20, "reference": 24}, "passed"),
        # W-10
        ({"id": "W-10", "kind": "event", "indicator": "blocked_fire_lane"},
         {"period": "2026-03-04", "value": 1}, "failed"),
    ],
)  # fmt: skip
def test_single_period_rules(rule, series, verdict):
    frame = pd.DataFrame([{"indicator": rule["indicator"], **series}])
    assert single(frame, rule)["verdict"] == verdict


def test_two_months_below_standard_count_in_october_and_november_only():
    rule = {"id": "W-05", "kind": "run", "indicator": "*", "operator": "<",
            "threshold": "standard", "run": 2, "months": [10, 11]}  # fmt: skip
    low = monthly(1, 1, 1, start=8).assign(standard=2.0)
    assert single(low, rule)["verdict"] == "passed"
    late = monthly(1, 1, 3, start=10).assign(standard=2.0)
    row = single(late, rule)
    assert (row["verdict"], row["period"]) == ("failed", "2026-11")
    assert row["finding"] == "warning.W-05.sorting"


def test_jump_needs_its_threshold_from_the_study():
    rule = {"id": "W-07", "kind": "jump", "indicator": "sorting", "window": 3}
    row = single(monthly(10, 11, 10, 20), rule)
    assert (row["verdict"], row["status"]) == ("cannot_tell", "not_computed")
    assert "threshold" in row["reason_en"]
    assert single(monthly(10, 11, 10, 20), rule | {"threshold": 0.5})["verdict"] == "failed"
    assert single(monthly(10, 11, 10, 14), rule | {"threshold": 0.5})["verdict"] == "passed"


def test_overdue_orders_are_counted_on_the_day_of_the_evaluation():
    rule = {"id": "W-08", "kind": "overdue", "indicator": "order"}
    orders = pd.DataFrame({
        "indicator": "order", "value": 1, "period": ["2026-03-01", "2026-03-02", "2026-03-03"],
        "due": ["2026-03-05", "2026-03-05", "2026-03-20"], "done": ["2026-03-04", None, None],
    })  # fmt: skip
    row = single(orders, rule, as_of=dt.datetime(2026, 3, 10))
    assert (row["verdict"], row["n"]) == ("failed", 1)
    with pytest.raises(InputError):
        scoring.warnings(orders, [rule])


def test_conflict_answered_within_24_hours():
    rule = {"id": "W-12", "kind": "overdue", "indicator": "conflict", "limit_hours": 24}
    events = pd.DataFrame({
        "indicator": "conflict", "value": 1, "period": ["2026-03-01T08:00", "2026-03-02T08:00"],
        "done": ["2026-03-02T08:00", "2026-03-03T08:01"],
    })  # fmt: skip
    row = single(events, rule, as_of=dt.datetime(2026, 4, 1))
    assert (row["n"], row["period"]) == (1, "2026-03-02T08:00")


def test_times_with_and_without_an_offset_meet_in_the_zone_of_the_evaluation():
    rule = {"id": "W-08", "kind": "overdue", "indicator": "order"}
    orders = pd.DataFrame({
        "indicator": "order", "value": 1, "period": ["2026-03-01", "2026-03-02"],
        "due": ["2026-03-05T12:00", "2026-03-05T12:00+08:00"],
        "done": ["2026-03-05T04:01Z", "2026-03-05T11:59"],
    })  # fmt: skip
    zone = dt.timezone(dt.timedelta(hours=8))
    row = single(orders, rule, as_of=dt.datetime(2026, 3, 10, tzinfo=zone))
    assert (row["n"], row["period"]) == (1, "2026-03-01")
    with pytest.raises(InputError):
        scoring.warnings(orders, [rule], as_of=dt.datetime(2026, 3, 10))


def test_participation_falling_two_waves_in_a_row():
    rule = {"id": "W-11", "kind": "falls", "indicator": "sorting", "run": 2, "cadence": "sequence"}
    row = single(monthly(68, 50, 32), rule)
    assert (row["verdict"], row["values"]) == ("failed", "68, 50, 32")
    assert single(monthly(68, 50, 55), rule)["verdict"] == "passed"


def test_no_series_for_a_rule_is_told():
    row = single(monthly(80).assign(indicator="other"), W04)
    assert (row["verdict"], row["status"]) == ("cannot_tell", "not_computed")


def test_communities_do_not_see_each_other():
    a, b = monthly(84, 83, 84).assign(community="A"), monthly(90, 83, 84).assign(community="B")
    both = scoring.warnings(pd.concat([b, a]), [W04]).set_index("community")
    assert both["verdict"].to_dict() == {"A": "failed", "B": "passed"}


@pytest.mark.parametrize(
    "change",
    [{"kind": "mood"}, {"operator": "!="}, {"run": 0}, {"speed": 3}, {"cadence": "moon"}],
)
def test_wrong_rules_are_refused(change):
    with pytest.raises(InputError):
        scoring.warnings(monthly(1), [W04 | change])


def test_wrong_period_and_period_twice_are_refused():
    with pytest.raises(InputError):
        scoring.warnings(monthly(1).assign(period="March 2026"), [W04])
    with pytest.raises(InputError):
        scoring.warnings(pd.concat([monthly(1), monthly(2)]), [W04])


def test_colours_go_from_yellow_to_red_after_three_months_and_back():
    events = pd.DataFrame({
        "community": "A", "date": ["2026-01-10", "2026-06-01"], "event": ["trigger", "cured"],
        "rule": "W-04",
    })  # fmt: skip
    out = scoring.traffic_light(events, as_of=dt.date(2026, 7, 1))
    assert out["colour"].tolist() == ["yellow", "red", "green"]
    assert out["date"].tolist() == ["2026-01-10", "2026-04-10", "2026-06-01"]
    soon = scoring.traffic_light(events, as_of=dt.date(2026, 3, 1))
    assert soon["colour"].tolist() == ["yellow"]
    assert soon["current"].tolist() == [True]


def test_a_disqualifying_fact_is_red_at_once():
    events = pd.DataFrame({"community": ["A", "B"], "date": "2026-02-01",
                           "event": ["fact", "trigger"], "rule": ["R-23", "W-04"]})  # fmt: skip
    out = scoring.traffic_light(events, as_of=dt.date(2026, 2, 2)).set_index("community")
    assert out["colour"].to_dict() == {"A": "red", "B": "yellow"}
