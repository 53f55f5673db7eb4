"""The set of indicators behind a report, and what published cases say of the weakest of them."""

from __future__ import annotations

import csv
import dataclasses
import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench import bundle, scoring
from workbench.assess.indicators import judged_by
from workbench.assess.sample import labelled
from workbench.assess.score import score
from workbench.findings import number
from workbench.protocol.targets import printed
from workbench.survey.rows import from_rows, to_rows

if TYPE_CHECKING:
    from workbench.community import Community
    from workbench.protocol.model import Target

__all__ = ["reference", "ruleset"]

Row = dict[str, Any]
_SECTIONS = {
    "schemes": ("计分方案", "schemes"),
    "dimensions": ("维度", "dimensions"),
    "micro_adjustment": ("微调", "micro-adjustment"),
    "points_total": ("总分值", "total of points"),
    "default_scheme": ("默认方案", "default scheme"),
    "rules": ("规则", "rules"),
    "warnings": ("预警", "early warnings"),
    "limits": ("时限", "limits of time"),
    "phases": ("阶段", "phases"),
}
_WEAKEST = 3  # shown where the study does not say how many (weakest_n, R-53)
_CASES = 3  # published figures told beside one indicator


def ruleset(c: Community, measured: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Say by which set of indicators the unit was scored, and what a locality changed in it.

    Parameters
    ----------
    c
        The unit.
    measured
        Result of :func:`workbench.assess.indicators`.
    scores
        Result of :func:`workbench.assess.score`.

    Returns
    -------
    DataFrame
        ``ruleset.changes`` (R-07), ``ruleset.share.*`` (R-04, R-05, R-09),
        ``ruleset.phases.*`` (all targets of an indicator that has several, X-03 to X-11),
        ``ruleset.parameter.*`` (what the study or a recommendation decided) and, with a
        micro-adjustment, its minutes and the score without it (R-06).
    """
    protocol = c.protocol
    rows = [*_changes(c)]
    own = measured[measured["finding"].str.startswith("indicator.")]
    scored = list(own.loc[own["target_kind"].fillna("").ne(""), "indicator"])
    weights = {r["indicator"]: r["max_points"] for r in protocol.points(scored)} if scored else None
    told = protocol.shares_report(weights) if weights else []
    if weights and not protocol.schemes:  # a scheme states the residents' share itself
        asked = set(own.loc[own["channel"].eq("survey"), "indicator"])
        told.append(_residents(sum(weights[s] for s in scored if s in asked), weights))
    for one in told:
        limit = one["limit"]
        rows.append(
            labelled(
                f"ruleset.share.{one['rule'].lower()}.{len(rows)}",
                "estimate",
                one["label_zh"],
                one["label_en"],
                value=one["share"],
                unit="share",
                target=limit,
                verdict=one["verdict"],
                rule=one["rule"],
                reason_zh=f"参考：{one['reference_zh']}",
                reason_en=f"for reference: {one['reference_en']}",
            )
        )
    rows += [*_phases(c, own), *_area(c, own)]
    return from_rows([*rows, *_decided(c), *_micro(c, measured, scores)])


_OUTCOMES = {
    "met": ("已达到", "met"),
    "not_met": ("未达到", "not met"),
    "cannot_tell": ("无法判断", "cannot tell"),
}


def _phases(c: Community, own: pd.DataFrame) -> list[Row]:
    """Hold a value against every dated and undated target of its indicator (X-03 to X-10).

    The one of the phase counts and stands in the table; the others are shown, and cost no points.
    A target that pilots had reached elsewhere is kept and marked (X-11).
    """
    known = c.protocol.resolutions.get("X-11")
    reached = set(known.indicators) if known is not None else set()
    rows = []
    for one in to_rows(judged_by(own)):
        slug = str(one["indicator"])
        indicator = c.protocol.indicator(slug)
        aims = [
            t for t in indicator.targets
            if t.role == "target" and t.locality is None and t.year is None
            and t.kind in ("level", "change_rel") and t.value is not None
        ]  # fmt: skip
        if len(aims) < 2 and slug not in reached:
            continue
        aims.sort(
            key=lambda t: t.month or (c.protocol.phases[t.phase].last_month if t.phase else 999)
        )
        said: list[tuple[str, str]] = []
        for aim in aims:
            outcome = _OUTCOMES[_outcome(c, one, aim)]
            when = c.protocol.phases[aim.phase].name if aim.phase else None
            date = ("最终", "final") if when is None else (when.zh, when.en)
            if aim.month is not None:
                date = f"第{aim.month}月", f"month {aim.month}"
            said.append(
                (
                    f"{date[0]}{printed(aim, indicator.unit, 'zh')}，{outcome[0]}",
                    f"{date[1]} {printed(aim, indicator.unit, 'en')}, {outcome[1]}",
                )
            )
        mark = ("（他处试点已达到，X-11）", " (already reached elsewhere, X-11)")
        more = mark if slug in reached else ("", "")
        rows.append(
            labelled(
                f"ruleset.phases.{slug}",
                "text",
                f"各阶段目标：{one['label_zh']}",
                f"Targets by phase: {one['label_en']}",
                indicator=slug,
                display_zh="；".join(s[0] for s in said) + more[0],
                display_en="; ".join(s[1] for s in said) + more[1],
            )
        )
    return rows


def _area(c: Community, own: pd.DataFrame) -> list[Row]:
    """Give in square metres what is missing to the area per resident that is asked for (X-33)."""
    mine = own[own["indicator"].eq("service_area_per_capita") & own["value"].notna()]
    people = c.unit.get("residents")
    if mine.empty or not people or pd.isna(people):
        return []
    aim = c.protocol.targets(["service_area_per_capita"], unit=c.settings["unit"])[0]
    if aim["status"] != "ok":
        return []
    value, n = float(mine["value"].iloc[0]), float(str(people))
    gap, shown = max(float(aim["value"]) - value, 0.0) * n, round(value, 2)
    return [
        labelled(
            "ruleset.area",
            "text",
            "服务面积的差距",
            "Service area that is missing",
            rule="X-33",
            indicator="service_area_per_capita",
            display_zh=f"{gap:,.0f}平方米（{n:,.0f}名居民，{shown:g}对{aim['value']:g}平方米/人）",
            display_en=f"{gap:,.0f} m² ({n:,.0f} residents, {shown:g} against {aim['value']:g} m² "
            "per person)",
        )
    ]


def _outcome(c: Community, one: Mapping[Any, Any], aim: Target) -> str:
    """Say whether a value meets one target; a change is judged where no sample enters it."""
    indicator = c.protocol.indicator(str(one["indicator"]))
    name = "change" if aim.kind == "change_rel" else "value"
    value = one.get(name)
    if value is None or pd.isna(value):
        return "cannot_tell"
    ends = [one["ci_low"], one["ci_high"]]
    if aim.kind == "change_rel" and one["channel"] != "record":
        return "cannot_tell"
    if aim.kind == "change_rel" or any(e is None or pd.isna(e) for e in ends):
        if one["channel"] in ("survey", "inspection"):
            return "cannot_tell"
        ends = [value, value]
    factor = float(c.measures.get(str(one["indicator"]), {}).get("factor") or 1.0)
    factor = {"days": 1.0, "share": 100.0}.get(str(one["unit"]), factor)
    bound = float(aim.value or 0.0) / (100.0 if aim.kind == "change_rel" else factor)
    up = indicator.direction != "down"
    sign = {">=": "≥", "<=": "≤", "=": "≥" if up else "≤"}.get(aim.op, aim.op)
    low, high = (np.array([float(e)]) for e in ends)
    return str(scoring.three_outcomes(low, high, np.array([sign]), np.array([bound]))[0])


_YES = {True: ("是", "yes"), False: ("否", "no")}


def _decided(c: Community) -> list[Row]:
    """Print each parameter that the source leaves to the study or to a recommendation."""
    rows = []
    for name, one in c.protocol.parameters.items():
        if one.value is None or one.origin == "source":
            continue
        parts = one.value if isinstance(one.value, list) else [one.value]
        shown = [
            _YES[part] if isinstance(part, bool)
            else (f"{part:.0%}",) * 2 if one.type == "share"
            else (known.name.zh, known.name.en)
            if (known := c.protocol.indicators.get(str(part))) is not None
            else _CHOICES.get(str(part), (str(part),) * 2)
            for part in parts
        ]  # fmt: skip
        by = {"study": ("本项目给定", "given by the study")}.get(
            one.origin, ("来源未定，按建议处理", "not in the source; as recommended")
        )
        rows.append(
            labelled(
                f"ruleset.parameter.{name}",
                "text",
                f"{one.rule} {one.name.zh}",
                f"{one.rule} {one.name.en}",
                rule=one.rule,
                display_zh="、".join(s[0] for s in shown),
                display_en=", ".join(s[1] for s in shown),
                reason_zh=f"{by[0]}（{one.source}）",
                reason_en=f"{by[1]} ({one.source})",
            )
        )
    return rows


_CHOICES = {
    "source": ("来源文件", "the source"),
    "commissioned": ("委托方给定", "commissioned"),
    "assumption": ("测评方假设", "assumption of the assessor"),
    "both": ("两者", "both"),
    "step": ("阶梯", "step"),
    "linear": ("线性", "linear"),
    "residents": ("居民", "residents"),
    "adults": ("成年居民", "adults"),
    "households": ("住户", "households"),
    "third_party": ("第三方", "the third party"),
    "provincial_office": ("省级文明办", "the provincial civilisation office"),
    "minimum_score": ("最低分", "minimum score"),
    "quota": ("名额", "quota"),
    "shared": ("并列同名次", "equal scores share a rank"),
    "satisfaction_first": ("满意度高者在前", "higher satisfaction first"),
    "third_party_first": ("第三方得分高者在前", "higher third-party score first"),
    "draw": ("抽签", "by lot"),
    "weighted_mean_of_attainment": ("目标达成度加权平均", "weighted mean of target attainment"),
}


def _residents(points: float, weights: Mapping[str, float]) -> Row:
    """Give the residents' share (R-09) where the total is the sum of all points."""
    return {
        "rule": "R-09",
        "label_zh": "居民评价权重占比",
        "label_en": "weight of residents' rating",
        "share": points / sum(weights.values()),
        "limit": None,
        "verdict": None,
        "reference_zh": "45%的城市不足20%",
        "reference_en": "under 20% in 45% of cities",
    }


def _changes(c: Community) -> list[Row]:
    changes = [p for p in c.protocol.changes if p.split(".")[0] not in {"parameters", "version"}]
    slugs = [path.split(".")[1] for path in changes if path.startswith("indicators.")]
    named = [
        c.protocol.indicators[s].name for s in dict.fromkeys(slugs) if s in c.protocol.indicators
    ]
    rest = sorted({p.split(".")[0] for p in changes if not p.startswith("indicators.")})
    if not changes:
        said = ("没有改动，按方案原文", "none: the programme as it stands")
    else:
        zh, en = "、".join(n.zh for n in named), "; ".join(n.en for n in named)
        more = [", ".join(_SECTIONS.get(r, (r, r))[k] for r in rest) for k in (0, 1)]
        said = (
            "；".join(p for p in (f"指标：{zh}" if zh else "", more[0]) if p),
            "; ".join(p for p in (f"indicators: {en}" if en else "", more[1]) if p),
        )
    row = labelled(
        "ruleset.changes",
        "text",
        f"地方对指标体系（版本{c.protocol.version}）的改动",
        f"What the locality changed in the set of indicators (version {c.protocol.version})",
        display_zh=said[0],
        display_en=said[1],
        rule="R-07",
    )
    return [row]


def _micro(c: Community, measured: pd.DataFrame, scores: pd.DataFrame) -> list[Row]:
    """Give the score with and without the compound's own adjustment of weights (R-06)."""
    micro = c.protocol.micro_adjustment
    if micro is None or scores.empty:
        return []
    plain = dataclasses.replace(
        c, protocol=c.protocol.model_copy(update={"micro_adjustment": None})
    )
    without = score(plain, measured)
    moved = {
        lang: "；".join(
            f"{_label(c, slug, lang)} {change:+.0%}" for slug, change in micro.relative.items()
        )
        for lang in ("zh", "en")
    }
    rows = [
        labelled(
            "ruleset.micro",
            "text",
            "居民议事会微调",
            "Micro-adjustment by the residents' council",
            display_zh=f"{micro.decided:%Y-%m-%d}，纪要{micro.minutes}：{moved['zh']}",
            display_en=f"{micro.decided:%Y-%m-%d}, minutes {micro.minutes}: {moved['en']}",
            rule="R-06",
        )
    ]
    for name, zh, en, frame in (
        ("with", "微调后总分", "Score with the adjustment", scores),
        ("without", "微调前总分", "Score without it", without),
    ):
        total = frame[frame["part"].eq("total")]
        value = total["value"].iloc[0] if len(total) else None
        row = labelled(
            f"ruleset.micro.{name}", "score", zh, en, value=value, unit="points", rule="R-06"
        )
        if value is None or pd.isna(value):
            row |= {"status": "not_computed", "reason_zh": "没有总分", "reason_en": "no total"}
        rows.append(row)
    return rows


def _label(c: Community, slug: str, lang: str) -> str:
    name = c.protocol.indicator(slug).name
    return name.zh if lang == "zh" else name.en


@cache
def _published() -> tuple[dict[str, str], ...]:
    """Read the published before/after figures that are bundled."""
    text = bundle.path("cases").read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))


def reference(c: Community, measured: pd.DataFrame) -> pd.DataFrame:
    """Name the weakest indicators, and beside each what published cases tell (R-53, C-57).

    A case is a claim of its document: no sample, no interval, no control; it is reference and
    decides nothing.

    Returns
    -------
    DataFrame
        ``reference.weakest.*`` with the attainment, each followed by ``reference.case.*`` (text).
    """
    own = measured[measured["finding"].str.startswith("indicator.")]
    own = own[own["attainment"].notna() & own["attainment"].lt(1 - 1e-9)]
    if own.empty:
        return pd.DataFrame()
    told = c.protocol.parameters.get("weakest_n")
    n = int(told.value) if told is not None and told.value else _WEAKEST
    rows: list[Row] = []
    mine: list[dict[Any, Any]] = to_rows(c.tables["cases"]) if c.has("cases") else []
    every: list[dict[Any, Any]] = [*map(dict, _published()), *mine]
    for one in to_rows(own.sort_values("attainment", kind="stable").head(n)):
        slug = one["indicator"]
        worded = [one.get(f"display_{lang}") for lang in ("zh", "en")]
        shown = [
            text if isinstance(text, str) else number(one["value"], str(one["unit"]), lang)
            for text, lang in zip(worded, ("zh", "en"), strict=True)
        ]
        rows.append(
            labelled(
                f"reference.weakest.{slug}",
                "estimate",
                one["label_zh"],
                one["label_en"],
                indicator=slug,
                value=one["attainment"],
                unit="share",
                display_zh=f"达成度{number(one['attainment'], 'share', 'zh')}",
                display_en=f"attainment {number(one['attainment'], 'share', 'en')}",
                reason_zh=f"实测{shown[0]}，目标{one['target_zh']}",
                reason_en=f"measured {shown[1]}, target {one['target_en']}",
            )
        )
        cases = [k for k in every if k.get("indicator") == slug and _cell(k, "after")]
        rows += [_case(slug, i, k) for i, k in enumerate(cases[:_CASES], 1)]
        if not cases:
            rows.append(
                labelled(
                    f"reference.case.{slug}.0",
                    "text",
                    f"{one['label_zh']}：案例",
                    f"{one['label_en']}: cases",
                    display_zh="案例库中没有同一指标的数字",
                    display_en="no published figure of this indicator",
                )
            )
    return from_rows(rows)


def _cell(case: Any, name: str) -> str:
    value = case.get(name)
    return "" if value is None or value != value else str(value)


def _case(slug: str, i: int, case: Any) -> Row:
    before, after, unit = (_cell(case, name) for name in ("before", "after", "unit"))
    months, place = _cell(case, "months_between"), _cell(case, "place")
    if unit == "index_before_100":  # the document prints a relative change and no base
        zh = en = f"{float(after) - 100:+g}%"
    else:
        words = _UNITS.get(unit, (f" {unit}", f" {unit}") if unit else ("", ""))
        moved = f"{before} → {after}" if before else after
        zh, en = moved + words[0], moved + words[1]
    if months:
        zh, en = f"{zh}，历时{months}个月", f"{en} in {months} months"
    marks = (("doc ", "source_doc"), ("§", "source_section"))
    source = " ".join(f"{mark}{_cell(case, name)}" for mark, name in marks if _cell(case, name))
    inside = re.search(r"\(([^()]*[\u4e00-\u9fff][^()]*)\)", place)
    where = (inside.group(1) if inside else place, re.sub(r"\s*\([^()]*\)\s*$", "", place))
    quote = _cell(case, "quote_zh")
    done = _cell(case, "intervention")
    return labelled(
        f"reference.case.{slug}.{i}",
        "text",
        f"公开案例：{where[0]}" if where[0] else "公开案例",
        f"Published case: {where[1]}" if where[1] else "Published case",
        indicator=slug,
        display_zh=zh,
        display_en=en,
        reason_zh=f"“{quote}”（{source}）" if quote else source,
        reason_en=f"{done}; {source}" if done else source,
    )


_UNITS = {
    "%": ("%", "%"),
    "% satisfied": ("%", "%"),
    "score_100": ("分（百分制）", " points of 100"),
    "score_5": ("分（满分5分）", " points of 5"),
    "hours": ("小时", " hours"),
    "days": ("天", " days"),
    "minutes": ("分钟", " minutes"),
    "ten_thousand_yuan_per_year": ("万元/年", " ×10 000 yuan a year"),
    "ten_thousand_yuan": ("万元", " ×10 000 yuan"),
    "yuan": ("元", " yuan"),
    "% of participants": ("%（占参与者）", "% of participants"),
    "pp_change": ("个百分点（变化）", " points of % (change)"),
    "pp_difference": ("个百分点（差异）", " points of % (difference)"),
    "index_comparison_100": ("（对照为100）", " (comparison = 100)"),
    "months_against_plan": ("个月（与计划相比）", " months against plan"),
    "ratio": ("倍", " times"),
    "count": ("", ""),
    "count_per_year": ("次/年", " a year"),
    "days_per_week": ("天/周", " days a week"),
    "persons": ("人", " persons"),
    "per_1000": ("个/千人", " per 1 000 residents"),
    "m2_per_person": ("平方米/人", " m² per person"),
    "pupils_per_teacher": ("名学生/名教师", " pupils per teacher"),
    "residents_per_worker": ("人/名工作者", " residents per worker"),
}
