"""The difference of two means with its t interval: one place for Student and Welch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import stats

__all__ = ["mean_difference"]

Array = np.ndarray[Any, Any]


def mean_difference(
    before: Array, after: Array, *, level: float, equal: bool = False
) -> dict[str, float]:
    """Give value, error, interval, inner interval and p of mean(after) - mean(before).

    Parameters
    ----------
    before, after
        Values without missing, at least two in one of them and one in the other.
    level
        Confidence level; the inner interval is at ``2 * level - 1``.
    equal
        Student's test with one variance; else Welch's (1947).

    Returns
    -------
    dict
        Keys of a tidy row. A standard error of zero makes all but ``value`` NaN.
    """
    n0, n1 = len(before), len(after)
    value = float(after.mean() - before.mean())
    # numpy's variance of equal values is a rounding error, not zero
    v0, v1 = (float(v.var(ddof=1)) if np.ptp(v) > 0 else 0.0 for v in (before, after))
    if equal:
        df = float(n0 + n1 - 2)
        pooled = ((n0 - 1) * v0 + (n1 - 1) * v1) / df
        se = math.sqrt(pooled * (1 / n0 + 1 / n1))
    else:
        a, b = v0 / n0, v1 / n1
        se = math.sqrt(a + b)
        parts = (a * a / (n0 - 1) if a else 0.0) + (b * b / (n1 - 1) if b else 0.0)
        df = (a + b) ** 2 / parts if parts > 0 else math.nan
    if not se > 0:
        nothing = dict.fromkeys(
            ("std_error", "df", "test_statistic", "p_value", "ci_low", "ci_high"), math.nan
        )
        return {"value": value, **nothing, "inner_low": math.nan, "inner_high": math.nan}
    q, inner = (float(stats.t.ppf(c, df)) for c in (0.5 + level / 2, level))
    return {
        "value": value,
        "std_error": se,
        "df": df,
        "test_statistic": value / se,
        "p_value": float(2 * stats.t.sf(abs(value / se), df)),
        "ci_low": value - q * se,
        "ci_high": value + q * se,
        "inner_low": value - inner * se,
        "inner_high": value + inner * se,
    }
