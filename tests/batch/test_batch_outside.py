"""Keys in tokens and a time-stamp authority of others, through a whole run."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from workbench.batch.run import run
from workbench.cli import main
from workbench.evidence import keys, pdfsign
from workbench.evidence.chain import read_crls
from workbench.evidence.result import Verdict
from workbench.evidence.verify import verify

Write = Callable[..., Path]
PEM = serialization.Encoding.PEM
pytestmark = pytest.mark.system


class Authority:
    """A root with an issuing authority, and the lists of both."""

    def __init__(self, name: str) -> None:
        self.name, self.key = name, ec.generate_private_key(ec.SECP256R1())
        self.root_key = ec.generate_private_key(ec.SECP256R1())
        self.root = self._made("root", self.root_key.public_key(), authority=True, root=True)
        self.issuer = self._made("issuer", self.key.public_key(), authority=True, root=True)

    def _made(
        self, who: str, public: Any, *, authority: bool, root: bool = False, tsa: bool = False
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.called(who))
            .issuer_name(self.called("root" if root else "issuer"))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=800))
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
            .add_extension(keys._usage(authority=authority), critical=True)
        )
        if tsa:
            usage = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.TIME_STAMPING])
            builder = builder.add_extension(usage, critical=True)
        return builder.sign(self.root_key if root else self.key, hashes.SHA256())

    def called(self, who: str) -> x509.Name:
        text = f"{self.name} {who}"
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    def issue(self, who: str, key: Any, *, tsa: bool = False) -> x509.Certificate:
        return self._made(who, key.public_key(), authority=False, tsa=tsa)

    def publish(self, folder: Path, *revoked: x509.Certificate) -> None:
        """Write root and lists, as they are put into ``trust``."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.name}.pem").write_bytes(self.root.public_bytes(PEM))
        now = datetime.now(UTC)
        for who, key in (("root", self.root_key), ("issuer", self.key)):
            builder = x509.CertificateRevocationListBuilder(
                self.called(who), now - timedelta(hours=1), now + timedelta(days=30)
            ).add_extension(x509.CRLNumber(1), critical=False)
            for one in revoked if who == "issuer" else ():
                entry = x509.RevokedCertificateBuilder().serial_number(one.serial_number)
                builder = builder.add_revoked_certificate(
                    entry.revocation_date(now - timedelta(minutes=30)).build()
                )
            made = builder.sign(key, hashes.SHA256())
            (folder / f"{self.name}-{who}.crl").write_bytes(made.public_bytes(PEM))


@pytest.fixture
def clock(tmp_path: Path, openssl_authority: Callable[[Path, Path, Path], str]) -> Any:
    """A time-stamp authority of others: its own root, asked over HTTP."""
    others = Authority("stamps")
    key = rsa.generate_private_key(65537, 3072)
    certificate = others.issue("tsa", key, tsa=True)
    (tmp_path / "tsa.pem").write_bytes(certificate.public_bytes(PEM))
    (tmp_path / "chain.pem").write_bytes(others.issuer.public_bytes(PEM))
    form = serialization.PrivateFormat.PKCS8
    (tmp_path / "tsa.key").write_bytes(key.private_bytes(PEM, form, serialization.NoEncryption()))
    url = openssl_authority(tmp_path / "tsa.pem", tmp_path / "tsa.key", tmp_path / "chain.pem")
    return others, certificate, url


def test_tokens_sign_and_an_outside_authority_stamps_each_signature(
    tiny: Write, softhsm: Any, clock: Any, tmp_path: Path, home: Path, root: Path
) -> None:
    folder, out, signers = tiny(), tmp_path / "out", Authority("signers")
    stamps, tsa, url = clock
    for name in ("communities.csv", "measurements.csv"):  # one unit and one language, to be quick
        lines = (folder / name).read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [x for x in lines if not x.startswith(("AA-02", "AA-03"))]
        (folder / name).write_text("".join(kept), encoding="utf-8")
    text = (folder / "study.yaml").read_text(encoding="utf-8").replace("[zh, en]", "[zh]")
    for role in keys.ROLES:
        key: Any = ec.generate_private_key(ec.SECP256R1())
        if role == "institution":
            key = rsa.generate_private_key(65537, 3072)
        softhsm.store(f"outside-{role}", key, signers.issue(role, key), signers.issuer)
        token = f"{{module: {softhsm.module}, label: outside-{role}, pin_file: ../pin}}"
        text = text.replace("key: demo", f"key: {{pkcs11: {token}}}", 1)
    (tmp_path / "pin").write_text(softhsm.pin + "\n")
    (tmp_path / "pin").chmod(0o600)
    text = text.replace("timestamps: none", f"timestamps: each\ntsa: {url}")
    (folder / "study.yaml").write_text(text, encoding="utf-8")
    for authority in (signers, stamps):
        authority.publish(home / "trust")
    assert run(str(folder), out, jobs=1).signed == 1

    # what the auditor is handed: both roots and all four lists, and nothing else is needed
    report = verify(out, trust=out / "trust", home=tmp_path / "nobody", now=datetime.now(UTC))
    assert report.exit_code == 0, report.text("en")
    found = [s for item in report.items for s in item.signatures.get("data/report.zh.pdf", ())]
    assert len(found) == 3
    assert all(status.code == "valid" and status.proven_at for status in found)
    assert not any(item.demonstration for item in report.items)
    assert "time.each" in {r.code for item in report.items for r in item.results}
    names = {x509.load_pem_x509_certificate(p.read_bytes()).subject.rfc4514_string()
             for p in (out / "trust").glob("*.pem")}  # fmt: skip
    assert names == {"CN=signers root", "CN=stamps root"}

    # B-LT: certificates and lists of signers and of the authority lie in the PDF, and in the bag
    bag = out / "communities" / "AA-01"
    lists = pdfsign.stored((bag / "data" / "report.zh.pdf").read_bytes())
    issuers = {one.issuer.rfc4514_string() for one in lists.lists}
    wanted = {f"CN={name} {who}" for name in ("signers", "stamps") for who in ("root", "issuer")}
    assert issuers == wanted
    subjects = {one.subject.rfc4514_string() for one in lists.certificates}
    assert subjects >= {"CN=stamps tsa", "CN=stamps issuer", "CN=signers issuer", "CN=signers lead"}
    kept = [crl for p in (bag / "attest/crls").glob("*.crl") for crl in read_crls(p.read_bytes())]
    assert {one.issuer.rfc4514_string() for one in kept} == wanted

    # the PIN is in nothing that was made
    for path in out.rglob("*"):
        if path.is_file():
            assert softhsm.pin.encode() not in path.read_bytes(), path

    # other people's tools, with the folder that is handed on
    if all(map(shutil.which, ("bash", "jq", "pdfsig", "basenc"))):
        command = ["bash", str(root / "docs/check-batch.sh"), str(out), str(out / "trust")]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout

    # whoever does not believe the authority cannot tell the time, and is told so
    alone = tmp_path / "alone"
    signers.publish(alone)
    report = verify(bag, trust=alone, home=tmp_path / "nobody", now=datetime.now(UTC))
    assert report.verdict is Verdict.CANNOT_TELL
    assert "stamp.unknown" in {r.code for item in report.items for r in item.results}
    # an authority revoked before it stamped proves nothing
    signers.publish(tmp_path / "gone")
    stamps.publish(tmp_path / "gone", tsa)
    report = verify(bag, trust=tmp_path / "gone", home=tmp_path / "nobody", now=datetime.now(UTC))
    assert report.exit_code == 1
    assert "stamp.revoked" in {r.code for item in report.items for r in item.results}

    # a further step of the same batch: closed with the token
    uri = f"pkcs11:object=outside-institution?module-path={softhsm.module}"
    close = ["close", str(out), "--yes", "--key", f"{uri}&pin-source=file:{tmp_path / 'pin'}"]
    assert main(close) == 0
    assert main(["verify", str(out), "--trust", str(out / "trust")]) == 0
