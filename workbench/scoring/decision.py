"""Methods of multi-criteria decision and of Chinese evaluation practice, for exploration.

None of these enters a signed report: the default there is published weights and a weighted mean.
Tables are alternatives × criteria without gaps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd

from workbench.scoring._frames import (
    Floats,
    as_table,
    critical,
    need,
    numbers,
    one_of,
    refuse,
    weights_of,
)
from workbench.scoring.ranking import rank_of
from workbench.scoring.scales import normalise

__all__ = ["fuzzy_evaluation", "grey_relation", "importance_performance", "rank_sum_ratio",
           "topsis"]  # fmt: skip


def _full(table: pd.DataFrame) -> Floats:
    x = as_table(table)
    if np.isnan(x).any():
        raise refuse("gaps", "该方法要求没有缺失", "this method needs a table without gaps")
    if len(x) < 2:
        raise refuse("too-few", "至少需要两个单元", "at least two units are needed")
    return x


def topsis(
    table: pd.DataFrame,
    weights: Mapping[str, float] | pd.Series | None = None,
    *,
    directions: Mapping[str, int] | None = None,
    scale: Literal["vector", "minmax"] = "vector",
) -> pd.DataFrame:
    """Measure closeness to the ideal alternative (TOPSIS).

    Parameters
    ----------
    table : DataFrame
        Alternatives × criteria, raw.
    weights : mapping, optional
        Criterion → weight; equal if not given.
    directions : mapping
        Criterion → 1 or −1.
    scale : {"vector", "minmax"}
        ``x/sqrt(Σx²)``, the ideal of a cost being its smallest value; or min-max after direction.

    Returns
    -------
    DataFrame
        ``item``, ``value`` (closeness 0–1), ``rank``.

    Notes
    -----
    ``d⁻/(d⁺ + d⁻)`` of weighted scaled values. The ideal is made of the alternatives at hand:
    leaving one out can turn the order of two others (rank reversal). Not for appraisals.

    References
    ----------
    Hwang & Yoon (1981), Multiple Attribute Decision Making, ch. 3.
    """
    one_of(scale, ("vector", "minmax"), of="scale")
    x = _full(table)
    w = weights_of(weights, [str(c) for c in table.columns])
    sign = np.array([int((directions or {}).get(str(c), 1)) for c in table.columns])
    if scale == "vector":
        v = w * x / np.sqrt((x**2).sum(axis=0))
    else:
        v = w * normalise(table, "minmax", directions=directions, high=1.0).to_numpy()
        sign = np.ones_like(sign)
    best = np.where(sign > 0, v.max(axis=0), v.min(axis=0))
    worst = np.where(sign > 0, v.min(axis=0), v.max(axis=0))
    up, down = (np.sqrt(((v - end) ** 2).sum(axis=1)) for end in (best, worst))
    with np.errstate(invalid="ignore"):
        return _ranked(table, down / (up + down), "scoring.topsis")


def _ranked(table: pd.DataFrame, value: Floats, method: str) -> pd.DataFrame:
    return pd.DataFrame(
        {"item": [str(i) for i in table.index], "value": value, "rank": rank_of(value)}
    ).assign(method=method)


def grey_relation(
    table: pd.DataFrame,
    weights: Mapping[str, float] | pd.Series | None = None,
    *,
    directions: Mapping[str, int] | None = None,
    rho: float = 0.5,
) -> pd.DataFrame:
    """Grey relational grade to the best value of every criterion.

    Parameters
    ----------
    table, weights, directions
        As for :func:`topsis`; values are scaled min-max after direction.
    rho : float
        Distinguishing coefficient, 0–1.

    Returns
    -------
    DataFrame
        ``item``, ``value`` (grade), ``rank``.

    Notes
    -----
    ``(Δ_min + ρ Δ_max)/(Δ + ρ Δ_max)``, averaged with the weights. ρ is a free choice that moves
    the grades; report it. Not for appraisals.

    References
    ----------
    Deng (1982), Syst. Control Lett. 1, 288-294.
    """
    if not 0 < rho <= 1:
        raise refuse("rho", "分辨系数应在 0–1", "rho must lie in 0–1")
    _full(table)
    w = weights_of(weights, [str(c) for c in table.columns])
    delta = 1 - normalise(table, "minmax", directions=directions, high=1.0).to_numpy()
    top = delta.max()
    grade = (delta.min() + rho * top) / (delta + rho * top) @ w
    return _ranked(table, grade, "scoring.grey_relation")


def rank_sum_ratio(
    table: pd.DataFrame,
    weights: Mapping[str, float] | pd.Series | None = None,
    *,
    directions: Mapping[str, int] | None = None,
) -> pd.DataFrame:
    """Rank-sum ratio (秩和比): mean rank over criteria as a share of the number of units.

    Parameters
    ----------
    table, weights, directions
        As for :func:`topsis`.

    Returns
    -------
    DataFrame
        ``item``, ``value`` (RSR, up to 1 = best everywhere), ``rank``.

    Notes
    -----
    Average ranks, 1 = worst. Throws away all distances: two units a hair apart and two far apart
    look alike.

    References
    ----------
    Tian Fengdiao (1993), 秩和比法及其应用, 中国统计出版社.
    """
    x = _full(table)
    w = weights_of(weights, [str(c) for c in table.columns])
    sign = np.array([int((directions or {}).get(str(c), 1)) for c in table.columns])
    ranks = pd.DataFrame(x * sign).rank(method="average").to_numpy(dtype=float)
    return _ranked(table, ranks @ w / len(x), "scoring.rank_sum_ratio")


def fuzzy_evaluation(
    votes: pd.DataFrame,
    weights: Mapping[str, float] | pd.Series,
    *,
    operator: Literal["weighted", "min_max", "product_max", "min_bounded"] = "weighted",
    grades: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Fuzzy comprehensive evaluation (模糊综合评价): votes per grade, factors put together.

    Parameters
    ----------
    votes : DataFrame
        Factors × grades, votes ≥ 0; each row is divided by its sum.
    weights : mapping
        Factor → weight (scaled to sum 1).
    operator : str
        ``weighted`` M(·,+), ``min_max`` M(∧,∨), ``product_max`` M(·,∨), ``min_bounded`` M(∧,⊕).
    grades : mapping, optional
        Grade → score; gives the row ``score``.

    Returns
    -------
    DataFrame
        Rows ``membership`` (per grade, not renormalised), ``grade`` (``item`` holds the grade of
        the largest membership), ``score`` if grades are given.

    Notes
    -----
    All operators but ``weighted`` throw votes away; with many factors ``min_max`` sees only the
    weights. Votes are a sample: give shares with intervals as well.

    References
    ----------
    Wang Peizhuang (1983), 模糊集合论及其应用, ch. 4.
    """
    one_of(operator, ("weighted", "min_max", "product_max", "min_bounded"), of="operator")
    x = as_table(votes)
    if np.isnan(x).any() or (x < 0).any() or (x.sum(axis=1) <= 0).any():
        raise refuse("votes", "票数应完整、非负且每行不全为零", "votes must be ≥ 0, no row empty")
    r = x / x.sum(axis=1, keepdims=True)
    w = weights_of(weights, [str(i) for i in votes.index])[:, None]
    if operator == "weighted":
        b = (w * r).sum(axis=0)
    elif operator == "min_max":
        b = np.minimum(w, r).max(axis=0)
    elif operator == "product_max":
        b = (w * r).max(axis=0)
    else:
        b = np.minimum(np.minimum(w, r).sum(axis=0), 1.0)
    names = [str(c) for c in votes.columns]
    rows = [{"item": n, "statistic": "membership", "value": float(v)}
            for n, v in zip(names, b, strict=True)]  # fmt: skip
    rows.append({"item": names[int(np.argmax(b))], "statistic": "grade", "value": float(b.max())})
    if grades is not None:
        missing = [n for n in names if n not in grades]
        if missing:
            raise refuse("grades", f"等级没有分值：{', '.join(missing)}",
                         f"grades without a score: {', '.join(missing)}")  # fmt: skip
        score = float(sum(v * grades[n] for n, v in zip(names, b, strict=True)))
        rows.append({"item": "", "statistic": "score", "value": score})
    return pd.DataFrame(rows).assign(method="scoring.fuzzy_evaluation")


def importance_performance(
    answers: pd.DataFrame,
    items: pd.DataFrame,
    *,
    overall: str | None = None,
    scale: tuple[float, float] = (1.0, 5.0),
    level: float = 0.95,
) -> pd.DataFrame:
    """Importance–performance analysis: where to concentrate, from paired answers.

    Parameters
    ----------
    answers : DataFrame
        One row per respondent.
    items : DataFrame
        ``item``, ``satisfaction``, ``importance`` (names of the columns of ``answers``).
    overall : str, optional
        Column of overall satisfaction; gives the derived importance.
    scale : (float, float)
        Lowest and highest answer.
    level : float
        Confidence level of the mean difference.

    Returns
    -------
    DataFrame
        Per item rows ``satisfaction``, ``importance`` (means), ``difference`` (satisfaction −
        importance: ``value``, ``std_error``, ``ci_low``, ``ci_high``, ``statistic_t``, ``df``),
        ``derived_importance`` (correlation with overall), each with ``quadrant`` (keep up,
        concentrate here, low priority, possible overkill); then ``grand_satisfaction``,
        ``grand_importance``, ``weighted_index`` (0–100).

    Notes
    -----
    Cross at the grand means of item means; on the line counts as high. Quadrants are relative: one
    item always lies below a mean. An item near the cross may change its quadrant by chance; look
    at the intervals.

    References
    ----------
    Martilla & James (1977), J. Mark. 41(1), 77-79.
    """
    need(items, ("item", "satisfaction", "importance"), of="items")
    columns = [*items["satisfaction"], *items["importance"], *([overall] if overall else [])]
    need(answers, columns, of="answers")
    s = np.column_stack([numbers(answers, str(c)) for c in items["satisfaction"]])
    i = np.column_stack([numbers(answers, str(c)) for c in items["importance"]])
    s_mean, i_mean = np.nanmean(s, axis=0), np.nanmean(i, axis=0)
    s_grand, i_grand = float(s_mean.mean()), float(i_mean.mean())
    rows: list[dict[str, object]] = []
    for k, name in enumerate(items["item"].astype(str)):
        high = s_mean[k] >= s_grand
        quadrant = (
            ("keep up" if high else "concentrate here")
            if i_mean[k] >= i_grand
            else ("possible overkill" if high else "low priority")
        )
        common = {"item": name, "quadrant": quadrant}
        for text, value, n in (
            ("satisfaction", s_mean[k], s[:, k]),
            ("importance", i_mean[k], i[:, k]),
        ):
            rows.append({**common, "statistic": text, "value": float(value),
                         "n": int((~np.isnan(n)).sum())})  # fmt: skip
        d = s[:, k] - i[:, k]
        d = d[~np.isnan(d)]
        error = float(d.std(ddof=1) / np.sqrt(len(d))) if len(d) > 1 else np.nan
        half = float(critical(level, float(len(d) - 1))) * error
        t = float(d.mean()) / error if error > 0 else np.nan
        rows.append({**common, "statistic": "difference", "value": float(d.mean()), "n": len(d),
                     "std_error": error, "ci_low": float(d.mean()) - half, "statistic_t": t,
                     "ci_high": float(d.mean()) + half, "df": float(len(d) - 1)})  # fmt: skip
        if overall is not None:
            pair = pd.DataFrame({"s": s[:, k], "o": numbers(answers, overall)}).dropna()
            rows.append({**common, "statistic": "derived_importance", "n": len(pair),
                         "value": float(np.corrcoef(pair["s"], pair["o"])[0, 1])})  # fmt: skip
    low, high_end = scale
    index = 100 * float((i_mean * (s_mean - low) / (high_end - low)).sum() / i_mean.sum())
    for text, total in (("grand_satisfaction", s_grand), ("grand_importance", i_grand),
                        ("weighted_index", index)):  # fmt: skip
        rows.append({"item": "", "quadrant": "", "statistic": text, "value": total,
                     "n": len(answers)})  # fmt: skip
    return pd.DataFrame(rows).assign(method="scoring.importance_performance")
