"""The reduction: the batch notebook over all findings, one context slice per unit.

It runs once for one set of map keys. From the batch's first signature on its result is frozen: a
unit that comes later is told that it stands outside the ranking of this edition.
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench import bundle, findings
from workbench.batch import state
from workbench.batch.pool import Task
from workbench.batch.slices import digest, environment, package_digest
from workbench.batch.work import map_folder, map_note
from workbench.batch.workers import apart
from workbench.errors import NotebookError, Problem
from workbench.evidence.bag import bag_name
from workbench.evidence.files import (
    replace_directory,
    sha256_bytes,
    staging_directory,
    write_atomic,
)

if TYPE_CHECKING:
    from workbench.batch.progress import Progress
    from workbench.batch.workers import Workers

__all__ = [
    "amendments",
    "context_digest",
    "context_of",
    "reduce",
    "text_row",
    "write_findings",
]

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
    units: tuple[str, ...]
    key: str


def _folder(out: Path) -> Path:
    return out / "private" / "reduce"


def reduce(
    out: Path,
    units: list[str],
    told: Progress,
    workers: Workers,
    *,
    anew: bool = False,
) -> None:
    """Make every unit's context, if it is not made yet for these findings.

    A frozen one is made ``anew`` for an amendment alone.

    Raises
    ------
    NotebookError
        When a cell of the batch notebook fails.
    """
    notes = {unit: _note(out, unit) for unit in units}  # key and outcome, no more
    notebook = bundle.path("notebooks") / "batch.ipynb"
    key = digest(
        {
            "notebook": sha256_bytes(notebook.read_bytes()),
            "package": package_digest(),
            "environment": environment(),
            "maps": {unit: note and list(note) for unit, note in notes.items()},
        }
    )
    kept = _kept(out)
    frozen = any(row.signed for row in state.brief(out).values())
    if kept is None or (kept["key"] != key and (anew or not frozen)):
        told.say("汇总全部单位", "reducing over all units")
        job = _Job(str(out.resolve()), str(notebook.resolve()), tuple(units), key)
        error = apart(workers, Task("reduce", _reduce, job))
        if error is not None:
            raise NotebookError(
                Problem(
                    code="reduce.cell",
                    zh="汇总笔记本出错",
                    en="the batch notebook failed",
                    column=error["cell"],
                    found=f"{error['ename']}: {error['evalue']}",
                )
            )


def _without_digest(row: dict[str, Any]) -> dict[str, Any]:
    return row if row["finding"] != "context.batch_notebook" else {"finding": row["finding"]}


def context_digest(out: Path, unit: str, edition: int = 1) -> str:
    """Digest of a unit's context without the digest of the batch notebook.

    So a neighbour's correction that moves nothing printed here moves no key either.
    """
    return digest([_without_digest(row) for row in context_of(out, unit, edition)])


def _note(out: Path, unit: str) -> tuple[str, str] | None:
    note = map_note(out, unit)
    return (note["key"], note["outcome"]) if note else None


def _kept(out: Path) -> dict[str, Any] | None:
    file = _folder(out) / "contexts.json"
    return json.loads(file.read_bytes()) if file.exists() else None


def _inputs(out: Path, notes: Mapping[str, tuple[str, str] | None]) -> None:
    """Write what the batch notebook reads: all findings by column, the units, the settings."""
    data = _folder(out) / "data"
    if data.exists():
        shutil.rmtree(data)
    (data / "inputs").mkdir(parents=True)
    settings: dict[str, Any] = {}

    def assessed() -> Iterator[list[dict[str, Any]]]:
        for unit, note in notes.items():
            if note and note[1] == "assessed":
                yield json.loads((map_folder(out, unit) / "data" / "findings.json").read_bytes())

    write_findings(assessed(), data / "inputs" / "findings.parquet")
    names = ["community", *_UNIT, "outcome"]
    with (data / "inputs" / "units.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        for unit, note in notes.items():
            row = {"community": unit, "outcome": note[1] if note else "failed"}
            if note:
                inputs = map_folder(out, unit) / "data" / "inputs"
                with (inputs / "communities.csv").open(encoding="utf-8", newline="") as table:
                    own = next(r for r in csv.DictReader(table) if r["community"] == unit)
                row = own | row
                settings = settings or json.loads((inputs / "study.json").read_bytes())
            writer.writerow(row)
    common = {name: settings.get(name) for name in _COMMON}
    common["units"] = len(notes)
    text = json.dumps(common, ensure_ascii=False, sort_keys=True, indent=1) + "\n"
    (data / "inputs" / "study.json").write_text(text, encoding="utf-8")


_NUMBERS = set(
    "value std_error ci_low ci_high level n numerator denominator base target attainment "
    "points max_points p_value p_adjusted df n_effective baseline edition".split()
)
_GROUP = 10_000  # rows held in memory while findings.parquet is written


def write_findings(units: Iterable[list[dict[str, Any]]], file: Path) -> None:
    """Write the findings of all units by column, a group of rows at a time.

    Memory does not depend on the number of units.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = [*findings.COLUMNS, *findings.EXTRA]
    schema = pa.schema(
        [(name, pa.float64() if name in _NUMBERS else pa.large_string()) for name in names]
    )
    held: list[Any] = []  # by column at once: as mappings they would take ten times the memory

    def by_column(rows: list[dict[str, Any]]) -> Any:
        columns = {name: [_cell(row.get(name), name in _NUMBERS) for row in rows] for name in names}
        return pa.RecordBatch.from_pydict(columns, schema=schema)

    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for rows in units:
            held.append(by_column(rows))
            if sum(part.num_rows for part in held) >= _GROUP:
                writer.write_table(pa.Table.from_batches(held, schema=schema))
                held.clear()
        writer.write_table(pa.Table.from_batches(held, schema=schema))


def _cell(value: Any, number: bool) -> Any:
    if value is None:
        return None
    return float(value) if number else str(value)


def _reduce(job: _Job) -> dict[str, Any] | None:
    """Reduce in a worker: inputs, notebook, contexts; give the error of a cell, if there is one."""
    out = Path(job.out)
    notes = {unit: _note(out, unit) for unit in job.units}
    _inputs(out, notes)
    error = _execute(job)
    if error is None:
        _contexts(out, notes, job.key)
    return error


def _execute(job: _Job) -> dict[str, Any] | None:
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


def _contexts(out: Path, notes: Mapping[str, tuple[str, str] | None], key: str) -> None:
    """Split the batch notebook's findings into one context per unit: a small file each."""
    raw = (_folder(out) / "data" / "notebook.ipynb").read_bytes()
    found = findings.extract(json.loads(raw), community="*", edition=1, name="batch")
    (_folder(out) / "data" / "findings.json").write_bytes(findings.to_json(found))
    by_unit: dict[str, list[dict[str, Any]]] = {}
    for row in found:
        by_unit.setdefault(str(row["community"]), []).append(row)
    seal = text_row(
        "context.batch_notebook",
        "汇总笔记本的 SHA-256",
        "SHA-256 of the batch notebook",
        sha256_bytes(raw),
        sha256_bytes(raw),
    )
    target = _folder(out) / "contexts"
    staged = staging_directory(target)
    total = hashlib.sha256()
    for unit, note in notes.items():
        rows = [*by_unit.pop(unit, []), seal | {"community": unit}]
        told = {"map_key": note and note[0], "context": rows}
        data = json.dumps(told, ensure_ascii=False, allow_nan=False).encode()
        (staged / f"{unit}.json").write_bytes(data)
        total.update(hashlib.sha256(data).digest())
    replace_directory(target)
    head = {"key": key, "contexts_sha256": total.hexdigest()}
    write_atomic(_folder(out) / "contexts.json", json.dumps(head).encode())


def text_row(finding: str, zh: str, en: str, said_zh: str, said_en: str) -> dict[str, Any]:
    """Give a finding of the context that is a text."""
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


def amendments(out: Path) -> Path:
    """Where the journal of amendments lies, and what each says in the reports it makes."""
    return out / "private" / "amendments"


def context_of(out: Path, unit: str, edition: int = 1) -> list[dict[str, Any]]:
    """Give a unit's context; one that came after the first signature stands outside the ranking.

    A later edition begins with what it amends.
    """
    if edition > 1:
        told = amendments(out) / f"{bag_name(unit, edition)}.json"
        amended: list[dict[str, Any]] = json.loads(told.read_bytes())
        return [row | {"edition": edition} for row in [*amended, *context_of(out, unit)]]
    note = _note(out, unit)
    file = _folder(out) / "contexts" / f"{unit}.json"
    kept = json.loads(file.read_bytes()) if file.exists() else {"map_key": None, "context": []}
    if note and note[1] == "assessed" and kept["map_key"] != note[0]:
        outside = text_row(
            "context.outside",
            "排名",
            "Ranking",
            "本报告在本期首份签名之后完成，不列入本期排名",
            "completed after the batch's first signature: outside the ranking of this edition",
        )
        return [outside | {"community": unit}]
    rows: list[dict[str, Any]] = kept["context"]
    return rows
