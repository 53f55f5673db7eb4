"""Eligibility: gates, vetoes, facts."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from workbench import scoring
from workbench.errors import InputError

DAY = dt.date(2026, 12, 1)
R17 = {"id": "R-17", "conditions": [{
    "kind": "threshold", "indicator": "satisfaction", "operator": "≥", "threshold": 0.70,
    "window_months": 6, "zh": "近半年居民满意度", "en": "resident satisfaction"}]}  # fmt: skip
R18 = {"id": "R-18", "veto": True, "conditions": [
    {"kind": "no_fact", "facts": ["major_safety_accident"], "window_months": 36},
    {"kind": "threshold", "indicator": "fee", "operator": "≥", "threshold": 0.70}]}  # fmt: skip


def values(**more: object) -> pd.DataFrame:
    return pd.DataFrame({"indicator": ["satisfaction"], "value": [0.72], **more})


def facts(value: object, date: str | None) -> pd.DataFrame:
    return pd.DataFrame({"fact": ["major_safety_accident"], "value": [value], "date": [date]})


@pytest.mark.parametrize(
    ("rule", "verdict"), [("point", "passed"), ("lower", "failed"), ("upper", "passed")]
)
def test_a_sampled_gate_is_decided_by_the_studys_rule(rule, verdict):
    out = scoring.eligibility([R17], as_of=DAY, values=values(std_error=0.02), decision=rule)
    row = out.iloc[0]
    assert (row["verdict"], row["outcome"], row["decision"]) == (verdict, "cannot_tell", rule)
    assert row["finding"] == "rule.R-17"
    assert "居民满意度" in row["reason_zh"]


def test_a_sampled_gate_without_a_rule_is_refused():
    with pytest.raises(InputError) as caught:
        scoring.eligibility([R17], as_of=DAY, values=values(std_error=0.02))
    assert caught.value.problems[0].code == "scoring.decision-missing"


def test_an_exact_value_needs_no_rule():
    row = scoring.eligibility([R17], as_of=DAY, values=values()).iloc[0]
    assert (row["verdict"], row["outcome"], row["decision"]) == ("passed", "met", "")


def test_a_value_outside_the_window_cannot_tell():
    row = scoring.eligibility([R17], as_of=DAY, values=values(date="2026-01-05")).iloc[0]
    assert row["verdict"] == "cannot_tell"


@pytest.mark.parametrize(
    ("fact", "fee", "verdict"),
    [
        (("false", None), 0.80, "passed"),
        (("true", "2024-06-01"), 0.80, "failed"),
        (("true", "2022-06-01"), 0.80, "passed"),
        (("true", None), 0.80, "cannot_tell"),
        (("false", None), 0.69, "failed"),
        (("true", "2024-06-01"), 0.69, "failed"),
        (None, 0.80, "cannot_tell"),
        (None, 0.60, "failed"),
    ],
)
def test_hard_gate_needs_both_and_the_worst_leads(fact, fee, verdict):
    frame = pd.DataFrame({"indicator": ["fee"], "value": [fee]})
    known = None if fact is None else facts(*fact)
    row = scoring.eligibility([R18], as_of=DAY, values=frame, facts=known).iloc[0]
    assert row["verdict"] == verdict
    assert row["severity"] == "veto"
    assert row["reason_zh"].count("；") >= 1


def test_threshold_that_the_source_does_not_give_cannot_tell():
    rule = {"id": "R-20", "conditions": [
        {"kind": "threshold", "indicator": "satisfaction", "operator": "≥"}]}  # fmt: skip
    row = scoring.eligibility([rule], as_of=DAY, values=values()).iloc[0]
    assert (row["verdict"], row["status"]) == ("cannot_tell", "not_computed")


def test_disqualifying_facts_count_as_absent_when_the_rule_says_so():
    rule = {"id": "R-23", "veto": True, "conditions": [
        {"kind": "no_fact", "facts": ["blocked_fire_lane"], "absent": "passed"}]}  # fmt: skip
    assert scoring.eligibility([rule], as_of=DAY).iloc[0]["verdict"] == "passed"
    found = pd.DataFrame({"fact": ["blocked_fire_lane"], "value": [1], "date": ["2026-11-02"]})
    row = scoring.eligibility([rule], as_of=DAY, facts=found).iloc[0]
    assert row["verdict"] == "failed"
    assert "2026-11-02" in row["reason_en"]


def test_exclusion_until_a_date_and_an_approval_on_file():
    rules = [
        {"id": "R-22", "conditions": [{"kind": "until", "fact": "ineligible_until"}]},
        {"id": "R-25", "conditions": [{"kind": "fact", "facts": ["approval_ref"]}]},
    ]
    frame = pd.DataFrame({"fact": ["ineligible_until"], "value": ["2027-12-31"]})
    out = scoring.eligibility(rules, as_of=DAY, facts=frame).set_index("rule")
    assert out["verdict"].to_dict() == {"R-22": "failed", "R-25": "failed"}
    later = scoring.eligibility(rules[:1], as_of=dt.date(2028, 1, 1), facts=frame).iloc[0]
    assert later["verdict"] == "passed"


def test_pass_rate_is_reported_beside_the_band():
    frame = pd.DataFrame({"community": list("abcdefghij"), "indicator": "satisfaction",
                          "value": [0.8] * 6 + [0.6] * 4})  # fmt: skip
    out = scoring.eligibility([R17], as_of=DAY, values=frame)
    row = scoring.pass_rate(out).iloc[0]
    assert (row["value"], row["numerator"], row["verdict"]) == (0.6, 6, "met")


@pytest.mark.parametrize(
    "rule",
    [
        {"id": "X"},
        {"id": "X", "conditions": [{"kind": "mood"}]},
        {"id": "X", "conditions": [{"kind": "threshold", "indicator": "a"}]},
        {"id": "X", "conditions": [{"kind": "no_fact", "facts": ["a"], "spell": 1}]},
    ],
)
def test_wrong_rules_are_refused(rule):
    with pytest.raises(InputError):
        scoring.eligibility([rule], as_of=DAY)


def test_decisions_under_each_rule_are_counted():
    frame = pd.DataFrame({"value": [0.75, 0.71, 0.69, 0.60, None],
                          "ci_low": [0.72, 0.66, 0.64, 0.55, None],
                          "ci_high": [0.78, 0.76, 0.74, 0.65, None]})  # fmt: skip
    out = scoring.decision_counts(frame, operator="≥", target=0.70).set_index("item")
    assert out["value"].to_dict() == {"point": 2, "lower": 1, "upper": 3}
    assert out.loc["point", ["differ_lower", "differ_upper"]].tolist() == [1, 1]
    assert out["cannot_tell"].tolist() == [2, 2, 2]
