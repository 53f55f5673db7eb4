"""Scores beside each other: which pairs differ, how much is noise, shrunken scores."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from scipy import special

from workbench.scoring._frames import Floats, check_level, need, numbers, one_of, refuse

__all__ = ["between_variance", "pairs_apart", "shrink"]


def _read(scores: pd.DataFrame, unit: str, score: str, std_error: str) -> tuple[Floats, Floats]:
    need(scores, (unit, score, std_error), of="scores")
    x, se = numbers(scores, score), numbers(scores, std_error)
    if np.isnan(x).any() or not (se > 0).all():
        raise refuse("gaps", "得分不能缺失，标准误应大于零", "scores and errors above 0 are needed")
    if len(x) < 2:
        raise refuse("too-few", "至少需要两个单元", "at least two units are needed")
    return x, se


def pairs_apart(
    scores: pd.DataFrame,
    *,
    unit: str = "community",
    score: str = "value",
    std_error: str = "std_error",
    level: float = 0.95,
) -> pd.DataFrame:
    """Test every pair of units for a difference, alone and with Holm's correction over all pairs.

    Parameters
    ----------
    scores : DataFrame
        One row per unit: independent normal estimates.

    Returns
    -------
    DataFrame
        One row per pair: ``item_a``, ``item_b``, ``value`` (a − b), ``std_error``, ``p_value``,
        ``p_adjusted``, ``verdict`` (better, worse: after the correction; no_relevant_change is
        never claimed, else cannot_tell).

    References
    ----------
    Holm (1979), Scand. J. Stat. 6, 65-70.
    """
    check_level(level)
    x, se = _read(scores, unit, score, std_error)
    i, j = np.triu_indices(len(x), 1)
    gap, error = x[i] - x[j], np.hypot(se[i], se[j])
    p = 2 * special.ndtr(-np.abs(gap) / error)
    order = np.argsort(p, kind="stable")
    stepped = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1.0)
    adjusted = np.empty(len(p))
    adjusted[order] = stepped
    names = scores[unit].astype(str).to_numpy()
    sure = adjusted < 1 - level
    verdict = np.select([sure & (gap > 0), sure & (gap < 0)], ["better", "worse"], "cannot_tell")
    return pd.DataFrame(
        {"item_a": names[i], "item_b": names[j], "value": gap, "std_error": error, "p_value": p,
         "p_adjusted": adjusted, "verdict": verdict}
    ).assign(level=level, family="pairs", method="scoring.pairs_apart")  # fmt: skip


def between_variance(
    scores: pd.DataFrame,
    *,
    estimator: Literal["dl", "reml"] = "dl",
    unit: str = "community",
    score: str = "value",
    std_error: str = "std_error",
) -> pd.DataFrame:
    """Estimate how much units truly differ, beyond sampling error.

    Parameters
    ----------
    scores : DataFrame
        One row per unit: estimate and standard error (> 0).
    estimator : {"dl", "reml"}
        DerSimonian-Laird moments, or restricted maximum likelihood.

    Returns
    -------
    DataFrame
        Rows ``tau2`` (variance between), ``mean`` (with ``std_error``), ``i2`` (share of the
        observed variance that is real, 0–1); ``value``, ``n``.

    References
    ----------
    DerSimonian & Laird (1986), Control. Clin. Trials 7, 177-188; Viechtbauer (2005), J. Educ.
    Behav. Stat. 30, 261-293.
    """
    one_of(estimator, ("dl", "reml"), of="estimator")
    x, se = _read(scores, unit, score, std_error)
    v = se**2
    tau2 = _dl(x, v) if estimator == "dl" else _reml(x, v)
    w = 1 / (v + tau2)
    mean = float((w * x).sum() / w.sum())
    fixed = 1 / v
    typical = (len(x) - 1) * fixed.sum() / (fixed.sum() ** 2 - (fixed**2).sum())
    rows = [{"statistic": "tau2", "value": tau2},
            {"statistic": "mean", "value": mean, "std_error": float(1 / np.sqrt(w.sum()))},
            {"statistic": "i2", "value": tau2 / (tau2 + float(typical))}]  # fmt: skip
    return pd.DataFrame(rows).assign(n=len(x), method=f"scoring.between_variance.{estimator}")


def _dl(x: Floats, v: Floats) -> float:
    w = 1 / v
    q = float((w * (x - (w * x).sum() / w.sum()) ** 2).sum())
    return max(0.0, (q - (len(x) - 1)) / float(w.sum() - (w**2).sum() / w.sum()))


def _reml(x: Floats, v: Floats) -> float:
    from scipy import optimize

    def deviance(tau2: float) -> float:
        w = 1 / (v + tau2)
        mean = (w * x).sum() / w.sum()
        return float(-np.log(w).sum() + np.log(w.sum()) + (w * (x - mean) ** 2).sum())

    top = float(x.var(ddof=1)) * 10 + 1e-12
    fit = optimize.minimize_scalar(deviance, bounds=(0.0, top), method="bounded",
                                   options={"xatol": 1e-10 * top})  # fmt: skip
    return 0.0 if deviance(0.0) <= float(fit.fun) else float(fit.x)


def shrink(
    scores: pd.DataFrame,
    *,
    estimator: Literal["dl", "reml"] = "dl",
    unit: str = "community",
    score: str = "value",
    std_error: str = "std_error",
    level: float = 0.95,
) -> pd.DataFrame:
    """Draw scores towards the mean by as much as they are noise (empirical Bayes).

    Parameters
    ----------
    scores, estimator
        As for :func:`between_variance`.

    Returns
    -------
    DataFrame
        One row per unit: ``value`` (shrunken), ``observed``, ``shrinkage`` (weight of the own
        score, 0–1), ``std_error`` (given mean and variance between), ``ci_low``, ``ci_high``.

    Notes
    -----
    Better on average over all units, worse for a unit that truly differs. For maps and screening;
    an official score stays as it was earned.

    References
    ----------
    Morris (1983), JASA 78, 47-55.
    """
    check_level(level)
    x, se = _read(scores, unit, score, std_error)
    table = between_variance(scores, estimator=estimator, unit=unit, score=score,
                             std_error=std_error).set_index("statistic")["value"]  # fmt: skip
    tau2, mean = float(table["tau2"]), float(table["mean"])
    own = tau2 / (tau2 + se**2)
    value, error = own * x + (1 - own) * mean, np.sqrt(own) * se
    half = float(special.ndtri(0.5 + level / 2)) * error
    return pd.DataFrame(
        {unit: scores[unit].to_numpy(), "value": value, "observed": x, "shrinkage": own,
         "std_error": error, "ci_low": value - half, "ci_high": value + half, "level": level}
    ).assign(method="scoring.shrink")  # fmt: skip
