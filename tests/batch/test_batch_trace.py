"""From a number in the report to its cell, method and rows; the auditor's notebook runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.batch import trace
from workbench.batch.execute import execute
from workbench.errors import InputError


@pytest.fixture
def bag(demo_batch: Path) -> trace.Bag:
    return trace.open_bag(demo_batch / "communities" / "JX-01")


def test_every_number_leads_to_a_cell_a_method_and_tables_of_the_evidence_list(
    bag: trace.Bag,
) -> None:
    cells = set(trace.cells(bag)["cell"])
    numbers = trace.numbers(bag)
    assert len(numbers) > 100
    for row in bag.findings:
        if row["value"] is None or row["notebook"] == "batch":
            continue
        told = trace.path(bag, str(row["finding"])).set_index("step_en")["what"]
        assert told["cell"] in cells
        assert told["value"] == row["value"]
        digests = [what for step, what in told.items() if str(step).endswith("and the list")]
        assert digests, row["finding"]
        assert set(digests) == {"一致 / same"}
        if row["method"]:
            assert told["formula"], row["method"]


def test_a_number_of_the_survey_leads_to_the_answers_of_its_item(bag: trace.Bag) -> None:
    found = trace.rows(bag, "indicator.resident_satisfaction")
    assert list(found) == ["responses"]
    assert "q1" in found["responses"]
    assert len(found["responses"]) == 5


def test_every_cell_of_a_genuine_bag_is_known(bag: trace.Bag) -> None:
    assert trace.cells(bag)["known"].all()


def test_an_unknown_number_is_told_with_the_nearest(bag: trace.Bag) -> None:
    with pytest.raises(InputError) as caught:
        trace.path(bag, "indicator.resident_satisfacton")
    assert "resident_satisfaction" in caught.value.problems[0].remedy_en


def test_the_notebook_leads_through_a_bag(
    demo_batch: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bag = demo_batch / "communities" / "JX-01"
    home = demo_batch.parent / "home"
    root_pem = next((home / "trust").glob("*.pem"))
    monkeypatch.setenv("HOME", str(tmp_path))  # the keys of this machine are not used
    done = execute(
        root / "notebooks" / "audit.ipynb",
        parameters={"bag": str(bag), "trust": str(root_pem.parent)},
        cwd=tmp_path,
        scratch=tmp_path,
    )
    assert done["error"] is None
    shown = {
        cell["id"]: "".join(output["data"].get("text/html", "") for output in cell["outputs"])
        for cell in done["notebook"]["cells"]
        if cell["cell_type"] == "code" and all("data" in o for o in cell["outputs"])
    }
    assert "changed" not in shown["chain"]
    assert "valid" in shown["chain"]
    assert "indicators" in shown["path"]
    assert "q1" in shown["first"]
