"""What became of things: last wave's recommendations, this wave's problems, objections, claims."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import judgements, scoring
from workbench.assess.indicators import unit_of
from workbench.assess.pictured import shown
from workbench.assess.sample import labelled
from workbench.findings import number
from workbench.survey.rows import from_rows, to_rows

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["SIGNERS", "claims", "followup", "objections"]

Row = dict[str, Any]

_STATES = {
    "in_time": ("按期完成", "done in time", "passed"),
    "late": ("逾期后完成", "done late", "passed"),
    "overdue": ("逾期未完成", "overdue", "failed"),
    "open": ("进行中", "under way", "cannot_tell"),
}
_PRIORITIES = {
    "high": ("高", "high"),
    "normal": ("一般", "normal"),
    "low": ("低", "low"),
}
_ORIGINS = {
    "inspection": ("现场检查", "inspection"),
    "monitor": ("居民监督员", "residents' monitor"),
    "review_group": ("居民评议团", "residents' review group"),
    "survey": ("问卷", "survey"),
    "request": ("居民诉求", "request"),
    "recommendation": ("上期报告建议", "recommendation of the last report"),
    "record": ("记录", "records"),
}


def followup(c: Community) -> pd.DataFrame:
    """Follow each recommendation of the last wave and each problem of this one to its end.

    A problem found before this wave's field work is the last wave's. The state is that of the day
    the report is issued.

    Returns
    -------
    DataFrame
        Findings ``followup.earlier.*`` and ``followup.current.*`` (kind check), with responsible,
        due date, pictures and priority class; ``followup.*.done`` are the shares put right.
    """
    if not c.has("issues"):
        return pd.DataFrame()
    frame = c.tables["issues"].sort_values(["found", "issue"], kind="stable")
    begun = _begun(c)
    earlier = frame["found"].lt(begun) if begun is not None else pd.Series(False, index=frame.index)
    rows: list[Row] = []
    for when, mine in (("earlier", frame[earlier]), ("current", frame[~earlier])):
        if len(mine):
            states = [_state(one, pd.Timestamp(c.settings["issued"])) for one in _dicts(mine)]
            rows.append(_done(when, states))
            rows += [_issue(c, when, i, one, state) for i, (one, state) in enumerate(
                zip(_dicts(mine), states, strict=True), 1)]  # fmt: skip
    monitors = frame[frame["origin"].isin(["monitor", "review_group"])]
    if len(monitors):
        states = [_state(one, pd.Timestamp(c.settings["issued"])) for one in _dicts(monitors)]
        rows.append(_done("monitors", states))
    return from_rows(rows)


def _dicts(frame: pd.DataFrame) -> list[dict[Any, Any]]:
    return to_rows(frame)


def _begun(c: Community) -> pd.Timestamp | None:
    told = next(w for w in c.settings["waves"] if w["id"] == c.wave)
    days = told.get("fieldwork")
    return pd.Timestamp(days[0]) if days and c.baseline else None


def _state(one: Mapping[Any, Any], issued: pd.Timestamp) -> str:
    due, closed = one["due"], one["closed"]
    if pd.notna(closed):
        return "late" if pd.notna(due) and closed > due else "in_time"
    return "overdue" if pd.notna(due) and due < issued else "open"


def _done(when: str, states: list[str]) -> Row:
    n, done = len(states), sum(s in {"in_time", "late"} for s in states)
    label = {
        "earlier": ("上期建议已落实", "Recommendations of the last wave carried out"),
        "current": ("本期问题已整改", "Problems of this wave put right"),
        "monitors": ("居民监督员发现的问题已解决", "Problems found by residents' monitors, solved"),
    }[when]
    late = states.count("overdue")
    return labelled(
        f"followup.{when}.done",
        "estimate",
        *label,
        channel="record",
        value=done / n,
        unit="share",
        n=n,
        numerator=done,
        denominator=n,
        method="records.share",
        reason_zh=f"其中{late}件逾期未完成" if late else None,
        reason_en=f"{late} of them overdue" if late else None,
    )


def _issue(c: Community, when: str, i: int, one: Mapping[Any, Any], state: str) -> Row:
    zh, en, verdict = _STATES[state]
    issued = pd.Timestamp(c.settings["issued"])
    if state == "overdue":
        days = (issued - one["due"]).days
        zh, en = f"{zh}（{days}天）", f"{en} ({days} days)"
    if pd.notna(one["closed"]):
        zh, en = f"{zh}，{one['closed']:%Y-%m-%d}", f"{en}, {one['closed']:%Y-%m-%d}"
    priority = _priority(c, one["priority"])
    origin = _ORIGINS.get(str(one["origin"]), (str(one["origin"]),) * 2)
    joint = _joint(one)
    noted = [[origin[0], f"{one['found']:%Y-%m-%d}"], [origin[1], f"{one['found']:%Y-%m-%d}"]]
    for k in (0, 1):
        noted[k] += [part[k] for part in (priority, joint) if part[k]]
    said = {k: one.get(k) for k in ("text_zh", "text_en", "recommendation_zh", "recommendation_en")}
    said = {k: None if v is None or v != v else str(v) for k, v in said.items()}
    return labelled(
        f"followup.{when}.{i}",
        "check",
        f"{one['issue']} {said['text_zh']}",
        f"{one['issue']} {said['text_en'] or said['text_zh']}",
        indicator=None if one["indicator"] != one["indicator"] else one["indicator"],
        item=None if one["item"] != one["item"] else one["item"],
        verdict=verdict,
        severity="info",
        responsible=None if one["responsible"] != one["responsible"] else one["responsible"],
        due=None if pd.isna(one["due"]) else f"{one['due']:%Y-%m-%d}",
        date=f"{one['found']:%Y-%m-%d}",
        pictures=";".join(shown(c, one)) or None,
        display_zh=zh,
        display_en=en,
        reason_zh="，".join(noted[0]),
        reason_en=", ".join(noted[1]),
        remedy_zh=said["recommendation_zh"],
        remedy_en=said["recommendation_en"],
    )


SIGNERS = {
    "signed_committee": ("居委会主任", "director of the residents' committee"),
    "signed_property": ("物业经理", "property manager"),
    "signed_owners": ("业委会主任", "director of the owners' committee"),
}
"""Who signs together that a rectification is done (R-51): column, and who that is."""


def _joint(one: Mapping[Any, Any]) -> tuple[str, str]:
    """Say who of the three has signed; nothing where nobody was asked to."""
    given = {column for column in SIGNERS if column in one and pd.notna(one[column])}
    if not given:
        return "", ""
    lacking = [words for column, words in SIGNERS.items() if column not in given]
    if not lacking:
        return "三方已联合签字", "all three have signed together"
    names = [[words[k] for words in lacking] for k in (0, 1)]
    return f"联合签字缺{'、'.join(names[0])}", f"not signed yet by the {', '.join(names[1])}"


def _priority(c: Community, word: Any) -> tuple[str, str]:
    if word is None or word != word:
        return "", ""
    known = c.protocol.priority_classes.get(str(word))
    if known is not None:
        return f"{known.name.zh}（{known.deadline.zh}）", f"{known.name.en} ({known.deadline.en})"
    name = _PRIORITIES.get(str(word), (str(word),) * 2)
    return f"优先级{name[0]}", f"priority {name[1]}"


_STAGES = {"factual_check": ("事实核对", "factual check"), "notice": ("公示期", "notice")}
_DECISIONS = {
    "upheld": ("成立", "upheld"),
    "in_part": ("部分成立", "upheld in part"),
    "rejected": ("不成立", "rejected"),
}


def objections(c: Community, scores: pd.DataFrame, *known: pd.DataFrame) -> pd.DataFrame:
    """List the objections that came in, how each was decided, and the score before and after.

    An objection moves a figure only through ``corrections.csv`` or ``judgements.csv``, which name
    its id (in evidence, reason or decision). The score before is that without them.

    Parameters
    ----------
    c
        The unit, cleared.
    scores
        Result of :func:`workbench.assess.score`: the score as it stands now.
    known
        Findings that an objection may be about, to call them by their names.

    Returns
    -------
    DataFrame
        Findings ``objection.*`` (kind text); empty without ``objections``.
    """
    if not c.has("objections"):
        return pd.DataFrame()
    names = {
        str(one["finding"]): (str(one["label_zh"]), str(one["label_en"]))
        for frame in (scores, *known)
        for one in _dicts(frame)
    }
    rows = []
    for one in _dicts(c.tables["objections"]):
        stage = _STAGES[one["stage"]]
        verdict = _DECISIONS.get(str(one["decision"]), ("尚未决定", "not decided yet"))
        day = "" if pd.isna(one["decided"]) else f"，{one['decided']:%Y-%m-%d}"
        about = names.get(str(one["about"]), _problem(c, str(one["about"])))
        moved = _moved(c, one, scores)
        reason = [None if one[f"reason_{x}"] != one[f"reason_{x}"] else one[f"reason_{x}"]
                  for x in ("zh", "en")]  # fmt: skip
        rows.append(
            labelled(
                f"objection.{one['objection']}",
                "text",
                f"异议{one['objection']}（{stage[0]}，{one['received']:%Y-%m-%d}），关于“{about[0]}”",
                f"Objection {one['objection']} ({stage[1]}, {one['received']:%Y-%m-%d}) about "
                f'"{about[1]}"',
                display_zh=f"{verdict[0]}{day}；{moved[0]}",
                display_en=f"{verdict[1]}{day.replace('，', ', ')}; {moved[1]}",
                reason_zh=reason[0],
                reason_en=reason[1],
                date=f"{one['received']:%Y-%m-%d}",
            )
        )
    return from_rows(rows)


def _problem(c: Community, name: str) -> tuple[str, str]:
    """Call a problem by its text, anything else by its id."""
    issues = c.tables["issues"] if c.has("issues") else pd.DataFrame(columns=["issue"])
    mine = issues[issues["issue"].eq(name)]
    if mine.empty:
        return name, name
    one = mine.iloc[0]
    en = one.get("text_en")
    zh = f"{name} {one['text_zh']}"
    return zh, f"{name} {en}" if isinstance(en, str) and en else zh


def _moved(c: Community, one: Mapping[Any, Any], scores: pd.DataFrame) -> tuple[str, str]:
    """Say the score before and after what an objection changed."""
    now = _total(scores)
    if now is None:
        return "没有总分", "there is no total score"
    shown = tuple(number(now, "points", lang) for lang in ("zh", "en"))
    if one["decision"] not in ("upheld", "in_part"):
        return f"总分不变，{shown[0]}", f"the score stands, {shown[1]}"
    tables = _without(c, str(one["objection"]))
    if tables is None:
        return (
            f"没有引用本异议的更正或人工决定，总分未变，{shown[0]}",
            f"no correction or judgement names this objection, so the score stands, {shown[1]}",
        )
    before = _total(_scored(dataclasses.replace(c, tables=tables)))
    was = tuple(number(before, "points", lang) for lang in ("zh", "en"))
    return f"总分：此前{was[0]}，此后{shown[0]}", f"score: {was[1]} before, {shown[1]} after"


def _total(scores: pd.DataFrame) -> float | None:
    mine = scores[scores["finding"].eq("score.total")] if len(scores) else scores
    value = mine["value"].iloc[0] if len(mine) else None
    return None if value is None or pd.isna(value) else float(value)


def _scored(c: Community) -> pd.DataFrame:
    from workbench.assess.indicators import indicators
    from workbench.assess.sample import design
    from workbench.assess.score import score

    return score(c, indicators(c, design(c)))


def _without(c: Community, objection: str) -> dict[str, pd.DataFrame] | None:
    """Undo what names an objection; ``None`` when nothing does."""
    word = re.compile(rf"(?<![A-Za-z0-9-]){re.escape(objection)}(?![A-Za-z0-9-])")

    def named(row: Mapping[Any, Any], *columns: str) -> bool:
        return any(word.search(str(row.get(name) or "")) for name in columns)

    tables: dict[str, pd.DataFrame] = dict(c.tables)
    judged = c.tables["judgements"] if c.has("judgements") else None
    ids = [
        str(row["id"])
        for row in (_dicts(judged) if judged is not None else [])
        if row["kind"] in judgements.STRIKES and named(row, "decision", "reason_zh", "reason_en")
    ]
    if ids:
        tables = {**tables, **judgements.apply(c.undecided, judged, but=ids)}
    put_right = _dicts(c.tables["corrections"]) if c.has("corrections") else []
    mine = [row for row in put_right if named(row, "evidence", "reason")]
    for row in mine:
        told = judgements.reverted(tables, {str(k): v for k, v in row.items()})
        tables = told if told is not None else tables
    return tables if ids or mine else None


def claims(c: Community, measured: pd.DataFrame) -> pd.DataFrame:
    """Hold what a unit claims of itself against what was found.

    The self-assessment (documents of kind ``self_report`` with ``indicator`` and ``reported``, in
    the unit in which the indicator is printed) stands beside the assessed value; counts that were
    verified (``reported`` and ``verified`` of ledgers and activities, Q-01) give a ratio.

    Parameters
    ----------
    c
        The unit.
    measured
        Result of :func:`workbench.assess.indicators`.

    Returns
    -------
    DataFrame
        Findings ``claim.*``; a difference starts a check and is no penalty.
    """
    if not c.has("documents"):
        return pd.DataFrame()
    frame = c.tables["documents"]
    own = measured[measured["finding"].str.startswith("indicator.")].set_index("indicator")
    rows: list[Row] = []
    mine = frame[frame["kind"].eq("self_report") & frame["indicator"].notna()]
    for one in _dicts(mine[mine["reported"].notna()].sort_values("indicator")):
        slug = str(one["indicator"])
        if slug not in own.index:
            continue
        unit = unit_of(c, slug)
        factor = 100.0 if unit in {"share", "pp"} else 1.0
        found: Any = own.loc[slug, "value"]
        claimed = float(one["reported"]) / factor
        name = c.protocol.indicator(slug).name
        row = labelled(
            f"claim.{slug}",
            "text",
            f"自评：{name.zh}",
            f"Self-assessment: {name.en}",
            indicator=slug,
        )
        for lang, form in (("zh", "自评{}，测评{}"), ("en", "claimed {}, assessed {}")):
            measured_ = None if pd.isna(found) else float(found)
            row[f"display_{lang}"] = form.format(
                number(claimed, unit, lang), number(measured_, unit, lang)
            )
        rows.append(row)
    counted = frame[frame["reported"].notna() & frame["verified"].notna()]
    return from_rows([*rows, *_recounted(c, counted)])


def _recounted(c: Community, counted: pd.DataFrame) -> list[Row]:
    """Give the ratio of what was reported to what was verified, the documents being the sample."""
    if counted.empty:
        return []
    flagged = int(scoring.recount(counted, recounted="verified")["verdict"].eq("failed").sum())
    row = labelled(
        "claim.recount",
        "estimate",
        "上报数与核实数之比",
        "What was reported to what was verified",
        channel="record",
        unit="ratio",
        n=len(counted),
        reason_zh=f"{flagged}份材料多报超过10%" if flagged else None,
        reason_en=f"{flagged} documents report more than 10 % too much" if flagged else None,
    )
    told = scoring.inflation(counted, recounted="verified", level=c.level)
    if told["status"] != "ok":
        return [row | {k: told[k] for k in ("status", "reason_zh", "reason_en")}]
    row |= {k: told[k] for k in ("value", "ci_low", "ci_high", "level", "method") if k in told}
    return [row]
