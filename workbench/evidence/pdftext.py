"""The text a page shows, read from its content stream: enough to find the code printed on it.

Made for the fonts typst embeds: two-byte codes (Identity-H) and a ToUnicode table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

__all__ = ["shown_text", "unicode_table"]

# ISO 32000-1 §7.2: a font name before Tf, a string, or a comment; all else is passed over
_TOKEN = re.compile(rb"/([^\s/<>\[\](){}%]+)\s+[-+.\d]+\s+Tf\b|(\()|<([0-9A-Fa-f\s]*)>|%[^\r\n]*")
_STOP = re.compile(rb"[()\\]")
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|\r\n|.)", re.DOTALL)
_SHORT = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def shown_text(content: bytes, tables: Mapping[str, Mapping[int, str]]) -> str:
    r"""Return the text of a content stream in drawing order.

    Parameters
    ----------
    content : bytes
        The decoded stream.
    tables : mapping
        Resource name of each font (``/f0``) → code → text; strings in another font are left out.

    Returns
    -------
    str
        The text as it is drawn, without regard to position.

    Examples
    --------
    >>> shown_text(b"BT /f0 9 Tf [(\000\001) -20 <0002>] TJ ET", {"/f0": {1: "甲", 2: "乙"}})
    '甲乙'
    """
    parts: list[str] = []
    table: Mapping[int, str] = {}
    at = 0
    while match := _TOKEN.search(content, at):
        at = match.end()
        if match[1] is not None:
            table = tables.get("/" + match[1].decode("latin-1"), {})
            continue
        if match[2] is not None:
            at, raw = _string(content, at)
        elif match[3] is not None:
            digits = re.sub(rb"\s", b"", match[3])
            raw = bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode())
        else:
            continue
        codes = (int.from_bytes(raw[i : i + 2]) for i in range(0, len(raw), 2))
        parts.extend(table.get(code, "") for code in codes)
    return "".join(parts)


def unicode_table(cmap: bytes) -> dict[int, str]:
    """Return code → text from the ``bfchar`` and ``bfrange`` lines of a ToUnicode table."""
    return dict(_pairs(cmap))


def _pairs(cmap: bytes) -> Iterator[tuple[int, str]]:
    for block in re.findall(rb"beginbfchar(.*?)endbfchar", cmap, re.DOTALL):
        for code, text in re.findall(rb"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>", block):
            yield int(code, 16), _utf16(text)
    for block in re.findall(rb"beginbfrange(.*?)endbfrange", cmap, re.DOTALL):
        triple = rb"<([0-9A-Fa-f]{4})>\s*<([0-9A-Fa-f]{4})>\s*<([0-9A-Fa-f]{4})>"
        for first, final, text in re.findall(triple, block):
            for step in range(int(final, 16) - int(first, 16) + 1):
                yield int(first, 16) + step, chr(int(text, 16) + step)


def _utf16(digits: bytes) -> str:
    return bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode()).decode(
        "utf-16-be", "replace"
    )


def _string(content: bytes, at: int) -> tuple[int, bytes]:
    """Read a literal string whose ``(`` ends at ``at``; return where it ends and its bytes."""
    begin, depth = at, 1
    while match := _STOP.search(content, at):
        at = match.end()
        if match[0] == b"\\":
            at += 1
        else:
            depth += 1 if match[0] == b"(" else -1
            if depth == 0:
                return at, _ESCAPE.sub(_unescaped, content[begin : at - 1])
    raise ValueError("a string without end")


def _unescaped(match: re.Match[bytes]) -> bytes:
    text = match[1]
    if text[:1] in b"01234567":
        return bytes([int(text, 8) & 0xFF])
    if text in (b"\r\n", b"\n", b"\r"):
        return b""
    return _SHORT.get(text, text)
