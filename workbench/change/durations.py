"""Durations with open cases: Kaplan-Meier, share closed in time, restricted mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from workbench.change._frames import (
    check_level,
    not_computed,
    problem,
    refuse,
    row,
    table,
)
from workbench.errors import InputError

__all__ = ["durations", "kaplan_meier", "kaplan_meier_curve"]

Array = np.ndarray[Any, Any]
UNITS = {"days": 86400.0, "hours": 3600.0}
_SLACK = 1e-9  # survival values that differ by less are one value


@dataclass(frozen=True)
class _Curve:
    """Kaplan-Meier steps at the distinct times at which a case closed."""

    times: Array
    closed: Array
    at_risk: Array
    survival: Array
    variance: Array  # of log S: Greenwood's sum


def durations(
    data: pd.DataFrame,
    *,
    start: str,
    end: str,
    censored_at: Any,
    unit: str = "days",
) -> pd.DataFrame:
    """Give the frame with ``duration`` and ``closed``; cases closed before opened are left out.

    Parameters
    ----------
    data
        One row per case.
    start, end
        Columns of times (datetime or ISO 8601 text); ``end`` empty: the case is open. Times with
        a zone are compared in UTC; times without are taken as they stand.
    censored_at
        Time at which the record was drawn; a case open then, or closed later, is censored there.
    unit
        ``days`` or ``hours``.

    Returns
    -------
    pandas.DataFrame
        Columns of ``data`` and ``duration`` (float, from 0), ``closed`` (bool). The number set
        aside stands in ``attrs["set_aside"]``, of cases opened after ``censored_at`` in
        ``attrs["opened_later"]``.

    Raises
    ------
    InputError
        ``change.column``, ``change.time`` (unreadable or missing start), ``change.unit``.
    """
    if unit not in UNITS:
        refuse("unit", "时间单位未知", "unknown unit", "用 days 或 hours", "use days or hours")
    problems = [
        problem("column", "缺少所需的列", "a column is missing", "补上该列", "add it", column=name)
        for name in (start, end)
        if name not in data.columns
    ]
    if problems:
        raise InputError(*problems)
    opened, closed_at = _times(data[start], start), _times(data[end], end)
    if (opened.dt.tz is None) != (closed_at.dt.tz is None):
        if closed_at.notna().any():
            refuse(
                "zone",
                "开始与关闭时间只有一列带时区",
                "only one of opening and closing time has a zone",
                "两列用同一写法",
                "write both columns alike",
                column=end,
            )
        closed_at = pd.Series(pd.NaT, index=opened.index, dtype=opened.dtype)
    if opened.isna().any():
        at = int(np.flatnonzero(opened.isna().to_numpy())[0])
        refuse(
            "time",
            "缺少开始时间",
            "a case without a time of opening",
            "补上开始时间，或把该行移出",
            "give the time or take the row out",
            column=start,
            row=at + 1,
        )
    cut = pd.Timestamp(censored_at)
    if opened.dt.tz is not None and cut.tzinfo is None:
        cut = cut.tz_localize("UTC")
    if opened.dt.tz is None and cut.tzinfo is not None:
        cut = cut.tz_convert("UTC").tz_localize(None)
    negative = (closed_at < opened).to_numpy()
    later = (opened > cut).to_numpy()
    closed = (closed_at.notna() & (closed_at <= cut)).to_numpy()
    until = closed_at.where(closed, cut)
    seconds = (until - opened).dt.total_seconds().to_numpy()
    out = data.assign(duration=seconds / UNITS[unit], closed=closed)[~(negative | later)]
    out.attrs = {"set_aside": int(negative.sum()), "opened_later": int((later & ~negative).sum())}
    return out


def kaplan_meier(
    data: pd.DataFrame,
    *,
    start: str | None = None,
    end: str | None = None,
    censored_at: Any = None,
    duration: str | None = None,
    closed: str | None = None,
    by: str | None = None,
    within: Sequence[float] = (3.0,),
    tau: float | None = None,
    unit: str = "days",
    level: float = 0.95,
) -> pd.DataFrame:
    """Give the median time to close and the share closed in time, open cases censored.

    Parameters
    ----------
    data
        One row per case.
    start, end, censored_at
        Columns of opening and closing and the time of the extract; see :func:`durations`.
    duration, closed
        Instead of them: columns of the duration (from 0, in ``unit``) and whether it closed.
    by
        Column of groups (wave, community); one set of rows each.
    within
        Times at which the share closed is wanted, in ``unit`` (3 days = 72 h).
    tau
        Horizon of the restricted mean, in ``unit``; ``None``: not given.
    unit, level
        ``days`` or ``hours``; confidence level.

    Returns
    -------
    pandas.DataFrame
        Per group: ``median`` (with log-log interval; ``not_computed`` when fewer than half
        closed), ``share_within`` (column ``time``), ``rmst``, and beside them, for contrast, the
        naive figures of closed cases only ``closed_only_median``, ``closed_only_mean``,
        ``closed_only_share_within``; then the counts ``cases``, ``open``, ``set_aside``.

    Raises
    ------
    InputError
        For missing columns, unreadable times, a negative duration given as such.

    Notes
    -----
    S(t) = prod(1 - d/n); Greenwood var(log S) = sum d/(n(n-d)); interval exp(-exp(v +- z s)) on
    v = log(-log S). The median is the first t with S <= 1/2, or the middle of the stretch where
    S = 1/2; its interval inverts the log-log limits. Censoring must not depend on how long a
    case would have taken.

    References
    ----------
    Kaplan and Meier (1958); Kalbfleisch and Prentice (2002) §1.4; Brookmeyer and Crowley (1982).

    Examples
    --------
    >>> cases = pd.DataFrame({"days": [1.0, 2.0, 3.0, 4.0], "closed": [1, 1, 1, 0]})
    >>> km = kaplan_meier(cases, duration="days", closed="closed", within=[2])
    >>> km.loc[km["statistic"] == "median", "value"].tolist()
    [2.5]
    """
    check_level(level)
    data, aside = _prepared(data, start, end, censored_at, duration, closed, by, unit)
    groups = [("", data)] if by is None else list(data.groupby(by, sort=True))
    rows: list[dict[str, Any]] = []
    for name, part in groups:
        more = {} if by is None else {by: name}
        rows += _group_rows(part, within, tau, unit, level, more)
        out = aside if by is None else aside[aside[by] == name]
        rows.append(
            row(
                "set_aside",
                len(out),
                unit="count",
                method="change.kaplan_meier",
                reason_zh="关闭早于开始，或开始晚于截止时间，不计入" if len(out) else "",
                reason_en="closed before opened, or opened after the cut: left out"
                if len(out)
                else "",
                **more,
            )
        )
    return table(rows)


def _prepared(
    data: pd.DataFrame,
    start: str | None,
    end: str | None,
    censored_at: Any,
    duration: str | None,
    closed: str | None,
    by: str | None,
    unit: str,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    if by is not None and by not in data.columns:
        refuse("column", "缺少所需的列", "a column is missing", "补上该列", "add it", column=by)
    if start is not None and end is not None:
        rows = data.reset_index(drop=True)
        made = durations(rows, start=start, end=end, censored_at=censored_at, unit=unit)
        return made, rows.drop(index=made.index)
    if duration is None or closed is None:
        refuse(
            "argument",
            "须给出 start、end、censored_at，或 duration、closed",
            "give start, end and censored_at, or duration and closed",
            "写明列名",
            "name the columns",
        )
    for name in (duration, closed):
        if name not in data.columns:
            refuse(
                "column", "缺少所需的列", "a column is missing", "补上该列", "add it", column=name
            )
    values = pd.to_numeric(data[duration], errors="coerce").to_numpy(dtype=float)
    bad = ~(values >= 0)
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        refuse(
            "duration",
            "时长为负或缺失",
            "a duration is negative or missing",
            "核对开始与关闭时间",
            "check the times of opening and closing",
            column=duration,
            row=at + 1,
            expected=">= 0",
            found=str(values[at]),
        )
    made = data.assign(duration=values, closed=data[closed].astype(bool))
    return made, data.iloc[:0]


def _group_rows(
    part: pd.DataFrame,
    within: Sequence[float],
    tau: float | None,
    unit: str,
    level: float,
    more: dict[str, Any],
) -> list[dict[str, Any]]:
    t, d = part["duration"].to_numpy(dtype=float), part["closed"].to_numpy(dtype=bool)
    key = "change.kaplan_meier"
    common: dict[str, Any] = {"n": len(t), "level": level, **more}
    open_cases = int((~d).sum())
    counts = [
        row("cases", len(t), unit="count", method=key, **more),
        row("open", open_cases, unit="count", method=key, n=len(t), **more),
    ]
    if not len(t) or not d.any():
        zh = "没有个案" if not len(t) else "没有已关闭的个案"
        en = "no case" if not len(t) else "no case was closed"
        none = [not_computed("median", zh, en, unit=unit, method=key, **common)]
        return none + counts
    curve = _curve(t, d)
    rows = [_median_row(curve, level, unit, common)]
    for time in within:
        if time > t.max() and curve.survival[-1] > 0:  # else all had closed by then
            rows.append(
                not_computed(
                    "share_within",
                    "观察时间不足",
                    "no case was followed that long",
                    unit="share",
                    method=key,
                    time=float(time),
                    **common,
                )
            )
            continue
        s, se, low, high = _survival(curve, time, level)
        rows.append(
            row(
                "share_within",
                1 - s,
                unit="share",
                method=key,
                time=float(time),
                std_error=se,
                ci_low=1 - high,
                ci_high=1 - low,
                **common,
            )
        )
    if tau is not None:
        rows.append(_rmst_row(curve, t, tau, level, unit, common))
    naive: dict[str, Any] = {"n": int(d.sum()), "method": "change.closed_only", **more}
    rows += [
        row("closed_only_median", float(np.median(t[d])), unit=unit, **naive),
        row("closed_only_mean", float(t[d].mean()), unit=unit, **naive),
    ]
    rows += [
        row(
            "closed_only_share_within",
            float((t[d] <= time).mean()),
            unit="share",
            time=float(time),
            **naive,
        )
        for time in within
    ]
    return rows + counts


def _median_row(curve: _Curve, level: float, unit: str, common: dict[str, Any]) -> dict[str, Any]:
    median = _quantile(curve, curve.survival)
    if math.isnan(median):
        return not_computed(
            "median",
            "不到一半的个案已关闭",
            "fewer than half of the cases closed",
            unit=unit,
            method="change.kaplan_meier",
            **common,
        )
    low, high = _loglog(curve.survival, curve.variance, level)
    return row(
        "median",
        median,
        unit=unit,
        method="change.kaplan_meier",
        ci_low=_quantile(curve, low),
        ci_high=_quantile(curve, high),
        **common,
    )


def kaplan_meier_curve(
    data: pd.DataFrame, *, duration: str, closed: str, level: float = 0.95
) -> pd.DataFrame:
    """Give the steps of the Kaplan-Meier curve, for a chart.

    Parameters
    ----------
    data, duration, closed, level
        As for :func:`kaplan_meier`.

    Returns
    -------
    pandas.DataFrame
        ``time``, ``at_risk``, ``closed``, ``value`` (share still open), ``std_error``,
        ``ci_low``, ``ci_high``.
    """
    check_level(level)
    made, _ = _prepared(data, None, None, None, duration, closed, None, "days")
    curve = _curve(made["duration"].to_numpy(dtype=float), made["closed"].to_numpy(dtype=bool))
    low, high = _loglog(curve.survival, curve.variance, level)
    with np.errstate(invalid="ignore"):  # the last case closed: the error of 0 is not known
        error = curve.survival * np.sqrt(curve.variance)
    return pd.DataFrame(
        {
            "time": curve.times,
            "at_risk": curve.at_risk,
            "closed": curve.closed,
            "value": curve.survival,
            "std_error": error,
            "ci_low": low,
            "ci_high": high,
        }
    )


def _times(values: pd.Series, name: str) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(values):
        out = values
    else:
        given = values.replace("", None)
        out = pd.to_datetime(given, errors="coerce", format="ISO8601", utc=False)
        if not pd.api.types.is_datetime64_any_dtype(out):
            out = pd.to_datetime(given, errors="coerce", format="ISO8601", utc=True)
        bad = (given.notna() & out.isna()).to_numpy()
        if bad.any():
            at = int(np.flatnonzero(bad)[0])
            refuse(
                "time",
                "时间无法读取",
                "a time cannot be read",
                "写成 ISO 8601，例如 2025-03-01T08:30:00",
                "write ISO 8601, e.g. 2025-03-01T08:30:00",
                column=name,
                row=at + 1,
                found=str(values.iloc[at]),
            )
    return out if out.dt.tz is None else out.dt.tz_convert("UTC")


def _curve(t: Array, d: Array) -> _Curve:
    times = np.unique(t[d])
    closed = np.bincount(np.searchsorted(times, t[d]), minlength=len(times))
    risk = len(t) - np.searchsorted(np.sort(t), times, side="left")
    survival = np.cumprod(1 - closed / risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.cumsum(closed / (risk * (risk - closed)))
    return _Curve(times, closed, risk, survival, variance)


def _loglog(s: Array, v: Array, level: float) -> tuple[Array, Array]:
    z = float(stats.norm.ppf(0.5 + level / 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        middle, half = np.log(-np.log(s)), z * np.sqrt(v) / np.abs(np.log(s))
        low, high = np.exp(-np.exp(middle + half)), np.exp(-np.exp(middle - half))
    return low, high


def _survival(curve: _Curve, time: float, level: float) -> tuple[float, float, float, float]:
    at = int(np.searchsorted(curve.times, time, side="right")) - 1
    if at < 0:
        return 1.0, 0.0, 1.0, 1.0
    s, v = curve.survival[at : at + 1], curve.variance[at : at + 1]
    if s[0] <= 0:
        return 0.0, math.nan, math.nan, math.nan
    low, high = _loglog(s, v, level)
    return float(s[0]), float(s[0] * math.sqrt(v[0])), float(low[0]), float(high[0])


def _quantile(curve: _Curve, s: Array) -> float:
    below = np.flatnonzero(s <= 0.5 + _SLACK)
    if not len(below):
        return math.nan
    at = int(below[0])
    exact = abs(s[at] - 0.5) <= _SLACK and at + 1 < len(s)
    return float((curve.times[at] + curve.times[at + 1]) / 2 if exact else curve.times[at])


def _rmst(curve: _Curve, t: Array, tau: float) -> tuple[float, float]:
    if tau > t.max():
        return math.nan, math.nan
    use = curve.times <= tau
    grid = np.r_[0.0, curve.times[use], tau]
    s = np.r_[1.0, curve.survival[use]]
    area = np.diff(grid) * s
    rest = np.cumsum(area[::-1])[::-1][1:]
    d, r = curve.closed[use], curve.at_risk[use]
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where(r > d, d / (r * (r - d)), 0.0)
    return float(area.sum()), float(math.sqrt((part * rest**2).sum()))


def _rmst_row(
    curve: _Curve, t: Array, tau: float, level: float, unit: str, common: dict[str, Any]
) -> dict[str, Any]:
    value, se = _rmst(curve, t, tau)
    z = float(stats.norm.ppf(0.5 + level / 2))
    if math.isnan(value):
        return not_computed(
            "rmst",
            "观察时间短于所设的期限",
            "no case was followed as long as the horizon",
            unit=unit,
            method="change.rmst",
            time=tau,
            **common,
        )
    return row(
        "rmst",
        value,
        unit=unit,
        method="change.rmst",
        time=tau,
        std_error=se,
        ci_low=value - z * se,
        ci_high=value + z * se,
        **common,
    )
