"""What residents' monitors found stands beside the assessed figure and moves none."""

from __future__ import annotations

import pandas as pd

from workbench import assess
from workbench.findings import rows
from workbench.survey import binomial_interval

MEASURED = pd.DataFrame(
    {
        "finding": ["indicator.lights", "indicator.answers"],
        "indicator": ["lights", "answers"],
        "label_zh": ["路灯完好率", "答复率"],
        "label_en": ["Lights in order", "Answered"],
        "value": [0.98, 0.5],
        "unit": ["share", "share"],
        "verdict": ["met", "not_met"],
        "display_zh": [None, None],
        "display_en": [None, None],
    }
)


def test_problems_and_marks_are_set_beside_the_figure_and_a_difference_is_flagged(unit) -> None:
    issues = pd.DataFrame(
        {
            "origin": ["monitor", "review_group", "inspection", "monitor"],
            "indicator": [None, "answers", "lights", None],
            "item": ["f01", None, "f01", "unknown"],
            "closed": pd.to_datetime([None, "2027-03-05", None, None]),
        }
    )
    marks = pd.DataFrame(
        {
            "wave": "b",
            "item": "f01",
            "role": ["monitor"] * 20 + ["expert"] * 50,
            "passed": [1.0] * 8 + [0.0] * 12 + [1.0] * 49 + [0.0],
        }
    )
    c = unit(tables={"issues": issues, "inspections": marks})
    c.settings["measures"] = {"lights": {"channel": "inspection", "items": ["f01"]}}
    told = assess.monitors(c, MEASURED)
    assert rows(told, section="followup")
    told = told.set_index("finding")
    lights = told.loc["followup.monitors.lights.problems"]
    assert (lights["value"], lights["flags"]) == (1, "differs")
    assert "98.0%（达标）" in lights["reason_zh"]
    assert pd.isna(told.loc["followup.monitors.answers.problems", "flags"])  # not met anyway
    passed = told.loc["followup.monitors.lights.passed"]
    assert (passed["ci_low"], passed["ci_high"]) == binomial_interval(8, 20)
    assert "98.0%（50次）" in passed["reason_zh"]
    assert passed["flags"] == "differs"


def test_without_monitors_there_is_nothing_beside(unit) -> None:
    assert assess.monitors(unit(), MEASURED).empty
