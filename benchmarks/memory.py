"""Peak memory of the runner, the process that supervises, at a few and at many units.

Each size runs in a process of its own: ``python -m benchmarks.memory UNITS`` makes a study of
``UNITS`` tiny units in a temporary folder, assesses it, and prints peak memory and seconds.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.lines import Figure, lines

_STUDY = """\
study: tiny
programme: civilised
unit: compound
scope: [waste_sorting_accuracy]
parties: {commissioner: C, assessor: A, contract: K, interests: none}
timezone: Asia/Shanghai
issued: 2026-12-20
waves:
  - {id: w1, role: baseline, records: [2026-01, 2026-03]}
  - {id: w2, role: current, records: [2026-04, 2026-06]}
seed: 7
sample: {default: probability}
sources:
  communities: [{file: communities.csv}]
  measurements: [{file: measurements.csv}]
weighting: {population: adults}
decisions: {gate: point, target: point, level: 0.95, min_cell: 10, margin_pp: 5, multiplicity: holm}
signatories:
  lead: {name: A, organisation: A, key: demo}
  reviewer: {name: B, organisation: A, key: demo}
  institution: {name: A, organisation: A, key: demo}
timestamps: none
languages: [zh]
notebook: unit.ipynb
"""
_MEASURES = """\
waste_sorting_accuracy:
  {channel: record, measurement: sorting, statistic: ratio_of_sums, window: last_3_months}
"""
_CELLS = {
    "parameters": 'study: str = "."\ncommunity: str = "A-0001"\nseed: int = 0',
    "open": "import workbench as wb\nfrom workbench import assess\n\n"
    'c = wb.open(study, community)\nwb.record(assess.head(c), section="head")',
    "indicators": "found = assess.indicators(c, assess.design(c))\n"
    'wb.record(found, section="indicators")',
    "score": 'wb.record(assess.score(c, found), section="score")',
}


def _notebook() -> str:
    cells = [
        {
            "cell_type": "code",
            "id": name,
            "metadata": {"tags": ["parameters"]} if name == "parameters" else {},
            "source": source,
            "outputs": [],
            "execution_count": None,
        }
        for name, source in _CELLS.items()
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole)


def _study(folder: Path, count: int) -> None:
    units = [f"A-{i:04}" for i in range(1, count + 1)]
    files = {
        "study.yaml": _STUDY,
        "measures.yaml": _MEASURES,
        "codebook.yaml": "{}\n",
        "corrections.csv": "file,key,column,old,new,reason,author,date,approved_by,evidence\n",
        "judgements.csv": "id,kind,community,object,from,to,decision,reason_zh,reason_en,"
        "author,date,approved_by\n",
        "communities.csv": "community,name,level,kind,households\n"
        + "".join(f"{unit},小区{unit},compound,commercial,400\n" for unit in units),
        "measurements.csv": "community,indicator,period,numerator,denominator,origin\n"
        + "".join(
            f"{unit},sorting,2026-0{month},{70 + (i + month) % 30},100,device\n"
            for i, unit in enumerate(units)
            for month in range(1, 7)
        ),
        "unit.ipynb": _notebook(),
        ".secret": "0" * 64 + "\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / ".secret").chmod(0o600)


def assess(count: int) -> None:
    """Assess ``count`` units; print peak MB of this process and seconds as JSON."""
    import resource

    from workbench.batch.run import run as run_batch

    with tempfile.TemporaryDirectory(prefix="wb-bench-") as folder:
        os.environ["WORKBENCH_HOME"] = str(Path(folder) / "home")
        study = Path(folder) / "study"
        study.mkdir()
        _study(study, count)
        started = time.perf_counter()
        outcome = run_batch(str(study), Path(folder) / "out", jobs=2)
        seconds = time.perf_counter() - started
    if outcome.signed != count:
        raise SystemExit(f"{outcome.signed} of {count} units signed: {outcome.failed}")
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"mb": kilobytes / 1024, "seconds": seconds}))


def run(*, quick: bool) -> Iterator[str]:
    """Give the lines of this block."""
    memory, seconds = [], []
    for count in (12, 40) if quick else (12, 500):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.memory", str(count)],
            check=True,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).resolve().parents[1],
        )
        told = json.loads(done.stdout)
        memory.append(Figure(f"memory.runner.{count}_units", told["mb"], "MB"))
        seconds.append(Figure(f"memory.time.{count}_units", told["seconds"] / count, "s"))
    yield from lines("runner, peak resident memory of the supervising process", memory)
    yield from lines("runner, seconds per unit from slice to signed bag, start included", seconds)


if __name__ == "__main__":
    assess(int(sys.argv[1]))
