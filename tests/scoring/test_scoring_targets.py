"""Targets: attainment, verdict in three outcomes, decision."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench import scoring
from workbench.errors import InputError


def one(value: dict[str, object], target: dict[str, object], **options: object) -> pd.Series:
    values = pd.DataFrame([{"indicator": "i", **value}])
    targets = pd.DataFrame([{"indicator": "i", **target}])
    return scoring.attainment(values, targets, **options).iloc[0]


LEVEL = {"target_kind": "level", "operator": "≥", "target": 0.90, "base": 0.65}


@pytest.mark.parametrize(
    ("value", "share"),
    [(0.65, 0.0), (0.775, 0.5), (0.90, 1.0), (0.97, 1.0), (0.50, 0.0)],
)
def test_level_target_is_the_share_of_the_way_from_base_to_target(value, share):
    assert one({"value": value}, LEVEL)["attainment"] == pytest.approx(share)


def test_lower_is_better_runs_the_other_way():
    row = one(
        {"value": 48.0}, {"target_kind": "level", "operator": "≤", "target": 24.0, "base": 72}
    )
    assert row["attainment"] == pytest.approx(0.5)
    assert row["verdict"] == "not_met"


@pytest.mark.parametrize(
    ("operator", "low", "high", "verdict"),
    [
        ("≥", 0.90, 0.95, "met"),
        (">", 0.90, 0.95, "cannot_tell"),
        ("≥", 0.85, 0.95, "cannot_tell"),
        ("≥", 0.85, 0.90, "cannot_tell"),
        (">", 0.85, 0.90, "not_met"),
        ("≤", 0.85, 0.90, "met"),
        ("<", 0.85, 0.90, "cannot_tell"),
        ("≤", 0.91, 0.95, "not_met"),
        ("<", 0.90, 0.95, "not_met"),
    ],
)
def test_three_outcomes_follow_the_interval_and_keep_the_bound(operator, low, high, verdict):
    middle = (low + high) / 2
    row = one(
        {"value": middle, "ci_low": low, "ci_high": high},
        {"target_kind": "level", "operator": operator, "target": 0.90},
    )
    assert row["verdict"] == verdict


def test_without_a_base_the_level_only_is_reported_and_said_so():
    row = one({"value": 0.93}, {"target_kind": "level", "operator": "≥", "target": 0.90})
    assert np.isnan(row["attainment"])
    assert row["verdict"] == "met"
    assert row["flags"] == "level_only"
    assert "基期" in row["reason_zh"]
    assert "base" in row["reason_en"]


def test_all_or_nothing_without_a_base_is_marked():
    target = {"target_kind": "level", "operator": "≥", "target": 0.90}
    row = one({"value": 0.93, "std_error": 0.03}, target, without_base="all_or_nothing")
    assert row["attainment"] == 1.0
    assert (row["attainment_low"], row["attainment_high"]) == (0.0, 1.0)
    assert row["attainment_se"] == pytest.approx(np.sqrt(0.8413 * 0.1587), abs=1e-3)
    assert row["flags"] == "all_or_nothing"


def test_zero_target_gives_all_only_at_zero():
    target = {"target_kind": "zero"}
    assert one({"value": 0}, target)["attainment"] == 1
    assert one({"value": 0}, target)["verdict"] == "met"
    two = one({"value": 2}, target)
    assert (two["attainment"], two["value"], two["verdict"]) == (0, 2, "not_met")


def test_zero_found_in_a_sample_cannot_be_told():
    row = one({"value": 0, "ci_low": 0, "ci_high": 0.04}, {"target_kind": "zero"})
    assert row["verdict"] == "cannot_tell"


def test_yes_no_target():
    assert one({"value": 1}, {"target_kind": "bool"})["verdict"] == "met"
    assert one({"value": 0}, {"target_kind": "bool"})["verdict"] == "not_met"
    assert one({"value": 0}, {"target_kind": "bool", "target": 0})["verdict"] == "met"


def test_relative_change_compares_with_the_stated_change():
    target = {"target_kind": "change_rel", "operator": "≤", "target": -0.60, "base": 50}
    row = one({"value": 35}, target)
    assert row["change"] == pytest.approx(-0.30)
    assert row["attainment"] == pytest.approx(0.5)
    assert one({"value": 15}, target)["attainment"] == 1
    assert one({"value": 60}, target)["attainment"] == 0


def test_relative_change_with_estimated_base_matches_simulation():
    target = {"target_kind": "change_rel", "operator": "≤", "target": -0.60}
    row = one({"value": 30, "std_error": 1.5, "base": 50, "base_std_error": 2.0}, target)
    rng = np.random.default_rng(5)
    ratio = rng.normal(30, 1.5, 200_000) / rng.normal(50, 2.0, 200_000) - 1
    assert row["attainment_se"] == pytest.approx(ratio.std() / 0.6, rel=0.03)
    assert row["attainment_low"] == pytest.approx(-np.quantile(ratio, 0.975) / 0.6, rel=0.02)


def test_percentage_point_change_adds_both_errors():
    target = {"target_kind": "change_pp", "operator": "≥", "target": 0.10}
    row = one({"value": 0.70, "std_error": 0.03, "base": 0.62, "base_std_error": 0.04}, target)
    assert row["change"] == pytest.approx(0.08)
    assert row["attainment"] == pytest.approx(0.8)
    assert row["verdict"] == "cannot_tell"


def test_a_value_that_is_a_change_already_needs_no_base():
    target = {"target_kind": "change_pp", "operator": "≥", "target": 0.10}
    row = one({"value": 0.05, "value_kind": "change"}, target)
    assert row["attainment"] == pytest.approx(0.5)
    assert row["change"] == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("value", "verdict", "share"),
    [(4, "met", 1.0), (3, "met", 1.0), (2, "not_met", 0.5), (7, "not_met", 0.0)],
)
def test_band_target(value, verdict, share):
    row = one({"value": value}, {"target_kind": "band", "target": 3, "target_high": 6, "base": 1})
    assert (row["verdict"], row["attainment"]) == (verdict, pytest.approx(share))


def test_base_that_meets_the_target_leaves_all_or_nothing():
    target = LEVEL | {"base": 0.95}
    assert one({"value": 0.91}, target)["attainment"] == 1
    row = one({"value": 0.89}, target)
    assert row["attainment"] == 0
    assert row["flags"] == "base_meets_target"


def test_clipped_error_is_that_of_the_clipped_normal():
    row = one({"value": 0.88, "std_error": 0.03}, LEVEL)
    rng = np.random.default_rng(3)
    drawn = np.clip((rng.normal(0.88, 0.03, 400_000) - 0.65) / 0.25, 0, 1)
    assert row["attainment_se"] == pytest.approx(drawn.std(), rel=0.01)


@pytest.mark.parametrize(
    ("rule", "decision"), [("point", "met"), ("lower", "not_met"), ("upper", "met")]
)
def test_decision_follows_the_rule_and_stays_apart_from_the_verdict(rule, decision):
    row = one({"value": 0.91, "std_error": 0.02}, LEVEL, decision=rule)
    assert (row["verdict"], row["decision"], row["rule"]) == ("cannot_tell", decision, rule)


def test_lower_is_the_unfavourable_limit_also_where_less_is_better():
    target = {"target_kind": "level", "operator": "≤", "target": 24.0}
    row = one({"value": 23.0, "ci_low": 20.0, "ci_high": 26.0}, target, decision="lower")
    assert row["decision"] == "not_met"


def test_survey_value_without_interval_cannot_be_judged():
    row = one({"value": 0.95, "channel": "survey"}, LEVEL)
    assert row["verdict"] == "cannot_tell"
    assert "no_interval" in row["flags"]


def test_missing_value_is_a_row_with_a_reason():
    row = one({"value": np.nan}, LEVEL)
    assert (row["status"], row["verdict"]) == ("not_computed", "cannot_tell")
    assert row["reason_zh"]
    assert np.isnan(row["attainment"])


def test_target_without_a_value_and_value_without_a_target_both_stay():
    values = pd.DataFrame({"indicator": ["a"], "value": [1.0]})
    targets = pd.DataFrame([{"indicator": "b", **LEVEL}])
    out = scoring.attainment(values, targets).set_index("indicator")
    assert out.loc["b", "status"] == "not_computed"
    assert out.loc["a", "flags"] == "no_target"


def test_targets_by_phase_give_one_row_each():
    values = pd.DataFrame({"indicator": ["i"], "value": [0.86]})
    targets = pd.DataFrame(
        [{"indicator": "i", **LEVEL, "target_phase": p, "target": t}
         for p, t in (("2024", 0.85), ("2025", 0.90))]
    )  # fmt: skip
    assert scoring.attainment(values, targets)["verdict"].tolist() == ["met", "not_met"]


@pytest.mark.parametrize(
    ("value", "target", "column"),
    [
        ({"value": 1}, {"target_kind": "wish", "target": 1}, "target_kind"),
        ({"value": 1}, {"target_kind": "level", "operator": "≈", "target": 1}, "operator"),
        ({"value": 1}, {"target_kind": "level", "operator": "≥", "target": None}, "target"),
        ({"value": 1}, {"target_kind": "band", "target": 3, "target_high": 2}, "target_high"),
        ({"value": 0.5}, {"target_kind": "bool"}, "value"),
        ({"value": 1, "std_error": -1}, LEVEL, "std_error"),
        ({"value": 1, "ci_low": 2, "ci_high": 3}, LEVEL, "ci_low"),
    ],
)
def test_wrong_input_names_the_column(value, target, column):
    with pytest.raises(InputError) as caught:
        one(value, target)
    assert caught.value.problems[0].column == column
    assert caught.value.problems[0].zh


def test_order_of_rows_and_unit_of_measurement_change_nothing():
    rng = np.random.default_rng(1)
    values = pd.DataFrame({"indicator": [f"i{k}" for k in range(8)], "value": rng.random(8),
                           "std_error": 0.05})  # fmt: skip
    targets = pd.DataFrame([{"indicator": f"i{k}", **LEVEL} for k in range(8)])
    one_way = scoring.attainment(values, targets).set_index("indicator").sort_index()
    shuffled = scoring.attainment(values.sample(frac=1, random_state=3), targets.iloc[::-1])
    pd.testing.assert_frame_equal(one_way, shuffled.set_index("indicator").sort_index())
    percent = values.assign(value=values["value"] * 100, std_error=5.0)
    big = targets.assign(target=90.0, base=65.0)
    scaled = scoring.attainment(percent, big).set_index("indicator").sort_index()
    np.testing.assert_allclose(scaled["attainment"], one_way["attainment"])
    assert scaled["verdict"].tolist() == one_way["verdict"].tolist()


def test_exactly_on_target_is_met_whatever_the_binary_fractions_say():
    values = pd.DataFrame(
        {
            "indicator": ["pp", "rel", "sum"],
            "value": [0.5, 0.5, 0.1 + 0.2],
            "base": [0.4, 1.25, 0.0],
        }
    )
    targets = pd.DataFrame(
        {"indicator": ["pp", "rel", "sum"], "target_kind": ["change_pp", "change_rel", "level"],
         "operator": ["≥", "≤", "≤"], "target": [0.1, -0.6, 0.3]}
    )  # fmt: skip
    out = scoring.attainment(values, targets, decision="point")
    assert out["verdict"].tolist() == ["met"] * 3
    assert out["decision"].tolist() == ["met"] * 3
    strict = scoring.attainment(values, targets.assign(operator=[">", "<", "<"]))
    assert strict["verdict"].tolist() == ["not_met"] * 3


def test_a_sampled_value_without_an_error_is_nowhere_exact():
    values = pd.DataFrame({"indicator": ["s"], "value": [0.95], "channel": ["survey"]})
    targets = pd.DataFrame(
        {"indicator": ["s"], "target_kind": ["level"], "operator": ["≥"], "target": [0.9],
         "base": [0.5]}
    )  # fmt: skip
    for rule, decided in (("point", "met"), ("lower", "cannot_tell"), ("upper", "cannot_tell")):
        out = scoring.attainment(values, targets, decision=rule)
        assert out["verdict"].tolist() == ["cannot_tell"]
        assert out["decision"].tolist() == [decided]
        assert np.isnan(out["attainment_se"].iloc[0])
    plan = scoring.Scheme(
        slug="o", parts=(scoring.Part(slug="s", zh="s", en="s", weight=1.0, members=("survey",)),),
        origin="source", formula="",
    )  # fmt: skip
    scored = scoring.composite(out.assign(max_points=10), scheme=plan).set_index("finding")
    assert "error_unknown" in scored.loc["score.total", "flags"]
    assert scored.loc["score.total", "status"] == "low_precision"
