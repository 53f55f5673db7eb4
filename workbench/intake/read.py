"""A file of the study to a frame of text cells: one function for every format that is read."""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import InputError, Problem
from workbench.intake import csvfile, encoding, xlsxfile
from workbench.intake.frames import FileUsed, Log, Raw, rows_shown

if TYPE_CHECKING:
    import pandas as pd

    from workbench.study import Join, Source

__all__ = ["filtered", "read_file", "tidy"]

_MAX_COLUMNS = 5000


def tidy(name: str) -> str:
    """Give a column title without outer blanks, with line breaks and wide blanks made plain."""
    return " ".join(unicodedata.normalize("NFC", name).replace("\u3000", " ").split())


def _problem(
    code: str, file: str, zh: str, en: str, remedy_zh: str, remedy_en: str, **more: object
) -> Problem:
    return Problem(
        code=code,
        file=file,
        zh=zh,
        en=en,
        remedy_zh=remedy_zh,
        remedy_en=remedy_en,
        **more,  # type: ignore[arg-type]
    )


def _bytes(path: Path, name: str) -> bytes:
    """Read the whole file, twice its size and time of change compared."""
    try:
        if not path.is_file():
            raise FileNotFoundError(2, "no such file")
        before = path.stat()
        if before.st_size > encoding.MAX_BYTES:
            raise InputError(
                _problem(
                    "file.too-large",
                    name,
                    "文件过大，未读取",
                    "the file is too large and was not read",
                    "拆分文件，或导出为按轮次分开的 CSV",
                    "split the file, for example into one CSV per wave",
                    expected=f"≤ {encoding.MAX_BYTES} bytes",
                    found=f"{before.st_size} bytes",
                )
            )
        data = path.read_bytes()
        after = path.stat()
    except OSError as error:
        raise InputError(
            _problem(
                "file.missing" if isinstance(error, FileNotFoundError) else "file.unreadable",
                name,
                "文件不存在或无法读取",
                "the file is missing or cannot be read",
                "检查 study.yaml 中的 file: 与文件名是否一致",
                "check that file: in study.yaml and the file's name agree",
                found=error.strerror or type(error).__name__,
            )
        ) from None
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise InputError(
            _problem(
                "file.changing",
                name,
                "读取时文件正在变化",
                "the file changed while it was read",
                "等写入结束后再运行",
                "run again when nothing writes to it",
            )
        )
    if not data.strip():
        raise InputError(
            _problem(
                "file.empty",
                name,
                "文件是空的",
                "the file is empty",
                "重新导出，或从 study.yaml 中删去",
                "export it again, or remove it from study.yaml",
            )
        )
    return data


def _header(cells: list[str]) -> tuple[list[str], frozenset[str]]:
    """Give unique titles: a repeated one gets ``#1``, ``#2`` …, a blank one its number."""
    titles = [tidy(cell) or f"#{n}" for n, cell in enumerate(cells, start=1)]
    repeated = frozenset(title for title in titles if titles.count(title) > 1)
    seen: dict[str, int] = {}
    out = []
    for title in titles:
        seen[title] = seen.get(title, 0) + 1
        out.append(f"{title}#{seen[title]}" if title in repeated else title)
    return out, repeated


def _frame(
    rows: list[list[str]], how: Source | Join, name: str, problems: list[Problem]
) -> tuple[pd.DataFrame, frozenset[str]]:
    """Header and data rows to a frame; rows too long are problems, blank rows are left out."""
    import pandas as pd

    top = how.header - 1
    header = rows[top] if top < len(rows) else []
    if not any(map(str.strip, header)) or len(header) > _MAX_COLUMNS:
        raise InputError(
            _problem(
                "file.header",
                name,
                f"第 {how.header} 行没有可用的表头",
                f"line {how.header} holds no usable header",
                "改正 header:",
                "correct header:",
                found=f"{len(header)} columns",
            )
        )
    titles, repeated = _header(header)
    width = len(titles)
    numbers: list[int] = []
    kept: list[list[str]] = []
    long: list[int] = []
    for n, row in enumerate(rows[top + 1 :], start=1):
        if len(row) < width:
            row = row + [""] * (width - len(row))
        if not any(map(str.strip, row)):
            continue
        if len(row) > width:
            if any(cell.strip() for cell in row[width:]):
                long.append(n)
            row = row[:width]
        numbers.append(n)
        kept.append(row)
    if long:
        problems.append(
            _problem(
                "file.cells",
                name,
                f"单元格多于表头（{len(long)} 行：{rows_shown(long)}）",
                f"more cells than the header ({len(long)} rows: {rows_shown(long)})",
                "含分隔符的文本要加引号，或声明 delimiter: 与 header:",
                "quote text that holds the delimiter, or declare delimiter: and header:",
                row=long[0],
                expected=str(width),
            )
        )
    columns = list(zip(*kept, strict=True)) if kept else [()] * width
    index = pd.Index(numbers, dtype="int64", name="row")
    frame = pd.DataFrame(
        {
            title: pd.Series(cells, index=index, dtype="str")
            for title, cells in zip(titles, columns, strict=True)
        }
    )
    untitled = [title for title in titles if title.startswith("#")]
    blank = [title for title in untitled if (frame[title].str.strip() != "").any()]
    frame = frame.drop(columns=[title for title in untitled if title not in blank])
    if blank:
        problems.append(
            _problem(
                "file.header-blank",
                name,
                "有内容的列没有列名",
                "a column with content has no title",
                "该列不会被读取；如需要，用 columns: 以“#列号”引用",
                'it is not read; if it is needed, address it in columns: as "#number"',
                column=", ".join(blank[:8]),
                severity="warning",
            )
        )
    return frame, repeated


_ERRORS = {"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#SPILL!", "#CALC!"}


def _sheet_problems(sheet: xlsxfile.Sheet, header: int, name: str) -> list[Problem]:
    """Tell what a workbook does to data: results not stored, errors, cells merged over rows."""
    errors = [
        (n, k)
        for n, row in enumerate(sheet.rows[header:], start=header)
        for k, cell in enumerate(row)
        if cell.startswith("#") and cell.strip() in _ERRORS
    ]
    faults = (
        (
            "file.formula-bare",
            [place for place in sheet.bare if place[0] >= header],
            ("公式没有存储结果", "a formula without a stored result"),
            (
                "在 Excel 中打开并保存后再导入",
                "open the workbook in Excel, save it, and read it again",
            ),
        ),
        (
            "file.formula-error",
            errors,
            ("单元格是公式错误", "the cell holds the error of a formula"),
            (
                "在工作簿中改正公式，或清空单元格",
                "correct the formula in the workbook, or empty the cell",
            ),
        ),
    )
    problems = []
    for code, places, (zh, en), (remedy_zh, remedy_en) in faults:
        if places:
            n, k = places[0]
            titles = sheet.rows[header - 1] if header <= len(sheet.rows) else []
            rows = [place[0] - header + 1 for place in places]
            many = len(rows) > 1
            problems.append(
                _problem(
                    code,
                    name,
                    zh + (f"（{len(rows)} 格，行：{rows_shown(rows)}）" if many else ""),
                    en + (f" ({len(rows)} cells, rows: {rows_shown(rows)})" if many else ""),
                    remedy_zh,
                    remedy_en,
                    row=rows[0],
                    column=tidy(titles[k]) if k < len(titles) else f"#{k + 1}",
                    found=sheet.rows[n][k][:60],
                    severity="warning",  # the column may feed nothing; else its type tells
                )
            )
    merged = [max(first, header) - header + 1 for first, last in sheet.merged if last >= header]
    if merged:
        problems.append(
            _problem(
                "file.merged",
                name,
                f"数据行中有纵向合并的单元格（{len(merged)} 处，行：{rows_shown(merged)}）",
                f"cells are merged over rows of data ({len(merged)}, rows: {rows_shown(merged)})",
                "取消合并并逐行填写；合并后只有首行有值",
                "unmerge them and fill in every row: only the first row has the value",
                row=merged[0],
            )
        )
    return problems


def read_file(path: Path, how: Source | Join, log: Log, problems: list[Problem]) -> Raw:
    """Read one file as its source declares it.

    Parameters
    ----------
    path
        The file.
    how
        Format, sheet, header, delimiter, encoding and null markers; `filtered` applies ``where:``.
    log
        Receives what is counted (formulas).
    problems
        Receives faults that leave the rest of the file readable.

    Returns
    -------
    Raw
        Cells as text with outer blanks removed, blank cells and null markers missing; the index
        holds row numbers of the file.

    Raises
    ------
    InputError
        The file cannot be read at all.
    """
    name = how.file
    data = _bytes(path, name)
    digest = hashlib.sha256(data).hexdigest()
    archive = data[:4] == b"PK\x03\x04" or data[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    kind = how.format if how.format != "auto" else ("xlsx" if archive else "csv")
    if kind == "csv" and archive:
        raise InputError(
            _problem(
                "file.format",
                name,
                "声明为 CSV，实为压缩包或工作簿",
                "declared as CSV, but it is an archive or workbook",
                "改为 format: xlsx",
                "write format: xlsx",
                expected="csv",
                found="zip",
            )
        )
    if kind == "xlsx":
        sheet = xlsxfile.records(data, how.sheet, file=name)
        rows = sheet.rows
        problems += _sheet_problems(sheet, how.header, name)
        log.add(
            "intake.formula",
            sheet.formulas,
            f"{path.name}：公式单元格，采用文件中存储的结果",
            f"{path.name}: cells with formulas; the stored result is used",
        )
    else:
        text = encoding.decode(encoding.unpack(data, file=name), how.encoding, file=name)
        rows = csvfile.records(text, how.delimiter, file=name)
    frame, repeated = _frame(rows, how, name, problems)
    used = FileUsed(name, digest, len(frame), how.outside)
    if frame.empty:
        raise InputError(
            _problem(
                "file.no-rows",
                name,
                "只有表头，没有数据行",
                "a header and no rows",
                "重新导出，或从 study.yaml 中删去",
                "export it again, or remove it from study.yaml",
            )
        )
    for title in frame.columns:
        cells = frame[title].str.strip()
        frame[title] = cells.mask(cells.isin(["", *how.na]))
    return Raw(used, frame, repeated)


def filtered(raw: Raw, how: Source | Join, problems: list[Problem]) -> Raw:
    """Keep the rows that the source asks for; their numbers stay those of the file."""
    from workbench.study import nearest_remedy

    frame, name = raw.frame, raw.file.name
    for title, wanted in how.where.items():
        found = tidy(title)
        if found not in frame.columns:
            zh, en = nearest_remedy(found, map(str, frame.columns))
            problems.append(
                _problem(
                    "source.column",
                    name,
                    f"没有列“{title}”（where:）",
                    f'no column "{title}" (where:)',
                    zh,
                    en,
                    column=title,
                )
            )
            continue
        frame = frame[frame[found].isin(wanted)]
        if frame.empty:
            problems.append(
                _problem(
                    "source.where",
                    name,
                    "没有一行符合 where:",
                    "no row fits where:",
                    "改正 where: 的值",
                    "correct the values of where:",
                    column=title,
                    expected=" | ".join(wanted),
                )
            )
    return replace(raw, frame=frame)
