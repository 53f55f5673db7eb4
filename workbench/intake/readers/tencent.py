"""腾讯问卷 (wj.qq.com): CSV, usually in a zip; questions ``1.title``, tabs around long numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from workbench.errors import Problem
from workbench.intake.frames import Log
from workbench.intake.readers.export import Export, Grid, Named, Question
from workbench.intake.readers.wjx import address

if TYPE_CHECKING:
    from workbench.study import Join, Source

__all__ = ["is_mine", "tencent"]

_TITLE = re.compile(r"[Qq]?(?P<n>\d{1,3})\s*[.．、]\s*(?P<wording>.+)")
_OPTION = re.compile(r"(?P<stem>.+?)\s*(?:[:：]|-)\s*(?P<option>[^:：]+)")


def is_mine(titles: list[str]) -> bool:
    """Whether a header is that of an export of 腾讯问卷."""
    return "编号" in titles and {"开始答题时间", "结束答题时间"} <= set(titles)


def tencent(grid: Grid, how: Source | Join, log: Log, problems: list[Problem]) -> Grid:
    """Give an export of 腾讯问卷 with its questions told.

    Columns of one question carry its number; the part after the last colon or dash is the option
    (several-choice) or the row (matrix).
    """
    titles = grid.titles
    groups: dict[str, list[tuple[int, str]]] = {}
    for k, title in enumerate(titles):
        if match := _TITLE.fullmatch(title):
            groups.setdefault(match["n"], []).append((k, title))
    questions = []
    for n, columns in groups.items():
        wordings = [_TITLE.fullmatch(title)["wording"] for _, title in columns]  # type: ignore[index]
        options = [_OPTION.fullmatch(wording) for wording in wordings]
        if len(columns) == 1 or not all(options):
            for (k, title), wording in zip(columns, wordings, strict=True):
                kind = "multiple" if any("┋" in c or "|" in c for c in grid.column(k)) else ""
                questions.append(Question(title, wording, kind, f"q{n}"))
            continue
        stem = options[0]["stem"]  # type: ignore[index]
        pairs = tuple(
            (option["option"], title)  # type: ignore[index]
            for option, (_, title) in zip(options, columns, strict=True)
        )
        ticked = all(
            set(grid.column(k)) <= {"0", "1", pair[0]}
            for (k, _), pair in zip(columns, pairs, strict=True)
        )
        title = columns[0][1]
        questions.append(
            Question(
                title[: title.index(stem) + len(stem)],
                stem,
                "multiple" if ticked else "matrix",
                f"q{n}",
                columns=pairs,
            )
        )
    named = {
        "respondent": Named("编号"),
        "started": Named("开始答题时间"),
        "finished": Named("结束答题时间"),
        "ip": Named("IP", address),
    }
    grid.export = Export(
        platform="tencent",
        named={name: how_ for name, how_ in named.items() if how_.title in titles},
        questions=tuple(questions),
        missing={"(跳过)": "not_asked", "(空)": "skipped"},
    )
    return grid
