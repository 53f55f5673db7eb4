"""Calibration to totals of categories and numbers (GREG, raking, logit, bounded), and trimming."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from scipy import sparse

from workbench.survey._input import Floats, Ints, check_choice, labels, names, numbers, refuse
from workbench.survey._margins import by_groups, check_margins, population
from workbench.survey.design import Design, indicator
from workbench.survey.weighting import adjusted, diagnostics, regression_step, whole

Distance = Literal["linear", "raking", "logit"]


def calibrate(
    design: Design,
    margins: pd.DataFrame,
    *,
    by: str | Sequence[str] | None = None,
    method: Distance = "linear",
    bounds: tuple[float, float] | None = None,
    tolerance: float = 1e-12,
    max_iterations: int = 200,
) -> Design:
    """Calibrate the weights to population totals of categories and of numbers.

    Parameters
    ----------
    design : the sample, whole.
    margins : ``variable, category, count`` as in :func:`workbench.survey.rake`; a row with a
        missing ``category`` is the population total of a numeric variable. No variable may be
        missing in the data.
    by : column or columns; calibration within each group.
    method : ``linear`` (GREG; weights can become negative without ``bounds``), ``raking``
        (exponential, always positive) or ``logit`` (needs ``bounds``).
    bounds : lowest and highest ratio of new to old weight, ``low < 1 < high``.

    Returns
    -------
    Design with calibrated weights; the variance is that of the base-weighted residuals times g.

    Raises
    ------
    InputError
        Margins as in ``rake``; no solution within the bounds; negative weights.

    Notes
    -----
    ``w_i = d_i F(x_i' λ)`` with ``Σ w_i x_i = t_x``; ``F`` is ``1 + u``, ``exp u`` or the logit
    function between the bounds, solved by Newton's method.

    References
    ----------
    Deville & Särndal (1992), JASA 87, 376-382, section 2 and eq. 3.4.
    """
    whole(design, "calibrate")
    check_choice(method, ("linear", "raking", "logit"), "method")
    _check_bounds(method, bounds)
    x, goal, column_group, column_names, group, group_labels = _matrix(design, margins, names(by))
    d = design.weights
    g, rounds = _solve(x, d, goal, method, bounds, tolerance, max_iterations)
    after = d * g
    worst, where = _worst(x, after, goal, column_group, column_names, len(group_labels))
    if worst.max() > 1e-7:
        at = int(np.argmax(worst))
        raise refuse(
            "survey.calibration-not-converged",
            f"无法满足 {where[at]}（相差 {worst[at]:.2%}）",
            f"{where[at]} cannot be met (off by {worst[at]:.2%})",
            remedy_zh="放宽 bounds，或减少校准变量",
            remedy_en="widen the bounds or use fewer variables",
        )
    if (after < 0).any():
        raise refuse(
            "survey.negative-weights",
            f"线性校准得到 {int((after < 0).sum())} 个负权重",
            f"linear calibration gave {int((after < 0).sum())} negative weights",
            row=int(np.flatnonzero(after < 0)[0]) + 1,
            remedy_zh="设 bounds，或用 method='raking'",
            remedy_en="set bounds, or use method='raking'",
        )
    log = diagnostics(
        d,
        after,
        group,
        group_labels,
        step=len(design.log) + 1,
        method=f"calibrate.{method}",
        rounds=rounds,
        worst=worst,
        where=where,
        lost=np.zeros(d.size, dtype=bool),
    )

    def refit(w: Floats) -> Floats:
        out: Floats = w * _solve(x, w, goal, method, bounds, tolerance, max_iterations)[0]
        return out

    return adjusted(design, after, regression_step(x, column_group, d, after), log, refit)


def _check_bounds(method: str, bounds: tuple[float, float] | None) -> None:
    if bounds is None:
        if method == "logit":
            raise refuse(
                "survey.bounds",
                "logit 校准需要 bounds",
                "logit calibration needs bounds",
                expected="(low < 1, high > 1)",
            )
        return
    low, high = bounds
    if not 0 <= low < 1 < high < np.inf:
        raise refuse(
            "survey.bounds",
            "bounds 须满足 0 <= low < 1 < high",
            "bounds must satisfy 0 <= low < 1 < high",
            found=str(bounds),
        )


def _matrix(
    design: Design, margins: pd.DataFrame, by: list[str]
) -> tuple[sparse.csr_matrix, Floats, Ints, list[str], Ints, pd.DataFrame]:
    """Calibration variables, their totals, the group and name of each column."""
    table = check_margins(margins)
    numeric = table[table["category"].isna()]
    text = table[table["category"].notna()]
    group, group_labels = by_groups(design, by)
    parts: list[sparse.csr_matrix] = []
    goals: list[Floats] = []
    where: list[Ints] = []
    titles: list[str] = []
    if len(text):
        p = population(design, text, by)
        lost = np.flatnonzero((design.weights > 0) & ~p.known)
        if lost.size:
            raise _missing(int(lost[0]), lost.size)
        for m in p.margins:
            parts.append(indicator(m.code, m.target.size))
            goals.append(m.target)
            where.append(m.group.astype(np.int64))
            titles += [m.name(i) for i in range(m.target.size)]
    own = [c for c in by if c in table.columns]
    for variable in dict.fromkeys(numeric["variable"]):
        y = numbers(design.data, str(variable))
        gone = np.flatnonzero(np.isnan(y) & (design.weights > 0))
        if gone.size:
            raise _missing(int(gone[0]), gone.size, str(variable))
        rows = numeric[numeric["variable"] == variable].copy()
        for c in own:
            rows[c] = labels(rows[c])
        if by and not own:
            raise refuse(
                "survey.margin-group",
                "数值变量的总量须按组给出",
                "totals of a number must be given by group",
                column=str(variable),
            )
        joined = group_labels.merge(rows, on=own, how="left") if own else rows
        if len(joined) != len(group_labels) or joined["count"].isna().any():
            raise refuse(
                "survey.margin-group",
                "每组须恰有一个总量",
                "give exactly one total per group",
                column=str(variable),
            )
        k = len(group_labels)
        n = np.arange(y.size)
        parts.append(sparse.csr_matrix((np.nan_to_num(y), (n, group)), shape=(y.size, k)))
        goals.append(joined["count"].to_numpy(dtype=float))
        where.append(np.arange(k, dtype=np.int64))
        titles += [str(variable)] * k
    if not parts:
        raise refuse("survey.margins-empty", "总体边际表为空", "the table of margins is empty")
    x = sparse.hstack(parts, format="csr")
    return x, np.concatenate(goals), np.concatenate(where), titles, group, group_labels


def _missing(row: int, size: int, column: str = "") -> Exception:
    return refuse(
        "survey.unknown-category",
        f"{size} 名受访者缺少校准变量",
        f"{size} respondents lack a calibration variable",
        row=row + 1,
        column=column,
        remedy_zh="先补全，或把它们作为单独类别明确编码",
        remedy_en="fill it in, or code them explicitly as a category",
    )


def _ratio(u: Floats, method: str, bounds: tuple[float, float] | None) -> tuple[Floats, Floats]:
    """Weight ratio F(u) and its derivative (Deville & Särndal 1992, cases 1, 2, 6, 7)."""
    if method == "logit":
        assert bounds is not None
        low, high = bounds
        a = (high - low) / ((1 - low) * (high - 1))
        e = np.exp(np.clip(a * u, -500, 500))
        below = (high - 1) + (1 - low) * e
        f = (low * (high - 1) + high * (1 - low) * e) / below
        return f, a * e * (1 - low) * (high - 1) * (high - low) / below**2
    f = np.exp(np.clip(u, -500, 500)) if method == "raking" else 1 + u
    slope = f if method == "raking" else np.ones_like(u)
    if bounds is not None:
        free = (f >= bounds[0]) & (f <= bounds[1])
        return np.clip(f, *bounds), np.where(free, slope, 0.0)
    return f, slope


def _solve(
    x: sparse.csr_matrix,
    d: Floats,
    goal: Floats,
    method: str,
    bounds: tuple[float, float] | None,
    tolerance: float,
    max_iterations: int,
) -> tuple[Floats, int]:
    """Newton's method for the multipliers; steps are halved while they do not help."""
    size = np.maximum(np.abs(goal), 1e-300)
    scale = 1 / np.sqrt(np.maximum(np.asarray(x.multiply(x).T @ d, dtype=float), 1e-300))
    lam = np.zeros(goal.size)
    g, slope = _ratio(x @ lam, method, bounds)
    off = goal - x.T @ (d * g)
    rounds = 0
    while rounds < max_iterations and np.abs(off / size).max() > tolerance:
        rounds += 1
        hessian = (x.T @ x.multiply((d * slope)[:, None])).toarray() * np.outer(scale, scale)
        step = scale * (np.linalg.pinv(hessian, rcond=1e-12, hermitian=True) @ (scale * off))
        best = np.abs(off / size).max()
        for halving in range(30):
            trial = lam + step * 0.5**halving
            g_new, slope_new = _ratio(x @ trial, method, bounds)
            off_new = goal - x.T @ (d * g_new)
            if np.abs(off_new / size).max() < best or halving == 29:
                break
        if np.abs(off_new / size).max() >= best:
            break
        lam, g, slope, off = trial, g_new, slope_new, off_new
    return g, rounds


def _worst(
    x: sparse.csr_matrix,
    w: Floats,
    goal: Floats,
    group: Ints,
    titles: list[str],
    groups: int,
) -> tuple[Floats, list[str]]:
    off = np.abs(x.T @ w - goal) / np.maximum(np.abs(goal), 1e-300)
    worst, where = np.zeros(groups), [""] * groups
    for i in np.argsort(off, kind="stable"):
        worst[group[i]], where[int(group[i])] = off[i], titles[int(i)]
    return worst, where


def trim(
    design: Design,
    *,
    lower: float | None = None,
    upper: float | None = None,
    times: float | None = None,
    by: str | Sequence[str] | None = None,
    max_iterations: int = 200,
) -> Design:
    """Cut weights to bounds; what is cut off is spread evenly over the weights not cut.

    Parameters
    ----------
    design : the sample, whole. Margins met before are no longer met exactly: rake again, or
        report it.
    lower, upper : bounds of the weights; at least one of them or ``times`` is needed.
    times : upper bound as a multiple (> 1) of the group's mean weight, instead of ``upper``.
    by : the total is kept within each group; ``None``: over all.

    Returns
    -------
    Design with all weights within the bounds and the same total; residuals of earlier steps stay.

    Raises
    ------
    InputError
        No bound, or the total cannot be kept within the bounds.

    References
    ----------
    Potter (1990), Proc. Survey Research Methods Section, ASA, 225-230.
    """
    whole(design, "trim")
    if lower is None and upper is None and times is None:
        raise refuse("survey.bounds", "须给出 lower、upper 或 times", "give lower, upper or times")
    if times is not None and (upper is not None or not times > 1):
        raise refuse(
            "survey.bounds",
            "times 须大于 1，且不与 upper 同用",
            "times must be above 1 and not be given together with upper",
            found=str(times),
        )
    group, group_labels = by_groups(design, names(by))
    low = 0.0 if lower is None else float(lower)
    high = np.full(design.weights.size, np.inf if upper is None else float(upper))
    if times is not None:
        live = design.weights > 0
        size = np.bincount(group, live, minlength=len(group_labels))
        mean = np.bincount(group, design.weights, minlength=len(group_labels)) / np.maximum(size, 1)
        high = (times * mean)[group]

    def cut(w: Floats) -> Floats:
        return _cut(w, group, len(group_labels), low, high, max_iterations)

    before = design.weights
    after = cut(before)
    total = np.bincount(group, before, minlength=len(group_labels))
    now = np.bincount(group, after, minlength=len(group_labels))
    worst = np.abs(now / total - 1)
    if worst.max() > 1e-7:
        g = int(np.argmax(worst))
        raise refuse(
            "survey.trim-bounds",
            "在给定界限内无法保持权重总和",
            "the total of the weights cannot be kept within the bounds",
            expected=f"{total[g]:.8g}",
            found=f"{now[g]:.8g}",
            remedy_zh="放宽界限",
            remedy_en="widen the bounds",
        )
    log = diagnostics(
        before,
        after,
        group,
        group_labels,
        step=len(design.log) + 1,
        method="trim",
        rounds=0,
        worst=worst,
        where=["total"] * len(group_labels),
        lost=np.zeros(before.size, dtype=bool),
    )
    return adjusted(design, after, None, log, cut)


def _cut(w: Floats, group: Ints, groups: int, low: float, high: Floats, rounds: int) -> Floats:
    out = w.copy()
    live = w > 0
    fixed = np.zeros(w.size, dtype=bool)
    for _ in range(rounds):
        outside = live & ((out < low) | (out > high))
        if not outside.any():
            break
        clipped = np.where(outside, np.clip(out, low, high), out)
        fixed |= outside
        left = np.bincount(group, out - clipped, minlength=groups)
        free = live & ~fixed
        count = np.bincount(group, free, minlength=groups)
        share = np.where(count > 0, left / np.maximum(count, 1), 0.0)
        out = clipped + np.where(free, share[group], 0.0)
    return out
