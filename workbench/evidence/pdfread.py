"""Parts of a PDF file that are long in every report, read at once where they are plainly written.

Each function gives nothing for whatever has another form; the stream then stands where it stood.
"""

from __future__ import annotations

import re
from binascii import unhexlify
from collections.abc import Mapping
from functools import lru_cache
from itertools import repeat
from types import MappingProxyType
from typing import BinaryIO, NamedTuple

__all__ = ["Table", "plain_array", "plain_hex", "plain_table"]

# ISO 32000-1, 7.5.4: one section, lines of twenty bytes, no object freed but number 0
_HEAD = re.compile(rb"(\d{1,10}) (\d{1,10})\n")
_END = rb"(?: \n| \r|\r\n)"
_LINES = re.compile(rb"(?:\d{10} 65535 f" + _END + rb")?(?:\d{10} 00000 n" + _END + rb")+")
_TRAILER = re.compile(rb"trailer[ \r\n]*(?=<)")
_HEX = re.compile(rb"<([0-9A-Fa-f]*)>")
_ITEM = rb"(?:[1-9]\d{0,8} \d{1,5} R|\d{1,9})"
_ARRAY = re.compile(rb"\[(?:" + _ITEM + rb"(?: " + _ITEM + rb")*)?\]")
_EACH = re.compile(rb"(\d+)(?: (\d+) R)?")
_LONGEST = 1 << 15


class Table(NamedTuple):
    """What a cross-reference table says; it cannot be changed.

    Attributes
    ----------
    places : mapping of int to (int, int)
        Number of an object → its generation, and its place in the file.
    written : frozenset of (int, int)
        Numbers with generations.
    highest : int
        The highest number.
    """

    places: Mapping[int, tuple[int, int]]
    written: frozenset[tuple[int, int]]
    highest: int


def plain_table(stream: BinaryIO) -> Table | None:
    """Read a cross-reference table from its first line to the dictionary of the trailer."""
    start = stream.tell()
    head = _HEAD.match(stream.read(22))
    if head is not None:
        begin, length = start + head.end(), 20 * int(head[2])
        stream.seek(begin)
        lines = stream.read(length)
        trailer = _TRAILER.match(stream.read(16))
        table = _table(lines, int(head[1])) if trailer and len(lines) == length else None
        if trailer and table:
            stream.seek(begin + length + trailer.end())
            return table
    stream.seek(start)
    return None


def plain_hex(stream: BinaryIO) -> bytes | None:
    """Read a hexadecimal string without white space."""
    start = stream.tell()
    found = _HEX.match(stream.read(_LONGEST))
    stream.seek(start + found.end() if found else start)
    return unhexlify(found[1] + b"0" * (len(found[1]) % 2)) if found else None


def plain_array(stream: BinaryIO) -> list[tuple[int, int | None]] | None:
    """Read an array of references (number, generation) and whole numbers (number, None)."""
    start = stream.tell()
    found = _ARRAY.match(stream.read(_LONGEST))
    stream.seek(start + found.end() if found else start)
    if found is None:
        return None
    return [(int(n), int(g) if g else None) for n, g in _EACH.findall(found[0])]


@lru_cache(maxsize=4)  # a report is opened again for each signature, and its table stays as it is
def _table(lines: bytes, first: int) -> Table | None:
    free = lines[17:18] == b"f"
    if not _LINES.fullmatch(lines) or free != (first == 0):
        return None
    places = [int(lines[at : at + 10]) for at in range(20 * free, len(lines), 20)]
    numbers = range(first + free, first + free + len(places))
    return Table(
        MappingProxyType(dict(zip(numbers, zip(repeat(0), places), strict=False))),
        frozenset(zip(numbers, repeat(0), strict=False)),
        numbers[-1],
    )
