"""Kinds of report: which sections stand, in which order, over the same findings."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.protocol import PROGRAMMES, load
from workbench.protocol.check import SECTIONS
from workbench.report.body import _SECTIONS, body_sections
from workbench.report.register import Register
from workbench.report.words import Words


def rows(item: str | None) -> list[dict[str, Any]]:
    common = {
        "kind": "text",
        "label_zh": "标签",
        "label_en": "Label",
        "display_zh": "值",
        "display_en": "value",
    }
    named = [("head.report_kind", "head"), ("funds.total", "funds"), ("claim.x", "claims"),
             ("objection.O1", "objections"), ("milestone.1", "milestones")]  # fmt: skip
    made = [{"finding": f, "section": s, **common} for f, s in named]
    made[0]["item"] = item
    return made


def names(item: str | None) -> list[str]:
    told, _ = body_sections(Register(rows(item), "en"), Words("en"), {})
    return [section["id"] for section in told]


def test_a_wave_report_prints_every_section_that_has_findings() -> None:
    assert {"funds", "claims", "objections", "milestones"} <= set(names(None))


def test_a_kind_prints_its_sections_in_its_order_and_what_the_law_asks_for() -> None:
    told = names("milestones funds")
    assert [n for n in told if n in {"milestones", "funds"}] == ["milestones", "funds"]
    assert "claims" not in told
    assert told[0] == "head"
    assert {"decisions", "limits"} <= set(told)


@pytest.mark.parametrize("programme", PROGRAMMES)
def test_every_section_of_a_kind_is_one_the_report_can_print(programme: str) -> None:
    known = {name for name, _ in _SECTIONS}
    kinds = load(programme).report_kinds
    assert "wave" in kinds
    for kind in kinds.values():
        assert set(kind.sections) <= known
        assert len(set(kind.sections)) == len(kind.sections)


def test_the_sections_a_protocol_may_name_are_those_of_the_report() -> None:
    assert set(SECTIONS) == {name for name, _ in _SECTIONS} - {"head", "other"}
