"""Many tests at once: adjusted p values and what chance alone would give."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.change._frames import numbers, refuse, row, table

__all__ = ["METHODS", "adjust", "false_alarm", "multiplicity", "multiplicity_summary"]

METHODS: tuple[str, ...] = ("holm", "bh", "by", "hommel", "bonferroni")


def adjust(
    p: Sequence[float] | pd.Series | np.ndarray[Any, Any], method: str = "holm"
) -> np.ndarray[Any, Any]:
    """Return adjusted p values in the order given; missing ones stay missing and do not count.

    Parameters
    ----------
    p
        p values between 0 and 1; missing = no test was made.
    method
        ``holm`` (1979), ``bh`` (Benjamini and Hochberg 1995), ``by`` (Benjamini and Yekutieli
        2001), ``hommel`` (1988) or ``bonferroni``.

    Raises
    ------
    InputError
        ``change.p-value`` for a p outside 0 to 1, ``change.method`` for an unknown method.

    Examples
    --------
    >>> adjust([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    if method not in METHODS:
        refuse(
            "method",
            "没有这种多重比较校正",
            "no such correction for many tests",
            "选用其一：" + "、".join(METHODS),
            "use one of " + ", ".join(METHODS),
            found=method,
        )
    values = numbers(p, "p_value", least=0.0)
    if (values > 1).any():
        refuse(
            "p-value",
            "p 值须在 0 与 1 之间",
            "a p value lies between 0 and 1",
            "检查该列是否为 p 值",
            "check that the column holds p values",
            column="p_value",
            found=str(np.nanmax(values)),
        )
    out = np.full(values.shape, np.nan)
    here = np.flatnonzero(~np.isnan(values))
    if not len(here):
        return out
    order = here[np.argsort(values[here], kind="stable")]
    q = values[order]
    m = len(q)
    rank = np.arange(1, m + 1)
    if method == "bonferroni":
        a = q * m
    elif method == "holm":
        a = np.maximum.accumulate(q * (m - rank + 1))
    elif method == "hommel":
        a = _hommel(q)
    else:
        factor = float(np.sum(1 / rank)) if method == "by" else 1.0
        a = np.minimum.accumulate((factor * q * m / rank)[::-1])[::-1]
    out[order] = np.minimum(a, 1.0)
    return out


def _hommel(q: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    # Hommel (1988), in the form of Wright (1992), Biometrics 48, 1005-1013, appendix
    n = len(q)
    rank = np.arange(1, n + 1)
    best = np.full(n, float(np.min(n * q / rank)))
    adjusted = best.copy()
    for m in range(n - 1, 1, -1):
        left, right = np.arange(n - m + 1), np.arange(n - m + 1, n)
        tail = float(np.min(m * q[right] / np.arange(2, m + 1))) if len(right) else np.inf
        best[left] = np.minimum(m * q[left], tail)
        best[right] = best[n - m]
        adjusted = np.maximum(adjusted, best)
    result: np.ndarray[Any, Any] = np.maximum(adjusted, q)
    return result


def _check_columns(frame: pd.DataFrame, names: Sequence[str]) -> None:
    for name in names:
        if name not in frame.columns:
            refuse(
                "column",
                "缺少所需的列",
                "a column that is needed is missing",
                "补上该列",
                "add the column",
                column=name,
            )


def multiplicity(
    frame: pd.DataFrame,
    *,
    method: str = "holm",
    by: str | Sequence[str] | None = None,
    family: str = "all",
) -> pd.DataFrame:
    """Return the frame with ``p_adjusted`` and ``family`` filled.

    Parameters
    ----------
    frame
        Tidy frame with a column ``p_value``; rows without p are kept and not counted.
    method
        As for :func:`adjust`: Holm within the claims of one report, BH across a dashboard.
    by
        Columns that make separate families; ``None``: all rows are one family.
    family
        Name of the family; with ``by`` the group follows after a colon.

    Raises
    ------
    InputError
        As :func:`adjust`; ``change.column`` when a column is missing.

    Examples
    --------
    >>> tests = pd.DataFrame({"item": ["a", "b"], "p_value": [0.01, 0.30]})
    >>> multiplicity(tests, method="bh", family="dashboard")["p_adjusted"].tolist()
    [0.02, 0.3]
    """
    groups = [by] if isinstance(by, str) else list(by or [])
    _check_columns(frame, ["p_value", *groups])
    out = frame.copy()
    if not groups:
        out["p_adjusted"] = adjust(out["p_value"], method)
        out["family"] = family
        return out
    p, adjusted = out["p_value"].to_numpy(dtype=float, na_value=np.nan), np.full(len(out), np.nan)
    codes = [pd.factorize(out[name], use_na_sentinel=False)[0].tolist() for name in groups]
    alike = list(zip(*codes, strict=True))
    named = {}
    for at, one in enumerate(alike):
        if one not in named:
            mine = np.array([other == one for other in alike])
            adjusted[mine] = adjust(p[mine], method)
            named[one] = f"{family}:" + ":".join(str(out[name].iloc[at]) for name in groups)
    out["p_adjusted"] = adjusted
    out["family"] = pd.Series([named[one] for one in alike], index=out.index, dtype="str")
    return out


def tests(frame: pd.DataFrame, *, method: str, alpha: float) -> tuple[int, int, int]:
    """Count the tests of a frame, those below ``alpha``, and those below it when adjusted."""
    _check_columns(frame, ["p_value"])
    p = frame["p_value"].to_numpy(dtype=float)
    adjusted = adjust(p, method)
    return int(np.isfinite(p).sum()), int((p < alpha).sum()), int((adjusted < alpha).sum())


def false_alarm(tests: int, *, level: float = 0.05) -> float:
    """Return the chance of at least one false alarm in independent tests, 1 - (1 - level)^m.

    Examples
    --------
    >>> round(false_alarm(40), 4)
    0.8715
    """
    return float(1 - (1 - level) ** tests)


def multiplicity_summary(
    frame: pd.DataFrame, *, method: str = "holm", alpha: float = 0.05
) -> pd.DataFrame:
    """Count tests below ``alpha`` raw and adjusted, beside what chance alone would give.

    Parameters
    ----------
    frame
        Tidy frame with ``p_value``.
    method, alpha
        Correction and limit.

    Returns
    -------
    pandas.DataFrame
        Rows ``tests``, ``below_raw``, ``below_adjusted``, ``expected_by_chance`` (count) and
        ``false_alarm`` (share).
    """
    m, raw, left = tests(frame, method=method, alpha=alpha)
    key = f"change.multiplicity.{method}"
    return table(
        [
            row("tests", m, unit="count", method=key),
            row("below_raw", raw, unit="count", method=key),
            row("below_adjusted", left, unit="count", method=key),
            row("expected_by_chance", m * alpha, unit="count", method=key),
            row("false_alarm", false_alarm(m, level=alpha), unit="share", method=key),
        ]
    )
