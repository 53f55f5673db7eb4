"""What intake hands on: raw frames, canonical tables, the log and the place of every row."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError, Problem

if TYPE_CHECKING:
    import pandas as pd

    from workbench.intake.readers.export import Export
    from workbench.intake.shelf import Frames

__all__ = ["Entry", "FileUsed", "Log", "Problems", "Raw", "Tables", "refuse"]

FILE, ROW = "_file", "_row"
"""Columns of a canonical frame that say where a row came from; they stay in the house."""

_SHOWN_ROWS = 8
_SHOWN_VALUES = 20
_MOST_VALUES = 100_000


def refuse(
    code: str, file: str, zh: str, en: str, remedy_zh: str, remedy_en: str, **more: Any
) -> InputError:
    """Give the error of a file that cannot be read, to be raised."""
    return InputError(
        Problem(
            code=code, file=file, zh=zh, en=en, remedy_zh=remedy_zh, remedy_en=remedy_en, **more
        )
    )


@dataclass(frozen=True)
class FileUsed:
    """A raw file as declared, with its digest and the number of its data rows."""

    name: str
    sha256: str
    rows: int
    outside: bool = False


@dataclass(frozen=True)
class Raw:
    """A file's cells as text: one row per record, ``index`` = row number, the first being 1."""

    file: FileUsed
    frame: pd.DataFrame
    repeated: frozenset[str] = frozenset()
    """Titles that stand more than once; their columns are ``title#1``, ``title#2`` …"""
    export: Export | None = None
    """What the platform's own form tells of the columns."""
    seen: Callable[[str], Collection[str]] = lambda _: ()
    """Distinct texts of a column in the whole file, of which ``frame`` may be a part."""


@dataclass(frozen=True)
class Entry:
    """Something done to the data that a reader should know, counted; of one unit or of all."""

    code: str
    n: int
    zh: str
    en: str
    table: str = ""
    community: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Give the form that ``study.json`` holds."""
        return {"code": self.code, "n": self.n, "zh": self.zh, "en": self.en}


class Log:
    """The counted entries of one intake; what is said again, chunk by chunk, adds up."""

    def __init__(self) -> None:
        self._entries: dict[Entry, tuple[int, set[str], bool]] = {}

    def add(
        self,
        code: str,
        n: int,
        zh: str,
        en: str,
        *,
        table: str = "",
        community: str = "",
        listed: Iterable[str] = (),
        once: bool = False,
    ) -> None:
        """Enter something that happened ``n`` times; nothing is entered for none.

        Parameters
        ----------
        listed
            Words that stand for ``{listed}`` in the texts, all that are ever given.
        once
            ``n`` is of the file and not of its rows: it is not added up.
        """
        if n:
            key = Entry(code, 0, zh, en, table, community)
            before, words, _ = self._entries.get(key, (0, set(), once))
            self._entries[key] = (int(n) if once else before + int(n), words | set(listed), once)

    def by_unit(self, code: str, units: pd.Series, zh: str, en: str, *, table: str) -> None:
        """Enter what happened to some rows, counted by the unit of each."""
        for unit, n in units.value_counts(sort=False).sort_index().items():
            self.add(code, int(n), zh, en, table=table, community=str(unit))

    def extend(self, other: Log) -> None:
        """Enter what another log has counted; the same said by both adds up."""
        for key, (n, words, once) in other._entries.items():
            told = {"table": key.table, "community": key.community}
            self.add(key.code, n, key.zh, key.en, **told, listed=words, once=once)

    @property
    def entries(self) -> list[Entry]:
        """What was counted, in the order in which it was first met."""
        out = []
        for key, (n, words, _) in self._entries.items():
            shown = ", ".join(sorted(words))
            zh, en = (
                (key.zh, key.en)
                if not words
                else (key.zh.replace("{listed}", shown), key.en.replace("{listed}", shown))
            )
            out.append(replace(key, n=n, zh=zh, en=en))
        return out


def rows_shown(rows: Iterable[int]) -> str:
    """Give the first row numbers of a list."""
    numbers = [int(row) for row in rows]
    more = " …" if len(numbers) > _SHOWN_ROWS else ""
    return ", ".join(str(n) for n in numbers[:_SHOWN_ROWS]) + more


@dataclass
class _Tally:
    """The rows of one fault, file by file and value by value, as chunk after chunk has them."""

    texts: tuple[str, str, str, str, str]
    column: str
    expected: str
    community: str
    severity: str
    groups: dict[tuple[str, str], tuple[int, list[int], set[str]]] = field(default_factory=dict)
    """File and value: number of rows, the first of them, their units as far as they tell one."""
    more: set[int] = field(default_factory=set)
    """Digests of the pairs beyond those that are shown, up to a number nobody reads on."""

    def take(self, frame: pd.DataFrame, values: pd.Series | None) -> None:
        import pandas as pd

        found = pd.Series("", frame.index) if values is None else values.astype("str").fillna("")
        keys = pd.MultiIndex.from_arrays([frame[FILE], found])
        codes, pairs = keys.factorize()
        for n, (file, value) in enumerate(pairs):
            pair = (str(file), str(value))
            if pair not in self.groups and len(self.groups) > _SHOWN_VALUES:
                if len(self.more) < _MOST_VALUES:
                    self.more.add(hash(pair))
                continue
            rows = frame[codes == n]
            size, shown_, units = self.groups.get(pair, (0, [], set()))
            if "community" in frame.columns and len(units) < 2:
                units = units | set(rows["community"].dropna().unique()[:2])
            first = [int(row) for row in rows[ROW].iloc[: _SHOWN_ROWS + 1 - len(shown_)]]
            self.groups[pair] = (size + len(rows), shown_ + first, units)

    def problems(self) -> Iterable[Problem]:
        code, zh, en, remedy_zh, remedy_en = self.texts
        for n, ((file, value), (size, rows, units)) in enumerate(self.groups.items()):
            if n == _SHOWN_VALUES:
                rest = 1 + len(self.more)
                zh, en = f"{zh}（另有 {rest} 个值）", f"{en} (and {rest} more values)"
            many = size > 1
            unit = self.community
            if not unit and len(units) == 1:
                unit = str(next(iter(units)))
            yield Problem(
                code=code,
                zh=zh + (f"（{size} 行：{rows_shown(rows)}）" if many else ""),
                en=en + (f" ({size} rows: {rows_shown(rows)})" if many else ""),
                remedy_zh=remedy_zh,
                remedy_en=remedy_en,
                file=file,
                row=rows[0],
                column=self.column,
                community=unit,
                expected=self.expected,
                found=shown(value),
                severity=self.severity,
            )


class Problems:
    """The problems of one intake: one per fault, file, column and value, with its rows counted.

    What is found again in another chunk of a table is one problem with the rows of both.
    """

    def __init__(self) -> None:
        self._met: dict[Any, Problem | _Tally] = {}

    @property
    def found(self) -> list[Problem]:
        """All of them, in the order in which they were first met."""
        out: list[Problem] = []
        for one in self._met.values():
            out += [one] if isinstance(one, Problem) else one.problems()
        return out

    def extend(self, problems: Iterable[Problem]) -> None:
        """Enter problems that were found elsewhere."""
        self._met.update((problem, problem) for problem in problems)

    def add(
        self, code: str, zh: str, en: str, remedy_zh: str, remedy_en: str, **place: Any
    ) -> None:
        """Enter one problem."""
        self.extend(
            [Problem(code=code, zh=zh, en=en, remedy_zh=remedy_zh, remedy_en=remedy_en, **place)]
        )

    def cells(
        self,
        code: str,
        zh: str,
        en: str,
        remedy_zh: str,
        remedy_en: str,
        *,
        frame: pd.DataFrame,
        column: str,
        expected: str = "",
        values: pd.Series | None = None,
        community: str = "",
        severity: str = "error",
    ) -> None:
        """Enter the faulty rows of a canonical frame, grouped by file and value found.

        Parameters
        ----------
        frame
            The faulty rows only, with their ``_file`` and ``_row``.
        values
            What was found in each of these rows; without it the values are not told.
        """
        if frame.empty:
            return
        texts = (code, zh, en, remedy_zh, remedy_en)
        fresh = _Tally(texts, column, expected, community, severity)
        key = (texts, column, expected, community, severity, values is None)
        tally = self._met.setdefault(key, fresh)
        assert isinstance(tally, _Tally)
        tally.take(frame, values)

    @property
    def errors(self) -> list[Problem]:
        """Those that refuse the study."""
        return [problem for problem in self.found if problem.severity == "error"]

    @property
    def warnings(self) -> list[Problem]:
        """Those that do not."""
        return [problem for problem in self.found if problem.severity != "error"]


def shown(value: str) -> str:
    """Give a value as a message may show it: short, control characters made visible."""
    text = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in value)
    return text if len(text) <= 60 else text[:59] + "…"


@dataclass(frozen=True)
class Tables:
    """The canonical tables of a study."""

    frames: Frames
    """Table by name, sorted by unit and key, with ``_file`` and ``_row`` of each row."""
    log: tuple[Entry, ...]
    files: tuple[FileUsed, ...]
    warnings: tuple[Problem, ...]
    corrections: pd.DataFrame
    """The corrections applied, with table, unit, canonical column and values before and after."""
    duplicates: pd.DataFrame | None = None
    """Rows that the study's rules took for the same (columns of ``duplicates.COLUMNS``)."""
    names: pd.DataFrame | None = None
    """Names of units as the files have them, and how each was matched."""
    asked_apart: dict[str, Any] = field(default_factory=dict)
    """Items that the waves asked differently and nobody confirmed: item → wave → how."""
    text: dict[str, Any] = field(default_factory=dict)
    """How free text was read: names of the topics, tokenizer, error on the coded sample."""
