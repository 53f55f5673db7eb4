"""What a report costs: PDF, signatures and HTML of units of the bundled study.

As in a batch, one process makes one report after another; the first unit warms it (fonts,
templates) and is not counted. Every document is typeset once: a second time typst would remember.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.lines import Figure, lines
from benchmarks.units import cut_units, job
from workbench import findings, report
from workbench.batch.work import map_folder, map_unit
from workbench.evidence import keys, pdfsign
from workbench.evidence.bag import evidence_list
from workbench.evidence.files import sha256_bytes
from workbench.evidence.signature import FieldBox

Measured = dict[str, list[float]]


def timed(spent: Measured, name: str, call: Callable[[], Any]) -> Any:
    """Call and note the seconds of CPU, all threads together."""
    started = time.process_time()
    answer = call()
    spent[name].append(time.process_time() - started)
    return answer


def attached_and_common(data: Path, unit: str, lang: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give what a report carries, and what it is told of itself."""
    listing = evidence_list(data)
    attached: dict[str, Any] = {
        "evidence_list": listing,
        "findings_json": (data / "findings.json").read_bytes(),
    }
    common: dict[str, Any] = {
        "lang": lang,
        "evidence_digest": sha256_bytes(listing),
        "issued": date(2026, 12, 20),
        "edition": 1,
        "report_number": f"benchmark/{unit}/1",
        "demonstration": True,
    }
    return attached, common


def _measure(
    data: Path, unit: str, lang: str, signers: dict[Any, Any], spent: Measured, size: Measured
) -> None:
    found = json.loads((data / "findings.json").read_bytes())
    figures = findings.figures(json.loads((data / "notebook.ipynb").read_bytes()))
    attached, common = attached_and_common(data, unit, lang)
    made = timed(
        spent, f"report.pdf.{lang}", lambda: report.render(found, figures, **common, **attached)
    )
    boxes: dict[Any, FieldBox] = {
        role: FieldBox(box.page, box.x0, box.y0, box.x1, box.y1) for role, box in made.boxes.items()
    }
    pdf = timed(spent, f"report.fields.{lang}", lambda: pdfsign.prepare(made.data, boxes))
    size[f"report.pdf.{lang}.size"].append(len(pdf))
    before = len(pdf)
    now = datetime.now(UTC)
    for role, key in signers.items():

        def sign(pdf: bytes = pdf, role: Any = role, key: Any = key) -> bytes:
            return pdfsign.sign(pdf, role, key, reason="benchmark", time=now)

        pdf = timed(spent, f"report.signature.{lang}", sign)
    size[f"report.signature.{lang}.size"].append((len(pdf) - before) / len(signers))
    html = timed(spent, f"report.html.{lang}", lambda: report.render_html(found, figures, **common))
    size[f"report.html.{lang}.size"].append(len(html))


def run(*, quick: bool) -> Iterator[str]:
    """Give the lines of this block."""
    spent: Measured = defaultdict(list)
    size: Measured = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="wb-bench-") as folder:
        out = Path(folder).resolve()
        units = cut_units(out, 2 if quick else 6)
        now = datetime.now(UTC)
        signers: dict[Any, Any] = {
            role: keys.load_key("demo", role, home=out / "home", base=out, at=now)
            for role in keys.ROLES
        }
        for unit in units:
            map_unit(job(out, unit))
            for lang in ("zh", "en"):
                _measure(map_folder(out, unit) / "data", unit, lang, signers, spent, size)
            if unit == units[0]:
                spent.clear()
                size.clear()
    count = len(units) - 1
    yield from lines(
        f"report, seconds of CPU, median of {count} unit(s); signature: one of three",
        [Figure(name, median(told), "s") for name, told in spent.items()],
    )
    yield from lines(
        f"report, bytes, median of {count} unit(s); signature: added by one of three",
        [Figure(name, median(told), "bytes") for name, told in size.items()],
    )
