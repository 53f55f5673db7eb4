"""One share and two independent shares: intervals, tests, ratios."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
from scipy import optimize, stats

from workbench.change._frames import check_level, not_computed, numbers, refuse, row, table

__all__ = ["boschloo", "newcombe", "score_interval", "share", "two_shares", "wilson"]


def wilson(x: float, n: float, *, level: float = 0.95, side: str = "two") -> tuple[float, float]:
    """Give the Wilson score interval of a share; ``side`` ``lower`` or ``upper`` for one limit.

    Examples
    --------
    >>> round(wilson(50, 57, side="lower")[0], 4)
    0.7882
    """
    z = float(stats.norm.ppf(0.5 + level / 2 if side == "two" else level))
    p, z2 = x / n, z * z
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = z / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    low = 0.0 if x <= 0 or side == "upper" else middle - half
    high = 1.0 if x >= n or side == "lower" else middle + half
    return low, high


def newcombe(
    x0: float, n0: float, x1: float, n1: float, *, level: float = 0.95
) -> tuple[float, float]:
    """Give Newcombe's (1998, method 10) interval of p1 - p0; counts may be fractional.

    Examples
    --------
    >>> [round(v, 4) for v in newcombe(21, 50, 38, 50)]
    [0.1478, 0.4992]
    """
    p0, p1 = x0 / n0, x1 / n1
    (l0, u0), (l1, u1) = wilson(x0, n0, level=level), wilson(x1, n1, level=level)
    d = p1 - p0
    return d - math.hypot(p1 - l1, u0 - p0), d + math.hypot(u1 - p1, p0 - l0)


def score_interval(
    x0: float, n0: float, x1: float, n1: float, *, level: float = 0.95, corrected: bool = True
) -> tuple[float, float]:
    """Give the score interval of p1 - p0.

    Parameters
    ----------
    x0, n0, x1, n1
        Successes and numbers before and after.
    level
        Confidence level.
    corrected
        With the factor N/(N-1) of Miettinen and Nurminen (1985); without: Mee (1984).

    Notes
    -----
    Root of the score statistic with the shares fitted under the difference. The interval of
    ``statsmodels.stats.proportion.confint_proportions_2indep(method="score")`` is not used: a
    coefficient of its cubic is wrong (statsmodels issue 10269).
    """
    z = float(stats.norm.ppf(0.5 + level / 2))
    observed = x1 / n1 - x0 / n0
    edge = 1 - 1e-12

    def gap(d: float, sign: float) -> float:
        return _score(x0, n0, x1, n1, d, corrected) - sign * z

    low = -1.0 if gap(-edge, 1) <= 0 else optimize.brentq(gap, -edge, observed, (1.0,), xtol=1e-13)
    high = 1.0 if gap(edge, -1) >= 0 else optimize.brentq(gap, observed, edge, (-1.0,), xtol=1e-13)
    return float(low), float(high)


def _score(x0: float, n0: float, x1: float, n1: float, d: float, corrected: bool) -> float:
    """Score statistic of p1 - p0 = d (Farrington and Manning 1990, appendix)."""
    n = n0 + n1
    theta = n0 / n1
    a = 1 + theta
    p0, p1 = x0 / n0, x1 / n1
    b = -(1 + theta + p1 + theta * p0 + d * (theta + 2))
    c = d * d + d * (2 * p1 + theta + 1) + p1 + theta * p0
    e = -p1 * d * (1 + d)
    v = (b / (3 * a)) ** 3 - b * c / (6 * a * a) + e / (2 * a)
    root = math.sqrt(max((b / (3 * a)) ** 2 - c / (3 * a), 0.0))
    u = math.copysign(root, v) if v != 0 else root
    cosine = 1.0 if u == 0 else min(max(v / u**3, -1.0), 1.0)
    fitted1 = 2 * u * math.cos((math.pi + math.acos(cosine)) / 3) - b / (3 * a)
    fitted1 = min(max(fitted1, 0.0), 1.0)
    fitted0 = min(max(fitted1 - d, 0.0), 1.0)
    variance = fitted1 * (1 - fitted1) / n1 + fitted0 * (1 - fitted0) / n0
    if corrected:
        variance *= n / (n - 1)
    gap = p1 - p0 - d
    if variance <= 0:
        return 0.0 if gap == 0 else math.copysign(math.inf, gap)
    return gap / math.sqrt(variance)


def share(x: float, n: float, *, level: float = 0.95, statistic: str = "share") -> pd.DataFrame:
    """Give a share with its Wilson and its Clopper-Pearson interval.

    Parameters
    ----------
    x, n
        Successes (0 to n) and number asked, above 0; whole numbers.
    level
        Confidence level.
    statistic
        Name of the rows.

    Raises
    ------
    InputError
        ``change.count`` when x is not within 0 to n.

    Examples
    --------
    >>> share(50, 57).round(4)[["ci_low", "ci_high"]].values.tolist()[1]
    [0.7632, 0.9492]
    """
    check_level(level)
    x, n = _pair(x, n, "x", "n")
    a = (1 - level) / 2
    low = 0.0 if x == 0 else float(stats.beta.ppf(a, x, n - x + 1))
    high = 1.0 if x == n else float(stats.beta.ppf(1 - a, x + 1, n - x))
    more: dict[str, Any] = {"numerator": x, "denominator": n, "n": n, "level": level}
    w = wilson(x, n, level=level)
    return table(
        [
            row(
                statistic,
                x / n,
                unit="share",
                method=f"change.share.{name}",
                ci_low=ends[0],
                ci_high=ends[1],
                **more,
            )
            for name, ends in (("wilson", w), ("clopper_pearson", (low, high)))
        ]
    )


def two_shares(
    x0: float, n0: float, x1: float, n1: float, *, level: float = 0.95, exact: bool | None = None
) -> pd.DataFrame:
    """Compare two independent shares, after minus before.

    Parameters
    ----------
    x0, n0, x1, n1
        Successes and numbers before and after; whole numbers, n above 0.
    level
        Confidence level.
    exact
        Also Boschloo's unconditional exact test; ``None``: when a cell is under 5 and n <= 200.

    Returns
    -------
    pandas.DataFrame
        ``difference`` (unit pp) by Wald, Newcombe, Miettinen-Nurminen and Mee, with the p of the
        matching score test; ``risk_ratio`` (Katz), ``odds_ratio`` (Woolf), ``odds_ratio`` by
        Fisher's exact test, ``cohen_h``. ``preferred`` marks the row to report: Newcombe with
        the score test's p, or Newcombe with the exact p when a cell is under 5.

    Raises
    ------
    InputError
        ``change.count`` when a count is not within 0 to its n.

    References
    ----------
    Newcombe (1998), Stat Med 17, 873-890; Miettinen and Nurminen (1985); Mee (1984); Katz et al.
    (1978); Fisher (1935); Boschloo (1970); Cohen (1988) §6.2.

    Examples
    --------
    >>> two_shares(21, 50, 38, 50).query("preferred").round(4)[
    ...     ["value", "ci_low", "ci_high", "p_value"]].values.tolist()
    [[0.34, 0.1478, 0.4992, 0.0005]]
    """
    check_level(level)
    x0, n0 = _pair(x0, n0, "x0", "n0")
    x1, n1 = _pair(x1, n1, "x1", "n1")
    p0, p1 = x0 / n0, x1 / n1
    d = p1 - p0
    z = float(stats.norm.ppf(0.5 + level / 2))
    se = math.sqrt(p0 * (1 - p0) / n0 + p1 * (1 - p1) / n1)
    sparse = min(x0, x1, n0 - x0, n1 - x1) < 5
    common: dict[str, Any] = {
        "before": p0,
        "after": p1,
        "n_before": n0,
        "n_after": n1,
        "n": n0 + n1,
        "level": level,
        "flags": "sparse" if sparse else "",
    }
    score = _score(x0, n0, x1, n1, 0.0, False)
    score_n = _score(x0, n0, x1, n1, 0.0, True)
    fisher = stats.fisher_exact([[x1, n1 - x1], [x0, n0 - x0]])[1]
    exact = (sparse and n0 + n1 <= 200) if exact is None else exact
    rows = []
    for name, ends, t in (
        ("newcombe", newcombe(x0, n0, x1, n1, level=level), score),
        ("wald", (d - z * se, d + z * se), score),
        ("miettinen_nurminen", score_interval(x0, n0, x1, n1, level=level), score_n),
        ("mee", score_interval(x0, n0, x1, n1, level=level, corrected=False), score),
    ):
        # Wald's interval has no width when everybody answers alike: that is no interval
        blind = name == "wald" and se == 0
        rows.append(
            row(
                "difference",
                math.nan if blind else d,
                unit="pp",
                method=f"change.difference.{name}",
                std_error=math.nan if blind else se,
                ci_low=math.nan if blind else ends[0],
                ci_high=math.nan if blind else ends[1],
                test_statistic=t,
                p_value=float(2 * stats.norm.sf(abs(t))),
                preferred=name == "newcombe",
                reason_zh="各期回答全部相同" if blind else "",
                reason_en="all answers of each wave are equal" if blind else "",
                **common,
            )
        )
    if sparse:
        rows[0]["p_value"] = boschloo(x0, n0, x1, n1) if exact else float(fisher)
        rows[0]["test_statistic"] = math.nan
        rows[0]["reason_zh"] = "有单元格少于 5：用精确检验"
        rows[0]["reason_en"] = "a cell is under 5: exact test"
    return table([*rows, *_ratios(x0, n0, x1, n1, z, float(fisher), level, common)])


def _ratios(
    x0: float,
    n0: float,
    x1: float,
    n1: float,
    z: float,
    fisher: float,
    level: float,
    common: dict[str, Any],
) -> list[dict[str, Any]]:
    p0, p1 = x0 / n0, x1 / n1
    rows: list[dict[str, Any]] = []

    def ratio(name: str, value: float, variance: float, method: str) -> None:
        half = z * math.sqrt(variance)
        rows.append(
            row(
                name,
                value,
                unit="ratio",
                method=method,
                ci_low=value * math.exp(-half),
                ci_high=value * math.exp(half),
                **common,
            )
        )

    zero = ("有计数为零", "a count is zero")
    if x0 > 0 and x1 > 0:
        ratio("risk_ratio", p1 / p0, 1 / x1 - 1 / n1 + 1 / x0 - 1 / n0, "change.risk_ratio.katz")
    else:
        rows.append(
            not_computed(
                "risk_ratio", *zero, unit="ratio", method="change.risk_ratio.katz", **common
            )
        )
    cells = (x1, n1 - x1, x0, n0 - x0)
    if min(cells) > 0:
        value = x1 * (n0 - x0) / ((n1 - x1) * x0)
        ratio("odds_ratio", value, sum(1 / c for c in cells), "change.odds_ratio.woolf")
    else:
        rows.append(
            not_computed(
                "odds_ratio", *zero, unit="ratio", method="change.odds_ratio.woolf", **common
            )
        )
    if min(x0 + x1, n0 + n1 - x0 - x1) > 0:
        found = stats.contingency.odds_ratio(
            [[int(x1), int(n1 - x1)], [int(x0), int(n0 - x0)]], kind="conditional"
        )
        ends = found.confidence_interval(level)
        rows.append(
            row(
                "odds_ratio_conditional",
                found.statistic if math.isfinite(found.statistic) else math.nan,
                unit="ratio",
                method="change.fisher",
                ci_low=float(ends.low),
                ci_high=float(ends.high),
                p_value=fisher,
                **common,
            )
        )
    h = 2 * math.asin(math.sqrt(p1)) - 2 * math.asin(math.sqrt(p0))
    rows.append(row("cohen_h", h, unit="sd", method="change.cohen_h", **common))
    return rows


def boschloo(x0: float, n0: float, x1: float, n1: float) -> float:
    """Give Boschloo's unconditional exact p, twice the smaller one-sided p.

    Examples
    --------
    >>> round(boschloo(2, 10, 8, 10), 4)
    0.0118
    """
    cells = [[int(x1), int(x0)], [int(n1 - x1), int(n0 - x0)]]
    least = min(
        float(stats.boschloo_exact(cells, alternative=side).pvalue) for side in ("less", "greater")
    )
    return min(1.0, 2 * least)


def _pair(x: float, n: float, name_x: str, name_n: str) -> tuple[float, float]:
    size = float(numbers(n, name_n)[0])
    count = float(numbers(x, name_x)[0])
    whole = size == math.floor(size) and count == math.floor(count) if size == size else False
    if not (size > 0 and whole and 0 <= count <= size):
        refuse(
            "count",
            "计数须为 0 至 n 的整数，n 须大于 0",
            "a count is a whole number from 0 to n, and n is above 0",
            "核对人数与百分比是否混淆",
            "check whether numbers and percentages were mixed up",
            column=name_x,
            expected=f"0 to {size:g}",
            found=f"{count:g}",
        )
    return count, size
