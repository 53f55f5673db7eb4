"""What a study asks: questions in their order, inspection items and what they feed, whom and where.

Read from settings, codebook, measures, protocol and the tables known before field work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workbench.study.codebook import asked_code

if TYPE_CHECKING:
    from workbench.study import Item, Study

__all__ = ["Asked", "Assessor", "Feeds", "asked_of"]

VISITS = ("announced", "mystery", "cross", "spot_check", "recheck", "calibration")


@dataclass(frozen=True)
class Assessor:
    """One line of the table ``assessors`` that is no interviewer's."""

    assessor: str
    role: str


@dataclass(frozen=True)
class Feeds:
    """What one inspection item is for: indicators by name, zh and en, and the visits that count."""

    zh: tuple[str, ...] = ()
    en: tuple[str, ...] = ()
    visits: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asked:
    """Everything that forms are made of."""

    study: str
    title: tuple[str, str]
    unit: str
    wave: str
    waves: tuple[str, ...]
    modes: tuple[str, ...]
    questions: Mapping[str, Item]
    inspected: Mapping[str, Item]
    feeds: Mapping[str, Feeds]
    units: Sequence[tuple[str, str]] = ()
    assessors: Sequence[Assessor] = ()
    languages: Sequence[str] = ("zh", "en")
    code: str = field(init=False)
    inspection_code: str = field(init=False)

    def __post_init__(self) -> None:
        """Work out the codes of both forms."""
        for name, items in (("code", self.questions), ("inspection_code", self.inspected)):
            asked = {code: item.asked() for code, item in items.items()}
            object.__setattr__(self, name, asked_code(asked))

    def by_visit(self) -> dict[str, list[str]]:
        """Give the inspection items of each kind of visit; one that no measure names is announced.

        Further evidence of another indicator names no visit and is looked at whenever somebody
        comes announced.
        """
        out: dict[str, list[str]] = {}
        for visit in VISITS:
            codes = [
                code
                for code in self.inspected
                if visit in (self.feeds.get(code, Feeds()).visits or ("announced",))
            ]
            if codes:
                out[visit] = codes
        return out

    def listed(self) -> list[tuple[str, ...]]:
        """Give the inspection items as a table: code, wording, what they feed, visits."""
        from workbench.intake.entered import WORDS

        rows: list[tuple[str, ...]] = [
            ("检查项 / item", "内容 / wording", "代码 / code", "指标 / feeds", "方式 / visit")
        ]
        for code, item in self.inspected.items():
            feeds = self.feeds.get(code, Feeds())
            wording = item.wording.en or ""
            visits = "、".join(WORDS["visit"][v][0] for v in feeds.visits)
            rows.append((item.wording.zh, wording, code, "；".join(feeds.zh), visits))
        return rows

    def untranslated(self) -> list[str]:
        """Give the codes of items whose wording or labels have no English."""
        return [
            code
            for code, item in (*self.questions.items(), *self.inspected.items())
            if not item.wording.en or any(not label.en for label in item.values.values())
        ]


def asked_of(study: Study) -> Asked:
    """Gather what the forms of a study ask, of whom and where.

    Raises
    ------
    InputError
        What is wrong with the tables ``communities`` and ``assessors``; ``forms.nothing`` for a
        codebook without a question and without an inspection item.
    """
    from workbench.batch.opening import early_tables
    from workbench.errors import InputError, Problem

    book = {code: item for code, item in study.codebook.items() if item.is_read}
    if not book:
        raise InputError(
            Problem(
                code="forms.nothing",
                file="codebook.yaml",
                zh="码本里没有可以印出的题目",
                en="the codebook has nothing to print",
                remedy_zh="写入题目，并给出 class: 与 purpose:",
                remedy_en="write its items, with class: and purpose:",
            )
        )
    tables = early_tables(study, "assessors")
    units = tables["communities"]
    order = ("compound", "community", "subdistrict", "district")
    own = order[: order.index(study.settings.unit) + 1][::-1]  # the unit's level, then those below
    level = units[units["level"].isin(own)].sort_values(
        "level", key=lambda column: column.map(own.index), kind="stable"
    )
    people = tables.get("assessors")
    settings = study.settings
    title = study.protocol.title
    return Asked(
        study=study.id,
        title=(title.zh, title.en),
        unit=settings.unit,
        wave=study.current.id,
        waves=tuple(wave.id for wave in settings.waves),
        modes=tuple(mode for mode in settings.sample if mode != "default"),
        questions={code: item for code, item in book.items() if item.role != "inspection"},
        inspected={code: item for code, item in book.items() if item.role == "inspection"},
        feeds=_feeds(study),
        units=[
            (unit, name if isinstance(name, str) and name != unit else "")
            for unit, name in zip(level["community"], level["name"], strict=True)
        ],
        assessors=[]
        if people is None
        else [
            Assessor(who, role)
            for who, role in zip(people["assessor"], people["role"], strict=True)
            if role != "interviewer"  # asks residents and scores nothing
        ],
        languages=settings.languages,
    )


def _feeds(study: Study) -> dict[str, Feeds]:
    """Say for each inspection item which indicators it feeds, and by which visits."""
    found: dict[str, Feeds] = {}
    for slug, measure in study.measures.entries.items():
        name = study.protocol.indicator(slug).name
        own = measure.entry.get("items") or () if measure.channel == "inspection" else ()
        check = (measure.entry.get("check") or {}).get("inspection") or ()
        visits = tuple(measure.entry.get("visits") or ()) if own else ()
        for code in dict.fromkeys((*own, *check)):
            old = found.get(code, Feeds())
            counted = visits if code in own else ()
            found[code] = Feeds(
                tuple(dict.fromkeys((*old.zh, name.zh))),
                tuple(dict.fromkeys((*old.en, name.en))),
                tuple(dict.fromkeys((*old.visits, *counted))),
            )
    return found
