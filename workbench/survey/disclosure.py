"""What may be printed: small cells are withheld, imprecise shares are marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import linalg, sparse

from workbench.survey import intervals
from workbench.survey._input import Bools, Floats, check_columns, names, refuse

HIDDEN = (
    "value",
    "std_error",
    "ci_low",
    "ci_high",
    "n",
    "numerator",
    "denominator",
    "df",
    "n_effective",
    "deff",
    "deff_wor",
    "t",
    "p_value",
)


def disclosure(
    frame: pd.DataFrame,
    *,
    minimum: int = 10,
    cells: str | Sequence[str] | None = None,
    keys: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Withhold cells under the study's minimum, and others from which they could be worked out.

    Parameters
    ----------
    frame : tidy result with column ``n`` (respondents in the cell).
    minimum : smallest number of respondents that may be shown, at least 1.
    cells : column or columns whose categories add up to a total that is published elsewhere
        (``age``); complementary suppression works along each. ``None``: only the cells themselves.
    keys : columns that tell one table from another; ``None``: all of ``item``, ``statistic``,
        ``category``, ``contrast`` and every column before ``statistic`` that is not in ``cells``.

    Returns
    -------
    DataFrame with all figures of withheld rows missing, ``status`` ``suppressed``, ``flags``
    ``disclosure`` or ``disclosure_complementary`` and the reason.

    Notes
    -----
    In every line of a table with one withheld cell, or whose withheld cells together stay under the
    minimum, the smallest remaining cells follow until neither holds; repeated until nothing
    changes. Of tables with several ``cells`` it is then asked whether the totals of all lines
    together still give a withheld cell away (the withheld cells of a line can be two and one of
    them yet be known from the others' lines); the smallest remaining cell of its lines follows.

    References
    ----------
    Hundepool et al. (2012), *Statistical Disclosure Control*, 4.2-4.3.
    """
    check_columns(frame, ["n"], "disclosure")
    if minimum < 1:
        raise refuse(
            "survey.minimum", "min_cell 至少为 1", "the minimum is at least 1", found=str(minimum)
        )
    along = names(cells)
    check_columns(frame, along, "cells")
    out = frame.reset_index(drop=True).copy()
    n = out["n"].to_numpy(dtype=float, na_value=0.0)
    primary = (n > 0) & (n < minimum)
    hidden = primary.copy()
    if keys is None:
        before = (
            list(out.columns[: list(out.columns).index("statistic")]) if "statistic" in out else []
        )
        fixed = [c for c in ("item", "statistic", "category", "contrast") if c in out]
        table = [c for c in dict.fromkeys([*fixed, *before]) if c not in along]
    else:
        table = list(keys)
    lines: list[Any] = []
    for column in along:
        line = [*table, *(c for c in along if c != column)]
        lines.append(
            out.groupby(line, dropna=False).ngroup().to_numpy()
            if line
            else np.zeros(len(out), dtype=int)
        )
    changed = bool(along) and bool(hidden.any())
    while changed:
        changed = False
        for codes in lines:
            more = _complement(codes, n, hidden, minimum)
            if more.any():
                hidden |= more
                changed = True
        if not changed and len(lines) > 1:
            more = _complement_of(_given_away(lines, hidden), lines, n, hidden)
            hidden |= more
            changed = bool(more.any())
    return _suppress(out, primary, hidden & ~primary, minimum)


def _complement(line: Any, n: Floats, hidden: Bools, minimum: int) -> Bools:
    """Next cell to withhold in each line that still lets a hidden cell be worked out."""
    size = int(line.max()) + 1 if line.size else 0
    count = np.bincount(line, hidden, minlength=size)
    mass = np.bincount(line, n * hidden, minlength=size)
    open_ = ~hidden & (n > 0)
    weak = ((count == 1) | (mass < minimum)) & (count > 0)
    candidate = np.flatnonzero(open_ & weak[line])
    pick = np.zeros(line.size, dtype=bool)
    if candidate.size:
        order = candidate[np.lexsort((candidate, n[candidate], line[candidate]))]
        first = np.unique(line[order], return_index=True)[1]
        pick[order[first]] = True
    return pick


def _given_away(lines: list[Any], hidden: Bools) -> Bools:
    """Withheld cells that the totals of all lines determine: those no change of the others moves.

    The withheld cells of a table are unknowns, its lines equations; a cell is known exactly where
    every vector of the null space is 0 in it.
    """
    out = np.zeros(hidden.size, dtype=bool)
    at = np.flatnonzero(hidden)
    offset = np.cumsum([0, *(int(line.max()) + 1 for line in lines)])
    rows = np.concatenate([line[at] + start for line, start in zip(lines, offset, strict=False)])
    cells = np.tile(np.arange(at.size), len(lines))
    shape = (int(offset[-1]), at.size)
    equations = sparse.csr_matrix((np.ones(rows.size), (rows, cells)), shape=shape)
    _, part = sparse.csgraph.connected_components(equations.T @ equations, directed=False)
    for number in np.flatnonzero(np.bincount(part) > 1):  # a table's connected withheld cells
        own = np.flatnonzero(part == number)
        block = equations[:, own]
        free = linalg.null_space(block[np.unique(block.nonzero()[0])].toarray())
        out[at[own]] = np.abs(free).max(axis=1, initial=0.0) < 1e-9
    return out


def _complement_of(given: Bools, lines: list[Any], n: Floats, hidden: Bools) -> Bools:
    """Give the smallest open cell of the lines of the first cell that is given away."""
    pick = np.zeros(hidden.size, dtype=bool)
    for cell in np.flatnonzero(given):
        beside = np.logical_or.reduce([line == line[cell] for line in lines])
        open_ = np.flatnonzero(beside & ~hidden & (n > 0))
        if open_.size:
            pick[open_[np.argmin(n[open_])]] = True
            break
    return pick


def _suppress(out: pd.DataFrame, primary: Bools, secondary: Bools, minimum: int) -> pd.DataFrame:
    for column in ("status", "flags", "reason_zh", "reason_en"):
        if column not in out:
            out[column] = "ok" if column == "status" else ""
    out["n"] = out["n"].astype("Int64")
    every = primary | secondary
    for column in HIDDEN:
        if column in out and every.any():
            if out[column].dtype.kind in "iub" and column != "n":
                out[column] = out[column].astype(float)
            out.loc[every, column] = pd.NA if column == "n" else np.nan
    for mask, flag, zh, en in (
        (
            primary,
            "disclosure",
            f"少于 {minimum} 名受访者，为保护个人不公布",
            f"fewer than {minimum} respondents: withheld to protect persons",
        ),
        (
            secondary,
            "disclosure_complementary",
            "不公布，否则可由合计推算出另一小格",
            "withheld, as another small cell could be worked out from it and the total",
        ),
    ):
        if mask.any():
            out.loc[mask, "status"] = "suppressed"
            out.loc[mask, "flags"] = flag
            out.loc[mask, "reason_zh"] = zh
            out.loc[mask, "reason_en"] = en
    return out


def presentation(frame: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Apply the NCHS presentation standard for proportions to a frame of shares.

    Parameters
    ----------
    frame : rows of ``top2``, ``bottom2`` or ``proportion`` with ``value``, ``std_error``, ``n``,
        ``df``.
    level : of the Korn-Graubard interval the rule looks at.

    Returns
    -------
    DataFrame with, in addition, ``n_eff`` (at most n), ``n_eff_df`` (adjusted for degrees of
    freedom, at most n), ``kg_low``, ``kg_high``, ``kg_width``, ``relative_width_pct``,
    ``present`` (1 or 0) and ``review`` (1: a statistician should look, as df < 8 or the share is
    0 or 1). Rows that fail get ``status`` ``low_precision`` and the reason; figures stay.
    Subgroups that fail are not printed; a community's own headline is, marked.

    Notes
    -----
    Not presented: ``n`` or effective n under 30; width at least 0.30; width above 0.05 and more
    than 130 % of the share. The relative width is taken of the share itself.

    References
    ----------
    Parker et al. (2017), *NCHS Data Presentation Standards for Proportions*, Vital and Health
    Statistics 2 (175).
    """
    check_columns(frame, ["value", "std_error", "n", "df"], "presentation")
    out = frame.copy()
    p, se, df = (out[c].to_numpy(dtype=float) for c in ("value", "std_error", "df"))
    n = out["n"].to_numpy(dtype=float, na_value=np.nan)
    raw = intervals.effective_n(p, se, n)
    n_eff = np.minimum(raw, n)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = intervals.t_quantile(level, n - 1) / intervals.t_quantile(level, df)
    n_eff_df = np.minimum(raw * ratio**2, n)
    low, high = intervals.korn_graubard(p, n_eff_df, n, df, level, adjust=False)
    width = high - low
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(p > 0, width / p * 100, np.nan)
    thin = (n < 30) | (n_eff < 30)
    wide = (width >= 0.30) | ((width > 0.05) & ~(relative <= 130))
    known = ~np.isnan(width)
    present = ~thin & ~wide & known
    review = known & ((df < 8) | (p <= 0) | (p >= 1))
    for name, values in (
        ("n_eff", n_eff),
        ("n_eff_df", n_eff_df),
        ("kg_low", low),
        ("kg_high", high),
        ("kg_width", width),
        ("relative_width_pct", relative),
        ("present", present.astype(np.int64)),
        ("review", review.astype(np.int64)),
    ):
        out[name] = values
    for column in ("status", "reason_zh", "reason_en"):
        if column not in out:
            out[column] = "ok" if column == "status" else ""
    weak = ~present & (out["status"] == "ok").to_numpy()
    out.loc[weak, "status"] = "low_precision"
    out.loc[weak & thin, "reason_zh"] = "有效样本量不足 30"
    out.loc[weak & thin, "reason_en"] = "effective sample size under 30"
    out.loc[weak & ~thin, "reason_zh"] = "置信区间过宽"
    out.loc[weak & ~thin, "reason_en"] = "the confidence interval is too wide"
    return out
