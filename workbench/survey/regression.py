"""Regression on survey data: linear, logistic, Poisson and ordinal, with term tests and margins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import stats

from workbench.survey import intervals
from workbench.survey._input import (
    Bools,
    Floats,
    check_choice,
    check_columns,
    check_level,
    coded_labels,
    labels,
    numbers,
    refuse,
)
from workbench.survey.design import Design

Family = Literal["gaussian", "binomial", "poisson"]


@dataclass(frozen=True)
class Model:
    """A fitted regression: tidy ``table``, coefficients, their design covariance, terms, df."""

    table: pd.DataFrame
    coefficients: Floats
    covariance: Floats
    names: list[str]
    terms: dict[str, list[int]]
    df: int
    family: str
    outcome: str
    predictors: tuple[str, ...]
    influence: Floats


def model_matrix(
    data: pd.DataFrame, predictors: Sequence[str], *, levels_from: Bools | None = None
) -> tuple[Floats, dict[str, list[str]], Bools]:
    """Columns of a regression: intercept, numbers as they are, categories as dummies.

    The first category in sorted order (or of a categorical column) is the reference. Returns the
    matrix (rows, p), the column names by term, and the rows without missing values.
    """
    check_columns(data, predictors, "predictors")
    columns: list[Floats] = [np.ones(len(data))]
    terms: dict[str, list[str]] = {"(Intercept)": ["(Intercept)"]}
    complete = np.ones(len(data), dtype=bool)
    for name in predictors:
        series = data[name]
        if pd.api.types.is_numeric_dtype(series) and not pd.api.types.is_bool_dtype(series):
            y = numbers(data, name)
            complete &= ~np.isnan(y)
            columns.append(np.nan_to_num(y))
            terms[name] = [name]
            continue
        codes, texts = coded_labels(data, name)
        complete &= codes >= 0
        seen = np.bincount(
            (codes if levels_from is None else codes[levels_from]) + 1, minlength=len(texts) + 1
        )
        order = np.flatnonzero(seen[1:]).tolist()
        if not isinstance(series.dtype, pd.CategoricalDtype):
            order.sort(key=texts.__getitem__)
        columns += [(codes == i).astype(np.float64) for i in order[1:]]
        terms[name] = [f"{name}{texts[i]}" for i in order[1:]]
    return np.column_stack(columns), terms, complete


def fit_glm(
    x: Floats, y: Floats, w: Floats, family: str, outcome: str
) -> tuple[Floats, Floats, Floats]:
    """Weighted maximum likelihood with the canonical link: coefficients, means, information."""
    beta = np.zeros(x.shape[1])
    if np.ptp(y[w > 0]) == 0:  # nothing to explain, and an error of 0 would promise certainty
        raise refuse(
            "survey.outcome-constant",
            "因变量没有变化",
            "the outcome does not vary",
            column=outcome,
            remedy_zh="只报告其均值",
            remedy_en="report its mean alone",
        )
    if family != "gaussian":
        mean = float((w @ y) / w.sum())
        beta[0] = np.log(mean / (1 - mean)) if family == "binomial" else np.log(max(mean, 1e-8))
    _independent(x, w, outcome)
    moved = np.inf
    for _ in range(100):
        eta = x @ beta
        if family == "binomial":
            mu = 1 / (1 + np.exp(-np.clip(eta, -700, 700)))
            slope = mu * (1 - mu)
        elif family == "poisson":
            mu = np.exp(np.clip(eta, -700, 700))
            slope = mu
        else:
            mu, slope = eta, np.ones_like(eta)
        information = x.T @ (x * (w * slope)[:, None])
        try:
            step = np.linalg.solve(information, x.T @ (w * (y - mu)))
        except np.linalg.LinAlgError as error:
            raise _separated(outcome) from error
        beta = beta + step
        moved = float(np.abs(step).max() / (1 + np.abs(beta).max()))
        if moved <= 1e-13:
            break
    if not moved <= 1e-6:  # a category that decides the outcome: coefficients without end
        raise _separated(outcome)
    eta = x @ beta
    if family == "binomial":
        mu = 1 / (1 + np.exp(-eta))
    else:
        mu = np.exp(eta) if family == "poisson" else eta
    return beta, mu, information


def _independent(x: Floats, w: Floats, outcome: str) -> None:
    """Refuse predictors that are linear combinations of each other."""
    scaled = x * np.sqrt(w)[:, None]
    size = np.maximum(np.sqrt((scaled**2).sum(axis=0)), 1e-300)
    if np.linalg.matrix_rank(scaled / size, tol=1e-9 * np.sqrt(x.shape[0])) < x.shape[1]:
        raise refuse(
            "survey.collinear",
            "自变量共线，或有一个类别没有人",
            "the predictors are collinear, or a category has nobody",
            column=outcome,
            remedy_zh="去掉多余变量或合并类别",
            remedy_en="drop a variable or merge categories",
        )


def _separated(outcome: str) -> Exception:
    return refuse(
        "survey.separation",
        "模型不收敛：某一类别完全决定结果",
        "the model does not converge: a category decides the outcome",
        column=outcome,
        remedy_zh="合并类别",
        remedy_en="merge categories",
    )


def glm(
    design: Design,
    outcome: str,
    predictors: Sequence[str],
    *,
    family: Family = "gaussian",
    level: float = 0.95,
) -> Model:
    """Fit a linear, logistic or Poisson regression by weighted pseudo-likelihood.

    Parameters
    ----------
    design : the sample; rows with a missing value are a domain.
    outcome : numeric column (0/1 for ``binomial``, counts for ``poisson``).
    predictors : columns; numbers enter as they are, text as dummies against the first category.
    family : with its canonical link. level : confidence level.

    Returns
    -------
    Model; ``table`` has ``item`` (outcome), ``term``, ``statistic`` (``coefficient``), ``value``,
    ``std_error``, ``ci_low``, ``ci_high``, ``n``, ``df``, ``t``, ``p_value``, ``method``,
    ``status``.

    Raises
    ------
    InputError
        Columns missing, collinear predictors, an outcome that a category decides entirely.

    Notes
    -----
    Sandwich ``A⁻¹ V(Σ w x (y - μ)) A⁻¹``; ``df = PSUs - strata + 1 - p``.

    References
    ----------
    Binder (1983), International Statistical Review 51, 279-292. Korn & Graubard (1999), 3.3-3.5.
    """
    check_level(level)
    check_choice(family, ("gaussian", "binomial", "poisson"), "family")
    check_columns(design.data, [outcome, *predictors], "glm")
    y = numbers(design.data, outcome)
    inside = design.inside & ~np.isnan(y)
    x, terms, complete = model_matrix(design.data, predictors, levels_from=inside)
    use = inside & complete
    if use.sum() <= x.shape[1]:
        raise refuse(
            "survey.too-few-rows",
            "完整的行少于参数个数",
            "fewer complete rows than parameters",
            expected=f"> {x.shape[1]}",
            found=str(int(use.sum())),
        )
    if family == "binomial" and not np.isin(y[use], (0.0, 1.0)).all():
        raise refuse(
            "survey.not-binary",
            "logistic 回归的因变量须为 0/1",
            "a logistic model needs a 0/1 outcome",
            column=outcome,
        )
    w = design.weights[use]
    beta, mu, information = fit_glm(x[use], y[use], w, family, outcome)
    influence = np.zeros(x.shape)
    influence[use] = (x[use] * (w * (y[use] - mu))[:, None]) @ np.linalg.inv(information)
    return _model(
        design, outcome, predictors, beta, influence, terms, family, int(use.sum()), level
    )


def _model(
    design: Design,
    outcome: str,
    predictors: Sequence[str],
    beta: Floats,
    influence: Floats,
    terms: dict[str, list[str]],
    family: str,
    n: int,
    level: float,
    df: float | None = None,
) -> Model:
    covariance = design.covariances(influence)
    names = [c for columns in terms.values() for c in columns]
    degrees = design.df + 1 - beta.size if df is None else df
    se = np.sqrt(np.maximum(np.diag(covariance), 0))
    dfs = np.full(beta.size, float(degrees))
    low, high = intervals.wald(beta, se, dfs, level)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = beta / se
        p = 2 * stats.t.sf(np.abs(t), np.where(dfs > 0, dfs, np.nan))
    few = degrees < 1
    table = pd.DataFrame(
        {
            "item": outcome,
            "term": names,
            "statistic": "coefficient",
            "value": beta,
            "unit": {"gaussian": "score", "binomial": "log_odds", "ordinal": "log_odds"}.get(
                family, "log_rate"
            ),
            "std_error": se,
            "ci_low": low,
            "ci_high": high,
            "level": level,
            "n": n,
            "df": dfs,
            "t": t,
            "p_value": p,
            "method": f"survey.glm.{family}",
            "status": "low_precision" if few else "ok",
            "flags": "no_interval" if few else "",
            "reason_zh": "初级单元太少，无法给出区间" if few else "",
            "reason_en": "too few primary units for an interval" if few else "",
        }
    )
    place: dict[str, list[int]] = {}
    at = 0
    for term, columns in terms.items():
        place[term] = list(range(at, at + len(columns)))
        at += len(columns)
    return Model(
        table,
        beta,
        covariance,
        names,
        place,
        int(degrees),
        family,
        outcome,
        tuple(predictors),
        influence,
    )


def term_test(model: Model, term: str) -> pd.DataFrame:
    """Test all coefficients of one term together (Wald F).

    Parameters
    ----------
    model : from :func:`glm`. term : name of a predictor.

    Returns
    -------
    DataFrame, one row: ``item``, ``term``, ``statistic`` (``F``), ``value``, ``df`` (numerator),
    ``df2``, ``p_value``, ``method``, ``status``.

    References
    ----------
    Korn & Graubard (1999), 3.5.
    """
    if term not in model.terms:
        raise refuse(
            "survey.no-such-term",
            "模型中没有这一项",
            "the model has no such term",
            found=term,
            expected=", ".join(model.predictors),
        )
    at = model.terms[term]
    b, v = model.coefficients[at], model.covariance[np.ix_(at, at)]
    f = float(b @ np.linalg.solve(v, b)) / len(at)
    return pd.DataFrame(
        {
            "item": [model.outcome],
            "term": [term],
            "statistic": ["F"],
            "value": [f],
            "df": [float(len(at))],
            "df2": [float(model.df)],
            "p_value": [float(stats.f.sf(f, len(at), model.df)) if model.df > 0 else np.nan],
            "method": ["survey.term_test.wald"],
            "status": ["ok" if model.df > 0 else "not_computed"],
        }
    )


def ordinal(
    design: Design, outcome: str, predictors: Sequence[str], *, level: float = 0.95
) -> Model:
    """Fit a proportional-odds model of an ordered answer.

    Parameters
    ----------
    design, predictors, level : as in :func:`glm`.
    outcome : numeric or ordered categorical column with at least three categories.

    Returns
    -------
    Model; predictors first (positive: towards higher categories), then thresholds ``1|2``, ...

    Notes
    -----
    ``logit P(Y <= j) = ζ_j - x' β``, weighted pseudo-likelihood, analytic information.

    References
    ----------
    McCullagh (1980), JRSS B 42, 109-142. Binder (1983).
    """
    check_level(level)
    check_columns(design.data, [outcome, *predictors], "ordinal")
    series = design.data[outcome]
    if isinstance(series.dtype, pd.CategoricalDtype):
        values: Floats = series.cat.codes.to_numpy().astype(np.float64)
        values[values < 0] = np.nan
        names = [str(c) for c in series.cat.categories]
    else:
        values = numbers(design.data, outcome)
        names = []
    inside = design.inside & ~np.isnan(values)
    full, terms, complete = model_matrix(design.data, predictors, levels_from=inside)
    use = inside & complete
    found, code = np.unique(values[use], return_inverse=True)
    if found.size < 3:
        raise refuse(
            "survey.too-few-categories",
            "有序模型至少需要三个取值",
            "an ordinal model needs at least three categories",
            column=outcome,
            found=str(found.size),
        )
    shown = [names[int(v)] for v in found] if names else [f"{v:g}" for v in found]
    x = full[use][:, 1:]
    w = design.weights[use]
    theta, score, information = _fit_ordinal(x, code.astype(np.int64), w, found.size)
    influence = np.zeros((len(design.data), theta.size))
    influence[use] = (score * w[:, None]) @ np.linalg.inv(information)
    cuts = [f"{a}|{b}" for a, b in pairwise(shown)]
    slopes = {t: c for t, c in terms.items() if t != "(Intercept)"}
    slopes["(thresholds)"] = cuts
    return _model(
        design, outcome, predictors, theta, influence, slopes, "ordinal", int(use.sum()), level
    )


def _fit_ordinal(x: Floats, y: Any, w: Floats, k: int) -> tuple[Floats, Floats, Floats]:
    """Newton's method; returns parameters (slopes, thresholds), row scores and information."""
    n, p = x.shape
    scale = w / w.mean()
    share = np.cumsum(np.bincount(y, w, minlength=k))[:-1] / w.sum()
    theta = np.concatenate([np.zeros(p), np.log(share / (1 - share))])

    def pieces(t: Floats) -> tuple[float, Floats, Floats]:
        cuts = np.concatenate([[-np.inf], t[p:], [np.inf]])
        eta = x @ t[:p]
        up, low = cuts[y + 1] - eta, cuts[y] - eta
        fu, fl = _logistic(up), _logistic(low)
        pr = np.maximum(fu - fl, 1e-300)
        du, dl = fu * (1 - fu), fl * (1 - fl)
        su, sl = du * (1 - 2 * fu), dl * (1 - 2 * fl)
        # derivatives of log pr with respect to the upper and lower cut
        a, b = du / pr, -dl / pr
        haa, hbb, hab = su / pr - a * a, -sl / pr - b * b, -a * b
        upper = np.zeros((n, k - 1))
        lower = np.zeros((n, k - 1))
        i = np.arange(n)
        has_u, has_l = y < k - 1, y > 0
        upper[i[has_u], y[has_u]] = 1
        lower[i[has_l], y[has_l] - 1] = 1
        ju = np.hstack([-x, upper])
        jl = np.hstack([-x, lower])
        score = ju * a[:, None] + jl * b[:, None]
        hessian = (
            ju.T @ (ju * (scale * haa)[:, None])
            + jl.T @ (jl * (scale * hbb)[:, None])
            + ju.T @ (jl * (scale * hab)[:, None])
            + jl.T @ (ju * (scale * hab)[:, None])
        )
        return float(scale @ np.log(pr)), score, -hessian

    value, score, information = pieces(theta)
    for _ in range(200):
        step = np.linalg.solve(information, score.T @ scale)
        for halving in range(30):
            trial = theta + step * 0.5**halving
            if (np.diff(trial[p:]) > 0).all():
                new = pieces(trial)
                if new[0] >= value - 1e-12 * abs(value):
                    break
        else:
            break
        theta, (value, score, information) = trial, new
        if np.abs(step).max() <= 1e-11 * (1 + np.abs(theta).max()):
            break
    return theta, score, information * w.mean()


def _logistic(u: Floats) -> Floats:
    return 1 / (1 + np.exp(-np.clip(u, -700, 700)))


def predictive_margins(
    design: Design,
    outcome: str,
    over: str,
    predictors: Sequence[str],
    *,
    family: Family = "gaussian",
    variance: Literal["joint", "separate"] = "joint",
    level: float = 0.95,
) -> pd.DataFrame:
    """Mean outcome of each group if all groups had the whole population's predictors.

    Parameters
    ----------
    design, outcome, predictors, family, level : as in :func:`glm`.
    over : categorical column whose groups are compared.
    variance : ``joint`` linearises coefficients and predictors together; ``separate`` adds their
        two variances and leaves out their covariance (as R's ``svypredmeans``).

    Returns
    -------
    DataFrame as of the estimators: one row per group; the error includes the sampling of both the
    coefficients and the predictors.

    References
    ----------
    Graubard & Korn (1999), Biometrics 55, 652-659.
    """
    check_columns(design.data, [over, *predictors], "predictive_margins")
    check_choice(variance, ("joint", "separate"), "variance")
    data = design.data.assign(**{over: labels(design.data[over])})
    other = design.changed(data=data)
    model = glm(other, outcome, [*predictors, over], family=family, level=level)
    y = numbers(data, outcome)
    inside = design.inside & ~np.isnan(y)
    x, _, complete = model_matrix(data, [*predictors, over], levels_from=inside)
    use = inside & complete
    levels = sorted(data.loc[inside, over].dropna().unique())
    at = model.terms[over]
    w = np.where(use, design.weights, 0.0)
    total = w.sum()
    values = np.zeros(len(levels))
    mixing = np.zeros((len(data), len(levels)))
    fitting = np.zeros((len(data), len(levels)))
    for j in range(len(levels)):
        moved = x.copy()
        moved[:, at] = 0.0
        if j:
            moved[:, at[j - 1]] = 1.0
        eta = moved @ model.coefficients
        if family == "binomial":
            mu = _logistic(eta)
            slope = mu * (1 - mu)
        elif family == "poisson":
            mu = np.exp(np.clip(eta, -700, 700))
            slope = mu
        else:
            mu, slope = eta, np.ones_like(eta)
        values[j] = (w @ mu) / total
        gradient = (w * slope) @ moved / total
        mixing[:, j] = w * (mu - values[j]) / total
        fitting[:, j] = model.influence @ gradient
    if variance == "joint":
        var = design.variances(mixing + fitting)
    else:
        var = design.variances(mixing) + design.variances(fitting)
    se = np.sqrt(np.maximum(var, 0))
    dfs = np.full(len(levels), float(design.df))
    low, high = intervals.wald(values, se, dfs, level)
    return pd.DataFrame(
        {
            "item": outcome,
            over: levels,
            "statistic": "predictive_margin",
            "value": values,
            "unit": "share" if family == "binomial" else "score",
            "std_error": se,
            "ci_low": low,
            "ci_high": high,
            "level": level,
            "n": int(use.sum()),
            "df": dfs,
            "method": "survey.predictive_margin",
            "status": "ok",
            "flags": "adjusted_difference_not_effect",
            "reason_zh": "",
            "reason_en": "",
        }
    )
