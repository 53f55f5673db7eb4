"""Parquet, SPSS and Stata to a grid: values as stored, labels and user-missing codes told."""

from __future__ import annotations

import shutil
import tempfile
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from workbench.errors import InputError, Problem
from workbench.intake.frames import Log, refuse
from workbench.intake.readers.export import CELLS, Export, Grid, Question, coded, reason
from workbench.intake.sheetxml import cell_text
from workbench.intake.titles import tidy

if TYPE_CHECKING:
    import pyarrow as pa

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


_VALUES = 1 << 24
"""Values of a labelled file that are read at once; each part is found by reading up to it."""


def _texts(values: Any) -> pa.Array:
    """Give one column's values as texts, each distinct one made once."""
    import pandas as pd

    plain = isinstance(values, np.ndarray) and values.dtype.kind in "iuf"
    codes, distinct = pd.factorize(values if plain else pd.Series(values, dtype=object))
    return coded([value_text(value) for value in distinct.tolist()], codes)


def parquet(stream: BinaryIO, how: Source | Join, log: Log, problems: list[Problem]) -> Grid:
    """Give a Parquet file's columns as text; lists are joined by ``┋``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        told = pq.ParquetFile(stream)
        names = list(told.schema_arrow.names)
        grid = Grid([names], how)
        size = max(CELLS // max(len(names), 1), 1)
        for batch in told.iter_batches(batch_size=size, use_threads=False):
            grid.add([_arrow(column) for column in batch.columns])
    except (pa.ArrowException, OSError, TypeError, ValueError) as error:
        raise refuse(
            "file.parquet",
            how.file,
            f"Parquet 文件无法读取（{type(error).__name__}）",
            f"the Parquet file cannot be read ({type(error).__name__})",
            "重新导出；二进制列不能读入",
            "export it again; binary columns cannot be read",
        ) from None
    return grid


def _arrow(column: pa.Array) -> pa.Array:
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_nested(column.type) or pa.types.is_null(column.type):
        texts = [
            "┋".join(map(value_text, v)) if isinstance(v, list) else value_text(v)
            for v in column.to_pylist()
        ]
        return coded(texts)
    parts = column.dictionary_encode()
    words = [value_text(value) for value in parts.dictionary.to_pylist()]
    return coded(words, parts.indices)


def sav(stream: BinaryIO, how: Source | Join, log: Log, problems: list[Problem]) -> Grid:
    """Give an SPSS file's values; variable labels are wordings, user-missing codes have reasons."""
    return _labelled(stream, how, log, "sav")


def dta(stream: BinaryIO, how: Source | Join, log: Log, problems: list[Problem]) -> Grid:
    """Give a Stata file's values; ``.a`` … ``.z`` are missing, with the label of each as reason."""
    return _labelled(stream, how, log, "dta")


def _labelled(stream: BinaryIO, how: Source | Join, log: Log, kind: str) -> Grid:
    import pyreadstat

    read: Any = pyreadstat.read_sav if kind == "sav" else pyreadstat.read_dta
    with tempfile.NamedTemporaryFile(suffix=f".{kind}") as file:  # the library reads files only
        stream.seek(0)
        shutil.copyfileobj(stream, file)
        file.flush()
        try:
            more: dict[str, Any] = {} if how.encoding is None else {"encoding": how.encoding}
            _, meta = read(file.name, metadataonly=True, **more)
            names = [str(name) for name in meta.column_names]
            grid = Grid([names], how)
            size = max(_VALUES // max(len(names), 1), 1)
            more |= {"user_missing": True, "output_format": "dict", "row_limit": size}
            begin = 0
            while True:
                columns, meta = read(file.name, row_offset=begin, **more)
                rows = len(next(iter(columns.values()), ()))
                if rows:
                    grid.add([_texts(columns[name]) for name in meta.column_names])
                if rows < size:
                    break
                begin += rows
        except InputError:
            raise
        except Exception as error:  # the library raises anything on a damaged part
            raise refuse(
                f"file.{kind}",
                how.file,
                f"{'SPSS' if kind == 'sav' else 'Stata'} 文件无法读取（{error}）",
                f"the {'SPSS' if kind == 'sav' else 'Stata'} file cannot be read ({error})",
                "声明 encoding: gb18030，或重新导出",
                "declare encoding: gb18030, or export it again",
            ) from None
    questions = [
        _question(meta, name, title, set(grid.column(k)))
        for k, (name, title) in enumerate(zip(names, grid.titles, strict=True))
    ]
    declared = [k for k, question in enumerate(questions) if question.missing]
    n = 0
    for _, columns in grid.chunks(declared):
        for k, cells in zip(declared, columns, strict=True):
            lost = np.isin(cells.dictionary.to_pylist(), list(questions[k].missing))
            n += int(lost[cells.indices.drop_null().to_numpy()].sum())
    log.add(
        "intake.user-missing",
        n,
        f"{how.file}：文件中声明为缺失的代码",
        f"{how.file}: codes that the file declares as missing",
    )
    grid.export = Export(kind, questions=tuple(questions))
    return grid


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
