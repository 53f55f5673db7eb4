"""Durations with open cases."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from statsmodels.duration.hazard_regression import PHReg

from workbench import change
from workbench.errors import InputError


def naive_survival(t: np.ndarray, d: np.ndarray, at: float) -> float:
    """Product limit by a loop over the distinct times."""
    s = 1.0
    for time in sorted(set(t[d])):
        if time <= at:
            s *= 1 - ((t == time) & d).sum() / (t >= time).sum()
    return s


@pytest.fixture
def cases() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    t = rng.exponential(4, 80).round(1) + 0.1
    end = rng.uniform(1, 12, 80).round(1)
    return pd.DataFrame({"days": np.minimum(t, end), "closed": t <= end})


def test_the_share_closed_is_that_of_the_product_limit(cases: pd.DataFrame) -> None:
    made = change.kaplan_meier(cases, duration="days", closed="closed", within=[1, 3, 6])
    rows = made[made["statistic"] == "share_within"]
    t, d = cases["days"].to_numpy(), cases["closed"].to_numpy()
    for _, one in rows.iterrows():
        assert one["value"] == pytest.approx(1 - naive_survival(t, d, one["time"]), abs=1e-12)
        assert one["ci_low"] < one["value"] < one["ci_high"]


def test_without_open_cases_the_median_is_the_plain_one() -> None:
    frame = pd.DataFrame({"days": [3.0, 1.0, 2.0, 5.0, 4.0], "closed": True})
    made = change.kaplan_meier(frame, duration="days", closed="closed", tau=5)
    assert made.set_index("statistic").loc["median", "value"] == 3
    assert made.set_index("statistic").loc["rmst", "value"] == pytest.approx(3.0)


def test_times_give_durations_and_open_cases_are_censored_at_the_extract() -> None:
    frame = pd.DataFrame(
        {
            "received": [
                "2025-01-01T00:00:00",
                "2025-01-02",
                "2025-01-05",
                "2025-01-09",
                "2025-02-01",
            ],
            "closed": ["2025-01-03T00:00:00", None, "2025-01-04", "2025-01-20", None],
        }
    )
    made = change.durations(frame, start="received", end="closed", censored_at="2025-01-12")
    assert made["duration"].tolist() == [2.0, 10.0, 3.0]
    assert made["closed"].tolist() == [True, False, False]
    assert made.attrs == {"set_aside": 1, "opened_later": 1}


def test_aware_times_of_different_offsets_are_compared_in_utc() -> None:
    frame = pd.DataFrame({"a": ["2025-01-01T08:00:00+08:00"], "b": ["2025-01-01T02:00:00+00:00"]})
    made = change.durations(
        frame, start="a", end="b", censored_at="2025-01-02T00:00:00+08:00", unit="hours"
    )
    assert made["duration"].tolist() == [2.0]


def test_a_record_without_any_closing_time_is_all_open() -> None:
    frame = pd.DataFrame({"a": ["2025-01-01T08:00:00+08:00"] * 2, "b": [None, None]})
    made = change.durations(frame, start="a", end="b", censored_at="2025-01-03T00:00:00Z")
    assert made["duration"].tolist() == [2.0, 2.0]
    assert not made["closed"].any()


def test_a_zone_in_one_column_only_is_refused() -> None:
    frame = pd.DataFrame({"a": ["2025-01-01T08:00:00+08:00"], "b": ["2025-01-02T08:00:00"]})
    with pytest.raises(InputError) as caught:
        change.durations(frame, start="a", end="b", censored_at="2025-01-03")
    assert caught.value.problems[0].code == "change.zone"


def test_all_closed_before_the_limit_is_all_in_time() -> None:
    frame = pd.DataFrame({"d": [1.0, 2.0], "c": [True, True]})
    told = change.kaplan_meier(frame, duration="d", closed="c", within=[3.0])
    assert told.set_index("statistic").loc["share_within", "value"] == 1.0


@pytest.mark.parametrize(
    ("frame", "statistic", "word"),
    [
        (pd.DataFrame({"d": [1.0, 2.0], "c": [False, False]}), "median", "no case was closed"),
        (pd.DataFrame({"d": [1.0, 2.0, 9.0], "c": [True, False, False]}), "median", "half"),
        (pd.DataFrame({"d": [1.0, 2.0], "c": [True, False]}), "share_within", "followed"),
        (pd.DataFrame({"d": [], "c": []}), "median", "no case"),
    ],
)
def test_what_cannot_be_told_is_not_computed(
    frame: pd.DataFrame, statistic: str, word: str
) -> None:
    made = change.kaplan_meier(frame, duration="d", closed="c").set_index("statistic")
    assert made.loc[statistic, "status"] == "not_computed"
    assert math.isnan(made.loc[statistic, "value"])
    assert word in made.loc[statistic, "reason_en"]


def test_negative_durations_and_unreadable_times_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        change.kaplan_meier(pd.DataFrame({"d": [1.0, -2.0], "c": 1}), duration="d", closed="c")
    assert (caught.value.problems[0].code, caught.value.problems[0].row) == ("change.duration", 2)
    frame = pd.DataFrame({"a": ["2025-01-01", "yesterday"], "b": [None, None]})
    with pytest.raises(InputError) as caught:
        change.kaplan_meier(frame, start="a", end="b", censored_at="2025-02-01")
    assert (caught.value.problems[0].code, caught.value.problems[0].row) == ("change.time", 2)


def test_groups_are_kept_apart(cases: pd.DataFrame) -> None:
    frame = pd.concat([cases.assign(wave=1), cases.head(30).assign(wave=2)])
    made = change.kaplan_meier(frame, duration="days", closed="closed", by="wave")
    alone = change.kaplan_meier(cases.head(30), duration="days", closed="closed")
    two = made[made["wave"] == 2].set_index("statistic")
    assert two.loc["median", "value"] == alone.set_index("statistic").loc["median", "value"]


def test_swapping_periods_flips_the_difference_and_leaves_the_test(cases: pd.DataFrame) -> None:
    rng = np.random.default_rng(2)
    frame = cases.assign(period=rng.integers(0, 2, len(cases)))
    settings = {"duration": "days", "closed": "closed", "by": "period", "tau": 6.0}
    one = change.survival_change(frame, baseline=0, current=1, **settings).set_index("statistic")
    two = change.survival_change(frame, baseline=1, current=0, **settings).set_index("statistic")
    for name in ("share_within", "rmst"):
        assert one.loc[name, "value"] == pytest.approx(-two.loc[name, "value"], abs=1e-12)
    assert one.loc["log_rank", "value"] == pytest.approx(two.loc["log_rank", "value"], rel=1e-12)
    product = one.loc["hazard_ratio", "value"] * two.loc["hazard_ratio", "value"]
    assert product == pytest.approx(1, rel=1e-9)


@pytest.mark.shared
def test_real_requests_of_2015(shared) -> None:
    path = shared / "data/real/boston-311-2015/boston_311_2015.csv.gz"
    frame = pd.read_csv(path, usecols=["OPEN_DT", "CLOSED_DT"])
    for name in frame:
        frame[name] = pd.to_datetime(frame[name], format="%m/%d/%Y %I:%M:%S %p")
    cut = frame["CLOSED_DT"].max()
    assert str(cut) == "2016-01-12 22:22:40"
    made = change.kaplan_meier(frame, start="OPEN_DT", end="CLOSED_DT", censored_at=cut)
    made = made.set_index("statistic")["value"]
    assert len(frame) == 121_145
    assert made["open"] == 19_873
    assert made["set_aside"] == 197
    assert round(made["median"], 3) == 5.092
    assert round(made["closed_only_median"], 4) == 2.8111
    raw = (frame["CLOSED_DT"] - frame["OPEN_DT"]).dt.total_seconds() / 86400
    assert round(raw.median(), 4) == 2.7985


@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize(("n", "columns", "longest"), [(30, 1, 4), (200, 1, 9), (150, 3, 60)])
def test_cox_is_that_of_statsmodels(ties: str, n: int, columns: int, longest: int) -> None:
    rng = np.random.default_rng(n + columns)
    X = np.column_stack([rng.integers(0, 2, n), rng.normal(size=(n, columns - 1))]).astype(float)
    t = np.ceil(rng.uniform(0, longest, n) * np.exp(-0.5 * X[:, 0]))
    closed = rng.random(n) < 0.8
    fit = PHReg(t, X, status=closed.astype(int), ties=ties).fit(disp=0)
    made = change.cox(t, closed, X, ties=ties)
    assert made["coef"] == pytest.approx(fit.params[0], rel=1e-10)
    assert made["std_error"] == pytest.approx(fit.bse[0], rel=1e-10)


def test_cox_says_so_where_no_time_of_one_period_is_as_long_as_any_of_the_other() -> None:
    t = np.arange(1.0, 41.0)
    made = change.cox(t, np.ones(40, dtype=bool), (t > 20).astype(float)[:, None])
    assert made["status"] == "not_computed"
    assert "do not overlap" in made["reason_en"]
