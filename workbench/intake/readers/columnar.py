"""Parquet, SPSS and Stata to a grid: values as stored, labels and user-missing codes told."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import Problem
from workbench.intake.frames import Log, refuse
from workbench.intake.readers.export import Export, Grid, Question, reason
from workbench.intake.titles import tidy, unique
from workbench.intake.xlsxfile import MAX_CELLS, cell_text

if TYPE_CHECKING:
    from workbench.study import Join, Source

__all__ = ["dta", "parquet", "sav", "value_text"]


def value_text(value: Any) -> str:
    """Give a value of a typed column as text; missing is empty."""
    if value is None or value != value:
        return ""
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    if isinstance(value, bytes | bytearray | memoryview):
        raise TypeError("bytes")
    if isinstance(value, str | bool | float | int | datetime | date | time | timedelta):
        return cell_text(value)
    return cell_text(value.item()) if hasattr(value, "item") else str(value)


def _too_much(rows: int, columns: int, file: str) -> None:
    if rows * columns > MAX_CELLS:
        raise refuse(
            "file.too-large",
            file,
            "单元格过多",
            "too many cells",
            "只导出需要的列，或按轮次拆分",
            "export only the columns that are needed, or one file per wave",
            expected=f"≤ {MAX_CELLS}",
            found=str(rows * columns),
        )


def parquet(data: bytes, how: Source | Join, log: Log, problems: list[Problem]) -> Grid:
    """Give a Parquet file's columns as text; lists are joined by ``┋``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        told = pq.ParquetFile(io.BytesIO(data))
        _too_much(told.metadata.num_rows, told.metadata.num_columns, how.file)
        table = told.read()
        columns = [table.column(n).to_pylist() for n in range(table.num_columns)]
        cells = [
            ["┋".join(map(value_text, v)) if isinstance(v, list) else value_text(v) for v in column]
            for column in columns
        ]
    except (pa.ArrowException, OSError, TypeError, ValueError) as error:
        raise refuse(
            "file.parquet",
            how.file,
            f"Parquet 文件无法读取（{type(error).__name__}）",
            f"the Parquet file cannot be read ({type(error).__name__})",
            "重新导出；二进制列不能读入",
            "export it again; binary columns cannot be read",
        ) from None
    return Grid([list(table.column_names), *_rows(cells)])


def sav(data: bytes, how: Source | Join, log: Log, problems: list[Problem]) -> Grid:
    """Give an SPSS file's values; variable labels are wordings, user-missing codes have reasons."""
    return _labelled(data, how, log, "sav")


def dta(data: bytes, how: Source | Join, log: Log, problems: list[Problem]) -> Grid:
    """Give a Stata file's values; ``.a`` … ``.z`` are missing, with the label of each as reason."""
    return _labelled(data, how, log, "dta")


def _labelled(data: bytes, how: Source | Join, log: Log, kind: str) -> Grid:
    import pyreadstat

    read: Any = pyreadstat.read_sav if kind == "sav" else pyreadstat.read_dta
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file.{kind}"  # the library reads files only
        path.write_bytes(data)
        try:
            more = {} if how.encoding is None else {"encoding": how.encoding}
            _, first = read(str(path), metadataonly=True, **more)
            _too_much(first.number_rows or 0, first.number_columns or 0, how.file)
            columns, meta = read(str(path), user_missing=True, output_format="dict", **more)
        except Exception as error:  # the library raises anything on a damaged part
            raise refuse(
                f"file.{kind}",
                how.file,
                f"{'SPSS' if kind == 'sav' else 'Stata'} 文件无法读取（{error}）",
                f"the {'SPSS' if kind == 'sav' else 'Stata'} file cannot be read ({error})",
                "声明 encoding: gb18030，或重新导出",
                "declare encoding: gb18030, or export it again",
            ) from None
    names = [str(name) for name in meta.column_names]
    cells = [[value_text(value) for value in columns[name]] for name in meta.column_names]
    titles, _ = unique(names)
    questions = [
        _question(meta, name, title, set(column))
        for name, title, column in zip(names, titles, cells, strict=True)
    ]
    n = sum(
        cell in q.missing for q, column in zip(questions, cells, strict=True) for cell in column
    )
    log.add(
        "intake.user-missing",
        n,
        f"{how.file}：文件中声明为缺失的代码",
        f"{how.file}: codes that the file declares as missing",
    )
    return Grid([names, *_rows(cells)], export=Export(kind, questions=tuple(questions)))


def _rows(columns: list[list[str]]) -> Iterable[list[str]]:
    return [list(row) for row in zip(*columns, strict=True)]


def _question(meta: Any, name: str, title: str, seen: set[str]) -> Question:
    """Tell one variable: wording, labels, and which codes are no answers."""
    labels = {
        value_text(code): tidy(str(label))
        for code, label in (meta.variable_value_labels.get(name) or {}).items()
    }
    ranges = (meta.missing_ranges or {}).get(name) or ()
    codes = {value_text(code) for code in (meta.missing_user_values or {}).get(name) or ()}
    for one in ranges:
        low, high = (one["lo"], one["hi"]) if isinstance(one, dict) else (one, one)
        codes |= {code for code in {*labels, *seen} if _within(code, low, high)}
    missing = {code: reason(labels.get(code, "")) for code in sorted(codes) if code}
    answers = {code: label for code, label in labels.items() if code not in missing}
    wording = tidy(meta.column_names_to_labels.get(name) or "") or name
    kind = "single" if answers else ""
    if (meta.variable_measure or {}).get(name) == "ordinal" and answers:
        kind = "scale"
    return Question(title, wording, kind, name.lower(), labels=answers, missing=missing)


def _within(code: str, low: Any, high: Any) -> bool:
    """Whether a code lies in a range of missing values."""
    if isinstance(low, str) or isinstance(high, str):
        return code == str(low)
    try:
        return bool(float(low) <= float(code) <= float(high))
    except ValueError:
        return False
