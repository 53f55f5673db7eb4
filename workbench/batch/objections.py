"""Objections: until when one may object, who decided, and what names one in the decisions."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench import calendars
from workbench.evidence.logs import entries

if TYPE_CHECKING:
    from workbench.calendars import Limit
    from workbench.study import Correction, Judgement, Study

__all__ = ["Objection", "naming", "objections", "window"]


@dataclass(frozen=True)
class Objection:
    """An objection as the study's table has it; what was claimed stays in the house."""

    id: str
    community: str
    stage: str
    received: dt.date
    about: str
    decision: str
    reason_zh: str
    reason_en: str
    decided: dt.date | None
    decided_by: str


def objections(tables: Path) -> list[Objection]:
    """Read all objections of a study from its canonical tables, by day of receipt."""
    from workbench.intake.store import read_columns, read_meta

    if "objections" not in read_meta(tables)["tables"]:
        return []
    columns = read_columns(tables, "objections", None)
    names = list(columns)
    rows = [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    told = [
        Objection(
            id=str(row["objection"]),
            community=str(row["community"]),
            stage=str(row["stage"]),
            received=_day(row["received"]) or dt.date.min,
            about=str(row["about"]),
            decision=str(row["decision"] or ""),
            reason_zh=str(row["reason_zh"] or ""),
            reason_en=str(row["reason_en"] or ""),
            decided=_day(row["decided"]),
            decided_by=str(row["decided_by"] or ""),
        )
        for row in rows
    ]
    return sorted(told, key=lambda one: (one.received, one.id))


def _day(value: object) -> dt.date | None:
    return dt.date.fromisoformat(str(value)[:10]) if value else None


def window(study: Study, out: Path) -> tuple[dt.date, Limit] | None:
    """Give the day of the notice, and the limit of the objections that it opens.

    Returns
    -------
    tuple or None
        The first day and the limit; None before there is a notice, or where the programme has no
        time to object. What was printed on the notice counts, should the calendar change later.
    """
    told = [e for e in entries(out) if e.get("type") == "notice" and e.get("study") == study.id]
    parameter = study.protocol.parameters.get("objection_days")
    if not told or parameter is None or parameter.value is None:
        return None
    begin = dt.date.fromisoformat(str(told[-1]["from"]))
    calendar = calendars.load(study.settings.calendar, study.folder)
    limit = calendar.limit(begin, int(parameter.value))
    printed = told[-1].get("until")
    if printed:
        last = dt.date.fromisoformat(str(printed))
        limit = calendars.Limit(max(last, limit.last), limit.counted, limit.known)
    return begin, limit


def naming(study: Study, objection: Objection) -> list[Correction | Judgement]:
    """Give the corrections and judgements that name an objection: nothing else moves a figure."""
    word = re.compile(rf"(?<![A-Za-z0-9-]){re.escape(objection.id)}(?![A-Za-z0-9-])")
    mended = [c for c in study.corrections if word.search(f"{c.evidence} {c.reason}")]
    decided = [
        j
        for j in study.judgements
        if j.community in ("", "*", objection.community)
        and word.search(f"{j.decision} {j.reason_zh} {j.reason_en}")
    ]
    return [*mended, *decided]
