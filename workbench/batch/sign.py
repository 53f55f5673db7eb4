"""Signing by a person: what is due for a role is shown, asked once, and signed in order.

A unit's languages are signed in one step; the bag is renewed with each signature. What is signed is
never done again, so that an interrupted round is taken up by the same command. Instead of signing,
a role may send a report back with a remark: `run` makes it anew, and what changed is shown.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.batch import seal, state
from workbench.batch.closing import close_again
from workbench.batch.overviews import write_overview
from workbench.batch.render import RenderJob, render_unit, sign_report
from workbench.batch.run import enter_all, recount
from workbench.batch.slices import load_study
from workbench.batch.work import map_folder
from workbench.errors import InputError, Problem
from workbench.evidence import bag as bags
from workbench.evidence.files import (
    canonical_json,
    copied_directory,
    recover,
    replace_directory,
    write_aside,
    write_atomic,
)
from workbench.evidence.keys import ROLES
from workbench.evidence.result import Verdict

if TYPE_CHECKING:
    from workbench.evidence.keys import Role, SigningKey
    from workbench.report.register import Register
    from workbench.study import Study

__all__ = [
    "Due",
    "Round",
    "due",
    "place",
    "resume",
    "send_back",
    "sign",
    "study_of",
    "told_by",
]

_COMPUTED = {"External-Identifier", "Bagging-Date", "Payload-Oxum"}


@dataclass(frozen=True)
class Due:
    """A report that waits for a signature, as it is shown to the person who signs.

    Attributes
    ----------
    name : str
        Folder of the bag.
    unit, edition : str, int
        Whose report it is.
    title : str
        Name of the unit.
    outcome : str
        ``assessed`` or ``withheld``.
    score : str
        As printed; empty where there is none.
    code : str
        The 12 digits printed on each page.
    reports : tuple of str
        File names, one per language.
    pages : tuple of int
        Pages of each.
    said : tuple of (str, str)
        What the first page says, sentence by sentence, in Chinese and in English.
    open : tuple of (str, str)
        Labels of the open warnings and failed checks.
    remark : str
        With which it was sent back before, and by whom; empty when it was not.
    changed : tuple of str
        Ids of findings that say something else since then.
    moved : tuple of (str, str)
        The same in words, before and now.
    """

    name: str
    unit: str
    edition: int
    title: str
    outcome: str
    score: str
    code: str
    reports: tuple[str, ...]
    pages: tuple[int, ...] = ()
    said: tuple[tuple[str, str], ...] = ()
    open: tuple[tuple[str, str], ...] = ()
    remark: str = ""
    changed: tuple[str, ...] = ()
    moved: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Round:
    """What a role finds in a batch."""

    due: tuple[Due, ...]
    done: tuple[str, ...]
    waiting: tuple[str, ...]  # for the signature before this one
    returned: tuple[str, ...] = ()  # sent back, and not made anew yet


def study_of(out: Path) -> Study:
    """Load the study of a batch from where the run found it.

    Raises
    ------
    InputError
        ``sign.study``, when the batch does not say or the folder is gone; problems of the study.
    """
    try:
        named = str(json.loads((out / "private" / "study.json").read_bytes())["study"])
    except (OSError, ValueError, LookupError) as error:
        raise InputError(
            Problem(
                code="sign.study",
                zh="这里不是批次文件夹，或缺少 private/study.json",
                en="not the folder of a batch, or private/study.json is missing",
                file=out.name,
                remedy_zh="给出 workbench run 的 --out 文件夹",
                remedy_en="give the --out folder of workbench run",
            )
        ) from error
    return load_study(named)


def due(out: Path, role: Role, only: Sequence[str] = ()) -> Round:
    """Return what waits for a role, after a look at every bag.

    Raises
    ------
    InputError
        ``sign.unit`` for a unit that has no report; ``sign.changed`` for bags whose files are not
        those that were made: nothing is signed on top of a change.
    """
    folder = out / "communities"
    bags_found = sorted(p for p in folder.glob("[!.]*") if p.is_dir()) if folder.is_dir() else []
    names = {bag.name: bag for bag in bags_found}
    problems = [_no_report(name) for name in sorted(set(only) - set(names))]
    ready, done, waiting, returned = [], [], [], []
    for name, bag in names.items():
        if only and name not in only:
            continue
        info = bags.bag_info(bag)
        signed = info.get(seal.SIGNED, "").split()
        if info.get("Workbench-State") == "returned":
            returned.append(name)
        elif role in signed:
            done.append(name)
        elif signed != list(ROLES[: ROLES.index(role)]):
            waiting.append(name)
        else:
            changed = [r for r in bags.check_bag(bag) if r.verdict is Verdict.CHANGED]
            problems += [_changed(name, found.where, found.en) for found in changed[:3]]
            if not changed:
                ready.append(_shown(out, bag))
    if problems:
        raise InputError(*problems)
    return Round(tuple(ready), tuple(done), tuple(waiting), tuple(returned))


def send_back(out: Path, role: Role, names: Sequence[str], remark: str) -> None:
    """Return reports with a remark: their signatures so far are void, `run` makes them anew.

    Raises
    ------
    InputError
        ``sign.remark`` without one; ``sign.unit``; ``sign.issued`` for a report that is entered in
        the ledger: it can be amended, not returned.
    """
    if not remark.strip():
        raise InputError(
            Problem(
                code="sign.remark",
                zh="退回须附意见",
                en="a report is sent back with a remark",
                remedy_zh="写 --remark 文字",
                remedy_en="say --remark TEXT",
            )
        )
    with state.lock(out):
        recover(out / "communities")
        problems = []
        for name in dict.fromkeys(names):
            target = out / "communities" / name
            if not (target / "bagit.txt").is_file():
                problems.append(_no_report(name))
            elif ROLES[-1] in bags.bag_info(target).get(seal.SIGNED, "").split():
                problems.append(_issued(name))
        if problems:
            raise InputError(*problems)
        rows = state.read(out)
        for name in dict.fromkeys(names):
            target = out / "communities" / name
            told = {row["finding"]: _said(row) for row in _findings(target)}
            kept = {"role": role, "remark": remark, "findings": told}
            _remarks(out).mkdir(parents=True, exist_ok=True)
            write_atomic(_remarks(out) / f"{name}.json", canonical_json(kept))
            bag = copied_directory(target)
            bags.set_info(bag, Workbench_State="returned")
            digests = bags.digests(bag)
            replace_directory(target)
            reason = {"code": "returned", "cell": role, "zh": remark, "en": remark}
            row = {"state": "returned", "reason": reason, "digests": digests}
            state.append(out, rows[name] | row)
        units = json.loads((out / "private" / "tables.json").read_bytes())["units"]
        write_overview(study_of(out), out, units)
        recount(out, units)


def _remarks(out: Path) -> Path:
    return out / "private" / "returned"


def sign(
    study: Study,
    out: Path,
    role: Role,
    key: SigningKey,
    names: Sequence[str],
    *,
    told: Callable[[str], None] = lambda _: None,
) -> list[str]:
    """Sign the reports of these bags in one role; the last one enters them in the ledger.

    Parameters
    ----------
    study : Study
        The batch's study.
    out : Path
        The batch folder.
    role : {"lead", "reviewer", "institution"}
        Who signs.
    key : SigningKey
        Checked by :func:`workbench.evidence.keys.load_key`.
    names : sequence of str
        Folders of bags, as :func:`due` gave them.
    told : callable
        Told each name when it is signed.

    Returns
    -------
    list of str
        What was signed.

    Raises
    ------
    InputError
        ``sign.*``, ``ledger.*``: what is signed so far stays signed.
    MachineError
        ``batch.locked``, ``stamp.*``.
    """
    return place(study, out, role, key, names, told=told)


def place(
    study: Study,
    out: Path,
    role: Role,
    key: SigningKey | None,
    names: Sequence[str],
    *,
    given: Callable[[str], Mapping[str, bytes]] | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> list[str]:
    """Put one role's signatures into bags: made here, or elsewhere and ``given`` by name of a bag.

    With what was signed elsewhere, ``key`` is that of the person here who signs the statement of
    the last role; see :func:`sign` for the rest.
    """
    done = []
    with state.lock(out):
        recover(out / "communities")
        if role == ROLES[0]:
            seal.refuse_unfit(study, out, names, key)
            seal.freeze(study, out)
        ready = {one.name for one in due(out, role, names).due}
        rows = state.read(out)
        try:
            for name in names:
                if name in ready:
                    reports = given(name) if given else None
                    _sign_one(study, out, name, role, key, rows.get(name), reports)
                    done.append(name)
                    told(name)
        finally:  # a token that was pulled out leaves what it has signed to be entered
            _finish(study, out)
        if role == ROLES[-1]:
            close_again(study, out, key if given is None else None)
    return done


def resume(study: Study, out: Path) -> int:
    """Enter what an interrupted round left signed and not entered; return how many there were."""
    with state.lock(out):
        recover(out / "communities")
        waiting = seal.waiting(out)
        if waiting:
            _finish(study, out)
            close_again(study, out, None)
    return len(waiting)


def _finish(study: Study, out: Path) -> None:
    enter_all(study, out, {}, seal.waiting(out))
    units = json.loads((out / "private" / "tables.json").read_bytes())["units"]
    write_overview(study, out, units)
    recount(out, units)


def _sign_one(
    study: Study,
    out: Path,
    name: str,
    role: Role,
    key: SigningKey | None,
    row: Mapping[str, Any] | None,
    given: Mapping[str, bytes] | None = None,
) -> None:
    target = out / "communities" / name
    info = bags.bag_info(target)
    marked = info.get("Workbench-Demonstration") == "yes"
    if key is not None and key.demonstration and not marked and given is None:
        if role != ROLES[0]:
            raise InputError(_unmarked(name))
        _mark(study, out, target, info)  # a draft: its pages may still be made anew
        info = bags.bag_info(target)
    if given is not None and not marked and _shows_demonstration(given, role):
        raise InputError(_unmarked(name))
    _, unit, edition = info["External-Identifier"].rsplit("/", 2)
    note = json.loads((map_folder(out, unit) / "map.json").read_bytes())
    promised = json.loads((target / "data/inputs/study.json").read_bytes())["timestamps"]
    if promised != study.settings.timestamps:
        raise InputError(_other_stamps(name, promised, study.settings.timestamps))
    bag = copied_directory(target)
    for pdf in sorted((bag / "data").glob("report.*.pdf")):
        if given is not None:
            write_aside(pdf, given[pdf.name])
        else:
            assert key is not None  # who signs here has a key
            write_aside(pdf, sign_report(pdf.read_bytes(), {role: key}, study))
    seal.describe(bag, study, note, edition=int(edition))
    signed = [*info.get(seal.SIGNED, "").split(), role]
    more = {k: v for k, v in info.items() if k not in _COMPUTED}
    bags.write_bag(
        bag,
        study=study.id,
        community=unit,
        edition=int(edition),
        issued=date.fromisoformat(info["Bagging-Date"]),
        info=more | {"Workbench-State": "signing", seal.SIGNED: " ".join(signed)},
    )
    if role == ROLES[-1]:
        assert key is not None  # asked for with what was sealed elsewhere
        stated = role if given is None else _role_of(bag, key)
        seal.attach_statement(bag, study, out, note, {stated: key}, edition=int(edition))
    digests = bags.digests(bag)
    replace_directory(target)
    row = row or {"community": unit, "edition": int(edition)}
    state.append(out, dict(row) | {"state": "signing", "digests": digests})


def _shows_demonstration(reports: Mapping[str, bytes], role: Role) -> bool:
    from workbench.evidence import pdfsign
    from workbench.evidence.keys import is_demonstration

    chains = [pdfsign.certificates(pdf).get(role, []) for pdf in reports.values()]
    return any(is_demonstration(one) for chain in chains for one in chain)


def _role_of(bag: Path, key: SigningKey) -> Role:
    """Say in which role a key's certificate has signed the reports of a bag.

    Raises
    ------
    InputError
        ``sign.statement``, when in none: only who signed the reports vouches for the bag.
    """
    from workbench.evidence import pdfsign

    first = sorted((bag / "data").glob("report.*.pdf"))[0]
    for role, chain in pdfsign.certificates(first.read_bytes()).items():
        if chain[0] == key.certificate:
            return role
    raise InputError(
        Problem(
            code="sign.statement",
            zh="声明须由报告的签名人之一签署",
            en="one of those who signed the report has to sign the statement",
            found=key.name,
            remedy_zh="用 --key 给出评估负责人或复核人的密钥",
            remedy_en="give the key of the lead assessor or the reviewer with --key",
        )
    )


def _mark(study: Study, out: Path, target: Path, info: dict[str, str]) -> None:
    """Make a draft's pages anew with the mark that a demonstration key demands."""
    ((unit, edition),) = state.editions([target.name]).items()
    languages = tuple(p.name.split(".")[1] for p in sorted((target / "data").glob("report.*.pdf")))
    render_unit(
        RenderJob(
            str(study.folder),
            str(out),
            unit,
            info["Workbench-Map-Key"],
            info["Workbench-Render-Key"],
            languages,
            info["Workbench-Outcome"],
            edition=edition,
            marked=True,
        )
    )


def _findings(bag: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((bag / "data" / "findings.json").read_bytes())
    return found


def _said(row: Mapping[str, Any]) -> list[Any]:
    """Give what a finding tells a reader, to see whether it changed."""
    return [row.get(k) for k in ("display_zh", "display_en", "value", "verdict", "status")]


def _shown(out: Path, bag: Path) -> Due:
    from workbench.evidence import pdfsign
    from workbench.report.register import Register

    data = bag / "data"
    _, unit, edition = bags.bag_info(bag)["External-Identifier"].rsplit("/", 2)
    found = _findings(bag)
    rows = {row["finding"]: row for row in found}
    zh, en = Register(found, "zh"), Register(found, "en")
    sent, changed = _remarks(out) / f"{bag.name}.json", []
    remark: dict[str, Any] = {"role": "", "remark": ""}
    moved: list[tuple[str, str]] = []
    if sent.is_file():
        remark = json.loads(sent.read_bytes())
        was, now = dict(remark["findings"]), {name: _said(row) for name, row in rows.items()}
        changed = sorted(n for n in {*was, *now} if was.get(n) != now.get(n))
        for name in changed:
            pair = [side.get(name) or ["—", "—"] for side in (was, now)]
            labels = [r.label(name) if name in rows else name for r in (zh, en)]
            told = [f"{label}: {_text(pair[0], at)} → {_text(pair[1], at)}"
                    for at, label in enumerate(labels)]  # fmt: skip
            moved.append((told[0], told[1]))
    outcome = bags.bag_info(bag).get("Workbench-Outcome", "")
    return Due(
        name=bag.name,
        unit=unit,
        edition=int(edition),
        outcome=outcome,
        code=bags.evidence_code((data / bags.EVIDENCE_LIST).read_bytes()),
        reports=tuple(_names(data)),
        pages=tuple(pdfsign.page_count((data / name).read_bytes()) for name in _names(data)),
        remark=f"{remark['role']}: {remark['remark']}" if remark["role"] else "",
        changed=tuple(changed),
        moved=tuple(moved),
        **told_by(found, outcome),
    )


def told_by(found: Sequence[Mapping[str, Any]], outcome: str) -> dict[str, Any]:
    """Give what a report says, by its findings: ``title``, ``score``, ``said``, ``open``."""
    from workbench.report.register import Register

    zh, en = Register(found, "zh"), Register(found, "en")
    unmet = [
        name
        for name, row in zh.rows.items()
        if row.get("verdict") == "failed" and row.get("kind") in ("warning", "check")
    ]
    return {
        "title": str(zh.rows.get("head.unit", {}).get("display_zh") or ""),
        "score": str(zh.rows.get("score.total", {}).get("display_zh") or ""),
        "said": tuple(zip(*(_first_page(r, outcome) for r in (zh, en)), strict=True)),
        "open": tuple((zh.label(name), en.label(name)) for name in unmet),
    }


def _text(said: Sequence[Any], at: int) -> str:
    """Give what a finding told, in Chinese (0) or English (1): as printed, or its verdict."""
    return str(said[at] or said[2 if len(said) > 2 else at] or "—")


def _first_page(register: Register, outcome: str) -> list[str]:
    """Give the sentences with which a report begins, as they are printed."""
    from workbench.report.document import notice_blocks
    from workbench.report.text import verdict
    from workbench.report.words import Words

    words = Words(register.lang)
    if not register.has("head.unit"):
        return []
    if outcome == "withheld":
        runs = notice_blocks(register, words, register.rows.values())
    else:
        runs = verdict(register, words)
    return [register.plain(one) for one in runs]


def _names(data: Path) -> Iterator[str]:
    yield from (path.name for path in sorted(data.glob("report.*.pdf")))


def _no_report(name: str) -> Problem:
    return Problem(
        code="sign.unit",
        community=name,
        zh="没有这个单位的报告",
        en="there is no report of this unit",
        remedy_zh="编号是 communities/ 下的文件夹名",
        remedy_en="ids are the names of the folders in communities/",
    )


def _issued(name: str) -> Problem:
    return Problem(
        code="sign.issued",
        community=name,
        zh="该报告已签署完毕，不能退回",
        en="this report is signed to the end: it cannot be sent back",
        remedy_zh="更正须出新版（workbench amend）",
        remedy_en="a correction is a new edition (workbench amend)",
    )


def _changed(name: str, where: str, found: str) -> Problem:
    return Problem(
        code="sign.changed",
        community=name,
        file=where,
        zh="证据包已被改动，不予签名",
        en="the bag was changed: it is not signed",
        found=found,
        remedy_zh="移走该文件夹，再次运行 workbench run",
        remedy_en="take the folder away and run workbench run again",
    )


def _other_stamps(name: str, promised: str, found: str) -> Problem:
    return Problem(
        code="sign.timestamps",
        community=name,
        file="study.yaml",
        column="timestamps",
        zh="报告所声明的时间证明与现在的设置不同",
        en="the report promises another proof of time than the study says now",
        expected=promised,
        found=found,
        remedy_zh="改回设置，或再次运行 workbench run 重新出具",
        remedy_en="put the setting back, or run workbench run again for new drafts",
    )


def _unmarked(name: str) -> Problem:
    return Problem(
        code="sign.unmarked",
        community=name,
        zh="报告页面没有示例签名的标记，不能用示例密钥签名",
        en="the pages bear no mark of a demonstration: a demonstration key does not sign them",
        remedy_zh="使用正式密钥，或在 study.yaml 中写 key: demo 后重新出具",
        remedy_en="use a key of your own, or say key: demo in study.yaml and begin anew",
    )
