"""Outlines of the text in charts: each word with its marks, each digit and Chinese character once.

matplotlib shapes a label when it measures it and again when it draws it, and interprets the
outlines of all its characters both times; that was a third of what a chart cost. The words of
charts repeat, so what is known of a word is kept for the process. Nothing is lost by putting words
together: the font kerns no pair across a space, no digits and no Chinese.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from matplotlib.ft2font import LoadFlags
from matplotlib.textpath import TextToPath

__all__ = ["Outlines"]

_WORDS = re.compile("[^\\s\\d\u2e80-\U0010ffff]+|.", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Word:
    """What matplotlib tells of a word at its own font scale."""

    glyphs: tuple[tuple[str, float, float, float], ...]
    outlines: dict[str, Any]
    width: float
    above: float
    below: float


_known: dict[tuple[str, str], _Word] = {}


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
        font.set_text(word, 0.0, flags=LoadFlags.NO_HINTING)
        width, height = (size / 64 for size in font.get_width_height())
        below = font.get_descent() / 64
        glyphs, outlines, _ = super().get_glyphs_with_font(font, word)
        return _Word(tuple(glyphs), dict(outlines), width, height - below, below)

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
                    new[name] = word.outlines[name]
            at += word.width
        return glyphs, new, []
