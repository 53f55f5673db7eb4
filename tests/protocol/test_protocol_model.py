"""The programmes agree with themselves; targets, points, gates and overlays do what they say."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import InputError
from workbench.protocol import LEVELS, PROGRAMMES, UNITS, Protocol, blanks, differences, load


@pytest.fixture(scope="module")
def protocols() -> dict[str, Protocol]:
    return {name: load(name) for name in PROGRAMMES}


@pytest.fixture(scope="module")
def civilised(protocols: dict[str, Protocol]) -> Protocol:
    return protocols["civilised"]


def overlay(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "protocol.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", PROGRAMMES)
def test_json_round_trip_is_exact_and_deterministic(name: str) -> None:
    protocol = load(name)
    text = protocol.to_json()
    assert Protocol.from_json(text) == protocol
    assert load(name).to_json() == text
    assert list(json.loads(text)) == sorted(json.loads(text))
    assert json.loads(text) == protocol.as_dict()


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, workbench.protocol as p; p.load('civilised');"
        "print([m for m in ('pandas', 'numpy', 'scipy', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_name_is_in_both_languages(protocols: dict[str, Protocol]) -> None:
    def names(value: object) -> list[tuple[str, str]]:
        if isinstance(value, dict):
            if set(value) == {"zh", "en"}:
                return [(value["zh"], value["en"])]
            return [pair for part in value.values() for pair in names(part)]
        if isinstance(value, list):
            return [pair for part in value for pair in names(part)]
        return []

    for protocol in protocols.values():
        pairs = names(protocol.as_dict())
        assert len(pairs) > 200
        for zh, en in pairs:
            assert zh.strip()
            assert en.strip()
            assert not any("\u4e00" <= sign <= "\u9fff" for sign in en), en


def test_every_chinese_text_of_an_indicator_holds_chinese(protocols: dict[str, Protocol]) -> None:
    for protocol in protocols.values():
        for indicator in protocol.indicators.values():
            assert any("\u4e00" <= sign <= "\u9fff" for sign in indicator.name.zh)


def test_schemes_reproduce_the_printed_examples(civilised: Protocol) -> None:
    for rule, scheme in (("R-02", "A"), ("R-03", "B")):
        shares = civilised.scheme(scheme).shares()
        assert sum(shares.values()) == pytest.approx(1)
        for example in civilised.rules[rule].examples:
            score = sum(share * example[key] for key, share in shares.items())
            assert score == pytest.approx(example["score"])
    assert civilised.scheme("B").shares() == {"T": 0.56, "M": 0.14, "S": 0.30}
    assert civilised.chosen_scheme() == "B"
    assert load("civilised", parameters={"scheme": "A"}).chosen_scheme() == "A"


@pytest.mark.parametrize(
    ("scheme", "evidence", "visits", "channel"),
    [
        ("A", "record", (), "D"),
        ("A", "inspection", ("mystery",), "F"),
        ("A", "inspection", ("announced",), "F"),
        ("A", "survey", (), "S"),
        ("B", "record", (), "T"),
        ("B", "inspection", ("announced",), "T"),
        ("B", "inspection", ("announced", "mystery"), "T"),
        ("B", "inspection", ("mystery",), "M"),
        ("B", "survey", (), "S"),
        ("B", "fact", (), None),
    ],
)
def test_a_measure_feeds_one_channel(
    civilised: Protocol, scheme: str, evidence: str, visits: tuple[str, ...], channel: str | None
) -> None:
    assert civilised.scheme(scheme).channel_of(evidence, visits) == channel


@pytest.mark.parametrize(
    ("programme", "slug", "asked", "expected"),
    [
        # (op, value, kind, phase, due)
        ("rectification", "waste_sorting_accuracy", {"phase": "S"}, (">=", 60, "level", "S", True)),
        ("rectification", "waste_sorting_accuracy", {}, (">=", 80, "level", None, True)),
        (
            "rectification",
            "waste_sorting_accuracy",
            {"phase": "L"},
            (">=", 80, "level", None, True),
        ),
        (
            "rectification",
            "governance_efficacy_index",
            {"phase": "S"},
            (">=", 90, "level", None, False),
        ),
        (
            "rectification",
            "governance_efficacy_index",
            {"phase": "M"},
            (">=", 80, "level", "M", True),
        ),
        (
            "rectification",
            "safety_accident_rate",
            {"phase": "S"},
            ("<=", -30, "change_rel", "S", True),
        ),
        ("rectification", "safety_accident_rate", {}, ("<=", 0.5, "level", None, True)),
        (
            "rectification",
            "safety_accident_rate",
            {"phase": "L"},
            ("<=", 0.5, "level", "L", True),
        ),
        ("rectification", "service_satisfaction", {"phase": "S"}, (">=", 70, "level", "S", True)),
        ("rectification", "service_coverage", {"phase": "L"}, (">=", 95, "level", "L", True)),
        ("participation", "participation_rate", {"month": 6}, (">=", 60, "level", None, False)),
        ("participation", "participation_rate", {"month": 18}, (">=", 50, "level", None, True)),
        ("participation", "participation_rate", {"month": 36}, (">=", 60, "level", None, True)),
        (
            "participation",
            "satisfaction_percent",
            {"phase": "deepening"},
            (">=", 85, "level", "deepening", True),
        ),
        ("subdistrict", "resident_satisfaction", {"phase": "M"}, (">=", 90, "level", "M", True)),
        ("subdistrict", "resident_satisfaction", {}, (">=", 95, "level", "L", True)),
        ("civilised", "waste_sorting_accuracy", {"year": 2024}, (">=", 90, "level", None, True)),
        (
            "civilised",
            "waste_sorting_accuracy",
            {"year": 2024, "locality": "transition"},
            (">=", 85, "level", None, True),
        ),
        (
            "civilised",
            "waste_sorting_accuracy",
            {"year": 2030, "locality": "transition"},
            (">=", 90, "level", None, True),
        ),
        ("civilised", "resident_satisfaction", {}, (">=", 100, "scale", None, True)),
        ("rectification", "street_vending_incidents", {}, ("=", 0, "zero", None, True)),
        ("subdistrict", "responsibility_list_done", {"month": 3}, ("=", 1, "bool", None, True)),
    ],
)
def test_the_target_that_counts(
    protocols: dict[str, Protocol],
    programme: str,
    slug: str,
    asked: dict[str, object],
    expected: tuple[object, ...],
) -> None:
    (row,) = protocols[programme].targets([slug], **asked)
    found = (row["op"], row["value"], row["kind"], row["target_phase"], row["due"])
    assert found == expected


def test_a_band_keeps_both_ends(protocols: dict[str, Protocol]) -> None:
    (row,) = protocols["rectification"].targets(["floor_leader_load"])
    assert (row["kind"], row["low"], row["high"], row["value"]) == ("band", 10, 15, None)
    assert row["role"] == "norm"
    assert row["origin"] == "assumption"


def test_an_indicator_without_a_figure_has_no_target(civilised: Protocol) -> None:
    (row,) = civilised.targets(["volunteer_share"])
    assert row["status"] == "no_target"
    assert row["value"] is None


def test_a_forecast_is_never_called_a_target_of_the_standard(
    protocols: dict[str, Protocol],
) -> None:
    for protocol in protocols.values():
        for row in protocol.targets():
            if row["status"] == "ok":
                assert (row["role"] == "target") or row["origin"] == "assumption"


def test_published_results_and_alerts_are_never_the_target(
    protocols: dict[str, Protocol],
) -> None:
    roles = {row["role"] for p in protocols.values() for row in p.targets()}
    assert roles <= {"target", "norm", "expected", None}


def test_a_higher_levels_target_is_not_charged_to_a_lower_unit(
    protocols: dict[str, Protocol],
) -> None:
    rows = {row["indicator"]: row for row in protocols["rectification"].targets()}
    assert not rows["fire_retrofit_compounds"]["chargeable"]
    assert not rows["community_brand_count"]["chargeable"]
    assert rows["waste_sorting_accuracy"]["chargeable"]
    rows = {row["indicator"]: row for row in protocols["rectification"].targets(unit="district")}
    assert rows["fire_retrofit_compounds"]["chargeable"]


def test_a_related_figure_is_not_the_reference_base(protocols: dict[str, Protocol]) -> None:
    """Blind zones of 40 % are no base of CCTV coverage."""
    (row,) = protocols["rectification"].targets(["cctv_coverage"])
    assert row["baseline_value"] is None
    (row,) = protocols["civilised"].targets(["waste_sorting_accuracy"])
    assert (row["baseline_op"], row["baseline_value"]) == ("=", 65)


@pytest.mark.parametrize("name", PROGRAMMES)
def test_every_target_prints_in_both_languages(name: str) -> None:
    for row in load(name).targets():
        assert (row["display_zh"] is None) == (row["status"] == "no_target")
        if row["display_zh"]:
            assert row["display_en"]


def test_gates_of_the_selection(civilised: Protocol) -> None:
    gates = {(g["rule"], g["indicator"]): g for g in civilised.gates()}
    assert set(gates) == {
        ("R-17", "resident_satisfaction"),
        ("R-18", "major_safety_accident"),
        ("R-18", "property_fee_collection_rate"),
        ("R-23", "fire_lane_clear"),
    }
    assert not gates["R-17", "resident_satisfaction"]["applied"]
    assert gates["R-18", "major_safety_accident"]["window_months"] == 36
    assert gates["R-18", "property_fee_collection_rate"]["value"] == 70
    both = load("civilised", parameters={"gate_applied": "both"})
    assert all(gate["applied"] for gate in both.gates())


def test_a_parameter_reaches_the_places_that_take_its_value() -> None:
    given = {"gate_fee": 60, "gate_accident_years": 5, "mystery_share": 0.3}
    protocol = load("civilised", parameters=given)
    gates = {gate["indicator"]: gate for gate in protocol.gates()}
    assert gates["property_fee_collection_rate"]["value"] == 60
    assert gates["major_safety_accident"]["window_months"] == 60
    assert protocol.scheme("B").shares() == pytest.approx({"T": 0.49, "M": 0.21, "S": 0.30})
    assert load("civilised").scheme("B").shares()["M"] == 0.14
    floors = load("participation", parameters={"process_scale": [240, 50, 0]})
    rows = floors.targets(
        ["demand_response_hours", "feedback_completeness", "project_disclosure_rate"]
    )
    assert [row["floor"] for row in rows] == [240, 50, 0]
    with pytest.raises(InputError, match="list of 3 figures"):
        load("participation", parameters={"process_scale": [240, 50]})


def test_printed_gates_and_their_parameters_agree(civilised: Protocol) -> None:
    for name, parameter in civilised.parameters.items():
        for place in parameter.sets:
            if place.indicator is None or parameter.value is None:
                continue
            gates = [
                target
                for target in civilised.indicators[place.indicator].targets
                if target.role == place.role
            ]
            assert [getattr(g, place.key) for g in gates] == [parameter.value * place.times], name


def test_points_are_equal_over_dimensions_and_within_unless_given(civilised: Protocol) -> None:
    slugs = ["waste_sorting_accuracy", "no_clutter", "mediation_success_rate"]
    rows = {row["indicator"]: row for row in civilised.points(slugs)}
    assert [rows[s]["max_points"] for s in slugs] == [25, 25, 50]
    assert {row["points_origin"] for row in rows.values()} == {"assumption"}


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_points_without_weights_sum_to_100(data: st.DataObject) -> None:
    protocol = CIVILISED
    slugs = data.draw(
        st.lists(st.sampled_from(sorted(protocol.indicators)), min_size=1, unique=True)
    )
    assert sum(row["max_points"] for row in protocol.points(slugs)) == pytest.approx(100)


CIVILISED = load("civilised")


def test_shares_of_weight_beside_their_limits(civilised: Protocol) -> None:
    rows = {row["label_en"]: row for row in civilised.shares_report()}
    assert rows["weight of local-feature indicators"]["limit"] == 0.30
    assert rows["weight of residents' rating"]["share"] == pytest.approx(0.30)
    given = civilised.shares_report({"waste_sorting_accuracy": 60, "gba_integration": 40})
    assert given[0]["share"] == pytest.approx(0.4)
    assert given[0]["verdict"] == "failed"


def test_warnings_carry_the_printed_tests(civilised: Protocol) -> None:
    warning = civilised.warnings["W-04"]
    condition = warning.condition
    assert (condition.test, condition.below, condition.consecutive) == ("run", 85, 3)
    for example in warning.examples:
        run, fired = 0, False
        for value in example["values"]:
            run = run + 1 if value is not None and value < condition.below else 0
            fired = fired or run >= 3
        assert fired == example["fires"]


def test_open_parameters_are_told_and_never_guessed(civilised: Protocol) -> None:
    names = {problem.column for problem in blanks(civilised)}
    assert "parameters.award_rule" in names
    assert "parameters.scheme" not in names
    assert "parameters.spot_check_share" in names
    narrow = {p.column for p in blanks(civilised, ["mediation_success_rate"])}
    assert "parameters.spot_check_share" not in narrow
    filled = load("civilised", parameters={"award_rule": "quota"})
    assert "parameters.award_rule" not in {p.column for p in blanks(filled)}
    assert filled.parameters["award_rule"].origin == "study"


def test_a_parameter_that_money_depends_on_refuses_the_study() -> None:
    (problem,) = [
        p
        for p in blanks(load("participation"), ["participation_rate"])
        if p.column == "parameters.participation_definition"
    ]
    assert problem.severity == "error"


def test_an_overlay_changes_weights_adds_indicators_and_a_years_target(tmp_path: Path) -> None:
    path = overlay(
        tmp_path,
        """
version: 2026-local
parameters: {award_rule: quota, weakest_n: 3}
indicators:
  waste_sorting_accuracy:
    max_points: 15
    points_origin: commissioned
    targets:
      - {op: ">=", value: 92, year: 2026, locality: XX市, source: contract 2026-17}
      - {op: ">=", value: 91, floor: 60, origin: commissioned, source: contract 2026-17}
  barrier_free_ramps:
    name: {zh: 无障碍坡道完好率, en: Ramps in working order}
    table: C3
    kind: feature
    dimension: environment
    unit: percent
    direction: up
    evidence: [inspection]
    level: compound
    combine: population_mean
    tag: hard
    max_points: 5
    points_origin: commissioned
    targets: [{op: ">=", value: 95, source: contract 2026-17}]
    source: contract 2026-17
""",
    )
    national, local = load("civilised"), load("civilised", path)
    assert len(local.indicators) == len(national.indicators) + 1
    assert local.version == "2026-local"
    target = {
        key: local.targets(["waste_sorting_accuracy"], **asked)[0]
        for key, asked in (
            ("plain", {}),
            ("2026", {"year": 2026, "locality": "XX市"}),
            ("transition", {"year": 2024, "locality": "transition"}),
        )
    }
    assert [target[k]["value"] for k in ("plain", "2026", "transition")] == [91, 92, 85]
    assert target["plain"]["floor"] == 60
    assert national.targets(["waste_sorting_accuracy"])[0]["value"] == 90
    points = {r["indicator"]: r for r in local.points(["waste_sorting_accuracy", "no_clutter"])}
    assert points["waste_sorting_accuracy"]["points_origin"] == "commissioned"
    assert points["no_clutter"]["points_origin"] == "assumption"
    others = set(national.indicators) - {"waste_sorting_accuracy"}
    assert all(local.indicators[s] == national.indicators[s] for s in others)
    assert Protocol.from_json(local.to_json()) == local
    assert local.changes == (
        "indicators.barrier_free_ramps",
        "indicators.waste_sorting_accuracy",
        "parameters.award_rule",
        "parameters.weakest_n",
        "version",
    )
    rows = differences(national, local)
    assert {(r["section"], r["entry"], r["key"]) for r in rows} == {
        ("indicators", "barrier_free_ramps", "*"),
        ("indicators", "waste_sorting_accuracy", "max_points"),
        ("indicators", "waste_sorting_accuracy", "points_origin"),
        ("indicators", "waste_sorting_accuracy", "targets"),
        ("parameters", "award_rule", "origin"),
        ("parameters", "award_rule", "value"),
        ("parameters", "weakest_n", "origin"),
        ("parameters", "weakest_n", "value"),
        ("version", "", ""),
    }
    assert differences(national, national) == []


def test_a_micro_adjustment_keeps_the_sum_and_shows_both(tmp_path: Path) -> None:
    path = overlay(
        tmp_path,
        """
micro_adjustment:
  minutes: data/minutes-2026-03-01.pdf
  decided: 2026-03-01
  relative: {activity_participation_rate: 0.2, no_clutter: -0.1}
""",
    )
    slugs = ["activity_participation_rate", "no_clutter", "mediation_success_rate"]
    rows = {r["indicator"]: r for r in load("civilised", path).points(slugs)}
    before = sum(r["max_points_before"] for r in rows.values())
    assert sum(r["max_points"] for r in rows.values()) == pytest.approx(before)
    raised = rows["activity_participation_rate"]
    assert raised["max_points"] > raised["max_points_before"]


def test_a_protocol_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        """
programme: own
title: {zh: 自有方案, en: A programme of one's own}
version: "1"
valid_from: 2026-01-01
unit: community
purpose: {zh: 试用, en: A trial}
dimensions: {service: {name: {zh: 服务, en: Service}, source: own}}
tables: {K: {name: {zh: 指标, en: Indicators}, source: own}}
indicators:
  response: {name: {zh: 响应, en: Response}, table: K, kind: core, dimension: service, unit: hours,
    direction: down, evidence: [record], level: community, combine: own, source: own}
""",
        encoding="utf-8",
    )
    protocol = load(path)
    assert protocol.rules == {}
    assert protocol.targets()[0]["status"] == "no_target"
    assert blanks(protocol) == []


def test_words_of_the_model_are_known(protocols: dict[str, Protocol]) -> None:
    for protocol in protocols.values():
        for slug, indicator in protocol.indicators.items():
            assert indicator.unit in UNITS, slug
            assert indicator.level in LEVELS
            assert indicator.table in protocol.tables
        assert {i.table for i in protocol.indicators.values()} == set(protocol.tables)


def test_weights_of_a_scheme_are_no_weights_of_indicators(
    protocols: dict[str, Protocol],
) -> None:
    """No document gives an indicator points that a score may use (R-01)."""
    for protocol in protocols.values():
        assert all(i.max_points is None for i in protocol.indicators.values())
        for indicator in protocol.indicators.values():
            for weight in indicator.weights:
                assert weight.scope is not None


def test_looking_up_a_wrong_name_names_the_nearest(civilised: Protocol) -> None:
    with pytest.raises(InputError, match="waste_sorting_accuracy"):
        civilised.indicator("waste_sorting_acuracy")
    with pytest.raises(InputError, match="did you mean"):
        civilised.parameter("award_rules")
    with pytest.raises(InputError, match='no scheme "C"'):
        civilised.scheme("C")
    with pytest.raises(InputError, match="phase"):
        civilised.targets(phase="S")
    with pytest.raises(InputError, match="compound"):
        civilised.targets(unit="compund")
