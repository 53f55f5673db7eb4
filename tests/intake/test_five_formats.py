"""One study from five forms at once: platform, paper entry template, SPSS baseline, scoring sheet,
hotline CSV."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from workbench.forms.asked import Assessor, asked_of
from workbench.forms.entry import assessor_workbook, responses_workbook
from workbench.intake import check

SCALE = ["非常不满意", "不太满意", "一般", "比较满意", "非常满意"]
SOURCES = """\
sources:
  communities: {file: data/communities.csv}
  responses:
    - file: data/12_按文本_满意度_24_24.xlsx
      set: {wave: w2, mode: online}
      community: {from: sojumpparm}
      columns: {q1: "1、您对环境是否满意", sex: "2、您的性别", use: "3、使用过的设施", respondent: 序号}
      values: {q1: {非常不满意: 1, 不太满意: 2, 一般: 3, 比较满意: 4, 非常满意: 5}, sex: {女: female, 男: male}}
    - file: data/纸质录入.xlsx
    - file: data/baseline.sav
      set: {wave: w1, mode: paper}
      columns: {respondent: rid, community: place, q1: "您对环境是否满意？", sex: sex}
      values: {sex: {1: female, 2: male}}
  inspections:
    - file: data/检查.xlsx
  requests:
    - file: data/热线.csv
      community: {from: 小区名称, values: {甲小区一期: A-1}, unmatched: drop}
      columns: {request: 工单编号, kind: 类型, received: 受理时间, closed: 办结时间}
      values: {kind: {投诉: complaint, 需求: need}}
"""


def workbook(rows, title="Sheet"):
    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def filled(data, rows, done=""):
    """Fill the first sheet of a template, as a person would, under the codes of its first row."""
    book = openpyxl.load_workbook(io.BytesIO(data))
    columns = {cell.value: cell.column for cell in book.active[1]}
    for n, row in enumerate(rows, 3):
        for code, value in row.items():
            book.active.cell(n, columns[code]).value = value
    if done:
        book["说明"][done].value = "是"  # the sheet is called complete
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.fixture
def five(folder):
    import pyreadstat

    online = [
        [
            "序号",
            "提交答卷时间",
            "所用时间",
            "来自IP",
            "sojumpparm",
            "1、您对环境是否满意？",
            "2、您的性别",
            "3、使用过的设施",
        ]
    ]
    for n in range(24):
        online.append([
            n + 1, "2026/10/09 12:00:00", f"{60 + n}秒", "10.0.0.1(江苏-南京)", f"A-{n % 2 + 1}",
            SCALE[n % 5], "女" if n % 3 else "男", "电梯┋健身" if n % 2 else "电梯",
        ])  # fmt: skip
    folder.write("data/12_按文本_满意度_24_24.xlsx", workbook(online))
    path = folder.path / "data" / "baseline.sav"
    pyreadstat.write_sav(
        pd.DataFrame({
            "rid": [f"B{n}" for n in range(48)],
            "place": [f"A-{n % 2 + 1}" for n in range(48)],
            "q1": [float(n % 5 + 1) if n % 12 else 9.0 for n in range(48)],
            "sex": [float(n % 2 + 1) for n in range(48)],
        }),
        str(path),
        column_labels=["编号", "小区", "您对环境是否满意？", "性别"],
        variable_value_labels={"q1": {1: "非常不满意", 5: "非常满意", 9: "拒答"}},
        missing_ranges={"q1": [9]},
    )  # fmt: skip
    out = io.StringIO(newline="")
    csv.writer(out).writerows([
        ["工单编号", "小区名称", "类型", "受理时间", "办结时间"],
        ["0071", "甲小区一期", "投诉", "2026年5月1日 10时00分", "2026-05-02 10:00"],
        ["0072", "乙小区", "需求", "2026/5/3 09:00", ""],
        ["0073", "外小区", "投诉", "2026-05-04 09:00", ""],
    ])  # fmt: skip
    folder.write("data/热线.csv", out.getvalue().encode("gb18030"))
    text = (folder.path / "study.yaml").read_text(encoding="utf-8")
    head, _, rest = text.partition("sources:\n")
    _, _, tail = rest.partition("signatories:\n")
    text = head.replace("{default: probability}", "{default: probability, online: opt_in}")
    folder.write("study.yaml", text + SOURCES + "signatories:\n" + tail)
    book = (folder.path / "codebook.yaml").read_text(encoding="utf-8")
    folder.write(
        "codebook.yaml",
        book
        + "F01:\n  wording: {zh: 灭火器, en: Extinguishers}\n  kind: check\n  role: inspection\n",
    )
    asked = asked_of(folder.load())
    paper = filled(responses_workbook(asked), [
        {"respondent": f"P{n:03d}", "community": f"A-{n % 2 + 1}", "mode": "纸质问卷",
         "q1": f"{n % 5 + 1}", "sex": "男" if n % 2 else "female"}
        for n in range(24)
    ])  # fmt: skip
    checks = filled(assessor_workbook(asked, Assessor("E1", "expert")), [
        {"community": f"A-{n % 2 + 1}", "visit": "通知检查", "item": "F01 灭火器",
         "place": f"{n}号楼", "passed": "合格"}
        for n in range(4)
    ], done="C9")  # fmt: skip
    return folder.write("data/纸质录入.xlsx", paper).write("data/检查.xlsx", checks)


def test_five_forms_give_one_study_that_is_ready_to_run(five):
    report = check(five.path)
    assert report.ok, report.text("en")
    assert report.rows == {
        "communities": 3, "responses": 96, "inspections": 4, "requests": 2,
    }  # fmt: skip
    frame = five.build().frames["responses"]
    counts = frame.groupby(["wave", "mode"])["q1"].count().to_dict()
    assert counts == {("w1", "paper"): 44, ("w2", "online"): 24, ("w2", "paper"): 24}
    told = {entry.code: entry.n for entry in report.log}
    assert told["intake.unit-dropped"] == 1
    assert told["intake.started"] == 24
    assert told["intake.encoding"] == 1


@pytest.mark.soak
def test_five_forms_run_to_signed_reports(five, tmp_path: Path) -> None:
    from workbench.cli import main

    assert main(["run", str(five.path), "--out", str(tmp_path / "out"), "--jobs", "2"]) in (0, 3)
    assert main(["verify", str(tmp_path / "out")]) == 0
    for unit in ("A-1", "A-2"):
        assert (tmp_path / "out" / "communities" / unit / "data" / "report.zh.pdf").is_file()
