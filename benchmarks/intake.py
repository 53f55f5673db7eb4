"""Readers on one export of 问卷星 in each container, beside pandas on the same bytes; whole intake.

Every figure is that of a process of its own: questionnaires a second of processor time, all
threads together, so that other work on the machine counts little; and the peak of its memory as the
kernel counts it (``ru_maxrss``), the interpreter and its libraries included. What a process holds
that only imports the package is given as the floor.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.lines import Figure, lines

_PANDAS = {
    "csv": "pandas.read_csv(path, dtype='str')",
    "xlsx": "pandas.read_excel(path, dtype='str')",
    "parquet": "pandas.read_parquet(path)",
    "sav": "pyreadstat.read_sav(path)",
}
_CHILD = """
import json, os, resource, sys, time
from pathlib import Path
import pandas, pyreadstat
from workbench.intake import build, write_tables
from workbench.intake.frames import Log
from workbench.intake.read import read_cells
from workbench.study import Study, source_of
path = sys.argv[1]
def reader():
    made = read_cells(Path(path), source_of(os.path.basename(path)), Log(), [])
    assert made.grid.export.platform == "wjx" and len(made) == {rows}
def whole():
    write_tables(build(Study.load(Path(path))), Path(path) / "out")
begun = time.process_time()
{call}
spent = time.process_time() - begun
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([spent, peak]))
"""
_LARGEST_BOOK = 20_000
"""Rows of 80 columns beyond which a workbook unpacks to more than is opened."""


def _measured(call: str, path: Path, rows: int, times: int) -> tuple[float, float]:
    """Give median seconds of CPU and MB of a call in processes of their own."""
    code = _CHILD.format(call=call, rows=rows)
    told = [
        json.loads(
            subprocess.run(
                [sys.executable, "-W", "ignore", "-c", code, str(path)],
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        )
        for _ in range(times)
    ]
    seconds, peaks = zip(*told, strict=True)
    return statistics.median(seconds), statistics.median(peaks)


def _files(folder: Path, rows: int) -> dict[str, Path]:
    """Write one study and its answers in each container."""
    import openpyxl
    import pyarrow.parquet
    import pyreadstat

    from benchmarks.field import questionnaires

    table = questionnaires(folder / "study", rows)
    made = {"csv": folder / "study" / "data" / "a.csv", "parquet": folder / "a.parquet"}
    pyarrow.parquet.write_table(table, made["parquet"])
    made["sav"] = folder / "a.sav"
    names = table.column_names
    frame = table.to_pandas().set_axis([f"v{k}" for k in range(len(names))], axis=1)
    pyreadstat.write_sav(frame, str(made["sav"]), column_labels=names)
    if rows <= _LARGEST_BOOK:
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet()
        sheet.append(names)
        for row in zip(*(column.to_pylist() for column in table.columns), strict=True):
            sheet.append(row)
        made["xlsx"] = folder / "a.xlsx"
        book.save(made["xlsx"])
    return made


def run(*, quick: bool = False, rows: int = 10_000) -> Iterator[str]:
    """Give the lines of so many questionnaires (500 when quick) and ten times the requests."""
    from benchmarks.field import requests

    rows, times = (500, 1) if quick else (rows, 3 if rows <= _LARGEST_BOOK else 1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _, floor = _measured("pass", folder, rows, 1)
        yield from lines("intake: floor of memory", [Figure("intake.floor", floor, "MB")])
        for kind, path in _files(folder, rows).items():
            theirs = _measured(_PANDAS[kind], path, rows, times)
            ours = _measured("reader()", path, rows, times)
            other = f"intake.{kind}.{_PANDAS[kind].partition('(')[0]}"
            mine = f"intake.{kind}.reader"
            yield from lines(
                f"intake: {kind}, {rows} questionnaires x 80 columns",
                (
                    Figure(other, rows / theirs[0], "questionnaires/s"),
                    Figure(mine, rows / ours[0], "questionnaires/s"),
                ),
            )
            yield from lines(
                f"intake: {kind}, peak of memory",
                (Figure(other, theirs[1], "MB"), Figure(mine, ours[1], "MB")),
            )
        if rows > _LARGEST_BOOK:
            yield "# intake: xlsx of this size unpacks to more than 200 MiB and is refused"
        requests(folder / "requests", 10 * rows)
        for what, n in (("study", rows), ("requests", 10 * rows)):
            spent, peak = _measured("whole()", folder / what, n, times)
            words = "questionnaires" if what == "study" else "requests"
            yield from lines(
                f"intake: {n} {words} read, mapped, checked and written by community",
                (
                    Figure(f"intake.whole.{words}", n / spent, f"{words}/s"),
                    Figure(f"intake.whole.{words}.peak", peak, "MB"),
                ),
            )
