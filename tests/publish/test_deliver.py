"""Each recipient gets what they may have; what is left out is said and nothing else changes."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from workbench.batch.audit import audit
from workbench.batch.slices import load_study
from workbench.cli import main
from workbench.errors import InputError
from workbench.evidence.answer import Report
from workbench.evidence.verify import verify
from workbench.publish.deliver import deliver
from workbench.publish.purge import purge

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(demo_batch: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = demo_batch.parent / "home"
    monkeypatch.setenv("WORKBENCH_HOME", str(folder))
    return folder


def judged(path: Path, home: Path) -> Report:
    return verify(path, trust=None, home=home, now=datetime.now(UTC))


def names(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_the_public_gets_results_reports_and_proof(
    demo_batch: Path, home: Path, tmp_path: Path
) -> None:
    to = tmp_path / "public"
    told = deliver(demo_batch, "public", to)
    assert (told.units, told.marks) == (14, ())
    found = names(to)
    assert {"results.csv", "results.xlsx"} <= found
    allowed = r"results\.(csv|xlsx)|(ledger|trust)/.+|reports/[A-Z0-9-]+/(report\..+|attest/.+)"
    assert [name for name in found if not re.fullmatch(allowed, name)] == []
    report = judged(to / "reports" / "JX-01" / "report.zh.pdf", home)
    assert report.exit_code == 0, report.text("en")


def test_the_client_gets_no_rows_and_every_bag_is_still_valid(
    demo_batch: Path, home: Path, tmp_path: Path
) -> None:
    to = tmp_path / "client"
    assert deliver(demo_batch, "client", to).marks == ()
    found = names(to)
    assert not [n for n in found if re.search(r"communities/.+/inputs/.+\.csv$", n)]
    assert not [n for n in found if n.startswith("private")]
    assert "communities/JX-01/data/notebook.ipynb" in found  # its outputs are findings and figures
    report = judged(to, home)
    assert report.exit_code == 0, report.text("en")
    bag = judged(to / "communities" / "JX-01", home)
    assert "inputs not delivered" in bag.text("en")
    assert "数据未交付" in bag.text("zh")
    again = audit(to / "communities" / "JX-01", trust=None, home=home, now=datetime.now(UTC))
    assert (again.exit_code, again.reproduced) == (5, None)
    assert "auditor" in again.text("en")


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        ("data/findings.json", "data/findings.json: missing"),
        ("data/protocol/protocol.json", "protocol.json: missing"),
        ("data/report.en.pdf", "report.en.pdf: missing"),
    ],
)
def test_only_rows_can_be_left_out(
    demo_batch: Path, home: Path, tmp_path: Path, lost: str, said: str
) -> None:
    bag = tmp_path / "JX-01"
    shutil.copytree(demo_batch / "communities" / "JX-01", bag)
    (bag / lost).unlink()
    (bag / "not-delivered.txt").write_text(lost + "\n")
    report = judged(bag, home)
    assert report.exit_code == 1
    assert said in report.text("en")


def test_a_row_file_that_is_there_must_be_right_whatever_is_not_delivered(
    demo_batch: Path, home: Path, tmp_path: Path
) -> None:
    bag = tmp_path / "JX-01"
    shutil.copytree(demo_batch / "communities" / "JX-01", bag)
    (bag / "not-delivered.txt").write_text("data/inputs/requests.csv\n")
    (bag / "data/inputs/requests.csv").write_text("request\n")
    assert judged(bag, home).exit_code == 1


def test_the_auditor_gets_every_bag_whole(demo_batch: Path, home: Path, tmp_path: Path) -> None:
    to = tmp_path / "auditor"
    deliver(demo_batch, "auditor", to)
    for name in names(demo_batch / "communities"):
        assert (to / "communities" / name).read_bytes() == (
            demo_batch / "communities" / name
        ).read_bytes()
    assert not (to / "private").exists()
    assert judged(to, home).exit_code == 0


def one_unit(demo_batch: Path, to: Path) -> Path:
    """A batch with the bag of one unit."""
    shutil.copytree(demo_batch / "communities" / "JX-01", to / "communities" / "JX-01")
    for name in ("batch.json", "communities.jsonl"):
        shutil.copy2(demo_batch / name, to / name)
    return to


def test_a_mark_of_a_person_anywhere_stops_the_delivery(
    demo_batch: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = one_unit(demo_batch, tmp_path / "out")
    file = out / "communities" / "JX-01" / "data" / "notebook.ipynb"
    told = json.loads(file.read_bytes())
    [cell] = [c for c in told["cells"] if c["id"] == "data"]
    cell["outputs"].append({"output_type": "stream", "name": "stdout", "text": "13800138000"})
    file.write_text(json.dumps(told))
    to = tmp_path / "handed"
    code = main(["--messages", "en", "deliver", str(out), "--profile", "auditor", "--to", str(to)])
    said = capsys.readouterr().out
    assert code == 1
    assert "JX-01/data/notebook.ipynb[data]" in said
    assert "13800138000" not in said
    assert list(tmp_path.iterdir()) == [out]


def test_a_notebook_that_shows_rows_does_not_go_to_the_client(
    demo_batch: Path, tmp_path: Path
) -> None:
    out = one_unit(demo_batch, tmp_path / "out")
    file = out / "communities" / "JX-01" / "data" / "notebook.ipynb"
    told = json.loads(file.read_bytes())
    [cell] = [c for c in told["cells"] if c["id"] == "data"]
    data = {"text/html": "<table><tr><td>P001</td></tr></table>", "text/plain": "P001"}
    cell["outputs"].append({"output_type": "execute_result", "data": data, "metadata": {}})
    file.write_text(json.dumps(told))
    deliver(out, "client", tmp_path / "client")
    bag = tmp_path / "client" / "communities" / "JX-01"
    assert not (bag / "data" / "notebook.ipynb").exists()
    assert "data/notebook.ipynb" in (bag / "not-delivered.txt").read_text().split("\n")


@pytest.mark.skipif(os.name != "posix", reason="links need a privilege on Windows")
def test_links_and_taken_places_are_refused(demo_batch: Path, tmp_path: Path) -> None:
    out = one_unit(demo_batch, tmp_path / "out")
    (out / "communities" / "JX-01" / "data" / "x.csv").symlink_to("/etc/passwd")
    for to, code in (
        (tmp_path / "handed", "deliver.link"),
        (out / "inside", "deliver.to"),
        (tmp_path, "deliver.to"),
    ):
        with pytest.raises(InputError) as caught:
            deliver(out, "auditor", to)
        assert caught.value.problems[0].code == code
    with pytest.raises(InputError) as caught:
        deliver(tmp_path, "auditor", tmp_path / "handed")
    assert caught.value.problems[0].code == "deliver.batch"
    assert not (tmp_path / "handed").exists()


def test_rows_are_purged_after_their_time_and_not_before(
    demo_batch: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, folder = tmp_path / "out", tmp_path / "study"
    # a home of its own: what this log has seen is nothing to the batch that others look at
    home = shutil.copytree(home, tmp_path / "home")
    monkeypatch.setenv("WORKBENCH_HOME", str(home))
    shutil.copytree(demo_batch, out)
    shutil.copytree(ROOT / "data" / "demo", folder)
    study = load_study(str(folder))
    with pytest.raises(InputError) as caught:
        purge(study, out, today=date(2030, 1, 1))
    assert caught.value.problems[0].code == "purge.retention"
    with (folder / "study.yaml").open("a", encoding="utf-8") as file:
        file.write("retention: 2029-12-31\n")
    study = load_study(str(folder))
    with pytest.raises(InputError) as caught:
        purge(study, out, today=date(2029, 12, 31))
    assert caught.value.problems[0].found == "2029-12-31"
    told = purge(study, out, today=date(2030, 1, 1))
    assert not (out / "private").exists()
    assert not list((out / "communities").glob("*/data/inputs/*.csv"))
    assert told.bags == 14
    assert "data/communities.csv" in told.raw
    assert (folder / "data" / "communities.csv").exists()  # the person's to remove
    entries = [json.loads(x) for x in (out / "ledger" / "entries.jsonl").read_text().splitlines()]
    assert entries[-1]["type"] == "purge"
    assert entries[-1]["files"] == told.files
    report = judged(out / "communities" / "JX-01", home)
    assert report.exit_code == 0, report.text("en")


# --- nothing leaks -------------------------------------------------------------------------------


def texts(demo_batch: Path) -> str:
    """Everything of the batch but ``private`` that can be read as text, in one."""
    parts = []
    for folder in ("communities", "overview"):
        for file in sorted((demo_batch / folder).rglob("*")):
            if file.suffix in {".csv", ".json", ".ipynb", ".html", ".svg", ".txt"}:
                text = file.read_text(encoding="utf-8")
                parts.append(text)
    return "\n".join(parts)


def test_free_text_leaves_only_as_a_quotation_that_a_person_approved(demo_batch: Path) -> None:
    folder = ROOT / "data" / "demo"
    judgements = io.StringIO((folder / "judgements.csv").read_text(encoding="utf-8"))
    approved = {row["to"] for row in csv.DictReader(judgements) if row["kind"] == "quotation"}
    said: set[str] = set()
    sources: list[tuple[str, str, tuple[str, ...]]] = [
        ("requests_12345.csv", "utf-8-sig", ("内容",)),
        ("survey_2026h2_wjx.csv", "utf-8-sig", ()),
        ("survey_2026h1_wjx.csv", "gb18030", ()),
    ]
    for name, encoding, columns in sources:
        text = (folder / "data" / name).read_text(encoding=encoding)
        rows: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(text)))
        for column in columns or list(rows[0])[-1:]:
            said |= {str(row[column]) for row in rows if len(str(row[column] or "")) >= 10}
    assert len(said) > 50
    everything = texts(demo_batch)
    leaked = {text for text in said - approved if text in everything}
    assert leaked == set()
    assert all(text in everything for text in approved)
