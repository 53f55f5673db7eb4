"""Excel workbooks to a grid: ``.xlsx`` as stored, ``.xls`` of 1997, and those under a password."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO, StringIO
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from workbench.errors import Problem
from workbench.intake import sheetxml, xlsxfile
from workbench.intake.encoding import whole
from workbench.intake.frames import Log, refuse, rows_shown
from workbench.intake.readers.export import Grid
from workbench.intake.titles import tidy

if TYPE_CHECKING:
    from workbench.study import Join, Source

__all__ = ["rows_of", "xls", "xlsx"]

_ERRORS = {"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#CALC!"}
_LONG = re.compile(r"-?(?:\d(?:\.\d+)?e\+\d+|\d{16,}\.0)")  # digits that were not kept
_TITLED = 9  # rows under the header that tell a title from it

Made = TypeVar("Made")


def xlsx(stream: BinaryIO, how: Source | Join, log: Log, problems: list[Problem]) -> Grid:
    """Give a sheet's cells as stored; formulas count, macros are named, nothing is run."""
    return _read(stream, how, log, problems, lambda rows: Grid(rows, how))


def rows_of(
    stream: BinaryIO, how: Source | Join, log: Log, problems: list[Problem]
) -> list[list[str]]:
    """Give the rows of a small sheet at once; see :func:`xlsx`."""
    return _read(stream, how, log, problems, list)


def _read(
    stream: BinaryIO,
    how: Source | Join,
    log: Log,
    problems: list[Problem],
    made_of: Callable[[Iterator[list[str]]], Made],
) -> Made:
    """Make something of the rows of a sheet and tell what was seen in passing."""
    data = whole(stream, file=how.file)
    sheet = xlsxfile.opened(data, how.sheet, file=how.file, header=how.header)
    made, seen = _made(sheet, how, problems, made_of)
    log.add(
        "intake.formula",
        sheet.formulas,
        f"{how.file}：公式单元格，采用文件中存储的结果",
        f"{how.file}: cells with formulas; the stored result is used",
    )
    hidden = [name for name in sheet.hidden if not name.startswith("_workbench")]
    log.add(
        "intake.hidden-sheet",
        len(hidden),
        f"{how.file}：隐藏的工作表，未读取：{'、'.join(hidden)[:80]}",
        f"{how.file}: hidden sheets, not read: {', '.join(hidden)[:80]}",
    )
    _told(sheet, seen, how, log)
    with zipfile.ZipFile(BytesIO(data)) as archive:
        macros = [name for name in archive.namelist() if name.endswith("vbaProject.bin")]
    log.add(
        "intake.macro",
        len(macros),
        f"{how.file}：工作簿含宏，未执行",
        f"{how.file}: the workbook holds macros; they are not run",
    )
    return made


def _made(
    sheet: sheetxml.Sheet,
    how: Source | Join,
    problems: list[Problem],
    made_of: Callable[[Iterator[list[str]]], Made],
) -> tuple[Made, _Seen]:
    seen = _Seen(sheet, how.header)
    try:
        return made_of(seen.passing(sheet.rows)), seen
    finally:
        problems += _problems(sheet, seen, how.file)  # of a header that is none they say why


class _Seen:
    """What the rows of a sheet show while they pass: the first of them, and cells with faults."""

    def __init__(self, sheet: sheetxml.Sheet, header: int) -> None:
        self.header = header
        self.head: list[list[str]] = []
        self.rows = 0
        self.errors, self.long = sheetxml.Places(), sheetxml.Places()
        self.hidden: list[int] = []
        self._unseen = sheet.hidden_rows

    def passing(self, rows: Iterable[list[str]]) -> Iterator[list[str]]:
        """Give the rows as they come."""
        for n, row in enumerate(rows):
            if n < self.header + _TITLED:
                self.head.append(row)
            if n >= self.header:
                for k, cell in enumerate(row):
                    if cell[:1] == "#" and cell.strip() in _ERRORS:
                        self.errors.add(n, k, cell)
                    elif ("e+" in cell or cell[-2:] == ".0") and _LONG.fullmatch(cell):
                        self.long.add(n, k, cell)
                if row and n in self._unseen:
                    self.hidden.append(n)
            self.rows = n + 1
            yield row


def _told(sheet: sheetxml.Sheet, seen: _Seen, how: Source | Join, log: Log) -> None:
    """Count what a reader should know of cells that are read as they are shown, or not shown."""
    log.add(
        "intake.zeros",
        sheet.zeros,
        f"{how.file}：单元格格式补出前导零的编号，按显示读取",
        f"{how.file}: numbers shown with leading zeros by their format; read as shown",
    )
    numbers = [n - how.header + 1 for n in seen.hidden]
    log.add(
        "intake.hidden-row",
        len(numbers),
        f"{how.file}：隐藏的行，照样读取：{rows_shown(numbers)}",
        f"{how.file}: rows that are hidden; they are read: {rows_shown(numbers)}",
    )


def _problems(sheet: sheetxml.Sheet, seen: _Seen, name: str) -> list[Problem]:
    """Tell what a workbook does to data: results not stored, errors, digits lost, cells merged."""
    header, head = seen.header, seen.head
    over, beside = sorted(sheet.merged), sorted(sheet.wide)
    faults = (
        (
            "file.formula-bare",
            sheet.bare,
            ("公式没有存储结果", "a formula without a stored result"),
            (
                "在 Excel 中打开并保存后再导入",
                "open the workbook in Excel, save it, and read it again",
            ),
        ),
        (
            "file.formula-error",
            seen.errors,
            ("单元格是公式错误", "the cell holds the error of a formula"),
            (
                "在工作簿中改正公式，或清空单元格",
                "correct the formula in the workbook, or empty the cell",
            ),
        ),
        (
            "file.digits-lost",
            seen.long,
            (
                "超过 15 位的编号存成了数字，末尾数字已丢失",
                "a number of more than 15 digits was stored as a number: its last digits are lost",
            ),
            (
                "从原系统重新导出，该列设为文本",
                "export it again from its system, with the column as text",
            ),
        ),
    )
    problems = []
    for code, places, (zh, en), (remedy_zh, remedy_en) in faults:
        if places.rows:
            k, many = places.column, len(places.rows) > 1
            titles = head[header - 1] if header <= len(head) else []
            rows = [n - header + 1 for n in places.rows]
            problems.append(
                Problem(
                    code=code,
                    file=name,
                    zh=zh + (f"（{len(rows)} 格，行：{rows_shown(rows)}）" if many else ""),
                    en=en + (f" ({len(rows)} cells, rows: {rows_shown(rows)})" if many else ""),
                    remedy_zh=remedy_zh,
                    remedy_en=remedy_en,
                    row=rows[0],
                    column=tidy(titles[k]) if k < len(titles) else f"#{k + 1}",
                    found=places.text[:60],
                    severity="warning",  # the column may feed nothing; else its type tells
                )
            )
    merged = [max(first, header) - header + 1 for first, last in over if last >= header]
    if merged:
        problems.append(
            Problem(
                code="file.merged",
                file=name,
                zh=f"数据行中有纵向合并的单元格（{len(merged)} 处，行：{rows_shown(merged)}）",
                en="cells are merged over rows of data "
                f"({len(merged)}, rows: {rows_shown(merged)})",
                remedy_zh="取消合并并逐行填写；合并后只有首行有值",
                remedy_en="unmerge them and fill in every row: only the first row has the value",
                row=merged[0],
            )
        )
    across = [row - header + 1 for row, _ in beside if header <= row < seen.rows]
    if across:
        problems.append(
            Problem(
                code="file.merged-columns",
                file=name,
                zh=f"数据行中有横向合并的单元格（{len(across)} 处，行：{rows_shown(across)}）："
                "只有最左一列有值",
                en=f"cells are merged over columns of data ({len(across)}, rows: "
                f"{rows_shown(across)}): only the leftmost column has the value",
                remedy_zh="取消合并，逐格填写",
                remedy_en="unmerge them and fill in every cell",
                row=across[0],
                column=next(columns for row, columns in beside if header <= row),
                severity="warning",
            )
        )
    problems += _title_above(head, header, name)
    wide = [columns for row, columns in beside if row == header - 1]
    if wide:
        problems.append(
            Problem(
                code="file.header-merged",
                file=name,
                zh=f"第 {header} 行表头有横向合并的单元格：表头不止一行，或上方是标题",
                en=f"cells of the header in line {header} are merged over columns: "
                "there is more than one header row, or a title above it",
                remedy_zh=f"两行都是表头时写 header: [{header}, {header + 1}]；上方是标题时写 "
                f"header: {header + 1}；或取消合并，使每列有自己的列名",
                remedy_en=f"where both lines are titles, write header: [{header}, {header + 1}]; "
                f"where this one is a caption, header: {header + 1}; or unmerge the cells",
                column=wide[0],
                found=" ".join(wide[:4]),
            )
        )
    return problems


def _title_above(rows: list[list[str]], header: int, name: str) -> list[Problem]:
    """Say that the line taken for the header is a title, where wider lines follow it."""
    filled = [sum(1 for cell in row if cell.strip()) for row in rows[header - 1 : header + _TITLED]]
    if not filled or filled[0] != 1 or max(filled) < 3:
        return []
    line = header + next(n for n, count in enumerate(filled) if count > 2)
    title = next(cell for cell in rows[header - 1] if cell.strip())
    return [
        Problem(
            code="file.title-row",
            file=name,
            zh=f"第 {header} 行只有一格有内容，像是标题；列名似在第 {line} 行",
            en=f"line {header} has one filled cell and looks like a title; "
            f"the column names seem to stand in line {line}",
            remedy_zh=f"写 header: {line}",
            remedy_en=f"write header: {line}",
            found=title[:60],
        )
    ]


def refuse_locked(data: bytes, file: str) -> None:
    """Refuse an ``.xlsx`` under a password, which has the form of a workbook of 1997."""
    if "EncryptedPackage".encode("utf-16-le") in data:
        raise refuse("file.password", file, *xlsxfile.PASSWORD)


def xls(stream: BinaryIO, how: Source | Join, log: Log, problems: list[Problem]) -> Grid:
    """Give a sheet of a workbook of Excel 97–2003.

    Raises
    ------
    InputError
        A password (also that of an ``.xlsx``, which is stored in this form), damage, no such
        sheet, several sheets and none declared.
    """
    file = how.file
    data = whole(stream, file=file)
    refuse_locked(data, file)
    import xlrd

    try:
        book = xlrd.open_workbook(file_contents=data, formatting_info=True, logfile=StringIO())
    except Exception as error:  # xlrd raises anything on a damaged part
        if "encrypt" in str(error).lower() or "password" in str(error).lower():
            raise refuse("file.password", file, *xlsxfile.PASSWORD) from None
        raise refuse(
            "file.xls",
            file,
            f"旧式 .xls 工作簿无法读取（{type(error).__name__}）",
            f"the old .xls workbook cannot be read ({type(error).__name__})",
            "在 Excel 中打开并另存为 .xlsx",
            "open it in Excel and save it as .xlsx",
        ) from None
    sheet = _choose(book, how.sheet, file)
    rows, zeros = [], 0
    for n in range(sheet.nrows):
        row = []
        for k in range(sheet.ncols):
            cell = sheet.cell(n, k)
            shown = None
            if cell.ctype == xlrd.XL_CELL_NUMBER:
                shown = sheetxml.padded(cell.value, _form(book, cell))
                zeros += shown is not None
            row.append(_text(cell, book.datemode) if shown is None else shown)
        rows.append(row)
    merged = [(first, last - 1) for first, last, _, _ in sheet.merged_cells if last - first > 1]
    wide = [
        (first, f"#{left + 1}–#{right}")
        for first, _, left, right in sheet.merged_cells
        if right - left > 1
    ]
    hidden = [s.name for s in book.sheets() if s.visibility and s.nrows and s is not sheet]
    unseen = [n for n, info in sheet.rowinfo_map.items() if info.hidden]
    told = sheetxml.Sheet(
        iter(rows), merged=set(merged), wide=set(wide), zeros=zeros, hidden_rows=set(unseen)
    )
    grid, seen = _made(told, how, problems, lambda rows: Grid(rows, how))
    _told(told, seen, how, log)
    log.add(
        "intake.hidden-sheet",
        len(hidden),
        f"{file}：隐藏的工作表，未读取：{'、'.join(hidden)[:80]}",
        f"{file}: hidden sheets, not read: {', '.join(hidden)[:80]}",
    )
    return grid


def _form(book: Any, cell: Any) -> str:
    """Give the number format of a cell; none where the workbook lost it."""
    try:
        return str(book.format_map[book.xf_list[cell.xf_index].format_key].format_str)
    except (LookupError, TypeError):
        return ""


def _choose(book: Any, wanted: str | None, file: str) -> Any:
    """Choose the sheet: the declared one, else the only visible one with cells."""
    names = book.sheet_names()
    if wanted is not None:
        if wanted in names:
            return book.sheet_by_name(wanted)
        if wanted.isdecimal() and 1 <= int(wanted) <= len(names):
            return book.sheet_by_index(int(wanted) - 1)
    shown = [sheet for sheet in book.sheets() if sheet.nrows and not sheet.visibility]
    if wanted is not None or len(shown) != 1:
        raise refuse(
            "file.sheet",
            file,
            "没有这个工作表，或有多张而未声明用哪一张",
            "no such sheet, or several and none is declared",
            "用 sheet: 指定工作表",
            "name the sheet with sheet:",
            expected=" | ".join(names),
            found=wanted or f"{len(shown)} sheets",
        )
    return shown[0]


def _text(cell: Any, datemode: int) -> str:
    """Give a cell of an old workbook as text, dates by their format."""
    import xlrd

    if cell.ctype == xlrd.XL_CELL_DATE:
        try:
            when = xlrd.xldate_as_datetime(cell.value, datemode)
        except (xlrd.xldate.XLDateError, OverflowError, ValueError):
            return sheetxml.cell_text(cell.value)
        return sheetxml.cell_text(when)
    if cell.ctype == xlrd.XL_CELL_BOOLEAN:
        return sheetxml.cell_text(bool(cell.value))
    if cell.ctype == xlrd.XL_CELL_ERROR:
        return str(xlrd.error_text_from_code.get(cell.value, "#N/A"))
    return (
        ""
        if cell.ctype in (xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK)
        else sheetxml.cell_text(cell.value)
    )
