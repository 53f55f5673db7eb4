"""Where the notebooks, suites and sample data are: in the wheel, else in the repository."""

from __future__ import annotations

from pathlib import Path

__all__ = ["path"]

_WHERE = {
    "notebooks": "notebooks",
    "expectations": "expectations",
    "demo": "data/demo",
    "examples": "data/examples",
    "calendars": "data/calendars",
    "cases": "data/published_cases.csv",
}


def path(name: str) -> Path:
    """Give the place of a bundled part.

    ``notebooks``, ``expectations``, ``demo``, ``examples`` (a folder per programme), ``calendars``
    or ``cases``.

    Raises
    ------
    KeyError
        When nothing of that name is bundled.
    """
    package = Path(__file__).resolve().parent
    bundled = package / "_bundle" / _WHERE[name]
    return bundled if bundled.exists() else package.parent / _WHERE[name]
