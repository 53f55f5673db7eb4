"""A process that has imported the analysis stack once and forks one kernel per request.

It is exec'd, single-threaded, and holds no kernel, event loop or data of its own: it imports, then
it listens on a Unix socket in a private directory. One connection is one kernel: the request names
the state of the code, environment, working directory, limits, and either a connection file or a
notebook whose cells are to be run in the child itself; the answer is the process id, and later the
exit status. When the connection closes, the kernel is killed, and with it whatever it has started.

``python -m workbench.batch.forkserver SOCKET`` serves until its standard input closes. A batch
names its code too, and the socket's folder goes with its server.
"""

from __future__ import annotations

import contextlib
import errno
import gc
import hashlib
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from array import array
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from workbench.batch import limits
from workbench.batch.imports import jsonschema_first
from workbench.errors import MachineError, Problem

__all__ = ["LARGE_PAGES", "available", "code_now", "serve", "server"]

_STACK = (
    "ipykernel.kernelapp",
    "ipykernel.zmqshell",
    "IPython.extensions.storemagic",
    "IPython.core.interactiveshell",
    "IPython.core.logger",
    "bdb",
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
    "workbench.charts._outlines",
    "workbench.checks.derive",
    "workbench.checks.expectations",
    "workbench.community",
    "workbench.findings",
    "workbench.overview",
    "workbench.protocol.load",
)

LARGE_PAGES = {"MALLOC_ARENA_MAX": "1", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
"""What malloc reads when a process begins: large pages.

A fork copies the table of the pages, and its end takes it down: large pages halve both. A worker
that makes reports takes and gives back 100 MB each time: they spare it a twelfth of its CPU.
"""
_OBJECTS = 144 << 20  # bytes that the small objects of the stack take, about

_leave = os._exit  # in a child the notebook's is another one
_HOME = Path(__file__).resolve().parents[1]

# start threads when imported; libraries of the stack take them along where they are installed
_THREADED = ("polars",)

_FRUITLESS = 3  # starts in a row that came to nothing, after which there is no further one


def available() -> bool:
    """Say whether kernels can be forked here: POSIX, and not a system whose libraries forbid it."""
    return hasattr(os, "fork") and sys.platform != "darwin"


@contextlib.contextmanager
def server(folder: Path) -> Iterator[str]:
    """Run a fork server while the block runs and give the path of its socket.

    The socket lies in ``folder``, which is this server's own: it is removed when the process that
    started it is gone.
    """
    kept = _Kept(folder)
    try:
        kept.start()
        yield kept.address
    finally:
        kept.end()


class _Kept:
    """A fork server that is started again when it was ended; its code stays that of the first.

    A notebook can end its parent, and the system may where memory is short.
    """

    def __init__(self, folder: Path) -> None:
        from workbench.batch.kernels import kernel_environment

        self.folder, self.address = folder, str(folder / "s")
        # the whole environment: what libraries read when they are imported is fixed by it
        self._environment = kernel_environment(folder) | LARGE_PAGES
        self._code = code_now()
        self._end = threading.Event()
        self._watch = threading.Thread(target=self._keep, daemon=True)
        self._process = self._popen()

    def _popen(self) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("wb") as log:
            return subprocess.Popen(  # noqa: S603  (this interpreter, our own module)
                [sys.executable, "-P", "-m", __name__, self.address, self._code],
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )

    def start(self) -> None:
        """Wait until it serves.

        Raises
        ------
        MachineError
            When it ends before.
        """
        if not self._serves():
            raise MachineError(_dead((self.folder / "log").read_text(errors="replace")))
        self._watch.start()

    def _serves(self) -> bool:
        while not Path(self.address).exists():
            if self._process.poll() is not None or self._end.is_set():
                return False
            time.sleep(0.05)
        return True

    def _keep(self) -> None:
        fruitless = 0
        while not self._end.wait(0.2):
            if self._process.poll() is None:
                continue
            Path(self.address).unlink(missing_ok=True)
            if fruitless == _FRUITLESS:
                shutil.rmtree(self.folder, ignore_errors=True)  # who waits for it sees it is gone
                return
            self._let_go()
            self._process = self._popen()
            fruitless = 0 if self._serves() else fruitless + 1

    def _let_go(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()

    def end(self) -> None:
        """End the server and what it has forked."""
        self._end.set()
        if self._watch.is_alive():
            self._watch.join()
        self._let_go()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._process.kill()
        self._process.wait()


@contextlib.contextmanager
def kernels_of(
    how: str, say: Callable[[str, str], None] = lambda zh, en: None
) -> Iterator[tuple[dict[str, str], bool]]:
    """Start a fork server where ``how`` and the system want one.

    Yields
    ------
    (dict of str, bool)
        The environment in which workers find it, their temporary files beside it in a folder that
        goes with the block, and whether cells may run in its children.

    Raises
    ------
    MachineError
        When ``forked`` or ``in-child`` was asked for and cannot be had; ``auto`` goes on fresh.
    """
    from workbench.batch.kernels import private_folder

    folder = private_folder("wb-run-")
    temporary = folder / "t"
    temporary.mkdir()
    try:
        with contextlib.ExitStack() as stack:
            address = ""
            if how != "fresh" and (how != "auto" or available()):
                try:
                    address = stack.enter_context(server(folder))
                except MachineError as error:
                    if how != "auto":
                        raise
                    found = error.problems[0].found
                    say(
                        f"预载进程未能启动，改用新内核：{found}",
                        f"no fork server, kernels are fresh: {found}",
                    )
            yield (
                {"TMPDIR": str(temporary)} | ({"WORKBENCH_FORKSERVER": address} if address else {}),
                bool(address) and how != "forked",
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _dead(log: str) -> Problem:
    said = log.strip().splitlines()
    return Problem(
        code="batch.forkserver",
        zh="预载进程未能启动",
        en="the fork server did not start",
        found=said[-1] if said else "",
        remedy_zh="用 --kernels fresh 再试",
        remedy_en="try again with --kernels fresh",
    )


def serve(address: str, code: str = "") -> None:
    """Import the stack, then fork a kernel for every connection until standard input closes.

    ``code`` is the digest of the package's files that the kernels are to run; empty: as they are.
    """
    reserved = _reserve()
    code = code or code_now()
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import importlib

    import tqdm

    tqdm.tqdm.monitor_interval = 0
    jsonschema_first()
    for name in _THREADED:
        sys.modules[name] = None  # type: ignore[assignment]
    for name in _STACK:
        importlib.import_module(name)
    for name in _THREADED:
        del sys.modules[name]
    _warm()
    if threads() > 1:
        raise SystemExit("a thread was started by an import: no safe fork")
    _adopt_orphans()
    gc.collect()
    _fill()
    gc.freeze()
    _join(reserved)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    aside = address + ".new"
    listener.bind(aside)
    listener.listen(64)
    Path(aside).rename(address)  # who sees the socket can connect to it
    _loop(listener, code)


def _warm() -> None:
    """Do once what every kernel would do: draw charts, make a shell."""
    from workbench.batch import child
    from workbench.charts._warm import warm

    warm()
    child.shell()


def _reserve() -> dict[int, bytes]:
    """Have the interpreter take the memory of its small objects in one piece, to lie together.

    One object holds each MiB of it (an arena), so that it is not given back before it is used.
    """
    held = [bytes(460) for _ in range(_OBJECTS // 512)]
    return {id(one) >> 20: one for one in held}


def _fill() -> None:
    """Fill the gaps that imports left between objects, for good.

    What a child, or the server between two forks, allocates would lie in them, all over the
    memory, and each page of them would be copied; now it lies together, in new memory.
    """
    import ctypes

    allocate = ctypes.pythonapi.PyObject_Malloc
    allocate.argtypes, allocate.restype = [ctypes.c_size_t], ctypes.c_size_t
    ends = _mapped()
    for size in range(512, 0, -16):
        while bisect_right(ends, allocate(size)) % 2:  # between a beginning and its end
            pass


def _mapped() -> array[int]:
    """Give beginning and end of each piece of this process's memory, ascending (Linux).

    An array has no objects that would leave gaps of their own.
    """
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        lines = []
    ends = (end for line in lines for end in line.split(maxsplit=1)[0].split("-"))
    return array("Q", (int(end, 16) for end in ends))


def _join(reserved: Collection[int]) -> None:
    """Ask for large pages under the small objects; Linux makes them at once from 6.1 on."""
    import ctypes

    large, begin, end = 2 << 20, min(reserved) << 20, (max(reserved) + 1) << 20
    with contextlib.suppress(AttributeError):
        advise = ctypes.CDLL(None).madvise
        advise.argtypes = [ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int]
        for at in range(-(-begin // large) * large, end - large + 1, large):
            for advice in (14, 25):  # MADV_HUGEPAGE, MADV_COLLAPSE
                advise(at, large, advice)


def threads() -> int:
    """Count the threads of this process, those of libraries too where the system tells."""
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.is_dir() else threading.active_count()


def _adopt_orphans() -> None:
    """Become the parent of what a kernel leaves behind, so that it can be ended."""
    _prctl(36, 1)  # PR_SET_CHILD_SUBREAPER


def _prctl(option: int, value: int) -> None:
    """Tell the system about this process (Linux)."""
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


@lru_cache(maxsize=1)
def _files() -> list[str]:
    """List the package's files that kernels read."""
    return sorted(str(file) for kind in ("*.py", "*.yaml") for file in _HOME.rglob(kind))


def code_now() -> str:
    """Digest times and sizes of the package's files: an edit shows.

    Who asks for a kernel says it with the request: in the server it would touch memory that is
    shared with the children, and all of that is copied.
    """
    found = []
    for name in _files():
        try:
            told = os.stat(name)  # noqa: PTH116 (each request)
        except OSError:
            return ""
        found.append((told.st_mtime_ns, told.st_size))
    return hashlib.sha256(repr(found).encode()).hexdigest()


def _loop(listener: socket.socket, code: str) -> None:
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
                pid = _fork(pipe, [listener, *kernels.values()], (woken, wake), code)
                if pid is None:
                    pipe.close()
                    continue
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
    while True:
        try:
            pid, status, used = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        if pid not in kernels:  # an orphan of a kernel
            continue
        _kill(pid)  # its group: what it started and left
        pipe = kernels.pop(pid)
        _end_orphans(kernels)
        code = os.waitstatus_to_exitcode(status)
        with contextlib.suppress(OSError):
            told = {"exit": code, "cpu": used.ru_utime + used.ru_stime}
            pipe.sendall(json.dumps(told).encode() + b"\n")
        with contextlib.suppress(KeyError):
            selector.unregister(pipe)
        pipe.close()


def _end_orphans(kernels: dict[int, socket.socket]) -> None:
    """Kill children of ours that are no kernels: orphans that left their kernel's group."""
    listed = Path(f"/proc/self/task/{os.getpid()}/children")
    try:
        children = {int(pid) for pid in listed.read_text().split()}
    except OSError:
        return
    for pid in children - set(kernels):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _fork(
    pipe: socket.socket, inherited: list[socket.socket], wake: tuple[int, int], code: str
) -> int | None:
    """Fork what a client asks for; none where it went before it had asked, or no fork is left."""
    try:
        line = pipe.makefile("rb").readline()
        if not line.endswith(b"\n"):
            return None
        pid = os.fork()
    except OSError:
        return None
    if pid:
        with contextlib.suppress(OSError):  # it is gone: so is its kernel, soon
            pipe.sendall(json.dumps({"pid": pid}).encode() + b"\n")
        return pid
    status = 1
    try:
        os.setsid()
        _prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: a kernel goes with its server
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for one in (pipe, *inherited):
            one.close()
        for end in wake:
            os.close(end)
        null = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(null, standard)
        request = json.loads(line)
        if request["code"] != code:
            status = limits.STALE
        else:
            _kernel(request)
            status = 0
    except MemoryError:
        status = limits.NO_MEMORY
    except Exception as error:
        much = isinstance(error, OSError) and error.errno == errno.EFBIG
        status = limits.TOO_MUCH if much else limits.BROKEN
    finally:
        _leave(status)


def _kernel(request: dict[str, Any]) -> None:
    """Be a kernel: the environment, the directory, then ipykernel's application or the cells."""
    from workbench.batch import child

    os.environ.clear()
    os.environ.update({str(k): str(v) for k, v in request["env"].items()})
    time.tzset()
    os.chdir(str(request["cwd"]))
    os.environ.pop(child.LIMITS, None)
    sys.path[:] = [entry for entry in sys.path if entry]  # data lie beside a notebook, not modules
    # one child is one unit, its end frees everything: a look for garbage costs more than it gives
    gc.set_threshold(1_000_000, 20, 100)
    child.prepare(request["limits"])
    if "notebook" in request:
        sys.argv = ["ipykernel_launcher"]
        child.cells(Path(request["notebook"]), Path(request["target"]))
    else:
        sys.argv = ["ipykernel_launcher", "-f", str(request["connection_file"])]
        child.kernel(str(request["connection_file"]))


def _main(address: str, code: str | None = None) -> None:
    """Serve; by hand, without a code, first begin anew in the environment that libraries need."""
    if code is None:
        from workbench.batch.kernels import kernel_environment

        env = os.environ | kernel_environment(Path(address).parent) | LARGE_PAGES
        again = [sys.executable, "-P", "-m", "workbench.batch.forkserver", address, ""]
        os.execve(sys.executable, again, env)  # noqa: S606  (this interpreter, our own module)
    serve(address, code)
    if code:  # a batch's: the folder is its own
        shutil.rmtree(Path(address).parent, ignore_errors=True)
    else:
        Path(address).unlink(missing_ok=True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
