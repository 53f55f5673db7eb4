"""Opt-in samples and ranked needs: what may be said without a drawn sample, or without an order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from workbench.survey import intervals
from workbench.survey._input import check_columns, check_level, labels, names, refuse
from workbench.survey.contrasts import Of, adjusted_p, covariance
from workbench.survey.design import Design
from workbench.survey.estimates import (
    BOTTOM,
    TOP,
    By,
    Codes,
    Items,
    Scale,
    bottom2,
    mean,
    mean_0_100,
    net,
    top2,
)


def participation(design: Design, population: pd.DataFrame, *, by: By = None) -> pd.DataFrame:
    """How many took part, and as a share of those who could have.

    Parameters
    ----------
    design : the sample (an opt-in one, as a rule: it has no response rate).
    population : ``count`` of persons, with the ``by`` columns.
    by : column or columns.

    Returns
    -------
    DataFrame ``item``, the ``by`` columns, ``statistic`` (``participation_rate``), ``value``,
    ``unit``, ``n``, ``numerator``, ``denominator``, ``method``, ``status``, ``reason_zh``,
    ``reason_en``.
    """
    keys = names(by)
    check_columns(population, ["count", *keys], "population")
    check_columns(design.data, keys, "by")
    rows = pd.DataFrame({c: labels(design.data[c]) for c in keys}, index=design.data.index)
    rows = rows[design.inside].assign(_all="", n=1.0)
    size = pd.DataFrame({c: labels(population[c]) for c in keys}, index=population.index)
    size = size.assign(_all="", count=population["count"].astype(float))
    on = keys or ["_all"]
    table = (
        size.groupby(on)["count"]
        .sum()
        .reset_index()
        .merge(rows.groupby(on)["n"].sum().reset_index(), on=on, how="outer")
        .fillna({"n": 0.0})
    )
    count, n = table["count"].to_numpy(dtype=float), table["n"].to_numpy(dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.where(count > 0, n / count, np.nan)
    missing = np.isnan(value)
    out = table[keys].copy()
    out.insert(0, "item", "participation")
    return out.assign(
        statistic="participation_rate",
        value=value,
        unit="share",
        n=n.astype(np.int64),
        numerator=n,
        denominator=count,
        method="survey.participation",
        status=np.where(missing, "not_computed", "ok"),
        reason_zh=np.where(missing, "没有总体人数", ""),
        reason_en=np.where(missing, "the size of the population is not known", ""),
    )


def sensitivity_band(
    frame: pd.DataFrame,
    participation_rate: float | Sequence[float],
    *,
    gaps: Sequence[float] = (0.10, 0.20),
) -> pd.DataFrame:
    """Recompute shares as if those who did not take part were less satisfied.

    Parameters
    ----------
    frame : rows of shares (``value`` 0-1).
    participation_rate : share of the population that took part, one or one per row, 0-1.
    gaps : by how much lower the others' share is taken to be.

    Returns
    -------
    DataFrame with ``value_if_10``, ``value_if_20``, ... (points lower): ``r p + (1 - r) max(p -
    gap, 0)``.
    """
    check_columns(frame, ["value"], "sensitivity_band")
    r = np.broadcast_to(np.asarray(participation_rate, dtype=float), (len(frame),))
    if not ((r >= 0) & (r <= 1)).all() or any(g < 0 for g in gaps):
        raise refuse(
            "survey.participation",
            "参与率须在 0 与 1 之间，差距不能为负",
            "participation rates must lie between 0 and 1 and gaps not be negative",
        )
    out = frame.copy()
    p = out["value"].to_numpy(dtype=float)
    for gap in gaps:
        out[f"value_if_{gap * 100:g}"] = r * p + (1 - r) * np.maximum(p - gap, 0)
    return out


def combine_samples(
    probability: pd.DataFrame, opt_in: pd.DataFrame, *, level: float = 0.95
) -> pd.DataFrame:
    """Put a probability and a calibrated opt-in estimate together, the less the more they differ.

    Parameters
    ----------
    probability, opt_in : rows of one estimator each (``item``, ``statistic``, ``value``,
        ``std_error``, ``n``, ``df``), matched by ``item``, ``statistic`` and the columns both have
        before ``statistic``. Rows that only one side has are left out.
    level : of the interval.

    Returns
    -------
    DataFrame with ``value``, ``std_error`` (root of the mean squared error), ``ci_low``,
    ``ci_high``, ``share_opt_in`` (weight of the opt-in estimate, 0-1), ``difference`` (opt-in minus
    probability), ``n`` (both together), ``df``, ``method``, ``status``, ``flags``
    (``model_based;combined``) and the rule in words. Without an error on either side
    ``not_computed``.

    Notes
    -----
    ``λ = V_p / (V_p + V_o + d²)`` with ``d`` the difference of both; ``value = (1 - λ) p + λ o``;
    ``MSE = (1 - λ)² V_p + λ² (V_o + d²)``. ``d²`` holds the error of both beside the bias and is
    not reduced by it: the opt-in part gets too little weight rather than too much, and it gets
    none of it that the probability part does not bear out.

    References
    ----------
    Elliott & Haviland (2007), Survey Methodology 33, 211-215, eq. 3.

    Examples
    --------
    >>> one = {"item": ["q"], "statistic": ["top2"], "n": [100], "df": [9.0]}
    >>> p = pd.DataFrame(one | {"value": [0.7], "std_error": [0.05]})
    >>> o = pd.DataFrame(one | {"value": [0.8], "std_error": [0.02]})
    >>> combine_samples(p, o)[["value", "share_opt_in"]].round(3).values.tolist()
    [[0.719, 0.194]]
    """
    check_level(level)
    need = ["item", "statistic", "value", "std_error", "n", "df"]
    check_columns(probability, need, "probability")
    check_columns(opt_in, need, "opt_in")
    front = list(probability.columns[: list(probability.columns).index("statistic") + 1])
    on = [c for c in front if c in opt_in.columns]
    both = probability.merge(opt_in, on=on, suffixes=("", "_o"))
    p, o = both["value"].to_numpy(dtype=float), both["value_o"].to_numpy(dtype=float)
    vp, vo = (both[c].to_numpy(dtype=float) ** 2 for c in ("std_error", "std_error_o"))
    gap = o - p
    with np.errstate(divide="ignore", invalid="ignore"):
        lam = vp / (vp + vo + gap**2)
        se = np.sqrt((1 - lam) ** 2 * vp + lam**2 * (vo + gap**2))
    value = (1 - lam) * p + lam * o
    df = both["df"].to_numpy(dtype=float)
    low, high = intervals.wald(value, se, df, level)
    unit = both["unit"].to_numpy() if "unit" in both else np.full(len(both), "share")
    share = np.isin(unit, ["share"])
    ok = np.isfinite(se) & (vp > 0)
    return both[on].assign(
        value=np.where(ok, value, np.nan),
        unit=unit,
        std_error=np.where(ok, se, np.nan),
        ci_low=np.where(ok, np.where(share, np.clip(low, 0, 1), low), np.nan),
        ci_high=np.where(ok, np.where(share, np.clip(high, 0, 1), high), np.nan),
        level=level,
        n=(both["n"] + both["n_o"]).astype(np.int64),
        df=df,
        share_opt_in=np.where(ok, lam, np.nan),
        difference=gap,
        method="survey.combine_samples",
        status=np.where(ok, "ok", "not_computed"),
        flags="model_based;combined",
        reason_zh=np.where(
            ok, "按均方误差加权合并；两者相差越大，自愿部分的权重越小", "其中一部分没有标准误"
        ),
        reason_en=np.where(
            ok,
            "combined by mean squared error: the more both differ, the less the opt-in part counts",
            "one of the parts has no standard error",
        ),
    )


def rank_items(
    design: Design,
    items: Items,
    *,
    of: Of = "mean",
    level: float = 0.95,
    top: Codes = TOP,
    bottom: Codes = BOTTOM,
    scale: Scale = None,
) -> pd.DataFrame:
    """Order items (needs, services) from high to low, with those that cannot be told apart.

    Parameters
    ----------
    design, items, of, level, top, bottom, scale : as in :func:`workbench.survey.contrast`.

    Returns
    -------
    DataFrame in descending order: ``item``, ``statistic``, ``value``, ``std_error``, ``n``,
    ``rank``, ``rank_best``, ``rank_worst`` (ranks it could have), ``not_distinct_from`` (items,
    ``;`` between), ``method``, ``status``, ``flags``, ``reason_zh``, ``reason_en``.

    Notes
    -----
    All pairs are compared by t with the joint covariance of the same respondents' answers, Holm
    over all pairs; a rank is certain where nothing else could have it.

    References
    ----------
    Klein, Wright & Wieczorek (2020), JRSS A 183, 589-606 (joint ranks).
    """
    listed = names(items)
    settings: dict[str, Any] = {"top2": {"top": top}, "bottom2": {"bottom": bottom}}.get(of, {})
    if of == "net":
        settings = {"top": top, "bottom": bottom}
    if scale is not None:
        settings["scale"] = scale
    estimator = {
        "mean": mean,
        "top2": top2,
        "bottom2": bottom2,
        "net": net,
        "mean_0_100": mean_0_100,
    }.get(of)
    if estimator is None:
        raise refuse(
            "survey.unknown-word", "不能按该统计量排序", "items are not ranked by this", found=of
        )
    frame = estimator(design, listed, **settings)
    v = covariance(design, listed, of=of, top=top, bottom=bottom, scale=scale).to_numpy()
    value = frame["value"].to_numpy(dtype=float)
    k = value.size
    i, j = np.triu_indices(k, 1)
    var = v[i, i] + v[j, j] - 2 * v[i, j]
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (value[i] - value[j]) / np.sqrt(var)
    p = 2 * stats.t.sf(np.abs(t), design.df) if design.df > 0 else np.full(t.size, np.nan)
    clear = adjusted_p(np.asarray(p, dtype=float), "holm") < 1 - level
    above = np.zeros((k, k), dtype=bool)  # row clearly above column
    above[i, j] = clear & (value[i] > value[j])
    above[j, i] = clear & (value[j] > value[i])
    kept = "item statistic value unit std_error n status flags reason_zh reason_en".split()
    out = frame[kept].copy()
    out["rank"] = out["value"].rank(ascending=False, method="min")
    out["rank_best"] = 1 + above.sum(axis=0)
    out["rank_worst"] = k - above.sum(axis=1)
    same = ~above & ~above.T & ~np.eye(k, dtype=bool)
    out["not_distinct_from"] = [";".join(np.array(listed)[row]) for row in same]
    out["method"] = "survey.rank_items"
    return out.sort_values(["value", "item"], ascending=[False, True]).reset_index(drop=True)
