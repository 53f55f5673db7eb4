"""Free text of residents: masking, topics, feelings, counts. Data frames in, data frames out."""

from workbench.text.accuracy import accuracy
from workbench.text.lexicon import Dictionary, dictionary
from workbench.text.masking import marks, mask
from workbench.text.tables import (
    by_area,
    by_hour,
    demand_grid,
    needs_by_group,
    peak_hours,
    topic_table,
)
from workbench.text.topics import COLUMNS, SENTIMENTS, classify, read_text

__all__ = [
    "COLUMNS",
    "SENTIMENTS",
    "Dictionary",
    "accuracy",
    "by_area",
    "by_hour",
    "classify",
    "demand_grid",
    "dictionary",
    "marks",
    "mask",
    "needs_by_group",
    "peak_hours",
    "read_text",
    "topic_table",
]
