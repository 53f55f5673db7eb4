"""Every method a finding names is registered with its formula and citation."""

from __future__ import annotations

import re
from pathlib import Path

from workbench.report import load_methods

ASSESS = Path(__file__).resolve().parents[1] / "workbench" / "assess"
NAMED = re.compile(r"""method["']?\s*[:=]\s*["']([a-z0-9_.]+)["']""")


def test_methods_named_by_the_notebooks_functions_are_registered() -> None:
    known = load_methods()
    named = {m for file in ASSESS.glob("*.py") for m in NAMED.findall(file.read_text("utf-8"))}
    assert len(named) > 8
    assert named <= set(known), sorted(named - set(known))


def test_a_method_has_names_formula_and_citation() -> None:
    for key, told in load_methods().items():
        assert {"zh", "en", "formula", "citation"} <= set(told), key
        assert all(str(told[name]).strip() for name in ("zh", "en", "formula", "citation")), key
