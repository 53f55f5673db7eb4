"""Units of indicators: how they are called, and which statistic may answer for which unit."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["FAMILY_OF_STATISTIC", "UNITS", "Unit", "hours_per"]


class Unit(NamedTuple):
    """A unit in which a protocol prints an indicator and its targets.

    ``family`` says which statistics can yield it; ``per`` is the denominator that the words of the
    programme give, in Chinese and English (empty when there is none).
    """

    zh: str
    en: str
    family: str
    per_zh: str = ""
    per_en: str = ""


# Printed units. Percentages are printed 0-100 and held as shares 0-1 in data tables (DESIGN §3).
UNITS: dict[str, Unit] = {
    "percent": Unit("%", "%", "share"),
    "percent_satisfied": Unit("%", "%", "share", "满意者占比", "satisfied"),
    "percent_of_residents": Unit("%", "%", "share", "占居民", "of residents"),
    "percent_of_young_residents": Unit("%", "%", "share", "占青年居民", "of young residents"),
    "percent_of_elderly": Unit("%", "%", "share", "占受访老人", "of elderly respondents"),
    "percent_of_participants": Unit("%", "%", "share", "占参与者", "of participants"),
    "percent_of_volunteers": Unit("%", "%", "share", "占注册志愿者", "of registered volunteers"),
    "percent_of_businesses": Unit("%", "%", "share", "占辖区企业", "of local businesses"),
    "percent_of_systems": Unit("%", "%", "share", "占业务系统", "of systems"),
    "percent_of_decisions": Unit("%", "%", "share", "占决策事项", "of decisions"),
    "percent_of_communities": Unit("%", "%", "share", "占社区", "of communities"),
    "percent_of_compounds": Unit("%", "%", "share", "占小区", "of compounds"),
    "percent_of_cities": Unit("%", "%", "share", "占城市", "of cities"),
    "percent_of_complaints": Unit("%", "%", "share", "占投诉", "of complaints"),
    "percent_of_staff": Unit("%", "%", "share", "占社区工作者", "of staff"),
    "percent_of_sample": Unit("%", "%", "share", "占样本", "of the sample"),
    "percent_of_area": Unit("%", "%", "share", "占面积", "of area"),
    "percent_of_group": Unit("%", "%", "share", "占该人群", "of the group"),
    "percent_a_year": Unit("%", "%", "share", "每年", "per year"),
    "percent_per_year": Unit("%/年", "% per year", "change_rel"),
    "percent_change": Unit("%（变化）", "% change", "change_rel"),
    "pp": Unit("个百分点", "percentage points", "pp"),
    "score_100": Unit("分（百分制）", "points of 100", "score_100"),
    "score_5": Unit("分（满分5分）", "points of 5", "score_5"),
    "score": Unit("分", "score", "score"),
    "points": Unit("分", "points", "points"),
    "index": Unit("指数", "index", "index"),
    "ordinal_4": Unit("级（1—4）", "level 1-4", "count"),
    "count": Unit("次（个）", "count", "count"),
    "count_per_year": Unit("次/年", "per year", "count"),
    "per_week": Unit("次/周", "per week", "count"),
    "per_month": Unit("次/月", "per month", "count"),
    "days_per_week": Unit("天/周", "days per week", "count"),
    "violations": Unit("处", "violations", "count"),
    "violations_per_round": Unit("处/轮", "violations per round", "count"),
    "persons": Unit("人", "persons", "count"),
    "wan_persons": Unit("万人", "10 000 persons", "count"),
    "hours": Unit("小时", "hours", "time"),
    "minutes": Unit("分钟", "minutes", "time"),
    "days": Unit("天", "days", "time"),
    "working_days": Unit("个工作日", "working days", "time"),
    "months": Unit("个月", "months", "time"),
    "days_per_compound": Unit("天/小区", "days per compound", "amount"),
    "hours_per_day": Unit("小时/天", "hours per day", "amount"),
    "class_hours": Unit("学时", "class hours", "amount"),
    "years": Unit("年", "years", "amount"),
    "per_100_households_year": Unit("起/百户/年", "per 100 households per year", "household_rate"),
    "per_device_year": Unit("次/台/年", "failures per device and year", "rate"),
    "persons_per_10k": Unit("人/万人", "persons per 10 000 residents", "rate"),
    "per_1000": Unit("个/千人", "per 1 000 residents", "rate"),
    "residents_per_worker": Unit("人/名工作者", "residents per worker", "rate"),
    "households_per_worker": Unit("户/名网格员", "households per worker", "rate"),
    "households_per_unit": Unit("户/台", "households per unit", "rate"),
    "households_per_leader": Unit("户/名组长", "households per leader", "rate"),
    "m2_per_set": Unit("平方米/套", "m² per set", "rate"),
    "sets_per_place": Unit("套/托位", "sets per place", "rate"),
    "m2_per_person": Unit("平方米/人", "m² per person", "rate"),
    "pupils_per_teacher": Unit("名学生/名教师", "pupils per teacher", "rate"),
    "m2": Unit("平方米", "m²", "amount"),
    "km2": Unit("平方千米", "km²", "amount"),
    "yuan_per_month": Unit("元/月", "yuan per month", "amount"),
    "wan_yuan_per_year": Unit("万元/年", "×10 000 yuan per year", "amount"),
    "tonnes_co2_per_year": Unit("吨二氧化碳/年", "tonnes CO₂ per year", "amount"),
    "ratio": Unit("倍", "ratio", "ratio"),
    "yes_no": Unit("是/否", "yes/no", "yes_no"),
    "text": Unit("文字", "text", "text"),
    "mixed": Unit("（多项）", "(several figures)", "text"),
    "none": Unit("（未规定）", "(not given)", "none"),
}

# Which family of unit each statistic of measures.yaml yields (DESIGN §3), by kind of evidence.
# "own" is the unit in which the record is kept, which must be the indicator's.
FAMILY_OF_STATISTIC: dict[str, dict[str, tuple[str, ...]]] = {
    "survey": {
        "mean": ("score_5", "score", "amount", "count"),
        "mean_0_100": ("score_100",),
        "top2": ("share",),
        "bottom2": ("share",),
        "net": ("pp",),
        "median": ("score_5", "score", "amount", "count"),
        "share": ("share",),
    },
    "inspection": {
        "share_passed": ("share",),
        "points": ("score_100", "score"),
        "mean": ("score", "score_5", "count", "amount"),
    },
    "measurement": {
        "last": ("own",),
        "mean": ("own",),
        "sum": ("count", "amount"),
        "ratio_of_sums": ("share", "ratio", "rate"),
        "change_rel": ("change_rel",),
        "change_pp": ("pp",),
        "per_100_households_year": ("household_rate",),
    },
    "requests": {
        "count": ("count",),
        "per_100_households_year": ("household_rate",),
        "median": ("time",),
        "share": ("share",),
        "share_within": ("share",),
    },
    "fact": {"value": ("yes_no", "count", "text")},
}

_HOURS = {"hours": 1.0, "minutes": 1 / 60, "days": 24.0, "months": 24 * 365.25 / 12}


def hours_per(unit: str) -> float | None:
    """Return the hours in one such unit; None for working days, which need a calendar.

    >>> hours_per("days")
    24.0
    """
    return _HOURS.get(unit)
