"""Corrections of raw cells: what stands there must be what the line says, and the file stays."""

from __future__ import annotations

import hashlib

import pandas as pd
import pytest

from workbench.intake import cut, write_tables

HEAD = "file,key,column,old,new,reason,author,date,approved_by,evidence\n"
WHO = ",slip,A1,2026-11-18,B,sheet 4\n"


def corrected(folder, *lines):
    return folder.write("corrections.csv", HEAD + "".join(line + WHO for line in lines))


def answers(folder):
    return folder.build().frames["responses"].set_index("respondent")


def test_the_raw_file_is_not_touched(folder):
    path = folder.path / "data/responses.csv"
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    corrected(folder, "data/responses.csv,1,q1,5,4")
    tables = folder.build()
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
    assert {f.name: f.sha256 for f in tables.files}["data/responses.csv"] == before


@pytest.mark.parametrize(
    ("line", "column", "value"),
    [
        ("data/responses.csv,3,q1,4,2", "q1", 2),  # 4.0 stands there
        ("data/responses.csv,row:3,q1,4.0,2", "q1", 2),
        ("data/responses.csv,3,use,,电梯", "use__lift", True),  # a blank is filled in
        ("data/responses.csv,3,q1,4,", "q1", None),  # and a value taken back
        ("data/responses.csv,3,q1,4,-2", "q1__missing", "skipped"),
        ("data/responses.csv,3,community,A-1,A-2", "community", "A-2"),
        ("data/responses.csv,3,finished,2026-10-08 09:05,2026-10-08 09:25", "finished",
         "2026-10-08T09:25:00+08:00"),
    ],
)  # fmt: skip
def test_a_cell_is_put_right_in_the_words_of_the_file(folder, line, column, value):
    found = answers(corrected(folder, line)).loc["3", column]
    assert pd.isna(found) if value is None else found == value


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("data/responses.csv,3,q1,5,2", "old"),
        ("data/responses.csv,3,q1,,2", "old"),
        ("data/requests.csv,row:1,kind,71,complaint", "old"),  # 0071 stands there: an id
        ("data/requests.csv,row:1,kind,7_1,complaint", "old"),
        ("data/responses.csv,twice,q1,5,2", "key"),
        ("data/responses.csv,row:0,q1,5,2", "key"),
        ("data/responses.csv,3,wave ,w2,w1", "old"),
    ],
)
def test_what_does_not_stand_there_is_refused(folder, line, column):
    folder.edit("data/requests.csv", "complaint", "0071")
    folder.edit("data/responses.csv", ",w2,2026-10-08 09:00,2026-10-08 09:05,b1,2", ",w1,,,b1,2")
    if column == "old" and "wave" in line:
        corrected(folder, line)
    problems = [p for p in corrected(folder, line).problems() if p.file == "corrections.csv"]
    assert [p.code for p in problems] == [f"corrections.{column}"]
    assert problems[0].row == 1


def test_an_id_that_stands_twice_asks_for_the_row(folder):
    folder.edit("data/responses.csv", "\n2,A-1", "\n1,A-2")
    problems = corrected(folder, "data/responses.csv,1,q1,5,2").problems()
    [mine] = [p for p in problems if p.file == "corrections.csv"]
    assert (mine.code, "2 rows: 1, 2" in mine.found) == ("corrections.key", True)
    assert "row:n" in mine.remedy_en


def test_two_lines_about_one_cell_must_follow_each_other(folder):
    corrected(folder, "data/responses.csv,1,q1,5,4", "data/responses.csv,row:1,q1,4,3")
    assert answers(folder).loc["1", "q1"] == 3
    corrected(folder, "data/responses.csv,1,q1,5,4", "data/responses.csv,row:1,q1,5,3")
    [problem] = folder.problems()
    assert (problem.code, problem.row) == ("corrections.old", 2)


def test_a_column_may_be_named_as_in_the_file_or_as_in_the_table(folder):
    text = (folder.path / "data/responses.csv").read_text(encoding="utf-8")
    folder.write("data/responses.csv", text.replace(",q1,", ",3、满意吗,", 1)).edit(
        "study.yaml",
        "{file: data/responses.csv}",
        "{file: data/responses.csv, columns: {q1: 3、满意吗}, values: {q1: {5: 4, 3: 3, 2: 2}}}",
    )
    for name in ("q1", "3、满意吗"):
        corrected(folder, f"data/responses.csv,1,{name},5,3")
        assert answers(folder).loc["1", "q1"] == 3
        kept = folder.build().corrections.iloc[0]
        assert (kept["column"], kept["old_value"], kept["new_value"]) == ("q1", "4", "3")


def test_a_line_holds_in_every_table_that_the_file_feeds(folder):
    folder.edit(
        "study.yaml",
        "  requests: {file: data/requests.csv}\n",
        "  requests: {file: data/requests.csv}\n"
        "  facts:\n"
        "    file: data/requests.csv\n"
        "    columns: {fact: kind, value: request, date: received}\n"
        '    dates: "%Y-%m-%d %H:%M"\n',
    ).edit("data/requests.csv", "2026-05-03,", "2026-05-03 00:00,")
    corrected(folder, "data/requests.csv,row:1,kind,complaint,need")
    frames = folder.build().frames
    assert frames["requests"]["kind"].tolist() == ["need", "need"]
    assert frames["facts"]["fact"].tolist() == ["need", "need"]


def test_a_row_that_the_source_does_not_take_cannot_be_corrected(folder):
    folder.edit(
        "study.yaml",
        "{file: data/requests.csv}",
        "{file: data/requests.csv, where: {kind: [need]}}",
    )
    [problem] = corrected(folder, "data/requests.csv,r1,kind,complaint,need").problems()
    assert problem.code == "corrections.key"


def test_both_values_reason_and_author_go_into_the_slice(folder, tmp_path):
    corrected(folder, "data/responses.csv,3,q1,4,2")
    write_tables(folder.build(), tmp_path / "tables")
    cut(folder.load(), tmp_path / "tables", "A-1", tmp_path / "data")
    text = (tmp_path / "data/inputs/corrections.csv").read_text(encoding="utf-8")
    assert ",slip,A1,2026-11-18,B,sheet 4,responses,w2,q1,4,2" in text
    assert "data/responses.csv,3," not in text  # the person bears a number


def test_ids_and_titles_of_a_platform_are_found_as_the_source_finds_them(folder):
    rows = [
        "序号,提交答卷时间,所用时间,来自IP,小区,1、您对本小区总体满意吗？",
        "71,2026/10/9 12:02:03,61秒,10.0.0.1,A-1,5",
        "72,2026/10/9 13:02:03,61秒,10.0.0.2,A-2,3",
    ]
    folder.write("data/wjx.csv", "\n".join(rows) + "\n")
    folder.edit(
        "study.yaml", "  responses: {file: data/responses.csv}\n",
        "  responses:\n    - file: data/responses.csv\n      where: {wave: w1}\n"
        "    - file: data/wjx.csv\n      set: {wave: w2}\n      community: {from: 小区}\n"
        "      columns: {q1: '1、您对本'}\n",
    )  # fmt: skip
    when = "data/wjx.csv,72,finished,2026/10/9 13:02:03,2026/10/9 14:02:03"
    made = corrected(folder, "data/wjx.csv,71,q1,5,2", when).build()
    frame = made.frames["responses"].set_index("respondent")
    assert frame.loc["71", "q1"] == 2
    assert frame.loc["72", "finished"] == "2026-10-09T14:02:03+08:00"
    assert made.corrections["column"].tolist() == ["q1", "finished"]


def test_a_new_value_that_cannot_stand_is_told_as_the_corrections(folder):
    corrected(folder, "data/responses.csv,1,q1,5,4", "data/responses.csv,2,q1,6,8")
    [problem] = folder.problems()
    assert (problem.file, problem.row, problem.found) == ("data/responses.csv", 2, "8")
    assert problem.remedy_en == "corrections.csv:2 wrote this value: correct its new"
