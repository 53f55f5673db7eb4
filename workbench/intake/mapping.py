"""One source's cells to the names of its table: constants, columns, joins, recodes, units."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pandas as pd

from workbench.intake import platform
from workbench.intake.cells import each
from workbench.intake.definitions import Asked, asked_as
from workbench.intake.entered import entered
from workbench.intake.frames import FILE, ROW, Log, Problems, Raw
from workbench.intake.recode import recode, split_options
from workbench.intake.tables import Table, column_of
from workbench.intake.titles import meant, tidy
from workbench.intake.units import Units
from workbench.study import nearest_remedy

if TYPE_CHECKING:
    from workbench.intake.read import RawFile
    from workbench.study import Join, Source, Study

__all__ = ["Mapped", "Mapping", "map_source", "rows_differ"]

_LINK = (
    "sojumpparm", "link_parameter", "自定义参数", "自定义链接参数", "自定义字段",
    "ExternalReference", "token",
)  # fmt: skip
_DRESSED = ("（写法不同）", " (wide or narrow forms, blanks, label)")


@dataclass(frozen=True)
class Mapped:
    """A source's rows under the table's column names, all cells still text."""

    frame: pd.DataFrame
    unused: tuple[str, ...]
    """Titles of the file that feed no column."""
    asked: dict[str, Asked] = field(default_factory=dict)
    """How the file asked each item."""


class Mapping:
    """One source while it is mapped."""

    def __init__(
        self, study: Study, table: Table, number: int, source: Source, log: Log, problems: Problems
    ) -> None:
        self.study, self.table, self.source = study, table, source
        self.place = f"sources.{table.name}[{number}]"
        self.file = Path(source.file).name
        self.log, self.problems = log, problems
        self.drop: pd.Series | None = None
        self.named: pd.Series | None = None
        """Units as the source names them, before its list."""

    def known(self, name: str) -> bool:
        """Whether ``name`` is a column that the table may have."""
        if column_of(self.table, name) is not None:
            return True
        if not self.table.items:
            return False
        item, _, option = name.partition("__")
        book = self.study.codebook
        if item not in book or book[item].role == "inspection":
            return False
        return not option or (book[item].kind == "multiple" and option in book[item].values)

    def candidates(self) -> list[str]:
        """Names the table may have, for a mistyped one."""
        items = [c for c, i in self.study.codebook.items() if i.role != "inspection"]
        return [*self.table.names(), *(items if self.table.items else [])]

    def unknown(self, name: str, key: str) -> None:
        """Enter a problem for a column that the table does not have."""
        zh, en = nearest_remedy(name, self.candidates())
        code = "item.unknown" if self.table.items else "column.unknown"
        self.problems.add(
            code,
            f"表 {self.table.name} 没有列“{name}”，码本也没有这道题"
            if self.table.items
            else f"表 {self.table.name} 没有列“{name}”",
            f'the table {self.table.name} has no column "{name}"'
            + (" and the codebook no such item" if self.table.items else ""),
            zh,
            en,
            file="study.yaml",
            column=f"{self.place}.{key}.{name}",
        )

    def find(self, raw: Raw, title: str, key: str) -> str | None:
        """Give the column of the file that ``title`` means, or enter a problem."""
        wanted = tidy(title)
        if wanted in raw.frame.columns:
            return wanted
        if wanted in raw.repeated:
            zh, en = f"写作“{wanted}#1”或“{wanted}#2”", f'write "{wanted}#1" or "{wanted}#2"'
            what = (f"列名“{wanted}”重复", f'the title "{wanted}" stands more than once')
        else:
            found = meant(wanted, map(str, raw.frame.columns), raw.export)
            if found is not None:
                how = ("", "") if found.startswith(wanted) else _DRESSED
                self.log.add(
                    "intake.title",
                    1,
                    f"“{wanted}”即列“{found}”{how[0]}",
                    f'"{wanted}" is the column "{found}"{how[1]}',
                    table=self.table.name,
                    once=True,
                )
                return found
            zh, en = nearest_remedy(wanted, map(str, raw.frame.columns))
            what = (f"文件没有列“{wanted}”", f'the file has no column "{wanted}"')
        self.problems.add(
            "source.column", *what, zh, en, file=raw.file.name, column=f"{self.place}.{key}"
        )
        return None

    def dropped(self, rows: Iterable[int], frame: pd.DataFrame) -> None:
        """Mark rows that leave the table."""
        if self.drop is None:
            self.drop = pd.Series(False, index=frame.index)
        self.drop.loc[list(rows)] = True


def map_source(
    study: Study,
    table: Table,
    number: int,
    source: Source,
    raw: Raw,
    joined: list[Raw],
    units: Units,
    log: Log,
    problems: Problems,
) -> Mapped:
    """Give one source's rows under the names of its table.

    Parameters
    ----------
    study, table, number, source
        Where the source stands; ``number`` counts the sources of the table from 1.
    raw, joined
        The file's cells and those of its joins, after corrections.
    units
        The units of the study; names of units become ids here.
    log, problems
        Receive what is counted and what is wrong.

    Returns
    -------
    Mapped
        Text cells with ``_file`` and ``_row``; rows that the source drops are gone (counted).
    """
    here = Mapping(study, table, number, source, log, problems)
    out: dict[str, pd.Series] = {}
    used: set[str] = set()
    titles: dict[str, str] = {}
    frame = raw.frame
    for name, title in source.columns.items():
        if not here.known(name):
            here.unknown(name, "columns")
        elif platform.block(here, raw, name, title, out, used):
            continue
        elif title == "row:n":
            stem = Path(source.file).name.split(".")[0]
            out[name] = pd.Series(
                [f"{stem}-{n}" for n in frame.index], index=frame.index, dtype="str"
            )
        elif (found := here.find(raw, title, f"columns.{name}")) is not None:
            out[name] = frame[found]
            titles[name] = found
            used.add(found)
    own = {} if raw.export is None else raw.export.named
    platforms = {how.title for how in own.values()} if table.name == "responses" else set()
    for title in map(str, frame.columns):
        named = title in (*source.set, *out, *source.columns) or title in platforms
        if not named and here.known(title) and title not in used:
            if title == "community" and source.community is not None:
                continue
            out[title] = frame[title]
            titles[title] = title
            used.add(title)
        elif (
            title.rpartition("#")[0] in raw.repeated
            and here.known(title.rpartition("#")[0])
            and title.endswith("#2")
        ):
            here.find(raw, title.rpartition("#")[0], "columns")
    for name, value in source.set.items():
        if here.known(name):
            out[name] = pd.Series(value, index=frame.index, dtype="str")
        else:
            here.unknown(name, "set")
    for join, other in zip(source.join, joined, strict=True):
        out |= _join(here, join, raw, other)
    if source.community is not None:
        names = _names(here, raw, used)
        if names is not None:
            out[table.unit or "community"] = names
    platform.named(here, raw, out, used)
    platform.settle(here, raw, out, titles)
    entered(here, raw, out, units)
    for name in source.values:
        if name in out:
            recode(here, name, out)
        elif name in source.columns or name in source.set:
            continue
        elif not here.known(name):
            here.unknown(name, "values")
        else:
            problems.add(
                "source.values",
                f"values: 针对的列 {name} 没有数据",
                f"values: names {name}, which has no data",
                "在 columns: 或 set: 中给出它，或删去",
                "give it in columns: or set:, or remove it",
                file="study.yaml",
                column=f"{here.place}.values.{name}",
            )
    split_options(here, out, raw.export.separator if raw.export is not None else "")
    mapped = pd.DataFrame(out, index=frame.index)
    mapped[FILE] = pd.Series(raw.file.name, index=frame.index, dtype="str")
    mapped[ROW] = frame.index.astype("int64")
    _units(here, mapped, units)
    if here.drop is not None:
        mapped = mapped[~here.drop]
    unused = tuple(t for t in map(str, frame.columns) if t not in used and not t.startswith("#"))
    book = study.codebook if table.items else {}
    asked = {
        name: asked_as(raw, title, book[name], name, source)
        for name, title in titles.items()
        if name in book and book[name].role != "inspection"
    }
    return Mapped(mapped, unused, asked)


def rows_differ(
    table: Table, number: int, raw: RawFile, other: RawFile, problems: Problems
) -> None:
    """Tell that files joined row by row have not the same rows."""
    problems.add(
        "join.rows",
        "逐行合并的两个文件行数不同",
        "joined row by row, but the files differ in rows",
        "检查 where: 与文件版本，或改用键合并",
        "check where: and the files' versions, or join by keys",
        file=other.file.name,
        column=f"sources.{table.name}[{number}].join",
        expected=str(len(raw)),
        found=str(len(other)),
    )


def _join(here: Mapping, join: Join, raw: Raw, other: Raw) -> dict[str, pd.Series]:
    """Columns of a second file, row by row or by keys; disagreement is a problem."""
    left, right = raw.frame, other.frame
    problems = here.problems
    if join.by_row:
        matched = right.set_axis(left.index)
    else:
        keys = [(here.find(raw, k, "join.by"), here.find(other, k, "join.by")) for k in join.by]
        pairs = [(a, b) for a, b in keys if a is not None and b is not None]
        if len(pairs) < len(keys):
            return {}
        theirs = pd.MultiIndex.from_frame(right[[b for _, b in pairs]])
        if theirs.has_duplicates:
            row = int(right.index[theirs.duplicated()][0])
            problems.add(
                "join.duplicate",
                "合并文件的键重复",
                "a key of the joined file stands more than once",
                "使键唯一",
                "make the keys unique",
                file=other.file.name,
                row=row,
                column=", ".join(join.by),
                found=" ".join(map(str, theirs[theirs.duplicated()][0])),
            )
            return {}
        mine = pd.MultiIndex.from_frame(left[[a for a, _ in pairs]])
        matched = right.set_axis(theirs).reindex(mine).set_axis(left.index)
        missing = int((~mine.isin(theirs)).sum())
        here.log.add(
            "intake.join-unmatched",
            missing,
            f"{Path(other.file.name).name}：没有对应行",
            f"{Path(other.file.name).name}: rows without a partner",
            table=here.table.name,
        )
    for title in join.check:
        mine_, theirs_ = here.find(raw, title, "join.check"), here.find(other, title, "join.check")
        if mine_ is None or theirs_ is None:
            continue
        a, b = left[mine_].str.casefold(), matched[theirs_].str.casefold()
        differ = left.index[(a != b) & ~(a.isna() & b.isna())]
        if len(differ):
            row = int(differ[0])
            problems.add(
                "join.check",
                f"合并后“{title}”不一致（{len(differ)} 行）",
                f'after the join "{title}" disagrees ({len(differ)} rows)',
                "检查两个文件是否为同一批、同一顺序",
                "check that both files hold the same rows in the same order",
                file=other.file.name,
                row=row,
                column=title,
                expected=str(left.at[row, mine_]),
                found=str(matched.at[row, theirs_]),
            )
    out = {}
    for name, title in join.columns.items():
        if not here.known(name):
            here.unknown(name, "join.columns")
        elif (found := here.find(other, title, f"join.columns.{name}")) is not None:
            out[name] = matched[found]
    return out


def _names(here: Mapping, raw: Raw, used: set[str]) -> pd.Series | None:
    """Give the unit of each row as the source names it, mapped by its list."""
    how = here.source.community
    assert how is not None
    if how.source == "file_name":
        stem = Path(here.source.file).name.split(".")[0]
        names = pd.Series(stem, index=raw.frame.index, dtype="str")
    else:
        title = how.source
        if title == "link_parameter":
            title = next((name for name in _LINK if name in raw.frame.columns), " | ".join(_LINK))
        found = here.find(raw, title, "community.from")
        if found is None:
            return None
        used.add(found)
        names = raw.frame[found]
    here.named = names
    targets = {tidy(name): unit for name, unit in how.values.items()}
    return each(names, lambda name: targets.get(tidy(name), name))


def _matched(here: Mapping, names: pd.Series, units: Units) -> pd.Series:
    """Give the unit of each name; how each was found goes into the report and the log."""
    table, named = here.table, here.named if here.named is not None else names
    pairs = pd.DataFrame({"said": named, "name": names}).value_counts(dropna=False, sort=False)
    told: dict[str, str | None] = {}
    unit: str | None
    for key, n in pairs.sort_index().items():
        said, name = cast("tuple[object, object]", key)
        if isinstance(name, str):
            unit, how = units.names.match(name)
            if table.unit == "area" and name == "*":
                continue
            told[name] = unit
            if how == "exact" and said != name:
                how = "alias"
        elif not isinstance(said, str):
            unit, how = None, "blank"
        else:
            unit, how = None, "alias"  # the list says that it is no unit
        near = units.names.candidates(str(name)) if how == "unmatched" else []
        told_as = said if isinstance(said, str) else None
        line = (table.name, here.place, here.source.file, told_as, how, unit, ";".join(near))
        units.matched[line] += int(n)
        if how == "normalised":
            whose = units.names.said([unit] if unit else [])
            here.log.add(
                "intake.unit-normalised",
                int(n),
                f"{here.file}：“{said}”按写法或后缀归入 {whose}",
                f'{here.file}: "{said}" taken for {whose} by spelling or suffix',
                table=table.name,
                community=str(unit),
            )
    return names.map(told).astype("str")


def _units(here: Mapping, mapped: pd.DataFrame, units: Units) -> None:
    """Names of units become ids; rows of no unit are refused or dropped as the source says."""
    table = here.table
    if table.name == "communities":
        return
    unit = table.unit
    if not unit or unit not in mapped.columns:
        return
    names = mapped[unit]
    ids = _matched(here, names, units)
    if unit == "area":
        ids = ids.mask(names == "*", "*")
    lost = mapped.index[ids.isna()]
    how = here.source.community
    if how is not None and how.unmatched == "drop":
        for name, n in names.loc[lost].fillna("").value_counts(sort=True).items():
            shown = f"“{name}”" if name else "（空）"
            here.log.add(
                "intake.unit-dropped",
                n,
                f"{here.file}：{shown}不属于任何单位，未读入",
                f"{here.file}: {name or '(empty)'} is no unit; rows left out",
                table=table.name,
            )
        here.dropped(lost, mapped)
    else:
        named = mapped.loc[lost][names.loc[lost].notna()]
        for rows, (zh, en) in _remedies(named, names, units):
            here.problems.cells(
                "community.unknown",
                "单位不在 communities 表中",
                "the unit is not in the table communities",
                zh,
                en,
                frame=rows.drop(columns=[unit]),
                column=unit,
                values=rows[unit],
            )
        if how is not None:
            blank = mapped.loc[lost][names.loc[lost].isna()]
            here.problems.cells(
                "community.blank",
                "没有注明单位",
                "no unit is named",
                "补上单位，或声明 unmatched: drop",
                "name the unit, or declare unmatched: drop",
                frame=blank.drop(columns=[unit]),
                column=how.source,
            )
            here.dropped(blank.index, mapped)
        here.dropped(named.index, mapped)
    mapped[unit] = ids


_NAMED_ALONE = 20  # names that get a problem with candidates of their own


def _remedies(
    named: pd.DataFrame, names: pd.Series, units: Units
) -> Iterator[tuple[pd.DataFrame, tuple[str, str]]]:
    """Give the rows of each unknown name with what to do: the units that it may mean."""
    plainly = (
        "在 communities 中补上该单位，或用 community: values: 对应",
        "add the unit to communities, or map it with community: values:",
    )
    told = names.loc[named.index]
    alone = told.value_counts(sort=False).index[:_NAMED_ALONE]
    rest = named[~told.isin(alone)]
    for name in alone:
        near = units.names.said(units.names.candidates(str(name)))
        yield (
            named[told == name],
            (
                f"是否指 {near}？确认后写入 community: values:；否则在 communities 中补上该单位"
                if near
                else plainly[0],
                f"is it {near}? If so, map it with community: values:; else add it to communities"
                if near
                else plainly[1],
            ),
        )
    if len(rest):
        yield rest, plainly
