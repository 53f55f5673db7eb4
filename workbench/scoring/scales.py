"""From raw indicators to comparable ones: denominators, gaps, outliers, scales.

Tables are units × indicators, missing as NaN. ``directions`` maps an indicator to 1 (more is
better) or −1; a column with −1 is multiplied by −1 before a scale that is relative to the data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd

from workbench.scoring._frames import Bools, Floats, as_table, need, one_of, refuse

__all__ = [
    "denominate",
    "impute_group_mean",
    "log_shifted",
    "moments",
    "normalise",
    "treat_outliers",
]

Scale = Literal["minmax", "zscore", "goalposts", "distance_to_target", "percentile_rank", "borda"]


def moments(table: pd.DataFrame) -> pd.DataFrame:
    """Give skewness, kurtosis and the share of cells present of each indicator.

    Parameters
    ----------
    table : DataFrame
        Units × indicators; gaps are left out.

    Returns
    -------
    DataFrame
        One row per indicator: ``item``, ``n``, ``share_present`` (0–1), ``mean``, ``std`` (n − 1),
        ``min``, ``max``, ``skewness`` (G1), ``kurtosis`` (excess G2). Missing where there are too
        few values or no spread.

    Notes
    -----
    ``G1 = g1·sqrt(n(n−1))/(n−2)``, ``G2 = ((n+1)g2 + 6)(n−1)/((n−2)(n−3))``, as SAS and SPSS.

    References
    ----------
    Joanes & Gill (1998), The Statistician 47, 183-189.
    """
    x = as_table(table)
    rows = []
    for j, name in enumerate(table.columns):
        v = x[~np.isnan(x[:, j]), j]
        rows.append(
            {
                "item": str(name),
                "n": len(v),
                "share_present": len(v) / len(x),
                "mean": float(v.mean()) if len(v) else np.nan,
                "std": float(v.std(ddof=1)) if len(v) > 1 else np.nan,
                "min": float(v.min()) if len(v) else np.nan,
                "max": float(v.max()) if len(v) else np.nan,
                "skewness": _skewness(v),
                "kurtosis": _kurtosis(v),
            }
        )
    return pd.DataFrame(rows).assign(method="scoring.moments")


def _skewness(v: Floats) -> float:
    n = len(v)
    d = v - v.mean() if n else v
    m2 = float((d**2).mean()) if n else 0.0
    if n < 3 or m2 <= 0:
        return np.nan
    return float((d**3).mean() / m2**1.5 * np.sqrt(n * (n - 1)) / (n - 2))


def _kurtosis(v: Floats) -> float:
    n = len(v)
    d = v - v.mean() if n else v
    m2 = float((d**2).mean()) if n else 0.0
    if n < 4 or m2 <= 0:
        return np.nan
    g2 = float((d**4).mean()) / m2**2 - 3
    return float(((n + 1) * g2 + 6) * (n - 1) / ((n - 2) * (n - 3)))


def denominate(
    table: pd.DataFrame, denominators: pd.DataFrame, by: Mapping[str, str]
) -> pd.DataFrame:
    """Divide indicators by what makes them comparable (residents, households, area).

    Parameters
    ----------
    table : DataFrame
        Units × indicators.
    denominators : DataFrame
        Units × denominators, same index; zero or below is an error.
    by : mapping
        Indicator → denominator; indicators not named stay as they are.

    Returns
    -------
    DataFrame
    """
    need(table, by.keys(), of="table")
    need(denominators, set(by.values()), of="denominators")
    out = table.copy()
    for name, denominator in by.items():
        below = denominators[denominator].reindex(table.index)
        if bool((below <= 0).any()):
            raise refuse(
                "denominator",
                f"分母 {denominator} 有不大于零的值",
                f"the denominator {denominator} holds a value of zero or below",
                column=denominator,
            )
        out[name] = table[name] / below
    return out


def impute_group_mean(table: pd.DataFrame, groups: pd.Series) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fill gaps with the mean of the units of the same group that have a value.

    Parameters
    ----------
    table : DataFrame
        Units × indicators.
    groups : Series
        Group of each unit, same index.

    Returns
    -------
    (DataFrame, DataFrame)
        The filled table (a gap stays where the whole group is missing), and the mask of what was
        filled, to be marked in the report.

    Notes
    -----
    The mean of a group pretends that nothing is known about a unit: its uncertainty is not in the
    score. Not where more than a few cells are missing, and not for the units of interest.
    """
    filled = table.fillna(table.groupby(groups.reindex(table.index)).transform("mean"))
    return filled, table.isna() & filled.notna()


def log_shifted(column: pd.Series) -> pd.Series:
    """Take ``log(x − min + 0.01 (max − min))``, which draws in a long upper tail.

    References
    ----------
    OECD/JRC (2008), Handbook on Constructing Composite Indicators, §5; COINr ``log_CT``.
    """
    low, span = column.min(), column.max() - column.min()
    if not span > 0:
        raise refuse("no-spread", "该列没有差异", "the column has no spread")
    return pd.Series(np.log((column - low + 0.01 * span).to_numpy(dtype=float)), column.index)


def treat_outliers(
    table: pd.DataFrame,
    *,
    max_points: int = 5,
    skewness: float = 2.0,
    kurtosis: float = 3.5,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw in outliers: winsorise a few points, or take a shifted log where that is not enough.

    Parameters
    ----------
    table : DataFrame
        Units × indicators.
    max_points : int
        Most points changed before the log is taken (ties count one by one and may overshoot).
    skewness, kurtosis : float
        A column fails when |G1| and excess G2 are both above these.

    Returns
    -------
    (DataFrame, DataFrame)
        Treated table; and one row per indicator: ``item``, ``treatment`` (none, winsorised, log),
        ``points`` (winsorised), ``skewness``, ``kurtosis`` after it, ``passed``.

    Notes
    -----
    While a column fails and fewer than ``max_points`` points are changed, its largest value (all
    ties) is set to the next largest, or its smallest to the next smallest, on the side of the
    skew. Still failing, it starts again from the untreated column with :func:`log_shifted`.
    Outliers are looked at first: a true extreme is a finding and no nuisance.

    References
    ----------
    Becker et al. (2022), COINr, JOSS 7(78), 4567, default treatment.
    """
    if max_points < 0:
        raise refuse("max-points", "max_points 不能为负", "max_points must not be negative")
    out = table.astype(float).copy()
    rows = []
    for name in table.columns:
        column = out[name]
        values = column.to_numpy(dtype=float, copy=True)
        changed = np.zeros(len(values), dtype=bool)
        while _fails(values, skewness, kurtosis) and changed.sum() < max_points:
            changed |= _draw_in(values)
        done = int(changed.sum())
        treatment = "winsorised" if done else "none"
        if _fails(values, skewness, kurtosis):
            values, treatment = log_shifted(column).to_numpy(dtype=float), "log"
            done = 0
        out[name] = values
        kept = values[~np.isnan(values)]
        rows.append(
            {"item": str(name), "treatment": treatment, "points": done,
             "skewness": _skewness(kept), "kurtosis": _kurtosis(kept),
             "passed": not _fails(values, skewness, kurtosis)}
        )  # fmt: skip
    return out, pd.DataFrame(rows).assign(method="scoring.treat_outliers")


def _fails(values: Floats, skewness: float, kurtosis: float) -> bool:
    kept = values[~np.isnan(values)]
    return bool(abs(_skewness(kept)) > skewness and _kurtosis(kept) > kurtosis)


def _draw_in(values: Floats) -> Bools:
    """Set the extreme on the side of the skew to its neighbour; return what was changed."""
    kept = values[~np.isnan(values)]
    upper = _skewness(kept) >= 0
    extreme = kept.max() if upper else kept.min()
    rest = kept[kept != extreme]
    hit = values == extreme
    values[hit] = rest.max() if upper else rest.min()
    return np.asarray(hit)


def normalise(
    table: pd.DataFrame,
    scale: Scale = "minmax",
    *,
    directions: Mapping[str, int] | None = None,
    low: float = 0.0,
    high: float = 100.0,
    goalposts: pd.DataFrame | None = None,
    targets: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Bring indicators to one scale, more always better.

    Parameters
    ----------
    table : DataFrame
        Units × indicators; a gap stays a gap.
    scale : str
        ``minmax`` to [low, high]; ``zscore`` (n − 1); ``goalposts`` fixed by ``goalposts`` (columns
        ``low``, ``high`` per indicator), cut to [low, high]; ``distance_to_target``, cut at 1 from
        above; ``percentile_rank`` ``(rank − 1)/(n − 1)``; ``borda`` ``rank − 1`` (ties: lowest).
    directions : mapping
        Indicator → 1 or −1; missing ones are 1.
    low, high : float
        Ends of the scale for ``minmax`` and ``goalposts``.
    goalposts : DataFrame, targets : mapping
        Needed by the scales of their name.

    Returns
    -------
    DataFrame

    Raises
    ------
    InputError
        An unknown scale, a direction other than ±1, a column without spread, goalposts or a target
        missing or upside down.

    Notes
    -----
    Scales relative to the data (all but goalposts) move when any other unit does: a score on them
    is a place among these units and no level. Goalposts are the default for waves to compare.

    References
    ----------
    OECD/JRC (2008), Handbook on Constructing Composite Indicators, §5.
    """
    one_of(scale, ("minmax", "zscore", "goalposts", "distance_to_target", "percentile_rank",
                   "borda"), of="scale")  # fmt: skip
    x = as_table(table)
    sign = np.array([int((directions or {}).get(str(c), 1)) for c in table.columns])
    if not np.isin(sign, [-1, 1]).all():
        raise refuse("direction", "方向应为 1 或 −1", "a direction must be 1 or −1")
    if scale == "goalposts":
        out = _goalposts(table, x, sign, goalposts, low, high)
    elif scale == "distance_to_target":
        out = _to_target(table, x, sign, targets)
    else:
        v = pd.DataFrame(x * sign)
        spread = (v.max() - v.min()).to_numpy(dtype=float)
        if (spread <= 0).any() and scale in ("minmax", "zscore"):
            names = ", ".join(str(c) for c in table.columns[spread <= 0])
            raise refuse("no-spread", f"没有差异的列：{names}", f"columns without spread: {names}")
        if scale == "minmax":
            out = (low + (v - v.min()) / (v.max() - v.min()) * (high - low)).to_numpy()
        elif scale == "zscore":
            out = ((v - v.mean()) / v.std(ddof=1)).to_numpy()
        else:
            place = v.rank(method="min") - 1
            out = (place / (v.count() - 1) if scale == "percentile_rank" else place).to_numpy()
    return pd.DataFrame(out, index=table.index, columns=table.columns)


def _goalposts(
    table: pd.DataFrame,
    x: Floats,
    sign: np.ndarray,
    goalposts: pd.DataFrame | None,
    low: float,
    high: float,
) -> Floats:
    if goalposts is None:
        raise refuse("goalposts", "缺少门柱值", "goalposts are missing")
    need(goalposts, ("low", "high"), of="goalposts")
    posts = goalposts.reindex([str(c) for c in table.columns])
    a, b = posts["low"].to_numpy(dtype=float), posts["high"].to_numpy(dtype=float)
    if not (a < b).all():
        names = ", ".join(str(c) for c in table.columns[~(a < b)])
        zh, en = f"门柱值缺失或颠倒：{names}", f"goalposts missing or upside down: {names}"
        raise refuse("goalposts", zh, en, expected="low < high")
    share = np.where(sign > 0, (x - a) / (b - a), (x - b) / (a - b))
    return np.asarray(low + np.clip(share, 0, 1) * (high - low))


def _to_target(
    table: pd.DataFrame, x: Floats, sign: np.ndarray, targets: Mapping[str, float] | None
) -> Floats:
    t = np.array([float((targets or {}).get(str(c), np.nan)) for c in table.columns])
    lowest, highest = np.nanmin(x, axis=0), np.nanmax(x, axis=0)
    span = np.where(sign > 0, t - lowest, highest - t)
    if not (span > 0).all():
        names = ", ".join(str(c) for c in table.columns[~(span > 0)])
        raise refuse("target", f"目标缺失或全部单元已达标：{names}",
                     f"target missing, or met by all units: {names}")  # fmt: skip
    return np.asarray(np.minimum(np.where(sign > 0, x - lowest, highest - x) / span, 1.0))
