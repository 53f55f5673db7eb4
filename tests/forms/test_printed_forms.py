"""Printed forms: what stands on them, in both languages and sizes, also of awkward codebooks."""

from __future__ import annotations

import io
import re
import shutil
from pathlib import Path
from typing import Any

import pypdf
import pytest
import yaml

from workbench.cli import main
from workbench.errors import InputError
from workbench.forms.asked import asked_of
from workbench.forms.printed import inspection_pdf, questionnaire_pdf
from workbench.forms.written import write_forms
from workbench.study import Study

REPO = Path(__file__).resolve().parents[2]
DEMO = REPO / "data" / "demo"
SCALE = ["非常不满意", "不太满意", "一般", "比较满意", "非常满意"]


def awkward() -> dict[str, Any]:
    """Forty questions: grids, skips, long wording and labels, no English, every kind."""
    common = {"class": "internal", "purpose": "assessment"}
    book: dict[str, Any] = {}
    for n in range(1, 21):
        book[f"g{n}"] = {
            "wording": {"zh": f"您对第{n}项服务是否满意", "en": f"Are you satisfied with service {n}?"},
            "kind": "scale", "values": dict(enumerate(SCALE, 1)), "missing": {8: "dont_know",
            9: "refused", -2: "skipped"}, **common,
        }  # fmt: skip
    book["g3"]["wording"] = {
        "zh": "您对社区" + "、".join(["便民服务站", "老年食堂"] * 12) + "是否满意"
    }
    book["used"] = {"wording": {"zh": "您用过助餐点吗", "en": "Did you use the canteen?"},
                    "kind": "single", "values": {1: {"zh": "用过", "en": "yes"},
                    2: {"zh": "没用过", "en": "no"}}, **common}  # fmt: skip
    for n in range(1, 4):
        book[f"f{n}"] = {"wording": {"zh": f"助餐点问题{n}"}, "kind": "text", **common,
                         "where": {"used": [1]}}  # fmt: skip
    book["many"] = {"wording": {"zh": "您需要哪些服务"}, "kind": "multiple", **common,
                    "values": {f"o{n}": {"zh": f"很长的选项{n}" * (8 if n == 5 else 1)}
                               for n in range(1, 16)}}  # fmt: skip
    book["n"] = {"wording": {"zh": "您家几口人"}, "kind": "number", "range": [1, 20], **common}
    book["d"] = {"wording": {"zh": "您哪天搬来"}, "kind": "date", **common}
    book["c"] = {"wording": {"zh": "您家有电梯吗"}, "kind": "check", **common}
    book["ends"] = {"wording": {"zh": "请打分"}, "kind": "scale", **common,
                    "values": {0: "最差", 10: "最好"}}  # fmt: skip
    for n in range(29, 39):
        book[f"x{n}"] = {
            "wording": {"zh": f"敏感问题{n}？#*_`$<b>"},
            "kind": "single",
            "values": {"a": "甲", "b": "乙"},
            "class": "sensitive",
            "purpose": "needs",
        }
    book["last"] = {"wording": {"zh": "还有什么要说的"}, "kind": "text", "class": "personal",
                    "purpose": "suggestions"}  # fmt: skip
    return book


@pytest.fixture(scope="module")
def hard(tmp_path_factory: pytest.TempPathFactory) -> Study:
    folder = tmp_path_factory.mktemp("hard") / "study"
    shutil.copytree(DEMO, folder)
    old = yaml.safe_load((folder / "codebook.yaml").read_text(encoding="utf-8"))
    inspected = {c: i for c, i in old.items() if i["role"] == "inspection"}
    (folder / "codebook.yaml").write_text(
        yaml.safe_dump(awkward() | inspected, allow_unicode=True, sort_keys=False), encoding="utf-8"
    )
    study, _ = Study.draft(folder)
    assert study is not None
    whole = Study.load(DEMO)
    from dataclasses import replace

    return replace(whole, codebook=study.codebook)


def text_of(pdf: bytes) -> str:
    pages = pypdf.PdfReader(io.BytesIO(pdf)).pages
    return re.sub(r"\s", "", "".join(page.extract_text() for page in pages))


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("large", [False, True])
def test_a_questionnaire_bears_every_question_version_and_pages(
    hard: Study, lang: str, large: bool
) -> None:
    asked = asked_of(hard)
    assert len(asked.questions) == 40
    pdf = questionnaire_pdf(hard, asked, lang, large=large)
    text = text_of(pdf)
    pages = len(pypdf.PdfReader(io.BytesIO(pdf)).pages)
    assert text.count(asked.code) == pages
    foot = f"第{pages}页，共{pages}页" if lang == "zh" else f"page{pages}of{pages}"
    assert foot in text
    for n, (_, item) in enumerate(asked.questions.items(), 1):
        wording = (item.wording.en or item.wording.zh) if lang == "en" else item.wording.zh
        assert re.sub(r"\s", "", wording) in text.replace("“", "“")
        assert (f"{n}．" if lang == "zh" else f"{n}.") in text
    law = "个人信息保护法" if lang == "zh" else "PersonalInformationProtectionLaw"
    assert law in text
    skip = "请跳到第25题" if lang == "zh" else "gotoquestion25"
    assert skip in text
    only = "只问第21题选“用过”的" if lang == "zh" else "“yes”toquestion21"
    assert text.count(only) == 3
    assert ("自愿" if lang == "zh" else "Voluntary") in text


@pytest.mark.parametrize(
    ("zh", "en", "printed"),
    [
        ("您需要哪些服务", "Which services do you need?", (1, 1)),
        ("您需要哪些服务？（可多选）", "Which services do you need? (several)", (1, 0)),
        ("您需要哪些服务（最多选三项）", "Choose up to three services", (1, 0)),
        ("您需要哪些服务", "Which services? Tick all that apply.", (1, 1)),
    ],
)
def test_that_several_may_be_ticked_is_printed_once(
    hard: Study, zh: str, en: str, printed: tuple[int, int]
) -> None:
    from dataclasses import replace

    one = hard.codebook["many"]
    told = {"wording": one.wording.model_copy(update={"zh": zh, "en": en})}
    study = replace(hard, codebook={"many": one.model_copy(update=told)})
    asked = asked_of(study)
    found = (
        text_of(questionnaire_pdf(study, asked, "zh")).count("多选"),
        text_of(questionnaire_pdf(study, asked, "en")).lower().count("tickallthatapply"),
    )
    assert found == printed


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_lines_of_an_item_stay_on_one_page(lang: str) -> None:
    study = Study.load(DEMO)
    pdf = inspection_pdf(study, asked_of(study), "announced", lang)
    pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages]
    assert len(pages) > 1
    marks = [page.count("/") - 1 for page in pages]  # one in the head of the table
    assert sum(marks) == 9  # three items that are scored, three places each
    assert not [n for n in marks if n % 3]


def test_a_reason_with_two_codes_is_printed_once(tmp_path: Path) -> None:
    shutil.copytree(DEMO, tmp_path / "s")
    book = yaml.safe_load((tmp_path / "s/codebook.yaml").read_text(encoding="utf-8"))
    before = _words(tmp_path / "s")
    for item in book.values():
        if "dont_know" in item.get("missing", {}).values():
            item["missing"] = {**item["missing"], 66: "dont_know"}
    (tmp_path / "s/codebook.yaml").write_text(
        yaml.safe_dump(book, allow_unicode=True, sort_keys=False)
    )
    assert before == _words(tmp_path / "s") > 0


def _words(folder: Path) -> int:
    data = questionnaire_pdf(study := Study.load(folder), asked_of(study), "zh")
    text = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages)
    return text.count("不清楚")


def test_an_interviewer_scores_nothing(tmp_path: Path) -> None:
    shutil.copytree(DEMO, tmp_path / "s")
    with (tmp_path / "s/data/assessors.csv").open("a") as file:
        file.write("I01,interviewer,T1,other_district,2026-03-20,,none\n")
    asked, before = (asked_of(Study.load(folder)) for folder in (tmp_path / "s", DEMO))
    assert asked.assessors == before.assessors


def test_large_print_has_no_text_below_sixteen_points(hard: Study) -> None:
    sizes: set[float] = set()

    def seen(text: str, cm: Any, tm: Any, font: Any, size: float) -> None:
        if text.strip():
            sizes.add(round(abs(size * tm[3] * cm[3]), 1))

    for lang in ("zh", "en"):
        pdf = questionnaire_pdf(hard, asked_of(hard), lang, large=True)
        for page in pypdf.PdfReader(io.BytesIO(pdf)).pages:
            page.extract_text(visitor_text=seen)
    assert min(sizes) >= 16.0


def test_a_form_is_the_same_bytes_and_says_pdf_a_and_ua(hard: Study) -> None:
    asked = asked_of(hard)
    first = questionnaire_pdf(hard, asked, "en")
    assert first == questionnaire_pdf(hard, asked, "en")
    assert b"pdfaid" in first
    assert b"pdfuaid" in first


def test_a_scoring_sheet_names_items_indicators_and_independence() -> None:
    study = Study.load(DEMO)
    asked = asked_of(study)
    assert list(asked.by_visit()) == ["announced", "mystery"]
    assert asked.by_visit()["mystery"] == ["h01", "h02", "h03"]
    assert "w01" in asked.by_visit()["announced"]  # further evidence of records
    text = text_of(inspection_pdf(study, asked, "announced", "zh"))
    for code in asked.by_visit()["announced"]:
        assert asked.inspected[code].wording.zh in text
    assert "计入：公共设施完好率" in text
    assert "背对背" in text
    assert asked.inspection_code in text
    english = text_of(inspection_pdf(study, asked, "mystery", "en"))
    assert "Scoresheet" in english or "Scoringsheetofamysteryvisit" in english


def test_the_command_writes_all_forms_once_and_refuses_a_folder_that_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "forms"
    assert main(["--messages", "en", "forms", str(DEMO), "--to", str(to)]) == 0
    assert "20 questions (version " in capsys.readouterr().out
    names = sorted(p.relative_to(to).as_posix() for p in to.rglob("*") if p.is_file())
    assert len(names) == 4 + 4 + 1 + 11
    assert "questionnaire.zh.large.pdf" in names
    assert "sheets/E1.xlsx" in names
    assert main(["--messages", "en", "forms", str(DEMO), "--to", str(to)]) == 2
    assert "the folder exists" in capsys.readouterr().err


def test_what_has_no_english_is_named_and_printed_in_chinese(hard: Study) -> None:
    asked = asked_of(hard)
    assert {"g3", "f1", "many", "last"} <= set(asked.untranslated())
    assert "q1" not in asked_of(Study.load(DEMO)).untranslated()


def test_a_condition_that_names_no_earlier_item_is_refused(tmp_path: Path) -> None:
    shutil.copytree(DEMO, tmp_path / "study")
    path = tmp_path / "study" / "codebook.yaml"
    book = yaml.safe_load(path.read_text(encoding="utf-8"))
    book["q10"]["where"] = {"rp1": [1]}  # asked later in this codebook
    book["p1"]["where"] = {"q1": [77]}
    path.write_text(yaml.safe_dump(book, allow_unicode=True, sort_keys=False), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        Study.load(tmp_path / "study")
    found = {p.column: p for p in caught.value.problems}
    assert {p.code for p in found.values()} == {"codebook.where"}
    assert set(found) == {"q10.where", "p1.where"}
    assert found["p1.where"].found == "77"


def test_a_study_without_items_has_no_forms(tmp_path: Path) -> None:
    from dataclasses import replace

    with pytest.raises(InputError) as caught:
        write_forms(replace(Study.load(DEMO), codebook={}), tmp_path / "forms")
    assert caught.value.problems[0].code == "forms.nothing"
    assert not (tmp_path / "forms").exists()
