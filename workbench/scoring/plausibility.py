"""Whether figures can have been counted: recounts, rounding, copied ledgers, ordered sign-ins.

A flag starts a check and is never a penalty.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from workbench.scoring._frames import need, numbers, refuse
from workbench.survey import Design, arrival_bursts, groups_compared, ratio
from workbench.survey.rows import to_rows

__all__ = ["ALIKE", "forced_sign_ins", "inflation", "ledgers_alike", "rounding"]

Row = dict[str, Any]

ALIKE = 0.5  # likeness from which two ledgers are looked at


def inflation(
    counts: pd.DataFrame,
    *,
    reported: str = "reported",
    recounted: str = "recounted",
    level: float = 0.95,
) -> dict[str, Any]:
    """Give the ratio of what was reported to what a recount of a sample found, with its interval.

    Parameters
    ----------
    counts : DataFrame
        One row per recounted period, activity or document: ``reported``, ``recounted`` (≥ 0); rows
        without both are left out.
    level : float
        Confidence level.

    Returns
    -------
    dict
        ``value`` (ratio of sums; missing where the recount is 0), ``ci_low``, ``ci_high`` (missing
        for one row), ``std_error``, ``unit``, ``n``, ``numerator``, ``denominator``, ``base`` (1),
        ``level``, ``method``, ``status``, ``reason_zh``, ``reason_en``.

    Notes
    -----
    Taylor linearisation of a ratio, the rows being a simple random sample of what could have been
    recounted. Recounting only what looks suspicious overstates the ratio.

    References
    ----------
    doc 002 §2.5 (reported activities reached 1.5 times the truth); Särndal, Swensson & Wretman
    (1992), result 5.6.2.

    Examples
    --------
    >>> told = inflation(pd.DataFrame({"reported": [12, 15, 18], "recounted": [8, 10, 12]}))
    >>> told["value"], told["n"]
    (1.5, 3)
    """
    need(counts, (reported, recounted), of="counts")
    frame = pd.DataFrame({"r": numbers(counts, reported), "t": numbers(counts, recounted)}).dropna()
    if (frame < 0).any(axis=None):
        raise refuse("count", "次数不能为负", "counts must not be negative")
    top, bottom = float(frame["r"].sum()), float(frame["t"].sum())
    out: Row = {"unit": "ratio", "n": len(frame), "numerator": top, "denominator": bottom,
                "base": 1.0, "method": "scoring.recount"}  # fmt: skip
    if not bottom > 0:
        none = len(frame) == 0
        return out | {
            "value": None,
            "status": "not_computed",
            "reason_zh": "没有复核" if none else "核实数为零",
            "reason_en": "nothing was recounted" if none else "what was verified is zero",
        }
    out |= {"value": top / bottom, "status": "ok"}
    if len(frame) > 1:
        told = to_rows(ratio(Design(frame), "r", "t", level=level))[0]
        out |= {k: told[k] for k in ("ci_low", "ci_high", "std_error", "level", "method")}
    return out


def rounding(values: Sequence[float] | pd.Series, *, least: int = 12) -> pd.DataFrame:
    """Test whether figures are rounder than their own precision explains.

    Parameters
    ----------
    values : sequence
        Figures as reported, ≥ 0 (percentages as percentages); gaps are left out.
    least : int
        Fewer figures say nothing.

    Returns
    -------
    DataFrame
        One row per step (5, 10, 50, 100) of which the middle 80 % of the figures span two or more:
        ``statistic`` (``multiples_of_5`` …), ``value`` (share that are multiples,
        0–1), ``base`` (share due), ``p_value`` (one-sided exact binomial), ``p_adjusted``
        (Bonferroni over the steps), ``n``, ``verdict`` (failed below 0.01), ``method``. Empty with
        fewer than ``least`` figures.

    Notes
    -----
    The precision u is the finest decimal place, from 1 down to thousandths, that is used; with step
    s a share u/s is due. Figures close together say nothing: honest ones may all lie at one step.
    Prices, capacities and limits are round by nature.

    References
    ----------
    A'Hearn, Baten & Crayen (2009), J. Econ. Hist. 69, 783-808 (heaping as a measure of quality).

    Examples
    --------
    >>> told = rounding([85, 90, 95, 80, 90, 85, 95, 90, 85, 80, 95, 90])
    >>> told[["statistic", "value", "base"]].to_string(header=False, index=False)
    'multiples_of_5 1.0 0.2'
    """
    x = numbers(pd.DataFrame({"value": pd.Series(values, dtype=float)}), "value")
    x = x[~np.isnan(x)]
    if (x < 0).any():
        raise refuse("count", "数值不能为负", "figures must not be negative")
    columns = ["statistic", "value", "base", "p_value", "n"]
    rows: list[Row] = []
    if len(x) >= least:
        fine = [10.0**-k for k in range(4)]
        unit = next((u for u in fine if np.allclose(x / u, np.round(x / u), atol=1e-6)), fine[-1])
        spread = np.subtract(*np.quantile(x, [0.9, 0.1]))
        steps = [s for s in (5.0, 10.0, 50.0, 100.0) if 2 * s <= spread]
        for step in steps:
            hits = int(np.isclose(np.mod(x + 1e-9, step), 0, atol=1e-6).sum())
            due = unit / step
            tail = float(special.bdtrc(hits - 1, len(x), due)) if hits else 1.0
            rows.append({"statistic": f"multiples_of_{step:g}", "value": hits / len(x),
                         "base": due, "p_value": tail, "n": len(x)})  # fmt: skip
    out = pd.DataFrame(rows, columns=columns)
    out["p_adjusted"] = np.minimum(out["p_value"].astype(float) * max(len(out), 1), 1.0)
    out["verdict"] = np.where(out["p_adjusted"] < 0.01, "failed", "passed")
    return out.assign(unit="share", method="scoring.rounding")


def ledgers_alike(
    documents: pd.DataFrame, *, least: float = ALIKE, minimum: int = 5
) -> pd.DataFrame:
    """Tell how many of each unit's ledgers are worded like another unit's.

    Parameters
    ----------
    documents : DataFrame
        ``community``, ``kind``, ``alike`` (:func:`~workbench.scoring.copied_texts`, made at
        intake; missing: no text).
    least : float
        Likeness, 0–1, from which a ledger counts.
    minimum : int
        Units with fewer ledgers are not compared with the others.

    Returns
    -------
    DataFrame
        One row per unit: ``community``, ``value`` (share of its ledgers), ``numerator``, ``n``,
        ``largest`` (greatest likeness), ``base`` (share of the other units' ledgers; missing for
        one unit alone), ``p_value``, ``p_adjusted`` (Fisher, Holm), ``verdict`` (failed where any
        ledger counts), ``flags`` (``stands_out``), ``method``.

    Notes
    -----
    Where everybody fills in one form all ledgers share its words and the base rate is high: only a
    unit that stands out, or two ledgers read side by side, say anything (Q-02).
    """
    need(documents, ("community", "kind", "alike"), of="documents")
    mine = documents[documents["kind"].eq("ledger") & documents["alike"].notna()]
    hits = pd.DataFrame({"copied": mine["alike"].ge(least)})
    told = groups_compared(hits, mine["community"], minimum=minimum)
    top = mine.groupby("community")["alike"].max()
    out = told.rename(columns={"group": "community", "others": "base"})
    return out.assign(
        largest=out["community"].map(top),
        verdict=np.where(out["numerator"] > 0, "failed", "passed"),
        status="ok",
        method="scoring.text_overlap",
    )


def forced_sign_ins(
    events: pd.DataFrame,
    *,
    group: str = "community",
    time: str = "time",
    answered: str = "",
    window: float = 600.0,
    level: float = 0.01,
) -> pd.DataFrame:
    """Look for sign-ins that were ordered: many within minutes, and people who did nothing else.

    Parameters
    ----------
    events : DataFrame
        One row per sign-in, vote or questionnaire: ``group`` (unit or activity), ``time`` (missing
        takes no part in the bursts).
    answered : str
        Column of how much the person did beside signing in (answers given, items filled in); 0 is
        nothing, missing is not known. Without it only times are looked at.
    window, level : float
        As in :func:`workbench.survey.arrival_bursts`.

    Returns
    -------
    DataFrame
        One row per group: ``item`` (the group), ``value`` (share that came in bursts), ``n``,
        ``numerator``, ``base`` (median share of the other groups), ``same_second`` (share that
        shares its second with another), ``empty`` (share that did nothing else; missing where not
        known), ``empty_base``, ``verdict`` (failed: a burst, or a tenth or more without anything
        else), ``method``, ``status``.

    Notes
    -----
    Q-08, Q-09. An honest meeting begins with a burst of sign-ins: name the activity as the group
    and look at meetings apart from what anybody may do at any time.

    References
    ----------
    doc 002 §6.2 (强制签到打卡), doc 003 §5.1; Naus (1965), JASA 60, 532-538.
    """
    need(events, (group, time, *([answered] if answered else [])), of="events")
    at = pd.to_datetime(events[time]).reset_index(drop=True)
    whose = events[group].reset_index(drop=True)
    told = arrival_bursts(at, whose, window=window, level=level)
    known = told["status"].eq("ok")
    frame = pd.DataFrame(
        {
            "g": whose,
            "burst": told["burst"].where(known).astype(float),
            "same": pd.DataFrame({"g": whose, "t": at.dt.floor("s")})
            .duplicated(keep=False)
            .where(known)
            .astype(float),
            "empty": np.nan,
        }
    )
    if answered:
        done = numbers(events, answered)
        frame["empty"] = np.where(np.isnan(done), np.nan, done == 0)
    groups = frame[frame["g"].notna()].groupby("g", sort=True)
    out = pd.DataFrame(
        {
            "value": groups["burst"].mean(),
            "n": groups["burst"].count(),
            "numerator": groups["burst"].sum(),
            "same_second": groups["same"].mean(),
            "empty": groups["empty"].mean(),
        }
    ).rename_axis("item")
    for name, of in (("base", "value"), ("empty_base", "empty")):
        out[name] = [out[of].drop(i).median() if len(out) > 1 else np.nan for i in out.index]
    failed = out["value"].gt(0) | out["empty"].ge(0.1)
    unknown = out["n"].eq(0) & out["empty"].isna()
    out["verdict"] = np.select([unknown, failed], ["cannot_tell", "failed"], "passed")
    out["status"] = np.where(unknown, "not_computed", "ok")
    return out.reset_index().assign(
        statistic="burst_share", unit="share", method="survey.arrival_bursts"
    )
