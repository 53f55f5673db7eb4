"""Tables of findings: estimates, two waves side by side, groups of residents, comparisons."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from workbench.report.blocks import Block, Tone, line, table
from workbench.report.register import Finding, Num, Quote, Register, Run, finite
from workbench.report.words import Words
from workbench.wording import shared

__all__ = ["Cell", "Page", "Pair", "comparisons", "estimates", "footnoted", "groups", "waves"]

_TONES = {
    "met": "good",
    "better": "good",
    "passed": "good",
    "not_met": "bad",
    "worse": "bad",
    "failed": "bad",
    "cannot_tell": "open",
    "no_relevant_change": "mute",
}

# a note up to this length may stand in its row
_SHORT_NOTE = {"zh": 16, "en": 32}
_LETTERS = "abcdefghijklmnopqrstuvwxyz"

Pair = tuple[str, Finding]
Cell = list[Any]


class Page:
    """What every section needs: the findings by section, the words, shorthands for cells."""

    def __init__(
        self,
        register: Register,
        words: Words,
        figures: Mapping[str, list[Block]] | None = None,
        pictures: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self.register = register
        self.words = words
        self.figures = figures or {}
        self.pictures = pictures or {}
        self.further: dict[str, list[tuple[str, list[Block]]]] = {}
        self.by_section: dict[str, list[Pair]] = {}
        for key, row in register.rows.items():
            self.by_section.setdefault(str(row.get("section")), []).append((key, row))

    def later(self, section: str, title: str, blocks: list[Block]) -> None:
        """Leave blocks of a section to the annex of further results, under a title of their own."""
        if blocks:
            told = self.words(title) if title else ""
            self.further.setdefault(section, []).append((told, blocks))

    def rows(self, *sections: str, kind: str | None = None) -> list[Pair]:
        """Give the findings of sections, in the order recorded."""
        return [
            pair
            for section in sections
            for pair in self.by_section.get(section, [])
            if kind is None or pair[1].get("kind") == kind
        ]

    def label(self, key: str) -> Cell:
        """Give the label of a finding; one that is in English only is marked in Chinese."""
        row, told = self.register.rows[key], self.register.label(key)
        if self.words.lang == "zh" and not row.get("label_zh") and row.get("label_en"):
            return [Quote(told, "en", original=True)]
        return [told]

    def num(self, key: str, field: str = "value") -> Cell:
        """Give a number of a finding, or nothing."""
        return [Num(key, field)] if self.register.has(key, field) else []

    def count(self, key: str) -> Cell:
        """Give n, unless it is the number itself."""
        row = self.register.rows[key]
        same = row.get("unit") == "count" and row.get("n") == row.get("value")
        return [] if same or row.get("status") == "not_computed" else self.num(key, "n")

    def quote(self, key: str, name: str = "reason") -> Cell:
        """Give words of people, or nothing."""
        quote = self.register.words(key, name)
        return [quote] if quote else []

    def verdict(self, row: Finding, kind: str = "verdict") -> Cell:
        """Give the verdict in our words, coloured."""
        code = str(row.get("verdict") or "")
        word = self.words.get(f"{kind}.{code}", self.words.get(f"verdict.{code}", code))
        return [Tone(word, _TONES.get(code, "mute"))] if word else []

    def note(self, key: str, row: Finding) -> Cell:
        """Give status and reason."""
        status = str(row.get("status") or "ok")
        parts: list[Cell] = []
        if status != "ok":
            parts.append([Tone(self.words.get(f"status.{status}", status), "open")])
        reason = self.quote(key)
        if reason:
            parts.append(reason)
        return line(parts, self.words("semicolon"))

    def interval_head(self, pairs: Iterable[Pair]) -> list[Run]:
        """Give the head of the column of intervals, with their level where it is one."""
        shown = [(key, row) for key, row in pairs if row.get("status") != "suppressed"]
        levels = {row["level"]: key for key, row in shown if finite(row.get("level"))}
        if len(levels) != 1:
            return [self.words("col.interval_plain")]
        return self.words.fill("col.interval", level=Num(next(iter(levels.values())), "level"))


def estimates(page: Page, pairs: Sequence[Pair]) -> list[Block]:
    """Make the table of estimates: value, interval, n, note."""
    if not pairs:
        return []
    columns: list[tuple[Any, float, str]] = [
        (page.words("col.item"), 3, "left"),
        (page.words("col.value"), 0, "right"),
        (page.interval_head(pairs), 0, "right"),
        (page.words("col.n"), 0, "right"),
        (page.words("col.note"), 2, "left"),
    ]
    rows = [
        [
            page.label(key),
            page.num(key),
            page.num(key, "interval"),
            page.count(key),
            page.note(key, row),
        ]
        for key, row in pairs
    ]
    return footnoted(page, columns, rows, [key for key, _ in pairs])


def footnoted(
    page: Page,
    columns: Sequence[tuple[Any, float, str]],
    rows: Sequence[list[Cell]],
    keys: Sequence[str] = (),
) -> list[Block]:
    """Make a table whose last column is notes; long or repeated ones are told below, lettered.

    ``keys`` are the findings of the rows: what the labels of neighbours share is said once.
    """
    notes: dict[str, Cell] = {}
    told = [page.register.plain(_texts(row[-1])) for row in rows]
    for text, row in zip(told, rows, strict=True):
        if text:
            notes.setdefault(text, row[-1])
    repeated = sum(bool(text) for text in told) > len(notes)
    if not notes or (not repeated and max(map(len, notes)) <= _SHORT_NOTE[page.words.lang]):
        return [table(columns, _led(page, rows, keys))]
    letters = {text: _LETTERS[i % 26] * (1 + i // 26) for i, text in enumerate(notes)}
    marked = [
        [*row[:-1], [letters[text]] if text else []] for text, row in zip(told, rows, strict=True)
    ]
    heads = [*columns[:-1], (columns[-1][0], 0, "left")]
    below = [[letters[text], " ", *notes[text]] for text in notes]
    return [table(heads, _led(page, marked, keys)), {"type": "notes", "items": below}]


def _led(page: Page, rows: Sequence[list[Cell]], keys: Sequence[str]) -> list[list[Cell]]:
    """Set what the labels of three or more rows of one kind share into a row above them."""
    if not keys:
        return list(rows)
    found = page.register.rows
    kinds = [
        (found[key].get("statistic") or found[key].get("unit"), key.rpartition(".")[2])
        for key in keys
    ]
    out: list[list[Cell]] = []
    for _, run in itertools.groupby(zip(kinds, rows, strict=True), key=lambda pair: pair[0]):
        mine = [row for _, row in run]
        labels = [page.register.plain(_texts(row[0])) for row in mine]
        start, end = shared(labels)
        if start or end:
            out.append([[f"{start}…{end}"]])
            cut = [label.removeprefix(start).removesuffix(end) for label in labels]
            mine = [[[label], *row[1:]] for label, row in zip(cut, mine, strict=True)]
        out += mine
    return out


def _texts(cell: Cell) -> list[Run]:
    return [run.text if isinstance(run, Tone) else run for run in cell]


def waves(page: Page, pairs: Sequence[Pair]) -> list[Block]:
    """Set both waves side by side; what stands in one wave only follows as a list of estimates.

    Ids that end in ``.current`` and ``.baseline`` and agree before that are one row.
    """
    keys = dict(pairs)
    both = [
        (key, key.removesuffix(".current") + ".baseline")
        for key in keys
        if key.endswith(".current") and key.removesuffix(".current") + ".baseline" in keys
    ]
    if len(both) < 2:
        return estimates(page, pairs)
    told = [
        couple for couple in both if any(keys[k].get("status") != "not_computed" for k in couple)
    ]
    empty, both = [couple for couple in both if couple not in told], told
    used = {key for couple in [*both, *empty] for key in couple}
    head = page.interval_head(pairs)
    w = page.words
    columns: list[tuple[Any, float, str]] = [
        (w("col.item"), 1, "left"),
        (w("col.current"), 0, "right"),
        (head, 0, "right"),
        (w("col.n"), 0, "right"),
        (w("col.baseline"), 0, "right"),
        (head, 0, "right"),
        (w("col.n"), 0, "right"),
        (w("col.note"), 0.7, "left"),
    ]
    rows = []
    for now, then in both:
        notes = [page.note(key, keys[key]) for key in (now, then)]
        note = notes[0] if notes[0] == notes[1] else line([n for n in notes if n], w("semicolon"))
        cells = [
            cell
            for key in (now, then)
            for cell in (page.num(key), page.num(key, "interval"), page.count(key))
        ]
        rows.append([[_wave_less(page.register.label(now))], *cells, note])
    rest = [pair for pair in pairs if pair[0] not in used]
    made = footnoted(page, columns, rows, [now for now, _ in both]) if both else []
    return made + estimates(page, rest) + not_made(page, [(now, keys[now]) for now, _ in empty])


def not_made(page: Page, pairs: Sequence[Pair]) -> list[Block]:
    """Say what was not computed, once for all that share a reason."""
    w = page.words
    why: dict[str, tuple[list[Cell], Cell]] = {}
    for key, row in pairs:
        note = page.note(key, row)
        names, _ = why.setdefault(page.register.plain(_texts(note)), ([], note))
        name = [_wave_less(page.register.label(key))]
        names += [] if name in names else [name]
    items = [[*line(names, w("comma")), w("colon"), *note] for names, note in why.values()]
    return [{"type": "notes", "items": items}] if items else []


def _wave_less(label: str) -> str:
    """Take «this wave» off a label whose column says so."""
    return re.sub(r"\s*[，,（(]\s*(本期|current( wave)?|this (wave|period))\s*[）)]?$", "", label)


def groups(page: Page, pairs: Sequence[Pair]) -> list[Block]:
    """Make one table for each variable: items down, groups across; value, interval and n in a cell.

    A finding belongs here when its ``subgroup`` is ``variable=category`` and its id is the id of
    the item with the subgroup behind a dot; others follow as estimates.
    """
    by: dict[str, dict[str, dict[str, str]]] = {}
    rest: list[Pair] = []
    for key, row in pairs:
        subgroup = str(row.get("subgroup") or "")
        item, found, _ = key.rpartition(f".{subgroup}")
        if "=" in subgroup and found and key.endswith(subgroup):
            by.setdefault(subgroup.partition("=")[0], {}).setdefault(item, {})[subgroup] = key
        else:
            rest.append((key, row))
    out: list[Block] = []
    for table_of in by.values():
        out += _group_table(page, table_of)
    return out + estimates(page, rest)


def _group_table(page: Page, items: dict[str, dict[str, str]]) -> list[Block]:
    w = page.words
    names = list(dict.fromkeys(name for cells in items.values() for name in cells))
    keys = [key for cells in items.values() for key in cells.values()]
    shared = {item: _shared([page.register.label(key) for key in cells.values()])
              for item, cells in items.items()}  # fmt: skip
    heads: dict[str, str] = {}
    for item, cells in items.items():
        for name, key in cells.items():
            heads.setdefault(name, _trimmed(page.register.label(key)[len(shared[item]) :]) or name)
    rows = []
    for item, cells in items.items():
        row: list[Cell] = [[_trimmed(shared[item]) or item]]
        for name in names:
            row.append(_group_cell(page, cells[name]) if name in cells else [])
        whys = [
            [Tone(w.get(f"status.{page.register.rows[key].get('status')}"), "open"), w("colon"),
             heads[name], *([w("comma"), *page.quote(key)] if page.quote(key) else [])]
            for name, key in cells.items()
            if page.register.rows[key].get("status") in ("suppressed", "not_computed")
        ]  # fmt: skip
        rows.append([*row, line(whys, w("semicolon"))])
    level = page.interval_head([(key, page.register.rows[key]) for key in keys])
    columns: list[tuple[Any, float, str]] = [
        ([w("col.item"), w("open"), w("col.value"), w("comma"), *level, w("close")], 1.3, "left"),
        *((heads[name], 1, "left") for name in names),
        (w("col.note"), 0, "left"),
    ]  # fmt: skip
    return footnoted(page, columns, rows)


def _group_cell(page: Page, key: str) -> Cell:
    status = str(page.register.rows[key].get("status") or "ok")
    if status in ("suppressed", "not_computed"):
        return [Tone(page.words.get(f"status.{status}"), "open")]
    count = page.num(key, "n")
    inner: list[Cell] = [page.num(key, "interval"), ["n=", *count] if count else []]
    if status == "low_precision":
        inner.append([Tone(page.words(f"status.{status}"), "open")])
    told = line([part for part in inner if part], page.words("verdict.join"))
    w = page.words
    return [*page.num(key), *([w("open"), *told, w("close")] if told else [])]


def _shared(labels: Sequence[str]) -> str:
    """Give the longest beginning that all labels share, cut at a mark where there is one."""
    first, last = min(labels), max(labels)
    size = next(
        (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first)
    )
    start = first[:size]
    cut = max(start.rfind(mark) for mark in "，,：:；;")
    return start[: cut + 1] if cut > 0 else start


def _trimmed(text: str) -> str:
    return text.strip(" ，,：:；;（(")


def comparisons(page: Page, pairs: Sequence[Pair]) -> list[Block]:
    """Make a table of comparisons for each method: change, interval, n, p, grade, verdict, note.

    Where the batch has corrected p values over all its units, the column shows those only: a p of
    another family does not stand beside them.
    """
    by: dict[str, list[Pair]] = {}
    for key, row in pairs:
        by.setdefault(str(row.get("method")), []).append((key, row))
    out = [block for mine in by.values() for block in _compared(page, mine)]
    if any(_of_batch(row) for _, row in pairs):
        out.append({"type": "notes", "items": [[page.words("note.p_batch")]]})
    return out


def _of_batch(row: Finding) -> bool:
    return str(row.get("family") or "").startswith("all:")


def _alone(page: Page, row: Finding) -> Cell:
    """Give the verdict; one that the batch's correction would leave open is of this unit alone."""
    cell = page.verdict(row)
    p, level = row.get("p_adjusted"), float(row.get("level") or 0.95)
    if not _of_batch(row) or row.get("verdict") not in ("better", "worse") or p is None:
        return cell
    if finite(p) and float(p) >= 1 - level:
        return [*cell, Tone(page.words("verdict.alone"), "open")]
    return cell


def _compared(page: Page, pairs: Sequence[Pair]) -> list[Block]:
    w = page.words
    batch = [key for key, row in pairs if _of_batch(row)]
    tested = batch or [key for key, _ in pairs if page.register.has(key, "p_adjusted")]
    points = all(row.get("unit") in ("pp", None) for _, row in pairs)
    columns: list[tuple[Any, float, str]] = [
        (w("col.item"), 3, "left"),
        (w("col.points_difference" if points else "col.difference"), 0, "right"),
        (page.interval_head(pairs), 0, "right"),
        (w("col.n"), 0, "right"),
        (w("col.p_batch" if batch else "col.p"), 0, "right"),
        (w("col.grade"), 0, "left"),
        (w("col.verdict"), 0, "left"),
        (w("col.note"), 2, "left"),
    ]
    rows = [
        [
            page.label(key),
            page.num(key, "digits" if points else "value"),
            page.num(key, "interval"),
            page.num(key, "n"),
            page.num(key, "p_adjusted") if key in tested else [],
            [str(row.get("evidence_grade") or w("none"))],
            _alone(page, row),
            page.note(key, row),
        ]
        for key, row in pairs
    ]
    return footnoted(page, columns, rows, [key for key, _ in pairs])
