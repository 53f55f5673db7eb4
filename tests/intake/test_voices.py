"""Free text is read at intake: its topics enter the slice, its words never do."""

from __future__ import annotations

import json

from workbench.intake import write_tables
from workbench.intake.slices import cut

REQUESTS = """\
request,community,kind,received,closed,text
r1,A-1,complaint,2026-05-01 10:00,2026-05-02 10:00,张先生反映3栋2单元501楼上漏水，电话13800138000
r2,A-2,need,2026-05-03,,……
"""
LABELS = """\
label,text,topic,sentiment,coder
1,电梯常坏,lifts,negative,K1
1,电梯常坏,lifts,negative,K2
2,绿化养护得不错,greening,positive,K1
2,绿化养护得不错,greening,neutral,K2
3,希望有老年食堂,elderly,neutral,K1
3,希望有老年食堂,elderly,neutral,K2
"""


def _slice(folder, to):
    write_tables(folder.build(), to / "tables")
    cut(folder.load(), to / "tables", "A-1", to / "A-1")
    return {p.name: p.read_text("utf-8") for p in (to / "A-1" / "inputs").iterdir() if p.is_file()}


def test_topic_and_sentiment_are_columns_and_the_words_are_nowhere(folder, tmp_path) -> None:
    files = _slice(folder.write("data/requests.csv", REQUESTS), tmp_path)
    head, row = files["requests.csv"].splitlines()[:2]
    assert {"topic", "sentiment", "topic_sentiment", "terms"} <= set(head.split(","))
    assert "text" not in head.split(",")
    assert "utilities" in row
    assert "neighbours" in row
    assert "sug__topic" in files["responses.csv"].splitlines()[0]
    assert "facilities" in files["responses.csv"]
    for text in files.values():
        assert not any(word in text for word in ("张先生", "501", "13800138000", "灯坏了"))
    told = json.loads(files["study.json"])["text"]
    assert told["accuracy"] == []
    assert told["topics"]["lifts"] == {"zh": "电梯", "en": "Lifts"}


def test_the_coded_sample_measures_the_error_and_stays_in_the_house(folder, tmp_path) -> None:
    folder.write("data/labels.csv", LABELS)
    folder.edit("study.yaml", "sources:\n", "sources:\n  labels: {file: data/labels.csv}\n")
    files = _slice(folder, tmp_path)
    assert "labels.csv" not in files
    rows = json.loads(files["study.json"])["text"]["accuracy"]
    of = {(r["of"], r["item"], r["statistic"]): r for r in rows}
    assert of["topic", "*", "same"]["value"] == 1
    assert of["topic", "lifts", "recall"]["denominator"] == 1
    assert of["sentiment", "*", "same"]["numerator"] == 3
    assert of["sentiment_people", "*", "same"]["numerator"] == 2


def test_topics_of_the_studys_own_are_laid_over_and_a_wrong_file_is_refused(
    folder, tmp_path
) -> None:
    folder.edit("study.yaml", "seed: 7\n", "seed: 7\ntext: {topics: topics.yaml}\n")
    assert folder.codes() == ["text.topics"]
    folder.write("topics.yaml", "topics:\n  lamps: {label: {zh: 灯}, zh: 灯坏了}\n")
    assert folder.codes() == ["text.topics"]
    folder.write("topics.yaml", "topics:\n  lamps: {label: {zh: 灯, en: Lamps}, zh: 灯坏了}\n")
    assert "灯坏了" in _slice(folder, tmp_path)["responses.csv"]  # an entry of the dictionary
    assert "lamps" in _slice(folder, tmp_path)["responses.csv"]


def test_an_item_that_bears_the_name_of_other_findings_is_refused(folder) -> None:
    item = (
        "{wording: {zh: 几点开放, en: When?}, kind: text, role: text, class: personal, purpose: x}"
    )
    folder.write("codebook.yaml", (folder.path / "codebook.yaml").read_text("utf-8")
                 + f"hours: {item}\nopening: {item}\n")  # fmt: skip
    problems = [p for p in folder.problems() if p.code == "text.item"]
    assert [(p.file, p.column, p.found) for p in problems] == [("codebook.yaml", "hours", "hours")]
    assert "hours_text" in problems[0].remedy_zh


def _requests(said: list[tuple[str, str, str, str]]) -> str:
    head = "request,community,kind,received,text,address,place,duplicate_of\n"
    return head + "".join(
        f"r{n},A-1,need,2026-05-{1 + n % 28:02d} 10:00,{text},{address},{place},{of}\n"
        for n, (text, address, place, of) in enumerate(said)
    )


def test_only_phrases_and_places_that_enough_residents_share_leave_the_house(
    folder, tmp_path
) -> None:
    """Ten write of the lift in ten ways; of the pump ten times one, or one address, or again."""
    said = [(f"电梯{word}", "", "3号楼", "") for word in
            "故障 关人 晃动 异响 停运 困人 漏油 老化 失灵 抖动".split()]  # fmt: skip
    said += [("水泵噪声", "", "3号楼2单元501", "")] * 12
    said += [(f"水泵噪声{n}次", "3号楼501", "5号楼", "") for n in "二三四五六七八九"]
    said += [("水泵很响", "", "", "r0")] * 4
    files = _slice(folder.write("data/requests.csv", _requests(said)), tmp_path)
    rows = files["requests.csv"].splitlines()
    assert sum("电梯" in row for row in rows) == 10
    assert not any("水泵" in row for row in rows)
    assert sum("3号楼" in row for row in rows) == 10  # neither the home nor the few of 5号楼
    assert "5号楼" not in files["requests.csv"]
    kept = folder.build().frames["requests"]
    assert kept["phrases"].str.contains("水泵").sum() == 24


INTERVIEWS = """\
document,community,kind,text
D1,A-1,interview,"张先生：电梯常坏，=1+1。
停车也难。"
D2,A-2,interview,希望有食堂。
"""


def test_coding_sheets_are_filled_in_and_read_back_without_a_mapping(folder, tmp_path) -> None:
    import openpyxl

    from workbench.forms.coding import write_coding_sheets

    folder.write("data/documents.csv", INTERVIEWS)
    folder.edit("study.yaml", "sources:\n", "sources:\n  documents: {file: data/documents.csv}\n")
    assert write_coding_sheets(folder.load(), ["K1", "K2"], tmp_path / "sheets") == 3
    given = {"K1": ["lifts 电梯", "停车", "none 没有主题"], "K2": ["lifts", None, None]}
    for coder, themes in given.items():
        book = openpyxl.load_workbook(tmp_path / "sheets" / f"{coder}.xlsx")
        page = book["coding"]
        heads = [cell.value for cell in page[1]]
        assert page.cell(2, heads.index("text") + 1).value == "【姓名】:电梯常坏,=1+1。"
        for row, theme in enumerate(themes, 2):
            page.cell(row, heads.index("theme_1") + 1).value = theme
        (folder.path / "data").mkdir(exist_ok=True)
        book.save(folder.path / "data" / f"{coder}.xlsx")
    both = "[{file: data/K1.xlsx}, {file: data/K2.xlsx}]"
    folder.edit("study.yaml", "sources:\n", f"sources:\n  codings: {both}\n")
    files = _slice(folder, tmp_path)
    lines = files["codings.csv"].splitlines()
    assert len(lines) == 5
    assert not any("电梯" in line for line in lines)
    told = folder.build().frames["codings"].set_index(["passage", "coder"])["theme_1"]
    assert told.loc[("D1:2", "K1")] == "parking"
    assert told.loc[("D2:1", "K1")] == "none"
    assert told.isna().sum() == 2  # left blank: not coded
    assert told.loc[("D1:1", "K1")] == told.loc[("D1:1", "K2")] == "lifts"


def test_what_a_crash_left_of_other_coders_is_no_sheet(folder, tmp_path) -> None:
    from workbench.forms.coding import write_coding_sheets

    folder.write("data/documents.csv", INTERVIEWS)
    folder.edit("study.yaml", "sources:\n", "sources:\n  documents: {file: data/documents.csv}\n")
    (tmp_path / "sheets.part").mkdir()
    (tmp_path / "sheets.part" / "K9.xlsx").write_bytes(b"old")
    write_coding_sheets(folder.load(), ["K1"], tmp_path / "sheets")
    assert [p.name for p in (tmp_path / "sheets").iterdir()] == ["K1.xlsx"]


def test_a_theme_that_is_none_is_refused_with_the_nearest(folder) -> None:
    folder.write("data/codings.csv", "passage,community,coder,theme_1\nD1:1,A-1,K1,lift\n")
    folder.edit("study.yaml", "sources:\n", "sources:\n  codings: {file: data/codings.csv}\n")
    problem = folder.problems()[0]
    assert (problem.code, problem.row, problem.column) == ("codings.theme", 1, "theme_1")
    assert "lifts" in problem.remedy_en.lower()
