"""Cost against the number of communities: time, memory of the runner, disk; tiny units, whole way.

Each size runs in a process of its own: ``python -m benchmarks.curve UNITS`` makes a study of
``UNITS`` tiny units in a temporary folder, assesses it to signed bags, and prints what it took as
JSON. ``python -m benchmarks.curve --noop UNITS`` executes a notebook that does nothing for each.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.lines import Figure, lines
from benchmarks.tiny import notebook, study_folder

ROOT = Path(__file__).resolve().parents[1]
NOTHING = {"parameters": 'community: str = ""', "nothing": "pass"}


def _own_cpu() -> float:
    told = resource.getrusage(resource.RUSAGE_SELF)
    return told.ru_utime + told.ru_stime


def _all_cpu() -> float:
    told = resource.getrusage(resource.RUSAGE_CHILDREN)
    return told.ru_utime + told.ru_stime + _own_cpu()


def _disk(folder: Path) -> int:
    return sum(p.stat().st_blocks * 512 for p in folder.rglob("*") if p.is_file())


def assess(count: int) -> dict[str, Any]:
    """Assess ``count`` units to signed bags."""
    from workbench.batch import state
    from workbench.batch.run import run as run_batch

    with tempfile.TemporaryDirectory(prefix="wb-bench-") as folder:
        os.environ["WORKBENCH_HOME"] = str(Path(folder) / "home")
        study, out = study_folder(Path(folder) / "study", count), Path(folder) / "out"
        started = time.perf_counter()
        outcome = run_batch(str(study), out, jobs=2)
        seconds, cpu = time.perf_counter() - started, _own_cpu()
        kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # before we look at it
        if outcome.signed != count:
            raise SystemExit(f"{outcome.signed} of {count} units signed: {outcome.failed}")
        bags = _disk(out / "communities")
        rows = state.read(out)
        spent = [float(row["cpu_seconds"] or 0) for row in rows.values()]
        private = _disk(out / "private")
    return {
        "seconds": seconds,
        "runner_cpu": cpu,
        "unit_cpu": sum(spent),
        "mb": kilobytes / 1024,
        "bags": bags,
        "private": private,
    }


def do_nothing(count: int) -> dict[str, Any]:
    """Execute a notebook that does nothing for each of ``count`` units, in forked children."""
    from workbench.batch.forkserver import kernels_of
    from workbench.batch.pool import Failure, Task
    from workbench.batch.work import MapJob, map_unit
    from workbench.batch.workers import Local

    with tempfile.TemporaryDirectory(prefix="wb-bench-") as folder:
        out = Path(folder)
        source = out / "n.ipynb"
        source.write_text(notebook(NOTHING), encoding="utf-8")
        units = [f"A-{i:06}" for i in range(count)]
        for unit in units:
            inputs = out / "private" / "slices" / unit / "data" / "inputs"
            inputs.mkdir(parents=True)
            told = {"wave": "w", "seed": 1, "edition": 1, "tables": {}, "files": []}
            (inputs / "study.json").write_text(json.dumps(told))
        before = _all_cpu()
        started = time.perf_counter()
        with kernels_of("auto") as (environment, in_child):
            workers = Local(2, environment, in_child)
            jobs = (
                Task(unit, map_unit, MapJob(str(out), unit, str(source), "k", in_child))
                for unit in units
            )
            for task, answer in workers.run(jobs):
                if isinstance(answer, Failure) or answer["outcome"] != "assessed":
                    raise SystemExit(f"{task.name}: {answer}")
            seconds = time.perf_counter() - started
        cpu = _all_cpu() - before
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"seconds": seconds, "cpu": cpu, "mb": kilobytes / 1024}


def _apart(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.curve", *arguments],
        check=True,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def run(*, quick: bool) -> Iterator[str]:
    """Give the lines of this block."""
    sizes = (4, 12) if quick else (10, 12, 100, 500, 1000)
    told = {size: _apart(str(size)) for size in sizes}

    def each(name: str, unit: str, what: str, *, per_unit: bool = True) -> list[Figure]:
        return [
            Figure(f"curve.{what}.{size}", value[name] / (size if per_unit else 1), unit)
            for size, value in told.items()
        ]

    yield from lines("curve, seconds per community, start included", each("seconds", "s", "time"))
    yield from lines(
        "curve, CPU seconds per community, slice to signed bag", each("unit_cpu", "s", "cpu")
    )
    yield from lines("curve, CPU of the runner per community", each("runner_cpu", "s", "runner"))
    yield from lines("curve, peak memory of the runner", each("mb", "MB", "memory", per_unit=False))
    small, large = (4, 12) if quick else (100, 1000)
    grown = max(0.0, told[large]["mb"] - told[small]["mb"]) * 1024 / (large - small)
    yield from lines(
        f"curve, growth of the runner's memory from {small} to {large} communities",
        [Figure("curve.growth", grown, "kB/community")],
    )
    yield from lines("curve, disk per community: its bag", each("bags", "bytes", "bag"))
    yield from lines("curve, disk per community: private/", each("private", "bytes", "private"))
    few, many = (20, 60) if quick else (1000, 10_000)
    first, second = _apart("--noop", str(few)), _apart("--noop", str(many))
    cpu = (second["cpu"] - first["cpu"]) / (many - few)
    yield from lines(
        f"no-op notebook, CPU of runner, workers and children at {many} communities",
        [Figure("noop.cpu", cpu, "s"), Figure("noop.time", second["seconds"] / many, "s")],
    )
    yield from lines(
        "no-op notebook, peak memory of the runner",
        [
            Figure(f"noop.memory.{few}", first["mb"], "MB"),
            Figure(f"noop.memory.{many}", second["mb"], "MB"),
        ],
    )


if __name__ == "__main__":
    noop = "--noop" in sys.argv
    print(json.dumps((do_nothing if noop else assess)(int(sys.argv[-1]))))
