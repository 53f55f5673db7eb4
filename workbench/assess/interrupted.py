"""Monthly series around the date of an intervention, compared with their own trend."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import change
from workbench.assess.changes import check_rows
from workbench.assess.indicators import unit_of
from workbench.assess.series import periods
from workbench.findings import number
from workbench.survey.rows import from_rows

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["interrupted"]

_SEASONAL = 24  # months from which a yearly wave can be told from a trend (12 of them before)
_DATE = ("时间点为{day}；{month}起算作之后", "dated {day}; months from {month} on count as after")


_EVENTS = 10  # requests on either side below which a rate has no trend to speak of
_MONTH = re.compile(r"\b2[34]\d{3}\b")
_HOUSEHOLDS = {"households": "as registered now, for every month"}


def _printed(month: int) -> str:
    return f"{month // 12}-{month % 12 + 1:02d}"


def _unit(c: Community, slug: str) -> str:
    return {"share": "pp", "score_0_100": "points"}.get(unit_of(c, slug), unit_of(c, slug))


def interrupted(c: Community) -> pd.DataFrame:
    """Compare monthly records before and after the unit's ``intervention_date`` with their trend.

    Each indicator from records that is kept by month, and each kind of request that feeds one, is
    fitted with level and slope before and after, season from 24 months on, and autocorrelation.
    The month in which the date lies counts as before. Indicators of one kind are one family for
    the correction for many tests. A series with a gap, fewer than three months on a side, or fewer
    than ten requests on a side stands with its reason. Empty where the unit has no date.

    Returns
    -------
    DataFrame
        ``change.series.<indicator>.effect`` and 28 rows ``change.series.check.NN``.
    """
    told = c.unit.get("intervention_date")
    if told is None:
        return pd.DataFrame()
    day = pd.Timestamp(told)
    first = day if day.day == 1 else day + pd.offsets.MonthBegin(1)
    start = first.year * 12 + first.month - 1
    rows: list[pd.DataFrame] = []
    found: list[pd.DataFrame] = []
    for series, exposure in ((_measured(c), None), (_counted(c), "_exposure")):
        least = 0 if exposure is None else _EVENTS
        gone = {slug: why for slug, s in series.items() if (why := _unusable(s, start, least))}
        whole = {slug: s for slug, s in series.items() if slug not in gone}
        rows += [_missing(c, slug, *why) for slug, why in gone.items()]
        for frame, slugs in _families(whole):
            before = int((frame["month"] < start).sum())
            harmonics = int(len(frame) >= _SEASONAL and before >= 12)
            made, checked = change.examine(
                frame.assign(_exposure=float(c.unit.get("households") or 0) / 12),
                slugs,
                time="month",
                date=start,
                exposure=exposure,
                harmonics=harmonics,
                unit={slug: _unit(c, slug) for slug in slugs},
                denominators=(_HOUSEHOLDS, _HOUSEHOLDS),
                up={slug: _up(c, slug) for slug in slugs},
                margin=None,
                level=c.level,
                facts={
                    "question_known": True,
                    "same_question": True,
                    "same_mode": True,
                    "same_denominator": True,
                    "comparable_units": not c.unit.get("predecessors"),
                },
            )
            rows.append(_told(c, made, frame, day, first))
            for lang in ("zh", "en"):  # months are counted from the year 0
                checked[f"reason_{lang}"] = [
                    _MONTH.sub(lambda m: _printed(int(m[0])), str(t))
                    for t in checked[f"reason_{lang}"]
                ]
            found.append(checked)
    if not rows:
        return pd.DataFrame()
    if found:
        names = {slug: _name(c, slug) for slug in c.measures}
        rows.append(
            check_rows(
                pd.concat(found), names, prefix="change.series", of=("月度序列", "monthly series")
            )
        )
    return pd.concat(rows, ignore_index=True)


def _measured(c: Community) -> dict[str, pd.Series]:
    """Give the monthly figures of each indicator that rests on measurements."""
    out: dict[str, pd.Series] = {}
    if not c.has("measurements"):
        return out
    for slug, measure in c.measures.items():
        if not measure.get("measurement") or slug in c.excluded:
            continue
        add = measure["statistic"] in {"sum", "per_100_households_year"}
        told = periods(c, measure["measurement"], add=add, monthly=True)
        if len(told):
            out[slug] = told.set_index(told["period"].map(_month))["figure"]
    return out


def _month(period: str) -> int:
    return int(period[:4]) * 12 + int(period[5:]) - 1


def _counted(c: Community) -> dict[str, pd.Series]:
    """Give the monthly numbers of requests that feed a rate per household."""
    out: dict[str, pd.Series] = {}
    spans = [wave.get("records") for wave in c.settings["waves"] if wave.get("records")]
    if not c.has("requests") or not spans or not c.unit.get("households"):
        return out
    first, last = min(s[0] for s in spans), max(s[1] for s in spans)
    months = range(_month(str(first)), _month(str(last)) + 1)
    frame = c.tables["requests"]
    frame = frame[frame["duplicate_of"].isna()]
    at = frame["received"].dt.year * 12 + frame["received"].dt.month - 1
    for slug, measure in c.measures.items():
        if not str(measure.get("statistic")).startswith("per_100_households") or slug in c.excluded:
            continue
        if measure.get("requests") is None:
            continue
        kept = frame
        for column, wanted in dict(measure["requests"]).items():
            kept = kept[kept[column].isin(wanted if isinstance(wanted, list) else [wanted])]
        counts = at[kept.index].value_counts()
        out[slug] = counts.reindex(months, fill_value=0).astype(float)
    return out


def _unusable(series: pd.Series, start: int, least: int) -> tuple[str, str] | None:
    """Say (zh, en) why a series cannot be used, ``None`` where it can."""
    months = sorted(int(m) for m in series.index)
    wanted = range(months[0], months[-1] + 1)
    lost = [m for m in wanted if m not in set(months) or math.isnan(float(series[m]))]
    if lost:
        named = ", ".join(_printed(m) for m in lost[:4])
        return f"序列缺少月份：{named}", f"the series lacks months: {named}"
    before, after = sum(m < start for m in months), sum(m >= start for m in months)
    if min(before, after) < 3:
        return (
            f"之前有{before}个月、之后有{after}个月，各须至少3个月",
            f"{before} months before and {after} after: at least 3 on each side are needed",
        )
    events = [int(series[[m for m in months if (m >= start) == late]].sum()) for late in (0, 1)]
    if min(events) < least:
        return (
            f"之前{events[0]}件、之后{events[1]}件，各须至少{least}件才能估计趋势",
            f"{events[0]} before and {events[1]} after: at least {least} on each side for a trend",
        )
    return None


def _families(series: dict[str, pd.Series]) -> list[tuple[pd.DataFrame, list[str]]]:
    """Put series of the same months into one frame, to be corrected together."""
    groups: dict[tuple[int, ...], list[str]] = {}
    for slug, one in series.items():
        groups.setdefault(tuple(sorted(int(m) for m in one.index)), []).append(slug)
    return [
        (pd.DataFrame({s: series[s].reindex(months) for s in slugs} | {"month": months}), slugs)
        for months, slugs in groups.items()
    ]


def _up(c: Community, slug: str) -> bool:
    return c.protocol.indicator(slug).direction != "down"


def _name(c: Community, slug: str) -> tuple[str, str]:
    name = c.protocol.indicator(slug).name
    return name.zh, name.en


def _base(c: Community, slug: str) -> dict[str, Any]:
    zh, en = _name(c, slug)
    return {
        "finding": f"change.series.{slug}.effect",
        "kind": "comparison",
        "indicator": slug,
        "item": slug,
        "channel": "record",
        "wave": c.wave,
        "label_zh": f"{zh}（与自身趋势相比）",
        "label_en": f"{en} (against its own trend)",
    }


def _missing(c: Community, slug: str, zh: str, en: str) -> pd.DataFrame:
    return from_rows(
        [
            _base(c, slug)
            | {
                "value": math.nan,
                "verdict": "cannot_tell",
                "method": "change.its.integrated",
                "status": "not_computed",
                "reason_zh": zh,
                "reason_en": en,
            }
        ]
    )


def _told(
    c: Community, made: pd.DataFrame, frame: pd.DataFrame, day: pd.Timestamp, first: pd.Timestamp
) -> pd.DataFrame:
    out = made.copy()
    bases = [_base(c, slug) for slug in out["item"]]
    for name in bases[0]:
        out[name] = [one[name] for one in bases]
    words = {"day": f"{day:%Y-%m-%d}", "month": f"{first:%Y-%m}"}
    for at, lang, joint in ((0, "zh", "；"), (1, "en", "; ")):
        out[f"reason_{lang}"] = [
            joint.join(part for part in (_DATE[at].format(**words), str(why)) if part)
            for why in out[f"reason_{lang}"]
        ]
    for lang in ("zh", "en"):
        out[f"display_{lang}"] = [
            number(v, u, lang) if s == "ok" else None
            for v, u, s in zip(out["value"], out["unit"], out["status"], strict=True)
        ]
    months = [int(m) for m in (frame["month"].min(), frame["month"].max())]
    out["period"] = "..".join(_printed(m) for m in months)
    out["n"] = out["n"].astype(float)
    return out
