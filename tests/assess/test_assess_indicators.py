"""Values of indicators: one origin and cadence, gaps named, truth words, marks without an error."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pandas as pd
import pytest

from workbench import survey
from workbench.assess import records, series
from workbench.assess.sample import Sample
from workbench.community import Community
from workbench.protocol import Protocol

ind: Any = import_module("workbench.assess.indicators")  # the package exports its function

ZONE = "Asia/Shanghai"
MONTHS = [f"2026-{m:02d}" for m in range(1, 11)]


def _unit(tables: dict[str, pd.DataFrame], **settings: Any) -> Community:
    told = {
        "community": "U",
        "wave": "b",
        "baseline": None,
        "seed": 1,
        "timezone": ZONE,
        "issued": "2026-12-01",
        "unit": "community",
        "waves": [{"id": "b", "records": ["2026-05", "2026-10"]}],
        "decisions": {"level": 0.9, "target": "lower", "margin_pp": 5.0},
        "measures": {},
        "scope": [],
        "codebook": {},
    } | settings
    home = pd.DataFrame({"community": ["U"], "households": [1000.0]})
    whole = {"communities": home} | tables
    return Community(Path(), told, whole, cast(Protocol, _Protocol()))


class _Protocol:
    """Indicators of one unit of measure, all with the same target."""

    parameters: ClassVar[dict[str, Any]] = {}

    def indicator(self, slug: str) -> Any:
        return SimpleNamespace(unit="score_100" if slug == "points" else "yes_no")

    def targets(self, scope: list[str], **_: Any) -> list[dict[str, Any]]:
        return [
            {
                "indicator": slug,
                "name_zh": slug,
                "name_en": slug,
                "dimension": "d",
                "kind": "level",
                "op": ">=",
                "value": 80.0,
                "high": None,
                "floor": 0.0,
                "direction": "up",
                "target_phase": "",
                "display_zh": "≥80",
                "display_en": "≥80",
                "responsible_zh": "",
                "status": "ok",
                "chargeable": slug == "points",
                "due": True,
            }
            for slug in scope
        ]


def _rows(periods: list[str], values: list[float], origin: str = "ledger") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "indicator": "m",
            "period": periods,
            "value": values,
            "numerator": float("nan"),
            "denominator": float("nan"),
            "origin": origin,
        }
    )


def _value(frame: pd.DataFrame, statistic: str, window: str | None = "last_3_months") -> Any:
    c = _unit({"measurements": frame})
    measure = {"measurement": "m", "statistic": statistic, "window": window}
    return series.measurement(c, measure, ind.span_of(c, measure))


def test_one_origin_counts_per_period() -> None:
    both = pd.concat(
        [
            _rows(MONTHS, [2.0] * 10),
            _rows(MONTHS, [9.0] * 10, "self_report"),
            _rows(MONTHS, [7.0] * 10, "recount"),
            _rows(["2026-10"], [3.0], "device"),
        ]
    )
    assert _value(both, "sum")["value"] == 7.0


def test_a_sum_with_a_missing_month_is_not_computed() -> None:
    told = _value(_rows(["2026-08", "2026-10"], [1.0, 2.0]), "sum")
    assert told["status"] == "not_computed"
    assert told["value"] is None
    assert "1 of the 3" in told["reason_en"]
    assert "2026-09" in told["reason_zh"]
    told = _value(_rows(["2026-08", "2026-10"], [1.0, 2.0]), "per_100_households_year")
    assert told["status"] == "not_computed"


def test_a_mean_with_a_missing_month_says_so() -> None:
    told = _value(_rows(["2026-08", "2026-10"], [1.0, 2.0]), "mean")
    assert told["value"] == 1.5
    assert told["status"] == "low_precision"
    assert "缺1期" in told["reason_zh"]


def test_cadences_are_not_added() -> None:
    mixed = _rows(["2026", *MONTHS], [100.0] + [1.0] * 10)
    assert _value(mixed, "sum")["value"] == 3.0
    told = _value(_rows(["2026-Q3", "2026-10"], [5.0, 1.0]), "sum", "last_6_months")
    assert told["status"] == "not_computed"
    assert "different length" in told["reason_en"]


def test_a_year_does_not_stand_for_another_window() -> None:
    told = _value(_rows(["2026"], [12.0]), "sum", "last_12_months")
    assert told["status"] == "not_computed"


def test_change_needs_two_periods_and_a_first_value() -> None:
    one = _value(_rows(["2026-10"], [1.0]), "change_pp")
    assert one["status"] == "not_computed"
    assert "one period" in one["reason_en"]
    zero = _value(_rows(["2026-08", "2026-10"], [0.0, 1.0]), "change_rel")
    assert zero["status"] == "not_computed"
    assert _value(_rows(["2026-08", "2026-10"], [2.0, 1.0]), "change_rel")["value"] == -0.5


def test_an_old_last_value_says_its_month() -> None:
    told = _value(_rows(["2025-12", "2026-02"], [1.0, 2.0]), "last", None)
    assert (told["value"], told["period"], told["status"]) == (2.0, "2026-02", "low_precision")
    new = _value(_rows(MONTHS, [float(m) for m in range(10)]), "last", None)
    assert (new["value"], new["period"]) == (9.0, "2026-10")
    assert "status" not in new


def test_rates_take_the_level_of_the_study() -> None:
    told = _value(_rows(MONTHS, [4.0] * 10), "per_100_households_year")
    assert told["level"] == 0.9
    frame = pd.DataFrame({"x": range(12)})
    row = records._rate(frame, 1000, 1.0, "current", "", "", level=0.9)
    wide = records._rate(frame, 1000, 1.0, "current", "", "", level=0.99)
    assert row["level"] == 0.9
    assert row["ci_low"] > wide["ci_low"]


@pytest.mark.parametrize(("word", "value"), [("有", 1.0), ("Y", 1.0), ("否", 0.0), ("合格", 1.0)])
def test_facts_are_read_with_the_words_of_intake(word: str, value: float) -> None:
    facts = pd.DataFrame({"fact": ["f"], "value": [word], "date": [pd.NaT]})
    assert ind.by_fact(_unit({"facts": facts}), {"fact": "f"})["value"] == value


def test_an_unknown_truth_word_is_not_a_no() -> None:
    facts = pd.DataFrame({"fact": ["f"], "value": ["maybe"], "date": [pd.NaT]})
    told = ind.by_fact(_unit({"facts": facts}), {"fact": "f"})
    assert told["status"] == "not_computed"
    assert "maybe" in told["reason_zh"]


def test_a_mean_of_items_is_on_their_scale() -> None:
    data = pd.DataFrame({"wave": "b", "q1": [1.0, 5.0] * 20, "q2": [3.0, 5.0] * 20, "w": 1.0})
    sample = Sample.__new__(Sample)
    object.__setattr__(sample, "raked", survey.Design(data=data, weights="w"))
    values = {str(v): str(v) for v in range(1, 6)}
    c = _unit({}, codebook={"q1": {"values": values}, "q2": {"values": values}})
    told = {
        s: ind._survey(c, sample, {"items": ["q1", "q2"], "statistic": s})
        for s in ("mean", "mean_0_100")
    }
    assert told["mean"]["value"] == pytest.approx(3.5)
    assert told["mean"]["unit"] == "score"
    assert told["mean_0_100"]["value"] == pytest.approx(62.5)
    for name in ("ci_low", "ci_high"):
        assert told["mean"][name] == pytest.approx(1 + told["mean_0_100"][name] / 25)
    assert told["mean"]["std_error"] == pytest.approx(told["mean_0_100"]["std_error"] / 25)


def _marks(passed: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "community": "U",
            "wave": "b",
            "visit": "announced",
            "assessor": ["a"] * 4,
            "item": ["i1", "i2", "i3", "w1"],
            "place": "gate",
            "score": [9.0, 9.0, 9.0, float("nan")],
            "max_score": [10.0, 10.0, 10.0, float("nan")],
            "passed": [float("nan")] * 3 + [passed],
        }
    )


def _assessed(passed: float) -> pd.DataFrame:
    check = {"inspection": ["w1"], "tolerance_pp": 5}
    measures = {
        "points": {
            "channel": "inspection",
            "items": ["i1", "i2", "i3"],
            "statistic": "points",
            "visits": ["announced"],
        },
        "lane": {"channel": "fact", "fact": "f", "check": check},
    }
    facts = pd.DataFrame({"fact": ["f"], "value": ["true"], "date": [pd.NaT]})
    c = _unit(
        {"inspections": _marks(passed), "facts": facts},
        measures=measures,
        scope=["points", "lane"],
    )
    return ind.indicators(c, cast(Sample, None)).set_index("finding")


def test_marks_of_one_assessor_leave_the_verdict_open() -> None:
    row = _assessed(1.0).loc["indicator.points"]
    assert row["value"] == 90.0
    assert row["channel"] == "inspection"
    assert (row["verdict"], row["decision"]) == ("cannot_tell", "cannot_tell")
    assert row[["attainment_se", "attainment_low", "attainment_high", "level"]].isna().all()
    assert row["attainment"] == 1.0
    assert "评分误差无法估计" in row["reason_zh"]


def test_further_evidence_is_compared_and_changes_nothing() -> None:
    agree, differ = _assessed(1.0), _assessed(0.0)
    assert agree.loc["check.evidence.lane", "verdict"] == "passed"
    row = differ.loc["check.evidence.lane"]
    assert (row["verdict"], row["kind"], row["severity"]) == ("failed", "check", "warning")
    assert row["display_en"] == "yes; inspected 0.0%"
    assert differ.loc["indicator.lane", "value"] == agree.loc["indicator.lane", "value"] == 1.0
