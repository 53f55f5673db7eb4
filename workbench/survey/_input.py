"""Checks of what callers hand in, refused with the place and a remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from workbench.errors import InputError, Problem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

RESERVED = frozenset(
    (
        "item statistic value unit std_error ci_low ci_high level n numerator denominator df "
        "n_effective deff deff_wor p_value p_adjusted family target verdict method status flags "
        "reason_zh reason_en"
    ).split()
)


def names(value: str | Sequence[str] | None) -> list[str]:
    """One name, several or none, as a list."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)


def refuse(code: str, zh: str, en: str, **more: Any) -> InputError:
    """One problem as an error, ready to be raised."""
    return InputError(Problem(code=code, zh=zh, en=en, **more))


def check_columns(data: pd.DataFrame, columns: Iterable[str], use: str) -> None:
    """Raise :class:`InputError` naming every column of ``columns`` that ``data`` lacks."""
    have = [str(c) for c in data.columns]
    problems = []
    for name in dict.fromkeys(columns):
        if name in data.columns:
            if have.count(str(name)) > 1:
                problems.append(
                    Problem(
                        code="survey.column-twice",
                        column=str(name),
                        zh="数据中有两列同名",
                        en="the data have two columns of this name",
                        remedy_zh="改名或删去其中一列",
                        remedy_en="rename or drop one of them",
                    )
                )
            continue
        near = difflib.get_close_matches(str(name), have, n=1)
        problems.append(
            Problem(
                code="survey.no-such-column",
                column=str(name),
                zh=f"数据中没有这一列（用于 {use}）",
                en=f"no such column in the data (used as {use})",
                found="" if not near else f"nearest: {near[0]}",
                remedy_zh="改正列名" + (f"，是否应为 {near[0]}" if near else ""),
                remedy_en="correct the name" + (f"; did you mean {near[0]}?" if near else ""),
            )
        )
    if problems:
        raise InputError(*problems)


def numbers(data: pd.DataFrame, column: str) -> Floats:
    """Values of a column as floats, shape (n,); missing is NaN; text raises :class:`InputError`."""
    series = data[column]
    try:
        values = series if series.dtype == np.float64 else pd.to_numeric(series)
        array = values.to_numpy(dtype="float64", na_value=np.nan)
    except (ValueError, TypeError) as error:
        parsed = pd.to_numeric(series.astype("object"), errors="coerce")
        bad = np.flatnonzero(parsed.isna().to_numpy() & series.notna().to_numpy())
        raise refuse(
            "survey.not-a-number",
            "这一列须为数值",
            "this column must be numeric",
            column=column,
            row=int(bad[0]) + 1 if bad.size else None,
            found=repr(series.iloc[int(bad[0])]) if bad.size else str(series.dtype),
            remedy_zh="在码本中改编码，或改用 proportion()",
            remedy_en="recode it in the codebook, or use proportion()",
        ) from error
    if np.isinf(array).any():
        raise refuse(
            "survey.infinite",
            "有无穷大的值",
            "an infinite value",
            column=column,
            row=int(np.flatnonzero(np.isinf(array))[0]) + 1,
            remedy_zh="改正该值，或标为缺失",
            remedy_en="correct the value or mark it missing",
        )
    return array


def labels(values: pd.Series[Any]) -> pd.Series[Any]:
    """Categories as text, missing kept missing; whole floats lose their ``.0``.

    ``1``, ``1.0`` and ``"1"`` are the same category, so that margins read from a file match data.
    """
    if isinstance(values.dtype, pd.CategoricalDtype):
        codes = values.cat.codes.to_numpy()
        levels = values.cat.categories.tolist()
    else:
        found, index = pd.factorize(values)
        codes, levels = np.asarray(found), index.tolist()
    text = np.array([*(_text(v) for v in levels), None], dtype=object)
    return pd.Series(text[codes], index=values.index, dtype=object)


def _text(value: Any) -> str:
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def coded_labels(data: pd.DataFrame, variable: str) -> tuple[Ints, list[str]]:
    """Codes of the labels of ``a`` or ``a:b``, -1 where any part is missing, and the labels.

    The same categories as :func:`crossed`, without a text for every row.
    """
    parts = [variable] if variable in data.columns else variable.split(":")
    check_columns(data, parts, variable)
    total: Ints = np.zeros(len(data), dtype=np.int64)
    names_: list[str] = [""]
    for number, part in enumerate(parts):
        column = data[part]
        if isinstance(column.dtype, pd.CategoricalDtype):
            found, levels = column.cat.codes.to_numpy(), column.cat.categories.tolist()
        else:
            codes, index = pd.factorize(column)
            found, levels = np.asarray(codes), index.tolist()
        texts = [_text(v) for v in levels]
        place = {text: i for i, text in enumerate(dict.fromkeys(texts))}
        same: Ints = np.array([*(place[text] for text in texts), -1], dtype=np.int64)
        own = same[found]
        if not number:
            total, names_ = own, list(place)
            continue
        gone = (total < 0) | (own < 0)
        total = total * len(place) + own
        total[gone] = -1
        total, kept = dense_codes(total, len(names_) * len(place))
        both = [divmod(int(cell), len(place)) for cell in kept]
        right = list(place)
        names_ = [f"{names_[a]}:{right[b]}" for a, b in both]
    return total, names_


def dense_codes(codes: Ints, size: int) -> tuple[Ints, Ints]:
    """Give codes in 0..size-1 numbered without gaps, in order (-1 stays), and the codes found."""
    if size > 4 * codes.size + 1000:
        found = np.unique(codes)
        found = found[found >= 0]
        place = np.searchsorted(found, codes)
        return np.where(codes >= 0, place, -1).astype(np.int64), found.astype(np.int64)
    present = np.zeros(size + 1, dtype=bool)
    present[codes] = True
    present[size] = False
    renumber = np.cumsum(present, dtype=np.int64) - 1
    renumber[size] = -1
    return renumber[codes], np.flatnonzero(present).astype(np.int64)


def crossed(data: pd.DataFrame, variable: str) -> pd.Series[Any]:
    """Labels of ``a`` or of the crossing ``a:b`` (``x:y``); missing where any part is missing."""
    parts = [variable] if variable in data.columns else variable.split(":")
    check_columns(data, parts, variable)
    out = labels(data[parts[0]])
    for part in parts[1:]:
        right = labels(data[part])
        gone = out.isna() | right.isna()
        out = out.astype(str) + ":" + right.astype(str)
        out = out.astype(object)
        out[gone] = None
    return out


def check_level(level: float) -> None:
    """Refuse a confidence level outside (0, 1)."""
    if not 0 < level < 1:
        raise refuse(
            "survey.level",
            "置信水平须在 0 与 1 之间",
            "the confidence level must lie between 0 and 1",
            found=str(level),
            expected="0.95",
        )


def check_choice(value: str, allowed: Sequence[str], what: str) -> None:
    """Refuse a word that is not one of ``allowed``; the nearest is named."""
    if value not in allowed:
        near = difflib.get_close_matches(value, allowed, n=1)
        raise refuse(
            "survey.unknown-word",
            f"{what} 没有这个取值",
            f"{what} has no such value",
            found=repr(value),
            expected=", ".join(allowed),
            remedy_zh=f"是否应为 {near[0]}" if near else "改用所列取值",
            remedy_en=f"did you mean {near[0]}?" if near else "use one of those listed",
        )
