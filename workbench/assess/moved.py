"""Every indicator before and after, also those that do not come from a question of the survey."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import change
from workbench.assess.bridge import as_of_baseline
from workbench.assess.changes import asked_apart, check_rows, facts_of, intact, months_of
from workbench.assess.indicators import targets, unit_of, values
from workbench.assess.sample import Sample
from workbench.assess.satisfaction import bound_items
from workbench.assess.series import span_of
from workbench.findings import number
from workbench.survey.rows import from_rows, to_rows

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["moved"]

_SAMPLED = ("survey", "inspection", "mystery")
_OF = "value ci_low ci_high n status".split()


def moved(c: Community, sample: Sample, now: pd.DataFrame) -> pd.DataFrame:
    """Compare each indicator with the baseline by the same measure, from the interval of each wave.

    An indicator that is one question of the survey stands among the items and is left out. Where
    both waves have an interval, that of the difference is put together from them. Where one has
    none (a count of records is no estimate), where the windows of both waves share months, or where
    the waves are samples of different kinds, both figures are reported at E0 and nothing is
    compared.

    Parameters
    ----------
    c, sample
        The unit and its sample.
    now
        Result of :func:`workbench.assess.indicators` for this wave.

    Returns
    -------
    DataFrame
        ``change.indicator.<slug>.difference`` and 28 rows ``change.indicator.check.NN``; empty
        without a baseline.
    """
    if not c.baseline or now.empty:
        return pd.DataFrame()
    earlier = as_of_baseline(c)
    # both waves are in the sample, each weighted by itself
    before = from_rows(values(earlier, sample))
    both = _wide(c, now, before)
    both = both[~both["indicator"].isin(_among_items(c, sample))]
    if both.empty:
        return pd.DataFrame()
    told = facts_of(c) if both["channel"].isin(_SAMPLED).any() and sample.base is not None else {}
    rows, kept = [], []
    for one in to_rows(both):
        why = _apart(c, one, told)
        kept.append(why is None)
        if why is not None:
            rows.append(_reported(c, one, *why))
    whole = both[kept]
    if whole.empty:
        return pd.DataFrame(rows)
    made, found = _compare(c, whole, told)
    names = {one["indicator"]: (one["label_zh"], one["label_en"]) for one in to_rows(both)}
    out = [_told(c, made, names), from_rows(rows)]
    out.append(check_rows(found, names, prefix="change.indicator", of=("各项指标", "indicators")))
    return pd.concat([part for part in out if len(part)], ignore_index=True)


def _wide(c: Community, now: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """Put both waves of each indicator side by side, those without a value in either left out."""
    mine = now[now["finding"].str.startswith("indicator.")]
    names = ["indicator", "channel", "label_zh", "label_en", "unit"]
    earlier = before.reindex(columns=["indicator", "std_error", *_OF])
    exact = earlier["ci_low"].eq(earlier["ci_high"]) & earlier["std_error"].isna()
    earlier.loc[exact, ["ci_low", "ci_high"]] = None  # a count of records, not an estimate
    wide = mine.reindex(columns=[*names, *_OF]).merge(
        earlier.drop(columns="std_error"), on="indicator", suffixes=("", "_before")
    )
    there = wide[["value", "value_before"]].astype(float).notna().all(axis=1)
    return wide[there & wide["unit"].ne("yes_no")].reset_index(drop=True)


def _among_items(c: Community, sample: Sample) -> set[str]:
    """Name the indicators that are the share satisfied with one question: compared as items."""
    if sample.base is None:
        return set()
    items = set(bound_items(c, [i for i in c.items("satisfaction") if i in sample.base.data]))
    return {
        slug
        for slug, m in c.measures.items()
        if m["channel"] == "survey" and m["statistic"] == "top2" and len(m["items"]) == 1
        and m["items"][0] in items
    }  # fmt: skip


def _apart(c: Community, one: dict[Any, Any], told: Mapping[str, Any]) -> tuple[str, str] | None:
    """Say (zh, en) why two figures are only reported; ``None`` where they can be compared."""
    if one["channel"] == "survey" and told.get("same_sample_kind") is False:
        return (
            "两期样本性质不同，不作比较",
            "the waves are samples of different kinds: not compared",
        )
    ends = [one[n] for n in ("ci_low", "ci_high", "ci_low_before", "ci_high_before")]
    if any(pd.isna(end) for end in ends):
        return (
            "有一期没有区间，差值的误差无从估计，不作比较",
            "a wave has no interval, so the difference has none: not compared",
        )
    measure = c.measures[one["indicator"]]
    if measure["channel"] == "survey" and set(measure["items"]) & set(asked_apart(c)):
        return (
            "两期问法或调查方式不同，未经确认不作比较",
            "asked differently in both waves, and nobody confirmed that they can be compared",
        )
    if measure["channel"] == "record":
        spans = [span_of(w, measure) for w in (as_of_baseline(c), c)]
        if spans[0] and spans[1] and spans[1][0] < spans[0][1]:
            return (
                "两期的统计窗口有重叠的月份，不是两份独立的记录，不作比较",
                "the windows of both waves share months and are no independent records: "
                "not compared",
            )
    return None


def _base(c: Community, slug: str, zh: str, en: str, channel: str) -> dict[str, Any]:
    return {
        "finding": f"change.indicator.{slug}.difference",
        "kind": "comparison",
        "indicator": slug,
        "item": slug,
        "channel": channel,
        "wave": c.wave,
        "period": f"{c.baseline}..{c.wave}",
        "label_zh": f"{zh}（与基期相比）",
        "label_en": f"{en} (against the baseline)",
    }


def _reported(c: Community, one: dict[Any, Any], zh: str, en: str) -> dict[str, Any]:
    pair = {lang: [number(float(one[n]), str(one["unit"]), lang)
                   for n in ("value_before", "value")] for lang in ("zh", "en")}  # fmt: skip
    return _base(c, one["indicator"], one["label_zh"], one["label_en"], one["channel"]) | {
        "baseline": float(one["value_before"]),
        "value": math.nan,
        "verdict": "cannot_tell",
        "evidence_grade": "E0",
        "method": "change.grade",
        "status": "not_computed",
        "reason_zh": f"资料报告为{pair['zh'][0]}与{pair['zh'][1]}；{zh}",
        "reason_en": f"{pair['en'][0]} and {pair['en'][1]} were reported; {en}",
    }


def _compare(
    c: Community, whole: pd.DataFrame, told: Mapping[str, Any]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare the indicators of the survey and all others, each corrected for its number."""
    asked = whole["channel"].eq("survey")
    now, before = (
        next(w for w in c.settings["waves"] if w["id"] == name) for name in (c.wave, c.baseline)
    )
    facts = {
        "kind": "waves",
        "dates_known": all(w.get("fieldwork") or w.get("records") for w in (now, before)),
        "question_known": True,
        "same_question": True,
        "same_mode": True,
        "same_denominator": True,
        "comparable_units": not c.unit.get("predecessors"),
        "baseline_intact": intact(c),
    }
    of_survey = {**told, "question_known": True, "same_question": True}
    made, found = [], []
    for part, known in ((whole[asked], of_survey), (whole[~asked], facts)):
        if part.empty:
            continue
        one, checked = _examined(c, part, known)
        made.append(one)
        found.append(checked)
    return pd.concat(made, ignore_index=True), pd.concat(found, ignore_index=True)


_BASES = {"unit": "as in measures.yaml, for both waves"}


def _examined(
    c: Community, whole: pd.DataFrame, facts: dict[str, Any]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    aims = targets(c).set_index("indicator")["direction"]
    slugs = list(whole["indicator"])
    units = ["pp" if unit_of(c, s) == "share" else unit_of(c, s) for s in slugs]
    names = {
        "before": "value_before",
        "low_before": "ci_low_before",
        "high_before": "ci_high_before",
        "after": "value",
        "low_after": "ci_low",
        "high_after": "ci_high",
        "n_before": "n_before",
        "n_after": "n",
    }
    data = pd.DataFrame({new: whole[old].astype(float) for new, old in names.items()})
    data = data.assign(item=slugs, unit=units)
    margin = c.settings["decisions"].get("margin_pp")
    points = [slug for slug, unit in zip(slugs, units, strict=True) if unit == "pp"]
    spans = {slug: _months(c, slug) for slug in slugs}
    uneven = [slug for slug in slugs if not _same(spans[slug])]
    measures = {slug: c.measures[slug] for slug in slugs}
    return change.examine(
        data,
        of="estimates",
        margin=None if margin is None else dict.fromkeys(points, float(margin) / 100),
        up={slug: {1: True, -1: False}.get(int(aims.get(slug, 0))) for slug in slugs},
        level=c.level,
        facts=facts,
        item_facts={slug: {"same_months": _same(spans[slug])} for slug in slugs},
        months=spans[(uneven or slugs)[0]],
        denominators=(_BASES, _BASES),
        instruments=(measures, measures),
    )


def _months(c: Community, slug: str) -> tuple[list[int], list[int]]:
    """Give the calendar months that an indicator covers in the baseline and in this wave."""
    measure = c.measures[slug]
    if measure["channel"] != "record":
        return months_of(c)
    spans = [span_of(w, measure) for w in (as_of_baseline(c), c)]
    told = [
        sorted({day.month for day in pd.date_range(s[0], s[1], freq="MS", inclusive="left")})
        if s
        else []
        for s in spans
    ]
    return told[0], told[1]


def _same(months: tuple[list[int], list[int]]) -> bool | None:
    return months[0] == months[1] if all(months) else None


def _told(c: Community, made: pd.DataFrame, names: dict[str, tuple[str, str]]) -> pd.DataFrame:
    out = made.copy()
    channel = {slug: m["channel"] for slug, m in c.measures.items()}
    aims = targets(c).set_index("indicator")
    bases = [_base(c, slug, *names[slug], channel[slug]) for slug in out["item"]]
    for name in bases[0]:
        out[name] = [one[name] for one in bases]
    level = aims["target"].where(aims["target_kind"].eq("level"))
    out["target"] = out["indicator"].map(level.astype(float))
    out["baseline"] = out["before"]
    return out
