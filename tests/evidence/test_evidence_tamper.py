"""A forger's handbook: named manipulations, each caught with its reason, here and by the script.

The forger owns the whole folder and rewrites every list in it that no key protects. Some hold keys
too; what they can do then is said by the name of the manipulation.
"""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pypdf
import pytest
from cryptography.hazmat.primitives import serialization

from workbench import results
from workbench.evidence import attest, keys, logs, pdfsign, statement, timestamp
from workbench.evidence import bag as bags
from workbench.evidence.answer import Report
from workbench.evidence.crate import make_crate
from workbench.evidence.ledger import Ledger
from workbench.evidence.result import Verdict
from workbench.evidence.verify import verify

NOW = datetime(2026, 12, 21, 9, tzinfo=UTC)
UNITS = ("JX-01", "JX-02")
Keys = dict[keys.Role, keys.SigningKey]


@dataclass(frozen=True)
class World:
    """A closed batch of two units, its ledger, and all keys."""

    out: Path
    home: Path
    stages: dict[str, list[bytes]]
    signing: Keys

    def bag(self, unit: str = "JX-01") -> Path:
        return self.out / "communities" / unit

    def ledger(self) -> Ledger:
        return logs.open_log(self.out / "ledger", home=self.home, name="")

    def stamp(self) -> Callable[[bytes], bytes]:
        clock = keys.demo_clock(self.home)
        local = timestamp.local_authority(
            clock.certificate, clock.private, clock.chain, clock=lambda: NOW
        )
        return lambda data: timestamp.stamp(data, local)


def write_bag(bag: Path, unit: str) -> None:
    bags.write_bag(bag, study="xf", community=unit, edition=1, issued=date(2026, 12, 20))


def attested(world: World, bag: Path, unit: str) -> None:
    """Write crate, statement and certificates, as the batch does."""
    versions, who = {"workbench": "0.1.0"}, {str(r): k for r, k in world.signing.items()}
    common: dict[str, Any] = {"study": "xf", "community": unit, "edition": 1, "finished": NOW}
    common |= {"parameters": {"seed": 7}, "versions": versions}
    crate = make_crate(
        bag / "data",
        **common,
        title=unit,
        description="d",
        issued=date(2026, 12, 20),
        publisher="p",
    )
    (bag / "data" / "ro-crate-metadata.json").write_bytes(crate)
    write_bag(bag, unit)
    vkey = (world.out / "ledger" / "log.vkey").read_text().strip()
    made = statement.make_statement(bag, **common, started=NOW, log=vkey)
    attest.write_attest(bag, made, who)
    bags.write_tags(bag)


def write_overview(overview: Path) -> None:
    """Write the tables of all results and the batch notebook, as yet unsigned."""
    rows = [{"finding": "overview.assessed", "label_en": "Units", "value": 2.0}]
    outputs = [{"data": {"application/vnd.workbench.findings+json": rows}}]
    outputs.append({"data": {"image/svg+xml": "<svg/>"}})  # type: ignore[dict-item]
    data = overview / "data"
    (data / "figures").mkdir(parents=True)
    (data / "figures" / "ranks.zh.svg").write_text("<svg/>")
    (data / "notebook.ipynb").write_text(json.dumps({"cells": [{"outputs": outputs}]}))
    (data / "findings.json").write_text(json.dumps([rows[0] | {"community": "*"}]))
    head = {"state": "signed"}
    found = {"finding": "score.total", "value": 80.0}
    table = results.results([({"community": unit} | head, [found]) for unit in UNITS])
    (data / "results.csv").write_bytes(results.to_csv(table))
    (data / "results.xlsx").write_bytes(results.to_xlsx(table))
    (data / "evidence-sha256.txt").write_bytes(bags.evidence_list(data))
    write_bag(overview, "overview")


@pytest.fixture(scope="module")
def original(
    tmp_path_factory: pytest.TempPathFactory,
    make_unit: Callable[..., Any],
    demo_keys: Keys,
    home: Path,
) -> World:
    out = tmp_path_factory.mktemp("tamper") / "out"
    world = World(out, home, {}, demo_keys)
    ledger = logs.open_log(out / "ledger", home=home, name="demonstration/xf")
    ledger.append([{"type": "open", "study": "xf", "decisions": {}}], demonstration=True)
    frozen = {"type": "context", "study": "xf", "context_sha256": "c" * 64}
    ledger.append([frozen], demonstration=True)
    entries, lines = [], []
    for unit in UNITS:
        made = make_unit(world.bag(unit), unit, timestamps="ledger")
        world.stages[unit] = made.stages
        shutil.rmtree(world.bag(unit).parent / f".typst-{unit}")
        if unit == "JX-02":  # one language, to be quick
            for name in ("report.en.pdf", "report.en.html"):
                (made.bag / "data" / name).unlink()
        attested(world, made.bag, unit)
        entry = attest.report_entry(made.bag, study="xf", community=unit, edition=1)
        entries.append((made.bag, entry))
    attest.enter(ledger, entries, demonstration=True, stamp=world.stamp())
    for unit in UNITS:
        bags.write_tags(world.bag(unit))
        pinned = bags.digests(world.bag(unit))
        lines.append({"community": unit, "edition": 1, "state": "signed", "digests": pinned})
    overview = out / "overview"
    write_overview(overview)
    (out / "communities.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
    told = {"study": "xf", "units": 2, "states": {"signed": 2, "waiting": 0}}
    (out / "batch.json").write_text(json.dumps(told | {"context_sha256": "c" * 64}))
    shutil.copytree(out, out.parent / "unclosed")
    attested(world, overview, "overview")
    entry = {
        "type": "close",
        "study": "xf",
        "units": 2,
        "evidence_sha256": bags.sha256_file(overview / "data/evidence-sha256.txt"),
        "results_sha256": bags.sha256_file(overview / "data/results.csv"),
        "statement_sha256": attest.statement_digest(overview),
    }
    attest.enter(ledger, [(overview, entry)], demonstration=True, stamp=world.stamp())
    bags.write_tags(overview)
    trust = out.parent / "trust"
    trust.mkdir()
    shutil.copy(home / "trust" / "demonstration.pem", trust)
    shutil.copy(out / "ledger" / "log.vkey", trust)
    return world


@pytest.fixture
def world(original: World, tmp_path: Path) -> World:
    return copied(original, original.out, tmp_path)


@pytest.fixture
def unclosed(original: World, tmp_path: Path) -> World:
    """The batch before it was closed: its overview bears no signature."""
    return copied(original, original.out.parent / "unclosed", tmp_path)


def copied(original: World, out: Path, tmp_path: Path) -> World:
    shutil.copytree(out, tmp_path / "out", symlinks=True)
    shutil.copytree(original.out.parent / "trust", tmp_path / "trust")
    # the forger's own machine: its keys, but not what it believes
    shutil.copytree(original.home, tmp_path / "home")
    for witness in (tmp_path / "home" / "trust").glob("*.checkpoint"):
        witness.unlink()
    return World(tmp_path / "out", tmp_path / "home", original.stages, original.signing)


def check(world: World, path: Path | None = None, now: datetime = NOW) -> Report:
    trust = world.out.parent / "trust"
    return verify(path or world.out, trust=trust, home=world.out.parent / "nobody", now=now)


def codes(report: Report, verdict: Verdict = Verdict.CHANGED) -> set[str]:
    return {r.code for item in report.items for r in item.results if r.verdict is verdict}


def repin(world: World, *units: str) -> None:
    """Rewrite the manifests and the batch's record of units."""
    with (world.out / "communities.jsonl").open("a") as stream:
        for unit in units or UNITS:
            bag = world.bag(unit)
            write_bag(bag, unit)
            line = {"community": unit, "edition": 1, "state": "signed"}
            stream.write(json.dumps(line | {"digests": bags.digests(bag)}) + "\n")


def edit(path: str, old: str, new: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        file = world.bag() / path
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))
        repin(world)

    return change


def listed_anew(path: str, old: str, new: str) -> Callable[[World], None]:
    """Change evidence and rewrite its list too."""

    def change(world: World) -> None:
        edit(path, old, new)(world)
        data = world.bag() / "data"
        (data / "evidence-sha256.txt").write_bytes(bags.evidence_list(data))
        repin(world)

    return change


def pdf(make: Callable[[bytes], bytes], *langs: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        for lang in langs or ("zh", "en"):
            file = world.bag() / "data" / f"report.{lang}.pdf"
            file.write_bytes(make(file.read_bytes()))
        repin(world)

    return change


def update(change: Callable[[pypdf.PdfWriter], None]) -> Callable[[bytes], bytes]:
    def make(data: bytes) -> bytes:
        writer = pypdf.PdfWriter(io.BytesIO(data), incremental=True)
        change(writer)
        out = io.BytesIO()
        writer.write(out)
        return out.getvalue()

    return make


def overlay(writer: pypdf.PdfWriter) -> None:
    stream = pypdf.generic.DecodedStreamObject()
    stream.set_data(b"1 1 1 rg 0 700 600 100 re f")
    page = writer.pages[0]
    both = [page.raw_get("/Contents"), writer._add_object(stream)]
    page[pypdf.generic.NameObject("/Contents")] = pypdf.generic.ArrayObject(both)


def annotate(writer: pypdf.PdfWriter) -> None:
    from pypdf.annotations import FreeText

    writer.add_annotation(0, FreeText(text="九十分", rect=(100, 700, 200, 720)))


def attach(writer: pypdf.PdfWriter) -> None:
    names: Any = writer._root_object["/Names"]["/EmbeddedFiles"]["/Names"]  # type: ignore[index]
    names[1].get_object()["/EF"]["/F"].get_object().set_data(b"0" * 64 + b"  findings.json\n")


def flip(data: bytes) -> bytes:
    at = data.index(b"/Lang")
    return data[:at] + b"/Lanh" + data[at + 5 :]


def rolled_back(count: int, *langs: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        pdf(lambda _: world.stages["JX-01"][count], *langs)(world)

    return change


def reports_swapped(world: World) -> None:
    one, two = (world.bag(u) / "data" / "report.zh.pdf" for u in UNITS)
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    repin(world)


def signed_by_others(world: World) -> None:
    data = world.stages["JX-01"][0]
    for role in keys.ROLES:
        other = world.out.parent / "other"
        key = keys.load_key("demo", role, home=other, base=other, at=NOW)
        data = pdfsign.sign(data, role, key, reason="r", time=NOW)
    pdf(lambda _: data)(world)


def reissued(world: World, *, entry: bool, score: str = "90.0") -> None:
    """Make everything anew with all three signers' keys: inputs, reports, crate and statement."""
    bag = world.bag()
    own = (bag / "attest" / "entry.json").read_bytes()
    text = (bag / "data" / "inputs" / "responses.csv").read_text()
    (bag / "data" / "inputs" / "responses.csv").write_text(text.replace("P2,4", "P2,5"))
    listing = bags.evidence_list(bag / "data")
    (bag / "data" / "evidence-sha256.txt").write_bytes(listing)
    attested(world, bag, "JX-01")
    if entry:
        made = attest.report_entry(bag, study="xf", community="JX-01", edition=1)
        own = attest.canonical_json(made)[:-1]
    (bag / "attest" / "entry.json").write_bytes(own)
    repin(world)


def reissued_in_a_log_of_ones_own(world: World) -> None:
    reissued(world, entry=False)
    shutil.rmtree(world.out / "ledger")
    ledger = logs.open_log(world.out / "ledger", home=world.home, name="demonstration/xf")
    both = []
    for unit in UNITS:
        attested(world, world.bag(unit), unit)
        entry = attest.report_entry(world.bag(unit), study="xf", community=unit, edition=1)
        both.append((world.bag(unit), entry))
    attest.enter(ledger, both, demonstration=True, stamp=world.stamp())
    repin(world)


def entered_twice(world: World) -> None:
    """Hold the log's key too, and write past its rules."""
    reissued(world, entry=False)
    ledger = world.ledger()
    ledger._check_rules = lambda *_: None  # type: ignore[method-assign]
    entry = attest.report_entry(world.bag(), study="xf", community="JX-01", edition=1)
    (number,) = ledger.append([entry], demonstration=True)
    note = ledger.stamp(world.stamp())
    folder = world.bag() / "attest"
    (folder / "entry.json").write_bytes(ledger.entry(number))
    (folder / "entry.tlog-proof").write_text(ledger.proof(number, note))
    shutil.copy(ledger.stamp_file(number + 1), folder / "checkpoint.tsr")
    repin(world)


def withdrawn(world: World) -> None:
    ledger = world.ledger()
    entry = {"type": "withdrawal", "study": "xf", "supersedes": 2, "reason": "抽样错误"}
    ledger.append([entry], demonstration=True)


def ledger_line(world: World) -> None:
    file = world.out / "ledger" / "entries.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    lines[2] = lines[3]
    file.write_bytes(b"".join(lines))


def ledger_line_deleted(world: World) -> None:
    file = world.out / "ledger" / "entries.jsonl"
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))


def ledger_rolled_back(world: World) -> None:
    """Put the true head of two entries back, and take a unit and all traces of the closing out."""
    folder = world.out / "ledger"
    heads = [json.loads(x) for x in (folder / "checkpoints.jsonl").read_bytes().splitlines()]
    old = next(x for x in heads if x["size"] == 2)
    (folder / "checkpoint").write_text(old["note"])
    (folder / "checkpoints.jsonl").write_text(json.dumps(old) + "\n")
    lines = (folder / "entries.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "entries.jsonl").write_bytes(b"".join(lines[:2]))


def head_by_another_key(world: World) -> None:
    from workbench.evidence.note import make_log_key, sign_note

    folder = world.out / "ledger"
    name = (folder / "checkpoint").read_text().split("\n", 1)[0]
    key = make_log_key(world.out.parent / "forged", name)
    body = (folder / "checkpoint").read_text().partition("\n\n")[0] + "\n"
    (folder / "checkpoint").write_text(sign_note(body, key))


def other_proof(world: World) -> None:
    for name in ("entry.json", "entry.tlog-proof"):
        shutil.copy(world.bag("JX-02") / "attest" / name, world.bag() / "attest" / name)
    repin(world)


def deleted(*names: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        for name in names:
            path = world.bag() / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        repin(world)

    return change


def other_stamp(world: World) -> None:
    made = world.stamp()(b"another head")
    (world.bag() / "attest" / "checkpoint.tsr").write_bytes(made)
    repin(world)


def other_statement(world: World) -> None:
    name = "attest/evaluation.intoto.json"
    shutil.copy(world.bag("JX-02") / name, world.bag() / name)
    repin(world)


def statement_edited(world: World) -> None:
    file = world.bag() / "attest" / "evaluation.intoto.json"
    envelope = json.loads(file.read_bytes())
    payload = base64.b64decode(envelope["payload"]).replace(b'"seed":7', b'"seed":8')
    file.write_text(json.dumps(envelope | {"payload": base64.b64encode(payload).decode()}))
    repin(world)


def statement_by_others(world: World) -> None:
    bag, other = world.bag(), world.out.parent / "other"
    html = bag / "data" / "report.zh.html"
    html.write_text(html.read_text().replace("</html>", "<p>90</p></html>"))
    key = keys.load_key("demo", "institution", home=other, base=other, at=NOW)
    signing: Keys = {"institution": key}
    attested(World(world.out, world.home, {}, signing), bag, "JX-01")
    repin(world)


def certificate_exchanged(world: World) -> None:
    other = world.out.parent / "other"
    key = keys.load_key("demo", "institution", home=other, base=other, at=NOW)
    pem = key.certificate.public_bytes(serialization.Encoding.PEM)
    (world.bag() / "attest/certs/institution.pem").write_bytes(pem)
    (world.bag() / "attest/certs/lead.pem").write_bytes(pem)
    (world.bag() / "attest/certs/reviewer.pem").write_bytes(pem)
    repin(world)


def linked(world: World) -> None:
    file = world.bag() / "data" / "inputs" / "responses.csv"
    file.rename(world.out / "hidden.csv")
    file.symlink_to(world.out / "hidden.csv")


def bags_exchanged(world: World) -> None:
    world.bag().rename(world.out / "x")
    world.bag("JX-02").rename(world.bag())
    (world.out / "x").rename(world.bag("JX-02"))


def unit_deleted_everywhere(world: World) -> None:
    """Take a unit out of the folder, the list and the count; the ledger is what remains."""
    shutil.rmtree(world.bag())
    lines = (world.out / "communities.jsonl").read_text().splitlines(keepends=True)
    (world.out / "communities.jsonl").write_text("".join(x for x in lines if "JX-01" not in x))
    told = json.loads((world.out / "batch.json").read_bytes())
    told |= {"units": 1, "states": {"signed": 1, "waiting": 0}}
    (world.out / "batch.json").write_text(json.dumps(told))


def unit_invented(world: World) -> None:
    shutil.copytree(world.bag(), world.bag("JX-09"))
    repin(world, "JX-09")


def added(world: World) -> None:
    (world.bag() / "data" / "inputs" / "extra.csv").write_text("x\n")
    repin(world)


def results_changed(world: World) -> None:
    overview = world.out / "overview"
    file = overview / "data" / "results.csv"
    file.write_text(file.read_text().replace("JX-01,,,,signed,,80.0", "JX-01,,,,signed,,90.0"))
    (overview / "data/evidence-sha256.txt").write_bytes(bags.evidence_list(overview / "data"))
    write_bag(overview, "overview")


def rewritten(path: str, old: str, new: str) -> Callable[[World], None]:
    """Change a file of the overview, packed or not, and rewrite the lists around it."""

    def change(world: World) -> None:
        overview = world.out / "overview"
        file = overview / "data" / path
        if file.suffix == ".xlsx":
            with zipfile.ZipFile(file) as packed:
                parts = {name: packed.read(name).decode() for name in packed.namelist()}
            assert any(old in text for text in parts.values())
            with zipfile.ZipFile(file, "w") as packed:
                for name, text in parts.items():
                    packed.writestr(name, text.replace(old, new))
        else:
            assert old in file.read_text()
            file.write_text(file.read_text().replace(old, new))
        (overview / "data/evidence-sha256.txt").write_bytes(bags.evidence_list(overview / "data"))
        write_bag(overview, "overview")

    return change


def overview_added(world: World) -> None:
    (world.out / "overview" / "data" / "letter.txt").write_text("x")
    rewritten("results.csv", "80", "80")(world)


def around(name: str, text: str) -> Callable[[World], None]:
    """Add a file beside the payload, listed in the manifest of tags."""

    def change(world: World) -> None:
        bag = world.bag()
        (bag / name).write_text(text)
        bags.write_tags(bag)
        if not name.startswith("attest/"):
            with (bag / "tagmanifest-sha256.txt").open("a") as stream:
                stream.write(f"{bags.sha256_file(bag / name)}  {name}\n")
        line = {"community": "JX-01", "edition": 1, "state": "signed"}
        with (world.out / "communities.jsonl").open("a") as stream:
            stream.write(json.dumps(line | {"digests": bags.digests(bag)}) + "\n")

    return change


def described(old: str, new: str) -> Callable[[World], None]:
    """Change what bag-info.txt says, which nobody signs."""

    def change(world: World) -> None:
        text = (world.bag() / "bag-info.txt").read_text()
        assert old in text
        around("bag-info.txt", text.replace(old, new))(world)
        tags = world.bag() / "tagmanifest-sha256.txt"
        tags.write_bytes(b"".join(tags.read_bytes().splitlines(keepends=True)[:-1]))

    return change


def giant(path: str) -> Callable[[World], None]:
    """Let a file grow to more than there is time to read."""

    def change(world: World) -> None:
        with (world.out / path).open("r+b") as stream:
            stream.truncate(1 << 40)

    return change


def pipe(path: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        (world.out / path).unlink()
        os.mkfifo(world.out / path)

    return change


def behind_a_link(name: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        (world.out / name).rename(world.out.parent / "elsewhere")
        (world.out / name).symlink_to(world.out.parent / "elsewhere")

    return change


def batch_says(**other: Any) -> Callable[[World], None]:
    def change(world: World) -> None:
        told = json.loads((world.out / "batch.json").read_bytes()) | other
        (world.out / "batch.json").write_text(json.dumps(told))

    return change


def context_exchanged(world: World) -> None:
    told = json.loads((world.out / "batch.json").read_bytes()) | {"context_sha256": "d" * 64}
    (world.out / "batch.json").write_text(json.dumps(told))


RESPONSES = "data/inputs/responses.csv"
HANDBOOK: dict[str, tuple[Callable[[World], None], str]] = {
    # --- the report
    "a byte of the report flipped": (pdf(flip), "signature.digest"),
    "a page overlaid": (pdf(update(overlay), "en"), "signature.added-after"),
    "an annotation added": (pdf(update(annotate), "zh"), "signature.added-after"),
    "the attached list swapped": (pdf(update(attach), "zh"), "pdf.list-differs"),
    "bytes appended to a report": (pdf(lambda d: d + b"%x\n", "zh"), "signature.added-after"),
    "a report torn": (pdf(lambda d: d[: len(d) // 3], "zh"), "pdf.damaged"),
    "reports rolled back to two signatures": (rolled_back(2), "batch.state"),
    "reports rolled back to drafts": (rolled_back(0), "batch.state"),
    "one language rolled back": (rolled_back(2, "en"), "bag.languages"),
    "reports swapped between communities": (reports_swapped, "pdf.list-differs"),
    "a language taken out": (deleted("data/report.en.pdf"), "statement.file"),
    # --- the bag
    "an input changed": (edit(RESPONSES, "P1,5", "P1,1"), "evidence.file-changed"),
    "an input and its list changed": (listed_anew(RESPONSES, "P1,5", "P1,1"), "pdf.list-differs"),
    "the notebook changed": (edit("data/notebook.ipynb", "[]", "[{}]"), "evidence.file-changed"),
    "a finding changed": (edit("data/findings.json", "80.0", "90.0"), "evidence.file-changed"),
    "the protocol changed": (
        edit("data/protocol/protocol.json", "civilised", "easy"),
        "evidence.file-changed",
    ),
    "the context changed": (edit("data/context.json", "[]", "[ ]"), "evidence.file-changed"),
    "a figure changed": (
        edit("data/figures/staircase.svg", "<svg/>", "<svg></svg>"),
        "evidence.file-changed",
    ),
    "evidence added": (added, "evidence.file-added"),
    "evidence taken out": (deleted(RESPONSES), "evidence.file-missing"),
    "the page for browsers changed": (
        edit("data/report.zh.html", "</html>", "<p>90</p></html>"),
        "statement.file",
    ),
    "the crate changed": (
        edit("data/ro-crate-metadata.json", "JX-01", "JX-02"),
        "statement.file",
    ),
    "a file replaced by a link": (linked, "bag.link"),
    "bags exchanged": (bags_exchanged, "identity.unit"),
    # --- the statement
    "the statement edited": (statement_edited, "statement.signer"),
    "another bag's statement": (other_statement, "statement.unreadable"),
    "a statement by strangers": (statement_by_others, "statement.signer"),
    "the certificates exchanged": (certificate_exchanged, "statement.signer"),
    "the statement taken out": (deleted("attest/evaluation.intoto.json"), "ledger.entry"),
    # --- the ledger
    "an entry of the ledger replaced": (ledger_line, "ledger.rewritten"),
    "an entry of the ledger taken out": (ledger_line_deleted, "ledger.rewritten"),
    "the ledger rolled back": (ledger_rolled_back, "ledger.not-entered"),
    "a head signed by another key": (head_by_another_key, "ledger.head"),
    "another bag's entry and proof": (other_proof, "ledger.entry"),
    "entry and proof taken out": (
        deleted("attest/entry.json", "attest/entry.tlog-proof"),
        "ledger.proof-missing",
    ),
    "the stamp of another head": (other_stamp, "stamp.broken"),
    "everything made anew with the signers' keys": (
        lambda world: reissued(world, entry=False),
        "pdf.list-differs",
    ),
    "the same, with an entry that was never entered": (
        lambda world: reissued(world, entry=True),
        "pdf.list-differs",
    ),
    "the same, entered a second time with the log's key": (entered_twice, "ledger.twice"),
    "a report that was withdrawn": (withdrawn, "ledger.withdrawn"),
    # --- the batch
    "a unit deleted": (lambda world: shutil.rmtree(world.bag()), "batch.missing"),
    "a unit deleted everywhere but in the ledger": (unit_deleted_everywhere, "ledger.missing"),
    "a unit invented": (unit_invented, "identity.unit"),
    "the table of results changed": (results_changed, "statement.file"),
    "the frozen context exchanged": (context_exchanged, "ledger.context"),
    "another day of issue in batch.json": (batch_says(issued="2020-01-01"), "batch.differs"),
    "the folder of bags behind a link": (behind_a_link("communities"), "batch.link"),
    "the overview behind a link": (behind_a_link("overview"), "batch.link"),
    "the list of units without end": (giant("communities.jsonl"), "batch.list"),
    # --- around the payload, which no signature covers
    "a letter laid into attest": (around("attest/letter.txt", "withdrawn"), "bag.file-added"),
    "a foreign certificate laid into attest": (
        around("attest/certs/mayor.pem", "x"),
        "bag.file-added",
    ),
    "a file beside the manifests": (around("README.txt", "x"), "bag.file-added"),
    "files to be fetched": (around("fetch.txt", "http://x/ 1 data/y\n"), "bag.file-added"),
    "another day in bag-info": (described("2026-12-20", "2020-01-01"), "bag.info-differs"),
    "a line added to bag-info": (
        described("Bagging-Date", "Withdrawn: yes\nBagging-Date"),
        "bag.info",
    ),
    # --- what a verifier must not wait for
    "a report without end": (giant("communities/JX-01/data/report.zh.pdf"), "bag.link"),
    "findings without end": (giant("communities/JX-02/data/findings.json"), "bag.link"),
    "a pipe in the place of a report": (pipe("communities/JX-01/data/report.zh.pdf"), "bag.link"),
    "a pipe in the place of bagit.txt": (pipe("communities/JX-01/bagit.txt"), "bag.link"),
    "a pipe in the place of a certificate": (
        pipe("communities/JX-01/attest/certs/lead.pem"),
        "bag.link",
    ),
}
UNSIGNED: dict[str, Callable[[World], None]] = {
    "a score in the table": rewritten("results.csv", "JX-02,,,,signed,,80.0", "JX-02,,,,signed,,9"),
    "a state in the table": rewritten("results.csv", "JX-02,,,,signed", "JX-02,,,,failed"),
    "a unit taken out of the table": rewritten(
        "results.csv", "JX-02,,,,signed,,80.0,,,,score.total\n", ""
    ),
    "a score in the workbook": rewritten("results.xlsx", "<v>80</v>", "<v>90</v>"),
    "the batch notebook's findings": rewritten("findings.json", "2.0", "3.0"),
    "a figure": rewritten("figures/ranks.zh.svg", "<svg/>", "<svg></svg>"),
    "a file added": overview_added,
}
# the script reads PDF with poppler, which has no answer of its own to what stands here
NOT_BY_SCRIPT = {
    "the frozen context exchanged",
    "another day of issue in batch.json",
    "the list of units without end",
}


def test_the_genuine_batch_is_valid(world: World) -> None:
    report = check(world)
    assert report.exit_code == 0, report.text("en")
    assert codes(report, Verdict.VALID) >= {
        "ledger.whole", "ledger.entered", "ledger.opened", "ledger.closed",
        "statement.whole", "stamp.valid", "time.ledger",
    }  # fmt: skip


@pytest.mark.parametrize("name", HANDBOOK)
def test_a_manipulation_is_caught_with_its_reason(world: World, name: str) -> None:
    change, code = HANDBOOK[name]
    change(world)
    report = check(world)
    assert report.exit_code == 1, report.text("en")
    assert code in codes(report), report.text("en")


@pytest.mark.parametrize("name", UNSIGNED)
def test_an_overview_that_is_not_signed_yet_is_held_against_the_reports(
    unclosed: World, name: str
) -> None:
    assert check(unclosed).exit_code == 0, check(unclosed).text("en")
    UNSIGNED[name](unclosed)
    report = check(unclosed)
    assert report.exit_code == 1
    assert codes(report) == {"overview.differs"}


def test_counts_that_do_not_agree_are_not_passed_over(unclosed: World) -> None:
    batch_says(states={"signed": 1, "failed": 0, "waiting": 0})(unclosed)
    assert "batch.counts" in codes(check(unclosed), Verdict.CANNOT_TELL)


def test_with_all_keys_and_a_log_of_ones_own_the_published_key_decides(world: World) -> None:
    reissued_in_a_log_of_ones_own(world)
    assert check(world).exit_code != 0


def test_a_ledger_taken_away_hides_nothing(world: World) -> None:
    shutil.rmtree(world.out / "ledger")
    assert "ledger.absent" in codes(check(world), Verdict.CANNOT_TELL)


def test_a_head_seen_before_shows_a_rolled_back_ledger(world: World) -> None:
    shutil.copy(world.out / "ledger/checkpoint", world.out.parent / "trust/seen.checkpoint")
    ledger_rolled_back(world)
    assert "ledger.rolled-back" in codes(check(world))


def test_a_bag_by_itself_is_told_by_the_ledger_beside_it(world: World) -> None:
    assert check(world, world.bag()).exit_code == 0
    withdrawn(world)
    assert "ledger.withdrawn" in codes(check(world, world.bag()))


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("ledger/entries.jsonl", DEEP),
        ("ledger/entries.jsonl", ""),
        ("ledger/checkpoint", "demonstration/x\n" + "9" * 10_000 + "\nAAAA\n\n— x AAAA\n"),
        ("ledger/checkpoint", "\x00"),
        ("ledger/checkpoints.jsonl", '{"note": ' + DEEP),
        ("ledger/checkpoints.jsonl", '{"note": 7}\n'),
        ("ledger/stamps/renewed-001.txt", "../../etc/passwd"),
        (
            "communities/JX-01/attest/entry.tlog-proof",
            "c2sp.org/tlog-proof@v1\nindex " + "9" * 9999,
        ),
        ("communities/JX-01/attest/entry.json", DEEP),
        ("communities/JX-01/attest/evaluation.intoto.json", DEEP),
        ("communities/JX-01/attest/checkpoint.tsr", "\x30\x84\xff\xff\xff\xff"),
        ("communities/JX-01/attest/certs/lead.pem", "-----BEGIN CERTIFICATE-----\nAAAA"),
        ("overview/attest/entry.json", "[]"),
        ("batch.json", DEEP),
        ("batch.json", '{"study": ["xf"], "units": "many", "states": 3}'),
    ],
)
def test_crafted_files_around_the_ledger_get_an_answer(world: World, file: str, text: str) -> None:
    (world.out / file).write_text(text)
    if "communities" in file:
        repin(world)
    report = check(world)
    assert isinstance(report.text("zh"), str)
    if file not in {"ledger/stamps/renewed-001.txt", "communities/JX-01/attest/certs/lead.pem"}:
        assert report.exit_code != 0


@pytest.mark.parametrize("name", ["entries.jsonl", "checkpoint", "stamps/00000004.tsr"])
def test_nothing_around_the_ledger_is_read_through_a_link(world: World, name: str) -> None:
    for path in (world.out / "ledger" / name, world.bag() / "attest" / "evaluation.intoto.json"):
        path.unlink()
        path.symlink_to("/dev/zero")
    assert check(world).exit_code == 1


def test_entries_of_odd_types_get_an_answer(world: World) -> None:
    ledger = world.ledger()
    ledger._check_rules = lambda *_: None  # type: ignore[method-assign]
    ledger._learn = lambda *_: None  # type: ignore[method-assign]
    odd: list[Any] = [
        {"type": "withdrawal", "study": "xf", "supersedes": True},
        {"type": "amendment", "study": "xf", "supersedes": 10**30, "edition": []},
        {"type": "report", "study": "xf", "community": {}, "edition": "1"},
        {"type": ["close"], "study": "xf"},
        {"type": "close", "study": "xf", "units": None},
        {"type": "context", "study": "xf", "context_sha256": []},
        {"study": []},
    ]
    ledger.append(odd, demonstration=True)
    assert check(world).exit_code == 1


# --- the script of docs/auditor.md ----------------------------------------------------------------


def script(world: World, root: Path) -> tuple[int, str]:
    for program in ("bash", "jq", "openssl", "pdfsig", "pdfdetach", "basenc"):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}")
    command = ["bash", str(root / "docs/check-batch.sh"), str(world.out)]
    done = subprocess.run(
        [*command, str(world.out.parent / "trust")], capture_output=True, text=True
    )
    return done.returncode, done.stdout


@pytest.mark.system
def test_the_script_finds_nothing_wrong_with_the_genuine_batch(world: World, root: Path) -> None:
    assert script(world, root) == (
        0,
        f"nothing wrong: 2 bags, 5 entries of {world.ledger().verifier.name}\n",
    )


QUICK = [
    "a page overlaid",
    "an input and its list changed",
    "a statement by strangers",
    "the ledger rolled back",
    "the same, entered a second time with the log's key",
    "a unit deleted everywhere but in the ledger",
]


@pytest.mark.system
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.soak)
        for name in HANDBOOK
        if name not in NOT_BY_SCRIPT
    ],
)
def test_the_script_catches_it_too(world: World, root: Path, name: str) -> None:
    HANDBOOK[name][0](world)
    code, said = script(world, root)
    assert code == 1, said
    assert "WRONG" in said


# --- other people's validators --------------------------------------------------------------------


def test_bagit_accepts_the_genuine_bags(world: World) -> None:
    import bagit

    for unit in UNITS:
        assert bagit.Bag(str(world.bag(unit))).is_valid()


# what the contexts of RO-Crate 1.1 and of workflow runs say of the terms that our crates use
TERMS = """
    about agent author contentSize datePublished description encodingFormat endTime hasPart
    identifier instrument license mentions name object publisher result url value version
    actionStatus CreateAction CreativeWork Dataset Organization PropertyValue SoftwareApplication
""".split()
CONTEXTS = {
    "https://w3id.org/ro/crate/1.1/context": {
        **{term: f"http://schema.org/{term}" for term in TERMS},
        "File": "http://schema.org/MediaObject",
        "conformsTo": "http://purl.org/dc/terms/conformsTo",
    },
    "https://w3id.org/ro/terms/workflow-run/context": {
        "sha256": "https://w3id.org/ro/terms/workflow-run#sha256"
    },
}


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph")  # the validator's own use of rdflib
@pytest.mark.filterwarnings("ignore::DeprecationWarning:rocrate_validator")
def test_the_crate_validator_accepts_the_genuine_crate(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No network: the two contexts come from here, reduced to the terms that are used."""
    pytest.importorskip("rocrate_validator")
    from rocrate_validator import models, services
    from rocrate_validator.utils import document_loader, http

    class Answer:
        status_code = 200
        content = b""
        headers: dict[str, str] = {"Content-Type": "application/ld+json"}  # noqa: RUF012

        def __init__(self, url: str) -> None:
            self.url = url
            self.text = json.dumps({"@context": CONTEXTS[url]})

        def json(self) -> Any:
            return json.loads(self.text)

    monkeypatch.setattr(document_loader, "_fetch_json_ld", lambda url: Answer(url).json())
    for name in ("get", "head"):
        monkeypatch.setattr(
            http.HttpRequester, name, lambda _, url, **__: Answer(url), raising=False
        )
    settings = services.ValidationSettings(
        rocrate_uri=world.bag() / "data",
        profile_identifier="process-run-crate",
        requirement_severity=models.Severity.REQUIRED,
    )
    done = services.validate(settings)
    assert done.passed(), [issue.message for issue in done.get_issues()]
