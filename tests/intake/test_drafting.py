"""Drafts of codebooks: from exports by text, by index with their labels, SPSS and XLSForm."""

from __future__ import annotations

import io

import openpyxl
import pandas as pd
import pytest

from workbench.cli import main
from workbench.errors import InputError
from workbench.intake.drafting import draft
from workbench.intake.labels import ordered, role_of, split_missing
from workbench.study import Item, source_of
from workbench.yamlfile import parse_yaml

META = ["序号", "提交答卷时间", "所用时间", "来自IP"]
SCALE = ["非常不满意", "不太满意", "一般", "比较满意", "非常满意"]


def book(**sheets):
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for name, rows in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def drafted(tmp_path, data, name="a.xlsx", **more):
    (tmp_path / name).write_bytes(data)
    made = draft(tmp_path / name, source_of(name), **more)
    told = parse_yaml(made.text("zh"), file="codebook.yaml")
    return made, {code: Item.model_validate(item) for code, item in told.items()}


def answers():
    rows = [
        [
            *META,
            "1、总体来说，您对本小区是否满意？",
            "2、您的年龄",
            "3、您使用过的设施",
            "4、建议",
            "5、住户数",
        ]
    ]
    for n in range(20):
        rows.append([
            str(n + 1), "2026/10/09 12:00:00", "100秒", "10.0.0.1",
            [*SCALE, "不清楚"][n % 6], ["60岁及以上", "18-34岁", "35-59岁"][n % 3],
            "电梯┋健身" if n % 2 else "电梯", f"第{n}条意见，很长的一段话" if n % 3 else "(空)", str(n * 7),
        ])  # fmt: skip
    return rows


def test_an_export_by_text_gives_scale_order_missing_and_role(tmp_path):
    made, items = drafted(tmp_path, book(a=answers()))
    q1 = items["q1"]
    assert (q1.kind, q1.role, q1.up) == ("scale", "satisfaction", True)
    assert [label.zh for label in q1.values.values()] == SCALE
    assert list(q1.values) == ["1", "2", "3", "4", "5"]
    assert q1.top == ["4", "5"]
    assert q1.missing == {"不清楚": "dont_know"}
    assert [label.zh for label in items["q2"].values.values()] == [
        "18-34岁",
        "35-59岁",
        "60岁及以上",
    ]
    assert (items["q2"].kind, items["q2"].role) == ("single", "demographic")
    assert items["q3"].kind == "multiple"
    assert (items["q4"].kind, items["q4"].missing) == ("text", {"(空)": "skipped"})
    assert items["q5"].kind == "number"
    assert not any(item.is_read for item in items.values())
    assert made.items[0].column == "1、总体来说，您对本小区是否满意？"


def test_an_export_by_index_takes_its_labels_from_the_same_rows_by_text(tmp_path):
    text = answers()
    index = [[*META, text[0][4], text[0][5], "第3题(电梯)", "第3题(健身)"]]
    ages = ["18-34岁", "35-59岁", "60岁及以上"]
    for row in text[1:]:
        code = "-2" if row[4] == "不清楚" else str(SCALE.index(row[4]) + 1)
        index.append([*row[:4], code, str(ages.index(row[5]) + 1), "1", str(int("健身" in row[6]))])
    (tmp_path / "text.xlsx").write_bytes(book(a=text))
    labels = (tmp_path / "text.xlsx", source_of("text.xlsx"))
    _, items = drafted(tmp_path, book(a=index), "index.xlsx", labels=labels)
    assert items["q1"].kind == "scale"
    assert [label.zh for label in items["q1"].values.values()] == SCALE
    assert items["q1"].missing == {"-2": "skipped"}
    assert [label.zh for label in items["q2"].values.values()] == ages
    assert items["q3"].wording.zh == "您使用过的设施"
    assert [label.zh for label in items["q3"].values.values()] == ["电梯", "健身"]


def test_codes_without_labels_are_left_to_a_person(tmp_path):
    rows = [
        [*META, "1、您的看法"],
        *([str(n), "2026/10/09 12:00:00", "9秒", "", str(n % 3 + 1)] for n in range(9)),
    ]
    made, items = drafted(tmp_path, book(a=rows))
    assert list(items["q1"].values) == ["1", "2", "3"]
    assert "--labels" in made.text("zh")


def test_spss_labels_and_missing_codes_are_the_files_own(tmp_path):
    import pyreadstat

    pyreadstat.write_sav(
        pd.DataFrame({"SAT": [1.0, 5.0, 9.0], "wave": ["a", "b", "c"]}),
        str(tmp_path / "made.sav"),
        column_labels=["您是否满意", "轮次"],
        variable_value_labels={"SAT": {1: "非常满意", 3: "一般", 5: "非常不满意", 9: "拒答"}},
        missing_ranges={"SAT": [9]},
    )
    made, items = drafted(tmp_path, (tmp_path / "made.sav").read_bytes(), "b.sav")
    assert (items["sat"].kind, items["sat"].up, items["sat"].top) == ("scale", False, ["1"])
    assert items["sat"].missing == {"9": "refused"}
    assert "up: false" in made.text("zh")
    assert "q_wave" in items


def test_four_points_that_the_file_tells_are_no_lack_and_options_seen_are_noted(tmp_path):
    import pyreadstat

    labels = {1: "很满意", 2: "满意", 3: "不满意", 4: "很不满意"}
    pyreadstat.write_sav(
        pd.DataFrame({"SAT": [1.0, 2.0, 4.0]}),
        str(tmp_path / "made.sav"),
        column_labels=["您是否满意"],
        variable_value_labels={"SAT": labels},
    )
    made, items = drafted(tmp_path, (tmp_path / "made.sav").read_bytes(), "b.sav")
    assert (items["sat"].top, items["sat"].up) == (["1", "2"], False)
    assert "not even" not in made.text("en")
    made, _ = drafted(tmp_path, book(a=answers()))
    [q3] = [item for item in made.items if item.code == "q3"]  # several answers in one cell
    assert "nobody chose" in q3.notes[0][1]


def test_an_xlsform_gives_both_languages(tmp_path):
    form = book(
        survey=[
            ["type", "name", "label::中文 (zh)", "label::English (en)"],
            ["start", "start", "", ""],
            ["begin_group", "g", "", ""],
            ["select_one sat", "Q1", "您是否满意", "Are you satisfied"],
            ["select_multiple fac", "use", "设施", "Facilities"],
            ["integer", "hh", "住户数", "Household size"],
            ["note", "n1", "谢谢", "Thanks"],
        ],
        choices=[
            ["list_name", "name", "label::中文 (zh)", "label::English (en)"],
            *[["sat", str(n), zh, en] for n, (zh, en) in enumerate(zip(SCALE, ["very dissatisfied", "dissatisfied", "neutral", "satisfied", "very satisfied"], strict=True), 1)],
            ["sat", "99", "拒答", "refused"],
            ["fac", "lift", "电梯", "Lift"],
            ["fac", "gym", "健身", "Gym"],
        ],
    )  # fmt: skip
    _, items = drafted(tmp_path, form, "form.xlsx")
    assert list(items) == ["q1", "use", "hh"]
    assert items["q1"].kind == "scale"
    assert items["q1"].wording.en == "Are you satisfied"
    assert items["q1"].missing == {"99": "refused"}
    assert items["use"].values["lift"].en == "Lift"


def test_conditions_of_a_form_become_skips_where_they_name_answers(tmp_path):
    form = book(
        survey=[
            ["type", "name", "label", "relevant"],
            ["select_one yn", "Used", "用过吗", ""],
            ["select_multiple fac", "use", "设施", "${Used} = '1'"],
            ["text", "why", "为什么", "selected(${use}, 'lift') and (${Used}=1 or ${Used}='2')"],
            ["integer", "n", "几次", "${hh} > 3"],
            ["text", "odd", "其他", "${later} = '1'"],
            ["select_one yn", "later", "后来呢", ""],
        ],
        choices=[
            ["list_name", "name", "label"], ["yn", "1", "是"], ["yn", "2", "否"],
            ["fac", "lift", "电梯"], ["fac", "gym", "健身"],
        ],
    )  # fmt: skip
    made, items = drafted(tmp_path, form, "form.xlsx")
    assert items["use"].where == {"used": ["1"]}
    assert items["why"].where == {"use": ["lift"], "used": ["1", "2"]}
    assert not items["n"].where
    assert not items["odd"].where
    assert "# its condition is not taken over: ${hh} > 3" in made.text("en")
    assert "# 跳转条件没有转写：${later} = '1'" in made.text("zh")


def test_unequal_and_greater_become_skips_where_the_answers_left_can_be_named(tmp_path):
    form = book(
        survey=[
            ["type", "name", "label", "relevant"],
            ["select_one sat", "q", "满意吗", ""],
            ["select_multiple yn", "many", "哪些", ""],
            ["text", "a", "甲", "${q} != '5'"],
            ["text", "b", "乙", "${q} < 3"],
            ["text", "c", "丙", "${q} >= 2 and ${q} != '4'"],
            ["text", "d", "丁", "${q}!='1' and ${many} = '1'"],
            ["text", "e", "戊", "${many} != '1'"],
            ["text", "f", "己", "${q} > 5"],
            ["text", "g", "庚", "not(selected(${q}, '3'))"],
        ],
        choices=[
            ["list_name", "name", "label"],
            *[["sat", str(n), label] for n, label in enumerate(SCALE, 1)],
            ["sat", "99", "拒答"], ["yn", "1", "是"], ["yn", "2", "否"],
        ],
    )  # fmt: skip
    made, items = drafted(tmp_path, form, "form.xlsx")
    assert items["a"].where == {"q": ["1", "2", "3", "4"]}
    assert items["b"].where == {"q": ["1", "2"]}
    assert items["c"].where == {"q": ["2", "3", "5"]}
    assert items["d"].where == {"q": ["2", "3", "4", "5"], "many": ["1"]}
    assert items["g"].where == {"q": ["1", "2", "4", "5"]}
    for name in ("e", "f"):  # of several answers nothing is left to name; nobody can answer more
        assert not items[name].where
    assert "# its condition is not taken over: ${many} != '1'" in made.text("en")


def test_a_form_with_a_list_that_is_not_there_is_told(tmp_path):
    form = book(
        survey=[["type", "name"], ["select_one none", "q1"]],
        choices=[["list_name", "name"], ["a", "1"]],
    )
    with pytest.raises(InputError) as caught:
        drafted(tmp_path, form, "form.xlsx")
    assert caught.value.problems[0].code == "form.choices"


def test_the_command_writes_once_and_never_over_a_file(tmp_path, capsys):
    (tmp_path / "a.xlsx").write_bytes(book(a=answers()))
    out = tmp_path / "codebook.yaml"
    assert main(["codebook", str(tmp_path / "a.xlsx"), "--out", str(out)]) == 0
    before = out.read_bytes()
    assert main(["codebook", str(tmp_path / "a.xlsx"), "--out", str(out)]) == 2
    assert out.read_bytes() == before
    assert main(["codebook", str(tmp_path / "a.xlsx"), "--format", "wjx"]) == 2
    assert "wjx_text" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["非常满意", "满意", "一般", "不满意", "非常不满意"], ["非常不满意", "不满意", "一般", "满意", "非常满意"]),
        (["很好", "较好", "一般", "较差", "很差"], ["很差", "较差", "一般", "较好", "很好"]),
        (["完全同意", "比较同意", "说不上", "不太同意", "完全不同意"], ["完全不同意", "不太同意", "说不上", "比较同意", "完全同意"]),
        (["strongly agree", "agree", "neutral", "disagree", "strongly disagree"], ["strongly disagree", "disagree", "neutral", "agree", "strongly agree"]),
        (["男", "女"], None),
        (["电梯", "健身", "花园"], None),
    ],
)  # fmt: skip
def test_labels_are_ordered_from_least_to_most(labels, expected):
    assert ordered(labels) == expected


def test_not_knowing_is_an_answer_where_knowing_is_asked():
    assert split_missing(["非常了解", "一般", "不了解"]) == (["非常了解", "一般", "不了解"], {})
    assert split_missing(["满意", "不满意", "不了解"]) == (
        ["满意", "不满意"],
        {"不了解": "dont_know"},
    )


@pytest.mark.parametrize(
    ("wording", "role"),
    [("您对环境是否满意", "satisfaction"), ("您的年龄", "demographic"), ("本题请选择“一般”", "attention"), ("是否参加过活动", "behaviour"), ("哪一项最重要", "importance")],
)  # fmt: skip
def test_the_role_is_guessed_from_the_wording(wording, role):
    assert role_of(wording, "single") == role
