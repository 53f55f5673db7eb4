"""What the notebooks rely on: design, raked weights, shares, differences, rates."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench import survey
from workbench.errors import InputError


def sample(seed: int = 7, buildings: int = 12, waves: tuple[str, ...] = ("a", "b")) -> pd.DataFrame:
    """Two waves in the same buildings of three communities, with some missing answers."""
    rng = np.random.default_rng(seed)
    rows = []
    for community in ("C1", "C2", "C3"):
        for building in range(buildings):
            lift = rng.normal(0, 0.4)
            for wave in waves:
                for _ in range(8):
                    q = int(np.clip(np.round(3.6 + lift + rng.normal()), 1, 5))
                    rows.append(
                        (
                            community,
                            f"B{building}",
                            wave,
                            rng.choice(["F", "M"], p=[0.7, 0.3]),
                            rng.choice(["young", "old"], p=[0.3, 0.7]),
                            q,
                        )
                    )
    frame = pd.DataFrame(rows, columns=["community", "psu", "wave", "sex", "age", "q"])
    frame["w"] = 20.0 + 5 * (np.arange(len(frame)) % 4)
    frame["q"] = frame["q"].astype(float).mask(rng.random(len(frame)) < 0.05)
    return frame


@pytest.fixture
def data() -> pd.DataFrame:
    return sample()


@pytest.fixture
def design(data: pd.DataFrame) -> survey.Design:
    return survey.Design(data, weights="w", strata="community", psu="psu")


@pytest.fixture
def margins() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "variable": ["sex", "sex", "age", "age"],
            "category": ["F", "M", "young", "old"],
            "count": [5000, 5000, 4000, 6000],
        }
    )


def naive_mean(d: survey.Design, y: np.ndarray, inside: np.ndarray) -> tuple[float, float]:
    """Weighted mean and its linearised standard error, written out."""
    w = d.data["w"].to_numpy()
    use = inside & ~np.isnan(y)
    top = sum(w[i] * y[i] for i in np.flatnonzero(use))
    below = sum(w[i] for i in np.flatnonzero(use))
    m = top / below
    var = 0.0
    for c in sorted(set(d.data["community"])):
        totals = []
        for b in sorted(set(d.data["psu"])):
            rows = (d.data["community"] == c).to_numpy() & (d.data["psu"] == b).to_numpy() & use
            totals.append(sum(w[i] * (y[i] - m) / below for i in np.flatnonzero(rows)))
        n = len(totals)
        var += n / (n - 1) * sum((t - np.mean(totals)) ** 2 for t in totals)
    return m, float(np.sqrt(var))


def test_domain_mean_agrees_with_the_formula_written_out(design: survey.Design) -> None:
    frame = survey.mean(design, "q", by="sex").set_index("sex")
    y = design.data["q"].to_numpy()
    for sex in ("F", "M"):
        m, se = naive_mean(design, y, (design.data["sex"] == sex).to_numpy())
        assert frame.loc[sex, "value"] == pytest.approx(m, rel=1e-12)
        assert frame.loc[sex, "std_error"] == pytest.approx(se, rel=1e-12)


def test_wave_difference_carries_the_covariance_of_shared_buildings(design: survey.Design) -> None:
    d = survey.contrast(design, "q", by="wave", of="top2", contrast={"b": 1, "a": -1}).iloc[0]
    v = survey.covariance(design, "q", by="wave", of="top2").to_numpy()
    shares = survey.top2(design, "q", by="wave")["value"].to_numpy()
    assert d["value"] == pytest.approx(shares[1] - shares[0])
    assert d["std_error"] == pytest.approx(np.sqrt(v[0, 0] + v[1, 1] - 2 * v[0, 1]))
    assert v[0, 1] > 0
    assert d["unit"] == "pp"


def test_raking_meets_every_margin_in_every_wave(
    design: survey.Design, margins: pd.DataFrame
) -> None:
    raked = survey.rake(design, margins, by="wave")
    got = survey.composition(raked, margins, by="wave")
    assert np.allclose(got["difference"], 0, atol=1e-10)
    assert raked.diagnostics["converged"].all()
    assert raked.diagnostics["wave"].tolist() == ["a", "b"]
    share = survey.proportion(raked, "sex", by="wave")
    assert np.allclose(share["std_error"], 0, atol=1e-12)  # the margin is known, not estimated


def test_margin_category_without_respondents_is_refused(
    design: survey.Design, margins: pd.DataFrame
) -> None:
    more = pd.DataFrame({"variable": ["age"], "category": ["oldest"], "count": [10]})
    with pytest.raises(InputError, match="oldest") as caught:
        survey.rake(design, pd.concat([margins, more]), total=10_000)
    assert caught.value.problems[0].code == "survey.margin-without-respondents"
    assert caught.value.problems[0].remedy_zh


def test_community_with_one_building_gets_a_value_and_no_interval(data: pd.DataFrame) -> None:
    one = data[(data["community"] != "C1") | (data["psu"] == "B0")]
    d = survey.Design(one, weights="w", strata="community", psu="psu")
    row = survey.top2(d, "q", by="community").iloc[0]
    assert row["value"] > 0
    assert np.isnan(row["ci_low"])
    assert row["flags"] == "no_interval"
    assert "单元" in row["reason_zh"]


def test_small_cells_are_withheld_with_a_second_one() -> None:
    frame = pd.DataFrame(
        {
            "item": "q",
            "age": ["a", "b", "c", "d"],
            "statistic": "top2",
            "value": [0.5, 0.6, 0.7, 0.8],
            "n": [4, 30, 12, 40],
        }
    )
    out = survey.disclosure(frame, minimum=10, cells="age")
    assert out["status"].tolist() == ["suppressed", "ok", "suppressed", "ok"]
    assert out["flags"].tolist() == ["disclosure", "", "disclosure_complementary", ""]
    assert out["value"].isna().tolist() == [True, False, True, False]


def test_rates_without_a_record_say_so() -> None:
    frame = survey.response_rates(None)
    assert (frame["status"] == "not_computed").all()
    assert frame["reason_en"].iloc[0] == "no record of who was not reached"


def test_unknown_categories_keep_their_share(data: pd.DataFrame, margins: pd.DataFrame) -> None:
    data.loc[:20, "sex"] = None
    d = survey.Design(data, weights="w", strata="community", psu="psu")
    kept = survey.rake(d, margins)
    lost = data["sex"].isna().to_numpy()
    w = data["w"].to_numpy()
    assert kept.weights.sum() == pytest.approx(10_000)
    assert kept.weights[lost].sum() / 10_000 == pytest.approx(w[lost].sum() / w.sum())
    assert kept.diagnostics["n_unknown"].tolist() == [21]
    out = survey.rake(d, margins, unknown="exclude")
    assert out.weights[lost].sum() == 0
    assert out.weights.sum() == pytest.approx(10_000)
    with pytest.raises(InputError, match=r"sex|加权变量"):
        survey.rake(d, margins, unknown="refuse")
