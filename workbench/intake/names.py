"""Names of units as files write them: matched by id, list or spelling, never by likeness alone."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from workbench.intake.titles import plain

__all__ = ["COLUMNS", "HOW", "Names", "forms", "lines"]

COLUMNS = ["table", "source", "file", "name", "how", "community", "rows", "candidates"]
"""One row for each name that a source has for a unit."""

HOW = {
    "exact": ("编号或名称相同", "id or name"),
    "alias": ("按 values: 对应", "named by values:"),
    "normalised": ("写法或后缀不同", "other spelling or suffix"),
    "unmatched": ("未对应", "not matched"),
    "blank": ("未注明", "no name given"),
}

_SUFFIX = re.compile(
    r"(?:[(\[]?第?[一二三四五六七八九十\d]{1,3}期[)\]]?"
    r"|小区|社区|居民区|住宅区|花园|家园|公寓|苑"
    r"|neighbou?rhood|community|estate)\Z"
)
_SHORTEST = 2
_LIKE = 0.5
_SHOWN = 3
_LINES = 20


def forms(name: str) -> list[str]:
    """Give a name for comparison, then with one suffix after another taken off.

    Examples
    --------
    >>> forms("翠湖花园（一期）")
    ['翠湖花园(一期)', '翠湖花园', '翠湖']
    """
    out = [plain(name)]
    while (found := _SUFFIX.search(out[-1])) and found.start() >= _SHORTEST:
        out.append(out[-1][: found.start()])
    return out


@dataclass
class Names:
    """The units by every name they bear."""

    ids: dict[str, str] = field(default_factory=dict)
    """Id or name, letters folded → the unit; names of two units are not in it."""
    spelt: dict[str, set[str]] = field(default_factory=dict)
    """A name for comparison → the units that bear it."""
    short: dict[str, set[str]] = field(default_factory=dict)
    """A name less its suffixes → the units."""
    shown: dict[str, str] = field(default_factory=dict)
    """Unit → its name, for a list of candidates."""

    def enter(self, unit: str, name: str, *, shown: bool = False) -> None:
        """Enter one more name of a unit, other than its id."""
        first, *rest = forms(name)
        self.spelt.setdefault(first, set()).add(unit)
        for form in rest:
            self.short.setdefault(form, set()).add(unit)
        if shown:
            self.shown[unit] = name

    def match(self, name: str) -> tuple[str | None, str]:
        """Give the unit that a name means and how it was found: a key of ``HOW``.

        A suffix may be missing on one side only, so that 丹桂苑 is not 丹桂花园; a name that could
        be two units is none.
        """
        exact = self.ids.get(name.casefold())
        if exact is not None:
            return exact, "exact"
        first, *rest = forms(name)
        same = self.spelt.get(first, set())
        if not same:
            same = set(self.short.get(first, ()))
            same |= {unit for form in rest for unit in self.spelt.get(form, ())}
            folded = self.ids.get(first)
            same |= {folded} if folded is not None else set()
        return (next(iter(same)), "normalised") if len(same) == 1 else (None, "unmatched")

    def candidates(self, name: str) -> list[str]:
        """Give the units whose names are most like this one; a person must confirm one."""
        like = difflib.get_close_matches(forms(name)[0], sorted(self.spelt), n=_SHOWN, cutoff=_LIKE)
        units = [unit for form in like for unit in sorted(self.spelt[form])]
        first = forms(name)
        units += sorted({u for form in first for u in self.short.get(form, ())})
        return list(dict.fromkeys(units))[:_SHOWN]

    def said(self, units: list[str]) -> str:
        """Name some units, with their ids."""
        return ", ".join(f"{unit} {self.shown.get(unit, '')}".strip() for unit in units)


def lines(rows: Sequence[Mapping[str, Any]], lang: str) -> list[str]:
    """Give the report on names as lines: counts for each source, then whatever needs a look."""
    zh = lang == "zh"
    sources: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        sources.setdefault((row["source"], row["file"]), []).append(row)
    out: list[str] = []
    for (source, file), mine in sources.items():
        names, cells = Counter(r["how"] for r in mine), Counter[str]()
        for row in mine:
            cells[row["how"]] += row["rows"]
        told = (
            [
                f"{words[0]} {names[how]}（{cells[how]} 行）"
                for how, words in HOW.items()
                if names[how]
            ]
            if zh
            else [
                f"{w[1]} {names[how]} ({cells[how]} rows)" for how, w in HOW.items() if names[how]
            ]
        )
        out.append(f"  {source} {file}: " + ("；" if zh else "; ").join(told))
        odd = [row for row in mine if row["how"] in ("normalised", "unmatched")]
        for row in odd[:_LINES]:
            near = str(row["candidates"]).replace(";", " | ")
            if row["community"]:
                end = f"→ {row['community']}"
            elif near:
                end = f"是否指 {near}？须由人确认" if zh else f"is it {near}? a person must confirm"
            else:
                end = "没有相近的单位" if zh else "no unit like it"
            out.append(f"    {row['name']} ({row['rows']}) {end}")
        if len(odd) > _LINES:
            out.append(f"    … +{len(odd) - _LINES}")
    return (
        ["单位名称 → 如何对应" if zh else "Names of units → how they were matched", *out]
        if out
        else []
    )
