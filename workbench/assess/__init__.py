"""One function per cell of ``notebooks/community.ipynb``: a unit in, labelled findings out.

The statistics are those of :mod:`workbench.survey`, :mod:`workbench.change` and
:mod:`workbench.scoring`; here they are called on the unit's tables and get their ids and words.
"""

from __future__ import annotations

from workbench.assess.accounts import funds, organisations
from workbench.assess.alerts import warnings
from workbench.assess.bridge import bridge
from workbench.assess.changes import changes
from workbench.assess.civic import milestones, participation
from workbench.assess.facts import arrivals, decisions, head, limits, outside
from workbench.assess.fieldwork import fieldwork
from workbench.assess.followup import claims, followup, objections
from workbench.assess.gates import eligibility
from workbench.assess.indicators import indicators
from workbench.assess.indices import appraisal, efficacy
from workbench.assess.inspections import agreement, calibration
from workbench.assess.interrupted import interrupted
from workbench.assess.labels import only, points
from workbench.assess.lower import demand, lower
from workbench.assess.monitoring import (
    chart,
    monitored,
    outlook,
    record_checks,
    until,
)
from workbench.assess.monitors import monitors
from workbench.assess.moved import moved
from workbench.assess.pictured import pictures, repeated
from workbench.assess.priorities import priorities
from workbench.assess.records import requests, survival
from workbench.assess.regularity import regularity
from workbench.assess.response import response
from workbench.assess.ruleset import reference, ruleset
from workbench.assess.sample import design, weights
from workbench.assess.satisfaction import earlier, satisfaction, subgroups
from workbench.assess.score import deductions, score
from workbench.assess.standards import standards
from workbench.assess.standing import standing
from workbench.assess.voices import voices

__all__ = [
    "agreement",
    "appraisal",
    "arrivals",
    "bridge",
    "calibration",
    "changes",
    "chart",
    "claims",
    "decisions",
    "deductions",
    "demand",
    "design",
    "earlier",
    "efficacy",
    "eligibility",
    "fieldwork",
    "followup",
    "funds",
    "head",
    "indicators",
    "interrupted",
    "limits",
    "lower",
    "milestones",
    "monitored",
    "monitors",
    "moved",
    "objections",
    "only",
    "organisations",
    "outlook",
    "outside",
    "participation",
    "pictures",
    "points",
    "priorities",
    "record_checks",
    "reference",
    "regularity",
    "repeated",
    "requests",
    "response",
    "ruleset",
    "satisfaction",
    "score",
    "standards",
    "standing",
    "subgroups",
    "survival",
    "until",
    "voices",
    "warnings",
    "weights",
]
