"""One module for each form in which data come: bytes in, a grid of text cells and its log out.

A *container* (CSV, workbook, page, archive, SPSS …) gives the grid; a *platform* (问卷星, Kobo …)
tells what its columns are. Both are found in the bytes and can be declared by ``format:``.
"""

from __future__ import annotations

import zipfile
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from workbench.errors import Problem
from workbench.intake.encoding import unpack, whole
from workbench.intake.frames import Log, refuse
from workbench.intake.readers import kobo, limesurvey, qualtrics, tencent, wenjuan, wjx
from workbench.intake.readers.columnar import dta, parquet, sav
from workbench.intake.readers.delimited import delimited
from workbench.intake.readers.entry import entry, is_entry
from workbench.intake.readers.export import Grid, Reader
from workbench.intake.readers.foreign import refuse_foreign
from workbench.intake.readers.htmltable import html
from workbench.intake.readers.jsonfile import json_records
from workbench.intake.readers.workbook import refuse_locked, xls, xlsx
from workbench.intake.readers.zipped import zipped
from workbench.intake.titles import unique
from workbench.intake.xlsxfile import TORN

if TYPE_CHECKING:
    from workbench.study import Join, Source

__all__ = ["CONTAINERS", "PLATFORMS", "container", "read"]

CONTAINERS: dict[str, Reader] = {
    "csv": delimited,
    "xlsx": xlsx,
    "xls": xls,
    "html": html,
    "json": json_records,
    "parquet": parquet,
    "sav": sav,
    "dta": dta,
}
PLATFORMS = {
    "wjx_text": wjx.wjx,
    "wjx_index": wjx.wjx,
    "wjx_score": wjx.wjx,
    "tencent": tencent.tencent,
    "qualtrics": qualtrics.qualtrics,
    "kobo": kobo.kobo,
    "limesurvey": limesurvey.limesurvey,
    "wenjuan": wenjuan.wenjuan,
}
_MARKS = (
    (wjx.is_mine, "wjx_text"),
    (tencent.is_mine, "tencent"),
    (qualtrics.is_mine, "qualtrics"),
    (kobo.is_mine, "kobo"),
    (limesurvey.is_mine, "limesurvey"),
    (wenjuan.is_mine, "wenjuan"),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def container(stream: BinaryIO) -> str:
    """Say what the bytes are, whatever the file's name: a key of ``CONTAINERS``, or ``zip``."""
    stream.seek(0)
    data = stream.read(4096)
    if data[:4] == b"PK\x03\x04":
        try:
            with zipfile.ZipFile(stream) as archive:
                names = archive.namelist()
        except TORN:
            return "xlsx"  # torn; its reader says so
        book = any(name.startswith("xl/") or name == "[Content_Types].xml" for name in names)
        return "xlsx" if book else "zip"
    if data[:8] == _OLE:
        return "xls"
    if data[:4] == b"PAR1":
        return "parquet"
    if data[:4] in (b"$FL2", b"$FL3"):
        return "sav"
    if data[:11] == b"<stata_dta>" or (
        data[:1] in (b"q", b"r", b"s") and data[1:4] in (b"\x01\x01\x00", b"\x02\x01\x00")
    ):
        return "dta"
    head = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        head = data.decode("utf-16", errors="ignore").encode().lstrip()
    low = head.lower()
    if low[:1] == b"<" and any(
        mark in low for mark in (b"<html", b"<table", b"office:spreadsheet", b"<body", b"<meta")
    ):
        return "html"
    if head[:1] == b"{" or (head[:1] == b"[" and head[1:].lstrip()[:1] in (b"{", b"]")):
        return "json"
    return "csv"


def read(stream: BinaryIO, how: Source | Join, log: Log, problems: list[Problem]) -> Grid:
    """Give a file's cells, and what its platform tells of them.

    Parameters
    ----------
    stream
        The file's bytes, which can be read from any place.
    how
        ``format:`` names a container or a platform, ``auto`` neither; ``sheet:``, ``header:``,
        ``delimiter:`` and ``encoding:`` as the container needs them.
    log, problems
        Receive what is counted, and faults that leave the rest readable.

    Raises
    ------
    InputError
        The file cannot be read, or is not what ``format:`` says.
    """
    content = unpack(stream, file=how.file)
    try:
        return _read(content, how, log, problems)
    finally:
        if content is not stream:
            content.close()


def _read(stream: BinaryIO, how: Source | Join, log: Log, problems: list[Problem]) -> Grid:
    stream.seek(0)
    refuse_foreign(stream.read(4096), how.file)
    found = container(stream)
    stream.seek(0)
    if found == "zip" and how.file.lower().endswith((".xlsx", ".xlsm")):
        found = "xlsx"  # an archive that calls itself a workbook and is none; its reader says so
    form: str = how.format
    declared = form if form in CONTAINERS else None
    if (declared, found) == ("xlsx", "xls"):
        refuse_locked(whole(stream, file=how.file), how.file)
    if declared is not None and declared != found and {declared, found} != {"csv", "html"}:
        if not (declared == "csv" and found == "json"):
            raise refuse(
                "file.format",
                how.file,
                f"声明为 {declared}，实为 {found}",
                f"declared as {declared}, but it is {found}",
                f"改为 format: {found if found != 'zip' else 'auto'}，或换成所声明的文件",
                f"write format: {found if found != 'zip' else 'auto'}, or give the file declared",
                expected=declared,
                found=found,
            )
        found = declared
    if found == "zip":
        return zipped(stream, how, log, problems, inner=read)
    if found == "xlsx" and form == "auto" and how.sheet is None and is_entry(stream):
        return entry(stream, how, log, problems)
    grid = CONTAINERS[declared or found](stream, how, log, problems)
    titles = grid.titles
    platform = form if form in PLATFORMS else None
    if grid.export is not None and declared is None:
        return _by_labels(grid, how, log, problems)
    if platform is not None and not any(mark(titles) for mark, _ in _MARKS):
        problems.append(_no_platform(how, titles))
    if platform is None and declared is None and titles:
        platform = _platform(titles)
        if platform is not None:
            log.add(
                "intake.platform",
                1,
                f"{how.file}：按表头认作 {platform} 导出；写 format: csv 或 xlsx 则按普通表格读",
                f"{how.file}: taken for an export of {platform} by its titles; "
                "format: csv or xlsx reads it as a plain table",
            )
    return grid if platform is None else PLATFORMS[platform](grid, how, log, problems)


def _platform(titles: list[str]) -> str | None:
    """Name the platform whose own columns are among the titles."""
    return next((name for mark, name in _MARKS if mark(titles)), None)


def _by_labels(grid: Grid, how: Source | Join, log: Log, problems: list[Problem]) -> Grid:
    """Give a labelled file whose variable labels are a platform's titles what the platform tells.

    The columns keep the names of the variables; labels and missing codes are the file's own.
    """
    assert grid.export is not None
    old = grid.export
    words, _ = unique(question.wording for question in old.questions)
    platform = how.format if how.format in PLATFORMS else _platform(words)
    if platform is None:
        return grid
    spoken = copy(grid)
    spoken.titles, spoken.export = words, None
    new = PLATFORMS[platform](spoken, how, log, problems).export
    assert new is not None
    names = dict(zip(words, (question.title for question in old.questions), strict=True))
    questions = []
    for one in new.questions:
        title = names.get(one.title, one.title)
        mine = old.question(title) if not one.columns else None
        questions.append(
            replace(
                one,
                title=title,
                columns=tuple((option, names.get(c, c)) for option, c in one.columns),
                labels=mine.labels if mine else one.labels,
                missing=mine.missing if mine else one.missing,
            )
        )
    grid.export = replace(
        new,
        named={
            name: replace(n, title=names.get(n.title, n.title)) for name, n in new.named.items()
        },
        questions=tuple(questions),
        seconds=names.get(new.seconds, new.seconds),
    )
    return grid


def _no_platform(how: Source | Join, titles: list[str]) -> Problem:
    return Problem(
        code="file.platform",
        file=how.file,
        zh=f"声明为 {how.format} 导出，但没有该平台自带的列",
        en=f"declared as an export of {how.format}, but the platform's own columns are not there",
        remedy_zh="检查 header:，或改为 format: auto",
        remedy_en="check header:, or write format: auto",
        expected=how.format,
        found=" | ".join(titles[:6])[:100],
        severity="warning",
    )
