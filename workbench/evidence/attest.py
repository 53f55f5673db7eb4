"""The ``attest/`` of a bag: statement, certificates, ledger entry and its proof."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from workbench.errors import InputError, Problem
from workbench.evidence.bag import EVIDENCE_LIST, bag_info
from workbench.evidence.chain import Vouching, path_to
from workbench.evidence.files import (
    canonical_json,
    is_plain_file,
    read_plain,
    sha256_file,
    write_aside,
)
from workbench.evidence.keys import SigningKey
from workbench.evidence.ledger import Ledger, check_proof, head_size
from workbench.evidence.note import VerifierKey
from workbench.evidence.result import Result, Verdict, result
from workbench.evidence.statement import (
    check_statement,
    named_log,
    open_envelope,
    payload_digest,
    sign_statement,
)
from workbench.evidence.verify_ledger import Clocks

__all__ = [
    "Proven",
    "bag_certs",
    "check_entry",
    "check_signed",
    "enter",
    "load_logs",
    "named_logs",
    "report_entry",
    "reports_digests",
    "stamp_result",
    "statement_digest",
    "write_attest",
    "write_vouching",
]

STATEMENT = "evaluation.intoto.json"
PROOF = "entry.tlog-proof"
HEAD_STAMP = "checkpoint.tsr"


def write_attest(
    bag: Path,
    statement: bytes,
    keys: Mapping[str, SigningKey],
    *,
    signers: Mapping[str, Sequence[x509.Certificate]] | None = None,
    lists: Iterable[x509.CertificateRevocationList] = (),
) -> None:
    """Write the signed statement, and certificates and revocation lists of the signers.

    The tag manifest has to be written anew afterwards (:func:`workbench.evidence.bag.write_tags`).

    Parameters
    ----------
    bag : Path
        The bag, in the folder aside.
    statement : bytes
        From :func:`workbench.evidence.statement.make_statement`.
    keys : mapping of str to SigningKey
        Role → key; every one signs.
    signers : mapping of str to sequence of Certificate, optional
        Certificates of those who signed the reports on another day or machine.
    lists : iterable of CertificateRevocationList
        Revocation lists beside those of the keys.
    """
    folder = bag / "attest"
    (folder / "certs").mkdir(parents=True, exist_ok=True)
    write_aside(folder / STATEMENT, sign_statement(statement, list(keys.values())))
    shown = dict(signers or {}) | {r: (k.certificate, *k.chain) for r, k in keys.items()}
    every = [*lists, *(crl for key in keys.values() for crl in key.lists)]
    for role, certificates in shown.items():
        write_vouching(bag, role, Vouching(tuple(certificates), tuple(every)))
        every = []


def write_vouching(bag: Path, name: str, vouching: Vouching) -> None:
    """Write certificates, as ``certs/NAME.pem``, and revocation lists into ``attest/``."""
    folder, encoding = bag / "attest", serialization.Encoding.PEM
    pem = b"".join(one.public_bytes(encoding) for one in vouching.certificates)
    write_aside(folder / "certs" / f"{name}.pem", pem)
    for crl in vouching.lists:
        (folder / "crls").mkdir(exist_ok=True)
        name = crl.fingerprint(hashes.SHA256()).hex()[:16]
        write_aside(folder / "crls" / f"{name}.crl", crl.public_bytes(encoding))


def report_entry(bag: Path, *, study: str, community: str, edition: int) -> dict[str, Any]:
    """Return the ledger's entry for a signed bag with its statement in ``attest/``."""
    data = bag / "data"
    entry = {
        "type": "report",
        "study": study,
        "community": community,
        "edition": edition,
        "evidence_sha256": sha256_file(data / EVIDENCE_LIST),
        "statement_sha256": statement_digest(bag),
        "pdf_sha256": reports_digests(bag),
    }
    outcome = bag_info(bag).get("Workbench-Outcome")
    return entry | ({"outcome": outcome} if outcome else {})


def reports_digests(bag: Path) -> dict[str, str]:
    """Return the SHA-256 of the PDF reports in a bag by language, as an entry has them."""
    found = sorted((bag / "data").glob("report.*.pdf"))
    return {path.name.split(".")[1]: sha256_file(path) for path in found}


def statement_digest(bag: Path) -> str:
    """Return the SHA-256 of a bag's statement, as an entry has it."""
    return payload_digest((bag / "attest" / STATEMENT).read_bytes())


def enter(
    ledger: Ledger,
    bags: Sequence[tuple[Path, Mapping[str, Any]]],
    *,
    demonstration: bool,
    stamp: Callable[[bytes], bytes] | None = None,
) -> list[int]:
    """Enter signed bags into the ledger in one step and put entry and proof into each ``attest/``.

    What was entered before a crash is found again and not entered twice.

    Parameters
    ----------
    ledger : Ledger
        The log.
    bags : sequence of (Path, mapping)
        Each bag with its entry.
    demonstration : bool
        Whether demonstration keys signed them.
    stamp : callable, optional
        Has the head time-stamped: bytes in, RFC 3161 response out.

    Returns
    -------
    list of int
        Numbers of the entries.

    Raises
    ------
    InputError
        ``ledger.*``, also when another report of the same unit and edition is entered.
    MachineError
        ``stamp.*``: the entries are made, and the next call goes on from there.
    """
    before = [_entered(ledger, entry) for _, entry in bags]
    fresh = [entry for (_, entry), at in zip(bags, before, strict=True) if at is None]
    made = iter(ledger.append(fresh, demonstration=demonstration) if fresh else ())
    numbers = [next(made) if at is None else at for at in before]
    head = ledger.stamp(stamp) if stamp else ledger.checkpoint()
    token = ledger.stamp_file(head_size(head)) if stamp else None
    for number, (bag, _) in zip(numbers, bags, strict=True):
        write_aside(bag / "attest" / "entry.json", ledger.entry(number))
        write_aside(bag / "attest" / PROOF, ledger.proof(number, head).encode())
        if token is not None:
            write_aside(bag / "attest" / HEAD_STAMP, token.read_bytes())
    return numbers


def _entered(ledger: Ledger, entry: Mapping[str, Any]) -> int | None:
    """Return the number under which exactly this entry is in the log."""
    if entry["type"] == "close":
        at = ledger.closed(entry["study"])
    else:
        at = ledger.issued(entry["study"], entry["community"], entry["edition"])
    same = at is not None and ledger.entry(at) == canonical_json(dict(entry))[:-1]
    return at if same else None


def load_logs(home: Path, trust: Path | None = None) -> list[VerifierKey]:
    """Return the log keys that are believed: ``*.vkey`` beside the root certificates.

    Parameters
    ----------
    home : Path
        ``WORKBENCH_HOME``, whose ``trust/*.vkey`` are believed when ``trust`` is not given.
    trust : Path, optional
        A folder with keys; then only these are believed. One without, or a single file, holds
        certificates and says nothing of logs.

    Raises
    ------
    InputError
        ``trust.log`` when one cannot be read.
    """
    given = sorted(trust.glob("*.vkey")) if trust is not None and trust.is_dir() else []
    found = []
    for path in given or sorted((home / "trust").glob("*.vkey")):
        try:
            found.append(VerifierKey.parse(path.read_text(encoding="utf-8")))
        except ValueError as error:
            raise InputError(
                Problem(
                    code="trust.log",
                    zh="账本公钥无法读取",
                    en="a log's key cannot be read",
                    file=path.name,
                    found=str(error),
                    remedy_zh="取得完好的 .vkey 文件",
                    remedy_en="get an undamaged .vkey file",
                )
            ) from error
    return found


@dataclass(frozen=True)
class Proven:
    """What a bag's entry in a ledger shows.

    Attributes
    ----------
    results : tuple of Result
        What was found.
    time : datetime or None
        By when the reports are known to have existed as they are; None without a good stamp.
    stamped : bool
        Whether there is a stamp at all.
    """

    results: tuple[Result, ...]
    time: datetime | None = None
    stamped: bool = False


def named_logs(bag: Path, roots: Sequence[x509.Certificate]) -> list[VerifierKey]:
    """Return the log that a bag's statement names, if one whose root is believed signed it."""
    try:
        envelope = read_plain(bag / "attest" / STATEMENT)
        certificates = bag_certs(bag)
        _, held = open_envelope(envelope, certificates)
        signers = [c for c in certificates if c.fingerprint(hashes.SHA256()).hex() in held]
        if any(path_to(one, certificates, roots) for one in signers):
            return [VerifierKey.parse(named_log(envelope))]
    except (OSError, ValueError):
        pass
    return []


def check_signed(bag: Path, signers: Iterable[str]) -> list[Result]:
    """Check the statement of a bag, where there is one; see :func:`check_statement`."""
    path = bag / "attest" / STATEMENT
    if not _there(path):
        return []
    try:
        envelope = read_plain(path)
    except (OSError, ValueError):
        envelope = b""
    return check_statement(bag, envelope, bag_certs(bag), signers)


def check_entry(bag: Path, logs: Sequence[VerifierKey], clocks: Clocks) -> Proven:
    """Check entry, proof and stamp in ``attest/``, where there are any.

    Parameters
    ----------
    bag : Path
        The bag; it may come from a stranger.
    logs : sequence of VerifierKey
        Logs that are believed.
    clocks : Clocks
        Judges the stamp.
    """
    where = "attest/entry.json"
    if not _there(bag / where):
        return Proven(())
    try:
        leaf = read_plain(bag / where)
    except (OSError, ValueError):
        leaf = b""
    if not _about(bag, leaf):
        return Proven(
            (
                result(
                    "ledger.entry",
                    Verdict.CHANGED,
                    where,
                    "账本登记与证据包不符",
                    "the ledger's entry is not about this bag",
                ),
            )
        )
    try:
        proof = read_plain(bag / "attest" / PROOF).decode()
    except (OSError, ValueError):
        proof = ""
    note = proof.partition("\n\n")[2]
    origin = note.partition("\n")[0][:80]
    known = [log for log in logs if log.name == origin]
    if not known:
        return Proven(
            (
                result(
                    "ledger.unknown",
                    Verdict.CANNOT_TELL,
                    f"attest/{PROOF}",
                    f"未知的账本：{origin or '-'}",
                    f"unknown log: {origin or '-'}",
                    "请从独立渠道取得账本公钥（.vkey），放入 trust",
                    "get the log's key (.vkey) from an independent source and put it into trust",
                ),
            )
        )
    for log in known:
        try:
            number, head = check_proof(leaf, proof, log)
        except ValueError:
            continue
        entered = result(
            "ledger.entered",
            Verdict.VALID,
            where,
            f"已登记于账本 {log.name}（第 {number} 条，共 {head.size} 条）",
            f"entered in {log.name} as number {number} of {head.size}",
        )
        more, time, stamped = _time(bag, note, clocks)
        return Proven((entered, *more), time, stamped)
    return Proven(
        (
            result(
                "ledger.proof",
                Verdict.CHANGED,
                f"attest/{PROOF}",
                "证明不成立：该登记不在签署的账本头之内",
                "the proof does not hold: the entry is not in the log under a signed head",
            ),
        )
    )


def _about(bag: Path, leaf: bytes) -> bool:
    """Tell whether an entry is about this bag."""
    try:
        entry = json.loads(leaf)
        if entry["type"] == "close":
            wanted: dict[str, Any] = {
                "evidence_sha256": sha256_file(bag / "data" / EVIDENCE_LIST),
                "results_sha256": sha256_file(bag / "data" / "results.csv"),
                "statement_sha256": statement_digest(bag),
                "pdf_sha256": reports_digests(bag),
            }
        else:
            study, community, edition = bag_info(bag)["External-Identifier"].rsplit("/", 2)
            wanted = report_entry(bag, study=study, community=community, edition=int(edition))
            wanted["type"] = "amendment" if entry["type"] == "amendment" else "report"
            if "outcome" not in entry:
                wanted.pop("outcome", None)
        return canonical_json({**entry, **wanted}) == canonical_json(entry)
    except (ValueError, LookupError, TypeError, OSError, RecursionError):
        return False


def _time(bag: Path, note: str, clocks: Clocks) -> tuple[list[Result], datetime | None, bool]:
    """Judge the stamp of the head in a bag's proof."""
    where = f"attest/{HEAD_STAMP}"
    try:
        token = read_plain(bag / where)
    except (OSError, ValueError):
        return [], None, False
    found = clocks.judge(token, note.encode())
    at = f"{found.time:%Y-%m-%d %H:%M:%SZ}" if found.time else "-"
    told = stamp_result(where, found.code, found.authority, at, demonstration=found.demonstration)
    return [told], found.time if found.code == "valid" else None, True


def stamp_result(
    where: str, code: str, authority: str, at: str, *, demonstration: bool = False
) -> Result:
    """Say what a time stamp shows; ``code`` is one of :class:`timestamp.Stamp`, ``at`` its time."""
    by = authority or "-"
    mark = ("（示例）", " (demonstration)") if demonstration else ("", "")
    texts = {
        "valid": (
            Verdict.VALID,
            f"时间戳证明于 {at} 已存在（{by}）{mark[0]}",
            f"existed by {at}, as {by}{mark[1]} stamped",
            "",
            "",
        ),
        "expired": (
            Verdict.CANNOT_TELL,
            f"时间戳机构（{by}）的证书已过期，{at} 的时间戳不能再独立证明时间",
            f"the certificate of the time-stamp authority {by} has expired: its stamp of {at} "
            "proves no time by itself any more",
            "请提供之后续加时间戳的账本（ledger/stamps/renewed-*）",
            "bring the ledger with a later, renewed stamp (ledger/stamps/renewed-*)",
        ),
        "unknown": (
            Verdict.CANNOT_TELL,
            f"未知的时间戳机构：{by}（{at}）",
            f"unknown time-stamp authority: {by} ({at})",
            "请从独立渠道取得其根证书，用 --trust 指定",
            "get its root certificate from an independent source and give it with --trust",
        ),
        "revoked": (
            Verdict.CHANGED,
            f"时间戳机构（{by}）的证书在此之前已被吊销",
            f"the certificate of the time-stamp authority {by} had been revoked before",
            "",
            "",
        ),
        "broken": (
            Verdict.CHANGED,
            "时间戳与账本头不符",
            "the stamp is not one of this head",
            "",
            "",
        ),
    }
    return result(f"stamp.{code}", texts[code][0], where, *texts[code][1:])


def bag_certs(bag: Path) -> list[x509.Certificate]:
    """Return the certificates in ``attest/certs`` of a bag that may come from a stranger."""
    return [c for path in sorted((bag / "attest" / "certs").glob("*.pem")) for c in _certs(path)]


def _there(path: Path) -> bool:
    return path.is_file() and is_plain_file(path)


def _certs(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(read_plain(path, 1 << 20)) if _there(path) else []
    except (OSError, ValueError):
        return []
