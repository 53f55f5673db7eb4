"""The value of an indicator that rests on requests: a register is counted, it is no sample.

A register that holds every case has no sampling error: 8 of 8 answered in time is 100 %. What can
be unknown is how single cases ended (still open, a time that a check set aside, no outcome noted);
then the figure lies between two counts. Both are ``known_low`` and ``known_high``, by which targets
are judged. The interval beside them is that of so few cases seen as chance, for comparisons.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench import change, survey
from workbench.assess import handled, records
from workbench.assess.series import gone, span_of
from workbench.findings import number
from workbench.survey.rows import to_rows

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["requested", "told_of_register"]

Row = dict[str, Any]

_KEPT = (
    "value unit std_error ci_low ci_high level n numerator denominator method status flags "
    "reason_zh reason_en"
).split()

_NEVER = 1e9  # hours; far beyond any record, and finite as all numbers of findings


def requested(c: Community, measure: Mapping[str, Any]) -> Row:
    """Compute the value of an indicator from ``requests``, as its entry says.

    Returns
    -------
    dict
        A row as ``values`` makes them; with ``known_low``, ``known_high`` (what the register leaves
        open; equal where nothing is) and ``unknown`` (cases) unless the entry says
        ``cases: sample``.
    """
    if not c.has("requests"):
        return gone("没有诉求记录", "there are no records of requests")
    span = span_of(c, measure)
    if span is None:
        return gone("没有规定记录的月份", "the months of records are not given")
    frame = c.once(("requests", span), lambda: _received(c, span)).copy(deep=False)
    for column, wanted in dict(measure.get("requests") or {}).items():
        accepted = wanted if isinstance(wanted, list) else [wanted]
        frame = frame[frame[column].isin(accepted)]
    row = _value(c, frame, measure, span)
    if measure.get("cases") == "sample":
        row = {k: v for k, v in row.items() if k not in {"known_low", "known_high", "unknown"}}
    return row


def _received(c: Community, span: tuple[pd.Timestamp, pd.Timestamp]) -> pd.DataFrame:
    frame = c.tables["requests"]
    inside = frame["received"].ge(span[0]) & frame["received"].lt(span[1])
    return frame[inside & frame["duplicate_of"].isna()]


def _value(
    c: Community,
    frame: pd.DataFrame,
    measure: Mapping[str, Any],
    span: tuple[pd.Timestamp, pd.Timestamp],
) -> Row:
    statistic = measure["statistic"]
    if statistic == "count":
        return {"value": float(len(frame)), "n": len(frame), "method": "records.count"}
    if statistic == "per_100_households_year":
        households = c.unit.get("households")
        if not households:
            return gone("没有户数", "the number of households is not known")
        told = to_rows(
            change.rate(
                float(len(frame)),
                households=float(households),
                years=records.years(span),
                level=c.level,
            )
        )[0]
        row = {name: told.get(name) for name in _KEPT}
        return row | _exactly(row["value"])
    if frame.empty:
        return gone("窗口内没有诉求", "no request in the window")
    if statistic == "share":
        return _share(c, frame, measure)
    start, _, end = str(measure["clock"]).partition("..")
    if measure.get("within") == "due":
        return _by_due(c, frame, end)
    return _duration(c, frame, measure, start, end)


def _exactly(value: Any) -> Row:
    return {} if value is None else {"known_low": value, "known_high": value, "unknown": 0}


def _aside(frame: pd.DataFrame) -> pd.Series:
    """Mark cases whose times a check set aside."""
    if "set_aside" not in frame:
        return pd.Series(False, index=frame.index)
    return frame["set_aside"].astype(bool)


def _counted(c: Community, met: int, unknown: int, n: int) -> Row:
    """Give the share met among the cases that are known, and what the unknown ones could make."""
    known = n - unknown
    if not known:
        return gone("没有一件的结果可知", "how the cases ended is known of none")
    low, high = survey.binomial_interval(met, known, level=c.level)
    return {
        "value": met / known,
        "ci_low": low,
        "ci_high": high,
        "level": c.level,
        "n": known,
        "numerator": met,
        "denominator": known,
        "method": "survey.ci.wilson",
        "known_low": met / n,
        "known_high": (met + unknown) / n,
        "unknown": unknown,
    }


def _share(c: Community, frame: pd.DataFrame, measure: Mapping[str, Any]) -> Row:
    """Share of requests that meet ``where``; open ones count as the entry's ``open`` says.

    Unknown is a closed case without a word on what is asked, and a step whose time was set aside.
    """
    if measure.get("open") == "excluded":
        frame = frame[frame["closed"].notna()]
    if frame.empty:
        return gone("没有已办结的诉求", "no closed request")
    fits: Any = pd.Series(True, index=frame.index)
    silent: Any = pd.Series(False, index=frame.index)
    for column, wanted in dict(measure["where"]).items():
        accepted = wanted if isinstance(wanted, list) else [wanted]
        blank = frame[column].isna()
        if pd.api.types.is_datetime64_any_dtype(frame[column]):  # whether the step was taken
            here, quiet = (~blank).isin(accepted), blank & _aside(frame)
        else:
            if pd.api.types.is_float_dtype(frame[column]):
                accepted = [float(value) for value in accepted]
            here, quiet = frame[column].isin(accepted), blank & frame["closed"].notna()
        fits &= here | quiet
        silent |= quiet
    unknown = int((fits & silent).sum())
    return _counted(c, int(fits.sum()) - unknown, unknown, len(frame))


def _by_due(c: Community, frame: pd.DataFrame, end: str) -> Row:
    """Share done by the request's own due time, among those whose due time has come."""
    drawn = records.drawn_at(c)
    due = frame[frame["due"].notna() & (frame["due"].le(drawn) if drawn is not None else True)]
    if due.empty:
        return gone("没有已到期的诉求", "no request whose due time has come")
    aside = _aside(due)
    met = int((due[end].le(due["due"]) & ~aside).sum())
    return _counted(c, met, int(aside.sum()), len(due))


def _duration(
    c: Community, frame: pd.DataFrame, measure: Mapping[str, Any], start: str, end: str
) -> Row:
    """Median time, or share within a limit, with open cases censored (Kaplan-Meier)."""
    limit = float(measure.get("within_hours") or 72)  # the median does not use it
    timed, drawn = records.timed(frame), records.drawn_at(c)
    if timed.empty:
        return gone("没有可用的时间", "no request with usable times")
    known = change.durations(timed, start=start, end=end, censored_at=drawn, unit="hours")
    if measure.get("hours") == "working":
        ends = timed.loc[known.index, end].where(known["closed"], drawn)
        known["duration"] = handled.worked(c, timed.loc[known.index, start], ends)
    told = change.kaplan_meier(
        known, duration="duration", closed="closed", within=(limit,), unit="hours", level=c.level
    )
    wanted = "median" if measure["statistic"] == "median" else "share_within"
    of = to_rows(told[told["statistic"].eq(wanted)])
    if not of:
        return gone("观察时间不足", "no case was followed that long")
    row = {name: of[0].get(name) for name in _KEPT} | {"n": len(timed)}
    hours, closed = known["duration"].to_numpy(), known["closed"].to_numpy(dtype=bool)
    lost = len(frame) - len(known)  # no usable time: anything from at once to never
    if wanted == "median":
        soon = np.concatenate([hours, np.zeros(lost)])
        never = np.concatenate([np.where(closed, hours, _NEVER), np.full(lost, _NEVER)])
        low, high = float(np.median(soon)), float(np.median(never))
        unknown = 0 if low == high else int((~closed).sum()) + lost
    else:
        met = int((closed & (hours <= limit)).sum())
        unknown = int((~closed & (hours < limit)).sum()) + lost
        low, high = met / len(frame), (met + unknown) / len(frame)
        if not unknown:
            row |= {"numerator": met, "denominator": len(frame)}
    if not unknown:  # nothing is left to estimate
        done = {"status": "ok", "reason_zh": None, "reason_en": None}
        return row | _exactly(low) | {"value": low} | done
    if row["value"] is None or pd.isna(row["value"]):
        return row
    value = float(row["value"])
    return row | {
        "known_low": min(low, value),
        "known_high": max(high, value),
        "unknown": unknown,
    }


def told_of_register(row: Mapping[str, Any], unit: str) -> Row:
    """Say in words that a value was counted and by what a target is judged; keep other reasons."""
    low, high = row.get("known_low"), row.get("known_high")
    if low is None or high is None or row.get("value") is None:
        return {}
    if not row.get("unknown"):
        said = (
            "登记完整，按实际结果判定",
            "a complete register: judged by what happened",
        )
    else:
        n, ends = row["unknown"], [low, high]
        zh, en = ([_end(v, unit, lang) for v in ends] for lang in ("zh", "en"))
        said = (
            f"{n}件尚未了结或时间、结果不明：实际结果在{zh[0]}与{zh[1]}之间，据此判定",
            f"{n} cases are open or lack a usable time or outcome: the figure lies between {en[0]} "
            f"and {en[1]} and is judged by that",
        )
    old = [row.get(f"reason_{lang}") for lang in ("zh", "en")]
    return {
        "flags": ";".join(w for w in (row.get("flags"), "register") if w),
        "reason_zh": "；".join(s for s in (old[0], said[0]) if s),
        "reason_en": "; ".join(s for s in (old[1], said[1]) if s),
    }


def _end(value: float, unit: str, lang: str) -> str:
    if value > _NEVER / 100:  # hours, or days
        return "无上限" if lang == "zh" else "no limit"
    return str(number(value, unit, lang))
