"""Workbooks to records: guarded before opening, values as stored, formulas never evaluated.

A sheet is read row by row; of its texts that are shared the bytes are held, once. What is unpacked
whole is little, what is read in parts may be much.
"""

from __future__ import annotations

import bisect
import io
import re
import struct
import warnings
import zipfile
import zlib
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import IO, Any, cast

from workbench.errors import InputError
from workbench.intake.frames import refuse

__all__ = [
    "MAX_TOTAL",
    "PASSWORD",
    "TORN",
    "Places",
    "Sheet",
    "cell_text",
    "guard",
    "opened",
    "padded",
    "records",
]

PASSWORD = (
    "工作簿有密码",
    "the workbook is protected by a password",
    "在 Excel 中打开，去掉打开密码后另存为 .xlsx",
    "open it in Excel, remove the password to open, and save it as .xlsx",
)

TORN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ValueError,
    KeyError,
    IndexError,
    EOFError,
    RuntimeError,
    NotImplementedError,
    OSError,
)
"""What reading a damaged archive may raise."""

MAX_RATIO = 100
MAX_TOTAL = 200 << 20
"""Bytes of all members that are unpacked whole."""
MAX_SHARED = 512 << 20
"""Bytes of the texts that the cells of a workbook share; their UTF-8 is held."""
MAX_SHEETS = 4 << 30
"""Bytes of all members, those that are read in parts among them."""
MAX_PIECE = 64 << 20
"""Bytes of one row, of one text, or of what stands behind the last row."""
MAX_MEMBERS = 2000
MAX_CELLS = 60_000_000
MAX_WIDE = 5000
_PARTS = re.compile(r"xl/(?:worksheets/[^/]+|sharedStrings)\.xml", re.IGNORECASE)
_SHARED = re.compile(r"xl/sharedStrings\.xml", re.IGNORECASE)
_LAST_ROW = 1_048_576  # of a sheet; ECMA-376 leaves it open, Excel has no more


def guard(data: bytes, *, file: str, book: bool = False) -> zipfile.ZipFile:
    """Give an archive after looking at its directory only.

    Parameters
    ----------
    data
        The archive.
    file
        Its name for messages.
    book
        Whether it is read as a workbook, its sheets and shared texts in parts.

    Raises
    ------
    InputError
        Not an archive, more than 2,000 members, more than 100 times the packed size, more than 200
        MiB that are unpacked whole, of a workbook 512 MiB of shared texts or 4 GiB in all; a member
        with an absolute or climbing name, or a document type declaration in its XML.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except TORN as error:
        raise refuse(
            "file.torn",
            file,
            f"不是完整的 XLSX 文件（{error}）",
            f"not a whole XLSX file ({error})",
            "重新导出或重新取得这个文件",
            "export or fetch the file again",
        ) from None
    members = archive.infolist()
    total = sum(member.file_size for member in members)
    packed = max(sum(member.compress_size for member in members), 1)
    whole = sum(m.file_size for m in members if not (book and _PARTS.fullmatch(m.filename)))
    shared = sum(m.file_size for m in members if book and _SHARED.fullmatch(m.filename))
    most = MAX_SHEETS if book else MAX_TOTAL
    if (
        total > min(most, MAX_RATIO * packed)
        or whole > MAX_TOTAL
        or shared > MAX_SHARED
        or len(members) > MAX_MEMBERS
    ):
        raise refuse(
            "file.bomb",
            file,
            "文件展开后过大，未打开",
            "the file unpacks to too much and was not opened",
            "检查文件来源；确有需要时导出为 CSV",
            "check where the file comes from; if it is genuine, export it as CSV",
            expected=f"≤ {most} bytes (≤ {MAX_TOTAL} unpacked whole, ≤ {MAX_SHARED} shared texts), "
            f"ratio ≤ {MAX_RATIO}, ≤ {MAX_MEMBERS} members",
            found=f"{total} bytes ({whole} unpacked whole, {shared} shared texts), "
            f"ratio {total // packed}, {len(members)} members",
        )
    for member in members:
        name = member.filename.replace("\\", "/")
        if name.startswith("/") or ".." in name.split("/") or ":" in name:
            raise refuse(
                "file.member",
                file,
                "压缩包内的文件名不安全，未打开",
                "a member of the archive has an unsafe name; it was not opened",
                "用 Excel 重新保存",
                "save it again with Excel",
                found=name[:60],
            )
        if member.flag_bits & 1:
            raise refuse("file.password", file, *PASSWORD)
        if name.endswith((".xml", ".rels")):
            try:
                with archive.open(member) as part:
                    head = part.read(4096)
            except TORN as error:
                raise refuse(
                    "file.torn",
                    file,
                    f"XLSX 文件已损坏（{error}）",
                    f"the XLSX file is damaged ({error})",
                    "重新导出这个文件",
                    "export the file again",
                ) from None
            if b"<!DOCTYPE" in head or b"<!ENTITY" in head:
                raise refuse(
                    "file.doctype",
                    file,
                    "工作簿的 XML 含有文档类型声明，未打开",
                    "the workbook's XML declares a document type; it was not opened",
                    "用 Excel 重新保存",
                    "save it again with Excel",
                    found=name[:60],
                )
    return archive


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
    if isinstance(value, datetime):
        return value.isoformat(sep=" ") if value.time() != time() else value.date().isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value.total_seconds())
    return str(value)


def _sheet(book: Any, wanted: str | None, *, file: str) -> Any:
    """Choose the sheet: the declared one, else the only visible one with cells."""
    names = list(book.sheetnames)
    if wanted is not None:
        if wanted in names:
            return book[wanted]
        if wanted.isdecimal() and 1 <= int(wanted) <= len(names):
            return book[names[int(wanted) - 1]]
        raise refuse(
            "file.sheet",
            file,
            "没有这个工作表",
            "there is no such sheet",
            "改正 sheet:",
            "correct sheet:",
            expected=" | ".join(names),
            found=wanted,
        )
    shown: list[Any] = []
    hidden: list[Any] = []
    for name in names:
        sheet = book[name]
        if any(
            cell is not None
            for row in sheet.iter_rows(max_row=50, values_only=True)
            for cell in row
        ):
            (shown if sheet.sheet_state == "visible" else hidden).append(sheet)
    if not shown and hidden:
        raise refuse(
            "file.sheet",
            file,
            "有内容的工作表都是隐藏的",
            "every sheet that holds cells is hidden",
            "确认要读后用 sheet: 指定，或取消隐藏",
            "name it with sheet: if it is to be read, or show it",
            found=" | ".join(sheet.title for sheet in hidden),
        )
    if len(shown) > 1:
        raise refuse(
            "file.sheet",
            file,
            "有多张工作表，未声明用哪一张",
            "several sheets hold cells and none is declared",
            "用 sheet: 指定工作表",
            "name the sheet with sheet:",
            found=" | ".join(sheet.title for sheet in shown),
        )
    return shown[0] if shown else None


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
        Names of hidden sheets with cells, when no sheet was declared.
    zeros
        How many numbers were read with the leading zeros that their format shows.
    hidden_rows
        Rows that do not show; they are read.
    """

    rows: Iterator[list[str]] = field(default_factory=lambda: iter(()))
    formulas: int = 0
    bare: Places = field(default_factory=Places)
    merged: list[tuple[int, int]] = field(default_factory=list)
    wide: list[tuple[int, str]] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    zeros: int = 0
    hidden_rows: list[int] = field(default_factory=list)


@contextmanager
def _whole(file: str, what_zh: str, what_en: str) -> Iterator[None]:
    """Take anything that goes wrong in a damaged part for a torn file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # openpyxl on styles and dates off limits
            yield
    except InputError:
        raise
    except Exception as error:  # openpyxl raises anything on a damaged part
        raise refuse(
            "file.torn",
            file,
            f"{what_zh}（{type(error).__name__}）",
            f"{what_en} ({type(error).__name__})",
            "用 Excel 打开并重新保存，或重新导出",
            "open it in Excel and save it again, or export it again",
        ) from None


class _Paced(io.RawIOBase):
    """A member that is refused when one row or text in it is longer than any may be."""

    def __init__(self, part: IO[bytes], mark: re.Pattern[bytes], file: str) -> None:
        self._part, self._mark, self._file = part, mark, file
        self._since = 0
        self._end = b""

    def read(self, size: int = -1, /) -> bytes:
        """Give the next bytes."""
        block = self._part.read(1 << 20 if size < 0 else size)
        if self._mark.search(self._end + block):
            self._since = 0
        self._since += len(block)
        self._end = block[-64:]
        if self._since > MAX_PIECE:
            raise refuse(
                "file.bomb",
                self._file,
                "一行或一段文本过长，未继续读取",
                "one row or text is longer than any may be; it is not read on",
                "检查文件来源；确有需要时导出为 CSV",
                "check where the file comes from; if it is genuine, export it as CSV",
                expected=f"≤ {MAX_PIECE} bytes",
            )
        return block

    def close(self) -> None:
        """Close the member."""
        self._part.close()
        super().close()


class _Shared:
    """The texts that cells share, as UTF-8 in one piece."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._ends = array("q", [0])

    def append(self, text: str) -> None:
        self._bytes += text.encode("utf-8", "surrogatepass")
        self._ends.append(len(self._bytes))

    def __getitem__(self, n: int) -> str:
        if n < 0:
            raise IndexError(n)
        held = self._bytes[self._ends[n] : self._ends[n + 1]]
        return held.decode("utf-8", "surrogatepass")


_TEXT = re.compile(rb"<(?:\w+:)?si[\s>/]")
_RUN = re.compile(rb"<(?:\w+:)?row[\s>/]")


def _shared(source: Any) -> _Shared:
    """Read the table of shared texts; its elements go as soon as they are read."""
    from openpyxl.xml.constants import SHEET_MAIN_NS
    from openpyxl.xml.functions import iterparse

    item, plain, run = (f"{{{SHEET_MAIN_NS}}}{tag}" for tag in ("si", "t", "r"))
    out, root = _Shared(), None
    for event, node in iterparse(source, events=("start", "end")):
        if root is None:
            root = node
        if event == "end" and node.tag == item:
            texts = [*node.findall(plain), *node.findall(f"{run}/{plain}")]  # not how it is read
            out.append("".join(text.text or "" for text in texts).replace("x005F_", ""))
            root.clear()
    return out


def _opened(data: bytes, *, data_only: bool, file: str, shared: Any = None) -> Any:
    from openpyxl.reader import excel
    from openpyxl.worksheet import _read_only
    from openpyxl.xml.constants import SHARED_STRINGS

    sheets, reader = cast("Any", _read_only.ReadOnlyWorksheet), cast("Any", excel.ExcelReader)

    class Rows(sheets):  # type: ignore[misc, valid-type]
        """A sheet whose size is not looked for: where it is not told, all of it would be read."""

        def _get_size(self) -> None:
            pass

        def _get_source(self) -> _Paced:
            return _Paced(self.parent._archive.open(self._worksheet_path), _RUN, file)

    class Tables(reader):  # type: ignore[misc, valid-type]
        """Sheets of charts hold no cells; openpyxl stumbles over them when it only reads."""

        def read_strings(self) -> None:
            """Hold the texts as bytes."""
            told = self.package.find(SHARED_STRINGS)
            if shared is not None:
                self.shared_strings = shared
            elif told is not None:
                with _Paced(self.archive.open(told.PartName[1:]), _TEXT, file) as part:
                    self.shared_strings = _shared(part)

        def read_worksheets(self) -> None:
            """Open the sheets of cells."""
            for sheet, rel in self.parser.find_sheets():
                if rel.target in self.valid_files and "chartsheet" not in rel.Type:
                    opened = Rows(self.wb, sheet.name, rel.target, self.shared_strings)
                    opened.sheet_state = sheet.state
                    self.wb._sheets.append(opened)

    made = Tables(io.BytesIO(data), read_only=True, data_only=data_only, keep_links=False)
    made.read()
    return made.wb


def records(data: bytes, sheet: str | None, *, file: str) -> list[list[str]]:
    """Give all rows of one sheet; see :func:`opened`."""
    return list(opened(data, sheet, file=file).rows)


def opened(data: bytes, sheet: str | None, *, file: str, header: int = 0) -> Sheet:
    """Open one sheet.

    Parameters
    ----------
    data
        The workbook.
    sheet
        Name or number of the sheet; ``None``: the only one that holds cells.
    file
        Its name for messages.
    header
        Rows above the data; what is wrong with their cells is not told.

    Raises
    ------
    InputError
        See :func:`guard`; another form of workbook, no such sheet, several sheets and none
        declared, only hidden ones, rows out of order, damage. While it is read: damage, too many
        cells or columns.
    """
    with (
        guard(data, file=file, book=True) as archive,
        _whole(file, "无法打开工作簿", "the workbook cannot be opened"),
    ):
        _plain(archive, file)
    with _whole(file, "无法打开工作簿", "the workbook cannot be opened"):
        book = _opened(data, data_only=True, file=file)
        chosen = _sheet(book, sheet, file=file)
    if chosen is None:
        return Sheet()
    with _whole(file, "工作表已损坏", "the sheet is damaged"):
        seen = _scan(data, chosen, file=file)
        written = None
        if seen.formulas:
            shared = chosen._shared_strings
            written = _opened(data, data_only=False, file=file, shared=shared)[chosen.title]
    told = Sheet(
        merged=seen.merged,
        wide=seen.wide,
        hidden=[
            one.title
            for one in book.worksheets
            if one.sheet_state != "visible" and one.title != chosen.title
        ],
        hidden_rows=seen.hidden_rows,
    )
    rows = _rows(chosen, seen, told, file=file)
    if written is not None:
        rows = _stored(rows, _rows(written, seen, None, file=file), told, header)
    told.rows = _in_parts(_filled(rows), file)
    return told


def _in_parts(rows: Iterator[list[str]], file: str) -> Iterator[list[str]]:
    """Give the rows; what goes wrong on the way is a damaged sheet."""
    while True:
        with _whole(file, "工作表已损坏", "the sheet is damaged"):
            part = list(islice(rows, 256))
        if not part:
            return
        yield from part


def _filled(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    """Give the rows up to the last that holds something."""
    blank = 0
    for row in rows:
        if row:
            yield from ([] for _ in range(blank))
            blank = 0
            yield row
        else:
            blank += 1


def _stored(
    values: Iterator[list[str]], written: Iterator[list[str]], told: Sheet, header: int
) -> Iterator[list[str]]:
    """Give the stored values; formulas are counted, one without a value keeps its own text."""
    for n, (row, other) in enumerate(zip(values, written, strict=True)):
        for k, text in enumerate(other):
            if text.startswith("="):
                stored = row[k] if k < len(row) else ""
                if stored == text:
                    continue  # a text that only looks like a formula
                if stored:
                    told.formulas += 1
                else:
                    row += [""] * (k + 1 - len(row))
                    row[k] = text
                    if n >= header:
                        told.bare.add(n, k, text)
        yield row


def _plain(archive: zipfile.ZipFile, file: str) -> None:
    """Refuse workbooks of a kind that is not read: binary ones, and those saved as "strict"."""
    names = set(archive.namelist())
    if "xl/workbook.bin" in names:
        kind = ".xlsb"
    elif "xl/workbook.xml" in names and b"purl.oclc.org/ooxml" in archive.read("xl/workbook.xml"):
        kind = "Strict Open XML"
    elif {"word/document.xml", "ppt/presentation.xml"} & names:
        kind = "docx, pptx"
    else:
        return
    raise refuse(
        "file.kind",
        file,
        "不是普通的 Excel 工作簿",
        "not a plain Excel workbook",
        "用 Excel 或 WPS 打开，另存为“Excel 工作簿（.xlsx）”",
        "open it in Excel or WPS and save it as an Excel workbook (.xlsx)",
        expected=".xlsx",
        found=kind,
    )


_MERGED = re.compile(rb'<mergeCell ref="([A-Z]{1,3})([0-9]{1,7}):([A-Z]{1,3})([0-9]{1,7})"')
_ROW = re.compile(rb"<(?:\w+:)?row\b([^>]*)>")
_NUMBER = re.compile(rb"""\br=["'](\d{1,15})["']""")
_HIDDEN = re.compile(rb"""\bhidden=["'](?:1|true)["']""")
_ZEROS = re.compile(rb'formatCode="(0{2,20})"')


@dataclass
class _Seen:
    """What a sheet's XML tells before its cells are read; rows counted from 0 but ``last``."""

    formulas: bool = False
    merged: list[tuple[int, int]] = field(default_factory=list)
    wide: list[tuple[int, str]] = field(default_factory=list)
    last: int | None = None
    """Number of the last row with a value; ``None`` when it cannot be told."""
    hidden_rows: list[int] = field(default_factory=list)
    zeros: bool = False
    """Whether the workbook has a number format that only fills up with zeros."""


def _scan(data: bytes, sheet: Any, *, file: str) -> _Seen:
    """Read through the sheet's XML once: formulas, merges, order of rows, the last value.

    Raises
    ------
    InputError
        ``file.torn``: a row stands after one with a higher number, or beyond the last of a sheet;
        its cells would be lost.
    """
    seen = _Seen()
    spans, wide = set(), set()
    path = getattr(sheet, "_worksheet_path", None)
    row = 0
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if "xl/styles.xml" in archive.namelist():
            seen.zeros = _ZEROS.search(archive.read("xl/styles.xml")) is not None
        names = [path] if path else [n for n in archive.namelist() if "worksheets/" in n]
        for name in names:
            with _Paced(archive.open(name), _RUN, file) as part:
                rest = b""
                while block := part.read(1 << 20):
                    whole, end, rest = (rest + block).rpartition(b">")
                    whole += end
                    seen.formulas = seen.formulas or re.search(rb"<f[ >/]", whole) is not None
                    for left, first, right, last in _MERGED.findall(whole):
                        if first != last:
                            spans.add((int(first) - 1, int(last) - 1))
                        if left != right:
                            wide.add((int(first) - 1, f"{left.decode()}:{right.decode()}"))
                    starts, numbers = [-1], [row]
                    for match in _ROW.finditer(whole):
                        given = _NUMBER.search(match[1])
                        number = int(given[1]) if given is not None else row + 1
                        if number <= row or number > _LAST_ROW:
                            raise _disorder(file, row, number)
                        row = number
                        starts.append(match.start())
                        numbers.append(row)
                        if _HIDDEN.search(match[1]):
                            seen.hidden_rows.append(row - 1)
                    at = max(whole.rfind(b"<v"), whole.rfind(b"<is>"), whole.rfind(b"<f"))
                    if at >= 0:
                        seen.last = numbers[bisect.bisect_right(starts, at) - 1]
    seen.merged, seen.wide = sorted(spans), sorted(wide)
    return seen


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


def _rows(sheet: Any, seen: _Seen, told: Sheet | None, *, file: str) -> Iterator[list[str]]:
    """Give the rows to the last value of each; ``told`` receives the numbers filled up.

    A number that its format shows with leading zeros is an id and read as it is shown.
    """
    cells = 0
    rows = sheet.iter_rows(max_row=seen.last, values_only=not seen.zeros)
    for n, row in enumerate(rows):
        if len(row) > MAX_WIDE and any(value is not None for value in row[MAX_WIDE:]):
            raise refuse(
                "file.too-wide",
                file,
                "列过多",
                "too many columns",
                "删去右侧多余的列，或导出为 CSV",
                "remove what stands at the far right, or export it as CSV",
                row=n or None,
                expected=f"≤ {MAX_WIDE}",
                found=str(len(row)),
            )
        if seen.zeros:
            texts = []
            for cell in row:
                value = cell.value
                shown = None if value is None else padded(value, cell.number_format)
                if told is not None:
                    told.zeros += shown is not None
                texts.append(cell_text(value) if shown is None else shown)
        else:
            texts = [v if type(v) is str else cell_text(v) for v in row]
        texts = [_unescaped(text) if "_x" in text else text for text in texts]
        while texts and not texts[-1].strip():
            texts.pop()
        cells += len(texts)
        if cells > MAX_CELLS:
            raise refuse(
                "file.too-large",
                file,
                "单元格过多",
                "too many cells",
                "导出为 CSV 并拆分",
                "export it as CSV and split it",
                expected=f"≤ {MAX_CELLS}",
            )
        yield texts


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


_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


def _unescaped(text: str) -> str:
    """Give the characters that a workbook writes as ``_x000D_`` (ECMA-376, ST_Xstring)."""
    plain = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    if plain == text:
        return text
    paired = plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return paired.replace("\r\n", "\n").replace("\r", "\n")
