"""Assessors: do they agree, by how much do they differ, and who is severe."""

from __future__ import annotations

from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd
from scipy import special

from workbench.scoring._frames import Floats, check_level, matrix, need, numbers, one_of, refuse
from workbench.scoring.coefficients import (
    chance_corrected,
    cohen_kappa,
    fleiss_kappa,
    icc,
    kendall_w,
    krippendorff_alpha,
    percent_agreement,
)

__all__ = ["agreement", "pair_differences", "severity"]


def agreement(
    scores: pd.DataFrame,
    *,
    unit: str = "community",
    assessor: str = "assessor",
    score: str = "score",
    item: str | None = None,
    scale: Literal["interval", "ordinal", "nominal"] = "interval",
    tolerance: float = 0.0,
    level: float = 0.95,
    rng: np.random.Generator | None = None,
    draws: int = 1000,
) -> pd.DataFrame:
    """Say how far assessors agree, by every coefficient that fits the scale.

    Parameters
    ----------
    scores : DataFrame
        One row per mark, in columns named by ``unit`` (what was scored), ``assessor``, ``score``
        and ``item``; a missing score is a gap.
    unit, assessor, score, item : str
        Column names; with ``item`` each item is looked at and then the totals over items of those
        who marked every item.
    scale : {"interval", "ordinal", "nominal"}
        interval: ICC (1,1)…(3,k), Kendall's W, alpha. ordinal: weighted kappas, AC2 (quadratic),
        Kendall's W, alpha. nominal: kappas, AC1, alpha.
    tolerance : float
        Difference that still counts as agreement in ``all_agree`` and ``pairs_agree``.
    level : float
        Confidence level.
    rng, draws
        Generator and number of draws for bootstrap limits (over units) of alpha and W; without a
        generator these two have no limits.

    Returns
    -------
    DataFrame
        One row per coefficient (and item; the totals have ``item`` ``total``): ``item``,
        ``statistic``, ``value``, ``ci_low``, ``ci_high``, ``level``, ``n``, ``assessors``,
        ``assessor_a``, ``assessor_b`` (pairs), ``status``, ``reason_zh``, ``reason_en``,
        ``method``. Too few units or no differences: status ``not_computed``.

    Raises
    ------
    InputError
        Missing columns, an assessor with two marks for one unit and item, unknown scale.

    Notes
    -----
    No coefficient is a property of the assessors alone: all fall when the units are alike. Read
    them beside :func:`pair_differences`.

    References
    ----------
    See the functions of ``workbench.scoring.coefficients``. Rule R-31.
    """
    check_level(level)
    one_of(scale, ("interval", "ordinal", "nominal"), of="scale")
    frames = []
    for name, table in _tables(scores, unit, assessor, score, item):
        parts = [percent_agreement(table, tolerance=tolerance)]
        if scale == "interval":
            parts.append(icc(table, level=level))
        else:
            weighting: Literal["quadratic", "unweighted"] = (
                "quadratic" if scale == "ordinal" else "unweighted"
            )
            parts.append(chance_corrected(table, weighting=weighting, level=level).iloc[1:])
            parts += [fleiss_kappa(table), cohen_kappa(table, weighting=weighting)]
        alpha = krippendorff_alpha(table, metric=scale)
        if rng is not None:
            limits = _bootstrap(table, rng, draws, level, scale)
            alpha = alpha.assign(ci_low=limits[0], ci_high=limits[1], level=level)
        parts.append(alpha)
        if scale != "nominal":
            parts.append(kendall_w(table))
        frames.append(pd.concat([p for p in parts if len(p)], ignore_index=True).assign(item=name))
    out = pd.concat(frames, ignore_index=True)
    for column in ("ci_low", "ci_high", "level", "p_value", "assessor_a", "assessor_b"):
        if column not in out.columns:
            out[column] = np.nan if column not in ("assessor_a", "assessor_b") else ""
    out["unit"] = np.where(out["statistic"].isin(["all_agree", "pairs_agree"]), "share", "ratio")
    first = ["item", "statistic", "value", "unit", "ci_low", "ci_high", "level", "n", "assessors"]
    return out[[*first, *[c for c in out.columns if c not in first]]]


def _tables(
    scores: pd.DataFrame, unit: str, assessor: str, score: str, item: str | None
) -> list[tuple[str, pd.DataFrame]]:
    need(scores, (unit, assessor, score, *([item] if item else [])), of="scores")
    if scores.empty:
        raise refuse("empty", "没有评分", "there are no marks")
    if item is None:
        return [("", matrix(scores, unit, assessor, score, of="scores"))]
    out = [
        (str(name), matrix(part, unit, assessor, score, of="scores"))
        for name, part in scores.groupby(item, sort=True)
    ]
    long = scores.assign(_v=numbers(scores, score))
    cells = long.groupby([unit, assessor])["_v"].agg(["sum", "count"])
    whole = cells["count"] == len(out)
    totals = cells["sum"].where(whole).unstack(assessor)
    return [*out, ("total", totals)]


def _bootstrap(
    table: pd.DataFrame,
    rng: np.random.Generator,
    draws: int,
    level: float,
    scale: Literal["interval", "ordinal", "nominal"],
) -> tuple[float, float]:
    n = len(table)
    values = [
        float(krippendorff_alpha(table.iloc[rng.integers(0, n, n)], metric=scale)["value"].iloc[0])
        for _ in range(draws)
    ]
    kept = np.asarray(values)[np.isfinite(values)]
    if len(kept) < draws / 2:
        return (np.nan, np.nan)
    low, high = np.quantile(kept, [(1 - level) / 2, (1 + level) / 2])
    return (float(low), float(high))


def pair_differences(
    scores: pd.DataFrame,
    *,
    unit: str = "community",
    assessor: str = "assessor",
    score: str = "score",
    item: str | None = None,
    flag_points: float = 15.0,
) -> pd.DataFrame:
    """Give the difference of every pair of assessors (or teams) on every unit they both scored.

    Parameters
    ----------
    scores : DataFrame
        One row per mark (or one total); see :func:`agreement`.
    item : str, optional
        Column of items: rows per item, and totals over the items that both marked.
    flag_points : float
        A difference of totals of at least this many points is flagged (R-31: 15).

    Returns
    -------
    DataFrame
        One row per unit, pair (and item; totals have ``item`` ``total``): ``assessor_a``,
        ``assessor_b``, ``value`` (a − b, points), ``n`` (items compared), ``flags``
        (``difference_15`` on totals), ``verdict`` (failed where flagged, else passed), ``method``.

    Notes
    -----
    The pair is ordered by name, so that swapping two assessors changes the sign and nothing else.

    References
    ----------
    Rule R-31, doc 002 §2.1: two teams may differ by 15 points and more on the same compound.
    """
    need(scores, (unit, assessor, score, *([item] if item else [])), of="scores")
    if not flag_points > 0:
        raise refuse("flag-points", "标记界限应大于 0", "flag_points must be above 0")
    index = [unit, item] if item else [unit]
    long = scores.assign(_v=numbers(scores, score))
    twice = long.duplicated([*index, assessor], keep=False)
    if bool(twice.any()):
        raise refuse("mark-twice", "同一评分人重复评分", "an assessor marked one thing twice")
    wide = long.pivot(index=index, columns=assessor, values="_v")
    frames = []
    for a, b in combinations(sorted(wide.columns, key=str), 2):
        d = (wide[a] - wide[b]).dropna()
        if d.empty:
            continue
        named = {"assessor_a": str(a), "assessor_b": str(b)}
        total = d.groupby(level=0).agg(["sum", "count"])
        if item:
            each = d.reset_index(name="value").rename(columns={item: "item"})
            frames.append(each.assign(**named, n=1))
        frames.append(
            pd.DataFrame({unit: total.index, "item": "total" if item else "",
                          "value": total["sum"].to_numpy(), "n": total["count"].to_numpy()})
            .assign(**named, _total=True)
        )  # fmt: skip
    columns = [unit, "item", "assessor_a", "assessor_b", "value", "n"]
    if not frames:
        return pd.DataFrame(columns=[*columns, "unit", "flags", "verdict", "method"])
    out = pd.concat(frames, ignore_index=True)
    far = out["_total"].eq(True).to_numpy() & (out["value"].abs() >= flag_points - 1e-9).to_numpy()
    out = out[columns].assign(
        unit="points",
        flags=np.where(far, f"difference_{flag_points:g}", ""),
        verdict=np.where(far, "failed", "passed"),
        method="scoring.pair_differences",
    )
    return out.sort_values([unit, "item", "assessor_a", "assessor_b"]).reset_index(drop=True)


def severity(
    scores: pd.DataFrame,
    *,
    unit: str = "community",
    assessor: str = "assessor",
    score: str = "score",
    level: float = 0.95,
) -> pd.DataFrame:
    """Estimate who is lenient or severe, and the units' means with that taken out.

    Parameters
    ----------
    scores : DataFrame
        One row per mark; not everybody needs to score everything, but all must be linked by units
        with common assessors.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        ``statistic`` ``assessor_effect`` (per assessor; positive = lenient; they sum to zero),
        ``raw_mean`` and ``adjusted_mean`` (per unit, with ``rank`` before and after, 1 = best),
        ``residual_sd``, ``f_test`` (of all assessor effects), ``rank_shift`` (mean absolute change
        of rank): ``item`` (unit or assessor), ``value``, ``std_error``, ``ci_low``, ``ci_high``,
        ``df``, ``p_value``, ``n``, ``rank``, ``status``, ``reason_zh``, ``reason_en``, ``method``.

    Raises
    ------
    InputError
        Two marks in one cell, or groups of units and assessors that are not linked.

    Notes
    -----
    Least squares of ``score = unit + assessor + error``, assessor effects summing to zero. Not when
    assessors chose, or were sent to, units for a reason that has to do with the score.

    References
    ----------
    Searle (1971), Linear Models, ch. 7 (two-way crossed classification).
    """
    check_level(level)
    table = matrix(scores, unit, assessor, score, of="scores")
    table = table.loc[table.notna().any(axis=1), table.notna().any(axis=0)]
    x = table.to_numpy(dtype=float)
    if x.size == 0:
        raise refuse("empty", "没有评分", "there are no marks")
    rows, cols = np.nonzero(~np.isnan(x))
    y = x[rows, cols]
    n, k = x.shape
    _check_linked(table, rows, cols)
    design = np.zeros((len(y), n + k - 1))
    design[np.arange(len(y)), rows] = 1
    for j in range(k - 1):
        design[:, n + j] = (cols == j).astype(float) - (cols == k - 1)
    inverse = np.linalg.pinv(design.T @ design)
    beta = inverse @ design.T @ y
    residual = y - design @ beta
    df = len(y) - np.linalg.matrix_rank(design)
    sigma2 = float(residual @ residual) / df if df > 0 else np.nan
    effects = np.append(beta[n:], -beta[n:].sum())
    lift = np.vstack([np.eye(k - 1), -np.ones((1, k - 1))]) if k > 1 else np.zeros((1, 0))
    block = inverse[n:, n:]
    with np.errstate(invalid="ignore"):
        effect_se = np.sqrt(np.diag(lift @ block @ lift.T) * sigma2)
        unit_se = np.sqrt(np.diag(inverse)[:n] * sigma2)
    raw = np.nanmean(x, axis=1)
    t = float(special.stdtrit(max(df, 1), 0.5 + level / 2))
    raw_rank = pd.Series(-raw).rank(method="min").to_numpy(dtype=np.float64)
    new_rank = pd.Series(-np.round(beta[:n], 10)).rank(method="min").to_numpy(dtype=np.float64)
    counts = (~np.isnan(x)).sum(axis=1), (~np.isnan(x)).sum(axis=0)
    out = [
        *_severity_rows("assessor_effect", table.columns, effects, effect_se, t, counts[1]),
        *_severity_rows("raw_mean", table.index, raw, None, t, counts[0], raw_rank),
        *_severity_rows("adjusted_mean", table.index, beta[:n], unit_se, t, counts[0], new_rank),
    ]
    within = y - raw[rows]
    extra, spare = float(within @ within) - float(residual @ residual), len(y) - n - df
    f = extra / spare / sigma2 if spare > 0 and df > 0 and sigma2 > 0 else np.nan
    p = float(special.fdtrc(spare, df, f)) if np.isfinite(f) else np.nan
    shift = float(np.abs(raw_rank - new_rank).mean())
    for name, value, more in (
        ("residual_sd", float(np.sqrt(sigma2)), {}),
        ("f_test", f, {"p_value": p}),
        ("rank_shift", shift, {}),
    ):
        out.append({"statistic": name, "item": "", "value": value, "n": len(y), **more})
    frame = pd.DataFrame(out).assign(df=float(df), level=level, method="scoring.severity")
    lost = ~np.isfinite(frame["value"].to_numpy(dtype=float))
    return frame.assign(
        unit=np.where(frame["statistic"].eq("f_test"), "ratio", "points"),
        status=np.where(lost, "not_computed", "ok"),
        reason_zh=np.where(lost, "评分太少，无剩余自由度", ""),
        reason_en=np.where(lost, "too few marks: no degrees of freedom are left", ""),
    )


def _severity_rows(
    statistic: str,
    names: pd.Index,
    values: Floats,
    errors: Floats | None,
    t: float,
    counts: np.ndarray,
    ranks: np.ndarray | None = None,
) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for i, name in enumerate(names):
        row: dict[str, object] = {"statistic": statistic, "item": str(name),
                                  "value": float(values[i]), "n": int(counts[i])}  # fmt: skip
        if errors is not None:
            row |= {"std_error": float(errors[i]), "ci_low": float(values[i] - t * errors[i]),
                    "ci_high": float(values[i] + t * errors[i])}  # fmt: skip
        if ranks is not None:
            row["rank"] = float(ranks[i])
        rows.append(row)
    return rows


def _check_linked(table: pd.DataFrame, rows: np.ndarray, cols: np.ndarray) -> None:
    n, k = table.shape
    group = np.arange(n + k)
    changed = True
    while changed:
        before = group.copy()
        low = np.minimum(group[rows], group[n + cols])
        np.minimum.at(group, rows, low)
        np.minimum.at(group, n + cols, low)
        changed = bool((before != group).any())
    if len(np.unique(group)) > 1:
        apart = [str(c) for c in table.columns[group[n:] != group[n]]]
        raise refuse(
            "not-linked",
            f"评分人与单元分成互不相连的几组，宽严无法比较：{'、'.join(apart[:10])}",
            f"assessors and units fall into unlinked groups: {', '.join(apart[:10])}",
            remedy_zh="让各组至少共同评一个单元",
            remedy_en="let the groups score at least one unit together",
        )
