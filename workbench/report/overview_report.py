"""The overview for the commissioner: what to do first, all units, gaps, ranks as sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from workbench.report.blocks import Block, table
from workbench.report.document import figure_blocks, finished, framed
from workbench.report.register import Finding, Register
from workbench.report.tables import Page, estimates
from workbench.report.typst_pdf import Pdf, compile_pdf
from workbench.report.words import Words

__all__ = ["Loss", "Standing", "overview_report"]

_LISTED = 300  # units in the table; of more the first by rank, the workbook has all
_FIRST = 12  # indicators told under what to do first
_GAPS = ("overview.gap", "overview.gap_difference", "overview.pass_rate", "overview.gate.")
_COUNTS = ("overview.assessed", "overview.withheld", "overview.failed")


@dataclass(frozen=True)
class Standing:
    """One unit as the overview shows it: strings as its report prints them, in one language."""

    id: str
    name: str
    parent: str
    kind: str
    score: str
    span: str
    rank: str
    tier: int
    order: float


@dataclass(frozen=True)
class Loss:
    """Points lost on one indicator over all units."""

    label: str
    points: float
    units: int


def overview_report(
    findings: Sequence[Finding],
    figures: Mapping[str, Mapping[str, Any]],
    units: Sequence[Standing],
    losses: Sequence[Loss],
    *,
    lang: str,
    title: str,
    evidence_digest: str,
    issued: date,
    study: str,
    demonstration: bool,
) -> Pdf:
    """Typeset the overview, PDF/A-3a and PDF/UA-1.

    Parameters
    ----------
    findings
        Findings of the batch notebook; those about all units are taken.
    figures
        Its figures.
    units
        All units.
    losses
        Points lost by indicator, summed over the assessed units.
    """
    head = {"finding": "head.unit", "section": "head", "kind": "text",
            "display_zh": title, "display_en": title}  # fmt: skip
    common = [row for row in findings if row.get("section") == "overview"]
    register, words = Register([head, *common], lang), Words(lang)
    page = Page(register, words)
    doc = framed(
        register,
        words,
        kind="overview",
        evidence_digest=evidence_digest,
        issued=issued,
        edition=1,
        report_number=f"{study}/overview",
        demonstration=demonstration,
    )
    placed, files = figure_blocks(figures, lang)
    blocks: list[Block] = [{"type": "heading", "title": f"{title} · {words('doc.overview')}"}]
    blocks += estimates(page, [p for p in page.rows("overview") if p[0] in _COUNTS])
    blocks += _titled(words("over.first"), _first(words, losses))
    blocks += _titled(words("over.grid"), _grid(words, units))
    gaps = [p for p in page.rows("overview") if p[0].startswith(_GAPS)]
    blocks += _titled(words("over.gaps"), estimates(page, gaps))
    blocks += _titled(words("over.ranks"), _ranks(words, units))
    blocks += [b for part in placed.values() for b in part]
    plain = finished(doc, {"front": [blocks], "sections": [], "annexes": []}, register)
    return compile_pdf(plain, files, {}, issued=issued, scales=(1.0,))


def _titled(title: str, blocks: list[Block]) -> list[Block]:
    return [{"type": "subhead", "title": title}, *blocks] if blocks else []


def _first(words: Words, losses: Sequence[Loss]) -> list[Block]:
    """Give the indicators on which all units together lost most: where one remedy helps many."""
    top = sorted(losses, key=lambda one: (-one.points, one.label))[:_FIRST]
    rows = [
        [[str(n)], [one.label], [f"{one.points:.1f}"], [str(one.units)]]
        for n, one in enumerate(top, 1)
        if round(one.points, 1) > 0
    ]
    columns = [
        (words("stairs.no"), 0, "left"),
        (words("col.indicator"), 1, "left"),
        (words("over.lost"), 0, "right"),
        (words("over.units"), 0, "right"),
    ]
    return [table(columns, rows)] if rows else []


def _grid(words: Words, units: Sequence[Standing]) -> list[Block]:
    """Set the units of each parent side by side, by kind and number: a map without a map."""
    by: dict[str, list[Standing]] = {}
    for one in sorted(units, key=lambda one: (one.parent, one.kind, one.id)):
        by.setdefault(one.parent or words("none"), []).append(one)
    rows = []
    for parent, mine in by.items():
        told = words("semicolon").join(f"{one.name} {one.score}" for one in mine[:40])
        rows.append([[parent], [str(len(mine))], [told + ("…" if len(mine) > 40 else "")]])
    columns = [
        (words("site.parent"), 0, "left"),
        (words("over.units"), 0, "right"),
        (words("over.scores"), 1, "left"),
    ]
    return [table(columns, rows[:_LISTED])] if rows else []


def _ranks(words: Words, units: Sequence[Standing]) -> list[Block]:
    """Give each unit's rank with the set of ranks that cannot be told apart, by tier."""
    ranked = sorted(units, key=lambda one: (one.order, one.id))
    rows: list[list[list[Any]]] = []
    tier = -1
    for one in ranked[:_LISTED]:
        if one.tier != tier:
            tier = one.tier
            named = words.text("site.tier_n", n=tier) if tier else words("over.unranked")
            rows.append([[named]])
        rows.append([[one.name], [one.id], [one.kind], [one.score], [one.span], [one.rank]])
    columns = [
        (words("site.unit"), 1, "left"),
        (words("site.id"), 0, "left"),
        (words("site.kind"), 0, "left"),
        (words("site.score"), 0, "right"),
        (words("site.range"), 0, "right"),
        (words("site.rank"), 0, "right"),
    ]
    notes: list[list[Any]] = [[words("site.chance")]]
    if len(ranked) > _LISTED:
        notes.append([words.text("over.more", n=len(ranked) - _LISTED)])
    return [table(columns, rows), {"type": "notes", "items": notes}] if rows else []
