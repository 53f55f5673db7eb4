"""How requests were handled: the three rates of a hotline, and hours by the study's calendar."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import scoring, survey
from workbench.calendars import Calendar
from workbench.survey.rows import to_rows

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = [
    "by_kind",
    "rates",
    "same_time",
    "three_days",
    "treatment",
    "worked",
    "worked_days",
    "working",
]

Row = dict[str, Any]

_TITLES = {
    "answered_in_time": ("requests.in_time", "及时率：按期答复的诉求", "Answered in time"),
    "resolved": ("requests.resolved", "解决率：已解决的诉求", "Resolved"),
    "called_back": ("requests.called_back", "回访率：有回访结果的诉求", "Called back"),
    "satisfied": ("requests.satisfied", "满意率：回访中表示满意的", "Satisfied when called back"),
}
_KEPT = (
    "value unit ci_low ci_high level n numerator denominator method status reason_zh reason_en"
).split()
_WHEN = {"current": ("本期", "this period"), "baseline": ("基期", "baseline period")}
_FEW = (
    "回访少于最小单元，不公布",
    "fewer called back than the smallest number that is published",
)
_FEW_KIND = (
    "这类诉求少于最小单元，不公布",
    "fewer requests of this kind than the smallest number that is published",
)
_WORKED_OUT = (
    "不公布，否则可由合计推算出另一类",
    "withheld, or another kind could be worked out from the rates of all",
)
KINDS = {
    "complaint": ("投诉", "complaints"),
    "need": ("需求", "needs"),
    "suggestion": ("建议", "suggestions"),
    "dispute": ("纠纷", "disputes"),
    "order": ("工单", "orders"),
}
"""Kinds of requests, as readers call them."""


def _told(c: Community) -> Mapping[str, Any]:
    return c.settings.get("requests") or {}


def _calendar(c: Community) -> Calendar:
    days = c.settings.get("workdays") or {}
    return Calendar({dt.date.fromisoformat(day): works for day, works in days.items()})


def _office(c: Community) -> tuple[float, float]:
    begin, end = _told(c).get("office") or (0.0, 24.0)
    return float(begin), float(end)


def working(c: Community) -> bool:
    """Say whether the durations of requests are counted by the working calendar."""
    return _told(c).get("hours") == "working"


def worked(c: Community, begin: pd.Series, end: pd.Series) -> pd.Series:
    """Give the working hours between two steps, by the study's calendar and office hours."""
    return _calendar(c).elapsed(begin, end, office=_office(c))


def worked_days(c: Community, begin: pd.Series, end: pd.Series) -> pd.Series:
    """Give the same in working days, each as long as the office is open."""
    first, last = _office(c)
    return worked(c, begin, end) / (last - first)


def three_days(c: Community) -> tuple[str, str]:
    """Name the share closed within three days, in zh and en."""
    if working(c):
        return "3个工作日内办结的比例", "Share closed within 3 working days"
    return "72小时内办结的比例", "Share closed within 72 hours"


def _due(c: Community, frame: pd.DataFrame) -> pd.Series:
    """Give when each request had to be dealt with: its own time limit, or the study's."""
    told = _told(c)
    within: Any = told.get("within") or "due"
    if within == "due":
        return frame["due"]
    begin = frame[str(told["clock"]).partition("..")[0]]
    if within.get("hours"):
        return begin + pd.Timedelta(hours=float(within["hours"]))
    calendar = _calendar(c)
    if within.get("working_days"):
        return calendar.due(begin, days=int(within["working_days"]))
    return calendar.due(begin, hours=float(within["working_hours"]), office=_office(c))


def rates(
    c: Community, frame: pd.DataFrame, drawn: Any, when: str, words: tuple[str, str]
) -> list[Row]:
    """Give the rates of one period's requests, duplicates among them, each with its denominator."""
    rows = []
    for one in to_rows(_counted(c, frame, drawn)):
        if one["status"] == "not_computed" and one["statistic"] != "resolved":
            continue  # nothing due, nobody called back: the register has no such thing
        row = _row(one, when, words)
        if one["reason_zh"]:
            row["reason_zh"] = f"{_WHEN[when][0]}{one['reason_zh']}"
            row["reason_en"] = f"{_WHEN[when][1]}: {one['reason_en']}"
        if one["statistic"] == "satisfied" and one["n"] < c.min_cell:
            row |= dict.fromkeys(("value", "ci_low", "ci_high", "n", "numerator", "denominator"))
            row |= {"status": "suppressed", "reason_zh": _FEW[0], "reason_en": _FEW[1]}
        rows.append(row)
    return rows


def by_kind(
    c: Community, frame: pd.DataFrame, drawn: Any, when: str, words: tuple[str, str]
) -> list[Row]:
    """Give the same rates for each kind of request; none where all are of one kind.

    Small kinds, and those from which they could be worked out by the rates of all, are withheld; a
    rate that no kind is large enough for is left out.
    """
    if frame["kind"].nunique() < 2:
        return []
    found = _counted(c, frame, drawn, by="kind")
    found = found.loc[found["status"].ne("not_computed"), ["kind", "statistic", "flags", *_KEPT]]
    shown = survey.disclosure(found, minimum=c.min_cell, cells=["kind"], keys=["statistic"])
    told = set(shown.loc[shown["status"].eq("ok"), "statistic"])
    shown = shown[shown["statistic"].isin(told)]
    order = {name: n for n, name in enumerate(_TITLES)}
    rows = []
    for one in sorted(to_rows(shown), key=lambda r: order[r["statistic"]]):
        zh, en = KINDS.get(str(one["kind"]), (str(one["kind"]),) * 2)
        row = _row(one, when, (f"{words[0]}，{zh}", f"{words[1]}, {en}"))
        row["finding"] += f".kind={one['kind']}"
        if one["status"] == "suppressed":
            why = _FEW_KIND if one["flags"] == "disclosure" else _WORKED_OUT
            row |= {"reason_zh": why[0], "reason_en": why[1]}
        rows.append(row | {"subgroup": f"kind={one['kind']}", "flags": one["flags"]})
    return rows


def _counted(c: Community, frame: pd.DataFrame, drawn: Any, by: str | None = None) -> pd.DataFrame:
    told = _told(c)
    return scoring.handling_rates(
        frame.assign(due=_due(c, frame)),
        drawn=drawn,
        end=str(told.get("clock") or "..answered").partition("..")[2],
        satisfied_from=told.get("satisfied_from"),
        by=by,
        level=c.level,
        **{k: told[k] for k in ("open", "partly", "rejected", "withdrawn") if k in told},
    )


def _row(one: Mapping[Any, Any], when: str, words: tuple[str, str]) -> Row:
    name, zh, en = _TITLES[one["statistic"]]
    row: Row = {
        "finding": f"{name}.{when}",
        "kind": "estimate",
        "label_zh": zh + words[0],
        "label_en": en + words[1],
        "channel": "record",
    }
    return row | {k: one[k] for k in _KEPT}


_OPEN = {
    "unresolved": ("到期未办结的计为未解决", "open ones past their limit count as not resolved"),
    "excluded": ("未办结的不计入解决率", "open ones are left out of the share resolved"),
}
_PARTLY = {
    "unresolved": ("部分解决的计为未解决", "partly resolved ones count as not resolved"),
    "resolved": ("部分解决的计为解决", "partly resolved ones count as resolved"),
    "excluded": ("部分解决的不计入", "partly resolved ones are left out"),
}
_STEPS = {
    "received": ("受理", "receipt"),
    "assigned": ("交办", "assignment"),
    "answered": ("答复（没有答复时间的按办结）", "answer (closing where no answer is noted)"),
    "closed": ("办结", "closing"),
}


def treatment(c: Community) -> Row:
    """Say in words how duplicates, open, rejected, withdrawn and not-yet-due requests count."""
    told = _told(c)
    start, _, end = str(told.get("clock") or "received..answered").partition("..")
    limit = _limit_words(c)
    aside = {"excluded": [], "unresolved": []}  # type: dict[str, list[tuple[str, str]]]
    for key, words in (
        ("rejected", ("不予受理", "rejected")),
        ("withdrawn", ("撤回", "withdrawn")),
    ):
        aside[told.get(key) or "excluded"].append(words)
    zh = [f"及时指自{_STEPS[start][0]}起在{limit[0]}内{_STEPS[end][0]}"]
    en = [f"in time means {_STEPS[end][1]} within {limit[1]} from {_STEPS[start][1]}"]
    zh.append("重复件不计，只计首件；尚未到期的不计入及时率和解决率")
    en.append("duplicates are left out, their original is counted; requests not yet due are left "
              "out of the shares in time and resolved")  # fmt: skip
    for how, names in aside.items():
        if names:
            joined = "、".join(z for z, _ in names), " and ".join(e for _, e in names)
            zh.append(joined[0] + ("的不计入" if how == "excluded" else "的计为未解决"))
            en.append(f"{joined[1]} ones " + (
                "are left out" if how == "excluded" else "count as not resolved"))  # fmt: skip
    for words in (
        _OPEN[told.get("open") or "unresolved"],
        _PARTLY[told.get("partly") or "unresolved"],
    ):
        zh.append(words[0])
        en.append(words[1])
    lowest = told.get("satisfied_from")
    zh.append(
        "满意率只计有回访结果的" + (f"，{lowest:g}分及以上为满意" if lowest is not None else "")
    )
    en.append("satisfied is a share of those called back"
              + (f", from a score of {lowest:g} on" if lowest is not None else ""))  # fmt: skip
    if working(c):
        zh.append(f"用时按工作日历计{_office_words(c)[0]}")
        en.append(f"durations are counted by the working calendar{_office_words(c)[1]}")
    gaps = _uncovered(c)
    if gaps:
        zh.append(f"日历没有{'、'.join(gaps)}年的假期，该年只按周末计")
        en.append(f"no holidays of {', '.join(gaps)} in the calendar: weekends alone are free then")
    return {
        "finding": "requests.treatment",
        "kind": "text",
        "label_zh": "三率的算法",
        "label_en": "How the three rates are counted",
        "channel": "record",
        "wave": c.wave,
        "display_zh": "；".join(zh),
        "display_en": "; ".join(en),
        "method": "scoring.handling_rates",
    }


def _uncovered(c: Community) -> list[str]:
    """Name the years of the requests whose holidays the calendar does not know."""
    known = {day[:4] for day in c.settings.get("workdays") or {}}
    if not known:
        return []
    table = c.tables["requests"]
    years = {at.year for name in ("received", "closed") for at in table[name].dropna()}
    return [str(year) for year in sorted(years) if str(year) not in known]


def _office_words(c: Community) -> tuple[str, str]:
    begin, end = _office(c)
    if (begin, end) == (0.0, 24.0):
        return "", ""
    told = "–".join(f"{int(h)}:{round(h % 1 * 60):02d}" for h in (begin, end))
    return f"（每日{told}）", f" ({told} each day)"


def _limit_words(c: Community) -> tuple[str, str]:
    within: Any = _told(c).get("within") or "due"
    if within == "due":
        return "各件的时限", "the limit of each request"
    if within.get("hours"):
        return f"{within['hours']:g}小时", f"{within['hours']:g} hours"
    if within.get("working_days"):
        return f"{within['working_days']}个工作日", f"{within['working_days']} working days"
    hours, office = within["working_hours"], _office_words(c)
    return f"{hours:g}个工作小时{office[0]}", f"{hours:g} working hours{office[1]}"


_NEXT = (
    "下一步：抽10件对照原始工单和通话记录，问清平台是否在办结时自动填写答复时间；查清之前，"
    "及时率和答复用时不能当作答复的快慢",
    "next: hold ten against the original orders and calls, and ask whether the platform fills in "
    "the time of answer at closing; until then the share in time says nothing about answers",
)
_DAYS_ONLY = (
    "下一步：向平台索取带时刻的导出",
    "next: ask the platform for an export with times of day",
)


def same_time(c: Community, frame: pd.DataFrame) -> list[Row]:
    """Check how many of this period's requests bear one time for answer and closing."""
    if not {"answered", "closed"} <= set(frame.columns):
        return []
    one = to_rows(scoring.same_times(frame, level=c.level))[0]
    if one["status"] != "ok":
        return []
    row: Row = {k: one[k] for k in (*_KEPT, "target", "verdict")}
    row |= {
        "finding": "records.same_time.requests",
        "kind": "check",
        "channel": "record",
        "severity": "warning",
        "reach": "table",
        "wave": c.wave,
        "label_zh": "答复时间与办结时间完全相同的诉求（不应超过20%）",
        "label_en": "Requests with equal times of answer and closing (no more than 20%)",
    }
    more = {"failed": _NEXT, "cannot_tell": _DAYS_ONLY}.get(one["verdict"])
    if more:
        row["reason_zh"] += "（启动核查，不是处罚）；" + more[0]
        row["reason_en"] += " (a check, not a penalty); " + more[1]
        row |= {"remedy_zh": more[0], "remedy_en": more[1]}
    return [row]
