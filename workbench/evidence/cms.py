"""The container of a signature in a PDF: CMS (RFC 5652) with the attributes of PAdES B.

asn1crypto makes the leaves; put together by it, every level would encode all that lies within anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from asn1crypto import algos, cms, core
from asn1crypto import x509 as asn1_x509
from asn1crypto.parser import emit
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

__all__ = ["container", "to_sign"]

_sequence: Any = partial(emit, 0, 1, 16)
_set: Any = partial(emit, 0, 1, 17)
_ONE = core.Integer(1).dump()
_SHA256 = algos.DigestAlgorithm({"algorithm": "sha256"}).dump()
_DATA = cms.ContentType("data").dump()


def to_sign(certificate: x509.Certificate, digest: bytes) -> bytes:
    """Return what is signed in place of a document: the DER of the signed attributes.

    Parameters
    ----------
    certificate : Certificate
        The signer's.
    digest : bytes
        SHA-256 of the document.
    """
    issuer, serial = _issuer_and_serial(certificate)
    named = core.OctetString(certificate.fingerprint(hashes.SHA256())).dump()
    named += _sequence(_sequence(emit(2, 1, 4, issuer)) + serial)
    parts = [
        _attribute("content_type", _DATA),
        _attribute("message_digest", core.OctetString(digest).dump()),
        _attribute("signing_certificate_v2", _sequence(_sequence(_sequence(named)))),
    ]
    return bytes(_set(b"".join(sorted(parts))))


def container(
    certificate: x509.Certificate,
    chain: Sequence[x509.Certificate],
    attributes: bytes,
    value: bytes,
    token: bytes = b"",
) -> bytes:
    """Return the DER of a signature that stands apart from its document.

    Parameters
    ----------
    certificate, chain : Certificate, sequence of Certificate
        The signer's, and others that are put in beside it.
    attributes : bytes
        What was signed, from :func:`to_sign`.
    value : bytes
        The signature, with SHA-256: PKCS#1 v1.5 for RSA, DER for ECDSA.
    token : bytes
        DER of a time stamp over ``value``; empty for none.
    """
    kind = "rsa" if isinstance(certificate.public_key(), rsa.RSAPublicKey) else "ecdsa"
    stamp = _attribute("signature_time_stamp_token", token)
    signer = _sequence(
        _ONE
        + _sequence(b"".join(_issuer_and_serial(certificate)))
        + _SHA256
        + b"\xa0"  # in the place of the tag of a SET
        + attributes[1:]
        + algos.SignedDigestAlgorithm({"algorithm": f"sha256_{kind}"}).dump()
        + core.OctetString(value).dump()
        + (emit(2, 1, 1, stamp) if token else b"")
    )
    certificates = sorted({_der(one) for one in (certificate, *chain)})
    signed = _sequence(
        _ONE
        + _set(_SHA256)
        + _sequence(_DATA)
        + emit(2, 1, 0, b"".join(certificates))
        + _set(signer)
    )
    return bytes(_sequence(cms.ContentType("signed_data").dump() + emit(2, 1, 0, signed)))


def _attribute(kind: str, value: bytes) -> bytes:
    return bytes(_sequence(cms.CMSAttributeType(kind).dump() + _set(value)))


def _issuer_and_serial(certificate: x509.Certificate) -> tuple[bytes, bytes]:
    """Return both as the certificate itself encodes them."""
    told = asn1_x509.Certificate.load(_der(certificate))["tbs_certificate"]
    return told["issuer"].dump(), told["serial_number"].dump()


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)
