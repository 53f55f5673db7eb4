"""A file of the study to text cells put aside in parts: one function for every format."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa

from workbench.errors import InputError, Problem
from workbench.intake import encoding, readers
from workbench.intake.frames import FileUsed, Log, Raw, refuse, rows_shown
from workbench.intake.readers.export import CELLS, Grid
from workbench.intake.readers.sql import sql
from workbench.intake.shelf import dtype_of
from workbench.intake.titles import plain, tidy

if TYPE_CHECKING:
    from workbench.study import Join, Source

__all__ = ["RawFile", "file_bytes", "filtered", "opened", "read_cells", "read_file"]

AT_ONCE = 4 * CELLS
"""Cells that are mapped and converted at once."""


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


@contextmanager
def opened(path: Path, name: str) -> Iterator[tuple[BinaryIO, str]]:
    """Open a file for reading in parts: its bytes and their SHA-256.

    Size, time of change and digest are compared once more when everything was read.

    Raises
    ------
    InputError
        The file is missing, empty, too large, or changed while it was read.
    """
    try:
        if not path.is_file():
            raise FileNotFoundError(2, "no such file")
        with path.open("rb") as stream:
            before = path.stat()
            if before.st_size > encoding.MAX_BYTES:
                raise encoding.too_large(name, encoding.MAX_BYTES, before.st_size)
            digest, blank = _digest(stream)
            if blank:
                raise refuse(
                    "file.empty",
                    name,
                    "文件是空的",
                    "the file is empty",
                    "重新导出，或从 study.yaml 中删去",
                    "export it again, or remove it from study.yaml",
                )
            try:
                yield stream, digest
            except InputError:
                _unchanged(path, name, stream, before, digest)  # told first: it explains the rest
                raise
            _unchanged(path, name, stream, before, digest)
    except OSError as error:
        raise refuse(
            "file.missing" if isinstance(error, FileNotFoundError) else "file.unreadable",
            name,
            "文件不存在或无法读取",
            "the file is missing or cannot be read",
            "检查 study.yaml 中的 file: 与文件名是否一致",
            "check that file: in study.yaml and the file's name agree",
            found=error.strerror or type(error).__name__,
        ) from None


def _digest(stream: BinaryIO) -> tuple[str, bool]:
    """Give the SHA-256 of a file and whether it holds nothing but blanks."""
    digest, blank = hashlib.sha256(), True
    for block in encoding.blocks(stream):
        digest.update(block)
        blank = blank and not block.strip()
    return digest.hexdigest(), blank


def _unchanged(
    path: Path, name: str, stream: BinaryIO, before: os.stat_result, digest: str
) -> None:
    after = path.stat()
    same = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    if not same or _digest(stream)[0] != digest:
        raise refuse(
            "file.changing",
            name,
            "读取时文件正在变化",
            "the file changed while it was read",
            "等写入结束后再运行",
            "run again when nothing writes to it",
        )


def file_bytes(path: Path, name: str) -> bytes:
    """Read a whole file; see :func:`opened`."""
    with opened(path, name) as (stream, _):
        return encoding.whole(stream, file=name)


@dataclass(frozen=True)
class RawFile:
    """A file's cells as text, put aside and taken back in parts."""

    file: FileUsed
    grid: Grid
    places: dict[str, int]
    """Title → number of the column in the file; untitled blank columns are left out."""
    na: frozenset[str]
    """Texts that stand for a missing cell."""
    keep: np.ndarray | None = None
    """Which rows ``where:`` asks for; all without it."""

    def __len__(self) -> int:
        return self.file.rows if self.keep is None else int(self.keep.sum())

    def raws(self, titles: Collection[str] | None = None) -> Iterator[Raw]:
        """Give the rows in parts, with all columns or some."""
        wanted = {t: n for t, n in self.places.items() if titles is None or t in titles}
        parts = [] if self.file.rows else [pd.DataFrame(columns=list(wanted), dtype="str")]
        begin = cells = 0
        for rows, columns in self.grid.chunks(wanted.values()):
            frame = pd.DataFrame(
                {
                    title: _texts(column, self.na)
                    for title, column in zip(wanted, columns, strict=True)
                },
            ).set_index(pd.Index(rows, dtype="int64", name="row"))
            if self.keep is not None:
                frame = frame[self.keep[begin : begin + len(frame)]]
            begin += len(rows)
            cells += frame.size
            parts.append(frame)
            if cells > AT_ONCE:
                yield self._raw(parts)
                parts, cells = [], 0
        if parts:
            yield self._raw(parts)

    def _raw(self, parts: list[pd.DataFrame]) -> Raw:
        frame = pd.concat(parts) if len(parts) > 1 else parts[0]
        return Raw(self.file, frame, self.grid.repeated, self.grid.export, self.seen)

    def whole(self, titles: Collection[str] | None = None) -> Raw:
        """Give all rows at once."""
        return self._raw([raw.frame for raw in self.raws(titles)])

    def seen(self, title: str) -> list[str]:
        """Give the distinct texts of a column as far as they are looked at."""
        return self.grid.column(self.places[title])


def _texts(column: pa.DictionaryArray, na: frozenset[str]) -> pd.Series:
    words = column.dictionary
    if na:
        words = pa.array([None if w in na else w for w in words.to_pylist()], pa.large_string())
    cells: pd.Series = words.take(column.indices).to_pandas(types_mapper=dtype_of)
    return cells


def read_cells(
    path: Path, how: Source | Join, log: Log, problems: list[Problem], *, empty: bool = False
) -> RawFile:
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
    RawFile
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
        with opened(path, name) as (stream, digest):
            grid = readers.read(stream, how, log, problems)
    _totals(grid, name, log)
    long = [n - grid.body for n in grid.long if n > grid.body and n not in grid.left_out]
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
                expected=str(len(grid.titles)),
            )
        )
    places = {title: n for n, title in enumerate(grid.titles)}
    untitled = [title for title in places if title.startswith("#")]
    blank = [title for title in untitled if grid.column(places[title])]
    places = {title: n for title, n in places.items() if title not in untitled or title in blank}
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
    rows = sum(len(numbers) for numbers, _ in grid.chunks([]))
    if not rows and not empty:
        raise refuse(
            "file.no-rows",
            name,
            "只有表头，没有数据行",
            "a header and no rows",
            "重新导出，或从 study.yaml 中删去",
            "export it again, or remove it from study.yaml",
        )
    return RawFile(FileUsed(name, digest, rows, how.outside), grid, places, frozenset(how.na))


_TOTAL = re.compile(
    r"合计|总计|共计|小计|总和|平均|平均值|平均分|均值|total|totals|sum|average|mean"
)
_LAST = 3


def _totals(grid: Grid, name: str, log: Log) -> None:
    """Leave out rows of totals (合计, 平均 …) that a person or a system set under a table.

    Only the last rows are looked at, and only where the word is the first that stands in a row
    and alone in its cell.
    """
    found: dict[int, str] = {}
    for row, text in reversed(grid.last(_LAST)):
        if not _TOTAL.fullmatch(plain(text).rstrip(":")):
            break
        found[row] = text
    grid.left_out |= frozenset(found)
    said = ", ".join(found.values())
    shown = rows_shown(sorted(n - grid.body for n in found))
    log.add(
        "intake.totals",
        len(found),
        f"{name}：表尾的合计行（{said}；行：{shown}），未读入",
        f"{name}: rows of totals at the end ({said}; rows: {shown}), left out",
    )


def read_file(
    path: Path, how: Source | Join, log: Log, problems: list[Problem], *, empty: bool = False
) -> Raw:
    """Read one file whole; see :func:`read_cells`."""
    return read_cells(path, how, log, problems, empty=empty).whole()


def filtered(raw: RawFile, how: Source | Join, problems: list[Problem]) -> RawFile:
    """Keep the rows that the source asks for; their numbers stay those of the file."""
    from workbench.study import nearest_remedy

    for title, wanted in how.where.items():
        found = tidy(title)
        if found not in raw.places:
            zh, en = nearest_remedy(found, raw.places)
            problems.append(
                _problem(
                    "source.column",
                    raw.file.name,
                    f"没有列“{title}”（where:）",
                    f'no column "{title}" (where:)',
                    zh,
                    en,
                    column=title,
                )
            )
            continue
        every = replace(raw, keep=None)
        fits = np.concatenate([part.frame[found].isin(wanted) for part in every.raws([found])])
        raw = replace(raw, keep=fits if raw.keep is None else raw.keep & fits)
        if not len(raw):
            problems.append(
                _problem(
                    "source.where",
                    raw.file.name,
                    "没有一行符合 where:",
                    "no row fits where:",
                    "改正 where: 的值",
                    "correct the values of where:",
                    column=title,
                    expected=" | ".join(wanted),
                )
            )
    return raw
