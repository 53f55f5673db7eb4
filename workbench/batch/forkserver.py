"""A process that has imported the analysis stack once and forks one kernel per request.

It is exec'd, single-threaded, and holds no kernel, event loop or data of its own: it imports, then
it listens on a Unix socket in a private directory. One connection is one kernel: the request names
connection file, environment and working directory; the answer is the process id, and later the
exit status. When the connection closes, the kernel is killed.

``python -m workbench.batch.forkserver SOCKET`` serves until its standard input closes.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["available", "serve", "server"]

_STACK = (
    "ipykernel.kernelapp",
    "IPython.core.interactiveshell",
    "pandas",
    "pyarrow",
    "scipy.stats",
    "scipy.optimize",
    "matplotlib.backends.backend_svg",
    "matplotlib.figure",
    "seaborn",
    "statsmodels.api",
    "great_expectations",
    "great_expectations.expectations.core",
    "workbench.assess",
    "workbench.charts",
    "workbench.checks.derive",
    "workbench.checks.expectations",
    "workbench.community",
    "workbench.findings",
    "workbench.overview",
    "workbench.protocol.load",
)


def available() -> bool:
    """Say whether kernels can be forked here: POSIX, and not a system whose libraries forbid it."""
    return hasattr(os, "fork") and sys.platform != "darwin"


@contextlib.contextmanager
def server(environment: dict[str, str]) -> Iterator[str]:
    """Run a fork server while the block runs and give the path of its socket.

    ``environment`` is the whole environment it is started with; what libraries read when they are
    imported is fixed by it.
    """
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="wb-fork-"))
    address = str(folder / "s")
    process = subprocess.Popen(  # noqa: S603  (this interpreter, our own module)
        [sys.executable, "-m", "workbench.batch.forkserver", address],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield address
    finally:
        assert process.stdin is not None
        process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def serve(address: str) -> None:
    """Import the stack, then fork a kernel for every connection until standard input closes."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import importlib

    import tqdm

    tqdm.tqdm.monitor_interval = 0
    for name in _STACK:
        importlib.import_module(name)
    if threading.active_count() > 1:
        raise SystemExit("a thread was started by an import: no safe fork")
    gc.collect()
    gc.freeze()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    aside = address + ".new"
    listener.bind(aside)
    listener.listen(64)
    Path(aside).rename(address)  # who sees the socket can connect to it
    _loop(listener)


def _loop(listener: socket.socket) -> None:
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    selector.register(woken, selectors.EVENT_READ)
    selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
    kernels: dict[int, socket.socket] = {}
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                pipe, _ = listener.accept()
                pid = _fork(pipe, [listener, *kernels.values()], (woken, wake))
                kernels[pid] = pipe
                selector.register(pipe, selectors.EVENT_READ)
            elif key.fileobj == woken:
                with contextlib.suppress(BlockingIOError):
                    os.read(woken, 512)
            elif key.fileobj == sys.stdin.fileno():
                for pid in kernels:
                    _kill(pid)
                return
            else:  # the client went away, or has had its answer: its kernel goes too
                selector.unregister(key.fileobj)
                for pid, pipe in kernels.items():
                    if pipe is key.fileobj:
                        _kill(pid)
        _reap(kernels, selector)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _reap(kernels: dict[int, socket.socket], selector: selectors.DefaultSelector) -> None:
    while kernels:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        pipe = kernels.pop(pid)
        code = os.waitstatus_to_exitcode(status)
        with contextlib.suppress(OSError):
            pipe.sendall(json.dumps({"exit": code}).encode() + b"\n")
        with contextlib.suppress(KeyError):
            selector.unregister(pipe)
        pipe.close()


def _fork(pipe: socket.socket, inherited: list[socket.socket], wake: tuple[int, int]) -> int:
    request = json.loads(pipe.makefile("rb").readline())
    pid = os.fork()
    if pid:
        pipe.sendall(json.dumps({"pid": pid}).encode() + b"\n")
        return pid
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for one in (pipe, *inherited):
            one.close()
        for end in wake:
            os.close(end)
        null = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(null, standard)
        _kernel(request)
    finally:
        os._exit(1)


def _kernel(request: dict[str, object]) -> None:
    """Be a kernel: the environment, the directory, then ipykernel's own application."""
    given = request["env"]
    assert isinstance(given, dict)
    os.environ.clear()
    os.environ.update({str(k): str(v) for k, v in given.items()})
    time.tzset()
    os.chdir(str(request["cwd"]))
    sys.path[:] = [entry for entry in sys.path if entry]
    sys.path.insert(0, "")
    sys.argv = ["ipykernel_launcher", "-f", str(request["connection_file"])]
    from ipykernel.kernelapp import IPKernelApp

    application: Any = IPKernelApp.instance()
    application.initialize([*sys.argv[1:], "--HistoryManager.enabled=False"])
    application.start()
    os._exit(0)


if __name__ == "__main__":
    serve(sys.argv[1])
