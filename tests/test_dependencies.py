"""pyproject.toml, the lock and environment.yml agree, and nothing installed is under the GPL."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PINS = {
    canonicalize_name(name): version
    for name, version in re.findall(
        r"^([A-Za-z0-9._-]+)(?:\[[^\]]+\])?==([^\s;\\]+)", LOCK, flags=re.M
    )
}


def requirements(*lists: list[str]) -> dict[str, Requirement]:
    """Parse requirement strings by canonical name."""
    found = [Requirement(text) for each in lists for text in each]
    return {canonicalize_name(req.name): req for req in found}


def test_every_requirement_is_pinned_within_its_range() -> None:
    wanted = requirements(PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for name, req in wanted.items():
        assert name in PINS, f"{name} is not in the lock"
        assert req.specifier.contains(PINS[name], prereleases=True), f"{req} against {PINS[name]}"


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-ci.lock"])
def test_every_pin_has_hashes_and_the_lock_names_no_index(name: str) -> None:
    lock = (ROOT / name).read_text(encoding="utf-8")
    blocks = re.split(r"\n(?=\S)", lock.strip())
    for block in blocks:
        assert "--hash=sha256:" in block, block.splitlines()[0]
    assert "://" not in lock
    assert "index" not in re.sub(r"^[a-z0-9\[\]-]+==.*$", "", lock, flags=re.M)


def test_second_opinions_are_pinned_to_the_versions_of_the_lock() -> None:
    lock = (ROOT / "requirements-ci.lock").read_text(encoding="utf-8")
    for name, version in re.findall(
        r"^([A-Za-z0-9._-]+)(?:\[[^\]]+\])?==([^\s;\\]+)", lock, flags=re.M
    ):
        assert PINS.get(canonicalize_name(name), version) == version, name


def test_environment_yml_asks_for_what_pyproject_asks_for() -> None:
    text = (ROOT / "environment.yml").read_text(encoding="utf-8")
    entries = yaml.safe_load(text)["dependencies"]
    pip = next(entry["pip"] for entry in entries if isinstance(entry, dict))
    conda = [entry for entry in entries if isinstance(entry, str) and entry.split()[0] != "pip"]
    python = next(entry for entry in conda if entry.startswith("python"))
    assert python.removeprefix("python").strip() == PROJECT["requires-python"]
    have = requirements([entry for entry in conda if entry != python], pip)
    want = requirements(PROJECT["dependencies"])
    assert {n: str(r.specifier) for n, r in have.items()} == {
        n: str(r.specifier) for n, r in want.items()
    }


COPYLEFT = re.compile(r"\b(A?GPL|GNU (Affero )?General Public)", re.I)
LESSER = re.compile(r"LGPL|Lesser General Public", re.I)


@pytest.mark.parametrize("name", sorted(PINS))
def test_nothing_the_lock_installs_is_under_the_gpl(name: str) -> None:
    try:
        meta = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        pytest.skip("not installed on this platform")
    said = [meta.get("License-Expression") or "", (meta.get("License") or "").split("\n")[0]]
    said += [c for c in meta.get_all("Classifier") or [] if c.startswith("License ::")]
    for text in said:
        choices = re.split(r"\bOR\b|/|;", text) if "License ::" not in text else [text]
        bad = [c for c in choices if COPYLEFT.search(c) and not LESSER.search(c)]
        assert len(bad) < len(choices), f"{name}: {text}"
