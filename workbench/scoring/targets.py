"""Targets: how much of the way is done, and whether the target is met, not met, or cannot be told.

A target compares a measured value with a stated bound; where the value comes from a sample the
answer comes from its interval, in three outcomes. What share of the way from the base to the target
has been covered is the attainment, which the score turns into points.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import special

from workbench.errors import InputError, Problem
from workbench.scoring._frames import (
    NO_VALUE,
    Bools,
    Floats,
    add_word,
    check_level,
    critical,
    need,
    no_duplicates,
    numbers,
    one_of,
    words,
)

__all__ = ["KINDS", "OPERATORS", "Decision", "attainment", "decide", "three_outcomes"]

KINDS = ("level", "change_rel", "change_pp", "zero", "bool", "band")
OPERATORS = ("≥", "≤", ">", "<")
Decision = Literal["point", "lower", "upper"]

_ALIASES = {">=": "≥", "<=": "≤"}
_DECIMALS = 12
_NO_STATUS = ("not_computed", "suppressed")


def three_outcomes(low: Floats, high: Floats, operator: np.ndarray, target: Floats) -> np.ndarray:
    """Say for each interval whether it lies on the target's side, on the other, or across it.

    Parameters
    ----------
    low, high : array of float
        Limits of the interval; equal limits are a value known exactly; NaN gives ``cannot_tell``.
    operator : array of {"≥", "≤", ">", "<"}
        How the value must stand to the target.
    target : array of float
        The bound, in the unit of the limits.

    Returns
    -------
    array of {"met", "not_met", "cannot_tell"}
    """
    met = _holds(low, operator, target) & _holds(high, operator, target)
    missed = ~_holds(low, operator, target) & ~_holds(high, operator, target)
    known = ~(np.isnan(low) | np.isnan(high) | np.isnan(target))
    return np.select([known & met, known & missed], ["met", "not_met"], "cannot_tell")


def decide(
    value: Floats, low: Floats, high: Floats, operator: np.ndarray, target: Floats, rule: Decision
) -> np.ndarray:
    """Decide by the study's rule where somebody must decide, whatever the statistics leave open.

    ``point`` compares the estimate; ``lower`` demands that the less favourable limit of the
    interval holds (the lower one for ≥, the upper one for ≤); ``upper`` is content when the more
    favourable limit holds. A value without an interval decides by itself.

    Returns
    -------
    array of {"met", "not_met", "cannot_tell"}
        ``cannot_tell`` only where there is no value.
    """
    one_of(rule, ("point", "lower", "upper"), of="decision")
    rising = np.isin(operator, ["≥", ">"])
    worse = np.where(rising, low, high)
    better = np.where(rising, high, low)
    judged = {"point": value, "lower": worse, "upper": better}[rule]
    judged = np.where(np.isnan(judged), value, judged)
    known = ~(np.isnan(judged) | np.isnan(target))
    return np.select(
        [known & _holds(judged, operator, target), known], ["met", "not_met"], "cannot_tell"
    )


def attainment(
    values: pd.DataFrame,
    targets: pd.DataFrame,
    *,
    level: float = 0.95,
    decision: Decision | None = None,
    without_base: Literal["level_only", "all_or_nothing"] = "level_only",
) -> pd.DataFrame:
    """Compare measured indicators with their targets, with the uncertainty of both.

    Parameters
    ----------
    values : DataFrame
        One row per indicator (and ``community``, if that column is there): ``indicator``, ``value``
        and, where they apply, ``std_error``, ``ci_low``, ``ci_high``, ``df``, ``channel``,
        ``base`` and ``base_std_error`` (the value at the baseline, overriding the targets'),
        ``covariance`` (of the estimates of value and base), ``value_kind`` (``level``, or
        ``change`` where the value already is the change a ``change_…`` target asks about),
        ``status``, ``reason_zh``, ``reason_en``. A value without ``std_error`` and limits counts as
        exact, except in the channel ``survey``. Other columns are kept.
    targets : DataFrame
        One row per indicator (and ``target_phase``, ``community``): ``indicator``, ``target_kind``
        (level, change_rel, change_pp, zero, bool, band), ``operator`` (≥ ≤ > <), ``target`` in the
        unit of the value (change_rel: −0.6 is a fall by 60 %; bool: 1 or 0; zero: not needed),
        ``target_high`` (upper end of a band), ``base`` (missing: not given in the source),
        ``direction`` (1 up, −1 down; used where ``operator`` is missing).
    level : float
        Confidence level of limits made from ``std_error``.
    decision : {"point", "lower", "upper"}, optional
        The study's decision rule, see :func:`decide`; without it ``decision`` stays empty.
    without_base : {"level_only", "all_or_nothing"}
        What an unknown base means for ``attainment``: none (R-14: report the level only), or 1
        where the point estimate meets the target and 0 where not, marked ``all_or_nothing``.

    Returns
    -------
    DataFrame
        One row per value and target in the order of ``values``, then targets without a value, then
        values without a target: the columns of ``values`` plus
        ``target…``, ``change`` (for change targets), ``attainment`` (0–1), ``attainment_se``,
        ``attainment_low``, ``attainment_high``, ``verdict`` (met, not_met, cannot_tell),
        ``decision``, ``rule``, ``status``, ``flags``, ``reason_zh``, ``reason_en``, ``method``.

    Raises
    ------
    InputError
        Unknown kind or operator, a missing target, a band upside down, duplicated keys, a standard
        error below zero, limits out of order, a boolean that is neither 0 nor 1.

    Notes
    -----
    ``a = clip((x − b)/(t − b), 0, 1)`` for levels; ``clip((x/b − 1)/t, 0, 1)`` and
    ``clip((x − b)/t, 0, 1)`` for relative and percentage-point changes; zero targets give 1 only at
    zero; inside a band 1, outside it the share of the way from the base to the nearer edge. A base
    that already meets a level target leaves no way to cover: 1 while the target is met, else 0,
    flagged ``base_meets_target``. ``attainment_se`` is the standard deviation of the clipped normal
    estimate; the limits are the clipped limits of the estimate. An estimated base enters by the
    delta method (relative change: on the log scale).

    References
    ----------
    Rule R-14 of the programmes; Zou & Donner (2008), Stat. Med. 27, 1693-1702, on limits carried
    through a function.

    Examples
    --------
    >>> values = pd.DataFrame({"indicator": ["sorting"], "value": [0.85], "std_error": [0.02]})
    >>> targets = pd.DataFrame({"indicator": ["sorting"], "target_kind": ["level"],
    ...                         "operator": ["≥"], "target": [0.90], "base": [0.65]})
    >>> row = attainment(values, targets).iloc[0]
    >>> round(float(row["attainment"]), 3), row["verdict"]
    (0.8, 'not_met')
    """
    check_level(level)
    one_of(without_base, ("level_only", "all_or_nothing"), of="without_base")
    if decision is not None:
        one_of(decision, ("point", "lower", "upper"), of="decision")
    joined, has_target = _join(values, targets)
    kind, operator, target, target_high = _read_targets(joined, has_target)
    x, low, high, se, exact = _read_values(joined, level)
    base = numbers(joined, "base")
    base_se = np.nan_to_num(numbers(joined, "base_std_error"))
    covariance = np.nan_to_num(numbers(joined, "covariance"))
    is_change = words(joined, "value_kind", "level") == "change"

    # the quantity that is compared with the target, its error and limits
    relative = (kind == "change_rel") & ~is_change
    points = (kind == "change_pp") & ~is_change
    q, q_se, q_low, q_high = x.copy(), se.copy(), low.copy(), high.copy()
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        shift_se = np.sqrt(np.maximum(se**2 + base_se**2 - 2 * covariance, 0))
        z = critical(level, numbers(joined, "df"))
        q[points] = (x - base)[points]
        q_se[points] = shift_se[points]
        q_low[points] = np.where(base_se > 0, q - z * q_se, low - base)[points]
        q_high[points] = np.where(base_se > 0, q + z * q_se, high - base)[points]
        ratio = x / np.where(base > 0, base, np.nan)
        log_var = (se / x) ** 2 + (base_se / base) ** 2 - 2 * covariance / (x * base)
        log_se = np.sqrt(np.maximum(log_var, 0))
        two = (base_se > 0) & (ratio > 0)
        q[relative] = (ratio - 1)[relative]
        q_se[relative] = np.where(two, ratio * log_se, se / base)[relative]
        q_low[relative] = np.where(two, ratio * np.exp(-z * log_se), low / base)[relative] - 1
        q_high[relative] = np.where(two, ratio * np.exp(z * log_se), high / base)[relative] - 1
    changes = relative | points

    verdict = _verdicts(kind, operator, target, target_high, q_low, q_high, has_target)
    a, a_low, a_high, a_se = _carry(
        kind, operator, target, target_high, base, base_se, covariance, q, q_se, q_low, q_high, z
    )

    # what cannot be said, and why
    unusable = np.isnan(x) | np.isin(words(joined, "status"), _NO_STATUS)
    no_base = has_target & np.isnan(base) & ~is_change & ~np.isin(kind, ["zero", "bool"])
    no_base |= relative & ~(base > 0)
    inside = (kind == "band") & _in_band(q, target, target_high)
    point_met = np.where(kind == "band", inside, _holds(q, operator, target))
    met_anyway = no_base & (without_base == "all_or_nothing") & ~changes & ~unusable
    for out in (a, a_low, a_high):
        out[no_base | unusable] = np.nan
    a_se[no_base | unusable] = np.nan
    a[met_anyway] = point_met[met_anyway].astype(float)
    a_low[met_anyway] = (verdict == "met")[met_anyway].astype(float)
    a_high[met_anyway] = (verdict != "not_met")[met_anyway].astype(float)
    a_se[met_anyway] = _step_error(q, q_se, target)[met_anyway]
    verdict[unusable & has_target] = "cannot_tell"
    sampled_without_error = ~exact & np.isnan(low) & ~unusable & has_target

    beyond = (kind == "level") & _holds(base, operator, target) & ~np.isnan(base) & has_target
    flags = words(joined, "flags")
    for mask, word in (
        (beyond, "base_meets_target"),
        (no_base & ~met_anyway & ~unusable, "level_only"),
        (met_anyway, "all_or_nothing"),
        (sampled_without_error, "no_interval"),
        (~has_target, "no_target"),
    ):
        flags = add_word(flags, mask, word)
    status = words(joined, "status", "ok")
    status[unusable & ~np.isin(status, _NO_STATUS)] = "not_computed"
    zh, en = words(joined, "reason_zh"), words(joined, "reason_en")
    for mask, (text_zh, text_en) in (
        (unusable & (zh == ""), NO_VALUE),
        (no_base & ~met_anyway & ~unusable, _NO_BASE),
        (sampled_without_error, _NO_INTERVAL),
        (beyond & ~unusable, _BEYOND),
    ):
        zh, en = add_word(zh, mask, text_zh, "；"), add_word(en, mask, text_en, "; ")

    out_frame = joined.assign(
        ci_low=low,
        ci_high=high,
        target=target,
        target_kind=np.where(has_target, kind, ""),
        operator=np.where(has_target, operator, ""),
        change=np.where(changes | (is_change & has_target), q, np.nan),
        attainment=a,
        attainment_se=a_se,
        attainment_low=a_low,
        attainment_high=a_high,
        verdict=np.where(has_target, verdict, ""),
        status=status,
        flags=flags,
        reason_zh=zh,
        reason_en=en,
        method="scoring.attainment",
    )
    if decision is None:
        return out_frame.assign(decision="", rule="")
    decided = decide(q, q_low, q_high, operator, target, decision)
    band = kind == "band"
    decided[band] = _decide_band(q, q_low, q_high, target, target_high, verdict, decision)[band]
    decided[np.isin(kind, ["zero", "bool"])] = np.where(point_met, "met", "not_met")[
        np.isin(kind, ["zero", "bool"])
    ]
    decided[unusable] = "cannot_tell"
    if decision != "point":  # the rule asks for a limit that is not there
        decided[sampled_without_error] = "cannot_tell"
    return out_frame.assign(
        decision=np.where(has_target, decided, ""), rule=np.where(has_target, decision, "")
    )


_NO_BASE = (
    "基期值未给出，只报告水平，不计算达成度",
    "the base is not given: the level is reported, the attainment is not computed",
)
_NO_INTERVAL = (
    "抽样结果没有区间，不能判断是否达标",
    "a sample result without an interval: whether the target is met cannot be told",
)
_BEYOND = (
    "基期已达标，达成度只取 1（仍达标）或 0（不再达标）",
    "the base already met the target: the attainment is 1 while it is met, else 0",
)


def _join(values: pd.DataFrame, targets: pd.DataFrame) -> tuple[pd.DataFrame, Bools]:
    """Put targets beside their values; values without a target follow at the end."""
    need(values, ("indicator", "value"), of="values")
    need(targets, ("indicator", "target_kind"), of="targets")
    unit = [c for c in ("community",) if c in values.columns]
    keys = ["indicator", *[c for c in unit if c in targets.columns]]
    no_duplicates(values, [*unit, "indicator"], of="values")
    phase = [c for c in ("target_phase",) if c in targets.columns]
    no_duplicates(targets, [*keys, *phase], of="targets")
    both = [c for c in targets.columns if c in values.columns and c not in keys]
    right = targets.rename(columns={c: f"_{c}" for c in both}).assign(_t=range(len(targets)))
    left = values.assign(_v=range(len(values)))
    joined = left.merge(right, on=keys, how="outer", sort=False)
    # values with a target as they came, then targets without a value, then the rest
    joined["_last"] = joined["_t"].isna()
    joined = joined.sort_values(["_last", "_v", "_t"], kind="stable").reset_index(drop=True)
    for c in both:  # what was measured goes before what is printed in the source
        joined[c] = joined[c].where(joined[c].notna(), joined[f"_{c}"])
    has_target = joined["_t"].notna().to_numpy(dtype=bool)
    return joined.drop(columns=["_t", "_v", "_last", *[f"_{c}" for c in both]]), has_target


def _read_targets(
    joined: pd.DataFrame, has_target: Bools
) -> tuple[np.ndarray, np.ndarray, Floats, Floats]:
    kind = words(joined, "target_kind").astype("U20")
    operator = words(joined, "operator").astype("U20")
    for ascii_form, form in _ALIASES.items():
        operator[operator == ascii_form] = form
    direction = numbers(joined, "direction")
    target, target_high = numbers(joined, "target"), numbers(joined, "target_high")
    blank = operator == ""
    operator[blank & (kind == "zero")] = "≤"
    operator[blank & (kind == "bool")] = "≥"
    operator[blank & (kind == "band")] = "≥"
    operator[blank & (operator == "") & (direction > 0)] = "≥"
    operator[blank & (operator == "") & (direction < 0)] = "≤"
    target[(kind == "zero") & np.isnan(target)] = 0.0
    target[(kind == "bool") & np.isnan(target)] = 1.0
    known = np.isin(kind, KINDS)
    wrong = (
        (~known, "target_kind", ", ".join(KINDS), kind),
        (known & ~np.isin(operator, OPERATORS), "operator", " ".join(OPERATORS), operator),
        (known & np.isnan(target), "target", "a number", target),
        ((kind == "band") & ~(target_high > target), "target_high", "> target", target_high),
        (np.isin(kind, ["change_rel", "change_pp"]) & (target == 0), "target", "not 0", target),
    )
    _refuse(joined, *((mask & has_target, *rest) for mask, *rest in wrong))
    return kind, operator, target, target_high


def _refuse(joined: pd.DataFrame, *wrong: tuple[Any, ...]) -> None:
    """Raise once for all rows that a mask marks; at most twenty of a kind are named."""
    problems = [
        Problem(
            code="scoring.target",
            zh=f"指标 {joined['indicator'].iloc[i]} 的目标或数值有误：{column}",
            en=f"target or value of {joined['indicator'].iloc[i]} is wrong: {column}",
            column=column,
            expected=expected,
            found=str(found[i]),
        )
        for mask, column, expected, found in wrong
        for i in np.flatnonzero(mask)[:20]
    ]
    if problems:
        raise InputError(*problems)


def _read_values(
    joined: pd.DataFrame, level: float
) -> tuple[Floats, Floats, Floats, Floats, Bools]:
    """Return value, limits, standard error, and where the value is known exactly."""
    x, se = numbers(joined, "value"), numbers(joined, "std_error")
    low, high = numbers(joined, "ci_low"), numbers(joined, "ci_high")
    is_bool = words(joined, "target_kind") == "bool"
    disorder = (low > high) | (low > x + 1e-12) | (high < x - 1e-12)
    _refuse(
        joined,
        (se < 0, "std_error", "≥ 0", se),
        (disorder, "ci_low", "ci_low ≤ value ≤ ci_high", x),
        (is_bool & ~np.isnan(x) & (x != 0) & (x != 1), "value", "0 or 1", x),
    )
    survey = words(joined, "channel") == "survey"
    no_limits = np.isnan(low) | np.isnan(high)
    exact = no_limits & (np.nan_to_num(se) == 0) & ~(survey & np.isnan(se))
    z = critical(level, numbers(joined, "df"))
    low = np.where(no_limits, np.where(exact, x, x - z * se), low)
    high = np.where(no_limits, np.where(exact, x, x + z * se), high)
    # a standard error is needed to carry the error on; limits alone give one
    se = np.where(np.isnan(se), (high - low) / (2 * critical(level)), se)
    return x, low, high, np.where(exact, 0.0, se), exact


def _holds(value: Floats, operator: np.ndarray, target: Floats) -> Bools:
    """Compare without the dust of binary fractions: 0.5 − 0.4 reaches a target of 0.1."""
    value, target = np.round(value, _DECIMALS), np.round(target, _DECIMALS)
    with np.errstate(invalid="ignore"):
        return np.select(
            [operator == "≥", operator == "≤", operator == ">", operator == "<"],
            [value >= target, value <= target, value > target, value < target],
            False,
        ).astype(bool)


def _in_band(q: Floats, low: Floats, high: Floats) -> Bools:
    q, low, high = (np.round(v, _DECIMALS) for v in (q, low, high))
    with np.errstate(invalid="ignore"):
        return np.asarray((q >= low) & (q <= high))


def _verdicts(
    kind: np.ndarray,
    operator: np.ndarray,
    target: Floats,
    target_high: Floats,
    low: Floats,
    high: Floats,
    has_target: Bools,
) -> np.ndarray:
    out = three_outcomes(low, high, operator, target)
    known = ~(np.isnan(low) | np.isnan(high))
    band = np.select(
        [
            known & _in_band(low, target, target_high) & _in_band(high, target, target_high),
            known & ((high < target) | (low > target_high)),
        ],
        ["met", "not_met"],
        "cannot_tell",
    )
    out = np.where(kind == "band", band, out)
    equal = np.select([known & (low == target) & (high == target), known & (low > target),
                       known & (high < target)], ["met", "not_met", "not_met"],
                      "cannot_tell")  # fmt: skip
    out = np.where(np.isin(kind, ["zero", "bool"]), equal, out)
    return np.where(has_target, out, "").astype(object)


def _attained(
    q: Floats,
    kind: np.ndarray,
    operator: np.ndarray,
    target: Floats,
    target_high: Floats,
    base: Floats,
) -> Floats:
    """Attainment at ``q``, everything else known exactly."""
    with np.errstate(divide="ignore", invalid="ignore"):
        origin = np.where(np.isin(kind, ["change_rel", "change_pp"]), 0.0, base)
        line = np.clip((q - origin) / (target - origin), 0.0, 1.0)
        holds = _holds(q, operator, target).astype(float)
        below = np.clip((q - base) / (target - base), 0, 1) * (base < target)
        above = np.clip((q - base) / (target_high - base), 0, 1) * (base > target_high)
        band = np.where(q < target, below, np.where(q > target_high, above, 1.0))
    step = (kind == "level") & _holds(base, operator, target)
    line = np.where(step | (line == 1) & (holds == 1), holds, line)
    out = np.select([kind == "band", np.isin(kind, ["zero", "bool"])], [band, q == target], line)
    return np.asarray(np.where(np.isnan(q), np.nan, out), dtype=float)


def _carry(
    kind: np.ndarray,
    operator: np.ndarray,
    target: Floats,
    target_high: Floats,
    base: Floats,
    base_se: Floats,
    covariance: Floats,
    q: Floats,
    q_se: Floats,
    q_low: Floats,
    q_high: Floats,
    z: Floats,
) -> tuple[Floats, Floats, Floats, Floats]:
    """Attainment, its limits and its standard error."""
    at = (kind, operator, target, target_high, base)
    a, one, two = _attained(q, *at), _attained(q_low, *at), _attained(q_high, *at)
    low, high = np.minimum(one, two), np.maximum(one, two)
    with np.errstate(divide="ignore", invalid="ignore"):
        # an interval that touches the target without ending in it
        touches = (kind == "band") & (q_low <= target_high) & (q_high >= target)
        touches |= np.isin(kind, ["zero", "bool"]) & (q_low <= target) & (q_high >= target)
        high = np.where(touches, 1.0, high)
        origin = np.where(np.isin(kind, ["change_rel", "change_pp"]), 0.0, base)
        slope = 1 / (target - origin)
        line, line_se = (q - origin) * slope, q_se * np.abs(slope)
        # an estimated base moves the zero point of a level target as well
        moved = (kind == "level") & (base_se > 0)
        d_base = (q - target) * slope**2
        var = line_se**2 + (d_base * base_se) ** 2 + 2 * slope * d_base * covariance
        line_se = np.where(moved, np.sqrt(np.maximum(var, 0)), line_se)
        low = np.where(moved, np.clip(line - z * line_se, 0, 1), low)
        high = np.where(moved, np.clip(line + z * line_se, 0, 1), high)
        step = np.isin(kind, ["zero", "bool"])
        step |= (kind == "level") & _holds(base, operator, target)
        spread = (high - low) / (2 * z)
        se = np.where(kind == "band", spread, _clipped_sd(line, line_se))
        se = np.where(step, _step_error(q, q_se, target), se)
    return a, np.minimum(low, a), np.maximum(high, a), np.asarray(se, dtype=float)


def _clipped_sd(mean: Floats, sd: Floats) -> Floats:
    """Return the standard deviation of a normal variable clipped to [0, 1]."""
    with np.errstate(divide="ignore", invalid="ignore"):
        s = np.where(sd > 0, sd, 1.0)
        lo, hi = (0 - mean) / s, (1 - mean) / s
        p_lo, p_hi = special.ndtr(lo), special.ndtr(-hi)
        d_lo, d_hi = (np.exp(-(v**2) / 2) / np.sqrt(2 * np.pi) for v in (lo, hi))
        middle = 1 - p_lo - p_hi
        first = p_hi + mean * middle + s * (d_lo - d_hi)
        second = (
            p_hi
            + (mean**2 + s**2) * middle
            + 2 * mean * s * (d_lo - d_hi)
            + s**2 * (lo * d_lo - hi * d_hi)
        )
        out = np.sqrt(np.maximum(second - first**2, 0))
    unknown = np.isnan(mean) | np.isnan(sd)
    return np.asarray(np.where(sd > 0, out, np.where(unknown, np.nan, 0.0)))


def _step_error(q: Floats, q_se: Floats, target: Floats) -> Floats:
    """Return the standard deviation of an all-or-nothing attainment."""
    with np.errstate(divide="ignore", invalid="ignore"):
        p = special.ndtr((q - target) / q_se)
    return np.asarray(np.where(q_se == 0, 0.0, np.sqrt(p * (1 - p))))


def _decide_band(
    q: Floats,
    low: Floats,
    high: Floats,
    target: Floats,
    target_high: Floats,
    verdict: np.ndarray,
    rule: Decision,
) -> np.ndarray:
    if rule == "point":
        yes = _in_band(q, target, target_high)
    else:
        yes = verdict == "met" if rule == "lower" else verdict != "not_met"
    return np.where(yes, "met", "not_met").astype(object)
