"""Least squares with standard errors by cluster: CR1, CR2 with Satterthwaite, wild bootstrap."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, stats

from workbench.change._frames import check_level, not_computed, refuse, row

__all__ = ["Fit", "cluster_rows", "fit", "intraclass", "wild_bootstrap", "wild_interval"]

Array = np.ndarray[Any, Any]
# up to 2^14 sign vectors are listed in full; with more clusters they are drawn
MOST_ENUMERATED = 14


@dataclass(frozen=True)
class Fit:
    """Least squares: matrix, coefficients, residuals, bread and codes of clusters."""

    X: Array
    y: Array
    beta: Array
    residuals: Array
    bread: Array
    codes: Array

    @property
    def exact(self) -> bool:
        """Whether the fit leaves nothing but rounding: there is no error to estimate."""
        size = float(np.abs(self.y).max()) or 1.0
        return bool(np.abs(self.residuals).max() < 1e-10 * size)

    @property
    def groups(self) -> int:
        """Number of clusters."""
        return int(self.codes.max()) + 1


def fit(y: Array, X: Array, cluster: Any) -> Fit:
    """Fit by least squares.

    Parameters
    ----------
    y, X
        Outcome (n,) and full-rank matrix (n, k).
    cluster
        One label per row.

    Raises
    ------
    InputError
        ``change.rank`` when columns of ``X`` are linearly dependent, ``change.missing`` for NaN.
    """
    y, X = np.asarray(y, dtype=float), np.asarray(X, dtype=float)
    if not (np.isfinite(y).all() and np.isfinite(X).all()):
        refuse(
            "missing",
            "回归变量中有缺失值",
            "a variable of the regression is missing somewhere",
            "先去掉缺失的行并报告数目",
            "take the rows out first and report their number",
        )
    if np.linalg.matrix_rank(X) < X.shape[1] or X.shape[0] <= X.shape[1]:
        refuse(
            "rank",
            "自变量线性相关或行数不足，系数无法确定",
            "columns are dependent or rows too few: the coefficient is not determined",
            "检查干预组、对照组与时期是否都有数据",
            "check that both arms have rows in both periods",
            expected=f"rank {X.shape[1]}",
            found=f"rank {np.linalg.matrix_rank(X)}, {X.shape[0]} rows",
        )
    bread = np.linalg.inv(X.T @ X)
    beta = bread @ (X.T @ y)
    return Fit(X, y, beta, y - X @ beta, bread, pd.factorize(np.asarray(cluster))[0])


def _meat(scores: Array, codes: Array) -> Array:
    sums = np.zeros((int(codes.max()) + 1, scores.shape[1]))
    np.add.at(sums, codes, scores)
    return sums.T @ sums


def cluster_rows(
    model: Fit,
    at: int,
    *,
    statistic: str,
    unit: str,
    level: float = 0.95,
    nested: int = 0,
) -> list[dict[str, Any]]:
    """Give one coefficient with its standard error by several rules.

    Parameters
    ----------
    model, at
        Fit and the number of the coefficient.
    statistic, unit, level
        For the rows.
    nested
        Columns of ``X`` that are effects nested in the clusters: they count as one parameter in
        the small-sample factor of CRV1.

    Returns
    -------
    list of dict
        Methods ``change.ols.iid``, ``.hc1``, ``.cr1s`` (Stata's factor), ``.crv1`` (nested
        effects not counted; t on G - 1), ``.cr2`` (Bell and McCaffrey 2002, Satterthwaite
        degrees of freedom). With one cluster the last three are ``not_computed``.

    References
    ----------
    Pustejovsky and Tipton (2018), JBES 36, 672-683; Cameron and Miller (2015) §II.
    """
    check_level(level)
    X, e, A = model.X, model.residuals, model.bread
    n, k = X.shape
    G = model.groups
    b = float(model.beta[at])
    e = np.zeros(n) if model.exact else e
    scores = X * e[:, None]
    iid = float(e @ e) / (n - k) * A[at, at]
    hc1 = n / (n - k) * (A @ (scores.T @ scores) @ A)[at, at]
    common: dict[str, Any] = {"n": n, "clusters": G, "level": level}
    rows = [
        _row(statistic, unit, b, math.sqrt(iid), n - k, "change.ols.iid", common),
        _row(statistic, unit, b, math.sqrt(hc1), n - k, "change.ols.hc1", common),
    ]
    if G < 2:
        return rows + [
            not_computed(
                statistic,
                "只有一个群组，无法估计误差",
                "one cluster: no error can be estimated",
                unit=unit,
                method=f"change.ols.{name}",
                **common,
            )
            for name in ("cr1s", "crv1", "cr2")
        ]
    plain = max(float((A @ _meat(scores, model.codes) @ A)[at, at]), 0.0)
    stata = G / (G - 1) * (n - 1) / (n - k)
    counted = k - nested + (1 if nested else 0)
    fixest = G / (G - 1) * (n - 1) / (n - counted)
    se2, df2 = (0.0, math.nan) if model.exact else _cr2(model, at)
    rows += [
        _row(statistic, unit, b, math.sqrt(plain * stata), G - 1, "change.ols.cr1s", common),
        _row(statistic, unit, b, math.sqrt(plain * fixest), G - 1, "change.ols.crv1", common),
        _row(statistic, unit, b, se2, df2, "change.ols.cr2", common),
    ]
    return rows


def _row(
    statistic: str, unit: str, b: float, se: float, df: float, method: str, common: dict[str, Any]
) -> dict[str, Any]:
    if not se > 1e-14 or not df > 0:
        return not_computed(
            statistic,
            "没有可估计的误差",
            "there is no error to estimate",
            unit=unit,
            method=method,
            **common,
        )
    level = common["level"]
    q, inner = (float(stats.t.ppf(c, df)) for c in (0.5 + level / 2, level))
    return row(
        statistic,
        b,
        unit=unit,
        method=method,
        std_error=se,
        df=df,
        ci_low=b - q * se,
        ci_high=b + q * se,
        inner_low=b - inner * se,
        inner_high=b + inner * se,
        test_statistic=b / se,
        p_value=float(2 * stats.t.sf(abs(b / se), df)),
        **common,
    )


def _cr2(model: Fit, at: int) -> tuple[float, float]:
    """Bell-McCaffrey standard error and Satterthwaite degrees of freedom of one coefficient."""
    X, e, A = model.X, model.residuals, model.bread
    direction = X @ A[:, at]  # x_i' (X'X)^-1 c
    terms = np.zeros(model.groups)
    G = np.zeros((model.groups, X.shape[0]))
    for g in range(model.groups):
        here = np.flatnonzero(model.codes == g)
        block = np.eye(len(here)) - X[here] @ A @ X[here].T
        values, vectors = np.linalg.eigh(block)
        # effects nested in the cluster make the block singular: Moore-Penrose root
        keep = values > 1e-10 * max(1.0, float(values.max()))
        root = (vectors[:, keep] / np.sqrt(values[keep])) @ vectors[:, keep].T
        a = root @ direction[here]
        terms[g] = a @ e[here]
        G[g] = -(X @ (A @ (X[here].T @ a)))
        G[g, here] += a
    P = G @ G.T
    spread = float((P**2).sum())
    df = float(np.trace(P)) ** 2 / spread if spread > 0 else math.nan
    return math.sqrt(float(terms @ terms)), df


def wild_bootstrap(
    model: Fit,
    at: int,
    *,
    null: float = 0.0,
    rng: np.random.Generator | None = None,
    draws: int = 9999,
) -> dict[str, float]:
    """Give the wild cluster bootstrap-t p with the null imposed.

    Parameters
    ----------
    model, at, null
        Fit, coefficient and its value under the null.
    rng, draws
        With more than 14 clusters the Rademacher signs are drawn; a generator is then needed.
        With up to 14 all 2^G sign vectors are used and nothing is random.

    Returns
    -------
    dict
        ``p`` counts ties with the observed t (>=), ``p_strict`` does not; ``vectors`` their
        number. The identity and its mirror image give the observed t, so p >= 2/2^G.

    References
    ----------
    Cameron, Gelbach and Miller (2008); MacKinnon and Webb (2018); Webb (2013).
    """
    t, observed = _bootstrap_t(model, at, null, _signs(model.groups, rng, draws))
    slack = 1e-9 * max(1.0, abs(observed))
    return {
        "p": float((np.abs(t) >= abs(observed) - slack).mean()),
        "p_strict": float((np.abs(t) > abs(observed) + slack).mean()),
        "vectors": float(len(t)),
    }


def _signs(groups: int, rng: np.random.Generator | None, draws: int) -> Array:
    if groups <= MOST_ENUMERATED:
        numbers = np.arange(2**groups)
        return 1.0 - 2.0 * ((numbers[:, None] >> np.arange(groups)) & 1)
    if rng is None:
        refuse(
            "rng",
            "群组多于 14 个时须给出随机数发生器",
            "more than 14 clusters: a random generator is needed",
            "写 rng=c.rng(…)",
            "write rng=c.rng(…)",
        )
    return rng.choice([-1.0, 1.0], size=(draws, groups))


def _bootstrap_t(model: Fit, at: int, null: float, signs: Array) -> tuple[Array, float]:
    X, y, A, codes = model.X, model.y, model.bread, model.codes
    G = model.groups
    rest = np.delete(X, at, axis=1)
    target = y - null * X[:, at]
    restricted = target - rest @ np.linalg.lstsq(rest, target, rcond=None)[0]
    a = A[at] @ X.T  # row of the estimator
    # contribution of each cluster to the coefficient, and to each cluster's score afterwards
    first = np.zeros(G)
    np.add.at(first, codes, a * restricted)
    moved = np.zeros((G, X.shape[1]))
    np.add.at(moved, codes, X * restricted[:, None])
    coefficient = A @ moved.T  # (k, G): change of beta per unit sign
    weight = np.zeros((G, X.shape[1]))
    np.add.at(weight, codes, X * a[:, None])
    # score of cluster h in draw s: sign_h * first_h - weight_h . (coefficient @ signs)
    cross = weight @ coefficient  # (G, G)

    def t_of(s: Array) -> Array:
        numerator = s @ first
        scores = s * first - s @ cross.T
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(numerator / np.sqrt((scores**2).sum(axis=1)))

    return t_of(signs), _observed(model, at, null)


def _observed(model: Fit, at: int, null: float) -> float:
    a = model.bread[at] @ model.X.T
    sums = np.bincount(model.codes, weights=a * model.residuals)
    return float((model.beta[at] - null) / math.sqrt(float(sums @ sums)))


def wild_interval(
    model: Fit,
    at: int,
    *,
    level: float = 0.95,
    rng: np.random.Generator | None = None,
    draws: int = 9999,
) -> tuple[float, float]:
    """Invert the wild bootstrap test: the nulls whose strict p is above 1 - level.

    Parameters
    ----------
    model, at, level, rng, draws
        As for :func:`wild_bootstrap`; one set of signs serves all nulls.
    """
    signs = _signs(model.groups, rng, draws)
    b = float(model.beta[at])
    se = abs(b / _observed(model, at, 0.0)) if b != 0 else 1.0

    def gap(null: float) -> float:
        t, observed = _bootstrap_t(model, at, null, signs)
        slack = 1e-9 * max(1.0, abs(observed))
        return float((np.abs(t) > abs(observed) + slack).mean()) - (1 - level)

    ends = []
    for sign in (-1, 1):
        far = b + sign * se
        for _ in range(60):
            if gap(far) < 0:
                break
            far += sign * se
        else:
            ends.append(sign * math.inf)
            continue
        near = b + sign * 1e-6 * se
        inside, outside = sorted((near, far))
        ends.append(float(optimize.bisect(gap, inside, outside, xtol=1e-6 * se)))
    return ends[0], ends[1]


def intraclass(y: Array, cluster: Any) -> dict[str, Any]:
    """Give the one-way analysis-of-variance intraclass correlation, not cut at zero.

    Parameters
    ----------
    y, cluster
        Values and labels, one per row.

    Returns
    -------
    dict
        Row ``icc``; ``not_computed`` with one cluster or one value per cluster.

    Notes
    -----
    (MSB - MSW)/(MSB + (n0 - 1) MSW), n0 = (n - sum n_g^2/n)/(G - 1) (Donner 1986).
    """
    y = np.asarray(y, dtype=float)
    codes = pd.factorize(np.asarray(cluster))[0]
    size = np.bincount(codes)
    n, G = len(y), len(size)
    key = "change.icc"
    if G < 2 or n <= G:
        return not_computed(
            "icc",
            "群组不足或每组只有一个值",
            "one cluster, or one value per cluster",
            unit="ratio",
            method=key,
            n=n,
        )
    means = np.bincount(codes, weights=y) / size
    between = float((size * (means - y.mean()) ** 2).sum()) / (G - 1)
    within = float(((y - means[codes]) ** 2).sum()) / (n - G)
    n0 = (n - float((size**2).sum()) / n) / (G - 1)
    if between + (n0 - 1) * within <= 0:
        return not_computed(
            "icc", "所有值相同", "all values are equal", unit="ratio", method=key, n=n
        )
    icc = (between - within) / (between + (n0 - 1) * within)
    return row("icc", icc, unit="ratio", method=key, n=n, clusters=G)
