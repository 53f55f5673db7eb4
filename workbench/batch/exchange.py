"""Hosts that do not see the batch folder: slices go to them, executed notebooks come back, by URL.

Only notebooks are executed there. Slices are cut, and reports made and signed, by processes of the
runner's machine, where the data and the keys are. What a host hands in lies under a name that
nobody else uses, and counts when the runner has been told of it with its digest: the runner alone
writes the folder and puts each unit there whole, or not at all, once.

The URL is one that fsspec knows; credentials come from fsspec's own configuration.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import tempfile
import uuid
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from workbench.batch.limits import Lost, of_error
from workbench.batch.pool import Failure, Task
from workbench.batch.work import (
    MapJob,
    commit,
    map_folder,
    map_unit,
    slice_folder,
    working_folder,
)
from workbench.batch.workers import Workers
from workbench.errors import MachineError, Problem

__all__ = ["Errand", "Exchange", "do_errand"]


@dataclass(frozen=True)
class Errand:
    """One unit's notebook is to be executed where the batch folder is not seen.

    ``job`` names no folder of the runner; ``given`` are name and digest of notebook and slice
    under ``url``.
    """

    url: str
    job: MapJob
    given: tuple[tuple[str, str], tuple[str, str]]


def do_errand(errand: Errand) -> dict[str, Any]:
    """Fetch notebook and slice, execute, hand in what came of it; see :func:`map_unit`.

    Returns
    -------
    dict
        As :func:`map_unit`, and ``handed``: name and digest of what was handed in.

    Raises
    ------
    Lost
        As :func:`map_unit`; ``storage``, when what was fetched is not what was sent.
    """
    store, root = _store(errand.url)
    notebook, cut = (_fetched(store, f"{root}/{name}", told) for name, told in errand.given)
    unit = errand.job.community
    with tempfile.TemporaryDirectory(prefix="wb-errand-") as folder:
        out = Path(folder)
        source = out / "notebook.ipynb"
        source.write_bytes(notebook)
        _unpack(cut, slice_folder(out, unit))
        answer = map_unit(replace(errand.job, out=folder, notebook=str(source)))
        made = _packed({"map": map_folder(out, unit), "failed": out / "failed" / unit})
    name = f"{unit}.{uuid.uuid4().hex}.zip"
    store.pipe_file(f"{root}/{name}", made)
    return answer | {"handed": (name, hashlib.sha256(made).hexdigest())}


@dataclass
class Exchange:
    """A cluster that executes notebooks, handed out and in by ``url``; the rest is done here."""

    url: str
    cluster: Workers
    here: Workers
    in_child: bool = field(init=False)

    def __post_init__(self) -> None:
        self.in_child = self.cluster.in_child
        _store(self.url)

    def run(self, tasks: Iterable[Task], *, seconds: float = 7200.0) -> Iterator[tuple[Task, Any]]:
        """Do the tasks; those that execute a notebook, on the cluster."""
        source = iter(tasks)
        for first in source:
            every = chain([first], source)
            if first.function is map_unit:
                yield from self._hand_out(every, seconds)
            else:
                yield from self.here.run(every, seconds=seconds)

    def _hand_out(self, tasks: Iterable[Task], seconds: float) -> Iterator[tuple[Task, Any]]:
        url = f"{self.url.rstrip('/')}/{uuid.uuid4().hex}"
        store, root = _store(url)
        sent: dict[str, Task] = {}

        def put(name: str, data: bytes) -> tuple[str, str]:
            store.pipe_file(f"{root}/{name}", data)
            return name, hashlib.sha256(data).hexdigest()

        def errands() -> Iterator[Task]:
            notebook = None
            for task in tasks:
                job: MapJob = task.argument
                notebook = notebook or put("notebook.ipynb", Path(job.notebook).read_bytes())
                cut = _packed({"": slice_folder(Path(job.out), job.community)})
                given = (notebook, put(f"{job.community}.zip", cut))
                sent[task.name] = task
                away = replace(job, out="", notebook="")
                yield Task(task.name, do_errand, Errand(url, away, given))

        try:
            store.makedirs(root, exist_ok=True)
            for errand, answer in self.cluster.run(errands(), seconds=seconds):
                task = sent.pop(errand.name)
                if isinstance(answer, dict):
                    answer = _taken_in(task.argument, answer, store, root)
                with suppress(OSError):
                    store.rm_file(f"{root}/{task.name}.zip")
                yield task, answer
        finally:
            with suppress(OSError):
                store.rm(root, recursive=True)


def _taken_in(job: MapJob, answer: dict[str, Any], store: Any, root: str) -> Any:
    """Put what a host has handed in into its place, and give the answer without its name."""
    out, unit = Path(job.out), job.community
    name, told = answer.pop("handed")
    try:
        data = _fetched(store, f"{root}/{name}", told)
        staged = working_folder(out, unit)
        _unpack(data, staged)
        if (staged / "failed").is_dir():
            commit(staged / "failed", out / "failed" / unit)
        else:
            shutil.rmtree(out / "failed" / unit, ignore_errors=True)
        commit(staged / "map", map_folder(out, unit))
        staged.rmdir()
        store.rm_file(f"{root}/{name}")
    except (OSError, Lost) as error:
        lost = of_error(error)
        assert lost is not None
        return Failure(lost.code, str(lost), lost.retryable)
    return answer


def _store(url: str) -> tuple[Any, str]:
    """Give the file system of a URL, and the path in it.

    Raises
    ------
    MachineError
        When fsspec is missing, or does not know the protocol.
    """
    try:
        from fsspec.core import url_to_fs

        store, root = url_to_fs(url, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        raise MachineError(
            Problem(
                code="cluster.exchange",
                zh="无法使用交换地址",
                en="the address of the exchange cannot be used",
                found=f"{url}: {error}",
                expected="file://… s3://… sftp://…",
                remedy_zh="安装该协议所需的软件包，或换一个地址",
                remedy_en="install what the protocol needs, or name another address",
            )
        ) from error
    return store, str(root).rstrip("/")


def _fetched(store: Any, path: str, told: str) -> bytes:
    data: bytes = store.cat_file(path)
    if hashlib.sha256(data).hexdigest() != told:
        raise Lost("storage", f"{path.rpartition('/')[2]}: not what was handed in")
    return data


def _packed(folders: dict[str, Path]) -> bytes:
    """Pack folders, those that are there, each under its name."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, folder in folders.items():
            for file in sorted(folder.rglob("*")):
                told = (Path(name) / file.relative_to(folder)).as_posix()
                if file.is_dir():
                    archive.writestr(zipfile.ZipInfo(f"{told}/"), b"")
                else:
                    data = file.read_bytes()
                    archive.writestr(zipfile.ZipInfo(told), data, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _unpack(data: bytes, folder: Path) -> None:
    """Write the files of an archive below ``folder``; one whose name leads out of it is refused."""
    root = folder.resolve()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for entry in archive.infolist():
            target = root / entry.filename
            if not target.resolve().is_relative_to(root):
                raise Lost("storage", f"{entry.filename}: outside its folder")
            if entry.is_dir():
                target.mkdir(parents=True, exist_ok=True)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(entry))
