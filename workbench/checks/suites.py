"""A study's own suites of expectations, read without being run: what is wrong with them, and ids.

A suite is data. An expectation whose arguments hold a condition (which pandas would evaluate), a
query or a type that is no statement about columns is refused; so is one that the unit's report
could not print.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from workbench import bundle
from workbench.errors import Problem

__all__ = ["code_in_suites", "known_checks", "suite_problems"]

_SEVERITIES = ("critical", "warning", "info")
_REACHES = ("row", "time", "indicator", "table", "community")
_TYPE = re.compile(
    r"expect_(?:column|compound_columns|multicolumn|select_column|table)_[a-z_]{3,80}\Z"
)
_ID = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)+\Z")
# evaluated as code by pandas, or read from elsewhere
_CODE = {"row_condition", "condition_parser", "query", "evaluation_parameter_uri"}
_MAX_BYTES = 4_000_000


def suite_problems(folder: Path) -> list[Problem]:
    """Tell what is wrong with the suites in ``folder`` (the study's ``expectations/``)."""
    problems: list[Problem] = []
    for file in sorted(folder.glob("*.json")) if folder.is_dir() else []:
        for place, zh, en, remedy_zh, remedy_en, found in _faults(file):
            problems.append(
                Problem(
                    code="suite",
                    file=f"expectations/{file.name}",
                    column=place,
                    zh=zh,
                    en=en,
                    remedy_zh=remedy_zh,
                    remedy_en=remedy_en,
                    found=found[:80],
                )
            )
    return problems


def sound_suites(folder: Path) -> list[dict[str, Any]]:
    """Read the suites in ``folder`` that nothing is wrong with; the others are told and not run."""
    files = sorted(folder.glob("*.json")) if folder.is_dir() else []
    sound = [file for file in files if next(_faults(file), None) is None]
    return [json.loads(file.read_bytes()) for file in sound]


def code_in_suites(folder: Path) -> list[str]:
    """Names of the suites in ``folder``, a stranger's maybe, that would run code of their own."""
    found = []
    for file in sorted(folder.glob("*.json")) if folder.is_dir() else []:
        places = {fault[0] for fault in _faults(file)}
        if any(place.endswith(".type") or ".kwargs." in place for place in places):
            found.append(file.name)
    return found


def known_checks(folder: Path) -> set[str]:
    """Ids of all checks: those of the bundled suites and of the study's own in ``folder``."""
    return set(_bundled()) | _ids(folder)


@cache
def _bundled() -> frozenset[str]:
    return frozenset(_ids(bundle.path("expectations")))


def _ids(folder: Path) -> set[str]:
    found = set()
    for file in sorted(folder.glob("*.json")) if folder.is_dir() else []:
        try:
            suite = json.loads(file.read_bytes())
            found |= {str(one["meta"]["id"]) for one in suite["expectations"]}
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            continue  # told by suite_problems
    return found


Fault = tuple[str, str, str, str, str, str]


def _faults(file: Path) -> Iterator[Fault]:
    form = ("参照随附的 expectations/*.json", "follow the bundled expectations/*.json")
    try:
        data = file.read_bytes()
        if len(data) > _MAX_BYTES:
            raise ValueError(f"{len(data)} bytes")
        suite = json.loads(data)
    except (OSError, ValueError, RecursionError) as error:
        said = str(error) or type(error).__name__
        yield ("", "不是可用的 JSON 文件", "not a usable JSON file", *form, said)
        return
    meta = suite.get("meta") if isinstance(suite, Mapping) else None
    table = meta.get("table") if isinstance(meta, Mapping) else None
    if not isinstance(table, str) or not isinstance(suite.get("expectations"), list):
        zh, en = "缺少 meta.table 或 expectations 列表", "meta.table or the list expectations lacks"
        yield ("meta.table", zh, en, *form, "")
        return
    from workbench.intake.tables import TABLES

    if table not in TABLES:
        known = ", ".join(TABLES)
        remedy = (f"可用：{known}", f"known: {known}")
        yield ("meta.table", "没有这张表", "there is no such table", *remedy, table)
    bundled = _bundled()
    seen: set[str] = set()
    for n, one in enumerate(suite["expectations"], start=1):
        place = f"expectations[{n}]"
        yield from _expectation(one, place)
        name = _id_of(one)
        if name and (name in seen or name in bundled):
            remedy = ("另取编号", "give it an id of its own")
            yield (f"{place}.meta.id", "检查编号重复", "the id is taken", *remedy, name)
        seen.add(name)


def _id_of(one: Any) -> str:
    meta = one.get("meta") if isinstance(one, Mapping) else None
    return str(meta.get("id") or "") if isinstance(meta, Mapping) else ""


def _expectation(one: Any, place: str) -> Iterator[Fault]:
    if not isinstance(one, Mapping) or not isinstance(one.get("kwargs"), Mapping):
        remedy = (
            "写成含 type、kwargs、severity、meta 的对象",
            "write type, kwargs, severity, meta",
        )
        yield (place, "不是一条期望", "not an expectation", *remedy, "")
        return
    kind = str(one.get("type"))
    if not _TYPE.match(kind) or "other_table" in kind:
        remedy = ("用关于列的 expect_column_…", "use a statement about columns, expect_column_…")
        yield (
            f"{place}.type",
            "不接受这种期望",
            "such an expectation is not accepted",
            *remedy,
            kind,
        )
    for name in sorted(_CODE & set(one["kwargs"])):
        remedy = ("删去；条件写成单独的列", "remove it; make the condition a column")
        zh, en = "条件会被当作代码执行，不接受", "a condition would be run as code: not accepted"
        yield (f"{place}.kwargs.{name}", zh, en, *remedy, str(one["kwargs"][name]))
    meta = one.get("meta")
    told = meta if isinstance(meta, Mapping) else {}
    if not _ID.match(str(told.get("id"))):
        remedy = ("写作 responses.my_check", "write it as responses.my_check")
        yield (
            f"{place}.meta.id",
            "编号不合规则",
            "the id does not fit",
            *remedy,
            str(told.get("id")),
        )
    words = (
        ("severity", one.get("severity"), _SEVERITIES),
        ("meta.reach", told.get("reach"), _REACHES),
    )
    for name, value, allowed in words:
        if value not in allowed:
            known = ", ".join(allowed)
            remedy = (f"可用：{known}", f"known: {known}")
            yield (f"{place}.{name}", "不是允许的词", "not one of the words", *remedy, str(value))
    for name in ("zh", "en"):
        if not isinstance(told.get(name), str) or not told[name].strip():
            remedy = ("写明理由", "write the reason")
            yield (f"{place}.meta.{name}", "缺少理由", "the reason lacks", *remedy, "")
