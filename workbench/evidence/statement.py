"""What was made from what: an in-toto Statement v1 with SLSA provenance v1 in a DSSE envelope.

Subjects are the outputs of a bag and its manifest; dependencies are inputs, protocol and context.
The envelope is signed with keys of the report's own signers; ``openssl dgst`` checks it.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from workbench.evidence.bag import bag_info, list_files, not_delivered
from workbench.evidence.files import canonical_json, sha256_bytes, sha256_file
from workbench.evidence.keys import SigningKey, holds
from workbench.evidence.result import Result, Verdict, result

__all__ = [
    "BUILD_TYPE",
    "check_statement",
    "make_statement",
    "named_log",
    "open_envelope",
    "payload_digest",
    "sign_statement",
]

BUILD_TYPE = "https://community-workbench.invalid/evaluation/v1"
_STATEMENT = "https://in-toto.io/Statement/v1"
_PROVENANCE = "https://slsa.dev/provenance/v1"
_PAYLOAD_TYPE = "application/vnd.in-toto+json"
_INPUTS = ("data/inputs/", "data/protocol/")
_UNIT = ("study", "community", "edition")
_LARGEST = 64 << 20


def make_statement(
    bag: Path,
    *,
    study: str,
    community: str,
    edition: int,
    parameters: Mapping[str, Any],
    versions: Mapping[str, str],
    started: datetime,
    finished: datetime,
    log: str = "",
    known: Mapping[str, str] | None = None,
) -> bytes:
    """Return the statement about a bag whose manifests are written.

    Parameters
    ----------
    bag : Path
        The bag; ``attest/`` and the tag manifest are no subjects.
    study, community, edition : str, str, int
        Whose report it is.
    parameters : mapping
        Parameters of the notebook, JSON values.
    versions : mapping of str to str
        Workbench, notebook, Python and libraries.
    started, finished : datetime
        Of the notebook's run, aware.
    log : str
        Public key of the ledger (``name+id+base64``) in which the report is going to be entered.
    known : mapping of str to str, optional
        Path in the bag → SHA-256 of files that were read just now and are not read again.

    Returns
    -------
    bytes
        Canonical JSON; the same bag and arguments give the same bytes.
    """
    subjects, dependencies = [], []
    for name in list_files(bag):
        if not name.startswith("data/") and name != "manifest-sha256.txt":
            continue
        digest = {"sha256": (known or {}).get(name) or sha256_file(bag / name)}
        if name.startswith(_INPUTS) or name == "data/context.json":
            dependencies.append({"uri": name, "digest": digest})
        else:
            subjects.append({"name": name, "digest": digest})
    statement = {
        "_type": _STATEMENT,
        "subject": subjects,
        "predicateType": _PROVENANCE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "study": study,
                    "community": community,
                    "edition": edition,
                    "parameters": dict(parameters),
                },
                "internalParameters": {"ledger": log},
                "resolvedDependencies": dependencies,
            },
            "runDetails": {
                "builder": {"id": BUILD_TYPE, "version": dict(versions)},
                "metadata": {
                    "invocationId": f"{study}/{community}/{edition}",
                    "startedOn": _stamp(started),
                    "finishedOn": _stamp(finished),
                },
            },
        },
    }
    return canonical_json(statement)


def sign_statement(statement: bytes, keys: Sequence[SigningKey]) -> bytes:
    """Return a DSSE envelope with one signature per key; ``keyid`` is the certificate's SHA-256."""
    encoded = _encoded(statement)
    signatures = [
        {
            "keyid": _fingerprint(key.certificate),
            "sig": base64.b64encode(key.private.sign(encoded)).decode(),
        }
        for key in keys
    ]
    return canonical_json(
        {
            "payloadType": _PAYLOAD_TYPE,
            "payload": base64.b64encode(statement).decode(),
            "signatures": signatures,
        }
    )


def open_envelope(
    envelope: bytes, certificates: Iterable[x509.Certificate]
) -> tuple[bytes, list[str]]:
    """Return the payload, and the SHA-256 of those certificates whose signature holds.

    Parameters
    ----------
    envelope : bytes
        A DSSE envelope; it may come from a stranger.
    certificates : iterable of Certificate
        Those that may have signed. Whether they are trusted is another question.

    Raises
    ------
    ValueError
        When it is no DSSE envelope with an in-toto payload.
    """
    try:
        if len(envelope) > _LARGEST:
            raise ValueError("too large")
        document = json.loads(envelope)
        if document["payloadType"] != _PAYLOAD_TYPE:
            raise ValueError("not an in-toto payload")
        payload = base64.b64decode(document["payload"], validate=True)
        given = [(str(s["keyid"]), base64.b64decode(s["sig"])) for s in document["signatures"]]
    except (LookupError, TypeError, RecursionError, binascii.Error) as error:
        raise ValueError(f"not a DSSE envelope ({type(error).__name__})") from error
    known = {_fingerprint(certificate): certificate for certificate in certificates}
    encoded = _encoded(payload)
    held = [
        keyid
        for keyid, signature in given
        if keyid in known and holds(known[keyid], signature, encoded)
    ]
    return payload, held


def check_statement(
    bag: Path, envelope: bytes, certificates: Iterable[x509.Certificate], signers: Iterable[str]
) -> list[Result]:
    """Check the statement of a bag: who signed it, and whether it is about these very files.

    Parameters
    ----------
    bag : Path
        The bag.
    envelope : bytes
        ``attest/evaluation.intoto.json``.
    certificates : iterable of Certificate
        Of ``attest/certs/``.
    signers : iterable of str
        SHA-256 of the certificates that signed the report; trust in them is judged there.

    Returns
    -------
    list of Result
        One per thing that does not fit, or a single valid one.
    """
    where = "attest/evaluation.intoto.json"
    try:
        payload, held = open_envelope(envelope, certificates)
        statement = json.loads(payload)
        predicate = statement["predicate"]
        definition = predicate["buildDefinition"]
        if (statement["_type"], statement["predicateType"]) != (_STATEMENT, _PROVENANCE):
            raise ValueError("another kind of statement")
        named = [str(definition["externalParameters"][name]) for name in _UNIT]
        if "/".join(named) != bag_info(bag).get("External-Identifier"):
            raise ValueError(f"it is about {'/'.join(named)}")
        listed = {str(s["name"]): str(s["digest"]["sha256"]) for s in statement["subject"]}
        listed |= {
            str(d["uri"]): str(d["digest"]["sha256"]) for d in definition["resolvedDependencies"]
        }
    except (ValueError, LookupError, TypeError, RecursionError) as error:
        return [
            result(
                "statement.unreadable",
                Verdict.CHANGED,
                where,
                f"声明无法读取（{error}）",
                f"the statement cannot be read ({error})",
            )
        ]
    found = []
    if not set(held) & set(signers):
        found.append(
            result(
                "statement.signer",
                Verdict.CHANGED,
                where,
                "声明未由报告的签名人签署",
                "no signer of the report signed the statement",
            )
        )
    names = {name for name in list_files(bag) if name.startswith("data/")}
    names.add("manifest-sha256.txt")
    kept = not_delivered(bag) - names
    for name in sorted((names | set(listed)) - kept):
        if name in names and name in listed and sha256_file(bag / name) == listed[name]:
            continue
        found.append(
            result(
                "statement.file",
                Verdict.CHANGED,
                name,
                "与签署的声明不符",
                "not as the signed statement says",
            )
        )
    return found or [
        result(
            "statement.whole",
            Verdict.VALID,
            where,
            f"声明由报告签名人签署，{len(listed)} 个文件一致",
            f"signed by a signer of the report, {len(listed)} files as it says",
        )
    ]


def named_log(envelope: bytes) -> str:
    """Return the ledger's public key that a statement names; empty when it names none.

    Raises
    ------
    ValueError
        When it is no envelope.
    """
    try:
        statement = json.loads(open_envelope(envelope, [])[0])
        return str(statement["predicate"]["buildDefinition"]["internalParameters"]["ledger"])
    except (LookupError, TypeError):
        return ""


def payload_digest(envelope: bytes) -> str:
    """Return the SHA-256 of an envelope's payload, as the ledger's entry has it.

    Raises
    ------
    ValueError
        When it is no envelope.
    """
    return sha256_bytes(open_envelope(envelope, [])[0])


def _encoded(payload: bytes) -> bytes:
    """Return the pre-authentication encoding of DSSE v1."""
    kind = _PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def _fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()


def _stamp(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError("times in a statement need a time zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
