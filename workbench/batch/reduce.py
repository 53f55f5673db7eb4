"""The reduction: the batch notebook over all findings, one context slice per unit.

It runs once for one set of map keys. From the batch's first signature on its result is frozen: a
unit that comes later is told that it stands outside the ranking of this edition.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench import bundle, findings
from workbench.batch import state
from workbench.batch.pool import Failure, Task, run_tasks
from workbench.batch.slices import digest, environment, package_digest
from workbench.batch.work import map_folder
from workbench.errors import MachineError, NotebookError, Problem
from workbench.evidence.files import (
    sha256_bytes,
    write_atomic,
)

if TYPE_CHECKING:
    from workbench.batch.progress import Progress
    from workbench.study import Study

__all__ = ["context_of", "reduce"]

_UNIT = (
    "name name_en kind parent households residents adults age_class treated intervention_date"
).split()
_COMMON = (
    "study issued seed timezone languages waves wave baseline scope decisions parties sample "
    "measures small_area"
).split()


@dataclass(frozen=True)
class _Job:
    out: str
    notebook: str


def _folder(out: Path) -> Path:
    return out / "private" / "reduce"


def reduce(
    study: Study, out: Path, units: list[str], told: Progress, kernels: dict[str, str]
) -> dict[str, str]:
    """Make every unit's context, if it is not made yet for these findings.

    Returns
    -------
    dict of str
        Unit → digest of its context without the digest of the batch notebook, so that a
        neighbour's correction that moves nothing printed here moves no key either.

    Raises
    ------
    NotebookError
        When a cell of the batch notebook fails.
    """
    notes = {unit: _note(out, unit) for unit in units}
    notebook = bundle.path("notebooks") / "batch.ipynb"
    key = digest(
        {
            "notebook": sha256_bytes(notebook.read_bytes()),
            "package": package_digest(),
            "environment": environment(),
            "maps": {unit: note and [note["key"], note["outcome"]] for unit, note in notes.items()},
        }
    )
    kept = _kept(out)
    frozen = any(row["state"] in {"signing", "signed"} for row in state.read(out).values())
    if kept is None or (kept["key"] != key and not frozen):
        told.say("汇总全部单位", "reducing over all units")
        _inputs(study, out, notes)
        for _, answer in run_tasks(
            [Task("batch", _execute, _Job(str(out.resolve()), str(notebook.resolve())))],
            jobs=1,
            seconds=7200,
            environment=kernels,
        ):
            if isinstance(answer, Failure):
                raise MachineError(
                    Problem(code="reduce", zh="汇总笔记本未能执行", en=answer.message)
                )
            if answer is not None:
                raise NotebookError(
                    Problem(
                        code="reduce.cell",
                        zh="汇总笔记本出错",
                        en="the batch notebook failed",
                        column=answer["cell"],
                        found=f"{answer['ename']}: {answer['evalue']}",
                    )
                )
        _contexts(out, notes, key)
        kept = _kept(out)
        assert kept is not None
    return {
        unit: digest([_without_digest(r) for r in context_of(out, unit)])
        for unit in units
        if notes[unit]
    }


def _without_digest(row: dict[str, Any]) -> dict[str, Any]:
    return row if row["finding"] != "context.batch_notebook" else {"finding": row["finding"]}


def _note(out: Path, unit: str) -> dict[str, Any] | None:
    file = map_folder(out, unit) / "map.json"
    return json.loads(file.read_bytes()) if file.exists() else None


def _kept(out: Path) -> dict[str, Any] | None:
    file = _folder(out) / "contexts.json"
    return json.loads(file.read_bytes()) if file.exists() else None


def _inputs(study: Study, out: Path, notes: dict[str, dict[str, Any] | None]) -> None:
    """Write what the batch notebook reads: all findings by column, the units, the settings."""
    import pandas as pd

    data = _folder(out) / "data"
    if data.exists():
        shutil.rmtree(data)
    (data / "inputs").mkdir(parents=True)
    told: list[dict[str, Any]] = []
    units, settings = [], {}
    for unit, note in notes.items():
        outcome = note["outcome"] if note else "failed"
        folder = map_folder(out, unit) / "data"
        row: dict[str, Any] = {"community": unit, "outcome": outcome}
        if note:
            table = pd.read_csv(
                folder / "inputs" / "communities.csv",
                dtype=str,
                keep_default_na=False,
                na_values=[""],
            )
            own = table[table["community"].eq(unit)].iloc[0]
            row |= {n: own.get(n) for n in _UNIT}
            settings = json.loads((folder / "inputs" / "study.json").read_bytes())
        if outcome == "assessed":
            told += json.loads((folder / "findings.json").read_bytes())
        units.append(row)
    frame = pd.DataFrame(told, columns=[*findings.COLUMNS, *findings.EXTRA])
    numbers = set(
        "value std_error ci_low ci_high level n numerator denominator base target attainment "
        "points max_points p_value p_adjusted df n_effective baseline edition".split()
    )
    for name in frame:
        frame[name] = (
            pd.to_numeric(frame[name]).astype(float)
            if name in numbers
            else frame[name].astype("string")
        )
    frame.to_parquet(data / "inputs" / "findings.parquet", index=False)
    columns = ["community", *_UNIT, "outcome"]
    pd.DataFrame(units, columns=columns).to_csv(
        data / "inputs" / "units.csv", index=False, lineterminator="\n"
    )
    common = {name: settings.get(name) for name in _COMMON}
    common["units"] = len(units)
    text = json.dumps(common, ensure_ascii=False, sort_keys=True, indent=1) + "\n"
    (data / "inputs" / "study.json").write_text(text, encoding="utf-8")


def _execute(job: _Job) -> dict[str, Any] | None:
    """Execute the batch notebook in a worker; give the error of a cell, if there is one."""
    from workbench.batch.environment import record_environment
    from workbench.batch.execute import execute, sealed_bytes

    data = Path(job.out) / "private" / "reduce" / "data"
    record_environment(data)
    with tempfile.TemporaryDirectory(prefix="wb-run-") as scratch:
        done = execute(
            Path(job.notebook), parameters={"batch": "."}, cwd=data, scratch=Path(scratch)
        )
    (data / "notebook.ipynb").write_bytes(sealed_bytes(done["notebook"]))
    error: dict[str, Any] | None = done["error"]
    if error is None:
        figures = findings.figures(done["notebook"])
        (data / "figures").mkdir(exist_ok=True)
        for name, figure in figures.items():
            (data / "figures" / f"{name}.svg").write_text(figure["svg"], encoding="utf-8")
    return error


def _contexts(out: Path, notes: dict[str, dict[str, Any] | None], key: str) -> None:
    """Split the batch notebook's findings into one context per unit."""
    units = list(notes)
    raw = (_folder(out) / "data" / "notebook.ipynb").read_bytes()
    found = findings.extract(json.loads(raw), community="*", edition=1, name="batch")
    (_folder(out) / "data" / "findings.json").write_bytes(findings.to_json(found))
    by_unit: dict[str, list[dict[str, Any]]] = {unit: [] for unit in units}
    for row in found:
        if row["community"] in by_unit:
            by_unit[row["community"]].append(row)
    seal = _text_row(
        "context.batch_notebook",
        "汇总笔记本的 SHA-256",
        "SHA-256 of the batch notebook",
        sha256_bytes(raw),
        sha256_bytes(raw),
    )
    for unit, rows in by_unit.items():
        rows.append(seal | {"community": unit})
    maps = {unit: note["key"] for unit, note in notes.items() if note}
    kept = {"key": key, "maps": maps, "contexts": by_unit}
    text = json.dumps(kept, ensure_ascii=False, allow_nan=False)
    write_atomic(_folder(out) / "contexts.json", text.encode())


def _text_row(finding: str, zh: str, en: str, said_zh: str, said_en: str) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys((*findings.COLUMNS, *findings.EXTRA))
    return row | {
        "finding": finding,
        "edition": 1,
        "kind": "text",
        "section": "context",
        "label_zh": zh,
        "label_en": en,
        "display_zh": said_zh,
        "display_en": said_en,
        "status": "ok",
        "notebook": "batch",
    }


def context_of(out: Path, unit: str) -> list[dict[str, Any]]:
    """Give a unit's context; one that came after the first signature stands outside the ranking."""
    kept = _kept(out)
    note = _note(out, unit)
    assert kept is not None
    if note and note["outcome"] == "assessed" and kept["maps"].get(unit) != note["key"]:
        outside = _text_row(
            "context.outside",
            "排名",
            "Ranking",
            "本报告在本期首份签名之后完成，不列入本期排名",
            "completed after the batch's first signature: outside the ranking of this edition",
        )
        return [outside | {"community": unit}]
    rows: list[dict[str, Any]] = kept["contexts"].get(unit, [])
    return rows
