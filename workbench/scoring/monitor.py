"""Monthly series: control charts, change points in retrospect, robust outliers."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from workbench.scoring._frames import Floats, need, numbers, one_of, refuse

__all__ = ["change_points", "control_chart", "noise_sd", "robust_z", "run_rules"]


def control_chart(
    series: pd.DataFrame,
    *,
    period: str = "period",
    numerator: str = "numerator",
    denominator: str = "denominator",
    baseline: int | None = None,
    sigmas: float = 3.0,
    k: float = 0.5,
    h: float = 5.0,
    smoothing: float = 0.2,
    spread: Literal["binomial", "laney"] = "binomial",
) -> pd.DataFrame:
    """Chart a monthly share: p-chart, CUSUM and EWMA on the same centre line.

    Parameters
    ----------
    series : DataFrame
        One row per period in order: counts ``numerator`` and ``denominator``. A period without
        counts has no point; CUSUM and EWMA pass over it.
    period, numerator, denominator : str
        Column names.
    baseline : int, optional
        Number of first periods the centre line comes from; by default half of them.
    sigmas : float
        Width of the limits of p-chart and EWMA.
    k, h : float
        CUSUM: slack and decision interval, in standard deviations.
    smoothing : float
        EWMA weight of the newest period, 0–1.
    spread : {"binomial", "laney"}
        What a share varies by without any cause: its count alone, or as much as the baseline shows
        from one period to the next (p′-chart; never less than the count). Large denominators, and
        sums of money above all, need ``laney``.

    Returns
    -------
    DataFrame
        One row per period: ``period``, ``value`` (share), ``centre``, ``low``, ``high`` (p-chart,
        cut at 0 and 1), ``z``, ``cusum_low``, ``cusum_high``, ``ewma``, ``ewma_low``,
        ``ewma_high``, ``below``, ``above`` (p-chart), ``cusum_signal``, ``ewma_signal`` (low,
        high or empty), ``method``.

    Raises
    ------
    InputError
        A numerator above its denominator, a centre of 0 or 1, a baseline without counts.

    Notes
    -----
    ``z = (p − c)/sqrt(c(1 − c)/n)``; lower CUSUM ``min(0, C + z + k)``, signal below −h; EWMA from
    0 with exact limits ``± L·sqrt(λ/(2 − λ)·(1 − (1 − λ)^{2t}))``. Seasons and changed counting
    rules look like a change of level; a signal starts a check and is no finding against anybody.
    p′-chart: ``sd`` times ``max(1, mean|z_t − z_{t−1}|/1.128)`` over the baseline.

    References
    ----------
    Laney (2002), Qual. Eng. 14, 531-537 (p′-chart); Montgomery (2013), Introduction to Statistical
    Quality Control, 7th ed., §7.3, §9.1, §9.2.
    """
    need(series, (period, numerator, denominator), of="series")
    if series[period].duplicated().any():
        raise refuse("duplicate-row", "期间重复", "a period occurs twice")
    x, n = numbers(series, numerator), numbers(series, denominator)
    known = ~(np.isnan(x) | np.isnan(n)) & (n > 0)
    if ((x < 0) | (x > n)).any():
        raise refuse("count", "分子应在 0 与分母之间", "the numerator must lie in 0 … denominator")
    one_of(spread, ("binomial", "laney"), of="spread")
    if not 0 < smoothing <= 1:
        raise refuse("smoothing", "平滑系数应在 0–1", "smoothing must lie in 0–1")
    first = len(series) // 2 if baseline is None else int(baseline)
    base = known & (np.arange(len(series)) < first)
    if not base.any():
        raise refuse("baseline", "基线期没有数据", "the baseline has no counts")
    centre = float(x[base].sum() / n[base].sum())
    if not 0 < centre < 1:
        raise refuse("baseline", "基线比例为 0 或 1，无法作控制图",
                     "the baseline share is 0 or 1: no chart can be made")  # fmt: skip
    p = np.where(known, x / np.where(known, n, 1.0), np.nan)
    sd = np.sqrt(centre * (1 - centre) / np.where(known, n, np.nan))
    if spread == "laney":
        moves = np.abs(np.diff(((p - centre) / sd)[base]))
        sd = sd * max(1.0, float(moves.mean()) / 1.128) if len(moves) else sd
    z = (p - centre) / sd
    low_sum, high_sum, ewma = (np.full(len(z), np.nan) for _ in range(3))
    down = up = smooth = 0.0
    steps = np.cumsum(known)
    for i in np.flatnonzero(known):
        down, up = min(0.0, down + z[i] + k), max(0.0, up + z[i] - k)
        smooth = smoothing * z[i] + (1 - smoothing) * smooth
        low_sum[i], high_sum[i], ewma[i] = down, up, smooth
    width = sigmas * np.sqrt(smoothing / (2 - smoothing) * (1 - (1 - smoothing) ** (2 * steps)))
    low, high = np.maximum(centre - sigmas * sd, 0), np.minimum(centre + sigmas * sd, 1)
    return pd.DataFrame(
        {
            "period": series[period].to_numpy(),
            "value": p,
            "n": n,
            "centre": centre,
            "low": low,
            "high": high,
            "z": z,
            "cusum_low": low_sum,
            "cusum_high": high_sum,
            "ewma": ewma,
            "ewma_low": -width,
            "ewma_high": width,
            "below": p < low,
            "above": p > high,
            "cusum_signal": np.select([low_sum < -h, high_sum > h], ["low", "high"], ""),
            "ewma_signal": np.select([ewma < -width, ewma > width], ["low", "high"], ""),
            "status": np.where(known, "ok", "not_computed"),
            "method": "scoring.control_chart",
        }
    )


# periods looked at, how many of them, beyond how many standard deviations on one side
_RUNS = {"beyond_3_sd": (1, 1, 3.0), "two_of_three_beyond_2_sd": (3, 2, 2.0),
         "four_of_five_beyond_1_sd": (5, 4, 1.0), "eight_on_one_side": (8, 8, 0.0)}  # fmt: skip


def run_rules(chart: pd.DataFrame) -> pd.DataFrame:
    """Apply the four Western Electric run rules to a control chart.

    Parameters
    ----------
    chart : DataFrame
        Result of :func:`control_chart`: ``period``, ``z`` (missing: no point), in order.

    Returns
    -------
    DataFrame
        One row per signal, in order of time: ``period`` (that completes the run), ``first``
        (period the run is looked at from), ``rule``, ``side`` (low, high), ``value`` (z),
        ``method``; empty when there is none. A run is signalled once, when it first completes.

    Notes
    -----
    One point beyond 3 standard deviations; two of three beyond 2; four of five beyond 1; eight on
    one side of the centre. A period without a point breaks every run. Together the rules give a
    false signal in about one of 92 periods of a process in control: a signal starts a check.

    References
    ----------
    Western Electric (1956), Statistical Quality Control Handbook, pp. 25-28; Champ & Woodall
    (1987), Technometrics 29, 393-399 (average run length 91.75).
    """
    need(chart, ("period", "z"), of="chart")
    z = numbers(chart, "z")
    names = chart["period"].astype(str).to_list()
    rows = []
    for rule, (span, least, bound) in _RUNS.items():
        for side, sign in (("low", -1.0), ("high", 1.0)):
            with np.errstate(invalid="ignore"):
                beyond = sign * z > bound
            before = False
            for i in range(len(z)):
                part = z[max(i - span + 1, 0) : i + 1]
                whole = len(part) == span or (least < span and len(part) >= least)
                hits = int(beyond[max(i - span + 1, 0) : i + 1].sum())
                fires = bool(whole and not np.isnan(part).any() and beyond[i] and hits >= least)
                if fires and not before:
                    rows.append({"period": names[i], "first": names[max(i - span + 1, 0)],
                                 "rule": rule, "side": side, "value": float(z[i])})  # fmt: skip
                before = fires
    columns = ["period", "first", "rule", "side", "value"]
    out = pd.DataFrame(rows, columns=columns)
    place = {name: i for i, name in enumerate(names)}
    order = out["period"].map(place)
    out = out.iloc[np.argsort(order.to_numpy(dtype=float), kind="stable")].reset_index(drop=True)
    return out.assign(method="scoring.run_rules")


def noise_sd(values: Floats | pd.Series) -> float:
    """Estimate the noise of a series from its first differences: ``1.4826·MAD/√2``.

    References
    ----------
    Hampel (1974), JASA 69, 383-393 (the factor).
    """
    d = np.diff(np.asarray(values, dtype=float))
    return float(1.4826 * np.median(np.abs(d - np.median(d))) / np.sqrt(2))


def robust_z(values: Floats | pd.Series) -> Floats:
    """Give ``(x − median)/(1.4826·MAD)``; NaN throughout when more than half the values agree."""
    x = np.asarray(values, dtype=float)
    centre = np.nanmedian(x)
    mad = 1.4826 * np.nanmedian(np.abs(x - centre))
    return np.asarray((x - centre) / mad if mad > 0 else np.full(len(x), np.nan))


def change_points(
    series: pd.DataFrame,
    *,
    value: str = "value",
    period: str = "period",
    penalty_factor: float = 3.0,
) -> pd.DataFrame:
    """Find changes of the mean in retrospect, exactly (optimal partitioning).

    Parameters
    ----------
    series : DataFrame
        One row per period in order, no gaps in ``value``.
    penalty_factor : float
        Penalty per change: ``factor · ln(n) · sd²`` with :func:`noise_sd`.

    Returns
    -------
    DataFrame
        One row per segment: ``segment``, ``first``, ``last`` (periods), ``last_index`` (from 1),
        ``n``, ``value`` (mean), ``method``. One segment: no change.

    Raises
    ------
    InputError
        Gaps, fewer than 4 periods, or a series without noise.

    Notes
    -----
    Minimises the sum of squared deviations plus the penalty, segments of one period allowed. In
    retrospect only: it looks at the whole series. A trend is cut into steps.

    References
    ----------
    Jackson et al. (2005), IEEE Signal Process. Lett. 12, 105-108; Killick, Fearnhead & Eckley
    (2012), JASA 107, 1590-1598.
    """
    need(series, (value, period), of="series")
    x = numbers(series, value)
    n = len(x)
    if np.isnan(x).any() or n < 4:
        raise refuse("gaps", "变点分析要求至少 4 期且没有缺失",
                     "change points need at least 4 periods without gaps")  # fmt: skip
    sd = noise_sd(x)
    if not sd > 0:
        raise refuse("no-spread", "序列没有波动，无法确定惩罚", "the series has no noise")
    penalty = penalty_factor * np.log(n) * sd**2
    sums, squares = np.concatenate([[0], np.cumsum(x)]), np.concatenate([[0], np.cumsum(x**2)])
    best, back = np.full(n + 1, np.inf), np.zeros(n + 1, dtype=int)
    best[0] = -penalty
    for end in range(1, n + 1):
        start = np.arange(end)
        cost = squares[end] - squares[start] - (sums[end] - sums[start]) ** 2 / (end - start)
        total = best[start] + cost + penalty
        back[end] = int(np.argmin(total))
        best[end] = total[back[end]]
    ends = [n]
    while back[ends[-1]] > 0:
        ends.append(int(back[ends[-1]]))
    ends = ends[::-1]
    starts = [0, *ends[:-1]]
    names = series[period].astype(str).to_list()
    return pd.DataFrame(
        [{"segment": i + 1, "first": names[a], "last": names[b - 1], "last_index": b, "n": b - a,
          "value": float(x[a:b].mean())} for i, (a, b) in enumerate(zip(starts, ends, strict=True))]
    ).assign(method="scoring.change_points")  # fmt: skip
