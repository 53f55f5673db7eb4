"""Interviews and focus groups: themes as the coders gave them, and how far they agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import scoring
from workbench.assess.sample import labelled
from workbench.survey.rows import to_rows
from workbench.text.coding import documents_of, is_coded, theme_counts, theme_marks

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["coded"]

Row = dict[str, Any]

_COEFFICIENTS = {
    "kappa": ("Cohen κ", "Cohen's kappa"),
    "alpha": ("Krippendorff α", "Krippendorff's alpha"),
    "ac1": ("Gwet AC1", "Gwet's AC1"),
}
_SHOWN = 30  # passages in dispute that are named


def coded(c: Community) -> list[Row]:
    """Count passages by theme and measure how far the coders agree on each.

    Returns
    -------
    list of dict
        ``voices.coded.<theme>.passages`` and, with two coders or more, ``….kappa``, ``….alpha``,
        ``….ac1``; ``voices.coded.disputed`` names the passages to be talked over. Rows that a coder
        left blank are not coded: ``voices.coded.validation`` says how many. Empty without
        ``codings``.
    """
    if not c.has("codings"):
        return []
    every = c.tables["codings"]
    frame = every[is_coded(every)]
    blank = len(every) - len(frame)
    if frame.empty:
        return [_head(frame, 0, blank)]
    labels = (c.settings.get("text") or {}).get("topics") or {}
    counts, marks = theme_counts(frame, labels=labels), theme_marks(frame)
    coders = frame["coder"].nunique()
    talks = documents_of(frame).nunique()
    rows = [_head(frame, coders, blank)]
    for one in to_rows(counts):
        theme = str(one["item"])
        row = labelled(
            f"voices.coded.{theme}.passages",
            "estimate",
            f"访谈主题：{one['label_zh']}",
            f"Theme of interviews: {one['label_en']}",
            item=theme,
            statistic="passages",
            value=one["value"],
            unit="count",
            n=one["denominator"],
            method="records.count",
            reason_zh=f"见于{talks}次谈话中的{one['documents']}次"
            + _apart(one, "，另有{}段编码员意见不一"),
            reason_en=f"in {one['documents']} of {talks} conversations"
            + _apart(one, "; coders differ on {} more passages"),
        )
        rows.append(row)
        if coders > 1:
            rows += _agreement(c, theme, one, marks[theme])
    return [*rows, *_disputed(counts, coders)]


def _apart(one: dict[Any, Any], words: str) -> str:
    more = int(one["any"]) - int(one["n"])
    return words.format(more) if more else ""


def _head(frame: pd.DataFrame, coders: int, blank: int) -> Row:
    n = frame["passage"].nunique()
    row = labelled("voices.coded.validation", "text", "访谈编码", "Coding of interviews")
    said = (
        f"{n}段谈话由{coders}名编码员编码；段数不代表居民人数",
        f"{n} passages coded by {coders} coders; passages are no numbers of residents",
    )
    if blank:
        left = (
            f"；另有{blank}行空白，视为未编码，不计入段数和一致性",
            f"; {blank} more rows were left blank: not coded, in no count and no agreement",
        )
        said = (said[0] + left[0], said[1] + left[1])
    if coders == 1:
        alone = ("；只有一名编码员，未经验证", "; by one coder alone, not validated")
        said = (said[0] + alone[0], said[1] + alone[1])
        row["flags"] = "not_validated"
    return row | {"display_zh": said[0], "display_en": said[1]}


def _agreement(c: Community, theme: str, one: dict[Any, Any], table: pd.DataFrame) -> list[Row]:
    gwet = scoring.chance_corrected(table, categories=[0.0, 1.0], level=c.level)
    told = {
        "kappa": _kappa(table),
        "alpha": scoring.krippendorff_alpha(table, metric="nominal").iloc[0],
        "ac1": gwet.set_index("statistic").loc["gwet_ac"],
    }
    rows = []
    for name, figures in told.items():
        zh, en = _COEFFICIENTS[name]
        row = labelled(
            f"voices.coded.{theme}.{name}",
            "estimate",
            f"访谈主题：{one['label_zh']}：{zh}",
            f"Theme of interviews: {one['label_en']}: {en}",
            item=theme,
            statistic=name,
            unit="score",
        )
        kept = "value ci_low ci_high level n method status reason_zh reason_en".split()
        rows.append(row | {k: figures[k] for k in kept if k in figures})
    return rows


def _kappa(table: pd.DataFrame) -> pd.Series:
    """Give Cohen's kappa of two coders; of more, the mean over all pairs (Light 1971)."""
    pairs = scoring.cohen_kappa(table)
    first = pairs.iloc[0]
    known = pairs[pairs["value"].notna()]
    if len(pairs) == 1 or known.empty:
        return first
    said = {
        "reason_zh": f"{len(known)}对编码员的均值",
        "reason_en": f"mean over {len(known)} pairs of coders",
    }
    both = int(table.notna().sum(axis=1).ge(2).sum())
    return pd.Series({**known.iloc[0], "value": known["value"].mean(), "n": both, **said})


def _disputed(counts: pd.DataFrame, coders: int) -> list[Row]:
    if coders < 2 or counts.empty:
        return []
    names = sorted({p for said in counts["differing"] for p in said.split(";") if p})
    row = labelled("voices.coded.disputed", "text", "意见不一的段落", "Passages in dispute")
    shown = "、".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")
    row["display_zh"] = f"{len(names)}段：{shown}" if names else "没有"
    row["display_en"] = f"{len(names)}: {shown.replace('、', ', ')}" if names else "none"
    return [row]
