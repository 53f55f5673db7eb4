"""Rates, their ratio, and many tests."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from workbench import change
from workbench.errors import InputError


def test_the_exact_interval_of_a_rate_inverts_the_poisson_tails() -> None:
    made = change.rate(8, households=1620, years=1).iloc[0]
    low, high = made["ci_low"] * 16.2, made["ci_high"] * 16.2
    assert stats.poisson.sf(7, low) == pytest.approx(0.025, rel=1e-9)
    assert stats.poisson.cdf(8, high) == pytest.approx(0.025, rel=1e-9)


def test_no_event_gives_the_one_sided_limit() -> None:
    made = change.rate(0, households=85, years=0.75).iloc[0]
    assert made["ci_high"] == pytest.approx(-math.log(0.05) / 0.6375)
    assert (made["value"], made["ci_low"], made["flags"]) == (0, 0, "zero_count")


def test_no_exposure_is_not_computed() -> None:
    made = change.rate(3, households=0, years=1).iloc[0]
    assert made["status"] == "not_computed"
    assert math.isnan(made["value"])


@pytest.mark.parametrize("bad", [-1, 2.5, math.inf])
def test_what_is_no_count_is_refused(bad: float) -> None:
    with pytest.raises(InputError):
        change.rate(bad, households=10, years=1)


def test_a_column_of_counts_is_refused_by_its_own_name_and_row() -> None:
    data = pd.DataFrame({"wave": ["1", "2"], "visits": [3, 4.5], "years": 1.0})
    with pytest.raises(InputError) as caught:
        change.compare(data, "visits", baseline="1", current="2", of="rate", exposure="years")
    assert [(p.column, p.row) for p in caught.value.problems] == [("visits", 2)]


@given(x0=st.integers(1, 60), x1=st.integers(1, 60), t=st.floats(0.2, 5))
@settings(max_examples=25, deadline=None)
def test_swapping_periods_inverts_the_ratio(x0: int, x1: int, t: float) -> None:
    one = change.rate_ratio(x0, x1, exposure_before=1.0, exposure_after=t)
    two = change.rate_ratio(x1, x0, exposure_before=t, exposure_after=1.0)
    a, b = one.iloc[0], two.iloc[0]
    assert a["value"] * b["value"] == pytest.approx(1)
    assert a["ci_low"] * b["ci_high"] == pytest.approx(1)
    np.testing.assert_allclose(one["p_value"], two["p_value"], rtol=1e-7)


def test_midp_limits_solve_their_equation() -> None:
    made = change.rate_ratio(12, 8, exposure_before=25920, exposure_after=19440)
    made = made.set_index("method").loc["change.rate_ratio.midp"]
    for end, tail in ((made["ci_low"], 0.975), (made["ci_high"], 0.025)):
        p = end / (end + 25920 / 19440)
        mid = stats.binom.cdf(8, 20, p) - stats.binom.pmf(8, 20, p) / 2
        assert mid == pytest.approx(tail, abs=1e-9)


@pytest.mark.parametrize(("x0", "x1"), [(0, 7), (7, 0), (0, 0)])
def test_zero_counts_have_no_made_up_ratio(x0: int, x1: int) -> None:
    made = change.rate_ratio(x0, x1, exposure_before=1, exposure_after=1).iloc[0]
    if x1 == 0 and x0:
        assert made["value"] == 0
        # 1 - limit solves (1-p)^7 = 0.05
        assert made["ci_high"] / (1 + made["ci_high"]) == pytest.approx(1 - 0.05 ** (1 / 7))
    else:
        assert made["status"] == "not_computed"
        assert made["reason_en"]


def test_overdispersed_counts_prefer_quasi_poisson() -> None:
    before, after = [2, 40, 9, 30, 1, 25], [5, 22, 2, 33, 0, 11]
    made = change.rate_ratio(before, after, exposure_before=[10.0] * 6, exposure_after=[9.0] * 6)
    chosen = made[made["preferred"]]
    assert chosen["method"].tolist() == ["change.rate_ratio.quasi"]
    poisson = made.set_index("method").loc["change.rate_ratio.poisson"]
    assert chosen["std_error"].iloc[0] > poisson["std_error"]


def test_models_agree_with_statsmodels() -> None:
    import statsmodels.api as sm

    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"after": [0, 1] * 15, "t": rng.uniform(1, 9, 30)})
    frame["y"] = rng.poisson(3 * frame["t"] * np.exp(-0.3 * frame["after"]))
    made = change.rate_models(frame, count="y", exposure="t", after="after")
    made = made.set_index("method")
    X = sm.add_constant(frame["after"].astype(float))
    fit = sm.GLM(frame["y"], X, sm.families.Poisson(), offset=np.log(frame["t"])).fit()
    assert made.loc["change.rate_ratio.poisson", "coef"].iloc[0] == pytest.approx(
        fit.params.iloc[1]
    )
    assert made.loc["change.rate_ratio.poisson", "std_error"].iloc[0] == pytest.approx(
        fit.bse.iloc[1], rel=1e-6
    )


# many tests


def naive_holm(p: list[float]) -> list[float]:
    order = sorted(range(len(p)), key=lambda i: p[i])
    out, best = [0.0] * len(p), 0.0
    for rank, i in enumerate(order):
        best = max(best, (len(p) - rank) * p[i])
        out[i] = min(1.0, best)
    return out


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
@settings(max_examples=40, deadline=None)
def test_corrections_agree_with_statsmodels(p: list[float]) -> None:
    from statsmodels.stats.multitest import multipletests

    np.testing.assert_allclose(change.adjust(p, "holm"), naive_holm(p), atol=1e-12)
    names = {"bh": "fdr_bh", "by": "fdr_by", "hommel": "hommel", "bonferroni": "bonferroni"}
    for ours, theirs in names.items():
        expected = multipletests(p, method=theirs)[1]
        np.testing.assert_allclose(change.adjust(p, ours), expected, atol=1e-12, err_msg=ours)


def test_missing_p_values_do_not_count() -> None:
    made = change.adjust([0.01, math.nan, 0.04])
    assert made[0] == pytest.approx(0.02)
    assert math.isnan(made[1])


def test_families_are_corrected_apart() -> None:
    frame = pd.DataFrame({"community": ["A", "A", "B"], "p_value": [0.01, 0.02, 0.03]})
    made = change.multiplicity(frame, by="community", family="report")
    assert made["p_adjusted"].tolist() == [0.02, 0.02, 0.03]
    assert made["family"].tolist() == ["report:A", "report:A", "report:B"]
    summary = change.multiplicity_summary(frame).set_index("statistic")["value"]
    assert summary["tests"] == 3
    assert summary["expected_by_chance"] == pytest.approx(0.15)


@pytest.mark.parametrize(("p", "method"), [([0.2, 1.4], "holm"), ([0.2], "magic"), ([-0.1], "bh")])
def test_wrong_p_values_and_methods_are_refused(p: list[float], method: str) -> None:
    with pytest.raises(InputError):
        change.adjust(p, method)
