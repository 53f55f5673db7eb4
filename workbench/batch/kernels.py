"""Kernels of one batch: over ``ipc`` in a private directory, with a clean environment.

A port number that is chosen, closed and handed on can be taken by a neighbour; a socket file in a
directory of mode 0700 cannot. Where there is no ``ipc`` (Windows), ``tcp`` on loopback is used.
"""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

from workbench.batch.child import LIMITS

__all__ = [
    "LIMITS",
    "Clock",
    "PrivateKernelManager",
    "kernel_environment",
    "last_exit",
    "private_folder",
]

_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_ROOM = 90  # bytes of a private folder's path
_PASSED_ON = ("PATH", "HOME", "LANG", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "USERPROFILE")


def kernel_environment(private: Path) -> dict[str, str]:
    """Give the whole environment of a kernel; nothing else of ours reaches it.

    Secrets stay out by construction: only the names listed here are passed on. Threads, hash seed,
    time zone and plotting back end are fixed, so that the same inputs give the same bytes.
    """
    env = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    env |= dict.fromkeys(_THREADS, "1")
    env |= {
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": os.environ.get("PYTHONDONTWRITEBYTECODE", ""),
        "PYTHONIOENCODING": "utf-8",
        "TZ": "UTC",
        "MPLBACKEND": "agg",
        "JE_ARROW_MALLOC_CONF": "background_thread:false",
        "IPYTHONDIR": str(private),
        "JUPYTER_CONFIG_DIR": str(private),
        "OPENBLAS_CORETYPE": os.environ.get("OPENBLAS_CORETYPE", ""),
    }
    return {name: value for name, value in env.items() if value}


def private_folder(prefix: str) -> Path:
    """Make a folder of mode 0700 among the temporary files, with room for sockets' names.

    The path of a socket has at most 107 bytes (103 on macOS); a longer ``TMPDIR`` is left aside.
    """
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    if os.name != "posix" or len(os.fsencode(folder)) <= _ROOM:
        return folder
    folder.rmdir()
    return Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))


class Clock:
    """Ends the kernel that this process has started when ``seconds`` are over; none is never."""

    def __init__(self, seconds: float | None) -> None:
        self.struck = False
        _running.clear()
        self._timer = threading.Timer(seconds or 0.0, self._strike)
        self._timer.daemon = True
        if seconds is not None:
            self._timer.start()

    def _strike(self) -> None:
        for pid in _running:
            self.struck = True
            with contextlib.suppress(OSError):
                os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))

    def stop(self) -> None:
        """Let go: the notebook is done."""
        self._timer.cancel()


_running: list[int] = []  # process id of the kernel, once there is one
_ended: list[int | None] = [None]


def last_exit() -> int | None:
    """Give the exit code with which the last kernel of this process ended by itself."""
    return _ended[0]


class _Client(AsyncKernelClient):
    """A client that does not wait for silence before it counts a kernel as ready."""

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until shell and IOPub answer.

        The base class then waits 0.2 seconds for nothing more to come; nbclient passes over what
        answers none of its requests.
        """
        until = time.monotonic() + (math.inf if timeout is None else timeout)
        while True:
            self.kernel_info()
            with contextlib.suppress(Empty):
                told = await self.shell_channel.get_msg(timeout=1)
                if told["msg_type"] == "kernel_info_reply":
                    await self.iopub_channel.get_msg(timeout=0.2)
                    self._handle_kernel_info_reply(told)
                    return
            if not await self._async_is_alive():
                raise RuntimeError("Kernel died before replying to kernel_info")
            if time.monotonic() > until:
                raise RuntimeError(f"Kernel didn't respond in {timeout} seconds")


class PrivateKernelManager(AsyncKernelManager):
    """Starts this environment's own ipykernel; its connection lives in a private directory."""

    def __init__(self, **kwargs: Any) -> None:
        self._private = private_folder("wb-")
        if os.name == "posix":
            kwargs["transport"] = "ipc"
        super().__init__(connection_file=str(self._private / "k.json"), **kwargs)
        self.client_factory = _Client

    @property
    def kernel_spec(self) -> KernelSpec:
        """Give this interpreter's ipykernel, whatever kernels a user has installed."""
        argv = [sys.executable, "-P", "-m", "workbench.batch.child", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="Python 3", language="python")

    async def _async_pre_start_kernel(self, **kw: Any) -> tuple[list[str], dict[str, Any]]:
        kw["env"] = kernel_environment(self._private) | {LIMITS: os.environ.get(LIMITS, "{}")}
        kw |= {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        if os.environ.get("WORKBENCH_FORKSERVER") and self.provisioner is None:
            from workbench.batch.provisioner import ForkProvisioner

            self.provisioner = ForkProvisioner(
                kernel_id=self.kernel_id or str(uuid.uuid4()),
                kernel_spec=self.kernel_spec,
                parent=self,
            )
        command, launch = await super()._async_pre_start_kernel(**kw)
        return command, launch

    async def _async_launch_kernel(self, kernel_cmd: list[str], **kw: Any) -> None:
        await super()._async_launch_kernel(kernel_cmd, **kw)
        pid = getattr(self.provisioner, "pid", None)
        if pid is not None:
            _running[:] = [pid]

    async def _async_is_alive(self) -> bool:
        alive = await super()._async_is_alive()
        process = getattr(self.provisioner, "process", None)
        if process is not None:
            _ended[0] = process.poll()
        return bool(alive)

    is_alive = _async_is_alive

    async def _async_wait(self, pollinterval: float = 0.1) -> None:
        await super()._async_wait(min(pollinterval, 0.01))

    async def _async_cleanup_resources(self, restart: bool = False) -> None:
        await super()._async_cleanup_resources(restart=restart)
        if not restart:
            shutil.rmtree(self._private, ignore_errors=True)

    cleanup_resources = _async_cleanup_resources
