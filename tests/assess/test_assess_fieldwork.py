"""Weights from a study's tables, an opt-in sample, precision, field work, importance, standards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench import assess, findings, survey
from workbench.assess.fieldwork import signs
from workbench.community import Community
from workbench.study.settings import Replicates

Make = Callable[..., Community]
SEX = pd.DataFrame(
    {"area": "U", "variable": "sex", "category": ["1", "2"], "count": [500.0, 500.0]}
)


def told(c: Community, *names: str) -> dict[str, dict[str, Any]]:
    sample = assess.design(c)
    made = [getattr(assess, name)(c, sample) for name in names]
    every = pd.concat([m for m in made if not m.empty], ignore_index=True)
    return {row["finding"]: row for row in findings.rows(every, section="all")}


def cases(per_unit: int = 12) -> pd.DataFrame:
    """Dispositions as counts by building: an even building answers half as often as an odd one."""
    rows = []
    for wave in ("a", "b"):
        for i in range(12):
            done = 5
            lost = 5 if i % 2 else 15
            for code, n in (("1.1", done), ("2.10", lost)):
                rows.append({"wave": wave, "disposition": code, "n": float(n), "psu": f"p{i}"})
    return pd.DataFrame(rows).assign(
        community="U", mode="household", case=None, interviewer=None, substitute_for=None
    )


def test_dispositions_as_counts_per_building_weigh_respondents(unit: Make) -> None:
    c = unit(weighting={"nonresponse": ["psu"]}, tables={"dispositions": cases()})
    sample = assess.design(c)
    assert sample.raked is not None
    assert not sample.failed
    factor = pd.Series(sample.raked.weights).groupby(sample.raked.data["psu"]).first()
    assert factor["p1"] == pytest.approx(2.0)
    assert factor["p2"] == pytest.approx(4.0)
    got = told(c, "weights", "response")
    assert "adjusted for non-response" in got["weights.raking"]["display_en"]
    assert got["response.rr1.current"]["value"] == pytest.approx(60 / (60 + 6 * 5 + 6 * 15))


def test_weighting_that_cannot_be_done_marks_every_figure(unit: Make) -> None:
    c = unit(weighting={"nonresponse": ["psu"]})
    got = told(c, "satisfaction", "weights")
    row = got["survey.q1.top2.current"]
    assert row["flags"].endswith("not_weighted")
    assert "no record of who was not reached" in row["reason_en"]
    assert got["weights.raking"]["status"] == "not_computed"
    nobody = SEX.assign(category=["1", "3"])
    broken = told(unit(margins=nobody), "satisfaction")["survey.q1.top2.current"]
    assert "not weighted as asked for" in broken["reason_en"]


def test_margins_that_differ_by_less_than_a_hundredth_are_scaled_and_said(unit: Make) -> None:
    age = SEX.assign(variable="age", category=["y", "o"], count=[402.0, 600.0])
    c = unit(
        margins=pd.concat([SEX, age]),
        weighting={"rake": ["sex", "age"]},
        age=["y", "o", "o"] * 40,
    )
    sample = assess.design(c)
    assert sample.raked is not None
    assert sample.raked.weights.sum() == pytest.approx(2000)
    assert "weights.note.1" in told(c, "weights")


def test_weights_are_trimmed_as_the_study_says(unit: Make) -> None:
    heavy = np.where(np.arange(120) % 30 == 0, 40.0, 1.0)
    c = unit(weighting={"base": "base_weight", "trim": 3.0}, base_weight=heavy)
    sample = assess.design(c)
    assert sample.raked is not None
    weight = pd.Series(sample.raked.weights)
    for _, w in weight.groupby(sample.raked.data["wave"]):
        assert w.sum() == pytest.approx(heavy.sum() / 2)
        assert w.max() <= 3 * heavy.sum() / 2 / 60 * (1 + 1e-9)


def _scaled(method: str, r: int) -> float:
    return {"bootstrap": 1 / (r - 1), "brr": 1 / r, "fay": 1 / (r * 0.25), "sdr": 4 / r}[method]


@pytest.mark.parametrize("method", ["bootstrap", "brr", "fay", "sdr", "jkn"])
def test_replicate_weights_that_came_with_the_data_give_the_errors(unit: Make, method: str) -> None:
    rng = np.random.default_rng(3)
    given = {f"rw{i}": rng.uniform(0.5, 1.5, 120) for i in range(1, 21)}
    scales = np.linspace(0.5, 0.9, 20)
    more = {"fay": {"rho": 0.5}, "jkn": {"rscales": scales.tolist()}}.get(method, {})
    rule = Replicates.model_validate({"method": method} | more).model_dump(mode="json")
    c = unit(weighting={"base": "base_weight", "replicates": rule}, **given)
    sample = assess.design(c)
    assert sample.base is not None
    assert sample.base.replicates is not None
    row = told(c, "satisfaction")["survey.q1.mean.current"]
    assert row["method"] == "survey.mean.replicates"
    frame = sample.base.data.query("wave == 'b'")
    each = np.array([np.average(frame["q1"], weights=frame[f"rw{i}"]) for i in range(1, 21)])
    factor = scales if method == "jkn" else np.full(20, _scaled(method, 20))
    naive = np.sqrt((factor * (each - each.mean()) ** 2).sum())
    assert row["std_error"] == pytest.approx(naive)


def test_questionnaires_without_a_building_are_units_of_their_own_and_said(unit: Make) -> None:
    c = unit(psu=["p1"] * 30 + [None] * 30 + [f"p{i}" for i in range(12)] * 5)
    sample = assess.design(c)
    assert sample.base is not None
    assert sample.base.psus == 12 + 30
    assert any("without a building" in en for _, en in sample.notes)


def test_an_opt_in_sample_is_told_from_participation_to_band(unit: Make) -> None:
    c = unit(
        mode=["household"] * 30 + ["mini_program"] * 30 + ["household"] * 60,
        margins=SEX,
        weighting={"combine": "mse"},
    )
    got = told(c, "response", "satisfaction")
    assert got["response.participation.current"]["value"] == pytest.approx(0.03)
    assert got["response.participants.sex.1"]["target"] == 0.5
    alone = got["survey.q1.top2.opt_in"]
    assert "ci_low" not in alone
    adjusted = got["survey.q1.top2.opt_in_adjusted"]
    assert "model_based" in adjusted["flags"]
    assert "calibration model" in adjusted["reason_en"]
    p = adjusted["value"]
    assert got["survey.q1.top2.opt_in_if_10"]["value"] == pytest.approx(
        0.03 * p + 0.97 * max(p - 0.1, 0)
    )
    both = got["survey.q1.top2.combined"]
    drawn = got["survey.q1.top2.current"]["value"]
    assert min(drawn, p) <= both["value"] <= max(drawn, p)
    assert both["rule"] == "weighting.combine: mse"
    apart = told(
        unit(mode=["household"] * 30 + ["mini_program"] * 30 + ["household"] * 60), "satisfaction"
    )
    assert not [name for name in apart if name.endswith("combined")]


def test_an_opt_in_wave_has_no_response_rate_even_where_cases_are_listed(unit: Make) -> None:
    c = unit(mode="mini_program", tables={"dispositions": cases().assign(mode="mini_program")})
    row = told(c, "response")["response.rr1.current"]
    assert row["status"] == "not_computed"
    assert "draws nobody" in row["reason_en"]
    assert "value" not in row


def test_a_headline_of_low_precision_is_printed_and_a_subgroup_is_not(unit: Make) -> None:
    got = told(unit(now=26), "satisfaction", "subgroups")
    head = got["survey.q1.top2.current"]
    assert (head["status"], head["n"]) == ("low_precision", 26)
    assert head["display_en"].endswith("%")
    assert head["ci_low"] < head["value"]
    assert "30" in head["reason_en"]
    groups = [r for n, r in got.items() if "subgroup" in r and r["status"] == "low_precision"]
    assert groups
    for row in groups:
        assert "value" not in row
        assert "ci_low" not in row
        assert row["flags"] == "precision"
        assert "not printed" in row["reason_en"]


def test_signs_of_careless_answers_drop_nobody(unit: Make, scale_item: Any) -> None:
    book = {f"q{i}": scale_item("satisfaction", {str(v): f"{v}" for v in range(1, 6)})
            for i in range(3, 11)}  # fmt: skip
    rng = np.random.default_rng(1)
    answers = {f"q{i}": rng.integers(1, 6, 120).astype(float) for i in range(1, 11)}
    for name in answers:
        answers[name][:12] = 4.0
    start = pd.Timestamp("2027-03-01 10:00", tz="Asia/Shanghai")
    seconds = np.r_[np.full(12, 60), np.full(108, 300)]
    c = unit(items=book, **answers, started=start, flags=None,
             finished=start + pd.to_timedelta(seconds, unit="s"))  # fmt: skip
    found = signs(c)
    assert found["doubtful"].sum() == 12
    got = told(c, "fieldwork", "satisfaction")
    assert got["fieldwork.sign.straightlined"]["numerator"] == 12
    contrast = got["fieldwork.without_doubtful.q1"]
    assert (contrast["n"], got["survey.q1.top2.current"]["n"]) == (48, 60)
    few = unit(items=book, **{n: np.where(np.arange(120) < 3, 4.0, v) for n, v in answers.items()})
    assert not [n for n in told(few, "fieldwork") if n.startswith("fieldwork.without")]


def test_interviewers_are_compared_and_substitutes_counted(unit: Make) -> None:
    listed = cases().assign(interviewer=lambda f: np.where(f["psu"].isin(["p1", "p2"]), "I1", "I2"))
    listed["substitute_for"] = np.where(listed.index % 7 == 0, "x", None)
    who = np.where(np.arange(120) % 2 == 0, "I1", "I2")
    q1 = np.where(who == "I1", 5.0, 2.0)
    q1[:10] = 3.0
    c = unit(interviewer=who, q1=q1, tables={"dispositions": listed})
    got = told(c, "fieldwork")
    assert got["fieldwork.interviewer.q1"]["value"] > 0.5
    whole = got["fieldwork.substitution"]
    now = listed[listed["wave"].eq("b")]
    share = now.loc[now["substitute_for"].notna(), "n"].sum() / now["n"].sum()
    assert whole["value"] == pytest.approx(share)
    assert "fieldwork.substitution.I1" in got
    assert {f"fieldwork.{k}{i}" for k, n in (("rr", 6), ("coop", 4), ("ref", 3), ("con", 3))
            for i in range(1, n + 1)} <= set(got)  # fmt: skip
    assert "fieldwork.e" in got


def test_a_small_group_cannot_be_worked_out_from_how_unlike_the_sample_is(unit: Make) -> None:
    few = unit(margins=SEX, sex=([1.0] * 52 + [2.0] * 8) * 2)
    row = told(few, "fieldwork")["fieldwork.r_indicator.sex"]
    assert "value" not in row
    even = told(unit(margins=SEX), "fieldwork")["fieldwork.largest_difference.sex"]
    assert even["status"] == "ok"


def test_modes_are_compared_with_and_without_adjustment(unit: Make) -> None:
    c = unit(mode=["household", "paper"] * 60)
    got = told(c, "fieldwork")
    raw, adjusted = (got[f"fieldwork.mode.q1.paper.{k}"] for k in ("raw", "adjusted"))
    assert raw["unit"] == "pp"
    assert "association" in raw["flags"]
    assert raw["value"] != adjusted["value"]


def test_earlier_waves_are_each_weighted_by_themselves(unit: Make) -> None:
    c = unit(margins=SEX, wave=["b"] * 40 + ["a"] * 40 + ["z"] * 40, sex=[1.0, 1.0, 2.0, 2.0] * 30)
    assert assess.earlier(c).empty
    c.settings["waves"].insert(0, {"id": "z", "role": "earlier"})
    rows = {r["finding"]: r for r in findings.rows(assess.earlier(c), section="satisfaction")}
    assert set(rows) == {"survey.q1.top2.z", "survey.q2.top2.z"}
    part = c.tables["responses"].query("wave == 'z'")
    d = survey.rake(survey.Design(part, psu="psu"), SEX.drop(columns="area"))
    expected = survey.top2(d, "q1").iloc[0]
    assert rows["survey.q1.top2.z"]["value"] == pytest.approx(expected["value"])
    assert rows["survey.q1.top2.z"]["std_error"] == pytest.approx(expected["std_error"])


def test_importance_needs_and_reasons(unit: Make, scale_item: Any) -> None:
    five = {str(v): f"{v}" for v in range(1, 6)}
    book = {
        "q1": scale_item("satisfaction", five) | {"dimension": "overall"},
        **{f"q{i}": scale_item("satisfaction", five) for i in range(2, 6)},
        "n1": scale_item("importance", five) | {"dimension": "need"},
        "n2": scale_item("importance", five) | {"dimension": "need"},
        "p1": scale_item("behaviour", {"1": "yes", "2": "no"}, "single")
        | {"dimension": "participation"},
        "why": scale_item("behaviour", {"t": "no time", "i": "no interest"}, "single")
        | {"dimension": "reason"},
    }
    rng = np.random.default_rng(2)
    answers = {f"q{i}": rng.integers(1, 6, 120).astype(float) for i in range(1, 6)}
    c = unit(
        items=book,
        **answers,
        n1=5.0 - (np.arange(120) % 7 == 0),
        n2=rng.integers(1, 4, 120).astype(float),
        p1=np.where(np.arange(120) % 3, 1.0, 2.0),
        why=np.where(np.arange(120) % 3, None, np.where(np.arange(120) % 2, "t", "i")),
    )
    got = told(c, "priorities")
    items = {n: r for n, r in got.items() if n.startswith("priorities.item.")}
    assert set(items) == {f"priorities.item.q{i}" for i in range(2, 6)}
    d = assess.design(c).raked
    assert d is not None
    d = d.subset(d.data["wave"].eq("b"))
    frame = survey.quadrants(d, ["q2", "q3", "q4", "q5"], overall="q1").set_index("item")
    for item, row in frame.iterrows():
        assert items[f"priorities.item.{item}"]["decision"] == row["quadrant"]
        assert items[f"priorities.item.{item}"]["base"] == pytest.approx(row["importance"])
    assert got["priorities.need.n1"]["reason_en"] == "rank 1"
    assert "priorities.by_p1.q1.2.adjusted" in got
    reason = got["priorities.reason.why.t"]
    assert reason["n"] == 10
    for name, row in got.items():
        if name.startswith("priorities.reason.why.") and "sex=" in name:
            assert row["status"] == "suppressed", name
    assert "priorities.alpha" in got


def test_standards_list_gaps_by_name_and_the_study_fills_them() -> None:
    c = wb.open("demo", "JX-03")
    sample = assess.design(c)
    got = assess.standards(c, sample).set_index("finding")
    assert len(got) == 19
    assert got.index.str.startswith("disclosure.aapor.").sum() == 11
    open_ = got[got["status"].eq("not_computed")]
    assert set(open_.index) == {
        "disclosure.iso20252.incentives",
        "disclosure.iso20252.subcontracting",
    }
    assert open_["reason_en"].eq("not stated in the study").all()
    assert "raked" in got.loc["disclosure.aapor.weighting", "display_en"]
    c.settings["disclosure"] = {"incentives": {"zh": "一袋米", "en": "a bag of rice"}}
    filled = assess.standards(c, sample).set_index("finding")
    assert filled.loc["disclosure.iso20252.incentives", "display_en"] == "a bag of rice"
