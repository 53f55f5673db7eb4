"""Units beside each other: method apart from chance, funnels, gaps, gates, and the assessors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from workbench import assessors, scored
from workbench.findings import COLUMNS, EXTRA
from workbench.overview import Batch

NAN = float("nan")
N = 12


def _batch(rows: list[dict[str, Any]], **settings: Any) -> Batch:
    names = [f"U{i:02d}" for i in range(N)]
    units = pd.DataFrame(
        {"community": names, "name": names, "name_en": names, "outcome": "assessed",
         "kind": ["old_compound", "commercial"] * (N // 2), "age_class": ["old", "new"] * (N // 2)}
    )  # fmt: skip
    frame = pd.DataFrame(rows, columns=[*COLUMNS, *EXTRA])
    for name in ("value", "ci_low", "ci_high", "target", "n", "numerator", "denominator",
                 "max_points", "n_effective", "std_error", "points"):  # fmt: skip
        frame[name] = pd.to_numeric(frame[name]).astype(float)
    frame["finding"] = frame["finding"].astype("string")
    told = {"seed": 1, "decisions": {"level": 0.95, "gate": "lower"}, "measures": {}} | settings
    return Batch(source=pa.Table.from_pandas(frame), units=units, settings=told)


def _scores(spread: float = 1.0) -> list[dict[str, Any]]:
    rng = np.random.default_rng(3)
    rows: list[dict[str, Any]] = []
    channels = ("record", "inspection", "mystery", "survey")
    for i in range(N):
        earned = rng.uniform(0.3, 1.0, 4)
        if spread == 0:
            earned[:] = 0.3 + i / 20
        total = 0.0
        for k, channel in enumerate(channels):
            total += 25 * earned[k]
            rows.append(
                {"finding": f"score.points.i{k}", "community": f"U{i:02d}", "indicator": f"i{k}",
                 "channel": channel, "numerator": 10 * earned[k], "denominator": 10.0,
                 "max_points": 25.0, "points": 25 * earned[k]}
            )  # fmt: skip
        rows.append({"finding": "score.total", "community": f"U{i:02d}", "value": total,
                     "flags": None, "status": "ok", "std_error": 1.0})  # fmt: skip
    return rows


def test_ranks_under_other_methods_stand_apart_and_hold_the_nominal_one() -> None:
    b = _batch(_scores())
    told = scored.robustness(b)
    assert len(told) == N
    totals = b.pick("score.total").set_index("community")["value"].rank(ascending=False)
    assert (told.set_index("community")["value"] == totals).all()
    assert (told["ci_low"] <= told["ci_high"]).all()
    again = scored.robustness(_batch(_scores()))
    pd.testing.assert_frame_equal(told, again)
    incomplete = _scores()
    incomplete[-1]["flags"] = "rescaled;incomplete"
    assert "U11" not in set(scored.robustness(_batch(incomplete))["community"])


def test_sobol_names_the_choices_largest_first() -> None:
    told = scored.sobol(_batch(_scores()), base=64)
    assert told["value"].is_monotonic_decreasing
    assert {"overview.sobol.normalisation", "overview.sobol.aggregation", "overview.sobol.scheme",
            "overview.sobol.weight_i0"} <= set(told["finding"])  # fmt: skip
    # units that keep their order whatever the method: no choice moves any rank
    assert scored.sobol(_batch(_scores(spread=0)), base=64).empty


def test_too_few_scores_give_nothing() -> None:
    assert scored.robustness(_batch(_scores()[:5])).empty
    assert scored.sobol(_batch([])).empty


def _satisfied(shares: list[float]) -> Batch:
    rows = [
        {"finding": "survey.q1.top2.current", "community": f"U{i:02d}", "value": share,
         "n": 120.0, "n_effective": 100.0}
        for i, share in enumerate(shares)
    ]  # fmt: skip
    measures = {"resident_satisfaction": {"channel": "survey", "items": ["q1"]}}
    return _batch(rows, measures=measures)


def test_a_unit_far_from_the_others_lies_outside_the_funnel() -> None:
    told = scored.funnel(_satisfied([0.8, 0.82, 0.78, 0.81, 0.79, 0.8, 0.83, 0.77, 0.8, 0.8,
                                         0.79, 0.45])).set_index("community")  # fmt: skip
    assert told.loc["U11", "verdict"] == "worse"
    assert set(told["verdict"].drop("U11")) == {"cannot_tell"}
    assert told["n"].eq(100).all()
    assert scored.funnel(_satisfied([0.8] * 9)).empty


@pytest.mark.parametrize(
    ("old", "verdict"), [(79.0, "met"), (50.0, "not_met"), (66.0, "cannot_tell")]
)
def test_old_and_new_compounds_against_twenty_percent(old: float, verdict: str) -> None:
    rng = np.random.default_rng(1)
    rows = [
        {"finding": "score.total", "community": f"U{i:02d}", "status": "ok",
         "value": (82.0 if i % 2 else old) + rng.normal(0, 2 if verdict != "cannot_tell" else 9)}
        for i in range(N)
    ]  # fmt: skip
    told = scored.gap(_batch(rows)).set_index("finding")
    assert told.loc["overview.gap", "verdict"] == verdict
    assert told.loc["overview.gap", "target"] == 0.20
    assert scored.gap(_batch(rows[:2])).iloc[0]["status"] == "not_computed"


def test_decisions_are_counted_under_each_rule() -> None:
    rows = [
        {"finding": "rule.R-17.s", "community": f"U{i:02d}", "value": value, "ci_low": value - 0.05,
         "ci_high": value + 0.05, "target": 0.7, "target_zh": "≥70%", "label_zh": "门槛",
         "label_en": "gate", "verdict": "passed", "rule": "R-17"}
        for i, value in enumerate([0.9, 0.72, 0.68, 0.5])
    ]  # fmt: skip
    told = scored.decisions(_batch(rows)).set_index("decision")
    assert told["value"].to_dict() == {"point": 2, "lower": 1, "upper": 3}
    assert told["n"].eq(4).all()
    assert "1 differ from the study's rule" in told.loc["point", "display_en"]
    gates = scored.gates(_batch(rows)).set_index("finding")
    assert gates.loc["overview.pass_rate", "value"] == 1
    assert "4 pass, 0 fail" in gates.loc["overview.gate.rule.R-17.s", "display_en"]
    assert gates.loc["overview.award", "status"] == "not_computed"  # nothing stated in advance
    counted = [row | {"flags": "register"} for row in rows]
    assert scored.decisions(_batch(counted)).empty  # a register is no sample


def test_gates_say_whom_they_keep_out_and_by_what_a_title_is_given() -> None:
    rows = [
        {"finding": "rule.R-18.fee", "community": f"U{i:02d}", "value": 0.6 if i < 3 else 0.8,
         "target": 0.7, "target_zh": "≥70%", "label_zh": "门槛", "label_en": "gate", "rule": "R-18",
         "verdict": "failed" if i < 3 else "passed"}
        for i in range(10)
    ]  # fmt: skip
    rows += [
        {"finding": f"ruleset.parameter.{name}", "community": "U00", "display_zh": zh, "display_en": en}
        for name, zh, en in (("award_rule", "名额", "quota"), ("tie_rule", "抽签", "by lot"),
                             ("pass_band", "50、80", "50, 80"))
    ]  # fmt: skip
    told = scored.gates(_batch(rows)).set_index("finding")
    # U00 and U02 are old compounds, U01 is commercial
    assert told.loc["overview.gate.rule.R-18.fee", "display_en"].endswith(
        "of those that fail: commercial housing 1, old compound 2"
    )
    assert told.loc["overview.pass_rate", "value"] == pytest.approx(0.7)
    assert "50% to 80%" in told.loc["overview.pass_rate", "label_en"]
    assert told.loc["overview.award", "display_en"].startswith("quota; ties: by lot")


def _marks(linked: bool) -> list[dict[str, Any]]:
    rng = np.random.default_rng(2)
    lenient = {"S1": 4.0, "S2": 0.0, "S3": -4.0, "S4": 3.0, "S5": 0.0, "S6": -3.0}
    rows: list[dict[str, Any]] = []
    for i in range(N):
        team = ["S1", "S2", "S3"] if linked or i < N // 2 else ["S4", "S5", "S6"]
        for who, role in zip(team, ("expert", "analyst", "resident"), strict=True):
            rows.append(
                {"finding": f"agreement.total.announced.{who}", "community": f"U{i:02d}",
                 "item": who, "subgroup": role, "date": f"2026-10-{i + 1:02d}",
                 "value": 70 + 2 * i + lenient[who] + rng.normal(0, 0.5)}
            )  # fmt: skip
    return rows


def test_severity_is_found_and_ranks_are_shown_before_and_after() -> None:
    told = assessors.severity(_batch(_marks(linked=True))).set_index("finding")
    assert told.loc["overview.severity.S1", "value"] == pytest.approx(4, abs=0.5)
    assert told.loc["overview.severity.S3", "value"] == pytest.approx(-4, abs=0.5)
    shifts = assessors.severity(_batch(_marks(linked=True)))
    shifts = shifts[shifts["finding"].eq("context.severity")]
    assert len(shifts) == N
    assert shifts["display_en"].str.contains("rank").all()
    assert told.loc["overview.drift.S1", "verdict"] == "passed"


def test_teams_without_a_common_unit_cannot_be_compared() -> None:
    told = assessors.severity(_batch(_marks(linked=False))).set_index("finding")
    assert told.loc["overview.severity", "status"] == "not_computed"
    assert "2 groups" in told.loc["overview.severity", "reason_en"]
    assert "context.severity" not in told.index
    assert told.loc["overview.severity.S4", "value"] == pytest.approx(3, abs=0.5)


def test_agreement_and_how_many_assessors_would_do() -> None:
    b = _batch(_marks(linked=True))
    told = assessors.agreement(b).set_index("finding")["value"]
    assert {f"overview.agreement.icc_{i}_{k}" for i in (1, 2, 3) for k in ("1", "k")} <= set(
        told.index
    )
    assert told["overview.agreement.icc_3_1"] > 0.95
    sem = assessors.study(b)["value"].to_numpy()
    assert len(sem) == 6
    assert (np.diff(sem) < 0).all()


def test_a_local_bonus_needs_pairs() -> None:
    rows = [
        {"finding": f"agreement.visit.{visit}", "community": f"U{i:02d}", "value": 80 + i + bonus}
        for i in range(4)
        for visit, bonus in (("announced", 6.0 + 0.1 * i), ("cross", 0.0))
    ]
    told = assessors.cross(_batch(rows)).set_index("finding")
    assert told.loc["overview.local_bonus", "value"] == pytest.approx(6.15)
    assert told.loc["overview.local_bonus", "verdict"] == "failed"
    assert len(told.loc[["context.cross"]]) == 4
    assert assessors.cross(_batch(rows[::2])).empty
