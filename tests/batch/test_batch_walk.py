"""One walk through the life of a batch: opened, assessed, sent back, signed by three, published,
objected to, amended, closed, and the baseline of the next wave."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.batch.opening import log_of
from workbench.batch.slices import load_study
from workbench.cli import main
from workbench.evidence import bag as bags
from workbench.intake import build

WAVES = """\
  - {id: w1, role: baseline, records: [2026-01, 2026-03]}
  - {id: w2, role: current, records: [2026-04, 2026-06]}
"""
FIRST = "  - {id: w2, role: current, records: [2026-04, 2026-06]}\n"
NEXT = """\
  - {id: w2, role: baseline, batch: ../out}
  - {id: w3, role: current, records: [2026-04, 2026-06]}
"""
OPEN = """\
import workbench as wb
from workbench import assess, checks

c = wb.open(study, community)
c = wb.clear(c, checks.run(c))
sample = assess.design(c)
wb.record(assess.head(c), section="head")
"""
VALUE = """\
value = assess.indicators(c, sample)
wb.record(value, section="indicators")
score = assess.score(c, value)
wb.record(score, section="score")
wb.record(assess.objections(c, score, value), section="objections")
wb.record(assess.standing(c, value, assess.warnings(c, value)), section="standing")
wb.record(assess.bridge(c, score), section="change")
"""
FACTS = "community,fact,value,date\n" + "".join(
    f"AA-01,{event},true,{day}\n"
    for event, day in {
        "applied": "2026-03-02",
        "review_passed": "2026-04-01",
        "assessed": "2026-09-10",
        "notice": "2026-09-16",
        "objection_upheld": "2026-10-12",
    }.items()
)
FAULT = (
    "J-1,device_window,AA-01,measurements:indicator=sorting,2026-04,2026-04,异议O-1成立,"
    "当月设备故障,device fault in that month,A1,2026-10-12,乙\n"
)
HEAD = "objection,community,stage,received,about,claim,decision,reason_zh,decided,decided_by\n"
IN_TIME = "O-1,AA-01,notice,2026-10-08,indicator.waste_sorting_accuracy,设备坏了,,,,\n"
LATE = "O-2,AA-02,notice,2026-10-09,score.total,我不服,,,,\n"


def test_from_open_to_an_amended_second_edition_and_the_next_wave(
    tiny: Callable[..., Path],
    notebook: Callable[..., str],
    given: Path,
    home: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, out = tiny(), tmp_path / "out"
    settings = folder / "study.yaml"
    text = settings.read_text(encoding="utf-8").replace("key: demo", "key: person")
    text = text.replace("sources:\n", "sources:\n  facts: [{file: facts.csv}]\n")
    text = text.replace("issued: 2026-12-20", "issued: 2026-09-10\ncalendar: cn")
    settings.write_text(text.replace(WAVES, FIRST), encoding="utf-8")
    readings = (folder / "measurements.csv").read_text(encoding="utf-8")
    for month, found, told in ((4, 84, 60), (5, 85, 95), (6, 86, 96)):
        old = f"AA-01,sorting,2026-0{month},{found},"
        assert old in readings
        readings = readings.replace(old, f"AA-01,sorting,2026-0{month},{told},")
    (folder / "measurements.csv").write_text(readings, encoding="utf-8")
    (folder / "facts.csv").write_text(FACTS, encoding="utf-8")
    (folder / "unit.ipynb").write_text(notebook(OPEN, VALUE), encoding="utf-8")
    (home / "trust").mkdir(parents=True)
    (home / "trust" / "root.pem").write_bytes((given / "root.pem").read_bytes())

    def call(*words: str) -> int:
        return main(["--messages", "en", *words])

    def sign(role: str, *more: str) -> int:
        key = str(given / f"{role}.p12")
        return call("sign", str(out), "--as", role, "--key", key, "--yes", *more)

    def correct(row: int, old: int, new: int, why: str) -> None:
        with (folder / "corrections.csv").open("a", encoding="utf-8") as file:
            file.write(
                f"measurements.csv,row:{row},numerator,{old},{new},{why},A1,2026-10-12,乙,-\n"
            )

    # before field work; then drafts, of which the reviewer sends one back
    assert call("open", str(folder), "--out", str(out)) == 0
    assert call("run", str(folder), "--out", str(out), "--jobs", "2") == 0
    assert sign("lead") == 0
    assert sign("reviewer", "--return", "AA-03", "--remark", "六月读数重复") == 0
    correct(18, 92, 91, "录入有误")
    assert call("run", str(folder), "--out", str(out), "--jobs", "1") == 0
    capsys.readouterr()
    assert sign("lead") == 0
    assert "changed since: " in capsys.readouterr().out
    assert sign("reviewer") == sign("institution") == 0
    assert call("verify", str(out)) == 0

    # published; the fifteenth day is the first of the October holidays
    study = load_study(str(folder))
    log_of(study, out).append(
        [{"type": "notice", "study": "tiny", "from": "2026-09-16"}], demonstration=False
    )
    (folder / "objections.csv").write_text(HEAD + IN_TIME + LATE, encoding="utf-8")
    text = text.replace("sources:\n", "sources:\n  objections: [{file: objections.csv}]\n")
    settings.write_text(text.replace(WAVES, FIRST), encoding="utf-8")
    capsys.readouterr()
    assert call("due", str(folder), "--out", str(out), "--on", "2026-10-10") == 0
    said = capsys.readouterr().out
    assert "O-1  look at it again and answer  " in said
    assert "O-2  look at it again and answer (it came late" in said

    # upheld: put right by the objection's name, decided by who did not score, a second edition
    bag = out / "communities" / "AA-01"
    assert call("amend", str(bag), "--objection", "O-1") == 2  # not decided yet
    decided = IN_TIME.replace(",,,,\n", ",upheld,设备故障属实,2026-10-12,A9\n")
    refused = LATE.replace(",,,,\n", ",rejected,查无此事,2026-10-12,A9\n")
    (folder / "objections.csv").write_text(HEAD + decided + refused, encoding="utf-8")
    with (folder / "judgements.csv").open("a", encoding="utf-8") as file:
        file.write(FAULT)  # the month of the broken device is struck out
    capsys.readouterr()
    assert call("amend", str(bag), "--objection", "O-1", "--jobs", "1") == 0
    said = capsys.readouterr().out
    assert "AA-01@2: edition 2 (draft), score 0.0 points → 100.0 points" in said
    assert "AA-03@2: edition 2" in said  # outside the first ranking, it has a tier in the new one
    assert "AA-02@2" not in said
    assert call("verify", str(out)) == 5  # the new edition is a draft; the old one counts
    assert call("close", str(out), "--key", str(given / "institution.p12"), "--yes") == 2
    assert sign("lead") == sign("reviewer") == sign("institution") == 0
    capsys.readouterr()
    assert call("verify", str(out)) == 0
    assert "superseded by edition 2" in capsys.readouterr().out
    assert call("diff", str(out)) == 1
    assert "AA-01@2" in capsys.readouterr().out

    # the figure moved, and the state of the award followed
    was, now = (
        {
            r["finding"]: r
            for r in json.loads((out / f"communities/{name}/data/findings.json").read_bytes())
        }
        for name in ("AA-01", "AA-01@2")
    )
    slug = "indicator.waste_sorting_accuracy"
    assert was[slug]["value"] == pytest.approx((60 + 95 + 96) / 300)
    assert now[slug]["value"] == pytest.approx((95 + 96) / 200)
    assert (was["score.total"]["value"], now["score.total"]["value"]) == (0.0, 100.0)
    assert "standing.event.4" not in was
    assert now["standing.event.5"]["display_en"] == "2026-10-12 objection_upheld → assessed"
    assert "成立" in now["objection.O-1"]["display_zh"]

    # the code on paper, of both editions
    for name, word in (("AA-01", "superseded by edition 2"), ("AA-01@2", "counts now")):
        listing = (out / "communities" / name / "data" / bags.EVIDENCE_LIST).read_bytes()
        code = bags.evidence_code(listing)
        capsys.readouterr()
        assert call("verify", "--code", code, "--ledger", str(out)) == 0
        assert word in capsys.readouterr().out
    assert call("verify", "--code", "0123456789ab", "--ledger", str(out)) == 5

    # every unit accounted for; the next wave takes the amended edition as its baseline
    institution = str(given / "institution.p12")
    assert call("close", str(out), "--key", institution, "--yes") == 0
    assert call("verify", str(out)) == 0
    assert (out / "overview@2" / "data" / "report.zh.pdf").is_file()
    text = text.replace("study: tiny", "study: tiny-3").replace(WAVES, NEXT)
    settings.write_text(text, encoding="utf-8")
    told = build(load_study(str(folder))).frames["published"]
    first = told[told["community"].eq("AA-01")].set_index("finding")
    assert (first.loc["bag", "verdict"], first.loc["bag", "value"]) == ("valid", 2.0)
    assert first.loc[slug, "value"] == pytest.approx(now[slug]["value"])

    # its reports quote what was published last, and by whom it was signed does not matter
    (folder / "objections.csv").write_text(HEAD, encoding="utf-8")  # none yet
    assert call("run", str(folder), "--out", str(tmp_path / "next"), "--jobs", "2") == 0
    later = {
        r["finding"]: r
        for r in json.loads((tmp_path / "next/communities/AA-01/data/findings.json").read_bytes())
    }
    assert later["change.published.bag.AA-01"]["verdict"] == "passed"
    assert later["change.published.score.AA-01"]["value"] == 100.0
