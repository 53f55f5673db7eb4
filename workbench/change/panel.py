"""The same respondents twice: means, ranks, shares, attrition, regression to the mean."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, stats

from workbench.change._frames import check_level, not_computed, numbers, refuse, row, table
from workbench.change._means import mean_difference
from workbench.change.clusters import cluster_rows, fit
from workbench.survey.rows import to_rows

__all__ = [
    "ancova",
    "attrition",
    "marginal_homogeneity",
    "paired_by_community",
    "paired_means",
    "paired_ranks",
    "paired_shares",
    "regression_to_mean",
]

Array = np.ndarray[Any, Any]


def _pairs(before: Any, after: Any) -> tuple[Array, Array]:
    x, y = numbers(before, "before"), numbers(after, "after")
    if len(x) != len(y):
        refuse(
            "shape",
            "两期的长度不同",
            "before and after are not of one length",
            "每人一行，缺失留空",
            "one row per person, missing left empty",
            expected=str(len(x)),
            found=str(len(y)),
        )
    both = ~(np.isnan(x) | np.isnan(y))
    return x[both], y[both]


def _few(statistic: str, unit: str, method: str, n: int) -> pd.DataFrame:
    return table(
        [
            not_computed(
                statistic,
                "成对的回答不足或差值全部相同",
                "too few pairs, or all differences are equal",
                unit=unit,
                method=method,
                n=n,
            )
        ]
    )


def paired_means(
    before: Any, after: Any, *, level: float = 0.95, unit: str = "score"
) -> pd.DataFrame:
    """Compare means of the same people: paired t and standardised effects.

    Parameters
    ----------
    before, after
        One value per person in one order; missing = not answered (the pair is left out).
    level
        Confidence level.
    unit
        Unit of the values.

    Returns
    -------
    pandas.DataFrame
        ``difference`` (paired t), ``d_z``, ``g_z`` (Hedges' exact correction), ``d_av``.
        ``not_computed`` with fewer than two pairs or equal differences.

    References
    ----------
    Student (1908); Hedges (1981); Cumming (2012) ch. 11 for d_av.

    Examples
    --------
    >>> paired_means([1, 2, 3, 4], [2, 4, 3, 6]).round(3)["value"].tolist()
    [1.25, 1.306, 0.945, 0.826]
    """
    check_level(level)
    x, y = _pairs(before, after)
    d = y - x
    n = len(d)
    if n < 2 or np.ptp(d) == 0:
        return _few("difference", unit, "change.paired_t", n)
    mean, sd = float(d.mean()), float(d.std(ddof=1))
    se = sd / math.sqrt(n)
    q, inner = (float(stats.t.ppf(c, n - 1)) for c in (0.5 + level / 2, level))
    common: dict[str, Any] = {"n": n, "n_before": n, "n_after": n}
    rows = [
        row(
            "difference",
            mean,
            unit=unit,
            method="change.paired_t",
            before=float(x.mean()),
            after=float(y.mean()),
            std_error=se,
            ci_low=mean - q * se,
            ci_high=mean + q * se,
            inner_low=mean - inner * se,
            inner_high=mean + inner * se,
            level=level,
            test_statistic=mean / se,
            df=n - 1,
            p_value=float(2 * stats.t.sf(abs(mean / se), n - 1)),
            **common,
        ),
        row("d_z", mean / sd, unit="sd", method="change.d_z", **common),
        row("g_z", mean / sd * hedges_j(n - 1), unit="sd", method="change.g_z", **common),
    ]
    pooled = math.sqrt((x.var(ddof=1) + y.var(ddof=1)) / 2)
    if pooled > 0:
        rows.append(row("d_av", mean / pooled, unit="sd", method="change.d_av", **common))
    return table(rows)


def hedges_j(df: float) -> float:
    """Give Hedges' exact small-sample factor, Gamma(m/2)/(sqrt(m/2) Gamma((m-1)/2))."""
    return math.exp(math.lgamma(df / 2) - math.lgamma((df - 1) / 2)) / math.sqrt(df / 2)


def paired_ranks(before: Any, after: Any) -> pd.DataFrame:
    """Compare ordinal answers of the same people: signed ranks and signs.

    Parameters
    ----------
    before, after
        As for :func:`paired_means`; at least ordinal.

    Returns
    -------
    pandas.DataFrame
        ``signed_rank`` (value V, sum of positive ranks) with the p by the normal approximation
        with and without continuity correction and exactly (ties kept, zeros dropped); Pratt's z;
        ``sign`` (share of positive among the changed). ``preferred``: exact up to 200 changed.

    References
    ----------
    Wilcoxon (1945); Pratt (1959); Streitberg and Röhmel (1986) for the exact distribution.
    """
    x, y = _pairs(before, after)
    d = y - x
    moved = d[d != 0]
    n = len(moved)
    if n < 1:
        return _few("signed_rank", "rank_sum", "change.signed_rank", len(d))
    ranks = stats.rankdata(np.abs(moved))
    v = float(ranks[moved > 0].sum())
    mean = n * (n + 1) / 4
    spread = math.sqrt(float((ranks**2).sum()) / 4)
    shift = math.copysign(0.5, v - mean) if v != mean else 0.0
    p_exact = _exact_signed_rank(ranks, v) if n <= 200 else math.nan
    every = stats.rankdata(np.abs(d))
    kept = every[d != 0]
    z_pratt = float((np.sign(moved) * kept).sum()) / math.sqrt(float((kept**2).sum()))
    common: dict[str, Any] = {"n": len(d), "changed": n}
    key = "change.signed_rank"
    rows = []
    for name, z, p in (
        ("continuity", (v - mean - shift) / spread, None),
        ("normal", (v - mean) / spread, None),
        ("exact", math.nan, p_exact),
    ):
        rows.append(
            row(
                "signed_rank",
                v,
                unit="rank_sum",
                method=f"{key}.{name}",
                test_statistic=z,
                p_value=float(2 * stats.norm.sf(abs(z))) if p is None else p,
                preferred=(name == "exact") == (n <= 200) and name != "normal",
                **common,
            )
        )
    rows.append(
        row(
            "pratt",
            z_pratt,
            unit="z",
            method=f"{key}.pratt",
            p_value=float(2 * stats.norm.sf(abs(z_pratt))),
            **common,
        )
    )
    up = int((moved > 0).sum())
    rows.append(
        row(
            "sign",
            up / n,
            unit="share",
            method="change.sign_test",
            numerator=up,
            denominator=n,
            p_value=float(stats.binomtest(up, n).pvalue),
            **common,
        )
    )
    return table(rows)


def _exact_signed_rank(ranks: Array, v: float) -> float:
    # distribution of the sum of signed doubled ranks, one convolution per person
    doubled = np.round(2 * ranks).astype(int)
    total = int(doubled.sum())
    ways = np.zeros(total + 1)
    ways[0] = 1.0
    for r in doubled:
        shifted = np.zeros_like(ways)
        shifted[r:] = ways[: total + 1 - r]
        ways = (ways + shifted) / 2
    at = round(2 * v)
    return float(min(1.0, 2 * min(ways[: at + 1].sum(), ways[at:].sum())))


def paired_shares(before: Any, after: Any, *, level: float = 0.95) -> pd.DataFrame:
    """Compare a share among the same people: McNemar's tests and intervals of the difference.

    Parameters
    ----------
    before, after
        0/1 per person; missing = not answered.
    level
        Confidence level.

    Returns
    -------
    pandas.DataFrame
        ``difference`` (unit pp) by Tango's score interval (``preferred``, with the mid-p),
        Agresti-Min and Wald; ``mcnemar`` (chi2 plain and corrected, exact, mid-p), ``odds_ratio``
        b/c with its exact interval; the counts ``b`` (0 to 1) and ``c`` (1 to 0). Without any
        change of answer: ``not_computed``.

    References
    ----------
    McNemar (1947); Fagerland, Lydersen and Laake (2013) for mid-p and the intervals; Tango
    (1998); Agresti and Min (2005).
    """
    check_level(level)
    x, y = _pairs(before, after)
    if not (np.isin(x, (0, 1)).all() and np.isin(y, (0, 1)).all()):
        refuse(
            "value",
            "该值不能用于份额",
            "a share needs 0 and 1",
            "先转换为 0/1",
            "turn the answers into 0/1 first",
        )
    n = len(x)
    b, c = int(((x == 0) & (y == 1)).sum()), int(((x == 1) & (y == 0)).sum())
    if n < 2 or b + c == 0:
        return _few("difference", "pp", "change.difference.tango", n)
    common: dict[str, Any] = {
        "n": n,
        "n_before": n,
        "n_after": n,
        "level": level,
        "before": float(x.mean()),
        "after": float(y.mean()),
    }
    z = float(stats.norm.ppf(0.5 + level / 2))
    d = (b - c) / n
    se = math.sqrt((b + c) - (b - c) ** 2 / n) / n
    # half an observation is added to each cell
    da, na = (b - c) / (n + 2), n + 2
    sa = math.sqrt((b + c + 1) - (b - c) ** 2 / na) / na
    tail = stats.binom.cdf(min(b, c), b + c, 0.5)
    point = stats.binom.pmf(min(b, c), b + c, 0.5)
    exact = float(min(1.0, 2 * tail))
    mid = float(min(1.0, 2 * tail - point))
    rows = []
    inner = tango(b, c, n, level=2 * level - 1)
    for name, ends in (
        ("tango", tango(b, c, n, level=level)),
        ("agresti_min", (da - z * sa, da + z * sa)),
        ("wald_paired", (d - z * se, d + z * se)),
    ):
        rows.append(
            row(
                "difference",
                d,
                unit="pp",
                method=f"change.difference.{name}",
                std_error=se,
                ci_low=ends[0],
                ci_high=ends[1],
                inner_low=inner[0],
                inner_high=inner[1],
                p_value=mid,
                preferred=name == "tango",
                **common,
            )
        )
    for name, chi2 in (
        ("mcnemar", (b - c) ** 2 / (b + c)),
        ("mcnemar_corrected", (abs(b - c) - 1) ** 2 / (b + c)),
    ):
        rows.append(
            row(
                "mcnemar",
                chi2,
                unit="chi2",
                method=f"change.{name}",
                df=1,
                p_value=float(stats.chi2.sf(chi2, 1)),
                **common,
            )
        )
    ends = stats.binomtest(b, b + c).proportion_ci(level, method="exact")
    rows += [
        row(
            "odds_ratio",
            b / c if c else math.nan,
            unit="ratio",
            method="change.mcnemar_exact",
            ci_low=_odds(ends.low),
            ci_high=_odds(ends.high),
            p_value=exact,
            reason_zh="" if c else "没有人由是变否",
            reason_en="" if c else "nobody changed from yes to no",
            **common,
        ),
        row("mcnemar", mid, unit="p", method="change.mcnemar_midp", p_value=mid, **common),
        row("b", b, unit="count", method="change.mcnemar", **common),
        row("c", c, unit="count", method="change.mcnemar", **common),
    ]
    return table(rows)


def _odds(p: float) -> float:
    return math.inf if p >= 1 else float(p / (1 - p))


def tango(b: int, c: int, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """Give Tango's (1998) score interval of the paired difference (b - c)/n."""
    z = float(stats.norm.ppf(0.5 + level / 2))
    observed = (b - c) / n

    def gap(d: float, sign: int) -> float:
        # maximum likelihood of the discordant share under the difference d
        B = -b - c + (2 * n - b + c) * d
        C = -c * d * (1 - d)
        q = (math.sqrt(max(B * B - 8 * n * C, 0.0)) - B) / (4 * n)
        variance = n * (2 * q + d * (1 - d))
        return (b - c - n * d) / math.sqrt(max(variance, 1e-300)) - sign * z

    edge = 1 - 1e-12
    low = -1.0 if gap(-edge, 1) < 0 else optimize.brentq(gap, -edge, observed, (1,), xtol=1e-14)
    high = 1.0 if gap(edge, -1) > 0 else optimize.brentq(gap, observed, edge, (-1,), xtol=1e-14)
    return float(low), float(high)


def marginal_homogeneity(before: Any, after: Any) -> pd.DataFrame:
    """Test whether the distribution over all categories is the same in both waves.

    Parameters
    ----------
    before, after
        Numeric categories per person; missing = not answered.

    Returns
    -------
    pandas.DataFrame
        ``stuart_maxwell`` (chi2 on categories - 1) and ``ordinal`` (z, positive for a rise).

    References
    ----------
    Stuart (1955), Maxwell (1970); Agresti (2013) §11.3 for ordered scores.
    """
    x, y = _pairs(before, after)
    d = y - x
    key = "change.marginal_homogeneity"
    if len(d) < 2 or not (d != 0).any():
        return _few("stuart_maxwell", "chi2", key, len(d))
    values = np.unique(np.r_[x, y])
    T = np.zeros((len(values), len(values)))
    np.add.at(T, (np.searchsorted(values, x), np.searchsorted(values, y)), 1)
    gap = T.sum(axis=1) - T.sum(axis=0)
    V = np.diag(T.sum(axis=1) + T.sum(axis=0)) - T - T.T
    used = np.diag(V) > 0
    g, V = gap[used][:-1], V[np.ix_(used, used)][:-1, :-1]
    chi2 = float(g @ np.linalg.pinv(V) @ g)
    df = int(np.linalg.matrix_rank(V))
    z = float(d.sum() / math.sqrt(float((d**2).sum())))
    return table(
        [
            row(
                "stuart_maxwell",
                chi2,
                unit="chi2",
                method=f"{key}.stuart_maxwell",
                df=df,
                p_value=float(stats.chi2.sf(chi2, df)),
                n=len(d),
            ),
            row(
                "ordinal",
                z,
                unit="z",
                method=f"{key}.ordinal",
                p_value=float(2 * stats.norm.sf(abs(z))),
                n=len(d),
            ),
        ]
    )


def paired_by_community(
    data: pd.DataFrame,
    *,
    before: str,
    after: str,
    community: str,
    level: float = 0.95,
    unit: str = "score",
) -> pd.DataFrame:
    """Give the mean change with errors by community, and the mean of community changes.

    Parameters
    ----------
    data
        One row per person.
    before, after, community
        Columns.
    level, unit
        Confidence level and unit of the values.

    Returns
    -------
    pandas.DataFrame
        ``mean_change`` by CR2 with Satterthwaite (``preferred``) and CR1S; ``community_change``
        (t over the community means). One community: ``not_computed``.
    """
    x = numbers(data[before], before)
    y = numbers(data[after], after)
    both = ~(np.isnan(x) | np.isnan(y))
    d, codes = (y - x)[both], data.loc[both, community]
    if len(d) < 2:
        return _few("mean_change", unit, "change.ols.cr2", len(d))
    model = fit(d, np.ones((len(d), 1)), codes)
    rows = [
        {**one, "preferred": one["method"] == "change.ols.cr2"}
        for one in cluster_rows(model, 0, statistic="mean_change", unit=unit, level=level)
        if one["method"] in ("change.ols.cr2", "change.ols.cr1s")
    ]
    means = pd.Series(d).groupby(codes.to_numpy()).mean().to_numpy()
    if len(means) < 2 or np.ptp(means) == 0:
        rest = _few("community_change", unit, "change.community_t", len(means))
    else:
        rest = paired_means(np.zeros(len(means)), means, level=level, unit=unit).head(1)
        rest = rest.assign(statistic="community_change", method="change.community_t")
    more = to_rows(rest.drop(columns=["before", "after"], errors="ignore"))
    rows += [{str(name): value for name, value in one.items()} for one in more]
    return table(rows)


def attrition(
    before: Any,
    after: Any,
    *,
    top: tuple[float, ...] | None = None,
    boundary: float = 0.2,
    level: float = 0.95,
) -> pd.DataFrame:
    """Say who was lost between the waves and what that could do to a share.

    Parameters
    ----------
    before
        Value per person of the first wave, complete.
    after
        Value of the second wave; missing = lost.
    top
        Values that count as satisfied: adds worst- and best-case bounds of the change of their
        share, every person lost being counted as not satisfied, or satisfied.
    boundary
        Largest share lost that is tolerated.
    level
        Confidence level.

    Returns
    -------
    pandas.DataFrame
        ``attrition`` (share lost; verdict passed or failed), ``stayers_minus_leavers`` (Welch,
        first wave), ``bound_low`` and ``bound_high`` (unit pp).

    References
    ----------
    Manski (1990); What Works Clearinghouse Handbook 5.0, attrition boundary.
    """
    check_level(level)
    x, y = numbers(before, "before"), numbers(after, "after")
    if len(x) != len(y) or np.isnan(x).any() or not len(x):
        refuse(
            "shape",
            "第一期须完整，且与第二期等长",
            "the first wave must be complete and as long as the second",
            "只留第一期有回答的人",
            "keep those who answered in the first wave",
        )
    lost = np.isnan(y)
    share = float(lost.mean())
    passed = share <= boundary
    rows = [
        row(
            "attrition",
            share,
            unit="share",
            method="change.attrition",
            numerator=int(lost.sum()),
            denominator=len(x),
            n=len(x),
            target=boundary,
            verdict="passed" if passed else "failed",
        )
    ]
    if 2 <= lost.sum() <= len(x) - 2 and np.ptp(x[lost]) + np.ptp(x[~lost]) > 0:
        test = mean_difference(x[lost], x[~lost], level=level)
        keep = {name: test[name] for name in test if not name.startswith("inner")}
        rows.append(
            row(
                "stayers_minus_leavers",
                unit="score",
                method="change.attrition",
                level=level,
                n=len(x),
                **keep,
            )
        )
    if top is not None:
        s0 = float(np.isin(x, top).mean())
        kept = float(np.isin(y[~lost], top).sum())
        for name, extra in (("bound_low", 0), ("bound_high", int(lost.sum()))):
            value = (kept + extra) / len(x) - s0
            rows.append(row(name, value, unit="pp", method="change.bounds.attrition", n=len(x)))
    return table(rows)


def regression_to_mean(before: Any, after: Any, *, below: float) -> pd.DataFrame:
    """Give the gain that those chosen for a low baseline would show without any effect.

    Parameters
    ----------
    before, after
        One value per person (or unit); missing = not answered.
    below
        People with a baseline under this value were chosen (for whole-number scores use the
        half, 45.5 for "at most 45").

    Returns
    -------
    pandas.DataFrame
        ``correlation``, ``expected_gain`` = (1 - r) sd phi(z)/Phi(z), ``observed_gain`` of those
        chosen, ``remainder``. Nobody below, or equal values: ``not_computed``.

    References
    ----------
    Davis (1976); Barnett, van der Pols and Dobson (2005), eq. 1. Assumes a normal baseline and
    the correlation between waves as reliability.
    """
    x, y = _pairs(before, after)
    chosen = x < below
    key = "change.regression_to_mean"
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0 or not chosen.any():
        return _few("expected_gain", "score", key, len(x))
    r = float(np.corrcoef(x, y)[0, 1])
    sd = float(x.std(ddof=1))
    z = (below - float(x.mean())) / sd
    expected = (1 - r) * sd * float(np.exp(stats.norm.logpdf(z) - stats.norm.logcdf(z)))
    observed = float((y - x)[chosen].mean())
    common: dict[str, Any] = {"n": len(x), "method": key}
    return table(
        [
            row("correlation", r, unit="ratio", **common),
            row("expected_gain", expected, unit="score", **common),
            row("observed_gain", observed, unit="score", **{**common, "n": int(chosen.sum())}),
            row("remainder", observed - expected, unit="score", **common),
        ]
    )


def ancova(before: Any, after: Any, *, level: float = 0.95) -> pd.DataFrame:
    """Regress the second wave on the centred first wave.

    Parameters
    ----------
    before, after
        One value per person; missing = not answered.
    level
        Confidence level.

    Returns
    -------
    pandas.DataFrame
        ``slope`` (1 = no regression to the mean) and ``adjusted_after`` (mean after at the mean
        baseline).
    """
    x, y = _pairs(before, after)
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return _few("slope", "ratio", "change.ancova", len(x))
    model = fit(y, np.column_stack([np.ones(len(x)), x - x.mean()]), np.arange(len(x)))
    rows = []
    for at, name, unit in ((1, "slope", "ratio"), (0, "adjusted_after", "score")):
        one = cluster_rows(model, at, statistic=name, unit=unit, level=level)[0]
        rows.append({**one, "method": "change.ancova"})
    return table(rows).drop(columns=["inner_low", "inner_high", "clusters"])
