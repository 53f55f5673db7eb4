"""The sample of a unit as a survey design, weighted to the population, and what weighting costs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import survey
from workbench.errors import InputError, Problem
from workbench.survey.rows import from_rows, to_rows

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
    they are, or why ``raked`` is ``base``. ``opt_in`` are the answers of those who chose to take
    part, of both waves, weighted to the same margins where that can be done; no sample of anybody.
    ``failed``: weighting was asked for and could not be done.
    """

    base: survey.Design | None
    raked: survey.Design | None
    margins: pd.DataFrame
    reason_zh: str = ""
    reason_en: str = ""
    failed: bool = False
    opt_in: survey.Design | None = None
    notes: tuple[tuple[str, str], ...] = ()


NO_ANSWERS = ("没有问卷", "there are no questionnaires")


_NONE_NOW = ("本期没有问卷", "there are no questionnaires in this wave")


_OPT_IN_ONLY = (
    "没有可用的概率样本答卷，只有自愿参与样本的，不能推断全体居民",
    "no usable answers of a probability sample, only opt-in ones: no inference to all residents",
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


def design(c: Community, waves: Sequence[str] | None = None) -> Sample:
    """Make the survey design of the unit and weight it to the population.

    Buildings are the primary sampling units, the same in both waves, so that both waves are one
    design; without buildings each person (``panel_id``) is one, else each questionnaire. No
    finite-population correction is used: it makes intervals too narrow at the size of these samples
    (docs/methods/survey.md). Weights
    follow the study's ``weighting``, wave by wave: replicate weights that came with the data,
    adjustment for non-response by classes of the dispositions, raking to margins, trimming.
    ``waves`` are this one and the baseline unless others are named.
    """
    chosen_waves = waves_of(c) if waves is None else list(waves)
    told = _margins(c)
    if not c.has("responses"):
        return Sample(None, None, told, *NO_ANSWERS)
    chosen = _opt_in(c, told)
    frame = c.answers()
    frame = frame[frame["wave"].isin(chosen_waves)].reset_index(drop=True)
    if frame.empty:
        nothing = Sample(None, None, told)
        return Sample(None, None, told, *(absent(c, nothing) or NO_ANSWERS), opt_in=chosen)
    base, notes = _base(c, frame)
    weighted, reason, more = _weighted(c, base, told)
    return Sample(
        base,
        weighted or base,
        told,
        *reason,
        weighted is None and bool(_wanted(c)),
        chosen,
        (*notes, *more),
    )


def _wanted(c: Community) -> list[str]:
    """List the steps of weighting that the study asks for, beyond base weights."""
    told = c.settings["weighting"]
    return [name for name in ("nonresponse", "rake", "trim") if told.get(name)]


def _base(c: Community, frame: pd.DataFrame) -> tuple[survey.Design, list[tuple[str, str]]]:
    """Lay out strata, units and base weights; what is missing in part is said, never ignored."""
    notes: list[tuple[str, str]] = []
    columns: dict[str, Any] = {}
    frame = frame.copy()
    named = c.settings["weighting"].get("base")
    if named and named in frame:
        census = c.kind_of_sample(frame).eq("census")
        frame[named] = frame[named].mask(census & frame[named].isna(), 1.0)
        columns["weights"] = named
    gone = frame["psu"].isna()
    if not gone.all():
        if gone.any():
            own = pd.Series([f"row {i}" for i in frame.index], index=frame.index)
            frame["psu"] = frame["psu"].where(~gone, own)
            n = int(gone.sum())
            notes.append(
                (
                    f"{n}份问卷没有楼栋，各自作为一个抽样单元",
                    f"{n} questionnaires without a building count as units of their own",
                )
            )
        columns["psu"] = "psu"
    elif "panel_id" in frame and frame["panel_id"].notna().any():
        # without buildings the two answers of one person are what belongs together
        own = pd.Series([f"row {i}" for i in frame.index], index=frame.index)
        frame["person"] = frame["panel_id"].astype(object).where(frame["panel_id"].notna(), own)
        columns["psu"] = "person"
        notes.append(
            (
                "没有楼栋；同一人各期的回答作为一个抽样单元",
                "no buildings: the answers of one person in both waves are one sampling unit",
            )
        )
    gone = frame["stratum"].isna()
    if not gone.all():
        frame["stratum"] = frame["stratum"].where(~gone, "?")
        columns["strata"] = "stratum"
        if gone.any():
            notes.append(
                (
                    f"{int(gone.sum())}份问卷没有层，作为单独一层",
                    f"{int(gone.sum())} questionnaires without a stratum are one of their own",
                )
            )
    told = c.settings["weighting"].get("replicates")
    given = [n for n in map(str, frame) if re.fullmatch(r"rw[1-9]\d*", n)]
    if told and given and "weights" in columns:
        given.sort(key=lambda n: int(n[2:]))
        more = {name: told[name] for name in ("scale", "rscales") if told.get(name) is not None}
        made = survey.with_replicates(
            frame,
            weights=str(named),
            replicates=given,
            method=told["method"],
            rho=told.get("rho") or 0.0,
            **more,
        )
        return made, notes
    return survey.Design(frame, **columns), notes


_NOT_ASKED = ("未要求加权或没有总体边际", "no weighting was asked for, or there are no margins")
_AGREE = 0.01  # margins whose totals differ by less are one population, counted at other dates


def _weighted(
    c: Community, base: survey.Design, margins: pd.DataFrame
) -> tuple[survey.Design | None, tuple[str, str], list[tuple[str, str]]]:
    """Apply the steps in order; ``None`` and the reason where one cannot be done, or none is."""
    told = c.settings["weighting"]
    notes: list[tuple[str, str]] = []
    out = base
    try:
        if told.get("nonresponse"):
            cases_ = reachable(c)
            if cases_ is None:
                raise InputError(
                    Problem(
                        code="weighting.nonresponse",
                        zh="没有未接触者的记录，不能作无应答调整",
                        en="no record of who was not reached: no adjustment for non-response",
                    )
                )
            out = survey.nonresponse_from_dispositions(
                out, cases_, cells=["wave", *told["nonresponse"]]
            )
        if told.get("rake") and not margins.empty:
            sums = margins.groupby("variable")["count"].sum()
            total = None
            if len(sums) > 1 and 0 < (sums.max() - sums.min()) / sums.max() <= _AGREE:
                total = float(sums[margins["variable"].iloc[0]])
                notes.append(
                    (
                        "各变量的总体合计略有不同，已按比例统一",
                        "the totals of the margins differ slightly; scaled to one",
                    )
                )
            out = survey.rake(out, margins, by="wave", variables=list(told["rake"]), total=total)
        if told.get("trim"):
            cut = survey.trim(out, times=float(told["trim"]), by="wave")
            n = int((cut.weights < out.weights * (1 - 1e-9)).sum())
            notes.append(
                (
                    f"{n}个权数被截至均值的{told['trim']:g}倍",
                    f"{n} weights cut to {told['trim']:g} times the mean",
                )
            )
            out = cut
    except InputError as error:
        problem = error.problems[0]
        return None, (problem.text("zh"), problem.text("en")), notes
    if out is base:
        return None, _NOT_ASKED, notes
    return out, ("", ""), notes


def reachable(c: Community) -> pd.DataFrame | None:
    """Give the dispositions of modes that are a probability sample, of all waves."""
    if not c.has("dispositions"):
        return None
    frame = c.tables["dispositions"]
    return cases(frame[c.kind_of_sample(frame).ne("opt_in")])


def _opt_in(c: Community, margins: pd.DataFrame) -> survey.Design | None:
    """Lay out the answers of those who chose to take part; weighted to the margins if possible."""
    frame = c.answers(kind="opt_in")
    frame = frame[frame["wave"].isin(waves_of(c))].reset_index(drop=True)
    if frame.empty:
        return None
    psu = "psu" if frame["psu"].notna().all() else None  # neighbours may think alike
    made = survey.Design(frame, psu=psu, kind="opt_in")
    wanted = list(c.settings["weighting"].get("rake") or ())
    if not wanted or margins.empty:
        return made
    try:
        return survey.rake(made, margins, by="wave", variables=wanted)
    except InputError:
        return made


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
        if name != "psus" or now.data["psu"].notna().any()
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
    rows += _worth(c, now)
    rows.append(
        labelled(
            "weights.raking",
            "text",
            "加权",
            "Weighting",
            **(_steps(sample.raked, c.wave) if done else {"status": "not_computed"}),
            reason_zh=sample.reason_zh,
            reason_en=sample.reason_en,
            method="weights.rake",
        )
    )
    rows += [
        labelled(
            f"weights.note.{i}",
            "text",
            "关于样本",
            "About the sample",
            display_zh=zh,
            display_en=en,
            method="weights.kish",
        )
        for i, (zh, en) in enumerate(sample.notes, 1)
    ]
    return from_rows(rows)


_STEPS = {
    "rake": ("按总体边际迭代加权", "raked to the population margins"),
    "nonresponse.dispositions": ("按抽样类别调整无应答", "adjusted for non-response by class"),
    "trim": ("截尾", "trimmed"),
}


def _steps(weighted: survey.Design, wave: str) -> dict[str, str]:
    """Say what each step of weighting did in this wave: how closely, how far."""
    told = weighted.diagnostics
    if "wave" in told:
        told = told[told["wave"].isna() | told["wave"].astype(str).eq(wave)]
    zh, en = [], []
    for one in to_rows(told):
        words = _STEPS.get(one["method"], (one["method"],) * 2)
        spread = f"{one['ratio_min']:.2f}–{one['ratio_max']:.2f}"
        zh.append(f"{words[0]}（权数变为原来的{spread}倍")
        en.append(f"{words[1]} (weights times {spread}")
        if one["worst_margin"] and one["method"] == "rake":
            off = one["worst_deviation"]
            zh[-1] += f"，{one['iterations']}轮，最大偏差{off:.0e}"
            en[-1] += f", {one['iterations']} rounds, largest deviation {off:.0e}"
        if one["n_unknown"]:
            zh[-1] += f"，{one['n_unknown']}份缺少加权变量"
            en[-1] += f", {one['n_unknown']} lack a weighting variable"
        zh[-1], en[-1] = zh[-1] + "）", en[-1] + ")"
    return {"display_zh": "；".join(zh), "display_en": "; ".join(en)}


def _worth(c: Community, now: survey.Design) -> list[dict[str, Any]]:
    """Say what clusters and weights together leave of the sample, for the main question."""
    book = c.settings["codebook"]
    named = [i for m in c.measures.values() if m["channel"] == "survey" for i in m["items"]]
    item = next((i for i in named if i in now.data and book[i].get("role") == "satisfaction"), None)
    if item is None:
        return []
    top = [float(v) for v in book[item].get("top") or (4, 5)]
    one = survey.top2(now, item, top=top, scale=None).iloc[0]
    if not one["n_effective"] > 0 or not one["deff"] > 0:
        return []
    n, worth = int(one["n"]), round(float(one["n_effective"]))
    return [
        labelled(
            "weights.worth",
            "text",
            "加权与楼栋合计的代价",
            "What weighting and buildings cost together",
            display_zh=f"就主要问题而言，{n}份回答相当于{worth}份简单随机样本的信息量",
            display_en=f"for the main question, {n} answers carry the information of {worth}",
            n=n,
            method="survey.deff",
        )
    ]


NUMBERS = (
    "value unit std_error ci_low ci_high level n numerator denominator df n_effective p_value "
    "method status flags reason_zh reason_en"
).split()


def cases(frame: pd.DataFrame | None) -> pd.DataFrame | None:
    if frame is None or frame.empty:
        return None
    return frame.assign(n=frame["n"].fillna(1.0))


def composition(c: Community, base: survey.Design, margins: pd.DataFrame) -> pd.DataFrame:
    """Give the sample with base weights beside the population, by wave; made once a unit."""
    return c.once("composition", lambda: survey.composition(base, margins, by="wave"))
