"""The slice of one unit: what its kernel sees, what its bag holds, what its keys are made of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench import bundle

if TYPE_CHECKING:
    from workbench.study import Study

__all__ = [
    "SETTINGS",
    "counted",
    "cut_one",
    "cut_unit",
    "digest",
    "environment",
    "load_study",
    "package_digest",
    "read_study",
]

SETTINGS = "inputs/study.json"
"""The file of a slice that holds what the study says."""


def load_study(name: str) -> Study:
    """Load a study folder; ``demo`` is the bundled one."""
    from workbench.study import Study

    return Study.load(bundle.path("demo") if name == "demo" else Path(name))


def read_study(name: str) -> None:
    """Read settings and data of a study, so that the problems of both come in one list.

    Raises
    ------
    InputError
        With every problem of the study.
    """
    from workbench import intake

    intake.read_study(bundle.path("demo") if name == "demo" else Path(name))


def cut_unit(
    study: Study,
    tables: Path,
    community: str,
    data: Path,
    *,
    edition: int = 1,
    earlier: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Write a unit's ``data/inputs`` and ``data/protocol`` and give the digest of both.

    The digests of the raw files are told in ``study.json`` but do not count: a neighbour's row in
    the same file does not make this unit another.

    The suites that its checks will use lie in ``protocol/expectations``: the bundled ones and,
    after them, those of the study's own ``expectations/``. ``earlier`` is what earlier editions
    withheld.
    """
    from workbench.intake import cut

    cut(study, tables, community, data, edition=edition, earlier=earlier)
    suites = data / "protocol" / "expectations"
    suites.mkdir(parents=True, exist_ok=True)
    have = {file.stem for file in (data / "inputs").glob("*.csv")}
    for file in sorted(bundle.path("expectations").glob("*.json")):
        if file.stem in have:
            (suites / file.name).write_bytes(file.read_bytes())
    for file in sorted((study.folder / "expectations").glob("*.json")):
        (suites / f"study-{file.name}").write_bytes(file.read_bytes())
    return tree_digest(data)


def cut_one(study: str, community: str, folder: Path) -> None:
    """Cut one unit's slice of a study into ``folder/data``, as a batch would.

    Raises
    ------
    InputError
        When the study is wrong or has no such unit.
    """
    from workbench.intake import build, write_tables

    opened = load_study(study)
    tables = build(opened)
    write_tables(tables, folder / "tables")
    cut_unit(opened, folder / "tables", community, folder / "data")


def tree_digest(folder: Path) -> str:
    """Digest of a slice: SHA-256 over names and contents, sorted by name."""
    return _tree(folder, (p for p in folder.rglob("*") if p.is_file()))


def assessed_digest(data: Path) -> str:
    """Digest of what a unit is assessed by: its slice, waiting or in a bag, without objections.

    An objection moves no figure; the correction or judgement that it leads to does.
    """
    files = (p for part in ("inputs", "protocol") for p in (data / part).rglob("*") if p.is_file())
    beside = {data / "protocol" / "environment.json", data / "inputs" / "objections.csv"}
    return _tree(data, (p for p in files if p not in beside), but="objections")


def counted(settings: bytes, but: str = "") -> bytes:
    """Give of a slice's ``study.json`` what moves its digest: all but the raw files' digests."""
    told = json.loads(settings)
    del told["files"]
    told.get("tables", {}).pop(but, None)
    return json.dumps(told, ensure_ascii=False, sort_keys=True).encode()


def _tree(folder: Path, files: Iterable[Path], but: str = "") -> str:
    total = hashlib.sha256()
    for file in sorted(files):
        name = file.relative_to(folder).as_posix()
        data = file.read_bytes()
        if name == SETTINGS:
            data = counted(data, but)
        total.update(hashlib.sha256(data).digest() + name.encode() + b"\n")
    return total.hexdigest()


def digest(value: Mapping[str, Any] | list[Any]) -> str:
    """SHA-256 of a value as canonical JSON."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def package_digest() -> str:
    """Digest of the workbench's own code, templates and programmes."""
    total = hashlib.sha256()
    home = Path(bundle.__file__).resolve().parent
    for file in sorted(home.rglob("*")):
        if file.suffix in {".py", ".yaml", ".typ", ".json", ".css"} and "_bundle" not in file.parts:
            total.update(hashlib.sha256(file.read_bytes()).digest())
            total.update(file.relative_to(home).as_posix().encode())
    return total.hexdigest()


@cache
def environment() -> dict[str, str]:
    """Name and version of every installed distribution, the workbench itself left out."""
    found = {d.metadata["Name"].lower(): d.version for d in metadata.distributions()}
    return {name: found[name] for name in sorted(found) if name != "community-workbench"}
