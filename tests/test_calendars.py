"""Where a time limit ends: holidays, make-up days, and years that nobody knows yet."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench import calendars
from workbench.errors import InputError

DAY = dt.date.fromisoformat


@pytest.mark.parametrize(
    ("begin", "last"),
    [
        ("2026-03-02", "2026-03-17"),  # the day of the beginning is not counted
        ("2026-09-16", "2026-10-08"),  # the last day falls on the first of seven holidays
        ("2026-02-13", "2026-02-28"),  # a Saturday that is worked on
        ("2026-08-29", "2026-09-14"),  # a Sunday like any other
        ("2026-09-05", "2026-09-20"),  # a Sunday that is worked on
    ],
)
def test_a_limit_ends_on_a_working_day(begin: str, last: str) -> None:
    limit = calendars.load().limit(DAY(begin), 15)
    assert (limit.last, limit.known) == (DAY(last), True)
    assert not limit.late(DAY(last))
    assert limit.late(DAY(last) + dt.timedelta(days=1))


def test_a_limit_in_a_year_without_notice_is_provisional(tmp_path: Path) -> None:
    calendar = calendars.load("cn")
    assert calendar.limit(DAY("2026-12-10"), 15).known
    assert not calendar.limit(DAY("2029-01-02"), 15).known
    assert not calendars.load(None, tmp_path).limit(DAY("2026-03-02"), 15).known


def test_every_make_up_day_is_a_weekend_and_every_year_has_its_seven_holidays() -> None:
    days = calendars.load().days
    assert all(day.weekday() >= 5 for day, works in days.items() if works)
    for year in {day.year for day in days}:
        free = [d for d, works in days.items() if d.year == year and not works]
        # the law's 11 days (13 since 2025) fall in every year, and exchanges only add weekends
        assert len(free) >= (13 if year > 2024 else 11)
        assert {dt.date(year, 1, 1), dt.date(year, 5, 1), dt.date(year, 10, 1)} <= set(free)


def test_a_calendar_of_ones_own_is_read_and_its_faults_are_told_together(tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    file.write_text("date,kind,name,source\n2031-05-04,holiday,x,y\n", encoding="utf-8")
    assert calendars.load("own.csv", tmp_path).limit(DAY("2031-04-19"), 15).last == DAY(
        "2031-05-05"
    )
    file.write_text("date,kind\n2031-13-01,holiday\n2031-05-04,maybe\n2031-05-05,holiday\n"
                    "2031-05-05,workday\n", encoding="utf-8")  # fmt: skip
    with pytest.raises(InputError) as caught:
        calendars.load("own.csv", tmp_path)
    assert [p.row for p in caught.value.problems] == [1, 2, 4]


# working hours and working days


def naive(calendar: calendars.Calendar, begin: pd.Timestamp, end: pd.Timestamp) -> float:
    """Working hours between 8:30 and 17:30, minute by minute."""
    minutes = pd.date_range(begin, end, freq="min", inclusive="left")
    works = [
        calendar.works(m.date()) and 8.5 * 60 <= m.hour * 60 + m.minute < 17.5 * 60 for m in minutes
    ]
    return sum(works) / 60


def test_working_hours_are_those_counted_minute_by_minute() -> None:
    calendar, rng = calendars.load(), np.random.default_rng(3)
    first = pd.Timestamp("2026-09-18", tz="Asia/Shanghai")  # a make-up Sunday and a week of holiday
    begin = pd.Series([first + pd.Timedelta(minutes=int(m)) for m in rng.integers(0, 30000, 12)])
    end = begin + pd.to_timedelta(rng.integers(0, 15000, 12), unit="min")
    found = calendar.elapsed(begin, end, office=(8.5, 17.5))
    wanted = [naive(calendar, a, b) for a, b in zip(begin, end, strict=True)]
    assert found.tolist() == pytest.approx(wanted)
    assert calendar.elapsed(end, begin, office=(8.5, 17.5)).tolist() == pytest.approx(
        [-w for w in wanted]
    )


def test_a_limit_of_working_hours_is_used_up_when_it_runs_out() -> None:
    calendar, rng = calendars.load(), np.random.default_rng(4)
    first = pd.Timestamp("2026-01-05")
    begin = pd.Series([first + pd.Timedelta(minutes=int(m)) for m in rng.integers(0, 400000, 40)])
    for hours in (0.5, 9.0, 24.0, 200.0):
        ends = calendar.due(begin, hours=hours, office=(8.5, 17.5))
        assert calendar.elapsed(begin, ends, office=(8.5, 17.5)).tolist() == pytest.approx(
            [hours] * 40
        )
    whole = calendar.due(begin, hours=48)
    assert calendar.elapsed(begin, whole).tolist() == pytest.approx([48.0] * 40)


@pytest.mark.parametrize(
    ("begin", "days", "last"),
    [
        ("2026-09-30 16:00", 1, "2026-10-08"),
        ("2026-09-18 09:00", 1, "2026-09-20"),  # Friday; the Sunday after is worked on
        ("2026-03-06 23:59", 3, "2026-03-11"),
        ("2026-03-07 10:00", 1, "2026-03-09"),  # received on a Saturday
    ],
)
def test_a_limit_of_working_days_ends_with_its_last_day(begin: str, days: int, last: str) -> None:
    told = pd.Series([pd.Timestamp(begin, tz="Asia/Shanghai"), pd.NaT])
    ends = calendars.load().due(told, days=days)
    assert ends[0] == pd.Timestamp(f"{last} 23:59:59", tz="Asia/Shanghai")
    assert ends.isna().tolist() == [False, True]


def test_working_hours_of_nothing_are_nothing_and_odd_limits_are_refused() -> None:
    calendar = calendars.load()
    nothing = pd.Series([pd.NaT], dtype="datetime64[ns]")
    assert calendar.elapsed(nothing, nothing).isna().all()
    assert calendar.due(nothing, days=2).isna().all()
    for wrong in ({}, {"hours": 0.0}, {"hours": 1.0, "days": 1}):
        with pytest.raises(ValueError, match="hours or days"):
            calendar.due(nothing, **wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="office"):
        calendar.elapsed(nothing, nothing, office=(18.0, 9.0))
