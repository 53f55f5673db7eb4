"""Where a unit stands: the colour of an awarded one, and its way from application to title."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd

from workbench.errors import InputError, Problem
from workbench.scoring._frames import need, refuse, words
from workbench.survey.rows import from_rows

__all__ = ["TRANSITIONS", "award_history", "traffic_light"]

TRANSITIONS: dict[tuple[str, str], str] = {
    ("", "applied"): "applied",
    ("applied", "review_passed"): "admitted",
    ("applied", "review_failed"): "rejected",
    ("admitted", "assessed"): "assessed",
    ("assessed", "notice"): "notice",
    ("notice", "objection_upheld"): "assessed",
    ("notice", "not_named"): "rejected",
    ("notice", "named"): "named",
    ("named", "recheck_passed"): "named",
    ("named", "review_passed"): "named",
    ("named", "recheck_failed"): "yellow_card",
    ("named", "fact"): "revocation",
    ("yellow_card", "rectified"): "named",
    ("yellow_card", "not_rectified"): "revocation",
    ("yellow_card", "fact"): "revocation",
    ("revocation", "title_kept"): "named",
    ("revocation", "revoked"): "revoked",
    ("rejected", "applied"): "applied",
    ("revoked", "applied"): "applied",
}
"""From a state, by an event, to the next (R-47 to R-50); what is not listed cannot happen."""

_STATE_ZH = {
    "applied": "已申报", "admitted": "初审通过", "rejected": "未通过", "assessed": "已测评",
    "notice": "公示中", "named": "已命名", "yellow_card": "黄牌警告", "revocation": "撤销程序中",
    "revoked": "已取消称号",
}  # fmt: skip


def traffic_light(
    events: pd.DataFrame, *, as_of: dt.date, red_after_months: int = 3
) -> pd.DataFrame:
    """Give the colour of each awarded unit, with the history that led to it.

    Parameters
    ----------
    events : DataFrame
        ``community``, ``date`` (ISO), ``event`` (``trigger``: a warning card; ``cured``: put right;
        ``fact``: a disqualifying fact), ``rule`` (which).
    as_of : date
        The day the colour is for; later events do not count.
    red_after_months : int
        A trigger not cured for so long turns red (assumption of R-50).

    Returns
    -------
    DataFrame
        One row per community and change of colour: ``community``, ``date``, ``colour`` (green,
        yellow, red), ``rule`` (cause), ``current`` (true on the last row), ``reason_zh``,
        ``reason_en``, ``method``. Red starts the procedure of revocation and revokes nothing.

    References
    ----------
    Rule R-50, doc 002 §5.2; three months to rectify: doc 002 §5.4 (R-49).
    """
    need(events, ("community", "date", "event"), of="events")
    kinds = words(events, "event")
    odd = sorted(set(kinds) - {"trigger", "cured", "fact"})
    if odd:
        raise refuse("event", f"不认识的事件：{', '.join(odd)}", f"unknown event: {', '.join(odd)}",
                     expected="trigger, cured, fact")  # fmt: skip
    stamps = pd.to_datetime(events["date"], errors="coerce", format="ISO8601")
    if bool(stamps.isna().any()):
        raise refuse("date", "事件日期缺失或有误", "an event has no proper date")
    frame = pd.DataFrame({"community": events["community"].to_numpy(), "date": stamps.dt.date,
                          "event": kinds, "rule": words(events, "rule")})  # fmt: skip
    records: list[dict[str, Any]] = []
    for community, own in frame[frame["date"] <= as_of].groupby("community", sort=True):
        records += _colours(str(community), own, as_of, red_after_months)
    for community in sorted(
        set(frame["community"].astype(str)) - {r["community"] for r in records}
    ):
        records.append(_colour(community, as_of, "green", "", "无未关闭的预警", "no open trigger"))
    columns = ["community", "date", "colour", "rule", "reason_zh", "reason_en"]
    out = from_rows(records, columns=columns)
    out["current"] = ~out["community"].duplicated(keep="last")
    return out.assign(method="scoring.traffic_light")


def _colour(
    community: str, day: dt.date, colour: str, rule: str, zh: str, en: str
) -> dict[str, Any]:
    return {"community": community, "date": day.isoformat(), "colour": colour, "rule": rule,
            "reason_zh": zh, "reason_en": en}  # fmt: skip


def _colours(
    community: str, own: pd.DataFrame, as_of: dt.date, months: int
) -> list[dict[str, Any]]:
    """Replay the events of one unit day by day of change."""
    events = sorted(own[["date", "event", "rule"]].itertuples(index=False, name=None),
                    key=lambda e: (e[0], {"cured": 0, "trigger": 1, "fact": 2}[e[1]]))  # fmt: skip
    opened: dict[str, dt.date] = {}
    facts: set[str] = set()
    ripe = {_later(day, months) for day, kind, _ in events if kind == "trigger"}
    days = sorted({e[0] for e in events} | {day for day in ripe if day <= as_of})
    records: list[dict[str, Any]] = []
    colour = "green"
    for day in days:
        for when, event, rule in events:
            if when != day:
                continue
            if event == "trigger":
                opened.setdefault(rule, day)
            elif event == "fact":
                facts.add(rule)
            else:
                opened.pop(rule, None)
                facts.discard(rule)
        overdue = [r for r, since in opened.items() if _later(since, months) <= day]
        if facts:
            now, cause = "red", sorted(facts)[0]
            zh, en = "出现一票否决事实", "a disqualifying fact"
        elif overdue:
            now, cause = "red", overdue[0]
            zh = f"黄色预警 {months} 个月未整改"
            en = f"yellow not cured within {months} months"
        elif opened:
            now, cause = "yellow", next(iter(opened))
            zh, en = "有未关闭的预警", "an open trigger"
        else:
            now, cause, zh, en = "green", "", "无未关闭的预警", "no open trigger"
        if now != colour or not records:
            records.append(_colour(community, day, now, cause, zh, en))
        colour = now
    return records


def _later(day: dt.date, months: int) -> dt.date:
    moved = pd.Timestamp(day) + pd.DateOffset(months=months)
    return dt.date(moved.year, moved.month, moved.day)


def award_history(
    events: pd.DataFrame,
    *,
    as_of: dt.date,
    rectify_months: int = 3,
    recheck_months: int = 12,
    review_years: int = 3,
) -> pd.DataFrame:
    """Replay what happened to each unit from application to title, warning and revocation.

    Parameters
    ----------
    events : DataFrame
        ``community``, ``date`` (ISO), ``event`` (see :data:`TRANSITIONS`); later ones do not count.
    as_of : date
        The day for which the state and the dates due are given.
    rectify_months, recheck_months, review_years : int
        Time to rectify after a yellow card, between re-inspections, between reviews.

    Returns
    -------
    DataFrame
        One row per event: ``community``, ``date``, ``event``, ``state``, ``state_zh``, ``due``
        (date of the next step, if there is one), ``due_what`` (rectification, recheck, review),
        ``overdue``, ``ineligible_until`` (R-22: end of the next year after a failed
        rectification), ``current`` (last row of a unit), ``method``.

    Raises
    ------
    InputError
        An event that cannot follow, an unknown one, a missing date; all are listed.

    Notes
    -----
    Nothing is revoked by the clock: a rectification overdue is shown as such, and a person enters
    ``not_rectified`` and ``revoked``.

    References
    ----------
    Rules R-22, R-47, R-48, R-49, R-50; doc 002 §1.5, §3.4, §5.4, §6.4.
    """
    need(events, ("community", "date", "event"), of="events")
    stamps = pd.to_datetime(events["date"], errors="coerce", format="ISO8601")
    if bool(stamps.isna().any()):
        raise refuse("date", "事件日期缺失或有误", "an event has no proper date")
    columns = {c: words(events, c) for c in ("community", "event")}
    frame = pd.DataFrame({**columns, "date": stamps.dt.date, "row": range(1, len(events) + 1)})
    frame = frame[frame["date"] <= as_of].sort_values(["community", "date", "row"])
    records: list[dict[str, Any]] = []
    problems: list[Problem] = []
    for community, own in frame.groupby("community", sort=True):
        state, named, barred = "", None, None
        for day, event, row in own[["date", "event", "row"]].itertuples(index=False, name=None):
            following = TRANSITIONS.get((state, event))
            early = event == "applied" and barred is not None and day <= barred
            if following is None or early:
                allowed = ", ".join(e for s, e in TRANSITIONS if s == state)
                problems.append(_impossible(str(community), state, event, int(row), allowed))
                continue
            if event == "named":
                named = day
            if event == "not_rectified":
                barred = dt.date(day.year + 1, 12, 31)
            state = following
            due, what = _due(state, day, named, rectify_months, recheck_months, review_years)
            records.append(
                {"community": community, "date": day.isoformat(), "event": event, "state": state,
                 "state_zh": _STATE_ZH[state], "due": "" if due is None else due.isoformat(),
                 "due_what": what, "overdue": due is not None and due < as_of,
                 "ineligible_until": "" if barred is None else barred.isoformat()}
            )  # fmt: skip
    if problems:
        raise InputError(*problems)
    shown = ["community", "date", "event", "state", "state_zh", "due", "due_what", "overdue",
             "ineligible_until"]  # fmt: skip
    out = from_rows(records, columns=shown)
    out["current"] = ~out["community"].duplicated(keep="last")
    out["overdue"] = out["overdue"].astype(bool) & out["current"]
    return out.assign(method="scoring.award_history")


def _impossible(community: str, state: str, event: str, row: int, allowed: str) -> Problem:
    known = _STATE_ZH.get(state, "未申报")
    return Problem(
        code="scoring.award-event",
        zh=f"处于“{known}”时不可能发生事件 {event}",
        en=f"{event} cannot follow the state {state or 'none'}",
        row=row,
        community=community,
        column="event",
        expected=allowed,
        found=event,
    )


def _due(
    state: str, day: dt.date, named: dt.date | None, rectify: int, recheck: int, review: int
) -> tuple[dt.date | None, str]:
    if state == "yellow_card":
        return _later(day, rectify), "rectification"
    if state != "named" or named is None:
        return None, ""
    inspection = _later(day, recheck)
    years = review
    while _later(named, 12 * years) <= day:
        years += review
    whole = _later(named, 12 * years)
    return (whole, "review") if whole <= inspection else (inspection, "recheck")
