"""The overview of the bundled study: made, signed and verified when the batch is closed."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pypdf
import pytest

from workbench.batch.closing import close, shown, signers
from workbench.batch.render import open_keys
from workbench.batch.sign import study_of
from workbench.evidence.answer import Report
from workbench.evidence.verify import verify
from workbench.publish.deliver import deliver


@pytest.fixture(scope="module")
def closed(demo_batch: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("closed")
    out = folder / "out"
    shutil.copytree(demo_batch, out)
    shutil.copytree(demo_batch.parent / "home", folder / "home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_HOME", str(folder / "home"))
        study = study_of(out)
        signing = signers(study, open_keys(study)["institution"])
        pages, code = shown(study, out, signing)  # what is about to be signed
        assert list(signing) == ["lead", "reviewer", "institution"]
        assert [pdf.pages for pdf in pages.pages.values()] == [3, 3]
        assert not list((out / "overview" / "data").glob("report.*"))
        _, entry = close(study, out, signing)
        assert entry["evidence_sha256"].startswith(code)
        yield out


def told(path: Path, home: Path) -> Report:
    return verify(path, trust=None, home=home, now=datetime.now(UTC))


def units(out: Path) -> list[str]:
    return sorted(p.name for p in (out / "communities").iterdir() if p.name[0] != ".")


def findings(out: Path, unit: str) -> dict[str, dict[str, Any]]:
    rows = json.loads((out / "communities" / unit / "data" / "findings.json").read_bytes())
    return {row["finding"]: row for row in rows}


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_overview_tells_ranks_as_sets_gap_and_what_to_do_first(closed: Path, lang: str) -> None:
    pdf = pypdf.PdfReader(closed / "overview" / "data" / f"report.{lang}.pdf")
    pages = [re.sub(r"\s", "", page.extract_text()) for page in pdf.pages]
    text = "".join(pages)
    data = (closed / "overview" / "data" / "findings.json").read_bytes()
    both = {row["finding"]: row for row in json.loads(data) if row["section"] == "overview"}
    for key in ("overview.assessed", "overview.gap", "overview.pass_rate"):
        assert re.sub(r"\s", "", both[key][f"display_{lang}"]) in text
    lost: dict[str, float] = {}
    for unit in units(closed):  # naive: every deduction of every unit
        rows = findings(closed, unit)
        total = rows["score.total"]["value"] if "score.total" in rows else None
        tile = f"{rows['head.unit'][f'display_{lang}']}{f'{total:.1f}' if total else '—'}"
        assert re.sub(r"\s", "", tile) in pages[0]
        if "context.rank" in rows and rows["context.rank"]["value"]:
            rank = rows["context.rank"]
            low, high = int(rank["ci_low"]), int(rank["ci_high"])
            assert f"{int(rank['value'])}({low}–{high})" in text or low == high
        for row in rows.values():
            if row["kind"] == "deduction" and round(row["points"], 1) > 0:
                name = re.sub(r"\s", "", row[f"label_{lang}"]).capitalize()
                lost[name] = lost.get(name, 0.0) + row["points"]
    dearest = max(lost, key=lambda name: lost[name])
    assert f"1{dearest}{lost[dearest]:.1f}" in text or lang == "en"
    code = json.loads((closed / "overview/attest/entry.json").read_bytes())["evidence_sha256"][:12]
    assert all(code in page for page in pages)


def test_it_is_signed_by_three_and_valid_in_the_batch_as_a_bag_and_alone(closed: Path) -> None:
    home = closed.parent / "home"
    assert told(closed, home).exit_code == 0
    for path in (closed / "overview", closed / "overview" / "data" / "report.en.pdf"):
        report = told(path, home)
        assert report.exit_code == 0, report.text("en")
        signed = {
            tuple(status.role for status in statuses)
            for item in report.items
            for statuses in item.signatures.values()
        }
        assert signed == {("lead", "reviewer", "institution")}


def test_the_public_gets_the_overview_that_was_signed(closed: Path, tmp_path: Path) -> None:
    deliver(closed, "public", tmp_path / "public")
    for lang in ("zh", "en"):
        handed = (tmp_path / "public" / f"overview.{lang}.pdf").read_bytes()
        assert handed == (closed / "overview" / "data" / f"report.{lang}.pdf").read_bytes()
