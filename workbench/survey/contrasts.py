"""Differences between waves and groups, with the covariance of shared clusters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import sparse, stats

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
from workbench.survey._scores import (
    Estimates,
    Groups,
    Scores,
    combine,
    estimate,
    groups,
    replicate_variance,
    tidy,
)
from workbench.survey.design import Design
from workbench.survey.estimates import (
    BOTTOM,
    FIVE,
    TOP,
    UNITS,
    By,
    Codes,
    Items,
    Scale,
    coded,
    row_labels,
    scores,
)

Of = Literal["mean", "total", "top2", "bottom2", "net", "mean_0_100", "ratio"]
STATISTICS = ("mean", "total", "top2", "bottom2", "net", "mean_0_100", "ratio")


def contrast(
    design: Design,
    items: Items,
    *,
    by: str | Sequence[str],
    contrast: Mapping[Any, float],
    of: Of = "mean",
    within: By = None,
    level: float = 0.95,
    top: Codes = TOP,
    bottom: Codes = BOTTOM,
    scale: Scale = None,
    denominator: str | None = None,
) -> pd.DataFrame:
    """Linear contrasts between the groups of ``by``, such as a wave difference, of each item.

    Parameters
    ----------
    design : the sample. PSUs seen in several waves must be the same PSUs of one design.
    items : numeric column or columns.
    by : column (or columns) whose categories are compared.
    contrast : coefficient by category, ``{"2026h2": 1, "2026h1": -1}``; a tuple per category
        when ``by`` has several columns.
    of : statistic compared; ``ratio`` needs ``denominator``.
    within : column or columns; one contrast per crossing of theirs (each community, say).
    level, top, bottom, scale : as in :func:`workbench.survey.mean` and ``top2``.

    Returns
    -------
    DataFrame as of the estimators, with columns ``contrast``, ``t``, ``p_value`` (two-sided).
    ``value`` of a difference of shares is stored 0-1 with unit ``pp``; ``n`` is the answers of
    all groups together. A group without answers gives ``status`` ``not_computed``.

    Raises
    ------
    InputError
        A category is not in the data; a column is missing.

    Notes
    -----
    ``Σ c_l θ_l`` with the variance of the combined influence functions, so that the covariance of
    clusters shared by waves is in it. ``t`` has the degrees of freedom of the design (of the
    ``within`` domain).

    References
    ----------
    Kish (1965), 12.4 (overlapping samples); Wolter (2007), 6.2.
    """
    check_level(level)
    check_choice(of, STATISTICS, "of")
    listed, keys, inner = names(items), names(by), names(within)
    check_columns(design.data, [*listed, *keys, *inner], "contrast")
    both = groups(design, [*inner, *keys])
    outer = groups(design, inner)
    s = _scores(design, both, listed, of, top, bottom, scale, denominator)
    e = estimate(design, s)
    c = _coefficients(design, both, outer, keys, inner, contrast, len(listed))
    shown = [i if of != "ratio" else f"{i}/{denominator}" for i in listed]
    table = row_labels(shown, outer)
    table["contrast"] = _text(contrast)
    unit = "ratio" if of == "ratio" else {"share": "pp"}.get(UNITS[of], UNITS[of])
    frame = tidy(
        design,
        _complete(combine(design, e, c), c, len(contrast)),
        labels=table,
        statistic=of,
        unit=unit,
        df=np.tile(outer.df, len(listed)),
        level=level,
        method="survey.contrast.taylor",
    )
    return significance(frame)


def significance(frame: pd.DataFrame, *, null: float = 0.0) -> pd.DataFrame:
    """Add ``t`` and the two-sided ``p_value`` of the value being ``null`` (0, or a target).

    Parameters
    ----------
    frame : rows with ``value``, ``std_error``, ``df``. null : value under the hypothesis, same
        unit.
    """
    check_columns(frame, ["value", "std_error", "df"], "significance")
    out = frame.drop(columns=[c for c in ("t", "p_value") if c in frame]).copy()
    value, se, df = (out[c].to_numpy(dtype=float) for c in ("value", "std_error", "df"))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(se > 0, (value - null) / se, np.nan)
        p = 2 * stats.t.sf(np.abs(t), np.where(df > 0, df, np.nan))
    place = list(out.columns).index("method") if "method" in out else out.shape[1]
    out.insert(place, "t", t)
    out.insert(place + 1, "p_value", p)
    return out


def _scores(
    design: Design,
    g: Groups,
    listed: list[str],
    of: str,
    top: Codes,
    bottom: Codes,
    scale: Scale,
    denominator: str | None,
) -> Scores:
    ends: Scale = FIVE if scale is None and of not in ("mean", "total", "ratio") else scale
    if of != "ratio":
        return scores(
            g, listed, lambda i: coded(design, i, of, top, bottom, ends), ratio=of != "total"
        )
    if denominator is None:
        raise refuse(
            "survey.no-denominator",
            "of='ratio' 需要 denominator=",
            "of='ratio' needs denominator=",
            remedy_zh="给出分母列",
            remedy_en="name the denominator column",
        )
    check_columns(design.data, [denominator], "denominator")
    x = numbers(design.data, denominator)
    s = scores(g, listed, lambda i: np.where(np.isnan(x), np.nan, numbers(design.data, i)))
    return Scores(s.row, s.col, s.y, x[s.row], s.k)


def _text(contrast: Mapping[Any, float]) -> str:
    parts = []
    for key, value in contrast.items():
        name = "/".join(map(str, key)) if isinstance(key, tuple) else str(key)
        sign = "+" if value >= 0 else "-"
        size = "" if abs(value) == 1 else f"{abs(value):g}*"
        parts.append(f"{sign} {size}{name}")
    return " ".join(parts).removeprefix("+ ")


def _coefficients(
    design: Design,
    both: Groups,
    outer: Groups,
    keys: list[str],
    inner: list[str],
    contrast: Mapping[Any, float],
    items: int,
) -> sparse.csc_matrix:
    """Matrix of shape (items * groups, items * outer groups)."""
    level_text = labels(both.labels[keys[0]])
    for key in keys[1:]:
        level_text = level_text.astype(str) + "\x1f" + labels(both.labels[key]).astype(str)
    wanted: dict[str, float] = {}
    for key, value in contrast.items():
        parts = key if isinstance(key, tuple) else (key,)
        wanted["\x1f".join(labels(pd.Series(list(parts), dtype=object)).tolist())] = float(value)
    for key in wanted:
        if key not in set(level_text):
            raise refuse(
                "survey.no-such-category",
                "对比中的类别不在数据中",
                "a category of the contrast is not in the data",
                column=", ".join(keys),
                found=key.replace("\x1f", "/"),
                expected=", ".join(sorted({str(x).replace("\x1f", "/") for x in level_text})[:12]),
            )
    coefficient = level_text.map(wanted).fillna(0.0).to_numpy(dtype=float)
    if inner:
        place = {tuple(row): i for i, row in enumerate(outer.labels.itertuples(index=False))}
        column = np.array(
            [place[tuple(row)] for row in both.labels[inner].itertuples(index=False)],
            dtype=np.int64,
        )
    else:
        column = np.zeros(both.n, dtype=np.int64)
    at = np.flatnonzero(coefficient)
    one = sparse.csc_matrix((coefficient[at], (at, column[at])), shape=(both.n, outer.n))
    return sparse.kron(sparse.identity(items), one, format="csc")


def _complete(e: Estimates, c: sparse.csc_matrix, wanted: int) -> Estimates:
    """Empty the combinations that lack one of their groups altogether."""
    short = np.diff(c.indptr) < wanted
    if not short.any():
        return e
    return Estimates(
        np.where(short, np.nan, e.value),
        e.z,
        np.where(short, 0.0, e.n),
        e.positive,
        e.srs,
        e.population,
        e.replicate_values,
        e.members,
    )


def against_whole(
    design: Design,
    items: Items,
    *,
    by: str | Sequence[str],
    of: Of = "mean",
    within: By = None,
    level: float = 0.95,
    top: Codes = TOP,
    bottom: Codes = BOTTOM,
    scale: Scale = None,
) -> pd.DataFrame:
    """Each group minus the whole that contains it, with their overlap in the error.

    Parameters
    ----------
    design, items, of, level, top, bottom, scale : as in :func:`contrast`.
    by : column or columns of the groups (communities). within : wholes are formed within these
        (waves).

    Returns
    -------
    DataFrame as of :func:`contrast`; ``p_value`` by t with the degrees of freedom of the whole
    design.
    """
    check_level(level)
    check_choice(of, STATISTICS[:-1], "of")
    listed, keys, inner = names(items), names(by), names(within)
    check_columns(design.data, [*listed, *keys, *inner], "against_whole")
    part, whole = groups(design, [*inner, *keys]), groups(design, inner)
    ends: Scale = FIVE if scale is None and of not in ("mean", "total") else scale

    def values(item: str) -> Floats:
        return coded(design, item, of, top, bottom, ends)

    a = scores(part, listed, values, ratio=of != "total")
    b = scores(whole, listed, values, ratio=of != "total")
    e = estimate(
        design,
        Scores(
            np.concatenate([a.row, b.row]),
            np.concatenate([a.col, b.col + a.k]),
            np.concatenate([a.y, b.y]),
            None if a.d is None or b.d is None else np.concatenate([a.d, b.d]),
            a.k + b.k,
        ),
    )
    above = np.zeros(part.n, dtype=np.int64)
    if inner:
        place = {tuple(row): i for i, row in enumerate(whole.labels.itertuples(index=False))}
        above = np.array([place[tuple(r)] for r in part.labels[inner].itertuples(index=False)])
    minus = sparse.csc_matrix(
        (np.ones(part.n), (above, np.arange(part.n))), shape=(whole.n, part.n)
    )
    eye = sparse.identity(len(listed))
    c = sparse.vstack(
        [sparse.kron(eye, sparse.identity(part.n)), -sparse.kron(eye, minus)], format="csc"
    )
    joint = combine(design, e, c, smallest=True)
    unit = {"share": "pp"}.get(UNITS[of], UNITS[of])
    table = row_labels(listed, part)
    table["contrast"] = "group - whole"
    frame = tidy(
        design,
        joint,
        labels=table,
        statistic=of,
        unit=unit,
        df=np.tile(whole.df[above], len(listed)),
        level=level,
        method="survey.against_whole.taylor",
    )
    return significance(frame)


def covariance(
    design: Design,
    items: Items,
    *,
    by: By = None,
    of: Of = "mean",
    top: Codes = TOP,
    bottom: Codes = BOTTOM,
    scale: Scale = None,
) -> pd.DataFrame:
    """Joint design covariance of all items and groups.

    Returns
    -------
    DataFrame, square, rows and columns indexed by ``item`` and the ``by`` columns.
    """
    check_choice(of, STATISTICS[:-1], "of")
    listed = names(items)
    check_columns(design.data, listed, "items")
    g = groups(design, by)
    e = estimate(design, _scores(design, g, listed, of, top, bottom, scale, None))
    if e.replicate_values is not None:
        k = e.value.size
        values = e.replicate_values
        plus = replicate_variance_matrix(design, values, e.value)
        matrix = plus.reshape(k, k)
    else:
        matrix = design.covariances(e.z)
    index = pd.MultiIndex.from_frame(row_labels(listed, g))
    return pd.DataFrame(matrix, index=index, columns=index)


def replicate_variance_matrix(design: Design, values: Floats, full: Floats) -> Floats:
    """Covariance from replicates, by polarisation of :func:`replicate_variance`."""
    k = full.size
    i, j = np.divmod(np.arange(k * k), k)
    plus = replicate_variance(design, values[i] + values[j], full[i] + full[j])
    minus = replicate_variance(design, values[i] - values[j], full[i] - full[j])
    return (plus - minus) / 4


def adjust_p(
    frame: pd.DataFrame,
    *,
    method: Literal["holm", "bonferroni", "bh"] = "holm",
    within: str | Sequence[str] | None = None,
) -> pd.DataFrame:
    """Fill ``p_adjusted`` for several comparisons made at once.

    Parameters
    ----------
    frame : with column ``p_value``; missing p values take no part and stay missing.
    method : ``holm`` (family-wise), ``bonferroni`` or ``bh`` (false discovery rate).
    within : columns that name a family; ``None`` is one family of all rows.

    Returns
    -------
    DataFrame with ``p_adjusted`` and ``family`` (``method:number of tests``).

    References
    ----------
    Holm (1979), Scand. J. Stat. 6, 65-70. Benjamini & Hochberg (1995), JRSS B 57, 289-300.

    Examples
    --------
    >>> adjust_p(pd.DataFrame({"p_value": [0.01, 0.04, 0.03]}))["p_adjusted"].tolist()
    [0.03, 0.06, 0.06]
    """
    check_choice(method, ("holm", "bonferroni", "bh"), "method")
    check_columns(frame, ["p_value"], "adjust_p")
    out = frame.copy()
    out["p_adjusted"] = np.nan
    out["family"] = ""
    keys = names(within)
    parts = [out.index] if not keys else list(out.groupby(keys, dropna=False).groups.values())
    for index in parts:
        p = out.loc[index, "p_value"].to_numpy(dtype=float)
        out.loc[index, "p_adjusted"] = adjusted_p(p, method)
        out.loc[index, "family"] = f"{method}:{int((~np.isnan(p)).sum())}"
    return out


def adjusted_p(p: Floats, method: str) -> Floats:
    """Adjust the p values of one family; NaN stays NaN."""
    out = np.full(p.size, np.nan)
    at = np.flatnonzero(~np.isnan(p))
    m = at.size
    if m == 0:
        return out
    order = at[np.argsort(p[at], kind="stable")]
    ranked = p[order]
    if method == "bonferroni":
        new = ranked * m
    elif method == "holm":
        new = np.maximum.accumulate(ranked * (m - np.arange(m)))
    else:
        new = np.minimum.accumulate((ranked * m / (np.arange(m) + 1))[::-1])[::-1]
    out[order] = np.minimum(new, 1.0)
    return out
