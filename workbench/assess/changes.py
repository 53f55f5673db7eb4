"""What changed since the baseline, item by item."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import change, survey
from workbench.assess.facts import MODES
from workbench.assess.indicators import targets
from workbench.assess.sample import Sample, cases, labelled
from workbench.assess.satisfaction import (
    bound_items,
    satisfaction_items,
    top_codes,
    topic,
)
from workbench.findings import number
from workbench.survey.rows import from_rows, to_rows

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["asked_apart", "changes", "check_rows", "facts_of", "intact", "months_of"]

_NO_PAIR = (
    "基期或本期没有这一题的概率样本答案，无法比较",
    "one of the waves has no answers of a probability sample to this question: no comparison",
)


def changes(c: Community, sample: Sample) -> pd.DataFrame:
    """Compare each item with the baseline: weighted to the population, and beside it unweighted.

    The weighted comparison carries the verdict; the difference between both is what the changed
    composition of the answers makes. Where nothing was weighted, the change with the baseline's
    composition stands beside the raw one instead. Where a wave has fewer answers to an item than
    may be published, nothing of its comparison is computed, and it takes no part in the correction
    for the number of comparisons; where a wave has none, the comparison stands with the reason;
    where one wave is a probability and the other an opt-in sample, both shares are reported at E0
    and nothing is compared. The 28 checks of each comparison follow, one row per check.
    """
    asked = satisfaction_items(c)
    if not asked or not c.baseline:
        return pd.DataFrame()
    fewest = {item: min(_answered(c, sample, item)) for item in asked}
    apart = {item: _kinds_apart(c, item) for item in asked if not fewest[item]}
    apart |= {item: _reworded(c, item) for item in asked if item in asked_apart(c)}
    items = [i for i in asked if fewest[i] >= max(c.min_cell, 1) and i not in asked_apart(c)]
    withheld = [
        apart.get(item) or _withheld(c, item, fewest[item]) for item in asked if item not in items
    ]
    if not items or sample.raked is None or sample.base is None:
        return pd.DataFrame(withheld)
    margin = c.settings["decisions"].get("margin_pp")
    book = c.settings["codebook"]
    common: dict[str, Any] = {
        "by": "wave",
        "baseline": c.baseline,
        "current": c.wave,
        "of": "top2",
        "top": top_codes(c, items),
        "up": {item: bool(book[item].get("up", True)) for item in items},
        "margin": None if margin is None else float(margin) / 100,
        "level": c.level,
    }
    weighted = sample.raked is not sample.base
    facts = facts_of(c)
    aims = _targets(c, items)
    told: dict[str, Any] = {
        "item_facts": {item: _asked(c, item) for item in items},
        "clusters": _units(sample),
        "earlier": _earlier(c, items),
        "months": months_of(c),
        "instruments": tuple(_instrument(c, w, items) for w in (str(c.baseline), c.wave)),
        "denominators": (_denominator(c), _denominator(c)),
        "highest": max(max(top) for top in top_codes(c, items).values()),
        "targets": aims,
    }
    variables = _composition(c, sample.base)
    people = sample.base.data.get("panel_id")
    if people is not None and people.notna().all():
        told["person"] = "panel_id"
    if sample.base.data.get("community", pd.Series(dtype=str)).nunique() > 1:
        told["community"] = "community"
    plain = survey.Design(sample.base.data, psu=_units(sample)) if _units(sample) else sample.base
    parts = [from_rows(withheld)] if withheld else []
    found = []
    for family in _families(c, items):
        adjusted, checked = change.examine(
            sample.raked, family, facts=facts | {"composition_adjusted": weighted}, **told, **common
        )
        parts.append(_compared(c, adjusted, "", "", ""))
        # check 3 is made once, below
        found.append(checked[checked["check"].ne(3)] if variables else checked)
    if variables:
        found.append(_composition_check(c, sample, variables))
    bound = bound_items(c, items)
    same: dict[str, Any] = {"facts": facts | {"composition_adjusted": False}}
    same["item_facts"] = told["item_facts"]
    raw = change.compare(plain, bound, **same, **common)
    contrast = ("（未加权，仅供对照）", " (unweighted, for contrast)")
    parts.append(_compared(c, raw, ".unweighted", *contrast))
    if not weighted and variables:
        made = change.compare(sample.base, bound, standardise=variables, **same, **common)
        parts.append(_compared(c, made, ".standardised", *_STANDARDISED, part="standardised"))
        parts.append(_compared(c, made, ".composition", *_OF_COMPOSITION, part="composition"))
    out = pd.concat(parts, ignore_index=True)
    out["target"] = out["item"].map(aims)
    out = pd.concat([out, _detectable(c, out, main_items(c, items) or items)], ignore_index=True)
    labels = {i: (topic(c, i, "zh"), topic(c, i, "en")) for i in items}
    return pd.concat(
        [_grounds(out), check_rows(pd.concat(found), labels, prefix="change")], ignore_index=True
    )


_STANDARDISED = ("（按基期构成标准化）", " (standardised to the composition of the baseline)")
_OF_COMPOSITION = ("（其中来自样本构成的部分）", " (part that comes from composition)")


def check_rows(
    found: pd.DataFrame,
    labels: dict[str, tuple[str, str]],
    *,
    prefix: str,
    of: tuple[str, str] | None = None,
) -> pd.DataFrame:
    """Give the 28 checks of comparisons as findings ``<prefix>.check.NN``, one row each.

    ``of`` says (zh, en) what was compared, where a report has checks of several kinds.
    """
    out = change.checks_by_number(found, labels)
    if of is not None:
        out["label_zh"] += f"（{of[0]}）"
        out["label_en"] += f" ({of[1]})"
    out["finding"] = [f"{prefix}.check.{number:02d}" for number in out["check"]]
    return out.assign(kind="check", value=math.nan, n=out["n"].astype(float))


def _targets(c: Community, items: list[str]) -> dict[str, float]:
    """Give the target share of the items that feed an indicator by themselves."""
    alone = {
        slug: str(measure["items"][0])
        for slug, measure in c.measures.items()
        if measure["channel"] == "survey"
        and measure["statistic"] == "top2"
        and len(measure["items"]) == 1
        and measure["items"][0] in items
    }
    if not alone:
        return {}
    aims = targets(c)
    level = aims[aims["target_kind"].eq("level") & aims["target"].notna()]
    found = zip(level["indicator"], level["target"].astype(float), strict=True)
    return {alone[slug]: aim for slug, aim in found if slug in alone and 0 < aim < 1}


def _composition(c: Community, base: survey.Design) -> list[str]:
    """Give the demographic items that both waves have, every category with answers in both."""
    out = []
    frame = base.data
    for name in c.items("demographic"):
        if name not in frame or frame[name].isna().any():
            continue
        column, wave = frame[name], frame["wave"]
        seen = [set(column[wave.eq(w)]) for w in (c.wave, str(c.baseline))]
        if seen[0] == seen[1] and len(seen[0]) > 1:
            out.append(name)
    return out


def _composition_check(c: Community, sample: Sample, variables: list[str]) -> pd.DataFrame:
    """Check 3 on the answers as they were drawn, with what weighting leaves of the difference."""
    assert sample.base is not None
    assert sample.raked is not None
    made = [
        change.check_composition(
            design.data.assign(_weight=design.weights),
            by="wave",
            baseline=c.baseline,
            current=c.wave,
            variables=variables,
            weights="_weight",
        )
        for design in (sample.base, sample.raked)
    ]
    out = made[0].assign(item="")
    if sample.raked is not sample.base:
        left = abs(float(made[1]["value"].iloc[0]))
        out["reason_zh"] += f"；加权后为 {left:.2f}，判断以加权比较为准"
        out["reason_en"] += f"; {left:.2f} after weighting: the verdict is that of the weighted one"
    return out


def _earlier(c: Community, items: list[str]) -> dict[str, list[float]]:
    """Give each item's share satisfied in the waves before the baseline, as they were answered."""
    frame = c.answers()
    order = [wave["id"] for wave in c.settings["waves"]]
    before = order[: order.index(str(c.baseline))]
    out = {}
    for item in items:
        top = top_codes(c, [item])[item]
        given = [frame.loc[frame["wave"].eq(w), item].dropna() for w in before]
        out[item] = [float(g.isin(top).mean()) for g in given if len(g)]
    return {item: values for item, values in out.items() if values}


def months_of(c: Community) -> tuple[list[int], list[int]]:
    """Give the calendar months of field work of baseline and wave; empty where not stated."""
    waves = {wave["id"]: wave for wave in c.settings["waves"]}
    before, now = (
        sorted({int(str(day)[5:7]) for day in waves[w].get("fieldwork") or ()})
        for w in (str(c.baseline), c.wave)
    )
    return before, now


_ASKED = ("wording", "kind", "values", "top", "up", "missing")


def _instrument(c: Community, wave: str, items: list[str]) -> dict[str, Any]:
    """Say what measured: modes and weighting of a wave, wording and scale of each question.

    Where the baseline comes from a batch, its questions are those of the codebook in its signed
    reports; else one codebook holds for both waves.
    """
    frame = c.answers()
    modes = sorted(set(frame.loc[frame["wave"].eq(wave), "mode"].dropna()))
    book = _book(c, wave)
    asked = {item: _question(book[item]) for item in items if item in book}
    return {"mode": modes, "weighting": dict(c.settings["weighting"])} | asked


def _book(c: Community, wave: str) -> Mapping[str, Any]:
    """Give the codebook that a wave was asked with."""
    own = next((w.get("codebook") for w in c.settings["waves"] if w["id"] == wave), None)
    book: Mapping[str, Any] = own or c.settings["codebook"]
    return book


def _question(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: entry.get(name) for name in _ASKED}


def _denominator(c: Community) -> dict[str, Any]:
    return {
        "unit": "share of those who answered the item",
        "population": str(c.settings["weighting"].get("population") or ""),
    }


def _kinds_apart(c: Community, item: str) -> dict[str, Any] | None:
    """Report both shares at E0 where one wave is a probability, the other an opt-in sample."""
    frame = c.tables["responses"]
    if item not in frame:
        return None
    kinds = c.kind_of_sample(frame).replace({"census": "probability"})
    shares, said = [], []
    for wave in (str(c.baseline), c.wave):
        mine = frame["wave"].eq(wave) & frame[item].notna()
        kind = next((k for k in ("probability", "opt_in") if (mine & kinds.eq(k)).any()), None)
        given = frame.loc[mine & kinds.eq(kind), item] if kind else frame.loc[mine, item]
        if kind is None or len(given) < max(c.min_cell, 1):
            return None
        shares.append(float(given.isin(top_codes(c, [item])[item]).mean()))
        said.append(kind)
    if said[0] == said[1]:
        return None
    pair = [number(v, "share", "en") for v in shares]
    one, two = (_KIND_WORDS[kind][0] for kind in said)
    first, second = (_KIND_WORDS[kind][1] for kind in said)
    return _withheld(c, item, 0) | {
        "evidence_grade": "E0",
        "method": "change.grade",
        "reason_zh": f"基期为{one}，本期为{two}，只能分别报告：{pair[0]}与{pair[1]}，不作比较",
        "reason_en": f"{first} before, {second} now: {pair[0]} and {pair[1]} were reported; "
        "they are not compared",
    }


def asked_apart(c: Community) -> Mapping[str, Any]:
    """Give the items that the waves asked differently and nobody confirmed: item → wave → how."""
    told: Mapping[str, Any] = c.settings.get("asked_apart") or {}
    return told


def _reworded(c: Community, item: str) -> dict[str, Any]:
    """Refuse to compare what was not asked alike: wordings, scales or modes are printed."""
    entry = asked_apart(c)[item]
    how = [entry[wave] for wave in (str(c.baseline), c.wave)]
    alike = how[0]["wording"] == how[1]["wording"]
    texts = [
        (not alike and one["wording"]) or ", ".join(f"{k} = {v}" for k, v in one["labels"].items())
        for one in how
    ]
    said = [texts, texts]
    what = ("问法不同", "asked differently in both waves")
    if entry.get("modes_only"):
        said = [
            [joint.join(MODES.get(m, (m, m))[i] for m in one["modes"]) for one in how]
            for i, joint in enumerate(("、", ", "))
        ]
        what = ("调查方式完全不同", "asked in no mode that both waves have")
    refused = entry.get("judgement")
    why = (
        (f"{refused} 判定不可比，不作比较", f"{refused} says that they cannot be compared")
        if refused
        else ("未经确认不作比较", "nobody confirmed that they can be compared")
    )
    return _withheld(c, item, 0) | {
        "evidence_grade": "E0",
        "method": "change.grade",
        "reason_zh": f"两期{what[0]}，{why[0]}：“{said[0][0]}”“{said[0][1]}”",
        "reason_en": f"{what[1]}, and {why[1]}: “{said[1][0]}”, “{said[1][1]}”; not compared",
    }


_KIND_WORDS = {
    "probability": ("概率样本", "a probability sample"),
    "opt_in": ("自愿参与样本", "an opt-in sample"),
}


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
    return labelled(
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
            labelled(
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
    return pd.concat([out, from_rows(rows)], ignore_index=True)


_POWER = 0.8


def _detectable(c: Community, out: pd.DataFrame, items: list[str]) -> pd.DataFrame:
    """Say how large a change these two samples would have shown, for the main question.

    From the standard error of the difference and its degrees of freedom, so that weights and
    buildings are in it; it does not depend on what was found.
    """
    rows = []
    for one in to_rows(out[out["finding"].isin([f"change.{i}.top2" for i in items])]):
        if one["status"] != "ok" or not one.get("std_error", math.nan) > 0:
            continue
        df = one.get("df", math.nan)
        value = change.detectable_change(
            float(one["std_error"]),
            df=math.inf if math.isnan(df) else float(df),
            power=_POWER,
            alpha=1 - c.level,
        )
        rows.append(
            labelled(
                f"change.{one['item']}.detectable",
                "estimate",
                f"{one['label_zh']}：这两次调查有八成把握看得出的最小变化",
                f"{one['label_en']}: smallest change that these two surveys show 8 times in 10",
                item=one["item"],
                channel="survey",
                wave=c.wave,
                period=f"{c.baseline}..{c.wave}",
                value=value,
                unit="pp",
                display_zh=number(value, "pp", "zh").lstrip("+"),
                display_en=number(value, "pp", "en").lstrip("+"),
                n=one["n"],
                method="change.detectable_change",
            )
        )
        break
    return from_rows(rows)


def main_items(c: Community, items: list[str]) -> list[str]:
    """Name the items of the main question: the first that the measures bind."""
    first: list[str] = next(
        (m["items"] for m in c.measures.values() if m["channel"] == "survey"), []
    )
    return [item for item in items if item in first]


def _families(c: Community, items: list[str]) -> list[list[str]]:
    """Split the items into the main question, fixed by the measures, and all others.

    The verdicts of the others are corrected for their number; the main question, being one and
    named beforehand, is not.
    """
    main = main_items(c, items)
    return [family for family in (main, [i for i in items if i not in main]) if family]


def _units(sample: Sample) -> str | None:
    """Name the column of the design's sampling units: buildings, or the persons of a panel."""
    if sample.base is None:
        return None
    if sample.base.data["psu"].notna().all():
        return "psu"
    return "person" if "person" in sample.base.data else None


def facts_of(c: Community) -> dict[str, Any]:
    """Collect what is known about the comparison: dates, mode, months, response, units.

    Denominators are alike as both are those who answered, weighted alike.
    """
    return dict(c.once("facts of the comparison", lambda: _facts_of(c)))


def _facts_of(c: Community) -> dict[str, Any]:
    frame = c.answers()
    both = [frame["wave"].eq(w) for w in (c.wave, str(c.baseline))]
    kinds = [set(c.kind_of_sample(frame[mine])) for mine in both]
    modes = [frame.loc[mine, "mode"].value_counts(normalize=True) for mine in both]
    shift = modes[0].sub(modes[1], fill_value=0).abs().sum() / 2
    before, now = months_of(c)
    facts: dict[str, Any] = {
        "kind": "waves",
        "n_known": True,
        "dates_known": bool(before and now),
        "interval": True,
        "same_mode": bool(shift < 0.1) if frame["mode"].notna().any() else None,
        "same_months": before == now if before and now else None,
        "same_denominator": True,
        "same_sample_kind": kinds[0] == kinds[1],
        "comparable_units": not (c.has("communities") and c.unit.get("predecessors")),
        "baseline_intact": intact(c),
    }
    if c.has("dispositions"):
        reached = c.tables["dispositions"]
        for name, wave in (("response_after", c.wave), ("response_before", str(c.baseline))):
            rates = survey.response_rates(cases(reached[reached["wave"].eq(wave)]))
            value = float(rates.loc[rates["statistic"].eq("rr3"), "value"].iloc[0])
            facts[name] = None if math.isnan(value) else value
    return facts


def intact(c: Community) -> bool:
    """Say whether no signed report that the baseline rests on was changed or withdrawn."""
    if not c.has("published"):
        return True
    told = c.tables["published"]
    bags = told.loc[told["finding"].eq("bag"), "verdict"]
    return not bags.isin(["changed", "withdrawn"]).any()


def _asked(c: Community, item: str) -> dict[str, Any]:
    """Say whether the question is known and the same.

    It is one column with answers in both waves, and has one wording and scale: one codebook holds
    for both, or that of the baseline's batch says the same.
    """
    frame, waves = c.answers(), (c.wave, str(c.baseline))
    asked = [frame.loc[frame["wave"].eq(w), item].notna().any() for w in waves]
    told = [_question(_book(c, w).get(item, {})) for w in waves]
    return {
        "question_known": bool(told[0].get("wording")),
        "same_question": all(asked) and told[0] == told[1],
    }


def _compared(
    c: Community, frame: pd.DataFrame, suffix: str, zh: str, en: str, *, part: str = "raw"
) -> pd.DataFrame:
    out = frame[frame["adjustment"].eq(part)].copy()
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
