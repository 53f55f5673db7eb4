"""How satisfied residents are: items, both waves, groups."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import survey
from workbench.assess.sample import Sample, absent, labelled, role_en, role_zh, wave_role

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["satisfaction", "subgroups", "topic"]


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

    An opt-in part is shown apart, without an interval. Without answers that carry an inference
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
        top=top_codes(c, items),
        scale=scale_ends(c, items),
        level=c.level,
    )
    means = survey.mean(raked, items, by="wave", scale=scale_ends(c, items), level=c.level)
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
    return pd.DataFrame(rows)


def subgroups(c: Community, sample: Sample) -> pd.DataFrame:
    """Estimate the share satisfied by demographic group, for the items that feed an indicator.

    Cells under the minimum are withheld, and those from which they could be worked out.
    """
    items = bound_items(c, satisfaction_items(c))
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
            top=top_codes(c, items),
            scale=scale_ends(c, items),
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
        out[f"label_{lang}"] += [sep + _group(c, v, k, lang) for v, k in pairs]
    return _suppress(c, out, cells="category")


def _group(c: Community, variable: str, category: str, lang: str) -> str:
    """Name a group by its answer; a bare yes or no by the question too."""
    told = c.answer(variable, category, lang)
    if told.lower() not in ("是", "否", "yes", "no"):
        return told
    asked = c.text(variable, lang).rstrip("?？")
    return f"{asked}：{told}" if lang == "zh" else f"{asked}: {told}"


def _code(value: Any) -> str:
    """Write a category; the code of a coded answer, stored as 1.0, is 1 as in the codebook."""
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole else str(value)
