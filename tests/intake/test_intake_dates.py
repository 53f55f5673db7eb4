from __future__ import annotations

from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from workbench.intake import check
from workbench.intake.dates import parse_dates, parse_times

SHANGHAI, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("America/New_York")


def one(text, declared=None, zone=SHANGHAI):
    return parse_times(pd.Series([text], dtype="str"), declared, zone)


@pytest.mark.parametrize(
    ("text", "declared", "expected"),
    [
        ("2026-09-03 12:00:01", None, "2026-09-03T12:00:01+08:00"),
        ("2026/9/3 9:05", None, "2026-09-03T09:05:00+08:00"),
        ("2026-09-03T12:00:00Z", None, "2026-09-03T20:00:00+08:00"),
        ("2026-09-03T12:00:00+02:00", None, "2026-09-03T18:00:00+08:00"),
        ("2026年9月3日 12时30分", None, "2026-09-03T12:30:00+08:00"),
        ("2026年9月3日", None, "2026-09-03T00:00:00+08:00"),
        ("2026年9月3日 9时5分6秒", None, "2026-09-03T09:05:06+08:00"),
        ("2026年9月3日12时", None, "2026-09-03T12:00:00+08:00"),
        ("2026/9/3 下午 3:05", None, "2026-09-03T15:05:00+08:00"),
        ("2026-9-3 上午12:30:00", None, "2026-09-03T00:30:00+08:00"),
        ("3/9/2026 12:05:00 PM", "dmy", "2026-09-03T12:05:00+08:00"),
        ("２０２６－０９－０３", None, "2026-09-03T00:00:00+08:00"),
        ("20260903", None, "2026-09-03T00:00:00+08:00"),
        ("03/09/2026 08:00", "dmy", "2026-09-03T08:00:00+08:00"),
        ("09/03/2026 08:00", "mdy", "2026-09-03T08:00:00+08:00"),
        ("09/03/2026 08:00:00 PM", "%m/%d/%Y %I:%M:%S %p", "2026-09-03T20:00:00+08:00"),
    ],
)
def test_times_as_people_write_them(text, declared, expected):
    assert one(text, declared).values.tolist() == [expected]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("03/09/2026", "unclear"),
        ("31/12/2026", "unclear"),
        ("46268", "serial"),
        ("46268.5", "serial"),
        ("2026-13-01", "wrong"),
        ("2026-02-30", "wrong"),
        ("soon", "wrong"),
        ("0001-01-01", "wrong"),
    ],
)
def test_what_is_not_sure_is_never_guessed(text, kind):
    parsed = one(text)
    assert list(getattr(parsed, kind)) == [0]
    assert parsed.values.isna().all()


def test_the_hour_that_clocks_repeat_is_counted():
    parsed = one("2015-11-01 01:30", zone=NEW_YORK)
    assert (parsed.values[0], parsed.repeated) == ("2015-11-01T01:30:00-04:00", 1)


def test_the_hour_that_clocks_skip_is_counted():
    parsed = one("2015-03-08 02:30", zone=NEW_YORK)
    assert (parsed.values[0], parsed.skipped) == ("2015-03-08T03:00:00-04:00", 1)


def test_dates_drop_the_time_of_day_and_keep_missing():
    cells = pd.Series(["2026-09-03 23:59", None], dtype="str")
    parsed = parse_dates(cells, None)
    assert parsed.values[0] == "2026-09-03"
    assert parsed.values.isna().tolist() == [False, True]


def test_an_empty_column_stays_empty():
    cells = pd.Series([None, None], dtype="str")
    assert parse_times(cells, None, SHANGHAI).values.isna().all()
    assert parse_dates(cells, "%d/%m/%Y").values.isna().all()


def test_a_limit_without_a_time_of_day_runs_out_with_its_day() -> None:
    cells = pd.Series(["2026-05-03", "2026-05-03 10:00", "2026年5月3日", None], dtype="str")
    found = parse_times(cells, None, SHANGHAI, limits=True)
    end = "2026-05-03T23:59:59+08:00"
    assert found.values.dropna().tolist() == [end, "2026-05-03T10:00:00+08:00", end]
    assert found.date_only == 2


def test_a_step_without_a_time_of_day_on_the_day_of_receipt_is_not_impossible(folder) -> None:
    folder.write(
        "data/requests.csv",
        "request,community,kind,received,answered,closed\n"
        "r1,A-1,complaint,2026-05-01 10:00,2026-05-01,2026-05-01\n"  # on the day
        "r2,A-1,complaint,2026-05-01 10:00,2026-05-01 09:00,2026-05-03\n"  # an hour before; later
        "r3,A-1,complaint,2026-05-01,2026-05-01,2026-05-02\n"  # no time of day at all
        "r4,A-1,complaint,2026-05-02 10:00,2026-05-02 11:00,2026-05-01\n",  # the day before
    )
    report = check(folder.path)
    tables = folder.build()
    frame = tables.frames["requests"].set_index("request")
    end = "2026-05-01T23:59:59+08:00"
    assert frame.loc["r1", ["answered", "closed"]].tolist() == [end, end]
    assert frame.loc["r2", "closed"] == "2026-05-03T00:00:00+08:00"
    assert frame.loc["r3", ["answered", "closed"]].tolist() == [
        "2026-05-01T00:00:00+08:00",
        "2026-05-02T00:00:00+08:00",
    ]
    told = {e.en.partition(":")[0]: e.n for e in tables.log if e.code == "intake.same-day"}
    assert told == {"requests.csv answered": 1, "requests.csv closed": 1}
    early = [(p.row, p.column) for p in report.problems if p.code == "requests.order"]
    assert sorted(early) == [(2, "answered"), (4, "closed")]


def test_an_answer_on_the_last_day_is_in_time(folder) -> None:
    folder.write(
        "data/requests.csv",
        "request,community,kind,received,answered,due\n"
        "r1,A-1,complaint,2026-05-01 10:00,2026-05-03 15:00,2026-05-03\n",
    )
    tables = folder.build()
    row = tables.frames["requests"].iloc[0]
    assert row["answered"] < row["due"] == "2026-05-03T23:59:59+08:00"
    [entry] = [e for e in tables.log if e.code == "intake.date-only"]
    assert "end of the day" in entry.en
