"""The sample of a unit as a survey design, weighted to the population, and what weighting costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import survey
from workbench.errors import InputError

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["Sample", "absent", "design", "weights"]

_WHEN_ZH = {"current": "本期", "baseline": "基期"}


_WHEN_EN = {"current": "this wave", "baseline": "baseline"}


_WEIGHTS = {
    "n": ("有效问卷", "Questionnaires", "count"),
    "psus": ("楼栋（初级抽样单元）", "Buildings (primary sampling units)", "count"),
    "weight_min": ("最小权数", "Smallest weight", "ratio"),
    "weight_max": ("最大权数", "Largest weight", "ratio"),
    "kish_deff": ("加权设计效应（Kish）", "Design effect of weighting (Kish)", "ratio"),
    "n_effective": ("有效样本量", "Effective sample size", "count"),
}


@dataclass(frozen=True)
class Sample:
    """The probability sample of both waves as one design, before and after weighting to margins.

    ``base`` and ``raked`` are ``None`` without answers that carry an inference; ``reason`` says why
    they are, or why ``raked`` is ``base``.
    """

    base: survey.Design | None
    raked: survey.Design | None
    margins: pd.DataFrame
    reason_zh: str = ""
    reason_en: str = ""


NO_ANSWERS = ("没有问卷", "there are no questionnaires")


_NONE_NOW = ("本期没有问卷", "there are no questionnaires in this wave")


_OPT_IN_ONLY = (
    "只有自愿参与样本的答卷，不能推断全体居民",
    "only answers of an opt-in sample: no inference to all residents",
)


def absent(c: Community, sample: Sample) -> tuple[str, str] | None:
    """Say (zh, en) why this wave carries no estimate for all residents; ``None`` where it does."""
    if sample.raked is not None and sample.raked.data["wave"].eq(c.wave).any():
        return None
    if not c.has("responses"):
        return NO_ANSWERS
    now = c.tables["responses"]["wave"].eq(c.wave)
    return _OPT_IN_ONLY if now.any() else _NONE_NOW


def waves_of(c: Community) -> list[str]:
    return [c.wave, *([c.baseline] if c.baseline else [])]


def wave_role(c: Community, wave: str) -> str:
    return "current" if wave == c.wave else "baseline" if wave == c.baseline else wave


def role_zh(when: str) -> str:
    return _WHEN_ZH.get(when, when)


def role_en(when: str) -> str:
    return _WHEN_EN.get(when, when)


def design(c: Community) -> Sample:
    """Make the survey design of the unit and weight it to the population.

    Buildings are the primary sampling units, the same in both waves, so that both waves are one
    design; without buildings each questionnaire is one. No finite-population correction is used:
    it makes intervals too narrow at the size of these samples (docs/methods/survey.md). Weights
    are raked to the margins of the study's ``weighting``, wave by wave.
    """
    told = _margins(c)
    if not c.has("responses"):
        return Sample(None, None, told, *NO_ANSWERS)
    frame = c.answers()
    frame = frame[frame["wave"].isin(waves_of(c))].reset_index(drop=True)
    if frame.empty:
        return Sample(None, None, told, *(absent(c, Sample(None, None, told)) or NO_ANSWERS))
    named = c.settings["weighting"].get("base")
    columns: dict[str, Any] = {}
    if named and named in frame and frame[named].notna().all():
        columns["weights"] = named
    if frame["psu"].notna().all():
        columns["psu"] = "psu"
    if frame["stratum"].notna().all():
        columns["strata"] = "stratum"
    base = survey.Design(frame, **columns)
    wanted = list(c.settings["weighting"].get("rake") or ())
    if not wanted or told.empty:
        reason = ("未要求加权或没有总体边际", "no weighting was asked for, or there are no margins")
        return Sample(base, base, told, *reason)
    try:
        raked = survey.rake(base, told, by="wave", variables=wanted)
    except InputError as error:
        problem = error.problems[0]
        return Sample(base, base, told, problem.text("zh"), problem.text("en"))
    return Sample(base, raked, told)


def _margins(c: Community) -> pd.DataFrame:
    """Give the unit's own margins; those of a parent or ``*`` only as the study allows."""
    empty = pd.DataFrame(columns=["variable", "category", "count"])
    if not c.has("margins"):
        return empty
    weighting = c.settings["weighting"]
    frame = c.tables["margins"]
    population = weighting.get("population")
    if population:
        frame = frame[frame["population"].eq(population)]
    areas = [c.community]
    if weighting.get("borrow") == "parent":
        areas += [str(c.unit.get("parent")), "*"]
    chosen = next((frame[frame["area"].eq(a)] for a in areas if frame["area"].eq(a).any()), None)
    if chosen is None:
        return empty
    chosen = chosen[chosen["variable"].isin(weighting.get("rake") or chosen["variable"].unique())]
    return chosen[["variable", "category", "count"]].reset_index(drop=True)


def labelled(finding: str, kind: str, zh: str, en: str, **more: Any) -> dict[str, Any]:
    return {"finding": finding, "kind": kind, "label_zh": zh, "label_en": en, **more}


def weights(c: Community, sample: Sample) -> pd.DataFrame:
    """Say what weighting costs: design effect, effective sample, range of weights, the raking."""
    why = absent(c, sample)
    if why or sample.raked is None:
        if not c.has("responses"):
            return pd.DataFrame()
        row = labelled("weights.raking", "text", "加权", "Weighting", method="weights.rake")
        reason = why or NO_ANSWERS
        row |= {"status": "not_computed", "reason_zh": reason[0], "reason_en": reason[1]}
        return pd.DataFrame([row])
    now = sample.raked.subset(sample.raked.data["wave"].eq(c.wave))
    told = now.summary().set_index("statistic")["value"]
    rows = [
        labelled(f"weights.{name}", "estimate", zh, en, value=float(told[name]), unit=unit)
        | {"wave": c.wave, "n": int(told["n"]), "method": "weights.kish"}
        for name, (zh, en, unit) in _WEIGHTS.items()
    ]
    n, effective = int(told["n"]), round(float(told["n_effective"]))
    done = sample.raked is not sample.base
    rows.append(
        labelled(
            "weights.meaning",
            "text",
            "加权的代价",
            "What weighting costs",
            display_zh=f"这{n}份问卷加权后相当于{effective}份简单随机样本的信息量",
            display_en=f"these {n} questionnaires carry the information of {effective}",
            method="weights.kish",
        )
    )
    rows.append(
        labelled(
            "weights.raking",
            "text",
            "加权",
            "Weighting",
            display_zh="已按总体边际迭代加权" if done else None,
            display_en="raked to the population margins" if done else None,
            status="ok" if done else "not_computed",
            reason_zh=sample.reason_zh,
            reason_en=sample.reason_en,
            method="weights.rake",
        )
    )
    return pd.DataFrame(rows)


NUMBERS = (
    "value unit std_error ci_low ci_high level n numerator denominator df n_effective p_value "
    "method status flags reason_zh reason_en"
).split()


def cases(frame: pd.DataFrame | None) -> pd.DataFrame | None:
    if frame is None or frame.empty:
        return None
    return frame.assign(n=frame["n"].fillna(1.0))
