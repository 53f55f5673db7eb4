"""Delimited text to a grid: UTF-8, what is declared, or what the text itself proves."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO

from workbench.errors import InputError, Problem
from workbench.intake import csvfile, encoding
from workbench.intake.frames import Log
from workbench.intake.readers.export import Grid
from workbench.intake.titles import tidy

if TYPE_CHECKING:
    from workbench.study import Join, Source

__all__ = ["delimited", "records"]

_SNIFFED = 100_000

_LITERAL = re.compile(r'="((?:[^"]|"")*)"')
_KNOWN = frozenset({
    "序号", "提交答卷时间", "所用时间", "来自IP", "来源详情", "开始答题时间", "结束答题时间",
    "答题时长",
    "工单编号", "工单号", "受理时间", "办结时间", "诉求内容",
})  # fmt: skip
"""Titles of platforms and hotlines; two prove the encoding. Any other file has to declare it."""


def _codec(stream: BinaryIO, how: Source | Join, log: Log) -> str:
    """Give the codec of a file; only a byte order mark or known titles prove an encoding.

    Raises
    ------
    InputError
        See :func:`encoding.checked`; lines of two encodings in one file.
    """
    codec = how.encoding
    stream.seek(0)
    head = stream.read(1 << 16)
    if codec is None and head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        codec = "utf-16"
        log.add(
            "intake.encoding",
            1,
            f"{how.file}：UTF-16（有字节顺序标记）",
            f"{how.file}: UTF-16 by its byte order mark",
        )
    if codec is None:
        try:
            return encoding.checked(stream, None, file=how.file)
        except InputError:
            if not _proved(head):
                raise
        codec = "gb18030"
        log.add(
            "intake.encoding",
            1,
            f"{how.file}：按表头认定为 GB18030",
            f"{how.file}: GB18030, as its titles show",
        )
    if codec.lower().replace("-", "") in ("gb18030", "gbk", "gb2312", "cp936"):
        encoding.one_encoding(stream, file=how.file)
    return encoding.checked(stream, codec, file=how.file)


def _proved(data: bytes) -> bool:
    """Whether the first lines, read as GB18030, hold two titles that are known."""
    head = data[: data.find(b"\n", 2000) if len(data) > 2000 else None]
    words = re.split(r"[,，\t;|\n\r\"]+", head.decode("gb18030", errors="ignore"))
    return len(_KNOWN & {tidy(word) for word in words}) >= 2


def records(stream: BinaryIO, how: Source | Join, log: Log) -> Iterator[list[str]]:
    """Give the records of delimited text; ``="007"``, guarded from Excel, loses its guard."""
    codec = _codec(stream, how, log)
    stream.seek(0)
    text = io.TextIOWrapper(stream, codec, newline="")
    guarded = 0
    marked = False

    def lines() -> Iterator[str]:
        nonlocal marked
        for line in text:
            marked = marked or '="' in line
            yield line

    try:
        head = text.read(_SNIFFED).removeprefix("\ufeff")
        hint = re.match(r"sep=(.)\r?\n", head)  # a hint for Excel, no record
        delimiter = how.delimiter or (hint[1] if hint else csvfile.sniff(head))
        text.seek(0)
        rest = lines()
        if hint:
            next(rest)
        first = next(rest, "").removeprefix("\ufeff")
        for row in csvfile.records(chain([first], rest), delimiter, file=how.file):
            if marked:
                marked = False
                for n, cell in enumerate(row):
                    if (literal := _LITERAL.fullmatch(cell.strip())) is not None:
                        row[n] = literal[1].replace('""', '"')
                        guarded += 1
            yield row
    finally:
        text.detach()
    log.add(
        "intake.literal",
        guarded,
        f'{how.file}：写成 ="…" 的文本，去掉外壳',
        f'{how.file}: texts written as ="…"; the guard is taken off',
    )


def delimited(stream: BinaryIO, how: Source | Join, log: Log, problems: list[Problem]) -> Grid:
    """Give delimited text; see :func:`records`."""
    return Grid(records(stream, how, log), how)
