"""The factual check: what is asked, and what comes back as objections."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from pathlib import Path

import openpyxl
import pytest

from workbench.batch.sign import study_of
from workbench.errors import InputError
from workbench.forms.factual import (
    OBJECTIONS,
    add_objections,
    read_sheet,
    read_sheets,
    write_sheets,
)
from workbench.intake.tables import TABLES

CAME = date(2026, 12, 14)


@pytest.fixture(scope="module")
def sheets(demo_batch: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("factual") / "sheets"
    assert write_sheets(study_of(demo_batch), demo_batch, folder) == 13  # one is withheld
    return folder


def filled(sheets: Path, to: Path, answers: dict[int, tuple[str, str, str]], **cells: str) -> Path:
    """Fill in a copy of JX-01's workbook: number of the fact → answer, claim, evidence."""
    book = openpyxl.load_workbook(sheets / "JX-01.xlsx")
    page = book["factual_check"]
    for number, values in answers.items():
        for column, value in zip("FGH", values, strict=True):
            page[f"{column}{6 + number}"] = value or None
    for place, value in cells.items():
        page[place] = value
    book.save(to / "JX-01.xlsx")
    return to / "JX-01.xlsx"


def table_of(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"), newline="")))


def test_every_deduction_is_asked_with_number_place_and_reason(
    sheets: Path, demo_batch: Path
) -> None:
    page = openpyxl.load_workbook(sheets / "JX-01.xlsx")["factual_check"]
    rows = list(page.iter_rows(min_row=7, values_only=True))
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    data = (demo_batch / "communities/JX-01/data/findings.json").read_bytes()
    found = {row["finding"]: row for row in json.loads(data)}
    lost = [key for key, row in found.items() if row["kind"] == "deduction"]
    assert set(lost) <= {row[1] for row in rows}
    assert all(found[row[1]]["status"] != "suppressed" for row in rows)
    assert page.freeze_panes == "C7"
    assert page.auto_filter.ref.startswith("A6:H")
    assert (sheets / "JX-01.zh.pdf").read_bytes().startswith(b"%PDF-1.7")


def test_what_is_marked_wrong_reads_back_as_objections(
    sheets: Path, demo_batch: Path, tmp_path: Path
) -> None:
    file = filled(sheets, tmp_path, {
        1: ("属实", "", ""),
        2: ("不属实", "=南门已清理", "F-12.jpg"),
        3: ("", "面积不对", ""),
    })  # fmt: skip
    rows = read_sheets(study_of(demo_batch), demo_batch, [file], CAME)
    assert [(r["objection"], r["about"], r["claim"]) for r in rows] == [
        ("FC-JX-01-002", "deduction.2", "=南门已清理"),
        ("FC-JX-01-003", "deduction.3", "面积不对"),
    ]
    assert {r["stage"] for r in rows} == {"factual_check"}
    assert {r["received"] for r in rows} == {"2026-12-14"}
    assert add_objections(tmp_path / "objections.csv", rows) == 2
    read = table_of(tmp_path / "objections.csv")
    assert read[0]["claim"] == "'=南门已清理"  # no spreadsheet runs it
    assert list(read[0]) == OBJECTIONS == TABLES["objections"].names()[: len(OBJECTIONS)]
    assert read_sheets(study_of(demo_batch), demo_batch, [file], CAME) == rows


def test_rows_are_added_to_the_studys_table_once_and_decisions_in_it_stay(
    sheets: Path, demo_batch: Path, tmp_path: Path
) -> None:
    study, table = study_of(demo_batch), tmp_path / "objections.csv"
    table.write_text(
        "objection,community,stage,received,about,claim,decision,note\n"
        "O-1,JX-02,notice,2026-12-22,score.total,不服,,\n",
        encoding="utf-8-sig",
    )
    file = filled(sheets, tmp_path, {2: ("不属实", "南门已清理", "")})
    assert add_objections(table, read_sheets(study, demo_batch, [file], CAME)) == 1
    text = table.read_text(encoding="utf-8").replace("南门已清理,,", "南门已清理,upheld,核实")
    table.write_text(text, encoding="utf-8")
    file = filled(sheets, tmp_path, {2: ("不属实", "南门已清理", ""), 3: ("不属实", "面积", "")})
    assert add_objections(table, read_sheets(study, demo_batch, [file], CAME)) == 1
    told = table_of(table)
    assert [(r["objection"], r["decision"], r["note"]) for r in told] == [
        ("O-1", "", ""), ("FC-JX-01-002", "upheld", "核实"), ("FC-JX-01-003", "", ""),
    ]  # fmt: skip
    kept = table.read_bytes()
    file = filled(sheets, tmp_path, {2: ("不属实", "北门也是", ""), 4: ("不属实", "x", "")})
    with pytest.raises(InputError) as caught:  # the same number, and another claim
        add_objections(table, read_sheets(study, demo_batch, [file], CAME))
    assert (caught.value.problems[0].code, table.read_bytes()) == ("forms.table", kept)


@pytest.mark.parametrize(
    ("answers", "cells", "code"),
    [
        ({1: ("不属实", "", "")}, {}, "forms.claim"),
        ({1: ("属实", "不对", "")}, {}, "forms.answer"),
        ({1: ("也许", "不对", "")}, {}, "forms.answer"),
        ({1: ("不属实", "不对", "")}, {"B7": "deduction.99"}, "forms.fact"),
        ({}, {"B4": "0123456789ab"}, "forms.code"),
        ({}, {"B2": "XX-99"}, "forms.file"),
    ],
)
def test_a_sheet_that_cannot_be_taken_is_told(
    sheets: Path, demo_batch: Path, tmp_path: Path, answers: dict[int, tuple[str, str, str]],
    cells: dict[str, str], code: str,
) -> None:  # fmt: skip
    file = filled(sheets, tmp_path, answers, **cells)
    with pytest.raises(InputError) as told:
        read_sheet(study_of(demo_batch), demo_batch, file, CAME)
    assert [problem.code for problem in told.value.problems] == [code]


def test_no_day_no_reading_and_a_file_of_another_kind_is_refused(
    sheets: Path, demo_batch: Path, tmp_path: Path
) -> None:
    study = study_of(demo_batch)
    with pytest.raises(InputError, match="收到日期"):
        read_sheets(study, demo_batch, [sheets / "JX-01.xlsx"], None)
    (tmp_path / "x.xlsx").write_bytes(b"PK\x03\x04 no workbook")
    with pytest.raises(InputError):
        read_sheet(study, demo_batch, tmp_path / "x.xlsx", CAME)
