"""The bundled fonts: what they can print, and one small font per HTML page.

A browser without Chinese fonts shows boxes. So each page carries the characters it uses of Noto
Sans SC as an OpenType font with CFF outlines, written without hints, features and time stamps: the
same characters give the same bytes.
"""

from __future__ import annotations

import io
import math
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

__all__ = ["advance", "clean", "cleaned", "folders", "subset"]


def _files() -> tuple[Path, Path]:
    from pylopdf_fonts_zh_cn import sans_path, serif_path

    return Path(sans_path()), Path(serif_path())


def folders() -> list[str]:
    """Give the folders of the bundled fonts."""
    return sorted({str(path.parent) for path in _files()})


@lru_cache(maxsize=1)
def _printable() -> frozenset[int]:
    """Code points that both Chinese fonts have."""
    from fontTools.ttLib import TTFont

    have: list[set[int]] = []
    for path in _files():
        with TTFont(path, lazy=True) as font:
            have.append(set(font.getBestCmap()))
    return frozenset(have[0] & have[1])


@lru_cache(maxsize=20_000)
def clean(text: str) -> str:
    """Replace what the fonts cannot print by its number, such as ``[U+20BB7]``.

    White space becomes a plain space; text is composed (NFC) first.
    """
    have = _printable()
    if text.isascii() and text.isprintable():
        return text
    out = []
    for char in unicodedata.normalize("NFC", text):
        if char.isspace():
            out.append(" ")
        elif ord(char) in have and unicodedata.category(char)[0] != "C":
            out.append(char)
        else:
            out.append(f"[U+{ord(char):04X}]")
    return "".join(out)


def cleaned(value: Any) -> Any:
    """Give plain data with every string fit to print; see :func:`clean`."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(key): cleaned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [cleaned(item) for item in value]
    return value


class _Outlines:
    """The sans font, opened once per process; outlines are read once per glyph."""

    def __init__(self) -> None:
        from fontTools.ttLib import TTFont

        font = TTFont(io.BytesIO(_files()[0].read_bytes()), lazy=True)
        self.cmap: dict[int, str] = font.getBestCmap()
        self.first: str = font.getGlyphOrder()[0]
        self.glyphs = font.getGlyphSet()
        self.metrics = font["hmtx"]
        self.head, self.hhea, self.os2 = font["head"], font["hhea"], font["OS/2"]
        self._made: dict[str, Any] = {}

    def of(self, name: str) -> Any:
        """Give the compiled outline of a glyph."""
        from fontTools.pens.t2CharStringPen import T2CharStringPen

        if name not in self._made:
            glyph = self.glyphs[name]
            pen = T2CharStringPen(glyph.width, None)
            glyph.draw(pen)
            outline = pen.getCharString()
            outline.compile()
            self._made[name] = outline
        return self._made[name]


@lru_cache(maxsize=1)
def _outlines() -> _Outlines:
    return _Outlines()


@cache
def advance(char: str) -> float:
    """Give the width of a character of the sans font in ems; endless where the font lacks it."""
    source = _outlines()
    name = source.cmap.get(ord(char))
    return source.metrics[name][0] / source.head.unitsPerEm if name else math.inf


def subset(text: Iterable[str]) -> bytes:
    """Give a font that holds the characters of some text and nothing else.

    Parameters
    ----------
    text
        Strings or characters, in any order; what the font lacks is passed over.

    Returns
    -------
    bytes
        OpenType with CFF outlines, one regular face; the same characters give the same bytes.
    """
    from fontTools.fontBuilder import FontBuilder

    source = _outlines()
    wanted = sorted({ord(char) for part in text for char in part} & source.cmap.keys())
    cmap = {code: source.cmap[code] for code in wanted}
    names = list(dict.fromkeys([source.first, *cmap.values()]))
    order = {name: f"g{i}" if i else ".notdef" for i, name in enumerate(names)}
    made = FontBuilder(source.head.unitsPerEm, isTTF=False)
    made.setupGlyphOrder(list(order.values()))
    made.setupCharacterMap({code: order[name] for code, name in cmap.items()})
    made.setupCFF("Report", {}, {order[name]: source.of(name) for name in names}, {})
    made.setupHorizontalMetrics({order[name]: source.metrics[name] for name in names})
    made.setupHorizontalHeader(ascent=source.hhea.ascent, descent=source.hhea.descent)
    made.setupNameTable({"familyName": "Report", "styleName": "Regular"})
    made.setupOS2(
        sTypoAscender=source.os2.sTypoAscender,
        sTypoDescender=source.os2.sTypoDescender,
        usWinAscent=source.os2.usWinAscent,
        usWinDescent=source.os2.usWinDescent,
    )
    made.setupPost(keepGlyphNames=False)
    head = made.font["head"]
    head.created = head.modified = source.head.created
    for side in ("xMin", "yMin", "xMax", "yMax"):
        setattr(head, side, getattr(source.head, side))
    made.font.recalcTimestamp = made.font.recalcBBoxes = False
    out = io.BytesIO()
    made.font.save(out)
    return out.getvalue()
