"""Draws begin at the ledger's open entry, are entered, and are not repeated until they please."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from workbench.cli import main


@pytest.fixture
def study(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The bundled study's settings and lists, without its records."""
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    folder = tmp_path / "study"
    shutil.copytree(root / "data" / "demo", folder)
    return folder


def _draw(study: Path, *words: str) -> int:
    return main(["--messages", "en", "draw", str(study), *words, "--out", str(study / "out")])


def _entries(study: Path) -> list[dict[str, object]]:
    lines = (study / "out" / "ledger" / "entries.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_draws_are_entered_once_and_repeat(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _draw(study, "teams") == 2
    assert "workbench open" in capsys.readouterr().err
    assert main(["open", str(study), "--out", str(study / "out")]) == 0
    assert _draw(study, "teams") == 0
    first = (study / "out" / "draws" / "teams-1.csv").read_bytes()
    assert _draw(study, "teams") == 0
    assert "entered before" in capsys.readouterr().out
    assert (study / "out" / "draws" / "teams-1.csv").read_bytes() == first
    assert [e["type"] for e in _entries(study)] == ["open", "draw"]
    assert _draw(study, "teams", "--round", "2") == 0
    assert _draw(study, "cross") == 0
    teams = pd.read_csv(study / "out" / "draws" / "teams-2.csv").set_index("community")["team"]
    cross = pd.read_csv(study / "out" / "draws" / "cross-1.csv").set_index("community")["team"]
    assert len(cross) == 2
    assert (cross != teams[cross.index]).all()
    assert [e.get("purpose") for e in _entries(study)[1:]] == ["teams", "teams", "cross"]

    people = study / "data" / "assessors.csv"
    text = people.read_text(encoding="utf-8")
    people.write_text(text.replace("E1,expert,T1,other_district", "E1,expert,T1,JX"), "utf-8")
    assert _draw(study, "teams") == 2
    assert "draw a further --round" in capsys.readouterr().err
    assert _draw(study, "teams", "--round", "3") == 0
    out = capsys.readouterr().out
    assert "passed over: E1 → JX-01: own compound or area" in out
    again = pd.read_csv(study / "out" / "draws" / "teams-3.csv")
    assert not again.loc[again["community"].str.startswith("JX"), "team"].eq("T1").any()


def test_what_the_source_leaves_open_is_asked_for(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["open", str(study), "--out", str(study / "out")]) == 0
    assert _draw(study, "audit") == 2
    assert "parameters.audit_sample" in capsys.readouterr().err
    assert _draw(study, "sample", "--psus", "3") == 2
    assert "frame" in capsys.readouterr().err


def test_households_are_drawn_in_two_stages_from_the_frame(study: Path) -> None:
    settings = study / "study.yaml"
    text = settings.read_text(encoding="utf-8")
    more = "sources:\n  frame: [{file: data/frame.csv}]\n"
    settings.write_text(text.replace("sources:\n", more, 1), encoding="utf-8")
    units = pd.read_csv(study / "data" / "communities.csv")["community"]
    rows = [f"{u},{u}-b{i},{10 + i}\n" for u in units for i in range(6)]
    (study / "data" / "frame.csv").write_text("community,psu,size\n" + "".join(rows), "utf-8")
    assert main(["open", str(study), "--out", str(study / "out")]) == 0
    sizes = ("--psus", "3", "--households", "4", "--household-reserve", "2", "--method", "pps")
    assert _draw(study, "sample", *sizes) == 0
    told = pd.read_csv(study / "out" / "draws" / "sample-1.csv")
    assert len(told) == len(units) * 3 * 6
    assert told.groupby(["community", "psu"])["ssu"].nunique().eq(6).all()
    weights = told.groupby("community")["base_weight"]
    assert (
        (weights.max() - weights.min()).lt(1e-9).all()
    )  # proportional to size, then equal numbers: all alike
    assert weights.sum().round(6).eq(75).all()  # all households of six buildings
    entry = _entries(study)[-1]["options"]
    assert entry == {"psus": 3, "reserve": 0, "households": 4, "household_reserve": 2,
                     "method": "pps"}  # fmt: skip
    assert _draw(study, "sample", "--psus", "3") == 2  # entered already, with other numbers


def test_a_seal_is_the_beginning_of_the_files_digest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "E1.csv"
    sheet.write_bytes(b"")
    assert main(["--messages", "en", "seal", str(sheet)]) == 2
    sheet.write_bytes(b"item,score\nf1,8\n")
    assert main(["seal", str(sheet)]) == 0
    code, digest, name = capsys.readouterr().out.split()
    assert (len(code), digest[:12], name) == (12, code, "E1.csv")
    sheet.write_bytes(b"item,score\nf1,9\n")
    main(["seal", str(sheet)])
    assert capsys.readouterr().out.split()[0] != code
