"""Inspection sheets, assessors, ranks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench import scoring
from workbench.errors import InputError


def sheet(marks: dict[str, list[float]], maximum: float = 10) -> pd.DataFrame:
    """Marks of the three roles on items F01, F02, …"""
    roles = {"a": "expert", "b": "analyst", "c": "resident"}
    return pd.DataFrame(
        [{"community": "X", "wave": "w", "assessor": who, "role": roles[who],
          "visit": "announced", "item": f"F{i:02d}", "score": s, "max_score": maximum}
         for who, scores in marks.items() for i, s in enumerate(scores, 1)]
    )  # fmt: skip


FULL = sheet({"a": [8, 6], "b": [7, 7], "c": [9, 5]})


def test_sheets_are_merged_when_all_three_are_in():
    assert len(scoring.merge_sheets(FULL)) == 6
    assert scoring.sheet_status(FULL)["merged"].all()


def test_sheets_of_one_unit_need_not_name_it():
    one = FULL.drop(columns=["community", "wave", "visit"], errors="ignore")
    assert scoring.sheet_status(one)["merged"].all()
    assert scoring.merge_sheets(one).columns.tolist() == one.columns.tolist()
    assert len(scoring.merge_sheets(one)) == 6


def test_two_sheets_are_not_merged():
    two = FULL[FULL["assessor"] != "c"]
    assert scoring.merge_sheets(two).empty
    status = scoring.sheet_status(two).set_index("role")
    assert status.loc["resident", "reason_zh"] == "居民代表的评分表未交"
    assert not status["merged"].any()


def test_a_sheet_with_a_gap_is_not_whole():
    gap = FULL.assign(score=FULL["score"].where(FULL.index != 3))
    status = scoring.sheet_status(gap).set_index("role")
    assert status.loc["analyst", "missing"] == "F02"
    assert scoring.merge_sheets(gap).empty


def test_score_and_error_over_assessors():
    out = scoring.inspection(FULL)
    row = out[out["statistic"] == "score_0_100"].iloc[0]
    totals = np.array([70.0, 70.0, 70.0])
    assert row["value"] == pytest.approx(totals.mean())
    uneven = scoring.inspection(sheet({"a": [8, 6], "b": [9, 9], "c": [5, 5]}))
    row = uneven[uneven["statistic"] == "score_0_100"].iloc[0]
    each = np.array([70.0, 90.0, 50.0])
    assert row["std_error"] == pytest.approx(each.std(ddof=1) / np.sqrt(3))
    assert row["df"] == 2
    assert row["ci_low"] == pytest.approx(70 - 4.302653 * row["std_error"], rel=1e-6)


def test_items_add_up_to_the_channel():
    out = scoring.inspection(sheet({"a": [8, 6], "b": [9, 9], "c": [5, 5]}))
    points = out[out["statistic"] == "points"]
    row = out[out["statistic"] == "score_0_100"].iloc[0]
    assert points["value"].sum() == pytest.approx(row["points"])
    assert row["value"] == pytest.approx(100 * row["points"] / row["max_points"])


def test_one_assessor_has_no_error_unless_one_is_pooled():
    alone = FULL[FULL["assessor"] == "a"]
    row = scoring.inspection(alone).set_index("statistic").loc["score_0_100"]
    assert row["status"] == "low_precision"
    assert np.isnan(row["ci_low"])
    row = scoring.inspection(alone, pooled_sd=6.0).set_index("statistic").loc["score_0_100"]
    assert row["std_error"] == pytest.approx(6.0)


def test_share_passed_widens_for_places_not_visited():
    rows = pd.DataFrame([
        {"community": "X", "assessor": a, "item": "F01", "place": f"p{p}", "passed": p != 0}
        for a in "abc" for p in range(10)
    ])  # fmt: skip

    def share(**more: object) -> pd.Series:
        out = scoring.inspection(rows, **more)
        return out[(out["statistic"] == "share_passed") & (out["item"] == "F01")].iloc[0]

    some, most, every = (share(places_total={"F01": n}) for n in (100, 12, 10))
    assert some["value"] == pytest.approx(0.9)
    assert some["ci_high"] - some["ci_low"] > most["ci_high"] - most["ci_low"]
    assert (every["ci_low"], every["ci_high"]) == (0.9, 0.9)
    assert share()["ci_low"] < 0.9


def test_deductions_name_item_place_points_and_reason_dearest_first():
    rows = sheet({"a": [8, 10], "b": [7, 10], "c": [9, 10]}).assign(place="栋1", reason="堆物")
    rows = pd.concat([rows, sheet({"a": [10, 4], "b": [10, 4], "c": [10, 4]}).assign(place="栋2")])
    out = scoring.deductions(rows)
    assert out["finding"].tolist() == ["deduction.1", "deduction.2"]
    assert out["points"].tolist() == [6.0, 2.0]
    assert out["reason_zh"].tolist() == ["扣分未说明理由", "堆物"]
    assert out["flags"].tolist() == ["no_reason", ""]


def test_calibration_marks_do_not_count():
    extra = sheet({"a": [0, 0]}).assign(visit="calibration")
    one, two = scoring.inspection(FULL), scoring.inspection(pd.concat([FULL, extra]))
    pd.testing.assert_frame_equal(one, two)


@pytest.mark.parametrize(
    ("change", "column"), [({"score": 11}, "score"), ({"score": -1}, "score"),
                           ({"max_score": 0}, "max_score"), ({"passed": 2}, "passed")]
)  # fmt: skip
def test_wrong_marks_are_refused_with_row_and_column(change, column):
    with pytest.raises(InputError) as caught:
        scoring.inspection(FULL.assign(**change))
    problem = caught.value.problems[0]
    assert column in {p.column for p in caught.value.problems}
    assert (problem.row, problem.community) == (1, "X")


def test_a_mark_given_twice_is_refused():
    with pytest.raises(InputError):
        scoring.inspection(pd.concat([FULL, FULL]))


def scores(seed: int = 0, units: int = 12, k: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    truth = rng.normal(75, 8, units)
    return pd.DataFrame(
        [{"community": f"U{u:02d}", "assessor": f"R{a}", "score": truth[u] + rng.normal(a, 4)}
         for u in range(units) for a in range(k)]
    )  # fmt: skip


def test_agreement_gives_every_coefficient_of_the_scale():
    out = scoring.agreement(scores(), rng=np.random.default_rng(1), draws=100)
    assert {"icc_1_1", "icc_3_k", "krippendorff_alpha", "kendall_w", "pairs_agree"} <= set(
        out["statistic"]
    )
    alpha = out[out["statistic"] == "krippendorff_alpha"].iloc[0]
    assert alpha["ci_low"] < alpha["value"] < alpha["ci_high"]


def test_swapping_two_assessors_changes_no_coefficient():
    frame = scores()
    swapped = frame.replace({"assessor": {"R0": "R1", "R1": "R0"}})
    one, two = scoring.agreement(frame), scoring.agreement(swapped)
    np.testing.assert_allclose(one["value"], two["value"])


def test_swapping_two_assessors_turns_the_sign_of_their_difference():
    frame = scores()
    swapped = frame.replace({"assessor": {"R0": "R1", "R1": "R0"}})
    key = ["community", "assessor_a", "assessor_b"]
    one = scoring.pair_differences(frame).set_index(key)["value"]
    two = scoring.pair_differences(swapped).set_index(key)["value"]
    pair = ("R0", "R1")
    np.testing.assert_allclose(one.xs(pair, level=(1, 2)), -two.xs(pair, level=(1, 2)))


def test_fifteen_points_apart_are_flagged():
    frame = pd.DataFrame({"community": ["A", "A", "B", "B"], "assessor": ["x", "y"] * 2,
                          "score": [80, 65, 80, 65.1]})  # fmt: skip
    out = scoring.pair_differences(frame)
    assert out["flags"].tolist() == ["difference_15", ""]
    assert out["verdict"].tolist() == ["failed", "passed"]


def test_identical_marks_are_not_computed_rather_than_a_number():
    out = scoring.agreement(scores().assign(score=70.0))
    assert (out.loc[out["statistic"].str.startswith("icc"), "status"] == "not_computed").all()


def test_severity_finds_the_planted_effects():
    rng = np.random.default_rng(7)
    frame = pd.DataFrame(
        [{"community": f"U{u}", "assessor": f"R{(u + j) % 5}",
          "score": 70 + u + 2 * ((u + j) % 5) + rng.normal(0, 0.1)}
         for u in range(20) for j in range(3)]
    )  # fmt: skip
    out = scoring.severity(frame)
    effects = out[out["statistic"] == "assessor_effect"]["value"].to_numpy()
    np.testing.assert_allclose(effects, [-4, -2, 0, 2, 4], atol=0.2)


def test_unlinked_groups_are_refused():
    frame = pd.DataFrame({"community": ["A", "A", "B", "B"], "assessor": ["x", "y", "z", "w"],
                          "score": [1, 2, 3, 4]})  # fmt: skip
    with pytest.raises(InputError, match="unlinked"):
        scoring.severity(frame)


def test_ranks_do_not_depend_on_the_order_of_communities():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"community": [f"C{i}" for i in range(15)],
                          "value": rng.normal(75, 6, 15), "std_error": 2.0})  # fmt: skip
    one = scoring.ranks(frame, rng=np.random.default_rng(1), draws=20_000)
    two = scoring.ranks(frame.iloc[::-1], rng=np.random.default_rng(1), draws=20_000)
    one, two = one.set_index("community"), two.set_index("community").loc[frame["community"]]
    np.testing.assert_array_equal(one["rank"], two["rank"])
    np.testing.assert_allclose(one["set_high"], two["set_high"], atol=1)
    np.testing.assert_allclose(one["rank_mean"], two["rank_mean"], atol=0.1)


def test_ranks_are_the_same_on_every_run():
    frame = pd.DataFrame({"community": list("abcd"), "value": [9.0, 8, 7, 7], "std_error": 1.0})
    one = scoring.ranks(frame, rng=np.random.default_rng(9))
    two = scoring.ranks(frame, rng=np.random.default_rng(9))
    pd.testing.assert_frame_equal(one, two)
    assert one["rank"].tolist() == [1, 2, 3, 3]


def test_exact_scores_have_exact_ranks():
    frame = pd.DataFrame({"community": list("abc"), "value": [9.0, 8, 7], "std_error": 0.0})
    out = scoring.ranks(frame, rng=np.random.default_rng(9))
    assert out["set_low"].tolist() == out["set_high"].tolist() == [1, 2, 3]
    assert out["tier"].tolist() == [1, 2, 3]


def test_unit_without_error_or_score_says_so():
    frame = pd.DataFrame({"community": list("abc"), "value": [9.0, 8, np.nan],
                          "std_error": [1.0, np.nan, 1]})  # fmt: skip
    out = scoring.ranks(frame, rng=np.random.default_rng(9)).set_index("community")
    assert out["status"].tolist() == ["ok", "low_precision", "not_computed"]
    assert out.loc["a", "set_high"] == 2


def test_percentile_is_within_the_kind():
    frame = pd.DataFrame({"community": list("abcd"), "value": [9.0, 8, 7, 6], "std_error": 1.0,
                          "kind": ["old", "new", "old", "new"]})  # fmt: skip
    out = scoring.ranks(frame, rng=np.random.default_rng(9), kind="kind")
    assert out["percentile_in_kind"].tolist() == [1, 1, 0, 0]


def test_pruned_search_finds_the_same_critical_values_as_all_pairs():
    from workbench.scoring import _ranksets

    rng = np.random.default_rng(3)
    x, se = rng.normal(75, 6, 120), rng.uniform(0.5, 4, 120)
    noise = _ranksets._Noise(se, np.random.default_rng(4), 300)
    for apart in (None, (4.0, 1)):
        dense = noise._dense(x, apart, np.random.default_rng(noise.seed))
        pruned = noise._pruned(x, apart, np.random.default_rng(noise.seed))
        np.testing.assert_allclose(dense, pruned)


def test_no_score_at_all_is_a_table_of_reasons():
    frame = pd.DataFrame({"community": list("ab"), "value": np.nan, "std_error": 1.0})
    out = scoring.ranks(frame, rng=np.random.default_rng(9))
    assert out["status"].tolist() == ["not_computed"] * 2
    assert out["rank"].isna().all()


def test_thousands_of_well_separated_units_are_ranked_without_all_pairs_in_memory():
    rng = np.random.default_rng(5)
    truth = np.linspace(0, 100, 3000)
    frame = pd.DataFrame({"community": np.arange(3000), "value": truth + rng.normal(0, 0.02, 3000),
                          "std_error": 0.02})  # fmt: skip
    out = scoring.ranks(frame, rng=rng, draws=200)
    true_rank = scoring.rank_of(truth)
    assert ((out["set_low"] <= true_rank) & (true_rank <= out["set_high"])).all()
    assert (out["set_high"] - out["set_low"]).max() < 20
