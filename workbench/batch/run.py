"""The main job: study folder in, one signed report per unit out; run again, and it resumes.

Three stages, each resumed by its own key (docs/architecture.md): map executes each unit's notebook
on its slice, reduce executes the batch notebook over all findings, render makes report and bag and
signs. What is done under the same key is never done again; what is signed is never rewritten.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

from workbench import __version__
from workbench.batch import prepare, seal, state
from workbench.batch.limits import CAUSES, DEFAULT, Limits, of_error
from workbench.batch.opening import log_of
from workbench.batch.overviews import write_overview
from workbench.batch.pool import Failure, Task
from workbench.batch.progress import Progress
from workbench.batch.reduce import context_digest, reduce
from workbench.batch.render import RenderJob, open_keys, render_unit, settings_digest
from workbench.batch.slices import digest, environment, load_study, package_digest, read_study
from workbench.batch.work import MapJob, map_note, map_unit, opened_study
from workbench.batch.workers import Local, Workers, apart
from workbench.errors import InputError, MachineError, Problem
from workbench.evidence.bag import bag_info, bag_name, digests
from workbench.evidence.files import recover, sha256_file, write_atomic
from workbench.evidence.logs import entries

if TYPE_CHECKING:
    from workbench.study import Study

__all__ = ["Cause", "Outcome", "Runner", "enter_all", "entered_together", "recount", "run"]

T = TypeVar("T")

ENTRIES = 100  # reports entered in the ledger together, while it is short
FEW = 8  # units for which the equality test of a study's own notebook is not worth its time
TRIES = 2  # executions of a unit that is lost for a reason that may pass; then it is left alone

Kernels = Literal["auto", "fresh", "forked", "in-child"]


class Cause(NamedTuple):
    """Why units failed: class of the error, cell, column, and the words of the first of them."""

    code: str
    cell: str | None
    column: str | None
    zh: str
    en: str


@dataclass
class Outcome:
    """What a run came to: counts, failures grouped by cause, and the exit code of the command."""

    total: int = 0
    signed: int = 0
    drafts: int = 0
    withheld: int = 0
    waiting: int = 0
    failed: dict[Cause, list[str]] = field(default_factory=dict)

    @property
    def code(self) -> int:
        """4 when a unit failed, else 3 when one was withheld, else 0."""
        if self.failed:
            return 4
        return 3 if self.withheld else 0

    def as_dict(self) -> dict[str, Any]:
        """Give counts and causes for programs."""
        causes = [
            cause._asdict() | {"units": len(units), "example": units[0]}
            for cause, units in sorted(self.failed.items(), key=lambda each: -len(each[1]))
        ]
        names = ("total", "signed", "drafts", "withheld", "waiting", "code")
        return {name: getattr(self, name) for name in names} | {"failures": causes}


def run(
    study: str,
    out: Path,
    *,
    only: Sequence[str] = (),
    jobs: int = 1,
    shard: tuple[int, int] = (1, 1),
    languages: Sequence[str] = (),
    progress: Progress | None = None,
    limits: Limits = DEFAULT,
    kernels: Kernels = "auto",
    retry_failed: bool = False,
    cluster: str = "",
    exchange: str = "",
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
        ``(i, n)``: take every n-th unit, beginning with the i-th (1-based). Shards of one ``n`` may
        run at the same time on one folder, also from several machines.
    languages
        Languages of the reports; empty means those of the study.
    progress
        Told what happens; none is silent.
    limits
        What one unit may use.
    kernels
        ``fresh`` for each unit; ``forked`` from a server that has imported the stack; ``in-child``:
        the cells run in the forked child, without a kernel's sockets; ``auto``: in-child for a
        notebook that passes the equality test, else forked, and fresh where the system cannot
        fork. The findings are the same.
    retry_failed
        Execute again what failed, cell errors and units that were left alone included.
    cluster
        Address of a Dask scheduler whose workers share ``out``; empty: this machine.
    exchange
        URL, as fsspec knows them, by which workers of the cluster that do not share ``out`` get
        slices and hand in executed notebooks; all else is then done on this machine.

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
    prepare.refuse_notebook(prepare.notebook_of(opened))
    made = not out.exists()
    _make(out)
    try:
        with state.lock(out, shard):
            return Runner(
                opened, study, out, only, shard, told, limits, jobs, kernels, cluster, exchange
            ).go(languages, retry_failed=retry_failed)
    except InputError:
        if made and not any(out.iterdir()):  # a study that is refused leaves no folder
            out.rmdir()
        raise
    except OSError as error:
        lost = of_error(error)
        if lost is not None and lost.code == "disk-full":
            raise _disk_full(str(error)) from error
        raise


def _make(out: Path) -> None:
    """Make the batch folder, or refuse a place where it cannot be."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        found = "" if os.access(out, os.W_OK) else os.strerror(errno.EACCES)
    except OSError as error:
        found = str(error.strerror)
    if found:
        raise InputError(
            Problem(
                code="batch.out",
                zh="批次文件夹无法建立或写入",
                en="the batch folder cannot be made or written",
                file=str(out),
                found=found,
                remedy_zh="用 --out 指定一个可写的文件夹",
                remedy_en="name a folder with --out that can be written",
            )
        )


def _disk_full(found: str) -> MachineError:
    return MachineError(
        Problem(
            code="batch.disk",
            zh="磁盘已满，运行停止；已完成的不受影响",
            en="the disk is full and the run has stopped; what is done is not touched",
            found=found,
            remedy_zh="腾出空间后再次运行，从停下的地方继续",
            remedy_en="make room and run again: it goes on from here",
        )
    )


@dataclass
class Runner:
    """One run over a batch folder that this process holds."""

    opened: Study
    study: str
    out: Path
    only: Sequence[str]
    shard: tuple[int, int]
    told: Progress
    limits: Limits
    jobs: int
    kernels: Kernels
    cluster: str
    exchange: str = ""
    left: list[str] = field(default_factory=list)  # signed and not entered before a crash

    def go(self, languages: Sequence[str], *, retry_failed: bool) -> Outcome:
        """Do all three stages; see :func:`run`."""
        out, alone = self.out, self.shard[1] == 1
        started = datetime.now(UTC)
        with self._turn():
            units, tables_key = prepare.tables(self.opened, out, self.told)
            where = self.study if self.study == "demo" else str(self.opened.folder)
            write_atomic(out / "private" / "study.json", json.dumps({"study": where}).encode())
        chosen = prepare.choose(units, self.only, self.shard)
        mine = units if alone else prepare.choose(units, (), self.shard)
        self.clear_up(None if alone else mine)
        rows = state.brief(out)
        amended = {unit: n for unit, n in state.editions(rows).items() if n > 1}
        contexts = False
        with self.workers() as workers:
            keys_of = partial(prepare.keys_of, self.study, self.opened, out, units)
            keys = keys_of(mine, tables_key, workers, self.told, amended)
            prepare.refuse_changed(rows, keys, amended)
            fresh = [u for u in chosen if not (u in rows and rows[u].signed)]
            seal.refuse_unfit(self.opened, out, fresh)
            self._map(chosen, keys, rows, workers, retry_failed=retry_failed)
            if not alone:
                rows = state.brief(out)  # others were at work meanwhile, and cut their slices
                keys |= keys_of((), tables_key, workers, self.told, amended)
            mapped = sum(_mapped(out, u, keys.get(u)) for u in units)
            settled = mapped > 0 and all(  # with none there is nothing to reduce
                _mapped(out, u, keys.get(u)) or _lost(rows.get(u), keys.get(u)) for u in units
            )
            if settled:
                with self._turn():
                    _after_kernels(reduce, out, units, self.told, workers)
                contexts = True
                langs = tuple(languages or self.opened.settings.languages)
                _after_kernels(self._render, chosen, keys, rows, langs, workers)
        with self._turn():
            if contexts:
                job = (str(self.opened.folder), str(out.resolve()), units)
                apart(Local(1), Task("overview", _overview, job))
            else:
                self.told.say(
                    f"已执行 {mapped}/{len(units)}，全部完成后汇总并出具报告",
                    f"{mapped} of {len(units)} units executed; reports follow when all are",
                )
            del rows, keys  # the summary reads its own
            outcome = _summary(out, units)
            _write_batch(self.opened, out, outcome, started)
        return outcome

    def clear_up(self, mine: Sequence[str] | None) -> None:
        """Clear up after a crash; what another shard is building is its own."""
        for folder in ("communities", "failed", "private/slices", "private/map"):
            recover(self.out / folder, mine)
        for left in (self.out / "private" / "work").glob("*"):
            if left.is_file() and state.alive(left):  # a cluster's worker, of a runner that is gone
                continue
            if mine is None or left.name.partition("@")[0] in set(mine):
                shutil.rmtree(left, ignore_errors=True)
                left.unlink(missing_ok=True) if left.is_file() else None
        if mine is None:
            recover(self.out / "private")
            recover(self.out / "private" / "reduce")
            recover(self.out)
        self.left = _reconcile(self.out, mine)

    @contextmanager
    def workers(self) -> Iterator[Workers]:
        """Give what does the tasks: a cluster, or processes here, with a fork server."""
        from workbench.batch.forkserver import kernels_of

        with ExitStack() as stack:
            away: Workers | None = None
            if self.cluster:
                from workbench.batch.cluster import connected

                away = stack.enter_context(
                    connected(self.cluster, jobs=self.jobs, kernels=self.kernels)
                )
                if not self.exchange:
                    yield away
                    return
            named, in_child = stack.enter_context(kernels_of(self.kernels, self.told.say))
            here = Local(self.jobs, named, in_child)
            if away is None:
                yield here
                return
            from workbench.batch.exchange import Exchange

            yield Exchange(self.exchange, away, here)

    def _in_child(self, pending: Sequence[str], workers: Workers) -> bool:
        """Say whether cells may run in the forked child: where asked for, or after the test."""
        if not workers.in_child or self.kernels == "in-child":
            return workers.in_child
        if not self.opened.settings.notebook:
            return True  # the bundled notebook is held to it by the project's tests
        if len(pending) < FEW:
            return False
        from workbench.batch.equality import passes

        return passes(self.out, prepare.notebook_of(self.opened), pending[0], workers, self.limits)

    def _map(
        self,
        chosen: Sequence[str],
        keys: dict[str, str],
        rows: dict[str, state.Brief],
        workers: Workers,
        *,
        retry_failed: bool,
    ) -> None:
        out, told = self.out, self.told
        notebook = str(prepare.notebook_of(self.opened).resolve())
        pending = [
            unit
            for unit in chosen
            if (retry_failed and _failed(out, unit, keys[unit], rows.get(unit)))
            or not (_mapped(out, unit, keys[unit]) or _given_up(rows.get(unit), keys[unit]))
        ]
        in_child = bool(pending) and self._in_child(pending, workers)
        told.begin("执行笔记本", "notebooks", len(pending))

        def execute(units: Sequence[str]) -> Iterator[tuple[Task, Any]]:
            tasks = (
                Task(
                    unit,
                    map_unit,
                    MapJob(str(out.resolve()), unit, notebook, keys[unit], in_child, self.limits),
                )
                for unit in units
            )
            # a notebook is ended by its own limit; this is for a worker that hangs, and its imports
            yield from workers.run(tasks, seconds=self.limits.wall + 60)

        for last in range(TRIES):
            again = []
            # one of those at work when the server went may have ended it: each alone, once more
            alone = [unit for unit in pending if unit in rows and rows[unit].code == "server"]
            together = [unit for unit in pending if unit not in set(alone)]
            for task, answer in chain.from_iterable(map(execute, [together, *zip(alone)])):
                unit = task.name
                row = _row_of(rows.get(unit), unit, keys[unit], answer)
                if row is not None:
                    if isinstance(answer, Failure):
                        _keep_reason(out, unit, row["reason"])
                    state.append(out, row)
                    rows[unit] = state.brief_of(row)
                    if isinstance(answer, Failure) and answer.code == "disk-full":
                        raise _disk_full(answer.message)
                    if not _given_up(rows[unit], keys[unit]) and last + 1 < TRIES:
                        again.append(unit)
                        continue
                told.step(unit, "failed" if row else answer["outcome"])
            pending = again
            if not pending:
                break
        told.end()

    def _render(
        self,
        chosen: Sequence[str],
        keys: dict[str, str],
        rows: dict[str, state.Brief],
        langs: tuple[str, ...],
        workers: Workers,
    ) -> None:
        out = self.out
        pending = []
        for unit in chosen:
            if not _mapped(out, unit, keys[unit]):
                _set_aside(out, unit)
            elif not self._rendered(unit, keys[unit], rows.get(unit), langs):
                pending.append(unit)
        self.report(pending, keys, rows, langs, workers)

    def report(
        self,
        pending: Sequence[str],
        keys: Mapping[str, str],
        rows: dict[str, state.Brief],
        langs: tuple[str, ...],
        workers: Workers,
        editions: Mapping[str, int] | None = None,
    ) -> None:
        """Make the reports of these units, sign them as far as keys open, and enter them."""
        out, told = self.out, self.told
        settings = settings_digest(self.opened)
        numbers = editions or {}  # of those that are not the first
        tasks = (
            Task(
                unit,
                render_unit,
                RenderJob(
                    self.study,
                    str(out.resolve()),
                    unit,
                    keys[unit],
                    self._render_key(unit, keys[unit], langs, numbers.get(unit, 1)),
                    langs,
                    str((map_note(out, unit) or {}).get("outcome")),
                    edition=numbers.get(unit, 1),
                    settings=settings,
                ),
            )
            for unit in pending
        )
        if pending and open_keys(self.opened):
            with self._turn():
                seal.freeze(self.opened, out)
        waiting: dict[str, dict[str, Any]] = {}
        many = ENTRIES
        told.begin("出具并签名", "reports", len(pending))
        for task, answer in workers.run(tasks):
            edition = numbers.get(task.name, 1)
            name = bag_name(task.name, edition)
            earlier = rows.get(name)
            row = {"community": task.name, "edition": edition, "map_key": keys[task.name]}
            row["attempt"] = (earlier.attempt if earlier else 0) + 1
            if isinstance(answer, Failure):
                row |= {"state": "failed", "reason": _reason(answer)}
            else:
                row |= answer
            if seal.waits_for_entry(out / "communities" / name):
                waiting[name] = row
            else:
                state.append(out, row)
            if isinstance(answer, Failure) and answer.code == "disk-full":
                raise _disk_full(answer.message)
            if len(waiting) >= many:
                self._enter(waiting)
                many = entered_together(self.opened, out)
            rows[name] = state.brief_of(row)
            failed = row["state"] == "failed"
            told.step(task.name, "failed" if failed else str(row.get("outcome")))
        told.end()
        self._enter(waiting)

    def _enter(self, waiting: dict[str, dict[str, Any]]) -> None:
        with self._turn():
            enter_all(self.opened, self.out, waiting, self.left)
        waiting.clear()
        self.left = []

    def _turn(self) -> Any:
        """Wait for what only one shard may do at a time; a plain runner is alone anyway."""
        return nullcontext() if self.shard[1] == 1 else state.turn(self.out)

    def _render_key(self, unit: str, key: str, langs: tuple[str, ...], edition: int = 1) -> str:
        return digest([key, context_digest(self.out, unit, edition), langs, package_digest()])

    def _rendered(
        self, unit: str, key: str, row: state.Brief | None, langs: tuple[str, ...]
    ) -> bool:
        if row is None:
            return False
        if row.signed:
            return True
        return row.state == "draft" and row.render_key == self._render_key(unit, key, langs)


def _overview(job: tuple[str, str, Sequence[str]]) -> None:
    write_overview(opened_study(job[0]), Path(job[1]), job[2])


def _row_of(earlier: state.Brief | None, unit: str, key: str, answer: Any) -> dict[str, Any] | None:
    """Give the state line of an execution that failed, none for one that did not."""
    row: dict[str, Any] = {
        "community": unit,
        "edition": 1,
        "state": "failed",
        "attempt": (earlier.attempt if earlier else 0) + 1,
        "map_key": key,
    }
    if isinstance(answer, Failure):
        before = earlier.tries if earlier and earlier.map_key == key else 0
        return row | {"reason": _reason(answer) | {"tries": before + 1}}
    if answer["outcome"] != "failed":
        return None
    return row | {name: answer[name] for name in ("reason", "cpu_seconds", "wall_seconds")}


def _reason(failure: Failure) -> dict[str, Any]:
    zh, en, _ = CAUSES.get(failure.code, (failure.message, failure.message, False))
    detail = failure.message.removeprefix(en)  # which signal, which file
    told = {"zh": zh + detail.replace(": ", "：", 1), "en": en + detail}
    return {"code": failure.code, "cell": None} | told | {"found": failure.message}


def _keep_reason(out: Path, unit: str, reason: Mapping[str, Any]) -> None:
    """Say in ``DIR/failed`` why a unit was lost; there is no notebook of it."""
    aside = out / "failed" / unit
    aside.mkdir(parents=True, exist_ok=True)
    for earlier in ("notebook.ipynb", "traceback.txt"):
        (aside / earlier).unlink(missing_ok=True)
    text = json.dumps(reason, ensure_ascii=False, indent=1) + "\n"
    write_atomic(aside / "reason.json", text.encode())


def _given_up(row: state.Brief | None, key: str) -> bool:
    """Say whether a unit failed under this key and is not to be tried again by itself."""
    if not _lost(row, key):
        return False
    assert row is not None
    _, _, retryable = CAUSES.get(row.code, ("", "", False))
    return not retryable or row.tries >= TRIES


def _failed(out: Path, unit: str, key: str, row: state.Brief | None) -> bool:
    return _lost(row, key) and not _mapped(out, unit, key)


def _reconcile(out: Path, mine: Sequence[str] | None) -> list[str]:
    """Enter bags whose state line a crash swallowed: what lies there whole counts.

    Returns
    -------
    list of str
        Bags that wait for their entry in the ledger.

    Raises
    ------
    InputError
        ``batch.bag``: every folder there that is none.
    """
    rows, left, odd = state.brief(out), [], []
    wanted = None if mine is None else set(mine)
    for bag in sorted(p for p in (out / "communities").glob("[!.]*") if p.is_dir()):
        if wanted is not None and bag.name not in wanted:
            continue
        try:
            info = bag_info(bag)
        except (OSError, ValueError) as error:
            odd.append(_no_bag(bag, error))
            continue
        if seal.waits_for_entry(bag):
            left.append(bag.name)
        row = rows.get(bag.name)
        told = (info.get("Workbench-Render-Key"), info.get("Workbench-State"))
        if row is not None and (row.render_key, row.state) == told:
            continue
        state.append(
            out,
            {
                "community": bag.name.partition("@")[0],
                "edition": state.editions([bag.name]).popitem()[1],
                "state": info.get("Workbench-State"),
                "outcome": info.get("Workbench-Outcome"),
                "attempt": (row.attempt if row else 0) + 1,
                "map_key": info.get("Workbench-Map-Key"),
                "render_key": info.get("Workbench-Render-Key"),
                "digests": digests(bag),
            },
        )
    if odd:
        raise InputError(*odd)
    return left


def _no_bag(folder: Path, error: Exception) -> Problem:
    return Problem(
        code="batch.bag",
        zh="这个文件夹不是证据包",
        en="this folder is no bag",
        file=f"{folder.parent.name}/{folder.name}",
        found=f"bag-info.txt: {error.strerror if isinstance(error, OSError) else error}",
        remedy_zh="若是自己放入的，请移到结果文件夹之外；若是证据包受损，请从备份恢复",
        remedy_en="if you put it there, move it out of the batch; if damaged, restore a backup",
    )


def _mapped(out: Path, unit: str, key: str | None) -> bool:
    """Say whether the unit's notebook was executed to an end under this key."""
    kept = map_note(out, unit)
    return kept is not None and kept["key"] == key and kept["outcome"] != "failed"


def _lost(row: state.Brief | None, key: str | None) -> bool:
    """Say whether the unit failed under this key."""
    return row is not None and row.state == "failed" and row.map_key == key


def _after_kernels(step: Callable[..., T], *args: Any) -> T:
    """Do a step whose refusals come after kernels have run: the study is no longer refused."""
    try:
        return step(*args)
    except InputError as error:
        raise MachineError(*error.problems) from error


def entered_together(study: Study, out: Path) -> int:
    """Say how many reports are entered at once: the log is read, and copied whole, each time.

    A hundredth of what it holds: all copies of a growing log together are then a hundred of it.
    """
    return max(ENTRIES, log_of(study, out).head().size // 100)


def enter_all(
    study: Study, out: Path, waiting: Mapping[str, Mapping[str, Any]], left: Iterable[str] = ()
) -> None:
    """Enter in the ledger what bears all signatures, those of an interrupted run too.

    Parameters
    ----------
    study, out
        The study and the batch folder, which is held.
    waiting
        State lines of bags signed just now, not written yet.
    left
        Bags that an interrupted run left, whose lines are written.
    """
    if not (names := sorted({*waiting, *left})):
        return
    rows = dict(waiting) if not left else state.read(out) | dict(waiting)
    entered: dict[str, dict[str, str]] = {}
    try:
        rest, many = iter(names), entered_together(study, out)
        while some := list(islice(rest, many)):
            entered |= seal.enter_signed(study, out, some)
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


def _summary(out: Path, units: list[str]) -> Outcome:
    outcome = Outcome(total=len(units))
    groups: dict[tuple[str, str | None, str | None], Cause] = {}
    rows = state.brief(out)
    for unit in units:
        row = rows.get(unit)
        if row is None:
            outcome.waiting += 1
            continue
        if row.state == "failed":
            reason = row.reason or {}
            group = (str(reason.get("code")), reason.get("cell"), reason.get("column"))
            told = groups.setdefault(
                group, Cause(*group, str(reason.get("zh")), str(reason.get("en")))
            )
            outcome.failed.setdefault(told, []).append(unit)
            continue
        outcome.signed += row.state == "signed"
        outcome.drafts += row.state in {"draft", "returned", "signing"}
        outcome.withheld += row.outcome == "withheld"
    return outcome


def _context_of(out: Path, study: str) -> str | None:
    """Give the digest of the context of all units: the frozen one, or that of the last reduction.

    An amendment has reduced anew when its reports are not signed yet.
    """
    told = [entry for entry in entries(out) if entry.get("type") == "context"]
    frozen = next((e["context_sha256"] for e in reversed(told) if e.get("study") == study), None)
    file = out / "private" / "reduce" / "contexts.json"
    return frozen or (sha256_file(file) if file.exists() else None)


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
        "failures": outcome.as_dict()["failures"],
    }


def recount(out: Path, units: list[str]) -> None:
    """Write the counts of ``batch.json`` anew, after signatures."""
    file = out / "batch.json"
    told = json.loads(file.read_bytes()) | _counts(_summary(out, units))
    told["context_sha256"] = _context_of(out, told["study"])
    write_atomic(file, (json.dumps(told, ensure_ascii=False, indent=1) + "\n").encode())


def _write_batch(study: Study, out: Path, outcome: Outcome, started: datetime) -> None:
    """Write ``batch.json``: what was assessed, with which versions, and how it came out."""
    told = {
        "study": study.id,
        "issued": study.settings.issued.isoformat(),
        "seed": study.settings.seed,
        "versions": {"workbench": __version__, "package": package_digest(), **environment()},
        **_counts(outcome),
        "context_sha256": _context_of(out, study.id),
        "started": started.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    text = json.dumps(told, ensure_ascii=False, indent=1) + "\n"
    write_atomic(out / "batch.json", text.encode())
