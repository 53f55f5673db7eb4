"""The pages of the documentation: their examples run, their links lead somewhere, their commands exist."""

from __future__ import annotations

import argparse
import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```\s*$", re.M | re.S)
ids = [page.name for page in PAGES]


def blocks(page: Path, language: str) -> list[str]:
    """Give the fenced blocks of one language."""
    return [
        text for kind, text in FENCE.findall(page.read_text(encoding="utf-8")) if kind == language
    ]


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_its_python_examples_run_and_give_what_they_say(page: Path) -> None:
    names: dict[str, object] = {"__name__": "__main__"}
    for number, text in enumerate(blocks(page, "python"), 1):
        if ">>>" not in text:
            exec(compile(text, f"{page.name}, block {number}", "exec"), names)
            continue
        test = doctest.DocTestParser().get_doctest(text, names, f"{page.name}:{number}", None, 0)
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
        said: list[str] = []
        runner.run(test, out=said.append, clear_globs=False)
        assert not runner.failures, "".join(said)
        names = test.globs


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_its_links_inside_the_repository_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_it_names_no_place_of_one_machine(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert str(Path.home()) not in text
    assert f"{ROOT}/" not in text
    assert not re.search(r"/home/|\b[A-Z]:\\", text)


def commands() -> dict[str, set[str]]:
    """Give the commands of ``workbench`` with their options."""
    from workbench.cli import _parser

    for action in _parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            return {
                name: {option for one in parser._actions for option in one.option_strings}
                for name, parser in action.choices.items()
            }
    raise AssertionError


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_the_commands_it_shows_exist_with_their_options(page: Path) -> None:
    known = commands()
    for text in (*blocks(page, "sh"), *re.findall(r"`(workbench [^`]+)`", page.read_text("utf-8"))):
        for line in text.splitlines():
            shown = line.split(" #")[0]
            found = re.search(r"\bworkbench (?:--messages (?:zh|en) )?([a-z]+)\b(.*)", shown)
            if found is None or "--version" in shown:
                continue
            assert found[1] in known, line
            options = set(re.findall(r"(?<!\S)--[a-z-]+", found[2]))
            assert options <= known[found[1]], line


def test_the_assessors_guide_tells_every_command_and_option() -> None:
    text = (ROOT / "docs" / "assessor.md").read_text(encoding="utf-8")
    for command, options in commands().items():
        assert f"workbench {command}" in text
        for option in options - {"-h", "--help"}:
            assert option in text, f"{command} {option}"


def test_the_architecture_tells_every_part_of_the_package() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for part in (ROOT / "workbench").iterdir():
        if (part.is_dir() or part.suffix == ".py") and not part.name.startswith("_"):
            assert f"{part.name}/" in text or part.name in text, part.name


def test_the_readme_is_short_and_has_its_picture() -> None:
    page = ROOT / "README.md"
    assert len(page.read_text(encoding="utf-8").splitlines()) < 150
    assert (ROOT / "docs" / "images" / "report-page.png").stat().st_size <= 300_000
