"""Marks of persons in text: Chinese mobile numbers, identity cards, e-mail, addresses of homes.

What is looked for is narrow enough to be asked about everywhere: an identity-card number must have
its check digit (GB 11643-1999), a mobile number the form 1[3-9] and nine digits, an address a
number of a house and of a flat. A name cannot be told from other words and is not looked for.
"""

from __future__ import annotations

import html
import io
import json
import re
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["KINDS", "Mark", "marks", "marks_in_file"]

KINDS = {
    "mobile": ("手机号码", "a mobile number"),
    "identity_card": ("身份证号码", "an identity-card number"),
    "email": ("电子邮箱", "an e-mail address"),
    "address": ("住址门牌", "the address of a home"),
}
"""Kind → its name in zh and en."""

# digits of a digest or of a decimal fraction are no number to call
_BEFORE, _AFTER = r"(?<![0-9A-Za-z.])", r"(?![0-9A-Za-z])"
_PATTERNS = (
    ("identity_card", re.compile(_BEFORE + r"[1-9]\d{5}(?:19|20)\d{9}[\dXx]" + _AFTER)),
    ("mobile", re.compile(_BEFORE + r"(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}" + _AFTER)),
    ("email", re.compile(r"[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}")),
    (
        "address",
        re.compile(
            r"\d{1,4}\s*(?:号楼|号院|栋|幢|座|单元|弄|号)[^\d\n，。；,;]{0,8}"
            r"(?:\d{1,2}\s*单元[^\d\n，。；,;]{0,4})?\d{2,5}\s*(?:室|户|号房)"
        ),
    ),
)  # fmt: skip
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_TEXT = {".csv", ".json", ".jsonl", ".html", ".svg", ".txt", ".xml", ".yaml", ".md"}
_MOST = 200 << 20


@dataclass(frozen=True)
class Mark:
    """One mark of a person: its kind, the file and line, and what stands there, masked."""

    kind: str
    where: str
    shown: str


def marks(text: str) -> Iterator[tuple[str, str]]:
    """Give each mark in a text: its kind, and what stands there with its middle masked.

    Full-width digits and letters count as their plain forms.

    Examples
    --------
    >>> list(marks("电话１３８００１３８０００"))
    [('mobile', '138*****000')]
    >>> list(marks("sha 13800138000ab, 0.13800138000, 5号楼"))
    []
    """
    plain = unicodedata.normalize("NFKC", text)
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(plain):
            if kind != "identity_card" or _checks(match[0]):
                yield kind, _masked(match[0])


def _checks(number: str) -> bool:
    """Say whether an identity-card number has a possible date and its check digit."""
    month, day = int(number[10:12]), int(number[12:14])
    total = sum(int(d) * w for d, w in zip(number[:17], _WEIGHTS, strict=True))
    return 1 <= month <= 12 and 1 <= day <= 31 and "10X98765432"[total % 11] == number[17].upper()


def _masked(text: str) -> str:
    keep = min(3, len(text) // 4)
    return text[:keep] + "*" * (len(text) - 2 * keep) + text[len(text) - keep :]


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
