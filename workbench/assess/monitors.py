"""What residents' monitors found, beside the official figure of the same indicator (C-56)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import survey
from workbench.assess.sample import labelled
from workbench.findings import number

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["monitors"]

Row = dict[str, Any]

_ORIGINS = ("monitor", "review_group")
_VERDICTS = {
    "met": ("达标", "met"),
    "not_met": ("未达标", "not met"),
    "cannot_tell": ("无法判断", "cannot tell"),
}


def monitors(c: Community, measured: pd.DataFrame) -> pd.DataFrame:
    """Set what monitors and review groups found beside the figure that was assessed.

    A problem belongs to the indicator it names, else to the one that its inspection item feeds.
    Marks of monitors (roles ``monitor`` and ``review_group`` of ``inspections``) on an item stand
    beside those of all other assessors.

    Parameters
    ----------
    c
        The unit, cleared.
    measured
        Result of :func:`workbench.assess.indicators`.

    Returns
    -------
    DataFrame
        Findings ``followup.monitors.<slug>.problems`` (number found; how many are open, and the
        assessed figure) and ``followup.monitors.<slug>.passed`` (share of monitors' marks that
        passed, with that of the others); both flagged ``differs`` where the figure is met and the
        monitors see it otherwise. A difference starts a check and moves no figure. Empty without
        monitors.
    """
    own = measured[measured["finding"].str.startswith("indicator.")]
    own = own.drop_duplicates("indicator").set_index("indicator")
    feeds = {
        str(item): slug
        for slug, entry in c.measures.items()
        if entry["channel"] == "inspection"
        for item in entry["items"]
    }
    return pd.DataFrame([*_problems(c, own, feeds), *_marks(c, own, feeds)])


def _problems(c: Community, own: pd.DataFrame, feeds: dict[str, str]) -> list[Row]:
    if not c.has("issues"):
        return []
    frame = c.tables["issues"]
    frame = frame[frame["origin"].isin(_ORIGINS)]
    about = frame["indicator"].where(frame["indicator"].notna(), frame["item"].map(feeds))
    rows = []
    for slug in (slug for slug in own.index if about.eq(slug).any()):
        mine = frame[about.eq(slug)]
        open_ = int(mine["closed"].isna().sum())
        official = own.loc[slug]
        row = _row(slug, "problems", official, ("监督员发现的问题", "problems found by monitors"))
        row |= {
            "value": float(len(mine)),
            "unit": "count",
            "n": len(mine),
            "method": "records.count",
        }
        row["display_zh"] = f"{len(mine)}个，其中{open_}个未解决"
        row["display_en"] = f"{len(mine)}, of which {open_} not solved"
        rows.append(_beside(row, official, differs=open_ > 0))
    return rows


def _marks(c: Community, own: pd.DataFrame, feeds: dict[str, str]) -> list[Row]:
    if not c.has("inspections"):
        return []
    frame = c.tables["inspections"]
    frame = frame[frame["wave"].eq(c.wave) & frame["passed"].notna()]
    slugs, theirs = frame["item"].map(feeds), frame["role"].isin(_ORIGINS)
    rows = []
    for slug in (slug for slug in own.index if (slugs.eq(slug) & theirs).any()):
        told = []
        for who in (theirs, ~theirs):
            marks = frame.loc[slugs.eq(slug) & who, "passed"]
            told.append((int(marks.sum()), len(marks)))
        (hit, n), (other, m) = told
        if not m:
            continue
        official = own.loc[slug]
        row = _row(slug, "passed", official, ("监督员评为合格", "passed by monitors' marks"))
        low, high = survey.binomial_interval(hit, n, level=c.level)
        row |= {"value": hit / n, "unit": "share", "ci_low": low, "ci_high": high}
        row |= {"level": c.level, "n": n, "numerator": hit, "denominator": n}
        row["method"] = "survey.ci.wilson"
        shown = [number(other / m, "share", lang) for lang in ("zh", "en")]
        row["reason_zh"] = f"其他评分人{shown[0]}（{m}次）"
        row["reason_en"] = f"other assessors {shown[1]} ({m} marks)"
        rows.append(_beside(row, official, differs=high < other / m))
    return rows


def _row(slug: str, what: str, official: Any, words: tuple[str, str]) -> Row:
    return labelled(
        f"followup.monitors.{slug}.{what}",
        "estimate",
        f"{official['label_zh']}：{words[0]}",
        f"{official['label_en']}: {words[1]}",
        indicator=slug,
        channel="record",
    )


def _beside(row: Row, official: Any, *, differs: bool) -> Row:
    """Say what the assessed figure is, and whether the monitors see it otherwise."""
    parts: list[list[str]] = [[], []]
    for k, lang in enumerate(("zh", "en")):
        if row.get(f"reason_{lang}"):
            parts[k].append(str(row[f"reason_{lang}"]))
        shown = official.get(f"display_{lang}")
        value = official["value"]
        if not isinstance(shown, str):
            known = value is not None and value == value
            shown = number(float(value), str(official["unit"]), lang) if known else None
        verdict = _VERDICTS.get(str(official["verdict"]), ("", ""))[k]
        if shown:
            tail = verdict and (f"（{verdict}）" if lang == "zh" else f" ({verdict})")
            parts[k].append((f"测评数值{shown}" if lang == "zh" else f"assessed {shown}") + tail)
    if differs and official["verdict"] == "met":
        row["flags"] = "differs"
        parts[0].append("与监督员所见不一致，应核实")
        parts[1].append("the monitors see it otherwise: to be checked")
    return row | {"reason_zh": "；".join(parts[0]), "reason_en": "; ".join(parts[1])}
