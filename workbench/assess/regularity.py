"""Series of records that come late, have gaps, or are too regular to have been counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.assess import records
from workbench.assess.sample import labelled
from workbench.assess.series import _cadence, periods
from workbench.scoring import _periods
from workbench.survey.rows import from_rows

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["regularity"]

# cadence of a series that satisfies a class's expected frequency, finest first
_FINER = ("day", "week", "month", "quarter", "half", "year")
_EXPECTED = {"real_time": "day", "daily": "day", "weekly": "week", "monthly": "month"}
_WORDS = {
    "real_time": ("实时", "real time"),
    "daily": ("每日", "daily"),
    "weekly": ("每周", "weekly"),
    "monthly": ("每月", "monthly"),
    "day": ("日", "day"),
    "week": ("周", "week"),
    "month": ("月", "month"),
    "quarter": ("季", "quarter"),
    "half": ("半年", "half-year"),
    "year": ("年", "year"),
}
_LEAST = 6  # periods below which nothing is said about regularity


def regularity(c: Community) -> pd.DataFrame:
    """Check each series of measurements against its data class: late, missing, over-regular.

    Late: no value for the last period before the end of this wave's records. Missing: a period
    between the first and the last value without one. Over-regular: at least six values that are
    all alike, or that all rise or fall by the same step. Coarser than the class's expected
    frequency is told and is no fault.

    Returns
    -------
    DataFrame
        Findings ``check.series.<indicator>`` of series with a fault (kind check, severity warning,
        reach indicator), ``check.series.sound`` for the others together, and
        ``check.series.classes``: which of the classes have data at all.
    """
    if not c.protocol.data_classes:
        return pd.DataFrame()
    rows: list[dict[str, Any]] = []
    sound: list[dict[str, Any]] = []
    seen: set[str] = set()
    for slug in c.settings["scope"]:
        measure = c.measures.get(slug) or {}
        known = c.protocol.indicator(slug).data_class
        if known and _has_data(c, measure):
            seen.add(known)
        if measure.get("channel") == "record" and measure.get("measurement"):
            row = _series(c, slug, measure, known)
            if row is not None:
                (rows if row["verdict"] == "failed" else sound).append(row)
    rows += _sound(c, sound)
    if any(i.data_class for i in c.protocol.indicators.values()):
        rows.append(_classes(c, seen))
    return from_rows(rows)


def _sound(c: Community, sound: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tell all series without a fault in one row, and which came coarser than expected."""
    if not sound:
        return []
    coarse = [c.protocol.indicator(row["indicator"]).name for row in sound if row["reason_zh"]]
    row = labelled(
        "check.series.sound",
        "check",
        f"{len(sound)}个数列按期报送、没有缺期、不过于规则",
        f"{len(sound)} series in time, without gaps and not too regular",
        verdict="passed",
        severity="info",
        method="records.regularity",
        n=len(sound),
        display_zh="—",
        display_en="—",
    )
    if coarse:
        row["reason_zh"] = f"汇总粒度粗于数据规范：{'、'.join(n.zh for n in coarse)}"
        row["reason_en"] = f"coarser than the data standard: {', '.join(n.en for n in coarse)}"
    return [row]


def _has_data(c: Community, measure: Any) -> bool:
    table = {"survey": "responses", "inspection": "inspections", "fact": "facts"}.get(
        str(measure.get("channel")), "requests" if measure.get("requests") else "measurements"
    )
    return bool(measure) and c.has(table)


def _series(c: Community, slug: str, measure: Any, known: str | None) -> dict[str, Any] | None:
    if not c.has("measurements"):
        return None
    added = measure["statistic"] in {"sum", "per_100_households_year"}
    told = periods(c, measure["measurement"], add=added)
    if told.empty:
        return None
    told["cadence"] = told["period"].map(_cadence)
    cadence = str(told["cadence"].mode().iloc[0])
    told = told[told["cadence"].eq(cadence)]
    places = sorted(_periods.number(p, cadence) for p in told["period"])
    faults: list[tuple[str, str]] = []
    late = _late(c, cadence, places[-1])
    if late:
        faults.append(late)
    gaps = sorted(set(range(places[0], places[-1] + 1)) - set(places))
    if gaps:
        named = ", ".join(_periods.text(g, cadence) for g in gaps[:6])
        faults.append((f"缺{len(gaps)}期：{named}", f"{len(gaps)} periods are missing: {named}"))
    even = _even(told)
    if even:
        faults.append(even)
    noted = _coarser(c, known, cadence)
    name = c.protocol.indicator(slug).name
    row = labelled(
        f"check.series.{slug}",
        "check",
        f"{name.zh}：按期报送，数列不过于规则",
        f"{name.en}: reported in time, and not too regular",
        indicator=slug,
        verdict="failed" if faults else "passed",
        severity="warning",
        reach="indicator",
        method="records.regularity",
        n=len(told),
        display_zh="—",
        display_en="—",
    )
    said = [*faults, *([noted] if noted else [])]
    row["reason_zh"] = "；".join(s[0] for s in said) or None
    row["reason_en"] = "; ".join(s[1] for s in said) or None
    return row


def _late(c: Community, cadence: str, last: int) -> tuple[str, str] | None:
    span = records.window(c, c.wave)
    if span is None:
        return None
    end = span[1] - pd.Timedelta("1h")
    year, week, _ = end.isocalendar()
    ending = {
        "day": f"{end:%Y-%m-%d}",
        "week": f"{year:04d}-W{week:02d}",
        "month": f"{end:%Y-%m}",
        "quarter": f"{end.year:04d}-Q{end.quarter}",
        "half": f"{end.year:04d}-H{1 + (end.month > 6)}",
        "year": f"{end.year:04d}",
    }[cadence]
    wanted = _periods.number(ending, cadence)
    wanted -= cadence in {"quarter", "half", "year", "week"}  # the running one may still be open
    if last >= wanted:
        return None
    told = _periods.text(last, cadence)
    return f"迟报：最近一期为{told}，应至{ending}", f"late: the last is {told}, {ending} was due"


def _even(told: pd.DataFrame) -> tuple[str, str] | None:
    """Say whether a series is too regular to have been counted."""
    x = told.sort_values("period")["figure"].to_numpy(dtype=float)
    x = x[~np.isnan(x)]
    if len(x) < _LEAST or (x == 0).all() or (x == 1).all():
        return None  # nothing happened, or everything is in order: honest series of one value
    steps = np.round(np.diff(x), 9)
    if (steps == 0).all():
        return (
            f"{len(x)}期数值完全相同，疑似照抄，应核实",
            f"all {len(x)} values are alike: copied? to be checked",
        )
    if (steps == steps[0]).all():
        return (
            f"{len(x)}期逐期变化完全相等，疑似推算，应核实",
            f"all {len(x)} values differ by the same step: made up? to be checked",
        )
    return None


def _coarser(c: Community, known: str | None, cadence: str) -> tuple[str, str] | None:
    one = c.protocol.data_classes.get(known or "")
    if one is None or _FINER.index(cadence) <= _FINER.index(_EXPECTED[one.frequency]):
        return None
    wanted, came = _WORDS[one.frequency], _WORDS[cadence]
    return (
        f"“{one.name.zh}”类数据应{wanted[0]}采集，收到的是按{came[0]}汇总",
        f'data of the class "{one.name.en}" are expected {wanted[1]}; they came by the {came[1]}',
    )


def _classes(c: Community, seen: set[str]) -> dict[str, Any]:
    every = c.protocol.data_classes
    lacking = [one.name for slug, one in every.items() if slug not in seen]
    return labelled(
        "check.series.classes",
        "check",
        f"{len(every)}类数据的到位情况",
        f"Which of the {len(every)} classes of data arrived",
        verdict="passed" if not lacking else "cannot_tell",
        severity="info",
        display_zh="—",
        display_en="—",
        value=float(len(seen)),
        unit="count",
        n=len(every),
        reason_zh=f"范围内的指标没有数据的类别：{'、'.join(n.zh for n in lacking)}"
        if lacking
        else None,
        reason_en=f"no data for an indicator in scope: {', '.join(n.en for n in lacking)}"
        if lacking
        else None,
    )
