"""What must hold for any sample: scale of weights, order of rows, labels, domains, replicates."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench import survey

Estimator = Callable[[survey.Design], pd.DataFrame]
FIGURES = ["value", "std_error", "ci_low", "ci_high", "df", "deff", "n_effective"]
MARGINS = pd.DataFrame(
    {
        "variable": ["sex", "sex", "age", "age"],
        "category": ["F", "M", "young", "old"],
        "count": [5200, 4800, 4000, 6000],
    }
)
ESTIMATORS: dict[str, Estimator] = {
    "mean": lambda d: survey.mean(d, ["q", "x"], by="sex"),
    "top2": lambda d: survey.top2(d, "q", by=["wave", "age"]),
    "net": lambda d: survey.net(d, "q"),
    "proportion": lambda d: survey.proportion(d, "q", ci="beta"),
    "ratio": lambda d: survey.ratio(d, "q", "x", by="age"),
    "index": lambda d: survey.index(d, {"q": 2, "q2": 1}, by="wave"),
    "contrast": lambda d: survey.contrast(d, "q", by="wave", contrast={"b": 1, "a": -1}),
    "against_whole": lambda d: survey.against_whole(d, "q", by="community"),
    "quantile": lambda d: survey.quantile(d, "x", q=[0.25, 0.5], by="sex"),
    "dispersion": lambda d: survey.dispersion(d, "x"),
    "correlation": lambda d: survey.correlation(d, "q", "x"),
    "glm": lambda d: survey.glm(d, "q", ["x", "sex"]).table,
    "logit": lambda d: survey.glm(d, "yes", ["x", "age"], family="binomial").table,
    "ordinal": lambda d: survey.ordinal(d, "q", ["sex"]).table,
    "ttest": lambda d: survey.ttest(d, "q", group="sex"),
    "margins": lambda d: survey.predictive_margins(d, "q", "age", ["x"]),
}
TESTS: dict[str, Estimator] = {
    "rao_scott": lambda d: survey.rao_scott(d, "sex", "q"),
    "wald": lambda d: survey.rao_scott(d, "sex", "q", statistic="adjusted_wald"),
    "wilcoxon": lambda d: survey.ranktest(d, "q", "sex"),
    "kruskal_wallis": lambda d: survey.ranktest(d, "q", "community", test="kruskal_wallis"),
}
DESIGNS: dict[str, Callable[[pd.DataFrame], survey.Design]] = {
    "base": lambda f: survey.Design(f, weights="w", strata="community", psu="psu"),
    "two_stage": lambda f: survey.Design(
        f,
        weights="w",
        strata="community",
        psu="psu",
        ssu="person",
        fpc=["buildings", "people"],
    ),
    "raked": lambda f: survey.rake(DESIGNS["base"](f), MARGINS, by="wave"),
}


def sample(seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    n = 480
    frame = pd.DataFrame(
        {
            "community": np.repeat(["C1", "C2", "C3"], n // 3),
            "psu": [f"B{i // 20 % 8}" for i in range(n)],
            "person": np.arange(n),
            "wave": rng.choice(["a", "b"], n),
            "sex": rng.choice(["F", "M"], n, p=[0.7, 0.3]),
            "age": rng.choice(["young", "old"], n, p=[0.3, 0.7]),
            "w": rng.uniform(5, 40, n),
            "x": rng.gamma(3, 2, n).round(2),
            "buildings": 20,
            "people": 90,
        }
    )
    lift = rng.normal(0, 0.4, 24)[np.arange(n) // 20]
    for item in ("q", "q2"):
        frame[item] = np.clip(np.round(3.5 + lift + rng.normal(size=n)), 1, 5)
        frame.loc[rng.random(n) < 0.06, item] = np.nan
    frame["yes"] = (frame["q"] >= 4).astype(float).where(frame["q"].notna())
    return frame


FRAME = sample()


def same(a: pd.DataFrame, b: pd.DataFrame, columns: list[str], rel: float = 1e-8) -> None:
    for column in columns:
        if column in a:
            np.testing.assert_allclose(
                a[column].to_numpy(dtype=float),
                b[column].to_numpy(dtype=float),
                rtol=rel,
                atol=1e-10,
                err_msg=column,
            )


@pytest.mark.parametrize("made", DESIGNS)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_order_of_rows_changes_nothing(name: str, made: str) -> None:
    shuffled = FRAME.sample(frac=1, random_state=5)
    a = ESTIMATORS[name](DESIGNS[made](FRAME))
    b = ESTIMATORS[name](DESIGNS[made](shuffled))
    same(a, b, FIGURES)


@pytest.mark.parametrize("name", TESTS)
def test_order_of_rows_changes_no_test(name: str) -> None:
    a = TESTS[name](DESIGNS["raked"](FRAME))
    b = TESTS[name](DESIGNS["raked"](FRAME.sample(frac=1, random_state=5)))
    same(a, b, ["value", "df", "p_value"])


@pytest.mark.parametrize("name", [*ESTIMATORS, *TESTS])
def test_weights_times_a_constant_change_nothing(name: str) -> None:
    compute = {**ESTIMATORS, **TESTS}[name]
    a = compute(DESIGNS["base"](FRAME))
    b = compute(DESIGNS["base"](FRAME.assign(w=FRAME["w"] * 37)))
    same(a, b, [*FIGURES, "p_value"])


@pytest.mark.parametrize("name", [n for n in ESTIMATORS if n != "against_whole"])
def test_names_of_strata_and_units_change_nothing(name: str) -> None:
    renamed = FRAME.assign(
        community=FRAME["community"].map({"C1": "z", "C2": "y", "C3": "x"}),
        psu=FRAME["psu"].map(lambda p: f"unit {9 - int(p[1])}"),
    )
    a = ESTIMATORS[name](DESIGNS["base"](FRAME))
    b = ESTIMATORS[name](DESIGNS["base"](renamed))
    same(a, b, FIGURES)


@pytest.mark.parametrize("made", DESIGNS)
@pytest.mark.parametrize("name", ESTIMATORS)
def test_domain_of_everybody_is_everybody(name: str, made: str) -> None:
    d = DESIGNS[made](FRAME)
    a = ESTIMATORS[name](d)
    b = ESTIMATORS[name](d.subset(np.ones(len(FRAME), dtype=bool)))
    same(a, b, FIGURES, rel=1e-12)


def test_strata_given_crossed_equal_one_column_of_their_labels() -> None:
    two = FRAME.assign(cell=FRAME["community"] + FRAME["wave"])
    a = survey.Design(two, weights="w", strata=["community", "wave"], psu="psu")
    b = survey.Design(two, weights="w", strata="cell", psu="psu")
    same(survey.mean(a, "q"), survey.mean(b, "q"), FIGURES, rel=1e-12)
    assert (a.psus, a.strata, a.df) == (48, 6, 42)


def test_subset_and_by_give_the_same_domain() -> None:
    d = DESIGNS["raked"](FRAME)
    a = survey.top2(d, "q", by="age").set_index("age").loc[["old"]].reset_index()
    b = survey.top2(d.subset("age == 'old'"), "q")
    same(a, b, FIGURES)


def test_swapping_waves_flips_the_sign() -> None:
    d = DESIGNS["raked"](FRAME)
    a = survey.contrast(d, "q", by="wave", contrast={"b": 1, "a": -1}).iloc[0]
    b = survey.contrast(d, "q", by="wave", contrast={"a": 1, "b": -1}).iloc[0]
    assert a["value"] == pytest.approx(-b["value"])
    assert a["std_error"] == pytest.approx(b["std_error"])
    assert a["ci_low"] == pytest.approx(-b["ci_high"])


def test_covariance_has_the_variances_on_its_diagonal() -> None:
    d = DESIGNS["raked"](FRAME)
    joint = survey.covariance(d, ["q", "q2"], by="wave")
    single = survey.mean(d, ["q", "q2"], by="wave")["std_error"] ** 2
    np.testing.assert_allclose(np.diag(joint), single, rtol=1e-10)
    assert np.linalg.eigvalsh(joint.to_numpy()).min() > -1e-12


def naive_raking(w: np.ndarray, groups: list[np.ndarray], targets: list[dict[str, float]]):
    w = w.copy()
    for _ in range(500):
        for labels, target in zip(groups, targets, strict=True):
            for label, count in target.items():
                w[labels == label] *= count / w[labels == label].sum()
    return w


def test_raked_weights_and_error_agree_with_the_recomputation_written_out() -> None:
    one = FRAME[FRAME["wave"] == "a"].reset_index(drop=True)
    d = DESIGNS["base"](one)
    raked = survey.rake(d, MARGINS)
    groups = [one["sex"].to_numpy(), one["age"].to_numpy()]
    w = naive_raking(
        one["w"].to_numpy(),
        groups,
        [{"F": 5200, "M": 4800}, {"young": 4000, "old": 6000}],
    )
    np.testing.assert_allclose(raked.weights, w, rtol=1e-9)
    y = one["x"].to_numpy()
    u = (y - (w @ y) / w.sum()) / w.sum()
    x = np.column_stack([groups[0] == "F", groups[0] == "M", groups[1] == "old"]).astype(float)
    base = one["w"].to_numpy()
    beta = np.linalg.solve(x.T @ (x * base[:, None]), x.T @ (base * u))
    z = pd.Series(w * (u - x @ beta)).groupby([one["community"], one["psu"]]).sum()
    var = sum(t.size / (t.size - 1) * ((t - t.mean()) ** 2).sum() for _, t in z.groupby(level=0))
    assert survey.mean(raked, "x")["std_error"].iloc[0] == pytest.approx(np.sqrt(var), rel=1e-9)


def test_two_stage_variance_agrees_with_the_formula_written_out() -> None:
    d = DESIGNS["two_stage"](FRAME)
    w, y = FRAME["w"].to_numpy(), FRAME["x"].to_numpy()
    m = (w @ y) / w.sum()
    z = pd.Series(w * (y - m) / w.sum())
    var = 0.0
    for _, stratum in z.groupby(FRAME["community"]):
        psu = FRAME.loc[stratum.index, "psu"]
        totals = stratum.groupby(psu).sum()
        n, f1 = totals.size, totals.size / 20
        var += (1 - f1) * n / (n - 1) * ((totals - totals.mean()) ** 2).sum()
        for _, rows in stratum.groupby(psu):
            k = rows.size
            var += f1 * (1 - k / 90) * k / (k - 1) * ((rows - rows.mean()) ** 2).sum()
    assert survey.mean(d, "x")["std_error"].iloc[0] == pytest.approx(np.sqrt(var), rel=1e-10)


def test_jackknife_agrees_with_deleting_each_unit_by_hand() -> None:
    d = survey.Design(FRAME, weights="w", strata="community", psu="psu")
    jack = survey.replicate(d, "jkn", centre="estimate")
    full = survey.mean(d, "q")["value"].iloc[0]
    var = 0.0
    for (community, unit), _ in FRAME.groupby(["community", "psu"]):
        here = FRAME["community"] == community
        gone = here & (FRAME["psu"] == unit)
        w = FRAME["w"].where(~here, FRAME["w"] * 8 / 7).where(~gone, 0.0)
        use = FRAME["q"].notna()
        var += 7 / 8 * ((w * FRAME["q"])[use].sum() / w[use].sum() - full) ** 2
    row = survey.mean(jack, "q").iloc[0]
    assert row["std_error"] == pytest.approx(np.sqrt(var), rel=1e-10)
    assert row["df"] == 21


@pytest.mark.parametrize("method", ["jkn", "bootstrap", "sdr"])
def test_replicates_re_raked_come_near_the_linearised_error(method: str) -> None:
    d = DESIGNS["base"](FRAME)
    made = survey.replicate(d, method, replicates=400, seed=1)
    raked = survey.rake(made, MARGINS, by="wave")
    a = survey.mean(raked, "q").iloc[0]
    b = survey.mean(DESIGNS["raked"](FRAME), "q").iloc[0]
    assert a["value"] == pytest.approx(b["value"])
    assert 0.8 < a["std_error"] / b["std_error"] < 1.25
    shares = survey.proportion(raked, "sex", by="wave")
    np.testing.assert_allclose(shares["std_error"], 0, atol=1e-9)


def test_half_samples_equal_the_linearised_error_of_a_total() -> None:
    pairs = FRAME[FRAME["psu"].isin(["B0", "B1"])]
    d = survey.Design(pairs, weights="w", strata="community", psu="psu")
    for method in ("brr", "fay"):
        half = survey.replicate(d, method)
        a, b = survey.total(half, "x").iloc[0], survey.total(d, "x").iloc[0]
        assert a["std_error"] == pytest.approx(b["std_error"], rel=1e-10)
        assert a["df"] == b["df"] == 3


def test_calibration_meets_totals_of_numbers_and_keeps_its_bounds() -> None:
    d = DESIGNS["base"](FRAME)
    total = float(FRAME["w"] @ FRAME["x"]) * 1.03
    goal = pd.concat(
        [
            MARGINS[:2].assign(count=lambda m: m["count"] * FRAME["w"].sum() / 10_000),
            pd.DataFrame({"variable": ["x"], "category": [None], "count": [total]}),
        ]
    )
    for method, bounds in (("linear", (0.4, 2.5)), ("raking", None), ("logit", (0.4, 2.5))):
        fitted = survey.calibrate(d, goal, method=method, bounds=bounds)
        assert fitted.weights @ FRAME["x"] == pytest.approx(total, rel=1e-10)
        assert survey.total(fitted, "x")["std_error"].iloc[0] == pytest.approx(0, abs=1e-6)
        if bounds:
            ratio = fitted.weights / d.weights
            assert bounds[0] - 1e-12 <= ratio.min()
            assert ratio.max() <= bounds[1] + 1e-12


def test_class_adjustment_error_agrees_with_the_jackknife() -> None:
    answered = FRAME.assign(r=(np.arange(len(FRAME)) * 7 % 10 < 6).astype(int))
    answered["x"] = answered["x"].where(answered["r"] == 1)
    d = survey.Design(answered, weights="w", strata="community", psu="psu")
    for settings_ in ({"cells": ["sex", "age"]}, {"predictors": ["sex", "age"]}):
        a = survey.mean(survey.nonresponse_adjust(d, "r", **settings_), "x").iloc[0]
        jack = survey.replicate(d, "jkn")
        b = survey.mean(survey.nonresponse_adjust(jack, "r", **settings_), "x").iloc[0]
        assert a["value"] == pytest.approx(b["value"])
        assert a["std_error"] == pytest.approx(b["std_error"], rel=0.03)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(1, 60), min_size=3, max_size=8),
    st.integers(2, 12),
)
def test_no_withheld_cell_can_be_worked_out_from_its_line(sizes: list[int], minimum: int) -> None:
    frame = pd.DataFrame(
        {"item": "q", "cell": range(len(sizes)), "statistic": "top2", "value": 0.5, "n": sizes}
    )
    out = survey.disclosure(frame, minimum=minimum, cells="cell")
    hidden = (out["status"] == "suppressed").to_numpy()
    kept = out.loc[~hidden, "n"]
    assert (kept >= minimum).all()
    if hidden.any() and not hidden.all():
        assert hidden.sum() >= 2
        assert np.array(sizes)[hidden].sum() >= minimum


def test_two_withheld_cells_a_line_are_not_enough_where_lines_together_tell() -> None:
    # two blocks of four small cells and one between them: each line has two or more, and yet
    # rows 1 and 2 less columns 1 and 2 would give the one between
    small = [(1, 1), (1, 2), (2, 1), (2, 2), (3, 3), (3, 4), (4, 3), (4, 4), (2, 3)]
    rows = [(r, c, 6 if (r, c) in small else 40 + r + c) for r in range(1, 6) for c in range(1, 6)]
    frame = pd.DataFrame(rows, columns=["row", "col", "n"])
    told = survey.disclosure(frame, minimum=10, cells=["row", "col"])
    hidden = told["status"].eq("suppressed").to_numpy()
    assert hidden.sum() == 9 + 1
    assert _known_cells(frame, hidden) == []
    assert _known_cells(frame, frame["n"].lt(10).to_numpy()) == [(2, 3)]


def test_no_withheld_cell_of_a_table_can_be_solved_from_its_totals() -> None:
    rng = np.random.default_rng(8)
    for _ in range(25):
        k, m = rng.integers(3, 7, 2)
        frame = pd.DataFrame([(r, c) for r in range(k) for c in range(m)], columns=["row", "col"])
        frame["n"] = np.where(rng.random(k * m) < 0.3, rng.integers(1, 10, k * m), 30)
        told = survey.disclosure(frame, minimum=10, cells=["row", "col"])
        hidden = told["status"].eq("suppressed").to_numpy()
        assert hidden[frame["n"].lt(10)].all()
        assert _known_cells(frame, hidden) == []


def _known_cells(frame: pd.DataFrame, hidden: np.ndarray) -> list[tuple[int, int]]:
    """Cells whose smallest and largest value differ in nothing, given all totals (naive)."""
    own = frame[hidden]
    lines = [own["row"].eq(v) for v in own["row"].unique()]
    lines += [own["col"].eq(v) for v in own["col"].unique()]
    equations = np.array(lines, dtype=float)
    rank = np.linalg.matrix_rank(equations)
    found = []
    for i, (row, col) in enumerate(zip(own["row"], own["col"], strict=True)):
        alone = np.eye(len(own))[i]
        if np.linalg.matrix_rank(np.vstack([equations, alone])) == rank:
            found.append((row, col))
    return found


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.floats(0.5, 3.0))
def test_trimming_keeps_the_total_and_the_bounds(seed: int, spread: float) -> None:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"w": rng.lognormal(0, spread, 60)})
    d = survey.Design(frame, weights="w")
    upper = float(np.quantile(frame["w"], 0.9)) * 1.3
    if upper * 60 < frame["w"].sum() * 1.01:
        return
    cut = survey.trim(d, upper=upper)
    assert cut.weights.sum() == pytest.approx(frame["w"].sum())
    assert cut.weights.max() <= upper * (1 + 1e-9)


def test_adjusted_p_values_agree_with_statsmodels() -> None:
    from statsmodels.stats.multitest import multipletests

    p = np.array([0.001, 0.2, np.nan, 0.03, 0.04, 0.011])
    known = ~np.isnan(p)
    for ours, theirs in (("holm", "holm"), ("bh", "fdr_bh"), ("bonferroni", "bonferroni")):
        got = survey.adjust_p(pd.DataFrame({"p_value": p}), method=ours)["p_adjusted"]
        np.testing.assert_allclose(got[known], multipletests(p[known], method=theirs)[1])
        assert got.isna().tolist() == (~known).tolist()
