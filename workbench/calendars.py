"""Working days: where a time limit ends, by the calendar of the study.

A calendar is a CSV file ``date,kind,name,source`` with the holidays and the make-up working days of
whole years; every other Saturday and Sunday is free. ``cn`` is the bundled one (notices of the
General Office of the State Council, one a year).
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from dataclasses import dataclass
from pathlib import Path

from workbench import bundle
from workbench.errors import InputError, Problem

__all__ = ["Calendar", "Limit", "load"]

_COLUMNS = ["date", "kind", "name", "source"]
_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Limit:
    """The last day of a time limit.

    Attributes
    ----------
    last : date
        The last day; what comes on it is in time.
    counted : date
        The day to which the count led, before holidays were looked at.
    known : bool
        Whether the calendar covers the year: holidays of a year that is not published yet cannot be
        known, and a limit that ends in it is provisional.
    """

    last: dt.date
    counted: dt.date
    known: bool = True

    def late(self, day: dt.date) -> bool:
        """Say whether a day is after the last one."""
        return day > self.last


@dataclass(frozen=True)
class Calendar:
    """Days that are otherwise than their weekday says."""

    days: dict[dt.date, bool]
    """Day → whether it is worked on."""

    def covers(self, day: dt.date) -> bool:
        """Say whether the calendar knows the holidays of the day's year."""
        return any(known.year == day.year for known in self.days)

    def works(self, day: dt.date) -> bool:
        """Say whether a day is a working day."""
        return self.days.get(day, day.weekday() < 5)

    def limit(self, begin: dt.date, days: int) -> Limit:
        """Give the last day of a limit of calendar days.

        Parameters
        ----------
        begin : date
            The day on which it begins; it is not counted.
        days : int
            Calendar days, at least 1.

        Notes
        -----
        Civil Code of the People's Republic of China, art. 201: the day of the beginning is not
        counted; art. 203: where the last day is a statutory holiday, the day after the holiday is
        the last.

        Examples
        --------
        >>> calendar = load()
        >>> calendar.limit(dt.date(2026, 9, 16), 15).last.isoformat()  # 1 October is a holiday
        '2026-10-08'
        """
        if days < 1:
            raise ValueError("a time limit has at least one day")
        counted = last = begin + days * _DAY
        while not self.works(last):
            last += _DAY
        return Limit(last, counted, self.covers(last) and self.covers(counted))


def load(name: str | None = None, folder: Path | None = None) -> Calendar:
    """Read a calendar.

    Parameters
    ----------
    name : str, optional
        ``cn``, or a file of the study's own beside ``study.yaml``. None: weekends alone are free,
        and no limit is known for sure.
    folder : Path, optional
        Where the study's own file is.

    Raises
    ------
    InputError
        ``calendar.*``, every line that is wrong.
    """
    if name is None and folder is not None:
        return Calendar({})
    own = name not in (None, "cn")
    path = (folder or Path()) / str(name) if own else bundle.path("calendars") / "cn.csv"
    try:
        rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(
            _problem(path, None, "无法读取日历", "the calendar cannot be read", str(error))
        ) from error
    if not rows or rows[0][:2] != _COLUMNS[:2]:
        found = ",".join(rows[0]) if rows else ""
        raise InputError(_problem(path, None, "表头不对", "another header is expected", found))
    days: dict[dt.date, bool] = {}
    problems = []
    for n, row in enumerate(rows[1:], start=1):
        if not any(row):
            continue
        try:
            day = dt.date.fromisoformat(row[0])
            works = {"holiday": False, "workday": True}[row[1]]
            if day in days:
                raise ValueError("twice")
            days[day] = works
        except (ValueError, LookupError) as error:
            told = "日期、类别有误或重复", "no date, no such kind, or a day twice"
            problems.append(_problem(path, n, *told, f"{','.join(row[:2])} ({error})"))
    if problems:
        raise InputError(*problems)
    return Calendar(days)


def _problem(path: Path, row: int | None, zh: str, en: str, found: str) -> Problem:
    return Problem(
        code="calendar.file",
        file=path.name,
        row=row,
        zh=zh,
        en=en,
        expected=",".join(_COLUMNS) + "; kind: holiday | workday",
        found=found[:160],
        remedy_zh="按随附的 data/calendars/cn.csv 的格式书写",
        remedy_en="write it like the bundled data/calendars/cn.csv",
    )
