"""Signing keys: a demonstration authority, PKCS#12 and PEM files, tokens, the roots believed.

``WORKBENCH_HOME`` (mode 0700) holds ``keys/demo/``, ``trust/*.pem`` (roots) and ``trust/*.crl``
(revocation lists); no key of it ever lies in a study, a batch or a bag. Whether a certificate is a
demonstration is read from itself.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Protocol, get_args
from urllib.parse import parse_qsl, unquote

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from workbench.errors import InputError, Problem
from workbench.evidence.chain import current_lists, load_crls, path_to, read_crls, revoked
from workbench.evidence.files import write_atomic

__all__ = [
    "ROLES",
    "KeyInfo",
    "PrivateKey",
    "Role",
    "SigningKey",
    "check_key",
    "demo_clock",
    "describe_key",
    "holds",
    "home_folder",
    "is_demonstration",
    "list_keys",
    "load_key",
    "load_roots",
    "make_demo_ca",
]

Role = Literal["lead", "reviewer", "institution"]
ROLES: tuple[Role, ...] = get_args(Role)
_MARK = "DEMONSTRATION"
_NAMES = {
    "authority": "示例根证书 DEMONSTRATION root",
    "lead": "示例 评估负责人 DEMONSTRATION lead assessor",
    "reviewer": "示例 复核人 DEMONSTRATION reviewer",
    "institution": "示例 评估机构 DEMONSTRATION institution",
    "tsa": "示例时间戳 DEMONSTRATION time stamps",
}
_ORGANISATION = "示例机构 / DEMONSTRATION, not a real signature"
# fixed, so that a demonstration works whatever a machine's clock says
_NOT_BEFORE = datetime(2020, 1, 1, tzinfo=UTC)
_NOT_AFTER = datetime(2049, 12, 31, tzinfo=UTC)
# documentSigning (RFC 9336); NSS, and with it poppler's pdfsig, wants emailProtection
_PURPOSES = [ObjectIdentifier("1.3.6.1.5.5.7.3.36"), ExtendedKeyUsageOID.EMAIL_PROTECTION]
_LEAST_RSA_BITS = 2048  # ETSI TS 119 312 v1.5.1, table 7


class PrivateKey(Protocol):
    """What a key can do; a token's key (PKCS#11) does the same without giving itself away."""

    def sign(self, data: bytes) -> bytes:
        """Return the signature over SHA-256 of ``data``: PKCS#1 v1.5 for RSA, DER for ECDSA."""


@dataclass(frozen=True)
class SigningKey:
    """A certificate, the key that belongs to it, and the certificates between it and the root.

    Attributes
    ----------
    certificate : x509.Certificate
        The signer's.
    private : PrivateKey
        Signs; parsed once.
    chain : tuple of x509.Certificate
        Issuing certificates to be embedded in signatures, the root included or not.
    lists : tuple of x509.CertificateRevocationList
        Revocation lists in force when it was loaded, for every certificate below the root; empty
        when one of them has none.
    """

    certificate: x509.Certificate
    private: PrivateKey
    chain: tuple[x509.Certificate, ...] = ()
    lists: tuple[x509.CertificateRevocationList, ...] = ()

    @property
    def demonstration(self) -> bool:
        """Whether the certificate says that it is a demonstration."""
        return is_demonstration(self.certificate)

    @property
    def name(self) -> str:
        """Common name of the signer."""
        return _attribute(self.certificate.subject, NameOID.COMMON_NAME)

    @property
    def organisation(self) -> str:
        """Organisation of the signer; empty when the certificate names none."""
        return _attribute(self.certificate.subject, NameOID.ORGANIZATION_NAME)


@dataclass(frozen=True)
class _FileKey:
    """A key that was read from a file."""

    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

    def sign(self, data: bytes) -> bytes:
        """Sign with SHA-256."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        return self.key.sign(data, ec.ECDSA(hashes.SHA256()))


def holds(certificate: x509.Certificate, signature: bytes, data: bytes) -> bool:
    """Say whether a signature over ``data`` is one of the key that the certificate belongs to."""
    try:
        public = certificate.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            public.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(public, ec.EllipticCurvePublicKey):
            public.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


@dataclass(frozen=True, kw_only=True)
class KeyInfo:
    """One certificate of ``WORKBENCH_HOME``, for ``workbench keys list``."""

    kind: str  # "signer" or "root"
    file: str  # relative to WORKBENCH_HOME
    name: str
    organisation: str
    algorithm: str
    not_after: str
    sha256: str
    demonstration: bool


def home_folder(environ: Mapping[str, str]) -> Path:
    """Return ``WORKBENCH_HOME``, or ``~/.local/share/workbench`` where it is not set.

    Parameters
    ----------
    environ : mapping
        The environment (``os.environ`` on the command line).
    """
    named = environ.get("WORKBENCH_HOME")
    return Path(named) if named else Path.home() / ".local" / "share" / "workbench"


def is_demonstration(certificate: x509.Certificate) -> bool:
    """Tell whether a certificate, or its issuer, calls itself a demonstration in its name."""
    names = [*certificate.subject, *certificate.issuer]
    return any(_MARK in str(attribute.value).upper() for attribute in names)


def make_demo_ca(home: Path) -> Path:
    """Make the demonstration authority and its three signers, once, and believe their root.

    Two processes may call this at the same moment: the folder is built aside and renamed, and who
    comes second uses what the first has made.

    Parameters
    ----------
    home : Path
        ``WORKBENCH_HOME``; made with mode 0700.

    Returns
    -------
    Path
        ``home/keys/demo`` with ``authority``, ``lead``, ``reviewer``, ``institution``, each as
        ``.pem`` (certificate) and ``.key.pem`` (P-256, mode 0600).
    """
    demo = home / "keys" / "demo"
    for folder in (home, home / "keys", home / "trust"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not demo.exists():
        aside = home / "keys" / f".demo.{os.getpid()}.{secrets.token_hex(4)}"
        aside.mkdir(mode=0o700)
        try:
            _issue_demo(aside)
            aside.rename(demo)
        except OSError:
            if not demo.is_dir():
                raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    # the root is announced once, when it is made: who takes it out of trust/ is obeyed
    pending = demo / "announce-root"
    if pending.exists():
        write_atomic(home / "trust" / "demonstration.pem", (demo / "authority.pem").read_bytes())
        pending.unlink(missing_ok=True)
    if not (demo / "authority.crl").exists():
        write_atomic(demo / "authority.crl", _empty_list(demo))
    return demo


def demo_clock(home: Path) -> SigningKey:
    """Return the key of the demonstration's time stamps, made on first use."""
    demo = make_demo_ca(home)
    folder = demo / "tsa"
    if not folder.exists():
        aside = demo / f".tsa.{os.getpid()}.{secrets.token_hex(4)}"
        aside.mkdir(mode=0o700)
        try:
            issuer = _demo_key(demo, "authority").key
            _issue_one(aside, "tsa", issuer, ec.generate_private_key(ec.SECP256R1()))
            aside.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    certificate = x509.load_pem_x509_certificate((folder / "tsa.pem").read_bytes())
    root = x509.load_pem_x509_certificate((demo / "authority.pem").read_bytes())
    return SigningKey(certificate, _demo_key(folder, "tsa"), (root,))


def load_key(
    setting: str | Mapping[str, Any],
    role: Role,
    *,
    home: Path,
    base: Path,
    at: datetime,
    passphrase: bytes | None = None,
) -> SigningKey:
    """Load the key of a signatory as ``study.yaml`` names it, and check that it may sign.

    Parameters
    ----------
    setting : str or mapping
        ``demo``; ``{pkcs12: FILE, passphrase_file: FILE}``; ``{pem: FILE, passphrase_file: FILE}``
        with key, certificate and chain in one file; ``{pkcs11: {module, label, pin_file}}``; or,
        as a person writes it, a path (``.p12``, ``.pfx``, ``.pem``) or a URI of RFC 7512
        (``pkcs11:object=LABEL?module-path=DRIVER``).
    role : {"lead", "reviewer", "institution"}
        Chooses the signer of the demonstration authority.
    home : Path
        ``WORKBENCH_HOME``.
    base : Path
        Folder that relative file names are relative to.
    at : datetime
        Time of signing, aware; the certificate must be valid then.
    passphrase : bytes, optional
        Passphrase or PIN asked from a person; otherwise the file named, otherwise none.

    Raises
    ------
    InputError
        ``key.*``: a setting that needs a person, a missing file, a file others may read, a wrong
        passphrase, no or a foreign certificate, expired, revoked, not meant for signing, too weak.
    """
    key = _opened(setting, role, home=home, base=base, passphrase=passphrase)
    crls = [*key.lists, *load_crls([home / "trust", home / "keys" / "demo"])]
    roots = load_roots(home)
    problems = check_key(key, at=at, crls=crls, roots=roots)
    if problems:
        raise InputError(*problems)
    path = _path(key, roots)
    return replace(key, lists=tuple(current_lists(path, crls, at)) if path else ())


def _opened(
    setting: str | Mapping[str, Any],
    role: Role,
    *,
    home: Path,
    base: Path,
    passphrase: bytes | None,
) -> SigningKey:
    if setting == "demo":
        folder = make_demo_ca(home)
        return _from_pem(
            (folder / f"{role}.key.pem").read_bytes()
            + (folder / f"{role}.pem").read_bytes()
            + (folder / "authority.pem").read_bytes(),
            None,
            f"{role}.pem",
        )
    if isinstance(setting, str):
        setting = _named(setting)
    secret = next((setting[n] for n in ("passphrase_file", "pin_file") if setting.get(n)), None)
    if "pkcs11" in setting:
        token = dict(setting["pkcs11"])
        secret = token.get("pin_file")
        if passphrase is None and secret is not None:
            passphrase = _read_private(base / str(secret)).rstrip(b"\r\n")
        if passphrase is not None:
            from workbench.evidence.token import open_token

            pin = passphrase.decode()
            private, own, others = open_token(str(token["module"]), str(token["label"]), pin)
            return SigningKey(own, private, tuple(others))
    kinds = [kind for kind in ("pkcs12", "pem") if kind in setting]
    if len(kinds) != 1:
        raise _refused(
            "key.person",
            "此密钥须由本人提供，程序不能自行打开",
            "this key needs its person; the program cannot open it",
            found=", ".join(map(str, setting)) or "person",
            remedy_zh="报告留作草稿，由本人运行 workbench sign",
            remedy_en="the report stays a draft; the person runs workbench sign",
        )
    file = base / str(setting[kinds[0]])
    data = _read_private(file)
    if passphrase is None and secret is not None:
        passphrase = _read_private(base / str(secret)).rstrip(b"\r\n")
    return (_from_pkcs12 if kinds[0] == "pkcs12" else _from_pem)(data, passphrase, file.name)


def _named(setting: str) -> Mapping[str, Any]:
    """Return the setting that a person's short form means."""
    if setting.startswith("pkcs11:"):
        path, _, query = setting.removeprefix("pkcs11:").partition("?")
        told = dict(part.partition("=")[::2] for part in path.split(";"))
        asked = dict(parse_qsl(query))
        if "object" in told and "module-path" in asked:
            token = {"module": asked["module-path"], "label": unquote(told["object"])}
            if "pin-source" in asked:
                token["pin_file"] = asked["pin-source"].removeprefix("file:")
            return {"pkcs11": token}
        raise _refused(
            "key.uri",
            "令牌的写法不完整",
            "the token is not named in full",
            expected="pkcs11:object=LABEL?module-path=DRIVER",
            found=setting[:100],
        )
    if setting == "person":
        return {}
    return {"pkcs12" if setting.lower().endswith((".p12", ".pfx")) else "pem": setting}


def check_key(
    key: SigningKey,
    *,
    at: datetime,
    crls: Sequence[x509.CertificateRevocationList] = (),
    roots: Sequence[x509.Certificate] = (),
) -> list[Problem]:
    """Return what speaks against signing with a key at a time; an empty list when nothing does.

    Parameters
    ----------
    key : SigningKey
        Certificate and key.
    at : datetime
        Aware; compared with the certificate's validity (the machine's clock is not read).
    crls : sequence of CertificateRevocationList
        Revocation lists; what they revoke does not sign, whenever it was revoked.
    roots : sequence of Certificate
        Roots that a chain without its own may lead to.
    """
    if at.tzinfo is None:
        raise ValueError("the time of signing needs a time zone")
    certificate = key.certificate
    found = []
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not begin <= at <= end:
        late = at > end
        found.append(
            _problem(
                "key.expired" if late else "key.not-yet-valid",
                "证书已过期" if late else "证书尚未生效",
                "the certificate has expired" if late else "the certificate is not valid yet",
                expected=f"{begin:%Y-%m-%d} – {end:%Y-%m-%d}",
                found=f"{at:%Y-%m-%dT%H:%M:%SZ}",
                remedy_zh="使用有效期内的证书",
                remedy_en="use a certificate that is in force",
            )
        )
    gone = revoked(_path(key, roots) or (certificate, *key.chain), crls)
    if gone is not None:
        found.append(
            _problem(
                "key.revoked",
                "证书已被吊销",
                "the certificate has been revoked",
                found=f"{gone:%Y-%m-%dT%H:%M:%SZ}",
                remedy_zh="向签发机构申请新证书",
                remedy_en="get a new certificate from the authority",
            )
        )
    usage = _extension(certificate, x509.KeyUsage)
    if usage is not None and not (usage.digital_signature or usage.content_commitment):
        found.append(
            _problem(
                "key.usage",
                "证书的密钥用途不含签名",
                "the certificate's key usage does not allow signatures",
                remedy_zh="使用签名证书（不是加密证书）",
                remedy_en="use the signing certificate, not the encryption one",
            )
        )
    basic = _extension(certificate, x509.BasicConstraints)
    if basic is not None and basic.ca:
        found.append(
            _problem(
                "key.authority",
                "这是签发机构的证书，不能用于签署报告",
                "this is an authority's certificate, not a signer's",
                remedy_zh="使用签名人的证书",
                remedy_en="use the signer's certificate",
            )
        )
    public = certificate.public_key()
    if isinstance(public, rsa.RSAPublicKey) and public.key_size < _LEAST_RSA_BITS:
        found.append(
            _problem(
                "key.weak",
                "RSA 密钥过短",
                "the RSA key is too short",
                expected=f">= {_LEAST_RSA_BITS}",
                found=str(public.key_size),
                remedy_zh="使用 P-256 或 RSA-3072 密钥",
                remedy_en="use a P-256 or RSA-3072 key",
            )
        )
    elif not isinstance(public, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        # Ed25519: poppler, mutool and OpenSSL cannot verify it inside a PDF
        found.append(
            _problem(
                "key.algorithm",
                "PDF 签名只支持 RSA 与 ECDSA 密钥",
                "signatures in PDF need an RSA or ECDSA key",
                found=type(public).__name__,
                remedy_zh="使用 P-256 或 RSA-3072 密钥",
                remedy_en="use a P-256 or RSA-3072 key",
            )
        )
    return found


def load_roots(home: Path, trust: Path | None = None) -> list[x509.Certificate]:
    """Return the root certificates that are believed.

    Parameters
    ----------
    home : Path
        ``WORKBENCH_HOME``, whose ``trust/*.pem`` are believed when ``trust`` is not given.
    trust : Path, optional
        A PEM file, or a folder of ``*.pem``; then **only** these are believed.

    Raises
    ------
    InputError
        ``trust.unreadable``, when a file is missing or holds no certificate.
    """
    if trust is None:
        files = sorted((home / "trust").glob("*.pem"))
    elif trust.is_dir():
        files = sorted(trust.glob("*.pem"))
    else:
        files = [trust]
    roots, problems = [], []
    for file in files:
        try:
            roots += x509.load_pem_x509_certificates(file.read_bytes())
        except (OSError, ValueError) as error:
            problems.append(
                _problem(
                    "trust.unreadable",
                    "无法读取根证书",
                    "a root certificate cannot be read",
                    file=file.name,
                    found=str(error)[:120],
                    remedy_zh="提供 PEM 格式的根证书",
                    remedy_en="give root certificates in PEM form",
                )
            )
    if problems:
        raise InputError(*problems)
    return list({root.fingerprint(hashes.SHA256()): root for root in roots}.values())


def list_keys(home: Path) -> list[KeyInfo]:
    """Return the demonstration signers and the believed roots of ``WORKBENCH_HOME``."""
    signers = [home / "keys" / "demo" / f"{role}.pem" for role in ROLES]
    files = [("signer", file) for file in signers if file.is_file()]
    files += [("root", file) for file in sorted((home / "trust").glob("*.pem"))]
    found = []
    for kind, file in files:
        for certificate in x509.load_pem_x509_certificates(file.read_bytes()):
            found.append(_info(kind, file.relative_to(home).as_posix(), certificate))
    return found


def describe_key(key: SigningKey, name: str) -> KeyInfo:
    """Return what there is to know of a key; ``name`` is how it was given."""
    return _info("signer", name, key.certificate)


def _info(kind: str, file: str, certificate: x509.Certificate) -> KeyInfo:
    public = certificate.public_key()
    return KeyInfo(
        kind=kind,
        file=file,
        name=_attribute(certificate.subject, NameOID.COMMON_NAME),
        organisation=_attribute(certificate.subject, NameOID.ORGANIZATION_NAME),
        algorithm=(
            f"RSA-{public.key_size}"
            if isinstance(public, rsa.RSAPublicKey)
            else getattr(getattr(public, "curve", None), "name", type(public).__name__)
        ),
        not_after=certificate.not_valid_after_utc.isoformat(),
        sha256=certificate.fingerprint(hashes.SHA256()).hex(),
        demonstration=is_demonstration(certificate),
    )


def _issue_demo(folder: Path) -> None:
    """Write the authority and three signers into an empty folder."""
    root_key = ec.generate_private_key(ec.SECP256R1())
    for who in ("authority", *ROLES):
        key = root_key if who == "authority" else ec.generate_private_key(ec.SECP256R1())
        _issue_one(folder, who, root_key, key)
    write_atomic(folder / "announce-root", b"")


def _issue_one(folder: Path, who: str, root_key: Any, key: ec.EllipticCurvePrivateKey) -> None:
    """Write one certificate of the demonstration and its key."""
    authority = who == "authority"
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(who))
        .issuer_name(_name("authority"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_NOT_BEFORE)
        .not_valid_after(_NOT_AFTER)
        .add_extension(x509.BasicConstraints(authority, 0 if authority else None), critical=True)
        .add_extension(_usage(authority=authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), False
        )
    )
    if who == "tsa":  # RFC 3161 §2.3: this purpose alone, and critical
        purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        builder = builder.add_extension(purpose, critical=True)
    elif not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage(_PURPOSES), False)
    certificate = builder.sign(root_key, hashes.SHA256())
    write_atomic(
        folder / f"{who}.pem", certificate.public_bytes(serialization.Encoding.PEM), mode=0o644
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    write_atomic(folder / f"{who}.key.pem", pem, mode=0o600)


def _demo_key(folder: Path, who: str) -> _FileKey:
    key = serialization.load_pem_private_key((folder / f"{who}.key.pem").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return _FileKey(key)


def _empty_list(folder: Path) -> bytes:
    """Return the demonstration authority's revocation list, on which nobody stands."""
    builder = x509.CertificateRevocationListBuilder(
        _name("authority"), _NOT_BEFORE, _NOT_AFTER, []
    ).add_extension(x509.CRLNumber(1), critical=False)
    made = builder.sign(_demo_key(folder, "authority").key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM)


def _path(
    key: SigningKey, roots: Sequence[x509.Certificate]
) -> tuple[x509.Certificate, ...] | None:
    """Return the path above a key's certificate; a root in its own chain ends it too."""
    own = [one for one in key.chain if one.issuer == one.subject]
    return path_to(key.certificate, key.chain, [*roots, *own])


def _name(who: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, _ORGANISATION),
            x509.NameAttribute(NameOID.COMMON_NAME, _NAMES[who]),
        ]
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=not authority,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _read_private(file: Path) -> bytes:
    """Read a key or passphrase file that only its owner may read."""
    try:
        mode = file.stat().st_mode
        data = file.read_bytes()
    except OSError as error:
        raise _refused(
            "key.missing",
            "无法读取密钥文件",
            "the key file cannot be read",
            file=file.name,
            found=error.strerror or type(error).__name__,
            remedy_zh="检查路径与权限",
            remedy_en="check path and permissions",
        ) from error
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise _refused(
            "key.readable-by-others",
            "密钥文件可被其他用户读取",
            "other users may read this key file",
            file=file.name,
            expected="0600",
            found=f"{stat.S_IMODE(mode):04o}",
            remedy_zh=f"运行 chmod 600 {file.name}",
            remedy_en=f"run chmod 600 {file.name}",
        )
    return data


def _from_pkcs12(data: bytes, passphrase: bytes | None, name: str) -> SigningKey:
    try:
        store = pkcs12.load_pkcs12(data, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _unreadable(name, error) from error
    others = [entry.certificate for entry in store.additional_certs]
    certificates = [store.cert.certificate] if store.cert else []
    return _assemble(store.key, certificates + others, name)


def _from_pem(data: bytes, passphrase: bytes | None, name: str) -> SigningKey:
    begin = data.find(b"-----BEGIN ")
    while begin >= 0 and b"PRIVATE KEY" not in data[begin : data.find(b"\n", begin) + 1]:
        begin = data.find(b"-----BEGIN ", begin + 1)
    try:
        if begin < 0:
            raise ValueError("no private key in it")
        key = serialization.load_pem_private_key(data[begin:], passphrase)
        certificates = x509.load_pem_x509_certificates(data)
        lists = tuple(read_crls(data))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _unreadable(name, error) from error
    return replace(_assemble(key, certificates, name), lists=lists)


def _assemble(key: Any, certificates: list[x509.Certificate], name: str) -> SigningKey:
    """Find the certificate that belongs to the key; the others are its chain."""
    own = [cert for cert in certificates if key and cert.public_key() == key.public_key()]
    if not own or not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise _refused(
            "key.certificate",
            "文件中没有与私钥相配的证书，或密钥种类不受支持",
            "no certificate in it belongs to the private key, or the kind of key is not supported",
            file=name,
            found=type(key).__name__,
            remedy_zh="提供含证书与 RSA 或 ECDSA 私钥的文件",
            remedy_en="give a file with the certificate and an RSA or ECDSA key",
        )
    chain = tuple(cert for cert in certificates if cert != own[0])
    return SigningKey(own[0], _FileKey(key), chain)


def _extension(certificate: x509.Certificate, kind: type[Any]) -> Any:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, ValueError):
        return None


def _attribute(name: x509.Name, oid: ObjectIdentifier) -> str:
    return next((str(attribute.value) for attribute in name.get_attributes_for_oid(oid)), "")


def _unreadable(name: str, error: Exception) -> InputError:
    return _refused(
        "key.unreadable",
        "密钥文件无法打开：口令错误或文件损坏",
        "the key file cannot be opened: wrong passphrase or damaged",
        file=name,
        found=type(error).__name__,
        remedy_zh="检查口令文件",
        remedy_en="check the passphrase file",
    )


def _problem(code: str, zh: str, en: str, **more: str) -> Problem:
    return Problem(code=code, zh=zh, en=en, **more)  # type: ignore[arg-type]


def _refused(code: str, zh: str, en: str, **more: str) -> InputError:
    return InputError(_problem(code, zh, en, **more))
