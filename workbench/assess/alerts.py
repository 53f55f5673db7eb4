"""Early warnings W-01 to W-12 on whatever a study brings: months, indicators, requests, facts."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import scoring
from workbench.assess import accounts, records
from workbench.assess.indicators import _truth, judged_by
from workbench.assess.score import warnings as by_month
from workbench.assess.series import by_period, periods
from workbench.findings import interval, number
from workbench.survey.rows import from_rows, to_rows

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["awarded_on", "warnings"]

Row = dict[str, Any]

# doc 002 §8.2 (W-05): candidates are watched in October and November; since the notice falls into
# November, the window starts in September
_WATCHED = ("09", "10", "11")
# months before a surge whose median it is held against
_BEFORE = 3


def awarded_on(c: Community) -> dt.date | None:
    """Give the day of the award (fact ``awarded``); ``None`` for a unit without the title."""
    if not c.has("facts"):
        return None
    frame = c.tables["facts"]
    mine = frame[frame["fact"].eq("awarded")]
    held = [
        (day.date() if not pd.isna(day) else dt.date.min)
        for value, day in zip(mine["value"], mine["date"], strict=True)
        if _truth(value)
    ]
    return max(held) if held else None


def warnings(c: Community, frame: pd.DataFrame) -> pd.DataFrame:
    """Evaluate every early warning of the protocol on what the study brings.

    A warning starts a procedure and is no penalty. A rule for awarded units is not put to others,
    nor one for candidates to awarded ones. What a study brings nothing for, or whose parameter the
    source leaves open, is named in one row.

    Parameters
    ----------
    c
        The unit.
    frame
        Result of :func:`workbench.assess.indicators`.

    Returns
    -------
    DataFrame
        Findings ``warning.<rule>`` (verdict failed where it fires, passed, cannot_tell).
    """
    state = "awarded" if awarded_on(c) is not None else "candidate"
    told = by_month(c)
    mine = {n: w for n, w in c.protocol.warnings.items() if w.state in ("any", state)}
    rows: list[Row] = []
    if len(told):
        rows = to_rows(told[told["rule"].isin(list(mine))])
    rows = [_below(c, row, frame) for row in _itemised(c, rows, frame)]
    seen = {str(row["rule"]) for row in rows}
    silent: list[str] = []
    for name, one in mine.items():
        if name in seen:
            continue
        make = _TESTS.get(one.condition.test)
        found = make(c, name, one, frame) if make else []
        rows += found
        if not found:
            silent.append(name)
    rows += _phase_related(c, frame)
    rows.sort(key=lambda row: str(row["rule"]))
    if silent:
        rows.append(_silent(c, silent))
    return from_rows(rows)


def _below(c: Community, row: Row, frame: pd.DataFrame) -> Row:
    """Note that the last month misses the standard although no warning fires (X-50)."""
    if row["rule"] != "W-04" or row["verdict"] != "passed":
        return row
    slug = c.protocol.warnings["W-04"].condition.indicator
    mine = frame[frame["finding"].eq(f"indicator.{slug}") & frame["target"].notna()]
    months = _months(c, str(slug))
    span = records.window(c, c.wave)
    if span is not None and len(months):
        months = months[months["period"].le(f"{span[1] - pd.Timedelta('1h'):%Y-%m}")]
    months = months[months["value"].notna()] if len(months) else months
    if mine.empty or not len(months):
        return row
    standard, last = 100 * float(mine["target"].iloc[0]), months.iloc[-1]
    if float(last["value"]) >= standard:
        return row
    zh, en = mine["target_zh"].iloc[0], mine["target_en"].iloc[0]
    return row | {
        "display_zh": f"{row['display_zh']}；{last['period']}为{last['value']:.1f}，低于标准{zh}",
        "display_en": f"{row['display_en']}; {last['period']} at {last['value']:.1f}, below the "
        f"standard {en}",
    }


def _itemised(c: Community, rows: list[Row], frame: pd.DataFrame) -> list[Row]:
    """Judge the use of funds by the itemised lines where there are any (W-01), not by hearsay.

    A lag that was reported stands beside what the lines show; the two that disagree about the
    warning are to be checked.
    """
    told = accounts.progress(c)
    if not told:
        return rows
    one, rule = told[0], c.protocol.warnings["W-01"]
    mine = [row for row in rows if row["rule"] == "W-01"]
    slug = rule.condition.indicator
    known = frame[frame["finding"].eq(f"indicator.{slug}") & frame["value"].notna()]
    said = [f"资金明细{one['display_zh']}", f"by the fund table {one['display_en']}"]
    if len(known):
        reported = float(known["value"].iloc[0])
        fires = bool(round(reported * 100, 9) >= float(rule.condition.above or 0))
        said[0] += f"；上报{number(reported, 'share', 'zh')}"
        said[1] += f"; reported {number(reported, 'share', 'en')}"
        if fires != (one["verdict"] == "failed"):
            said[0] += "，两者不一致，须核对"
            said[1] += ": they disagree and are to be checked"
    row = _row("W-01", rule, str(one["verdict"]), (said[0], said[1]), indicator=slug)
    row |= {k: one[k] for k in ("value", "unit", "numerator", "denominator", "period", "method")}
    return [r for r in rows if r not in mine] + [row]


def _silent(c: Community, names: list[str]) -> Row:
    listed = [(f"{n} {c.protocol.warnings[n].title.zh}", f"{n} {c.protocol.warnings[n].title.en}")
              for n in names]  # fmt: skip
    return {
        "finding": "warning.not_evaluated",
        "kind": "warning",
        "rule": "",
        "label_zh": "未评估的预警（没有数据、参数未定或由人复核）",
        "label_en": "Warnings not evaluated (no data, an open parameter, or for a person)",
        "status": "not_computed",
        "verdict": "cannot_tell",
        "reason_zh": "；".join(zh for zh, _ in listed),
        "reason_en": "; ".join(en for _, en in listed),
        "method": "scoring.warnings",
    }


def _row(name: str, one: Any, verdict: str, said: tuple[str, str], **more: Any) -> Row:
    """Make the row of one warning in words."""
    hit = verdict == "failed"
    head = {"failed": ("触发", "fired"), "passed": ("未触发", "did not fire"),
            "cannot_tell": ("无法判断", "cannot tell")}[verdict]  # fmt: skip
    return {
        "finding": f"warning.{name}",
        "kind": "warning",
        "rule": name,
        "severity": "yellow" if hit else "",
        "verdict": verdict,
        "label_zh": f"{name} {one.title.zh}",
        "label_en": f"{name} {one.title.en}",
        "display_zh": f"{head[0]}：{said[0]}" if said[0] else head[0],
        "display_en": f"{head[1]}: {said[1]}" if said[1] else head[1],
        "remedy_zh": one.effect.zh if hit else None,
        "remedy_en": one.effect.en if hit else None,
        "status": "ok",
        "method": "scoring.warnings",
    } | more


def _threshold(c: Community, name: str, one: Any, frame: pd.DataFrame) -> list[Row]:
    """Compare an indicator's value with the figure; an interval across it cannot tell."""
    from workbench.protocol.units import UNITS

    slug = one.condition.indicator
    mine = frame[frame["finding"].eq(f"indicator.{slug}") & frame["value"].notna()]
    if mine.empty:
        return []
    row = to_rows(judged_by(mine))[0]
    low_side = one.condition.below is not None
    bound = float(one.condition.below if low_side else one.condition.above)
    if UNITS[c.protocol.indicator(slug).unit].family == "share":
        bound /= 100
    ends = [float(v) for v in (row["ci_low"], row["ci_high"]) if v is not None and v == v]
    values = ends if len(ends) == 2 else [float(row["value"])]
    # without the dust of binary fractions: 0.3 − 0.1 reaches 0.2
    at, values = round(bound, 12), [round(v, 12) for v in values]
    fires = [
        (v < at if low_side else v > at) or (one.condition.inclusive and v == at) for v in values
    ]
    verdict = "failed" if all(fires) else "passed" if not any(fires) else "cannot_tell"
    unit = str(row["unit"])
    said = []
    for lang in ("zh", "en"):
        span = interval(values[0], values[1], unit, lang) if len(values) == 2 else ""
        value = number(float(row["value"]), unit, lang)
        said.append(value + ((f"（{span}）" if lang == "zh" else f" ({span})") if span else ""))
    more = {"indicator": slug, "value": float(row["value"]), "unit": unit, "target": bound}
    return [_row(name, one, verdict, (said[0], said[1]), **more)]


def _phase_related(c: Community, frame: pd.DataFrame) -> list[Row]:
    """Put beside a threshold that fires from day one the one that goes with the phase (X-28).

    The phase's own target where the programme dates one; else the way from the unit's baseline to
    the final target, covered evenly over the programme's months by the end of the phase.
    """
    known = c.protocol.resolutions.get("X-28")
    names = [n for n, w in c.protocol.warnings.items()
             if known is not None and w.condition.indicator in known.indicators]  # fmt: skip
    rows: list[Row] = []
    for name in names:
        one, slug = c.protocol.warnings[name], str(c.protocol.warnings[name].condition.indicator)
        mine = frame[frame["finding"].eq(f"indicator.{slug}") & frame["value"].notna()]
        if mine.empty:
            continue
        row = to_rows(judged_by(mine))[0]
        plan = _planned(c, slug)
        label = {
            "label_zh": f"{name} {one.title.zh}：与阶段相应的阈值",
            "label_en": f"{name} {one.title.en}: threshold of the phase",
        }
        more: Row = {"finding": f"warning.{name}.phase", "indicator": slug, **label}
        if isinstance(plan, tuple):
            more |= {"status": "not_computed", "reason_zh": plan[0], "reason_en": plan[1]}
            rows.append(_row(name, one, "cannot_tell", ("", ""), **more))
            continue
        ends = [float(row[k]) for k in ("ci_low", "ci_high") if pd.notna(row[k])]
        values = ends if len(ends) == 2 else [float(row["value"])]
        bound = round(plan["bound"], 12)
        late = [round(v, 12) < bound if plan["up"] else round(v, 12) > bound for v in values]
        verdict = "failed" if all(late) else "passed" if not any(late) else "cannot_tell"
        unit = str(row["unit"])
        said = [
            f"{number(float(row['value']), unit, lang)}{join}{number(bound, unit, lang)}"
            for lang, join in (("zh", "，阶段阈值"), ("en", ", threshold of the phase "))
        ]
        more |= {"value": float(row["value"]), "unit": unit, "target": bound}
        more |= {"reason_zh": plan["zh"], "reason_en": plan["en"]}
        rows.append(_row(name, one, verdict, (said[0], said[1]), **more))
    return rows


def _planned(c: Community, slug: str) -> Row | tuple[str, str]:
    """Give where an indicator should stand by the end of the phase; else the reason (zh, en)."""
    from workbench.assess.bridge import as_of_baseline
    from workbench.assess.indicators import unit_of, values
    from workbench.assess.sample import design

    phase = c.protocol.phases.get(str(c.settings.get("phase")))
    if phase is None:
        return "研究没有写明阶段", "the study names no phase"
    dated = c.protocol.targets([slug], phase=c.settings["phase"], unit=c.settings["unit"])[0]
    final = c.protocol.targets([slug], unit=c.settings["unit"])[0]
    up = final["direction"] != "down"
    scale = 100.0 if unit_of(c, slug) == "share" else 1.0
    if dated["status"] == "ok" and dated["due"] and dated["target_phase"]:
        said = {"zh": "取本阶段的目标（X-28）", "en": "the target of this phase (X-28)"}
        return {"bound": dated["value"] / scale, "up": up, **said}
    if final["status"] != "ok" or final["kind"] != "level":
        return "计划进度没有给定：没有目标", "planned progress is not given: there is no target"
    then = None
    if c.baseline:
        old = dataclasses.replace(as_of_baseline(c), settings={
            **as_of_baseline(c).settings, "scope": [slug]})  # fmt: skip
        then = values(old, design(c))[0].get("value")
    if then is None or pd.isna(then):
        return "没有本单位的基期值", "the unit has no baseline value of its own"
    months = [p.last_month for p in c.protocol.phases.values() if p.clock == phase.clock]
    share = phase.last_month / max(months)
    bound = then + (final["value"] / scale - then) * share
    unit = unit_of(c, slug)
    ends = [(number(then, unit, lang), number(final["value"] / scale, unit, lang))
            for lang in ("zh", "en")]  # fmt: skip
    return {
        "bound": bound,
        "up": up,
        "zh": f"基期{ends[0][0]}，最终目标{ends[0][1]}，按月平均推进，至本阶段末应走完{share:.0%}"
        "（测评方假设，X-28）",
        "en": f"from {ends[1][0]} at the baseline to {ends[1][1]}, evenly by month: {share:.0%} of "
        "the way by the end of this phase (assumption of the assessor, X-28)",
    }


def _months(c: Community, slug: str) -> pd.DataFrame:
    """Give the monthly values of an indicator in its printed unit; empty without any."""
    from workbench.protocol.units import UNITS

    measure = c.measures.get(slug, {})
    name = measure.get("measurement")
    if not name or not c.has("measurements"):
        return pd.DataFrame(columns=["period", "value"])
    told = periods(c, name, add=measure.get("statistic") == "sum", monthly=True)
    if told.empty:
        return pd.DataFrame(columns=["period", "value"])
    scale = 100.0 if UNITS[c.protocol.indicator(slug).unit].family == "share" else 1.0
    return told[["period"]].assign(value=(told["figure"] * scale).round(9))


def _monthly(c: Community, slug: str) -> bool:
    """Say whether a month of a series can be held against a figure of the indicator.

    What is added up over a window has no figure for one month: twelve activities a year are not
    twelve in each.
    """
    statistic = str(c.measures.get(slug, {}).get("statistic"))
    return statistic in {"last", "mean", "ratio_of_sums"}


def _below_standard(c: Community, name: str, one: Any, frame: pd.DataFrame) -> list[Row]:
    """Hold September to November against each monthly indicator's own target (W-05, X-51)."""
    from workbench.protocol.units import UNITS

    span = records.window(c, c.wave)
    if span is None:
        return []
    rows: list[Row] = []
    looked = 0
    for row in to_rows(frame[frame["target"].notna()]):
        slug, sign = str(row["indicator"]), str(row.get("target_zh") or "")[:1]
        if sign not in ("≥", "≤") or not _monthly(c, slug):
            continue
        months = _months(c, slug)
        year = f"{(span[1] - pd.Timedelta('1h')).year:04d}"
        watched = [f"{year}-{m}" for m in _WATCHED]
        months = months[months["period"].isin(watched)]
        if len(months) < (one.condition.consecutive or 1) or not months["value"].notna().any():
            continue
        looked += 1
        share = UNITS[c.protocol.indicator(slug).unit].family == "share"
        rule = {"id": name, "kind": "run", "indicator": slug, "run": one.condition.consecutive,
                "operator": "<" if sign == "≥" else ">", "severity": "yellow",
                "threshold": float(row["target"]) * (100.0 if share else 1.0)}  # fmt: skip
        card = to_rows(scoring.warnings(months.assign(indicator=slug), [rule]))[0]
        if card["verdict"] == "failed":
            listed = ", ".join(f"{float(v):.1f}" for v in str(card["values"]).split(", "))
            said = (f"{row['label_zh']}（{card['period']}）：{listed}",
                    f"{row['label_en']} ({card['period']}): {listed}")  # fmt: skip
            rows.append(_row(name, one, "failed", said, indicator=slug, period=card["period"],
                             finding=f"warning.{name}.{slug}"))  # fmt: skip
        elif card["verdict"] == "cannot_tell":  # a missing month is neither a pass nor a fail
            said = (f"{row['label_zh']}：{card['reason_zh']}",
                    f"{row['label_en']}: {card['reason_en']}")  # fmt: skip
            more = {"finding": f"warning.{name}.{slug}", "flags": card["flags"] or None}
            rows.append(_row(name, one, "cannot_tell", said, indicator=slug, **more))
    if rows or not looked:
        return rows
    return [_row(name, one, "passed", (f"{looked}项指标", f"{looked} indicators"))]


def _surge(c: Community, name: str, one: Any, frame: pd.DataFrame) -> list[Row]:
    """Look for a month far above the median of the three before it (W-07)."""
    size = c.protocol.parameter(one.condition.parameter)
    months = _months(c, str(one.condition.indicator))
    span = records.window(c, c.wave)
    if size is None or len(months) <= _BEFORE or span is None:
        return []
    slug = str(one.condition.indicator)
    rule = {"id": name, "kind": "jump", "indicator": slug,
            "threshold": float(size) / 100, "window": _BEFORE, "severity": "yellow"}  # fmt: skip
    log = scoring.warning_log(months.assign(indicator=slug), [rule])
    first, last = f"{span[0]:%Y-%m}", f"{span[1] - pd.Timedelta('1h'):%Y-%m}"
    log = log[log["period"].between(first, last) & log["condition"].notna()]
    if log.empty:
        return []
    hits = log[log["condition"].eq(1)]
    said = ", ".join(f"{p} {v:g}" for p, v in zip(hits["period"], hits["value"], strict=True))
    return [_row(name, one, "failed" if len(hits) else "passed", (said, said))]


def _overdue(c: Community, name: str, one: Any, frame: pd.DataFrame) -> list[Row]:
    """List requests past their own deadline, or conflicts without anybody within 24 hours."""
    if not c.has("requests"):
        return []
    drawn, span = records.drawn_at(c), records.window(c, c.wave)
    if span is None or drawn is None:
        return []
    hours = one.condition.above
    told = c.tables["requests"]
    # of this wave's months, and from before them what is still open: the oldest are the worst
    told = told[told["received"].lt(span[1]) & told["duplicate_of"].isna()]
    told = records.timed(told[told["received"].ge(span[0]) | told["closed"].isna()])
    if hours is not None:
        told = told[told["kind"].eq("dispute")]
        steps = [n for n in ("assigned", "answered", "closed") if n in told]
        done = told[steps].min(axis=1)  # whoever came first stepped in
        due = told["received"] + pd.Timedelta(hours=float(hours))
    else:
        told = told[told["due"].notna()]
        done, due = told["closed"], told["due"]
    if told.empty:
        return []
    late = done.fillna(drawn).gt(due)
    still = late & done.isna()
    n, k = len(told), int(late.sum())
    names = ", ".join(told.loc[late, "request"].astype(str).head(5)) + (" …" if k > 5 else "")
    left = int(still.sum())
    # answered in time is another matter: this is about being taken up, or about being closed
    what = (
        ("未按期办结", "not closed by the due time")
        if hours is None
        else (f"{hours:g}小时内无人受理", f"taken up by nobody within {hours:g} hours")
    )
    zh, en = (f"（{names}）", f" ({names})") if k else ("", "")
    said = (
        f"{n}件中{k}件{what[0]}，其中至今未了{left}件{zh}",
        f"{k} of {n} {what[1]}, {left} of them still so{en}",
    )
    return [_row(name, one, "failed" if k else "passed", said, numerator=k, denominator=n, n=n)]


def _below_award(c: Community, name: str, one: Any, frame: pd.DataFrame) -> list[Row]:
    """Hold the months after the award against the value at the award (W-09)."""
    day = awarded_on(c)
    if day is None or day == dt.date.min:
        return []
    rows: list[Row] = []
    looked = 0
    at = f"{day:%Y-%m}"
    for slug in c.measures:
        if not _monthly(c, slug):
            continue
        months = _months(c, slug)
        months = months[months["value"].notna()].sort_values("period")
        before, after = months[months["period"].le(at)], months[months["period"].gt(at)]
        better = {"up": 1.0, "down": -1.0}.get(str(c.protocol.indicator(slug).direction), 0.0)
        if before.empty or after.empty or not better:
            continue
        looked += 1
        then, now = float(before["value"].iloc[-1]), float(after["value"].iloc[-1])
        if better * now < better * then:
            label = c.protocol.indicator(slug).name
            period = str(after["period"].iloc[-1])
            said = (f"{label.zh}：获评时（{before['period'].iloc[-1]}）{then:g}，{period}为{now:g}",
                    f"{label.en}: {then:g} at the award ({before['period'].iloc[-1]}), {now:g} in "
                    f"{period}")  # fmt: skip
            rows.append(_row(name, one, "failed", said, finding=f"warning.{name}.{slug}",
                             indicator=slug, period=period))  # fmt: skip
    if rows or not looked:
        return rows
    return [_row(name, one, "passed", (f"{looked}项指标", f"{looked} indicators"))]


def _fact(c: Community, name: str, one: Any, frame: pd.DataFrame) -> list[Row]:
    """Name the disqualifying facts that hold, at once (W-10)."""
    if not c.has("facts") or "disqualifying_facts" not in c.protocol.parameters:
        return []
    listed = [str(f) for f in c.protocol.parameter("disqualifying_facts") or ()]
    facts = c.tables["facts"]
    mine = facts[facts["fact"].isin(listed)]
    held = mine[[bool(_truth(value)) for value in mine["value"]]]
    if held.empty:
        return [_row(name, one, "passed", ("", ""))]
    dates = held["date"].dt.strftime("%Y-%m-%d").fillna("")
    said = ", ".join(f"{f} {d}".strip() for f, d in zip(held["fact"], dates, strict=True))
    return [_row(name, one, "failed", (said, said), severity="red", date=dates.iloc[0] or None)]


def _falls(c: Community, name: str, one: Any, frame: pd.DataFrame) -> list[Row]:
    """Look for participation that fell so many waves in a row, by yearly values (W-11)."""
    wanted = [s for s in c.measures if "participation" in s and c.measures[s].get("measurement")]
    rows = []
    for slug in wanted if c.has("measurements") else []:
        told = c.tables["measurements"]
        told = told[told["indicator"].eq(c.measures[slug]["measurement"])]
        for pattern in (r"\d{4}-H[12]", r"\d{4}"):
            series = told[told["period"].str.fullmatch(pattern)]
            if series["period"].nunique() <= (one.condition.consecutive or 2):
                continue
            values = by_period(series, add=False).rename(columns={"figure": "v"})
            rule = {"id": name, "kind": "falls", "indicator": slug, "cadence": "sequence",
                    "run": one.condition.consecutive, "severity": "yellow"}  # fmt: skip
            frame_ = values[["period"]].assign(indicator=slug, value=values["v"])
            card = to_rows(scoring.warnings(frame_, [rule]))[-1]
            said = str(card["values"]) if card["verdict"] == "failed" else ""
            rows.append(_row(name, one, str(card["verdict"]), (said, said), indicator=slug,
                             period=card.get("period")))  # fmt: skip
            break
    return rows[:1]


_Test = Callable[["Community", str, Any, pd.DataFrame], list[Row]]
_TESTS: Mapping[str, _Test] = {
    "threshold": _threshold,
    "run_below_standard": _below_standard,
    "surge": _surge,
    "overdue": _overdue,
    "below_award": _below_award,
    "fact": _fact,
    "falls": _falls,
}
