"""A programme, resolved: the whole of what an assessment goes by."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from workbench.protocol.faults import unknown
from workbench.protocol.parts import (
    LEVELS,
    Baseline,
    Channel,
    Condition,
    Cycle,
    DataClass,
    Dimension,
    EarlyWarning,
    Indicator,
    Level,
    Limit,
    MicroAdjustment,
    Milestone,
    Name,
    Norm,
    Number,
    Parameter,
    Part,
    Phase,
    PriorityClass,
    Report,
    ReportKind,
    Resolution,
    Rule,
    Scheme,
    Signature,
    Slug,
    Source,
    Table,
    Target,
    Weight,
)

__all__ = [
    "LEVELS",
    "Baseline",
    "Channel",
    "Condition",
    "EarlyWarning",
    "Indicator",
    "Name",
    "Parameter",
    "Protocol",
    "Rule",
    "Scheme",
    "Target",
    "Weight",
]


class Protocol(Part):
    """A programme, resolved: what `load` gives and a report's slice holds."""

    format: Literal[1] = 1
    programme: Slug
    title: Name
    version: Annotated[str, StringConstraints(min_length=1)]
    valid_from: date
    valid_to: date | None = None
    unit: Level
    purpose: Name
    sources: tuple[Source, ...] = ()
    dimensions: dict[Slug, Dimension]
    phases: dict[str, Phase] = Field(default_factory=dict)
    tables: dict[str, Table]
    indicators: dict[Slug, Indicator]
    schemes: dict[str, Scheme] = Field(default_factory=dict)
    default_scheme: str | None = None
    parameters: dict[Slug, Parameter] = Field(default_factory=dict)
    rules: dict[str, Rule] = Field(default_factory=dict)
    warnings: dict[str, EarlyWarning] = Field(default_factory=dict)
    limits: dict[str, Limit] = Field(default_factory=dict)
    cycles: tuple[Cycle, ...] = ()
    milestones: tuple[Milestone, ...] = ()
    norms: tuple[Norm, ...] = ()
    reports: tuple[Report, ...] = ()
    report_kinds: dict[Slug, ReportKind] = Field(default_factory=dict)
    signatures: tuple[Signature, ...] = ()
    resolutions: dict[str, Resolution] = Field(default_factory=dict)
    data_classes: dict[Slug, DataClass] = Field(default_factory=dict)
    priority_classes: dict[Slug, PriorityClass] = Field(default_factory=dict)
    points_total: Number | None = Field(default=None, gt=0)
    micro_adjustment: MicroAdjustment | None = None
    changes: tuple[str, ...] = ()
    """What a study's protocol.yaml and parameters touched, as paths (section.id)."""

    def to_json(self) -> str:
        """Return the protocol as JSON text: keys sorted, no empty entry, one trailing newline."""
        return json.dumps(self.as_dict(), ensure_ascii=False, sort_keys=True, indent=1) + "\n"

    def as_dict(self) -> dict[str, Any]:
        """Return what `to_json` writes, as plain data."""
        data: dict[str, Any] = self.model_dump(mode="json", exclude_defaults=True)
        return {**data, "format": 1}

    @classmethod
    def from_json(cls, text: str | bytes) -> Protocol:
        """Return the protocol in a JSON text that `to_json` wrote.

        Raises
        ------
        InputError
            The text is no protocol of this format; every fault with its key.
        """
        from workbench.errors import InputError, Problem
        from workbench.protocol.load import validated

        try:
            data = json.loads(text)
        except ValueError as error:
            raise InputError(
                Problem(
                    code="protocol.json",
                    file="protocol.json",
                    zh=f"不是有效的 JSON（{error}）",
                    en=f"not valid JSON ({error})",
                    remedy_zh="重新生成该切片",
                    remedy_en="cut the slice again",
                )
            ) from None
        return validated(data, file="protocol.json")

    def scheme(self, name: str | None = None) -> Scheme:
        """Return a scheme of scoring by name; without a name the programme's default.

        Raises
        ------
        InputError
            The programme has no such scheme; the nearest is named.
        """
        wanted = name or self.chosen_scheme()
        if wanted is None or wanted not in self.schemes:
            raise unknown("scheme", str(wanted), self.schemes, "方案", "scheme")
        return self.schemes[wanted]

    def chosen_scheme(self) -> str | None:
        """Return the scheme of the study (parameter ``scheme``), else the default."""
        parameter = self.parameters.get("scheme")
        if parameter is not None and parameter.value is not None:
            return str(parameter.value)
        return self.default_scheme

    def parameter(self, name: str) -> Any:
        """Return the value of a parameter; None when the source leaves it open and nobody chose."""
        if name not in self.parameters:
            raise unknown("parameter", name, self.parameters, "参数", "parameter")
        return self.parameters[name].value

    def indicator(self, slug: str) -> Indicator:
        """Return an indicator; an unknown slug is answered with the nearest."""
        if slug not in self.indicators:
            raise unknown("indicator", slug, self.indicators, "指标", "indicator")
        return self.indicators[slug]

    def targets(
        self,
        indicators: Iterable[str] | None = None,
        *,
        phase: str | None = None,
        month: int | None = None,
        year: int | None = None,
        locality: str | None = None,
        unit: str | None = None,
    ) -> list[dict[str, Any]]:
        """Return, per indicator, the target that counts; see `workbench.protocol.targets`."""
        from workbench.protocol import targets

        return targets.official(
            self,
            indicators,
            phase=phase,
            month=month,
            year=year,
            locality=locality,
            unit=unit,
        )

    def points(self, indicators: Iterable[str]) -> list[dict[str, Any]]:
        """Return, per indicator, its maximum points and where they come from (R-01, R-12)."""
        from workbench.protocol import targets

        return targets.points(self, indicators)

    def gates(self) -> list[dict[str, Any]]:
        """Return every eligibility gate as a row: rule, indicator, operator, value, window."""
        from workbench.protocol import targets

        return targets.gates(self)

    def shares_report(self, weights: Mapping[str, float] | None = None) -> list[dict[str, Any]]:
        """Return the shares of weight that R-04, R-05 and R-09 ask for, each with its verdict."""
        from workbench.protocol import targets

        return targets.shares(self, weights)
