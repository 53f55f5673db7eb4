"""All units side by side: who is ranked, among whom, and how p values are printed."""

from __future__ import annotations

import dataclasses
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from workbench import changed, modelled, overview, requested

NAN = float("nan")
Row = dict[str, Any]


def _batch(findings: list[dict[str, Any]], kinds: list[Any], **settings: Any) -> overview.Batch:
    names = [f"U{i}" for i in range(len(kinds))]
    units = pd.DataFrame(
        {
            "community": names,
            "name": names,
            "name_en": names,
            "kind": pd.Series(kinds, dtype=object),
            "outcome": "assessed",
        }
    )
    told = {"seed": 1, "decisions": {"level": 0.95}} | settings
    table = pa.Table.from_pandas(pd.DataFrame(findings))
    return overview.Batch(source=table, units=units, settings=told)


def _total(i: int, value: float, flags: str | None = None) -> dict[str, Any]:
    row = {"finding": "score.total", "community": f"U{i}", "value": value, "std_error": 1.0}
    return row | {"status": "low_precision" if flags else "ok", "flags": flags, "kind": "score"}


def test_incomplete_scores_are_not_ranked() -> None:
    b = _batch([_total(0, 90, "rescaled;incomplete"), _total(1, 80), _total(2, 70)], ["a"] * 3)
    told = overview.ranks(b)
    assert set(told.loc[told["value"].notna(), "community"]) == {"U1", "U2"}
    left = told[told["community"].eq("U0")].iloc[0]
    assert (left["finding"], left["status"]) == ("context.rank", "not_computed")
    assert overview.rank_rows(b)["community"].tolist() == ["U1", "U2"]


def test_a_unit_out_of_the_selection_is_ranked_for_comparison_only() -> None:
    gate = {"finding": "rule.R-18.fee", "rule": "R-18", "verdict": "failed", "flags": "met"}
    shown = "R-17 门槛（仅列示，不作决定）"
    rows = [
        *(_total(i, 90.0 - i) for i in range(3)),
        gate | {"community": "U0", "label_zh": "R-18 收缴率"},
        gate | {"community": "U1", "label_zh": shown, "rule": "R-17"},
    ]
    told = overview.ranks(_batch(rows, ["a"] * 3))
    ranks = told[told["finding"].eq("context.rank")].set_index("community")
    assert ranks.loc["U0", "flags"] == "ineligible"
    assert "R-18 not passed" in ranks.loc["U0", "reason_en"]
    assert ranks.loc[["U1", "U2"], "flags"].isna().all()


def test_percentiles_are_within_a_known_kind() -> None:
    totals = [_total(i, 90.0 - i) for i in range(5)]
    told = overview.ranks(_batch(totals, ["a", "a", "a", None, None]))
    shares = told[told["finding"].eq("context.percentile_in_kind")].set_index("community")
    assert list(shares.index) == ["U0", "U1", "U2"]
    assert shares["n"].tolist() == [3, 3, 3]
    assert shares["value"].tolist() == [1.0, 0.5, 0.0]


def test_small_p_values_are_not_printed_as_zero() -> None:
    rows = [
        {"finding": "change.q1.top2", "community": f"U{i}", "kind": "comparison", "p_value": p}
        for i, p in enumerate([1e-9, 0.2])
    ]
    told = overview.adjusted(_batch(rows, ["a", "a"]))
    assert told["display_zh"].tolist() == ["<0.001", "0.200"]


def test_regression_takes_the_item_of_resident_satisfaction() -> None:
    rows = [
        {
            "finding": f"survey.{item}.top2.baseline",
            "community": f"U{i}",
            "item": item,
            "value": 0.5 + i / 10,
            "std_error": 0.01,
        }
        for item in ("q9", "q1", "q2")
        for i in range(4)
    ]
    survey = {"channel": "survey", "statistic": "top2"}
    measures = {
        "other": survey | {"items": ["q2"]},
        "resident_satisfaction": survey | {"items": ["q1"]},
    }

    def item(**settings: Any) -> set[str]:
        return set(overview.regression(_batch(rows, ["a"] * 4, **settings))["item"])

    assert item(measures=measures) == {"q1"}
    assert item(measures={"other": measures["other"]}) == {"q2"}
    assert item() == {"q9"}


def _moves(changes: dict[str, float], *, treated: dict[str, str | None]) -> overview.Batch:
    rows = []
    for i, (_, move) in enumerate(changes.items()):
        before = 0.50 + 0.02 * (i % 5)
        rows.append(
            {"finding": "change.q1.top2", "kind": "comparison", "community": f"U{i}", "item": "q1",
             "label_zh": "满意的居民", "label_en": "satisfied residents", "value": move,
             "baseline": before, "ci_low": move - 0.06, "ci_high": move + 0.06, "p_value": 0.2}
        )  # fmt: skip
        rows.append(
            {"finding": "survey.q1.top2.baseline", "kind": "estimate", "community": f"U{i}",
             "item": "q1", "value": before, "std_error": 0.03}
        )  # fmt: skip
    waves = [{"id": "a", "fieldwork": ["2026-04-01"]}, {"id": "b", "fieldwork": ["2026-10-01"]}]
    b = _batch(rows, ["a"] * len(changes), waves=waves)
    b.units["treated"] = pd.Series(list(treated.values()), dtype=object)
    return b


def test_treated_communities_are_compared_with_the_others() -> None:
    moves = {f"U{i}": m for i, m in enumerate([0.15, 0.13, 0.02, -0.01, 0.00, 0.03, 0.01])}
    arms: dict[str, str | None] = dict.fromkeys(moves, "false")
    arms |= {"U0": "true", "U1": "true"}
    told = changed.controlled(_moves(moves, treated=arms)).set_index(["community", "finding"])
    by_hand = 0.14 - 0.01
    one = told.loc[("U0", "context.did.q1")]
    assert one["value"] == pytest.approx(by_hand, abs=5e-4)
    assert one["evidence_grade"] in {"E1", "E2", "E3"}
    # two of seven: 21 assignments, both tails are the two highest, so p is 1/21
    assert one["p_value"] == pytest.approx(1 / 21, abs=5e-4)
    numbers = [f"overview.did.check.{n:02d}" for n in range(1, 29)]
    assert set(numbers) <= {name for _, name in told.index}
    assert ("U2", "context.did.q1") not in told.index


def test_one_treated_against_one_other_tells_no_error_and_stops_no_batch() -> None:
    moves = {"U0": 0.1, "U1": 0.2}
    told = changed.controlled(_moves(moves, treated={"U0": "true", "U1": "false"}))
    assert told["status"].tolist() == ["not_computed"]
    assert "only two units" in told["reason_en"].iloc[0]
    arms: dict[str, str | None] = {"U0": "true", "U1": "false", "U2": "false"}
    three = changed.controlled(_moves(moves | {"U2": 0.05}, treated=arms))
    row = three.set_index(["community", "finding"]).loc[("U0", "context.did.q1")]
    assert row["status"] == "not_computed", "one treated has no spread either"


def test_without_a_comparison_community_nothing_is_claimed() -> None:
    moves = {"U0": 0.1, "U1": 0.2}
    told = changed.controlled(_moves(moves, treated={"U0": "true", "U1": "true"}))
    assert told["status"].tolist() == ["not_computed"]
    assert changed.controlled(_moves(moves, treated={"U0": None, "U1": None})).empty


def test_a_gain_from_the_lowest_baseline_is_held_against_what_is_expected() -> None:
    moves = {f"U{i}": 0.03 for i in range(10)}
    b = _moves(moves, treated=dict.fromkeys(moves))
    told = changed.regressed(b).set_index("community")
    assert set(told["verdict"]) == {"passed", "failed"}
    assert told.loc["U0", "verdict"] == "failed"  # 50 % is the lowest of 50 to 58 %
    assert told.loc["U4", "verdict"] == "passed"


def _direct(i: int, value: float, error: float) -> dict[str, Any]:
    return {
        "finding": "survey.q1.top2.current",
        "community": f"U{i}",
        "kind": "estimate",
        "value": value,
        "std_error": error,
        "label_zh": "满意",
        "label_en": "satisfied",
    }


def test_modelled_estimates_stand_beside_direct_ones_where_the_study_chose_them() -> None:
    rows = [_direct(i, 0.5 + 0.04 * (i % 5), 0.05 + 0.01 * (i % 3)) for i in range(12)]
    rows.append(_direct(12, NAN, NAN))
    chosen = {"items": ["q1"], "covariates": ["adults", "kind"], "fit": "REML"}
    b = _batch(rows, ["a", "b", "a"] * 4 + ["a"], small_area=chosen)
    adults = [1000.0 + 50 * i for i in range(13)]
    told = modelled.small_areas(
        dataclasses.replace(b, units=b.units.assign(adults=adults, households=None))
    ).set_index("community")
    assert len(told) == 13
    assert told["flags"].eq("modelled;choice_undated").all()
    assert told["reason_en"].str.contains("is not recorded").all()
    assert told.loc["U0", "reason_en"].endswith("direct estimate 50.0%")
    assert told.loc["U12", "value"] > 0
    direct = pd.DataFrame(rows[:12]).set_index("community")["value"]
    spread = told.loc[direct.index, "value"].std()
    assert spread < direct.std()
    weights = pd.Series(adults[:12], index=direct.index)
    mean = (told.loc[direct.index, "value"] * weights).sum() / weights.sum()
    assert abs(mean - (direct * weights).sum() / weights.sum()) < 0.001


def test_no_model_without_a_choice_and_a_reason_where_it_cannot_be_fitted() -> None:
    rows = [_direct(i, 0.5, 0.05) for i in range(2)]
    assert modelled.small_areas(_batch(rows, ["a", "a"])).empty
    chosen = {"items": ["q1"], "covariates": [], "fit": "REML"}
    b = _batch(rows, ["a", "a"], small_area=chosen)
    b = dataclasses.replace(b, units=b.units.assign(adults=None, households=None))
    told = modelled.small_areas(b)
    assert told["status"].tolist() == ["not_computed"] * 2
    assert told["reason_en"].str.contains("too few areas").all()


@pytest.mark.parametrize(
    ("chosen", "status", "says"),
    [
        ("2026-09-20", "ok", "before field work (2026-10-08)"),
        ("2026-10-08", "not_computed", "field work began on 2026-10-08"),
        ("2026-11-20", "not_computed", "field work began on 2026-10-08"),
    ],
)
def test_a_model_chosen_after_field_work_began_is_not_computed(
    chosen: str, status: str, says: str
) -> None:
    rows = [_direct(i, 0.5 + 0.04 * (i % 5), 0.05) for i in range(8)]
    model = {"items": ["q1"], "covariates": [], "fit": "REML", "chosen": chosen}
    waves = [{"id": "w2", "fieldwork": ["2026-10-08", "2026-11-05"]}]
    b = _batch(rows, ["a"] * 8, small_area=model, waves=waves, wave="w2")
    b = dataclasses.replace(b, units=b.units.assign(adults=None, households=None))
    told = modelled.small_areas(b)
    assert told["reason_en"].str.contains(says, regex=False).all()
    if status == "ok":
        assert told["value"].notna().all()
        assert told["flags"].eq("modelled").all()
    else:
        assert told["status"].eq(status).all()
        assert "value" not in told


def _rate(unit: str, name: str, met: int | None, n: int | None, status: str = "ok") -> Row:
    row = {"finding": f"requests.{name}.current", "community": unit, "kind": "estimate"}
    share = met / n if met is not None and n else None
    return row | {
        "value": share, "numerator": met, "denominator": n, "n": n, "unit": "share", "level": 0.95,
        "ci_low": None, "ci_high": None, "status": status, "method": "scoring.handling_rates",
        "reason_zh": None, "reason_en": None,
    }  # fmt: skip


def test_handling_of_all_units_is_the_sum_of_what_they_publish() -> None:
    rows = [
        _rate("U0", "resolved", 8, 10), _rate("U1", "resolved", 15, 30),
        _rate("U2", "resolved", None, None, "not_computed"),
        _rate("U0", "satisfied", None, None, "suppressed"), _rate("U1", "satisfied", 9, 12),
    ]  # fmt: skip
    told = requested.handling(_batch(rows, ["a"] * 3)).set_index("finding")
    every = told.loc["overview.handling.all.measure=resolved"]
    assert (every["numerator"], every["denominator"]) == (23, 40)
    assert every["value"] == pytest.approx(23 / 40)
    assert every["ci_low"] < 23 / 40 < every["ci_high"]
    few = told.loc["overview.handling.all.measure=satisfied"]
    assert (few["numerator"], few["n"]) == (9, 12)  # what a unit withholds enters no sum
    assert few["reason_en"].startswith("sum of 1 of 2 units")
    assert told.loc["overview.handling.U0.measure=satisfied", "status"] == "suppressed"
    assert pd.isna(told.loc["overview.handling.U0.measure=satisfied", "value"])
    assert not [name for name in told.index if ".U2." in name]
    assert told.loc["overview.handling.U1.measure=resolved", "label_zh"] == "U1，解决率"


def test_of_many_units_those_with_the_lowest_share_resolved_are_listed() -> None:
    rows = [_rate(f"U{i}", "resolved", i, 400) for i in range(303)]
    told = requested.handling(_batch(rows, ["a"] * 303))
    listed = set(told["finding"].str.extract(r"overview\.handling\.(U\d+)")[0].dropna())
    assert listed == {f"U{i}" for i in range(300)}
    assert told["display_zh"].iloc[-1].startswith("另有3个单位")
    assert told.loc[0, "denominator"] == 303 * 400  # the sum is of all


def test_topics_add_up_over_the_units_that_publish_them() -> None:
    def said(unit: str, item: str, k: int | None, n: int, flags: str | None) -> Row:
        return {"finding": f"voices.requests.{item}.share", "community": unit, "item": item,
                "statistic": "share", "numerator": k, "denominator": n, "flags": flags,
                "status": "ok" if k else "suppressed", "label_zh": f"诉求：{item}",
                "label_en": f"Requests: {item}", "kind": "estimate"}  # fmt: skip

    rows = [
        said("U0", "parking", 12, 40, "not_validated"), said("U1", "parking", 20, 50, None),
        said("U0", "lifts", None, 40, None), said("U1", "lifts", 10, 50, None),
        said("U2", "lifts", None, 7, None),
    ]  # fmt: skip
    told = requested.topics(_batch(rows, ["a"] * 3))
    assert told["finding"].tolist() == [
        "overview.topic.requests.parking",
        "overview.topic.requests.lifts",
    ]
    assert told["value"].tolist() == [32, 10]
    assert told["denominator"].tolist() == [90, 90]  # U2 publishes no topic at all
    assert told["flags"].fillna("").tolist() == ["not_validated", ""]
    assert "未经验证" in told["reason_zh"][0]
    assert "未经验证" not in told["reason_zh"][1]
    assert requested.topics(
        _batch([_rate("U0", "resolved", 1, 2) | {"statistic": None}], ["a"])
    ).empty
