"""The bundled study from folder to signed reports: what is planted is found, nothing leaks."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pypdf
import pytest

from workbench.batch.execute import execute, sealed_bytes
from workbench.evidence.verify import verify
from workbench.findings import COLUMNS
from workbench.report.front import front_pages
from workbench.report.register import Register
from workbench.report.text import reader_problems, sentences
from workbench.report.words import Words

ROOT = Path(__file__).resolve().parents[1]
TRUTH = json.loads((ROOT / "data" / "demo" / "truth.json").read_text(encoding="utf-8"))

Finding = dict[str, Any]


@cache
def findings(batch: Path, unit: str) -> dict[str, Finding]:
    data = (batch / "communities" / unit / "data" / "findings.json").read_bytes()
    return {row["finding"]: row for row in json.loads(data)}


def case(name: str) -> str:
    return str(TRUTH["cases"][name][0])


def assessed(batch: Path) -> list[str]:
    every = sorted(p.name for p in (batch / "communities").iterdir() if p.name[0] != ".")
    return [unit for unit in every if "score.total" in findings(batch, unit)]


def test_every_unit_is_signed_and_the_batch_verifies(demo_batch: Path) -> None:
    report = verify(demo_batch, trust=None, home=demo_batch.parent / "home", now=datetime.now(UTC))
    assert report.exit_code == 0, report.text("en")
    assert "demonstration" in report.text("en")


def test_findings_have_the_columns_of_the_contract_in_order(demo_batch: Path) -> None:
    data = (demo_batch / "communities" / "JX-01" / "data" / "findings.json").read_bytes()
    rows = json.loads(data)
    assert list(rows[0])[: len(COLUMNS)] == list(COLUMNS)
    assert b"NaN" not in data
    for row in rows:
        assert row["cell"] or row["finding"] == "context.batch_notebook"
        assert row["label_zh"], row["finding"]
        assert row["label_en"], row["finding"]
        shown = row["display_zh"] and row["display_en"]
        assert shown or (row["reason_zh"] and row["reason_en"]), row["finding"]


def test_the_planted_cases_are_told_apart(demo_batch: Path) -> None:
    def of(name: str, finding: str) -> Finding:
        return findings(demo_batch, case(name))[finding]

    assert of("real_gain", "change.q1.top2")["verdict"] == "better"
    assert of("none", "change.q1.top2")["verdict"] in {"cannot_tell", "no_relevant_change"}
    assert of("composition", "change.q1.top2.unweighted")["verdict"] == "better"
    assert of("composition", "change.q1.top2")["verdict"] != "better"
    assert of("regression", "context.regression_to_mean")["value"] > 0.02
    assert of("misses_target", "indicator.property_fee_collection_rate")["verdict"] == "not_met"
    assert of("misses_target", "rule.R-18.property_fee_collection_rate")["verdict"] == "failed"
    assert of("waste_warning", "warning.W-04")["verdict"] == "failed"
    withheld = findings(demo_batch, case("withheld"))
    assert withheld["check.responses.copies"]["verdict"] == "failed"
    assert "score.total" not in withheld


def test_modelled_estimates_stand_beside_the_direct_ones(demo_batch: Path) -> None:
    closer = 0
    for unit in assessed(demo_batch):
        file = demo_batch / "communities" / unit / "data" / "context.json"
        context = {row["finding"]: row for row in json.loads(file.read_bytes())}
        row, direct = context["context.small_area.q1"], findings(demo_batch, unit)
        now = direct["survey.q1.top2.current"]
        assert (row["flags"], row["status"]) == ("modelled", "ok")
        assert now["display_en"] in row["reason_en"]
        assert "chosen on 2026-09-20, before field work (2026-10-08)" in row["reason_en"]
        assert row["ci_low"] < row["value"] < row["ci_high"]
        closer += row["ci_high"] - row["ci_low"] < now["ci_high"] - now["ci_low"]
    assert closer == len(assessed(demo_batch))


def test_the_four_truths_are_told_apart_beside_the_verdict(demo_batch: Path) -> None:
    def rows(name: str) -> dict[str, Finding]:
        return findings(demo_batch, case(name))

    # the composition of the answers moved where that was planted, and weighting takes it away
    check = "change.check.03"
    assert rows("composition")[check]["verdict"] == "failed"
    assert rows("real_gain")[check]["verdict"] == "passed"
    assert rows("none")[check]["verdict"] == "passed"
    # a gain from the lowest baselines is held against what is expected without any effect
    assert rows("regression")["context.check.01"]["verdict"] == "failed"
    for name in ("real_gain", "none", "composition"):
        assert rows(name)["context.check.01"]["verdict"] == "passed"
    for name in ("real_gain", "none", "composition", "regression"):
        numbers = {f"change.check.{n:02d}" for n in range(1, 29)}
        assert numbers <= set(rows(name)), name
    # two units are treated: compared with the others, and their records with their own trend
    for name in ("real_gain", "regression"):
        told = rows(name)["context.did.q1"]
        assert told["verdict"] in {"better", "cannot_tell"}
        assert told["p_value"] >= 1 / 78 - 1e-3  # 2 of 13 communities: no p below one of 78
        assert "change.series.waste_sorting_accuracy.effect" in rows(name)
    assert not [name for name in rows("none") if name.startswith("change.series.")]


def test_no_sentence_of_a_report_says_more_than_its_grade(demo_batch: Path) -> None:
    from workbench import change

    graded = 0
    for unit in assessed(demo_batch):
        for name, row in findings(demo_batch, unit).items():
            grade = row.get("evidence_grade")
            if not grade:
                continue
            for lang in ("zh", "en"):
                for part in ("wording", "display", "interval", "label"):
                    text = str(row.get(f"{part}_{lang}") or "")
                    assert change.overclaims(text, grade) == [], (unit, name, text)
            graded += 1
    assert graded > 100


def test_intervals_cover_the_true_shares(demo_batch: Path) -> None:
    inside = []
    for unit in assessed(demo_batch):
        truth = TRUTH["communities"][unit]["items"]
        for name, row in findings(demo_batch, unit).items():
            found = re.fullmatch(r"survey\.(q\d+)\.top2\.(current|baseline)", name)
            if found and row["ci_low"] is not None:
                wave = {"current": "2026h2", "baseline": "2026h1"}[found[2]]
                true = truth[wave][found[1]]["top2"]
                inside.append(row["ci_low"] <= true <= row["ci_high"])
    assert len(inside) > 200
    assert sum(inside) / len(inside) > 0.88


def test_points_add_up_to_the_score_and_deductions_to_the_rest(demo_batch: Path) -> None:
    for unit in assessed(demo_batch):
        rows = findings(demo_batch, unit)
        total = rows["score.total"]
        if total["status"] == "not_computed":
            continue
        points = sum(r["points"] for n, r in rows.items() if n.startswith("score.points."))
        lost = sum(r["points"] for n, r in rows.items() if n.startswith("deduction."))
        assert points == pytest.approx(total["value"], abs=1e-6), unit
        for kind in ("channel", "dimension"):
            own = [r["points"] for n, r in rows.items() if n.startswith(f"score.{kind}.")]
            assert sum(p for p in own if p is not None) == pytest.approx(total["value"]), kind
        assert lost == pytest.approx(100 - total["value"], abs=1e-6), unit


def test_the_reports_table_of_points_adds_up_as_it_is_printed(demo_batch: Path) -> None:
    page = demo_batch / "communities" / "JX-01" / "data" / "report.en.html"
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.read_text(encoding="utf-8")))
    score = text[text.rindex("Total score") :]
    total = float(re.findall(r"[\d.]+", score)[0])
    for begin, end in (("By channel", "By dimension"), ("By dimension", "Deductions")):
        table = score[score.index(begin) : score.index(end)]
        pairs = re.findall(r"([\d.]+) / ([\d.]+)", table)
        assert len(pairs) >= 3
        # each is rounded to a tenth, the maximum to a whole point
        assert sum(float(p) for p, _ in pairs) == pytest.approx(total, abs=0.05 * len(pairs) + 0.05)
        assert sum(float(m) for _, m in pairs) == pytest.approx(100, abs=0.5 * len(pairs))


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_body_of_every_report_has_at_most_ten_pages(demo_batch: Path, lang: str) -> None:
    for unit in assessed(demo_batch):
        pdf = pypdf.PdfReader(demo_batch / "communities" / unit / "data" / f"report.{lang}.pdf")
        annex = re.compile("附录A" if lang == "zh" else "Annex A")
        named = [one for one in pdf.outline if isinstance(one, dict)]
        first = next(one for one in named if annex.match(str(one["/Title"])))
        assert pdf.get_destination_page_number(first) <= 12, unit


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_first_two_pages_of_every_report_can_be_read(demo_batch: Path, lang: str) -> None:
    code = {"finding": "report.code", "section": "report", "display_zh": "0", "display_en": "0"}
    for unit in assessed(demo_batch):
        register = Register([*findings(demo_batch, unit).values(), code], lang)
        told = sentences(front_pages(register, Words(lang)))
        assert len(told) > 20
        assert reader_problems(told, register, lang) == [], unit


def test_a_fresh_kernel_gives_the_same_notebook_as_a_forked_one(
    demo_batch: Path, tmp_path: Path
) -> None:
    bag = demo_batch / "communities" / "JX-04" / "data"
    shutil.copytree(bag / "inputs", tmp_path / "data" / "inputs")
    shutil.copytree(bag / "protocol", tmp_path / "data" / "protocol")
    settings = json.loads((bag / "inputs" / "study.json").read_bytes())
    done = execute(
        ROOT / "notebooks" / "community.ipynb",
        parameters={
            "study": ".",
            "community": "JX-04",
            "wave": settings["wave"],
            "baseline": settings["baseline"],
            "seed": settings["seed"],
        },
        cwd=tmp_path / "data",
        scratch=tmp_path,
    )
    assert done["error"] is None
    assert sealed_bytes(done["notebook"]) == (bag / "notebook.ipynb").read_bytes()


def test_no_respondent_of_the_export_and_no_neighbour_is_in_a_bag(demo_batch: Path) -> None:
    raw = (ROOT / "data" / "demo" / "data" / "survey_2026h2_wjx.csv").read_text("utf-8-sig")
    told = list(csv.DictReader(io.StringIO(raw)))
    people = {row[name] for row in told for name in ("来自IP", "样本编号") if row[name]}
    texts = {row["20、您对本小区还有什么意见或建议？"] for row in told} - {""}
    long_texts = {text for text in texts if len(text) > 8}
    judged = (ROOT / "data" / "demo" / "judgements.csv").read_text("utf-8")
    released = {
        row["to"] for row in csv.DictReader(io.StringIO(judged)) if row["kind"] == "quotation"
    }
    assert len(people) > 1000
    assert long_texts
    for unit in ("JX-01", "JX-07"):
        bag = demo_batch / "communities" / unit
        for file in bag.rglob("*"):
            if file.suffix not in {".csv", ".json", ".ipynb", ".html", ".txt"}:
                continue
            words = set(re.findall(r"[\w.:-]+", file.read_text(encoding="utf-8")))
            assert not people & words, file
            body = file.read_text(encoding="utf-8")
            assert not any(text in body for text in long_texts - released), file


def test_the_overview_lists_every_unit_with_status_and_finding(demo_batch: Path) -> None:
    raw = (demo_batch / "overview" / "data" / "results.csv").read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(raw)))
    assert len(rows) == 14
    one = next(row for row in rows if row["community"] == "JX-01")
    assert one["resident_satisfaction_finding"] == "indicator.resident_satisfaction"
    assert float(one["score"]) == pytest.approx(
        findings(demo_batch, "JX-01")["score.total"]["value"], abs=1e-6
    )
    assert next(row for row in rows if row["community"] == "JX-07")["outcome"] == "withheld"


@pytest.mark.system
def test_poppler_finds_three_valid_signatures_and_the_whole_document_signed(
    demo_batch: Path,
) -> None:
    import subprocess

    if shutil.which("pdfsig") is None:
        pytest.skip("poppler's pdfsig is not installed")
    for lang in ("zh", "en"):
        file = demo_batch / "communities" / "JX-01" / "data" / f"report.{lang}.pdf"
        told = subprocess.run(
            ["pdfsig", "-nocert", str(file)], capture_output=True, text=True, check=False
        ).stdout
        assert told.count("Signature is Valid") == 3
        assert [line for line in told.splitlines() if "ocument signed" in line][-1].endswith(
            "Total document signed"
        )
