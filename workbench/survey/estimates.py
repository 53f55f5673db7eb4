"""Means, shares, totals, ratios and indices by domain, with design-based errors.

All functions take ``(design, items, *, by=None, level=0.95)`` and return a frame with one row
per item and domain: ``item``, the ``by`` columns, ``statistic``, ``value``, ``unit``,
``std_error``, ``ci_low``, ``ci_high``, ``level``, ``n`` (answers), ``numerator`` and
``denominator`` (unweighted counts, shares only), ``df``, ``n_effective`` (``n / deff``),
``deff`` (against simple random sampling with replacement), ``deff_wor`` (without replacement,
population = sum of weights), ``method``, ``interval`` (keys of methods.yaml), ``status``,
``flags``, ``reason_zh``, ``reason_en``. A missing answer takes its row out of the estimate,
never out of the design.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from workbench.survey import intervals
from workbench.survey._input import (
    Floats,
    check_choice,
    check_columns,
    check_level,
    labels,
    names,
    numbers,
    refuse,
)
from workbench.survey._scores import Groups, Scores, combine, estimate, groups, tidy
from workbench.survey.design import Design

Items = str | Sequence[str]
By = str | Sequence[str] | None
Codes = Sequence[float] | Mapping[str, Sequence[float]]
Scale = tuple[float, float] | Mapping[str, tuple[float, float]] | None


def scores(
    g: Groups, items: list[str], values: Callable[[str], Floats], *, ratio: bool = True
) -> Scores:
    """Entries of all items and domains; ``values`` gives an item's numbers, missing as NaN."""
    rows, cols, ys = [], [], []
    inside = g.code >= 0
    for number, item in enumerate(items):
        y = values(item)
        row = np.flatnonzero(inside & ~np.isnan(y))
        rows.append(row)
        cols.append(g.code[row] + number * g.n)
        ys.append(y[row])
    y = np.concatenate(ys)
    return Scores(
        np.concatenate(rows),
        np.concatenate(cols),
        y,
        np.ones(y.size) if ratio else None,
        len(items) * g.n,
    )


def row_labels(items: Sequence[str], g: Groups) -> pd.DataFrame:
    """One row per item and domain: ``item`` and the ``by`` columns."""
    frame = pd.concat([g.labels] * len(items), ignore_index=True)
    frame.insert(0, "item", np.repeat(np.array(items, dtype=object), g.n))
    return frame


def of_item(value: Any, item: str, what: str) -> Any:
    """Return a setting that holds for all items or is a mapping by item."""
    if isinstance(value, Mapping):
        if item not in value:
            raise refuse(
                "survey.no-setting",
                f"没有为该题目给出 {what}",
                f"{what} is not given for this item",
                column=item,
                remedy_zh=f"在 {what} 中补上该题目",
                remedy_en=f"add the item to {what}",
            )
        return value[item]
    return value


def on_scale(design: Design, item: str, scale: Scale) -> Floats:
    """Numbers of an item; a value off its scale raises with the row."""
    y = numbers(design.data, item)
    ends = of_item(scale, item, "scale")
    if ends is None:
        return y
    low, high = ends
    off = (y < low) | (y > high)
    if off.any():
        row = int(np.flatnonzero(off)[0])
        raise refuse(
            "survey.off-scale",
            f"有 {int(off.sum())} 个回答不在量表上",
            f"{int(off.sum())} answers lie off the scale",
            column=item,
            row=row + 1,
            expected=f"{low:g}-{high:g}",
            found=f"{y[row]:g}",
            remedy_zh="在码本 missing 中声明缺失码，或改正量表",
            remedy_en="declare missing codes in the codebook, or correct the scale",
        )
    return y


def coded(design: Design, item: str, of: str, top: Codes, bottom: Codes, scale: Scale) -> Floats:
    """Numbers behind a statistic of one item: answers, 0/1 for top or bottom, -1/0/1 for net."""
    if of in ("mean", "total"):
        return on_scale(design, item, scale)
    y = on_scale(design, item, scale)
    gone = np.isnan(y)
    if of == "mean_0_100":
        low, high = of_item(scale, item, "scale")
        scaled: Floats = (y - low) / (high - low) * 100
        return scaled
    up = np.isin(y, np.asarray(of_item(top, item, "top"), dtype=float)).astype(float)
    down = np.isin(y, np.asarray(of_item(bottom, item, "bottom"), dtype=float)).astype(float)
    out: Floats = {"top2": up, "bottom2": down, "net": up - down}[of]
    out[gone] = np.nan
    return out


UNITS = {
    "mean": "score",
    "total": "count",
    "top2": "share",
    "bottom2": "share",
    "net": "share",
    "mean_0_100": "score_0_100",
}
TOP: tuple[float, ...] = (4, 5)
BOTTOM: tuple[float, ...] = (1, 2)
FIVE: tuple[float, float] = (1, 5)


def _one(
    design: Design,
    items: Items,
    of: str,
    by: By,
    level: float,
    *,
    top: Codes = TOP,
    bottom: Codes = BOTTOM,
    scale: Scale = None,
    ci: str = "logit",
) -> pd.DataFrame:
    check_level(level)
    check_choice(ci, intervals.INTERVALS, "ci")
    listed = names(items)
    check_columns(design.data, listed, "items")
    g = groups(design, by)
    s = scores(
        g, listed, lambda item: coded(design, item, of, top, bottom, scale), ratio=of != "total"
    )
    share = of in ("top2", "bottom2")
    return tidy(
        design,
        estimate(design, s),
        labels=row_labels(listed, g),
        statistic=of,
        unit=UNITS[of],
        df=np.tile(g.df, len(listed)),
        level=level,
        method=f"survey.{of}.taylor",
        interval=ci,
        share=share,
        counted=share,
    )


def mean(
    design: Design, items: Items, *, by: By = None, level: float = 0.95, scale: Scale = None
) -> pd.DataFrame:
    """Weighted mean of each item in each domain.

    Parameters
    ----------
    design : the sample.
    items : numeric column or columns; missing is a domain.
    by : column or columns whose crossing forms the domains; rows with a missing label lie in none.
    level : confidence level, in (0, 1).
    scale : ``(low, high)`` for all items or by item: values outside are refused. ``None``: no
        check.

    Returns
    -------
    DataFrame, see the module; ``unit`` is ``score``.

    Raises
    ------
    InputError
        A column is missing or not numeric, or an answer lies off the scale.

    Notes
    -----
    ``ȳ = Σ w y / Σ w``; variance of ``Σ w (y - ȳ) / Σ w`` by Taylor linearisation over all PSUs of
    the design (also those without members of the domain); interval ``ȳ ± t_df se``.

    References
    ----------
    Särndal, Swensson, Wretman (1992), section 5.8 (domain means), result 5.6.2.

    Examples
    --------
    >>> data = pd.DataFrame({"b": [1, 1, 2, 2, 3], "q": [5, 4, None, 3, 1]})
    >>> round(float(mean(Design(data, psu="b"), "q")["value"][0]), 3)
    3.25
    """
    return _one(design, items, "mean", by, level, scale=scale)


def total(design: Design, items: Items, *, by: By = None, level: float = 0.95) -> pd.DataFrame:
    """Estimated population total of each item, ``Σ w y`` over the answers given.

    A missing answer counts as nothing: with item non-response the total is too low; use a mean.

    Parameters
    ----------
    design, items, by, level : as in :func:`mean`.

    Returns
    -------
    DataFrame, see the module; ``unit`` is ``count``.
    """
    return _one(design, items, "total", by, level)


def top2(
    design: Design,
    items: Items,
    *,
    by: By = None,
    level: float = 0.95,
    top: Codes = TOP,
    scale: Scale = FIVE,
    ci: str = "logit",
) -> pd.DataFrame:
    """Share of answers in the top categories (满意率), among those who answered.

    Parameters
    ----------
    design, items, by, level : as in :func:`mean`.
    top : codes that count as satisfied, for all items or a mapping by item.
    scale : ``(low, high)``; an answer outside raises.
    ci : ``logit`` (t on the logit scale; Wilson at 0 and 100 %), ``wilson``, ``beta``
        (Korn-Graubard), ``asin`` or ``wald``.

    Returns
    -------
    DataFrame, see the module; ``unit`` is ``share`` (0-1).

    References
    ----------
    Korn & Graubard (1998), Survey Methodology 24, 193-201.
    """
    return _one(design, items, "top2", by, level, top=top, scale=scale, ci=ci)


def bottom2(
    design: Design,
    items: Items,
    *,
    by: By = None,
    level: float = 0.95,
    bottom: Codes = BOTTOM,
    scale: Scale = FIVE,
    ci: str = "logit",
) -> pd.DataFrame:
    """Share of answers in the bottom categories (不满意率); arguments as in :func:`top2`."""
    return _one(design, items, "bottom2", by, level, bottom=bottom, scale=scale, ci=ci)


def net(
    design: Design,
    items: Items,
    *,
    by: By = None,
    level: float = 0.95,
    top: Codes = TOP,
    bottom: Codes = BOTTOM,
    scale: Scale = FIVE,
) -> pd.DataFrame:
    """Net satisfaction (净满意率): share of the top minus share of the bottom, -1 to 1."""
    return _one(design, items, "net", by, level, top=top, bottom=bottom, scale=scale)


def mean_0_100(
    design: Design, items: Items, *, by: By = None, level: float = 0.95, scale: Scale = FIVE
) -> pd.DataFrame:
    """Mean on 0-100, ``(mean - low) / (high - low) * 100``; not a percentage satisfied."""
    return _one(design, items, "mean_0_100", by, level, scale=FIVE if scale is None else scale)


def proportion(
    design: Design,
    items: Items,
    *,
    by: By = None,
    level: float = 0.95,
    categories: Sequence[Any] | None = None,
    ci: str = "logit",
) -> pd.DataFrame:
    """Share of each category of each item (text or numbers) in each domain.

    Parameters
    ----------
    design, by, level : as in :func:`mean`.
    items : column or columns of categories.
    categories : those wanted, in this order; ``None`` is all found in the data.
    ci : as in :func:`top2`.

    Returns
    -------
    DataFrame, see the module, with a column ``category``; ``unit`` is ``share``. Where nobody gave
    any answer, one row without a category, ``not_computed``.
    """
    check_level(level)
    check_choice(ci, intervals.INTERVALS, "ci")
    listed = names(items)
    check_columns(design.data, listed, "items")
    g = groups(design, by)
    parts, tables = [], []
    for item in listed:
        text = labels(design.data[item])
        found = text[design.domain].dropna().unique().tolist()
        wanted = (
            sorted(found)
            if categories is None
            else labels(pd.Series(list(categories), dtype=object)).tolist()
        )
        unknown = [c for c in wanted if c not in set(text.dropna())]
        if unknown:
            raise refuse(
                "survey.no-such-category",
                "没有这个取值",
                "no answer has this category",
                column=item,
                found=str(unknown[0]),
                expected=", ".join(map(str, sorted(found)[:12])),
            )
        missing = text.isna().to_numpy()
        for category in wanted or [None]:  # nobody answered: one row that says so
            y = (text == category).to_numpy(dtype=float)
            y[missing] = np.nan
            parts.append(y)
            table = g.labels.copy()
            table.insert(0, "item", item)
            table.insert(1, "category", category)
            tables.append(table)
    keys = [str(i) for i in range(len(parts))]
    s = scores(g, keys, lambda key: parts[int(key)])
    return tidy(
        design,
        estimate(design, s),
        labels=pd.concat(tables, ignore_index=True),
        statistic="proportion",
        unit="share",
        df=np.tile(g.df, len(parts)),
        level=level,
        method="survey.proportion.taylor",
        interval=ci,
        share=True,
        counted=True,
    )


def ratio(
    design: Design,
    numerator: str,
    denominator: str,
    *,
    by: By = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Ratio of two totals, ``Σ w y / Σ w x``, over rows where both are given.

    Parameters
    ----------
    design, by, level : as in :func:`mean`.
    numerator, denominator : numeric columns; the weighted denominator may not add up to 0.

    Returns
    -------
    DataFrame, see the module; ``item`` is ``numerator/denominator``, ``unit`` is ``ratio``.

    References
    ----------
    Särndal, Swensson, Wretman (1992), result 5.6.2.
    """
    check_level(level)
    check_columns(design.data, [numerator, denominator], "ratio")
    y, x = numbers(design.data, numerator), numbers(design.data, denominator)
    g = groups(design, by)
    row = np.flatnonzero((g.code >= 0) & ~np.isnan(y) & ~np.isnan(x))
    s = Scores(row, g.code[row], y[row], x[row], g.n)
    return tidy(
        design,
        estimate(design, s),
        labels=row_labels([f"{numerator}/{denominator}"], g),
        statistic="ratio",
        unit="ratio",
        df=g.df,
        level=level,
        method="survey.ratio.taylor",
    )


def index(
    design: Design,
    weights: Mapping[str, float],
    *,
    by: By = None,
    level: float = 0.95,
    scale: Scale = FIVE,
    name: str = "index",
) -> pd.DataFrame:
    """Weighted index (满意度指数) of item means on the scale 0-100.

    ``Σ a_k (mean_k - low) / (high - low) * 100 / Σ a_k``.

    Parameters
    ----------
    design, by, level : as in :func:`mean`.
    weights : importance of each item, not negative, scaled to sum 1.
    scale : as in :func:`top2`. name : goes into column ``item``.

    Returns
    -------
    DataFrame, see the module; ``n`` is the smallest number of answers among the items. The error
    uses the joint covariance of the item means, each over its own answers.
    """
    check_level(level)
    items = list(weights)
    a = np.array([float(weights[i]) for i in items])
    if not items or (a < 0).any() or not a.sum() > 0:
        raise refuse(
            "survey.index-weights",
            "指数权重须非负且和为正",
            "index weights must not be negative and add up to more than 0",
            found=str(dict(weights)),
        )
    check_columns(design.data, items, "weights")
    g = groups(design, by)
    ends: Scale = FIVE if scale is None else scale
    s = scores(g, items, lambda i: coded(design, i, "mean_0_100", TOP, BOTTOM, ends))
    e = estimate(design, s)
    weight = sparse.csc_matrix(np.kron((a / a.sum())[:, None], np.eye(g.n)))
    return tidy(
        design,
        combine(design, e, weight, smallest=True),
        labels=row_labels([name], g),
        statistic="index",
        unit="score_0_100",
        df=g.df,
        level=level,
        method="survey.index.taylor",
    )
