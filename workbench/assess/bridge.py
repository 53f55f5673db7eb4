"""From the figures published for the baseline to today's: what moved, and what the method did."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.assess.indicators import indicators
from workbench.assess.sample import design, labelled
from workbench.assess.satisfaction import satisfaction, topic
from workbench.assess.score import score as scored
from workbench.survey.rows import to_rows

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["as_of_baseline", "bridge"]

_PARTS = {
    "survey": ("问卷", "survey"),
    "inspection": ("现场检查", "inspection"),
    "record": ("平台记录与事实", "records and facts"),
    "weights": ("权重", "weights"),
    "method": ("方法与数据口径", "method"),
}
_HOME = {"mystery": "inspection", "inspection": "inspection", "survey": "survey"}
_SAME = 5e-4  # shares and points that print alike: half a tenth of a point of 100


def as_of_baseline(c: Community) -> Community:
    """Give the unit as if the baseline were the wave reported, under today's method."""
    settings = {**c.settings, "wave": c.baseline, "baseline": None}
    return dataclasses.replace(c, settings=settings)


def bridge(c: Community, now: pd.DataFrame) -> pd.DataFrame:
    """Print what the baseline's signed report said beside today's method on the same wave.

    Where the study takes its baseline from a batch: the answer of verifying its bag; the score
    and the shares satisfied that it published; the same recomputed by today's method, with the
    reason where they differ; and the change of the score split into survey, inspection, records,
    weights and method, which add up to it. Changes are computed by one method for both waves
    everywhere else. Empty where the baseline comes from no batch.

    Parameters
    ----------
    c
        The unit.
    now
        Result of :func:`workbench.assess.score` for this wave.

    Notes
    -----
    With points p of m attainable, a = p / m: method is the sum of m0 (a* - a0), weights that of
    (m1 - m0) a*, and each channel that of m1 (a1 - a*); 0 as published, * the baseline by today's
    method, 1 this wave.
    """
    if not c.has("published") or not c.baseline:
        return pd.DataFrame()
    told = c.tables["published"]
    rows = [_bag(one) for one in to_rows(told[told["finding"].eq("bag")])]
    figures = told[told["finding"].ne("bag")]
    if figures.empty:
        return pd.DataFrame(rows)
    earlier = as_of_baseline(c)
    sample = design(earlier)
    again = scored(earlier, indicators(earlier, sample))
    if figures["source"].nunique() > 1:
        rows += [_published(one) for one in to_rows(_totals(figures))]
        return pd.DataFrame(rows)
    rows += _scores(figures, again)
    rows += _shares(c, figures, satisfaction(earlier, sample))
    if not c.unit.get("predecessors"):
        rows += _split(figures, again, now)
    return pd.DataFrame(rows)


def _bag(one: dict[Any, Any]) -> dict[str, Any]:
    name, verdict = str(one["source"]), str(one["verdict"])
    known = {"valid": "passed", "changed": "failed", "withdrawn": "failed"}
    extra = {
        "withdrawn": ("该报告已被撤回，其数字不引用", "withdrawn: its figures are not quoted"),
        "changed": ("证据包已被改动，其数字不引用", "changed: its figures are not quoted"),
    }.get(verdict, ("", ""))
    made = labelled(
        f"change.published.bag.{name}",
        "check",
        f"基期的已签名报告（{name}）",
        f"Signed report of the baseline ({name})",
        verdict=known.get(verdict, "cannot_tell"),
        severity="warning",
        reach="indicator",
        method="change.bridge",
    )
    for at, lang in enumerate(("zh", "en")):
        said = [str(one[k]) for k in (f"display_{lang}", f"reason_{lang}") if _there(one[k])]
        made[f"reason_{lang}"] = "；".join([*said, *([extra[at]] if extra[at] else [])])
    made["status"] = "ok" if made["verdict"] != "cannot_tell" else "not_computed"
    return made


def _there(value: Any) -> bool:
    return value is not None and value == value and str(value) not in ("", "nan", "None")


def _totals(figures: pd.DataFrame) -> pd.DataFrame:
    return figures[figures["finding"].eq("score.total")]


def _published(one: dict[Any, Any]) -> dict[str, Any]:
    return labelled(
        f"change.published.score.{one['source']}",
        "estimate",
        f"基期公布的总分（{one['source']}）",
        f"Score published for the baseline ({one['source']})",
        value=one["value"],
        unit="points",
        method="change.bridge",
    )


def _scores(figures: pd.DataFrame, again: pd.DataFrame) -> list[dict[str, Any]]:
    total = _totals(figures)
    value = _total(again)
    if total.empty:
        return []
    rows = [_published(to_rows(total)[0])]
    old = float(total["value"].iloc[0])
    same = abs(old - value) < 0.05
    rows.append(
        labelled(
            "change.recomputed.score",
            "estimate",
            "基期的总分，按本期方法重算",
            "Score of the baseline by today's method",
            value=value,
            unit="points",
            method="change.bridge",
            status="not_computed" if math.isnan(value) else "ok",
            reason_zh="与公布的一致" if same else _why("zh", math.isnan(value)),
            reason_en="as published" if same else _why("en", math.isnan(value)),
        )
    )
    return rows


def _why(lang: str, missing: bool) -> str:
    zh, en = (
        ("按本期方法，基期缺少计算总分所需的结果", "today's method lacks results of the baseline")
        if missing
        else (
            "方法、权重、目标或数据更正与公布时不同；变化一律按本期方法计算",
            "method, weights, targets or corrections differ from what was published; every change "
            "is computed by today's method",
        )
    )
    return zh if lang == "zh" else en


def _total(frame: pd.DataFrame) -> float:
    if frame.empty:
        return math.nan
    value = frame.loc[frame["finding"].eq("score.total"), "value"]
    return float(value.iloc[0]) if len(value) and pd.notna(value.iloc[0]) else math.nan


def _shares(c: Community, figures: pd.DataFrame, again: pd.DataFrame) -> list[dict[str, Any]]:
    """Print both shares of an item where today's method gives another than was published."""
    rows: list[dict[str, Any]] = []
    if again.empty:
        return rows
    new = dict(zip(again["finding"], again["value"].astype(float), strict=True))
    for one in to_rows(figures):
        name = str(one["finding"])
        if not name.startswith("survey.") or name not in new:
            continue
        old, item = float(one["value"]), name.split(".")[1]
        if math.isnan(old) or math.isnan(new[name]) or abs(old - new[name]) < _SAME:
            continue
        for key, value, zh, en in (
            ("published", old, "基期公布的数字", "as published for the baseline"),
            ("recomputed", new[name], "基期按本期方法重算", "the baseline by today's method"),
        ):
            rows.append(
                labelled(
                    f"change.{key}.{item}",
                    "estimate",
                    f"{topic(c, item, 'zh')}（{zh}）",
                    f"{topic(c, item, 'en')} ({en})",
                    item=item,
                    value=value,
                    unit="share",
                    method="change.bridge",
                    reason_zh=_why("zh", missing=False),
                    reason_en=_why("en", missing=False),
                )
            )
    return rows


def _points(frame: pd.DataFrame) -> dict[str, tuple[float, float, str]]:
    """Give points, attainable points and home of each indicator with points."""
    out: dict[str, tuple[float, float, str]] = {}
    if frame.empty:
        return out
    for one in to_rows(frame[frame["finding"].str.startswith("score.points.")]):
        points, most = float(one["points"]), float(one["max_points"])
        if not math.isnan(points) and most > 0:
            home = _HOME.get(str(one["channel"]), "record")
            out[str(one["finding"]).removeprefix("score.points.")] = (points, most, home)
    return out


def _split(figures: pd.DataFrame, again: pd.DataFrame, now: pd.DataFrame) -> list[dict[str, Any]]:
    old, same, new = _points(figures), _points(again), _points(now)
    total = _totals(figures)
    before = float(total["value"].iloc[0]) if len(total) else math.nan
    after = _total(now)
    base: dict[str, Any] = {"unit": "points", "method": "change.bridge"}
    if math.isnan(before) or math.isnan(after) or not old or not new:
        row = labelled(
            "change.bridge.total", "estimate", "总分的变化", "Change of the score", **base
        )
        row |= {"value": None, "status": "not_computed"}
        row["reason_zh"] = "一期的总分没有公布或无法计算"
        row["reason_en"] = "the score of one wave was not published or cannot be computed"
        return [row]
    parts = dict.fromkeys(_PARTS, 0.0)
    for slug in sorted({*old, *new}):
        p0, m0, home0 = old.get(slug, (0.0, 0.0, "record"))
        p1, m1, home1 = new.get(slug, (0.0, 0.0, home0))
        # an indicator without a result of the baseline today keeps what was published
        reached = same[slug][0] / same[slug][1] if slug in same else p0 / m0 if m0 else p1 / m1
        parts["method"] += m0 * reached - p0
        parts["weights"] += (m1 - m0) * reached
        parts[home1] += p1 - m1 * reached
    rows = [
        labelled(
            "change.bridge.total",
            "estimate",
            f"总分的变化（公布的{before:.1f}至本期{after:.1f}）",
            f"Change of the score (published {before:.1f} to {after:.1f})",
            value=after - before,
            reason_zh="下列各项相加即得；总分的变化没有单独的区间",
            reason_en="the parts below add up to it; it has no interval of its own",
            **base,
        )
    ]
    rest = after - before - sum(parts.values())
    if abs(rest) > 1e-6:  # rules of the protocol beyond points
        parts["method"] += rest
    for name, value in parts.items():
        zh, en = _PARTS[name]
        rows.append(
            labelled(
                f"change.bridge.{name}", "estimate", f"其中来自{zh}", f"of which {en}",
                value=value, **base,
            )
        )  # fmt: skip
    return rows
