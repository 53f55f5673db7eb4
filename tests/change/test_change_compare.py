"""compare(): two waves under a design, plain samples, rates, durations; verdict and sentence."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench import change
from workbench.errors import InputError
from workbench.survey import Design

FACTS: dict[str, Any] = {
    "same_question": True,
    "same_mode": True,
    "same_months": True,
    "same_denominator": True,
    "regression_to_mean_computed": True,
}


@pytest.fixture(scope="module")
def waves() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    rows = []
    for wave in ("w1", "w2"):
        for building in range(12):
            lift = rng.normal(0, 0.3)
            for _ in range(10):
                age = rng.choice(["young", "middle", "old"], p=[0.3, 0.4, 0.3])
                score = np.clip(round(3 + lift + rng.normal(0, 1) + (wave == "w2") * 0.5), 1, 5)
                rows.append((wave, f"B{building}", age, score, rng.uniform(1, 3)))
    return pd.DataFrame(rows, columns=["wave", "building", "age", "q1", "weight"])


def design(frame: pd.DataFrame) -> Design:
    return Design(frame, weights="weight", psu="building")


def run(frame: pd.DataFrame, **more: Any) -> pd.DataFrame:
    settings: dict[str, Any] = {"baseline": "w1", "current": "w2", "of": "mean", "margin": 0.2}
    return change.compare(design(frame), ["q1"], **{**settings, **more})


def test_the_mean_change_is_the_naive_weighted_difference(waves: pd.DataFrame) -> None:
    made = run(waves).iloc[0]
    naive = {
        wave: (part["q1"] * part["weight"]).sum() / part["weight"].sum()
        for wave, part in waves.groupby("wave")
    }
    assert made["before"] == pytest.approx(naive["w1"], abs=1e-12)
    assert made["value"] == pytest.approx(naive["w2"] - naive["w1"], abs=1e-12)
    assert made["value"] == made["difference"]


def test_the_variance_is_that_of_linearised_building_totals(waves: pd.DataFrame) -> None:
    made = run(waves).iloc[0]
    z = np.zeros(len(waves))
    for wave, sign in (("w1", -1), ("w2", 1)):
        here = (waves["wave"] == wave).to_numpy()
        w, y = waves["weight"].to_numpy()[here], waves["q1"].to_numpy()[here]
        z[here] = sign * w * (y - np.average(y, weights=w)) / w.sum()
    totals = pd.Series(z).groupby(waves["building"].to_numpy()).sum().to_numpy()
    g = len(totals)
    variance = g / (g - 1) * ((totals - totals.mean()) ** 2).sum()
    assert made["std_error"] == pytest.approx(math.sqrt(variance), rel=1e-12)
    assert made["df"] == g - 1


def test_standardised_change_is_the_naive_one_and_parts_add_up(waves: pd.DataFrame) -> None:
    made = run(waves, standardise="age").set_index("adjustment")
    first, second = (waves[waves["wave"] == wave] for wave in ("w1", "w2"))
    shares = first.groupby("age")["weight"].sum() / first["weight"].sum()

    def means(part: pd.DataFrame) -> pd.Series:
        total = part["weight"].groupby(part["age"]).sum()
        return (part["q1"] * part["weight"]).groupby(part["age"]).sum() / total

    naive = float((shares * (means(second) - means(first))).sum())
    assert made.loc["standardised", "value"] == pytest.approx(naive, abs=1e-12)
    parts = made.loc["standardised", "value"] + made.loc["composition", "value"]
    assert parts == pytest.approx(made.loc["raw", "value"], abs=1e-12)


def test_the_standard_error_of_the_standardised_change_is_that_of_the_jackknife(
    waves: pd.DataFrame,
) -> None:
    made = run(waves, standardise="age").set_index("adjustment")

    def standardised(frame: pd.DataFrame) -> float:
        one = run(frame, standardise="age").set_index("adjustment")
        return float(one.loc["standardised", "value"])

    buildings = sorted(waves["building"].unique())
    g = len(buildings)
    left_out = np.array([standardised(waves[waves["building"] != b]) for b in buildings])
    jackknife = math.sqrt((g - 1) / g * ((left_out - left_out.mean()) ** 2).sum())
    assert made.loc["standardised", "std_error"] == pytest.approx(jackknife, rel=0.05)


@pytest.mark.parametrize("of", ["mean", "top2"])
def test_swapping_waves_flips_the_sign(waves: pd.DataFrame, of: str) -> None:
    there = run(waves, of=of, margin=0.05).iloc[0]
    back = run(waves, of=of, margin=0.05, baseline="w2", current="w1").iloc[0]
    assert there["value"] == pytest.approx(-back["value"], abs=1e-12)
    assert there["ci_low"] == pytest.approx(-back["ci_high"], abs=1e-12)
    assert there["p_value"] == pytest.approx(back["p_value"], rel=1e-9)


def test_the_order_of_respondents_changes_nothing(waves: pd.DataFrame) -> None:
    mixed = waves.sample(frac=1, random_state=np.random.default_rng(1))
    one, two = (run(frame, standardise="age") for frame in (waves, mixed))
    columns = ["value", "std_error", "ci_low", "ci_high", "p_value"]
    np.testing.assert_allclose(one[columns].to_numpy(), two[columns].to_numpy(), rtol=1e-9)


def test_adding_a_constant_to_both_waves_changes_no_difference(waves: pd.DataFrame) -> None:
    moved = waves.assign(q1=waves["q1"] + 10)
    one, two = (run(frame, standardise="age") for frame in (waves, moved))
    columns = ["value", "std_error", "p_value"]
    np.testing.assert_allclose(one[columns].to_numpy(), two[columns].to_numpy(), rtol=1e-8)


def test_replicate_weights_are_used_when_the_design_has_them(waves: pd.DataFrame) -> None:
    from workbench.survey import Replicates

    buildings = sorted(waves["building"].unique())
    g = len(buildings)
    kept = np.column_stack([(waves["building"] != b).to_numpy() * g / (g - 1) for b in buildings])
    base = design(waves)
    replicates = Replicates(base.weights[:, None] * kept, (g - 1) / g, np.ones(g), "mean", "JK1")
    settings: dict[str, Any] = {"baseline": "w1", "current": "w2", "of": "mean"}
    one = change.compare(base.changed(replicates=replicates), "q1", **settings).iloc[0]
    two = change.compare(base, "q1", **settings).iloc[0]
    assert one["value"] == pytest.approx(two["value"], rel=1e-12)
    assert one["std_error"] == pytest.approx(two["std_error"], rel=0.05)
    assert one["std_error"] != two["std_error"]


def test_direction_margin_and_grade_make_the_verdict(waves: pd.DataFrame) -> None:
    assert run(waves)["verdict"].iloc[0] == "better"
    assert run(waves, up={"q1": False})["verdict"].iloc[0] == "worse"
    assert run(waves, margin=5.0)["verdict"].iloc[0] == "no_relevant_change"
    graded = run(waves, facts=FACTS, standardise="age").set_index("adjustment")
    assert graded.loc["raw", "evidence_grade"] == "E1"
    assert graded.loc["standardised", "evidence_grade"] == "E2"
    for lang in ("zh", "en"):
        for _, one in graded.iterrows():
            text = one[f"wording_{lang}"]
            assert text
            assert change.overclaims(text, one["evidence_grade"]) == []


def test_waves_of_different_kind_are_reported_only(waves: pd.DataFrame) -> None:
    made = run(waves, facts={"same_sample_kind": False}).iloc[0]
    assert made["evidence_grade"] == "E0"
    assert made["verdict"] == "cannot_tell"
    assert "+" not in made["wording_en"]


def test_an_opt_in_sample_has_no_interval_and_no_verdict(waves: pd.DataFrame) -> None:
    opt_in = Design(waves, weights="weight", kind="opt_in")
    made = change.compare(opt_in, "q1", baseline="w1", current="w2", of="mean").iloc[0]
    assert math.isnan(made["ci_low"])
    assert made["verdict"] == "cannot_tell"
    assert made["evidence_grade"] == "E0"


def test_a_share_at_its_limit_in_one_wave_still_has_an_honest_interval() -> None:
    frame = pd.DataFrame(
        {
            "wave": [1] * 40 + [2] * 40,
            "b": [f"B{i % 8}" for i in range(80)],
            "q1": [5, 2] * 20 + [5] * 40,
        }
    )
    frame.loc[:39, "q1"] = np.where(np.arange(40) % 3 == 0, 2, 5)
    made = change.compare(Design(frame, psu="b"), "q1", baseline=1, current=2).iloc[0]
    assert made["method"] == "change.difference.newcombe_effective"
    assert made["after"] == 1.0
    assert 0 < made["ci_low"] < made["value"] < made["ci_high"] < 1


@pytest.mark.parametrize("of", ["top2", "mean"])
@pytest.mark.parametrize("psu", [None, "b"])
def test_equal_answers_are_not_computed(of: str, psu: str | None) -> None:
    frame = pd.DataFrame({"wave": [1] * 20 + [2] * 20, "b": list(range(10)) * 4, "q1": 4})
    data = frame if psu is None else Design(frame, psu=psu)
    made = change.compare(data, "q1", baseline=1, current=2, of=of).iloc[0]
    assert made["status"] == "not_computed"
    assert math.isnan(made["value"])
    assert made["verdict"] == "cannot_tell"
    assert made["reason_zh"]
    assert made["reason_en"]


def test_one_cluster_is_not_computed() -> None:
    frame = pd.DataFrame({"wave": [1] * 20 + [2] * 20, "b": "only", "q1": [1, 5] * 20})
    made = change.compare(Design(frame, psu="b"), "q1", baseline=1, current=2).iloc[0]
    assert made["status"] == "not_computed"
    assert math.isnan(made["value"])


def test_an_item_not_asked_in_one_wave_is_not_computed(waves: pd.DataFrame) -> None:
    frame = waves.assign(q1=waves["q1"].where(waves["wave"] == "w2"))
    made = run(frame).iloc[0]
    assert made["status"] == "not_computed"
    assert "baseline" in made["reason_en"]


def test_a_category_without_anyone_in_the_current_wave_is_not_adjusted_in_silence(
    waves: pd.DataFrame,
) -> None:
    frame = waves[~((waves["wave"] == "w2") & (waves["age"] == "old"))]
    made = run(frame, standardise="age").set_index("adjustment")
    assert made.loc["standardised", "status"] == "not_computed"
    assert "merge" in made.loc["standardised", "reason_en"]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"baseline": "w9"}, "change.wave"),
        ({"baseline": "w2"}, "change.wave"),
        ({"by": "nowhere"}, "change.column"),
        ({"of": "median"}, "change.of"),
        ({"margin": -1}, "change.margin"),
        ({"facts": {"colour": "red"}}, "change.fact"),
        ({"baseline": None}, "change.wave"),
    ],
)
def test_wrong_calls_are_refused_by_name(
    waves: pd.DataFrame, more: dict[str, Any], code: str
) -> None:
    with pytest.raises(InputError) as caught:
        run(waves, **more)
    assert caught.value.problems[0].code == code


def test_text_in_an_item_is_refused_with_its_row(waves: pd.DataFrame) -> None:
    frame = waves.astype({"q1": object})
    frame.loc[3, "q1"] = "four"
    with pytest.raises(InputError) as caught:
        run(frame)
    assert (caught.value.problems[0].row, caught.value.problems[0].found) == (4, "four")


def test_several_items_are_corrected_for_each_other(waves: pd.DataFrame) -> None:
    frame = waves.assign(q2=waves["q1"].sample(frac=1, random_state=3).to_numpy())
    settings: dict[str, Any] = {"baseline": "w1", "current": "w2", "of": "mean", "margin": 0.2}
    made = change.compare(design(frame), ["q1", "q2"], **settings)
    assert (made["p_adjusted"] >= made["p_value"]).all()
    alone = change.compare(design(frame), ["q1", "q2"], adjust=None, **settings)
    assert "p_adjusted" not in alone


def test_a_plain_frame_says_that_it_was_taken_as_a_simple_sample() -> None:
    frame = pd.DataFrame(
        {"wave": [1] * 50 + [2] * 50, "ok": [1] * 21 + [0] * 29 + [1] * 38 + [0] * 12}
    )
    made = change.compare(frame, "ok", of="share", baseline=1, current=2).iloc[0]
    assert made["ci_low"] == pytest.approx(0.147797447694, rel=1e-9)
    assert made["method"] == "change.difference.newcombe"
    assert "simple" in made["choice_en"]


def test_rates_are_compared_as_a_ratio_and_the_exposure_must_be_there() -> None:
    frame = pd.DataFrame(
        {"period": ["before", "after"], "complaints": [15, 5], "exposure": [250.0, 250.0]}
    )
    settings: dict[str, Any] = {
        "by": "period",
        "baseline": "before",
        "current": "after",
        "of": "rate",
        "up": False,
    }
    made = change.compare(frame, "complaints", exposure="exposure", **settings).iloc[0]
    assert made["value"] == pytest.approx(1 / 3)
    assert made["verdict"] == "better"
    assert (made["before"], made["after"]) == (6.0, 2.0)
    with pytest.raises(InputError, match=r"household-years"):
        change.compare(frame, "complaints", **settings)
    with pytest.raises(InputError) as caught:
        change.compare(
            frame.assign(exposure=[0, 250]), "complaints", exposure="exposure", **settings
        )
    assert caught.value.problems[0].code == "change.exposure"


def _bad_cases() -> dict[str, tuple[Any, str | None]]:
    """Bad input by name: the call, and the code it is refused with (None: not computed)."""
    rng = np.random.default_rng(1)
    answers = pd.DataFrame(
        {"wave": [1] * 40 + [2] * 40, "q": rng.integers(1, 6, 80), "b": list("abcdefgh") * 10,
         "p": list(range(40)) * 2}
    )  # fmt: skip
    waves: dict[str, Any] = {"baseline": 1, "current": 2}
    rates = pd.DataFrame({"wave": [1, 2], "q": [3, 5], "e": [100.0, 100.0]})
    series = pd.DataFrame({"t": range(24), "q": rng.normal(0, 1, 24)})
    days = pd.to_datetime(["2026-01-05"] * 4)
    ends = pd.to_datetime(["2026-01-01", "2026-01-06", "2026-01-07", None])
    cases = pd.DataFrame({"wave": [1, 1, 2, 2], "s": days, "e": ends, "d": [1.0, -2, 3, 4], "c": 1})
    arms = answers.assign(c=answers.index % 2, on=answers.index % 2)
    group = pd.DataFrame(
        {"u": [1, 1, 2, 2], "t": [1, 2, 1, 2], "g": [2, 2, 0, 0], "q": [1.0, 2, 3, 4]}
    )
    starts = {"community": "u", "time": "t", "first_treated": "g"}
    claim = {"item": "a", "before": 42, "after": 76}
    rate = {"of": "rate", "exposure": "e", **waves}
    when = {"time": "t", "date": 12}

    def call(data: pd.DataFrame, **more: Any) -> Any:
        return lambda: change.compare(data, None if "of" in more and more["of"] in
                                      ("time", "published") else "q", **more)  # fmt: skip

    return {
        "waves without rows": (call(answers, baseline=1, current=3), "change.wave"),
        "one wave twice": (call(answers, baseline=1, current=1), "change.wave"),
        "exposure missing": (call(rates.assign(e=[None, 1.0]), **rate), "change.exposure"),
        "nobody in both": (call(answers.assign(p=range(80)), person="p", **waves), "change.overlap"),
        "one wave empty": (
            call(answers.assign(q=answers["q"].where(answers["wave"] == 1)), **waves), None),
        "one cluster": (call(answers.assign(b="x"), psu="b", **waves), None),
        "one community an arm": (
            call(arms, community="c", treated="on", of="mean", **waves), None),
        "one treated, one not, staggered": (call(group, **starts), None),
        "nobody untreated": (call(group.assign(g=2), **starts), "change.arm"),
        "all equal": (call(answers.assign(q=4), **waves), None),
        "all equal in a panel": (call(answers.assign(q=4), person="p", **waves), None),
        "exposure zero": (call(rates.assign(e=[0.0, 1.0]), **rate), "change.exposure"),
        "no event": (call(rates.assign(q=0), **rate), None),
        "negative count": (call(rates.assign(q=[-1, 2]), **rate), "change.number"),
        "negative duration": (
            call(cases, of="time", duration="d", closed="c", **waves), "change.duration"),
        "closed before opened": (
            call(cases, of="time", start="s", end="e", censored_at=pd.Timestamp("2026-02-01"),
                 **waves), "change.duration"),
        "date outside": (call(series, time="t", date=99), "change.date"),
        "gap": (call(series.drop(5), **when), "change.gap"),
        "month without value": (
            call(series.assign(q=series["q"].where(series["t"] != 3)), **when), "change.missing"),
        "month twice": (call(pd.concat([series, series.head(1)]), **when), "change.duplicate"),
        "series without error": (call(series.assign(q=3.0), **when), None),
        "two points after": (call(series, time="t", date=22), None),
        "person twice": (call(answers.assign(p=0), person="p", **waves), "change.duplicate"),
        "percentage above 100": (
            call(pd.DataFrame([claim | {"after": 176}]), of="published"), "change.percent"),
        "nobody asked": (
            call(pd.DataFrame([claim | {"n_before": 0, "n_after": 9}]), of="published"),
            "change.number"),
    }  # fmt: skip


@pytest.mark.filterwarnings("ignore::statsmodels.tools.sm_exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", sorted(_bad_cases()))
def test_bad_input_gives_a_message_or_a_reason_and_never_a_number(name: str) -> None:
    call, code = _bad_cases()[name]
    if code is None:
        made = call().iloc[0]
        assert made["status"] == "not_computed"
        assert math.isnan(made["value"])
        assert made["verdict"] == "cannot_tell"
        assert made["reason_zh"]
        assert made["reason_en"]
        return
    with pytest.raises(InputError) as caught:
        call()
    problem = caught.value.problems[0]
    assert problem.code == code
    assert problem.column
    assert problem.remedy_zh
    assert problem.remedy_en
