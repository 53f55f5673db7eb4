"""Exports of platforms through ``columns:`` and ``values:`` to the canonical table."""

from __future__ import annotations

import csv
import io
import sqlite3

import pandas as pd
import pytest

META = ["序号", "提交答卷时间", "所用时间", "来源", "来源详情", "来自IP", "sojumpparm"]
TEXT = [
    [*META, "1、您对环境是否满意？", "2、您的性别", "3、您使用过的设施", "4、建议", "5、住户数"],
    ["1", "2026/10/09 12:02:03", "123秒", "微信", "", "10.0.0.1(江苏-南京)", "A-1",
     "非常满意", "女", "电梯┋其他〖充电桩〗", "(空)", "3"],
    ["2", "2026/10/09 13:00:00", "1分5秒", "链接", "", "10.0.0.2(江苏-苏州)", "A-2",
     "(跳过)", "男", "(跳过)", "好", "(空)"],
]  # fmt: skip
INDEX = [
    [*META, "1、您对环境是否满意？", "2、您的性别", "第3题(电梯)", "第3题(健身)", "第3题(其他)", "4、建议", "5、住户数"],
    ["1", "2026/10/09 12:02:03", "123秒", "微信", "", "10.0.0.1(江苏-南京)", "A-1", "5", "1", "1", "0", "1", "-2", "3"],
    ["2", "2026/10/09 13:00:00", "65秒", "链接", "", "10.0.0.2(江苏-苏州)", "A-2", "-3", "2", "-3", "-3", "-3", "好", "-2"],
]  # fmt: skip
EXTRA = """\
hh:
  wording: {zh: 住户数, en: Household size}
  kind: number
  role: demographic
  class: internal
  purpose: assessment
use_other:
  wording: {zh: 其他设施, en: Other facilities}
  kind: text
  role: text
  class: personal
  purpose: summary
"""
BASE = "  responses: {file: data/responses.csv}\n"


def written(rows):
    out = io.StringIO(newline="")
    csv.writer(out).writerows(rows)
    return out.getvalue()


def source(name, third, extra=""):
    return (
        "  responses:\n"
        f"    - file: data/{name}\n"
        "      set: {wave: w2}\n"
        "      community: {from: link_parameter}\n"
        f"      columns: {{q1: '1、您对环境是否满意?', sex: '2、您的性别', use: '{third}',"
        " sug: '4、建议', hh: '5、住户数'}\n" + extra
    )


def table(folder):
    made = folder.build()
    frame = made.frames["responses"].sort_values("respondent").reset_index(drop=True)
    return frame, {entry.code for entry in made.log}, made


@pytest.fixture
def study(folder):
    folder.edit("study.yaml", "{id: w1, role: baseline}", "{id: w1, role: baseline}")
    folder.edit("study.yaml", "  - {id: w1, role: baseline}\n", "")
    folder.write(
        "data/requests.csv", "request,community,kind,received\nr1,A-1,complaint,2026-05-01 10:00\n"
    )
    book = (folder.path / "codebook.yaml").read_text(encoding="utf-8")
    book = book.replace(
        "gym: {zh: 健身, en: gym}", "gym: {zh: 健身, en: gym}, other: {zh: 其他, en: other}"
    )
    return folder.write("codebook.yaml", book + EXTRA)


@pytest.mark.parametrize(
    ("rows", "third", "extra"),
    [
        (TEXT, "3、您使用过的设施", "      values: {sex: {女: female, 男: male}}\n"),
        (INDEX, "第3题", "      values: {sex: {1: female, 2: male}}\n"),
    ],
    ids=["by text", "by index"],
)
def test_both_exports_of_wjx_give_one_table(study, rows, third, extra):
    study.write("data/wjx.csv", written(rows).encode("gb18030"))
    study.edit("study.yaml", BASE, source("wjx.csv", third, extra))
    frame, log, _ = table(study)
    assert frame["community"].tolist() == ["A-1", "A-2"]
    assert frame["started"].tolist() == ["2026-10-09T12:00:00+08:00", "2026-10-09T12:58:55+08:00"]
    assert frame["ip"].tolist() == ["10.0.0.1", "10.0.0.2"]
    assert frame["q1"].tolist() == [5, pd.NA]
    assert frame["q1__missing"].tolist()[1] == "not_asked"
    assert frame["hh"].tolist()[0] == 3
    assert pd.isna(frame["hh"].tolist()[1])
    assert frame["hh__missing"].tolist()[1] == "skipped"
    assert frame["sex"].tolist() == ["female", "male"]
    assert frame.loc[0, ["use__lift", "use__gym", "use__other"]].tolist() == [True, False, True]
    assert frame.loc[1, ["use__lift", "use__gym", "use__other"]].isna().all()
    assert frame["use__missing"].tolist()[1] == "not_asked"
    assert {"intake.started", "intake.missing-code", "intake.cleaned"} <= log


def test_a_deleted_option_leaves_a_gap_that_is_counted(study):
    rows = [[cell for k, cell in enumerate(row) if k != 10] for row in INDEX]
    study.write("data/wjx.csv", written(rows))
    study.edit(
        "study.yaml",
        BASE,
        source("wjx.csv", "第3题", "      values: {sex: {1: female, 2: male}}\n"),
    )
    frame, log, _ = table(study)
    assert frame["use__gym"].isna().all()
    assert "intake.option-absent" in log


def sav(folder, labels, tmp_path):
    import pyreadstat

    path = tmp_path / "made.sav"
    pyreadstat.write_sav(
        pd.DataFrame({"rid": ["1", "2"], "place": ["A-1", "A-2"], "sat": [1.0, 9.0]}),
        str(path),
        column_labels=["", "", "您对环境是否满意？"],
        variable_value_labels={"sat": labels | {9: "拒答"}},
        missing_ranges={"sat": [{"lo": 8, "hi": 9}]},
    )
    folder.write("data/base.sav", path.read_bytes())
    folder.edit(
        "study.yaml",
        BASE,
        "  responses:\n    - file: data/base.sav\n      set: {wave: w2}\n"
        "      columns: {respondent: rid, community: place, q1: 您对环境是否满意？}\n",
    )


def test_spss_user_missing_codes_never_enter_a_mean(study, tmp_path):
    sav(study, {1: "非常不满意", 5: "非常满意"}, tmp_path)
    frame, _, _ = table(study)
    assert frame["q1"].tolist() == [1, pd.NA]
    assert frame["q1__missing"].tolist()[1] == "refused"


def test_a_scale_that_runs_the_other_way_is_refused(study, tmp_path):
    sav(study, {1: "非常满意", 5: "非常不满意"}, tmp_path)
    found = [p for p in study.problems() if p.code == "item.labels-differ"]
    assert [p.expected for p in found] == ["5 = 非常满意", "1 = 非常不满意"]


def test_what_was_left_unanswered_is_no_device_and_no_building(study):
    rows = [row[:] for row in TEXT]
    rows[0] += ["6、设备号", "7、楼栋"]
    rows[1] += ["(空)", "(跳过)"]
    rows[2] += ["(空)", "3号楼"]
    study.write("data/wjx.csv", written(rows))
    columns = source("wjx.csv", "3、您使用过的设施").replace(
        "hh: '5、住户数'", "hh: '5、住户数', device: '6、设备号', psu: '7、楼栋'"
    )
    study.edit("study.yaml", BASE, columns)
    study.edit(
        "study.yaml", "signatories:",
        "duplicates: {respondents: {by: [device], keep: last}}\nsignatories:",
    )  # fmt: skip
    frame, log, made = table(study)
    assert "intake.missing-code" in log
    assert made.duplicates.empty
    assert frame["psu"].fillna("").tolist() == ["", "3号楼"]
    assert frame["device"].isna().all()
    assert len(frame) == 2


@pytest.mark.parametrize(
    "labels",
    [{1: "很满意", 5: "很不满意"}, {1: "满意", 5: "不满意"}, {1: "一般", 5: "很满意"}],
    ids=["other words, reversed", "bare words, reversed", "the middle at the end"],
)
def test_a_scale_of_other_words_that_stands_elsewhere_is_refused(study, tmp_path, labels):
    sav(study, labels, tmp_path)
    found = [p for p in study.problems() if p.code == "item.labels-differ"]
    assert found[0].expected == "1 = 非常不满意"
    assert "1: 1" in found[0].remedy_en


def test_other_words_on_the_same_side_are_a_warning(study, tmp_path):
    sav(study, {1: "很不满意", 5: "很满意"}, tmp_path)
    found = [p for p in study.build().warnings if p.code.startswith("item.label")]
    assert {p.code for p in found} == {"item.label-other"}


def test_rows_of_a_database_pass_through_the_same_mapping(study, monkeypatch):
    path = study.path.parent / "hotline.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table orders (no text, place text, kind text, at text)")
        connection.execute(
            "insert into orders values ('007', '甲小区', '投诉', '2026-05-01 10:00')"
        )
    connection.close()
    monkeypatch.setenv("HOTLINE_DB", f"sqlite:///{path}")
    study.write("data/wjx.csv", written(TEXT))
    study.edit(
        "study.yaml",
        BASE,
        source("wjx.csv", "3、您使用过的设施", "      values: {sex: {女: female, 男: male}}\n"),
    )
    study.edit(
        "study.yaml",
        "  requests: {file: data/requests.csv}\n",
        "  requests:\n    - file: env:HOTLINE_DB\n      format: sql\n      sheet: orders\n"
        "      columns: {request: no, community: place, kind: kind, received: at}\n"
        "      values: {kind: {投诉: complaint}}\n",
    )
    _, _, made = table(study)
    rows = made.frames["requests"]
    assert rows[["request", "community", "kind"]].values.tolist() == [["007", "A-1", "complaint"]]
    assert "env:HOTLINE_DB" in [file.name for file in made.files]


def test_ids_that_became_numbers_are_mended_or_refused(folder):
    text = (folder.path / "data" / "responses.csv").read_text(encoding="utf-8")
    folder.write(
        "data/responses.csv", text.replace("\n1,A-1", "\n1.0,A-1").replace("\n2,A-1", "\n2.00,A-1")
    )
    made = folder.build()
    assert made.frames["responses"]["respondent"].tolist()[:2] == ["1", "2"]
    assert [e.n for e in made.log if e.code == "intake.id-decimals"] == [2]
    folder.write("data/responses.csv", text.replace("\n3,A-1", "\n1.38E+10,A-1"))
    [problem] = [p for p in folder.problems() if p.code == "cell.id-cut"]
    assert (problem.row, problem.column, problem.found) == (3, "respondent", "1.38E+10")
