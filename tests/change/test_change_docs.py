"""The examples of the docstrings and of docs/methods/change.md run as they stand."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

from workbench import change

PAGE = Path(__file__).resolve().parents[2] / "docs" / "methods" / "change.md"
MODULES = [name for _, name, _ in pkgutil.iter_modules(change.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    module = importlib.import_module(f"workbench.change.{name}")
    assert doctest.testmod(module).failed == 0


def test_the_methods_page_runs_and_holds_the_table_of_simulations() -> None:
    made = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert made.attempted >= 5
    assert made.failed == 0
    text = PAGE.read_text(encoding="utf-8")
    assert "| design, 8 buildings |" in text
