"""The one entry point: chooses the estimator by the design of the data and says why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from workbench.change import branches
from workbench.change._frames import refuse
from workbench.change.claim import Setting, claims
from workbench.change.cross import wave_change
from workbench.change.grade import DesignFacts
from workbench.change.hybrid import hybrid_difference
from workbench.survey import Design

__all__ = ["compare"]

# design found -> why its method was chosen
CHOICE: dict[str, tuple[str, str]] = {
    "design": (
        "两期样本，有抽样设计：按设计的线性化方差，共用的初级单元计入协方差",
        "two samples with a design: linearised variance, with the covariance of shared clusters",
    ),
    "simple": (
        "两期独立样本，未给出抽样设计：按简单随机样本处理",
        "independent samples without a stated design: treated as simple random samples",
    ),
    "panel": (
        "两期多为同一批人：配对方法",
        "mostly the same people in both waves: paired methods",
    ),
    "rotating": (
        "两期有部分同一批人：以人为初级单元，重叠计入协方差",
        "some of the same people in both waves: people as clusters, the overlap in the covariance",
    ),
    "rate": ("计数与暴露量：率比", "counts with exposure: ratio of rates"),
    "time": (
        "含未结个案的时长：Kaplan–Meier，未结个案按删失处理",
        "durations with open cases: Kaplan-Meier, open cases censored",
    ),
    "controlled": (
        "有干预与对照社区：比较社区变化，推断以社区为单位",
        "treated and comparison communities: community changes, inference by community",
    ),
    "staggered": (
        "各社区开始日期不同：分组分期作用，不用双向固定效应",
        "communities start at different dates: group-time effects, not two-way fixed effects",
    ),
    "series": (
        "有日期前后的序列：分段回归，含季节与 AR(1)（REML），短序列用最小二乘",
        "a series around a date: segmented, season and AR(1) by REML, least squares when short",
    ),
    "estimates": (
        "两期估计各有自己的区间：由两个区间合成差值的区间",
        "two estimates with intervals of their own: both make the interval of the difference",
    ),
    "published": (
        "只有公布的数字：Newcombe 区间；没有样本量则无区间",
        "published figures only: Newcombe's interval; none without the numbers asked",
    ),
}


@dataclass(frozen=True)
class _Found:
    """Estimates of a branch, the name of the choice and what the data show."""

    made: pd.DataFrame
    choice: str
    facts: dict[str, Any]
    about: str = "levels"


def compare(
    data: Design | pd.DataFrame,
    items: str | Sequence[str] | None = None,
    *,
    by: str = "wave",
    baseline: Any = None,
    current: Any = None,
    of: str = "top2",
    top: Sequence[float] | Mapping[str, Sequence[float]] = (4, 5),
    margin: float | Mapping[str, float] | None = 0.05,
    up: bool | Mapping[str, bool | None] | None = True,
    facts: DesignFacts | Mapping[str, Any] | None = None,
    item_facts: Mapping[str, Mapping[str, Any]] | None = None,
    standardise: str | Sequence[str] | None = None,
    weights: str | None = None,
    strata: str | Sequence[str] | None = None,
    psu: str | Sequence[str] | None = None,
    person: str | None = None,
    community: str | None = None,
    treated: str | None = None,
    first_treated: str | None = None,
    time: str | None = None,
    date: float | None = None,
    harmonics: int = 1,
    unit: str | Mapping[str, str] = "score",
    exposure: str | None = None,
    duration: str | None = None,
    closed: str | None = None,
    start: str | None = None,
    end: str | None = None,
    censored_at: Any = None,
    within: float = 3.0,
    time_unit: str = "days",
    level: float = 0.95,
    adjust: str | None = "holm",
    rng: Any = None,
) -> pd.DataFrame:
    """Compare before and after: estimate, interval, verdict, evidence grade and sentence.

    The design of the data chooses the method: ``date`` a series; ``first_treated`` a staggered
    start; ``treated`` treated and comparison communities; ``person`` a panel; a
    :class:`~workbench.survey.Design`, ``weights``, ``strata`` or ``psu`` two samples under a
    design; else two simple samples. ``choice_zh/en`` say which and why.

    Parameters
    ----------
    data
        A :class:`workbench.survey.Design` that holds both waves, or a frame with one row per
        respondent, case, community and period, time, estimate or published figure.
    items
        Columns compared: answers, counts for ``of="rate"``, values of a series. Not used for
        ``of="time"``, ``of="estimates"`` and ``of="published"``.
    by, baseline, current
        Column of the waves and the two values compared (not for series and published figures).
    of
        ``top2`` (share in the top categories), ``share`` (0/1), ``mean`` (score), ``rate``
        (count over ``exposure``), ``time`` (durations; share closed ``within``), ``estimates``
        (columns as for :func:`~workbench.change.hybrid_difference`) or ``published`` (columns
        ``item``, ``before``, ``after`` in percent, ``n_before``, ``n_after``).
    top
        Values that count as satisfied; may differ by item.
    margin
        Largest change that does not matter, in the unit of the difference (0.05 = 5 points; for
        rates the distance of the logarithms); by item; ``None``: none was stated.
    up
        Whether a higher value is better; by item. ``None``: not stated, so that neither better nor
        worse is said.
    facts
        :class:`~workbench.change.DesignFacts` or a mapping; what the data show is filled in, what
        is stated here wins.
    item_facts
        Further facts by item, laid over ``facts``.
    standardise
        Categorical columns; gives the change with the baseline's composition and the part due to
        composition beside the raw change.
    weights, strata, psu
        Columns of a design, when ``data`` is a frame.
    person
        Column that names the same person in both waves.
    community, treated, first_treated
        Columns of communities, of 0/1 treated, or of the first treated period (0 = never).
    time, date, harmonics
        Column of equally spaced times, the first time after the change, and pairs of seasonal
        terms (period 12).
    unit
        Unit of the values of a series or of treated and comparison communities, one for all or
        by item; ``pp`` for shares 0-1.
    exposure
        Column of exposure, in household-years for rates.
    duration, closed, start, end, censored_at, within, time_unit
        As for :func:`~workbench.change.kaplan_meier`.
    level
        Confidence level.
    adjust
        Correction over the items of this call (``holm``, ``bh``, …): a verdict of better or worse
        needs the adjusted p too. ``None``: none.
    rng
        Generator for randomisation tests too large to list.

    Returns
    -------
    pandas.DataFrame
        One row per item and ``adjustment`` (raw, standardised, composition): ``before``,
        ``after``, ``value`` = ``difference`` (unit pp as a 0-1 difference, score, ratio),
        ``std_error``, ``ci_low``, ``ci_high``, ``df``, ``p_value``, ``p_adjusted``, ``n_before``,
        ``n_after``, ``n``, ``margin``, ``verdict`` (better, worse, no_relevant_change,
        cannot_tell) with ``verdict_zh/en``, ``evidence_grade`` with ``reason_zh/en``,
        ``choice_zh/en`` (why this method), ``wording_zh/en``, ``method``, ``status``.

    Raises
    ------
    InputError
        For missing columns or waves, unusable values, exposure zero, an unknown ``of``.

    Examples
    --------
    >>> answers = pd.DataFrame({"wave": [1] * 60 + [2] * 60,
    ...                         "q1": [5] * 20 + [2] * 40 + [5] * 40 + [2] * 20})
    >>> made = compare(answers, "q1", baseline=1, current=2,
    ...                facts={"dates_known": True, "question_known": True})
    >>> made[["verdict", "evidence_grade"]].values.tolist()
    [['better', 'E1']]
    >>> made["wording_en"].iloc[0]
    'From 33.3% to 66.7%, a difference of +33.3 percentage points (95% interval +15.5 to +48.3); \
better.'
    """
    named = [items] if isinstance(items, str) else list(items or [])
    setting = Setting(
        margin=margin, up=up, facts=facts, item_facts=item_facts, level=level, adjust=adjust
    )
    extra = [standardise] if isinstance(standardise, str) else list(standardise or [])
    if of == "published":
        made, known = branches.aggregates(branches.plain(data), level)
        return _finish(_Found(made, "published", known), setting)
    if of == "estimates":
        made = hybrid_difference(branches.plain(data), level=level)
        return _finish(_Found(made, "estimates", {}), setting)
    if of != "time" and not named:
        refuse("items", "没有写明要比较的列", "no columns named", "写 items=", "write items=")
    if date is not None:
        if time is None:
            refuse(
                "argument", "须写明时间列", "name the column of times", "写 time=", "write time="
            )
        made, known = branches.series(
            branches.plain(data), named, time, date, exposure, harmonics, level, unit
        )
        return _finish(_Found(made, "series", known, "series"), setting)
    if first_treated is not None:
        if time is None or community is None:
            refuse(
                "argument",
                "须写明时间列与社区列",
                "name the columns of times and communities",
                "写 time= 与 community=",
                "write time= and community=",
            )
        made, known = branches.staggered(
            branches.plain(data), named, community, time, first_treated, level, rng
        )
        return _finish(_Found(made, "staggered", known, "changes"), setting)
    if baseline is None or current is None:
        refuse(
            "wave",
            "须写明基期与本期",
            "baseline and current wave must be named",
            "写 baseline= 与 current=",
            "write baseline= and current=",
            column=by,
        )
    waves = (by, baseline, current)
    if of == "time":
        cases: dict[str, Any] = {"duration": duration, "closed": closed, "start": start}
        cases |= {"end": end, "censored_at": censored_at, "within": within, "unit": time_unit}
        made = branches.times(branches.plain(data), waves, level=level, **cases)
        return _finish(_Found(made, "time", {"same_denominator": True}), setting)
    if of == "rate":
        made = branches.rates(branches.plain(data), named, waves, exposure, level)
        return _finish(_Found(made, "rate", {"same_denominator": True}), setting)
    if treated is not None:
        if community is None:
            refuse(
                "argument",
                "须写明社区列",
                "name the column of communities",
                "写 community=",
                "write community=",
            )
        made, known = branches.controlled(
            branches.plain(data), named, waves, community, treated, of, top, level, rng, unit
        )
        return _finish(_Found(made, "controlled", known, "changes"), setting)
    choice = "design"
    if person is not None and not isinstance(data, Design):
        share = branches.overlap(data, waves, person)
        if share >= 0.5:
            made, known = branches.paired(data, named, waves, person, of, top, level)
            return _finish(_Found(made, "panel", known), setting)
        if share == 0:
            refuse(
                "overlap",
                "没有人在两期中都出现",
                "nobody is in both waves",
                "核对人员编号；两期是不同的人时不写 person=",
                "check the names of persons; without person= the waves are independent samples",
                column=person,
                expected="the same names in both waves",
            )
        choice, psu = "rotating", psu or person
    if not isinstance(data, Design) and not (weights or strata or psu or extra):
        made = branches.simple(data, named, waves, of, top, level)
        return _finish(_Found(made, "simple", {}), setting)
    if isinstance(data, Design):
        design = data
    else:
        design = Design(data, weights=weights, strata=strata, psu=psu)
    made = wave_change(
        design,
        named,
        by=by,
        baseline=baseline,
        current=current,
        of=of,
        top=top,
        standardise=extra,
        level=level,
    )
    return _finish(_Found(made, choice, {}), setting)


def _finish(found: _Found, setting: Setting) -> pd.DataFrame:
    zh, en = CHOICE[found.choice]
    known: dict[str, Any] = {
        "kind": "waves",
        "n_known": True,
        "dates_known": True,
        "question_known": True,
    }
    known.update(found.facts)
    return claims(found.made, setting, known=known, choice_zh=zh, choice_en=en, about=found.about)
