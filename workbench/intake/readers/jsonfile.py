"""JSON to a grid: a list of records, also inside one object, or one record a line."""

from __future__ import annotations

import json
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO

from workbench.errors import Problem
from workbench.intake.encoding import decode, whole
from workbench.intake.frames import Log, refuse
from workbench.intake.readers.export import Grid

if TYPE_CHECKING:
    from workbench.study import Join, Source

__all__ = ["json_records"]

_DEPTH = 6
_MOST = 5000


def json_records(stream: BinaryIO, how: Source | Join, log: Log, problems: list[Problem]) -> Grid:
    """Give records as rows: nested keys joined by dots, lists by ``┋``, numbers as written.

    Raises
    ------
    InputError
        Not JSON, a key that stands twice in one record, no list of records, or several and none
        declared (``sheet:`` names it).
    """
    file = how.file
    text = decode(whole(stream, file=file), how.encoding, file=file)

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise refuse(
                "file.json-key",
                file,
                "同一条记录中键重复",
                "a key stands twice in one record",
                "重新导出",
                "export it again",
                column=twice[:60],
            )
        return dict(pairs)

    def parse(part: str) -> Any:
        return json.loads(
            part, parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=once
        )

    try:
        try:
            told = parse(text)
        except json.JSONDecodeError:
            lines = [line for line in text.splitlines() if line.strip()]
            if len(lines) < 2:
                raise
            told = [parse(line) for line in lines]
    except (json.JSONDecodeError, RecursionError) as error:
        where = getattr(error, "lineno", 0)
        raise refuse(
            "file.json",
            file,
            f"不是完整的 JSON（第 {where} 行）",
            f"not whole JSON (line {where})",
            "重新导出",
            "export it again",
            found=type(error).__name__,
        ) from None
    records = _records(told, how)
    flat = [_flat(record) for record in records]
    titles = list(dict.fromkeys(name for record in flat for name in record))
    if len(titles) > _MOST:
        titles = titles[: _MOST + 1]  # refused with the header
    rows = ([record.get(name, "") for name in titles] for record in flat)
    return Grid(chain([titles], rows), how)


def _records(told: Any, how: Source | Join) -> list[dict[str, Any]]:
    """Find the list of records."""
    found = {"": told} if isinstance(told, list) else {}
    level = told if isinstance(told, dict) else {}
    for prefix, inner in (("", level), *((f"{k}.", v) for k, v in level.items())):
        if isinstance(inner, dict):
            found |= {
                f"{prefix}{name}": value
                for name, value in inner.items()
                if isinstance(value, list) and value and all(isinstance(v, dict) for v in value)
            }
    if how.sheet is not None and how.sheet in found:
        found = {how.sheet: found[how.sheet]}
    [records] = found.values() if len(found) == 1 else [None]
    if not isinstance(records, list) or not all(isinstance(one, dict) for one in records):
        raise refuse(
            "file.json-records",
            how.file,
            "没有找到唯一的一组记录",
            "no single list of records was found",
            "用 sheet: 写明记录所在的键",
            "name the key that holds the records with sheet:",
            expected="[{…}, {…}]",
            found=" | ".join(found)[:60],
        )
    return records


def _flat(record: dict[str, Any], prefix: str = "", depth: int = 0) -> dict[str, str]:
    """Give a record as text cells under dotted names."""
    out: dict[str, str] = {}
    for name, value in record.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict) and depth < _DEPTH:
            out |= _flat(value, f"{key}.", depth + 1)
        elif isinstance(value, list) and all(isinstance(v, str | bool | None) for v in value):
            out[key] = "┋".join(_text(v) for v in value)
        elif isinstance(value, dict | list):
            out[key] = json.dumps(value, ensure_ascii=False)
        else:
            out[key] = _text(value)
    return out


def _text(value: Any) -> str:
    if value is None:
        return ""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
