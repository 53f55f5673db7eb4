"""Sentences of a claim: numbers in plain units, words no stronger than the grade."""

from __future__ import annotations

import math
import re

from workbench.change.grade import Grade
from workbench.change.verdict import Verdict

__all__ = ["figure", "overclaims", "sentence"]

# what a text may say only from a grade on: grade, zh, en
_CLAIMS: tuple[tuple[int, str, str], ...] = (
    (
        5,
        r"(?<!有证据显示)(?:作用为|效果为|证明了|使得|导致|归功于|由于|因为|带来了)",
        r"\b(?:because of|due to|caused?|causes|led to|leads to|thanks to|proves?d?|resulted in"
        r"|(?<!evidence of an )effect of(?! about))\b",
    ),
    (4, r"作用|效果|成效", r"\beffects?\b|\bimpact\b"),
    (3, r"比趋势|与趋势|与对照|比对照", r"\b(?:than|against) the (?:trend|comparison)\b"),
    (2, r"调整后", r"\b(?:after adjusting|adjusted for)\b"),
    (
        1,
        r"变化|相差|上升|下降|提高|改善|变好|变差|显著",
        r"\b(?:differ\w*|rose|fell|improved?|better|worse|higher|lower|significant\w*)\b",
    ),
)
# below E3 a comparison with others, or a series, is described without the claim to have adjusted
_OTHER: dict[tuple[str, str], tuple[str, str]] = {
    ("changes", "E0"): (
        "资料报告对照社区为 {before}，干预社区为 {after}",
        "{before} in comparison and {after} in treated communities were reported",
    ),
    ("changes", "E1"): (
        "对照社区为 {before}，干预社区为 {after}，{change}",
        "comparison communities {before}, treated communities {after}, {change}",
    ),
    ("series", "E0"): (
        "只报告了序列，不能据此作出说法",
        "a series was reported; it carries no claim",
    ),
    ("series", "E1"): ("按分段模型估计，{change}", "by a segmented model, {change}"),
}
_OVERLAP = re.compile(
    r"区间(?:相互)?重叠|intervals? overlaps?|overlapping (?:confidence )?interval"
)


def figure(value: float, unit: str, lang: str, *, change: bool = False) -> str:
    """Print one number in its unit: shares in percent, their differences in points.

    Examples
    --------
    >>> figure(0.4231, "share", "en"), figure(0.114, "pp", "zh", change=True)
    ('42.3%', '+11.4 个百分点')
    """
    if value is None or math.isnan(value):
        return "—"
    sign = "+" if change else ""
    zh = lang == "zh"
    digits = ".0f" if unit == "count" and not change else ".2f"
    # no minus zero
    value = round(value, 3 if unit in ("pp", "share") else int(digits[1])) + 0.0
    if unit == "pp":
        return f"{100 * value:{sign}.1f}" + (" 个百分点" if zh else " percentage points")
    if unit == "share":
        return f"{100 * value:{sign}.1f}%"
    words = {
        "score": ("分", "points of the scale"),
        "score_0_100": ("分", "points of 100"),
        "days": ("天", "days"),
        "hours": ("小时", "hours"),
        "per_100_households_year": ("次/百户·年", "per 100 households and year"),
        "points": ("分", "points"),
    }
    text = f"{value:{sign}{digits}}"
    if unit not in words:
        return text
    return f"{text} {words[unit][0 if zh else 1]}"


def sentence(
    graded: Grade,
    verdict: Verdict,
    *,
    before: float,
    after: float,
    difference: float,
    ci: tuple[float, float],
    unit: str,
    level_unit: str,
    lang: str,
    level: float = 0.95,
    about: str = "levels",
) -> str:
    """Write the sentence that the grade allows, with interval and verdict.

    Parameters
    ----------
    graded
        Grade of the claim.
    verdict
        Verdict of the same comparison.
    before, after, difference, ci
        Levels, difference and its interval, in ``level_unit`` and ``unit``.
    unit, level_unit
        Unit of the difference and of the levels (``pp`` and ``share``, say).
    lang
        ``zh`` or ``en``.
    level
        Confidence level of ``ci``.
    about
        What ``before`` and ``after`` are: ``levels``, ``changes`` of comparison and treated
        communities, or a ``series`` (they are then not printed).

    Returns
    -------
    str
        One or two sentences. At E0 the two figures only: no difference, no verdict.
    """
    zh = lang == "zh"
    size = f"{_interval(difference, ci, unit, lang, level)}"
    if unit == "ratio":
        change = f"为之前的 {size}" if zh else f"{size} times the figure before"
    else:
        change = f"相差 {size}" if zh else f"a difference of {size}"
    pattern = graded.wording_zh if zh else graded.wording_en
    if about != "levels" and graded.says in ("E0", "E1", "E2"):
        rung = "E0" if graded.says == "E0" else "E1"
        pattern = _OTHER[about, rung][0 if zh else 1]
    if about == "changes":
        level_unit = unit
    text = pattern.format(
        before=figure(before, level_unit, lang, change=about == "changes"),
        after=figure(after, level_unit, lang, change=about == "changes"),
        change=change,
        size=size,
    )
    text = text[0].upper() + text[1:]
    if graded.says == "E0":
        return text + ("。" if zh else ".")
    return f"{text}；{verdict.zh}。" if zh else f"{text}; {verdict.en}."


def _interval(value: float, ci: tuple[float, float], unit: str, lang: str, level: float) -> str:
    change = unit != "ratio"
    main = figure(value, unit, lang, change=change)
    if unit == "ratio" and lang == "zh":
        main += " 倍"
    digits = 1 if unit == "pp" else 2
    factor = 100 if unit == "pp" else 1
    sign = "+" if change else ""
    low, high = (f"{round(factor * end, digits) + 0.0:{sign}.{digits}f}" for end in ci)
    if lang == "zh":
        return f"{main}（{100 * level:.0f}% 区间 {low} 至 {high}）"
    return f"{main} ({100 * level:.0f}% interval {low} to {high})"


def overclaims(text: str, grade: str) -> list[str]:
    """List the words of a text that say more than its grade, or read intervals by overlap.

    Parameters
    ----------
    text
        Sentence of a report, zh or en.
    grade
        ``E0`` to ``E5``.

    Returns
    -------
    list of str
        Offending words in order of the ladder; empty when the text keeps within its grade.

    Examples
    --------
    >>> overclaims("Satisfaction rose because of the renovation.", "E1")
    ['because of']
    >>> overclaims("满意度由 42% 变为 53%，相差 11 个百分点。", "E1")
    []
    """
    level = int(grade[1:])
    found = [match.group(0) for match in _OVERLAP.finditer(text)]
    for least, zh, en in _CLAIMS:
        if level < least:
            found += [m.group(0) for m in re.finditer(zh, text)]
            found += [m.group(0) for m in re.finditer(en, text, flags=re.IGNORECASE)]
    return found
