"""Verify a report, a bag or a whole batch: valid, changed (where), or cannot tell (why).

Nothing is fetched, nothing outside the path is believed but the roots of ``WORKBENCH_HOME`` or
``--trust``, and no link is followed. Whatever a stranger put into the files, it gives an answer.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import hashes

from workbench.errors import InputError, Problem
from workbench.evidence import bag as bags
from workbench.evidence.answer import Item, Report
from workbench.evidence.attest import (
    bag_certs,
    check_entry,
    check_signed,
    load_logs,
    named_logs,
    stamp_result,
)
from workbench.evidence.chain import load_crls, path_to, revoked
from workbench.evidence.files import ASIDE, is_plain_file, read_json, sha256_file
from workbench.evidence.keys import ROLES, load_roots
from workbench.evidence.note import VerifierKey
from workbench.evidence.result import Result, Verdict, result
from workbench.evidence.signature import SignatureStatus
from workbench.evidence.verify_ledger import Clocks, Unit, check_units, read_log, read_renewals
from workbench.evidence.verify_pdf import check_report, verify_report
from workbench.evidence.verify_results import check_results

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, CertificateRevocationList

__all__ = ["verify"]

_NOT_READ = {"bag.link", "bag.none", "bag.unreadable"}
_LARGEST_LIST = 8 << 30
_LONGEST_LINE = 1 << 20
_BAGGED = {"draft", "returned", "signing", "signed"}


@dataclass(frozen=True)
class _Trust:
    """What is believed, and the time of judging."""

    roots: list[Certificate]
    logs: list[VerifierKey]
    crls: list[CertificateRevocationList]
    heads: list[str]  # of logs, seen before
    strict: bool  # whether the logs believed were named by who verifies
    now: datetime
    renewals: tuple[tuple[bytes, bytes], ...] = ()

    def clocks(self) -> Clocks:
        return Clocks(self.roots, self.crls, self.now, self.renewals)


def _trusted(home: Path, trust: Path | None, now: datetime) -> _Trust:
    folder = trust if trust is not None and trust.is_dir() else home / "trust"
    heads = []
    for file in sorted(folder.glob("*.checkpoint")):
        try:
            heads.append(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
    return _Trust(
        load_roots(home, trust),
        load_logs(home, trust),
        load_crls([home / "trust", home / "keys" / "demo", *([trust] if trust else [])]),
        heads,
        trust is not None and trust.is_dir() and any(trust.glob("*.vkey")),
        now,
    )


def verify(path: Path, *, trust: Path | None, home: Path, now: datetime) -> Report:
    """Verify a PDF report, a bag, or a batch folder.

    Parameters
    ----------
    path : Path
        ``report.zh.pdf``, ``DIR/communities/<community>`` or ``DIR``. It may come from a stranger.
    trust : Path or None
        Root certificates to believe instead of those in ``home/trust``: a PEM file, or a folder
        with ``*.pem``, and where there are ``*.vkey`` of logs, ``*.crl`` and heads of logs seen
        before (``*.checkpoint``).
    home : Path
        ``WORKBENCH_HOME``.
    now : datetime
        Aware; the time at which certificates are judged that no time stamp covers.

    Returns
    -------
    Report
        Its ``exit_code`` is 0, 1 or 5. A draft is "cannot tell: n of 3 signatures".

    Raises
    ------
    InputError
        ``verify.path`` when there is nothing to verify; ``trust.unreadable``.
    """
    path = path.resolve()  # the caller may point at it through a link; inside none is followed
    trusted = _trusted(home, trust, now)
    if path.is_file():
        item = verify_report(path, trusted.roots, now, trusted.crls)
        return Report(path=path.name, items=(item,))
    if (path / "bagit.txt").is_file():
        alone = not any((path / "data").glob("report.*")) and (path / "data/results.csv").is_file()
        # a bag inside a batch: the batch's ledger may renew its stamps and tell what came later
        log = path.parent.parent / "ledger" if path.parent.name == "communities" else None
        if log is not None and log.is_dir():
            trusted = replace(trusted, renewals=tuple(read_renewals(log)))
        item = _overview(path, trusted) if alone else _bag(path, ".", trusted, study=None)
        if log is not None and log.is_dir() and not alone:
            item = _told_by(log, path, item, trusted)
        return Report(path=path.name, items=(item,))
    if (path / "communities.jsonl").is_file() or (path / "communities").is_dir():
        return Report(path=path.name, items=tuple(_batch(path, trusted)))
    raise InputError(
        Problem(
            code="verify.path",
            zh="这里没有可以核验的报告、证据包或批次",
            en="there is no report, bag or batch here to verify",
            file=path.name,
            remedy_zh="给出 PDF 报告、证据包文件夹（含 bagit.txt）或批次文件夹",
            remedy_en="give a PDF report, a bag (with bagit.txt) or the folder of a batch",
        )
    )


# --- a bag ---------------------------------------------------------------------------------------


def _bag(bag: Path, shown: str, trusted: _Trust, *, study: str | None) -> Item:
    """Verify a bag of one unit and edition; ``study`` is its batch's, None outside a batch."""
    results = bags.check_bag(bag)
    if any(found.code in _NOT_READ for found in results):  # nothing is read through a link
        return Item(path=shown, kind="bag", results=tuple(results), signatures={})
    community, edition, identity = _identity(bag, batch=study)
    results += identity
    data = bag / "data"
    listing = _evidence(data, results)
    trusted = replace(trusted, crls=[*trusted.crls, *load_crls([bag / "attest" / "crls"])])
    proven = check_entry(bag, _logs(bag, trusted), trusted.clocks())
    # what the ledger proves to have existed by a time is judged as at that time
    by = proven.time or trusted.now
    statuses: dict[str, tuple[SignatureStatus, ...]] = {}
    for pdf in sorted(data.glob("report.*.pdf")) if data.is_dir() else []:
        name = f"data/{pdf.name}"
        found, statuses[name], attached = check_report(
            pdf, name, trusted.roots, by, trusted.crls, in_bag=True
        )
        results += found
        if attached is None or listing is None or attached == listing:
            continue
        results.append(
            result(
                "pdf.list-differs",
                Verdict.CHANGED,
                name,
                "报告所附的证据清单与证据包中的不同",
                "the list of evidence attached to the report is not the one in the bag",
            )
        )
        source = (f" {name} 所附清单", f"the list attached to {name}")
        changed = bags.check_evidence(data, attached, source_zh=source[0], source_en=source[1])
        results += [found for found in changed if found.verdict is Verdict.CHANGED]
    results += _languages(statuses)
    results += _told(bag, statuses)
    # what was changed is named already; statement and entry would only repeat it
    if all(found.verdict is not Verdict.CHANGED for found in results):
        signers = {status.sha256 for found in statuses.values() for status in found}
        results += check_signed(bag, signers)
        results += proven.results
        if all(len(found) == len(ROLES) for found in statuses.values()):
            results += _times(bag, statuses, stamped=proven.stamped)
    return Item(
        path=shown,
        kind="bag",
        community=community,
        edition=edition,
        results=tuple(_once(results)),
        signatures=statuses,
    )


def _told(bag: Path, statuses: Mapping[str, tuple[SignatureStatus, ...]]) -> Iterator[Result]:
    """Compare what ``bag-info.txt`` says with the slice and the signatures; nobody signs it."""
    try:
        told = bags.bag_info(bag)
        issued = str(read_json(bag / "data" / "inputs" / "study.json").get("issued"))
    except (InputError, OSError, ValueError, AttributeError):
        return
    every = [[s for s in found if s.role] for found in statuses.values()]
    roles = " ".join(str(s.role) for s in min(every, key=len, default=[]))
    shown = any(status.demonstration for found in every for status in found)
    signed = (bag / "attest" / "entry.json").exists()
    wanted = {"Bagging-Date": issued, "Workbench-Signed": roles}
    wanted |= {"Workbench-State": "signed"} if signed else {}
    wanted |= {"Workbench-Demonstration": "yes"} if shown else {}
    for name, value in wanted.items():
        if name in told and told[name] != value and value != "None":
            yield result(
                "bag.info-differs",
                Verdict.CHANGED,
                "bag-info.txt",
                f"{name} 为 {told[name]}，应为 {value}",
                f"{name} says {told[name]}, it is {value}",
            )


def _logs(bag: Path, trusted: _Trust) -> list[VerifierKey]:
    """Return the logs that are believed; without a choice of the verifier's, the one signers name.

    The keys that are believed on this machine come first: a log of a known name is judged by them.
    """
    if trusted.strict:
        return trusted.logs
    known = {log.name for log in trusted.logs}
    return [*trusted.logs, *(x for x in named_logs(bag, trusted.roots) if x.name not in known)]


_MEANS = {
    "each": (
        "每个签名各有可信时间戳：签署时间由时间戳机构证明",
        "each signature bears a time stamp: the authority proves when it was made",
    ),
    "ledger": (
        "签名时间是签名人所称；报告最迟存在于何时，由账本头的时间戳证明",
        "the times in the signatures are the signers' word; by when the report existed is proved "
        "by the stamp of the ledger's head",
    ),
    "none": (
        "没有时间戳：签名时间仅为签名人所称",
        "no time stamps: the times of signing are the signers' own word",
    ),
}


def _times(
    bag: Path, statuses: Mapping[str, tuple[SignatureStatus, ...]], *, stamped: bool
) -> Iterator[Result]:
    """Say what kind of proof of time the report promises, and whether it is there."""
    try:
        promised = str(read_json(bag / "data" / "inputs" / "study.json").get("timestamps"))
    except (InputError, AttributeError):
        return
    if promised not in _MEANS:
        return
    lacking = promised == "ledger" and not stamped and (bag / "attest" / "entry.json").exists()
    if promised == "each":
        every = [(n, status) for n, found in statuses.items() for status in found]
        lacking = any(not status.stamp for _, status in every)
        doubtful = [(n, s) for n, s in every if s.stamp not in ("", "valid", "broken")]
        for name, status in doubtful:
            yield stamp_result(
                f"{name} [{status.role}]", status.stamp, status.authority, status.stamped_at
            )
        if doubtful:
            return
    if lacking:
        yield result(
            "stamp.missing",
            Verdict.CANNOT_TELL,
            "attest/checkpoint.tsr" if promised == "ledger" else "data",
            "报告声明有时间戳，但此处没有",
            "the report promises a time stamp that is not here",
            "请提供签发时的证据包与账本",
            "bring the bag as it was issued, with its ledger",
        )
    else:
        yield result(f"time.{promised}", Verdict.VALID, "", *_MEANS[promised])


def _told_by(log: Path, bag: Path, item: Item, trusted: _Trust) -> Item:
    """Add to a bag by itself what the ledger of its batch says of it."""
    read, results = read_log(log, _logs(bag, trusted), trusted.heads)
    unit = _unit_of(bag)
    if read is None or unit is None:
        kept = [r for r in results if r.verdict is Verdict.CHANGED]
        return replace(item, results=item.results + tuple(kept))
    _, single = check_units(read, unit[0], {unit: bag}, None)
    return replace(item, results=item.results + tuple(single.get(unit, ())))


def _unit_of(bag: Path) -> Unit | None:
    try:
        study, community, edition = bags.bag_info(bag)["External-Identifier"].rsplit("/", 2)
        return study, community, int(edition)
    except (OSError, LookupError, ValueError):
        return None


def _evidence(data: Path, results: list[Result]) -> bytes | None:
    """Check the evidence against the list in the bag; return the list."""
    path = data / bags.EVIDENCE_LIST
    try:
        if not is_plain_file(path):
            raise ValueError("not a regular file")
        listing = path.read_bytes()
    except (OSError, ValueError):
        results.append(
            result(
                "evidence.list",
                Verdict.CHANGED,
                f"data/{bags.EVIDENCE_LIST}",
                "证据清单缺失",
                "the list of evidence is missing",
            )
        )
        return None
    results += bags.check_evidence(
        data, listing, source_zh=f" {bags.EVIDENCE_LIST} ", source_en=bags.EVIDENCE_LIST
    )
    return listing


def _languages(statuses: Mapping[str, tuple[SignatureStatus, ...]]) -> list[Result]:
    """Both languages are signed in one step: a difference means that one was exchanged."""
    if not statuses:
        return [
            result(
                "bag.no-report",
                Verdict.CHANGED,
                "data",
                "证据包中没有报告",
                "there is no report in the bag",
            )
        ]
    signed = {name: [status.role for status in found] for name, found in statuses.items()}
    if len({tuple(roles) for roles in signed.values()}) == 1:
        return []
    counts = ", ".join(f"{name}: {len(roles)}" for name, roles in signed.items())
    return [
        result(
            "bag.languages",
            Verdict.CHANGED,
            "data",
            f"各语言报告的签名数不同（{counts}），其中有报告被替换或退回",
            f"the languages differ in signatures ({counts}): one was exchanged or cut back",
        )
    ]


def _identity(bag: Path, *, batch: str | None) -> tuple[str, int | None, list[Result]]:
    """Compare unit and edition in folder name, bag-info, study.json and findings."""
    match = re.fullmatch(r"(?P<community>.+?)(?:@(?P<edition>\d{1,4}))?", bag.resolve().name)
    assert match is not None  # a folder has a name
    said: dict[str, tuple[str, int | None]] = {
        "folder": (match["community"], int(match["edition"] or 1))
    }
    results = []
    try:
        study, *unit = bags.bag_info(bag)["External-Identifier"].rsplit("/", 2)
        said["bag-info.txt"] = (unit[0], int(unit[1]))
        settings = read_json(bag / "data" / "inputs" / "study.json")
        said["data/inputs/study.json"] = (str(settings["community"]), int(settings["edition"]))
        named = {study, str(settings["study"]), batch or study}
        if len(named) > 1:
            results.append(
                result(
                    "identity.study",
                    Verdict.CHANGED,
                    "bag-info.txt",
                    f"项目编号不一致：{'、'.join(sorted(named))}",
                    f"the study is named differently: {', '.join(sorted(named))}",
                )
            )
        rows = read_json(bag / "data" / "findings.json")
        names = {str(row["community"]) for row in rows if row.get("community")}
        if len(names) == 1:
            said["data/findings.json"] = (names.pop(), None)
        elif names:
            raise ValueError(f"findings.json names {len(names)} units")
    except (InputError, OSError, LookupError, TypeError, ValueError, AttributeError) as error:
        reason = error.problems[0].found if isinstance(error, InputError) else str(error)
        results.append(
            result(
                "identity.unreadable",
                Verdict.CHANGED,
                "",
                f"无法读出单位与版次（{reason}）",
                f"unit and edition cannot be read ({reason})",
            )
        )
    community, edition = said.get("bag-info.txt", said["folder"])
    for where, (other, number) in said.items():
        if other == community and number in (edition, None):
            continue
        copy = where == "folder" and batch is None  # a copy may be called what one likes
        results.append(
            result(
                "identity.folder" if copy else "identity.unit",
                Verdict.CANNOT_TELL if copy else Verdict.CHANGED,
                "" if where == "folder" else where,
                f"此处为 {other}（第 {number or '-'} 版），证据包为 {community}（第 {edition} 版）",
                f"{where} says {other} (edition {number or '-'}), the bag {community} ({edition})",
                "请用原来的文件夹名" if copy else "",
                "give the folder its own name" if copy else "",
            )
        )
    return community, edition, results


# --- a batch -------------------------------------------------------------------------------------


def _batch(out: Path, trusted: _Trust) -> Iterator[Item]:
    """Verify the list of units, then every bag."""
    units, results = _units(out)
    study, more = _summary(out, units)
    results += more
    folder = out / "communities"
    results += [_link(name) for name in ("communities", "overview", "ledger") if _linked(out, name)]
    bags_found = {p.name for p in folder.iterdir()} if is_folder(folder) else set()
    leftovers = {m["name"] for name in bags_found if (m := ASIDE.match(name))}
    bags_found = {name for name in bags_found if not name.startswith(".")}
    expected = {name for name, row in units.items() if str(row.get("state")) in _BAGGED}
    for name in sorted(expected - bags_found):
        if name in leftovers:
            results.append(
                result(
                    "batch.interrupted",
                    Verdict.CANNOT_TELL,
                    f"communities/{name}",
                    "写入中断，尚未恢复",
                    "writing was interrupted and has not been cleared up",
                    "再次运行 workbench run 或 sign",
                    "run workbench run or sign once more",
                )
            )
            continue
        results.append(
            result(
                "batch.missing",
                Verdict.CHANGED,
                f"communities/{name}",
                "名单中有此单位，但证据包不在",
                "the unit is in communities.jsonl, but its bag is not there",
            )
        )
    for name in sorted(bags_found):
        if (folder / name).is_symlink() or not (folder / name).is_dir():
            results.append(_link(f"communities/{name}"))
    for name in sorted(bags_found - expected):
        results.append(
            result(
                "batch.extra",
                Verdict.CHANGED,
                f"communities/{name}",
                "名单中没有此单位",
                "communities.jsonl does not have it",
            )
        )
    failed = sorted(name for name, row in units.items() if row.get("state") == "failed")
    if failed:
        text = "、".join(failed[:10]) + ("…" if len(failed) > 10 else "")
        results.append(
            result(
                "batch.failed",
                Verdict.VALID,
                "communities.jsonl",
                f"{len(failed)} 个单位运行失败，没有报告：{text}",
                f"{len(failed)} units failed and have no report: {text}",
            )
        )
    results.append(
        result(
            "batch.units",
            Verdict.VALID,
            "communities.jsonl",
            f"{len(units)} 个单位，{len(expected & bags_found)} 个证据包",
            f"{len(units)} units, {len(expected & bags_found)} bags",
        )
    )
    plain = [n for n in sorted(bags_found) if is_folder(folder / n)]
    log = out / "ledger"
    trusted = replace(trusted, renewals=tuple(read_renewals(log)))
    about, single = _ledger(out, study, [folder / name for name in plain], trusted)
    results += about
    yield Item(path=".", kind="batch", results=tuple(results), signatures={})
    seals: set[str] = set()
    for name in plain:
        item = _bag(folder / name, f"communities/{name}", trusted, study=study)
        more = _recorded(out, folder / name, units[name], item) if name in units else []
        item = replace(item, results=(*item.results, *more, *single.get(name, ())))
        seals |= {
            status.sha256
            for found in item.signatures.values()
            for status in found
            if status.role == ROLES[-1]
        }
        yield item
    if is_folder(out / "overview"):
        item = _overview(out / "overview", trusted, seals)
        if all(found.verdict is not Verdict.CHANGED for found in item.results):
            first = {name: folder / name for name in plain if "@" not in name}
            more = check_results(out / "overview", first, units)
            item = replace(item, results=(*item.results, *more))
        yield item


def _linked(out: Path, name: str) -> bool:
    return os.path.lexists(out / name) and not is_folder(out / name)


def _link(name: str) -> Result:
    return result(
        "batch.link",
        Verdict.CHANGED,
        name,
        "不是文件夹，而是链接或文件",
        "a link or a file, not a folder",
    )


def is_folder(path: Path) -> bool:
    """Tell whether a path is a folder itself, not a link to one."""
    return path.is_dir() and not path.is_symlink()


def _ledger(
    out: Path, study: str, bags_found: Sequence[Path], trusted: _Trust
) -> tuple[list[Result], dict[str, list[Result]]]:
    """Compare a batch with its ledger; what concerns a bag is given by the name of its folder."""
    units = {unit: bag for bag in bags_found if (unit := _unit_of(bag))}
    entered = [bag for bag in bags_found if is_file(bag / "attest" / "entry.json")]
    if not is_folder(out / "ledger"):
        if not entered:
            return [], {}  # drafts, or a batch of before there was a ledger
        return [
            result(
                "ledger.absent",
                Verdict.CANNOT_TELL,
                "ledger",
                "批次的账本不在，无法得知是否有报告被撤回、取代或删除",
                "the batch's ledger is not here: whether a report was withdrawn, superseded or "
                "deleted cannot be told",
                "请提供批次的 ledger 文件夹",
                "bring the batch's folder ledger",
            )
        ], {}
    logs = list({x.text(): x for bag in entered[:50] for x in _logs(bag, trusted)}.values())
    log, results = read_log(out / "ledger", logs or trusted.logs, trusted.heads)
    if log is None:
        return results, {}
    try:
        told = read_json(out / "batch.json")
        count, context = int(told["units"]), str(told["context_sha256"])
    except (InputError, LookupError, TypeError, ValueError):
        count, context = None, ""
    more, single = check_units(log, study, units, count, context)
    return [*results, *more], {
        units[unit].name: found for unit, found in single.items() if unit in units
    }


def is_file(path: Path) -> bool:
    """Tell whether a path is a regular file, not a link to one."""
    return path.is_file() and is_plain_file(path)


def _units(out: Path) -> tuple[dict[str, dict[str, Any]], list[Result]]:
    """Read communities.jsonl: the last line of a unit and edition counts."""
    units: dict[str, dict[str, Any]] = {}
    try:
        path = out / "communities.jsonl"
        if not is_plain_file(path) or path.stat().st_size > _LARGEST_LIST:
            raise ValueError("not a regular file, or too large")
        for line in _lines(path):
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                continue  # torn by a crash: the unit's earlier line counts
            if not isinstance(row, dict) or not isinstance(row.get("community"), str):
                continue
            edition = row.get("edition") or 1
            suffix = f"@{edition}" if edition != 1 else ""
            units[row["community"] + suffix] = row
    except (OSError, ValueError):
        return {}, [
            result(
                "batch.list",
                Verdict.CHANGED,
                "communities.jsonl",
                "单位名单缺失",
                "the list of units is missing",
            )
        ]
    return units, []


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while line := stream.readline(_LONGEST_LINE):
            if len(line) == _LONGEST_LINE:
                raise ValueError("a line without end")
            yield line


def _summary(out: Path, units: Mapping[str, Mapping[str, Any]]) -> tuple[str, list[Result]]:
    """Return the study's id; compare with the number of units in batch.json.

    A line can be taken out of a list unseen, a number cannot.
    """
    try:
        told = read_json(out / "batch.json")
        study = str(told["study"])
        expected = int(told["units"]) - int(told["states"]["waiting"])
        counts = [_count(told, "states", name) for name in ("signed", "failed")]
        counts.append(_count(told, "outcomes", "withheld"))
    except (InputError, LookupError, TypeError, ValueError):
        return "", [
            result(
                "batch.summary",
                Verdict.CANNOT_TELL,
                "batch.json",
                "缺失或无法读取，无法核对单位总数",
                "missing or unreadable: the number of units cannot be checked",
                "请提供完整的批次文件夹",
                "bring the whole folder of the batch",
            )
        ]
    rows = [row for name, row in units.items() if "@" not in name]
    first = len(rows)
    if first >= expected:
        listed = [sum(row.get("state") == name for row in rows) for name in ("signed", "failed")]
        alive = [row for row in rows if row.get("state") != "failed"]
        listed.append(sum(row.get("outcome") == "withheld" for row in alive))
        if all(n in (None, m) for n, m in zip(counts, listed, strict=True)):
            return study, []
        shown = "/".join("-" if n is None else str(n) for n in counts)
        return study, [
            result(
                "batch.counts",
                Verdict.CANNOT_TELL,
                "batch.json",
                f"签署、失败、暂缓数为 {shown}，名单为 {'/'.join(map(str, listed))}",
                f"counts {shown} signed, failed, withheld; the list {'/'.join(map(str, listed))}",
                "运行中断或被改动：再次运行 workbench run 或 sign，或请提供原来的批次",
                "an interrupted run, or changed: run workbench run or sign once more, or bring the "
                "batch as it was",
            )
        ]
    return study, [
        result(
            "batch.units-lost",
            Verdict.CHANGED,
            "communities.jsonl",
            f"batch.json 记有 {expected} 个单位，名单中只有 {first} 个",
            f"batch.json counts {expected} units, the list has {first}",
        )
    ]


def _count(told: Mapping[str, Any], group: str, name: str) -> int | None:
    return int(told[group][name]) if name in told.get(group, {}) else None


def _recorded(out: Path, bag: Path, row: Mapping[str, Any], item: Item) -> list[Result]:
    """Compare a bag with its line in communities.jsonl, and with batch.json."""
    if any(found.code in _NOT_READ for found in item.results):
        return []
    results = list(_as_listed(out, bag, row))
    digests = row.get("digests")
    for name, expected in digests.items() if isinstance(digests, dict) else ():
        if not re.fullmatch(r"tagmanifest-sha256\.txt|data/[\w.-]+", str(name)):
            continue
        path = bag / str(name)
        found = sha256_file(path) if path.is_file() and is_plain_file(path) else "-"
        if found != expected:
            results.append(
                result(
                    "batch.digest",
                    Verdict.CHANGED,
                    str(name),
                    "与 communities.jsonl 中记录的摘要不符",
                    "not the digest recorded in communities.jsonl",
                )
            )
    counts = [len(found) for found in item.signatures.values()]
    if row.get("state") != "signed" and is_file(bag / "attest" / "entry.json"):
        results.append(
            result(
                "batch.late",
                Verdict.CANNOT_TELL,
                "communities.jsonl",
                f"报告已登记，名单却记为 {row.get('state')}",
                f"the report is entered in the ledger, the list says {row.get('state')}",
                "运行中断或被改动：再次运行 workbench run 或 sign",
                "an interrupted run, or changed: run workbench run or sign once more",
            )
        )
    if row.get("state") == "signed" and min(counts, default=0) < len(ROLES):
        results.append(
            result(
                "batch.state",
                Verdict.CHANGED,
                "data",
                f"记录为已签，但 3 个签名中只有 {min(counts, default=0)} 个",
                f"recorded as signed, but {min(counts, default=0)} of 3 signatures are there",
            )
        )
    return results


def _as_listed(out: Path, bag: Path, row: Mapping[str, Any]) -> Iterator[Result]:
    try:
        settings, told = read_json(bag / "data/inputs/study.json"), bags.bag_info(bag)
        batch = read_json(out / "batch.json")
        pairs = [
            ("batch.json", name, batch[name], settings[name])
            for name in ("issued", "seed")
            if name in batch and name in settings
        ]
        outcome = told.get("Workbench-Outcome")
        if outcome is not None and row.get("outcome") is not None:
            pairs.append(("communities.jsonl", "outcome", row["outcome"], outcome))
    except (InputError, OSError, ValueError, LookupError, TypeError):
        return  # said already where they are read
    for where, name, other, own in pairs:
        if other != own:
            yield result(
                "batch.differs",
                Verdict.CHANGED,
                where,
                f"{name} 为 {other}，证据包为 {own}",
                f"{name} is {other} there, {own} in the bag",
            )


def _overview(bag: Path, trusted: _Trust, seals: Iterable[str] = ()) -> Item:
    """Verify the overview: a bag whose statement is signed when the batch is closed."""
    results = bags.check_bag(bag)
    if any(found.code in _NOT_READ for found in results):
        return Item(path="overview", kind="overview", results=tuple(results), signatures={})
    if is_file(bag / "data" / bags.EVIDENCE_LIST):
        _evidence(bag / "data", results)
    if not is_file(bag / "attest" / "evaluation.intoto.json"):
        unsigned = result(
            "overview.unsigned",
            Verdict.VALID,
            "",
            "总览未经签名（批次尚未关闭），以各单位的报告为准",
            "not signed (the batch is not closed): the reports of the units count",
        )
        return Item(path="overview", kind="overview", results=(*results, unsigned), signatures={})
    trusted = replace(trusted, crls=[*trusted.crls, *load_crls([bag / "attest" / "crls"])])
    proven = check_entry(bag, _logs(bag, trusted), trusted.clocks())
    certificates = bag_certs(bag)
    paths = {
        one.fingerprint(hashes.SHA256()).hex(): path
        for one in certificates
        if (path := path_to(one, certificates, trusted.roots))
    }
    if not paths:
        results.append(
            result(
                "signature.unknown-authority",
                Verdict.CANNOT_TELL,
                "attest/certs",
                "未知的签发机构",
                "unknown authority",
                "请从独立渠道取得其根证书，用 --trust 指定",
                "get its root certificate from an independent source and give it with --trust",
            )
        )
        return Item(path="overview", kind="overview", results=tuple(results), signatures={})
    by = proven.time or trusted.now
    good = {
        name
        for name, path in paths.items()
        if all(one.not_valid_before_utc <= by <= one.not_valid_after_utc for one in path)
        and ((gone := revoked(path, trusted.crls)) is None or gone > by)
    }
    if all(found.verdict is not Verdict.CHANGED for found in results):
        results += check_signed(bag, good & set(seals) if seals else good)
        results += proven.results
    if not proven.results:
        results.append(
            result(
                "ledger.proof-missing",
                Verdict.CANNOT_TELL,
                "attest/entry.json",
                "已签名，但没有账本登记",
                "signed, but there is no entry in the ledger",
                "再次运行 workbench close",
                "run workbench close once more",
            )
        )
    return Item(path="overview", kind="overview", results=tuple(results), signatures={})


def _once(results: Iterable[Result]) -> Iterable[Result]:
    """Drop repetitions (two languages attach the same list)."""
    return dict.fromkeys(results)
