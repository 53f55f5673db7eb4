"""Indicators to dimensions to an index: means of several kinds, Copeland, and how robust it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd

from workbench.scoring._frames import Floats, as_table, need, one_of, refuse, weights_of
from workbench.scoring.ranking import rank_of

__all__ = [
    "Mean",
    "aggregate",
    "aggregate_tree",
    "apply_caps",
    "cronbach_alpha",
    "effective_weights",
    "rank_shift",
    "strengths",
]

Mean = Literal["arithmetic", "geometric", "harmonic", "copeland"]


def aggregate(
    table: pd.DataFrame,
    weights: Mapping[str, float] | pd.Series | None = None,
    *,
    mean: Mean = "arithmetic",
) -> pd.Series:
    """Combine columns into one score per unit.

    Parameters
    ----------
    table : DataFrame
        Units × parts, more is better; geometric and harmonic need values above 0.
    weights : mapping, optional
        Part → weight (≥ 0, scaled to sum 1); equal if not given.
    mean : {"arithmetic", "geometric", "harmonic", "copeland"}
        How much a weak part can be made up for by a strong one: fully, partly, hardly; Copeland
        counts outranked less outranking units and knows no distances.

    Returns
    -------
    Series
        A part that is missing leaves, and the weights of the others are rescaled; all missing
        gives NaN. Copeland needs all parts.

    Raises
    ------
    InputError
        A value of zero or below for geometric or harmonic means, weights missing or negative, gaps
        under Copeland.

    Notes
    -----
    Copeland: outranking share of i over j = weight of parts where i is higher plus half the weight
    of ties; +1 if above one half, −1 if below; summed over j.

    References
    ----------
    OECD/JRC (2008), Handbook on Constructing Composite Indicators, §6.
    """
    one_of(mean, ("arithmetic", "geometric", "harmonic", "copeland"), of="mean")
    x = as_table(table)
    w = weights_of(weights, [str(c) for c in table.columns])
    if mean == "copeland":
        return pd.Series(_copeland(x, w), index=table.index)
    if mean != "arithmetic" and bool((x <= 0).any()):
        raise refuse("not-positive", "几何、调和平均要求数值大于零",
                     "geometric and harmonic means need values above 0")  # fmt: skip
    there = ~np.isnan(x)
    each = np.where(there, w, 0.0)
    total = each.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        each = each / total[:, None]
        safe = np.where(there, x, 1.0)
        if mean == "arithmetic":
            out = (each * safe).sum(axis=1)
        elif mean == "geometric":
            out = np.exp((each * np.log(safe)).sum(axis=1))
        else:
            out = 1 / (each / safe).sum(axis=1)
    return pd.Series(np.where(total > 0, out, np.nan), index=table.index)


def _copeland(x: Floats, w: Floats) -> Floats:
    if np.isnan(x).any():
        raise refuse("gaps", "Copeland 法要求没有缺失", "Copeland needs a table without gaps")
    out = np.empty(len(x))
    for i in range(len(x)):
        share = (x[i] > x) @ w + 0.5 * ((x[i] == x) @ w)
        share[i] = 0.5
        out[i] = float(np.sign(np.round(share - 0.5, 12)).sum())
    return out


def aggregate_tree(
    table: pd.DataFrame,
    tree: pd.DataFrame,
    *,
    means: Mapping[str, Mean] | None = None,
) -> pd.DataFrame:
    """Aggregate upwards through a hierarchy of any depth.

    Parameters
    ----------
    table : DataFrame
        Units × indicators (the leaves), on one scale.
    tree : DataFrame
        One row per node but the root: ``node``, ``parent``, ``weight``.
    means : mapping, optional
        Parent → kind of mean; arithmetic where not named.

    Returns
    -------
    DataFrame
        Units × all nodes.

    Raises
    ------
    InputError
        A leaf without a column, a node with two parents, a circle.
    """
    need(tree, ("node", "parent", "weight"), of="tree")
    if bool(tree["node"].duplicated().any()):
        raise refuse("tree", "一个节点有两个上级", "a node has two parents")
    out = {str(c): table[c] for c in table.columns}
    children = {str(p): g for p, g in tree.groupby("parent", sort=False)}
    leaves = [str(n) for n in tree["node"] if str(n) not in children]
    need(table, leaves, of="table")
    waiting = list(children)
    while waiting:
        ready = [p for p in waiting if all(str(n) in out for n in children[p]["node"])]
        if not ready:
            raise refuse("tree", "层级中有循环", "the tree has a circle", found=", ".join(waiting))
        for parent in ready:
            group = children[parent]
            part = pd.DataFrame({str(n): out[str(n)] for n in group["node"]})
            weights = dict(zip(group["node"].astype(str), group["weight"], strict=True))
            out[parent] = aggregate(part, weights, mean=(means or {}).get(parent, "arithmetic"))
            waiting.remove(parent)
    return pd.DataFrame(out)


def effective_weights(tree: pd.DataFrame) -> pd.DataFrame:
    """Give what each node's weight amounts to in the index.

    Parameters
    ----------
    tree : DataFrame
        As for :func:`aggregate_tree`.

    Returns
    -------
    DataFrame
        ``item`` (node), ``value`` (0–1; over the leaves they sum to 1).
    """
    need(tree, ("node", "parent", "weight"), of="tree")
    share = tree["weight"] / tree.groupby("parent")["weight"].transform("sum")
    own = dict(zip(tree["node"].astype(str), share, strict=True))
    parent = dict(zip(tree["node"].astype(str), tree["parent"].astype(str), strict=True))
    rows = []
    for node in own:
        value, at, seen = own[node], parent[node], {node}
        while at in own:
            if at in seen:
                raise refuse("tree", "层级中有循环", "the tree has a circle", found=at)
            seen.add(at)
            value, at = value * own[at], parent[at]
        rows.append({"item": node, "value": float(value)})
    return pd.DataFrame(rows).assign(unit="share", method="scoring.effective_weights")


def rank_shift(one: pd.Series, other: pd.Series) -> pd.DataFrame:
    """Compare two scorings of the same units and say how far ranks move.

    Parameters
    ----------
    one, other : Series
        Scores with the units as index; higher is better.

    Returns
    -------
    DataFrame
        Rows ``mean_shift``, ``largest_shift`` (absolute ranks), ``spearman`` and ``kendall_tau_b``
        of the scores; ``value``, ``n``.
    """
    pair = pd.concat([one, other], axis=1, join="inner").dropna()
    if len(pair) < 2:
        raise refuse("empty", "可比较的单元少于两个", "fewer than two units to compare")
    a, b = (pair.iloc[:, k].to_numpy(dtype=float) for k in (0, 1))
    shift = np.abs(rank_of(a) - rank_of(b))
    spearman = float(np.corrcoef(rank_of(a, ties="average"), rank_of(b, ties="average"))[0, 1])
    up, left = np.sign(a[:, None] - a), np.sign(b[:, None] - b)
    tau = float((up * left).sum() / np.sqrt((up**2).sum() * (left**2).sum()))
    values = {"mean_shift": float(shift.mean()), "largest_shift": float(shift.max()),
              "spearman": spearman, "kendall_tau_b": tau}  # fmt: skip
    return pd.DataFrame(
        [{"statistic": k, "value": v, "n": len(pair)} for k, v in values.items()]
    ).assign(method="scoring.rank_shift")


def cronbach_alpha(table: pd.DataFrame) -> float:
    """Cronbach's alpha from the covariance matrix of the columns, units without gaps.

    References
    ----------
    Cronbach (1951), Psychometrika 16, 297-334.
    """
    x = as_table(table)
    x = x[~np.isnan(x).any(axis=1)]
    k = x.shape[1]
    if k < 2 or len(x) < 2:
        return np.nan
    cov = np.cov(x, rowvar=False)
    total = float(cov.sum())
    return float(k / (k - 1) * (1 - np.trace(cov) / total)) if total > 0 else np.nan


def strengths(table: pd.DataFrame, unit: str) -> pd.DataFrame:
    """Rank every indicator of one unit among all units: its strong and weak sides.

    Parameters
    ----------
    table : DataFrame
        Units × indicators, more is better.
    unit : str
        Index of the unit.

    Returns
    -------
    DataFrame
        One row per indicator, best first: ``item``, ``value``, ``rank`` (1 = best), ``n``.
    """
    if unit not in table.index:
        raise refuse("unit", f"没有单元 {unit}", f"there is no unit {unit}", found=str(unit))
    ranks = pd.DataFrame({c: rank_of(table[c].to_numpy(dtype=float)) for c in table.columns},
                         index=table.index)  # fmt: skip
    own = ranks.loc[unit]
    out = pd.DataFrame({"item": [str(c) for c in table.columns],
                        "value": table.loc[unit].to_numpy(dtype=float),
                        "rank": own.to_numpy(dtype=float),
                        "n": table.notna().sum().to_numpy()})  # fmt: skip
    out = out.sort_values(["rank", "item"], kind="stable").reset_index(drop=True)
    return out.assign(method="scoring.strengths")


def apply_caps(totals: pd.DataFrame, caps: pd.DataFrame) -> pd.DataFrame:
    """Cap totals of units for which a cap or a veto holds; both totals stay visible.

    Parameters
    ----------
    totals : DataFrame
        ``community``, ``value`` (0–100) and ``ci_low``, ``ci_high`` where they exist.
    caps : DataFrame
        ``community``, ``cap`` (0–100; 0 is a veto), ``reason_zh``, ``reason_en``.

    Returns
    -------
    DataFrame
        ``totals`` with ``value_uncapped``, ``value`` and limits cut at the lowest cap, ``flags``
        ``capped`` and the reasons.
    """
    need(totals, ("community", "value"), of="totals")
    need(caps, ("community", "cap", "reason_zh", "reason_en"), of="caps")
    if not caps["cap"].between(0, 100).all():
        raise refuse("cap", "上限应在 0–100", "a cap must lie in 0–100")
    least = caps.sort_values("cap", kind="stable").drop_duplicates("community")
    out = totals.merge(least, on="community", how="left", suffixes=("", "_cap"))
    hit = (out["value"] > out["cap"]).to_numpy(dtype=bool)
    out["value_uncapped"] = totals["value"].to_numpy()
    for column in ("value", "ci_low", "ci_high"):
        if column in out.columns:
            out[column] = np.where(hit, np.minimum(out[column], out["cap"]), out[column])
    out["flags"] = np.where(hit, "capped", "")
    for column in ("reason_zh", "reason_en"):
        out[column] = out[column].where(hit, "")
    return out
