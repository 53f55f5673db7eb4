"""Poisoned units fail alone and by name; shards, retries, events, killed runners."""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from workbench.batch import state
from workbench.batch.limits import Limits, Lost, lost_by
from workbench.batch.pool import Failure
from workbench.batch.progress import Events, Progress
from workbench.batch.reduce import write_findings
from workbench.batch.render import RenderJob, render_unit, settings_digest
from workbench.batch.run import _reason, run
from workbench.batch.slices import load_study
from workbench.batch.work import _outcome, cut_slice
from workbench.batch.workers import Local
from workbench.cli import main
from workbench.errors import InputError, MachineError

Write = Callable[..., Path]

POISON = """\
import os, shutil, sys

if community == "AA-01":
    {first}
if community == "AA-02":
    {second}
"""


def tree(out: Path) -> dict[str, str]:
    """Digest of every file of the bags that does not depend on signatures and their time."""
    left_out = {"manifest-sha256.txt", "bag-info.txt", "ro-crate-metadata.json"}
    return {
        path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((out / "communities").rglob("*"))
        if path.is_file()
        and path.suffix != ".pdf"
        and path.name not in left_out
        and not path.name.startswith("tagmanifest")
        and "attest" not in path.parts
    }


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("kernels", ["in-child", "forked"])
@pytest.mark.parametrize(
    ("first", "second", "codes"),
    [
        ("while True: pass", "shutil.rmtree(os.getcwd())", ("cpu-time", "folder")),
        ("kept = [bytearray(10**8) for _ in range(100)]", "os._exit(3)", ("memory", "ended")),
        ("os.fork()", "open('inputs/study.json', 'a').write(' ')", ("RuntimeError", "inputs")),
        ("os.kill(os.getppid(), 9)", "__import__('json').dumps = None", ("server", "broken")),
    ],
    ids=["loops, deletes", "eats, exits", "forks, tampers", "ends the server, breaks itself"],
)
def test_poisoned_units_fail_alone_and_by_name(
    tiny: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kernels: Any,
    first: str,
    second: str,
    codes: tuple[str, str],
) -> None:
    if kernels == "forked" and "while" not in first:
        pytest.skip("one pair is enough for the slower way")
    study = tiny(POISON.format(first=first, second=second))
    temporary = tmp_path / "t"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    limits = Limits(wall=60, cpu=6, memory=2 << 30)
    out = tmp_path / "out"
    outcome = run(str(study), out, jobs=2, limits=limits, kernels=kernels)
    assert outcome.code == 4
    assert outcome.signed == 1
    found = {unit: cause.code for cause, units in outcome.failed.items() for unit in units}
    assert found == {"AA-01": codes[0], "AA-02": codes[1]}
    for unit in found:
        assert not (out / "communities" / unit).exists()
        reason = state.read(out)[unit]["reason"]
        assert reason["zh"]
        kept = {file.name for file in (out / "failed" / unit).iterdir()}
        if reason["cell"]:
            assert kept == {"notebook.ipynb", "traceback.txt"}
        else:
            assert kept == {"reason.json"}
            assert json.loads((out / "failed" / unit / "reason.json").read_bytes()) == reason
    assert list(temporary.iterdir()) == []
    lines = (out / "communities.jsonl").read_text().splitlines()
    again = run(str(study), out, jobs=2, limits=limits, kernels=kernels)
    assert again.as_dict() == outcome.as_dict()
    assert (out / "communities.jsonl").read_text().splitlines() == lines, "given up, not repeated"


@pytest.mark.usefixtures("home")
def test_a_folder_among_the_bags_that_is_none_is_refused_by_name(
    tiny: Write, tmp_path: Path
) -> None:
    study, out = tiny(), tmp_path / "out"
    (out / "communities" / "copy of AA-01").mkdir(parents=True)
    with pytest.raises(InputError) as refused:
        run(str(study), out, jobs=2, kernels="in-child")
    (problem,) = refused.value.problems
    assert (problem.code, problem.file) == ("batch.bag", "communities/copy of AA-01")


@pytest.mark.usefixtures("home")
def test_failures_are_grouped_by_cause_and_retried_when_asked(tiny: Write, tmp_path: Path) -> None:
    marker = tmp_path / "mended"
    cell = (
        "import os, pandas as pd\n"
        f"if community != 'AA-03' and not os.path.exists({str(marker)!r}):\n"
        "    pd.DataFrame({'a': [1]})['wave']"
    )
    study, out = tiny(cell), tmp_path / "out"
    outcome = run(str(study), out, jobs=2, kernels="in-child")
    ((cause, units),) = outcome.failed.items()
    assert (cause.code, cause.cell, cause.column) == ("KeyError", "cell-3", "wave")
    assert units == ["AA-01", "AA-02"]
    told = outcome.as_dict()["failures"]
    assert [(one["units"], one["example"]) for one in told] == [(2, "AA-01")]
    assert json.loads((out / "batch.json").read_bytes())["failures"] == told
    marker.touch()
    assert run(str(study), out, jobs=2, kernels="in-child").code == 4, "a cell error stays"
    mended = run(str(study), out, jobs=2, kernels="in-child", retry_failed=True)
    assert (mended.code, mended.signed) == (0, 3)


@pytest.mark.parametrize(
    ("name", "said", "told"),
    [
        ("ValueError", "\x1b[31m坏\x1b[0m\x07\nbad", ("ValueError", "坏", "bad")),
        ("ValueError", "长" * 999, ("ValueError", "长" * 300 + "…", "长" * 300 + "…")),
        (
            "OSError",
            "[Errno 27] File too large",
            ("output", "输出超过上限", "limit of output reached"),
        ),
    ],
    ids=["a terminal would obey it", "long", "a limit"],
)
def test_what_a_cell_says_of_its_error_can_be_printed(
    name: str, said: str, told: tuple[str, str, str]
) -> None:
    outcome, reason = _outcome({"ename": name, "evalue": said, "cell": "c"})
    assert outcome == "failed"
    assert reason is not None
    assert (reason["code"], reason["zh"], reason["en"]) == told


def test_a_lost_unit_is_told_of_with_what_is_known() -> None:
    lost = lost_by(-9)
    reason = _reason(Failure(lost.code, str(lost), lost.retryable))
    assert reason["zh"] == "执行进程被终止：SIGKILL"
    assert reason["en"] == "the executing process was ended: SIGKILL"


def test_no_report_is_made_of_other_settings_than_the_run_began_with(
    tiny: Write, tmp_path: Path
) -> None:
    study = tiny()
    began = settings_digest(load_study(str(study)))
    file = study / "study.yaml"
    file.write_text(file.read_text().replace("issued: 2026-12-20", "issued: 2026-12-21"))
    assert settings_digest(load_study(str(study))) != began
    job = (str(study), str(tmp_path / "out"), "AA-01", "k", "r", ("zh",), "assessed")
    with pytest.raises(Lost) as lost:
        render_unit(RenderJob(*job, settings=began))
    assert lost.value.code == "study-changed"


@pytest.mark.usefixtures("home")
def test_without_its_state_a_batch_is_what_lies_there(tiny: Write, tmp_path: Path) -> None:
    """Lines that a crash swallowed, a failed unit's among them, hold up no batch."""
    study, out = tiny("if community == 'AA-02':\n    1 / 0"), tmp_path / "out"
    more: dict[str, Any] = {"jobs": 1, "kernels": "in-child", "languages": ["zh"]}
    before = run(str(study), out, **more)
    bags = tree(out)
    (out / "communities.jsonl").unlink()
    assert run(str(study), out, **more).as_dict() == before.as_dict()
    assert (before.signed, before.code) == (2, 4)
    assert tree(out) == bags


@pytest.mark.usefixtures("home")
def test_where_every_unit_fails_the_cause_is_told_all_the_same(tiny: Write, tmp_path: Path) -> None:
    bad = (
        "from IPython.display import display\ndisplay({'application/json': float('nan')}, raw=True)"
    )
    link = f"if community == 'AA-02':\n    import os; os.symlink('/', 'link')\n{bad}"
    outcome = run(str(tiny(link)), tmp_path / "out", jobs=2, kernels="in-child")
    found = {cause.code: units for cause, units in outcome.failed.items()}
    assert found == {"outputs": ["AA-01", "AA-03"], "file": ["AA-02"]}
    assert outcome.code == 4
    assert list((tmp_path / "out" / "private" / "work").iterdir()) == []


@pytest.mark.usefixtures("home")
def test_a_notebook_that_cannot_run_is_refused_before_any_kernel(
    tiny: Write, tmp_path: Path
) -> None:
    study = tiny("if True print(1)", "def half(:")
    with pytest.raises(InputError) as refused:
        run(str(study), tmp_path / "out", jobs=1)
    assert [p.code for p in refused.value.problems] == ["notebook.syntax"] * 2
    assert not (tmp_path / "out").exists()


def _command(study: Path, out: Path, *more: str) -> list[str]:
    run_it = [sys.executable, "-m", "workbench", "--messages", "en", "run", str(study)]
    return [*run_it, "--out", str(out), "--jobs", "1", *more]


def test_a_run_whose_events_nobody_reads_is_interrupted(
    tiny: Write, tmp_path: Path, home: Path
) -> None:
    command = _command(tiny(), tmp_path / "out", "--json")
    env = os.environ | {"WORKBENCH_HOME": str(home)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=env, text=True, **pipes) as running:  # type: ignore[call-overload]
        assert running.stdout.readline()
        running.stdout.close()
        assert "run again" in running.stderr.read()
    assert running.returncode == 130


@pytest.mark.parametrize("limit", ["--seconds=0", "--seconds=x", "--memory=-1", "--memory=nan"])
def test_a_limit_that_is_none_is_refused(limit: str) -> None:
    with pytest.raises(SystemExit) as refused:
        main(["run", "study", limit])
    assert refused.value.code == 2


def test_shards_run_at_the_same_time_on_one_folder(tiny: Write, tmp_path: Path, home: Path) -> None:
    study, out = tiny(), tmp_path / "out"
    env = os.environ | {"WORKBENCH_HOME": str(home)}
    shards = [
        subprocess.Popen(
            _command(study, out, "--shard", f"{i}/3", "--kernels", "in-child", "--json"),
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for i in (1, 2, 3)
    ]
    begun: set[str] = set()
    for shard in shards:
        said, trouble = shard.communicate(timeout=500)
        assert shard.returncode == 0, trouble
        events = [json.loads(line) for line in said.splitlines()]
        assert events[-1]["event"] == "result"
        begun |= {e["stage"] for e in events if e["event"] == "begin" and e["total"]}
        assert any(e["event"] == "unit" and e["stage"] == "notebooks" for e in events)
    assert "reports" in begun  # the shard that found all executed made its own
    outcome = run(str(study), out, jobs=2)
    assert outcome.signed == 3
    assert [row["state"] for row in state.read(out).values()] == ["signed"] * 3
    quiet = tmp_path / "quiet"
    run(str(study), quiet, jobs=2, kernels="in-child")
    assert tree(out) == tree(quiet)


def test_shards_of_one_number_share_a_folder_and_others_are_refused(tmp_path: Path) -> None:
    with state.lock(tmp_path, (1, 2)), state.lock(tmp_path, (2, 2)):
        for other in ((1, 1), (1, 2), (1, 3)):
            with pytest.raises(MachineError) as refused, state.lock(tmp_path, other):
                pass
            assert refused.value.problems[0].code == "batch.locked"
    with state.lock(tmp_path), pytest.raises(MachineError), state.lock(tmp_path, (1, 2)):
        pass
    assert not list(tmp_path.glob(".lock*"))


def test_a_lock_of_another_machine_counts_while_it_shows_life(tmp_path: Path) -> None:
    held = json.dumps({"host": "elsewhere", "pid": 1, "started": 1.0})
    (tmp_path / ".lock").write_text(held)
    with pytest.raises(MachineError), state.lock(tmp_path):
        pass
    os.utime(tmp_path / ".lock", (1.0, 1.0))
    with state.lock(tmp_path):
        pass


def _killed_at(moments: list[float], tiny: Write, tmp_path: Path, home: Path) -> None:
    study = tiny()
    run(str(study), tmp_path / "quiet", jobs=1)
    wanted = tree(tmp_path / "quiet")
    out = tmp_path / "out"
    for seconds in moments:
        runner = subprocess.Popen(
            _command(study, out),
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
        for line in (out / "batch.json", out / "private" / "tables.json"):
            assert not line.exists() or json.loads(line.read_bytes())
        if len(state.brief(out)) == 3 and random.Random(seconds).random() < 0.5:
            import shutil

            shutil.rmtree(out)  # done before it was killed: begin anew now and then
    outcome = run(str(study), out, jobs=1)
    assert outcome.signed == 3
    assert tree(out) == wanted


@pytest.mark.soak  # three chosen moments are in the normal ring: test_batch_run
@pytest.mark.timeout(3600)
def test_killed_at_fifty_random_moments(tiny: Write, tmp_path: Path, home: Path) -> None:
    chance = random.Random(50)
    _killed_at([chance.uniform(0.2, 15.0) for _ in range(50)], tiny, tmp_path, home)


def test_a_full_disk_stops_the_run_with_one_message(
    tiny: Write, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    def full(out: Path, row: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(state, "append", full)
    with pytest.raises(MachineError) as stopped:
        run(str(tiny("1 / 0")), tmp_path / "out", jobs=1, kernels="in-child")
    assert stopped.value.problems[0].code == "batch.disk"


def test_a_disk_that_is_full_at_the_slices_is_no_fault_of_a_unit(
    tiny: Write, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Local, tasks: Any, **_: Any) -> Any:
        for task in tasks:
            said = Failure("disk-full", "no space left", retryable=True)
            yield task, said if task.function is cut_slice else task.function(task.argument)

    monkeypatch.setattr(Local, "run", full)
    with pytest.raises(MachineError) as stopped:
        run(str(tiny("1 / 0")), tmp_path / "out", jobs=1, kernels="fresh")
    assert [problem.code for problem in stopped.value.problems] == ["batch.disk"]


def test_a_place_where_no_batch_can_be_is_refused_before_anything(
    tiny: Write, tmp_path: Path, home: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    for place in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(InputError) as refused:
            run(str(tiny("1 / 0")), place, jobs=1)
        assert [problem.code for problem in refused.value.problems] == ["batch.out"]
    assert (tmp_path / "file").read_text() == "mine"


def test_progress_counts_and_degrades_to_lines() -> None:
    stream = io.StringIO()
    told = Progress(lang="en", stream=stream)
    told.begin("阶段", "stage", 3)
    for outcome in ("assessed", "withheld", "failed"):
        told.step("A-1", outcome)
    told.end()
    last = stream.getvalue().splitlines()[-1]
    assert last.startswith("stage: 3/3, withheld 1, failed 1, ")
    assert "per hour" in last


def test_events_are_one_json_object_a_line() -> None:
    stream = io.StringIO()
    told = Events(stream=stream)
    told.begin("阶段", "stage", 2)
    told.step("A-1", "failed")
    told.end()
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [e["event"] for e in events] == ["begin", "unit", "end"]
    assert events[1]["failed"] == 1
    assert events[1]["done"] == 1
    assert events[1]["total"] == 2


def test_findings_are_written_by_column_in_groups(tmp_path: Path) -> None:
    import pandas as pd
    import pyarrow.parquet as pq

    units = (
        [{"finding": f"f{i}", "community": f"A-{u}", "value": i / 7, "n": i} for i in range(300)]
        for u in range(400)
    )
    write_findings(units, tmp_path / "f.parquet")
    assert pq.ParquetFile(tmp_path / "f.parquet").num_row_groups == 12
    frame = pd.read_parquet(tmp_path / "f.parquet", columns=["community", "finding", "value"])
    assert len(frame) == 120_000
    assert frame["value"].iloc[301] == 1 / 7
