"""What a unit's notebook says of the handling of requests: rates, working days, equal times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from workbench import assess, calendars, protocol, scoring
from workbench.assess.requested import requested
from workbench.community import Community
from workbench.study.settings import Handling

ZONE = "Asia/Shanghai"
BEGIN = pd.Timestamp("2026-09-30 16:00", tz=ZONE)  # seven days of holiday follow
HOLIDAYS = {day.isoformat(): works for day, works in calendars.load().days.items()}


def unit(register_: pd.DataFrame, /, **settings: Any) -> Community:
    told: dict[str, Any] = {
        "community": "U",
        "wave": "b",
        "issued": "2026-12-20",
        "timezone": ZONE,
        "waves": [{"id": "b", "records": ["2026-05", "2026-10"]}],
        "decisions": {"level": 0.95, "min_cell": 3},
        "extracts": {"requests": "2026-11-30T00:00:00+08:00"},
        "measures": {},
        "codebook": {},
    } | settings
    home = pd.DataFrame({"community": ["U"], "households": [1000.0]})
    return Community(
        Path(), told, {"requests": register_, "communities": home}, protocol.load("participation")
    )


def register(hours: list[float | None], **columns: Any) -> pd.DataFrame:
    """Requests received at one moment, answered after so many hours and closed a day later."""
    answered = pd.Series(
        pd.DatetimeIndex(
            [pd.NaT if h is None else BEGIN + pd.Timedelta(hours=h) for h in hours], tz=ZONE
        )
    )
    frame = pd.DataFrame(
        {"request": [f"r{i}" for i in range(len(hours))], "kind": "need", "received": BEGIN,
         "assigned": BEGIN, "answered": answered, "closed": answered + pd.Timedelta(days=1),
         "due": BEGIN + pd.Timedelta(hours=24), "outcome": "resolved", "satisfied": None,
         "duplicate_of": None, "set_aside": False}
    )  # fmt: skip
    frame.loc[answered.isna(), "outcome"] = None
    return frame.assign(**columns)


def found(c: Community) -> pd.DataFrame:
    return assess.requests(c).set_index("finding")


def test_the_rates_are_those_of_the_public_estimator_with_duplicates_left_out() -> None:
    frame = register([1.0, 2.0, 30.0, None])
    frame.loc[1, "duplicate_of"] = "r0"
    frame["satisfied"] = ["true", None, None, None]
    c = unit(frame)
    told = found(c)
    row = told.loc["requests.in_time.current"]
    assert (row["numerator"], row["denominator"]) == (1, 3)
    assert "重复1件" in row["reason_zh"]
    direct = scoring.handling_rates(frame, drawn=pd.Timestamp("2026-11-30", tz=ZONE))
    names = ["in_time", "resolved", "called_back"]
    assert (
        told.loc[[f"requests.{n}.current" for n in names], "value"].tolist()
        == (direct["value"].tolist()[:3])
    )
    # one resident called back: nobody's answer is told
    hidden = told.loc["requests.satisfied.current"]
    assert hidden["status"] == "suppressed"
    assert hidden[["value", "n", "numerator", "denominator", "ci_low"]].isna().all()
    text = told.loc["requests.treatment"]
    for word in ("重复", "不予受理", "撤回", "尚未到期", "到期未办结"):
        assert word in text["display_zh"]
    for word in ("duplicates", "rejected and withdrawn", "not yet due", "open ones"):
        assert word in text["display_en"]


def test_rates_stand_by_kind_and_small_kinds_cannot_be_worked_out() -> None:
    hours = [1.0] * 5 + [30.0] * 3 + [2.0] * 4 + [1.0] * 2
    kinds = ["complaint"] * 8 + ["need"] * 4 + ["dispute"] * 2
    frame = register(hours, kind=kinds)
    frame.loc[13, "duplicate_of"] = "r12"
    told = found(unit(frame))
    kind = told.loc["requests.in_time.current.kind=complaint"]
    assert (kind["numerator"], kind["denominator"], kind["subgroup"]) == (5, 8, "kind=complaint")
    assert kind["label_zh"].endswith("，投诉")
    assert kind["label_en"].endswith(", complaints")
    # one dispute is too few; needs, the next smallest, follow it
    for name, flag in (("dispute", "disclosure"), ("need", "disclosure_complementary")):
        row = told.loc[f"requests.in_time.current.kind={name}"]
        assert (row["status"], row["flags"]) == ("suppressed", flag)
        assert row[["value", "n", "numerator", "denominator", "ci_low", "ci_high"]].isna().all()
        assert "受访者" not in row["reason_zh"]
    # nobody was called back: no kind is large enough for a rate, and none is printed
    assert not [n for n in told.index if n.startswith("requests.satisfied.current.kind")]
    same = found(unit(register([1.0] * 5)))
    assert not [n for n in same.index if "kind=" in n]


@pytest.mark.parametrize(
    ("within", "met"),
    [
        ("due", 1),
        ({"hours": 100}, 2),
        ({"working_days": 1}, 3),  # until the end of 8 October
        ({"working_hours": 10}, 3),
        ({"working_hours": 2}, 2),
    ],
)
def test_a_limit_runs_by_the_clock_or_by_the_working_calendar(within: Any, met: int) -> None:
    """Answered after 1 hour, on the third day of holiday, on 8 October at 14:00, and later."""
    told = Handling.model_validate({"within": within, "office": ["09:00", "17:30"]})
    c = unit(
        register([1.0, 72.0, 190.0, 600.0]),
        requests=told.model_dump(mode="json"),
        workdays=HOLIDAYS,
    )
    row = found(c).loc["requests.in_time.current"]
    assert (row["numerator"], row["denominator"]) == (met, 4)


def test_durations_by_the_working_calendar_leave_the_holidays_out() -> None:
    told = Handling.model_validate({"hours": "working"}).model_dump(mode="json")
    frame = register([190.0] * 3)
    by_clock = found(unit(frame)).loc["requests.km_median.current", "value"]
    c = unit(frame, requests=told, workdays=HOLIDAYS)
    rows = found(c)
    assert by_clock == pytest.approx((190 + 24) / 24)
    # 8 hours of 30 September, 8 October whole, 14 hours of 9 October
    assert rows.loc["requests.km_median.current", "value"] == pytest.approx((8 + 24 + 14) / 24)
    assert "3个工作日" in rows.loc["requests.km_72h.current", "label_zh"]
    assert "working calendar" in rows.loc["requests.treatment", "display_en"]
    assert assess.survival(c)["time"].max() == pytest.approx((8 + 24 + 14) / 24)


def test_an_indicator_may_count_working_hours() -> None:
    entry = {"channel": "record", "requests": {"kind": "need"}, "statistic": "median",
             "clock": "received..answered"}  # fmt: skip
    c = unit(register([190.0] * 3), workdays=HOLIDAYS)
    assert requested(c, entry)["value"] == pytest.approx(190)
    assert requested(c, entry | {"hours": "working"})["value"] == pytest.approx(8 + 14)


def test_a_year_that_the_calendar_does_not_know_is_named() -> None:
    told = Handling.model_validate({"within": {"working_days": 2}}).model_dump(mode="json")
    days = {d: w for d, w in HOLIDAYS.items() if not d.startswith("2026")}
    said = found(unit(register([1.0]), requests=told, workdays=days)).loc["requests.treatment"]
    assert "2026年的假期" in said["display_zh"]


def test_a_request_without_an_end_leaves_no_year_to_the_calendar() -> None:
    told = Handling.model_validate({"within": {"working_days": 2}}).model_dump(mode="json")
    said = found(unit(register([1.0, None]), requests=told, workdays=HOLIDAYS))
    assert "nan" not in said.loc["requests.treatment", "display_zh"]
    assert "2026" not in said.loc["requests.treatment", "display_en"]


def test_before_the_register_begins_nothing_is_counted() -> None:
    waves = [{"id": "a", "role": "baseline", "records": ["2025-11", "2026-04"]},
             {"id": "b", "records": ["2026-05", "2026-10"]}]  # fmt: skip
    drawn = {"requests": "2026-11-30T00:00:00+08:00"}
    zero = found(unit(register([1.0]), waves=waves, baseline="a", extracts=drawn))
    assert zero.loc["requests.count.baseline", "value"] == 0  # none in a time that is known
    assert "requests.rate_ratio" in zero.index
    first = drawn | {"requests.first": "2026-05-02T08:00:00+08:00"}
    told = found(unit(register([1.0]), waves=waves, baseline="a", extracts=first))
    assert told.loc["requests.count.baseline", "status"] == "not_computed"
    assert "2026-05-02" in told.loc["requests.count.baseline", "reason_en"]
    assert not {"requests.rate.baseline", "requests.rate_ratio"} & set(told.index)


@pytest.mark.parametrize(("equal", "verdict"), [(1, "passed"), (2, "failed")])
def test_equal_times_of_answer_and_closing_are_a_check_with_share_n_and_what_to_do(
    equal: int, verdict: str
) -> None:
    frame = register([5.0] * 6)
    frame.loc[: equal - 1, "closed"] = frame["answered"]
    frame.loc[5, "duplicate_of"] = "r0"  # is no case
    row = assess.record_checks(unit(frame)).set_index("finding").loc["records.same_time.requests"]
    assert (row["verdict"], row["n"], row["numerator"]) == (verdict, 5, equal)
    assert row["value"] == equal / 5
    assert ("next: hold ten" in row["reason_en"]) == (verdict == "failed")
    assert ("抽10件" in row["reason_zh"]) == (verdict == "failed")
