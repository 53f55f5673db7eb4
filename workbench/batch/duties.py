"""What falls due after a report: objections, feedback, rectification, re-inspection, review.

Read from the study's tables, its programme's limits and the ledger's notice; nothing is decided
here, and no title is revoked by the clock.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench import calendars
from workbench.errors import InputError
from workbench.evidence.logs import entries

if TYPE_CHECKING:
    import pandas as pd

    from workbench.study import Study

__all__ = ["Duty", "duties"]


@dataclass(frozen=True)
class Duty:
    """One thing that somebody has to do by a day.

    Attributes
    ----------
    kind
        ``objection``, ``feedback``, ``rectification``, ``signature`` (R-51), ``escalation``
        (W-08), ``title`` (yellow card, re-inspection, review).
    community, id
        Unit, and what it is about.
    due
        The last day; None where no limit is set.
    overdue
        Days past it on the day asked for; 0 when it is not.
    who_zh, who_en, what_zh, what_en
        Who has to do what.
    """

    kind: str
    community: str
    id: str
    due: dt.date | None
    overdue: int
    who_zh: str
    who_en: str
    what_zh: str
    what_en: str

    def text(self, lang: str) -> str:
        """Return one line."""
        zh = lang == "zh"
        day = self.due.isoformat() if self.due else ("无期限" if zh else "no limit")
        late = (f"逾期{self.overdue}天" if zh else f"{self.overdue} days overdue") * bool(
            self.overdue
        )
        who, what = (self.who_zh, self.what_zh) if zh else (self.who_en, self.what_en)
        return "  ".join(w for w in (day, self.community, self.id, what, who, late) if w)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, for ``--json``."""
        return asdict(self) | {"due": self.due.isoformat() if self.due else None}


def duties(study: Study, out: Path, on: dt.date) -> list[Duty]:
    """List what is due, the earliest first; what has been done is not in it.

    Parameters
    ----------
    study
        The study; dates after ``issued`` are welcome here.
    out
        The batch folder, whose ledger knows the notice; it need not exist.
    on
        The day for which it is asked.

    Raises
    ------
    InputError
        What is wrong with the study's tables.
    """
    from workbench.intake.building import collect

    tables, problems = collect(study)
    errors = [p for p in problems if p.severity == "error" and not p.code.endswith(".future")]
    if errors:
        raise InputError(*errors)
    frames = tables.frames
    names = _names(frames)
    found = [
        *_objections(study, out, frames, on),
        *_issues(study, out, frames, on, names),
        *_requests(frames, on, names),
        *_titles(study, frames, on),
    ]
    return sorted(found, key=lambda d: (d.due is None, d.due or on, d.community, d.kind, d.id))


def _names(frames: Mapping[str, pd.DataFrame]) -> dict[str, str]:
    """Give each unit's parent by name: whom an overdue work order is escalated to."""
    frame = frames["communities"]
    name = dict(zip(frame["community"], frame["name"], strict=True))
    above = dict(zip(frame["community"], frame["parent"], strict=True))
    return {unit: str(name.get(p, p)) for unit, p in above.items() if p == p and p is not None}


def _rows(frame: pd.DataFrame | None) -> Iterator[dict[str, Any]]:
    for row in frame.to_dict("records") if frame is not None else ():
        yield {str(k): None if v is None or v != v else v for k, v in row.items()}


def _day(value: Any) -> dt.date | None:
    return dt.date.fromisoformat(str(value)[:10]) if value else None


def _over(due: dt.date | None, on: dt.date) -> int:
    return max((on - due).days, 0) if due else 0


def _parameter(study: Study, name: str) -> int | None:
    told = study.protocol.parameters.get(name)
    return None if told is None or told.value is None else int(told.value)


def _objections(
    study: Study, out: Path, frames: Mapping[str, pd.DataFrame], on: dt.date
) -> Iterator[Duty]:
    """Give the end of the time to object, and objections that nobody has decided."""
    from workbench.batch.objections import window

    who = "未参与评分的复核人", "somebody who did not score"
    open_ = window(study, out)
    if open_ is not None and not open_[1].late(on):
        last = open_[1]
        more = (
            ("", "")
            if last.known
            else ("（节假日未公布，暂定）", " (holidays unknown: provisional)")
        )
        yield Duty("objection", "*", "", last.last, 0, "任何人", "anybody",
                   f"异议期最后一天{more[0]}", f"last day to object{more[1]}")  # fmt: skip
    for row in _rows(frames.get("objections")):
        if row["decision"] is not None:
            continue
        late = open_ is not None and open_[1].late(_day(row["received"]) or on)
        late = late and row["stage"] == "notice"
        zh = "复核并书面答复（逾期提出，按逾期答复）" if late else "复核并书面答复"
        en = "look at it again and answer" + (" (it came late: answered as late)" if late else "")
        yield Duty("objection", row["community"], row["objection"], None, 0, *who, zh, en)


def _issues(
    study: Study,
    out: Path,
    frames: Mapping[str, pd.DataFrame],
    on: dt.date,
    names: Mapping[str, str],
) -> Iterator[Duty]:
    """Give problems that are not put right, not signed by three, or not told to residents."""
    from workbench.assess.followup import SIGNERS

    begun = _selected(study, out, frames)
    days = _parameter(study, "feedback_days")
    calendar = calendars.load(study.settings.calendar, study.folder)
    for row in _rows(frames.get("issues")):
        unit, name = row["community"], row["issue"]
        due, closed = _day(row["due"]), _day(row["closed"])
        who = str(row["responsible"] or "—")
        if closed is None:
            stamps = f"{row['found']} / {row['answered'] or '—'} / —"
            over = _over(due, on)
            up = names.get(unit, "—")
            zh, en = (
                f"整改（发现/答复/办结：{stamps}）",
                f"put right (found, answered, closed: {stamps})",
            )
            if over:
                zh, en = f"{zh}，逾期，报{up}督办", f"{en}; overdue: report to {up}"
            yield Duty("rectification", unit, name, due, over, who, who, zh, en)
        elif unit in begun.named and (gone := [c for c in SIGNERS if row.get(c) is None]):
            whom = [[SIGNERS[c][k] for c in gone] for k in (0, 1)]
            yield Duty("signature", unit, name, None, 0, "、".join(whom[0]), ", ".join(whom[1]),
                       "整改联合签字（R-51）", "sign together that it is done (R-51)")  # fmt: skip
        start = begun.named.get(unit, begun.notice)
        if days is not None and start is not None and row.get("feedback") is None:
            last = calendar.limit(start, days).last
            zh, en = "向参与居民反馈处理情况", "tell the residents what became of it"
            if not row["photos_after"]:
                zh, en = f"{zh}，附整改成果图", f"{en}, with pictures of the result"
            yield Duty(
                kind="feedback",
                community=unit,
                id=name,
                due=last,
                overdue=_over(last, on),
                who_zh="测评与社区",
                who_en="assessor, community",
                what_zh=f"{zh}（R-44）",
                what_en=f"{en} (R-44)",
            )


@dataclass(frozen=True)
class _Begun:
    named: dict[str, dt.date]
    notice: dt.date | None


def _selected(study: Study, out: Path, frames: Mapping[str, pd.DataFrame]) -> _Begun:
    """Say since when time for feedback runs: a unit's naming, else the notice."""
    named = {
        row["community"]: day
        for row in _rows(frames.get("facts"))
        if row["fact"] in ("named", "awarded")
        and _true(row["value"])
        and (day := _day(row["date"]))
    }
    told = [e for e in entries(out) if e.get("type") == "notice" and e.get("study") == study.id]
    return _Begun(named, _day(told[-1]["from"]) if told else None)


def _true(value: Any) -> bool:
    return str(value).strip().lower() in {"true", "1", "yes", "是"}


def _requests(
    frames: Mapping[str, pd.DataFrame], on: dt.date, names: Mapping[str, str]
) -> Iterator[Duty]:
    """Give residents' work orders past their own limit (W-08): escalated by rule."""
    for row in _rows(frames.get("requests")):
        due = _day(row["due"])
        if due is None or row["closed"] is not None or row["duplicate_of"] is not None:
            continue
        over = _over(due, on)
        if not over:
            continue
        up = names.get(row["community"], "—")
        day = _day(row.get("escalated"))
        zh = f"工单超期，{'已于' + day.isoformat() + '上报' if day else '须上报'}督办（W-08）"
        en = "work order overdue, " + (
            f"escalated on {day.isoformat()}" if day else "to be escalated"
        )
        yield Duty("escalation", row["community"], row["request"], due, over, up, up,
                   zh, f"{en} (W-08)")  # fmt: skip


def _titles(study: Study, frames: Mapping[str, pd.DataFrame], on: dt.date) -> Iterator[Duty]:
    """Give the next step of each title: rectification, re-inspection, review."""
    import pandas as pd

    from workbench import scoring
    from workbench.scoring.standing import TRANSITIONS

    known = {event for _, event in TRANSITIONS}
    events = [
        {"community": row["community"], "event": row["fact"], "date": str(row["date"])[:10]}
        for row in _rows(frames.get("facts"))
        if row["fact"] in known and row["date"] is not None and _true(row["value"])
    ]
    if not events:
        return
    names = ("rectify_months", "recheck_months", "review_years")
    limits = {n: v for n in names if (v := _parameter(study, n)) is not None}
    told = scoring.award_history(pd.DataFrame(events), as_of=on, **limits)
    what = {
        "rectification": ("黄牌整改期满", "end of the time to rectify (yellow card)"),
        "recheck": ("年度复检", "re-inspection"),
        "review": ("三年复审", "three-year review"),
    }
    for _, own in told.groupby("community", sort=True):
        last = own.iloc[-1]
        day = _day(last["due"])
        way = " → ".join(f"{d} {s}" for d, s in zip(own["date"], own["state_zh"], strict=True))
        en = " → ".join(
            f"{d} {s.replace('_', ' ')}" for d, s in zip(own["date"], own["state"], strict=True)
        )
        if day is None:
            continue
        zh_, en_ = what[str(last["due_what"])]
        yield Duty(
            kind="title",
            community=str(last["community"]),
            id=str(last["state"]),
            due=day,
            overdue=_over(day, on),
            who_zh="评选机构",
            who_en="who awards the title",
            what_zh=f"{zh_}（{way}）",
            what_en=f"{en_} ({en})",
        )
