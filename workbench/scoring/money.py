"""Subsidies, bonuses and budgets, each by the rule it comes from (R-55 to R-66).

Amounts are yuan. Every function gives rows that show base, rate and result, so that a reader can
do the sum again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd

from workbench.scoring._frames import Floats, need, numbers, one_of, refuse, words
from workbench.scoring.targets import Decision, decide
from workbench.survey.rows import from_rows

__all__ = ["annual_need", "budget_shares", "participation_award", "subsidy", "welfare_subsidy"]

# doc 002 §3.4: at most 150 000 yuan a year for an awarded compound
WELFARE_CAP_YUAN = 150_000.0
# doc 003 §6.2: 50 000 yuan where participation exceeds 60 % (R-60)
PARTICIPATION_AWARD_YUAN, PARTICIPATION_THRESHOLD = 50_000.0, 0.60
# doc 003 §6.2: yuan a year by size
ANNUAL_NEED_YUAN = {"small": (150_000.0, 200_000.0), "medium": (300_000.0, 500_000.0),
                    "large": (500_000.0, 800_000.0)}  # fmt: skip


def subsidy(
    data: pd.DataFrame,
    *,
    cut_mode: Literal["step", "linear"] = "step",
    cap_yuan: float = WELFARE_CAP_YUAN,
) -> pd.DataFrame:
    """Cut a subsidy for a fall in property-fee collection since the award.

    Parameters
    ----------
    data : DataFrame
        ``base_yuan`` (≥ 0), ``reference_rate`` (at the award) and ``rate`` (now), shares 0–1; other
        columns are kept.
    cut_mode : {"step", "linear"}
        ``base × max(0, 1 − 0.10·floor(drop/5))`` with the drop in percentage points, or
        ``base × max(0, 1 − 0.02·drop)``.
    cap_yuan : float
        Most that may be paid (R-55: 150 000).

    Returns
    -------
    DataFrame
        ``data`` with ``drop`` (0–1), ``factor`` (0–1), ``value`` (yuan), ``unit``, ``status``,
        ``flags`` (``capped``), ``reason_zh``, ``reason_en``, ``method``. A missing rate is not
        computed.

    Raises
    ------
    InputError
        A rate outside 0–1, a negative base.

    References
    ----------
    Rules R-55, R-56; doc 002 §3.4, §6.4.

    Examples
    --------
    >>> row = pd.DataFrame({"base_yuan": [100_000], "reference_rate": [0.90], "rate": [0.80]})
    >>> float(subsidy(row)["value"].iloc[0])
    80000.0
    """
    one_of(cut_mode, ("step", "linear"), of="cut_mode")
    need(data, ("base_yuan", "reference_rate", "rate"), of="data")
    base = numbers(data, "base_yuan")
    before, now = _share(data, "reference_rate"), _share(data, "rate")
    if (base < 0).any():
        raise refuse("amount", "补贴基数不能为负", "the base must not be negative")
    # percentage points, cleaned of binary dust so that 0.90 − 0.80 is 10 points and not 9.99…
    drop = np.maximum(np.round(100 * (before - now), 9), 0.0)
    cut = 0.10 * np.floor(drop / 5) if cut_mode == "step" else 0.02 * drop
    factor = np.maximum(np.round(1 - cut, 12), 0.0)
    full = base * factor
    value = np.minimum(full, cap_yuan)
    lost = np.isnan(value)
    capped = full > cap_yuan
    return data.assign(
        drop=drop / 100,
        factor=factor,
        value=value,
        unit="yuan",
        status=np.where(lost, "not_computed", "ok"),
        flags=np.where(capped, "capped", ""),
        reason_zh=np.where(lost, "缺少收缴率或基数", ""),
        reason_en=np.where(lost, "a rate or the base is missing", ""),
        method="scoring.subsidy",
    )


def _share(data: pd.DataFrame, column: str) -> Floats:
    share = numbers(data, column)
    if ((share < 0) | (share > 1)).any():
        raise refuse("share", f"列 {column} 应为 0–1 的比例", f"{column} must be a share of 0–1",
                     column=column)  # fmt: skip
    return share


def welfare_subsidy(
    score: Floats | pd.Series, *, full_yuan: float, cap_yuan: float = WELFARE_CAP_YUAN
) -> Floats:
    """Give the welfare subsidy in proportion to the score (0–100), cut at the cap.

    References
    ----------
    R-55: the cap. The proportion is the assessor's assumption; the source gives none.
    """
    s = np.asarray(score, dtype=float)
    if ((s < 0) | (s > 100)).any():
        raise refuse("score", "得分应在 0–100", "a score must lie in 0–100")
    return np.asarray(np.minimum(full_yuan * s / 100, cap_yuan))


def participation_award(
    data: pd.DataFrame,
    *,
    decision: Decision,
    threshold: float = PARTICIPATION_THRESHOLD,
    award_yuan: float = PARTICIPATION_AWARD_YUAN,
) -> pd.DataFrame:
    """Award a community whose participation rate exceeds the threshold, strictly.

    Parameters
    ----------
    data : DataFrame
        ``value`` (rate 0–1), ``ci_low``, ``ci_high`` where it rests on a sample, ``denominator``
        (what the rate is of; it decides about money and is printed).
    decision : {"point", "lower", "upper"}
        The study's decision rule; it has no default.
    threshold, award_yuan
        R-60: above 60 %, 50 000 yuan.

    Returns
    -------
    DataFrame
        ``data`` with ``award_yuan``, ``decision`` (met, not_met, cannot_tell), ``rule``,
        ``target``, ``method``.

    References
    ----------
    Rule R-60, doc 003 §6.2.
    """
    need(data, ("value", "denominator"), of="data")
    x = _share(data, "value")
    operator = np.full(len(x), ">", dtype=object)
    bound = np.full(len(x), threshold)
    low, high = numbers(data, "ci_low"), numbers(data, "ci_high")
    decided = decide(x, low, high, operator, bound, decision)
    return data.assign(
        award_yuan=np.select([decided == "met", decided == "not_met"], [award_yuan, 0.0], np.nan),
        decision=decided,
        rule=decision,
        target=threshold,
        method="scoring.participation_award",
    )


def annual_need(
    households: Floats | pd.Series | list[float],
    *,
    small: int,
    large: int,
    bands: Mapping[str, tuple[float, float]] = ANNUAL_NEED_YUAN,
) -> pd.DataFrame:
    """Give the yearly need of funds by size.

    Parameters
    ----------
    households : array
        Households of each community.
    small, large : int
        Below ``small`` a community is small, from ``large`` on it is large: doc 003 §6.2 prints
        3,000 and 8,000 and leaves to whom 8,000 belongs (X-85: the upper limit is exclusive).
    bands : mapping of size to (low, high)
        Yuan a year for ``small``, ``medium`` and ``large``.

    Returns
    -------
    DataFrame
        ``size``, ``low_yuan``, ``high_yuan``, ``method``.

    References
    ----------
    Rule R-63, doc 003 §6.2.
    """
    h = np.asarray(households, dtype=float)
    if not 0 < small < large:
        raise refuse("bounds", "应有 0 < small < large", "0 < small < large is needed")
    size = np.select([np.isnan(h), h < small, h >= large], ["", "small", "large"], "medium")
    ends = [bands.get(str(s), (np.nan, np.nan)) for s in size]
    return pd.DataFrame(
        {"size": size, "low_yuan": [e[0] for e in ends], "high_yuan": [e[1] for e in ends],
         "method": "scoring.annual_need"}
    )  # fmt: skip


def budget_shares(
    lines: pd.DataFrame,
    *,
    group: str = "field",
    amount: str = "planned",
    stated: Mapping[str, float] | None = None,
    minimum: Mapping[str, float] | None = None,
    tolerance: float = 0.005,
) -> pd.DataFrame:
    """Compare the shares of a budget with what is stated, and the stated shares with 100 %.

    Parameters
    ----------
    lines : DataFrame
        Budget lines: ``group`` (field, source, nature), ``amount`` in yuan ≥ 0.
    stated : mapping, optional
        Group → share 0–1 that a document states.
    minimum : mapping, optional
        Group → least share (R-66: soft services at least 0.40).
    tolerance : float
        Largest difference of shares that counts as equal.

    Returns
    -------
    DataFrame
        One row per group: ``item``, ``value`` (share), ``numerator`` (yuan), ``denominator``,
        ``target``, ``verdict``; a last row ``stated_sum`` with the sum of the stated shares
        (verdict failed unless it is 1 within the tolerance: X-01 sums to 105 %).

    References
    ----------
    Rules R-61, R-62, R-66.
    """
    need(lines, (group, amount), of="lines")
    yuan = numbers(lines, amount)
    if (yuan < 0).any():
        raise refuse("amount", "金额不能为负", "an amount must not be negative")
    sums = pd.Series(yuan).groupby(words(lines, group)).sum()
    total = float(sums.sum())
    rows = []
    names = list(dict.fromkeys([*(stated or {}), *(minimum or {}), *sums.index]))
    for name in names:
        paid = float(sums.get(name, 0.0))
        share = paid / total if total > 0 else np.nan
        least, want = (minimum or {}).get(name), (stated or {}).get(name)
        verdict, target = "", np.nan
        if least is not None:
            target, verdict = least, "met" if share >= least - 1e-12 else "not_met"
        elif want is not None:
            target, verdict = want, "met" if abs(share - want) <= tolerance else "not_met"
        if np.isnan(share) and verdict:
            verdict = "cannot_tell"
        rows.append({"item": str(name), "statistic": "share", "value": share, "numerator": paid,
                     "denominator": total, "target": target, "verdict": verdict})  # fmt: skip
    if stated:
        whole = float(sum(stated.values()))
        rows.append({"item": "", "statistic": "stated_sum", "value": whole, "target": 1.0,
                     "verdict": "passed" if abs(whole - 1) <= tolerance else "failed"})  # fmt: skip
    return from_rows(rows).assign(unit="share", method="scoring.budget_shares")
