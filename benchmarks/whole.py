"""From slice to signed bag on the bundled study: CPU per community, map and the rest apart."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.lines import Figure, lines


def run(*, quick: bool) -> Iterator[str]:
    """Give the lines of this block."""
    from workbench.batch import state
    from workbench.batch.run import run as run_batch

    del quick  # the bundled study is as small as it gets
    kept = os.environ.get("WORKBENCH_HOME")
    with tempfile.TemporaryDirectory(prefix="wb-bench-") as folder:
        os.environ["WORKBENCH_HOME"] = str(Path(folder) / "home")
        try:
            out = Path(folder) / "out"
            outcome = run_batch("demo", out, jobs=2)
        finally:
            os.environ.pop("WORKBENCH_HOME")
            if kept is not None:
                os.environ["WORKBENCH_HOME"] = kept
        if outcome.failed:
            raise SystemExit(f"failed: {outcome.failed}")
        rows = {u: row for u, row in state.read(out).items() if row["outcome"] == "assessed"}
        mapped = {
            unit: json.loads((out / "private" / "map" / unit / "map.json").read_bytes())
            for unit in rows
        }
    both = [float(row["cpu_seconds"]) for row in rows.values()]
    first = [float(mapped[unit]["cpu_seconds"]) for unit in rows]
    rest = [b - f for b, f in zip(both, first, strict=True)]
    yield from lines(
        f"whole way, CPU seconds per community, median of {len(rows)}; three signatures a PDF",
        [
            Figure("whole.slice_to_signed_bag", median(both), "s"),
            Figure("whole.map", median(first), "s"),
            Figure("whole.render_and_seal", median(rest), "s"),
        ],
    )
