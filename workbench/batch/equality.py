"""The equality test: may a notebook's cells run in the forked child instead of in a kernel."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.batch.pool import Failure, Task
from workbench.batch.slices import digest, environment, package_digest
from workbench.batch.work import MapJob, executed
from workbench.evidence.files import sha256_file, write_atomic

if TYPE_CHECKING:
    from workbench.batch.limits import Limits
    from workbench.batch.workers import Workers

__all__ = ["compare", "passes"]


def passes(out: Path, notebook: Path, unit: str, workers: Workers, limits: Limits) -> bool:
    """Execute one unit's notebook both ways, once for each notebook, package and environment.

    The sealed notebooks must be the same bytes: findings, figures, MIME types, HTML. A notebook
    whose unit fails is not trusted with it.
    """
    key = digest(
        {
            "notebook": sha256_file(notebook),
            "package": package_digest(),
            "environment": environment(),
        }
    )
    note = out / "private" / "in-child.json"
    if note.exists():
        kept = json.loads(note.read_bytes())
        if kept["key"] == key:
            return bool(kept["same"])
    job = MapJob(str(out.resolve()), unit, str(notebook.resolve()), key, limits=limits)
    told = list(workers.run([Task(unit, compare, job)], seconds=2 * limits.wall + 60))
    same = not isinstance(told[0][1], Failure) and bool(told[0][1])
    write_atomic(note, json.dumps({"key": key, "same": same}).encode())
    return same


def compare(job: MapJob) -> bool:
    """Execute a unit in a forked kernel and in a forked child; say whether the bytes agree."""
    from workbench.batch.execute import sealed_bytes

    sealed = []
    for in_child in (False, True):
        with tempfile.TemporaryDirectory(prefix="wb-equal-") as folder:
            done, _, _ = executed(replace(job, in_child=in_child), Path(folder) / "data")
        if done["error"] is not None and done["error"]["ename"] != "Withheld":
            return False
        sealed.append(sealed_bytes(done["notebook"]))
    return sealed[0] == sealed[1]
