"""The evidence grade E0-E5 of a before/after claim, with what limits it and what may be said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

import pandas as pd

from workbench.change._frames import refuse, row, table

__all__ = ["GRADES", "DesignFacts", "Grade", "Rung", "grade", "grade_table"]

Kind = Literal["reported", "waves", "panel", "series", "controlled", "synthetic", "randomised"]


@dataclass(frozen=True)
class Rung:
    """One step of the ladder: what it is called, rules out, leaves open and lets one say."""

    code: str
    zh: str
    en: str
    ruled_out_zh: str
    ruled_out_en: str
    open_zh: str
    open_en: str
    wording_zh: str
    wording_en: str
    certainty_zh: str
    certainty_en: str


# METHODS_AND_GRADES §1; the last two columns are the words of GRADE
GRADES: tuple[Rung, ...] = (
    Rung(
        "E0",
        "仅为报告的数字",
        "reported",
        "无",
        "nothing",
        "一切，包括偶然",
        "everything, including chance",
        "资料报告为 {before} 与 {after}",
        "{before} and {after} were reported",
        "很低",
        "very low",
    ),
    Rung(
        "E1",
        "描述的变化",
        "described change",
        "抽样误差",
        "sampling chance",
        "趋势、季节、其他事件、向均值回归、样本构成、测量工具的变化",
        "trend, season, other events, regression to the mean, composition, changed instrument",
        "由 {before} 变为 {after}，{change}",
        "from {before} to {after}, {change}",
        "很低",
        "very low",
    ),
    Rung(
        "E2",
        "调整后的变化",
        "adjusted change",
        "抽样误差、样本构成、已测量的混杂因素、部分向均值回归",
        "sampling chance, composition, measured confounders, part of regression to the mean",
        "趋势、其他事件",
        "trend, other events",
        "按样本构成等调整后，由 {before} 变为 {after}，{change}",
        "after adjusting for composition, from {before} to {after}, {change}",
        "低",
        "low",
    ),
    Rung(
        "E3",
        "与趋势或对照相比的变化",
        "trend-adjusted or controlled change",
        "稳定的趋势与季节，或共同的冲击与共同的趋势",
        "stable trend and season, or common shocks and a common trend",
        "同一时间的其他事件，或双方趋势本来不同",
        "events at the same date, or diverging trends",
        "与趋势或对照相比，{change}",
        "against the trend or the comparison, {change}",
        "低至中",
        "low to moderate",
    ),
    Rung(
        "E4",
        "趋势经检验的对照变化",
        "controlled change with tested trends",
        "此外，不同的线性趋势与单个异常的对照",
        "also differing linear trends and a single odd comparison",
        "只影响干预社区的未测量冲击、外溢",
        "unmeasured shocks particular to the treated, spill-over",
        "有证据显示作用约为 {size}",
        "evidence of an effect of about {size}",
        "中",
        "moderate",
    ),
    Rung(
        "E5",
        "随机抽定的实施",
        "randomised roll-out",
        "选择、趋势、向均值回归",
        "selection, trend, regression to the mean",
        "偶然（已列出）、外溢",
        "chance (stated), spill-over",
        "作用为 {size}",
        "effect of {size}",
        "高",
        "high",
    ),
)


@dataclass(frozen=True, kw_only=True)
class DesignFacts:
    """What is known about how a comparison came about.

    Every field may be ``None``: not known. A requirement that is not known counts as not met; a
    deduction is made for what is known to be wrong, and for attrition also when it is unknown.
    """

    kind: Kind = "reported"
    """reported (two figures), waves (independent samples), panel (same respondents), series
    (own interrupted series), controlled (treated and comparison communities), synthetic
    (synthetic control), randomised (communities or dates drawn by lot)."""
    n_known: bool | None = None
    dates_known: bool | None = None
    question_known: bool | None = None
    interval: bool | None = None
    """An interval of the difference was computed that respects pairs, weights and clusters."""
    same_sample_kind: bool | None = True
    """Probability against opt-in samples between waves is False."""
    baseline_intact: bool | None = True
    """False: the signed report that the baseline rests on was changed or withdrawn."""
    same_question: bool | None = None
    same_mode: bool | None = None
    same_months: bool | None = None
    same_denominator: bool | None = None
    """Denominators equal, or rates adjusted for exposure."""
    comparable_units: bool | None = True
    """False: communities merged or split between the waves."""
    composition_adjusted: bool | None = None
    attrition: float | None = None
    """Panel: share of the first wave lost."""
    attrition_boundary: float = 0.2
    """Largest overall share lost that is tolerated."""
    attrition_bounded: bool | None = None
    response_before: float | None = None
    response_after: float | None = None
    regression_to_mean_computed: bool | None = None
    baseline_extreme: bool | None = None
    """The unit or the baseline was chosen because it was extreme."""
    multiplicity_corrected: bool | None = None
    outcome_fixed_before: bool | None = None
    date_fixed_before: bool | None = None
    shape_fixed_before: bool | None = None
    points_before: int | None = None
    points_after: int | None = None
    seasonal: bool | None = None
    autocorrelation_modelled: bool | None = None
    treated: int | None = None
    comparison: int | None = None
    same_dates: bool | None = None
    baseline_g: float | None = None
    """Standardised difference of the arms at the baseline."""
    baseline_adjusted: bool | None = None
    inference_by_community: bool | None = None
    pre_periods: int | None = None
    group_time_effects: bool | None = None
    """Staggered start analysed by group-time effects."""
    controlled_series: bool | None = None
    placebo_ranked: bool | None = None
    pre_trend_power_stated: bool | None = None
    sensitivity_shown: bool | None = None
    p_by_randomisation: bool | None = None
    """p by randomisation inference or wild bootstrap."""
    risk_ratio_ci: tuple[float, float] | None = None
    dose_response: bool | None = None

    @classmethod
    def of(cls, facts: DesignFacts | Mapping[str, Any] | None) -> DesignFacts:
        """Give facts from facts, a mapping or nothing; an unknown key is refused by name."""
        if facts is None:
            return cls()
        if isinstance(facts, DesignFacts):
            return facts
        known = {field.name for field in fields(cls)}
        unknown = sorted(set(facts) - known)
        if unknown:
            refuse(
                "fact",
                "没有名为 " + "、".join(unknown) + " 的设计事实",
                "no design fact of the name " + ", ".join(unknown),
                "可用：" + "、".join(sorted(known)),
                "use " + ", ".join(sorted(known)),
                found=", ".join(unknown),
            )
        return cls(**facts)


@dataclass(frozen=True)
class Grade:
    """A grade with its reasons; ``says`` is the highest rung whose wording may be used.

    ``says`` is below ``grade`` where a very large effect raised the grade: the wording of a rung
    claims an adjustment or a comparison that the design must really contain.
    """

    grade: str
    says: str
    reasons_zh: tuple[str, ...]
    reasons_en: tuple[str, ...]

    @property
    def rung(self) -> Rung:
        """The rung of the ladder reached."""
        return _rung(self.grade)

    @property
    def wording_zh(self) -> str:
        """Sentence pattern allowed, with ``{before}``, ``{after}``, ``{change}``, ``{size}``."""
        return _rung(self.says).wording_zh

    @property
    def wording_en(self) -> str:
        """Sentence pattern allowed, with ``{before}``, ``{after}``, ``{change}``, ``{size}``."""
        return _rung(self.says).wording_en

    @property
    def reason_zh(self) -> str:
        """All reasons in one line."""
        return "；".join(self.reasons_zh)

    @property
    def reason_en(self) -> str:
        """All reasons in one line."""
        return "; ".join(self.reasons_en)


def _rung(code: str) -> Rung:
    return next(rung for rung in GRADES if rung.code == code)


def grade(facts: DesignFacts | Mapping[str, Any] | None) -> Grade:
    """Give the evidence grade of a claim from the facts of its design.

    Parameters
    ----------
    facts
        :class:`DesignFacts` or a mapping with its names; missing or ``None``: not known.

    Returns
    -------
    Grade
        ``grade`` E0-E5, the reasons in zh and en, and the wording allowed.

    Raises
    ------
    InputError
        ``change.fact`` for a name that is no design fact.

    Notes
    -----
    1. The design gives a rung, deductible faults left aside. 2. Caps. 3. One rung less for each
    fault. A fault that E1 names among what it does not rule out (season, instrument,
    composition, selection by the baseline) does not take a claim below E1; many tests without
    correction and an outcome chosen afterwards do, since then not even chance is ruled out.
    4. A very large effect or a dose-response adds at most one rung, never above E4, only without
    deductions, and never to the wording.

    References
    ----------
    METHODS_AND_GRADES §1: Maryland scale, EPOC, WWC Handbook 4.1/5.0, ROBINS-I, GRADE 18.

    Examples
    --------
    >>> grade({"kind": "waves", "n_known": True, "dates_known": True, "question_known": True,
    ...        "interval": True}).grade
    'E1'
    >>> grade({"kind": "randomised", "dates_known": True, "question_known": True}).grade
    'E0'
    """
    f = DesignFacts.of(facts)
    why = _Reasons()
    if _missing(f, why):
        return why.grade(0, 0)
    level = _design(f, why)
    ceiling = _caps(f, level, why)
    level, deducted = _deduct(f, min(level, ceiling), why)
    says = level
    if not deducted and level < min(4, ceiling):
        level += _upgrade(f, why)
    return why.grade(level, says)


class _Reasons:
    """Collects reasons in both languages."""

    def __init__(self) -> None:
        self.zh: list[str] = []
        self.en: list[str] = []

    def add(self, zh: str, en: str) -> None:
        self.zh.append(zh)
        self.en.append(en)

    def grade(self, level: int, says: int) -> Grade:
        return Grade(GRADES[level].code, GRADES[says].code, tuple(self.zh), tuple(self.en))


def _missing(f: DesignFacts, why: _Reasons) -> bool:
    lacks = [
        (f.n_known, "样本量未知", "the number of answers is missing"),
        (f.dates_known, "调查日期未知", "the dates of the waves are missing"),
        (f.question_known, "问题原文未知", "the question is missing"),
        (f.interval, "没有差值的区间", "there is no interval of the difference"),
    ]
    lacks.append(
        (
            f.same_sample_kind,
            "两期样本性质不同或未知",
            "the waves are samples of different kinds, or of kinds not known",
        )
    )
    lacks.append(
        (
            f.baseline_intact,
            "基期的已签名报告已被改动或撤回，或未核验",
            "the signed report of the baseline was changed or withdrawn, or is not verified",
        )
    )
    return not _all([(known is True, zh, en) for known, zh, en in lacks], why)


# requirements of E2; a known fault in one of them is deducted later, so it is left aside here
def _adjusted(f: DesignFacts, why: _Reasons) -> bool:
    panel = f.kind == "panel"
    needs = [
        (f.same_question is not None, "问题是否相同未说明", "whether the question is the same"),
        (f.same_mode is not None, "调查方式是否相同未说明", "whether the mode is the same"),
        (f.same_months is not None, "季节是否相同未说明", "whether the season is the same"),
        (
            f.same_denominator is True,
            "分母不同且未按暴露量调整，或未说明",
            "whether denominators are equal or adjusted for exposure",
        ),
        (
            bool(f.attrition_bounded) if panel else bool(f.composition_adjusted),
            "未给出流失的上下界" if panel else "未按构成标准化",
            "bounds for attrition" if panel else "standardising for composition",
        ),
        (
            f.regression_to_mean_computed is True,
            "未计算向均值回归",
            "computing regression to the mean",
        ),
    ]
    short = [(zh, en) for met, zh, en in needs if not met]
    for zh, en in short:
        why.add(zh, "not shown: " + en)
    return not short


def _series(f: DesignFacts, why: _Reasons) -> bool:
    need = 12 if f.seasonal is not False else 8
    tests = [
        (
            f.date_fixed_before is True,
            "未见日期是事先确定的",
            "the date is not known to have been fixed beforehand",
        ),
        (
            f.shape_fixed_before is True,
            "未见变化形式是事先确定的",
            "the shape is not known to have been fixed beforehand",
        ),
        (
            (f.points_before or 0) >= need,
            f"之前不足 {need} 个时点",
            f"fewer than {need} points before",
        ),
        ((f.points_after or 0) >= 8, "之后不足 8 个时点", "fewer than 8 points after"),
        (f.autocorrelation_modelled is True, "未处理自相关", "autocorrelation was not modelled"),
    ]
    return _all(tests, why)


def _controlled(f: DesignFacts, why: _Reasons) -> bool:
    g = f.baseline_g
    tests = [
        ((f.treated or 0) >= 2, "干预社区不足 2 个", "fewer than 2 treated communities"),
        ((f.comparison or 0) >= 2, "对照社区不足 2 个", "fewer than 2 comparison communities"),
        (f.same_dates is True, "双方日期不同或未知", "dates of the arms differ or are not known"),
        (
            g is not None and abs(g) <= 0.25,
            "基期差异 g 大于 0.25 或未知",
            "the baseline difference g is above 0.25 or not known",
        ),
        (
            g is not None and (abs(g) <= 0.05 or f.baseline_adjusted is True),
            "基期差异大于 0.05 而未调整",
            "a baseline difference above 0.05 was not adjusted",
        ),
        (
            f.inference_by_community is True,
            "推断未以社区为单位",
            "inference was not by community",
        ),
    ]
    return _all(tests, why)


def _tested(f: DesignFacts, why: _Reasons) -> bool:
    few = (f.treated or 0) + (f.comparison or 0) < 11 or min(f.treated or 0, f.comparison or 0) < 4
    strong = (
        (f.pre_periods or 0) >= 3
        or f.controlled_series is True
        or f.group_time_effects is True
        or f.placebo_ranked is True
    )
    tests = [
        (strong, "实施前不足 3 个时期", "fewer than 3 periods before"),
        (
            f.pre_trend_power_stated is True,
            "未检验事前趋势或未列出其检验力",
            "no test of earlier trends with its power",
        ),
        (f.sensitivity_shown is True, "没有敏感性分析", "no sensitivity analysis"),
        (
            not few or f.p_by_randomisation is True,
            "社区少而 p 值不是由随机化或野自助法得出",
            "few communities and p not by randomisation or wild bootstrap",
        ),
    ]
    return _all(tests, why)


def _all(tests: list[tuple[bool, str, str]], why: _Reasons) -> bool:
    for met, zh, en in tests:
        if not met:
            why.add(zh, en)
    return all(met for met, _, _ in tests)


def _design(f: DesignFacts, why: _Reasons) -> int:
    if f.kind == "randomised":
        short = _all(
            [
                (
                    f.inference_by_community is True,
                    "未按社区分析",
                    "not analysed by community",
                ),
                (
                    f.attrition is not None and f.attrition <= f.attrition_boundary,
                    "流失超过界限或未知",
                    "attrition above the boundary or not known",
                ),
            ],
            why,
        )
        if short:
            why.add("由抽签决定", "drawn by lot")
            return 5
        return 2 if f.inference_by_community is not True else 4
    if f.kind == "series" and _series(f, why):
        why.add("与自身趋势比较", "compared with its own trend")
        if f.controlled_series is True and _tested(f, why):
            why.add("并有对照序列", "and with a comparison series")
            return 4
        return 3
    if f.kind == "synthetic" and f.placebo_ranked is True and f.same_dates is not False:
        why.add("合成对照经安慰剂检验", "synthetic control ranked among placebos")
        return 4 if _tested(f, why) else 3
    if f.kind == "controlled" and _controlled(f, why):
        why.add("与对照社区比较", "compared with other communities")
        return 4 if _tested(f, why) else 3
    adjusted = _adjusted(f, why)
    if adjusted:
        why.add("已按已知差异调整", "adjusted for the differences that are known")
    else:
        why.add("只描述变化，不解释原因", "describes a change and explains nothing")
    return 2 if adjusted else 1


def _caps(f: DesignFacts, level: int, why: _Reasons) -> int:
    """Give the highest rung that may be reached, whatever is added later."""
    ceiling = 5
    single = 1 in (f.treated, f.comparison)
    if single and f.kind in ("controlled", "randomised"):
        ceiling = 2
        if level > ceiling:
            why.add("只有一个干预或对照社区，至多 E2", "one treated or comparison community: E2")
    if single and f.kind in ("synthetic", "series"):
        ceiling = 3
        if level > ceiling:
            why.add("只有一个干预社区，至多 E3", "one treated community: at most E3")
    if f.comparable_units is not True:
        why.add("社区曾合并或拆分，至多 E1", "communities were merged or split: at most E1")
        ceiling = 1
    return ceiling


def _deduct(f: DesignFacts, level: int, why: _Reasons) -> tuple[int, int]:
    gap = (
        None
        if f.response_before is None or f.response_after is None
        else abs(f.response_after - f.response_before)
    )
    lost = f.kind == "panel" and (f.attrition is None or f.attrition > f.attrition_boundary)
    # what E1 does not claim to rule out cannot take a claim below E1
    faults = [
        (lost, "流失超过界限或未知", "attrition above the boundary or not known"),
        (gap is not None and gap > 0.10, "应答率相差超过 10 个百分点", _GAP_EN),
        (
            f.same_mode is False or f.same_question is False,
            "调查方式或措辞改变",
            "mode or wording changed",
        ),
        (f.baseline_extreme is True, "基期因极端而被选取", "the baseline was chosen as extreme"),
        (f.same_months is False, "月份不同", "different calendar months"),
    ]
    found = [(zh, en) for there, zh, en in faults if there]
    for zh, en in found:
        why.add(f"降一级：{zh}", f"one grade less: {en}")
    level = max(level - len(found), min(level, 1))
    chance = f.multiplicity_corrected is False or f.outcome_fixed_before is False
    if chance:
        why.add(
            "降一级：未作多重比较校正或事后选定结果",
            "one grade less: many tests uncorrected or outcome chosen afterwards",
        )
        level = max(level - 1, 0)
    return level, len(found) + int(chance)


_GAP_EN = "response rates differ by more than 10 points"


def _upgrade(f: DesignFacts, why: _Reasons) -> int:
    ci = f.risk_ratio_ci
    large = ci is not None and (ci[0] > 2 or 0 <= ci[1] < 0.5)
    if large:
        why.add(
            "升一级：作用很大（风险比区间）", "one grade more: very large (risk ratio interval)"
        )
    elif f.dose_response is True:
        why.add("升一级：剂量反应关系", "one grade more: dose-response")
    return int(large or f.dose_response is True)


def grade_table() -> pd.DataFrame:
    """Give the ladder itself, one row per grade, for an annex."""
    return table(
        row(
            "grade",
            float(rung.code[1:]),
            unit="grade",
            method="change.grade",
            evidence_grade=rung.code,
            label_zh=rung.zh,
            label_en=rung.en,
            ruled_out_zh=rung.ruled_out_zh,
            ruled_out_en=rung.ruled_out_en,
            open_zh=rung.open_zh,
            open_en=rung.open_en,
            wording_zh=rung.wording_zh,
            wording_en=rung.wording_en,
            certainty_zh=rung.certainty_zh,
            certainty_en=rung.certainty_en,
        )
        for rung in GRADES
    )
