"""The score re-adds and says what it lacks; gates without an interval; warnings of this wave."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pandas as pd
import pytest

from workbench import scoring
from workbench.assess import gates
from workbench.community import Community
from workbench.protocol import Protocol

sc: Any = import_module("workbench.assess.score")  # the package exports its function

NAN = float("nan")


def _name(text: str) -> Any:
    return SimpleNamespace(zh=text, en=text)


class _Protocol:
    """Two channels without a scheme, one gate and one warning."""

    parameters: ClassVar[dict[str, Any]] = {}

    schemes: tuple[str, ...] = ()
    dimensions: ClassVar[dict[str, Any]] = {d: SimpleNamespace(name=_name(d)) for d in ("d1", "d2")}

    def __init__(self) -> None:
        condition = SimpleNamespace(
            indicator="a", test="run", below=85.0, above=None, inclusive=False, consecutive=3
        )
        self.warnings = {
            "W-1": SimpleNamespace(condition=condition, title=_name("t"), effect=_name("e"))
        }

    def points(self, slugs: list[str]) -> list[dict[str, Any]]:
        return [{"indicator": s, "max_points": 10.0} for s in slugs]

    def indicator(self, slug: str) -> Any:
        return SimpleNamespace(unit="percent")

    def gates(self) -> list[dict[str, Any]]:
        gate = {"rule": "R-17", "indicator": "a", "op": ">=", "value": 70.0, "unit": "percent"}
        words = {f"{n}_{g}": n for n in ("name", "display") for g in ("zh", "en")}
        return [gate | words | {"kind": "level", "applied": True, "window_months": None}]


def _unit(**tables: pd.DataFrame) -> Community:
    settings = {
        "community": "U",
        "wave": "b",
        "issued": "2026-12-01",
        "timezone": "Asia/Shanghai",
        "waves": [{"id": "b", "records": ["2026-05", "2026-10"]}],
        "decisions": {"gate": "lower", "level": 0.95},
        "measures": {
            "a": {"channel": "survey", "measurement": "m"},
            "b": {"channel": "record"},
        },
    }
    return Community(Path(), settings, tables, cast(Protocol, _Protocol()))


def _frame(**columns: list[Any]) -> pd.DataFrame:
    slugs = ["a", "b", "c", "d"]
    told = pd.DataFrame(
        {
            "indicator": slugs,
            "finding": [f"indicator.{s}" for s in slugs],
            "channel": ["survey", "survey", "record", "record"],
            "dimension": ["d1", "d2", "d1", "d2"],
            "label_zh": slugs,
            "label_en": slugs,
            "target_kind": "level",
            "target_zh": "≥1",
            "target_en": "≥1",
            "own_scale": False,
            "value": [0.8, 0.9, 0.5, 0.4],
            "unit": "share",
            "std_error": [0.01, 0.01, NAN, NAN],
            "ci_low": [0.78, 0.88, NAN, NAN],
            "ci_high": [0.82, 0.92, NAN, NAN],
            "attainment": [0.8, 0.9, 0.5, 0.4],
            "attainment_se": [0.01, 0.01, 0.0, 0.0],
            "attainment_low": [0.78, 0.88, 0.5, 0.4],
            "attainment_high": [0.82, 0.92, 0.5, 0.4],
            "status": "ok",
        }
    )
    return told.assign(**columns)


def _score(frame: pd.DataFrame) -> pd.DataFrame:
    return sc.score(_unit(), frame).set_index("finding")


def test_indicators_without_a_target_do_not_enter() -> None:
    told = _score(_frame(target_kind=["level", "", "level", ""]))
    assert "score.points.b" not in told.index
    assert "score.points.a" in told.index
    assert told.loc["score.total", "value"] == pytest.approx(65.0)
    assert sc.score(_unit(), _frame(target_kind=[""] * 4)).empty
    assert sc.score(_unit(), _frame(target_kind=[None] * 4)).empty


def test_a_score_that_lacks_an_indicator_says_so_and_re_adds() -> None:
    whole = _score(_frame())
    assert (whole.loc["score.total", "status"], whole.loc["score.total", "flags"]) == ("ok", "")
    told = _score(_frame(attainment=[0.8, 0.9, 0.5, NAN]))
    total = told.loc["score.total"]
    assert total["status"] == "low_precision"
    assert "incomplete" in total["flags"].split(";")
    assert total["value"] == pytest.approx(67.5)
    assert "between 55.0 and 80.0" in total["reason_en"]
    assert "55.0至80.0" in total["reason_zh"]
    for part in ("indicator", "channel", "dimension"):
        mine = told[told["part"].eq(part)]
        assert mine["points"].sum() == pytest.approx(total["value"]), part
        assert mine["max_points"].sum() == pytest.approx(100.0), part


def test_points_without_a_total_are_not_computed() -> None:
    told = _score(_frame(attainment=[0.8, 0.9, NAN, NAN]))
    total = told.loc["score.total"]
    assert total["status"] == "not_computed"
    assert "incomplete" in total["flags"]
    # 100 points in four equal parts: 0.8 and 0.9 of two are there, the other 50 are open
    assert "between 42.5 and 92.5" in total["reason_en"]
    assert "42.5至92.5" in total["reason_zh"]
    row = told.loc["score.points.a"]
    assert row["status"] == "not_computed"
    assert row["reason_zh"]
    assert pd.isna(row["points"])


def test_an_unknown_error_marks_the_total() -> None:
    blind = [NAN, 0.01, 0.0, 0.0]
    told = _score(
        _frame(
            attainment_se=blind,
            attainment_low=[NAN, 0.88, 0.5, 0.4],
            attainment_high=[NAN, 0.92, 0.5, 0.4],
        )
    )
    total = told.loc["score.total"]
    assert total["status"] == "low_precision"
    assert "error_unknown" in total["flags"]


def test_a_part_without_indicators_gives_its_weight_away_aloud(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parts = tuple(
        scoring.Part(slug=s, zh=s, en=s, weight=w, members=(s,))
        for s, w in (("survey", 0.4), ("record", 0.4), ("fact", 0.2))
    )
    scheme = scoring.Scheme(slug="own", parts=parts, origin="assumption", formula="")
    monkeypatch.setattr(sc, "_scheme", lambda c, frame: scheme)
    total = _score(_frame()).loc["score.total"]
    assert "reweighted" in total["flags"]
    assert "fact (20%)" in total["reason_en"]
    assert total["value"] == pytest.approx(65.0)


def _gate(frame: pd.DataFrame) -> Any:
    return gates.eligibility(_unit(), frame).iloc[0]


def test_a_gate_on_a_sample_without_interval_cannot_tell() -> None:
    assert _gate(_frame())["verdict"] == "passed"
    blank = [NAN] * 4
    row = _gate(_frame(std_error=blank, ci_low=blank, ci_high=blank))
    assert (row["verdict"], row["outcome"], row["decision"]) == ("cannot_tell",) * 3
    assert row["value"] == 0.8
    assert "误差无法估计" in row["reason_zh"]
    census = _gate(_frame(std_error=[0.0] * 4, ci_low=blank, ci_high=blank))
    assert census["verdict"] == "passed"
    record = _gate(_frame(channel=["record"] * 4, std_error=blank, ci_low=blank, ci_high=blank))
    assert record["verdict"] == "passed"


def test_checks_beside_the_indicators_are_left_out() -> None:
    extra = _frame().iloc[[0]].assign(finding="check.evidence.a", value=0.1)
    both = pd.concat([_frame(), extra], ignore_index=True)
    assert _gate(both)["verdict"] == "passed"
    pd.testing.assert_frame_equal(_score(both), _score(_frame()))
    assert len(sc.deductions(_unit(), both, sc.score(_unit(), both))) == 4


def _warning(values: dict[str, float]) -> Any:
    frame = pd.DataFrame(
        {
            "indicator": "m",
            "period": list(values),
            "value": [v / 100 for v in values.values()],
            "numerator": NAN,
            "denominator": NAN,
            "origin": "ledger",
        }
    )
    told = sc.warnings(_unit(measurements=frame))
    assert len(told) == 1
    return told.iloc[0]


LONG_AGO = {"2025-01": 80.0, "2025-02": 80.0, "2025-03": 80.0, "2025-04": 90.0}
QUIET = {f"2026-{m:02d}": 90.0 for m in range(1, 11)}


def test_an_earlier_card_is_history() -> None:
    row = _warning(LONG_AGO | QUIET)
    assert row["verdict"] == "passed"
    assert row["display_en"] == "did not fire; earlier: 2025-03"


def test_a_run_that_reaches_into_the_wave_fires() -> None:
    low = {f"2026-{m:02d}": 80.0 for m in (2, 3, 4, 5)}
    row = _warning(QUIET | low)
    assert row["verdict"] == "failed"
    assert row["period"] == "2026-04..2026-05"  # since when, and how far into the wave
    assert row["display_en"] == "fired, unbroken since 2026-04; this wave (2026-05): 80.0"
    before = _warning(QUIET | {f"2026-{m:02d}": 80.0 for m in (2, 3, 4)})
    assert before["verdict"] == "passed"
    assert "2026-04" in before["display_zh"]


def test_a_run_after_the_wave_is_another_report() -> None:
    after = {f"2026-{m:02d}": 80.0 for m in (11, 12)} | {"2027-01": 80.0}
    assert _warning(QUIET | after)["verdict"] == "passed"


def test_missing_last_months_leave_it_open() -> None:
    short = {m: v for m, v in QUIET.items() if m < "2026-08"}
    row = _warning(LONG_AGO | short)
    assert row["verdict"] == "cannot_tell"
    assert "缺月份" in row["display_zh"]


def test_a_reason_names_the_mystery_visits_and_no_slug() -> None:
    rows = pd.DataFrame({"indicator": ["a"], "label_zh": ["甲"], "label_en": ["first"]})
    told = pd.DataFrame({"reason_zh": ["2 个指标没有结果：a、mystery_visits"],
                         "reason_en": ["without: a, mystery_visits"]})  # fmt: skip
    named = sc._named(rows, told)
    assert named["reason_zh"].tolist() == ["2 个指标没有结果：甲、神秘顾客暗访"]
    assert named["reason_en"].tolist() == ["without: first, mystery visits"]
