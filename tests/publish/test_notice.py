"""The notice of the bundled study: sheets, site, ledger; nothing that the public may not have."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pypdf
import pytest

from workbench.batch.amend import withdraw
from workbench.batch.sign import study_of
from workbench.checks.privacy import marks_in_file
from workbench.errors import InputError
from workbench.evidence.bag import NOTICE_LIST
from workbench.evidence.logs import entries
from workbench.evidence.result import Verdict
from workbench.evidence.verify import verify
from workbench.publish.notice import notice

BEGIN = date(2026, 12, 21)


@pytest.fixture(scope="module")
def noticed(demo_batch: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("noticed")
    shutil.copytree(demo_batch, folder / "out")
    shutil.copytree(demo_batch.parent / "home", folder / "home")  # it remembers the log's head
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_HOME", str(folder / "home"))
        told = notice(study_of(folder / "out"), folder / "out", BEGIN)
        assert told.entry is not None
        yield folder / "out"


def page(out: Path, unit: str, lang: str) -> str:
    (file,) = out.glob(f"notice/site/units/*/{unit}{'' if lang == 'zh' else '.en'}.html")
    return file.read_text(encoding="utf-8")


def findings(out: Path, unit: str) -> dict[str, dict[str, Any]]:
    rows = json.loads((out / "communities" / unit / "data" / "findings.json").read_bytes())
    return {row["finding"]: row for row in rows}


def units(out: Path) -> list[str]:
    return sorted(p.name for p in (out / "communities").iterdir() if p.name[0] != ".")


def test_the_ledger_holds_period_and_digest_of_the_notice_once(noticed: Path) -> None:
    listing = (noticed / "notice" / NOTICE_LIST).read_bytes()
    told = [e for e in entries(noticed) if e["type"] == "notice"]
    assert told == [
        {
            "type": "notice",
            "study": "demo-2026h2",
            "from": "2026-12-21",
            "until": "2027-01-05",  # fifteen days, the first not counted
            "units": len(units(noticed)),
            "notice_sha256": hashlib.sha256(listing).hexdigest(),
        }
    ]
    for line in listing.decode().splitlines():
        digest, name = line.split("  ")
        content = (noticed / "notice" / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest
    again = notice(study_of(noticed), noticed, BEGIN)
    assert len([e for e in entries(noticed) if e["type"] == "notice"]) == 1
    assert again.entry == told[0]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_unit_has_a_sheet_of_one_page_and_one_in_large_print(
    noticed: Path, lang: str
) -> None:
    for unit in units(noticed):
        sheet = pypdf.PdfReader(noticed / "notice" / "sheets" / f"{unit}.{lang}.pdf")
        assert len(sheet.pages) == 1, unit
        assert sheet.pages[0].mediabox.width == pytest.approx(595.28, abs=0.1)
        assert (noticed / "notice" / "sheets" / f"{unit}.{lang}.large.pdf").is_file()


def test_a_sheet_says_what_the_law_asks_for(noticed: Path) -> None:
    rows = findings(noticed, "JX-01")
    read = pypdf.PdfReader(io.BytesIO((noticed / "notice/sheets/JX-01.zh.pdf").read_bytes()))
    text = re.sub(r"\s", "", read.pages[0].extract_text())
    assert "2026年12月21日至2027年1月5日" in text
    assert "demo-2026h2/JX-01/1" in text
    total = rows["score.total"]
    assert f"{total['value']:.1f}" in text
    assert rows["context.rank"]["display_zh"].replace(" ", "") in text
    assert "无法区分" in text
    for key, row in rows.items():
        if key.startswith("score.points."):
            assert row["label_zh"] in text
    large = pypdf.PdfReader(noticed / "notice/sheets/JX-01.zh.large.pdf")
    sizes: list[float] = []

    def seen(part: str, _: Any, matrix: Any, __: Any, size: float) -> None:
        if len(part.strip()) > 8:
            sizes.append(size * abs(matrix[3]))

    large.pages[0].extract_text(visitor_text=seen)
    assert sorted(sizes)[len(sizes) // 2] >= 14


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_pages_show_nothing_suppressed_and_no_number_of_their_own(noticed: Path, lang: str) -> None:
    for unit in units(noticed):
        rows = findings(noticed, unit)
        text = page(noticed, unit, lang)
        assert "script" not in text
        named = re.findall(r'data-finding="([^"]+)">([^<]+)<', text)
        for key, shown in named:
            if key in rows and rows[key]["status"] == "suppressed":
                assert not re.search(r"\d", shown), (unit, key)
        assert not re.search(r"\bP\d{5}\b", text)  # no person's number
        for key, row in rows.items():  # groups of persons stand on no page
            if row["subgroup"]:
                assert f'data-finding="{key}"' not in text
    for file in noticed.glob("notice/site/**/*.html"):
        assert list(marks_in_file(file, file.name)) == []
        assert not re.search(r'(src|href)="(https?:)?//', file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_page_leads_to_its_sheets_which_lie_in_the_site(noticed: Path, lang: str) -> None:
    for unit in units(noticed):
        (folder,) = {p.parent for p in noticed.glob(f"notice/site/units/*/{unit}.html")}
        links = re.findall(r'href="([^"/]+\.pdf)"', page(noticed, unit, lang))
        assert links == [f"{unit}.{lang}.pdf", f"{unit}.{lang}.large.pdf"]
        for name in links:
            sheet = noticed / "notice" / "sheets" / name
            assert (folder / name).read_bytes() == sheet.read_bytes()


def test_a_withheld_unit_has_no_points_and_says_why(noticed: Path) -> None:
    text = page(noticed, "JX-07", "en")
    assert "No result is issued" in text
    assert "Points for each indicator" not in text


def told_of(out: Path) -> set[str]:
    report = verify(out, trust=None, home=out.parent / "home", now=datetime.now(UTC))
    found = (r for item in report.items for r in item.results)
    return {r.code for r in found if r.verdict is not Verdict.VALID}


def test_a_notice_is_held_against_its_entry(noticed: Path) -> None:
    assert told_of(noticed) == set()
    folder = noticed / "notice"
    sheet = next((folder / "sheets").glob("*.pdf"))
    kept, listing = sheet.read_bytes(), (folder / NOTICE_LIST).read_bytes()
    sheet.write_bytes(kept + b"\n")
    assert told_of(noticed) == {"notice.file"}
    name = f"  sheets/{sheet.name}\n".encode()
    told = hashlib.sha256(kept).hexdigest().encode() + name
    ours = hashlib.sha256(kept + b"\n").hexdigest().encode() + name
    (folder / NOTICE_LIST).write_bytes(listing.replace(told, ours))
    assert told_of(noticed) == {"notice.entry"}
    (folder / NOTICE_LIST).write_bytes(listing)
    sheet.write_bytes(kept)
    (folder / "site" / "more.html").write_text("<p>", encoding="utf-8")
    assert told_of(noticed) == {"notice.files"}
    (folder / "site" / "more.html").unlink()
    assert told_of(noticed) == set()


def test_a_withdrawn_report_is_left_out_and_named(
    demo_batch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    shutil.copytree(demo_batch, out)
    shutil.copytree(demo_batch.parent / "home", tmp_path / "home")
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    withdraw(out / "communities" / "JX-02", "another compound's data")
    told = notice(study_of(out), out, BEGIN)
    assert told.withdrawn == ("JX-02",)
    assert told.entry is not None
    assert told.entry["units"] == len(units(out)) - 1
    assert not list((out / "notice").rglob("JX-02*"))
    assert "JX-02" not in (out / "notice" / "site" / "index.html").read_text("utf-8")


def test_what_is_not_signed_gets_no_notice(demo_batch: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(demo_batch, out)
    line = json.loads((out / "communities.jsonl").read_text("utf-8").splitlines()[-1])
    with (out / "communities.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({**line, "state": "signing"}, ensure_ascii=False) + "\n")
    with pytest.raises(InputError, match=line["community"]):
        notice(study_of(out), out, BEGIN)
    assert not (out / "notice").exists()
    with pytest.raises(InputError):
        notice(study_of(out), out, date(2026, 12, 1))
