"""A wave whose baseline is a signed batch: verified, quoted, and dated by that batch."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from workbench.batch.run import run
from workbench.batch.slices import cut_unit, load_study
from workbench.intake import build, write_tables
from workbench.intake.earlier import _other_rows, codebook_of

FIRST = "  - {id: w1, role: current, records: [2026-01, 2026-03]}\n"
BOTH = """\
  - {id: w1, role: baseline, records: [2026-01, 2026-03]}
  - {id: w2, role: current, records: [2026-04, 2026-06]}
"""
NEXT = """\
  - {id: w1, role: baseline, batch: ../out}
  - {id: w2, role: current, records: [2026-04, 2026-06]}
"""


BRIDGE = """\
wb.record(assess.bridge(c, assess.score(c, value)), section="change")
"""


def findings_of(batch: Path, unit: str) -> dict[str, dict[str, Any]]:
    data = (batch / "communities" / unit / "data" / "findings.json").read_bytes()
    return {row["finding"]: row for row in json.loads(data)}


@pytest.mark.usefixtures("home")
def test_a_baseline_from_a_signed_batch_is_verified_and_quoted(
    tiny: Callable[..., Path], tmp_path: Path
) -> None:
    folder = tiny(BRIDGE)
    text = (folder / "study.yaml").read_text(encoding="utf-8")
    (folder / "study.yaml").write_text(text.replace(BOTH, FIRST), encoding="utf-8")
    assert run(str(folder), tmp_path / "out", jobs=2).signed == 3
    (folder / "study.yaml").write_text(text.replace(BOTH, NEXT), encoding="utf-8")
    units = folder / "communities.csv"
    rows = units.read_text(encoding="utf-8").splitlines()
    rows[0] += ",predecessors"
    rows[1:] = [f"{row}," for row in rows[1:]]
    rows[3] += "AA-01;AA-02"  # the third is what the other two have become
    units.write_text("\n".join(rows) + "\n", encoding="utf-8")

    def published() -> dict[tuple[str, str, str], dict[str, object]]:
        frame = build(load_study(str(folder))).frames["published"]
        keys = zip(frame["community"], frame["source"], frame["finding"], strict=True)
        return dict(zip(keys, frame.to_dict("records"), strict=True))

    told = published()
    said = json.loads((tmp_path / "out/communities/AA-01/data/findings.json").read_bytes())
    total = next(row for row in said if row["finding"] == "score.total")
    assert told["AA-01", "AA-01", "bag"]["verdict"] == "valid"
    assert told["AA-01", "AA-01", "score.total"]["value"] == total["value"]
    assert ("AA-03", "AA-02", "score.total") in told
    assert ("AA-03", "AA-03", "bag") not in told

    # the next wave's reports quote it, and the change of the score is split without a rest
    assert run(str(folder), tmp_path / "next", jobs=2).signed == 3
    rows_ = findings_of(tmp_path / "next", "AA-01")
    assert rows_["change.published.bag.AA-01"]["verdict"] == "passed"
    assert rows_["change.published.score.AA-01"]["value"] == total["value"]
    assert rows_["change.recomputed.score"]["reason_en"] == "as published"
    gain = rows_["score.total"]["value"] - total["value"]
    parts = "survey inspection record weights method".split()
    assert rows_["change.bridge.total"]["value"] == pytest.approx(gain)
    split = {part: rows_[f"change.bridge.{part}"]["value"] for part in parts}
    assert sum(split.values()) == pytest.approx(gain, abs=1e-6)
    assert split["record"] == pytest.approx(gain, abs=1e-6)  # nothing else was measured
    # the third has two predecessors: both scores, no bridge
    merged = findings_of(tmp_path / "next", "AA-03")
    assert {f"change.published.score.AA-0{i}" for i in (1, 2)} <= set(merged)
    assert "change.bridge.total" not in merged

    study = load_study(str(folder))
    write_tables(build(study), tmp_path / "tables")
    cut_unit(study, tmp_path / "tables", "AA-01", tmp_path / "slice")
    inputs = tmp_path / "slice" / "inputs"
    settings = json.loads((inputs / "study.json").read_bytes())
    assert settings["waves"][0]["records"] == ["2026-01", "2026-03"]
    assert "score.total" in (inputs / "published.csv").read_text(encoding="utf-8")

    # one byte of a finding changed: the report is no longer quoted
    findings = tmp_path / "out/communities/AA-01/data/findings.csv"
    findings.write_bytes(findings.read_bytes() + b" ")
    told = published()
    assert told["AA-01", "AA-01", "bag"]["verdict"] == "changed"
    assert ("AA-01", "AA-01", "score.total") not in told
    shutil.rmtree(tmp_path / "out/communities/AA-02")
    assert published()["AA-02", "AA-02", "bag"]["verdict"] == "missing"


SIGNED = """\
respondent,community,wave,mode,psu,q1,interviewer,sug__phrases
1,A,w1,household,2,5,,路灯
2,A,w1,,1,,,
"""


@pytest.mark.parametrize(
    ("edit", "found"),
    [
        ({}, None),
        ({"q1": [None, 4.0]}, "responses.q1"),
        ({"mode": ["post", None]}, "responses.mode"),
        ({"respondent": ["x", "y"], "psu": ["P1", "P2"], "interviewer": ["i", "j"]}, None),
        ({"community": ["A", "B"]}, "responses"),
    ],
)
def test_rows_kept_beside_the_bag_must_be_those_that_were_signed(
    tmp_path: Path, edit: dict[str, Any], found: str | None
) -> None:
    (tmp_path / "responses.csv").write_text(SIGNED, encoding="utf-8")
    columns = {"respondent": ["R7", "R3"], "community": "A", "wave": "w1",
               "mode": [None, "household"], "psu": ["X", "Y"], "q1": [None, 5.0],
               "sug__phrases": ["常坏", "路灯;路灯常坏"]}  # fmt: skip
    kept = tmp_path / "tables"
    kept.mkdir()
    pd.DataFrame(columns | edit).to_parquet(kept / "responses.parquet")
    assert _other_rows(tmp_path, "A", kept) == found
    (tmp_path / "responses.csv").unlink()  # not delivered: nothing to compare with
    assert _other_rows(tmp_path, "A", kept) is None


def test_the_questions_of_a_batch_are_those_in_its_bags(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(Path(__file__).parents[1] / "broken" / "sound", folder)
    file = folder / "study.yaml"
    text = file.read_text(encoding="utf-8")
    old = (
        "{id: w1, role: baseline, fieldwork: [2026-04-01, 2026-04-30], records: [2025-11, 2026-04]}"
    )
    assert old in text
    file.write_text(text.replace(old, "{id: w1, role: baseline, batch: ../out}"), encoding="utf-8")
    bag = tmp_path / "out/communities/A-1/data/inputs"
    bag.mkdir(parents=True)
    earlier = {"q1": {"wording": {"zh": "旧"}}, "gone": {"wording": {"zh": "删去的题"}}}
    (bag / "study.json").write_text(json.dumps({"codebook": earlier}), encoding="utf-8")
    study = load_study(str(folder))
    first, second = study.settings.waves
    assert codebook_of(study, first) == {"q1": {"wording": {"zh": "旧"}}}
    assert codebook_of(study, second) is None
