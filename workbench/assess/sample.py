"""Who answered, with which weights, how satisfied they are, and what changed since the baseline."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import change, survey
from workbench.assess.facts import MODES
from workbench.errors import InputError
from workbench.findings import number

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = [
    "Sample",
    "absent",
    "changes",
    "design",
    "response",
    "satisfaction",
    "subgroups",
    "weights",
]

_RATES = {
    "rr1": ("应答率（RR1）", "Response rate (RR1)"),
    "rr3": ("应答率（RR3，按比例估计未知个案的合格率）", "Response rate (RR3)"),
    "coop1": ("合作率", "Cooperation rate"),
    "ref1": ("拒访率", "Refusal rate"),
    "con1": ("接触率", "Contact rate"),
}
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


_NO_ANSWERS = ("没有问卷", "there are no questionnaires")
_NONE_NOW = ("本期没有问卷", "there are no questionnaires in this wave")
_OPT_IN_ONLY = (
    "只有自愿参与样本的答卷，不能推断全体居民",
    "only answers of an opt-in sample: no inference to all residents",
)
_NO_PAIR = (
    "基期或本期没有这一题的概率样本答案，无法比较",
    "one of the waves has no answers of a probability sample to this question: no comparison",
)


def absent(c: Community, sample: Sample) -> tuple[str, str] | None:
    """Say (zh, en) why this wave carries no estimate for all residents; ``None`` where it does."""
    if sample.raked is not None and sample.raked.data["wave"].eq(c.wave).any():
        return None
    if not c.has("responses"):
        return _NO_ANSWERS
    now = c.tables["responses"]["wave"].eq(c.wave)
    return _OPT_IN_ONLY if now.any() else _NONE_NOW


def _waves(c: Community) -> list[str]:
    return [c.wave, *([c.baseline] if c.baseline else [])]


def _when(c: Community, wave: str) -> str:
    return "current" if wave == c.wave else "baseline" if wave == c.baseline else wave


def design(c: Community) -> Sample:
    """Make the survey design of the unit and weight it to the population.

    Buildings are the primary sampling units, the same in both waves, so that both waves are one
    design; without buildings each questionnaire is one. No finite-population correction is used:
    it makes intervals too narrow at the size of these samples (docs/methods/survey.md). Weights
    are raked to the margins of the study's ``weighting``, wave by wave.
    """
    told = _margins(c)
    if not c.has("responses"):
        return Sample(None, None, told, *_NO_ANSWERS)
    frame = c.answers()
    frame = frame[frame["wave"].isin(_waves(c))].reset_index(drop=True)
    if frame.empty:
        return Sample(None, None, told, *(absent(c, Sample(None, None, told)) or _NO_ANSWERS))
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


def _row(finding: str, kind: str, zh: str, en: str, **more: Any) -> dict[str, Any]:
    return {"finding": finding, "kind": kind, "label_zh": zh, "label_en": en, **more}


def response(c: Community, sample: Sample) -> pd.DataFrame:
    """Say who was reached: AAPOR rates, questionnaires by mode, the sample against the margins.

    An opt-in sample gets a participation count and no response rate.
    """
    rows: list[dict[str, Any]] = []
    if not c.has("responses"):
        return pd.DataFrame(rows)
    reached = c.tables.get("dispositions")
    for wave in _waves(c):
        when = _when(c, wave)
        mine = reached[reached["wave"].eq(wave)] if reached is not None else None
        rates = survey.response_rates(_counted(mine)).set_index("statistic")
        for name, (zh, en) in _RATES.items():
            told = rates.loc[name].to_dict()
            more: dict[str, Any] = {k: told.get(k) for k in _NUMBERS if k in told}
            label = (f"{zh}，{_zh(when)}", f"{en}, {_en(when)}")
            rows.append(_row(f"response.{name}.{when}", "estimate", *label, wave=wave, **more))
        answers = c.tables["responses"]
        answers = answers[answers["wave"].eq(wave)]
        kinds = c.kind_of_sample(answers)
        modes = answers["mode"].fillna("?")
        counted: dict[str, int] = {str(k): int(v) for k, v in modes.value_counts().items()}
        for mode, n in sorted(counted.items()):
            kind = kinds[modes.eq(mode)].iloc[0]
            rows.append(
                _row(
                    f"response.mode.{mode}.{when}",
                    "estimate",
                    f"{MODES.get(mode, (mode, mode))[0]}（{_KINDS[kind][0]}），{_zh(when)}",
                    f"{MODES.get(mode, (mode, mode))[1]} ({_KINDS[kind][1]}), {_en(when)}",
                    wave=wave,
                    value=float(n),
                    n=int(n),
                    unit="count",
                    method="records.count",
                )
            )
    if sample.base is not None and not sample.margins.empty:
        rows += _composition(c, sample)
    return pd.DataFrame(rows)


_KINDS = {
    "probability": ("概率样本", "probability sample"),
    "opt_in": ("自愿参与，不计应答率", "opt-in, no response rate"),
    "census": ("普查", "census"),
}
_NUMBERS = (
    "value unit std_error ci_low ci_high level n numerator denominator df n_effective p_value "
    "method status flags reason_zh reason_en"
).split()


def _zh(when: str) -> str:
    return _WHEN_ZH.get(when, when)


def _en(when: str) -> str:
    return _WHEN_EN.get(when, when)


def _counted(frame: pd.DataFrame | None) -> pd.DataFrame | None:
    if frame is None or frame.empty:
        return None
    return frame.assign(n=frame["n"].fillna(1.0))


def _composition(c: Community, sample: Sample) -> list[dict[str, Any]]:
    """Set each group's share among the answers beside the population; small groups withheld."""
    assert sample.base is not None
    frame = survey.composition(sample.base, sample.margins, by="wave")
    frame = frame[frame["wave"].eq(c.wave)].assign(value=frame["share_unweighted"])
    kept = ["item", "category", "value", "unit", "n", "population", "status"]
    frame = frame[[*kept, "reason_zh", "reason_en"]]
    hidden = survey.disclosure(frame, minimum=c.min_cell, cells="category", keys=["item"])
    rows = []
    for told in hidden.astype({"n": float}).to_dict("records"):
        name, category = told["item"], told["category"]
        rows.append(
            _row(
                f"response.composition.{name}.{category}",
                "estimate",
                c.answer(name, category, "zh"),
                c.answer(name, category, "en"),
                wave=c.wave,
                target=told["population"],
                method="survey.composition",
                **{k: told[k] for k in ("value", "unit", "n", "status", "reason_zh", "reason_en")},
                flags=told["flags"],
            )
        )
    return rows


def weights(c: Community, sample: Sample) -> pd.DataFrame:
    """Say what weighting costs: design effect, effective sample, range of weights, the raking."""
    why = absent(c, sample)
    if why or sample.raked is None:
        if not c.has("responses"):
            return pd.DataFrame()
        row = _row("weights.raking", "text", "加权", "Weighting", method="weights.rake")
        reason = why or _NO_ANSWERS
        row |= {"status": "not_computed", "reason_zh": reason[0], "reason_en": reason[1]}
        return pd.DataFrame([row])
    now = sample.raked.subset(sample.raked.data["wave"].eq(c.wave))
    told = now.summary().set_index("statistic")["value"]
    rows = [
        _row(f"weights.{name}", "estimate", zh, en, value=float(told[name]), unit=unit)
        | {"wave": c.wave, "n": int(told["n"]), "method": "weights.kish"}
        for name, (zh, en, unit) in _WEIGHTS.items()
    ]
    n, effective = int(told["n"]), round(float(told["n_effective"]))
    done = sample.raked is not sample.base
    rows.append(
        _row(
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
        _row(
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


def _items(c: Community) -> list[str]:
    """Give the satisfaction items of the codebook that the table of answers has."""
    if not c.has("responses"):
        return []
    return [item for item in c.items("satisfaction") if item in c.tables["responses"]]


def _top(c: Community, items: list[str]) -> dict[str, list[float]]:
    book = c.settings["codebook"]
    return {item: [float(v) for v in book[item].get("top") or (4, 5)] for item in items}


def _scale(c: Community, items: list[str]) -> dict[str, tuple[float, float]]:
    book = c.settings["codebook"]
    codes = {item: [float(v) for v in book[item]["values"]] for item in items}
    return {item: (min(codes[item]), max(codes[item])) for item in items}


_ASKED_ZH = re.compile(r"您对(?P<what>.+?)是否满意")
_ASKED_EN = re.compile(r"are you satisfied with (?P<what>.+?)\?*$", re.I)


def topic(c: Community, item: str, lang: str) -> str:
    """Say what a satisfaction item measures as a noun phrase: 对环境卫生满意的居民."""
    wording = c.text(item, lang)
    if lang == "zh":
        asked = _ASKED_ZH.search(wording)
        return f"对{asked['what']}满意的居民" if asked else f"回答满意的居民（“{wording}”）"
    asked = _ASKED_EN.search(wording)
    return f"residents satisfied with {asked['what']}" if asked else f"satisfied: “{wording}”"


def _mean_of(c: Community, item: str, lang: str) -> str:
    asked = (_ASKED_ZH if lang == "zh" else _ASKED_EN).search(c.text(item, lang))
    if lang == "zh":
        return (
            f"对{asked['what']}的满意程度，平均分" if asked else f"平均分（“{c.text(item, lang)}”）"
        )
    what = f"with {asked['what']}" if asked else f"(“{c.text(item, lang)}”)"
    return f"mean satisfaction {what}"


def _aside(text: str, lang: str) -> str:
    return f"（{text}）" if lang == "zh" else f" ({text})"


def _estimates(c: Community, frame: pd.DataFrame) -> pd.DataFrame:
    """Give estimator rows their ids and words."""
    out = frame.copy()
    when = out["wave"].map(lambda wave: _when(c, wave))
    out["finding"] = "survey." + out["item"] + "." + out["statistic"] + "." + when
    for lang, words in (("zh", _zh), ("en", _en)):
        pairs = zip(out["item"], out["statistic"], strict=True)
        what = [topic(c, i, lang) if s == "top2" else _mean_of(c, i, lang) for i, s in pairs]
        told = ["" if w == "current" else _aside(words(w), lang) for w in when]
        out[f"label_{lang}"] = [a + b for a, b in zip(what, told, strict=True)]
    out["kind"] = "estimate"
    out["channel"] = "survey"
    return out


def satisfaction(c: Community, sample: Sample) -> pd.DataFrame:
    """Estimate each satisfaction item in both waves: share satisfied and mean, with intervals.

    An opt-in part is shown apart, without an interval. Without answers that carry an inference
    each item of this wave stands with the reason.
    """
    items = _items(c)
    if not items:
        return pd.DataFrame()
    parts = []
    why = absent(c, sample)
    if why:
        parts.append(_gone(c, items, why))
    if sample.raked is not None:
        parts.append(_satisfaction(c, sample.raked, items))
    return pd.concat([*parts, _opt_in(c, items)], ignore_index=True)


def _gone(c: Community, items: list[str], why: tuple[str, str]) -> pd.DataFrame:
    rows = [
        {
            "item": item,
            "statistic": statistic,
            "wave": c.wave,
            "status": "not_computed",
            "reason_zh": why[0],
            "reason_en": why[1],
            "method": method,
        }
        for statistic, method in (("top2", "survey.top2.taylor"), ("mean", "survey.mean.taylor"))
        for item in items
    ]
    return _estimates(c, pd.DataFrame(rows)).assign(value=math.nan)


def _satisfaction(c: Community, raked: survey.Design, items: list[str]) -> pd.DataFrame:
    shares = survey.top2(
        raked,
        items,
        by="wave",
        top=_top(c, items),
        scale=_scale(c, items),
        level=c.level,
    )
    means = survey.mean(raked, items, by="wave", scale=_scale(c, items), level=c.level)
    out = _estimates(c, pd.concat([shares, _no_spread(means)], ignore_index=True))
    out = out.sort_values("wave", key=lambda w: w.ne(c.wave), kind="stable")
    return _suppress(c, out.reset_index(drop=True))


def _no_spread(means: pd.DataFrame) -> pd.DataFrame:
    """Take the interval from means of equal answers: it would be one point and claim certainty."""
    out = means.copy()
    flat = out["status"].eq("ok") & (out["ci_high"] - out["ci_low"]).lt(1e-9)
    out.loc[flat, ["ci_low", "ci_high", "std_error"]] = math.nan
    out.loc[flat, "status"] = "low_precision"
    out.loc[flat, "reason_zh"] = "所有回答相同，样本给不出区间"
    out.loc[flat, "reason_en"] = "all answers are equal: the sample gives no interval"
    return out


def _suppress(c: Community, frame: pd.DataFrame, cells: str | None = None) -> pd.DataFrame:
    keys = ["item", "statistic", "wave"] + (["variable"] if "variable" in frame else [])
    out = survey.disclosure(frame, minimum=c.min_cell, cells=cells, keys=keys)
    return out.assign(level=c.level, n=out["n"].astype(float))


def _opt_in(c: Community, items: list[str]) -> pd.DataFrame:
    """Share satisfied among those who chose to take part: a count, no interval, no claim."""
    frame = c.answers(kind="opt_in")
    rows = []
    for item in items:
        given = frame.loc[frame["wave"].eq(c.wave), item].dropna()
        n = len(given)
        if not n:
            continue
        small = n < c.min_cell
        rows.append(
            _row(
                f"survey.{item}.top2.opt_in",
                "estimate",
                f"{topic(c, item, 'zh')}，自愿参与者（不代表全体居民）",
                f"{topic(c, item, 'en')}, those who chose to take part (not all residents)",
                wave=c.wave,
                item=item,
                statistic="top2",
                channel="survey",
                value=None if small else float(given.isin(_top(c, [item])[item]).mean()),
                unit="share",
                n=None if small else n,
                flags="opt_in",
                method="survey.opt_in",
                status="suppressed" if small else "ok",
                reason_zh="人数少于最小单元" if small else "自愿参与样本，不作区间推断",
                reason_en="fewer than the minimum" if small else "opt-in sample: no interval",
            )
        )
    return pd.DataFrame(rows)


def subgroups(c: Community, sample: Sample) -> pd.DataFrame:
    """Estimate the share satisfied by demographic group, for the items that feed an indicator.

    Cells under the minimum are withheld, and those from which they could be worked out.
    """
    items = _bound(c, _items(c))
    if not items or sample.raked is None or absent(c, sample):
        return pd.DataFrame()
    now = sample.raked.subset(sample.raked.data["wave"].eq(c.wave))
    parts = []
    for variable in c.items("demographic"):
        if variable not in now.data or now.data[variable].isna().all():
            continue
        frame = survey.top2(
            now,
            items,
            by=["wave", variable],
            top=_top(c, items),
            scale=_scale(c, items),
            level=c.level,
        )
        frame = frame.assign(variable=variable, category=frame[variable].map(_code))
        parts.append(frame.drop(columns=variable))
    if not parts:
        return pd.DataFrame()
    out = pd.concat(parts, ignore_index=True)
    out = out[out["wave"].eq(c.wave)].reset_index(drop=True)
    out = _estimates(c, out)
    out["finding"] += "." + out["variable"] + "=" + out["category"]
    out["subgroup"] = out["variable"] + "=" + out["category"]
    for lang, sep in (("zh", "，"), ("en", ", ")):
        pairs = zip(out["variable"], out["category"], strict=True)
        out[f"label_{lang}"] += [sep + c.answer(v, k, lang) for v, k in pairs]
    return _suppress(c, out, cells="category")


def _code(value: Any) -> str:
    """Write a category; the code of a coded answer, stored as 1.0, is 1 as in the codebook."""
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole else str(value)


def changes(c: Community, sample: Sample) -> pd.DataFrame:
    """Compare each item with the baseline: weighted to the population, and beside it unweighted.

    The weighted comparison carries the verdict; the difference between both is what the changed
    composition of the answers makes. Where a wave has fewer answers to an item than may be
    published, nothing of its comparison is computed, and it takes no part in the correction for
    the number of comparisons; where a wave has none, the comparison stands with the reason.
    """
    asked = _items(c)
    if not asked or not c.baseline:
        return pd.DataFrame()
    fewest = {item: min(_answered(c, sample, item)) for item in asked}
    items = [item for item in asked if fewest[item] >= max(c.min_cell, 1)]
    withheld = [_withheld(c, item, fewest[item]) for item in asked if item not in items]
    if not items or sample.raked is None or sample.base is None:
        return pd.DataFrame(withheld)
    margin = c.settings["decisions"].get("margin_pp")
    book = c.settings["codebook"]
    common: dict[str, Any] = {
        "by": "wave",
        "baseline": c.baseline,
        "current": c.wave,
        "of": "top2",
        "top": _top(c, items),
        "up": {item: bool(book[item].get("up", True)) for item in items},
        "margin": None if margin is None else float(margin) / 100,
        "level": c.level,
    }
    weighted = sample.raked is not sample.base
    facts = _facts(c, items)
    plain = survey.Design(sample.base.data, psu="psu") if _has_psu(sample) else sample.base
    parts = [pd.DataFrame(withheld)] if withheld else []
    for family in _families(c, items):
        adjusted = change.compare(
            sample.raked, family, facts=facts | {"composition_adjusted": weighted}, **common
        )
        parts.append(_compared(c, adjusted, "", "", ""))
    raw = change.compare(
        plain, _bound(c, items), facts=facts | {"composition_adjusted": False}, **common
    )
    contrast = ("（未加权，仅供对照）", " (unweighted, for contrast)")
    parts.append(_compared(c, raw, ".unweighted", *contrast))
    return _grounds(pd.concat(parts, ignore_index=True))


def _answered(c: Community, sample: Sample, item: str) -> tuple[int, int]:
    """Count the answers to an item that carry an inference, this wave's and the baseline's."""
    if sample.base is None:
        return 0, 0
    frame = sample.base.data
    given = frame[item].notna()
    waves = (c.wave, str(c.baseline))
    now, before = (int((given & frame["wave"].eq(wave)).sum()) for wave in waves)
    return now, before


def _withheld(c: Community, item: str, fewest: int) -> dict[str, Any]:
    reason = (
        (
            f"有一期的回答少于{c.min_cell}份，为保护个人不公布",
            f"a wave has fewer than {c.min_cell} answers: withheld to protect persons",
        )
        if fewest
        else _NO_PAIR
    )
    return _row(
        f"change.{item}.top2",
        "comparison",
        topic(c, item, "zh"),
        topic(c, item, "en"),
        item=item,
        statistic="top2",
        channel="survey",
        wave=c.wave,
        period=f"{c.baseline}..{c.wave}",
        value=math.nan,
        unit="pp",
        verdict="cannot_tell",
        method="change.difference.design",
        status="suppressed" if fewest else "not_computed",
        flags="disclosure" if fewest else None,
        reason_zh=reason[0],
        reason_en=reason[1],
    )


def _grounds(out: pd.DataFrame) -> pd.DataFrame:
    """Say the grounds of the evidence grade once where they are the same for several claims."""
    rows = []
    ok = out["status"].eq("ok") & out["evidence_grade"].fillna("").ne("")
    groups = out[ok].groupby(["evidence_grade", "reason_zh"], sort=False)
    for i, ((grade, zh), mine) in enumerate(groups, 1):
        rows.append(
            _row(
                f"change.grounds.{i}",
                "text",
                f"证据等级{grade}的依据（{len(mine)}项比较）",
                f"Grounds of evidence grade {grade} ({len(mine)} comparisons)",
                display_zh=zh,
                display_en=mine["reason_en"].iloc[0],
                section="change",
                evidence_grade=grade,
                method="change.grade",
            )
        )
    out.loc[ok, ["reason_zh", "reason_en"]] = None
    return pd.concat([out, pd.DataFrame(rows)], ignore_index=True)


def _bound(c: Community, items: list[str]) -> list[str]:
    """Keep the items that a measure binds to an indicator; all of them where none is bound."""
    bound = {i for m in c.measures.values() if m["channel"] == "survey" for i in m["items"]}
    return [item for item in items if item in bound] or items


def _families(c: Community, items: list[str]) -> list[list[str]]:
    """Split the items into the main question, fixed by the measures, and all others.

    The verdicts of the others are corrected for their number; the main question, being one and
    named beforehand, is not.
    """
    first: list[str] = next(
        (m["items"] for m in c.measures.values() if m["channel"] == "survey"), []
    )
    main = [item for item in items if item in first]
    return [family for family in (main, [i for i in items if i not in main]) if family]


def _has_psu(sample: Sample) -> bool:
    return sample.base is not None and bool(sample.base.data["psu"].notna().all())


def _facts(c: Community, items: list[str]) -> dict[str, Any]:
    """Collect what is known about the comparison: question, mode, months, response.

    ``items`` are those compared. An item is one entry of the codebook and one column with answers
    in both waves; the codebook has no wording by wave, so this is all that says the question is
    the same. Denominators are alike as both are those who answered, weighted alike.
    """
    waves = {wave["id"]: wave for wave in c.settings["waves"]}
    now, before = waves[c.wave], waves[str(c.baseline)]
    months = [{str(day)[5:7] for day in wave.get("fieldwork") or ()} for wave in (now, before)]
    frame = c.answers()
    both = [frame["wave"].eq(w) for w in (c.wave, str(c.baseline))]
    kinds = [set(c.kind_of_sample(frame[mine])) for mine in both]
    book = c.settings["codebook"]
    asked = [i in book and all(frame.loc[m, i].notna().any() for m in both) for i in items]
    modes = [
        frame.loc[frame["wave"].eq(w), "mode"].value_counts(normalize=True)
        for w in (c.wave, str(c.baseline))
    ]
    shift = modes[0].sub(modes[1], fill_value=0).abs().sum() / 2
    facts: dict[str, Any] = {
        "kind": "waves",
        "n_known": True,
        "dates_known": all(months),
        "question_known": all(bool(book.get(i, {}).get("wording")) for i in items),
        "interval": True,
        "same_question": all(asked),
        "same_mode": bool(shift < 0.1) if frame["mode"].notna().any() else None,
        "same_months": months[0] == months[1] if all(months) else None,
        "same_denominator": True,
        "same_sample_kind": kinds[0] == kinds[1],
    }
    if c.has("dispositions"):
        reached = c.tables["dispositions"]
        for name, wave in (("response_after", c.wave), ("response_before", str(c.baseline))):
            rates = survey.response_rates(_counted(reached[reached["wave"].eq(wave)]))
            value = float(rates.loc[rates["statistic"].eq("rr3"), "value"].iloc[0])
            facts[name] = None if math.isnan(value) else value
    return facts


def _compared(c: Community, frame: pd.DataFrame, suffix: str, zh: str, en: str) -> pd.DataFrame:
    out = frame[frame["adjustment"].eq("raw")].copy()
    out["finding"] = "change." + out["item"] + "." + out["statistic"] + suffix
    out["label_zh"] = [f"{topic(c, i, 'zh')}{zh}" for i in out["item"]]
    out["label_en"] = [f"{topic(c, i, 'en')}{en}" for i in out["item"]]
    out["kind"] = "comparison"
    out["channel"] = "survey"
    out["wave"] = c.wave
    out["baseline"] = out["before"]
    for lang in ("zh", "en"):
        out[f"baseline_{lang}"] = [number(v, "share", lang) for v in out["before"]]
    out["period"] = f"{c.baseline}..{c.wave}"
    return out
