"""The study's own expectations, held against what has come in so far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from workbench.fieldwork.rows import Row, row

if TYPE_CHECKING:
    import pandas as pd

    from workbench.checks.expectations import Result
    from workbench.fieldwork.reading import Field
    from workbench.intake.tables import Table

__all__ = ["broken", "own"]


def own(f: Field) -> pd.DataFrame:
    """Hold the tables of the wave against the suites of the study's ``expectations/``.

    Returns
    -------
    DataFrame
        ``field.own.<id>`` (kind check): ``numerator`` failing rows of ``n``, or ``value`` where the
        statement is about the whole table; ``not_computed`` where the table or a column is not
        there, with the column and whether it is made only in the batch. Empty without suites. A
        failure deletes nothing here; in the batch it takes with it what its ``reach`` says.
    """
    import pandas as pd

    return pd.DataFrame([_told(f, asked, one) for asked, one in _results(f)])


def broken(f: Field) -> pd.DataFrame:
    """List the rows that fail: ``check``, ``table``, ``row`` (its key). For the team only."""
    import pandas as pd

    from workbench.intake.tables import TABLES

    lines = []
    for _, one in _results(f):
        key = [k for k in TABLES[one.table].key if k in f.tables.get(one.table, ())]
        for at in one.rows:
            cells = f.tables[one.table].iloc[at][key]
            lines.append((one.id, one.table, " ".join(str(v) for v in cells if v is not None)))
    return pd.DataFrame(lines, columns=["check", "table", "row"])


def _results(f: Field) -> Iterator[tuple[Mapping[str, Any], Result]]:
    """Give each expectation with what it found."""
    from workbench.checks.expectations import validate

    waves = {"waves": [one["id"] for one in f.settings["waves"]]}
    for suite in f.suites:
        table = suite["meta"]["table"]
        found = validate(_frame(f, table), {**suite, "name": table}, waves)
        yield from zip(suite["expectations"], found, strict=True)


def _frame(f: Field, table: str) -> pd.DataFrame:
    """Give a table with its times as times; wholly empty columns are not supplied."""
    import pandas as pd

    from workbench.intake.tables import TABLES

    frame = f.tables.get(table)
    if frame is None or frame.empty:
        return pd.DataFrame()
    frame = frame.reset_index(drop=True).dropna(axis=1, how="all")
    for column in TABLES[table].columns:
        if column.type == "time" and column.name in frame and frame[column.name].dtype == object:
            times = pd.to_datetime(frame[column.name], format="ISO8601", utc=True)
            frame[column.name] = times.dt.tz_convert(f.settings["timezone"])
        elif column.type == "date" and column.name in frame:
            frame[column.name] = pd.to_datetime(frame[column.name], format="%Y-%m-%d")
    return frame


def _lacking(f: Field, asked: Mapping[str, Any], name: str) -> tuple[str, str]:
    """Say which columns are not there, and which of them the batch makes or brings."""
    from workbench.checks.derive import MADE
    from workbench.checks.expectations import columns_of
    from workbench.intake.tables import TABLES

    if not f.has(name):
        return f"表 {name} 还没有数据", f"the table {name} has no rows yet"
    gone = sorted(columns_of(asked["kwargs"]) - set(_frame(f, name).columns))
    made = [column for column in gone if column in MADE.get(name, ())]
    kept = [c for c in gone if c not in made and _brought(f, TABLES[name], c)]
    none = [column for column in gone if column not in (*made, *kept)]
    said = (
        (
            made,
            "只在正式批次中由检查计算，外业期间没有：{}",
            "made only in the batch, by the checks of each unit's notebook: {}",
        ),
        (
            kept,
            "不进入外业笔记本，正式批次中才检查：{}",
            "not in the notebook of field work, checked in the batch: {}",
        ),
        (
            none,
            f"表 {name} 还没有这些列：{{}}",
            f"the table {name} has no such columns yet: {{}}",
        ),
    )
    zh = "；".join(text.format("、".join(names)) for names, text, _ in said if names)
    en = "; ".join(text.format(", ".join(names)) for names, _, text in said if names)
    return zh, en


def _brought(f: Field, table: Table, column: str) -> bool:
    """Whether the batch has a column that the notebook of field work is not given."""
    from workbench.intake.tables import SAID, column_of

    known = column_of(table, column)
    if table.name != "responses":
        return known is not None and not known.house and column not in f.tables[table.name]
    code, _, part = column.partition("__")
    item = f.book.get(code, {})
    return column == "panel_id" or (item.get("kind") == "text" and part in SAID)


def _told(f: Field, asked: Mapping[str, Any], one: Result) -> Row:
    if one.passed is None:
        zh, en = _lacking(f, asked, one.table)
        return row(
            f"own.{one.id}",
            "check",
            one.zh,
            one.en,
            severity=one.severity,
            status="not_computed",
            reason_zh=zh,
            reason_en=en,
        )
    failed = not one.passed
    return row(
        f"own.{one.id}",
        "check",
        one.zh,
        one.en,
        value=float(len(one.rows)) if one.rows or one.observed is None else one.observed,
        unit="count" if one.rows or one.observed is None else "score",
        n=one.n,
        numerator=float(len(one.rows)) if one.rows else None,
        verdict="failed" if failed else "passed",
        severity="warning",
        remedy_zh="按私有清单 checks.csv 逐行核对；确有错误写入 corrections.csv"
        if failed
        else None,
        remedy_en="go through the rows of the private list checks.csv; errors go to corrections.csv"
        if failed
        else None,
    )
