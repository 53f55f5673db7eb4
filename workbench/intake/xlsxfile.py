"""Workbooks to records: guarded before opening, values as stored, formulas never evaluated."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from workbench.intake.frames import refuse

__all__ = ["Sheet", "cell_text", "guard", "records"]

MAX_RATIO = 100
MAX_TOTAL = 200 << 20
MAX_MEMBERS = 2000
MAX_CELLS = 60_000_000
_MAX_BLANK = 1000


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
    except (zipfile.BadZipFile, ValueError, OSError) as error:
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
            "工作簿展开后过大，未打开",
            "the workbook unpacks to too much and was not opened",
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
        if name.endswith((".xml", ".rels")):
            try:
                with archive.open(member) as part:
                    head = part.read(4096)
            except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError) as error:
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
    shown = []
    for name in names:
        sheet = book[name]
        if getattr(sheet, "sheet_state", "visible") != "visible" or not hasattr(sheet, "iter_rows"):
            continue
        sheet.reset_dimensions()
        if any(
            cell is not None
            for row in sheet.iter_rows(max_row=50, values_only=True)
            for cell in row
        ):
            shown.append(sheet)
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
    """

    rows: list[list[str]] = field(default_factory=list)
    formulas: int = 0
    bare: list[tuple[int, int]] = field(default_factory=list)
    merged: list[tuple[int, int]] = field(default_factory=list)
    wide: list[tuple[int, str]] = field(default_factory=list)
    long: list[tuple[int, int]] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)


def records(data: bytes, sheet: str | None, *, file: str) -> Sheet:
    """Give the records of one sheet as text.

    Raises
    ------
    InputError
        See :func:`guard`; no such sheet, several sheets and none declared, too many cells.
    """
    guard(data, file=file).close()
    import openpyxl

    def opened(data_only: bool) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # openpyxl on styles it does not know
                return openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=data_only)
        except Exception as error:  # openpyxl raises anything on a damaged part
            raise refuse(
                "file.torn",
                file,
                f"无法打开工作簿（{type(error).__name__}）",
                f"the workbook cannot be opened ({type(error).__name__})",
                "用 Excel 重新保存",
                "save it again with Excel",
            ) from None

    book = opened(True)
    chosen = _sheet(book, sheet, file=file)
    if chosen is None:
        return Sheet()
    rows = _rows(chosen, file=file)
    formulas = 0
    bare = []
    hit, merged, wide = _scan(data, chosen)
    long = [
        (n, k) for n, row in enumerate(rows) for k, text in enumerate(row) if _LONG.fullmatch(text)
    ]
    hidden = [
        sheet.title
        for sheet in book.worksheets
        if sheet.sheet_state != "visible" and sheet.title != chosen.title
    ]
    if hit:
        other = opened(False)[chosen.title]
        for n, row in enumerate(_rows(other, file=file)):
            for k, text in enumerate(row):
                if text.startswith("="):
                    rows += [[] for _ in range(n + 1 - len(rows))]
                    stored = rows[n][k] if k < len(rows[n]) else ""
                    if stored == text:
                        continue  # a text that only looks like a formula
                    formulas += 1
                    if not stored:
                        rows[n] += [""] * (k + 1 - len(rows[n]))
                        rows[n][k] = text
                        bare.append((n, k))
    return Sheet(rows, formulas, bare, merged, wide, long, hidden)


_MERGED = re.compile(rb'<mergeCell ref="([A-Z]{1,3})([0-9]{1,7}):([A-Z]{1,3})([0-9]{1,7})"')
_LONG = re.compile(r"-?\d(?:\.\d+)?e\+\d+|\d{16,}\.0")


def _scan(data: bytes, sheet: Any) -> tuple[bool, list[tuple[int, int]], list[tuple[int, str]]]:
    """Say whether the sheet's XML holds formulas, and which rows and columns its merges span."""
    formulas, spans, wide = False, set(), set()
    path = getattr(sheet, "_worksheet_path", None)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = [path] if path else [n for n in archive.namelist() if "worksheets/" in n]
        for name in names:
            with archive.open(name) as part:
                tail = b""
                while block := part.read(1 << 20):
                    here = tail + block
                    formulas = formulas or re.search(rb"<f[ >/]", here) is not None
                    for left, first, right, last in _MERGED.findall(here):
                        if first != last:
                            spans.add((int(first) - 1, int(last) - 1))
                        if left != right:
                            wide.add((int(first) - 1, f"{left.decode()}:{right.decode()}"))
                    tail = block[-60:]
    return formulas, sorted(spans), sorted(wide)


def _rows(sheet: Any, *, file: str) -> list[list[str]]:
    """Every row up to the last that holds something; a long blank tail is left unread."""
    sheet.reset_dimensions()
    rows: list[list[str]] = []
    last = cells = 0
    for row in sheet.iter_rows(values_only=True):
        texts = [cell_text(value) for value in row]
        while texts and not texts[-1].strip():
            texts.pop()
        rows.append(texts)
        cells += len(texts)
        if texts:
            last = len(rows)
        elif len(rows) - last > _MAX_BLANK:
            break
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
    return rows[:last]
