"""Annexes: disclosure, methods, where each number comes from, and what a study added itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from workbench.report.blocks import Block, keys, line, table
from workbench.report.body import of_source, volunteered
from workbench.report.register import Finding, Num, Register
from workbench.report.tables import Page, estimates, not_made
from workbench.report.words import Words

__all__ = ["annexes"]

# item of disclosure -> findings that answer it (a trailing dot takes all that begin so); a finding
# ``disclosure.<item>`` of the section «disclosure» answers it alone, others of that section follow
_DISCLOSURE = (
    ("sponsor", ("head.commissioner",)),
    ("conductor", ("head.assessor",)),
    ("interests", ("head.interests",)),
    ("contract", ("head.contract",)),
    ("population", ("head.population", "head.unit")),
    ("dates", ("head.period",)),
    ("method", ("head.sample", "response.sample")),
    ("modes", ("response.mode.",)),
    ("n", ("weights.n", "response.n", "data.responses.rows")),
    ("response", ("response.rr1", "response.rr3", "response.coop1")),
    ("weights", ("weights.raking",)),
    ("precision", ("weights.deff", "weights.n_effective")),
    ("indicators", ("head.indicator_set", "head.weights_origin")),
)

# items that no standard of surveys asks for
_OURS = ("interests", "contract", "indicators")


def annexes(
    register: Register,
    words: Words,
    methods: Mapping[str, Mapping[str, str]],
    before: Sequence[Any] = (),
    further: Sequence[Block] = (),
) -> list[dict[str, Any]]:
    """Give the annexes in order, lettered from A; ``before`` is all that is printed before them.

    ``further`` are the results that the body leaves to an annex.

    A text that stands there is not printed again where each number comes from.
    """
    page = Page(register, words)
    parts: list[tuple[str, list[Block]]] = [
        ("disclosure", _disclosure(page)),
        ("methods", _methods(page, methods)),
    ]
    if further:
        parts.insert(0, ("further", list(further)))
    field = page.rows("fieldwork")
    if field:
        texts = [pair for pair in field if pair[1].get("kind") == "text"]
        rest = [pair for pair in field if pair not in texts]
        notes = [[page.label(k)[0], words("colon"), *page.num(k)] for k, _ in texts]
        listed: list[Block] = [{"type": "notes", "items": notes}] if notes else []
        parts.insert(-1, ("fieldwork", [*estimates(page, rest), *listed]))
    flaws = [key for key, row in register.rows.items() if of_source(row)]
    if flaws:
        items = [
            [*([str(rule), " "] if (rule := register.rows[key].get("rule")) else []), Num(key)]
            for key in flaws
            if register.has(key)
        ]
        parts.append(("source", [{"type": "notes", "items": items}]))
    aside = [pair for pair in page.rows("satisfaction") if volunteered(pair[1])]
    if 0 < len(aside) < len(page.rows("satisfaction")):
        parts.append(("opt_in", estimates(page, aside)))
    made = page.rows("checks", "change", "requests")
    passed = [pair for pair in made if passed_check(pair[1])]
    if passed:
        names = dict.fromkeys(register.label(key) for key, _ in passed)
        told: Block = {"type": "notes", "items": [[words("semicolon").join(names)]]}
        aside = [pair for pair in made if pair[1].get("verdict") == "not_applicable"]
        parts.append(("checks", [told, *not_made(page, aside)]))
    own = [(key, row) for key, row in register.rows.items() if key.startswith("x.")]
    if own:
        note: Block = {"type": "para", "runs": [words("annex.own_note")]}
        parts.append(("own", [note, *estimates(page, own)]))
    parts.append(("provenance", _provenance(page, _ids([before, parts]))))
    return [
        {
            "id": name,
            "no": words("annex").replace("{letter}", chr(ord("A") + i)),
            "title": words(f"annex.{name}"),
            "blocks": blocks,
        }
        for i, (name, blocks) in enumerate(parts)
    ]


def _disclosure(page: Page) -> list[Block]:
    """Give the items of AAPOR and ISO 20252 as the notebook filled them; gaps by name."""
    words, rows = page.words, []
    told = dict(page.rows("disclosure"))
    open_ = [key for key, row in told.items() if row.get("status") == "not_computed"]
    standard = any(key.startswith("disclosure.aapor.") for key in told)
    for item, names in _DISCLOSURE:
        if standard and item not in _OURS:
            continue
        key = f"disclosure.{item}"
        if key in told:
            told.pop(key)
            found = [page.num(key) or page.quote(key)]
        else:
            found = _answers(page, names)
        runs = line(found, words("semicolon")) or [words("disclosure.absent")]
        rows.append([[words(f"disclosure.{item}")], runs])
    rows += [
        [page.label(key), page.num(key) or page.quote(key)] for key in told if key not in open_
    ]
    out = [keys(page.register, rows)]
    if open_:
        gaps = line([page.label(key) for key in open_], words("semicolon"))
        out.append({"type": "para", "runs": [words("disclosure.gaps"), words("colon"), *gaps]})
    return out


def _answers(page: Page, names: tuple[str, ...]) -> list[list[Any]]:
    """Give what the findings of an item say, of this wave where they name one."""
    found = []
    for name in names:
        for key in page.register.rows:
            stem = key.removesuffix(".current")
            if (stem != name and not (name.endswith(".") and stem.startswith(name))) or (
                stem.endswith(".baseline") or not page.register.has(key)
            ):
                continue
            single = len(names) == 1 and not name.endswith(".")
            label = [] if single else [*page.label(key), page.words("colon")]
            found.append([*label, Num(key)])
        if found and name == "weights.n":
            break
    return found


def _methods(page: Page, methods: Mapping[str, Mapping[str, str]]) -> list[Block]:
    words = page.words
    # a check names itself by its label; only what it is made with is a method
    used = sorted(
        {
            str(row["method"])
            for row in page.register.rows.values()
            if row.get("method") and not str(row["method"]).startswith("change.check.")
        }
    )
    if not used:
        return []
    rows: list[list[list[Any]]] = []
    for key in used:
        told = methods.get(key, {})
        name = told.get(words.lang) or told.get("en") or words("annex.no_method")
        cells = (name, told.get("formula") or "", told.get("citation") or "")
        rows.append([[{"id": key}], *([cell] for cell in cells)])
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


def passed_check(row: Finding) -> bool:
    """Tell whether a finding is a check that found nothing."""
    return quiet_check(row) and row.get("status") != "not_computed"


def quiet_check(row: Finding) -> bool:
    """Tell whether a finding is a check without a fault: passed, not made, or out of place."""
    quiet = row.get("verdict") == "passed" or row.get("status") == "not_computed"
    return (
        quiet
        and row.get("kind") == "check"
        and row.get("section") in ("checks", "change", "requests")
    )


def _inputs(register: Register) -> dict[str, str]:
    """Name each distinct set of input digests I1, I2, I3."""
    names: dict[str, str] = {}
    for row in register.rows.values():
        told = str(row.get("inputs") or "")
        if told and told not in names:
            names[told] = f"I{len(names) + 1}"
    return names


def _ids(value: Any) -> set[str]:
    """Collect the findings whose value is printed."""
    found: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, Num):
            if value.field == "value":
                found.add(value.id)
        elif isinstance(value, dict):
            for item in value.values():
                walk(item)
        elif isinstance(value, (list, tuple)):
            for item in value:
                if not isinstance(item, str):
                    walk(item)

    walk(value)
    return found


def _provenance(page: Page, told: set[str]) -> list[Block]:
    words, register = page.words, page.register
    names = _inputs(register)
    digests = []
    for listed, name in names.items():
        for i, part in enumerate(listed.split(";")):
            table_name, _, sha = part.strip().rpartition(":")
            digests.append([[name if i == 0 else ""], [table_name], [sha]])
    groups: dict[tuple[str, str, str], list[tuple[str, bool]]] = {}
    for key, row in register.rows.items():
        if not register.has(key):
            continue
        if row.get("notebook") == "report":
            place = (words("annex.counted"), "", str(row.get("counted") or ""))
        else:
            cell = " / ".join(str(row[name]) for name in ("notebook", "cell") if row.get(name))
            place = (cell, str(row.get("method") or ""), names.get(str(row.get("inputs")), ""))
        written = (row.get("kind") == "text" and key in told) or quiet_check(row)
        groups.setdefault(place, []).append((key, written))
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
            "groups": [
                {
                    "place": list(place),
                    "texts": ", ".join(key for key, written in found if written),
                    "items": [[{"anchor": key}, Num(key)] for key, written in found if not written],
                }
                for place, found in groups.items()
            ],
        },
    ]
