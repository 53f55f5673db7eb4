"""Broken input: each a message with place and remedy, or a row with its reason."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench import survey
from workbench.errors import InputError


def frame(**changed: Any) -> pd.DataFrame:
    base = {
        "community": ["C1"] * 6 + ["C2"] * 6,
        "psu": ["a", "a", "b", "b", "c", "c"] * 2,
        "w": [2.0] * 12,
        "sex": ["F", "M"] * 6,
        "q": [5, 4, 3, 2, 1, 5, 4, 4, 4, 3, 2, 1],
        "N": [9] * 12,
    }
    return pd.DataFrame(base | changed)


def design(**changed: Any) -> survey.Design:
    return survey.Design(frame(**changed), weights="w", strata="community", psu="psu")


MARGINS = pd.DataFrame({"variable": "sex", "category": ["F", "M"], "count": [60, 40]})


def margins(**changed: Any) -> pd.DataFrame:
    return MARGINS.assign(**changed)


def refused(code: str, call: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        call()
    assert code in [p.code for p in caught.value.problems], caught.value.problems
    for problem in caught.value.problems:
        assert problem.zh
        assert problem.en
    assert pickle.loads(pickle.dumps(caught.value)).problems == caught.value.problems
    return caught.value


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (0.0, "survey.weight-zero"),
        (-1.0, "survey.weight-negative"),
        (np.nan, "survey.weight-missing"),
        (np.inf, "survey.infinite"),
    ],
)
def test_impossible_weight_is_named_with_its_row(value: float, code: str) -> None:
    weights = [2.0] * 12
    weights[4] = value
    error = refused(code, lambda: design(w=weights))
    assert error.problems[0].row == 5
    assert error.problems[0].column == "w"


def test_misspelt_column_is_answered_with_the_nearest() -> None:
    error = refused(
        "survey.no-such-column", lambda: survey.Design(frame(), weights="w", strata="comunity")
    )
    assert "community" in error.problems[0].remedy_en


def test_missing_stratum_and_unit_are_refused() -> None:
    gone = frame().assign(community=lambda f: f["community"].mask(f.index == 2))
    refused(
        "survey.design-missing",
        lambda: survey.Design(gone, weights="w", strata="community", psu="psu"),
    )


def test_empty_wave_is_refused() -> None:
    refused("survey.empty", lambda: survey.Design(frame().iloc[:0]))


def test_unit_in_two_strata_is_refused_unless_nested() -> None:
    refused(
        "survey.psu-crosses-strata",
        lambda: survey.Design(frame(), strata="community", psu="psu", nest=False),
    )
    assert survey.Design(frame(), strata="community", psu="psu").psus == 6


@pytest.mark.parametrize(
    ("counts", "code"),
    [
        ([2] * 12, "survey.fpc-too-small"),
        ([9] * 5 + [8] + [9] * 6, "survey.fpc-varies"),
        ([9] * 11 + [np.nan], "survey.fpc-missing"),
    ],
)
def test_population_counts_are_checked(counts: list[float], code: str) -> None:
    refused(
        code,
        lambda: survey.Design(frame(N=counts), weights="w", strata="community", psu="psu", fpc="N"),
    )


def test_lonely_unit_is_refused_on_request_and_counted_otherwise() -> None:
    one = frame(psu=["a"] * 6 + ["a", "a", "b", "b", "c", "c"])
    refused(
        "survey.lonely-psu",
        lambda: survey.Design(one, weights="w", strata="community", psu="psu", lonely="fail"),
    )
    d = survey.Design(one, weights="w", strata="community", psu="psu")
    summary = d.summary().set_index("statistic")["value"]
    assert summary["lonely_strata"] == 1
    row = survey.mean(d, "q", by="community").iloc[0]
    assert row["flags"] == "no_interval"
    assert np.isnan(row["ci_low"])
    assert row["value"] == pytest.approx(20 / 6)


def test_answer_off_the_scale_is_named_with_its_row() -> None:
    error = refused("survey.off-scale", lambda: survey.top2(design(q=[5, 4, 9] + [3] * 9), "q"))
    assert error.problems[0].row == 3


def test_text_where_numbers_belong_is_named() -> None:
    error = refused("survey.not-a-number", lambda: survey.mean(design(), "sex"))
    assert error.problems[0].found == "'F'"


def test_all_answers_equal_gives_a_value_and_says_why_no_interval() -> None:
    row = survey.mean(design(q=[4] * 12), "q").iloc[0]
    assert (row["value"], row["status"], row["flags"]) == (4, "low_precision", "no_variation")
    assert np.isnan(row["ci_low"])
    share = survey.top2(design(q=[4] * 12), "q").iloc[0]
    assert share["ci_low"] < share["value"] == share["ci_high"] == 1


def test_domain_without_anybody_and_item_without_answers() -> None:
    d = design(q=[np.nan] * 6 + [1, 2, 3, 4, 5, 5])
    frame_ = survey.top2(d, "q", by="community").set_index("community")
    assert frame_.loc["C1", "status"] == "not_computed"
    assert np.isnan(frame_.loc["C1", "value"])
    assert frame_.loc["C1", "reason_zh"]
    nobody = survey.mean(d.subset("q > 99"), "q").iloc[0]
    assert nobody["status"] == "not_computed"


def test_contrast_with_an_unknown_wave_or_an_empty_one() -> None:
    refused(
        "survey.no-such-category",
        lambda: survey.contrast(design(), "q", by="sex", contrast={"F": 1, "X": -1}),
    )
    d = survey.Design(frame(sex=["F"] * 6 + ["F", "M"] * 3), weights="w", psu="psu")
    out = survey.contrast(d, "q", by="sex", within="community", contrast={"F": 1, "M": -1})
    assert out.set_index("community").loc["C1", "status"] == "not_computed"


@pytest.mark.parametrize(
    ("table", "code"),
    [
        (margins(count=[60, -1]), "survey.margin-count"),
        (margins(count=[60, np.nan]), "survey.margin-count"),
        (margins(category=["F", "F"]), "survey.margin-twice"),
        (margins(category=["F", "X"]), "survey.margin-lacks-category"),
        (margins(count=[60, 0]), "survey.margin-zero"),
        (MARGINS.iloc[:0], "survey.margins-empty"),
        (
            pd.concat([MARGINS, margins(variable="q2", category=["1", "2"], count=[50, 51])]),
            "survey.margins-disagree",
        ),
        (margins(variable="gender"), "survey.no-such-column"),
    ],
)
def test_margins_that_cannot_be_met_are_refused(table: pd.DataFrame, code: str) -> None:
    d = design(q2=[1, 2] * 6)
    refused(code, lambda: survey.rake(d, table))


def test_all_problems_of_the_margins_come_at_once() -> None:
    error = refused(
        "survey.margin-lacks-category", lambda: survey.rake(design(), margins(category=["F", "X"]))
    )
    assert {p.code for p in error.problems} == {
        "survey.margin-lacks-category",
        "survey.margin-without-respondents",
    }


def test_margins_no_weights_can_meet_do_not_converge_in_silence() -> None:
    both = pd.concat([MARGINS, margins(variable="age", category=["F", "M"], count=[50, 50])])
    d = design(age=["F", "M"] * 6)
    error = refused("survey.rake-not-converged", lambda: survey.rake(d, both, max_iterations=50))
    assert "%" in error.problems[0].en


def test_totals_that_disagree_can_be_scaled_openly() -> None:
    both = pd.concat([MARGINS, margins(variable="q2", category=["1", "2"], count=[50, 51])])
    d = survey.rake(design(q2=[1, 1, 2] * 4), both, total=100)
    assert d.weights.sum() == pytest.approx(100)


def test_weighting_a_subset_is_refused() -> None:
    refused("survey.weight-subset", lambda: survey.rake(design().subset("sex == 'F'"), MARGINS))


def test_calibration_without_a_solution_is_refused() -> None:
    goal = pd.concat([margins(count=[12, 12]), pd.DataFrame({"variable": ["q"], "count": [500.0]})])
    refused(
        "survey.calibration-not-converged",
        lambda: survey.calibrate(design(), goal, bounds=(0.5, 2)),
    )
    refused("survey.bounds", lambda: survey.calibrate(design(), goal, method="logit"))


def test_linear_calibration_to_negative_weights_is_refused() -> None:
    goal = pd.DataFrame({"variable": ["q", "N"], "category": None, "count": [115.0, 216.0]})
    refused("survey.negative-weights", lambda: survey.calibrate(design(), goal))


def test_weights_that_cannot_be_trimmed_are_refused() -> None:
    refused("survey.trim-bounds", lambda: survey.trim(design(), upper=1.0))


def test_factor_levels_that_differ_between_waves_are_named() -> None:
    d = design(wave=["a"] * 6 + ["b"] * 6, sex=["F", "M"] * 3 + ["F", "女"] * 3)
    error = refused("survey.margin-lacks-category", lambda: survey.rake(d, MARGINS, by="wave"))
    assert any(p.found == "女" for p in error.problems)


def test_class_without_respondents_is_refused() -> None:
    d = design(r=[1] * 6 + [0] * 6)
    refused(
        "survey.class-without-respondents",
        lambda: survey.nonresponse_adjust(d, "r", cells="community"),
    )


@pytest.mark.parametrize("code", ["", "5.1", "2", "x", None])
def test_unknown_disposition_is_named(code: Any) -> None:
    refused(
        "survey.disposition",
        lambda: survey.response_rates(pd.DataFrame({"disposition": ["1.1", code]})),
    )


def test_rates_without_any_contact_are_not_computed() -> None:
    out = survey.response_rates(pd.DataFrame({"disposition": ["4.10"]})).set_index("statistic")
    assert out.loc["rr1", "status"] == "not_computed"
    assert np.isnan(out.loc["rr1", "value"])


def test_unknown_word_is_answered_with_the_nearest() -> None:
    error = refused("survey.unknown-word", lambda: survey.top2(design(), "q", ci="wilsn"))
    assert "wilson" in error.problems[0].remedy_en


def test_regression_that_cannot_be_fitted_is_refused() -> None:
    d = design(twice=np.arange(12) * 2.0, once=np.arange(12) * 1.0)
    refused("survey.collinear", lambda: survey.glm(d, "q", ["once", "twice"]))
    split = design(yes=[0, 1] * 6)
    refused("survey.separation", lambda: survey.glm(split, "yes", ["sex"], family="binomial"))
    refused(
        "survey.outcome-constant",
        lambda: survey.glm(design(yes=[1] * 12), "yes", ["q"], family="binomial"),
    )


def test_small_area_model_refuses_a_variance_of_zero() -> None:
    data = pd.DataFrame({"y": [0.5, 0.6, 0.7, 0.8], "v": [0.01, 0.0, 0.02, 0.01]})
    error = refused("survey.area-variance", lambda: survey.fay_herriot(data, "y", "v"))
    assert error.problems[0].row == 2


def test_opt_in_sample_prints_no_sampling_interval() -> None:
    d = survey.Design(frame(), weights="w", strata="community", psu="psu", kind="opt_in")
    row = survey.mean(d, "q").iloc[0]
    assert np.isnan(row["ci_low"])
    assert "opt_in" in row["flags"]
    raked = survey.mean(survey.rake(d, MARGINS), "q").iloc[0]
    assert row["value"] > 0
    assert "model_based" in raked["flags"]
    assert raked["ci_low"] < raked["value"]


def test_design_is_frozen_and_leaves_its_data_alone() -> None:
    data = frame()
    before = data.copy()
    d = survey.Design(data, weights="w", strata="community", psu="psu")
    with pytest.raises(AttributeError, match="frozen"):
        d.weights = np.ones(12)
    survey.rake(d, MARGINS)
    pd.testing.assert_frame_equal(data, before)
    assert (d.weights == 2).all()
    again = pickle.loads(pickle.dumps(d))
    assert again.df == d.df


def test_respondent_who_stands_twice_is_named() -> None:
    data = pd.DataFrame({"wave": ["a", "a", "b", "b"], "who": [1, 2, 2, 2], "q": [1, 2, 3, 4]})
    with pytest.raises(InputError) as caught:
        survey.Design(data, respondent=["wave", "who"])
    problem = caught.value.problems[0]
    assert (problem.code, problem.row) == ("survey.respondent-twice", 3)
    assert "2 rows" in problem.en
    assert problem.found == "b / 2"
    assert problem.remedy_en
    assert survey.Design(data[:3], respondent=["wave", "who"]).df == 2


def test_one_building_gives_a_value_and_says_why_no_interval() -> None:
    data = pd.DataFrame({"b": ["x"] * 20, "q": [5, 4, 3, 2] * 5, "g": ["m", "f"] * 10})
    for told in (
        survey.top2(survey.Design(data, psu="b"), "q", by="g"),
        survey.mean(survey.Design(data, psu="b"), "q"),
        survey.net(survey.Design(data, psu="b"), "q"),
        survey.quantile(survey.Design(data, psu="b"), "q", q=0.5),
        survey.contrast(survey.Design(data, psu="b"), "q", by="g", contrast={"m": 1, "f": -1}),
    ):
        assert told["value"].notna().all()
        assert told[["std_error", "ci_low", "ci_high"]].isna().all(axis=None)
        assert told["reason_en"].str.contains("single primary").all()
        assert (told["status"] != "ok").all()
