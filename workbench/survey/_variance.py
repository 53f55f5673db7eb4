"""The variance of estimated totals: stages, lonely units and the residuals of calibration.

An estimate is linearised to a total ``sum_i z_i`` with ``z_i = w_i u_i`` (``u`` its influence
function); everything here works on matrices ``Z`` of shape (rows, estimates), sparse for domains.

References
----------
Särndal, Swensson, Wretman (1992), *Model Assisted Survey Sampling*, ch. 4.3 (several stages), 5.5
(linearisation), 6.6 (residuals of the regression estimator). Deville, Särndal (1992), JASA 87,
376-382, eq. 3.4 (calibration). Wolter (2007), *Introduction to Variance Estimation*, ch. 2 and 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import sparse

from workbench.survey._input import Bools, Floats, Ints

Lonely = Literal["adjust", "fail", "certainty", "average"]
CHUNK = 4_000_000  # cells of a dense block: bounds the memory, not the result


@dataclass(frozen=True)
class Stage:
    """One stage of selection: which unit each row lies in and how those units were drawn.

    Attributes
    ----------
    unit : shape (rows,), code of the stage's unit, unique over the whole sample.
    stratum : shape (units,), code of the stratum (stage 1) or parent unit (later stages).
    size : shape (strata,), number of units drawn in the stratum.
    fraction : shape (strata,), share of the stratum's units that was drawn; 0 is "with
        replacement".
    weight : shape (strata,), product of the fractions of all earlier stages.
    """

    unit: Ints
    stratum: Ints
    size: Floats
    fraction: Floats
    weight: Floats

    def totals(self) -> sparse.csr_matrix:
        """Matrix of shape (units, rows) that adds rows up to units."""
        n = self.unit.size
        return sparse.csr_matrix(
            (np.ones(n), (self.unit, np.arange(n))), shape=(self.stratum.size, n)
        )


@dataclass(frozen=True)
class Adjustment:
    """One step of weighting, as the linear operator it applies to linearised totals.

    ``z -> z - q * X B`` with ``B = inverse (X' (z * per_g))``: what is left of ``z`` after its
    regression on the calibration variables ``X``.

    Attributes
    ----------
    x : shape (rows, p), calibration variables; zero rows take no part.
    per_g : shape (rows,), weight before over weight after (0 where the weight after is 0).
    q : shape (rows,), weight after the step, or after minus before when the totals come from the
        sample itself (non-response adjustment).
    inverse : shape (p, p), generalised inverse of the cross-products.
    """

    x: sparse.csr_matrix
    per_g: Floats
    q: Floats
    inverse: sparse.csr_matrix

    def coefficients(self, z: Any) -> Any:
        """Coefficients ``B`` of shape (p, estimates)."""
        left = self.x.T.multiply(self.per_g[None, :]).tocsr()
        return product(self.inverse, product(left, z))


def product(a: Any, b: Any) -> Any:
    """Matrix product; dense where that is faster."""
    out = a @ b
    if sparse.issparse(out) and out.nnz > 0.1 * out.shape[0] * out.shape[1]:
        return out.toarray()
    return out


def dense(a: Any) -> Floats:
    """Return a sparse or dense matrix as a dense one."""
    out: Floats = a.toarray() if sparse.issparse(a) else np.asarray(a, dtype=float)
    return out


def columns(a: Any, start: int, stop: int) -> Any:
    """Columns ``start`` to ``stop`` of a sparse or dense matrix."""
    return a[:, start:stop]


def residuals(z: Any, adjustments: tuple[Adjustment, ...]) -> list[tuple[sparse.csr_matrix, Any]]:
    """Pairs ``(Q, B)`` with ``residual = z - sum Q B``; the last weighting step is undone first."""
    done: list[tuple[sparse.csr_matrix, Any]] = []
    for step in reversed(adjustments):
        left = step.x.T.multiply(step.per_g[None, :]).tocsr()
        g = product(left, z)
        for q, b in done:
            g = dense(g) - dense(product(product(left, q), b))
        b = product(step.inverse, g)
        done.append((step.x.multiply(step.q[:, None]).tocsr(), b))
    return done


def unit_totals(
    stage: Stage, z: Any, pairs: list[tuple[sparse.csr_matrix, Any]], start: int, stop: int
) -> Floats:
    """Totals of residuals by unit, shape (units, stop - start)."""
    add = stage.totals()
    out = dense(add @ columns(z, start, stop))
    for q, b in pairs:
        m = add @ q
        if m.nnz > 0.1 * m.shape[0] * m.shape[1]:
            m = m.toarray()
        out = out - dense(m @ columns(b, start, stop))
    return out


def spread(
    stage: Stage, totals: Floats, lonely: Lonely, first: bool, present: Bools | None
) -> Floats:
    """Centre unit totals in their strata and scale them: variance = column sums of squares.

    ``present`` (units, estimates) marks units with members of the domain, for the rule that a
    stratum with a single such unit counts as lonely.
    """
    size = stage.size
    h = stage.stratum
    strata = size.size
    sums = np.zeros((strata, totals.shape[1]))
    np.add.at(sums, h, totals)
    open_ = stage.fraction < 1
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = stage.weight * (1 - stage.fraction) * size / (size - 1)
    alone = (size == 1) & open_
    factor = np.where(size == 1, 0.0, factor)
    centred = (totals - (sums / size[:, None])[h]) * np.sqrt(factor)[h][:, None]
    if not first:
        return centred
    if alone.any() or present is not None:
        grand = totals.sum(axis=0) / totals.shape[0]
        if lonely == "adjust":
            rows = alone[h]
            scale = np.sqrt(stage.weight * (1 - stage.fraction))[h]
            centred[rows] = (totals[rows] - grand) * scale[rows][:, None]
            if present is not None:
                count = np.zeros((strata, totals.shape[1]))
                np.add.at(count, h, present.astype(float))
                single = ((count == 1) & (size > 1)[:, None] & open_[:, None])[h]
                full = (totals - grand) * np.sqrt(factor)[h][:, None]
                centred = np.where(single, full, centred)
        elif lonely == "average":
            used = open_ & ~alone
            if used.any():
                centred = centred * np.sqrt((used.sum() + alone.sum()) / used.sum())
    return centred


def variances(
    stages: tuple[Stage, ...],
    z: Any,
    adjustments: tuple[Adjustment, ...],
    lonely: Lonely,
    *,
    members: Any | None = None,
) -> Floats:
    """Design variance of each column's total, shape (estimates,)."""
    k = z.shape[1]
    out = np.zeros(k)
    pairs = residuals(z, adjustments)
    for number, stage in enumerate(stages):
        if number and not (stage.weight > 0).any():
            break
        step = max(1, CHUNK // max(1, stage.stratum.size))
        for start in range(0, k, step):
            stop = min(k, start + step)
            t = unit_totals(stage, z, pairs, start, stop)
            there = None
            if members is not None and number == 0:
                there = dense(stage.totals() @ columns(members, start, stop)) > 0
            centred = spread(stage, t, lonely, number == 0, there)
            out[start:stop] += np.einsum("ij,ij->j", centred, centred)
    return out


def covariances(
    stages: tuple[Stage, ...], z: Any, adjustments: tuple[Adjustment, ...], lonely: Lonely
) -> Floats:
    """Joint design covariance of all columns' totals, shape (estimates, estimates)."""
    k = z.shape[1]
    out = np.zeros((k, k))
    pairs = residuals(z, adjustments)
    for number, stage in enumerate(stages):
        if number and not (stage.weight > 0).any():
            break
        centred = spread(stage, unit_totals(stage, z, pairs, 0, k), lonely, number == 0, None)
        out += centred.T @ centred
    return out
