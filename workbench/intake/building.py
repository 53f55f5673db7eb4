"""A study's files to its canonical tables: every source read, mapped, typed and checked at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa

from workbench.errors import InputError, Problem
from workbench.intake import rules
from workbench.intake.convert import convert, item_columns
from workbench.intake.corrections import Applied, Corrector, Patches, patched
from workbench.intake.definitions import Definitions
from workbench.intake.duplicates import looked_at, not_itself, settle
from workbench.intake.earlier import add_earlier, join_predecessors
from workbench.intake.entered import placed
from workbench.intake.flags import add_alike, add_flags, flagged_by
from workbench.intake.frames import FILE, ROW, FileUsed, Log, Problems, Raw, Tables
from workbench.intake.mapping import map_source, rows_differ
from workbench.intake.persons import pseudonyms
from workbench.intake.pictures import add_uses, check_pictures
from workbench.intake.read import RawFile, filtered, read_cells
from workbench.intake.seals import check_seals
from workbench.intake.shelf import BLOCK, Frames, Stack, frame_of, table_of
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


def _of_correction(problem: Problem, applied: Iterable[Applied]) -> Problem:
    """Say of a cell that is refused that a correction wrote what stands there."""
    place = (problem.file, problem.row, problem.column, problem.found)
    for one in applied:
        if place == (one.file, one.row, one.column, one.line.new) and one.line.new:
            line = f"corrections.csv:{one.line.row}"
            return replace(
                problem,
                remedy_zh=f"该值由 {line} 写入：改正其 new",
                remedy_en=f"{line} wrote this value: correct its new",
            )
    return problem


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
        self.raws: dict[tuple[str, ...], RawFile | None] = {}

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
        stacks: dict[str, Stack] = {}
        for name, table in TABLES.items():
            if name in sources:
                stacks[name] = self._table(table, sources[name])
        applied = self.corrector.finish(self.problems)
        twice = self._settled(stacks)
        self._unused_titles()
        added = add_earlier(self.study, stacks, self.units, self.log, self.problems)
        self.read |= added
        join_predecessors(self.study, stacks, self.log)
        frames = Frames()
        for name in list(stacks):
            frames.put(name, _final(stacks.pop(name), TABLES[name], self.study))
        whole = frames.only(self.read)
        everything = self.read >= set(sources) & set(TABLES)
        rules.check_all(
            self.study, whole, self.units, self.log, self.problems, everything=everything
        )
        if "photos" in whole:
            check_pictures(frames["photos"], self.study, self.problems)
        text = read_texts(frames, self.study, self.problems)
        apart = self.asked.apart(self.study, self.log, self.problems)
        files = sorted(self.files.values(), key=lambda file: (not file.outside, file.name))
        if "inspections" in whole:
            check_seals(whole["inspections"], files, self.problems, self.log)
        found = [_of_correction(problem, applied) for problem in self.problems.found]
        placed(found, [(raw.file.name, raw.grid.export) for raw in self.raws.values() if raw])
        tables = Tables(
            frames=frames,
            log=tuple(self.log.entries),
            files=tuple(files),
            warnings=tuple(problem for problem in found if problem.severity != "error"),
            corrections=self._corrected(applied, frames),
            duplicates=twice,
            names=self.units.report(),
            asked_apart=apart,
            text=text,
        )
        return tables, found

    def _unknown_table(self, name: str) -> None:
        place = {"file": "study.yaml", "column": f"sources.{name}"}
        zh, en = nearest_remedy(name, TABLES)
        self.problems.add(
            "table.unknown", f"没有名为 {name} 的表", f"there is no table {name}", zh, en, **place
        )

    def _read(self, how: Source | Join, *, empty: bool = False) -> RawFile | None:
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
                self.raws[key] = read_cells(
                    self.study.resolve(how.file), how, self.log, found, empty=empty
                )
            except InputError as error:
                found.extend(error.problems)
        raw = self.raws[key]
        if raw is not None:
            raw = filtered(raw, how, found)
            self.files.setdefault((raw.file.name, raw.file.sha256), raw.file)
        self.problems.extend(found)
        return raw

    def _table(self, table: Table, sources: list[Source]) -> Stack:
        """Read all sources of one table and put them one after another."""
        stack = Stack(table.unit)
        parts = self._parts(table, sources)
        if table.name == "communities":
            parts = iter([self._communities(list(parts))])
        for part in parts:
            if table.name in ("backchecks", "contacts"):
                wave = part["wave"] if "wave" in part else pd.Series(None, part.index, dtype="str")
                part = part.assign(wave=wave.fillna(self.study.current.id))
            if table.name == "sign_ins" and "person" in part:
                part = part.assign(person=pseudonyms(part["person"], self.study.secret()))
            stack.add(not_itself(part, self.log) if table.name == "requests" else part)
        for column in table.columns:
            stack.types.setdefault(column.name, _DTYPES.get(column.type, "str"))
        stack.types |= {FILE: "str", ROW: "int64"}
        return stack

    def _settled(self, stacks: dict[str, Stack]) -> pd.DataFrame:
        """Apply the rules for duplicates; what they look at is held of all rows."""
        rules = self.study.settings.duplicates
        ruled = {"responses": rules.respondents, "requests": rules.requests}
        frames = {
            n: stacks[n].whole(partial(looked_at, n, study=self.study))
            for n, rule in ruled.items()
            if rule and n in stacks and len(stacks[n])
        }
        twice = settle(frames, self.study, self.log, self.problems)
        for name, frame in frames.items():
            stacks[name] = stacks[name].kept(frame, "duplicate_of" if name == "requests" else "")
        return twice

    def _parts(self, table: Table, sources: list[Source]) -> Iterator[pd.DataFrame]:
        """Give the rows of all sources of one table that can be read, in parts."""
        complete = True
        for n, source in enumerate(sources, start=1):
            raw = self._read(source, empty=table.name in _BEGIN_EMPTY)
            joined = [self._read(join) for join in source.join]
            others = [other for other in joined if other is not None]
            if raw is None or len(others) < len(joined):
                complete = False
                continue
            yield from self._source(table, n, source, raw, others)
        if complete:
            self.read.add(table.name)

    def _communities(self, parts: list[pd.DataFrame]) -> pd.DataFrame:
        """Register the units and give their rows with final ids."""
        table = TABLES["communities"]
        empty = {c.name: pd.Series(dtype=_DTYPES.get(c.type, "str")) for c in table.columns}
        empty |= {FILE: pd.Series(dtype="str"), ROW: pd.Series(dtype="int64")}
        frame = pd.concat([pd.DataFrame(empty), *parts], ignore_index=True)
        frame = self.units.take(frame, self.log, self.problems)
        ids = self.units.resolve(frame["parent"])
        frame["parent"] = ids.fillna(frame["parent"])
        self.units.tree(frame, self.problems)
        return frame

    def _source(
        self, table: Table, n: int, source: Source, raw: RawFile, joined: list[RawFile]
    ) -> Iterator[pd.DataFrame]:
        """Correct, map and convert one source; corrected rows are also read as they came."""
        log, problems = Log(), Problems()
        fixes = self.corrector.apply(table, source, raw)
        others: list[tuple[Join, Raw, Patches]] = []
        for join, other in zip(source.join, joined, strict=True):
            fixed = self.corrector.apply(table, join, other)
            if join.by_row and len(raw) != len(other):
                rows_differ(table, n, raw, other, problems)
            else:
                others.append((join, other.whole(), fixed))
        source = source.model_copy(update={"join": [join for join, _, _ in others]})
        touched = self.corrector.rows(table, n, source)
        args = (self.study, table, n, source)
        before: list[pd.DataFrame] = []
        begin = 0
        for part in raw.raws():
            span = slice(begin, begin + len(part.frame))
            begin += len(part.frame)
            plain = [
                replace(o, frame=o.frame.iloc[span]) if join.by_row else o for join, o, _ in others
            ]
            mapped = map_source(
                *args,
                replace(part, frame=patched(part.frame, fixes)),
                [
                    replace(o, frame=patched(o.frame, fixed))
                    for o, (_, _, fixed) in zip(plain, others, strict=True)
                ],
                self.units,
                log,
                problems,
            )
            unused = self.unused.setdefault(source.file, set(mapped.unused))
            unused.intersection_update(mapped.unused)
            frame = convert(mapped.frame, self.study, table, source, log, problems)
            self.asked.add(frame, mapped.asked)
            hit = part.frame.index.isin(list(touched))
            if hit.any() and table.name != "communities":
                matched = self.units.matched.copy()  # these rows were told already
                old = map_source(
                    *args,
                    replace(part, frame=part.frame[hit]),
                    [
                        replace(o, frame=o.frame[hit]) if join.by_row else o
                        for o, (join, _, _) in zip(plain, others, strict=True)
                    ],
                    self.units,
                    Log(),
                    Problems(),
                )
                self.units.matched = matched
                before.append(convert(old.frame, self.study, table, source, Log(), Problems()))
            yield frame
        if before:
            self.corrector.before[(table.name, n)] = pd.concat(before)
        self.log.extend(log)
        self.problems.extend(problems.found)

    def _unused_titles(self) -> None:
        for file, titles in self.unused.items():
            shown = ", ".join(sorted(titles)[:12]) + (" …" if len(titles) > 12 else "")
            self.log.add(
                "intake.column-unused",
                len(titles),
                f"{Path(file).name}：未使用的列：{shown}",
                f"{Path(file).name}: columns that feed nothing: {shown}",
            )

    def _corrected(self, applied: list[Applied], frames: Frames) -> pd.DataFrame:
        """Give the corrections applied, with the canonical value of the cell before and after."""
        lines = []
        kept: dict[str, pd.DataFrame] = {}
        for name in {one.table for one in applied} & set(frames):
            rows = {one.row for one in applied if one.table == name}
            kept[name] = pd.concat(b[b[ROW].isin(list(rows))] for b in frames.blocks(name))
        for one in applied:
            frame = kept.get(one.table)
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


def _final(stack: Stack, table: Table, study: Study) -> Iterator[pa.Table]:
    """Give rows by unit and key, columns in the order of the plan, items after them."""
    names = [name for name in table.names() if name in stack.types]
    extra = [name for name in stack.types if name.startswith("rw") and name not in names]
    names += sorted(extra, key=lambda name: (len(name), name)) if table.name == "responses" else []
    for name in item_columns(study) if table.items else ():
        item = study.codebook.get(name.partition("__")[0])
        if not name.endswith("__missing"):
            stack.types.setdefault(name, _item_dtype(item, name))
        if name in stack.types:
            names.append(name)
    by = [name for name in dict.fromkeys([table.unit, *table.key]) if name]
    # ledgers and pictures are compared between units: all of them at once
    apart = {"documents": add_alike, "photos": add_uses}
    seen = flagged_by(study)
    size = max(len(stack), 1) if table.name in apart else BLOCK
    for block in stack.blocks([*by, FILE, ROW], size):
        rows = block.select([*names, FILE, ROW])
        if table.name in apart:
            yield table_of(apart[table.name](frame_of(rows)))
        elif table.name == "responses":
            told = add_flags(frame_of(rows.select(sorted(seen & set(names)))), study)["flags"]
            yield rows.set_column(names.index("flags"), "flags", pa.array(told, from_pandas=True))
        else:
            yield rows


def _item_dtype(item: object, name: str) -> str:
    from workbench.study import Item

    if not isinstance(item, Item):
        return "str"
    if item.kind in ("multiple", "check"):
        return "boolean"
    if item.kind == "number":
        return "float64"
    return "Int64" if item.whole and item.kind in ("scale", "single") else "str"
