"""Passages to be coded, and what two coders made of them."""

from __future__ import annotations

import pandas as pd
import pytest

from workbench.errors import InputError
from workbench.text import passages, theme_counts, theme_marks
from workbench.text.coding import is_coded

CODINGS = pd.DataFrame(
    [
        ("D1:1", "K1", "lifts", None), ("D1:1", "K2", "lifts", None),
        ("D1:2", "K1", "lifts", "fees"), ("D1:2", "K2", "fees", None),
        ("D2:1", "K1", "fees", None), ("D2:1", "K2", "fees", None),
        ("D2:2", "K1", "none", None), ("D2:2", "K2", "none", None),
        ("D2:3", "K1", "lifts", None),
    ],
    columns=["passage", "coder", "theme_1", "theme_2"],
)  # fmt: skip


def test_passages_are_paragraphs_masked_and_long_ones_end_at_a_sentence() -> None:
    long = "电梯坏了很久没有人来修理。" * 40
    said = pd.DataFrame({"document": ["D1", "D2"], "text": [f"王女士：太吵。\r\n\n{long}", None]})
    cut = passages(said)
    assert cut["passage"].tolist() == ["D1:1", "D1:2", "D1:3"]
    assert cut["text"].iloc[0] == "【姓名】:太吵。"
    assert cut["text"].iloc[1].endswith("。")
    assert "".join(cut["text"].iloc[1:]) == long
    assert passages(said.iloc[1:]).empty


def test_marks_are_missing_where_a_coder_did_not_code() -> None:
    marks = theme_marks(CODINGS)
    assert sorted(marks) == ["fees", "lifts"]
    lifts = marks["lifts"]
    assert lifts.loc["D1:2"].tolist() == [1, 0]
    assert lifts.loc["D2:2"].tolist() == [0, 0]
    assert pd.isna(lifts.loc["D2:3", "K2"])


def test_a_row_left_blank_is_not_coded_and_none_says_that_there_is_no_theme() -> None:
    """K2 left D1:1 blank: nobody knows what K2 thinks of it, so K1's theme is not in dispute."""
    blank = CODINGS.assign(theme_1=CODINGS["theme_1"].mask(CODINGS.index == 1))
    assert is_coded(blank).tolist() == [True, False, *[True] * 7]
    lifts = theme_marks(blank)["lifts"]
    assert lifts.loc["D1:1", "K1"] == 1
    assert pd.isna(lifts.loc["D1:1", "K2"])
    assert lifts.loc["D2:2"].tolist() == [0, 0]
    told = theme_counts(blank).set_index("item").loc["lifts"]
    assert (told["differing"], told["denominator"]) == ("D1:2", 5)
    nobody = theme_counts(CODINGS.assign(theme_1=CODINGS["theme_1"].mask(CODINGS.index < 2)))
    assert nobody["denominator"].unique().tolist() == [4]
    joined = pd.DataFrame({"passage": ["a", "b"], "coder": "K", "themes": ["", "none"]})
    assert is_coded(joined).tolist() == [False, True]
    assert theme_marks(joined) == {}


def test_themes_count_where_all_gave_them_and_name_what_is_disputed() -> None:
    told = theme_counts(CODINGS).set_index("item")
    assert told.loc["fees", ["value", "any", "documents"]].tolist() == [2, 2, 2]
    assert told.loc["lifts", ["value", "any", "documents", "differing"]].tolist() == [
        2,
        3,
        2,
        "D1:2",
    ]
    joined = CODINGS.assign(
        themes=[None if pd.isna(a) else a if pd.isna(b) else f"{a};{b}"
                for a, b in zip(CODINGS["theme_1"], CODINGS["theme_2"], strict=True)]
    ).drop(columns=["theme_1", "theme_2"])  # fmt: skip
    pd.testing.assert_frame_equal(theme_counts(joined), theme_counts(CODINGS))


def test_a_conversation_that_is_not_named_is_what_stands_before_the_colon() -> None:
    wanted = theme_counts(CODINGS)
    pd.testing.assert_frame_equal(theme_counts(CODINGS.assign(document=None)), wanted)
    named = CODINGS.assign(document=["D1", None, "D1", None, "D2", None, "D2", None, "D2"])
    pd.testing.assert_frame_equal(theme_counts(named), wanted)


def test_a_passage_coded_twice_by_one_coder_is_refused() -> None:
    with pytest.raises(InputError, match="D1:1"):
        theme_marks(pd.concat([CODINGS, CODINGS.iloc[:1]]))
