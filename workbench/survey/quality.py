"""Signs of careless or invented answers; signs, compared between interviewers, never verdicts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from workbench.survey._input import (
    Floats,
    check_columns,
    labels,
    names,
    numbers,
    refuse,
)
from workbench.survey.contrasts import adjusted_p
from workbench.survey.rows import from_rows

BLOCK = 2048


def _answers(data: pd.DataFrame, items: Sequence[str]) -> Floats:
    check_columns(data, items, "items")
    return np.column_stack([numbers(data, item) for item in items])


def longest_run(x: Floats) -> Floats:
    """Longest run of identical answers in each row, missing answers skipped; shape (n,)."""
    n, k = x.shape
    best, run, last = np.zeros(n), np.zeros(n), np.full(n, np.nan)
    for j in range(k):
        here = ~np.isnan(x[:, j])
        same = here & (x[:, j] == last)
        run = np.where(same, run + 1, np.where(here, 1.0, run))
        last = np.where(here, x[:, j], last)
        best = np.maximum(best, run)
    return best


def one_hot(x: Floats, *, missing: bool = True) -> Floats:
    """One column of 0 and 1 for each answer of each item; a missing answer is one, or is none."""
    told = np.where(np.isnan(x), np.inf, x) if missing else x
    answers = [np.unique(told[~np.isnan(told[:, j]), j]) for j in range(x.shape[1])]
    blocks = [told[:, [j]] == of[None, :] for j, of in enumerate(answers)]
    return np.concatenate(blocks, axis=1).astype(np.float32)


def max_match(x: Floats) -> Floats:
    """Highest share of answers identical to those of another row; missing matches missing.

    Kuriakose & Robbins (2016), Statistical Journal of the IAOS 32, 283-291.
    """
    n, k = x.shape
    if n < 2:
        return np.full(n, np.nan)
    filled = np.where(np.isnan(x), np.inf, x)
    patterns, where, count = np.unique(filled, axis=0, return_inverse=True, return_counts=True)
    where = where.ravel()
    hot = one_hot(np.where(np.isinf(patterns), np.nan, patterns))
    best = np.zeros(len(patterns))
    for start in range(0, len(patterns), BLOCK):
        stop = min(start + BLOCK, len(patterns))
        same = hot[start:stop] @ hot.T
        same[np.arange(stop - start), np.arange(start, stop)] = -1
        best[start:stop] = same.max(axis=1)
    best = np.where(count > 1, k, best)
    out: Floats = best[where] / k
    return out


def data_quality(
    data: pd.DataFrame,
    items: Sequence[str],
    *,
    within: str | Sequence[str] | None = None,
    duration: str | None = None,
) -> pd.DataFrame:
    """Measures of careless answering for each interview.

    Parameters
    ----------
    data : one row per interview. items : numeric answers in the order asked, at least two.
    within : column or columns; matches and median durations are looked for within each (wave).
    duration : column of seconds, > 0, may be missing.

    Returns
    -------
    DataFrame, one row per interview in the order of the data: ``answered``, ``straightlined`` (all
    answers given are equal), ``longstring``, ``irv`` (standard deviation
    within the interview), ``max_match`` (share of items answered as in the most similar other
    interview), ``duration``, ``speed`` (duration over the median), ``speeding`` (under half the
    median).

    Notes
    -----
    A few short scales give high matches by chance: no fixed threshold means anything by itself;
    compare interviewers (:func:`interviewer_signs`).

    References
    ----------
    Curran (2016), J. Experimental Social Psychology 66, 4-19. Dunn et al. (2018), J. Business and
    Psychology 33, 105-121.
    """
    x = _answers(data, items)
    if x.shape[1] < 2:
        raise refuse("survey.one-item", "至少需要两个题目", "at least two items are needed")
    group = _codes(data, within)
    answered = (~np.isnan(x)).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = np.nansum(x, axis=1) / answered
        irv = np.sqrt(np.nansum((x - centre[:, None]) ** 2, axis=1) / (answered - 1))
    irv[answered < 2] = np.nan
    match = np.full(len(data), np.nan)
    for g in np.unique(group):
        at = np.flatnonzero(group == g)
        match[at] = max_match(x[at])
    out = pd.DataFrame(
        {
            "answered": answered,
            "straightlined": irv == 0,
            "longstring": longest_run(x),
            "irv": irv,
            "max_match": match,
        }
    )
    if duration is not None:
        check_columns(data, [duration], "duration")
        seconds = numbers(data, duration)
        median = pd.Series(seconds).groupby(group).transform("median").to_numpy()
        out["duration"] = seconds
        out["speed"] = seconds / median
        out["speeding"] = seconds < median / 2
    return out


def _codes(data: pd.DataFrame, within: str | Sequence[str] | None) -> np.ndarray:
    keys = names(within)
    if not keys:
        return np.zeros(len(data), dtype=np.int64)
    check_columns(data, keys, "within")
    return data.groupby(keys, dropna=False).ngroup().to_numpy()


def quality_summary(
    data: pd.DataFrame,
    items: Sequence[str],
    *,
    by: str | Sequence[str] | None = None,
    within: str | Sequence[str] | None = None,
    duration: str | None = None,
    thresholds: Sequence[float] = (0.8, 0.9, 1.0),
) -> pd.DataFrame:
    """Means and shares of :func:`data_quality` by group.

    Parameters
    ----------
    data, items, within, duration : as in :func:`data_quality`. by : groups that are summarised.
    thresholds : shares of matching answers to count.

    Returns
    -------
    DataFrame ``item`` (``interviews``), the ``by`` columns, ``statistic`` (mean_max_match,
    share_match_ge_0.8, share_straightlined, mean_longstring, mean_irv, median_duration,
    share_speeding), ``value``, ``unit``, ``n``, ``method``, ``status``. Unweighted.
    """
    each = data_quality(data, items, within=within, duration=duration)
    keys = names(by)
    check_columns(data, keys, "by")
    n_items = len(list(items))
    columns = {
        "mean_max_match": (each["max_match"], "share"),
        **{
            f"share_match_ge_{t:g}": ((each["max_match"] * n_items >= t * n_items - 1e-9), "share")
            for t in thresholds
        },
        "share_straightlined": (each["straightlined"], "share"),
        "mean_longstring": (each["longstring"], "count"),
        "mean_irv": (each["irv"], "score"),
    }
    group = _codes(data, keys)
    label = data[keys].reset_index(drop=True) if keys else pd.DataFrame(index=range(len(data)))
    first = np.unique(group, return_index=True)[1]
    parts = []

    def block(statistic: str, values: pd.Series[float], unit: str, median: bool = False) -> None:
        grouped = pd.Series(values.to_numpy(dtype=float)).groupby(group)
        frame = label.iloc[first].reset_index(drop=True)
        frame.insert(0, "item", "interviews")
        frame["statistic"] = statistic
        frame["value"] = (grouped.median() if median else grouped.mean()).to_numpy()
        frame["unit"] = unit
        frame["n"] = grouped.count().to_numpy()
        parts.append(frame)

    for statistic, (values, unit) in columns.items():
        block(statistic, values, unit)
    if duration is not None:
        block("median_duration", each["duration"], "seconds", median=True)
        speeding = each["speeding"].astype(float).mask(each["duration"].isna())
        block("share_speeding", speeding, "share")
    out = pd.concat(parts, ignore_index=True)
    out["method"] = "survey.data_quality"
    out["status"] = np.where(out["value"].notna(), "ok", "not_computed")
    return out


def groups_compared(
    hits: pd.DataFrame,
    group: pd.Series,
    *,
    minimum: int = 10,
    level: float = 0.01,
) -> pd.DataFrame:
    """Compare each group's share of signs with that of all other groups.

    Parameters
    ----------
    hits : one row per interview, one column of truth per sign; a missing value is not counted.
    group : the interviewer (or place) of each row; missing: takes no part.
    minimum : groups with fewer interviews are not compared.
    level : adjusted p below which a group stands out.

    Returns
    -------
    DataFrame, one row per sign and group: ``item`` (``interviews``), ``group``, ``statistic``
    (the sign), ``value`` (share, 0-1), ``unit``, ``others`` (share of all others: the base rate),
    ``difference``, ``n``, ``numerator``, ``p_value`` (Fisher's exact test, two-sided),
    ``p_adjusted`` (Holm over all rows), ``flags`` (``stands_out`` where the adjusted p is below
    ``level`` and the share is higher), ``status``, ``reason_zh``, ``reason_en``.

    Notes
    -----
    Where interviewers work in different communities the difference may be the communities'.
    """
    who = labels(group)
    rows = []
    for sign in hits:
        known = hits[sign].notna().to_numpy() & who.notna().to_numpy()
        truth = hits[sign][known].astype(int).to_numpy()
        codes, listed = pd.factorize(who[known], sort=True)
        counts = [np.bincount(codes[truth == t], minlength=len(listed)) for t in (0, 1)]
        everything = [int(count.sum()) for count in counts]
        for name, no, yes in zip(listed, *counts, strict=True):
            n, m = int(no + yes), int(sum(everything) - no - yes)
            rest = [int(everything[1] - yes), int(everything[0] - no)]
            compared = n >= minimum and m > 0
            p = np.nan
            if compared:
                p = float(stats.fisher_exact([[int(yes), int(no)], rest])[1])
            others = rest[0] / m if m else np.nan
            rows.append(
                {
                    "item": "interviews",
                    "group": name,
                    "statistic": str(sign),
                    "value": yes / n,
                    "unit": "share",
                    "others": others,
                    "difference": yes / n - others,
                    "n": n,
                    "numerator": float(yes),
                    "p_value": p,
                    "status": "ok" if compared else "not_computed",
                    "reason_zh": "" if compared else "访问太少，不比较",
                    "reason_en": "" if compared else "too few interviews to compare",
                }
            )
    columns = ["item", "group", "statistic", "value", "unit", "others", "difference", "n",
               "numerator", "p_value", "status", "reason_zh", "reason_en"]  # fmt: skip
    out = from_rows(rows, columns=columns)
    out["p_adjusted"] = adjusted_p(out["p_value"].to_numpy(dtype=float), "holm")
    high = (out["p_adjusted"] < level) & (out["difference"] > 0)
    out["flags"] = np.where(high, "stands_out", "")
    out["method"] = "survey.interviewer_signs"
    return out


def interviewer_signs(
    data: pd.DataFrame,
    items: Sequence[str],
    interviewer: str,
    *,
    within: str | Sequence[str] | None = None,
    duration: str | None = None,
    match: float = 0.9,
    minimum: int = 10,
) -> pd.DataFrame:
    """Compare each interviewer's signs with those of all others.

    Parameters
    ----------
    data, items, within, duration : as in :func:`data_quality`. interviewer : column of names.
    match : share of matching answers that counts as high.
    minimum : interviewers with fewer interviews are not compared.

    Returns
    -------
    DataFrame, one row per interviewer and sign (high_match, straightlined, speeding): ``value``
    (share), ``others`` (share of all others), ``difference``, ``p_value`` (Fisher's exact test,
    two-sided), ``p_adjusted`` (Holm over all), ``n``, ``flags`` (``stands_out`` where adjusted p
    < 0.01 and the share is higher), ``status``. Where interviewers work in different communities
    the difference may be the communities': look before judging, and never drop answers on one sign
    alone.
    """
    check_columns(data, [interviewer], "interviewer")
    each = data_quality(data, items, within=within, duration=duration)
    who = labels(data[interviewer]).reset_index(drop=True)
    signs = {
        "high_match": each["max_match"] >= match - 1e-9,
        "straightlined": each["straightlined"],
    }
    if duration is not None:
        signs["speeding"] = each["speeding"]
    out = groups_compared(pd.DataFrame(signs), who, minimum=minimum)
    return out.rename(columns={"group": interviewer})


def interviewer_effect(
    data: pd.DataFrame,
    items: Sequence[str],
    interviewer: str,
    *,
    within: str | Sequence[str] | None = None,
    minimum: int = 2,
) -> pd.DataFrame:
    """Tell how alike the answers of one interviewer's respondents are, and what that costs.

    Parameters
    ----------
    data : one row per interview. items : numeric answers. interviewer : column of names; missing
        rows take no part.
    within : column or columns (community, wave): interviewers are compared with others in the same
        group only, so that differences between groups are not taken for theirs.
    minimum : interviewers with fewer answers in a group take no part, at least 2.

    Returns
    -------
    DataFrame, one row per item: ``statistic`` (``interviewer_icc``), ``value`` (share of variance,
    not cut at 0), ``unit``, ``n`` (answers), ``interviewers``, ``workload`` (mean answers each, as
    in the formula), ``deff_interviewer`` (``1 + (m - 1) rho``, at least 1), ``p_value`` (F test of
    no effect), ``df``, ``df2``, ``method``, ``status``, ``reason_zh``, ``reason_en``. Without
    interpenetrated assignment an effect may be the respondents': a sign to look at, no proof.

    Notes
    -----
    One-way analysis of variance, nested in ``within``: ``rho = (MSB - MSW) / (MSB + (m - 1) MSW)``
    with ``m = (N - sum_g sum_i n_gi^2 / n_g) / (I - G)``.

    References
    ----------
    Kish (1962), JASA 57, 92-115. Searle, Casella & McCulloch (1992), *Variance Components*, 3.6.

    Examples
    --------
    >>> data = pd.DataFrame({"who": list("aabb"), "q": [1.0, 1.0, 5.0, 4.0]})
    >>> round(float(interviewer_effect(data, ["q"], "who")["value"][0]), 3)
    0.96
    """
    check_columns(data, [*items, interviewer, *names(within)], "interviewer_effect")
    who = labels(data[interviewer])
    group = pd.Series(_codes(data, within), index=data.index)
    rows = []
    for item in items:
        y = pd.Series(numbers(data, item), index=data.index)
        frame = pd.DataFrame({"g": group, "w": who, "y": y}).dropna()
        size = frame.groupby(["g", "w"])["y"].transform("size")
        frame = frame[size >= max(minimum, 2)]
        several = frame.groupby("g")["w"].transform("nunique") > 1
        rows.append(_effect(str(item), frame[several]))
    return from_rows(rows)


def _effect(item: str, frame: pd.DataFrame) -> dict[str, object]:
    cells = frame.groupby(["g", "w"])["y"].agg(["size", "mean"]).reset_index()
    interviewers, groups, n = len(cells), cells["g"].nunique(), len(frame)
    row: dict[str, object] = {
        "item": item,
        "statistic": "interviewer_icc",
        "value": np.nan,
        "unit": "ratio",
        "n": n,
        "interviewers": interviewers,
        "workload": np.nan,
        "deff_interviewer": np.nan,
        "p_value": np.nan,
        "df": float(interviewers - groups),
        "df2": float(n - interviewers),
        "method": "survey.interviewer_effect",
        "status": "not_computed",
        "reason_zh": "同一组内没有两名访问足够多的访员",
        "reason_en": "no group has two interviewers with enough interviews",
    }
    if interviewers - groups < 1 or n - interviewers < 1:
        return row
    centre = frame.groupby("g")["y"].transform("mean")
    mean = frame.groupby(["g", "w"])["y"].transform("mean")
    between = float(((mean - centre) ** 2).sum()) / (interviewers - groups)
    inside = float(((frame["y"] - mean) ** 2).sum()) / (n - interviewers)
    per_group = cells.groupby("g")["size"].transform("sum")
    m = (n - float((cells["size"] ** 2 / per_group).sum())) / (interviewers - groups)
    if not between + (m - 1) * inside > 0:
        return row | {"reason_zh": "回答没有变化", "reason_en": "the answers do not vary"}
    rho = (between - inside) / (between + (m - 1) * inside)
    p = (
        float(stats.f.sf(between / inside, interviewers - groups, n - interviewers))
        if inside
        else 0.0
    )
    return row | {
        "value": rho,
        "workload": m,
        "deff_interviewer": 1 + (m - 1) * max(rho, 0.0),
        "p_value": p,
        "status": "ok",
        "reason_zh": "",
        "reason_en": "",
    }
