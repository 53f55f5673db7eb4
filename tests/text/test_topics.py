"""Topics and feelings of free text, Chinese and English, hostile and plain."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from workbench.errors import InputError
from workbench.text import classify, dictionary, read_text
from workbench.text.phrases import phrases_of

USING = dictionary()
FEELINGS = [
    ("电梯经常坏，维修不及时", "negative"),
    ("对物业服务不满意", "negative"),
    ("物业服务态度不好", "negative"),
    ("没有不满意的地方", "positive"),
    ("非常满意", "positive"),
    ("没有噪音，很安静", "positive"),
    ("希望物业服务更好，更及时", "neutral"),
    ("希望继续保持", "positive"),
    ("路灯一直没修好", "negative"),
    ("小区环境比以前干净多了", "positive"),
    ("还没有电梯", "negative"),
    ("建议公示账目", "neutral"),
    ("還沒有電梯，物業態度惡劣", "negative"),
    ("ＴＨＡＮＫＳ，ｖｅｒｙ　ｃｌｅａｎ", "positive"),
    ("The lift is broken again", "negative"),
    ("It is not clean", "negative"),
    ("Not bad at all", "positive"),
    ("物业not responsible，态度很差", "negative"),
    ("👎👎", "negative"),
    ("👍", "positive"),
    ("没什么", "neutral"),
]


@pytest.mark.parametrize(("text", "expected"), FEELINGS)
def test_a_feeling_is_read_with_its_negation(text: str, expected: str) -> None:
    assert read_text(text, USING).sentiment == expected


@pytest.mark.parametrize("text", ["", "  ", "……！！", "。，、", "12345", None, float("nan"), 3])
def test_where_nothing_is_said_nothing_is_read(text: object) -> None:
    told = read_text(text, USING)
    assert (told.topics, told.sentiment, told.terms) == ((), None, ())


def test_each_topic_has_the_feeling_of_its_own_clauses() -> None:
    told = read_text("停车很难，晚上找不到车位，但是保洁很及时", USING)
    assert told.by_topic == (("parking", "negative"), ("cleaning", "positive"))


def test_the_longest_word_wins_where_two_overlap() -> None:
    assert read_text("停车费涨价", USING).topics == ("fees",)
    assert read_text("楼道灯", USING).terms == ("楼道灯",)
    for said in ("张先生说电梯经常坏，电梯经常坏", "The lift is broken, call 13800138000", "……"):
        assert read_text(said, USING).phrases == tuple(dict.fromkeys(phrases_of(said)))


def test_traditional_and_full_width_text_reads_as_simplified() -> None:
    plain = read_text("电梯经常坏，消防通道被占用", USING)
    assert read_text("電梯經常壞，消防通道被佔用", USING) == plain


def test_a_name_is_no_word_of_a_topic() -> None:
    assert read_text("找王安静女士", USING).topics == ()
    assert read_text("很安静", USING).topics == ("noise",)


def test_the_frame_keeps_its_index_and_order_and_equal_texts_read_alike() -> None:
    texts = ["电梯坏了", None, "电梯坏了", "好"]
    told = classify(pd.DataFrame({"text": texts}, index=[7, 3, 9, 1]))
    assert told.index.tolist() == [7, 3, 9, 1]
    assert told.loc[7].equals(told.loc[9])
    assert told.loc[3].isna().all()
    assert told.loc[1, "sentiment"] == "positive"


def test_every_bundled_topic_has_two_names_and_words_in_both_languages() -> None:
    assert len({topic.en for topic in USING.topics}) == len(USING.topics) == 22
    for topic in USING.topics:
        assert "," not in topic.en
        assert min(len(topic.zh), len(topic.words_zh), len(topic.words_en)) > 1, topic.code


def test_a_study_lays_topics_over_the_bundled_ones(tmp_path: Path) -> None:
    file = tmp_path / "topics.yaml"
    file.write_text(
        "topics:\n  parking: {zh: 立体车库}\n"
        "  ferry: {label: {zh: 轮渡, en: Ferry}, zh: 轮渡 码头, en: ferry}\n",
        encoding="utf-8",
    )
    own = dictionary(file)
    assert read_text("立体车库和轮渡", own).topics == ("parking", "ferry")
    assert own.labels()["ferry"] == {"zh": "轮渡", "en": "Ferry"}
    assert own.labels()["parking"]["en"] == "Parking"
    only = dictionary(
        {"replace": True, "topics": {"x": {"label": {"zh": "甲", "en": "x"}, "zh": "甲"}}}
    )
    assert [topic.code for topic in only.topics] == ["x"]


def test_all_that_is_wrong_with_a_file_of_topics_is_told_at_once() -> None:
    comma = {"label": {"zh": "逗号", "en": "a", " b": None}, "zh": "x"}
    wrong = {
        "A b": {"zh": "x"},
        "comma": comma,
        "new": {"label": {"zh": "新"}, "colour": 1},
        "n": 3,
    }
    with pytest.raises(InputError) as error:
        dictionary({"topics": wrong})
    places = {problem.column for problem in error.value.problems}
    assert {"topics.A b", "topics.A b.label", "topics.new.label", "topics.new.colour", "topics.new",
            "topics.n", "topics.comma.label"} == places  # fmt: skip


def test_the_tokenizer_is_loaded_by_the_first_reading_only() -> None:
    code = (
        "import sys, workbench.text as t;"
        "assert 'rjieba' not in sys.modules, 'import'; t.mask('张先生'); t.dictionary();"
        "assert 'rjieba' not in sys.modules, 'mask';"
        "t.read_text('好', t.dictionary()); assert 'rjieba' in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
