"""Before and after of a unit: kinds of sample, composition, instruments, power, other channels."""

from __future__ import annotations

import dataclasses
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import workbench as wb
from workbench import assess, change
from workbench.community import Community
from workbench.errors import InputError

Make = Callable[..., Community]


def told(c: Community) -> pd.DataFrame:
    return assess.changes(c, assess.design(c)).set_index("finding")


@pytest.fixture(scope="module")
def demo() -> Community:
    return wb.open("demo", "JX-01")


def test_waves_of_different_kinds_report_both_shares_at_e0_and_no_difference(unit: Make) -> None:
    q1 = [5.0] * 30 + [2.0] * 30 + [4.0] * 15 + [1.0] * 45
    made = told(unit(mode=["mini_program"] * 60 + ["household"] * 60, q1=q1))
    row = made.loc["change.q1.top2"]
    assert (row["evidence_grade"], row["status"]) == ("E0", "not_computed")
    assert math.isnan(row["value"])
    assert row["verdict"] == "cannot_tell"
    assert "25.0%" in row["reason_en"]
    assert "50.0%" in row["reason_en"]
    assert "probability sample before, an opt-in sample now" in row["reason_en"]
    assert "不作比较" in row["reason_zh"]
    assert change.overclaims(row["reason_en"] + row["reason_zh"], "E0") == []


def test_what_was_asked_differently_is_not_compared_until_somebody_confirms_it(unit: Make) -> None:
    c = unit()
    how: dict[str, Any] = {
        w: {"wording": f"满意吗{w}", "labels": {}, "modes": [], "sha256": w} for w in "ab"
    }
    apart = dataclasses.replace(c, settings={**c.settings, "asked_apart": {"q1": how}})
    made = told(apart)
    row = made.loc["change.q1.top2"]
    assert (row["status"], row["evidence_grade"]) == ("not_computed", "E0")
    assert math.isnan(row["value"])
    assert "“满意吗a”“满意吗b”" in row["reason_zh"]
    assert not any(finding.startswith("change.q1.top2.") for finding in made.index)
    for wave, label in (("a", "很满意"), ("b", "非常满意")):
        how[wave] |= {"wording": "满意吗", "labels": {"5": label}}
    row = told(apart).loc["change.q1.top2"]
    assert "“5 = 很满意”“5 = 非常满意”" in row["reason_zh"]  # the same words, another scale
    how["judgement"] = "J-2"
    assert "J-2 判定不可比" in told(apart).loc["change.q1.top2", "reason_zh"]


def test_waves_without_a_mode_in_common_name_both_modes(unit: Make) -> None:
    c = unit()
    how: dict[str, Any] = {
        w: {"wording": "满意吗", "labels": {}, "modes": [mode], "sha256": w}
        for w, mode in (("a", "household"), ("b", "phone"))
    }
    how["modes_only"] = True
    row = told(dataclasses.replace(c, settings={**c.settings, "asked_apart": {"q1": how}})).loc[
        "change.q1.top2"
    ]
    assert (row["status"], row["evidence_grade"]) == ("not_computed", "E0")
    assert "调查方式完全不同" in row["reason_zh"]
    assert "“入户访问”“电话”" in row["reason_zh"]
    assert "“household interview”, “telephone”" in row["reason_en"]


def test_without_weighting_the_change_stands_with_the_composition_of_the_baseline(
    unit: Make,
) -> None:
    """Twice as many women now, who are the satisfied ones: the gain is composition."""
    sex = np.array([1.0, 1, 2] * 20 + [1.0, 2, 2] * 20)
    q1 = np.where(sex == 1, 5.0, 2.0)
    q1[::7] = 5.0
    c = unit(sex=sex, q1=q1)
    made = told(c)
    frame = c.answers().assign(y=lambda f: f["q1"].ge(4).astype(float))
    share = frame.groupby(["wave", "sex"])["y"].mean()
    was = frame[frame["wave"] == "a"]["sex"].value_counts(normalize=True)
    naive = sum(was[s] * (share["b", s] - share["a", s]) for s in (1.0, 2.0))
    raw, own, rest = (made.loc[f"change.q1.top2{n}"] for n in ("", ".standardised", ".composition"))
    assert raw["value"] > 0.2
    assert own["value"] == pytest.approx(naive)
    assert rest["value"] == pytest.approx(raw["value"] - naive)
    assert rest["verdict"] == "cannot_tell"
    assert made.loc["change.check.03", "verdict"] == "failed"


BOOK = {"wording": {"zh": "您对服务是否满意", "en": "Are you satisfied with the service?"},
        "kind": "scale", "up": True}  # fmt: skip


@pytest.mark.parametrize(
    ("edit", "verdict", "same"),
    [
        ({}, "passed", True),
        ({"wording": {"zh": "您是否同意服务很好", "en": "Is it good?"}}, "failed", False),
        ({"values": {"1": "no", "2": "yes"}}, "failed", False),
    ],
)
def test_the_codebook_of_the_baselines_batch_is_held_against_this_one(
    unit: Make, edit: dict[str, Any], verdict: str, same: bool
) -> None:
    c = unit()
    book = c.settings["codebook"]
    earlier = {"q1": book["q1"] | edit, "q2": book["q2"], "sex": book["sex"]}
    first, second = c.settings["waves"]
    settings = {**c.settings, "waves": [first | {"codebook": earlier}, second]}
    c = dataclasses.replace(c, settings=settings)
    made = told(c)
    assert made.loc["change.check.25", "verdict"] == verdict
    if not same:
        assert "q1" in made.loc["change.check.25", "reason_en"]
        grounds = made[made.index.str.startswith("change.grounds")]
        assert grounds["display_en"].str.contains("wording").any()


def test_the_smallest_change_that_can_be_shown_comes_from_the_standard_error(unit: Make) -> None:
    made = told(unit())
    row, main = made.loc["change.q1.detectable"], made.loc["change.q1.top2"]
    factor = stats.t.ppf(0.975, main["df"]) + stats.t.ppf(0.8, main["df"])
    assert row["value"] == pytest.approx(factor * main["std_error"])
    assert row["unit"] == "pp"


def test_a_changed_bag_of_the_baseline_leaves_no_claim(demo: Community) -> None:
    bag = {"finding": "bag", "source": "JX-01", "verdict": "changed"}
    c = dataclasses.replace(demo, tables={**demo.tables, "published": pd.DataFrame([bag])})
    sample = assess.design(c)
    for made in (
        assess.changes(c, sample),
        assess.moved(c, sample, assess.indicators(c, sample)),
        assess.requests(c),
    ):
        mine = made[made["kind"].eq("comparison")]
        graded = mine.loc[mine["status"].eq("ok"), "evidence_grade"]
        assert set(graded) == {"E0"}
        assert set(mine["verdict"]) == {"cannot_tell"}


def test_requests_of_both_periods_are_compared_with_all_checks(demo: Community) -> None:
    made = assess.requests(demo).set_index("finding")
    ratio = made.loc["requests.rate_ratio"]
    n = [made.loc[f"requests.count.{w}", "value"] for w in ("baseline", "current")]
    assert ratio["value"] == pytest.approx(n[1] / n[0])  # the same households, equal windows
    assert ratio["verdict"] == "cannot_tell"
    in_time = made.loc["requests.km_72h.difference"]
    both = [made.loc[f"requests.km_72h.{w}", "value"] for w in ("baseline", "current")]
    assert in_time["value"] == pytest.approx(both[1] - both[0])
    for row in (ratio, in_time):
        assert row["evidence_grade"] == "E1"
        assert row["wording_zh"]
        assert change.overclaims(row["wording_en"], "E1") == []
    numbers = [f"requests.check.{i:02d}" for i in range(1, 29)]
    checks = made.loc[numbers]
    assert checks.loc["requests.check.06", "verdict"] == "failed"  # other months
    assert checks.loc["requests.check.20", "verdict"] == "passed"  # open cases are in
    assert checks["reason_en"].ne("").all()


def test_a_clear_rise_of_requests_is_neither_better_nor_worse() -> None:
    frame = pd.DataFrame({"wave": [1, 2], "n": [100.0, 200.0], "e": [400.0, 400.0]})
    made = change.compare(frame, "n", of="rate", exposure="e", baseline=1, current=2, up=None,
                          margin=None).iloc[0]  # fmt: skip
    assert made["ci_low"] > 1
    assert made["verdict"] == "cannot_tell"
    assert made["verdict_en"] == "it moved, but nothing says which way is better"
    assert change.overclaims(made["wording_en"], "E1") == []


def test_every_other_indicator_is_compared_or_reported_with_the_reason(demo: Community) -> None:
    sample = assess.design(demo)
    now = assess.indicators(demo, sample)
    made = assess.moved(demo, sample, now)
    rows = made[made["kind"].eq("comparison")].set_index("indicator")
    level = now.set_index("indicator")
    one = rows.loc["service_response_hours"]
    assert one["value"] == pytest.approx(
        level.loc["service_response_hours", "value"] - one["before"]
    )
    assert (one["method"], one["evidence_grade"]) == ("change.difference.hybrid", "E1")
    assert one["target"] == 24
    counted = rows.loc["community_activities_per_year"]
    assert (counted["status"], counted["evidence_grade"]) == ("not_computed", "E0")
    assert "were reported" in counted["reason_en"]
    # twelve months before the end of each half-year share six
    assert "share months" in rows.loc["dispute_rate", "reason_en"]
    # one question of the survey stands among the items
    assert "resident_satisfaction" not in rows.index
    assert {f"change.indicator.check.{i:02d}" for i in range(1, 29)} <= set(made["finding"])
    for row in rows.to_dict("records"):
        grade = row["evidence_grade"]
        said = f"{row['reason_zh']} {row['wording_zh']} {row['wording_en']}"
        assert change.overclaims(said, grade) == [], said


@pytest.mark.parametrize(("low", "high"), [(0.55, 0.92), (0.2, 0.4)])
def test_two_intervals_make_newcombes_of_two_shares(low: float, high: float) -> None:
    n0, n1 = 80, 60
    x0, x1 = round(low * n0), round(high * n1)
    ends = [change.share(x, n).set_index("method").loc["change.share.wilson"]
            for x, n in ((x0, n0), (x1, n1))]  # fmt: skip
    told_ = {"item": "a", "unit": "pp", "before": x0 / n0, "after": x1 / n1}
    for name, row in zip(("before", "after"), ends, strict=True):
        told_ |= {f"low_{name}": row["ci_low"], f"high_{name}": row["ci_high"]}
    made = change.hybrid_difference(pd.DataFrame([told_])).iloc[0]
    assert (made["ci_low"], made["ci_high"]) == pytest.approx(change.newcombe(x0, n0, x1, n1))
    assert (made["p_value"] < 0.05) == (made["ci_low"] > 0 or made["ci_high"] < 0)
    back = {n.replace("before", "_").replace("after", "before").replace("_", "after"): v
            for n, v in told_.items() if not n.startswith(("low_", "high_"))}  # fmt: skip
    back |= {f"{end}_{b}": told_[f"{end}_{a}"] for end in ("low", "high")
             for a, b in (("before", "after"), ("after", "before"))}  # fmt: skip
    swapped = change.hybrid_difference(pd.DataFrame([back])).iloc[0]
    assert swapped["value"] == pytest.approx(-made["value"])
    assert swapped["ci_low"] == pytest.approx(-made["ci_high"])


def test_an_estimate_without_interval_or_outside_it_gives_no_number() -> None:
    good = {"item": "a", "before": 1.0, "low_before": 0.5, "high_before": 2.0, "after": 2.0,
            "low_after": 1.0, "high_after": 3.0}  # fmt: skip
    gone = change.compare(pd.DataFrame([good | {"low_after": None}]), of="estimates").iloc[0]
    assert (gone["status"], gone["verdict"]) == ("not_computed", "cannot_tell")
    assert gone["reason_zh"]
    exact = good | {"low_before": 1.0, "high_before": 1.0, "low_after": 2.0, "high_after": 2.0}
    assert change.hybrid_difference(pd.DataFrame([exact]))["status"].iloc[0] == "not_computed"
    with pytest.raises(InputError) as caught:
        change.hybrid_difference(pd.DataFrame([good | {"after": 9.0}]))
    problem = caught.value.problems[0]
    assert (problem.code, problem.column, problem.row) == ("change.interval", "after", 1)


def test_answers_of_predecessors_are_the_baseline_and_cap_the_grade(tmp_path: Path) -> None:
    """A-1 is what A-2 and A-3 have become: both have a building 0 and an inspected place 0号楼."""
    folder = tmp_path / "study"
    shutil.copytree(Path(__file__).parents[1] / "broken" / "sound", folder)
    for name in ("responses", "dispositions", "inspections"):
        file = folder / "data" / f"{name}.csv"
        frame = pd.read_csv(file, dtype=str, keep_default_na=False)
        gone = frame["community"].eq("A-1") & frame["wave"].eq("w1")
        frame[~gone].to_csv(file, index=False)
    file = folder / "data" / "communities.csv"
    units = pd.read_csv(file, dtype=str, keep_default_na=False)
    units["predecessors"] = ["A-2;A-3" if unit == "A-1" else "" for unit in units["community"]]
    units.to_csv(file, index=False)
    answers = pd.read_csv(folder / "data" / "responses.csv")
    before = answers[answers["wave"].eq("w1") & answers["community"].isin(["A-2", "A-3"])]
    now = answers[answers["wave"].eq("w2") & answers["community"].eq("A-1")]

    c = wb.open(str(folder), "A-1")
    own = c.answers()
    was = own[own["wave"].eq("w1")]
    assert len(was) == len(before)
    assert was["psu"].nunique() == before.groupby(["community", "psu"]).ngroups
    made = told(c)
    for part, frame in (("n_before", before), ("n_after", now)):
        assert made.loc["change.q1.top2", part] == frame["q1"].between(1, 5).sum()
    rows = made[made["kind"].eq("comparison") & made["status"].eq("ok")]
    assert set(rows["evidence_grade"]) == {"E1"}
    grounds = made[made.index.str.startswith("change.grounds")]
    assert grounds["display_en"].str.contains("merged or split: at most E1").all()


def test_both_answers_of_one_person_belong_together_without_buildings(unit: Make) -> None:
    rng = np.random.default_rng(11)
    before = rng.integers(1, 6, 80).astype(float)
    after = np.where(rng.random(80) < 0.15, np.minimum(before + 1, 5), before)
    people = [f"n{i}" for i in range(80)]
    answers = {"psu": None, "q1": [*after, *before], "panel_id": people * 2}
    found = told(unit(80, 80, **answers))
    assert found.loc["change.check.15", "verdict"] == "passed"
    panel = found.loc["change.q1.top2"]
    apart = told(unit(80, 80, **(answers | {"panel_id": None}))).loc["change.q1.top2"]
    gained = (after >= 4).astype(float) - (before >= 4).astype(float)
    error = gained.std(ddof=1) / math.sqrt(80)  # the paired difference, recomputed naively
    assert panel["value"] == pytest.approx(gained.mean())
    assert panel["std_error"] == pytest.approx(error, rel=0.01)
    assert apart["std_error"] > 1.8 * error
