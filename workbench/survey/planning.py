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
    deff: float | Sequence[float] = 1.5,
    psus: int | None = None,
    wave_correlation: float = 0.0,
    level: float = 0.95,
    power: float = 0.8,
) -> pd.DataFrame:
    """Tell what numbers of interviews can show about a share in one community.

    Parameters
    ----------
    interviews : numbers of interviews, > 0. share : expected share, 0-1.
    deff : design effect of clusters and weights, >= 1 in general, > 0; one for all numbers of
        interviews or one for each (:func:`expected_deff`).
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
    effect = np.broadcast_to(np.asarray(deff, dtype=float), n.shape)
    sound = (n > 0).all() and (effect > 0).all() and 0 <= share <= 1
    if not sound or not -1 <= wave_correlation <= 1:
        raise refuse(
            "survey.planning",
            "访问数、设计效应须为正，比例与相关须在范围内",
            "interviews and deff must be positive, share and correlation in range",
        )
    df = np.full(n.size, np.inf if psus is None else float(psus - 1))
    p = np.full(n.size, float(share))
    effective = n / effect
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


def expected_deff(
    interviews: Sequence[int], *, psus: int, rho: float = 0.05, weights: float = 1.3
) -> list[float]:
    """Design effect to expect from clusters and weights, for each number of interviews.

    Parameters
    ----------
    interviews : numbers of interviews in a community, > 0. psus : buildings drawn, > 0.
    rho : likeness of answers in one building (intraclass correlation), 0-1.
    weights : design effect of unequal weights (Kish), at least 1.

    Returns
    -------
    list of float, ``weights (1 + (m - 1) rho)`` with
    ``m = max(n / psus, 1)`` interviews a building.

    References
    ----------
    Kish (1987), Survey Methodology 13, 119-121; Gabler, Häder & Lahiri (1999), ibid. 25, 105-106.

    Examples
    --------
    >>> expected_deff([30, 100], psus=10)
    [1.43, 1.885]
    """
    if psus < 1 or not 0 <= rho <= 1 or weights < 1 or not all(n > 0 for n in interviews):
        raise refuse(
            "survey.planning",
            "楼栋数与访问数须为正，rho 在 0 与 1 之间，加权效应至少为 1",
            "buildings and interviews must be positive, rho within 0-1, weights at least 1",
        )
    return [round(weights * (1 + (max(n / psus, 1.0) - 1) * rho), 10) for n in interviews]


def undecided(
    interviews: Sequence[int],
    target: float,
    *,
    share: float = 0.75,
    spread: float = 0.1,
    deff: float | Sequence[float] = 1.5,
    psus: int | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Say what part of the communities an interval would leave undecided about a target.

    Parameters
    ----------
    interviews, deff, psus, level : as in :func:`precision`.
    target : share that must be reached, 0-1.
    share, spread : mean and standard deviation of the true shares of the communities, > 0.

    Returns
    -------
    DataFrame, one row per number: ``interviews``, ``undecided`` (expected part of the communities
    whose interval holds the target), ``met``, ``not_met`` (parts that are decided), ``unit``
    (shares 0-1), ``method``.

    Notes
    -----
    True shares are taken as normal, the error at the target: ``s = sqrt(p (1 - p) deff / n)``;
    ``undecided = Φ((T + t s - μ) / σ) - Φ((T - t s - μ) / σ)`` with ``σ² = spread² + s²``.

    Examples
    --------
    >>> undecided([50, 200], 0.7, deff=1.5)["undecided"].round(2).tolist()
    [0.74, 0.48]
    """
    check_level(level)
    n = np.asarray(list(interviews), dtype=float)
    effect = np.broadcast_to(np.asarray(deff, dtype=float), n.shape)
    sound = (n > 0).all() and (effect > 0).all() and 0 < target < 1 and 0 <= share <= 1
    if not sound or not spread > 0:
        raise refuse(
            "survey.planning",
            "访问数、设计效应与离散程度须为正，目标与比例须在 0 与 1 之间",
            "interviews, deff and spread must be positive, target and share within 0-1",
        )
    s = np.sqrt(target * (1 - target) * effect / n)
    t = intervals.t_quantile(level, np.full(n.size, np.inf if psus is None else float(psus - 1)))
    sigma = np.sqrt(spread**2 + s**2)
    below = stats.norm.cdf((target - t * s - share) / sigma)
    above = stats.norm.sf((target + t * s - share) / sigma)
    return pd.DataFrame(
        {
            "interviews": n.astype(np.int64),
            "undecided": 1 - below - above,
            "met": above,
            "not_met": below,
            "unit": "share",
            "method": "survey.planning.undecided",
        }
    )


def power_of_change(
    interviews: Sequence[int],
    change: float,
    *,
    share: float = 0.7,
    deff: float | Sequence[float] = 1.5,
    psus: int | None = None,
    wave_correlation: float = 0.0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Chance that a change of a given size between two waves is found.

    Parameters
    ----------
    interviews, share, deff, psus, wave_correlation, level : as in :func:`precision`.
    change : true difference of the two shares, not 0.

    Returns
    -------
    DataFrame, one row per number: ``interviews``, ``power`` (0-1), ``unit``, ``method``.

    Notes
    -----
    ``Φ(|change| / s - t)`` with ``s = sqrt(2 (1 - r) p (1 - p) deff / n)`` and the t quantile of
    the two-sided test; :func:`precision`'s smallest change has the power named there.

    Examples
    --------
    >>> power_of_change([100], 0.2, deff=1.0)["power"].round(2).tolist()
    [0.87]
    """
    told = precision(
        interviews,
        share=share,
        deff=deff,
        psus=psus,
        wave_correlation=wave_correlation,
        level=level,
    )
    if not change:
        raise refuse("survey.planning", "变化不能为 0", "the change must not be 0")
    s = told["std_error"].to_numpy() * np.sqrt(2 * (1 - wave_correlation))
    df = np.full(len(told), np.inf if psus is None else float(psus - 1))
    power = stats.norm.cdf(abs(change) / s - intervals.t_quantile(level, df))
    return pd.DataFrame(
        {
            "interviews": told["interviews"],
            "power": power,
            "unit": "share",
            "method": "survey.planning.power",
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
    households: int = 0,
    household_reserve: int = 0,
    seed: int,
    within: Sequence[str] = ("community",),
    method: Literal["srs", "pps"] = "srs",
) -> pd.DataFrame:
    """Draw primary units in every stratum, and households in them, with reserves in fixed order.

    Parameters
    ----------
    frame : one row per unit: ``psu``, ``size`` (> 0) and the ``within`` columns; or one row per
        ``ssu`` (household) of a unit, whose sizes are added up for the first stage.
    psus : units to take in each stratum (all, where it has fewer). reserve : units held in reserve.
    households : second stage: households to take in each unit drawn (all, where it has fewer);
        0 draws units only. Those listed as ``ssu``; where the frame lists none, numbers from 1 to
        ``size`` (rounded down) in the building's own order.
    household_reserve : households held in reserve in each unit.
    seed : makes the draw repeatable; it does not depend on the order of the rows.
    within : columns of the strata.
    method : ``srs`` (equal chances) or ``pps`` (systematic, chances proportional to size; units
        that are too large for it are taken with certainty). Households are drawn with equal
        chances.

    Returns
    -------
    DataFrame of the units drawn: ``within``, ``psu``, ``size`` and, where units are rows of the
    frame, its other columns; ``role`` (``sample`` or ``reserve``), ``order`` (1, 2, ... within
    stratum and role), ``probability``, ``base_weight`` (missing for reserves), ``seed``. With
    ``households`` one row per household: also ``ssu``, ``ssu_role``, ``ssu_order`` (within unit and
    role); ``probability`` is that of both stages, missing where unit or household is a reserve.

    Raises
    ------
    InputError
        A size is missing or not positive, a unit (or household) stands twice or has no name.

    References
    ----------
    Madow (1949), Annals of Mathematical Statistics 20, 333-354 (systematic sampling by size).
    Särndal, Swensson & Wretman (1992), 4.3 (two stages).

    Examples
    --------
    >>> frame = pd.DataFrame({"community": "C1", "psu": list("abcd"), "size": [40, 50, 30, 80]})
    >>> drawn = draw_sample(frame, psus=2, households=5, household_reserve=1, seed=1, method="pps")
    >>> drawn.groupby("ssu_role").size().to_dict(), drawn["base_weight"].dropna().unique().tolist()
    ({'reserve': 2, 'sample': 10}, [20.0])
    """
    check_choice(method, ("srs", "pps"), "method")
    keys = list(within)
    check_columns(frame, ["psu", "size", *keys], "frame")
    if psus < 1 or min(reserve, households, household_reserve) < 0:
        raise refuse("survey.planning", "抽取数至少为 1", "draw at least one unit")
    listed = "ssu" in frame and bool(frame["ssu"].notna().any())
    unit = [*keys, "psu"]
    _check_frame(frame, [*unit, "ssu"] if listed else unit)
    names = unit + (["ssu"] if listed else [])
    ordered = frame.sort_values(names, kind="stable").reset_index(drop=True)
    first = ordered
    if listed:
        first = ordered.groupby(unit, sort=True)[["size"]].sum().reset_index()
    parts = []
    for number, (_, rows) in enumerate(first.groupby(keys, sort=True)):
        rng = np.random.default_rng([seed, number])
        order = rng.permutation(len(rows))
        n = min(psus, len(rows))
        if method == "srs":
            taken, chance = order[:n], np.full(len(rows), n / len(rows))
        else:
            taken, chance = _systematic(rows["size"].to_numpy(dtype=float), order, n, rng)
        rest = order[~np.isin(order, taken)][:reserve]
        at = np.concatenate([taken, rest])
        picked = rows.iloc[at].copy()
        picked["role"] = ["sample"] * n + ["reserve"] * rest.size
        picked["order"] = [*range(1, n + 1), *range(1, rest.size + 1)]
        picked["probability"] = np.concatenate([chance[taken], np.full(rest.size, np.nan)])
        if households:
            seeds = [np.random.SeedSequence(seed, spawn_key=(number, int(i))) for i in at]
            picked = _second(
                picked, ordered if listed else None, unit, households, household_reserve, seeds
            )
        picked["base_weight"] = 1 / picked["probability"]
        parts.append(picked)
    out = pd.concat(parts, ignore_index=True)
    out["seed"] = seed
    return out


def _check_frame(frame: pd.DataFrame, names: list[str]) -> None:
    """Refuse units without a size or a name, and units that stand twice."""
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
    gone = np.flatnonzero(frame[names].isna().any(axis=1).to_numpy())
    if gone.size:
        raise refuse(
            "survey.frame-missing",
            "层或单元的编号缺失",
            "a stratum or a unit has no name",
            column=", ".join(names),
            row=int(gone[0]) + 1,
            remedy_zh="在抽样框中补全；否则这些单元永远抽不到",
            remedy_en="fill it in the frame, else these units could never be drawn",
        )
    twice = frame.duplicated(names)
    if twice.any():
        raise refuse(
            "survey.frame-twice",
            "抽样框中同一单元出现两次",
            "a unit stands twice in the frame",
            column=names[-1],
            row=int(np.flatnonzero(twice.to_numpy())[0]) + 1,
        )


def _second(
    picked: pd.DataFrame,
    listed: pd.DataFrame | None,
    unit: list[str],
    households: int,
    reserve: int,
    seeds: list[np.random.SeedSequence],
) -> pd.DataFrame:
    """Draw households with equal chances in each unit picked; a row of the unit for each."""
    known = {} if listed is None else dict(list(listed.groupby(unit, sort=False)["ssu"]))
    parts = []
    for place, own in enumerate(seeds):
        row = picked.iloc[[place]]
        if listed is None:
            names = np.arange(1, int(row["size"].iloc[0]) + 1).astype(object)
        else:
            names = known[tuple(row[unit].iloc[0])].to_numpy(dtype=object)
        order = np.random.default_rng(own).permutation(names.size)[: households + reserve]
        n = min(households, names.size)
        more = order.size - n
        chosen = row.loc[row.index.repeat(order.size)].copy()
        chosen["ssu"] = names[order]
        chosen["ssu_role"] = ["sample"] * n + ["reserve"] * more
        chosen["ssu_order"] = [*range(1, n + 1), *range(1, more + 1)]
        both = chosen["probability"] * (n / names.size if n else np.nan)
        chosen["probability"] = both.where(chosen["ssu_role"].eq("sample"))
        parts.append(chosen)
    return pd.concat(parts, ignore_index=True)


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
