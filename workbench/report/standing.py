"""Where one unit stands among all: its line of the site's index and of the overview."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workbench.report.register import Finding, Num, Register, finite
from workbench.report.text import by_loss

__all__ = ["Entry", "Lost", "add_losses", "standing"]

Lost = dict[tuple[str, str], tuple[float, int]]
"""Label of an indicator, zh and en → points that all units together lost on it, and how many."""


@dataclass(frozen=True)
class Entry:
    """A unit among the others: strings as its report prints them, pairs as (zh, en).

    ``order`` is the rank as a number, infinite without one; ``tier`` is 0 without one.
    """

    id: str
    name: str
    name_en: str
    parent: str = ""
    parent_en: str = ""
    kind: tuple[str, str] = ("", "")
    score: str = ""
    span: str = ""
    rank: str = ""
    order: float = float("inf")
    tier: int = 0


def standing(unit: str, findings: Sequence[Finding]) -> Entry:
    """Give a unit's line from its findings, those of its context included."""
    zh, en = Register(findings, "zh"), Register(findings, "en")

    def text(register: Register, key: str, field: str = "value") -> str:
        return register.text(Num(key, field)) if register.has(key, field) else ""

    rows = zh.rows
    none: Mapping[str, object] = {}
    total, rank, tier = (rows.get(k, none) for k in ("score.total", "context.rank", "context.tier"))
    place = ""
    at, low, high = (rank.get(name) for name in ("value", "ci_low", "ci_high"))
    if finite(at):
        place = f"{at:.0f}"
        if finite(low) and finite(high) and low != high:
            place += f" ({low:.0f}–{high:.0f})"
    scored = finite(total.get("value"))
    span = ""
    if scored and zh.has("score.total", "whole_low"):
        span = "–".join(zh.text(Num("score.total", f)) for f in ("whole_low", "whole_high"))
    return Entry(
        id=unit,
        name=text(zh, "head.unit"),
        name_en=text(en, "head.unit"),
        parent=text(zh, "head.parent"),
        parent_en=text(en, "head.parent"),
        kind=(text(zh, "head.type"), text(en, "head.type")),
        score=text(zh, "score.total", "bare") if scored else "—",
        span=span,
        rank=place,
        order=float(str(at)) if finite(at) else float("inf"),
        tier=int(float(str(tier["value"]))) if finite(tier.get("value")) else 0,
    )


def add_losses(findings: Sequence[Finding], lost: Lost) -> None:
    """Add what a unit lost, indicator by indicator, to what all units lost."""
    zh, en = Register(findings, "zh"), Register(findings, "en")
    for key in by_loss(zh):
        labels = (zh.label(key), en.label(key))
        points, units = lost.get(labels, (0.0, 0))
        lost[labels] = (points + float(zh.rows[key]["points"]), units + 1)
