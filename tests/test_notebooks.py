"""The notebooks as they are committed: thin, without outputs, ready to be run top to bottom."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parents[1] / "notebooks").glob("*.ipynb"))
assert NOTEBOOKS
LINES = 15
NOT_HERE = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.Lambda,
    ast.ClassDef,
    ast.Try,
    ast.For,
    ast.While,
    ast.With,
)

pytestmark = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)


def cells(path: Path, kind: str | None = None) -> list[dict[str, Any]]:
    """Give the cells of a notebook, or those of one kind."""
    told = json.loads(path.read_bytes())["cells"]
    return [cell for cell in told if kind in {None, cell["cell_type"]}]


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def code(path: Path) -> list[tuple[str, ast.Module]]:
    return [(cell["id"], ast.parse(source(cell))) for cell in cells(path, "code")]


def test_it_has_no_outputs_and_no_execution_counts(path: Path) -> None:
    for cell in cells(path, "code"):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None


def test_it_has_no_metadata_of_an_editor(path: Path) -> None:
    metadata = json.loads(path.read_bytes())["metadata"]
    assert set(metadata) <= {"kernelspec", "language_info"}
    assert metadata["kernelspec"]["name"] == "python3"
    assert metadata["language_info"] == {"name": "python"}
    for cell in cells(path):
        assert set(cell["metadata"]) <= {"tags"}
        assert "attachments" not in cell


def test_it_is_valid_nbformat(path: Path) -> None:
    import nbformat

    nbformat.validate(json.loads(path.read_bytes()))


def test_cell_ids_are_unique_and_speak(path: Path) -> None:
    ids = [cell["id"] for cell in cells(path)]
    assert len(ids) == len(set(ids))
    assert not [name for name in ids if len(name) == 8 and set(name) <= set("0123456789abcdef")]


def test_it_has_one_parameters_cell_of_annotated_literals(path: Path) -> None:
    tagged = [c for c in cells(path, "code") if "parameters" in c["metadata"].get("tags", ())]
    assert len(tagged) == 1
    assert next(c["id"] for c in cells(path, "code")) == tagged[0]["id"]
    for statement in ast.parse(source(tagged[0])).body:
        assert isinstance(statement, ast.AnnAssign), "name: type = literal"
        assert isinstance(statement.target, ast.Name)
        assert isinstance(statement.annotation, ast.Name)
        assert statement.value is not None
        value = ast.literal_eval(statement.value)
        assert type(value).__name__ == statement.annotation.id


def test_its_cells_call_the_package_and_define_nothing(path: Path) -> None:
    for name, tree in code(path):
        wrong = [type(node).__name__ for node in ast.walk(tree) if isinstance(node, NOT_HERE)]
        assert not wrong, f"cell {name}: {wrong}"


def test_it_reads_no_files_and_installs_nothing(path: Path) -> None:
    for cell in cells(path, "code"):
        text = source(cell)
        for forbidden in ("%", "!", "read_excel", "read_csv", "open(", "pip "):
            where = text.replace("wb.open(", "").replace("open_batch(", "").replace("!=", "")
            assert forbidden not in where, f"cell {cell['id']}: {forbidden}"


def test_its_cells_are_short(path: Path) -> None:
    for cell in cells(path):
        assert len(source(cell).splitlines()) <= LINES, f"cell {cell['id']}"


def test_it_begins_with_words_and_its_headings_stand_in_both_languages(path: Path) -> None:
    kinds = [cell["cell_type"] for cell in cells(path)]
    assert kinds[0] == "markdown"
    text = " ".join(source(cell) for cell in cells(path, "markdown"))
    for heading in (line for line in text.splitlines() if line.startswith("## ")):
        zh, _, en = heading.partition(" / ")
        assert any("\u4e00" <= sign <= "\u9fff" for sign in zh), heading
        assert en.isascii(), heading
        assert en, heading


def test_every_module_it_imports_exists(path: Path) -> None:
    for name, tree in code(path):
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    assert importlib.util.find_spec(alias.name), f"cell {name}: {alias.name}"
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0
                module = importlib.import_module(str(node.module))
                for alias in node.names:
                    found = hasattr(module, alias.name) or importlib.util.find_spec(
                        f"{node.module}.{alias.name}"
                    )
                    assert found, f"cell {name}: {node.module}.{alias.name}"


def test_every_name_it_takes_from_a_module_exists(path: Path) -> None:
    """What a cell calls on ``assess``, ``charts`` and the like is there to be called."""
    modules: dict[str, Any] = {}
    for name, tree in code(path):
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    modules[alias.asname or alias.name] = importlib.import_module(
                        f"{node.module}.{alias.name}"
                    )
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    modules[alias.asname or alias.name] = importlib.import_module(alias.name)
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                module = modules.get(node.value.id)
                assert module is None or hasattr(module, node.attr), f"cell {name}: {node.attr}"
