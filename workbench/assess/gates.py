"""Eligibility: every gate of the protocol, by indicators, by facts and by counted signatures."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import scoring
from workbench.assess.indicators import _truth as truth
from workbench.assess.indicators import by_fact, judged_by, unestimated
from workbench.assess.score import OPT_IN, chosen
from workbench.findings import interval, number
from workbench.survey.rows import from_rows, to_rows

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["DECIDED", "eligibility"]

Row = dict[str, Any]

# R-26 is asked of social organisations, each of which is judged in ``accounts.organisations``
_OF_OTHERS = ("R-26",)
_GATE_SIGN = {">=": "≥", "<=": "≤", ">": ">", "<": "<", "=": "≥"}


def eligibility(c: Community, frame: pd.DataFrame) -> pd.DataFrame:
    """Hold the unit against every gate of the protocol, with the study's decision rule.

    Verdict (the decision), the rule it was made by and the statistical outcome stand apart. A gate
    that the study does not apply is shown all the same and decides nothing. A gate with a window
    looks at the facts within it, and at a survey whose field work ended within it.

    Returns
    -------
    DataFrame
        Findings ``rule.<rule>.<indicator>``; ``rule.R-22`` and ``rule.R-23.<fact>`` where such a
        fact is on record; ``rule.R-21`` where the study uses the rule of signatures.
    """
    measured = _by_indicator(c, frame[frame["finding"].str.startswith("indicator.")])
    rows = [*_by_facts(c), *_signatures(c)]
    return pd.concat([f for f in (measured, from_rows(rows)) if len(f)] or [measured])


def _by_indicator(c: Community, frame: pd.DataFrame) -> pd.DataFrame:
    from workbench.protocol.units import UNITS

    frame = _within(c, frame)
    rules: list[dict[str, Any]] = []
    labels: dict[str, dict[str, Any]] = {}
    for gate in c.protocol.gates():
        if gate["rule"] in _OF_OTHERS:
            continue
        slug = gate["indicator"]
        scale = 100.0 if UNITS[gate["unit"]].family == "share" else 1.0
        name = f"{gate['rule']}.{slug}"
        if f"rule.{name}" in labels:  # two conditions on one indicator, such as years and staff
            name += f".{len(labels)}"
        operator, threshold = _GATE_SIGN.get(gate["op"], "≥"), gate["value"]
        if gate["kind"] in {"bool", "zero"}:
            operator = "≥" if threshold else "≤"
            threshold = float(threshold or 0)
        condition = {
            "kind": "threshold",
            "indicator": slug,
            "operator": operator,
            "threshold": None if threshold is None else threshold / scale,
        }
        if gate["window_months"] and gate["kind"] != "bool":
            condition["window_months"] = int(gate["window_months"])
        rules.append({"id": name, "conditions": [condition]})
        labels[f"rule.{name}"] = gate
    if not rules:
        return pd.DataFrame()
    unsure = frame[unestimated(frame)].set_index("indicator")
    known = frame[frame["value"].notna() & ~frame["indicator"].isin(unsure.index)]
    told = scoring.eligibility(
        rules,
        as_of=dt.date.fromisoformat(str(c.settings["issued"])),
        values=judged_by(known)[
            ["indicator", "value", "std_error", "ci_low", "ci_high", "status", "date"]
        ],
        decision=c.settings["decisions"].get("gate"),
        level=c.level,
    )
    units = frame.set_index("indicator")["unit"]
    opted = chosen(frame)
    rows = []
    for row in to_rows(told):
        gate = labels[row["finding"]]
        slug = gate["indicator"]
        applied = "" if gate["applied"] else "（仅列示，不作决定）"
        english = "" if gate["applied"] else " (shown only, decides nothing)"
        unit = units.get(slug, "ratio")
        row |= {
            "kind": "check",
            "unit": unit,
            "indicator": slug,
            "label_zh": f"{gate['rule']} {gate['name_zh']} {gate['display_zh']}{applied}",
            "label_en": f"{gate['rule']} {gate['name_en']} {gate['display_en']}{english}",
            "rule": gate["rule"],
            "flags": row["outcome"],
        }
        for lang in ("zh", "en"):
            row[f"display_{lang}"] = number(row["value"], unit, lang)
            row[f"target_{lang}"] = gate[f"display_{lang}"]
        if row.get("status") == "ok":
            row["reason_zh"], row["reason_en"] = _decided(row, unit, gate)
        if slug in opted:
            row["reason_zh"] = f"{row['reason_zh']}；{OPT_IN[0]}"
            row["reason_en"] = f"{row['reason_en']}; {OPT_IN[1]}"
        if slug in unsure.index and gate["value"] is not None:
            row.update(_undecided(unsure.loc[slug].to_dict(), unit, gate))
        rows.append(row)
    return from_rows(rows)


def _undecided(one: Mapping[Any, Any], unit: str, gate: Mapping[str, Any]) -> dict[Any, Any]:
    """Give what a gate says of a sampled value whose error is not known: it cannot be told."""
    value = [number(one["value"], unit, lang) for lang in ("zh", "en")]
    return {
        "value": one["value"],
        "display_zh": value[0],
        "display_en": value[1],
        "verdict": "cannot_tell",
        "outcome": "cannot_tell",
        "flags": "cannot_tell",
        "decision": "cannot_tell",
        "status": "low_precision",
        "reason_zh": f"实测{value[0]}，要求{gate['display_zh']}，"
        "是抽样或评分的结果而误差无法估计，不能判断",
        "reason_en": f"measured {value[1]}, required {gate['display_en']}, rests on a sample or on "
        "marks whose error cannot be estimated: it cannot be told",
    }


DECIDED = {
    "point": ("按估计值决定", "decided by the estimate"),
    "lower": ("按区间不利的一端决定", "decided by the less favourable limit"),
    "upper": ("按区间有利的一端决定", "decided by the more favourable limit"),
}
_OUTCOMES = {
    "met": ("统计上达到", "statistically met"),
    "not_met": ("统计上未达到", "statistically not met"),
    "cannot_tell": ("统计上无法判断", "statistically undecided"),
}


def _decided(row: Mapping[Any, Any], unit: str, gate: Mapping[str, Any]) -> tuple[str, str]:
    """Say value, demand, rule and statistical outcome of a gate in words."""
    said = []
    for i, lang in enumerate(("zh", "en")):
        zh = lang == "zh"
        span = interval(row.get("ci_low"), row.get("ci_high"), unit, lang)
        value = number(row["value"], unit, lang)
        parts = [f"实测{value}" if zh else f"measured {value}"]
        if row.get("decision"):
            parts[0] += (f"（{span}）" if zh else f" ({span})") if span else ""
            parts += [_OUTCOMES[row["outcome"]][i], DECIDED[row["decision"]][i]]
        parts.insert(1, ("要求" if zh else "required ") + str(gate[f"display_{lang}"]))
        said.append(("，" if zh else ", ").join(parts))
    return said[0], said[1]


def _within(c: Community, frame: pd.DataFrame) -> pd.DataFrame:
    """Look at a gate's facts within its own window, and say when a survey ended."""
    wave = next(w for w in c.settings["waves"] if w["id"] == c.wave)
    days = wave.get("fieldwork")
    out = frame.assign(date=None)
    if days:
        out["date"] = out["date"].mask(out["channel"].eq("survey"), str(days[1]))
    for gate in c.protocol.gates():
        measure = c.measures.get(gate["indicator"], {})
        at = out.index[out["indicator"].eq(gate["indicator"])]
        if measure.get("channel") != "fact" or not gate["window_months"] or not len(at):
            continue
        told = by_fact(c, {**measure, "window_months": gate["window_months"]})
        out.loc[at, "value"] = told["value"]
    return out


def _by_facts(c: Community) -> list[Row]:
    """Say what a fact on record bars: poor rectification (R-22), a disqualifying fact (R-23)."""
    if not c.has("facts"):
        return []
    table = c.tables["facts"].drop(columns="community", errors="ignore")
    failed = table[table["fact"].eq("not_rectified") & table["date"].notna()]
    for value, day in zip(failed["value"], failed["date"], strict=True):
        if truth(value):  # who fails to rectify loses the next year
            barred = {"fact": "ineligible_until", "value": f"{day.year + 1}-12-31", "date": day}
            table = pd.concat([table, pd.DataFrame([barred])], ignore_index=True)
    on_file = set(table["fact"])
    known = c.protocol.parameters.get("disqualifying_facts")
    facts = [str(f) for f in (known.value if known is not None else None) or ()]
    wanted: dict[str, Mapping[str, Any]] = {
        f"R-23.{name}": {"kind": "no_fact", "facts": [name]} for name in facts if name in on_file
    }
    if "R-22" in c.protocol.rules and "ineligible_until" in on_file:
        wanted["R-22"] = {"kind": "until", "fact": "ineligible_until"}
    if not wanted:
        return []
    told = scoring.eligibility(
        [{"id": name, "conditions": [one], "veto": True} for name, one in wanted.items()],
        as_of=dt.date.fromisoformat(str(c.settings["issued"])),
        facts=table,
        level=c.level,
    )
    rows: list[Row] = []
    for one in to_rows(told):
        row: Row = {str(k): v for k, v in one.items() if k not in {"value", "ci_low", "ci_high"}}
        rule = str(row["rule"]).partition(".")[0]
        title = c.protocol.rules[rule].title
        rows.append(
            row
            | {
                "kind": "check",
                "rule": rule,
                "label_zh": f"{rule} {title.zh}",
                "label_en": f"{rule} {title.en}",
                "flags": row["outcome"],
                "target": None,
                "indicator": None,
            }
        )
    return rows


_CONFIRMS = "signatures"


def _signatures(c: Community) -> list[Row]:
    """Count the signatures that confirm the result (R-21), where the study uses the rule.

    The count is the row of ``votes`` whose id ends in ``signatures``: an exact count on a stated
    base, no estimate (S-26).
    """
    used = {n: c.protocol.parameters.get(n) for n in (
        "signature_rule_on", "min_signature_share", "signature_base")}  # fmt: skip
    if any(p is None for p in used.values()) or used["signature_rule_on"].value is not True:  # type: ignore[union-attr]
        return []
    least, base = (used[n].value for n in ("min_signature_share", "signature_base"))  # type: ignore[union-attr]
    title = c.protocol.rules["R-21"].title
    row: Row = {
        "finding": "rule.R-21",
        "kind": "check",
        "rule": "R-21",
        "severity": "veto",
        "label_zh": f"R-21 {title.zh}",
        "label_en": f"R-21 {title.en}",
        "unit": "share",
        "target": float(least),
        "verdict": "cannot_tell",
        "outcome": "cannot_tell",
        "flags": "cannot_tell",
        "status": "not_computed",
        "method": "scoring.eligibility",
    }
    votes = c.tables["votes"] if c.has("votes") else pd.DataFrame({"vote": []})
    mine = votes[votes["vote"].astype(str).str.lower().str.endswith(_CONFIRMS)]
    if base is None:
        why = "签字占比的基数没有给定（signature_base）", "the base is not given (signature_base)"
        return [row | {"reason_zh": why[0], "reason_en": why[1]}]
    if len(mine) != 1 or mine["base"].iloc[0] != base:
        zh, en = (
            f"没有一份以{base}为基数的签字清点",
            f"there is no one count of signatures of {base}",
        )
        return [row | {"reason_zh": f"{zh}（votes）", "reason_en": f"{en} (votes)"}]
    one = to_rows(scoring.vote_results(mine.assign(threshold=float(least))))[0]
    signed, whole = int(one["approve"]), int(one["eligible"])
    return [
        row
        | {
            "value": float(one["value"]),
            "numerator": signed,
            "denominator": whole,
            "n": whole,
            "verdict": {"met": "passed", "not_met": "failed"}[one["verdict"]],
            "outcome": one["verdict"],
            "flags": one["verdict"],
            "status": "ok",
            "reason_zh": f"{whole}名（户）中{signed}签字，要求不低于{least:.0%}",
            "reason_en": f"{signed} of {whole} signed, required at least {least:.0%}",
        }
    ]
