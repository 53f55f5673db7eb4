"""Paths from a certificate to a root that is believed, and lists of revoked certificates."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

__all__ = [
    "NOBODY",
    "Vouching",
    "current_lists",
    "load_crls",
    "path_to",
    "read_crls",
    "revoked",
]


@dataclass(frozen=True)
class Vouching:
    """Certificates up to a root, and the revocation lists in force, that others judge by later."""

    certificates: tuple[x509.Certificate, ...] = ()
    lists: tuple[x509.CertificateRevocationList, ...] = ()


NOBODY = Vouching()

_DEEPEST = 8
_LARGEST = 16 << 20
_PEM = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)


def path_to(
    certificate: x509.Certificate,
    others: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
) -> tuple[x509.Certificate, ...] | None:
    """Return the certificates from ``certificate`` to one of ``roots``; None when none leads there.

    Parameters
    ----------
    certificate : Certificate
        The first of the path.
    others : sequence of Certificate
        Issuing certificates that may be used; they are not believed for being there.
    roots : sequence of Certificate
        Those that are believed.
    """
    known = {root.fingerprint(hashes.SHA256()) for root in roots}
    waiting: list[tuple[x509.Certificate, ...]] = [(certificate,)]
    while waiting:
        path = waiting.pop()
        if path[-1].fingerprint(hashes.SHA256()) in known:
            return path
        if len(path) < _DEEPEST and len(waiting) < 100:
            waiting += [
                (*path, issuer)
                for issuer in (*others, *roots)
                if issuer not in path and _issued(path[-1], issuer)
            ]
    return None


def read_crls(data: bytes) -> list[x509.CertificateRevocationList]:
    """Return the revocation lists in a file, PEM (also among other things) or DER.

    Raises
    ------
    ValueError
        When one cannot be read.
    """
    blocks = _PEM.findall(data)
    if blocks:
        return [x509.load_pem_x509_crl(block) for block in blocks]
    return [] if data.lstrip().startswith(b"-----") else [x509.load_der_x509_crl(data)]


def load_crls(folders: Iterable[Path]) -> list[x509.CertificateRevocationList]:
    """Return the revocation lists ``*.crl`` of folders; those that cannot be read are left out.

    A list counts only for what its authority signed, so it may come from anywhere.
    """
    found: dict[bytes, x509.CertificateRevocationList] = {}
    for folder in folders:
        for file in sorted(folder.glob("*.crl")) if folder.is_dir() else []:
            try:
                if file.is_symlink() or file.stat().st_size > _LARGEST:
                    continue
                for crl in read_crls(file.read_bytes()):
                    found[crl.fingerprint(hashes.SHA256())] = crl
            except (OSError, ValueError):
                continue
    return list(found.values())


def revoked(
    path: Sequence[x509.Certificate], crls: Sequence[x509.CertificateRevocationList]
) -> datetime | None:
    """Return when the first certificate of a path was revoked; None when no list says so.

    Parameters
    ----------
    path : sequence of Certificate
        From :func:`path_to`.
    crls : sequence of CertificateRevocationList
        Only what the issuer of a certificate signed counts for it.
    """
    times = []
    for certificate, issuer in pairwise(path):
        for crl in crls:
            if _signed(crl, issuer):
                entry = crl.get_revoked_certificate_by_serial_number(certificate.serial_number)
                if entry is not None:
                    times.append(entry.revocation_date_utc)
    return min(times, default=None)


def current_lists(
    path: Sequence[x509.Certificate],
    crls: Sequence[x509.CertificateRevocationList],
    at: datetime,
) -> list[x509.CertificateRevocationList]:
    """Return the lists in force at a time for every certificate of a path but the root.

    Empty when one of them has none: then a signature's revocation cannot be told later.
    """
    found = []
    for issuer in path[1:]:
        mine = [
            crl
            for crl in crls
            if _signed(crl, issuer)
            and crl.last_update_utc <= at
            and (crl.next_update_utc is None or at <= crl.next_update_utc)
        ]
        if not mine:
            return []
        newest = max(mine, key=lambda crl: crl.last_update_utc)
        if newest not in found:
            found.append(newest)
    return found


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
        basic = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm, x509.ExtensionNotFound):
        return False
    return basic.ca


def _signed(crl: x509.CertificateRevocationList, issuer: x509.Certificate) -> bool:
    try:
        return crl.issuer == issuer.subject and crl.is_signature_valid(
            issuer.public_key()  # type: ignore[arg-type]
        )
    except (TypeError, UnsupportedAlgorithm, ValueError):
        return False
