"""Who answered and what changed: what is withheld, what cannot be computed, and the words for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from workbench import assess, findings, survey
from workbench.assess.changes import _asked, _grounds, facts_of
from workbench.assess.sample import absent
from workbench.charts import composition_chart
from workbench.community import Community

MakeUnit = Callable[..., Community]


def _all(c: Community) -> dict[str, dict[str, Any]]:
    """Every finding of the module, by id; recording refuses double ids."""
    sample = assess.design(c)
    made = [f(c, sample) for f in (assess.response, assess.weights, assess.satisfaction)]
    made += [f(c, sample) for f in (assess.subgroups, assess.changes)]
    every = pd.concat([m for m in made if not m.empty], ignore_index=True)
    return {row["finding"]: row for row in findings.rows(every, section="all")}


def test_a_comparison_with_a_small_side_shows_no_number(unit: MakeUnit) -> None:
    c = unit(q1=[5.0] * 60 + [4.0] * 6 + [None] * 54)
    got = _all(c)
    row = got["change.q1.top2"]
    assert row["status"] == "suppressed"
    numbers = "value ci_low ci_high n p_value p_adjusted baseline baseline_zh wording_zh display_zh"
    assert not set(numbers.split()) & set(row)
    assert "10" in row["reason_zh"]
    assert "10" in row["reason_en"]
    assert "change.q1.top2.unweighted" not in got
    assert got["change.q2.top2"]["status"] == "ok"
    assert got["change.q2.top2"]["n"] == 120


@pytest.mark.parametrize(
    ("now", "before", "change"),
    [(60, 0, "not_computed"), (0, 60, "not_computed"), (0, 0, None), (60, 5, "suppressed")],
)
def test_a_wave_without_answers_never_raises(
    unit: MakeUnit, now: int, before: int, change: str | None
) -> None:
    c = unit(now, before)
    if now + before == 0:
        assert assess.satisfaction(c, assess.design(c)).empty
        assert assess.changes(c, assess.design(c)).empty
        return
    got = _all(c)
    row = got["change.q1.top2"]
    assert row["status"] == change
    assert row["kind"] == "comparison"
    assert row["reason_zh"]
    assert row["reason_en"]
    assert not [name for name in got if name.startswith("change.grounds")]
    if not now:
        current = got["survey.q1.top2.current"]
        assert current["status"] == "not_computed"
        assert current["reason_en"] == "there are no questionnaires in this wave"
        assert got["survey.q1.top2.baseline"]["status"] == "ok"
        assert got["weights.raking"]["status"] == "not_computed"


def test_an_opt_in_sample_alone_says_so_and_keeps_its_shares(unit: MakeUnit) -> None:
    c = unit(mode="mini_program")
    sample = assess.design(c)
    assert "opt-in" in sample.reason_en
    assert "自愿" in sample.reason_zh
    assert absent(c, sample) == (sample.reason_zh, sample.reason_en)
    got = _all(c)
    assert got["survey.q1.top2.opt_in"]["n"] == 60
    assert got["survey.q1.top2.current"]["status"] == "not_computed"
    for name in ("survey.q1.mean.current", "weights.raking"):
        assert got[name]["reason_en"] == sample.reason_en


def test_opt_in_answers_of_this_wave_do_not_stand_in_for_a_sample(unit: MakeUnit) -> None:
    c = unit(mode=["mini_program"] * 60 + ["household"] * 60)
    got = _all(c)
    assert "opt-in" in got["survey.q1.top2.current"]["reason_en"]
    assert got["survey.q1.top2.baseline"]["status"] == "ok"
    assert got["change.q1.top2"]["status"] == "not_computed"


def test_small_groups_of_the_composition_are_withheld(unit: MakeUnit) -> None:
    margins = pd.DataFrame(
        {"area": "U", "variable": "sex", "category": ["1", "2"], "count": [500.0, 500.0]}
    )
    c = unit(sex=([1.0] * 52 + [2.0] * 8) * 2, margins=margins)
    made = assess.response(c, assess.design(c))
    shown = made[made["finding"].str.startswith("response.composition")]
    assert shown["finding"].tolist() == [f"response.composition.sex.{k}" for k in "12"]
    assert shown["status"].tolist() == ["suppressed"] * 2
    assert shown["label_en"].tolist() == ["female", "male"]
    rows = findings.rows(shown, section="response")
    assert all("value" not in r and "n" not in r and r["target"] == 0.5 for r in rows)
    composition_chart(shown, lang="en")
    even = unit(sex=[1.0, 2.0] * 60, margins=margins)
    made = assess.response(even, assess.design(even))
    assert made[made["finding"].eq("response.composition.sex.1")]["value"].tolist() == [0.5]


def test_coded_groups_are_named_by_their_code(unit: MakeUnit) -> None:
    got = _all(unit())
    groups = {n: r for n, r in got.items() if "subgroup" in r}
    assert {r["subgroup"] for r in groups.values()} == {"sex=1", "sex=2"}
    one = groups["survey.q1.top2.current.sex=1"]
    assert one["label_en"].endswith(", female")
    assert one["label_zh"].endswith("，女")


def test_a_mean_of_equal_answers_has_no_interval(unit: MakeUnit) -> None:
    got = _all(unit(q1=5.0))
    row = got["survey.q1.mean.current"]
    assert (row["status"], row["value"], row["display_en"]) == ("low_precision", 5.0, "5.00")
    assert "ci_low" not in row
    assert "interval_en" not in row
    assert row["reason_zh"]
    assert got["survey.q2.mean.current"]["status"] == "ok"


def test_modes_have_words_and_unknown_ones_stay(unit: MakeUnit) -> None:
    got = _all(unit(mode=["phone"] * 30 + ["kiosk"] * 30 + ["web"] * 60))
    assert got["response.mode.phone.current"]["label_zh"].startswith("电话")
    assert got["response.mode.kiosk.current"]["label_en"].startswith("kiosk (")
    assert got["response.mode.web.baseline"]["label_en"].startswith("web (")


def test_what_is_known_of_a_comparison_comes_from_the_answers(unit: MakeUnit) -> None:
    alike = unit()
    assert facts_of(alike)["same_sample_kind"] is True
    assert _asked(alike, "q1")["same_question"] is True
    mixed = unit(mode=["post"] * 60 + ["household"] * 60)
    assert facts_of(mixed)["same_sample_kind"] is False
    assert _asked(unit(q1=[5.0] * 60 + [None] * 60), "q1")["same_question"] is False


def test_no_grounds_without_a_grade() -> None:
    told = {"evidence_grade": ["E1", ""], "reason_zh": ["甲", "乙"], "reason_en": ["a", "b"]}
    frame = pd.DataFrame(told | {"finding": ["x", "y"], "status": ["ok", "not_computed"]})
    out = _grounds(frame)
    assert out["finding"].tolist() == ["x", "y", "change.grounds.1"]
    assert out["reason_zh"].tolist()[1] == "乙"
    assert survey.disclosure(pd.DataFrame({"n": [3]}))["status"].tolist() == ["suppressed"]
