"""Where each sampled case stands: what can be done tomorrow, what waits, what is closed and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from workbench.fieldwork.reading import Field

__all__ = ["CALL", "FIRST", "OPEN", "SLOTS", "STATES", "reason", "standing"]

CALL, FIRST = "call", "first"
STATES = {
    CALL: ("明日可访", "to be called tomorrow"),
    FIRST: ("尚未上门", "not visited yet"),
    "interviewed": ("已完成访问", "interviewed"),
    "refused": ("拒访，不再访", "refused, not called again"),
    "unable": ("身故或无法受访", "died, or cannot be interviewed"),
    "ineligible": ("不合格", "not eligible"),
    "replaced": ("已由替换户代替", "replaced by a substitute"),
    "used_up": ("访问次数已满", "attempts used up"),
    "appointment": ("约在以后", "appointment on a later day"),
    "kept": ("最后一次留给没试过的时段", "last attempt kept for a time not tried yet"),
    "reserve": ("备用户，未启用", "reserve, not released"),
    "other": ("处置码未说明可再访", "a code that tells no way on"),
}
"""``call`` and ``first`` can be done tomorrow; the others stand on no list."""

# AAPOR codes of cases that are open, the longest first
OPEN = {
    "1.2": ("部分完成", "partial"),
    "2.2": ("未接触", "not met"),
    "2.3": ("因故未能访问", "could not be interviewed"),
    "3.1": ("不知是否有人住", "not known whether anybody lives there"),
    "3.2": ("不知有无合格者", "not known whether anybody is eligible"),
    "3": ("未知", "unknown"),
}
SLOTS = {
    "evening": ("工作日晚上（18时后）", "a weekday evening (from 18:00)"),
    "day": ("工作日白天", "a weekday in the daytime"),
    "weekend": ("周末", "a weekend"),
}
_EVENING = 18  # hour
_AHEAD = 7  # days looked ahead where study.yaml does not tell the end of field work


def standing(f: Field) -> pd.DataFrame:
    """Tell of each sampled case whether it can be called tomorrow, and why not.

    Returns
    -------
    DataFrame
        One row per case of ``dispositions``, and per drawn household without one: ``community``,
        ``stratum``, ``psu``, ``ssu``, ``case``, ``respondent``, ``interviewer``, ``disposition``,
        ``attempts``, ``last`` (day of the last attempt), ``state`` (key of ``STATES``), ``booked``
        (time of the appointment, or missing), ``slot`` (key of ``SLOTS``: a kind of time not tried
        yet that tomorrow offers; ``""`` where nothing is known of the times). Empty without both.

    Notes
    -----
    The contact log (``contacts``) tells attempts, times and appointments; its last outcome counts
    where it is later than the day of the disposition. A case is interviewed when its questionnaire
    is in, whatever the disposition says. An appointment beats the limit of attempts
    (``recontact: attempts:`` of study.yaml). The last attempt is kept for a kind of time (weekday
    by day, weekday evening, weekend) that was not tried, if one comes before field work ends.
    """
    parts = [_known(f), _fresh(f)]
    columns = (
        "community stratum psu ssu case respondent interviewer disposition attempts last state "
        "booked slot"
    ).split()
    kept = [part for part in parts if len(part)]
    if not kept:
        return pd.DataFrame(columns=columns)
    return pd.concat(kept, ignore_index=True).reindex(columns=columns)


def reason(one: dict[Any, Any], lang: str) -> str:
    """Say in words why a case is to be called, and when."""
    i = 0 if lang == "zh" else 1
    code = str(one["disposition"])
    kind = next(k for k in OPEN if code.startswith(k))
    words = f"{code} {OPEN[kind][i]}"
    if not pd.isna(one["booked"]):
        at = f"{one['booked']:%Y-%m-%d %H:%M}"
        return f"{words}；约定 {at}" if lang == "zh" else f"{words}; appointment {at}"
    if one["slot"]:
        slot = SLOTS[one["slot"]][i]
        return f"{words}；改在{slot}" if lang == "zh" else f"{words}; this time {slot}"
    return words


def _known(f: Field) -> pd.DataFrame:
    """Give the cases that have a disposition."""
    if not f.has("dispositions", "case"):
        return pd.DataFrame()
    cases = f.tables["dispositions"]
    cases = cases[cases["case"].notna()].reset_index(drop=True)
    log = _log(f)
    limit = float(f.settings.get("attempts", 5))
    today = _today(f, log)
    offered, coming = _slots(f, today)
    done, finished = _interviewed(f)
    replaced = set(cases["substitute_for"].dropna()) if "substitute_for" in cases else set()
    rows = []
    for one in cases.to_dict("records"):
        calls = log.get(str(one["case"]), [])
        code, last, booked = _latest(one, calls)
        tries = one.get("attempts")
        tries = max(0.0 if tries is None or pd.isna(tries) else float(tries), float(len(calls)))
        tried = {_slot(call["at"]) for call in calls}
        state, slot = _state(code, one, done, finished, replaced), ""
        if state == CALL and booked is not None:
            if today is not None and booked.normalize() > today + pd.Timedelta(days=1):
                state = "appointment"
        elif state == CALL:
            slot = next((s for s in SLOTS if tried and s in offered - tried), "")
            if tries >= limit:
                state = "used_up"
            elif tried and not slot and tries >= limit - 1 and coming - tried:
                state = "kept"
        told = {"disposition": code, "attempts": tries, "last": last, "state": state}
        rows.append(one | told | {"booked": booked, "slot": slot if state == CALL else ""})
    out = pd.DataFrame(rows)
    return out.assign(booked=pd.to_datetime(out["booked"]))


def _state(
    code: str, one: dict[Any, Any], done: set[Any], finished: set[Any], replaced: set[Any]
) -> str:
    """Say where a case stands by its code and what else is known of it."""
    mine = {one["case"], one.get("respondent")} - {None}
    partial = code.startswith("1.2")
    if (code.startswith("1") and not partial) or mine & (finished if partial else done):
        return "interviewed"
    if code.startswith("4"):
        return "ineligible"
    if one["case"] in replaced:
        return "replaced"
    if code.startswith("2.1"):
        return "refused"
    if code.startswith(("2.31", "2.32")):
        return "unable"
    return CALL if code.startswith(tuple(OPEN)) else "other"


def _interviewed(f: Field) -> tuple[set[Any], set[Any]]:
    """Give cases and respondents with a questionnaire, and those whose questionnaire is whole."""
    frame = f.answers()
    if frame.empty:
        return set(), set()
    whole = frame["complete"] if "complete" in frame else pd.Series(None, index=frame.index)
    counts = frame[whole.fillna(1.0).ne(0.0)]
    names = [name for name in ("case", "respondent") if name in frame]
    return tuple(  # type: ignore[return-value]
        {who for name in names for who in part[name].dropna()}
        for part in (counts, frame[whole.eq(1.0)])
    )


def _log(f: Field) -> dict[str, list[dict[Any, Any]]]:
    """Give the attempts of each case, the earliest first."""
    if not f.has("contacts"):
        return {}
    frame = f.tables["contacts"]
    frame = frame[frame["at"].notna() & frame["case"].notna()]
    frame = frame.sort_values("at", kind="stable")
    return {str(case): rows.to_dict("records") for case, rows in frame.groupby("case", sort=True)}


def _latest(
    one: dict[Any, Any], calls: list[dict[Any, Any]]
) -> tuple[str, str, pd.Timestamp | None]:
    """Give the code that counts, the day of the last attempt, and the appointment that stands."""
    told = one.get("date")
    day = str(told)[:10] if isinstance(told, str) else ""
    code = str(one["disposition"])
    if not calls:
        return code, day, None
    last = calls[-1]
    on = f"{last['at']:%Y-%m-%d}"
    if day and on > day and last.get("outcome"):
        code = str(last["outcome"])
    booked = last.get("appointment")
    return code, max(day, on), None if booked is None or pd.isna(booked) else _local(booked)


def _local(at: pd.Timestamp) -> pd.Timestamp:
    return at.tz_localize(None)


def _today(f: Field, log: dict[str, list[dict[Any, Any]]]) -> pd.Timestamp | None:
    """Give the last day that the data tell of; missing where they tell no time."""
    known = [_local(call["at"]) for calls in log.values() for call in calls[-1:]]
    if f.has("responses", "finished"):
        known.append(_local(f.answers()["finished"].max()))
    if not known and f.has("dispositions", "date"):
        days = f.tables["dispositions"]["date"].dropna().astype(str).str[:10]
        known.append(pd.Timestamp(days.max()))
    return max(known).normalize() if known else None


def _slot(at: pd.Timestamp) -> str:
    if at.day_of_week >= 5:
        return "weekend"
    return "evening" if at.hour >= _EVENING else "day"


def _slots(f: Field, today: pd.Timestamp | None) -> tuple[set[str], set[str]]:
    """Give the kinds of time that tomorrow offers, and those that come later in field work."""
    if today is None:
        return set(), set()

    def kinds(day: pd.Timestamp) -> set[str]:
        return {"weekend"} if day.day_of_week >= 5 else {"day", "evening"}

    first = today + pd.Timedelta(days=1)
    days = f.settings["fieldwork"]
    end = pd.Timestamp(days[1]) if days else today + pd.Timedelta(days=_AHEAD)
    later = pd.date_range(first + pd.Timedelta(days=1), end, freq="D")
    return kinds(first), {kind for day in later[:_AHEAD] for kind in kinds(day)}


def _fresh(f: Field) -> pd.DataFrame:
    """Give the drawn households that neither a disposition nor a questionnaire names.

    In a building of which cases or questionnaires do not tell the household, none can be named.
    """
    if not f.has("drawn", "ssu"):
        return pd.DataFrame()
    keys = ["community", "psu", "ssu"]
    drawn = f.tables["drawn"].drop_duplicates(keys)
    drawn = drawn[drawn["ssu"].notna()]
    seen: set[tuple[Any, ...]] = set()
    for name in ("dispositions", "responses"):
        if f.has(name, "psu"):
            frame = f.tables[name].reindex(columns=keys)
            seen |= {tuple(at[:2] if pd.isna(at[2]) else at) for at in frame.to_numpy().tolist()}
    new = drawn[[not {at, at[:2]} & seen for at in map(tuple, drawn[keys].to_numpy().tolist())]]
    roles = [name for name in ("role", "ssu_role") if name in new]
    waits = (new[roles] != "sample").any(axis=1)
    return new.assign(
        state=waits.map({True: "reserve", False: FIRST}),
        attempts=0.0,
        last="",
        slot="",
        booked=pd.Series(pd.NaT, index=new.index),
    )
