"""Reports: findings and the notebooks' figures → PDF and HTML, in Chinese and in English.

Nothing is computed here that is not a sum or a count of findings; every number that is printed
names the finding it comes from.
"""

from __future__ import annotations

from workbench.report.check import hand_typed_numbers, surplus_numbers
from workbench.report.document import load_methods
from workbench.report.html import render_html, withheld_html
from workbench.report.render import render, render_both, withheld_notice
from workbench.report.typst_pdf import Box, Pdf

__all__ = [
    "Box",
    "Pdf",
    "hand_typed_numbers",
    "load_methods",
    "render",
    "render_both",
    "render_html",
    "surplus_numbers",
    "withheld_html",
    "withheld_notice",
]
