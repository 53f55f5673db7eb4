"""Counts with exposure: rates per 100 households and year, and their ratio between periods."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, stats

from workbench.change._frames import check_level, not_computed, numbers, refuse, row, table
from workbench.survey.rows import to_rows

__all__ = ["counts", "dispersion", "rate", "rate_models", "rate_ratio"]

RATE = "per_100_households_year"


def rate(
    events: float,
    *,
    households: float,
    years: float,
    level: float = 0.95,
    side: str = "two",
    statistic: str = "rate",
) -> pd.DataFrame:
    """Give a rate per 100 households and year with its exact Poisson interval.

    Parameters
    ----------
    events
        Number of events, a whole number from 0.
    households, years
        Exposure; their product is in household-years; both above 0.
    level
        Confidence level.
    side
        ``two``; ``upper`` or ``lower`` give a one-sided limit at ``level``.
    statistic
        Name of the row.

    Returns
    -------
    pandas.DataFrame
        One row: ``value``, ``ci_low``, ``ci_high``, ``numerator`` (events), ``denominator``
        (household-years). Exposure zero gives ``not_computed``.

    Raises
    ------
    InputError
        For a negative or fractional count, a negative exposure or a wrong level.

    Notes
    -----
    Limits chi2(a/2; 2x)/2 and chi2(1-a/2; 2x+2)/2 over the exposure. A zero count has the
    one-sided upper limit -ln(1-level)/exposure, and that is what is given then.

    References
    ----------
    Garwood (1936), Biometrika 28, 437-442.

    Examples
    --------
    >>> rate(8, households=1620, years=1).round(4)[["value", "ci_low", "ci_high"]].values.tolist()
    [[0.4938, 0.2132, 0.973]]
    """
    check_level(level)
    x = _count(events, "events")
    size = float(numbers(households, "households", least=0)[0])
    span = float(numbers(years, "years", least=0)[0])
    exposure = size * span / 100
    more: dict[str, Any] = {
        "numerator": x,
        "denominator": size * span,
        "level": level,
        "n": x,
    }
    if not exposure > 0:
        return table(
            [
                not_computed(
                    statistic,
                    "暴露量为零或未知：没有户数或时间",
                    "no exposure: households or time are zero or not known",
                    unit=RATE,
                    method="change.rate.exact",
                    **more,
                )
            ]
        )
    flags = ""
    if side == "two" and x == 0:
        side, flags = "upper", "zero_count"
    tail = (1 - level) / (2 if side == "two" else 1)
    low = 0.0 if x == 0 or side == "upper" else float(stats.chi2.ppf(tail, 2 * x)) / 2
    high = math.inf if side == "lower" else float(stats.chi2.ppf(1 - tail, 2 * x + 2)) / 2
    return table(
        [
            row(
                statistic,
                x / exposure,
                unit=RATE,
                method="change.rate.exact",
                ci_low=low / exposure,
                ci_high=high / exposure,
                flags=flags,
                reason_zh="零次：给出单侧上限" if flags else "",
                reason_en="no event: the one-sided upper limit is given" if flags else "",
                **more,
            )
        ]
    )


def rate_ratio(
    before: Any,
    after: Any,
    *,
    exposure_before: Any,
    exposure_after: Any,
    level: float = 0.95,
) -> pd.DataFrame:
    """Give the ratio of two rates, after to before, by every method that fits; one is preferred.

    Parameters
    ----------
    before, after
        Counts: one number each, or one number per community or month.
    exposure_before, exposure_after
        Exposure in the same shape and in one unit (household-years, say), above 0.
    level
        Confidence level.

    Returns
    -------
    pandas.DataFrame
        One row per method: ``change.rate_ratio.exact`` (central interval, p by the less likely
        outcomes as R ``poisson.test``), ``.central``, ``.midp``, ``.midp_minlike``; with more than
        one count per period also ``.poisson``, ``.quasi``, ``.hc0`` and ``.nb2``. ``preferred``
        marks the method to report and ``reason_zh/en`` say why.

    Raises
    ------
    InputError
        For negative or fractional counts, exposure zero or negative, shapes that differ.

    Notes
    -----
    Given the total, the count after is binomial with p = rT1/(rT1 + T0) (Przyborowski and
    Wilenski 1940). With several counts the Pearson chi-square over its degrees of freedom above
    1.5 makes quasi-Poisson the preferred method.

    Examples
    --------
    >>> r = rate_ratio(23, 4, exposure_before=1440, exposure_after=1080)
    >>> r.loc[r["preferred"], ["value", "p_value"]].round(4).values.tolist()
    [[0.2319, 0.0029]]
    """
    check_level(level)
    x0, x1 = counts(before, "before"), counts(after, "after")
    t0, t1 = (
        _exposure(exposure_before, "exposure_before"),
        _exposure(exposure_after, "exposure_after"),
    )
    if len(x0) != len(t0) or len(x1) != len(t1):
        refuse(
            "shape",
            "计数与暴露量的个数不同",
            "counts and exposures are not of one length",
            "每个计数给出一个暴露量",
            "give one exposure per count",
            expected=f"{len(x0)} / {len(x1)}",
            found=f"{len(t0)} / {len(t1)}",
        )
    rows = _exact_rows(x0.sum(), x1.sum(), t0.sum(), t1.sum(), level)
    if len(x0) > 1 and len(x1) > 1 and x0.sum() > 0 and x1.sum() > 0:
        frame = pd.DataFrame(
            {
                "count": np.r_[x0, x1],
                "exposure": np.r_[t0, t1],
                "after": np.r_[np.zeros(len(x0)), np.ones(len(x1))],
            }
        )
        models = rate_models(frame, count="count", exposure="exposure", after="after", level=level)
        spread = float(models.loc[models["statistic"] == "dispersion", "value"].iloc[0])
        ratios = to_rows(models[models["statistic"] == "rate_ratio"])
        rows += [{str(k): v for k, v in one.items()} for one in ratios]
        sparse = min(x0.sum(), x1.sum()) < 5
        wide = spread > 1.5 and not sparse
        chosen = "change.rate_ratio.quasi" if wide else "change.rate_ratio.exact"
        zh = f"离散度 {spread:.2f}" + ("，高于 1.5：用准泊松" if wide else "：用精确法")
        en = f"dispersion {spread:.2f}" + (" is above 1.5: quasi-Poisson" if wide else ": exact")
    else:
        chosen, zh, en = "change.rate_ratio.exact", "每期一个计数：用精确法", "one count a period"
    for one in rows:
        one["preferred"] = one["method"] == chosen
        if one["preferred"] and not one["reason_zh"]:
            one["reason_zh"], one["reason_en"] = zh, en
    return table(rows)


def _exact_rows(x0: float, x1: float, t0: float, t1: float, level: float) -> list[dict[str, Any]]:
    total = x0 + x1
    more: dict[str, Any] = {
        "before": x0 / t0,
        "after": x1 / t1,
        "n_before": x0,
        "n_after": x1,
        "n": total,
        "level": level,
    }
    if total == 0:
        return [
            not_computed(
                "rate_ratio",
                "两期都没有事件",
                "no event in either period",
                unit="ratio",
                method="change.rate_ratio.exact",
                **more,
            )
        ]
    a = 1 - level
    share = t1 / (t0 + t1)

    def ratio(p: float) -> float:
        return math.inf if p >= 1 else p / (1 - p) * t0 / t1

    value = math.inf if x0 == 0 else (x1 / t1) / (x0 / t0)
    low = 0.0 if x1 == 0 else float(stats.beta.ppf(a / 2, x1, x0 + 1))
    high = 1.0 if x0 == 0 else float(stats.beta.ppf(1 - a / 2, x1 + 1, x0))
    lower = float(stats.binom.cdf(x1, total, share))
    upper = float(stats.binom.sf(x1 - 1, total, share))
    at = float(stats.binom.pmf(x1, total, share))
    central = min(1.0, 2 * min(lower, upper))
    minlike = float(stats.binomtest(int(x1), int(total), share).pvalue)
    mid = min(1.0, 2 * min(lower - at / 2, upper - at / 2))
    every = stats.binom.pmf(np.arange(int(total) + 1), total, share)
    # ties within rounding belong to the outcomes no more likely than the one observed
    mid_minlike = float(every[every <= at * (1 + 1e-7)].sum() - at / 2)
    mid_low, mid_high = _midp_limits(x1, total, a)
    zero = x0 == 0 or x1 == 0
    rows = [
        row(
            "rate_ratio",
            value if math.isfinite(value) else math.nan,
            unit="ratio",
            method=f"change.rate_ratio.{name}",
            ci_low=ratio(ends[0]),
            ci_high=ratio(ends[1]),
            p_value=p,
            flags="sparse" if min(x0, x1) < 5 else "",
            reason_zh="之前没有事件：只有下限" if x0 == 0 else "",
            reason_en="no event before: a lower limit only" if x0 == 0 else "",
            **more,
        )
        for name, ends, p in (
            ("exact", (low, high), minlike),
            ("central", (low, high), central),
            ("midp", (mid_low, mid_high), mid),
            ("midp_minlike", (math.nan, math.nan), mid_minlike),
        )
    ]
    if zero:
        tail = 1 - level
        for one in rows[:2]:
            if x1 == 0:
                one["ci_high"] = ratio(1 - tail ** (1 / total))
                one["reason_zh"] = "之后没有事件：单侧上限"
                one["reason_en"] = "no event after: a one-sided upper limit"
            else:
                one["ci_low"] = ratio(tail ** (1 / total))
    return rows


def _midp_limits(x: float, total: float, a: float) -> tuple[float, float]:
    def lower_tail(p: float) -> float:
        return float(stats.binom.cdf(x, total, p) - stats.binom.pmf(x, total, p) / 2)

    tiny = 1e-12
    low = 0.0 if x == 0 else optimize.brentq(lambda p: 1 - lower_tail(p) - a / 2, tiny, 1 - tiny)
    high = 1.0 if x == total else optimize.brentq(lambda p: lower_tail(p) - a / 2, tiny, 1 - tiny)
    return float(low), float(high)


def rate_models(
    data: pd.DataFrame,
    *,
    count: str,
    exposure: str,
    after: str,
    community: str | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Fit the regressions of a count on the period with log exposure as offset.

    Parameters
    ----------
    data
        One row per community (or month) and period.
    count, exposure, after
        Columns: counts from 0, exposure above 0, indicator of the period after (0 or 1).
    community
        Column of communities: adds standard errors clustered by community and the model with
        community effects.
    level
        Confidence level.

    Returns
    -------
    pandas.DataFrame
        Rows ``rate_ratio`` by Poisson, quasi-Poisson (t interval on n - k), HC0, clusters,
        negative binomial (NB2, theta held at its maximum-likelihood value) and community effects,
        with ``coef`` and ``std_error`` on the log scale; then ``deviance``, ``pearson_chi2``,
        ``dispersion``, ``theta``, ``loglik_nb2``, and the overdispersion test.

    Raises
    ------
    InputError
        For a missing column, negative counts, exposure not above 0.

    References
    ----------
    McCullagh and Nelder (1989) §6.2; Cameron and Trivedi (1990) for the score test; Cameron and
    Miller (2015) for clusters; Wooldridge (1999) for fixed effects.
    """
    check_level(level)
    for name in (count, exposure, after, *([community] if community else [])):
        if name not in data.columns:
            refuse(
                "column", "缺少所需的列", "a column is missing", "补上该列", "add it", column=name
            )
    y = counts(data[count], count)
    t = _exposure(data[exposure], exposure)
    post = data[after].to_numpy(dtype=float)
    X = np.column_stack([np.ones(len(y)), post])
    offset = np.log(t)
    beta, mu = _poisson(X, y, offset)
    A = np.linalg.inv(X.T @ (mu[:, None] * X))
    n, k = X.shape
    pearson = float((((y - mu) ** 2) / mu).sum())
    phi = pearson / (n - k)
    with np.errstate(divide="ignore", invalid="ignore"):
        deviance = 2 * float((np.where(y > 0, y * np.log(y / mu), 0) - (y - mu)).sum())
    z = float(stats.norm.ppf(0.5 + level / 2))
    scores = X * (y - mu)[:, None]

    def ratio(name: str, b: float, se: float, df: float | None = None) -> dict[str, Any]:
        q = z if df is None else float(stats.t.ppf(0.5 + level / 2, df))
        tail = stats.norm.sf(abs(b / se)) if df is None else stats.t.sf(abs(b / se), df)
        return row(
            "rate_ratio",
            math.exp(b),
            unit="ratio",
            method=f"change.rate_ratio.{name}",
            coef=b,
            std_error=se,
            ci_low=math.exp(b - q * se),
            ci_high=math.exp(b + q * se),
            level=level,
            df=math.nan if df is None else df,
            p_value=float(2 * tail),
            n=n,
        )

    b = float(beta[1])
    rows = [
        ratio("poisson", b, math.sqrt(A[1, 1])),
        ratio("quasi", b, math.sqrt(phi * A[1, 1]), n - k),
        ratio("hc0", b, math.sqrt((A @ (scores.T @ scores) @ A)[1, 1])),
    ]
    if community is not None:
        codes = pd.factorize(data[community])[0]
        rows.append(ratio("clustered", b, _clustered(scores, codes, A)))
        rows += _community_effects(y, post, offset, codes, ratio)
    theta, nb, nb_se, loglik = _nb2(X, y, offset)
    rows.append(ratio("nb2", nb, nb_se))
    rows += [
        row("deviance", deviance, unit="chi2", method="change.rate_ratio.poisson", df=n - k),
        row("pearson_chi2", pearson, unit="chi2", method="change.rate_ratio.poisson", df=n - k),
        row("dispersion", phi, unit="ratio", method="change.rate_ratio.quasi", df=n - k),
        row("theta", theta, unit="ratio", method="change.rate_ratio.nb2"),
        row("loglik_nb2", loglik, unit="loglik", method="change.rate_ratio.nb2"),
    ]
    return table([*rows, dispersion(y, mu)])


def dispersion(y: np.ndarray[Any, Any], mu: np.ndarray[Any, Any]) -> dict[str, Any]:
    """Test Poisson counts against variance mu + alpha mu^2 (Cameron and Trivedi 1990).

    Parameters
    ----------
    y, mu
        Counts and their fitted Poisson means.

    Returns
    -------
    dict
        Row ``overdispersion``: alpha, z and the one-sided p.
    """
    # auxiliary regression of ((y-mu)^2-y)/mu on mu without constant
    left = ((y - mu) ** 2 - y) / mu
    alpha = float((left @ mu) / (mu @ mu))
    residual = left - alpha * mu
    s2 = float(residual @ residual) / (len(y) - 1)
    z = alpha / math.sqrt(s2 / float(mu @ mu))
    return row(
        "overdispersion",
        alpha,
        unit="ratio",
        method="change.overdispersion",
        test_statistic=z,
        p_value=float(stats.norm.sf(z)),
        n=len(y),
    )


def _poisson(
    X: np.ndarray[Any, Any], y: np.ndarray[Any, Any], offset: np.ndarray[Any, Any]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    # Newton steps from the working response of a saturated start, as in McCullagh and Nelder
    eta = np.log(y + 0.1)
    beta = np.zeros(X.shape[1])
    for _ in range(100):
        mu = np.exp(eta)
        z = eta - offset + (y - mu) / mu
        new = np.linalg.lstsq(np.sqrt(mu)[:, None] * X, np.sqrt(mu) * z, rcond=None)[0]
        eta = X @ new + offset
        done = np.max(np.abs(new - beta)) < 1e-12 * (1 + np.max(np.abs(new)))
        beta = new
        if done:
            break
    return beta, np.exp(eta)


def _clustered(
    scores: np.ndarray[Any, Any], codes: np.ndarray[Any, Any], A: np.ndarray[Any, Any]
) -> float:
    sums = np.zeros((codes.max() + 1, scores.shape[1]))
    np.add.at(sums, codes, scores)
    return math.sqrt((A @ (sums.T @ sums) @ A)[1, 1])


def _community_effects(
    y: np.ndarray[Any, Any],
    post: np.ndarray[Any, Any],
    offset: np.ndarray[Any, Any],
    codes: np.ndarray[Any, Any],
    ratio: Any,
) -> list[dict[str, Any]]:
    # a community without any event says nothing about the ratio
    keep = np.isin(codes, np.flatnonzero(np.bincount(codes, weights=y) > 0))
    y, post, offset = y[keep], post[keep], offset[keep]
    codes = pd.factorize(codes[keep])[0]
    D = np.eye(codes.max() + 1)[codes]
    X = np.column_stack([D, post])
    beta, mu = _poisson(X, y, offset)
    A = np.linalg.inv(X.T @ (mu[:, None] * X))
    scores = X * (y - mu)[:, None]
    groups = codes.max() + 1
    sums = np.zeros((groups, X.shape[1]))
    np.add.at(sums, codes, scores)
    robust = float((A @ (sums.T @ sums) @ A)[-1, -1])
    # small-sample factor: community effects nested in the clusters count as one parameter
    n = len(y)
    factor = groups / (groups - 1) * (n - 1) / (n - 2)
    b = float(beta[-1])
    return [
        ratio("community_effects", b, math.sqrt(A[-1, -1])),
        ratio("community_effects_clustered", b, math.sqrt(robust * factor), groups - 1),
    ]


def _nb2(
    X: np.ndarray[Any, Any], y: np.ndarray[Any, Any], offset: np.ndarray[Any, Any]
) -> tuple[float, float, float, float]:
    from scipy.special import gammaln

    def fit(theta: float) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        beta, mu = _poisson(X, y, offset)
        for _ in range(200):
            w = mu / (1 + mu / theta)
            z = np.log(mu) - offset + (y - mu) / mu
            new = np.linalg.solve(X.T @ (w[:, None] * X), X.T @ (w * z))
            moved = np.max(np.abs(new - beta))
            beta, mu = new, np.exp(X @ new + offset)
            if moved < 1e-11:
                break
        return beta, mu

    def loglik(log_theta: float) -> float:
        th = math.exp(log_theta)
        _, mu = fit(th)
        return float(
            (
                gammaln(th + y)
                - gammaln(th)
                - gammaln(y + 1)
                + th * np.log(th / (th + mu))
                + y * np.log(mu / (th + mu))
            ).sum()
        )

    best = optimize.minimize_scalar(
        lambda v: -loglik(v), bounds=(-4.0, 14.0), method="bounded", options={"xatol": 1e-9}
    )
    theta = math.exp(float(best.x))
    beta, mu = fit(theta)
    w = mu / (1 + mu / theta)
    se = math.sqrt(np.linalg.inv(X.T @ (w[:, None] * X))[1, 1])
    return theta, float(beta[1]), se, loglik(float(best.x))


def _count(value: Any, name: str) -> float:
    return float(counts(value, name)[0])


def counts(values: Any, name: str) -> np.ndarray[Any, Any]:
    """Return values of a column as counts; refuse what is no whole number from 0, with its row."""
    array = numbers(values, name, least=0.0)
    bad = ~(np.isfinite(array) & (array == np.floor(np.nan_to_num(array, nan=0.5))))
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        refuse(
            "count",
            "计数须为从 0 起的整数",
            "a count is a whole number from 0",
            "更正该计数；没有记录与零次不同",
            "correct it; no record is not the same as no event",
            column=name,
            row=at + 1,
            found=str(array[at]),
        )
    return array


def _exposure(values: Any, name: str) -> np.ndarray[Any, Any]:
    array = numbers(values, name)
    if not (array > 0).all():
        at = int(np.flatnonzero(~(array > 0))[0])
        refuse(
            "exposure",
            "暴露量须大于零",
            "exposure is above zero",
            "填入户数与时间，或去掉该期",
            "give households and time, or leave the period out",
            column=name,
            row=at + 1,
            expected="> 0",
            found=str(array[at]),
        )
    return array
