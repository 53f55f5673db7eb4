"""What falls due: objections in time and late, feedback, joint signatures, escalation, titles."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workbench.batch.duties import Duty, duties
from workbench.batch.objections import objections, window
from workbench.cli import main
from workbench.intake import build, write_tables
from workbench.study import Study

Write = Callable[..., Path]
DAY = dt.date.fromisoformat


def notice(out: Path, begin: str, **more: str) -> None:
    """Put the entry of a notice where a batch has its copy of the ledger."""
    (out / "ledger").mkdir(parents=True, exist_ok=True)
    entry = {"type": "notice", "study": "tiny", "from": begin, **more}
    line = json.dumps(entry) + "\n"
    (out / "ledger" / "entries.jsonl").write_text(line, encoding="utf-8")


@pytest.fixture
def lively(tiny: Write) -> Path:
    """A study with objections, problems, work orders and a title."""
    folder = tiny()
    tables = {
        "objections": "objection,community,stage,received,about,claim,decision,reason_zh,decided\n"
        "O-1,AA-01,notice,2026-10-08,score.total,x,,,\n"
        "O-2,AA-02,notice,2026-10-09,score.total,x,,,\n"
        "O-3,AA-02,notice,2026-09-20,score.total,x,rejected,查无此事,2026-09-25\n",
        "issues": "issue,community,found,origin,text_zh,due,answered,closed,responsible,"
        "photos_after,feedback,signed_committee,signed_property,signed_owners\n"
        "P-1,AA-01,2026-05-01,inspection,灯坏,2026-06-01,2026-05-03,,物业,,,,,\n"
        "P-2,AA-02,2026-05-01,inspection,井盖,2026-06-01,2026-05-03,2026-05-20,物业,F1,,"
        "2026-05-21,2026-05-21,\n"
        "P-3,AA-02,2026-05-01,inspection,车棚,2026-06-01,2026-05-03,2026-05-20,物业,F2,2026-10-20,"
        "2026-05-21,2026-05-21,2026-05-22\n",
        "requests": "request,community,kind,received,due,closed,escalated\n"
        "R-1,AA-01,complaint,2026-05-01 08:00,2026-05-04 08:00,,\n"
        "R-2,AA-01,complaint,2026-05-01 08:00,2026-05-04 08:00,2026-05-03 09:00,\n"
        "R-3,AA-01,complaint,2026-05-01 08:00,2026-05-04 08:00,,2026-05-05 10:00\n",
        "facts": "community,fact,value,date\n"
        + "".join(
            f"{unit},{event},true,{day}\n"
            for unit, way in {
                "AA-02": ("applied:2025-01-05 review_passed:2025-02-01 assessed:2025-05-01 "
                          "notice:2025-06-01 named:2025-07-01 recheck_failed:2026-07-02"),
            }.items()
            for event, _, day in (step.partition(":") for step in way.split())
        ),
    }  # fmt: skip
    text = (folder / "study.yaml").read_text(encoding="utf-8")
    for name, rows in tables.items():
        (folder / f"{name}.csv").write_text(rows, encoding="utf-8")
        text = text.replace("sources:\n", f"sources:\n  {name}: [{{file: {name}.csv}}]\n")
    text = text.replace("issued:", "calendar: cn\nissued:")
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    return folder


def test_an_objection_on_the_last_day_is_in_time_and_one_a_day_later_is_answered_as_late(
    lively: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    study = Study.load(lively)
    assert window(study, out) is None
    notice(out, "2026-09-16")  # the 15th day is the first of the October holidays
    begun, limit = window(study, out) or (None, None)
    assert (begun, limit and limit.last) == (DAY("2026-09-16"), DAY("2026-10-08"))
    found = {d.id: d for d in duties(study, out, DAY("2026-10-08")) if d.kind == "objection"}
    assert found[""].what_en == "last day to object"
    assert "late" not in found["O-1"].what_en
    assert "answered as late" in found["O-2"].what_en
    assert "O-3" not in found  # decided
    assert "" not in {d.id for d in duties(study, out, DAY("2026-10-09")) if d.kind == "objection"}
    # what was printed on the notice holds, should it have promised more
    notice(out, "2026-09-16", until="2026-10-12")
    assert (window(study, out) or ())[1].last == DAY("2026-10-12")
    write_tables(build(study), tmp_path / "tables")
    assert [o.id for o in objections(tmp_path / "tables")] == ["O-3", "O-1", "O-2"]


def test_rectification_feedback_signatures_escalation_and_titles_fall_due(
    lively: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(kind: str) -> dict[str, Duty]:
        return {d.id: d for d in every if d.kind == kind}

    every = duties(Study.load(lively), tmp_path / "out", DAY("2026-06-11"))
    assert {n: d.overdue for n, d in told("rectification").items()} == {"P-1": 10}
    assert "2026-05-01 / 2026-05-03 / —" in told("rectification")["P-1"].what_zh
    # named a year ago: two of three have signed P-2, all have signed P-3
    assert told("signature")["P-2"].who_en == "director of the owners' committee"
    assert set(told("signature")) == {"P-2"}
    # told within 30 days of the naming: 31 July 2025 is a Thursday
    assert told("feedback")["P-2"].due == DAY("2025-07-31")
    assert set(told("feedback")) == {"P-2"}
    assert set(told("escalation")) == {"R-1", "R-3"}
    assert "escalated on 2026-05-05" in told("escalation")["R-3"].what_en
    # a year after the naming the re-inspection is due; it fails, and three months run
    assert told("title")["named"].due == DAY("2026-07-01")
    every = duties(Study.load(lively), tmp_path / "out", DAY("2026-10-05"))
    card: Any = told("title")["yellow_card"]
    assert (card.due, card.overdue) == (DAY("2026-10-02"), 3)
    assert "2025-07-01 named → 2026-07-02 yellow card" in card.what_en
    args = ["--messages", "en", "due", str(lively), "--on", "2026-06-11", "--json"]
    assert main(args) == 1  # something is overdue
    assert {one["kind"] for one in json.loads(capsys.readouterr().out)} >= {"title", "feedback"}


def test_without_anything_overdue_the_exit_is_zero(
    tiny: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--messages", "en", "due", str(tiny()), "--on", "2026-06-11"]) == 0
    assert "0 to do" in capsys.readouterr().out
