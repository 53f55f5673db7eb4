"""Periods as they are written in the tables, as whole numbers that can be counted on."""

from __future__ import annotations

import datetime as dt
import re

from workbench.scoring._frames import refuse

PATTERNS = {
    "year": r"(\d{4})",
    "half": r"(\d{4})-H([12])",
    "quarter": r"(\d{4})-Q([1-4])",
    "month": r"(\d{4})-(0[1-9]|1[0-2])",
    "week": r"(\d{4})-W(0[1-9]|[1-4]\d|5[0-3])",
    "day": r"(\d{4})-(\d{2})-(\d{2})",
}
_PER_YEAR = {"half": 2, "quarter": 4, "month": 12}


def number(period: str, cadence: str) -> int:
    """Place of a period on the axis of its cadence; refuses what is not written as agreed."""
    match = re.fullmatch(PATTERNS[cadence], period)
    try:
        if match:
            parts = [int(p) for p in match.groups()]
            if cadence == "year":
                return parts[0]
            if cadence == "day":
                return dt.date(*parts).toordinal()
            if cadence == "week":
                return dt.date.fromisocalendar(parts[0], parts[1], 1).toordinal() // 7
            return parts[0] * _PER_YEAR[cadence] + parts[1] - 1
    except ValueError:
        pass
    raise refuse(
        "period",
        f"期间 {period!r} 的写法与频率 {cadence} 不符",
        f"the period {period!r} is not written as a {cadence}",
        column="period",
        expected=PATTERNS[cadence],
        found=period,
    )


def text(place: int, cadence: str) -> str:
    """Write the period at a place."""
    if cadence == "year":
        return f"{place:04d}"
    if cadence == "day":
        return dt.date.fromordinal(place).isoformat()
    if cadence == "week":
        year, week, _ = dt.date.fromordinal(place * 7 + 1).isocalendar()
        return f"{year:04d}-W{week:02d}"
    year, part = divmod(place, _PER_YEAR[cadence])
    mark = {"half": "H", "quarter": "Q", "month": ""}[cadence]
    return f"{year:04d}-{mark}{part + 1:0{2 if cadence == 'month' else 1}d}"


def month_of(place: int, cadence: str) -> int | None:
    """Return the calendar month of a period, where it has one."""
    if cadence == "month":
        return place % 12 + 1
    return dt.date.fromordinal(place).month if cadence == "day" else None
