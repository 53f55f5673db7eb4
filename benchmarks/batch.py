"""Notebooks per hour: plain papermill, the workbench's kernels, and the plain function call.

Every way executes ``notebooks/community.ipynb`` on the same slices of the bundled study, and what
it recorded is compared. The ways take turns in rounds, so that a machine busy with something else
is busy for all. What is paid once for a batch (worker processes, fork server) stands apart.
"""

from __future__ import annotations

import concurrent.futures
import json
import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.lines import Figure, lines
from benchmarks.units import NOTEBOOK, cut_units, job

JOBS = 2

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


def _one_after_another(
    call: Callable[[str, str], list[tuple[Any, Any]]],
) -> Callable[[Path, Sequence[str]], tuple[float, float, Recorded]]:
    def way(out: Path, units: Sequence[str]) -> tuple[float, float, Recorded]:
        started = time.perf_counter()
        call(str(out), units[0])  # imports, caches: paid once
        once = time.perf_counter() - started
        spent, told = [], {}
        for unit in units:
            started = time.perf_counter()
            told[unit] = call(str(out), unit)
            spent.append(time.perf_counter() - started)
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


def _ours(out: Path, units: Sequence[str], environment: dict[str, str]) -> tuple[float, float]:
    """Seconds per notebook between the first end and the last, and what was paid before."""
    from workbench.batch.pool import Failure, Task, run_tasks
    from workbench.batch.work import map_unit

    # one more for each worker, elsewhere: its first notebook pays for its imports
    tasks = []
    for i, unit in enumerate(units[:JOBS]):
        warm = out / f"warm-{i}"
        shutil.rmtree(warm, ignore_errors=True)
        _slice(str(out), unit, warm / "private" / "slices" / unit)
        tasks.append(Task(unit, map_unit, job(warm, unit)))
    tasks += [Task(unit, map_unit, job(out, unit)) for unit in units]
    ends = []
    started = time.perf_counter()
    for task, answer in run_tasks(tasks, jobs=JOBS, seconds=1800, environment=environment):
        if isinstance(answer, Failure) or answer["outcome"] == "failed":
            raise SystemExit(f"{task.name}: {answer}")
        ends.append(time.perf_counter())
    each = (ends[-1] - ends[JOBS - 1]) / len(units)
    return each, max(0.0, ends[JOBS - 1] - started - each * JOBS)


def _mapped(out: Path, units: Sequence[str]) -> Recorded:
    from workbench.batch.work import map_folder

    return {
        unit: _told(json.loads((map_folder(out, unit) / "data" / "findings.json").read_bytes()))
        for unit in units
    }


def ours_fresh(out: Path, units: Sequence[str]) -> tuple[float, float, Recorded]:
    """Execute with the workbench, a fresh kernel for each unit."""
    each, once = _ours(out, units, {})
    return each, once, _mapped(out, units)


def ours_forked(out: Path, units: Sequence[str]) -> tuple[float, float, Recorded]:
    """Execute with the workbench, kernels forked from a server that has imported the stack."""
    from workbench.batch.forkserver import server
    from workbench.batch.kernels import kernel_environment

    with (
        tempfile.TemporaryDirectory(prefix="wb-home-") as private,
        server(kernel_environment(Path(private))) as address,
    ):
        each, once = _ours(out, units, {"WORKBENCH_FORKSERVER": address})
    return each, once, _mapped(out, units)


def _same(name: str, told: Recorded, first: Recorded) -> None:
    """Stop when a way recorded something else than the first: it would be another analysis."""
    for unit, rows in first.items():
        if told[unit] != rows:
            other = [row for row in told[unit] if row not in rows][:3]
            raise SystemExit(f"{name}, {unit}: other findings than the first way, such as {other}")


WAYS = {
    "batch.papermill": _one_after_another(plain_papermill),
    f"batch.papermill_{JOBS}_processes": papermill_processes,
    "batch.fresh": ours_fresh,
    "batch.forked": ours_forked,
    "batch.function_call": _one_after_another(function_call),
}


def run(*, quick: bool) -> Iterator[str]:
    """Give the lines of this block."""
    from workbench.batch.forkserver import available

    rounds, count = (1, 2) if quick else (3, 6)
    ways = {name: way for name, way in WAYS.items() if name != "batch.forked" or available()}
    each: dict[str, list[float]] = {name: [] for name in ways}
    once: dict[str, list[float]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory(prefix="wb-bench-") as folder:
        out = Path(folder).resolve()
        units = cut_units(out, count)
        first: Recorded = {}
        for _ in range(rounds):
            for name, way in ways.items():
                seconds, start, told = way(out, units)
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
            if name not in {"batch.papermill", "batch.function_call"}
        ],
    )
    yield from lines(
        "batch, notebooks per hour (function_call: one process)",
        [Figure(f"{name}.rate", 3600 / spent, "notebooks/h") for name, spent in rate.items()],
    )
    yield from lines(
        "batch, paid once: imports, worker processes, fork server",
        [Figure(f"{name}.once", median(spent), "s") for name, spent in once.items()],
    )
