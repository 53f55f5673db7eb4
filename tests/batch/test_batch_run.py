"""One folder in, one signed report per unit out; run again, and it resumes."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workbench.batch import state
from workbench.batch.limits import Limits
from workbench.batch.run import run
from workbench.errors import InputError
from workbench.evidence.bag import digests

UNITS = ["AA-01", "AA-02", "AA-03"]
Write = Callable[..., Path]


def tree(out: Path) -> dict[str, str]:
    """Digest of every file of the bags that does not depend on signatures and their time."""
    left_out = {"tagmanifest-sha256.txt", "manifest-sha256.txt", "bag-info.txt"}
    left_out |= {"ro-crate-metadata.json"}  # tells when the notebook ran
    return {
        path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((out / "communities").rglob("*"))
        if path.is_file()
        and path.suffix != ".pdf"
        and path.name not in left_out
        and "attest" not in path.parts
    }


def lines(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "communities.jsonl").read_text().splitlines()]


@pytest.mark.usefixtures("home")
def test_a_study_is_assessed_signed_and_not_done_again(tiny: Write, tmp_path: Path) -> None:
    out = tmp_path / "out"
    outcome = run(str(tiny()), out, jobs=2)
    assert (outcome.total, outcome.signed, outcome.code) == (3, 3, 0)
    for unit in UNITS:
        data = out / "communities" / unit / "data"
        names = {p.name for p in data.iterdir()}
        assert {
            "inputs", "protocol", "context.json", "notebook.ipynb", "findings.json", "findings.csv",
            "report.zh.pdf", "report.en.pdf", "report.zh.html", "report.en.html",
            "evidence-sha256.txt",
        } <= names  # fmt: skip
        found = json.loads((data / "findings.json").read_bytes())
        assert {row["community"] for row in found} == {unit}
        ranks = [row for row in found if row["finding"] == "context.rank"]
        assert ranks[0]["display_en"].endswith("of 3")
        others = set(UNITS) - {unit}
        slice_text = "".join(p.read_text() for p in (data / "inputs").iterdir())
        assert not any(other in slice_text for other in others)
    before, first = tree(out), lines(out)
    assert [row["state"] for row in first] == ["signed"] * 3
    again = run(str(tmp_path / "tiny"), out, jobs=2)
    assert again.signed == 3
    assert lines(out) == first
    assert tree(out) == before
    batch = json.loads((out / "batch.json").read_bytes())
    assert batch["states"]["signed"] == 3
    rows = (out / "overview" / "data" / "results.csv").read_text(encoding="utf-8-sig").splitlines()
    assert len(rows) == 4
    assert "waste_sorting_accuracy_finding" in rows[0]


@pytest.mark.usefixtures("home")
def test_two_workers_at_the_same_unit_sign_it_once(tiny: Write, tmp_path: Path) -> None:
    study, out = tiny(), tmp_path / "out"
    run(str(study), out, jobs=2)
    shutil.rmtree(out / "communities")
    job = (str(study), str(out), "AA-01", "0" * 64, "1" * 64, ("zh",), "assessed")
    code = (
        "import json; from workbench.batch.render import RenderJob, render_unit; "
        f"print(json.dumps(render_unit(RenderJob(*{job!r}))))"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    told = [json.loads(one.communicate()[0]) for one in both]
    bag = out / "communities" / "AA-01"
    assert told[0]["digests"] == told[1]["digests"] == digests(bag)
    assert {(one["state"], one["render_key"]) for one in told} == {("signing", "1" * 64)}
    # a third, late one, after the entry in the ledger: nothing is put in the place of what is there
    (bag / "attest" / "entry.json").write_text("{}")
    late = subprocess.run([*command], stdout=subprocess.PIPE, check=True)
    assert json.loads(late.stdout)["digests"] == told[0]["digests"]
    assert (bag / "attest" / "entry.json").exists()
    assert list((out / "private" / "work").iterdir()) == []


@pytest.mark.usefixtures("home")
def test_a_changed_input_of_a_signed_unit_is_refused_before_any_kernel(
    tiny: Write, tmp_path: Path
) -> None:
    out, study = tmp_path / "out", tiny()
    run(str(study), out, jobs=2)
    file = study / "measurements.csv"
    changed = file.read_text().replace("AA-02,sorting,2026-06,89", "AA-02,sorting,2026-06,70")
    assert changed != file.read_text()
    file.write_text(changed)
    before = tree(out)
    with pytest.raises(InputError) as refused:
        run(str(study), out, jobs=2)
    assert [(p.code, p.community) for p in refused.value.problems] == [("run.signed", "AA-02")]
    assert "amend" in refused.value.problems[0].remedy_en
    assert tree(out) == before


TROUBLE = """\
import os

if community == "AA-02":
    {what}
"""


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("raise KeyError('wave')", "KeyError"),
        ("os._exit(1)", "ended"),
    ],
    ids=["cell error", "kernel gone"],
)
def test_trouble_in_one_unit_fails_that_unit_only(
    tiny: Write, tmp_path: Path, what: str, code: str
) -> None:
    out = tmp_path / "out"
    outcome = run(str(tiny(TROUBLE.format(what=what))), out, jobs=2)
    assert outcome.code == 4
    assert outcome.signed == 2
    ((cause, units),) = outcome.failed.items()
    assert units == ["AA-02"]
    assert cause.code == code
    assert not (out / "communities" / "AA-02").exists()
    if code == "KeyError":
        assert (out / "failed" / "AA-02" / "notebook.ipynb").exists()
        assert state.read(out)["AA-02"]["reason"]["cell"] == "cell-3"


WITHHELD = """\
if community == "AA-03":
    from workbench.errors import Problem

    import pandas as pd

    bad = pd.DataFrame(
        {
            "finding": ["check.x"], "kind": ["check"], "verdict": ["failed"],
            "severity": ["critical"], "reach": ["community"],
            "label_zh": ["数据不可信"], "label_en": ["not to be trusted"],
            "display_zh": ["未通过"], "display_en": ["failed"],
        }
    )
    wb.record(bad, section="checks")
    raise wb.Withheld(Problem(code="check.x", zh="数据不可信", en="not to be trusted"))
"""


@pytest.mark.usefixtures("home")
def test_a_withheld_unit_gets_a_signed_notice_under_the_same_names(
    tiny: Write, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    outcome = run(str(tiny(WITHHELD)), out, jobs=2)
    assert (outcome.signed, outcome.withheld, outcome.code) == (3, 1, 3)
    row = state.read(out)["AA-03"]
    assert (row["state"], row["outcome"]) == ("signed", "withheld")
    assert (out / "communities" / "AA-03" / "data" / "report.zh.pdf").exists()
    told = json.loads((out / "communities" / "AA-01" / "data" / "context.json").read_bytes())
    assert next(r for r in told if r["finding"] == "context.rank")["n"] == 2


@pytest.mark.usefixtures("home")
def test_only_some_units_wait_for_the_others_before_reports_are_made(
    tiny: Write, tmp_path: Path
) -> None:
    out, study = tmp_path / "out", tiny()
    first = run(str(study), out, only=["AA-01"], jobs=1)
    assert (first.signed, first.waiting) == (0, 3)
    assert not (out / "communities").exists()
    with pytest.raises(InputError) as refused:
        run(str(study), out, only=["ZZ-99"], jobs=1)
    assert refused.value.problems[0].code == "run.unit"
    rest = run(str(study), out, shard=(1, 1), jobs=2)
    assert rest.signed == 3


def test_killed_at_any_moment_and_run_again_it_ends_as_if_undisturbed(
    tiny: Write, tmp_path: Path, home: Path
) -> None:
    study = tiny()
    run(str(study), tmp_path / "quiet", jobs=2)
    wanted = tree(tmp_path / "quiet")
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "workbench",
        "run",
        str(study),
        "--out",
        str(out),
        "--jobs",
        "2",
    ]
    for seconds in (4.0, 9.0, 14.0):
        runner = subprocess.Popen(
            command,
            env=os.environ | {"WORKBENCH_HOME": str(home)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(seconds)
        os.killpg(runner.pid, signal.SIGKILL)
        runner.wait()
        for bag in (out / "communities").glob("[A-Z]*"):
            assert (bag / "tagmanifest-sha256.txt").exists()
    outcome = run(str(study), out, jobs=2)
    assert outcome.signed == 3
    assert tree(out) == wanted


@pytest.mark.usefixtures("home")
def test_a_bag_whose_state_line_was_lost_in_a_crash_is_entered_again(
    tiny: Write, tmp_path: Path
) -> None:
    out, study = tmp_path / "out", tiny()
    run(str(study), out, jobs=2)
    file = out / "communities.jsonl"
    kept = [line for line in file.read_text().splitlines() if '"AA-02"' not in line]
    file.write_text("\n".join(kept) + "\n")
    before = tree(out)
    again = run(str(study), out, jobs=2)
    assert again.signed == 3
    assert tree(out) == before
    row = state.read(out)["AA-02"]
    assert (row["state"], row["outcome"]) == ("signed", "assessed")
    assert row["digests"]["tagmanifest-sha256.txt"]


@pytest.mark.usefixtures("home")
def test_a_unit_lost_to_the_clock_is_not_reported_from_its_earlier_findings(
    tiny: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.batch.run.TRIES", 1)
    out = tmp_path / "out"
    study = tiny()
    text = (study / "study.yaml").read_text(encoding="utf-8")
    (study / "study.yaml").write_text(text.replace("key: demo", "key: person"), encoding="utf-8")
    first = run(str(study), out, jobs=2)
    assert (first.drafts, first.signed) == (3, 0)
    slow = TROUBLE.format(what="import time; time.sleep(600)")
    tiny(slow)
    (study / "study.yaml").write_text(text.replace("key: demo", "key: person"), encoding="utf-8")
    second = run(str(study), out, jobs=2, limits=Limits(wall=40))
    assert [(c.code, units) for c, units in second.failed.items()] == [("time-out", ["AA-02"])]
    assert second.drafts == 2
    assert not (out / "communities" / "AA-02").exists()
    assert (out / "failed" / "AA-02" / "earlier-draft").is_dir()
    results = (out / "overview" / "data" / "results.csv").read_text(encoding="utf-8-sig")
    assert "AA-02,,," in results
