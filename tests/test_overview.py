"""All units side by side: who is ranked, among whom, and how p values are printed."""

from __future__ import annotations

from typing import Any

import pandas as pd

from workbench import overview

NAN = float("nan")


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
    return overview.Batch(findings=pd.DataFrame(findings), units=units, settings=told)


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
