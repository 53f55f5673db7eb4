"""Time stamps, from a local authority and over HTTP from ``openssl ts``."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
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


@pytest.fixture
def server(home: Path, openssl_authority: Callable[[Path, Path, Path], str]) -> str:
    """The demonstration's authority over HTTP on this machine."""
    demo = keys.make_demo_ca(home)
    keys.demo_clock(home)
    return openssl_authority(demo / "tsa/tsa.pem", demo / "tsa/tsa.key.pem", demo / "authority.pem")


@pytest.mark.system
def test_a_stamp_comes_over_http(server: str, roots: list[x509.Certificate]) -> None:
    made = timestamp.stamp(DATA, timestamp.http_authority(server))
    now = datetime.now(UTC)
    found = timestamp.check_stamp(made, DATA, roots, now=now)
    assert found.code == "valid"
    assert found.time is not None
    assert abs(found.time - now) < timedelta(minutes=1)
