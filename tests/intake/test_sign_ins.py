"""Sign-in sheets: who signed becomes a pseudonym as the file is read, and a number in the slice."""

from __future__ import annotations

import csv

import pytest

import workbench
from workbench import assess
from workbench.intake import cut, write_tables

SHEET = """\
activity,community,at,person,way,answers
a1,A-1,2026-10-01 14:00:09,13800138000,code,2
a1,A-1,2026-10-01 14:00:09,１３８００１３８０００,code,
a1,A-1,2026-10-01 14:00:10,李四,proxy,0
a2,A-2,2026-10-02,,paper,
"""


@pytest.fixture
def signed(folder):
    folder.write("data/signed.csv", SHEET)
    return folder.edit(
        "study.yaml", "sources:\n", "sources:\n  sign_ins: {file: data/signed.csv}\n"
    )


def test_no_name_or_number_of_who_signed_is_kept(signed, tmp_path):
    assert signed.codes() == []  # who signs twice is no fault of the data
    frame = signed.build().frames["sign_ins"]
    persons = frame.loc[frame["activity"].eq("a1"), "person"].tolist()
    assert len(set(persons)) == 2  # wide forms are one person
    assert all(len(p) == 16 and int(p, 16) >= 0 for p in persons)
    assert frame.loc[frame["activity"].eq("a2"), "person"].isna().all()
    write_tables(signed.build(), tmp_path / "tables")
    cut(signed.load(), tmp_path / "tables", "A-1", tmp_path / "data")
    with (tmp_path / "data/inputs/sign_ins.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    assert {row["person"] for row in rows} == {"G00001", "G00002"}
    made = [p for name in ("tables", "data") for p in (tmp_path / name).rglob("*") if p.is_file()]
    whole = b"".join(p.read_bytes() for p in made)
    assert b"13800138000" not in whole
    assert "李四".encode() not in whole


def test_a_way_of_signing_that_is_no_word_is_refused(signed):
    signed.edit("data/signed.csv", ",proxy,", ",stamp,")
    (problem,) = signed.problems()
    assert (problem.row, problem.column, problem.found) == (3, "way", "stamp")


def test_the_units_notebook_looks_at_its_sign_ins(signed, tmp_path):
    heap = "".join(f"a3,A-1,2026-10-03 14:00:09,p{n},code,1\n" for n in range(30))
    signed.write("data/signed.csv", SHEET + heap)
    write_tables(signed.build(), tmp_path / "tables")
    cut(signed.load(), tmp_path / "tables", "A-1", tmp_path / "data")
    told = assess.record_checks(workbench.open(str(tmp_path / "data"), "A-1"))
    told = told.set_index("finding")
    row = told.loc["records.sign_in.activities"]
    assert row["verdict"] == "failed"
    assert "(a3)" in row["reason_en"]
