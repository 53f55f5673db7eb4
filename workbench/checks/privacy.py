"""Marks of persons (:mod:`workbench.text.masking`) in files that are to leave the house.

A name cannot be told from other words and is not looked for.
"""

from __future__ import annotations

import html
import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.text.masking import KINDS, marks

__all__ = ["KINDS", "Mark", "marks", "marks_in_file"]

_TEXT = {".csv", ".json", ".jsonl", ".html", ".svg", ".txt", ".xml", ".yaml", ".md"}
_MOST = 200 << 20


@dataclass(frozen=True)
class Mark:
    """One mark of a person: its kind, the file and line, and what stands there, masked."""

    kind: str
    where: str
    shown: str


def marks_in_file(path: Path, name: str) -> list[Mark]:
    """Search one file that is to leave the house.

    Text of every kind is read, JSON and notebooks value by value with their outputs, workbooks
    by their parts. A PDF is not opened: what it prints stands in findings and HTML as well.
    """
    found: list[Mark] = []
    for where, text in _texts(path):
        found += [Mark(kind, f"{name}{where}", shown) for kind, shown in marks(text)]
    return list(dict.fromkeys(found))


def _texts(path: Path) -> Iterator[tuple[str, str]]:
    suffix = path.suffix.lower()
    if path.stat().st_size > _MOST:
        raise ValueError(f"{path.name}: too large to be searched")
    if suffix == ".ipynb":
        yield from _cells(json.loads(path.read_bytes()))
    elif suffix == ".json":
        yield from (("", text) for text in _strings(json.loads(path.read_bytes())))
    elif suffix in _TEXT:
        text = path.read_text(encoding="utf-8", errors="replace")
        marked = suffix in {".html", ".svg"}
        for n, line in enumerate((_words(text) if marked else text).split("\n"), start=1):
            yield f":{n}", line
    elif suffix == ".xlsx":
        with zipfile.ZipFile(path) as book:
            for part in book.namelist():
                if part.endswith(".xml"):
                    text = html.unescape(book.read(part).decode("utf-8", "replace"))
                    yield f"[{part}]", re.sub(r"<[^>]*>", "\n", text)
    elif suffix == ".parquet":
        yield from _columns(path)


# coordinates and embedded files: numbers that nobody can call
_DRAWN = re.compile(
    r'\s(?:d|points|transform|viewBox)="[^"]*"|data:[a-z/+.-]{1,60};base64,[A-Za-z0-9+/=\s]+'
)


def _words(text: str) -> str:
    """Give the words of marked-up text: geometry and embedded files out, lines kept."""
    if "<" in text:
        text = _DRAWN.sub(lambda drawn: "\n" * drawn[0].count("\n"), text)
    return html.unescape(text)


def _cells(notebook: Any) -> Iterator[tuple[str, str]]:
    for cell in notebook.get("cells", ()):
        told = [cell.get("source"), *cell.get("outputs", ())]
        yield from ((f"[{cell.get('id')}]", text) for text in _strings(told))


def _strings(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        here = waiting.pop()
        if isinstance(here, str):
            yield _words(here)
        elif isinstance(here, dict):
            waiting.extend(here.values())
        elif isinstance(here, list):
            waiting.extend(here)


def _columns(path: Path) -> Iterator[tuple[str, str]]:
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(path.read_bytes()))
    for name in table.column_names:
        for value in table.column(name).unique().to_pylist():
            if isinstance(value, str):
                yield f"[{name}]", value
