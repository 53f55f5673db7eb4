"""A study's files to its canonical tables: every source read, mapped, typed and checked at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from workbench.errors import InputError, Problem
from workbench.intake import rules
from workbench.intake.convert import convert, item_columns
from workbench.intake.corrections import Applied, Corrector
from workbench.intake.definitions import Definitions
from workbench.intake.duplicates import settle
from workbench.intake.earlier import add_earlier, join_predecessors
from workbench.intake.entered import placed
from workbench.intake.flags import add_alike, add_flags
from workbench.intake.frames import FILE, ROW, FileUsed, Log, Problems, Raw, Tables
from workbench.intake.mapping import map_source
from workbench.intake.pictures import add_uses, check_pictures
from workbench.intake.read import filtered, read_file
from workbench.intake.seals import check_seals
from workbench.intake.tables import TABLES, Table
from workbench.intake.units import Units
from workbench.intake.voices import read_texts
from workbench.study import nearest_remedy

if TYPE_CHECKING:
    from workbench.study import Join, Source, Study

__all__ = ["build", "collect", "read_study"]

# tables that a team begins before there is anything to enter
_BEGIN_EMPTY = {"objections"}
_DTYPES = {"int": "Int64", "float": "float64", "bool": "boolean"}


def build(study: Study) -> Tables:
    """Read every source of a study into its canonical tables.

    Parameters
    ----------
    study
        The study, its settings already checked.

    Returns
    -------
    Tables
        Frames sorted by unit and key; log, files with digests, warnings, corrections applied.

    Raises
    ------
    InputError
        With every problem of every file; nothing is written and nothing half read is returned.
    """
    tables, problems = collect(study)
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        raise InputError(*problems)
    return tables


def read_study(path: Path) -> tuple[Study, Tables]:
    """Load a study folder and read its data; problems of settings and data come in one list.

    Raises
    ------
    InputError
        With every problem of every file; nothing is written.
    """
    from workbench.study import Study

    study, problems = Study.draft(path)
    if study is None:
        raise InputError(*problems)
    tables, found = collect(study)
    problems += found
    if any(problem.severity == "error" for problem in problems):
        raise InputError(*problems)
    return study, tables


def collect(study: Study) -> tuple[Tables, list[Problem]]:
    """Read a study as far as it can be read; give what was read and every problem found."""
    return _Intake(study).run()


class _Intake:
    """One reading of a study."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.log, self.problems, self.units = Log(), Problems(), Units()
        self.files: dict[tuple[str, str], FileUsed] = {}
        self.corrector = Corrector(study.corrections)
        self.unused: dict[str, set[str]] = {}
        self.read: set[str] = set()
        self.asked = Definitions()
        self.raws: dict[tuple[str, ...], Raw | None] = {}

    def run(self) -> tuple[Tables, list[Problem]]:
        """Build all tables."""
        sources = self.study.settings.sources
        for name in sources:
            if name not in TABLES:
                self._unknown_table(name)
        if "communities" not in sources:
            self.problems.add(
                "communities.none",
                "没有 communities 表",
                "there is no table communities",
                "在 sources: 中给出列有全部单位的文件",
                "give a file that lists every unit under sources:",
                file="study.yaml",
                column="sources.communities",
            )
        frames: dict[str, pd.DataFrame] = {}
        for name, table in TABLES.items():
            if name in sources:
                frames[name] = self._table(table, sources[name])
        applied = self.corrector.finish(self.problems)
        twice = settle(frames, self.study, self.log, self.problems)
        self._unused_titles()
        added = add_earlier(self.study, frames, self.units, self.log, self.problems)
        self.read |= added
        join_predecessors(self.study, frames, self.log)
        for name, frame in frames.items():
            frames[name] = _ordered(frame, TABLES[name], self.study)
        whole = {name: frame for name, frame in frames.items() if name in self.read}
        everything = self.read >= set(sources) & set(TABLES)
        rules.check_all(
            self.study, whole, self.units, self.log, self.problems, everything=everything
        )
        if "responses" in frames:
            frames["responses"] = add_flags(frames["responses"], self.study)
        if "documents" in frames:
            frames["documents"] = add_alike(frames["documents"])
        if "photos" in frames:
            frames["photos"] = add_uses(frames["photos"])
            if "photos" in whole:
                check_pictures(frames["photos"], self.study, self.problems)
        text = read_texts(frames, self.study, self.problems)
        apart = self.asked.apart(self.study, self.log, self.problems)
        files = sorted(self.files.values(), key=lambda file: (not file.outside, file.name))
        if "inspections" in whole:
            check_seals(whole["inspections"], files, self.problems, self.log)
        placed(self.problems.found, self.raws.values())
        tables = Tables(
            frames=frames,
            log=tuple(self.log.entries),
            files=tuple(files),
            warnings=tuple(self.problems.warnings),
            corrections=self._corrected(applied, frames),
            duplicates=twice,
            names=self.units.report(),
            asked_apart=apart,
            text=text,
        )
        return tables, list(self.problems.found)

    def _unknown_table(self, name: str) -> None:
        place = {"file": "study.yaml", "column": f"sources.{name}"}
        zh, en = nearest_remedy(name, TABLES)
        self.problems.add(
            "table.unknown", f"没有名为 {name} 的表", f"there is no table {name}", zh, en, **place
        )

    def _read(self, how: Source | Join, *, empty: bool = False) -> Raw | None:
        """Read a file once, whatever the number of its sources, and filter its rows."""
        key = tuple(
            str(getattr(how, name))
            for name in (
                "file",
                "format",
                "sheet",
                "query",
                "header",
                "header_rows",
                "delimiter",
                "encoding",
                "na",
            )
        )
        found: list[Problem] = []
        if not how.outside and not self.study.holds(how.file):
            return None  # told with the settings; what is not of the study is not read
        if key not in self.raws:
            self.raws[key] = None
            try:
                self.raws[key] = read_file(
                    self.study.resolve(how.file), how, self.log, found, empty=empty
                )
            except InputError as error:
                found.extend(error.problems)
        raw = self.raws[key]
        if raw is not None:
            raw = filtered(raw, how, found)
            self.files.setdefault((raw.file.name, raw.file.sha256), raw.file)
        self.problems.found.extend(found)
        return raw

    def _table(self, table: Table, sources: list[Source]) -> pd.DataFrame:
        """Read all sources of one table and put them one after another."""
        parts: list[pd.DataFrame] = []
        complete = True
        for n, source in enumerate(sources, start=1):
            raw = self._read(source, empty=table.name in _BEGIN_EMPTY)
            joined = [self._read(join) for join in source.join]
            if raw is None or any(other is None for other in joined):
                complete = False
                continue
            others = [other for other in joined if other is not None]
            parts.append(self._source(table, n, source, raw, others))
        if complete:
            self.read.add(table.name)
        parts = [part for part in parts if len(part)]
        if not parts:
            frame = pd.DataFrame({FILE: pd.Series(dtype="str"), ROW: pd.Series(dtype="int64")})
        else:
            frame = pd.concat(parts, ignore_index=True)
        absent = {
            column.name: pd.Series(None, index=frame.index, dtype=_DTYPES.get(column.type, "str"))
            for column in table.columns
            if column.name not in frame
        }
        frame = pd.concat([frame, pd.DataFrame(absent, index=frame.index)], axis=1)
        if table.name == "communities":
            frame = self.units.take(frame, self.log, self.problems)
            for name in ("parent",):
                ids = self.units.resolve(frame[name])
                frame[name] = ids.fillna(frame[name])
            self.units.tree(frame, self.problems)
        if table.name == "backchecks":
            frame["wave"] = frame["wave"].fillna(self.study.current.id)
        return frame

    def _source(
        self, table: Table, n: int, source: Source, raw: Raw, joined: list[Raw]
    ) -> pd.DataFrame:
        """Correct, map and convert one source; corrected rows are also read as they came."""
        corrected = self.corrector.apply(table, source, raw, self.problems)
        others = [
            self.corrector.apply(table, join, other, self.problems)
            for join, other in zip(source.join, joined, strict=True)
        ]
        args = (self.study, table, n, source)
        mapped = map_source(*args, corrected, others, self.units, self.log, self.problems)
        self.unused.setdefault(source.file, set(mapped.unused)).intersection_update(mapped.unused)
        frame = convert(mapped.frame, self.study, table, source, self.log, self.problems)
        self.asked.add(frame, mapped.asked)
        rows = self.corrector.rows(table, n, source)
        if rows and table.name != "communities":
            before = replace(raw, frame=raw.frame.loc[[r for r in raw.frame.index if r in rows]])
            plain = [
                replace(o, frame=o.frame.iloc[raw.frame.index.isin(before.frame.index)])
                if j.by_row
                else o
                for j, o in zip(source.join, joined, strict=True)
            ]
            quiet, matched = (Log(), Problems()), len(self.units.matched)
            old = map_source(*args, before, plain, self.units, *quiet)
            del self.units.matched[matched:]
            self.corrector.before[(table.name, n)] = convert(
                old.frame, self.study, table, source, *quiet
            )
        return frame

    def _unused_titles(self) -> None:
        for file, titles in self.unused.items():
            shown = ", ".join(sorted(titles)[:12]) + (" …" if len(titles) > 12 else "")
            self.log.add(
                "intake.column-unused",
                len(titles),
                f"{Path(file).name}：未使用的列：{shown}",
                f"{Path(file).name}: columns that feed nothing: {shown}",
            )

    def _corrected(self, applied: list[Applied], frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
        """Give the corrections applied, with the canonical value of the cell before and after."""
        lines = []
        for one in applied:
            frame = frames.get(one.table)
            if frame is None:
                continue
            here = frame[(frame[FILE] == one.file) & (frame[ROW] == one.row)]
            old = self.corrector.before.get((one.table, one.source))
            unit = TABLES[one.table].unit
            for _, row in here.iterrows():
                then = old[old[ROW] == one.row] if old is not None else None
                column = one.column if one.column in frame.columns else ""
                lines.append(
                    {
                        "line": one.line.row,
                        "community": row[unit] if unit else None,
                        "table": one.table,
                        "id": row[TABLES[one.table].id],
                        "wave": row.get("wave"),
                        "column": column or one.title,
                        "old_value": _text(then.iloc[0].get(column))
                        if column and then is not None and len(then)
                        else None,
                        "new_value": _text(row[column]) if column else None,
                    }
                )
        names = ["line", "community", "table", "id", "wave", "column", "old_value", "new_value"]
        return pd.DataFrame(lines, columns=names)


def _text(value: object) -> str | None:
    return None if value is None or value is pd.NA or value != value else str(value)


def _ordered(frame: pd.DataFrame, table: Table, study: Study) -> pd.DataFrame:
    """Columns in the order of the plan, items after them; rows by unit and key."""
    names = [name for name in table.names() if name in frame]
    extra = [
        str(name) for name in frame.columns if str(name).startswith("rw") and name not in names
    ]
    names += sorted(extra, key=lambda name: (len(name), name)) if table.name == "responses" else []
    if table.items:
        for name in item_columns(study):
            if name not in frame and not name.endswith("__missing"):
                item = study.codebook.get(name.partition("__")[0])
                frame[name] = pd.Series(None, index=frame.index, dtype=_item_dtype(item, name))
            if name in frame:
                names.append(name)
    by = [name for name in dict.fromkeys([table.unit, *table.key]) if name]
    ordered = frame.sort_values([*by, FILE, ROW], kind="stable", na_position="first")
    return ordered[[*names, FILE, ROW]].reset_index(drop=True)


def _item_dtype(item: object, name: str) -> str:
    from workbench.study import Item

    if not isinstance(item, Item):
        return "str"
    if item.kind in ("multiple", "check"):
        return "boolean"
    if item.kind == "number":
        return "float64"
    return "Int64" if item.whole and item.kind in ("scale", "single") else "str"
