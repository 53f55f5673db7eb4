"""communities.jsonl survives a torn line; one runner at a time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench.batch import state
from workbench.errors import MachineError


def test_the_last_line_of_a_unit_counts(tmp_path: Path) -> None:
    state.append(tmp_path, {"community": "A", "state": "failed", "attempt": 1})
    state.append(tmp_path, {"community": "B", "state": "signed"})
    state.append(tmp_path, {"community": "A", "state": "signed", "attempt": 2})
    rows = state.read(tmp_path)
    assert rows["A"]["attempt"] == 2
    assert list(rows["A"]) == list(state.FIELDS)
    assert rows["B"]["state"] == "signed"


def test_a_line_torn_by_a_crash_is_ignored_and_ended(tmp_path: Path) -> None:
    state.append(tmp_path, {"community": "A", "state": "draft"})
    with (tmp_path / "communities.jsonl").open("ab") as file:
        file.write(b'{"community": "A", "state": "sig')
    state.append(tmp_path, {"community": "B", "state": "draft"})
    assert {unit: row["state"] for unit, row in state.read(tmp_path).items()} == {
        "A": "draft",
        "B": "draft",
    }


def test_a_second_runner_is_refused_and_a_dead_ones_lock_is_taken(tmp_path: Path) -> None:
    with state.lock(tmp_path), pytest.raises(MachineError) as refused, state.lock(tmp_path):
        pass
    assert refused.value.problems[0].code == "batch.locked"
    (tmp_path / ".lock").write_text(json.dumps({"pid": 2**22 + 1, "started": 1.0}))
    with state.lock(tmp_path):
        assert (tmp_path / ".lock").exists()
    assert not (tmp_path / ".lock").exists()
