"""Where an awarded unit stands: green, yellow or red, with the history behind it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd

from workbench.scoring._frames import need, refuse, words

__all__ = ["traffic_light"]


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
    out = pd.DataFrame(records, columns=["community", "date", "colour", "rule", "reason_zh",
                                         "reason_en"])  # fmt: skip
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
