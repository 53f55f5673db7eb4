"""Worker processes for one machine: bounded, each task alone with its failure.

A worker that dies, or is still at a task when its time is up, fails that task and no other, and is
replaced. Only the supervisor writes state, so a task must return what it found.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from workbench.batch.forkserver import LARGE_PAGES
from workbench.batch.limits import Lost, of_error

__all__ = ["Failure", "Task", "kill_family", "run_tasks"]


@dataclass(frozen=True)
class Task:
    """A function of one argument that a worker can import, and the name it is reported under."""

    name: str
    function: Callable[[Any], Any]
    argument: Any


@dataclass(frozen=True)
class Failure:
    """Why a task gave no result: ``code`` (raised, or one of `limits.CAUSES`) and what was said."""

    code: str
    message: str
    retryable: bool


@dataclass
class _Worker:
    process: Any
    pipe: Connection
    task: Task | None = None
    deadline: float = field(default=float("inf"))


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, in the middle of a task too.

    What it writes would come between the tasks of the run that takes its place.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _serve(pipe: Connection, environment: dict[str, str]) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the supervisor ends its workers
    os.environ.update(environment)
    # a report is made of many small objects, few of them garbage: the usual 700 costs a tenth of it
    gc.set_threshold(10_000, 10, 10)
    while True:
        try:
            task = pipe.recv()
        except (EOFError, KeyboardInterrupt):
            return
        try:
            answer = task.function(task.argument)
        except Exception as error:
            lost = of_error(error)
            if lost is None:
                answer = Failure("raised", f"{type(error).__name__}: {error}", retryable=False)
            else:
                answer = Failure(lost.code, str(lost), lost.retryable)
        pipe.send(answer)


def _start(environment: dict[str, str]) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, environment), daemon=False)
    # malloc reads its settings when a process begins; what the operator set stays
    own = {name: value for name, value in LARGE_PAGES.items() if name not in os.environ}
    os.environ.update(own)
    try:
        process.start()
    finally:
        for name in own:
            del os.environ[name]
    theirs.close()
    return _Worker(process, ours)


def kill_family(pid: int) -> None:
    """Kill a process with everything it started."""
    import psutil

    try:
        parent = psutil.Process(pid)
        family = [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for one in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()


def _end(worker: _Worker) -> None:
    kill_family(worker.process.pid)
    worker.process.kill()
    worker.process.join()
    worker.pipe.close()


def run_tasks(
    tasks: Iterable[Task], *, jobs: int, seconds: float, environment: dict[str, str] | None = None
) -> Iterator[tuple[Task, Any]]:
    """Run tasks in ``jobs`` processes and yield each with its result or :class:`Failure`.

    Results come in the order in which they are done. ``seconds`` is the wall-clock limit of one
    task. Tasks are taken from their iterable one by one, as workers become free. Closing the
    iterator, or leaving it by an exception, ends all workers.
    """
    source = iter(tasks)
    # one thread each: workers are as many as are wanted, and typst's would wait for each other
    threads = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "RAYON_NUM_THREADS")
    env = dict.fromkeys(threads, "1") | {"MPLBACKEND": "agg"} | (environment or {})
    workers: list[_Worker] = []
    try:
        more = True
        while more or any(worker.task for worker in workers):
            while more and sum(worker.task is not None for worker in workers) < jobs:
                task = next(source, None)
                if task is None:
                    more = False
                    break
                idle = [worker for worker in workers if worker.task is None]
                worker = idle[0] if idle else _start(env)
                if not idle:
                    workers.append(worker)
                worker.task = task
                worker.deadline = time.monotonic() + seconds
                # one that died while idle is seen as a closed pipe below
                with contextlib.suppress(OSError):
                    worker.pipe.send(task)
            if any(worker.task for worker in workers):
                yield from _collect(workers)
    finally:
        for worker in workers:
            _end(worker)


def _collect(workers: list[_Worker]) -> Iterator[tuple[Task, Any]]:
    busy = [worker for worker in workers if worker.task]
    nearest = min(worker.deadline for worker in busy)
    ready = wait([worker.pipe for worker in busy], max(0.0, nearest - time.monotonic()))
    for worker in busy:
        task, answer = worker.task, None
        assert task is not None
        if worker.pipe in ready:
            try:
                answer = worker.pipe.recv()
                worker.task = None
            except (EOFError, OSError):
                worker.process.join()
                code = worker.process.exitcode
                lost = Lost("killed", f"exit code {code}")
                answer = Failure(lost.code, str(lost), lost.retryable)
        elif time.monotonic() >= worker.deadline:
            lost = Lost("time-out")
            answer = Failure(lost.code, str(lost), lost.retryable)
        else:
            continue
        if worker.task is not None:
            workers.remove(worker)
            _end(worker)
        yield task, answer
