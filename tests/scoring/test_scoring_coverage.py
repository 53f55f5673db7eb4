"""Do intervals of scores and sets of ranks hold what they promise? By simulation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from workbench import scoring

Z = 1.959963984540054
TARGETS = pd.DataFrame(
    {"indicator": ["s1", "s2", "r1"], "target_kind": "level", "operator": "≥",
     "target": [0.90, 0.85, 0.95], "base": [0.50, 0.50, 0.40]}
)  # fmt: skip
PLAN = pd.DataFrame(
    {"indicator": ["s1", "s2", "r1", "i1"], "max_points": [15.0, 15, 40, 30],
     "channel": ["survey", "survey", "record", "inspection"]}
)  # fmt: skip


def score_coverage(rng: np.random.Generator, communities: int, respondents: int) -> np.ndarray:
    """Covered, or missed below, or missed above: one code per community of one simulated study."""
    truth = rng.uniform(0.55, 0.97, (communities, 2))
    record = rng.uniform(0.5, 1.0, communities)
    site = rng.normal(75, 7, communities)
    # two satisfaction items of the same people: correlated answers
    shared = rng.normal(size=(communities, respondents, 1))
    own = rng.normal(size=(communities, respondents, 2))
    from scipy.special import ndtri

    p = ((0.7 * shared + np.sqrt(0.51) * own) < ndtri(truth)[:, None, :]).mean(axis=1)
    p = np.clip(p, 0.5 / respondents, 1 - 0.5 / respondents)
    se = np.sqrt(p * (1 - p) / respondents)
    half = Z * se / (p * (1 - p))
    low, high = expit(logit(p) - half), expit(logit(p) + half)
    marks = site[:, None] + rng.normal(0, 4, (communities, 3)) + rng.normal(0, 2, (communities, 3))
    mean, error = marks.mean(axis=1), marks.std(axis=1, ddof=1) / np.sqrt(3)
    names = [f"C{i:04d}" for i in range(communities)]
    values = pd.concat(
        [
            pd.DataFrame({"community": names, "indicator": f"s{k + 1}", "value": p[:, k],
                          "std_error": se[:, k], "ci_low": low[:, k], "ci_high": high[:, k]})
            for k in range(2)
        ]
        + [pd.DataFrame({"community": names, "indicator": "r1", "value": record})]
    )  # fmt: skip
    earned = scoring.attainment(values, TARGETS)[
        ["community", "indicator", "attainment", "attainment_se", "attainment_low",
         "attainment_high"]
    ]  # fmt: skip
    t = 4.302652729911275
    inspected = pd.DataFrame(
        {"community": names, "indicator": "i1", "points": np.clip(0.3 * mean, 0, 30),
         "points_se": 0.3 * error, "points_low": np.clip(0.3 * (mean - t * error), 0, 30),
         "points_high": np.clip(0.3 * (mean + t * error), 0, 30)}
    )  # fmt: skip
    points = pd.concat([earned, inspected]).merge(PLAN, on="indicator")
    out = scoring.composite(points, scheme="A")
    total = out[out["part"] == "total"].set_index("community").loc[names]
    share = np.clip((truth - 0.5) / ([0.40, 0.35]), 0, 1).mean(axis=1)
    exact = 40 * np.clip((record - 0.4) / 0.55, 0, 1) + 0.3 * site + 30 * share
    return np.select([exact < total["ci_low"], exact > total["ci_high"]], [-1, 1], 0)


def rank_coverage(
    rng: np.random.Generator, communities: int, draws: int, spread: float = 6
) -> tuple[bool, float]:
    """Whether all true ranks lie in their sets, and the share in the simulated intervals.

    With a spread of 0 all are equally good: nobody may be told apart from anybody.
    """
    truth = rng.normal(75, spread, communities)
    se = rng.uniform(1, 3, communities)
    frame = pd.DataFrame({"community": np.arange(communities), "std_error": se,
                          "value": truth + se * rng.standard_normal(communities)})  # fmt: skip
    out = scoring.ranks(frame, rng=rng, draws=draws)
    if spread == 0:
        alike = out["set_low"].eq(1) & out["set_high"].eq(communities)
        return bool(alike.all()), float("nan")
    true_rank = scoring.rank_of(truth)
    inside = (out["set_low"] <= true_rank) & (true_rank <= out["set_high"])
    simulated = (out["rank_low"] <= true_rank) & (true_rank <= out["rank_high"])
    return bool(inside.all()), float(simulated.mean())


def test_score_interval_covers_at_least_as_often_as_it_says():
    missed = np.concatenate(
        [score_coverage(np.random.default_rng([5, k]), 200, 120) for k in range(5)]
    )
    assert (missed == 0).mean() >= 0.94


def test_rank_sets_hold_all_true_ranks_together():
    kept = [rank_coverage(np.random.default_rng([6, k]), 20, 400)[0] for k in range(40)]
    # 95 % promised; 40 trials fall below 34 with probability 0.003 at exactly 95 %
    assert sum(kept) >= 34


STUDIES = 200  # simulated studies of each line of the table in docs/methods/scoring.md


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("respondents", [30, 120, 400])
def test_coverage_of_scores_at_200_communities_long(respondents):
    missed = np.concatenate(
        [
            score_coverage(np.random.default_rng([7, respondents, k]), 200, respondents)
            for k in range(STUDIES)
        ]
    )
    low, high = (missed == -1).mean(), (missed == 1).mean()
    print(
        f"| total score, scheme A, {respondents} respondents, 3 assessors | {STUDIES} × 200 | "
        f"{1 - low - high:.1%} | {low:.1%} | {high:.1%} |"
    )
    assert 1 - low - high >= 0.94


@pytest.mark.soak
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("communities", [20, 200])
def test_coverage_of_rank_sets_long(communities):
    results = [
        rank_coverage(np.random.default_rng([8, communities, k]), communities, 1000)
        for k in range(STUDIES)
    ]
    kept = [r[0] for r in results]
    simulated = float(np.mean([r[1] for r in results]))
    print(
        f"| sets of ranks, all {communities} true ranks inside | {STUDIES} | "
        f"{np.mean(kept):.1%} ({sum(kept)} of {len(kept)}) |\n"
        f"| simulated rank intervals, each of {communities} | {STUDIES} | {simulated:.1%} |"
    )
    # 95 % promised; 200 trials fall below 182 with probability 0.01 at exactly 95 %
    assert np.mean(kept) >= 0.91


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_equally_good_communities_are_told_apart_as_seldom_as_promised():
    kept = [
        rank_coverage(np.random.default_rng([9, k]), 200, 1000, spread=0)[0] for k in range(STUDIES)
    ]
    print(
        f"| sets of ranks, 200 equally good communities, nobody told apart | {STUDIES} | "
        f"{np.mean(kept):.1%} ({sum(kept)} of {len(kept)}) |"
    )
    assert 0.91 <= np.mean(kept) <= 0.985
