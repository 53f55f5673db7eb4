"""A sound study with one fault at a time: one clear message each, and never a traceback."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from workbench.cli import main
from workbench.intake import check
from workbench.intake.building import collect
from workbench.study import Study

SOUND = Path(__file__).parent / "sound"
FACTS = ["community", "fact", "value", "date", "evidence"]
Plant = Callable[[Path], None]


def swap(file: str, old: str, new: str) -> Plant:
    """Replace the first ``old`` in a file."""

    def plant(study: Path) -> None:
        text = (study / file).read_text(encoding="utf-8")
        assert old in text
        (study / file).write_text(text.replace(old, new, 1), encoding="utf-8")

    return plant


def put(file: str, data: str | bytes) -> Plant:
    """Write a file."""

    def plant(study: Path) -> None:
        (study / file).parent.mkdir(exist_ok=True)
        (study / file).write_bytes(data if isinstance(data, bytes) else data.encode())

    return plant


def line(file: str, text: str) -> Plant:
    """Add a line to a file."""

    def plant(study: Path) -> None:
        with (study / file).open("a", encoding="utf-8") as stream:
            stream.write(text + "\n")

    return plant


def judged(text: str) -> Plant:
    return line("judgements.csv", f"J1,{text},核实,looked into,王,2026-11-20,李")


def corrected(text: str) -> Plant:
    return line("corrections.csv", f"data/responses.csv,{text},录入错误,王,2026-11-20,李,")


def workbook(change: Callable[[Any], None] = lambda sheet: None, value: Any = False) -> Plant:
    """Give the facts as a workbook."""

    def plant(study: Path) -> None:
        book = openpyxl.Workbook()
        sheet = book.active
        assert sheet is not None
        sheet.append(FACTS)
        for unit in ("A-1", "A-2", "A-3"):
            sheet.append([unit, "major_safety_accident", value, dt.date(2026, 11, 1), "证明"])
        change(sheet)
        book.save(study / "data/facts.xlsx")
        swap("study.yaml", "data/facts.csv", "data/facts.xlsx")(study)

    return plant


def archive(name: str, data: bytes) -> Plant:
    def plant(study: Path) -> None:
        with zipfile.ZipFile(study / "data/facts.xlsx", "w", zipfile.ZIP_DEFLATED) as out:
            out.writestr(name, data)
        swap("study.yaml", "data/facts.csv", "data/facts.xlsx")(study)

    return plant


def loop(study: Path) -> None:
    (study / "data/facts.csv").unlink()
    (study / "data/facts.csv").symlink_to("facts.csv")


def panel(study: Path) -> None:
    """Name the first two who answered alike."""
    file = study / "data/responses.csv"
    head, *rows = file.read_text(encoding="utf-8").splitlines()
    named = [f"{row},P{max(i, 1)}" for i, row in enumerate(rows)]
    file.write_text("\n".join([f"{head},panel_id", *named]) + "\n", encoding="utf-8")


def out_of_the_folder(study: Path) -> None:
    secret = study.parent / "elsewhere.csv"
    secret.write_text("community,fact,value\nA-1,leaked,true\n", encoding="utf-8")
    (study / "data/facts.csv").unlink()
    (study / "data/facts.csv").symlink_to(secret)


def suite(**kwargs: Any) -> Plant:
    one = {
        "type": kwargs.pop("type", "expect_column_values_to_not_be_null"),
        "kwargs": {"column": "q1", **kwargs},
        "severity": "warning",
        "meta": {"id": "responses.mine", "reach": "row", "zh": "甲", "en": "a"},
    }
    told = {"name": "mine", "meta": {"table": "responses"}, "expectations": [one]}
    return put("expectations/mine.json", json.dumps(told))


S, R = "study.yaml", "data/responses.csv"


def margins_disagree(study: Path) -> None:
    """Add a second variable whose counts are those of another population."""
    swap("codebook.yaml", "sex: {", "q9: {")(study)
    text = (study / "codebook.yaml").read_text(encoding="utf-8")
    sex = next(row for row in text.splitlines() if row.startswith("q9: "))
    line("codebook.yaml", sex.replace("q9:", "sex:", 1))(study)
    swap(R, ",sex\n", ",sex,q9\n")(study)
    rows = (study / R).read_text(encoding="utf-8").splitlines()
    rows[1:] = [row + "," + row.rsplit(",", 1)[1] for row in rows[1:]]
    (study / R).write_text("\n".join(rows) + "\n", encoding="utf-8")
    for category in ("female", "male"):
        line("data/margins.csv", f"A-1,q9,{category},700,adults")(study)


FAULTS: dict[str, tuple[Plant, str, str]] = {
    # name: what is planted, code of the message, its place
    "study is a list": (put(S, "- a\n- b\n"), "settings.mapping", S),
    "study is a word": (put(S, "hello\n"), "settings.mapping", S),
    "study is bytes": (put(S, bytes(range(256))), "yaml.encoding", f"{S}:2"),
    "study runs code": (swap(S, "seed: 7", "seed: !!python/object/apply:os.system [x]"), "yaml.tag", f"{S}:12"),
    "study repeats itself": (swap(S, "seed: 7", "seed: 7\nseed: 8"), "yaml.duplicate-key", f"{S}:13"),
    "a name with NUL": (swap(S, "{file: data/facts.csv}", '{file: "a\\0b"}'), "settings.characters", f"{S}[sources.facts[1].file]"),
    "a zone that climbs": (swap(S, "Asia/Shanghai", "../../etc/passwd"), "settings.timezone", f"{S}[timezone]"),
    "an id that climbs": (swap(S, "study: sound", "study: ../x"), "settings.value", f"{S}[study]"),
    "an id that turns direction": (swap(S, "study: sound", 'study: "so\\u202eund"'), "settings.value", f"{S}[study]"),
    "a wave that ends first": (swap(S, "[2026-04-01, 2026-04-30]", "[2026-04-30, 2026-04-01]"), "settings.span", f"{S}[waves[1]]"),
    "a programme that climbs": (swap(S, "programme: civilised", "programme: ../../etc/passwd"), "study.programme", f"{S}[programme]"),
    "a scope of nothing": (swap(S, "scope: [resident_satisfaction, public_facility_intact_rate, waste_sorting_accuracy, service_response_hours, major_safety_accident]", "scope: []"), "settings.value", f"{S}[scope]"),
    "a key that is a word": (swap(S, "key: demo", "key: dmo"), "settings.signing-key", f"{S}[signatories.lead.key]"),
    "a key file that is not there": (swap(S, "key: demo", "key: {pkcs12: a.p12, passphrase_file: study.yaml}"), "study.key", f"{S}[signatories.lead.key.pkcs12]"),
    "a notebook outside": (swap(S, "seed: 7", "seed: 7\nnotebook: /etc/passwd"), "study.outside", f"{S}[notebook]"),
    "a notebook that is none": (swap(S, "seed: 7", "seed: 7\nnotebook: data/facts.csv"), "study.notebook", f"{S}[notebook]"),
    "a secret that is none": (put(".secret", "xyz\n"), "study.secret", ".secret"),
    "a source outside": (swap(S, "data/facts.csv", "../../../../etc/passwd"), "source.outside", f"{S}[sources.facts[1].file]"),
    "a source that links outside": (out_of_the_folder, "source.outside", f"{S}[sources.facts[1].file]"),
    "a source that links to itself": (loop, "source.outside", f"{S}[sources.facts[1].file]"),
    "an item named as a column": (swap("codebook.yaml", "q2:", "community:"), "codebook.taken", "codebook.yaml[community]"),
    "an item named as code": (swap("codebook.yaml", "q2:", '"q2\\nimport os":'), "codebook.code", "codebook.yaml[q2\nimport os]"),
    "a measure that is code": (swap("measures.yaml", "last_3_months", "'__import__(1)'"), "measures.value", "measures.yaml[waste_sorting_accuracy.window]"),
    "corrections without a header": (put("corrections.csv", ""), "decisions.header", "corrections.csv"),
    "a correction of what is not there": (corrected("row:1,q1,9,4"), "corrections.old", "corrections.csv:1[old]"),
    "a correction of no row": (corrected("row:999,q1,9,4"), "corrections.key", "corrections.csv:1[key]"),
    "a waiver of no check": (judged("waiver,A-1,check.nosuch,,,waive"), "judgements.object", "judgements.csv:1[object]"),
    "a quotation with a telephone number": (judged("quotation,A-1,responses:1:sug,x,请打13800138000,release"), "privacy.mark", "judgements.csv:1[to]"),
    "a quotation with a name": (judged("quotation,A-1,responses:1:sug,x,张先生很好,release"), "privacy.mark", "judgements.csv:1[to]"),
    "an exclusion of nobody": (judged("exclusion,A-1,responses:R999,,,exclude"), "judgements.object", "judgements.csv:1[object]"),
    "an exclusion of no table": (judged("exclusion,A-1,foo bar,,,exclude"), "judgements.object", "judgements.csv:1[object]"),
    "a window that ends first": (judged("device_window,A-1,measurements:waste_sorting_accuracy,2026-05,2026-04,out"), "judgements.to", "judgements.csv:1[to]"),
    "a window that is no time": (judged("device_window,A-1,measurements:waste_sorting_accuracy,soon,,out"), "judgements.from", "judgements.csv:1[from]"),
    "a request closed in another year": (swap("data/requests.csv", "2026-06-11 08:00:00", "2030-06-11 08:00:00"), "requests.future", "data/requests.csv:1[closed]"),
    "an answer of the future": (swap(R, "2026-04-10 09:07:00", "2099-04-10 09:07:00"), "responses.future", f"{R}:1[finished]"),
    "a measurement of the future": (swap("data/measurements.csv", "2026-01", "2027-01"), "measurements.future", "data/measurements.csv:1[period]"),
    "a share above 100 %": (swap("data/measurements.csv", ",81,100,", ",181,100,"), "measurements.share", "data/measurements.csv:1[value]"),
    "a person twice in a wave": (panel, "responses.panel", f"{R}:1[panel_id]"),
    "a unit that climbs": (swap("data/communities.csv", "A-2,乙", "..,乙"), "communities.id-unsafe", "data/communities.csv:3[community]"),
    "a unit that is a device": (swap("data/communities.csv", "A-2,乙", "CON,乙"), "communities.id-unsafe", "data/communities.csv:3[community]"),
    "a unit that turns direction": (swap("data/communities.csv", "A-2,乙", "A\u202e2,乙"), "communities.id-unsafe", "data/communities.csv:3[community]"),
    "a weight of zero": (swap(R, ",1.5,", ",0,"), "weight.not-positive", f"{R}:1[base_weight]"),
    "a weight below zero": (swap(R, ",1.5,", ",-1,"), "weight.not-positive", f"{R}:1[base_weight]"),
    "a weight that is missing": (swap(R, ",1.5,", ",,"), "weight.missing", f"{R}:1[base_weight]"),
    "a respondent who stands twice": (line(R, (SOUND / R).read_text(encoding="utf-8").splitlines()[1]), "responses.duplicate-id", f"{R}:1[respondent]"),
    "an answer off its scale": (swap(R, "household,2,6,female", "household,9,6,female"), "item.off-scale", f"{R}:1[q1]"),
    "a category of another wave": (swap(R, "household,2,6,female", "household,2,6,woman"), "item.off-scale", f"{R}:1[sex]"),
    "a margin that lacks a category": (swap("data/margins.csv", "A-1,sex,male,1000,adults\n", ""), "margins.category-lacking", f"{R}:2[sex]"),
    "margins that disagree": (margins_disagree, "margins.totals", "data/margins.csv:7[count]"),
    "a weight without end": (swap(R, ",1.5,", ",inf,"), "cell.type", f"{R}:1[base_weight]"),
    "a table of bytes": (put(R, bytes(range(256)) * 9), "file.encoding", f"{R}:1"),
    "a pickle": (put(R, b"\x80\x04\x95\x10\x00\x8c\x02os\x8c\x06system\x93."), "file.encoding", R),
    "a field of a megabyte": (put(R, "respondent,community\n" + "x" * 2_000_000 + ",A-1\n"), "file.csv", f"{R}:1"),
    "a workbook that is a bomb": (archive("xl/worksheets/sheet1.xml", b"0" * 60_000_000), "file.bomb", "data/facts.xlsx"),
    "a workbook with an entity": (archive("xl/a.xml", b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x/>'), "file.doctype", "data/facts.xlsx"),
    "a workbook that climbs": (archive("../a.xml", b"<x/>"), "file.member", "data/facts.xlsx"),
    "a workbook of something else": (archive("a.txt", b"x"), "file.torn", "data/facts.xlsx"),
    "cells merged over rows": (workbook(lambda sheet: sheet.merge_cells("A2:A4")), "file.merged", "data/facts.xlsx:1"),
    "a suite that is code": (suite(row_condition="@__import__('os').system('x')", condition_parser="pandas"), "suite", "expectations/mine.json[expectations[1].kwargs.row_condition]"),
    "a suite of another kind": (suite(type="expect_query_results_to_match_comparison"), "suite", "expectations/mine.json[expectations[1].type]"),
    "a suite that is torn": (put("expectations/mine.json", "{"), "suite", "expectations/mine.json"),
}  # fmt: skip


def run(*arguments: str) -> int:
    return main(["--messages", "en", *arguments])


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A copy of the sound study, in a folder with a blank and Chinese in its name."""
    folder = tmp_path / "甲 街道 2026"
    shutil.copytree(SOUND, folder)
    return folder


def test_the_sound_study_is_sound(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(study.rglob("*"))
    assert run("check", str(study), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [p for p in told["problems"] if p["severity"] == "error"] == []
    assert sorted(study.rglob("*")) == before


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_one_fault_is_told_in_its_place(
    name: str, study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plant, code, place = FAULTS[name]
    plant(study)
    before = sorted(study.rglob("*"))
    report = check(study)
    assert not report.ok
    assert place in {p.place() for p in report.problems if p.code == code}, report.text("en")
    for problem in report.problems:
        assert problem.zh
        assert problem.en
        assert problem.remedy_zh
        assert problem.remedy_en
        assert problem.file
        assert str(study) not in json.dumps(problem.as_dict())
    said = report.text("zh") + report.text("en")
    assert not {"\u202e", "\x00", "\x1b"} & set(said)
    assert sorted(study.rglob("*")) == before


def test_check_tells_on_standard_output_and_run_on_standard_error(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    swap(S, "study: sound", 'study: "so\\u202eund"')(study)
    assert run("check", str(study), "--json") == 1
    assert json.loads(capsys.readouterr().out)["problems"][0]["column"] == "study"
    assert run("check", str(study)) == 1
    said = capsys.readouterr()
    assert said.err == ""
    assert "study.yaml[study]" in said.out
    assert run("run", str(study), "--out", str(study.parent / "out")) == 2
    said = capsys.readouterr()
    assert "study.yaml[study]" in said.err
    assert "\u202e" not in said.err


@pytest.mark.parametrize(
    ("plant", "code"),
    [
        (workbook(value="#N/A"), "file.formula-error"),
        (workbook(value="=1+1"), "file.formula-bare"),
        (swap("data/facts.csv", "false", "perhaps"), "facts.value"),
        (line(S, "small_area: {items: [q1]}"), "small-area.undated"),
        (line(S, "small_area: {items: [q1], chosen: 2026-10-01}"), "small-area.late"),
        (
            line(
                R, (SOUND / R).read_text(encoding="utf-8").splitlines()[1].replace("R001", "R991")
            ),
            "responses.case-twice",
        ),
        (swap("codebook.yaml", ", class: internal", ""), "codebook.unclassified"),
        (swap("codebook.yaml", ", purpose: assessment", ""), "codebook.unclassified"),
    ],
    ids=[
        "error",
        "no stored result",
        "neither yes nor no",
        "no day of a model",
        "a late model",
        "case twice",
        "no class",
        "no purpose",
    ],
)
def test_what_may_be_meant_is_a_warning(
    plant: Plant, code: str, study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plant(study)
    run("check", str(study), "--json")
    told = json.loads(capsys.readouterr().out)
    assert code in {p["code"] for p in told["problems"] if p["severity"] == "warning"}


def test_an_item_without_a_purpose_is_not_read(study: Path) -> None:
    swap("codebook.yaml", ", purpose: assessment", "")(study)  # that of q1
    opened, _ = Study.draft(study)
    assert opened is not None
    tables, _ = collect(opened)
    assert "q1" not in tables.frames["responses"]
    assert "q2" in tables.frames["responses"]


def test_a_refused_study_is_not_run_and_leaves_nothing(
    study: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_HOME", str(study.parent / "home"))
    swap(R, ",1.5,", ",0,")(study)
    judged("exclusion,A-1,responses:R999,,,exclude")(study)
    out = study.parent / "out"
    before = sorted(study.rglob("*"))
    assert run("run", str(study), "--out", str(out)) == 2
    said = capsys.readouterr()
    assert "data/responses.csv:1[base_weight]" in said.err
    assert "judgements.csv:1[object]" in said.err
    assert "Traceback" not in said.err
    assert sorted(study.rglob("*")) == before
    assert not out.exists()


@pytest.mark.parametrize("name", ["study.yaml", "data"])
def test_a_path_that_is_no_study_is_told(
    name: str, study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (study / "study.yaml").unlink()
    assert run("check", str(study / name)) == 1
    assert "study.yaml" in capsys.readouterr().out
    assert run("run", str(study / name), "--out", str(study.parent / "out")) == 2
    assert not (study.parent / "out").exists()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anything")
def test_a_folder_that_cannot_be_written_is_told_before_anything_runs(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study.chmod(0o555)
    try:
        assert run("check", str(study), "--json") == 1
    finally:
        study.chmod(0o755)
    told = json.loads(capsys.readouterr().out)
    assert "study.secret" in {p["code"] for p in told["problems"]}
