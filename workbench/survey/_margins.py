"""Population margins laid over a design: codes of rows, targets of cells, what cannot be met."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from workbench.errors import InputError, Problem
from workbench.survey._input import (
    Bools,
    Floats,
    Ints,
    check_columns,
    coded_labels,
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
    names: list[str]
    group: Ints


@dataclass(frozen=True)
class Population:
    """Margins of all variables within all groups; ``known`` marks rows that take part."""

    margins: list[Margin]
    group: Ints
    group_labels: pd.DataFrame
    known: Bools
    total: Floats


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
    out = margins.reset_index(drop=True).copy()
    count = pd.to_numeric(out["count"], errors="coerce").to_numpy(dtype=float)
    bad = ~np.isfinite(count) | (count < 0)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise refuse(
            "survey.margin-count",
            "边际计数缺失、为负或不是数字",
            "a margin count is missing, negative or not a number",
            column="count",
            row=row + 1,
            found=str(out["count"].iloc[row]),
            remedy_zh="改正计数",
            remedy_en="correct the count",
        )
    out["count"] = count
    out["category"] = labels(out["category"])
    out["variable"] = labels(out["variable"])
    return out


def population(
    design: Design,
    margins: pd.DataFrame,
    by: Sequence[str],
    variables: Sequence[str] | None = None,
    total: float | None = None,
) -> Population:
    """Lay margins over the rows of a design; collects every disagreement before it raises."""
    table = check_margins(margins)
    listed = list(dict.fromkeys(table["variable"])) if variables is None else list(variables)
    absent = [v for v in listed if v not in set(table["variable"])]
    if absent:
        raise refuse(
            "survey.margin-absent",
            "边际表中没有这个变量",
            "the margins have no such variable",
            column=absent[0],
            expected=", ".join(dict.fromkeys(table["variable"])),
        )
    table = table[table["variable"].isin(listed)]
    group, group_labels = by_groups(design, by)
    own = [c for c in by if c in table.columns]
    live = design.weights > 0
    known = live.copy()
    texts: dict[str, tuple[Ints, list[str]]] = {}
    for variable in listed:
        texts[variable] = coded_labels(design.data, variable)
        known &= texts[variable][0] >= 0
    problems: list[Problem] = []
    out: list[Margin] = []
    sums = np.zeros((len(listed), len(group_labels)))
    for number, variable in enumerate(listed):
        cells = _cells(table[table["variable"] == variable], variable, own, group_labels, problems)
        margin = _margin(variable, cells, texts[variable], group, group_labels, known, problems)
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
    part: pd.DataFrame,
    variable: str,
    own: list[str],
    group_labels: pd.DataFrame,
    problems: list[Problem],
) -> pd.DataFrame:
    """Targets of one variable, one row per group and category: ``g, category, count``."""
    keys = [*own, "category"]
    table = part.copy()
    for column in own:
        table[column] = labels(table[column])
    twice = table.duplicated(keys)
    if twice.any():
        row = table[twice].iloc[0]
        problems.append(
            Problem(
                code="survey.margin-twice",
                column=variable,
                zh="同一类别在边际表中出现两次",
                en="a category stands twice in the margins",
                found=str(row["category"]),
                remedy_zh="先按 area 与 population 选出一套边际",
                remedy_en="first select one area and one population",
            )
        )
        table = table[~twice]
    groups = len(group_labels)
    if not own:
        return pd.DataFrame(
            {
                "_g": np.repeat(np.arange(groups), len(table)),
                "category": np.tile(table["category"].to_numpy(), groups),
                "count": np.tile(table["count"].to_numpy(), groups),
            }
        )
    place = {tuple(row): g for g, row in enumerate(group_labels[own].itertuples(index=False))}
    if len(place) < groups:  # margins know only some of the `by` columns
        numbered = group_labels[own].assign(_g=np.arange(groups))
        merged = numbered.merge(table[[*own, "category", "count"]], on=own, how="inner")
    else:
        g = [place.get(tuple(row), -1) for row in table[own].itertuples(index=False)]
        merged = table.assign(_g=np.array(g, dtype=np.int64))
        merged = merged[merged["_g"] >= 0]
    for absent in sorted(set(range(groups)) - set(merged["_g"])):
        problems.append(
            Problem(
                code="survey.margin-group",
                column=variable,
                zh=f"边际表没有 {_where(group_labels, absent)} 的行",
                en=f"the margins have no row for {_where(group_labels, absent)}",
                remedy_zh="补上该组的总体计数",
                remedy_en="add the population counts of this group",
            )
        )
    return merged[["_g", "category", "count"]].reset_index(drop=True)


def _margin(
    variable: str,
    cells: pd.DataFrame,
    coded: tuple[Ints, list[str]],
    group: Ints,
    group_labels: pd.DataFrame,
    known: Bools,
    problems: list[Problem],
) -> Margin:
    categories = list(dict.fromkeys(cells["category"]))
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
    full = np.full(groups * k, np.nan)
    at = cells["_g"].to_numpy() * k + cells["category"].map(position).to_numpy()
    full[at] = cells["count"].to_numpy()
    code = np.where(known & (category >= 0), group * k + category, -1)
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
    renumber = np.full(groups * k + 1, -1, dtype=np.int64)
    renumber[used] = np.arange(used.size)
    names_ = []
    for cell in used:
        g, c = divmod(int(cell), k)
        head = _where(group_labels, g)
        names_.append(f"{variable}={categories[c]}" + (f" ({head})" if head else ""))
    return Margin(variable, renumber[code], np.nan_to_num(full[used]), names_, used // k)


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
    scaled = [
        Margin(
            m.variable,
            m.code,
            m.target * (goal / np.where(sums[i] > 0, sums[i], 1.0))[m.group],
            m.names,
            m.group,
        )
        for i, m in enumerate(margins)
    ]
    return scaled, goal
