"""Column titles and labels as people write them: blanks, wide forms, repetitions."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.intake.readers.export import Export

__all__ = ["joined", "meant", "plain", "tidy", "unique"]

_NUMBERED = re.compile(r"\d{1,3}\s*[、．.：:]")


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


def joined(rows: list[list[str]]) -> list[str]:
    """Give one title for each column of a header of several lines, its parts joined by ``/``.

    A blank cell above a filled one belongs to the group on its left, if that group began above a
    filled one too (merged cells keep their text in the first); equal parts stand once.

    Examples
    --------
    >>> joined([["编号", "满意度", "", "备注"], ["", "环境", "治安", ""]])
    ['编号', '满意度/环境', '满意度/治安', '备注']
    """
    width = max(map(len, rows), default=0)
    cells = [[tidy(cell) for cell in row] + [""] * (width - len(row)) for row in rows]
    for above, below in reversed(list(pairwise(cells))):
        group = ""
        for k in range(width):
            if above[k]:
                group = above[k] if below[k] else ""
            elif below[k]:
                above[k] = group
            else:
                group = ""
    titles = []
    for column in zip(*cells, strict=True):
        parts = [part for n, part in enumerate(column) if part and part not in column[:n]]
        titles.append("/".join(parts))
    return titles


def meant(wanted: str, titles: Iterable[str], export: Export | None) -> str | None:
    """Give the one column that a title means which no column bears, if it is one.

    A numbered beginning (``5、总体``), another width of characters, or the wording of a question.
    """
    titles = list(titles)
    begins = [title for title in titles if title.startswith(wanted)]
    if _NUMBERED.match(wanted) and len(begins) == 1:
        return begins[0]
    said = () if export is None else export.questions
    words = {plain(wanted), plain(_NUMBERED.sub("", wanted, count=1))}
    alike = [title for title in titles if plain(title) == plain(wanted)] or [
        one.title for one in said if not one.columns and plain(one.wording) in words
    ]
    return alike[0] if len(alike) == 1 else None
