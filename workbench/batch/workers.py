"""Who does the tasks: processes of this machine, or those of a Dask cluster in shards.

Both give each task with its result or :class:`~workbench.batch.pool.Failure`, in the order in which
they are done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from workbench.batch.pool import Task, run_tasks

__all__ = ["Local", "Workers"]


class Workers(Protocol):
    """Something that does tasks; ``in_child`` says whether cells may run in forked children."""

    in_child: bool

    def run(self, tasks: Iterable[Task], *, seconds: float = ...) -> Iterator[tuple[Task, Any]]:
        """Do the tasks; ``seconds`` is the wall-clock limit of one."""
        ...


@dataclass
class Local:
    """Worker processes of this machine; ``environment`` names the fork server, if there is one."""

    jobs: int
    environment: dict[str, str] = field(default_factory=dict)
    in_child: bool = False

    def run(self, tasks: Iterable[Task], *, seconds: float = 7200.0) -> Iterator[tuple[Task, Any]]:
        """Do the tasks in ``jobs`` processes."""
        return run_tasks(tasks, jobs=self.jobs, seconds=seconds, environment=self.environment)
