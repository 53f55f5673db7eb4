"""问卷网 (wenjuan.com): answers readable and as codes beside ``code.csv``, in GBK."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from workbench.errors import Problem
from workbench.intake.frames import Log
from workbench.intake.readers.export import Export, Grid, Named, Question

if TYPE_CHECKING:
    from workbench.study import Join, Source

__all__ = ["ANSWERS", "CODES", "READABLE", "is_mine", "labelled", "wenjuan"]

ANSWERS, READABLE, CODES = "All_Data_Original.csv", "All_Data_Readable.csv", "code.csv"
_KINDS = {
    "单选题": "single",
    "多选题": "multiple",
    "排序题": "ranking",
    "填空题": "text",
    "矩阵单选题": "matrix",
    "打分题": "number",
}
_START = ("start", "开始时间", "开始答题时间", "答题开始时间")
_FINISH = ("finish", "结束时间", "结束答题时间", "答题结束时间", "提交时间")
_TITLE = re.compile(r"(?P<code>[Qq]\d{1,3})(?:[_、.．：:\s]+(?P<wording>.+))?")


def is_mine(titles: list[str]) -> bool:
    """Whether a header is that of an export of 问卷网."""
    return {"start", "finish"} <= set(titles) and any(map(_TITLE.fullmatch, titles))


def wenjuan(grid: Grid, how: Source | Join, log: Log, problems: list[Problem]) -> Grid:
    """Give an export of 问卷网; what ``code.csv`` tells is added by :func:`labelled`."""
    titles = grid.titles
    named = {}
    for name, choices in (("started", _START), ("finished", _FINISH)):
        if (found := next((t for t in choices if t in titles), None)) is not None:
            named[name] = Named(found)
    for title in ("序号", "编号", "id", "ID", "seq"):
        if title in titles:
            named["respondent"] = Named(title)
            break
    for title in ("IP", "ip", "来源IP"):
        if title in titles:
            named["ip"] = Named(title)
            break
    groups: dict[str, list[str]] = {}
    for title in titles:
        if match := _TITLE.fullmatch(title):
            groups.setdefault(match["code"], []).append(title)
    questions = []
    for code, columns in groups.items():
        if len(columns) == 1:
            match = _TITLE.fullmatch(columns[0])
            wording = match["wording"] if match else None
            questions.append(Question(columns[0], wording or columns[0], "", code.lower()))
            continue
        pairs = tuple((title.rpartition("_")[2], title) for title in columns)
        ticked = all(set(grid.column(titles.index(title))) <= {"0", "1"} for title in columns)
        kind = "multiple" if ticked else "matrix"
        questions.append(Question(code, code, kind, code.lower(), columns=pairs))
    grid.export = Export("wenjuan", named, tuple(questions), {"-2": "skipped", "-3": "not_asked"})
    return grid


def labelled(grid: Grid, codes: Iterable[list[str]]) -> Grid:
    """Lay the wordings, options and labels of ``code.csv`` over the questions of an export.

    Parameters
    ----------
    grid
        The export as codes.
    codes
        Rows of ``code.csv``: ``Qn, wording, kind`` begins a question, ``"", code, label`` follows.
    """
    told: dict[str, tuple[str, str, dict[str, str]]] = {}
    now = ""
    for row in codes:
        first, second, third = (*(cell.strip() for cell in row), "", "", "")[:3]
        if first:
            now = first
            told[now] = (second, _KINDS.get(third, ""), {})
        elif now and third:
            told[now][2][second] = third
    if grid.export is None:
        return grid
    out = []
    for one in grid.export.questions:
        code = one.code.upper()
        wording, kind, labels = told.get(code, (one.wording, one.kind, {}))
        columns = one.columns
        if kind in ("multiple", "ranking"):
            names = {f"{code}_A{key}": label for key, label in labels.items()}
            columns = tuple((names.get(title, option), title) for option, title in columns)
            labels = {}
        out.append(
            Question(one.title, wording, kind or one.kind, one.code, columns=columns, labels=labels)
        )
    old = grid.export
    grid.export = Export(old.platform, old.named, tuple(out), old.missing)
    return grid
