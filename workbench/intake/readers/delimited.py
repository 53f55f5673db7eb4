"""Delimited text to a grid: UTF-8, what is declared, or what the text itself proves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

from workbench.errors import InputError, Problem
from workbench.intake import csvfile, encoding
from workbench.intake.frames import Log
from workbench.intake.readers.export import HEAD, Grid, coded
from workbench.intake.titles import tidy

if TYPE_CHECKING:
    from workbench.study import Join, Source

__all__ = ["delimited", "records"]

_LITERAL = re.compile(r'="((?:[^"]|"")*)"')
_KNOWN = frozenset({
    "序号", "提交答卷时间", "所用时间", "来自IP", "来源详情", "开始答题时间", "结束答题时间",
    "答题时长",
    "工单编号", "工单号", "受理时间", "办结时间", "诉求内容",
})  # fmt: skip
"""Titles of platforms and hotlines; two prove the encoding. Any other file has to declare it."""


def _codec(stream: BinaryIO, how: Source | Join, log: Log, proved: bool) -> str:
    """Give the codec of a file; only a byte order mark or known titles prove an encoding.

    ``proved``: it comes from a platform that writes GB18030 where it does not write UTF-8.

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
            if not proved and not _proved(head):
                raise
        codec = "gb18030"
        log.add(
            "intake.encoding",
            1,
            f"{how.file}：按表头或平台认定为 GB18030",
            f"{how.file}: GB18030, as its titles or its platform show",
        )
    if codec.lower().replace("-", "") in ("gb18030", "gbk", "gb2312", "cp936"):
        encoding.one_encoding(stream, file=how.file)
    return encoding.checked(stream, codec, file=how.file)


def _proved(data: bytes) -> bool:
    """Whether the first lines, read as GB18030, hold two titles that are known."""
    head = data[: data.find(b"\n", 2000) if len(data) > 2000 else None]
    words = re.split(r"[,，\t;|\n\r\"]+", head.decode("gb18030", errors="ignore"))
    return len(_KNOWN & {tidy(word) for word in words}) >= 2


class _Text:
    """Delimited text: record by record, or a block of them at once where nothing is quoted."""

    def __init__(
        self, stream: BinaryIO, how: Source | Join, log: Log, *, proved: bool = False
    ) -> None:
        codec = _codec(stream, how, log, proved)
        self._file, self._log = how.file, log
        self._blocks = csvfile.blocks(encoding.decoded(stream, codec))
        first = next(self._blocks, "").removeprefix("\ufeff")
        hint = re.match(r"sep=(.)\r?\n", first)  # a hint for Excel, no record
        self._delimiter = how.delimiter or (hint[1] if hint else csvfile.sniff(first))
        self._lines = csvfile.lines(first[hint.end() :] if hint else first)
        self._at_once = 0
        """Records that were taken by blocks."""
        self._marked = False

    def _each(self) -> Iterator[str]:
        while self._lines or (block := next(self._blocks, "")):
            self._lines = self._lines or csvfile.lines(block)
            line = self._lines.pop()
            self._marked = self._marked or '="' in line
            yield line

    def records(self) -> Iterator[list[str]]:
        """Give the records one by one; ``="007"``, guarded from Excel, loses its guard."""
        guarded = 0
        for row in csvfile.records(
            self._each(), self._delimiter, file=self._file, before=lambda: self._at_once
        ):
            if self._marked:
                self._marked = False
                for n, cell in enumerate(row):
                    if (literal := _LITERAL.fullmatch(cell.strip())) is not None:
                        row[n] = literal[1].replace('""', '"')
                        guarded += 1
            yield row
        self._log.add(
            "intake.literal",
            guarded,
            f'{self._file}：写成 ="…" 的文本，去掉外壳',
            f'{self._file}: texts written as ="…"; the guard is taken off',
        )

    def grid(self, how: Source | Join) -> Grid:
        """Put all records aside."""
        rows = self.records()
        grid = Grid(islice(rows, how.header + HEAD), how)
        while True:
            grid.fill(self._here(rows))
            block = next(self._blocks, "")
            columns = csvfile.columns(block, self._delimiter, len(grid.titles))
            if columns is not None:
                self._at_once += len(columns[0])
                grid.add([coded(cells.dictionary.to_pylist(), cells.indices) for cells in columns])
            elif block:
                self._lines = csvfile.lines(block)
            else:
                list(rows)  # none is left
                return grid

    def _here(self, rows: Iterator[list[str]]) -> Iterator[list[str]]:
        """Give the records that begin in the lines at hand."""
        while self._lines:
            yield from islice(rows, 1)


def records(
    stream: BinaryIO, how: Source | Join, log: Log, *, proved: bool = False
) -> Iterator[list[str]]:
    """Give the records of delimited text one by one; see :class:`_Text`.

    ``proved``: it comes from a platform that writes GB18030 where it does not write UTF-8.
    """
    return _Text(stream, how, log, proved=proved).records()


def delimited(stream: BinaryIO, how: Source | Join, log: Log, problems: list[Problem]) -> Grid:
    """Give delimited text; see :class:`_Text`."""
    return _Text(stream, how, log).grid(how)
