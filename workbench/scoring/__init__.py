"""Scores, targets, agreement, ranks and warnings: data frames in, tidy frames out."""

from workbench.scoring.aggregation import (
    aggregate,
    aggregate_tree,
    apply_caps,
    cronbach_alpha,
    effective_weights,
    rank_shift,
    strengths,
)
from workbench.scoring.alerts import warning_log, warnings
from workbench.scoring.assessors import agreement, pair_differences, severity
from workbench.scoring.civic import (
    organisation_sheet,
    participation_levels,
    quality_sheet,
    vote_results,
)
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
from workbench.scoring.decision import (
    fuzzy_evaluation,
    grey_relation,
    importance_performance,
    rank_sum_ratio,
    topsis,
)
from workbench.scoring.draws import barred, draw_teams, draw_units, draw_visits
from workbench.scoring.efficacy import efficacy_index
from workbench.scoring.funds import fund_progress, fund_table, reward, special_fund
from workbench.scoring.funnel import funnel_proportions, funnel_ratios
from workbench.scoring.gaps import inequality, kind_gap, supply_demand
from workbench.scoring.gates import decision_counts, eligibility, pass_rate
from workbench.scoring.money import (
    annual_need,
    budget_shares,
    participation_award,
    subsidy,
    welfare_subsidy,
)
from workbench.scoring.monitor import (
    change_points,
    control_chart,
    noise_sd,
    robust_z,
    run_rules,
)
from workbench.scoring.ranking import best_set, marginal_rank_sets, rank_of, ranks, simulated_ranks
from workbench.scoring.records import (
    device_faults,
    digit_preference,
    first_digits,
    recount,
    sprint,
    surge,
    text_overlap,
)
from workbench.scoring.scales import (
    denominate,
    impute_group_mean,
    log_shifted,
    moments,
    normalise,
    treat_outliers,
)
from workbench.scoring.schemes import Part, Scheme, appraisal_scheme, equal_scheme, scheme
from workbench.scoring.scores import composite
from workbench.scoring.sensitivity import (
    ScoringChoices,
    choice_sensitivity,
    choice_uncertainty,
    sobol_indices,
)
from workbench.scoring.sheets import TEAM, deductions, inspection, merge_sheets, sheet_status
from workbench.scoring.shrinkage import between_variance, pairs_apart, shrink
from workbench.scoring.standing import award_history, traffic_light
from workbench.scoring.targets import attainment, decide, three_outcomes
from workbench.scoring.training import calibration, drift, local_bonus
from workbench.scoring.variance import crossed_effects, d_study, g_study, many_facet_rasch
from workbench.scoring.weights import (
    ahp,
    ahp_group,
    budget_allocation,
    critic_weights,
    entropy_weights,
    pca_weights,
    shares_of,
    variation_weights,
)

__all__ = [
    "TEAM",
    "Part",
    "Scheme",
    "ScoringChoices",
    "aggregate",
    "aggregate_tree",
    "agreement",
    "ahp",
    "ahp_group",
    "annual_need",
    "apply_caps",
    "appraisal_scheme",
    "attainment",
    "award_history",
    "barred",
    "best_set",
    "between_variance",
    "bland_altman",
    "budget_allocation",
    "budget_shares",
    "calibration",
    "chance_corrected",
    "change_points",
    "choice_sensitivity",
    "choice_uncertainty",
    "cohen_kappa",
    "composite",
    "control_chart",
    "critic_weights",
    "cronbach_alpha",
    "crossed_effects",
    "d_study",
    "decide",
    "decision_counts",
    "deductions",
    "denominate",
    "device_faults",
    "digit_preference",
    "draw_teams",
    "draw_units",
    "draw_visits",
    "drift",
    "effective_weights",
    "efficacy_index",
    "eligibility",
    "entropy_weights",
    "equal_scheme",
    "first_digits",
    "fleiss_kappa",
    "fund_progress",
    "fund_table",
    "funnel_proportions",
    "funnel_ratios",
    "fuzzy_evaluation",
    "g_study",
    "grey_relation",
    "icc",
    "importance_performance",
    "impute_group_mean",
    "inequality",
    "inspection",
    "kendall_w",
    "kind_gap",
    "krippendorff_alpha",
    "local_bonus",
    "log_shifted",
    "many_facet_rasch",
    "marginal_rank_sets",
    "merge_sheets",
    "moments",
    "noise_sd",
    "normalise",
    "organisation_sheet",
    "pair_differences",
    "pairs_apart",
    "participation_award",
    "participation_levels",
    "pass_rate",
    "pca_weights",
    "percent_agreement",
    "quality_sheet",
    "rank_of",
    "rank_shift",
    "rank_sum_ratio",
    "ranks",
    "recount",
    "reward",
    "robust_z",
    "run_rules",
    "scheme",
    "severity",
    "shares_of",
    "sheet_status",
    "shrink",
    "simulated_ranks",
    "sobol_indices",
    "special_fund",
    "sprint",
    "strengths",
    "subsidy",
    "supply_demand",
    "surge",
    "text_overlap",
    "three_outcomes",
    "topsis",
    "traffic_light",
    "treat_outliers",
    "variation_weights",
    "vote_results",
    "warning_log",
    "warnings",
    "welfare_subsidy",
]
