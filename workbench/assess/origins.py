"""Where requests come from, which groups write about what, and the phrases that residents share.

Phrases and places came with the slice, which holds those only that enough residents share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import text
from workbench.assess import records
from workbench.assess.editions import beside_earlier
from workbench.assess.lower import areas, households
from workbench.assess.sample import labelled
from workbench.assess.satisfaction import category_code, group_name
from workbench.survey.rows import to_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.community import Community

__all__ = ["by_area", "by_group", "phrases"]

Row = dict[str, Any]
Names = tuple[str, str]

_FIGURES = (
    "value unit ci_low ci_high level n numerator denominator method status flags reason_zh "
    "reason_en"
).split()
_MOST = 8  # phrases that are named
_THAN = {
    "current": ("more", "比基期更常出现的短语", "phrases more often used than in the baseline"),
    "baseline": (
        "less",
        "比基期更少出现的短语（基期条数）",
        "phrases less often used than in the baseline (its texts)",
    ),
}


def phrases(
    c: Community, source: str, now: pd.DataFrame, before: pd.DataFrame | None, names: Names
) -> list[Row]:
    """Name the phrases that most texts of this wave hold, and those that set it off from before.

    Set off are phrases whose share of texts differs between the waves beyond chance, after Holm's
    correction over all of them. Each is told with the number of its texts.
    """
    if "phrases" not in now:
        return []
    counts = now["phrases"].dropna().str.split(";").explode().value_counts()
    counts = counts[counts.ge(max(c.min_cell, 1))]
    if counts.empty:
        return []
    whole = [p for p in counts.index if not any(
        p != q and p in q and counts[p] == counts[q] for q in counts.index)]  # fmt: skip
    order = sorted(whole, key=lambda p: (-counts[p], p))[:_MOST]
    row = labelled(
        f"voices.phrases.{source}",
        "text",
        f"{names[0]}：最常出现的短语",
        f"{names[1]}: phrases most often used",
        method="records.count",
        wave=c.wave,
    )
    rows = [row | _listed([(p, f"{counts[p]}") for p in order])]
    if before is None or "phrases" not in before:
        return rows
    both = pd.concat(
        [f[["phrases"]].assign(when=w) for f, w in ((now, "current"), (before, "baseline"))]
    )
    told = text.key_phrases(both, group="when", terms="phrases", min_cell=c.min_cell,
                            most=_MOST, level=c.level)  # fmt: skip
    if told.empty:
        return rows
    told = told[told["p_adjusted"].lt(1 - c.level)]
    for when, (end, zh, en) in _THAN.items():
        mine = told[told["category"].eq(when)]
        if mine.empty:
            continue
        row = labelled(
            f"voices.phrases.{source}.{end}",
            "text",
            f"{names[0]}：{zh}",
            f"{names[1]}: {en}",
            method="text.key_phrases",
            wave=c.wave,
        )
        told_of = zip(mine["item"], mine["n"], mine["denominator"], strict=True)
        rows.append(row | _listed([(item, f"{n}/{of}") for item, n, of in told_of]))
    return rows


def _listed(parts: list[tuple[str, str]]) -> Row:
    return {
        "display_zh": "、".join(f"{phrase}（{n}条）" for phrase, n in parts),
        "display_en": ", ".join(f"{phrase} ({n} texts)" for phrase, n in parts),
    }


def by_area(c: Community) -> list[Row]:
    """Count this wave's requests by unit below, else by the place that the register names.

    Per 100 households and year where the households are known, else the share of all requests;
    small areas, and those from which they could be worked out, are withheld.
    """
    found = areas(c)
    span = records.window(c, c.wave) if found else None
    if found is None or span is None:
        return []
    kind, frame, called = found
    told = text.by_area(
        frame,
        area="area",
        households=households(c) if kind == "unit" else None,
        years=records.years(span),
        min_cell=c.min_cell,
        level=c.level,
    )
    told = told.sort_values("statistic", kind="stable").drop_duplicates("item").sort_index()
    told["finding"] = [
        f"voices.area.{kind}={'rest' if item == text.UNKNOWN else item}" for item in told["item"]
    ]
    told = beside_earlier(c, told.assign(table="area"), ["table"])
    if not told["status"].eq("ok").any():
        return []
    rows = []
    for one in to_rows(told):
        zh, en = called.get(one["item"], ("其他或未注明", "elsewhere or not stated"))
        row = labelled(
            one["finding"],
            "estimate",
            f"诉求来自：{zh}",
            f"Requests from: {en}",
            subgroup=one["finding"].removeprefix("voices.area."),
            statistic=one["statistic"],
            channel="record",
            wave=c.wave,
        )
        rows.append(row | {k: one.get(k) for k in _FIGURES})
    return rows


def by_group(
    c: Community,
    source: str,
    frame: pd.DataFrame,
    names: Names,
    labels: Mapping[str, Mapping[str, str]],
) -> list[Row]:
    """Give the share of each group's texts on each topic that one group at least writes of enough.

    Parameters
    ----------
    frame
        The texts of one item, with the index of ``responses``.
    """
    spoken = frame.loc[frame["topic"].notna(), ["topic"]]
    answers = c.tables["responses"]
    known = [v for v in c.items("demographic") if v in answers]
    groups = {v: answers.loc[spoken.index, v].map(category_code, na_action="ignore") for v in known}
    told = text.needs_by_group(
        spoken.assign(**groups),
        group=known,
        labels=labels,
        min_cell=c.min_cell,
        level=c.level,
    )
    if told.empty:
        return []
    ends = told["variable"] + "=" + told["category"]
    told["finding"] = f"voices.groups.{source}." + told["item"] + "." + ends
    told = beside_earlier(c, told, ["variable", "item"])
    seen = told["n"].gt(0).groupby([told["variable"], told["item"]]).transform("any")
    rows: list[Row] = []
    for one in to_rows(told[seen]):
        topic = labels.get(one["item"], {})
        who = [group_name(c, one["variable"], one["category"], lang) for lang in ("zh", "en")]
        row = labelled(
            one["finding"],
            "estimate",
            f"{names[0]}：{topic.get('zh', one['item'])}，{who[0]}",
            f"{names[1]}: {topic.get('en', one['item'])}, {who[1]}",
            subgroup=f"{one['variable']}={one['category']}",
            item=one["item"],
            statistic="group_share",
            channel="survey",
            wave=c.wave,
        )
        rows.append(row | {k: one.get(k) for k in _FIGURES})
    return rows
