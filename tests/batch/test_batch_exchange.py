"""Notebooks that are executed where the batch folder is not seen come back whole, and once."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.batch.test_batch_trouble import tree
from workbench.batch import cluster, state
from workbench.batch.exchange import Exchange, _unpack, do_errand
from workbench.batch.forkserver import available, kernels_of
from workbench.batch.limits import Lost
from workbench.batch.pool import Task
from workbench.batch.run import run
from workbench.batch.workers import Local
from workbench.errors import MachineError


@dataclass
class Elsewhere:
    """Workers that are told nothing of the batch folder; the first upload of theirs is torn."""

    workers: Local
    out: Path
    store: Path
    in_child: bool
    torn: list[str] = field(default_factory=list)

    def run(self, tasks: Iterable[Task], *, seconds: float = 0.0) -> Iterator[tuple[Task, Any]]:
        def watched() -> Iterator[Task]:
            for task in tasks:
                assert task.function is do_errand
                assert str(self.out).encode() not in pickle.dumps(task)
                yield task

        for task, answer in self.workers.run(watched(), seconds=seconds):
            if not self.torn:
                self.torn.append(task.name)
                (file,) = self.store.rglob(answer["handed"][0])
                file.write_bytes(file.read_bytes()[:-100])
            yield task, answer


@pytest.mark.usefixtures("home")
@pytest.mark.skipif(not available(), reason="fresh kernels are too slow for this test")
def test_units_arrive_by_url_whole_and_once(
    tiny: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, out, store = (
        tiny("if community == 'AA-03':\n    1 / 0"),
        tmp_path / "out",
        tmp_path / "x",
    )
    made: list[Elsewhere] = []

    @contextmanager
    def connected(address: str, *, jobs: int, kernels: str) -> Iterator[Elsewhere]:
        with kernels_of(kernels) as (named, in_child):
            made.append(Elsewhere(Local(jobs, named, in_child), out, store, in_child))
            yield made[0]

    monkeypatch.setattr(cluster, "connected", connected)
    more: dict[str, Any] = {"jobs": 1, "kernels": "in-child", "languages": ["zh"]}
    outcome = run(str(study), out, cluster="c", exchange=store.as_uri(), **more)
    assert (outcome.signed, outcome.code) == (2, 4)
    told = [line for line in state._lines(out) if line["community"] == made[0].torn[0]]
    assert told[0]["reason"]["code"] == "storage"
    assert told[-1]["state"] == "signed", "the torn one was executed again"
    assert (out / "failed" / "AA-03" / "traceback.txt").is_file()
    assert list(store.iterdir()) == []
    assert list((out / "private" / "work").iterdir()) == []
    run(str(study), tmp_path / "quiet", **more)
    assert tree(out) == tree(tmp_path / "quiet")


def test_an_address_that_cannot_be_used_is_refused() -> None:
    with pytest.raises(MachineError) as refused:
        Exchange("nowhere://x", Local(1), Local(1))
    assert refused.value.problems[0].code == "cluster.exchange"


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/x"])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a/in", b"1")
        archive.writestr(name, b"2")
    (tmp_path / "to").mkdir()
    with pytest.raises(Lost):
        _unpack(packed.getvalue(), tmp_path / "to")
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["in"]
