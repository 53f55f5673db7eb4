"""A register of requests is counted: no sampling error, and what it leaves open is said."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from workbench import assess, protocol, survey
from workbench.assess.requested import requested
from workbench.assess.sample import Sample
from workbench.community import Community

ind: Any = import_module("workbench.assess.indicators")
ZONE = "Asia/Shanghai"
DRAWN = pd.Timestamp("2026-11-30", tz=ZONE)
SHARE = {"channel": "record", "requests": {"kind": "suggestion"}, "statistic": "share",
         "where": {"answered": True}, "open": "unresolved", "factor": 100.0}  # fmt: skip
WITHIN = {"channel": "record", "requests": {"kind": "need"}, "statistic": "share_within",
          "clock": "received..closed", "within_hours": 72}  # fmt: skip
MEDIAN = {"channel": "record", "requests": {"kind": "need"}, "statistic": "median",
          "clock": "received..answered"}  # fmt: skip


def _register(hours: list[float | None], *, kind: str = "need", **columns: Any) -> pd.DataFrame:
    """Cases received on the first of July, answered and closed after so many hours."""
    at = pd.Timestamp("2026-07-01", tz=ZONE)
    end = [pd.NaT if h is None else at + pd.Timedelta(hours=h) for h in hours]
    ends = pd.Series(pd.DatetimeIndex(end, tz=ZONE))
    frame = pd.DataFrame(
        {"request": [f"r{i}" for i in range(len(hours))], "kind": kind, "received": at,
         "answered": ends, "closed": ends, "due": at + pd.Timedelta(hours=72),
         "outcome": ["resolved" if h is not None else None for h in hours], "duplicate_of": None,
         "set_aside": False}
    )  # fmt: skip
    return frame.assign(**columns)


def _unit(requests: pd.DataFrame, measures: dict[str, Any], **settings: Any) -> Community:
    told = {
        "community": "U",
        "wave": "b",
        "issued": "2026-12-20",
        "timezone": ZONE,
        "unit": "community",
        "waves": [{"id": "b", "records": ["2026-06", "2026-11"]}],
        "decisions": {"level": 0.95, "target": "lower", "gate": "lower"},
        "extracts": {"requests": DRAWN.isoformat()},
        "measures": measures,
        "scope": list(measures),
        "codebook": {},
    } | settings
    home = pd.DataFrame({"community": ["U"], "households": [1000.0]})
    return Community(
        Path(), told, {"requests": requests, "communities": home}, protocol.load("participation")
    )


def _judged(requests: pd.DataFrame, slug: str, measure: dict[str, Any]) -> Any:
    c = _unit(requests, {slug: measure})
    found = ind.indicators(c, cast(Sample, None)).set_index("finding")
    return found.loc[f"indicator.{slug}"]


def test_eight_of_eight_meet_a_target_of_all() -> None:
    row = _judged(_register([5.0] * 8, kind="suggestion"), "feedback_completeness", SHARE)
    assert (row["value"], row["verdict"], row["decision"]) == (1.0, "met", "met")
    assert (row["attainment"], row["attainment_se"]) == (1.0, 0.0)
    # the interval of so few cases stands beside it and decides nothing
    low, high = survey.binomial_interval(8, 8, level=0.95)
    assert (row["ci_low"], row["ci_high"]) == (low, high)
    assert "完整" in row["reason_zh"]
    assert "judged by what happened" in row["reason_en"]


def test_seven_of_eight_miss_it_and_a_sample_cannot_tell() -> None:
    seven = _register([5.0] * 7 + [None], kind="suggestion")
    assert _judged(seven, "feedback_completeness", SHARE)["verdict"] == "not_met"
    eight = _register([5.0] * 8, kind="suggestion")
    drawn = _judged(eight, "feedback_completeness", {**SHARE, "cases": "sample"})
    assert (drawn["value"], drawn["verdict"]) == (1.0, "cannot_tell")


def test_a_time_that_a_check_set_aside_leaves_the_target_open() -> None:
    """Seven answered, one whose time is impossible: between 7 and 8 of 8."""
    told = _register([5.0] * 7 + [None], kind="suggestion")
    told.loc[7, "set_aside"] = True
    row = _judged(told, "feedback_completeness", SHARE)
    assert (row["known_low"], row["known_high"]) == (7 / 8, 1.0)
    assert row["verdict"] == "cannot_tell"
    assert "87.5%" in row["reason_zh"]
    assert "100.0%" in row["reason_en"]


def test_a_closed_case_without_an_outcome_is_unknown_and_an_open_one_is_not() -> None:
    entry = {"channel": "record", "requests": {"kind": "need"}, "statistic": "share",
             "where": {"outcome": "resolved"}, "open": "unresolved"}  # fmt: skip
    frame = _register([5.0, 5.0, 5.0, None])
    frame.loc[2, "outcome"] = None
    row = requested(_unit(frame, {}), entry)
    # two resolved, one unknown, one open: 2 of the 3 that are known, between 2/4 and 3/4
    assert (row["numerator"], row["denominator"]) == (2, 3)
    assert (row["known_low"], row["known_high"], row["unknown"]) == (0.5, 0.75, 1)


@pytest.mark.parametrize(
    ("hours", "value", "low", "high"),
    [
        ([10, 20, 30], 20, 20, 20),
        ([10, 20, 30, 40], 25, 25, 25),
        ([10, 20, 30, None], 25, 25, 25),  # open since July: later than all others
        ([10, 20, None], 20, 20, 20),
    ],
)
def test_the_median_of_a_register(
    hours: list[float | None], value: float, low: float, high: float
) -> None:
    row = requested(_unit(_register(hours), {}), MEDIAN)
    assert [row[n] for n in ("value", "known_low", "known_high")] == [value, low, high]
    assert row["unknown"] == 0


def test_the_median_lies_between_closed_now_and_never_closed() -> None:
    """Two closed after 10 and 90 hours, one received 50 hours before the extract is open."""
    frame = _register([10.0, 90.0, None])
    frame.loc[2, "received"] = DRAWN - pd.Timedelta(hours=50)
    row = requested(_unit(frame, {}), MEDIAN)
    assert [row["known_low"], row["known_high"]] == [50.0, 90.0]
    assert row["unknown"] == 1


def test_without_an_upper_end_the_target_is_not_taken_as_met_or_missed() -> None:
    """Most are open: the median has no upper end; it was once compared as if it were exact."""
    frame = _register([10.0, 20.0, 30.0, None, None, None])
    frame.loc[3:, "received"] = DRAWN - pd.Timedelta(hours=15)
    row = _judged(frame, "demand_response_hours", MEDIAN)  # target ≤72 hours
    assert row["verdict"] == "cannot_tell"
    assert "无上限" in row["reason_zh"]


@pytest.mark.parametrize(
    ("hours", "met", "unknown"),
    [([72.0, 73.0, 10.0], 2, 0), ([None, 10.0], 1, 0), ([71.0] * 4, 4, 0)],
)
def test_the_share_within_a_limit_counts_the_limit_in(
    hours: list[float | None], met: int, unknown: int
) -> None:
    row = requested(_unit(_register(hours), {}), WITHIN)
    assert (row["numerator"], row["denominator"]) == (met, len(hours))
    assert row["value"] == row["known_low"] == row["known_high"] == met / len(hours)
    assert row["unknown"] == unknown


def test_an_open_case_younger_than_the_limit_is_unknown() -> None:
    frame = _register([10.0, 80.0, None])
    frame.loc[2, "received"] = DRAWN - pd.Timedelta(hours=24)
    row = requested(_unit(frame, {}), WITHIN)
    ends = [row["known_low"], row["known_high"]]
    assert ends == pytest.approx([1 / 3, 2 / 3])
    assert row["unknown"] == 1
    assert row["known_low"] <= row["value"] <= row["known_high"]


def test_the_estimate_lies_within_what_the_register_leaves_open() -> None:
    rng = np.random.default_rng(3)
    for _ in range(60):
        n = int(rng.integers(2, 15))
        hours = [None if rng.random() < 0.4 else float(h) for h in rng.integers(1, 150, n)]
        hours[0] = 5.0
        frame = _register(hours)
        frame["received"] = [DRAWN - pd.Timedelta(hours=int(h)) if gone is None else start
                             for h, gone, start in zip(rng.integers(1, 150, n), hours,
                                                       frame["received"], strict=True)]  # fmt: skip
        for entry in (WITHIN, MEDIAN):
            row = requested(_unit(frame, {}), entry)
            if row["value"] is None or pd.isna(row["value"]):
                continue
            assert row["known_low"] <= row["value"] <= row["known_high"]


def test_a_count_over_the_year_is_no_estimate_either() -> None:
    """Two accidents among 1,000 households in half a year: 0.4, judged as 0.4."""
    entry = {"channel": "record", "requests": {"kind": "need"},
             "statistic": "per_100_households_year"}  # fmt: skip
    row = requested(_unit(_register([5.0, 6.0]), {}), entry)
    assert row["value"] == row["known_low"] == row["known_high"] == pytest.approx(0.4)
    assert row["ci_low"] < 0.4 < row["ci_high"]


def test_each_limit_of_time_counts_the_requests_it_is_about() -> None:
    """Needs are to be answered within 72 hours (T-14), disputes handled within 7 days (T-16)."""
    needs = _register([72.0, 73.0, 10.0, None])
    disputes = _register([24.0 * 7, 24.0 * 7 + 1], kind="dispute")
    told = assess.requests(
        _unit(pd.concat([needs, disputes], ignore_index=True), {}, baseline=None)
    )
    found = told.set_index("finding")
    need = found.loc["requests.limit.T-14"]
    assert (need["numerator"], need["denominator"], need["value"]) == (2, 4, 0.5)
    dispute = found.loc["requests.limit.T-16"]
    assert (dispute["numerator"], dispute["denominator"]) == (1, 2)
    assert "for reference" in dispute["label_en"]
    # limits of kinds that the register does not hold are not listed
    assert set(found.index[found.index.str.startswith("requests.limit.")]) == {
        "requests.limit.T-14", "requests.limit.T-16"}  # fmt: skip
