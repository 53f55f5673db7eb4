"""Funnel plots: which units differ from the rest by more than their size explains."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from workbench.scoring._frames import Floats, need, numbers, refuse

__all__ = ["funnel_proportions", "funnel_ratios"]

# two-sided 95 % and 99.8 %
Z95, Z998 = 1.959964, 3.090232
_LIMITS = (("low_95", 0.025), ("high_95", 0.975), ("low_998", 0.001), ("high_998", 0.999))


def funnel_proportions(
    data: pd.DataFrame,
    *,
    numerator: str = "numerator",
    denominator: str = "denominator",
    target: float | None = None,
    trim: float = 0.10,
) -> pd.DataFrame:
    """Give funnel limits for shares: exact, normal, and adjusted for over-dispersion.

    Parameters
    ----------
    data : DataFrame
        One row per unit: counts ``numerator`` ≤ ``denominator``; other columns are kept. A row with
        numerator missing gives limits only.
    numerator, denominator : str
        Column names.
    target : float, optional
        Centre of the funnel, 0–1; the pooled share if not given.
    trim : float
        Share of z-scores drawn in at each end before the over-dispersion is estimated.

    Returns
    -------
    DataFrame
        ``data`` with ``value`` (share), ``target``, ``z`` (normal approximation), limits
        ``low_95, high_95, low_998, high_998`` (exact binomial, interpolated), the same with prefix
        ``normal_`` and ``adjusted_``, ``phi``, ``tau2`` (arcsine scale), ``outside_95``,
        ``outside_998``, ``adjusted_outside_95``, ``adjusted_outside_998``, ``method``.

    Raises
    ------
    InputError
        A numerator above its denominator or below 0, a denominator below 1, a target outside 0–1.

    Notes
    -----
    Exact limit at p: ``r`` the smallest count with P(R ≤ r) ≥ p, ``(r − a)/n`` with
    ``a = (P(R ≤ r) − p)/P(R = r)``. Over-dispersion on arcsine-square-root scale, s = 1/(2√n),
    z drawn in at the 10 % and 90 % quantiles, φ = mean z², τ² by moments. Shares from a weighted
    sample have more spread than binomial: use the adjusted limits, or the ranks.

    References
    ----------
    Spiegelhalter (2005), Stat. Med. 24, 1185-1202, app. A; Spiegelhalter (2005), Qual. Saf. Health
    Care 14, 347-351.
    """
    from scipy import stats

    need(data, (numerator, denominator), of="data")
    x, n = numbers(data, numerator), numbers(data, denominator)
    if not ((n >= 1) & ((x >= 0) & (x <= n) | np.isnan(x))).all():
        raise refuse("count", "分子应在 0 与分母之间，分母至少为 1",
                     "a numerator must lie between 0 and a denominator ≥ 1")  # fmt: skip
    known = ~np.isnan(x)
    theta = float(x[known].sum() / n[known].sum()) if target is None else float(target)
    if not 0 < theta < 1:
        raise refuse("target", "漏斗图中心应在 0 与 1 之间", "the centre must lie between 0 and 1",
                     found=f"{theta:g}")  # fmt: skip
    share = x / n
    out = data.assign(
        value=share, target=theta, z=(share - theta) / np.sqrt(theta * (1 - theta) / n)
    )
    for name, p in _LIMITS:
        r = stats.binom.ppf(p, n, theta)
        a = (stats.binom.cdf(r, n, theta) - p) / stats.binom.pmf(r, n, theta)
        out[name] = (r - a) / n
        z = Z95 if "95" in name else Z998
        out[f"normal_{name}"] = theta + (z if "high" in name else -z) * np.sqrt(
            theta * (1 - theta) / n
        )
    s = 1 / (2 * np.sqrt(n))
    centre = np.arcsin(np.sqrt(theta))
    score = ((np.arcsin(np.sqrt(share)) - centre) / s)[known]
    ends = np.quantile(score, [trim, 1 - trim])
    phi, tau2 = _overdispersion(np.clip(score, *ends), s[known])
    for name, z in (("95", Z95), ("998", Z998)):
        wide = z * np.sqrt(s**2 + tau2)
        low, high = np.clip([centre - wide, centre + wide], 0, np.pi / 2)
        out[f"adjusted_low_{name}"] = np.sin(low) ** 2
        out[f"adjusted_high_{name}"] = np.sin(high) ** 2
    return _outside(out.assign(phi=phi, tau2=tau2), "scoring.funnel_proportions")


def funnel_ratios(
    data: pd.DataFrame,
    *,
    observed: str = "observed",
    expected: str = "expected",
    trim: float = 0.10,
) -> pd.DataFrame:
    """Give funnel limits for observed/expected ratios of counts (complaints, accidents).

    Parameters
    ----------
    data : DataFrame
        One row per unit: ``observed`` counts ≥ 0, ``expected`` > 0; other columns are kept.
    observed, expected : str
        Column names.
    trim : float
        Share of units left out at each end when the over-dispersion is estimated.

    Returns
    -------
    DataFrame
        As :func:`funnel_proportions`, with ``value`` = observed/expected, target 1, exact Poisson
        limits and ``tau2`` on the log scale. A count of zero counts as half a case there.

    Notes
    -----
    Exact: ``χ²_{p}(2(E + 1))/2/E`` above, ``χ²_{1−p}(2E)/2/E`` below. Over-dispersion on the log
    scale, s = 1/√E, lowest and highest tenth of z left out.

    References
    ----------
    Spiegelhalter (2005), Stat. Med. 24, 1185-1202; NHS Digital, SHMI specification, app. (the
    trimming).
    """
    need(data, (observed, expected), of="data")
    x, e = numbers(data, observed), numbers(data, expected)
    if not ((x >= 0) & (e > 0)).all():
        raise refuse("count", "观测数应非负，期望数应大于零",
                     "observed must be ≥ 0 and expected above 0")  # fmt: skip
    ratio = x / e
    s = 1 / np.sqrt(e)
    out = data.assign(value=ratio, target=1.0)
    for name, p in _LIMITS:
        high = "high" in name
        out[name] = special.chdtri(2 * (e + 1) if high else 2 * e, 1 - p) / 2 / e
        z = Z95 if "95" in name else Z998
        out[f"normal_{name}"] = np.exp((z if high else -z) * s)
    score = np.log(np.maximum(x, 0.5) / e) / s
    out["z"] = score
    place = np.floor(pd.Series(score).rank(method="average").to_numpy() / (len(x) + 1) / trim)
    keep = (place > 0) & (place < np.floor(1 / trim + 1e-9) - 1)
    if not keep.any():
        keep = np.ones(len(x), dtype=bool)
    phi, tau2 = _overdispersion(score[keep], s[keep])
    for name, z in (("95", Z95), ("998", Z998)):
        wide = z * np.sqrt(s**2 + tau2)
        out[f"adjusted_low_{name}"] = np.exp(-wide)
        out[f"adjusted_high_{name}"] = np.exp(wide)
    return _outside(out.assign(phi=phi, tau2=tau2), "scoring.funnel_ratios")


def _overdispersion(z: Floats, s: Floats) -> tuple[float, float]:
    phi = float((z**2).mean())
    w = 1 / s**2
    spread = w.sum() - (w**2).sum() / w.sum()
    n = len(z)
    tau2 = max(0.0, (n * phi - (n - 1)) / spread) if spread > 0 else 0.0
    return phi, float(tau2)


def _outside(out: pd.DataFrame, method: str) -> pd.DataFrame:
    marks: dict[str, Any] = {}
    for prefix in ("", "adjusted_"):
        for name in ("95", "998"):
            low, high = out[f"{prefix}low_{name}"], out[f"{prefix}high_{name}"]
            marks[f"{prefix}outside_{name}"] = (out["value"] < low) | (out["value"] > high)
    return out.assign(**marks, method=method)
