"""Checks of series and of staggered starts: trend, autocorrelation, date, two-way effects."""

from __future__ import annotations

from typing import Any

import pandas as pd

from workbench.change._checks import Row, check, framed
from workbench.change._frames import figures
from workbench.change.series import Fit, break_search
from workbench.change.staggered import bacon_weights, event_study, two_way_effects

__all__ = [
    "check_autocorrelation",
    "check_date",
    "check_pre_trends",
    "check_staggered",
    "check_trend",
]


@framed
def check_trend(
    data: pd.DataFrame,
    *,
    value: str,
    time: str,
    start: float,
    harmonics: int = 0,
    used: bool = False,
) -> list[Row]:
    """Check 7: the plain before/after difference against the trend-adjusted one.

    Parameters
    ----------
    data, value, time, start, harmonics
        As for :func:`~workbench.change.segmented`.
    used
        Whether the comparison is made against the trend.
    """
    return of_trend(Fit(data, value=value, time=time, start=start, harmonics=harmonics), used=used)


def of_trend(fit: Fit, *, used: bool) -> list[Row]:
    """Give check 7 of a series that is fitted."""
    if not fit.enough:
        return check(7, "cannot_tell", "序列太短", "the series is too short")
    plain, one = fit.naive()["value"], fit.honest("effect")
    inside = one["ci_low"] <= plain <= one["ci_high"]
    return check(
        7,
        "passed" if inside or used else "failed",
        f"前后均值差 {plain:.3g}，扣除趋势 {one['value']:.3g}",
        f"plain difference {plain:.3g}, against the trend {one['value']:.3g}",
        value=float(one["value"]),
        unit="score",
        ci_low=one["ci_low"],
        ci_high=one["ci_high"],
        naive=plain,
    )


@framed
def check_autocorrelation(
    data: pd.DataFrame,
    *,
    value: str,
    time: str,
    start: float,
    harmonics: int = 1,
    used: bool = False,
) -> list[Row]:
    """Check 8: how much larger the error is once autocorrelation is modelled.

    Parameters
    ----------
    data, value, time, start, harmonics
        As for :func:`~workbench.change.segmented`.
    used
        Whether the comparison models it.
    """
    fit = Fit(data, value=value, time=time, start=start, harmonics=harmonics)
    return of_autocorrelation(fit, used=used)


def of_autocorrelation(fit: Fit, *, used: bool) -> list[Row]:
    """Give check 8 of a series that is fitted."""
    if not fit.enough:
        return check(8, "cannot_tell", "序列太短", "the series is too short")
    ours, ols = fit.line("level", "gls_reml"), fit.line("level", "ols")
    ratio, phi = ours["std_error"] / ols["std_error"], fit.reml[0]
    return check(
        8,
        "failed" if ratio > 1.1 and not used else "passed",
        f"一阶自相关 {phi:.2f}，标准误为最小二乘的 {ratio:.2f} 倍",
        f"lag-1 correlation {phi:.2f}, standard error {ratio:.2f} times that of OLS",
        value=ratio,
        unit="ratio",
        n=len(fit.e),
    )


@framed
def check_date(
    data: pd.DataFrame,
    *,
    value: str,
    time: str,
    start: float,
    registered: bool,
    harmonics: int = 1,
) -> list[Row]:
    """Check 9: whether the claimed date is the one that fits best and was not fixed beforehand.

    Parameters
    ----------
    data, value, time, start, harmonics
        As for :func:`~workbench.change.break_search`.
    registered
        Whether the date was fixed before the data were seen.
    """
    made = break_search(data, value=value, time=time, start=start, harmonics=harmonics)
    if len(made) < 2:
        return check(9, "cannot_tell", "时点太少", "too few points")
    claimed = made[made["statistic"] == "claimed_date"].iloc[0]
    best = float(made[made["statistic"] == "best_date"]["value"].iloc[0])
    suspicious = claimed["rank"] == 1 and not registered
    return check(
        9,
        "failed" if suspicious else "passed",
        f"最佳拟合日期 {best:g}，所称日期 {start:g}" + ("，且未事先登记" if suspicious else ""),
        f"best date {best:g}, claimed {start:g}" + (", not registered" if suspicious else ""),
        value=best,
        unit="time",
        rank=claimed["rank"],
    )


@framed
def check_staggered(
    data: pd.DataFrame,
    *,
    outcome: str,
    unit: str,
    time: str,
    first_treated: str,
    used: bool = False,
) -> list[Row]:
    """Check 23: the weight of comparisons with already treated communities in two-way effects.

    Parameters
    ----------
    data, outcome, unit, time, first_treated
        As for :func:`~workbench.change.callaway_santanna`.
    used
        Whether the comparison uses group-time effects and not the two-way ones.
    """
    names: dict[str, Any] = {"outcome": outcome, "unit": unit, "time": time}
    parts = figures(bacon_weights(data, first_treated=first_treated, **names), "weight")
    two = figures(two_way_effects(data, first_treated=first_treated, **names))["two_way"]
    weight = parts.get("later_vs_earlier", 0.0)
    return check(
        23,
        "failed" if weight > 0 and not used else "passed",
        f"双向固定效应 {two:.3g} 中有 {weight:.0%} 的权重以已干预社区为对照",
        f"two-way effect {two:.3g}: {weight:.0%} of its weight compares with treated communities",
        value=weight,
        unit="share",
    )


@framed
def check_pre_trends(
    data: pd.DataFrame, *, outcome: str, unit: str, time: str, first_treated: str, group: float
) -> list[Row]:
    """Check 24: what the pre-trend test would find, and the bias it could miss.

    Parameters
    ----------
    data, outcome, unit, time, first_treated, group
        As for :func:`~workbench.change.event_study`.
    """
    made = event_study(
        data, outcome=outcome, unit=unit, time=time, first_treated=first_treated, group=group
    )
    value = figures(made)
    if "pre_trend_detectable" not in value:
        return check(24, "cannot_tell", "干预前不足两期", "fewer than two periods before")
    slope, bias = value["pre_trend_detectable"], value["bias_if_missed"]
    effects = made[(made["statistic"] == "effect") & (made["time"] >= group)]["value"]
    mean = float(effects.mean())
    return check(
        24,
        "failed" if abs(bias) >= abs(mean) else "passed",
        f"检验只能发现每期 {slope:.2g} 以上的斜率；由此的偏差可达 {bias:.2g}（效应 {mean:.2g}）",
        f"the test finds slopes from {slope:.2g} a period; the bias it could miss is {bias:.2g} "
        f"(effect {mean:.2g})",
        value=bias,
        unit="score",
        p_value=figures(made, "p_value")["pre_trend"],
    )
