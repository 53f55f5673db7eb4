"""Before the first kernel: tables, slices, keys, and everything that can be refused by then."""

from __future__ import annotations

import ast
import errno
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench import bundle
from workbench.batch import state
from workbench.batch.pool import Failure, Task
from workbench.batch.slices import digest, environment, package_digest
from workbench.batch.work import SliceJob, cut_slice, opened_study, slice_note
from workbench.batch.workers import Local, apart
from workbench.errors import InputError, MachineError, Problem
from workbench.evidence.bag import bag_name
from workbench.evidence.files import sha256_file, write_atomic

if TYPE_CHECKING:
    from workbench.batch.progress import Progress
    from workbench.batch.workers import Workers
    from workbench.study import Join, Source, Study

__all__ = ["choose", "keys_of", "notebook_of", "refuse_changed", "refuse_notebook", "tables"]


def notebook_of(study: Study) -> Path:
    """Give the notebook that is executed for each unit."""
    named = study.settings.notebook
    return study.folder / named if named else bundle.path("notebooks") / "community.ipynb"


def refuse_notebook(file: Path) -> None:
    """Refuse a notebook that could not be executed for any unit.

    Raises
    ------
    InputError
        No JSON, no or several parameters cells, no parameter ``community``, cells that do not
        parse: all at once.
    """
    try:
        cells = json.loads(file.read_bytes())["cells"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            Problem(
                code="notebook.file",
                zh="无法读取笔记本",
                en="the notebook cannot be read",
                file=file.name,
                found=f"{type(error).__name__}: {error}",
            )
        ) from error
    problems = list(_faults(file.name, cells))
    if problems:
        raise InputError(*problems)


def _faults(name: str, cells: list[dict[str, Any]]) -> Iterator[Problem]:
    from workbench.batch.execute import parameters_of

    tagged = [c for c in cells if "parameters" in c.get("metadata", {}).get("tags", ())]
    if len(tagged) != 1:
        yield Problem(
            code="notebook.parameters",
            zh="笔记本须恰有一个带 parameters 标签的单元格",
            en="the notebook needs exactly one cell tagged parameters",
            file=name,
            found=str(len(tagged)),
        )
    elif "community" not in parameters_of({"cells": tagged}):
        yield Problem(
            code="notebook.parameters",
            zh="参数单元格没有声明 community",
            en="the parameters cell does not declare community",
            file=name,
            remedy_zh='加一行：community: str = "JX-01"',
            remedy_en='add a line: community: str = "JX-01"',
        )
    for cell in cells:
        source = "".join(cell["source"])
        magic = any(line.lstrip()[:1] in {"%", "!", "?"} for line in source.splitlines())
        if cell["cell_type"] != "code" or magic:
            continue
        try:
            compile(
                source,
                cell.get("id", "?"),
                "exec",
                ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST,
            )
        except (SyntaxError, ValueError) as error:
            yield Problem(
                code="notebook.syntax",
                zh="笔记本的单元格不是合法的 Python",
                en="a cell of the notebook is no valid Python",
                file=name,
                column=str(cell.get("id")),
                found=str(error),
            )


def tables(study: Study, out: Path, told: Progress) -> tuple[list[str], str]:
    """Read the study's data into canonical tables, unless they were read from the same bytes.

    Returns
    -------
    (list of str, str)
        Ids of the units, sorted; the key of the tables.

    Raises
    ------
    MachineError
        When they changed while shards that read the earlier ones are at work.
    """
    key = digest({"package": package_digest(), "sources": _source_digests(study, out)})
    folder = out / "private" / "tables"
    note = out / "private" / "tables.json"
    if note.exists() and folder.is_dir():
        kept = json.loads(note.read_bytes())
        if kept["key"] == key:
            return list(kept["units"]), key
        if len(list(out.glob(".lock*"))) > 1:
            raise MachineError(
                Problem(
                    code="batch.changed",
                    zh="其他分片正在运行，而项目或程序已改变",
                    en="the study or the code has changed while other shards are at work",
                    remedy_zh="等其他分片结束后再运行",
                    remedy_en="let the other shards end first",
                )
            )
    told.say("读入数据", "reading the data")
    read = apart(Local(1), Task("tables", _read, (str(study.folder), str(out.resolve()), key)))
    if isinstance(read, list):
        return read, key
    raise InputError(*read)


def _read(job: tuple[str, str, str]) -> list[str] | tuple[Problem, ...]:
    """Read the tables in a worker; give the ids of the units, or what is wrong with the data."""
    from workbench.intake import build, write_tables

    out, key = Path(job[1]), job[2]
    folder, note = out / "private" / "tables", out / "private" / "tables.json"
    try:
        study = opened_study(job[0])
        built = build(study)
    except InputError as error:
        return tuple(error.problems)
    note.unlink(missing_ok=True)
    if folder.exists():
        shutil.rmtree(folder)
    write_tables(built, folder)
    frame = built.frames["communities"]
    units = sorted(frame.loc[frame["level"].eq(study.settings.unit), "community"].tolist())
    write_atomic(note, json.dumps({"key": key, "units": units}).encode())
    return units


def _source_digests(study: Study, out: Path) -> dict[str, str]:
    """Digest of every file of the study, of sources outside of its folder, of databases' rows."""
    mine = out.resolve()
    every = (p for p in study.folder.resolve().rglob("*") if p.is_file())
    files = {p for p in every if mine not in p.parents}
    asked: dict[str, str] = {}
    for each in study.settings.sources.values():
        for source in each:
            joins = source.join if isinstance(source.join, list) else [source.join]
            hows: list[Source | Join] = [source, *(join for join in joins if join is not None)]
            for how in hows:
                if how.format == "sql":
                    from workbench.intake.readers.sql import sql  # and with it pandas

                    asked[f"{how.file} {how.sheet or how.query}"] = sql(how, os.environ)[1]
            named = [how.file for how in hows]
            files |= {(study.folder / name).resolve() for name in named}
    found = {str(file): sha256_file(file) for file in sorted(files) if file.is_file()}
    return found | asked


def choose(units: list[str], only: Sequence[str], shard: tuple[int, int]) -> list[str]:
    """Give the units that are asked for.

    Raises
    ------
    InputError
        When a named one does not exist.
    """
    unknown = sorted(set(only) - set(units))
    if unknown:
        raise InputError(
            *(
                Problem(
                    code="run.unit",
                    zh=f"没有编号为 {name} 的被测单位",
                    en=f"no unit {name} in this study",
                    found=name,
                    remedy_zh="编号见 communities 表",
                    remedy_en="ids are in the table communities",
                )
                for name in unknown
            )
        )
    i, n = shard
    wanted = set(only)
    return [unit for unit in units[i - 1 :: n] if not wanted or unit in wanted]


def keys_of(
    study: str,
    opened: Study,
    out: Path,
    units: Iterable[str],
    mine: Sequence[str],
    tables_key: str,
    workers: Workers,
    told: Progress,
    editions: Mapping[str, int] | None = None,
) -> dict[str, str]:
    """Cut the slices that are not cut from these tables yet, and give every unit's map key.

    ``mine`` are the units whose slices may be cut; others have a key only where their slice is
    there. ``editions`` are those of the units that have more than one.

    Raises
    ------
    InputError
        Slices that cannot be cut, all of them.
    """
    suites = {p.name: sha256_file(p) for p in sorted(bundle.path("expectations").glob("*.json"))}
    common_key = digest({"tables": tables_key, "suites": suites})
    number = {unit: n for unit, n in (editions or {}).items() if n > 1}
    cut_keys = {u: digest([common_key, n]) for u, n in number.items()}
    notes = {unit: slice_note(out, unit, cut_keys.get(unit, common_key)) for unit in units}
    asked = set(mine)
    missing = [unit for unit, note in notes.items() if note is None and unit in asked]
    problems = []
    told.begin("切片", "slices", len(missing))
    tasks = (
        Task(
            u,
            cut_slice,
            SliceJob(study, str(out), u, cut_keys.get(u, common_key), number.get(u, 1)),
        )
        for u in missing
    )
    for task, answer in workers.run(tasks):
        failed = isinstance(answer, Failure)
        if failed and answer.code == "disk-full":  # no fault of the unit
            raise OSError(errno.ENOSPC, answer.message)
        if failed:
            problems.append(
                Problem(
                    code="run.slice",
                    zh="无法切出该单位的数据",
                    en="the unit's slice cannot be cut",
                    community=task.name,
                    found=answer.message,
                )
            )
        else:
            notes[task.name] = answer
        told.step(task.name, "failed" if failed else "done")
    told.end()
    if problems:
        raise InputError(*problems)
    common = {
        "notebook": sha256_file(notebook_of(opened)),
        "package": package_digest(),
        "environment": environment(),
    }
    return {u: digest(common | {"slice": note}) for u, note in notes.items() if note is not None}


def refuse_changed(
    rows: dict[str, state.Brief], keys: dict[str, str], editions: Mapping[str, int] | None = None
) -> None:
    """Refuse a changed input of a unit that bears a signature, or of its newest edition.

    Raises
    ------
    InputError
        With every such unit.
    """
    changed = [
        unit
        for unit, key in sorted(keys.items())
        if (row := rows.get(bag_name(unit, (editions or {}).get(unit, 1)))) is not None
        and (row.signed or unit in (editions or {}))
        and row.map_key != key
    ]
    if changed:
        raise InputError(
            *(
                Problem(
                    code="run.signed",
                    zh="该报告已有签名，其数据、笔记本或程序已改变，不予重写",
                    en="the report bears a signature and its inputs, notebook or code have changed",
                    community=unit,
                    remedy_zh="另用一个 --out 文件夹，或撤回后出具新版（amend）",
                    remedy_en="use another --out folder, or amend the report in a new edition",
                )
                for unit in changed
            )
        )
