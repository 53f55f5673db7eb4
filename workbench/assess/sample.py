"""Who answered, with which weights, how satisfied they are, and what changed since the baseline."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import change, survey
from workbench.errors import InputError
from workbench.findings import number

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["Sample", "changes", "design", "response", "satisfaction", "subgroups", "weights"]

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

    ``base`` and ``raked`` are ``None`` without answers; ``reason`` says why ``raked`` is ``base``.
    """

    base: survey.Design | None
    raked: survey.Design | None
    margins: pd.DataFrame
    reason_zh: str = ""
    reason_en: str = ""


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
        return Sample(None, None, told)
    frame = c.answers()
    frame = frame[frame["wave"].isin(_waves(c))].reset_index(drop=True)
    if frame.empty:
        return Sample(None, None, told)
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
                    f"{_MODES.get(mode, (mode, mode))[0]}（{_KINDS[kind][0]}），{_zh(when)}",
                    f"{_MODES.get(mode, (mode, mode))[1]} ({_KINDS[kind][1]}), {_en(when)}",
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


_MODES = {
    "household": ("入户访问", "household interview"),
    "paper": ("纸质问卷", "paper questionnaire"),
    "mini_program": ("小程序", "mini-program"),
    "?": ("未注明方式", "mode not given"),
}
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
    assert sample.base is not None
    frame = survey.composition(sample.base, sample.margins, by="wave")
    rows = []
    for told in frame[frame["wave"].eq(c.wave)].to_dict("records"):
        name, category = told["item"], told["category"]
        label = c.answer(name, category, "zh")
        english = c.answer(name, category, "en")
        rows.append(
            _row(
                f"response.composition.{name}.{category}",
                "estimate",
                label,
                english,
                wave=c.wave,
                value=told["share_unweighted"],
                target=told["population"],
                unit="share",
                n=told["n"],
                method="survey.composition",
                status=told["status"],
            )
        )
    return rows


def weights(c: Community, sample: Sample) -> pd.DataFrame:
    """Say what weighting costs: design effect, effective sample, range of weights, the raking."""
    if sample.raked is None:
        return pd.DataFrame()
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


def _items(c: Community, sample: Sample) -> list[str]:
    if sample.raked is None:
        return []
    return [item for item in c.items("satisfaction") if item in sample.raked.data]


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

    An opt-in part is shown apart, without an interval.
    """
    items = _items(c, sample)
    if not items:
        return pd.DataFrame()
    assert sample.raked is not None
    shares = survey.top2(
        sample.raked,
        items,
        by="wave",
        top=_top(c, items),
        scale=_scale(c, items),
        level=c.level,
    )
    means = survey.mean(sample.raked, items, by="wave", scale=_scale(c, items), level=c.level)
    out = _estimates(c, pd.concat([shares, means], ignore_index=True))
    out = out.sort_values("wave", key=lambda w: w.ne(c.wave), kind="stable")
    out = _suppress(c, out.reset_index(drop=True))
    return pd.concat([out, _opt_in(c, items)], ignore_index=True)


def _suppress(c: Community, frame: pd.DataFrame, cells: str | None = None) -> pd.DataFrame:
    keys = ["item", "statistic", "wave"] + (["variable"] if "variable" in frame else [])
    out = survey.disclosure(frame, minimum=c.min_cell, cells=cells, keys=keys)
    return out.assign(level=c.level)


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
    items = _bound(c, _items(c, sample))
    if not items:
        return pd.DataFrame()
    assert sample.raked is not None
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
        frame = frame.assign(variable=variable, category=frame[variable].astype(str))
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


def changes(c: Community, sample: Sample) -> pd.DataFrame:
    """Compare each item with the baseline: weighted to the population, and beside it unweighted.

    The weighted comparison carries the verdict; the difference between both is what the changed
    composition of the answers makes.
    """
    items = _items(c, sample)
    if not items or not c.baseline or sample.raked is None or sample.base is None:
        return pd.DataFrame()
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
    facts = _facts(c)
    plain = survey.Design(sample.base.data, psu="psu") if _has_psu(sample) else sample.base
    parts = []
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


def _grounds(out: pd.DataFrame) -> pd.DataFrame:
    """Say the grounds of the evidence grade once where they are the same for several claims."""
    rows = []
    for i, (zh, mine) in enumerate(out.groupby("reason_zh", sort=False), 1):
        one = mine.iloc[0]
        grade = one["evidence_grade"]
        rows.append(
            _row(
                f"change.grounds.{i}",
                "text",
                f"证据等级{grade}的依据（{len(mine)}项比较）",
                f"Grounds of evidence grade {grade} ({len(mine)} comparisons)",
                display_zh=zh,
                display_en=one["reason_en"],
                section="change",
                evidence_grade=grade,
                method="change.grade",
            )
        )
    ok = out["status"].eq("ok")
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


def _facts(c: Community) -> dict[str, Any]:
    """Collect what is known about the comparison: question, mode, months, response."""
    waves = {wave["id"]: wave for wave in c.settings["waves"]}
    now, before = waves[c.wave], waves[str(c.baseline)]
    months = [{str(day)[5:7] for day in wave.get("fieldwork") or ()} for wave in (now, before)]
    frame = c.answers()
    modes = [
        frame.loc[frame["wave"].eq(w), "mode"].value_counts(normalize=True)
        for w in (c.wave, str(c.baseline))
    ]
    shift = modes[0].sub(modes[1], fill_value=0).abs().sum() / 2
    facts: dict[str, Any] = {
        "kind": "waves",
        "n_known": True,
        "dates_known": all(months),
        "question_known": True,
        "interval": True,
        "same_question": True,
        "same_mode": bool(shift < 0.1) if frame["mode"].notna().any() else None,
        "same_months": months[0] == months[1] if all(months) else None,
        "same_denominator": True,
        "same_sample_kind": True,
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
