"""Workbooks to records: guarded before opening, values as stored, formulas never evaluated."""

from __future__ import annotations

import bisect
import io
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from workbench.errors import InputError
from workbench.intake.frames import refuse

__all__ = ["PASSWORD", "TORN", "Sheet", "cell_text", "guard", "padded", "records"]

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
MAX_MEMBERS = 2000
MAX_CELLS = 60_000_000
MAX_WIDE = 5000
_LAST_ROW = 1_048_576  # of a sheet; ECMA-376 leaves it open, Excel has no more


def guard(data: bytes, *, file: str) -> zipfile.ZipFile:
    """Give the workbook's archive after looking at its directory only.

    Raises
    ------
    InputError
        Not an archive, more than 2,000 members, 200 MiB in all or 100 times the packed size, a
        member with an absolute or climbing name, or a document type declaration in its XML.
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
    if total > MAX_TOTAL or total > MAX_RATIO * packed or len(members) > MAX_MEMBERS:
        raise refuse(
            "file.bomb",
            file,
            "文件展开后过大，未打开",
            "the file unpacks to too much and was not opened",
            "检查文件来源；确有需要时导出为 CSV",
            "check where the file comes from; if it is genuine, export it as CSV",
            expected=f"≤ {MAX_TOTAL} bytes, ratio ≤ {MAX_RATIO}, ≤ {MAX_MEMBERS} members",
            found=f"{total} bytes, ratio {total // packed}, {len(members)} members",
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
        sheet.reset_dimensions()
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
class Sheet:
    """One sheet as text.

    Attributes
    ----------
    rows
        Cells by row, both counted from 0 in ``bare`` too.
    formulas
        How many cells hold formulas; each counts with the value stored beside it.
    bare
        Row and column of formulas without a stored value: they keep their own text and are never
        evaluated.
    merged
        First and last row of cells merged over several rows, counted from 0.
    wide
        Row, counted from 0, and columns of cells merged over several columns.
    long
        Row and column of numbers with more digits than a spreadsheet keeps.
    hidden
        Names of hidden sheets with cells, when no sheet was declared.
    zeros
        How many numbers were read with the leading zeros that their format shows.
    hidden_rows
        Rows that do not show, counted from 0; they are read.
    """

    rows: list[list[str]] = field(default_factory=list)
    formulas: int = 0
    bare: list[tuple[int, int]] = field(default_factory=list)
    merged: list[tuple[int, int]] = field(default_factory=list)
    wide: list[tuple[int, str]] = field(default_factory=list)
    long: list[tuple[int, int]] = field(default_factory=list)
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


def _opened(data: bytes, *, data_only: bool) -> Any:
    from openpyxl.reader.excel import ExcelReader

    class Tables(ExcelReader):
        """Sheets of charts hold no cells; openpyxl stumbles over them when it only reads."""

        def read_chartsheet(self, sheet: Any, rel: Any) -> None:
            """Pass it over."""

    reader = Tables(io.BytesIO(data), read_only=True, data_only=data_only, keep_links=False)
    reader.read()
    return reader.wb


def records(data: bytes, sheet: str | None, *, file: str) -> Sheet:
    """Give the records of one sheet as text.

    Raises
    ------
    InputError
        See :func:`guard`; another form of workbook, no such sheet, several sheets and none
        declared, only hidden ones, rows out of order, too many cells or columns, damage.
    """
    with (
        guard(data, file=file) as archive,
        _whole(file, "无法打开工作簿", "the workbook cannot be opened"),
    ):
        _plain(archive, file)
    with _whole(file, "无法打开工作簿", "the workbook cannot be opened"):
        book = _opened(data, data_only=True)
        chosen = _sheet(book, sheet, file=file)
    if chosen is None:
        return Sheet()
    with _whole(file, "工作表已损坏", "the sheet is damaged"):
        seen = _scan(data, chosen, file=file)
        rows, zeros = _rows(chosen, seen, file=file)
    formulas = 0
    bare = []
    long = [
        (n, k) for n, row in enumerate(rows) for k, text in enumerate(row) if _LONG.fullmatch(text)
    ]
    hidden = [
        sheet.title
        for sheet in book.worksheets
        if sheet.sheet_state != "visible" and sheet.title != chosen.title
    ]
    if seen.formulas:
        with _whole(file, "工作表已损坏", "the sheet is damaged"):
            other, _ = _rows(_opened(data, data_only=False)[chosen.title], seen, file=file)
        for n, row in enumerate(other):
            for k, text in enumerate(row):
                if text.startswith("="):
                    rows += [[] for _ in range(n + 1 - len(rows))]
                    stored = rows[n][k] if k < len(rows[n]) else ""
                    if stored == text:
                        continue  # a text that only looks like a formula
                    formulas += 1
                    if not stored:
                        rows[n] = rows[n] + [""] * (k + 1 - len(rows[n]))
                        rows[n][k] = text
                        bare.append((n, k))
    return Sheet(
        rows, formulas, bare, seen.merged, seen.wide, long, hidden, zeros, seen.hidden_rows
    )


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
_LONG = re.compile(r"-?\d(?:\.\d+)?e\+\d+|\d{16,}\.0")


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
            with archive.open(name) as part:
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


def _rows(sheet: Any, seen: _Seen, *, file: str) -> tuple[list[list[str]], int]:
    """Give every row up to the last that holds something, and the numbers filled up with zeros.

    A number that its format shows with leading zeros is an id and read as it is shown.
    """
    sheet.reset_dimensions()
    rows: list[list[str]] = []
    blank: list[str] = []  # one for all: a sheet may have a million
    last = cells = zeros = 0
    for row in sheet.iter_rows(max_row=seen.last, values_only=not seen.zeros):
        if len(row) > MAX_WIDE and any(value is not None for value in row[MAX_WIDE:]):
            raise refuse(
                "file.too-wide",
                file,
                "列过多",
                "too many columns",
                "删去右侧多余的列，或导出为 CSV",
                "remove what stands at the far right, or export it as CSV",
                row=len(rows) or None,
                expected=f"≤ {MAX_WIDE}",
                found=str(len(row)),
            )
        if seen.zeros:
            texts = []
            for cell in row:
                value = cell.value
                shown = None if value is None else padded(value, cell.number_format)
                zeros += shown is not None
                texts.append(cell_text(value) if shown is None else shown)
        else:
            texts = [cell_text(value) for value in row]
        texts = [_unescaped(text) if "_x" in text else text for text in texts]
        while texts and not texts[-1].strip():
            texts.pop()
        rows.append(texts or blank)
        cells += len(texts)
        if texts:
            last = len(rows)
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
    return rows[:last], zeros


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
