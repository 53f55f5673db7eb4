"""A file of the study to a frame of text cells: one function for every format that is read."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import InputError, Problem
from workbench.intake import encoding, readers
from workbench.intake.frames import FileUsed, Log, Raw, rows_shown
from workbench.intake.readers.export import Grid
from workbench.intake.readers.sql import sql
from workbench.intake.titles import tidy, unique

if TYPE_CHECKING:
    import pandas as pd

    from workbench.study import Join, Source

__all__ = ["file_bytes", "filtered", "read_file"]

_MAX_COLUMNS = 5000


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


def file_bytes(path: Path, name: str) -> bytes:
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


def _frame(
    grid: Grid, how: Source | Join, name: str, problems: list[Problem]
) -> tuple[pd.DataFrame, frozenset[str]]:
    """Header and data rows to a frame; rows too long are problems, blank rows are left out."""
    import pandas as pd

    rows = grid.rows
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
    titles, repeated = unique(header)
    width = len(titles)
    numbers: list[int] = []
    kept: list[list[str]] = []
    long: list[int] = []
    first = top + 1 + grid.body
    for n, row in enumerate(rows[first:], start=1):
        if first + n - 1 in grid.left_out:
            continue
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


def read_file(
    path: Path, how: Source | Join, log: Log, problems: list[Problem], *, empty: bool = False
) -> Raw:
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
    empty
        Whether a header without rows is a table without rows, and not a failed export.

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
    if how.format == "sql":
        grid, digest = sql(how, os.environ)
    else:
        data = file_bytes(path, name)
        digest = hashlib.sha256(data).hexdigest()
        grid = readers.read(data, how, log, problems)
    frame, repeated = _frame(grid, how, name, problems)
    used = FileUsed(name, digest, len(frame), how.outside)
    if frame.empty and not empty:
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
    return Raw(used, frame, repeated, grid.export)


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
