"""Keys in a real token library (Debian's softhsm2)."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from workbench.errors import InputError
from workbench.evidence import keys, pdfsign

NOW = datetime(2026, 12, 21, 8, tzinfo=UTC)
MODULES = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
]
PIN = "1234"


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A token with a P-256 and an RSA-3072 key, each with its certificate."""
    module = next((path for path in MODULES if Path(path).exists()), None)
    if module is None or shutil.which("softhsm2-util") is None:
        pytest.skip("needs softhsm2")
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    config = folder / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\n")
    os.environ["SOFTHSM2_CONF"] = str(config)  # read once, by the driver, when it is loaded
    label = f"wb-{secrets.token_hex(4)}"
    init = f"softhsm2-util --init-token --free --label {label} --so-pin 0000 --pin {PIN}"
    subprocess.run(init.split(), check=True, capture_output=True)
    issuer = ec.generate_private_key(ec.SECP256R1())
    made: dict[str, Any] = {"module": module, "folder": folder}
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    for at, (name, private) in enumerate(
        {
            "p256": ec.generate_private_key(ec.SECP256R1()),
            "rsa": rsa.generate_private_key(65537, 3072),
        }.items()
    ):
        pem = folder / f"{name}.pem"
        pem.write_bytes(
            private.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        command = (
            f"softhsm2-util --import {pem} --token {label} --label {name} --id 0{at} --pin {PIN}"
        )
        subprocess.run(command.split(), check=True, capture_output=True)
        made[name] = _certificate(private, issuer, name)
        _store(module, label, name, bytes([at]), made[name])
    return made


def _certificate(key: Any, issuer: Any, name: str) -> x509.Certificate:
    from cryptography.hazmat.primitives import hashes

    def called(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    return (
        x509.CertificateBuilder()
        .subject_name(called(name))
        .issuer_name(called("root"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2028, 1, 1, tzinfo=UTC))
        .add_extension(keys._usage(authority=False), critical=True)
        .sign(issuer, hashes.SHA256())
    )


def _store(module: str, token: str, label: str, key_id: bytes, cert: x509.Certificate) -> None:
    import pkcs11
    from pkcs11 import Attribute, ObjectClass

    with pkcs11.lib(module).get_token(token_label=token).open(rw=True, user_pin=PIN) as session:
        der = cert.public_bytes(serialization.Encoding.DER)
        session.create_object(
            {
                Attribute.CLASS: ObjectClass.CERTIFICATE,
                Attribute.CERTIFICATE_TYPE: pkcs11.constants.CertificateType.X_509,
                Attribute.TOKEN: True,
                Attribute.LABEL: label,
                Attribute.ID: key_id,
                Attribute.SUBJECT: cert.subject.public_bytes(),
                Attribute.VALUE: der,
            }
        )


@pytest.mark.system
@pytest.mark.parametrize("name", ["p256", "rsa"])
def test_a_key_in_a_token_signs_a_report(
    token: dict[str, Any], name: str, tmp_path: Path, compile_report: Any
) -> None:
    setting = {"pkcs11": {"module": token["module"], "label": name}}
    key = keys.load_key(
        setting, "lead", home=tmp_path, base=tmp_path, at=NOW, passphrase=PIN.encode()
    )
    assert key.certificate == token[name]
    pdf = compile_report(tmp_path / "t", b"", b"[]\n", "0ff1ceff00aa", "JX-01")
    done = pdfsign.sign(pdfsign.prepare(pdf), "lead", key, reason="r", time=NOW)
    (status,) = pdfsign.signatures(done, [], now=NOW)
    assert (status.code, status.signer) == ("unknown-authority", name)  # intact, root unknown


@pytest.mark.system
def test_a_token_opens_with_a_pin_file_or_its_person(token: dict[str, Any], tmp_path: Path) -> None:
    def load(setting: Any, **more: Any) -> keys.SigningKey:
        return keys.load_key(setting, "lead", home=tmp_path, base=tmp_path, at=NOW, **more)

    uri = f"pkcs11:object=p256?module-path={token['module']}"
    with pytest.raises(InputError) as caught:
        load(uri)
    assert caught.value.problems[0].code == "key.person"
    (tmp_path / "pin").write_text(PIN + "\n")
    (tmp_path / "pin").chmod(0o600)
    assert load(f"{uri}&pin-source=file:pin").name == "p256"
    for wrong in ({"passphrase": b"9999"}, {"passphrase": b""}):
        with pytest.raises(InputError) as caught:
            load(uri, **wrong)
        assert caught.value.problems[0].code == "key.token"
