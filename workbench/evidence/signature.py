"""What is said about a signature in a report: where its field lies, and what a check answers."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.evidence.keys import Role
from workbench.evidence.result import Verdict

__all__ = ["FIELDS", "LABELS", "REASONS", "FieldBox", "SignatureStatus"]

FIELDS: dict[Role, str] = {
    "lead": "Sig_LeadAssessor",
    "reviewer": "Sig_Reviewer",
    "institution": "Sig_Institution",
}
LABELS: dict[Role, str] = {
    "lead": "评估负责人签名 / Signature of the lead assessor",
    "reviewer": "复核人签名 / Signature of the reviewer",
    "institution": "评估机构签章 / Signature of the institution",
}
# code: verdict, what was found (zh, en), what to bring (zh, en); {} is filled with facts
_CHANGED, _OPEN = Verdict.CHANGED, Verdict.CANNOT_TELL
REASONS: dict[str, tuple[Verdict, str, str, str, str]] = {
    "valid": (Verdict.VALID, "有效", "valid", "", ""),
    "demonstration": (Verdict.VALID, "有效（示例密钥）", "valid (demonstration key)", "", ""),
    "digest": (
        _CHANGED,
        "所签内容已被改动（摘要不符）",
        "the signed bytes were changed (digest)",
        "",
        "",
    ),
    "cryptography": (
        _CHANGED,
        "签名值与证书不符",
        "the signature does not belong to its certificate",
        "",
        "",
    ),
    "range": (
        _CHANGED,
        "签名没有覆盖整个版本",
        "it does not cover its whole revision",
        "",
        "",
    ),
    "added-after": (
        _CHANGED,
        "签名之后有内容被添加或替换",
        "content was added or replaced after it was signed",
        "",
        "",
    ),
    "foreign-field": (
        _CHANGED,
        "签名不在报告的三个签名域内",
        "a signature in a field that no report has",
        "",
        "",
    ),
    "order": (_CHANGED, "签名顺序不对", "signed out of order", "", ""),
    "unreadable": (_CHANGED, "签名无法读取（{}）", "the signature cannot be read ({})", "", ""),
    "unknown-authority": (
        _OPEN,
        "未知的签发机构：{}",
        "unknown authority: {}",
        "请从独立渠道取得其根证书，用 --trust 指定",
        "get its root certificate from an independent source and give it with --trust",
    ),
    "unsuitable-certificate": (
        _OPEN,
        "证书不适合签名（用途或链约束）",
        "the certificate is not meant for signatures (usage or chain constraints)",
        "请提供用签名证书签署的报告",
        "bring a report signed with a signing certificate",
    ),
    "stamp": (
        _CHANGED,
        "时间戳不属于该签名，或已被改动",
        "its time stamp is not one of this signature, or was changed",
        "",
        "",
    ),
    "not-in-force": (
        _OPEN,
        "签名时证书不在有效期（{}）",
        "the certificate was not in force when it signed ({})",
        "请提供时间戳或账本记录",
        "bring a time stamp or the ledger's entry",
    ),
    "expired": (
        _OPEN,
        "证书现已过期（{}），没有可信时间戳证明签名在此之前",
        "the certificate has expired since ({}), and no time stamp proves that it signed before",
        "请提供时间戳或账本记录",
        "bring a time stamp or the ledger's entry",
    ),
    "revoked": (
        _CHANGED,
        "证书在签名之前已被吊销（{}），该签名无效",
        "the certificate had been revoked before it signed ({}): the signature does not count",
        "",
        "",
    ),
    "revoked-since": (
        _OPEN,
        "证书已被吊销（{}），没有可信时间证明签名在此之前",
        "the certificate was revoked ({}), and nothing proves that it signed before",
        "请提供时间戳或账本记录",
        "bring a time stamp or the ledger's entry",
    ),
    "same-person": (
        _OPEN,
        "同一密钥签了两个角色",
        "one key signed in two roles",
        "请提供由三人分别签名的报告",
        "bring the report signed by three persons",
    ),
}


@dataclass(frozen=True)
class FieldBox:
    """Where a signature field lies.

    Attributes
    ----------
    page : int
        Page index from 0; negative from the end.
    left, bottom, right, top : float
        Points (1/72 inch) from the page's lower left corner.
    """

    page: int
    left: float
    bottom: float
    right: float
    top: float

    @classmethod
    def from_top(
        cls, page: int, x: float, y: float, width: float, height: float, *, page_height: float
    ) -> FieldBox:
        """Make a box from typst's coordinates: ``x``, ``y`` of its upper left corner, y downwards.

        Examples
        --------
        >>> FieldBox.from_top(0, 70, 100, 150, 40, page_height=841.89).bottom
        701.89
        """
        return cls(page, x, page_height - y - height, x + width, page_height - y)


@dataclass(frozen=True, kw_only=True)
class SignatureStatus:
    """What is known about one signature in a PDF.

    Attributes
    ----------
    role : Role or None
        None for a signature in a field that no report has.
    field : str
        Name of the field.
    signer, organisation : str
        Common name and organisation of the signer's certificate.
    issuer, sha256 : str
        Common name of the issuing authority; digest of the signer's certificate.
    public_key : str
        Digest of the public key, to see one person in two roles.
    verdict : Verdict
        Valid, changed, or cannot tell.
    code : str
        Stable reason: a key of :data:`REASONS`.
    reason_zh, reason_en : str
        The reason for a reader.
    bring_zh, bring_en : str
        What to bring, when it cannot be told.
    covers_whole : bool
        Whether it covers the file to its last byte.
    demonstration : bool
        Whether the certificate or a certificate above it is a demonstration.
    claimed_at : str
        Signing time as the signer's machine states it, ISO 8601; not proof of time.
    proven_at : str
        Time of a valid time stamp; empty when there is none.
    stamped_at : str
        Time in a time stamp, believed or not.
    stamp : str
        What the time stamp shows: a code of :class:`workbench.evidence.timestamp.Stamp`; empty
        where there is none.
    authority : str
        Common name of the time-stamp authority's certificate.
    """

    role: Role | None
    field: str
    signer: str = ""
    organisation: str = ""
    issuer: str = ""
    sha256: str = ""
    public_key: str = ""
    verdict: Verdict
    code: str
    reason_zh: str
    reason_en: str
    bring_zh: str = ""
    bring_en: str = ""
    covers_whole: bool = False
    demonstration: bool = False
    claimed_at: str = ""
    proven_at: str = ""
    stamped_at: str = ""
    stamp: str = ""
    authority: str = ""
