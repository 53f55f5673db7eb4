"""The building blocks of a report, the same for PDF and HTML, and their plain JSON form."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from workbench.report.fonts import advance
from workbench.report.register import Num, Quote, Register, Run, foreign
from workbench.wording import ems

__all__ = ["Block", "Tone", "fits_half", "keys", "line", "plain", "table", "to_json"]

Block = dict[str, Any]

# keys whose strings are no text on the page; «alt» is read by those who do not see the picture
_UNPRINTED = {"type", "id", "file", "alt", "role", "lang"}


@dataclass(frozen=True)
class Tone:
    """A word of ours that is also told by colour: ``good``, ``bad``, ``open`` or ``mute``."""

    text: str
    tone: str


Piece = Run | Tone


def line(parts: Iterable[Any], between: str) -> list[Any]:
    """Join runs, or lists of runs, with a separator."""
    out: list[Any] = []
    for part in parts:
        if out:
            out.append(between)
        out.extend(part if isinstance(part, list) else [part])
    return out


def table(
    columns: Sequence[tuple[Sequence[Piece] | str, float, str]],
    rows: Sequence[Sequence[Sequence[Any]]],
    *,
    small: bool = False,
) -> Block:
    """Make a table.

    Parameters
    ----------
    columns
        Head, share of the width (0 is as wide as its content) and side (``left``, ``right``).
    rows
        For each row its cells, each a list of runs. Every row has one cell per column.
    small
        Small type, for annexes.

    Notes
    -----
    A column without any content is left out, the first apart. A row of one cell goes across the
    table and leads those below it.
    """
    whole = [row for row in rows if len(row) > 1]
    assert all(len(row) == len(columns) for row in whole)
    kept = [i for i in range(len(columns)) if i == 0 or any(row[i] for row in whole)]
    heads = [columns[i][0] for i in kept]
    return {
        "type": "table",
        "head": [[head] if isinstance(head, str) else list(head) for head in heads],
        "widths": [columns[i][1] for i in kept],
        "sides": [columns[i][2] for i in kept],
        "rows": [[list(row[i]) for i in kept] if len(row) > 1 else [list(row[0])] for row in rows],
        "small": small,
    }


def fits_half(label: str, value: str) -> bool:
    """Tell whether a label and its value are short enough for half a line."""
    return ems(label) < 9 and ems(value) < 17


def keys(register: Register, rows: Sequence[Sequence[Sequence[Any]]]) -> Block:
    """Make a list of label and value, two pairs a line where all are short."""
    texts = [[register.plain(_runs(cell)) for cell in row] for row in rows]
    double = len(rows) > 5 and all(fits_half(*text) for text in texts)
    return {"type": "keys", "double": double, "rows": rows}


WIDE = {False: 58.0, True: 69.0}  # ems across the page in ordinary and in small type
_INSET = {False: 0.91, True: 1.03}  # ems that a cell leaves free at its sides, likewise
_KEYS = {False: (11.4, 43.4), True: (8.0, 18.6)}  # ems of label and value, one or two pairs a line


_WIDTHS = {**dict.fromkeys(" .,:;il", 0.3), **dict.fromkeys("%MWmw", 0.95)}


@cache
def _width(char: str) -> float:
    return 1.0 if ord(char) > 0x2E80 else _WIDTHS.get(char, 0.58)


def _ems(text: str, width: Callable[[str], float] = _width) -> float:
    """Estimate the width of text in ems, a little too wide."""
    own = sum(map(width, text), 0.0)
    if text.isascii():
        return own
    wide = [ord(char) > 0x2E80 for char in text]
    return own + 0.25 * sum(a != b for a, b in itertools.pairwise(wide))


def _measure(made: Block, register: Register) -> Block:
    """Replace «as wide as its content» by ems, so that the typesetter need not try.

    When such columns together would leave too little for the others, the widest give way: their
    text breaks into lines.
    """
    widths = list(made["widths"])
    auto = [i for i, width in enumerate(widths) if width == 0]
    need: dict[int, float] = {}
    short: dict[int, float] = {}
    whole: dict[int, float] = {}
    least: dict[int, float] = {}
    for i in auto:
        head = register.plain(_runs(made["head"][i]))
        texts = [register.plain(_runs(row[i])) for row in made["rows"] if len(row) > 1]
        need[i] = max(map(_ems, (head, *texts)))
        short[i] = min(need[i], 8.6)
        words = " ".join((head, *texts)).split()
        least[i] = max(4.5, *(_ems(word) for word in words if ord(word[0]) < 0x2E80), 0.0)
        between = any(re.search(r"\d%?( to |至)", text) for text in texts)
        whole[i] = short[i] if between else least[i]
    free = len(widths) - len(auto)
    room = WIDE[made["small"]] - len(widths) - (12.0 + 3.0 * (free - 1) if free else 0.0)
    # long texts give way first, then all but intervals, single words and numbers, then intervals
    for bound in (short, whole, least):
        while sum(need.values()) > room:
            loose = [i for i in need if need[i] > bound[i] and need[i] > least[i]]
            if not loose:
                break
            widest = max(loose, key=need.__getitem__)
            need[widest] = max(0.92 * need[widest], bound[widest], least[widest])
    widths = [-(need[i] + 0.1) if i in need else width for i, width in enumerate(widths)]
    inset, shares = _INSET[made["small"]], sum(width for width in widths if width > 0)
    left = WIDE[made["small"]] - sum(inset - width for width in widths if width < 0)
    ems = [-width if width < 0 else left * width / shares - inset for width in widths]
    across = [sum(ems) + inset * (len(ems) - 1)]
    rows = [made["head"], *made["rows"]]
    single = [_single(row, ems if len(row) == len(ems) else across, register) for row in rows]
    return {**made, "widths": widths, "single": single}


def _single(row: Sequence[Sequence[Any]], ems: Sequence[float], register: Register) -> bool:
    """Tell whether all cells of a row surely stand on one line of as many ems.

    The typesetter lays out a row twice unless it knows the height. Where a cell has text of another
    font or size, it is left to it.
    """
    for cell, width in zip(row, ems, strict=True):
        for run in cell:
            if isinstance(run, dict) or (isinstance(run, Quote) and run.original):
                return False
            if isinstance(run, Num) and not isinstance(register.shown(run)[0], str):
                return False
        text = register.plain(_runs(cell))
        if register.lang == "en" and not text.isascii() and any(c > "\u2e80" for c in text):
            return False
        if _exact(text) + 0.1 > 0.98 * width:  # kerning may add a little
            return False
    return True


@lru_cache(maxsize=20_000)
def _exact(text: str) -> float:
    """Give the width of text in ems as the font has it, kerning apart; see :func:`_ems`.

    The font has a wider dash for Chinese.
    """
    return _ems(text.replace("—", "\u3000"), advance)


def _runs(cell: Sequence[Any]) -> list[Run]:
    return [run.text if isinstance(run, Tone) else run for run in cell if not isinstance(run, dict)]


def to_json(
    value: Any, register: Register, lang: str = "", *, named: dict[Num, None] | None = None
) -> Any:
    """Turn blocks into plain JSON values; every number is looked up, an unknown one raises.

    Chinese words in runs of an English text are set off as original wording, wherever they come
    from; a block that names its own ``lang`` is read in that. The numbers that are looked up are
    entered into ``named``.
    """
    if isinstance(value, str):
        return value
    lang = lang or register.lang
    if isinstance(value, Num):
        register.text(value)
        if named is not None:
            named[value] = None
        return {"n": value.id, "f": value.field}
    if isinstance(value, Quote):
        return {"q": value.text, "l": value.lang, "o": value.original}
    if isinstance(value, Tone):
        return {"t": value.text, "tone": value.tone}
    if isinstance(value, dict):
        if value.get("type") == "table":
            value = _measure(value, register)
        elif value.get("type") == "keys":
            ems = _KEYS[value["double"]]
            single = [_single(row, ems, register) for row in value["rows"]]
            value = {**value, "single": single}
        lang = value.get("lang", lang)
        return {key: to_json(item, register, lang, named=named) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [
            piece if isinstance(piece, str) else to_json(piece, register, lang, named=named)
            for item in value
            for piece in _set_off(item, lang)
        ]
    return value


def _set_off(item: Any, lang: str) -> Sequence[Any]:
    if isinstance(item, str):
        return foreign(item, lang)
    if isinstance(item, Quote) and not item.original and item.lang == "en":
        parts = foreign(item.text, "en")
        return [Quote(part, "en") if isinstance(part, str) else part for part in parts]
    return (item,)


def plain(value: Any, register: dict[str, dict[str, list[Any]]]) -> list[str]:
    """List all strings that a JSON form prints, in order, numbers as their finished strings."""
    if isinstance(value, dict):
        if "n" in value and "f" in value:
            return plain(register[value["n"]][value["f"]], register)
        if "q" in value:
            return [value["q"]]
        if "t" in value and set(value) <= {"t", "tone"}:
            return [value["t"]]
        return [
            text
            for key, item in value.items()
            if key not in _UNPRINTED
            for text in plain(item, register)
        ]
    if isinstance(value, list):
        return [text for item in value for text in plain(item, register)]
    return [value] if isinstance(value, str) else []
