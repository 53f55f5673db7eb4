"""Before and after: the right estimator for the design, and the honest grade of the claim."""

from __future__ import annotations

from workbench.change.compare import compare
from workbench.change.cross import wave_change
from workbench.change.durations import (
    durations,
    kaplan_meier,
    kaplan_meier_curve,
    survival_change,
)
from workbench.change.grade import GRADES, DesignFacts, Grade, grade, grade_table
from workbench.change.multiple import adjust, false_alarm, multiplicity, multiplicity_summary
from workbench.change.proportions import boschloo, newcombe, score_interval, share, two_shares
from workbench.change.rates import rate, rate_models, rate_ratio
from workbench.change.verdict import VERDICTS, Verdict, judge
from workbench.change.wording import overclaims, sentence

__all__ = [
    "GRADES",
    "VERDICTS",
    "DesignFacts",
    "Grade",
    "Verdict",
    "adjust",
    "boschloo",
    "compare",
    "durations",
    "false_alarm",
    "grade",
    "grade_table",
    "judge",
    "kaplan_meier",
    "kaplan_meier_curve",
    "multiplicity",
    "multiplicity_summary",
    "newcombe",
    "overclaims",
    "rate",
    "rate_models",
    "rate_ratio",
    "score_interval",
    "sentence",
    "share",
    "survival_change",
    "two_shares",
    "wave_change",
]
