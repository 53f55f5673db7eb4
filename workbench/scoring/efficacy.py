"""The governance efficacy index, by the assessor's formula."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from workbench.scoring._frames import need
from workbench.scoring.schemes import equal_scheme, scheme
from workbench.scoring.scores import composite

__all__ = ["efficacy_index"]


def efficacy_index(
    attained: pd.DataFrame,
    *,
    weights: Mapping[str, float] | None = None,
    target: float | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Give the governance efficacy index: mean of the dimensions' target attainment, times 100.

    Parameters
    ----------
    attained : DataFrame
        One row per indicator: ``indicator``, ``channel``, ``dimension``, ``attainment`` (0–1) with
        ``attainment_se``, ``attainment_low``, ``attainment_high`` (the columns of
        :func:`attainment`); ``max_points`` weighs indicators within a dimension (default: alike);
        ``community`` where there are several.
    weights : mapping of dimension to weight, optional
        By default the dimensions weigh alike: the stated assumption, for the source gives none.
    target : float, optional
        Points the index should reach (80 at mid term, 90 at the end).
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        Rows of :func:`composite` for dimensions and total, with ``target`` and ``verdict`` (met,
        not_met, cannot_tell from the interval) on the total; ``method``.

    Notes
    -----
    The source names the index and prints no formula. This one must be named "computed by the
    assessor's formula" wherever it is printed.

    References
    ----------
    Rule R-15; doc 000 §3.1, §3.4.

    Examples
    --------
    >>> rows = pd.DataFrame({"indicator": ["a", "b", "c"], "channel": "record",
    ...                      "dimension": ["one", "one", "two"], "attainment": [1.0, 0.6, 0.9]})
    >>> index = efficacy_index(rows, target=80).set_index("part").loc["total"]
    >>> round(float(index["value"]), 6), index["verdict"]
    (85.0, 'met')
    """
    need(attained, ("indicator", "channel", "dimension", "attainment"), of="attained")
    points = attained if "max_points" in attained.columns else attained.assign(max_points=1.0)
    plan = (
        equal_scheme(points)
        if weights is None
        else scheme(dict(weights), by="dimension", origin="assumption")
    )
    told = composite(points, scheme=plan, level=level)
    told = told[told["part"].isin(["dimension", "total"])].reset_index(drop=True)
    whole = told["part"].eq("total")
    told["target"] = pd.Series(target, index=told.index, dtype=float).where(whole)
    goal = float("nan") if target is None else float(target)
    verdict = pd.Series("", index=told.index).mask(
        whole & told["target"].notna() & told["value"].notna(), "cannot_tell"
    )
    known = whole & told["ci_low"].notna()
    verdict = verdict.mask(known & told["ci_low"].ge(goal - 1e-9), "met")
    told["verdict"] = verdict.mask(known & told["ci_high"].lt(goal - 1e-9), "not_met")
    return told.assign(method="scoring.efficacy_index")
