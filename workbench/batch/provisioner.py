"""A jupyter_client provisioner whose kernels are forked by a fork server instead of started."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import time
from pathlib import Path
from typing import Any

from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from workbench.batch import limits
from workbench.batch.child import LIMITS
from workbench.batch.forkserver import code_now
from workbench.batch.limits import Lost
from workbench.errors import MachineError, Problem

__all__ = ["ForkProvisioner", "Forked"]

_CALLS = 3  # a server that dies still takes calls; what it has not told a process of never began
_PATIENCE = 600.0  # seconds the fork server may need for its imports; its folder goes when it does


class Forked:
    """A forked kernel, with the part of ``subprocess.Popen`` that jupyter_client uses.

    ``request`` is what the fork server is told; ``returncode`` is negative for a signal. ``spent``
    is the processor time, in seconds, of all that this process had forked and that have ended.
    """

    spent = 0.0

    stdin = stdout = stderr = None

    def __init__(self, address: str, request: dict[str, Any]) -> None:
        self.returncode: int | None = None
        line = json.dumps(request | {"code": code_now()}).encode() + b"\n"
        for _ in range(_CALLS):
            self._pipe, self._buffer = _connect(address), b""
            with contextlib.suppress(OSError):
                self._pipe.sendall(line)
            told = self._line(block=True)
            if "pid" in told:
                self.pid = int(told["pid"])
                return
            self._pipe.close()
            time.sleep(0.2)
        raise Lost("server")

    def _line(self, *, block: bool) -> dict[str, Any]:
        self._pipe.setblocking(block)
        while b"\n" not in self._buffer:
            try:
                more = self._pipe.recv(4096)
            except BlockingIOError:
                return {}
            except OSError:
                more = b""
            if not more:  # the server is gone, and its kernels with it
                return {"exit": limits.NO_SERVER}
            self._buffer += more
        line, _, self._buffer = self._buffer.partition(b"\n")
        told: dict[str, Any] = json.loads(line)
        return told

    def poll(self) -> int | None:
        """Give the exit code, none while it runs."""
        if self.returncode is None:
            told = self._line(block=False)
            if "exit" in told:
                self.returncode = int(told["exit"])
                if self.returncode == limits.NO_SERVER:  # which would have ended it
                    with contextlib.suppress(OSError):
                        os.killpg(self.pid, signal.SIGKILL)
                Forked.spent += float(told.get("cpu", 0.0))
                self._pipe.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end.

        Raises
        ------
        TimeoutError
            When it does not come within ``timeout`` seconds.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                raise TimeoutError
            select.select([self._pipe], [], [], left)
        assert self.returncode is not None
        return self.returncode

    def close(self) -> None:
        """Let go: a kernel that still runs is killed by the server."""
        self._pipe.close()

    def send_signal(self, number: int) -> None:
        """Send a signal, if it still runs."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)


def _address() -> str:
    if address := os.environ.get("WORKBENCH_FORKSERVER"):
        return address
    raise MachineError(
        Problem(
            code="batch.forkserver",
            zh="没有指明预载进程，无法取得内核",
            en="no fork server is named from which a kernel could be had",
            expected="WORKBENCH_FORKSERVER",
            remedy_zh="先运行 python -m workbench.batch.forkserver SOCKET，再把该变量设为同一路径",
            remedy_en="run python -m workbench.batch.forkserver SOCKET, and set the variable to "
            "the same path",
        )
    )


def _connect(address: str) -> socket.socket:
    until = time.monotonic() + _PATIENCE
    while True:
        pipe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            pipe.connect(address)
        except OSError:
            pipe.close()
            if time.monotonic() > until or not Path(address).parent.is_dir():
                raise Lost("server") from None
            time.sleep(0.05)
        else:
            return pipe


class ForkProvisioner(LocalProvisioner):
    """Asks the fork server named by ``WORKBENCH_FORKSERVER`` for each kernel."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Fork a kernel for the connection file that was just written."""
        manager: Any = self.parent
        request = {
            "connection_file": manager.connection_file,
            "env": kwargs["env"],
            "cwd": str(kwargs.get("cwd") or Path.cwd()),
            "limits": json.loads(kwargs["env"].get(LIMITS, "{}")),
        }
        process: Any = Forked(_address(), request)
        self.process = process
        self.pid = self.pgid = process.pid
        self.cwd = kwargs.get("cwd") or Path.cwd()
        return self.connection_info
