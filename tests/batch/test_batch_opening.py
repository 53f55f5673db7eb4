"""What is entered before field work, and the seeds that derive from it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.batch import run, state
from workbench.batch.opening import draw_seed, enter_draw, log_of, open_study, opened
from workbench.batch.slices import load_study
from workbench.cli import main
from workbench.errors import InputError, MachineError

Write = Callable[..., Path]
pytestmark = pytest.mark.usefixtures("home")


def code(call: Callable[[], object]) -> str:
    with pytest.raises((InputError, MachineError)) as caught:
        call()
    return caught.value.problems[0].code


def test_a_study_is_opened_before_its_data_exist(tiny: Write, tmp_path: Path) -> None:
    study = tiny()
    (study / "measurements.csv").unlink()  # field work has not begun
    assert main(["--messages", "en", "open", str(study), "--out", str(tmp_path / "out")]) == 0
    lines = (tmp_path / "out/ledger/entries.jsonl").read_bytes().splitlines()
    assert len(lines) == 1
    entry = json.loads(lines[0])
    assert (entry["type"], entry["study"], entry["units"]) == ("open", "tiny", 3)
    assert entry["decisions"]["multiplicity"] == "holm"
    units = hashlib.sha256(b"AA-01\nAA-02\nAA-03\n").hexdigest()
    assert entry["units_sha256"] == units


def test_the_same_again_changes_nothing_and_a_change_needs_a_reason(
    tiny: Write, tmp_path: Path
) -> None:
    study, out = tiny(), tmp_path / "out"
    assert code(lambda: opened(load_study(str(study)), out)) == "open.missing"
    first = open_study(load_study(str(study)), out)
    assert open_study(load_study(str(study)), out).number == first.number == 0
    file = study / "study.yaml"
    file.write_text(file.read_text().replace("margin_pp: 5", "margin_pp: 3"))
    changed = load_study(str(study))
    assert code(lambda: open_study(changed, out)) == "ledger.opened"
    second = open_study(changed, out, reason="合同补充协议")
    assert (second.number, second.entry["changes"]) == (1, 0)
    assert second.entry["decisions"]["margin_pp"] == 3
    assert opened(changed, out).number == 1


def test_the_seed_of_a_draw_is_computed_from_the_entry_alone(tiny: Write, tmp_path: Path) -> None:
    study, out = load_study(str(tiny())), tmp_path / "out"
    found = open_study(study, out)
    leaf = (out / "ledger/entries.jsonl").read_bytes().rstrip(b"\n")
    assert found.seed("sample") == draw_seed(leaf, b"", "sample")
    empty = hashlib.sha256(b"").digest()
    parts = hashlib.sha256(leaf).digest() + empty + hashlib.sha256(b"sample").digest()
    assert found.seed("sample") == int.from_bytes(hashlib.sha256(parts).digest(), "big")
    assert found.seed("sample") != found.seed("teams")
    assert enter_draw(study, out, {"purpose": "sample", "drawn_sha256": "0" * 64}) == 1
    entry = json.loads((out / "ledger/entries.jsonl").read_bytes().splitlines()[1])
    assert (entry["type"], entry["open"], entry["purpose"]) == ("draw", 0, "sample")


def test_a_ledger_put_back_to_an_earlier_state_is_not_continued(
    tiny: Write, tmp_path: Path
) -> None:
    study, out = load_study(str(tiny())), tmp_path / "out"
    open_study(study, out)
    shutil.copytree(out / "ledger", tmp_path / "early")
    enter_draw(study, out, {"purpose": "sample"})
    shutil.rmtree(out / "ledger")
    shutil.copytree(tmp_path / "early", out / "ledger")
    assert code(lambda: enter_draw(study, out, {"purpose": "sample"})) == "ledger.rolled-back"


def test_an_institutions_ledger_takes_no_demonstration_and_needs_its_key(
    tiny: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tiny()
    file = folder / "study.yaml"
    file.write_text(
        file.read_text().replace("timestamps: none", "timestamps: none\nledger: ../log")
    )
    study, out = load_study(str(folder)), tmp_path / "out"
    open_study(study, out)
    assert (out / "ledger/checkpoint").read_bytes() == (tmp_path / "log/checkpoint").read_bytes()
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "other"))
    assert code(lambda: open_study(study, out)) == "ledger.key"


def test_rules_other_than_those_entered_before_field_work_are_told(
    tiny: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tiny(), tmp_path / "out"
    for name in ("communities.csv", "measurements.csv"):  # one unit and one language, to be quick
        lines = (folder / name).read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [x for x in lines if not x.startswith(("AA-02", "AA-03"))]
        (folder / name).write_text("".join(kept), encoding="utf-8")
    file = folder / "study.yaml"
    entered = file.read_text(encoding="utf-8").replace("[zh, en]", "[zh]")
    file.write_text(entered, encoding="utf-8")
    assert main(["open", str(folder), "--out", str(out)]) == 0
    file.write_text(entered.replace("margin_pp: 5", "margin_pp: 1"), encoding="utf-8")
    assert main(["run", str(folder), "--out", str(out), "--jobs", "1"]) == 0
    capsys.readouterr()
    assert main(["--messages", "en", "verify", str(out)]) == 1
    told = capsys.readouterr().out
    assert "data/inputs/study.json: not as it was entered before field work (decisions)" in told
    # the report is signed: its rules cannot be entered after it
    assert main(["open", str(folder), "--out", str(out), "--reason", "another margin"]) == 2


def test_the_longer_a_log_the_more_reports_are_entered_together(
    tiny: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, out = load_study(str(tiny())), tmp_path / "out"
    monkeypatch.setattr(run, "ENTRIES", 2)
    log = log_of(study, out)
    assert run.entered_together(study, out) == 2
    log.append(
        [{"type": "notice", "study": "tiny", "n": n} for n in range(700)], demonstration=True
    )
    assert run.entered_together(study, out) == 7


def test_a_run_without_anything_to_enter_makes_no_log(tiny: Write, tmp_path: Path) -> None:
    run.enter_all(load_study(str(tiny())), tmp_path / "out", {})
    assert not (tmp_path / "out").exists()


def test_bags_that_a_log_does_not_take_are_in_the_state_all_the_same(
    tiny: Write, tmp_path: Path
) -> None:
    study, out = load_study(str(tiny())), tmp_path / "out"
    log_of(study, out).append([{"type": "notice", "study": "tiny"}], demonstration=True)
    (out / "ledger" / "log.vkey").unlink()
    row = {"community": "AA-01", "edition": 1, "state": "signing", "attempt": 1}
    assert code(lambda: run.enter_all(study, out, {"AA-01": row})) == "ledger.vkey"
    assert state.brief(out)["AA-01"].state == "signing"
