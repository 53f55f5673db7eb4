"""While the survey is in the field: the cells of ``fieldwork.ipynb`` and ``check --fieldwork``.

``f = fieldwork.read("demo")`` opens a wave; each function takes it and gives labelled findings
with base rate and what to do next. A flag never deletes. What names cases and questionnaires is
written to the private folder only (:mod:`workbench.fieldwork.run`).
"""

from __future__ import annotations

from workbench.fieldwork.beside import concentrated, entropy, positions, records, without
from workbench.fieldwork.progress import arrived, by_day, changes, progress, response, strata
from workbench.fieldwork.quality import (
    backchecks,
    constraints,
    durations,
    interviewers,
    missing,
    others,
)
from workbench.fieldwork.reading import Field, read
from workbench.fieldwork.rows import BRIEF, FULL
from workbench.fieldwork.signs import flags, signs, stands_out
from workbench.fieldwork.suites import own
from workbench.fieldwork.tomorrow import listed, tomorrow

__all__ = [
    "BRIEF",
    "FULL",
    "Field",
    "arrived",
    "backchecks",
    "by_day",
    "changes",
    "concentrated",
    "constraints",
    "durations",
    "entropy",
    "flags",
    "interviewers",
    "listed",
    "missing",
    "others",
    "own",
    "positions",
    "progress",
    "read",
    "records",
    "response",
    "signs",
    "stands_out",
    "strata",
    "tomorrow",
    "without",
]
