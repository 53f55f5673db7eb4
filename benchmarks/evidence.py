"""What the evidence of a report costs: signatures, crate, bag, statement, ledger, verification.

The reports are those of a unit of the bundled study. Time-stamp authority: a local one, whose own
work is told apart. The ledger holds 100,000 entries (1,000 with ``--quick``).
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.lines import Figure, lines
from benchmarks.report import Measured, attached_and_common, timed
from benchmarks.units import cut_units, job
from workbench import findings, report
from workbench.batch.work import map_folder, map_unit
from workbench.evidence import attest, crate, keys, logs, pdfsign, statement, timestamp
from workbench.evidence import bag as bags
from workbench.evidence.ledger import Ledger, check_proof
from workbench.evidence.signature import FieldBox
from workbench.evidence.verify import verify

NOW = datetime(2026, 12, 21, 8, tzinfo=UTC)


def _signed(pdf: bytes, signers: Any, spent: Measured, name: str, **more: Any) -> bytes:
    """Sign in three roles; the figure is that of all three together."""
    started = time.process_time()
    for role, key in signers.items():
        pdf = pdfsign.sign(pdf, role, key, reason="benchmark", time=NOW, **more)
    spent[name].append(time.process_time() - started)
    return pdf


def _one(out: Path, unit: str, home: Path, ledger: Ledger, spent: Measured, size: Measured) -> None:
    map_unit(job(out, unit))
    source = map_folder(out, unit) / "data"
    bag = out / "communities" / unit
    bag.parent.mkdir(exist_ok=True)
    source.rename(bag.parent / "moved")
    bag.mkdir()
    (bag.parent / "moved").rename(bag / "data")
    data = bag / "data"
    found = json.loads((data / "findings.json").read_bytes())
    (data / "context.json").write_text("[]\n")
    (data / "findings.csv").write_bytes(findings.to_csv(found))
    (data / bags.EVIDENCE_LIST).write_bytes(bags.evidence_list(data))
    attached, common = attached_and_common(data, unit, "zh")
    figures = findings.figures(json.loads((data / "notebook.ipynb").read_bytes()))
    made = report.render(found, figures, **common, **attached)
    boxes: dict[Any, FieldBox] = {
        role: FieldBox(box.page, box.x0, box.y0, box.x1, box.y1) for role, box in made.boxes.items()
    }
    pdf = pdfsign.prepare(made.data, boxes)
    long_term = pdfsign.prepare(made.data, boxes, store=True)
    signers: Any = {r: keys.load_key("demo", r, home=home, base=home, at=NOW) for r in keys.ROLES}
    clock = keys.demo_clock(home)
    local = timestamp.local_authority(clock.certificate, clock.private, clock.chain)
    stamping: list[float] = []

    def authority(request: bytes) -> bytes:
        started = time.process_time()
        answer = local(request)
        stamping.append(time.process_time() - started)
        return answer

    done = _signed(pdf, signers, spent, "evidence.three_signatures")
    lasting = _signed(
        long_term, signers, spent, "evidence.three_signatures.long_term", clock=authority
    )
    spent["evidence.three_signatures.long_term"][-1] -= sum(stamping)
    spent["evidence.time_stamp"].append(median(stamping))
    size["evidence.pdf"].append(len(pdf))
    size["evidence.three_signatures.size"].append(len(done) - len(pdf))
    size["evidence.three_signatures.long_term.size"].append(len(lasting) - len(long_term))
    (data / "report.zh.pdf").write_bytes(done)
    study = json.loads((data / "inputs" / "study.json").read_bytes())["study"]
    about: dict[str, Any] = {"study": study, "community": unit, "edition": 1}
    both: dict[str, Any] = about | {"parameters": {}, "versions": {}, "finished": NOW}
    what = {"title": unit, "description": unit, "issued": date(2026, 12, 20), "publisher": "b"}
    text = timed(spent, "evidence.crate", lambda: crate.make_crate(data, **both, **what))
    (data / crate.CRATE).write_bytes(text)
    timed(spent, "evidence.bag", lambda: bags.write_bag(bag, **about, issued=date(2026, 12, 20)))
    told = timed(
        spent, "evidence.statement", lambda: statement.make_statement(bag, **both, started=NOW)
    )
    attest.write_attest(bag, told, signers)
    entry = attest.report_entry(bag, **about)
    timed(
        spent,
        "evidence.ledger_entry",
        lambda: attest.enter(ledger, [(bag, entry)], demonstration=True),
    )
    number = ledger.head().size - 1

    def proven() -> None:
        check_proof(ledger.entry(number), ledger.proof(number), ledger.verifier)

    timed(spent, "evidence.ledger_proof", proven)
    bags.write_tags(bag)
    size["evidence.statement.size"].append((bag / "attest/evaluation.intoto.json").stat().st_size)
    size["evidence.proof.size"].append((bag / "attest/entry.tlog-proof").stat().st_size)
    size["evidence.crate.size"].append(len(text))
    size["evidence.bag.size"].append(sum(p.stat().st_size for p in bag.rglob("*") if p.is_file()))
    found_ = timed(spent, "evidence.verify", lambda: verify(bag, trust=None, home=home, now=NOW))
    if found_.exit_code != 0:
        raise SystemExit(found_.text("en"))


def run(*, quick: bool) -> Iterator[str]:
    """Give the lines of this block."""
    spent: Measured = defaultdict(list)
    size: Measured = defaultdict(list)
    entries = 1_000 if quick else 100_000
    with tempfile.TemporaryDirectory(prefix="wb-bench-") as folder:
        out = Path(folder).resolve()
        home = out / "home"
        ledger = logs.open_log(out / "log", home=home, name="demonstration/benchmark")
        many = [
            {"type": "report", "study": "s", "community": f"C-{n}", "edition": 1, "x": "0" * 300}
            for n in range(entries)
        ]
        ledger.append(many, demonstration=True)
        units = cut_units(out, 2 if quick else 6)
        for unit in units:
            _one(out, unit, home, ledger, spent, size)
            if unit == units[0]:
                spent.clear()
                size.clear()
    count = len(units) - 1
    yield from lines(
        f"evidence, seconds of CPU per report in one language, median of {count} unit(s); "
        f"ledger of {entries} entries",
        [Figure(name, median(told), "s") for name, told in spent.items()],
    )
    yield from lines(
        f"evidence, bytes per report in one language, median of {count} unit(s)",
        [Figure(name, median(told), "bytes") for name, told in size.items()],
    )
