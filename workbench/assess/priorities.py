"""What matters and what is wanted: importance and performance, needs, taking part and why not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import survey
from workbench.assess.editions import beside_earlier
from workbench.assess.fieldwork import compared
from workbench.assess.sample import NUMBERS, Sample, absent, labelled
from workbench.assess.satisfaction import (
    bound_items,
    category_code,
    satisfaction_items,
    scale_ends,
    subject,
)
from workbench.errors import InputError
from workbench.survey.rows import from_rows, to_rows

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["priorities"]

_OURS = ("reason_zh", "reason_en", "flags")
_QUADRANTS = {
    "improve": ("优先改进", "improve first"),
    "maintain": ("继续保持", "keep up"),
    "low_priority": ("次要", "low priority"),
    "possible_overkill": ("可能过度投入", "possibly more than needed"),
}


def priorities(c: Community, sample: Sample) -> pd.DataFrame:
    """Set importance beside performance, rank needs, compare those who take part with others.

    Importance is stated where the questionnaire asks it (items of role ``importance`` with the
    dimension of a satisfaction item), else derived: the correlation of each item with the overall
    one (dimension ``overall``). Needs are items of role ``importance`` with dimension ``need``;
    taking part is an item of role ``behaviour`` with dimension ``participation``, reasons for not
    taking part one with dimension ``reason``.
    """
    if sample.raked is None or absent(c, sample):
        return pd.DataFrame()
    now = sample.raked.subset(sample.raked.data["wave"].eq(c.wave))
    rows = _quadrants(c, now) + _scale(c, now) + _needs(c, now)
    rows += _taking_part(c, now) + _reasons(c, now)
    return from_rows(rows)


def _told(c: Community, now: survey.Design, items: list[str]) -> list[str]:
    """Keep the items with enough answers to be published and more than one of them."""
    inside = now.data[now.inside]
    return [i for i in items if i in inside and inside[i].count() >= max(c.min_cell, 3)
            and inside[i].nunique() > 1]  # fmt: skip


def _quadrants(c: Community, now: survey.Design) -> list[dict[str, Any]]:
    book = c.settings["codebook"]
    items = _told(c, now, satisfaction_items(c))
    overall = next((i for i in items if book[i].get("dimension") == "overall"), None)
    parts = [i for i in items if i != overall]
    stated = {
        str(book[i].get("dimension")): i for i in _told(c, now, c.items("importance"))
        if book[i].get("dimension") not in (None, "need")
    }  # fmt: skip
    asked = {i: stated[d] for i in parts if (d := str(book[i].get("dimension"))) in stated}
    try:
        if len(asked) == len(parts) >= 3:
            means = survey.mean(now, sorted(set(asked.values()))).set_index("item")["value"]
            frame = survey.quadrants(now, parts, stated={i: means[q] for i, q in asked.items()})
            how = ("问卷直接询问", "as stated")
        elif overall is not None and len(parts) >= 3:
            frame = survey.quadrants(now, parts, overall=overall)
            how = ("与总体满意度的相关", "correlation with overall satisfaction")
        else:
            return []
    except InputError:
        return []
    rows = []
    for one in to_rows(frame):
        item = one["item"]
        words = _QUADRANTS[one["quadrant"]]
        sure = bool(one["quadrant_certain"])
        rows.append(
            labelled(
                f"priorities.item.{item}", "estimate", subject(c, item, "zh"),
                subject(c, item, "en"),
                wave=c.wave, item=item, base=float(one["importance"]),
                base_zh=f"{one['importance']:.2f}", base_en=f"{one['importance']:.2f}",
                target=float(one["mean_performance"]), baseline=float(one["mean_importance"]),
                decision=one["quadrant"],
                reason_zh=f"{words[0]}（重要度：{how[0]}）"
                + ("" if sure else "，区间跨过均值，位置不确定"),
                reason_en=f"{words[1]} (importance: {how[1]})"
                + ("" if sure else "; its interval crosses the mean: not certain"),
                flags="association" + ("" if sure else ";uncertain"),
                **{k: one[k] for k in NUMBERS if k in one and k not in _OURS},
            )
        )  # fmt: skip
    return rows


def _scale(c: Community, now: survey.Design) -> list[dict[str, Any]]:
    """Say whether the items measure one thing: alpha and omega of those on the same scale."""
    items = _told(c, now, satisfaction_items(c))
    items = [i for i in items if scale_ends(c, [i])[i] == scale_ends(c, items[:1])[items[0]]]
    if len(items) < 3:
        return []
    try:
        told = survey.reliability(now, items)
    except InputError as error:
        problem = error.problems[0]
        return [labelled("priorities.alpha", "estimate", "量表信度", "Reliability of the scale",
                         wave=c.wave, status="not_computed", reason_zh=problem.text("zh"),
                         reason_en=problem.text("en"), method="survey.reliability")]  # fmt: skip
    words = {"alpha": ("克朗巴赫 alpha", "Cronbach's alpha"),
             "omega": ("McDonald omega（单因子）", "McDonald's omega (one factor)")}  # fmt: skip
    whole = told[told["item"].eq("scale")]
    return [
        labelled(f"priorities.{one['statistic']}", "estimate",
                 f"{words[one['statistic']][0]}（{len(items)}题）",
                 f"{words[one['statistic']][1]} ({len(items)} items)", wave=c.wave,
                 **{k: one[k] for k in NUMBERS if k in one})
        for one in to_rows(whole) if one["statistic"] in words
    ]  # fmt: skip


def _needs(c: Community, now: survey.Design) -> list[dict[str, Any]]:
    """Rank needs, with those that cannot be told apart (C-23)."""
    book = c.settings["codebook"]
    items = _told(c, now, [i for i in c.items("importance") if book[i].get("dimension") == "need"])
    if len(items) < 2:
        return []
    top = {i: [float(v) for v in book[i].get("top") or (4, 5)] for i in items}
    told = survey.rank_items(now, items, of="top2", level=c.level, top=top,
                             scale=scale_ends(c, items))  # fmt: skip
    rows = []
    for one in to_rows(told):
        low, high = int(one["rank_best"]), int(one["rank_worst"])
        place = (f"第{low}位", f"rank {low}")
        if low != high:
            place = (
                f"名次{low}至{high}之间无法区分",
                f"ranks {low} to {high} cannot be told apart",
            )
        rows.append(
            labelled(
                f"priorities.need.{one['item']}", "estimate", c.text(one["item"], "zh"),
                c.text(one["item"], "en"), wave=c.wave, item=one["item"],
                **{k: one[k] for k in NUMBERS if k in one}
                | {
                    "reason_zh": "；".join(filter(None, (place[0], one["reason_zh"]))),
                    "reason_en": "; ".join(filter(None, (place[1], one["reason_en"]))),
                },
            )
        )  # fmt: skip
    return rows


def _of_dimension(c: Community, dimension: str) -> list[str]:
    book = c.settings["codebook"]
    return [i for i in c.items("behaviour") if book[i].get("dimension") == dimension]


def _taking_part(c: Community, now: survey.Design) -> list[dict[str, Any]]:
    """Compare those who take part with those who do not, adjusted: a difference (C-66)."""
    items = bound_items(c, satisfaction_items(c))[:1]
    rows: list[dict[str, Any]] = []
    for group in _of_dimension(c, "participation"):
        if group not in now.data:
            continue
        sizes = now.data.loc[now.inside, group].value_counts()
        if not items or (sizes >= max(c.min_cell, 1)).sum() < 2:
            continue
        codes = {category_code(v): v for v in sizes.index}
        words = {k: (c.answer(group, k, "zh"), c.answer(group, k, "en")) for k in codes}
        rows += compared(c, now, items[0], group, f"priorities.by_{group}", words)
    return rows


def _chosen(now: survey.Design, item: str, level: float, by: str | None) -> pd.DataFrame:
    """Share of each option of a single or multiple choice; ``category`` is the option."""
    if item in now.data:
        return survey.proportion(now, item, by=by, level=level)
    found = [n for n in map(str, now.data) if n.startswith(f"{item}__")]
    inside = now.data[now.inside]
    options = [n for n in found if not n.endswith("__missing") and inside[n].eq(1).any()]
    if not options:
        return pd.DataFrame()
    told = survey.proportion(now, options, by=by, level=level, categories=[1])
    return told.assign(category=told["item"].str.partition("__")[2], item=item)


def _reason_id(item: str, one: Mapping[Any, Any]) -> str:
    where = f".{one['variable']}={one['group']}" if one["variable"] else ""
    return f"priorities.reason.{item}.{one['category']}{where}"


def _reasons(c: Community, now: survey.Design) -> list[dict[str, Any]]:
    """Give the reasons for not taking part, over all and by group, small cells withheld (C-20)."""
    rows: list[dict[str, Any]] = []
    for item in _of_dimension(c, "reason"):
        whole = _chosen(now, item, c.level, None)
        if whole.empty:
            continue
        frames = [whole.assign(variable="", group="")]
        for variable in c.items("demographic"):
            if variable in now.data and now.data.loc[now.inside, variable].notna().any():
                part = _chosen(now, item, c.level, variable)
                part = part.assign(variable=variable, group=part[variable].map(category_code))
                frames.append(part.drop(columns=variable))
        told = pd.concat(frames, ignore_index=True)
        told["n"] = told["numerator"]  # a cell is the people of this group who gave this reason
        told = survey.disclosure(told, minimum=c.min_cell, cells=["category", "group"],
                                 keys=["item", "variable"])  # fmt: skip
        told["finding"] = [_reason_id(item, one) for one in to_rows(told)]
        told = beside_earlier(c, told, ["item", "variable"])
        for one in to_rows(told):
            where = f"{one['variable']}={one['group']}" if one["variable"] else ""
            label = [c.answer(item, one["category"], lang)
                     + (f"{sep}{c.answer(one['variable'], one['group'], lang)}" if where else "")
                     for lang, sep in (("zh", "，"), ("en", ", "))]  # fmt: skip
            kept = {
                k: one[k] for k in NUMBERS if k in one and k not in ("numerator", "denominator")
            }
            rows.append(
                labelled(str(one["finding"]), "estimate",
                         f"{c.text(item, 'zh')}：{label[0]}", f"{c.text(item, 'en')}: {label[1]}",
                         wave=c.wave, subgroup=where or None, **kept)
            )  # fmt: skip
    return rows
