"""Checks of what is claimed: text, percentages, tests, targets, open cases, counts."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import pandas as pd

from workbench.change._checks import Row, check, framed
from workbench.change._frames import figures, record
from workbench.change.durations import kaplan_meier
from workbench.change.multiple import tests
from workbench.change.power import target_test
from workbench.change.published import claim_unit, fits_counts, possible_n
from workbench.change.wording import overclaims

__all__ = [
    "check_conflicting_text",
    "check_dispersion",
    "check_impossible",
    "check_many_tests",
    "check_open_cases",
    "check_overlap_rule",
    "check_percent_or_points",
    "check_sparse",
    "check_target",
    "check_unchanged",
]

_UNCHANGED = re.compile(
    r"\b(?:unchanged|no change|did not change|remained the same|stable)\b"
    r"|没有变化|无变化|未变|持平",
    flags=re.IGNORECASE,
)
_SIGNIFICANT = re.compile(r"\bsignificant|显著", flags=re.IGNORECASE)
_NOT_SIGNIFICANT = re.compile(
    r"\b(?:not|no|non)[\s-]*(?:statistically\s+)?significant|\binsignificant|不显著|未达显著|无显著",
    flags=re.IGNORECASE,
)


_ALPHA = 0.05  # a p value below counts as found
_UNITS = {"points": "百分点", "percent": "百分比", "both": "二者", "neither": "二者皆非"}


@framed
def check_overlap_rule(text: str, replacement: str = "") -> list[Row]:
    """Check 10: find the reading of overlapping intervals as "no difference".

    Parameters
    ----------
    text
        Text of a report, zh or en.
    replacement
        Sentence from the interval of the difference, printed as the remedy.
    """
    found = [w for w in overclaims(text, "E5") if "overlap" in w.lower() or "重叠" in w]
    return check(
        10,
        "failed" if found else "passed",
        "区间重叠不等于没有差别：看差值的区间" if found else "未以区间重叠作判断",
        "overlapping intervals do not mean no difference: read the interval of the difference"
        if found
        else "no judgement by overlapping intervals",
        value=len(found),
        unit="count",
        remedy_zh=replacement,
        remedy_en=replacement,
    )


@framed
def check_percent_or_points(before: float, after: float, claimed: float, unit: str) -> list[Row]:
    """Check 11: whether the claimed change matches its unit.

    Parameters
    ----------
    before, after, claimed
        Figures in percent and the change as printed.
    unit
        ``points`` or ``percent``, as the text says.
    """
    match = claim_unit(before, after, claimed)
    good = match in (unit, "both")
    return check(
        11,
        "passed" if good else "failed",
        f"所称变化与此相符：{_UNITS[match]}",
        f"the claimed change matches: {match}; the text says {unit}",
        value=claimed,
        unit=unit,
        flags=f"matches_{match}",
    )


@framed
def check_impossible(percent: float, n: int | None, *, decimals: int = 0) -> list[Row]:
    """Check 12: whether a whole count gives this percentage.

    Parameters
    ----------
    percent, n, decimals
        Figure, number asked (``None``: not published) and decimals printed.
    """
    if n is None:
        least = possible_n(percent, decimals=decimals)
        return check(
            12,
            "cannot_tell",
            f"样本量未公布；能得出该数的最小样本量为 {least}",
            f"the number asked was not published; the smallest that fits is {least}",
            value=math.nan if least is None else least,
            unit="count",
        )
    counts = fits_counts(percent, n, decimals=decimals)
    return check(
        12,
        "passed" if counts else "failed",
        f"{n} 人中可有 {counts[0]} 人" if counts else f"{n} 人中没有任何人数能得出该数",
        f"{counts[0]} of {n} gives it" if counts else f"no count of {n} gives it",
        value=percent,
        unit="percent",
        n=n,
        severity="warning" if counts else "critical",
    )


@framed
def check_many_tests(made: pd.DataFrame, *, method: str = "holm") -> list[Row]:
    """Check 17: tests raw and corrected, beside what chance alone would give.

    Parameters
    ----------
    made
        Tidy frame with ``p_value``.
    method
        Correction.
    """
    m, raw, left = tests(made, method=method, alpha=_ALPHA)
    chance = m * _ALPHA
    if m == 0:
        return check(17, "not_applicable", "没有检验", "no test was made")
    return check(
        17,
        "passed" if raw == left else "failed",
        f"{m} 项检验中未校正 {raw} 项、校正后 {left} 项；仅凭偶然约 {chance:.1f} 项",
        f"{raw} of {m} raw, {left} after correction; {chance:.1f} expected by chance",
        value=left,
        unit="count",
        n=m,
    )


@framed
def check_unchanged(text: str, verdict: str) -> list[Row]:
    """Check 18: "unchanged" may be said only when equivalence was shown.

    Parameters
    ----------
    text
        Sentence about the comparison.
    verdict
        Verdict of the comparison.
    """
    found = _UNCHANGED.search(text) is not None
    good = not found or verdict == "no_relevant_change"
    return check(
        18,
        "passed" if good else "failed",
        "“没有变化”须由等效检验得出" if not good else "用语与判断一致",
        '"unchanged" needs a test of equivalence' if not good else "words and verdict agree",
    )


@framed
def check_target(
    x: float, n: float, target: float, *, up: bool = True, claimed: str = "met"
) -> list[Row]:
    """Check 19: whether a target is met by a limit, and not by the point estimate alone.

    Parameters
    ----------
    x, n, target, up
        As for :func:`~workbench.change.target_test`.
    claimed
        ``met`` or ``not_met``, as the text says.
    """
    made = target_test(x, n, target, up=up).iloc[0]
    good = made["verdict"] == claimed
    words = {"met": "达标", "not_met": "未达标", "cannot_tell": "未能证明"}
    return check(
        19,
        "passed" if good else "failed",
        f"按单侧界限：{words[str(made['verdict'])]}",
        f"by the one-sided limit: {str(made['verdict']).replace('_', ' ')}",
        value=made["value"],
        unit="share",
        ci_low=made["ci_low"],
        ci_high=made["ci_high"],
        target=target,
        n=n,
    )


@framed
def check_open_cases(
    data: pd.DataFrame,
    *,
    duration: str,
    closed: str,
    within: float = 3.0,
    unit: str = "days",
    used: bool = False,
) -> list[Row]:
    """Check 20: the share closed in time with open cases, beside that of closed cases only.

    Parameters
    ----------
    data, duration, closed, within, unit
        As for :func:`~workbench.change.kaplan_meier`.
    used
        Whether the comparison counts open cases as censored.
    """
    km = kaplan_meier(data, duration=duration, closed=closed, within=[within], unit=unit)
    value = figures(km)
    share = km[(km["statistic"] == "share_within") & (km["status"] == "ok")]
    if share.empty:
        return check(
            20, "cannot_tell", "无法估计按期办结的份额", "the share closed in time cannot be told"
        )
    one = record(share)
    left, cases, naive = (value[s] for s in ("open", "cases", "closed_only_share_within"))
    follow = float(data[duration].median())
    return check(
        20,
        "passed" if left == 0 or used else "failed",
        f"未结 {left:.0f}/{cases:.0f} 件，中位观察 {follow:.1f}；只算已结为 {naive:.1%}",
        f"{left:.0f} of {cases:.0f} open, median follow-up {follow:.1f}; "
        f"closed cases alone give {naive:.1%}",
        value=one["value"],
        unit="share",
        ci_low=one["ci_low"],
        ci_high=one["ci_high"],
        n=cases,
    )


@framed
def check_dispersion(models: pd.DataFrame, *, used: bool = False) -> list[Row]:
    """Check 21: whether the counts are more spread than Poisson allows.

    Parameters
    ----------
    models
        Frame of :func:`~workbench.change.rate_models`.
    used
        Whether the comparison allows for it.
    """
    phi = figures(models)["dispersion"]
    p = figures(models, "p_value")["overdispersion"]
    wide = phi > 1.5 or p < 0.05
    low, high = (figures(models, end, by="method") for end in ("ci_low", "ci_high"))
    text = "; ".join(
        f"{name} {low[key]:.2f} to {high[key]:.2f}"
        for name in ("poisson", "quasi")
        for key in [f"change.rate_ratio.{name}"]
        if key in low
    )
    return check(
        21,
        "failed" if wide and not used else "passed",
        f"离散度 {phi:.2f}" + ("：用准泊松或负二项" if wide else ""),
        f"dispersion {phi:.2f}" + (": quasi-Poisson or negative binomial" if wide else ""),
        value=phi,
        unit="ratio",
        p_value=p,
        remedy_zh=text,
        remedy_en=text,
    )


@framed
def check_sparse(*counts: float, used: bool = False) -> list[Row]:
    """Check 22: any count under 5 needs an exact or mid-p method, zero a one-sided limit.

    Parameters
    ----------
    counts
        Counts compared.
    used
        Whether an exact or mid-p method was used.
    """
    least = min(counts)
    zh = "计数为零：只给单侧界限" if least == 0 else "计数少于 5：用精确法或 mid-p"
    en = "a zero count: a one-sided limit only" if least == 0 else "a count under 5: exact or mid-p"
    if least >= 5:
        zh, en = "计数足够", "counts are large enough"
    if least < 5 and used:
        zh, en = f"{zh}（已采用）", f"{en} (it was used)"
    bad = least < 5 and not used
    return check(22, "failed" if bad else "passed", zh, en, value=least, unit="count")


@framed
def check_conflicting_text(sentences: Sequence[str]) -> list[Row]:
    """Check 28: no claim is called both significant and not significant.

    Parameters
    ----------
    sentences
        All sentences about one claim.
    """
    negative = [_NOT_SIGNIFICANT.search(s) is not None for s in sentences]
    positive = [_SIGNIFICANT.search(_NOT_SIGNIFICANT.sub("", s)) is not None for s in sentences]
    clash = any(negative) and any(positive)
    return check(
        28,
        "failed" if clash else "passed",
        "同一结论既称显著又称不显著" if clash else "用语一致",
        "one claim is called significant and not significant" if clash else "the text agrees",
        severity="critical" if clash else "warning",
    )
