"""Closing a batch: every unit accounted for, the overview signed and entered in the ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.batch import seal, state
from workbench.batch.opening import log_of, units_digest
from workbench.batch.render import overview_of, write_overview
from workbench.errors import InputError, Problem
from workbench.evidence import attest
from workbench.evidence import bag as bags
from workbench.evidence.crate import CRATE, make_crate
from workbench.evidence.files import (
    copied_directory,
    recover,
    replace_directory,
    sha256_file,
    write_atomic,
)
from workbench.evidence.logs import copy_log
from workbench.evidence.statement import make_statement

if TYPE_CHECKING:
    from workbench.evidence.keys import SigningKey
    from workbench.study import Study

__all__ = ["account", "close"]


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


def close(
    study: Study, out: Path, signing: Mapping[str, SigningKey], reason: str = ""
) -> tuple[int, dict[str, Any]]:
    """Sign the overview and enter that the batch is closed; again after a crash, it is taken up.

    Parameters
    ----------
    study : Study
        The batch's study.
    out : Path
        The batch folder.
    signing : mapping of str to SigningKey
        Role → key; the institution's is among them.
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
        target = overview_of(out)
        ledger = log_of(study, out)
        proven = (target / "attest" / attest.PROOF).exists()
        if proven or (ledger.closed(study.id) is not None and not (target / "attest").exists()):
            raise InputError(
                Problem(code="close.done", zh="该批次已关闭", en="the batch is closed already")
            )
        entry = account(study, out, reason)
        if not (target / "attest").exists():
            units = json.loads((out / "private" / "tables.json").read_bytes())["units"]
            write_overview(study, out, units)
            _signed(study, out, target, signing, ledger.verifier.text())
        entry |= {
            "evidence_sha256": sha256_file(target / "data" / bags.EVIDENCE_LIST),
            "results_sha256": sha256_file(target / "data" / "results.csv"),
            "statement_sha256": attest.statement_digest(target),
        }
        demonstration = any(key.demonstration for key in signing.values())
        bag = copied_directory(target)
        ask = seal.stamp_of(study, demonstration=demonstration)
        (number,) = attest.enter(ledger, [(bag, entry)], demonstration=demonstration, stamp=ask)
        seal.vouch_for_stamp(bag)
        bags.write_tags(bag)
        replace_directory(target)
        copy_log(ledger, out / "ledger")
    return number, entry


def _signed(
    study: Study, out: Path, target: Path, signing: Mapping[str, SigningKey], vkey: str
) -> None:
    """Give the overview its crate and its signed statement."""
    bag = copied_directory(target)
    now = datetime.now(UTC).replace(microsecond=0)
    edition = state.editions([target.name])["overview"]
    common: dict[str, Any] = {
        "study": study.id,
        "community": "overview",
        "edition": edition,
        "parameters": {"batch": "."},
        "versions": seal.versions(),
        "finished": now,
    }
    shown = {"workbench": common["versions"]["workbench"]}
    crate = make_crate(
        bag / "data",
        **(common | {"versions": shown}),
        title=f"{study.id}/overview",
        description="全部单位的汇总结果 / results of all units",
        issued=study.settings.issued,
        publisher=study.settings.parties.assessor.zh,
    )
    write_atomic(bag / "data" / CRATE, crate)
    bags.write_bag(
        bag, study=study.id, community="overview", edition=edition, issued=study.settings.issued
    )
    statement = make_statement(bag, **common, started=now, log=vkey)
    attest.write_attest(bag, statement, signing)
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
