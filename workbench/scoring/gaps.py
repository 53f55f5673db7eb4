"""Gaps between communities and between kinds, and whether supply meets demand."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import special

from workbench.scoring._frames import Floats, check_level, need, numbers, refuse
from workbench.survey.rows import from_rows

__all__ = ["inequality", "kind_gap", "supply_demand"]


def inequality(
    data: pd.DataFrame, *, value: str = "value", kind: str | None = None, epsilon: float = 0.5
) -> pd.DataFrame:
    """Measure how unequal units are, and how much of it lies between kinds.

    Parameters
    ----------
    data : DataFrame
        One row per unit: ``value`` ≥ 0 with a mean above 0 (> 0 for Theil and Atkinson), ``kind``.
    epsilon : float
        Atkinson's aversion to inequality, > 0 and not 1.

    Returns
    -------
    DataFrame
        Rows ``gini``, ``gini_corrected`` (n/(n − 1)), ``theil``, ``atkinson``, ``cv`` (n − 1), with
        a kind also ``theil_between``, ``theil_within``, ``theil_between_share``; ``value``, ``n``.

    References
    ----------
    Cowell (2011), Measuring Inequality, 3rd ed., app. A; Shorrocks (1980), Econometrica 48.
    """
    need(data, (value, *([kind] if kind else [])), of="data")
    x = numbers(data, value)
    known = ~np.isnan(x)
    x = x[known]
    if len(x) < 2 or (x < 0).any() or not x.mean() > 0:
        raise refuse("not-positive", "应有至少两个非负值，且均值大于零",
                     "at least two values ≥ 0 with a mean above 0 are needed")  # fmt: skip
    if not (epsilon > 0 and epsilon != 1):
        raise refuse("epsilon", "epsilon 应大于 0 且不为 1", "epsilon must be > 0 and not 1")
    n, mean = len(x), float(x.mean())
    ordered = np.sort(x)
    gini = float(2 * (np.arange(1, n + 1) * ordered).sum() / (n * x.sum()) - (n + 1) / n)
    positive = bool((x > 0).all())
    atkinson = 1 - float((x ** (1 - epsilon)).mean()) ** (1 / (1 - epsilon)) / mean
    rows = {
        "gini": gini,
        "gini_corrected": gini * n / (n - 1),
        "theil": _theil(x) if positive else np.nan,
        "atkinson": atkinson if positive or epsilon < 1 else np.nan,
        "cv": float(x.std(ddof=1)) / mean,
    }
    if kind is not None:
        groups = [x[data[kind].to_numpy()[known] == k] for k in data.loc[known, kind].unique()]
        between = sum(len(g) / n * g.mean() / mean * np.log(g.mean() / mean) for g in groups)
        within = sum(len(g) / n * g.mean() / mean * _theil(g) for g in groups)
        rows |= {"theil_between": float(between), "theil_within": float(within),
                 "theil_between_share": float(between / (between + within))}  # fmt: skip
    out = pd.DataFrame([{"statistic": k, "value": v, "n": n} for k, v in rows.items()])
    lost = out["value"].isna()
    return out.assign(
        status=np.where(lost, "not_computed", "ok"),
        reason_zh=np.where(lost, "有零值，该指标无定义", ""),
        reason_en=np.where(lost, "undefined with zeros", ""),
        method="scoring.inequality",
    )


def _theil(x: Floats) -> float:
    share = x / x.mean()
    return float((share * np.log(share)).mean())


def kind_gap(
    data: pd.DataFrame,
    *,
    value: str = "value",
    kind: str = "kind",
    lower: str = "old",
    upper: str = "new",
    limit: float = 0.20,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare two kinds of units: difference, ratio, and the gap against a limit.

    Parameters
    ----------
    data : DataFrame
        One row per unit: ``value`` (> 0 on average), ``kind``.
    lower, upper : str
        The two kinds, such as old and new compounds.
    limit : float
        Largest gap that meets the target (C-46: 20 %).
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        Rows ``difference`` (upper − lower, Welch), ``ratio`` (lower/upper, log delta method),
        ``gap`` (1 − worse mean/better mean, limits from the ratio; ``target``, ``verdict`` in three
        outcomes): ``value``, ``ci_low``, ``ci_high``, ``df``, ``n``.

    Notes
    -----
    Units count as drawn from many of their kind. Where they are all there are, the difference is a
    fact and the interval says how far chance alone could make it.

    References
    ----------
    Welch (1947), Biometrika 34, 28-35; capability C-46, doc 001 §6.3.
    """
    check_level(level)
    need(data, (value, kind), of="data")
    x = numbers(data, value)
    names = data[kind].to_numpy()
    a, b = (x[(names == k) & ~np.isnan(x)] for k in (lower, upper))
    if min(len(a), len(b)) < 2 or not (a.mean() > 0 and b.mean() > 0):
        raise refuse("too-few", "每类至少需要两个单元，且均值大于零",
                     "each kind needs two units and a mean above 0")  # fmt: skip
    va, vb = float(a.var(ddof=1)) / len(a), float(b.var(ddof=1)) / len(b)
    difference = float(b.mean() - a.mean())
    df = (va + vb) ** 2 / (va**2 / (len(a) - 1) + vb**2 / (len(b) - 1)) if va + vb > 0 else np.inf
    t = float(special.stdtrit(df, 0.5 + level / 2)) if np.isfinite(df) else 0.0
    half = t * np.sqrt(va + vb)
    ratio = float(a.mean() / b.mean())
    z = float(special.ndtri(0.5 + level / 2))
    spread = z * np.sqrt(va / a.mean() ** 2 + vb / b.mean() ** 2)
    low, high = ratio * np.exp(-spread), ratio * np.exp(spread)
    gap = 1 - min(ratio, 1 / ratio)
    ends = (1 - min(low, 1 / low), 1 - min(high, 1 / high))
    gap_low = 0.0 if low <= 1 <= high else min(ends)
    gap_high = max(ends)
    verdict = "met" if gap_high <= limit else "not_met" if gap_low > limit else "cannot_tell"
    n = len(a) + len(b)
    rows = [
        {"statistic": "difference", "value": difference, "ci_low": difference - half,
         "ci_high": difference + half, "df": df, "n": n},
        {"statistic": "ratio", "value": ratio, "ci_low": low, "ci_high": high, "n": n},
        {"statistic": "gap", "value": gap, "ci_low": gap_low, "ci_high": gap_high, "n": n,
         "target": limit, "verdict": verdict, "unit": "share"},
    ]  # fmt: skip
    return from_rows(rows).assign(level=level, method="scoring.kind_gap")


def supply_demand(
    data: pd.DataFrame,
    *,
    unit: str = "community",
    demand: str = "demand",
    supply: str = "supply",
    least: float = 0.8,
) -> pd.DataFrame:
    """Match supply with demand over units: parking spaces and cars, beds and the elderly.

    Parameters
    ----------
    data : DataFrame
        One row per unit: ``demand`` > 0, ``supply`` ≥ 0.
    least : float
        Ratio of supply to demand below which a unit counts as short.

    Returns
    -------
    DataFrame
        Rows ``mean_ratio``, ``short`` (units below ``least``), ``dissimilarity`` (0–1),
        ``unmet_share`` (demand without supply), and per unit ``ratio`` and ``location_quotient``
        (``item``); ``value``, ``n``.

    References
    ----------
    Duncan & Duncan (1955), Am. Sociol. Rev. 20, 210-217.
    """
    need(data, (unit, demand, supply), of="data")
    d, s = numbers(data, demand), numbers(data, supply)
    if not ((d > 0) & (s >= 0)).all() or not s.sum() > 0:
        raise refuse("not-positive", "需求应大于零，供给应非负",
                     "demand must be above 0 and supply not negative")  # fmt: skip
    ratio = s / d
    overall = s.sum() / d.sum()
    rows: list[dict[str, object]] = [
        {"statistic": "mean_ratio", "value": float(ratio.mean())},
        {"statistic": "short", "value": float((ratio < least).sum())},
        {"statistic": "dissimilarity", "value": float(np.abs(d / d.sum() - s / s.sum()).sum() / 2)},
        {"statistic": "unmet_share", "value": float(np.maximum(d - s, 0).sum() / d.sum())},
    ]
    for name, r in zip(data[unit].astype(str), ratio, strict=True):
        rows.append({"item": name, "statistic": "ratio", "value": float(r)})
        rows.append({"item": name, "statistic": "location_quotient", "value": float(r / overall)})
    out = pd.DataFrame(rows).assign(n=len(data), method="scoring.supply_demand")
    return out.assign(item=out["item"].fillna(""))
