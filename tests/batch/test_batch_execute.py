"""One notebook in a kernel of its own, sealed to the same bytes each time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.batch.execute import execute, parameters_of, seal, sealed_bytes
from workbench.batch.limits import Limits, Lost
from workbench.batch.work import _refuse_left
from workbench.findings import extract

CELLS = (
    "import pandas as pd\nimport workbench as wb\n"
    "row = {'finding': ['x.a'], 'kind': ['estimate'], 'value': [0.123456789012], 'unit': ['share']}\n"
    "wb.record(pd.DataFrame(row), section='s')\nprint('one')\nprint('two')",
    "import os\nprint(sorted(k for k in os.environ if 'SECRET' in k or k == 'WORKBENCH_HOME'))",
)


@pytest.fixture
def source(tmp_path: Path, notebook: Callable[..., str]) -> Path:
    file = tmp_path / "n.ipynb"
    file.write_text(notebook(*CELLS), encoding="utf-8")
    return file


def test_the_same_notebook_gives_the_same_bytes_and_no_secret_reaches_the_kernel(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_SECRET", "1")
    monkeypatch.setenv("WORKBENCH_HOME", "/nowhere")
    sealed = []
    for run in ("a", "b"):
        cwd, scratch = tmp_path / run / "data", tmp_path / run / "scratch"
        cwd.mkdir(parents=True)
        scratch.mkdir()
        done = execute(source, parameters={"community": "B-1"}, cwd=cwd, scratch=scratch)
        assert done["error"] is None
        sealed.append(sealed_bytes(done["notebook"]))
    assert sealed[0] == sealed[1]
    told = json.loads(sealed[0])
    assert [cell["id"] for cell in told["cells"]][:2] == ["parameters", "injected-parameters"]
    assert [cell["execution_count"] for cell in told["cells"]] == [1, 2, 3, 4]
    assert str(tmp_path).encode() not in sealed[0]
    found = extract(told, community="B-1", edition=1)
    assert found[0]["cell"] == "cell-1"
    assert found[0]["value"] == 0.123456789
    assert found[0]["display_zh"] == "12.3%"
    streams = [o for c in told["cells"] for o in c["outputs"] if o["output_type"] == "stream"]
    assert [s["text"] for s in streams] == ["one\ntwo\n", "[]\n"]


def test_an_error_is_returned_with_its_cell_and_the_marker_cells_are_gone(
    tmp_path: Path, notebook: Callable[..., str]
) -> None:
    file = tmp_path / "n.ipynb"
    file.write_text(notebook("1 / 0", "print(1)"), encoding="utf-8")
    done = execute(file, parameters={}, cwd=tmp_path, scratch=tmp_path)
    assert done["error"]["ename"] == "ZeroDivisionError"
    assert done["error"]["cell"] == "cell-1"
    cells = done["notebook"]["cells"]
    assert [cell["id"] for cell in cells] == ["parameters", "cell-1", "cell-2"]
    assert cells[1]["outputs"][0]["traceback"] == ["ZeroDivisionError: division by zero"]
    assert cells[2]["execution_count"] is None


def test_parameters_are_read_from_the_tagged_cell_only(notebook: Callable[..., str]) -> None:
    assert parameters_of(json.loads(notebook("other: int = 1"))) == ["study", "community", "seed"]
    assert parameters_of({"cells": []}) == []


def test_sealing_twice_changes_nothing(notebook: Callable[..., str]) -> None:
    once = seal(json.loads(notebook("x = 1")))
    assert sealed_bytes(seal(once)) == sealed_bytes(once)


def test_what_a_notebook_was_given_is_not_counted_as_its_output(tmp_path: Path) -> None:
    (tmp_path / "inputs" / "photos").mkdir(parents=True)
    (tmp_path / "inputs" / "photos" / "large.jpg").write_bytes(b"x" * 100)
    _refuse_left(tmp_path, Limits(output=10))
    (tmp_path / "made.bin").write_bytes(b"x" * 11)
    with pytest.raises(Lost, match="11 bytes"):
        _refuse_left(tmp_path, Limits(output=10))
