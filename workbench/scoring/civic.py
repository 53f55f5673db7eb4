"""Participation and those who help: levels, votes, the quality sheet, organisations."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from workbench.scoring._frames import Floats, check_level, need, numbers, refuse, words
from workbench.survey import binomial_interval
from workbench.survey.rows import from_rows

__all__ = ["LEVELS", "organisation_sheet", "participation_levels", "quality_sheet", "vote_results"]

LEVELS = ("inform", "consult", "co_plan", "co_govern")
"""From informing to co-governing: 告知型, 咨询型, 共谋型, 共治型 (doc 003 §3.3)."""


def participation_levels(decisions: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Say on which of the four levels of participation a unit's decisions were taken.

    Parameters
    ----------
    decisions : DataFrame
        One row per decision: ``level`` (inform, consult, co_plan, co_govern; missing: not
        classified), ``community`` where there are several.
    level : float
        Confidence level of the shares (Wilson), for decisions as a sample of how a unit decides.

    Returns
    -------
    DataFrame
        Per community one row for each level (``item``; ``statistic`` ``share``), ``deep`` (co_plan
        and co_govern together) and ``unclassified`` (share of all decisions): ``value`` (0–1),
        ``ci_low``, ``ci_high``, ``n``, ``numerator``, ``denominator``, ``status``, reasons,
        ``method``.

    Raises
    ------
    InputError
        A level that is none of the four.

    Notes
    -----
    Shares of the classified decisions. The document does not map its types to the eight rungs of
    the ladder of participation, so neither is done here.

    References
    ----------
    Capability C-42; doc 003 §3.3.

    Examples
    --------
    >>> told = participation_levels(pd.DataFrame({"level": ["inform", "co_plan", "co_govern"]}))
    >>> float(told.set_index("item").loc["deep", "value"].round(3))
    0.667
    """
    check_level(level)
    need(decisions, ("level",), of="decisions")
    named = words(decisions, "level")
    odd = sorted({str(n) for n in named if n and n not in LEVELS})
    if odd:
        raise refuse("level", f"不认识的参与层级：{', '.join(odd)}",
                     f"unknown level of participation: {', '.join(odd)}",
                     expected=", ".join(LEVELS), found=odd[0])  # fmt: skip
    has_unit = "community" in decisions.columns
    units = words(decisions, "community") if has_unit else np.full(len(named), "", dtype=object)
    rows = []
    for unit in dict.fromkeys(units):
        own = named[units == unit]
        known = own[own != ""]
        counts = {name: int((known == name).sum()) for name in LEVELS}
        counts["deep"] = counts["co_plan"] + counts["co_govern"]
        cells = [(name, count, len(known)) for name, count in counts.items()]
        cells.append(("unclassified", len(own) - len(known), len(own)))
        for name, count, n in cells:
            low, high = binomial_interval(count, n, level=level) if n else (np.nan, np.nan)
            row = {"community": str(unit)} if has_unit else {}
            rows.append({**row, "item": name, "statistic": "share",
                         "value": count / n if n else np.nan, "ci_low": low, "ci_high": high,
                         "n": n, "numerator": count, "denominator": n})  # fmt: skip
    columns = ["item", "statistic", "value", "ci_low", "ci_high", "n", "numerator", "denominator"]
    out = from_rows(rows, columns=[*(["community"] if has_unit else []), *columns])
    gone = out["value"].isna().to_numpy()
    return _stated(out, gone, "没有已归类的决策", "no decision is classified").assign(
        unit="share", level=level, method="scoring.participation_levels"
    )


def _stated(out: pd.DataFrame, gone: np.ndarray, zh: str, en: str) -> pd.DataFrame:
    return out.assign(
        status=np.where(gone, "not_computed", "ok"),
        reason_zh=np.where(gone, zh, ""),
        reason_en=np.where(gone, en, ""),
    )


def vote_results(votes: pd.DataFrame) -> pd.DataFrame:
    """Hold each vote against its own threshold; a vote without one is reported only.

    Parameters
    ----------
    votes : DataFrame
        Canonical ``votes``: ``vote``, ``base`` (what ``eligible`` counts: residents, owners,
        households …), ``eligible`` (> 0), ``approve``; ``cast``, ``threshold`` (0–1 of the
        eligible) where they exist.

    Returns
    -------
    DataFrame
        ``votes`` with ``value`` (approve/eligible), ``turnout`` (cast/eligible), ``of_cast``
        (approve/cast), ``target``, ``operator``, ``verdict`` (met, not_met; empty without a
        threshold), ``method``. A count of ballots is exact: there is no interval.

    Raises
    ------
    InputError
        More votes than voters.

    References
    ----------
    Rules R-21, R-24: threshold, base and result are kept with each vote.
    """
    need(votes, ("vote", "base", "eligible", "approve"), of="votes")
    n, yes, cast = (numbers(votes, c) for c in ("eligible", "approve", "cast"))
    if ((yes > n) | (cast > n) | (yes > cast) | (yes < 0)).any() or (n <= 0).any():
        raise refuse("votes", "同意、参加与应参加人数不合", "approve ≤ cast ≤ eligible is needed")
    bound = numbers(votes, "threshold")
    share = yes / n
    met = np.where(share >= bound - 1e-12, "met", "not_met")
    return votes.assign(
        value=share,
        turnout=cast / n,
        of_cast=yes / np.where(cast > 0, cast, np.nan),
        unit="share",
        target=bound,
        operator="≥",
        verdict=np.where(np.isnan(bound) | np.isnan(share), "", met),
        method="scoring.vote_results",
    )


def quality_sheet(values: pd.DataFrame, *, floors: Mapping[str, float]) -> pd.DataFrame:
    """Score the participation-quality sheet: 100 at the target, linear to 0 at a stated floor.

    Parameters
    ----------
    values : DataFrame
        One row per item of the sheet: ``indicator``, ``value``, ``target``; ``std_error`` and
        ``community`` where they exist. Target and floor say which way is better.
    floors : mapping of indicator to float
        Value that earns nothing, in the unit of ``value``. The source prints no scale, so it has no
        default.

    Returns
    -------
    DataFrame
        Per community one row for each item and one for the sheet (``indicator`` empty; mean of the
        items): ``value`` (0–100), ``std_error``, ``n``, ``floor``, ``target``, ``status``, reasons,
        ``method``. A sheet with an item missing is not computed.

    Raises
    ------
    InputError
        An item without a floor, or a floor at the target.

    Notes
    -----
    ``100 · clip((x − floor)/(target − floor), 0, 1)``. The error is carried at the slope of the
    line; at 0 and 100 it is that of the unclipped value, which errs on the wide side.

    References
    ----------
    Rule R-13, doc 003 §7.3 (the scale is the assessor's recommendation).

    Examples
    --------
    >>> sheet = quality_sheet(
    ...     pd.DataFrame({"indicator": ["hours", "answered"], "value": [96.0, 0.9],
    ...                   "target": [72.0, 1.0]}), floors={"hours": 144.0, "answered": 0.5})
    >>> sheet["value"].round(2).tolist()
    [66.67, 80.0, 73.33]
    """
    need(values, ("indicator", "value", "target"), of="values")
    names = words(values, "indicator")
    lacking = [str(n) for n in dict.fromkeys(names) if n not in floors]
    if lacking:
        raise refuse("floor-missing", f"未规定得0分的值：{', '.join(lacking)}",
                     f"no value that earns nothing is given for: {', '.join(lacking)}",
                     remedy_zh="在 study.yaml 的 parameters.process_scale 中写明",
                     remedy_en="give it in parameters.process_scale of study.yaml")  # fmt: skip
    x, t, se = numbers(values, "value"), numbers(values, "target"), numbers(values, "std_error")
    floor = np.array([float(floors[n]) for n in names])
    if (floor == t).any() or np.isnan(t).any():
        raise refuse("floor", "目标缺失，或与得0分的值相同", "a target is missing, or is its floor")
    slope = 100 / (t - floor)
    score = np.clip((x - floor) * slope, 0, 100)
    has_unit = "community" in values.columns
    unit = values["community"].to_numpy() if has_unit else np.full(len(x), "", dtype=object)
    frame = pd.DataFrame({"community": unit, "indicator": names, "value": score,
                          "std_error": np.nan_to_num(np.abs(slope) * se), "floor": floor,
                          "target": t, "n": 1})  # fmt: skip
    frame.loc[np.isnan(x), "std_error"] = np.nan
    totals = [
        {"community": name, "indicator": "", "n": len(own),
         "value": float(own["value"].mean(skipna=False)),
         "std_error": float(np.sqrt((own["std_error"] ** 2).sum(skipna=False)) / len(own))}
        for name, own in frame.groupby("community", sort=False)
    ]  # fmt: skip
    out = pd.concat([frame, from_rows(totals)], ignore_index=True)
    out = out.sort_values("community", kind="stable").reset_index(drop=True)
    gone = out["value"].isna().to_numpy()
    out = _stated(out, gone, "有项目没有结果", "an item has no result")
    out = out.assign(unit="score_0_100", method="scoring.quality_sheet")
    return out if has_unit else out.drop(columns="community")


def organisation_sheet(
    organisations: pd.DataFrame,
    *,
    pass_mark: float,
    quarterly_weight: float,
    min_years: float = 3,
    min_staff: float = 5,
) -> pd.DataFrame:
    """Review social organisations: the entry gate, then four quarters and the year.

    Parameters
    ----------
    organisations : DataFrame
        One row per organisation: ``organisation``, ``years`` (of community service), ``staff``
        (professionals), ``q1`` … ``q4`` and ``annual`` (scores 0–100; missing: not reviewed).
    pass_mark : float
        Least score (0–100) to be kept; the source gives none.
    quarterly_weight : float
        Share of the mean of the quarters, 0–1; the rest is the annual evaluation. Not in the source
        either.
    min_years, min_staff : float
        The gate: at least three years, at least five professionals.

    Returns
    -------
    DataFrame
        ``organisations`` with ``gate`` (passed, failed, cannot_tell), ``quarters`` (reviewed),
        ``value`` (score 0–100), ``verdict`` (passed; failed: to be dropped; cannot_tell),
        ``reason_zh``, ``reason_en``, ``method``.

    References
    ----------
    Rule R-26, capability C-55; doc 000 §6.2.
    """
    columns = ("q1", "q2", "q3", "q4", "annual")
    need(organisations, ("organisation", "years", "staff", *columns), of="organisations")
    if not 0 <= quarterly_weight <= 1 or not 0 <= pass_mark <= 100:
        raise refuse("weights", "季度权重应在 0–1，合格线应在 0–100",
                     "quarterly_weight must lie in 0–1, pass_mark in 0–100")  # fmt: skip
    marks: Floats = np.column_stack([numbers(organisations, c) for c in columns])
    if ((marks < 0) | (marks > 100)).any():
        raise refuse("score", "得分应在 0–100", "a score must lie in 0–100")
    years, staff = numbers(organisations, "years"), numbers(organisations, "staff")
    unknown = np.isnan(years) | np.isnan(staff)
    short = (years < min_years) | (staff < min_staff)
    gate = np.select([short, unknown], ["failed", "cannot_tell"], "passed")
    score = quarterly_weight * marks[:, :4].mean(axis=1) + (1 - quarterly_weight) * marks[:, 4]
    low = score < pass_mark
    verdict = np.select(
        [gate == "failed", (gate == "cannot_tell") | np.isnan(score), low],
        ["failed", "cannot_tell", "failed"],
        "passed",
    )
    zh = np.select([short, unknown, np.isnan(score), low],
                   ["未达准入条件（服务年限或专职人数）", "缺服务年限或专职人数",
                    "季度考核或年度评估不全", "得分低于合格线"], "")  # fmt: skip
    en = np.select([short, unknown, np.isnan(score), low],
                   ["below the entry gate (years or staff)", "years or staff are not known",
                    "a quarterly review or the annual evaluation is missing",
                    "the score is below the pass mark"], "")  # fmt: skip
    return organisations.assign(
        gate=gate,
        quarters=(~np.isnan(marks[:, :4])).sum(axis=1),
        value=score,
        unit="score_0_100",
        target=float(pass_mark),
        verdict=verdict,
        reason_zh=zh,
        reason_en=en,
        method="scoring.organisation_sheet",
    )
