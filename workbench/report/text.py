"""The sentences of pages one and two, made from findings, and the check that people can read them.

The two pages are for a village committee: no p, no interval notation, no letter grade, shares as
so many persons in ten. Every number is a reference to a finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from workbench.report.blocks import Piece, Tone
from workbench.report.register import Num, Quote, Register, Run, finite
from workbench.report.words import Words

__all__ = ["JARGON", "by_loss", "reader_problems", "sentences", "verdict"]

# Words that a reader without training in statistics stumbles over.
JARGON = {
    "zh": (
        "置信 显著 p值 P值 标准误 标准差 方差 加权 权重 设计效应 抽样误差 样本量 假设检验 自由度 "
        "效应量 中位数 百分点 回归 分位 均值 估计值 区间 校正"
    ).split(),
    "en": (
        "confidence|interval|significant|significance|p-value|standard error|variance|weighted|"
        "weighting|design effect|sampling error|sample size|hypothesis|degrees of freedom|"
        "effect size|median|percentage point|regression|quantile|estimate|estimated|adjusted"
    ).split("|"),
}
LONGEST = {"zh": 40, "en": 25}


def by_loss(register: Register) -> list[str]:
    """Ids of the deductions, the largest loss first; equal losses in the order recorded.

    A loss that would print as 0.0 is left out.
    """
    rows = [
        (key, row)
        for key, row in register.rows.items()
        if row.get("section") == "deductions"
        and row.get("kind") == "deduction"
        and finite(row.get("points"))
        and round(row["points"], 1) > 0
    ]
    return [key for key, _ in sorted(rows, key=lambda pair: -pair[1]["points"])]


def top_two(register: Register) -> list[str]:
    """Ids of this wave's shares of satisfied residents, in the order recorded.

    Where ids name the wave (``….current``), others of the section are left out.
    """
    keys = [
        key
        for key, row in register.rows.items()
        if row.get("section") == "satisfaction" and row.get("unit") == "share"
    ]
    return [key for key in keys if key.endswith(".top2.current")] or keys


def verdict(register: Register, words: Words) -> list[list[Run]]:
    """Give the result in three sentences: score and conditions, residents, the largest loss."""
    return [_score(register, words), _residents(register, words), _largest(register, words)]


def _score(register: Register, words: Words) -> list[Run]:
    unit: Run = Num("head.unit")
    total = register.rows.get("score.total")
    if total is None or not finite(total.get("value")):
        runs = words.fill("verdict.no_score", unit=unit)
    else:
        runs = words.fill(
            "verdict.score",
            unit=unit,
            score=Num("score.total"),
            max=Num("score.total", "max_points"),
        )
        if "incomplete" in str(total.get("flags") or ""):
            runs += [words("verdict.join"), words("verdict.incomplete")]
    rules = {
        row.get("verdict") for row in register.rows.values() if row.get("section") == "eligibility"
    }
    if rules:
        key = "failed" if "failed" in rules else "passed" if rules == {"passed"} else "unclear"
        runs += [words("verdict.join"), words(f"verdict.gates_{key}")]
    return [*runs, words("verdict.end")]


def _residents(register: Register, words: Words) -> list[Run]:
    for key in top_two(register):
        if not register.has(key, "tenths"):
            continue
        parts: dict[str, Any] = {
            "label": register.label(key),
            "ten": "10",
            "t": Num(key, "tenths"),
        }
        if register.has(key, "tenths_low"):
            low, high = Num(key, "tenths_low"), Num(key, "tenths_high")
            if register.text(low) != register.text(high):
                return words.fill("verdict.residents", **parts, lo=low, hi=high)
        return words.fill("verdict.residents_sure", **parts)
    return [words("verdict.residents_none")]


def _largest(register: Register, words: Words) -> list[Run]:
    losses = by_loss(register)
    if losses:
        return words.fill(
            "verdict.lost", label=register.label(losses[0]), points=Num(losses[0], "points")
        )
    total = register.rows.get("score.total", {})
    value, most = total.get("value"), total.get("max_points")
    full = finite(value) and finite(most) and float(value or 0) >= float(most or 0)
    return [words("verdict.lost_none" if full else "verdict.lost_unlisted")]


def changes(register: Register, words: Words) -> dict[str, list[Run]]:
    """Tell each change since the baseline in plain words, by the id of its finding."""
    said = {
        "better": "change.better",
        "worse": "change.worse",
        "no_relevant_change": "change.same",
        "cannot_tell": "change.unclear",
    }
    out: dict[str, list[Run]] = {}
    for key, row in register.rows.items():
        if row.get("section") != "change" or row.get("kind") != "comparison":
            continue
        if key.count(".") > 2:  # a variant for comparison only, such as ….unweighted
            continue
        if key.endswith(".unweighted"):
            continue
        told = said.get(str(row.get("verdict")))
        if told is None or row.get("status") == "suppressed":
            continue
        runs: list[Run] = [register.label(key), words("colon"), words(told)]
        if row["verdict"] in ("better", "worse") and row.get("unit") == "pp":
            more = "change.more" if row["value"] > 0 else "change.fewer"
            runs.append(words("verdict.join"))
            runs += words.fill(more, hundred="100", n=Num(key, "per100"))
        out[key] = [*runs, words("verdict.end")]
    return out


def objection(register: Register, words: Words) -> list[list[Run]]:
    """Tell how to object, with period and place where the findings name them."""
    out: list[list[Run]] = []
    if register.has("head.objection_days"):
        out.append(words.fill("object.days", days=Num("head.objection_days")))
    else:
        out.append([words("object.open")])
    out += [[words(key)] for key in ("object.how", "object.who", "object.then")]
    if register.has("head.objection_contact"):
        out.append(words.fill("object.where", where=Num("head.objection_contact")))
    return out


def sentences(value: Any) -> list[list[Run]]:
    """List every run of words in blocks, each as :func:`reader_problems` takes it."""
    if isinstance(value, dict):
        return [s for item in value.values() for s in sentences(item)]
    if isinstance(value, list) and value and all(isinstance(v, Piece) for v in value):
        return [[item.text if isinstance(item, Tone) else item for item in value]]
    if isinstance(value, list):
        return [s for item in value for s in sentences(item)]
    return [[value]] if isinstance(value, str) else []


def reader_problems(sentences: Iterable[Iterable[Run]], register: Register, lang: str) -> list[str]:
    """List what a reader would stumble over: sentences too long, statistical words.

    Words of people are left out: they are theirs. A sentence is at most 40 characters of Chinese
    or 25 words of English.
    """
    problems = []
    for runs in sentences:
        own: list[Run] = ["…" if isinstance(run, Quote) else run for run in runs]
        text = register.plain(own)
        for sentence in re.split(r"[。！？；]" if lang == "zh" else r"[.!?;](?=\s|$)", text):
            length = len(sentence) if lang == "zh" else len(sentence.split())
            if length > LONGEST[lang]:
                problems.append(f"{length}: {sentence}")
        for word in JARGON[lang]:
            found = word in text if lang == "zh" else re.search(rf"\b{word}\b", text, re.IGNORECASE)
            if found:
                problems.append(f"{word}: {text}")
    return problems
