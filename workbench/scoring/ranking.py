"""Ranks that say how sure they are: intervals, sets that cannot be told apart, tiers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from workbench.scoring._frames import Bools, Floats, check_level, need, numbers, one_of, refuse
from workbench.scoring._ranksets import marginal_sets, simultaneous_critical, surely_above

__all__ = ["Ties", "best_set", "marginal_rank_sets", "rank_of", "ranks", "simulated_ranks"]

Ties = Literal["min", "max", "average", "dense"]


def rank_of(
    values: Floats | pd.Series, *, ties: Ties = "min", decimals: int | None = None
) -> Floats:
    """Rank values, 1 = highest; missing stay missing.

    Parameters
    ----------
    values : array of float
        Higher is better.
    ties : {"min", "max", "average", "dense"}
        What equal values get; ``min`` is the usual sports rule.
    decimals : int, optional
        Round first, so that what is printed equal ranks equal (tie rule of R-40).

    Returns
    -------
    array of float
    """
    one_of(ties, ("min", "max", "average", "dense"), of="ties")
    v = np.asarray(values, dtype=float)
    if decimals is not None:
        v = np.round(v, decimals)
    return np.asarray(pd.Series(-v).rank(method=ties), dtype=float)


def ranks(
    scores: pd.DataFrame,
    *,
    rng: np.random.Generator,
    unit: str = "community",
    score: str = "value",
    std_error: str = "std_error",
    level: float = 0.95,
    draws: int = 4000,
    ties: Ties = "min",
    decimals: int | None = None,
    kind: str | None = None,
    top: int = 1,
) -> pd.DataFrame:
    """Rank units by score, with intervals, confidence sets and tiers.

    Parameters
    ----------
    scores : DataFrame
        One row per unit: ``unit``, ``score`` (higher is better), ``std_error`` (missing: error not
        known; 0: exact) and ``kind`` (column of the kind of unit). A missing score is not ranked.
    rng : numpy Generator
        For the simulated intervals and the critical value.
    level : float
        Confidence level of intervals and sets.
    draws : int
        Simulated rankings and draws of the critical value.
    ties, decimals
        Tie rule, see :func:`rank_of`; has no default in the source (R-40).
    kind : str, optional
        Column of kinds; the percentile is then among units of the same kind.
    top : int
        ``p_top`` is the probability of being among the best ``top``.

    Returns
    -------
    DataFrame
        In the order of ``scores``: ``unit``, ``value``, ``std_error``, ``rank``; ``rank_low``,
        ``rank_high`` (interval of each rank, simulated), ``rank_mean``, ``rank_median``,
        ``p_first``, ``p_top``; ``set_low``, ``set_high`` (ranks that cannot be excluded, right for
        all units at once); ``tier`` (1 = best: a unit opens a new tier when it lies significantly
        below the first of the tier above), ``n`` (units ranked), ``percentile_in_kind`` (share of
        the others of its kind with a lower score, ties half), ``status``, ``flags``,
        ``reason_zh``, ``reason_en``, ``method``.

    Raises
    ------
    InputError
        Duplicated units, a negative standard error.

    Notes
    -----
    Simulated: ``score* ~ N(score, se²)`` independently, ranked anew each time. That interval leans
    towards the middle for extreme units and does not cover ranks in the repeated-sampling sense;
    the set does: pairs are told apart by ``|x_i − x_j| > c·sqrt(se_i² + se_j²)``, ``c`` the
    quantile of the largest such ratio, stepped down; the set runs from 1 + (units surely above) to
    n − (units surely below). Errors are taken as independent between units: assessors shared by
    several communities break that, and make the sets too wide for pairs they share.

    References
    ----------
    Goldstein & Spiegelhalter (1996), JRSS A 159, 385-443; Mogstad, Romano, Shaikh & Wilhelm (2024),
    Rev. Econ. Stud. 91, 476-518, §3. Rule R-40.

    Examples
    --------
    >>> scores = pd.DataFrame({"community": list("abc"), "value": [90.0, 80.0, 79.0],
    ...                        "std_error": [1.0, 1.0, 1.0]})
    >>> table = ranks(scores, rng=np.random.default_rng(1))
    >>> table["rank"].astype(int).tolist(), table["set_high"].astype(int).tolist()
    ([1, 2, 3], [1, 3, 3])
    """
    check_level(level)
    need(scores, (unit, score), of="scores")
    if bool(scores[unit].duplicated().any()):
        raise refuse("duplicate-row", "同一单元出现多次", "a unit occurs more than once")
    x, se = numbers(scores, score), numbers(scores, std_error)
    if np.nanmin(se, initial=0.0) < 0:
        raise refuse("std-error", "标准误为负", "a standard error is negative")
    ranked = ~np.isnan(x)
    known = ranked & ~np.isnan(se)
    n = int(ranked.sum())
    given = x
    if decimals is not None:  # what is printed alike is alike, for ranks, sets and tiers
        x = np.round(x, decimals)
    out = pd.DataFrame(
        {
            unit: scores[unit].to_numpy(),
            "value": given,
            "std_error": se,
            "rank": rank_of(x, ties=ties),
            "n": n,
        }
    )
    columns = ("rank_low", "rank_high", "rank_mean", "rank_median", "p_first", "p_top", "set_low",
               "set_high", "tier")  # fmt: skip
    for column in columns:
        out[column] = np.nan
    blind = ranked & ~known
    if known.any():
        where = np.flatnonzero(known)
        drawn = simulated_ranks(x[where], se[where], rng=rng, draws=draws, level=level, top=top)
        for column in drawn.columns:
            out.loc[where, column] = drawn[column].to_numpy()
        order = np.argsort(-x[where], kind="stable")
        above, below, c = simultaneous_critical(x[where], se[where], rng, level, draws)
        out.loc[where, "set_low"] = above + 1
        # a unit without an error could stand anywhere: it widens the sets of all others
        out.loc[where, "set_high"] = n - below
        out.loc[where, "tier"] = _tiers(x[where], se[where], c, order)
    out["percentile_in_kind"] = _percentile(x, scores[kind] if kind is not None else None)
    out["status"] = np.select([~ranked, blind], ["not_computed", "low_precision"], "ok")
    out["flags"] = np.select([~ranked, blind], ["not_ranked", "error_unknown"], "")
    out["reason_zh"] = np.select([~ranked, blind], ["没有得分，不参加排名",
                                                    "误差未知，名次没有区间"], "")  # fmt: skip
    out["reason_en"] = np.select(
        [~ranked, blind],
        ["no score: not ranked", "the error is not known: the rank has no interval"],
        "",
    )
    return out.assign(level=level, ties=ties, method="scoring.ranks")


def simulated_ranks(
    values: Floats,
    std_errors: Floats,
    *,
    rng: np.random.Generator,
    draws: int = 4000,
    level: float = 0.95,
    top: int = 1,
) -> pd.DataFrame:
    """Simulate rankings from independent normal estimates.

    Parameters
    ----------
    values, std_errors : array of float
        Estimates and their errors, none missing; higher is better.
    rng : numpy Generator
    draws : int
    level : float
        ``rank_low`` and ``rank_high`` are the quantiles (1 ∓ level)/2 of the simulated ranks
        (inverse of their empirical distribution).
    top : int

    Returns
    -------
    DataFrame
        ``rank_low``, ``rank_high``, ``rank_mean``, ``rank_median``, ``p_first``, ``p_top``.

    References
    ----------
    Goldstein & Spiegelhalter (1996), JRSS A 159, 385-443, §3.
    """
    x, se = np.asarray(values, dtype=float), np.asarray(std_errors, dtype=float)
    n = len(x)
    counts = np.zeros((n, n), dtype=np.int64)
    drawn = np.empty((0, n))
    # few units: counts of every rank; many: the draws themselves, in four bytes
    store = np.empty((draws, n), dtype=np.int32) if n > 1000 else None
    done, block = 0, max(1, int(2e6 / n))
    place = np.arange(n)
    while done < draws:
        size = min(block, draws - done)
        drawn = x + se * rng.standard_normal((size, n))
        order = np.argsort(-drawn, axis=1, kind="stable")
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.broadcast_to(place, order.shape), axis=1)
        if store is None:
            flat = (rank + place * n).ravel()
            counts += np.bincount(flat, minlength=n * n).reshape(n, n)
        else:
            store[done : done + size] = rank
        done += size
    tail = (1 - level) / 2
    points = (tail, 0.5, 1 - tail)
    if store is None:
        cumulated = np.cumsum(counts, axis=1)
        low, mid, high = (
            (cumulated < np.ceil(p * draws - 1e-9)[()]).sum(axis=1) + 1 for p in points
        )
        mean = counts @ (place + 1) / draws
        first, best = counts[:, 0] / draws, counts[:, :top].sum(axis=1) / draws
    else:
        low, mid, high = np.quantile(store, points, axis=0, method="inverted_cdf") + 1
        mean = store.mean(axis=0) + 1
        first, best = (store == 0).mean(axis=0), (store < top).mean(axis=0)
    return pd.DataFrame(
        {"rank_low": low, "rank_high": high, "rank_mean": mean, "rank_median": mid,
         "p_first": first, "p_top": best}, dtype=float
    )  # fmt: skip


def marginal_rank_sets(
    scores: pd.DataFrame,
    *,
    rng: np.random.Generator,
    units: Sequence[object] | None = None,
    unit: str = "community",
    score: str = "value",
    std_error: str = "std_error",
    level: float = 0.95,
    draws: int = 4000,
) -> pd.DataFrame:
    """Give the set of ranks of one unit at a time: narrower, and right for that unit alone.

    Parameters
    ----------
    scores, rng, unit, score, std_error, level, draws
        As for :func:`ranks`; no value may be missing.
    units : sequence, optional
        Units to look at; all if not given (slow for thousands).

    Returns
    -------
    DataFrame
        ``unit``, ``rank``, ``set_low``, ``set_high``, ``n``.

    Notes
    -----
    For the question of one community about its own place. Whoever picks the best-looking of many
    needs the simultaneous sets of :func:`ranks`.

    References
    ----------
    Mogstad, Romano, Shaikh & Wilhelm (2024), Rev. Econ. Stud. 91, 476-518, §3.1.
    """
    x, se = _whole(scores, unit, score, std_error, level)
    wanted = list(scores[unit]) if units is None else list(units)
    place = {u: i for i, u in enumerate(scores[unit])}
    absent = [str(u) for u in wanted if u not in place]
    if absent:
        raise refuse("unit", f"没有单元 {', '.join(absent)}", f"no unit {', '.join(absent)}")
    index = np.array([place[u] for u in wanted], dtype=np.int64)
    above, below = marginal_sets(x, se, index, rng, level, draws)
    return pd.DataFrame(
        {unit: wanted, "rank": rank_of(x)[index], "set_low": above + 1,
         "set_high": len(x) - below, "n": len(x), "level": level}
    ).assign(method="scoring.marginal_rank_sets")  # fmt: skip


def best_set(
    scores: pd.DataFrame,
    *,
    rng: np.random.Generator,
    count: int,
    worst: bool = False,
    unit: str = "community",
    score: str = "value",
    std_error: str = "std_error",
    level: float = 0.95,
    draws: int = 4000,
) -> pd.DataFrame:
    """Say which units may belong to the ``count`` best (or worst), together right at ``level``.

    Parameters
    ----------
    scores, rng, unit, score, std_error, level, draws
        As for :func:`ranks`; no value may be missing; up to some thousand units.
    count : int
        How many are looked for, such as the quota of an award.
    worst : bool
        Look at the other end.

    Returns
    -------
    DataFrame
        ``unit``, ``rank``, ``value`` (least rank from that end that cannot be excluded),
        ``verdict`` (met: may belong; not_met: surely not), ``n``.

    References
    ----------
    Mogstad, Romano, Shaikh & Wilhelm (2024), Rev. Econ. Stud. 91, 476-518, §3.4.
    """
    x, se = _whole(scores, unit, score, std_error, level)
    if not 1 <= count <= len(x):
        raise refuse("count", "count 应在 1 与单元数之间", "count must lie in 1 … units")
    above = surely_above(-x if worst else x, se, rng, level, draws)
    return pd.DataFrame(
        {unit: scores[unit].to_numpy(), "rank": rank_of(x), "value": above + 1.0,
         "verdict": np.where(above < count, "met", "not_met"), "n": len(x), "level": level}
    ).assign(method="scoring.best_set")  # fmt: skip


def _whole(
    scores: pd.DataFrame, unit: str, score: str, std_error: str, level: float
) -> tuple[Floats, Floats]:
    """Scores and errors where none may be missing."""
    check_level(level)
    need(scores, (unit, score, std_error), of="scores")
    x, se = numbers(scores, score), numbers(scores, std_error)
    if np.isnan(x).any() or np.isnan(se).any() or (se < 0).any():
        raise refuse("gaps", "得分与标准误不能缺失或为负", "scores and errors must be complete")
    if bool(scores[unit].duplicated().any()):
        raise refuse("duplicate-row", "同一单元出现多次", "a unit occurs more than once")
    return x, se


def _tiers(x: Floats, se: Floats, c: float, order: np.ndarray) -> Floats:
    tier = np.empty(len(x))
    head, number = order[0], 1
    for i in order:
        if x[head] - x[i] > c * np.hypot(se[head], se[i]):
            head, number = i, number + 1
        tier[i] = number
    return tier


def _percentile(x: Floats, kind: pd.Series | None) -> Floats:
    names = kind if kind is not None else pd.Series("", index=range(len(x)))
    frame = pd.DataFrame({"x": x, "k": names.to_numpy()})
    grouped = frame.groupby("k", dropna=False)["x"]
    others = grouped.transform("count") - 1
    lower = grouped.rank(method="average") - 1
    share = np.where(others > 0, lower / others.where(others > 0, 1), np.nan)
    known: Bools = ~np.isnan(x)
    return np.where(known, share, np.nan)
