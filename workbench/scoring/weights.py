"""Weights: from pairwise judgements, from the data, from a panel's budget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd

from workbench.scoring._frames import Floats, as_table, need, numbers, one_of, refuse

__all__ = [
    "RANDOM_INDEX",
    "ahp",
    "ahp_group",
    "budget_allocation",
    "critic_weights",
    "entropy_weights",
    "pca_weights",
    "shares_of",
    "variation_weights",
]

# Saaty (1980), The Analytic Hierarchy Process, table of random indices
RANDOM_INDEX = {3: 0.58, 4: 0.90, 5: 1.12, 6: 1.24, 7: 1.32, 8: 1.41, 9: 1.45, 10: 1.49}


def _judgements(frame: pd.DataFrame) -> tuple[Floats, list[str]]:
    """Full reciprocal matrix from a frame of ``row``, ``col``, ``judgement`` (1–9 or 1/2 …)."""
    need(frame, ("row", "col", "judgement"), of="judgements")
    names = list(dict.fromkeys([*frame["row"].astype(str), *frame["col"].astype(str)]))
    place = {n: i for i, n in enumerate(names)}
    m = np.full((len(names), len(names)), np.nan)
    np.fill_diagonal(m, 1.0)
    for row, col, raw in frame[["row", "col", "judgement"]].itertuples(index=False, name=None):
        top, _, below = str(raw).partition("/")
        try:
            value = float(top) / float(below or 1)
        except (ValueError, ZeroDivisionError):
            value = np.nan
        if not (np.isfinite(value) and value > 0):
            raise refuse("judgement", f"两两比较值有误：{raw}", f"no proper judgement: {raw}",
                         expected="1 … 9 or 1/2 … 1/9", found=str(raw))  # fmt: skip
        i, j = place[str(row)], place[str(col)]
        if not np.isnan(m[i, j]) and not np.isclose(m[i, j], value):
            raise refuse("judgement", f"{row} 与 {col} 的比较前后矛盾",
                         f"two judgements of {row} and {col} differ")  # fmt: skip
        m[i, j], m[j, i] = value, 1 / value
    if np.isnan(m).any():
        i, j = np.argwhere(np.isnan(m))[0]
        raise refuse("judgement", f"缺少 {names[i]} 与 {names[j]} 的比较",
                     f"no judgement of {names[i]} and {names[j]}")  # fmt: skip
    return m, names


def _eigen(m: Floats) -> tuple[Floats, float]:
    values, vectors = np.linalg.eig(m)
    k = int(np.argmax(values.real))
    w = np.abs(vectors[:, k].real)
    return w / w.sum(), float(values[k].real)


def _consistency(lambda_max: float, n: int) -> float:
    if n < 3:
        return 0.0
    index = (lambda_max - n) / (n - 1)
    return index / RANDOM_INDEX[n] if n in RANDOM_INDEX else np.nan


def ahp(
    judgements: pd.DataFrame, *, method: Literal["eigenvector", "geometric"] = "eigenvector"
) -> pd.DataFrame:
    """Weights from pairwise comparisons, with the consistency ratio.

    Parameters
    ----------
    judgements : DataFrame
        ``row``, ``col``, ``judgement`` (how many times row is more important than col: a number or
        a fraction such as ``1/3``), one row per pair; the reciprocal is filled in.
    method : {"eigenvector", "geometric"}
        Principal eigenvector, or geometric means of the rows.

    Returns
    -------
    DataFrame
        Rows ``weight`` (per ``item``), ``lambda_max`` and ``consistency_ratio`` (with ``verdict``
        failed above 0.10); ``value``.

    Raises
    ------
    InputError
        A pair without a judgement, two that contradict, a judgement that is no positive number.

    Notes
    -----
    ``CR = ((λ_max − n)/(n − 1))/RI(n)``. Above 0.10 the judgements are to be asked again and not
    averaged away. Weights made so are opinions: ``weights_origin`` commissioned or assumption.

    References
    ----------
    Saaty (1977), J. Math. Psychol. 15, 234-281; Crawford & Williams (1985), J. Math. Psychol. 29.
    """
    one_of(method, ("eigenvector", "geometric"), of="method")
    m, names = _judgements(judgements)
    return _ahp_rows(m, names, method)


def _ahp_rows(m: Floats, names: list[str], method: str) -> pd.DataFrame:
    w, lambda_max = _eigen(m)
    ratio = _consistency(lambda_max, len(m))
    if method == "geometric":
        w = np.exp(np.log(m).mean(axis=1))
        w = w / w.sum()
    rows: list[dict[str, object]] = [
        {"item": n, "statistic": "weight", "value": float(v), "verdict": ""}
        for n, v in zip(names, w, strict=True)
    ]
    rows.append({"item": "", "statistic": "lambda_max", "value": lambda_max, "verdict": ""})
    verdict = "cannot_tell" if np.isnan(ratio) else "passed" if ratio <= 0.10 else "failed"
    rows.append({"item": "", "statistic": "consistency_ratio", "value": ratio, "verdict": verdict})
    return pd.DataFrame(rows).assign(method="scoring.ahp")


def ahp_group(
    judgements: pd.DataFrame,
    *,
    expert: str = "expert",
    combine: Literal["judgements", "priorities"] = "judgements",
) -> pd.DataFrame:
    """Weights of several experts: geometric mean of their judgements, or of their weights.

    Parameters
    ----------
    judgements : DataFrame
        As for :func:`ahp`, with a column ``expert``.
    combine : {"judgements", "priorities"}
        AIJ (the group as one mind) or AIP (each keeps an own scale).

    Returns
    -------
    DataFrame
        As :func:`ahp`; the consistency ratio is that of the combined matrix (AIJ only).

    References
    ----------
    Forman & Peniwati (1998), Eur. J. Oper. Res. 108, 165-169.
    """
    one_of(combine, ("judgements", "priorities"), of="combine")
    need(judgements, (expert,), of="judgements")
    tables = []
    for _, own in judgements.groupby(expert, sort=True):
        m, names = _judgements(own)
        tables.append(pd.DataFrame(m, index=names, columns=names))
    first = tables[0].index
    if any(set(t.index) != set(first) for t in tables):
        raise refuse("judgement", "专家比较的对象不同", "the experts compared different things")
    stack = np.stack([t.loc[first, first].to_numpy(dtype=float) for t in tables])
    names = [str(n) for n in first]
    if combine == "judgements":
        return _ahp_rows(np.exp(np.log(stack).mean(axis=0)), names, "eigenvector")
    w = np.exp(np.log(np.stack([_eigen(m)[0] for m in stack])).mean(axis=0))
    return pd.DataFrame(
        {"item": names, "statistic": "weight", "value": w / w.sum(), "verdict": ""}
    ).assign(method="scoring.ahp")


def budget_allocation(points: pd.DataFrame) -> pd.DataFrame:
    """Weights from a panel in which everybody spreads the same number of points.

    Parameters
    ----------
    points : DataFrame
        Experts × items, points ≥ 0; each row is scaled to sum 1.

    Returns
    -------
    DataFrame
        ``item``, ``value`` (mean share), ``std_error`` (over experts), ``ci_low``, ``ci_high``
        (lowest and highest given), ``n``.

    References
    ----------
    OECD/JRC (2008), Handbook on Constructing Composite Indicators, §6.1.
    """
    x = as_table(points)
    if np.isnan(x).any() or (x < 0).any() or (x.sum(axis=1) <= 0).any():
        raise refuse("points", "每位专家的分配应完整且不为负", "each expert must give points ≥ 0")
    share = x / x.sum(axis=1, keepdims=True)
    n = len(share)
    error = share.std(axis=0, ddof=1) / np.sqrt(n) if n > 1 else np.full(share.shape[1], np.nan)
    return pd.DataFrame(
        {"item": [str(c) for c in points.columns], "statistic": "weight",
         "value": share.mean(axis=0), "std_error": error, "ci_low": share.min(axis=0),
         "ci_high": share.max(axis=0), "n": n}
    ).assign(method="scoring.budget_allocation")  # fmt: skip


def _weights_frame(names: pd.Index, w: Floats, method: str, **more: Floats) -> pd.DataFrame:
    return pd.DataFrame(
        {"item": [str(c) for c in names], "statistic": "weight", "value": w, **more}
    ).assign(unit="share", method=method)


def _positive_table(table: pd.DataFrame) -> Floats:
    x = as_table(table)
    if np.isnan(x).any():
        raise refuse("gaps", "赋权方法要求没有缺失", "weights from data need a table without gaps")
    return x


def entropy_weights(table: pd.DataFrame) -> pd.DataFrame:
    """Weights by entropy: what varies much weighs much.

    Parameters
    ----------
    table : DataFrame
        Units × criteria, all values ≥ 0, no gaps, each column with a sum above 0. Bring costs and
        benefits to one direction first (:func:`normalise`); the raw table ignores direction.

    Returns
    -------
    DataFrame
        ``item``, ``value`` (weight), ``entropy``.

    Notes
    -----
    ``p = x/Σx``, ``e = −Σ p ln p / ln n`` (0 ln 0 = 0), ``w ∝ 1 − e``. The weight says how unequal
    the units are on a criterion and nothing about how much it matters; it changes with the units.
    Never for a score that decides about money or titles.

    References
    ----------
    Shannon (1948); Zeleny (1982), Multiple Criteria Decision Making, ch. 7.
    """
    x = _positive_table(table)
    if (x < 0).any() or (x.sum(axis=0) <= 0).any() or len(x) < 2:
        zh = "熵权法要求数值非负且每列之和大于零"
        en = "entropy weights need values ≥ 0 and columns that do not sum to 0"
        raise refuse("not-positive", zh, en)
    p = x / x.sum(axis=0)
    e = -np.where(p > 0, p * np.log(np.where(p > 0, p, 1.0)), 0.0).sum(axis=0) / np.log(len(x))
    spread = 1 - e
    if not spread.sum() > 0:
        raise refuse("no-spread", "各列都没有差异", "no column has any spread")
    return _weights_frame(
        table.columns, spread / spread.sum(), "scoring.entropy_weights", entropy=e
    )


def critic_weights(table: pd.DataFrame) -> pd.DataFrame:
    """Weights by contrast and conflict (CRITIC): spread times lack of correlation.

    Parameters
    ----------
    table : DataFrame
        Units × criteria on one scale and in one direction (min-max), no gaps.

    Returns
    -------
    DataFrame
        ``item``, ``value``.

    Notes
    -----
    ``C_j = s_j Σ_k (1 − r_jk)``, scaled to sum 1; s with n − 1. As for entropy: exploratory.

    References
    ----------
    Diakoulaki, Mavrotas & Papayannakis (1995), Comput. Oper. Res. 22, 763-770.
    """
    x = _positive_table(table)
    sd = x.std(axis=0, ddof=1) if len(x) > 1 else np.zeros(x.shape[1])
    if not (sd > 0).all():
        raise refuse("no-spread", "有的列没有差异", "a column has no spread")
    c = sd * (1 - np.corrcoef(x, rowvar=False)).sum(axis=0)
    return _weights_frame(table.columns, c / c.sum(), "scoring.critic_weights")


def variation_weights(table: pd.DataFrame) -> pd.DataFrame:
    """Weights in proportion to the coefficient of variation.

    Parameters
    ----------
    table : DataFrame
        Units × criteria, means above 0, no gaps.

    Returns
    -------
    DataFrame
        ``item``, ``value``.
    """
    x = _positive_table(table)
    mean = x.mean(axis=0)
    if not (mean > 0).all():
        raise refuse("not-positive", "变异系数法要求均值大于零", "the means must be above 0")
    cv = x.std(axis=0, ddof=1) / mean
    if not cv.sum() > 0:
        raise refuse("no-spread", "各列都没有差异", "no column has any spread")
    return _weights_frame(table.columns, cv / cv.sum(), "scoring.variation_weights")


def pca_weights(table: pd.DataFrame) -> pd.DataFrame:
    """First principal component of the correlation matrix, as loadings and as weights.

    Parameters
    ----------
    table : DataFrame
        Units × parts, no gaps.

    Returns
    -------
    DataFrame
        Rows ``loading`` (absolute) and ``weight`` (loading² , which sum to 1) per ``item``;
        ``explained`` (share of variance of the first component).

    Notes
    -----
    Says which parts go together, not which matter. Where loadings differ in sign the first
    component is a contrast and no index: row ``sign`` is then −1 for the odd ones.

    References
    ----------
    OECD/JRC (2008), Handbook on Constructing Composite Indicators, §6.1.
    """
    x = _positive_table(table)
    if not (x.std(axis=0) > 0).all():
        raise refuse("no-spread", "有的列没有差异", "a column has no spread")
    values, vectors = np.linalg.eigh(np.corrcoef(x, rowvar=False))
    first = vectors[:, -1] * (1 if vectors[:, -1].sum() >= 0 else -1)
    names = [str(c) for c in table.columns]
    rows = [{"item": n, "statistic": "loading", "value": abs(float(v))}
            for n, v in zip(names, first, strict=True)]  # fmt: skip
    rows += [{"item": n, "statistic": "weight", "value": float(v) ** 2}
             for n, v in zip(names, first, strict=True)]  # fmt: skip
    rows += [{"item": n, "statistic": "sign", "value": float(np.sign(v))}
             for n, v in zip(names, first, strict=True)]  # fmt: skip
    rows.append({"item": "", "statistic": "explained", "value": float(values[-1] / values.sum())})
    return pd.DataFrame(rows).assign(method="scoring.pca_weights")


def shares_of(frame: pd.DataFrame) -> Mapping[str, float]:
    """Turn a frame of weights into a mapping that :func:`aggregate` takes."""
    need(frame, ("item", "value"), of="weights")
    own = frame[frame["statistic"] == "weight"] if "statistic" in frame.columns else frame
    return dict(zip(own["item"].astype(str), numbers(own, "value"), strict=True))
