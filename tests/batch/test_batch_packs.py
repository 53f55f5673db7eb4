"""Reports are sent back, signed on machines without the study, and sealed by an outside system."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from workbench.batch import state
from workbench.batch.run import run
from workbench.batch.sign import due
from workbench.cli import main
from workbench.evidence import bag as bags

UNITS = ["AA-01", "AA-02", "AA-03"]
PEM = serialization.Encoding.PEM


@pytest.fixture(scope="module")
def drafts(
    tmp_path_factory: pytest.TempPathFactory, write_study: Callable[..., Path]
) -> Iterator[Path]:
    """A batch of three drafts, to be copied."""
    base = tmp_path_factory.mktemp("drafts")
    (base / "home").mkdir(mode=0o700)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("WORKBENCH_HOME", str(base / "home"))
        folder = write_study(base / "study")
        text = (folder / "study.yaml").read_text(encoding="utf-8")
        text = text.replace("key: demo", "key: person")
        (folder / "study.yaml").write_text(text, encoding="utf-8")
        assert run(str(folder), base / "out", jobs=2).drafts == 3
        yield base


@pytest.fixture
def out(drafts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The batch of this test alone."""
    for name in ("home", "study", "out"):
        shutil.copytree(drafts / name, tmp_path / name)
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    note = {"study": str(tmp_path / "study")}
    (tmp_path / "out" / "private" / "study.json").write_text(json.dumps(note), encoding="utf-8")
    return tmp_path / "out"


@pytest.fixture
def sign(out: Path, given: Path) -> Callable[..., int]:
    """Sign the batch, or a pack, in a role with the key of that role or another."""

    def run_command(role: str, *more: str, where: Path = out, key: str = "") -> int:
        pem = ["--key", str(given / f"{key or role}.p12")]
        return main(["--messages", "en", "sign", str(where), "--as", role, "--yes", *pem, *more])

    return run_command


def test_a_pack_is_signed_without_the_study_and_comes_back(
    out: Path,
    given: Path,
    tmp_path: Path,
    sign: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert sign("lead") == 0
    pack = tmp_path / "away" / "reviewer.zip"
    pack.parent.mkdir()
    assert sign("reviewer", "--pack", str(pack)) == 0
    with zipfile.ZipFile(pack) as archive:
        names = set(archive.namelist())
    assert names == {"pack.json", *(f"{u}/report.{x}.pdf" for u in UNITS for x in ("zh", "en"))}
    capsys.readouterr()
    assert sign("institution", where=pack) == 2  # not this role's
    assert "another role" in capsys.readouterr().err
    assert sign("reviewer", where=pack, key="lead") == 2  # one certificate in two roles
    assert "two roles" in capsys.readouterr().err
    assert sign("reviewer", where=pack) == 0
    assert "AA-02" in capsys.readouterr().out
    back = pack.with_suffix(".signed.zip")
    # a stranger's pack writes nowhere else
    for name in ("../AA-01/report.zh.pdf", "AA-01/../../x.pdf", "/AA-01/report.zh.pdf"):
        strange = tmp_path / "strange.zip"
        with zipfile.ZipFile(strange, "w") as archive:
            item = {"name": name.rpartition("/")[0], "reports": [name.rpartition("/")[2]]}
            note = {"format": 1, "role": "reviewer", "items": [item], "digests": {name: "0"}}
            archive.writestr("pack.json", json.dumps(note))
            archive.writestr(name, b"x")
        assert sign("reviewer", where=strange) == 2
    # something else than a signature: an annotation more, another report, a lost language
    for spoil, names in _spoilt(back, tmp_path).items():
        assert sign("reviewer", "--unpack", str(names)) == 2, spoil
        assert all(row["state"] == "signing" for row in state.read(out).values())
        assert not due(out, "institution").due
    assert sign("reviewer", "--unpack", str(back)) == 0
    assert sign("reviewer", "--unpack", str(back)) == 0  # once more changes nothing
    # an outside seal system: one of three is sealed, by the same program for want of another
    seals = tmp_path / "seals"
    assert sign("institution", "--external", str(seals)) == 0
    assert sign("institution", "--pack", str(tmp_path / "seal.zip")) == 0
    assert sign("institution", where=tmp_path / "seal.zip") == 0
    with zipfile.ZipFile(tmp_path / "seal.signed.zip") as archive:
        for lang in ("zh", "en"):
            archive.extract(f"AA-02/report.{lang}.pdf", seals)
    capsys.readouterr()
    args = ["--messages", "en", "sign", str(out), "--as", "institution", "--external", str(seals)]
    assert main(args) == 2  # who signs the statement?
    assert "no key is given" in capsys.readouterr().err
    assert sign("institution", "--external", str(seals), key="lead") == 0
    assert {name: row["state"] for name, row in state.read(out).items()} == {
        "AA-01": "signing",
        "AA-02": "signed",
        "AA-03": "signing",
    }
    back = tmp_path / "seal.signed.zip"
    assert sign("institution", "--unpack", str(back), key="reviewer") == 0
    assert main(["verify", str(out), "--trust", str(given / "root.pem")]) == 0


def _spoilt(back: Path, tmp_path: Path) -> dict[str, Path]:
    """Write packs that came back otherwise than signed."""
    with zipfile.ZipFile(back) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    one, other = "AA-01/report.zh.pdf", "AA-02/report.zh.pdf"
    made = {}
    for name, more in {
        "appended": {one: members[one] + b"\n% more\n"},
        "exchanged": {one: members[other], other: members[one]},
        "another language": {one: members["AA-01/report.en.pdf"]},
        "byte": {one: members[one].replace(b"/Type", b"/Typo", 1)},
    }.items():
        made[name] = tmp_path / f"{name}.zip"
        with zipfile.ZipFile(made[name], "w") as archive:
            for member, data in (members | more).items():
                archive.writestr(member, data)
    return made


@pytest.mark.soak  # the way through is walked in test_batch_walk
def test_a_report_is_sent_back_mended_and_shown_with_what_changed(
    out: Path, tmp_path: Path, sign: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert sign("lead") == 0
    assert sign("reviewer", "--return", "AA-01", "AA-02") == 2  # no remark
    assert sign("reviewer", "--return", "AA-09", "--remark", "x") == 2
    words = ["--remark", "四月读数与台账不符"]
    assert sign("reviewer", "--return", "AA-01", "AA-02", *words) == 0
    rows = state.read(out)
    assert rows["AA-01"]["state"] == "returned"
    assert rows["AA-01"]["reason"]["zh"] == "四月读数与台账不符"
    assert main(["verify", str(out)]) == 5  # drafts and reports sent back are not issued
    capsys.readouterr()
    assert sign("reviewer", "--only", "AA-01") == 0
    assert "sent back, not made anew yet" in capsys.readouterr().out
    study = tmp_path / "study"
    with (study / "corrections.csv").open("a", encoding="utf-8") as file:
        file.write("measurements.csv,row:4,numerator,84,70,录入有误,A1,2026-12-18,乙,台账\n")
    assert run(str(study), out, jobs=1).drafts == 3
    assert bags.bag_info(out / "communities" / "AA-01")["Workbench-State"] == "draft"
    told = {one.name: one for one in due(out, "lead").due}
    assert set(told) == {"AA-01", "AA-02"}  # the third still bears its signature
    assert "四月读数与台账不符" in told["AA-01"].remark
    assert "indicator.waste_sorting_accuracy" in told["AA-01"].changed
    assert "indicator.waste_sorting_accuracy" not in told["AA-02"].changed
    capsys.readouterr()
    assert sign("lead") == 0
    said = capsys.readouterr().out
    assert "changed since: " in said
    assert "pages" in said
    assert sign("reviewer") == 0
    assert sign("institution") == 0
    assert {row["state"] for row in state.read(out).values()} == {"signed"}
    assert sign("reviewer", "--return", "AA-01", *words) == 2  # it can be amended now
    assert main(["verify", str(out)]) in (0, 5)  # the root is unknown on this machine


STORE = """
import sys, pkcs11
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pkcs11 import Attribute, ObjectClass
module, folder, name, pin = sys.argv[1:]
certs = x509.load_pem_x509_certificates(open(f"{folder}/certs.pem", "rb").read())
token = pkcs11.lib(module).get_token(token_label=name)
with token.open(rw=True, user_pin=pin) as session:
    for at, one in enumerate(certs):
        session.create_object({
            Attribute.CLASS: ObjectClass.CERTIFICATE,
            Attribute.CERTIFICATE_TYPE: pkcs11.constants.CertificateType.X_509,
            Attribute.TOKEN: True, Attribute.LABEL: name if at == 0 else f"{name}-{at}",
            Attribute.ID: bytes([1 + at]), Attribute.SUBJECT: one.subject.public_bytes(),
            Attribute.VALUE: one.public_bytes(Encoding.DER),
        })
"""
PULLED_OUT = """
import sys
from pathlib import Path
from workbench.batch.packs import sign_pack
from workbench.errors import MachineError
from workbench.evidence.keys import load_key
from datetime import UTC, datetime
pack, uri, tokens = sys.argv[1:]
key = load_key(uri, "reviewer", home=Path("home"), base=Path(), at=datetime.now(UTC))
try:
    sign_pack(Path(pack), "reviewer", key, told=lambda _: Path(tokens).rename(tokens + "-out"))
except MachineError as error:
    assert error.problems[0].code == "key.gone", error
    sys.exit(7)
"""


class Machine:
    """A person's machine: a folder, a home and a token of its own."""

    def __init__(self, folder: Path, role: str, module: str, keys_: Path) -> None:
        self.folder, self.role, self.module = folder, role, module
        (folder / "tokens").mkdir(parents=True)
        conf = folder / "softhsm2.conf"
        conf.write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\n")
        self.env = {**os.environ, "SOFTHSM2_CONF": str(conf)}
        if role != "lead":
            self.env["WORKBENCH_HOME"] = str(folder / "home")
        pin = str(10**9 + secrets.randbelow(10**9))
        key, own, more = pkcs12.load_key_and_certificates(
            (keys_ / f"{role}.p12").read_bytes(), None
        )
        assert key is not None
        assert own is not None
        plain = serialization.NoEncryption()
        pem = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, plain)
        (folder / "key.pem").write_bytes(pem)
        (folder / "certs.pem").write_bytes(b"".join(c.public_bytes(PEM) for c in (own, *more)))
        (folder / "pin").write_text(pin + "\n")
        (folder / "pin").chmod(0o600)
        for command in (
            f"softhsm2-util --init-token --free --label {role} --so-pin 0000 --pin {pin}",
            f"softhsm2-util --import {folder}/key.pem --token {role} --label {role} --id 01 "
            f"--pin {pin}",
        ):
            self.run(*command.split())
        (folder / "key.pem").unlink()
        self.run(sys.executable, "-c", STORE, module, str(folder), role, pin)

    @property
    def uri(self) -> str:
        """The key, as it is named on the command line; the PIN is read once."""
        return f"pkcs11:object={self.role}?module-path={self.module}&pin-source=file:pin"

    def run(self, *words: str, code: int = 0) -> str:
        done = subprocess.run(
            words, env=self.env, cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def sign(self, where: Path, *more: str, code: int = 0) -> str:
        """Sign in a process of its own, in this folder, with this token."""
        command = [sys.executable, "-m", "workbench", "--messages", "en", "sign", str(where)]
        return self.run(*command, "--as", self.role, "--yes", "--key", self.uri, *more, code=code)


@pytest.mark.system
def test_three_people_on_three_machines_with_three_tokens(
    out: Path, given: Path, softhsm: Any, tmp_path: Path
) -> None:
    lead, reviewer, institution = (
        Machine(tmp_path / role, role, softhsm.module, given)
        for role in ("lead", "reviewer", "institution")
    )
    lead.sign(out)
    pack = reviewer.folder / "away.zip"
    run_here = ["--messages", "en", "sign", str(out), "--as"]
    assert main([*run_here, "reviewer", "--pack", str(pack)]) == 0
    # the token is pulled out after the first of three, and put back
    tokens = reviewer.folder / "tokens"
    script = [sys.executable, "-c", PULLED_OUT, str(pack), reviewer.uri, str(tokens)]
    reviewer.run(*script, code=7)
    begun = sorted(p.name for p in pack.with_suffix(".part").iterdir())
    assert begun == ["AA-01--report.en.pdf", "AA-01--report.zh.pdf"]
    first = (pack.with_suffix(".part") / begun[0]).read_bytes()
    (reviewer.folder / "tokens-out").rename(tokens)
    reviewer.sign(pack)
    back = pack.with_suffix(".signed.zip")
    with zipfile.ZipFile(back) as archive:
        assert archive.read("AA-01/report.en.pdf") == first  # not signed a second time
    assert main([*run_here, "reviewer", "--unpack", str(back)]) == 0
    pack = institution.folder / "seal.zip"
    assert main([*run_here, "institution", "--pack", str(pack)]) == 0
    institution.sign(pack)
    back = pack.with_suffix(".signed.zip")
    key = ["--key", str(given / "lead.p12")]
    assert main([*run_here, "institution", "--unpack", str(back), *key]) == 0
    assert main(["verify", str(out), "--trust", str(given / "root.pem")]) == 0


@pytest.mark.system
@pytest.mark.soak
def test_three_hundred_reports_by_one_pin(
    out: Path, given: Path, softhsm: Any, tmp_path: Path
) -> None:
    machine = Machine(tmp_path / "lead", "lead", softhsm.module, given)
    pack = machine.folder / "many.zip"
    assert main(["--messages", "en", "sign", str(out), "--as", "lead", "--pack", str(pack)]) == 0
    with zipfile.ZipFile(pack) as archive:
        note = json.loads(archive.read("pack.json"))
        members = {name: archive.read(name) for name in archive.namelist() if "/" in name}
    many, digests = {}, {}
    item = note["items"][0]
    for n in range(300):
        for lang in ("zh", "en"):
            name = f"report.{lang}.pdf"
            many[f"U-{n:03d}/{name}"] = members[f"AA-01/{name}"]
            digests[f"U-{n:03d}/{name}"] = note["digests"][f"AA-01/{name}"]
    note |= {"items": [item | {"name": f"U-{n:03d}"} for n in range(300)], "digests": digests}
    pack.unlink()
    with zipfile.ZipFile(pack, "w") as archive:
        archive.writestr("pack.json", json.dumps(note))
        for name, data in many.items():
            archive.writestr(name, data)
    said = machine.sign(pack)
    assert said.count("✓") == 300
    with zipfile.ZipFile(pack.with_suffix(".signed.zip")) as archive:
        assert len(archive.namelist()) == 601
