"""Draws pass over home units, declared interests and the untrained, and say so."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from workbench import scoring
from workbench.errors import InputError

START = dt.date(2026, 10, 8)
UNITS = pd.DataFrame(
    {"community": [f"A-{i}" for i in range(6)] + [f"B-{i}" for i in range(6)],
     "parent": ["A"] * 6 + ["B"] * 6}
)  # fmt: skip
ROLES = ("expert", "analyst", "resident")


def _people(n: int, **columns: list[object]) -> pd.DataFrame:
    rows = [
        {"assessor": f"{role[0]}{k}", "role": role, "team": f"T{k}", "home": "elsewhere",
         "interests": "none", "trained_on": "2026-06-01"}
        for k in range(n) for role in ROLES
    ]  # fmt: skip
    return pd.DataFrame(rows).assign(**columns)


def _rng(k: int = 1) -> np.random.Generator:
    return np.random.default_rng(k)


def test_every_unit_gets_one_whole_team_with_three_to_five_units():
    drawn, passed = scoring.draw_teams(_people(3), UNITS, rng=_rng(), by=START)
    assert drawn["community"].tolist() == sorted(UNITS["community"])
    assert drawn["team"].value_counts().tolist() == [4, 4, 4]
    assert passed.empty


def test_the_order_of_the_pool_does_not_matter_and_the_seed_does():
    one, _ = scoring.draw_teams(_people(3), UNITS, rng=_rng(), by=START)
    other, _ = scoring.draw_teams(
        _people(3).sample(frac=1, random_state=2), UNITS.iloc[::-1], rng=_rng(), by=START
    )
    pd.testing.assert_frame_equal(one, other)
    changed, _ = scoring.draw_teams(_people(3), UNITS, rng=_rng(2), by=START)
    assert changed["team"].tolist() != one["team"].tolist()


def test_who_lives_there_or_declared_an_interest_does_not_go_there():
    people = _people(4)
    people.loc[0, "home"] = "A-0"
    people.loc[4, "home"] = "B"
    people.loc[8, "interests"] = "A-1；A-2"
    for k in range(20):
        drawn, passed = scoring.draw_teams(people, UNITS, rng=_rng(k), by=START)
        team = drawn.set_index("community")["team"]
        assert team["A-0"] != "T0"
        assert not team[[f"B-{i}" for i in range(6)]].eq("T1").any()
        assert "T2" not in {team["A-1"], team["A-2"]}
    told = passed.groupby("assessor")["code"].agg(set).to_dict()
    assert told == {"e0": {"home"}, "a1": {"home"}, "r2": {"interest"}}
    assert passed["reason_zh"].ne("").all()


def test_the_untrained_and_open_interests_break_their_team():
    people = _people(4)
    people.loc[0, "trained_on"] = None
    people.loc[3, "trained_on"] = "2026-10-09"
    people.loc[8, "interests"] = "配偶在物业公司任职"
    with pytest.raises(InputError, match=r"1 whole teams.*may not go: e0 no training"):
        scoring.draw_teams(people, UNITS, rng=_rng(), by=START)
    drawn, passed = scoring.draw_teams(people, UNITS.iloc[:5], rng=_rng(), by=START)
    assert set(drawn["team"]) == {"T3"}
    codes = set(zip(passed["assessor"], passed["code"], strict=True))
    assert {("e0", "untrained"), ("e1", "untrained"), ("r2", "interest_open")} <= codes
    assert set(passed.loc[passed["code"].eq("not_whole"), "team"]) == {"T0", "T1", "T2"}


def test_cross_inspection_takes_a_team_from_another_area_that_is_not_the_own_one():
    people = _people(3)
    people["home"] = people["team"].map({"T0": "A-5", "T1": "B-5", "T2": "C"})
    for k in range(20):
        drawn, _ = scoring.draw_teams(
            people, UNITS, rng=_rng(k), by=START, per_team=(1, 5), elsewhere=True,
            own={"A-0": "T1"}, only=["A-0", "B-1"],
        )  # fmt: skip
        team = drawn.set_index("community")["team"]
        assert team["A-0"] == "T2"
        assert team["B-1"] in {"T0", "T2"}


def test_teams_without_names_are_drawn_one_of_each_role():
    drawn, _ = scoring.draw_teams(_people(3).assign(team=None), UNITS, rng=_rng(), by=START)
    assert len(drawn.drop_duplicates("team")) == 3
    for role in ROLES:
        assert drawn.groupby("team")[role].nunique().eq(1).all()


def test_no_way_around_the_conflicts_is_refused():
    people = _people(1).assign(home="A-0")
    with pytest.raises(InputError, match="conflict"):
        scoring.draw_teams(people, UNITS.iloc[:3], rng=_rng(), by=START)


def test_ten_percent_are_rounded_up_and_every_unit_has_the_same_chance():
    names = [f"U{i}" for i in range(14)]
    assert len(scoring.draw_units(names, rng=_rng(), share=0.10)) == 2
    assert len(scoring.draw_units(names[:10], rng=_rng(), share=0.10)) == 1
    assert len(scoring.draw_units(names, rng=_rng(), share=1)) == 14
    counts = pd.Series(
        [u for k in range(3000) for u in scoring.draw_units(names, rng=_rng(k), share=0.10)]
    ).value_counts()
    expected = 3000 * 2 / 14
    assert (counts - expected).abs().max() < 5 * np.sqrt(expected)


def test_visits_are_shared_out_on_days_and_quarters_of_field_work():
    people = pd.DataFrame(
        {"assessor": ["m1", "m2", "m3", "e1"], "role": ["mystery"] * 3 + ["expert"],
         "home": ["A-0", None, None, None], "interests": None, "trained_on": "2026-01-01"}
    )  # fmt: skip
    people.loc[2, "trained_on"] = None
    days = [START + dt.timedelta(days=i) for i in range(10)]
    drawn, passed = scoring.draw_visits(people, UNITS, rng=_rng(), days=days, visits=2)
    assert len(drawn) == 24
    assert drawn["assessor"].value_counts().max() <= 13
    assert drawn.groupby("community")["date"].nunique().eq(2).all()
    assert "m1" not in set(drawn.loc[drawn["community"].eq("A-0"), "assessor"])
    assert set(drawn["date"]) <= {d.isoformat() for d in days}
    assert drawn["time"].between("08:00", "17:45").all()
    assert drawn["time"].str[-2:].isin(["00", "15", "30", "45"]).all()
    assert set(passed["assessor"]) == {"m1", "m3"}
    with pytest.raises(InputError, match="nobody may go"):
        scoring.draw_visits(people.iloc[[0, 2]], UNITS, rng=_rng(), days=days)
