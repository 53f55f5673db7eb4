"""Small tables as the rows they are made of, and back.

A unit's analysis makes some two hundred frames of a few rows each. pandas takes columns several
times as fast as it takes mappings, and gives lists of values faster than mappings.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["from_rows", "to_rows"]


def from_rows(rows: Iterable[Mapping[str, Any]], columns: list[str] | None = None) -> pd.DataFrame:
    """Give a frame of mappings, as ``pandas.DataFrame(rows, columns=columns)`` does.

    Parameters
    ----------
    rows
        One mapping per row; a name that a row lacks is missing there.
    columns
        Names wanted; ``None``: all, in the order in which they first occur.

    Examples
    --------
    >>> from_rows([{"item": "a", "n": 3}, {"item": "b", "value": 0.5}]).columns.tolist()
    ['item', 'n', 'value']
    """
    held = list(rows)
    names = dict.fromkeys(name for one in held for name in one) if columns is None else columns
    if not held or not names:
        return pd.DataFrame(held, columns=columns)
    return pd.DataFrame({name: [one.get(name, math.nan) for one in held] for name in names})


def to_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Give the rows of a frame as mappings of Python's own values, as ``to_dict("records")`` does.

    Parameters
    ----------
    frame
        Of columns of one name the last counts.

    Examples
    --------
    >>> to_rows(pd.DataFrame({"item": ["a", "b"], "n": [3, 4]}))
    [{'item': 'a', 'n': 3}, {'item': 'b', 'n': 4}]
    """
    names = frame.columns.tolist()
    columns = [_values(column) for _, column in frame.items()]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _values(column: pd.Series[Any]) -> list[Any]:
    values: list[Any] = column.tolist()
    if column.dtype == object:
        return [one.item() if isinstance(one, np.generic) else one for one in values]
    return values
