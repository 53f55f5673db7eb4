"""Memory and time of the runner at many units: ledger, findings by column, results table.

Findings are synthetic, with the columns and the sizes of the bundled study's. Each size runs in a
process of its own: ``python -m benchmarks.reduce UNITS`` prints what it took as JSON.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.lines import Figure, lines

ROOT = Path(__file__).resolve().parents[1]
FINDINGS = 300


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _findings(units: list[str]) -> Iterator[list[dict[str, Any]]]:
    """Give the findings of each unit: a score, indicators, items, comparisons, checks."""
    for number, unit in enumerate(units):
        rows = []
        for i in range(FINDINGS):
            value = ((number * 7919 + i * 104729) % 1000) / 1000
            kind = "comparison" if i % 10 == 0 else "estimate"
            name = "score.total" if i == 1 else f"survey.q{i}.top2.current"
            rows.append(
                {
                    "finding": name if i % 10 else f"change.q{i}.top2",
                    "community": unit,
                    "edition": 1,
                    "kind": kind,
                    "section": "satisfaction",
                    "label_zh": f"对第{i}项满意的居民",
                    "label_en": f"Residents satisfied with item {i}",
                    "value": value * 100 if i == 1 else value,
                    "unit": "share",
                    "std_error": 0.02,
                    "ci_low": value - 0.04,
                    "ci_high": value + 0.04,
                    "display_zh": f"{value:.1%}",
                    "display_en": f"{value:.1%}",
                    "n": 140,
                    "p_value": value if kind == "comparison" else None,
                    "method": "survey.estimates.share",
                    "status": "ok",
                    "notebook": "community",
                    "cell": "satisfaction",
                    "inputs": f"responses:{number:064x}",
                }
            )
        yield rows


def measure(count: int) -> dict[str, Any]:
    """Keep the ledger of ``count`` units, write their findings and read what a reduction reads."""
    from workbench import overview
    from workbench.batch import state
    from workbench.batch.reduce import write_findings

    units = [f"A-{i:07}" for i in range(count)]
    told: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="wb-bench-") as folder:
        out = Path(folder)
        row = {"state": "signed", "outcome": "assessed", "attempt": 1}
        row |= {"map_key": "a" * 64, "render_key": "b" * 64, "digests": {"x.txt": "c" * 64}}
        few = units[: min(count, 1000)]
        started = time.perf_counter()
        for unit in few:
            state.append(out, row | {"community": unit})
        told["append"] = (time.perf_counter() - started) / len(few)
        with (out / "communities.jsonl").open("a", encoding="utf-8") as file:
            for i, unit in enumerate(units):
                line = row | {"community": unit, "map_key": f"{i:064x}", "render_key": f"{-i:064x}"}
                file.write(json.dumps(line) + "\n")
        before, started = _peak(), time.perf_counter()
        rows = state.brief(out)
        told["ledger_read"] = time.perf_counter() - started
        told["ledger_kb"] = (_peak() - before) * 1024 / len(rows)
        del rows
        inputs = out / "inputs"
        inputs.mkdir()
        started = time.perf_counter()
        write_findings(_findings(units), inputs / "findings.parquet")
        told["write"] = (time.perf_counter() - started) / count
        told["write_mb"] = _peak()
        told["bytes"] = (inputs / "findings.parquet").stat().st_size / count
        (inputs / "units.csv").write_text(
            "community,name,name_en,kind,parent,outcome\n"
            + "".join(f"{unit},{unit},{unit},old_compound,,assessed\n" for unit in units)
        )
        (inputs / "study.json").write_text(json.dumps({"seed": 1, "decisions": {}, "measures": {}}))
        started = time.perf_counter()
        b = overview.open_batch(out)
        scores = b.pick("score.total")
        if len(scores) != count:
            raise SystemExit(f"{len(scores)} scores of {count}")
        overview.adjusted(b)
        overview.regression(b)
        told["read"] = time.perf_counter() - started
    return told | {"mb": _peak()}


def run(*, quick: bool) -> Iterator[str]:
    """Give the lines of this block."""
    sizes = (50, 200) if quick else (1000, 10_000, 100_000)
    told = {}
    for size in sizes:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.reduce", str(size)],
            check=True,
            stdout=subprocess.PIPE,
            cwd=ROOT,
        )
        told[size] = json.loads(done.stdout)

    def each(key: str, name: str, unit: str) -> list[Figure]:
        return [Figure(f"reduce.{name}.{size}", one[key], unit) for size, one in told.items()]

    what = f"{FINDINGS} findings a unit"
    yield from lines(
        "ledger, seconds to append one line and see it on disk", each("append", "append", "s")
    )
    yield from lines("ledger, seconds to read it whole", each("ledger_read", "ledger", "s"))
    yield from lines(
        "ledger, memory of the runner per unit", each("ledger_kb", "ledger_memory", "kB")
    )
    yield from lines(
        f"findings.parquet, seconds to write, per unit; {what}", each("write", "write", "s")
    )
    yield from lines("findings.parquet, bytes per unit", each("bytes", "size", "bytes"))
    yield from lines(
        "peak memory until findings.parquet is written", each("write_mb", "write_memory", "MB")
    )
    yield from lines("seconds to read scores, comparisons and baselines", each("read", "read", "s"))
    yield from lines("peak memory of all of it", each("mb", "memory", "MB"))


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]))))
