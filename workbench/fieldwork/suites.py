"""The study's own expectations, held against what has come in so far."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from workbench.fieldwork.rows import Row, row

if TYPE_CHECKING:
    import pandas as pd

    from workbench.checks.expectations import Result
    from workbench.fieldwork.reading import Field

__all__ = ["broken", "own"]


def own(f: Field) -> pd.DataFrame:
    """Hold the tables of the wave against the suites of the study's ``expectations/``.

    Returns
    -------
    DataFrame
        ``field.own.<id>`` (kind check): ``numerator`` failing rows of ``n``, or ``value`` where the
        statement is about the whole table; ``not_computed`` where the table or its column is not
        there. Empty without suites. A failure deletes nothing here; in the batch it takes with it
        what its ``reach`` says.
    """
    import pandas as pd

    return pd.DataFrame([_told(one) for one in _results(f)])


def broken(f: Field) -> pd.DataFrame:
    """List the rows that fail: ``check``, ``table``, ``row`` (its key). For the team only."""
    import pandas as pd

    from workbench.intake.tables import TABLES

    lines = []
    for one in _results(f):
        key = [k for k in TABLES[one.table].key if k in f.tables.get(one.table, ())]
        for at in one.rows:
            cells = f.tables[one.table].iloc[at][key]
            lines.append((one.id, one.table, " ".join(str(v) for v in cells if v is not None)))
    return pd.DataFrame(lines, columns=["check", "table", "row"])


def _results(f: Field) -> Iterator[Result]:
    from workbench.checks.expectations import validate

    waves = {"waves": [one["id"] for one in f.settings["waves"]]}
    for suite in f.suites:
        table = suite["meta"]["table"]
        yield from validate(_frame(f, table), {**suite, "name": table}, waves)


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


def _told(one: Result) -> Row:
    if one.passed is None:
        return row(
            f"own.{one.id}",
            "check",
            one.zh,
            one.en,
            severity=one.severity,
            status="not_computed",
            reason_zh=f"表 {one.table} 还没有这一列",
            reason_en=f"the table {one.table} has no such column yet",
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
