"""compare() chooses by design; properties and bad input of the other methods."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench import change
from workbench.errors import InputError


def people(rng: np.random.Generator, n: int = 120) -> pd.DataFrame:
    base = rng.normal(3, 1, n)
    first = pd.DataFrame({"wave": 1, "person": np.arange(n), "q": base.round().clip(1, 5)})
    later = (base + 0.6 + rng.normal(0, 0.5, n)).round().clip(1, 5)
    second = pd.DataFrame({"wave": 2, "person": np.arange(n), "q": later})
    return pd.concat([first, second.iloc[: n - 15]], ignore_index=True)


def arms(rng: np.random.Generator, treated: int, comparison: int, lift: float) -> pd.DataFrame:
    rows = []
    for c in range(treated + comparison):
        on = int(c < treated)
        level = rng.normal(60, 2)
        for post in (0, 1):
            move = rng.normal(0, 1) + post * (1 + lift * on)
            y = level + move + rng.normal(0, 5, 12)
            rows += [(f"C{c:02d}", on, post, value) for value in y]
    return pd.DataFrame(rows, columns=["community", "on", "wave", "y"])


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20)


WAVES: dict[str, Any] = {"baseline": 1, "current": 2}


def test_mostly_the_same_people_are_compared_in_pairs(rng: np.random.Generator) -> None:
    frame = people(rng)
    made = change.compare(frame, "q", person="person", of="mean", **WAVES).iloc[0]
    wide = frame.pivot(index="person", columns="wave", values="q").dropna()
    d = wide[2] - wide[1]
    assert made["method"] == "change.paired_t"
    assert made["value"] == pytest.approx(d.mean())
    assert made["std_error"] == pytest.approx(d.std(ddof=1) / math.sqrt(len(d)))
    assert made["attrition"] == pytest.approx(15 / 120)
    share = change.compare(frame, "q", person="person", **WAVES).iloc[0]
    assert share["method"] == "change.difference.tango"
    assert share["bound_low"] < share["value"] < share["bound_high"]


def test_some_of_the_same_people_enter_by_their_covariance(rng: np.random.Generator) -> None:
    frame = people(rng)
    frame.loc[frame["wave"] == 2, "person"] += 80
    made = change.compare(frame, "q", person="person", of="mean", **WAVES).iloc[0]
    assert made["method"] == "change.difference.design"
    assert "overlap" in made["choice_en"]


def test_a_panel_with_nobody_in_both_waves_is_refused(rng: np.random.Generator) -> None:
    frame = people(rng)
    frame.loc[frame["wave"] == 2, "person"] += 1000
    with pytest.raises(InputError) as caught:
        change.compare(frame, "q", person="person", of="mean", **WAVES)
    assert caught.value.problems[0].code == "change.overlap"


def test_a_person_twice_in_a_wave_is_refused(rng: np.random.Generator) -> None:
    frame = pd.concat([people(rng), people(rng).head(1)])
    with pytest.raises(InputError) as caught:
        change.compare(frame, "q", person="person", **WAVES)
    assert caught.value.problems[0].code == "change.duplicate"


def test_treated_and_comparison_communities_use_community_changes(
    rng: np.random.Generator,
) -> None:
    frame = arms(rng, 4, 6, 8.0)
    made = change.compare(
        frame, "y", community="community", treated="on", baseline=0, current=1, of="mean", margin=1
    ).iloc[0]
    means = frame.groupby(["community", "on", "wave"])["y"].mean().unstack()
    d = (means[1] - means[0]).reset_index()
    gap = d.loc[d["on"] == 1, 0].mean() - d.loc[d["on"] == 0, 0].mean()
    assert made["value"] == pytest.approx(gap)
    assert made["verdict"] == "better"
    # few communities: p by randomisation, never below 1/C(10,4)
    assert made["p_value"] >= 1 / math.comb(10, 4) - 1e-12
    assert made["evidence_grade"] in ("E1", "E2", "E3")
    assert change.overclaims(made["wording_en"], made["evidence_grade"]) == []


@pytest.mark.parametrize(("treated", "comparison"), [(1, 7), (7, 1)])
def test_an_arm_of_one_community_gives_no_claim_and_its_p_is_honest(
    rng: np.random.Generator, treated: int, comparison: int
) -> None:
    frame = arms(rng, treated, comparison, 30.0)
    made = change.compare(
        frame, "y", community="community", treated="on", baseline=0, current=1, of="mean",
        margin=1, facts={"same_question": True, "same_mode": True},
    ).iloc[0]  # fmt: skip
    assert made["status"] == "not_computed"
    assert made[["value", "ci_low", "ci_high", "p_value"]].isna().all()
    assert made["verdict"] == "cannot_tell"
    assert "own series" in made["reason_en"]
    assert "自身序列" in made["reason_zh"]
    # the plain function lists what can be said of such a design: its p is that of a draw
    plain = change.did(frame, outcome="y", community="community", treated="on", post="wave")
    assert plain.set_index("method").loc["change.did.randomisation", "p_value"] >= 1 / 8 - 1e-12


def test_a_series_with_a_date_is_compared_with_its_trend(rng: np.random.Generator) -> None:
    t = np.arange(1, 49)
    y = 10 + 0.1 * t + 2 * np.cos(2 * np.pi * t / 12) - 4 * (t >= 25) + rng.normal(0, 0.5, 48)
    frame = pd.DataFrame({"month": t, "y": y})
    made = change.compare(
        frame, "y", time="month", date=25, up=False, margin=0.5,
        facts={"date_fixed_before": True, "shape_fixed_before": True},
    ).iloc[0]  # fmt: skip
    assert made["method"] == "change.its.integrated"
    assert made["verdict"] == "better"
    assert made["evidence_grade"] == "E3"
    assert change.overclaims(made["wording_zh"], "E3") == []


def test_a_short_series_keeps_the_estimate_of_least_squares() -> None:
    frame = pd.DataFrame({"t": range(10), "y": [1, 2, 1, 2, 1, 4, 5, 4, 5, 4]})
    made = change.segmented(frame, value="y", time="t", start=5, harmonics=0)
    level = made[made["statistic"] == "level"].set_index("method")
    assert level.index[level["preferred"]].tolist() == ["change.its.integrated"]
    ours = level.loc["change.its.integrated"]
    assert ours["value"] == pytest.approx(level.loc["change.its.ols", "value"], rel=1e-12)


def test_the_interval_of_a_series_is_the_mixture_over_the_autocorrelation(
    rng: np.random.Generator,
) -> None:
    """Naive: draw phi by its restricted likelihood, then the level from its t, and take limits."""
    t = np.arange(24)
    e = rng.normal(0, 1, 24)
    for i in range(1, 24):
        e[i] += 0.5 * e[i - 1]
    y = 10 + 0.1 * t - 2 * (t >= 12) + e
    frame = pd.DataFrame({"t": t, "y": y})
    made = change.segmented(frame, value="y", time="t", start=12, harmonics=0)
    ours = made[(made["statistic"] == "level") & made["preferred"]].iloc[0]
    post = (t >= 12).astype(float)
    X = np.column_stack([np.ones(24), t, post, np.where(post > 0, t - 11, 0)])
    draws, logs, m = [], [], 20
    for phi in np.linspace(0, 0.98, 50):
        R = phi ** np.abs(np.subtract.outer(t, t)) / (1 - phi**2)  # variance of AR(1)
        inverse = np.linalg.inv(R)
        A = np.linalg.inv(X.T @ inverse @ X)
        b = A @ X.T @ inverse @ y
        rss = float((y - X @ b) @ inverse @ (y - X @ b))
        log = -0.5 * np.linalg.slogdet(R)[1] + 0.5 * np.linalg.slogdet(A)[1]
        logs.append(log - m / 2 * np.log(rss) - 0.5 * np.log(1 - phi**2))
        draws.append(b[2] + np.sqrt(A[2, 2] * rss / m) * rng.standard_t(m, 4000))
    weights = np.exp(np.array(logs) - max(logs))
    flat = np.concatenate(draws)
    order = np.argsort(flat)
    share = np.cumsum(np.repeat(weights / weights.sum() / 4000, 4000)[order])
    low, high = (flat[order][np.searchsorted(share, p)] for p in (0.025, 0.975))
    width = ours["ci_high"] - ours["ci_low"]
    assert ours["ci_low"] == pytest.approx(low, abs=0.03 * width)
    assert ours["ci_high"] == pytest.approx(high, abs=0.03 * width)
    plugged = made[(made["statistic"] == "level") & made["method"].eq("change.its.gls_reml")]
    assert width > 0.9 * float((plugged["ci_high"] - plugged["ci_low"]).iloc[0])


def test_a_series_without_error_is_not_computed() -> None:
    t = np.arange(24)
    frame = pd.DataFrame({"t": t, "y": 10.0 + t + 3 * (t >= 12)})
    made = change.segmented(frame, value="y", time="t", start=12, harmonics=0)
    assert set(made["status"]) == {"not_computed"}
    assert made["reason_zh"].ne("").all()


def test_start_dates_are_reassigned_in_every_way(rng: np.random.Generator) -> None:
    """Naive: the simple average is computed again for each of the assignments."""
    from itertools import permutations

    unit, t = np.repeat(np.arange(5), 4), np.tile(np.arange(1, 5), 5)
    start = np.array([0, 0, 2, 3, 3])
    frame = pd.DataFrame({"u": unit, "t": t, "g": start[unit], "y": rng.normal(0, 1, 20)})
    names: dict[str, Any] = {"outcome": "y", "unit": "u", "time": "t", "first_treated": "g"}

    def simple(data: pd.DataFrame) -> pd.DataFrame:
        made = change.callaway_santanna(data, **names)
        return made.set_index("statistic").loc[["simple", "randomisation"]]

    made = simple(frame)
    ours = made.loc["randomisation"]
    ways = sorted(set(permutations(start.tolist())))
    values = [simple(frame.assign(g=np.array(way)[unit]))["value"].iloc[0] for way in ways]
    observed = made["value"].iloc[0]
    naive = np.mean([abs(v) >= abs(observed) - 1e-12 for v in values])
    assert ours["assignments"] == len(ways) == 30
    assert ours["p_value"] == pytest.approx(naive, rel=1e-12)


def test_group_time_effects_of_few_units_are_those_of_a_t_test(rng: np.random.Generator) -> None:
    """One group, two periods: the two-sample t of unequal variances (Welch)."""
    from scipy import stats

    unit, t = np.repeat(np.arange(9), 2), np.tile([1, 2], 9)
    frame = pd.DataFrame(
        {"u": unit, "t": t, "g": np.where(unit < 3, 2, 0), "y": rng.normal(0, 1, 18)}
    )
    made = change.callaway_santanna(frame, outcome="y", unit="u", time="t", first_treated="g")
    ours = made[(made["statistic"] == "group_average")].iloc[0]
    change_of = frame.pivot(index="u", columns="t", values="y").diff(axis=1)[2].to_numpy()
    welch = stats.ttest_ind(change_of[:3], change_of[3:], equal_var=False)
    assert ours["value"] == pytest.approx(change_of[:3].mean() - change_of[3:].mean())
    assert ours["p_value"] == pytest.approx(welch.pvalue, rel=1e-9)
    assert ours["df"] == pytest.approx(welch.df, rel=1e-9)


def test_published_figures_without_n_are_reported_only() -> None:
    frame = pd.DataFrame(
        {
            "item": ["a", "b"],
            "before": [42.0, 42.0],
            "after": [76.0, 76.0],
            "n_before": [None, 50],
            "n_after": [None, 50],
        }
    )
    made = change.compare(
        frame, of="published", facts={"dates_known": True, "question_known": True}
    )
    assert made["evidence_grade"].tolist() == ["E0", "E1"]
    assert made["verdict"].tolist() == ["cannot_tell", "better"]
    assert made["wording_en"].iloc[0] == "42.0% and 76.0% were reported."


def test_a_staggered_start_uses_group_time_effects(rng: np.random.Generator) -> None:
    rows = []
    for c in range(14):
        g = 0 if c < 6 else 4 if c < 10 else 6
        level = rng.normal(50, 3)
        for t in range(1, 9):
            y = level + t + (5 if g and t >= g else 0) + rng.normal(0, 0.5)
            rows.append((c, t, g, y))
    frame = pd.DataFrame(rows, columns=["c", "t", "g", "y"])
    made = change.compare(frame, "y", community="c", time="t", first_treated="g", margin=1).iloc[0]
    assert made["value"] == pytest.approx(5, abs=0.6)
    assert made["method"] == "change.callaway_santanna"


# naive recomputation


def test_the_randomisation_p_is_the_naive_loop(rng: np.random.Generator) -> None:
    d = rng.normal(0, 1, 8)
    d[:3] += 1
    treated = np.arange(8) < 3
    made = change.randomisation(d, treated)
    observed = d[:3].mean() - d[3:].mean()
    gaps = []
    for pick in itertools.combinations(range(8), 3):
        on = np.isin(np.arange(8), pick)
        gaps.append(d[on].mean() - d[~on].mean())
    assert made["p"] == pytest.approx(np.mean(np.abs(gaps) >= abs(observed) - 1e-12))
    assert made["assignments"] == 56


def test_the_wild_bootstrap_is_the_naive_loop(rng: np.random.Generator) -> None:
    codes = np.repeat(np.arange(6), 5)
    x = np.repeat([0.0, 0.0, 0.0, 1.0, 1.0, 1.0], 5)
    y = 0.4 * x + rng.normal(0, 1, 30) + np.repeat(rng.normal(0, 0.4, 6), 5)
    X = np.column_stack([np.ones(30), x])
    model = change.fit(y, X, codes)
    made = change.wild_bootstrap(model, 1)

    def t_of(outcome: np.ndarray) -> float:
        b, *_ = np.linalg.lstsq(X, outcome, rcond=None)
        e = outcome - X @ b
        A = np.linalg.inv(X.T @ X)
        meat = sum(
            np.outer(X[codes == g].T @ e[codes == g], X[codes == g].T @ e[codes == g])
            for g in range(6)
        )
        return float(b[1] / math.sqrt((A @ meat @ A)[1, 1]))

    restricted = y - y.mean()
    observed = t_of(y)
    draws = [
        t_of(y.mean() + restricted * np.array(signs)[codes])
        for signs in itertools.product([1, -1], repeat=6)
    ]
    naive = np.mean(np.abs(draws) >= abs(observed) - 1e-9)
    assert made["p"] == pytest.approx(naive)
    assert made["vectors"] == 64


def test_the_wild_bootstrap_p_is_one_minus_the_level_at_the_limits(
    rng: np.random.Generator,
) -> None:
    frame = arms(rng, 4, 4, 5.0)
    codes, names = pd.factorize(frame["community"])
    X = np.column_stack([np.eye(len(names))[codes], frame["wave"], frame["wave"] * frame["on"]])
    model = change.fit(frame["y"], X, codes)
    low, high = change.wild_interval(model, X.shape[1] - 1)
    inside = change.wild_bootstrap(model, X.shape[1] - 1, null=(low + high) / 2)
    assert inside["p_strict"] > 0.05
    width = high - low
    for null in (low - 0.01 * width, high + 0.01 * width):
        assert change.wild_bootstrap(model, X.shape[1] - 1, null=null)["p_strict"] <= 0.05


def test_cr2_of_a_mean_with_equal_clusters_is_the_t_test_of_their_means(
    rng: np.random.Generator,
) -> None:
    y = rng.normal(0, 1, (6, 10)) + rng.normal(0, 1, (6, 1))
    model = change.fit(y.ravel(), np.ones((60, 1)), np.repeat(np.arange(6), 10))
    rows = {r["method"]: r for r in change.cluster_rows(model, 0, statistic="m", unit="score")}
    made = rows["change.ols.cr2"]
    assert made["std_error"] == pytest.approx(y.mean(axis=1).std(ddof=1) / math.sqrt(6))
    assert made["df"] == pytest.approx(5)


def test_synthetic_weights_are_the_best_of_a_grid(rng: np.random.Generator) -> None:
    donors = rng.normal(0, 1, (6, 3))
    target = donors @ np.array([0.2, 0.5, 0.3]) + rng.normal(0, 0.1, 6)
    w = change.synthetic_weights(target, donors)
    assert w.sum() == pytest.approx(1)
    assert (w >= 0).all()
    loss = ((target - donors @ w) ** 2).sum()
    for a, b in itertools.product(np.linspace(0, 1, 21), repeat=2):
        if a + b <= 1:
            other = np.array([a, b, 1 - a - b])
            assert loss <= ((target - donors @ other) ** 2).sum() + 1e-9


def test_the_reml_fit_agrees_with_a_grid_of_the_likelihood(rng: np.random.Generator) -> None:
    from scipy.linalg import toeplitz

    n = 30
    t = np.arange(n)
    e = np.zeros(n)
    for i in range(1, n):
        e[i] = 0.5 * e[i - 1] + rng.normal()
    frame = pd.DataFrame({"t": t, "y": 3 + 0.1 * t - 2 * (t >= 15) + e})
    made = change.segmented(frame, value="y", time="t", start=15, harmonics=0)
    phi = made.query("statistic == 'phi' and method == 'change.its.gls_reml'")["value"].iloc[0]
    post = (t >= 15).astype(float)
    X = np.column_stack([np.ones(n), t, post, post * (t - 14)])
    y = frame["y"].to_numpy()

    def restricted(value: float) -> float:
        V = toeplitz(value ** np.arange(n)) / (1 - value**2)
        W = np.linalg.inv(V)
        A = X.T @ W @ X
        b = np.linalg.solve(A, X.T @ W @ y)
        r = y - X @ b
        s2 = r @ W @ r / (n - 4)
        logs = np.linalg.slogdet(V)[1] + np.linalg.slogdet(A)[1]
        return float(-0.5 * ((n - 4) * np.log(s2) + logs))

    grid = np.linspace(-0.9, 0.95, 3701)
    assert phi == pytest.approx(grid[np.argmax([restricted(v) for v in grid])], abs=1e-3)


def test_group_time_effects_are_plain_differences_of_mean_changes(
    rng: np.random.Generator,
) -> None:
    frame = pd.DataFrame(
        [(c, t, 0 if c < 5 else 3, rng.normal()) for c in range(9) for t in range(1, 6)],
        columns=["c", "t", "g", "y"],
    )
    made = change.callaway_santanna(
        frame, outcome="y", unit="c", time="t", first_treated="g"
    ).query("statistic == 'att' and time == 4")["value"].iloc[0]  # fmt: skip
    wide = frame.pivot(index="c", columns="t", values="y")
    d = wide[4] - wide[2]
    assert made == pytest.approx(d.iloc[5:].mean() - d.iloc[:5].mean())


def test_rounding_and_counts_by_brute_force() -> None:
    for n in range(1, 60):
        for percent in range(0, 101, 7):
            naive = [x for x in range(n + 1) if math.floor(100 * x / n + 0.5) == percent]
            assert change.fits_counts(percent, n) == naive, (percent, n)
    assert change.fits_counts(83.4, 512, decimals=1) == [427]


@given(x0=st.integers(0, 30), n0=st.integers(31, 60), x1=st.integers(0, 30), n1=st.integers(31, 60))
@settings(max_examples=40, deadline=None)
def test_swapping_the_waves_flips_every_interval_of_two_shares(
    x0: int, n0: int, x1: int, n1: int
) -> None:
    one = change.two_shares(x0, n0, x1, n1, exact=False).set_index("method")
    two = change.two_shares(x1, n1, x0, n0, exact=False).set_index("method")
    for name in ("newcombe", "miettinen_nurminen", "mee"):
        a, b = one.loc[f"change.difference.{name}"], two.loc[f"change.difference.{name}"]
        assert a["value"] == pytest.approx(-b["value"], abs=1e-12)
        assert a["ci_low"] == pytest.approx(-b["ci_high"], abs=1e-8)
        assert a["p_value"] == pytest.approx(b["p_value"], rel=1e-9)


def test_the_score_interval_holds_where_its_test_rejects() -> None:
    low, high = change.score_interval(21, 50, 38, 50)
    from workbench.change.proportions import _score

    assert abs(_score(21, 50, 38, 50, low, True)) == pytest.approx(1.959964, abs=1e-5)
    assert abs(_score(21, 50, 38, 50, high, True)) == pytest.approx(1.959964, abs=1e-5)


# bad input


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (lambda f: f.drop(index=5), "change.gap"),
        (lambda f: f.assign(y=f["y"].where(f["t"] != 7)), "change.missing"),
        (lambda f: pd.concat([f, f.tail(1)]), "change.duplicate"),
    ],
)
def test_a_series_with_holes_is_refused(edit: Any, code: str) -> None:
    frame = edit(pd.DataFrame({"t": range(30), "y": np.arange(30.0) % 7}))
    with pytest.raises(InputError) as caught:
        change.segmented(frame, value="y", time="t", start=15)
    assert caught.value.problems[0].code == code


@pytest.mark.parametrize("start", [-3, 0, 99])
def test_a_date_outside_the_series_is_refused(start: int) -> None:
    frame = pd.DataFrame({"t": range(30), "y": np.arange(30.0) % 7})
    with pytest.raises(InputError) as caught:
        change.segmented(frame, value="y", time="t", start=start)
    assert caught.value.problems[0].code == "change.date"


def test_too_few_points_or_equal_values_are_not_computed() -> None:
    for y, start in ((np.arange(20.0), 19), (np.ones(20), 10)):
        frame = pd.DataFrame({"t": range(20), "y": y})
        made = change.segmented(frame, value="y", time="t", start=start, harmonics=0)
        assert (made["status"] == "not_computed").all()
        assert made["reason_en"].ne("").all()


def test_did_collects_all_problems_before_it_refuses(rng: np.random.Generator) -> None:
    frame = arms(rng, 3, 3, 0)
    frame = frame[~((frame["community"] == "C05") & (frame["wave"] == 1))].copy()
    frame.loc[frame.index[0], "on"] = 0
    with pytest.raises(InputError) as caught:
        change.did(frame, outcome="y", community="community", treated="on", post="wave")
    assert {p.code for p in caught.value.problems} == {"change.arm", "change.period"}
    assert {p.community for p in caught.value.problems} == {"C00", "C05"}


def test_an_arm_without_communities_is_refused(rng: np.random.Generator) -> None:
    with pytest.raises(InputError, match="comparison"):
        change.did(
            arms(rng, 3, 0, 0), outcome="y", community="community", treated="on", post="wave"
        )


def test_equal_changes_are_not_computed() -> None:
    frame = pd.DataFrame(
        [(c, int(c < 3), p, 50.0 + p) for c in range(6) for p in (0, 1)],
        columns=["community", "on", "wave", "y"],
    )
    made = change.did(frame, outcome="y", community="community", treated="on", post="wave")
    chosen = made[made["preferred"]].iloc[0]
    assert chosen["status"] == "not_computed"


@pytest.mark.parametrize("value", [101, -1, 4242])
def test_percentages_above_100_are_refused(value: float) -> None:
    with pytest.raises(InputError) as caught:
        change.published(value, 50)
    assert caught.value.problems[0].code == "change.percent"


def test_a_percentage_that_no_count_gives_is_not_computed() -> None:
    made = change.published(42, 76, n_before=11, n_after=50).set_index("statistic")
    assert made.loc["difference", "status"] == "not_computed"
    assert made.loc["difference", "flags"] == "impossible_before"


@pytest.mark.parametrize(
    ("before", "after"), [([1], [2]), ([1, 2], [2, 3]), ([None, 2], [1, None]), ([], [])]
)
def test_pairs_without_spread_are_not_computed(before: list[Any], after: list[Any]) -> None:
    assert change.paired_means(before, after)["status"].tolist() == ["not_computed"]


def test_nobody_changing_is_not_computed() -> None:
    assert change.paired_shares([0, 1, 1], [0, 1, 1])["status"].tolist() == ["not_computed"]
    assert change.paired_ranks([2, 3], [2, 3])["status"].tolist() == ["not_computed"]


def test_a_panel_with_gaps_or_doubles_is_refused() -> None:
    frame = pd.DataFrame(
        [(c, t, 3 if c else 0, float(c + t)) for c in range(4) for t in range(1, 5)],
        columns=["c", "t", "g", "y"],
    )
    settings: dict[str, Any] = {"outcome": "y", "unit": "c", "time": "t", "first_treated": "g"}
    for bad, code in (
        (frame.drop(index=3), "change.gap"),
        (pd.concat([frame, frame.head(1)]), "change.duplicate"),
        (frame.assign(g=0), "change.arm"),
    ):
        with pytest.raises(InputError) as caught:
            change.callaway_santanna(bad, **settings)
        assert caught.value.problems[0].code == code


def test_a_synthetic_control_needs_one_treated_unit() -> None:
    frame = pd.DataFrame(
        [(c, t, float(c * t % 5), int(c < 2 and t > 3)) for c in range(5) for t in range(1, 7)],
        columns=["c", "t", "y", "on"],
    )
    with pytest.raises(InputError) as caught:
        change.synthetic_control(frame, outcome="y", unit="c", time="t", treated="on")
    assert caught.value.problems[0].found == "2"


def test_a_structural_model_sees_a_clear_shift(rng: np.random.Generator) -> None:
    y = 5 + rng.normal(0, 0.3, 40) + 3 * (np.arange(40) >= 30)
    frame = pd.DataFrame({"t": range(40), "y": y})
    made = change.structural(frame, value="y", time="t", start=30).iloc[0]
    assert made["ci_low"] < 3 < made["ci_high"]
    assert made["ci_low"] > 0
    short = change.structural(frame.tail(14), value="y", time="t", start=30).iloc[0]
    assert short["status"] == "not_computed"


def test_the_date_that_fits_best_is_found(rng: np.random.Generator) -> None:
    t = np.arange(40)
    y = 5 + rng.normal(0, 0.2, 40) + 3 * (t >= 22)
    frame = pd.DataFrame({"t": t, "y": y})
    made = change.break_search(frame, value="y", time="t", start=22, harmonics=0)
    made = made.set_index("statistic")
    assert made.loc["best_date", "value"] == 22
    assert made.loc["claimed_date", "verdict"] == "failed"
    other = change.break_search(frame, value="y", time="t", start=18, harmonics=0)
    assert other.set_index("statistic").loc["claimed_date", "verdict"] == "passed"
