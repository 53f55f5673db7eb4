"""Weights fitted to the population: raking, post-stratification, calibration.

Each function takes a design and gives a new one whose variance is that of calibrated residuals,
with the step's diagnostics in ``design.diagnostics``. Nothing is merged, nothing is dropped in
silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import sparse

from workbench.survey._input import (
    Bools,
    Floats,
    Ints,
    check_choice,
    names,
    refuse,
)
from workbench.survey._margins import Population, population
from workbench.survey._variance import Adjustment
from workbench.survey.design import Design, Replicates

Unknown = Literal["keep", "exclude", "refuse"]
SWEEPS = 10  # sweeps of the older raking variance


def rake(
    design: Design,
    margins: pd.DataFrame,
    *,
    by: str | Sequence[str] | None = None,
    variables: Sequence[str] | None = None,
    total: float | None = None,
    unknown: Unknown = "keep",
    variance: Literal["calibration", "sweeps"] = "calibration",
    tolerance: float = 1e-11,
    max_iterations: int = 2000,
) -> Design:
    """Fit the weights to several population margins by raking (iterative proportional fitting).

    Parameters
    ----------
    design : the sample, whole (weight first, then :meth:`Design.subset`).
    margins : long frame ``variable, category, count`` and, where they differ, the ``by`` columns;
        ``variable`` may be a crossing ``a:b`` with categories ``x:y``. Counts of one population.
    by : column or columns; the margins are met within each group (each wave, say).
    variables : those of ``margins`` to use; ``None`` is all.
    total : population total to which all margins are scaled; ``None``: they must agree by
        themselves.
    unknown : what becomes of rows that lack a raking variable. ``keep``: they keep their base
        weights relative to each other and their base share of the group, the others are raked to
        the rest (unknown is taken to be spread like the population); ``exclude``: weight 0, out
        as a domain; ``refuse``: an error.
    variance : ``calibration`` (residuals of the base-weighted regression on the margins, Deville &
        Särndal 1992) or ``sweeps`` (ten sweeps of centring without base weights, as R's ``rake``).
    tolerance : largest relative deviation of a margin that counts as met.

    Returns
    -------
    Design with new weights; ``diagnostics`` has one row per group.

    Raises
    ------
    InputError
        A margin category without respondents, respondents without a margin, totals that disagree,
        no convergence; each with its remedy.

    Notes
    -----
    ``w_i = d_i Π_m a_m(i)`` with factors ``a`` such that all margins are met.

    References
    ----------
    Deming & Stephan (1940), Ann. Math. Stat. 11, 427-444. Deville, Särndal, Sautory (1993), JASA
    88, 1013-1020.

    Examples
    --------
    >>> data = pd.DataFrame({"sex": ["F", "F", "M"], "q": [1, 0, 1]})
    >>> m = pd.DataFrame({"variable": "sex", "category": ["F", "M"], "count": [50, 50]})
    >>> rake(Design(data), m).weights.tolist()
    [25.0, 25.0, 50.0]
    """
    check_choice(variance, ("calibration", "sweeps"), "variance")
    p = _population(design, margins, by, variables, total, unknown)
    base, share = _known_base(design, p, unknown)
    weights, worst, where, rounds = _fit(base, p, share, tolerance, max_iterations)
    _must_converge(worst, where, tolerance, rounds)
    return _finish(
        design,
        p,
        weights,
        unknown,
        method="rake",
        rounds=rounds,
        worst=worst,
        where=where,
        sweeps=variance == "sweeps",
        refit=lambda w: _refit(w, p, unknown, tolerance, max_iterations),
    )


def poststratify(
    design: Design,
    margins: pd.DataFrame,
    *,
    by: str | Sequence[str] | None = None,
    variables: Sequence[str] | None = None,
    total: float | None = None,
    unknown: Unknown = "keep",
) -> Design:
    """Fit the weights to the counts of one classification of the population.

    Parameters
    ----------
    design, margins, by, total, unknown : as in :func:`rake`.
    variables : the one variable (or crossing ``a:b``) to use.

    Returns
    -------
    Design with weights ``d_i N_c / N̂_c`` in cell ``c``.

    Raises
    ------
    InputError
        As :func:`rake`; also more than one variable.

    References
    ----------
    Holt & Smith (1979), JRSS A 142, 33-46. Särndal, Swensson, Wretman (1992), 7.6.
    """
    p = _population(design, margins, by, variables, total, unknown)
    if len(p.margins) != 1:
        raise refuse(
            "survey.poststratify-one",
            "事后分层只用一个变量（可交叉）",
            "post-stratification takes one variable (it may be crossed)",
            found=", ".join(m.variable for m in p.margins),
            remedy_zh="写成 a:b 的交叉边际，或用 rake()",
            remedy_en="give a crossed margin a:b, or use rake()",
        )
    base, share = _known_base(design, p, unknown)
    weights, worst, where, rounds = _fit(base, p, share, 1e-9, 2)
    return _finish(
        design,
        p,
        weights,
        unknown,
        method="poststratify",
        rounds=rounds,
        worst=worst,
        where=where,
        sweeps=False,
        refit=lambda w: _refit(w, p, unknown, 1e-9, 2),
    )


def whole(design: Design, what: str) -> None:
    """Refuse to weight a subset: populations belong to whole samples."""
    if not design.domain.all():
        raise refuse(
            "survey.weight-subset",
            f"{what} 须用于整个样本",
            f"{what} needs the whole sample",
            remedy_zh="先加权，再 subset()",
            remedy_en="weight first, then subset()",
        )


def _population(
    design: Design,
    margins: pd.DataFrame,
    by: str | Sequence[str] | None,
    variables: Sequence[str] | None,
    total: float | None,
    unknown: str,
) -> Population:
    whole(design, "weighting")
    check_choice(unknown, ("keep", "exclude", "refuse"), "unknown")
    p = population(design, margins, names(by), variables, total)
    lost = (design.weights > 0) & ~p.known
    if unknown == "refuse" and lost.any():
        raise refuse(
            "survey.unknown-category",
            f"{int(lost.sum())} 名受访者缺少加权变量",
            f"{int(lost.sum())} respondents lack a weighting variable",
            row=int(np.flatnonzero(lost)[0]) + 1,
            remedy_zh="补全，或选 unknown='keep' / 'exclude' 并在报告中说明",
            remedy_en="fill it in, or choose unknown='keep' or 'exclude' and say so",
        )
    return p


def _known_base(design: Design, p: Population, unknown: str) -> tuple[Floats, Floats]:
    return design.weights, _known_share(design.weights, p, unknown)


def _known_share(w: Floats, p: Population, unknown: str) -> Floats:
    """Share of each group's population that the known rows stand for."""
    g = p.total.size
    if unknown == "exclude" or bool(p.known.all()):
        return np.ones(g)
    all_ = np.bincount(p.group, w, minlength=g)
    known = np.bincount(p.group, w * p.known, minlength=g)
    out: Floats = known / np.where(all_ > 0, all_, 1.0)
    return out


def _fit(
    base: Floats, p: Population, share: Floats, tolerance: float, max_iterations: int
) -> tuple[Floats, Floats, list[str], int]:
    """Rake; returns weights (0 for unknown rows), worst deviation and margin by group, rounds."""
    cell, codes = p.cells
    mass = p.mass(base)
    targets = [m.target * share[m.group] for m in p.margins]
    factor = np.ones(mass.size)
    rounds = 0
    while rounds < max_iterations:
        rounds += 1
        for code, target in zip(codes, targets, strict=True):
            now = np.bincount(code, mass * factor, minlength=target.size)
            with np.errstate(divide="ignore", invalid="ignore"):
                factor = factor * np.where(now > 0, target / now, 0.0)[code]
        off = [
            np.abs(np.bincount(code, mass * factor, minlength=target.size) - target) / target
            for code, target in zip(codes, targets, strict=True)
        ]
        if max(float(o.max(initial=0.0)) for o in off) <= tolerance:
            break
    groups = p.total.size
    worst = np.zeros(groups)
    where = [""] * groups
    for m, o in zip(p.margins, off, strict=True):
        order = np.lexsort((o, m.group))
        last = order[np.flatnonzero(np.diff(m.group[order], append=-1))]
        for i in last[o[last] >= worst[m.group[last]]]:
            g = int(m.group[i])
            worst[g], where[g] = o[i], m.name(int(i))
    if cell.size == base.size:
        return base * factor[cell], worst, where, rounds
    weights = np.zeros(base.size)
    weights[p.known] = base[p.known] * factor[cell]
    return weights, worst, where, rounds


def _must_converge(worst: Floats, where: list[str], tolerance: float, rounds: int) -> None:
    g = int(np.argmax(worst))
    if worst[g] > max(tolerance, 1e-7):
        raise refuse(
            "survey.rake-not-converged",
            f"迭代 {rounds} 次仍未满足边际：{where[g]} 相差 {worst[g]:.2%}",
            f"margins not met after {rounds} rounds: {where[g]} is off by {worst[g]:.2%}",
            remedy_zh="有空的交叉格使边际不可同时满足：明确合并类别或减少变量",
            remedy_en="empty crossings make them impossible together: merge, or drop a variable",
        )


def _refit(
    w: Floats, p: Population, unknown: Unknown, tolerance: float, max_iterations: int
) -> Floats:
    """Refit one set of replicate weights; unknown rows are scaled to their share."""
    share = _known_share(w, p, unknown)
    out = _fit(w, p, share, tolerance, max_iterations)[0]
    return out + _unknown_weights(w, p, unknown)


def _unknown_weights(w: Floats, p: Population, unknown: str) -> Floats:
    if unknown != "keep" or bool(p.known.all()):
        return np.zeros(w.size)
    all_ = np.bincount(p.group, w, minlength=p.total.size)
    scale = p.total / np.where(all_ > 0, all_, 1.0)
    return np.where(p.known, 0.0, w * scale[p.group])


def _finish(
    design: Design,
    p: Population,
    weights: Floats,
    unknown: Unknown,
    *,
    method: str,
    rounds: int,
    worst: Floats,
    where: list[str],
    sweeps: bool,
    refit: Any,
) -> Design:
    after = weights + _unknown_weights(design.weights, p, unknown)
    lost = (design.weights > 0) & ~p.known
    x, group, cross = _calibration_columns(
        p, lost if unknown == "keep" else np.zeros_like(lost), design.weights
    )
    if sweeps:
        step = _sweep_step(p, x, after)
    else:
        step = regression_step(x, group, design.weights, after, cross=cross)
    log = diagnostics(
        design.weights,
        after,
        p.group,
        p.group_labels,
        step=len(design.log) + 1,
        method=method + (".sweeps" if sweeps else ""),
        rounds=rounds,
        worst=worst,
        where=where,
        lost=lost,
    )
    return adjusted(design, after, step, log, refit)


def adjusted(
    design: Design, weights: Floats, step: Adjustment | None, log: pd.DataFrame, refit: Any
) -> Design:
    """Return the design with new weights, one more residual step and its diagnostics."""
    replicates = design.replicates
    if replicates is not None:
        new = np.column_stack([refit(w) for w in replicates.weights.T])
        replicates = Replicates(
            new, replicates.scale, replicates.rscales, replicates.centre, replicates.method
        )
    steps = design.adjustments if step is None else (*design.adjustments, step)
    return design.changed(
        weights=weights, adjustments=steps, log=(*design.log, log), replicates=replicates
    )


def _calibration_columns(
    p: Population, lost: Bools, before: Floats
) -> tuple[sparse.csr_matrix, Ints, sparse.csr_matrix]:
    """Dummies of all margins and of each group's unknown rows; each column's group; ``X'DX``."""
    width = [m.target.size for m in p.margins]
    group = [m.group.astype(np.int64) for m in p.margins]
    columns = [m.code for m in p.margins]
    mass = p.mass(before)
    crossing = _dummies(p.cells[1], width)
    cross = (crossing.T @ crossing.multiply(mass[:, None])).tocsr()
    if lost.any():
        hit = np.unique(p.group[lost])
        place = np.full(p.total.size, -1, dtype=np.int64)
        place[hit] = np.arange(hit.size)
        columns.append(np.where(lost, place[p.group], -1))
        width.append(hit.size)
        group.append(hit.astype(np.int64))
        own = np.bincount(columns[-1][lost], before[lost], minlength=hit.size)
        cross = sparse.block_diag([cross, sparse.diags(own)], format="csr")
    return _dummies(columns, width), np.concatenate(group), cross


def _dummies(columns: list[Ints], width: list[int]) -> sparse.csr_matrix:
    """Lay indicators of several codes side by side; -1 is in none."""
    n, k = columns[0].size, len(columns)
    index = np.empty((n, k), dtype=np.int32)
    for j, (code, start) in enumerate(zip(columns, np.cumsum([0, *width[:-1]]), strict=True)):
        np.add(code, start, out=index[:, j], casting="unsafe")
    inner = index.ravel()
    ends = np.arange(0, n * k + 1, k, dtype=np.int32)
    if any(code.min(initial=0) < 0 for code in columns):
        there = np.column_stack([code >= 0 for code in columns])
        inner = index[there]
        ends = np.concatenate([[0], np.cumsum(there.sum(axis=1))]).astype(np.int32)
    return sparse.csr_matrix((np.ones(inner.size), inner, ends), shape=(n, sum(width)))


def regression_step(
    x: sparse.csr_matrix,
    group: Ints,
    before: Floats,
    after: Floats,
    q: Floats | None = None,
    cross: sparse.csr_matrix | None = None,
) -> Adjustment:
    """Residuals of the base-weighted regression on ``x`` (Deville & Särndal 1992, eq. 3.4).

    ``group`` says which columns can be solved together: cross-products between groups are zero.
    ``cross`` is ``X'DX`` where it is known already.
    """
    if cross is None:
        weighted = x.copy()
        weighted.data = x.data * np.repeat(before, np.diff(x.indptr))
        cross = (x.T @ weighted).tocsr()
    full = cross.toarray() if group.size <= 2000 else None
    rows, columns, values = [], [], []
    for g in np.unique(group):
        at = np.flatnonzero(group == g)
        block = full[np.ix_(at, at)] if full is not None else cross[at][:, at].toarray()
        scale = np.sqrt(np.maximum(np.diag(block), 1e-300))
        outer = np.outer(scale, scale)
        inverse = np.linalg.pinv(block / outer, rcond=1e-11, hermitian=True) / outer
        rows.append(np.repeat(at, at.size))
        columns.append(np.tile(at, at.size))
        values.append(inverse.ravel())
    place = (np.concatenate(rows), np.concatenate(columns))
    solved = sparse.csr_matrix((np.concatenate(values), place), shape=cross.shape)
    live = after > 0
    per_g = np.divide(before, after, out=np.zeros(after.size), where=live)
    return Adjustment(x, per_g, after if q is None else q, solved)


def _sweep_step(p: Population, x: sparse.csr_matrix, after: Floats) -> Adjustment:
    """Ten sweeps of centring on each margin in turn, without base weights."""
    cross = (x.T @ x).toarray()
    width = [m.target.size for m in p.margins]
    if sum(width) < x.shape[1]:
        width.append(x.shape[1] - sum(width))
    ends = np.cumsum([0, *width])
    inverse = np.zeros((x.shape[1], x.shape[1]))
    eye = np.eye(x.shape[1])
    for _ in range(SWEEPS):
        for a, b in pairwise(ends):
            inverse[a:b] += (eye[a:b] - cross[a:b] @ inverse) / np.diag(cross)[a:b, None]
    with np.errstate(divide="ignore"):
        per_g = np.where(after > 0, 1 / np.where(after > 0, after, 1.0), 0.0)
    return Adjustment(x, per_g, after, sparse.csr_matrix(inverse))


def diagnostics(
    before: Floats,
    after: Floats,
    group: Ints,
    group_labels: pd.DataFrame,
    *,
    step: int,
    method: str,
    rounds: int,
    worst: Floats,
    where: list[str],
    lost: Bools,
) -> pd.DataFrame:
    """One row per group: what the step did to the weights."""
    size = len(worst)
    live = after > 0
    if bool(live.all()):
        code, w, b = group, after, before
    else:
        code, w, b = group[live], after[live], before[live]
    ratio = w / b
    n = np.bincount(code, minlength=size)
    sums, squares = (np.bincount(code, v, minlength=size) for v in (w, w * w))

    def extreme(values: Floats, of: Any, start: float) -> Floats:
        if size == 1:
            return np.array([of.reduce(values, initial=start)])
        out = np.full(size, start)
        of.at(out, code, values)
        return out

    lows, highs = (
        (extreme(v, np.minimum, np.inf) for v in (w, ratio)),
        (extreme(v, np.maximum, -np.inf) for v in (w, ratio)),
    )
    (w_low, r_low), (w_high, r_high) = tuple(lows), tuple(highs)
    none = n == 0
    with np.errstate(divide="ignore", invalid="ignore"):
        effect = np.where(none, np.nan, n * squares / sums**2)
        effective = np.where(none, 0.0, n / effect)
    figures: dict[str, Any] = {
        "n": n,
        "n_unknown": np.bincount(group[lost], minlength=size),
        "iterations": np.full(size, rounds),
        "converged": np.asarray(worst) <= 1e-7,
        "worst_margin": where,
        "worst_deviation": np.asarray(worst, dtype=float),
        "weight_sum": sums,
        "weight_min": np.where(none, np.nan, w_low),
        "weight_max": np.where(none, np.nan, w_high),
        "ratio_min": np.where(none, np.nan, r_low),
        "ratio_max": np.where(none, np.nan, r_high),
        "kish_deff": effect,
        "n_effective": effective,
    }
    front = {"step": np.full(size, step), "method": [method] * size}
    by = {str(c): group_labels[c].to_numpy() for c in group_labels}
    return pd.DataFrame(front | by | figures, copy=False)


def standardise(
    design: Design,
    shares: pd.DataFrame,
    *,
    over: str | Sequence[str] | None = None,
) -> Design:
    """Give every group of ``over`` the same make-up (direct standardisation).

    Parameters
    ----------
    design : the sample, whole.
    shares : ``variable, category, count`` of one variable (or crossing); counts are scaled to
        shares.
    over : column or columns; each group keeps its own weighted size. Rows without the variable get
        weight 0.

    Returns
    -------
    Design in which each group has the given shares; compare groups with ``mean(..., by=over)``.

    References
    ----------
    Korn & Graubard (1999), 7.2. The group sizes count as fixed in the variance.
    """
    p = _population(design, shares, over, None, None, "exclude")
    size = np.bincount(p.group, design.weights * p.known, minlength=p.total.size).astype(float)
    sized = Population(
        [replace(m, target=m.target * (size / p.total)[m.group]) for m in p.margins],
        p.group,
        p.group_labels,
        p.known,
        size,
    )
    weights, worst, where, rounds = _fit(design.weights, sized, np.ones(size.size), 1e-9, 2)
    return _finish(
        design,
        sized,
        weights,
        "exclude",
        method="standardise",
        rounds=rounds,
        worst=worst,
        where=where,
        sweeps=False,
        refit=lambda w: _refit(w, sized, "exclude", 1e-9, 2),
    )
