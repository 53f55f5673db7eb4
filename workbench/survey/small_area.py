"""Small communities: the Fay-Herriot model beside the direct estimates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import optimize, stats

from workbench.survey._input import Floats, check_choice, check_columns, numbers, refuse

Fit = Literal["REML", "ML", "FH"]


@dataclass(frozen=True)
class FayHerriot:
    """Model-based estimates: ``table`` by area, ``coefficients``, model variance and fit."""

    table: pd.DataFrame
    coefficients: pd.DataFrame
    model_variance: float
    loglik: float


def fay_herriot(
    data: pd.DataFrame,
    value: str,
    variance: str,
    covariates: Sequence[str] = (),
    *,
    area: str | None = None,
    fit: Fit = "REML",
    benchmark: Sequence[float] | None = None,
    level: float = 0.95,
) -> FayHerriot:
    """Borrow strength between areas: direct estimates shrunk towards a regression on covariates.

    Parameters
    ----------
    data : one row per area. Areas without a direct estimate get the regression's prediction.
    value : column of direct estimates; missing where there is none.
    variance : column of their design variances, > 0 where ``value`` is given, taken as known.
    covariates : numeric columns known for every area. area : column of names.
    fit : estimator of the model variance: ``REML``, ``ML`` or ``FH`` (moments).
    benchmark : population sizes of the areas (all of them, in order): estimates are scaled by one
        factor so that their weighted mean is that of the direct estimates (areas that have one).
    level : of ``ci_low`` and ``ci_high``, ``estimate ± z sqrt(mse)``.

    Returns
    -------
    FayHerriot; ``table`` has ``item``, area, ``statistic`` (``eblup``), ``value``, ``std_error``
    (root of the mean squared error), ``mse``, ``ci_low``, ``ci_high``, ``direct``,
    ``direct_variance``, ``shrinkage`` (weight of the direct estimate), ``flags`` (``modelled``),
    ``status``.

    Raises
    ------
    InputError
        Columns missing, a variance not positive, fewer areas than coefficients + 2, collinear
        covariates.

    Notes
    -----
    ``y_i = x_i' β + u_i + e_i``; ``θ_i = γ_i y_i + (1 - γ_i) x_i' β`` with ``γ_i = A / (A +
    D_i)``. MSE is second-order: ``g1 + g2 + 2 g3``, less the bias of ``A`` for ML and FH. A
    benchmarked estimate keeps the MSE of the unbenchmarked one.

    References
    ----------
    Fay & Herriot (1979), JASA 74, 269-277. Prasad & Rao (1990), JASA 85, 163-171. Datta & Lahiri
    (2000), Statistica Sinica 10, 613-627. Datta, Rao & Smith (2005), Biometrika 92, 183-196. Rao &
    Molina (2015), *Small Area Estimation*, ch. 6.
    """
    check_choice(fit, ("REML", "ML", "FH"), "fit")
    check_columns(data, [value, variance, *covariates, *([area] if area else [])], "fay_herriot")
    y, d = numbers(data, value), numbers(data, variance)
    x = np.column_stack([np.ones(len(data)), *(numbers(data, c) for c in covariates)])
    _check_areas(y, d, x, variance)
    use = ~np.isnan(y)
    ys, ds, xs = y[use], d[use], x[use]
    a = _model_variance(ys, ds, xs, fit)
    inverse: Floats = np.asarray(np.linalg.inv(xs.T @ (xs / (a + ds)[:, None])), dtype=float)
    beta = inverse @ (xs.T @ (ys / (a + ds)))
    se = np.sqrt(np.diag(inverse))
    residual = ys - xs @ beta
    loglik = -0.5 * float(np.log(2 * np.pi * (a + ds)).sum() + (residual**2 / (a + ds)).sum())
    estimate, mse, gamma = x @ beta, np.zeros(len(data)), np.zeros(len(data))
    gamma[use] = a / (a + ds)
    estimate[use] += gamma[use] * residual
    mse[use] = _mse(ds, xs, a, inverse, fit)
    out = ~use
    mse[out] = a + np.einsum("ij,jk,ik->i", x[out], inverse, x[out])
    flags = np.where(use, "modelled", "modelled;no_direct_estimate").astype(object)
    if benchmark is not None:
        sizes = np.asarray(benchmark, dtype=float)
        factor = (sizes[use] @ ys) / (sizes[use] @ estimate[use])
        estimate = estimate * factor
        flags = flags + ";benchmarked"
    z = stats.norm.ppf(0.5 + level / 2)
    root = np.sqrt(mse)
    table = pd.DataFrame({"item": value}, index=range(len(data)))
    if area:
        table[area] = data[area].to_numpy()
    table = table.assign(
        statistic="eblup",
        value=estimate,
        std_error=root,
        mse=mse,
        ci_low=estimate - z * root,
        ci_high=estimate + z * root,
        level=level,
        direct=y,
        direct_variance=d,
        shrinkage=gamma,
        method=f"survey.fay_herriot.{fit.lower()}",
        status="ok",
        flags=flags,
        reason_zh="模型估计，借用其他社区的信息",
        reason_en="modelled: borrows strength from other communities",
    )
    t = beta / se
    coefficients = pd.DataFrame(
        {
            "term": ["(Intercept)", *covariates],
            "value": beta,
            "std_error": se,
            "z": t,
            "p_value": 2 * stats.norm.sf(np.abs(t)),
        }
    )
    return FayHerriot(table, coefficients, a, loglik)


def _check_areas(y: Floats, d: Floats, x: Floats, variance: str) -> None:
    use = ~np.isnan(y)
    bad = np.flatnonzero(use & ~(d > 0))
    if bad.size:
        raise refuse(
            "survey.area-variance",
            "直接估计的抽样方差须为正",
            "the design variance of a direct estimate must be positive",
            column=variance,
            row=int(bad[0]) + 1,
            remedy_zh="方差无法估计（或回答全同）的社区：把直接估计置为缺失",
            remedy_en="where no variance can be estimated, set the direct estimate missing",
        )
    gone = np.flatnonzero(np.isnan(x).any(axis=1))
    if gone.size:
        raise refuse(
            "survey.area-covariate",
            "协变量缺失",
            "a covariate is missing",
            row=int(gone[0]) + 1,
        )
    p = x.shape[1]
    if use.sum() < p + 2:
        raise refuse(
            "survey.too-few-areas",
            "有直接估计的社区太少",
            "too few areas with a direct estimate",
            expected=f">= {p + 2}",
            found=str(int(use.sum())),
        )
    if np.linalg.matrix_rank(x[use]) < p:
        raise refuse("survey.collinear", "协变量共线", "the covariates are collinear")


def _model_variance(y: Floats, d: Floats, x: Floats, fit: str) -> float:
    """Root of the estimating equation in A, 0 where it has none."""

    def equation(a: float) -> float:
        v = 1 / (a + d)
        inverse = np.linalg.inv(x.T @ (x * v[:, None]))
        r = y - x @ (inverse @ (x.T @ (y * v)))
        if fit == "FH":
            moments: float = float((r**2 * v).sum()) - float(y.size - x.shape[1])
            return moments
        trace = float(v.sum())
        if fit == "REML":
            trace -= float(np.trace(inverse @ (x.T @ (x * (v**2)[:, None]))))
        gap: float = float((r**2 * v**2).sum()) - float(trace)
        return gap

    spread = float(np.var(y, ddof=1)) + float(d.max())
    grid = np.concatenate([[0.0], np.geomspace(1e-8, 100, 400) * spread])
    values = np.array([equation(a) for a in grid])
    down = np.flatnonzero((values[:-1] > 0) & (values[1:] <= 0))
    if down.size == 0:
        return 0.0
    at = int(down[-1])
    return float(
        optimize.brentq(equation, grid[at], grid[at + 1], xtol=1e-16, rtol=1e-15, maxiter=500)
    )


def _mse(d: Floats, x: Floats, a: float, inverse: Floats, fit: str) -> Floats:
    v = 1 / (a + d)
    b = d * v
    g1 = a * b
    g2 = b**2 * np.einsum("ij,jk,ik->i", x, inverse, x)
    m = d.size
    asymptotic = 2 * m / v.sum() ** 2 if fit == "FH" else 2 / (v**2).sum()
    g3 = b**2 * v * asymptotic
    bias = 0.0
    if fit == "ML":
        bias = -float(np.trace(inverse @ (x.T @ (x * (v**2)[:, None])))) / float((v**2).sum())
    elif fit == "FH":
        bias = 2 * (m * float((v**2).sum()) - float(v.sum()) ** 2) / float(v.sum()) ** 3
    out: Floats = g1 + g2 + 2 * g3 - bias * b**2
    return out
