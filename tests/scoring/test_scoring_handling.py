"""The three rates of a hotline, counted one by one; equal times of answer and closing."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from workbench import scoring, survey
from workbench.errors import InputError

DAY = pd.Timestamp("2026-05-01", tz="Asia/Shanghai")
DRAWN = DAY + pd.Timedelta(days=30)
LEFT_OUT = ["duplicates", "withdrawn", "rejected", "not_due", "no_due", "open", "partly",
            "set_aside", "no_outcome", "no_call"]  # fmt: skip


def case(answered=None, closed=None, due=3.0, outcome=None, satisfied=None, **more):
    """One request; times in days after receipt."""
    at = {k: pd.NaT if d is None else DAY + pd.Timedelta(days=d)
          for k, d in (("answered", answered), ("closed", closed), ("due", due))}  # fmt: skip
    told = {"received": DAY, **at, "outcome": outcome, "satisfied": satisfied}
    return told | {"duplicate_of": None, "set_aside": False} | more


def frame(*cases):
    out = pd.DataFrame(cases)
    for name in ("received", "answered", "closed", "due"):
        out[name] = pd.to_datetime(out[name], utc=True).dt.tz_convert("Asia/Shanghai")
    return out


def rates(data, **how):
    return scoring.handling_rates(data, drawn=DRAWN, **how).set_index("statistic")


def ratio(row):
    return row["numerator"], row["denominator"]


MIXED = frame(
    case(1, 2, outcome="resolved", satisfied="true"),
    case(5, 6, outcome="resolved", satisfied="false"),
    case(1, 2, outcome="partly", satisfied="true"),
    case(1, 2, outcome="unresolved"),
    case(1, 2, outcome="rejected"),
    case(1, 2, outcome="withdrawn"),
    case(1, 2, outcome="resolved", duplicate_of="r1"),
    case(),  # past its limit, open
    case(2, due=40.0),  # answered, not yet due
    case(due=40.0),  # not yet due
    case(1, 2),  # closed, nobody says how
    case(1, 2, due=None, outcome="resolved"),
)


def test_each_rate_has_its_numerator_and_its_denominator():
    found = rates(MIXED)
    assert ratio(found.loc["answered_in_time"]) == (4, 6)  # cases 1-4, 8, 11; late: 2 and 8
    assert ratio(found.loc["resolved"]) == (3, 6)  # cases 1-4, 8, 12; the closed one is unknown
    assert ratio(found.loc["called_back"]) == (3, 6)
    assert ratio(found.loc["satisfied"]) == (2, 3)
    row = found.loc["resolved"]
    assert (row["known_low"], row["known_high"], row["unknown"]) == (3 / 7, 4 / 7, 1)
    assert (row["ci_low"], row["ci_high"]) == survey.binomial_interval(3, 6, level=0.95)
    assert "重复1件" in row["reason_zh"]
    assert "1 duplicates" in row["reason_en"]


def test_what_is_left_out_and_the_denominator_are_all_requests():
    for how in ({}, {"open": "excluded", "partly": "excluded"}, {"rejected": "unresolved"}):
        found = rates(MIXED, **how)
        assert (found[LEFT_OUT].sum(axis=1) + found["denominator"]).tolist() == [len(MIXED)] * 4


@pytest.mark.parametrize(
    ("how", "resolved"),
    [
        ({"open": "excluded"}, (3, 5)),
        ({"partly": "resolved"}, (4, 6)),
        ({"partly": "excluded"}, (3, 5)),
        ({"rejected": "unresolved"}, (3, 7)),
        ({"withdrawn": "unresolved"}, (3, 7)),
    ],
)
def test_the_treatment_of_a_class_moves_the_rate_as_it_says(how, resolved):
    assert ratio(rates(MIXED, **how).loc["resolved"]) == resolved


def test_a_reply_by_the_clock_of_closing_is_another_rate():
    assert ratio(rates(MIXED, end="closed").loc["answered_in_time"]) == (4, 6)
    late = frame(case(1, 5, outcome="resolved"))
    assert ratio(rates(late).loc["answered_in_time"]) == (1, 1)
    assert ratio(rates(late, end="closed").loc["answered_in_time"]) == (0, 1)
    unanswered = frame(case(None, 2, outcome="resolved"))
    assert ratio(rates(unanswered).loc["answered_in_time"]) == (1, 1)


def test_an_impossible_time_leaves_the_rate_between_two_counts():
    row = rates(frame(case(1), case(1), case(set_aside=True))).loc["answered_in_time"]
    assert (ratio(row), row["known_low"], row["known_high"]) == ((2, 2), 2 / 3, 1.0)


def naive(data, open_, partly):
    """The shares in time and resolved, one request after another."""
    time, done = [], []
    for one in data.to_dict("records"):
        told = pd.notna(one["outcome"])
        if pd.notna(one["duplicate_of"]) or one["outcome"] in ("rejected", "withdrawn"):
            continue
        closed = pd.notna(one["closed"]) or told
        if pd.notna(one["due"]) and one["due"] > DRAWN:
            continue
        if pd.notna(one["due"]) and not one["set_aside"]:
            at = one["answered"] if pd.notna(one["answered"]) else one["closed"]
            time.append(pd.notna(at) and at <= one["due"])
        if not closed and (one["set_aside"] or open_ == "excluded"):
            continue
        if one["outcome"] == "partly" and partly == "excluded":
            continue
        if closed and not told:
            continue
        good = {"resolved", "partly"} if partly == "resolved" else {"resolved"}
        done.append(one["outcome"] in good)
    return (sum(time), len(time)), (sum(done), len(done))


def drawn_at_random(seed, n=150):
    rng = np.random.default_rng(seed)
    words = [None, "resolved", "partly", "unresolved", "rejected", "withdrawn"]
    return frame(*(
        case(
            rng.choice([None, 1.0, 4.0]), rng.choice([None, 2.0, 9.0]),
            rng.choice([None, 3.0, 60.0]), words[rng.integers(6)],
            [None, "true", "false"][rng.integers(3)],
            duplicate_of="r0" if rng.random() < 0.1 else None, set_aside=rng.random() < 0.1,
        )
        for _ in range(n)
    ))  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_the_rates_are_those_counted_one_by_one(seed):
    data = drawn_at_random(seed)
    for open_, partly in itertools.product(
        ("unresolved", "excluded"), ("unresolved", "resolved", "excluded")
    ):
        found = rates(data, open=open_, partly=partly)
        both = ratio(found.loc["answered_in_time"]), ratio(found.loc["resolved"])
        assert both == naive(data, open_, partly)


def test_order_and_more_duplicates_change_no_rate_and_groups_add_up():
    data = drawn_at_random(9).assign(kind=np.resize(["a", "b", "c"], 150))
    whole = rates(data)["value"]
    assert rates(data.sample(frac=1, random_state=1))["value"].equals(whole)
    twice = pd.concat([data, data.assign(duplicate_of="r1")], ignore_index=True)
    assert rates(twice)["value"].equals(whole)
    parts = scoring.handling_rates(data, drawn=DRAWN, by="kind")
    assert list(parts["kind"].unique()) == ["a", "b", "c"]
    sums = parts.groupby("statistic")[["numerator", "denominator"]].sum()
    assert (sums == rates(data).loc[sums.index, ["numerator", "denominator"]]).all(axis=None)


def test_a_register_that_does_not_tell_is_not_computed():
    found = rates(pd.DataFrame({"received": [DAY] * 3, "closed": [DAY, DAY, pd.NaT]}))
    assert found["status"].tolist() == ["not_computed"] * 4
    assert found["value"].isna().all()
    assert "没有一件诉求写明办理结果" in found.loc["resolved", "reason_zh"]
    assert "nobody was called back" in found.loc["called_back", "reason_en"]


def test_scores_count_as_satisfied_only_from_a_threshold_that_is_said():
    data = frame(*(case(1, 2, outcome="resolved", satisfied=s) for s in ("5", "4", "3", None)))
    with pytest.raises(InputError) as caught:
        rates(data)
    assert caught.value.problems[0].column == "satisfied"
    assert ratio(rates(data, satisfied_from=4).loc["satisfied"]) == (2, 3)


@pytest.mark.parametrize(
    "how", [{"open": "closed"}, {"partly": "half"}, {"rejected": "no"}, {"end": "due"}]
)
def test_an_unknown_treatment_is_refused(how):
    with pytest.raises(InputError):
        rates(MIXED, **how)


# equal times


def times(equal, other, hour=10):
    at = [DAY + pd.Timedelta(hours=hour)] * (equal + other)
    later = [t + pd.Timedelta(hours=0 if i < equal else 5) for i, t in enumerate(at)]
    return pd.DataFrame({"answered": at, "closed": later})


@pytest.mark.parametrize(("equal", "verdict"), [(2, "passed"), (3, "failed"), (10, "failed")])
def test_more_than_a_fifth_of_equal_times_fails(equal, verdict):
    row = scoring.same_times(times(equal, 10 - equal)).iloc[0]
    assert (row["value"], row["numerator"], row["n"]) == (equal / 10, equal, 10)
    assert row["verdict"] == verdict
    assert (row["ci_low"], row["ci_high"]) == survey.binomial_interval(equal, 10, level=0.95)


def test_open_requests_are_no_cases_of_it_and_days_cannot_tell():
    data = pd.concat([times(3, 7), times(5, 0).assign(closed=pd.NaT)], ignore_index=True)
    data["closed"] = pd.to_datetime(data["closed"], utc=True).dt.tz_convert("Asia/Shanghai")
    assert scoring.same_times(data).iloc[0]["n"] == 10
    days = pd.DataFrame({"answered": [DAY] * 4, "closed": [DAY] * 3 + [DRAWN]})
    assert scoring.same_times(days).iloc[0]["verdict"] == "cannot_tell"
    none = scoring.same_times(data.iloc[10:]).iloc[0]
    assert (none["status"], none["n"]) == ("not_computed", 0)


def test_a_period_without_requests_has_every_column_of_the_contract():
    none = MIXED.iloc[:0]
    full = scoring.handling_rates(MIXED, drawn=DRAWN)
    empty = scoring.handling_rates(none, drawn=DRAWN)
    assert list(empty.columns) == list(full.columns)
    assert set(empty["status"]) == {"not_computed"}
    assert empty[["value", "ci_low", "ci_high", "known_low", "known_high"]].isna().all().all()
    pair = ["answered", "closed"]
    assert {"ci_low", "ci_high"} <= set(scoring.same_times(none[pair]).columns)
