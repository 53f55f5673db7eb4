"""Workbooks to records: guarded before opening, values as stored, formulas never evaluated.

A sheet is read row by row; of its texts that are shared the bytes are held, once. What is unpacked
whole is little, what is read in parts may be much.
"""

from __future__ import annotations

import io
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

from workbench.errors import InputError
from workbench.intake.frames import refuse
from workbench.intake.sheetxml import Shared, Sheet, Styles, rows_of

__all__ = ["PASSWORD", "TORN", "guard", "opened", "records"]

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
MAX_MEMBERS = 2000
_PARTS = re.compile(r"xl/(?:worksheets/[^/]+|sharedStrings)\.xml", re.IGNORECASE)
_SHARED = re.compile(r"xl/sharedStrings\.xml", re.IGNORECASE)
_LOOKED_AT = 50  # rows in which a sheet shows that it holds cells


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


@dataclass(frozen=True)
class _Part:
    """A sheet in the archive."""

    title: str
    path: str
    visible: bool


class _Book:
    """A workbook whose sheets are not opened yet: their names, the shared texts, the formats."""

    def __init__(self, data: bytes, file: str) -> None:
        from openpyxl.reader.excel import ExcelReader
        from openpyxl.styles.stylesheet import apply_stylesheet
        from openpyxl.xml.constants import SHARED_STRINGS

        self.file = file
        reader: Any = ExcelReader(
            io.BytesIO(data), read_only=True, data_only=True, keep_links=False
        )
        reader.read_manifest()
        self.archive: zipfile.ZipFile = reader.archive
        told = reader.package.find(SHARED_STRINGS)
        self.shared = Shared()
        if told is not None:
            with self.archive.open(told.PartName[1:]) as part:
                self.shared = Shared.read(part, file=file)
        reader.read_workbook()
        apply_stylesheet(self.archive, reader.wb)
        self.styles = Styles.of(reader.wb)
        self.sheets = [
            _Part(sheet.name, rel.target, sheet.state == "visible")
            for sheet, rel in reader.parser.find_sheets()
            if rel.target in reader.valid_files and "chartsheet" not in rel.Type
        ]

    def rows(self, sheet: _Part, told: Sheet, header: int = 0) -> Iterator[list[str]]:
        """Give the rows of a sheet."""
        with self.archive.open(sheet.path) as part:
            yield from rows_of(part, self.shared, self.styles, told, file=self.file, header=header)

    def chosen(self, wanted: str | None) -> _Part | None:
        """Choose the sheet: the declared one, else the only visible one with cells."""
        names = [sheet.title for sheet in self.sheets]
        if wanted is not None:
            if wanted in names:
                return self.sheets[names.index(wanted)]
            if wanted.isdecimal() and 1 <= int(wanted) <= len(names):
                return self.sheets[int(wanted) - 1]
            raise refuse(
                "file.sheet",
                self.file,
                "没有这个工作表",
                "there is no such sheet",
                "改正 sheet:",
                "correct sheet:",
                expected=" | ".join(names),
                found=wanted,
            )
        held = [one for one in self.sheets if any(islice(self.rows(one, Sheet()), _LOOKED_AT))]
        shown = [one for one in held if one.visible]
        if not shown and held:
            raise refuse(
                "file.sheet",
                self.file,
                "有内容的工作表都是隐藏的",
                "every sheet that holds cells is hidden",
                "确认要读后用 sheet: 指定，或取消隐藏",
                "name it with sheet: if it is to be read, or show it",
                found=" | ".join(one.title for one in held),
            )
        if len(shown) > 1:
            raise refuse(
                "file.sheet",
                self.file,
                "有多张工作表，未声明用哪一张",
                "several sheets hold cells and none is declared",
                "用 sheet: 指定工作表",
                "name the sheet with sheet:",
                found=" | ".join(one.title for one in shown),
            )
        return shown[0] if shown else None


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
        book = _Book(data, file)
        chosen = book.chosen(sheet)
    if chosen is None:
        return Sheet()
    told = Sheet(hidden=[one.title for one in book.sheets if not one.visible and one != chosen])
    told.rows = _in_parts(book.rows(chosen, told, header), file)
    return told


def _in_parts(rows: Iterator[list[str]], file: str) -> Iterator[list[str]]:
    """Give the rows; what goes wrong on the way is a damaged sheet."""
    while True:
        with _whole(file, "工作表已损坏", "the sheet is damaged"):
            part = list(islice(rows, 256))
        if not part:
            return
        yield from part


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
