"""What only some programmes ask for: lower units, votes, funds, follow-up, claims, indices."""

from __future__ import annotations

import dataclasses
import importlib
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from workbench import assess
from workbench.assess.lower import combined
from workbench.community import Community
from workbench.protocol import load

ISSUED = "2026-12-20"
WAVES = [
    {
        "id": "w1",
        "role": "baseline",
        "fieldwork": ["2026-04-08", "2026-05-06"],
        "records": ["2025-11", "2026-04"],
    },
    {
        "id": "w2",
        "role": "current",
        "fieldwork": ["2026-10-08", "2026-11-05"],
        "records": ["2026-05", "2026-10"],
    },
]


def unit(programme: str = "rectification", level: str = "community", **tables: Any) -> Community:
    """A unit with the tables given, each a list of rows; two communities and a subdistrict."""
    communities = pd.DataFrame(
        {
            "community": ["ST", "A", "B"],
            "name": ["街道", "甲", "乙"],
            "name_en": ["Street", "A", "B"],
            "level": ["subdistrict", "community", "community"],
            "parent": [None, "ST", "ST"],
            "age_class": [None, "old", "new"],
            "residents": [4000.0, 1000.0, 3000.0],
            "adults": [3200.0, 800.0, 2400.0],
            "households": [1500.0, 500.0, 1000.0],
        }
    )
    settings = {
        "community": "ST" if level == "subdistrict" else "A",
        "unit": level,
        "wave": "w2",
        "baseline": "w1",
        "waves": WAVES,
        "issued": ISSUED,
        "timezone": "Asia/Shanghai",
        "scope": [],
        "measures": {},
        "codebook": {},
        "decisions": {"level": 0.95, "min_cell": 10},
        "phase": None,
    }
    frames = {name: pd.DataFrame(rows) for name, rows in tables.items()}
    return Community(
        folder=Path(),
        settings=settings,
        tables={"communities": communities, **frames},
        protocol=load(programme),
    )


def measured(**attained: float) -> pd.DataFrame:
    """Rows as `assess.indicators` gives them, with an attainment each."""
    rows = [
        {
            "finding": f"indicator.{slug}", "indicator": slug, "channel": "record",
            "dimension": "environment" if k % 2 else "service", "value": a, "unit": "share",
            "attainment": a, "attainment_se": 0.0, "attainment_low": None, "attainment_high": None,
            "std_error": None, "label_zh": slug, "label_en": slug, "target_zh": "1", "target_en": "1",
        }
        for k, (slug, a) in enumerate(attained.items())
    ]  # fmt: skip
    return pd.DataFrame(rows)


def told(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    return {str(row["finding"]): row for row in frame.to_dict("records")}


# lower units


def value_of(values: dict[str, dict[str, Any]]) -> Any:
    return lambda child: values[child.community]


@pytest.mark.parametrize(
    ("slug", "statistic", "values", "expected"),
    [
        # 1000 and 3000 residents: (0.6·1000 + 0.8·3000)/4000
        ("broadband_coverage_old", "last", {"A": 0.6, "B": 0.8}, 0.75),
        ("smart_scene_count", "last", {"A": 3.0, "B": 4.0}, 7.0),
        ("facility_gap_new_old", "last", {"A": 2.3, "B": 6.2}, 1 - 2.3 / 6.2),
    ],
)
def test_lower_units_combine_as_the_protocol_says(slug, statistic, values, expected) -> None:
    c = unit("subdistrict", "subdistrict")
    rows = {name: {"value": value} for name, value in values.items()}
    row = combined(c, slug, {"channel": "record", "statistic": statistic}, value_of(rows))
    assert row["value"] == pytest.approx(expected)
    assert row["n"] == 2


def test_ratios_of_lower_units_add_numerators_and_denominators() -> None:
    c = unit("subdistrict", "subdistrict")
    rows = {"A": {"value": 0.9, "numerator": 9, "denominator": 10},
            "B": {"value": 0.5, "numerator": 50, "denominator": 100}}  # fmt: skip
    entry = {"channel": "record", "statistic": "ratio_of_sums"}
    row = combined(c, "mediation_success_rate", entry, value_of(rows))
    assert row["value"] == pytest.approx(59 / 110)


def test_a_lower_unit_without_a_value_leaves_no_mean_of_the_others() -> None:
    c = unit("subdistrict", "subdistrict")
    entry = {"channel": "record", "statistic": "last"}
    row = combined(
        c, "broadband_coverage_old", entry, value_of({"A": {"value": 0.6}, "B": {"value": None}})
    )
    assert row["status"] == "not_computed"
    assert "B" in row["reason_en"]


# follow-up of recommendations (C-54)


ISSUE = {
    "community": "A", "origin": "inspection", "indicator": None, "item": None, "text_en": None,
    "responsible": "物业", "photos_before": None, "photos_after": None,
    "recommendation_zh": "整改", "recommendation_en": "put right", "priority": "urgent",
}  # fmt: skip


def issue(
    name: str, found: str, due: str | None, closed: str | None, **more: Any
) -> dict[str, Any]:
    days = {n: pd.Timestamp(v) if v else pd.NaT for n, v in
            {"found": found, "due": due, "closed": closed}.items()}  # fmt: skip
    return {**ISSUE, "issue": name, "text_zh": f"问题{name}", **days, **more}


def test_last_waves_recommendations_are_followed_up_with_their_state() -> None:
    c = unit(
        issues=[
            issue("R1", "2026-04-20", "2026-07-20", "2026-07-01"),
            issue("R2", "2026-04-20", "2026-07-20", "2026-08-01"),
            issue("R3", "2026-04-20", "2026-07-20", None, origin="monitor"),
            issue("P1", "2026-10-20", "2027-01-20", None),
        ]
    )
    found = told(assess.followup(c))
    states = [found[f"followup.earlier.{i}"]["display_en"] for i in (1, 2, 3)]
    assert states == ["done in time, 2026-07-01", "done late, 2026-08-01", "overdue (153 days)"]
    assert found["followup.current.1"]["display_zh"] == "进行中"
    assert found["followup.earlier.done"]["value"] == pytest.approx(2 / 3)
    assert found["followup.current.done"]["value"] == 0
    assert found["followup.monitors.done"]["denominator"] == 1
    assert "72小时内办结" in found["followup.earlier.1"]["reason_zh"]  # the class's own deadline


def test_only_released_pictures_are_named() -> None:
    c = unit(
        issues=[issue("R1", "2026-04-20", None, None, photos_before="F1;F2;F4", photos_after="F3")],
        photos=[
            {"photo": "F1", "community": "A", "release": "internal"},
            {"photo": "F2", "community": "A", "release": "report", "redacted": True},
            {"photo": "F4", "community": "A", "release": "public", "redacted": None},
            {"photo": "F3", "community": "A", "release": "public", "redacted": True},
        ],
    )
    assert told(assess.followup(c))["followup.earlier.1"]["pictures"] == "F2;F3"


# funds (C-44, C-82)


LINES = [
    {"community": "A", "line": "道路", "period": "2026", "field": "environment", "nature": "hard",
     "source": "local", "planned": 600.0, "spent": 200.0},
    {"community": "A", "line": "助餐", "period": "2026", "field": "service", "nature": "soft",
     "source": "centre", "planned": 400.0, "spent": 100.0},
]  # fmt: skip


def test_funds_add_up_and_are_held_against_the_shares_of_the_source() -> None:
    found = told(assess.funds(unit(funds=LINES)))
    assert found["funds.total"]["numerator"] == 300
    assert found["funds.total"]["denominator"] == 1000
    assert found["funds.allocation.environment"]["value"] == pytest.approx(0.6)
    assert found["funds.allocation.environment"]["target"] == pytest.approx(0.4)
    assert found["funds.allocation.stated_sum"]["verdict"] == "failed"  # 105 %
    assert found["funds.nature.soft"]["verdict"] == "met"  # 40 %


def test_funds_behind_plan_warn_from_twenty_points_on() -> None:
    found = told(assess.funds(unit(funds=LINES)))["funds.progress"]
    # ten months of twelve should be spent, three tenths are
    assert found["value"] == pytest.approx(10 / 12 - 0.3)
    assert found["verdict"] == "failed"
    assert found["remedy_en"]


def test_without_budget_lines_nothing_is_said_about_funds() -> None:
    assert assess.funds(unit()).empty


# social organisations (C-55)


def organisation(name: str, **told: float) -> list[dict[str, Any]]:
    return [{"community": "A", "fact": f"social_org.{name}.{k}", "value": str(v),
             "date": pd.NaT, "evidence": "表"} for k, v in told.items()]  # fmt: skip


def test_an_organisation_below_the_entry_gate_fails_whatever_its_marks() -> None:
    facts = organisation("新社", years=2, staff=9, q1=99, q2=99, q3=99, q4=99, annual=99)
    facts += organisation("老社", years=6, staff=8, q1=80, q2=80, q3=80, q4=80, annual=90)
    found = told(assess.organisations(unit(facts=facts)))
    assert found["organisation.新社"]["verdict"] == "failed"
    assert found["organisation.老社"]["verdict"] == "cannot_tell"  # the source gives no pass mark
    assert "没有给定" in found["organisation.老社"]["reason_zh"]


# votes, suggestions, sheet, milestones


def vote(name: str, **more: Any) -> dict[str, Any]:
    return {"vote": name, "community": "A", "date": pd.Timestamp("2026-06-01"), "base": "owners",
            "eligible": 100.0, "cast": 90.0, "approve": 80.0, "threshold": 0.8, "level": "co_plan",
            "effective": 1.0, "subject_zh": "花园", "subject_en": "garden"} | more  # fmt: skip


def test_votes_are_held_against_their_own_threshold_and_counted_by_level() -> None:
    votes = [
        vote("V1"),
        vote("V2", approve=79.0, level="inform"),
        vote("V3", threshold=float("nan"), level=None),
    ]
    nothing = pd.DataFrame({"finding": pd.Series(dtype=str)})
    found = told(assess.participation(unit("participation", votes=votes), nothing))
    assert found["participation.vote.V1"]["verdict"] == "met"
    assert found["participation.vote.V2"]["verdict"] == "not_met"
    assert pd.isna(found["participation.vote.V3"]["verdict"])
    assert found["participation.level.deep"]["value"] == pytest.approx(0.5)
    assert found["participation.level.unclassified"]["value"] == pytest.approx(1 / 3)


def test_a_milestone_is_passed_by_a_document_and_else_undecided() -> None:
    document = {"document": "D1", "community": "A", "kind": "plan", "date": pd.Timestamp("2026-02-01"),
                "theme": "试点", "indicator": None, "reported": None, "verified": None}  # fmt: skip
    c = unit("participation", documents=[document])
    c = dataclasses.replace(c, settings={**c.settings, "phase": "rollout"})
    verdicts = [row["verdict"] for row in assess.milestones(c).to_dict("records")]
    assert verdicts == ["passed", "cannot_tell"]


# claims


def test_a_claim_stands_beside_the_assessed_value_and_a_recount_gives_its_ratio() -> None:
    rows = [
        {"document": "S", "community": "A", "kind": "self_report", "date": pd.NaT, "theme": None,
         "indicator": "waste_sorting_accuracy", "reported": 90.0, "verified": None},
        *({"document": f"A{k}", "community": "A", "kind": "activity", "date": pd.NaT, "theme": None,
           "indicator": None, "reported": 15.0, "verified": 10.0} for k in range(3)),
    ]  # fmt: skip
    found = told(assess.claims(unit(documents=rows), measured(waste_sorting_accuracy=0.6)))
    assert found["claim.waste_sorting_accuracy"]["display_en"] == "claimed 90.0%, assessed 60.0%"
    assert found["claim.recount"]["value"] == pytest.approx(1.5)
    assert "3" in found["claim.recount"]["reason_en"]


# indices


def test_the_efficacy_index_is_the_mean_of_the_dimensions() -> None:
    c = dataclasses.replace(unit(), settings={**unit().settings, "phase": "M"})
    found = told(
        assess.efficacy(c, measured(elderly_meal_coverage=0.5, waste_sorting_accuracy=0.9))
    )
    assert found["score.efficacy"]["value"] == pytest.approx(70.0)
    assert found["score.efficacy"]["target"] == 80  # mid term
    assert "没有指标的维度" in found["score.efficacy"]["reason_zh"]


def test_the_appraisal_needs_a_measure_of_participation_and_weighs_60_40() -> None:
    frame = measured(resident_satisfaction=0.9, problem_resolution_rate=0.6,
                     volunteer_active_rate=0.3, upper_task_completion=1.0)  # fmt: skip
    c = unit("subdistrict", "subdistrict")
    assert told(assess.appraisal(c, frame))["score.appraisal"]["status"] == "not_computed"
    chosen = load("subdistrict", parameters={"participation_measure": "volunteer_active_rate"})
    found = told(assess.appraisal(dataclasses.replace(c, protocol=chosen), frame))
    assert found["score.appraisal"]["value"] == pytest.approx(0.2 * (90 + 60 + 30) + 0.4 * 100)


# published cases


def test_the_weakest_indicators_stand_with_published_cases_as_reference() -> None:
    frame = measured(resident_satisfaction=0.4, waste_sorting_accuracy=0.9, cctv_coverage=1.0)
    found = told(assess.reference(unit(), frame))
    names = [key for key in found if key.startswith("reference.weakest.")]
    assert names == [
        "reference.weakest.resident_satisfaction",
        "reference.weakest.waste_sorting_accuracy",
    ]
    case = found["reference.case.resident_satisfaction.1"]
    assert case["kind"] == "text"
    assert "→" in case["display_zh"]
    assert "doc 000" in case["reason_zh"]


# series of records


def series(values: list[float], first: int = 1) -> Any:
    rows = [{"community": "A", "indicator": "x", "period": f"2026-{first + k:02d}", "value": v,
             "numerator": float("nan"), "denominator": float("nan"), "origin": "ledger",
             "source": "s", "device": None} for k, v in enumerate(values)]  # fmt: skip
    c = unit("civilised", "compound", measurements=rows)
    slug = "waste_sorting_accuracy"
    entry = {"channel": "record", "measurement": "x", "statistic": "last"}
    return dataclasses.replace(
        c, settings={**c.settings, "scope": [slug], "measures": {slug: entry}}
    )


@pytest.mark.parametrize(
    ("values", "first", "word"),
    [
        ([0.8, 0.81, 0.79, 0.83, 0.8, 0.84, 0.82], 4, None),
        ([0.8, 0.81, 0.79], 4, "late"),
        ([0.85] * 7, 4, "alike"),
        ([0.80, 0.81, 0.82, 0.83, 0.84, 0.85, 0.86], 4, "same step"),
        ([1.0] * 7, 4, None),  # everything in order, every month: an honest series
    ],
)
def test_series_that_come_late_or_too_regular_are_findings(values, first, word) -> None:
    found = told(assess.regularity(series(values, first)))
    if word is None:
        assert "check.series.waste_sorting_accuracy" not in found
        row = found["check.series.sound"]
        assert row["verdict"] == "passed"
        assert "coarser" in row["reason_en"]  # the class expects more than a month's sum
    else:
        row = found["check.series.waste_sorting_accuracy"]
        assert row["verdict"] == "failed"
        assert word in row["reason_en"]


def test_a_gap_in_a_series_is_named() -> None:
    c = series([0.8, 0.81, 0.79, 0.83, 0.8, 0.84, 0.82], 4)
    frame = c.tables["measurements"]
    c = dataclasses.replace(c, tables={**c.tables, "measurements": frame.drop(index=2)})
    row = told(assess.regularity(c))["check.series.waste_sorting_accuracy"]
    assert "2026-06" in row["reason_zh"]


def test_classes_without_data_are_named() -> None:
    row = told(assess.regularity(series([0.8] * 3, 8)))["check.series.classes"]
    assert row["n"] == 12
    assert row["value"] == 1
    assert "能耗数据" in row["reason_zh"]


# the set of indicators


def test_a_micro_adjustment_shows_both_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module("workbench.assess.ruleset")
    overlay = tmp_path / "protocol.yaml"
    overlay.write_text(
        "micro_adjustment:\n  minutes: minutes.pdf\n  decided: 2026-03-01\n"
        "  relative: {waste_sorting_accuracy: 0.2}\n",
        encoding="utf-8",
    )
    c = dataclasses.replace(unit("civilised", "compound"), protocol=load("civilised", overlay))
    totals = pd.DataFrame({"part": ["total"], "value": [81.0]})
    monkeypatch.setattr(
        module, "score", lambda other, _: totals.assign(value=80.0)
        if other.protocol.micro_adjustment is None else totals,
    )  # fmt: skip
    frame = measured(waste_sorting_accuracy=0.9, mediation_success_rate=0.8)
    found = told(assess.ruleset(c, frame.assign(target_kind="level"), totals))
    assert found["ruleset.micro.with"]["value"] == 81.0
    assert found["ruleset.micro.without"]["value"] == 80.0
    assert "minutes.pdf" in found["ruleset.micro"]["display_en"]
    shares = [row for key, row in found.items() if key.startswith("ruleset.share.")]
    assert {"R-04", "R-05", "R-09"} <= {row["rule"] for row in shares}


def test_objections_are_listed_with_their_decision() -> None:
    rows = [{"objection": "O1", "community": "A", "stage": "notice", "about": "deduction.1",
             "received": pd.Timestamp("2026-12-01"), "decided": pd.Timestamp("2026-12-09"),
             "decision": "upheld", "reason_zh": "设备故障", "reason_en": None}]  # fmt: skip
    score = pd.DataFrame(
        [{"finding": "score.total", "value": 81.0, "label_zh": "", "label_en": ""}]
    )
    lost = pd.DataFrame([{"finding": "deduction.1", "label_zh": "甲", "label_en": "A"}])
    found = told(assess.objections(unit(objections=rows), score, lost))["objection.O1"]
    assert (
        found["display_zh"] == "成立，2026-12-09；没有引用本异议的更正或人工决定，总分未变，81.0分"
    )
    assert found["label_en"].endswith('about "A"')
    assert found["reason_zh"] == "设备故障"


def test_a_deduction_prints_the_value_whether_or_not_the_unit_has_words_of_its_own() -> None:
    from workbench.assess.score import _why

    frame = measured(elderly_meal_coverage=0.5, professional_staffing_rate=16.6)
    frame["own_scale"] = False
    frame["display_zh"] = [None, "16.6 人/万人"]
    frame["display_en"] = [None, "16.6 persons per 10 000 residents"]
    wanted = frame.set_index("indicator")
    assert _why(unit(), "elderly_meal_coverage", wanted)["reason_en"].startswith("measured 50.0%")
    assert "16.6 人/万人" in _why(unit(), "professional_staffing_rate", wanted)["reason_zh"]


def test_every_unit_of_a_published_case_has_words_in_both_languages() -> None:
    module = import_module("workbench.assess.ruleset")
    used = {row["unit"] for row in module._published()} - {"index_before_100", ""}
    assert used <= set(module._UNITS)


# targets of several phases, and what was decided where the source is silent


def test_a_value_is_held_against_the_target_of_each_phase() -> None:
    """Waste sorting after a year: 60 in the phase table, 80 in the end (X-03)."""
    c = unit()
    frame = measured(waste_sorting_accuracy=0.7, effective_decision_rate=0.72).assign(
        ci_low=float("nan"), ci_high=float("nan"), target_kind="level"
    )
    found = told(assess.ruleset(c, frame, pd.DataFrame()))
    assert found["ruleset.phases.waste_sorting_accuracy"]["display_en"] == (
        "short term (1 year) 60%, met; final 80%, not met"
    )
    # kept although a pilot had reached 75
    reached = found["ruleset.phases.effective_decision_rate"]["display_en"]
    assert (
        reached == "short term (1 year) 65%, met; final 70%, met (already reached elsewhere, X-11)"
    )


def test_what_the_source_leaves_open_is_printed_with_who_decided() -> None:
    c = dataclasses.replace(
        unit(), protocol=load("rectification", parameters={"audit_sample": 0.1})
    )
    frame = measured(waste_sorting_accuracy=0.7).assign(
        ci_low=float("nan"), ci_high=float("nan"), target_kind="level"
    )
    found = told(assess.ruleset(c, frame, pd.DataFrame()))
    assert found["ruleset.parameter.audit_sample"]["display_en"] == "10%"
    assert "given by the study" in found["ruleset.parameter.audit_sample"]["reason_en"]
    assert "as recommended" in found["ruleset.parameter.index_formula_ref"]["reason_en"]
    assert "ruleset.parameter.min_years" not in found  # the source states it


def test_the_gap_of_service_area_is_told_in_square_metres() -> None:
    """0.8 of 1.2 m² for 87,000 residents is 34,800 m² short (X-33)."""
    c = unit("subdistrict", "subdistrict")
    c.tables["communities"].loc[0, "residents"] = 87_000.0
    frame = measured(service_area_per_capita=0.8).assign(
        ci_low=float("nan"), ci_high=float("nan"), target_kind="level", unit="ratio"
    )
    found = told(assess.ruleset(c, frame, pd.DataFrame()))
    assert found["ruleset.area"]["display_en"].startswith("34,800 m² (87,000 residents")


def test_a_share_of_participants_is_marked_as_one() -> None:
    """X-79: it stands in no table beside a rate of residents."""
    rows = [
        {"indicator": slug, "period": f"2026-{month:02d}", "numerator": 30.0, "denominator": 100.0,
         "value": 0.3, "unit": "ratio", "origin": "system"}
        for slug in ("youth_participation_share", "new_resident_participation_rate")
        for month in range(5, 11)
    ]  # fmt: skip
    c = unit("participation", measurements=rows)
    slugs = ["youth_participation_share", "new_resident_participation_rate"]
    entries = {
        slug: {"channel": "record", "measurement": slug, "statistic": "ratio_of_sums",
               "window": "last_6_months"}
        for slug in slugs
    }  # fmt: skip
    c = dataclasses.replace(c, settings={**c.settings, "scope": slugs, "measures": entries})
    found = told(assess.indicators(c, None))
    assert found["indicator.youth_participation_share"]["statistic"] == "share_of_participants"
    assert pd.isna(found["indicator.new_resident_participation_rate"]["statistic"])
