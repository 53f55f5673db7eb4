"""measures.yaml: what is accepted, which unit a value has, and how each fault is answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from workbench.errors import InputError
from workbench.protocol import PROGRAMMES, Measures, Protocol, load, template
from workbench.yamlfile import parse_yaml

CODEBOOK: dict[str, dict[str, Any]] = {
    "q1": {"kind": "scale", "role": "satisfaction", "values": {1: {}, 5: {}}, "top": [4, 5]},
    "q2": {"kind": "scale", "role": "satisfaction", "values": {1: {}, 5: {}}},
    "q3": {"kind": "scale", "role": "satisfaction", "values": {1: {}, 5: {}}, "top": [4, 5]},
    "p1": {"kind": "single", "role": "behaviour", "values": {1: {}, 2: {}}},
    "f01": {"kind": "check", "role": "inspection"},
    "h01": {"kind": "number", "role": "inspection"},
    "w01": {"kind": "check", "role": "inspection"},
}

# indicator, entry, unit, unit of the estimator, factor to the printed unit, evidence
GOOD = [
    (
        "resident_satisfaction",
        "{channel: survey, items: [q1], statistic: top2, population: adults}",
        ("percent_satisfied", "share", 100),
    ),
    (
        "resident_satisfaction",
        "{channel: survey, items: [q1, q3], statistic: mean_0_100, combine: mean_of_items}",
        ("score_100", "score_0_100", 1),
    ),
    (
        "activity_participation_rate",
        "{channel: survey, items: [p1], statistic: share, where: {p1: 1}}",
        ("percent", "share", 100),
    ),
    (
        "public_facility_intact_rate",
        "{channel: inspection, items: [f01], statistic: share_passed, visits: [announced, mystery]}",
        ("percent", "share", 100),
    ),
    (
        "living_circle_completeness",
        "{channel: inspection, items: [h01], statistic: points, visits: [announced]}",
        ("score_100", "score_0_100", 1),
    ),
    (
        "no_clutter",
        "{channel: inspection, items: [h01], statistic: mean, visits: [mystery]}",
        ("violations_per_round", "count", 1),
    ),
    (
        "waste_sorting_accuracy",
        "{channel: record, measurement: waste_sorting_accuracy, statistic: ratio_of_sums,"
        " window: last_3_months, check: {inspection: [w01], tolerance_pp: 5}}",
        ("percent", "share", 100),
    ),
    (
        "volunteer_share",
        "{channel: record, measurement: volunteer_share, statistic: last}",
        ("percent", "share", 100),
    ),
    (
        "community_activities_per_year",
        "{channel: record, measurement: acts, statistic: sum, window: last_12_months}",
        ("count_per_year", "count", 1),
    ),
    (
        "greening_coverage",
        "{channel: record, measurement: green, statistic: change_pp, window: last_12_months}",
        ("pp", "pp", 100),
    ),
    (
        "key_equipment_failure_rate",
        "{channel: record, measurement: faults, statistic: change_rel, window: last_12_months}",
        ("percent_change", "share", 100),
    ),
    (
        "dispute_rate",
        "{channel: record, requests: {kind: dispute}, statistic: per_100_households_year}",
        ("per_100_households_year", "per_100_households_year", 1),
    ),
    (
        "service_response_hours",
        "{channel: record, requests: {kind: [need, complaint]}, clock: received..answered,"
        " statistic: median}",
        ("hours", "hours", 1),
    ),
    (
        "rectification_cycle_days",
        "{channel: record, requests: {kind: order}, clock: received..closed, statistic: median}",
        ("days", "hours", 1 / 24),
    ),
    (
        "convenience_coverage",
        "{channel: record, requests: {kind: need}, statistic: share, where: {outcome: resolved},"
        " open: unresolved}",
        ("percent", "share", 100),
    ),
    (
        "convenience_coverage",
        "{channel: record, requests: {kind: need}, statistic: share_within,"
        " clock: received..closed, within: due}",
        ("percent", "share", 100),
    ),
    (
        "complaint_volume",
        "{channel: record, requests: {kind: complaint}, statistic: count}",
        ("count", "count", 1),
    ),
    (
        "major_safety_accident",
        "{channel: fact, fact: major_safety_accident, window_months: 36}",
        ("yes_no", "yes_no", 1),
    ),
]


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    return load("civilised")


def read(text: str, protocol: Protocol, **options: Any) -> Measures:
    options.setdefault("codebook", CODEBOOK)
    return Measures.from_dict(parse_yaml(text), protocol, **options)


@pytest.mark.parametrize(("slug", "entry", "expected"), GOOD)
def test_an_entry_is_accepted_with_its_unit(
    protocol: Protocol, slug: str, entry: str, expected: tuple[str, str, float]
) -> None:
    measures = read(f"{slug}: {entry}\n", protocol)
    found = measures[slug]
    assert (found.unit, found.data_unit, found.factor) == expected
    again = Measures.from_dict(measures.as_dict(), protocol, codebook=CODEBOOK)
    assert again == measures
    assert found.evidence("zh")
    assert found.evidence("en")


# indicator, entry, code, key below the indicator, what the reason holds, what the remedy holds
BAD = [
    (
        "resident_satisfaction",
        "{chanel: survey, items: [q1], statistic: top2}",
        "measures.missing",
        "channel",
        "missing",
        "chanel",
    ),
    (
        "resident_satisfaction",
        "{channel: servey, items: [q1], statistic: top2}",
        "protocol.unknown-channel",
        "channel",
        "servey",
        "survey",
    ),
    (
        "resident_satisfaction",
        "{channel: survey, items: [q1], statistic: top3}",
        "measures.unknown-word",
        "statistic",
        "unknown word",
        "top2",
    ),
    (
        "resident_satisfaction",
        "{channel: survey, itms: [q1], items: [q1], statistic: top2}",
        "measures.unknown-key",
        "itms",
        "itms",
        "items",
    ),
    (
        "resident_satisfaction",
        "{channel: survey, items: [q9], statistic: top2}",
        "protocol.unknown-item",
        "items",
        "q9",
        "",
    ),
    (
        "resident_satisfaction",
        "{channel: survey, items: [f01], statistic: top2}",
        "measures.role",
        "items",
        "inspection item",
        "channel",
    ),
    (
        "resident_satisfaction",
        "{channel: survey, items: [q2], statistic: top2}",
        "measures.blank",
        "items",
        "a person must decide",
        "top:",
    ),
    (
        "resident_satisfaction",
        "{channel: survey, items: [p1], statistic: mean_0_100}",
        "measures.kind",
        "statistic",
        "does not fit",
        "share",
    ),
    (
        "resident_satisfaction",
        "{channel: survey, items: [q1], statistic: net}",
        "measures.unit",
        "statistic",
        "is not the target's",
        "top2",
    ),
    (
        "service_response_hours",
        "{channel: survey, items: [q1], statistic: top2}",
        "measures.unit",
        "statistic",
        "is not the target's",
        "another channel",
    ),
    (
        "resident_satisfaction",
        "{channel: survey, items: [q1, q3], statistic: mean_0_100}",
        "measures.needs",
        "combine",
        "combine",
        "add",
    ),
    (
        "resident_satisfaction",
        "{channel: survey, items: [q1, q3], statistic: top2}",
        "measures.items",
        "items",
        "one item",
        "mean_0_100",
    ),
    (
        "activity_participation_rate",
        "{channel: survey, items: [p1], statistic: share}",
        "measures.needs",
        "where",
        "numerator",
        "add",
    ),
    (
        "resident_satisfaction",
        "{channel: survey, items: [q1], statistic: ____, population: adults}",
        "measures.blank",
        "statistic",
        "a person must decide",
        "fill in",
    ),
    (
        "public_facility_intact_rate",
        "{channel: inspection, items: [f01], statistic: share_passed}",
        "measures.missing",
        "visits",
        "missing",
        "add",
    ),
    (
        "public_facility_intact_rate",
        "{channel: inspection, items: [f01], statistic: share_passed, visits: [secret]}",
        "measures.unknown-word",
        "visits[0]",
        "unknown word",
        "",
    ),
    (
        "public_facility_intact_rate",
        "{channel: inspection, items: [q1], statistic: share_passed, visits: [announced]}",
        "measures.role",
        "items",
        "not an inspection item",
        "role",
    ),
    (
        "waste_sorting_accuracy",
        "{channel: record, measurement: w, statistic: ratio_of_sums}",
        "measures.needs",
        "window",
        "window",
        "add",
    ),
    (
        "waste_sorting_accuracy",
        "{channel: record, measurement: w, statistic: ratio_of_sums, window: last_quarter}",
        "measures.value",
        "window",
        "last_quarter",
        "last_3_months",
    ),
    (
        "waste_sorting_accuracy",
        "{channel: record, measurement: w, statistic: ratio_of_sums, window: null}",
        "measures.blank",
        "window",
        "a person must decide",
        "fill in",
    ),
    (
        "waste_sorting_accuracy",
        "{channel: record, statistic: last}",
        "measures.record",
        "",
        "exactly one",
        "measurement",
    ),
    (
        "activity_participation_rate",
        "{channel: survey, items: [p1], statistic: share, where: {p1: 3}}",
        "protocol.unknown-answer",
        "where.p1",
        "3",
        "known: 1, 2",
    ),
    (
        "waste_sorting_accuracy",
        "{channel: record, measurement: w, statistic: last, check: {inspection: [w01]}}",
        "measures.needs",
        "check",
        "counts as a disagreement",
        "tolerance_pp",
    ),
    (
        "waste_sorting_accuracy",
        "{channel: record, measurement: w, statistic: last, check: {tolerance_pp: 5}}",
        "measures.check",
        "check",
        "no further evidence",
        "inspection",
    ),
    (
        "service_response_hours",
        "{channel: record, requests: {kind: need}, statistic: median}",
        "measures.needs",
        "clock",
        "from when to when",
        "add",
    ),
    (
        "service_response_hours",
        "{channel: record, requests: {kind: need}, clock: recieved..answered, statistic: median}",
        "measures.value",
        "clock",
        "recieved..answered",
        "received..answered",
    ),
    (
        "service_response_hours",
        "{channel: record, requests: {kind: complain}, clock: received..answered,"
        " statistic: median}",
        "measures.value",
        "requests.kind",
        "complain",
        "complaint",
    ),
    (
        "convenience_coverage",
        "{channel: record, requests: {kind: need}, statistic: share, where: {outcome: resolved}}",
        "measures.needs",
        "open",
        "open cases",
        "add",
    ),
    (
        "convenience_coverage",
        "{channel: record, requests: {kind: need}, statistic: share_within,"
        " clock: received..closed}",
        "measures.needs",
        "within_hours",
        "limit",
        "add",
    ),
    (
        "complaint_volume",
        "{channel: record, requests: {kind: complaint}, statistic: count, clock: received..closed}",
        "measures.idle",
        "clock",
        "belongs to",
        "remove",
    ),
    (
        "major_safety_accident",
        "{channel: fact, fact: major_safety_accident, window_months: 0}",
        "measures.range",
        "window_months",
        "out of range",
        "≥ 1",
    ),
    (
        "resident_satisfaction",
        "top2",
        "measures.type",
        "",
        "mapping",
        "channel",
    ),
]


@pytest.mark.parametrize(
    ("slug", "entry", "code", "key", "reason", "remedy"), BAD, ids=[f"{b[0]}-{b[2]}" for b in BAD]
)
def test_a_fault_is_answered_by_key_reason_and_remedy(
    protocol: Protocol, slug: str, entry: str, code: str, key: str, reason: str, remedy: str
) -> None:
    with pytest.raises(InputError) as caught:
        read(f"{slug}: {entry}\n", protocol)
    problem = caught.value.problems[0]
    assert problem.code == code
    assert problem.column == (f"{slug}.{key}" if key else slug)
    assert reason in problem.en + problem.found
    assert remedy in problem.remedy_en + problem.expected
    assert problem.remedy_zh
    assert len(caught.value.problems) == 1


def test_an_unknown_indicator_names_the_nearest(protocol: Protocol) -> None:
    with pytest.raises(InputError, match='did you mean "waste_sorting_accuracy"'):
        read("waste_sorting: {channel: fact, fact: x}\n", protocol)


def test_every_indicator_in_scope_needs_an_entry(protocol: Protocol) -> None:
    with pytest.raises(InputError) as caught:
        read(
            "volunteer_share: {channel: record, measurement: v, statistic: last}\n",
            protocol,
            scope=["volunteer_share", "no_clutter", "waste_sorting_accuracy"],
        )
    assert [p.column for p in caught.value.problems] == ["no_clutter", "waste_sorting_accuracy"]


def test_all_faults_and_blanks_are_told_at_once(protocol: Protocol) -> None:
    text = """
resident_satisfaction: {channel: survey, items: [____], statistic: ____, population: ____}
waste_sorting_accuracy: {channel: record, measurement: w, statistic: ratio_of_sums, window: ____}
no_clutter: {channel: inspection, items: [h99], statistic: mean, visits: [announced]}
"""
    with pytest.raises(InputError) as caught:
        read(text, protocol)
    assert len(caught.value.problems) == 5


def test_rows_name_the_channel_of_each_scheme(protocol: Protocol) -> None:
    text = "\n".join(f"{slug}: {entry}" for slug, entry, _ in GOOD[2:] if slug not in SEEN_TWICE)
    measures = read(text, protocol)
    by = {
        scheme: {r["indicator"]: r["score_channel"] for r in measures.rows(protocol, scheme)}
        for scheme in ("A", "B")
    }
    assert by["A"]["no_clutter"] == "F"
    assert by["B"]["no_clutter"] == "M"
    assert by["B"]["public_facility_intact_rate"] == "T"
    assert by["A"]["waste_sorting_accuracy"] == "D"
    assert by["B"]["major_safety_accident"] is None


SEEN_TWICE = {"convenience_coverage"}


def test_what_the_entries_use(protocol: Protocol) -> None:
    slugs = {"resident_satisfaction", *SEEN_TWICE}
    text = "\n".join(f"{slug}: {entry}" for slug, entry, _ in GOOD if slug not in slugs)
    used = read(text, protocol).used()
    assert used["items"] == {"p1", "f01", "h01", "w01"}
    assert used["request_kinds"] == {"dispute", "need", "complaint", "order"}
    assert used["facts"] == {"major_safety_accident"}
    assert {"acts", "green", "faults"} <= used["measurements"]


def test_changing_one_entry_changes_that_indicator_and_no_other(protocol: Protocol) -> None:
    text = "\n".join(f"{slug}: {entry}" for slug, entry, _ in GOOD[2:] if slug not in SEEN_TWICE)
    before = read(text, protocol)
    after = read(
        text.replace("statistic: last", "statistic: mean, window: last_3_months"), protocol
    )
    changed = {slug for slug in before.entries if before[slug] != after[slug]}
    assert changed == {"volunteer_share"}


@pytest.mark.parametrize("name", PROGRAMMES)
def test_the_template_has_an_entry_per_indicator_and_only_blanks_are_wrong(name: str) -> None:
    protocol = load(name)
    text = template(protocol)
    data = parse_yaml(text)
    assert isinstance(data, dict)
    assessed = {
        slug
        for slug, i in protocol.indicators.items()
        if i.kind not in {"context", "quality", "composite"}
    }
    assert set(data) == assessed
    with pytest.raises(InputError) as caught:
        Measures.from_dict(data, protocol)
    assert {p.code for p in caught.value.problems} == {"measures.blank"}
    assert "____" in text


def test_an_empty_file_has_no_entries(protocol: Protocol, tmp_path: Path) -> None:
    path = tmp_path / "measures.yaml"
    path.write_text("# nothing yet\n", encoding="utf-8")
    assert Measures.load(path, protocol).entries == {}
    path.write_text("- a\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"measures\.yaml"):
        Measures.load(path, protocol)
