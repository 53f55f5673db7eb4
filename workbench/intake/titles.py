"""Column titles and labels as people write them: blanks, wide forms, repetitions."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable

__all__ = ["plain", "tidy", "unique"]


def tidy(name: str) -> str:
    """Give a column title without outer blanks, with line breaks and wide blanks made plain."""
    return " ".join(unicodedata.normalize("NFC", name).replace("\u3000", " ").split())


def plain(text: str) -> str:
    """Give a text for comparison: wide forms narrow, letters small, no blanks.

    Examples
    --------
    >>> plain("１８－34 岁") == plain("18-34岁"), plain("满意？") == plain("满意?")
    (True, True)
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(folded.translate({0x2014: "-", 0x2013: "-", 0x3002: "."}).split())


def unique(cells: Iterable[str]) -> tuple[list[str], frozenset[str]]:
    """Give unique titles: a repeated one gets ``#1``, ``#2`` …, a blank one its number."""
    titles = [tidy(cell) or f"#{n}" for n, cell in enumerate(cells, start=1)]
    repeated = frozenset(title for title, n in Counter(titles).items() if n > 1)
    seen: dict[str, int] = {}
    out = []
    for title in titles:
        seen[title] = seen.get(title, 0) + 1
        out.append(f"{title}#{seen[title]}" if title in repeated else title)
    return out, repeated
