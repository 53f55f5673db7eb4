"""Where a unit stands: colour, title and its history, and the money that hangs on them."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench import scoring
from workbench.assess.alerts import awarded_on
from workbench.assess.gates import DECIDED
from workbench.assess.indicators import _truth, judged_by, unestimated
from workbench.errors import InputError
from workbench.findings import number
from workbench.scoring.standing import TRANSITIONS
from workbench.survey.rows import from_rows, to_rows

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["standing"]

Row = dict[str, Any]

_COLOURS = {"green": ("绿", "green"), "yellow": ("黄", "yellow"), "red": ("红", "red")}
_EVENTS = {event for _, event in TRANSITIONS}
_DUE = {
    "rectification": ("整改期限", "rectification due"),
    "recheck": ("下次复检", "next re-inspection"),
    "review": ("三年复审", "three-year review"),
}


def standing(c: Community, frame: pd.DataFrame, alerts: pd.DataFrame) -> pd.DataFrame:
    """Give colour, history of the title, what is due next, and subsidy or bonus by the rules.

    Parameters
    ----------
    c
        The unit. Events of its title are ``facts`` with the names of
        :data:`workbench.scoring.standing.TRANSITIONS` (applied, named, recheck_failed, …), value
        true, and a date.
    frame
        Result of :func:`workbench.assess.indicators`.
    alerts
        Result of :func:`workbench.assess.warnings`.

    Returns
    -------
    DataFrame
        ``standing.colour`` (awarded units), ``standing.event.<n>``, ``standing.state``,
        ``standing.subsidy`` (R-55, R-56), ``standing.bonus`` (R-60). Nothing is revoked and nothing
        paid here: it is what the rules say. Empty where the programme has none of it.
    """
    rows = [*_colour(c, alerts), *_history(c), *_subsidy(c, frame), *_bonus(c, frame)]
    return from_rows(rows)


def _value(c: Community, name: str) -> Any:
    return c.protocol.parameter(name) if name in c.protocol.parameters else None


def _issued(c: Community) -> dt.date:
    return dt.date.fromisoformat(str(c.settings["issued"]))


def _as_of(c: Community) -> dt.date:
    """Give the day of the state of a title: that of issue, of an amendment that of its decision."""
    issued = _issued(c)
    if int(c.settings["edition"]) == 1 or not c.has("objections"):
        return issued
    decided = c.tables["objections"]["decided"].dropna()
    return max(issued, decided.max().date()) if len(decided) else issued


def _day(row: dict[Any, Any], fallback: dt.date) -> dt.date:
    """Give the day a warning fired: its own date, the end of its month, or the day of issue."""
    date, period = row.get("date"), str(row.get("period") or "").partition("..")[0]
    if isinstance(date, str) and date:
        return dt.date.fromisoformat(date[:10])
    if len(period) == 7 and period[4] == "-" and period[5:].isdigit():
        return min(pd.Period(period, "M").end_time.date(), fallback)
    return fallback


def _colour(c: Community, alerts: pd.DataFrame) -> list[Row]:
    """Replay yellow and red of an awarded unit (R-50); red starts a procedure, revokes nothing."""
    months = _value(c, "red_after_months")
    if months is None or awarded_on(c) is None:
        return []
    issued = _issued(c)
    events = []
    fired = alerts[alerts["verdict"].eq("failed")] if len(alerts) else alerts
    for row in to_rows(fired):
        kind = "fact" if row.get("severity") == "red" else "trigger"
        events.append(
            {
                "community": c.community,
                "date": _day(row, issued).isoformat(),
                "event": kind,
                "rule": str(row["finding"]).removeprefix("warning."),
            }
        )
    if events:
        told = to_rows(
            scoring.traffic_light(from_rows(events), as_of=issued, red_after_months=int(months))
        )
    else:
        told = [
            {
                "colour": "green",
                "date": issued.isoformat(),
                "rule": "",
                "reason_zh": "无未关闭的预警",
                "reason_en": "no open trigger",
            }
        ]
    now = told[-1]
    zh, en = _COLOURS[str(now["colour"])]
    way = [f"{t['date']} {_COLOURS[str(t['colour'])][0]}" for t in told]
    way_en = [f"{t['date']} {_COLOURS[str(t['colour'])][1]}" for t in told]
    return [
        {
            "finding": "standing.colour",
            "kind": "text",
            "rule": "R-50",
            "label_zh": "红黄绿状态",
            "label_en": "Red, yellow or green",
            "date": now["date"],
            "display_zh": f"{zh}（{now['reason_zh']}）；经过：{'，'.join(way)}",
            "display_en": f"{en} ({now['reason_en']}); history: {', '.join(way_en)}",
            "severity": now["colour"],
            "method": "scoring.traffic_light",
        }
    ]


def _history(c: Community) -> list[Row]:
    """Replay application, title, yellow card and revocation from the unit's facts."""
    if not c.has("facts"):
        return []
    facts = c.tables["facts"]
    mine = facts[facts["fact"].isin(_EVENTS) & facts["date"].notna()]
    mine = mine[[bool(_truth(value)) for value in mine["value"]]]
    if mine.empty:
        return []
    limits = {
        name: int(value)
        for name in ("rectify_months", "recheck_months", "review_years")
        if (value := _value(c, name)) is not None
    }
    events = pd.DataFrame(
        {
            "community": c.community,
            "event": mine["fact"],
            "date": mine["date"].dt.strftime("%Y-%m-%d"),
        }
    )
    label = {"label_zh": "称号", "label_en": "Title", "rule": "R-47", "kind": "text"}
    try:
        told = to_rows(scoring.award_history(events, as_of=_as_of(c), **limits))
    except InputError as error:
        said = [problem.text(lang) for lang in ("zh", "en") for problem in error.problems[:1]]
        return [
            {
                "finding": "standing.state",
                **label,
                "status": "not_computed",
                "reason_zh": said[0],
                "reason_en": said[1],
                "method": "scoring.award_history",
            }
        ]
    rows: list[Row] = [
        {
            "finding": f"standing.event.{i}",
            **label,
            "date": one["date"],
            "display_zh": f"{one['date']} {one['event']} → {one['state_zh']}",
            "display_en": f"{one['date']} {one['event']} → {one['state'].replace('_', ' ')}",
            "method": "scoring.award_history",
        }
        for i, one in enumerate(told, 1)
    ]
    last = told[-1]
    zh, en = str(last["state_zh"]), str(last["state"]).replace("_", " ")
    if last["due"]:
        what = _DUE[str(last["due_what"])]
        late = ("（已过期）", " (overdue)") if last["overdue"] else ("", "")
        zh += f"；{what[0]}：{last['due']}{late[0]}"
        en += f"; {what[1]}: {last['due']}{late[1]}"
    if last["ineligible_until"]:
        zh += f"；至{last['ineligible_until']}不得参评（R-22）"
        en += f"; not eligible until {last['ineligible_until']} (R-22)"
    rows.append(
        {
            "finding": "standing.state",
            **label,
            "display_zh": zh,
            "display_en": en,
            "due": last["due"] or None,
            "method": "scoring.award_history",
        }
    )
    return rows


def _indicator(frame: pd.DataFrame, slug: str) -> Row | None:
    mine = frame[frame["finding"].eq(f"indicator.{slug}") & frame["value"].notna()]
    return None if mine.empty else {str(k): v for k, v in judged_by(mine).iloc[0].to_dict().items()}


def _subsidy(c: Community, frame: pd.DataFrame) -> list[Row]:
    """Give the welfare subsidy of an awarded unit, cut for a fall in fee collection."""
    cap, reference = _value(c, "subsidy_cap"), _value(c, "reference_rate")
    if cap is None or awarded_on(c) is None:
        return []
    row: Row = {
        "finding": "standing.subsidy",
        "kind": "text",
        "rule": "R-56",
        "unit": "yuan",
        "label_zh": "公益金补贴上限及核减（元/年）",
        "target": float(cap),
        "label_en": "Welfare subsidy: cap and cut (yuan a year)",
        "method": "scoring.subsidy",
    }
    fee = _indicator(frame, "property_fee_collection_rate")
    if reference is None or fee is None:
        what = (
            (
                "获评时的物业费收缴率未写明（parameters.reference_rate）",
                "fee collection at the award is not given (parameters.reference_rate)",
            )
            if reference is None
            else ("没有本期物业费收缴率", "there is no fee collection rate of this wave")
        )
        return [row | {"status": "not_computed", "reason_zh": what[0], "reason_en": what[1]}]
    data = pd.DataFrame(
        {
            "base_yuan": [float(cap)],
            "reference_rate": [float(reference) / 100],
            "rate": [float(fee["value"])],
        }
    )
    told = to_rows(
        scoring.subsidy(data, cut_mode=_value(c, "cut_mode") or "step", cap_yuan=float(cap))
    )[0]
    rate = number(float(fee["value"]), "share", "zh")
    return [
        row
        | {
            "value": told["value"],
            "numerator": told["value"],
            "denominator": float(cap),
            "display_zh": f"{told['value']:,.0f}元（上限{cap:,.0f}元 × {told['factor']:.0%}；"
            f"收缴率{reference:g}% → {rate}）",
            "display_en": f"{told['value']:,.0f} yuan (cap {cap:,.0f} × {told['factor']:.0%}; fee "
            f"collection {reference:g}% → {rate})",
        }
    ]


def _bonus(c: Community, frame: pd.DataFrame) -> list[Row]:
    """Say whether participation earns the bonus, by the study's decision rule for money."""
    threshold, award = _value(c, "bonus_threshold"), _value(c, "bonus_award")
    one = _indicator(frame, "participation_rate")
    if threshold is None or award is None or one is None:
        return []
    row: Row = {
        "finding": "standing.bonus",
        "kind": "check",
        "rule": "R-60",
        "unit": "share",
        "label_zh": f"参与率奖励（严格大于{threshold:g}%，{award:,.0f}元）",
        "label_en": f"Participation bonus (above {threshold:g}%, {award:,.0f} yuan)",
        "value": float(one["value"]),
        "target": float(threshold) / 100,
        "ci_low": one["ci_low"],
        "ci_high": one["ci_high"],
        "n": one["n"],
        "indicator": "participation_rate",
        "method": "scoring.participation_award",
    }
    decision = c.settings["decisions"].get("gate")
    exact: bool = pd.isna(one["ci_low"]) or one["ci_low"] == one["ci_high"]
    blind = bool(unestimated(from_rows([one])).iloc[0])
    if blind or (decision is None and not exact):
        return [
            row
            | {
                "verdict": "cannot_tell",
                "decision": "cannot_tell",
                "reason_zh": "误差未知，或未写明判定规则（decisions.gate）",
                "reason_en": "the error is not known, or decisions.gate is not given",
            }
        ]
    data = pd.DataFrame(
        {
            "value": [float(one["value"])],
            "denominator": [one.get("denominator")],
            "ci_low": [one["ci_low"]],
            "ci_high": [one["ci_high"]],
        }
    )
    told = to_rows(
        scoring.participation_award(
            data.astype(float),
            decision=decision or "point",
            threshold=float(threshold) / 100,
            award_yuan=float(award),
        )
    )[0]
    met = told["decision"] == "met"
    value = float(one["value"])
    low, high = (
        np.array([value if pd.isna(one[name]) else float(one[name])])
        for name in ("ci_low", "ci_high")
    )
    bound = np.array([float(threshold) / 100])
    outcome = scoring.three_outcomes(low, high, np.array([">"]), bound)[0]
    paid = told["award_yuan"]
    return [
        row
        | {
            "verdict": "passed" if met else "failed",
            "decision": decision if not exact else None,
            "flags": str(outcome),
            "reason_zh": f"决定：{'给予' if met else '不给予'}{paid if met else award:,.0f}元；"
            + ("" if exact else f"规则：{DECIDED[str(decision)][0]}；")
            + f"统计结果：{_OUTCOMES[str(outcome)][0]}",
            "reason_en": f"decision: {'paid' if met else 'not paid'}; "
            + ("" if exact else f"rule: {DECIDED[str(decision)][1]}; ")
            + f"statistical outcome: {_OUTCOMES[str(outcome)][1]}",
        }
    ]


_OUTCOMES = {
    "met": ("达到", "met"),
    "not_met": ("未达到", "not met"),
    "cannot_tell": ("无法判断", "cannot be told"),
}
