"""The parts of a programme as typed data: indicators, targets, schemes, rules and duties.

Every class is frozen and refuses unknown keys. A figure keeps the operator of its source (``<50``
is a bound and not a value), and every entry names the place it comes from.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    model_validator,
)

from workbench.protocol.faults import fault

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Citation = Annotated[str, StringConstraints(min_length=1)]
# 5 and 5.0 are the same figure; a text is none and a boolean is none
Number = Annotated[float, BeforeValidator(lambda value: _number(value))]

Operator = Literal[">=", ">", "<=", "<", "=", "~", "between"]
Level = Literal["building", "compound", "community", "subdistrict", "district", "city", "nation"]
LEVELS: tuple[str, ...] = (
    "building",
    "compound",
    "community",
    "subdistrict",
    "district",
    "city",
    "nation",
)
Evidence = Literal[
    "record",
    "device",
    "inspection",
    "mystery_visit",
    "survey",
    "staff_survey",
    "interview",
    "standard",
    "composite",
    "document_review",
]
Kind = Literal[
    "composite",
    "core",
    "second",
    "auxiliary",
    "goal",
    "standard",
    "appraisal",
    "base",
    "feature",
    "proposed",
    "quality",
    "process",
    "result",
    "context",
]
Origin = Literal["source", "commissioned", "assumption"]
RuleKind = Literal["computed", "gate", "procedure", "duty", "context"]


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise fault(
            "", "应为数字", "must be a number", "写数字，不加单位或引号", "write a number alone"
        )
    return value


class Part(BaseModel):
    """Frozen, and no key that is not declared."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Name(Part):
    """A wording in both languages."""

    zh: Annotated[str, StringConstraints(min_length=1)]
    en: Annotated[str, StringConstraints(min_length=1)]


class _Figure(Part):
    """A printed figure with its operator; ``between`` has ``low`` and ``high``."""

    op: Operator = "="
    value: Number | None = None
    low: Number | None = None
    high: Number | None = None
    label: Name | None = None
    note: Name | None = None
    source: Citation

    @model_validator(mode="after")
    def _whole(self) -> _Figure:
        if self.op == "between":
            if self.low is None or self.high is None or self.value is not None:
                raise fault(
                    "op",
                    "between 需要 low 和 high，且不写 value",
                    "between takes low and high and no value",
                    "写 {op: between, low: 10, high: 15}",
                    "write {op: between, low: 10, high: 15}",
                )
            if self.low >= self.high:
                raise fault(
                    "low", "low 应小于 high", "low must be below high", "对调两数", "swap the two"
                )
        elif self.low is not None or self.high is not None:
            raise fault(
                "op",
                "low、high 只用于 between",
                "low and high belong to between only",
                "改用 value，或把 op 改为 between",
                "use value, or make op between",
            )
        return self


class Baseline(_Figure):
    """A value the source prints as the state before; a reference, never a unit's own base.

    ``other`` marks a related figure that is another quantity than the indicator.
    """

    unit: str | None = None
    other: StrictBool = False


class Target(_Figure):
    """What an indicator shall reach.

    ``role`` says how binding the figure is: ``target`` (a threshold of the standard), ``expected``
    (a forecast of the source), ``reached`` (a published result), ``alert``, ``gate``, ``norm`` (a
    staffing or resource standard) or ``reference``. ``kind`` says how it is compared: ``level``,
    ``change_rel`` and ``change_pp`` (against the unit's own base), ``zero``, ``bool``, ``band``,
    ``scale`` (the indicator is scored on its own 0–100 scale), ``cap`` (an upper bound on a share).
    ``phase`` is one of the programme's; ``month`` counts programme months; ``year`` and
    ``locality`` make a table of transition targets (R-08). Undated targets are the final ones.
    ``floor`` is the value that earns nothing.
    """

    role: Literal["target", "expected", "reached", "alert", "gate", "norm", "reference"] = "target"
    kind: Literal["level", "change_rel", "change_pp", "zero", "bool", "band", "scale", "cap"] = (
        "level"
    )
    phase: str | None = None
    month: int | None = Field(default=None, ge=1, le=120)
    year: int | None = Field(default=None, ge=2000, le=2100)
    locality: str | None = None
    unit: str | None = None
    floor: Number | None = None
    rule: str | None = None
    window_months: int | None = Field(default=None, ge=1)
    responsible: Name | None = None
    origin: Origin = "source"

    @model_validator(mode="after")
    def _comparable(self) -> Target:
        if self.kind == "band" and self.op != "between":
            raise fault(
                "op",
                "区间目标（band）的 op 应为 between",
                "a band has op between, with low and high",
                "写 {kind: band, op: between, low: …, high: …}",
                "write {kind: band, op: between, low: …, high: …}",
            )
        if self.kind == "zero" and self.value != 0:
            raise fault(
                "value",
                "清零目标（zero）的 value 应为 0",
                "a zero target has the value 0",
                "把 value 改为 0，或把 kind 改为 level",
                "make value 0, or kind level",
            )
        if self.kind == "bool" and self.value not in (0, 1):
            raise fault(
                "value",
                "是否目标（bool）的 value 应为 1（是）或 0（否）",
                "a yes/no target has the value 1 (yes) or 0 (no)",
                "写 1 或 0",
                "write 1 or 0",
            )
        if self.role in {"target", "gate"} and self.value is None and self.op != "between":
            raise fault(
                "value",
                "目标或门槛缺少数值",
                "a target or gate has a figure",
                "补上 value；来源未给数值时删去该目标",
                "add value; remove the target where the source gives no figure",
            )
        return self

    def key(self) -> tuple[object, ...]:
        """Return what makes two targets the same entry when an overlay is laid over a programme."""
        return (self.role, self.kind, self.phase, self.month, self.year, self.locality)


class Weight(Part):
    """A weight or a number of points that somebody else gave an indicator; printed, never used.

    What a score uses is the indicator's ``max_points``.
    """

    value: Number | None = Field(default=None, ge=0)
    unit: Literal["percent", "points"] = "percent"
    origin: Origin = "source"
    scope: Name | None = None
    source: Citation

    @model_validator(mode="after")
    def _of_others(self) -> Weight:
        if self.scope is None:
            raise fault(
                "scope",
                "weights 只列示他处的权重，不参与计分",
                "weights are those of other places and are never used in a score",
                "自己的权重写 max_points；他处的权重补上 scope",
                "write max_points for a weight of one's own; add scope for one of another place",
            )
        return self


class Indicator(Part):
    """One indicator of a programme."""

    name: Name
    alias_zh: tuple[str, ...] = ()
    table: str
    kind: Kind
    dimension: Slug | None = None
    dimension_origin: Origin = "source"
    parent: Slug | None = None
    unit: str
    units_also: tuple[str, ...] = ()
    unit_note: Name | None = None
    direction: Literal["up", "down", "context", "band", "cap"]
    evidence: tuple[Evidence, ...] = Field(min_length=1)
    evidence_origin: Origin = "assumption"
    level: Level
    combine: Literal["population_mean", "household_mean", "sum", "share_meeting", "spread", "own"]
    tag: Literal["hard", "soft"] | None = None
    tag_origin: Origin = "assumption"
    quantified: StrictBool = True
    uses: tuple[Literal["gate", "cap", "band", "alert", "appraisal"], ...] = ()
    data_class: Slug | None = None
    baselines: tuple[Baseline, ...] = ()
    targets: tuple[Target, ...] = ()
    weights: tuple[Weight, ...] = ()
    max_points: Number | None = Field(default=None, gt=0)
    points_origin: Origin = "assumption"
    valid_from: date | None = None
    valid_to: date | None = None
    note: Name | None = None
    source: Citation

    def units(self) -> tuple[str, ...]:
        """Return every unit in which this indicator may be measured, the first being its own."""
        return (self.unit, *self.units_also)


class Dimension(Part):
    """A first-level dimension; ``alias`` are other names in the source."""

    name: Name
    alias: tuple[Name, ...] = ()
    note: Name | None = None
    source: Citation


class Phase(Part):
    """A phase by programme months (first and last); goals and work may run on two clocks."""

    name: Name
    clock: Literal["goals", "work"] = "goals"
    first_month: int = Field(ge=1)
    last_month: int = Field(ge=1)
    source: Citation


class Channel(Part):
    """A channel of a scheme: share of the total (or of its ``group``) and what feeds it.

    ``evidence`` are channels of measures.yaml; ``visits`` restricts inspections to kinds of visit.
    """

    name: Name
    share: Number = Field(ge=0, le=1)
    group: Slug | None = None
    evidence: tuple[Literal["survey", "inspection", "record", "fact"], ...] = Field(min_length=1)
    visits: Literal["any", "mystery", "not_mystery"] = "any"


class Scheme(Part):
    """How channels make the total score; ``groups`` are shares of the total that are split on."""

    name: Name
    rule: str | None = None
    formula: str
    groups: dict[Slug, Number] = {}
    channels: dict[Annotated[str, StringConstraints(pattern=r"^[A-Z]$")], Channel]
    origin: Origin = "source"
    source: Citation

    def shares(self) -> dict[str, float]:
        """Return the effective share of each channel in the total (0–1, sum 1)."""
        return {
            key: round(channel.share * (self.groups[channel.group] if channel.group else 1.0), 12)
            for key, channel in self.channels.items()
        }

    def channel_of(self, evidence: str, visits: Iterable[str] = ()) -> str | None:
        """Return the channel that a measure feeds; None when the scheme has none for it.

        An inspection counts as mystery only when all its visits are mystery visits.
        """
        kinds = set(visits)
        mystery = kinds == {"mystery"}
        fits = [
            key
            for key, channel in self.channels.items()
            if evidence in channel.evidence
            and (
                evidence != "inspection"
                or channel.visits == "any"
                or (channel.visits == "mystery") == mystery
            )
        ]
        return fits[0] if fits else None


class Place(Part):
    """A place of the protocol that a parameter's value is written to.

    Either ``key`` of an indicator's targets of a ``role`` (times ``times``; the entry ``item`` of a
    list), or the share of a ``channel`` of a scheme, the channel ``rest`` of its group taking what
    is left.
    """

    indicator: Slug | None = None
    role: Literal["target", "norm", "gate", "alert"] = "gate"
    key: Literal["value", "floor", "window_months"] = "value"
    times: Number = 1
    item: int | None = Field(default=None, ge=0)
    scheme: str | None = None
    channel: str | None = None
    rest: str | None = None


class Parameter(Part):
    """Something a rule needs: stated by the source, recommended, or left open by it.

    An open parameter has no value until the study supplies one; it is never guessed. ``needed_by``
    are indicators or rules; ``blocks`` says whether a study without it is refused (``study``) or
    the rule is not applied and the report says so (``rule``). ``sets`` are the places that take the
    value when a study gives one.
    """

    name: Name
    rule: str
    type: Literal["number", "share", "integer", "text", "boolean", "choice", "list", "file"]
    choices: tuple[str, ...] = ()
    value: Any = None
    origin: Literal["source", "recommended", "open", "study"] = "open"
    needed_by: tuple[str, ...] = ()
    blocks: Literal["study", "rule"] = "rule"
    sets: tuple[Place, ...] = ()
    source: Citation

    @model_validator(mode="after")
    def _stated(self) -> Parameter:
        if self.origin == "open" and self.value is not None:
            raise fault(
                "value",
                "来源未规定的参数（open）没有值",
                "an open parameter has no value",
                "由研究给出的值写 origin: study",
                "write origin: study for a value the study gives",
            )
        if self.origin != "open" and self.value is None:
            raise fault(
                "value",
                "已规定的参数缺少值",
                "a stated parameter needs a value",
                "补上 value，或写 origin: open",
                "add value, or write origin: open",
            )
        if self.value is not None:
            wanted = _parameter_fault(self)
            if wanted:
                raise fault(
                    "value",
                    f"参数的值应为 {wanted}（实为 {self.value!r}）",
                    f"the value must be {wanted} (found {self.value!r})",
                    "改写该值",
                    "rewrite the value",
                )
        return self


def _parameter_fault(parameter: Parameter) -> str:
    value = parameter.value
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if parameter.type == "choice":
        return "" if value in parameter.choices else " | ".join(parameter.choices)
    good = {
        "number": number and value >= 0,
        "integer": isinstance(value, int) and not isinstance(value, bool) and value >= 1,
        "share": number and 0 <= value <= 1,
        "text": isinstance(value, str) and bool(value.strip()),
        "file": isinstance(value, str) and bool(value.strip()),
        "boolean": isinstance(value, bool),
        "list": isinstance(value, list | tuple) and len(value) > 0,
    }[parameter.type]
    return "" if good else _WANTED.get(parameter.type, parameter.type)


_WANTED = {
    "number": "number ≥ 0",
    "integer": "whole number ≥ 1",
    "share": "share of 0–1 (0.3 for 30 %)",
}


class Rule(Part):
    """A rule of scoring or procedure; ``kind`` says whether anything is computed from it.

    ``where`` names the places of the protocol, the study's tables or its steps in which what the
    rule needs is kept, apart from its parameters.
    """

    title: Name
    text: Name
    kind: RuleKind
    programmes: tuple[Slug, ...]
    parameters: tuple[Slug, ...] = ()
    where: tuple[str, ...] = ()
    formula: str | None = None
    examples: tuple[dict[str, Any], ...] = ()
    recommended: StrictBool = False
    source: Citation


class Condition(Part):
    """What makes a warning fire, as data.

    ``test``: ``run`` (``consecutive`` values in a row ``below`` or ``above`` the figure),
    ``threshold`` (one value), ``run_below_standard`` (``consecutive`` values that miss the
    indicator's own target), ``below_award`` (value under that at the award), ``falls``
    (``consecutive`` falls from wave to wave), ``overdue`` (a case past its own deadline), ``fact``
    (a disqualifying fact holds), ``surge`` (a sudden rise; the size is a ``parameter``), ``review``
    (a person looks through all values). ``indicator`` is None when every monitored one is meant;
    ``inclusive`` makes the figure itself fire.
    """

    test: Literal[
        "run",
        "threshold",
        "run_below_standard",
        "below_award",
        "falls",
        "overdue",
        "fact",
        "surge",
        "review",
    ]
    indicator: Slug | None = None
    below: Number | None = None
    above: Number | None = None
    inclusive: StrictBool = False
    parameter: Slug | None = None
    consecutive: int | None = Field(default=None, ge=1)
    every: Literal["month", "quarter", "wave", "check", "event"]

    @model_validator(mode="after")
    def _figures(self) -> Condition:
        if self.test in {"run", "threshold"} and (self.below is None) == (self.above is None):
            raise fault(
                "below",
                "需要 below 或 above 之一",
                "needs either below or above",
                "写 below 或 above 的数值",
                "give the figure of below or above",
            )
        if self.test in {"run", "run_below_standard", "falls"} and self.consecutive is None:
            raise fault(
                "consecutive",
                "缺少 consecutive（连续几次）",
                "consecutive (how many in a row) is missing",
                "补上 consecutive",
                "add consecutive",
            )
        return self


class EarlyWarning(Part):
    """An early warning: condition as data, window and effect."""

    title: Name
    text: Name
    effect: Name
    programmes: tuple[Slug, ...]
    state: Literal["awarded", "candidate", "any"] = "any"
    condition: Condition
    window: Name
    examples: tuple[dict[str, Any], ...] = ()
    recommended: StrictBool = False
    source: Citation


class Limit(Part):
    """A limit of time; ``hours`` or ``days`` or ``months`` as far as the source gives a figure.

    ``kind`` is the kind of requests that the limit is about; limits of other things have none.
    """

    title: Name
    programmes: tuple[Slug, ...]
    clock: Literal["answered", "closed", "handled", "none"]
    op: Operator = "<="
    value: Number | None = None
    unit: Literal["minutes", "hours", "days", "months", "at_once"]
    role: Literal["limit", "reached", "reference"] = "limit"
    kind: Literal["complaint", "need", "suggestion", "dispute", "order"] | None = None
    text: Name
    source: Citation


class Cycle(Part):
    """Something that recurs."""

    every: Literal["week", "month", "quarter", "half_year", "year", "three_years"]
    name: Name
    programme: Slug
    source: Citation


class Milestone(Part):
    """A dated step of a programme and the document it produces."""

    programme: Slug
    name: Name
    when: Name
    month: int | None = None
    document: Name | None = None
    source: Citation


class Report(Part):
    """Something a report must contain."""

    programme: Slug | Literal["all"]
    name: Name
    source: Citation


class ReportKind(Part):
    """A kind of report: the sections it prints, in order, over the same findings.

    Empty ``sections`` print all. Head, decisions, limits and signatures stand in every kind.
    """

    name: Name
    programmes: tuple[Slug, ...]
    sections: tuple[Slug, ...] = ()
    source: Citation


class Norm(Part):
    """A staffing or capacity norm."""

    name: Name
    value: Name
    programme: Slug
    source: Citation


class Signature(Part):
    """Who signs what."""

    what: Name
    who: Name
    programme: Slug | Literal["all"]
    source: Citation


class Resolution(Part):
    """An inconsistency of the source and how it is resolved; printed in a report's limits."""

    found: Name
    resolution: Name
    programmes: tuple[Slug, ...]
    indicators: tuple[Slug, ...] = ()
    source: Citation


class DataClass(Part):
    """A class of data with the frequency in which values are expected."""

    name: Name
    frequency: Literal["real_time", "daily", "weekly", "monthly"]
    status: Literal["named_in_source", "proposed"]
    source: Citation


class Table(Part):
    """A table of the source analysis: a group of indicators under one heading."""

    name: Name
    source: Citation


class Source(Part):
    """The document a programme comes from, and what of it is missing."""

    document: str
    title: Name
    missing: Name | None = None


class PriorityClass(Part):
    """A class of problems by urgency, with its deadline."""

    name: Name
    content: Name
    deadline: Name
    deadline_hours: Number | None = None
    source: Citation


class MicroAdjustment(Part):
    """A compound's own change of weights, decided by its residents' council (R-06).

    ``relative`` is the change of an indicator's points as a share of them (0.1 = 10 % more).
    """

    minutes: Annotated[str, StringConstraints(min_length=1)]
    decided: date
    relative: dict[Slug, Number] = Field(min_length=1)
