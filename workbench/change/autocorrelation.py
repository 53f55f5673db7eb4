"""Autocorrelated errors of a series: AR(1) by likelihood, Newey-West, and integrated over phi."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import optimize, special

__all__ = ["gls", "integrated", "newey_west"]

Array = np.ndarray[Any, Any]
# lag-1 correlations that are integrated over: none below zero, which a social series hardly has
_GRID = np.linspace(0.0, 0.98, 50)


def newey_west(X: Array, e: Array, bread: Array, lags: int) -> Array:
    """Give the Newey-West covariance of least squares, Bartlett weights, no small-sample factor."""
    u = X * e[:, None]
    S = u.T @ u
    for lag in range(1, lags + 1):
        part = u[lag:].T @ u[:-lag]
        S = S + (1 - lag / (lags + 1)) * (part + part.T)
    return np.asarray(bread @ S @ bread)


def _whitened(X: Array, y: Array, phi: Array) -> tuple[Array, Array, Array]:
    """Give (W'W)^-1 (g, k, k), estimates (g, k) and residual sums of squares at g correlations."""
    root, rho = np.sqrt(1 - phi * phi)[:, None], phi[:, None]
    z = np.concatenate([root * y[:1], y[1:] - rho * y[:-1]], axis=1)
    W = np.concatenate([root[..., None] * X[:1], X[1:] - rho[..., None] * X[:-1]], axis=1)
    A = np.linalg.inv(W.transpose(0, 2, 1) @ W)
    b = (A @ (W.transpose(0, 2, 1) @ z[..., None]))[..., 0]
    return A, b, ((z - (W @ b[..., None])[..., 0]) ** 2).sum(axis=1)


def gls(X: Array, y: Array, reml: bool) -> tuple[float, Array, Array, float]:
    """Maximise the (restricted) likelihood of AR(1) errors, profiled over phi.

    Returns
    -------
    tuple
        phi, estimate, covariance with RSS / (n - k), and the log-likelihood with the constants of
        R ``nlme``.
    """
    n, k = X.shape

    def loglik(phi: Array) -> Array:
        A, _, rss = _whitened(X, y, phi)
        m = n - k if reml else n
        value = -m / 2 * (np.log(2 * math.pi * rss / m) + 1) + 0.5 * np.log(1 - phi * phi)
        if reml:
            # nlme adds the constant of the design, so that fits of one design compare
            value += 0.5 * (np.linalg.slogdet(A)[1] + np.linalg.slogdet(X.T @ X)[1])
        return np.asarray(value)

    # the profile may have two modes: start from the best of a grid
    grid = np.linspace(-0.95, 0.95, 39)
    best = grid[int(np.argmax(loglik(grid)))]
    found = optimize.minimize_scalar(
        lambda v: -float(loglik(np.array([v]))[0]),
        bounds=(max(best - 0.06, -0.9999), min(best + 0.06, 0.9999)),
        method="bounded",
        options={"xatol": 1e-11},
    )
    phi = np.array([found.x])
    A, b, rss = _whitened(X, y, phi)
    return float(found.x), b[0], A[0] * rss[0] / (n - k), float(loglik(phi)[0])


def integrated(X: Array, y: Array, contrast: Array, *, level: float) -> dict[str, float]:
    """Give error, interval and p of a contrast with the autocorrelation not taken as known.

    Parameters
    ----------
    X, y
        Design (n, k) and series of one cadence, no missing values.
    contrast
        Weights (k) of the coefficients.
    level
        Confidence level.

    Returns
    -------
    dict
        ``std_error``, ``ci_low``, ``ci_high``, ``inner_low``, ``inner_high`` (level
        ``2 * level - 1``), ``p_value``, ``df``, ``phi`` (mean).

    Notes
    -----
    At a given phi the contrast is t on n - k degrees of freedom around its GLS estimate. These are
    averaged with weights proportional to the restricted likelihood of phi, the variance
    integrated out, times ``(1 - phi^2)^(-1/2)``, over phi from 0 to 0.98; the limits invert the
    mixture. Fits that plug in one estimated phi are too narrow on short series, the more the
    larger phi; measured rates stand in docs/methods/change.md.

    References
    ----------
    Harville (1974), Biometrika 61, 383-385, for the restricted likelihood as a marginal one;
    Turner et al. (2021), BMC Med Res Methodol 21:181, for the fault it mends; Zellner (1971)
    ch. 4 for the integration over the autocorrelation and its prior.
    """
    n, k = X.shape
    m = n - k
    A, b, rss = _whitened(X, y, _GRID)
    estimates = b @ contrast
    errors = np.sqrt(np.einsum("i,gij,j->g", contrast, A, contrast) * rss / m)
    # log |A| = -log |W'W|; (1 - phi^2)^(1/2) of the likelihood and the prior cancel
    logs = -m / 2 * np.log(rss) + 0.5 * np.linalg.slogdet(A)[1]
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    mean = float(weights @ estimates)
    spread = m / (m - 2) if m > 2 else 3.0
    variance = float(weights @ (errors**2 * spread + (estimates - mean) ** 2))

    def below(x: float) -> float:
        return float(weights @ special.stdtr(m, (x - estimates) / errors))

    wide = 1e3 * (float(errors.max()) + float(np.ptp(estimates)))

    def limit(p: float) -> float:
        return float(
            optimize.brentq(lambda x: below(x) - p, mean - wide, mean + wide, xtol=1e-12 * wide)
        )

    tail = (1 - level) / 2
    at_zero = below(0.0)
    return {
        "std_error": math.sqrt(variance / spread),
        "ci_low": limit(tail),
        "ci_high": limit(1 - tail),
        "inner_low": limit(2 * tail),
        "inner_high": limit(1 - 2 * tail),
        "p_value": 2 * min(at_zero, 1 - at_zero),
        "df": float(m),
        "phi": float(weights @ _GRID),
    }
