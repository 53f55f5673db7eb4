"""What the functions of this package share: checks of what comes in, and the form of what goes out.

Every check collects all that is wrong and raises once; a figure that cannot be computed honestly is
a row with a status and a reason in Chinese and English.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from workbench.errors import InputError, Problem

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

NO_VALUE = ("没有可用的数值", "there is no value")


def refuse(code: str, zh: str, en: str, **place: str) -> InputError:
    """Return the error for one thing wrong with an argument."""
    return InputError(Problem(code=f"scoring.{code}", zh=zh, en=en, **place))  # type: ignore[arg-type]


def need(frame: pd.DataFrame, columns: Iterable[str], *, of: str) -> None:
    """Refuse a frame without one of the columns.

    Raises
    ------
    InputError
        With one problem for each missing column.
    """
    missing = [c for c in columns if c not in frame.columns]
    if missing:
        raise InputError(
            *(
                Problem(
                    code="scoring.column-missing",
                    zh=f"表 {of} 缺少列 {c}",
                    en=f"the frame {of} lacks the column {c}",
                    column=c,
                    found=", ".join(map(str, frame.columns)),
                )
                for c in missing
            )
        )


def one_of(word: str, words: Sequence[str], *, of: str) -> None:
    """Refuse a word that is not in the list."""
    if word not in words:
        raise refuse(
            "unknown-word",
            f"参数 {of} 不认识 {word!r}",
            f"unknown {of} {word!r}",
            expected=", ".join(words),
            found=str(word),
        )


def no_duplicates(frame: pd.DataFrame, keys: Sequence[str], *, of: str) -> None:
    """Refuse two rows with the same key."""
    twice = frame.duplicated(list(keys), keep=False)
    if bool(twice.any()):
        first = frame.loc[twice, list(keys)].iloc[0]
        raise refuse(
            "duplicate-row",
            f"表 {of} 中同一个键出现多次：{', '.join(map(str, first))}",
            f"the frame {of} holds one key more than once: {', '.join(map(str, first))}",
            expected="unique " + " + ".join(keys),
            found=f"{int(twice.sum())} rows",
        )


def numbers(frame: pd.DataFrame, column: str) -> Floats:
    """Return a column as floats, missing as NaN; a column that is not there is all NaN.

    Raises
    ------
    InputError
        If a value is no number, or infinite.
    """
    if column not in frame.columns:
        return np.full(len(frame), np.nan)
    raw = frame[column]
    out: Floats
    if raw.dtype == np.float64:
        out = np.array(raw.to_numpy())
        wrong = np.flatnonzero(np.isinf(out))
    else:
        out = np.array(pd.to_numeric(raw, errors="coerce").to_numpy(dtype=float, na_value=np.nan))
        wrong = np.flatnonzero((np.isnan(out) & raw.notna().to_numpy()) | np.isinf(out))
    if len(wrong):
        raise InputError(
            *(
                Problem(
                    code="scoring.not-a-number",
                    zh=f"列 {column} 的值不是有限的数",
                    en=f"the column {column} holds a value that is no finite number",
                    column=column,
                    row=int(i) + 1,
                    found=repr(raw.iloc[i]),
                )
                for i in wrong[:20]
            )
        )
    return out


def words(frame: pd.DataFrame, column: str, default: str = "") -> npt.NDArray[np.object_]:
    """Return a column as text, missing as ``default``."""
    if column not in frame.columns:
        return np.full(len(frame), default, dtype=object)
    codes, distinct = pd.factorize(frame[column])
    lookup = np.array([*(str(v) for v in distinct), default], dtype=object)
    return np.asarray(lookup[codes])


def check_level(level: float) -> float:
    """Refuse a confidence level that is not strictly between 0 and 1."""
    if not 0 < level < 1:
        raise refuse(
            "level",
            "置信水平应在 0 与 1 之间",
            "the confidence level must lie between 0 and 1",
            expected="0 < level < 1",
            found=str(level),
        )
    return float(level)


def critical(level: float, df: Floats | float | None = None) -> Floats:
    """Two-sided critical value of the normal, or of t where ``df`` is finite."""
    upper = 0.5 + level / 2
    z = special.ndtri(upper)
    if df is None:
        return np.asarray(z, dtype=float)
    degrees = np.asarray(df, dtype=float)
    finite = np.isfinite(degrees) & (degrees > 0)
    t = special.stdtrit(np.where(finite, degrees, 1.0), upper)
    return np.asarray(np.where(finite, t, z), dtype=float)


def matrix(frame: pd.DataFrame, rows: str, columns: str, value: str, *, of: str) -> pd.DataFrame:
    """Turn a long frame into a table, one row per ``rows``; refuses two values in a cell."""
    need(frame, (rows, columns, value), of=of)
    no_duplicates(frame, (rows, columns), of=of)
    kept = frame[[rows, columns]].copy()
    kept["_"] = numbers(frame, value)
    return kept.pivot(index=rows, columns=columns, values="_")


def as_table(data: pd.DataFrame) -> Floats:
    """Return an all-numeric table as floats, missing as NaN."""
    out = np.column_stack([numbers(data, c) for c in data.columns]) if data.shape[1] else None
    if out is None or out.shape[0] == 0:
        raise refuse("empty", "表是空的", "the table is empty")
    return out


def weights_of(
    weights: Mapping[str, float] | pd.Series | None, names: Sequence[str], *, of: str = "weights"
) -> Floats:
    """Return weights in the order of ``names``, scaled to sum 1; none given means equal ones.

    Raises
    ------
    InputError
        If a name has no weight, a weight is negative or not finite, or all are zero.
    """
    if weights is None:
        return np.full(len(names), 1 / len(names))
    given = {str(k): float(v) for k, v in weights.items()}
    problems = [
        Problem(
            code="scoring.weight",
            zh=f"{of} 中 {name} 的权重缺失、为负或不是有限的数",
            en=f"{of}: the weight of {name} is missing, negative or not finite",
            expected="a number ≥ 0",
            found=str(given.get(str(name))),
        )
        for name in names
        if not (np.isfinite(given.get(str(name), np.nan)) and given[str(name)] >= 0)
    ]
    if problems:
        raise InputError(*problems)
    out = np.array([given[str(name)] for name in names])
    if out.sum() <= 0:
        raise refuse("weight-sum", f"{of} 的和为零", f"{of} sum to zero")
    return np.asarray(out / out.sum(), dtype=float)


def add_word(
    texts: npt.NDArray[np.object_], where: Bools, word: str, glue: str = ";"
) -> npt.NDArray[np.object_]:
    """Append a word to the texts that a mask marks."""
    out = texts.copy()
    out[where] = [f"{t}{glue}{word}" if t else word for t in out[where]]
    return out
