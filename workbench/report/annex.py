"""Annexes: disclosure, methods, where each number comes from, and what a study added itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.report.blocks import Block, line, table
from workbench.report.body import of_source
from workbench.report.register import Num, Register
from workbench.report.tables import Page, estimates
from workbench.report.words import Words

__all__ = ["annexes"]

# item of disclosure -> findings that answer it (a trailing dot takes all that begin so)
_DISCLOSURE = (
    ("sponsor", ("head.commissioner",)),
    ("conductor", ("head.assessor",)),
    ("interests", ("head.interests",)),
    ("contract", ("head.contract",)),
    ("population", ("head.population", "head.unit")),
    ("dates", ("head.period",)),
    ("method", ("head.sample", "response.sample")),
    ("modes", ("response.mode.",)),
    ("n", ("data.responses.rows",)),
    ("response", ("response.rr1", "response.coop1")),
    ("weights", ("weights.raking",)),
    ("precision", ("weights.deff", "weights.n_effective")),
    ("indicators", ("head.indicator_set", "head.weights_origin")),
)


def annexes(
    register: Register, words: Words, methods: Mapping[str, Mapping[str, str]]
) -> list[dict[str, Any]]:
    """Give the annexes in order, lettered from A."""
    page = Page(register, words)
    parts: list[tuple[str, list[Block]]] = [
        ("disclosure", _disclosure(page)),
        ("methods", _methods(page, methods)),
    ]
    flaws = [key for key, row in register.rows.items() if of_source(row)]
    if flaws:
        items = [[Num(key)] for key in flaws if register.has(key)]
        parts.append(("source", [{"type": "notes", "items": items}]))
    own = [(key, row) for key, row in register.rows.items() if key.startswith("x.")]
    if own:
        note: Block = {"type": "para", "runs": [words("annex.own_note")]}
        parts.append(("own", [note, *estimates(page, own)]))
    parts.append(("provenance", _provenance(page, methods)))
    return [
        {
            "id": name,
            "no": words("annex").replace("{letter}", "ABCDEF"[i]),
            "title": words(f"annex.{name}"),
            "blocks": blocks,
        }
        for i, (name, blocks) in enumerate(parts)
    ]


def _disclosure(page: Page) -> list[Block]:
    words, rows = page.words, []
    for item, names in _DISCLOSURE:
        found: list[list[Any]] = []
        for name in names:
            for key in page.register.rows:
                if (key == name or (name.endswith(".") and key.startswith(name))) and (
                    page.register.has(key)
                ):
                    label = [page.register.label(key), words("colon")] if len(names) > 1 else []
                    if name.endswith("."):
                        label = [page.register.label(key), words("colon")]
                    found.append([*label, Num(key)])
        runs = line(found, words("semicolon")) or [words("disclosure.absent")]
        rows.append([[words(f"disclosure.{item}")], runs])
    return [{"type": "keys", "rows": rows}]


def _methods(page: Page, methods: Mapping[str, Mapping[str, str]]) -> list[Block]:
    words = page.words
    used = sorted({str(row["method"]) for row in page.register.rows.values() if row.get("method")})
    if not used:
        return []
    rows = []
    for key in used:
        told = methods.get(key, {})
        name = told.get(words.lang) or told.get("en") or words("annex.no_method")
        rows.append([[key], [name], [told.get("formula") or ""], [told.get("citation") or ""]])
    columns = [
        (words("col.method"), 1.6, "left"),
        (words("col.name"), 1.8, "left"),
        (words("col.formula"), 2.4, "left"),
        (words("col.citation"), 2, "left"),
    ]
    return [
        {"type": "para", "runs": [words("annex.methods_note")]},
        table(columns, rows, small=True),
    ]


def _inputs(register: Register) -> dict[str, str]:
    """Name each distinct set of input digests I1, I2, I3."""
    names: dict[str, str] = {}
    for row in register.rows.values():
        told = str(row.get("inputs") or "")
        if told and told not in names:
            names[told] = f"I{len(names) + 1}"
    return names


def _provenance(page: Page, methods: Mapping[str, Mapping[str, str]]) -> list[Block]:
    words, register = page.words, page.register
    names = _inputs(register)
    digests = []
    for told, name in names.items():
        for i, part in enumerate(told.split(";")):
            table_name, _, sha = part.strip().rpartition(":")
            digests.append([[name if i == 0 else ""], [table_name], [sha]])
    groups: dict[tuple[str, str, str], list[list[Any]]] = {}
    for key, row in register.rows.items():
        if not register.has(key):
            continue
        if row.get("notebook") == "report":
            place = (words("annex.counted"), "", str(row.get("counted") or ""))
        else:
            cell = " / ".join(str(row[name]) for name in ("notebook", "cell") if row.get(name))
            place = (cell, str(row.get("method") or ""), names.get(str(row.get("inputs")), ""))
        groups.setdefault(place, []).append([{"anchor": key}, Num(key)])
    out: list[Block] = [{"type": "para", "runs": [words("annex.provenance_note")]}]
    if digests:
        out.append({"type": "para", "runs": [words("annex.inputs_note")]})
        out.append(
            table(
                [("", 0, "left"), (words("col.table"), 0, "left"), (words("col.sha"), 1, "left")],
                digests,
                small=True,
            )
        )
    return [
        *out,
        {
            "type": "sources",
            "head": [words("col.cell"), words("col.method"), words("col.inputs")],
            "groups": [{"place": list(place), "items": items} for place, items in groups.items()],
        },
    ]
