"""How satisfied residents are: items, both waves, groups."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import survey
from workbench.assess.editions import beside_earlier
from workbench.assess.response import population_size
from workbench.assess.sample import (
    NUMBERS,
    Sample,
    absent,
    design,
    labelled,
    role_en,
    role_zh,
    wave_role,
)
from workbench.survey.rows import from_rows

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = [
    "category_code",
    "earlier",
    "group_name",
    "satisfaction",
    "subgroups",
    "subject",
    "topic",
]


def satisfaction_items(c: Community) -> list[str]:
    """Give the satisfaction items of the codebook that the table of answers has."""
    if not c.has("responses"):
        return []
    return [item for item in c.items("satisfaction") if item in c.tables["responses"]]


def top_codes(c: Community, items: list[str]) -> dict[str, list[float]]:
    book = c.settings["codebook"]
    return {item: [float(v) for v in book[item].get("top") or (4, 5)] for item in items}


def scale_ends(c: Community, items: list[str]) -> dict[str, tuple[float, float]]:
    book = c.settings["codebook"]
    codes = {item: [float(v) for v in book[item]["values"]] for item in items}
    return {item: (min(codes[item]), max(codes[item])) for item in items}


def bound_items(c: Community, items: list[str]) -> list[str]:
    """Keep the items that a measure binds to an indicator; all of them where none is bound."""
    bound = {i for m in c.measures.values() if m["channel"] == "survey" for i in m["items"]}
    return [item for item in items if item in bound] or items


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


def subject(c: Community, item: str, lang: str) -> str:
    """Say what an item asks about in few words: 环境卫生; its wording where that cannot be told."""
    asked = (_ASKED_ZH if lang == "zh" else _ASKED_EN).search(c.text(item, lang))
    return asked["what"] if asked else c.text(item, lang)


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
    when = out["wave"].map(lambda wave: wave_role(c, wave))
    out["finding"] = "survey." + out["item"] + "." + out["statistic"] + "." + when
    for lang, words in (("zh", role_zh), ("en", role_en)):
        pairs = zip(out["item"], out["statistic"], strict=True)
        what = [topic(c, i, lang) if s == "top2" else _mean_of(c, i, lang) for i, s in pairs]
        told = ["" if w == "current" else _aside(words(w), lang) for w in when]
        out[f"label_{lang}"] = [a + b for a, b in zip(what, told, strict=True)]
    out["kind"] = "estimate"
    out["channel"] = "survey"
    return out


def satisfaction(c: Community, sample: Sample) -> pd.DataFrame:
    """Estimate each satisfaction item in both waves: share satisfied and mean, with intervals.

    Items whose precision is low are printed all the same, marked (the rule of NCHS Series 2 no.
    175 leaves out subgroups, not a unit's own headlines). An opt-in part is shown apart: the share
    as it is without an interval, and for the main items adjusted to the margins, with what it would
    be if those who did not take part were less satisfied. Without answers that carry an inference
    each item of this wave stands with the reason.
    """
    items = satisfaction_items(c)
    if not items:
        return pd.DataFrame()
    parts = []
    why = absent(c, sample)
    if why:
        parts.append(_gone(c, items, why))
    if sample.raked is not None:
        parts.append(_satisfaction(c, sample, sample.raked, items))
    return pd.concat([*parts, _opt_in(c, sample, items)], ignore_index=True)


def earlier(c: Community) -> pd.DataFrame:
    """Estimate the main items in waves before the two compared, each weighted by itself.

    Empty where the study has no such waves with answers. A wave that cannot be weighted as asked
    for stands with its base weights and says so.
    """
    if not c.has("responses"):
        return pd.DataFrame()
    answers = c.answers()
    told = [w["id"] for w in c.settings["waves"] if w["id"] not in (c.wave, c.baseline)]
    items = bound_items(c, satisfaction_items(c))
    parts = []
    for wave in told:
        mine = answers[answers["wave"].eq(wave)]
        given = [i for i in items if i in mine and mine[i].notna().any()]
        if not given:
            continue
        sample = design(c, waves=[wave])
        if sample.raked is not None:
            rows = _satisfaction(c, sample, sample.raked, given)
            parts.append(rows[rows["statistic"].eq("top2")])
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


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


def _satisfaction(
    c: Community, sample: Sample, raked: survey.Design, items: list[str]
) -> pd.DataFrame:
    shares = survey.top2(
        raked,
        items,
        by="wave",
        top=top_codes(c, items),
        scale=scale_ends(c, items),
        level=c.level,
    )
    shares = survey.presentation(shares, level=c.level)
    means = survey.mean(raked, items, by="wave", scale=scale_ends(c, items), level=c.level)
    out = _estimates(c, pd.concat([shares, _no_spread(means)], ignore_index=True))
    out = out.sort_values("wave", key=lambda w: w.ne(c.wave), kind="stable")
    out = out.reset_index(drop=True)
    if sample.failed:  # a figure that was to be weighted and is not says so itself
        out["flags"] = (out["flags"].fillna("") + ";not_weighted").str.removeprefix(";")
        for lang, words in (("zh", "未能按要求加权：" + sample.reason_zh),
                            ("en", "not weighted as asked for: " + sample.reason_en)):  # fmt: skip
            old = out[f"reason_{lang}"].fillna("")
            out[f"reason_{lang}"] = old.where(old.eq(""), old + "; ") + words
    return _suppress(c, out)


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


def _opt_in(c: Community, sample: Sample, items: list[str]) -> pd.DataFrame:
    """Give the share satisfied among those who chose to take part, and what it may stand for."""
    frame = c.answers(kind="opt_in")
    rows = []
    for item in items:
        given = frame.loc[frame["wave"].eq(c.wave), item].dropna()
        n = len(given)
        if not n:
            continue
        small = n < c.min_cell
        rows.append(
            labelled(
                f"survey.{item}.top2.opt_in",
                "estimate",
                f"{topic(c, item, 'zh')}，自愿参与者（不代表全体居民）",
                f"{topic(c, item, 'en')}, those who chose to take part (not all residents)",
                wave=c.wave,
                item=item,
                statistic="top2",
                channel="survey",
                value=None if small else float(given.isin(top_codes(c, [item])[item]).mean()),
                unit="share",
                n=None if small else n,
                flags="opt_in",
                method="survey.opt_in",
                status="suppressed" if small else "ok",
                reason_zh="人数少于最小单元" if small else "自愿参与样本，不作区间推断",
                reason_en="fewer than the minimum" if small else "opt-in sample: no interval",
            )
        )
        if not small and item in bound_items(c, items):
            rows += _adjusted(c, sample, item)
    return from_rows(rows)


_BAND = {
    "value_if_10": (
        "若其余居民的满意率低10个百分点",
        "if all others were 10 points less satisfied",
    ),
    "value_if_20": (
        "若其余居民的满意率低20个百分点",
        "if all others were 20 points less satisfied",
    ),
}


def _adjusted(c: Community, sample: Sample, item: str) -> list[dict[str, Any]]:
    """Adjust an opt-in share to the margins, with its band, and join it to the sample by rule."""
    if sample.opt_in is None:
        return []
    now = sample.opt_in.subset(sample.opt_in.data["wave"].eq(c.wave))
    settings: dict[str, Any] = {"top": top_codes(c, [item]), "scale": scale_ends(c, [item])}
    told = survey.top2(now, item, level=c.level, **settings)
    size = population_size(c, sample)
    words = topic(c, item, "zh"), topic(c, item, "en")
    common = {"wave": c.wave, "item": item, "channel": "survey"}
    rows = []
    if now.adjustments:
        one = told.iloc[0].to_dict()
        rows.append(
            labelled(
                f"survey.{item}.top2.opt_in_adjusted",
                "estimate",
                f"{words[0]}，自愿参与者，按总体边际校准",
                f"{words[1]}, those who chose to take part, adjusted to the margins",
                statistic="top2",
                **common,
                **{k: one[k] for k in NUMBERS if k in one},
            )
        )
    if size >= len(now.data[now.inside]) > 0:
        band = survey.sensitivity_band(told, now.inside.sum() / size).iloc[0]
        for name, (zh, en) in _BAND.items():
            rows.append(
                labelled(
                    f"survey.{item}.top2.opt_in_{name.removeprefix('value_')}",
                    "estimate",
                    f"{words[0]}，自愿参与者，{zh}",
                    f"{words[1]}, those who chose to take part, {en}",
                    value=float(band[name]),
                    unit="share",
                    n=int(told["n"].iloc[0]),
                    method="survey.sensitivity_band",
                    flags="assumption",
                    **common,
                )
            )
    if c.settings["weighting"].get("combine") and sample.raked is not None and now.adjustments:
        drawn = sample.raked.subset(sample.raked.data["wave"].eq(c.wave))
        if drawn.inside.any():
            both = survey.combine_samples(
                survey.top2(drawn, item, level=c.level, **settings), told, level=c.level
            )
            one = both.iloc[0].to_dict()
            rows.append(
                labelled(
                    f"survey.{item}.top2.combined",
                    "estimate",
                    f"{words[0]}，概率样本与自愿参与者合并",
                    f"{words[1]}, probability and opt-in sample together",
                    statistic="top2",
                    rule="weighting.combine: mse",
                    **common,
                    **{k: one[k] for k in NUMBERS if k in one},
                )
            )
    return rows


def subgroups(c: Community, sample: Sample) -> pd.DataFrame:
    """Estimate the share satisfied by demographic group, for the items that feed an indicator.

    Where a survey measures the participation rate, so does each group's (breadth, doc 003 §3.2).

    Cells under the minimum are withheld, and those from which they could be worked out. What is
    left and below the precision standard (NCHS Series 2 no. 175) is not printed; the two rules
    have flags and reasons of their own.
    """
    satisfied = bound_items(c, satisfaction_items(c))
    breadth = {k: v for k, v in _breadth(c).items() if k not in satisfied}
    items = [*satisfied, *breadth]
    if not items or sample.raked is None or absent(c, sample):
        return pd.DataFrame()
    top = top_codes(c, satisfied) | {item: codes for item, (_, codes) in breadth.items()}
    now = sample.raked.subset(sample.raked.data["wave"].eq(c.wave))
    parts = []
    for variable in c.items("demographic"):
        if variable not in now.data or now.data[variable].isna().all():
            continue
        frame = survey.top2(
            now,
            items,
            by=["wave", variable],
            top=top,
            scale=scale_ends(c, items),
            level=c.level,
        )
        frame = frame.assign(variable=variable, category=frame[variable].map(category_code))
        parts.append(frame.drop(columns=variable))
    if not parts:
        return pd.DataFrame()
    out = pd.concat(parts, ignore_index=True)
    out = out[out["wave"].eq(c.wave)].reset_index(drop=True)
    out = _estimates(c, out)
    for item, (slug, _) in breadth.items():
        name = c.protocol.indicator(slug).name
        out.loc[out["item"].eq(item), ["label_zh", "label_en"]] = [name.zh, name.en]
    out["finding"] += "." + out["variable"] + "=" + out["category"]
    out["subgroup"] = out["variable"] + "=" + out["category"]
    for lang, sep in (("zh", "，"), ("en", ", ")):
        pairs = zip(out["variable"], out["category"], strict=True)
        out[f"label_{lang}"] += [sep + group_name(c, v, k, lang) for v, k in pairs]
    out = beside_earlier(c, _suppress(c, out, cells="category"), ["item", "statistic", "variable"])
    return _precise(survey.presentation(out, level=c.level))


def _breadth(c: Community) -> dict[str, tuple[str, list[float]]]:
    """Give the item that says who took part, with its indicator and the answers that count."""
    told: dict[str, tuple[str, list[float]]] = {}
    for slug in ("participation_rate", "resident_participation_rate"):
        measure = c.measures.get(slug, {})
        where = measure.get("where") or {}
        if measure.get("channel") != "survey" or measure.get("statistic") != "share":
            continue
        for item, wanted in where.items() if len(where) == 1 else ():
            codes = wanted if isinstance(wanted, list) else [wanted]
            if item in c.settings["codebook"] and item in c.tables["responses"]:
                told[item] = (slug, [float(code) for code in codes])
    return told


def _precise(out: pd.DataFrame) -> pd.DataFrame:
    """Leave out the figures of subgroups that fail the precision standard; the reason stays."""
    weak = out["present"].eq(0) & out["status"].isin(["ok", "low_precision"])
    gone = ["value", "std_error", "ci_low", "ci_high", "numerator", "denominator", "n_effective"]
    out.loc[weak, gone] = math.nan
    out.loc[weak, "status"] = "low_precision"
    out.loc[weak, "flags"] = "precision"
    for lang, words in (
        ("zh", "，达不到精度标准，不公布"),
        ("en", ": below the standard, not printed"),
    ):
        out.loc[weak, f"reason_{lang}"] += words
    return out


def group_name(c: Community, variable: str, category: str, lang: str) -> str:
    """Name a group by its answer; a bare yes or no by the question too."""
    told = c.answer(variable, category, lang)
    if told.lower() not in ("是", "否", "yes", "no"):
        return told
    asked = c.text(variable, lang).rstrip("?？")
    return f"{asked}：{told}" if lang == "zh" else f"{asked}: {told}"


def category_code(value: Any) -> str:
    """Write a category; the code of a coded answer, stored as 1.0, is 1 as in the codebook."""
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole else str(value)
