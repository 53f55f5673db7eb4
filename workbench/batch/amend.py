"""A report after its signatures: a new edition that supersedes the old one, or a withdrawal.

An amendment reads the study folder again, executes the unit's notebook and reduces anew. The other
units keep their reports; one is issued anew only where its gate, tier or award changes. Nothing is
moved or deleted: the new edition is a bag beside the old one, and the ledger says which one counts.
What a kill interrupts, the same command goes on with.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.batch import prepare, seal, state
from workbench.batch.closing import close_again
from workbench.batch.limits import DEFAULT
from workbench.batch.objections import Objection, naming, objections, window
from workbench.batch.opening import log_of
from workbench.batch.overviews import write_overview
from workbench.batch.pool import Failure, Task
from workbench.batch.progress import Progress
from workbench.batch.reduce import amendments, context_of, reduce, text_row
from workbench.batch.run import Kernels, Runner, recount
from workbench.batch.sign import study_of
from workbench.batch.slices import assessed_digest
from workbench.batch.work import MapJob, map_folder, map_note, map_unit
from workbench.errors import InputError, NotebookError, Problem
from workbench.evidence import bag as bags
from workbench.evidence.files import canonical_json, write_atomic
from workbench.evidence.logs import copy_log

if TYPE_CHECKING:
    from workbench.batch.workers import Workers
    from workbench.study import Study

__all__ = ["Amended", "amend", "withdraw"]

# what another unit's report is issued anew for; its rank and p values alone do not count
_DECISIVE = re.compile(r"context\.(tier|award|gate|quota|named)([._].*)?")
_TOLD = ("value", "verdict", "display_zh", "display_en", "status")
_UPHELD = {"upheld": ("成立", "upheld"), "in_part": ("部分成立", "upheld in part")}


@dataclass(frozen=True)
class Amended:
    """What an amendment came to.

    Attributes
    ----------
    unit, edition
        Whose report, and the edition that was made.
    score
        Score before and after as printed, (zh, en) each; empty where there is none.
    state
        Of the new edition: ``draft`` when persons still have to sign.
    reissued
        Other units whose report is issued anew: bag → what changed (zh, en).
    """

    unit: str
    edition: int
    score: tuple[tuple[str, str], tuple[str, str]]
    state: str
    reissued: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Folder of the new bag."""
        return bags.bag_name(self.unit, self.edition)


def amend(
    bag: Path,
    *,
    objection: str = "",
    reason: str = "",
    told: Progress | None = None,
    jobs: int = 1,
    kernels: Kernels = "auto",
) -> Amended:
    """Make the next edition of a signed report from the study folder as it stands now.

    Parameters
    ----------
    bag
        ``DIR/communities/<community>``: the newest edition.
    objection
        Id of the objection that was upheld; the corrections or judgements it led to name it.
    reason
        Why, where there is no objection: a mistake that the assessor found.
    told, jobs, kernels
        As in :func:`workbench.batch.run.run`.

    Raises
    ------
    InputError
        ``amend.*``, ``sign.study``; the study's own problems. Nothing was executed then.
    NotebookError
        When the notebook fails on the new data; the old edition counts on.
    """
    bag = bag.resolve()
    out = bag.parent.parent
    if not (bag / "bagit.txt").is_file() or bag.parent.name != "communities":
        raise InputError(_problem("amend.bag", bag.name, "这里没有报告", "there is no report here"))
    study = study_of(out)
    _, unit, edition = bags.bag_info(bag)["External-Identifier"].rsplit("/", 2)
    with state.lock(out):
        work = _Amendment(study, out, unit, int(edition), objection, reason)
        return work.go(told or Progress(quiet=True), jobs, kernels)


@dataclass
class _Amendment:
    """One amendment over a batch folder that this process holds."""

    study: Study
    out: Path
    unit: str
    edition: int
    objection: str
    reason: str

    def go(self, told: Progress, jobs: int, kernels: Kernels) -> Amended:
        out, study = self.out, self.study
        where = str(json.loads((out / "private" / "study.json").read_bytes())["study"])
        units, tables_key = prepare.tables(study, out, told)
        runner = Runner(study, where, out, (), (1, 1), told, DEFAULT, jobs, kernels, "")
        runner.clear_up(None)
        if runner.left:
            seal.enter_signed(study, out, runner.left)
        rows = state.brief(out)
        there = [name for name in rows if (out / "communities" / name).is_dir()]
        newest = state.editions(there)
        journal = _journal(out)
        number, entry = self.entry(journal, rows, newest)
        self.refuse_unready(rows, units, newest, entry)
        why = self.why(journal[: number - 1])
        entry["objections"] = [*dict.fromkeys([*entry["objections"], *(one.id for one in why)])]
        entry["reason"] = self.reason or entry["reason"]
        aims: dict[str, int] = dict(entry["editions"])
        ready = self.ready(journal[: number - 1])
        with runner.workers() as workers:
            while True:
                keys = prepare.keys_of(
                    where, study, out, units, units, tables_key, workers, told, newest | aims
                )
                along = self.along(units, newest, aims, ready)
                if along:  # their own objections are upheld too: one round answers all
                    aims |= {name: newest.get(name, 1) + 1 for name in along}
                    entry["objections"] += [one.id for name in along for one in ready[name]]
                    continue
                # from here on a crash leaves the journal, by which the next attempt goes on
                _write(amendments(out) / f"{number:03d}.json", entry | {"editions": aims})
                self.execute(aims, keys, workers, runner)
                reduce(out, units, told, workers, anew=True)
                moved = self.moved(units, newest, aims, rows)
                if not moved:
                    break
                aims |= {name: newest[name] + 1 for name in moved}
            own = {
                unit: [one for one in found if one.id in entry["objections"]]
                for unit, found in ready.items()
            } | {self.unit: why}
            tell = {unit: self.tell(unit, n, own.get(unit, ())) for unit, n in aims.items()}
            for unit, n in aims.items():
                _write(amendments(out) / f"{bags.bag_name(unit, n)}.json", tell[unit])
            pending = [
                u
                for u, n in aims.items()
                if not ((row := rows.get(bags.bag_name(u, n))) and row.signed)
            ]
            langs = tuple(study.settings.languages)
            runner.report(pending, keys, rows, langs, workers, aims)
        write_overview(study, out, units)
        recount(out, units)
        made = state.brief(out)
        names = [bags.bag_name(u, e) for u, e in aims.items()]
        lost = [name for name in names if made[name].state == "failed"]
        if lost:
            raise NotebookError(
                *(
                    _problem(
                        "amend.report",
                        name,
                        "新版报告未能生成，原版仍有效",
                        "the new report could not be made; the old edition counts on",
                        str((made[name].reason or {}).get("found")),
                    )
                    for name in lost
                )
            )
        close_again(study, out, None)
        name = bags.bag_name(self.unit, aims[self.unit])
        return Amended(
            unit=self.unit,
            edition=aims[self.unit],
            score=_scores(self.before(self.unit, aims[self.unit]), _made(out, self.unit)),
            state=made[name].state,
            reissued={
                bags.bag_name(u, n): (tell[u][0]["display_zh"], tell[u][0]["display_en"])
                for u, n in aims.items()
                if u != self.unit
            },
        )

    # what may be amended, and why

    def entry(
        self,
        journal: Sequence[Mapping[str, Any]],
        rows: Mapping[str, state.Brief],
        newest: Mapping[str, int],
    ) -> tuple[int, dict[str, Any]]:
        """Give number and entry of this amendment: one that is under way, or a new one."""
        last = journal[-1] if journal else None
        names = [bags.bag_name(u, n) for u, n in last["editions"].items()] if last else []
        under_way = [n for n in names if n not in rows or rows[n].state != "signed"]
        if last is not None and under_way:
            if last["unit"] != self.unit:
                raise InputError(
                    _problem(
                        "amend.open",
                        self.unit,
                        "上一次更正尚未完成签署",
                        "the amendment before is not signed yet",
                        ", ".join(under_way),
                        "先完成其签署",
                        "sign it first",
                    )
                )
            return len(journal), dict(last)
        if newest.get(self.unit, 1) != self.edition:
            raise InputError(
                _problem(
                    "amend.superseded",
                    self.unit,
                    "该版已被取代",
                    "this edition is superseded",
                    str(self.edition),
                    f"给出第 {newest[self.unit]} 版",
                    f"name edition {newest[self.unit]}",
                )
            )
        entry: dict[str, Any] = {"unit": self.unit, "objections": [], "reason": ""}
        return len(journal) + 1, entry | {"editions": {self.unit: self.edition + 1}}

    def refuse_unready(
        self,
        rows: Mapping[str, state.Brief],
        units: Sequence[str],
        newest: Mapping[str, int],
        entry: Mapping[str, Any],
    ) -> None:
        """Refuse while reports of this edition wait for signatures: their context is frozen."""
        drafts = {bags.bag_name(u, n) for u, n in entry["editions"].items()}
        problems = []
        for unit in sorted({*units, *newest}):
            name = bags.bag_name(unit, newest.get(unit, 1))
            now = rows[name].state if name in rows else "waiting"
            free = name in drafts and now in {"draft", "returned"}
            if now not in {"signed", "failed"} and not free:
                problems.append(
                    _problem(
                        "amend.unfinished",
                        name,
                        "本批次尚有报告未签署完毕",
                        "a report of this batch is not signed to the end",
                        now,
                        "先完成签名（workbench sign），或以 --return 退回",
                        "sign it first (workbench sign), or send it back with --return",
                    )
                )
        if problems:
            raise InputError(*problems)

    def why(self, done: Sequence[Mapping[str, Any]]) -> list[Objection]:
        """Give the objections that this amendment answers, the one named last."""
        every = {one.id: one for one in objections(self.out / "private" / "tables")}
        if not self.objection:
            if self.reason:
                return []
            raise InputError(
                _problem(
                    "amend.reason",
                    self.unit,
                    "未说明更正的理由",
                    "no reason is given",
                    "",
                    "写 --objection 编号，或 --reason 文字",
                    "say --objection ID, or --reason TEXT",
                )
            )
        one = every.get(self.objection)
        if one is None or one.community != self.unit:
            where = f"{self.objection} ({one.community if one else '-'})"
            said = ("该单位没有这件异议", "the unit has no such objection", where)
            raise InputError(_problem("amend.objection", self.unit, *said))
        problems = list(self.faults(one, done))
        if problems:
            raise InputError(*problems)
        return [one]

    def ready(self, done: Sequence[Mapping[str, Any]]) -> dict[str, list[Objection]]:
        """Give, of the other units, the objections that lead to an edition as they stand."""
        found: dict[str, list[Objection]] = {}
        for one in objections(self.out / "private" / "tables"):
            if one.community != self.unit and not list(self.faults(one, done)):
                found.setdefault(one.community, []).append(one)
        return found

    def faults(self, one: Objection, done: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
        """Tell why an objection leads to no amendment."""
        unit, name = one.community, one.id
        if any(name in entry["objections"] for entry in done):
            said = ("这件异议已有新版", "this objection has led to an edition already", name)
            yield _problem("amend.done", unit, *said)
        if one.decision not in _UPHELD or one.decided is None:
            yield _problem(
                "amend.decision",
                unit,
                "异议未决定或不成立，报告不变",
                "the objection is not decided, or was rejected: the report stands",
                f"{name}: {one.decision or '-'}",
            )
            return
        if not one.decided_by:
            yield _problem(
                "amend.decider",
                unit,
                "未写明由谁决定（decided_by），须为未参与评分的人",
                "who decided is not said (decided_by); it must be somebody who did not score",
                name,
            )
        if not naming(self.study, one):
            yield _problem(
                "amend.unnamed",
                unit,
                "没有更正或人工决定写明这件异议，没有可改的",
                "no correction or judgement names this objection: there is nothing to amend",
                name,
                "在 corrections.csv 的 evidence 或 judgements.csv 的 decision 中写明其编号",
                "name its id in evidence of corrections.csv or decision of judgements.csv",
            )

    def along(
        self,
        units: Sequence[str],
        newest: Mapping[str, int],
        aims: Mapping[str, int],
        ready: Mapping[str, Sequence[Objection]],
    ) -> list[str]:
        """Give the units that changed by upheld objections of their own; refuse any other change.

        Raises
        ------
        InputError
            ``amend.other`` for every unit whose part of the study folder changed without one.
        """
        problems, found = [], []
        for unit in units:
            data = self.out / "communities" / bags.bag_name(unit, newest.get(unit, 1)) / "data"
            if unit in aims or not data.is_dir():
                continue
            cut = self.out / "private" / "slices" / unit / "data"
            if assessed_digest(cut) == assessed_digest(data):
                continue
            if ready.get(unit):
                found.append(unit)
            else:
                problems.append(
                    _problem(
                        "amend.other",
                        unit,
                        "该单位的数据、设置或软件也改变了，而它不在更正之列",
                        "data, settings or code of this unit changed too, and it is not amended",
                        "",
                        "撤回这一改动，或先单独更正该单位；用签署该批次的软件版本",
                        "take the change back, or amend that unit first; use the version of the "
                        "workbench that the batch was signed with",
                    )
                )
        if problems:
            raise InputError(*problems)
        return found

    # the work

    def execute(
        self, aims: Mapping[str, int], keys: Mapping[str, str], workers: Workers, runner: Runner
    ) -> None:
        """Execute the notebooks of these units, as far as they are not executed yet."""
        notebook = str(prepare.notebook_of(self.study).resolve())
        out = str(self.out.resolve())
        pending = [u for u in aims if (map_note(self.out, u) or {}).get("key") != keys[u]]
        tasks = (
            Task(u, map_unit, MapJob(out, u, notebook, keys[u], False, runner.limits))
            for u in pending
        )
        runner.told.begin("执行笔记本", "notebooks", len(pending))
        problems = []
        for task, answer in workers.run(tasks, seconds=runner.limits.wall):
            lost = answer.message if isinstance(answer, Failure) else ""
            if not lost and answer["outcome"] == "failed":
                lost = str(answer["reason"]["en"])
            if lost:
                problems.append(
                    _problem(
                        "amend.notebook",
                        task.name,
                        "笔记本出错，原版仍有效",
                        "the notebook failed; the old edition counts on",
                        lost,
                    )
                )
            runner.told.step(task.name, "failed" if lost else answer["outcome"])
        runner.told.end()
        if problems:
            raise NotebookError(*problems)

    def before(self, unit: str, edition: int) -> dict[str, dict[str, Any]]:
        """Give the findings of the edition before this one."""
        name = bags.bag_name(unit, edition - 1)
        return _by_id(self.out / "communities" / name / "data" / "findings.json")

    def moved(
        self,
        units: Sequence[str],
        newest: Mapping[str, int],
        aims: Mapping[str, int],
        rows: Mapping[str, state.Brief],
    ) -> list[str]:
        """Give the other units whose gate, tier or award is another now."""
        found = []
        for unit in units:
            name = bags.bag_name(unit, newest.get(unit, 1))
            file = self.out / "communities" / name / "data" / "context.json"
            if unit in aims or not file.is_file() or rows[name].state != "signed":
                continue
            if _decisive(json.loads(file.read_bytes())) != _decisive(context_of(self.out, unit)):
                found.append(unit)
        return found

    def tell(self, unit: str, edition: int, why: Sequence[Objection]) -> list[dict[str, Any]]:
        """Write what an edition says of itself: what it supersedes, why, and what moved."""
        data = self.out / "communities" / bags.bag_name(unit, edition - 1) / "data"
        code = bags.evidence_code((data / bags.EVIDENCE_LIST).read_bytes())
        zh = [f"第{edition}版，取代第{edition - 1}版（{code}）"]
        en = [f"edition {edition}, supersedes edition {edition - 1} ({code})"]
        if unit == self.unit or why:
            for one in why:
                told = self.answered(one)
                zh.append(told[0])
                en.append(told[1])
            if self.reason and unit == self.unit:
                zh.append(f"测评方更正：{self.reason}")
                en.append(f"put right by the assessor: {self.reason}")
        else:
            was = _decisive(json.loads((data / "context.json").read_bytes()))
            now = _decisive(context_of(self.out, unit))
            pairs = [(was.get(k), now.get(k)) for k in sorted({*was, *now})]
            moved = [(a, b) for a, b in pairs if a != b]
            said = ["；".join(_from_to(*pair, at) for pair in moved) for at in (2, 3)]
            zh.append(f"{self.unit}的报告更正后，{said[0]}")
            en.append(f"after {self.unit} was amended, {said[1]}")
        words = "。".join(zh), ". ".join(en)
        rows = [text_row("context.amendment", "本版说明", "This edition", *words)]
        old, new = self.before(unit, edition), _made(self.out, unit)
        score = _scores(old, new)
        if any(score[0]) or any(score[1]):
            rows.append(
                text_row(
                    "context.amendment.score",
                    "更正前后的总分",
                    "Score before and after",
                    f"{score[0][0] or '—'} → {score[1][0] or '—'}",
                    f"{score[0][1] or '—'} → {score[1][1] or '—'}",
                )
            )
        for name in sorted(n for n in {*old, *new} if n.startswith("rule.")):
            pair = tuple((side.get(name) or {}).get("verdict") for side in (old, new))
            if pair[0] != pair[1]:
                label = new.get(name) or old[name]
                verdicts = [_VERDICTS.get(str(v), ("—", "—")) for v in pair]
                rows.append(
                    text_row(
                        f"context.amendment.{name}",
                        str(label["label_zh"]),
                        str(label["label_en"]),
                        f"{verdicts[0][0]} → {verdicts[1][0]}",
                        f"{verdicts[0][1]} → {verdicts[1][1]}",
                    )
                )
        return [row | {"community": unit, "edition": edition} for row in rows]

    def answered(self, one: Objection) -> tuple[str, str]:
        """Say of an objection when it came, whether in time, and how it was decided."""
        zh, en = _UPHELD[one.decision]
        late = ("", "")
        open_ = window(self.study, self.out)
        if one.stage == "notice" and open_ is not None and open_[1].late(one.received):
            last = open_[1].last.isoformat()
            late = (f"，逾期（截止{last}）", f", late (the last day was {last})")
        return (
            f"异议{one.id}（{one.received}收到{late[0]}）{zh}，{one.decided}决定：{one.reason_zh}",
            f"objection {one.id} (received {one.received}{late[1]}) {en}, decided {one.decided}: "
            f"{one.reason_en or one.reason_zh}",
        )


_VERDICTS = {
    "passed": ("通过", "passed"),
    "failed": ("未通过", "failed"),
    "cannot_tell": ("无法判断", "cannot be told"),
}


def _journal(out: Path) -> list[dict[str, Any]]:
    """Read the amendments so far, in order."""
    return [json.loads(p.read_bytes()) for p in sorted(amendments(out).glob("[0-9]*.json"))]


def _write(file: Path, value: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, canonical_json(value))


def _by_id(file: Path) -> dict[str, dict[str, Any]]:
    return {str(row["finding"]): row for row in json.loads(file.read_bytes())}


def _made(out: Path, unit: str) -> dict[str, dict[str, Any]]:
    return _by_id(map_folder(out, unit) / "data" / "findings.json")


def _scores(
    old: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]]
) -> tuple[tuple[str, str], tuple[str, str]]:
    found = []
    for side in (old, new):
        row = side.get("score.total") or {}
        found.append((str(row.get("display_zh") or ""), str(row.get("display_en") or "")))
    return found[0], found[1]


def _decisive(rows: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Any, ...]]:
    return {
        str(row["finding"]): tuple(row.get(name) for name in _TOLD)
        for row in rows
        if _DECISIVE.fullmatch(str(row["finding"]))
    }


def _from_to(before: tuple[Any, ...] | None, after: tuple[Any, ...] | None, at: int) -> str:
    """Say what a decisive finding said and says; ``at`` chooses the language's words."""
    none = "未排名" if at == 2 else "not ranked"
    said = [str(side[at] or side[4]) if side else none for side in (before, after)]
    return " → ".join(said)


def withdraw(bag: Path, reason: str) -> int:
    """Enter in the ledger that a report is withdrawn; return the number of the entry.

    The bag stays as it is. A new edition may follow (:func:`amend`).

    Raises
    ------
    InputError
        ``withdraw.*``; ``ledger.supersedes`` when the report is superseded or withdrawn already.
    """
    bag = bag.resolve()
    if not reason.strip():
        raise InputError(_problem("withdraw.reason", bag.name, "未说明理由", "no reason is given"))
    if not (bag / "attest" / "entry.json").is_file():
        raise InputError(
            _problem(
                "withdraw.unsigned",
                bag.name,
                "该报告尚未登记，无可撤回",
                "this report is not entered in the ledger: there is nothing to withdraw",
            )
        )
    out = bag.parent.parent
    study = study_of(out)
    _, unit, edition = bags.bag_info(bag)["External-Identifier"].rsplit("/", 2)
    with state.lock(out):
        ledger = log_of(study, out)
        entry = {
            "type": "withdrawal",
            "study": study.id,
            "community": unit,
            "edition": int(edition),
            "supersedes": ledger.issued(study.id, unit, int(edition)),
            "reason": reason,
        }
        demonstration = ledger.verifier.name.startswith("demonstration/")
        (number,) = ledger.append([entry], demonstration=demonstration)
        ask = seal.stamp_of(study, demonstration=demonstration)
        if ask is not None:
            ledger.stamp(ask)
        copy_log(ledger, out / "ledger")
    return number


def _problem(
    code: str,
    name: str,
    zh: str,
    en: str,
    found: str = "",
    remedy_zh: str = "",
    remedy_en: str = "",
) -> Problem:
    return Problem(
        code=code,
        community=name,
        zh=zh,
        en=en,
        found=found,
        remedy_zh=remedy_zh,
        remedy_en=remedy_en,
    )
