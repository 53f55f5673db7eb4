"""Qualtrics: three header rows (name, wording, import id), previews among the answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pandas as pd

from workbench.errors import Problem
from workbench.intake.frames import Log
from workbench.intake.readers.export import Export, Grid, Named, Question, blocks
from workbench.intake.titles import tidy

if TYPE_CHECKING:
    from workbench.study import Join, Source

__all__ = ["is_mine", "qualtrics"]

_META = {
    "StartDate": "started",
    "EndDate": "finished",
    "IPAddress": "ip",
    "Finished": "complete",
    "ResponseId": "respondent",
    "LocationLatitude": "lat",
    "LocationLongitude": "lon",
}
_OTHER_META = {
    "Status", "Progress", "Duration (in seconds)", "RecordedDate", "RecipientLastName",
    "RecipientFirstName", "RecipientEmail", "ExternalReference", "DistributionChannel",
    "UserLanguage",
}  # fmt: skip
_TEST = {
    "1": "survey preview", "2": "survey test", "8": "spam", "9": "survey preview spam",
    "12": "imported spam", "17": "offline survey preview", "40": "ex spam",
}  # fmt: skip
"""``Status`` of what nobody answered, as number and as text; 0 (a link), 4 (imported) and 16
(offline) are answers."""


def is_mine(titles: list[str]) -> bool:
    """Whether a header is that of an export of Qualtrics."""
    return "ResponseId" in titles and {"StartDate", "EndDate"} <= set(titles)


def qualtrics(grid: Grid, how: Source | Join, log: Log, problems: list[Problem]) -> Grid:
    """Give an export of Qualtrics: wordings from its second row, time zone from its third.

    Rows whose ``Status`` is a preview, a test or spam are no answers: they are left out, counted.
    """
    titles = grid.titles
    below = grid.head[how.header : how.header + 2]
    ids = below[1] if len(below) > 1 else []
    described = any('"ImportId"' in cell for cell in ids)
    wordings = dict(zip(titles, below[0], strict=False)) if described else {}
    grid.body = 2 if described else 0
    if not described:
        problems.append(
            Problem(
                code="file.header-rows",
                file=how.file,
                zh="Qualtrics 导出应有三行表头，这里没有第三行（ImportId）",
                en="an export of Qualtrics has three header rows; the third (ImportId) is not here",
                remedy_zh="若表头行被删去则无妨；否则重新导出",
                remedy_en="no harm if the rows were removed; else export it again",
                severity="warning",
            )
        )
    zone = next((z for cell in ids if (z := _zone(cell))), None)
    if "Status" in titles:
        k = titles.index("Status")
        tests = [word for word in grid.column(k) if word.casefold() in {*_TEST, *_TEST.values()}]
        left_out: set[int] = set()
        for rows, [cells] in grid.chunks([k]):
            hit = pd.Series(cells.dictionary_decode().to_pylist()).isin(tests)
            left_out.update((rows[hit.to_numpy()] + grid.body).tolist())
        grid.left_out = frozenset(left_out)
        log.add(
            "intake.test-answer",
            len(grid.left_out),
            f"{how.file}：Status 为预览、测试或垃圾答卷，未读入",
            f"{how.file}: Status says preview, test or spam; rows left out",
            table="responses",
        )
    named = {
        name: Named(title, _clock(zone) if zone and title in ("StartDate", "EndDate") else None)
        for title, name in _META.items()
        if title in titles
    }
    mine = [t for t in titles if t not in _META and t not in _OTHER_META and not t.startswith("#")]
    grouped = blocks(mine)
    inside = {title: stem for stem, columns in grouped.items() for _, title in columns}
    questions = []
    for title in mine:
        stem = inside.get(title)
        wording = tidy(wordings.get(title, "")) or title
        if stem is None:
            questions.append(Question(title, wording, "", title.lower()))
        elif title == grouped[stem][0][1]:
            pairs = tuple(
                (tidy(wordings.get(name, "")).rpartition(" - ")[2] or option, name)
                for option, name in grouped[stem]
            )
            values = [set(grid.column(titles.index(name))) for _, name in pairs]
            ticked = all(v <= {"1", pair[0]} for v, pair in zip(values, pairs, strict=True))
            questions.append(
                Question(
                    stem,
                    wording.rpartition(" - ")[0] or wording,
                    "multiple" if ticked else "matrix",
                    stem.lower(),
                    columns=pairs,
                )
            )
    grid.export = Export("qualtrics", named, tuple(questions), {"-99": "skipped"}, separator=",")
    return grid


def _zone(cell: str) -> ZoneInfo | None:
    """Give the time zone that the third header row names."""
    try:
        return ZoneInfo(str(json.loads(cell)["timeZone"]))
    except (ValueError, LookupError, TypeError, OSError):
        return None


def _clock(zone: ZoneInfo) -> Callable[[str], str | None]:
    """Give a cleaner that says in which zone a time was written."""

    def clean(cell: str) -> str | None:
        try:
            return datetime.fromisoformat(cell).replace(tzinfo=zone).isoformat(sep=" ")
        except ValueError:
            return cell

    return clean
