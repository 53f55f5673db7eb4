"""Checks of the design: selection, composition, response, season, trend, clusters, instrument."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.change._checks import Row, check, framed
from workbench.change.clusters import intraclass
from workbench.change.published import nonresponse_bounds, reliability_range, selection_gain
from workbench.change.samples import composition_rows
from workbench.survey import kish

__all__ = [
    "check_attrition",
    "check_baseline",
    "check_ceiling",
    "check_clusters",
    "check_composition",
    "check_denominator",
    "check_directions",
    "check_few",
    "check_instrument",
    "check_pairs",
    "check_regression_to_mean",
    "check_response",
    "check_season",
]


@framed
def check_regression_to_mean(
    *,
    sd: float,
    observed: float,
    worst_of: int | None = None,
    fraction: float | None = None,
    reliability: float | None = None,
    unit: str = "score",
) -> list[Row]:
    """Check 1: the gain expected without any effect, and what is left of the observed one.

    Parameters
    ----------
    sd, observed
        Spread of the baselines over units, and the gain seen (better = positive).
    worst_of, fraction
        How the unit was chosen; neither: it was not chosen for its baseline.
    reliability
        Correlation of earlier waves; ``None``: shown for 0.5, 0.7 and 0.9.
    unit
        Unit of the gain.
    """
    if worst_of is None and fraction is None:
        return check(1, "passed", "不是因基期低而选", "not chosen for a low baseline")
    made: list[Row] = []
    for r in reliability_range() if reliability is None else (reliability,):
        gain = selection_gain(sd=sd, reliability=r, worst_of=worst_of, fraction=fraction)
        rest = observed - gain
        made += check(
            1,
            "failed" if rest <= 0 else "passed",
            f"信度 {r:.2f}：没有任何作用也会改善 {gain:.3g}，余 {rest:.3g}",
            f"reliability {r:.2f}: a gain of {gain:.3g} is expected without any effect, "
            f"{rest:.3g} is left",
            value=gain,
            unit=unit,
            reliability=r,
            remainder=rest,
        )
    return made


@framed
def check_baseline(baseline: float, earlier: Sequence[float]) -> list[Row]:
    """Check 2: whether the baseline is the lowest or highest of four or more values.

    Parameters
    ----------
    baseline
        Value of the wave used as baseline.
    earlier
        Values of the waves before it.
    """
    values = [float(v) for v in earlier if not math.isnan(v)]
    if len(values) < 3:
        return check(
            2,
            "cannot_tell",
            "更早的各期不足 3 个",
            "fewer than three earlier values",
            value=baseline,
            unit="score",
            n=len(values),
        )
    extreme = baseline < min(values) or baseline > max(values)
    return check(
        2,
        "failed" if extreme else "passed",
        "基期是历次中的最低或最高值" if extreme else "基期在历次范围之内",
        "the baseline is the lowest or highest so far"
        if extreme
        else "the baseline lies within earlier values",
        value=1 + sum(v < baseline for v in values),
        unit="rank",
        n=len(values) + 1,
    )


@framed
def check_composition(
    data: pd.DataFrame,
    *,
    by: str,
    baseline: Any,
    current: Any,
    variables: Sequence[str],
    weights: str | None = None,
) -> list[Row]:
    """Check 3: largest standardised difference of composition (0.05 note, 0.25 fail).

    Parameters
    ----------
    data, by, baseline, current, variables, weights
        As for :func:`~workbench.change.composition_change`.
    """
    if not variables:
        return check(3, "cannot_tell", "没有构成变量", "no variables of composition")
    made = composition_rows(
        data, by=by, baseline=baseline, current=current, variables=variables, weights=weights
    )
    parts = [one for one in made if one["statistic"] == "standardised_difference"]
    if not parts:
        return check(3, "cannot_tell", "构成无法比较", "the composition cannot be compared")
    # of two that are as large, as those of two categories are, the later
    one = max(reversed(parts), key=lambda part: abs(part["value"]))
    worst = float(one["value"])
    size = abs(worst)
    name = f"{one['item']}={one['category']}"
    return check(
        3,
        "failed" if size > 0.25 else "passed",
        f"最大标准化差异 {size:.2f}（{name}）" + ("，须标准化" if size > 0.05 else ""),
        f"largest standardised difference {size:.2f} ({name})"
        + (": standardise" if size > 0.05 else ""),
        value=worst,
        unit="sd",
        flags="noted" if 0.05 < size <= 0.25 else "",
    )


@framed
def check_attrition(
    lost: float | None, *, boundary: float = 0.2, by_arm: Mapping[str, float] | None = None
) -> list[Row]:
    """Check 4: share lost, and the difference between arms.

    Parameters
    ----------
    lost
        Share of the first wave lost; ``None``: not known.
    boundary
        Largest share tolerated; the difference between arms may be half of what is left to it.
    by_arm
        Share lost by arm.
    """
    if lost is None:
        return check(4, "cannot_tell", "流失未知", "attrition is not known")
    gap = max(by_arm.values()) - min(by_arm.values()) if by_arm else 0.0
    # WWC 5.0, cautious boundary, as a straight line: 10 points at none lost, 0 at 45 % lost
    allowed = max(0.0, 0.10 * (1 - lost / 0.45))
    failed = lost > boundary or gap > allowed
    return check(
        4,
        "failed" if failed else "passed",
        f"流失 {lost:.1%}" + (f"，组间相差 {gap:.1%}" if by_arm else ""),
        f"{lost:.1%} lost" + (f", {gap:.1%} apart between arms" if by_arm else ""),
        value=lost,
        unit="share",
        target=boundary,
    )


@framed
def check_response(
    before: float, after: float, response_before: float | None, response_after: float | None
) -> list[Row]:
    """Check 5: whether those who did not answer could explain the change.

    Parameters
    ----------
    before, after
        Shares, 0-1.
    response_before, response_after
        Response rates; ``None``: not known.
    """
    if response_before is None or response_after is None:
        return check(5, "cannot_tell", "须有两期应答率", "both response rates are needed")
    low, high = nonresponse_bounds(
        before, after, response_before=response_before, response_after=response_after
    )
    moved = abs(response_after - response_before) > 0.10
    open_ = low <= 0 <= high
    zh = f"无应答上下界 {100 * low:+.0f} 至 {100 * high:+.0f} 个百分点"
    en = f"bounds {100 * low:+.0f} to {100 * high:+.0f} points"
    return check(
        5,
        "failed" if open_ or moved else "passed",
        zh + ("：不能排除没有变化" if open_ else ""),
        en + (": cannot exclude no change" if open_ else ""),
        value=response_after - response_before,
        unit="pp",
        ci_low=low,
        ci_high=high,
    )


@framed
def check_season(before: Sequence[int], after: Sequence[int]) -> list[Row]:
    """Check 6: whether the waves are in the same calendar months.

    Parameters
    ----------
    before, after
        Months (1-12) of field work, or of the windows compared.
    """
    if not before or not after:
        return check(6, "cannot_tell", "月份未知", "the months are not known")
    whole = set(before) == set(after)
    return check(
        6,
        "passed" if whole else "failed",
        "月份相同" if whole else "月份不同：不能排除季节",
        "same months" if whole else "different months: season is not ruled out",
        value=len(set(before) ^ set(after)),
        unit="count",
    )


@framed
def check_denominator(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Row]:
    """Check 13: whether unit label, exposure, households or window differ by more than 10 %.

    Parameters
    ----------
    before, after
        The same keys for both waves: texts must be equal, numbers within 10 %.
    """
    if not before or set(before) != set(after):
        return check(13, "cannot_tell", "分母说明不全", "the denominators are not both stated")
    apart = []
    for name, one in before.items():
        other = after[name]
        if isinstance(one, str) or isinstance(other, str):
            if one != other:
                apart.append(f"{name}: {one} / {other}")
        elif abs(float(other) - float(one)) > 0.10 * abs(float(one)):
            apart.append(f"{name}: {float(one):g} / {float(other):g}")
    text = "; ".join(apart)
    return check(
        13,
        "failed" if apart else "passed",
        f"分母不同（{text}）：按共同暴露量重算" if apart else "分母相同",
        f"denominators differ ({text}): recompute on common exposure" if apart else "the same",
        value=len(apart),
        unit="count",
    )


@framed
def check_clusters(
    y: Any, *, cluster: Any | None = None, weights: Any | None = None, used: bool
) -> list[Row]:
    """Check 14: whether clusters or weights matter, and were used.

    Parameters
    ----------
    y, cluster, weights
        Answers of one wave, their clusters and weights.
    used
        Whether the comparison used them.
    """
    y = np.asarray(y, dtype=float)
    known = ~np.isnan(y)
    y = y[known]
    deff, icc, n_eff = 1.0, 0.0, float(len(y))
    if not len(y):
        return check(14, "cannot_tell", "没有回答", "no answers")
    if weights is not None:
        effect = kish(np.asarray(weights, dtype=float)[known])
        deff *= effect
        n_eff = len(y) / effect
    if cluster is not None:
        labels = np.asarray(cluster)[known]
        made = intraclass(y, labels)
        if made["status"] == "ok":
            icc = max(0.0, float(made["value"]))
            deff *= 1 + (len(y) / len(np.unique(labels)) - 1) * icc
    matters = deff > 1.1
    return check(
        14,
        "failed" if matters and not used else "passed",
        f"设计效应约 {deff:.2f}，类内相关 {icc:.3f}，Kish 有效样本 {n_eff:.0f}",
        f"design effect about {deff:.2f}, ICC {icc:.3f}, Kish n {n_eff:.0f}",
        value=deff,
        unit="ratio",
        n=len(y),
        n_effective=n_eff,
    )


@framed
def check_pairs(before: Any, after: Any, *, paired: bool) -> list[Row]:
    """Check 15: whether the same people are in both waves, and were analysed so.

    Parameters
    ----------
    before, after
        Names of the people of each wave.
    paired
        Whether a paired method was used.
    """
    one, two = set(pd.Series(before).dropna()), set(pd.Series(after).dropna())
    if not one or not two:
        return check(15, "cannot_tell", "没有可识别的人", "people are not identified")
    share = len(one & two) / min(len(one), len(two))
    should = share >= 0.5
    zh = f"两期相同的人占 {share:.0%}：应用{'配对' if should else '独立样本'}方法"
    en = f"{share:.0%} of the people are the same: {'paired' if should else 'two-sample'} methods"
    return check(
        15,
        "passed" if should == paired or 0 < share < 0.5 else "failed",
        zh,
        en,
        value=share,
        unit="share",
    )


@framed
def check_few(treated: int, comparison: int, *, alpha: float = 0.05) -> list[Row]:
    """Check 16: whether any p under ``alpha`` can be reached with so few communities.

    Parameters
    ----------
    treated, comparison
        Communities per arm.
    alpha
        Limit.
    """
    if min(treated, comparison) < 1:
        return check(16, "cannot_tell", "缺一组社区", "an arm has no community")
    least = 1 / math.comb(treated + comparison, treated) * (2 if treated == comparison else 1)
    return check(
        16,
        "failed" if least > alpha or min(treated, comparison) < 2 else "passed",
        f"干预 {treated}、对照 {comparison} 个社区，随机化 p 最小 {least:.3f}",
        f"{treated} treated, {comparison} comparison: smallest attainable p {least:.3f}",
        value=least,
        unit="p",
        n=treated + comparison,
    )


_INSTRUMENT_ZH = {"mode": "调查方式", "weighting": "加权"}


@framed
def check_instrument(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Row]:
    """Check 25: whether question text, scale labels, mode, weighting and code are the same.

    Parameters
    ----------
    before, after
        What defines the measurement in each wave; compared key by key, by digest.
    """
    if not before or not after:
        return check(25, "cannot_tell", "测量工具未说明", "the instruments are not stated")

    def digest(value: Any) -> str:
        text = json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
        return hashlib.sha256(text.encode("utf-8")).hexdigest()[:12]

    def shown(value: Any) -> str:
        words = isinstance(value, list) and all(isinstance(one, str) for one in value)
        return ", ".join(value) if words else digest(value)

    keys = sorted(set(before) | set(after))
    apart = [k for k in keys if digest(before.get(k)) != digest(after.get(k))]
    pairs = [(k, f"{shown(before.get(k))} / {shown(after.get(k))}") for k in apart]
    zh = "；".join(f"{_INSTRUMENT_ZH.get(k, k)} {pair}" for k, pair in pairs)
    en = "; ".join(f"{k} {pair}" for k, pair in pairs)
    return check(
        25,
        "failed" if apart else "passed",
        f"已改变：{zh}；比较须注明，不能归于实际变化" if apart else "未改变",
        f"changed: {en}; a comparison has to say so, and cannot call it change alone"
        if apart
        else "unchanged",
        value=len(apart),
        unit="count",
        severity="critical" if apart else "warning",
    )


@framed
def check_directions(
    data: pd.DataFrame, *, item: str, by: str, baseline: Any, current: Any, community: str
) -> list[Row]:
    """Check 26: whether the pooled change points the same way as that of most communities.

    Parameters
    ----------
    data, item, by, baseline, current, community
        Rows of respondents and columns; ``item`` numeric.
    """
    used = data[data[by].isin([baseline, current]) & data[item].notna()]
    wide = used.groupby([community, by], observed=True)[item].mean().unstack()
    if baseline not in wide or current not in wide or wide.dropna().shape[0] < 2:
        return check(26, "cannot_tell", "不足两个社区", "fewer than two communities")
    wide = wide.dropna()
    d = wide[current] - wide[baseline]
    means = used.groupby(by, observed=True)[item].mean()
    pooled = float(means[current] - means[baseline])
    share = used[used[by] == baseline][community].value_counts(normalize=True).reindex(d.index)
    standard = float((d * share).sum() / share.sum())
    against = int((np.sign(d) == -np.sign(pooled)).sum())
    clash = np.sign(standard) == -np.sign(pooled) or against > len(d) / 2
    return check(
        26,
        "failed" if clash else "passed",
        f"{len(d)} 个社区中 {against} 个方向相反；按社区标准化 {standard:+.3g}，合计 {pooled:+.3g}",
        f"{against} of {len(d)} communities point the other way; standardised {standard:+.3g}, "
        f"pooled {pooled:+.3g}",
        value=standard,
        unit="score",
        n=len(d),
    )


@framed
def check_ceiling(before: Any, *, highest: float) -> list[Row]:
    """Check 27: whether more than 60 % gave the highest answer already before.

    Parameters
    ----------
    before
        Answers of the wave before; missing left out.
    highest
        Top category of the scale.
    """
    y = pd.Series(before).dropna().to_numpy(dtype=float)
    if not len(y):
        return check(27, "cannot_tell", "没有回答", "no answers")
    share = float((y == highest).mean())
    return check(
        27,
        "failed" if share > 0.60 else "passed",
        f"基期 {share:.0%} 已在最高档" + ("：并列次序效应" if share > 0.60 else ""),
        f"{share:.0%} in the top category before"
        + (": show an ordinal effect beside it" if share > 0.60 else ""),
        value=share,
        unit="share",
        n=len(y),
    )
