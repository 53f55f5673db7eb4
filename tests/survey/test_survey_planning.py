"""Planning, draws from a frame, opt-in samples, ranked needs, scales and interviewers."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
import pytest

from workbench import survey
from workbench.errors import InputError


def test_precision_agrees_with_the_formula() -> None:
    row = survey.precision([100], share=0.7, deff=2, psus=10).iloc[0]
    assert row["n_effective"] == 50
    assert row["std_error"] == pytest.approx(np.sqrt(0.21 / 50))
    ends = survey.share_interval(0.7, row["std_error"], 9, 100, method="wilson")
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(ends)
    assert row["detectable_change"] == pytest.approx(
        (2.2621571627409915 + 0.8416212335729143) * row["std_error"] * np.sqrt(2)
    )


def test_sample_size_of_the_textbook() -> None:
    assert survey.sample_size(0.05, deff=1)["interviews"].iloc[0] == 385
    small = survey.sample_size(0.05, deff=1, population=500, response_rate=0.5).iloc[0]
    assert (small["interviews"], small["cases"]) == (218, 436)


@pytest.fixture
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    return pd.DataFrame(
        {
            "community": np.repeat(["C1", "C2"], 12),
            "psu": [f"B{i}" for i in range(12)] * 2,
            "size": rng.integers(20, 60, 24),
        }
    )


@pytest.mark.parametrize("method", ["srs", "pps"])
def test_draw_is_repeatable_and_free_of_row_order(frame: pd.DataFrame, method: str) -> None:
    a = survey.draw_sample(frame, psus=4, reserve=2, seed=9, method=method)
    b = survey.draw_sample(
        frame.sample(frac=1, random_state=1), psus=4, reserve=2, seed=9, method=method
    )
    pd.testing.assert_frame_equal(a, b)
    assert a.groupby(["community", "role"]).size().tolist() == [2, 4, 2, 4]
    assert not a.duplicated(["community", "psu"]).any()
    assert a.loc[a["role"] == "sample", "base_weight"].notna().all()


def test_chances_by_size_are_kept_in_repeated_draws(frame: pd.DataFrame) -> None:
    one = frame[frame["community"] == "C1"].assign(size=[400, *range(20, 31)])
    hits = pd.Series(0.0, index=one["psu"])
    for seed in range(300):
        got = survey.draw_sample(one, psus=4, seed=seed, method="pps")
        assert (got["psu"] == "B0").any()
        hits[got["psu"]] += 1 / 300
    rest = one["size"].to_numpy()[1:]
    assert np.abs(hits.to_numpy()[1:] - 3 * rest / rest.sum()).max() < 0.11


def test_frame_with_a_unit_twice_is_refused(frame: pd.DataFrame) -> None:
    with pytest.raises(InputError, match="twice"):
        survey.draw_sample(pd.concat([frame, frame[:1]]), psus=2, seed=1)


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("method", ["srs", "pps"])
def test_two_stages_draw_households_in_buildings_with_reserves(
    method: Literal["srs", "pps"], listed: bool
) -> None:
    units = pd.DataFrame({"community": "C1", "psu": list("abcdef"), "size": [4, 30, 20, 45, 41, 9]})
    frame = units
    if listed:
        rows = units.loc[units.index.repeat(units["size"])].assign(size=1)
        rows["ssu"] = rows["psu"] + rows.groupby("psu").cumcount().astype(str)
        frame = rows.reset_index(drop=True)
    told = {"psus": 3, "reserve": 1, "households": 6, "household_reserve": 2, "seed": 5}
    a = survey.draw_sample(frame, method=method, **told)
    b = survey.draw_sample(frame.sample(frac=1, random_state=2), method=method, **told)
    pd.testing.assert_frame_equal(a, b)
    assert not a.duplicated(["psu", "ssu"]).any()
    sizes = units.set_index("psu")["size"]
    for (psu, role), own in a.groupby(["psu", "role"]):
        want = min(6, sizes[psu])
        assert own["ssu_role"].eq("sample").sum() == want
        assert own["ssu_role"].eq("reserve").sum() == min(8, sizes[psu]) - want
        chance = (sizes[psu] * 3 / sizes.sum() if method == "pps" else 0.5) * want / sizes[psu]
        sampled = own[own["ssu_role"].eq("sample")]
        expected = chance if role == "sample" else np.nan
        assert sampled["probability"].to_numpy() == pytest.approx(expected, nan_ok=True)
        assert own.loc[own["ssu_role"].eq("reserve"), "base_weight"].isna().all()
        if listed:
            assert own["ssu"].str[0].eq(psu).all()
        else:
            assert own["ssu"].between(1, sizes[psu]).all()


def test_every_household_has_the_chance_that_is_stated() -> None:
    frame = pd.DataFrame({"community": "C1", "psu": list("abc"), "size": [3, 5, 12]})
    draws, weight = [], []
    for seed in range(300):
        got = survey.draw_sample(frame, psus=2, households=2, seed=seed)
        draws.append(got)
        weight.append(got["base_weight"].sum())
    hits = pd.concat(draws).groupby(["psu", "ssu"]).size() / 300
    assert len(hits) == 20
    chance = {"a": 2 / 3 * 2 / 3, "b": 2 / 3 * 2 / 5, "c": 2 / 3 * 2 / 12}
    for (psu, _), share in hits.items():
        assert abs(share - chance[psu]) < 0.1
    assert np.mean(weight) == pytest.approx(20, abs=1)  # Horvitz-Thompson: all households


def test_frame_of_households_with_one_twice_or_nameless_is_refused() -> None:
    frame = pd.DataFrame({"community": "C1", "psu": "a", "ssu": ["1", "2", "2"], "size": 1})
    with pytest.raises(InputError, match="twice"):
        survey.draw_sample(frame, psus=1, households=1, seed=1)
    with pytest.raises(InputError, match="no name"):
        survey.draw_sample(frame.assign(ssu=["1", "2", None]), psus=1, seed=1)


def likes() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    n = 400
    return pd.DataFrame(
        {
            "community": np.repeat(["C1", "C2"], n // 2),
            "need1": rng.random(n) < 0.8,
            "need2": rng.random(n) < 0.5,
            "need3": rng.random(n) < 0.48,
        }
    ).astype({"need1": float, "need2": float, "need3": float})


def test_needs_that_cannot_be_told_apart_share_their_ranks() -> None:
    out = survey.rank_items(survey.Design(likes()), ["need1", "need2", "need3"])
    assert out["item"].iloc[0] == "need1"
    assert out[["rank_best", "rank_worst"]].to_numpy().tolist() == [[1, 1], [2, 3], [2, 3]]
    assert out["not_distinct_from"].iloc[0] == ""


def test_participation_and_what_the_others_might_think() -> None:
    d = survey.Design(likes(), kind="opt_in")
    people = pd.DataFrame({"community": ["C1", "C2", "C3"], "count": [1000, 400, 300]})
    rate = survey.participation(d, people, by="community")
    assert rate["value"].tolist() == [0.2, 0.5, 0.0]
    share = pd.DataFrame({"value": [0.8, 0.1]})
    band = survey.sensitivity_band(share, [0.2, 0.5])
    assert band["value_if_10"].tolist() == pytest.approx([0.72, 0.05])
    assert band["value_if_20"].tolist() == pytest.approx([0.64, 0.05])


def test_an_interviewer_who_copies_stands_out() -> None:
    rng = np.random.default_rng(8)
    data = pd.DataFrame(rng.integers(1, 6, (300, 10)), columns=[f"q{i}" for i in range(10)])
    data["who"] = np.repeat(["I1", "I2", "I3"], 100)
    data.loc[210:299, [f"q{i}" for i in range(10)]] = np.tile(
        data.loc[200:202, [f"q{i}" for i in range(10)]].to_numpy(), (30, 1)
    )
    out = survey.interviewer_signs(data, [f"q{i}" for i in range(10)], "who")
    high = out[(out["statistic"] == "high_match") & (out["flags"] == "stands_out")]
    assert high["who"].tolist() == ["I3"]


def test_matches_agree_with_comparing_every_pair() -> None:
    rng = np.random.default_rng(5)
    x = rng.integers(1, 4, (40, 5)).astype(float)
    x[rng.random(x.shape) < 0.1] = np.nan
    got = survey.data_quality(pd.DataFrame(x), list(range(5)))["max_match"]
    for i in range(40):
        same = [
            np.mean(
                [(a == b) or (np.isnan(a) and np.isnan(b)) for a, b in zip(x[i], x[j], strict=True)]
            )
            for j in range(40)
            if j != i
        ]
        assert got[i] == pytest.approx(max(same))


def test_stated_importance_sorts_items_into_quadrants() -> None:
    data = likes().assign(need1=lambda f: f["need1"] + 1, need2=lambda f: f["need2"] + 1)
    d = survey.Design(data)
    out = survey.quadrants(d, ["need1", "need2"], stated={"need1": 1, "need2": 3})
    assert out["quadrant"].tolist() == ["possible_overkill", "improve"]


def test_dispositions_by_unit_adjust_respondents() -> None:
    data = pd.DataFrame({"psu": ["a", "a", "b"], "q": [1.0, 2.0, 3.0]})
    cases = pd.DataFrame(
        {
            "psu": ["a", "a", "b", "b"],
            "disposition": ["1.1", "2.1", "1.1", "2.2"],
            "n": [2, 2, 1, 4],
        }
    )
    d = survey.nonresponse_from_dispositions(survey.Design(data), cases, cells="psu")
    assert d.weights.tolist() == [2.0, 2.0, 5.0]


def test_thirty_communities_forty_items_two_waves_are_quick() -> None:
    import time

    rng = np.random.default_rng(1)
    n = 6000
    data = pd.DataFrame(rng.integers(1, 6, (n, 40)), columns=[f"q{i}" for i in range(40)])
    data["community"] = np.arange(n) % 30
    data["psu"] = np.arange(n) // 30 % 10
    data["wave"] = rng.integers(1, 3, n)
    for name, levels in (("age", 4), ("sex", 2), ("tenure", 3)):
        data[name] = rng.integers(0, levels, n)
    margins = pd.DataFrame(
        {"variable": ["age"] * 4 + ["sex"] * 2, "category": [0, 1, 2, 3, 0, 1], "count": 1.0}
    )
    margins["count"] = [250, 250, 250, 250, 500, 500]
    design = survey.rake(
        survey.Design(data, strata="community", psu="psu"), margins, by=["wave", "community"]
    )
    items = [f"q{i}" for i in range(40)]
    start = time.process_time()
    rows = 0
    for sub in ([], ["age"], ["sex"], ["tenure"]):
        rows += len(survey.top2(design, items, by=["wave", "community", *sub]))
    used = time.process_time() - start
    assert rows == 40 * 60 * (1 + 4 + 2 + 3)
    assert used < 6, used  # under 2 s on an idle machine


def test_items_to_disclose_list_their_gaps() -> None:
    items = survey.disclosure_items({"sponsor": "district office; survey company", "dates": " "})
    assert (items["standard"] == "AAPOR").sum() == 11
    assert items.loc[items["status"] == "ok", "item"].tolist() == ["sponsor"]
    with pytest.raises(InputError, match="weather"):
        survey.disclosure_items({"weather": "fine"})
