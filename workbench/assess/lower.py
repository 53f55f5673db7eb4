"""A higher unit's communities: each one's figures, how they combine, and needs against services."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import scoring, survey
from workbench.assess.editions import beside_earlier
from workbench.assess.sample import NUMBERS, Sample, absent, labelled
from workbench.assess.satisfaction import (
    category_code,
    group_name,
    scale_ends,
    top_codes,
)
from workbench.assess.series import gone
from workbench.errors import InputError
from workbench.survey.rows import from_rows, to_rows

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["areas", "children", "combined", "demand", "households", "lower"]

Row = dict[str, Any]
Areas = tuple[str, pd.DataFrame, dict[str, tuple[str, str]]]

_WAYS = {
    "sum": ("合计", "their sum"),
    "population_mean": ("按居民数加权的平均", "mean weighted by residents"),
    "household_mean": ("按户数加权的平均", "mean weighted by households"),
    "share_meeting": ("达标单位所占比例", "share that meet the target"),
    "spread": ("新、老社区平均值的差距", "gap between the means of new and old ones"),
}


def children(c: Community) -> list[str]:
    """Give the ids of the units directly below this one, sorted."""
    frame = c.tables["communities"]
    return sorted(frame.loc[frame["parent"].eq(c.community), "community"])


def child(c: Community, unit: str) -> Community:
    """Give one of the units below as a unit of its own, with its rows of the same slice."""
    tables = {}
    for name, frame in c.tables.items():
        own = "area" if name == "margins" else "community"
        keep = name in {"communities", "assessors", "judgements", "corrections", "cases"}
        fits = own in frame and not keep
        tables[name] = frame[frame[own].eq(unit)].reset_index(drop=True) if fits else frame
    below = c.below.get("measurements")
    if below is not None:
        tables["measurements"] = below[below["community"].eq(unit)].reset_index(drop=True)
    settings = {**c.settings, "community": unit}
    return dataclasses.replace(c, settings=settings, tables=tables, below={})


def combined(c: Community, slug: str, measure: Mapping[str, Any], value: Any) -> Row:
    """Combine the values of the units below into this unit's, as the protocol says.

    Parameters
    ----------
    c
        The unit; its own measurements hold nothing on the indicator.
    slug, measure
        The indicator and its entry of ``measures.yaml``.
    value
        Function that gives the row of a lower unit's value.

    Returns
    -------
    dict
        A row as ``values`` makes them; not computed where one of the units lacks a value or its
        weight, because a mean over the others would be another unit's.
    """
    how = c.protocol.indicator(slug).combine
    units = children(c)
    told = {unit: value(child(c, unit)) for unit in units}
    lacking = [unit for unit, row in told.items() if row.get("value") is None]
    if not units or len(lacking) == len(units):
        return gone("没有监测数据", "there are no measurements")
    if lacking:
        names = ", ".join(lacking)
        return gone(f"下级单位缺数值：{names}", f"units below without a value: {names}")
    x = pd.Series({unit: float(row["value"]) for unit, row in told.items()})
    row: Row = {"method": "assess.combined", "n": len(x), "channel": measure["channel"]}
    zh, en = _WAYS.get(how, ("", ""))
    row |= {
        "reason_zh": f"由{len(x)}个下级单位的数值得出：{zh}",
        "reason_en": f"from the values of the {len(x)} units below: {en}",
    }
    parts = list(told.values())
    rates = [part.get("numerator") is not None and part.get("denominator") for part in parts]
    if how == "sum":
        return row | {"value": float(x.sum())}
    if how == "spread":
        return row | _spread(c, x)
    if how == "share_meeting":
        met = x.map(lambda v: _meets(c, slug, measure, v))
        if met.isna().any():
            return gone("没有可比的目标", "there is no target to compare with")
        return row | {
            "value": float(met.mean()),
            "numerator": int(met.sum()),
            "denominator": len(x),
        }
    if how in {"population_mean", "household_mean"}:
        if all(rates) and measure["statistic"] == "ratio_of_sums":
            top = sum(float(p["numerator"]) for p in parts)
            bottom = sum(float(p["denominator"]) for p in parts)
            return row | {"value": top / bottom, "numerator": top, "denominator": bottom}
        weight = _weights(c, "residents" if how == "population_mean" else "households", units)
        if weight is None:
            return gone(
                "下级单位缺人口数或户数", "a unit below has no number of residents or households"
            )
        return row | {"value": float((x * weight).sum() / weight.sum())}
    return gone("该指标只取本单位自己的数值", "only the unit's own figure counts")


def _weights(c: Community, column: str, units: list[str]) -> pd.Series | None:
    frame = c.tables["communities"].set_index("community").loc[units]
    weight = frame[column]
    if column == "residents":
        weight = weight.fillna(frame["adults"])
    return None if weight.isna().any() or not weight.sum() > 0 else weight


def _spread(c: Community, x: pd.Series) -> Row:
    """Give the gap between old and new units: 1 - worse mean / better mean."""
    age = c.tables["communities"].set_index("community")["age_class"].reindex(x.index)
    old, new = x[age.eq("old")], x[age.eq("new")]
    if old.empty or new.empty or not min(old.mean(), new.mean()) > 0:
        return gone("没有新、老两类下级单位", "there are not both old and new units below")
    if min(len(old), len(new)) < 2:
        low, high = sorted((float(old.mean()), float(new.mean())))
        return {"value": 1 - low / high}
    told = scoring.kind_gap(
        pd.DataFrame({"value": x, "kind": age}).dropna(), level=c.level
    ).set_index("statistic")
    one: Any = told.loc["gap"]
    return {n: one[n] for n in ("value", "ci_low", "ci_high", "level")} | {"unit": "share"}


def _meets(c: Community, slug: str, measure: Mapping[str, Any], value: float) -> float | None:
    from workbench.assess.indicators import targets

    row = next(r for r in to_rows(targets(c)) if r["indicator"] == slug)
    bound = row["target"]
    if bound is None or pd.isna(bound):
        return None
    sign = {"≥": value >= bound, ">": value > bound, "≤": value <= bound, "<": value < bound}
    return float(sign[row["operator"]])


def lower(c: Community, measured: pd.DataFrame) -> pd.DataFrame:
    """Give the indicators of each unit below, and the spread between them.

    A target of a higher level is nobody's below: the values stand without verdict.

    Parameters
    ----------
    c
        The unit.
    measured
        Result of :func:`workbench.assess.indicators`, for the labels.

    Returns
    -------
    DataFrame
        Findings ``lower.<slug>.unit=<id>``; empty for a unit with nothing below.
    """
    from workbench.assess.indicators import values, worded
    from workbench.assess.sample import design

    units = children(c)
    if not units or all(not len(f) for f in (*c.below.values(), *_parts(c))):
        return pd.DataFrame()
    names = c.tables["communities"].set_index("community")
    labels = measured.drop_duplicates("indicator").set_index("indicator")
    rows: list[Row] = []
    for unit in units:
        one = child(c, unit)
        zh, en = _called(names, unit)
        for told in values(one, design(one)):
            slug = told["indicator"]
            own = c.protocol.indicator(slug).combine == "spread"  # what the gap is made of
            row = labelled(
                f"lower.{slug}.unit={unit}",
                "estimate",
                f"{labels.loc[slug, 'label_zh']}{'：所依数值' if own else ''}，{zh}",
                f"{labels.loc[slug, 'label_en']}{': its figures' if own else ''}, {en}",
                subgroup=f"unit={unit}",
                wave=c.wave,
            )
            row |= {k: v for k, v in told.items() if k != "period"}
            if own:
                row["unit"] = "ratio"
            for lang in ("zh", "en"):
                row[f"display_{lang}"] = None if own else worded(c, row, lang)
            rows.append(row)
    frame = from_rows(rows)
    some = frame.groupby("indicator")["value"].transform(lambda v: v.notna().any())
    kept = frame[some].copy()
    exact = kept["ci_low"].eq(kept["ci_high"]) & kept["std_error"].isna()
    kept.loc[exact, ["ci_low", "ci_high"]] = None
    kept.loc[kept["ci_low"].isna(), "n"] = None  # periods of a series say nothing here
    order = {slug: i for i, slug in enumerate(c.settings["scope"])}
    return kept.sort_values("indicator", key=lambda s: s.map(order), kind="stable")


def _called(names: pd.DataFrame, unit: str) -> tuple[str, str]:
    zh, en = str(names.loc[unit, "name"]), names.loc[unit, "name_en"]
    return zh, en if isinstance(en, str) and en else zh


def _parts(c: Community) -> list[pd.DataFrame]:
    """Rows of units below in the tables that hold them."""
    return [
        frame[frame["community"].ne(c.community)]
        for name, frame in c.tables.items()
        if name in {"responses", "inspections", "requests"}
    ]


def demand(c: Community, sample: Sample) -> pd.DataFrame:
    """Match what residents need with what is there, and map needs by unit and by group.

    What residents need is the questionnaire's ``multiple`` item whose options are the services of
    the table ``supply``; adults × share in need stand against the capacity. Other needs are items
    of role ``importance`` with dimension ``need``.

    Returns
    -------
    DataFrame
        ``demand.match.*`` (persons in need, capacity, covered share), ``demand.group.*`` (share in
        need by demographic group, small groups withheld) and ``demand.heat.*`` (requests by
        category or kind and unit below, else place; small cells withheld). Empty without needs and
        areas of requests.
    """
    return from_rows([*_matched(c, sample), *_by_group(c, sample), *_heat(c)])


def _item(c: Community, services: list[str]) -> str | None:
    """Give the item whose options are the services; None without one."""
    for code, item in c.settings["codebook"].items():
        if item.get("kind") == "multiple" and set(services) & set(item.get("values") or {}):
            return str(code)
    return None


def _matched(c: Community, sample: Sample) -> list[Row]:
    if not c.has("supply"):
        return []
    supply = c.tables["supply"]
    services = sorted(supply["service"].dropna().unique())
    item = _item(c, services)
    adults = c.unit.get("adults") or c.unit.get("residents")
    rows: list[Row] = []
    for service in services:
        mine = supply[supply["service"].eq(service)]
        places = float(mine["capacity"].sum())
        zh, en = (service, service) if item is None else tuple(
            c.answer(item, service, lang) for lang in ("zh", "en")
        )  # fmt: skip
        label = (f"{zh}：供给覆盖需求", f"{en}: supply to need")
        row = labelled(
            f"demand.match.{service}", "estimate", *label, unit="share", method="records.share"
        )
        told = _needed(c, sample, item, service)
        if told is None or not adults:
            why = (
                "问卷没有问这项需求，或没有人口数",
                "the survey did not ask about it, or the population is not known",
            )
            row |= {"status": "not_computed", "reason_zh": why[0], "reason_en": why[1]}
            row |= {"numerator": places}
            rows.append(row)
            continue
        share = float(told["value"])
        persons = share * float(adults)
        row |= {"value": places / persons if persons > 0 else None, "numerator": places}
        row |= {"denominator": round(persons), "n": told["n"]}
        ends = [float(told[k]) * float(adults) for k in ("ci_low", "ci_high")]
        spread = not any(end != end for end in ends)
        span = (f"（{ends[0]:,.0f}至{ends[1]:,.0f}）", f" ({ends[0]:,.0f} to {ends[1]:,.0f})")
        if not spread:
            span = ("", "")
        row["display_zh"] = f"约{persons:,.0f}人{span[0]}有需求，供给{places:,.0f}"
        row["display_en"] = f"about {persons:,.0f} persons{span[1]} in need, capacity {places:,.0f}"
        row["reason_zh"], row["reason_en"] = _short(places, persons, ends if spread else [persons])
        rows.append(row)
    return rows


_COVERED = 0.8  # share of the need below which supply is called short


def _short(places: float, persons: float, ends: list[float]) -> tuple[str | None, str | None]:
    """Say whether supply covers less than eight tenths of the need, with what the sample allows."""
    if places >= _COVERED * persons:
        return None, None
    if places >= _COVERED * min(ends):
        return (
            "供给可能不足需求的八成，样本不足以确定",
            "supply may cover less than eight tenths of the need; the sample cannot tell",
        )
    return "供给不足需求的八成", "supply covers less than eight tenths of the need"


def _needed(c: Community, sample: Sample, item: str | None, service: str) -> Row | None:
    column = f"{item}__{service}"
    if sample.raked is None or column not in sample.raked.data:
        return None
    now = sample.raked.subset(sample.raked.data["wave"].eq(c.wave))
    try:
        told = to_rows(
            survey.top2(now, [column], level=c.level, top={column: [1.0]}, scale={column: (0, 1)})
        )[0]
    except InputError:
        return None
    few = told["value"] is None or told["value"] != told["value"] or told["n"] < c.min_cell
    return None if few else {str(k): v for k, v in told.items()}


def _needs(c: Community, answered: pd.DataFrame) -> dict[str, tuple[str, str, str]]:
    """Give the columns that say who needs what: id of the need, what it is called in zh and en."""
    found: dict[str, tuple[str, str, str]] = {}
    services = c.tables["supply"]["service"].dropna() if c.has("supply") else pd.Series(dtype=str)
    of_supply = _item(c, sorted(services.unique()))
    for code, item in c.settings["codebook"].items():
        asked = item.get("role") == "importance" and item.get("dimension") == "need"
        if item.get("kind") == "multiple" and (asked or code == of_supply):
            for option in item.get("values") or {}:
                names = (c.answer(code, option, "zh"), c.answer(code, option, "en"))
                found[f"{code}__{option}"] = (str(option), *names)
        elif asked:
            found[str(code)] = (str(code), c.text(code, "zh"), c.text(code, "en"))
    return {column: told for column, told in found.items() if column in answered}


def _by_group(c: Community, sample: Sample) -> list[Row]:
    """Give the share in need by demographic group, small groups and their complements withheld."""
    if sample.raked is None or not _needs(c, sample.raked.data) or absent(c, sample):
        return []
    now = sample.raked.subset(sample.raked.data["wave"].eq(c.wave))
    inside = now.data[now.inside]
    needs = {column: told for column, told in _needs(c, inside).items()
             if inside[column].count() >= max(c.min_cell, 1)}  # fmt: skip
    if not needs:
        return []
    scales = [column for column in needs if "__" not in column]
    top = {column: [1.0] for column in needs} | top_codes(c, scales)
    ends = dict.fromkeys(needs, (0.0, 1.0)) | scale_ends(c, scales)
    rows: list[Row] = []
    for by in c.items("demographic"):
        if by not in now.data or inside[by].isna().all():
            continue
        try:
            told = survey.top2(now, list(needs), by=by, top=top, scale=ends, level=c.level)
        except InputError:
            continue
        told = told.assign(category=told[by].map(category_code)).drop(columns=by)
        told["finding"] = [
            f"demand.group.{needs[item][0]}.{by}={category}"
            for item, category in zip(told["item"], told["category"], strict=True)
        ]
        told = survey.disclosure(told, minimum=c.min_cell, cells="category",
                                 keys=["item", "statistic"])  # fmt: skip
        told = beside_earlier(c, told, ["item"]).assign(level=c.level)
        for one in to_rows(survey.presentation(told, level=c.level)):
            _, zh, en = needs[one["item"]]
            row = labelled(
                one["finding"],
                "estimate",
                f"{zh}：有需求的居民，{group_name(c, by, one['category'], 'zh')}",
                f"{en}: residents in need, {group_name(c, by, one['category'], 'en')}",
                subgroup=f"{by}={one['category']}",
                wave=c.wave,
            )
            rows.append(row | {k: one[k] for k in NUMBERS if k in one and k != "p_value"})
    return rows


def _placed(requests: pd.DataFrame) -> bool:
    return "place" in requests and bool(requests["place"].notna().any())


def areas(c: Community) -> Areas | None:
    """Say where this wave's requests come from: units below, else the places of the register.

    Returns
    -------
    tuple or None
        ``unit`` or ``place``, the requests with their ``area`` (missing where none is told), and
        what each area is called in zh and en. None where no request has an area.
    """
    from workbench.assess import records

    units = children(c)
    if not c.has("requests") or not (units or _placed(c.tables["requests"])):
        return None
    frame = records.cases(c, c.wave)
    names = c.tables["communities"].set_index("community")
    if units:
        parent = {str(unit): str(above) for unit, above in names["parent"].items()}
        within = {unit: unit for unit in units}
        for unit in parent:
            above = [unit]
            while above[-1] in parent and above[-1] not in within and len(above) <= len(parent):
                above.append(parent[above[-1]])
            if above[-1] in within:
                within |= dict.fromkeys(above, within[above[-1]])
        frame = frame.assign(area=frame["community"].map(within))
        called = {unit: _called(names, unit) for unit in units}
    else:
        frame = frame.assign(area=frame["place"])
        called = {place: (place, place) for place in sorted(frame["place"].dropna().unique())}
    return ("unit" if units else "place", frame, called) if frame["area"].notna().any() else None


def households(c: Community) -> dict[str, float]:
    """Give the households of the units that the slice knows, 0 where they are not known."""
    frame = c.tables["communities"]
    known = frame["households"].fillna(0.0).astype(float)
    return dict(zip(frame["community"], known, strict=True))


_POOLED = "other"
_OTHERS = {"category": ("其他类别", "other categories"), "kind": ("其他类型", "other kinds")}


def _heat(c: Community) -> list[Row]:
    """Count requests of this wave by category and area; small cells and complements withheld.

    Categories with a small cell are taken together; where that leaves none, the kinds of requests
    stand in their place. By unit below they are told per 100 households, by place as numbers.
    """
    found = areas(c)
    if found is None:
        return []
    _, frame, called = found
    for by in ("category", "kind"):
        counts = pd.crosstab(frame[by], frame["area"]).reindex(columns=list(called), fill_value=0)
        small = (counts.gt(0) & counts.lt(c.min_cell)).any(axis=1)
        rows = _grid(c, found, by, counts, small) if len(counts) > 1 and not small.all() else []
        if any(row["status"] == "ok" and row["n"] for row in rows):
            return rows
    return []


def _grid(c: Community, found: Areas, by: str, counts: pd.DataFrame, small: pd.Series) -> list[Row]:
    from workbench.assess import handled

    kind, _, called = found
    named = counts[~small]
    named = named.loc[sorted(named.index, key=lambda name: (-named.loc[name].sum(), name))]
    table = pd.concat([named, counts[small].sum().to_frame(_POOLED).T]) if small.any() else named
    cells = table.rename_axis(by).reset_index().melt(by, var_name="area", value_name="n")
    cells["finding"] = "demand.heat." + cells[by] + f".{kind}=" + cells["area"]
    cells = survey.disclosure(cells.assign(statistic="count"), minimum=c.min_cell,
                              cells=[by, "area"], keys=["statistic"])  # fmt: skip
    cells = beside_earlier(c, cells, ["statistic"])
    cells = cells.sort_values(by, key=lambda s: s.map(list(table.index).index), kind="stable")
    homes = households(c) if kind == "unit" else {}
    per = ("（每百户件数）", " (per 100 households)") if kind == "unit" else ("", "")
    rows: list[Row] = []
    for one in to_rows(cells):
        what = (
            (one[by], one[by]) if by == "category" else handled.KINDS.get(one[by], (one[by],) * 2)
        )
        what = _OTHERS[by] if one[by] == _POOLED else what
        zh, en = called[one["area"]]
        row = labelled(
            one["finding"],
            "estimate",
            f"{what[0]}{per[0]}，{zh}",
            f"{what[1]}{per[1]}, {en}",
            subgroup=f"{kind}={one['area']}",
            unit="ratio" if kind == "unit" else "count",
            method="records.count",
        )
        row |= {k: one[k] for k in ("n", "status", "flags", "reason_zh", "reason_en")}
        houses = homes.get(one["area"], 0.0)
        if one["status"] == "ok" and kind == "place":
            row["value"] = float(one["n"])
        elif one["status"] == "ok" and houses > 0:
            row["value"] = 100 * float(one["n"]) / houses
        elif one["status"] == "ok":
            row |= {"status": "not_computed", "reason_zh": "没有户数"}
            row["reason_en"] = "the number of households is not known"
        rows.append(row)
    return rows
