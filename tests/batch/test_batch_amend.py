"""A report is amended: a new edition supersedes the old one, and nothing else changes unseen."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from workbench.batch.amend import amend, withdraw
from workbench.batch.diff import diff
from workbench.batch.run import run
from workbench.cli import main
from workbench.errors import InputError, NotebookError

Write = Callable[..., Path]

HEAD = "objection,community,stage,received,about,claim,decision,reason_zh,decided,decided_by\n"
UPHELD = "O-1,AA-01,notice,2027-01-03,score.total,x,upheld,设备故障属实,2027-01-06,A9\n"


def object_to(folder: Path, *lines: str) -> None:
    """Write the table of objections and name it in study.yaml."""
    (folder / "objections.csv").write_text(HEAD + "".join(lines), encoding="utf-8")
    text = (folder / "study.yaml").read_text(encoding="utf-8")
    if "objections:" not in text:
        text = text.replace("sources:\n", "sources:\n  objections: [{file: objections.csv}]\n")
        (folder / "study.yaml").write_text(text, encoding="utf-8")


def correct(folder: Path, row: int, old: int, new: int, objection: str = "O-1") -> None:
    """Put a reading right, as the objection asked for; row 4 is AA-01's for April."""
    with (folder / "corrections.csv").open("a", encoding="utf-8") as file:
        file.write(
            f"measurements.csv,row:{row},numerator,{old},{new},设备故障,A1,2027-01-06,乙,"
            f"异议{objection}，维修单\n"
        )


@pytest.fixture(scope="module")
def signed(
    tmp_path_factory: pytest.TempPathFactory, write_study: Callable[..., Path]
) -> Iterator[Path]:
    """A signed batch of the small study, to be copied."""
    base = tmp_path_factory.mktemp("signed")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("WORKBENCH_HOME", str(base / "home"))
        folder = write_study(base / "study")
        assert run(str(folder), base / "out", jobs=2).signed == 3
        yield base


@pytest.fixture
def batch(signed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Study and batch of this test alone."""
    for name in ("home", "study", "out"):
        shutil.copytree(signed / name, tmp_path / name)
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    note = {"study": str(tmp_path / "study")}
    (tmp_path / "out" / "private" / "study.json").write_text(json.dumps(note), encoding="utf-8")
    return tmp_path / "study", tmp_path / "out"


def entries(out: Path) -> list[dict[str, Any]]:
    lines = (out / "ledger" / "entries.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_an_upheld_objection_makes_a_second_edition_that_supersedes_the_first(
    batch: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = batch
    before = {
        p.name: (p / "tagmanifest-sha256.txt").read_bytes() for p in (out / "communities").iterdir()
    }
    object_to(folder, UPHELD)
    correct(folder, 4, 84, 60)
    bag = out / "communities" / "AA-01"
    assert main(["--messages", "en", "amend", str(bag), "--objection", "O-1", "--jobs", "1"]) == 0
    said = capsys.readouterr().out
    assert "AA-01@2: edition 2 (signed)" in said
    # nothing of the old editions moved
    for name, tags in before.items():
        assert (out / "communities" / name / "tagmanifest-sha256.txt").read_bytes() == tags
    last = entries(out)[-1]
    assert (last["type"], last["edition"], last["supersedes"]) == ("amendment", 2, 1)
    assert "O-1" in last["reason"]
    assert main(["--messages", "en", "verify", str(out)]) == 0
    told = capsys.readouterr().out
    assert "superseded by edition 2" in told
    rows = {
        r["finding"]: r
        for r in json.loads((out / "communities/AA-01@2/data/findings.json").read_bytes())
    }
    assert rows["score.total"]["edition"] == 2
    assert "异议O-1" in rows["context.amendment"]["display_zh"]
    assert "→" in rows["context.amendment.score"]["display_en"]
    found = diff(out)
    assert [row["after"] for row in found.units] == ["AA-01@2"]
    assert "score.total" in {row["finding"] for row in found.moved}
    # run again: there is nothing to do, and nothing is refused
    assert run(str(folder), out, jobs=1).signed == 3
    assert main(["verify", str(out)]) == 0
    # the same objection leads to no third edition
    with pytest.raises(InputError) as caught:
        amend(out / "communities" / "AA-01@2", objection="O-1")
    assert caught.value.problems[0].code == "amend.done"
    with pytest.raises(InputError) as caught:
        amend(bag, reason="x")
    assert caught.value.problems[0].code == "amend.superseded"
    # a third edition for a second objection
    object_to(folder, UPHELD, UPHELD.replace("O-1", "O-2"))
    correct(folder, 5, 85, 70, "O-2")
    made = amend(out / "communities" / "AA-01@2", objection="O-2")
    assert (made.edition, made.state) == (3, "signed")
    assert [e["supersedes"] for e in entries(out) if e["type"] == "amendment"] == [
        1,
        last_number(out, 2),
    ]
    assert main(["verify", str(out)]) == 0


def last_number(out: Path, edition: int) -> int:
    """Number of the entry of an edition of AA-01."""
    return next(i for i, e in enumerate(entries(out)) if e.get("edition") == edition)
