"""How each indicator is measured: ``measures.yaml``, where data meet the protocol."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from workbench.errors import InputError, Problem
from workbench.protocol._entries import (
    CHANNELS,
    Entry,
    Fact,
    Inspection,
    Measurement,
    Requests,
    Survey,
)
from workbench.protocol._entry_checks import OPEN_WORDS, incomplete, items, source_of, unit
from workbench.protocol.faults import nearest, problems_of, unknown_problem
from workbench.protocol.model import Protocol
from workbench.protocol.units import UNITS, hours_per
from workbench.yamlfile import read_yaml

__all__ = ["Measure", "Measures"]

_BLANK = re.compile(r"^_{2,}$")
# families of unit -> how estimators call the unit of their value
_DATA_UNIT = {
    "share": "share",
    "pp": "pp",
    "change_rel": "share",
    "score_100": "score_0_100",
    "score_5": "score",
    "score": "score",
    "points": "points",
    "household_rate": "per_100_households_year",
    "count": "count",
    "time": "hours",
    "ratio": "ratio",
    "yes_no": "yes_no",
}


@dataclass(frozen=True)
class Measure:
    """One entry of ``measures.yaml``, checked, with its unit.

    Attributes
    ----------
    slug
        The indicator.
    source
        ``survey``, ``inspection``, ``measurement``, ``requests`` or ``fact``.
    entry
        The keys as written (defaults filled in, absent ones left out).
    unit
        The printed unit of the value, a key of `workbench.protocol.UNITS`.
    data_unit
        The unit in which an estimator gives the value (``share``, ``hours``, …).
    factor
        Printed value = estimator's value × factor.
    """

    slug: str
    source: str
    entry: Mapping[str, Any]
    unit: str
    data_unit: str
    factor: float

    @property
    def channel(self) -> str:
        """The channel of evidence: survey, inspection, record or fact."""
        return str(self.entry["channel"])

    @property
    def statistic(self) -> str:
        """The statistic of the entry."""
        return str(self.entry["statistic"])

    def as_dict(self) -> dict[str, Any]:
        """Return the entry with ``unit``, ``data_unit`` and ``factor`` as plain data."""
        return {
            **self.entry,
            "unit": self.unit,
            "data_unit": self.data_unit,
            "factor": self.factor,
        }

    def evidence(self, lang: str) -> str:
        """Return where the value comes from, for a reader of ``lang`` (zh or en)."""
        zh = lang == "zh"
        entry = self.entry
        if self.source in {"survey", "inspection"}:
            what = ("问卷 " if zh else "survey ") if self.source == "survey" else ""
            what = what or ("现场检查 " if zh else "inspection ")
            text = what + ", ".join(entry["items"])
            if self.source == "inspection":
                text += " [" + ", ".join(entry["visits"]) + "]"
        elif self.source == "measurement":
            text = ("监测 " if zh else "measurements ") + str(entry["measurement"])
        elif self.source == "requests":
            told = ", ".join(f"{k}={v}" for k, v in entry["requests"].items())
            text = ("诉求 " if zh else "requests ") + told
        else:
            text = ("事实 " if zh else "fact ") + str(entry["fact"])
        return f"{text} · {self.statistic}"


@dataclass(frozen=True)
class Measures:
    """All entries of a study's ``measures.yaml``, by indicator."""

    entries: Mapping[str, Measure]

    @classmethod
    def load(
        cls,
        path: Path,
        protocol: Protocol,
        codebook: Mapping[str, Any] | None = None,
        scope: Iterable[str] | None = None,
    ) -> Measures:
        """Read and check a ``measures.yaml``.

        Parameters
        ----------
        path
            The file.
        protocol
            The resolved programme; entries are named by its indicators.
        codebook
            Items by code, each a mapping or an object with ``kind``, ``role``, ``values``, ``top``;
            None leaves items unchecked.
        scope
            Slugs that the study assesses; each needs an entry. None asks for no entry.

        Raises
        ------
        InputError
            Every fault at once: unknown keys and words (with the nearest), blanks that a person
            must fill, statistics whose unit is not the indicator's, items without definition.
        """
        return cls.from_dict(
            read_yaml(path), protocol, codebook=codebook, scope=scope, file=path.name
        )

    @classmethod
    def from_dict(
        cls,
        data: object,
        protocol: Protocol,
        *,
        codebook: Mapping[str, Any] | None = None,
        scope: Iterable[str] | None = None,
        file: str = "measures.yaml",
    ) -> Measures:
        """Check plain data as `load` does; what `as_dict` returned is accepted."""
        problems: list[Problem] = []
        entries: dict[str, Measure] = {}
        if data is None:
            data = {}
        if not isinstance(data, dict):
            raise InputError(_not_mapping(file, "", data))
        for slug, raw in data.items():
            if slug not in protocol.indicators:
                problems.append(
                    unknown_problem(
                        "indicator",
                        str(slug),
                        protocol.indicators,
                        "指标",
                        "indicator",
                        file=file,
                        column=str(slug),
                    )
                )
                continue
            measure, found = _measure(str(slug), raw, protocol, codebook, file)
            problems += found
            if measure is not None:
                entries[str(slug)] = measure
        for slug in scope or ():
            if slug in protocol.indicators and slug not in data:
                problems.append(_missing(slug, protocol, file))
        if problems:
            raise InputError(*problems)
        return cls(entries)

    def __getitem__(self, slug: str) -> Measure:
        return self.entries[slug]

    def __contains__(self, slug: object) -> bool:
        return slug in self.entries

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """Return the entries as plain data, for a slice's ``study.json``."""
        return {slug: measure.as_dict() for slug, measure in self.entries.items()}

    def rows(self, protocol: Protocol, scheme: str | None = None) -> list[dict[str, Any]]:
        """Return one row per entry: indicator, evidence and the channel of the scheme it feeds.

        Returns
        -------
        list of dict
            ``indicator, name_zh, name_en, dimension, channel, statistic, unit, data_unit, factor,
            score_channel`` (None for facts and without a scheme), ``evidence_zh, evidence_en``.
        """
        chosen = protocol.scheme(scheme) if protocol.schemes else None
        rows = []
        for slug, measure in self.entries.items():
            indicator = protocol.indicator(slug)
            visits = measure.entry.get("visits", ())
            rows.append(
                {
                    "indicator": slug,
                    "name_zh": indicator.name.zh,
                    "name_en": indicator.name.en,
                    "dimension": indicator.dimension,
                    "channel": measure.channel,
                    "statistic": measure.statistic,
                    "unit": measure.unit,
                    "data_unit": measure.data_unit,
                    "factor": measure.factor,
                    "score_channel": chosen.channel_of(measure.channel, visits) if chosen else None,
                    "evidence_zh": measure.evidence("zh"),
                    "evidence_en": measure.evidence("en"),
                }
            )
        return rows

    def used(self) -> dict[str, set[str]]:
        """Return what the entries (and their checks) use.

        Returns
        -------
        dict of set
            ``items``, ``measurements``, ``request_kinds`` and ``facts``.
        """
        found: dict[str, set[str]] = {
            "items": set(),
            "measurements": set(),
            "request_kinds": set(),
            "facts": set(),
        }
        for measure in self.entries.values():
            entry = measure.entry
            check = entry.get("check") or {}
            for codes in (entry.get("items"), check.get("inspection"), check.get("survey")):
                found["items"].update(codes or ())
            if measure.source == "survey":
                found["items"].update(entry.get("where") or ())
            found["measurements"].update(
                name for name in (entry.get("measurement"), check.get("record")) if name
            )
            kind = (entry.get("requests") or {}).get("kind", ())
            found["request_kinds"].update([kind] if isinstance(kind, str) else kind)
            if entry.get("fact"):
                found["facts"].add(str(entry["fact"]))
        return found


def _not_mapping(file: str, key: str, found: object) -> Problem:
    return Problem(
        code="measures.type",
        file=file,
        column=key,
        zh="应为键值对",
        en="must be a mapping (key: value)",
        found="null" if found is None else str(found)[:60],
        remedy_zh="例如 {channel: survey, items: [q1], statistic: top2}",
        remedy_en="for example {channel: survey, items: [q1], statistic: top2}",
    )


def _missing(slug: str, protocol: Protocol, file: str) -> Problem:
    name = protocol.indicator(slug).name
    return Problem(
        code="measures.missing",
        file=file,
        column=slug,
        zh=f"指标“{name.zh}”没有测量方式",
        en=f'the indicator "{name.en}" has no entry',
        remedy_zh=f"补上 {slug}，或在 study.yaml 的 scope 中略去",
        remedy_en=f"add {slug}, or leave it out of scope in study.yaml",
    )


def _measure(
    slug: str,
    raw: object,
    protocol: Protocol,
    codebook: Mapping[str, Any] | None,
    file: str,
) -> tuple[Measure | None, list[Problem]]:
    if not isinstance(raw, dict):
        return None, [_not_mapping(file, slug, raw)]
    told = {k: v for k, v in raw.items() if k not in ("unit", "data_unit", "factor")}
    blank = sorted(str(key) for key, value in told.items() if _is_blank(value))
    problems = [_blank_problem(slug, key, protocol, file) for key in blank]
    kept = {key: value for key, value in told.items() if str(key) not in blank}
    if "channel" in blank:
        return None, problems
    model, found = _model_of(slug, kept, blank, file)
    problems += found
    if model is None:
        return None, problems
    try:
        entry = model.model_validate(kept)
    except ValidationError as error:
        told_problems = problems_of(error, model, file=file, code="measures", under=slug)
        filled = {f"{slug}.{key}" for key in blank}
        return None, problems + [p for p in told_problems if p.column not in filled]
    problems += incomplete(slug, entry, blank, file)
    problems += items(slug, entry, codebook, file)
    told_unit, found = unit(slug, entry, protocol, file)
    problems += found
    if problems or told_unit is None:
        return None, problems
    source = source_of(entry)
    plain = entry.model_dump(mode="json", exclude_none=True)
    if "check" in plain:
        plain["check"] = {k: v for k, v in plain["check"].items() if v not in (None, [])}
    data_unit, factor = _scale(told_unit, source, entry.statistic)
    return Measure(slug, source, plain, told_unit, data_unit, factor), []


def _is_blank(value: object) -> bool:
    if value is None or (isinstance(value, str) and _BLANK.match(value.strip())):
        return True
    if isinstance(value, list):
        return any(_is_blank(part) for part in value)
    if isinstance(value, dict):
        return any(_is_blank(part) for part in value.values())
    return False


def _blank_problem(slug: str, key: str, protocol: Protocol, file: str) -> Problem:
    name = protocol.indicator(slug).name
    zh, en = OPEN_WORDS.get(key, (key, key))
    return Problem(
        code="measures.blank",
        file=file,
        column=f"{slug}.{key}",
        zh=f"须由人决定：{name.zh}——{zh}（来源未规定，没有默认值）",
        en=f"a person must decide: {name.en} — {en} (not given in the source, no default)",
        remedy_zh=f"填写 {slug}.{key}",
        remedy_en=f"fill in {slug}.{key}",
    )


def _model_of(
    slug: str, entry: Mapping[str, Any], blank: list[str], file: str
) -> tuple[type[Entry] | None, list[Problem]]:
    channel = entry.get("channel")
    if channel is None:
        near = nearest("channel", map(str, entry))
        return None, [
            Problem(
                code="measures.missing",
                file=file,
                column=f"{slug}.channel",
                zh="缺少“channel”",
                en='"channel" is missing',
                expected=" | ".join(CHANNELS),
                remedy_zh=f"“{near}”是否指 channel？" if near else "写明计分的证据渠道",
                remedy_en=f'did you write "{near}" for channel?'
                if near
                else "name the channel of evidence that is scored",
            )
        ]
    if channel not in CHANNELS:
        return None, [
            unknown_problem(
                "channel",
                str(channel),
                CHANNELS,
                "证据渠道",
                "channel of evidence",
                file=file,
                column=f"{slug}.channel",
            )
        ]
    if channel != "record":
        models: dict[str, type[Entry]] = {
            "survey": Survey,
            "inspection": Inspection,
            "fact": Fact,
        }
        return models[str(channel)], []
    has = [key for key in ("measurement", "requests") if key in entry or key in blank]
    if len(has) != 1:
        return None, [
            Problem(
                code="measures.record",
                file=file,
                column=slug,
                zh="记录类指标需要 measurement 或 requests 之一",
                en="a record takes exactly one of measurement and requests",
                found=", ".join(has) or ", ".join(map(str, entry)),
                remedy_zh="写 measurement: 序列名，或 requests: {kind: …}",
                remedy_en="write measurement: series, or requests: {kind: …}",
            )
        ]
    return (Measurement if has[0] == "measurement" else Requests), []


def _scale(unit: str, source: str, statistic: str) -> tuple[str, float]:
    """Return the estimator's unit and the factor from it to the printed unit."""
    family = UNITS[unit].family
    if family in {"share", "pp", "change_rel"}:
        return _DATA_UNIT[family], 100.0
    if family == "time":
        hours = hours_per(unit)
        if source == "requests" and statistic == "median" and hours is not None:
            return "hours", 1 / hours
        return unit, 1.0
    return _DATA_UNIT.get(family, unit), 1.0
