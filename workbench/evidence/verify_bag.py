"""Verify a bag: that of a unit's edition, and the overview's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes

from workbench.errors import InputError
from workbench.evidence import bag as bags
from workbench.evidence.answer import Item
from workbench.evidence.attest import bag_certs, check_entry, check_signed, stamp_result
from workbench.evidence.chain import load_crls, path_to, revoked
from workbench.evidence.files import is_plain_file, read_json
from workbench.evidence.keys import ROLES
from workbench.evidence.result import Result, Verdict, result
from workbench.evidence.verify_pdf import check_report

if TYPE_CHECKING:
    from workbench.evidence.signature import SignatureStatus
    from workbench.evidence.trusted import Trust
    from workbench.evidence.verify_ledger import Unit

__all__ = ["NOT_READ", "check_overview", "check_unit", "is_file", "is_folder", "unit_of"]

NOT_READ = {"bag.link", "bag.none", "bag.unreadable"}
"""Codes after which nothing of a bag is read."""


def check_unit(bag: Path, shown: str, trusted: Trust, *, study: str | None) -> Item:
    """Verify a bag of one unit and edition; ``study`` is its batch's, None outside a batch."""
    results = bags.check_bag(bag)
    if any(found.code in NOT_READ for found in results):  # nothing is read through a link
        return Item(path=shown, kind="bag", results=tuple(results), signatures={})
    community, edition, identity = _identity(bag, batch=study)
    results += identity
    data = bag / "data"
    listing = _evidence(data, results)
    trusted = replace(trusted, crls=[*trusted.crls, *load_crls([bag / "attest" / "crls"])])
    proven = check_entry(bag, trusted.logs_of(bag), trusted.clocks())
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
        results.append(_other_list(name))
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


def unit_of(bag: Path) -> Unit | None:
    """Return study, unit and edition that a bag is about, as it says."""
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


def _unsigned(*, late: bool, entered: bool) -> Result:
    """Say what it means that nobody has signed an overview."""
    if entered:
        return result(
            "overview.stripped",
            Verdict.CHANGED,
            "",
            "账本登记总览已签名，但签名不在",
            "the ledger says that it was signed, but the signatures are gone",
        )
    if late:
        return result(
            "overview.unsigned",
            Verdict.CANNOT_TELL,
            "",
            "批次关闭后另出的总览，尚未签名",
            "made by an amendment after the batch was closed, and not signed yet",
            "再次运行 workbench close",
            "run workbench close once more",
        )
    return result(
        "overview.unsigned",
        Verdict.VALID,
        "",
        "总览未经签名（批次尚未关闭），以各单位的报告为准",
        "not signed (the batch is not closed): the reports of the units count",
    )


def check_overview(
    bag: Path,
    trusted: Trust,
    seals: Iterable[str] = (),
    *,
    late: bool = False,
    entered: bool = False,
) -> Item:
    """Verify the overview: a bag whose report and statement are signed when the batch is closed.

    Parameters
    ----------
    bag : Path
        The overview.
    trusted : Trust
        What is believed.
    seals : iterable of str
        Certificates that sealed the units' reports.
    late : bool
        Whether it came after the batch was closed, so that it should be signed.
    entered : bool
        Whether the ledger says that it was signed.
    """
    results = bags.check_bag(bag)
    if any(found.code in NOT_READ for found in results):
        return Item(path=bag.name, kind="overview", results=tuple(results), signatures={})
    listing = None
    if is_file(bag / "data" / bags.EVIDENCE_LIST):
        listing = _evidence(bag / "data", results)
    made = sorted((bag / "data").glob("report.*"))
    if not is_file(bag / "attest" / "evaluation.intoto.json"):
        unsigned = _unsigned(late=late, entered=entered)
        results += [
            result(
                "overview.report",
                Verdict.CHANGED,
                f"data/{path.name}",
                "总览的报告在关闭批次时才出具并签名，此处不应有",
                "the report of an overview is made and signed at closing: none belongs here",
            )
            for path in made
        ]
        return Item(path=bag.name, kind="overview", results=(*results, unsigned), signatures={})
    trusted = replace(trusted, crls=[*trusted.crls, *load_crls([bag / "attest" / "crls"])])
    proven = check_entry(bag, trusted.logs_of(bag), trusted.clocks())
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
        return Item(path=bag.name, kind="overview", results=tuple(results), signatures={})
    by = proven.time or trusted.now
    good = {
        name
        for name, path in paths.items()
        if all(one.not_valid_before_utc <= by <= one.not_valid_after_utc for one in path)
        and ((gone := revoked(path, trusted.crls)) is None or gone > by)
    }
    statuses: dict[str, tuple[SignatureStatus, ...]] = {}
    for pdf in made:
        name = f"data/{pdf.name}"
        told, statuses[name], attached = check_report(
            pdf, name, trusted.roots, by, trusted.crls, in_bag=True, sealed=True
        )
        results += told
        if attached != listing:
            results.append(_other_list(name))
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
    return Item(path=bag.name, kind="overview", results=tuple(_once(results)), signatures=statuses)


def _other_list(name: str) -> Result:
    return result(
        "pdf.list-differs",
        Verdict.CHANGED,
        name,
        "报告所附的证据清单与证据包中的不同",
        "the list of evidence attached to the report is not the one in the bag",
    )


def _once(results: Iterable[Result]) -> Iterable[Result]:
    """Drop repetitions (two languages attach the same list)."""
    return dict.fromkeys(results)


def is_folder(path: Path) -> bool:
    """Tell whether a path is a folder itself, not a link to one."""
    return path.is_dir() and not path.is_symlink()


def is_file(path: Path) -> bool:
    """Tell whether a path is a regular file, not a link to one."""
    return path.is_file() and is_plain_file(path)
