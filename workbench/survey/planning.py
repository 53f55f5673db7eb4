"""Before field work: what a sample size can show, and samples drawn from a frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from workbench.survey import intervals
from workbench.survey._input import Ints, check_choice, check_columns, check_level, numbers, refuse


def precision(
    interviews: Sequence[int] = (30, 50, 100, 200),
    *,
    share: float = 0.7,
    deff: float = 1.5,
    psus: int | None = None,
    wave_correlation: float = 0.0,
    level: float = 0.95,
    power: float = 0.8,
) -> pd.DataFrame:
    """Tell what numbers of interviews can show about a share in one community.

    Parameters
    ----------
    interviews : numbers of interviews, > 0. share : expected share, 0-1.
    deff : design effect of clusters and weights, >= 1 in general, > 0.
    psus : primary units (buildings) in the community; sets the t quantile. ``None``: normal.
    wave_correlation : correlation of the two waves' estimates (shared buildings), -1 to 1.
    power : chance to find the smallest change that is named.

    Returns
    -------
    DataFrame, one row per number: ``interviews``, ``n_effective``, ``std_error``, ``ci_low``,
    ``ci_high`` (Wilson), ``half_width``, ``detectable_change`` (difference of two waves of the same
    size, two-sided test), ``unit`` (shares 0-1), ``method``.

    Notes
    -----
    ``n_eff = n / deff``; ``detectable = (t + z_power) sqrt(2 (1 - r) p (1 - p) / n_eff)``.

    References
    ----------
    Kish (1965), 8.2; Lemeshow et al. (1990), *Adequacy of Sample Size in Health Studies*, ch. 2.

    Examples
    --------
    >>> precision([100], deff=2.0)["n_effective"].tolist()
    [50.0]
    """
    check_level(level)
    check_level(power)
    n = np.asarray(list(interviews), dtype=float)
    if not (n > 0).all() or not deff > 0 or not 0 <= share <= 1 or not -1 <= wave_correlation <= 1:
        raise refuse(
            "survey.planning",
            "访问数、设计效应须为正，比例与相关须在范围内",
            "interviews and deff must be positive, share and correlation in range",
        )
    df = np.full(n.size, np.inf if psus is None else float(psus - 1))
    p = np.full(n.size, float(share))
    effective = n / deff
    se = np.sqrt(p * (1 - p) / effective)
    low, high = intervals.wilson(p, effective, df, level)
    t = intervals.t_quantile(level, df)
    change = (t + stats.norm.ppf(power)) * se * np.sqrt(2 * (1 - wave_correlation))
    return pd.DataFrame(
        {
            "interviews": n.astype(np.int64),
            "n_effective": effective,
            "std_error": se,
            "ci_low": low,
            "ci_high": high,
            "half_width": (high - low) / 2,
            "detectable_change": np.minimum(change, 1.0),
            "unit": "share",
            "method": "survey.planning.precision",
        }
    )


def sample_size(
    margin: float,
    *,
    share: float = 0.5,
    deff: float = 1.5,
    population: int | None = None,
    response_rate: float = 1.0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Interviews and cases needed for an interval of ``± margin``.

    Parameters
    ----------
    margin : half width, share, > 0. share, deff, level : as in :func:`precision`.
    population : adults in the community (finite population correction). response_rate : in (0, 1].

    Returns
    -------
    DataFrame, one row: ``interviews``, ``cases`` (to be sampled), ``method``.

    References
    ----------
    Cochran (1977), *Sampling Techniques*, eq. 4.1 and 4.2.

    Examples
    --------
    >>> sample_size(0.05, deff=1.0)["interviews"].tolist()
    [385]
    """
    check_level(level)
    if not margin > 0 or not deff > 0 or not 0 < response_rate <= 1:
        raise refuse(
            "survey.planning",
            "误差界与设计效应须为正，应答率须在 (0, 1]",
            "margin and deff must be positive, the response rate in (0, 1]",
        )
    z = float(stats.norm.ppf(0.5 + level / 2))
    n = z**2 * share * (1 - share) / margin**2
    if population is not None:
        n = n / (1 + (n - 1) / population)
    interviews = int(np.ceil(n * deff - 1e-9))
    if population is not None:
        interviews = min(interviews, population)
    cases = int(np.ceil(interviews / response_rate - 1e-9))
    return pd.DataFrame(
        {"interviews": [interviews], "cases": [cases], "method": ["survey.planning.size"]}
    )


def draw_sample(
    frame: pd.DataFrame,
    *,
    psus: int,
    reserve: int = 0,
    seed: int,
    within: Sequence[str] = ("community",),
    method: Literal["srs", "pps"] = "srs",
) -> pd.DataFrame:
    """Draw primary units in every stratum, with reserves in a fixed order.

    Parameters
    ----------
    frame : one row per unit: ``psu``, ``size`` (> 0) and the ``within`` columns.
    psus : units to take in each stratum (all, where it has fewer). reserve : units held in reserve.
    seed : makes the draw repeatable; it does not depend on the order of the rows.
    within : columns of the strata.
    method : ``srs`` (equal chances) or ``pps`` (systematic, chances proportional to size; units
        that are too large for it are taken with certainty).

    Returns
    -------
    DataFrame of the units drawn: the frame's columns, ``role`` (``sample`` or ``reserve``),
    ``order`` (1, 2, ... within stratum and role), ``probability``, ``base_weight`` (missing for
    reserves), ``seed``.

    Raises
    ------
    InputError
        A size is missing or not positive, a unit stands twice.

    References
    ----------
    Madow (1949), Annals of Mathematical Statistics 20, 333-354 (systematic sampling by size).
    """
    check_choice(method, ("srs", "pps"), "method")
    keys = list(within)
    check_columns(frame, ["psu", "size", *keys], "frame")
    if psus < 1 or reserve < 0:
        raise refuse("survey.planning", "抽取数至少为 1", "draw at least one unit")
    size = numbers(frame, "size")
    bad = np.flatnonzero(~(size > 0))
    if bad.size:
        raise refuse(
            "survey.frame-size",
            "规模缺失或不为正",
            "a size is missing or not positive",
            column="size",
            row=int(bad[0]) + 1,
        )
    twice = frame.duplicated([*keys, "psu"])
    if twice.any():
        raise refuse(
            "survey.frame-twice",
            "抽样框中同一单元出现两次",
            "a unit stands twice in the frame",
            column="psu",
            row=int(np.flatnonzero(twice.to_numpy())[0]) + 1,
        )
    parts = []
    ordered = frame.sort_values([*keys, "psu"], kind="stable").reset_index(drop=True)
    for number, (_, rows) in enumerate(ordered.groupby(keys, sort=True)):
        rng = np.random.default_rng([seed, number])
        order = rng.permutation(len(rows))
        n = min(psus, len(rows))
        if method == "srs":
            taken, chance = order[:n], np.full(len(rows), n / len(rows))
        else:
            taken, chance = _systematic(rows["size"].to_numpy(dtype=float), order, n, rng)
        rest = order[~np.isin(order, taken)][:reserve]
        picked = rows.iloc[np.concatenate([taken, rest])].copy()
        picked["role"] = ["sample"] * n + ["reserve"] * rest.size
        picked["order"] = [*range(1, n + 1), *range(1, rest.size + 1)]
        picked["probability"] = np.concatenate([chance[taken], np.full(rest.size, np.nan)])
        picked["base_weight"] = 1 / picked["probability"]
        parts.append(picked)
    out = pd.concat(parts, ignore_index=True)
    out["seed"] = seed
    return out


def _systematic(
    size: np.ndarray, order: Ints, n: int, rng: np.random.Generator
) -> tuple[Ints, np.ndarray]:
    """Units taken by systematic sampling in random order, and everybody's chances."""
    chance = np.zeros(size.size)
    sure = np.zeros(size.size, dtype=bool)
    while True:
        left = n - int(sure.sum())
        open_ = ~sure
        chance[sure] = 1.0
        if left == 0 or not open_.any():
            chance[open_] = 0.0
            break
        chance[open_] = left * size[open_] / size[open_].sum()
        big = open_ & (chance >= 1)
        if not big.any():
            break
        sure |= big
    certain = order[sure[order]]
    rest = order[~sure[order]]
    ends = np.cumsum(chance[rest])
    points = rng.random() + np.arange(n - certain.size)
    return np.concatenate([certain, rest[np.searchsorted(ends, points, side="right")]]), chance
