"""The package's front door: names, methods, layers."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import re
from pathlib import Path

import yaml

from workbench import scoring

HOME = Path(inspect.getfile(scoring)).parent


def test_every_method_that_a_row_can_carry_is_described():
    known = yaml.safe_load((HOME / "methods.yaml").read_text(encoding="utf-8"))
    used: set[str] = set()
    for path in HOME.glob("*.py"):
        text = re.sub(r'code="[^"]*"', "", path.read_text(encoding="utf-8"))
        used |= set(re.findall(r'"(scoring\.[a-z_]+)"', text))
    used |= {"scoring.between_variance.dl", "scoring.between_variance.reml"}
    assert used == set(known)
    for key, entry in known.items():
        assert set(entry) == {"zh", "en", "formula", "citation"}, key
        assert all(entry.values()), key


def test_the_list_of_names_is_whole_and_sorted_by_nothing_hidden():
    for name in scoring.__all__:
        assert getattr(scoring, name).__doc__ or not callable(getattr(scoring, name)), name
    assert len(set(scoring.__all__)) == len(scoring.__all__)


def test_scoring_knows_only_survey_and_errors():
    for path in HOME.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Import):
                names = [a.name for a in node.names]
            for name in names:
                if name.startswith("workbench"):
                    allowed = ("workbench.scoring", "workbench.errors", "workbench.survey")
                    assert name.startswith(allowed), (path.name, name)


def test_every_public_function_says_what_comes_in_and_where_it_is_from():
    for name in scoring.__all__:
        thing = getattr(scoring, name)
        if inspect.isfunction(thing) and name not in ("noise_sd", "robust_z", "shares_of",
                                                      "cronbach_alpha", "fleiss_kappa"):  # fmt: skip
            text = inspect.getdoc(thing) or ""
            assert "Parameters" in text or "Returns" in text or "References" in text, name


def test_examples_of_the_methods_page_run(root):
    result = doctest.testfile(
        str(root / "docs" / "methods" / "scoring.md"), module_relative=False, encoding="utf-8"
    )
    assert result.attempted > 10
    assert result.failed == 0


def test_examples_of_the_docstrings_run():
    attempted = 0
    for path in sorted(HOME.glob("[a-z]*.py")):
        module = importlib.import_module(f"workbench.scoring.{path.stem}")
        result = doctest.testmod(module)
        assert result.failed == 0, path.name
        attempted += result.attempted
    assert attempted > 20


EXPLORATORY = {
    "ahp", "ahp_group", "entropy_weights", "critic_weights", "variation_weights", "pca_weights",
    "topsis", "grey_relation", "rank_sum_ratio", "fuzzy_evaluation", "importance_performance",
    "aggregate", "aggregate_tree", "crossed_effects", "many_facet_rasch",
}  # fmt: skip


def test_exploratory_methods_are_called_by_nothing_that_feeds_a_report(root):
    assert set(scoring.__all__) >= EXPLORATORY
    sources = [
        *(root / "workbench" / "assess").glob("*.py"),
        *(root / "workbench" / "report").glob("*.py"),
        *(root / "workbench").glob("*.py"),
        root / "notebooks" / "community.ipynb",
        root / "notebooks" / "batch.ipynb",
    ]
    assert len(sources) > 20
    for path in sources:
        called = set(re.findall(r"scoring\.([a-z_]+)\(", path.read_text(encoding="utf-8")))
        assert not called & EXPLORATORY, path.name
