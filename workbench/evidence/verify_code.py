"""Look the code on a page up in a ledger: which report, which edition, and whether it counts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from workbench.errors import InputError, Problem
from workbench.evidence.answer import Item, Report
from workbench.evidence.result import Result, Verdict, result
from workbench.evidence.trusted import load_trust
from workbench.evidence.verify_ledger import Log, read_log

__all__ = ["look_up"]

_CODE = re.compile(r"[0-9a-f]{8,64}\Z")


def look_up(
    code: str, ledger: Path | None, *, trust: Path | None, home: Path, now: datetime
) -> Report:
    """Say which report bears a code, and whether a later entry supersedes or withdraws it.

    Parameters
    ----------
    code : str
        The 12 digits on each page, or more of the digest of the evidence list.
    ledger : Path or None
        The institution's ledger, or a batch with its copy.
    trust : Path or None
        As :func:`workbench.evidence.verify.verify`; the log's key is believed from there alone.
    home : Path
        ``WORKBENCH_HOME``.
    now : datetime
        Aware; the time of judging.

    Returns
    -------
    Report
        One item per report found. A withdrawn one is "changed"; a code that is not there, and a
        ledger whose key is not known, are "cannot tell".

    Raises
    ------
    InputError
        ``verify.code``: no code, or no ledger.
    """
    wanted = re.sub(r"[\s-]", "", code).lower()
    folder = ledger / "ledger" if ledger is not None and (ledger / "ledger").is_dir() else ledger
    if not _CODE.match(wanted) or folder is None or not (folder / "entries.jsonl").is_file():
        raise InputError(
            Problem(
                code="verify.code",
                zh="需要页脚的码（至少 8 位十六进制数字）与账本文件夹",
                en="the code of a page (8 or more hexadecimal digits) and a ledger are needed",
                found=f"{code[:80]} {folder or ''}",
                remedy_zh="workbench verify --code 码 --ledger 账本",
                remedy_en="workbench verify --code CODE --ledger PATH",
            )
        )
    believed = load_trust(home, trust, now)
    log, found = read_log(folder, believed.logs, believed.heads)
    if log is None:
        return Report(path=wanted, items=(_item(wanted, "", None, found),))
    items = [
        _item(wanted, str(entry.get("community") or "overview"), _edition(entry), told)
        for number, entry in enumerate(log.entries)
        if str(entry.get("evidence_sha256") or "").startswith(wanted)
        for told in [list(_told(log, number, entry))]
    ]
    if not items:
        none = result(
            "code.unknown",
            Verdict.CANNOT_TELL,
            "ledger",
            f"账本（{len(log.entries)} 条）中没有此码：草稿、别家机构的报告，或伪造",
            f"no entry of {len(log.entries)} has this code: a draft, another institution's, or "
            "a forgery",
            "核对页脚的码；请提供出具机构的账本",
            "read the code once more; bring the ledger of the institution that issued it",
        )
        items = [_item(wanted, "", None, [none])]
    return Report(path=wanted, items=tuple(items))


def _item(code: str, unit: str, edition: int | None, results: list[Result]) -> Item:
    return Item(
        path=code,
        kind="report",
        community=unit,
        edition=edition,
        results=tuple(results),
        signatures={},
    )


def _edition(entry: Mapping[str, Any]) -> int | None:
    told = entry.get("edition")
    return told if isinstance(told, int) else None


def _told(log: Log, number: int, entry: Mapping[str, Any]) -> Iterator[Result]:
    """Say whose report it is, and what became of it."""
    what = {"close": ("总览", "the overview")}.get(str(entry.get("type")), ("报告", "the report"))
    unit, edition = entry.get("community") or "", entry.get("edition")
    yield result(
        "code.found",
        Verdict.VALID,
        "ledger",
        f"{entry.get('study')} {unit} 第 {edition or 1} 版的{what[0]}（第 {number} 条登记）",
        f"{what[1]} {unit} of {entry.get('study')}, edition {edition or 1} (entry {number})",
    )
    later = [
        (at, other)
        for at, other in enumerate(log.entries)
        if other.get("supersedes") == number and other.get("study") == entry.get("study")
    ]
    for at, other in later:
        if other.get("type") == "withdrawal":
            reason = str(other.get("reason") or "-")[:200]
            yield result(
                "ledger.withdrawn",
                Verdict.CHANGED,
                "ledger",
                f"已撤回（第 {at} 条）：{reason}",
                f"withdrawn (entry {at}): {reason}",
            )
        else:
            yield result(
                "ledger.superseded",
                Verdict.VALID,
                "ledger",
                f"已由第 {other.get('edition')} 版取代（第 {at} 条），现行的是新版",
                f"superseded by edition {other.get('edition')} (entry {at}), which counts now",
            )
    if not later:
        yield result(
            "code.current", Verdict.VALID, "ledger", "现行有效", "it is the one that counts now"
        )
