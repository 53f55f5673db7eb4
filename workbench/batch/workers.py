"""Who does the tasks: processes of this machine, or those of a Dask cluster in shards.

Both give each task with its result or :class:`~workbench.batch.pool.Failure`, in the order in which
they are done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from workbench.batch.pool import Failure, Task, run_tasks
from workbench.errors import MachineError, Problem

__all__ = ["Local", "Workers", "apart"]


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


def apart(workers: Workers, task: Task, *, seconds: float = 4 * 3600.0) -> Any:
    """Do one task in a process of its own, so that what it reads is not held by the runner.

    Raises
    ------
    MachineError
        When it could not be done.
    """
    ((_, answer),) = workers.run([task], seconds=seconds)
    if isinstance(answer, Failure):
        raise MachineError(
            Problem(
                code=f"batch.{task.name}" if answer.code != "disk-full" else "batch.disk",
                zh=_PARTS[task.name][0],
                en=_PARTS[task.name][1],
                found=answer.message,
            )
        )
    return answer


_PARTS = {
    "tables": ("读入数据未能完成", "the data could not be read to the end"),
    "reduce": ("汇总笔记本未能执行", "the batch notebook could not be executed"),
    "overview": ("总览未能写出", "the overview could not be written"),
}
