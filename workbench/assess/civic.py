"""Residents as a party: votes and their level, suggestions, the loop of needs, milestones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import scoring, survey
from workbench.assess import records
from workbench.assess.sample import labelled
from workbench.findings import number
from workbench.survey.rows import from_rows, to_rows

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["milestones", "participation"]

Row = dict[str, Any]

_LEVELS = {
    "inform": ("告知型", "informing"),
    "consult": ("咨询型", "consulting"),
    "co_plan": ("共谋型", "co-planning"),
    "co_govern": ("共治型", "co-governing"),
    "deep": ("共谋型与共治型合计", "co-planning and co-governing together"),
    "unclassified": ("未归类", "not classified"),
}
_BASES = {
    "residents": ("居民", "residents"),
    "adults": ("成年居民", "adults"),
    "owners": ("业主", "owners"),
    "households": ("住户", "households"),
    "council": ("议事会成员", "members of the council"),
}
_LISTED = 30  # suggestions told one by one


def participation(c: Community, measured: pd.DataFrame) -> pd.DataFrame:
    """Say how residents took part: each vote, levels, the quality sheet, suggestions, the loop.

    Parameters
    ----------
    c
        The unit.
    measured
        Result of :func:`workbench.assess.indicators`.

    Returns
    -------
    DataFrame
        Findings ``participation.*``; empty where the study brings neither votes nor suggestions
        and the programme asks for no quality sheet.
    """
    rows = [*_votes(c), *_sheet(c, measured), *_suggestions(c), *_loop(c)]
    return from_rows(rows)


def _votes(c: Community) -> list[Row]:
    if not c.has("votes"):
        return []
    told = scoring.vote_results(c.tables["votes"])
    rows = []
    for one in to_rows(told):
        base = _BASES.get(str(one["base"]), (str(one["base"]),) * 2)
        level = _LEVELS.get(str(one["level"]), ("", ""))
        zh, en = (_said(one.get(f"subject_{lang}")) for lang in ("zh", "en"))
        cast = one["cast"]
        parts = [[f"基数：{base[0]}"], [f"base: {base[1]}"]]
        if pd.notna(cast):
            parts[0].append(f"参加{number(cast, 'count', 'zh')}")
            parts[1].append(f"{number(cast, 'count', 'en')} took part")
        if level[0]:
            parts[0].append(level[0])
            parts[1].append(level[1])
        if one["effective"] == one["effective"]:
            parts[0].append("已生效" if one["effective"] else "未生效")
            parts[1].append("in force" if one["effective"] else "not in force")
        row = labelled(
            f"participation.vote.{one['vote']}",
            "estimate",
            f"表决{one['vote']}" + (f"：{zh}" if zh else ""),
            f"Vote {one['vote']}" + (f": {en or zh}" if en or zh else ""),
            channel="record",
            value=one["value"],
            unit="share",
            n=one["eligible"],
            numerator=one["approve"],
            denominator=one["eligible"],
            target=one["target"],
            verdict=one["verdict"] or None,
            date=f"{one['date']:%Y-%m-%d}",
            method=one["method"],
            reason_zh=f"{one['date']:%Y-%m-%d}，" + "，".join(parts[0]),
            reason_en=f"{one['date']:%Y-%m-%d}, " + ", ".join(parts[1]),
        )
        rows.append(row)
    return rows + _levels(c)


def _said(value: Any) -> str:
    return "" if value is None or value != value else str(value)


def _levels(c: Community) -> list[Row]:
    told = scoring.participation_levels(c.tables["votes"].drop(columns="community"), level=c.level)
    rows = []
    for one in to_rows(told):
        zh, en = _LEVELS[one["item"]]
        rows.append(
            labelled(
                f"participation.level.{one['item']}",
                "estimate",
                f"决策的参与层级：{zh}",
                f"Level of the decisions: {en}",
                channel="record",
                **{k: one[k] for k in ("value", "unit", "n", "numerator", "denominator")},
                **{k: one[k] for k in ("status", "reason_zh", "reason_en", "method")},
            )
        )
    return rows


def _sheet(c: Community, measured: pd.DataFrame) -> list[Row]:
    """Score the participation-quality sheet (R-13) where the study gave the values of no points."""
    scale = c.protocol.parameters.get("process_scale")
    if scale is None or scale.value is None:
        return []
    own = measured[measured["finding"].str.startswith("indicator.")].set_index("indicator")
    slugs = [s for s in scale.needed_by if s in own.index and own.loc[s, "target"] is not None]
    if len(slugs) < len(scale.needed_by):
        return []
    items: pd.DataFrame = own.loc[slugs, ["value", "target", "base"]].reset_index()
    floors = dict(zip(slugs, items["base"].astype(float), strict=True))
    told = scoring.quality_sheet(items[["indicator", "value", "target"]], floors=floors)
    rows = []
    for one in to_rows(told):
        slug = one["indicator"]
        zh, en = ("合计（各项平均）", "whole sheet (mean of its items)")
        if slug:
            name = c.protocol.indicator(slug).name
            zh, en = name.zh, name.en
        rows.append(
            labelled(
                f"participation.sheet.{slug or 'total'}",
                "score",
                f"参与质量评估表：{zh}",
                f"Participation-quality sheet: {en}",
                indicator=slug or None,
                **{k: one[k] for k in ("value", "unit", "status", "method")},
                reason_zh=one["reason_zh"] or None,
                reason_en=one["reason_en"] or None,
                rule="R-13",
            )
        )
    return rows


def _suggestions(c: Community) -> list[Row]:
    """Count suggestions, those answered and those adopted; then tell each."""
    mine = _of_kind(c, "suggestion")
    if mine is None or mine.empty:
        return []
    n = len(mine)
    replied = mine["answered"].notna() | mine["closed"].notna()
    decided = mine["adopted"].notna()
    rows = [
        labelled(
            "participation.suggestions",
            "estimate",
            "收到的建议",
            "Suggestions received",
            value=float(n),
            unit="count",
            n=n,
            method="records.count",
        ),
        _share("replied", "得到答复的建议", "Suggestions that got a reply", int(replied.sum()), n),
        _share(
            "adopted",
            "被采纳的建议（占已有结论的）",
            "Suggestions adopted, of those decided",
            int(mine["adopted"].eq(1).sum()),
            int(decided.sum()),
        ),
    ]
    for one in to_rows(mine.head(_LISTED)):
        reply = one["answered"] if pd.notna(one["answered"]) else one["closed"]
        days = None if pd.isna(reply) else (reply - one["received"]).total_seconds() / 86400
        fate = {1.0: ("已采纳", "adopted"), 0.0: ("未采纳", "not adopted")}.get(
            one["adopted"], ("尚无结论", "not decided yet")
        )
        answer = ("未答复", "no reply")
        if days is not None:
            answer = (f"{days:.1f}天后答复", f"reply after {days:.1f} days")
        about = _said(one["category"])
        rows.append(
            labelled(
                f"participation.suggestion.{one['request']}",
                "text",
                f"建议{one['request']}（{one['received']:%Y-%m-%d}）{about}",
                f"Suggestion {one['request']} ({one['received']:%Y-%m-%d}) {about}".rstrip(),
                display_zh=f"{fate[0]}，{answer[0]}",
                display_en=f"{fate[1]}, {answer[1]}",
            )
        )
    return rows


def _of_kind(c: Community, *kinds: str) -> pd.DataFrame | None:
    if not c.has("requests"):
        return None
    told = records.cases(c, c.wave)
    return told[told["kind"].isin(kinds)].sort_values("received", kind="stable")


def _share(name: str, zh: str, en: str, met: int, n: int) -> Row:
    row = labelled(f"participation.suggestions.{name}", "estimate", zh, en, channel="record")
    row |= {"unit": "share", "n": n, "method": "records.share"}
    if not n:
        reason = {"reason_zh": "没有可计的建议", "reason_en": "no suggestion to count"}
        return row | {"status": "not_computed"} | reason
    return row | {"value": met / n, "numerator": met, "denominator": n}


def _loop(c: Community) -> list[Row]:
    """Follow needs through the loop need, response, feedback (doc 003 §3.4)."""
    mine = _of_kind(c, "need")
    if mine is None or mine.empty or c.protocol.programme != "participation":
        return []
    n = len(mine)
    said = mine["satisfied"].map({"true": 1.0, "yes": 1.0, "1": 1.0, "false": 0.0, "no": 0.0})
    told = mine["answered"].notna()
    steps = (
        ("answered", "需求→响应：已首次答复", "Need to response: answered", told, n),
        ("closed", "响应→办结：已办结", "Response to result: closed", mine["closed"].notna(), n),
        ("resolved", "结果：已解决", "Result: solved", mine["outcome"].eq("resolved"), n),
        ("satisfied", "反馈：表示满意（占有评价的）", "Feedback: satisfied, of those who rated",
         said.eq(1.0), int(said.notna().sum())),
    )  # fmt: skip
    rows = []
    for name, zh, en, hit, base in steps:
        row = labelled(f"participation.loop.{name}", "estimate", zh, en, channel="record")
        row |= {"unit": "share", "n": base, "method": "records.share"}
        if not base:
            gone = {"reason_zh": "没有可计的需求", "reason_en": "no need to count"}
            row |= {"status": "not_computed"} | gone
        else:
            met = int(hit.sum())
            low, high = survey.binomial_interval(met, base, level=c.level)
            row |= {"value": met / base, "numerator": met, "denominator": base}
            row |= {"ci_low": low, "ci_high": high, "level": c.level, "method": "survey.ci.wilson"}
        rows.append(row)
    return rows


def milestones(c: Community) -> pd.DataFrame:
    """Hold the programme's milestones against the documents that are on record.

    Parameters
    ----------
    c
        The unit; a document of kind ``plan`` whose ``theme`` is the milestone's name proves it.

    Returns
    -------
    DataFrame
        Findings ``milestone.*`` (kind check), passed where the document is on record, cannot_tell
        where it is not; empty when the study names no phase of the programme.
    """
    name = c.settings.get("phase")
    if not name or name not in c.protocol.phases:
        return pd.DataFrame()
    last = c.protocol.phases[name].last_month
    there: dict[str, Any] = {}
    if c.has("documents"):
        mine = c.tables["documents"]
        mine = mine[mine["theme"].notna()]
        there = dict(zip(mine["theme"], mine["date"], strict=True))
    rows = []
    for i, one in enumerate(c.protocol.milestones, 1):
        if one.month is None or one.month > last:
            continue
        found = one.name.zh in there
        day = there.get(one.name.zh)
        when = "" if day is None or pd.isna(day) else f"{day:%Y-%m-%d}"
        document = one.document or one.name
        rows.append(
            labelled(
                f"milestone.{i}",
                "check",
                f"{one.name.zh}（{one.when.zh}）：{document.zh}",
                f"{one.name.en} ({one.when.en}): {document.en}",
                verdict="passed" if found else "cannot_tell",
                severity="info",
                date=when or None,
                display_zh=f"材料已收到{'，' + when if when else ''}" if found else "未收到材料",
                display_en=f"on record{', ' + when if when else ''}"
                if found
                else "nothing on record",
            )
        )
    return from_rows(rows)
