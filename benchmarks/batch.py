"""Notebooks per hour: plain papermill, the workbench's kernels, and the plain function call.

Every way executes ``notebooks/community.ipynb`` on the same slices of the bundled study, and what
it recorded is compared. The ways take turns in rounds, so that a machine busy with something else
is busy for all. What is paid once for a batch (worker processes, fork server) stands apart.
``ploomber-engine``, where it is installed, runs all notebooks in one process: what one leaves
behind, the next one finds.
"""

from __future__ import annotations

import concurrent.futures
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.lines import Figure, lines
from benchmarks.units import NOTEBOOK, cut_units, job

JOBS = 2
CPU: dict[str, list[float]] = {}  # seconds of CPU per notebook, where a way can tell

# a way: (out, units) -> (seconds per notebook, seconds paid once, what was recorded)
Recorded = dict[str, list[tuple[Any, Any]]]


def _parameters(data: Path) -> dict[str, Any]:
    told = json.loads((data / "inputs" / "study.json").read_bytes())
    return {
        "study": ".",
        "community": told["community"],
        "wave": told["wave"],
        "baseline": told["baseline"] or "",
        "seed": told["seed"],
    }


def _told(found: Sequence[dict[str, Any]]) -> list[tuple[Any, Any]]:
    return [(row["finding"], row.get("display_zh")) for row in found]


def _slice(out: str, unit: str, to: Path) -> Path:
    data = to / "data"
    shutil.copytree(Path(out) / "private" / "slices" / unit / "data", data)
    return data


def plain_papermill(out: str, unit: str) -> list[tuple[Any, Any]]:
    """Execute one unit's notebook with papermill and the kernel that it finds."""
    import papermill

    from workbench import findings

    with tempfile.TemporaryDirectory() as scratch:
        data = _slice(out, unit, Path(scratch))
        executed = Path(scratch) / "executed.ipynb"
        papermill.execute_notebook(
            str(NOTEBOOK),
            str(executed),
            parameters=_parameters(data),
            cwd=str(data),
            progress_bar=False,
            kernel_name="python3",
        )
        notebook = json.loads(executed.read_bytes())
    return _told(findings.extract(notebook, community=unit, edition=1))


def ploomber_engine(out: str, unit: str) -> list[tuple[Any, Any]]:
    """Execute one unit's notebook with ploomber-engine, in this process."""
    from ploomber_engine import execute_notebook

    from workbench import findings

    home = Path.cwd()
    with tempfile.TemporaryDirectory() as scratch:
        data = _slice(out, unit, Path(scratch))
        executed = Path(scratch) / "executed.ipynb"
        os.chdir(data)
        try:
            execute_notebook(
                str(NOTEBOOK), str(executed), parameters=_parameters(Path()), progress_bar=False
            )
        finally:
            os.chdir(home)
        notebook = json.loads(executed.read_bytes())
    return _told(findings.extract(notebook, community=unit, edition=1))


def function_call(out: str, unit: str) -> list[tuple[Any, Any]]:
    """Run the notebook's code cells one after another in this process."""
    from workbench import findings

    cells = json.loads(NOTEBOOK.read_bytes())["cells"]
    home = Path.cwd()
    with tempfile.TemporaryDirectory() as scratch, findings.collecting() as found:
        data = _slice(out, unit, Path(scratch))
        names: dict[str, Any] = {}
        os.chdir(data)
        try:
            for cell in cells:
                if cell["cell_type"] == "code":
                    exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
                if "parameters" in cell["metadata"].get("tags", ()):
                    names |= _parameters(Path())
        finally:
            os.chdir(home)
    return _told(found)


def _used() -> float:
    """Seconds of CPU of this process and of those it waited for."""
    return sum(os.times()[:4])


def _one_after_another(
    call: Callable[[str, str], list[tuple[Any, Any]]],
) -> Callable[[Path, Sequence[str]], tuple[float, float, Recorded]]:
    def way(out: Path, units: Sequence[str]) -> tuple[float, float, Recorded]:
        started = time.perf_counter()
        call(str(out), units[0])  # imports, caches: paid once
        once = time.perf_counter() - started
        spent, cpu, told = [], [], {}
        for unit in units:
            started, used = time.perf_counter(), _used()
            told[unit] = call(str(out), unit)
            spent.append(time.perf_counter() - started)
            cpu.append(_used() - used)
        CPU.setdefault(f"batch.{call.__name__}", []).append(median(cpu))
        return median(spent), max(0.0, once - median(spent)), told

    return way


def papermill_processes(out: Path, units: Sequence[str]) -> tuple[float, float, Recorded]:
    """Execute with plain papermill in ``JOBS`` processes."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(JOBS, mp_context=context) as pool:
        started = time.perf_counter()
        warm = [pool.submit(plain_papermill, str(out), unit) for unit in units[:JOBS]]
        concurrent.futures.wait(warm)
        begun = time.perf_counter()
        told = list(pool.map(plain_papermill, [str(out)] * len(units), units))
        done = time.perf_counter()
    each = (done - begun) / len(units)
    return each, max(0.0, begun - started - each * JOBS), dict(zip(units, told, strict=True))


def _ours(
    name: str, out: Path, units: Sequence[str], environment: dict[str, str], *, in_child: bool
) -> tuple[float, float]:
    """Seconds per notebook between the first end and the last, and what was paid before."""
    from workbench.batch.pool import Failure, Task, run_tasks
    from workbench.batch.work import map_unit

    # one more for each worker, elsewhere: its first notebook pays for its imports
    tasks = []
    for i, unit in enumerate(units[:JOBS]):
        warm = out / f"warm-{i}"
        shutil.rmtree(warm, ignore_errors=True)
        _slice(str(out), unit, warm / "private" / "slices" / unit)
        tasks.append(Task(unit, map_unit, job(warm, unit, in_child=in_child)))
    tasks += [Task(unit, map_unit, job(out, unit, in_child=in_child)) for unit in units]
    ends, cpu = [], []
    started = time.perf_counter()
    for task, answer in run_tasks(tasks, jobs=JOBS, seconds=1800, environment=environment):
        if isinstance(answer, Failure) or answer["outcome"] == "failed":
            raise SystemExit(f"{task.name}: {answer}")
        ends.append(time.perf_counter())
        cpu.append(answer["cpu_seconds"])
    CPU.setdefault(name, []).append(median(cpu[JOBS:]))
    each = (ends[-1] - ends[JOBS - 1]) / len(units)
    return each, max(0.0, ends[JOBS - 1] - started - each * JOBS)


def _mapped(out: Path, units: Sequence[str]) -> Recorded:
    from workbench.batch.work import map_folder

    return {
        unit: _told(json.loads((map_folder(out, unit) / "data" / "findings.json").read_bytes()))
        for unit in units
    }


def _depth(how: str) -> Callable[[Path, Sequence[str]], tuple[float, float, Recorded]]:
    """Execute with the workbench: fresh kernels, forked ones, or cells in the forked child."""

    def way(out: Path, units: Sequence[str]) -> tuple[float, float, Recorded]:
        from workbench.batch.forkserver import kernels_of

        started = time.perf_counter()
        with kernels_of(how) as (environment, in_child):
            ready = time.perf_counter() - started
            each, once = _ours(f"batch.{how}", out, units, environment, in_child=in_child)
        return each, once + ready, _mapped(out, units)

    return way


def _same(name: str, told: Recorded, first: Recorded) -> None:
    """Stop when a way recorded something else than the first: it would be another analysis."""
    for unit, rows in first.items():
        if told[unit] != rows:
            other = [row for row in told[unit] if row not in rows][:3]
            raise SystemExit(f"{name}, {unit}: other findings than the first way, such as {other}")


WAYS = {
    "batch.papermill": _one_after_another(plain_papermill),
    f"batch.papermill_{JOBS}_processes": papermill_processes,
    "batch.ploomber_engine": _one_after_another(ploomber_engine),
    "batch.fresh": _depth("fresh"),
    "batch.forked": _depth("forked"),
    "batch.in-child": _depth("in-child"),
    "batch.function_call": _one_after_another(function_call),
}


def _ways() -> dict[str, Callable[[Path, Sequence[str]], tuple[float, float, Recorded]]]:
    from importlib.util import find_spec

    from workbench.batch.forkserver import available

    forked = {"batch.forked", "batch.in-child"}
    return {
        name: way
        for name, way in WAYS.items()
        if (name not in forked or available())
        and (name != "batch.ploomber_engine" or find_spec("ploomber_engine"))
    }


def run(*, quick: bool) -> Iterator[str]:
    """Give the lines of this block."""
    rounds, count = (1, 2) if quick else (2, 4)
    ways = _ways()
    each: dict[str, list[float]] = {name: [] for name in ways}
    once: dict[str, list[float]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory(prefix="wb-bench-") as folder:
        out = Path(folder).resolve()
        units = cut_units(out, count)
        first: Recorded = {}
        for turn in range(1, rounds + 1):
            for name, way in ways.items():
                seconds, start, told = way(out, units)
                print(f"{name}, round {turn}: {seconds:.2f} s", file=sys.stderr, flush=True)
                first = first or told
                _same(name, told, first)
                each[name].append(seconds)
                once[name].append(start)
    rate = {name: median(spent) for name, spent in each.items()}
    what = f"{count} units of the bundled study, {rounds} round(s), ours with {JOBS} jobs"
    yield from lines(
        f"batch, seconds per notebook, against plain papermill one after another; {what}",
        [Figure(name, spent, "s") for name, spent in rate.items()],
    )
    yield from lines(
        f"batch, seconds per notebook, against plain papermill in {JOBS} processes",
        [
            Figure(name, spent, "s")
            for name, spent in rate.items()
            if name not in {"batch.papermill", "batch.ploomber_engine", "batch.function_call"}
        ],
    )
    cpu = {"batch.function_call": CPU["batch.function_call"], **CPU}
    yield from lines(
        "batch, CPU seconds per notebook, against the plain function call",
        [Figure(f"{name}.cpu", median(spent), "s") for name, spent in cpu.items()],
    )
    yield from lines(
        "batch, notebooks per hour (function_call: one process)",
        [Figure(f"{name}.rate", 3600 / spent, "notebooks/h") for name, spent in rate.items()],
    )
    yield from lines(
        "batch, paid once: imports, worker processes, fork server",
        [Figure(f"{name}.once", median(spent), "s") for name, spent in once.items()],
    )
