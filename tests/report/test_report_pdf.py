"""The PDF: standards, bytes, every number with its finding, nothing lost on the way."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pypdf
import pytest

from workbench.errors import InputError, NotebookError
from workbench.report import document as made
from workbench.report import (
    hand_typed_numbers,
    load_methods,
    render,
    surplus_numbers,
    withheld_notice,
)
from workbench.report.blocks import keys, table, to_json
from workbench.report.fonts import clean
from workbench.report.register import Register
from workbench.report.typst_pdf import compile_pdf, template

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="470" height="100" viewBox="0 0 470 100">'
    '<rect width="300" height="40" fill="#0072B2"/></svg>'
)
FIGURES = {
    f"{name}.{lang}": {"svg": SVG, "alt_zh": f"{name}图", "alt_en": f"picture of {name}"}
    for name in ("items", "change", "series.waste")
    for lang in ("zh", "en")
}


METHODS = {
    "survey.mean.taylor": {
        "zh": "设计加权均值",
        "en": "design-based mean",
        "formula": "Σwy / Σw",
        "citation": "Lumley 2010, §2.2",
    }
}


def text_of(pdf: bytes, pages: int | None = None) -> list[str]:
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages[:pages]]


def joined(pages: list[str]) -> str:
    return re.sub(r"\s|\u200b", "", "".join(pages))


def plain(findings: list[dict[str, Any]], meta: dict[str, Any], lang: str) -> Any:
    kept = {k: v for k, v in meta.items() if k not in ("evidence_list", "findings_json")}
    return made.assessed(findings, FIGURES, lang=lang, methods=METHODS, **kept)


@pytest.fixture(scope="module")
def assessed(jinxiu: Any, jinxiu_meta: Any) -> dict[str, Any]:
    return {
        lang: render(jinxiu, FIGURES, lang=lang, methods=METHODS, **jinxiu_meta)
        for lang in ("zh", "en")
    }


@pytest.fixture(scope="module")
def texts(assessed: Any) -> dict[str, list[str]]:
    return {lang: text_of(pdf.data) for lang, pdf in assessed.items()}


@pytest.fixture(scope="module")
def notices(jinxiu_withheld: Any, jinxiu_meta: Any) -> dict[str, Any]:
    return {
        lang: withheld_notice(jinxiu_withheld, lang=lang, **jinxiu_meta) for lang in ("zh", "en")
    }


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_report_and_notice_claim_pdf_a_3a_and_pdf_ua_1(
    assessed: Any, notices: Any, lang: str
) -> None:
    for pdf in (assessed[lang], notices[lang]):
        assert pdf.data.startswith(b"%PDF-1.7")
        assert pdf.data.endswith(b"%%EOF\n")
        xmp = pdf.data.decode("latin-1")
        assert "<pdfaid:part>3</pdfaid:part>" in xmp
        assert "<pdfaid:conformance>A</pdfaid:conformance>" in xmp
        assert "<pdfuaid:part>1</pdfuaid:part>" in xmp


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_same_input_gives_the_same_bytes(
    assessed: Any, jinxiu: Any, jinxiu_meta: Any, lang: str
) -> None:
    again = render(jinxiu, FIGURES, lang=lang, methods=METHODS, **jinxiu_meta)
    assert again.data == assessed[lang].data
    assert again.boxes == assessed[lang].boxes


def test_another_process_gives_the_same_bytes(assessed: Any, root: Path) -> None:
    code = f"""
import hashlib, importlib.util, json, sys
spec = importlib.util.spec_from_file_location("fixture", {str(root / "tests/report/conftest.py")!r})
fixture = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fixture)
from workbench.report import render
rows = fixture.assessed()
given = json.loads(sys.stdin.read())
pdf = render(rows, lang="zh", **given, **fixture.meta(rows))
print(hashlib.sha256(pdf.data).hexdigest())
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps({"figures": FIGURES, "methods": METHODS}),
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
        env={"TZ": "Asia/Tokyo", "PATH": "/usr/bin", "PYTHONHASHSEED": "7"},
    )
    assert done.stdout.strip() == hashlib.sha256(assessed["zh"].data).hexdigest()


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_evidence_list_and_findings_are_attached_byte_for_byte(
    assessed: Any, jinxiu_meta: Any, lang: str
) -> None:
    attached = pypdf.PdfReader(io.BytesIO(assessed[lang].data)).attachments
    assert attached["evidence-sha256.txt"] == [jinxiu_meta["evidence_list"]]
    assert attached["findings.json"] == [jinxiu_meta["findings_json"]]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_page_carries_number_edition_page_code_and_marking(
    assessed: Any, texts: Any, notices: Any, jinxiu_meta: Any, lang: str
) -> None:
    notice = text_of(notices[lang].data)
    for pdf, pages in ((assessed[lang], texts[lang]), (notices[lang], notice)):
        assert len(pages) == pdf.pages
        for i, page in enumerate(pages, 1):
            text = joined([page])
            assert jinxiu_meta["report_number"] in text
            assert jinxiu_meta["evidence_digest"][:12] in text
            assert "示例签名" in text
            assert "demonstrationsignature" in text
            place = f"第{i}页，共{pdf.pages}页" if lang == "zh" else f"Page{i}of{pdf.pages}"
            assert place in text
            assert ("第1版" if lang == "zh" else "edition1") in text


def test_without_demonstration_keys_no_page_is_marked(jinxiu: Any, jinxiu_meta: Any) -> None:
    real = [row for row in jinxiu if row["finding"] != "head.demonstration"]
    pdf = render(real, {}, lang="zh", **{**jinxiu_meta, "demonstration": False})
    assert "示例" not in joined(text_of(pdf.data, 2))


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_finding_stands_in_the_report_with_its_cell(
    texts: Any, jinxiu: Any, lang: str
) -> None:
    text = joined(texts[lang])
    for row in jinxiu:
        if row[f"display_{lang}"]:
            assert row["finding"] in text, row["finding"]
            assert re.sub(r"\s", "", clean(row[f"display_{lang}"])) in text
            assert row["cell"] in text


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_there_is_no_tofu_and_rare_characters_are_told_by_number(texts: Any, lang: str) -> None:
    text = joined(texts[lang])
    assert "䶮" in text
    assert "[U+20BB7]" in text
    assert "\ufffd" not in text
    assert "\x00" not in text


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_part_for_residents_is_two_pages_and_the_body_at_most_ten(
    texts: Any, lang: str
) -> None:
    pages = [joined([page]) for page in texts[lang]]
    first = {"zh": "1基本情况", "en": "1Aboutthisassessment"}[lang]
    annex = {"zh": "附录A", "en": "AnnexA"}[lang]
    assert first in pages[2]
    assert first not in pages[0] + pages[1]
    assert next(i for i, page in enumerate(pages) if annex in page) <= 12


def test_large_print_is_the_same_text_in_larger_type(
    jinxiu: Any, jinxiu_meta: Any, texts: Any
) -> None:
    large = render(jinxiu, FIGURES, lang="zh", methods=METHODS, large=True, **jinxiu_meta)
    assert large.pages > len(texts["zh"])
    reader = pypdf.PdfReader(io.BytesIO(large.data))
    sizes: list[float] = []

    def seen(part: str, _: Any, matrix: Any, __: Any, size: float) -> None:
        if len(part.strip()) > 8:
            sizes.append(size * abs(matrix[3]))

    told = joined([page.extract_text(visitor_text=seen) for page in reader.pages[:4]])
    assert sorted(sizes)[len(sizes) // 2] >= 14
    assert joined([texts["zh"][1]])[60:90] in told


BITS = "对治安满意的居民 （加权） WAVE fi office AV To 3,933 P-1 ， 《 》 ： — … “ ” % ≥ – é Ω / https://a.b/c \u3000 i y."


def tables_near_the_edge(lang: str, seed: int) -> list[dict[str, Any]]:
    """Make tables of random words, many of which nearly fill a line of their column."""
    rng = random.Random(seed)
    bits = [bit for bit in BITS.split(" ") if lang == "zh" or max(bit) < "\u2e80"]
    register = Register([], lang)

    def words(ems: float) -> list[str]:
        text = ""
        while len(text) < ems * (1 if lang == "zh" else 1.8):
            text += rng.choice([*bits, " 95 % "])
        return [text]

    shares = [("h", 2, "left"), ("h", 3, "left"), ("h", 2, "left"), ("h", 1, "right")]
    made = [table(shares, [[["x"], ["x"], ["x"], ["0000 000000 0"]], [["x"]] * 4])]
    for number in range(40):
        count = rng.randint(2, 5)
        columns = [
            (f"h{i}", rng.choice([0, 0, 1, 2, 3.5]), rng.choice(["left", "right"]))
            for i in range(count)
        ]
        room = 58 / count
        rows = [[words(rng.uniform(0.1, 1.1) * room) for _ in columns] for _ in range(6)]
        rows.insert(0, [words(rng.uniform(0.2, 1.0) * 58)])
        made.append(table(columns, rows, small=number % 2 == 0))
        value = 16 if number % 3 else 45
        pairs = [[words(rng.randint(1, 9)), words(rng.randint(1, value))] for _ in range(7)]
        made.append(keys(register, pairs))
    return [to_json(block, register) for block in made]


@pytest.mark.parametrize("seed", [None, 0, 1, 2])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_rows_said_to_be_one_line_are_as_high_as_the_typesetter_makes_them(
    jinxiu: Any, jinxiu_meta: Any, lang: str, seed: int | None
) -> None:
    doc, files = plain(jinxiu, jinxiu_meta, lang)
    if seed is not None:
        doc["annexes"][-1]["blocks"] += tables_near_the_edge(lang, seed)
    attached = {
        "evidence-sha256.txt": jinxiu_meta["evidence_list"],
        "findings.json": jinxiu_meta["findings_json"],
    }
    told = compile_pdf(doc, files, attached, issued=jinxiu_meta["issued"])
    said = 0
    for part in (*doc["sections"], *doc["annexes"]):
        for block in part["blocks"]:
            if "single" in block:
                said += sum(block["single"])
                block["single"] = [False] * len(block["single"])
    assert said > 40
    measured = compile_pdf(doc, files, attached, issued=jinxiu_meta["issued"])
    assert measured.data == told.data


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_signature_boxes_lie_on_one_page_apart_and_inside(
    assessed: Any, texts: Any, notices: Any, lang: str
) -> None:
    notice = text_of(notices[lang].data)
    for pdf, pages in ((assessed[lang], texts[lang]), (notices[lang], notice)):
        boxes = [pdf.boxes[role] for role in ("lead", "reviewer", "institution")]
        page = pages[boxes[0].page]
        assert ("主评人" if lang == "zh" else "Lead assessor") in page
        for box in boxes:
            assert box.page == boxes[0].page
            assert 0 < box.x0 < box.x1 < 595.3
            assert 0 < box.y0 < box.y1 < 841.9
        for left, right in itertools.pairwise(boxes):
            assert left.x1 < right.x0


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_notice_says_in_both_languages_what_failed_and_what_to_do(
    notices: Any, lang: str
) -> None:
    text = joined(text_of(notices[lang].data))
    assert "同一访员的48份问卷中有41份答案完全相同" in text
    assert "41of48questionnairesofoneinterviewerareidentical" in text
    assert "由另一名访员重访这48户" in text
    assert "Haveanotherinterviewervisitthe48householdsagain" in text


def numbers(jinxiu: Any, meta: Any, lang: str) -> tuple[Any, dict[str, str], list[str], list[str]]:
    doc, files = plain(jinxiu, meta, lang)
    foot = doc["footer"]
    every_page = [foot["number"], foot["edition"], foot["code"]]
    return doc, files, made.printed(doc), every_page


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_number_in_the_pdf_comes_from_a_finding(
    assessed: Any, texts: Any, jinxiu: Any, jinxiu_meta: Any, lang: str
) -> None:
    doc, _, printed, every_page = numbers(jinxiu, jinxiu_meta, lang)
    pdf = assessed[lang]
    text = "\n".join(texts[lang])
    assert hand_typed_numbers(text, [*printed, *every_page]) == []
    given = {"pages": pdf.pages, "every_page": every_page, "heads": made.heads(doc)}
    assert surplus_numbers(text, printed, **given) == []


@pytest.mark.parametrize("planted", ["99.9", "7"])
def test_a_number_typed_into_the_template_is_caught(
    jinxiu: Any, jinxiu_meta: Any, planted: str
) -> None:
    doc, files, printed, every_page = numbers(jinxiu, jinxiu_meta, "zh")
    mark = b"#context [#metadata((front:"
    assert template().count(mark) == 1
    source = template().replace(mark, f"合格率 {planted}\n\n".encode() + mark)
    attached = {
        "evidence-sha256.txt": jinxiu_meta["evidence_list"],
        "findings.json": jinxiu_meta["findings_json"],
    }
    pdf = compile_pdf(doc, files, attached, issued=jinxiu_meta["issued"], source=source)
    text = "\n".join(text_of(pdf.data))
    given = {"pages": pdf.pages, "every_page": every_page, "heads": made.heads(doc)}
    caught = surplus_numbers(text, printed, **given)
    assert caught == [planted]
    if planted == "99.9":
        assert hand_typed_numbers(text, [*printed, *every_page]) == [planted]


def test_a_number_nobody_recorded_stops_the_report(jinxiu: Any, jinxiu_meta: Any) -> None:
    with pytest.raises(NotebookError) as caught:
        render(
            [row for row in jinxiu if row["finding"] != "head.unit"], {}, lang="zh", **jinxiu_meta
        )
    assert caught.value.problems[0].code == "report.unknown-finding"
    assert "head.unit" in caught.value.problems[0].en


def test_an_id_missing_from_the_register_stops_the_compile(jinxiu: Any, jinxiu_meta: Any) -> None:
    doc, files = plain(jinxiu, jinxiu_meta, "zh")
    del doc["register"]["score.total"]
    attached = {"evidence-sha256.txt": b"x", "findings.json": b"[]"}
    with pytest.raises(NotebookError) as caught:
        compile_pdf(doc, files, attached, issued=jinxiu_meta["issued"])
    assert "unknown number: score.total" in caught.value.problems[0].found


def test_a_finding_recorded_twice_is_refused(jinxiu: Any, jinxiu_meta: Any) -> None:
    with pytest.raises(NotebookError, match="recorded twice"):
        render([*jinxiu, jinxiu[0]], {}, lang="zh", **jinxiu_meta)


HOSTILE = (
    '#read("/etc/passwd") $x^2$ <script>alert(1)</script> *b* @ref \\ `code` \u202e\u200b = +1'
)


def test_markup_in_a_finding_is_printed_and_never_run(jinxiu: Any, jinxiu_meta: Any) -> None:
    rows = [
        {
            **row,
            "label_zh": HOSTILE,
            "label_en": HOSTILE,
            "reason_zh": HOSTILE,
            "reason_en": HOSTILE,
        }
        if row["section"] in ("checks", "deductions", "limits", "indicators", "satisfaction")
        else row
        for row in jinxiu
    ]
    text = joined(text_of(render(rows, {}, lang="en", **jinxiu_meta).data, 5))
    assert '#read("/etc/passwd")$x^2$<script>alert(1)</script>*b*@ref\\`code`' in text
    assert "[U+202E]" in text
    assert "root:" not in text


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_much_to_tell_still_leaves_two_pages_for_residents(
    jinxiu: Any, jinxiu_meta: Any, lang: str
) -> None:
    long = "楼道里堆放着旧家具和纸箱，住户多次反映没有结果；" * 12
    extra = [
        {**row, "finding": f"deduction.{10 * i + k}", "reason_zh": long, "remedy_zh": long[:60],
         "remedy_en": None, "points": 0.3, "value": 0.3, "display_zh": "0.3分"}
        for i, row in enumerate(r for r in jinxiu if r["section"] == "deductions")
        for k in range(1, 4)
    ]  # fmt: skip
    rows = [row for row in jinxiu if row["section"] != "deductions"] + extra
    scope = "绿化覆盖率、社区食堂覆盖率、高空抛物监控、碳减排成效、" * 14
    rows = [
        {**row, "display_zh": scope, "display_en": scope}
        if row["finding"] == "scope.outside"
        else row
        for row in rows
    ]
    pages = [joined([p]) for p in text_of(render(rows, {}, lang=lang, **jinxiu_meta).data, 3)]
    assert {"zh": "1基本情况", "en": "1Aboutthisassessment"}[lang] in pages[2]


def test_flaws_of_the_programme_stand_in_an_annex_and_not_in_the_body(texts: Any) -> None:
    text = joined(texts["zh"])
    annex = text.index("方案文件中的矛盾及其处理")
    assert text.index("来源文件X-23") > annex > text.index("附录A")


def test_losses_not_itemised_are_told_so_that_the_staircase_adds_up(
    jinxiu: Any, jinxiu_meta: Any
) -> None:
    rows = [row for row in jinxiu if row["finding"] not in ("deduction.3", "deduction.5")]
    page = joined(text_of(render(rows, {}, lang="zh", **jinxiu_meta).data, 1))
    assert "没有逐条列出的失分" in page
    assert "−4.8" in page


def test_a_report_without_survey_score_and_baseline_is_still_whole(
    jinxiu: Any, jinxiu_meta: Any
) -> None:
    gone = ("satisfaction", "subgroups", "change", "score", "deductions", "response", "weights")
    rows = [row for row in jinxiu if row["section"] not in gone]
    for lang in ("zh", "en"):
        pdf = render(rows, {}, lang=lang, **jinxiu_meta)
        text = joined(text_of(pdf.data, 1))
        assert ("这次不出总分" if lang == "zh" else "getsnototalscore") in text


def test_words_without_translation_are_marked_as_original(texts: Any) -> None:
    assert "架空层堆放装修垃圾。(originalwording)" in joined(texts["en"])
    assert "(originalwording)" not in joined(texts["zh"])
    assert "（原文）" not in joined(texts["zh"])


def test_a_suppressed_group_shows_neither_value_nor_n(jinxiu: Any, jinxiu_meta: Any) -> None:
    rows = [
        {**row, "value": 0.4321, "n": 8765, "ci_low": 0.3111, "ci_high": 0.5222,
         "interval_zh": "31.1%至52.2%"}
        if row["status"] == "suppressed"
        else row
        for row in jinxiu
    ]  # fmt: skip
    text = joined(text_of(render(rows, {}, lang="zh", **jinxiu_meta).data))
    for hidden in ("8765", "8,765", "43.2", "31.1%", "52.2%"):
        assert hidden not in text


@pytest.mark.parametrize(
    ("svg", "alt"),
    [
        (SVG, ""),
        (SVG.replace("<rect", "<script>x</script><rect"), "alt"),
        (SVG.replace("<rect", '<image href="http://example.org/x.png"/><rect'), "alt"),
        (SVG.replace("<rect", '<rect onload="x()"'), "alt"),
    ],
)
def test_a_figure_without_alt_text_or_with_foreign_content_is_refused(
    jinxiu: Any, jinxiu_meta: Any, svg: str, alt: str
) -> None:
    figures = {"items.zh": {"svg": svg, "alt_zh": alt, "alt_en": alt}}
    with pytest.raises(InputError):
        render(jinxiu, figures, lang="zh", **jinxiu_meta)


@pytest.mark.system
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_no_word_runs_over_the_margin_or_over_another(
    jinxiu: Any, jinxiu_meta: Any, tmp_path: Path, lang: str
) -> None:
    """The methods with the longest names stand in the table."""
    tool = shutil.which("pdftotext")
    if tool is None:
        pytest.skip("needs poppler")
    methods = load_methods()
    names = itertools.cycle(sorted(methods, key=len, reverse=True))
    rows = [{**row, "method": next(names)} if row.get("method") else row for row in jinxiu]
    file = tmp_path / "report.pdf"
    made = render(rows, FIGURES, lang=lang, methods=methods, **jinxiu_meta)
    file.write_bytes(made.data)
    done = subprocess.run([tool, "-bbox", str(file), "-"], capture_output=True, text=True)
    over, crossed = [], []
    for page in done.stdout.split("<page")[1:]:
        found = re.findall(
            r'xMin="([\d.]+)" yMin="([\d.]+)" xMax="([\d.]+)" yMax="([\d.]+)">([^<]*)<', page
        )
        words = sorted((*map(float, box), word) for *box, word in found)
        over += [word for *_, right, _, word in words if right > 595.3 - 62.36 + 1.0]
        # a full-width mark may hang over half its width
        for i, (left, top, right, bottom, word) in enumerate(words):
            middle = (top + bottom) / 2
            for begin, above, end, below, other in words[i + 1 :]:
                if begin > right:
                    break
                if above < middle < below and min(right, end) - max(left, begin) > 6:
                    crossed.append((word, other))
    assert over == []
    assert crossed == []
