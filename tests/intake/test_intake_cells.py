from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from workbench.intake import dates
from workbench.intake.cells import each, numbers, where

CELLS = pd.Series(["a", None, "bb", "a"], index=[3, 1, 4, 7], dtype="str")


def test_each_distinct_text_is_worked_on_once_and_missing_stays_missing():
    asked: list[str] = []

    def upper(text: str) -> str | None:
        asked.append(text)
        return None if text == "bb" else text.upper()

    told = each(CELLS, upper)
    assert asked == ["a", "bb"]
    assert told.index.equals(CELLS.index)
    assert told.fillna("-").tolist() == ["A", "-", "-", "A"]
    assert where(CELLS, "bb".__eq__).tolist() == [False, False, True, False]
    assert numbers(CELLS, lambda text: float(len(text))).fillna(-1).tolist() == [1, -1, 2, 1]


def test_a_column_without_a_text_gives_one_without_a_text():
    empty = pd.Series([None, None], dtype="str")
    assert each(empty, str.upper).isna().all()
    assert not where(empty, bool).any()
    assert numbers(empty, float).isna().all()


@pytest.mark.parametrize("order", [None, "dmy", "mdy"])
def test_times_read_all_at_once_are_those_read_one_by_one(monkeypatch, order):
    texts = pd.Series(
        """2026-09-03 12:00:01|2026/9/3 9:05|2026.09.03|2026-02-30|2026-13-01|1899-12-31|2200-01-01
        |2026-09-03T24:00|2026-09-03 23:59:60|2026-09-03T12:00:00Z|2026-09-03T12:00:00-03:30|2026-09-03 12:00:00 +08:00
        |2026-09-03T12:00:00.5+02:00
        |2026年9月3日 12时30分|20260903|45000|03/09/2026 08:00|2026-09-03  08:00|2026-0-1|2026-9-0
        |2024-02-29|2026-09-03 8:5|2026-09-03 08:00 x|9999-09-09""".replace("\n        ", "").split(
            "|"
        ),
        dtype="str",
    )
    zone = ZoneInfo("Asia/Shanghai")
    together = dates.parse_times(texts, order, zone), dates.parse_dates(texts, order)
    never, none = (np.full(len(texts), np.array("NaT", kind)) for kind in ("M8[s]", "m8[s]"))
    clock = np.zeros(len(texts), bool)
    monkeypatch.setattr(dates, "_most", lambda _: (never.copy(), none.copy(), clock.copy()))
    alone = dates.parse_times(texts, order, zone), dates.parse_dates(texts, order)
    for mine, theirs in zip(together, alone, strict=True):
        pd.testing.assert_series_equal(mine.values, theirs.values)
        for fault in ("unclear", "serial", "wrong"):
            assert getattr(mine, fault).equals(getattr(theirs, fault))
        assert mine.date_only == theirs.date_only
    assert together[0].values.notna().sum() >= 9
