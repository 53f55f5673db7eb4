"""Rows and refusals: the one form in which every function of the package answers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from workbench.errors import InputError, Problem
from workbench.survey.rows import from_rows

__all__ = [
    "COLUMNS",
    "check_level",
    "check_waves",
    "figures",
    "not_computed",
    "numbers",
    "problem",
    "record",
    "refuse",
    "row",
    "table",
]

# the order of DESIGN §4, with what a comparison adds in its place
COLUMNS: tuple[str, ...] = (
    "item",
    "community",
    "group",
    "statistic",
    "adjustment",
    "before",
    "after",
    "value",
    "difference",
    "unit",
    "std_error",
    "ci_low",
    "ci_high",
    "level",
    "n",
    "n_before",
    "n_after",
    "numerator",
    "denominator",
    "target",
    "test_statistic",
    "df",
    "df_denominator",
    "n_effective",
    "deff",
    "p_value",
    "p_adjusted",
    "family",
    "margin",
    "verdict",
    "verdict_zh",
    "verdict_en",
    "evidence_grade",
    "preferred",
    "method",
    "status",
    "flags",
    "reason_zh",
    "reason_en",
)


def row(
    statistic: str, value: float | int, *, unit: str, method: str, **more: Any
) -> dict[str, Any]:
    """Give one row; a value that is not a number becomes ``not_computed`` and needs a reason."""
    made: dict[str, Any] = {"statistic": statistic, "value": float(value), "unit": unit}
    made["method"] = method
    made.update(more)
    made.setdefault("status", "ok")
    if math.isnan(made["value"]) and made["status"] == "ok":
        made["status"] = "not_computed"
    for text in ("flags", "reason_zh", "reason_en"):
        made.setdefault(text, "")
    return made


def not_computed(
    statistic: str, zh: str, en: str, *, unit: str, method: str, **more: Any
) -> dict[str, Any]:
    """Give the row that says why there is no number."""
    return row(
        statistic,
        math.nan,
        unit=unit,
        method=method,
        status="not_computed",
        reason_zh=zh,
        reason_en=en,
        **more,
    )


def table(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Put rows together, columns in the order of the findings, further ones after them."""
    held = list(rows)
    given = dict.fromkeys(name for one in held for name in one)
    order = [name for name in COLUMNS if name in given]
    order += [name for name in given if name not in COLUMNS]
    frame = from_rows(held, columns=order)
    if "preferred" in given:
        frame["preferred"] = frame["preferred"].eq(True)
    return frame


def problem(code: str, zh: str, en: str, remedy_zh: str, remedy_en: str, **place: Any) -> Problem:
    """Make a problem of this package; ``code`` is prefixed with ``change.``."""
    return Problem(
        code=f"change.{code}", zh=zh, en=en, remedy_zh=remedy_zh, remedy_en=remedy_en, **place
    )


def refuse(code: str, zh: str, en: str, remedy_zh: str, remedy_en: str, **place: Any) -> NoReturn:
    """Raise one problem as :class:`workbench.errors.InputError`."""
    raise InputError(problem(code, zh, en, remedy_zh, remedy_en, **place))


def check_waves(
    data: pd.DataFrame, columns: Iterable[str], by: str, baseline: Any, current: Any
) -> None:
    """Refuse a comparison that lacks a column, or is of a wave with itself."""
    for name in columns:
        if name not in data.columns:
            refuse(
                "column", "缺少所需的列", "a column is missing", "补上该列", "add it", column=name
            )
    if baseline == current:
        refuse(
            "wave",
            "基期与本期相同",
            "baseline and current wave are the same",
            "写明两个不同的期",
            "name two different waves",
            column=by,
            found=str(baseline),
        )


def check_level(level: float) -> float:
    """Return a confidence level strictly between 0 and 1."""
    if not 0 < level < 1:
        refuse(
            "level",
            "置信水平须在 0 与 1 之间",
            "a confidence level lies between 0 and 1",
            "例如写 0.95",
            "write 0.95, say",
            expected="0 < level < 1",
            found=str(level),
        )
    return level


def numbers(values: Any, name: str, *, least: float | None = None) -> np.ndarray[Any, Any]:
    """Return values as floats; missing stays missing, infinite and too small are refused."""
    if type(values) in (float, int) or getattr(values, "dtype", None) == np.float64:
        array = np.array(values, dtype=float, ndmin=1)
        given = ~np.isnan(array)
    else:
        array = pd.to_numeric(pd.Series(_flat(values)), errors="coerce").to_numpy(dtype=float)
        given = pd.Series(_flat(values)).notna().to_numpy()
    bad = given & ~np.isfinite(array)
    if least is not None:
        bad |= given & (array < least)
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        refuse(
            "number",
            "不是可用的数值",
            "not a usable number",
            "更正该值或留空",
            "correct the value or leave it empty",
            column=name,
            row=at + 1,
            expected="a finite number" if least is None else f"a finite number >= {least:g}",
            found=str(_flat(values)[at]),
        )
    return array


def _flat(values: Any) -> Sequence[Any]:
    return [values] if np.isscalar(values) or values is None else list(values)


def figures(
    frame: pd.DataFrame, column: str = "value", *, by: str = "statistic"
) -> dict[str, float]:
    """Give one column of a tidy frame as plain numbers by statistic; the last of a name counts."""
    return {
        str(name): float(value)
        for name, value in zip(frame[by], frame[column].astype(float), strict=True)
    }


def record(frame: pd.DataFrame, at: int = 0) -> dict[str, Any]:
    """Give one row of a frame as a plain mapping."""
    return {str(name): value for name, value in frame.iloc[at].to_dict().items()}
