"""Exports in the forms that public files and scripts show, each to the canonical table."""

from __future__ import annotations

import csv
import io
import zipfile

import openpyxl
import pandas as pd
import pytest

from workbench.errors import InputError
from workbench.intake.drafting import draft
from workbench.study import source_of

META = ["序号", "提交答卷时间", "所用时间", "来源", "来源详情", "来自IP"]
BASE = "  responses: {file: data/responses.csv}\n"
MORE = """\
use_other:
  wording: {zh: 其他设施, en: Other facilities}
  kind: text
  role: text
  class: personal
  purpose: summary
"""
NA = pd.NA


def text_of(rows, delimiter=","):
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue()


def packed(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def wjx(n, *cells):
    return [
        str(n),
        f"2026/10/9 12:0{n}:00",
        "60秒",
        "微信",
        "",
        f"10.0.0.{n}(江苏-南京)",
        *map(str, cells),
    ]


@pytest.fixture
def read(folder):
    """Give the answers, the log and the problems of one export read into the small study."""
    folder.edit("study.yaml", "  - {id: w1, role: baseline}\n", "")
    folder.edit("study.yaml", "  communities: ", "  communities: ")
    folder.write("data/communities.csv", "community,name,level\nA-1,甲小区,compound\n")
    folder.write("data/requests.csv", "request,community,kind,received\nr,A-1,need,2026-05-01\n")
    book = (folder.path / "codebook.yaml").read_text(encoding="utf-8")
    book = book.replace("en: gym}}", "en: gym}, other: {zh: 其他（请注明）, en: other}}")
    folder.write("codebook.yaml", book + MORE)

    def reading(data, columns, values="{}", name="a.csv", more=""):
        folder.write(f"data/{name}", data)
        source = (
            f"  responses:\n    - file: data/{name}\n      set: {{wave: w2, community: A-1}}\n"
            f"      columns: {columns}\n      values: {values}\n{more}"
        )
        folder.edit("study.yaml", BASE, source)
        made = folder.build()
        frame = made.frames["responses"].sort_values("respondent").reset_index(drop=True)
        return frame, {entry.code: entry.n for entry in made.log}, made

    return reading


def used(frame):
    return frame[["use__lift", "use__gym", "use__other"]].astype(object).to_numpy().tolist()


# --- 问卷星

NEW = [
    [*META, "1、您满意吗？", "2、您使用过的设施（可多选）(电梯)", "2、(健身)", "2、(其他（请注明）)", "3、建议"],
    wjx(1, 5, 1, 0, "1〖凉亭〗", "多植树"),
    wjx(2, 1, -3, -3, -3, "-2"),
]  # fmt: skip


@pytest.mark.parametrize("title", ["第2题", "2、您使用过的设施", "您使用过的设施（可多选）"])
def test_wjx_names_the_question_once_and_its_options_in_brackets_ever_after(read, title):
    columns = f"{{q1: '1、您满意吗？', use: '{title}', sug: '3、建议'}}"
    frame, log, _ = read(text_of(NEW), columns)
    assert used(frame) == [[True, False, True], [NA, NA, NA]]
    assert frame["use_other__topic"].notna().tolist() == [True, False]
    assert frame["use__missing"].tolist()[1] == "not_asked"
    assert log["intake.other-text"] == 1


def test_what_wjx_writes_for_no_answer_is_no_text_of_a_resident(read):
    frame, _, _ = read(text_of(NEW), "{q1: '1、您满意吗？', sug: '3、建议'}")
    assert frame["sug__missing"].tolist()[1] == "skipped"
    assert frame["sug__sentiment"].notna().tolist() == [True, False]


def drafted(tmp_path, rows, name="a.csv"):
    (tmp_path / name).write_text(text_of(rows), encoding="utf-8")
    made = draft(tmp_path / name, source_of(name))
    return {item.code: item for item in made.items}


def test_a_draft_of_wjx_loses_no_column(tmp_path):
    rows = [
        [*META, "1、请评价—物业服务", "1、绿化", "2、建议", "2、建议", "用得上的(电梯)", "3(健身)", "称呼"],
        wjx(1, 5, 4, "好", "更好", 1, 0, "甲"),
        wjx(2, 3, 4, "好好", "更好好", 0, 1, "乙"),
    ]  # fmt: skip
    items = drafted(tmp_path, rows)
    columns = [item.column for item in items.values()]
    assert columns == [
        "1、请评价—物业服务",
        "1、绿化",
        "2、建议#1",
        "2、建议#2",
        "用得上的",
        "称呼",
    ]
    assert items["q1_2"].wording == "请评价：绿化"
    assert items["q2_1"].wording == items["q2_2"].wording == "建议"
    assert items["q3"].kind == "multiple"
    assert [zh for zh, _ in items["q3"].values.values()] == ["电梯", "健身"]


def test_labels_of_a_matrix_are_taken_from_the_export_as_text_and_ranks_are_numbers(tmp_path):
    head = [*META, "1、请评价—物业", "1、绿化", "2、排序(停车)", "2、(电梯)"]
    rows = [head, wjx(1, 5, 1, 1, 2), wjx(2, 3, 5, 2, 1), wjx(3, 1, 3, 2, 1)]
    words = [[*META, "1、请评价—物业", "1、绿化", "2、排序"],
             wjx(1, "很好", "很差", "停车→电梯"), wjx(2, "一般", "很好", "电梯→停车"),
             wjx(3, "很差", "一般", "电梯→停车")]  # fmt: skip
    (tmp_path / "t.csv").write_text(text_of(words), encoding="utf-8")
    (tmp_path / "i.csv").write_text(text_of(rows), encoding="utf-8")
    labels = (tmp_path / "t.csv", source_of("t.csv"))
    made = draft(tmp_path / "i.csv", source_of("i.csv"), labels=labels)
    items = {item.code: item for item in made.items}
    assert [zh for zh, _ in items["q1_2"].values.values()] == ["很差", "一般", "很好"]
    assert items["q2_1"].kind == items["q2_2"].kind == "number"


# --- other platforms


def qualtrics(status):
    head = ["StartDate", "EndDate", "Status", "Finished", "ResponseId", "Q1"]
    ids = ['{"ImportId":"startDate","timeZone":"UTC"}', *['{"ImportId":"x"}'] * 5]
    rows = [
        ["2026-10-09 01:00:00", "2026-10-09 01:02:00", s, "True", f"R_{s}", "5"] for s in status
    ]
    return text_of([head, head, ids, *rows])


@pytest.mark.parametrize(
    ("answers", "tests"),
    [
        (["0", "4", "16"], ["1", "2", "8", "9", "12", "17", "40"]),
        (
            ["IP Address", "Imported", "Offline"],
            ["Survey Preview", "Survey Test", "Spam", "Survey Preview Spam", "Imported Spam",
             "Offline Survey Preview", "EX Spam"],
        ),
    ],
    ids=["numbers", "words"],
)  # fmt: skip
def test_qualtrics_keeps_imported_and_offline_answers_and_no_test(read, answers, tests):
    frame, log, _ = read(qualtrics([*answers, *tests]), "{q1: Q1}")
    assert frame["respondent"].tolist() == sorted(f"R_{word}" for word in answers)
    assert log["intake.test-answer"] == len(tests)


def test_kobo_without_the_columns_of_the_questions_themselves(read):
    rows = [
        ["g/q1", "g/use/lift", "g/use/gym", "g/use/other", "sug", "_uuid", "_submission_time"],
        ["5", "1", "0", "1", "n/a", "u-1", "2026-10-09T01:03:00"],
        ["3", "", "", "", "灯坏了", "u-2", "2026-10-09T01:03:00"],
    ]
    frame, _, _ = read(text_of(rows, ";"), "{q1: g/q1, use: g/use, sug: sug}")
    assert used(frame) == [[True, False, True], [NA, NA, NA]]
    assert frame["sug__missing"].tolist()[0] == "not_asked"


def test_limesurvey_n_a_is_no_tick_and_a_text_is_one(read):
    rows = [
        ["id", "submitdate", "lastpage", "q1", "use[lift]", "use[gym]", "use[other]"],
        ["1", "2026-10-09 12:00:00", "3", "5", "Y", "", "凉亭"],
        ["2", "2026-10-09 12:00:00", "3", "N/A", "N/A", "N/A", "N/A"],
    ]
    frame, log, _ = read(text_of(rows), "{q1: q1, use: use}")
    assert used(frame) == [[True, False, True], [NA, NA, NA]]
    assert frame["use__missing"].tolist()[1] == frame["q1__missing"].tolist()[1] == "not_asked"
    assert log["intake.other-text"] == 1


def test_limesurvey_with_codes_and_chinese_texts_as_headings(read):
    rows = [
        ["答复 ID", "提交日期", "最后一页", "q1. 您满意吗？", "use[SQ001]. 使用的设施？ [电梯]",
         "use[SQ002]. 使用的设施？ [健身]"],
        ["7", "2026-10-09 12:00:00", "3", "5", "是", "否"],
        ["8", "", "1", "3", "否", "是"],
    ]  # fmt: skip
    frame, _, _ = read(text_of(rows), "{q1: 'q1. 您满意吗？', use: '使用的设施？'}")
    assert frame["respondent"].tolist() == ["7", "8"]
    assert frame["complete"].tolist() == [True, False]
    assert frame["use__lift"].tolist() == [True, False]
    assert frame["use__gym"].tolist() == [False, True]


def test_wenjuan_zip_in_gbk_needs_no_encoding_said(read):
    codes = "Q1,您满意吗,单选题\n,1,非常不满意\n,5,非常满意\nQ2,设施,多选题\n,1,电梯\n,2,健身\n"
    rows = "序号,开始时间,结束时间,Q1,Q2_A1,Q2_A2,Q2_A2_open\n1,2026/10/9 12:00,2026/10/9 12:02,5,1,0,凉亭\n"
    data = packed({"All_Data_Original.csv": rows.encode("gbk"), "code.csv": codes.encode("gbk")})
    frame, log, _ = read(data, "{q1: Q1, use: Q2}", name="w.zip")
    assert frame["q1"].tolist() == [5]
    assert frame["use__lift"].tolist() == [True]
    assert frame["started"].tolist() == ["2026-10-09T12:00:00+08:00"]
    assert log["intake.encoding"] == 2
    assert log["intake.value-unnamed"] == 1


def test_an_option_of_spss_is_mapped_by_itself(read, tmp_path):
    import pyreadstat

    path = tmp_path / "made.sav"
    pyreadstat.write_sav(
        pd.DataFrame({"rid": ["1", "2"], "q1": [5.0, 1.0], "m1": [1.0, -9.0], "c": ["x", "99"]}),
        str(path),
        variable_value_labels={"m1": {1: "电梯", 0: "未选"}},
        missing_ranges={"m1": [-9], "c": ["99"]},
    )
    frame, _, _ = read(
        path.read_bytes(), "{respondent: rid, q1: q1, use__lift: m1, sug: c}", name="b.sav"
    )
    assert frame["use__lift"].astype(object).tolist() == [True, NA]
    assert frame["sug__missing"].tolist()[1] == "missing"


def test_a_draft_keeps_missing_codes_that_nobody_gave(tmp_path):
    import pyreadstat

    path = tmp_path / "made.sav"
    pyreadstat.write_sav(
        pd.DataFrame({"q1": [1.0, 2.0]}),
        str(path),
        variable_value_labels={"q1": {1: "是", 2: "否", 8: "不知道", 9: "拒答"}},
        missing_ranges={"q1": [{"lo": 8, "hi": 9}]},
    )
    [item] = draft(path, source_of("made.sav")).items
    assert item.missing == {"8": "dont_know", "9": "refused"}


# --- tables that people make


def test_a_label_with_wide_brackets_is_found_in_either_width(read, folder):
    folder.edit("codebook.yaml", "zh: 非常满意", "zh: 非常满意（很好）")
    rows = [
        ["respondent", "q1"],
        ["1", "非常满意（很好）"],
        ["2", "非常满意(很好)"],
        ["3", "非常不满意"],
    ]
    frame, _, _ = read(text_of(rows), "{}")
    assert frame["q1"].tolist() == [5, 5, 1]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("电梯;其他、杂项", [True, False, True]),
        ("电梯，健身", [True, True, False]),
        ("lift gym", [True, True, False]),
        ("电梯\n健身", [True, True, False]),
        ("wood lift gym", [True, True, False]),
        ("健身；其他、杂项：凉亭、秋千", [False, True, True]),
        ("未列出的", [NA, NA, NA]),
        ("电梯、未列出的", [True, False, False]),
    ],
)
def test_options_in_one_cell(read, folder, cell, expected):
    folder.edit("codebook.yaml", "其他（请注明）", "其他、杂项")
    folder.edit("codebook.yaml", "en: lift", "en: wood lift")
    frame, log, _ = read(text_of([["respondent", "q1", "use"], ["1", "5", cell]]), "{}")
    assert used(frame) == [expected]
    assert ("intake.value-unnamed" in log) == ("未列出" in cell)
    if expected[0] is NA:
        assert frame["use__missing"].tolist() == ["unmapped"]


def test_ids_in_wide_digits_are_those_in_narrow_ones(read):
    frame, log, _ = read(text_of([["respondent", "q1"], ["００１", "5"], ["002", "1"]]), "{}")
    assert frame["respondent"].tolist() == ["001", "002"]
    assert log["intake.id-wide"] == 1


@pytest.mark.parametrize("word", ["合计", "合 计：", "平均分", "Total"])
def test_a_row_of_totals_is_no_respondent(read, word):
    rows = [["respondent", "q1"], ["1", "5"], ["2", "5"], ["", ""], [word, "5"]]
    frame, log, _ = read(text_of(rows), "{}")
    assert frame["respondent"].tolist() == ["1", "2"]
    assert log["intake.totals"] == 1


def test_a_total_among_the_rows_is_not_taken_away(read):
    rows = [["respondent", "q1"], ["1", "5"], ["合计", "5"], ["2", "1"]]
    frame, log, _ = read(text_of(rows), "{}")
    assert len(frame) == 3
    assert "intake.totals" not in log


def test_a_formula_without_result_is_not_said_to_have_one(read):
    book = openpyxl.Workbook()
    for row in (["respondent", "q1", "sug"], ["1", 5, "=1+1"]):
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    _, log, made = read(out.getvalue(), "{}", name="a.xlsx")
    assert "intake.formula" not in log
    assert "file.formula-bare" in {problem.code for problem in made.warnings}


def test_answers_without_a_building_are_told_where_others_have_one(read):
    rows = [["respondent", "q1", "psu"], ["1", "5", "b1"], ["2", "5", ""]]
    _, _, made = read(text_of(rows), "{}")
    [told] = [problem for problem in made.warnings if problem.code == "design.no-psu"]
    assert (told.row, told.column, told.community) == (2, "psu", "A-1")
    assert "sample:" in told.remedy_en


def test_one_person_twice_is_told_with_the_rule_that_settles_it(read, folder):
    rows = [["respondent", "q1"], ["1", "5"], ["1", "1"]]
    with pytest.raises(InputError) as caught:
        read(text_of(rows), "{}")
    [problem] = caught.value.problems
    rule = "duplicates: {respondents: {by: [respondent], keep: last}}"
    assert rule in problem.remedy_zh
    assert rule in problem.remedy_en
    folder.edit("study.yaml", "seed: 7", f"{rule}\nseed: 7")
    assert len(folder.build().frames["responses"]) == 1


def test_utf_16_without_a_mark_is_among_the_candidates(read):
    with pytest.raises(InputError) as caught:
        read("respondent,q1,备注\n1,5,好\n".encode("utf-16-le"), "{}")
    assert any("utf-16-le: " in problem.en for problem in caught.value.problems)


def test_two_files_that_number_from_one_are_told_how_to_tell_them_apart(read, folder):
    rows = text_of([["respondent", "q1"], ["1", "5"]])
    folder.write("data/b.csv", rows)
    more = "    - file: data/b.csv\n      set: {wave: w2, community: A-1}\n"
    with pytest.raises(InputError) as caught:
        read(rows, "{}", more=more)
    assert all('respondent: "row:n"' in problem.remedy_zh for problem in caught.value.problems)
    assert not any("duplicates:" in problem.remedy_en for problem in caught.value.problems)


def test_a_pattern_finds_wide_digits(read):
    rows = [["respondent", "q1"], ["1", "５．非常满意"], ["2", "1.非常不满意"]]
    frame, _, _ = read(text_of(rows), "{}", '{q1: {pattern: "^([1-5])"}}')
    assert frame["q1"].tolist() == [5, 1]


def test_an_xlsform_with_or_other_a_conditional_group_and_a_repeat(tmp_path):
    survey = [
        ["type", "name", "label", "relevant"],
        ["select_one yn", "a", "有没有？", ""],
        ["begin group", "g", "组", "${a} = '1'"],
        ["select_multiple fac or_other", "use", "用哪些？", ""],
        ["integer", "n", "几次？", ""],
        ["end group", "", "", ""],
        ["begin_repeat", "r", "成员", ""],
        ["integer", "age", "年龄", ""],
        ["end_repeat", "", "", ""],
        ["select_one_from_file places.csv", "place", "在哪？", ""],
    ]
    choices = [["list_name", "name", "label"], ["yn", "1", "有"], ["yn", "0", "没有"],
               ["fac", "lift", "电梯"]]  # fmt: skip
    book = openpyxl.Workbook()
    for name, rows in (("survey", survey), ("choices", choices)):
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.remove(book.worksheets[0])
    book.save(tmp_path / "form.xlsx")
    made = draft(tmp_path / "form.xlsx", source_of("form.xlsx"))
    items = {item.code: item for item in made.items}
    assert list(items) == ["a", "use", "use_other", "n"]
    assert list(items["use"].values) == ["lift", "other"]
    assert items["use"].where == items["n"].where == {"a": ("1",)}
    assert items["use_other"].where == {"use": ("other",)}
    [told] = made.log.entries
    assert told.n == 2
    assert "age, place" in told.zh


def test_wjx_as_sav_is_mapped_by_the_titles_of_its_labels(read, tmp_path):
    import pyreadstat

    path = tmp_path / "made.sav"
    pyreadstat.write_sav(
        pd.DataFrame(
            {"i": ["1"], "t": ["2026/10/9 12:00:00"], "ip": ["10.0.0.1(江苏)"], "Q1": [5.0]}
        ),
        str(path),
        column_labels=["序号", "提交答卷时间", "来自IP", "1、您满意吗？"],
    )
    frame, _, _ = read(path.read_bytes(), "{q1: '1、您满意吗？'}", name="b.sav")
    assert frame["q1"].tolist() == [5]
    assert frame["ip"].tolist() == ["10.0.0.1"]


def test_a_case_that_lost_its_zeros_is_told(read, folder):
    folder.write("data/d.csv", "case,community,wave,disposition\n7,A-1,w2,1.1\n8,A-1,w2,2.10\n")
    folder.edit("study.yaml", "  requests:", "  dispositions: {file: data/d.csv}\n  requests:")
    rows = [["respondent", "q1", "case", "psu"], ["1", "5", "007", "b1"], ["2", "5", "8", "b1"]]
    _, _, made = read(text_of(rows), "{}")
    told = [p for p in made.warnings if p.code == "responses.case-unlisted"]
    assert [(p.row, p.found) for p in told] == [(1, "007")]


def test_periods_as_ledgers_write_them(folder):
    rows = [["2026年9月", "2026-09"], ["2026.10", "2026-10"], ["202608", "2026-08"],
            ["２０２６年上半年", "2026-H1"], ["2026年第二季度", "2026-Q2"], ["2025年", "2025"]]  # fmt: skip
    cells = "".join(f"A-1,m,{said},1,ledger\n" for said, _ in rows)
    folder.write("data/m.csv", "community,indicator,period,value,origin\n" + cells)
    folder.edit("study.yaml", "  requests:", "  measurements: {file: data/m.csv}\n  requests:")
    made = folder.build()
    assert sorted(made.frames["measurements"]["period"]) == sorted(want for _, want in rows)
    assert {entry.code: entry.n for entry in made.log}["intake.period"] == 6


def test_a_month_that_is_none_is_no_period(folder):
    head = "community,indicator,period,value,origin\n"
    folder.write("data/m.csv", head + "A-1,m,2026年13月,1,ledger\nA-1,n,20261,1,ledger\n")
    folder.edit("study.yaml", "  requests:", "  measurements: {file: data/m.csv}\n  requests:")
    assert folder.codes() == ["cell.period", "cell.period"]
