"""From an estimate to a claim: verdict, grade, wording, added to every row of a comparison."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from workbench.change._frames import table
from workbench.change.grade import DesignFacts, Grade, grade
from workbench.change.multiple import multiplicity
from workbench.change.verdict import VERDICTS, Verdict, judge
from workbench.change.wording import figure, sentence
from workbench.survey.rows import to_rows

__all__ = ["LEVEL_UNIT", "Setting", "claims"]

# a clear change where nothing says which way is better
_UNDIRECTED = dataclasses.replace(
    VERDICTS["cannot_tell"],
    zh="有变化，但未规定多还是少为好",
    en="it moved, but nothing says which way is better",
)
LEVEL_UNIT = {"pp": "share", "ratio": "per_100_households_year"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Setting:
    """What turns an estimate into a verdict and a grade."""

    margin: float | Mapping[str, float] | None = 0.05
    up: bool | Mapping[str, bool | None] | None = True
    facts: DesignFacts | Mapping[str, Any] | None = None
    item_facts: Mapping[str, Mapping[str, Any]] | None = None
    level: float = 0.95
    adjust: str | None = "holm"

    def margin_of(self, item: str) -> float | None:
        """Return the equivalence margin of an item."""
        return self.margin.get(item) if isinstance(self.margin, Mapping) else self.margin

    def up_of(self, item: str) -> bool | None:
        """Return whether a higher value of the item is better; ``None``: not stated."""
        return self.up.get(item, True) if isinstance(self.up, Mapping) else self.up


def claims(
    estimates: pd.DataFrame,
    setting: Setting,
    *,
    known: Mapping[str, Any],
    choice_zh: str,
    choice_en: str,
    about: str = "levels",
) -> pd.DataFrame:
    """Give the estimates with verdict, grade, reasons and the sentence allowed.

    Parameters
    ----------
    estimates
        Tidy rows with ``value``, interval, ``inner_low``, ``inner_high``, ``p_value``.
    setting
        Margin, direction, facts, level, correction for many tests.
    known
        Facts that the data themselves show (kind, n_known, …); facts of the setting win.
    choice_zh, choice_en
        Why this method was chosen.
    about
        What ``before`` and ``after`` are: ``levels`` of two waves, ``changes`` of comparison and
        treated communities, or a ``series``.

    Returns
    -------
    pandas.DataFrame
        The rows with ``difference``, ``p_adjusted``, ``family``, ``margin``, ``verdict`` and its
        words, ``evidence_grade``, ``reason_zh/en``, ``choice_zh/en``, ``wording_zh/en``.
        With ``adjust`` a verdict of better or worse also needs the adjusted p below 1 - level.
    """
    frame = estimates.copy()
    for name in ("item", "adjustment", "flags"):
        if name not in frame:
            frame[name] = "" if name != "adjustment" else "raw"
    for name in ("p_value", "before", "after", "ci_low", "ci_high", "inner_low", "inner_high"):
        if name not in frame:
            frame[name] = math.nan
    frame["difference"] = frame["value"]
    if setting.adjust is not None:
        frame = multiplicity(frame, method=setting.adjust, by="adjustment", family="claims")
    told = DesignFacts.of(setting.facts)
    given = {
        field.name: getattr(told, field.name)
        for field in dataclasses.fields(told)
        if getattr(told, field.name) != field.default
    }
    rows = []
    for one in to_rows(frame):
        record = {str(name): value for name, value in one.items()}
        own = {**known, **given, **(setting.item_facts or {}).get(str(record["item"]), {})}
        rows.append(_claim(record, setting, own, choice_zh, choice_en, about))
    out = table(rows)
    return out.drop(columns=["inner_low", "inner_high"])


def _claim(
    one: dict[str, Any],
    setting: Setting,
    facts: dict[str, Any],
    choice_zh: str,
    choice_en: str,
    about: str,
) -> dict[str, Any]:
    item = str(one["item"])
    facts = dict(facts)
    computed = one["status"] != "not_computed"
    facts["interval"] = not (math.isnan(one["ci_low"]) or math.isnan(one["ci_high"]))
    if facts.get("kind") == "reported" and not facts["interval"]:
        facts["n_known"] = False
    if one["adjustment"] == "standardised":
        facts["composition_adjusted"] = True
    if setting.adjust is not None:
        facts.setdefault("multiplicity_corrected", True)
    graded = grade(facts)
    verdict = _verdict(one, setting, item) if computed else VERDICTS["cannot_tell"]
    one["margin"] = setting.margin_of(item)
    if not computed:
        one.update(verdict=verdict.code, verdict_zh=verdict.zh, verdict_en=verdict.en)
        one.update(evidence_grade="", choice_zh=choice_zh, choice_en=choice_en)
        one["wording_zh"] = f"无法计算：{one['reason_zh']}。"
        one["wording_en"] = f"Not computed: {one['reason_en']}."
        return one
    # a part of a change has no direction of its own; at E0 two figures are reported, no more
    silent = one["adjustment"] == "composition" or graded.says == "E0"
    said = VERDICTS["cannot_tell"] if silent else _corrected(verdict, one, setting.level)
    one.update(verdict=said.code, verdict_zh=said.zh, verdict_en=said.en)
    one["evidence_grade"] = graded.grade
    for lang, joint in (("zh", "；"), ("en", "; ")):
        note = str(one[f"reason_{lang}"])
        reason = graded.reason_zh if lang == "zh" else graded.reason_en
        one[f"reason_{lang}"] = joint.join(part for part in (note, reason) if part)
        one[f"choice_{lang}"] = choice_zh if lang == "zh" else choice_en
        one[f"wording_{lang}"] = _words(one, graded, said, lang, setting.level, about)
    return one


def _corrected(verdict: Verdict, one: dict[str, Any], level: float) -> Verdict:
    """Say so where only the correction for many tests leaves a change open."""
    null = 1.0 if one["unit"] == "ratio" else 0.0
    clear = (one["ci_low"] > null or one["ci_high"] < null) and one["p_value"] < 1 - level
    held = verdict.code != "cannot_tell" or verdict is _UNDIRECTED
    if held or not clear or "p_adjusted" not in one:
        return verdict
    return dataclasses.replace(
        verdict,
        zh=f"校正多重比较后{verdict.zh}",
        en=f"{verdict.en} after correction for many tests",
    )


def _verdict(one: dict[str, Any], setting: Setting, item: str) -> Verdict:
    p = one.get("p_adjusted", one["p_value"])
    up = setting.up_of(item)
    told = judge(
        (one["ci_low"], one["ci_high"]),
        (one["inner_low"], one["inner_high"]),
        margin=setting.margin_of(item),
        up=up is not False,
        p_value=None if p is None or math.isnan(p) else float(p),
        level=setting.level,
        null=1.0 if one["unit"] == "ratio" else 0.0,
    )
    if up is None and told.code in ("better", "worse"):
        return _UNDIRECTED
    return told


def _words(
    one: dict[str, Any], graded: Grade, verdict: Verdict, lang: str, level: float, about: str
) -> str:
    unit = str(one["unit"])
    ci = (one["ci_low"], one["ci_high"])
    if one["adjustment"] == "composition":
        change = figure(one["value"], unit, lang, change=True)
        if lang == "zh":
            return f"其中 {change} 来自样本构成的不同。"
        return f"Of this, {change} come from the different composition of the samples."
    return sentence(
        graded,
        verdict,
        before=one["before"],
        after=one["after"],
        difference=one["value"],
        ci=ci,
        unit=unit,
        level_unit=LEVEL_UNIT.get(unit, unit),
        lang=lang,
        level=level,
        about=about,
    )
