"""The benchmarks can be run and print as they promise; nothing here is timed."""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def lines(root: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(root))
    return importlib.import_module("benchmarks.lines")


def test_every_block_can_be_imported_and_run(lines: Any) -> None:
    for name in importlib.import_module("benchmarks.__main__").BLOCKS:
        assert callable(importlib.import_module(f"benchmarks.{name}").run)


def test_the_example_of_the_printed_form_holds(lines: Any) -> None:
    assert doctest.testmod(lines).failed == 0


@pytest.mark.parametrize(
    ("unit", "first", "this", "ratio"),
    [
        ("s", 6.0, 0.5, "12.0x"),
        ("MB", 100.0, 200.0, "0.5x"),
        ("notebooks/h", 500.0, 6000.0, "12.0x"),
        ("bytes", 10.0, 1000.0, "0.01x"),
    ],
)
def test_a_ratio_above_one_is_better(
    lines: Any, unit: str, first: float, this: float, ratio: str
) -> None:
    *_, printed = lines.lines(
        "block", [lines.Figure("a", first, unit), lines.Figure("b", this, unit)]
    )
    assert re.fullmatch(r"b  [0-9.]+  \S+  \S+", printed)
    assert printed.endswith("  " + ratio)
    assert printed.isascii()


def test_a_figure_in_another_unit_has_no_ratio(lines: Any) -> None:
    *_, printed = lines.lines("block", [lines.Figure("a", 1, "s"), lines.Figure("b", 2, "MB")])
    assert printed == "b  2.00  MB  -"


def test_an_unknown_block_is_refused_by_name(
    lines: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        importlib.import_module("benchmarks.__main__").main(["nothing"])
    assert "nothing" in capsys.readouterr().err
