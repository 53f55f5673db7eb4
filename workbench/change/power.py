"""Sample size, power, smallest change that can be seen, targets, equivalence."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, stats

from workbench.change._frames import check_level, refuse, row, table
from workbench.change.proportions import _pair, newcombe, wilson

__all__ = [
    "design_effect",
    "detectable_change",
    "detectable_share",
    "equivalence_shares",
    "power_shares",
    "sample_size",
    "sample_size_arcsine",
    "sample_size_mcnemar",
    "sample_size_means",
    "target_test",
]


def _share(value: float, name: str) -> float:
    if not 0 < value < 1:
        refuse(
            "share",
            "份额须在 0 与 1 之间",
            "a share lies between 0 and 1",
            "写成 0–1",
            "write a share between 0 and 1",
            column=name,
            found=str(value),
        )
    return value


def design_effect(cluster_size: float, icc: float) -> float:
    """Give the design effect of clusters, 1 + (m - 1) icc (Kish 1965).

    Examples
    --------
    >>> design_effect(12, 0.05)
    1.55
    """
    return 1 + (cluster_size - 1) * icc


def power_shares(
    before: float, after: float, n: float, *, alpha: float = 0.05, deff: float = 1.0
) -> float:
    """Give the power to see a change of shares with n answers per wave.

    Notes
    -----
    Phi((sqrt(n) |d| - z sqrt(2 p q))/sqrt(p0 q0 + p1 q1)), p the mean share (Fleiss 1981), the
    other tail left out; n is divided by ``deff``.
    """
    p0, p1 = _share(before, "before"), _share(after, "after")
    m, p = n / deff, (p0 + p1) / 2
    z = float(stats.norm.ppf(1 - alpha / 2))
    top = math.sqrt(m) * abs(p1 - p0) - z * math.sqrt(2 * p * (1 - p))
    return float(stats.norm.cdf(top / math.sqrt(p0 * (1 - p0) + p1 * (1 - p1))))


def sample_size(
    before: float, after: float, *, power: float = 0.8, alpha: float = 0.05, deff: float = 1.0
) -> float:
    """Give the answers per wave needed to see a change of shares (not rounded).

    Examples
    --------
    >>> round(sample_size(0.7, 0.8), 2)
    293.15
    """
    p0, p1 = _share(before, "before"), _share(after, "after")
    if p0 == p1:
        refuse("share", "两个份额相同", "the shares are equal", "写明变化", "state a change")
    za, zb = float(stats.norm.ppf(1 - alpha / 2)), float(stats.norm.ppf(power))
    p = (p0 + p1) / 2
    root = za * math.sqrt(2 * p * (1 - p)) + zb * math.sqrt(p0 * (1 - p0) + p1 * (1 - p1))
    return deff * (root / (p1 - p0)) ** 2


def _effect_h(p0: float, p1: float) -> float:
    return 2 * math.asin(math.sqrt(p1)) - 2 * math.asin(math.sqrt(p0))


def _arcsine_power(h: float, n0: float, n1: float, alpha: float) -> float:
    z = float(stats.norm.ppf(1 - alpha / 2))
    shift = abs(h) * math.sqrt(n0 * n1 / (n0 + n1))
    return float(stats.norm.sf(z - shift) + stats.norm.cdf(-z - shift))


def sample_size_arcsine(
    before: float, after: float, *, power: float = 0.8, alpha: float = 0.05
) -> float:
    """Give the answers per wave needed, by Cohen's (1988) arcsine transformation."""
    h = _effect_h(_share(before, "before"), _share(after, "after"))
    return float(
        optimize.brentq(lambda n: _arcsine_power(h, n, n, alpha) - power, 2, 1e9, xtol=1e-9)
    )


def power_unequal(
    before: float, after: float, n_before: float, n_after: float, *, alpha: float = 0.05
) -> float:
    """Give the power to see a change of shares between waves of unequal size (arcsine)."""
    h = _effect_h(_share(before, "before"), _share(after, "after"))
    return _arcsine_power(h, n_before, n_after, alpha)


def detectable_share(
    before: float, n: float, *, power: float = 0.8, alpha: float = 0.05, deff: float = 1.0
) -> float:
    """Give the smallest share after that n answers per wave would show; NaN when none would.

    Examples
    --------
    >>> round(detectable_share(0.7, 150), 4)
    0.836
    """
    p0 = _share(before, "before")
    top = 1 - 1e-12
    if power_shares(p0, top, n, alpha=alpha, deff=deff) < power:
        return math.nan
    return float(
        optimize.brentq(
            lambda p: power_shares(p0, p, n, alpha=alpha, deff=deff) - power, p0, top, xtol=1e-13
        )
    )


def sample_size_mcnemar(
    better: float, worse: float, *, power: float = 0.8, alpha: float = 0.05
) -> float:
    """Give the pairs needed when shares ``better`` and ``worse`` change their answer.

    Notes
    -----
    ((z_a sqrt(pd) + z_b sqrt(pd - d^2))/d)^2 with pd = better + worse, d = better - worse
    (Connor 1987).
    """
    pd_, d = better + worse, better - worse
    za, zb = float(stats.norm.ppf(1 - alpha / 2)), float(stats.norm.ppf(power))
    return ((za * math.sqrt(pd_) + zb * math.sqrt(pd_ - d * d)) / d) ** 2


def sample_size_means(
    effect: float, *, paired: bool = False, power: float = 0.8, alpha: float = 0.05
) -> float:
    """Give the pairs, or the answers per wave, needed to see a standardised change (t test).

    Notes
    -----
    Solves the noncentral t power exactly, the far tail left out as R ``power.t.test`` does.
    """
    d = abs(effect)

    def reached(n: float) -> float:
        df = n - 1 if paired else 2 * (n - 1)
        shift = d * math.sqrt(n if paired else n / 2)
        return float(stats.nct.sf(stats.t.ppf(1 - alpha / 2, df), df, shift)) - power

    return float(optimize.brentq(reached, 2.0, 1e7, xtol=1e-9))


def detectable_change(
    std_error: float, *, df: float = math.inf, power: float = 0.8, alpha: float = 0.05
) -> float:
    """Give the smallest true change seen with the given power, from a standard error.

    Notes
    -----
    (t_{1-alpha/2} + t_power) se (Bloom 1995).

    Examples
    --------
    >>> round(detectable_change(0.05), 4)
    0.1401
    """
    at = stats.norm.ppf if math.isinf(df) else lambda q: stats.t.ppf(q, df)
    return float(at(1 - alpha / 2) + at(power)) * std_error


def target_test(
    x: float, n: float, target: float, *, level: float = 0.95, up: bool = True
) -> pd.DataFrame:
    """Say whether a target is met, by a one-sided limit and not by the point estimate.

    Parameters
    ----------
    x, n
        Successes and number asked.
    target
        Share to be reached, between 0 and 1.
    level
        One-sided confidence level.
    up
        Whether more is better; else the share must not exceed the target.

    Returns
    -------
    pandas.DataFrame
        ``target`` by ``change.target.exact`` (binomial, Clopper-Pearson limit) and
        ``change.target.wilson``: ``value`` the share, ``ci_low`` or ``ci_high`` the limit,
        ``verdict`` met, not_met (the share misses the target with its other limit) or
        cannot_tell, ``p_value`` of the exact test; ``critical_count`` and ``power_at`` can be
        had from :func:`target_power`.

    Examples
    --------
    >>> target_test(50, 57, 0.8)["verdict"].tolist()
    ['cannot_tell', 'cannot_tell']
    """
    check_level(level)
    x, n = _pair(x, n, "x", "n")
    _share(target, "target")
    p = x / n
    a = 1 - level
    low = 0.0 if x == 0 else float(stats.beta.ppf(a, x, n - x + 1))
    high = 1.0 if x == n else float(stats.beta.ppf(1 - a, x + 1, n - x))
    side = "greater" if up else "less"
    exact = float(stats.binomtest(int(x), int(n), target, alternative=side).pvalue)
    z = (p - target) / math.sqrt(target * (1 - target) / n)
    score = float(stats.norm.sf(z if up else -z))
    rows = []
    for name, ends, p_value in (
        ("exact", (low, high), exact),
        (
            "wilson",
            (
                wilson(x, n, level=level, side="lower")[0],
                wilson(x, n, level=level, side="upper")[1],
            ),
            score,
        ),
    ):
        good, bad = (ends[0] > target, ends[1] < target)
        if not up:
            good, bad = (ends[1] < target, ends[0] > target)
        rows.append(
            row(
                "target",
                p,
                unit="share",
                method=f"change.target.{name}",
                ci_low=ends[0],
                ci_high=ends[1],
                level=level,
                n=n,
                numerator=x,
                denominator=n,
                target=target,
                p_value=p_value,
                verdict="met" if good else "not_met" if bad else "cannot_tell",
            )
        )
    return table(rows)


def target_power(
    n: int, target: float, true_share: float, *, level: float = 0.95
) -> tuple[int, float]:
    """Give the smallest count that shows the target met, and the chance to reach it.

    Examples
    --------
    >>> count, chance = target_power(57, 0.8, 0.9)
    >>> count, round(chance, 4)
    (51, 0.6571)
    """
    counts = np.arange(n + 1)
    enough = counts[stats.binom.sf(counts - 1, n, target) <= 1 - level]
    if not len(enough):
        return n + 1, 0.0
    return int(enough[0]), float(stats.binom.sf(enough[0] - 1, n, true_share))


def equivalence_shares(
    x0: float, n0: float, x1: float, n1: float, *, margin: float, level: float = 0.95
) -> pd.DataFrame:
    """Test whether two shares are equivalent, and whether the later one is not inferior.

    Parameters
    ----------
    x0, n0, x1, n1
        Successes and numbers before and after.
    margin
        Largest difference that does not matter, as a share above 0.
    level
        Two-sided level of the superiority interval; equivalence uses ``2 * level - 1``.

    Returns
    -------
    pandas.DataFrame
        ``equivalence`` (two one-sided tests, Wald interval), ``equivalence_newcombe`` (interval
        only), ``non_inferiority`` (z and one-sided p). Verdict ``passed`` or ``cannot_tell``.

    References
    ----------
    Schuirmann (1987); Newcombe (1998).
    """
    check_level(level)
    if not margin > 0:
        refuse(
            "margin",
            "等效界值须大于 0",
            "an equivalence margin is above 0",
            "写明界值",
            "state the margin",
            found=str(margin),
        )
    x0, n0 = _pair(x0, n0, "x0", "n0")
    x1, n1 = _pair(x1, n1, "x1", "n1")
    p0, p1 = x0 / n0, x1 / n1
    d = p1 - p0
    # one half is added to a wave in which all agree, so that the error is not zero
    s0, s1 = ((min(max(x, 0.5), n - 0.5) / n) for x, n in ((x0, n0), (x1, n1)))
    se = math.sqrt(s0 * (1 - s0) / n0 + s1 * (1 - s1) / n1)
    z = float(stats.norm.ppf(level))
    above, below = float(stats.norm.sf((d + margin) / se)), float(stats.norm.cdf((d - margin) / se))
    inner = newcombe(x0, n0, x1, n1, level=2 * level - 1)
    common: dict[str, Any] = {
        "unit": "pp",
        "before": p0,
        "after": p1,
        "n_before": n0,
        "n_after": n1,
        "margin": margin,
        "level": 2 * level - 1,
    }

    def said(passed: bool) -> str:
        return "passed" if passed else "cannot_tell"

    return table(
        [
            row(
                "equivalence",
                d,
                method="change.equivalence",
                ci_low=d - z * se,
                ci_high=d + z * se,
                p_value=max(above, below),
                verdict=said(max(above, below) < 1 - level),
                **common,
            ),
            row(
                "equivalence_newcombe",
                d,
                method="change.equivalence.newcombe",
                ci_low=inner[0],
                ci_high=inner[1],
                verdict=said(-margin < inner[0] and inner[1] < margin),
                **common,
            ),
            row(
                "non_inferiority",
                d,
                method="change.non_inferiority",
                test_statistic=(d + margin) / se,
                p_value=above,
                verdict=said(above < 1 - level),
                **common,
            ),
        ]
    )
