"""How a figure is printed: ``name  median  unit  ratio``, headings with ``#``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

__all__ = ["Figure", "lines"]

MORE_IS_BETTER = {"notebooks/h", "questionnaires/s", "requests/s"}


@dataclass(frozen=True)
class Figure:
    """One measured figure: its name, the median of the measurements, and the unit."""

    name: str
    median: float
    unit: str


def _digits(value: float) -> str:
    """Print three significant digits, whole numbers from 1,000 on without a comma."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "-"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def _ratio(first: Figure, this: Figure) -> str:
    """How many times better than the first line of the block; a dash where it has another unit."""
    if first.unit != this.unit or not first.median or not this.median:
        return "-"
    better = this.median / first.median
    if this.unit not in MORE_IS_BETTER:
        better = 1 / better
    return f"{better:.1f}x" if better >= 0.1 else f"{better:.2g}x"


def lines(heading: str, figures: Iterable[Figure]) -> Iterator[str]:
    """Give the lines of one block.

    Parameters
    ----------
    heading
        Said after ``#``.
    figures
        The first one is what the others are measured against: ``2.0x`` is half of its seconds,
        bytes or MB, or twice its notebooks per hour.

    Examples
    --------
    >>> print(*lines("batch", [Figure("a", 7.5, "s"), Figure("b", 0.61, "s")]), sep="\\n")
    # batch
    a  7.50  s  1.0x
    b  0.610  s  12.3x
    """
    yield f"# {heading}"
    first: Figure | None = None
    for figure in figures:
        first = first or figure
        yield f"{figure.name}  {_digits(figure.median)}  {figure.unit}  {_ratio(first, figure)}"
