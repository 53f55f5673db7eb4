"""Closing a batch: every unit accounted for, the overview signed and entered in the ledger.

An amendment of a closed batch makes an overview that nobody has signed: closing once more signs it,
with an entry that supersedes the first.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.batch import seal, state
from workbench.batch.opening import log_of, units_digest
from workbench.batch.overviews import (
    Overview,
    overview_of,
    reports_of,
    signed_reports,
    write_overview,
)
from workbench.batch.render import open_keys
from workbench.errors import InputError, Problem
from workbench.evidence import attest
from workbench.evidence import bag as bags
from workbench.evidence.crate import CRATE, make_crate
from workbench.evidence.files import (
    copied_directory,
    recover,
    replace_directory,
    sha256_file,
    write_aside,
    write_atomic,
)
from workbench.evidence.logs import copy_log
from workbench.evidence.statement import make_statement

if TYPE_CHECKING:
    from workbench.evidence.keys import Role, SigningKey
    from workbench.evidence.ledger import Ledger
    from workbench.study import Study

__all__ = ["account", "close", "close_again", "shown", "signers"]


def account(study: Study, out: Path, reason: str = "") -> dict[str, Any]:
    """Say how every unit of the study came out, as the ``close`` entry has it.

    Raises
    ------
    InputError
        ``close.unsigned`` for every unit that is not finished; ``close.reason`` when units failed,
        or the list of units is not the one that was opened, and no reason is given.
    """
    units: list[str] = json.loads((out / "private" / "tables.json").read_bytes())["units"]
    rows = state.read(out)
    failed, problems, withheld = {}, [], 0
    for unit in units:
        row = rows.get(unit, {})
        if row.get("state") == "failed":
            failed[unit] = str((row.get("reason") or {}).get("code") or "failed")
        elif row.get("state") != "signed":
            problems.append(_unsigned(unit, str(row.get("state") or "waiting")))
        withheld += row.get("state") == "signed" and row.get("outcome") == "withheld"
    problems += [  # an amendment that is not signed yet
        _unsigned(name, str(row.get("state")))
        for name, row in sorted(rows.items())
        if "@" in name and row.get("state") != "signed"
    ]
    ledger = log_of(study, out)
    entry: dict[str, Any] = {
        "type": "close",
        "study": study.id,
        "units": len(units),
        "units_sha256": units_digest(units),
        "signed": len(units) - len(failed),
        "withheld": withheld,
        "failed": failed,
    }
    before = ledger.closed(study.id)
    if before is not None:  # after an amendment what was said holds on
        reason = reason or str(json.loads(ledger.entry(before)).get("reason") or "")
    number = ledger.opened(study.id)
    if number is not None:
        entry["open"] = number
        told = json.loads(ledger.entry(number))
        if told.get("units_sha256") != entry["units_sha256"] and not reason:
            problems.append(
                _unexplained("被测单位名单与开启时登记的不同", "the list of units differs")
            )
    if failed and not reason:
        problems.append(_unexplained(f"{len(failed)} 个单位失败", f"{len(failed)} units failed"))
    if problems:
        raise InputError(*problems)
    return entry | ({"reason": reason} if reason else {})


def signers(study: Study, key: SigningKey) -> dict[Role, SigningKey]:
    """Give who signs the overview: all three where no person is needed, else the institution.

    Parameters
    ----------
    study : Study
        The batch's study.
    key : SigningKey
        The institution's key.
    """
    found = open_keys(study)
    three = "lead" in found and "reviewer" in found
    return {role: found[role] for role in ("lead", "reviewer") if three} | {"institution": key}


def shown(study: Study, out: Path, signing: Mapping[Role, SigningKey]) -> tuple[Overview, str]:
    """Write the overview and give its pages, unsigned, for who is about to sign them.

    Returns
    -------
    tuple
        The pages, which lie in ``DIR/private/overview/report.<lang>.pdf`` too, and their code.

    Raises
    ------
    InputError
        ``close.done``.
    """
    with state.lock(out):
        recover(out)
        _refuse_closed(study, out)
        target = overview_of(out)
        if not (target / "attest").exists():
            write_overview(study, out, _units(out))
        made = reports_of(study, out, _units(out), signing)
        folder = out / "private" / "overview"
        folder.mkdir(exist_ok=True)
        for lang, pdf in made.pages.items():
            write_atomic(folder / f"report.{lang}.pdf", pdf.data)
        return made, bags.evidence_code((target / "data" / bags.EVIDENCE_LIST).read_bytes())


def _units(out: Path) -> list[str]:
    units: list[str] = json.loads((out / "private" / "tables.json").read_bytes())["units"]
    return units


def _refuse_closed(study: Study, out: Path) -> None:
    """Refuse where the newest overview is entered, or was there when the batch was closed."""
    target, at = overview_of(out), log_of(study, out).closed(study.id)
    proven = (target / "attest" / attest.PROOF).exists()
    if at is not None and not (target / "attest").exists():
        told = json.loads(log_of(study, out).entry(at))
        proven |= _edition(target) <= int(told.get("edition") or 1)
    if proven:
        raise InputError(
            Problem(code="close.done", zh="该批次已关闭", en="the batch is closed already")
        )


def _edition(target: Path) -> int:
    return state.editions([target.name])["overview"]


def close(
    study: Study, out: Path, signing: Mapping[Role, SigningKey], reason: str = ""
) -> tuple[int, dict[str, Any]]:
    """Sign the overview and enter that the batch is closed; again after a crash, it is taken up.

    The overview gets its report here, signed by those who sign.

    Parameters
    ----------
    study : Study
        The batch's study.
    out : Path
        The batch folder.
    signing : mapping of Role to SigningKey
        From :func:`signers`: the three, or the institution's alone.
    reason : str
        Why units failed, or are others than were opened.

    Returns
    -------
    tuple
        Number of the entry, and the entry.

    Raises
    ------
    InputError
        ``close.*``, ``ledger.*``; see :func:`account`.
    MachineError
        ``batch.locked``, ``stamp.*``.
    """
    with state.lock(out):
        recover(out)
        return _close(study, out, signing, reason)


def close_again(study: Study, out: Path, key: SigningKey | None) -> None:
    """Sign the overview that an amendment of a closed batch made, when all editions are signed.

    Parameters
    ----------
    study, out
        The study and the batch folder, which is held.
    key
        The institution's, with which the last report was signed; None takes one that opens without
        a person, and where there is none, ``workbench close`` is left to be done.
    """
    if log_of(study, out).closed(study.id) is None:
        return
    key = key or open_keys(study).get("institution")
    try:
        if key is not None:
            _close(study, out, signers(study, key), "")
    except InputError as error:
        if {problem.code for problem in error.problems} - {"close.done", "close.unsigned"}:
            raise


def _close(
    study: Study, out: Path, signing: Mapping[Role, SigningKey], reason: str
) -> tuple[int, dict[str, Any]]:
    target = overview_of(out)
    ledger = log_of(study, out)
    _refuse_closed(study, out)
    entry = account(study, out, reason)
    if not (target / "attest").exists():
        write_overview(study, out, _units(out))
        reports = signed_reports(study, reports_of(study, out, _units(out), signing), signing)
        _signed(study, out, target, signing, reports, ledger.verifier.text())
    entry |= {
        "evidence_sha256": sha256_file(target / "data" / bags.EVIDENCE_LIST),
        "results_sha256": sha256_file(target / "data" / "results.csv"),
        "statement_sha256": attest.statement_digest(target),
        "pdf_sha256": attest.reports_digests(target),
    }
    entry |= _later(ledger, study, target, entry["evidence_sha256"])
    demonstration = any(key.demonstration for key in signing.values())
    bag = copied_directory(target)
    ask = seal.stamp_of(study, demonstration=demonstration)
    (number,) = attest.enter(ledger, [(bag, entry)], demonstration=demonstration, stamp=ask)
    seal.vouch_for_stamp(bag)
    bags.write_tags(bag)
    replace_directory(target)
    copy_log(ledger, out / "ledger")
    return number, entry


def _later(ledger: Ledger, study: Study, target: Path, evidence: str) -> dict[str, Any]:
    """Say which edition of the overview it is, and which earlier closing it supersedes."""
    at = ledger.closed(study.id)
    if at is not None:
        told = json.loads(ledger.entry(at))
        if told.get("evidence_sha256") == evidence:  # entered before a crash
            return {name: told[name] for name in ("edition", "supersedes") if name in told}
        return {"edition": _edition(target), "supersedes": at}
    return {"edition": _edition(target)} if _edition(target) > 1 else {}


def _signed(
    study: Study,
    out: Path,
    target: Path,
    signing: Mapping[Role, SigningKey],
    reports: Mapping[str, bytes],
    vkey: str,
) -> None:
    """Give the overview its reports, its crate and its signed statement."""
    bag = copied_directory(target)
    for name, pdf in reports.items():
        write_aside(bag / "data" / name, pdf)
    now = datetime.now(UTC).replace(microsecond=0)
    edition = _edition(target)
    common: dict[str, Any] = {
        "study": study.id,
        "community": "overview",
        "edition": edition,
        "parameters": {"batch": "."},
        "versions": seal.versions(),
        "finished": now,
    }
    named = {"workbench": common["versions"]["workbench"]}
    crate = make_crate(
        bag / "data",
        **(common | {"versions": named}),
        title=f"{study.id}/overview",
        description="全部单位的汇总结果 / results of all units",
        issued=study.settings.issued,
        publisher=study.settings.parties.assessor.zh,
    )
    write_aside(bag / "data" / CRATE, crate)
    bags.write_bag(
        bag, study=study.id, community="overview", edition=edition, issued=study.settings.issued
    )
    statement = make_statement(bag, **common, started=now, log=vkey)
    attest.write_attest(bag, statement, {str(role): key for role, key in signing.items()})
    bags.write_tags(bag)
    replace_directory(target)


def _unsigned(unit: str, found: str) -> Problem:
    return Problem(
        code="close.unsigned",
        community=unit,
        zh="该单位尚未完成",
        en="this unit is not finished",
        expected="signed | failed",
        found=found,
        remedy_zh="先完成运行与三人签名",
        remedy_en="finish the run and the three signatures first",
    )


def _unexplained(zh: str, en: str) -> Problem:
    return Problem(
        code="close.reason",
        zh=zh,
        en=en,
        remedy_zh="用 --reason 说明理由，理由登记在账本中",
        remedy_en="say why with --reason; the reason is entered in the ledger",
    )
