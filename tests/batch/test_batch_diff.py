"""What moved between two batches is found, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workbench.batch import state
from workbench.batch.diff import diff
from workbench.cli import main
from workbench.errors import InputError


def batch(folder: Path, units: dict[str, list[dict[str, Any]]], inputs: str = "a") -> Path:
    folder.mkdir()
    for unit, rows in units.items():
        data = folder / "communities" / unit / "data"
        data.mkdir(parents=True)
        (data / "findings.json").write_text(json.dumps(rows))
        manifest = f"{inputs * 64}  data/inputs/responses.csv\n{'b' * 64}  data/report.zh.pdf\n"
        (data.parent / "manifest-sha256.txt").write_text(manifest)
        state.append(folder, {"community": unit, "state": "signed", "outcome": "assessed"})
    return folder


def row(finding: str, value: float, **more: Any) -> dict[str, Any]:
    shown = {"display_zh": f"{value:.0%}", "display_en": f"{value:.0%}"}
    return {"finding": finding, "value": value, "label_en": "L", "label_zh": "标", **shown, **more}


def test_the_same_findings_recorded_in_another_cell_are_no_difference(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = batch(tmp_path / "a", {"A-1": [row("x", 0.5, cell="1")]})
    two = batch(tmp_path / "b", {"A-1": [row("x", 0.5, cell="2")]})
    for said in (["--messages", "en", "diff"], ["diff", "--messages", "en"]):
        assert main([*said, str(one), str(two)]) == 0
        assert "no difference" in capsys.readouterr().out


def test_a_moved_figure_a_flipped_verdict_and_another_input_are_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = batch(
        tmp_path / "a",
        {
            "A-1": [row("x", 0.5, verdict="met"), row("y", 0.5), row("z", 0.1)],
            "A-2": [row("x", 0.5)],
        },
    )
    two = batch(
        tmp_path / "b",
        {"A-1": [row("x", 0.4, verdict="not_met"), row("y", 0.5)], "A-3": [row("x", 0.5)]},
        inputs="c",
    )
    assert main(["--messages", "en", "diff", str(one), str(two), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["compared"] == 1
    (moved,) = told["moved"]
    assert (moved["community"], moved["finding"]) == ("A-1", "x")
    assert (moved["before"]["value"], moved["after"]["value"]) == (0.5, 0.4)
    assert "n" not in moved["before"], "only what differs"
    (verdict,) = told["verdicts"]
    assert (verdict["before"], verdict["after"]) == ("met", "not_met")
    assert told["findings"] == [{"community": "A-1", "finding": "z", "only": "before"}]
    assert [(i["community"], i["file"]) for i in told["inputs"]] == [
        ("A-1", "inputs/responses.csv")
    ]
    assert [unit["community"] for unit in told["units"]] == ["A-2", "A-3"]
    assert "50% → 40%" in diff(one, two).text("en")


def test_another_unit_s_row_in_a_raw_file_is_no_other_input(tmp_path: Path) -> None:
    out = {}
    for at, (name, digest, seed) in enumerate([("a", "0", 1), ("b", "1", 1), ("c", "0", 2)]):
        out[name] = batch(tmp_path / name, {"A-1": [row("x", 0.5)]})
        bag = out[name] / "communities" / "A-1"
        (bag / "data" / "inputs").mkdir()
        told = {"seed": seed, "files": [{"name": "responses.csv", "sha256": digest}]}
        (bag / "data" / "inputs" / "study.json").write_text(json.dumps(told))
        with (bag / "manifest-sha256.txt").open("a") as manifest:
            manifest.write(f"{str(at) * 64}  data/inputs/study.json\n")
    assert diff(out["a"], out["b"]).exit_code == 0
    assert [one["file"] for one in diff(out["a"], out["c"]).inputs] == ["inputs/study.json"]


def test_a_unit_s_state_is_said_in_the_reader_s_language(tmp_path: Path) -> None:
    one, two = (batch(tmp_path / name, {"A-1": [row("x", 0.5)]}) for name in "ab")
    state.append(two, {"community": "A-1", "state": "failed"})
    found = diff(one, two)
    assert "A-1  已签名，已评定 → 失败，—" in found.text("zh")
    assert "A-1  signed, assessed → failed, —" in found.text("en")


def test_other_code_is_told_and_alone_is_no_difference(tmp_path: Path) -> None:
    one = batch(tmp_path / "a", {"A-1": [row("x", 0.5)]})
    two = batch(tmp_path / "b", {"A-1": [row("x", 0.5)]})
    for folder, package, pandas in ((one, "1" * 64, "3.1.1"), (two, "2" * 64, "3.1.1")):
        told = {"versions": {"package": package, "pandas": pandas}}
        (folder / "batch.json").write_text(json.dumps(told))
    found = diff(one, two)
    assert found.exit_code == 0
    assert found.as_dict()["versions"] == [
        {"name": "package", "before": "1" * 64, "after": "2" * 64}
    ]
    assert "package  111111111111 → 222222222222" in found.text("en")
    assert diff(one, one).versions == []


def test_a_bag_that_cannot_be_read_is_not_called_equal(tmp_path: Path) -> None:
    one = batch(tmp_path / "a", {"A-1": [row("x", 0.5)]})
    two = batch(tmp_path / "b", {"A-1": [row("x", 0.5)]})
    (two / "communities" / "A-1" / "data" / "findings.json").write_text("[{")
    found = diff(one, two)
    assert found.exit_code == 5
    assert found.unknown[0]["community"] == "A-1"


def test_a_folder_that_is_no_batch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        diff(tmp_path, tmp_path)
    assert refused.value.problems[0].code == "diff.batch"
    assert main(["diff", str(tmp_path), str(tmp_path)]) == 2


def test_a_decision_and_a_target_that_moved_under_the_same_figure_are_told(tmp_path: Path) -> None:
    one = batch(tmp_path / "a", {"A-1": [row("x", 0.8, decision="not_met", target=0.85)]})
    two = batch(tmp_path / "b", {"A-1": [row("x", 0.8, decision="met", target=0.8)]})
    told = diff(one, two)
    (flipped,) = told.verdicts
    assert (flipped["column"], flipped["before"], flipped["after"]) == (
        "decision", "not_met", "met",
    )  # fmt: skip
    assert "decision  not_met → met" in told.text("en")
    assert "target 0.85 → 0.8" in told.text("en"), "what is printed stayed; say what did not"


def test_deductions_are_matched_by_their_indicator_and_not_by_their_place(tmp_path: Path) -> None:
    def lost(k: int, slug: str, points: float) -> dict[str, Any]:
        return row(f"deduction.{k}", points, points=points, indicator=slug)

    one = batch(tmp_path / "a", {"A-1": [lost(1, "x", 0.3), lost(2, "y", 0.2), lost(3, "y", 0.1)]})
    two = batch(tmp_path / "b", {"A-1": [lost(1, "new", 0.4), lost(2, "x", 0.3),
                                         lost(3, "y", 0.1), lost(4, "y", 0.1)]})  # fmt: skip
    told = diff(one, two)
    assert [moved["finding"] for moved in told.moved] == ["deduction.y"]
    assert told.findings == [{"community": "A-1", "finding": "deduction.new", "only": "after"}]
