"""A column's distinct texts worked on once, and the answers laid over its rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

__all__ = ["each", "numbers", "where"]


def _distinct(cells: pd.Series) -> tuple[np.ndarray, list[str]]:
    """Give each row's place among the distinct texts, −1 for missing, and these texts."""
    codes, words = pd.factorize(cells)
    return codes, [str(word) for word in words.tolist()]


def each(cells: pd.Series, do: Callable[[str], str | None]) -> pd.Series:
    """Give ``do`` of every text; ``do`` is called once for each distinct one.

    Parameters
    ----------
    cells
        Text; missing stays missing.
    do
        Gives the new text, or ``None`` for missing.

    Examples
    --------
    >>> each(pd.Series(["a", None, "b"], dtype="str"), {"a": "x"}.get).tolist()
    ['x', nan, nan]
    """
    codes, words = _distinct(cells)
    told = pd.array([do(word) for word in words], dtype="str")
    return pd.Series(told.take(codes, allow_fill=True), index=cells.index, name=cells.name)


def where(cells: pd.Series, holds: Callable[[str], object]) -> pd.Series:
    """Say for every text whether ``holds`` is true of it; of a missing one it is not.

    Examples
    --------
    >>> where(pd.Series(["a", None, "b"], dtype="str"), "a".__eq__).tolist()
    [True, False, False]
    """
    codes, words = _distinct(cells)
    hit = np.array([bool(holds(word)) for word in words] + [False])
    return pd.Series(hit[codes], index=cells.index)


def numbers(cells: pd.Series, value: Callable[[str], float | None]) -> pd.Series:
    """Give the number of every text as ``float64``; missing where there is none.

    Examples
    --------
    >>> numbers(pd.Series(["1", None, "x"], dtype="str"), {"1": 1.0}.get).tolist()
    [1.0, nan, nan]
    """
    codes, words = _distinct(cells)
    found = np.array([np.nan if (v := value(word)) is None else v for word in words] + [np.nan])
    return pd.Series(found[codes], index=cells.index)
