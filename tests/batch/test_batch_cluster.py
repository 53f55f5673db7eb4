"""The same batch on a Dask cluster whose workers are killed at random."""

from __future__ import annotations

import math
import operator
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.batch.test_batch_trouble import tree
from workbench.batch.cluster import Cluster, connected
from workbench.batch.forkserver import available
from workbench.batch.pool import Task
from workbench.batch.run import run
from workbench.errors import MachineError

pytest.importorskip("distributed")
pytestmark = pytest.mark.skipif(not available(), reason="host processes need a POSIX system")

SCHEDULER = "from distributed.cli.dask_scheduler import main; main()"
WORKER = "from distributed.cli.dask_worker import main; main()"


class Machines:
    """A scheduler and workers, each a process of its own."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.scheduler = self.start_scheduler()

    def _start(self, code: str, *arguments: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", code, *arguments, "--no-dashboard"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def start_scheduler(self) -> subprocess.Popen[bytes]:
        return self._start(SCHEDULER, "--host", "127.0.0.1", "--port", str(self.port))

    def start_worker(self) -> subprocess.Popen[bytes]:
        return self._start(WORKER, self.address, "--nthreads", "1", "--no-nanny")

    def end(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def machines() -> Iterator[Machines]:
    made = Machines()
    try:
        yield made
    finally:
        made.end()


def test_tasks_are_done_in_shards_and_failures_come_back_as_data(
    machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        machines.start_worker()
    tasks = [Task(f"t{i}", operator.neg, i) for i in range(60)]
    with connected(machines.address, jobs=1, kernels="fresh") as cluster:
        done = {task.name: answer for task, answer in cluster.run(tasks)}
        assert done == {f"t{i}": -i for i in range(60)}
        ((_, failure),) = cluster.run([Task("bad", math.factorial, -1)])
        assert failure.code == "raised"
        assert failure.message.startswith("ValueError: ")
        assert list(cluster.run([])) == []
        monkeypatch.setattr("workbench.batch.cluster._own_code", lambda: "another")
        with pytest.raises(MachineError) as refused:
            list(cluster.run(tasks))
        assert refused.value.problems[0].code == "cluster.code"


def test_a_scheduler_that_is_restarted_is_found_again(machines: Machines) -> None:
    machines.start_worker()
    tasks = [Task(f"t{i}", time.sleep, 0.05) for i in range(80)]
    with connected(machines.address, jobs=1, kernels="fresh") as cluster:
        done = {}
        for task, answer in cluster.run(tasks):
            if not done:
                os.killpg(machines.scheduler.pid, signal.SIGKILL)
                machines.scheduler.wait()
                machines.scheduler = machines.start_scheduler()
                machines.start_worker()
            done[task.name] = answer
    assert done == {f"t{i}": None for i in range(80)}


def test_an_address_where_nobody_answers_is_refused() -> None:
    cluster = Cluster("tcp://127.0.0.1:9", 1, "fresh", False)
    with pytest.raises(MachineError) as refused:
        cluster.connect(0.0)
    assert refused.value.problems[0].code == "cluster.address"


@pytest.mark.soak
@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("shared", [True, False], ids=["one path", "by URL"])
def test_workers_killed_at_random_leave_the_tree_of_an_undisturbed_run(
    tiny: Callable[..., Path], tmp_path: Path, machines: Machines, shared: bool
) -> None:
    import threading

    study, out = tiny(), tmp_path / "out"
    run(str(study), tmp_path / "quiet", jobs=1, kernels="in-child")
    workers = [machines.start_worker() for _ in range(2)]
    stop = threading.Event()
    chance = random.Random(3)

    def killer() -> None:
        for _ in range(2):
            if stop.wait(chance.uniform(4, 14)):
                return
            victim = workers.pop(chance.randrange(len(workers)))
            os.killpg(victim.pid, signal.SIGKILL)
            victim.wait()
            workers.append(machines.start_worker())

    thread = threading.Thread(target=killer)
    thread.start()
    try:
        outcome = run(
            str(study),
            out,
            jobs=1,
            kernels="in-child",
            cluster=machines.address,
            exchange="" if shared else (tmp_path / "exchange").as_uri(),
        )
    finally:
        stop.set()
        thread.join()
    assert outcome.signed == 3
    assert tree(out) == tree(tmp_path / "quiet")
