"""What one unit may use, and how it is said that it used more."""

from __future__ import annotations

import errno
import signal
from dataclasses import dataclass

__all__ = [
    "BROKEN",
    "CAUSES",
    "DEFAULT",
    "NO_MEMORY",
    "NO_SERVER",
    "OURS",
    "STALE",
    "TOO_MUCH",
    "Limits",
    "Lost",
    "lost_by",
    "of_error",
]

STALE = 91
"""Exit status of a kernel that was refused because the package was edited since it was loaded."""

BROKEN = 92
"""Exit status of a child in which the notebook has broken what executes it."""

NO_MEMORY = 93
"""Exit status of a child without the memory to write what came of its cells."""

TOO_MUCH = 94
"""Exit status of a child whose cells have written more than they may."""

OURS = frozenset({STALE, BROKEN, NO_MEMORY, TOO_MUCH})
"""Exit statuses with which no notebook may end its process."""

NO_SERVER = 300
"""Said of a kernel whose fork server is gone; no process ends with it."""


@dataclass(frozen=True)
class Limits:
    """Limits of one unit's execution.

    Attributes
    ----------
    wall
        Seconds by the clock.
    cpu
        Seconds of processor time (POSIX).
    memory
        Bytes of data each process of it may take, beside what a fork server had loaded before
        (Linux; macOS and Windows do not enforce it).
    output
        Bytes it may print, and bytes of what it may leave in its folder (each file: POSIX).
    """

    wall: float = 1800.0
    cpu: float = 1800.0
    memory: int = 4 << 30
    output: int = 256 << 20


DEFAULT = Limits()

# code: words in both languages, and whether it may come out otherwise when it is tried again
CAUSES: dict[str, tuple[str, str, bool]] = {
    "time-out": ("超过时限", "time limit reached", True),
    "cpu-time": ("超过处理器时间上限", "limit of processor time reached", True),
    "memory": ("超过内存上限", "limit of memory reached", False),
    "output": ("输出超过上限", "limit of output reached", False),
    "outputs": ("笔记本的输出不合格式", "the notebook's outputs are malformed", False),
    "file": ("笔记本留下了非普通文件", "the notebook left what is no plain file", False),
    "killed": ("执行进程被终止", "the executing process was ended", True),
    "server": ("预载进程被终止", "the fork server was ended", True),
    "broken": ("笔记本破坏了执行环境", "the notebook broke what executes it", False),
    "storage": ("读写文件失败", "files could not be read or written", True),
    "disk-full": ("磁盘已满", "the disk is full", True),
    "ended": ("笔记本结束了自己的进程", "the notebook ended its own process", False),
    "folder": ("笔记本删除了工作目录", "the notebook deleted its working directory", False),
    "inputs": ("笔记本改动了输入文件", "the notebook changed its inputs", False),
    "study-changed": ("运行期间项目设置被修改", "study.yaml was edited while the batch ran", True),
    "code-changed": ("运行期间程序被修改", "the code was edited while the batch ran", True),
}


class Lost(Exception):
    """A unit's process is gone or its result is not to be used; ``code`` is one of `CAUSES`."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code, self.detail = code, detail

    @property
    def retryable(self) -> bool:
        """Say whether trying again may help."""
        return CAUSES[self.code][2]

    def __str__(self) -> str:
        said = CAUSES[self.code][1]
        return f"{said}: {self.detail}" if self.detail else said


_TOLD = {
    STALE: "code-changed",
    BROKEN: "broken",
    NO_MEMORY: "memory",
    TOO_MUCH: "output",
    NO_SERVER: "server",
}


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # of real time
        return f"signal {number}"


def lost_by(code: int | None) -> Lost:
    """Say what an exit code of a kernel means: negative ones are signals."""
    if code in _TOLD:
        return Lost(_TOLD[code])
    if code is not None and -code == getattr(signal, "SIGXCPU", None):
        return Lost("cpu-time")
    if code is not None and code < 0:
        return Lost("killed", _signal(-code))
    return Lost("ended", f"exit code {code}")


def of_error(error: BaseException) -> Lost | None:
    """Give the loss that a system error is, if it is one."""
    if isinstance(error, Lost):
        return error
    if isinstance(error, MemoryError):
        return Lost("memory")
    if isinstance(error, OSError):
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        return Lost("disk-full" if full else "storage", str(error))
    return None
