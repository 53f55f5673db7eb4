"""The overview for the commissioner: what to do first, all units, gaps, ranks as sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from workbench.report.blocks import Block, table
from workbench.report.document import figure_blocks, finished, framed, signatures
from workbench.report.register import Finding, Register
from workbench.report.standing import Entry, Lost
from workbench.report.tables import Page, estimates, groups
from workbench.report.typst_pdf import Pdf, compile_pdf
from workbench.report.words import Words

__all__ = ["overview_report"]

_LISTED = 300  # units in the table; of more the first by rank, the workbook has all
_TILES = 60  # units drawn below one parent, and parents drawn
_FIRST = 12  # indicators told under what to do first
_GAPS = ("overview.gap", "overview.gap_difference", "overview.pass_rate", "overview.gate.")
_COUNTS = ("overview.assessed", "overview.withheld", "overview.failed")


def overview_report(
    findings: Sequence[Finding],
    figures: Mapping[str, Mapping[str, Any]],
    units: Sequence[Entry],
    lost: Lost,
    *,
    lang: str,
    evidence_digest: str,
    evidence_list: bytes,
    issued: date,
    edition: int,
    report_number: str,
    demonstration: bool,
    roles: Sequence[str],
) -> Pdf:
    """Typeset the overview, PDF/A-3a and PDF/UA-1; the list of evidence is attached.

    Parameters
    ----------
    findings
        ``head.unit`` (the title), ``head.signatory.*``, and findings of the batch notebook, of
        which those about all units are taken.
    figures
        Figures of the batch notebook.
    units
        All units that have a report.
    lost
        Points lost by indicator, summed over these units.
    roles
        Who is going to sign, in order: the three, or the institution alone.

    Raises
    ------
    NotebookError, InputError
        As :func:`workbench.report.render.render`.
    """
    common = [row for row in findings if row.get("section") in ("head", "overview")]
    register, words = Register(common, lang), Words(lang)
    page = Page(register, words)
    doc = framed(
        register,
        words,
        kind="overview",
        evidence_digest=evidence_digest,
        issued=issued,
        edition=edition,
        report_number=report_number,
        demonstration=demonstration,
    )
    doc["words"]["sign.attached"] = words("over.attached")
    placed, files = figure_blocks(figures, lang)
    blocks: list[Block] = [{"type": "heading", "title": f"{doc['unit']} · {doc['title']}"}]
    blocks += estimates(page, [p for p in page.rows("overview") if p[0] in _COUNTS])
    blocks += _titled(words("over.first"), _first(words, lost, lang))
    blocks += _titled(words("over.grid"), _grid(words, units, lang))
    gaps = [p for p in page.rows("overview") if p[0].startswith(_GAPS)]
    blocks += _titled(words("over.gaps"), estimates(page, gaps))
    blocks += _titled(words("over.ranks"), _ranks(words, units, lang))
    handled = [p for p in page.rows("overview") if p[0].startswith("overview.handling.")]
    blocks += _titled(words("over.handling"), groups(page, handled))
    topics = [p for p in page.rows("overview") if p[0].startswith("overview.topic.")]
    blocks += _titled(words("over.topics"), estimates(page, topics))
    blocks += [b for part in placed.values() for b in part]
    blocks += _titled(words("sec.signatures"), [signatures(register, words, roles)])
    plain = finished(doc, {"front": [blocks], "sections": [], "annexes": []}, register)
    attached = {"evidence-sha256.txt": evidence_list}
    return compile_pdf(plain, files, attached, issued=issued, scales=(1.0,))


def _name(one: Entry, lang: str) -> str:
    return one.name if lang == "zh" else one.name_en or one.name


def _parent(one: Entry, lang: str) -> str:
    return one.parent if lang == "zh" else one.parent_en or one.parent


def _kind(one: Entry, lang: str) -> str:
    return one.kind[0 if lang == "zh" else 1]


def _titled(title: str, blocks: list[Block]) -> list[Block]:
    return [{"type": "subhead", "title": title}, *blocks] if blocks else []


def _first(words: Words, lost: Lost, lang: str) -> list[Block]:
    """Give the indicators on which all units together lost most: where one remedy helps many."""
    at = 0 if lang == "zh" else 1
    told = [(labels[at], points, units) for labels, (points, units) in lost.items()]
    rows = [
        [[str(n)], [label], [f"{points:.1f}"], [str(units)]]
        for n, (label, points, units) in enumerate(
            sorted(told, key=lambda one: (-one[1], one[0]))[:_FIRST], 1
        )
        if round(points, 1) > 0
    ]
    if not rows:
        return []
    columns = [
        (words("stairs.no"), 0, "left"),
        (words("col.indicator"), 1, "left"),
        (words("over.lost"), 0, "right"),
        (words("over.units"), 0, "right"),
    ]
    return [{"type": "para", "runs": [words("over.why_first")]}, table(columns, rows)]


def _grid(words: Words, units: Sequence[Entry], lang: str) -> list[Block]:
    """Set the units of each parent side by side, best first: a map without a map.

    The colour is the tier, not the score: units that cannot be told apart look alike.
    """
    by: dict[str, list[Entry]] = {}
    for one in sorted(units, key=lambda one: (_parent(one, lang), one.order, one.id)):
        by.setdefault(_parent(one, lang) or words("none"), []).append(one)
    groups = []
    for parent, mine in list(by.items())[:_TILES]:
        tiles = [
            {"name": _name(one, lang), "score": one.score, "tier": one.tier}
            for one in mine[:_TILES]
        ]
        more = words.text("over.tiles", n=len(mine) - _TILES) if len(mine) > _TILES else ""
        groups.append({"title": f"{parent} ({len(mine)})", "tiles": tiles, "more": more})
    tiers = sorted({one.tier for one in units if one.tier})[:4]
    legend = [{"name": words.text("site.tier_n", n=n), "tier": n} for n in tiers]
    if any(not one.tier for one in units):
        legend.append({"name": words("over.unranked"), "tier": 0})
    return [{"type": "tiles", "groups": groups, "legend": legend}] if groups else []


def _ranks(words: Words, units: Sequence[Entry], lang: str) -> list[Block]:
    """Give each unit's rank with the set of ranks that cannot be told apart, by tier."""
    ranked = sorted(units, key=lambda one: (one.order, one.id))
    rows: list[list[list[Any]]] = []
    tier = -1
    for one in ranked[:_LISTED]:
        if one.tier != tier:
            tier = one.tier
            rows.append([[words.text("site.tier_n", n=tier) if tier else words("over.unranked")]])
        named = (_name(one, lang), one.id, _kind(one, lang), one.score, one.span, one.rank)
        rows.append([[text] for text in named])
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
