"""``corrections.csv`` laid over raw cells: what stands there must be what the correction says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.intake.frames import Problems, shown
from workbench.intake.tables import Table
from workbench.intake.titles import meant, tidy
from workbench.study import Join, nearest_remedy

if TYPE_CHECKING:
    import pandas as pd

    from workbench.intake.read import RawFile
    from workbench.study import Correction, Source

__all__ = ["Applied", "Corrector", "Patches", "patched"]

Patches = dict[int, dict[str, str | None]]
"""Row → column of the file → corrected text."""

_ROW = re.compile(r"row:([1-9]\d{0,8})\Z")


@dataclass(frozen=True)
class Applied:
    """One correction where it fell."""

    line: Correction
    table: str
    source: int
    file: str
    row: int
    title: str
    """The file's column."""
    column: str
    """The table's column that it feeds, if any."""


class Corrector:
    """Lays corrections over raw frames and remembers where each fell."""

    def __init__(self, corrections: Iterable[Correction]) -> None:
        self.lines = list(corrections)
        self.applied: list[Applied] = []
        self.before: dict[tuple[str, int], pd.DataFrame] = {}
        """Corrected rows as they came, canonical, by table and source."""
        self._refused: dict[int, tuple[str, str, str, str, str, str]] = {}
        self._count: dict[str, int] = {}
        self._read: set[str] = set()

    def rows(self, table: Table, number: int, source: Source) -> set[int]:
        """Rows of a source that a correction touched."""
        return {a.row for a in self.applied if (a.table, a.source) == (table.name, number)}

    def apply(self, table: Table, how: Source | Join, raw: RawFile) -> Patches:
        """Give what corrections make of a file's cells: row → column of the file → new text."""
        if not isinstance(how, Join):
            self._count[table.name] = self._count.get(table.name, 0) + 1
        self._read.add(how.file)
        mine = [line for line in self.lines if line.file == how.file]
        columns: dict[str, pd.Series] = {}

        def column(title: str) -> pd.Series:
            if title not in columns:
                columns[title] = raw.whole([title]).frame[title]
            return columns[title]

        patches: Patches = {}
        for line in mine:
            title = self._title(line, how, raw)
            if title is None:
                continue
            rows = self._rows(line, table, how, raw, column)
            if len(rows) != 1:
                if len(rows) > 1:
                    self._refuse(
                        line,
                        "key",
                        "不止一行符合 key",
                        "more than one row fits key",
                        "写 row:n",
                        "write row:n",
                        f"{len(rows)} rows: {', '.join(map(str, rows[:8]))}",
                    )
                continue
            row = rows[0]
            stands = column(title).at[row]
            text = stands if isinstance(stands, str) else ""
            if not _same(text, line.old):
                self._refuse(
                    line,
                    "old",
                    "原值与文件中的值不符，未更正",
                    "old is not what stands in the file; not corrected",
                    "核对文件与行号后改正 old",
                    "look at the file and the row, then correct old",
                    f"{shown(text) or '(empty)'} ({how.file}:{row}[{title}])",
                )
                continue
            column(title).at[row] = line.new or None
            patches.setdefault(row, {})[title] = line.new or None
            self.applied.append(
                Applied(
                    line,
                    table.name,
                    self._count[table.name],
                    how.file,
                    row,
                    title,
                    _feeds(how, raw, title),
                )
            )
        return patches

    def _title(self, line: Correction, how: Source | Join, raw: RawFile) -> str | None:
        for name in (line.column, _source(how, raw, line.column)):
            title = tidy(name)
            if title in raw.places:
                return title
            found = meant(title, raw.places, raw.grid.export)
            if found is not None:
                return found
        zh, en = nearest_remedy(line.column, [*raw.places, *how.columns])
        self._refuse(
            line, "column", "文件没有这一列", "the file has no such column", zh, en, line.column
        )
        return None

    def _rows(
        self,
        line: Correction,
        table: Table,
        how: Source | Join,
        raw: RawFile,
        column: Callable[[str], pd.Series],
    ) -> list[int]:
        if match := _ROW.match(line.key):
            row = int(match.group(1))
            return [row] if row in column(next(iter(raw.places))).index else []
        keys = how.by if isinstance(how, Join) else [_source(how, raw, table.id)]
        title = tidy(keys[0])
        if title not in raw.places:
            self._refuse(
                line,
                "key",
                "该文件没有编号列，须写 row:n",
                "the file has no id column; write row:n",
                "写 row:n，n 从表头后第一行数起",
                "write row:n, counting from 1 after the header",
                line.key,
            )
            return []
        cells = column(title)
        return [int(row) for row in cells.index[cells == line.key]]

    def _refuse(
        self,
        line: Correction,
        column: str,
        zh: str,
        en: str,
        remedy_zh: str,
        remedy_en: str,
        found: str,
    ) -> None:
        self._refused.setdefault(line.row, (column, zh, en, remedy_zh, remedy_en, found))

    def finish(self, problems: Problems) -> list[Applied]:
        """Enter a problem for every correction that fell nowhere; give those that fell."""
        done = {one.line.row for one in self.applied}
        for line in self.lines:
            if line.row in done or line.file not in self._read:
                continue  # a file that is not there has been told already
            column, zh, en, remedy_zh, remedy_en, found = self._refused.get(
                line.row,
                (
                    "key",
                    "没有符合 key 的行",
                    "no row fits key",
                    "改正 key：编号值或 row:n",
                    "correct key: the value of the id, or row:n",
                    line.key,
                ),
            )
            problems.add(
                f"corrections.{column}",
                zh,
                en,
                remedy_zh,
                remedy_en,
                file="corrections.csv",
                row=line.row,
                column=column,
                expected=shown(line.old) if column == "old" else "",
                found=found,
            )
        return self.applied


def patched(frame: pd.DataFrame, patches: Patches) -> pd.DataFrame:
    """Give raw cells with the corrections that fall among them."""
    mine = [row for row in patches if row in frame.index]
    if not mine:
        return frame
    frame = frame.copy()
    for row in mine:
        for title, text in patches[row].items():
            frame.loc[row, title] = text
    return frame


_NUMBER = re.compile(r"[+-]?(?:0|[1-9]\d*)(?:\.\d+)?\Z")  # 0071 is an id and not 71


def _same(stands: str, old: str) -> bool:
    stands, old = stands.strip(), old.strip()
    if stands == old:
        return True
    numbers = _NUMBER.match(stands) and _NUMBER.match(old)
    return bool(numbers) and float(stands) == float(old)


def _source(how: Source | Join, raw: RawFile, name: str) -> str:
    """Give the title that feeds a column of the table, be it the platform's own; else the name."""
    export = raw.grid.export
    if name in how.columns or export is None or name not in export.named:
        return how.columns.get(name, name)
    return export.named[name].title


def _feeds(how: Source | Join, raw: RawFile, title: str) -> str:
    """Give the table's column that a title feeds; a title without an entry feeds its namesake."""
    export = raw.grid.export
    for name, source in how.columns.items():
        given = tidy(source)
        if title == (given if given in raw.places else meant(given, raw.places, export)):
            return name
    if (
        not isinstance(how, Join)
        and how.community is not None
        and tidy(how.community.source) == title
    ):
        return "community"
    own = {} if export is None else {one.title: name for name, one in export.named.items()}
    return own.get(title, title)
