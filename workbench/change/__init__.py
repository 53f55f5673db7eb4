"""Before and after: the right estimator for the design, and the honest grade of the claim."""

from __future__ import annotations

from workbench.change.clusters import cluster_rows, fit, intraclass, wild_bootstrap, wild_interval
from workbench.change.compare import compare
from workbench.change.cross import wave_change
from workbench.change.did import community_changes, did, randomisation
from workbench.change.durations import (
    cox,
    durations,
    kaplan_meier,
    kaplan_meier_curve,
    log_rank,
    survival_change,
)
from workbench.change.grade import GRADES, DesignFacts, Grade, grade, grade_table
from workbench.change.multiple import adjust, false_alarm, multiplicity, multiplicity_summary
from workbench.change.panel import (
    ancova,
    attrition,
    marginal_homogeneity,
    paired_by_community,
    paired_means,
    paired_ranks,
    paired_shares,
    regression_to_mean,
)
from workbench.change.power import (
    design_effect,
    detectable_change,
    detectable_share,
    equivalence_shares,
    power_shares,
    power_unequal,
    sample_size,
    sample_size_arcsine,
    sample_size_mcnemar,
    sample_size_means,
    target_power,
    target_test,
)
from workbench.change.proportions import boschloo, newcombe, score_interval, share, two_shares
from workbench.change.published import (
    claim_unit,
    e_value,
    expected_maximum,
    fits_counts,
    nonresponse_bounds,
    possible_n,
    published,
    rounding_bounds,
    selection_gain,
    weakest_p,
)
from workbench.change.rates import rate, rate_models, rate_ratio
from workbench.change.samples import composition_change, design_tests, two_means, two_ranks
from workbench.change.series import break_search, segmented, segmented_counts, structural
from workbench.change.staggered import (
    bacon_weights,
    callaway_santanna,
    event_study,
    two_way_effects,
)
from workbench.change.synthetic import synthetic_control, synthetic_path, synthetic_weights
from workbench.change.verdict import VERDICTS, Verdict, judge
from workbench.change.wording import overclaims, sentence

__all__ = [
    "GRADES",
    "VERDICTS",
    "DesignFacts",
    "Grade",
    "Verdict",
    "adjust",
    "ancova",
    "attrition",
    "bacon_weights",
    "boschloo",
    "break_search",
    "callaway_santanna",
    "claim_unit",
    "cluster_rows",
    "community_changes",
    "compare",
    "composition_change",
    "cox",
    "design_effect",
    "design_tests",
    "detectable_change",
    "detectable_share",
    "did",
    "durations",
    "e_value",
    "equivalence_shares",
    "event_study",
    "expected_maximum",
    "false_alarm",
    "fit",
    "fits_counts",
    "grade",
    "grade_table",
    "intraclass",
    "judge",
    "kaplan_meier",
    "kaplan_meier_curve",
    "log_rank",
    "marginal_homogeneity",
    "multiplicity",
    "multiplicity_summary",
    "newcombe",
    "nonresponse_bounds",
    "overclaims",
    "paired_by_community",
    "paired_means",
    "paired_ranks",
    "paired_shares",
    "possible_n",
    "power_shares",
    "power_unequal",
    "published",
    "randomisation",
    "rate",
    "rate_models",
    "rate_ratio",
    "regression_to_mean",
    "rounding_bounds",
    "sample_size",
    "sample_size_arcsine",
    "sample_size_mcnemar",
    "sample_size_means",
    "score_interval",
    "segmented",
    "segmented_counts",
    "selection_gain",
    "sentence",
    "share",
    "structural",
    "survival_change",
    "synthetic_control",
    "synthetic_path",
    "synthetic_weights",
    "target_power",
    "target_test",
    "two_means",
    "two_ranks",
    "two_shares",
    "two_way_effects",
    "wave_change",
    "weakest_p",
    "wild_bootstrap",
    "wild_interval",
]
