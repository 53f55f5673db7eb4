"""Design-based inference from surveys on pandas data frames.

``Design`` holds how the rows were drawn; the weighting functions give new designs; the
estimators give tidy frames with one row per number. Only numpy, scipy and pandas are used.
"""

from __future__ import annotations

from workbench.survey.adjusted import adjusted_difference
from workbench.survey.association import ranktest, rao_scott, ttest, weighted_table
from workbench.survey.calibration import calibrate, trim
from workbench.survey.contrasts import adjust_p, against_whole, contrast, covariance, significance
from workbench.survey.design import Design, Replicates, kish
from workbench.survey.disclosure import disclosure, presentation
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
from workbench.survey.fabrication import (
    answer_entropy,
    arrival_bursts,
    backcheck_agreement,
    concentration,
    near_identical,
    overlapping,
)
from workbench.survey.intervals import binomial_interval, share_interval
from workbench.survey.modes import mode_effects
from workbench.survey.nonresponse import nonresponse_adjust, nonresponse_from_dispositions
from workbench.survey.opt_in import combine_samples, participation, rank_items, sensitivity_band
from workbench.survey.planning import (
    draw_sample,
    expected_deff,
    power_of_change,
    precision,
    sample_size,
    undecided,
)
from workbench.survey.quality import (
    data_quality,
    groups_compared,
    interviewer_effect,
    interviewer_signs,
    quality_summary,
)
from workbench.survey.quantiles import correlation, dispersion, quantile
from workbench.survey.regression import Model, glm, ordinal, predictive_margins, term_test
from workbench.survey.replicates import replicate, with_replicates
from workbench.survey.response import (
    composition,
    representativity,
    response_rates,
    substitution_rates,
)
from workbench.survey.scales import derived_importance, quadrants, reliability
from workbench.survey.small_area import FayHerriot, fay_herriot
from workbench.survey.transparency import disclosure_items
from workbench.survey.weighting import poststratify, rake, standardise

__all__ = [
    "Design",
    "FayHerriot",
    "Model",
    "Replicates",
    "adjust_p",
    "adjusted_difference",
    "against_whole",
    "answer_entropy",
    "arrival_bursts",
    "backcheck_agreement",
    "binomial_interval",
    "bottom2",
    "calibrate",
    "combine_samples",
    "composition",
    "concentration",
    "contrast",
    "correlation",
    "covariance",
    "data_quality",
    "derived_importance",
    "disclosure",
    "disclosure_items",
    "dispersion",
    "draw_sample",
    "expected_deff",
    "fay_herriot",
    "glm",
    "groups_compared",
    "index",
    "interviewer_effect",
    "interviewer_signs",
    "kish",
    "mean",
    "mean_0_100",
    "mode_effects",
    "near_identical",
    "net",
    "nonresponse_adjust",
    "nonresponse_from_dispositions",
    "ordinal",
    "overlapping",
    "participation",
    "poststratify",
    "power_of_change",
    "precision",
    "predictive_margins",
    "presentation",
    "proportion",
    "quadrants",
    "quality_summary",
    "quantile",
    "rake",
    "rank_items",
    "ranktest",
    "rao_scott",
    "ratio",
    "reliability",
    "replicate",
    "representativity",
    "response_rates",
    "sample_size",
    "sensitivity_band",
    "share_interval",
    "significance",
    "standardise",
    "substitution_rates",
    "term_test",
    "top2",
    "total",
    "trim",
    "ttest",
    "undecided",
    "weighted_table",
    "with_replicates",
]
