"""What people decided is applied by code and can be undone one by one."""

from __future__ import annotations

import pandas as pd

from workbench import judgements

SERIES = pd.DataFrame(
    {
        "indicator": ["sorting"] * 4 + ["fees"],
        "period": ["2026-05", "2026-06", "2026-07", "2026-08", "2026-06"],
        "numerator": [90.0, 10.0, 12.0, 91.0, 80.0],
        "denominator": [100.0] * 5,
        "origin": ["device"] * 5,
    }
)


def judged(**more: str) -> pd.DataFrame:
    row = {"id": "J-1", "kind": "device_window", "object": "measurements:sorting"}
    row |= {"from": "2026-06", "to": "2026-07"}
    return pd.DataFrame([row | more])


def test_a_device_window_strikes_out_its_months_of_its_indicator_only() -> None:
    left = judgements.apply({"measurements": SERIES}, judged())["measurements"]
    assert left["period"].tolist() == ["2026-05", "2026-08", "2026-06"]
    assert left["indicator"].tolist() == ["sorting", "sorting", "fees"]


def test_leaving_one_judgement_out_gives_the_rows_back() -> None:
    kept = judgements.apply({"measurements": SERIES}, judged(), but=["J-1"])["measurements"]
    pd.testing.assert_frame_equal(kept, SERIES)


def test_a_comment_or_waiver_strikes_out_nothing() -> None:
    for kind in ("comment", "waiver", "quotation", "comparability"):
        left = judgements.apply({"measurements": SERIES}, judged(kind=kind))
        assert len(left["measurements"]) == 5


def test_an_exclusion_may_name_a_column_and_a_value() -> None:
    told = judged(kind="exclusion", object="measurements:origin=device", **{"from": "2026-08"})
    told["to"] = None
    left = judgements.apply({"measurements": SERIES}, told)["measurements"]
    assert left["period"].tolist() == ["2026-05", "2026-06", "2026-07", "2026-06"]


def test_a_correction_is_put_back_where_one_row_fits_and_only_there() -> None:
    one = {"table": "measurements", "item": "numerator", "key": "fees", "wave": None}
    one |= {"old_value": "800.0", "new_value": "80.0"}
    before = judgements.reverted({"measurements": SERIES}, one)
    assert before is not None
    assert before["measurements"]["numerator"].tolist() == [90.0, 10.0, 12.0, 91.0, 800.0]
    assert SERIES["numerator"].iloc[4] == 80.0
    twice = pd.concat([SERIES, SERIES], ignore_index=True)
    assert judgements.reverted({"measurements": twice}, one) is None
