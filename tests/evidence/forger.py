"""What a forger can do to a batch: the functions behind the handbook.

The forger owns the whole folder and rewrites every list in it that no key protects. Some hold keys
too; what they can do then is said by the name of the manipulation.
"""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pypdf
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
    for folder in ("figures", "inputs", "protocol"):
        (data / folder).mkdir(parents=True)
    (data / "inputs" / "findings.parquet").write_bytes(b"PAR1")
    (data / "inputs" / "units.csv").write_text("community\nJX-01\nJX-02\n")
    (data / "protocol" / "environment.json").write_text("{}\n")
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


def reported(overview: Path, compile_report: Callable[..., bytes], signing: Keys) -> None:
    """Lay the signed report into the overview, in one language."""
    data = overview / "data"
    listing = (data / "evidence-sha256.txt").read_bytes()
    found, code = (data / "findings.json").read_bytes(), bags.evidence_code(listing)
    pdf = compile_report(overview.parent.parent / "typst", listing, found, code, "overview")
    pdf = pdfsign.prepare(pdf)
    for role, key in signing.items():
        pdf = pdfsign.sign(pdf, role, key, reason="总览", time=NOW)
    (data / "report.zh.pdf").write_bytes(pdf)


def of_overview(change: Callable[[Path], None]) -> Callable[[World], None]:
    """Change the reports of the overview and rewrite the lists around them."""

    def make(world: World) -> None:
        change(world.out / "overview")
        write_bag(world.out / "overview", "overview")

    return make


def overview_redrawn(overview: Path) -> None:
    file = overview / "data" / "report.zh.pdf"
    file.write_bytes(update(overlay)(file.read_bytes()))


def overview_cut_back(overview: Path) -> None:
    """Take the last signature off: the file ends where the one before did."""
    file = overview / "data" / "report.zh.pdf"
    data = file.read_bytes()
    ends = [at for at in range(len(data)) if data.startswith(b"%%EOF", at)]
    file.write_bytes(data[: ends[-2] + 6])


def overview_in_english(overview: Path) -> None:
    shutil.copy(overview / "data" / "report.zh.pdf", overview / "data" / "report.en.pdf")


def overview_stripped(world: World) -> None:
    """Put the overview of before the closing in its place, which nobody signed."""
    shutil.rmtree(world.out / "overview" / "attest")
    for name in ("report.zh.pdf", "ro-crate-metadata.json"):
        (world.out / "overview" / "data" / name).unlink()
    write_bag(world.out / "overview", "overview")


def make_world(
    out: Path,
    home: Path,
    make_unit: Callable[..., Any],
    compile_report: Callable[..., bytes],
    signing: Keys,
) -> World:
    """Make the batch, and beside it ``unclosed``, as it was before it was closed, and ``trust``."""
    world = World(out, home, {}, signing)
    ledger = logs.open_log(out / "ledger", home=home, name="demonstration/xf")
    overview = out / "overview"
    write_overview(overview)
    ledger.append([{"type": "open", "study": "xf", "decisions": {}}], demonstration=True)
    frozen = {
        "type": "context",
        "study": "xf",
        "context_sha256": "c" * 64,
        "notebook_sha256": bags.sha256_file(overview / "data" / "notebook.ipynb"),
        "read_sha256": bags.digest_of_read(overview / "data"),
    }
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
    (out / "communities.jsonl").write_text("".join(json.dumps(x) + "\n" for x in lines))
    told = {
        "study": "xf",
        "issued": "2026-12-20",
        "seed": 7,
        "units": 2,
        "states": {"signed": 2, "waiting": 0},
    }
    (out / "batch.json").write_text(json.dumps(told | {"context_sha256": "c" * 64}))
    shutil.copytree(out, out.parent / "unclosed")
    reported(overview, compile_report, signing)
    attested(world, overview, "overview")
    entry = {
        "type": "close",
        "study": "xf",
        "units": 2,
        "evidence_sha256": bags.sha256_file(overview / "data/evidence-sha256.txt"),
        "results_sha256": bags.sha256_file(overview / "data/results.csv"),
        "statement_sha256": attest.statement_digest(overview),
        "pdf_sha256": attest.reports_digests(overview),
    }
    attest.enter(ledger, [(overview, entry)], demonstration=True, stamp=world.stamp())
    bags.write_tags(overview)
    trust = out.parent / "trust"
    trust.mkdir()
    shutil.copy(home / "trust" / "demonstration.pem", trust)
    shutil.copy(out / "ledger" / "log.vkey", trust)
    return world


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


# --- beside the bags --------------------------------------------------------------------------


def beside(name: str, data: bytes = b"x") -> Callable[[World], None]:
    """Lay a file into the folder of the batch."""

    def change(world: World) -> None:
        (world.out / name).parent.mkdir(exist_ok=True)
        (world.out / name).write_bytes(data)

    return change


def gone(name: str) -> Callable[[World], None]:
    """Take a file or folder out of the batch."""

    def change(world: World) -> None:
        path = world.out / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return change


def heads(change_lines: Callable[[list[bytes]], list[bytes]]) -> Callable[[World], None]:
    """Change the list of earlier heads."""

    def change(world: World) -> None:
        file = world.out / "ledger" / "checkpoints.jsonl"
        file.write_bytes(b"".join(change_lines(file.read_bytes().splitlines(keepends=True))))

    return change


def other_key_beside(name: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        from workbench.evidence.note import make_log_key

        origin = world.ledger().verifier.name
        key = make_log_key(world.out.parent / "forged", origin)
        beside(name, (key.verifier.text() + "\n").encode())(world)

    return change


def other_root_beside(world: World) -> None:
    pem = (keys.make_demo_ca(world.out.parent / "other") / "authority.pem").read_bytes()
    beside("trust/root-0123456789ab.pem", pem)(world)


def other_stamp_kept(name: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        (world.out / "ledger" / "stamps" / name).write_bytes(world.stamp()(b"another head"))

    return change


def stamp_renewed_then_gone(world: World) -> None:
    logs.renew(world.out / "ledger", world.stamp())
    (world.out / "ledger" / "stamps" / "00000004.tsr").unlink()
    for unit in UNITS:
        (world.bag(unit) / "attest" / "checkpoint.tsr").unlink()
    repin(world)


def witness_line(text: str) -> Callable[[World], None]:
    """Add a line under the signatures of the head."""

    def change(world: World) -> None:
        with (world.out / "ledger" / "checkpoint").open("a", encoding="utf-8") as stream:
            stream.write(text)

    return change


# --- more of the report and the bag -----------------------------------------------------------


def scripted(writer: pypdf.PdfWriter) -> None:
    name, text = pypdf.generic.NameObject, pypdf.generic.TextStringObject
    script = {name("/S"): name("/JavaScript"), name("/JS"): text("app.alert('90')")}
    writer._root_object[name("/OpenAction")] = pypdf.generic.DictionaryObject(script)


def hidden(writer: pypdf.PdfWriter) -> None:
    """Turn the first page into an empty one."""
    page = writer.pages[0]
    page[pypdf.generic.NameObject("/Contents")] = pypdf.generic.ArrayObject()


def page_taken_out(writer: pypdf.PdfWriter) -> None:
    pages: Any = writer._root_object["/Pages"]
    kids = pages.get_object()["/Kids"]
    del kids[0]
    pages.get_object()[pypdf.generic.NameObject("/Count")] = pypdf.generic.NumberObject(len(kids))


def attached_too(writer: pypdf.PdfWriter) -> None:
    writer.add_attachment("letter.txt", b"withdrawn")


def signed_once_more(data: bytes) -> bytes:
    """Add a fourth signature by hand, with a key of one's own."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import fields, signers

    certificate, private = _own_key()
    signer = signers.SimpleSigner.load(private, certificate)
    writer = IncrementalPdfFileWriter(io.BytesIO(data))
    fields.append_signature_field(writer, fields.SigFieldSpec("Sig_Mayor"))
    meta = signers.PdfSignatureMetadata(field_name="Sig_Mayor", md_algorithm="sha256")
    return bytes(signers.sign_pdf(writer, meta, signer=signer).getvalue())


def _own_key() -> tuple[str, str]:
    import tempfile
    from datetime import timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mayor")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(NOW - timedelta(days=9))
        .not_valid_after(NOW + timedelta(days=9))
        .sign(key, hashes.SHA256())
    )
    folder = Path(tempfile.mkdtemp())
    pem = serialization.Encoding.PEM
    (folder / "c.pem").write_bytes(certificate.public_bytes(pem))
    form = serialization.PrivateFormat.PKCS8
    plain = serialization.NoEncryption()
    (folder / "k.pem").write_bytes(key.private_bytes(pem, form, plain))
    return str(folder / "c.pem"), str(folder / "k.pem")


def languages_swapped(world: World) -> None:
    """Both carry the same list: only name and entry tell them apart."""
    zh, en = (world.bag() / "data" / f"report.{lang}.pdf" for lang in ("zh", "en"))
    first, second = zh.read_bytes(), en.read_bytes()
    reports = ((zh, second + b""), (en, first))
    for file, data in reports:
        file.write_bytes(data)
    # the two of the small batch are alike; a reader's are not
    if first == second:
        zh.write_bytes(world.stages["JX-02"][3])
    repin(world)


def relisted(world: World) -> None:
    """Rewrite every list that no key protects."""
    for unit in UNITS:
        data = world.bag(unit) / "data"
        (data / "evidence-sha256.txt").write_bytes(bags.evidence_list(data))
    repin(world)


def swapped(*names: str) -> Callable[[World], None]:
    """Exchange files between the two bags and rewrite every list."""

    def change(world: World) -> None:
        for name in names:
            one, two = (world.bag(unit) / "data" / name for unit in UNITS)
            first, second = one.read_bytes(), two.read_bytes()
            if first == second:
                second += b"\n"
            one.write_bytes(second)
            two.write_bytes(first)
        relisted(world)

    return change


def laid(name: str, data: bytes = b"x\n") -> Callable[[World], None]:
    """Lay a file into the payload and rewrite every list, whatever its name."""

    def change(world: World) -> None:
        bag = world.bag()
        path = bag / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        if name.startswith("renditions/"):  # what prints the evidence is not in its list
            repin(world)
            return
        written(bag, "data/evidence-sha256.txt", name)
        written(bag, "manifest-sha256.txt", "data/evidence-sha256.txt")
        written(bag, "manifest-sha256.txt", f"data/{name}")
        written(bag, "tagmanifest-sha256.txt", "manifest-sha256.txt")

    return change


def written(bag: Path, listing: str, name: str) -> None:
    """Write a file's digest into a list of the bag."""
    file = bag / listing
    lines = [x for x in file.read_text().splitlines(keepends=True) if x[66:-1] != name]
    lines.append(f"{bags.sha256_file(file.parent / name)}  {name}\n")
    file.write_text("".join(sorted(lines, key=lambda line: line[66:].encode())))


def renamed(old: str, new: str) -> Callable[[World], None]:
    """Give a file of the payload another name, in every list too."""

    def change(world: World) -> None:
        data = world.bag() / "data"
        (data / old).rename(data / new)
        relisted(world)

    return change


def manifest(change_text: Callable[[str], str], name: str = "manifest") -> Callable[[World], None]:
    """Write a manifest in another form and pin it."""

    def change(world: World) -> None:
        file = world.bag() / f"{name}-sha256.txt"
        file.write_bytes(change_text(file.read_bytes().decode()).encode())
        if name == "manifest":
            bags.write_tags(world.bag())

    return change


def called(unit: str) -> Callable[[World], None]:
    """Give a bag another name, in the list of units too."""

    def change(world: World) -> None:
        world.bag().rename(world.bag(unit))
        file = world.out / "communities.jsonl"
        file.write_text(file.read_text().replace("JX-01", unit))

    return change


def second_edition(world: World) -> None:
    """Pass the first edition off as a second one."""
    shutil.copytree(world.bag(), world.bag("JX-01@2"))
    with (world.out / "communities.jsonl").open("a") as stream:
        line = {"community": "JX-01", "edition": 2, "state": "signed"}
        stream.write(json.dumps(line | {"digests": bags.digests(world.bag())}) + "\n")


def folder_linked(name: str) -> Callable[[World], None]:
    def change(world: World) -> None:
        path = world.bag() / name
        path.rename(world.out.parent / "moved")
        path.symlink_to(world.out.parent / "moved")

    return change


def entry_reworded(world: World) -> None:
    file = world.bag() / "attest" / "entry.json"
    file.write_bytes(file.read_bytes().replace(b'","', b'", "', 1))
    bags.write_tags(world.bag())


def proof_of_another_log(world: World) -> None:
    """A log of the same name and another key, in which this very entry stands."""
    from workbench.evidence.note import make_log_key

    name = world.ledger().verifier.name
    other = Ledger(world.out.parent / "log", make_log_key(world.out.parent / "forged", name))
    entry = json.loads((world.bag() / "attest" / "entry.json").read_bytes())
    (number,) = other.append([entry], demonstration=True)
    (world.bag() / "attest" / "entry.tlog-proof").write_text(other.proof(number))
    repin(world)


def line_of_unit(**other: Any) -> Callable[[World], None]:
    """Write one more line about a unit into the list."""

    def change(world: World) -> None:
        line = {"community": "JX-01", "edition": 1, "state": "signed"} | other
        with (world.out / "communities.jsonl").open("a") as stream:
            stream.write(json.dumps(line) + "\n")

    return change


def packed_bomb(world: World) -> None:
    """Let the workbook unpack to more than a machine holds."""
    file = world.out / "overview" / "data" / "results.xlsx"
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as packed:
        for at in range(9):
            with packed.open(f"xl/media/{at}.bin", "w", force_zip64=True) as stream:
                for _ in range(150):
                    stream.write(bytes(1 << 20))
    listed = world.out / "overview"
    (listed / "data/evidence-sha256.txt").write_bytes(bags.evidence_list(listed / "data"))
    write_bag(listed, "overview")


def packed_in_packed(world: World) -> None:
    """Lay a workbook with one more archive inside in the place of the table."""
    file = world.out / "overview" / "data" / "results.xlsx"
    inner = file.read_bytes()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("results.xlsx", inner)
    listed = world.out / "overview"
    (listed / "data/evidence-sha256.txt").write_bytes(bags.evidence_list(listed / "data"))
    write_bag(listed, "overview")
