"""Composites that programmes name: efficacy index (R-15), appraisal of a subdistrict (R-11)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import scoring
from workbench.assess.indicators import judged_by
from workbench.assess.sample import labelled
from workbench.survey.rows import from_rows, to_rows

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["appraisal", "efficacy"]

Row = dict[str, Any]
_INDEX = "governance_efficacy_index"


def _own(measured: pd.DataFrame) -> pd.DataFrame:
    return measured[measured["finding"].str.startswith("indicator.")]


def _numbers(one: Mapping[Any, Any]) -> Row:
    """Take value, error and limits of a composite; what is counted and not estimated has none."""
    told = {n: one[n] for n in ("value", "std_error", "ci_low", "ci_high", "level", "method")}
    if one["ci_low"] == one["ci_high"]:
        told |= dict.fromkeys(("std_error", "ci_low", "ci_high", "level"))
    return told


def efficacy(c: Community, measured: pd.DataFrame) -> pd.DataFrame:
    """Give the governance efficacy index by the assessor's formula (R-15).

    Parameters
    ----------
    c
        The unit.
    measured
        Result of :func:`workbench.assess.indicators`.

    Returns
    -------
    DataFrame
        ``score.efficacy`` and one row per dimension; empty where the programme has no such index.
    """
    if _INDEX not in c.protocol.indicators:
        return pd.DataFrame()
    frame = _own(measured)
    frame = frame[frame["attainment"].notna() & frame["dimension"].notna()]
    if frame.empty:
        return pd.DataFrame()
    phase = c.settings.get("phase")
    aim = c.protocol.targets([_INDEX], phase=phase, unit=c.settings["unit"])[0]
    told = scoring.efficacy_index(
        frame[["indicator", "channel", "dimension", "attainment", "attainment_se",
               "attainment_low", "attainment_high"]].reset_index(drop=True),
        target=aim["value"] if aim["due"] else None,
        level=c.level,
    )  # fmt: skip
    lacking = [
        d.name for slug, d in c.protocol.dimensions.items() if slug not in set(frame["dimension"])
    ]
    rows = []
    for one in to_rows(told):
        whole = one["part"] == "total"
        name = c.protocol.indicators[_INDEX].name
        label = (
            f"{name.zh}（测评方公式）",
            f"{name.en.split(' (')[0]} (computed by the assessor's formula)",
        )
        if not whole:
            dimension = c.protocol.dimensions[one["dimension"]].name
            label = (f"效能指数：{dimension.zh}", f"Efficacy index: {dimension.en}")
        row = labelled(
            "score.efficacy" if whole else f"score.efficacy.{one['dimension']}",
            "score",
            *label,
            rule="R-15",
            unit="points",
            **_numbers(one),
            status=one.get("status"),
        )
        if whole:
            row |= {"target": one["target"], "verdict": one["verdict"] or None}
            goal = f"{aim['value']:g}" if aim["value"] is not None else "—"
            late = ("", "") if aim["due"] else ("（未到期）", " (not due yet)")
            row["reason_zh"] = f"目标{goal}{late[0]}；各维度目标达成度的平均×100"
            row["reason_en"] = (
                f"target {goal}{late[1]}; mean over the dimensions of target attainment × 100"
            )
            if lacking:
                row["reason_zh"] += f"；没有指标的维度：{'、'.join(n.zh for n in lacking)}"
                row["reason_en"] += f"; without an indicator: {', '.join(n.en for n in lacking)}"
        rows.append(row)
    return from_rows(rows)


def appraisal(c: Community, measured: pd.DataFrame) -> pd.DataFrame:
    """Give the subdistrict's appraisal: residents' three indicators 60 %, tasks 40 % (R-11).

    Social participation has no measure in the source; the parameter ``participation_measure``
    names the indicator, without which the appraisal is not computed.

    Returns
    -------
    DataFrame
        ``score.appraisal`` and its four parts; empty where the programme has no appraisal.
    """
    parameters = c.protocol.parameters
    if "resident_block" not in parameters:
        return pd.DataFrame()
    chosen = parameters.get("participation_measure")
    slugs = {
        "satisfaction": "resident_satisfaction",
        "resolution": "problem_resolution_rate",
        "participation": chosen.value if chosen is not None else None,
        "administrative": "upper_task_completion",
    }
    own = {one["indicator"]: one for one in to_rows(judged_by(_own(measured)))}
    split = tuple(float(v) for v in parameters["resident_split"].value)
    block = float(parameters["resident_block"].value)
    scheme = scoring.appraisal_scheme((split[0], split[1], split[2]), resident_block=block)
    points, lacking = [], []
    for part in scheme.parts:
        slug = slugs[part.slug]
        one: dict[Any, Any] = own.get(slug, {})
        value = one.get("value") if one.get("unit") == "share" else None
        if value is None or pd.isna(value):
            lacking.append((part.zh, part.en))
            continue
        error = one["std_error"]
        points.append(
            {
                "indicator": slug,
                "channel": one["channel"],
                "dimension": part.slug,
                "max_points": 1.0,
                "attainment": value,
                "attainment_se": error if pd.notna(error) or pd.notna(one.get("ci_low")) else 0.0,
                "attainment_low": one.get("ci_low"),
                "attainment_high": one.get("ci_high"),
            }
        )
    head = labelled(
        "score.appraisal",
        "score",
        f"街道考核得分（居民三项{block:.0%}，行政任务{1 - block:.0%}）",
        f"Appraisal of the subdistrict (residents' three {block:.0%}, tasks {1 - block:.0%})",
        rule="R-11",
        unit="points",
    )
    if lacking:
        zh, en = "、".join(n[0] for n in lacking), ", ".join(n[1] for n in lacking)
        gone = {"reason_zh": f"没有数值：{zh}", "reason_en": f"without a value: {en}"}
        return pd.DataFrame([head | {"status": "not_computed"} | gone])
    told = scoring.composite(from_rows(points), scheme=scheme, level=c.level)
    names = {part.slug: part for part in scheme.parts}
    rows: list[Row] = []
    for one in to_rows(told[told["part"].isin(["total", "dimension"])]):
        numbers = _numbers(one)
        if one["part"] == "total":
            assumed = parameters["resident_split"].origin in ("recommended", "assumption")
            said = "居民三项之间的分配：" + "∶".join(f"{v:g}" for v in split)
            english = "split among the three: " + " : ".join(f"{v:g}" for v in split)
            if assumed:  # the source gives no split
                said += "（测评方假设）"
                english += " (assumption of the assessor)"
            rows.insert(0, head | numbers | {"reason_zh": said, "reason_en": english})
            continue
        part = names[one["dimension"]]
        indicator = c.protocol.indicator(str(slugs[part.slug])).name
        rows.append(
            labelled(
                f"score.appraisal.{part.slug}",
                "score",
                f"考核：{part.zh}（占{part.weight:.0%}，{indicator.zh}）",
                f"Appraisal: {part.en} ({part.weight:.0%}, {indicator.en})",
                unit="points",
                **numbers,
            )
        )
    return from_rows(rows)
