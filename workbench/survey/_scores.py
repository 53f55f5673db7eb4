"""Ratios of weighted totals for many items and domains at once: values, influence, tidy rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from workbench.survey import intervals
from workbench.survey._input import (
    RESERVED,
    Floats,
    Ints,
    check_columns,
    dense_codes,
    names,
    refuse,
)
from workbench.survey.design import Design, replicate_df


@dataclass(frozen=True)
class Groups:
    """Domains: ``code`` of each row (-1 outside all), their labels and degrees of freedom."""

    code: Ints
    labels: pd.DataFrame
    df: Floats
    n: int


def groups(design: Design, by: str | Sequence[str] | None) -> Groups:
    """Domains formed by crossing the ``by`` columns; rows with a missing label lie in none."""
    columns = names(by)
    check_columns(design.data, columns, "by")
    clash = [c for c in columns if c in RESERVED]
    if clash:
        raise refuse(
            "survey.reserved-column",
            "分组列与结果列同名",
            "a grouping column has the name of a result column",
            column=clash[0],
            remedy_zh="改列名",
            remedy_en="rename the column",
        )
    inside = design.inside
    code = np.where(inside, 0, -1).astype(np.int64)
    keys: list[pd.Series[Any]] = []
    n = 1
    for column in columns:
        codes, levels = pd.factorize(design.data[column], sort=True)
        code = np.where((codes < 0) | (code < 0), -1, code * max(1, len(levels)) + codes)
        code, found = dense_codes(code, n * max(1, len(levels)))
        n = found.size
    if columns:
        rows = np.zeros(n, dtype=np.int64)
        backwards = np.flatnonzero(code >= 0)[::-1]
        rows[code[backwards]] = backwards
        keys = [design.data[c].iloc[rows].reset_index(drop=True) for c in columns]
    table = pd.concat(keys, axis=1) if keys else pd.DataFrame(index=range(n))
    return Groups(code, table, domain_df(design, code, n), n)


def domain_df(design: Design, code: Ints, n: int) -> Floats:
    """PSUs minus strata with members of each domain; rank minus 1 for replicate weights."""
    if design.replicates is not None:
        return np.array(
            [replicate_df(design.replicates.weights[code == g]) for g in range(n)], dtype=float
        )
    stage = design.stages[0]
    keep = code >= 0
    unit, g = stage.unit[keep], code[keep]
    pairs = dense_codes(unit * n + g, stage.stratum.size * n)[1]
    psus = np.bincount(pairs % n, minlength=n)
    tops = np.unique(stage.stratum[pairs // n] * n + pairs % n)
    out: Floats = (psus - np.bincount(tops % n, minlength=n)).astype(float)
    return out


@dataclass(frozen=True)
class Scores:
    """Long form of the ratios ``sum w y / sum w d``: one entry per row that bears on an estimate.

    ``d`` is ``None`` for totals. ``k`` estimates; entries of one estimate share ``col``.
    """

    row: Ints
    col: Ints
    y: Floats
    d: Floats | None
    k: int


@dataclass(frozen=True)
class Estimates:
    """Values (k,), weighted influence ``z`` (rows, k), and what intervals need."""

    value: Floats
    z: sparse.csc_matrix
    n: Floats
    positive: Floats
    srs: Floats
    population: Floats
    replicate_values: Floats | None
    members: sparse.csc_matrix | None


def totals(col: Ints, values: Floats, k: int) -> Floats:
    """Sum of ``values`` by ``col``."""
    out: Floats = np.bincount(col, values, minlength=k).astype(float)
    return out


def estimate(design: Design, s: Scores) -> Estimates:
    """Values and influence functions of ratios or totals.

    ``u_i = (y_i - R d_i) / D`` for a ratio (Särndal, Swensson, Wretman 1992, result 5.6.2) and
    ``y_i`` for a total.
    """
    w = design.weights[s.row]
    top = totals(s.col, w * s.y, s.k)
    population = totals(s.col, w, s.k)
    n = totals(s.col, np.ones(s.row.size), s.k)
    with np.errstate(divide="ignore", invalid="ignore"):
        if s.d is None:
            value = np.where(n > 0, top, np.nan)
            mean = top / population
            residual = s.y - mean[s.col]
            z = w * s.y
            unit = population
        else:
            below = totals(s.col, w * s.d, s.k)
            value = np.where(n > 0, top / below, np.nan)
            residual = s.y - value[s.col] * s.d
            z = w * residual / below[s.col]
            unit = population / below
        spread = totals(s.col, w * residual**2, s.k) / population * n / (n - 1)
        srs = spread / n * unit**2
    matrix = sparse.csc_matrix((z, (s.row, s.col)), shape=(design.weights.size, s.k))
    members = None
    if design.lonely_domain:
        members = sparse.csc_matrix(
            (np.ones(s.row.size), (s.row, s.col)), shape=(design.weights.size, s.k)
        )
    return Estimates(
        value,
        matrix,
        n,
        totals(s.col, (s.y > 0).astype(float), s.k),
        srs,
        population,
        _replicates(design, s),
        members,
    )


def _replicates(design: Design, s: Scores) -> Floats | None:
    if design.replicates is None:
        return None
    shape = (s.k, design.weights.size)
    w = design.replicates.weights
    top = sparse.csr_matrix((s.y, (s.col, s.row)), shape=shape) @ w
    if s.d is None:
        return np.asarray(top)
    below = sparse.csr_matrix((s.d, (s.col, s.row)), shape=shape) @ w
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(top / below)


def replicate_variance(design: Design, values: Floats, full: Floats) -> Floats:
    """Variance of estimates from their replicates, ``values`` of shape (k, replicates)."""
    r = design.replicates
    assert r is not None
    use = r.rscales > 0
    values = values[:, use]
    centre = values.mean(axis=1) if r.centre == "mean" else full
    out: Floats = r.scale * (((values - centre[:, None]) ** 2) @ r.rscales[use])
    return out


def variance(design: Design, e: Estimates) -> Floats:
    """Variance of each estimate: linearised, or from the replicates where the design has them."""
    if e.replicate_values is not None:
        return replicate_variance(design, e.replicate_values, e.value)
    return design.variances(e.z, e.members)


def tidy(
    design: Design,
    e: Estimates,
    *,
    labels: pd.DataFrame,
    statistic: str | Sequence[str],
    unit: str,
    df: Floats,
    level: float,
    method: str,
    interval: str = "wald",
    share: bool = False,
    counted: bool = False,
) -> pd.DataFrame:
    """Rows of findings: value, error, interval, n, df, design effects, status and reasons."""
    var = np.maximum(variance(design, e), 0.0)
    se = np.sqrt(var)
    kish_n = _kish_n(design, e)
    with np.errstate(divide="ignore", invalid="ignore"):
        deff = np.where(e.srs > 0, var / e.srs, np.nan)
        left = 1 - e.n / e.population
        wor = np.where((e.srs > 0) & (left > 0), var / (e.srs * left), np.nan)
        n_eff = np.where(deff > 0, e.n / deff, kish_n)
    if share:
        share_n = intervals.effective_n(e.value, se, kish_n)
        low, high = intervals.share(interval, e.value, se, e.n, share_n, df, level)
    else:
        low, high = intervals.wald(e.value, se, df, level)
    k = e.value.size
    figures: dict[str, Any] = {
        "statistic": statistic,
        "value": e.value,
        "unit": unit,
        "std_error": se,
        "ci_low": low,
        "ci_high": high,
        "level": level,
        "n": e.n.astype(np.int64),
        "numerator": e.positive if counted else np.full(k, np.nan),
        "denominator": e.n if counted else np.full(k, np.nan),
        "df": df,
        "n_effective": n_eff,
        "deff": deff,
        "deff_wor": wor,
        "method": method if design.replicates is None else method.replace("taylor", "replicates"),
        "interval": f"survey.ci.{interval}" if share else "survey.ci.t",
        "status": "ok",
        "flags": "",
        "reason_zh": "",
        "reason_en": "",
    }
    frame = pd.DataFrame({**labels, **figures}, index=labels.index)
    return explain(design, frame, share=share)


def _kish_n(design: Design, e: Estimates) -> Floats:
    if np.isnan(e.population).all():
        return np.full(e.n.size, np.nan)
    w2 = np.asarray(e.z.astype(bool).astype(float).T @ (design.weights**2), dtype=float).ravel()
    with np.errstate(divide="ignore", invalid="ignore"):
        out: Floats = np.where(w2 > 0, e.population**2 / w2, e.n)
    return np.minimum(out, e.n)


def explain(design: Design, frame: pd.DataFrame, *, share: bool) -> pd.DataFrame:
    """Give every number that is missing, or rests on assumptions, its status and reason."""
    empty = (frame["n"] == 0).to_numpy()
    lost = ["value", "std_error", "ci_low", "ci_high", "deff", "deff_wor", "n_effective"]
    no_df = (frame["df"] < 1).to_numpy() & ~empty
    one = (frame["n"] == 1).to_numpy() & ~empty
    flat = (frame["std_error"] == 0).to_numpy() & ~empty & ~no_df
    if share:
        flat &= ~frame["value"].isin([0.0, 1.0]).to_numpy()
    error = ["std_error", "ci_low", "ci_high", "deff", "deff_wor", "n_effective"]
    for mask, names_ in ((empty, lost), (no_df, error), (flat, ["ci_low", "ci_high"])):
        if mask.any():
            frame.loc[mask, names_] = np.nan
    marks = [
        (
            empty,
            "not_computed",
            "no_answers",
            "该组没有有效回答",
            "nobody in this group gave a valid answer",
        ),
        (
            no_df,
            "low_precision",
            "no_interval",
            "只有一个初级抽样单元（或每层一个），无法给出区间",
            "a single primary sampling unit (or one per stratum): no interval can be given",
        ),
        (
            one & ~no_df,
            "low_precision",
            "one_answer",
            "只有一份有效回答",
            "a single valid answer",
        ),
        (
            flat & ~one,
            "low_precision",
            "no_variation",
            "估计的标准误为零（回答全部相同，或全数调查），不给区间",
            "the standard error is zero (all answers equal, or everybody was asked): no interval",
        ),
    ]
    for mask, status, flag, zh, en in marks:
        if mask.any():
            frame.loc[mask, "status"] = status
            frame.loc[mask, "flags"] = flag
            frame.loc[mask, "reason_zh"] = zh
            frame.loc[mask, "reason_en"] = en
    if design.kind != "probability":
        kinds(design, frame, ~empty)
    return frame


def kinds(design: Design, frame: pd.DataFrame, rows: Any) -> None:
    """Mark what an opt-in sample or a census cannot claim (changes ``frame`` in place)."""
    if design.kind == "census":
        flag = "census"
        zh = "全数调查：没有抽样误差；未答者造成的偏差不在区间之内"
        en = "everybody was asked: no sampling error; bias from those who did not answer remains"
        frame.loc[rows, ["std_error", "ci_low", "ci_high"]] = np.nan
    elif design.adjustments:
        flag = "model_based"
        zh = "自愿参与样本：区间以校准模型成立为前提，不是抽样区间"
        en = (
            "opt-in sample: the interval rests on the calibration model, it is no sampling interval"
        )
    else:
        flag = "opt_in"
        zh = "自愿参与样本且未校准：不给抽样区间"
        en = "opt-in sample without calibration: no sampling interval"
        frame.loc[rows, ["std_error", "ci_low", "ci_high"]] = np.nan
    old = frame.loc[rows, "flags"]
    frame.loc[rows, "flags"] = np.where(old == "", flag, old + ";" + flag)
    frame.loc[rows, "reason_zh"] = zh
    frame.loc[rows, "reason_en"] = en


def combine(
    design: Design, e: Estimates, coefficients: sparse.csc_matrix, *, smallest: bool = False
) -> Estimates:
    """Linear combinations of estimates, ``coefficients`` of shape (estimates, combinations).

    ``n`` is the sum over the estimates that enter (the smallest with ``smallest=True``), 0 where
    any of them has no answers.
    """
    used = coefficients.tocoo()
    low = np.full(coefficients.shape[1], np.inf)
    np.minimum.at(low, used.col, e.n[used.row])
    low = np.where(np.isfinite(low), low, 0.0)
    n = low if smallest else np.where(low > 0, totals(used.col, e.n[used.row], low.size), 0.0)
    z = e.z.copy()
    z.data = np.nan_to_num(z.data)
    nan = np.full(low.size, np.nan)
    replicate_values = None
    if e.replicate_values is not None:
        replicate_values = coefficients.T @ np.nan_to_num(e.replicate_values)
    return Estimates(
        np.where(n > 0, coefficients.T @ np.nan_to_num(e.value), np.nan),
        (z @ coefficients).tocsc(),
        n,
        nan,
        nan,
        nan,
        replicate_values,
        None,
    )
