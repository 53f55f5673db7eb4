"""Falsified records: planted ones found, honest ones let be, at the rates the documentation states."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench import scoring
from workbench.errors import InputError

NAN = float("nan")
MONTHS = [f"{y}-{m:02d}" for y in (2024, 2025, 2026) for m in range(1, 13)]
RUNS = 40


def _measured(values: np.ndarray, **columns: object) -> pd.DataFrame:
    frame = pd.DataFrame(
        {"indicator": "a", "period": MONTHS[: len(values)], "value": values, "numerator": NAN,
         "denominator": NAN, "origin": "ledger", "device": None}
    )  # fmt: skip
    return frame.assign(**columns)


def _digits(rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    honest = _measured(rng.poisson(60, 36).astype(float))
    fives = (honest["value"] / 5).round() * 5
    return honest, honest.assign(value=honest["value"].where(rng.random(36) < 0.4, fives))


def _rounding(rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    honest = _measured(np.round(rng.normal(0.8, 0.08, 18).clip(0, 1), 3))
    fives = (honest["value"] * 20).round() / 20
    return honest, honest.assign(value=honest["value"].where(np.arange(18) % 3 > 0, fives))


def _surge(rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    honest = _measured(rng.poisson(8, 22).astype(float))
    return honest, honest.assign(value=honest["value"] * np.where(np.arange(22) < 20, 1, 2))


def _sprint(rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    honest = _measured(rng.normal(0.8, 0.02, 24))
    return honest, honest.assign(value=honest["value"] + 0.1 * np.isin(np.arange(24), [14, 15]))


def _device(rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    read = rng.binomial(900, 0.9, 24).astype(float)
    told = _measured(np.full(24, NAN), origin="device", device="d1", denominator=900.0)
    frozen = np.where(np.isin(np.arange(24), [9, 10, 11, 12]), 812.0, read)
    return told.assign(numerator=read), told.assign(numerator=frozen)


WAY = {"directions": {"a": 1}}
PLANTED = {  # test -> series, what falsification is told, least hits, most false alarms
    "digits": (_digits, {}, 0.97, 0.03),
    "rounding": (_rounding, {}, 0.97, 0.01),
    "surge": (_surge, WAY | {"assessed": [("w", "2025-10")]}, 0.75, 0.05),
    "sprint": (_sprint, WAY | {"assessed": [("w", "2025-04")]}, 0.97, 0.02),
    "device": (_device, {}, 1.0, 0.05),
}


def _rates(test: str, runs: int) -> tuple[float, float]:
    """Shares of planted and of honest series that fail the test."""
    make, told, _, _ = PLANTED[test]
    rng = np.random.default_rng(7)
    hits = np.zeros(2)
    for _ in range(runs):
        for i, frame in enumerate(make(rng)):
            found = scoring.falsification(frame, **told)
            failed = found["verdict"].eq("failed") & found["statistic"].eq(test)
            hits[i] += bool(failed.any())
    return float(hits[1] / runs), float(hits[0] / runs)


@pytest.mark.parametrize("test", PLANTED)
def test_planted_falsifications_are_found_and_honest_records_let_be(test: str) -> None:
    hit, false = _rates(test, 25)
    assert hit >= PLANTED[test][2] - 0.05
    assert false <= PLANTED[test][3] + 0.04


@pytest.mark.soak
@pytest.mark.parametrize("test", PLANTED)
def test_the_rates_are_those_that_the_documentation_states(test: str) -> None:
    hit, false = _rates(test, 400)
    assert hit >= PLANTED[test][2]
    assert false <= PLANTED[test][3]


def test_small_counts_are_never_called_rounded() -> None:
    rng = np.random.default_rng(3)
    rare = scoring.falsification(_measured(rng.integers(0, 2, 24).astype(float)))
    assert not rare["statistic"].eq("rounding").any()
    for mean in (3, 8, 20):
        for _ in range(50):
            assert scoring.rounding(rng.poisson(mean, 24).astype(float)).empty or mean == 20


def test_inflated_counts_are_found_and_the_interval_covers_the_truth() -> None:
    rng = np.random.default_rng(7)
    covered = hits = false = 0
    for _ in range(RUNS):
        true = rng.poisson(12, 10) + 1.0
        padded = np.round(true * rng.uniform(1.2, 1.8, 10))
        told = scoring.inflation(pd.DataFrame({"reported": padded, "recounted": true}))
        covered += told["ci_low"] <= 1.5 <= told["ci_high"]
        hits += told["ci_low"] > 1
        fair = scoring.inflation(
            pd.DataFrame({"reported": true, "recounted": true - rng.binomial(1, 0.1, 10)})
        )
        false += fair["ci_low"] > 1.05
    assert covered / RUNS >= 0.85
    assert hits == RUNS
    assert false == 0


def test_the_ratio_is_that_of_sums_with_the_error_of_the_textbook() -> None:
    r, t = np.array([12.0, 18.0, 9.0, 21.0]), np.array([8.0, 10.0, 9.0, 15.0])
    told = scoring.inflation(pd.DataFrame({"reported": r, "recounted": t}))
    ratio = r.sum() / t.sum()
    e = r - ratio * t
    se = np.sqrt(4 / 3 * (e**2).sum()) / t.sum()
    assert told["value"] == pytest.approx(ratio)
    assert told["std_error"] == pytest.approx(se)
    zero = scoring.inflation(pd.DataFrame({"reported": [3.0], "recounted": [0.0]}))
    assert zero["status"] == "not_computed"
    assert scoring.inflation(pd.DataFrame({"reported": [], "recounted": []}))["n"] == 0
    with pytest.raises(InputError):
        scoring.inflation(pd.DataFrame({"reported": [-1.0], "recounted": [1.0]}))


def test_recounted_activities_in_documents_are_held_against_what_was_reported() -> None:
    documents = pd.DataFrame({"kind": "activity", "alike": NAN, "reported": [15.0, 30.0, 12.0],
                              "verified": [10.0, 20.0, 8.0]})  # fmt: skip
    row = scoring.falsification(documents=documents).iloc[0]
    assert row["finding"] == "records.recount.activities"
    assert (row["verdict"], row["value"], row["base"]) == ("failed", 1.5, 1.0)
    assert row["remedy_en"].startswith("recount more")
    ledgers = scoring.falsification(documents=documents.assign(kind="ledger"))
    assert ledgers["value"].tolist() == [1.5]
    assert scoring.falsification(documents=documents.assign(kind="self_report")).empty
    fair = scoring.falsification(documents=documents.assign(verified=documents["reported"]))
    assert fair["verdict"].tolist() == ["passed"]
    assert fair["remedy_en"].isna().all()


def test_a_unit_with_copied_ledgers_stands_out_from_the_others() -> None:
    rng = np.random.default_rng(8)
    place = np.repeat([f"U{k}" for k in range(10)], 12)
    alike = rng.uniform(0.05, 0.3, 120)
    alike[:9] = 0.8
    told = scoring.ledgers_alike(
        pd.DataFrame({"community": place, "kind": "ledger", "alike": alike})
    ).set_index("community")
    assert told.loc["U0", ["value", "base", "flags"]].tolist() == [0.75, 0.0, "stands_out"]
    assert told["verdict"].drop("U0").eq("passed").all()
    alone = scoring.ledgers_alike(
        pd.DataFrame({"community": "U", "kind": "ledger", "alike": [0.6, 0.1]})
    )
    assert alone["base"].isna().all()
    assert alone["verdict"].tolist() == ["failed"]


def _ledgers(rng: np.random.Generator, *, copied: int) -> pd.DataFrame:
    """Twelve ledgers of ten units on one form; some of unit 0's are unit 1's with words changed."""
    letters = np.array([chr(0x4E00 + k) for k in range(800)])
    words = ["".join(rng.choice(letters, 6)) for _ in range(80)]
    form = words[:3]  # what the form itself says: a quarter of every text
    texts = [[*form, *rng.choice(words[3:], 9)] for _ in range(120)]
    for k in range(copied):
        texts[k] = list(texts[12 + k])
        texts[k][3 + int(rng.integers(9))] = str(rng.choice(words[3:]))
        texts[k][3 + int(rng.integers(9))] = str(rng.choice(words[3:]))
    told = pd.DataFrame({"document": range(120), "community": np.repeat([f"U{k}" for k in range(10)], 12),
                         "kind": "ledger", "text": ["".join(words) for words in texts]})  # fmt: skip
    return told.assign(alike=scoring.copied_texts(told))


def _copied_rates(runs: int, copied: int) -> tuple[float, float, float]:
    """Shares of copying units that stand out, of other units that do, and of ledgers alike."""
    rng = np.random.default_rng(7)
    hits = false = alike = 0.0
    for _ in range(runs):
        told = _ledgers(rng, copied=copied)
        found = scoring.ledgers_alike(told).set_index("community")
        out = found["flags"].fillna("").str.contains("stands_out")
        hits += float(out["U0"])
        false += float(out.drop(["U0", "U1"]).mean())
        alike += float(told["alike"].iloc[24:].ge(0.5).mean())
    return hits / runs, false / runs, alike / runs


@pytest.mark.parametrize("runs", [2, pytest.param(400, marks=pytest.mark.soak)])
def test_copied_ledgers_are_found_and_those_on_one_form_let_be(runs: int) -> None:
    hit, false, alike = _copied_rates(runs, 9)
    assert hit == 1.0
    assert max(false, alike) <= 0.001
    assert _copied_rates(runs, 6)[0] >= 0.99
    assert _copied_rates(runs, 0) == (0.0, 0.0, 0.0)


def test_ordered_sign_ins_are_found_by_burst_and_by_emptiness() -> None:
    rng = np.random.default_rng(9)
    steady = pd.Timestamp("2026-10-01") + pd.to_timedelta(rng.random(300) * 28 * 86400, unit="s")
    place = np.repeat(["A", "B", "C"], 100)
    fair = pd.DataFrame({"community": place, "time": steady, "done": rng.integers(1, 9, 300)})
    told = scoring.forced_sign_ins(fair, answered="done")
    assert told["verdict"].tolist() == ["passed"] * 3
    ordered = fair.copy()
    ordered.loc[:39, "time"] = pd.Timestamp("2026-10-15 20:00") + pd.to_timedelta(
        rng.integers(0, 400, 40), unit="s"
    )
    ordered.loc[100:129, "done"] = 0
    told = scoring.forced_sign_ins(ordered, answered="done").set_index("item")
    assert told["verdict"].to_dict() == {"A": "failed", "B": "failed", "C": "passed"}
    assert told.loc["A", "numerator"] == 40
    assert told.loc["B", "empty"] == 0.3
    assert told.loc["B", "empty_base"] == 0.0
    unknown = scoring.forced_sign_ins(fair.assign(time=pd.NaT).iloc[:3])
    assert unknown["verdict"].tolist() == ["cannot_tell"]


def test_honest_sign_ins_are_seldom_called_forced() -> None:
    rng = np.random.default_rng(10)
    false = 0
    for _ in range(100):
        hours = rng.choice(np.arange(8, 21), 200) * 3600 + rng.random(200) * 3600
        days = rng.integers(0, 20, 200) * 86400
        at = pd.Timestamp("2026-10-01") + pd.to_timedelta(days + hours, unit="s")
        told = scoring.falsification(events=pd.DataFrame({"time": at}))
        false += told["verdict"].eq("failed").any()
    assert false <= 1


def _meetings(rng: np.random.Generator, n: int = 6) -> pd.DataFrame:
    """Honest meetings: most come within a quarter of an hour, a few at any time; some say nothing."""
    parts = []
    for k in range(n):
        people = int(rng.integers(60, 250))
        late = rng.gamma(2.0, 200.0, people)
        at = pd.Timestamp(f"2026-10-{k + 1:02d} 14:00") + pd.to_timedelta(late, unit="s")
        parts.append(pd.DataFrame({"activity": f"M{k}", "at": at, "community": "U",
                                   "answers": rng.poisson(4, people)}))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def _signed(frame: pd.DataFrame) -> dict[str, Any]:
    told = scoring.falsification(sign_ins=frame)
    assert told["finding"].tolist() == ["records.sign_in.activities"]
    return dict(told.iloc[0])


@pytest.mark.parametrize("runs", [20, pytest.param(400, marks=pytest.mark.soak)])
def test_meetings_that_begin_with_a_rush_are_seldom_called_forced(runs: int) -> None:
    rng = np.random.default_rng(21)
    failed = [_signed(_meetings(rng))["verdict"] == "failed" for _ in range(runs)]
    assert np.mean(failed) <= 0.02


@pytest.mark.parametrize("runs", [20, pytest.param(400, marks=pytest.mark.soak)])
def test_a_sheet_written_in_one_go_or_signed_and_left_is_named(runs: int) -> None:
    rng = np.random.default_rng(22)
    others = 0
    for _ in range(runs):
        frame = _meetings(rng)
        frame.loc[frame.index[frame["activity"].eq("M2")][:40], "at"] = pd.Timestamp(
            "2026-10-03 14:05:07"
        ) + pd.to_timedelta(np.arange(40) // 20, unit="s")
        frame.loc[frame.index[frame["activity"].eq("M4")][:30], "answers"] = 0
        told = _signed(frame)
        assert told["verdict"] == "failed"
        assert "M2, " in told["reason_en"]
        assert "M4" in told["reason_en"]
        others += "(M2, M4)" not in told["reason_en"]  # an honest meeting is named beside them
        assert "in heaps of one very second, " in told["reason_en"]
        assert "签到而无任何参与" in told["reason_zh"]
    assert others <= 0.02 * runs


def test_bursts_of_sign_ins_count_only_where_one_may_sign_for_days() -> None:
    rng = np.random.default_rng(23)
    days = pd.Timestamp("2026-10-01") + pd.to_timedelta(rng.random(200) * 20 * 86400, unit="s")
    app = pd.DataFrame({"activity": "A", "at": days, "community": "U"})
    assert _signed(app)["verdict"] == "passed"
    app.loc[:39, "at"] = pd.Timestamp("2026-10-15 20:00") + pd.to_timedelta(
        rng.integers(0, 400, 40), unit="s"
    )
    assert "bursts of ten minutes, over days" in _signed(app)["reason_en"]


def test_days_without_a_time_and_minutes_without_seconds_are_no_heaps() -> None:
    day = pd.DataFrame({"activity": "A", "at": pd.Timestamp("2026-10-01"), "community": "U"},
                       index=range(50))  # fmt: skip
    assert scoring.falsification(sign_ins=day).empty
    minute = day.assign(at=pd.Timestamp("2026-10-01 14:05"))
    assert _signed(minute)["verdict"] == "passed"
    second = day.assign(at=pd.Timestamp("2026-10-01 14:05:09"))
    assert _signed(second)["verdict"] == "failed"


def test_without_records_nothing_is_said() -> None:
    assert scoring.falsification().empty
    assert scoring.falsification(_measured(np.array([])), documents=pd.DataFrame()).empty


def test_figures_that_can_be_negative_are_no_counts_and_stop_no_test() -> None:
    moved = _measured(np.resize([-5.0, 3.0, 10.0, -2.0], 36))
    again = moved.iloc[:6].assign(origin="recount", value=moved["value"].iloc[:6] + 1)
    told = scoring.falsification(
        pd.concat([moved, again]), assessed=[("w", "2026-10")], directions={"a": 1}
    )
    assert not told["statistic"].isin(["rounding", "recount", "surge"]).any()


def test_a_recount_of_nothing_is_said_as_such_and_not_as_nought_times() -> None:
    counted = _measured(np.array([4.0, 6.0, 5.0]))
    none = counted.assign(origin="recount", value=0.0)
    row = scoring.falsification(pd.concat([counted, none])).set_index("statistic").loc["recount"]
    assert row["verdict"] == "failed"
    assert row["value"] is None or np.isnan(row["value"])
    assert "上报15，核实为零" in row["reason_zh"]
    assert "15 reported, none verified" in row["reason_en"]


def test_sign_ins_of_one_second_share_it_whatever_the_fraction() -> None:
    at = pd.Timestamp("2026-05-01 10:00") + pd.to_timedelta([0.1, 0.7, 1.0], unit="s")
    told = scoring.forced_sign_ins(pd.DataFrame({"community": "U", "time": at}))
    assert told.loc[0, "same_second"] == pytest.approx(2 / 3)
