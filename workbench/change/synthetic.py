"""Synthetic control: a weighted mix of comparison communities, ranked among placebos."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize

from workbench.change._frames import not_computed, refuse, row, table
from workbench.change.staggered import _panel

__all__ = ["synthetic_control", "synthetic_path", "synthetic_weights"]

Array = np.ndarray[Any, Any]


def synthetic_weights(target: Array, donors: Array) -> Array:
    """Give non-negative weights, summing to one, that bring the donors nearest to the target.

    Parameters
    ----------
    target, donors
        Outcomes before the start: (periods,) and (periods, donors).

    Returns
    -------
    numpy.ndarray
        One weight per donor.

    Notes
    -----
    Non-negative least squares with the sum as a heavy extra row, polished on the active set by
    the exact solution with equality constraint.
    """
    scale = float(np.abs(donors).max()) or 1.0
    heavy = 1e4 * scale
    stacked = np.vstack([donors, np.full((1, donors.shape[1]), heavy)])
    w, _ = optimize.nnls(stacked, np.r_[target, heavy])
    active = np.flatnonzero(w > 1e-9)
    if not len(active):
        return np.full(donors.shape[1], 1 / donors.shape[1])
    X = donors[:, active]
    k = len(active)
    system = np.block([[X.T @ X, np.ones((k, 1))], [np.ones((1, k)), np.zeros((1, 1))]])
    exact = np.linalg.lstsq(system, np.r_[X.T @ target, 1.0], rcond=None)[0][:k]
    out = np.zeros(donors.shape[1])
    out[active] = exact if (exact >= -1e-12).all() else w[active] / w[active].sum()
    return np.maximum(out, 0.0)


def _setup(
    data: pd.DataFrame, outcome: str, unit: str, time: str, treated: str
) -> tuple[Array, Array, Array, int, int]:
    if treated not in data.columns or unit not in data.columns or time not in data.columns:
        refuse(
            "column", "缺少所需的列", "a column is missing", "补上该列", "add it", column=treated
        )
    on = data[data[treated] == 1]
    start = on.groupby(unit)[time].min()
    if len(start) != 1:
        refuse(
            "arm",
            "合成对照须恰有一个干预单元",
            "a synthetic control needs exactly one treated unit",
            "逐个单元计算，或用 callaway_santanna",
            "one unit at a time, or callaway_santanna",
            column=treated,
            expected="1",
            found=str(len(start)),
        )
    first = data[unit].map(start).fillna(0)
    Y, g, periods = _panel(data.assign(_first=first), outcome, unit, time, "_first")
    at = int(np.flatnonzero(g > 0)[0])
    cut = int(np.searchsorted(periods, g[at]))
    if cut < 2 or len(Y) < 3:
        refuse(
            "period",
            "干预前至少要两期，对照至少两个",
            "at least two periods before and two donors are needed",
            "延长序列或增加对照",
            "lengthen the series or add donors",
            column=time,
            found=f"{cut} periods, {len(Y) - 1} donors",
        )
    names = np.array(sorted(data[unit].unique()))
    return Y, names, periods, at, cut


def synthetic_path(
    data: pd.DataFrame, *, outcome: str, unit: str, time: str, treated: str
) -> pd.DataFrame:
    """Give the treated unit, its synthetic control and their gap per period, for a chart.

    Parameters
    ----------
    data, outcome, unit, time, treated
        As for :func:`synthetic_control`.
    """
    Y, _, periods, at, cut = _setup(data, outcome, unit, time, treated)
    w = synthetic_weights(Y[at, :cut], np.delete(Y, at, axis=0)[:, :cut].T)
    made = w @ np.delete(Y, at, axis=0)
    return pd.DataFrame(
        {
            "time": periods,
            "treated": Y[at],
            "synthetic": made,
            "gap": Y[at] - made,
            "post": np.arange(len(periods)) >= cut,
        }
    )


def synthetic_control(
    data: pd.DataFrame,
    *,
    outcome: str,
    unit: str,
    time: str,
    treated: str,
    value_unit: str = "score",
) -> pd.DataFrame:
    """Compare one treated community with a weighted mix of others, and rank it among placebos.

    Parameters
    ----------
    data
        Balanced panel, one row per unit and period.
    outcome, unit, time, treated
        Columns; ``treated`` is 1 in the treated unit from its start on, else 0.
    value_unit
        Unit of the outcome.

    Returns
    -------
    pandas.DataFrame
        ``gap_mean`` (mean gap after the start; p = rank/units from the placebos), ``gap`` per
        ``time``, ``pre_rmspe``, ``rmspe_ratio`` with ``rank``, ``weight`` per donor ``unit``. With
        fewer than 20 units p cannot fall under 5 %: flagged ``few_units``.

    Raises
    ------
    InputError
        More or less than one treated unit, gaps, too few periods or donors.

    References
    ----------
    Abadie, Diamond and Hainmueller (2010), JASA 105, 493-505; weights on all outcomes before.
    """
    Y, names, periods, at, cut = _setup(data, outcome, unit, time, treated)
    ratios = []
    for i in range(len(Y)):
        rest = np.delete(Y, i, axis=0)
        w = synthetic_weights(Y[i, :cut], rest[:, :cut].T)
        gap = Y[i] - w @ rest
        pre, post = (math.sqrt(float((g**2).mean())) for g in (gap[:cut], gap[cut:]))
        ratios.append(post / pre if pre > 1e-12 else math.inf)
        if i == at:
            weights, own, fitted = w, gap, pre
    rank = int((np.array(ratios) >= ratios[at]).sum())
    p = rank / len(Y)
    few = "few_units" if len(Y) < 20 else ""
    key = "change.synthetic_control"
    common: dict[str, Any] = {"n": len(Y), "flags": few}
    rows = [
        row(
            "gap_mean",
            float(own[cut:].mean()),
            unit=value_unit,
            method=key,
            p_value=p,
            rank=rank,
            **common,
        ),
        row("pre_rmspe", fitted, unit=value_unit, method=key, **common),
    ]
    if math.isfinite(ratios[at]):
        rows.append(
            row("rmspe_ratio", ratios[at], unit="ratio", method=key, rank=rank, p_value=p, **common)
        )
    else:
        rows.append(
            not_computed(
                "rmspe_ratio",
                "干预前完全吻合",
                "a perfect fit before the start",
                unit="ratio",
                method=key,
                **common,
            )
        )
    rows += [
        row("gap", float(gap), unit=value_unit, method=key, time=period, n=len(Y))
        for period, gap in zip(periods[cut:], own[cut:], strict=True)
    ]
    donors = np.delete(names, at)
    rows += [
        row("weight", float(w), unit="share", method=key, donor=str(name), n=len(Y))
        for name, w in zip(donors, weights, strict=True)
    ]
    return table(rows)
