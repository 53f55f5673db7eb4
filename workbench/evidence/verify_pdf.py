"""Verify one report: its signatures, the files attached to it, the code on its pages."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import InputError
from workbench.evidence import bag as bags
from workbench.evidence.answer import Item
from workbench.evidence.files import is_plain_file, sha256_bytes
from workbench.evidence.keys import ROLES
from workbench.evidence.result import Result, Verdict, result, worst
from workbench.evidence.signature import SignatureStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.x509 import Certificate, CertificateRevocationList

__all__ = ["check_report", "verify_report"]

_LARGEST_PDF = 256 << 20
_ROLE_ZH = {"lead": "评估负责人", "reviewer": "复核人", "institution": "评估机构"}


def verify_report(
    path: Path,
    roots: list[Certificate],
    now: datetime,
    crls: Sequence[CertificateRevocationList] = (),
) -> Item:
    """Verify a PDF that lies outside a bag."""
    unit, edition = _whose(path)
    results, statuses, listing = check_report(
        path, path.name, roots, now, crls, in_bag=False, sealed=unit == "overview"
    )
    if listing is None:
        unit, edition = "", None
    if listing is not None and worst(found.verdict for found in results) is Verdict.VALID:
        results.append(
            result(
                "report.alone",
                Verdict.VALID,
                path.name,
                f"{unit or '-'} 的报告（第 {edition or '-'} 版），仅核验了报告本身；"
                "数据与账本需连同证据包核验",
                f"the report of {unit or '-'}, edition {edition or '-'}, by itself; its data and "
                "the ledger are verified with the bag",
            )
        )
    return Item(
        path=path.name,
        kind="report",
        community=unit,
        edition=edition,
        results=tuple(results),
        signatures={path.name: statuses},
    )


def _whose(path: Path) -> tuple[str, int | None]:
    """Return unit and edition that the findings attached to a report name; an overview has none."""
    from workbench.evidence import pdfsign

    try:
        attached = pdfsign.attachments(path.read_bytes())
        if "findings.json" not in attached and b"  results.csv\n" in attached[bags.EVIDENCE_LIST]:
            return "overview", None
        rows = json.loads(attached["findings.json"])
        named = {(str(r["community"]), r.get("edition")) for r in rows if r.get("community")}
    except (
        InputError,
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        RecursionError,
    ):
        return "", None
    units = {unit for unit, _ in named}
    editions = {edition for _, edition in named if isinstance(edition, int)}
    one = units.pop() if len(units) == 1 else ""
    return one, editions.pop() if one and len(editions) == 1 else None


def check_report(
    path: Path,
    name: str,
    roots: list[Certificate],
    now: datetime,
    crls: Sequence[CertificateRevocationList] = (),
    *,
    in_bag: bool,
    sealed: bool = False,
) -> tuple[list[Result], tuple[SignatureStatus, ...], bytes | None]:
    """Verify signatures, attached files and printed code; return the attached evidence list too.

    ``sealed``: the institution's signature is enough, as for the overview; a unit's report takes
    three.
    """
    from workbench.evidence import pdfsign

    data = b""
    try:
        if not is_plain_file(path) or path.stat().st_size > _LARGEST_PDF:
            raise ValueError("no regular file, or too large")
        data = path.read_bytes()
        statuses = tuple(pdfsign.signatures(data, roots, now=now, crls=crls))
    except (InputError, OSError, ValueError) as error:
        ours = in_bag or b"Sig_LeadAssessor" in data
        found = error.problems[0].found if isinstance(error, InputError) else str(error)
        if ours:
            damaged = result(
                "pdf.damaged",
                Verdict.CHANGED,
                name,
                f"报告已损坏，结构无法读取（{found}）",
                f"a report whose structure no longer can be read ({found})",
            )
            return [damaged], (), None
        foreign = result(
            "pdf.none",
            Verdict.CANNOT_TELL,
            name,
            "不是可读取的 PDF 报告",
            "not a PDF report that can be read",
            "请提供 PDF 报告",
            "bring the PDF report",
        )
        return [foreign], (), None
    results = [_signature_result(name, status) for status in statuses]
    last = statuses[-1].role if statuses else None
    if len(statuses) < len(ROLES) and not (sealed and last == ROLES[-1]):
        results.append(_count_result(name, len(statuses)))
    listing, more = _printed(data, name)
    return results + more, statuses, listing


def _signature_result(name: str, status: SignatureStatus) -> Result:
    role = _ROLE_ZH.get(status.role or "", "签名")
    organisation = f"（{status.organisation}）" if status.organisation else ""
    return Result(
        code=f"signature.{status.code}",
        verdict=status.verdict,
        where=f"{name} [{status.role or status.field}]",
        zh=f"{role} {status.signer}{organisation}：{status.reason_zh}",
        en=f"{status.signer} ({status.organisation or '-'}): {status.reason_en}",
        bring_zh=status.bring_zh,
        bring_en=status.bring_en,
    )


def _count_result(name: str, count: int) -> Result:
    return result(
        "signature.count",
        Verdict.CANNOT_TELL,
        name,
        f"3 个签名中有 {count} 个：" + ("尚未签完，或被退回到早先状态" if count else "草稿"),
        f"{count} of 3 signatures: " + ("not finished, or cut back" if count else "a draft"),
        "请提供签完的报告或其所属批次",
        "bring the finished report, or the batch it belongs to",
    )


def _printed(data: bytes, name: str) -> tuple[bytes | None, list[Result]]:
    """Compare attached list, attached findings and the code on every page."""
    from workbench.evidence import pdfsign

    try:
        attached = pdfsign.attachments(data)
        texts = pdfsign.page_texts(data)
        listing = attached[bags.EVIDENCE_LIST]
        listed = bags.read_list(listing)
    except (InputError, KeyError, ValueError) as error:
        return None, [
            result(
                "pdf.list",
                Verdict.CANNOT_TELL,
                name,
                f"报告未附可读的证据清单（{type(error).__name__}）",
                f"no readable list of evidence is attached ({type(error).__name__})",
                "请提供本工作台签发的报告",
                "bring a report that the workbench made",
            )
        ]
    results = []
    findings = attached.get("findings.json")
    if findings is not None and sha256_bytes(findings) != listed.get("findings.json"):
        results.append(
            result(
                "pdf.findings",
                Verdict.CHANGED,
                name,
                "所附 findings.json 与所附证据清单不符",
                "the attached findings.json is not the one in the attached list of evidence",
            )
        )
    code = bags.evidence_code(listing)
    lacking = [str(page) for page, text in enumerate(texts, start=1) if code not in text.lower()]
    if lacking:
        results.append(
            result(
                "pdf.code",
                Verdict.CHANGED,
                name,
                f"第 {'、'.join(lacking)} 页未印有证据清单的代码 {code}",
                f"page {', '.join(lacking)} does not print the code {code} of the list of evidence",
            )
        )
    if not results:
        results.append(
            result(
                "pdf.code",
                Verdict.VALID,
                name,
                f"各页代码 {code} 与所附证据清单一致",
                f"every page prints {code}, the code of the attached list of evidence",
            )
        )
    return listing, results
