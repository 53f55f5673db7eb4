"""Staggered start: group-time effects, two-way effects for contrast, event study, weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from workbench.change._frames import check_level, not_computed, refuse, row, table
from workbench.change.clusters import cluster_rows, fit

__all__ = ["bacon_weights", "callaway_santanna", "event_study", "two_way_effects"]

Array = np.ndarray[Any, Any]


def _panel(
    data: pd.DataFrame, outcome: str, unit: str, time: str, first: str
) -> tuple[Array, Array, Array]:
    """Return outcomes (units, periods), first treated period (0 = never) and periods."""
    for name in (outcome, unit, time, first):
        if name not in data.columns:
            refuse(
                "column", "缺少所需的列", "a column is missing", "补上该列", "add it", column=name
            )
    if data.duplicated([unit, time]).any():
        at = int(np.flatnonzero(data.duplicated([unit, time]).to_numpy())[0])
        refuse(
            "duplicate",
            "同一单元同一时期出现两次",
            "a unit appears twice in one period",
            "每个单元每期一行",
            "one row per unit and period",
            column=unit,
            row=at + 1,
            found=str(data[unit].iloc[at]),
        )
    wide = data.pivot(index=unit, columns=time, values=outcome)
    if wide.isna().to_numpy().any():
        gap = wide.index[wide.isna().any(axis=1)][0]
        refuse(
            "gap",
            "面板不完整：有单元缺某一期",
            "the panel has gaps: a unit lacks a period",
            "补齐该期，或去掉该单元",
            "fill the period or leave the unit out",
            column=outcome,
            found=str(gap),
        )
    start = data.groupby(unit)[first].first().reindex(wide.index).fillna(0)
    return wide.to_numpy(dtype=float), start.to_numpy(dtype=float), wide.columns.to_numpy()


def callaway_santanna(
    data: pd.DataFrame,
    *,
    outcome: str,
    unit: str,
    time: str,
    first_treated: str,
    control: str = "never",
    level: float = 0.95,
    value_unit: str = "score",
) -> pd.DataFrame:
    """Give group-time effects and their averages for communities that start at different dates.

    Parameters
    ----------
    data
        Balanced panel, one row per unit and period.
    outcome, unit, time, first_treated
        Columns; ``first_treated`` is the first treated period, 0 or missing = never.
    control
        ``never`` (never treated) or ``not_yet`` (also those treated later).
    level, value_unit
        Confidence level and unit of the outcome.

    Returns
    -------
    pandas.DataFrame
        ``att`` per ``group`` and ``time`` (periods before start: pre-trend, against the period
        before each), then ``simple``, ``group_average``, ``dynamic`` (overall) with one
        ``event_time`` row per distance, ``calendar``. Standard errors from influence functions;
        the weights' own error enters ``simple``, ``dynamic`` and ``calendar``; ``group_average``
        takes the sizes of the groups as given. A group of one unit has a value and no error.

    Raises
    ------
    InputError
        Gaps, doubled rows, no control unit, nobody treated.

    References
    ----------
    Callaway and Sant'Anna (2021), J Econometrics 225, 200-230, eqs. 2.8 and 3.1-3.11, without
    covariates.
    """
    check_level(level)
    if control not in ("never", "not_yet"):
        refuse("control", "未知的对照", "unknown control", "never 或 not_yet", "never or not_yet")
    Y, g, periods = _panel(data, outcome, unit, time, first_treated)
    n = len(g)
    groups = sorted(v for v in set(g[g > 0]) if v > periods[0])
    if not groups or (control == "never" and not (g == 0).any()):
        refuse(
            "arm",
            "没有可用的干预组或对照组",
            "no treated group, or no control group, that can be used",
            "检查首次干预的时期",
            "check the column of first treated periods",
            column=first_treated,
        )
    cells: list[tuple[float, float, float, Array]] = []
    for group in groups:
        base = int(np.searchsorted(periods, group)) - 1
        for at in range(1, len(periods)):
            t = periods[at]
            before = base if t >= group else at - 1
            treated = g == group
            others = g == 0
            if control == "not_yet":
                others = others | ((g > max(t, periods[before])) & (g != group))
            if not others.any():
                continue
            change = Y[:, at] - Y[:, before]
            value = float(change[treated].mean() - change[others].mean())
            psi = np.zeros(n)
            psi[treated] = (change[treated] - change[treated].mean()) / treated.mean()
            psi[others] = -(change[others] - change[others].mean()) / others.mean()
            cells.append((group, t, value, psi))
    common: dict[str, Any] = {"n": n, "level": level, "unit": value_unit}
    rows = [
        _effect("att", value, psi, {**common, "group": group, "time": t, "event_time": t - group})
        for group, t, value, psi in cells
    ]
    return table(rows + _aggregates(cells, g, groups, common))


def _effect(statistic: str, value: float, psi: Array, more: dict[str, Any]) -> dict[str, Any]:
    n = len(psi)
    se = math.sqrt(float(psi @ psi)) / n
    level = more["level"]
    key = "change.callaway_santanna"
    if not se > 0:
        return row(
            statistic,
            value,
            method=key,
            reason_zh="没有可估计的误差",
            reason_en="no error can be estimated",
            **more,
        )
    z = float(stats.norm.ppf(0.5 + level / 2))
    return row(
        statistic,
        value,
        method=key,
        std_error=se,
        ci_low=value - z * se,
        ci_high=value + z * se,
        p_value=float(2 * stats.norm.sf(abs(value / se))),
        **more,
    )


def _weighted(cells: list[tuple[float, float, float, Array]], g: Array) -> tuple[float, Array]:
    """Average cells by the size of their group, with the error of the sizes."""
    n = len(g)
    share = np.array([(g == group).mean() for group, *_ in cells])
    values = np.array([value for _, _, value, _ in cells])
    weights = share / share.sum()
    psi = np.zeros(n)
    for w, (*_, p) in zip(weights, cells, strict=True):
        psi += w * p
    total = share.sum()
    member = np.array([(g == group).astype(float) for group, *_ in cells]).reshape(len(cells), n)
    centred = member - share[:, None]
    # derivative of share_k / sum(share)
    moved = centred / total - np.outer(share, centred.sum(axis=0)) / total**2
    psi += values @ moved
    return float(weights @ values), psi


def _aggregates(
    cells: list[tuple[float, float, float, Array]],
    g: Array,
    groups: list[float],
    common: dict[str, Any],
) -> list[dict[str, Any]]:
    post = [cell for cell in cells if cell[1] >= cell[0]]
    rows = []
    value, psi = _weighted(post, g)
    rows.append(_effect("simple", value, psi, dict(common)))
    # one average per group over its own periods, then by size
    merged = []
    for group in groups:
        own = [cell for cell in post if cell[0] == group]
        if own:
            mean = float(np.mean([cell[2] for cell in own]))
            merged.append((group, math.nan, mean, np.mean([cell[3] for cell in own], axis=0)))
    # the groups are those that were treated: their sizes are taken as given
    size = np.array([(g == group).mean() for group, *_ in merged])
    size = size / size.sum()
    value = float(size @ [cell[2] for cell in merged])
    psi = np.tensordot(size, np.array([cell[3] for cell in merged]), axes=1)
    rows.append(_effect("group_average", value, psi, dict(common)))
    for name, part in (("dynamic", "event_time"), ("calendar", "time")):
        keys = sorted({(c[1] - c[0]) if part == "event_time" else c[1] for c in post})
        made = []
        for key in keys:
            own = [c for c in post if ((c[1] - c[0]) if part == "event_time" else c[1]) == key]
            value, psi = _weighted(own, g)
            made.append((value, psi))
            rows.append(_effect(f"{name}_at", value, psi, {**common, part: key}))
        mean = float(np.mean([v for v, _ in made]))
        rows.append(_effect(name, mean, np.mean([p for _, p in made], axis=0), dict(common)))
    return rows


def two_way_effects(
    data: pd.DataFrame,
    *,
    outcome: str,
    unit: str,
    time: str,
    first_treated: str,
    level: float = 0.95,
    value_unit: str = "score",
) -> pd.DataFrame:
    """Give the two-way fixed-effects figure, for contrast: biased when effects differ over time.

    Parameters
    ----------
    data, outcome, unit, time, first_treated, level, value_unit
        As for :func:`callaway_santanna`.

    References
    ----------
    Goodman-Bacon (2021), J Econometrics 225, 254-277.
    """
    Y, g, periods = _panel(data, outcome, unit, time, first_treated)
    n, T = Y.shape
    D = ((g[:, None] > 0) & (periods[None, :] >= g[:, None])).astype(float)
    units = np.repeat(np.arange(n), T)
    X = np.column_stack([np.eye(n)[units], np.tile(np.eye(T)[:, 1:], (n, 1)), D.ravel()])
    rows = cluster_rows(
        fit(Y.ravel(), X, units),
        X.shape[1] - 1,
        statistic="two_way",
        unit=value_unit,
        level=level,
        nested=n,
    )
    kept = [one for one in rows if str(one["method"]).endswith(("crv1", "cr2"))]
    made = [{**one, "method": str(one["method"]).replace("ols", "two_way")} for one in kept]
    return table(made).drop(columns=["inner_low", "inner_high"], errors="ignore")


def bacon_weights(
    data: pd.DataFrame, *, outcome: str, unit: str, time: str, first_treated: str
) -> pd.DataFrame:
    """Split the two-way figure into its two-by-two comparisons.

    Parameters
    ----------
    data, outcome, unit, time, first_treated
        As for :func:`callaway_santanna`.

    Returns
    -------
    pandas.DataFrame
        ``treated_vs_never``, ``earlier_vs_later``, ``later_vs_earlier`` (the comparisons that
        use already treated units as controls): ``value`` is their weighted mean effect,
        ``weight`` their share; ``weighted_sum`` is the two-way figure.

    References
    ----------
    Goodman-Bacon (2021), theorem 1.
    """
    Y, g, periods = _panel(data, outcome, unit, time, first_treated)
    groups = sorted(v for v in set(g) if v > periods[0])
    mean = {v: Y[g == v].mean(axis=0) for v in [*groups, 0.0] if (g == v).any()}
    size = {v: float((g == v).mean()) for v in mean}
    treated = {v: float((periods >= v).mean()) for v in groups}
    parts: list[tuple[str, float, float]] = []
    for k in groups:
        if 0.0 in mean:
            d = treated[k]
            after = periods >= k
            effect = _two_by_two(mean[k], mean[0.0], after, ~after)
            pair = size[k] / (size[k] + size[0.0])
            weight = (size[k] + size[0.0]) ** 2 * pair * (1 - pair) * d * (1 - d)
            parts.append(("treated_vs_never", effect, weight))
        for later in groups:
            if later <= k:
                continue
            dk, dl = treated[k], treated[later]
            pair = size[k] / (size[k] + size[later])
            both = (size[k] + size[later]) ** 2 * pair * (1 - pair)
            middle = (periods >= k) & (periods < later)
            effect = _two_by_two(mean[k], mean[later], middle, periods < k)
            parts.append(("earlier_vs_later", effect, both * (dk - dl) * (1 - dk)))
            effect = _two_by_two(mean[later], mean[k], periods >= later, middle)
            parts.append(("later_vs_earlier", effect, both * dl * (dk - dl)))
    total = sum(weight for *_, weight in parts)
    if not parts or total <= 0:
        refuse(
            "arm",
            "没有可比较的组",
            "no groups to compare",
            "检查首次干预的时期",
            "check the first treated periods",
            column=first_treated,
        )
    rows = []
    for kind in ("treated_vs_never", "earlier_vs_later", "later_vs_earlier"):
        own = [(effect, weight) for name, effect, weight in parts if name == kind]
        weight = sum(w for _, w in own)
        if weight > 0:
            value = sum(e * w for e, w in own) / weight
            rows.append(
                row(kind, value, unit="score", method="change.bacon", weight=weight / total)
            )
    whole = sum(effect * weight for _, effect, weight in parts) / total
    rows.append(row("weighted_sum", whole, unit="score", method="change.bacon", weight=1.0))
    return table(rows)


def _two_by_two(one: Array, other: Array, after: Array, before: Array) -> float:
    return float(
        one[after].mean() - one[before].mean() - other[after].mean() + other[before].mean()
    )


def event_study(
    data: pd.DataFrame,
    *,
    outcome: str,
    unit: str,
    time: str,
    first_treated: str,
    group: float,
    level: float = 0.95,
    value_unit: str = "score",
) -> pd.DataFrame:
    """Give one group's effects by period against the never treated, and the joint pre-trend test.

    Parameters
    ----------
    data, outcome, unit, time, first_treated, level, value_unit
        As for :func:`callaway_santanna`.
    group
        First treated period of the group; the period before it is the reference.

    Returns
    -------
    pandas.DataFrame
        ``effect`` per ``time`` (clustered by unit, t on units - 1), ``pre_trend`` (F),
        ``pre_trend_detectable``: slope per period that the pre-trend test finds with 80 % power,
        and ``bias_if_missed``: what that slope would add to the mean effect.

    References
    ----------
    Roth (2022), AER: Insights 4, 305-322, for the power of pre-trend tests.
    """
    check_level(level)
    Y, g, periods = _panel(data, outcome, unit, time, first_treated)
    keep = (g == group) | (g == 0)
    Y, g = Y[keep], g[keep]
    n, T = Y.shape
    reference = int(np.searchsorted(periods, group)) - 1
    if not (g == group).any() or not (g == 0).any() or reference < 0:
        refuse(
            "arm",
            "没有该组或没有对照",
            "no such group, or no control",
            "检查首次干预的时期",
            "check the first treated periods",
            column=first_treated,
            found=str(group),
        )
    units = np.repeat(np.arange(n), T)
    slots = np.tile(np.arange(T), n)
    arm = np.repeat(g == group, T).astype(float)
    others = [t for t in range(T) if t != reference]
    dummies = np.column_stack([(slots == t) * arm for t in others])
    X = np.column_stack([np.eye(n)[units], np.eye(T)[slots][:, 1:], dummies])
    model = fit(Y.ravel(), X, units)
    first = X.shape[1] - len(others)
    rows = []
    for i, t in enumerate(others):
        one = cluster_rows(
            model, first + i, statistic="effect", unit=value_unit, level=level, nested=n
        )[3]
        rows.append({**one, "method": "change.event_study", "time": periods[t]})
    pre = [first + i for i, t in enumerate(others) if t < reference]
    if not pre:
        rows.append(
            not_computed(
                "pre_trend",
                "干预前不足两期",
                "fewer than two periods before",
                unit="f",
                method="change.event_study",
            )
        )
        return table(rows)
    scores = X * model.residuals[:, None]
    sums = np.zeros((n, X.shape[1]))
    np.add.at(sums, units, scores)
    N, k = X.shape
    factor = n / (n - 1) * (N - 1) / (N - (k - n + 1))
    V = (model.bread @ (sums.T @ sums) @ model.bread)[np.ix_(pre, pre)] * factor
    b = model.beta[pre]
    F = float(b @ np.linalg.pinv(V) @ b) / len(pre)
    rows.append(
        row(
            "pre_trend",
            F,
            unit="f",
            method="change.event_study",
            df=len(pre),
            df_denominator=n - 1,
            p_value=float(stats.f.sf(F, len(pre), n - 1)),
        )
    )
    # slope whose noncentrality gives the F test 80 % power, and what it would add afterwards
    distance = (periods[[others[p - first] for p in pre]] - periods[reference]).astype(float)
    per = float(distance @ np.linalg.pinv(V) @ distance)
    need = _noncentrality(len(pre), n - 1)
    slope = math.sqrt(need / per) if per > 0 else math.nan
    later = (periods[periods >= group] - periods[reference]).astype(float)
    rows += [
        row("pre_trend_detectable", slope, unit=value_unit, method="change.event_study"),
        row("bias_if_missed", slope * later.mean(), unit=value_unit, method="change.event_study"),
    ]
    return table(rows).drop(columns=["inner_low", "inner_high"], errors="ignore")


def _noncentrality(df1: int, df2: int, power: float = 0.8, alpha: float = 0.05) -> float:
    from scipy import optimize

    critical = stats.f.ppf(1 - alpha, df1, df2)
    return float(
        optimize.brentq(lambda nc: stats.ncf.sf(critical, df1, df2, nc) - power, 1e-6, 500)
    )
