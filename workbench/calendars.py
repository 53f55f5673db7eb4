"""Working days: where a time limit ends and how long something took, by the study's calendar.

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
from typing import TYPE_CHECKING, Any

from workbench import bundle
from workbench.errors import InputError, Problem

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["WHOLE_DAY", "Calendar", "Limit", "load"]

WHOLE_DAY = (0.0, 24.0)
"""Hours of a working day of which every one counts."""

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

    def elapsed(
        self,
        begin: pd.Series,
        end: pd.Series,
        *,
        office: tuple[float, float] = WHOLE_DAY,
    ) -> pd.Series:
        """Give the working hours from one moment to another.

        Parameters
        ----------
        begin, end : Series of datetimes
            Same index, with or without a zone; the hour of the clock on the wall counts. Missing
            gives missing.
        office : pair of float
            Hours of the day between which a working day is worked on, 0 to 24.

        Returns
        -------
        Series of float
            Hours; below 0 where ``end`` is before ``begin``.

        Examples
        --------
        >>> import pandas as pd
        >>> friday = pd.to_datetime(pd.Series(["2026-09-18 16:30"]))
        >>> sunday = pd.to_datetime(pd.Series(["2026-09-20 10:00"]))  # a make-up working day
        >>> load().elapsed(friday, sunday, office=(9, 17)).tolist()
        [1.5]
        """
        import pandas as pd

        marks = self._marks([begin, end], office)
        if marks is None:
            return pd.Series(float("nan"), index=begin.index)
        hours: pd.Series = marks.at(end) - marks.at(begin)
        return hours

    def due(
        self,
        begin: pd.Series,
        *,
        hours: float | None = None,
        days: int | None = None,
        office: tuple[float, float] = WHOLE_DAY,
    ) -> pd.Series:
        """Give the moment at which a limit of working hours or working days runs out.

        Parameters
        ----------
        begin : Series of datetimes
            Where the limit begins. Of a limit in days the day of the beginning is not counted, and
            it runs out with the last second of its last working day.
        hours, days
            Either of them: working hours (above 0) or whole working days (from 1).
        office
            As in :meth:`elapsed`.

        Returns
        -------
        Series of datetimes
            In the zone of ``begin``; missing where that is missing.

        Examples
        --------
        >>> import pandas as pd
        >>> told = pd.to_datetime(pd.Series(["2026-09-30 16:00"]))  # seven days of holiday follow
        >>> load().due(told, days=1).dt.strftime("%m-%d %H:%M:%S").tolist()
        ['10-08 23:59:59']
        >>> load().due(told, hours=2, office=(9, 17)).dt.strftime("%m-%d %H:%M").tolist()
        ['10-08 10:00']
        """
        import pandas as pd

        if (hours is None) == (days is None) or (hours or days or 0) <= 0:
            raise ValueError("either hours or days, above 0")
        if days is not None:
            length = days * 1.0
            local = begin.dt.normalize() + pd.Timedelta(days=1)
            marks = self._marks([local], (0.0, 1.0), ahead=length)
            if marks is None:
                return begin
            ends: pd.Series = marks.moment(marks.at(local) + length, zone=begin.dt.tz)
            until: pd.Series = ends.dt.normalize() + pd.Timedelta(days=1)
            return until - pd.Timedelta(seconds=1)
        assert hours is not None
        marks = self._marks([begin], office, ahead=hours)
        if marks is None:
            return begin
        return marks.moment(marks.at(begin) + hours, zone=begin.dt.tz)

    def _marks(
        self, moments: list[pd.Series], office: tuple[float, float], ahead: float = 0.0
    ) -> _Marks | None:
        """Lay out the days that some moments fall on, and so many as a limit may need more."""
        import numpy as np

        if not 0 <= office[0] < office[1] <= 24:
            raise ValueError("office hours lie between 0 and 24, the first before the last")
        given = [m.dropna() for m in moments]
        given = [m for m in given if len(m)]
        if not given:
            return None
        first = min(m.min() for m in given).date()
        last = max(m.max() for m in given).date()
        length = office[1] - office[0]
        more = int(ahead / length * 2) + 30 if ahead else 1
        days = [first + n * _DAY for n in range((last - first).days + 1 + more)]
        works = np.array([self.works(day) for day in days], dtype=float)
        return _Marks(first, works, np.concatenate([[0.0], np.cumsum(works * length)]), office)


@dataclass(frozen=True)
class _Marks:
    """Days in a row: whether each is worked on, and the working hours before it."""

    first: dt.date
    works: np.ndarray[Any, Any]
    before: np.ndarray[Any, Any]
    office: tuple[float, float]

    def at(self, moments: pd.Series) -> pd.Series:
        """Give the working hours before each moment; missing for none."""
        import numpy as np
        import pandas as pd

        local = moments.dt.tz_localize(None) if moments.dt.tz is not None else moments
        hours = ((local - pd.Timestamp(self.first)).dt.total_seconds() / 3600).to_numpy()
        known = ~np.isnan(hours)
        day = np.where(known, hours // 24, 0).astype(int)
        begin, end = self.office
        today = np.clip(hours - day * 24 - begin, 0.0, end - begin)
        return pd.Series(
            np.where(known, self.before[day] + self.works[day] * today, np.nan), moments.index
        )

    def moment(self, hours: pd.Series, *, zone: Any) -> pd.Series:
        """Give the moment at which so many working hours have gone by."""
        import numpy as np
        import pandas as pd

        wanted = hours.to_numpy()
        known = ~np.isnan(wanted)
        day = np.searchsorted(self.before[1:], np.where(known, wanted, 0.0), side="left")
        into = np.where(known, wanted, 0.0) - self.before[day] + self.office[0]
        seconds = np.round((day * 24 + into) * 3600, 3)
        local = pd.Timestamp(self.first) + pd.to_timedelta(pd.Series(seconds, hours.index), "s")
        local = local.where(pd.Series(known, hours.index))
        if zone is None:
            return local
        return local.dt.tz_localize(zone, ambiguous=True, nonexistent="shift_forward")


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
