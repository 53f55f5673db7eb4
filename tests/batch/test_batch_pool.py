"""Each task alone with its failure."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from workbench.batch.kernels import private_folder
from workbench.batch.pool import Failure, Task, run_tasks


def double(x: int) -> int:
    return 2 * x


def raise_it(x: Any) -> None:
    raise ValueError(f"no {x}")


def vanish(x: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def exit_at_once(x: Any) -> None:
    os._exit(3)


def sleep_long(x: Any) -> None:
    time.sleep(60)


def began_with(x: Any) -> str:
    return Path("/proc/self/environ").read_text(encoding="utf-8")


@pytest.mark.skipif(sys.platform != "linux", reason="large pages are asked for of glibc on Linux")
def test_a_worker_begins_with_large_pages_and_the_runner_stays_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    monkeypatch.setenv("MALLOC_ARENA_MAX", "2")
    before = dict(os.environ)
    [(_, told)] = run_tasks([Task("env", began_with, None)], jobs=1, seconds=60)
    assert "GLIBC_TUNABLES=glibc.malloc.hugetlb=1" in told.split("\0")
    assert "MALLOC_ARENA_MAX=2" in told.split("\0")
    assert dict(os.environ) == before


def test_every_task_gives_its_result_and_a_dead_worker_fails_its_task_only() -> None:
    tasks = [Task(f"t{i}", double, i) for i in range(6)]
    tasks[2:2] = [
        Task("raises", raise_it, 1),
        Task("dies", vanish, 1),
        Task("ends", exit_at_once, 1),
    ]
    done = {task.name: answer for task, answer in run_tasks(tasks, jobs=2, seconds=60)}
    assert [done[f"t{i}"] for i in range(6)] == [0, 2, 4, 6, 8, 10]
    assert done["raises"] == Failure("raised", "ValueError: no 1", retryable=False)
    assert done["dies"].code == "killed"
    assert done["ends"].code == "killed"
    assert done["dies"].retryable


def test_a_task_over_its_time_is_ended_and_the_next_one_runs() -> None:
    started = time.monotonic()
    tasks = [Task("slow", sleep_long, 1), Task("next", double, 4)]
    done = {task.name: answer for task, answer in run_tasks(tasks, jobs=1, seconds=8)}
    assert done["slow"].code == "time-out"
    assert done["next"] == 8
    assert time.monotonic() - started < 50


def told_and_asleep(file: str) -> None:
    Path(file).write_text(str(os.getpid()))
    time.sleep(600)


def test_a_worker_does_not_outlive_its_supervisor(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    code = (
        "from workbench.batch.pool import Task, run_tasks\n"
        "from tests.batch.test_batch_pool import told_and_asleep\n"
        f"list(run_tasks([Task('t', told_and_asleep, {str(file)!r})], jobs=1, seconds=60))"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[2])
    while not (file.exists() and file.read_text()):
        assert supervisor.poll() is None
        time.sleep(0.05)
    supervisor.kill()
    supervisor.wait()
    for _ in range(200):
        if not psutil.pid_exists(int(file.read_text())):
            return
        time.sleep(0.05)
    pytest.fail("the worker still runs")


def test_sockets_have_room_where_the_temporary_folder_has_a_long_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("长 " * 20) / ("x" * 60)
    long.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    folder = private_folder("wb-")
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(str(folder / "k-ipc-5"))
        assert folder.stat().st_mode & 0o777 == 0o700
    finally:
        shutil.rmtree(folder)
    assert list(long.iterdir()) == []


def test_no_tasks_start_no_worker() -> None:
    assert list(run_tasks([], jobs=2, seconds=1)) == []
