"""Time: what is valid years later, and what needs a renewed stamp."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from workbench.errors import InputError
from workbench.evidence import attest, keys, logs, pdfsign, statement, timestamp
from workbench.evidence import bag as bags
from workbench.evidence.answer import Report
from workbench.evidence.result import Verdict
from workbench.evidence.verify import verify

NOW = datetime(2026, 12, 21, 8, tzinfo=UTC)
YEAR = timedelta(days=365)


@dataclass
class Office:
    """An authority of a test with short-lived signers, a time-stamp authority, and its list."""

    key: Any
    root: x509.Certificate

    def issue(self, name: str, key: Any, until: datetime, *, tsa: bool = False) -> x509.Certificate:
        builder = _builder(name, key, until, authority=False)
        if tsa:
            usage = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.TIME_STAMPING])
            builder = builder.add_extension(usage, critical=True)
        return builder.sign(self.key, hashes.SHA256())

    def signer(self, name: str) -> keys.SigningKey:
        key = ec.generate_private_key(ec.SECP256R1())
        made = self.issue(name, key, NOW + YEAR)
        return keys.SigningKey(made, keys._FileKey(key), (self.root,))

    def clock(self, until: datetime, at: datetime = NOW) -> Callable[[bytes], bytes]:
        key = ec.generate_private_key(ec.SECP256R1())
        made = self.issue(f"TSA {until:%Y}", key, until, tsa=True)
        local = timestamp.local_authority(made, keys._FileKey(key), (self.root,), clock=lambda: at)
        return lambda data: timestamp.stamp(data, local)

    def list(self, certificate: x509.Certificate, when: datetime) -> bytes:
        entry = (
            x509.RevokedCertificateBuilder()
            .serial_number(certificate.serial_number)
            .revocation_date(when)
            .build()
        )
        builder = x509.CertificateRevocationListBuilder(
            self.root.subject, NOW - YEAR, NOW + 9 * YEAR
        ).add_revoked_certificate(entry)
        made = builder.sign(self.key, hashes.SHA256())
        return made.public_bytes(serialization.Encoding.PEM)


def _builder(name: str, key: Any, until: datetime, *, authority: bool) -> x509.CertificateBuilder:
    def called(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    return (
        x509.CertificateBuilder()
        .subject_name(called(name))
        .issuer_name(called("根 root"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - YEAR)
        .not_valid_after(until)
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(keys._usage(authority=authority), critical=True)
    )


@pytest.fixture
def office() -> Office:
    key = ec.generate_private_key(ec.SECP256R1())
    root = _builder("根 root", key, NOW + 20 * YEAR, authority=True).sign(key, hashes.SHA256())
    return Office(key, root)


@pytest.fixture
def trust(office: Office, tmp_path: Path) -> Path:
    folder = tmp_path / "trust"
    folder.mkdir()
    (folder / "root.pem").write_bytes(office.root.public_bytes(serialization.Encoding.PEM))
    return folder


@pytest.fixture
def signers(office: Office) -> dict[keys.Role, keys.SigningKey]:
    return {role: office.signer(role) for role in keys.ROLES}


@pytest.fixture
def issue(
    tmp_path: Path,
    make_unit: Callable[..., Any],
    signers: dict[keys.Role, keys.SigningKey],
) -> Callable[..., Path]:
    """Give the function that issues one bag in a batch of its own, stamped by a clock."""

    def make(stamp: Callable[[bytes], bytes] | None) -> Path:
        out, home = tmp_path / "out", tmp_path / "home"
        bag = out / "communities" / "JX-01"
        made = make_unit(bag, "JX-01", signed=0, timestamps="ledger" if stamp else "none")
        shutil.rmtree(bag.parent / ".typst-JX-01")
        pdf = made.stages[0]
        for role, key in signers.items():
            pdf = pdfsign.sign(pdf, role, key, reason="r", time=NOW)
        for lang in ("zh", "en"):
            (bag / "data" / f"report.{lang}.pdf").write_bytes(pdf)
        bags.write_bag(bag, study="xf", community="JX-01", edition=1, issued=date(2026, 12, 20))
        ledger = logs.open_log(out / "ledger", home=home, name="机构/ledger")
        statement_ = statement.make_statement(
            bag, study="xf", community="JX-01", edition=1, parameters={}, versions={},
            started=NOW, finished=NOW, log=ledger.verifier.text(),
        )  # fmt: skip
        attest.write_attest(bag, statement_, {str(r): k for r, k in signers.items()})
        entry = attest.report_entry(bag, study="xf", community="JX-01", edition=1)
        attest.enter(ledger, [(bag, entry)], demonstration=False, stamp=stamp)
        bags.write_tags(bag)
        return bag

    return make


@pytest.fixture
def check(trust: Path, tmp_path: Path) -> Callable[..., Report]:
    def run(bag: Path, now: datetime) -> Report:
        return verify(bag, trust=trust, home=tmp_path / "home", now=now)

    return run


def codes(report: Report, verdict: Verdict) -> set[str]:
    return {r.code for item in report.items for r in item.results if r.verdict is verdict}


def test_two_years_later_the_ledgers_stamp_keeps_a_report_valid(
    issue: Callable[..., Path], check: Callable[..., Report], office: Office
) -> None:
    bag = issue(office.clock(NOW + 10 * YEAR))
    for now in (NOW, NOW + 2 * YEAR):
        report = check(bag, now)
        assert report.exit_code == 0, report.text("en")
        assert "stamp.valid" in codes(report, Verdict.VALID)


def test_without_a_stamp_two_years_later_nobody_can_tell(
    issue: Callable[..., Path], check: Callable[..., Report]
) -> None:
    bag = issue(None)
    assert check(bag, NOW).exit_code == 0
    assert "time.none" in codes(check(bag, NOW), Verdict.VALID)
    late = check(bag, NOW + 2 * YEAR)
    assert late.exit_code == 5
    assert codes(late, Verdict.CANNOT_TELL) == {"signature.expired"}


def test_when_the_authoritys_certificate_has_expired_a_renewed_stamp_is_needed(
    issue: Callable[..., Path], check: Callable[..., Report], office: Office, tmp_path: Path
) -> None:
    bag = issue(office.clock(NOW + YEAR + timedelta(days=100)))
    late = NOW + 2 * YEAR
    report = check(bag, late)
    assert report.exit_code == 5
    assert "stamp.expired" in codes(report, Verdict.CANNOT_TELL)
    assert "renewed" in report.text("en")
    # renewed while the first authority's certificate was still in force
    ledger = tmp_path / "out" / "ledger"
    logs.renew(ledger, office.clock(NOW + 10 * YEAR, at=NOW + YEAR))
    report = check(bag, late)
    assert report.exit_code == 0, report.text("en")
    # renewed too late: it proves nothing of the time before
    for file in (ledger / "stamps").glob("renewed-*"):
        file.unlink()
    logs.renew(ledger, office.clock(NOW + 10 * YEAR, at=late))
    assert check(bag, late).exit_code == 5


@pytest.mark.parametrize(
    ("days", "exit_code", "code"), [(-1, 1, "signature.revoked"), (30, 0, "signature.valid")]
)
def test_a_certificate_revoked_before_it_signed_does_not_count_one_revoked_later_does(
    issue: Callable[..., Path],
    check: Callable[..., Report],
    office: Office,
    signers: dict[keys.Role, keys.SigningKey],
    trust: Path,
    days: int,
    exit_code: int,
    code: str,
) -> None:
    bag = issue(office.clock(NOW + 10 * YEAR))
    gone = NOW + timedelta(days=days)
    (trust / "a.crl").write_bytes(office.list(signers["reviewer"].certificate, gone))
    report = check(bag, NOW + timedelta(days=60))
    assert report.exit_code == exit_code, report.text("en")
    assert any(code in codes(report, verdict) for verdict in Verdict)


def test_a_revocation_after_an_unproven_time_cannot_be_judged(
    issue: Callable[..., Path],
    check: Callable[..., Report],
    office: Office,
    signers: dict[keys.Role, keys.SigningKey],
    trust: Path,
) -> None:
    bag = issue(None)
    gone = NOW + timedelta(days=30)
    (trust / "a.crl").write_bytes(office.list(signers["lead"].certificate, gone))
    report = check(bag, NOW + timedelta(days=60))
    assert codes(report, Verdict.CANNOT_TELL) == {"signature.revoked-since"}


def test_a_list_by_another_authority_revokes_nothing(
    issue: Callable[..., Path],
    check: Callable[..., Report],
    office: Office,
    signers: dict[keys.Role, keys.SigningKey],
    trust: Path,
) -> None:
    bag = issue(office.clock(NOW + 10 * YEAR))
    forger = Office(ec.generate_private_key(ec.SECP256R1()), office.root)
    (trust / "a.crl").write_bytes(forger.list(signers["lead"].certificate, NOW - YEAR))
    (trust / "b.crl").write_bytes(b"\x30\x03junk")
    assert check(bag, NOW + timedelta(days=60)).exit_code == 0


def test_a_revoked_or_expired_certificate_does_not_sign(office: Office, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = office.issue("甲", key, NOW + YEAR)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    for one in (certificate, office.root):
        pem += one.public_bytes(serialization.Encoding.PEM)
    file = tmp_path / "signer.pem"

    def code(data: bytes, at: datetime = NOW) -> str:
        file.write_bytes(data)
        file.chmod(0o600)
        try:
            keys.load_key(str(file), "lead", home=tmp_path / "h", base=tmp_path, at=at)
        except InputError as error:
            return error.problems[0].code
        return "signs"

    assert code(pem) == "signs"
    assert code(pem, NOW + 2 * YEAR) == "key.expired"
    revoked = office.list(certificate, NOW - timedelta(days=1))
    assert code(pem + revoked) == "key.revoked"
    (tmp_path / "h" / "trust").mkdir(parents=True)
    (tmp_path / "h" / "trust" / "a.crl").write_bytes(revoked)
    assert code(pem) == "key.revoked"
