"""Replicate weights: given with the data, or made from a design."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd
from scipy.linalg import hadamard

from workbench.survey._input import Floats, check_choice, check_columns, numbers, refuse
from workbench.survey.design import Design, Replicates

Method = Literal["jk1", "jkn", "brr", "fay", "bootstrap", "sdr"]
METHODS = ("jk1", "jkn", "brr", "fay", "bootstrap", "sdr")


def with_replicates(
    data: pd.DataFrame,
    *,
    weights: str,
    replicates: Sequence[str],
    method: Method,
    combined: bool = True,
    rho: float = 0.0,
    scale: float | None = None,
    rscales: Sequence[float] | None = None,
    centre: Literal["mean", "estimate"] = "mean",
) -> Design:
    """Make a design of data that come with replicate weights.

    Parameters
    ----------
    data : one row per respondent.
    weights : column of full-sample weights.
    replicates : columns of replicate weights, not negative; zero is allowed.
    method : how they were made; sets the scale unless given: ``brr`` 1/R, ``fay`` 1/(R(1-rho)²),
        ``bootstrap`` 1/(R-1), ``sdr`` 4/R; ``jk1`` (R-1)/R; ``jkn`` needs ``rscales``.
    combined : replicates already contain the full-sample weights; ``False``: they are multipliers.
    rho : Fay's factor, 0 <= rho < 1.
    centre : squares about the ``mean`` of the replicates or the full-sample ``estimate`` ("mse").

    Returns
    -------
    Design whose errors come from the replicates; ``df`` is their rank minus 1.

    References
    ----------
    Wolter (2007), ch. 3-5; Fay & Train (1995) for ``sdr``.
    """
    check_choice(method, METHODS, "method")
    check_columns(data, [weights, *replicates], "replicates")
    design = Design(data, weights=weights)
    matrix = np.column_stack([numbers(design.data, c) for c in replicates])
    if np.isnan(matrix).any() or (matrix < 0).any():
        row, column = (int(i) for i in np.argwhere(np.isnan(matrix) | (matrix < 0))[0])
        raise refuse(
            "survey.replicate-weight",
            "复制权重缺失或为负",
            "a replicate weight is missing or negative",
            row=row + 1,
            column=str(replicates[column]),
        )
    if not combined:
        matrix = matrix * design.weights[:, None]
    r = matrix.shape[1]
    if rscales is None and method == "jkn":
        raise refuse("survey.rscales", "jkn 需要 rscales", "jkn needs rscales")
    made = Replicates(
        matrix,
        _scale(method, r, rho) if scale is None else float(scale),
        np.ones(r) if rscales is None else np.asarray(rscales, dtype=float),
        centre,
        method,
    )
    return design.changed(replicates=made)


def _scale(method: str, r: int, rho: float) -> float:
    return {
        "jk1": (r - 1) / r,
        "jkn": 1.0,
        "brr": 1 / r,
        "fay": 1 / (r * (1 - rho) ** 2),
        "bootstrap": 1 / (r - 1) if r > 1 else 1.0,
        "sdr": 4 / r,
    }[method]


def replicate(
    design: Design,
    method: Method,
    *,
    replicates: int = 200,
    rho: float = 0.3,
    seed: int | np.random.Generator | None = None,
    centre: Literal["mean", "estimate"] = "mean",
) -> Design:
    """Make replicate weights from a design's strata and PSUs.

    Weight afterwards: :func:`workbench.survey.rake` and the others refit every replicate.

    Parameters
    ----------
    design : without weighting steps yet.
    method : ``jk1`` (no strata), ``jkn``, ``brr`` and ``fay`` (two PSUs in every stratum),
        ``bootstrap`` (Rao-Wu, ``n_h - 1`` draws), ``sdr`` (PSUs in the order of the data). Sampling
        fractions of the first stage enter the scale of the jackknives; other methods ignore them.
    replicates : number of bootstrap replicates. rho : Fay's factor. seed : for the bootstrap,
        needed.

    Raises
    ------
    InputError
        Strata do not fit the method; the design is already weighted.

    References
    ----------
    Wolter (2007), 3.3-3.5, 4.5; Rao & Wu (1988), JASA 83, 231-241; Judkins (1990), J. Official
    Statistics 6, 223-239; Fay & Train (1995), Proc. Government Statistics Section, ASA, 154-159.
    """
    check_choice(method, METHODS, "method")
    if design.adjustments or design.log or not design.domain.all():
        raise refuse(
            "survey.replicate-first",
            "须在加权与筛选之前生成复制权重",
            "make replicates before weighting and subsetting",
            remedy_zh="先 replicate()，再 rake()：每个复制都会重新加权",
            remedy_en="replicate() first, then rake(): every replicate is weighted anew",
        )
    stage = design.stages[0]
    h, size, fraction = stage.stratum, stage.size, stage.fraction
    psus = h.size
    if psus < 2:
        raise refuse(
            "survey.one-psu",
            "只有一个初级单元，不能生成复制权重",
            "a single primary unit: no replicates can be made",
            expected=">= 2",
            found=str(psus),
            remedy_zh="给出更细的初级单元，或只报告估计值",
            remedy_en="name smaller primary units, or report the value alone",
        )
    if method == "jk1":
        if size.size > 1:
            raise refuse(
                "survey.jk1-strata", "jk1 不能有分层", "jk1 takes no strata", remedy_en="use jkn"
            )
        factor = np.full((psus, psus), psus / (psus - 1)) * (1 - np.eye(psus))
        scale, rscales = (psus - 1) / psus * (1 - float(fraction[0])), np.ones(psus)
    elif method == "jkn":
        same = h[:, None] == h[None, :]
        with np.errstate(divide="ignore", invalid="ignore"):
            up = np.where(size > 1, size / (size - 1), 1.0)
        factor = np.where(same, up[h][:, None], 1.0) * (1 - np.eye(psus))
        factor = np.where((size[h] == 1)[None, :], 1.0, factor)
        scale = 1.0
        rscales = ((size - 1) / size * (1 - fraction))[h]
    elif method in ("brr", "fay"):
        factor = _half_samples(h, size, 0.0 if method == "brr" else rho)
        scale = _scale(method, factor.shape[1], 0.0 if method == "brr" else rho)
        rscales = np.ones(factor.shape[1])
    elif method == "sdr":
        factor = _successive(psus)
        scale, rscales = 4 / factor.shape[1], np.ones(factor.shape[1])
    else:
        factor = _rao_wu(h, size, replicates, seed)
        scale, rscales = 1 / (replicates - 1), np.ones(replicates)
    weights = design.weights[:, None] * factor[stage.unit]
    return design.changed(replicates=Replicates(weights, scale, rscales, centre, method))


def _half_samples(h: np.ndarray, size: Floats, rho: float) -> Floats:
    if (size != 2).any():
        raise refuse(
            "survey.brr-pairs",
            "brr 与 fay 要求每层恰有两个初级单元",
            "brr and fay need exactly two PSUs in every stratum",
            remedy_zh="改用 jkn 或 bootstrap",
            remedy_en="use jkn or bootstrap",
        )
    order = 1
    while order <= size.size:
        order *= 2
    sign = hadamard(order)[1 : size.size + 1]
    first = np.zeros(h.size, dtype=bool)
    first[np.unique(h, return_index=True)[1]] = True
    side = np.where(first, 1, -1)
    out: Floats = 1 + (1 - rho) * side[:, None] * sign[h].astype(float)
    return out


def _successive(psus: int) -> Floats:
    order = 1
    while order < psus + 2:
        order *= 2
    a = hadamard(order).astype(float)
    i = np.arange(psus) + 1
    out: Floats = 1 + 2**-1.5 * (a[i] - a[(i % (order - 1)) + 1])
    return out


def _rao_wu(
    h: np.ndarray, size: Floats, replicates: int, seed: int | np.random.Generator | None
) -> Floats:
    if seed is None:
        raise refuse("survey.seed", "bootstrap 需要 seed", "the bootstrap needs a seed")
    if replicates < 2:
        raise refuse("survey.replicates", "复制数至少为 2", "at least 2 replicates")
    rng = np.random.default_rng(seed)
    factor = np.ones((h.size, replicates))
    for stratum in np.flatnonzero(size > 1):
        at = np.flatnonzero(h == stratum)
        n = at.size
        draws = rng.multinomial(n - 1, np.full(n, 1 / n), size=replicates).T
        factor[at] = draws * n / (n - 1)
    return factor
