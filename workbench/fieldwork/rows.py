"""How a row of this notebook looks: a finding with its base rate and what to do next."""

from __future__ import annotations

from typing import Any

import pandas as pd

__all__ = ["BRIEF", "FULL", "Row", "absent", "nothing", "row", "who_of"]

Row = dict[str, Any]

# what the notebook shows of a table
FULL = (
    "label_zh",
    "display_zh",
    "interval_zh",
    "n",
    "base_zh",
    "verdict",
    "reason_zh",
    "remedy_zh",
    "label_en",
    "reason_en",
    "remedy_en",
)
BRIEF = ("label_zh", "display_zh", "interval_zh", "n", "reason_zh", "label_en", "reason_en")


def row(finding: str, kind: str, zh: str, en: str, **more: Any) -> Row:
    """Make a finding of field work; its id begins with ``field.``."""
    return {"finding": f"field.{finding}", "kind": kind, "label_zh": zh, "label_en": en} | more


def absent(finding: str, label: tuple[str, str], zh: str, en: str) -> Row:
    """Say in a sentence that an input is not there, and what that leaves out."""
    return row(
        finding,
        "text",
        *label,
        status="not_computed",
        display_zh="—",
        display_en="—",
        reason_zh=zh,
        reason_en=en,
    )


def nothing(finding: str, label: tuple[str, str], zh: str, en: str) -> pd.DataFrame:
    """Give :func:`absent` as all that there is."""
    return pd.DataFrame([absent(finding, label, zh, en)])


def who_of(kind: str, name: object) -> tuple[str, str]:
    """Name an interviewer or a unit in both languages."""
    return (f"访员{name}", f"Interviewer {name}") if kind == "interviewer" else (str(name),) * 2
