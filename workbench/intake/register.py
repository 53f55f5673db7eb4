"""Class and purpose of every column of the canonical tables; items have theirs in the codebook.

A class is one of those of the codebook: ``public``, ``internal``, ``personal`` (it can lead to a
person) or ``sensitive`` (it tells something about one). A column without an entry is not read.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["REGISTER", "Entry", "entry_of"]


class Entry(NamedTuple):
    """What a column is and what it is collected for."""

    protection: str
    purpose_zh: str
    purpose_en: str


_NAME = ("识别被测单位", "to name the assessed unit")
_SIZE = ("规模、加权与比率", "size, weights and rates")
_DESIGN = ("抽样设计与方差", "sampling design and variances")
_FIELD = ("外业记录与应答率", "conduct of field work and response rates")
_CHECK = ("仅用于核查造假，不离开机构", "checks for fabrication only; never leaves the house")
_SCORE = ("按指标评分", "scores of the indicators")
_PLACE = ("指明扣分地点与依据", "to name place and evidence of a deduction")
_WHO = ("评分一致性与回避", "agreement of assessors and their interests")
_WORDS = ("归类后使用，原文不离开机构", "used by topic; the words themselves stay in the house")
_CODED = ("检验文本归类的准确程度", "to measure the error of topics and sentiment")
_RIGHT = ("整改与申诉", "rectification and objections")
_PUBLISHED = ("已公布数字的对照", "comparison with published figures")
_LINK = ("同一受访者的前后对照与查重", "panel comparison and duplicates; renumbered in every slice")

_SIGNED = ("核查强制签到", "to look for sign-ins that were ordered")
_WHERE = (
    "按片区汇总诉求，件数少的不离开机构",
    "requests by part of the unit; places with few of them never leave the house",
)
_TWICE = ("仅用于查重，不离开机构", "to find what was told twice; never leaves the house")

_ALL: dict[str, tuple[tuple[str, tuple[str, str], str], ...]] = {
    "communities": (
        ("public", _NAME, "community name name_en level parent code kind age_class predecessors"),
        ("public", _SIZE, "households residents adults"),
        ("public", _SCORE, "phase treated intervention_date"),
    ),
    "responses": (
        ("personal", _LINK, "respondent case panel_id"),
        ("public", _NAME, "community wave"),
        ("internal", _FIELD, "mode interviewer started finished complete flags"),
        ("personal", _DESIGN, "psu ssu"),
        ("internal", _DESIGN, "stratum fpc1 fpc2 base_weight"),
        ("personal", _CHECK, "ip device lat lon"),
        ("internal", _CHECK, "crs"),
    ),
    "dispositions": (
        ("public", _NAME, "community wave"),
        ("internal", _FIELD, "disposition n mode attempts interviewer date"),
        ("personal", _LINK, "case respondent substitute_for"),
        ("personal", _DESIGN, "psu ssu"),
        ("internal", _DESIGN, "stratum base_weight"),
    ),
    "margins": (("public", _SIZE, "area variable category count population source as_of"),),
    "inspections": (
        ("public", _NAME, "community wave"),
        ("internal", _WHO, "assessor role visit observed_at seal"),
        ("internal", _SCORE, "item score passed max_score"),
        ("internal", _PLACE, "place reason photos"),
        ("internal", _WORDS, "note"),
    ),
    "assessors": (
        ("personal", _WHO, "assessor home interests"),
        ("internal", _WHO, "role team trained_on calibrated_on"),
    ),
    "measurements": (
        ("public", _NAME, "community"),
        ("internal", _SCORE, "indicator period value numerator denominator origin source device"),
    ),
    "requests": (
        ("public", _NAME, "community"),
        ("personal", _LINK, "request duplicate_of"),
        ("internal", _SCORE, "kind received assigned answered closed due outcome adopted"),
        ("internal", _SCORE, "satisfied channel category escalated"),
        ("sensitive", _WORDS, "text"),
        ("internal", _WORDS, "topic sentiment topic_sentiment terms phrases"),
        ("internal", _WHERE, "place"),
        ("personal", _TWICE, "address"),
    ),
    "facts": (
        ("public", _NAME, "community"),
        ("internal", _SCORE, "fact value date evidence"),
    ),
    "issues": (
        ("public", _NAME, "community"),
        ("internal", _RIGHT, "issue found origin indicator item text_zh text_en points_lost"),
        ("internal", _RIGHT, "priority responsible due answered closed verified_by photos_before"),
        ("internal", _RIGHT, "photos_after recommendation_zh recommendation_en feedback"),
        ("internal", _RIGHT, "signed_committee signed_property signed_owners"),
    ),
    "frame": (
        ("public", _NAME, "community"),
        ("personal", _DESIGN, "psu ssu"),
        ("internal", _DESIGN, "stratum size source as_of"),
    ),
    "photos": (
        ("public", _NAME, "community"),
        ("internal", _PLACE, "photo file sha256 taken crs caption_zh caption_en release redacted"),
        ("internal", _CHECK, "same_here same_elsewhere"),
        ("personal", _CHECK, "lat lon"),
    ),
    "votes": (
        ("public", _NAME, "community"),
        ("public", _SCORE, "vote date base eligible cast approve threshold level effective"),
        ("public", _SCORE, "subject_zh subject_en"),
    ),
    "funds": (
        ("public", _NAME, "community"),
        ("public", _SCORE, "line period field nature source planned spent"),
    ),
    "documents": (
        ("public", _NAME, "community"),
        ("internal", _SCORE, "document kind date reported verified theme indicator alike"),
        ("internal", _WORDS, "text topic sentiment topic_sentiment terms"),
    ),
    "supply": (
        ("public", _NAME, "community"),
        ("public", _SIZE, "service capacity unit group"),
    ),
    "labels": (
        ("sensitive", _CODED, "text"),
        ("internal", _CODED, "label topic sentiment coder"),
    ),
    "codings": (
        ("public", _NAME, "community"),
        ("internal", _WORDS, "passage document theme_1 theme_2 theme_3 theme_4 theme_5"),
        ("personal", _WHO, "coder"),
        ("sensitive", _WORDS, "text note"),
    ),
    "backchecks": (
        ("personal", _LINK, "respondent"),
        ("internal", _FIELD, "item wave method checker date"),
        ("personal", _FIELD, "answer"),
    ),
    "sign_ins": (
        ("public", _NAME, "community"),
        ("internal", _SIGNED, "activity at way answers"),
        ("personal", _SIGNED, "person"),
    ),
    "contacts": (
        ("personal", _LINK, "case"),
        ("internal", _FIELD, "at outcome wave appointment interviewer"),
    ),
    "objections": (
        ("public", _NAME, "community"),
        ("internal", _RIGHT, "objection stage received about anonymous state decision reason_zh"),
        ("internal", _RIGHT, "reason_en decided decided_by"),
        ("sensitive", _RIGHT, "claim evidence"),
    ),
    "cases": (
        (
            "public",
            _PUBLISHED,
            "case_id programme place intervention indicator indicator_zh before",
        ),
        ("public", _PUBLISHED, "after unit months_between comparison_group source_doc"),
        ("public", _PUBLISHED, "source_section quote_zh"),
    ),
    "published": (
        ("public", _PUBLISHED, "community finding source indicator channel value points"),
        ("public", _PUBLISHED, "max_points unit display_zh display_en status verdict reason_zh"),
        ("public", _PUBLISHED, "reason_en"),
    ),
}
REGISTER: dict[tuple[str, str], Entry] = {
    (table, name): Entry(protection, *purpose)
    for table, groups in _ALL.items()
    for protection, purpose, names in groups
    for name in names.split()
}


def entry_of(table: str, column: str) -> Entry | None:
    """Give class and purpose of a column; replicate weights have those of the weight."""
    if table == "responses" and re.fullmatch(r"rw[1-9]\d{0,3}", column):
        column = "base_weight"
    return REGISTER.get((table, column))
