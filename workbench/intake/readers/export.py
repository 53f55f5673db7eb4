"""What a reader gives: cells as text, and what the platform's own form tells of its columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from workbench.errors import Problem
from workbench.intake.frames import Log, refuse
from workbench.intake.shelf import Shelf
from workbench.intake.titles import joined, unique

if TYPE_CHECKING:
    import pyarrow as pa

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


CELLS = 1 << 18
"""Cells of a file that are held as Python's own texts at once."""

HEAD = 512
"""Rows under the header that are kept as they stand."""

_MOST_COLUMNS = 5000
_MOST_DISTINCT = 10_000


class Grid:
    """Cells of a file: its first rows as they stand, all rows under the header put aside.

    Cells are put aside without outer blanks, blank ones as missing, blank rows not at all.

    Parameters
    ----------
    rows
        Everything row by row, with what stands above the header; read once, to its end.
    how
        Tells which row is the header.

    Attributes
    ----------
    head
        The first rows, the header and some hundred below it among them.
    body
        Rows under the header that still describe columns.
    left_out
        Positions of records that are no answers (test answers), counted from the header.
    long
        Positions of rows with more cells than the header.

    Raises
    ------
    InputError
        There is no header, or it has more than 5,000 columns.
    """

    def __init__(
        self, rows: Iterable[list[str]], how: Source | Join, export: Export | None = None
    ) -> None:
        self.export = export
        self.body = 0
        self.left_out: frozenset[int] = frozenset()
        self.long: list[int] = []
        self._rows = 0
        self.shelf = Shelf()
        self._seen: tuple[tuple[int, frozenset[int]], list[list[str]]] | None = None
        source = iter(rows)
        self.head = list(islice(source, how.header + HEAD))
        if how.header_rows and how.header <= len(self.head):
            above = self.head[how.header_rows[0] - 1 : how.header]
            self.head[how.header - 1] = joined(above)
        header = self.head[how.header - 1] if how.header <= len(self.head) else []
        if not any(map(str.strip, header)) or len(header) > _MOST_COLUMNS:
            raise refuse(
                "file.header",
                how.file,
                f"第 {how.header} 行没有可用的表头",
                f"line {how.header} holds no usable header",
                "改正 header:",
                "correct header:",
                found=f"{len(header)} columns",
            )
        self.titles, self.repeated = unique(header)
        self.fill(chain(self.head[how.header :], source))

    def fill(self, rows: Iterator[list[str]]) -> None:
        """Put more rows aside."""
        width = len(self.titles)
        size = max(CELLS // width, 1)
        while chunk := list(islice(rows, size)):
            kept = []
            for n, row in enumerate(chunk, start=self._rows + 1):
                if len(row) > width and any(cell.strip() for cell in row[width:]):
                    self.long.append(n)
                if len(row) != width:
                    row = row[:width] + [""] * (width - len(row))
                kept.append(row)
            self.add([coded(cells) for cells in zip(*kept, strict=True)])

    def add(self, columns: Sequence[pa.Array]) -> None:
        """Put rows aside, one array of :func:`coded` texts for each column; blank rows go."""
        import pyarrow as pa

        rows = len(columns[0])
        places = pa.array(np.arange(self._rows + 1, self._rows + rows + 1))
        self._rows += rows
        table = pa.table([places, *columns], names=[str(n) for n in range(len(columns) + 1)])
        blank = np.ones(rows, dtype=bool)
        for column in columns:
            if not blank.any():
                break
            blank &= np.asarray(column.is_null())
        self.shelf.add(table.filter(pa.array(~blank)) if blank.any() else table)

    def chunks(self, columns: Iterable[int]) -> Iterator[tuple[np.ndarray, list[pa.Array]]]:
        """Give row numbers, from 1 under all headers, and the texts of some columns, in parts.

        Records that are no answers are left out.
        """
        import pyarrow as pa

        wanted = [str(n + 1) for n in columns]
        for k in range(len(self.shelf)):
            table = self.shelf.take(k, ["0", *wanted]).combine_chunks()
            places = table.column("0").to_numpy()
            keep = places > self.body
            if self.left_out:
                keep &= ~np.isin(places, list(self.left_out))
            if not keep.all():
                table = table.filter(pa.array(keep))
            if table.num_rows:
                cells = [table.column(name).combine_chunks() for name in wanted]
                yield places[keep] - self.body, cells

    def last(self, rows: int) -> list[tuple[int, str]]:
        """Give the position, counted from the header, and the first text of the last records."""
        out: list[tuple[int, str]] = []
        names = [str(n) for n in range(len(self.titles) + 1)]
        for k in reversed(range(len(self.shelf))):
            table = self.shelf.take(k, names)
            table = table.slice(max(table.num_rows - rows + len(out), 0))
            cells = [table.column(name).to_pylist() for name in names]
            own = [
                (int(n), next((t for t in row if t), "")) for n, *row in zip(*cells, strict=True)
            ]
            out = [(n, text) for n, text in own if n > self.body] + out
            if len(out) >= rows:
                break
        return out

    def column(self, n: int) -> list[str]:
        """Give the distinct texts of one column, in the order they come; not beyond 10,000."""
        now = (self.body, self.left_out)
        if self._seen is None or self._seen[0] != now:
            self._seen = (now, self._distinct())
        return self._seen[1][n]

    def _distinct(self) -> list[list[str]]:
        seen: list[dict[str, None]] = [{} for _ in self.titles]
        for _, columns in self.chunks(range(len(seen))):
            for words, cells in zip(seen, columns, strict=True):
                if len(words) <= _MOST_DISTINCT:
                    own = cells.unique().dictionary_decode().drop_null()
                    words.update(dict.fromkeys(own.to_pylist()))
        return [list(words) for words in seen]


def coded(texts: Sequence[str], places: np.ndarray | pa.Array | None = None) -> pa.Array:
    """Give texts without outer blanks, blank ones as missing, each distinct one held once.

    Parameters
    ----------
    texts, places
        The texts of a column; or some texts, and for each cell the place of its own among them,
        negative or missing where there is none.
    """
    import pyarrow as pa

    if places is None:
        held = pa.array(texts, pa.large_string()).dictionary_encode()
        texts, places = held.dictionary.to_pylist(), held.indices
    if not isinstance(places, np.ndarray):
        places = np.asarray(places.fill_null(-1))
    words: dict[str, int] = {}
    own = [words.setdefault(word, len(words)) if (word := text.strip()) else -1 for text in texts]
    index = np.array([*own, -1], dtype="int32")[places]
    return pa.DictionaryArray.from_arrays(
        pa.array(index, mask=index < 0), pa.array(words, pa.large_string())
    )


Reader = Callable[[BinaryIO, "Source | Join", Log, list[Problem]], Grid]

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
