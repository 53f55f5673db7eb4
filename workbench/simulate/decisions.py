"""Typing errors with their corrections, judgements, and the settings of the study."""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.simulate.export import CODES, COMMON, LABELS, PLATFORM, QUESTIONS
from workbench.simulate.world import WAVES, Compound

__all__ = ["judgements", "mistype", "write_settings"]


def mistype(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Mistype a fee, a mark and a paper answer, in place; give the corrections.

    Returns
    -------
    pandas.DataFrame
        ``corrections.csv``: what stands in the files after this call, and what it should be.
    """
    fees, marks, forms = tables["measurements"], tables["inspections"], tables["responses"]
    fee = fees.index[
        (fees["community"] == "JX-03")
        & (fees["indicator"] == "property_fee_collection_rate")
        & (fees["period"] == "2026-07")
    ][0]
    mark = marks.index[
        (marks["community"] == "JX-04")
        & (marks["wave"] == WAVES[1])
        & (marks["visit"] == "announced")
        & (marks["score"] == "10")
    ][0]
    form = forms.index[
        (forms["community"] == "JX-03")
        & (forms["wave"] == WAVES[1])
        & (forms["mode"] == "paper")
        & (forms["q2"] == 4)
    ][0]
    paid = str(fees.loc[fee, "numerator"])
    fees.loc[fee, "numerator"] = f"{paid}0"
    marks.loc[mark, "score"] = "1"
    forms.loc[form, "q2"] = 1
    lines = [
        ("data/measurements.csv", f"row:{fee + 1}", "numerator", f"{paid}0", paid,
         "导出时多录一个 0，与当月收费凭证核对", "A1", "2026-11-18", "收费凭证 2026-07 汇总单"),
        ("data/inspections.csv", f"row:{mark + 1}", "score", "1", "10",
         "纸质评分表为 10 分，录入漏一位", "A2", "2026-11-17", "评分表扫描件"),
        ("data/survey_2026h2_wjx.csv", forms.loc[form, "respondent"], "q2", "1", "4",
         "纸质问卷勾选“比较满意”，补录有误", "A1", "2026-11-17", "纸质问卷存档"),
    ]  # fmt: skip
    columns = ["file", "key", "column", "old", "new", "reason", "author", "date", "evidence"]
    made = pd.DataFrame(lines, columns=columns)
    made.insert(8, "approved_by", "林示范")
    return made


def judgements(forms: pd.DataFrame) -> pd.DataFrame:
    """Release one sentence of a resident as a quotation, and note how the waves compare."""
    said = forms[
        (forms["community"] == "JX-01")
        & (forms["wave"] == WAVES[1])
        & (forms["sug"].str.len() > 12)
    ].iloc[0]
    lines = [
        ("J-01", "quotation", "JX-01", f"responses:{said['respondent']}:sug", said["sug"],
         said["sug"], "准予引用", "内容不涉及个人", "Nobody can be recognised from it",
         "R1", "2026-12-01", "周复核"),
        ("J-02", "comparability", "", f"waves:{WAVES[0]}:{WAVES[1]}", WAVES[0], WAVES[1],
         "两轮可比", "题目、方式、楼栋相同；季节不同（4 月与 10 月）",
         "Same questions and modes and buildings; different season (April and October)",
         "A1", "2026-11-20", "周复核"),
    ]  # fmt: skip
    columns = ["id", "kind", "community", "object", "from", "to", "decision", "reason_zh"]
    columns += ["reason_en", "author", "date", "approved_by"]
    return pd.DataFrame(lines, columns=columns)


def write_settings(folder: Path, seed: int, units: list[Compound]) -> None:
    """Copy the settings, with the seed, the names and the recodes filled in."""
    filled: dict[str, dict[Any, Any]] = {
        "@names@": {u.name: u.id for u in units},
        "@columns@": {code: header for header, code in (PLATFORM | QUESTIONS).items()},
        "@labels@": {
            code: {label: value for value, label in labels.items()}
            for code, labels in (*LABELS.items(), *COMMON.items())
        },
        "@codes@": {
            code: {number: value for value, number in codes.items()}
            for code, codes in CODES.items()
        }
        | {code: {label: value for value, label in each.items()} for code, each in COMMON.items()},
    }
    for entry in sorted(
        resources.files("workbench.simulate").joinpath("template").iterdir(), key=str
    ):
        lines = []
        for line in entry.read_text(encoding="utf-8").replace("@seed@", str(seed)).splitlines():
            inside = filled.get(line.strip())
            margin = line[: len(line) - len(line.lstrip())]
            lines += [line] if inside is None else [f"{margin}{row}" for row in _yaml(inside)]
        (folder / entry.name).write_bytes(("\n".join(lines) + "\n").encode())
    secret = hashlib.sha256(f"{seed}|secret of a public demonstration".encode()).hexdigest()
    (folder / ".secret").write_bytes((secret + "\n").encode())


def _yaml(mapping: dict[Any, Any]) -> list[str]:
    """One line per key; strings quoted, mappings inside in flow form."""

    def text(value: Any) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f"{text(k)}: {text(v)}" for k, v in value.items()) + "}"
        return json.dumps(value, ensure_ascii=False)

    return [f"{text(key)}: {text(value)}" for key, value in mapping.items()]
