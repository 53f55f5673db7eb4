"""Readers on one export of 问卷星 in each container, beside pandas on the same bytes.

Questionnaires a second and the memory that the reader holds at its peak (Python's own, as
``tracemalloc`` counts it, in a run that is not timed); each reader must give the same cells.
"""

from __future__ import annotations

import csv
import io
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.lines import Figure, lines
from workbench.intake.frames import Log
from workbench.intake.read import read_file
from workbench.study import source_of

_ITEMS = 30
_SCALE = ("非常不满意", "不太满意", "一般", "比较满意", "非常满意")


def _rows(n: int) -> list[list[str]]:
    titles = ["序号", "提交答卷时间", "所用时间", "来自IP"]
    titles += [f"{k}、您对第{k}项服务是否满意？" for k in range(1, _ITEMS + 1)]
    return [
        titles,
        *(
            [str(r), "2026/10/09 12:00:00", f"{60 + r % 200}秒", f"10.0.{r % 250}.{r % 99}(江苏)"]
            + [_SCALE[(r * k) % 5] for k in range(1, _ITEMS + 1)]
            for r in range(1, n + 1)
        ),
    ]


def _files(folder: Path, rows: list[list[str]]) -> dict[str, Path]:
    """Write the same rows in each container."""
    import openpyxl
    import pyreadstat

    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    made = {name: folder / f"a.{name}" for name in ("csv", "xlsx", "parquet", "sav")}
    made["csv"].write_text(text.getvalue(), encoding="utf-8")
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in rows:
        sheet.append(row)
    book.save(made["xlsx"])
    frame = pd.DataFrame(rows[1:], columns=rows[0], dtype="str")
    frame.to_parquet(made["parquet"])
    named = frame.set_axis([f"v{k}" for k in range(len(rows[0]))], axis=1)
    pyreadstat.write_sav(named, str(made["sav"]), column_labels=list(rows[0]))
    return made


def _median(call: Callable[[], Any], times: int) -> float:
    spent = []
    for _ in range(times):
        begun = time.perf_counter()
        call()
        spent.append(time.perf_counter() - begun)
    return statistics.median(spent)


def _peak(call: Callable[[], Any]) -> float:
    tracemalloc.start()
    call()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 2**20


def run(*, quick: bool = False) -> Iterator[str]:
    """Give the lines of 10,000 questionnaires (500 when quick)."""
    import pyreadstat

    n, times = (500, 1) if quick else (10_000, 3)
    beside: dict[str, tuple[str, Callable[[Path], Any]]] = {
        "csv": ("pandas.read_csv", lambda path: pd.read_csv(path, dtype="str")),
        "xlsx": ("pandas.read_excel", lambda path: pd.read_excel(path, dtype="str")),
        "parquet": ("pandas.read_parquet", pd.read_parquet),
        "sav": ("pyreadstat.read_sav", lambda path: pyreadstat.read_sav(str(path))),
    }
    with tempfile.TemporaryDirectory() as folder:
        files = _files(Path(folder), _rows(n))
        for kind, path in files.items():
            name, other = beside[kind]

            def read(path: Path = path) -> Any:
                return read_file(path, source_of(path.name), Log(), [])

            raw = read()
            assert raw.export.platform == "wjx"
            assert raw.frame.shape == (n, _ITEMS + 4)
            theirs = _median(lambda path=path, other=other: other(path), times)
            ours = _median(read, times)
            yield from lines(
                f"intake: {kind}, {n} questionnaires x {_ITEMS} items",
                (
                    Figure(f"intake.{kind}.{name}", theirs, "s"),
                    Figure(f"intake.{kind}.reader", ours, "s"),
                    Figure(f"intake.{kind}.rate", n / ours, "questionnaires/s"),
                    Figure(f"intake.{kind}.peak", _peak(read), "MB"),
                ),
            )
