"""The same figures from ``svy``, an implementation of its own: a second opinion, tests only."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench import survey

polars = pytest.importorskip("polars")
svy = pytest.importorskip("svy")

NEAR = 1e-8  # of the figure; svy prints its estimates in full


@pytest.fixture(scope="module", name="data")
def data_fixture() -> pd.DataFrame:
    rng = np.random.default_rng(20261128)
    n, units = 3_000, 120
    psu = rng.integers(0, units, n)
    level = rng.normal(3.6, 0.5, units)
    q = np.clip(np.rint(level[psu] + rng.normal(0, 1, n)), 1, 5)
    q[rng.random(n) < 0.05] = np.nan
    top = pd.Series(q >= 4, dtype=float).where(~np.isnan(q))
    return pd.DataFrame(
        {
            "psu": psu,
            "stratum": psu % 12,
            "w": rng.uniform(0.5, 3, n),
            "age": rng.choice(["18-34", "35-59", "60+"], n, p=[0.2, 0.5, 0.3]),
            "sex": rng.choice(["female", "male"], n),
            "area": rng.choice(["e", "n", "s", "w"], n),
            "q": q,
            "top": top,
            "yes": top.map({0.0: "no", 1.0: "yes"}),
        }
    )


@pytest.fixture(scope="module", name="ours")
def ours_fixture(data: pd.DataFrame) -> survey.Design:
    return survey.Design(data, weights="w", strata="stratum", psu="psu")


@pytest.fixture(name="theirs")
def theirs_fixture(data: pd.DataFrame) -> Any:
    return svy.Sample(polars.from_pandas(data), svy.Design(stratum="stratum", psu="psu", wgt="w"))


def _same(ours: pd.DataFrame, theirs: Any, *, interval: bool = True) -> None:
    columns = {"value": "est", "std_error": "se"}
    if interval:
        columns |= {"ci_low": "lci", "ci_high": "uci"}
    for own, other in columns.items():
        np.testing.assert_allclose(ours[own], theirs.to_polars()[other].to_numpy(), rtol=NEAR)


def test_means_and_domains(ours: survey.Design, theirs: Any) -> None:
    _same(survey.mean(ours, "q"), theirs.estimation.mean("q", drop_nulls=True))
    by = theirs.estimation.mean("q", by="area", drop_nulls=True)
    _same(survey.mean(ours, "q", by="area"), by)


def test_shares_totals_and_ratios(ours: survey.Design, theirs: Any) -> None:
    _same(survey.proportion(ours, "yes"), theirs.estimation.prop("yes", drop_nulls=True))
    _same(survey.total(ours, "top"), theirs.estimation.total("top", drop_nulls=True))
    both = theirs.estimation.ratio("top", "q", drop_nulls=True)
    _same(survey.ratio(ours, "top", "q"), both)


def test_rao_scott(ours: survey.Design, theirs: Any) -> None:
    told = survey.rao_scott(ours, "age", "yes").iloc[0]
    f = theirs.categorical.tabulate("age", "yes", drop_nulls=True).stats.f
    np.testing.assert_allclose([told["value"], told["p_value"]], [f.value, f.p_value], rtol=NEAR)


def test_logistic_regression(ours: survey.Design, theirs: Any) -> None:
    model = survey.glm(ours, "top", ["age", "sex"], family="binomial").table
    cat = svy.Cat
    fitted = theirs.glm.fit("top", x=[cat("age"), cat("sex")], family="binomial")
    want = np.array([[c.est, c.se, c.wald.p_value] for c in fitted.coefs], dtype=float)
    # svy stops iterating at a looser tolerance
    np.testing.assert_allclose(model[["value", "std_error", "p_value"]], want, rtol=1e-6)


def test_raking(ours: survey.Design, theirs: Any) -> None:
    told = {"age": {"18-34": 300.0, "35-59": 450.0, "60+": 250.0}, "sex": {"female": 510.0}}
    told["sex"]["male"] = 490.0
    cells = [(v, c, x) for v, own in told.items() for c, x in own.items()]
    margins = pd.DataFrame(cells, columns=["variable", "category", "count"])
    raked = theirs.weighting.rake(controls=told, tol=1e-12)
    weights = raked.data[raked.design.wgt].to_numpy()
    np.testing.assert_allclose(survey.rake(ours, margins).weights, weights, rtol=1e-7)
