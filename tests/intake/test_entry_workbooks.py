"""Entry workbooks: filled by script, read back without any mapping, refused where they must be."""

from __future__ import annotations

import io
import json
import random
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from workbench.errors import InputError, Problem
from workbench.forms.asked import Assessor, asked_of
from workbench.forms.entry import assessor_workbook, responses_workbook
from workbench.intake import Tables, check
from workbench.intake.building import collect
from workbench.intake.entered import said
from workbench.intake.seals import seal_of
from workbench.study import Item, Study
from workbench.study.codebook import asked_code

REPO = Path(__file__).resolve().parents[2]
STUDIES = ["demo", "examples/participation", "examples/rectification", "examples/subdistrict"]
CODEBOOK = """\
f1:
  wording: {zh: 使用过电梯吗, en: Used the lift?}
  kind: single
  values: {1: {zh: 是, en: "yes"}, 2: {zh: 否, en: "no"}}
  missing: {9: refused}
  role: behaviour
  class: internal
  purpose: assessment
f2:
  wording: {zh: 用了几次}
  kind: number
  range: [0, 30]
  missing: {-1: dont_know}
  where: {f1: [1]}
  role: behaviour
  class: internal
  purpose: assessment
f3: {wording: {zh: 哪一天}, kind: date, role: other, class: internal, purpose: assessment}
f4: {wording: {zh: 门禁完好}, kind: check, role: other, class: internal, purpose: assessment}
"""

Fill = Callable[[Any], None]


def only_forms(source: Path, to: Path, **sources: str) -> Path:
    """Copy a study's settings and list of units; its rows come from entry workbooks alone."""
    shutil.copytree(source, to)
    text = (to / "study.yaml").read_text(encoding="utf-8")
    whole = re.search(r"^sources:\n(?:(?:  .*)?\n)+", text, re.M)
    assert whole is not None
    kept = re.search(r"^  communities:.*\n(?:    .*\n)*", whole[0], re.M)
    assert kept is not None
    lines = [f"  {name}: {{file: {file}}}\n" for name, file in sources.items()]
    text = text.replace(whole[0], "sources:\n" + kept[0] + "".join(lines))
    (to / "study.yaml").write_text(text, encoding="utf-8")
    for name in ("judgements.csv", "corrections.csv"):
        (to / name).unlink(missing_ok=True)
    return to


def filled(data: bytes, sheet: str, rows: list[dict[str, Any]], first: int = 3) -> bytes:
    """Fill the workbook as a person would: cells under the codes of the first row."""
    book = openpyxl.load_workbook(io.BytesIO(data))
    page = book[sheet]
    columns = {cell.value: cell.column for cell in page[1]}
    for n, row in enumerate(rows, first):
        for code, value in row.items():
            if value is not None:
                page.cell(n, columns[code]).value = value
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def called_complete(data: bytes, said: str = "是") -> bytes:
    """Answer the last line of the sheet 说明, as the assessor does when all is done."""
    book = openpyxl.load_workbook(io.BytesIO(data))
    page = book["说明"]
    (row,) = [cell.row for cell in page["A"] if str(cell.value).startswith("全部完成后")]
    page.cell(row, 3).value = said
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def offered(data: bytes, sheet: str) -> dict[str, list[Any]]:
    """Give what the list of each column offers."""
    book = openpyxl.load_workbook(io.BytesIO(data))
    page = book[sheet]
    out: dict[str, list[Any]] = {}
    for rule in page.data_validations.dataValidation:
        if rule.type == "list":
            name, cells = str(rule.formula1).replace("'", "").split("!")
            values = [cell[0].value for cell in book[name][cells.replace("$", "")]]
            letter = re.match("[A-Z]+", str(rule.sqref))
            assert letter is not None
            out[page[f"{letter[0]}1"].value] = values
    return out


def read(folder: Path) -> Tables:
    """Read the two tables; nothing may be refused that a form can hold."""
    tables, problems = collect(Study.load(folder))
    own = [p for p in problems if p.severity == "error" and p.file.endswith(".xlsx")]
    assert not own, "\n".join(p.text("en") for p in own)
    return tables


@pytest.mark.parametrize("name", STUDIES)
def test_every_value_that_a_list_offers_comes_back_as_its_code(name: str, tmp_path: Path) -> None:
    folder = only_forms(REPO / "data" / name, tmp_path / "study", responses="data/entry.xlsx")
    study = Study.load(folder)
    asked = asked_of(study)
    data = responses_workbook(asked)
    lists = offered(data, "录入")
    columns = [c for c in lists if c.partition("__")[0] in asked.questions]
    n_rows = max(len(v) for v in lists.values())
    unit = asked.units[0][0]
    rows = [
        {"respondent": f"00{n:02d}", "community": f"{unit} {asked.units[0][1]}",
         "started": datetime(2026, 10, 9, 9, n % 60), "base_weight": 1.5,
         **{c: lists[c][n] if n < len(lists[c]) else None for c in columns}}
        for n in range(n_rows)
    ]  # fmt: skip
    for n, row in enumerate(rows):
        row["community"] = lists["community"][n % len(lists["community"])]
        for code, item in asked.questions.items():
            if item.kind == "text":
                row[code] = f"=灯坏了 {n}"
    (folder / "data/entry.xlsx").write_bytes(filled(data, "录入", rows))
    frame = read(folder).frames["responses"].sort_values("respondent").reset_index(drop=True)
    assert frame["respondent"].tolist() == [row["respondent"] for row in rows]
    assert set(frame["wave"]) == {study.current.id}
    for code, item in asked.questions.items():
        for n, row in enumerate(rows):
            if item.kind == "text":
                assert frame[code][n] == row[code]
            elif item.kind in ("scale", "single"):
                expected, reason = naive(item, row[code])
                got = frame[code][n]
                assert (None if pd.isna(got) else str(got)) == expected, (code, row[code])
                if reason is not None:
                    assert frame[f"{code}__missing"][n] == reason
            elif item.kind == "multiple":
                ticks = {o: row[f"{code}__{o}"] for o in item.values}
                given = any(v is not None for v in ticks.values())
                for option, value in ticks.items():
                    got = frame[f"{code}__{option}"][n]
                    assert (bool(got) == bool(value)) if given else pd.isna(got)


def naive(item: Any, cell: Any) -> tuple[str | None, str | None]:
    """Give code and reason of an entry, looked up one by one."""
    for code in item.points:
        label = item.values[code].zh if code in item.values else ""
        if str(cell) in (code, f"{code} {label}"):
            return code, None
    for code, reason in item.missing.items():
        if str(cell) in (code, f"{code} {said(reason)[0]}"):
            return None, reason
    assert cell is None, cell
    return None, None


LABELS = [
    "是", "否", "其他", "1", "2", "0", "非常满意", "18-34岁", "１８－34岁", "=1+1", "a,b", "甲┋乙", "x" * 300,
    "yes", "5 分", "-2", '"引"', "TRUE", "很满意/满意",
]  # fmt: skip
CODES = ["1", "2", "10", "a", "A", "b", "01", "001", "yes", "-1", "x-y", "1.5", "是", "true", "0"]


@pytest.mark.parametrize("seed", range(6))
def test_whatever_codes_and_labels_a_codebook_has_come_back(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    items = {
        f"i{n}": Item.model_validate({
            "wording": f"题{n}", "kind": "single", "class": "internal", "purpose": "assessment",
            "values": {c: rng.choice(LABELS) for c in rng.sample(CODES, rng.randrange(2, 8))},
            "missing": dict.fromkeys(["97", "-9"][: rng.randrange(3)], "refused"),
        })
        for n in range(14)
    }  # fmt: skip
    folder = only_forms(REPO / "data/demo", tmp_path / "study", responses="data/entry.xlsx")
    study = replace(Study.load(folder), codebook=items)
    data = responses_workbook(asked_of(study))
    lists = offered(data, "录入")
    rows = [
        {"respondent": f"{n:03d}", "community": "JX-01", "base_weight": 1,
         **{c: lists[c][n] for c in items if n < len(lists[c])}}
        for n in range(max(len(lists[c]) for c in items))
    ]  # fmt: skip
    (folder / "data/entry.xlsx").write_bytes(filled(data, "录入", rows))
    frame = collect(study)[0].frames["responses"].sort_values("respondent").reset_index(drop=True)
    for code, item in items.items():
        pairs = [(c, label.zh != c) for c, label in item.values.items()]
        pairs += [(c, True) for c in item.missing]
        expected = [c for c, labelled in pairs if labelled] + [c for c, _ in pairs]
        for n, wanted in enumerate(expected):
            got = frame[code][n]
            assert (None if pd.isna(got) else str(got)) == (
                None if wanted in item.missing else wanted
            ), (code, lists[code][n])


@pytest.mark.parametrize("name", STUDIES)
def test_the_sheet_of_each_assessor_lands_in_inspections(name: str, tmp_path: Path) -> None:
    folder = only_forms(REPO / "data" / name, tmp_path / "study", inspections="data/E1.xlsx")
    study = Study.load(REPO / "data" / name)
    asked = asked_of(study)
    data = assessor_workbook(asked, asked.assessors[0])
    lists = offered(data, "评分")
    rows = []
    for n, item in enumerate(lists["item"]):
        row: dict[str, Any] = {
            "community": lists["community"][n % 3],
            "item": item,
            "visit": lists["visit"][n % len(lists["visit"])],
            "place": f"{n:03d}",
            "observed_at": datetime(2026, 10, 9, 14, n),
        }
        if asked.inspected[str(item).split()[0]].kind == "check":
            row["passed"] = lists["passed"][n % 4]
        else:
            row |= {"score": 8.5, "max_score": 10}
        rows.append(row | {"reason": "灯不亮"})
    (folder / "data/E1.xlsx").write_bytes(called_complete(filled(data, "评分", rows)))
    got = read(folder).frames["inspections"].sort_values("place").reset_index(drop=True)
    assert got["item"].tolist() == [str(row["item"]).split()[0] for row in rows]
    assert got["place"].tolist() == [row["place"] for row in rows]
    assert got["visit"].tolist() == [str(row["visit"]).split()[0] for row in rows]
    assert set(got["assessor"]) == {asked.assessors[0].assessor}
    assert set(got["role"]) == {asked.assessors[0].role}
    assert set(got["wave"]) == {study.current.id}
    passed = [
        str(r.get("passed")) in ("true 合格", "true") if "passed" in r else None for r in rows
    ]
    assert [None if pd.isna(v) else bool(v) for v in got["passed"]] == passed
    assert [None if pd.isna(v) else float(v) for v in got["score"]] == [
        r.get("score") for r in rows
    ]
    assert got["observed_at"][0] == "2026-10-09T14:00:00+08:00"


@pytest.fixture
def entered(folder: Any) -> Callable[..., Any]:
    """A small study whose answers come from an entry workbook filled with the given rows."""
    book = (folder.path / "codebook.yaml").read_text(encoding="utf-8")
    folder.write("codebook.yaml", CODEBOOK + book)
    folder.edit("study.yaml", "data/responses.csv", "data/entry.xlsx")

    def make(rows: list[dict[str, Any]], spoil: Fill | None = None) -> Any:
        data = filled(responses_workbook(asked_of(folder.load())), "录入", rows)
        if spoil is not None:
            opened = openpyxl.load_workbook(io.BytesIO(data))
            spoil(opened)
            out = io.BytesIO()
            opened.save(out)
            data = out.getvalue()
        folder.write("data/entry.xlsx", data)
        return folder

    return make


def answer(n: int, **more: Any) -> dict[str, Any]:
    return {"respondent": f"{n:03d}", "community": "A-1 甲小区", "wave": "w2", "q1": 4, **more}


def problems(folder: Any) -> list[Problem]:
    return [p for p in check(folder.path).problems if p.file == "data/entry.xlsx"]


def test_labels_codes_ticks_dates_skips_and_zeros_are_read(entered: Any) -> None:
    folder = entered([
        answer(7, q1="非常满意", sex="女", f1="是", f2=3, f3=datetime(2026, 10, 1), f4="是",
               use__lift=1, sug="5"),
        answer(8, q1="very dissatisfied", sex="male 男", f1="否", f3="2026年10月2日", f4="no",
               use__lift=0),
        answer(9, q1="6 不清楚", sex="MALE", f1=9, f2=-1, wave=None),
        answer(10, q1="skipped", f1=1, f2="不清楚", community="乙小区", use__gym="是"),
    ])  # fmt: skip
    tables, found = collect(folder.load())
    frame = tables.frames["responses"].set_index("respondent")
    assert frame.index.tolist() == ["007", "008", "009", "010"]
    assert frame["q1"].tolist() == [5, 1, pd.NA, pd.NA]
    assert frame["q1__missing"].tolist()[2:] == ["dont_know", "skipped"]
    assert frame["sex"].tolist()[:3] == ["female", "male", "male"]
    assert frame["f2__missing"].fillna("").tolist() == ["", "not_asked", "dont_know", "dont_know"]
    assert frame["f3"].tolist()[:2] == ["2026-10-01", "2026-10-02"]
    assert frame["f4"].tolist()[:2] == [True, False]
    assert frame["use__gym"].tolist() == [False, False, pd.NA, True]
    assert frame["use__lift"].tolist() == [True, False, pd.NA, False]
    assert frame["sug"].tolist()[0] == "5"
    assert frame["wave"].tolist() == ["w2"] * 4
    assert frame["community"].tolist() == ["A-1", "A-1", "A-1", "A-2"]
    told = {p.code: p for p in found if p.file == "data/entry.xlsx"}
    assert "form.skip" not in told  # a missing code where nothing was asked is none
    assert not [p for p in told.values() if p.severity == "error"]


def test_words_of_a_reason_with_two_codes_are_those_of_the_first(entered: Any, folder: Any) -> None:
    folder.edit("codebook.yaml", "6: dont_know", "6: dont_know, 66: dont_know")
    folder = entered([answer(7, q1="不清楚"), answer(8, q1="66 不清楚"), answer(9, q1=6)])
    tables, found = collect(folder.load())
    assert tables.frames["responses"]["q1__missing"].tolist() == ["dont_know"] * 3
    assert not [p for p in found if p.file == "data/entry.xlsx" and p.severity == "error"]


def test_cells_off_the_list_are_told_with_sheet_row_and_column(entered: Any) -> None:
    folder = entered([
        answer(1), answer(2, q1=9), answer(3, sex="不男不女", f2=31), answer(4, f3="昨天", f4="也许"),
        answer(5, use__lift=5), answer(6, f1="否", f2=2), answer(7, community="丙小区"),
    ])  # fmt: skip
    found = problems(folder)
    places = {(p.code, p.row, p.column.partition(" ")[0]) for p in found}
    assert ("item.off-scale", 2, "录入!" + letter(folder, "q1") + "4") in places
    assert ("item.off-scale", 3, "录入!" + letter(folder, "sex") + "5") in places
    assert ("item.off-scale", 3, "录入!" + letter(folder, "f2") + "5") in places
    assert ("cell.date", 4, "录入!" + letter(folder, "f3") + "6") in places
    assert ("cell.type", 4, "录入!" + letter(folder, "f4") + "6") in places
    assert ("cell.type", 5, "录入!" + letter(folder, "use__lift") + "7") in places
    assert ("community.unknown", 7, "录入!B9") in places
    assert ("form.skip", 6, "录入!" + letter(folder, "f2") + "8") in places
    off = next(p for p in found if p.code == "item.off-scale" and p.row == 2)
    assert "录入!" in off.text("zh")
    assert off.found == "9"
    assert off.expected


def letter(folder: Any, code: str) -> str:
    page = openpyxl.load_workbook(folder.path / "data/entry.xlsx")["录入"]
    return str(next(cell.column_letter for cell in page[1] if cell.value == code))


def test_a_form_of_another_codebook_is_blocked_where_it_matters(entered: Any) -> None:
    folder = entered([answer(1)])
    folder.edit("codebook.yaml", "5: {zh: 非常满意, en: very satisfied}",
                "5: {zh: 很满意, en: very satisfied}")  # fmt: skip
    (one,) = [p for p in problems(folder) if p.severity == "error"]
    assert (one.code, one.column) == ("form.codebook", "q1")
    assert "很满意" in one.expected
    assert "非常满意" in one.found
    folder.edit("study.yaml", "data/entry.xlsx}", "data/entry.xlsx, values: {q1: {4: 4}}}")
    assert not [p for p in problems(folder) if p.severity == "error"]


def test_another_wording_is_told_and_new_items_are_missing(entered: Any) -> None:
    folder = entered([answer(1)])
    folder.edit("codebook.yaml", "满意吗", "总体满意吗")
    folder.edit("codebook.yaml", "f4: {", "f5: {")
    codes = {p.code for p in problems(folder)}
    assert {"form.wording", "form.item-gone", "form.item-new"} <= codes
    assert not [p for p in problems(folder) if p.severity == "error"]


def test_forms_of_two_codebooks_are_not_compared_between_waves(entered: Any) -> None:
    folder = entered([answer(n) for n in range(1, 4)])
    old = (folder.path / "data/entry.xlsx").read_bytes()
    folder.write("data/first.xlsx", old)
    folder.edit("codebook.yaml", "满意吗", "对物业满意吗")
    data = filled(responses_workbook(asked_of(folder.load())), "录入",
                  [answer(n, wave="w1") for n in range(1, 4)])  # fmt: skip
    folder.write("data/entry.xlsx", data)
    folder.edit("study.yaml", "responses: {file: data/entry.xlsx}",
                "responses: [{file: data/entry.xlsx}, {file: data/first.xlsx}]")  # fmt: skip
    tables, _ = collect(folder.load())
    assert set(tables.asked_apart) == {"q1"}


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda book: book["_workbench"].__setitem__("B4", "0123456789ab"), "form.mark"),
        (lambda book: book["_workbench"].__setitem__("B1", "99"), "form.mark"),
        (lambda book: book["录入"].__setitem__("A1", "编号"), "form.header"),
        (lambda book: setattr(book["录入"], "title", "新表"), "file.sheet"),
    ],
)
def test_a_workbook_whose_marks_were_changed_is_refused(
    entered: Any, spoil: Fill, code: str
) -> None:
    (one,) = [p for p in problems(entered([answer(1)], spoil)) if p.severity == "error"]
    assert one.code == code
    assert one.remedy_zh
    assert one.remedy_en


@pytest.mark.parametrize(
    "item",
    ['[]', '"x"', '{"wording": 1, "kind": "text", "values": {}}',
     '{"wording": {"zh": "x"}, "kind": "scale", "values": {"1": "x"}}', '{"kind"', "null"],
)  # fmt: skip
def test_a_hidden_sheet_made_up_by_a_stranger_is_refused(entered: Any, item: str) -> None:
    def spoil(book: Any) -> None:
        page = book["_workbench"]
        for row in page.iter_rows():
            if row[0].value == "asked":
                row[2].value = item
        try:
            asked = {r[1].value: json.loads(item) for r in page if r[0].value == "asked"}
            page["B4"] = asked_code(asked)  # fits what stands there
        except ValueError:
            pass

    (one,) = [p for p in problems(entered([answer(1)], spoil)) if p.severity == "error"]
    assert one.code == "form.mark"


def test_a_renamed_column_and_one_of_their_own_are_told(entered: Any) -> None:
    def spoil(book: Any) -> None:
        page = book["录入"]
        next(cell for cell in page[1] if cell.value == "sex").value = "性别"
        page.insert_rows(1)

    folder = entered([answer(1), answer(2)], spoil)
    report = check(folder.path)
    (one,) = [p for p in report.problems if p.file == "data/entry.xlsx"]
    assert (one.code, one.column) == ("form.column", "sex")
    assert any(e.code == "intake.column-unused" and "性别" in e.zh for e in report.log)


def test_a_form_under_another_table_is_refused(folder: Any) -> None:
    data = filled(responses_workbook(asked_of(folder.load())), "录入", [answer(1)])
    folder.write("data/entry.xlsx", data)
    folder.edit("study.yaml", "data/requests.csv", "data/entry.xlsx")
    assert "form.table" in folder.codes()


def test_format_xlsx_reads_it_as_a_plain_table(entered: Any) -> None:
    folder = entered([answer(1), answer(2)])
    folder.edit("study.yaml", "data/entry.xlsx}", "data/entry.xlsx, format: xlsx, sheet: 录入}")
    one = next(p for p in problems(folder) if p.severity == "error")
    assert (one.code, one.row) == ("community.unknown", 1)  # the row of wordings is data now


def test_an_open_sheet_is_not_sealed(tmp_path: Path) -> None:
    study = Study.load(REPO / "data/demo")
    asked = asked_of(study)
    data = assessor_workbook(asked, asked.assessors[0])
    file = tmp_path / "E1.xlsx"
    file.write_bytes(data)
    with pytest.raises(InputError) as caught:
        seal_of(file)
    assert caught.value.problems[0].code == "seal.open"
    file.write_bytes(called_complete(data))
    code, digest = seal_of(file)
    assert digest.startswith(code)


@pytest.mark.parametrize("said", ["", "否", "no", "还差两处"])
def test_marks_of_a_sheet_not_called_complete_enter_no_table_and_are_counted(
    said: str, folder: Any
) -> None:
    book = (folder.path / "codebook.yaml").read_text(encoding="utf-8")
    item = "F01: {wording: {zh: 灭火器}, kind: check, role: inspection}\n"
    folder.write("codebook.yaml", book + item)
    asked = asked_of(folder.load())
    for name, role in (("E1", "expert"), ("E2", "resident")):
        rows = [
            {"community": unit, "visit": "announced", "item": "F01", "place": f"{n}",
             "passed": "合格"}
            for n, unit in enumerate(("A-1 甲小区", "A-1", "乙小区"))
        ]  # fmt: skip
        data = filled(assessor_workbook(asked, Assessor(name, role)), "评分", rows)
        folder.write(f"data/{name}.xlsx", called_complete(data, "是" if name == "E1" else said))
    sheets = "  inspections: [{file: data/E1.xlsx}, {file: data/E2.xlsx}]\n"
    folder.edit("study.yaml", "sources:\n", "sources:\n" + sheets)
    report = check(folder.path)
    (told,) = [p for p in report.problems if p.file == "data/E2.xlsx"]
    assert (told.code, told.severity, told.column) == ("form.open", "warning", "说明")
    assert "填“是”" in told.text("zh")
    assert "none of its marks counts" in told.text("en")
    assert report.rows["inspections"] == 3
    tables, found = collect(folder.load())
    assert not [p for p in found if p.severity == "error"]
    assert set(tables.frames["inspections"]["assessor"]) == {"E1"}
    lost = {e.community: e.n for e in tables.log if e.code == "intake.form-open"}
    assert lost == {"A-1": 2, "A-2": 1}


def test_templates_are_the_same_bytes_each_time() -> None:
    asked = asked_of(Study.load(REPO / "data/demo"))
    assert responses_workbook(asked) == responses_workbook(asked)
    assert assessor_workbook(asked, None) == assessor_workbook(asked, None)


def test_the_form_of_a_date_and_of_an_id_is_set_for_the_column() -> None:
    asked = asked_of(Study.load(REPO / "data/demo"))
    page = openpyxl.load_workbook(io.BytesIO(responses_workbook(asked)))["录入"]
    assert page.column_dimensions["A"].number_format == "@"
    assert page.column_dimensions["F"].number_format == "yyyy-mm-dd hh:mm"
    assert date(2026, 1, 1) < date(2026, 1, 2)
