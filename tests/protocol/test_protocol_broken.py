"""Broken protocols: each planted fault is answered by its key, the reason and the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.errors import InputError
from workbench.protocol import Protocol, load

NEW = """
  ramps:
    name: {zh: 坡道, en: Ramps}
    table: C3
    kind: feature
    dimension: environment
    unit: percent
    direction: up
    evidence: [inspection]
    level: compound
    combine: population_mean
    source: contract
"""

# name, overlay, code, key, what the reason holds, what the remedy holds
FAULTS = [
    (
        "a_micro_adjustment_that_takes_everything",
        "micro_adjustment: {minutes: m.pdf, decided: 2026-03-01, relative: "
        "{smart_platform_active_users: -1.5}}\n",
        "protocol.micro",
        "micro_adjustment.relative.smart_platform_active_users",
        "no points",
        "removes no indicator",
    ),
    (
        "floor_above_the_target",
        "indicators: {waste_sorting_accuracy: {targets: [{op: '>=', value: 90, floor: 95, source: c}]}}\n",
        "protocol.floor",
        "indicators.waste_sorting_accuracy.targets[3].floor",
        "below the target",
        "floor",
    ),
    (
        "a_gate_beyond_a_hundred",
        "parameters: {gate_fee: 700}\n",
        "protocol.range",
        "parameters.gate_fee",
        "outside 0-100",
        "0-100",
    ),
    (
        "a_band_of_one_figure",
        "parameters: {pass_band: [60]}\n",
        "protocol.value",
        "parameters.pass_band.value",
        "a list of 2 figures",
        "order",
    ),
    (
        "a_band_upside_down",
        "parameters: {pass_band: [70, 60]}\n",
        "protocol.value",
        "parameters.pass_band.value",
        "must rise",
        "lower figure first",
    ),
    (
        "months_below_one",
        "parameters: {recheck_months: -3}\n",
        "protocol.value",
        "parameters.recheck_months.value",
        "whole number ≥ 1",
        "rewrite",
    ),
    (
        "a_report_of_no_such_section",
        "report_kinds: {hygiene: {name: {zh: 甲, en: A}, programmes: [civilised], sections: [indicatrs], source: c}}\n",
        "protocol.unknown-section",
        "report_kinds.hygiene.sections",
        "indicatrs",
        "indicators",
    ),
    (
        "unknown_top_key",
        "indicatrs: {}\n",
        "protocol.unknown-key",
        "indicatrs",
        "indicatrs",
        "indicators",
    ),
    (
        "unknown_indicator",
        "indicators: {waste_sorting_acuracy: {max_points: 3}}\n",
        "protocol.unknown-indicator",
        "indicators.waste_sorting_acuracy",
        "waste_sorting_acuracy",
        "waste_sorting_accuracy",
    ),
    (
        "unknown_key_of_an_indicator",
        "indicators: {waste_sorting_accuracy: {max_point: 15}}\n",
        "protocol.unknown-key",
        "indicators.waste_sorting_accuracy.max_point",
        "max_point",
        "max_points",
    ),
    (
        "unknown_word",
        "indicators: {waste_sorting_accuracy: {direction: upp}}\n",
        "protocol.unknown-word",
        "indicators.waste_sorting_accuracy.direction",
        "unknown word",
        "up",
    ),
    (
        "unknown_unit",
        "indicators: {waste_sorting_accuracy: {unit: percentt}}\n",
        "protocol.unknown-unit",
        "indicators.waste_sorting_accuracy.unit",
        "percentt",
        "percent",
    ),
    (
        "unknown_dimension",
        "indicators: {waste_sorting_accuracy: {dimension: enviroment}}\n",
        "protocol.unknown-dimension",
        "indicators.waste_sorting_accuracy.dimension",
        "enviroment",
        "environment",
    ),
    (
        "unknown_table",
        "indicators: {waste_sorting_accuracy: {table: C9}}\n",
        "protocol.unknown-table",
        "indicators.waste_sorting_accuracy.table",
        "C9",
        "C1",
    ),
    (
        "unknown_parent",
        "indicators: {no_clutter: {parent: waste_sorting}}\n",
        "protocol.unknown-parent",
        "indicators.no_clutter.parent",
        "waste_sorting",
        "waste_sorting_accuracy",
    ),
    (
        "parents_in_a_circle",
        "indicators: {no_clutter: {parent: greening_coverage},"
        " greening_coverage: {parent: no_clutter}}\n",
        "protocol.value",
        "indicators.greening_coverage.parent",
        "circle",
        "remove one parent",
    ),
    (
        "target_without_figure",
        'indicators: {no_clutter: {targets: [{op: ">=", source: contract}]}}\n',
        "protocol.value",
        "indicators.no_clutter.targets[1].value",
        "has a figure",
        "add value",
    ),
    (
        "target_without_source",
        'indicators: {volunteer_share: {targets: [{op: ">=", value: 8}]}}\n',
        "protocol.missing",
        "indicators.volunteer_share.targets[0].source",
        "missing",
        "add",
    ),
    (
        "target_is_text",
        'indicators: {volunteer_share: {targets: [{op: ">=", value: "8%", source: c}]}}\n',
        "protocol.value",
        "indicators.volunteer_share.targets[0].value",
        "must be a number",
        "write a number",
    ),
    (
        "unknown_operator",
        'indicators: {volunteer_share: {targets: [{op: "=>", value: 8, source: c}]}}\n',
        "protocol.unknown-word",
        "indicators.volunteer_share.targets[0].op",
        "unknown word",
        ">=",
    ),
    (
        "target_against_direction",
        'indicators: {volunteer_share: {targets: [{op: "<=", value: 8, source: c}]}}\n',
        "protocol.direction",
        "indicators.volunteer_share.targets[0].op",
        "contradicts the direction",
        "correct op",
    ),
    (
        "band_turned_round",
        "indicators: {volunteer_share: {targets:"
        " [{op: between, kind: band, low: 15, high: 10, source: c}]}}\n",
        "protocol.value",
        "indicators.volunteer_share.targets[0].low",
        "low must be below high",
        "swap",
    ),
    (
        "two_targets_for_one_phase",
        'indicators: {volunteer_share: {targets: [{op: ">=", value: 8, source: c},'
        ' {op: ">=", value: 9, source: c}]}}\n',
        "protocol.duplicate-target",
        "indicators.volunteer_share.targets[1]",
        "two targets",
        "merge",
    ),
    (
        "unknown_phase",
        'indicators: {volunteer_share: {targets: [{op: ">=", value: 8, phase: S, source: c}]}}\n',
        "protocol.unknown-phase",
        "indicators.volunteer_share.targets[0].phase",
        "S",
        "known",
    ),
    (
        "percentage_above_100",
        'indicators: {volunteer_share: {targets: [{op: ">=", value: 800, source: c}]}}\n',
        "protocol.range",
        "indicators.volunteer_share.targets[0].value",
        "outside 0-100",
        "0-100",
    ),
    (
        "scheme_shares_do_not_sum_to_one",
        "schemes: {A: {channels: {D: {share: 0.5}}}}\n",
        "protocol.sum",
        "schemes.A.channels",
        "sum to 1.1",
        "never normalised",
    ),
    (
        "share_above_one",
        "schemes: {B: {channels: {S: {share: 30}}}}\n",
        "protocol.range",
        "schemes.B.channels.S.share",
        "out of range",
        "≤ 1",
    ),
    (
        "channel_of_an_unknown_group",
        "schemes: {B: {channels: {T: {group: third_pary}}}}\n",
        "protocol.unknown-group",
        "schemes.B.channels.T.group",
        "third_pary",
        "third_party",
    ),
    (
        "unknown_default_scheme",
        "default_scheme: C\n",
        "protocol.unknown-scheme",
        "default_scheme",
        "C",
        "known",
    ),
    (
        "own_weight_in_the_wrong_place",
        "indicators: {no_clutter: {weights: [{value: 15, source: contract}]}}\n",
        "protocol.value",
        "indicators.no_clutter.weights[0].scope",
        "never used",
        "max_points",
    ),
    (
        "operator_in_the_figure",
        'indicators: {volunteer_share: {targets: [{value: "≥8", source: contract}]}}\n',
        "protocol.value",
        "indicators.volunteer_share.targets[0].value",
        "must be a number",
        "write a number",
    ),
    (
        "zero_target_above_zero",
        "indicators: {no_clutter: {targets: [{kind: zero, value: 2, source: contract}]}}\n",
        "protocol.value",
        "indicators.no_clutter.targets[1].value",
        "has the value 0",
        "kind level",
    ),
    (
        "low_and_high_without_between",
        "indicators: {no_clutter: {targets: [{low: 1, high: 2, value: 1, source: contract}]}}\n",
        "protocol.value",
        "indicators.no_clutter.targets[1].op",
        "between only",
        "make op between",
    ),
    (
        "warning_without_a_figure",
        "warnings: {W-04: {condition: {below: null}}}\n",
        "protocol.value",
        "warnings.W-04.condition.below",
        "either below or above",
        "give the figure",
    ),
    (
        "rule_with_an_unknown_parameter",
        "rules: {R-40: {parameters: [award_rul]}}\n",
        "protocol.unknown-parameter",
        "rules.R-40.parameters",
        "award_rul",
        "award_rule",
    ),
    (
        "scheme_that_is_none",
        "parameters: {scheme: C}\n",
        "protocol.unknown-scheme",
        "parameters.scheme",
        "C",
        "known: A, B",
    ),
    (
        "unknown_parameter",
        "parameters: {award_rules: quota}\n",
        "protocol.unknown-parameter",
        "parameters.award_rules",
        "award_rules",
        "award_rule",
    ),
    (
        "parameter_outside_its_choices",
        "parameters: {award_rule: lottery}\n",
        "protocol.value",
        "parameters.award_rule.value",
        "lottery",
        "rewrite",
    ),
    (
        "dimension_without_indicator",
        "dimensions: {safety: {name: {zh: 安全, en: Safety}, source: c}}\n",
        "protocol.empty-dimension",
        "dimensions.safety",
        "no indicator",
        "remove it",
    ),
    (
        "points_do_not_sum",
        "points_total: 100\n"
        "indicators: {no_clutter: {max_points: 40}, waste_sorting_accuracy: {max_points: 57}}\n",
        "protocol.sum",
        "points_total",
        "97",
        "never normalised",
    ),
    (
        "feature_share_above_30",
        "indicators: {gba_integration: {max_points: 40},"
        " waste_sorting_accuracy: {max_points: 60}}\n",
        "protocol.feature-share",
        "indicators",
        "40.0%",
        "lower max_points",
    ),
    (
        "micro_adjustment_too_large",
        "micro_adjustment: {minutes: m.pdf, decided: 2026-03-01, relative: {no_clutter: 0.5}}\n",
        "protocol.micro",
        "micro_adjustment.relative.no_clutter",
        "+50%",
        "commissioner",
    ),
    (
        "micro_adjustment_lifts_the_feature_share",
        "indicators: {gba_integration: {max_points: 29}, no_clutter: {max_points: 71}}\n"
        "micro_adjustment: {minutes: m.pdf, decided: 2026-03-01, relative: {gba_integration: 0.3}}\n",
        "protocol.feature-share",
        "micro_adjustment.relative",
        "34.7%",
        "by less",
    ),
    (
        "micro_adjustment_without_minutes",
        "micro_adjustment: {decided: 2026-03-01, relative: {no_clutter: 0.1}}\n",
        "protocol.missing",
        "micro_adjustment.minutes",
        "missing",
        "add",
    ),
    (
        "dates_turned_round",
        "valid_from: 2027-01-01\nvalid_to: 2026-12-31\n",
        "protocol.value",
        "valid_to",
        "before valid_from",
        "correct",
    ),
    (
        "date_that_is_none",
        "valid_from: spring 2027\n",
        "protocol.type",
        "valid_from",
        "date",
        "rewrite",
    ),
    (
        "other_programme",
        "programme: rectification\n",
        "protocol.other-programme",
        "programme",
        "another programme",
        "civilised",
    ),
    (
        "new_indicator_lacks_a_language",
        "indicators:" + NEW.replace("{zh: 坡道, en: Ramps}", "{zh: 坡道}"),
        "protocol.missing",
        "indicators.ramps.name.en",
        "missing",
        "add",
    ),
    (
        "slug_in_capitals",
        "indicators:" + NEW.replace("ramps:", "Ramps-1:"),
        "protocol.name",
        "indicators.Ramps-1",
        "pattern",
        "lower-case",
    ),
    (
        "indicator_set_to_nothing",
        "indicators: {no_clutter: null}\n",
        "protocol.type",
        "indicators.no_clutter",
        "mapping",
        "scope",
    ),
    (
        "warning_on_an_unknown_indicator",
        "warnings: {W-04: {condition: {indicator: waste_sorting}}}\n",
        "protocol.unknown-indicator",
        "warnings.W-04.condition.indicator",
        "waste_sorting",
        "waste_sorting_accuracy",
    ),
    (
        "key_twice",
        "version: a\nversion: b\n",
        "yaml.duplicate-key",
        "",
        "twice",
        "keep one",
    ),
]


@pytest.mark.parametrize(
    ("text", "code", "key", "reason", "remedy"),
    [fault[1:] for fault in FAULTS],
    ids=[fault[0] for fault in FAULTS],
)
def test_a_planted_fault_is_answered_by_key_reason_and_remedy(
    tmp_path: Path, text: str, code: str, key: str, reason: str, remedy: str
) -> None:
    path = tmp_path / "protocol.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load("civilised", path)
    (problem,) = caught.value.problems
    assert problem.code == code
    assert problem.file == "protocol.yaml"
    assert problem.column == key
    assert reason in problem.en + problem.found
    assert remedy in problem.remedy_en + problem.expected
    assert any("\u4e00" <= sign <= "\u9fff" for sign in problem.zh)
    assert any("\u4e00" <= sign <= "\u9fff" for sign in problem.remedy_zh)


def test_twenty_faults_or_more_are_planted() -> None:
    assert len(FAULTS) >= 20
    assert len({fault[0] for fault in FAULTS}) == len(FAULTS)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "protocol.yaml"
    path.write_text(
        """
indicators:
  waste_sorting_accuracy: {unit: percentt, dimension: enviroment}
  no_clutter: {parent: nothing_like_it}
  no_cluter: {max_points: 3}
default_scheme: C
""",
        encoding="utf-8",
    )
    with pytest.raises(InputError) as caught:
        load("civilised", path)
    assert len(caught.value.problems) == 5


def test_an_unknown_programme_names_the_nearest() -> None:
    with pytest.raises(InputError, match="civilised"):
        load("civilized")


def test_torn_json_is_refused(tmp_path: Path) -> None:
    text = load("participation").to_json()
    with pytest.raises(InputError, match="JSON"):
        Protocol.from_json(text[: len(text) // 2])
    with pytest.raises(InputError, match="programm"):
        Protocol.from_json(text.replace('"programme":', '"programm":', 1))


def test_errors_survive_pickling() -> None:
    import pickle

    with pytest.raises(InputError) as caught:
        load("civilized")
    copied = pickle.loads(pickle.dumps(caught.value))
    assert copied.problems == caught.value.problems
