"""Signs of invented interviews: planted ones are found, honest ones let be, at stated rates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench import survey
from workbench.errors import InputError

ITEMS = (
    "overall property sanitation safety parking elderly facilities committee culture notices"
).split()


@pytest.fixture(scope="module")
def simulated(shared: Path) -> pd.DataFrame:
    folder = shared / "reference" / "survey"
    flags = pd.read_csv(folder / "sat_a_flags.csv")
    return pd.read_csv(folder / "sat_a.csv").merge(flags, on="rid", validate="one_to_one")


def _honest(rng: np.random.Generator, n: int, k: int = 10) -> pd.DataFrame:
    """Answers with a common mood, as residents give them."""
    mood = rng.normal(0, 0.9, n)[:, None]
    x = np.clip(np.round(3.6 + mood + rng.normal(0, 0.9, (n, k))), 1, 5)
    return pd.DataFrame(x, columns=[f"q{i}" for i in range(k)])


@pytest.mark.shared
def test_simulated_fabrications_are_found_at_the_stated_rates(simulated: pd.DataFrame) -> None:
    """docs/methods/fieldwork.md states these: 60 of 62, 22 of 3,118 (13 of them of the same
    interviewer), none of 2,972 in the wave without fabrications."""
    told = survey.near_identical(simulated, ITEMS, "interviewer", within="wave")
    hit = told["near_identical"]
    made = simulated["fabricated"].eq(1)
    first, second = simulated["wave"].eq(1), simulated["wave"].eq(2)
    assert (int((hit & made).sum()), int(made.sum())) == (60, 62)
    assert (int((hit & second & ~made).sum()), int((second & ~made).sum())) == (22, 3118)
    assert int((hit & second & simulated["interviewer"].ne("I07")).sum()) == 9
    assert int((hit & first).sum()) == 0
    for wave, expected in ((first, []), (second, ["I07"])):
        table = survey.groups_compared(
            pd.DataFrame({"near": hit[wave]}), simulated.loc[wave, "interviewer"]
        )
        assert table.loc[table["flags"].eq("stands_out"), "group"].tolist() == expected


@pytest.mark.shared
def test_speeders_and_straight_lines_are_found_at_the_stated_rates(simulated: pd.DataFrame) -> None:
    told = survey.data_quality(simulated, ITEMS, within="wave", duration="duration_s")
    fast, speeders = told["speeding"], simulated["speeder"].eq(1)
    assert (int((fast & speeders).sum()), int(speeders.sum())) == (130, 130)
    assert (int((fast & ~speeders).sum()), int((~speeders).sum())) == (33, 6022)
    flat = told["straightlined"] & told["answered"].ge(5)
    lines = simulated["straightlined"].eq(1)
    assert (int((flat & lines).sum()), int(lines.sum())) == (175, 176)
    assert (int((flat & ~lines).sum()), int((~lines).sum())) == (146, 5976)


@pytest.mark.shared
def test_entropy_of_answers_accuses_nobody_where_places_differ(simulated: pd.DataFrame) -> None:
    for wave in (1, 2):
        mine = simulated[simulated["wave"].eq(wave)]
        told = survey.answer_entropy(mine, ITEMS, "interviewer", rng=np.random.default_rng(1))
        assert told["dispersion"].gt(2).all()  # interviewers' places differ far more than chance
        assert told["flags"].eq("").all()


def test_near_identical_counts_are_those_of_a_naive_loop() -> None:
    rng = np.random.default_rng(5)
    data = _honest(rng, 60, 6).mask(rng.random((60, 6)) < 0.1)
    data["who"] = np.repeat(["a", "b", "c"], 20)
    told = survey.near_identical(data, [f"q{i}" for i in range(6)], "who", match=[0.8])
    x = data[[f"q{i}" for i in range(6)]].to_numpy()
    for i in range(60):
        if np.isnan(x[i]).sum() > 3:
            continue
        compared = [j for j in range(60) if np.isnan(x[j]).sum() <= 3 and j != i]
        near = {
            j: sum(a == b or (a != a and b != b) for a, b in zip(x[i], x[j], strict=True)) >= 4.8
            for j in compared
        }
        own = [near[j] for j in compared if data["who"][j] == data["who"][i]]
        other = [near[j] for j in compared if data["who"][j] != data["who"][i]]
        assert told.loc[i, ["own_matches", "own", "other_matches", "others"]].tolist() == [
            sum(own), len(own), sum(other), len(other),
        ]  # fmt: skip


def test_planted_copies_are_found_and_honest_interviewers_let_be() -> None:
    hits = false = honest = planted = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        data = _honest(rng, 1000)
        data["who"] = np.repeat([f"i{k:02d}" for k in range(20)], 50)
        made = np.arange(0, 30)  # of the first interviewer, copies of three with one item changed
        x = data.to_numpy(dtype=object)
        x[made, :10] = x[made % 3, :10]
        x[made, rng.integers(0, 10, 30)] = rng.integers(1, 6, 30)
        data = pd.DataFrame(x, columns=data.columns)
        flagged = survey.near_identical(data, [f"q{i}" for i in range(10)], "who")["near_identical"]
        hits, planted = hits + int(flagged.iloc[made].sum()), planted + 30
        false, honest = false + int(flagged.iloc[50:].sum()), honest + 950
    assert (hits, planted) == (180, 180)
    assert (false, honest) == (0, 5700)


def test_without_a_second_interviewer_nothing_is_compared() -> None:
    data = _honest(np.random.default_rng(1), 30).assign(who="a")
    items = [f"q{i}" for i in range(10)]
    told = survey.near_identical(data, items, "who")
    assert told["status"].eq("not_computed").all()
    assert not told["near_identical"].any()
    entropy = survey.answer_entropy(data, items, "who", rng=np.random.default_rng(1))
    assert entropy["status"].tolist() == ["not_computed"]
    assert survey.groups_compared(pd.DataFrame({"x": told["near_identical"]}), data["who"])[
        "status"
    ].tolist() == ["not_computed"]


def test_one_item_or_a_match_off_its_range_is_refused() -> None:
    data = _honest(np.random.default_rng(1), 30).assign(who="a")
    with pytest.raises(InputError):
        survey.near_identical(data, ["q0"], "who")
    with pytest.raises(InputError):
        survey.near_identical(data, ["q0", "q1"], "who", match=[0.0])


def test_a_night_of_form_filling_is_a_burst_and_a_steady_month_is_none() -> None:
    rng = np.random.default_rng(2)
    days = pd.to_timedelta(rng.integers(0, 28, 900), unit="D")
    steady = pd.Series(pd.Timestamp("2026-10-08 09:00") + days
                       + pd.to_timedelta(rng.random(900) * 39600, unit="s"))  # fmt: skip
    place = pd.Series(np.repeat([f"C{k}" for k in range(9)], 100))
    assert not survey.arrival_bursts(steady, place)["burst"].any()
    night = pd.Series(pd.Timestamp("2026-10-20 23:00")
                      + pd.to_timedelta(np.arange(120) * 70, unit="s"))  # fmt: skip
    told = survey.arrival_bursts(
        pd.concat([steady, night], ignore_index=True),
        pd.concat([place, pd.Series(["C0"] * 120)], ignore_index=True),
    )
    assert told["burst"].iloc[900:].all()
    assert not told["burst"].iloc[:900].any()


def test_missing_times_take_no_part_in_bursts() -> None:
    told = survey.arrival_bursts(pd.Series([pd.NaT] * 5), pd.Series(["a"] * 5))
    assert told["status"].eq("not_computed").all()
    with pytest.raises(InputError):
        survey.arrival_bursts(pd.Series([pd.NaT]), pd.Series(["a"]), window=0)


def test_an_interview_inside_another_overlaps_and_one_that_follows_does_not() -> None:
    start = pd.to_datetime(["2026-10-08 09:00", "2026-10-08 09:10", "2026-10-08 09:40",
                            "2026-10-08 09:05", None])  # fmt: skip
    end = pd.to_datetime(["2026-10-08 09:30", "2026-10-08 09:20", "2026-10-08 09:50",
                          "2026-10-08 09:20", None])  # fmt: skip
    who = pd.Series(["a", "a", "a", "b", "a"])
    told = survey.overlapping(pd.Series(start), pd.Series(end), who)
    assert told.tolist() == [False, True, False, False, False]


def test_concentration_is_the_largest_share_beside_the_others() -> None:
    values = pd.Series(["x"] * 6 + ["y"] * 2 + ["1", "2", "3", "4", None])
    place = pd.Series(["A"] * 8 + ["B"] * 5)
    told = survey.concentration(values, place).set_index("group")
    assert told.loc["A", ["value", "n", "others"]].tolist() == [0.75, 8, 0.25]
    assert told.loc["B", "effective"] == pytest.approx(4.0)
    assert survey.concentration(values.iloc[:0], place.iloc[:0]).empty


def test_backchecks_compare_numbers_as_numbers_and_leave_out_what_is_missing() -> None:
    answers = pd.DataFrame({"respondent": ["1", "2", "3"], "who": ["a", "a", "b"],
                            "q1": [4.0, 5.0, None], "sex": ["f", "m", "f"]})  # fmt: skip
    again = pd.DataFrame(
        [
            ("1", "q1", "4"),
            ("2", "q1", "3"),
            ("3", "q1", "3"),
            ("3", "sex", " f "),
            ("9", "q1", "1"),
        ],
        columns=["respondent", "item", "answer"],
    )
    told = survey.backcheck_agreement(answers, again, by="who").set_index("group")
    assert told.loc["a", ["value", "n"]].tolist() == [0.5, 2]
    assert told.loc["b", ["value", "n"]].tolist() == [0.0, 1]
    items = survey.backcheck_agreement(answers, again, by="item").set_index("group")
    assert items["n"].to_dict() == {"q1": 2, "sex": 1}
    assert survey.backcheck_agreement(answers, again.iloc[:0], by="who").empty
