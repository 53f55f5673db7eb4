"""LimeSurvey: CSV or Excel with question codes, full texts, or both as headings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from workbench.errors import Problem
from workbench.intake.frames import Log
from workbench.intake.readers.export import Export, Grid, Named, Question, blocks

if TYPE_CHECKING:
    from workbench.study import Join, Source

__all__ = ["is_mine", "limesurvey"]

_META = {
    "respondent": ("id", "Response ID", "id. Response ID", "答复 ID", "回应 ID"),
    "started": ("startdate", "Date started", "startdate. Date started", "开始日期"),
    "finished": (
        "submitdate", "Date submitted", "submitdate. Date submitted", "提交日期",
        "datestamp", "Date last action",
    ),
    "ip": ("ipaddr", "IP address", "ipaddr. IP address", "IP 地址"),
}  # fmt: skip
_SUBMITTED = ("submitdate", "Date submitted", "submitdate. Date submitted", "提交日期")
_OWN = {name for names in _META.values() for name in names} | {
    "lastpage", "Last page", "startlanguage", "Start language", "seed", "Seed", "token",
    "Access code", "refurl", "Referrer URL", "interviewtime", "Total time",
    "最后一页", "起始语言", "种子", "最近一次操作日期",
}  # fmt: skip
_TITLE = re.compile(r"(?P<code>[A-Za-z]\w*)(?:\[(?P<sub>[^\]]+)\])?(?:\.\s*(?P<wording>.+))?")
_CODED = re.compile(r"(?P<stem>[A-Za-z]\w*)\[\w+\]\.\s*(.+?)\s*\[(?P<option>[^\]]+)\]")
_TICKS = {"y", "n", "yes", "no", "是", "否", "1", "0"}
_SUB = re.compile(r"(?P<stem>.+?)\s*\[(?P<option>[^\]]+)\]")


def is_mine(titles: list[str]) -> bool:
    """Whether a header is that of an export of LimeSurvey."""
    have = set(titles)
    return bool(have & set(_SUBMITTED)) and bool(
        have & {"lastpage", "Last page", "seed", "Seed", "最后一页"}
    )


def _no_time(cell: str) -> str | None:
    """Take the day that stands for "not recorded" in anonymous surveys away."""
    return None if cell.startswith("1980-01-01") else cell


def limesurvey(grid: Grid, how: Source | Join, log: Log, problems: list[Problem]) -> Grid:
    """Give an export of LimeSurvey with its questions told.

    An answer without a date of submission is incomplete; the first of January 1980 is what
    anonymous surveys hold instead of a time.
    """
    titles = grid.titles
    named = {
        name: Named(title, _no_time if name in ("started", "finished") else None)
        for name, choices in _META.items()
        for title in choices[:1] + choices[1:]
        if title in titles and not any(t in titles for t in choices[: choices.index(title)])
    }
    submitted = next((t for t in _SUBMITTED if t in titles), None)
    if submitted is not None:
        named["complete"] = Named(submitted, lambda _: "true", blank="false")
    mine = [t for t in titles if t not in _OWN and not t.startswith("#")]
    grouped = blocks(mine, _CODED) | blocks(mine, _SUB)
    inside = {title: stem for stem, columns in grouped.items() for _, title in columns}
    questions = []
    for title in mine:
        stem = inside.get(title)
        match = _TITLE.fullmatch(title)
        code = (match["code"] if match else "").lower()
        if stem is None:
            wording = (match["wording"] if match else None) or title
            questions.append(Question(title, wording, "", code))
        elif title == grouped[stem][0][1]:
            pairs = tuple(grouped[stem])
            told = _CODED.fullmatch(title)
            seen = {c for _, name in pairs for c in grid.column(titles.index(name))}
            ticked = {s.casefold() for s in seen} - {"n/a"} <= _TICKS
            wording = told[2].strip() if told else stem
            questions.append(
                Question(stem, wording, "multiple" if ticked else "matrix", code, columns=pairs)
            )
    grid.export = Export(
        "limesurvey", named, tuple(questions), {"-oth-": "other", "N/A": "not_asked"}
    )
    return grid
