"""A fresh kernel, a forked one and cells in the forked child give the same; every trap has a test."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from workbench.batch import forkserver
from workbench.batch.execute import execute, sealed_bytes
from workbench.batch.forkserver import available, server
from workbench.batch.limits import Limits, Lost
from workbench.batch.provisioner import Forked, _connect

pytestmark = pytest.mark.skipif(not available(), reason="this system cannot fork kernels")

Execute = Callable[..., dict[str, Any]]

CELLS = (
    "import pandas as pd, numpy as np\nwide = pd.DataFrame(np.arange(60).reshape(2, 30))\nwide",
    "print(wide)\nprint(pd.get_option('display.max_columns'), pd.get_option('display.width'))",
    "from IPython.display import HTML, display, clear_output\n"
    "print('gone')\nclear_output()\ndisplay(HTML('<b>kept</b>'))\n"
    "h = display('first', display_id='x')\nh.update('second')\n_ = 5",
    "import sys\nprint('out', end='')\nprint('err', file=sys.stderr)\nsys.stdout.write('put')",
    "from matplotlib.figure import Figure\nfigure = Figure(figsize=(2, 1))\n"
    "figure.add_subplot().plot([1, 2])\nfigure",
    "import matplotlib.pyplot as plt\nplt.plot([1, 2, 3])\nplt.show()",
    "import workbench as wb\nfrom workbench import charts\n"
    "frame = pd.DataFrame({'label_zh': ['甲', '乙'], 'label_en': ['a', 'b'], 'value': [.5, .25],\n"
    "    'ci_low': [.4, .2], 'ci_high': [.6, .3], 'n': [40, 40]})\n"
    "wb.show(charts.items_chart, frame, id='items')",
    "import asyncio\nawait asyncio.sleep(0)\n%time pass",
    "import os\nprint(os.getcwd() == os.path.realpath('.'), sorted(os.listdir()), __name__, '' in sys.path)",
    "import bz2\nbz2.BZ2File.__name__",
    "os.environ.get('TZ'), os.environ.get('PYTHONHASHSEED'), hash('a') != 0",
    "!echo said by a command",
    "import multiprocessing\nwith multiprocessing.get_context('fork').Pool(1) as pool:\n"
    "    print(pool.map(abs, [-1]))",
    "input('?')",
    "1 / 0",
)


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with server(tmp_path_factory.mktemp("home")) as address:
        yield address


@pytest.fixture
def ran(
    tmp_path: Path, notebook: Callable[..., str], forks: str, monkeypatch: pytest.MonkeyPatch
) -> Execute:
    count = iter(range(100))

    def run(how: str, *cells: str, limits: Limits | None = None) -> dict[str, Any]:
        if how == "fresh":
            monkeypatch.delenv("WORKBENCH_FORKSERVER", raising=False)
        else:
            monkeypatch.setenv("WORKBENCH_FORKSERVER", forks)
        base = tmp_path / f"{next(count)}"
        cwd, scratch = base / "data", base / "scratch"
        cwd.mkdir(parents=True)
        scratch.mkdir()
        (cwd / "bz2.py").write_text("raise SystemExit('a file beside the notebook was imported')")
        source = base / "n.ipynb"
        source.write_text(notebook(*cells), encoding="utf-8")
        return execute(
            source,
            parameters={"community": "B-1"},
            cwd=cwd,
            scratch=scratch,
            in_child=how == "in-child",
            limits=limits,
        )

    return run


def mimes(done: dict[str, Any]) -> list[list[str]]:
    return [
        sorted(output["data"]) if "data" in output else [output["output_type"]]
        for cell in done["notebook"]["cells"]
        for output in cell["outputs"]
    ]


def test_the_three_ways_give_the_same_bytes(ran: Execute) -> None:
    quiet = [cell.replace("\n%time pass", "") for cell in CELLS[:-2]]
    done = {how: ran(how, *quiet) for how in ("fresh", "forked", "in-child")}
    assert [d["error"] for d in done.values()] == [None] * 3
    told = mimes(done["fresh"])
    assert told.count(["image/svg+xml", "text/plain"]) == 2, "the chart in both languages"
    assert ["text/html", "text/plain"] in told
    assert told == mimes(done["forked"]) == mimes(done["in-child"])
    sealed = {how: sealed_bytes(d["notebook"]) for how, d in done.items()}
    assert sealed["forked"] == sealed["fresh"]
    assert sealed["in-child"] == sealed["fresh"]
    html = str(done["fresh"]["notebook"])
    assert "kept" in html
    cleared = next(c for c in done["fresh"]["notebook"]["cells"] if c["id"] == "cell-3")
    assert all(output["output_type"] != "stream" for output in cleared["outputs"])
    assert "second" in html
    assert "…" in html or "..." in html, "thirty columns are cut as in a kernel"


@pytest.mark.parametrize("cell", CELLS[-2:], ids=["asks for input", "raises"])
def test_an_error_is_the_same_and_ends_the_notebook(ran: Execute, cell: str) -> None:
    done = {how: ran(how, cell, "print('after')") for how in ("forked", "in-child")}
    errors = [(d["error"]["ename"], d["error"]["cell"]) for d in done.values()]
    assert errors[0] == errors[1]
    for one in done.values():
        assert one["notebook"]["cells"][-1]["execution_count"] is None


def test_what_a_program_prints_is_kept_in_both_depths(ran: Execute) -> None:
    cell = "import subprocess, sys\nsubprocess.run(['echo', 'from outside'], check=True)\nNone"
    for how in ("forked", "in-child"):
        assert "from outside" in str(ran(how, cell)["notebook"]), how


@pytest.mark.parametrize("how", ["forked", "in-child"])
def test_two_children_do_not_draw_the_same_numbers(ran: Execute, how: str) -> None:
    draw = (
        "import numpy as np, random\n"
        "print([np.random.random(), random.random(), np.random.default_rng().random()])"
    )
    first, second = (
        json.loads(ran(how, draw)["notebook"]["cells"][-1]["outputs"][0]["text"]) for _ in "ab"
    )
    assert not set(first) & set(second)


@pytest.mark.parametrize("how", ["fresh", "forked", "in-child"])
@pytest.mark.parametrize("fork", ["os.fork()", "eval('fork()', {'fork': os.fork})"])
def test_a_fork_is_an_error_of_its_cell(ran: Execute, how: str, fork: str) -> None:
    error = ran(how, f"import os\nif {fork} == 0:\n    os._exit(0)")["error"]
    assert error["ename"] == "RuntimeError"
    assert "must not fork" in error["evalue"]
    assert error["cell"] == "cell-1"


@pytest.mark.parametrize("how", ["forked", "in-child"])
@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("while True: pass", "cpu-time"),
        ("import os; os._exit(7)", "ended"),
        ("import os; os._exit(91)", "ended"),  # statuses that say something of ours
        ("import os; os._exit(94)", "ended"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "killed"),
    ],
    ids=["loops", "ends itself", "ends itself as stale", "ends itself as too much", "is killed"],
)
def test_a_process_that_is_gone_says_why(ran: Execute, how: str, cell: str, code: str) -> None:
    with pytest.raises(Lost) as lost:
        ran(how, cell, limits=Limits(wall=100, cpu=2))
    assert lost.value.code == code


@pytest.mark.parametrize("how", ["fresh", "forked", "in-child"])
def test_a_cell_that_sleeps_is_ended_by_the_clock(ran: Execute, how: str) -> None:
    with pytest.raises(Lost) as lost:
        ran(how, "import time; time.sleep(600)", limits=Limits(wall=2 if how != "fresh" else 8))
    assert lost.value.code == "time-out"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process")
@pytest.mark.parametrize("how", ["fresh", "in-child"])
def test_memory_is_limited_and_its_end_is_an_error_of_the_cell(ran: Execute, how: str) -> None:
    # to the last kilobyte, so that nothing is left to tell of it with
    last = (
        "for size in (50_000_000, 500_000, 5_000):" if how == "in-child" else "for size in [5**10]:"
    )
    eats = f"""
kept = []
{last}
    try:
        while True:
            kept.append(bytearray(size))
    except MemoryError:
        pass
kept.append(bytearray(50_000_000))"""
    error = ran(how, eats, limits=Limits(memory=1 << 30))["error"]
    assert error["ename"] == "MemoryError"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of a process")
@pytest.mark.parametrize("how", ["forked", "in-child"])
def test_what_the_server_holds_is_not_counted_as_memory_of_a_unit(ran: Execute, how: str) -> None:
    done = ran(how, "len(bytearray(100 << 20))", limits=Limits(memory=300 << 20))
    assert done["error"] is None


@pytest.mark.parametrize("how", ["forked", "in-child"])
def test_what_a_cell_shows_counts_as_what_it_prints(ran: Execute, how: str) -> None:
    shows = (
        "from IPython.display import display\ndisplay({'text/plain': 'z' * 3_000_000}, raw=True)"
    )
    with pytest.raises(Lost) as lost:
        ran(how, shows, limits=Limits(output=2_000_000))
    assert lost.value.code == "output"


def test_a_dead_kernel_is_told_of_once(ran: Execute, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Lost, match="SIGKILL"):
        ran("forked", "import os; os.kill(os.getpid(), 9)")
    assert caplog.messages == []


@pytest.mark.skipif(sys.platform != "linux", reason="orphans are adopted on Linux")
def test_nothing_that_a_notebook_started_outlives_it(ran: Execute, tmp_path: Path) -> None:
    import psutil

    pids = tmp_path / "pids"
    start = (
        "import subprocess, sys\n"
        "one = subprocess.Popen(['sleep', '600'])\n"
        "two = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        f"open({str(pids)!r}, 'w').write(f'{{one.pid}} {{two.pid}}')\nNone"
    )
    ran("in-child", start)
    left = {int(pid) for pid in pids.read_text().split()}
    for _ in range(100):
        running = {p for p in left if psutil.pid_exists(p)}
        if not running:
            return
        time.sleep(0.05)
    pytest.fail(f"{running} still run")


def test_a_server_that_a_notebook_ended_is_started_again(ran: Execute) -> None:
    with pytest.raises(Lost) as lost:
        ran("in-child", "import os, signal; os.kill(os.getppid(), signal.SIGKILL)")
    assert (lost.value.code, lost.value.retryable) == ("server", True)
    assert ran("in-child", "1 + 1")["error"] is None


def test_a_call_that_a_dying_server_took_is_made_again(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()

        def serve() -> None:
            listener.accept()[0].close()  # it dies with the call
            with listener.accept()[0] as pipe:
                pipe.makefile("rb").readline()
                pipe.sendall(b'{"pid": 7}\n{"exit": 0, "cpu": 0.0}\n')

        thread = threading.Thread(target=serve)
        thread.start()
        child = Forked(str(tmp_path / "s"), {})
        thread.join()
    assert (child.pid, child.wait(5)) == (7, 0)


def _serving(code: str, tmp_path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "s")],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


def test_a_server_with_a_second_thread_does_not_serve(tmp_path: Path) -> None:
    code = (
        "import sys, threading, time\nfrom workbench.batch import forkserver\n"
        "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        "forkserver._STACK = ()\nforkserver._warm = lambda: None\nforkserver.serve(sys.argv[1])"
    )
    process = _serving(code, tmp_path)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "thread" in said


def test_a_client_that_goes_before_it_has_asked_ends_no_server(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom workbench.batch import forkserver\n"
        "forkserver._STACK = ('ipykernel.zmqshell',)\nforkserver._warm = lambda: None\n"
        "forkserver.serve(sys.argv[1])"
    )
    process = _serving(code, tmp_path)
    address, notebook = tmp_path / "s", tmp_path / "n.ipynb"
    notebook.write_text(json.dumps({"cells": []}))
    request = {"notebook": str(notebook), "target": str(tmp_path / "out.ipynb"), "env": {},
               "cwd": str(tmp_path), "limits": {}}  # fmt: skip
    try:
        for said in (b"", b'{"env"', json.dumps(request).encode() + b"\n"):
            gone = _connect(str(address))
            gone.sendall(said)
            gone.close()
        assert Forked(str(address), request).wait(60) == 0
    finally:
        process.communicate(timeout=30)


def test_objects_made_after_the_imports_lie_together_in_new_memory() -> None:
    """Else each child, and the server between two forks, has pages copied all over the memory."""
    code = (
        "from bisect import bisect_right\nfrom workbench.batch import forkserver\n"
        "reserved = forkserver._reserve()\nimport pandas\n"
        "old = forkserver._mapped()\nforkserver._fill()\nforkserver._join(reserved)\n"
        "made = [(n, str(n), [n], {n: float(n)}) for n in range(1000, 3000)]\n"
        "fresh = [bisect_right(old, id(part)) % 2 == 0 for one in made for part in one]\n"
        "print(len(reserved), max(reserved) - min(reserved), sum(fresh) / len(fresh))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    arenas, spread, fresh = int(told[0]), int(told[1]), float(told[2])
    assert 144 <= arenas <= 176  # more where the system puts them in several pieces
    assert spread < 1.1 * arenas
    assert fresh > 0.95


def test_a_server_whose_code_was_edited_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "a.py").write_text("x = 1\n")
    monkeypatch.setattr(forkserver, "_files", lambda: [str(package / "a.py")])
    code = (
        "import sys, pathlib\nfrom workbench.batch import forkserver\n"
        "forkserver._STACK = ('ipykernel.zmqshell',)\nforkserver._warm = lambda: None\n"
        f"forkserver._HOME = pathlib.Path({str(package)!r})\nforkserver.serve(sys.argv[1])"
    )
    process = _serving(code, tmp_path)
    notebook = tmp_path / "n.ipynb"
    notebook.write_text(json.dumps({"cells": []}))
    request = {
        "notebook": str(notebook),
        "target": str(tmp_path / "out.ipynb"),
        "env": {},
        "cwd": str(tmp_path),
        "limits": {},
    }
    try:
        assert Forked(str(tmp_path / "s"), request).wait(60) == 0
        (package / "a.py").write_text("x = 22\n")
        assert Forked(str(tmp_path / "s"), request).wait(60) == 91
    finally:
        process.communicate(timeout=30)
