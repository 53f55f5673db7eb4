"""Participation, votes, the quality sheet, organisations, funds, the index, sprints and devices."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench import scoring
from workbench.errors import InputError
from workbench.survey import binomial_interval

MONTHS = [f"2026-{m:02d}" for m in range(1, 13)]


def test_decisions_are_counted_on_four_levels_and_the_unclassified_are_told():
    frame = pd.DataFrame(
        {"community": ["a"] * 5 + ["b"],
         "level": ["inform", "consult", "co_plan", "co_govern", None, None]}
    )  # fmt: skip
    out = scoring.participation_levels(frame).set_index(["community", "item"])
    assert out.loc[("a", "deep"), "value"] == 0.5
    assert out.loc[("a", "unclassified"), "value"] == 0.2
    assert tuple(out.loc[("a", "deep"), ["ci_low", "ci_high"]]) == binomial_interval(2, 4)
    assert out.loc[("b", "deep"), "status"] == "not_computed"
    assert out.loc[("b", "unclassified"), "value"] == 1


def test_an_unknown_level_is_refused():
    with pytest.raises(InputError, match="unknown level"):
        scoring.participation_levels(pd.DataFrame({"level": ["control"]}))


def test_a_vote_is_held_against_its_own_threshold_of_the_eligible():
    votes = pd.DataFrame(
        {"vote": ["v1", "v2", "v3"], "base": "households", "eligible": [100, 100, 100],
         "cast": [90, 85, np.nan], "approve": [80, 79, 50], "threshold": [0.8, 0.8, np.nan]}
    )  # fmt: skip
    out = scoring.vote_results(votes)
    assert out["verdict"].tolist() == ["met", "not_met", ""]
    assert out["turnout"].tolist()[:2] == [0.9, 0.85]
    with pytest.raises(InputError):
        scoring.vote_results(votes.assign(approve=101))


def test_quality_sheet_is_linear_between_floor_and_target_either_way():
    rows = pd.DataFrame(
        {"indicator": ["hours", "answered", "published"], "value": [96.0, 0.9, 1.0],
         "target": [72.0, 1.0, 1.0], "std_error": [6.0, np.nan, np.nan]}
    )  # fmt: skip
    floors = {"hours": 144.0, "answered": 0.5, "published": 0.0}
    out = scoring.quality_sheet(rows, floors=floors)
    assert np.allclose(out["value"], [200 / 3, 80, 100, (200 / 3 + 180) / 3])
    assert np.isclose(out["std_error"].iloc[0], 6 * 100 / 72)
    assert np.isclose(out["std_error"].iloc[3], 6 * 100 / 72 / 3)
    gone = scoring.quality_sheet(rows.assign(value=[96.0, np.nan, 1.0]), floors=floors)
    assert gone["status"].tolist() == ["ok", "not_computed", "ok", "not_computed"]


def test_quality_sheet_without_a_floor_is_refused_and_names_the_parameter():
    rows = pd.DataFrame({"indicator": ["hours"], "value": [96.0], "target": [72.0]})
    with pytest.raises(InputError) as refused:
        scoring.quality_sheet(rows, floors={})
    assert "process_scale" in refused.value.problems[0].remedy_en


@pytest.mark.parametrize(
    ("years", "staff", "annual", "gate", "verdict"),
    [
        (3, 5, 90, "passed", "passed"),
        (2.9, 5, 90, "failed", "failed"),
        (3, 4, 90, "failed", "failed"),
        (5, 9, 40, "passed", "failed"),
        (5, 9, None, "passed", "cannot_tell"),
        (None, 9, 90, "cannot_tell", "cannot_tell"),
    ],
)
def test_organisations_pass_the_gate_first(years, staff, annual, gate, verdict):
    frame = pd.DataFrame(
        {"organisation": ["o"], "years": [years], "staff": [staff], "q1": 80, "q2": 80, "q3": 70,
         "q4": 90, "annual": [annual]}
    )  # fmt: skip
    row = scoring.organisation_sheet(frame, pass_mark=70, quarterly_weight=0.5).iloc[0]
    assert (row["gate"], row["verdict"]) == (gate, verdict)
    if verdict == "passed":
        assert row["value"] == 85


FUNDS = pd.DataFrame(
    {"community": "a", "line": ["l1", "l2", "l3"], "field": ["x", "x", "y"], "period": "2026",
     "planned": [50.0, 30.0, 20.0], "spent": [20.0, 40.0, np.nan]}
)  # fmt: skip


def test_lines_add_up_to_groups_and_groups_to_the_total():
    table = scoring.fund_table(FUNDS)
    for column in ("planned", "spent", "share_planned"):
        sums = table.groupby("part")[column].sum()
        assert np.isclose(sums["line"], sums["total"])
        assert np.isclose(sums["group"], sums["total"])
    flags = table.set_index(["part", "item", "group"])["flags"]
    assert flags[("line", "l2", "x")] == "over_plan"
    assert flags[("total", "", "")] == "not_reported"


@pytest.mark.parametrize(
    ("elapsed", "spent", "verdict"),
    [
        (0.8, [30.0, 20.0, 10.0], "failed"),  # exactly 20 points behind
        (0.79, [30.0, 20.0, 10.0], "passed"),
        (0.8, [30.0, 20.0, None], "cannot_tell"),  # the silent line could mend it
        (1.0, [30.0, 20.0, None], "failed"),  # it could not
    ],
)
def test_funds_twenty_points_behind_plan_fire(elapsed, spent, verdict):
    out = scoring.fund_progress(FUNDS.assign(spent=spent), elapsed=elapsed)
    assert out["verdict"].tolist() == [verdict]


def test_reward_and_special_fund():
    assert scoring.reward([100_000, 100_000], share=0.15, met=[True, False]).tolist() == [15_000, 0]
    with pytest.raises(InputError):
        scoring.reward([100_000], share=0.25, met=[True])
    # the cap is one award's and not the fund's: 50 yuan for 87,000 residents
    assert scoring.special_fund([4_000, 87_000]).tolist() == [200_000, 4_350_000]
    twelve = scoring.clear_awards([500_000] * 11 + [600_000], fund_yuan=4_350_000)
    assert twelve["value"].tolist() == [500_000] * 12 + [6_000_000]
    assert twelve["flags"].tolist()[-2:] == ["capped", ""]
    assert twelve["verdict"].iloc[-1] == "failed"


def test_efficacy_index_weighs_dimensions_alike_whatever_their_indicators():
    rows = pd.DataFrame(
        {"indicator": list("abcde"), "channel": "record", "dimension": ["p"] * 4 + ["q"],
         "attainment": [1.0, 1.0, 1.0, 1.0, 0.5]}
    )  # fmt: skip
    out = scoring.efficacy_index(rows, target=80).set_index("part").loc["total"]
    assert (round(float(out["value"]), 9), out["verdict"]) == (75.0, "not_met")
    other = scoring.efficacy_index(rows, weights={"p": 3, "q": 1}).set_index("part").loc["total"]
    assert round(float(other["value"]), 9) == 87.5
    sampled = rows.assign(channel="survey", attainment_se=0.1)
    told = scoring.efficacy_index(sampled, target=80).set_index("part").loc["total"]
    assert told["verdict"] == "cannot_tell"


def _series(values: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"community": "a", "period": MONTHS[: len(values)], "value": values})


def test_a_sprint_with_a_rebound_is_flagged_and_each_alone_is_not():
    base = [80.0, 81, 79, 80, 82, 78, 80, 81]
    both = scoring.sprint(_series([*base, 95, 96, 80, 79]), assessed="2026-10")
    assert both["verdict"].tolist() == ["failed", "failed"]
    by_hand = np.mean([95, 96]) - np.mean(base)
    assert np.isclose(both["value"].iloc[0], by_hand)
    se = np.std(base, ddof=1) * np.sqrt(1 / 2 + 1 / 8)
    assert np.isclose(both["std_error"].iloc[0], se)
    kept = scoring.sprint(_series([*base, 95, 96, 95, 96]), assessed="2026-10")
    assert set(kept["verdict"]) == {"passed"}
    steady = scoring.sprint(_series([*base, 80, 81, 79, 80]), assessed="2026-10")
    assert set(steady["verdict"]) == {"passed"}
    early = scoring.sprint(_series([*base, 95, 96]), assessed="2026-10")
    assert set(early["verdict"]) == {"cannot_tell"}
    less = _series([100 - v for v in [*base, 95, 96, 80, 79]])
    assert set(scoring.sprint(less, assessed="2026-10", direction=-1)["verdict"]) == {"failed"}


def test_devices_that_stop_freeze_or_show_the_impossible():
    rows = pd.DataFrame(
        {"period": MONTHS[:8], "origin": "device", "device": "d1",
         "value": [0.8, 0.81, 0.79, 0.77, 0.77, 0.77, 1.2, 0.8]}
    )  # fmt: skip
    rows = rows.drop(index=1)
    spot = pd.DataFrame({"period": ["2026-08"], "origin": "recount", "value": [0.6]})
    out = scoring.device_faults(pd.concat([rows, spot]), bounds=(0, 1), through="2026-09")
    one = out.iloc[0]
    assert (one["missing"], one["impossible"], one["frozen"], one["apart"]) == (2, 1, 3, 1)
    assert (one["n"], one["verdict"], one["value"]) == (9, "failed", 7 / 9)
    fine = pd.DataFrame({"period": MONTHS[:6], "origin": "device", "value": 1.0})
    assert scoring.device_faults(fine, bounds=(0, 1))["verdict"].tolist() == ["passed"]


@pytest.mark.parametrize(
    ("z", "rules"),
    [
        ([0.1, -3.2, 0.4], ["beyond_3_sd"]),
        ([2.2, 0.5, 2.3], ["two_of_three_beyond_2_sd"]),
        ([2.2, np.nan, 2.3], []),
        ([-1.1, -1.2, 0.3, -1.5, -1.1], ["four_of_five_beyond_1_sd"]),
        ([0.2] * 7, []),
        ([0.2] * 9, ["eight_on_one_side"]),
        ([2.2, -2.3, 0.1], []),
    ],
)
def test_run_rules(z, rules):
    out = scoring.run_rules(pd.DataFrame({"period": MONTHS[: len(z)], "z": z}))
    assert out["rule"].tolist() == rules


def test_run_rules_are_false_about_once_in_ninety_periods():
    z = np.random.default_rng(3).standard_normal(60_000)
    out = scoring.run_rules(pd.DataFrame({"period": np.arange(60_000).astype(str), "z": z}))
    assert 60 < 60_000 / len(out) < 110


def test_the_cost_of_a_point_needs_a_change_that_is_not_none():
    rows = pd.DataFrame({"spent": [90_000.0, 90_000.0, None, 0.0], "change": [9.0, 9.0, 9.0, 9.0],
                         "ci_low": [3.0, -1.0, 3.0, 3.0], "ci_high": [15.0, 19.0, 15.0, 15.0]})  # fmt: skip
    told = scoring.cost_per_point(rows)
    assert told["value"].iloc[0] == pytest.approx(10_000)
    assert told["cost_low"].iloc[0] == pytest.approx(6_000)
    assert told["cost_high"].iloc[0] == pytest.approx(30_000)
    assert told["status"].tolist() == ["ok", "not_computed", "not_computed", "ok"]
    assert told["reason_en"].tolist() == ["", "the change may be none", "a figure is missing", ""]
    assert told["value"].iloc[3] == 0
    more = scoring.cost_per_point(rows.assign(spent=rows["spent"] * 2))
    assert more["value"].iloc[0] == 2 * told["value"].iloc[0]
    with pytest.raises(InputError):
        scoring.cost_per_point(rows.assign(spent=-1.0))
