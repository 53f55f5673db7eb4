"""The walk of docs/assessor.md on the bundled study: from ``open`` to a second edition."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import openpyxl
import pytest

from workbench.cli import main
from workbench.evidence import bag as bags

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

HEAD = "objection,community,stage,received,about,claim,decision,reason_zh,decided,decided_by\n"
RETURNED = "data/measurements.csv,row:415,numerator,897,797,台账核对,A1,2026-12-10,林示范,台账\n"
UPHELD = "data/inspections.csv,row:1715,score,9,10,异议属实，照片核对,A1,2026-12-18,林示范,FC-JX-01-002\n"


def answered(sheet: Path, wrong: dict[int, str]) -> Path:
    """Fill in a factual check: all true but these numbers."""
    book = openpyxl.load_workbook(sheet)
    page = book["factual_check"]
    for row in range(7, page.max_row + 1):
        number = row - 6
        page[f"F{row}"] = "不属实" if number in wrong else "属实"
        page[f"G{row}"] = wrong.get(number)
    book.save(sheet)
    return sheet


def test_the_bundled_study_from_open_to_an_amended_second_edition(
    root: Path,
    given: Path,
    home: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    study, out = tmp_path / "study", tmp_path / "out"
    shutil.copytree(root / "data" / "demo", study)
    settings = study / "study.yaml"
    text = settings.read_text(encoding="utf-8").replace("key: demo", "key: person")
    (study / "data" / "objections.csv").write_text(HEAD, encoding="utf-8")  # nothing to enter yet
    text = text.replace("\nsources:", "\nsources:\n  objections: [{file: data/objections.csv}]")
    settings.write_text(text, encoding="utf-8")
    (home / "trust").mkdir(parents=True)
    shutil.copy(given / "root.pem", home / "trust")

    def call(*words: str) -> str:
        capsys.readouterr()
        assert main(["--messages", "en", *words]) == 0, capsys.readouterr()
        return capsys.readouterr().out

    def sign(role: str, *more: str) -> str:
        key = str(given / f"{role}.p12")
        return call("sign", str(out), "--as", role, "--key", key, "--yes", *more)

    def run() -> None:
        assert main(["run", str(study), "--out", str(out), "--jobs", "2"]) == 3  # one is withheld

    def correct(line: str) -> None:
        with (study / "corrections.csv").open("a", encoding="utf-8") as file:
            file.write(line)

    # opened, assessed, one report sent back, signed by three
    call("open", str(study), "--out", str(out))
    run()
    shown = sign("lead", "--only", "JX-01")
    assert "Jinxiu Village One scores 87.9 points out of 100" in shown
    assert str(out / "communities" / "JX-01" / "data" / "report.zh.pdf") in shown
    sign("lead")
    sign("reviewer", "--return", "HT-03", "--remark", "五月读数与台账不符")
    correct(RETURNED)
    run()
    told = sign("lead", "--only", "HT-03")
    assert "Waste-sorting accuracy" in told.partition("changed since")[2]
    sign("reviewer")
    sign("institution")
    call("verify", str(out))

    # facts checked by two committees: one is right, one is not
    call("forms", str(out), "--factual-check", "--to", str(tmp_path / "sheets"))
    back = [
        answered(tmp_path / "sheets" / f"{unit}.xlsx", {2: claim})
        for unit, claim in (("JX-01", "南门绿地已补种，无裸土"), ("HT-01", "物业已更换"))
    ]
    table = study / "data" / "objections.csv"
    read = ["forms", str(out), "--factual-check", "--read", *map(str, back), "--to", str(table)]
    assert "2 objections, 2 of them new" in call(*read, "--received", "2026-12-14")
    lines = table.read_text(encoding="utf-8").splitlines()
    decided = {
        "JX-01": ",upheld,照片属实,2026-12-18,A9",
        "HT-01": ",rejected,仍为原物业,2026-12-18,A9",
    }
    lines[1:] = [line.removesuffix(",,,,") + decided[line.split(",")[1]] for line in lines[1:]]
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    correct(UPHELD)

    # a second edition, published, closed
    bag = out / "communities" / "JX-01"
    said = call("amend", str(bag), "--objection", "FC-JX-01-002", "--jobs", "2")
    assert "JX-01@2: edition 2 (draft), score 87.9 points → 88.8 points" in said
    assert "HT-01@2" not in said
    for role in ("lead", "reviewer", "institution"):
        sign(role)
    call("notice", str(out), "--from", "2026-12-21")
    call("close", str(out), "--key", str(given / "institution.p12"), "--yes")
    assert "overview overview@2: valid" in call("verify", str(out))
    for name, word in (("JX-01", "superseded by edition 2"), ("JX-01@2", "counts now")):
        listing = (out / "communities" / name / "data" / bags.EVIDENCE_LIST).read_bytes()
        code = bags.evidence_code(listing)
        assert word in call("verify", "--code", code, "--ledger", str(out))
    call("deliver", str(out), "--profile", "public", "--to", str(tmp_path / "public"))
    assert (tmp_path / "public" / "overview.zh.pdf").is_file()
    rows = json.loads((out / "communities/JX-01@2/data/findings.json").read_bytes())
    told_of = {row["finding"]: row for row in rows}
    assert "异议FC-JX-01-002" in told_of["context.amendment"]["display_zh"]

    # without the workbench
    if all(map(shutil.which, ("bash", "jq", "openssl", "pdfsig", "pdfdetach", "basenc"))):
        shutil.copy(out / "ledger" / "log.vkey", home / "trust")
        script = ["bash", str(root / "docs/check-batch.sh"), str(out), str(home / "trust")]
        done = subprocess.run(script, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
