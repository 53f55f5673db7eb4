"""Two independent samples: means, ranks, design-based tests, composition, equivalence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, stats

from workbench.change._frames import check_level, not_computed, numbers, refuse, row, table
from workbench.change._means import mean_difference
from workbench.change.cross import answers
from workbench.change.panel import hedges_j
from workbench.survey import Design

__all__ = ["composition_change", "design_tests", "two_means", "two_ranks"]

Array = np.ndarray[Any, Any]


def _samples(before: Any, after: Any) -> tuple[Array, Array]:
    x, y = numbers(before, "before"), numbers(after, "after")
    return x[~np.isnan(x)], y[~np.isnan(y)]


def _empty(statistic: str, unit: str, method: str, n: int) -> pd.DataFrame:
    return table(
        [
            not_computed(
                statistic,
                "回答不足，或全部相同",
                "too few answers, or all are equal",
                unit=unit,
                method=method,
                n=n,
            )
        ]
    )


def two_means(
    before: Any,
    after: Any,
    *,
    level: float = 0.95,
    margin: float | None = None,
    unit: str = "score",
) -> pd.DataFrame:
    """Compare the means of two independent simple samples.

    Parameters
    ----------
    before, after
        Values; missing = not answered. Lengths may differ.
    level
        Confidence level.
    margin
        Equivalence margin in ``unit``: adds the test by two one-sided tests.
    unit
        Unit of the values.

    Returns
    -------
    pandas.DataFrame
        ``difference`` (Welch), ``hedges_g`` (pooled sd, exact correction, noncentral-t
        interval), ``glass_delta`` (sd of the wave before), ``equivalence`` (p of the two tests).

    References
    ----------
    Welch (1947); Hedges (1981); Steiger and Fouladi (1997); Glass (1976); Schuirmann (1987).
    """
    check_level(level)
    x, y = _samples(before, after)
    n0, n1 = len(x), len(y)
    if min(n0, n1) < 2 or np.ptp(x) + np.ptp(y) == 0:
        return _empty("difference", unit, "change.welch", n0 + n1)
    test = mean_difference(x, y, level=level)
    value, se, df = test["value"], test["std_error"], test["df"]
    common: dict[str, Any] = {"n": n0 + n1, "n_before": n0, "n_after": n1, "level": level}
    rows = [
        row(
            "difference",
            unit=unit,
            method="change.welch",
            before=float(x.mean()),
            after=float(y.mean()),
            **test,
            **common,
        )
    ]
    m = n0 + n1 - 2
    pooled = math.sqrt(((n0 - 1) * x.var(ddof=1) + (n1 - 1) * y.var(ddof=1)) / m)
    scale = math.sqrt(1 / n0 + 1 / n1)
    low, high = _noncentral(value / pooled / scale, m, level)
    j = hedges_j(m)
    rows.append(
        row(
            "hedges_g",
            value / pooled * j,
            unit="sd",
            method="change.hedges_g",
            ci_low=low * scale * j,
            ci_high=high * scale * j,
            **common,
        )
    )
    if np.ptp(x) > 0:
        rows.append(
            row(
                "glass_delta",
                value / float(x.std(ddof=1)),
                unit="sd",
                method="change.glass_delta",
                **common,
            )
        )
    if margin is not None:
        above = float(stats.t.sf((value + margin) / se, df))
        below = float(stats.t.cdf((value - margin) / se, df))
        rows.append(
            row(
                "equivalence",
                value,
                unit=unit,
                method="change.equivalence",
                p_value=max(above, below),
                margin=margin,
                ci_low=test["inner_low"],
                ci_high=test["inner_high"],
                df=df,
                **{**common, "level": 2 * level - 1},
            )
        )
    return table(rows)


def _noncentral(t: float, df: float, level: float) -> tuple[float, float]:
    a = (1 - level) / 2
    # the limits lie about z (1 + t^2/2df)^1/2 away; far outside scipy's cdf gives NaN
    wide = (float(stats.norm.ppf(1 - a)) + 1.2) * math.sqrt(1 + t * t / (2 * df))

    def root(target: float, low: float, high: float) -> float:
        return float(optimize.brentq(lambda nc: stats.nct.cdf(t, df, nc) - target, low, high))

    return root(1 - a, t - wide, t), root(a, t, t + wide)


def two_ranks(before: Any, after: Any, *, level: float = 0.95) -> pd.DataFrame:
    """Compare ordinal answers of two independent simple samples.

    Parameters
    ----------
    before, after
        At least ordinal values; missing = not answered.
    level
        Confidence level.

    Returns
    -------
    pandas.DataFrame
        ``mann_whitney`` (value U of the wave after; normal, ties, continuity), ``cliffs_delta``
        (P(after > before) - P(after < before)), ``log_odds_ratio`` (proportional odds).

    References
    ----------
    Mann and Whitney (1947); Cliff (1996), unbiased variance and asymmetric interval; McCullagh
    (1980).
    """
    check_level(level)
    x, y = _samples(before, after)
    n0, n1 = len(x), len(y)
    if min(n0, n1) < 2 or len(np.unique(np.r_[x, y])) < 2:
        return _empty("mann_whitney", "rank_sum", "change.mann_whitney", n0 + n1)
    common: dict[str, Any] = {"n": n0 + n1, "n_before": n0, "n_after": n1}
    test = stats.mannwhitneyu(y, x, alternative="two-sided", method="asymptotic")
    rows = [
        row(
            "mann_whitney",
            float(test.statistic),
            unit="rank_sum",
            method="change.mann_whitney",
            p_value=float(test.pvalue),
            **common,
        )
    ]
    signs = np.sign(y[:, None] - x[None, :])
    d = float(signs.mean())
    by_after, by_before = signs.mean(axis=1) - d, signs.mean(axis=0) - d
    variance = (
        n0**2 * float(by_after @ by_after)
        + n1**2 * float(by_before @ by_before)
        - float(((signs - d) ** 2).sum())
    ) / (n0 * n1 * (n0 - 1) * (n1 - 1))
    se = math.sqrt(max(variance, 0.0))
    q = float(stats.t.ppf(0.5 + level / 2, n0 + n1 - 2))
    half = q * se * math.sqrt((1 - d * d) ** 2 + q * q * se * se)
    bottom = 1 - d * d + q * q * se * se
    separated = bottom <= 0
    rows.append(
        row(
            "cliffs_delta",
            d,
            unit="ratio",
            method="change.cliffs_delta",
            std_error=se,
            ci_low=math.nan if separated else (d - d**3 - half) / bottom,
            ci_high=math.nan if separated else (d - d**3 + half) / bottom,
            level=level,
            reason_zh="两期完全分离" if separated else "",
            reason_en="the waves do not overlap at all" if separated else "",
            **common,
        )
    )
    rows.append({**_proportional_odds(x, y, level), **common})
    return table(rows)


def _proportional_odds(x: Array, y: Array, level: float) -> dict[str, Any]:
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    values, codes = np.unique(np.r_[x, y], return_inverse=True)
    wave = np.r_[np.zeros(len(x)), np.ones(len(y))]
    key = "change.proportional_odds"
    if abs(float(np.sign(y[:, None] - x[None, :]).mean())) == 1:
        return not_computed(
            "log_odds_ratio",
            "两期完全分离",
            "the waves do not overlap at all",
            unit="log_ratio",
            method=key,
        )
    model = OrderedModel(codes, wave[:, None], distr="logit")
    fitted = model.fit(method="bfgs", disp=0, gtol=1e-8, maxiter=500, warn_convergence=False)
    b, se = float(fitted.params[0]), float(fitted.bse[0])
    z = float(stats.norm.ppf(0.5 + level / 2))
    assert len(values) > 1
    return row(
        "log_odds_ratio",
        b,
        unit="log_ratio",
        method=key,
        std_error=se,
        ci_low=b - z * se,
        ci_high=b + z * se,
        level=level,
        p_value=float(2 * stats.norm.sf(abs(b / se))),
    )


def design_tests(
    design: Design,
    item: str,
    *,
    by: str,
    baseline: Any,
    current: Any,
    of: str = "top2",
    top: Sequence[float] = (4, 5),
    level: float = 0.95,
) -> pd.DataFrame:
    """Test one share between two waves under the design, on the scale of odds and by Rao-Scott.

    Parameters
    ----------
    design, item, by, baseline, current, of, top, level
        As for :func:`workbench.change.wave_change`; ``of`` ``top2`` or ``share``.

    Returns
    -------
    pandas.DataFrame
        ``log_odds_ratio`` (t on the design's degrees of freedom), ``rao_scott`` (second-order F).

    References
    ----------
    Binder (1983); Rao and Scott (1984), Ann Statist 12, 46-60; Thomas and Rao (1987).
    """
    check_level(level)
    data = design.data
    y = answers(data[item], of, top)
    used = ~np.isnan(y) & design.inside & data[by].isin([baseline, current]).to_numpy()
    late = (data[by] == current).to_numpy(dtype=bool) & used
    early = used & ~late
    yes = np.nan_to_num(y) == 1
    w = design.weights
    cells = [late & yes, late & ~yes, early & yes, early & ~yes]
    key = "change.design_odds"
    df = design.subset(used).df
    if not all(cell.any() for cell in cells) or df < 1:
        return _empty("log_odds_ratio", "log_ratio", key, int(used.sum()))
    total = float((w * used).sum())
    p = np.array([float((w * cell).sum()) / total for cell in cells])
    Z = np.column_stack([w * (cell - p[i] * used) / total for i, cell in enumerate(cells)])
    V = np.asarray(design.covariances(Z))
    n = int(used.sum())
    contrast = np.array([1, -1, -1, 1]) / p  # gradient of the log odds ratio
    b = float(math.log(p[0] * p[3] / (p[1] * p[2])))
    se = math.sqrt(float(contrast @ V @ contrast))
    q = float(stats.t.ppf(0.5 + level / 2, df))
    # Rao-Scott: contrast orthogonal to both main effects; one-dimensional in a 2x2 table
    c = np.array([1.0, -1.0, -1.0, 1.0])
    r, m = p[0] + p[1], p[0] + p[2]
    fitted = np.array([r * m, r * (1 - m), (1 - r) * m, (1 - r) * (1 - m)])
    chi2 = n * float(((p - fitted) ** 2 / fitted).sum())
    delta = float((c / p) @ V @ (c / p)) / float((c**2 / p).sum() / n)
    F = chi2 / delta
    common: dict[str, Any] = {"item": item, "n": n, "level": level}
    return table(
        [
            row(
                "log_odds_ratio",
                b,
                unit="log_ratio",
                method=key,
                std_error=se,
                ci_low=b - q * se,
                ci_high=b + q * se,
                df=df,
                test_statistic=b / se,
                p_value=float(2 * stats.t.sf(abs(b / se), df)),
                **common,
            ),
            row(
                "rao_scott",
                F,
                unit="f",
                method="change.rao_scott",
                df=1,
                df_denominator=df,
                p_value=float(stats.f.sf(F, 1, df)),
                **common,
            ),
        ]
    )


def composition_change(
    data: pd.DataFrame,
    *,
    by: str,
    baseline: Any,
    current: Any,
    variables: Sequence[str],
    weights: str | None = None,
) -> pd.DataFrame:
    """Say whether the waves differ in composition.

    Parameters
    ----------
    data
        One row per respondent.
    by, baseline, current
        Column of waves and its values.
    variables
        Categorical columns; missing values form no category.
    weights
        Column of weights for the shares; the chi-square is of unweighted counts.

    Returns
    -------
    pandas.DataFrame
        Per variable and category ``standardised_difference`` ((p1 - p0)/sqrt of the mean of
        p(1-p); verdict ``passed`` up to 0.05, ``noted`` to 0.25, ``failed`` above) and per
        variable ``composition_chi2``.

    References
    ----------
    Austin (2009); What Works Clearinghouse Handbook 5.0 for 0.05 and 0.25.
    """
    return table(
        composition_rows(
            data,
            by=by,
            baseline=baseline,
            current=current,
            variables=variables,
            weights=weights,
        )
    )


def composition_rows(
    data: pd.DataFrame,
    *,
    by: str,
    baseline: Any,
    current: Any,
    variables: Sequence[str],
    weights: str | None,
) -> list[dict[str, Any]]:
    """Give the rows of :func:`composition_change`."""
    rows = []
    for variable in variables:
        used = data[data[by].isin([baseline, current]) & data[variable].notna()]
        codes, categories = pd.factorize(used[variable], sort=True)
        cell = 2 * codes + used[by].eq(current).to_numpy()
        counts = np.bincount(cell, minlength=2 * len(categories)).reshape(-1, 2)
        if not counts.sum(axis=0).all() or len(counts) < 2:
            rows.append(
                not_computed(
                    "composition_chi2",
                    "一期没有该变量，或只有一个类别",
                    "a wave lacks the variable, or there is one category",
                    unit="chi2",
                    method="change.composition",
                    item=variable,
                )
            )
            continue
        w = None if weights is None else used[weights].to_numpy(dtype=float)
        mass = np.bincount(cell, w, minlength=2 * len(categories)).reshape(-1, 2)
        for category, (a, b) in zip(categories, (mass / mass.sum(axis=0)).tolist(), strict=True):
            spread = math.sqrt((a * (1 - a) + b * (1 - b)) / 2)
            d = (b - a) / spread if spread > 0 else 0.0
            size = abs(d)
            rows.append(
                row(
                    "standardised_difference",
                    d,
                    unit="sd",
                    method="change.composition",
                    item=variable,
                    category=category,
                    before=a,
                    after=b,
                    verdict="passed" if size <= 0.05 else "noted" if size <= 0.25 else "failed",
                )
            )
        test = stats.chi2_contingency(counts, correction=False)
        rows.append(
            row(
                "composition_chi2",
                float(test.statistic),
                unit="chi2",
                method="change.composition",
                item=variable,
                df=int(test.dof),
                p_value=float(test.pvalue),
                n=len(used),
            )
        )
    if not rows:
        refuse("items", "没有写明变量", "no variable named", "写 variables=", "write variables=")
    return rows
