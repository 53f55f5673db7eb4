"""Confidence intervals of means and shares, on arrays."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy import special, stats

from workbench.survey._input import Floats

Interval = Literal["logit", "wilson", "beta", "asin", "wald"]
INTERVALS: tuple[str, ...] = ("logit", "wilson", "beta", "asin", "wald")


def t_quantile(level: float, df: Floats) -> Floats:
    """Two-sided t quantile; NaN without degrees of freedom, normal where ``df`` is infinite."""
    d = np.where(np.asarray(df, dtype=float) > 0, df, np.nan)
    out: Floats = np.asarray(special.stdtrit(d, 0.5 + level / 2), dtype=float)
    return out


def wald(value: Floats, se: Floats, df: Floats, level: float) -> tuple[Floats, Floats]:
    """``value ± t se``."""
    half = t_quantile(level, df) * se
    return value - half, value + half


def logit(p: Floats, se: Floats, df: Floats, level: float) -> tuple[Floats, Floats]:
    """Wald interval on the logit scale; NaN at 0 and 1 (use :func:`wilson` there).

    ``logit(p) ± t se / (p (1 - p))``, Korn & Graubard (1999), 3.2.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = np.log(p / (1 - p))
        half = t_quantile(level, df) * se / (p * (1 - p))
        low, high = 1 / (1 + np.exp(-(centre - half))), 1 / (1 + np.exp(-(centre + half)))
    edge = ~((p > 0) & (p < 1))
    return np.where(edge, np.nan, low), np.where(edge, np.nan, high)


def effective_n(p: Floats, se: Floats, otherwise: Floats) -> Floats:
    """``p (1 - p) / se^2``; ``otherwise`` where the share is 0 or 1 or the error is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        n = p * (1 - p) / se**2
    return np.where(np.isfinite(n) & (n > 0), n, otherwise)


def wilson(p: Floats, n_eff: Floats, df: Floats, level: float) -> tuple[Floats, Floats]:
    """Score interval with an effective n and a t quantile; defined at 0 and 1.

    Wilson (1927), JASA 22, 209-212, with the effective sample size of Korn & Graubard (1998).
    """
    t = t_quantile(level, df)
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = (p + t**2 / (2 * n_eff)) / (1 + t**2 / n_eff)
        half = t * np.sqrt(p * (1 - p) / n_eff + t**2 / (4 * n_eff**2)) / (1 + t**2 / n_eff)
    return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)


def korn_graubard(
    p: Floats, n_eff: Floats, n: Floats, df: Floats, level: float, *, adjust: bool = True
) -> tuple[Floats, Floats]:
    """Clopper-Pearson interval with an effective n adjusted for degrees of freedom.

    Korn & Graubard (1998), Survey Methodology 24, 193-201: ``n* = n_eff (t_{n-1} / t_df)^2``.
    ``adjust=False`` takes ``n_eff`` as it is.
    """
    if adjust:
        with np.errstate(divide="ignore", invalid="ignore"):
            n_eff = n_eff * (t_quantile(level, n - 1) / t_quantile(level, df)) ** 2
    return exact(p * n_eff, n_eff, level)


def exact(x: Floats, n: Floats, level: float) -> tuple[Floats, Floats]:
    """Clopper-Pearson interval of ``x`` successes in ``n`` (both may be fractions).

    Clopper & Pearson (1934), Biometrika 26, 404-413, through quantiles of the beta distribution.
    """
    a = (1 - level) / 2
    with np.errstate(invalid="ignore"):
        low = np.where(x <= 0, 0.0, stats.beta.ppf(a, np.maximum(x, 1e-300), n - x + 1))
        high = np.where(n - x <= 0, 1.0, stats.beta.ppf(1 - a, x + 1, np.maximum(n - x, 1e-300)))
    return np.where(np.isnan(n), np.nan, low), np.where(np.isnan(n), np.nan, high)


def asin(p: Floats, se: Floats, df: Floats, level: float) -> tuple[Floats, Floats]:
    """Wald interval of ``arcsin sqrt(p)``, transformed back."""
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = np.arcsin(np.sqrt(p))
        half = t_quantile(level, df) * se / (2 * np.sqrt(p * (1 - p)))
    low = np.sin(np.clip(centre - half, 0, np.pi / 2)) ** 2
    high = np.sin(np.clip(centre + half, 0, np.pi / 2)) ** 2
    return low, high


def share(
    method: str, p: Floats, se: Floats, n: Floats, n_eff: Floats, df: Floats, level: float
) -> tuple[Floats, Floats]:
    """Interval of a share by method; at 0 and 1 all but ``beta`` give the Wilson interval."""
    if method == "beta":
        return korn_graubard(p, n_eff, n, df, level)
    if method == "wilson":
        return wilson(p, n_eff, df, level)
    chosen = {"logit": logit, "asin": asin, "wald": wald}[method]
    low, high = chosen(p, se, df, level)
    edge = (p <= 0) | (p >= 1) | (se <= 0)
    if edge.any():
        wl, wh = wilson(p, n_eff, df, level)
        low, high = np.where(edge, wl, low), np.where(edge, wh, high)
    return low, high


def share_interval(
    p: float,
    std_error: float,
    df: float,
    n: float,
    *,
    method: Interval = "logit",
    level: float = 0.95,
) -> tuple[float, float]:
    """Interval of a share whose standard error is known.

    Parameters
    ----------
    p : share, 0-1. std_error : design-based, >= 0. df : degrees of freedom.
    n : answers; ``beta`` adjusts with ``t_{n-1}``. (R takes the rows of the whole weighted sample
        there even for a domain; pass that number to repeat its figures.)
    method : ``logit``, ``wilson``, ``beta``, ``asin`` or ``wald``.

    Returns
    -------
    (low, high), shares.
    """
    a = [np.array([float(v)]) for v in (p, std_error, n, df)]
    low, high = share(method, a[0], a[1], a[2], effective_n(a[0], a[1], a[2]), a[3], level)
    return float(low[0]), float(high[0])


def binomial_interval(
    successes: float,
    n: float,
    *,
    method: Literal["wilson", "exact"] = "wilson",
    level: float = 0.95,
) -> tuple[float, float]:
    """Interval of a share from a simple random sample.

    Parameters
    ----------
    successes, n : counts, ``0 <= successes <= n``, ``n > 0``.
    method : ``wilson`` (score, normal quantile) or ``exact`` (Clopper-Pearson).

    Returns
    -------
    (low, high), shares.

    Examples
    --------
    >>> [round(x, 4) for x in binomial_interval(0, 10)]
    [0.0, 0.2775]
    """
    x, m = np.array([float(successes)]), np.array([float(n)])
    if method == "exact":
        low, high = exact(x, m, level)
    else:
        low, high = wilson(x / m, m, np.array([np.inf]), level)
    return float(low[0]), float(high[0])
