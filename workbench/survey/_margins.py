"""Population margins laid over a design: codes of rows, targets of cells, what cannot be met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import InputError, Problem
from workbench.survey._input import (
    Bools,
    Floats,
    Ints,
    check_columns,
    coded_labels,
    dense_codes,
    labels,
    refuse,
)
from workbench.survey.design import Design


@dataclass(frozen=True)
class Margin:
    """One variable: ``code`` of each row's cell (group x category, -1 unknown), cell targets."""

    variable: str
    code: Ints
    target: Floats
    group: Ints
    category: list[str]
    group_labels: pd.DataFrame

    def name(self, cell: int) -> str:
        """Say which cell this is: ``age=60+ (wave=2026h2)``."""
        where = _where(self.group_labels, int(self.group[cell]))
        return f"{self.variable}={self.category[cell]}" + (f" ({where})" if where else "")


@dataclass(frozen=True)
class Population:
    """Margins of all variables within all groups; ``known`` marks rows that take part."""

    margins: list[Margin]
    group: Ints
    group_labels: pd.DataFrame
    known: Bools
    total: Floats

    @cached_property
    def cells(self) -> tuple[Ints, list[Ints]]:
        """Crossing of all margins: code of each known row, and each margin's code of a crossing.

        Rows of one crossing always get the same factor, so that fits run over crossings.
        """
        every = bool(self.known.all())
        cell: Ints = np.zeros(self.known.size if every else int(self.known.sum()), dtype=np.int64)
        size = 1
        for m in self.margins:
            own = m.code if every else m.code[self.known]
            cell, found = dense_codes(cell * m.target.size + own, size * m.target.size)
            size = found.size
        first = np.zeros(size if cell.size else 0, dtype=np.int64)
        first[cell] = np.arange(cell.size) if every else np.flatnonzero(self.known)
        return cell, [m.code[first] for m in self.margins]

    def mass(self, weights: Floats) -> Floats:
        """Sum of the weights of known rows by crossing."""
        cell, codes = self.cells
        own = weights if cell.size == weights.size else weights[self.known]
        out: Floats = np.bincount(cell, own, minlength=codes[0].size).astype(float)
        return out


def check_margins(margins: pd.DataFrame) -> pd.DataFrame:
    """Return margins with text categories and numeric counts, or raise with the row."""
    check_columns(margins, ["variable", "category", "count"], "margins")
    if len(margins) == 0:
        raise refuse(
            "survey.margins-empty",
            "总体边际表为空",
            "the table of margins is empty",
            remedy_zh="检查 area 与 population 的筛选",
            remedy_en="check the selection of area and population",
        )
    count = pd.to_numeric(margins["count"], errors="coerce").to_numpy(dtype=float)
    bad = ~np.isfinite(count) | (count < 0)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise refuse(
            "survey.margin-count",
            "边际计数缺失、为负或不是数字",
            "a margin count is missing, negative or not a number",
            column="count",
            row=row + 1,
            found=str(margins["count"].iloc[row]),
            remedy_zh="改正计数",
            remedy_en="correct the count",
        )
    out = margins.reset_index(drop=True)
    told = {c: labels(out[c]) for c in ("variable", "category")}
    return pd.DataFrame({c: out[c] for c in out} | told | {"count": count}, copy=False)


def population(
    design: Design,
    margins: pd.DataFrame,
    by: Sequence[str],
    variables: Sequence[str] | None = None,
    total: float | None = None,
) -> Population:
    """Lay margins over the rows of a design; collects every disagreement before it raises."""
    table = check_margins(margins)
    variable_of = table["variable"].to_numpy()
    told = list(dict.fromkeys(variable_of))
    listed = told if variables is None else list(variables)
    absent = [v for v in listed if v not in told]
    if absent:
        raise refuse(
            "survey.margin-absent",
            "边际表中没有这个变量",
            "the margins have no such variable",
            column=absent[0],
            expected=", ".join(told),
        )
    group, group_labels = by_groups(design, by)
    own = {c: labels(table[c]).to_numpy() for c in by if c in table.columns}
    category, count = table["category"].to_numpy(), table["count"].to_numpy()
    coded = {v: coded_labels(design.data, v) for v in listed}
    known = design.weights > 0
    for codes, _ in coded.values():
        known &= codes >= 0
    problems: list[Problem] = []
    out: list[Margin] = []
    sums = np.zeros((len(listed), len(group_labels)))
    for number, variable in enumerate(listed):
        at = np.flatnonzero(variable_of == variable)
        keys = {c: values[at] for c, values in own.items()}
        cells = _cells(category[at], count[at], keys, variable, group_labels, problems)
        margin = _margin(variable, cells, coded[variable], group, group_labels, known, problems)
        out.append(margin)
        sums[number] = np.bincount(margin.group, margin.target, minlength=len(group_labels))
    if problems:
        raise InputError(*problems)
    scaled, totals = _same_total(out, sums, group_labels, total)
    return Population(scaled, group, group_labels, known, totals)


def by_groups(design: Design, by: Sequence[str]) -> tuple[Ints, pd.DataFrame]:
    """Group code of each row and the labels of the groups; missing labels raise."""
    check_columns(design.data, by, "by")
    n = len(design.data)
    if not by:
        return np.zeros(n, dtype=np.int64), pd.DataFrame(index=[0])
    frame = pd.DataFrame({c: labels(design.data[c]) for c in by})
    if frame.isna().any(axis=None):
        row = int(np.flatnonzero(frame.isna().any(axis=1).to_numpy())[0])
        raise refuse(
            "survey.by-missing",
            "分组变量缺失，无法确定适用哪一总体",
            "the grouping variable is missing: no telling which population applies",
            row=row + 1,
            column=", ".join(by),
            remedy_zh="补全分组变量",
            remedy_en="fill in the grouping variable",
        )
    code: Ints = frame.groupby(list(by), sort=True).ngroup().to_numpy().astype(np.int64)
    first = np.unique(code, return_index=True)[1]
    return code, frame.iloc[first].reset_index(drop=True)


def _where(group_labels: pd.DataFrame, g: int) -> str:
    return ", ".join(f"{c}={v}" for c, v in group_labels.iloc[g].items())


def _cells(
    category: Any,
    count: Floats,
    own: dict[str, Any],
    variable: str,
    group_labels: pd.DataFrame,
    problems: list[Problem],
) -> tuple[list[str], Floats]:
    """Categories of one variable, and targets by group and category (NaN: not given)."""
    categories = list(dict.fromkeys(category))
    position = {c: i for i, c in enumerate(categories)}
    groups, k = len(group_labels), len(categories)
    full = np.full((groups, k), np.nan)
    place: dict[tuple[Any, ...], list[int]] = {}
    held = [group_labels[c].tolist() for c in own]
    for g in range(groups):  # margins may know only some of the `by` columns
        place.setdefault(tuple(values[g] for values in held), []).append(g)
    seen = set()
    for row, key in enumerate(zip(*own.values(), strict=True) if own else [()] * len(category)):
        c = category[row]
        if (key, c) in seen:
            problems.append(
                Problem(
                    code="survey.margin-twice",
                    column=variable,
                    zh="同一类别在边际表中出现两次",
                    en="a category stands twice in the margins",
                    found=str(c),
                    remedy_zh="先按 area 与 population 选出一套边际",
                    remedy_en="first select one area and one population",
                )
            )
            continue
        seen.add((key, c))
        full[place.get(key, []), position[c]] = count[row]
    for absent in np.flatnonzero(np.isnan(full).all(axis=1)):
        problems.append(
            Problem(
                code="survey.margin-group",
                column=variable,
                zh=f"边际表没有 {_where(group_labels, int(absent))} 的行",
                en=f"the margins have no row for {_where(group_labels, int(absent))}",
                remedy_zh="补上该组的总体计数",
                remedy_en="add the population counts of this group",
            )
        )
    return categories, full.ravel()


def _margin(
    variable: str,
    cells: tuple[list[str], Floats],
    coded: tuple[Ints, list[str]],
    group: Ints,
    group_labels: pd.DataFrame,
    known: Bools,
    problems: list[Problem],
) -> Margin:
    categories, full = cells
    position = {c: i for i, c in enumerate(categories)}
    k, groups = len(categories), len(group_labels)
    codes, levels = coded
    place: Ints = np.array([*(position.get(level, -2) for level in levels), -1], dtype=np.int64)
    category = place[codes]
    alien_levels = [i for i, level in enumerate(levels) if level not in position]
    for level in alien_levels:
        rows = np.flatnonzero((codes == level) & known)
        if not rows.size:
            continue
        problems.append(
            Problem(
                code="survey.margin-lacks-category",
                column=variable,
                row=int(rows[0]) + 1,
                zh=f"{rows.size} 名受访者属于边际表没有的类别",
                en=f"{rows.size} respondents are in a category that the margins lack",
                found=levels[level],
                expected=", ".join(map(str, categories)),
                remedy_zh="在 values 中改编码，或在边际表补上该类别",
                remedy_en="recode it, or add the category to the margins",
            )
        )
    code = category if groups == 1 else group * k + category
    if not alien_levels and bool(known.all()):
        found = np.bincount(code, minlength=groups * k)
    else:
        code = np.where(known & (category >= 0), code, -1)
        found = np.bincount(code + 1, minlength=groups * k + 1)[1:]
    empty = np.flatnonzero((np.nan_to_num(full) > 0) & (found == 0))
    alien = np.flatnonzero(~(np.nan_to_num(full) > 0) & (found > 0))
    for cell in empty:
        g, c = divmod(int(cell), k)
        place_text = _where(group_labels, g)
        problems.append(
            Problem(
                code="survey.margin-without-respondents",
                column=variable,
                community=place_text,
                zh=f"类别“{categories[c]}”有总体 {full[cell]:g}，但没有受访者",
                en=f"category {categories[c]!r}: population {full[cell]:g}, no respondent",
                remedy_zh="在数据与边际表中明确地把它并入相邻类别；从不自动合并",
                remedy_en="merge it with a neighbour, explicitly, in data and margins",
            )
        )
    for cell in alien:
        g, c = divmod(int(cell), k)
        problems.append(
            Problem(
                code="survey.margin-zero",
                column=variable,
                community=_where(group_labels, g),
                zh=f"类别“{categories[c]}”有受访者，但总体计数为零或缺失",
                en=f"category {categories[c]!r} has respondents, but no population",
                remedy_zh="核对边际表或编码",
                remedy_en="check the margins or the coding",
            )
        )
    used = np.flatnonzero(found > 0)
    if used.size < groups * k:
        renumber = np.full(groups * k + 1, -1, dtype=np.int64)
        renumber[used] = np.arange(used.size)
        code = renumber[code]
    told = [categories[i] for i in used % k]
    return Margin(variable, code, np.nan_to_num(full[used]), used // k, told, group_labels)


def _same_total(
    margins: list[Margin], sums: Floats, group_labels: pd.DataFrame, total: float | None
) -> tuple[list[Margin], Floats]:
    """All variables of a group must add up to one total, or be scaled to the one given."""
    if total is not None:
        if not (np.isfinite(total) and total > 0):
            raise refuse(
                "survey.total",
                "total 须为正数",
                "total must be positive",
                found=str(total),
            )
        goal = np.full(sums.shape[1], float(total))
    else:
        goal = sums[0]
        off = np.abs(sums - goal) > 1e-6 * goal
        if off.any():
            m, g = (int(i) for i in np.argwhere(off)[0])
            raise refuse(
                "survey.margins-disagree",
                f"各变量的总体合计不一致：{margins[0].variable} 与 {margins[m].variable}",
                f"the totals of {margins[0].variable} and {margins[m].variable} disagree",
                community=_where(group_labels, g),
                expected=f"{goal[g]:.10g}",
                found=f"{sums[m, g]:.10g}",
                remedy_zh="核对两者是否同一总体；确认后可用 total= 按比例统一到一个合计",
                remedy_en="check that both mean the same population; then scale all by total=",
            )
    factor = goal / np.where(sums > 0, sums, 1.0)
    scaled = [replace(m, target=m.target * factor[i][m.group]) for i, m in enumerate(margins)]
    return scaled, goal
