"""The daily notebook of field work at 20,000 interviews, and what the comparison of forms costs.

Near-identical interviews are counted against a few thousand of the others'; beside it stands the
loop over all pairs that it replaces, on a part of the rows and extrapolated by their square.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.lines import Figure, lines
from workbench import survey

_LOOP = 400  # rows of the loop over all pairs


def _answers(n: int) -> tuple[pd.DataFrame, list[str]]:
    rng = np.random.default_rng(1)
    mood = rng.normal(0, 0.9, n)[:, None]
    x = np.clip(np.round(3.6 + mood + rng.normal(0, 0.9, (n, 12))), 1, 5)
    items = [f"q{i}" for i in range(12)]
    frame = pd.DataFrame(x, columns=items)
    return frame.assign(interviewer=[f"I{k:03d}" for k in rng.integers(0, n // 130, n)]), items


def _pairs(frame: pd.DataFrame, items: list[str]) -> int:
    """Count pairs that agree in nine of ten items, one after another."""
    rows = frame[items].to_numpy().tolist()
    found = 0
    for i, one in enumerate(rows):
        for other in rows[i + 1 :]:
            found += sum(a == b for a, b in zip(one, other, strict=True)) >= 0.9 * len(items)
    return found


def _seconds(call: object) -> float:
    begun = time.perf_counter()
    call()  # type: ignore[operator]
    return time.perf_counter() - begun


def run(*, quick: bool = False) -> Iterator[str]:
    """Give the lines of the block."""
    from workbench.fieldwork.run import run as daily
    from workbench.simulate import study

    n = 2_000 if quick else 20_000
    frame, items = _answers(n)
    part = frame.head(_LOOP)
    loop = _seconds(lambda: _pairs(part, items)) * (n / _LOOP) ** 2
    fast = _seconds(lambda: survey.near_identical(frame, items, "interviewer"))
    yield from lines(
        f"near-identical interviews of {n}, 12 items",
        [
            Figure("fieldwork.pairs.loop", loop, "s"),
            Figure("fieldwork.pairs.near_identical", fast, "s"),
        ],
    )
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        told = study(home / "s", compounds=14 if quick else 40, per_wave=143 if quick else 770)
        spent = _seconds(lambda: daily(home / "s", home / "out"))
        many = len(pd.read_csv(home / "s" / "data" / "survey_2026h2_wjx.csv"))
        yield from lines(
            f"check --fieldwork, {many} interviews in {len(told['communities'])} units",
            [Figure("fieldwork.daily", spent, "s")],
        )
