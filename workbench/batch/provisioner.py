"""A jupyter_client provisioner whose kernels are forked by a fork server instead of started."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

from jupyter_client.provisioning.local_provisioner import LocalProvisioner

__all__ = ["ForkProvisioner"]

_PATIENCE = 120.0  # seconds the fork server may need for its imports


class _Forked:
    """A forked kernel, with the part of ``subprocess.Popen`` that jupyter_client uses."""

    stdin = stdout = stderr = None

    def __init__(self, address: str, request: dict[str, Any]) -> None:
        self._pipe = _connect(address)
        self._pipe.sendall(json.dumps(request).encode() + b"\n")
        self._buffer = b""
        self.returncode: int | None = None
        self.pid = int(self._line(block=True)["pid"])

    def _line(self, *, block: bool) -> dict[str, Any]:
        self._pipe.setblocking(block)
        while b"\n" not in self._buffer:
            try:
                more = self._pipe.recv(4096)
            except BlockingIOError:
                return {}
            except OSError:
                more = b""
            if not more:
                return {"exit": -signal.SIGKILL}
            self._buffer += more
        line, _, self._buffer = self._buffer.partition(b"\n")
        told: dict[str, Any] = json.loads(line)
        return told

    def poll(self) -> int | None:
        if self.returncode is None:
            told = self._line(block=False)
            if "exit" in told:
                self.returncode = int(told["exit"])
                self._pipe.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        del timeout
        while self.poll() is None:
            time.sleep(0.02)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


def _connect(address: str) -> socket.socket:
    until = time.monotonic() + _PATIENCE
    while True:
        pipe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            pipe.connect(address)
        except OSError:
            pipe.close()
            if time.monotonic() > until or not Path(address).parent.is_dir():
                raise
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
        }
        process: Any = _Forked(os.environ["WORKBENCH_FORKSERVER"], request)
        self.process = process
        self.pid = self.pgid = process.pid
        self.cwd = kwargs.get("cwd") or Path.cwd()
        return self.connection_info
