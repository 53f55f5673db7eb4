"""Tables of web pages and of Excel's XML of 2003, which many systems save as ``.xls``."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, BinaryIO

from workbench.errors import Problem
from workbench.intake.encoding import decode, whole
from workbench.intake.frames import Log, refuse, rows_shown
from workbench.intake.readers.export import Grid

if TYPE_CHECKING:
    from workbench.study import Join, Source

__all__ = ["html"]

_CHARSET = re.compile(rb"(?:charset|encoding)\s*=\s*[\"']?([A-Za-z0-9_-]+)", re.I)
_ROWS, _CELLS = ("tr", "row"), ("td", "th", "cell")
_MOST = 5000


class _Tables(HTMLParser):
    """Collects every table; a cell over several columns fills the first of them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.done: list[list[list[str]]] = []
        self.tall: list[list[int]] = []
        self._open: list[list[list[str]]] = []
        self._tall: list[list[int]] = []
        self._cell: list[list[str] | None] = []
        self._extra: list[int] = []
        self._mute = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        if tag in ("script", "style"):
            self._mute += 1
        elif tag == "table":
            self._open.append([])
            self._tall.append([])
            self._cell.append(None)
            self._extra.append(0)
        elif not self._open:
            return
        elif tag in _ROWS:
            self._end()
            for _ in range(_number(told.get("ss:index", "")) - len(self._open[-1]) - 1):
                self._open[-1].append([])
            self._open[-1].append([])
        elif tag in _CELLS and self._open[-1]:
            self._end()
            row = self._open[-1][-1]
            row += [""] * (_number(told.get("ss:index", "")) - len(row) - 1)
            self._cell[-1] = []
            self._extra[-1] = max(
                _number(told.get("colspan", "")) - 1, _number(told.get("ss:mergeacross", "")), 0
            )
            if _number(told.get("rowspan", "")) > 1 or _number(told.get("ss:mergedown", "")):
                self._tall[-1].append(len(self._open[-1]) - 1)
        elif tag == "br":
            self.handle_data(" ")

    def _end(self) -> None:
        """Close the cell that is open in the innermost table."""
        if self._open and self._cell[-1] is not None and self._open[-1]:
            text = " ".join("".join(self._cell[-1]).replace("\u00a0", " ").split())
            self._open[-1][-1] += [text, *[""] * self._extra[-1]]
            self._cell[-1], self._extra[-1] = None, 0

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._mute = max(self._mute - 1, 0)
        elif self._open and tag in (*_CELLS, *_ROWS):
            self._end()
        elif self._open and tag == "table":
            self._end()
            self.done.append(self._open.pop())
            self.tall.append(self._tall.pop())
            self._cell.pop()
            self._extra.pop()

    def handle_data(self, data: str) -> None:
        if self._open and self._cell[-1] is not None and not self._mute:
            self._cell[-1].append(data)


def _number(text: str) -> int:
    return min(int(text), _MOST) if text.isdecimal() and len(text) < 9 else 0


def html(stream: BinaryIO, how: Source | Join, log: Log, problems: list[Problem]) -> Grid:
    """Give the one table of a page; ``sheet:`` chooses by number where there are several.

    Raises
    ------
    InputError
        No table, several and none declared, or bytes that are not in the page's own encoding.
    """
    file = how.file
    data = whole(stream, file=file)
    codec = how.encoding
    if codec is None and not data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        named = _CHARSET.search(data[:4096])
        if named is not None:
            codec = named[1].decode().lower()
            codec = "gb18030" if codec in ("gb2312", "gbk", "x-gbk") else codec
    elif codec is None and data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        codec = "utf-16"
    try:
        text = decode(data, "utf-8-sig" if codec in ("utf-8", "utf8") else codec, file=file)
    except LookupError:
        text = decode(data, None, file=file)
    parser = _Tables()
    parser.feed(text)
    parser.close()
    while parser._open:  # a page cut off before its last tag
        parser.handle_endtag("table")
    tables = [
        (rows, tall)
        for rows, tall in zip(parser.done, parser.tall, strict=True)
        if len(rows) > 1 and max(map(len, rows)) > 1
    ]
    wanted = how.sheet
    if wanted is not None and wanted.isdecimal() and 1 <= int(wanted) <= len(tables):
        tables = [tables[int(wanted) - 1]]
    if len(tables) != 1:
        raise refuse(
            "file.sheet",
            file,
            f"网页中有 {len(tables)} 个表格，须恰好一个",
            f"the page holds {len(tables)} tables; exactly one is needed",
            "用 sheet: 写明第几个表格，或另存为 .xlsx",
            "write the number of the table as sheet:, or save it as .xlsx",
            expected="1",
            found=str(len(tables)),
        )
    rows, tall = tables[0]
    log.add(
        "intake.html", 1, f"{file}：内容是网页表格", f"{file}: the content is a table of a web page"
    )
    below = [n - how.header + 1 for n in tall if n >= how.header]
    if below:
        problems.append(
            Problem(
                code="file.merged",
                file=file,
                zh=f"数据行中有纵向合并的单元格（{len(below)} 处，行：{rows_shown(below)}）",
                en=f"cells are merged over rows of data ({len(below)}, rows: {rows_shown(below)})",
                remedy_zh="取消合并并逐行填写；合并后只有首行有值",
                remedy_en="unmerge them and fill in every row: only the first row has the value",
                row=below[0],
            )
        )
    return Grid(rows, how)
