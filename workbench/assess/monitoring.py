"""Monthly series and records: control charts, changes in retrospect, and records that look made up.

A flag starts a check and is never a penalty.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import scoring
from workbench.assess import records
from workbench.assess.series import by_period, ended
from workbench.errors import InputError
from workbench.findings import number

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["chart", "monitored", "record_checks", "until"]

Row = dict[str, Any]

_MONTH = r"\d{4}-\d{2}"
_ALIKE = 0.5  # likeness from which two ledgers are looked at
_FEWEST = 12  # months below which a chart has no centre line worth the name
_RULES = {
    "beyond_3_sd": ("1点超出3σ", "1 beyond 3σ"),
    "two_of_three_beyond_2_sd": ("3点中2点超出2σ", "2 of 3 beyond 2σ"),
    "four_of_five_beyond_1_sd": ("5点中4点超出1σ", "4 of 5 beyond 1σ"),
    "eight_on_one_side": ("连续8点在同侧", "8 on one side"),
}


def until(c: Community, month: str) -> Community:
    """Give the unit as its records stood at the end of a month (``YYYY-MM``); empty: all of them.

    Periods that had not ended, requests that had not come in, steps that had not been taken and
    facts that had not happened are not there; the months of records of each wave end with it.
    """
    if not month:
        return c
    end = (pd.Timestamp(f"{month}-01") + pd.DateOffset(months=1)).tz_localize(
        c.settings.get("timezone", "UTC")
    )
    tables, below = dict(c.tables), dict(c.below)
    for told in (tables, below):
        if "measurements" in told and len(told["measurements"]):
            frame = told["measurements"]
            known = {p: ended(str(p), end) for p in frame["period"].unique()}
            told["measurements"] = frame[frame["period"].map(known).astype(bool)]
    settings = dict(c.settings)
    if c.has("requests"):
        frame = tables["requests"][tables["requests"]["received"].lt(end)].copy()
        for step in ("assigned", "answered", "closed"):
            if step in frame:
                frame[step] = frame[step].where(frame[step].lt(end))
        gone = frame["closed"].isna() & tables["requests"].loc[frame.index, "closed"].notna()
        for column in ("outcome", "adopted", "satisfied"):
            if column in frame:
                frame[column] = frame[column].mask(gone)
        tables["requests"] = frame.reset_index(drop=True)
        drawn = records.drawn_at(c)
        last = end if drawn is None else min(end, drawn)
        settings["extracts"] = {**settings.get("extracts", {}), "requests": last.isoformat()}
    if c.has("facts") and "date" in tables["facts"]:
        day = tables["facts"]["date"]
        tables["facts"] = tables["facts"][day.isna() | day.lt(end.tz_localize(None))]
    settings["waves"] = [
        w | {"records": [w["records"][0], min(w["records"][1], month)]} if w.get("records") else w
        for w in settings["waves"]
    ]
    return dataclasses.replace(c, settings=settings, tables=tables, below=below)


def monitored(c: Community) -> pd.DataFrame:
    """Say of every monthly share whether it is in control, and where its level changed.

    Returns
    -------
    DataFrame
        ``monitor.<slug>.chart`` (kind check: failed where the p-chart, EWMA, CUSUM or a run rule
        signals within the last year; limits of the last month) and ``monitor.<slug>.level.<n>``
        (mean of each segment between change points, in retrospect). A month without counts breaks
        runs and is named. Empty without monthly counts.
    """
    if not c.has("measurements"):
        return pd.DataFrame()
    rows: list[Row] = []
    for slug, measure in c.measures.items():
        series = _counts(c, measure)
        if len(series) >= _FEWEST:
            rows += _charted(c, slug, series)
    return pd.DataFrame(rows)


def _counts(c: Community, measure: Any) -> pd.DataFrame:
    """Give numerator and denominator of every month from the first to the last."""
    name = measure.get("measurement")
    frame = c.tables["measurements"]
    frame = frame[frame["indicator"].eq(name) & frame["period"].str.fullmatch(_MONTH)]
    frame = frame[frame["numerator"].notna() & frame["denominator"].gt(0)]
    if frame.empty or not name:
        return pd.DataFrame()
    told = by_period(frame, add=True).set_index("period")
    every = [str(p) for p in pd.period_range(told.index.min(), told.index.max(), freq="M")]
    return told.reindex(every).rename_axis("period").reset_index()


def chart(c: Community, slug: str) -> pd.DataFrame:
    """Give the control chart of one indicator for a figure; see ``scoring.control_chart``."""
    series = _counts(c, c.measures.get(slug, {})) if c.has("measurements") else pd.DataFrame()
    if len(series) < _FEWEST:
        return pd.DataFrame()
    try:
        told = scoring.control_chart(series, baseline=_FEWEST, spread="laney")
    except InputError:
        return pd.DataFrame()
    name = c.protocol.indicator(slug).name
    return told.assign(
        fired=told["below"] | told["above"] | told["ewma_signal"].ne(""),
        target=told["centre"],
        unit="share",
        label_zh=name.zh,
        label_en=name.en,
    )


def _charted(c: Community, slug: str, series: pd.DataFrame) -> list[Row]:
    name = c.protocol.indicator(slug).name
    common = {"indicator": slug, "unit": "share", "channel": "record"}
    label = (f"{name.zh}：逐月控制图", f"{name.en}: monthly control chart")
    try:
        told = scoring.control_chart(series, baseline=_FEWEST, spread="laney")
    except InputError as error:
        problem = error.problems[0]
        return [
            {
                "finding": f"monitor.{slug}.chart",
                "kind": "check",
                **common,
                "severity": "warning",
                "reach": "indicator",
                "status": "not_computed",
                "label_zh": label[0],
                "label_en": label[1],
                "reason_zh": problem.zh,
                "reason_en": problem.en,
                "method": "scoring.control_chart",
            }
        ]
    recent = told.tail(12)
    signals = [
        (str(p), "p 图", "p-chart") for p in recent.loc[recent["below"] | recent["above"], "period"]
    ]
    for column, zh, en in (("ewma_signal", "EWMA", "EWMA"), ("cusum_signal", "CUSUM", "CUSUM")):
        hit = recent.loc[recent[column].ne(""), "period"]
        signals += [(str(hit.iloc[0]), zh, en)] if len(hit) else []
    runs = scoring.run_rules(told)
    runs = runs[runs["period"].isin(recent["period"]) & runs["rule"].ne("beyond_3_sd")]
    signals += [(str(r["period"]), *_RULES[str(r["rule"])]) for r in runs.to_dict("records")]
    gaps = [str(p) for p in series.loc[series["numerator"].isna(), "period"]]
    signals.sort()
    last = told[told["value"].notna()].iloc[-1]
    said = [
        "；".join(f"{p} {zh}" for p, zh, _ in signals) or "无信号",
        "; ".join(f"{p} {en}" for p, _, en in signals) or "no signal",
    ]
    missing = (
        ("；缺月：" + ", ".join(gaps), "; months missing: " + ", ".join(gaps)) if gaps else ("", "")
    )
    rows: list[Row] = [
        {
            "finding": f"monitor.{slug}.chart",
            "kind": "check",
            **common,
            "severity": "warning",
            "reach": "indicator",
            "verdict": "failed" if signals else "passed",
            "label_zh": label[0],
            "label_en": label[1],
            "period": str(last["period"]),
            "value": float(last["value"]),
            "ci_low": float(last["low"]),
            "ci_high": float(last["high"]),
            "target": float(last["centre"]),
            "n": int(last["n"]),
            "display_zh": number(float(last["value"]), "share", "zh"),
            "display_en": number(float(last["value"]), "share", "en"),
            "flags": "missing_period" if gaps else None,
            "reason_zh": said[0] + missing[0] + ("（启动核查，不是处罚）" if signals else ""),
            "reason_en": said[1] + missing[1] + (" (a check, not a penalty)" if signals else ""),
            "status": "ok",
            "method": "scoring.control_chart",
        }
    ]
    known = told[told["value"].notna()]
    try:
        parts = scoring.change_points(known).to_dict("records")
    except InputError:
        return rows
    for one in parts if len(parts) > 1 else []:
        span = f"{one['first']}–{one['last']}"
        rows.append(
            {
                "finding": f"monitor.{slug}.level.{one['segment']}",
                "kind": "estimate",
                **common,
                "label_zh": f"{name.zh}：{span}的水平（事后划分）",
                "label_en": f"{name.en}: level of {span} (in retrospect)",
                "period": f"{one['first']}..{one['last']}",
                "value": float(one["value"]),
                "n": int(one["n"]),
                "status": "ok",
                "method": "scoring.change_points",
            }
        )
    return rows


def record_checks(c: Community) -> pd.DataFrame:
    """Look for records that look made up: heaped digits, recounts, surges, sprints, devices.

    Returns
    -------
    DataFrame
        Findings ``records.<test>.<measurement>`` (kind check, severity warning): failed where a
        check should start. Tests for which the study has no data are left out.
    """
    rows = _copied(c)
    if not c.has("measurements"):
        return pd.DataFrame(rows)
    frame = c.tables["measurements"]
    slugs = {m["measurement"]: s for s, m in c.measures.items() if m.get("measurement")}
    for name, mine in frame.groupby("indicator", sort=True):
        slug = slugs.get(str(name))
        title = c.protocol.indicator(slug).name if slug else None
        who = (title.zh if title else str(name), title.en if title else str(name))
        for test in (_digits, _recounts, _surge, _sprints, _devices):
            rows += test(c, str(name), slug, who, mine)
    return pd.DataFrame(rows)


def _check(
    test: str,
    name: str,
    slug: str | None,
    label: tuple[str, str],
    hit: bool,
    said: tuple[str, str],
    method: str,
    **more: Any,
) -> Row:
    tail = ("（启动核查，不是处罚）", " (a check, not a penalty)") if hit else ("", "")
    return {
        "finding": f"records.{test}.{name}",
        "kind": "check",
        "indicator": slug,
        "channel": "record",
        "severity": "warning",
        "reach": "indicator",
        "verdict": "failed" if hit else "passed",
        "label_zh": label[0],
        "label_en": label[1],
        "reason_zh": said[0] + tail[0],
        "reason_en": said[1] + tail[1],
        "status": "ok",
        "method": method,
    } | more


def _copied(c: Community) -> list[Row]:
    """Say how many ledgers are like another unit's; which unit, the house knows (Q-02, C-08)."""
    if not c.has("documents") or "alike" not in c.tables["documents"]:
        return []
    alike = c.tables["documents"]["alike"].dropna()
    if alike.empty:
        return []
    over = int(alike.ge(_ALIKE).sum())
    said = (
        f"{len(alike)}份台账中{over}份与其他单位的某份台账有{_ALIKE:.0%}以上的文字片段相同",
        f"{over} of {len(alike)} ledgers share {_ALIKE:.0%} or more of their pieces of text with a "
        "ledger of another unit",
    )
    label = ("台账文字与其他单位雷同", "Ledgers alike in wording to those of other units")
    more = {"value": float(alike.max()), "unit": "share", "n": len(alike), "target": _ALIKE}
    return [
        _check("copied", "ledgers", None, label, over > 0, said, "scoring.text_overlap", **more)
    ]


def _digits(
    c: Community, name: str, slug: str | None, who: tuple[str, str], mine: pd.DataFrame
) -> list[Row]:
    """Look for heaping on 0 and 5 in what people counted by hand."""
    by_hand = mine[mine["origin"].isin(["ledger", "self_report"])]
    values = by_hand["value"].fillna(by_hand["numerator"]).dropna()
    whole = values[values.mod(1).eq(0) & values.ge(10)]
    if len(whole) < 30 or len(whole) < len(values) / 2:
        return []
    told = scoring.digit_preference(whole).set_index("statistic")
    p, share = float(told["p_value"]["heaping"]), float(told["value"]["share_0_5"])
    said = (f"末位为0或5的占{share:.0%}，应约为20%", f"{share:.0%} end in 0 or 5, about 20% should")
    label = (f"{who[0]}：末位数字", f"{who[1]}: last digits")
    more = {"value": share, "unit": "share", "p_value": p, "n": len(whole)}
    return [_check("digits", name, slug, label, p < 0.01, said, "scoring.digit_preference", **more)]


def _recounts(
    c: Community, name: str, slug: str | None, who: tuple[str, str], mine: pd.DataFrame
) -> list[Row]:
    """Hold what was reported against what a recount of the same period found."""
    again = mine[mine["origin"].eq("recount")].assign(origin="ledger")
    sides = {}
    for side, frame in (("reported", mine), ("recounted", again)):
        if frame["origin"].ne("recount").any():
            series = by_period(frame, add=True).set_index("period")
            sides[side] = series["value"].fillna(series["numerator"])
    both = pd.DataFrame(sides).reindex(columns=["reported", "recounted"]).dropna()
    if both.empty:
        return []
    checked = scoring.recount(both.reset_index())
    over = checked[checked["verdict"].eq("failed")]
    ratio = (
        float(both["reported"].sum() / both["recounted"].sum()) if both["recounted"].sum() else 0.0
    )
    said = (
        f"复核{len(both)}期，上报为复核的{ratio:.2f}倍，{len(over)}期超出10%",
        f"{len(both)} periods recounted, reported {ratio:.2f} times as much, {len(over)} above 10%",
    )
    label = (f"{who[0]}：上报与复核", f"{who[1]}: reported against recounted")
    more = {"value": ratio, "unit": "ratio", "n": len(both)}
    return [_check("recount", name, slug, label, len(over) > 0, said, "scoring.recount", **more)]


def _surge(
    c: Community, name: str, slug: str | None, who: tuple[str, str], mine: pd.DataFrame
) -> list[Row]:
    """Hold the last two months before field work against the months before."""
    months = mine[mine["period"].str.fullmatch(_MONTH) & mine["origin"].ne("recount")]
    series = by_period(months, add=True) if len(months) else pd.DataFrame()
    start = _assessed(c, c.wave)
    if series.empty or start is None or series["value"].isna().any():
        return []
    series = series[series["period"].le(start)]
    if len(series) < 6 or series["value"].mod(1).ne(0).any() or slug is None:
        return []
    told = scoring.surge(series.assign(community=c.community)).to_dict("records")[0]
    if told["status"] != "ok" or told["value"] != told["value"]:
        return []
    hit = told["verdict"] == "failed"
    said = (
        f"最近两月为此前月均的{told['value']:.2f}倍",
        f"the last two months hold {told['value']:.2f} times the monthly mean before",
    )
    label = (f"{who[0]}：测评前突增", f"{who[1]}: surge before the assessment")
    more = {
        "value": float(told["value"]),
        "unit": "ratio",
        "p_value": told["p_value"],
        "n": told["n"],
    }
    return [_check("surge", name, slug, label, hit, said, "scoring.surge", **more)]


def _assessed(c: Community, wave: str) -> str | None:
    for one in c.settings["waves"]:
        if one["id"] == wave and one.get("fieldwork"):
            return str(one["fieldwork"][0])[:7]
    return None


def _sprints(
    c: Community, name: str, slug: str | None, who: tuple[str, str], mine: pd.DataFrame
) -> list[Row]:
    """Look for a step up before a wave's field work and a fall after it."""
    months = mine[mine["period"].str.fullmatch(_MONTH)]
    if slug is None or months.empty:
        return []
    way = {"up": 1, "down": -1}.get(str(c.protocol.indicator(slug).direction))
    figures = by_period(months, add=False)
    series = figures.assign(community=c.community, value=figures["figure"])
    rows = []
    for wave in (c.baseline, c.wave):
        at = _assessed(c, wave) if wave else None
        if at is None or way is None:
            continue
        told = scoring.sprint(series, assessed=at, direction=way, level=c.level)
        both = told.set_index("statistic")
        if both.empty or both["verdict"].eq("cannot_tell").any():
            continue
        up, down = (float(both["value"][s]) for s in ("sprint", "rebound"))
        hit = bool(both["verdict"].eq("failed").all())
        said = (
            f"{at}测评前两期较此前{up:+.3g}，测评后两期{down:+.3g}",
            f"{up:+.3g} in the two periods to {at}, {down:+.3g} in the two after",
        )
        label = (f"{who[0]}：迎检突击与回落", f"{who[1]}: sprint and rebound")
        row = _check("sprint", name, slug, label, hit, said, "scoring.sprint", wave=wave)
        rows.append(row | {"finding": f"records.sprint.{name}.{at}", "value": up})
    return rows


def _devices(
    c: Community, name: str, slug: str | None, who: tuple[str, str], mine: pd.DataFrame
) -> list[Row]:
    """Look for devices that stand still, freeze or show what cannot be."""
    mine = mine[mine["period"].str.fullmatch(_MONTH)]
    if not mine["origin"].eq("device").any():
        return []
    share = mine["numerator"].notna().any()
    bounds = (0.0, 1.0) if share else (0.0, float("inf"))
    told = scoring.device_faults(mine.assign(community=c.community), bounds=bounds)
    rows = []
    for one in told.to_dict("records"):
        device = str(one["item"]) or "*"
        said = (
            f"{one['n']}期中缺{one['missing']}、不可能{one['impossible']}、停滞{one['frozen']}、"
            f"与人工抽查不符{one['apart']}（抽查{one['checked']}期）",
            f"of {one['n']} periods {one['missing']} missing, {one['impossible']} impossible, "
            f"{one['frozen']} frozen, {one['apart']} apart from {one['checked']} spot checks",
        )
        if one["periods"]:
            said = (f"{said[0]}：{one['periods']}", f"{said[1]}: {one['periods']}")
        label = (f"{who[0]}：设备 {device}", f"{who[1]}: device {device}")
        row = _check("device", name, slug, label, one["verdict"] == "failed", said,
                     "scoring.device_faults", value=float(one["value"]), unit="share",
                     n=int(one["n"]), target=0.05)  # fmt: skip
        rows.append(row | {"finding": f"records.device.{name}.{device}"})
    return rows
