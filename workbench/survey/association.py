"""Tests on survey data: tables, means and ranks."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from scipy import linalg, stats

from workbench.survey import intervals
from workbench.survey._input import (
    Floats,
    check_choice,
    check_columns,
    check_level,
    labels,
    numbers,
    refuse,
)
from workbench.survey.design import Design

Chi = Literal["F", "chi2", "wald", "adjusted_wald"]


def _table(design: Design, row: str, column: str) -> tuple[Floats, list[str], list[str]]:
    check_columns(design.data, [row, column], "table")
    a, b = labels(design.data[row]), labels(design.data[column])
    use = design.inside & a.notna().to_numpy() & b.notna().to_numpy()
    rows, columns = sorted(a[use].unique()), sorted(b[use].unique())
    if len(rows) < 2 or len(columns) < 2:
        raise refuse(
            "survey.table-constant",
            "列联表的行与列都至少要有两个取值",
            "both variables of a table need at least two categories",
            column=row if len(rows) < 2 else column,
        )
    at = pd.Categorical(a, categories=rows).codes.astype(np.int64) * len(columns)
    at += pd.Categorical(b, categories=columns).codes.astype(np.int64)
    y = np.zeros((len(design.data), len(rows) * len(columns)))
    inside = np.flatnonzero(use)
    y[inside, at[inside]] = 1.0
    return y, rows, columns


def weighted_table(design: Design, row: str, column: str) -> pd.DataFrame:
    """Estimated population counts of a two-way table.

    Returns
    -------
    DataFrame in long form: the two columns, ``statistic`` (``count``), ``value``, ``share``, ``n``.
    """
    y, rows, columns = _table(design, row, column)
    value = design.weights @ y
    return pd.DataFrame(
        {
            row: np.repeat(rows, len(columns)),
            column: np.tile(columns, len(rows)),
            "statistic": "count",
            "value": value,
            "unit": "count",
            "share": value / value.sum(),
            "n": y.sum(axis=0).astype(np.int64),
        }
    )


def rao_scott(design: Design, row: str, column: str, *, statistic: Chi = "F") -> pd.DataFrame:
    """Test whether two categorical variables are independent.

    Parameters
    ----------
    design : the sample; rows with a missing answer are a domain. row, column : categorical columns.
    statistic : ``F`` (second-order Rao-Scott, the default), ``chi2`` (first-order: Pearson's
        chi-square divided by the mean design effect), ``wald`` or ``adjusted_wald`` (few cells,
        many PSUs only).

    Returns
    -------
    DataFrame, one row: ``item`` (``row × column``), ``statistic``, ``value`` (F; or Pearson's
    chi-square for ``chi2``), ``df``, ``df2``, ``p_value``, ``n``, ``method``, ``status``.

    References
    ----------
    Rao & Scott (1984), Annals of Statistics 12, 46-60. Thomas & Rao (1987), JASA 82, 630-636. Koch,
    Freeman & Freeman (1975), International Statistical Review 43, 59-78.
    """
    check_choice(statistic, ("F", "chi2", "wald", "adjusted_wald"), "statistic")
    y, rows, columns = _table(design, row, column)
    r, c = len(rows), len(columns)
    name = f"{row} × {column}"
    if statistic in ("wald", "adjusted_wald"):
        return _wald(design, y, r, c, name, statistic)
    w = design.weights
    use = y.sum(axis=1) > 0
    n = int(design.inside.sum())
    total = w[use].sum()
    p = (w @ y) / total
    v = design.covariances((w / total)[:, None] * (y - use[:, None] * p))
    line, stand = np.repeat(np.eye(r), c, axis=0), np.tile(np.eye(c), (r, 1))
    expected = (line @ (line.T @ p)) * (stand @ (stand.T @ p))
    pearson = n * float(((p - expected) ** 2 / expected).sum())
    # contrasts free of main effects, scaled by observed shares; an empty cell drops out
    main = np.hstack([line, stand[:, :-1]])
    free = linalg.null_space(main.T)
    with np.errstate(divide="ignore"):
        scaled = free * np.where(p > 0, 1 / p, 0.0)[:, None]
    effects = np.linalg.solve(free.T @ scaled, scaled.T @ v @ scaled) * n
    trace = float(np.trace(effects))
    nu = (r - 1) * (c - 1)
    if design.df < 1 or not trace > 0:
        return _tested(name, statistic, np.nan, np.nan, np.nan, np.nan, n)
    if statistic == "chi2":
        p_value = float(stats.chi2.sf(pearson * nu / trace, nu))
        return _tested(name, "chi2", pearson, nu, np.nan, p_value, n)
    df1 = trace**2 / float(np.trace(effects @ effects))
    df2 = df1 * design.df
    f = pearson / trace
    return _tested(name, "F", f, df1, df2, float(stats.f.sf(f, df1, df2)), n)


def _wald(design: Design, y: Floats, r: int, c: int, name: str, statistic: str) -> pd.DataFrame:
    """Wald test of observed minus expected counts (Koch, Freeman & Freeman 1975)."""
    count = design.weights @ y
    total = count.sum()
    line, stand = np.repeat(np.eye(r), c, axis=0), np.tile(np.eye(c), (r, 1))
    of_line, of_stand = line @ (line.T @ count), stand @ (stand.T @ count)
    slope = (
        np.eye(r * c)
        - line @ line.T * (of_stand / total)[:, None]
        - stand @ stand.T * (of_line / total)[:, None]
        + (of_line * of_stand / total**2)[:, None]
    )
    cell = np.arange(r * c)
    keep = (cell // c < r - 1) & (cell % c < c - 1)
    off = (count - of_line * of_stand / total)[keep]
    v = design.covariances(design.weights[:, None] * y)
    joint = (slope @ v @ slope.T)[np.ix_(keep, keep)]
    nu, degrees = (r - 1) * (c - 1), design.df
    wald = float(off @ np.linalg.solve(joint, off))
    f, df2 = wald / nu, float(degrees)
    if statistic == "adjusted_wald":
        f, df2 = wald * (degrees - nu + 1) / (nu * degrees), float(degrees - nu + 1)
    p_value = float(stats.f.sf(f, nu, df2)) if df2 > 0 else np.nan
    return _tested(name, statistic, f, nu, df2, p_value, int(y.sum()))


def _tested(
    name: str, statistic: str, value: float, df: float, df2: float, p: float, n: int
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "item": [name],
            "statistic": [statistic],
            "value": [value],
            "df": [float(df)],
            "df2": [df2],
            "p_value": [p],
            "n": [n],
            "method": [f"survey.rao_scott.{statistic}"],
            **_verdict(bool(np.isfinite(p))),
        }
    )


def _verdict(ok: bool) -> dict[str, list[str]]:
    """Columns that say whether there is a p value, and why not."""
    return {
        "status": ["ok" if ok else "not_computed"],
        "flags": [""],
        "reason_zh": ["" if ok else "初级单元太少，或回答没有变化"],
        "reason_en": ["" if ok else "too few primary units, or no variation"],
    }


def _two_groups(design: Design, y: Floats, group: str) -> tuple[Floats, Floats, list[str]]:
    text = labels(design.data[group])
    use = design.inside & ~np.isnan(y) & text.notna().to_numpy()
    found = sorted(text[use].unique())
    if len(found) < 2:
        raise refuse(
            "survey.one-group",
            "分组变量至少要有两个取值",
            "the grouping variable needs at least two categories",
            column=group,
        )
    x = np.column_stack([use, *((text == level).to_numpy() & use for level in found[1:])])
    return x.astype(float), use.astype(float), found


def _regress(design: Design, y: Floats, x: Floats, use: Floats) -> tuple[Floats, Floats]:
    """Coefficients and design covariance of the weighted linear regression of y on x."""
    w = design.weights * use
    filled = np.where(use > 0, y, 0.0)
    bread = np.linalg.inv(x.T @ (x * w[:, None]))
    beta = bread @ (x.T @ (w * filled))
    z = (x * (w * (filled - x @ beta))[:, None]) @ bread
    return beta, design.covariances(z)


def ttest(
    design: Design,
    item: str,
    *,
    group: str | None = None,
    against: float | str = 0.0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare two groups' means, or one mean with a value or a second item, by t.

    Parameters
    ----------
    design, level : as in :func:`workbench.survey.mean`. item : numeric column.
    group : column with two categories; the difference is second minus first in sorted order.
    against : without ``group``: a number, or the column of a paired item.

    Returns
    -------
    DataFrame, one row: ``item``, ``contrast``, ``statistic`` (``mean_difference``), ``value``,
    ``std_error``, ``ci_low``, ``ci_high``, ``t``, ``df`` (PSUs - strata - 1), ``p_value``,
    ``n``, ``method``.
    """
    check_level(level)
    check_columns(design.data, [item] + ([group] if group else []), "ttest")
    y = numbers(design.data, item)
    if group is not None:
        x, use, found = _two_groups(design, y, group)
        if len(found) != 2:
            raise refuse(
                "survey.not-two-groups",
                "t 检验只比较两组",
                "a t test compares two groups",
                column=group,
                found=str(len(found)),
                remedy_zh="用 contrast() 或 ranktest(test='kruskal_wallis')",
                remedy_en="use contrast() or ranktest(test='kruskal_wallis')",
            )
        what = f"{found[1]} - {found[0]}"
    else:
        if isinstance(against, str):
            check_columns(design.data, [against], "against")
            y = y - numbers(design.data, against)
            what = f"{item} - {against}"
        else:
            y = y - against
            what = f"{item} - {against:g}"
        use = (design.inside & ~np.isnan(y)).astype(float)
        x = use[:, None]
    beta, v = _regress(design, y, x, use)
    value, se = float(beta[-1]), float(np.sqrt(v[-1, -1]))
    df = float(design.df - 1)
    ok = df > 0 and se > 0
    if not ok:
        se = np.nan
    low, high = intervals.wald(np.array([value]), np.array([se]), np.array([df]), level)
    t = value / se
    return pd.DataFrame(
        {
            "item": [item],
            "contrast": [what],
            "statistic": ["mean_difference"],
            "value": [value],
            "unit": ["score"],
            "std_error": [se],
            "ci_low": low,
            "ci_high": high,
            "level": [level],
            "t": [t],
            "df": [df],
            "p_value": [2 * float(stats.t.sf(abs(t), df)) if ok else np.nan],
            "n": [int(use.sum())],
            "method": ["survey.ttest"],
            **_verdict(ok),
        }
    )


def ranktest(
    design: Design,
    item: str,
    group: str,
    *,
    test: Literal["wilcoxon", "van_der_waerden", "median", "kruskal_wallis"] = "wilcoxon",
    ties: Literal["weighted", "data_order"] = "weighted",
) -> pd.DataFrame:
    """Compare the distributions of an ordered answer between groups by ranks.

    Parameters
    ----------
    design : the sample. item : numeric column. group : two categories (more for
        ``kruskal_wallis``).
    test : rank score: uniform, normal, or above the median.
    ties : equal answers share the weighted mid-rank, or the unweighted mean of ranks given in the
        order of the data (as R's ``survey``; depends on that order when weights differ).

    Returns
    -------
    DataFrame, one row: ``item``, ``contrast``, ``statistic``, ``value`` (t, or chi-square for
    ``kruskal_wallis``), ``df``, ``p_value``, ``rank_difference`` (two groups), ``n``, ``method``.

    Notes
    -----
    Ranks are estimated population mid-ranks; the group coefficient of their regression is tested
    with ``df = PSUs - strata - 1``, the chi-square by F with as many less the groups.

    References
    ----------
    Lumley & Scott (2013), Biometrika 100, 831-842.
    """
    check_choice(test, ("wilcoxon", "van_der_waerden", "median", "kruskal_wallis"), "test")
    check_choice(ties, ("weighted", "data_order"), "ties")
    check_columns(design.data, [item, group], "ranktest")
    y = numbers(design.data, item)
    x, use, found = _two_groups(design, y, group)
    rank = _mid_ranks(y, design.weights * use, ties)
    score = rank
    if test == "van_der_waerden":
        score = stats.norm.ppf(rank)
    elif test == "median":
        score = (rank > 0.5).astype(float)
    if test != "kruskal_wallis" and len(found) != 2:
        raise refuse(
            "survey.not-two-groups",
            "该检验只比较两组",
            "this test compares two groups",
            column=group,
            remedy_en="use test='kruskal_wallis'",
            remedy_zh="用 test='kruskal_wallis'",
        )
    beta, v = _regress(design, np.where(use > 0, score, 0.0), x, use)
    q = len(found) - 1
    value = df = p = difference = np.nan
    if not (np.diag(v)[1:] > 0).all() or design.df <= (q if test == "kruskal_wallis" else 1):
        pass  # a single unit, or ranks that do not vary: nothing can be tested
    elif test == "kruskal_wallis":
        b = beta[1:]
        value = float(b @ np.linalg.solve(v[1:, 1:], b))
        df = float(q)
        p = float(stats.f.sf(value / q, q, design.df - q))
    else:
        difference = float(beta[1])
        value = difference / float(np.sqrt(v[1, 1]))
        df = float(design.df - 1)
        p = 2 * float(stats.t.sf(abs(value), df))
    return pd.DataFrame(
        {
            "item": [item],
            "contrast": [" - ".join(reversed(found))],
            "statistic": [test],
            "value": [value],
            "df": [df],
            "p_value": [p],
            "rank_difference": [difference],
            "n": [int(use.sum())],
            "method": ["survey.ranktest"],
            **_verdict(bool(np.isfinite(p))),
        }
    )


def _mid_ranks(y: Floats, w: Floats, ties: str) -> Floats:
    """Estimated population mid-ranks in (0, 1): mass below plus half the mass at the value."""
    use = w > 0
    values, inverse = np.unique(y[use], return_inverse=True)
    mass = np.bincount(inverse, w[use], minlength=values.size)
    middle = (np.cumsum(mass) - mass / 2) / mass.sum()
    if ties == "data_order":
        order = np.argsort(inverse, kind="stable")
        ranks = np.cumsum(w[use][order]) - w[use][order] / 2
        count = np.bincount(inverse, minlength=values.size)
        middle = np.bincount(inverse[order], ranks, minlength=values.size) / count / mass.sum()
    out = np.full(y.size, 0.5)
    out[use] = middle[inverse]
    return out
