"""Quantiles with Woodruff intervals, variances and correlations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import sparse

from workbench.survey import intervals
from workbench.survey._input import Floats, check_columns, check_level, names, numbers, refuse
from workbench.survey._scores import Estimates, Scores, estimate, explain, groups, tidy, variance
from workbench.survey.design import Design
from workbench.survey.estimates import By, Items, row_labels, scores


def weighted_quantile(y: Floats, w: Floats, p: Floats) -> Floats:
    """Inverse of the weighted distribution function; the mid-point where a step is hit exactly.

    Parameters
    ----------
    y, w : values and positive weights, shape (n,), n > 0. p : probabilities, shape (m,).

    Returns
    -------
    Array of shape (m,); probabilities below 0 or above 1 give the smallest or largest value.
    """
    order = np.argsort(y, kind="stable")
    values, start = np.unique(y[order], return_index=True)
    steps = np.add.reduceat(w[order], start)
    cum = np.cumsum(steps)
    cum = cum / cum[-1]
    at = np.searchsorted(cum, p - 1e-12)
    at = np.clip(at, 0, values.size - 1)
    hit = (np.abs(cum[at] - p) < 1e-12) & (at < values.size - 1)
    out: Floats = np.where(
        hit, (values[at] + values[np.minimum(at + 1, values.size - 1)]) / 2, values[at]
    )
    return out


def quantile(
    design: Design,
    items: Items,
    *,
    q: float | Sequence[float] = 0.5,
    by: By = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Quantiles of items by domain, with Woodruff intervals.

    Parameters
    ----------
    design, items, by, level : as in :func:`workbench.survey.mean`.
    q : probability or probabilities, in (0, 1).

    Returns
    -------
    DataFrame as of the estimators; ``statistic`` is ``median`` or ``quantile_0.25``.

    Notes
    -----
    The inverse of the weighted distribution function. Interval: that of the share at or below the
    estimate, carried through the inverse; ``std_error`` is its width over ``2 t``.

    References
    ----------
    Woodruff (1952), JASA 47, 635-646. Francisco & Fuller (1991), Annals of Statistics 19, 454-469.
    """
    check_level(level)
    listed = names(items)
    check_columns(design.data, listed, "items")
    wanted = np.atleast_1d(np.asarray(q, dtype=float))
    if not ((wanted > 0) & (wanted < 1)).all():
        raise refuse(
            "survey.quantile", "分位数须在 0 与 1 之间", "q must lie between 0 and 1", found=str(q)
        )
    g = groups(design, by)
    base = scores(g, listed, lambda item: numbers(design.data, item))
    order = np.argsort(base.col, kind="stable")
    edges = np.searchsorted(base.col[order], np.arange(base.k + 1))
    m = wanted.size
    at = np.full((base.k, m), np.nan)
    pieces = []
    for cell in range(base.k):
        rows = order[edges[cell] : edges[cell + 1]]
        if rows.size:
            y, w = base.y[rows], design.weights[base.row[rows]]
            at[cell] = weighted_quantile(y, w, wanted)
        pieces.append(rows)
    below = Scores(
        np.concatenate([base.row] * m),
        np.concatenate([base.col * m + j for j in range(m)]),
        np.concatenate([(base.y <= at[base.col, j]).astype(float) for j in range(m)]),
        np.ones(base.y.size * m),
        base.k * m,
    )
    e = estimate(design, below)
    se = np.sqrt(np.maximum(variance(design, e), 0))
    df = np.repeat(np.tile(g.df, len(listed)), m)
    low_p, high_p = intervals.wald(e.value, se, df, level)
    low, high = np.full(base.k * m, np.nan), np.full(base.k * m, np.nan)
    for cell, rows in enumerate(pieces):
        ends = slice(cell * m, (cell + 1) * m)
        if rows.size and not np.isnan(low_p[ends]).any():
            y, w = base.y[rows], design.weights[base.row[rows]]
            low[ends] = weighted_quantile(y, w, low_p[ends])
            high[ends] = weighted_quantile(y, w, high_p[ends])
    labels = row_labels(listed, g)
    frame = labels.loc[np.repeat(np.arange(len(labels)), m)].reset_index(drop=True)
    frame["statistic"] = np.tile(
        ["median" if p == 0.5 else f"quantile_{p:g}" for p in wanted], base.k
    )
    frame["value"] = at.ravel()
    frame["unit"] = "score"
    frame["std_error"] = (high - low) / (2 * intervals.t_quantile(level, df))
    frame["ci_low"], frame["ci_high"], frame["level"] = low, high, level
    frame["n"] = e.n.astype(np.int64)
    frame["df"] = df
    frame["n_effective"] = frame["deff"] = frame["deff_wor"] = np.nan
    frame["method"] = "survey.quantile.woodruff"
    frame["status"], frame["flags"] = "ok", ""
    frame["reason_zh"], frame["reason_en"] = "", ""
    return explain(design, frame, share=False)


def dispersion(design: Design, items: Items, *, by: By = None, level: float = 0.95) -> pd.DataFrame:
    """Estimate the population variance of items by domain, ``n / (n - 1) Σ w (y - ȳ)² / Σ w``.

    Parameters
    ----------
    design, items, by, level : as in :func:`workbench.survey.mean`.

    Returns
    -------
    DataFrame as of the estimators; ``statistic`` is ``variance``.
    """
    check_level(level)
    listed = names(items)
    check_columns(design.data, listed, "items")
    g = groups(design, by)
    s = scores(g, listed, lambda item: numbers(design.data, item))
    e = estimate(design, s)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(e.n > 1, e.n / (e.n - 1), np.nan)  # one answer has no variance
    y = (s.y - e.value[s.col]) ** 2 * factor[s.col]
    squared = estimate(design, Scores(s.row, s.col, y, s.d, s.k))
    return tidy(
        design,
        squared,
        labels=row_labels(listed, g),
        statistic="variance",
        unit="score_squared",
        df=np.tile(g.df, len(listed)),
        level=level,
        method="survey.variance.taylor",
    )


def correlation(
    design: Design, x: str, y: str, *, by: By = None, level: float = 0.95
) -> pd.DataFrame:
    """Pearson correlation in the population, over rows where both are answered.

    Parameters
    ----------
    design, by, level : as in :func:`workbench.survey.mean`. x, y : numeric columns.

    Returns
    -------
    DataFrame as of the estimators; ``item`` is ``x,y``, ``statistic`` ``correlation``; error by the
    delta method on the three second moments. ``value`` is missing where one of them does not vary.
    """
    check_level(level)
    check_columns(design.data, [x, y], "correlation")
    a, b = numbers(design.data, x), numbers(design.data, y)
    g = groups(design, by)
    row = np.flatnonzero((g.code >= 0) & ~np.isnan(a) & ~np.isnan(b))
    col = g.code[row]
    w = design.weights[row]
    total = np.bincount(col, w, minlength=g.n)
    with np.errstate(divide="ignore", invalid="ignore"):
        u = a[row] - (np.bincount(col, w * a[row], minlength=g.n) / total)[col]
        v = b[row] - (np.bincount(col, w * b[row], minlength=g.n) / total)[col]
        sxx, syy, sxy = (
            np.bincount(col, w * t, minlength=g.n) / total for t in (u * u, v * v, u * v)
        )
        r = sxy / np.sqrt(sxx * syy)
        influence = (u * v / np.sqrt(sxx * syy)[col]) - (r / 2)[col] * (
            u * u / sxx[col] + v * v / syy[col]
        )
        z = w * influence / total[col]
    n = np.bincount(col, minlength=g.n).astype(float)
    nan = np.full(g.n, np.nan)
    matrix = sparse.csc_matrix((np.nan_to_num(z), (row, col)), shape=(a.size, g.n))
    e = Estimates(r, matrix, n, nan, nan, nan, None, None)
    return tidy(
        design,
        e,
        labels=row_labels([f"{x},{y}"], g),
        statistic="correlation",
        unit="ratio",
        df=g.df,
        level=level,
        method="survey.correlation.taylor",
    )
