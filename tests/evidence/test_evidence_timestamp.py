"""Time stamps, from a local authority and over HTTP from ``openssl ts``."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography import x509

from workbench.errors import MachineError
from workbench.evidence import keys, timestamp

NOW = datetime(2026, 12, 21, 8, tzinfo=UTC)
DATA = b"a head\n"


@pytest.fixture
def roots(home: Path) -> list[x509.Certificate]:
    return keys.load_roots(home)


@pytest.fixture
def local(home: Path) -> timestamp.Authority:
    clock = keys.demo_clock(home)
    return timestamp.local_authority(
        clock.certificate, clock.private, clock.chain, clock=lambda: NOW
    )


def test_a_stamp_proves_the_time_of_these_bytes_and_no_others(
    local: timestamp.Authority, roots: list[x509.Certificate]
) -> None:
    made = timestamp.stamp(DATA, local)
    found = timestamp.check_stamp(made, DATA, roots, now=NOW)
    assert (found.code, found.time, found.demonstration) == ("valid", NOW, True)
    assert timestamp.check_stamp(made, DATA + b"x", roots, now=NOW).code == "broken"
    assert timestamp.check_stamp(made, DATA, [], now=NOW).code == "unknown"
    late = datetime(2060, 1, 1, tzinfo=UTC)
    assert timestamp.check_stamp(made, DATA, roots, now=late).code == "expired"


def test_every_flipped_byte_of_a_stamp_is_caught(
    local: timestamp.Authority, roots: list[x509.Certificate]
) -> None:
    made = timestamp.stamp(DATA, local)
    right = timestamp.check_stamp(made, DATA, roots, now=NOW)
    for at in range(0, len(made), 7):
        flipped = made[:at] + bytes([made[at] ^ 0x20]) + made[at + 1 :]
        found = timestamp.check_stamp(flipped, DATA, roots, now=NOW)
        # a byte outside of what is signed (status text, ids) may change nothing that is told
        assert found.code != "valid" or found.time == right.time


def test_an_authority_that_answers_another_question_is_refused(local: timestamp.Authority) -> None:
    other: list[bytes] = []
    timestamp.stamp(b"other", lambda request: other.append(local(request)) or other[0])  # type: ignore[func-returns-value]
    for answer in (other[0], b"", b"<html>", other[0][:50]):
        with pytest.raises(MachineError) as caught:
            timestamp.stamp(DATA, lambda _, answer=answer: answer)  # type: ignore[misc]
        assert caught.value.problems[0].code == "stamp.refused"

    def gone(_: bytes) -> bytes:
        raise OSError("no route")

    with pytest.raises(MachineError) as caught:
        timestamp.stamp(DATA, gone)
    assert caught.value.problems[0].code == "stamp.unreachable"


@pytest.mark.system
def test_openssl_accepts_our_stamps(local: timestamp.Authority, home: Path, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    (tmp_path / "data").write_bytes(DATA)
    (tmp_path / "tsr").write_bytes(timestamp.stamp(DATA, local))
    command = "openssl ts -verify -data data -in tsr -CAfile".split()
    root = str(home / "trust" / "demonstration.pem")
    done = subprocess.run([*command, root], cwd=tmp_path, capture_output=True, text=True)
    assert "Verification: OK" in done.stdout + done.stderr


CONFIG = """\
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
def server(home: Path, tmp_path: Path) -> Iterator[str]:
    """A time-stamp authority over HTTP on this machine, made of ``openssl ts``."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    demo = keys.make_demo_ca(home)
    keys.demo_clock(home)
    (tmp_path / "tsa.cnf").write_text(CONFIG.format(tmp_path))
    (tmp_path / "serial").write_text("01\n")
    command = (
        f"openssl ts -reply -config {tmp_path}/tsa.cnf -queryfile {tmp_path}/q -out {tmp_path}/r "
        f"-signer {demo}/tsa/tsa.pem -inkey {demo}/tsa/tsa.key.pem -chain {demo}/authority.pem"
    )

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/timestamp-query"
            (tmp_path / "q").write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
            subprocess.run(command.split(), check=True, capture_output=True)
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.end_headers()
            self.wfile.write((tmp_path / "r").read_bytes())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    running = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}/tsa"
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.mark.system
def test_a_stamp_comes_over_http(server: str, roots: list[x509.Certificate]) -> None:
    made = timestamp.stamp(DATA, timestamp.http_authority(server))
    now = datetime.now(UTC)
    found = timestamp.check_stamp(made, DATA, roots, now=now)
    assert found.code == "valid"
    assert found.time is not None
    assert abs(found.time - now) < timedelta(minutes=1)
