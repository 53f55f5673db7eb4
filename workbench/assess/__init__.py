"""One function per cell of ``notebooks/community.ipynb``: a unit in, labelled findings out.

The statistics are those of :mod:`workbench.survey`, :mod:`workbench.change` and
:mod:`workbench.scoring`; here they are called on the unit's tables and get their ids and words.
"""

from __future__ import annotations

from workbench.assess.alerts import warnings
from workbench.assess.bridge import bridge
from workbench.assess.changes import changes
from workbench.assess.facts import arrivals, decisions, head, limits, outside
from workbench.assess.fieldwork import fieldwork
from workbench.assess.indicators import indicators
from workbench.assess.inspections import agreement
from workbench.assess.interrupted import interrupted
from workbench.assess.labels import only
from workbench.assess.monitoring import (
    calibration,
    chart,
    monitored,
    record_checks,
    until,
)
from workbench.assess.priorities import priorities
from workbench.assess.records import requests, survival
from workbench.assess.response import response
from workbench.assess.sample import design, weights
from workbench.assess.satisfaction import satisfaction, subgroups
from workbench.assess.score import deductions, eligibility, score
from workbench.assess.standards import standards
from workbench.assess.standing import standing

__all__ = [
    "agreement",
    "arrivals",
    "bridge",
    "calibration",
    "changes",
    "chart",
    "decisions",
    "deductions",
    "design",
    "eligibility",
    "fieldwork",
    "head",
    "indicators",
    "interrupted",
    "limits",
    "monitored",
    "only",
    "outside",
    "priorities",
    "record_checks",
    "requests",
    "response",
    "satisfaction",
    "score",
    "standards",
    "standing",
    "subgroups",
    "survival",
    "until",
    "warnings",
    "weights",
]
