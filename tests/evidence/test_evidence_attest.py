from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from workbench.evidence import attest, keys, note, statement
from workbench.evidence import bag as bags
from workbench.evidence.answer import Report
from workbench.evidence.ledger import Ledger
from workbench.evidence.result import Verdict
from workbench.evidence.verify import verify

NOW = datetime(2026, 12, 21, 9, tzinfo=UTC)
UNIT = {"study": "xf", "community": "JX-01", "edition": 1}
Keys = dict[keys.Role, keys.SigningKey]


def make_statement(bag: Path) -> bytes:
    return statement.make_statement(
        bag,
        study="xf",
        community="JX-01",
        edition=1,
        parameters={"seed": 7, "wave": "2026h2"},
        versions={"workbench": "0.1.0", "python": "3.11"},
        started=NOW,
        finished=NOW,
    )


def renew(bag: Path) -> None:
    bags.write_bag(bag, study="xf", community="JX-01", edition=1, issued=date(2026, 12, 20))


@pytest.fixture(scope="module")
def original(
    tmp_path_factory: pytest.TempPathFactory,
    make_unit: Callable[..., Any],
    demo_keys: Keys,
) -> Path:
    """A signed bag with statement, certificates, entry and proof, and the log beside it."""
    folder = tmp_path_factory.mktemp("attest")
    unit = make_unit(folder / "JX-01", "JX-01")
    bag = unit.bag
    attest.write_attest(bag, make_statement(bag), {str(k): v for k, v in demo_keys.items()})
    key = note.make_log_key(folder / "keys", "demonstration/ledger")
    ledger = Ledger(folder / "log", key)
    ledger.append([{"type": "open", "study": "xf"}], demonstration=True)
    attest.enter(ledger, [(bag, attest.report_entry(bag, **UNIT))], demonstration=True)  # type: ignore[arg-type]
    renew(bag)
    (folder / "log.vkey").write_text(key.verifier.text() + "\n")
    return folder


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    shutil.copytree(original, tmp_path / "x")
    return tmp_path / "x"


@pytest.fixture
def check(home: Path, tmp_path: Path) -> Callable[..., Report]:
    def run(folder: Path, *, log: bool = True) -> Report:
        trust = tmp_path / "trust"
        shutil.rmtree(trust, ignore_errors=True)
        shutil.copytree(home / "trust", trust)
        if log:
            shutil.copy(folder / "log.vkey", trust)
        return verify(folder / "JX-01", trust=trust, home=tmp_path / "no", now=NOW)

    return run


def codes(report: Report, verdict: Verdict = Verdict.CHANGED) -> set[str]:
    return {r.code for item in report.items for r in item.results if r.verdict is verdict}


def test_a_genuine_attest_is_valid_and_says_where_it_was_entered(
    folder: Path, check: Callable[..., Report]
) -> None:
    report = check(folder)
    assert report.exit_code == 0, report.text("en")
    assert codes(report, Verdict.VALID) >= {"statement.whole", "ledger.entered"}
    assert "number 1 of 2" in report.text("en")


def test_an_unknown_log_cannot_be_told(folder: Path, check: Callable[..., Report]) -> None:
    report = check(folder, log=False)
    assert report.exit_code == 5
    assert codes(report, Verdict.CANNOT_TELL) == {"ledger.unknown"}


def test_the_statement_names_outputs_as_subjects_and_inputs_as_dependencies(folder: Path) -> None:
    bag = folder / "JX-01"
    made = make_statement(bag)
    assert made == make_statement(bag)
    document = json.loads(made)
    assert document["_type"] == "https://in-toto.io/Statement/v1"
    assert document["predicateType"] == "https://slsa.dev/provenance/v1"
    subjects = {subject["name"] for subject in document["subject"]}
    definition = document["predicate"]["buildDefinition"]
    inputs = {dependency["uri"] for dependency in definition["resolvedDependencies"]}
    assert {"data/report.zh.pdf", "data/notebook.ipynb", "manifest-sha256.txt"} <= subjects
    assert {"data/inputs/study.json", "data/context.json", "data/protocol/protocol.json"} <= inputs
    on_disk = {n for n in bags.list_files(bag) if n.startswith("data/")}
    assert subjects | inputs == on_disk | {"manifest-sha256.txt"}
    assert not subjects & inputs


@pytest.mark.system
def test_openssl_and_coreutils_check_the_statement(folder: Path, tmp_path: Path) -> None:
    if shutil.which("openssl") is None or shutil.which("sha256sum") is None:
        pytest.skip("needs openssl and sha256sum")
    bag = folder / "JX-01"
    envelope = json.loads((bag / "attest" / "evaluation.intoto.json").read_bytes())
    payload = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"].encode()
    (tmp_path / "pae").write_bytes(b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload))
    for role, signature in zip(keys.ROLES, envelope["signatures"], strict=True):
        (tmp_path / "sig").write_bytes(base64.b64decode(signature["sig"]))
        public = subprocess.run(
            ["openssl", "x509", "-in", str(bag / f"attest/certs/{role}.pem"), "-pubkey", "-noout"],
            check=True,
            capture_output=True,
        ).stdout
        (tmp_path / "pub").write_bytes(public)
        subprocess.run(
            ["openssl", "dgst", "-sha256", "-verify", "pub", "-signature", "sig", "pae"],
            cwd=tmp_path,
            check=True,
            capture_output=True,
        )
    document = json.loads(payload)
    lines = [f"{s['digest']['sha256']}  {s['name']}\n" for s in document["subject"]]
    for one in document["predicate"]["buildDefinition"]["resolvedDependencies"]:
        lines.append(f"{one['digest']['sha256']}  {one['uri']}\n")
    (tmp_path / "sums").write_text("".join(lines))
    command = ["sha256sum", "-c", "--quiet", "--strict", str(tmp_path / "sums")]
    subprocess.run(command, cwd=bag, check=True)


def _html(folder: Path) -> None:
    """What no signature in a PDF protects."""
    page = folder / "JX-01" / "data" / "report.zh.html"
    page.write_text(page.read_text().replace("</html>", "<p>九十分</p></html>"))


def _crate(folder: Path) -> None:
    (folder / "JX-01" / "data" / "ro-crate-metadata.json").write_text("{}")


def _statement_of_ones_own(folder: Path) -> None:
    bag = folder / "JX-01"
    _html(folder)
    renew(bag)
    key = keys.load_key("demo", "lead", home=folder / "forger", base=folder, at=NOW)
    made = make_statement(bag)
    envelope = statement.sign_statement(made, [key])
    (bag / "attest" / "evaluation.intoto.json").write_bytes(envelope)
    pem = key.certificate.public_bytes(serialization.Encoding.PEM)
    (bag / "attest" / "certs" / "lead.pem").write_bytes(pem)


def _payload(folder: Path) -> None:
    path = folder / "JX-01" / "attest" / "evaluation.intoto.json"
    envelope = json.loads(path.read_bytes())
    payload = base64.b64decode(envelope["payload"]).replace(b'"seed":7', b'"seed":8')
    envelope["payload"] = base64.b64encode(payload).decode()
    path.write_text(json.dumps(envelope))


def _no_envelope(folder: Path) -> None:
    (folder / "JX-01" / "attest" / "evaluation.intoto.json").write_text('{"payload": 1}')


def _entry(folder: Path) -> None:
    path = folder / "JX-01" / "attest" / "entry.json"
    path.write_text(path.read_text().replace('"edition":1', '"edition":2'))


def _entry_and_reports(folder: Path) -> None:
    """An entry that fits the bag, but was never entered."""
    path = folder / "JX-01" / "attest" / "entry.json"
    entry = json.loads(path.read_text()) | {"note": "x"}
    path.write_text(json.dumps(entry))


def _proof(folder: Path) -> None:
    (folder / "JX-01" / "attest" / "entry.tlog-proof").unlink()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_html, "statement.file"),
        (_crate, "statement.file"),
        (_statement_of_ones_own, "statement.signer"),
        (_payload, "statement.signer"),
        (_no_envelope, "statement.unreadable"),
        (_entry, "ledger.entry"),
        (_entry_and_reports, "ledger.proof"),
    ],
)
def test_what_manifests_alone_would_miss_is_caught(
    folder: Path,
    check: Callable[..., Report],
    change: Callable[[Path], None],
    code: str,
) -> None:
    change(folder)
    renew(folder / "JX-01")
    report = check(folder)
    assert report.exit_code == 1
    assert code in codes(report), report.text("en")


def test_a_proof_taken_out_cannot_be_told(folder: Path, check: Callable[..., Report]) -> None:
    _proof(folder)
    renew(folder / "JX-01")
    assert codes(check(folder), Verdict.CANNOT_TELL) == {"ledger.unknown"}
