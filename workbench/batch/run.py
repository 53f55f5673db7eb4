"""The main job: study folder in, one signed report per unit out; run again, and it resumes.

Three stages, each resumed by its own key (docs/architecture.md): map executes each unit's notebook
on its slice, reduce executes the batch notebook over all findings, render makes report and bag and
signs. What is done under the same key is never done again; what is signed is never rewritten.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from workbench import __version__, bundle
from workbench.batch import seal, state
from workbench.batch.pool import Failure, Task, run_tasks
from workbench.batch.progress import Progress
from workbench.batch.reduce import reduce
from workbench.batch.render import RenderJob, open_keys, render_unit, write_overview
from workbench.batch.slices import digest, environment, load_study, package_digest, read_study
from workbench.batch.work import MapJob, SliceJob, cut_slice, map_folder, map_unit
from workbench.errors import InputError, MachineError, Problem
from workbench.evidence.bag import bag_info, digests
from workbench.evidence.files import recover, sha256_file, write_atomic

if TYPE_CHECKING:
    from workbench.study import Study

__all__ = ["Outcome", "enter_all", "recount", "run"]

T = TypeVar("T")

SECONDS = 1800.0  # wall-clock limit of one unit


@dataclass
class Outcome:
    """What a run came to: counts, failures grouped by cause, and the exit code of the command."""

    total: int = 0
    signed: int = 0
    drafts: int = 0
    withheld: int = 0
    waiting: int = 0
    failed: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    @property
    def code(self) -> int:
        """4 when a unit failed, else 3 when one was withheld, else 0."""
        if self.failed:
            return 4
        return 3 if self.withheld else 0


def run(
    study: str,
    out: Path,
    *,
    only: Sequence[str] = (),
    jobs: int = 1,
    shard: tuple[int, int] = (1, 1),
    languages: Sequence[str] = (),
    progress: Progress | None = None,
    seconds: float = SECONDS,
    kernels: Literal["auto", "fresh", "forked"] = "auto",
) -> Outcome:
    """Assess the units of a study.

    Parameters
    ----------
    study
        A study folder, or ``demo``.
    out
        The batch folder; made when missing.
    only
        Ids of units; empty means all. Restricts map, render and signing, not the reduction.
    jobs
        Worker processes.
    shard
        ``(i, n)``: take every n-th unit, beginning with the i-th (1-based).
    languages
        Languages of the reports; empty means those of the study.
    progress
        Told what happens; none is silent.
    seconds
        Wall-clock limit of one unit.
    kernels
        ``forked`` from a server that has imported the stack, ``fresh`` for each unit, or ``auto``:
        forked where the system allows it. The findings are the same.

    Raises
    ------
    InputError
        When the study is refused, a named unit does not exist, or an input of a signed unit
        changed. Nothing was executed then.
    MachineError
        When another process holds the folder.
    """
    told = progress or Progress(quiet=True)
    try:
        opened = load_study(study)
    except InputError:
        read_study(study)  # with the settings' problems it tells those of the data
        raise
    with _folder(out):
        for folder in ("communities", "failed", "private/slices", "private/map", "private"):
            recover(out / folder)
        recover(out)
        _reconcile(out)
        units = _tables(opened, out, told)
        where = study if study == "demo" else str(opened.folder)
        write_atomic(out / "private" / "study.json", json.dumps({"study": where}).encode())
        chosen = _choose(units, only, shard)
        known = [u for u in units if u in chosen or (map_folder(out, u) / "map.json").exists()]
        keys = _slice_all(study, opened, out, known, jobs, told)
        _refuse_changed(out, keys)
        rows = state.read(out)
        seal.refuse_unfit(opened, out, [u for u in chosen if not _signed(rows.get(u))])
        started = datetime.now(UTC)
        contexts = None
        with _kernels(kernels) as environment:
            mine = {unit: keys[unit] for unit in chosen}
            _map_all(opened, out, mine, jobs, seconds, told, environment)
            mapped = [unit for unit in keys if _mapped(out, unit, keys[unit])]
            rows = state.read(out)
            lost = {u for u in keys if _lost(rows.get(u), keys[u])}
            if set(units) <= set(mapped) | lost:
                contexts = _after_kernels(reduce, opened, out, units, told, environment)
        if contexts is not None:
            langs = tuple(languages or opened.settings.languages)
            _after_kernels(_render_all, study, out, chosen, keys, contexts, langs, jobs, told)
            write_overview(opened, out, units)
        else:
            told.say(
                f"已执行 {len(mapped)}/{len(units)}，全部完成后汇总并出具报告",
                f"{len(mapped)} of {len(units)} units executed; reports follow when all are",
            )
        outcome = _summary(out, units)
        _write_batch(opened, out, outcome, started)
    return outcome


@contextmanager
def _folder(out: Path) -> Iterator[None]:
    """Hold the batch folder; one that was made for a study that is refused goes again."""
    made = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    try:
        with state.lock(out):
            yield
    except InputError:
        if made and not any(out.iterdir()):
            out.rmdir()
        raise


def _reconcile(out: Path) -> None:
    """Enter bags whose state line a crash swallowed: what lies there whole counts."""
    rows = state.read(out)
    for bag in sorted(p for p in (out / "communities").glob("[!.]*") if p.is_dir()):
        info = bag_info(bag)
        row = rows.get(bag.name, {})
        told = (info.get("Workbench-Render-Key"), info.get("Workbench-State"))
        if (row.get("render_key"), row.get("state")) == told:
            continue
        state.append(
            out,
            {
                "community": bag.name,
                "edition": 1,
                "state": info.get("Workbench-State"),
                "outcome": info.get("Workbench-Outcome"),
                "attempt": int(row.get("attempt") or 0) + 1,
                "map_key": info.get("Workbench-Map-Key"),
                "render_key": info.get("Workbench-Render-Key"),
                "digests": digests(bag),
            },
        )


def _signed(row: Mapping[str, Any] | None) -> bool:
    """Say whether a unit's report bears a signature."""
    return row is not None and row.get("state") in {"signing", "signed"}


def _mapped(out: Path, unit: str, key: str) -> bool:
    """Say whether the unit's notebook was executed to an end under this key."""
    kept = _map_note(out, unit)
    return kept is not None and kept["key"] == key and kept["outcome"] != "failed"


def _lost(row: dict[str, Any] | None, key: str) -> bool:
    """Say whether the unit failed under this key."""
    return row is not None and row["state"] == "failed" and row["map_key"] == key


@contextmanager
def _kernels(how: str) -> Iterator[dict[str, str]]:
    """Give workers the environment in which they find the fork server, if there is to be one."""
    from workbench.batch.forkserver import available, server

    if how == "fresh" or (how == "auto" and not available()):
        yield {}
        return
    from workbench.batch.kernels import kernel_environment

    with (
        tempfile.TemporaryDirectory(prefix="wb-home-") as private,
        server(kernel_environment(Path(private))) as address,
    ):
        yield {"WORKBENCH_FORKSERVER": address}


def _tables(study: Study, out: Path, told: Progress) -> list[str]:
    """Read the study's data into canonical tables, unless they were read from the same bytes."""
    from workbench.intake import build, write_tables

    key = digest({"package": package_digest(), "sources": _source_digests(study, out)})
    folder = out / "private" / "tables"
    note = out / "private" / "tables.json"
    if note.exists() and folder.is_dir():
        kept = json.loads(note.read_bytes())
        if kept["key"] == key:
            return list(kept["units"])
    told.say("读入数据", "reading the data")
    tables = build(study)
    note.unlink(missing_ok=True)
    if folder.exists():
        shutil.rmtree(folder)
    write_tables(tables, folder)
    frame = tables.frames["communities"]
    level = study.settings.unit
    units = sorted(frame.loc[frame["level"].eq(level), "community"].tolist())
    write_atomic(note, json.dumps({"key": key, "units": units}).encode())
    return units


def _source_digests(study: Study, out: Path) -> dict[str, str]:
    """Digest of every file of the study folder, and of the sources outside of it."""
    mine = out.resolve()
    every = (p for p in study.folder.resolve().rglob("*") if p.is_file())
    files = {p for p in every if mine not in p.parents}
    for each in study.settings.sources.values():
        for source in each:
            joins = source.join if isinstance(source.join, list) else [source.join]
            named = [source.file, *(join.file for join in joins if join is not None)]
            files |= {(study.folder / name).resolve() for name in named}
    return {str(file): sha256_file(file) for file in sorted(files) if file.is_file()}


def _choose(units: list[str], only: Sequence[str], shard: tuple[int, int]) -> list[str]:
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
    mine = units[i - 1 :: n]
    return [unit for unit in mine if not only or unit in only]


def _notebook(study: Study) -> Path:
    named = study.settings.notebook
    return study.folder / named if named else bundle.path("notebooks") / "community.ipynb"


def _slice_all(
    study: str, opened: Study, out: Path, chosen: Iterable[str], jobs: int, told: Progress
) -> dict[str, str]:
    """Cut the slice of every chosen unit and give its map key."""
    tasks = [Task(u, cut_slice, SliceJob(study, str(out), u)) for u in chosen]
    common = {
        "notebook": sha256_file(_notebook(opened)),
        "package": package_digest(),
        "environment": environment(),
    }
    keys, problems = {}, []
    told.begin("切片", "slices", len(tasks))
    for task, answer in run_tasks(tasks, jobs=jobs, seconds=SECONDS):
        if isinstance(answer, Failure):
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
            keys[task.name] = digest(common | {"slice": answer})
        told.step(task.name)
    told.end()
    if problems:
        raise MachineError(*problems)
    return keys


def _refuse_changed(out: Path, keys: dict[str, str]) -> None:
    rows = state.read(out)
    changed = [
        unit
        for unit, key in sorted(keys.items())
        if _signed(rows.get(unit)) and rows[unit]["map_key"] != key
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


def _map_all(
    study: Study,
    out: Path,
    keys: dict[str, str],
    jobs: int,
    seconds: float,
    told: Progress,
    environment: dict[str, str],
) -> None:
    rows = state.read(out)
    notebook = str(_notebook(study).resolve())
    tasks = [
        Task(unit, map_unit, MapJob(str(out.resolve()), unit, notebook, key))
        for unit, key in keys.items()
        if not _done(out, unit, key)
    ]
    told.begin("执行笔记本", "notebooks", len(tasks))
    for task, answer in run_tasks(tasks, jobs=jobs, seconds=seconds, environment=environment):
        earlier = rows.get(task.name, {})
        row = {
            "community": task.name,
            "edition": 1,
            "attempt": int(earlier.get("attempt") or 0) + 1,
            "map_key": keys[task.name],
        }
        if isinstance(answer, Failure):
            zh = {"time-out": "超过时限", "killed": "进程被终止"}.get(answer.code, answer.message)
            reason = {"code": answer.code, "cell": None, "zh": zh, "en": answer.message}
            state.append(out, row | {"state": "failed", "reason": reason})
        elif answer["outcome"] == "failed":
            row |= {name: answer[name] for name in ("reason", "cpu_seconds", "wall_seconds")}
            state.append(out, row | {"state": "failed"})
        told.step(task.name)
    told.end()


def _done(out: Path, unit: str, key: str) -> bool:
    """Say whether a unit's notebook was executed under this key; a failing cell fails again."""
    kept = _map_note(out, unit)
    return kept is not None and bool(kept["key"] == key)


def _after_kernels(step: Callable[..., T], *args: Any) -> T:
    """Do a step whose refusals come after kernels have run: the study is no longer refused."""
    try:
        return step(*args)
    except InputError as error:
        raise MachineError(*error.problems) from error


def _render_all(
    study: str,
    out: Path,
    chosen: list[str],
    keys: dict[str, str],
    contexts: dict[str, str],
    langs: tuple[str, ...],
    jobs: int,
    told: Progress,
) -> None:
    rows = state.read(out)
    tasks = []
    for unit in chosen:
        kept = _map_note(out, unit)
        if kept is None or not _mapped(out, unit, keys[unit]):
            _set_aside(out, unit)
            continue
        key = digest([kept["key"], contexts[unit], langs, package_digest()])
        row = rows.get(unit, {})
        if _signed(row) or (row.get("state") == "draft" and row.get("render_key") == key):
            continue
        job = RenderJob(study, str(out.resolve()), unit, keys[unit], key, langs, kept["outcome"])
        tasks.append(Task(unit, render_unit, job))
    opened = load_study(study)
    if tasks and open_keys(opened):
        seal.freeze(opened, out)
    told.begin("出具并签名", "reports", len(tasks))
    waiting: dict[str, dict[str, Any]] = {}
    for task, answer in run_tasks(tasks, jobs=jobs, seconds=SECONDS):
        row = {"community": task.name, "edition": 1, "map_key": keys[task.name]}
        row["attempt"] = int(rows.get(task.name, {}).get("attempt") or 0) + 1
        if isinstance(answer, Failure):
            reason = {"code": answer.code, "cell": None, "zh": answer.message, "en": answer.message}
            state.append(out, row | {"state": "failed", "reason": reason})
        elif seal.waits_for_entry(out / "communities" / task.name):
            waiting[task.name] = row | answer
        else:
            state.append(out, row | answer)
        told.step(task.name)
    told.end()
    enter_all(opened, out, waiting)


def enter_all(study: Study, out: Path, waiting: Mapping[str, Mapping[str, Any]]) -> None:
    """Enter in the ledger what bears all signatures, those of an interrupted run too.

    Parameters
    ----------
    study, out
        The study and the batch folder, which is held.
    waiting
        State lines of bags signed just now, not written yet.
    """
    rows = state.read(out) | dict(waiting)
    entered: dict[str, dict[str, str]] = {}
    try:
        entered = seal.enter_signed(study, out)
    finally:
        for name in sorted({*entered, *waiting}):
            done = name in entered
            more = {"state": "signed", "digests": entered[name]} if done else {}
            state.append(out, {**rows[name], **more})


def _set_aside(out: Path, unit: str) -> None:
    """Take the draft of a unit that has failed since out of the reports."""
    bag = out / "communities" / unit
    if bag.is_dir():
        aside = out / "failed" / unit
        aside.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(aside / "earlier-draft", ignore_errors=True)
        bag.rename(aside / "earlier-draft")


def _map_note(out: Path, unit: str) -> dict[str, Any] | None:
    note = map_folder(out, unit) / "map.json"
    return json.loads(note.read_bytes()) if note.exists() else None


def _summary(out: Path, units: list[str]) -> Outcome:
    outcome = Outcome(total=len(units))
    rows = state.read(out)
    for unit in units:
        row = rows.get(unit)
        if row is None:
            outcome.waiting += 1
            continue
        if row["state"] == "failed":
            reason = row.get("reason") or {}
            cause = (str(reason.get("code")), str(reason.get("zh")))
            outcome.failed.setdefault(cause, []).append(unit)
            continue
        outcome.signed += row["state"] == "signed"
        outcome.drafts += row["state"] in {"draft", "returned", "signing"}
        outcome.withheld += row["outcome"] == "withheld"
    return outcome


def _counts(outcome: Outcome) -> dict[str, Any]:
    return {
        "states": {
            "signed": outcome.signed,
            "draft": outcome.drafts,
            "failed": sum(map(len, outcome.failed.values())),
            "waiting": outcome.waiting,
        },
        "outcomes": {
            "assessed": outcome.signed + outcome.drafts - outcome.withheld,
            "withheld": outcome.withheld,
        },
        "units": outcome.total,
    }


def recount(out: Path, units: list[str]) -> None:
    """Write the counts of ``batch.json`` anew, after signatures."""
    file = out / "batch.json"
    told = json.loads(file.read_bytes()) | _counts(_summary(out, units))
    write_atomic(file, (json.dumps(told, ensure_ascii=False, indent=1) + "\n").encode())


def _write_batch(study: Study, out: Path, outcome: Outcome, started: datetime) -> None:
    """Write ``batch.json``: what was assessed, with which versions, and how it came out."""
    context = out / "private" / "reduce" / "contexts.json"
    told = {
        "study": study.id,
        "issued": study.settings.issued.isoformat(),
        "seed": study.settings.seed,
        "versions": {"workbench": __version__, "package": package_digest(), **environment()},
        **_counts(outcome),
        "context_sha256": sha256_file(context) if context.exists() else None,
        "started": started.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    text = json.dumps(told, ensure_ascii=False, indent=1) + "\n"
    write_atomic(out / "batch.json", text.encode())
