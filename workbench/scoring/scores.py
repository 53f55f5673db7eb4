"""The composite score: points earned, weighed by a scheme, with an interval.

Points are the currency. An indicator has a maximum and earns part of it, by attainment or by losing
deductions; a channel scores ``100 × earned / available``; a scheme weighs the channels; dimensions
are the same points grouped otherwise. One table holds them all, and adds up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from workbench.errors import InputError, Problem
from workbench.scoring._frames import (
    Bools,
    Floats,
    add_word,
    check_level,
    critical,
    need,
    no_duplicates,
    numbers,
    one_of,
    refuse,
    words,
)
from workbench.scoring.schemes import Part, Scheme, wrong_scheme
from workbench.scoring.schemes import scheme as named_scheme

_SAMPLED = ("survey", "inspection", "mystery")

__all__ = ["composite"]


def composite(
    points: pd.DataFrame,
    *,
    scheme: Scheme | str | Mapping[str, float],
    level: float = 0.95,
    missing: Literal["rescale", "bounds"] = "rescale",
    min_share: float = 0.5,
    correlation: float | pd.DataFrame = 1.0,
) -> pd.DataFrame:
    """Score units from the points of their indicators, with one interval per score.

    Parameters
    ----------
    points : DataFrame
        One row per indicator (and ``community``): ``indicator``, ``channel``, ``max_points`` (> 0),
        ``dimension`` (optional), and what was earned, in this order of precedence: ``points``
        (earned, with ``points_se``, ``points_low``, ``points_high``), ``deductions`` (points lost,
        with ``deductions_se``; at most ``deduction_cap``; an indicator never falls below 0) or
        ``attainment`` (0–1, with ``attainment_se``, ``attainment_low``, ``attainment_high``: the
        columns of :func:`attainment`). None of the three: missing. ``sample`` names what indicators
        share that makes their errors move together (default: the channel for survey, inspection
        and mystery, the indicator itself otherwise).
    scheme : Scheme, "A", "B" or mapping of channel to weight
        What the total is made of. A channel of ``points`` that no part holds is an error.
    level : float
        Confidence level.
    missing : {"rescale", "bounds"}
        An indicator without a value: its points leave the channel's denominator (``rescale``, as
        long as at least ``min_share`` of the channel's points are there), or the channel cannot be
        computed (``bounds``). A part of the scheme without a score leaves the total not computed;
        in each case ``bound_low`` and ``bound_high`` say what the score could be with none and
        with all of the missing points.
    min_share : float
        Least share of a part's points that must be there.
    correlation : float or DataFrame
        Correlation of errors within one ``sample``: one number (1, the default, is the cautious
        bound: errors add up) or a matrix, indicators × indicators.

    Returns
    -------
    DataFrame
        Per unit one row per indicator, channel, dimension and the total: ``part`` (indicator,
        channel, dimension, total), ``finding`` (``score.points.<indicator>``,
        ``score.channel.<part>``, ``score.dimension.<dimension>``, ``score.total``), ``indicator``,
        ``channel``, ``dimension``, ``value`` (0–100), ``points`` (earned), ``max_points``
        (available), ``weight`` (of the part in the total), ``contribution`` (points of 100 in the
        total: over indicators, over parts and over dimensions they add up to the total),
        ``std_error``, ``ci_low``, ``ci_high``, ``level``, ``se_survey``, ``se_inspection``,
        ``se_other`` (what each kind of evidence adds), ``bound_low``, ``bound_high``, ``scheme``,
        ``weights_origin``, ``unit``, ``status``, ``flags``, ``reason_zh``, ``reason_en``,
        ``method``.

    Raises
    ------
    InputError
        Duplicated indicators, points without a maximum or above it, an attainment off 0–1, negative
        deductions, an indicator in two channels, a channel outside the scheme, weights off 1.

    Notes
    -----
    Limits combine by MOVER: ``L = θ − sqrt(d′ R d)`` with ``d`` the weighted distances of the
    indicators to their own lower limits and ``R`` the correlation of errors; likewise above. With
    symmetric limits this is the delta method; with limits cut at 0 or at full points it keeps their
    asymmetry. ``std_error`` is ``sqrt(s′ R s)``. The bounds do not contain sampling error.
    Not for units whose channels answer different questions: a total hides what it trades.

    References
    ----------
    Zou & Donner (2008), Stat. Med. 27, 1693-1702, eqs. 2-4; OECD/JRC (2008), Handbook on
    Constructing Composite Indicators, ch. 7. Rules R-01, R-02, R-03, R-12.

    Examples
    --------
    >>> points = pd.DataFrame({"indicator": ["d", "f", "s"], "max_points": [10, 10, 10],
    ...     "channel": ["record", "inspection", "survey"], "attainment": [0.9, 0.8, 0.7]})
    >>> table = composite(points, scheme="A").set_index("finding")
    >>> round(float(table.loc["score.total", "value"]), 6)
    81.0
    """
    check_level(level)
    one_of(missing, ("rescale", "bounds"), of="missing")
    if not 0 <= min_share <= 1:
        raise refuse("min-share", "min_share 应在 0–1", "min_share must lie in 0–1")
    plan = scheme if isinstance(scheme, Scheme) else named_scheme(scheme)
    need(points, ("indicator", "channel", "max_points"), of="points")
    unit = ["community"] if "community" in points.columns else []
    no_duplicates(points, [*unit, "indicator"], of="points")
    if points.empty:
        raise refuse("empty", "没有任何指标", "there are no indicators")
    grid = _Grid.of(points, plan, level)
    return _combine(grid, plan, level, missing, min_share, _correlation(grid, correlation))


@dataclass(frozen=True)
class _Grid:
    """Points as matrices, units × indicators; NaN in ``max`` means not part of that unit's set."""

    units: list[object]
    has_unit: bool
    indicators: list[str]
    channel: npt.NDArray[np.object_]
    dimension: npt.NDArray[np.object_]
    sample: npt.NDArray[np.object_]
    part: npt.NDArray[np.int64]
    max: Floats
    earned: Floats
    se: Floats
    low: Floats
    high: Floats
    unknown: Bools
    reason: dict[tuple[int, int], tuple[str, str]]
    flags: npt.NDArray[np.object_]

    @staticmethod
    def of(points: pd.DataFrame, plan: Scheme, level: float) -> _Grid:
        earned, se, low, high, unknown = _earned(points, level)
        names, indicators = pd.factorize(words(points, "indicator"))
        if "community" in points.columns:
            rows, units = pd.factorize(points["community"])
        else:
            rows, units = np.zeros(len(points), dtype=np.int64), pd.Index([""])
        first = np.full(len(indicators), -1)
        first[names[::-1]] = np.arange(len(points))[::-1]
        channel, dimension = words(points, "channel"), words(points, "dimension")
        for text, what in ((channel, "channel"), (dimension, "dimension")):
            odd = np.flatnonzero(text != text[first][names])
            if len(odd):
                name = str(indicators[names[odd[0]]])
                raise refuse(
                    "two-groups",
                    f"指标 {name} 出现在两个 {what} 中",
                    f"the indicator {name} stands in two {what}s",
                    found=f"{text[odd[0]]}, {text[first][names][odd[0]]}",
                )
        channel, dimension = channel[first], dimension[first]
        own = np.isin(channel, _SAMPLED)
        default = np.where(own, channel, np.array([f"·{i}" for i in indicators], dtype=object))
        given = words(points, "sample")[first]
        shape = (len(units), len(indicators))

        def wide(values: Floats) -> Floats:
            out = np.full(shape, np.nan)
            out[rows, names] = values
            return out

        zh, en = words(points, "reason_zh"), words(points, "reason_en")
        gaps = np.flatnonzero(np.isnan(earned))
        flags = np.full(shape, "", dtype=object)
        flags[rows, names] = words(points, "flags")
        return _Grid(
            units=list(units),
            has_unit="community" in points.columns,
            indicators=[str(i) for i in indicators],
            channel=channel,
            dimension=dimension,
            sample=np.where(given != "", given, default),
            part=_parts(plan, channel if plan.by == "channel" else dimension, indicators),
            max=wide(numbers(points, "max_points")),
            earned=wide(earned),
            se=wide(se),
            low=wide(low),
            high=wide(high),
            unknown=wide(unknown) == 1,
            reason={(int(rows[i]), int(names[i])): (zh[i], en[i]) for i in gaps},
            flags=flags,
        )


def _parts(
    plan: Scheme, group: npt.NDArray[np.object_], names: npt.NDArray[np.object_]
) -> npt.NDArray[np.int64]:
    place = {m: k for k, p in enumerate(plan.parts) for m in p.members}
    homeless = [str(n) for n, g in zip(names, group, strict=True) if g not in place]
    if homeless:
        raise InputError(
            wrong_scheme(
                plan.slug,
                f"没有任何部分包含这些指标的渠道：{', '.join(homeless[:10])}",
                f"no part holds the {plan.by} of: {', '.join(homeless[:10])}",
                ", ".join(sorted({str(g) for g in group if g not in place})),
            )
        )
    return np.array([place[g] for g in group], dtype=np.int64)


def _earned(points: pd.DataFrame, level: float) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return points earned, error, limits, and where a sampled channel gives no error."""
    most = numbers(points, "max_points")
    direct, lost = numbers(points, "points"), numbers(points, "deductions")
    share, cap = numbers(points, "attainment"), numbers(points, "deduction_cap")
    slack = 1e-9 * np.maximum(most, 1)
    problems = [
        Problem(
            code="scoring.points",
            zh=f"指标 {points['indicator'].iloc[i]}：{zh}",
            en=f"{points['indicator'].iloc[i]}: {en}",
            row=int(i) + 1,
            expected=expected,
            found=f"{found[i]:g}",
        )
        for wrong, zh, en, expected, found in (
            (~(most > 0), "满分缺失或不为正", "no positive maximum", "max_points > 0", most),
            ((direct < -slack) | (direct > most + slack), "得分超出 0 至满分",
             "points off the range", "0 … max_points", direct),
            (lost < 0, "扣分为负", "a negative deduction", "≥ 0", lost),
            ((share < -1e-9) | (share > 1 + 1e-9), "达成度超出 0–1", "attainment off 0–1",
             "0 … 1", share),
        )
        for i in np.flatnonzero(wrong)[:20]
    ]  # fmt: skip
    if problems:
        raise InputError(*problems)
    z = critical(level)

    def limits(
        value: Floats, error: Floats, low: Floats, high: Floats
    ) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        error = np.where(np.isnan(error), (high - low) / (2 * z), error)
        unknown = np.isnan(error).astype(float)
        error = np.where(np.isnan(error), 0.0, error)
        low = np.where(np.isnan(low), value - z * error, low)
        high = np.where(np.isnan(high), value + z * error, high)
        low, high = np.clip(low, 0, most), np.clip(high, 0, most)
        return value, error, np.minimum(low, value), np.maximum(high, value), unknown

    by_points = limits(
        np.clip(direct, 0, most),
        numbers(points, "points_se"),
        numbers(points, "points_low"),
        numbers(points, "points_high"),
    )
    kept = np.clip(most - np.fmin(lost, cap), 0, most)
    nothing = np.full(len(points), np.nan)
    by_loss = limits(kept, numbers(points, "deductions_se"), nothing, nothing)
    by_share = limits(
        np.clip(share, 0, 1) * most,
        numbers(points, "attainment_se") * most,
        numbers(points, "attainment_low") * most,
        numbers(points, "attainment_high") * most,
    )
    chosen = [~np.isnan(direct), ~np.isnan(lost), ~np.isnan(share)]
    earned, se, low, high, unknown = (
        np.select(chosen, list(columns), np.nan)
        for columns in zip(by_points, by_loss, by_share, strict=True)
    )
    hidden = np.isin(words(points, "status"), ["not_computed", "suppressed"])
    earned[hidden] = np.nan
    sampled = np.isin(words(points, "channel"), _SAMPLED)
    return earned, se, low, high, np.where(sampled & ~np.isnan(earned), unknown, 0.0)


def _correlation(grid: _Grid, correlation: float | pd.DataFrame) -> Floats:
    """Correlation matrix of the indicators' errors."""
    same = grid.sample[:, None] == grid.sample[None, :]
    if isinstance(correlation, pd.DataFrame):
        table = correlation.reindex(index=grid.indicators, columns=grid.indicators)
        out = table.to_numpy(dtype=float)
        if np.isnan(out).any() or np.abs(out).max() > 1 + 1e-9 or not np.allclose(out, out.T):
            raise refuse(
                "correlation",
                "相关矩阵应对称、取值在 −1 与 1 之间，并包含每个指标",
                "the correlation must be symmetric, within −1 … 1, and hold every indicator",
            )
        return np.asarray(out, dtype=float)
    if not 0 <= correlation <= 1:
        raise refuse("correlation", "相关系数应在 0–1", "the correlation must lie in 0–1")
    return np.where(np.eye(len(same), dtype=bool), 1.0, np.where(same, float(correlation), 0.0))


def _spread(distances: Floats, correlation: Floats) -> Floats:
    """Root of ``d′ R d`` for each row of ``distances``."""
    square = ((distances @ correlation) * distances).sum(axis=1)
    return np.asarray(np.sqrt(np.maximum(square, 0.0)), dtype=float)


@dataclass(frozen=True)
class _Score:
    """One score per unit, linear in the points of the indicators."""

    value: Floats
    std_error: Floats
    ci_low: Floats
    ci_high: Floats
    se_survey: Floats
    se_inspection: Floats
    se_other: Floats


def _linear(grid: _Grid, factor: Floats, correlation: Floats) -> _Score:
    """Value and error of ``Σ factor × points`` for each unit; a factor of 0 leaves a point out."""
    used = factor != 0
    points, se, low, high = (
        np.where(used & ~np.isnan(m), m, 0.0) * factor
        for m in (grid.earned, grid.se, grid.low, grid.high)
    )
    value = points.sum(axis=1)
    survey = grid.channel == "survey"
    site = np.isin(grid.channel, ["inspection", "mystery"])
    return _Score(
        value=value,
        std_error=_spread(se, correlation),
        ci_low=value - _spread(points - low, correlation),
        ci_high=value + _spread(high - points, correlation),
        se_survey=_spread(se * survey, correlation),
        se_inspection=_spread(se * site, correlation),
        se_other=_spread(se * ~(survey | site), correlation),
    )


def _combine(
    grid: _Grid,
    plan: Scheme,
    level: float,
    missing: str,
    min_share: float,
    correlation: Floats,
) -> pd.DataFrame:
    in_set = ~np.isnan(grid.max)
    there = in_set & ~np.isnan(grid.earned)
    most = np.where(in_set, grid.max, 0.0)
    here, got = np.where(there, most, 0.0), np.where(there, grid.earned, 0.0)
    least = 1 - 1e-12 if missing == "bounds" else max(min_share, 1e-12)

    def group(mask: Bools) -> tuple[_Score, Bools, dict[str, Floats]]:
        full, available, earned = ((m * mask).sum(axis=1) for m in (most, here, got))
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = np.where(mask & there, 100 / available[:, None], 0.0)
            valid = (available > 0) & (available / full >= least)
            bounds = {"bound_low": 100 * earned / full,
                      "bound_high": 100 * (earned + full - available) / full}  # fmt: skip
        score = _linear(grid, np.where(np.isfinite(factor), factor, 0.0), correlation)
        return score, valid, {"full": full, "available": available, "earned": earned, **bounds}

    # what one point of an indicator is worth in the total
    per_point = np.zeros_like(most)
    total_ok = np.ones(len(most), dtype=bool)
    low, high = np.zeros(len(most)), np.zeros(len(most))
    scored = []
    for k, part in enumerate(plan.parts):
        score, valid, sums = group(grid.part == k)
        scored.append((part, score, valid, sums))
        if part.weight == 0:
            continue
        total_ok &= valid
        with np.errstate(divide="ignore", invalid="ignore"):
            worth = np.where(sums["available"] > 0, part.weight * 100 / sums["available"], 0.0)
        per_point += np.where((grid.part == k) & there, worth[:, None], 0.0)
        low += part.weight * np.where(sums["full"] > 0, sums["bound_low"], 0.0)
        high += part.weight * np.where(sums["full"] > 0, sums["bound_high"], 100.0)
    contribution = np.where(there & total_ok[:, None], got * per_point, np.nan)

    frames = [_indicator_rows(grid, contribution, in_set, there)]
    for part, score, valid, sums in scored:
        slug, mask = part.slug, grid.part == plan.parts.index(part)
        frames.append(_group_rows(grid, plan.by, slug, score, valid, sums, mask, there, in_set,
                                  contribution, part.weight))  # fmt: skip
    other = grid.dimension if plan.by == "channel" else grid.channel
    kind = "dimension" if plan.by == "channel" else "channel"
    for name in dict.fromkeys(other):
        if name:
            mask = other == name
            score, valid, sums = group(mask)
            frames.append(_group_rows(grid, kind, str(name), score, valid, sums, mask, there,
                                      in_set, contribution, np.nan))  # fmt: skip
    frames.append(_total_rows(grid, plan, _linear(grid, per_point, correlation), total_ok, low,
                              high, there, in_set, scored))  # fmt: skip
    out = pd.concat(frames, ignore_index=True)
    out = out.sort_values("_unit", kind="stable").reset_index(drop=True)
    if grid.has_unit:
        out.insert(0, "community", np.asarray(grid.units, dtype=object)[out["_unit"]])
    return out.drop(columns="_unit").assign(
        level=level,
        scheme=plan.slug,
        weights_origin=plan.origin,
        missing_policy=missing,
        method="scoring.composite",
    )


def _indicator_rows(grid: _Grid, contribution: Floats, in_set: Bools, there: Bools) -> pd.DataFrame:
    unit, k = np.nonzero(in_set)
    names = np.asarray(grid.indicators, dtype=object)
    gap = ~there[unit, k]
    zh, en = (np.full(len(unit), "", dtype=object) for _ in range(2))
    for row in np.flatnonzero(gap):
        given = grid.reason.get((int(unit[row]), int(k[row])), ("", ""))
        zh[row], en[row] = given[0] or _NOTHING[0], given[1] or _NOTHING[1]
    survey = grid.channel == "survey"
    site = np.isin(grid.channel, ["inspection", "mystery"])
    se = np.where(there, grid.se, np.nan)[unit, k]
    return pd.DataFrame(
        {
            "_unit": unit,
            "part": "indicator",
            "finding": ("score.points." + pd.Series(names)).to_numpy()[k],
            "indicator": names[k],
            "channel": grid.channel[k],
            "dimension": grid.dimension[k],
            "value": np.where(gap, np.nan, grid.earned[unit, k]),
            "unit": "points",
            "points": np.where(gap, np.nan, grid.earned[unit, k]),
            "max_points": grid.max[unit, k],
            "weight": np.nan,
            "contribution": contribution[unit, k],
            "std_error": se,
            "ci_low": np.where(gap, np.nan, grid.low[unit, k]),
            "ci_high": np.where(gap, np.nan, grid.high[unit, k]),
            "se_survey": np.where(survey[k], se, 0.0),
            "se_inspection": np.where(site[k], se, 0.0),
            "se_other": np.where(survey[k] | site[k], 0.0, se),
            "bound_low": np.where(gap, 0.0, np.nan),
            "bound_high": np.where(gap, grid.max[unit, k], np.nan),
            "status": np.where(gap, "not_computed", "ok"),
            "flags": add_word(grid.flags[unit, k], grid.unknown[unit, k], "error_unknown"),
            "reason_zh": zh,
            "reason_en": en,
        }
    )  # fmt: skip


_NOTHING = ("没有可计分的结果", "there is nothing to score")


def _group_rows(
    grid: _Grid,
    kind: str,
    slug: str,
    score: _Score,
    valid: Bools,
    sums: dict[str, Floats],
    mask: Bools,
    there: Bools,
    in_set: Bools,
    contribution: Floats,
    weight: float,
) -> pd.DataFrame:
    exists = (sums["full"] > 0) | (weight > 0)
    unit = np.flatnonzero(exists)
    gaps: Bools = np.asarray((in_set & ~there & mask).any(axis=1))
    zh, en = _gap_reasons(grid, in_set & ~there & mask, sums["full"] > 0)
    shares = np.nansum(contribution[:, mask], axis=1)
    told = np.isfinite(contribution[:, mask]).any(axis=1)

    def shown(values: Floats) -> Floats:
        return np.asarray(np.where(valid, values, np.nan)[unit])

    return pd.DataFrame(
        {
            "_unit": unit,
            "part": kind,
            "finding": f"score.{kind}.{slug}",
            "indicator": "",
            "channel": slug if kind == "channel" else "",
            "dimension": slug if kind == "dimension" else "",
            "value": shown(score.value),
            "unit": "score_0_100",
            "points": sums["earned"][unit],
            "max_points": sums["available"][unit],
            "weight": weight,
            "contribution": np.where(told, shares, np.nan)[unit],
            "std_error": shown(score.std_error),
            "ci_low": shown(score.ci_low),
            "ci_high": shown(score.ci_high),
            "se_survey": shown(score.se_survey),
            "se_inspection": shown(score.se_inspection),
            "se_other": shown(score.se_other),
            "bound_low": np.where(sums["full"] > 0, sums["bound_low"], 0.0)[unit],
            "bound_high": np.where(sums["full"] > 0, sums["bound_high"], 100.0)[unit],
            **_state(grid, mask, valid, gaps, zh, en, unit),
        }
    )


def _state(
    grid: _Grid,
    mask: Bools,
    valid: Bools,
    gaps: Bools,
    zh: npt.NDArray[np.object_],
    en: npt.NDArray[np.object_],
    unit: npt.NDArray[np.int64],
) -> dict[str, npt.NDArray[np.object_]]:
    """Status, flags and reasons of a score; an interval that lacks an error says so."""
    lacks = (grid.unknown & mask).any(axis=1) & valid
    flags = add_word(np.full(len(valid), "", dtype=object), ~valid, "incomplete")
    flags = add_word(add_word(flags, valid & gaps, "rescaled"), lacks, "error_unknown")
    status = np.where(~valid, "not_computed", np.where(lacks, "low_precision", "ok"))
    return {
        "status": status[unit],
        "flags": flags[unit],
        "reason_zh": add_word(zh, lacks, "区间未含部分抽样结果或评分的误差", "；")[unit],
        "reason_en": add_word(
            en, lacks, "the interval lacks the error of some sampled results or marks", "; "
        )[unit],
    }


def _gap_reasons(
    grid: _Grid, gaps: Bools, exists: Bools
) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.object_]]:
    zh, en = (np.full(len(gaps), "", dtype=object) for _ in range(2))
    for u in np.flatnonzero(gaps.any(axis=1)):
        names = [grid.indicators[i] for i in np.flatnonzero(gaps[u])]
        zh[u] = f"{len(names)} 个指标没有结果：{'、'.join(names)}"
        en[u] = f"{len(names)} indicators without a result: {', '.join(names)}"
    zh[~exists], en[~exists] = "没有任何指标", "there is no indicator"
    return zh, en


def _total_rows(
    grid: _Grid,
    plan: Scheme,
    score: _Score,
    valid: Bools,
    low: Floats,
    high: Floats,
    there: Bools,
    in_set: Bools,
    scored: list[tuple[Part, _Score, Bools, dict[str, Floats]]],
) -> pd.DataFrame:
    gaps: Bools = np.asarray((in_set & ~there).any(axis=1))
    zh, en = _gap_reasons(grid, in_set & ~there, np.ones(len(valid), dtype=bool))
    for part, _, ok, _ in scored:
        if part.weight > 0:
            for u in np.flatnonzero(~ok):
                zh[u] = f"部分“{part.zh}”无法计分；{zh[u]}".rstrip("；")
                en[u] = f"the part “{part.en}” cannot be scored; {en[u]}".rstrip("; ")

    def shown(values: Floats) -> Floats:
        return np.asarray(np.where(valid, values, np.nan))

    return pd.DataFrame(
        {
            "_unit": np.arange(len(valid)),
            "part": "total",
            "finding": "score.total",
            "indicator": "",
            "channel": "",
            "dimension": "",
            "value": shown(score.value),
            "unit": "score_0_100",
            "points": shown(score.value),
            "max_points": 100.0,
            "weight": 1.0,
            "contribution": shown(score.value),
            "std_error": shown(score.std_error),
            "ci_low": shown(score.ci_low),
            "ci_high": shown(score.ci_high),
            "se_survey": shown(score.se_survey),
            "se_inspection": shown(score.se_inspection),
            "se_other": shown(score.se_other),
            "bound_low": low,
            "bound_high": high,
            **_state(
                grid,
                np.ones(len(grid.indicators), dtype=bool),
                valid,
                gaps,
                zh,
                en,
                np.arange(len(valid)),
            ),
        }
    )
