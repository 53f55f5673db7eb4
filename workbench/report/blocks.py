"""The building blocks of a report, the same for PDF and HTML, and their plain JSON form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.report.register import Num, Quote, Register, Run

__all__ = ["Block", "Tone", "line", "plain", "table", "to_json"]

Block = dict[str, Any]


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
    """
    heads = [[head] if isinstance(head, str) else list(head) for head, _, _ in columns]
    assert all(len(row) == len(columns) for row in rows)
    return {
        "type": "table",
        "head": heads,
        "widths": [width for _, width, _ in columns],
        "sides": [side for _, _, side in columns],
        "rows": [list(row) for row in rows],
        "small": small,
    }


def to_json(value: Any, register: Register) -> Any:
    """Turn blocks into plain JSON values; every number is looked up, an unknown one raises."""
    if isinstance(value, Num):
        register.text(value)
        return {"n": value.id, "f": value.field}
    if isinstance(value, Quote):
        return {"q": value.text, "l": value.lang, "o": value.original}
    if isinstance(value, Tone):
        return {"t": value.text, "tone": value.tone}
    if isinstance(value, dict):
        return {key: to_json(item, register) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(item, register) for item in value]
    return value


def plain(value: Any, register: dict[str, dict[str, str]]) -> list[str]:
    """List all strings that a JSON form prints, in order, numbers as their finished strings."""
    if isinstance(value, dict):
        if "n" in value and "f" in value:
            return [register[value["n"]][value["f"]]]
        if "q" in value:
            return [value["q"]]
        if "t" in value and set(value) <= {"t", "tone"}:
            return [value["t"]]
        return [text for key, item in value.items() if key != "type" for text in plain(item, register)]
    if isinstance(value, list):
        return [text for item in value for text in plain(item, register)]
    return [value] if isinstance(value, str) else []
