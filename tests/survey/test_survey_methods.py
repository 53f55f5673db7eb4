"""Every method a result names is explained; the page of methods runs."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
METHODS = yaml.safe_load((ROOT / "workbench/survey/methods.yaml").read_text(encoding="utf-8"))


def emitted() -> set[str]:
    """Keys written in the code as ``method``, with the parts that are filled in."""
    keys = set()
    fill = {
        "{of}": ["mean", "total", "top2", "bottom2", "net", "mean_0_100"],
        "{statistic}": ["F", "chi2", "wald", "adjusted_wald"],
        "{family}": ["gaussian", "binomial", "poisson", "ordinal"],
        "{fit.lower()}": ["reml", "ml", "fh"],
    }
    for path in (ROOT / "workbench/survey").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        for key in re.findall(r'(?:method"?\]?\s*[=:]\s*)\[?f?"(survey\.[^"]+)"', text):
            hole = next((h for h in fill if h in key), None)
            keys |= {key.replace(hole, v) for v in fill[hole]} if hole else {key}
    keys |= {k.replace("taylor", "replicates") for k in keys}
    return keys | {f"survey.ci.{c}" for c in ("t", "logit", "wilson", "beta", "asin", "wald")}


def test_every_method_named_in_a_result_is_explained() -> None:
    keys = emitted()
    assert len(keys) > 40
    assert keys <= set(METHODS)


@pytest.mark.parametrize("key", METHODS)
def test_method_has_names_formula_and_citation(key: str) -> None:
    assert set(METHODS[key]) == {"zh", "en", "formula", "citation"}
    assert all(METHODS[key].values())


def test_worked_example_of_the_methods_page_runs() -> None:
    page = ROOT / "docs" / "methods" / "survey.md"
    result = doctest.testfile(
        str(page), module_relative=False, encoding="utf-8", optionflags=doctest.NORMALIZE_WHITESPACE
    )
    assert result.attempted > 15
    assert result.failed == 0


def test_examples_in_the_docstrings_run() -> None:
    import importlib

    attempted = 0
    for path in sorted((ROOT / "workbench/survey").glob("*.py")):
        name = "workbench.survey" + ("" if path.stem == "__init__" else f".{path.stem}")
        result = doctest.testmod(importlib.import_module(name))
        assert result.failed == 0, name
        attempted += result.attempted
    assert attempted > 8
