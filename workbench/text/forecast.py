"""What may come next of a monthly count: simple, with its own record of past errors."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from workbench.text._frames import need, refuse

__all__ = ["forecast"]

_LEAST = 8  # past errors that an interval needs
_YEAR = 12


def forecast(
    data: pd.DataFrame,
    *,
    period: str = "period",
    value: str = "value",
    ahead: int = 3,
    level: float = 0.8,
) -> pd.DataFrame:
    """Forecast a monthly series and say how far the same rule missed before.

    Parameters
    ----------
    data : DataFrame
        One row per month, each once; ``period`` ``YYYY-MM``, ``value`` a number of at least 0.
        Months that lack between the first and the last are refused, not filled.
    period, value : str
        Its columns.
    ahead : int
        Months to forecast, 1–12.
    level : float
        Level of the prediction interval, at most; n past errors give no more than
        (n − 1)/(n + 1).

    Returns
    -------
    DataFrame
        Rows ``forecast`` (one for each month ahead: ``period``, ``value``, ``ci_low``, ``ci_high``,
        ``n`` past errors at that distance, ``level`` of the interval), ``backtest_mae`` and
        ``naive_mae`` (mean absolute error one month ahead of the rule and of "as last month"), and
        ``coverage`` (share of past months inside intervals made from the errors before them). Flag
        ``exploratory`` on every row, ``worse_than_naive`` where "as last month" missed by less;
        without eight past errors a forecast is not computed.

    Notes
    -----
    With more than 32 + ``ahead`` months the same month of the last year, moved by the mean change
    of the last three months against theirs a year before; with fewer the mean of the last three.
    The interval is the forecast and the empirical quantiles of the rule's own past errors at the
    same distance, cut at 0. It holds if the future is like the past; it knows nothing of policies,
    weather or a new hotline number. Never in a signed report.

    References
    ----------
    Hyndman & Athanasopoulos (2021), Forecasting: Principles and Practice, 3rd ed., §5.2, 5.5, 5.10.

    Examples
    --------
    >>> months = pd.period_range("2024-01", periods=14, freq="M").astype(str)
    >>> told = forecast(pd.DataFrame({"period": months, "value": [10.0, 12.0] * 7}), ahead=1)
    >>> told.loc[0, "period"], round(float(told.loc[0, "value"]), 2)
    ('2025-03', 11.33)
    """
    need(data, (period, value))
    if not 1 <= ahead <= _YEAR:
        raise refuse("ahead", "应预测1至12个月", "1 to 12 months ahead", found=str(ahead))
    series = _series(data, period, value)
    x = series.to_numpy()
    seasonal = len(x) > 2 * _YEAR + ahead + _LEAST
    errors = {h: _errors(x, h, seasonal) for h in range(1, ahead + 1)}
    rows = []
    for h in range(1, ahead + 1):
        month = series.index[-1] + h if len(series) else None
        n = len(errors[h])
        row = {"statistic": "forecast", "period": str(month), "n": n, "level": level}
        if n < _LEAST:
            row |= {
                "status": "not_computed",
                "reason_zh": f"此前只有{n}次可对照的误差，少于{_LEAST}次",
                "reason_en": f"only {n} past errors, fewer than {_LEAST}",
            }
        else:
            low, high = _limits(errors[h], level)
            made = _rule(x, h, seasonal)
            row |= {"value": made, "ci_low": max(made + low, 0.0), "ci_high": made + high}
            row["level"] = min(level, (n - 1) / (n + 1))
        rows.append(row)
    one = errors[1]
    for name, past in (("backtest_mae", one), ("naive_mae", np.diff(x)[len(x) - 1 - len(one) :])):
        told = {"value": float(np.abs(past).mean())} if len(one) else {"status": "not_computed"}
        rows.append({"statistic": name, "n": len(past)} | told)
    inside = [
        low <= one[i] <= high
        for i in range(_LEAST, len(one))
        for low, high in [_limits(one[:i], level)]
    ]
    told = {"value": float(np.mean(inside))} if inside else {"status": "not_computed"}
    row = {"statistic": "coverage", "unit": "share", "n": len(inside), "level": level}
    rows.append(row | told)
    out = pd.DataFrame(rows)
    status = out["status"] if "status" in out else pd.Series(None, index=out.index, dtype=object)
    errors_of = out.set_index("statistic")["value"] if "value" in out else pd.Series(dtype=float)
    worse = errors_of.get("backtest_mae", 0.0) > errors_of.get("naive_mae", math.inf)
    flags = "exploratory;worse_than_naive" if worse else "exploratory"
    return out.assign(status=status.fillna("ok"), flags=flags, method="text.forecast")


def _series(data: pd.DataFrame, period: str, value: str) -> pd.Series:
    """Give the values by month; refuse gaps, months that stand twice and what is no number."""
    try:
        months = pd.PeriodIndex(data[period].astype(str), freq="M")
        x = pd.Series(pd.to_numeric(data[value]).to_numpy(dtype=float), index=months).sort_index()
    except (ValueError, TypeError) as error:
        raise refuse("series", "期间或数值无法识别", "a period or value cannot be read",
                     expected="YYYY-MM, number", found=str(error)[:80]) from None  # fmt: skip
    if x.isna().any() or (x < 0).any():
        raise refuse("series", "有缺失或负的数值", "a value is missing or negative", column=value)
    whole = pd.period_range(x.index[0], x.index[-1], freq="M") if len(x) else x.index
    if x.index.has_duplicates or len(whole) != len(x):
        lacking = [str(month) for month in whole if month not in set(x.index)]
        raise refuse(
            "series",
            "月份重复或缺失",
            "a month stands twice or is missing",
            column=period,
            found=", ".join(lacking) or "repeated",
        )
    return x


def _rule(x: np.ndarray, h: int, seasonal: bool) -> float:
    """Forecast ``h`` steps ahead from the series so far."""
    last = x[-3:].mean()
    if not seasonal:
        return float(last)
    moved = last - x[-3 - _YEAR : -_YEAR].mean()
    return float(max(x[h - 1 - _YEAR] + moved, 0.0))


def _errors(x: np.ndarray, h: int, seasonal: bool) -> np.ndarray:
    """Give what the rule missed by, ``h`` steps ahead, at every month of the past."""
    first = _YEAR + 3 if seasonal else 3
    past = range(first, len(x) - h + 1)
    return np.array([x[i + h - 1] - _rule(x[:i], h, seasonal) for i in past])


def _limits(errors: np.ndarray, level: float) -> tuple[float, float]:
    """Give the order statistics of past errors whose interval has the level for one more."""
    ordered = np.sort(errors)
    n = len(ordered)
    k = max(math.floor((n + 1) * (1 - level) / 2), 1)
    return float(ordered[k - 1]), float(ordered[n - k])
