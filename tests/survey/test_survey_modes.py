"""Modes compared on every item at once: the same as one regression after another, and by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench import survey
from workbench.errors import InputError


def sample(seed: int = 1, n: int = 240) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age = rng.choice(["18-34", "35-59", "60+"], n)
    young = age == "18-34"
    mode = np.where(rng.random(n) < np.where(young, 0.8, 0.2), "online", "household")
    mode = np.where(rng.random(n) < 0.2, "paper", mode)
    frame = pd.DataFrame({"age": age, "sex": rng.choice(["f", "m"], n), "mode": mode})
    for item in ("q1", "q2", "q3"):
        y = (rng.random(n) < np.where(young, 0.4, 0.8)).astype(float)
        frame[item] = np.where(rng.random(n) < 0.1, np.nan, y)
    frame["w"] = rng.uniform(0.5, 2.0, n)
    frame["psu"] = rng.integers(0, 24, n)
    frame["stratum"] = frame["psu"] % 3
    frame.loc[rng.random(n) < 0.05, "sex"] = None
    return frame


def design(frame: pd.DataFrame) -> survey.Design:
    return survey.Design(frame, weights="w", strata="stratum", psu="psu", nest=True)


@pytest.mark.parametrize("seed", [1, 2])
def test_each_item_is_what_its_own_regression_gives(seed: int) -> None:
    made = design(sample(seed))
    found = survey.mode_effects(
        made, ["q1", "q2", "q3"], "mode", adjust=["age", "sex"], reference="household", share=True
    )
    assert len(found) == 3 * 2 * 2
    for item in ("q1", "q2", "q3"):
        alone = survey.adjusted_difference(
            made, item, "mode", adjust=["age", "sex"], reference="household", share=True
        )
        mine = found[found["item"].eq(item)]
        for name in ("value", "std_error", "ci_low", "ci_high", "df", "p_value", "n"):
            assert mine[name].to_numpy(dtype=float) == pytest.approx(alone[name].to_numpy(float))
        assert mine["mode"].tolist() == alone["group"].tolist()
        assert mine["adjustment"].tolist() == alone["adjustment"].tolist()


def test_the_raw_difference_is_that_of_two_weighted_means() -> None:
    frame = sample()
    found = survey.mode_effects(design(frame), ["q1"], "mode", share=True).set_index("mode")
    known = frame[frame["q1"].notna()]
    means = {m: np.average(g["q1"], weights=g["w"]) for m, g in known.groupby("mode")}
    first = known["mode"].value_counts().index[0]
    for mode in set(means) - {first}:
        assert found.loc[mode, "value"] == pytest.approx(means[mode] - means[first])
        assert found.loc[mode, "n_mode"] == (known["mode"] == mode).sum()


def test_adjustment_takes_away_what_age_alone_makes() -> None:
    """Answers depend on age, and the young answer online: no mode effect in truth."""
    parts = [
        survey.mode_effects(
            design(sample(seed, 600)), ["q1", "q2", "q3"], "mode", adjust=["age"],
            reference="household", share=True,
        )
        for seed in range(6)
    ]  # fmt: skip
    found = pd.concat(parts)
    online = found[found["mode"].eq("online")].groupby("adjustment")["value"].mean()
    assert online["raw"] < -0.15
    assert abs(online["adjusted"]) < 0.05


def test_weights_times_a_constant_and_shuffled_rows_change_nothing() -> None:
    frame = sample()
    how = {"adjust": ["age", "sex"], "reference": "household", "share": True}
    columns = ["value", "std_error", "p_adjusted"]
    first = survey.mode_effects(design(frame), ["q1", "q2"], "mode", **how)[columns]
    scaled = survey.mode_effects(
        design(frame.assign(w=frame["w"] * 7)), ["q1", "q2"], "mode", **how
    )
    mixed = frame.sample(frac=1, random_state=3).reset_index(drop=True)
    other = survey.mode_effects(design(mixed), ["q1", "q2"], "mode", **how)
    assert scaled[columns].to_numpy() == pytest.approx(first.to_numpy(), nan_ok=True)
    assert other[columns].to_numpy() == pytest.approx(first.to_numpy(), nan_ok=True)


def test_p_values_of_the_last_adjustment_are_one_family() -> None:
    found = survey.mode_effects(design(sample()), ["q1", "q2", "q3"], "mode", adjust=["age"])
    last = found["adjustment"].eq("adjusted")
    assert found.loc[~last, "p_adjusted"].isna().all()
    wanted = survey.adjust_p(found[last].drop(columns=["p_adjusted", "family"]))
    assert found.loc[last, "p_adjusted"].tolist() == pytest.approx(wanted["p_adjusted"].tolist())
    assert set(found.loc[last, "family"]) == {"holm:6"}


def test_a_mode_with_few_answers_takes_no_part_and_one_mode_gives_nothing() -> None:
    frame = sample()
    few = frame[frame["mode"].ne("paper") | (np.cumsum(frame["mode"].eq("paper")) <= 9)]
    few = few.reset_index(drop=True)
    assert "paper" not in set(survey.mode_effects(design(few), ["q1"], "mode")["mode"])
    assert "paper" in set(survey.mode_effects(design(few), ["q1"], "mode", least=5)["mode"])
    one = frame[frame["mode"].eq("household")].reset_index(drop=True)
    assert survey.mode_effects(design(one), ["q1"], "mode").empty
    none = frame.assign(mode=None)
    assert survey.mode_effects(design(none), ["q1"], "mode").empty


def test_what_cannot_be_told_apart_is_said() -> None:
    frame = sample()
    frame["q2"] = 1.0
    frame["age"] = np.where(frame["mode"].eq("online"), "18-34", "60+")
    found = (
        survey.mode_effects(
            design(frame), ["q1", "q2"], "mode", adjust=["age"], reference="household"
        )
        .set_index(["item", "mode", "adjustment"])
        .sort_index()
    )
    assert found.loc[("q1", "online", "raw"), "status"] == "ok"
    adjusted = found.loc[("q1", "online", "adjusted")]
    assert adjusted["status"] == "not_computed"
    assert "cannot be told apart" in adjusted["reason_en"]
    assert found.loc["q2", "status"].eq("not_computed").all()
    assert found.loc["q2", "value"].isna().all()


def test_a_missing_column_is_refused() -> None:
    with pytest.raises(InputError):
        survey.mode_effects(design(sample()), ["q9"], "mode")
