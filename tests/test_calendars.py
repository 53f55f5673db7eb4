"""Where a time limit ends: holidays, make-up days, and years that nobody knows yet."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

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
