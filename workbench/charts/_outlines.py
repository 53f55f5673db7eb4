"""Outlines of the text in charts: each word with its marks, each digit and Chinese character once.

matplotlib shapes a label when it measures it and again when it draws it, and interprets the
outlines of all its characters both times; that was a third of what a chart cost. The words of
charts repeat, so what is known of a word is kept for the process. Nothing is lost by putting words
together: the font kerns no pair across a space, no digits and no Chinese.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import StringIO
from typing import Any

from matplotlib.backends.backend_svg import (
    RendererSVG,
    _generate_transform,
)
from matplotlib.colors import to_hex
from matplotlib.ft2font import LoadFlags
from matplotlib.path import Path
from matplotlib.textpath import TextToPath

__all__ = ["Outlines", "Pen"]

_WORDS = re.compile("[^\\s\\d\u2e80-\U0010ffff]+|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Word:
    """What matplotlib tells of a word at its own font scale."""

    glyphs: tuple[tuple[str, float, float, float], ...]
    width: float
    above: float
    below: float


# of the process, by file of a font; a font itself is not kept: it is an open file, whose place
# forked processes would share
_known: dict[tuple[str, str], _Word] = {}
_outlines: dict[str, Any] = {}
_sizes: dict[str, tuple[float, float, float]] = {}  # of a glyph: how far it advances, low, high
_paths: dict[str, str] = {}
_lines: dict[str, tuple[list[int] | None, int]] = {}


class Outlines(TextToPath):
    """matplotlib's outlines of text, put together from words that were shaped before."""

    def __init__(self) -> None:
        super().__init__()
        self._fonts: dict[tuple[Any, ...], Any] = {}

    def _get_font(self, prop: Any) -> Any:
        style = (*prop.get_family(), prop.get_style(), prop.get_weight(), prop.get_stretch())
        if style not in self._fonts:
            self._fonts[style] = super()._get_font(prop)  # type: ignore[misc]
        return self._fonts[style]

    def _words(self, text: str, font: Any) -> list[_Word]:
        found, file = [], font.fname
        for word in _WORDS.findall(text):
            if (file, word) not in _known:
                _known[file, word] = self._shaped(word, font)
            found.append(_known[file, word])
        return found

    def _shaped(self, word: str, font: Any) -> _Word:
        font.set_size(self.FONT_SCALE, self.DPI)
        glyphs = []
        # what matplotlib does, which interprets each glyph again although its outline is known
        for item in font._layout(word, LoadFlags.NO_HINTING):
            name = self._get_glyph_repr(item.ft_object, item.glyph_index)  # type: ignore[attr-defined]
            if name not in _outlines:
                glyph = item.ft_object.load_glyph(item.glyph_index, flags=LoadFlags.NO_HINTING)
                _outlines[name] = item.ft_object.get_path()
                _sizes[name] = glyph.horiAdvance / 64, glyph.bbox[1] / 64, glyph.bbox[3] / 64
            glyphs.append((name, item.x, item.y, 1.0))
        if word.isascii() or "\u3400" <= word <= "\u9fff":
            # no marks: the last glyph advances as its font says, and nothing need be laid out again
            name, at, _, _ = glyphs[-1]
            below = -min(y + _sizes[name][1] for name, _, y, _ in glyphs)
            above = max(y + _sizes[name][2] for name, _, y, _ in glyphs)
            return _Word(tuple(glyphs), at + _sizes[name][0], above, below)
        font.set_text(word, 0.0, flags=LoadFlags.NO_HINTING)
        width, height = (size / 64 for size in font.get_width_height())
        below = font.get_descent() / 64
        return _Word(tuple(glyphs), width, height - below, below)

    def get_text_width_height_descent(
        self, s: str, prop: Any, ismath: Any
    ) -> tuple[float, float, float]:
        """Give width, height and descent of a text in points."""
        if ismath or not s:
            sizes: tuple[float, float, float] = super().get_text_width_height_descent(
                s, prop, ismath
            )
            return sizes
        words = self._words(s, self._get_font(prop))
        scale = prop.get_size_in_points() / self.FONT_SCALE
        below = max(word.below for word in words)
        height = max(word.above for word in words) + below
        return sum(word.width for word in words) * scale, height * scale, below * scale

    def get_glyphs_with_font(
        self,
        font: Any,
        s: str,
        glyph_map: Any = None,
        return_new_glyphs_only: bool = False,
        **how: Any,
    ) -> tuple[list[tuple[str, float, float, float]], dict[str, Any], list[Any]]:
        """Give the glyphs of a text with their places, and the outlines of those not yet known."""
        glyphs, at = [], 0.0
        known = {} if glyph_map is None else glyph_map
        new: dict[str, Any] = {} if return_new_glyphs_only else known
        for word in self._words(s, font):
            for name, x, y, size in word.glyphs:
                glyphs.append((name, at + x, y, size))
                if name not in known:
                    new[name] = _outlines[name]
            at += word.width
        return glyphs, new, []


def _short(number: float) -> str:
    """Write a number as files of matplotlib have it."""
    return f"{number:f}".rstrip("0").rstrip(".")


class Pen(RendererSVG):
    """matplotlib's renderer of SVG: the same bytes, with what is known of fonts and glyphs."""

    def __init__(self, width: float, height: float, out: StringIO, image_dpi: float) -> None:
        nothing = {"Date": None, "Creator": None}
        self._out = out
        super().__init__(width, height, out, image_dpi=image_dpi, metadata=nothing)  # type: ignore[no-untyped-call]
        self._text2path: Any = Outlines()

    def _get_font_height_metrics(self, prop: Any) -> tuple[float | None, ...]:
        """Give ascent, descent and gap of a font's lines in points; None where matplotlib looks."""
        font = self._text2path._get_font(prop)
        if font.fname not in _lines:
            table = font.get_sfnt_table("OS/2")
            told = table and [
                table[f"sTypo{name}"] for name in ("Ascender", "Descender", "LineGap")
            ]
            _lines[font.fname] = told, font.units_per_EM
        told, em = _lines[font.fname]
        if told is None:
            return None, None, None
        above, below, gap = (number * (1 / em * prop.get_size_in_points()) for number in told)
        return above, -below, gap

    def _draw_text_as_path(
        self,
        gc: Any,
        x: float,
        y: float,
        s: str,
        prop: Any,
        angle: float,
        ismath: Any,
        mtext: Any = None,
    ) -> None:
        """Write a text as matplotlib does; its glyphs, most elements of a file, as plain lines."""
        if ismath or gc.get_alpha() != 1 or gc.get_rgb()[3] != 1:
            super()._draw_text_as_path(gc, x, y, s, prop, angle, ismath, mtext)  # type: ignore[no-untyped-call]
            return
        writer: Any = self.writer
        writer.comment(s)
        colour, scale = to_hex(gc.get_rgb()), prop.get_size_in_points() / Outlines.FONT_SCALE
        style = {"style": f"fill: {colour}"} if colour != "#000000" else {}
        laid = [("translate", (x, y)), ("rotate", (-angle,)), ("scale", (scale, -scale))]
        placed = _generate_transform(laid)  # type: ignore[no-untyped-call]
        depth = writer.start("g", style, transform=placed)
        glyphs, new, _ = self._text2path.get_glyphs_with_font(
            self._text2path._get_font(prop), s, self._glyph_map, return_new_glyphs_only=True
        )
        self._update_glyph_map_defs(new)
        indent, first = " " * (depth + 1), True
        for name, across, up, _ in glyphs:
            moved = f"translate({_short(across)} {_short(up)})" if across or up else ""
            if first:  # the writer ends what is open
                writer.element("use", attrib={"xlink:href": f"#{name}", "transform": moved})
                first = False
            else:
                told = f' transform="{moved}"' if moved else ""
                self._out.write(f'{indent}<use xlink:href="#{name}"{told}/>\n')
        writer.end("g")

    def _update_glyph_map_defs(self, glyph_map_new: dict[str, Any]) -> None:
        """Write outlines that the file does not have yet, each as text made once."""
        if not glyph_map_new:
            return
        writer: Any = self.writer
        writer.start("defs")
        for name, (vertices, codes) in glyph_map_new.items():
            if name not in _paths:
                # x64: the whole numbers of the font
                _paths[name] = self._convert_path(Path(vertices * 64, codes), simplify=False)  # type: ignore[no-untyped-call]
            writer.element("path", id=name, d=_paths[name], transform="scale(0.015625)")
        writer.end("defs")
        self._glyph_map.update(glyph_map_new)
