"""Free text of residents: masking, topics, feelings, counts. Data frames in, data frames out."""

from workbench.text.accuracy import accuracy
from workbench.text.coding import passages, theme_counts, theme_marks
from workbench.text.forecast import forecast
from workbench.text.lexicon import Dictionary, dictionary
from workbench.text.masking import marks, mask
from workbench.text.phrases import key_phrases
from workbench.text.tables import (
    UNKNOWN,
    by_area,
    by_hour,
    demand_grid,
    needs_by_group,
    peak_hours,
    topic_table,
)
from workbench.text.topics import COLUMNS, PARTS, SENTIMENTS, classify, read_text

__all__ = [
    "COLUMNS",
    "PARTS",
    "SENTIMENTS",
    "UNKNOWN",
    "Dictionary",
    "accuracy",
    "by_area",
    "by_hour",
    "classify",
    "demand_grid",
    "dictionary",
    "forecast",
    "key_phrases",
    "marks",
    "mask",
    "needs_by_group",
    "passages",
    "peak_hours",
    "read_text",
    "theme_counts",
    "theme_marks",
    "topic_table",
]
