"""Inspection sheets: sealed sheets merged, marks to points with assessor error, deductions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from workbench.errors import InputError, Problem
from workbench.scoring._frames import (
    Bools,
    Floats,
    Ints,
    check_level,
    critical,
    need,
    numbers,
    refuse,
    words,
)
from workbench.survey.rows import from_rows

__all__ = ["TEAM", "deductions", "inspection", "merge_sheets", "sheet_status"]

TEAM = ("expert", "analyst", "resident")
"""The three who score alone (R-28, doc 002 §7.1)."""

_ROLE_ZH = {"expert": "社区治理专家", "analyst": "数据分析师", "resident": "居民代表"}


def sheet_status(
    rows: pd.DataFrame, *, team: Sequence[str] = TEAM, items: Sequence[str] | None = None
) -> pd.DataFrame:
    """Say for each community, wave and visit whether the sheet of every role is in and whole.

    Parameters
    ----------
    rows : DataFrame
        Canonical ``inspections``: ``community``, ``assessor``, ``role``, ``item``, ``score`` or
        ``passed``; ``wave``, ``visit``, ``place``, ``seal`` where they exist.
    team : sequence of str
        Roles that must be there.
    items : sequence of str, optional
        Items a sheet must hold; by default every item (at its place) that any of the team marked.

    Returns
    -------
    DataFrame
        One row per community, wave, visit and role: ``n`` (marks), ``missing`` (items not marked),
        ``sealed`` (all marks carry a seal), ``complete``, ``status`` (ok, not_computed),
        ``reason_zh``, ``reason_en``; ``merged`` is true on all rows of a set of complete sheets.

    References
    ----------
    Rule R-28, doc 002 §7.1: three persons score back to back.
    """
    rows, keys = _read(rows)
    need(rows, ("role",), of="inspections")
    there = ~np.isnan(_marks(rows)[0])
    place = ["place"] if "place" in rows.columns else []
    cells = list(zip(*(words(rows, c).tolist() for c in ("item", *place)), strict=True))
    sealed = rows["seal"].notna().tolist() if "seal" in rows.columns else [False] * len(rows)
    groups, named = _groups(rows[keys])
    told = list(zip(groups.tolist(), rows["role"].tolist(), there.tolist(), strict=True))
    records = []
    for number, names in enumerate(named):
        own = {
            role: [i for i, one in enumerate(told) if one == (number, role, True)] for role in team
        }
        marked = {cells[i] for mine in own.values() for i in mine}
        expected = marked if items is None else {(i,) for i in items}
        sheets = []
        for role, mine in own.items():
            had = {cells[i] if items is None else cells[i][:1] for i in mine}
            absent = sorted(" ".join(map(str, c)).strip() for c in expected - had)
            sheets.append(
                {
                    **names,
                    "role": role,
                    "n": len(mine),
                    "missing": "; ".join(absent),
                    "sealed": bool(mine) and all(sealed[i] for i in mine),
                    "complete": bool(mine) and not absent,
                    **_sheet_reason(role, len(mine), absent),
                }
            )
        whole = {"merged": all(sheet["complete"] for sheet in sheets), "method": "scoring.sheets"}
        records += [sheet | whole for sheet in sheets]
    if not records:
        raise refuse("empty", "没有评分记录", "there are no marks")
    return from_rows(records)


def _sheet_reason(role: str, n: int, absent: list[str]) -> dict[str, str]:
    if n and not absent:
        return {"status": "ok", "reason_zh": "", "reason_en": ""}
    zh = _ROLE_ZH.get(role, role)
    if not n:
        return {"status": "not_computed", "reason_zh": f"{zh}的评分表未交",
                "reason_en": f"the sheet of the {role} is not in"}  # fmt: skip
    listed = ", ".join(absent[:5]) + (" …" if len(absent) > 5 else "")
    return {
        "status": "not_computed",
        "reason_zh": f"{zh}的评分表缺 {len(absent)} 项：{listed}",
        "reason_en": f"the sheet of the {role} lacks {len(absent)} marks: {listed}",
    }


def merge_sheets(
    rows: pd.DataFrame, *, team: Sequence[str] = TEAM, items: Sequence[str] | None = None
) -> pd.DataFrame:
    """Give the marks of those communities, waves and visits whose sheets are all in.

    Parameters
    ----------
    rows, team, items
        As for :func:`sheet_status`, which says why a set is not merged.

    Returns
    -------
    DataFrame
        The rows of ``rows`` by the roles of the team, whole sets only; empty when none is.
    """
    status = sheet_status(rows, team=team, items=items)
    frame, keys = _read(rows)
    whole = status.loc[status["merged"], keys].drop_duplicates()
    own = frame[frame["role"].isin(list(team))]
    merged = own.merge(whole, on=keys, how="inner")
    return merged[list(rows.columns)]


def inspection(
    rows: pd.DataFrame,
    *,
    level: float = 0.95,
    visits: Sequence[str] | None = None,
    places_total: Mapping[str, int] | None = None,
    pooled_sd: float | None = None,
    pooled_df: float = np.inf,
) -> pd.DataFrame:
    """Turn marks into points per item and a score per channel, with the error of the assessors.

    Parameters
    ----------
    rows : DataFrame
        Canonical ``inspections``: ``community``, ``assessor``, ``item``, ``score`` with
        ``max_score``, or ``passed`` (0/1); ``wave``, ``place``, ``visit`` where they exist. A mark
        without a score counts as not given.
    level : float
        Confidence level.
    visits : sequence of str, optional
        Kinds of visit that count (announced, mystery, …); by default all but calibration.
    places_total : mapping of item to int, optional
        How many places there are; where fewer were visited, the error of those not visited enters.
        Without it the places visited count as all there are.
    pooled_sd, pooled_df : float
        Standard deviation between assessors' totals (points of 100) and its degrees of freedom
        from the whole batch (see :func:`g_study`), used instead of this unit's own two or three.

    Returns
    -------
    DataFrame
        Per community and wave: rows with ``statistic`` ``points`` (per ``item``; ``value`` earned,
        ``max_points``), ``share_passed`` (per item with ``passed``; 0–1), ``score_0_100`` and
        ``share_passed`` over all items (``item`` empty). Columns ``value``, ``unit``,
        ``std_error``, ``se_assessor``, ``se_places``, ``ci_low``, ``ci_high``, ``df``, ``n``
        (marks), ``assessors``, ``places``, ``points``, ``max_points``, ``status``, ``flags``,
        ``reason_zh``, ``reason_en``, ``method``.

    Raises
    ------
    InputError
        A score below 0 or above its maximum, a maximum not above 0, ``passed`` other than 0 or 1,
        the same assessor twice on one item, place and visit.

    Notes
    -----
    Share earned per assessor ``S_a = Σ score / Σ max``; estimate = mean over assessors;
    ``se² = s²(S_a)/k + Σ (1 − n/N) s²_place/n`` with t on k − 1 df. The residual is counted in both
    terms, which errs on the wide side. With one assessor and no ``pooled_sd`` the error cannot be
    estimated: status low_precision. Shares of places use Wilson's interval with the sample size
    that gives the same variance. Not for places picked because something was wrong there.

    References
    ----------
    Cochran (1977), Sampling Techniques, 3rd ed., §2.6; Brown, Cai & DasGupta (2001), Stat. Sci. 16.
    Rules R-28, R-30.

    Examples
    --------
    >>> rows = pd.DataFrame({"community": "X", "assessor": ["a", "b", "c"], "item": "F01",
    ...                      "score": [8, 7, 9], "max_score": 10})
    >>> table = inspection(rows).set_index("statistic")
    >>> float(table.loc["score_0_100", "value"])
    80.0
    """
    check_level(level)
    rows, keys = _read(rows)
    share, most, binary = _marks(rows)
    keep = ~np.isnan(share)
    if "visit" in rows.columns:
        kinds = words(rows, "visit")
        keep &= np.isin(kinds, list(visits)) if visits is not None else kinds != "calibration"
    unit = [k for k in keys if k != "visit"]
    place = ["place"] if "place" in rows.columns else []
    # a unit has a few dozen marks: arrays and masks take a quarter of what frames of groups take
    who = pd.factorize(rows["assessor"])[0]
    where = np.full(len(rows), -1)
    if place:
        where = pd.factorize(rows["place"], sort=True)[0]
    item, listed = pd.factorize(rows["item"], sort=True, use_na_sentinel=False)
    cell = _groups(rows[["item", *place]])[0] if place else item
    every = _Marks(np.asarray(listed, dtype=object)[item], share, most, binary, who, where, cell)
    spec = (level, dict(places_total or {}), pooled_sd, pooled_df)
    out = []
    units, named = _groups(rows[unit])
    for number, names in enumerate(named):
        here = keep & (units == number)
        if not here.any():
            continue
        group = every.at(here)
        for at in np.unique(item[here]).tolist():
            if pd.isna(listed[at]):
                continue
            marks = every.at(here & (item == at))
            row = _score(marks, *spec)
            factor = row["max_points"] / 100
            for column in ("value", "std_error", "se_assessor", "se_places", "ci_low", "ci_high"):
                row[column] *= factor
            text = {"item": str(listed[at]), "statistic": "points", "unit": "points"}
            out.append({**names, **text, **row})
            if marks.binary.all():
                out.append({**names, "item": str(listed[at]), **_passed(marks, *spec)})
        text = {"item": "", "statistic": "score_0_100", "unit": "score_0_100"}
        out.append({**names, **text, **_score(group, *spec)})
        if group.binary.any():
            out.append({**names, "item": "", **_passed(group.at(group.binary), *spec)})
    if not out:
        raise refuse("empty", "没有可用的评分记录", "there are no marks to score")
    return from_rows(out).assign(level=level, method="scoring.inspection")


class _Marks(NamedTuple):
    """Marks by column; assessors, places and cells (item at a place) as numbers, -1 for none."""

    item: npt.NDArray[np.object_]
    share: Floats
    most: Floats
    binary: Bools
    who: Ints
    where: Ints
    cell: Ints

    def at(self, mask: Bools) -> _Marks:
        """Give the marks that a mask picks."""
        return _Marks(
            self.item[mask],
            self.share[mask],
            self.most[mask],
            self.binary[mask],
            self.who[mask],
            self.where[mask],
            self.cell[mask],
        )


def _groups(frame: pd.DataFrame) -> tuple[Ints, list[dict[str, Any]]]:
    """Give each row the number of its group, and each group, in order, as a mapping."""
    coded = [pd.factorize(frame[n], sort=True, use_na_sentinel=False) for n in frame.columns]
    keys = list(zip(*(codes.tolist() for codes, _ in coded), strict=True))
    order = sorted(set(keys))
    place = {key: number for number, key in enumerate(order)}
    named = [
        {n: found[at] for n, (_, found), at in zip(frame.columns, coded, key, strict=True)}
        for key in order
    ]
    return np.array([place[key] for key in keys], dtype=np.int64), named


def _read(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    need(rows, ("assessor", "item"), of="inspections")
    keys = [k for k in ("community", "wave", "visit") if k in rows.columns]
    if not keys:
        rows, keys = rows.assign(community=""), ["community"]
    cell = [*keys, "assessor", "item", *(["place"] if "place" in rows.columns else [])]
    twice = rows.duplicated(cell, keep=False)
    if bool(twice.any()):
        first = rows.loc[twice, cell].iloc[0]
        raise refuse(
            "mark-twice",
            f"同一评分人对同一项目重复评分：{'，'.join(map(str, first))}",
            f"an assessor marked one item twice: {', '.join(map(str, first))}",
            found=f"{int(twice.sum())} rows",
        )
    return rows, keys


def _marks(rows: pd.DataFrame) -> tuple[Floats, Floats, np.ndarray]:
    """Share earned, maximum, and whether the mark is a pass or fail."""
    score, most = numbers(rows, "score"), numbers(rows, "max_score")
    passed = numbers(_as_number(rows, "passed"), "passed")
    binary = np.isnan(score) & ~np.isnan(passed)
    most = np.where(binary & np.isnan(most), 1.0, most)
    wrong = {
        "max_score": ~np.isnan(score) & ~(most > 0),
        "score": (score < 0) | (score > most + 1e-9),
        "passed": ~np.isnan(passed) & (passed != 0) & (passed != 1),
    }
    wanted = {"max_score": "> 0", "score": "0 … max_score", "passed": "0, 1"}
    problems = [
        Problem(
            code="scoring.mark",
            zh=f"评分有误：项目 {rows['item'].iloc[i]}，列 {column}",
            en=f"a mark is wrong: item {rows['item'].iloc[i]}, column {column}",
            file="inspections",
            row=int(i) + 1,
            column=column,
            community=str(rows["community"].iloc[i]) if "community" in rows.columns else "",
            expected=wanted[column],
            found=str(rows[column].iloc[i]) if column in rows.columns else "",
        )
        for column, mask in wrong.items()
        for i in np.flatnonzero(mask)[:20]
    ]
    if problems:
        raise InputError(*problems)
    share = np.where(binary, passed, score / np.where(most > 0, most, np.nan))
    return share, most, binary


def _as_number(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Booleans as they come from CSV become 1 and 0."""
    if column not in rows.columns or pd.api.types.is_numeric_dtype(rows[column]):
        return rows
    known = {"true": 1, "false": 0, "True": 1, "False": 0, True: 1, False: 0}
    raw = rows[column].astype(object)
    return rows.assign(**{column: raw.map(lambda v: known.get(v, v))})


def _score(
    marks: _Marks,
    level: float,
    places_total: Mapping[str, int],
    pooled_sd: float | None,
    pooled_df: float,
) -> dict[str, Any]:
    """Score 0–100 of a set of marks, with error over assessors and over places."""
    there = marks.who >= 0
    who, most = marks.who[there], marks.most[there]
    made = np.bincount(who) > 0
    available: Floats = np.bincount(who, most)[made].astype(float)
    earned = np.bincount(who, marks.share[there] * most)[made]
    each = 100 * earned / available
    k = len(each)
    own = float(each.std(ddof=1)) if k > 1 else np.nan
    spread, df = (own, float(k - 1)) if pooled_sd is None else (float(pooled_sd), pooled_df)
    se_assessor = spread / np.sqrt(k)
    se_places = 0.0
    if places_total:  # without it every place was visited
        frame = pd.DataFrame({"item": marks.item, "place": marks.where, "share": marks.share})
        weight = frame.assign(most=marks.most).groupby("item")["most"].sum() / marks.most.sum()
        se_places = float(
            np.sqrt(
                sum(
                    (100 * float(weight[item])) ** 2 * _place_variance(m, str(item), places_total)
                    for item, m in frame.groupby("item")
                )
            )
        )
    value = float(each.mean())
    se = float(np.sqrt(se_assessor**2 + se_places**2))
    half = float(critical(level, df)) * se
    maximum = float(available.mean())
    lone = np.isnan(se)
    return {
        "value": value,
        "std_error": se,
        "se_assessor": se_assessor,
        "se_places": se_places,
        "ci_low": max(value - half, 0.0) if not lone else np.nan,
        "ci_high": min(value + half, 100.0) if not lone else np.nan,
        "df": df if not lone else np.nan,
        "n": len(marks.share),
        "assessors": k,
        "places": len(set(marks.where[marks.where >= 0].tolist())),
        "points": value / 100 * maximum,
        "max_points": maximum,
        **_state(k, lone, available),
    }


def _state(k: int, lone: bool, available: Floats) -> dict[str, str]:
    if lone:
        return {
            "status": "low_precision",
            "flags": "one_assessor",
            "reason_zh": "只有一名评分人，评分误差无法估计",
            "reason_en": "one assessor only: the assessor error cannot be estimated",
        }
    uneven = k > 1 and float(available.max() - available.min()) > 1e-9
    return {"status": "ok", "flags": "unequal_sheets" if uneven else "",
            "reason_zh": "", "reason_en": ""}  # fmt: skip


def _place_variance(marks: pd.DataFrame, item: str, places_total: Mapping[str, int]) -> float:
    """Variance of an item's mean share because not every place was visited."""
    there = marks[marks["place"] >= 0]
    if there.empty or item not in places_total:
        return 0.0
    means = there.groupby("place")["share"].mean().to_numpy(dtype=float)
    n, total = len(means), int(places_total[item])
    if total < n:
        raise refuse(
            "places-total",
            f"项目 {item} 的地点总数小于已查地点数",
            f"{item}: fewer places in all than were visited",
            expected=f"≥ {n}",
            found=str(total),
        )
    if n == total:
        return 0.0
    # one place says nothing about the spread: take the largest a share can have
    variance = float(means.var(ddof=1)) if n > 1 else 0.25
    return (1 - n / total) * variance / n


def _passed(
    marks: _Marks,
    level: float,
    places_total: Mapping[str, int],
    pooled_sd: float | None,
    pooled_df: float,
) -> dict[str, Any]:
    """Share of places that passed, with Wilson's interval at the effective number of places."""
    marked = np.bincount(marks.cell)
    passed = np.bincount(marks.cell, marks.share)[marked > 0]
    p, n = float((passed / marked[marked > 0]).mean()), len(passed)
    row = _score(marks, level, places_total, pooled_sd, pooled_df)
    se_assessor = float(row["se_assessor"]) / 100
    totals = [places_total.get(str(i)) for i in set(marks.item.tolist())]
    total = sum(t for t in totals if t is not None) if all(t is not None for t in totals) else None
    open_share = 1.0 if total is None else max(1 - n / total, 0.0)
    variance = open_share * p * (1 - p) / n
    se_places = float(np.sqrt(variance))
    noise = 0.0 if np.isnan(se_assessor) else se_assessor**2
    se = float(np.sqrt(variance + noise))
    n_effective = p * (1 - p) / se**2 if se > 0 else (n if open_share > 0 else np.inf)
    low, high = _wilson(p, n_effective, level)
    return {
        **row,
        "statistic": "share_passed",
        "unit": "share",
        "value": p,
        "std_error": se,
        "se_assessor": se_assessor,
        "se_places": se_places,
        "ci_low": low,
        "ci_high": high,
        "n_effective": n_effective,
        "places": n,
    }


def _wilson(p: float, n: float, level: float) -> tuple[float, float]:
    if np.isinf(n):
        return (p, p)
    z2 = float(special.ndtri(0.5 + level / 2)) ** 2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2) / (1 + z2 / n) * np.sqrt(p * (1 - p) / n + z2 / (4 * n**2))
    return (max(float(centre - half), 0.0), min(float(centre + half), 1.0))


def deductions(rows: pd.DataFrame, *, visits: Sequence[str] | None = None) -> pd.DataFrame:
    """List what cost points, where and why, dearest first.

    Parameters
    ----------
    rows : DataFrame
        Canonical ``inspections`` (see :func:`inspection`); ``reason`` says why points were lost.
    visits : sequence of str, optional
        Kinds of visit that count; by default all but calibration.

    Returns
    -------
    DataFrame
        One row per community, wave, item and place where any assessor took points off:
        ``finding`` (``deduction.1`` …), ``item``, ``place``, ``points`` (lost, mean over the
        assessors of that item and place), ``max_points``, ``n`` (assessors who took points off),
        ``assessors``, ``reason_zh`` and ``reason_en`` (the assessors' words, as they stand),
        ``status`` (``low_precision`` where no reason is given), ``method``.

    Notes
    -----
    Where an item has several places, the points lost are those of the sheet: they add up, over the
    deductions, to what the item lost.
    """
    rows, keys = _read(rows)
    share, most, _ = _marks(rows)
    keep = ~np.isnan(share)
    if "visit" in rows.columns:
        kinds = words(rows, "visit")
        keep &= np.isin(kinds, list(visits)) if visits is not None else kinds != "calibration"
    frame = rows.assign(_lost=(1 - share) * most, _max=most, _reason=words(rows, "reason"))[keep]
    unit = [k for k in keys if k != "visit"]
    place = ["place"] if "place" in rows.columns else []
    records = []
    for key, group in frame.groupby([*unit, "item", *place], sort=True, dropna=False):
        lost = group["_lost"].to_numpy(dtype=float)
        if not (lost > 1e-12).any():
            continue
        said = list(dict.fromkeys(r for r in group.loc[lost > 1e-12, "_reason"] if r))
        records.append(
            {
                **dict(zip([*unit, "item", *place], key, strict=True)),
                "points": float(lost.mean()),
                "max_points": float(group["_max"].mean()),
                "n": int((lost > 1e-12).sum()),
                "assessors": len(lost),
                "reason_zh": "；".join(said) or "扣分未说明理由",
                "reason_en": "; ".join(said) or "no reason is given for the deduction",
                "status": "ok" if said else "low_precision",
                "flags": "" if said else "no_reason",
            }
        )
    columns = [*unit, "item", *place, "points", "max_points", "n", "assessors", "reason_zh",
               "reason_en", "status", "flags"]  # fmt: skip
    out = from_rows(records, columns=columns)
    order = [*unit, "points", "item"]
    out = out.sort_values(order, ascending=[*[True] * len(unit), False, True], kind="stable")
    out = out.reset_index(drop=True)
    number = out.groupby(unit, dropna=False).cumcount() + 1
    out.insert(0, "finding", [f"deduction.{i}" for i in number])
    return out.assign(unit="points", kind="deduction", method="scoring.deductions")
