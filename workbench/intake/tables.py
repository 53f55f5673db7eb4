"""The canonical tables as data: columns in order, types, what is required, what identifies a row.

A column's type is one of

``id`` (text that names something), ``text``, ``words`` (free text of a person), ``int``, ``float``,
``bool``, ``date``, ``time`` (an instant, stored ISO 8601 with offset), ``period``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from workbench.intake.register import entry_of

__all__ = ["PERIOD", "PUBLISHED", "READ", "SAID", "TABLES", "Column", "Table", "column_of"]

PERIOD = re.compile(
    r"\d{4}(?:-(?:H[12]|Q[1-4]|W(?:0[1-9]|[1-4]\d|5[0-3])|(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12]\d|3[01]))?))?\Z"
)
"""YYYY, YYYY-H1, YYYY-Q1, YYYY-MM, YYYY-Www or YYYY-MM-DD."""


READ = ("topic", "sentiment", "topic_sentiment", "terms")
"""What is read out of a free text: columns of a table, ``item__…`` beside an item."""
SAID = (*READ, "phrases")
"""The same of a text of one resident; a slice holds those phrases only that enough of them use."""


@dataclass(frozen=True)
class Column:
    """One column of a canonical table."""

    name: str
    type: str = "text"
    required: bool = False
    words: tuple[str, ...] = ()
    """The allowed values; empty means any."""
    low: float | None = None
    """Smallest allowed number."""
    above: float | None = None
    """Numbers must exceed this."""
    house: bool = False
    """Stays in the house: enters no slice."""


@dataclass(frozen=True)
class Table:
    """One canonical table."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    """Columns that identify a row; two rows alike in all of them are refused."""
    id: str
    """The column that ``key`` of corrections.csv means."""
    unit: str = "community"
    """The column that names the unit."""
    items: bool = False
    """Whether codebook items are columns of it."""
    parts: bool = False
    """Whether a unit's slice holds the rows of the units below it too."""

    def names(self) -> list[str]:
        """Names of the columns in order."""
        return [column.name for column in self.columns]


def column_of(table: Table, name: str) -> Column | None:
    """Give the column of this name; ``rw1``, ``rw2`` … are replicate weights of responses.

    One that has no class and purpose in :mod:`workbench.intake.register` is none.
    """
    if entry_of(table.name, name) is None:
        return None
    for column in table.columns:
        if column.name == name:
            return column
    if table.name == "responses" and re.fullmatch(r"rw[1-9]\d{0,3}", name):
        return Column(name, "float", low=0)
    return None


def _c(
    names: str,
    type: str = "text",
    *,
    required: bool = False,
    words: str = "",
    low: float | None = None,
    above: float | None = None,
    house: bool = False,
) -> tuple[Column, ...]:
    allowed = tuple(words.split())
    return tuple(Column(name, type, required, allowed, low, above, house) for name in names.split())


_LEVELS = "compound community subdistrict district"
_POPULATIONS = "adults residents households"

_ALL = (
    Table(
        "communities",
        (
            *_c("community", "id", required=True),
            *_c("name", required=True),
            *_c("name_en"),
            *_c("level", required=True, words=_LEVELS),
            *_c("parent", "id"),
            *_c("code"),
            *_c("kind", words="old_compound commercial work_unit resettled other"),
            *_c("age_class", words="old new mixed"),
            *_c("households residents adults", "int", low=0),
            *_c("phase"),
            *_c("treated", "bool"),
            *_c("intervention_date", "date"),
            *_c("predecessors"),
        ),
        key=("community",),
        id="community",
    ),
    Table(
        "responses",
        (
            *_c("respondent community wave", "id", required=True),
            *_c("case", "id"),
            *_c("mode"),
            *_c("interviewer", "id"),
            *_c("started finished", "time"),
            *_c("stratum psu ssu", "id"),
            *_c("fpc1 fpc2", "float", above=0),
            *_c("base_weight", "float", above=0),
            *_c("panel_id", "id"),
            *_c("complete", "bool"),
            *_c("ip device", house=True),
            *_c("lat lon", "float", house=True),
            *_c("crs", house=True),
            *_c("flags"),
        ),
        key=("wave", "respondent"),
        id="respondent",
        items=True,
        parts=True,
    ),
    Table(
        "dispositions",
        (
            *_c("community wave", "id", required=True),
            *_c("disposition", required=True),
            *_c("case respondent", "id"),
            *_c("n", "int", low=1),
            *_c("mode"),
            *_c("stratum psu ssu", "id"),
            *_c("base_weight", "float", above=0),
            *_c("attempts", "int", low=0),
            *_c("interviewer", "id"),
            *_c("date", "date"),
            *_c("substitute_for", "id"),
        ),
        key=("wave", "case"),
        id="case",
        parts=True,
    ),
    Table(
        "margins",
        (
            *_c("area", "id", required=True),
            *_c("variable category", required=True),
            *_c("count", "float", required=True, low=0),
            *_c("population", required=True, words=_POPULATIONS),
            *_c("source"),
            *_c("as_of", "period"),
        ),
        key=("area", "population", "variable", "category"),
        id="area",
        unit="area",
    ),
    Table(
        "inspections",
        (
            *_c("community wave assessor", "id", required=True),
            *_c("role", required=True),
            *_c(
                "visit",
                required=True,
                words="announced mystery cross spot_check recheck calibration",
            ),
            *_c("item", "id", required=True),
            *_c("place"),
            *_c("observed_at", "time"),
            *_c("score", "float"),
            *_c("passed", "bool"),
            *_c("max_score", "float", above=0),
            *_c("reason", "words"),
            *_c("photos seal"),
            *_c("note", "words", house=True),
        ),
        key=("community", "wave", "visit", "assessor", "item", "place", "observed_at"),
        id="assessor",
        parts=True,
    ),
    Table(
        "assessors",
        (
            *_c("assessor", "id", required=True),
            *_c("role", required=True),
            *_c("team"),
            *_c("home"),
            *_c("trained_on calibrated_on", "date"),
            *_c("interests", "words"),
        ),
        key=("assessor",),
        id="assessor",
        unit="",
    ),
    Table(
        "measurements",
        (
            *_c("community", "id", required=True),
            *_c("indicator", "id", required=True),
            *_c("period", "period", required=True),
            *_c("value numerator denominator", "float"),
            *_c("origin", required=True, words="system ledger device self_report recount"),
            *_c("source device"),
        ),
        key=("community", "indicator", "period", "origin", "source", "device"),
        id="indicator",
        parts=True,
    ),
    Table(
        "requests",
        (
            *_c("request community", "id", required=True),
            *_c("kind", required=True),
            *_c("received", "time", required=True),
            *_c("assigned answered closed due escalated", "time"),
            *_c("outcome", words="resolved partly unresolved rejected withdrawn"),
            *_c("adopted", "bool"),
            *_c("satisfied"),
            *_c("channel category"),
            *_c("duplicate_of", "id"),
            *_c("text address", "words", house=True),
            *_c("place"),
            *_c(" ".join(SAID)),  # made at intake, from the text
        ),
        key=("request",),
        id="request",
        parts=True,
    ),
    Table(
        "facts",
        (
            *_c("community fact", "id", required=True),
            *_c("value", required=True),
            *_c("date", "date"),
            *_c("evidence", "words"),
        ),
        key=("community", "fact", "date"),
        id="fact",
    ),
    Table(
        "issues",
        (
            *_c("issue community", "id", required=True),
            *_c("found", "date", required=True),
            *_c("origin", required=True),
            *_c("indicator item", "id"),
            *_c("text_zh", "words", required=True),
            *_c("text_en", "words"),
            *_c("points_lost", "float", low=0),
            *_c("priority responsible"),
            *_c("due answered closed", "date"),
            *_c("verified_by"),
            *_c("photos_before photos_after"),
            *_c("recommendation_zh recommendation_en", "words"),
            # when residents were told; R-51: when each of the three signed that it is done
            *_c("feedback signed_committee signed_property signed_owners", "date"),
        ),
        key=("issue",),
        id="issue",
        parts=True,
    ),
)

_MORE = (
    Table(
        "frame",
        (
            *_c("community psu", "id", required=True),
            *_c("ssu stratum", "id"),
            *_c("size", "float", required=True, above=0),
            *_c("source"),
            *_c("as_of", "period"),
        ),
        key=("community", "stratum", "psu", "ssu"),
        id="psu",
        parts=True,
    ),
    Table(
        "photos",
        (
            *_c("photo community", "id", required=True),
            *_c("file sha256", required=True),
            *_c("taken", "time"),
            *_c("lat lon", "float", house=True),
            *_c("crs"),
            *_c("caption_zh caption_en", "words"),
            *_c("release", required=True, words="internal report public"),
            *_c("redacted", "bool"),
            *_c("same_here same_elsewhere", "int", low=0),  # made at intake, by digest
        ),
        key=("photo",),
        id="photo",
        parts=True,
    ),
    Table(
        "votes",
        (
            *_c("vote community", "id", required=True),
            *_c("date", "date", required=True),
            *_c("base", required=True),
            *_c("eligible", "int", required=True, above=0),
            *_c("cast", "int", low=0),
            *_c("approve", "int", required=True, low=0),
            *_c("threshold", "float", above=0),
            *_c("level", words="inform consult co_plan co_govern"),
            *_c("effective", "bool"),
            *_c("subject_zh subject_en", "words"),
        ),
        key=("vote",),
        id="vote",
        parts=True,
    ),
    Table(
        "funds",
        (
            *_c("community line", "id", required=True),
            *_c("period", "period", required=True),
            *_c("field"),
            *_c("nature", words="hard soft"),
            *_c("source"),
            *_c("planned", "float", required=True, low=0),
            *_c("spent", "float", low=0),
        ),
        key=("community", "line", "period", "source"),
        id="line",
        parts=True,
    ),
    Table(
        "documents",
        (
            *_c("document community", "id", required=True),
            *_c(
                "kind",
                required=True,
                words="ledger activity minutes interview self_report plan",
            ),
            *_c("date", "date"),
            *_c("text", "words", house=True),
            *_c(" ".join(READ)),  # made at intake, from the text
            *_c("alike", "float", low=0),  # made at intake: greatest likeness to another unit's
            *_c("reported verified", "float"),
            *_c("theme"),
            *_c("indicator", "id"),
        ),
        key=("document",),
        id="document",
        parts=True,
    ),
    Table(
        "supply",
        (
            *_c("community service", "id", required=True),
            *_c("capacity", "float", required=True, low=0),
            *_c("unit group"),
        ),
        key=("community", "service", "group"),
        id="service",
        parts=True,
    ),
    Table(
        "labels",
        (
            *_c("label", "id", required=True),
            *_c("text", "words", required=True, house=True),
            *_c("topic"),
            *_c("sentiment", words="negative neutral positive"),
            *_c("coder", "id"),
        ),
        key=("label", "coder"),
        id="label",
        unit="",
    ),
    Table(
        "codings",
        (
            *_c("passage community coder", "id", required=True),
            *_c("document", "id"),
            *_c("text", "words", house=True),
            *_c("theme_1 theme_2 theme_3 theme_4 theme_5", "id"),
            *_c("note", "words", house=True),
        ),
        key=("passage", "coder"),
        id="passage",
        parts=True,
    ),
    Table(
        "backchecks",
        (
            *_c("respondent item", "id", required=True),
            *_c("answer", required=True),
            *_c("wave", "id"),
            *_c("method"),
            *_c("checker", "id"),
            *_c("date", "date"),
        ),
        key=("wave", "respondent", "item", "date"),
        id="respondent",
        unit="",
    ),
    # one signature of an activity's sheet (签到表); a pseudonym is made of the person at intake
    Table(
        "sign_ins",
        (
            *_c("activity community", "id", required=True),
            *_c("at", "time", required=True),
            *_c("person", "id"),
            *_c("way", words="paper code card face app proxy"),
            *_c("answers", "int", low=0),
        ),
        key=("community", "activity", "at", "person"),
        id="activity",
        parts=True,
    ),
    # the contact log: one attempt at a case; it serves field work and enters no slice
    Table(
        "contacts",
        (
            *_c("case", "id", required=True),
            *_c("at", "time", required=True),
            *_c("outcome", required=True),
            *_c("wave", "id"),
            *_c("appointment", "time"),
            *_c("interviewer", "id"),
        ),
        key=("wave", "case", "at"),
        id="case",
        unit="",
    ),
    Table(
        "objections",
        (
            *_c("objection community", "id", required=True),
            *_c("stage", required=True, words="factual_check notice"),
            *_c("received", "date", required=True),
            *_c("about", required=True),
            *_c("claim", "words", required=True, house=True),
            *_c("evidence", "words", house=True),
            *_c("anonymous", "bool"),
            *_c("state"),
            *_c("decision", words="upheld in_part rejected"),
            *_c("reason_zh reason_en", "words"),
            *_c("decided", "date"),
            *_c("decided_by"),
        ),
        key=("objection",),
        id="objection",
    ),
    Table(
        "cases",
        (
            *_c("case_id", "id", required=True),
            *_c("programme place intervention", "text"),
            *_c("indicator", "id", required=True),
            *_c("indicator_zh"),
            *_c("before after unit months_between comparison_group source_doc source_section"),
            *_c("quote_zh", "words"),
        ),
        key=("case_id",),
        id="case_id",
        unit="",
    ),
)

# what the signed reports of the baseline's batch said; read from their bags, never from a source
PUBLISHED = Table(
    "published",
    (
        *_c("community finding", "id", required=True),
        *_c("source", "id"),
        *_c("indicator channel"),
        *_c("value points max_points", "float"),
        *_c("unit display_zh display_en status verdict reason_zh reason_en"),
    ),
    key=("community", "source", "finding"),
    id="finding",
)

TABLES = {table.name: table for table in (*_ALL, *_MORE, PUBLISHED)}
"""The tables that are read, by name, in the order they are built."""
