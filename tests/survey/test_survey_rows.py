"""Rows and frames: what pandas gives, a few times faster."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.survey.rows import from_rows, to_rows

KINDS: dict[str, list[Any]] = {
    "text": ["a", "b", ""],
    "text with none": ["a", None, "b"],
    "text with nan": ["a", math.nan, "b"],
    "floats": [1.0, math.nan, 2.5],
    "floats with none": [1.0, None, 2.5],
    "whole numbers": [1, 2, 3],
    "whole numbers with none": [1, None, 3],
    "truth": [True, False, True],
    "truth with none": [True, None, False],
    "numpy's own": [np.float64(1.5), np.int64(2), np.bool_(True)],
    "nothing": [None, None, None],
    "nan alone": [math.nan, math.nan, math.nan],
    "times": [pd.Timestamp("2026-01-01"), pd.NaT, pd.Timestamp("2026-01-02")],
    "aware times": [pd.Timestamp("2026-01-01", tz="Asia/Shanghai"), None, pd.NaT],
    "lists": [[1], [], [2, 3]],
    "mixed": ["a", 1.5, None],
}


@pytest.mark.parametrize("values", KINDS.values(), ids=KINDS)
def test_a_frame_of_rows_is_the_one_that_pandas_makes(values: list[Any]) -> None:
    rows = [{"first": at, "it": value} for at, value in enumerate(values)]
    pd.testing.assert_frame_equal(from_rows(rows), pd.DataFrame(rows))


@pytest.mark.parametrize("values", KINDS.values(), ids=KINDS)
def test_rows_of_a_frame_are_those_that_pandas_gives(values: list[Any]) -> None:
    frame = pd.DataFrame({"it": pd.Series(values), "object": pd.Series(values, dtype=object)})
    told, expected = to_rows(frame), frame.to_dict("records")
    assert list(map(repr, told)) == list(map(repr, expected))


@pytest.mark.parametrize("columns", [None, ["b", "a"], ["a", "c"]])
@pytest.mark.parametrize(
    "rows", [[], [{}], [{"a": 1}], [{"a": 1}, {"b": "x", "a": 2}], [{"b": "x"}, {}]]
)
def test_names_that_rows_lack_are_missing_there(
    rows: list[dict[str, Any]], columns: list[str] | None
) -> None:
    pd.testing.assert_frame_equal(
        from_rows(rows, columns=columns), pd.DataFrame(rows, columns=columns)
    )


@pytest.mark.filterwarnings("ignore:DataFrame columns are not unique")
def test_of_two_columns_of_one_name_the_last_counts_as_with_pandas() -> None:
    frame = pd.DataFrame([[1, "x", 2.5]], columns=["a", "b", "a"])
    assert to_rows(frame) == frame.to_dict("records") == [{"a": 2.5, "b": "x"}]
