"""Durations of two periods compared: share closed in time, restricted mean, log-rank, Cox."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from workbench.change._frames import check_level, not_computed, refuse, row, table
from workbench.change.durations import _curve, _prepared, _rmst, _survival

__all__ = ["cox", "log_rank", "survival_change"]

Array = np.ndarray[Any, Any]


def survival_change(
    data: pd.DataFrame,
    *,
    duration: str,
    closed: str,
    by: str,
    baseline: Any,
    current: Any,
    within: float = 3.0,
    tau: float | None = None,
    unit: str = "days",
    strata: str | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare durations of two periods: share closed in time, restricted mean, log-rank, Cox.

    Parameters
    ----------
    data, duration, closed, unit, level
        As for :func:`kaplan_meier`.
    by, baseline, current
        Column of periods and its two values; other rows are not used.
    within
        Time of the share closed.
    tau
        Horizon of the restricted mean; ``None``: the smaller of the two longest times.
    strata
        Column of strata for the stratified log-rank test.

    Returns
    -------
    pandas.DataFrame
        ``share_within`` (difference, unit pp), ``rmst`` (difference), ``log_rank``, ``peto_peto``
        and, with strata, ``log_rank_stratified``, and ``hazard_ratio`` (Cox, Efron ties).

    Raises
    ------
    InputError
        ``change.wave`` when one of the periods has no case, and as :func:`kaplan_meier`.

    References
    ----------
    Royston and Parmar (2013) for the restricted mean; Harrington and Fleming (1982).
    """
    check_level(level)
    made, _ = _prepared(data, None, None, None, duration, closed, by, unit)
    parts = [made[made[by] == baseline], made[made[by] == current]]
    for value, part in zip((baseline, current), parts, strict=True):
        if part.empty:
            refuse(
                "wave",
                "该期没有个案",
                "a period without cases",
                "核对期的名称",
                "check the name of the period",
                column=by,
                found=str(value),
            )
    two = pd.concat(parts)
    t, d = two["duration"].to_numpy(dtype=float), two["closed"].to_numpy(dtype=bool)
    after = (two[by] == current).to_numpy()
    common: dict[str, Any] = {
        "n": len(two),
        "n_before": int((~after).sum()),
        "n_after": int(after.sum()),
        "level": level,
    }
    horizon = min(t[~after].max(), t[after].max()) if tau is None else tau
    one, other = (_curve(t[side], d[side]) for side in (~after, after))
    s0, se0, *_ = _survival(one, within, level)
    s1, se1, *_ = _survival(other, within, level)
    rows = [
        _difference(
            "share_within",
            1 - s0,
            1 - s1,
            math.hypot(se0, se1),
            "pp",
            "change.kaplan_meier.difference",
            {**common, "time": within},
        )
    ]
    (r0, v0), (r1, v1) = _rmst(one, t[~after], horizon), _rmst(other, t[after], horizon)
    rows.append(
        _difference(
            "rmst", r0, r1, math.hypot(v0, v1), unit, "change.rmst", {**common, "time": horizon}
        )
    )
    rows += [
        log_rank(t, d, after, n=len(two)),
        log_rank(t, d, after, weight="peto_peto", n=len(two)),
    ]
    if strata is not None:
        codes = pd.factorize(two[strata])[0]
        rows.append(log_rank(t, d, after, strata=codes, n=len(two)))
    rows.append(cox(t, d, after[:, None].astype(float), level=level))
    return table(rows)


def _difference(
    statistic: str,
    before: float,
    after: float,
    se: float,
    unit: str,
    method: str,
    common: dict[str, Any],
) -> dict[str, Any]:
    value = after - before
    z = float(stats.norm.ppf(0.5 + common["level"] / 2))
    if not se > 0:
        return not_computed(
            statistic,
            "标准误为零或未知",
            "the standard error is zero or unknown",
            unit=unit,
            method=method,
            **common,
        )
    return row(
        statistic,
        value,
        unit=unit,
        method=method,
        before=before,
        after=after,
        std_error=se,
        ci_low=value - z * se,
        ci_high=value + z * se,
        test_statistic=value / se,
        p_value=float(2 * stats.norm.sf(abs(value / se))),
        **common,
    )


def log_rank(
    t: Array,
    closed: Array,
    after: Array,
    *,
    weight: str = "log_rank",
    strata: Array | None = None,
    n: int | None = None,
) -> dict[str, Any]:
    """Test equality of two survival curves.

    Parameters
    ----------
    t, closed, after
        Durations, whether closed, whether of the later period; one entry per case.
    weight
        ``log_rank`` or ``peto_peto`` (weights S(t-) of the pooled curve).
    strata
        Codes of strata; sums run within them.
    n
        Number of cases printed in the row.

    Returns
    -------
    dict
        Row with chi-square on 1 degree of freedom and p.
    """
    observed = expected = variance = 0.0
    codes = np.zeros(len(t), dtype=int) if strata is None else strata
    for code in np.unique(codes):
        here = codes == code
        o, e, v = _log_rank_sums(t[here], closed[here], after[here], weight)
        observed, expected, variance = observed + o, expected + e, variance + v
    name = weight + ("" if strata is None else "_stratified")
    if not variance > 0:
        return not_computed(
            name,
            "没有可比较的个案",
            "nothing to compare",
            unit="chi2",
            method=f"change.{name}",
        )
    chi2 = (observed - expected) ** 2 / variance
    return row(
        name,
        chi2,
        unit="chi2",
        method=f"change.{name}",
        df=1,
        p_value=float(stats.chi2.sf(chi2, 1)),
        n=len(t) if n is None else n,
    )


def _log_rank_sums(t: Array, d: Array, after: Array, weight: str) -> tuple[float, float, float]:
    times = np.unique(t[d])
    order = np.sort(t)
    order1 = np.sort(t[after])
    risk = len(t) - np.searchsorted(order, times, side="left")
    risk1 = int(after.sum()) - np.searchsorted(order1, times, side="left")
    events = np.bincount(np.searchsorted(times, t[d]), minlength=len(times))
    events1 = np.bincount(np.searchsorted(times, t[d & after]), minlength=len(times))
    w = np.ones(len(times))
    if weight == "peto_peto":
        s = np.cumprod(1 - events / risk)
        w = np.r_[1.0, s[:-1]]
    share = risk1 / risk
    with np.errstate(divide="ignore", invalid="ignore"):
        hyper = np.where(risk > 1, events * share * (1 - share) * (risk - events) / (risk - 1), 0.0)
    return (
        float((w * events1).sum()),
        float((w * events * share).sum()),
        float((w**2 * hyper).sum()),
    )


def cox(
    t: Array, closed: Array, X: Array, *, ties: str = "efron", level: float = 0.95
) -> dict[str, Any]:
    """Give the hazard ratio of closing for the first column of ``X`` (above 1: closed sooner).

    Parameters
    ----------
    t, closed
        Durations and whether closed.
    X
        Matrix of covariates, the period first.
    ties
        ``efron`` or ``breslow``.
    level
        Confidence level.

    Returns
    -------
    dict
        Row ``hazard_ratio`` with ``coef`` and ``std_error`` on the log scale.

    References
    ----------
    Cox (1972), JRSS B 34, 187-220; Efron (1977), JASA 72, 557-565, for tied times.
    """
    key = "change.cox"
    if not closed.any() or np.linalg.matrix_rank(X - X.mean(axis=0)) < X.shape[1]:
        return not_computed(
            "hazard_ratio", "没有可比较的个案", "nothing to compare", unit="ratio", method=key
        )
    b, se = _cox_fit(t, closed, X, ties)
    z = float(stats.norm.ppf(0.5 + level / 2))
    if not (math.isfinite(b) and math.isfinite(se) and abs(b) + z * se < 50):
        return not_computed(
            "hazard_ratio",
            "一期没有可比的办结时间，风险比趋于零或无穷",
            "the times of the periods do not overlap: the ratio runs off to zero or infinity",
            unit="ratio",
            method=key,
        )
    return row(
        "hazard_ratio",
        math.exp(b),
        unit="ratio",
        method=key,
        coef=b,
        std_error=se,
        ci_low=math.exp(b - z * se),
        ci_high=math.exp(b + z * se),
        level=level,
        p_value=float(2 * stats.norm.sf(abs(b / se))),
        n=len(t),
    )


def _cox_fit(t: Array, closed: Array, X: Array, ties: str) -> tuple[float, float]:
    """First coefficient of the partial likelihood and its error, by Newton; NaN if it runs off."""
    order = np.argsort(t, kind="stable")
    t, closed, X = t[order], closed[order].astype(bool), X[order]
    events = np.flatnonzero(closed)
    at_risk = np.searchsorted(t, t[events], side="left")  # from here on all are at risk
    _, first, tie, size = np.unique(
        t[events], return_index=True, return_inverse=True, return_counts=True
    )
    # of d that close at one time, the k-th sees the others leave by shares k/d (Efron)
    left = np.zeros(len(events)) if ties == "breslow" else np.arange(len(events)) - first[tie]
    left = (left / size[tie])[:, None]
    p = X.shape[1]
    squares = (X[:, :, None] * X[:, None, :]).reshape(len(X), p * p)
    moments = np.column_stack([np.ones(len(X)), X, squares])
    b, step = np.zeros(p), np.ones(p)
    for _ in range(100):
        eta = X @ b
        weighted = np.exp(eta - eta.max())[:, None] * moments
        risk = weighted[::-1].cumsum(axis=0)[::-1][at_risk]
        seen = risk - left * np.add.reduceat(weighted[events], first)[tie]
        mean = seen[:, 1 : p + 1] / seen[:, :1]
        slope = (X[events] - mean).sum(axis=0)
        square = (seen[:, p + 1 :] / seen[:, :1]).sum(axis=0).reshape(p, p)
        information = square - mean.T @ mean
        if not np.isfinite(information).all() or np.linalg.matrix_rank(information) < p:
            break
        if np.abs(step).max() <= 1e-8:  # the next step would be its square
            variance = float(np.linalg.inv(information)[0, 0])
            return float(b[0]), math.sqrt(variance) if variance > 0 else math.nan
        step = np.linalg.solve(information, slope)
        b = b + step
    return math.nan, math.nan
