"""What intake hands on: raw frames, canonical tables, the log and the place of every row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError, Problem

if TYPE_CHECKING:
    import pandas as pd

    from workbench.intake.readers.export import Export

__all__ = ["Entry", "FileUsed", "Log", "Problems", "Raw", "Tables", "refuse"]

FILE, ROW = "_file", "_row"
"""Columns of a canonical frame that say where a row came from; they stay in the house."""

_SHOWN_ROWS = 8
_SHOWN_VALUES = 20


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


@dataclass
class Log:
    """The counted entries of one intake."""

    entries: list[Entry] = field(default_factory=list)

    def add(
        self, code: str, n: int, zh: str, en: str, *, table: str = "", community: str = ""
    ) -> None:
        """Enter something that happened ``n`` times; nothing is entered for none."""
        if n:
            self.entries.append(Entry(code, int(n), zh, en, table, community))


def rows_shown(rows: Iterable[int]) -> str:
    """Give the first row numbers of a list."""
    numbers = [int(row) for row in rows]
    more = " …" if len(numbers) > _SHOWN_ROWS else ""
    return ", ".join(str(n) for n in numbers[:_SHOWN_ROWS]) + more


@dataclass
class Problems:
    """The problems of one intake: one per fault, file, column and value, with its rows counted."""

    found: list[Problem] = field(default_factory=list)

    def add(
        self, code: str, zh: str, en: str, remedy_zh: str, remedy_en: str, **place: Any
    ) -> None:
        """Enter one problem."""
        self.found.append(
            Problem(code=code, zh=zh, en=en, remedy_zh=remedy_zh, remedy_en=remedy_en, **place)
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
        found = values.astype("str") if values is not None else None
        keys: Any = [frame[FILE]] if found is None else [frame[FILE], found.fillna("")]
        groups = frame.groupby(keys, sort=False, dropna=False)[ROW]
        for n, (key, rows) in enumerate(groups):
            if n == _SHOWN_VALUES:
                zh, en = (
                    f"{zh}（另有 {len(groups) - n} 个值）",
                    f"{en} (and {len(groups) - n} more values)",
                )
            many = len(rows) > 1
            unit = community
            if not unit and "community" in frame.columns:
                units = frame.loc[rows.index, "community"].dropna().unique()
                unit = str(units[0]) if len(units) == 1 else ""
            self.add(
                code,
                zh + (f"（{len(rows)} 行：{rows_shown(rows)}）" if many else ""),
                en + (f" ({len(rows)} rows: {rows_shown(rows)})" if many else ""),
                remedy_zh,
                remedy_en,
                file=str(key[0]),
                row=int(rows.iloc[0]),
                column=column,
                community=unit,
                expected=expected,
                found="" if found is None else shown(str(key[1])),
                severity=severity,
            )
            if n == _SHOWN_VALUES:
                break

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

    frames: dict[str, pd.DataFrame]
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
