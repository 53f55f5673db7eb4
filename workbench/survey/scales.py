"""Scales and importance: reliability, derived importance, importance-performance quadrants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy import optimize

from workbench.survey._input import Bools, Floats, check_columns, names, numbers, refuse
from workbench.survey.design import Design
from workbench.survey.estimates import Items, mean
from workbench.survey.quantiles import correlation


def _complete(data: pd.DataFrame, items: list[str], rows: Bools) -> tuple[Floats, Bools]:
    check_columns(data, items, "items")
    if len(items) < 2:
        raise refuse("survey.one-item", "至少需要两个题目", "at least two items are needed")
    x = np.column_stack([numbers(data, item) for item in items])
    use = rows & ~np.isnan(x).any(axis=1)
    if use.sum() < 3:
        raise refuse(
            "survey.too-few-rows",
            "完整回答不足 3 份",
            "fewer than 3 complete answers",
            found=str(int(use.sum())),
        )
    flat = np.flatnonzero(x[use].std(axis=0) == 0)
    if flat.size:
        raise refuse(
            "survey.no-variation",
            "该题目的回答全部相同",
            "all answers to this item are equal",
            column=items[int(flat[0])],
        )
    return x[use], use


def _weighted_covariance(x: Floats, w: Floats) -> Floats:
    r = x - (w @ x) / w.sum()
    out: Floats = (r * w[:, None]).T @ r / w.sum() * x.shape[0] / (x.shape[0] - 1)
    return out


def _alpha(c: Floats) -> float:
    k = c.shape[0]
    return float(k / (k - 1) * (1 - np.trace(c) / c.sum()))


def reliability(design: Design, items: Sequence[str], *, weighted: bool = False) -> pd.DataFrame:
    """Cronbach's alpha and omega of a scale, over respondents who answered all items.

    Parameters
    ----------
    design : the sample. items : two or more numeric columns in the same direction.
    weighted : use the weights of the design; ``False`` describes the sample.

    Returns
    -------
    DataFrame ``item`` (``scale``, or the item dropped), ``statistic``, ``value``, ``n``,
    ``method``, ``status``: ``alpha``, ``alpha_standardised``, ``mean_correlation``, ``omega``
    (one factor, maximum likelihood; three items or more), and by item ``alpha_if_dropped``,
    ``item_rest_correlation``.

    References
    ----------
    Cronbach (1951), Psychometrika 16, 297-334. McDonald (1999), *Test Theory*, 89-90. Jöreskog
    (1967), Psychometrika 32, 443-482.
    """
    listed = list(items)
    x, use = _complete(design.data, listed, design.inside)
    w = design.weights[use] if weighted else np.ones(x.shape[0])
    c = _weighted_covariance(x, w)
    sd = np.sqrt(np.diag(c))
    r = c / np.outer(sd, sd)
    k = len(listed)
    off = float((r.sum() - k) / (k * (k - 1)))
    rows: list[tuple[str, str, float]] = [
        ("scale", "alpha", _alpha(c)),
        ("scale", "alpha_standardised", k * off / (1 + (k - 1) * off)),
        ("scale", "mean_correlation", off),
    ]
    if k >= 3:
        rows.append(("scale", "omega", _omega(r)))
    for i, item in enumerate(listed):
        rest = np.delete(np.arange(k), i)
        if k > 2:
            rows.append((item, "alpha_if_dropped", _alpha(c[np.ix_(rest, rest)])))
        shared = c[i, rest].sum() / np.sqrt(c[i, i] * c[np.ix_(rest, rest)].sum())
        rows.append((item, "item_rest_correlation", float(shared)))
    frame = pd.DataFrame(rows, columns=["item", "statistic", "value"])
    frame["unit"] = "ratio"
    frame["n"] = x.shape[0]
    frame["method"] = "survey.reliability"
    frame["status"] = "ok"
    return frame


def _omega(r: Floats) -> float:
    """Omega of one common factor fitted to a correlation matrix by maximum likelihood."""
    k = r.shape[0]

    def parts(psi: Floats) -> tuple[float, Floats]:
        values, vectors = np.linalg.eigh(r / np.sqrt(np.outer(psi, psi)))
        load = np.sqrt(psi) * vectors[:, -1] * np.sqrt(max(values[-1] - 1, 0.0))
        rest = values[:-1]
        return float((rest - np.log(np.maximum(rest, 1e-300))).sum() - (k - 1)), load

    def misfit(psi: Floats) -> tuple[float, Floats]:
        value, load = parts(psi)
        slope: Floats = (load**2 + psi - np.diag(r)) / psi**2
        return value, slope

    start = (1 - 0.5 / k) / np.diag(np.linalg.pinv(r))
    done = optimize.minimize(
        misfit,
        np.clip(start, 0.005, 1.0),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.005, 1.0)] * k,
        options={"ftol": 1e-14, "gtol": 1e-10, "maxiter": 1000},
    )
    load = parts(done.x)[1]
    total = load.sum() ** 2
    return float(total / (total + done.x.sum()))


def derived_importance(
    design: Design, items: Items, overall: str, *, weighted: bool = True
) -> pd.DataFrame:
    """Derive the importance of each item from its correlation with overall satisfaction.

    Parameters
    ----------
    design : the sample. items : numeric columns. overall : numeric column.
    weighted : use the design's weights (with errors); ``False``: plain Pearson in the sample.

    Returns
    -------
    DataFrame ``item``, ``statistic`` (``derived_importance``), ``value``, ``std_error``,
    ``ci_low``, ``ci_high``, ``n``, ``method``, ``status``; a correlation, never proof of a cause.
    """
    listed = names(items)
    check_columns(design.data, [*listed, overall], "importance")
    if not weighted:
        plain = Design(design.data[[*listed, overall]].loc[design.inside])
        design = plain
    frame = pd.concat([correlation(design, overall, item) for item in listed], ignore_index=True)
    frame["item"] = listed
    frame["statistic"] = "derived_importance"
    if not weighted:
        frame[["std_error", "ci_low", "ci_high"]] = np.nan
    return frame


def quadrants(
    design: Design,
    items: Items,
    *,
    overall: str | None = None,
    stated: Mapping[str, float] | None = None,
    weighted: bool = True,
) -> pd.DataFrame:
    """Importance-performance quadrants (满意度-重要度四分图), cut at the two means.

    Parameters
    ----------
    design : the sample. items : numeric items (performance is their mean).
    overall : derive importance from the correlation with this item; or
    stated : importance by item, on any scale.
    weighted : as in :func:`derived_importance`; performance always uses the weights.

    Returns
    -------
    DataFrame ``item``, ``statistic`` (``performance``), ``value``, ``std_error``, ``ci_low``,
    ``ci_high``, ``n``, ``importance``, ``mean_importance``, ``mean_performance``, ``quadrant``
    (improve, maintain, low_priority, possible_overkill), ``quadrant_certain`` (the performance
    interval does not cross the cut), ``method``, ``status``.

    References
    ----------
    Martilla & James (1977), Journal of Marketing 41, 77-79.
    """
    listed = names(items)
    if (overall is None) == (stated is None):
        raise refuse(
            "survey.importance",
            "须给出 overall 或 stated 之一",
            "give either overall or stated",
        )
    frame = mean(design, listed)
    if stated is not None:
        absent = [i for i in listed if i not in stated]
        if absent:
            raise refuse(
                "survey.importance",
                "缺少该题目的重要度",
                "the importance of an item is missing",
                column=absent[0],
            )
        weight = np.array([float(stated[i]) for i in listed])
    else:
        assert overall is not None
        weight = derived_importance(design, listed, overall, weighted=weighted)["value"].to_numpy()
    out = frame[
        ["item", "value", "unit", "std_error", "ci_low", "ci_high", "level", "n", "df", "status"]
    ].copy()
    out.insert(1, "statistic", "performance")
    cut = float(out["value"].mean())
    bar = float(np.nanmean(weight))
    out["importance"], out["mean_importance"], out["mean_performance"] = weight, bar, cut
    good, heavy = out["value"].to_numpy() >= cut, weight >= bar
    out["quadrant"] = np.select(
        [heavy & ~good, heavy & good, ~heavy & ~good],
        ["improve", "maintain", "low_priority"],
        "possible_overkill",
    )
    out["quadrant_certain"] = ((out["ci_low"] > cut) | (out["ci_high"] < cut)).to_numpy()
    out["method"] = "survey.quadrants"
    return out
