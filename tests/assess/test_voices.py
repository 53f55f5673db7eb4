"""What residents wrote, as findings: withheld where few wrote, and never validated by itself."""

from __future__ import annotations

import pandas as pd

from workbench import assess
from workbench.findings import rows

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
            "theme_1": ["lifts" if x else None for x in one + two],
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
