"""What residents wrote, as findings: withheld where few wrote, and never validated by itself."""

from __future__ import annotations

import pandas as pd
import pytest

from workbench import assess, text
from workbench.findings import rows
from workbench.report import body

ITEM = {
    "sug": {"role": "text", "kind": "text", "values": {}, "wording": {"zh": "建议", "en": "Ideas"}}
}
TOPICS = {"lifts": {"zh": "电梯", "en": "Lifts"}, "pets": {"zh": "宠物", "en": "Pets"}}


def _told(unit, **text):
    topic = ["lifts"] * 20 + ["pets"] * 5 + [None] * 95
    feeling = ["negative"] * 15 + ["positive"] * 10 + [None] * 95
    c = unit(
        items=ITEM,
        sug__topic=topic,
        sug__sentiment=feeling,
        sug__topic_sentiment=None,
        sug__terms=["电梯;维修"] * 12 + ["电梯"] * 8 + ["宠物"] * 5 + [None] * 95,
    )
    c.settings["text"] = {"topics": TOPICS, "tokenizer": "t 1", "accuracy": [], **text}
    found = assess.voices(c)
    assert rows(found, section="voices")
    return found.set_index("finding")


def test_without_a_coded_sample_every_class_says_that_it_is_not_validated(unit) -> None:
    told = _told(unit)
    assert "未经验证" in told.loc["voices.validation", "display_zh"]
    share = told.loc["voices.sug.lifts.share"]
    assert (share["numerator"], share["n"]) == (20, 25)
    assert share["flags"] == "not_validated"
    assert share["reason_en"] == "not validated"
    assert told.loc["voices.sug.lifts.negative", "value"] == 0.75
    assert not [name for name in told.index if "pets" in name]
    assert "1个主题" in told.loc["voices.sug.small", "display_zh"]
    assert told.loc["voices.sug.words", "display_zh"] == "电梯（20条）、维修（12条）"
    assert share["label_zh"] == "居民建议：电梯"


def test_with_one_the_error_stands_beside_and_topics_nobody_coded_stay_unproven(unit) -> None:
    common = {"level": 0.95, "n": 30, "numerator": 27, "denominator": 30, "status": "ok"}
    accuracy = [
        {"of": "topic", "item": "lifts", "statistic": "recall", "value": 0.9, **common},
        {"of": "topic", "item": "*", "statistic": "same", "value": 0.9, **common},
    ]
    told = _told(unit, accuracy=accuracy)
    assert told.loc["voices.accuracy.topic.lifts.recall", "value"] == 0.9
    assert pd.isna(told.loc["voices.sug.lifts.share", "flags"])
    assert (
        told.loc["voices.sug.lifts.negative", "flags"] == "not_validated"
    )  # sentiment was not coded


def test_a_quotation_needs_approval_and_must_not_tell_of_a_person(unit) -> None:
    columns = {"kind": "quotation", "community": "U", "object": "x", "from": None}
    lines = pd.DataFrame(
        [
            {"id": "J1", "to": "路灯修好了", "approved_by": "周", **columns},
            {"id": "J2", "to": "路灯修好了！", "approved_by": None, **columns},
            {"id": "J3", "to": "张先生说路灯坏了", "approved_by": "周", **columns},
            {"id": "J4", "to": None, "approved_by": "周", **columns},
            {"id": "J5", "to": "【姓名】说路灯坏了", "approved_by": "周", **columns},
        ]
    )
    c = unit(tables={"judgements": lines})
    told = assess.voices(c)
    assert told["label_zh"].str.extract(r"(J\d)")[0].tolist() == ["J1", "J3", "J5"]
    assert told["display_zh"].tolist()[::2] == ["“路灯修好了”", "“【姓名】说路灯坏了”"]
    assert told["status"].tolist()[1] == "suppressed"


def test_a_unit_without_texts_has_nothing_to_say(unit) -> None:
    assert assess.voices(unit()).empty


def test_themes_of_interviews_stand_with_the_coders_agreement(unit) -> None:
    from workbench import scoring

    one = [1, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0]
    two = [1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    frame = pd.DataFrame(
        {
            "passage": [f"D{i // 4}:{i % 4}" for i in range(12)] * 2,
            "document": [f"D{i // 4}" for i in range(12)] * 2,
            "coder": ["S001"] * 12 + ["S002"] * 12,
            "theme_1": ["lifts" if x else "none" for x in one + two],
        }
    )
    c = unit(tables={"codings": frame})
    told = assess.voices(c).set_index("finding")
    assert told.loc["voices.coded.lifts.passages", "value"] == 3
    marks = pd.DataFrame({"a": one, "b": two}, dtype=float)
    kappa = scoring.cohen_kappa(marks)["value"].iloc[0]
    assert told.loc["voices.coded.lifts.kappa", "value"] == kappa
    gwet = scoring.chance_corrected(marks).set_index("statistic").loc["gwet_ac"]
    assert told.loc["voices.coded.lifts.ac1", "ci_low"] == gwet["ci_low"]
    assert told.loc["voices.coded.disputed", "display_en"] == "2: D0:2, D2:3"
    alone = unit(tables={"codings": frame.iloc[:12]})
    rest = assess.voices(alone).set_index("finding")
    assert "voices.coded.lifts.kappa" not in rest.index
    assert rest.loc["voices.coded.validation", "flags"] == "not_validated"


def test_of_three_coders_kappa_is_the_mean_over_pairs_and_says_so(unit) -> None:
    from itertools import combinations

    from workbench import scoring

    marks = {"A": [1, 1, 0, 0, 1, 0], "B": [1, 0, 0, 0, 1, 0], "C": [1, 1, 1, 0, 0, 0]}
    frame = pd.DataFrame(
        [
            {
                "passage": f"D:{i}",
                "document": None,
                "coder": who,
                "theme_1": "lifts" if x else "none",
            }
            for who, given in marks.items()
            for i, x in enumerate(given)
        ]
    )
    told = assess.voices(unit(tables={"codings": frame})).set_index("finding")
    pairs = [
        scoring.cohen_kappa(pd.DataFrame({a: marks[a], b: marks[b]}, dtype=float))["value"].iloc[0]
        for a, b in combinations("ABC", 2)
    ]
    assert len(set(pairs)) > 1
    row = told.loc["voices.coded.lifts.kappa"]
    assert row["value"] == pytest.approx(sum(pairs) / 3)
    assert row["n"] == 6
    assert (row["reason_zh"], row["reason_en"]) == (
        "3对编码员的均值",
        "mean over 3 pairs of coders",
    )
    assert "见于1次谈话中的1次" in told.loc["voices.coded.lifts.passages", "reason_zh"]


def _register(unit, received: pd.DatetimeIndex) -> pd.DataFrame:
    frame = pd.DataFrame({"request": [f"r{i}" for i in range(len(received))], "kind": "need",
                          "received": received, "duplicate_of": None, "topic": None,
                          "sentiment": None})  # fmt: skip
    c = unit(tables={"requests": frame})
    c.settings["timezone"] = "Asia/Shanghai"
    c.settings["waves"] = [{"id": "b", "records": ["2027-03"] * 2}]
    return assess.voices(c).set_index("finding")


def test_a_register_of_days_has_no_busiest_hour(unit) -> None:
    days = pd.date_range("2027-03-01", periods=30, freq="D", tz="Asia/Shanghai")
    told = _register(unit, days)
    assert list(told.index) == ["voices.peak.none"]
    assert "30件诉求中30件只有日期" in told.loc["voices.peak.none", "display_zh"]
    hours = days.append(pd.DatetimeIndex(["2027-03-02 18:20"] * 40, tz="Asia/Shanghai"))
    peak = _register(unit, hours).loc["voices.peak.working_days"]
    assert (peak["numerator"], peak["n"]) == (40, 40)  # not of 62, 22 of them at midnight
    assert "30 more have a day alone" in peak["reason_en"]


def test_a_blank_row_of_a_coding_sheet_is_told_and_in_no_count(unit) -> None:
    frame = pd.DataFrame(
        {
            "passage": ["D:0", "D:1", "D:2", "D:3"] * 2,
            "document": "D",
            "coder": ["S001"] * 4 + ["S002"] * 4,
            "theme_1": ["lifts", "none", "lifts", "none", "lifts", "none", None, None],
        }
    )
    told = assess.voices(unit(tables={"codings": frame})).set_index("finding")
    assert "另有2行空白，视为未编码" in told.loc["voices.coded.validation", "display_zh"]
    assert told.loc["voices.coded.lifts.kappa", "n"] == 2  # of 4 passages, 2 by both
    assert told.loc["voices.coded.lifts.kappa", "value"] == 1
    assert told.loc["voices.coded.disputed", "display_en"] == "none"
    nothing = assess.voices(unit(tables={"codings": frame.assign(theme_1=None)}))
    assert nothing["finding"].tolist() == ["voices.coded.validation"]
    assert "8 more rows were left blank" in nothing["display_en"].iloc[0]


def test_report_and_text_agree_on_what_is_no_source_of_texts() -> None:
    assert body._VOICES | {"requests", "documents"} == text.PARTS


def test_what_each_group_writes_about_stands_without_its_small_cells(unit) -> None:
    topic = ["lifts"] * 40 + ["pets"] * 20 + ["lifts"] * 60
    sex = [1.0] * 20 + [2.0] * 20 + [1.0] * 4 + [2.0] * 16 + [1.0] * 60
    c = unit(items=ITEM, sex=sex, sug__topic=topic, sug__sentiment="neutral",
             sug__topic_sentiment=None)  # fmt: skip
    c.settings["text"] = {"topics": TOPICS, "tokenizer": "t 1", "accuracy": []}
    found = assess.voices(c)
    assert rows(found, section="voices")
    told = found.set_index("finding")
    own = told.loc["voices.groups.sug.lifts.sex=1"]
    assert (own["numerator"], own["denominator"]) == (20, 24)
    assert (own["label_zh"], own["flags"]) == ("居民建议：电梯（未经验证），女", "not_validated")
    assert not [name for name in told.index if name.startswith("voices.groups.sug.pets")]


def _said(unit, now: list[str], before: list[str]):
    blank = [None] * (60 - len(now))
    c = unit(items=ITEM, sug__topic=None, sug__topic_sentiment=None, sug__sentiment="neutral",
             sug__phrases=[*now, *blank, *before, *[None] * (60 - len(before))])  # fmt: skip
    c.settings["text"] = {"topics": TOPICS, "tokenizer": "t 1", "accuracy": []}
    found = assess.voices(c)
    assert rows(found, section="voices")
    return found.set_index("finding")["display_zh"].to_dict()


def test_phrases_are_named_with_their_texts_and_set_off_from_the_baseline(unit) -> None:
    now = ["电梯;故障;电梯故障"] * 40 + ["停车"] * 9
    told = _said(unit, now, ["停车"] * 40 + ["电梯"] * 12)
    assert told["voices.phrases.sug"] == "电梯故障（40条）"  # its parts in the same texts follow
    assert "停车" not in told["voices.phrases.sug"]  # fewer than the minimum cell
    assert "电梯故障（40/49条）" in told["voices.phrases.sug.more"]
    assert told["voices.phrases.sug.less"] == "停车（40/52条）"
    alike = _said(unit, ["电梯"] * 20 + ["停车"] * 20, ["电梯"] * 20 + ["停车"] * 20)
    assert alike["voices.phrases.sug"] == "停车（20条）、电梯（20条）"
    assert "voices.phrases.sug.more" not in alike
    assert "voices.phrases.sug" not in _said(unit, ["电梯"] * 9, [])


def _placed(unit, **columns: object):
    n = 60
    frame = pd.DataFrame({"request": [f"r{i}" for i in range(n)], "kind": "need", "community": "U",
                          "received": pd.Timestamp("2027-03-05", tz="Asia/Shanghai"),
                          "closed": pd.NaT, "answered": pd.NaT, "category": "停车",
                          "duplicate_of": None, "topic": None, "sentiment": None})  # fmt: skip
    c = unit(tables={"requests": frame.assign(**columns)})
    c.settings["timezone"] = "Asia/Shanghai"
    c.settings["waves"] = [{"id": "b", "records": ["2027-03"] * 2}]
    return c


def test_places_of_requests_are_counted_and_small_ones_withheld_with_another(unit) -> None:
    c = _placed(unit, place=["1号楼"] * 30 + ["2号楼"] * 14 + ["3号楼"] * 12 + [None] * 4)
    found = assess.voices(c)
    assert rows(found, section="voices")
    told = found.set_index("finding").loc[lambda f: f.index.str.startswith("voices.area.")]
    first = told.loc["voices.area.place=1号楼"]
    assert (first["value"], first["unit"], first["n"]) == (0.5, "share", 30)
    hidden = told[told["status"].eq("suppressed")]
    assert set(hidden.index) == {"voices.area.place=rest", "voices.area.place=3号楼"}
    assert hidden[["value", "n", "numerator"]].isna().all(axis=None)
    assert not assess.voices(_placed(unit))["finding"].str.startswith("voices.area").any()


def _grid(unit, kind: list[str], category: list[str]) -> pd.DataFrame:
    place = ["1号楼"] * 30 + ["2号楼"] * 30
    c = _placed(unit, place=place, kind=kind, category=category)
    told = assess.demand(c, assess.design(c))
    assert told.empty or rows(told, section="demand")
    return told if told.empty else told.set_index("finding")


def test_categories_with_a_small_cell_are_taken_together_by_place(unit) -> None:
    """停车 15 and 14, 噪音 8 and 9, 垃圾 7 and 7: the last two make one row of 15 and 16."""
    category = ["停车"] * 15 + ["噪音"] * 8 + ["垃圾"] * 7
    told = _grid(unit, ["need"] * 60, category + ["停车"] * 14 + ["噪音"] * 9 + ["垃圾"] * 7)
    assert told["value"].tolist() == [15, 14, 15, 16]
    assert told["label_zh"].tolist()[::2] == ["停车，1号楼", "其他类别，1号楼"]
    assert set(told["n"]) == {14, 15, 16}


def test_a_grid_lets_no_small_cell_be_worked_out(unit) -> None:
    """Of 3 in one corner no total may tell: with its neighbours the whole small table goes."""
    category = ["停车"] * 15 + ["噪音"] * 15 + ["停车"] * 27 + ["噪音"] * 3
    assert _grid(unit, ["need"] * 60, category).empty
    more = _grid(unit, ["need"] * 60, ["路灯"] * 10 + category[:20] + ["路灯"] * 10 + category[40:])
    assert more.loc[more["status"].eq("ok"), "value"].tolist() == [15, 17]
    assert more["status"].eq("suppressed").sum() == 4
    zero = _grid(unit, ["need"] * 60, ["停车"] * 15 + ["噪音"] * 15 + ["停车"] * 30)
    assert zero.loc["demand.heat.噪音.place=2号楼", "value"] == 0


def test_kinds_stand_where_no_category_is_large_enough(unit) -> None:
    kinds = (["complaint"] * 20 + ["need"] * 5 + ["dispute"] * 5) * 2
    told = _grid(unit, kinds, [f"类{n % 10}" for n in range(60)])
    assert told["label_en"].tolist() == [
        "complaints, 1号楼", "complaints, 2号楼", "other kinds, 1号楼", "other kinds, 2号楼",
    ]  # fmt: skip
    assert told["value"].tolist() == [20, 20, 10, 10]
    few = ["need", "complaint", "order", "dispute"] * 15
    assert _grid(unit, few, [f"类{n % 10}" for n in range(60)]).empty


def test_needs_of_groups_are_weighted_as_the_survey_is(unit) -> None:
    """An item of role importance and dimension need, by sex, against shares worked out by hand."""
    item = {"role": "importance", "dimension": "need", "kind": "scale",
            "values": {str(v): {"zh": f"{v}", "en": f"{v}"} for v in range(1, 6)},
            "wording": {"zh": "老年食堂", "en": "A canteen"}}  # fmt: skip
    answers = ([5.0] * 20 + [1.0] * 10 + [4.0] * 9 + [2.0] * 21) * 8
    sex = ([1.0] * 30 + [2.0] * 30) * 8
    weight = ([1.0, 3.0] * 30) * 8
    c = unit(240, 240, items={"canteen": item}, canteen=answers, sex=sex, base_weight=weight)
    c.settings["weighting"]["base"] = "base_weight"
    found = assess.demand(c, assess.design(c))
    assert rows(found, section="demand")
    told = found.set_index("finding")
    frame = pd.DataFrame({"top": [v >= 4 for v in answers], "sex": sex, "w": weight}).iloc[:240]
    for code in (1, 2):
        mine = frame[frame["sex"].eq(code)]
        row = told.loc[f"demand.group.canteen.sex={code}"]
        assert row["value"] == pytest.approx((mine["top"] * mine["w"]).sum() / mine["w"].sum())
        assert row["ci_low"] < row["value"] < row["ci_high"]
    assert told.loc["demand.group.canteen.sex=1", "label_zh"] == "老年食堂：有需求的居民，女"
    few = unit(items={"canteen": item}, canteen=answers[:120], sex=([1.0] * 55 + [2.0] * 5) * 2)
    assert assess.demand(few, assess.design(few))["status"].eq("suppressed").all()
