"""What a notebook said when the report was made, held against what it says now."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workbench import findings

__all__ = ["Difference", "cells", "figures", "first_cell", "rows", "same_text"]

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_FROM_BATCH = {"p_adjusted", "family"}
RELATIVE = 1e-9


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing that came out otherwise.

    Attributes
    ----------
    kind
        ``finding``, ``figure``, ``output`` (anything else a cell shows) or ``file``.
    name
        Id of the finding or figure, name of the file, kind of output.
    cell
        Id of the notebook cell; empty for a file that no cell made.
    column
        Column of the finding.
    recorded, again
        What stands in the bag, and what came out now; ``-`` for nothing.
    rounding
        Whether it is no more than the last digits of a number, everything printed being the same.
    """

    kind: str
    name: str
    cell: str = ""
    column: str = ""
    recorded: str = "-"
    again: str = "-"
    rounding: bool = False

    def text(self, lang: str) -> str:
        """Return one line for a reader of ``lang`` (``zh`` or ``en``)."""
        zh = lang == "zh"
        kinds = {"finding": "结论", "figure": "图", "output": "输出", "file": "文件"}
        what = f"{kinds[self.kind] if zh else self.kind} {self.name}"
        what += f"[{self.column}]" if self.column else ""
        cell = (f"单元格 {self.cell}：" if zh else f"cell {self.cell}: ") if self.cell else ""
        told = f"记录为 {self.recorded}，重算为 {self.again}"
        if not zh:
            told = f"recorded {self.recorded}, now {self.again}"
        last = ("（仅末位舍入）" if zh else " (rounding)") if self.rounding else ""
        return f"{cell}{what}{'：' if zh else ': '}{told}{last}"

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, for ``--json``."""
        return asdict(self)


def _short(value: Any) -> str:
    text = "-" if value is None else str(value)
    return text if len(text) <= 120 else text[:117] + "…"


def _close(one: float, other: float, absolute: float = 1e-12) -> bool:
    return math.isclose(one, other, rel_tol=RELATIVE, abs_tol=absolute)


def same_text(one: str, other: str, *, absolute: float = 1e-12) -> bool | None:
    """Say whether two texts are the same; None when only last digits of numbers differ.

    Examples
    --------
    >>> same_text("at 0.3333333333", "at 0.33333333331"), same_text("at 1", "at 2")
    (None, False)
    """
    if one == other:
        return True
    if _NUMBER.split(one) != _NUMBER.split(other):
        return False
    pairs = zip(_NUMBER.findall(one), _NUMBER.findall(other), strict=True)
    near = all(a == b or _close(float(a), float(b), absolute) for a, b in pairs)
    return None if near else False


def rows(
    recorded: Sequence[Mapping[str, Any]],
    again: Sequence[Mapping[str, Any]],
    *,
    skip: Iterable[str] = (),
) -> tuple[list[Difference], int]:
    """Compare findings by id, column by column: texts as printed, numbers to 1e-9 of their size.

    Parameters
    ----------
    recorded, again
        Findings in the bag, and those that came out now.
    skip
        Columns that are not compared.

    Returns
    -------
    tuple of list of Difference and int
        Differences, and how many recorded findings with a value came out the same or within
        rounding.
    """
    now = {str(row["finding"]): row for row in again}
    before = {str(row["finding"]): row for row in recorded}
    columns = [n for n in (*findings.COLUMNS, *findings.EXTRA) if n not in set(skip)]
    found: list[Difference] = []
    reproduced = 0
    for name, row in before.items():
        other = now.get(name)
        if other is None:
            found.append(
                Difference(
                    kind="finding",
                    name=name,
                    cell=str(row.get("cell") or ""),
                    recorded=_short(row.get("display_zh")),
                )
            )
            continue
        differing = list(_columns(name, row, other, columns))
        found += differing
        told = isinstance(row.get("value"), int | float)
        reproduced += told and all(one.rounding for one in differing)
    found += [
        Difference(
            kind="finding",
            name=name,
            cell=str(row.get("cell") or ""),
            again=_short(row.get("display_zh")),
        )
        for name, row in now.items()
        if name not in before
    ]
    return found, reproduced


def _columns(
    name: str, row: Mapping[str, Any], other: Mapping[str, Any], columns: Iterable[str]
) -> Iterator[Difference]:
    for column in columns:
        before, now = row.get(column), other.get(column)
        if before == now:
            continue
        yield Difference(
            kind="finding",
            name=name,
            cell=str(row.get("cell") or ""),
            column=column,
            recorded=_short(before),
            again=_short(now),
            rounding=_near(before, now),
        )


def _near(one: Any, other: Any) -> bool:
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (one, other))
    return numbers and _close(float(one), float(other))


def figures(folder: Path, again: Mapping[str, Any]) -> tuple[list[Difference], int]:
    """Compare the figures in a folder with those of the notebook that was executed again.

    Returns
    -------
    tuple of list of Difference and int
        Differences, and the number of figures in the folder.
    """
    now = findings.figures(again)
    before = {
        path.name.removesuffix(".svg"): path.read_text(encoding="utf-8")
        for path in sorted(folder.glob("*.svg"))
    }
    found = []
    for name in sorted(set(before) | set(now)):
        svg = now.get(name, {}).get("svg")
        if name not in before or svg is None:
            found.append(
                Difference(
                    kind="figure",
                    name=name,
                    cell=now.get(name, {}).get("cell", ""),
                    recorded="there" if name in before else "-",
                    again="-" if name in before else "there",
                )
            )
            continue
        same = same_text(before[name], svg, absolute=1e-5)
        if same is not True:
            found.append(
                Difference(
                    kind="figure",
                    name=name,
                    cell=now[name]["cell"],
                    recorded="svg",
                    again="another svg",
                    rounding=same is None,
                )
            )
    return found, len(before)


def cells(recorded: Mapping[str, Any], again: Mapping[str, Any]) -> list[Difference]:
    """Compare what the cells of two sealed notebooks show, one difference a cell at most.

    Findings are compared by :func:`rows`; here their tables, figures, prints and errors are.
    """
    before = {cell["id"]: cell for cell in recorded["cells"] if cell["cell_type"] == "code"}
    now = {cell["id"]: cell for cell in again["cells"] if cell["cell_type"] == "code"}
    found = []
    for name in [*before, *(name for name in now if name not in before)]:
        one, other = (_shown(side.get(name)) for side in (before, now))
        same = same_text(one, other, absolute=1e-5)
        if same is not True:
            at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
            from_ = max(0, at - 30)
            found.append(
                Difference(
                    kind="output",
                    name="shown" if name in before and name in now else "cell",
                    cell=str(name),
                    recorded=_short(one[from_ : at + 60] or None),
                    again=_short(other[from_ : at + 60] or None),
                    rounding=same is None,
                )
            )
    return found


def _shown(cell: Mapping[str, Any] | None) -> str:
    """Give everything that a cell shows as one text; findings stand in the comparison of rows."""
    if cell is None:
        return ""
    told = [cell["source"], cell.get("execution_count")]
    for output in cell.get("outputs", ()):
        data = {k: v for k, v in output.get("data", {}).items() if k != findings.MIME}
        told.append({**{k: v for k, v in output.items() if k != "data"}, "data": data})
    return json.dumps(told, ensure_ascii=False, sort_keys=True)


def first_cell(notebook: Mapping[str, Any], found: Iterable[Difference]) -> str:
    """Give the first cell, in the notebook's order, in which something differs; else nothing."""
    named = {one.cell for one in found}
    return next((str(c["id"]) for c in notebook["cells"] if c["id"] in named), "")
