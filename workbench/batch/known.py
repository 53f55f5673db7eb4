"""Which notebook cells the workbench knows as its own, and which of a notebook are foreign.

Only a cell that a released notebook had word for word is executed in an audit without being asked
for. The bundled notebooks of the running version are known from themselves; those of earlier
releases stand in ``known_cells.json`` (notebook → version → digests of its code cells in order),
which ``python -m workbench.batch.known`` extends at a release.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from workbench import __version__, bundle

__all__ = ["INJECTED", "cell_digest", "code_cells", "foreign", "injected"]

INJECTED = "injected-parameters"
_FILE = Path(__file__).with_name("known_cells.json")


def cell_digest(cell: Mapping[str, Any]) -> str:
    """Digest of a code cell: SHA-256 over its id, its tags and its source.

    Tags count because ``skip-execution`` or ``raises-exception`` change what is executed.
    """
    tags = sorted(map(str, cell.get("metadata", {}).get("tags", ())))
    told = [str(cell["id"]), tags, _source(cell)]
    return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()


def code_cells(notebook: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Code cells of a notebook without the one that papermill put in."""
    return [
        cell
        for cell in notebook["cells"]
        if cell["cell_type"] == "code" and cell.get("id") != INJECTED
    ]


@cache
def _known(name: str) -> dict[str, tuple[str, ...]]:
    """Version → digests of the code cells of the bundled notebook ``name`` in order."""
    told = json.loads(_FILE.read_bytes()).get(name, {}) if _FILE.exists() else {}
    bundled = json.loads((bundle.path("notebooks") / f"{name}.ipynb").read_bytes())
    now = {f"{__version__} (running)": [cell_digest(cell) for cell in code_cells(bundled)]}
    return {version: tuple(digests) for version, digests in (told | now).items()}


def foreign(notebook: Mapping[str, Any], name: str) -> tuple[str, list[str]]:
    """Compare the code of a notebook with the bundled ones of the versions that are known.

    Parameters
    ----------
    notebook
        An executed notebook that may come from a stranger.
    name
        ``community`` or ``batch``.

    Returns
    -------
    tuple of str and list of str
        The version whose notebook it is and an empty list; or an empty version and what is
        foreign: ids of cells that no known version has, or, when all are known, of those that are
        missing, doubled or out of their order in the nearest version.
    """
    found = [(str(cell.get("id")), cell_digest(cell)) for cell in code_cells(notebook)]
    digests = tuple(digest for _, digest in found)
    known = _known(name)
    for version, wanted in known.items():
        if digests == wanted:
            return version, []
    every = set().union(*known.values())
    strange = [cell for cell, digest in found if digest not in every]
    if strange:
        return "", strange
    return "", _out_of_place(found, list(known.values())[-1], name)


def _out_of_place(found: Sequence[tuple[str, str]], wanted: Sequence[str], name: str) -> list[str]:
    bundled = json.loads((bundle.path("notebooks") / f"{name}.ipynb").read_bytes())
    names = {cell_digest(cell): str(cell["id"]) for cell in code_cells(bundled)}
    have = [digest for _, digest in found]
    lacking = [names[digest] for digest in wanted if digest not in have]
    if lacking:
        return lacking
    for i, (cell, digest) in enumerate(found):
        if i >= len(wanted) or digest != wanted[i]:
            return [cell]
    return []


def injected(notebook: Mapping[str, Any]) -> dict[str, str | int] | None:
    """Read the parameters that the executed notebook was given.

    Returns
    -------
    dict or None
        Names and values; None when the cell holds anything but texts and whole numbers assigned
        to names that the parameters cell declares, so that it is code and no parameters.
    """
    from workbench.batch.execute import parameters_of

    cells = [cell for cell in notebook["cells"] if cell.get("id") == INJECTED]
    if not cells:
        return {}
    found: dict[str, str | int] = {}
    try:
        tree = ast.parse(_source(cells[0]))
        for statement in tree.body:
            if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
                return None
            [target] = statement.targets
            value = ast.literal_eval(statement.value)
            if not isinstance(target, ast.Name) or type(value) not in (str, int):
                return None
            found[target.id] = value
        declared = parameters_of(notebook)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    known = len(cells) == 1 and set(found) <= set(declared) and cells[0]["cell_type"] == "code"
    return found if known else None


def _source(cell: Mapping[str, Any]) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def _release() -> None:
    """Enter the running version's notebooks into ``known_cells.json``."""
    told = json.loads(_FILE.read_bytes()) if _FILE.exists() else {}
    for name in ("batch", "community"):
        [digests] = [d for v, d in _known(name).items() if v.endswith("(running)")]
        told.setdefault(name, {})[__version__] = list(digests)
    _FILE.write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    _release()
