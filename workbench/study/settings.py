"""The models of ``study.yaml``: every key, its type, its default and what it refuses."""

from __future__ import annotations

import codecs
import re
from datetime import date
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from workbench.study._words import Bilingual, Model, Month, Slug, Word, word

__all__ = [
    "CommunityFrom",
    "Decisions",
    "Duplicates",
    "Handling",
    "Join",
    "Parties",
    "Recode",
    "Recontact",
    "RequestsTwice",
    "RespondentsTwice",
    "Settings",
    "Signatory",
    "SmallArea",
    "Source",
    "Wave",
    "Weighting",
    "Within",
]

Level = Literal["compound", "community", "subdistrict", "district"]
SampleKind = Literal["probability", "opt_in", "census"]
Population = Literal["adults", "residents", "households"]
Format = Literal[
    "auto", "csv", "xlsx", "xls", "html", "json", "parquet", "sav", "dta", "sql",
    "wjx_text", "wjx_index", "wjx_score", "tencent", "wenjuan", "kobo", "limesurvey", "qualtrics",
]  # fmt: skip


def _listed(value: Any) -> Any:
    """Take one entry for a list of one."""
    return [value] if isinstance(value, dict | str | int | float | bool) else value


def _words(value: Any) -> Any:
    """Keys of a mapping as the text a person wrote."""
    return {word(key): inner for key, inner in value.items()} if isinstance(value, dict) else value


class Parties(Model):
    """Who commissioned, who assesses, under which contract, and with which interests."""

    commissioner: Bilingual
    assessor: Bilingual
    contract: Bilingual
    interests: Bilingual


class Wave(Model):
    """One round of data: field work dates, months of records, or a batch signed earlier."""

    id: Slug
    role: Literal["baseline", "current", "earlier"] = "earlier"
    batch: Word | None = None
    fieldwork: tuple[date, date] | None = None
    records: tuple[Month, Month] | None = None
    label: Bilingual | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Wave:
        for name in ("fieldwork", "records"):
            span = getattr(self, name)
            if span is not None and span[0] > span[1]:
                raise PydanticCustomError(
                    "span",
                    "{name} ends before it begins",
                    {"name": name, "found": " … ".join(map(str, span))},
                )
        return self


class Recode(Model):
    """Recodes of one column: a list of values, or a pattern whose first group is the value."""

    pattern: str | None = None
    values: Annotated[dict[Word, Word | None], BeforeValidator(_words)] = Field(
        default_factory=dict
    )

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        if isinstance(value, dict) and "pattern" not in value and set(value) != {"values"}:
            return {"values": value}
        return value

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                groups = re.compile(value).groups
            except re.error as error:
                raise PydanticCustomError("pattern", "{why}", {"why": str(error)}) from None
            if groups != 1:
                raise PydanticCustomError(
                    "pattern", "one group ( ) is needed, {n} found", {"n": groups}
                )
        return value


class CommunityFrom(Model):
    """Where the unit of a row is named, and which unit each name means."""

    source: Word = Field(alias="from")
    values: Annotated[dict[Word, Word | None], BeforeValidator(_words)] = Field(
        default_factory=dict
    )
    unmatched: Literal["refuse", "drop"] = "refuse"


class _File(Model):
    """How a file is read."""

    file: Word
    format: Format = "auto"
    sheet: Word | None = None
    query: Word | None = None
    header: Annotated[int, Field(ge=1, le=1000)] = 1
    header_rows: tuple[int, ...] = ()
    """Lines that make up the titles together, of ``header: [1, 2]``; the last is ``header``."""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    encoding: Word | None = None
    outside: bool = False
    where: dict[Word, Annotated[list[Word], BeforeValidator(_listed)]] = Field(default_factory=dict)
    na: Annotated[list[str], BeforeValidator(_listed)] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _titles(cls, value: Any) -> Any:
        """Take ``header: [1, 2]`` apart."""
        if not isinstance(value, dict):
            return value
        rows = value.get("header")
        if "header_rows" not in value and not isinstance(rows, list | tuple):
            return value
        lines = list(rows) if isinstance(rows, list | tuple) else []
        numbers = all(isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in lines)
        if "header_rows" in value or not numbers or not 2 <= len(lines) <= 4 or (
            lines != list(range(lines[0], lines[0] + len(lines)))
        ):  # fmt: skip
            raise PydanticCustomError("header", "lines of the header", {"found": str(rows)})
        return {**value, "header": lines[-1], "header_rows": tuple(lines)}

    @field_validator("encoding")
    @classmethod
    def _codec(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                known = codecs.lookup(value)
                "x".encode(known.name)
            except (LookupError, ValueError):
                raise PydanticCustomError("encoding", "no text encoding of this name") from None
        return value


class Join(_File):
    """Columns taken from a second file, row by row or by key columns."""

    by: Annotated[list[Word], BeforeValidator(_listed)]
    check: Annotated[list[Word], BeforeValidator(_listed)] = Field(default_factory=list)
    columns: dict[Word, Word]

    @property
    def by_row(self) -> bool:
        """Whether row k of this file belongs to row k of the other."""
        return self.by == ["row"]


class Source(_File):
    """One file of a table and how its columns become the table's columns."""

    set: dict[Word, Word] = Field(default_factory=dict)
    columns: dict[Word, Word] = Field(default_factory=dict)
    values: dict[Word, Recode] = Field(default_factory=dict)
    dates: Word | dict[Word, Word] | None = None
    community: CommunityFrom | None = None
    join: Annotated[list[Join], BeforeValidator(_listed)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _once(self) -> Source:
        named = [*self.set, *self.columns, *(c for j in self.join for c in j.columns)]
        if self.community is not None:
            named.append("community")
        twice = sorted({name for name in named if named.count(name) > 1})
        if twice:
            raise PydanticCustomError("twice", "given more than once", {"found": twice})
        return self


class Replicates(Model):
    """How the columns ``rw1``, ``rw2`` … were made: the method, and what it does not say itself.

    ``rho``: Fay's factor; ``rscales``: of each replicate in their order, which ``jkn`` needs;
    ``scale``: where it is not the usual one of the method. A method alone may be written as a word.
    """

    method: Literal["jk1", "jkn", "brr", "fay", "bootstrap", "sdr"]
    rho: Annotated[float, Field(ge=0, lt=1)] | None = None
    rscales: list[Annotated[float, Field(ge=0)]] | None = None
    scale: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _word(cls, value: Any) -> Any:
        return {"method": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _whole(self) -> Replicates:
        for method, name in (("fay", "rho"), ("jkn", "rscales")):
            if self.method == method and getattr(self, name) is None:
                raise PydanticCustomError(
                    "replicates", "{method} needs {name}", {"method": method, "name": name}
                )
        return self


class Within(Model):
    """A limit of time: hours by the clock, or hours or days of the working calendar."""

    hours: Annotated[float, Field(gt=0)] | None = None
    working_hours: Annotated[float, Field(gt=0)] | None = None
    working_days: Annotated[int, Field(ge=1, le=366)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Within:
        given = [n for n in ("hours", "working_hours", "working_days") if getattr(self, n)]
        if len(given) != 1:
            raise PydanticCustomError(
                "limit", "one limit is needed", {"found": ", ".join(given) or "none"}
            )
        return self


def _moment(value: Any) -> Any:
    """Take ``08:30`` for 8.5 hours; whole hours may be numbers."""
    match = re.fullmatch(r"([01]?\d|2[0-4]):([0-5]\d)", value) if isinstance(value, str) else None
    return int(match[1]) + int(match[2]) / 60 if match else value


Moment = Annotated[float, BeforeValidator(_moment), Field(ge=0, le=24)]


class Handling(Model):
    """How the three rates of requests are counted, and in which hours.

    ``clock``: from which step to which a reply must come; ``within``: its limit where it is not the
    ``due`` of each request. ``hours: working`` counts all durations of the section on requests in
    hours of the working calendar, of ``office`` where that is given. ``open``, ``partly``,
    ``rejected``, ``withdrawn`` and ``satisfied_from`` as in
    :func:`workbench.scoring.handling_rates`.
    """

    clock: Literal[
        "received..answered", "received..closed", "assigned..answered", "assigned..closed"
    ] = "received..answered"
    within: Literal["due"] | Within = "due"
    hours: Literal["calendar", "working"] = "calendar"
    office: tuple[Moment, Moment] = (0.0, 24.0)
    open: Literal["unresolved", "excluded"] = "unresolved"
    partly: Literal["unresolved", "resolved", "excluded"] = "unresolved"
    rejected: Literal["excluded", "unresolved"] = "excluded"
    withdrawn: Literal["excluded", "unresolved"] = "excluded"
    satisfied_from: float | None = None

    @property
    def working(self) -> bool:
        """Whether anything is counted by the working calendar."""
        within = self.within
        return self.hours == "working" or (isinstance(within, Within) and within.hours is None)

    @model_validator(mode="after")
    def _day(self) -> Handling:
        if not self.office[0] < self.office[1]:
            raise PydanticCustomError(
                "office", "office hours end before they begin", {"found": list(self.office)}
            )
        return self


class RespondentsTwice(Model):
    """Which questionnaires of one wave are one person's, and which of them stays.

    ``by``: columns of ``responses`` or items that must all be given and alike. ``keep``: the
    ``first`` or ``last`` by the time of answering, or the ``most_complete`` (most answers; of
    those alike the last).
    """

    by: Annotated[list[Word], BeforeValidator(_listed), Field(min_length=1)]
    keep: Literal["first", "last", "most_complete"]


class RequestsTwice(Model):
    """Which requests are one: rows of one number, or the same matter told again in one unit.

    ``by``: columns of ``requests`` that must all be given and alike (text and address compared
    without blanks, marks and wide forms). With ``keep``, ``by`` has ``request``, and of the rows
    that are alike the ``first`` or ``last`` by their times stays, or the ``most_complete`` (most
    cells filled in; of those alike the last). With ``days``, a request received within so many days
    after the first of its kind is a duplicate of it.
    """

    by: Annotated[list[Word], BeforeValidator(_listed), Field(min_length=1)]
    keep: Literal["first", "last", "most_complete"] | None = None
    days: Annotated[float, Field(gt=0, le=3660)] | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> RequestsTwice:
        numbered = "request" in self.by
        if (self.keep is None) == (self.days is None) or numbered != (self.keep is not None):
            raise PydanticCustomError("requests-twice", "either keep or days", {"found": self.by})
        return self


class Duplicates(Model):
    """Rules for records that stand twice; without a rule nothing is matched."""

    respondents: RespondentsTwice | None = None
    requests: Annotated[list[RequestsTwice], BeforeValidator(_listed)] = Field(default_factory=list)


class Recontact(Model):
    """When a sampled case is left alone: after so many attempts without an appointment."""

    attempts: Annotated[int, Field(ge=1, le=50)] = 5


class Weighting(Model):
    """How answers are weighted: the base weight's column, the margins raked to, the population.

    ``nonresponse``: classes (columns of responses and dispositions, such as ``psu``) within which
    the cases not reached are made up for. ``trim``: weights above this multiple of the wave's mean
    are cut. ``replicates``: how the columns ``rw1``, ``rw2`` … were made
    (:class:`Replicates`); errors come from them.
    ``combine``: the rule by which answers of an opt-in sample join the probability sample in a row
    of their own; without it both stand apart.
    """

    base: Word | None = None
    rake: list[Word] = Field(default_factory=list)
    population: Population = "adults"
    borrow: Literal["parent"] | None = None
    trim: Annotated[float, Field(gt=1)] | None = None
    nonresponse: list[Word] = Field(default_factory=list)
    replicates: Replicates | None = None
    combine: Literal["mse"] | None = None


class SmallArea(Model):
    """The small-area model chosen before field work: items, covariates of the units, its fit.

    ``chosen``: the day on which it was chosen. A model chosen after field work began is not
    computed; without a day its figures say that the day is not recorded. ``covariates``: numbers
    of ``communities`` (``households``, ``adults`` …) known for every unit, or ``kind`` and
    ``age_class``, which enter as categories.
    """

    items: list[Word] = Field(default_factory=list)
    covariates: list[
        Literal["households", "residents", "adults", "kind", "age_class", "treated"]
    ] = Field(default_factory=list)
    fit: Literal["REML", "ML", "FH"] = "REML"
    chosen: date | None = None


class Decisions(Model):
    """Which end of an interval decides, at which level, and what is too few."""

    gate: Literal["lower", "point", "upper"] | None = None  # no default: money and titles
    target: Literal["lower", "point", "upper"] = "point"
    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    min_cell: Annotated[int, Field(ge=1)] = 10
    margin_pp: Annotated[float, Field(ge=0, le=100)] = 5
    multiplicity: Literal["holm", "bh", "none"] = "holm"


class Pkcs12(Model):
    """A key file and the file that holds its passphrase."""

    pkcs12: Word
    passphrase_file: Word


class Pem(Model):
    """A file with key, certificate and chain, and the file that holds its passphrase, if any."""

    pem: Word
    passphrase_file: Word | None = None


class Token(Model):
    """A token's driver and the label of the key in it; without a PIN file a person is asked."""

    module: Word
    label: Word
    pin_file: Word | None = None


class Pkcs11(Model):
    """A key in a token."""

    pkcs11: Token


def _key_kind(value: Any) -> Any:
    if isinstance(value, str) and value not in ("demo", "person"):
        raise PydanticCustomError(
            "signing_key",
            "unknown",
            {"expected": "demo | person | {pkcs12: …} | {pem: …} | {pkcs11: …}"},
        )
    return value


class Signatory(Model):
    """One who signs: name, organisation and the key."""

    name: Bilingual
    organisation: Bilingual
    key: Annotated[Literal["demo", "person"] | Pkcs12 | Pem | Pkcs11, BeforeValidator(_key_kind)]


class Signatories(Model):
    """The three who sign, in this order."""

    lead: Signatory
    reviewer: Signatory
    institution: Signatory


class Text(Model):
    """How free text is read: a file of topics laid over the bundled ones."""

    topics: Word


class Settings(Model):
    """Everything in ``study.yaml``."""

    study: Slug
    programme: Word
    unit: Level
    scope: Annotated[list[Word], Field(min_length=1)] | None = None
    phase: Word | None = None
    report: Word = "wave"
    scheme: Word | None = None
    year: int | None = None
    locality: Word | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    parties: Parties
    timezone: Word
    calendar: Word | None = None
    issued: date
    waves: Annotated[list[Wave], Field(min_length=1)]
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    sample: dict[Word, SampleKind] = Field(default_factory=dict)
    sources: dict[Word, Annotated[list[Source], BeforeValidator(_listed)]]
    weighting: Weighting = Weighting()
    decisions: Decisions = Decisions()
    requests: Handling | None = None
    duplicates: Duplicates = Duplicates()
    recontact: Recontact = Recontact()
    small_area: SmallArea | None = None
    disclosure: dict[Word, Bilingual] = Field(default_factory=dict)
    signatories: Signatories
    timestamps: Literal["each", "ledger", "none"] = "ledger"
    tsa: Annotated[str, Field(pattern=r"^https?://[!-~]+$")] | None = None
    ledger: Word | None = None
    languages: Annotated[tuple[Literal["zh", "en"], ...], Field(min_length=1)] = ("zh", "en")
    notebook: Word | None = None
    retention: date | None = None
    text: Text | None = None

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise PydanticCustomError(
                "timezone", "no such time zone", {"expected": "Asia/Shanghai"}
            ) from None
        return value

    @field_validator("waves")
    @classmethod
    def _roles(cls, waves: list[Wave]) -> list[Wave]:
        ids = [wave.id for wave in waves]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise PydanticCustomError("twice", "given more than once", {"found": twice})
        roles = [wave.role for wave in waves]
        if roles.count("current") != 1 or roles.count("baseline") > 1:
            raise PydanticCustomError(
                "roles",
                "one current wave and at most one baseline",
                {
                    "found": f"current × {roles.count('current')}, "
                    f"baseline × {roles.count('baseline')}"
                },
            )
        return waves

    @field_validator("disclosure")
    @classmethod
    def _items(cls, value: Any) -> Any:
        from workbench.survey.transparency import AAPOR, ISO_20252

        known = [*AAPOR, *ISO_20252]
        wrong = sorted(set(value) - set(known))
        if wrong:
            raise PydanticCustomError(
                "disclosure",
                "no item of disclosure",
                {"found": ", ".join(wrong), "expected": " | ".join(known)},
            )
        return value

    @field_validator("scope", "languages")
    @classmethod
    def _no_repeats(cls, value: Any) -> Any:
        twice = sorted({name for name in value or [] if (value or []).count(name) > 1})
        if twice:
            raise PydanticCustomError("twice", "given more than once", {"found": twice})
        return value
