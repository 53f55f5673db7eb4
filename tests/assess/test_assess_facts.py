"""What a report says in words: missing data and data that a check took away are not the same."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pandas as pd

from workbench.assess import facts
from workbench.community import Community
from workbench.protocol import Protocol


def _unit(rows: int) -> Community:
    protocol: Any = SimpleNamespace(parameters={}, resolutions={})
    settings = {
        "weighting": {},
        "scope": [],
        "measures": {},
        "tables": {"responses": {"rows": rows}},
    }
    tables = {"responses": pd.DataFrame({"wave": []}), "requests": pd.DataFrame({"request": ["x"]})}
    return Community(Path(), settings, tables, cast("Protocol", protocol))


def test_a_table_that_a_check_emptied_is_not_called_missing() -> None:
    said = facts.limits(_unit(12))["display_en"].tolist()
    used = [text for text in said if "are not used" in text]
    gone = [text for text in said if "has no data of this kind" in text]
    assert len(used) == 1
    assert "questionnaires" in used[0]
    assert len(gone) == 1
    assert "questionnaires" not in gone[0]
    assert "inspection" in gone[0]


def test_a_table_that_never_came_is_called_missing() -> None:
    said = facts.limits(_unit(0))["display_zh"].tolist()
    assert any("本项目没有下列数据" in text and "问卷" in text for text in said)
    assert not any("未通过检查" in text for text in said)


def test_the_answers_that_count_as_satisfied_are_printed() -> None:
    values = {str(i): {"zh": f"{i}级", "en": f"grade {i}"} for i in range(1, 5)}
    settings = {
        "scope": ["a", "b"],
        "codebook": {"q1": {"values": values, "top": [3, 4]}},
        "measures": {
            "a": {"channel": "survey", "items": ["q1"], "statistic": "top2"},
            "b": {"channel": "survey", "items": ["q1"], "statistic": "mean"},
        },
    }
    rows = facts._satisfied(Community(Path(), settings, {}, cast("Protocol", None)))
    assert [row["display_en"] for row in rows] == ["3 grade 3, 4 grade 4 on a scale of 4 (1 to 4)"]


def test_a_judgement_about_a_question_names_itself_and_the_question() -> None:
    settings = {"codebook": {"q1": {"wording": {"zh": "您满意吗？", "en": "Satisfied?"}}}}
    line = {"id": "J-7", "kind": "comparability", "object": "item:q1", "decision": "可比",
            "reason_zh": "同义", "reason_en": "same", "date": "2026-11-20"}  # fmt: skip
    c = Community(Path(), settings, {"judgements": pd.DataFrame([line])}, cast("Protocol", None))
    row = facts.decisions(c, pd.DataFrame(columns=["finding", "indicator"])).iloc[0]
    assert row["label_zh"] == "人工决定 J-7：可比性，“您满意吗？”"
    assert row["label_en"] == "Judgement J-7: comparability, “Satisfied?”"
