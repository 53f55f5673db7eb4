"""The state of a batch: ``communities.jsonl``, one line per change.

The last line of a unit and edition counts; its key here is the name of the bag's folder.

Lines are appended and flushed to disk by runners that hold a lock of the folder: one plain runner,
or one for each shard. A line cut off by a crash is ignored and ended before the next is written.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from workbench.errors import MachineError, Problem
from workbench.evidence.bag import bag_name
from workbench.evidence.files import write_once

__all__ = [
    "Brief",
    "alive",
    "append",
    "brief",
    "brief_of",
    "editions",
    "lock",
    "name_of",
    "read",
    "turn",
]

FIELDS = (
    "community edition state outcome attempt map_key render_key reason digests cpu_seconds "
    "wall_seconds"
).split()

_BEAT = 20.0  # seconds between two signs of life of a lock's holder
_SILENCE = 180.0  # seconds after which the holder on another machine counts as gone


class Brief(NamedTuple):
    """What the runner keeps in memory of a unit's last line; a reason only of what failed."""

    state: str
    outcome: str | None
    attempt: int
    map_key: str | None
    render_key: str | None
    reason: Mapping[str, Any] | None = None

    @property
    def signed(self) -> bool:
        """Whether the report bears a signature."""
        return self.state in {"signing", "signed"}

    @property
    def code(self) -> str:
        """Class of the failure."""
        return str((self.reason or {}).get("code"))

    @property
    def tries(self) -> int:
        """Executions under this map key that were lost."""
        return int((self.reason or {}).get("tries") or 0)


def brief_of(row: Mapping[str, Any]) -> Brief:
    """Give what is kept in memory of a line."""
    told = sys.intern(str(row.get("state")))
    return Brief(
        told,
        row.get("outcome") and sys.intern(str(row["outcome"])),
        int(row.get("attempt") or 0),
        row.get("map_key"),
        row.get("render_key"),
        row.get("reason") if told == "failed" else None,
    )


def _lines(out: Path) -> Iterator[dict[str, Any]]:
    file = out / "communities.jsonl"
    if not file.exists():
        return
    with file.open("rb") as stream:
        for line in stream:
            try:
                row = json.loads(line)
            except ValueError:
                continue  # torn by a crash: the unit's earlier line counts
            if isinstance(row, dict) and isinstance(row.get("community"), str):
                yield row


def name_of(row: Mapping[str, Any]) -> str:
    """Give the name of the bag that a line is about: the unit, ``unit@2`` for a second edition."""
    return bag_name(str(row["community"]), int(row.get("edition") or 1))


def editions(names: Iterable[str]) -> dict[str, int]:
    """Give each unit's newest edition among names of bags."""
    found: dict[str, int] = {}
    for name in names:
        unit, _, edition = name.partition("@")
        found[unit] = max(found.get(unit, 1), int(edition or 1))
    return found


def read(out: Path) -> dict[str, dict[str, Any]]:
    """Give the last whole line of every bag, by its name."""
    return {name_of(row): row for row in _lines(out)}


def brief(out: Path) -> dict[str, Brief]:
    """Give of every bag's last whole line what a runner needs: a few hundred bytes each."""
    return {name_of(row): brief_of(row) for row in _lines(out)}


def append(out: Path, row: Mapping[str, Any]) -> None:
    """Add one line and see it on disk."""
    ordered = {name: row.get(name) for name in FIELDS}
    text = json.dumps(ordered, ensure_ascii=False, allow_nan=False)
    with (out / "communities.jsonl").open("ab+") as file, _alone(file):
        file.seek(0, os.SEEK_END)
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                text = "\n" + text
        file.write(text.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _alone(file: Any) -> Iterator[None]:
    """Keep runners of other shards from writing at the same moment (POSIX, network disks too)."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


@contextmanager
def lock(out: Path, shard: tuple[int, int] = (1, 1)) -> Iterator[None]:
    """Hold the folder, or one shard of it, for this process; a dead runner's lock is taken.

    A plain runner is alone. Shards of one number ``n`` may run at the same time, also on other
    machines that share the folder, each ``i`` once.

    Raises
    ------
    MachineError
        When a living runner holds what this one needs.
    """
    i, n = shard
    name = ".lock" if n == 1 else f".lock-{i}-{n}"
    for _ in range(6):
        held = _take(out, name)
        other = _conflicting(out, name, n)
        if held and other is None:
            break
        if held:  # both may have come at once: stand back and try again
            (out / name).unlink(missing_ok=True)
        time.sleep(0.1 + 0.3 * random.random())  # noqa: S311  (no secret)
    else:
        raise _held(out, other or name)
    stop = threading.Event()
    beat = threading.Thread(target=_show_life, args=(out / name, stop), daemon=True)
    beat.start()
    try:
        yield
    finally:
        stop.set()
        beat.join()
        (out / name).unlink(missing_ok=True)


@contextmanager
def turn(out: Path, name: str = ".turn") -> Iterator[None]:
    """Wait for what only one process may do at a time, and do it alone.

    Without a name it is the part of a run that one shard does for all.
    """
    while not _take(out, name):
        time.sleep(0.2)
    stop = threading.Event()
    beat = threading.Thread(target=_show_life, args=(out / name, stop), daemon=True)
    beat.start()
    try:
        yield
    finally:
        stop.set()
        beat.join()
        (out / name).unlink(missing_ok=True)


def _show_life(file: Path, stop: threading.Event) -> None:
    while not stop.wait(_BEAT):
        with contextlib.suppress(OSError):
            os.utime(file)


def _take(out: Path, name: str) -> bool:
    """Make the lock whole or not at all; say whether it is ours."""
    import psutil

    file, me = out / name, psutil.Process()
    mine = {"host": socket.gethostname(), "pid": me.pid, "started": me.create_time()}
    for _ in range(3):
        if write_once(file, json.dumps(mine).encode()):
            return True
        if alive(file):
            return False
        file.unlink(missing_ok=True)
    return False


def _conflicting(out: Path, name: str, n: int) -> str | None:
    """Give the name of a living lock that excludes ours."""
    for file in out.glob(".lock*"):
        if file.name == name:
            continue
        same = n > 1 and file.name.startswith(".lock-") and file.name.endswith(f"-{n}")
        if not same and alive(file):
            return file.name
    return None


def _held(out: Path, name: str) -> MachineError:
    host = "?"
    with contextlib.suppress(OSError, ValueError, KeyError):
        told = json.loads((out / name).read_text(encoding="utf-8"))
        host = f"{told.get('host', '?')}, pid {told['pid']}"
    return MachineError(
        Problem(
            code="batch.locked",
            zh="另一个进程正在写这个结果文件夹",
            en="another process is writing to this folder",
            file=out.name,
            found=f"{name} ({host})",
            remedy_zh="等它结束，或先停止它；同一批分片须用相同的 n，每个 i 只能运行一个",
            remedy_en="wait for it to end, or stop it first; shards that run together share one n, "
            "and each i runs once",
        )
    )


def alive(file: Path) -> bool:
    """Say whether who holds a lock lives, as far as this machine can tell."""
    import psutil

    try:
        held = json.loads(file.read_text(encoding="utf-8"))
        if held.get("host", socket.gethostname()) != socket.gethostname():
            return _now(file.parent) - file.stat().st_mtime < _SILENCE
        began = psutil.Process(held["pid"]).create_time()
        return bool(abs(began - held["started"]) < 5.0)  # the clock may have been set
    except (OSError, ValueError, KeyError, psutil.NoSuchProcess):
        return False


def _now(folder: Path) -> float:
    """Give the time of the disk that the lock lies on: clocks of two machines differ."""
    import tempfile

    with tempfile.NamedTemporaryFile(dir=folder, prefix=".now.") as file:
        return Path(file.name).stat().st_mtime
