"""Coefficients of agreement on a table of units × assessors, missing marks as NaN.

Each function gives a frame with one row per coefficient. ICC and Kendall's W use the units that
every assessor marked; Krippendorff's alpha those with at least two marks; Gwet's family all.
"""

from __future__ import annotations

from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd
from scipy import special

from workbench.scoring._frames import Floats, as_table, check_level, critical, one_of, refuse
from workbench.survey.rows import from_rows

__all__ = [
    "bland_altman",
    "chance_corrected",
    "cohen_kappa",
    "fleiss_kappa",
    "icc",
    "kendall_w",
    "krippendorff_alpha",
    "percent_agreement",
]

Metric = Literal["nominal", "ordinal", "interval", "ratio"]
Weighting = Literal["unweighted", "linear", "quadratic", "ordinal"]


def _complete(table: pd.DataFrame) -> Floats:
    x = as_table(table)
    return np.asarray(x[~np.isnan(x).any(axis=1)])


def _row(statistic: str, value: float, n: int, k: int, **more: float | str) -> dict[str, object]:
    status = "ok" if np.isfinite(value) else "not_computed"
    zh, en = ("", "") if status == "ok" else (
        "评分没有差异或单元太少，系数无定义",
        "undefined: the marks do not vary, or there are too few units",
    )  # fmt: skip
    return {"statistic": statistic, "value": value, "n": n, "assessors": k, "status": status,
            "reason_zh": zh, "reason_en": en, **more}  # fmt: skip


def icc(table: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Intraclass correlations ICC(1,1) to ICC(3,k) with F-based limits.

    Parameters
    ----------
    table : DataFrame
        Units × assessors, marks; units with a gap are left out.
    level : float
        Confidence level of the limits.

    Returns
    -------
    DataFrame
        Rows ``icc_1_1, icc_2_1, icc_3_1, icc_1_k, icc_2_k, icc_3_k``; ``value``, ``ci_low``,
        ``ci_high``, ``n`` (units used), ``assessors``. With fewer than two units or assessors the
        rows are not computed.

    Raises
    ------
    InputError
        An empty table, text for a mark, a level outside 0–1.

    Notes
    -----
    (1,·): each unit has its own assessors; (2,·): assessors drawn from many, their severity counts
    as error; (3,·): these assessors only, severity cancels. Single marks ``·,1``, their mean
    ``·,k``. Limits of (2,k) are those of (2,1) stepped up by Spearman-Brown. Not for units that
    hardly differ: the coefficient is low then although the marks agree; read it beside the
    differences in points.

    References
    ----------
    Shrout & Fleiss (1979), Psychol. Bull. 86, 420-428; McGraw & Wong (1996), Psychol. Methods 1,
    30-46, table 7.

    Examples
    --------
    >>> marks = pd.DataFrame({"a": [9, 6, 8], "b": [8, 6, 7], "c": [9, 5, 8]})
    >>> icc(marks)["statistic"].tolist()[:2]
    ['icc_1_1', 'icc_2_1']
    """
    alpha = 1 - check_level(level)
    x = _complete(table)
    n, k = x.shape
    names = ("icc_1_1", "icc_2_1", "icc_3_1", "icc_1_k", "icc_2_k", "icc_3_k")
    if n < 2 or k < 2 or float(x.max() - x.min()) == 0:
        return pd.DataFrame([_row(s, np.nan, n, k, level=level) for s in names])
    grand = x.mean()
    ss_rows = k * float(((x.mean(axis=1) - grand) ** 2).sum())
    ss_columns = n * float(((x.mean(axis=0) - grand) ** 2).sum())
    ss_total = float(((x - grand) ** 2).sum())
    ss_error = max(ss_total - ss_rows - ss_columns, 0.0)
    msr, msc = ss_rows / (n - 1), ss_columns / (k - 1)
    mse = ss_error / ((n - 1) * (k - 1))
    msw = (ss_columns + ss_error) / (n * (k - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        one = np.float64(msr - msw) / (msr + (k - 1) * msw)
        two = np.float64(msr - mse) / (msr + (k - 1) * mse + k * (msc - mse) / n)
        three = np.float64(msr - mse) / (msr + (k - 1) * mse)
        one_k, three_k = 1 - msw / np.float64(msr), 1 - mse / np.float64(msr)
        two_k = np.float64(msr - mse) / (msr + (msc - mse) / n)
        limits = {"icc_1_1": _f_limits(np.float64(msr) / msw, n - 1, n * (k - 1), k, alpha),
                  "icc_3_1": _f_limits(np.float64(msr) / mse, n - 1, (n - 1) * (k - 1), k, alpha),
                  "icc_2_1": _icc2_limits(two, msr, msc, mse, n, k, alpha)}  # fmt: skip
        for name in ("1", "2", "3"):
            limits[f"icc_{name}_k"] = (
                _step_up(limits[f"icc_{name}_1"][0], k),
                _step_up(limits[f"icc_{name}_1"][1], k),
            )
    values = dict(zip(names, (one, two, three, one_k, two_k, three_k), strict=True))
    rows = [
        _row(s, float(v), n, k, ci_low=limits[s][0], ci_high=limits[s][1], level=level)
        for s, v in values.items()
    ]
    return from_rows(rows).assign(method="scoring.icc")


def _f_limits(f: float, df1: int, df2: int, k: int, alpha: float) -> tuple[float, float]:
    low = f / special.fdtri(df1, df2, 1 - alpha / 2)
    high = f * special.fdtri(df2, df1, 1 - alpha / 2)
    return (_from_f(low, k), _from_f(high, k))


def _from_f(f: float, k: int) -> float:
    return 1.0 if np.isinf(f) else float((f - 1) / (f + k - 1))


def _icc2_limits(
    rho: float, msr: float, msc: float, mse: float, n: int, k: int, alpha: float
) -> tuple[float, float]:
    if mse == 0:  # no residual: perfect agreement, or a shift that F cannot weigh
        return (1.0, 1.0) if msc == 0 else (np.nan, np.nan)
    fj = np.float64(msc) / mse
    a = n * (1 + (k - 1) * rho) - k * rho
    v = (k - 1) * (n - 1) * (k * rho * fj + a) ** 2 / ((n - 1) * (k * rho * fj) ** 2 + a**2)
    f_up = special.fdtri(n - 1, v, 1 - alpha / 2)
    f_low = special.fdtri(v, n - 1, 1 - alpha / 2)
    rest = k * msc + (k * n - k - n) * mse
    low = n * (msr - f_up * mse) / (f_up * rest + n * msr)
    high = n * (f_low * msr - mse) / (rest + n * f_low * msr)
    return (float(low), float(high))


def _step_up(rho: float, k: int) -> float:
    return float(k * rho / (1 + (k - 1) * rho))


def kendall_w(table: pd.DataFrame, *, ties: bool = True) -> pd.DataFrame:
    """Kendall's coefficient of concordance over units.

    Parameters
    ----------
    table : DataFrame
        Units × assessors; units with a gap are left out; average ranks inside each assessor.
    ties : bool
        Correct for ties.

    Returns
    -------
    DataFrame
        One row ``kendall_w``: ``value``, ``chi_square``, ``df``, ``p_value``, ``n``, ``assessors``.

    Notes
    -----
    ``W = 12 S / (m²(n³ − n) − m ΣT)``; chi-square ``m(n − 1)W`` with n − 1 df is rough below 7
    units. It looks at order only: assessors 20 points apart can agree perfectly here.

    References
    ----------
    Kendall & Babington Smith (1939), Ann. Math. Stat. 10, 275-287.
    """
    x = _complete(table)
    n, m = x.shape
    if n < 2 or m < 2:
        return pd.DataFrame([_row("kendall_w", np.nan, n, m)])
    ranks = pd.DataFrame(x).rank().to_numpy()
    s = float(((ranks.sum(axis=1) - m * (n + 1) / 2) ** 2).sum())
    tied = 0.0
    if ties:
        for j in range(m):
            counts = np.unique(ranks[:, j], return_counts=True)[1].astype(float)
            tied += float((counts**3 - counts).sum())
    below = m**2 * (n**3 - n) - m * tied
    w = 12 * s / below if below > 0 else np.nan
    chi = m * (n - 1) * w
    p = float(special.chdtrc(n - 1, chi)) if np.isfinite(chi) else np.nan
    row = _row("kendall_w", w, n, m, chi_square=chi, df=float(n - 1), p_value=p)
    return from_rows([row]).assign(method="scoring.kendall_w")


def krippendorff_alpha(table: pd.DataFrame, *, metric: Metric = "interval") -> pd.DataFrame:
    """Krippendorff's alpha: disagreement observed against disagreement expected by chance.

    Parameters
    ----------
    table : DataFrame
        Units × assessors; gaps allowed; units with fewer than two marks do not count.
    metric : {"nominal", "ordinal", "interval", "ratio"}
        How far two marks are apart.

    Returns
    -------
    DataFrame
        One row ``krippendorff_alpha``: ``value``, ``n`` (units used), ``assessors``.

    Notes
    -----
    ``α = 1 − D_o/D_e`` from the coincidence matrix, each pair in a unit of m marks counted
    ``1/(m − 1)``. One when all agree; not computed when no mark differs anywhere.

    References
    ----------
    Krippendorff (2011), Computing Krippendorff's alpha-reliability, §C-D.
    """
    one_of(metric, ("nominal", "ordinal", "interval", "ratio"), of="metric")
    x = as_table(table)
    x = x[(~np.isnan(x)).sum(axis=1) >= 2]
    k = table.shape[1]
    values = np.unique(x[~np.isnan(x)])
    if len(values) < 2:
        return from_rows([_row("krippendorff_alpha", np.nan, len(x), k)])
    counts = np.stack([(x == v).sum(axis=1) for v in values], axis=1).astype(float)
    per_unit = counts.sum(axis=1)
    pairs = counts.T @ (counts / (per_unit - 1)[:, None])
    pairs -= np.diag((counts / (per_unit - 1)[:, None]).sum(axis=0))
    margin = pairs.sum(axis=0)
    apart = _distance(values, margin, metric)
    observed = float((pairs * apart).sum())
    expected = float((np.outer(margin, margin) * apart).sum()) / (margin.sum() - 1)
    alpha = 1 - observed / expected if expected > 0 else np.nan
    row = _row("krippendorff_alpha", float(alpha), len(x), k, metric=metric)
    return from_rows([row]).assign(method="scoring.krippendorff_alpha")


def _distance(values: Floats, margin: Floats, metric: Metric) -> Floats:
    a, b = values[:, None], values[None, :]
    if metric == "nominal":
        return np.asarray((a != b).astype(float))
    if metric == "ordinal":
        upto = np.cumsum(margin)
        middle = upto - margin / 2
        return np.asarray((middle[:, None] - middle[None, :]) ** 2)
    if metric == "interval":
        return np.asarray((a - b) ** 2)
    total = np.where(a + b == 0, 1.0, a + b)
    return np.asarray(((a - b) / total) ** 2)


def _weights(values: Floats, weighting: Weighting) -> Floats:
    q = len(values)
    a, b = values[:, None], values[None, :]
    if weighting == "unweighted" or q < 2:
        return np.eye(q)
    span = float(values.max() - values.min())
    if weighting == "linear":
        return np.asarray(1 - np.abs(a - b) / span)
    if weighting == "quadratic":
        return np.asarray(1 - (a - b) ** 2 / span**2)
    one_of(weighting, ("unweighted", "linear", "quadratic", "ordinal"), of="weighting")
    place = np.arange(q)
    steps = np.abs(place[:, None] - place[None, :]) + 1.0
    m = steps * (steps - 1) / 2
    return np.asarray(1 - m / m.max())


def _categories(x: Floats, categories: list[float] | None) -> Floats:
    seen = np.unique(x[~np.isnan(x)])
    if categories is None:
        return seen
    out = np.unique(np.asarray(categories, dtype=float))
    if not np.isin(seen, out).all():
        raise refuse(
            "category",
            "评分中有未列出的类别",
            "the marks hold a category that is not listed",
            expected=", ".join(f"{v:g}" for v in out),
            found=", ".join(f"{v:g}" for v in seen[~np.isin(seen, out)]),
        )
    return out


def chance_corrected(
    table: pd.DataFrame,
    *,
    weighting: Weighting = "unweighted",
    categories: list[float] | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Gwet's AC1 (AC2 with weights), Brennan-Prediger and Fleiss' kappa with standard errors.

    Parameters
    ----------
    table : DataFrame
        Units × assessors; gaps allowed, all marks are used.
    weighting : {"unweighted", "linear", "quadratic", "ordinal"}
        Partial credit for near agreement.
    categories : list of float, optional
        All categories of the scale; by default those that occur.
    level : float
        Confidence level; limits by t over units, cut at 1.

    Returns
    -------
    DataFrame
        Rows ``percent_agreement`` (weighted, mean over pairs), ``gwet_ac``, ``brennan_prediger``,
        ``fleiss_kappa_gwet``.

    Notes
    -----
    ``(p_a − p_e)/(1 − p_e)`` with three ideas of chance agreement. AC1 keeps its head where one
    category rules and kappa collapses. Standard errors are for units drawn from many, the
    assessors fixed.

    References
    ----------
    Gwet (2014), Handbook of Inter-Rater Reliability, 4th ed., ch. 2-4.
    """
    check_level(level)
    x = as_table(table)
    values = _categories(x, categories)
    counts = np.stack([(x == v).sum(axis=1) for v in values], axis=1).astype(float)
    counts = counts[counts.sum(axis=1) > 0]
    n, k, q = len(counts), x.shape[1], len(values)
    r = counts.sum(axis=1)
    pairs = r >= 2
    names = ("percent_agreement", "gwet_ac", "brennan_prediger", "fleiss_kappa_gwet")
    if pairs.sum() < 1 or q < 2:
        return from_rows([_row(s, np.nan, n, k, level=level) for s in names])
    w = _weights(values, weighting)
    agree = np.where(pairs, (counts * (counts @ w - 1)).sum(axis=1), 0.0)
    agree = agree / np.where(pairs, r * (r - 1), 1.0)
    pa = float(agree[pairs].mean())
    pi = (counts / r[:, None]).mean(axis=0)
    scale = n / pairs.sum()
    t_w = float(w.sum())
    pe_ac = t_w / (q * (q - 1)) * float((pi * (1 - pi)).sum())
    pe_bp = t_w / q**2
    pe_fk = float(pi @ w @ pi)
    rows = [_row("percent_agreement", pa, n, k, std_error=_mean_se(agree * scale, pa, n))]
    chance = {
        "gwet_ac": (pe_ac, t_w / (q * (q - 1)) * (counts @ (1 - pi)) / r),
        "brennan_prediger": (pe_bp, np.full(n, pe_bp)),
        "fleiss_kappa_gwet": (pe_fk, (counts @ ((w + w.T) @ pi / 2)) / r),
    }
    for name, (pe, pe_unit) in chance.items():
        value = (pa - pe) / (1 - pe)
        each = scale * (agree - pe * pairs) / (1 - pe)
        each = each - 2 * (1 - value) * (pe_unit - pe) / (1 - pe)
        rows.append(_row(name, value, n, k, std_error=_mean_se(each, value, n)))
    out = from_rows(rows).assign(weighting=weighting, level=level)
    half = critical(level, float(n - 1)) * out["std_error"]
    return out.assign(
        ci_low=out["value"] - half,
        ci_high=np.minimum(out["value"] + half, 1.0),
        method="scoring.gwet",
    )


def _mean_se(each: Floats, value: float, n: int) -> float:
    return float(np.sqrt(((each - value) ** 2).sum() / (n * (n - 1)))) if n > 1 else np.nan


def fleiss_kappa(table: pd.DataFrame) -> pd.DataFrame:
    """Fleiss' kappa over the units that every assessor marked, with the z test of kappa = 0.

    References
    ----------
    Fleiss (1971), Psychol. Bull. 76, 378-382; Fleiss, Nee & Landis (1979), Psychol. Bull. 86, 974.
    """
    x = _complete(table)
    n, m = x.shape
    values = np.unique(x)
    if n < 1 or m < 2 or len(values) < 2:
        return from_rows([_row("fleiss_kappa", np.nan, n, m)])
    counts = np.stack([(x == v).sum(axis=1) for v in values], axis=1).astype(float)
    p = counts.sum(axis=0) / (n * m)
    agreed = float(((counts**2).sum(axis=1) - m).sum()) / (n * m * (m - 1))
    chance = float((p**2).sum())
    kappa = (agreed - chance) / (1 - chance)
    pq = p * (1 - p)
    var = 2 / (n * m * (m - 1)) * (pq.sum() ** 2 - (pq * (1 - 2 * p)).sum()) / pq.sum() ** 2
    z = kappa / np.sqrt(var)
    p_value = float(2 * special.ndtr(-abs(z)))
    row = _row("fleiss_kappa", kappa, n, m, z=float(z), p_value=p_value)
    return from_rows([row]).assign(method="scoring.fleiss_kappa")


def cohen_kappa(
    table: pd.DataFrame, *, weighting: Literal["unweighted", "linear", "quadratic"] = "unweighted"
) -> pd.DataFrame:
    """Cohen's kappa for every pair of assessors.

    Parameters
    ----------
    table : DataFrame
        Units × assessors; for each pair the units both marked.
    weighting : {"unweighted", "linear", "quadratic"}
        Credit by the places of the categories that occur, as in Cohen (1968).

    Returns
    -------
    DataFrame
        One row per pair: ``assessor_a``, ``assessor_b``, ``value``, ``n``.

    References
    ----------
    Cohen (1960), Educ. Psychol. Meas. 20, 37-46; Cohen (1968), Psychol. Bull. 70, 213-220.
    """
    one_of(weighting, ("unweighted", "linear", "quadratic"), of="weighting")
    x = as_table(table)
    rows = []
    for i, j in combinations(range(x.shape[1]), 2):
        both = x[~np.isnan(x[:, [i, j]]).any(axis=1)][:, [i, j]]
        values = np.unique(both)
        value = np.nan
        if len(values) >= 2:
            w = _weights(np.arange(len(values), dtype=float), weighting)
            a = np.searchsorted(values, both)
            joint = np.zeros((len(values), len(values)))
            np.add.at(joint, (a[:, 0], a[:, 1]), 1 / len(both))
            observed = float((w * joint).sum())
            chance = float((w * np.outer(joint.sum(axis=1), joint.sum(axis=0))).sum())
            value = (observed - chance) / (1 - chance) if chance < 1 else np.nan
            value = round(value, 12) + 0.0  # what is left of equal sums is no agreement
        pair = {"assessor_a": str(table.columns[i]), "assessor_b": str(table.columns[j])}
        rows.append({**pair, **_row("cohen_kappa", value, len(both), 2, weighting=weighting)})
    return from_rows(rows).assign(method="scoring.cohen_kappa")


def percent_agreement(table: pd.DataFrame, *, tolerance: float = 0.0) -> pd.DataFrame:
    """Share of units on which all assessors agree within a tolerance, and mean over pairs.

    Parameters
    ----------
    table : DataFrame
        Units × assessors; ``all_agree`` over units without a gap, ``pairs_agree`` over all pairs.
    tolerance : float
        Largest difference that counts as agreement, in the unit of the marks.

    Returns
    -------
    DataFrame
        Rows ``all_agree`` and ``pairs_agree`` with ``value`` (share 0–1) and ``n``.
    """
    if tolerance < 0:
        raise refuse("tolerance", "容差不能为负", "the tolerance must not be negative")
    slack = tolerance + 1e-12
    x, whole = as_table(table), _complete(table)
    n, k = whole.shape
    every = (
        float((whole.max(axis=1) - whole.min(axis=1) <= slack).mean()) if n and k > 1 else np.nan
    )
    shares = []
    for row in x:
        marks = row[~np.isnan(row)]
        if len(marks) >= 2:
            shares.append(np.mean([abs(a - b) <= slack for a, b in combinations(marks, 2)]))
    rows = [
        _row("all_agree", every, n, k, tolerance=tolerance),
        _row("pairs_agree", float(np.mean(shares)) if shares else np.nan, len(shares), k,
             tolerance=tolerance),
    ]  # fmt: skip
    return from_rows(rows).assign(unit="share", method="scoring.percent_agreement")


def bland_altman(table: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Bias and limits of agreement for every pair of assessors.

    Parameters
    ----------
    table : DataFrame
        Units × assessors, in points.
    level : float
        Confidence level of the bias; the limits of agreement are bias ± 1.96 standard deviations.

    Returns
    -------
    DataFrame
        One row per pair: ``assessor_a``, ``assessor_b``, ``value`` (mean of a − b), ``std_error``,
        ``ci_low``, ``ci_high``, ``limit_low``, ``limit_high``, ``n``.

    References
    ----------
    Bland & Altman (1986), Lancet 327, 307-310.
    """
    check_level(level)
    x = as_table(table)
    rows = []
    for i, j in combinations(range(x.shape[1]), 2):
        d = x[:, i] - x[:, j]
        d = d[~np.isnan(d)]
        n = len(d)
        mean = float(d.mean()) if n else np.nan
        sd = float(d.std(ddof=1)) if n > 1 else np.nan
        half = float(critical(level, float(n - 1))) * sd / np.sqrt(n) if n > 1 else np.nan
        pair = {"assessor_a": str(table.columns[i]), "assessor_b": str(table.columns[j])}
        rows.append({**pair, **_row("bias", mean, n, 2), "std_error": sd / np.sqrt(max(n, 1)),
                     "ci_low": mean - half, "ci_high": mean + half, "level": level,
                     "limit_low": mean - 1.96 * sd, "limit_high": mean + 1.96 * sd})  # fmt: skip
    return pd.DataFrame(rows).assign(unit="points", method="scoring.bland_altman")
