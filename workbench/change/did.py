"""Treated and comparison communities before and after: difference in differences."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from workbench.change._frames import check_level, not_computed, problem, refuse, row, table
from workbench.change._means import mean_difference
from workbench.change.clusters import cluster_rows, fit, wild_bootstrap, wild_interval
from workbench.errors import InputError

__all__ = ["community_changes", "did", "randomisation"]

Array = np.ndarray[Any, Any]
# above this the assignments are drawn instead of listed
MOST_ASSIGNMENTS = 200_000


def did(
    data: pd.DataFrame,
    *,
    outcome: str,
    community: str,
    treated: str,
    post: str,
    level: float = 0.95,
    unit: str = "score",
    rng: np.random.Generator | None = None,
) -> pd.DataFrame:
    """Compare the change of treated with that of comparison communities.

    Parameters
    ----------
    data
        One row per respondent (or per community and period).
    outcome, community, treated, post
        Columns; ``treated`` and ``post`` are 0/1, ``treated`` constant within a community.
    level, unit
        Confidence level and unit of the outcome.
    rng
        Needed only with more than 14 communities (bootstrap) or very many assignments.

    Returns
    -------
    pandas.DataFrame
        ``did`` by several rules; ``preferred`` is the two-sample t on community changes, with
        the p of randomisation inference as its lower limit when an arm has fewer than 4:
        ``change.did.community_t``, ``.community_welch``, ``.randomisation`` (``p_one_sided``,
        ``assignments``), ``.cr2`` and ``.crv1`` (community and period effects), ``.wild``
        (``p_strict``, interval by inversion), ``.iid`` and ``.hc1`` for contrast only: they
        ignore communities. ``baseline_g``: standardised difference of the arms before.

    Raises
    ------
    InputError
        Missing columns, values that are not 0/1, a community in both arms, an arm without a
        community, a community seen in one period only.

    References
    ----------
    Donald and Lang (2007); Bell and McCaffrey (2002); MacKinnon and Webb (2018, 2020);
    Cameron, Gelbach and Miller (2008).
    """
    check_level(level)
    used = _used(data, outcome, community, treated, post)
    changes = community_changes(
        used, outcome=outcome, community=community, treated=treated, post=post
    )
    d = changes["change"].to_numpy(dtype=float)
    arm = changes["treated"].to_numpy(dtype=bool)
    k, m = int(arm.sum()), int((~arm).sum())
    common: dict[str, Any] = {
        "n": len(used),
        "treated": k,
        "comparison": m,
        "level": level,
        "preferred": False,
    }
    rows = _community_tests(d, arm, level, unit, common, rng)
    codes, names = pd.factorize(used[community])
    y = used[outcome].to_numpy(dtype=float)
    late = used[post].to_numpy(dtype=float)
    both = used[treated].to_numpy(dtype=float) * late
    plain = np.column_stack([np.ones(len(y)), used[treated].to_numpy(dtype=float), late, both])
    rows += [
        {**one, **common, "method": str(one["method"]).replace("change.ols", "change.did")}
        for one in cluster_rows(fit(y, plain, codes), 3, statistic="did", unit=unit, level=level)
        if one["method"] in ("change.ols.iid", "change.ols.hc1")
    ]
    X = np.column_stack([np.eye(len(names))[codes], late, both])
    model = fit(y, X, codes)
    at = X.shape[1] - 1
    rows += [
        {**one, **common, "method": str(one["method"]).replace("change.ols", "change.did")}
        for one in cluster_rows(
            model, at, statistic="did", unit=unit, level=level, nested=len(names)
        )
        if one["method"] in ("change.ols.cr2", "change.ols.crv1")
    ]
    rows.append(_wild_row(model, at, level, unit, common, rng))
    rows.append(_baseline(used, outcome, treated, post, common))
    return table(rows)


def _used(
    data: pd.DataFrame, outcome: str, community: str, treated: str, post: str
) -> pd.DataFrame:
    missing = [name for name in (outcome, community, treated, post) if name not in data.columns]
    if missing:
        raise InputError(
            *[
                problem(
                    "column", "缺少所需的列", "a column is missing", "补上该列", "add it", column=c
                )
                for c in missing
            ]
        )
    used = data.dropna(subset=[outcome, community, treated, post])
    found = []
    for name in (treated, post):
        if not used[name].isin([0, 1]).all():
            found.append(
                problem(
                    "indicator",
                    "该列须为 0/1",
                    "the column must hold 0 and 1",
                    "改为 0/1",
                    "write 0 or 1",
                    column=name,
                )
            )
    if found:
        raise InputError(*found)
    arms = used.groupby(community)[treated].nunique()
    seen = used.groupby(community)[post].nunique()
    for name in arms.index[arms > 1]:
        found.append(
            problem(
                "arm",
                "同一社区既在干预组又在对照组",
                "a community lies in both arms",
                "每个社区只属一组",
                "a community belongs to one arm",
                column=treated,
                community=str(name),
            )
        )
    for name in seen.index[seen < 2]:
        found.append(
            problem(
                "period",
                "该社区只有一期数据",
                "a community was seen in one period only",
                "补上另一期，或去掉该社区",
                "add the other period or leave it out",
                column=post,
                community=str(name),
            )
        )
    for value, zh, en in ((1, "干预", "treated"), (0, "对照", "comparison")):
        if not (used[treated] == value).any():
            found.append(
                problem(
                    "arm",
                    f"没有{zh}社区",
                    f"there is no {en} community",
                    "检查 treated 列",
                    "check the column treated",
                    column=treated,
                )
            )
    if found:
        raise InputError(*found)
    return used


def community_changes(
    data: pd.DataFrame, *, outcome: str, community: str, treated: str, post: str
) -> pd.DataFrame:
    """Give the change of each community's mean: columns community, treated, before, after, change.

    Parameters
    ----------
    data, outcome, community, treated, post
        As for :func:`did`.
    """
    means = data.groupby([community, post])[outcome].mean().unstack()
    arm = data.groupby(community)[treated].first()
    return pd.DataFrame(
        {
            "community": means.index,
            "treated": arm.reindex(means.index).to_numpy(),
            "before": means[0].to_numpy(),
            "after": means[1].to_numpy(),
            "change": (means[1] - means[0]).to_numpy(),
        }
    )


def _community_tests(
    d: Array,
    arm: Array,
    level: float,
    unit: str,
    common: dict[str, Any],
    rng: np.random.Generator | None,
) -> list[dict[str, Any]]:
    k, m = int(arm.sum()), int((~arm).sum())
    value = float(d[arm].mean() - d[~arm].mean())
    rows: list[dict[str, Any]] = []
    drawn = randomisation(d, arm, rng=rng)
    least = drawn["smallest"]
    few = min(k, m) < 4
    for name, equal in (("community_t", True), ("community_welch", False)):
        method = f"change.did.{name}"
        chosen = name == "community_t"
        if min(k, m) < 2 and (not equal or k + m < 3):
            rows.append(_none(method, unit, common, chosen))
            continue
        made = _single(d, arm, level) if min(k, m) < 2 else None
        if made is None:
            made = mean_difference(d[~arm], d[arm], level=level, equal=equal)
        p = made["p_value"]
        if math.isnan(p):
            rows.append(_none(method, unit, common, chosen))
            continue
        capped = few and p < least
        rows.append(
            row(
                "did",
                unit=unit,
                method=method,
                before=float(d[~arm].mean()),
                after=float(d[arm].mean()),
                flags="few_communities" if few else "",
                reason_zh=f"社区少：p 不低于随机化所能达到的 {least:.3f}" if capped else "",
                reason_en=f"few communities: p not below the {least:.3f} that a draw can reach"
                if capped
                else "",
                **{**made, "p_value": max(p, least) if few else p},
                **{**common, "preferred": chosen},
            )
        )
    rows.append(
        row(
            "did",
            value,
            unit=unit,
            method="change.did.randomisation",
            p_value=drawn["p"],
            p_one_sided=drawn["p_one_sided"],
            assignments=drawn["assignments"],
            p_smallest=least,
            **common,
        )
    )
    return rows


def _single(d: Array, arm: Array, level: float) -> dict[str, float]:
    """One community against the spread of the others (Crawford and Howell 1998)."""
    lone = arm if arm.sum() == 1 else ~arm
    rest, sign = d[~lone], 1.0 if arm.sum() == 1 else -1.0
    n = len(rest)
    value = sign * (float(d[lone][0]) - float(rest.mean()))
    se = float(rest.std(ddof=1)) * math.sqrt(1 + 1 / n) if np.ptp(rest) > 0 else math.nan
    q, inner = (float(stats.t.ppf(c, n - 1)) for c in (0.5 + level / 2, level))
    return {
        "value": value,
        "std_error": se,
        "df": n - 1.0,
        "test_statistic": value / se,
        "p_value": float(2 * stats.t.sf(abs(value / se), n - 1)),
        "ci_low": value - q * se,
        "ci_high": value + q * se,
        "inner_low": value - inner * se,
        "inner_high": value + inner * se,
    }


def _none(method: str, unit: str, common: dict[str, Any], chosen: bool) -> dict[str, Any]:
    return not_computed(
        "did",
        "每组社区太少，或变化全部相同",
        "too few communities in an arm, or all changes are equal",
        unit=unit,
        method=method,
        **{**common, "preferred": chosen},
    )


def randomisation(
    changes: Array, treated: Array, *, rng: np.random.Generator | None = None, draws: int = 99_999
) -> dict[str, float]:
    """Give the randomisation p of the difference of mean changes.

    Parameters
    ----------
    changes, treated
        Change per community and whether it was treated.
    rng, draws
        Used only when there are more than 200,000 assignments.

    Returns
    -------
    dict
        ``p`` (two-sided, ties count), ``p_one_sided`` (treated rose more), ``assignments``,
        ``smallest`` attainable two-sided p (twice 1/C when both arms are equal).

    References
    ----------
    Fisher (1935); Rosenbaum (2002) ch. 2. Assumes that any assignment of the same size could
    have been drawn.
    """
    d = np.asarray(changes, dtype=float)
    arm = np.asarray(treated, dtype=bool)
    n, k = len(d), int(arm.sum())
    number = math.comb(n, k)
    total = d.sum()
    if number <= MOST_ASSIGNMENTS:
        picks = np.fromiter(
            (i for c in combinations(range(n), k) for i in c), dtype=np.int64, count=number * k
        ).reshape(number, k)
        sums = d[picks].sum(axis=1)
    else:
        if rng is None:
            refuse(
                "rng",
                "分配方式太多，须给出随机数发生器",
                "too many assignments to list: a random generator is needed",
                "写 rng=c.rng(…)",
                "write rng=c.rng(…)",
            )
        order = np.argsort(rng.random((draws, n)), axis=1)[:, :k]
        sums = np.r_[d[arm].sum(), d[order].sum(axis=1)]
    gaps = sums / k - (total - sums) / (n - k)
    observed = float(d[arm].mean() - d[~arm].mean())
    slack = 1e-12 * max(1.0, float(np.abs(gaps).max()))
    smallest = 1 / number * (2 if 2 * k == n else 1)
    return {
        "p": float((np.abs(gaps) >= abs(observed) - slack).mean()),
        "p_one_sided": float((gaps >= observed - slack).mean()),
        "assignments": float(number),
        "smallest": float(smallest),
    }


def _wild_row(
    model: Any,
    at: int,
    level: float,
    unit: str,
    common: dict[str, Any],
    rng: np.random.Generator | None,
) -> dict[str, Any]:
    key = "change.did.wild"
    if min(common["treated"], common["comparison"]) < 2 or model.exact:
        return not_computed(
            "did",
            "只有一个干预或对照社区，或没有误差：野自助法不可用",
            "one treated or comparison community, or no error: the wild bootstrap fails",
            unit=unit,
            method=key,
            **common,
        )
    p = wild_bootstrap(model, at, rng=rng)
    low, high = wild_interval(model, at, level=level, rng=rng)
    return row(
        "did",
        float(model.beta[at]),
        unit=unit,
        method=key,
        p_value=p["p"],
        p_strict=p["p_strict"],
        assignments=p["vectors"],
        ci_low=low,
        ci_high=high,
        **common,
    )


def _baseline(
    used: pd.DataFrame, outcome: str, treated: str, post: str, common: dict[str, Any]
) -> dict[str, Any]:
    first = used[used[post] == 0]
    a, b = (first.loc[first[treated] == v, outcome].to_numpy(dtype=float) for v in (1, 0))
    m = len(a) + len(b) - 2
    spread = (
        math.sqrt(((len(a) - 1) * a.var(ddof=1) + (len(b) - 1) * b.var(ddof=1)) / m)
        if min(len(a), len(b)) > 1
        else 0.0
    )
    if spread == 0:
        return not_computed(
            "baseline_g",
            "基期没有差异可算",
            "no spread before",
            unit="sd",
            method="change.hedges_g",
            **common,
        )
    g = float(a.mean() - b.mean()) / spread * (1 - 3 / (4 * m - 1))
    return row("baseline_g", g, unit="sd", method="change.hedges_g", **common)
