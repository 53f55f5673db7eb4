"""Cells as they leave the house: one form for every number, and no text a spreadsheet would run."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from typing import Any

__all__ = ["csv_bytes", "neutral"]

_STARTS = "=+-@＝＋－＠\t\r\n"
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\Z")


def neutral(text: str) -> str:
    """Give ``text`` with an apostrophe in front if a spreadsheet might run it as a formula.

    Examples
    --------
    >>> neutral("=1+1"), neutral("-2"), neutral(" ＋86")
    ("'=1+1", '-2', "' ＋86")
    """
    first = text.lstrip(" \u00a0\u3000")[:1]
    if first and first in _STARTS and not _NUMBER.match(text.strip()):
        return "'" + text
    return "'" + text if text[:1] in ("\t", "\r", "\n") else text


def csv_bytes(columns: Iterable[tuple[str, Iterable[Any]]], *, by: Iterable[str] = ()) -> bytes:
    """Give columns as CSV: UTF-8, LF, missing empty, ``true``/``false``, shortest exact numbers.

    Parameters
    ----------
    columns
        Names and cells, all of one length; cells are text, whole numbers, numbers, booleans or
        missing (``None``, NaN, ``pandas.NA``).
    by
        Columns whose text orders the rows, the whole row deciding between equals; without any the
        order is kept.
    """
    names: list[str] = []
    cells: list[list[str]] = []
    for name, values in columns:
        names.append(name)
        cells.append([_cell(value) for value in values])
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    rows: list[tuple[str, ...]] = list(zip(*cells, strict=True))
    if order := [names.index(name) for name in by]:
        rows.sort(key=lambda row: ([row[n] for n in order], row))
    writer.writerows(rows)
    return out.getvalue().encode()


def _cell(value: Any) -> str:
    """Give one cell as text."""
    if isinstance(value, str):
        return neutral(value)
    if value is None or value != value or not isinstance(value, bool | int | float):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)
