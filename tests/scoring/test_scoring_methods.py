"""Methods recomputed the long way, their properties, and what they refuse."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench import scoring
from workbench.errors import InputError

RNG = np.random.default_rng(8)
TABLE = pd.DataFrame(RNG.uniform(1, 100, (9, 4)), index=list("abcdefghi"), columns=list("wxyz"))


def test_scores_of_one_unit_do_not_move_when_another_changes_under_goalposts_only():
    posts = pd.DataFrame({"low": 0.0, "high": 100.0}, index=list("wxyz"))
    other = TABLE.copy()
    other.loc["a"] = 99.0
    fixed = [scoring.normalise(t, "goalposts", goalposts=posts).loc["b"] for t in (TABLE, other)]
    pd.testing.assert_series_equal(*fixed)
    loose = [scoring.normalise(t).loc["b"] for t in (TABLE, other)]
    assert not np.allclose(*loose)


@pytest.mark.parametrize("scale", ["minmax", "zscore", "percentile_rank", "borda"])
def test_direction_minus_one_is_the_scale_of_the_negated_column(scale):
    turned = scoring.normalise(TABLE, scale, directions={"x": -1})
    pd.testing.assert_frame_equal(turned, scoring.normalise(TABLE * [1, -1, 1, 1], scale))


@settings(deadline=None, max_examples=40)
@given(factor=st.floats(0.01, 1000), mean=st.sampled_from(["arithmetic", "geometric", "harmonic"]))
def test_all_weights_times_a_constant_change_no_mean(factor, mean):
    weights = {"w": 1.0, "x": 2.0, "y": 3.0, "z": 4.0}
    one = scoring.aggregate(TABLE, weights, mean=mean)
    two = scoring.aggregate(TABLE, {k: v * factor for k, v in weights.items()}, mean=mean)
    np.testing.assert_allclose(one, two)


def test_means_are_ordered_and_equal_for_equal_parts():
    a, g, h = (scoring.aggregate(TABLE, mean=m) for m in ("arithmetic", "geometric", "harmonic"))
    assert (a >= g).all()
    assert (g >= h).all()
    flat = pd.DataFrame(7.0, index=["u"], columns=list("wxyz"))
    for m in ("arithmetic", "geometric", "harmonic"):
        assert scoring.aggregate(flat, mean=m).iloc[0] == pytest.approx(7)


def test_missing_parts_rescale_the_weights_of_the_others():
    table = TABLE.copy()
    table.loc["a", "w"] = np.nan
    got = scoring.aggregate(table, {"w": 5, "x": 1, "y": 1, "z": 2})["a"]
    assert got == pytest.approx((table.loc["a", ["x", "y", "z"]] * [1, 1, 2]).sum() / 4)


def test_copeland_by_hand():
    table = pd.DataFrame({"p": [3, 2, 1], "q": [1, 2, 3], "r": [3, 2, 1]}, index=list("abc"))
    assert scoring.aggregate(table, mean="copeland").tolist() == [2, 0, -2]


@pytest.mark.parametrize(
    "call",
    [
        lambda: scoring.aggregate(TABLE * 0, mean="geometric"),
        lambda: scoring.aggregate(TABLE, {"w": 1}),
        lambda: scoring.aggregate(TABLE, {"w": -1, "x": 1, "y": 1, "z": 1}),
        lambda: scoring.aggregate(TABLE, mean="cubic"),
        lambda: scoring.aggregate(TABLE.where(TABLE > 50), mean="copeland"),
        lambda: scoring.normalise(TABLE * 0),
        lambda: scoring.normalise(TABLE, "goalposts"),
        lambda: scoring.normalise(TABLE, directions={"w": 2}),
        lambda: scoring.normalise(TABLE.assign(w="many")),
        lambda: scoring.entropy_weights(-TABLE),
        lambda: scoring.critic_weights(TABLE * 0),
        lambda: scoring.topsis(TABLE.where(TABLE > 50)),
        lambda: scoring.grey_relation(TABLE, rho=0),
        lambda: scoring.fuzzy_evaluation(TABLE * 0, dict.fromkeys(TABLE.index, 1)),
        lambda: scoring.denominate(TABLE, TABLE * 0, {"w": "x"}),
        lambda: scoring.ahp(pd.DataFrame({"row": ["a"], "col": ["b"], "judgement": ["-3"]})),
        lambda: scoring.ahp(
            pd.DataFrame({"row": ["a", "b"], "col": ["b", "c"], "judgement": ["3", "2"]})
        ),
        lambda: scoring.funnel_proportions(pd.DataFrame({"numerator": [5], "denominator": [3]})),
        lambda: scoring.funnel_ratios(pd.DataFrame({"observed": [5], "expected": [0]})),
        lambda: scoring.digit_preference([1, 2, 3]),
        lambda: scoring.digit_preference([1.5] * 40),
        lambda: scoring.change_points(pd.DataFrame({"period": range(5), "value": [1, 1, 1, 1, 1]})),
        lambda: scoring.inequality(pd.DataFrame({"value": [-1, 2]})),
        lambda: scoring.sobol_indices(
            lambda u: u[:, 0], ["a"], rng=np.random.default_rng(1), base=100
        ),
        lambda: scoring.subsidy(
            pd.DataFrame({"base_yuan": [1], "reference_rate": [90], "rate": [0.8]})
        ),
        lambda: scoring.annual_need([300], small=1000, large=500),
        lambda: scoring.appraisal_scheme((0, 0, 0)),
        lambda: scoring.g_study(
            pd.DataFrame({"community": list("aab"), "assessor": list("xyx"), "score": [1, 2, 3]})
        ),
        lambda: scoring.many_facet_rasch(
            pd.DataFrame({"community": ["a", "a"], "assessor": ["x", "y"], "i": [0, 2]}), items=["i"]
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_computed_honestly_is_refused_in_two_languages(call):
    with pytest.raises(InputError) as caught:
        call()
    problem = caught.value.problems[0]
    assert problem.code.startswith("scoring.")
    assert problem.zh
    assert problem.en


def test_consistent_judgements_give_back_their_weights():
    w = np.array([0.5, 0.3, 0.2])
    pairs = [("a", "b", w[0] / w[1]), ("a", "c", w[0] / w[2]), ("b", "c", w[1] / w[2])]
    out = scoring.ahp(pd.DataFrame(pairs, columns=["row", "col", "judgement"]))
    np.testing.assert_allclose(out[out["statistic"] == "weight"]["value"], w)
    assert out[out["statistic"] == "consistency_ratio"]["verdict"].iloc[0] == "passed"


def test_inconsistent_judgements_fail():
    pairs = pd.DataFrame({"row": ["a", "b", "c"], "col": ["b", "c", "a"], "judgement": ["5"] * 3})
    assert scoring.ahp(pairs).set_index("statistic").loc["consistency_ratio", "verdict"] == "failed"


def test_variance_components_are_found_in_simulated_marks():
    rng = np.random.default_rng(2)
    u, a, v = rng.normal(0, 6, 60), rng.normal(0, 3, 12), rng.normal(0, 1, 5)
    frame = pd.DataFrame(
        [{"community": i, "assessor": j, "visit": k,
          "score": 70 + u[i] + a[j] + v[k] + rng.normal(0, 4)}
         for i in range(60) for j in range(12) for k in range(5)]
    )  # fmt: skip
    out = scoring.g_study(frame, visit="visit").set_index("item")["value"]
    assert out["unit"] == pytest.approx(u.var(ddof=1), rel=0.15)
    assert out["assessor"] == pytest.approx(a.var(ddof=1), rel=0.15)
    assert out["residual"] == pytest.approx(16, rel=0.1)


def test_one_facet_study_equals_the_anova_by_hand():
    frame = pd.DataFrame(
        [(u, a, s) for u, row in enumerate([[9, 2, 5], [6, 1, 3], [8, 4, 6]])
         for a, s in enumerate(row)], columns=["community", "assessor", "score"]
    )  # fmt: skip
    x = frame["score"].to_numpy(dtype=float).reshape(3, 3)
    ms_u = 3 * ((x.mean(1) - x.mean()) ** 2).sum() / 2
    rest = x - x.mean(1, keepdims=True) - x.mean(0) + x.mean()
    ms_e = (rest**2).sum() / 4
    out = scoring.g_study(frame).set_index("item")["value"]
    assert out["unit"] == pytest.approx((ms_u - ms_e) / 3)
    assert out["residual"] == pytest.approx(ms_e)


def test_crossed_effects_equal_the_mean_squares_of_a_balanced_design():
    rng = np.random.default_rng(4)
    u, a = rng.normal(0, 5, 20), rng.normal(0, 3, 6)
    frame = pd.DataFrame(
        [{"community": i, "assessor": j, "score": 70 + u[i] + a[j] + rng.normal(0, 2)}
         for i in range(20) for j in range(6)]
    )  # fmt: skip
    ems = scoring.g_study(frame).set_index("item")["value"]
    fit = scoring.crossed_effects(frame)
    reml = fit[fit["statistic"] == "variance"].set_index("item")["value"]
    np.testing.assert_allclose(reml.loc[ems.index], ems, rtol=1e-4)


def test_adjusted_funnel_limits_contain_the_exact_ones_under_overdispersion():
    rng = np.random.default_rng(1)
    n = rng.integers(50, 300, 60)
    p = np.clip(rng.normal(0.8, 0.06, 60), 0, 1)
    out = scoring.funnel_proportions(
        pd.DataFrame({"numerator": rng.binomial(n, p), "denominator": n})
    )
    assert out["phi"].iloc[0] > 1
    assert (out["adjusted_low_998"] <= out["low_998"] + 0.01).all()
    assert out["adjusted_outside_998"].sum() <= out["outside_998"].sum()


def test_control_chart_passes_over_a_month_without_counts():
    frame = pd.DataFrame({"period": [f"2026-{m:02d}" for m in range(1, 9)],
                          "numerator": [80, 82, 79, 81, np.nan, 60, 61, 62], "denominator": 100})  # fmt: skip
    out = scoring.control_chart(frame, baseline=4)
    assert out["status"].tolist().count("not_computed") == 1
    assert out["below"].tolist() == [False] * 5 + [True] * 3
    assert np.isnan(out["cusum_low"].iloc[4])


def test_change_points_are_the_best_of_all_partitions():
    from itertools import combinations, pairwise

    rng = np.random.default_rng(3)
    x = np.concatenate([rng.normal(0, 1, 4), rng.normal(5, 1, 4), rng.normal(1, 1, 3)])
    out = scoring.change_points(pd.DataFrame({"period": range(11), "value": x}))
    penalty = 3 * np.log(11) * scoring.noise_sd(x) ** 2

    def cost(cuts: tuple[int, ...]) -> float:
        edges = [0, *cuts, 11]
        parts = [x[a:b] for a, b in pairwise(edges)]
        return sum(((p - p.mean()) ** 2).sum() for p in parts) + penalty * len(cuts)

    best = min((c for k in range(11) for c in combinations(range(1, 11), k)), key=cost)
    assert out["last_index"].tolist()[:-1] == list(best)


def test_surge_is_flagged_and_a_steady_unit_is_not():
    frame = pd.DataFrame(
        [{"community": c, "period": f"2026-{m:02d}", "value": v}
         for c, last in (("steady", 10), ("surge", 40)) for m, v in enumerate([10] * 6 + [last] * 2, 1)]
    )  # fmt: skip
    out = scoring.surge(frame).set_index("community")
    assert out["verdict"].to_dict() == {"steady": "passed", "surge": "failed"}


def test_recount_above_the_tolerance_is_flagged():
    frame = pd.DataFrame({"reported": [15, 10, 5, 3], "recounted": [10, 10, np.nan, 0]})
    assert scoring.recount(frame)["verdict"].tolist() == [
        "failed", "passed", "cannot_tell", "failed",
    ]  # fmt: skip


def test_theil_splits_without_remainder_and_gini_of_equals_is_zero():
    frame = pd.DataFrame({"value": RNG.uniform(1, 9, 30), "kind": list("abc") * 10})
    out = scoring.inequality(frame, kind="kind").set_index("statistic")["value"]
    assert out["theil_between"] + out["theil_within"] == pytest.approx(out["theil"])
    flat = scoring.inequality(pd.DataFrame({"value": [4.0] * 5})).set_index("statistic")["value"]
    assert flat["gini"] == pytest.approx(0)


@pytest.mark.parametrize(
    ("old", "verdict"), [(95, "met"), (60, "not_met"), (80, "cannot_tell")]
)  # fmt: skip
def test_gap_between_kinds_against_twenty_percent(old, verdict):
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"value": [*rng.normal(old, 5, 15), *rng.normal(100, 5, 15)],
                          "kind": ["old"] * 15 + ["new"] * 15})  # fmt: skip
    row = scoring.kind_gap(frame).set_index("statistic").loc["gap"]
    assert row["verdict"] == verdict


def test_swapping_the_kinds_turns_the_difference_and_keeps_the_gap():
    frame = pd.DataFrame({"value": RNG.uniform(50, 90, 20), "kind": ["old", "new"] * 10})
    one = scoring.kind_gap(frame).set_index("statistic")["value"]
    two = scoring.kind_gap(frame, lower="new", upper="old").set_index("statistic")["value"]
    assert one["difference"] == pytest.approx(-two["difference"])
    assert one["gap"] == pytest.approx(two["gap"])


def test_shrunken_scores_lie_between_their_own_and_the_mean():
    frame = pd.DataFrame({"community": range(30), "value": RNG.normal(75, 6, 30),
                          "std_error": RNG.uniform(1, 6, 30)})  # fmt: skip
    out = scoring.shrink(frame)
    mean = scoring.between_variance(frame).set_index("statistic")["value"]["mean"]
    assert (np.abs(out["value"] - mean) <= np.abs(out["observed"] - mean) + 1e-12).all()


def test_best_set_holds_the_best_and_leaves_out_the_hopeless():
    frame = pd.DataFrame({"community": list("abcd"), "value": [90, 89, 60, 50], "std_error": 1.0})
    out = scoring.best_set(frame, rng=np.random.default_rng(1), count=1)
    assert out["verdict"].tolist() == ["met", "met", "not_met", "not_met"]


# ---------------------------------------------------------------- money


@pytest.mark.parametrize(
    ("before", "now", "step", "linear"),
    [
        (0.90, 0.80, 0.80, 0.80),
        (0.90, 0.86, 1.00, 0.92),
        (0.90, 0.85, 0.90, 0.90),
        (0.90, 0.40, 0.00, 0.00),
        (0.90, 0.30, 0.00, 0.00),
        (0.90, 0.95, 1.00, 1.00),
        (0.70, 0.65, 0.90, 0.90),
    ],
)
def test_subsidy_falls_with_fee_collection(before, now, step, linear):
    row = pd.DataFrame({"base_yuan": [100_000], "reference_rate": [before], "rate": [now]})
    assert scoring.subsidy(row)["value"].iloc[0] == pytest.approx(100_000 * step)
    got = scoring.subsidy(row, cut_mode="linear")["value"].iloc[0]
    assert got == pytest.approx(100_000 * linear)


def test_subsidy_is_capped_and_a_missing_rate_is_not_computed():
    frame = pd.DataFrame({"base_yuan": [200_000, 1], "reference_rate": 0.9, "rate": [0.9, np.nan]})
    out = scoring.subsidy(frame)
    assert out["value"].iloc[0] == 150_000
    assert out["flags"].iloc[0] == "capped"
    assert out["status"].iloc[1] == "not_computed"


def test_participation_award_is_strictly_above_sixty_percent():
    frame = pd.DataFrame({"value": [0.60, 0.61], "denominator": "adults", "ci_low": [0.55, 0.58],
                          "ci_high": [0.65, 0.64]})  # fmt: skip
    assert scoring.participation_award(frame, decision="point")["award_yuan"].tolist() == [
        0,
        50_000,
    ]
    assert scoring.participation_award(frame, decision="lower")["award_yuan"].tolist() == [0, 0]


def test_stated_shares_that_sum_to_105_percent_fail():
    lines = pd.DataFrame({"field": ["environment", "service"], "planned": [40.0, 60.0]})
    stated = {"environment": 0.40, "service": 0.30, "governance": 0.20, "safety": 0.10,
              "culture": 0.05}  # fmt: skip
    out = scoring.budget_shares(lines, stated=stated).set_index("item")
    assert out.loc["environment", "verdict"] == "met"
    assert out.loc["service", "verdict"] == "not_met"
    assert out.iloc[-1]["verdict"] == "failed"
    assert out.iloc[-1]["value"] == pytest.approx(1.05)


def test_soft_services_need_forty_percent():
    lines = pd.DataFrame({"nature": ["hard", "soft"], "planned": [60.0, 40.0]})
    out = scoring.budget_shares(lines, group="nature", minimum={"soft": 0.40}).set_index("item")
    assert out.loc["soft", "verdict"] == "met"


# ---------------------------------------------------------------- assessors and titles


def test_calibration_says_who_may_go_out():
    reference = pd.DataFrame({"item": list("abcde"), "score": [5, 5, 5, 5, 5]})
    marks = pd.DataFrame({"assessor": ["x"] * 5 + ["y"] * 5 + ["z"] * 4,
                          "item": [*"abcde", *"abcde", *"abcd"],
                          "score": [5, 5, 6, 5, 5, 9, 9, 5, 5, 9, 5, 5, 5, 5]})  # fmt: skip
    out = scoring.calibration(marks, reference, tolerance=1).set_index("assessor")
    assert out["verdict"].to_dict() == {"x": "passed", "y": "failed", "z": "cannot_tell"}
    assert out.loc["y", "bias"] == pytest.approx(2.4)


def test_drift_is_the_slope_over_days():
    rng = np.random.default_rng(6)
    days = pd.date_range("2026-10-08", periods=20).strftime("%Y-%m-%d")
    frame = pd.concat([
        pd.DataFrame({"assessor": "x", "observed_at": days, "value": 0.3 * np.arange(20)
                      + rng.normal(0, 0.5, 20)}),
        pd.DataFrame({"assessor": "y", "observed_at": days, "value": rng.normal(0, 0.5, 20)}),
    ])  # fmt: skip
    out = scoring.drift(frame).set_index("assessor")
    assert out["verdict"].to_dict() == {"x": "failed", "y": "passed"}
    assert out.loc["x", "value"] == pytest.approx(0.3, abs=0.05)


def test_local_bonus_is_the_paired_test():
    from scipy import stats

    frame = pd.DataFrame({"own": [82, 79, 90, 85.0], "cross": [78, 76, 85, 83.0]})
    row = scoring.local_bonus(frame).iloc[0]
    expected = stats.ttest_rel(frame["own"], frame["cross"])
    assert row["p_value"] == pytest.approx(expected.pvalue)
    assert row["verdict"] == "failed"
    assert scoring.local_bonus(frame.iloc[:1]).iloc[0]["status"] == "not_computed"


def steps(*events: tuple[str, str], community: str = "A") -> pd.DataFrame:
    return pd.DataFrame(events, columns=["date", "event"]).assign(community=community)


NAMED = (("2026-01-05", "applied"), ("2026-02-01", "review_passed"), ("2026-10-20", "assessed"),
         ("2026-11-01", "notice"), ("2026-11-20", "named"))  # fmt: skip


def test_the_way_to_the_title_and_what_is_due_next():
    out = scoring.award_history(steps(*NAMED), as_of=dt.date(2027, 1, 1))
    last = out.iloc[-1]
    assert (last["state"], last["due"], last["due_what"]) == ("named", "2027-11-20", "recheck")
    assert last["current"]


def test_yellow_card_then_revocation_bars_the_next_year():
    events = steps(*NAMED, ("2027-11-18", "recheck_failed"))
    waiting = scoring.award_history(events, as_of=dt.date(2028, 3, 1)).iloc[-1]
    assert (waiting["state"], waiting["due"], waiting["overdue"]) == (
        "yellow_card", "2028-02-18", True,
    )  # fmt: skip
    events = steps(*NAMED, ("2027-11-18", "recheck_failed"), ("2028-02-20", "not_rectified"),
                   ("2028-03-10", "revoked"))  # fmt: skip
    out = scoring.award_history(events, as_of=dt.date(2028, 4, 1)).iloc[-1]
    assert (out["state"], out["ineligible_until"]) == ("revoked", "2029-12-31")
    again = pd.concat([events, steps(("2029-05-01", "applied"))])
    with pytest.raises(InputError):
        scoring.award_history(again, as_of=dt.date(2029, 6, 1))


def test_an_event_that_cannot_follow_is_named_with_row_and_state():
    with pytest.raises(InputError) as caught:
        scoring.award_history(steps(("2026-01-05", "named")), as_of=dt.date(2026, 2, 1))
    problem = caught.value.problems[0]
    assert (problem.row, problem.community, problem.found) == (1, "A", "named")


def test_appraisal_of_a_subdistrict_gives_residents_sixty_percent():
    parts = scoring.appraisal_scheme((2, 1, 1)).parts
    assert [p.weight for p in parts] == pytest.approx([0.30, 0.15, 0.15, 0.40])


def test_a_cap_keeps_both_totals():
    totals = pd.DataFrame({"community": ["A", "B"], "value": [88.0, 70], "ci_low": [84.0, 66],
                           "ci_high": [92.0, 74]})  # fmt: skip
    caps = pd.DataFrame({"community": ["A"], "cap": [60.0], "reason_zh": ["消防通道堵塞"],
                         "reason_en": ["blocked fire lane"]})  # fmt: skip
    out = scoring.apply_caps(totals, caps)
    assert out["value"].tolist() == [60, 70]
    assert out["value_uncapped"].tolist() == [88, 70]
    assert out["reason_en"].tolist() == ["blocked fire lane", ""]


def test_inputs_are_never_modified():
    table, frame = TABLE.copy(), scoring.normalise(TABLE)
    scoring.treat_outliers(TABLE)
    scoring.topsis(TABLE)
    scoring.aggregate(frame)
    pd.testing.assert_frame_equal(TABLE, table)


def test_empty_tables_give_empty_tables_where_nothing_is_wrong():
    none = pd.DataFrame({"community": [], "period": [], "value": []})
    assert scoring.surge(none).empty
    assert scoring.drift(pd.DataFrame({"assessor": [], "observed_at": [], "value": []})).empty
    assert scoring.text_overlap(pd.DataFrame({"document": ["a"], "text": ["一二三四"]})).empty


def test_perfect_agreement_is_one_with_limits():
    out = scoring.icc(pd.DataFrame({"a": [1, 2, 3], "b": [1, 2, 3]}))
    assert (out[["value", "ci_low", "ci_high"]].to_numpy() == 1).all()


def test_the_design_is_that_of_salib_and_a_second_scheme_is_an_input():
    from SALib.sample import sobol

    problem = {"num_vars": 3, "names": list("abc"), "bounds": [[0, 1], [2, 4], [-1, 1]]}
    seen = []

    def model(runs: np.ndarray) -> np.ndarray:
        seen.append(runs.copy())
        return runs @ np.array([3.0, 1.0, 0.0])

    out = scoring.sobol_indices(
        model, list("abc"), rng=np.random.default_rng(4), base=64, bounds=problem["bounds"]
    ).set_index(["statistic", "item"])["value"]
    wanted = sobol.sample(problem, 64, calc_second_order=False, seed=np.random.default_rng(4))
    assert np.allclose(seen[0], wanted)
    # variance of a linear model: 9/12 and 4/12
    assert out["total", "a"] == pytest.approx(9 / 13, abs=0.02)
    assert out["total", "c"] == 0

    table = pd.DataFrame({"p": [90.0, 50.0], "q": [50.0, 80.0]}, index=["u", "v"])
    choices = scoring.ScoringChoices(
        tables={"level": table}, weights={"p": 1, "q": 1}, means=("arithmetic",), spread=0.0,
        schemes={"other": {"p": 0, "q": 1}},
    )  # fmt: skip
    assert choices.inputs == ["normalisation", "aggregation", "scheme", "weight_p", "weight_q"]
    assert choices.nominal().tolist() == [70, 65]
    u = np.full((2, 5), 0.5)
    u[:, 2] = [0.2, 0.8]
    assert choices.ranks(u).tolist() == [[1, 2], [2, 1]]
    told = scoring.choice_sensitivity(choices, rng=np.random.default_rng(5), base=64)
    total = told[told["statistic"].eq("total")].set_index("item")["value"]
    assert total.idxmax() == "scheme"


def test_scores_that_are_printed_alike_share_rank_set_and_tier():
    scores = pd.DataFrame(
        {"community": list("abc"), "value": [90.04, 90.0, 80.0], "std_error": [0.0, 0.0, 0.0]}
    )
    out = scoring.ranks(scores, rng=np.random.default_rng(1), decimals=1)
    assert out["rank"].tolist() == [1, 1, 3]
    assert out["set_low"].tolist() == [1, 1, 3]
    assert out["set_high"].tolist() == [2, 2, 3]
    assert out["tier"].tolist() == [1, 1, 2]
    assert out["value"].tolist() == [90.04, 90.0, 80.0]
