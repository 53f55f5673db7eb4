"""Funds: the itemised table, its shares, progress against the plan, rewards (R-58, R-59)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from workbench.scoring._frames import Floats, need, numbers, refuse, words
from workbench.survey.rows import from_rows

__all__ = [
    "clear_awards",
    "cost_per_point",
    "fund_progress",
    "fund_table",
    "reward",
    "special_fund",
]

# doc 001 §6.2: one award at most 500 000 yuan; the fund 50 yuan per resident and year
AWARD_CAP_YUAN, PER_RESIDENT_YUAN = 500_000.0, 50.0
# doc 000 §7.2, §6.2: communities that meet their targets get 10 to 20 per cent
REWARD_SHARES = (0.10, 0.20)


def fund_table(lines: pd.DataFrame, *, by: str = "field") -> pd.DataFrame:
    """Give the itemised accounts: every line, a subtotal per group, and the total.

    Parameters
    ----------
    lines : DataFrame
        Canonical ``funds``: ``line``, ``planned`` (yuan ≥ 0), ``spent`` (yuan; missing: not
        reported), the column ``by`` (field, nature or source); ``community``, ``period``.
    by : str
        What the subtotals are of.

    Returns
    -------
    DataFrame
        Per community rows ``part`` ``line``, ``group`` and ``total``: ``item``, ``group``,
        ``period``, ``planned``, ``spent``, ``value`` (spent/planned), ``share_planned``,
        ``share_spent`` (0–1 of the community's total), ``flags`` (``over_plan``, ``not_reported``),
        ``method``. Lines add up to groups and groups to the total; a sum over lines of which one
        is not reported leaves it out and carries the flag.

    References
    ----------
    Capabilities C-44, C-82; doc 003 §2.2.2, §6.2.

    Examples
    --------
    >>> lines = pd.DataFrame({"line": ["l1", "l2"], "field": ["environment", "service"],
    ...                       "planned": [60.0, 40.0], "spent": [30.0, 50.0]})
    >>> table = fund_table(lines).set_index("part")
    >>> float(table.loc["total", "value"]), table.loc["line", "flags"].tolist()
    (0.8, ['', 'over_plan'])
    """
    need(lines, ("line", "planned", by), of="funds")
    frame, has_unit = _yuan(lines)
    frame = frame.assign(_group=words(lines, by), _period=words(lines, "period"))
    out = []
    for unit, own in frame.groupby("_unit", sort=True):
        whole = own["_planned"].sum(), own["_spent"].sum()
        parts = [
            ("line", line, group, period, own.iloc[[i]])
            for i, (line, group, period) in enumerate(
                own[["line", "_group", "_period"]].itertuples(index=False, name=None)
            )
        ]
        parts += [("group", "", group, "", part) for group, part in own.groupby("_group")]
        parts.append(("total", "", "", "", own))
        for part, item, group, period, rows in parts:
            planned, spent = float(rows["_planned"].sum()), float(rows["_spent"].sum(min_count=1))
            flags = ["over_plan"] if spent > planned + 1e-9 else []
            flags += ["not_reported"] if rows["_spent"].isna().any() else []
            out.append(
                {"community": unit, "part": part, "item": str(item), "group": str(group),
                 "period": str(period), "planned": planned, "spent": spent,
                 "value": spent / planned if planned > 0 else np.nan,
                 "share_planned": planned / whole[0] if whole[0] > 0 else np.nan,
                 "share_spent": spent / whole[1] if whole[1] > 0 else np.nan,
                 "flags": ";".join(flags)}
            )  # fmt: skip
    columns = ["community", "part", "item", "group", "period", "planned", "spent", "value",
               "share_planned", "share_spent", "flags"]  # fmt: skip
    told = from_rows(out, columns=columns).assign(unit="share", method="scoring.fund_table")
    return told if has_unit else told.drop(columns="community")


def _yuan(lines: pd.DataFrame) -> tuple[pd.DataFrame, bool]:
    planned, spent = numbers(lines, "planned"), numbers(lines, "spent")
    if np.isnan(planned).any() or (planned < 0).any() or (spent < 0).any():
        raise refuse("amount", "金额缺失或为负", "an amount is missing or negative")
    has_unit = "community" in lines.columns
    unit = words(lines, "community") if has_unit else np.full(len(lines), "", dtype=object)
    return lines.assign(_planned=planned, _spent=spent, _unit=unit).reset_index(drop=True), has_unit


def fund_progress(lines: pd.DataFrame, *, elapsed: float, behind_pp: float = 20.0) -> pd.DataFrame:
    """Compare what was spent with what should be by now, for warning W-01.

    Parameters
    ----------
    lines : DataFrame
        Canonical ``funds`` of one period: ``planned``, ``spent`` (yuan), ``community``.
    elapsed : float
        Share of the plan that should be spent by now, 0–1 (the plan's own figure, or the share of
        the period that has passed: say which).
    behind_pp : float
        Lag in percentage points of the plan that fires.

    Returns
    -------
    DataFrame
        One row per community: ``value`` (lag in percentage points: plan minus spent; negative =
        ahead), ``numerator`` (spent), ``denominator`` (planned), ``target`` (``behind_pp``),
        ``verdict`` (failed: fires; passed; cannot_tell: a line is not reported and could matter),
        ``method``.

    References
    ----------
    Rule W-01, doc 000 §6.3: read as percentage points of the plan; 20 itself fires.
    """
    need(lines, ("planned", "spent"), of="funds")
    if not 0 <= elapsed <= 1:
        raise refuse("elapsed", "elapsed 应在 0–1", "elapsed must lie in 0–1")
    frame, has_unit = _yuan(lines)
    rows = []
    for unit, own in frame.groupby("_unit", sort=True):
        planned, spent = float(own["_planned"].sum()), float(own["_spent"].sum())
        silent = float(own.loc[own["_spent"].isna(), "_planned"].sum())
        lag = round(100 * (elapsed - spent / planned), 9) if planned > 0 else np.nan
        # had it all been spent
        best = round(lag - 100 * silent / planned, 9) if planned > 0 else np.nan
        verdict = "failed" if best >= behind_pp else "passed" if lag < behind_pp else "cannot_tell"
        rows.append({"community": unit, "statistic": "lag", "value": lag, "numerator": spent,
                     "denominator": planned, "target": behind_pp,
                     "verdict": verdict if planned > 0 else "cannot_tell"})  # fmt: skip
    columns = ["community", "statistic", "value", "numerator", "denominator", "target", "verdict"]
    out = from_rows(rows, columns=columns).assign(
        unit="percent_points", rule="W-01", method="scoring.fund_progress"
    )
    return out if has_unit else out.drop(columns="community")


def reward(
    base_yuan: Floats | pd.Series | list[float],
    *,
    share: float,
    met: Floats | pd.Series | list[float],
) -> Floats:
    """Give the reward instead of a subsidy: a share of the base where the targets are met.

    Parameters
    ----------
    base_yuan : array of float
        What the percentage is of (≥ 0); the source does not say (``award_base``), the study must.
    share : float
        0.10 to 0.20.
    met : array of bool
        Whether the targets are met, by the study's decision rule.

    Returns
    -------
    array of float
        Yuan.

    References
    ----------
    Rule R-58; doc 000 §7.2, §6.2.
    """
    base = np.asarray(base_yuan, dtype=float)
    low, high = REWARD_SHARES
    if not low <= share <= high or (base < 0).any():
        raise refuse("share", "奖励比例应在 10%–20%，基数不能为负",
                     "the share must lie in 0.10–0.20 and the base not be negative",
                     found=str(share))  # fmt: skip
    return np.asarray(np.where(np.asarray(met, dtype=bool), base * share, 0.0))


def special_fund(
    residents: Floats | pd.Series, *, per_resident_yuan: float = PER_RESIDENT_YUAN
) -> Floats:
    """Give the special fund of each unit: so much per resident and year.

    Parameters
    ----------
    residents : array of float
        Residents of each unit (≥ 0).
    per_resident_yuan : float
        R-59: 50.

    Returns
    -------
    array of float
        Yuan a year. The cap of R-59 is that of one award and not of the fund: 87 000 residents
        bring 4.35 million, and twelve highest awards would cost 6 million (X-41).

    References
    ----------
    Rule R-59, doc 001 §6.2.

    Examples
    --------
    >>> special_fund([87_000]).tolist()
    [4350000.0]
    """
    n = np.asarray(residents, dtype=float)
    if (n < 0).any():
        raise refuse("count", "人数不能为负", "a number of residents must not be negative")
    return np.asarray(n * per_resident_yuan)


def clear_awards(
    granted_yuan: Floats | pd.Series, *, fund_yuan: float, cap_yuan: float = AWARD_CAP_YUAN
) -> pd.DataFrame:
    """Cut each award for clear results at the cap, and hold their sum against the fund.

    Parameters
    ----------
    granted_yuan : array of float
        What was granted to each community (≥ 0); the source does not say how much, only the most.
    fund_yuan : float
        What there is, such as :func:`special_fund` of the subdistrict.
    cap_yuan : float
        R-59: 500 000.

    Returns
    -------
    DataFrame
        One row per award (``part`` award: ``value``, ``flags`` capped) and one ``total``
        (``target`` the fund, ``verdict`` passed or failed).

    References
    ----------
    Rule R-59, doc 001 §6.2; X-41.
    """
    asked = np.asarray(granted_yuan, dtype=float)
    if (asked < 0).any() or fund_yuan < 0:
        raise refuse("amount", "金额不能为负", "an amount must not be negative")
    paid = np.minimum(asked, cap_yuan)
    whole = float(paid.sum())
    out = pd.DataFrame({"part": "award", "value": paid,
                        "flags": np.where(asked > cap_yuan, "capped", "")})  # fmt: skip
    total = {"part": "total", "value": whole, "flags": "", "target": fund_yuan,
             "verdict": "passed" if whole <= fund_yuan else "failed"}  # fmt: skip
    return pd.concat([out, from_rows([total])], ignore_index=True).assign(
        unit="yuan", method="scoring.clear_awards"
    )


def cost_per_point(rows: pd.DataFrame) -> pd.DataFrame:
    """Give what one point of improvement cost (投入产出): exploratory, never part of a score.

    Parameters
    ----------
    rows : DataFrame
        One row per unit or indicator: ``spent`` (yuan, ≥ 0, taken as exact), ``change`` (what it
        improved by, in any unit, positive = better), ``ci_low``, ``ci_high`` (its limits); a
        missing figure gives no result.

    Returns
    -------
    DataFrame
        The rows with ``value``, ``cost_low``, ``cost_high`` (yuan per unit of ``change``),
        ``status`` (ok or not_computed), ``reason_zh``, ``reason_en``, ``method``.

    Raises
    ------
    InputError
        A column is missing, or an amount is negative.

    Notes
    -----
    ``spent / change`` with the limits ``spent / ci_high`` and ``spent / ci_low``. Where the
    change may be none (``ci_low`` ≤ 0) the ratio has no finite interval and is not computed. It
    takes the whole change as bought by the money: no cause is shown, and units differ in what
    they started from. Not for ranking, and not for units that improved by different means.

    References
    ----------
    Capability C-45, doc 002 §7.3. Limits of a ratio: Fieller (1954), JRSS B 16, 175-185, with an
    exact numerator.

    Examples
    --------
    >>> told = cost_per_point(pd.DataFrame(
    ...     {"spent": [90000.0], "change": [9.0], "ci_low": [3.0], "ci_high": [15.0]}))
    >>> told[["value", "cost_low", "cost_high"]].iloc[0].tolist()
    [10000.0, 6000.0, 30000.0]
    """
    need(rows, ("spent", "change", "ci_low", "ci_high"), of="rows")
    spent, change, low, high = (
        pd.to_numeric(rows[name]).astype(float) for name in ("spent", "change", "ci_low", "ci_high")
    )
    if (spent < 0).any():
        raise refuse("amount", "金额不能为负", "an amount must not be negative")
    blank = spent.isna() | change.isna() | low.isna() | high.isna()
    ok = ~blank & low.gt(0) & change.gt(0)
    return rows.assign(
        value=(spent / change).where(ok),
        cost_low=(spent / high).where(ok),
        cost_high=(spent / low).where(ok),
        status=np.where(ok, "ok", "not_computed"),
        reason_zh=np.where(ok, "", np.where(blank, "缺数值", "变化可能为零")),
        reason_en=np.where(
            ok, "", np.where(blank, "a figure is missing", "the change may be none")
        ),
        method="scoring.cost_per_point",
    )
