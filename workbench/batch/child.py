"""What a kernel process does before and while it executes a unit: limits, clean state, cells.

Three ways lead here, and all prepare alike: a fresh kernel (``python -m workbench.batch.child -f
CONNECTION_FILE``), a kernel forked from the server, and the cells of a notebook run in the forked
child itself. The last has no sockets: the shell is ipykernel's own, and what it would have sent is
kept.
"""

from __future__ import annotations

import errno
import inspect
import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn

from workbench.batch.imports import jsonschema_first
from workbench.batch.limits import OURS, TOO_MUCH

__all__ = ["LIMITS", "cells", "kernel", "prepare", "shell"]

LIMITS = "WORKBENCH_LIMITS"
"""Environment variable of a kernel: ``{"cpu": seconds, "memory": bytes, "output": bytes}``."""

_FORKING = {
    "ptyprocess.ptyprocess",
    "multiprocessing.popen_fork",
    "joblib.externals.loky.backend.fork_exec",
}
_leave = os._exit  # the notebook's own is another one
_printed = [0, 0]  # characters so far, and how many there may be; 0: no limit


def prepare(limits: Mapping[str, float]) -> None:
    """Bring this process into the state in which every kernel begins, whatever it came from."""
    _limit(limits)
    _refuse_forks()
    _keep_codes()
    modules = sys.modules
    if "numpy" in modules:  # a copy of the server's generator draws what its siblings draw
        modules["numpy"].random.seed()
    if "pandas" in modules:
        # pandas asks on import whether it is in a terminal; in a kernel it would have said no
        modules["pandas"].set_option("display.max_columns", 20)
        # tables of one unit are short: text as Python objects costs a fifth less of the analysis
        modules["pandas"].set_option("mode.string_storage", "python")


def _limit(limits: Mapping[str, float]) -> None:
    _printed[:] = [0, int(limits.get("output", 0))]
    try:
        import resource
    except ImportError:  # Windows: the supervisor's clock is what remains
        return
    if seconds := limits.get("cpu"):
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 5))
    if size := limits.get("memory"):
        size = int(size) + _held() * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_DATA, (size, size))
    if size := limits.get("output"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), int(size)))


def _held() -> int:
    """Count the pages of data that this process begins with: the fork server's, not the unit's.

    Arrow alone has set aside a GiB of addresses there, of which it uses next to nothing.
    """
    try:
        return int(Path("/proc/self/statm").read_text().split()[5])
    except OSError:  # macOS, which does not enforce the limit
        return 0


def _count(characters: int) -> None:
    """Count what is printed; too much of it is an error of its cell, as a file too large is."""
    _printed[0] += characters
    if 0 < _printed[1] < _printed[0]:
        if threading.current_thread() is not threading.main_thread():  # of no cell
            _leave(TOO_MUCH)
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))


def _counting(write: Any) -> Any:
    """Count what a kernel's stream is given."""

    @wraps(write)
    def counted(stream: Any, text: str) -> Any:
        _count(len(text))
        return write(stream, text)

    return counted


def _refuse_forks() -> None:
    """Make a fork an error of its cell: the copy would run the rest of the notebook again.

    Not of those whose copies end or become another program: ``!command``, multiprocessing, joblib.
    """

    def guarded(fork: Callable[[], Any]) -> Callable[[], Any]:
        def guard() -> Any:
            caller = inspect.currentframe()
            while caller and caller.f_globals.get("__name__") in (__name__, "pty"):
                caller = caller.f_back
            if caller and caller.f_globals.get("__name__") in _FORKING:
                return fork()
            raise RuntimeError(
                "笔记本不得复制（fork）执行它的进程\n"
                "a notebook must not fork the process that executes it"
            )

        return guard

    for name in ("fork", "forkpty"):
        if hasattr(os, name):
            setattr(os, name, guarded(getattr(os, name)))


def _keep_codes() -> None:
    """Leave a notebook that ends its process no exit status that says something else here."""

    def leave(status: int) -> NoReturn:
        _leave(1 if status in OURS else status)

    os._exit = leave


def kernel(connection_file: str) -> None:
    """Be a kernel: ipykernel's own application, without a history."""
    jsonschema_first()
    from ipykernel.iostream import OutStream
    from ipykernel.kernelapp import IPKernelApp
    from ipykernel.zmqshell import ZMQInteractiveShell

    OutStream.write = _counting(OutStream.write)  # type: ignore[method-assign]
    ZMQInteractiveShell.clear_instance()  # the server's; the application makes its own
    # nobody attaches a debugger to a batch: ipykernel would take longer to load one than to start
    sys.modules["debugpy"] = None  # type: ignore[assignment]
    application: Any = IPKernelApp.instance()
    quiet = ["--HistoryManager.enabled=False", "--InteractiveShellApp.ignore_cwd=True"]
    application.initialize(["-f", connection_file, *quiet])
    del sys.modules["debugpy"]
    backend, pyplot = os.environ.get("MPLBACKEND"), sys.modules.get("matplotlib.pyplot")
    if backend and pyplot is not None:
        # the server's drew for nobody; what this kernel draws is shown as its environment says
        pyplot.rcParams["backend"] = backend
        pyplot.switch_backend(backend)
    application.start()


def cells(source: Path, target: Path) -> None:
    """Execute the notebook ``source`` in this process and write it with outputs to ``target``.

    The first error ends it, as papermill does. The file appears whole or not at all.
    """
    notebook = json.loads(source.read_bytes())
    own = _own_shell()
    kept = own.displayhook.session.kept
    sys.stdout, sys.stderr = _Stream("stdout", kept), _Stream("stderr", kept)
    files = {name: _captured(number) for name, number in (("stdout", 1), ("stderr", 2))}
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        skipped = "skip-execution" in cell.get("metadata", {}).get("tags", ())
        if cell["cell_type"] != "code" or skipped or not text.strip():
            continue
        cell["outputs"] = kept.begin()
        done = own.run_cell(text, store_history=True, silent=False, cell_id=cell.get("id"))
        for name, file in files.items():  # what was written past Python, by a program or in C
            if said := file.read():
                kept.message("stream", {"name": name, "text": said.decode("utf-8", "replace")})
        cell["execution_count"] = done.execution_count
        if own.exit_now:  # a cell that called exit(): a kernel would be gone
            os._exit(0)
        if not done.success:
            _told(done.error_in_exec or done.error_before_exec, own, kept)
            break
    aside = target.with_name(target.name + ".part")
    aside.write_text(json.dumps(notebook), encoding="utf-8")
    aside.replace(target)


def shell() -> Any:
    """Give the shell of this process; the server makes one for all its children, before the fork.

    It has no sockets, no thread and no history; what it would send, its session keeps.
    """
    from types import SimpleNamespace

    from ipykernel.zmqshell import ZMQInteractiveShell
    from traitlets.config import Config

    if ZMQInteractiveShell.initialized():
        return ZMQInteractiveShell.instance()
    made: Any = ZMQInteractiveShell.instance(
        config=Config({"HistoryManager": {"enabled": False}}),
        kernel=SimpleNamespace(eventloop=None),
    )
    made.extension_manager.load_extension("storemagic")
    made.displayhook.session = made.display_pub.session = _session()
    made.displayhook.topic = made.display_pub.topic = b"output"
    made.displayhook.pub_socket = made.display_pub.pub_socket = object()
    made.transform_cell("pass")  # its regular expressions are compiled when first used
    return made


def _own_shell() -> Any:
    """Make the server's shell this process's own: what it keeps, it keeps in folders of its own."""
    import builtins
    import getpass

    from IPython.core.error import StdinNotImplementedError

    def ask(*_: object, **__: object) -> str:
        raise StdinNotImplementedError(
            "raw_input was called, but this frontend does not support it"
        )

    own = shell()
    own.init_ipython_dir(None)
    own.init_profile_dir(None)
    builtins.input = getpass.getpass = ask
    return own


def _told(error: BaseException | None, own: Any, kept: _Outputs) -> None:
    """See to it that the error of a cell is in its outputs, also when memory has run out."""
    if isinstance(error, MemoryError):
        own.user_ns.clear()  # what ate the memory; telling of it takes some too
    if error is not None and not any(out["output_type"] == "error" for out in kept.now):
        told = {"ename": type(error).__name__, "evalue": str(error), "traceback": []}
        kept.message("error", told)


def _captured(number: int) -> Any:
    """Lead a standard file of the process into a file that can be read along."""
    import tempfile

    file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  (as long as the process)
    os.dup2(file.fileno(), number)
    # the position is shared with the writer, so read through a second opening
    return Path(f"/proc/self/fd/{file.fileno()}").open("rb", buffering=0)


def _session() -> Any:
    """Give a session that keeps what a kernel would send."""
    from jupyter_client.session import Session

    class Kept(Session):
        kept = _Outputs()

        def send(
            self, stream: Any, msg_or_type: Any, content: Any = None, *_: Any, **__: Any
        ) -> Any:
            if isinstance(msg_or_type, str):
                self.kept.message(msg_or_type, content or {})
            else:
                self.kept.message(msg_or_type["header"]["msg_type"], msg_or_type["content"])

    return Kept()


class _Stream:
    """Standard output or error of the cells; text goes into the outputs at once."""

    encoding, errors, closed = "utf-8", "replace", False

    def __init__(self, name: str, kept: _Outputs) -> None:
        self.name, self._kept = name, kept

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text)}")
        if text:
            self._kept.message("stream", {"name": self.name, "text": text})
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None: ...

    def isatty(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def fileno(self) -> int:
        return 1 if self.name == "stdout" else 2


class _Outputs:
    """Outputs of the cell that runs, made of messages as nbclient makes them."""

    def __init__(self) -> None:
        self.now: list[dict[str, Any]] = []
        self.shown: dict[str, list[dict[str, Any]]] = {}
        self.clear = False

    def begin(self) -> list[dict[str, Any]]:
        self.now, self.clear = [], False
        return self.now

    def message(self, kind: str, content: Mapping[str, Any]) -> None:
        if kind == "clear_output":
            self.clear = bool(content.get("wait"))
            if not self.clear:
                self.now.clear()
            return
        name = str((content.get("transient") or {}).get("display_id") or "")
        if kind == "update_display_data":
            for output in self.shown.get(name, ()):
                output["data"], output["metadata"] = content["data"], content["metadata"]
            return
        keys = {
            "stream": ("name", "text"),
            "display_data": ("data", "metadata"),
            "execute_result": ("data", "metadata", "execution_count"),
            "error": ("ename", "evalue", "traceback"),
        }.get(kind)
        if keys is None:  # status and the like
            return
        if self.clear:
            self.now.clear()
            self.clear = False
        last = self.now[-1] if self.now else None
        output = {"output_type": kind} | {key: content[key] for key in keys}
        if kind == "stream":
            _count(len(content["text"]))
            if last and last.get("name") == content["name"]:
                last["text"].append(content["text"])
                return
            output["text"] = [content["text"]]  # a list of pieces: a long text is not copied
        self.now.append(output)
        if name:
            self.shown.setdefault(name, []).append(output)


if __name__ == "__main__":
    prepare(json.loads(os.environ.pop(LIMITS, "{}")))
    kernel(sys.argv[sys.argv.index("-f") + 1])
