"""Three people sign on different days; the batch is closed; an institution's ledger keeps it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workbench.batch import seal, state
from workbench.batch.run import run
from workbench.batch.sign import due, study_of
from workbench.cli import main
from workbench.errors import InputError, MachineError, Problem
from workbench.evidence import attest, pdfsign

Write = Callable[..., Path]
UNITS = ["AA-01", "AA-02", "AA-03"]


def test_people_sign_in_turn_and_an_interrupted_round_is_taken_up(
    tiny: Write,
    given: Path,
    tmp_path: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, out = tiny(), tmp_path / "out"
    text = (folder / "study.yaml").read_text(encoding="utf-8").replace("key: demo", "key: person")
    (folder / "study.yaml").write_text(text + "ledger: ../log\n", encoding="utf-8")
    assert run(str(folder), out, jobs=2).drafts == 3

    def sign(role: str, *more: str) -> int:
        key = str(given / f"{role}.p12")
        return main(["--messages", "en", "sign", str(out), "--as", role, "--key", key, *more])

    # shown, asked, declined: nothing happens
    monkeypatch.setattr("builtins.input", lambda _: "n")
    assert sign("lead") == 1
    assert {row["state"] for row in state.read(out).values()} == {"draft"}
    assert sign("reviewer", "--yes") == 2
    assert "the one before has not signed" in capsys.readouterr().err
    assert sign("lead", "--yes", "--only", "AA-02") == 0
    assert len(due(out, "lead").due) == 2
    assert sign("lead", "--yes") == 0
    lead = str(given / "lead.p12")  # one key in two roles
    assert (
        main(["--messages", "en", "sign", str(out), "--as", "reviewer", "--yes", "--key", lead])
        == 2
    )
    assert "two roles" in capsys.readouterr().err
    assert sign("reviewer", "--yes") == 0
    # the ledger cannot be written: what is signed waits, and the next round enters it
    with monkeypatch.context() as broken:

        def full(*_: Any, **__: Any) -> None:
            raise MachineError(Problem(code="disk", zh="满", en="full"))

        broken.setattr(attest, "enter", full)
        assert sign("institution", "--yes") == 2
    assert {row["state"] for row in state.read(out).values()} == {"signing"}
    assert all(seal.waits_for_entry(out / "communities" / unit) for unit in UNITS)
    assert sign("institution", "--yes") == 0
    assert {row["state"] for row in state.read(out).values()} == {"signed"}
    assert json.loads((out / "batch.json").read_bytes())["states"]["signed"] == 3
    trust = str(given / "root.pem")
    assert main(["verify", str(out), "--trust", trust]) == 0
    # no second report for one study, unit and edition in the institution's ledger
    with pytest.raises(InputError) as caught:
        seal.refuse_unfit(study_of(out), tmp_path / "other", UNITS)
    assert {p.code for p in caught.value.problems} == {"ledger.twice"}
    args = ["close", str(out), "--yes", "--key", str(given / "institution.p12")]
    assert main(args) == 0
    assert main(["verify", str(out), "--trust", trust]) == 0
    assert main(args) == 2  # closed already
    for lang in ("zh", "en"):  # the institution's alone: the others' keys need their persons
        pdf = (out / "overview" / "data" / f"report.{lang}.pdf").read_bytes()
        assert pdfsign.signed_roles(pdf) == ["institution"]
    assert (out / "ledger/checkpoint").read_bytes() == (tmp_path / "log/checkpoint").read_bytes()
    kinds = [json.loads(x)["type"] for x in (out / "ledger/entries.jsonl").read_text().splitlines()]
    assert kinds == ["context", "report", "report", "report", "close"]
    # a deleted report is visible, whatever lists are rewritten
    import shutil

    shutil.rmtree(out / "communities" / "AA-02")
    assert main(["verify", str(out), "--trust", trust]) == 1


def test_an_institutions_ledger_refuses_demonstrations_before_any_kernel(
    tiny: Write, tmp_path: Path, home: Path
) -> None:
    folder = tiny()
    text = (folder / "study.yaml").read_text(encoding="utf-8")
    (folder / "study.yaml").write_text(text + "ledger: ../log\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        run(str(folder), tmp_path / "out", jobs=1)
    assert {p.code for p in caught.value.problems} == {"ledger.demonstration"}
    assert not (tmp_path / "out" / "private" / "map").exists()


@pytest.mark.parametrize("promised", ["ledger", "each"])
def test_stamps_without_an_authority_are_refused_before_any_kernel(
    tiny: Write, given: Path, tmp_path: Path, home: Path, promised: str
) -> None:
    folder = tiny()
    (given / "pass").write_text("\n")
    (given / "pass").chmod(0o600)
    key = "key: {pkcs12: ../keys/lead.p12, passphrase_file: ../keys/pass}"
    text = (folder / "study.yaml").read_text(encoding="utf-8").replace("key: demo", key)
    text = text.replace("timestamps: none", f"timestamps: {promised}")
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        run(str(folder), tmp_path / "out", jobs=1)
    assert caught.value.problems[0].code == "timestamps.authority"
