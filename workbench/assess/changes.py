"""What changed since the baseline, item by item."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import change, survey
from workbench.assess.sample import Sample, cases, labelled
from workbench.assess.satisfaction import (
    bound_items,
    satisfaction_items,
    top_codes,
    topic,
)
from workbench.findings import number

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["changes"]

_NO_PAIR = (
    "基期或本期没有这一题的概率样本答案，无法比较",
    "one of the waves has no answers of a probability sample to this question: no comparison",
)


def changes(c: Community, sample: Sample) -> pd.DataFrame:
    """Compare each item with the baseline: weighted to the population, and beside it unweighted.

    The weighted comparison carries the verdict; the difference between both is what the changed
    composition of the answers makes. Where a wave has fewer answers to an item than may be
    published, nothing of its comparison is computed, and it takes no part in the correction for
    the number of comparisons; where a wave has none, the comparison stands with the reason.
    """
    asked = satisfaction_items(c)
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
        "top": top_codes(c, items),
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
        plain, bound_items(c, items), facts=facts | {"composition_adjusted": False}, **common
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
    return pd.concat([out, pd.DataFrame(rows)], ignore_index=True)


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
            rates = survey.response_rates(cases(reached[reached["wave"].eq(wave)]))
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
