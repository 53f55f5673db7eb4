"""An audit: verified first, executed again, every finding compared."""

from __future__ import annotations

import copy
import json
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from workbench.batch import audit as audits
from workbench.batch import compare, environment, known, seal
from workbench.batch.audit import AuditReport, Reproduced, audit
from workbench.batch.execute import sealed_bytes
from workbench.batch.render import RenderJob, render_unit
from workbench.batch.slices import load_study
from workbench.cli import main
from workbench.errors import InputError, MachineError

COMMUNITIES = ("JX-01", "JX-04", "HT-01")


@pytest.fixture
def home(demo_batch: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The keys that signed the bundled study's batch."""
    folder = demo_batch.parent / "home"
    monkeypatch.setenv("WORKBENCH_HOME", str(folder))
    return folder


@pytest.fixture
def run(home: Path) -> Callable[..., AuditReport]:
    def call(bag: Path, **options: Any) -> AuditReport:
        return audit(bag, trust=None, home=home, now=datetime.now(UTC), **options)

    return call


@pytest.fixture
def forge(
    demo_batch: Path, home: Path, root: Path, tmp_path: Path
) -> Callable[[Callable[[Path], None]], Path]:
    """Change what a unit's report is made of, and have it made and signed again with its keys."""

    def make(change: Callable[[Path], None], unit: str = "JX-01") -> Path:
        out = tmp_path / "forged"
        for part in (f"private/map/{unit}", "private/reduce"):
            shutil.copytree(demo_batch / part, out / part)
        data = out / "private" / "map" / unit / "data"
        change(data)
        job = RenderJob(
            str(root / "data" / "demo"), str(out), unit, "0" * 64, "0" * 64, ("zh",), "assessed"
        )
        render_unit(job)
        seal.enter_signed(load_study(job.study), out)
        return out / "communities" / unit

    return make


def edit(file: Path, change: Callable[[Any], None]) -> None:
    told = json.loads(file.read_bytes())
    change(told)
    text = json.dumps(told, ensure_ascii=False, indent=1)
    file.write_bytes(sealed_bytes(told) if file.suffix == ".ipynb" else text.encode())


def test_three_communities_are_reproduced_in_full(
    demo_batch: Path, run: Callable[..., AuditReport]
) -> None:
    with ThreadPoolExecutor(2) as pool:
        bags = [demo_batch / "communities" / name for name in COMMUNITIES]
        reports = list(pool.map(run, bags))
    for report in reports:
        assert (report.reproduced, report.exit_code) == (Reproduced.FULL, 0), report.text("en")
        assert report.differences == []
        assert report.environment == []
        assert report.digest["recorded"] == report.digest["again"]
        n = report.counts
        assert n["findings"] == n["findings_same"] > 100
        assert n["figures"] == n["figures_same"] > 5
        assert n["context"] > 0
        assert "computed in the batch" in report.text("en")
        assert "完全重现" in report.text("zh")


@pytest.mark.soak
def test_wheels_kept_with_the_batch_are_used_where_the_environment_is_another(
    demo_batch: Path,
    run: Callable[..., AuditReport],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out"
    shutil.copytree(demo_batch / "communities/JX-07", out / "communities/JX-07")
    environment.keep(out / "environment")
    monkeypatch.setattr(environment, "differences", _first_differs(environment.differences))
    told = run(out / "communities/JX-07")
    assert told.exit_code == 0, told.text("en")
    assert told.reproduced is Reproduced.FULL
    assert told.environment == []
    assert told.execution["wheels"] is True
    assert "the wheels kept in the batch" in told.text("en")


def test_wheels_that_cannot_be_had_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 'No module named pip' >&2\nexit 1\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(MachineError) as refused:
        environment.keep(tmp_path / "out" / "environment")
    assert "No module named pip" in str(refused.value)
    assert "ensurepip" in str(refused.value)
    assert list((tmp_path / "out").iterdir()) == []


def _first_differs(compare: Callable[..., Any]) -> Callable[..., Any]:
    """Answer the first question, about this Python, as an auditor's machine would."""
    asked: list[int] = []

    def differences(recorded: Any, here: Any) -> Any:
        asked.append(1)
        if len(asked) == 1:
            return [{"name": "numpy", "recorded": "1", "here": "2"}]
        return compare(recorded, here)

    return differences


@pytest.mark.parametrize("unit", ["JX-07"])
def test_another_python_that_has_the_workbench_may_be_named(
    demo_batch: Path, run: Callable[..., AuditReport], unit: str
) -> None:
    """A link to this one, as a virtual environment has it: the path that is named is executed."""
    told = run(demo_batch / "communities" / unit, python=Path(sys.executable))
    assert told.exit_code == 0
    assert told.execution["wheels"] is False
    assert told.reproduced is Reproduced.FULL


def test_the_context_is_recomputed_when_the_overview_is_brought_and_json_is_one_document(
    demo_batch: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del home
    bag, overview = demo_batch / "communities" / "JX-07", demo_batch / "overview"
    code = main(["audit", str(bag), "--overview", str(overview), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert (code, told["exit_code"], told["reproduced"]) == (0, 0, "full"), told["differences"]
    assert told["counts"]["context_recomputed"] == told["counts"]["context"] > 0
    assert told["community"] == "JX-07"  # the unit that was withheld, at the same cell as then


def reseed(data: Path) -> None:
    edit(data / "inputs" / "study.json", lambda told: told.update(seed=told["seed"] + 1))


def test_a_changed_seed_is_found_and_the_cell_is_named(
    forge: Callable[..., Path], run: Callable[..., AuditReport]
) -> None:
    def both(data: Path) -> None:
        """The seed of the slice, and the one that the notebook was given."""
        reseed(data)

        def parameters(notebook: Any) -> None:
            [cell] = [c for c in notebook["cells"] if c["id"] == known.INJECTED]
            seed = json.loads((data / "inputs" / "study.json").read_bytes())["seed"]
            assert str(seed - 1) in cell["source"]
            cell["source"] = cell["source"].replace(str(seed - 1), str(seed))

        edit(data / "notebook.ipynb", parameters)

    report = run(forge(both))
    assert report.exit_code == 1
    assert report.reproduced is Reproduced.PARTIAL
    assert report.cell == "data"
    assert "data.seed" in {one.name for one in report.differences}
    assert "first cell that differs: data" in report.text("en")


def test_a_seed_changed_in_the_slice_alone_stops_at_the_cell_that_opens_it(
    forge: Callable[..., Path], run: Callable[..., AuditReport]
) -> None:
    report = run(forge(reseed))
    assert (report.exit_code, report.reproduced) == (1, Reproduced.NOT)
    assert report.cell == "open"
    assert "首个不同的单元格：open" in report.text("zh")


def test_a_number_written_by_hand_into_the_findings_is_found(
    forge: Callable[..., Path], run: Callable[..., AuditReport]
) -> None:
    def better(data: Path) -> None:
        def change(rows: Any) -> None:
            [row] = [row for row in rows if row["finding"] == "score.total"]
            row["value"] += 3
            row["display_zh"] = row["display_en"] = "99.9"

        edit(data / "findings.json", change)

    report = run(forge(better))
    assert (report.exit_code, report.reproduced) == (1, Reproduced.PARTIAL)
    assert report.cell == "score"
    assert {(one.name, one.column) for one in report.differences} >= {
        ("score.total", "value"),
        ("score.total", "display_zh"),
    }


def test_foreign_code_is_not_executed_unless_asked_for(
    forge: Callable[..., Path], run: Callable[..., AuditReport], tmp_path: Path
) -> None:
    trace = tmp_path / "executed"

    def plant(data: Path) -> None:
        def change(notebook: Any) -> None:
            [cell] = [c for c in notebook["cells"] if c["id"] == "requests"]
            cell["source"] += f"\nimport pathlib; _ = pathlib.Path({str(trace)!r}).write_text('x')"

        edit(data / "notebook.ipynb", change)

    bag = forge(plant)
    report = run(bag)
    assert (report.exit_code, report.foreign, report.reproduced) == (5, ["requests"], None)
    assert "foreign code in cell requests" in report.text("en")
    assert "requests" in report.text("zh")
    assert not trace.exists()
    report = run(bag, run_foreign=True)
    assert trace.exists()
    assert (report.exit_code, report.reproduced) == (0, Reproduced.FULL), report.text("en")
    assert "foreign code was run: requests" in report.text("en")


def test_nothing_is_executed_when_the_bag_is_not_valid(
    demo_batch: Path, run: Callable[..., AuditReport], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def never(*_: Any) -> None:
        raise AssertionError("executed")

    monkeypatch.setattr(audits, "_again", never)
    bag = tmp_path / "JX-01"
    shutil.copytree(demo_batch / "communities" / "JX-01", bag)
    with (bag / "data" / "inputs" / "requests.csv").open("ab") as file:
        file.write(b"x\n")
    report = run(bag)
    assert (report.exit_code, report.reproduced) == (1, None)
    assert "data/inputs/requests.csv" in report.text("en")
    stranger = tmp_path / "nobody"
    stranger.mkdir()
    report = audit(
        demo_batch / "communities" / "JX-01", trust=None, home=stranger, now=datetime.now(UTC)
    )
    assert (report.exit_code, report.reproduced) == (5, None)


def test_a_batch_or_a_report_is_no_bag_of_one_unit(
    demo_batch: Path, run: Callable[..., AuditReport], tmp_path: Path
) -> None:
    for path in (demo_batch, demo_batch / "communities" / "JX-01" / "data" / "report.zh.pdf"):
        with pytest.raises(InputError) as caught:
            run(path)
        assert caught.value.problems[0].code == "audit.bag"
    with pytest.raises(InputError) as caught:
        run(demo_batch / "communities" / "JX-01", python=tmp_path / "python")
    assert caught.value.problems[0].code == "audit.python"


# --- the parts -----------------------------------------------------------------------------------


def bundled(root: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((root / "notebooks" / "community.ipynb").read_bytes())
    return told


def test_the_bundled_notebook_is_known_and_what_differs_from_it_is_named(root: Path) -> None:
    notebook = bundled(root)
    version, strange = known.foreign(notebook, "community")
    assert strange == []
    assert "running" in version
    without = copy.deepcopy(notebook)
    without["cells"] = [cell for cell in notebook["cells"] if cell["id"] != "clear"]
    assert known.foreign(without, "community") == ("", ["clear"])
    skipped = copy.deepcopy(notebook)
    [cell] = [cell for cell in skipped["cells"] if cell["id"] == "clear"]
    cell["metadata"]["tags"] = ["skip-execution"]
    assert known.foreign(skipped, "community") == ("", ["clear"])
    turned = copy.deepcopy(notebook)
    i, j = (k for k, c in enumerate(turned["cells"]) if c["id"] in {"clear", "checks"})
    turned["cells"][i], turned["cells"][j] = turned["cells"][j], turned["cells"][i]
    assert known.foreign(turned, "community") == ("", ["clear"])


def with_injected(root: Path, *sources: str) -> dict[str, Any]:
    notebook = bundled(root)
    notebook["cells"] += [
        {"cell_type": "code", "id": known.INJECTED, "metadata": {}, "source": source}
        for source in sources
    ]
    return notebook


@pytest.mark.parametrize(
    "source",
    [
        "community = __import__('os').getcwd()",
        "import os",
        "undeclared = 1",
        "community = ['a']",
        "community = seed = 1",
        "community, seed = 'a', 1",
        "community = 'a'; print()",
        "community = 1.5",
        "study = 'a' 'b'\nseed += 1",
        "community = (",
        "community = " + "(" * 500 + ")" * 500,
    ],
)
def test_injected_parameters_are_data_or_they_are_foreign(root: Path, source: str) -> None:
    assert known.injected(with_injected(root, source)) is None


def test_injected_parameters_are_read(root: Path) -> None:
    told = known.injected(with_injected(root, "# Parameters\nstudy = '.'\nseed = 7\n"))
    assert told == {"study": ".", "seed": 7}
    assert known.injected(with_injected(root, "seed = 7", "seed = 8")) is None


def test_a_difference_in_the_last_digits_is_told_from_one_that_is_printed() -> None:
    row = {"finding": "a", "cell": "c", "value": 0.3333333333, "display_zh": "33.3%"}
    last = {**row, "value": 0.33333333331}
    found, same = compare.rows([row], [last])
    assert ([one.rounding for one in found], same) == ([True], 1)
    found, same = compare.rows([row], [{**last, "display_zh": "33.4%"}])
    assert (sorted(one.rounding for one in found), same) == ([False, True], 0)
    found, same = compare.rows([row], [{**row, "value": 0.333}])
    assert ([one.rounding for one in found], same) == ([False], 0)
    found, _ = compare.rows([row], [])
    assert [(one.name, one.again) for one in found] == [("a", "-")]
    found, _ = compare.rows([], [row])
    assert [(one.name, one.recorded) for one in found] == [("a", "-")]


@pytest.mark.parametrize(
    ("again", "reproduced", "code"),
    [
        ({}, Reproduced.FULL, 0),
        ({"value": 0.33333333331}, Reproduced.ROUNDING, 0),
        ({"display_zh": "34%"}, Reproduced.PARTIAL, 1),
        ({"value": 0.4}, Reproduced.PARTIAL, 1),
    ],
)
def test_the_class_follows_from_the_differences(
    again: dict[str, Any], reproduced: Reproduced, code: int
) -> None:
    row = {"finding": "a", "cell": "c", "value": 0.3333333333, "display_zh": "33%"}
    other = {"finding": "b", "cell": "d", "value": 1.0, "display_zh": "1"}
    report = AuditReport(path="x", digest={"recorded": "1", "again": "1" if not again else "2"})
    report.differences, same = compare.rows([row, other], [{**row, **again}, other])
    report.counts = {"values_reproduced": same}
    audits._classify(report, {"cells": [{"id": "c"}, {"id": "d"}]})
    assert (report.reproduced, report.exit_code) == (reproduced, code)
    assert report.cell == ("c" if again else "")
    report.environment = [{"name": "numpy", "recorded": "1", "here": "2"}]
    assert report.exit_code == (5 if code else 0)  # another environment explains a difference


def test_environments_are_compared_by_what_the_workbench_needs() -> None:
    here = environment.running()
    assert "jupyterlab" in here["distributions"]
    assert "pytest" not in here["distributions"]
    assert environment.differences(here, here) == []
    other = copy.deepcopy(here)
    other["python"] = "3.0"
    del other["distributions"]["numpy"]
    assert [(d["name"], d["here"]) for d in environment.differences(here, other)] == [
        ("python", "3.0"),
        ("numpy", "-"),
    ]


# --- the process it runs in ----------------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "place"


def execute(source: str, place: Path, seconds: float = 60) -> tuple[AuditReport, Any]:
    data = place.parent / "data"
    (data / "inputs").mkdir(parents=True)
    cell = {"cell_type": "code", "id": "c", "metadata": {}, "source": source}
    report = AuditReport(path="x")
    again = audits._again(report, data, {"cells": [cell]}, {}, place, Path(sys.executable), seconds)
    return report, again


def test_it_runs_with_an_empty_home_without_network_and_without_our_environment(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_SECRET_PIN", "1234")
    source = """\
import json, os, pathlib, resource, socket
home = sorted(p.name for p in pathlib.Path.home().iterdir())
try:
    socket.create_connection(("192.0.2.1", 80), 1)
except OSError as error:
    said = error.errno
print(json.dumps([home, said, "WORKBENCH_SECRET_PIN" in os.environ, resource.getrlimit(resource.RLIMIT_CPU)]))
"""
    report, again = execute(source, place)
    home, errno, secret, limit = json.loads(again["cells"][0]["outputs"][0]["text"])
    assert [name for name in home if name not in {".cache", ".config", ".local"}] == []
    assert secret is False
    assert limit == [60, 60]
    assert report.execution["cpu_limited"] is True
    if report.execution["network"] == "closed":
        assert errno == 101  # network is unreachable


@pytest.mark.parametrize(
    "source", ["import time; time.sleep(60)", "import os; os._exit(3)"], ids=["sleeps", "exits"]
)
def test_a_notebook_that_does_not_end_is_told_so(place: Path, source: str) -> None:
    report, again = execute(source, place, 8)
    assert again is None
    assert report.exit_code == 5
    assert [note.code for note in report.notes] == ["audit.execution"]


def test_wheels_other_than_the_ledger_names_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "communities" / "A" / "data"
    for folder in (data / "inputs", tmp_path / "ledger", tmp_path / "environment"):
        folder.mkdir(parents=True)
    (data / "inputs" / "study.json").write_text('{"study": "xf"}')
    (tmp_path / "environment" / "requirements.txt").write_text("./a.whl --hash=sha256:00\n")
    entry = {"type": "context", "study": "xf", "wheels_sha256": "0" * 64}
    (tmp_path / "ledger" / "entries.jsonl").write_text(json.dumps(entry) + "\n")
    monkeypatch.setattr(environment, "differences", lambda *_: [{"name": "numpy"}])
    report = AuditReport(path="A")
    chosen = audits._kept_python(report, data.parent, data, tmp_path)
    assert chosen == Path(sys.executable)
    assert [note.code for note in report.notes] == ["audit.wheels-changed"]
    assert report.exit_code == 5
