"""Time stamps of RFC 3161: asked from an authority, made by a local one for tests, and checked.

An authority is a function from the DER of a request to the DER of a response. The responses are
those that ``openssl ts -verify`` takes.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from workbench.errors import MachineError, Problem
from workbench.evidence.chain import path_to, revoked
from workbench.evidence.keys import PrivateKey, is_demonstration

__all__ = [
    "Authority",
    "Stamp",
    "ask",
    "check_stamp",
    "http_authority",
    "local_authority",
    "stamp",
    "stamped_by",
]

Authority = Callable[[bytes], bytes]
_SECONDS = 30.0
_LARGEST = 1 << 20
_DIGESTS: dict[str, Any] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_POLICY = "1.2.3.4.1"  # of the local authority: no policy at all


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """What a time stamp shows.

    Attributes
    ----------
    code : {"valid", "expired", "unknown", "revoked", "broken"}
        ``expired``: the authority's certificate is out of force by now, so only a later stamp that
        covers this one can vouch for it. ``unknown``: its root is not believed.
    time : datetime or None
        The time in it; None when it is broken.
    authority : str
        Common name of its certificate.
    until : datetime or None
        When its certificates stop being in force.
    demonstration : bool
        Whether the authority is a demonstration.
    """

    code: Literal["valid", "expired", "unknown", "revoked", "broken"]
    time: datetime | None = None
    authority: str = ""
    until: datetime | None = None
    demonstration: bool = False


def stamp(data: bytes, authority: Authority) -> bytes:
    """Return an authority's response over the SHA-256 of ``data``, after a look at it.

    Raises
    ------
    MachineError
        ``stamp.unreachable``, ``stamp.refused``; nothing has been changed then.
    """
    digest, nonce = hashlib.sha256(data).digest(), secrets.randbits(63)
    request = tsp.TimeStampReq(
        {
            "version": "v1",
            "message_imprint": {
                "hash_algorithm": {"algorithm": "sha256"},
                "hashed_message": digest,
            },
            "nonce": nonce,
            "cert_req": True,
        }
    )
    response = ask(authority, request.dump())
    try:
        found = _token(response)
        told = found["encap_content_info"]["content"].parsed
        imprint = told["message_imprint"]["hashed_message"].native
        if imprint != digest or told["nonce"].native != nonce:
            raise ValueError("it answers another request")
    except Exception as error:  # a strange server can break a parser anywhere
        raise _failed("stamp.refused", str(error)[:160]) from error
    return response


def stamped_by(response: bytes) -> list[x509.Certificate]:
    """Return the certificates in a response or token: the authority's own, then the others.

    Raises
    ------
    ValueError
        When it cannot be read.
    """
    try:
        token = _token(response)
        (signer,) = token["signer_infos"]
        certificates = _certificates(token)
        own = _signer_of(signer, certificates)
    except Exception as error:  # a crafted token can break a parser anywhere
        raise ValueError(f"{type(error).__name__}: {error}"[:160]) from error
    return [own, *(one for one in certificates if one != own)]


def ask(authority: Authority, request: bytes) -> bytes:
    """Return an authority's answer.

    Raises
    ------
    MachineError
        ``stamp.unreachable``.
    """
    try:
        return authority(request)
    except OSError as error:
        raise _failed("stamp.unreachable", f"{type(error).__name__}: {error}") from error


def http_authority(url: str) -> Authority:
    """Return the authority that answers at a URL (``http://`` or ``https://``)."""
    from urllib.request import Request, urlopen

    if not url.startswith(("http://", "https://")):
        raise ValueError(f"not a web address: {url}")

    def post(request: bytes) -> bytes:
        asked = Request(  # noqa: S310  (http and https only, above)
            url,
            data=request,
            headers={
                "Content-Type": "application/timestamp-query",
                "Accept": "application/timestamp-reply",
            },
        )
        with urlopen(asked, timeout=_SECONDS) as answer:  # noqa: S310
            return bytes(answer.read(_LARGEST))

    return post


def local_authority(
    certificate: x509.Certificate,
    key: PrivateKey,
    chain: Sequence[x509.Certificate] = (),
    *,
    clock: Callable[[], datetime] | None = None,
) -> Authority:
    """Return an authority on this machine, for demonstrations and tests.

    Its time is this machine's word and proves nothing to others.
    """

    def answer(request: bytes) -> bytes:
        asked = tsp.TimeStampReq.load(request)
        now = (clock or (lambda: datetime.now(UTC)))().replace(microsecond=0)
        content = tsp.TSTInfo(
            {
                "version": "v1",
                "policy": _POLICY,
                "message_imprint": asked["message_imprint"],
                "serial_number": secrets.randbits(63),
                "gen_time": now,
                "nonce": asked["nonce"],
            }
        )
        return _respond(content, certificate, key, chain, now)

    return answer


def check_stamp(
    response: bytes,
    data: bytes,
    roots: Sequence[x509.Certificate],
    *,
    now: datetime,
    crls: Sequence[x509.CertificateRevocationList] = (),
) -> Stamp:
    """Check a response over ``data``: signature, digest, purpose and path of its authority.

    Parameters
    ----------
    response : bytes
        DER of a response or of a bare token; it may come from a stranger.
    data : bytes
        What is said to have existed.
    roots : sequence of Certificate
        Authorities that are believed.
    now : datetime
        Aware; the time by which the stamp is known to have existed.
    crls : sequence of CertificateRevocationList
        Revocation lists.
    """
    try:
        token = _token(response)
        return _judge(token, data, roots, now, crls)
    except Exception:  # a crafted token can break a parser anywhere
        return Stamp(code="broken")


def _judge(
    token: Any,
    data: bytes,
    roots: Sequence[x509.Certificate],
    now: datetime,
    crls: Sequence[x509.CertificateRevocationList],
) -> Stamp:
    content = token["encap_content_info"]["content"]
    told = content.parsed
    imprint = told["message_imprint"]
    name = imprint["hash_algorithm"]["algorithm"].native
    if hashlib.new(name, data).digest() != imprint["hashed_message"].native or name not in _DIGESTS:
        return Stamp(code="broken")
    (signer,) = token["signer_infos"]
    certificates = _certificates(token)
    certificate = _signer_of(signer, certificates)
    if not _signature_holds(signer, content.contents, certificate):
        return Stamp(code="broken")
    time: datetime = told["gen_time"].native
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    if list(usage) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        return Stamp(code="broken")
    path = path_to(certificate, certificates, roots)
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    facts: dict[str, Any] = {
        "time": time,
        "authority": str(names[0].value) if names else "",
        "demonstration": is_demonstration(certificate),
    }
    if path is None:
        return Stamp(code="unknown", **facts)
    begin = max(one.not_valid_before_utc for one in path)
    until = min(one.not_valid_after_utc for one in path)
    gone = revoked(path, crls)
    if not begin <= time <= until:
        return Stamp(code="broken")
    if gone is not None and gone <= time:
        return Stamp(code="revoked", **facts)
    code: Literal["valid", "expired"] = "valid" if now <= until else "expired"
    return Stamp(code=code, until=until, **facts)


def _token(response: bytes) -> Any:
    """Return the signed data of a response, or of a bare token."""
    if len(response) > _LARGEST:
        raise ValueError("too large")
    try:
        answer = tsp.TimeStampResp.load(response, strict=True)
        status = answer["status"]["status"].native
    except (ValueError, TypeError):
        token = cms.ContentInfo.load(response, strict=True)
    else:
        if status not in ("granted", "granted_with_mods"):
            raise ValueError(f"the authority answered: {status}")
        token = answer["time_stamp_token"]
    if token["content_type"].native != "signed_data":
        raise ValueError("not signed data")
    found = token["content"]
    if found["encap_content_info"]["content_type"].native != "tst_info":
        raise ValueError("not a time stamp")
    return found


def _certificates(token: Any) -> list[x509.Certificate]:
    return [
        x509.load_der_x509_certificate(choice.chosen.dump())
        for choice in token["certificates"]
        if isinstance(choice.chosen, asn1_x509.Certificate)
    ]


def _signer_of(signer: Any, certificates: Sequence[x509.Certificate]) -> x509.Certificate:
    """Return the certificate that the signed attributes name by its digest (RFC 5035)."""
    attributes = {
        attribute["type"].native: attribute["values"] for attribute in signer["signed_attrs"]
    }
    if "signing_certificate_v2" in attributes:
        named = attributes["signing_certificate_v2"][0]["certs"][0]
        digest, kind = named["cert_hash"].native, named["hash_algorithm"]["algorithm"].native
    else:
        named = attributes["signing_certificate"][0]["certs"][0]
        digest, kind = named["cert_hash"].native, "sha1"
    for certificate in certificates:
        der = certificate.public_bytes(serialization.Encoding.DER)
        if hashlib.new(kind, der, usedforsecurity=False).digest() == digest:
            return certificate
    raise ValueError("its certificate is missing")


def _signature_holds(signer: Any, content: bytes, certificate: x509.Certificate) -> bool:
    attributes = signer["signed_attrs"]
    told = {attribute["type"].native: attribute["values"] for attribute in attributes}
    kind = signer["digest_algorithm"]["algorithm"].native
    if told["content_type"][0].native != "tst_info":
        return False
    if told["message_digest"][0].native != hashlib.new(kind, content).digest():
        return False
    signed = attributes.untag().dump()
    value, digest = signer["signature"].native, _DIGESTS[kind]
    public = certificate.public_key()
    try:
        if isinstance(public, rsa.RSAPublicKey):
            public.verify(value, signed, padding.PKCS1v15(), digest)
        elif isinstance(public, ec.EllipticCurvePublicKey):
            public.verify(value, signed, ec.ECDSA(digest))
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _respond(
    content: Any,
    certificate: x509.Certificate,
    key: PrivateKey,
    chain: Sequence[x509.Certificate],
    now: datetime,
) -> bytes:
    """Sign the content as the local authority."""
    own = asn1_x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))
    others = [
        asn1_x509.Certificate.load(one.public_bytes(serialization.Encoding.DER)) for one in chain
    ]
    der = content.dump()
    attributes = cms.CMSAttributes(
        [
            cms.CMSAttribute({"type": "content_type", "values": ["tst_info"]}),
            cms.CMSAttribute(
                {"type": "signing_time", "values": [cms.Time({"utc_time": core.UTCTime(now)})]}
            ),
            cms.CMSAttribute({"type": "message_digest", "values": [hashlib.sha256(der).digest()]}),
            cms.CMSAttribute(
                {
                    "type": "signing_certificate_v2",
                    "values": [
                        tsp.SigningCertificateV2(
                            {
                                "certs": [
                                    {
                                        "hash_algorithm": {"algorithm": "sha256"},
                                        "cert_hash": hashlib.sha256(own.dump()).digest(),
                                    }
                                ]
                            }
                        )
                    ],
                }
            ),
        ]
    )
    rsa_key = isinstance(certificate.public_key(), rsa.RSAPublicKey)
    signer = cms.SignerInfo(
        {
            "version": "v1",
            "sid": cms.SignerIdentifier(
                {
                    "issuer_and_serial_number": {
                        "issuer": own.issuer,
                        "serial_number": own.serial_number,
                    }
                }
            ),
            "digest_algorithm": algos.DigestAlgorithm({"algorithm": "sha256"}),
            "signed_attrs": attributes,
            "signature_algorithm": {"algorithm": "sha256_rsa" if rsa_key else "sha256_ecdsa"},
            "signature": key.sign(attributes.dump()),
        }
    )
    signed = cms.SignedData(
        {
            "version": "v3",
            "digest_algorithms": [{"algorithm": "sha256"}],
            "encap_content_info": {
                "content_type": "tst_info",
                "content": core.ParsableOctetString(der),
            },
            "certificates": [own, *others],
            "signer_infos": [signer],
        }
    )
    token = cms.ContentInfo({"content_type": "signed_data", "content": signed})
    return bytes(
        tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": token}).dump()
    )


def _failed(code: str, found: str) -> MachineError:
    return MachineError(
        Problem(
            code=code,
            zh="未能取得时间戳",
            en="no time stamp could be had",
            found=found,
            remedy_zh="检查时间戳服务的地址与网络，然后再次运行",
            remedy_en="check the address of the authority and the network, then run again",
        )
    )
