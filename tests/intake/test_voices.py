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
    given = {"K1": ["lifts 电梯", "停车", None], "K2": ["lifts", None, None]}
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
