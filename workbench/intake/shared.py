"""What of residents' words and places may leave the house: only what enough of them share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.intake.duplicates import same_words

__all__ = ["shared_phrases", "shared_places"]


def shared_phrases(
    columns: Mapping[str, list[Any]], waves: Sequence[Sequence[str]], *, minimum: int
) -> dict[str, list[str | None]]:
    """Give the columns of phrases of one unit's rows with those only that enough residents use.

    Within a wave a text that stood there before word for word, a further request of an address and
    a duplicate give no phrase: neither who writes ten times nor a form-filler makes one.

    Parameters
    ----------
    columns
        A canonical table's rows of the unit, ``text`` and ``address`` among them.
    waves
        First and last month (``YYYY-MM``) of each wave's records, for requests.
    minimum
        Texts that a phrase must stand in.
    """
    out: dict[str, list[str | None]] = {}
    for name, cells in columns.items():
        item, _, part = name.rpartition("__")
        if part != "phrases":
            continue
        said = _once(columns, item, cells, waves)
        counts = Counter(phrase for phrases in said for phrase in phrases)
        out[name] = [";".join(p for p in phrases if counts[p] >= minimum) or None
                     for phrases in said]  # fmt: skip
    return out


def _once(
    columns: Mapping[str, list[Any]], item: str, cells: list[Any], waves: Sequence[Sequence[str]]
) -> list[list[str]]:
    """Give each row's phrases, none where its text or address counted before."""
    nothing = [None] * len(cells)
    told = [columns.get(item or "text", nothing)]
    if not item:
        told.append(columns.get("address", nothing))
    again = columns.get("duplicate_of", nothing)
    seen: set[tuple[Any, str]] = set()
    out: list[list[str]] = []
    for row, phrases in enumerate(cells):
        when = _wave(columns, row, waves)
        keys = {(when, same_words(str(c[row]))) for c in told if c[row]}
        fresh = phrases and not again[row] and not keys & seen
        out.append(str(phrases).split(";") if fresh else [])
        if fresh:
            seen |= keys
    return out


def _wave(columns: Mapping[str, list[Any]], row: int, waves: Sequence[Sequence[str]]) -> Any:
    if "wave" in columns:
        return columns["wave"][row]
    month = str(columns["received"][row])[:7]
    return next((n for n, w in enumerate(waves) if w and w[0] <= month <= w[-1]), None)


def shared_places(cells: Sequence[Any], *, minimum: int) -> list[str | None]:
    """Give the places of a unit's requests; missing where few come from one, or it is a home.

    Examples
    --------
    >>> shared_places(["3号楼", "3号楼", "5号楼", "3号楼2单元501"], minimum=2)
    ['3号楼', '3号楼', None, None]
    """
    from workbench.text.masking import mask, plain

    counts = Counter(cells)
    kept = {
        place
        for place, n in counts.items()
        if place is not None and n >= minimum and mask(str(place)) == plain(str(place))
    }
    return [place if place in kept else None for place in cells]
