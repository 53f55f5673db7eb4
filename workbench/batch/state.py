"""The state of a batch: ``communities.jsonl``, one line per change, the last line of a unit counts.

Lines are appended and flushed to disk by one process at a time, the holder of the lock. A line cut
off by a crash is ignored and ended before the next is written.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from workbench.errors import MachineError, Problem

__all__ = ["append", "lock", "read"]

FIELDS = (
    "community edition state outcome attempt map_key render_key reason digests cpu_seconds "
    "wall_seconds"
).split()


def read(out: Path) -> dict[str, dict[str, Any]]:
    """Give the last whole line of every unit."""
    file = out / "communities.jsonl"
    found: dict[str, dict[str, Any]] = {}
    if not file.exists():
        return found
    for line in file.read_bytes().split(b"\n"):
        try:
            row = json.loads(line)
        except ValueError:
            continue  # torn by a crash: the unit's earlier line counts
        if isinstance(row, dict) and isinstance(row.get("community"), str):
            found[row["community"]] = row
    return found


def append(out: Path, row: Mapping[str, Any]) -> None:
    """Add one line and see it on disk."""
    ordered = {name: row.get(name) for name in FIELDS}
    text = json.dumps(ordered, ensure_ascii=False, allow_nan=False)
    with (out / "communities.jsonl").open("ab+") as file:
        file.seek(0, os.SEEK_END)
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                text = "\n" + text
        file.write(text.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def lock(out: Path) -> Iterator[None]:
    """Hold the folder for this process; a second runner is refused, a dead one's lock is taken.

    Raises
    ------
    MachineError
        When another living process holds it.
    """
    import psutil

    file = out / ".lock"
    me = psutil.Process()
    mine = json.dumps({"pid": me.pid, "started": me.create_time()})
    aside = out / f".lock.{me.pid}"
    aside.write_text(mine, encoding="utf-8")
    try:
        for _ in range(5):
            try:
                os.link(aside, file)  # whole or not at all
                break
            except FileExistsError:
                if _alive(file):
                    raise _held(out) from None
                file.unlink(missing_ok=True)
        else:
            raise _held(out)
    finally:
        aside.unlink(missing_ok=True)
    try:
        yield
    finally:
        if file.exists() and file.read_text(encoding="utf-8") == mine:
            file.unlink()


def _held(out: Path) -> MachineError:
    return MachineError(
        Problem(
            code="batch.locked",
            zh="另一个进程正在写这个结果文件夹",
            en="another process is writing to this folder",
            file=out.name,
            remedy_zh="等它结束，或先停止它",
            remedy_en="wait for it to end, or stop it first",
        )
    )


def _alive(file: Path) -> bool:
    import psutil

    try:
        held = json.loads(file.read_text(encoding="utf-8"))
        began = psutil.Process(held["pid"]).create_time()
        return bool(abs(began - held["started"]) < 5.0)  # the clock may have been set
    except (OSError, ValueError, KeyError, psutil.NoSuchProcess):
        return False
