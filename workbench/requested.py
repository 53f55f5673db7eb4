"""Requests and texts of all units, for cells of ``notebooks/batch.ipynb``.

Everything is made of findings of the units: what a unit withheld is in no figure here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from workbench.overview import Batch

__all__ = ["handling", "topics"]

Row = dict[str, Any]

_MOST = 300
"""Units that are listed; the workbook of results has all."""
_MEASURES = {
    "count": ("受理的诉求", "requests received"),
    "in_time": ("及时率", "answered in time"),
    "resolved": ("解决率", "resolved"),
    "called_back": ("回访率", "called back"),
    "satisfied": ("满意率", "satisfied when called back"),
}
_SUMS = ("in_time", "resolved", "called_back", "satisfied")
_KEPT = (
    "value unit ci_low ci_high level n numerator denominator method status reason_zh reason_en"
).split()


def handling(b: Batch) -> pd.DataFrame:
    """Set the requests of all units and how they were handled side by side.

    Returns
    -------
    DataFrame
        ``overview.handling.all.measure=<m>`` (sum of what the units tell, Wilson interval) and
        ``overview.handling.<unit>.measure=<m>`` with the unit's own figures: ``count``, shares
        ``in_time``, ``resolved``, ``called_back``, ``satisfied``. Of more than 300 units those
        with the lowest share resolved; a text says how many are not listed. Empty where no unit
        has requests.
    """
    import pandas as pd

    rows = b.read(rf"requests\.({'|'.join(_MEASURES)})\.current")
    rows = rows[rows["status"].ne("not_computed")]
    if rows.empty:
        return pd.DataFrame()
    rows = rows.assign(measure=rows["finding"].str.split(".").str[1])
    names = b.units.set_index("community")
    resolved = rows[rows["measure"].eq("resolved")].set_index("community")["value"]
    units = sorted(set(rows["community"]), key=lambda u: (resolved.get(u, 2.0), u))[:_MOST]
    out = _sums(rows, len(set(rows["community"])))
    own = {(r["community"], r["measure"]): r for r in rows.to_dict("records")}
    for unit in sorted(units):
        zh = str(names.loc[unit, "name"])
        en = names.loc[unit].get("name_en")
        en = zh if en is None or pd.isna(en) else str(en)
        for measure in _MEASURES:
            if one := own.get((unit, measure)):
                row = _row(unit, measure, (zh, en)) | {k: one[k] for k in _KEPT}
                out.append(row | {"n": None} if measure == "count" else row)
    left = rows["community"].nunique() - len(units)
    if left:
        out.append(
            {
                "finding": "overview.handling.more",
                "kind": "text",
                "label_zh": "未列出的单位",
                "label_en": "Units that are not listed",
                "display_zh": f"另有{left}个单位，解决率均不低于所列单位，见各自报告",
                "display_en": f"{left} more, none with a lower share resolved; see their reports",
            }
        )
    return pd.DataFrame(out)


def _row(unit: str, measure: str, name: tuple[str, str]) -> Row:
    zh, en = _MEASURES[measure]
    return {
        "finding": f"overview.handling.{unit}.measure={measure}",
        "kind": "estimate",
        "label_zh": f"{name[0]}，{zh}",
        "label_en": f"{name[1]}, {en}",
        "subgroup": f"measure={measure}",
        "channel": "record",
    }


def _sums(rows: pd.DataFrame, units: int) -> list[Row]:
    """Add up what the units tell of each measure; who tells nothing is counted."""
    from workbench.survey import binomial_interval

    out = []
    for measure in ("count", *_SUMS):
        mine = rows[rows["measure"].eq(measure) & rows["status"].eq("ok")]
        if mine.empty:
            continue
        row = _row("all", measure, ("全部单位", "All units"))
        first = mine.iloc[0]
        row |= {"unit": first["unit"], "method": first["method"], "status": "ok"}
        if measure == "count":
            row["value"] = float(mine["value"].sum())
        else:
            met, n = int(mine["numerator"].sum()), int(mine["denominator"].sum())
            level = float(first["level"])
            low, high = binomial_interval(met, n, level=level)
            row |= {"value": met / n, "ci_low": low, "ci_high": high, "level": level, "n": n}
            row |= {"numerator": met, "denominator": n}
        if len(mine) < units:
            row["reason_zh"] = f"{units}个单位中{len(mine)}个的合计，其余不公布或没有记录"
            row["reason_en"] = (
                f"sum of {len(mine)} of {units} units; the others withhold it or have no record"
            )
        out.append(row)
    return out


def topics(b: Batch) -> pd.DataFrame:
    """Add up what residents write about, over the units that publish a topic.

    Returns
    -------
    DataFrame
        ``overview.topic.<source>.<topic>`` (kind estimate, unit ``count``): texts on the topic, at
        least (a unit with fewer than the minimum cell publishes none); ``denominator`` and ``n``
        are all texts of the units that publish any. Flag ``not_validated`` where the units'
        classes are. Most texts first. Empty without texts.
    """
    import pandas as pd

    rows = b.read(r"voices\.[a-z0-9_]+\.[a-z0-9_]+\.share")
    rows = rows[rows["statistic"].eq("share") & rows["status"].ne("suppressed")]
    rows = rows[rows["numerator"].notna()]
    if rows.empty:
        return pd.DataFrame()
    rows = rows.assign(source=rows["finding"].str.split(".").str[1])
    most = rows.groupby(["source", "community"])["denominator"].max()
    texts = most.groupby("source").sum().to_dict()
    out = []
    for (source, item), mine in rows.groupby(["source", "item"], sort=True):
        said = "not_validated" in ";".join(mine["flags"].dropna())
        units, found = len(mine), float(mine["numerator"].sum())
        all_ = int(texts[source])
        zh = f"{units}个单位合计（不足最小单元的不计），这些单位共{all_}条文本"
        en = f"sum of {units} units (small cells left out), of {all_} texts"
        out.append(
            {
                "finding": f"overview.topic.{source}.{item}",
                "kind": "estimate",
                "label_zh": mine["label_zh"].iloc[0],
                "label_en": mine["label_en"].iloc[0],
                "item": item,
                "value": found,
                "unit": "count",
                "n": all_,
                "numerator": found,
                "denominator": all_,
                "channel": "record",
                "method": "text.topics",
                "status": "ok",
                "flags": "not_validated" if said else None,
                "reason_zh": zh + ("；未经验证" if said else ""),
                "reason_en": en + ("; not validated" if said else ""),
            }
        )
    out.sort(key=lambda row: (row["finding"].split(".")[2], -row["value"], row["item"]))
    return pd.DataFrame(out)
