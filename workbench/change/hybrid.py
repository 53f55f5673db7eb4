"""The difference of two estimates that come with intervals of their own."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from scipy import stats

from workbench.change._frames import check_level, not_computed, refuse, row, table
from workbench.survey.rows import to_rows

__all__ = ["hybrid_difference"]

_NEED = ("item", "before", "low_before", "high_before", "after", "low_after", "high_after")


def hybrid_difference(data: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Give the change between two independent estimates from the interval of each.

    Parameters
    ----------
    data
        One row per item: ``item``, ``before``, ``low_before``, ``high_before``, ``after``,
        ``low_after``, ``high_after`` (estimates and their limits at ``level``, one unit), ``unit``
        of the difference, and where known ``n_before``, ``n_after``. Missing estimate or limit:
        not computed.
    level
        Confidence level of the limits given and of the result.

    Returns
    -------
    pandas.DataFrame
        One row per item: ``value`` = after - before, ``ci_low``, ``ci_high``, ``std_error`` (their
        distance over 2 z), ``p_value``, ``inner_low`` and ``inner_high`` at ``2 * level - 1``.

    Raises
    ------
    InputError
        ``change.column`` for a missing column, ``change.interval`` for an estimate outside its
        limits.

    Notes
    -----
    L = d - sqrt((x1 - l1)^2 + (u0 - x0)^2), U = d + sqrt((u1 - x1)^2 + (x0 - l0)^2): Newcombe's
    way for two shares, which holds for any two independent estimates with good intervals. ``p``
    is two-sided normal on the distance to the limit towards zero, so that p < 1 - level exactly
    where the interval leaves out zero. Two estimates from the same buildings or assessors go
    together; the interval is then too wide, not too narrow.

    References
    ----------
    Zou and Donner (2008), Stat. Med. 27, 1693; Newcombe (1998), Stat. Med. 17, 873.

    Examples
    --------
    >>> told = pd.DataFrame([{"item": "a", "unit": "days", "before": 5.0, "low_before": 4.0,
    ...     "high_before": 7.0, "after": 3.0, "low_after": 2.0, "high_after": 4.0}])
    >>> hybrid_difference(told)[["value", "ci_low", "ci_high"]].round(3).values.tolist()
    [[-2.0, -4.236, -0.586]]
    """
    check_level(level)
    for name in _NEED:
        if name not in data.columns:
            refuse(
                "column", "缺少所需的列", "a column is missing", "补上该列", "add it", column=name
            )
    rows = [_one(at, one, level) for at, one in enumerate(to_rows(data), 1)]
    return table(rows)


def _one(at: int, one: dict[Any, Any], level: float) -> dict[str, Any]:
    unit = str(one.get("unit") or "score")
    x0, l0, u0, x1, l1, u1 = (
        math.nan if pd.isna(one[name]) else float(one[name]) for name in _NEED[1:]
    )
    sizes = {n: float(one.get(n, math.nan)) for n in ("n_before", "n_after")}
    common: dict[str, Any] = {"item": str(one["item"]), "adjustment": "raw", "level": level}
    common |= {"before": x0, "after": x1, **sizes, "n": sizes["n_before"] + sizes["n_after"]}
    key = "change.difference.hybrid"
    for x, low, high, name in ((x0, l0, u0, "before"), (x1, l1, u1, "after")):
        if x < low - 1e-9 or x > high + 1e-9:
            refuse(
                "interval",
                "估计值不在自己的区间内",
                "an estimate lies outside its own interval",
                "核对数值与区间",
                "check the value and its limits",
                row=at,
                column=name,
                found=f"{x:g} ({low:g}, {high:g})",
            )
    if any(math.isnan(v) for v in (x0, l0, u0, x1, l1, u1)):
        return not_computed(
            "difference",
            "有一期没有数值或没有区间",
            "a wave has no value or no interval",
            unit=unit,
            method=key,
            **common,
        )
    down, up = math.hypot(x1 - l1, u0 - x0), math.hypot(u1 - x1, x0 - l0)
    d = x1 - x0
    if not min(down, up) > 0:
        return not_computed(
            "difference",
            "没有可估计的误差",
            "no error to estimate",
            unit=unit,
            method=key,
            **common,
        )
    z, inner = stats.norm.ppf(0.5 + level / 2), stats.norm.ppf(level)
    towards = down if d > 0 else up
    return row(
        "difference",
        d,
        unit=unit,
        method=key,
        std_error=float((down + up) / 2 / z),
        ci_low=d - down,
        ci_high=d + up,
        inner_low=d - down * inner / z,
        inner_high=d + up * inner / z,
        p_value=float(2 * stats.norm.sf(z * abs(d) / towards)),
        **common,
    )
