"""Picking findings by their ids."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["only", "points"]


def only(frame: pd.DataFrame, pattern: str) -> pd.DataFrame:
    """Give the findings whose id fits a pattern such as ``survey.*.top2.current``.

    An empty frame stays empty, whatever its columns.
    """
    if frame.empty:
        return frame
    return frame[[fnmatchcase(str(name), pattern) for name in frame["finding"]]]


def points(frame: pd.DataFrame) -> pd.DataFrame:
    """Give the comparisons of shares that were computed: a chart has one unit."""
    if frame.empty:
        return frame
    made = frame["kind"].eq("comparison") & frame["unit"].eq("pp") & frame["value"].notna()
    return frame[made]
