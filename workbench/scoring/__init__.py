"""Scores, targets, agreement, ranks and warnings: data frames in, tidy frames out."""

from workbench.scoring.alerts import warning_log, warnings
from workbench.scoring.assessors import agreement, pair_differences, severity
from workbench.scoring.coefficients import (
    bland_altman,
    chance_corrected,
    cohen_kappa,
    fleiss_kappa,
    icc,
    kendall_w,
    krippendorff_alpha,
    percent_agreement,
)
from workbench.scoring.gates import eligibility, pass_rate
from workbench.scoring.ranking import rank_of, ranks, simulated_ranks
from workbench.scoring.schemes import Part, Scheme, equal_scheme, scheme
from workbench.scoring.scores import composite
from workbench.scoring.sheets import TEAM, deductions, inspection, merge_sheets, sheet_status
from workbench.scoring.standing import traffic_light
from workbench.scoring.targets import attainment, decide, three_outcomes

__all__ = [
    "TEAM",
    "Part",
    "Scheme",
    "agreement",
    "attainment",
    "bland_altman",
    "chance_corrected",
    "cohen_kappa",
    "composite",
    "decide",
    "deductions",
    "eligibility",
    "equal_scheme",
    "fleiss_kappa",
    "icc",
    "inspection",
    "kendall_w",
    "krippendorff_alpha",
    "merge_sheets",
    "pair_differences",
    "pass_rate",
    "percent_agreement",
    "rank_of",
    "ranks",
    "scheme",
    "severity",
    "sheet_status",
    "simulated_ranks",
    "three_outcomes",
    "traffic_light",
    "warning_log",
    "warnings",
]
