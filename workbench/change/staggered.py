"""Staggered start: group-time effects, two-way effects for contrast, event study, weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from workbench.change._frames import check_level, not_computed, refuse, row, table
from workbench.change.clusters import cluster_rows, fit

__all__ = ["bacon_weights", "callaway_santanna", "event_study", "two_way_effects"]

Array = np.ndarray[Any, Any]
# above this the assignments are drawn instead of listed
MOST_ASSIGNMENTS = 200_000


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


@dataclass(frozen=True)
class _Cell:
    """One group-time effect: the changes of all units, who is treated and who compares."""

    group: float
    time: float
    change: Array
    treated: Array
    others: Array

    @property
    def value(self) -> float:
        return float(self.change[self.treated].mean() - self.change[self.others].mean())

    @property
    def psi(self) -> Array:
        """Influence of each unit, the sizes of the groups taken as drawn."""
        out = np.zeros(len(self.change))
        for who, sign in ((self.treated, 1), (self.others, -1)):
            out[who] = sign * (self.change[who] - self.change[who].mean()) / who.mean()
        return out


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
    rng: np.random.Generator | None = None,
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
    rng
        Used for the randomisation p only when there are more than 200,000 assignments.

    Returns
    -------
    pandas.DataFrame
        ``att`` per ``group`` and ``time`` (periods before start: pre-trend, against the period
        before each), then ``simple``, ``group_average``, ``dynamic`` (overall) with one
        ``event_time`` row per distance, ``calendar``. ``std_error`` from influence functions, as
        in R ``did``; the weights' own error enters ``simple``, ``dynamic`` and ``calendar``;
        ``group_average`` takes the sizes of the groups as given. Interval and p are those of
        few units, see Notes. ``randomisation`` repeats the simple average with the
        share of all assignments of the same start dates to other units that give as large an
        average (``p_value``, ``assignments``).

    Raises
    ------
    InputError
        Gaps, doubled rows, no control unit, nobody treated.

    Notes
    -----
    An average of group-time effects is a sum of one number per unit, which depends on the unit's
    changes and its group. Interval and p take the variance of that number within each group of
    m units with the divisor m - 1, add the error of the group sizes, and use t with
    Satterthwaite's degrees of freedom; a group of one unit takes the variance that the never
    treated would have in its place. The influence function divides by m and is compared with the
    normal distribution: with groups of 4 it misses about 9 % instead of 5 %.

    References
    ----------
    Callaway and Sant'Anna (2021), J Econometrics 225, 200-230, eqs. 2.8 and 3.1-3.11, without
    covariates; Satterthwaite (1946), Biometrics Bulletin 2, 110-114; Roth and Sant'Anna (2023),
    JPE Microeconomics 1, 669-709, for random assignment of start dates.
    """
    check_level(level)
    if control not in ("never", "not_yet"):
        refuse("control", "未知的对照", "unknown control", "never 或 not_yet", "never or not_yet")
    Y, g, periods = _panel(data, outcome, unit, time, first_treated)
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
    cells: list[_Cell] = []
    for group in groups:
        base = int(np.searchsorted(periods, group)) - 1
        for at in range(1, len(periods)):
            t = periods[at]
            before = base if t >= group else at - 1
            others = g == 0
            if control == "not_yet":
                others = others | ((g > max(t, periods[before])) & (g != group))
            if others.any():
                cells.append(_Cell(group, t, Y[:, at] - Y[:, before], g == group, others))
    common: dict[str, Any] = {"n": len(g), "level": level, "unit": value_unit}
    rows = [
        _effect(
            "att",
            ([one], np.ones(1)),
            g,
            one.psi,
            {**common, "group": one.group, "time": one.time, "event_time": one.time - one.group},
        )
        for one in cells
    ]
    return table([*rows, *_aggregates(cells, g, groups, common), _drawn(cells, g, common, rng)])


Average = tuple[list[_Cell], Array]


def _effect(
    statistic: str, average: Average, g: Array, psi: Array, more: dict[str, Any]
) -> dict[str, Any]:
    value = float(sum(w * one.value for one, w in zip(*average, strict=True)))
    n = len(psi)
    se = math.sqrt(float(psi @ psi)) / n
    level = more["level"]
    key = "change.callaway_santanna"
    variance, df = _of_few(average, g, psi)
    if not (se > 0 and variance > 0 and df > 0):
        return row(
            statistic,
            value,
            method=key,
            reason_zh="没有可估计的误差",
            reason_en="no error can be estimated",
            **more,
        )
    error = math.sqrt(variance)
    q, inner = (float(stats.t.ppf(p, df)) for p in (0.5 + level / 2, level))
    return row(
        statistic,
        value,
        method=key,
        std_error=se,
        std_error_few=error,
        ci_low=value - q * error,
        ci_high=value + q * error,
        inner_low=value - inner * error,
        inner_high=value + inner * error,
        df=df,
        p_value=float(2 * stats.t.sf(abs(value / error), df)),
        **more,
    )


def _parts(average: Average, g: Array) -> tuple[Array, Array]:
    """Give what each unit adds to an average under each label, and the labels."""
    cells, weights = average
    labels = np.unique(g)
    share = np.zeros((len(cells), len(labels)))
    for c, one in enumerate(cells):
        for who, sign in ((one.treated, 1.0), (one.others, -1.0)):
            share[c] += [sign * bool(who[g == v].any()) / who.sum() for v in labels]
    changes = np.column_stack([one.change for one in cells])
    return changes @ (weights[:, None] * share), labels


def _of_few(average: Average, g: Array, psi: Array) -> tuple[float, float]:
    """Give variance and degrees of freedom of an average from the spread within groups."""
    parts, labels = _parts(average, g)
    pieces, dfs = [], []
    for at, label in enumerate(labels):
        own = g == label
        m = int(own.sum())
        source = own if m > 1 else g == 0
        if not parts[own, at].any():
            continue
        if source.sum() < 2:
            return math.nan, math.nan
        pieces.append(m * float(parts[source, at].var(ddof=1)))
        dfs.append(int(source.sum()) - 1)
    total = sum(pieces)
    if not total > 0:
        return math.nan, math.nan
    df = total**2 / sum(v**2 / d for v, d in zip(pieces, dfs, strict=True))
    # the error of the sizes is the same for all units of a group
    sizes = sum(float((g == v).sum()) * float(psi[g == v].mean()) ** 2 for v in labels)
    return total + sizes / len(g) ** 2, df


def _post(cells: list[_Cell]) -> list[_Cell]:
    return [one for one in cells if one.time >= one.group]


def _drawn(
    cells: list[_Cell], g: Array, common: dict[str, Any], rng: np.random.Generator | None
) -> dict[str, Any]:
    """Give the randomisation p of the simple average over all assignments of the start dates."""
    key = "change.callaway_santanna.randomisation"
    post = _post(cells)
    size = np.array([float(one.treated.sum()) for one in post])
    parts, labels = _parts((post, size / size.sum()), g)
    codes = np.searchsorted(labels, g)
    listed = _assignments(codes, rng)
    if listed is None:
        return not_computed(
            "randomisation",
            "分配方式太多，须给出随机数发生器",
            "too many assignments to list: give rng=",
            method=key,
            **common,
        )
    drawn, number = listed
    values = np.zeros(len(drawn))
    for at in range(len(g)):
        values += parts[at, drawn[:, at]]
    observed = float(parts[np.arange(len(g)), codes].sum())
    slack = 1e-12 * max(1.0, float(np.abs(values).max()))
    return row(
        "randomisation",
        observed,
        method=key,
        p_value=float((np.abs(values) >= abs(observed) - slack).mean()),
        assignments=float(number),
        **common,
    )


def _assignments(
    codes: Array, rng: np.random.Generator | None, draws: int = 19_999
) -> tuple[Array, int] | None:
    """List all ways to give the same labels to other units, or draw some (the own one first)."""
    n = len(codes)
    sizes = np.bincount(codes)
    number = math.factorial(n)
    for m in sizes:
        number //= math.factorial(int(m))
    if number > MOST_ASSIGNMENTS:
        if rng is None:
            return None
        order = np.argsort(rng.random((draws, n)), axis=1)
        return np.vstack([codes[None, :], codes[order]]), number
    listed = np.zeros((1, n), dtype=np.int64)
    for label in range(1, len(sizes)):
        free = n - int(sizes[1:label].sum())
        picks = np.array(list(combinations(range(free), int(sizes[label]))), dtype=np.int64)
        grown = np.repeat(listed, len(picks), axis=0)
        places = np.argsort(grown != 0, axis=1, kind="stable")  # the free units of each row first
        chosen = np.take_along_axis(places, np.tile(picks, (len(listed), 1)), axis=1)
        np.put_along_axis(grown, chosen, label, axis=1)
        listed = grown
    return listed, number


def _weighted(cells: list[_Cell], g: Array) -> tuple[Average, Array]:
    """Average cells by the size of their group, with the error of the sizes."""
    n = len(g)
    share = np.array([one.treated.mean() for one in cells])
    values = np.array([one.value for one in cells])
    weights = share / share.sum()
    psi = np.zeros(n)
    for w, one in zip(weights, cells, strict=True):
        psi += w * one.psi
    total = share.sum()
    member = np.array([one.treated.astype(float) for one in cells])
    centred = member - share[:, None]
    # derivative of share_k / sum(share)
    moved = centred / total - np.outer(share, centred.sum(axis=0)) / total**2
    psi += values @ moved
    return (cells, weights), psi


def _aggregates(
    cells: list[_Cell],
    g: Array,
    groups: list[float],
    common: dict[str, Any],
) -> list[dict[str, Any]]:
    post = _post(cells)
    rows = []
    average, psi = _weighted(post, g)
    rows.append(_effect("simple", average, g, psi, dict(common)))
    # one average per group over its own periods, then by size; the groups are those that were
    # treated: their sizes are taken as given
    count = {group: sum(one.group == group for one in post) for group in groups}
    size = np.array([one.treated.mean() / count[one.group] for one in post])
    size = size / size.sum()
    psi = np.tensordot(size, np.array([one.psi for one in post]), axes=1)
    rows.append(_effect("group_average", (post, size), g, psi, dict(common)))
    for name, part in (("dynamic", "event_time"), ("calendar", "time")):
        key_of = {
            id(one): (one.time - one.group if name == "dynamic" else one.time) for one in post
        }
        keys = sorted(set(key_of.values()))
        weights, influence = np.zeros(len(post)), np.zeros(len(g))
        for key in keys:
            own = [one for one in post if key_of[id(one)] == key]
            average, psi = _weighted(own, g)
            rows.append(_effect(f"{name}_at", average, g, psi, {**common, part: key}))
            places = [i for i, one in enumerate(post) if key_of[id(one)] == key]
            weights[places] = average[1] / len(keys)
            influence += psi / len(keys)
        rows.append(_effect(name, (post, weights), g, influence, dict(common)))
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
