"""Charts: tidy frames with the columns of findings → figures, in Chinese or in English.

Each function takes a frame as an estimator or :func:`workbench.findings.rows` gives it and returns
a matplotlib figure: one message, told in the title; intervals and n shown; bars from zero; the
colours of Okabe and Ito, which colour-blind readers tell apart; Noto Sans SC for both languages.
:func:`to_svg` gives the same bytes for the same figure; text becomes outlines, so that the picture
looks the same everywhere and a PDF needs no further font.

Colours after M. Okabe and K. Ito, Color Universal Design (2008).
"""

from __future__ import annotations

from workbench.charts._canvas import message, to_svg
from workbench.charts.answers import (
    cases_chart,
    change_chart,
    composition_chart,
    items_chart,
    quadrants_chart,
)
from workbench.charts.scores import points_chart, ranks_chart, staircase_chart
from workbench.charts.times import days_chart, series_chart, survival_chart

__all__ = [
    "cases_chart",
    "change_chart",
    "composition_chart",
    "days_chart",
    "items_chart",
    "message",
    "points_chart",
    "quadrants_chart",
    "ranks_chart",
    "series_chart",
    "staircase_chart",
    "survival_chart",
    "to_svg",
]
