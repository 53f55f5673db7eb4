"""What all tests share."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("MPLBACKEND", "agg")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """The data and reference figures beside the project."""
    folder = ROOT.parent / "shared"
    if not (folder / "reference").is_dir():
        pytest.skip("needs ../shared")
    return folder


@pytest.fixture(scope="session")
def demo_batch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled study, assessed once for all tests that look at its reports."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return _assess_demo(tmp_path_factory.mktemp("demo"))
    # test processes side by side share one batch: the first makes it, the others wait for it
    folder = tmp_path_factory.getbasetemp().parent / "demo"
    done = folder / "done"
    try:
        folder.mkdir()
    except FileExistsError:
        for _ in range(3000):
            if done.exists():
                break
            time.sleep(0.1)
        assert done.read_text() == "made", "the batch failed in another test process"
        return folder / "out"
    said = "failed"
    try:
        _assess_demo(folder)
        said = "made"
    finally:
        aside = done.with_suffix(".aside")
        aside.write_text(said)
        aside.replace(done)
    return folder / "out"


def _assess_demo(folder: Path) -> Path:
    from workbench.batch.run import run

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_HOME", str(folder / "home"))
        outcome = run(str(ROOT / "data" / "demo"), folder / "out", jobs=2)
    assert (outcome.total, outcome.signed, outcome.withheld, outcome.code) == (14, 14, 1, 3)
    return folder / "out"


OPENSSL_TS = """\
[tsa]
default_tsa = one
[one]
serial = {0}/serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256, sha384, sha512
accuracy = secs:1
ordering = no
tsa_name = no
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""


@pytest.fixture
def openssl_authority(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[Path, Path, Path], str]]:
    """Give what serves a time-stamp authority on this machine, made of ``openssl ts``.

    Certificate, key and chain (PEM files) in, its address out.
    """
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    running: list[tuple[HTTPServer, threading.Thread]] = []

    def serve(certificate: Path, key: Path, chain: Path) -> str:
        folder = tmp_path_factory.mktemp("tsa")
        (folder / "tsa.cnf").write_text(OPENSSL_TS.format(folder))
        (folder / "serial").write_text("01\n")
        command = (
            f"openssl ts -reply -config {folder}/tsa.cnf -queryfile {folder}/q -out {folder}/r "
            f"-signer {certificate} -inkey {key} -chain {chain}"
        )

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.headers["Content-Type"] == "application/timestamp-query"
                (folder / "q").write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
                subprocess.run(command.split(), check=True, capture_output=True)
                self.send_response(200)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.end_headers()
                self.wfile.write((folder / "r").read_bytes())

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}/tsa"

    yield serve
    for server, thread in running:
        server.shutdown()
        server.server_close()
        thread.join()


SOFTHSM = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
]


@dataclass(frozen=True)
class Token:
    """A token of Debian's softhsm2, which holds what is stored in it."""

    module: str
    label: str
    pin: str
    folder: Path

    def store(self, name: str, private: Any, *certificates: Any) -> None:
        """Put a key into the token under a label, with its certificate and those above it."""
        import pkcs11
        from cryptography.hazmat.primitives import serialization
        from pkcs11 import Attribute, ObjectClass

        at, pem = secrets.token_hex(4), self.folder / f"{name}.pem"
        pem.write_bytes(
            private.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        command = (
            f"softhsm2-util --import {pem} --token {self.label} --label {name} --id {at} "
            f"--pin {self.pin}"
        )
        subprocess.run(command.split(), check=True, capture_output=True)
        pem.unlink()
        token = pkcs11.lib(self.module).get_token(token_label=self.label)
        try:
            opened = token.open(rw=True, user_pin=self.pin)
        except pkcs11.UserAlreadyLoggedIn:  # a key of this process has it open
            opened = token.open(rw=True)
        with opened as session:
            for number, certificate in enumerate(certificates):
                session.create_object(
                    {
                        Attribute.CLASS: ObjectClass.CERTIFICATE,
                        Attribute.CERTIFICATE_TYPE: pkcs11.constants.CertificateType.X_509,
                        Attribute.TOKEN: True,
                        Attribute.LABEL: f"{name}-{number}" if number else name,
                        Attribute.ID: secrets.token_bytes(4) if number else bytes.fromhex(at),
                        Attribute.SUBJECT: certificate.subject.public_bytes(),
                        Attribute.VALUE: certificate.public_bytes(serialization.Encoding.DER),
                    }
                )


@pytest.fixture(scope="session")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> Token:
    """A token in a real driver; worker processes find it too."""
    module = next((path for path in SOFTHSM if Path(path).exists()), None)
    if module is None or shutil.which("softhsm2-util") is None:
        pytest.skip("needs softhsm2")
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    config = folder / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\n")
    os.environ["SOFTHSM2_CONF"] = str(config)  # read once, by the driver, when it is loaded
    made = Token(module, f"wb-{secrets.token_hex(4)}", f"9{secrets.randbelow(10**9):09d}", folder)
    init = f"softhsm2-util --init-token --free --label {made.label} --so-pin 0000 --pin {made.pin}"
    subprocess.run(init.split(), check=True, capture_output=True)
    return made
