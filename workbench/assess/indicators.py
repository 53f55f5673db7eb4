"""The value of each indicator, as ``measures.yaml`` binds it to evidence, and its target."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import scoring, survey
from workbench.assess import records
from workbench.assess.inspections import marks, places, unmerged
from workbench.assess.lower import combined
from workbench.assess.requested import requested, told_of_register
from workbench.assess.sample import NO_ANSWERS, Sample, absent
from workbench.assess.satisfaction import scale_ends, top_codes
from workbench.assess.series import gone as _gone
from workbench.assess.series import measurement, span_of
from workbench.errors import InputError
from workbench.findings import number
from workbench.survey.rows import from_rows, to_rows

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["by_fact", "indicators", "judged_by", "targets", "values", "worded"]

Row = dict[str, Any]

# unit family of the protocol -> unit of findings
_UNITS = {
    "share": "share",
    "score_100": "score_0_100",
    "household_rate": "per_100_households_year",
    "yes_no": "yes_no",
    "pp": "pp",
    "change_rel": "change_rel",
    "count": "count",
    "ratio": "ratio",
    "score_5": "score",
}
_NOT_INSPECTED = ("本期没有检查这些项目", "these items were not inspected in this wave")
_TIMED = ("value", "std_error", "ci_low", "ci_high", "known_low", "known_high")
_SIGN = {">=": "≥", "<=": "≤", ">": ">", "<": "<", "=": "≥"}
_TAKEN = (
    "value unit std_error ci_low ci_high level n numerator denominator df n_effective method "
    "status flags reason_zh reason_en"
).split()


def unit_of(c: Community, slug: str) -> str:
    """Give the unit in which findings hold an indicator (percentages as shares 0-1)."""
    from workbench.protocol.units import UNITS

    unit = c.protocol.indicator(slug).unit
    family = UNITS[unit].family
    return _UNITS.get(family, unit)


def values(c: Community, sample: Sample) -> list[Row]:
    """Compute every indicator in scope that has a measure; one row each, whatever comes of it."""
    rows = []
    for slug in c.settings["scope"]:
        measure = c.measures.get(slug)
        if measure is None:
            row = _gone("没有规定测量方式", "no measure is defined")
        elif slug in c.excluded:
            finding, zh, en = c.excluded[slug]
            row = _gone(f"未通过检查：{zh}", f"a check failed: {en}") | {"flags": finding}
        else:
            row = _whole(c, sample, slug, measure)
        unit = unit_of(c, slug)
        row.setdefault("unit", unit)
        if unit == "days" and row["unit"] == "hours":  # durations are computed in hours
            row |= {n: row[n] / 24 for n in _TIMED if row.get(n) is not None} | {"unit": unit}
        row |= told_of_register(row, row["unit"])
        channel = measure["channel"] if measure else None
        row = {"indicator": slug, "channel": channel, "unit": unit} | row
        if measure and str(measure.get("statistic")).startswith("change_"):
            row["value_kind"] = "change"  # what a relative target asks about, no base needed
        rows.append(row)
    return rows


def _whole(c: Community, sample: Sample, slug: str, measure: Mapping[str, Any]) -> Row:
    """Give the unit's value; without measurements of its own, that of the units below together."""
    name = measure.get("measurement")
    below = c.below.get("measurements")
    if name is None or below is None or not below["indicator"].eq(name).any():
        return _value(c, sample, slug, measure)
    if c.has("measurements") and c.tables["measurements"]["indicator"].eq(name).any():
        return _value(c, sample, slug, measure)
    return combined(c, slug, measure, lambda unit: _value(unit, sample, slug, measure))


def _value(c: Community, sample: Sample, slug: str, measure: Mapping[str, Any]) -> Row:
    channel = measure["channel"]
    try:
        if channel == "survey":
            return _survey(c, sample, measure)
        if channel == "inspection":
            return _inspection(c, measure)
        if channel == "fact":
            return by_fact(c, measure)
        if measure.get("requests") is not None:
            return requested(c, measure)
        return measurement(c, measure, span_of(c, measure))
    except InputError as error:
        problem = error.problems[0]
        return _gone(problem.text("zh"), problem.text("en"))


def _first(frame: pd.DataFrame) -> Row:
    kept = {name: frame[name].tolist()[0] if name in frame else None for name in _TAKEN}
    if kept["status"] == "suppressed":
        kept["value"] = None
    return kept


def _survey(c: Community, sample: Sample, measure: Mapping[str, Any]) -> Row:
    now, chosen = _answers(c, sample)
    if now is None:
        return _gone(*(absent(c, sample) or NO_ANSWERS))
    row = _statistic(c, now, measure)
    if chosen and row.get("value") is not None:
        row["flags"] = ";".join(w for w in (row.get("flags"), "opt_in") if w)
        for lang, said in zip(("zh", "en"), _MODELLED, strict=True):
            told = str(row.get(f"reason_{lang}") or "")
            if said not in told:
                join = "；" if lang == "zh" else "; "
                row[f"reason_{lang}"] = join.join(s for s in (told, said) if s)
    return row


_MODELLED = (
    "自愿参与样本：区间以校准模型为依据，不是抽样区间",
    "opt-in sample: the interval rests on the calibration model, it is no sampling interval",
)


def _answers(c: Community, sample: Sample) -> tuple[survey.Design | None, bool]:
    """Give this wave's answers of the sample; without any, the calibrated opt-in answers (True)."""
    for design, chosen in ((sample.raked, False), (sample.opt_in, True)):
        if design is None:
            continue
        now = design.subset(design.data["wave"].eq(c.wave))
        if now.domain.sum() and not (chosen and not now.adjustments):
            return now, chosen
    return None, False


def _statistic(c: Community, now: survey.Design, measure: Mapping[str, Any]) -> Row:
    items = list(measure["items"])
    statistic = measure["statistic"]
    scale = scale_ends(c, items) if statistic != "share" else {}
    if statistic == "share":
        row = _share(c, now, measure)
    elif len(items) > 1 and statistic in {"mean_0_100", "mean"}:
        even = dict.fromkeys(items, 1.0)
        row = _first(survey.index(now, even, level=c.level, scale=scale))
        if statistic == "mean":
            row = _on_scale(row, scale)
    elif statistic == "median":
        row = _first(survey.quantile(now, items, q=0.5, level=c.level))
    elif statistic in {"top2", "bottom2", "net"}:
        calls: dict[str, Any] = {
            "top2": survey.top2,
            "bottom2": survey.bottom2,
            "net": survey.net,
        }
        extra: dict[str, Any] = {"top": top_codes(c, items)} if statistic != "bottom2" else {}
        told = calls[statistic](now, items, level=c.level, scale=scale, **extra)
        row = _first(survey.presentation(told, level=c.level) if statistic != "net" else told)
    else:
        calls = {"mean": survey.mean, "mean_0_100": survey.mean_0_100}
        row = _first(calls[statistic](now, items, level=c.level, scale=scale))
    few = row.get("n") is not None and row["n"] < c.min_cell
    return _gone("回答人数少于最小单元", "fewer answers than the minimum cell") if few else row


def _on_scale(row: Row, scale: Any) -> Row:
    """Put an index of 0-100 back on the scale of its items, which must be the same for all."""
    ends = set(scale.values()) if isinstance(scale, Mapping) else {scale}
    if len(ends) != 1:
        return _gone("各题量表不同，不能求均值", "the items have different scales: no common mean")
    low, high = (float(end) for end in ends.pop())
    told = dict(row)
    for name, shift in (("value", low), ("std_error", 0.0), ("ci_low", low), ("ci_high", low)):
        if row[name] is not None:
            told[name] = shift + float(row[name]) * (high - low) / 100
    return told | {"unit": "score"}


def _share(c: Community, now: survey.Design, measure: Mapping[str, Any]) -> Row:
    frame = now.data
    met = pd.Series(1.0, index=frame.index)
    for item, wanted in dict(measure["where"]).items():
        accepted = wanted if isinstance(wanted, list) else [wanted]
        answer = pd.Series(frame[item])
        fits = answer.isin([float(v) if _is_number(v) else v for v in accepted]).astype(float)
        met = (met * fits).where(answer.notna())
    flagged = now.changed(data=frame.assign(_met=met))
    told = survey.top2(
        flagged, ["_met"], level=c.level, top={"_met": [1.0]}, scale={"_met": (0, 1)}
    )
    return _first(survey.presentation(told, level=c.level))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _inspection(c: Community, measure: Mapping[str, Any]) -> Row:
    if not c.has("inspections"):
        return _gone("没有现场检查", "there are no inspections")
    frame = marks(c, measure.get("visits"))
    frame = frame[frame["item"].isin(measure["items"])]
    if frame.empty:
        why = unmerged(c, measure.get("visits"))
        return _gone(*(why or _NOT_INSPECTED))
    known = {item: n for item, n in places(c).items() if item in measure["items"]}
    told = scoring.inspection(frame, level=c.level, places_total=known)
    statistic = measure["statistic"]
    wanted = "share_passed" if statistic == "share_passed" else "score_0_100"
    whole = told[told["statistic"].eq(wanted) & told["item"].fillna("").eq("")]
    if whole.empty:
        return _gone("没有可用的检查结果", "no usable mark")
    row = _first(whole)
    if row["unit"] == "score_0_100" and statistic == "points":
        row["unit"] = "score_0_100"
    return row


def by_fact(c: Community, measure: Mapping[str, Any]) -> Row:
    """Say whether a fact holds, within the entry's window where it has one."""
    frame = c.tables["facts"] if c.has("facts") else pd.DataFrame(columns=["fact"])
    mine = frame[frame["fact"].eq(measure["fact"])]
    if mine.empty:
        return _gone("没有该事实的记录", "the fact is not on record")
    words = mine["value"].map(_truth)
    if words.isna().any():
        odd = mine.loc[words.isna(), "value"].iloc[0]
        said = "" if pd.isna(odd) else str(odd)
        return _gone(f"事实的取值无法识别：“{said}”", f"not a known truth word: “{said}”")
    months = measure.get("window_months")
    if months:
        if bool((words.astype(bool) & mine["date"].isna()).any()):
            return _gone(
                "事实没有日期，不能判断是否在期限内",
                "a fact has no date, so its window cannot be judged",
            )
        end = pd.Timestamp(c.settings["issued"])
        words = words & mine["date"].ge(end - pd.DateOffset(months=int(months)))
    return {"value": float(words.any()), "unit": "yes_no", "n": len(mine), "method": "records.fact"}


def _truth(value: Any) -> bool | None:
    """Read a truth word as intake reads it; ``None`` when it is not one."""
    from workbench.intake.convert import _BOOL

    return None if pd.isna(value) else _BOOL.get(str(value).strip().lower())


def judged_by(frame: pd.DataFrame) -> pd.DataFrame:
    """Put what a register leaves open in place of the interval, where the register says it.

    A target, gate or payment is judged by these limits; the interval of so few cases, seen as
    chance, stands in the report and serves comparisons.
    """
    if "known_low" not in frame:
        return frame
    counted = frame["known_low"].notna()
    limits = {
        f"ci_{end}": frame[f"ci_{end}"].mask(counted, frame[f"known_{end}"])
        for end in ("low", "high")
    }
    return frame.assign(**limits, std_error=frame["std_error"].mask(counted, float("nan")))


def unestimated(frame: pd.DataFrame) -> pd.Series:
    """Mark the values of sampled channels whose error is not known (one rater, one building)."""
    sampled = frame["channel"].isin(["survey", "inspection", "mystery"])
    blank = frame["std_error"].isna() & (frame["ci_low"].isna() | frame["ci_high"].isna())
    return sampled & frame["value"].notna() & blank


def targets(c: Community) -> pd.DataFrame:
    """Give the target that counts for each indicator in scope, in the units of findings."""
    chosen = {n: c.settings.get(n) for n in ("phase", "year", "locality") if c.settings.get(n)}
    if "year" not in chosen:
        chosen["year"] = int(str(c.settings["issued"])[:4])
    rows = c.protocol.targets(list(c.settings["scope"]), unit=c.settings["unit"], **chosen)
    told = []
    for row in rows:
        measure = c.measures.get(row["indicator"], {})
        scale = float(measure.get("factor") or 1.0)  # printed = data × factor
        kind = row["kind"]
        if unit_of(c, row["indicator"]) == "days":
            scale = 1.0
        if kind in {"change_rel", "change_pp"}:
            scale = 100.0
        ok = row["status"] == "ok" and row["chargeable"] and row["due"] and kind != "cap"
        if row["status"] == "ok" and not row["due"]:  # shown, and not owed in this phase yet
            row["display_zh"] += "（未到期）"
            row["display_en"] += " (not due yet)"
        base = row["floor"]  # the source's printed base is another place's
        own_scale = kind == "scale"
        if own_scale:  # scored on its own scale: what is attained is the value itself
            kind, base = "level", 0.0
            row["value"] = 100.0
        told.append(
            {
                "own_scale": own_scale,
                "indicator": row["indicator"],
                "label_zh": row["name_zh"],
                "label_en": row["name_en"],
                "dimension": row["dimension"],
                "target_kind": kind if ok else None,
                "operator": _SIGN.get(row["op"], "≥") if ok else None,
                "target": _scaled(row["value"], scale) if ok else None,
                "target_high": _scaled(row["high"], scale) if ok else None,
                "base": _scaled(base, scale),
                "direction": {"up": 1, "down": -1}.get(row["direction"], 0),
                "target_phase": row["target_phase"],
                "target_zh": row["display_zh"],
                "target_en": row["display_en"],
                "responsible_zh": row["responsible_zh"],
            }
        )
    return from_rows(told)


def _scaled(value: Any, scale: float) -> float | None:
    return None if value is None or math.isnan(float(value)) else float(value) / scale


def indicators(c: Community, sample: Sample) -> pd.DataFrame:
    """Give each indicator in scope: value with interval, target, attainment, verdict.

    Returns
    -------
    DataFrame
        Findings ``indicator.<slug>`` in the order of the scope. An indicator that could not be
        computed stands with its reason; one without a target shows its level only (R-14). A target
        whose base the source does not give is met wholly or not at all, flagged
        ``all_or_nothing``.
    """
    rows = values(c, sample)
    rows = [row | _base(c, sample, row) for row in rows]
    known = ("known_low", "known_high")
    names = dict.fromkeys(
        ("indicator", "channel", *_TAKEN, *known, *(n for row in rows for n in row))
    )
    measured = from_rows(rows, columns=list(names))
    wanted = targets(c)
    decision = c.settings["decisions"].get("target")
    has = wanted[wanted["target_kind"].notna()]
    unsure = unestimated(measured)
    # attainment takes no answer of a survey as exact; marks without an error are alike
    marked = judged_by(measured.drop(columns=["level"])).assign(
        channel=measured["channel"].mask(unsure, "survey")
    )
    judged = scoring.attainment(
        marked,
        has.drop(columns=["label_zh", "label_en", "dimension", "responsible_zh", "own_scale"]),
        level=c.level,
        decision=decision,
        without_base="all_or_nothing",
    )
    judged["channel"] = judged["indicator"].map(measured.set_index("indicator")["channel"])
    blind = judged["indicator"].isin(measured.loc[unsure, "indicator"])
    judged.loc[blind, ["attainment_se", "attainment_low", "attainment_high"]] = float("nan")
    judged.loc[blind & judged["decision"].isin(["met", "not_met"]), "decision"] = "cannot_tell"
    shown = measured.set_index("indicator")
    for end in ("ci_low", "ci_high"):
        judged[end] = judged[end].mask(
            judged["known_low"].notna(), judged["indicator"].map(shown[end])
        )
    keep = [n for n in judged.columns if n not in {"label_zh", "label_en", "dimension"}]
    out = wanted[["indicator", "label_zh", "label_en", "dimension"]].merge(
        judged[keep].drop_duplicates("indicator"), on="indicator", how="left"
    )
    order = {slug: i for i, slug in enumerate(c.settings["scope"])}
    out = out.sort_values("indicator", key=lambda s: s.map(order)).reset_index(drop=True)
    for lang in ("zh", "en"):
        lookup = wanted.set_index("indicator")[f"target_{lang}"]
        out[f"target_{lang}"] = out["indicator"].map(lookup)
    out["responsible_zh"] = out["indicator"].map(wanted.set_index("indicator")["responsible_zh"])
    exact = out["ci_low"].eq(out["ci_high"]) & out["std_error"].isna()
    out.loc[exact, ["ci_low", "ci_high"]] = None  # a count of records, not an estimate
    own = out["indicator"].isin(wanted.loc[wanted["own_scale"], "indicator"])
    out.loc[own, ["verdict", "decision", "target"]] = None
    out["own_scale"] = own
    for lang in ("zh", "en"):
        out[f"display_{lang}"] = [worded(c, one, lang) for one in to_rows(out)]
    for lang, word, join in (("zh", "变化", "；"), ("en", "change ", "; ")):
        moved = out["change"].notna() & out["base"].notna() & out["status"].ne("not_computed")
        for i in out.index[moved]:
            told = number(float(out.loc[i, "change"]), "change_rel", lang)
            if out.loc[i, "target_kind"] == "change_rel":
                parts = (out.loc[i, f"reason_{lang}"], f"{word}{told}")
                out.loc[i, f"reason_{lang}"] = join.join(p for p in parts if p)
    units = out["indicator"].map({slug: c.protocol.indicator(slug).unit for slug in order})
    shares = units.eq("percent_of_participants")  # no rate of residents stands beside them
    out["statistic"] = pd.Series("share_of_participants", index=out.index).where(shares)
    out["finding"] = "indicator." + out["indicator"]
    out["kind"] = "estimate"
    out["wave"] = c.wave
    out["level"] = pd.Series(c.level, index=out.index).where(out["ci_low"].notna())
    return pd.concat([out, evidence(c, sample, out)], ignore_index=True)


def _base(c: Community, sample: Sample, row: Row) -> Row:
    """Give the unit's own value at the baseline wave, where the measure takes it as the base.

    A programme's printed base is another place's (X-91), so a relative target has no base before
    the study states one: ``base: baseline`` says that the baseline wave is it.
    """
    slug = row["indicator"]
    if c.measures.get(slug, {}).get("base") != "baseline" or not c.baseline:
        return {}
    then = dataclasses.replace(c, settings={**c.settings, "wave": c.baseline, "baseline": None})
    old = _whole(then, sample, slug, c.measures[slug])
    if old.get("value") is None:
        return {}
    told = {n: old.get(n) for n in _TIMED}
    if row["unit"] == "days" and old.get("unit") == "hours":
        told = {n: v / 24 if v is not None else None for n, v in told.items()}
    low, high, error = (told[n] for n in ("ci_low", "ci_high", "std_error"))
    if told["known_low"] is not None:
        low, high, error = told["known_low"], told["known_high"], None
    if error is None and low is not None and high is not None:
        error = (high - low) / (2 * NormalDist().inv_cdf((1 + c.level) / 2))
    shown = [number(told["value"], str(row["unit"]), lang) for lang in ("zh", "en")]
    said = (f"基期（{c.baseline}）{shown[0]}", f"baseline ({c.baseline}) {shown[1]}")
    return {
        "base": told["value"],
        "base_std_error": error,
        "reason_zh": "；".join(s for s in (row.get("reason_zh"), said[0]) if s),
        "reason_en": "; ".join(s for s in (row.get("reason_en"), said[1]) if s),
    }


def worded(c: Community, one: Mapping[Any, Any], lang: str) -> str | None:
    """Print a value in the protocol's own unit where findings know no words for it."""
    from workbench.protocol.units import UNITS

    unit = c.protocol.indicator(one["indicator"]).unit
    value = one["value"]
    words = UNITS[unit].zh if lang == "zh" else UNITS[unit].en
    if value is None or pd.isna(value):
        return None
    family = UNITS[unit].family
    # a mean of plain counts is broken; a count per something has words of its own
    counted = family == "count" and (unit != "count" or float(value) % 1 != 0)
    if not counted and family not in {"rate", "amount", "score_5"}:
        return None
    return f"{float(value):,.2f}".rstrip("0").rstrip(".") + f" {words}"


def evidence(c: Community, sample: Sample, found: pd.DataFrame) -> pd.DataFrame:
    """Hold indicators against the further evidence that ``check`` names; no value is changed.

    Returns
    -------
    DataFrame
        Findings ``check.evidence.<slug>`` (inspection; else with ``.survey`` or ``.record``), kind
        check: failed where the two differ by more than the tolerance (without one, the study's
        margin; a yes or no must agree), cannot_tell where one of them is not there.
    """
    rows = []
    for one in to_rows(found):
        told = c.measures.get(one["indicator"], {}).get("check") or {}
        unit = str(one["unit"])
        if told.get("inspection"):
            seen = _inspected(c, list(told["inspection"]))
            rows.append(_compared(c, one, told, "inspection", ", ".join(told["inspection"]), seen))
        if told.get("survey"):
            seen = _asked(c, sample, list(told["survey"]), unit)
            rows.append(_compared(c, one, told, "survey", ", ".join(told["survey"]), seen))
        if told.get("record"):
            seen = _recorded(c, str(told["record"]))
            rows.append(_compared(c, one, told, "record", str(told["record"]), seen))
    return from_rows(rows)


_BESIDE = {
    "inspection": ("检查项目", "inspection of", "检查", "inspected"),
    "survey": ("问卷题目", "survey item", "问卷", "surveyed"),
    "record": ("记录", "records", "记录", "recorded"),
}


def _compared(
    c: Community,
    one: Mapping[Any, Any],
    told: Mapping[str, Any],
    channel: str,
    items: str,
    seen: float | None,
) -> Row:
    """Compare an indicator with other evidence, which is 0-1 where it is a share or a mark."""
    slug, unit = one["indicator"], str(one["unit"])
    what = _BESIDE[channel]
    row: Row = {
        "finding": f"check.evidence.{slug}" + ("" if channel == "inspection" else f".{channel}"),
        "kind": "check",
        "indicator": slug,
        "channel": channel,
        "wave": c.wave,
        "severity": "warning",
        "reach": "indicator",
        "status": "ok",
        "method": {"survey": "survey.top2.taylor", "record": "records.mean"}.get(
            channel, "scoring.inspection"
        ),
        "verdict": "cannot_tell",
        "label_zh": f"{one['label_zh']}：与{what[0]}{items}是否一致",
        "label_en": f"{one['label_en']}: does it agree with the {what[1]} {items}",
        "display_zh": "—",
        "display_en": "—",
    }
    factor = {"share": 1.0, "yes_no": 1.0, "score_0_100": 100.0}.get(unit)
    if factor is None and channel == "record" and told.get("tolerance") is not None:
        factor = 1.0  # kept in the indicator's own unit
    value = one["value"]
    if factor is None or seen is None or value is None or pd.isna(value):
        zh, en = "缺少可比的数值", "there is no value to compare"
        return row | {"reason_zh": zh, "reason_en": en}
    margin = told.get("tolerance_pp", c.settings["decisions"].get("margin_pp", 5.0))
    allowed = 0.0 if unit == "yes_no" else float(margin) / 100 * factor
    if told.get("tolerance") is not None:  # in the indicator's printed unit
        allowed = float(told["tolerance"]) / (100 if unit == "share" else 1)
    seen *= factor
    apart = abs(float(value) - seen)
    row["verdict"] = "failed" if apart > allowed + 1e-9 else "passed"
    shown = "share" if unit == "yes_no" else unit
    for lang, text, reason in (
        ("zh", f"{{}}；{what[2]}{{}}", "相差{}，允许{}"),
        ("en", f"{{}}; {what[3]} {{}}", "they differ by {}, allowed are {}"),
    ):
        both = number(float(value), unit, lang), number(seen, shown, lang)
        row[f"display_{lang}"] = text.format(*both)
        points = "pp" if shown == "share" else shown
        words = (number(size, points, lang).lstrip("+") for size in (apart, allowed))
        row[f"reason_{lang}"] = reason.format(*words)
    return row


def _asked(c: Community, sample: Sample, items: list[str], unit: str) -> float | None:
    """Give the mean over some survey items: satisfied where a share is checked, else of 0-1."""
    statistic = "mean_0_100" if unit == "score_0_100" else "top2"
    values = []
    for item in items:
        try:
            told = _survey(c, sample, {"items": [item], "statistic": statistic})
        except InputError:  # no such item, or an item without a scale: there is nothing to compare
            return None
        if told.get("value") is None:
            return None
        values.append(float(told["value"]) / (100 if statistic == "mean_0_100" else 1))
    return sum(values) / len(values)


def _recorded(c: Community, name: str) -> float | None:
    """Give a series over this wave's months: counts added up, other figures averaged."""
    frame = c.tables["measurements"] if c.has("measurements") else pd.DataFrame()
    mine = frame[frame["indicator"].eq(name)] if len(frame) else frame
    counted = len(mine) and bool(mine["numerator"].notna().any())
    entry = {"measurement": name, "statistic": "ratio_of_sums" if counted else "mean"}
    value = measurement(c, entry, records.window(c, c.wave)).get("value")
    return None if value is None else float(value)


def _inspected(c: Community, items: list[str]) -> float | None:
    """Give the share passed, else the share of points, of some items over all visits."""
    frame = marks(c, None) if c.has("inspections") else pd.DataFrame({"item": []})
    frame = frame[frame["item"].isin(items)]
    if frame.empty:
        return None
    told = scoring.inspection(frame, level=c.level)
    whole = told[told["item"].fillna("").eq("") & told["value"].notna()]
    for statistic, factor in (("share_passed", 1.0), ("score_0_100", 100.0)):
        mine = whole.loc[whole["statistic"].eq(statistic), "value"]
        if len(mine):
            return float(mine.iloc[0]) / factor
    return None
