"""Design-based inference from surveys on pandas data frames."""

from __future__ import annotations

from workbench.survey.contrasts import adjust_p, against_whole, contrast, covariance
from workbench.survey.design import Design, Replicates, kish
from workbench.survey.disclosure import disclosure
from workbench.survey.estimates import (
    bottom2,
    index,
    mean,
    mean_0_100,
    net,
    proportion,
    ratio,
    top2,
    total,
)
from workbench.survey.intervals import binomial_interval
from workbench.survey.response import composition, response_rates, substitution_rates
from workbench.survey.weighting import poststratify, rake

__all__ = [
    "Design",
    "Replicates",
    "adjust_p",
    "against_whole",
    "binomial_interval",
    "bottom2",
    "composition",
    "contrast",
    "covariance",
    "disclosure",
    "index",
    "kish",
    "mean",
    "mean_0_100",
    "net",
    "poststratify",
    "proportion",
    "rake",
    "ratio",
    "response_rates",
    "substitution_rates",
    "top2",
    "total",
]
