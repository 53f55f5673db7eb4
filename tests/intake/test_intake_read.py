from __future__ import annotations

import gzip
import io
import zipfile
from datetime import datetime

import openpyxl
import pytest

from workbench.errors import InputError
from workbench.intake import csvfile, encoding, xlsxfile
from workbench.intake.frames import Log
from workbench.intake.read import read_file
from workbench.study import Source

TABLE = "编号,满意\n1,是\n2,否\n"


def read(tmp_path, data, name="a.csv", **how):
    (tmp_path / name).write_bytes(data)
    problems, log = [], Log()
    raw = read_file(tmp_path / name, Source(file=name, **how), log, problems)
    return raw, problems, log


def refused(tmp_path, data, **how):
    with pytest.raises(InputError) as caught:
        read(tmp_path, data, **how)
    [problem] = caught.value.problems
    assert problem.remedy_zh
    assert problem.remedy_en
    return problem


def book(sheets, **more):
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for title, rows in sheets.items():
        sheet = workbook.create_sheet(title)
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "how"),
    [
        (TABLE.encode(), {}),
        (TABLE.encode("utf-8-sig"), {}),
        (TABLE.encode("gb18030"), {"encoding": "gb18030"}),
        (TABLE.encode("gbk"), {"encoding": "GBK"}),
        (TABLE.encode("utf-16"), {"encoding": "utf-16"}),
        (TABLE.replace("\n", "\r\n").encode(), {}),
        (TABLE.replace("\n", "\r").encode(), {}),
        (TABLE.replace(",", "\t").encode(), {}),
        (TABLE.replace(",", ";").encode(), {}),
        (TABLE.replace(",", "~").encode(), {"delimiter": "~"}),
        (gzip.compress(TABLE.encode(), mtime=0), {}),
        (("甲表,\n" + TABLE).encode(), {"header": 2}),
        (TABLE.replace("2,否", "2,否,,").encode(), {}),
    ],
)
def test_the_same_table_in_every_dress(tmp_path, data, how):
    raw, problems, _ = read(tmp_path, data, **how)
    assert problems == []
    assert raw.frame.to_dict("list") == {"编号": ["1", "2"], "满意": ["是", "否"]}
    assert list(raw.frame.index) == [1, 2]


def test_latin_1_when_declared(tmp_path):
    raw, _, _ = read(tmp_path, b"a,b\n1,Don\xd5t know\n", encoding="latin-1")
    assert raw.frame["b"].tolist() == ["Don\xd5t know"]


def test_an_undeclared_encoding_is_refused_with_candidates_and_a_sample_each(tmp_path):
    problem = refused(tmp_path, TABLE.encode("gb18030"))
    assert problem.code == "file.encoding"
    assert "gb18030: “编号,满意”" in problem.zh
    assert "gb18030: “编号,满意”" in problem.en
    assert "encoding:" in problem.remedy_en


def test_one_stray_byte_names_its_line(tmp_path):
    problem = refused(tmp_path, b"a,b\n1,x\n2,Don\xd5t\n")
    assert problem.row == 2
    assert "cp1252: “2,DonÕt”" in problem.en


def test_a_wrong_declared_encoding_is_refused(tmp_path):
    assert refused(tmp_path, b"a\n\xff\n", encoding="utf-8").code == "file.encoding-wrong"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "file.empty"),
        (b" \n\n", "file.empty"),
        (b"a,b\n", "file.no-rows"),
        (b"a,b\x00\n1,2\n", "file.binary"),
        (b'a,b\n1,"open\n', "file.csv"),
        (b"a,b,c\n1,2,3\n4,5.2", "file.torn"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0)[:-9], "file.torn"),
        (gzip.compress(b"0" * 30_000_000, mtime=0), "file.bomb"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "file.xls"),
        (b"PK\x03\x04 not really a workbook", "file.torn"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_as_such(tmp_path, data, code):
    assert refused(tmp_path, data).code == code


def test_a_short_last_line_is_cut_off_only_without_its_line_end(tmp_path):
    problem = refused(tmp_path, b"a,b,c\n1,2,3\n4,5.2")
    assert (problem.row, problem.expected, problem.found) == (2, "3", "2")
    for whole in (b"a,b,c\n1,2,3\n4,5.2\n", b"a,b,c\n4\n1,2,3", b"a,b,c\n1,2,3\n\n"):
        (tmp_path / "a.csv").write_bytes(whole)
        assert len(read_file(tmp_path / "a.csv", Source(file="a.csv"), Log(), []).frame)


def test_a_header_alone_is_a_table_without_rows_only_where_that_may_be(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"a,b\n")
    raw = read_file(tmp_path / "a.csv", Source(file="a.csv"), Log(), [], empty=True)
    assert (list(raw.frame), len(raw.frame)) == (["a", "b"], 0)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(InputError) as caught:
        read_file(tmp_path / "no.csv", Source(file="data/no.csv"), Log(), [])
    [problem] = caught.value.problems
    assert (problem.code, problem.file) == ("file.missing", "data/no.csv")


def test_a_row_longer_than_the_header_is_told_with_its_number(tmp_path):
    _, [problem], _ = read(tmp_path, b"a,b\n1,2\n\n1,2,3\n")
    assert (problem.code, problem.row, problem.expected) == ("file.cells", 3, "2")


def test_repeated_and_blank_titles_can_be_addressed(tmp_path):
    raw, [warning], _ = read(tmp_path, "题,题,\n1,2,3\n".encode())
    assert list(raw.frame.columns) == ["题#1", "题#2", "#3"]
    assert raw.repeated == {"题"}
    assert (warning.code, warning.severity) == ("file.header-blank", "warning")


def test_declared_words_mean_empty(tmp_path):
    raw, _, _ = read(tmp_path, b"a,b\nNA, n/a \n1,NA\n", na=["NA", "n/a"])
    assert raw.frame["a"].isna().tolist() == [True, False]
    assert raw.frame["b"].isna().all()


@pytest.mark.parametrize("text", ["a;b\n1;2,5\n3;4,5\n", 'a;b\n"x,y";2\n'])
def test_the_delimiter_is_the_one_lines_agree_on(text):
    assert csvfile.sniff(text) == ";"


def test_quoted_line_ends_stay_in_the_cell():
    text = io.StringIO('a,b\r\n"x\r\ny",2\r\n', newline="")
    rows = list(csvfile.records(text, ",", file="f"))
    assert rows == [["a", "b"], ["x\r\ny", "2"]]


def test_workbook_cells_keep_their_stored_values(tmp_path):
    rows = [["id", "n", "when", "yes"], ["007", 3.0, datetime(2026, 9, 3, 12, 30), True]]
    raw, _, _ = read(tmp_path, book({"one": rows}), name="a.xlsx")
    assert raw.frame.iloc[0].tolist() == ["007", "3", "2026-09-03 12:30:00", "true"]


def test_a_formula_is_never_evaluated(tmp_path):
    raw, problems, log = read(tmp_path, book({"s": [["a"], ["=1+1"]]}), name="a.xlsx")
    assert raw.frame["a"].tolist() == ["=1+1"]
    assert [problem.code for problem in problems] == ["file.formula-bare"]
    assert log.entries == []  # no stored result is used, for there is none


def test_several_sheets_must_be_named(tmp_path):
    data = book({"甲": [["a"], [1]], "乙": [["a"], [2]], "空": []})
    problem = refused(tmp_path, data, name="a.xlsx")
    assert (problem.code, problem.found) == ("file.sheet", "甲 | 乙")
    raw, _, _ = read(tmp_path, data, name="a.xlsx", sheet="乙")
    assert raw.frame["a"].tolist() == ["2"]
    assert refused(tmp_path, data, name="a.xlsx", sheet="丙").expected == "甲 | 乙 | 空"


def packed(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ({"xl/worksheets/sheet1.xml": b" " * 3_000_000}, "file.bomb"),
        ({f"m{n}": b"" for n in range(2001)}, "file.bomb"),
        ({"../evil.xml": b"<a/>"}, "file.member"),
        ({"/etc/x.xml": b"<a/>"}, "file.member"),
        ({"xl/a.xml": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a/>'}, "file.doctype"),
    ],
)
def test_the_guard_refuses_an_archive_by_its_directory(members, code):
    with pytest.raises(InputError) as caught:
        xlsxfile.guard(packed(members), file="x.xlsx")
    assert caught.value.problems[0].code == code


def test_a_torn_workbook_is_told(tmp_path):
    data = packed({"[Content_Types].xml": b"<a/>"})
    assert refused(tmp_path, data, name="a.xlsx").code == "file.torn"


def test_unpacking_stops_at_the_limit():
    bomb = gzip.compress(b"\0" * 50_000_000, mtime=0)
    with pytest.raises(InputError):
        encoding.unpack(io.BytesIO(bomb), file="f")


def test_a_file_of_five_gigabytes_is_refused_unread(tmp_path):
    with (tmp_path / "huge.xlsx").open("wb") as file:
        file.truncate(5 << 30)  # sparse: takes no space
    with pytest.raises(InputError) as caught:
        read_file(tmp_path / "huge.xlsx", Source(file="huge.xlsx"), Log(), [])
    assert caught.value.problems[0].code == "file.too-large"
