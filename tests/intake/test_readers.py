"""Exports of survey platforms and statistics packages: one fixture for each form and each trap."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
import zipfile
from datetime import UTC, datetime

import openpyxl
import pandas as pd
import pytest

from workbench.errors import InputError
from workbench.intake.building import collect
from workbench.intake.frames import Log
from workbench.intake.read import read_file
from workbench.intake.sheetxml import cell_text
from workbench.study import Source

xlwt = pytest.importorskip("xlwt")

META = ["序号", "提交答卷时间", "所用时间", "来源", "来源详情", "来自IP"]
FIRST = ["1", "2026/10/09 12:02:03", "123秒", "微信", "N/A", "10.0.0.1(江苏-南京)"]
SECOND = ["2", "2026/10/09 13:00:00", "1分5秒", "链接", "JX", "10.0.0.2(江苏-苏州)"]


def delimited(rows, delimiter=","):
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue()


def book(rows, **sheets):
    workbook = openpyxl.Workbook()
    for row in rows:
        workbook.active.append(row)
    for name, more in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in more:
            sheet.append(row)
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def old_book(rows, name="Sheet1"):
    workbook = xlwt.Workbook(encoding="utf-8")
    sheet = workbook.add_sheet(name)
    for n, row in enumerate(rows):
        for k, value in enumerate(row):
            sheet.write(n, k, value)
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def packed(**members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def read(tmp_path, data, name="a.csv", **how):
    (tmp_path / name).write_bytes(data.encode() if isinstance(data, str) else data)
    problems, log = [], Log()
    raw = read_file(tmp_path / name, Source(file=name, **how), log, problems)
    return raw, problems, {entry.code: entry.n for entry in log.entries}


def refused(tmp_path, data, name="a.csv", **how):
    with pytest.raises(InputError) as caught:
        read(tmp_path, data, name, **how)
    [problem] = caught.value.problems
    assert problem.file == name
    assert problem.remedy_zh
    assert problem.remedy_en
    return problem


WJX_TEXT = [
    [*META, "1、您的性别[单选题]", "2、您使用过的设施", "3、请按重要程度排序"],
    [*FIRST, "女", "电梯┋其他〖充电桩〗", "环境→安全"],
    [*SECOND, "(跳过)", "健身", "安全→环境"],
]
WJX_INDEX = [
    [*META, "1、您的性别[单选题]", "第2题(电梯)", "第2题(健身)", "第2题(其他(请注明))"],
    [*FIRST, "2", "1", "0", "1"],
    [*SECOND, "-3", "0", "1", "0"],
]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (delimited(WJX_TEXT), "a.csv"),
        (delimited(WJX_TEXT).encode("gb18030"), "GB18030 undeclared.csv"),
        (delimited(WJX_TEXT, "\t").encode("utf-16"), "a.txt"),
        (book(WJX_TEXT), "1_按文本_满意度_2_2.xlsx"),
        (old_book(WJX_TEXT), "2_2_0.xls"),
        (packed(**{"inner.csv": delimited(WJX_TEXT)}), "a.zip"),
    ],
    ids=["utf8", "gb18030", "utf16", "xlsx", "xls", "zip"],
)
def test_wjx_by_text_is_known_in_every_container(tmp_path, data, name):
    raw, problems, log = read(tmp_path, data, name)
    assert problems == []
    assert raw.export.platform == "wjx"
    assert log["intake.platform"] == 1
    assert raw.frame["序号"].tolist() == ["1", "2"]
    assert [q.kind for q in raw.export.questions] == ["", "multiple", "ranking"]
    assert raw.export.questions[0].wording == "您的性别"


def test_wjx_by_index_gathers_the_options_of_a_question(tmp_path):
    raw, problems, _ = read(tmp_path, old_book(WJX_INDEX), "2_2_2.xls", format="wjx_index")
    assert problems == []
    use = raw.export.questions[1]
    assert use.kind == "multiple"
    assert [option for option, _ in use.columns] == ["电梯", "健身", "其他(请注明)"]


WJX_SCORE = [
    [*META, "总分", "1、您对环境是否满意", "2、您对治安是否满意", "3、您使用过的设施"],
    [*FIRST, "9", "5", "4", "0"],
    [*SECOND, "3", "3", "-3", "-2"],
]


@pytest.mark.parametrize("container", ["csv", "xlsx", "xls"])
def test_wjx_by_score_is_read_as_numbers(tmp_path, container):
    data = {"csv": delimited, "xlsx": book, "xls": old_book}[container](WJX_SCORE)
    raw, problems, log = read(tmp_path, data, f"3_按分数.{container}", format="wjx_score")
    assert problems == []
    assert "intake.platform" not in log  # it was declared
    assert [q.kind for q in raw.export.questions] == ["number"] * 3
    assert raw.export.questions[0].wording == "您对环境是否满意"
    assert raw.frame["1、您对环境是否满意"].tolist() == ["5", "3"]
    assert dict(raw.export.missing)["-3"] == "not_asked"
    assert raw.export.named["respondent"].title == "序号"  # 总分 is no question


def test_wjx_declared_by_score_but_exported_by_text_is_told(tmp_path):
    _, [problem], _ = read(tmp_path, delimited(WJX_TEXT), format="wjx_score")
    assert (problem.code, problem.expected) == ("file.variant", "wjx_score")
    assert "wjx_text" in problem.remedy_en


@pytest.fixture
def wjx_sav(tmp_path):
    """The SPSS export of the platform: short names, titles as labels, codes with value labels."""
    import pyreadstat

    path = tmp_path / "made.sav"
    columns = {
        "index": [1.0, 2.0],
        "submittime": ["2026/10/09 12:02:03", "2026/10/09 13:00:00"],
        "timetaken": ["123秒", "1分5秒"],
        "ip": ["10.0.0.1(江苏-南京)", "10.0.0.2(江苏-苏州)"],
        "q1": [1.0, -3.0],
        "q2_1": [1.0, 0.0],
        "q2_2": [0.0, 1.0],
    }
    pyreadstat.write_sav(
        pd.DataFrame(columns),
        str(path),
        column_labels=["序号", "提交答卷时间", "所用时间", "来自IP", "1、您的性别",
                       "第2题(电梯)", "第2题(健身)"],
        variable_value_labels={"q1": {1: "男", 2: "女", -3: "(跳过)"}},
    )  # fmt: skip
    return path.read_bytes()


@pytest.mark.parametrize("how", [{}, {"format": "wjx_index"}], ids=["found", "declared"])
def test_wjx_as_sav_is_known_by_the_labels_of_its_variables(tmp_path, wjx_sav, how):
    raw, problems, _ = read(tmp_path, wjx_sav, "9_9.sav", **how)
    assert problems == []
    assert raw.export.platform == "wjx"
    assert raw.export.named["finished"].title == "submittime"
    assert raw.export.seconds == "timetaken"
    sex, use = raw.export.questions
    assert (sex.title, sex.wording) == ("q1", "您的性别")
    assert {"1": "男", "2": "女"}.items() <= dict(sex.labels).items()
    assert raw.export.missing["-3"] == "not_asked"
    assert use.columns == (("电梯", "q2_1"), ("健身", "q2_2"))
    assert raw.frame["q1"].tolist() == ["1", "-3"]


def test_wjx_declared_by_index_but_exported_by_text_is_told(tmp_path):
    _, [problem], _ = read(tmp_path, delimited(WJX_TEXT), format="wjx_index")
    assert problem.code == "file.variant"


def test_format_csv_reads_a_platform_export_as_a_plain_table(tmp_path):
    raw, _, _ = read(tmp_path, delimited(WJX_TEXT), format="csv")
    assert raw.export is None


def test_tencent_zip_with_tabs_around_phone_numbers(tmp_path):
    rows = [
        ["编号", "开始答题时间", "结束答题时间", "答题时长", "IP", "1.您的电话", "2.设施:电梯", "2.设施:健身"],
        ["7", "2026-10-09 09:00:00", "2026-10-09 09:02:00", "120", "10.0.0.7", "\t13800000000\t", "1", "0"],
    ]  # fmt: skip
    raw, problems, _ = read(tmp_path, packed(**{"数据.csv": delimited(rows)}), "腾讯.zip")
    assert problems == []
    assert raw.export.platform == "tencent"
    assert raw.frame["1.您的电话"].tolist() == ["13800000000"]
    assert raw.export.questions[1].columns == (("电梯", "2.设施:电梯"), ("健身", "2.设施:健身"))


def test_wenjuan_zip_takes_codes_with_the_labels_of_its_list(tmp_path):
    original = [["序号", "start", "finish", "Q1", "Q2_A1", "Q2_A2"], ["1", "2026-10-09 09:00:00", "2026-10-09 09:02:00", "2", "1", "0"]]  # fmt: skip
    codes = [["Q1", "您的性别", "单选题"], ["", "1", "男"], ["", "2", "女"], ["Q2", "设施", "多选题"], ["", "1", "电梯"], ["", "2", "健身"]]  # fmt: skip
    readable = [["序号", "start", "finish", "Q1_性别"], ["1", "", "", "女"]]
    data = packed(
        **{
            "All_Data_Readable.csv": delimited(readable).encode("gbk"),
            "All_Data_Original.csv": delimited(original),
            "code.csv": delimited(codes).encode("utf-8"),
        }
    )
    raw, problems, log = read(tmp_path, data, "wenjuan.zip")
    assert problems == []
    assert log["intake.member"] == 1
    one, two = raw.export.questions
    assert (one.wording, one.kind, dict(one.labels)) == (
        "您的性别",
        "single",
        {"1": "男", "2": "女"},
    )
    assert two.columns == (("电梯", "Q2_A1"), ("健身", "Q2_A2"))


def test_qualtrics_reads_three_header_rows_and_leaves_previews_out(tmp_path):
    rows = [
        ["StartDate", "EndDate", "Status", "IPAddress", "Finished", "ResponseId", "Q1", "Q2_1", "Q2_2"],
        ["Start Date", "End Date", "Response Type", "IP Address", "Finished", "Response ID", "Satisfied?", "Facilities - Lift", "Facilities - Gym"],
        ['{"ImportId":"startDate","timeZone":"America/Denver"}', *['{"ImportId":"x"}'] * 8],
        ["2026-10-09 01:00:00", "2026-10-09 01:02:00", "IP Address", "10.0.0.1", "True", "R_1", "5", "1", ""],
        ["2026-10-09 01:00:00", "2026-10-09 01:02:00", "Survey Preview", "", "True", "R_2", "1", "1", "1"],
    ]  # fmt: skip
    raw, problems, log = read(tmp_path, delimited(rows))
    assert problems == []
    assert raw.frame["ResponseId"].tolist() == ["R_1"]
    assert log["intake.test-answer"] == 1
    assert raw.export.named["started"].clean("2026-10-09 01:00:00") == "2026-10-09 01:00:00-06:00"
    assert raw.export.questions[0].wording == "Satisfied?"
    assert [option for option, _ in raw.export.questions[1].columns] == ["Lift", "Gym"]


def test_limesurvey_knows_incomplete_answers_and_the_day_without_a_time(tmp_path):
    rows = [
        ["id", "submitdate", "lastpage", "startlanguage", "seed", "q1", "use[lift]", "use[gym]"],
        ["1", "1980-01-01 00:00:00", "3", "zh", "9", "A5", "Y", "N"],
        ["2", "", "1", "zh", "8", "", "", ""],
    ]
    raw, _, _ = read(tmp_path, delimited(rows, ";"))
    named = raw.export.named
    assert raw.export.platform == "limesurvey"
    assert named["finished"].clean("1980-01-01 00:00:00") is None
    assert (named["complete"].title, named["complete"].blank) == ("submitdate", "false")
    assert raw.export.questions[1].kind == "multiple"


def test_kobo_joins_the_columns_of_a_question_with_several_answers(tmp_path):
    rows = [
        ["start", "end", "g/q1", "g/use", "g/use/lift", "g/use/gym", "_uuid", "_submission_time"],
        ["2026-10-09T09:00:00.000+08:00", "2026-10-09T09:02:00.000+08:00", "5", "lift gym", "1", "1", "u-1", "2026-10-09T01:03:00"],
    ]  # fmt: skip
    raw, _, _ = read(tmp_path, book(rows), "kobo.xlsx")
    assert raw.export.platform == "kobo"
    assert raw.export.named["respondent"].title == "_uuid"
    assert raw.export.questions[1].columns == (("lift", "g/use/lift"), ("gym", "g/use/gym"))


@pytest.mark.parametrize("tail", ["_latitude _longitude", "-Latitude -Longitude"])
def test_positions_of_odk_are_wgs84_unless_the_source_says_otherwise(folder, tail):
    lat, lon = (f"place{t}" for t in tail.split())
    rows = [
        ["q1", "community", lat, lon, "_uuid", "_submission_time"],
        ["5", "A-1", "30.25", "120.16", "u-1", "2026-10-09T01:03:00"],
        ["4", "A-1", "", "", "u-2", "2026-10-09T01:04:00"],
    ]
    folder.write("data/kobo.xlsx", book(rows))
    folder.edit("study.yaml", "data/responses.csv", "data/kobo.xlsx, set: {wave: w2}")
    tables, _ = collect(folder.load())
    frame = tables.frames["responses"]
    assert frame["lat"].tolist()[:1] == [30.25]
    assert frame["crs"].tolist()[0] == "WGS-84"
    (told,) = [e for e in tables.log if e.code == "intake.crs"]
    assert "WGS-84" in told.zh
    assert "set: {crs: …}" in told.en
    folder.edit("study.yaml", "set: {wave: w2}", "set: {wave: w2, crs: GCJ-02}")
    tables, _ = collect(folder.load())
    assert set(tables.frames["responses"]["crs"]) == {"GCJ-02"}
    assert not [e for e in tables.log if e.code == "intake.crs"]


@pytest.fixture
def spss(tmp_path):
    import pyreadstat

    path = tmp_path / "made.sav"
    pyreadstat.write_sav(
        pd.DataFrame({"rid": ["007", "008"], "q1": [1.0, 9.0], "w": [1.5, 2.25]}),
        str(path),
        column_labels=["编号", "1、您的满意度", "权数"],
        variable_value_labels={"q1": {1: "非常不满意", 5: "非常满意", 9: "拒答"}},
        missing_ranges={"q1": [9]},
    )
    return path.read_bytes()


def test_spss_gives_codes_labels_and_user_missing(tmp_path, spss):
    raw, problems, log = read(tmp_path, spss, "a.sav")
    assert problems == []
    assert raw.frame.to_dict("list") == {
        "rid": ["007", "008"],
        "q1": ["1", "9"],
        "w": ["1.5", "2.25"],
    }
    asked = raw.export.question("q1")
    assert dict(asked.labels) == {"1": "非常不满意", "5": "非常满意"}
    assert dict(asked.missing) == {"9": "refused"}
    assert asked.wording == "1、您的满意度"
    assert log["intake.user-missing"] == 1


def test_stata_gives_codes_labels_and_lettered_missing(tmp_path):
    import pyreadstat

    path = tmp_path / "made.dta"
    pyreadstat.write_dta(
        pd.DataFrame({"q1": [1.0, "a"]}),
        str(path),
        column_labels=["Satisfied?"],
        variable_value_labels={"q1": {1: "yes", "a": "refused"}},
        missing_user_values={"q1": ["a"]},
    )
    raw, _, _ = read(tmp_path, path.read_bytes(), "b.dta")
    assert raw.frame["q1"].tolist() == ["1", "a"]
    assert dict(raw.export.question("q1").missing) == {"a": "refused"}


def test_parquet_keeps_types_as_text(tmp_path):
    frame = pd.DataFrame({"id": ["007"], "n": [3], "x": [1.5], "when": [pd.Timestamp("2026-10-09 12:00")], "use": [["电梯", "健身"]]})  # fmt: skip
    frame.to_parquet(tmp_path / "made.parquet")
    raw, _, _ = read(tmp_path, (tmp_path / "made.parquet").read_bytes(), "a.parquet")
    assert raw.frame.iloc[0].tolist() == ["007", "3", "1.5", "2026-10-09 12:00:00", "电梯┋健身"]


@pytest.mark.parametrize(
    "text",
    [
        '[{"id": 12345678901234567890, "a": {"b": 1.50}, "use": ["x", "y"]}]',
        '{"data": {"records": [{"id": 12345678901234567890, "a": {"b": 1.50}, "use": ["x", "y"]}]}}',
        '{"id": 12345678901234567890, "a": {"b": 1.50}, "use": ["x", "y"]}\n{"id": 2}\n',
    ],
    ids=["list", "nested", "lines"],
)
def test_json_numbers_stay_as_they_were_written(tmp_path, text):
    raw, _, _ = read(tmp_path, text, "a.json")
    assert raw.frame.iloc[0].to_dict() == {
        "id": "12345678901234567890",
        "a.b": "1.50",
        "use": "x┋y",
    }


@pytest.mark.parametrize(
    ("text", "code"),
    [('[{"a": 1,', "file.json"), ('[{"a": 1, "a": 2}]', "file.json-key"), ('{"a": 1}', "file.json-records")],
)  # fmt: skip
def test_broken_json_is_told(tmp_path, text, code):
    assert refused(tmp_path, text, "a.json").code == code


PAGE = """<html><head><meta http-equiv="Content-Type" content="text/html; charset=gb2312"></head><body>
<table><tr><th>工单编号</th><th>受理时间</th></tr><tr><td style='mso-number-format:"\\@"'>00712</td>
<td>2026-10-09&nbsp;12:00</td></tr></table><script>var a = "<table>";</script></body></html>"""


def test_a_page_named_xls_is_read_in_its_own_encoding(tmp_path):
    raw, problems, log = read(tmp_path, PAGE.encode("gbk"), "工单.xls")
    assert problems == []
    assert raw.frame.to_dict("list") == {"工单编号": ["00712"], "受理时间": ["2026-10-09 12:00"]}
    assert log["intake.html"] == 1


def test_tab_separated_text_named_xls_in_gbk_is_proved_by_its_titles(tmp_path):
    data = "工单编号\t受理时间\t诉求内容\n00712\t2026-10-09\t电梯坏了\n".encode("gbk")
    raw, _, log = read(tmp_path, data, "热线.xls")
    assert raw.frame["工单编号"].tolist() == ["00712"]
    assert log["intake.encoding"] == 1


def test_excel_xml_of_2003_is_read(tmp_path):
    data = """<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"
    xmlns:ss="urn:schemas-microsoft-com:office:spreadsheet"><Worksheet ss:Name="a"><Table>
    <Row><Cell><Data ss:Type="String">编号</Data></Cell><Cell><Data ss:Type="String">甲</Data></Cell></Row>
    <Row><Cell><Data ss:Type="String">007</Data></Cell><Cell ss:Index="2"><Data ss:Type="Number">3</Data></Cell></Row>
    </Table></Worksheet></Workbook>"""
    raw, _, _ = read(tmp_path, data, "a.xls")
    assert raw.frame.iloc[0].tolist() == ["007", "3"]


def test_a_page_with_a_cell_merged_over_rows_is_told(tmp_path):
    data = "<table><tr><td>a<td>b<tr><td rowspan=2>1<td>2<tr><td>3</table>"
    _, [problem], _ = read(tmp_path, data, "a.html")
    assert (problem.code, problem.row) == ("file.merged", 1)


def test_an_old_workbook_keeps_dates_and_leading_zeros(tmp_path):
    import datetime

    workbook = xlwt.Workbook()
    sheet = workbook.add_sheet("甲")
    for k, title in enumerate(["编号", "日期", "数"]):
        sheet.write(0, k, title)
    sheet.write(1, 0, "007")
    sheet.write(
        1, 1, datetime.datetime(2026, 10, 9, 12, 30), xlwt.easyxf(num_format_str="YYYY-MM-DD HH:MM")
    )
    sheet.write(1, 2, 3.0)
    out = io.BytesIO()
    workbook.save(out)
    raw, _, _ = read(tmp_path, out.getvalue(), "a.xls")
    assert raw.frame.iloc[0].tolist() == ["007", "2026-10-09 12:30:00", "3"]


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def test_a_workbook_under_a_password_is_named_as_such(tmp_path):
    data = OLE + b"\0" * 504 + "EncryptedPackage".encode("utf-16-le") + b"\0" * 100
    assert refused(tmp_path, data, "a.xlsx").code == "file.password"
    assert refused(tmp_path, data, "a.xlsx", format="xlsx").code == "file.password"


def test_an_archive_under_a_password_is_named_as_such(tmp_path):
    data = bytearray(packed(**{"a.csv": "a,b\n1,2\n"}))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + place] |= 1
    assert refused(tmp_path, bytes(data), "a.zip").code == "file.password"


def test_an_archive_of_several_tables_asks_which(tmp_path):
    data = packed(**{"a.csv": "x,y\n1,2\n", "b.csv": "x,y\n3,4\n"})
    assert refused(tmp_path, data, "a.zip").expected == "a.csv | b.csv"
    raw, _, _ = read(tmp_path, data, "a.zip", sheet="b.csv")
    assert raw.frame["x"].tolist() == ["3"]


def test_an_archive_that_unpacks_to_too_much_is_not_opened(tmp_path):
    assert refused(tmp_path, packed(**{"a.csv": "0" * 5_000_000}), "a.zip").code == "file.bomb"


def test_an_encoding_that_changes_half_way_is_refused_with_its_line(tmp_path):
    data = "编号,建议\n1,电梯坏了很久\n".encode("gb18030") + "2,希望增加充电桩\n".encode()
    problem = refused(tmp_path, data, encoding="gb18030")
    assert (problem.code, problem.row) == ("file.encoding-mixed", 2)


def test_a_guarded_text_and_a_hint_for_excel(tmp_path):
    raw, _, log = read(tmp_path, 'sep=;\na;b\n"=""007""";2\n')
    assert raw.frame.iloc[0].tolist() == ["007", "2"]
    assert log["intake.literal"] == 1


def test_a_title_merged_over_columns_points_to_the_next_line(tmp_path):
    workbook = openpyxl.Workbook()
    for row in (["满意度", None, None], ["编号", "q1", "q2"], ["1", 5, 4]):
        workbook.active.append(row)
    workbook.active.merge_cells("A1:C1")
    out = io.BytesIO()
    workbook.save(out)
    _, problems, _ = read(tmp_path, out.getvalue(), "a.xlsx")
    [problem] = [p for p in problems if p.code == "file.header-merged"]
    assert "header: 2" in problem.remedy_en
    raw, problems, _ = read(tmp_path, out.getvalue(), "a.xlsx", header=2)
    assert problems == []
    assert raw.frame.iloc[0].tolist() == ["1", "5", "4"]


def test_digits_that_a_spreadsheet_lost_are_told_and_hidden_sheets_counted(tmp_path):
    data = book([["证号"], [320102199001011234.0]], 隐藏=[["x"], [1]])
    workbook = openpyxl.load_workbook(io.BytesIO(data))
    workbook["隐藏"].sheet_state = "hidden"
    out = io.BytesIO()
    workbook.save(out)
    _, [problem], log = read(tmp_path, out.getvalue(), "a.xlsx")
    assert (problem.code, problem.row, problem.column) == ("file.digits-lost", 1, "证号")
    assert log["intake.hidden-sheet"] == 1


def test_what_is_declared_and_what_is_there_must_agree(tmp_path):
    problem = refused(tmp_path, json.dumps([{"a": 1}]), "a.xlsx", format="xlsx")
    assert (problem.code, problem.expected, problem.found) == ("file.format", "xlsx", "json")


def database(tmp_path):
    path = tmp_path / "hotline.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table orders (id text, n integer, x real, empty text)")
        connection.executemany("insert into orders values (?, ?, ?, ?)", [("007", 3, 1.5, None), ("006", 4, 2.0, None)])  # fmt: skip
    connection.close()
    return f"sqlite:///{path}"


def test_a_database_is_asked_by_the_url_of_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("HOTLINE_DB", database(tmp_path))
    how = Source(file="env:HOTLINE_DB", format="sql", sheet="orders")
    raw = read_file(tmp_path, how, Log(), [])
    assert raw.frame["id"].tolist() == ["006", "007"]
    assert raw.frame["n"].tolist() == ["4", "3"]
    again = read_file(tmp_path, how, Log(), [])
    assert raw.file.sha256 == again.file.sha256
    asked = Source(file="env:HOTLINE_DB", format="sql", query="select id from orders where n > 3")
    assert read_file(tmp_path, asked, Log(), []).frame["id"].tolist() == ["006"]


@pytest.mark.parametrize(
    ("url", "how", "code"),
    [
        (None, {"sheet": "orders"}, "source.environment"),
        ("sqlite://", {"query": "drop table orders"}, "source.query"),
        ("sqlite://", {"query": "select 1; select 2"}, "source.query"),
        ("sqlite://", {"sheet": "orders; drop table x"}, "source.query"),
        ("sqlite://", {"sheet": "none"}, "source.database"),
        ("nosuch://u:secretword@h/d", {"sheet": "t"}, "source.database"),
        ("postgresql+pg8000://u:secretword@127.0.0.1:1/d", {"sheet": "t"}, "source.database"),
    ],
)
def test_a_database_that_cannot_be_asked_is_told_without_its_password(
    tmp_path, monkeypatch, url, how, code
):
    monkeypatch.delenv("HOTLINE_DB", raising=False)
    if url:
        monkeypatch.setenv("HOTLINE_DB", url)
    with pytest.raises(InputError) as caught:
        read_file(tmp_path, Source(file="env:HOTLINE_DB", format="sql", **how), Log(), [])
    [problem] = caught.value.problems
    assert problem.code == code
    assert "secretword" not in str(caught.value)


def test_a_database_that_is_not_there_is_not_made(tmp_path, monkeypatch):
    monkeypatch.setenv("HOTLINE_DB", f"sqlite:///{tmp_path}/hotlin.db")
    how = Source(file="env:HOTLINE_DB", format="sql", sheet="orders")
    with pytest.raises(InputError) as caught:
        read_file(tmp_path, how, Log(), [])
    assert caught.value.problems[0].found == "FileNotFoundError: no file hotlin.db"
    assert not list(tmp_path.iterdir())


def test_a_table_may_bear_a_word_of_the_language(tmp_path, monkeypatch):
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute('create table "order" (id text)')
        connection.execute("insert into \"order\" values ('007')")
    connection.close()
    monkeypatch.setenv("HOTLINE_DB", f"sqlite:///{tmp_path}/a.db")
    for name in ("order", "main.order"):
        how = Source(file="env:HOTLINE_DB", format="sql", sheet=name)
        assert read_file(tmp_path, how, Log(), []).frame["id"].tolist() == ["007"]


def test_midnight_of_another_zone_keeps_its_hour():
    at = datetime(2026, 10, 9, tzinfo=UTC)
    assert cell_text(at) == "2026-10-09 00:00:00+00:00"
    assert cell_text(at.replace(tzinfo=None)) == "2026-10-09"


# workbooks with macros, and headers of two lines


def with_macros(data):
    """The same workbook as an .xlsm: a VBA project beside its sheets."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
        new.writestr("xl/vbaProject.bin", b"\xd0\xcf\x11\xe0 not run")
    return out.getvalue()


@pytest.mark.parametrize("name", ["a.xlsm", "a.xlsx"])
def test_macros_are_counted_and_not_run(tmp_path, name):
    raw, problems, log = read(tmp_path, with_macros(book([["a", "b"], ["1", "2"]])), name)
    assert problems == []
    assert log["intake.macro"] == 1
    assert raw.frame.to_dict("list") == {"a": ["1"], "b": ["2"]}
    _, _, plain = read(tmp_path, book([["a", "b"], ["1", "2"]]), "b.xlsx")
    assert "intake.macro" not in plain


def two_lines(*, merged):
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    for row in (
        ["编号", "满意度", None, "备注"],
        [None, "环境", "治安", None],
        ["1", "5", "4", "好"],
        ["2", "3", "2", None],
    ):
        sheet.append(row)
    if merged:
        for cells in ("A1:A2", "B1:C1", "D1:D2"):
            sheet.merge_cells(cells)
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


@pytest.mark.parametrize("merged", [True, False])
def test_a_header_of_two_lines_is_read_as_declared(tmp_path, merged):
    raw, problems, _ = read(tmp_path, two_lines(merged=merged), "a.xlsx", header=[1, 2])
    assert problems == []
    assert list(raw.frame.columns) == ["编号", "满意度/环境", "满意度/治安", "备注"]
    assert raw.frame["满意度/治安"].tolist() == ["4", "2"]
    assert raw.frame.index.tolist() == [1, 2]  # rows count from under the header


def test_a_header_of_two_lines_in_a_text_file_and_under_a_caption(tmp_path):
    text = "2026 年调查表,,,\n编号,满意度,,备注\n,环境,治安,\n1,5,4,好\n"
    raw, problems, _ = read(tmp_path, text, header=[2, 3])
    assert problems == []
    assert raw.frame.iloc[0].to_dict() == {
        "编号": "1", "满意度/环境": "5", "满意度/治安": "4", "备注": "好",
    }  # fmt: skip


def test_an_undeclared_header_of_two_lines_is_refused_with_both_ways_out(tmp_path):
    _, problems, _ = read(tmp_path, two_lines(merged=True), "a.xlsx")
    mine = [p for p in problems if p.code == "file.header-merged"]
    assert mine
    assert "header: [1, 2]" in mine[0].remedy_zh
    assert "header: [1, 2]" in mine[0].remedy_en


@pytest.mark.parametrize(
    "how", [{"header": [1, 3]}, {"header": [2]}, {"header": [0, 1]}, {"header": ["a", "b"]},
            {"header": [1, 2, 3, 4, 5]}, {"header_rows": [1, 2]}],
)  # fmt: skip
def test_lines_of_a_header_that_are_none_are_refused(how):
    from workbench.study import source_of

    with pytest.raises(InputError) as caught:
        source_of("a.csv", **how)
    assert any("header: [1, 2]" in p.remedy_en for p in caught.value.problems)


@pytest.mark.parametrize(
    ("rows", "titles"),
    [
        ([["a", "b"], ["", ""]], ["a", "b"]),
        ([["", "g", ""], ["x", "y", "z"]], ["x", "g/y", "g/z"]),
        ([["k", "", ""], ["", "y", "z"]], ["k", "y", "z"]),  # k stands alone: y is not its part
        ([["k", "k"], ["k", "l"]], ["k", "k/l"]),
        ([["g", "", "", ""], ["a", "", "b", ""], ["1", "2", "1", "2"]],
         ["g/a/1", "g/a/2", "g/b/1", "g/b/2"]),
        ([["short"], ["", "long"]], ["short", "long"]),
    ],
)  # fmt: skip
def test_titles_of_several_lines_are_joined(rows, titles):
    from workbench.intake.titles import joined

    assert joined(rows) == titles
