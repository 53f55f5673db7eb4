"""A key in a token (PKCS#11): it signs and never leaves."""

from __future__ import annotations

import hashlib
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from workbench.errors import InputError, MachineError, Problem

__all__ = ["open_token"]

# driver and slot → digest of the PIN that opened it in this process
_LOGGED_IN: dict[tuple[str, int], bytes] = {}


class _TokenKey:
    """Signs in the token."""

    def __init__(self, key: Any, *, rsa: bool) -> None:
        self._key, self._rsa = key, rsa

    def sign(self, data: bytes) -> bytes:
        """Sign with SHA-256; the digest of an ECDSA signature is made here, tokens differ in it.

        Raises
        ------
        MachineError
            ``key.gone``, when the token was taken out.
        """
        from pkcs11 import Mechanism, PKCS11Error

        try:
            if self._rsa:
                return bytes(self._key.sign(data, mechanism=Mechanism.SHA256_RSA_PKCS))
            raw = bytes(self._key.sign(hashlib.sha256(data).digest(), mechanism=Mechanism.ECDSA))
        except PKCS11Error as error:
            raise _gone(error) from error
        half = len(raw) // 2
        return encode_dss_signature(
            int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big")
        )


def open_token(
    module: str, label: str, pin: str
) -> tuple[_TokenKey, x509.Certificate, list[x509.Certificate]]:
    """Open the key with a label in whichever token of a driver holds it.

    Parameters
    ----------
    module : str
        The driver: a shared library.
    label : str
        Label of the private key; its certificate bears the same id or the same label.
    pin : str
        The person's; it goes to the driver and nowhere else.

    Returns
    -------
    tuple
        The key, its certificate, and the other certificates in the token.

    Raises
    ------
    InputError
        ``key.token``: no driver, no such key, wrong PIN, or no certificate.
    """
    import pkcs11
    from pkcs11 import Attribute, KeyType, ObjectClass

    try:
        library = pkcs11.lib(module)
        for slot in library.get_slots(token_present=True):
            token = slot.get_token()
            place, proof = (module, slot.slot_id), hashlib.sha256(pin.encode()).digest()
            try:
                if _LOGGED_IN.get(place) == proof:
                    session = token.open()  # one login serves all sessions of this process
                elif place in _LOGGED_IN:
                    continue
                else:
                    session = token.open(user_pin=pin)
            except pkcs11.PKCS11Error:
                continue  # another token of the same driver, with another PIN
            _LOGGED_IN[place] = proof
            wanted = {Attribute.CLASS: ObjectClass.PRIVATE_KEY, Attribute.LABEL: label}
            found = list(session.get_objects(wanted))
            if len(found) != 1:
                continue  # the session stays open: closing the last one logs out
            key: Any = found[0]
            own, others = _certificates(session, key, label)
            return _TokenKey(key, rsa=key.key_type == KeyType.RSA), own, others
    except (pkcs11.PKCS11Error, RuntimeError, ValueError, OSError) as error:
        raise _refused(f"{type(error).__name__}: {error}"[:120]) from error
    raise _refused(f"label {label!r}, or the PIN")


def _certificates(
    session: Any, key: Any, label: str
) -> tuple[x509.Certificate, list[x509.Certificate]]:
    from pkcs11 import Attribute, ObjectClass

    own, others = None, []
    for entry in session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE}):
        certificate = x509.load_der_x509_certificate(bytes(entry[Attribute.VALUE]))
        if own is None and (entry[Attribute.ID] == key.id or entry[Attribute.LABEL] == label):
            own = certificate
        else:
            others.append(certificate)
    if own is None:
        raise ValueError("no certificate with the key's id or label")
    return own, others


def _gone(error: Exception) -> MachineError:
    return MachineError(
        Problem(
            code="key.gone",
            zh="令牌不再应答，已签的有效",
            en="the token does not answer any more; what is signed stays signed",
            found=type(error).__name__,
            remedy_zh="插好令牌，再次运行同一命令即可继续",
            remedy_en="put the token back and run the same command again: it goes on from here",
        )
    )


def _refused(found: str) -> InputError:
    return InputError(
        Problem(
            code="key.token",
            zh="令牌中的密钥无法打开",
            en="the key in the token cannot be opened",
            found=found,
            remedy_zh="检查驱动路径、令牌是否插入、标签与口令（PIN）",
            remedy_en="check the driver's path, whether the token is there, its label and its PIN",
        )
    )
