"""The ladder E0-E5, its caps and deductions, and the words each rung allows."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from workbench import change
from workbench.errors import InputError

KNOWN: dict[str, Any] = {
    "n_known": True,
    "dates_known": True,
    "question_known": True,
    "interval": True,
}
SOUND: dict[str, Any] = {
    **KNOWN,
    "kind": "waves",
    "same_question": True,
    "same_mode": True,
    "same_months": True,
    "same_denominator": True,
    "composition_adjusted": True,
    "regression_to_mean_computed": True,
}
SERIES: dict[str, Any] = {
    **SOUND,
    "kind": "series",
    "date_fixed_before": True,
    "shape_fixed_before": True,
    "points_before": 24,
    "points_after": 12,
    "seasonal": True,
    "autocorrelation_modelled": True,
}
CONTROLLED: dict[str, Any] = {
    **SOUND,
    "kind": "controlled",
    "treated": 4,
    "comparison": 6,
    "same_dates": True,
    "baseline_g": 0.02,
    "inference_by_community": True,
}
TESTED: dict[str, Any] = {
    **CONTROLLED,
    "pre_periods": 4,
    "pre_trend_power_stated": True,
    "sensitivity_shown": True,
    "p_by_randomisation": True,
}
DRAWN: dict[str, Any] = {
    **CONTROLLED,
    "kind": "randomised",
    "treated": 10,
    "comparison": 10,
    "attrition": 0.05,
}


@pytest.mark.parametrize(
    ("base", "more", "grade"),
    [
        ({}, {}, "E0"),
        ({**KNOWN, "kind": "waves"}, {}, "E1"),
        ({**KNOWN, "kind": "reported"}, {}, "E1"),
        (SOUND, {}, "E2"),
        (SERIES, {}, "E3"),
        (CONTROLLED, {}, "E3"),
        (TESTED, {}, "E4"),
        (DRAWN, {}, "E5"),
        # missing n is E0 whatever the design
        (DRAWN, {"n_known": None}, "E0"),
        (TESTED, {"interval": False}, "E0"),
        (SOUND, {"same_sample_kind": False}, "E0"),
        # requirements
        (SOUND, {"composition_adjusted": None}, "E1"),
        (SOUND, {"regression_to_mean_computed": None}, "E1"),
        (SERIES, {"points_before": 11}, "E2"),
        (SERIES, {"points_before": 11, "seasonal": False}, "E3"),
        (SERIES, {"date_fixed_before": None}, "E2"),
        (CONTROLLED, {"baseline_g": 0.26}, "E2"),
        (CONTROLLED, {"baseline_g": 0.10}, "E2"),
        (CONTROLLED, {"baseline_g": -0.10, "baseline_adjusted": True}, "E3"),
        (CONTROLLED, {"inference_by_community": None}, "E2"),
        (TESTED, {"p_by_randomisation": None}, "E3"),
        (TESTED, {"p_by_randomisation": None, "treated": 12, "comparison": 12}, "E4"),
        (TESTED, {"pre_periods": 2}, "E3"),
        (TESTED, {"pre_periods": 2, "group_time_effects": True}, "E4"),
        # caps
        (TESTED, {"treated": 1}, "E2"),
        (DRAWN, {"comparison": 1}, "E2"),
        ({**TESTED, "kind": "synthetic", "placebo_ranked": True}, {"treated": 1}, "E3"),
        (SOUND, {"comparable_units": False}, "E1"),
        (DRAWN, {"comparable_units": False}, "E1"),
        # deductions, one grade each
        (SOUND, {"same_mode": False}, "E1"),
        (SOUND, {"same_months": False}, "E1"),
        (SOUND, {"baseline_extreme": True}, "E1"),
        (SOUND, {"response_before": 0.5, "response_after": 0.35}, "E1"),
        (SOUND, {"response_before": 0.5, "response_after": 0.41}, "E2"),
        (SERIES, {"same_question": False, "same_months": False}, "E1"),
        (TESTED, {"multiplicity_corrected": False}, "E3"),
        (TESTED, {"outcome_fixed_before": False, "same_mode": False}, "E2"),
        (DRAWN, {"attrition": 0.4}, "E4"),
        # what E1 names as not ruled out takes no claim below it; uncorrected tests do
        (SOUND, {"same_mode": False, "same_months": False, "baseline_extreme": True}, "E1"),
        (SOUND, {"composition_adjusted": None, "multiplicity_corrected": False}, "E0"),
        # panel
        ({**SOUND, "kind": "panel", "attrition_bounded": True, "attrition": 0.1}, {}, "E2"),
        ({**SOUND, "kind": "panel", "attrition_bounded": True}, {}, "E1"),
        # upgrade by one, never above E4, not with a deduction
        (CONTROLLED, {"risk_ratio_ci": (2.1, 4.0)}, "E4"),
        (CONTROLLED, {"risk_ratio_ci": (0.2, 0.49)}, "E4"),
        (CONTROLLED, {"risk_ratio_ci": (1.9, 4.0)}, "E3"),
        (CONTROLLED, {"dose_response": True, "risk_ratio_ci": (2.1, 4.0)}, "E4"),
        (TESTED, {"dose_response": True}, "E4"),
        (CONTROLLED, {"dose_response": True, "same_mode": False}, "E2"),
    ],
)
def test_the_grade_follows_from_the_facts(
    base: dict[str, Any], more: dict[str, Any], grade: str
) -> None:
    made = change.grade({**base, **more})
    assert made.grade == grade
    assert made.reason_zh
    assert made.reason_en
    assert len(made.reasons_zh) == len(made.reasons_en)


def test_a_large_effect_raises_the_grade_and_not_the_words() -> None:
    made = change.grade({**SOUND, "risk_ratio_ci": (2.5, 3.0)})
    assert (made.grade, made.says) == ("E3", "E2")


def test_a_better_fact_never_lowers_the_grade() -> None:
    rng = np.random.default_rng(11)
    flags = [
        "n_known", "dates_known", "question_known", "interval", "same_question", "same_mode",
        "same_months", "same_denominator", "composition_adjusted", "regression_to_mean_computed",
        "date_fixed_before", "shape_fixed_before", "autocorrelation_modelled", "same_dates",
        "inference_by_community", "pre_trend_power_stated", "sensitivity_shown",
        "p_by_randomisation", "multiplicity_corrected", "attrition_bounded", "placebo_ranked",
    ]  # fmt: skip
    for kind, _ in product(("waves", "panel", "series", "controlled", "synthetic"), range(40)):
        base = TESTED if kind == "controlled" else SERIES
        facts = {**base, "kind": kind, "attrition": 0.1, **dict.fromkeys(flags, True)}
        for flag in flags:
            if rng.random() < 0.2:
                facts[flag] = False
        level = int(change.grade(facts).grade[1])
        for flag in flags:
            if facts[flag] is False:
                assert int(change.grade({**facts, flag: True}).grade[1]) >= level, (kind, flag)


def test_an_unknown_fact_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="colour"):
        change.grade({"colour": "red"})


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("unit", ["pp", "ratio", "score"])
def test_no_sentence_says_more_than_its_grade(lang: str, unit: str) -> None:
    for facts in ({}, {**KNOWN, "kind": "waves"}, SOUND, CONTROLLED, TESTED, DRAWN):
        made = change.grade(facts)
        for verdict in change.VERDICTS.values():
            text = change.sentence(
                made, verdict, before=0.42, after=0.76, difference=0.34, ci=(0.15, 0.5),
                unit=unit, level_unit="share", lang=lang,
            )  # fmt: skip
            assert change.overclaims(text, made.grade) == [], text
            assert "{" not in text
        if made.grade != "E5":
            above = change.GRADES[int(made.grade[1]) + 1]
            words = above.wording_zh if lang == "zh" else above.wording_en
            change_by = "相差 3" if lang == "zh" else "a difference of 3"
            words = words.format(before="1", after="2", change=change_by, size="3")
            assert change.overclaims(words, made.grade), words


@pytest.mark.parametrize(
    ("text", "grade"),
    [
        ("Satisfaction rose because of the renovation", "E4"),
        ("满意度因为改造而提高", "E4"),
        ("the effect was 5 points", "E3"),
        ("改造的成效明显", "E2"),
        ("the intervals overlap, so there is no difference", "E5"),
        ("两个区间重叠", "E5"),
        ("It was significantly higher", "E0"),
    ],
)
def test_overclaims_are_found(text: str, grade: str) -> None:
    assert change.overclaims(text, grade)


def test_the_ladder_has_both_languages_in_full() -> None:
    frame = change.grade_table()
    assert frame["evidence_grade"].tolist() == ["E0", "E1", "E2", "E3", "E4", "E5"]
    texts = frame.filter(regex="_(zh|en)$").drop(columns=["reason_zh", "reason_en"])
    assert (texts != "").all().all()


@pytest.mark.parametrize("about", ["levels", "changes", "series"])
@pytest.mark.parametrize("unit", ["pp", "score", "ratio", "count", "points", "hours"])
def test_no_wording_of_any_grade_and_verdict_says_more(about: str, unit: str) -> None:
    designs = [{}, {**KNOWN, "kind": "waves"}, SOUND, SERIES, CONTROLLED, TESTED, DRAWN]
    raised = [{**d, "risk_ratio_ci": (2.5, 3.0)} for d in designs]
    seen = set()
    for facts, code in product([*designs, *raised], change.VERDICTS):
        made = change.grade(facts)
        seen.add(made.grade)
        for lang, ci in product(("zh", "en"), [(0.1, 0.3), (-0.2, 0.4), (float("nan"),) * 2]):
            text = change.sentence(
                made, change.VERDICTS[code], before=0.42, after=0.62, difference=0.2, ci=ci,
                unit=unit, level_unit="share", lang=lang, about=about,
            )  # fmt: skip
            assert change.overclaims(text, made.says) == [], (made.says, text)
            assert change.overclaims(text, made.grade) == [], (made.grade, text)
            if made.says == "E0":
                assert change.VERDICTS["better"].zh not in text
                assert "+" not in text or about == "changes"
    assert seen == {"E0", "E1", "E2", "E3", "E4", "E5"}


def test_a_change_left_open_by_the_correction_alone_says_so() -> None:
    import pandas as pd

    rng = np.random.default_rng(3)
    frame = pd.DataFrame({f"q{i}": (rng.random(200) < 0.5).astype(int) for i in range(10)})
    frame["wave"] = [1] * 100 + [2] * 100
    frame["q0"] = [1] * 50 + [0] * 50 + [1] * 65 + [0] * 35
    items = [f"q{i}" for i in range(10)]
    one = change.compare(frame, items, of="share", baseline=1, current=2).iloc[0]
    assert one["ci_low"] > 0
    assert one["p_adjusted"] > 0.05
    assert one["verdict"] == "cannot_tell"
    assert one["wording_en"].endswith("cannot tell after correction for many tests.")
    assert "校正多重比较后无法判断" in one["wording_zh"]


def test_a_large_effect_does_not_lift_a_claim_over_its_cap() -> None:
    facts = {"kind": "waves", "n_known": True, "dates_known": True, "question_known": True,
             "interval": True, "risk_ratio_ci": (2.5, 4.0)}  # fmt: skip
    assert change.grade(facts).grade == "E2"
    merged = change.grade(facts | {"comparable_units": False})
    assert merged.grade == "E1"
    assert "merged or split" in merged.reason_en
