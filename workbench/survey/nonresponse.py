"""Weights that make up for sampled people who did not answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import sparse

from workbench.errors import InputError, Problem
from workbench.survey._input import (
    Bools,
    Floats,
    check_columns,
    crossed,
    labels,
    names,
    numbers,
    refuse,
)
from workbench.survey._variance import Adjustment
from workbench.survey.design import Design, indicator
from workbench.survey.regression import fit_glm, model_matrix
from workbench.survey.response import disposition_kind
from workbench.survey.weighting import adjusted, diagnostics, regression_step, whole


def nonresponse_adjust(
    design: Design,
    responded: str,
    *,
    cells: str | Sequence[str] | None = None,
    predictors: Sequence[str] | None = None,
) -> Design:
    """Move the weight of those who did not answer to those who did.

    Parameters
    ----------
    design : the sample with respondents **and** non-respondents, whole.
    responded : column of 0/1 (or booleans), not missing.
    cells : weighting classes: column or columns, crossed; not missing.
    predictors : instead of ``cells``: columns of a logistic model of response, on the base weights.

    Returns
    -------
    Design; non-respondents have weight 0 and stay for the variance, respondents
    ``d Σ_cell d / Σ_cell d r`` or ``d / p``.

    Raises
    ------
    InputError
        Neither or both of ``cells`` and ``predictors``; a class without respondents; missing
        values.

    Notes
    -----
    The variance includes that class totals (or the propensities) are estimated: linearised total
    ``d (ȳ_c + r (y - ȳ_c) / φ_c)``, and the score correction for propensities.

    References
    ----------
    Oh & Scheuren (1983), in *Incomplete Data in Sample Surveys* 2. Kim & Kim (2007), Canadian
    Journal of Statistics 35, 501-514.
    """
    whole(design, "nonresponse_adjust")
    if (cells is None) == (predictors is None):
        raise refuse(
            "survey.nonresponse-method",
            "须给出 cells 或 predictors 之一",
            "give either cells or predictors",
        )
    check_columns(design.data, [responded, *names(cells), *(predictors or [])], "nonresponse")
    r = numbers(design.data, responded)
    if not np.isin(r, (0.0, 1.0)).all():
        row = int(np.flatnonzero(~np.isin(r, (0.0, 1.0)))[0])
        raise refuse(
            "survey.responded",
            "应答标志须为 0 或 1",
            "the response flag must be 0 or 1",
            column=responded,
            row=row + 1,
            found=str(r[row]),
        )
    if cells is not None:
        return _by_class(design, r, names(cells))
    return _by_propensity(design, responded, r, list(predictors or []))


def _by_class(design: Design, r: Floats, cells: list[str]) -> Design:
    text = (
        crossed(design.data, ":".join(cells)) if len(cells) > 1 else labels(design.data[cells[0]])
    )
    if text.isna().any():
        raise refuse(
            "survey.cell-missing",
            "加权类别缺失",
            "a weighting class is missing",
            column=", ".join(cells),
            row=int(np.flatnonzero(text.isna().to_numpy())[0]) + 1,
        )
    code, levels = pd.factorize(text, sort=True)
    k = len(levels)
    d = design.weights

    def refit(w: Floats) -> Floats:
        all_ = np.bincount(code, w, minlength=k)
        some = np.bincount(code, w * r, minlength=k)
        return w * r * (all_ / np.where(some > 0, some, 1.0))[code]

    answered = np.bincount(code, d * r, minlength=k)
    empty = np.flatnonzero(answered == 0)
    if empty.size:
        problems = [
            Problem(
                code="survey.class-without-respondents",
                column=", ".join(cells),
                found=str(levels[int(c)]),
                zh="这一加权类别没有应答者",
                en="nobody answered in this weighting class",
                remedy_zh="明确并入相邻类别",
                remedy_en="merge it explicitly with a neighbour",
            )
            for c in empty
        ]
        raise InputError(*problems)
    after = refit(d)
    x = indicator(code.astype(np.int64), k)
    step = regression_step(x, np.arange(k), d * r, after, q=after - d)
    return _done(design, after, step, refit, "nonresponse.class")


def _by_propensity(design: Design, responded: str, r: Floats, predictors: list[str]) -> Design:
    data = design.data
    x, _, complete = model_matrix(data, predictors)
    if not complete.all():
        raise refuse(
            "survey.predictor-missing",
            "应答模型的自变量缺失",
            "a predictor of response is missing",
            row=int(np.flatnonzero(~complete)[0]) + 1,
            remedy_zh="补全，或编码为单独类别",
            remedy_en="fill it in, or code it as a category",
        )

    def fitted(w: Floats) -> Floats:
        return fit_glm(x, r, w, "binomial", responded)[1]

    d = design.weights
    p = fitted(d)
    after = d * r / p
    information = x.T @ (x * (d * p * (1 - p))[:, None])
    step = Adjustment(
        sparse.csr_matrix(x),
        1 - p,
        d * (r - p),
        sparse.csr_matrix(np.linalg.inv(information)),
    )
    return _done(design, after, step, lambda w: w * r / fitted(w), "nonresponse.propensity")


def _done(design: Design, after: Floats, step: Adjustment, refit: object, method: str) -> Design:
    n = after.size
    log = diagnostics(
        design.weights,
        after,
        np.zeros(n, dtype=np.int64),
        pd.DataFrame(index=[0]),
        step=len(design.log) + 1,
        method=method,
        rounds=1,
        worst=np.zeros(1),
        where=[""],
        lost=np.zeros(n, dtype=bool),
    )
    return adjusted(design, after, step, log, refit)


def nonresponse_from_dispositions(
    design: Design,
    dispositions: pd.DataFrame,
    *,
    cells: str | Sequence[str],
    e: float | None = None,
    disposition: str = "disposition",
) -> Design:
    """Adjust respondents by the response rates of classes (PSUs, say) known from case dispositions.

    Parameters
    ----------
    design : respondents only, whole.
    dispositions : AAPOR final codes, one row per case or per ``n`` equal ones, with the ``cells``.
    cells : column or columns present in both tables.
    e : eligible share of cases of unknown eligibility; ``None``: proportional allocation over all.

    Returns
    -------
    Design with ``w = d (eligible cases) / (interviews)`` of its class, interviews complete or
    partial. The factors count as fixed: with classes that are PSUs the between-PSU variance
    holds it.

    Raises
    ------
    InputError
        Respondents in a class that has no interview in ``dispositions``.
    """
    whole(design, "nonresponse_from_dispositions")
    keys = names(cells)
    check_columns(dispositions, [disposition, *keys], "dispositions")
    kind = disposition_kind(dispositions[disposition])
    size = numbers(dispositions, "n") if "n" in dispositions.columns else np.ones(len(dispositions))
    unknown = kind.isin(["UH", "UO"]).to_numpy()
    known = kind.isin(["I", "P", "R", "NC", "O"]).to_numpy()
    out = (kind == "NE").to_numpy()
    if e is None:
        below = float(size[known | out].sum())
        e = float(size[known].sum()) / below if below > 0 else 1.0
    frame = pd.DataFrame({c: labels(dispositions[c]) for c in keys})
    frame["eligible"] = size * (known + e * unknown)
    frame["interviews"] = size * kind.isin(["I", "P"]).to_numpy()
    table = frame.groupby(keys, dropna=False)[["eligible", "interviews"]].sum()
    own = pd.DataFrame({c: labels(design.data[c]) for c in keys})
    found = own.merge(table.reset_index(), on=keys, how="left")
    interviews = found["interviews"].to_numpy(dtype=float)
    bad = np.flatnonzero(~(interviews > 0))
    if bad.size:
        raise refuse(
            "survey.class-without-interviews",
            f"{bad.size} 名受访者所在类别在处置记录中没有访问",
            f"{bad.size} respondents are in a class without interviews in the dispositions",
            row=int(bad[0]) + 1,
            column=", ".join(keys),
            found="/".join(str(v) for v in own.iloc[int(bad[0])]),
            remedy_zh="核对两表的编号",
            remedy_en="check the names in both tables",
        )
    factor = found["eligible"].to_numpy(dtype=float) / interviews
    lost: Bools = np.zeros(factor.size, dtype=bool)
    log = diagnostics(
        design.weights,
        design.weights * factor,
        np.zeros(factor.size, dtype=np.int64),
        pd.DataFrame(index=[0]),
        step=len(design.log) + 1,
        method="nonresponse.dispositions",
        rounds=1,
        worst=np.zeros(1),
        where=[""],
        lost=lost,
    )
    return adjusted(design, design.weights * factor, None, log, lambda w: w * factor)
