from __future__ import annotations

import multiprocessing
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from workbench.errors import InputError
from workbench.evidence import keys

NOW = datetime(2026, 12, 21, tzinfo=UTC)


def certificate(key: Any, **more: Any) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, more.get("name", "张三"))])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(more.get("begin", NOW - timedelta(days=30)))
        .not_valid_after(more.get("end", NOW + timedelta(days=30)))
    )
    if "ca" in more:
        builder = builder.add_extension(x509.BasicConstraints(more["ca"], None), critical=True)
    return builder.sign(
        key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    )


def pem(key: Any, cert: x509.Certificate) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ) + cert.public_bytes(serialization.Encoding.PEM)


def secret(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def load(setting: Any, base: Path, at: datetime = NOW, **more: Any) -> keys.SigningKey:
    return keys.load_key(setting, "lead", home=base / "home", base=base, at=at, **more)


def refused(setting: Any, base: Path, at: datetime = NOW, **more: Any) -> list[str]:
    with pytest.raises(InputError) as caught:
        load(setting, base, at, **more)
    assert all(problem.zh and problem.en for problem in caught.value.problems)
    return [problem.code for problem in caught.value.problems]


def test_demonstration_keys_say_what_they_are(tmp_path: Path) -> None:
    loaded = [
        keys.load_key("demo", role, home=tmp_path / "h", base=tmp_path, at=NOW)
        for role in keys.ROLES
    ]
    assert all(key.demonstration for key in loaded)
    assert all("示例" in key.name and "DEMONSTRATION" in key.name for key in loaded)
    assert len({key.certificate.fingerprint(hashes.SHA256()) for key in loaded}) == 3
    (root,) = keys.load_roots(tmp_path / "h")
    for key in loaded:
        key.certificate.verify_directly_issued_by(root)
        assert key.chain == (root,)


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
def test_the_home_is_closed_to_others(tmp_path: Path) -> None:
    demo = keys.make_demo_ca(tmp_path / "h")
    assert stat.S_IMODE((tmp_path / "h").stat().st_mode) == 0o700
    for file in demo.glob("*.key.pem"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_authority_is_made_once(tmp_path: Path) -> None:
    demo = keys.make_demo_ca(tmp_path / "h")
    before = {file.name: file.read_bytes() for file in demo.iterdir()}
    assert keys.make_demo_ca(tmp_path / "h") == demo
    assert {file.name: file.read_bytes() for file in demo.iterdir()} == before


def test_a_root_that_was_taken_out_of_trust_stays_out(tmp_path: Path) -> None:
    keys.make_demo_ca(tmp_path / "h")
    (tmp_path / "h" / "trust" / "demonstration.pem").unlink()
    keys.make_demo_ca(tmp_path / "h")
    assert keys.load_roots(tmp_path / "h") == []


def test_a_root_is_announced_after_a_crash_before_the_announcement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            keys.make_demo_ca(tmp_path / "h")
    keys.make_demo_ca(tmp_path / "h")
    assert len(keys.load_roots(tmp_path / "h")) == 1


def _make(home: Path, start: Any) -> None:
    start.wait()
    keys.make_demo_ca(home)


def test_two_processes_that_start_at_once_agree_on_one_authority(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    start = spawn.Event()
    both = [spawn.Process(target=_make, args=(tmp_path / "h", start)) for _ in range(2)]
    for process in both:
        process.start()
    start.set()
    for process in both:
        process.join(60)
        assert process.exitcode == 0
    (root,) = keys.load_roots(tmp_path / "h")
    for role in keys.ROLES:
        key = keys.load_key("demo", role, home=tmp_path / "h", base=tmp_path, at=NOW)
        key.certificate.verify_directly_issued_by(root)
    assert [path.name for path in (tmp_path / "h" / "keys").iterdir()] == ["demo"]


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_pkcs12_and_pem_open(tmp_path: Path, kind: str) -> None:
    key: Any = (
        ec.generate_private_key(ec.SECP256R1())
        if kind == "ec"
        else rsa.generate_private_key(65537, 2048)
    )
    cert = certificate(key)
    store = pkcs12.serialize_key_and_certificates(
        b"k", key, cert, None, serialization.BestAvailableEncryption("口令".encode())
    )
    secret(tmp_path / "a.p12", store)
    secret(tmp_path / "pass.txt", "口令\n".encode())
    secret(tmp_path / "a.pem", pem(key, cert))
    for loaded in (
        load({"pkcs12": "a.p12", "passphrase_file": "pass.txt"}, tmp_path),
        load("a.p12", tmp_path, passphrase="口令".encode()),
        load({"pem": "a.pem"}, tmp_path),
        load("a.pem", tmp_path),
    ):
        assert loaded.certificate == cert
        assert loaded.name == "张三"
        assert not loaded.demonstration
        assert loaded.private.sign(b"data")


def test_a_wrong_passphrase_or_a_damaged_file_is_told(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    store = pkcs12.serialize_key_and_certificates(
        b"k", key, certificate(key), None, serialization.BestAvailableEncryption(b"right")
    )
    secret(tmp_path / "a.p12", store)
    secret(tmp_path / "b.pem", b"nothing")
    assert refused("a.p12", tmp_path, passphrase=b"wrong") == ["key.unreadable"]
    assert refused("a.p12", tmp_path) == ["key.unreadable"]
    assert refused("b.pem", tmp_path) == ["key.unreadable"]
    assert refused("c.pem", tmp_path) == ["key.missing"]


def test_a_certificate_of_another_key_is_refused(tmp_path: Path) -> None:
    one, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    secret(tmp_path / "a.pem", pem(one, certificate(other)))
    assert refused("a.pem", tmp_path) == ["key.certificate"]


@pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_or_passphrase_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    file = secret(tmp_path / "a.pem", pem(key, certificate(key)))
    secret(tmp_path / "pass.txt", b"x").chmod(mode)
    assert refused({"pem": "a.pem", "passphrase_file": "pass.txt"}, tmp_path) == [
        "key.readable-by-others"
    ]
    file.chmod(mode)
    assert refused("a.pem", tmp_path) == ["key.readable-by-others"]


@pytest.mark.parametrize(
    ("at", "code"),
    [(NOW + timedelta(days=31), "key.expired"), (NOW - timedelta(days=31), "key.not-yet-valid")],
)
def test_a_certificate_signs_only_while_it_is_in_force(
    tmp_path: Path, at: datetime, code: str
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    secret(tmp_path / "a.pem", pem(key, certificate(key)))
    assert refused("a.pem", tmp_path, at) == [code]


def test_unsuitable_keys_are_refused(tmp_path: Path) -> None:
    authority = ec.generate_private_key(ec.SECP256R1())
    secret(tmp_path / "ca.pem", pem(authority, certificate(authority, ca=True)))
    assert refused("ca.pem", tmp_path) == ["key.authority"]
    edwards = ed25519.Ed25519PrivateKey.generate()
    secret(tmp_path / "ed.pem", pem(edwards, certificate(edwards)))
    assert refused("ed.pem", tmp_path) == ["key.certificate"]
    short = rsa.generate_private_key(65537, 1024)
    secret(tmp_path / "short.pem", pem(short, certificate(short)))
    assert refused("short.pem", tmp_path) == ["key.weak"]


def test_a_key_of_a_person_is_asked_for(tmp_path: Path) -> None:
    assert refused("person", tmp_path) == ["key.person"]
    assert refused({"pkcs11": {"module": "x"}}, tmp_path) == ["key.person"]


def test_given_roots_replace_those_of_the_home(tmp_path: Path) -> None:
    keys.make_demo_ca(tmp_path / "h")
    key = ec.generate_private_key(ec.SECP256R1())
    root = certificate(key, ca=True)
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "root.pem").write_bytes(root.public_bytes(serialization.Encoding.PEM))
    assert keys.load_roots(tmp_path / "h", tmp_path / "t") == [root]
    assert keys.load_roots(tmp_path / "h", tmp_path / "t" / "root.pem") == [root]
    with pytest.raises(InputError):
        keys.load_roots(tmp_path / "h", tmp_path / "none.pem")


def test_keys_are_listed(tmp_path: Path) -> None:
    assert keys.list_keys(tmp_path / "h") == []
    keys.make_demo_ca(tmp_path / "h")
    listed = keys.list_keys(tmp_path / "h")
    assert [info.kind for info in listed] == ["signer"] * 3 + ["root"]
    assert listed[3].file == "trust/demonstration.pem"
    assert all(info.demonstration and info.algorithm == "secp256r1" for info in listed)


def test_home_comes_from_the_environment_that_is_given() -> None:
    assert keys.home_folder({"WORKBENCH_HOME": "/x"}) == Path("/x")
    assert keys.home_folder({}).name == "workbench"
