"""Many machines: tasks go to the workers of a Dask cluster, in shards.

Dask (the extra ``cluster``) carries only the orders and the small records that come back; what is
made goes to the batch folder, which all hosts see under one path. Each Dask worker keeps one host
process (:mod:`workbench.batch.host`) with its own fork server and worker processes; it ends when
the Dask worker does, whatever ended that.

At least once, and idempotent: a shard whose worker is lost is done again by another, and what is
written twice is the same bytes. A scheduler that is gone is waited for; what was not told back is
ordered anew.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import itertools
import os
import pickle
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from workbench.batch.limits import Lost
from workbench.batch.pool import Failure, Task
from workbench.batch.slices import digest, environment, package_digest
from workbench.errors import MachineError, Problem

__all__ = ["Cluster", "connected", "do_shard"]

_CANCELLED = (asyncio.CancelledError, concurrent.futures.CancelledError)

SHARD = 50  # units ordered at once; small studies are cut finer, so that all hosts have work
AHEAD = 2  # shards under way per worker
PATIENCE = 600.0  # seconds for which a lost scheduler is waited for
LOSSES = 4  # times that one shard may be lost with its worker


@contextlib.contextmanager
def connected(address: str, *, jobs: int, kernels: str) -> Iterator[Cluster]:
    """Connect to a scheduler and let go of it afterwards.

    Raises
    ------
    MachineError
        When ``distributed`` is not installed, or nobody answers at ``address``. Later: when a
        worker's code is not the runner's, whose keys its results would bear.
    """
    cluster = Cluster(address, jobs, kernels, kernels != "forked" and kernels != "fresh")
    cluster.connect(30.0)
    try:
        yield cluster
    finally:
        cluster.close()


@dataclass
class Cluster:
    """Workers of a Dask cluster; ``jobs`` processes on each of them."""

    address: str
    jobs: int
    kernels: str
    in_child: bool
    _client: Any = None

    def connect(self, patience: float) -> None:
        """Find the scheduler, or say that it cannot be found."""
        try:
            from distributed import Client
        except ImportError as error:
            raise MachineError(
                Problem(
                    code="cluster.missing",
                    zh="没有安装 Dask",
                    en="Dask is not installed",
                    remedy_zh="pip install 'community-workbench[cluster]'",
                    remedy_en="pip install 'community-workbench[cluster]'",
                )
            ) from error
        self.close()
        until = time.monotonic() + patience
        while True:
            try:
                self._client = Client(  # type: ignore[no-untyped-call]
                    self.address, timeout=10, set_as_default=False
                )
                return
            except (OSError, TimeoutError) as error:
                if time.monotonic() > until:
                    raise MachineError(
                        Problem(
                            code="cluster.address",
                            zh="无法连接调度器",
                            en="the scheduler does not answer",
                            found=f"{self.address}: {error}",
                        )
                    ) from error
                time.sleep(1.0)

    def close(self) -> None:
        """Let go of the scheduler."""
        if self._client is not None:
            with contextlib.suppress(Exception):
                self._client.close(timeout=5)
            self._client = None

    def run(self, tasks: Iterable[Task], *, seconds: float = 7200.0) -> Iterator[tuple[Task, Any]]:
        """Do the tasks on the cluster, a window of shards at a time."""
        source = iter(tasks)
        first = list(itertools.islice(source, SHARD))
        if not first:
            return
        hosts = self._hosts()
        size = max(1, min(SHARD, -(-len(first) // (AHEAD * hosts))))
        source = itertools.chain(first, source)
        window: dict[Any, list[Task]] = {}
        again: list[tuple[list[Task], int]] = []
        losses: dict[Any, int] = {}
        while True:
            try:
                while len(window) < AHEAD * self._hosts():
                    shard, lost = (
                        again.pop() if again else (list(itertools.islice(source, size)), 0)
                    )
                    if not shard:
                        break
                    future = self._order(shard, seconds)
                    window[future], losses[future] = shard, lost
                if not window:
                    return
                done = self._finished(window)
            except (OSError, TimeoutError, RuntimeError, *_CANCELLED):
                done = []
            if not done and self._gone(window):
                again += [(shard, losses[future]) for future, shard in window.items()]
                window.clear()
                self.connect(PATIENCE)
                continue
            for future in done:
                shard, lost = window.pop(future), losses.pop(future) + 1
                answers = _answers(future)
                if isinstance(answers, str):
                    raise MachineError(_other_code(answers))
                if answers is not None:
                    yield from zip(shard, answers, strict=True)
                elif lost < LOSSES:
                    again.append((shard, lost))
                else:
                    told = Lost("killed", f"lost with its worker {lost} times")
                    failure = Failure(told.code, str(told), told.retryable)
                    yield from ((task, failure) for task in shard)

    def _hosts(self) -> int:
        return max(1, len(self._client.scheduler_info(n_workers=-1)["workers"]))

    def _order(self, shard: list[Task], seconds: float) -> Any:
        # pickled here: the scheduler only passes bytes on
        order = pickle.dumps((_own_code(), shard, self.jobs, self.kernels, seconds))
        return self._client.submit(do_shard, order, pure=False, retries=0)

    def _finished(self, window: dict[Any, list[Task]]) -> list[Any]:
        from distributed import wait

        with contextlib.suppress(TimeoutError), self._client.as_current():
            told = wait(  # type: ignore[no-untyped-call]
                list(window), timeout=5, return_when="FIRST_COMPLETED"
            )
            return list(told.done)
        return []

    def _gone(self, window: dict[Any, list[Task]]) -> bool:
        states = {future.status for future in window}
        return self._client.status != "running" or bool(states & {"cancelled", "lost"})


def _own_code() -> str:
    """Digest of what executes notebooks here: the package, and versions of what is installed."""
    return digest([package_digest(), environment()])


def _other_code(host: str) -> Problem:
    return Problem(
        code="cluster.code",
        zh="工作节点的程序或软件包版本与运行端不同，运行停止",
        en="a worker has other code or other versions of packages than the runner: stopped",
        found=host,
        remedy_zh="在各节点安装同一版本，重启 dask worker 后再次运行",
        remedy_en="install the same on every machine, start its dask worker anew, and run again",
    )


def _answers(future: Any) -> list[Any] | str | None:
    """Give a shard's answers, none where it was lost with its worker.

    The name of the host, where its code is another.
    """
    if future.status == "finished":
        with contextlib.suppress(OSError, TimeoutError, *_CANCELLED):
            answers: list[Any] | str = pickle.loads(future.result(timeout=60))  # noqa: S301  (our own)
            return answers
    return None


class _Host:
    """The host process of this Dask worker."""

    def __init__(self, jobs: int, kernels: str) -> None:
        self.order = (jobs, kernels)
        self.process = subprocess.Popen(  # noqa: S603  (this interpreter, our own module)
            [sys.executable, "-P", "-m", "workbench.batch.host", str(jobs), kernels],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ},
        )

    def do(self, shard: list[Task], seconds: float) -> list[Any]:
        from workbench.batch.host import receive, send

        assert self.process.stdin is not None
        assert self.process.stdout is not None
        send(self.process.stdin, (shard, seconds))
        answers: list[Any] = receive(self.process.stdout)
        return answers

    def end(self) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        self.process.kill()


_host: list[_Host] = []
_one = threading.Lock()


def do_shard(order: bytes) -> bytes:
    """Do a shard's tasks in this Dask worker's host process; give their answers.

    The name of this host instead, where its code is not that of the runner.

    Raises
    ------
    RuntimeError
        When the host process is gone: the shard is lost and ordered again.
    """
    code, shard, jobs, kernels, seconds = pickle.loads(order)  # noqa: S301  (our own)
    if code != _own_code():
        return pickle.dumps(socket.gethostname())
    with _one:  # a worker with several threads has one host, whose processes are its parallelism
        if _host and (_host[0].order != (jobs, kernels) or _host[0].process.poll() is not None):
            _host.pop().end()
        if not _host:
            _host.append(_Host(jobs, kernels))
            atexit.register(_host[0].end)
        try:
            return pickle.dumps(_host[0].do(shard, seconds))
        except (EOFError, OSError) as error:
            _host.pop().end()
            raise RuntimeError("the host process is gone") from error
