"""Verify a report, a bag or a whole batch: valid, changed (where), or cannot tell (why).

Nothing is fetched, nothing outside the path is believed but the roots of ``WORKBENCH_HOME`` or
``--trust``, and no link is followed. Whatever a stranger put into the files, it gives an answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError, Problem
from workbench.evidence import bag as bags
from workbench.evidence.answer import Item, Report
from workbench.evidence.attest import check_attest, load_logs
from workbench.evidence.files import ASIDE, is_plain_file, read_json, sha256_file
from workbench.evidence.keys import ROLES, load_roots
from workbench.evidence.note import VerifierKey
from workbench.evidence.result import Result, Verdict, result
from workbench.evidence.signature import SignatureStatus
from workbench.evidence.verify_pdf import check_report, verify_report

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = ["verify"]

_BAGGED = {"draft", "returned", "signing", "signed"}


@dataclass(frozen=True)
class _Trust:
    """What is believed, and the time of judging."""

    roots: list[Certificate]
    logs: list[VerifierKey]
    now: datetime


def verify(path: Path, *, trust: Path | None, home: Path, now: datetime) -> Report:
    """Verify a PDF report, a bag, or a batch folder.

    Parameters
    ----------
    path : Path
        ``report.zh.pdf``, ``DIR/communities/<community>`` or ``DIR``. It may come from a stranger.
    trust : Path or None
        Root certificates (PEM file, or folder with ``*.pem`` and ``*.vkey`` of logs) to believe
        instead of those in ``home/trust``.
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
    trusted = _Trust(load_roots(home, trust), load_logs(home, trust), now)
    if path.is_file():
        item = verify_report(path, trusted.roots, now)
        return Report(path=path.name, items=(item,))
    if (path / "bagit.txt").is_file():
        alone = not any((path / "data").glob("report.*")) and (path / "data/results.csv").is_file()
        item = _overview(path, trusted) if alone else _bag(path, ".", trusted, study=None)
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
    if any(found.code == "bag.link" for found in results):  # nothing is read through a link
        return Item(path=shown, kind="bag", results=tuple(results), signatures={})
    community, edition, identity = _identity(bag, batch=study)
    results += identity
    data = bag / "data"
    listing = _evidence(data, results)
    statuses: dict[str, tuple[SignatureStatus, ...]] = {}
    for pdf in sorted(data.glob("report.*.pdf")) if data.is_dir() else []:
        name = f"data/{pdf.name}"
        found, statuses[name], attached = check_report(
            pdf, name, trusted.roots, trusted.now, in_bag=True
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
    # what was changed is named already; statement and entry would only repeat it
    if all(found.verdict is not Verdict.CHANGED for found in results):
        signers = {status.sha256 for found in statuses.values() for status in found}
        results += check_attest(bag, trusted.logs, signers)
    return Item(
        path=shown,
        kind="bag",
        community=community,
        edition=edition,
        results=tuple(_once(results)),
        signatures=statuses,
    )


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
    bags_found = {p.name for p in folder.iterdir()} if folder.is_dir() else set()
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
            results.append(
                result(
                    "batch.link",
                    Verdict.CHANGED,
                    f"communities/{name}",
                    "不是文件夹，而是链接或文件",
                    "a link or a file, not a folder",
                )
            )
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
    yield Item(path=".", kind="batch", results=tuple(results), signatures={})
    for name in sorted(bags_found):
        if (folder / name).is_symlink() or not (folder / name).is_dir():
            continue
        item = _bag(folder / name, f"communities/{name}", trusted, study=study)
        if name in units:
            more = _recorded(folder / name, units[name], item)
            item = replace(item, results=item.results + tuple(more))
        yield item
    if (out / "overview").is_dir():
        yield _overview(out / "overview", trusted)


def _units(out: Path) -> tuple[dict[str, dict[str, Any]], list[Result]]:
    """Read communities.jsonl: the last line of a unit and edition counts."""
    units: dict[str, dict[str, Any]] = {}
    try:
        path = out / "communities.jsonl"
        if not is_plain_file(path):
            raise ValueError("not a regular file")
        for line in path.read_bytes().split(b"\n"):
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


def _summary(out: Path, units: Mapping[str, Mapping[str, Any]]) -> tuple[str, list[Result]]:
    """Return the study's id; compare with the number of units in batch.json.

    A line can be taken out of a list unseen, a number cannot.
    """
    try:
        told = read_json(out / "batch.json")
        study = str(told["study"])
        expected = int(told["units"]) - int(told["states"]["waiting"])
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
    first = sum("@" not in name for name in units)
    if first >= expected:
        return study, []
    return study, [
        result(
            "batch.units-lost",
            Verdict.CHANGED,
            "communities.jsonl",
            f"batch.json 记有 {expected} 个单位，名单中只有 {first} 个",
            f"batch.json counts {expected} units, the list has {first}",
        )
    ]


def _recorded(bag: Path, row: Mapping[str, Any], item: Item) -> list[Result]:
    """Compare a bag with its line in communities.jsonl."""
    results = []
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


def _overview(bag: Path, trusted: _Trust) -> Item:
    """Verify the overview: a bag that is signed only when the batch is closed."""
    results = bags.check_bag(bag)
    statuses: dict[str, tuple[SignatureStatus, ...]] = {}
    for pdf in sorted((bag / "data").glob("report.*.pdf")):
        name = f"data/{pdf.name}"
        found, statuses[name], _ = check_report(pdf, name, trusted.roots, trusted.now, in_bag=True)
        results += [one for one in found if one.code != "signature.count"]
    if not any(statuses.values()):
        results.append(
            result(
                "overview.unsigned",
                Verdict.VALID,
                "",
                "总览未经签名（批次尚未关闭），以各单位的报告为准",
                "not signed (the batch is not closed): the reports of the units count",
            )
        )
    return Item(path="overview", kind="overview", results=tuple(results), signatures=statuses)


def _once(results: Iterable[Result]) -> Iterable[Result]:
    """Drop repetitions (two languages attach the same list)."""
    return dict.fromkeys(results)
