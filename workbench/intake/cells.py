"""A column's distinct texts worked on once, and the answers laid over its rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

__all__ = ["Words", "each", "numbers", "where"]


class Words:
    """A column's distinct texts, found once for whatever is asked of them.

    Parameters
    ----------
    cells
        Text; missing stays missing.
    """

    def __init__(self, cells: pd.Series) -> None:
        self._index, self._name = cells.index, cells.name
        codes, words = pd.factorize(cells)
        self._codes: np.ndarray = codes
        """Each row's place among the distinct texts, −1 for missing."""
        self.words = [str(word) for word in words.tolist()]

    def each(self, do: Callable[[str], str | None]) -> pd.Series:
        """Give ``do`` of every text; see :func:`each`."""
        told = pd.array([do(word) for word in self.words], dtype="str")
        cells = told.take(self._codes, allow_fill=True)
        return pd.Series(cells, index=self._index, name=self._name)

    def where(self, holds: Callable[[str], object]) -> pd.Series:
        """Say for every text whether ``holds`` is true of it; see :func:`where`."""
        hit = np.array([bool(holds(word)) for word in self.words] + [False])
        return pd.Series(hit[self._codes], index=self._index)

    def numbers(self, value: Callable[[str], float | None]) -> pd.Series:
        """Give the number of every text; see :func:`numbers`."""
        found = [np.nan if (v := value(word)) is None else v for word in self.words]
        return pd.Series(np.array([*found, np.nan])[self._codes], index=self._index)


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
    return Words(cells).each(do)


def where(cells: pd.Series, holds: Callable[[str], object]) -> pd.Series:
    """Say for every text whether ``holds`` is true of it; of a missing one it is not.

    Examples
    --------
    >>> where(pd.Series(["a", None, "b"], dtype="str"), "a".__eq__).tolist()
    [True, False, False]
    """
    return Words(cells).where(holds)


def numbers(cells: pd.Series, value: Callable[[str], float | None]) -> pd.Series:
    """Give the number of every text as ``float64``; missing where there is none.

    Examples
    --------
    >>> numbers(pd.Series(["1", None, "x"], dtype="str"), {"1": 1.0}.get).tolist()
    [1.0, nan, nan]
    """
    return Words(cells).numbers(value)
