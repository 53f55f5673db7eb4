"""Delimited text to a grid: UTF-8, what is declared, or what the text itself proves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from workbench.errors import InputError, Problem
from workbench.intake import csvfile, encoding
from workbench.intake.frames import Log
from workbench.intake.readers.export import Grid
from workbench.intake.titles import tidy

if TYPE_CHECKING:
    from workbench.study import Join, Source

__all__ = ["delimited", "text_of"]

_LITERAL = re.compile(r'="((?:[^"]|"")*)"')
_KNOWN = frozenset({
    "序号", "提交答卷时间", "所用时间", "来自IP", "来源详情", "开始答题时间", "结束答题时间",
    "答题时长",
    "工单编号", "工单号", "受理时间", "办结时间", "诉求内容",
})  # fmt: skip
"""Titles of platforms and hotlines; two prove the encoding. Any other file has to declare it."""


def text_of(data: bytes, how: Source | Join, log: Log) -> str:
    """Give the text of a file; only a byte order mark or known titles prove an encoding.

    Raises
    ------
    InputError
        See :func:`encoding.decode`; lines of two encodings in one file.
    """
    codec = how.encoding
    if codec is None and data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        codec = "utf-16"
        log.add(
            "intake.encoding",
            1,
            f"{how.file}：UTF-16（有字节顺序标记）",
            f"{how.file}: UTF-16 by its byte order mark",
        )
    if codec is None:
        try:
            return encoding.decode(data, None, file=how.file)
        except InputError:
            if not _proved(data):
                raise
        codec = "gb18030"
        log.add(
            "intake.encoding",
            1,
            f"{how.file}：按表头认定为 GB18030",
            f"{how.file}: GB18030, as its titles show",
        )
    if codec.lower().replace("-", "") in ("gb18030", "gbk", "gb2312", "cp936"):
        encoding.one_encoding(data, file=how.file)
    return encoding.decode(data, codec, file=how.file)


def _proved(data: bytes) -> bool:
    """Whether the first lines, read as GB18030, hold two titles that are known."""
    head = data[: data.find(b"\n", 2000) if len(data) > 2000 else None]
    words = re.split(r"[,，\t;|\n\r\"]+", head.decode("gb18030", errors="ignore"))
    return len(_KNOWN & {tidy(word) for word in words}) >= 2


def delimited(data: bytes, how: Source | Join, log: Log, problems: list[Problem]) -> Grid:
    """Give the records of delimited text; ``="007"``, guarded from Excel, loses its guard."""
    text = text_of(data, how, log)
    if (match := re.match(r"sep=(.)\r?\n", text)) is not None:  # a hint for Excel, no record
        text = text[match.end() :]
        delimiter = how.delimiter or match[1]
    else:
        delimiter = how.delimiter or ""
    rows = csvfile.records(text, delimiter or None, file=how.file)
    guarded = 0
    if '="' in text:
        for row in rows:
            for n, cell in enumerate(row):
                if (literal := _LITERAL.fullmatch(cell.strip())) is not None:
                    row[n] = literal[1].replace('""', '"')
                    guarded += 1
    log.add(
        "intake.literal",
        guarded,
        f'{how.file}：写成 ="…" 的文本，去掉外壳',
        f'{how.file}: texts written as ="…"; the guard is taken off',
    )
    return Grid(rows)
