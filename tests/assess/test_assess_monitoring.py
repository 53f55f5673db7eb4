"""Monthly charts, changes in retrospect, and records that look made up."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench import protocol, scoring
from workbench.assess import inspections, monitoring
from workbench.community import Community
from workbench.findings import rows

CIVILISED = protocol.load("civilised")
NAN = float("nan")
MONTHS = [f"{y}-{m:02d}" for y in (2025, 2026) for m in range(1, 13)]
MEASURES = {
    "waste_sorting_accuracy": {"channel": "record", "measurement": "w", "statistic": "ratio_of_sums"},
    "community_activities_per_year": {"channel": "record", "measurement": "a", "statistic": "sum"},
}  # fmt: skip


def _unit(frame: pd.DataFrame, **settings: Any) -> Community:
    told = {
        "community": "U",
        "wave": "b",
        "baseline": "a",
        "decisions": {"level": 0.95},
        "measures": MEASURES,
        "waves": [
            {"id": "a", "fieldwork": ["2026-04-08", "2026-05-06"]},
            {"id": "b", "fieldwork": ["2026-10-08", "2026-11-05"]},
        ],
    }
    return Community(Path(), told | settings, {"measurements": frame}, CIVILISED)


def _shares(values: list[float], n: int = 900, **columns: Any) -> pd.DataFrame:
    frame = pd.DataFrame(
        {"indicator": "w", "period": MONTHS[: len(values)], "value": NAN, "origin": "ledger",
         "numerator": [round(n * v) for v in values], "denominator": float(n)}
    )  # fmt: skip
    return frame.assign(**columns)


def _counts(values: list[float], **columns: Any) -> pd.DataFrame:
    frame = pd.DataFrame(
        {"indicator": "a", "period": MONTHS[: len(values)], "value": values, "numerator": NAN,
         "denominator": NAN, "origin": "ledger"}
    )  # fmt: skip
    return frame.assign(**columns)


STEADY = [0.9 + 0.01 * (-1) ** k for k in range(24)]


def test_a_steady_share_is_in_control_and_a_fall_is_seen_and_dated() -> None:
    told = monitoring.monitored(_unit(_shares(STEADY))).set_index("finding")
    assert told.loc["monitor.waste_sorting_accuracy.chart", "verdict"] == "passed"
    fallen = monitoring.monitored(_unit(_shares([*STEADY[:20], 0.7, 0.71, 0.7, 0.71])))
    one = fallen.set_index("finding")
    row = one.loc["monitor.waste_sorting_accuracy.chart"]
    assert row["verdict"] == "failed"
    assert "2026-09 p-chart" in row["reason_en"]
    assert "not a penalty" in row["reason_en"]
    assert one.loc["monitor.waste_sorting_accuracy.level.2", "period"] == "2026-09..2026-12"


def test_a_month_without_counts_is_named() -> None:
    frame = _shares(STEADY).drop(index=15)
    row = monitoring.monitored(_unit(frame)).iloc[0]
    assert row["flags"] == "missing_period"
    assert "2026-04" in row["reason_en"]
    assert monitoring.chart(_unit(frame), "waste_sorting_accuracy")["value"].isna().sum() == 1
    assert monitoring.monitored(_unit(_shares(STEADY[:8]))).empty


def test_sums_of_money_are_judged_by_their_own_spread() -> None:
    rng = np.random.default_rng(1)
    values = list(0.9 + rng.normal(0, 0.02, 24))
    counted = pd.DataFrame({"period": MONTHS, "numerator": [140_000 * v for v in values],
                            "denominator": 140_000.0})  # fmt: skip
    plain = scoring.control_chart(counted, baseline=12)
    laney = scoring.control_chart(counted, baseline=12, spread="laney")
    assert (plain["below"] | plain["above"]).sum() > 12
    assert (laney["below"] | laney["above"]).sum() <= 1
    z = plain["z"].to_numpy()[:12]
    factor = np.abs(np.diff(z)).mean() / 1.128
    assert np.allclose(laney["z"], plain["z"] / factor)


def test_until_a_month_shows_the_unit_as_it_stood() -> None:
    c = monitoring.until(_unit(_shares(STEADY)), "2026-03")
    assert c.tables["measurements"]["period"].max() == "2026-03"
    assert len(monitoring.until(_unit(_shares(STEADY)), "").tables["measurements"]) == 24


def _checks(frame: pd.DataFrame) -> dict[str, str]:
    told = monitoring.record_checks(_unit(frame))
    return dict(zip(told["finding"], told["verdict"], strict=True))


def test_round_numbers_recounts_and_surges_are_flagged() -> None:
    rng = np.random.default_rng(2)
    honest = [float(v) for v in rng.integers(20, 80, 24)]
    frame = pd.concat([_counts(honest), _counts(honest, period=MONTHS).assign(
        period=[m.replace("2025", "2023").replace("2026", "2024") for m in MONTHS])])  # fmt: skip
    assert _checks(frame)["records.digits.a"] == "passed"
    rounded = frame.assign(value=(frame["value"] / 10).round() * 10)
    assert _checks(rounded)["records.digits.a"] == "failed"
    again = pd.DataFrame({"indicator": "a", "period": MONTHS[:3], "value": [20.0, 22.0, 21.0],
                          "numerator": NAN, "denominator": NAN, "origin": "recount"})  # fmt: skip
    inflated = pd.concat([_counts([30.0, 33.0, 21.0]), again])
    assert _checks(inflated)["records.recount.a"] == "failed"
    assert _checks(pd.concat([_counts([20.0, 22.0, 23.0]), again]))["records.recount.a"] == "passed"
    assert _checks(_counts([3.0] * 20 + [12.0, 14.0]))["records.surge.a"] == "failed"
    assert _checks(_counts([3.0] * 22))["records.surge.a"] == "passed"


def test_a_sprint_before_the_first_wave_with_a_rebound_is_flagged() -> None:
    steady = [0.80 + 0.005 * (-1) ** k for k in range(24)]
    sprint = [*steady[:14], 0.95, 0.96, *steady[16:]]
    assert _checks(_shares(sprint))["records.sprint.w.2026-04"] == "failed"
    assert _checks(_shares(steady))["records.sprint.w.2026-04"] == "passed"


def test_a_frozen_device_is_flagged_and_held_against_spot_checks() -> None:
    values = [0.9, 0.91, 0.92, 0.93, 0.93, 0.93, 0.93, 0.9]
    told = _checks(_shares(values, origin="device", device="d1"))
    assert told["records.device.w.d1"] == "failed"
    fine = _checks(_shares([0.9, 0.91, 0.92, 0.9, 0.93, 0.91], origin="device"))
    assert fine["records.device.w.*"] == "passed"


@pytest.mark.parametrize(("marks", "verdict"), [((8, 6), "passed"), ((8, 3), "failed")])
def test_who_may_go_out_is_told_by_the_reference(marks: tuple[int, int], verdict: str) -> None:
    rows = [
        {"assessor": who, "role": role, "visit": "calibration", "item": item, "place": "p",
         "score": float(score), "max_score": 10.0, "passed": NAN}
        for who, role, scores in (("S1", "expert", marks), ("REF", "reference", (8, 6)))
        for item, score in zip(("f1", "f2"), scores, strict=True)
    ]  # fmt: skip
    c = Community(Path(), {}, {"inspections": pd.DataFrame(rows)}, CIVILISED)
    told = inspections.calibration(c, tolerance=10)
    assert told["finding"].tolist() == ["calibration.S1"]
    assert "assumption of the assessor" in told["reason_en"].iloc[0]
    assert told["verdict"].tolist() == [verdict]
    assert inspections.calibration(Community(Path(), {}, {}, CIVILISED), tolerance=10).empty


def test_until_a_month_takes_back_what_had_not_happened_yet() -> None:
    zone = "Asia/Shanghai"

    def day(text: str) -> pd.Timestamp:
        return pd.NaT if not text else pd.Timestamp(text, tz=zone)

    requests = pd.DataFrame(
        {
            "request": ["a", "b", "c"],
            "received": [day("2026-03-01"), day("2026-03-20"), day("2026-04-02")],
            "answered": [day("2026-03-02"), day("2026-04-01"), day("2026-04-03")],
            "closed": [day("2026-03-05"), day("2026-04-05"), day("2026-04-09")],
            "outcome": ["resolved", "resolved", "resolved"],
        }
    )
    yearly = pd.DataFrame(
        {"indicator": "w", "period": ["2025", "2026", "2026-Q1", "2026-Q2", "2026-H1", "2026-03"],
         "value": 1.0, "numerator": NAN, "denominator": NAN, "origin": "ledger"}
    )  # fmt: skip
    c = _unit(
        yearly,
        timezone=zone,
        waves=[{"id": "a"}, {"id": "b", "records": ["2026-01", "2026-10"]}],
    )
    c = dataclasses.replace(c, tables={**c.tables, "requests": requests})
    then = monitoring.until(c, "2026-03")
    assert then.tables["measurements"]["period"].tolist() == ["2025", "2026-Q1", "2026-03"]
    told = then.tables["requests"].set_index("request")
    assert told.index.tolist() == ["a", "b"]
    assert told.loc["a", "outcome"] == "resolved"
    assert told.loc["b", ["closed", "outcome"]].isna().all()
    assert then.settings["waves"][1]["records"] == ["2026-01", "2026-03"]
    assert then.settings["extracts"]["requests"].startswith("2026-04-01T00:00")
    assert c.tables["requests"]["closed"].notna().all()  # the unit itself is as it was


def test_ledgers_alike_to_another_units_start_a_check() -> None:
    from workbench.intake.flags import add_alike

    form = "本周巡查小区公共区域，发现楼道堆物三处，已联系物业当日清运完毕并拍照存档。"
    own = "周三下午核对四号楼水泵房记录，更换压力表一只，居民代表现场签字确认恢复供水。"
    documents = pd.DataFrame(
        {"document": ["d1", "d2", "d3", "d4"], "community": ["U", "V", "U", "U"],
         "kind": ["ledger", "ledger", "ledger", "minutes"],
         "text": [form, form.replace("三处", "两处"), own, form]}
    )  # fmt: skip
    told = add_alike(documents)
    assert told["alike"].iloc[0] > 0.8
    assert told["alike"].iloc[2] < 0.1
    assert np.isnan(told["alike"].iloc[3])  # minutes are no ledgers
    c = Community(Path(), {"measures": {}}, {"documents": told[told["community"].eq("U")]},
                  CIVILISED)  # fmt: skip
    row = monitoring.record_checks(c).set_index("finding").loc["records.copied.ledgers"]
    assert row["verdict"] == "failed"
    assert "1 of 2 ledgers" in row["reason_en"]
    assert "not a penalty" in row["reason_en"]
    # by hand: pieces of three characters, shared over all
    pieces = [{t[i : i + 3] for i in range(len(t) - 2)} for t in documents["text"].iloc[:2]]
    jaccard = len(pieces[0] & pieces[1]) / len(pieces[0] | pieces[1])
    assert told["alike"].iloc[0] == pytest.approx(jaccard, abs=1e-3)


def _register(counts: dict[str, int], records: list[list[str]]) -> Community:
    received = [f"{month}-10 12:00" for month, n in counts.items() for _ in range(n)]
    frame = pd.DataFrame({"received": pd.to_datetime(received).tz_localize("Asia/Shanghai")})
    frame["duplicate_of"] = None
    waves = [{"id": str(n), "records": span} for n, span in enumerate(records)]
    return Community(Path(), {"waves": waves}, {"requests": frame}, CIVILISED)


def test_the_next_months_are_carried_on_from_the_months_of_records_and_called_exploratory() -> None:
    """Twelve months of records in two waves; a month without a request is a month of none."""
    counts = dict(zip(MONTHS, [9, 11] * 6, strict=False)) | {"2025-05": 0}
    c = _register(counts, [["2025-01", "2025-06"], ["2025-07", "2025-12"]])
    told = monitoring.outlook(c).set_index("finding")
    assert rows(told.reset_index(), section="monitoring")
    first = told.loc["monitor.outlook.requests.2026-01"]
    assert first["value"] == pytest.approx((11 + 9 + 11) / 3)  # of the last three
    assert first["ci_low"] < first["value"] < first["ci_high"]
    assert told["flags"].str.startswith("exploratory").all()
    assert told["reason_zh"].str.contains("不进入签名报告").all()
    assert list(told.index)[-1] == "monitor.outlook.requests.error"
    assert "monitor.outlook.requests.2026-03" not in told.index  # seven past errors, that far ahead


def test_months_between_records_break_the_series_and_few_months_tell_nothing() -> None:
    counts = dict.fromkeys(MONTHS, 10)
    apart = _register(counts, [["2025-01", "2025-06"], ["2025-08", "2025-12"]])
    assert monitoring.outlook(apart).empty  # five months in a row
    assert monitoring.outlook(_register(counts, [])).empty
    whole = monitoring.outlook(_register(counts, [["2025-01", "2026-06"]]))
    assert whole["finding"].iloc[0] == "monitor.outlook.requests.2026-07"
