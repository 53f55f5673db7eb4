"""Executes one notebook once more, in a process of its own: the inner part of an audit.

``python -m workbench.batch.rerun FOLDER`` reads ``FOLDER/job.json`` (parameters, CPU seconds),
executes ``FOLDER/source.ipynb`` in ``FOLDER/data`` and writes ``FOLDER/again.ipynb`` and
``FOLDER/result.json``. It may be another Python than the one that asked for it.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

__all__ = ["rerun"]


def rerun(folder: Path) -> None:
    """Execute the notebook of a folder; an error in a cell is part of the result."""
    from workbench.batch.environment import running
    from workbench.batch.execute import execute, sealed_bytes

    job = json.loads((folder / "job.json").read_bytes())
    limited = _limit(int(job["cpu_seconds"]))
    scratch = folder / "scratch"
    scratch.mkdir()
    done = execute(
        folder / "source.ipynb",
        parameters=job["parameters"],
        cwd=folder / "data",
        scratch=scratch,
    )
    (folder / "again.ipynb").write_bytes(sealed_bytes(done["notebook"]))
    error = done["error"]
    told = {
        "environment": running(),
        "error": error and {name: error[name] for name in ("ename", "evalue", "cell")},
        "cpu_limited": limited,
    }
    text = json.dumps(told, ensure_ascii=False, allow_nan=False)
    (folder / "result.json").write_text(text, encoding="utf-8")


def _limit(seconds: int) -> bool:
    """Limit the CPU time of this process and of each it starts, where the system can."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        return True
    return False


if __name__ == "__main__":
    rerun(Path(sys.argv[1]))
