"""The table of all results opens in a spreadsheet as it is meant."""

from __future__ import annotations

import csv
import io
from typing import Any

import openpyxl

from workbench.results import Table, results, to_csv, to_xlsx


def finding(key: str, value: float | None, unit: str, **more: Any) -> dict[str, Any]:
    return {"finding": key, "value": value, "unit": unit, "label_zh": "甲", "label_en": "A", **more}


FOUND = {
    "A": [
        finding("indicator.waste", 0.925, "share", status="ok", ci_low=0.9, ci_high=0.95),
        finding("indicator.activity", 12.0, "count", status="ok"),
        finding("score.total", 87.9, "points", status="low_precision"),
        finding("survey.q1.top2.current", 0.5, "share"),
    ],
    "B": [finding("indicator.waste", None, "share", status="not_computed")],
}
UNITS = [
    {"community": "A", "name": "=1+1", "state": "signed", "outcome": "assessed"},
    {"community": "B", "name": "乙", "state": "signed", "outcome": "assessed"},
]


def table() -> Table:
    return results((unit, FOUND[unit["community"]]) for unit in UNITS)


def test_score_comes_first_then_indicators_in_the_order_of_the_reports() -> None:
    columns, (first, second) = table().columns, table().dicts()
    assert [name for name in columns if "_" not in name][5:] == ["score", "waste", "activity"]
    at = columns.index("waste")
    assert columns[at : at + 5] == (
        "waste", "waste_ci_low", "waste_ci_high", "waste_status", "waste_finding",
    )  # fmt: skip
    assert (first["waste"], first["waste_ci_high"], first["score"]) == (0.925, 0.95, 87.9)
    assert second["waste"] is second["score"] is None
    assert second["waste_status"] == "not_computed"


def test_no_cell_is_a_formula_and_the_head_stays_in_sight() -> None:
    (first, _) = csv.DictReader(io.StringIO(to_csv(table()).decode("utf-8-sig")))
    assert first["name"] == "'=1+1"
    book = openpyxl.load_workbook(io.BytesIO(to_xlsx(table())))
    sheet = book["results"]
    assert sheet.freeze_panes == "C2"
    assert sheet.auto_filter.ref == sheet.dimensions
    name = sheet["B2"]
    assert (name.value, name.data_type) == ("=1+1", "s")
    columns = [cell.value for cell in sheet[1]]
    shown = {c: sheet.cell(2, columns.index(c) + 1).number_format for c in ("waste", "activity")}
    assert shown == {"waste": "0.0%", "activity": "0"}
    assert [cell.value for cell in book["columns"][2]] == ["waste", "甲", "A", "share"]
    note = sheet.cell(1, columns.index("waste") + 1).comment
    assert note is not None
    assert "甲" in note.text
    assert "share" in note.text


def test_the_same_results_give_the_same_workbook() -> None:
    assert to_xlsx(table()) == to_xlsx(table())
