"""A report is amended: a new edition supersedes the old one, and nothing else changes unseen."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from workbench.batch import state
from workbench.batch.amend import amend, withdraw
from workbench.batch.diff import diff
from workbench.batch.run import run
from workbench.cli import main
from workbench.errors import InputError

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


@pytest.mark.soak  # the way through is walked in test_batch_walk
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
    assert "indicator.waste_sorting_accuracy" in {row["finding"] for row in found.moved}
    # the same objection leads to no third edition, and an old edition is not amended
    for name, more, code in (
        ("AA-01@2", {"objection": "O-1"}, "amend.done"),
        ("AA-01", {"reason": "x"}, "amend.superseded"),
        ("AA-02", {"reason": ""}, "amend.reason"),
        ("AA-02", {"objection": "O-1"}, "amend.objection"),
    ):
        with pytest.raises(InputError) as caught:
            amend(out / "communities" / name, **more)
        assert [p.code for p in caught.value.problems] == [code]


@pytest.mark.soak
@pytest.mark.parametrize(
    ("line", "named", "codes"),
    [
        (UPHELD.replace("upheld", "rejected"), True, ["amend.decision"]),
        (UPHELD.replace(",A9", ","), True, ["amend.decider"]),
        (UPHELD, False, ["amend.unnamed"]),
    ],
)
def test_what_does_not_move_a_report_is_refused_before_any_notebook(
    batch: tuple[Path, Path], line: str, named: bool, codes: list[str]
) -> None:
    folder, out = batch
    object_to(folder, line)
    if named:
        correct(folder, 4, 84, 60)
    with pytest.raises(InputError) as caught:
        amend(out / "communities" / "AA-01", objection="O-1")
    assert [p.code for p in caught.value.problems] == codes
    assert not (out / "private" / "amendments").exists()
    assert main(["verify", str(out)]) == 0


@pytest.mark.soak
def test_a_change_of_another_unit_does_not_slip_in(batch: tuple[Path, Path]) -> None:
    folder, out = batch
    object_to(folder, UPHELD)
    correct(folder, 4, 84, 60)
    correct(folder, 10, 87, 99, "")  # AA-02
    with pytest.raises(InputError) as caught:
        amend(out / "communities" / "AA-01", objection="O-1")
    assert [(p.code, p.community) for p in caught.value.problems] == [("amend.other", "AA-02")]


def test_units_with_upheld_objections_of_their_own_are_amended_in_the_same_round(
    batch: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = batch
    two = (
        UPHELD.replace("O-1", "FC-AA-02-001")
        .replace("AA-01", "AA-02")
        .replace("notice", "factual_check")
    )
    object_to(folder, UPHELD, two)
    correct(folder, 4, 84, 60)
    correct(folder, 10, 87, 99, "FC-AA-02-001")
    made = amend(out / "communities" / "AA-01", objection="O-1", jobs=1)
    assert (made.edition, made.state) == (2, "signed")
    rows = state.read(out)
    assert rows["AA-02@2"]["state"] == "signed"
    told = {
        name: next(
            r["display_zh"]
            for r in json.loads((out / f"communities/{name}/data/findings.json").read_bytes())
            if r["finding"] == "context.amendment"
        )
        for name in ("AA-01@2", "AA-02@2")
    }
    assert "异议O-1" in told["AA-01@2"]
    assert "FC-AA-02-001" not in told["AA-01@2"]
    assert "异议FC-AA-02-001" in told["AA-02@2"]
    assert "O-1" not in told["AA-02@2"]
    assert main(["verify", str(out)]) == 0
    with pytest.raises(InputError) as caught:
        amend(out / "communities" / "AA-02@2", objection="FC-AA-02-001")
    assert [p.code for p in caught.value.problems] == ["amend.done"]


def test_who_scored_does_not_decide(tiny: Write) -> None:
    from workbench.intake import read_study

    folder = tiny()
    (folder / "inspections.csv").write_text(
        "community,wave,assessor,role,visit,item,passed\nAA-01,w2,A9,expert,announced,F01,true\n",
        encoding="utf-8",
    )
    book = "F01: {wording: {zh: 灯, en: light}, kind: check, role: inspection, class: public, purpose: x}\n"
    (folder / "codebook.yaml").write_text(book, encoding="utf-8")
    object_to(folder, UPHELD)
    text = (folder / "study.yaml").read_text(encoding="utf-8")
    text = text.replace("sources:\n", "sources:\n  inspections: [{file: inspections.csv}]\n")
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_study(folder)
    assert "objections.decided_by" in {p.code for p in caught.value.problems}


@pytest.mark.soak
def test_editions_after_a_close_a_second_objection_and_a_withdrawal(
    batch: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = batch
    assert main(["close", str(out), "--yes"]) == 0
    object_to(folder, UPHELD)
    correct(folder, 4, 84, 60)
    amend(out / "communities" / "AA-01", objection="O-1")
    assert main(["verify", str(out)]) == 0
    number, closing = [(i, e) for i, e in enumerate(entries(out)) if e["type"] == "close"][-1]
    assert (closing["edition"], closing["supersedes"]) == (2, 3 + 1)
    assert (out / "overview@2" / "data" / "report.zh.pdf").is_file()
    assert number == len(entries(out)) - 1
    audited = ["audit", str(out / "communities" / "AA-01@2"), "--run-foreign"]
    assert main([*audited, "--overview", str(out / "overview@2")]) == 0
    # run again: there is nothing to do, and nothing is refused
    assert run(str(folder), out, jobs=1).signed == 3
    assert main(["verify", str(out)]) == 0
    object_to(folder, UPHELD, UPHELD.replace("O-1", "O-2"))
    correct(folder, 5, 85, 1, "O-2")
    made = amend(out / "communities" / "AA-01@2", objection="O-2")
    assert (made.edition, made.state) == (3, "signed")
    numbers = {e["edition"]: i for i, e in enumerate(entries(out)) if e.get("community") == "AA-01"}
    later = [e for e in entries(out) if e["type"] == "amendment" and e["community"] == "AA-01"]
    assert [e["supersedes"] for e in later] == [numbers[1], numbers[2]]
    assert main(["verify", str(out)]) == 0
    # withdrawn: it is told for ever; a new edition may follow, and supersedes the withdrawal
    number = withdraw(out / "communities" / "AA-01@3", "写错了单位")
    capsys.readouterr()
    assert main(["--messages", "en", "verify", str(out)]) == 1
    assert "withdrawn" in capsys.readouterr().out
    made = amend(out / "communities" / "AA-01@3", reason="重新出具")
    assert made.edition == 4
    later = [e for e in entries(out) if e["type"] == "amendment" and e["community"] == "AA-01"]
    assert later[-1]["supersedes"] == number
    with pytest.raises(InputError):
        withdraw(out / "communities" / "AA-01", "superseded long ago")


@pytest.mark.soak
def test_a_killed_amendment_is_taken_up(batch: tuple[Path, Path]) -> None:
    """Killed at several moments, the same command ends in the same report."""
    import os
    import signal
    import subprocess
    import sys
    import time

    folder, out = batch
    object_to(folder, UPHELD)
    correct(folder, 4, 84, 60)
    whole = out.with_name("whole")
    shutil.copytree(out, whole)
    # a ledger that goes two ways is refused where it is remembered: the copy has a home of its own
    home = Path(os.environ["WORKBENCH_HOME"])
    shutil.copytree(home, home.with_name("home-of-whole"))
    apart = os.environ | {"WORKBENCH_HOME": str(home.with_name("home-of-whole"))}
    command = [sys.executable, "-m", "workbench", "amend"]
    rest = ["--objection", "O-1", "--jobs", "1"]
    subprocess.run([*command, str(whole / "communities" / "AA-01"), *rest], check=True, env=apart)
    for seconds in (3.0, 6.0, 9.0, 12.0, 15.0):
        started = subprocess.Popen(
            [*command, str(out / "communities" / "AA-01"), *rest], start_new_session=True
        )
        time.sleep(seconds)
        if started.poll() is None:
            os.killpg(started.pid, signal.SIGKILL)
        started.wait()
        if (out / "communities" / "AA-01@2").exists():
            break
    again = subprocess.run([*command, str(out / "communities" / "AA-01"), *rest], check=False)
    done = (out / "communities" / "AA-01@2" / "attest" / "entry.json").exists()
    assert again.returncode == 0 or done
    same = "data/findings.json", "data/context.json", "data/evidence-sha256.txt"
    for name in same:
        made = [o / "communities" / "AA-01@2" / name for o in (out, whole)]
        assert made[0].read_bytes() == made[1].read_bytes()
    assert main(["verify", str(out)]) == 0
    assert sum(e["type"] == "amendment" and e["community"] == "AA-01" for e in entries(out)) == 1


def test_the_same_cells_are_withheld_in_all_editions_or_the_whole_table() -> None:
    """A and B hidden first, A and C later: total, B and C would give A away."""
    from types import SimpleNamespace

    import pandas as pd

    from workbench.assess.editions import beside_earlier

    def edition(flags: list[str]) -> pd.DataFrame:
        hidden = [bool(flag) for flag in flags]
        return pd.DataFrame(
            {
                "finding": ["q.A", "q.B", "q.C"],
                "item": "q",
                "value": [None if h else 0.5 for h in hidden],
                "n": [None if h else 20.0 for h in hidden],
                "status": ["suppressed" if h else "ok" for h in hidden],
                "flags": flags,
                "reason_zh": "",
                "reason_en": "",
            }
        )

    def second(frame: pd.DataFrame, *earlier: list[str]) -> list[str]:
        told = [{"edition": i, "withheld": names} for i, names in enumerate(earlier, 1)]
        settings: Any = SimpleNamespace(settings={"earlier_editions": told} if told else {})
        return list(beside_earlier(settings, frame, ["item"])["status"])

    same = edition(["disclosure", "disclosure_complementary", ""])
    other = edition(["disclosure", "", "disclosure_complementary"])
    open_ = edition(["", "", ""])
    assert second(same) == ["suppressed", "suppressed", "ok"]
    assert second(same, ["q.A", "q.B", "x.A"]) == ["suppressed", "suppressed", "ok"]
    assert second(other, ["q.A", "q.B"]) == ["suppressed"] * 3
    assert second(open_, ["q.A", "q.B"]) == ["suppressed"] * 3
    assert second(other, []) == ["suppressed"] * 3
    assert second(open_, []) == ["ok"] * 3
    # an edition that showed nothing of the table does not bind the next
    assert second(same, ["q.A", "q.B"], ["q.A", "q.B", "q.C"]) == ["suppressed", "suppressed", "ok"]
