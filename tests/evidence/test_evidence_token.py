"""Keys in a real token library (Debian's softhsm2)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from workbench.errors import InputError
from workbench.evidence import keys, pdfsign

NOW = datetime(2026, 12, 21, 8, tzinfo=UTC)


@pytest.fixture(scope="module")
def token(softhsm: Any) -> dict[str, Any]:
    """A token with a P-256 and an RSA-3072 key, each with its certificate."""
    issuer = ec.generate_private_key(ec.SECP256R1())
    made: dict[str, Any] = {"module": softhsm.module, "pin": softhsm.pin}
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    for name, private in {
        "p256": ec.generate_private_key(ec.SECP256R1()),
        "rsa": rsa.generate_private_key(65537, 3072),
    }.items():
        made[name] = _certificate(private, issuer, name)
        softhsm.store(name, private, made[name])
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


@pytest.mark.system
@pytest.mark.parametrize("name", ["p256", "rsa"])
def test_a_key_in_a_token_signs_a_report(
    token: dict[str, Any], name: str, tmp_path: Path, compile_report: Any
) -> None:
    setting = {"pkcs11": {"module": token["module"], "label": name}}
    key = keys.load_key(
        setting, "lead", home=tmp_path, base=tmp_path, at=NOW, passphrase=token["pin"].encode()
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
    (tmp_path / "pin").write_text(token["pin"] + "\n")
    (tmp_path / "pin").chmod(0o600)
    assert load(f"{uri}&pin-source=file:pin").name == "p256"
    for wrong in ({"passphrase": b"9999"}, {"passphrase": b""}):
        with pytest.raises(InputError) as caught:
            load(uri, **wrong)
        assert caught.value.problems[0].code == "key.token"
