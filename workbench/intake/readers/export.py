"""What a reader gives: cells as text, and what the platform's own form tells of its columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workbench.errors import Problem
from workbench.intake.frames import Log
from workbench.intake.titles import unique

if TYPE_CHECKING:
    from workbench.intake.readers.entry import Form
    from workbench.study import Join, Source

__all__ = ["Export", "Grid", "Named", "Question", "Reader", "blocks", "reason"]


@dataclass(frozen=True)
class Named:
    """A column that the platform fills: title, how its cells are cleaned, what a blank one says."""

    title: str
    clean: Callable[[str], str | None] | None = None
    blank: str | None = None


@dataclass(frozen=True)
class Question:
    """One question of an export or a form.

    Attributes
    ----------
    title
        What ``columns:`` may name: the column's title, or that of the block.
    kind
        As in the codebook (``single``, ``multiple`` …), ``ranking``, ``matrix``, or empty when the
        export does not tell.
    columns
        Option or row, and the title of its column; empty for a question of one column.
    labels, missing
        Label of each code; reason of each code that is no answer.
    where, skip
        Which answers to which questions let it be asked; the form's own condition, if any.
    """

    title: str
    wording: str
    kind: str = ""
    code: str = ""
    wording_en: str = ""
    columns: tuple[tuple[str, str], ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    labels_en: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    skip: str = ""


@dataclass(frozen=True)
class Export:
    """What the form of an export tells beyond its cells.

    Attributes
    ----------
    named
        Canonical name of ``responses`` → the platform's column.
    seconds
        Title of the column with the time an answer took, from which the beginning follows.
    missing
        Codes that are no answer to any question, with their reason.
    other
        Pattern of the free text that the platform sets behind an option, its group the text.
    separator
        What stands between the options of one cell.
    form
        What an entry workbook of ``workbench forms`` says of itself.
    """

    platform: str
    named: Mapping[str, Named] = field(default_factory=dict)
    questions: tuple[Question, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    other: re.Pattern[str] | None = None
    seconds: str = ""
    separator: str = ""
    form: Form | None = None

    def question(self, title: str) -> Question | None:
        """Give the question that a column belongs to."""
        for one in self.questions:
            if title == one.title or any(title == column for _, column in one.columns):
                return one
        return None


@dataclass
class Grid:
    """Cells of a file, row by row from its top.

    Attributes
    ----------
    rows
        Everything, with what stands above the header.
    body
        Rows under the header that still describe columns.
    left_out
        Positions in ``rows`` of records that are no answers (test answers).
    """

    rows: list[list[str]]
    body: int = 0
    left_out: frozenset[int] = frozenset()
    export: Export | None = None

    def titles(self, how: Source | Join) -> list[str]:
        """Give the unique titles of the header row."""
        top = how.header - 1
        return unique(self.rows[top])[0] if top < len(self.rows) else []

    def data(self, how: Source | Join) -> list[list[str]]:
        """Give the rows under the header."""
        return self.rows[how.header + self.body :]

    def column(self, how: Source | Join, n: int) -> list[str]:
        """Give the filled cells of one column."""
        return [
            row[n].strip() for row in self.data(how) if n < len(row) and row[n] and row[n].strip()
        ]


Reader = Callable[[bytes, "Source | Join", Log, list[Problem]], Grid]

_SUFFIX = re.compile(
    r"(?P<stem>.*?)(?:[(（](?P<a>.+)[)）]|\[(?P<b>[^\]]+)\]|[/:：](?P<c>[^/:：]+)|_(?P<d>[^_]+))\Z"
)
_REASONS = (
    (
        "not_asked",
        re.compile(r"跳过|不适用|不涉及|未问|not asked|skip|not applicable|n/?a\b", re.I),
    ),
    ("refused", re.compile(r"拒|不愿|refus|prefer not", re.I)),
    ("dont_know", re.compile(r"不清楚|不知道|说不清|不了解|don.?t know|unsure|no opinion", re.I)),
    ("skipped", re.compile(r"未答|未填|漏|空|no answer|blank|missing", re.I)),
)


def reason(label: str) -> str:
    """Give the word for why an answer is missing, from the label of its code.

    Examples
    --------
    >>> reason("拒绝回答"), reason("不知道/说不清"), reason("系统缺失")
    ('refused', 'dont_know', 'missing')
    """
    return next((word for word, form in _REASONS if form.search(label)), "missing")


def blocks(
    titles: list[str], form: re.Pattern[str] | None = None
) -> dict[str, list[tuple[str, str]]]:
    """Give runs of columns that share a stem: stem → (option, title).

    A run of one is no block: its brackets belong to the wording.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    before = ""
    for title in titles:
        match = (form or _SUFFIX).fullmatch(title)
        stem = match["stem"].strip() if match else ""
        if not match or not stem:
            before = ""
            continue
        option = next(
            text for name, text in match.groupdict().items() if name != "stem" and text is not None
        )
        if stem != before and stem in found:  # the same stem again, elsewhere: another block
            before = ""
            continue
        found.setdefault(stem, []).append((option.strip(), title))
        before = stem
    return {stem: columns for stem, columns in found.items() if len(columns) > 1}
