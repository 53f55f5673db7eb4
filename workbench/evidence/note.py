"""Signed notes of C2SP (``c2sp.org/signed-note``), and checkpoints of a log as such notes.

A note is text, a blank line, and lines ``— name base64(key id ‖ signature)``; keys are Ed25519. A
checkpoint's text is origin, number of leaves, and base64 of the root hash.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from workbench.evidence.files import write_once

__all__ = [
    "Checkpoint",
    "LogKey",
    "VerifierKey",
    "load_log_key",
    "make_log_key",
    "open_checkpoint",
    "sign_note",
]

_NAME = re.compile(r"\A[^\s+]{1,200}\Z")
_SIGNATURE = re.compile(r"\A— (\S+) ([A-Za-z0-9+/]+={0,2})\Z")
_ED25519 = b"\x01"


@dataclass(frozen=True)
class VerifierKey:
    """A log's public key, as ``name+keyid+base64``."""

    name: str
    public: ed25519.Ed25519PublicKey

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read ``name+keyid+base64``.

        Raises
        ------
        ValueError
            When the form is wrong, the key is not Ed25519, or its id does not fit.
        """
        parts = text.strip().split("+", 2)
        if len(parts) != 3 or not _NAME.match(parts[0]):
            raise ValueError("a verifier key is name+keyid+base64")
        raw = base64.b64decode(parts[2], validate=True)
        if raw[:1] != _ED25519:
            raise ValueError("not an Ed25519 key")
        key = cls(parts[0], ed25519.Ed25519PublicKey.from_public_bytes(raw[1:]))
        if key.key_id.hex() != parts[1]:
            raise ValueError("the key id does not fit the key")
        return key

    @property
    def key_id(self) -> bytes:
        """Four bytes that name the key in a signature line."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self._raw()).digest()[:4]

    def text(self) -> str:
        """Return ``name+keyid+base64``, to be published."""
        encoded = base64.b64encode(_ED25519 + self._raw()).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    def _raw(self) -> bytes:
        return self.public.public_bytes_raw()


@dataclass(frozen=True)
class LogKey:
    """The key that signs a log's checkpoints; ``name`` is the log's origin."""

    name: str
    private: ed25519.Ed25519PrivateKey

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(self.name, self.private.public_key())


@dataclass(frozen=True)
class Checkpoint:
    """The head of a log: who says that it has how many leaves, and their root hash."""

    origin: str
    size: int
    root: bytes

    def body(self) -> str:
        """Return the text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def make_log_key(folder: Path, name: str) -> LogKey:
    """Return the key of a log, made on first use.

    Parameters
    ----------
    folder : Path
        Where keys lie, such as ``WORKBENCH_HOME/keys/log``; made with mode 0700.
    name : str
        Origin of the log, such as ``institute.example/ledger``; no white space, no ``+``.

    Raises
    ------
    ValueError
        For another name.
    """
    if not _NAME.match(name):
        raise ValueError(f"not a name of a log: {name!r}")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = _key_file(folder, name)
    if not file.exists():
        pem = ed25519.Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        write_once(file, pem, mode=0o600)  # of two processes the first one's key stays
    return load_log_key(folder, name)


def load_log_key(folder: Path, name: str) -> LogKey:
    """Return the key of a log that was made on this machine, or brought to it.

    Raises
    ------
    FileNotFoundError
        When this machine does not hold it.
    """
    private = serialization.load_pem_private_key(_key_file(folder, name).read_bytes(), None)
    assert isinstance(private, ed25519.Ed25519PrivateKey)
    return LogKey(name, private)


def _key_file(folder: Path, name: str) -> Path:
    return folder / (hashlib.sha256(name.encode()).hexdigest()[:16] + ".key.pem")


def sign_note(text: str, key: LogKey) -> str:
    """Return a note: ``text`` (ending in a line feed), a blank line, and one signature line."""
    if not text.endswith("\n"):
        raise ValueError("the text of a note ends in a line feed")
    signature = key.verifier.key_id + key.private.sign(text.encode())
    return f"{text}\n— {key.name} {base64.b64encode(signature).decode()}\n"


def open_checkpoint(note: str, key: VerifierKey) -> Checkpoint:
    """Return what a checkpoint says when the key signed it; further signatures are passed over.

    Raises
    ------
    ValueError
        When it is no checkpoint, is not signed by the key, names another origin, or bears a line
        that is no signature.
    """
    text, separator, lines = note.rpartition("\n\n")
    if not separator:
        raise ValueError("not a signed note")
    text += "\n"
    signatures = lines.split("\n")
    if signatures.pop() or not all(map(_SIGNATURE.match, signatures)):
        raise ValueError("a line that is no signature")
    if not any(_signed(text, line, key) for line in signatures):
        raise ValueError(f"not signed by {key.name}")
    parts = text.split("\n")
    if len(parts) < 4 or parts[0] != key.name or not re.fullmatch(r"0|[1-9]\d{0,17}", parts[1]):
        raise ValueError("not a checkpoint of this log")
    try:
        root = base64.b64decode(parts[2], validate=True)
    except binascii.Error as error:
        raise ValueError("not a root hash") from error
    if len(root) != 32:
        raise ValueError("not a root hash")
    return Checkpoint(parts[0], int(parts[1]), root)


def _signed(text: str, line: str, key: VerifierKey) -> bool:
    match = _SIGNATURE.match(line)
    if match is None or match[1] != key.name:
        return False
    try:
        raw = base64.b64decode(match[2], validate=True)
        if raw[:4] != key.key_id:
            return False
        key.public.verify(raw[4:], text.encode())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True
