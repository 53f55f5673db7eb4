"""A series of measurements: one origin and one cadence, gaps named, then its value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import change
from workbench.assess import records
from workbench.scoring import _periods
from workbench.scoring._periods import by_period
from workbench.survey.rows import to_rows

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["by_period", "ended", "measurement", "periods", "span_of"]

Row = dict[str, Any]
Span = tuple[pd.Timestamp, pd.Timestamp]

_FINEST_FIRST = ("day", "week", "month", "quarter", "half", "year")
_MONTH = r"\d{4}-\d{2}"
_ADDED = {"sum", "per_100_households_year"}


def gone(zh: str, en: str) -> Row:
    """Make the row of a value that is not there, with its reason."""
    return {"value": None, "status": "not_computed", "reason_zh": zh, "reason_en": en}


def _cadence(period: str) -> str:
    return next(n for n in _FINEST_FIRST if re.fullmatch(_periods.PATTERNS[n], period))


@lru_cache(maxsize=4096)
def _start(period: str, zone: str) -> pd.Timestamp:
    """Give the first day of a period."""
    if "W" in period:
        day = pd.Timestamp.fromisocalendar(int(period[:4]), int(period[-2:]), 1)
    elif "H" in period:
        day = pd.Timestamp(int(period[:4]), 1 + 6 * (int(period[-1]) - 1), 1)
    elif "Q" in period:
        day = pd.Timestamp(int(period[:4]), 1 + 3 * (int(period[-1]) - 1), 1)
    else:
        day = pd.Timestamp(period + "-01" * (2 - period.count("-")))
    return day.tz_localize(zone)


def ended(period: str, end: pd.Timestamp) -> bool:
    """Say whether a period had ended by ``end``."""
    cadence = _cadence(period)
    after = _periods.text(_periods.number(period, cadence) + 1, cadence)
    return _start(after, str(end.tz)) <= end


def _holding(day: pd.Timestamp, cadence: str) -> str:
    """Give the period of a cadence that a day lies in."""
    year, week, _ = day.isocalendar()
    return {
        "day": f"{day:%Y-%m-%d}",
        "week": f"{year:04d}-W{week:02d}",
        "month": f"{day:%Y-%m}",
        "quarter": f"{day.year:04d}-Q{day.quarter}",
        "half": f"{day.year:04d}-H{1 + (day.month > 6)}",
        "year": f"{day.year:04d}",
    }[cadence]


def _expected(span: Span, cadence: str) -> list[str]:
    """Give the periods of a cadence that begin within a window."""
    ends = (_holding(span[0], cadence), _holding(span[1] - pd.Timedelta("1h"), cadence))
    first, last = (_periods.number(p, cadence) for p in ends)
    zone = str(span[0].tz)
    every = [_periods.text(place, cadence) for place in range(first, last + 1)]
    return [p for p in every if _start(p, zone) >= span[0]]


def span_of(c: Community, measure: Mapping[str, Any]) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    """Give the window of an entry: ``last_n_months`` before the end of this wave's records."""
    wave = records.window(c, c.wave)
    named = measure.get("window")
    if wave is None or not named:
        return wave
    months = int(str(named).removeprefix("last_").removesuffix("_months"))
    return wave[1] - pd.DateOffset(months=months), wave[1]


def periods(c: Community, name: str, *, add: bool, monthly: bool = False) -> pd.DataFrame:
    """Give :func:`by_period` of a measurement of the unit, of months alone if so wished."""
    frame = c.tables["measurements"]
    told = c.once(
        ("by period", name, add), lambda: by_period(frame[frame["indicator"].eq(name)], add=add)
    )
    if monthly:
        return told[told["period"].str.fullmatch(_MONTH)].reset_index(drop=True)
    return told.copy(deep=False)


def measurement(c: Community, measure: Mapping[str, Any], span: Span | None) -> Row:
    """Compute the value of an indicator that rests on ``measurements``.

    ``span`` is the entry's window, else the wave's months of records. ``last`` and changes without
    a window look at everything up to its end.
    """
    if not c.has("measurements"):
        return gone("没有监测数据", "there are no measurements")
    statistic, zone = measure["statistic"], c.settings["timezone"]
    told = periods(c, measure["measurement"], add=statistic in _ADDED)
    if told.empty:
        return gone("窗口内没有数据", "no value in the window")
    names = told["period"].tolist()
    starts = [_start(p, zone) for p in names]
    open_ended = statistic in {"last", "change_rel", "change_pp"} and not measure.get("window")
    needed = ["numerator", "denominator"] if statistic == "ratio_of_sums" else ["figure"]
    known = told[needed].notna().all(axis=1).tolist()
    cadence = {
        i: _cadence(names[i])
        for i, at in enumerate(starts)
        if known[i] and (span is None or (at < span[1] and (open_ended or at >= span[0])))
    }
    if not cadence:
        return gone("窗口内没有数据", "no value in the window")
    there = {names[i]: how for i, how in cadence.items()}
    chosen = _chosen(there, None if open_ended and statistic != "last" else span)
    if chosen is None:
        return gone(
            "各期长短不一（如既有年又有月），且没有一种覆盖整个窗口",
            "periods of different length are mixed and none covers the whole window",
        )
    order = sorted((i for i, how in cadence.items() if how == chosen), key=lambda i: starts[i])
    told = told.iloc[order]
    wanted = _expected(span, chosen) if span is not None else list(told["period"])
    return _value(c, told, starts[order[-1]], measure, span, (chosen, wanted))


def _chosen(there: Mapping[str, str], span: Span | None) -> str | None:
    """Give the cadence of the periods to use: the only one, else the finest over the window."""
    found = [name for name in _FINEST_FIRST if name in there.values()]
    if len(found) == 1:
        return found[0]
    for name in found if span is not None else ():
        wanted = _expected(span, name) if span is not None else []
        if wanted and set(wanted) <= set(there):
            return name
    return None


def _value(
    c: Community,
    told: pd.DataFrame,
    last: pd.Timestamp,
    measure: Mapping[str, Any],
    span: Span | None,
    expected: tuple[str, list[str]],
) -> Row:
    statistic, figure, periods = measure["statistic"], told["figure"], list(told["period"])
    row: Row = {"n": len(told), "method": f"records.{statistic}"}
    row["period"] = periods[0] if len(periods) == 1 else f"{periods[0]}..{periods[-1]}"
    if statistic == "last":
        row |= {"value": float(figure.iloc[-1]), "period": periods[-1], "n": 1}
        return row | _old(c, last, periods[-1])
    if statistic in {"change_rel", "change_pp"}:
        return row | _change(statistic, figure)
    missing = [p for p in expected[1] if p not in set(periods)]
    zh = f"窗口内应有{len(expected[1])}期，缺{len(missing)}期：{_some(missing)}"
    en = (
        f"{len(missing)} of the {len(expected[1])} periods of the window are missing: "
        f"{_some(missing)}"
    )
    if statistic in _ADDED:
        if missing:
            return gone(f"{zh}；缺期时合计会偏小", f"{en}; the sum would be too small")
        if span is not None and not _fits(span, expected[0]):
            return gone("各期与窗口的起止不吻合", "the periods do not fit the ends of the window")
        return row | _added(c, statistic, float(figure.sum()), span)
    if missing:
        row |= {"status": "low_precision", "reason_zh": zh, "reason_en": en}
    if statistic == "mean":
        return row | {"value": float(figure.mean())}
    top, bottom = float(told["numerator"].sum()), float(told["denominator"].sum())
    if not bottom > 0:
        return gone("分母不大于零", "the denominator is not above zero")
    return row | {"value": top / bottom, "numerator": top, "denominator": bottom}


def _some(periods: list[str]) -> str:
    return ", ".join(periods[:6]) + (" …" if len(periods) > 6 else "")


def _fits(span: Span, cadence: str) -> bool:
    """Say whether a window begins and ends with periods of a cadence; weeks cannot."""
    if cadence == "week":
        return True
    zone = str(span[0].tz)
    return all(_start(_holding(day, cadence), zone) == day for day in span)


def _old(c: Community, start: pd.Timestamp, period: str) -> Row:
    """Mark a last value that is older than the wave's months of records."""
    wave = records.window(c, c.wave)
    if wave is None or start >= wave[0] or _ends_within(period, wave):
        return {}
    return {
        "status": "low_precision",
        "reason_zh": f"最近的数值是{period}的，早于本期记录的月份",
        "reason_en": f"the latest value is of {period}, before this wave's months of records",
    }


def _ends_within(period: str, wave: Span) -> bool:
    """Say whether a period that began before the wave reaches into it."""
    cadence = _cadence(period)
    after = _periods.text(_periods.number(period, cadence) + 1, cadence)
    return _start(after, str(wave[0].tz)) > wave[0]


def _change(statistic: str, figure: pd.Series) -> Row:
    if len(figure) < 2:
        return gone("只有一期，不能计算变化", "one period only: there is no change to compute")
    first, last = float(figure.iloc[0]), float(figure.iloc[-1])
    if statistic == "change_pp":
        return {"value": last - first}
    if first == 0:
        return gone("首期为零，相对变化没有意义", "the first value is 0: no relative change")
    return {"value": last / first - 1}


def _added(c: Community, statistic: str, total: float, span: Span | None) -> Row:
    if statistic == "sum":
        return {"value": total}
    households = c.unit.get("households")
    if not households or span is None:
        return gone("没有户数或窗口", "households or the window are not known")
    told = to_rows(
        change.rate(total, households=float(households), years=records.years(span), level=c.level)
    )[0]
    names = "value unit std_error ci_low ci_high level n numerator denominator method status flags"
    row = {str(n): told.get(n) for n in [*names.split(), "reason_zh", "reason_en"]}
    # every case of the months is in the series: counted, not sampled
    return row | {"known_low": row["value"], "known_high": row["value"]}
