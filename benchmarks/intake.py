"""Readers on one export of 问卷星 in each container, beside pandas on the same bytes; whole intake.

Every figure is that of a process of its own: questionnaires a second of processor time, all
threads together, so that other work on the machine counts little; and the peak of its memory as the
kernel counts it (``VmHWM``; ``ru_maxrss`` begins at what the parent held), the interpreter and its
libraries included. What a process holds that only imports the package is given as the floor.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from benchmarks.lines import Figure, lines

_PANDAS = {
    "csv": "pandas.read_csv(path, dtype='str')",
    "xlsx": "pandas.read_excel(path, dtype='str')",
    "parquet": "pandas.read_parquet(path)",
    "sav": "pyreadstat.read_sav(path)",
}
_CHILD = """
import json, os, sys, time
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
def plain():
    made = read_cells(Path(path), source_of(os.path.basename(path)), Log(), [])
    assert len(made) == {rows} and len(made.places) == 30
def whole():
    write_tables(build(Study.load(Path(path))), Path(path) / "out")
begun = time.process_time()
{call}
spent = time.process_time() - begun
status = Path("/proc/self/status").read_text()
peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
print(json.dumps([spent, peak]))
"""
_DUMP = 100_000
"""Rows of a hotline dump of 30 columns as a workbook."""


def _measured(call: str, path: Path, rows: int) -> tuple[float, float]:
    """Give seconds of CPU and MB of a call in a process of its own."""
    code = _CHILD.format(call=call, rows=rows)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(path)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    seconds, peak = json.loads(done.stdout)
    return seconds, peak


def _files(folder: Path, rows: int) -> dict[str, Path]:
    """Write one study and its answers in each container."""
    import pyarrow.parquet
    import pyreadstat

    from benchmarks.field import book, questionnaires

    table = questionnaires(folder / "study", rows)
    made = {"csv": folder / "study" / "data" / "a.csv"}
    made |= {kind: folder / f"a.{kind}" for kind in ("parquet", "sav", "xlsx")}
    pyarrow.parquet.write_table(table, made["parquet"])
    book(made["xlsx"], table)
    names = table.column_names
    named = table.rename_columns([f"v{k}" for k in range(len(names))])
    pyreadstat.write_sav(named.to_pandas(), str(made["sav"]), column_labels=names)
    return made


def _dump(path: Path, rows: int) -> Iterator[str]:
    """Give the lines of a workbook of 30 columns."""
    from benchmarks.field import dump

    dump(path, rows)
    theirs = _measured(_PANDAS["xlsx"], path, rows)
    ours = _measured("plain()", path, rows)
    other, mine = "intake.dump.pandas.read_excel", "intake.dump.reader"
    size = sum(member.file_size for member in zipfile.ZipFile(path).infolist()) >> 20
    yield from lines(
        f"intake: xlsx, {rows} requests x 30 columns, {size} MiB unpacked",
        (Figure(other, rows / theirs[0], "requests/s"), Figure(mine, rows / ours[0], "requests/s")),
    )
    yield from lines(
        "intake: xlsx of requests, peak of memory",
        (Figure(other, theirs[1], "MB"), Figure(mine, ours[1], "MB")),
    )


def run(*, quick: bool = False, rows: int = 10_000) -> Iterator[str]:
    """Give the lines of so many questionnaires (500 when quick) and ten times the requests."""
    from benchmarks.field import requests

    rows = 500 if quick else rows
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _, floor = _measured("pass", folder, rows)
        yield from lines("intake: floor of memory", [Figure("intake.floor", floor, "MB")])
        # in a process of its own, whose memory is gone before the readers are measured
        with ProcessPoolExecutor(1, get_context("spawn")) as other:
            files = other.submit(_files, folder, rows).result()
        for kind, path in files.items():
            theirs = _measured(_PANDAS[kind], path, rows)
            ours = _measured("reader()", path, rows)
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
        yield from _dump(folder / "dump.xlsx", 2_000 if quick else _DUMP)
        requests(folder / "requests", 10 * rows)
        for what, n in (("study", rows), ("requests", 10 * rows)):
            spent, peak = _measured("whole()", folder / what, n)
            words = "questionnaires" if what == "study" else "requests"
            yield from lines(
                f"intake: {n} {words} read, mapped, checked and written by community",
                (
                    Figure(f"intake.whole.{words}", n / spent, f"{words}/s"),
                    Figure(f"intake.whole.{words}.peak", peak, "MB"),
                ),
            )
