"""The XML of a workbook read as it passes, without a tree: the rows of a sheet, the shared texts.

What one row or one text may hold is limited, a document type is refused, formulas are never
evaluated.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import IO, Any, cast
from xml.parsers import expat

from workbench.errors import InputError
from workbench.intake.frames import refuse

__all__ = ["MAX_PIECE", "Places", "Shared", "Sheet", "Styles", "cell_text", "padded", "rows_of"]

MAX_PIECE = 64 << 20
"""Bytes of one row, of one text, or of what stands behind the last row."""
MAX_CELLS = 200_000_000
MAX_WIDE = 5000
_LAST_ROW = 1_048_576  # of a sheet; ECMA-376 leaves it open, Excel has no more
_BLOCK = 1 << 16
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


@dataclass
class Places:
    """Cells with one fault: the row of each, counted from 0; column and text of the first."""

    rows: array[int] = field(default_factory=lambda: array("l"))
    column: int = 0
    text: str = ""

    def add(self, row: int, column: int, text: str) -> None:
        """Enter one more."""
        if not self.rows:
            self.column, self.text = column, text
        self.rows.append(row)


@dataclass
class Sheet:
    """One sheet as text, read row by row and once; what it tells is complete after the last.

    Attributes
    ----------
    rows
        Cells by row, both counted from 0 everywhere here; none behind the last that holds anything.
    formulas
        How many cells hold formulas with a stored result, which counts.
    bare
        Formulas under the header without one: they keep their own text and are never evaluated.
    merged
        First and last row of cells merged over several rows.
    wide
        Row and columns of cells merged over several columns.
    hidden
        Names of hidden sheets, when no sheet was declared.
    zeros
        How many numbers were read with the leading zeros that their format shows.
    hidden_rows
        Rows that do not show; they are read.
    """

    rows: Iterator[list[str]] = field(default_factory=lambda: iter(()))
    formulas: int = 0
    bare: Places = field(default_factory=Places)
    merged: set[tuple[int, int]] = field(default_factory=set)
    wide: set[tuple[int, str]] = field(default_factory=set)
    hidden: list[str] = field(default_factory=list)
    zeros: int = 0
    hidden_rows: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class Styles:
    """What the formats of a workbook make of its numbers, by the number of the style as text."""

    dates: frozenset[str]
    spans: frozenset[str]
    """Formats of durations, among the dates."""
    zeros: Mapping[str, str]
    """Formats that only fill up with zeros."""
    epoch: datetime

    @classmethod
    def of(cls, book: Any) -> Styles:
        """Take them from a workbook of openpyxl."""
        from openpyxl.styles.numbers import BUILTIN_FORMATS_MAX_SIZE

        own = dict(enumerate(book._number_formats, BUILTIN_FORMATS_MAX_SIZE))
        forms = {str(n): own.get(s.numFmtId, "") for n, s in enumerate(book._cell_styles)}
        return cls(
            frozenset(map(str, book._date_formats)),
            frozenset(map(str, book._timedelta_formats)),
            {n: form for n, form in forms.items() if len(form) > 1 and not form.strip("0")},
            book.epoch,
        )


def cell_text(value: Any) -> str:
    """Give a cell's stored value as text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):  # midnight of another zone is a time of day here
        day = value.tzinfo is None and value.time() == time()
        return value.date().isoformat() if day else value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value.total_seconds())
    return str(value)


def padded(value: Any, form: str) -> str | None:
    """Give a whole number as its format shows it, where that only adds leading zeros.

    Examples
    --------
    >>> padded(71, "00000"), padded(71.0, "0000"), padded(71, "General"), padded(12345, "000")
    ('00071', '0071', None, None)
    """
    if type(value) not in (int, float) or len(form) < 2 or form.strip("0"):
        return None
    text = cell_text(value)
    return text.zfill(len(form)) if text.isdecimal() and len(text) < len(form) else None


class Shared:
    """The texts that cells share, as UTF-8 in one piece."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._ends = array("q", [0])

    @classmethod
    def read(cls, source: IO[bytes], *, file: str) -> Shared:
        """Read the part ``sharedStrings.xml``."""
        out = cls()
        item, text, aid = (f"{_MAIN}}}{tag}" for tag in ("si", "t", "rPh"))
        parts: list[str] = []
        told: list[str] = []
        aside = False

        def start(name: str, _: Mapping[str, str]) -> None:
            nonlocal aside
            if name == text:
                parts.clear()
            elif name == item:
                told.clear()
            elif name == aid:  # how it is read aloud
                aside = True

        def end(name: str) -> None:
            nonlocal aside
            if name == text:
                if not aside:
                    told.append("".join(parts))
            elif name == item:
                out._bytes.extend("".join(told).replace("x005F_", "").encode())
                out._ends.append(len(out._bytes))
            elif name == aid:
                aside = False

        parser = _parser(start, end, parts.append, file)
        for block in _paced(source, _ITEM, file):
            parser.Parse(block, False)
        parser.Parse(b"", True)
        return out

    def __getitem__(self, n: int) -> str:
        if n < 0:
            raise IndexError(n)
        return self._bytes[self._ends[n] : self._ends[n + 1]].decode()


_ITEM = re.compile(rb"<(?:\w+:)?si[\s>/]")
_ROW = re.compile(rb"<(?:\w+:)?row[\s>/]")


def _paced(source: IO[bytes], mark: re.Pattern[bytes], file: str) -> Iterator[bytes]:
    """Give the bytes in blocks; refused when one row or text is longer than any may be."""
    since, end = 0, b""
    while block := source.read(_BLOCK):
        if mark.search(end + block):
            since = 0
        since += len(block)
        end = block[-64:]
        if since > MAX_PIECE:
            raise refuse(
                "file.bomb",
                file,
                "一行或一段文本过长，未继续读取",
                "one row or text is longer than any may be; it is not read on",
                "检查文件来源；确有需要时导出为 CSV",
                "check where the file comes from; if it is genuine, export it as CSV",
                expected=f"≤ {MAX_PIECE} bytes",
            )
        yield block


def _parser(
    start: Callable[[str, Mapping[str, str]], None],
    end: Callable[[str], None],
    data: Callable[[str], None],
    file: str,
) -> expat.XMLParserType:
    def doctype(name: str, *_: object) -> None:
        raise refuse(
            "file.doctype",
            file,
            "工作簿的 XML 含有文档类型声明，未继续读取",
            "the workbook's XML declares a document type; it is not read on",
            "用 Excel 重新保存",
            "save it again with Excel",
            found=name[:60],
        )

    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = data
    parser.StartDoctypeDeclHandler = doctype
    return parser


def rows_of(
    source: IO[bytes], shared: Shared, styles: Styles, told: Sheet, *, file: str, header: int = 0
) -> Iterator[list[str]]:
    """Give the rows of a sheet, each to its last cell with a value, up to the last such row.

    Parameters
    ----------
    source
        The part of the sheet.
    shared, styles
        Those of the workbook.
    told
        Receives what is counted on the way.
    file
        For messages.
    header
        Rows above the data; bare formulas in them are not told.

    Raises
    ------
    InputError
        A row stands after one with a higher number, or beyond the last of a sheet (its cells would
        be lost); too many cells or columns; a row too long; a document type.
    """
    reading = _Reading(shared, styles, told, file, header)
    parser = _parser(reading.start, reading.end, reading.parts.append, file)
    given = 0
    for block in _paced(source, _ROW, file):
        parser.Parse(block, False)
        for number, row in reading.ready:
            while given < number - 1:
                given += 1
                yield []
            given = number
            yield row
        reading.ready.clear()
    parser.Parse(b"", True)


_CELL, _VALUE, _TEXT, _FORMULA, _LINE, _ALOUD, _INLINE, _MERGE = (
    f"{_MAIN}}}{tag}" for tag in ("c", "v", "t", "f", "row", "rPh", "is", "mergeCell")
)
_SPAN = re.compile(r"([A-Z]{1,3})([0-9]{1,7}):([A-Z]{1,3})([0-9]{1,7})")
_DIGITS = "0123456789"


class _Reading:
    """A sheet while its elements pass."""

    def __init__(self, shared: Shared, styles: Styles, told: Sheet, file: str, header: int) -> None:
        self.shared, self.styles, self.told = shared, styles, told
        self.file, self.header = file, header
        self.ready: list[tuple[int, list[str]]] = []
        self.parts: list[str] = []
        self._row: list[str] = []
        self._number = self._column = self._cells = 0
        self._letters: dict[str, int] = {}
        self._cell: Mapping[str, str] = {}
        self._value = ""
        self._inline: str | None = None
        self._aside = False
        self._formula: str | None = None
        self._how: Mapping[str, str] = {}
        self._first: dict[str, Any] = {}
        """Shared formulas by their number."""

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """Take the beginning of an element."""
        if name == _CELL:
            self._cell = attributes
            self._value, self._inline, self._formula = "", None, None
        elif name in (_VALUE, _TEXT):
            self.parts.clear()
        elif name == _LINE:
            self._begin(attributes)
        elif name == _FORMULA:
            self.parts.clear()
            self._how = attributes
        elif name == _INLINE:
            self._inline = ""
        elif name == _ALOUD:
            self._aside = True
        elif name == _MERGE:
            self._merged(attributes.get("ref", ""))

    def end(self, name: str) -> None:
        """Take the end of an element."""
        if name == _CELL:
            self._finish()
        elif name == _VALUE:
            self._value = "".join(self.parts)
        elif name == _LINE:
            self._flush()
        elif name == _TEXT:
            if self._inline is not None and not self._aside:
                self._inline += "".join(self.parts)
        elif name == _FORMULA:
            self._formula = "=" + "".join(self.parts)
        elif name == _ALOUD:
            self._aside = False

    def _begin(self, attributes: Mapping[str, str]) -> None:
        given = attributes.get("r")
        number = self._number + 1 if given is None else int(float(given))
        if number <= self._number or number > _LAST_ROW:
            raise _disorder(self.file, self._number, number)
        self._number, self._column, self._row = number, 0, []
        if attributes.get("hidden") in ("1", "true"):
            self.told.hidden_rows.add(number - 1)

    def _merged(self, ref: str) -> None:
        if (span := _SPAN.match(ref)) is not None:
            left, first, right, last = span.groups()
            if first != last:
                self.told.merged.add((int(first) - 1, int(last) - 1))
            if left != right:
                self.told.wide.add((int(first) - 1, f"{left}:{right}"))

    def _flush(self) -> None:
        row = self._row
        while row and not row[-1].strip():
            row.pop()
        self._cells += len(row)
        if len(row) > MAX_WIDE:
            raise refuse(
                "file.too-wide",
                self.file,
                "列过多",
                "too many columns",
                "删去右侧多余的列，或导出为 CSV",
                "remove what stands at the far right, or export it as CSV",
                row=self._number - 1 or None,
                expected=f"≤ {MAX_WIDE}",
                found=str(len(row)),
            )
        if self._cells > MAX_CELLS:
            raise refuse(
                "file.too-large",
                self.file,
                "单元格过多",
                "too many cells",
                "导出为 CSV 并拆分",
                "export it as CSV and split it",
                expected=f"≤ {MAX_CELLS}",
            )
        if row:
            self.ready.append((self._number, row))

    def _place(self, at: str | None) -> int:
        """Give the number of a cell's column, from 1."""
        if at is None:
            return self._column + 1
        letters = at.rstrip(_DIGITS)
        column = self._letters.get(letters)
        if column is None:
            from openpyxl.utils import column_index_from_string

            column = self._letters[letters] = column_index_from_string(letters)
        return column

    def _finish(self) -> None:
        """Put a cell into its row."""
        column = self._column = self._place(self._cell.get("r"))
        text = self._said()
        if self._formula is not None:
            text = self._written(text, column)
        if text:
            if "_x" in text:
                text = _unescaped(text)
            row = self._row
            if column == len(row) + 1:
                row.append(text)
            else:
                row.extend([""] * (column - len(row)))
                row[column - 1] = text

    def _said(self) -> str:
        """Give the stored value of a cell as text."""
        kind, value = self._cell.get("t", "n"), self._value
        if kind == "inlineStr":
            return self._inline or ""
        if not value:
            return ""
        if kind == "s":
            return self.shared[int(value)]
        if kind == "n":
            return self._number_of(value, self._cell.get("s", "0"))
        if kind == "b":
            return "true" if int(value) else "false"
        if kind == "d":
            from openpyxl.utils import datetime as dates

            return cell_text(cast("Any", dates).from_ISO8601(value))
        return value

    def _number_of(self, value: str, style: str) -> str:
        plain = value.isascii() and value.isdecimal() and value[0] != "0"
        if plain and style not in self.styles.dates and style not in self.styles.zeros:
            return value
        number: Any = float(value) if "." in value or "E" in value or "e" in value else int(value)
        if style in self.styles.dates:
            from openpyxl.utils.datetime import from_excel

            try:
                number = from_excel(number, self.styles.epoch, timedelta=style in self.styles.spans)
            except (OverflowError, ValueError):
                return "#VALUE!"
        elif (shown := padded(number, self.styles.zeros.get(style, ""))) is not None:
            self.told.zeros += 1
            return shown
        return cell_text(number)

    def _written(self, stored: str, column: int) -> str:
        """Count a formula; one without a stored result keeps its own text."""
        own = self._own(column)
        if stored:
            self.told.formulas += 1
            return stored
        if self._number > self.header:
            self.told.bare.add(self._number - 1, column - 1, own)
        return own

    def _own(self, column: int) -> str:
        """Give a formula as it would stand in the cell; a shared one is told once."""
        from openpyxl.formula.translate import Translator
        from openpyxl.utils import get_column_letter

        own, key = self._formula or "=", self._how.get("si")
        if self._how.get("t") != "shared" or key is None:
            return own
        at = f"{get_column_letter(column)}{self._number}"
        if key in self._first:
            return str(self._first[key].translate_formula(at))
        if own != "=":
            self._first[key] = Translator(own, at)
        return own


def _disorder(file: str, before: int, number: int) -> InputError:
    return refuse(
        "file.torn",
        file,
        f"工作表的行号颠倒或越界（第 {before} 行之后是第 {number} 行）：其中的数据会丢失",
        f"rows of the sheet stand out of order (row {number} after row {before}): "
        "their cells would be lost",
        "用 Excel 打开并重新保存，或重新导出",
        "open it in Excel and save it again, or export it again",
        expected=f"{before + 1} – {_LAST_ROW}",
        found=str(number),
    )


_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


def _unescaped(text: str) -> str:
    """Give the characters that a workbook writes as ``_x000D_`` (ECMA-376, ST_Xstring)."""
    plain = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    if plain == text:
        return text
    paired = plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return paired.replace("\r\n", "\n").replace("\r", "\n")
