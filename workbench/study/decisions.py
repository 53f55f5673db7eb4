"""``corrections.csv`` and ``judgements.csv``: what people decided, each line with its author."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from workbench.errors import Problem
from workbench.study._explain import nearest_remedy

__all__ = ["KINDS", "Correction", "Judgement", "read_corrections", "read_judgements"]

KINDS = ("waiver", "exclusion", "device_window", "comparability", "quotation", "outlier", "comment")
"""Kinds of judgement."""

_MAX_BYTES = 50_000_000


@dataclass(frozen=True)
class Correction:
    """One cell of a raw file that a person puts right; ``row`` is its line in corrections.csv."""

    file: str
    key: str
    column: str
    old: str
    new: str
    reason: str
    author: str
    date: str
    approved_by: str
    evidence: str
    row: int


@dataclass(frozen=True)
class Judgement:
    """One human decision that can move a figure or release a text."""

    id: str
    kind: str
    community: str
    object: str
    from_: str
    to: str
    decision: str
    reason_zh: str
    reason_en: str
    author: str
    date: str
    approved_by: str
    row: int


_MAY_BE_EMPTY = {
    Correction: {"old", "new", "evidence"},
    Judgement: {"community", "object", "from_", "to", "reason_en"},
}
Line = TypeVar("Line", Correction, Judgement)


def _columns(kind: type[Any]) -> list[str]:
    return [field.name.rstrip("_") for field in fields(kind) if field.name != "row"]


def _open(path: Path) -> tuple[list[list[str]], list[Problem]]:
    """Read the records of a small UTF-8 CSV file."""
    try:
        data = path.read_bytes()
        if len(data) > _MAX_BYTES:
            raise ValueError(f"{len(data)} bytes")
        text = data.decode("utf-8-sig")
        return list(csv.reader(io.StringIO(text, newline=""), strict=True)), []
    except (OSError, ValueError, csv.Error) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return [], [
            Problem(
                code="decisions.unreadable",
                file=path.name,
                zh=f"无法读取（{why}）",
                en=f"cannot be read ({why})",
                remedy_zh="存为 UTF-8 的逗号分隔文件；没有记录时也保留表头",
                remedy_en="save it as UTF-8 with commas; keep the header even without entries",
            )
        ]


def _read(path: Path, kind: type[Line]) -> tuple[list[Line], list[Problem]]:
    if not path.exists():
        return [], []
    records, problems = _open(path)
    if problems:
        return [], problems
    wanted = _columns(kind)
    header = [name.strip() for name in records[0]] if records else []
    if not set(header) & set(wanted):
        expected = ",".join(wanted)
        told = ("没有表头", "there is no header", f"首行写 {expected}", f"begin with {expected}")
        return [], [_at(path, None, "", "decisions.header", *told, found=",".join(header)[:60])]
    for name in wanted:
        if header.count(name) != 1:
            close = [h for h in header if h not in wanted]
            remedy = nearest_remedy(name, close) if close else ("补上这一列", "add the column")
            problems.append(
                Problem(
                    code="decisions.column",
                    file=path.name,
                    column=name,
                    zh="缺少这一列或该列重复",
                    en="the column is missing or stands twice",
                    remedy_zh=remedy[0],
                    remedy_en=remedy[1],
                    expected=",".join(wanted),
                )
            )
    for name in header:
        if name not in wanted:
            zh, en = nearest_remedy(name, wanted)
            problems.append(
                Problem(
                    code="decisions.column-unknown",
                    file=path.name,
                    column=name,
                    zh=f"未知的列“{name}”",
                    en=f'unknown column "{name}"',
                    remedy_zh=zh,
                    remedy_en=en,
                )
            )
    if problems:
        return [], problems
    lines: list[Line] = []
    for n, record in enumerate(records[1:], start=1):
        if not any(cell.strip() for cell in record):
            continue
        cells = dict(zip(header, (cell.strip() for cell in record), strict=False))
        values = {field.name: cells.get(field.name.rstrip("_"), "") for field in fields(kind)}
        line = kind(**{**values, "row": n})  # type: ignore[arg-type]
        if len(record) > len(header):
            problems.append(
                _at(
                    path,
                    n,
                    "",
                    "decisions.cells",
                    "单元格多于表头",
                    "more cells than the header",
                    "含逗号的文本加引号",
                    "quote text that holds commas",
                )
            )
        for field in fields(kind):
            if field.name in _MAY_BE_EMPTY[kind] or field.name == "row":
                continue
            if not values[field.name]:
                problems.append(
                    _at(
                        path,
                        n,
                        field.name,
                        "decisions.blank",
                        "不得为空",
                        "must not be empty",
                        "补上内容",
                        "fill it in",
                    )
                )
        problems += _date(path, n, values["date"])
        lines.append(line)
    return lines, problems


def _at(
    path: Path,
    row: int | None,
    column: str,
    code: str,
    zh: str,
    en: str,
    remedy_zh: str,
    remedy_en: str,
    *,
    expected: str = "",
    found: str = "",
    community: str = "",
) -> Problem:
    return Problem(
        code=code,
        file=path.name,
        row=row,
        column=column,
        zh=zh,
        en=en,
        community=community,
        remedy_zh=remedy_zh,
        remedy_en=remedy_en,
        expected=expected,
        found=found,
    )


def _date(path: Path, row: int, value: str) -> list[Problem]:
    if not value:
        return []
    try:
        date.fromisoformat(value)
    except ValueError:
        return [
            _at(
                path,
                row,
                "date",
                "decisions.date",
                "不是日期",
                "not a date",
                "写作 2026-11-20",
                "write it as 2026-11-20",
                expected="YYYY-MM-DD",
                found=value,
            )
        ]
    return []


def read_corrections(path: Path) -> tuple[list[Correction], list[Problem]]:
    """Read ``corrections.csv``; a study without the file has no corrections.

    Returns
    -------
    tuple
        The corrections in the order of the file and the problems found (both may be empty).
    """
    lines, problems = _read(path, Correction)
    seen: dict[tuple[str, str, str], int] = {}
    for line in lines:
        place = (line.file, line.key, line.column)
        if place in seen:
            problems.append(
                _at(
                    path,
                    line.row,
                    "key",
                    "corrections.twice",
                    f"与第 {seen[place]} 行更正同一单元格",
                    f"corrects the same cell as row {seen[place]}",
                    "只保留一条",
                    "keep one of the two",
                    found=" ".join(place),
                )
            )
        seen.setdefault(place, line.row)
    return lines, problems


def read_judgements(path: Path) -> tuple[list[Judgement], list[Problem]]:
    """Read ``judgements.csv``; a study without the file has no judgements."""
    lines, problems = _read(path, Judgement)
    seen: dict[str, int] = {}
    for line in lines:
        if line.kind and line.kind not in KINDS:
            zh, en = nearest_remedy(line.kind, KINDS)
            problems.append(
                _at(
                    path,
                    line.row,
                    "kind",
                    "judgements.kind",
                    "没有这种判断",
                    "no such kind of judgement",
                    zh,
                    en,
                    expected=" | ".join(KINDS),
                    found=line.kind,
                    community=line.community,
                )
            )
        if line.id in seen:
            problems.append(
                _at(
                    path,
                    line.row,
                    "id",
                    "judgements.twice",
                    f"编号与第 {seen[line.id]} 行重复",
                    f"same id as row {seen[line.id]}",
                    "每条判断一个编号",
                    "give each judgement an id of its own",
                    found=line.id,
                    community=line.community,
                )
            )
        seen.setdefault(line.id, line.row)
    return lines, problems
