"""Two published figures: what they can carry with or without n."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import integrate, stats

from workbench.change._frames import not_computed, refuse, row, table
from workbench.change.proportions import newcombe, two_shares
from workbench.survey.rows import to_rows

__all__ = [
    "claim_unit",
    "e_value",
    "expected_maximum",
    "fits_counts",
    "nonresponse_bounds",
    "possible_n",
    "published",
    "rounding_bounds",
    "selection_gain",
    "weakest_p",
]


def _percent(value: float, name: str) -> float:
    number = float(value)
    if not 0 <= number <= 100:
        refuse(
            "percent",
            "百分比须在 0 与 100 之间",
            "a percentage lies between 0 and 100",
            "核对原文；指数或均值请另列",
            "check the source; an index or a mean is not a percentage",
            column=name,
            expected="0 to 100",
            found=f"{number:g}",
        )
    return number


def rounding_bounds(before: float, after: float, *, decimals: int = 0) -> tuple[float, float]:
    """Give the least and largest change, in points, that the rounded figures allow.

    Examples
    --------
    >>> rounding_bounds(42, 76)
    (33.0, 35.0)
    """
    a, b = _percent(before, "before"), _percent(after, "after")
    step = 10.0**-decimals
    return round(b - a - step, 10), round(b - a + step, 10)


def fits_counts(percent: float, n: int, *, decimals: int = 0) -> list[int]:
    """List the counts x with 100 x / n rounding (half up) to the figure; empty = impossible.

    Examples
    --------
    >>> fits_counts(42, 50), fits_counts(42, 11)
    ([21], [])
    """
    p = _percent(percent, "percent")
    scale = 10**decimals
    target = round(p * scale)
    middle = p / 100 * n
    near = range(max(0, math.floor(middle) - 2), min(n, math.ceil(middle) + 2) + 1)
    # half up in whole numbers: floor(100 x scale / n + 1/2)
    return [x for x in near if (200 * scale * x + n) // (2 * n) == target]


def possible_n(*percents: float, decimals: int = 0, limit: int = 100_000) -> int | None:
    """Give the smallest n at which all figures are possible; ``None`` up to ``limit``.

    Examples
    --------
    >>> possible_n(42, 76), possible_n(42), possible_n(76)
    (33, 12, 17)
    """
    for n in range(1, limit + 1):
        if all(fits_counts(p, n, decimals=decimals) for p in percents):
            return n
    return None


def weakest_p(before: float, after: float, n: int, *, decimals: int = 0) -> float:
    """Give the largest Fisher p over all counts that fit the figures with n per wave."""
    tables = [
        [[x1, n - x1], [x0, n - x0]]
        for x0 in fits_counts(before, n, decimals=decimals)
        for x1 in fits_counts(after, n, decimals=decimals)
    ]
    if not tables:
        return math.nan
    return max(float(stats.fisher_exact(one)[1]) for one in tables)


def e_value(ratio: float) -> float:
    """Give the E-value of a risk ratio: how strong an unmeasured cause would have to be.

    Notes
    -----
    RR + sqrt(RR (RR - 1)), of 1/RR when RR is under 1 (VanderWeele and Ding 2017). An E-value is
    no evidence that the claim holds.

    Examples
    --------
    >>> round(e_value(76 / 42), 4)
    3.0198
    """
    if not ratio > 0:
        refuse("ratio", "风险比须大于 0", "a risk ratio is above 0", "核对", "check it")
    r = ratio if ratio >= 1 else 1 / ratio
    return r + math.sqrt(r * (r - 1))


def nonresponse_bounds(
    before: float, after: float, *, response_before: float, response_after: float
) -> tuple[float, float]:
    """Give the bounds of the change when those who did not answer may all be 0, or all 1.

    Parameters
    ----------
    before, after
        Shares among those who answered, 0-1.
    response_before, response_after
        Response rates, above 0 up to 1.

    Notes
    -----
    p r + {0, 1} (1 - r) in each wave (Manski 1990).

    Examples
    --------
    >>> [round(v, 3) for v in nonresponse_bounds(0.42, 0.76, response_before=0.35,
    ...                                          response_after=0.40)]
    [-0.493, 0.757]
    """
    for value, name in ((response_before, "response_before"), (response_after, "response_after")):
        if not 0 < value <= 1:
            refuse(
                "response",
                "应答率须在 0 与 1 之间",
                "a response rate lies between 0 and 1",
                "写成 0–1 的份额",
                "write a share",
                column=name,
                found=str(value),
            )
    low0, high0 = before * response_before, before * response_before + 1 - response_before
    low1, high1 = after * response_after, after * response_after + 1 - response_after
    return low1 - high0, high1 - low0


def expected_maximum(k: int) -> float:
    """Give the expected largest of k standard normal values.

    Examples
    --------
    >>> round(expected_maximum(10), 4)
    1.5388
    """
    value, _ = integrate.quad(
        lambda z: z * k * math.exp(stats.norm.logpdf(z) + (k - 1) * stats.norm.logcdf(z)),
        -10,
        12,
        epsabs=1e-13,
        epsrel=1e-13,
        limit=200,
    )
    return float(value)


def selection_gain(
    *,
    sd: float,
    reliability: float,
    worst_of: int | None = None,
    fraction: float | None = None,
) -> float:
    """Give the gain expected without any effect when a unit was chosen for its low baseline.

    Parameters
    ----------
    sd
        Standard deviation of the baselines over units or people, above 0.
    reliability
        Correlation between waves, 0-1.
    worst_of
        The worst of so many units was followed up; or
    fraction
        all below this quantile were chosen (0-1).

    Notes
    -----
    (1 - r) sd E[max of k], or (1 - r) sd phi(z)/Phi(z) with z the quantile (Davis 1976).

    Examples
    --------
    >>> round(selection_gain(sd=10, reliability=0.6, worst_of=10), 3)
    6.155
    """
    if not 0 <= reliability <= 1 or not sd >= 0:
        refuse(
            "reliability",
            "信度须在 0 与 1 之间",
            "a reliability lies between 0 and 1",
            "由以往各期算出，或同时列出 0.5、0.7、0.9",
            "from earlier waves, or show 0.5, 0.7, 0.9",
            found=str(reliability),
        )
    if worst_of is not None:
        return (1 - reliability) * sd * expected_maximum(worst_of)
    if fraction is None or not 0 < fraction < 1:
        refuse(
            "argument",
            "须写 worst_of 或 fraction",
            "give worst_of or fraction",
            "写其一",
            "write one of them",
        )
    z = float(stats.norm.ppf(fraction))
    return (1 - reliability) * sd * float(stats.norm.pdf(z)) / fraction


def claim_unit(before: float, after: float, claimed: float, *, tolerance: float = 0.6) -> str:
    """Say whether a claimed change matches points, percent, both or neither.

    Parameters
    ----------
    before, after
        The two figures.
    claimed
        The change as printed.
    tolerance
        How far apart they may be, for rounding.

    Examples
    --------
    >>> claim_unit(42, 76, 34), claim_unit(42, 76, 81), claim_unit(42, 76, 50)
    ('points', 'percent', 'neither')
    """
    points = abs(claimed - (after - before)) <= tolerance
    percent = before != 0 and abs(claimed - 100 * (after / before - 1)) <= tolerance
    return {(True, True): "both", (True, False): "points", (False, True): "percent"}.get(
        (points, percent), "neither"
    )


def published(
    before: float,
    after: float,
    *,
    n_before: int | None = None,
    n_after: int | None = None,
    decimals: int = 0,
    deff: float = 1.0,
    response_before: float | None = None,
    response_after: float | None = None,
    claimed: float | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Say what two published percentages can carry.

    Parameters
    ----------
    before, after
        Percentages, 0-100, as printed.
    n_before, n_after
        Numbers asked; ``None`` = not published.
    decimals
        Decimals printed.
    deff
        Design effect assumed; with one above 1 the effective numbers are used.
    response_before, response_after
        Response rates (0-1) where published.
    claimed
        Change as printed, to see whether points or percent were meant.
    level
        Confidence level.

    Returns
    -------
    pandas.DataFrame
        ``points`` (unit pp), ``relative_change``, ``odds_ratio``, ``cohen_h``, ``change_low`` and
        ``change_high`` from rounding, ``n_possible``, ``n_possible_before``,
        ``n_possible_after``, ``weakest_p`` at the smallest possible n, ``n_needed`` for 80 and 90
        % power, ``e_value``; with n: ``difference`` with Newcombe's interval, ``impossible``
        flags where no count fits; with response rates: ``nonresponse_low`` and ``_high``.

    Raises
    ------
    InputError
        ``change.percent`` for figures outside 0 to 100.
    """
    from workbench.change.power import sample_size

    a, b = _percent(before, "before"), _percent(after, "after")
    for name, size in (("n_before", n_before), ("n_after", n_after)):
        if size is not None and size < 1:
            refuse(
                "number",
                "人数须为正整数",
                "a number of persons is a whole number above 0",
                "按原文填写或留空",
                "as printed, or leave it empty",
                column=name,
                found=str(size),
            )
    p0, p1 = a / 100, b / 100
    key = "change.published"
    low, high = rounding_bounds(a, b, decimals=decimals)
    rows = [
        row("points", p1 - p0, unit="pp", method=key, before=p0, after=p1),
        _or_none("relative_change", p1 / p0 - 1 if p0 > 0 else math.nan, "ratio", key),
        _or_none(
            "odds_ratio",
            p1 / (1 - p1) / (p0 / (1 - p0)) if 0 < p0 < 1 and p1 < 1 else math.nan,
            "ratio",
            key,
        ),
        row(
            "cohen_h",
            2 * math.asin(math.sqrt(p1)) - 2 * math.asin(math.sqrt(p0)),
            unit="sd",
            method="change.cohen_h",
        ),
        row("change_low", low / 100, unit="pp", method="change.bounds.rounding"),
        row("change_high", high / 100, unit="pp", method="change.bounds.rounding"),
    ]
    for name, figures in (
        ("n_possible", (a, b)),
        ("n_possible_before", (a,)),
        ("n_possible_after", (b,)),
    ):
        least = possible_n(*figures, decimals=decimals)
        rows.append(_or_none(name, math.nan if least is None else least, "count", key))
        if name == "n_possible" and least is not None:
            p = weakest_p(a, b, least, decimals=decimals)
            rows.append(row("weakest_p", p, unit="p", method="change.fisher", n=least, p_value=p))
    for power in (0.8, 0.9):
        value = sample_size(p0, p1, power=power) if p0 != p1 and 0 < p0 < 1 else math.nan
        rows.append({**_or_none("n_needed", value, "count", "change.power"), "power": power})
    ratio = p1 / p0 if p0 > 0 and p1 > 0 else math.nan
    rows.append(
        _or_none("e_value", e_value(ratio) if ratio == ratio else ratio, "ratio", "change.e_value")
    )
    if n_before is not None and n_after is not None:
        rows += _with_n(a, b, n_before, n_after, decimals, deff, level)
    else:
        rows.append(
            not_computed(
                "difference",
                "未公布样本量",
                "the numbers asked were not published",
                unit="pp",
                method="change.difference.newcombe",
                before=p0,
                after=p1,
            )
        )
    if response_before is not None and response_after is not None:
        ends = nonresponse_bounds(
            p0, p1, response_before=response_before, response_after=response_after
        )
        straddles = ends[0] <= 0 <= ends[1]
        for name, end in (("nonresponse_low", ends[0]), ("nonresponse_high", ends[1])):
            rows.append(
                row(
                    name,
                    end,
                    unit="pp",
                    method="change.bounds.nonresponse",
                    reason_zh="不能排除没有变化" if straddles else "",
                    reason_en="cannot exclude no change" if straddles else "",
                )
            )
    if claimed is not None:
        unit = claim_unit(a, b, claimed)
        rows.append(row("claimed", claimed, unit=unit, method=key, flags=f"matches_{unit}"))
    return table(rows)


def _or_none(name: str, value: float, unit: str, method: str) -> dict[str, Any]:
    if value == value:
        return row(name, value, unit=unit, method=method)
    zh, en = "数字为零或无法成立", "a figure is zero, or none fits"
    return not_computed(name, zh, en, unit=unit, method=method)


def _with_n(
    a: float, b: float, n0: int, n1: int, decimals: int, deff: float, level: float
) -> list[dict[str, Any]]:
    counts = [fits_counts(a, n0, decimals=decimals), fits_counts(b, n1, decimals=decimals)]
    if not all(counts):
        which = [name for name, found in zip(("before", "after"), counts, strict=True) if not found]
        return [
            not_computed(
                "difference",
                "百分比与样本量不符：没有任何人数能得出该数",
                "the percentage does not fit its n: no count gives it",
                unit="pp",
                method="change.difference.newcombe",
                flags="impossible_" + "_".join(which),
            )
        ]
    # the count nearest to the printed figure
    x0, x1 = (
        min(found, key=lambda x: abs(100 * x / n - p))
        for found, n, p in zip(counts, (n0, n1), (a, b), strict=True)
    )
    if deff == 1.0:
        made = to_rows(two_shares(x0, n0, x1, n1, level=level))
        return [{str(name): value for name, value in one.items()} for one in made]
    m0, m1 = n0 / deff, n1 / deff
    low, high = newcombe(x0 / deff, m0, x1 / deff, m1, level=level)
    return [
        row(
            "difference",
            x1 / n1 - x0 / n0,
            unit="pp",
            method="change.difference.newcombe_effective",
            before=x0 / n0,
            after=x1 / n1,
            ci_low=low,
            ci_high=high,
            level=level,
            n_before=n0,
            n_after=n1,
            n_effective=m0 + m1,
            deff=deff,
            preferred=True,
        )
    ]


def reliability_range(values: Sequence[float] = (0.5, 0.7, 0.9)) -> tuple[float, ...]:
    """Give the reliabilities shown when none is known from earlier waves."""
    return tuple(float(v) for v in np.sort(values))
