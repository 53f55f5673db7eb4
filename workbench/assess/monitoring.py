"""Monthly series and records: control charts, changes in retrospect, and records that look made up.

A flag starts a check and is never a penalty.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import scoring, text
from workbench.assess import handled, records
from workbench.assess.series import by_period, ended
from workbench.errors import InputError
from workbench.findings import number
from workbench.survey.rows import from_rows, to_rows

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["chart", "monitored", "outlook", "record_checks", "until"]

Row = dict[str, Any]

_MONTH = r"\d{4}-\d{2}"
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
    if c.has("sign_ins"):
        tables["sign_ins"] = tables["sign_ins"][tables["sign_ins"]["at"].lt(end)]
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
    signals += [(str(r["period"]), *_RULES[str(r["rule"])]) for r in to_rows(runs)]
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
        parts = to_rows(scoring.change_points(known))
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


def outlook(c: Community) -> pd.DataFrame:
    """Say how many requests the next three months may bring: exploratory, in no signed report.

    Returns
    -------
    DataFrame
        ``monitor.outlook.requests.<YYYY-MM>`` (with the interval of `workbench.text.forecast`) and
        ``monitor.outlook.requests.error`` (by how much the rule missed, beside "as last month"),
        flagged ``exploratory``. Empty where the months of records are too few.
    """
    series = _monthly(c)
    if series.empty:
        return series
    told = to_rows(text.forecast(series))
    error, naive = (next(r for r in told if r["statistic"] == name)
                    for name in ("backtest_mae", "naive_mae"))  # fmt: skip
    said = ("探索性外推，不进入签名报告", "exploratory: in no signed report")
    if "worse_than_naive" in error["flags"]:
        said = (
            f"{said[0]}；误差大于“与上月相同”",
            f"{said[1]}; it missed by more than “as last month”",
        )
    rows: list[Row] = []
    for one in told:
        if one["statistic"] != "forecast" or one["status"] != "ok":
            continue
        kept = "value ci_low ci_high level n period status flags method".split()
        rows.append(
            {
                "finding": f"monitor.outlook.requests.{one['period']}",
                "kind": "estimate",
                "channel": "record",
                "unit": "count",
                "label_zh": f"{one['period']}可能受理的诉求（由过去{len(series)}个月外推）",
                "label_en": f"Requests that {one['period']} may bring (from {len(series)} months)",
                "reason_zh": said[0],
                "reason_en": said[1],
            }
            | {name: one[name] for name in kept}
        )
    if rows:
        last = [number(float(naive["value"]), "ratio", lang) for lang in ("zh", "en")]
        rows.append(
            {
                "finding": "monitor.outlook.requests.error",
                "kind": "estimate",
                "channel": "record",
                "unit": "ratio",
                "label_zh": "外推下一个月时的平均误差（件）",
                "label_en": "Mean error one month ahead (requests)",
                "reason_zh": f"“与上月相同”的误差为{last[0]}；{said[0]}",
                "reason_en": f"“as last month” missed by {last[1]}; {said[1]}",
            }
            | {name: error[name] for name in ("value", "n", "status", "flags", "method")}
        )
    return pd.DataFrame(rows)


def _monthly(c: Community) -> pd.DataFrame:
    """Count requests by month, without duplicates, over the last unbroken months of records."""
    spans = [w["records"] for w in c.settings["waves"] if w.get("records")]
    known = {str(p) for first, last in spans for p in pd.period_range(first, last, freq="M")}
    if not known or not c.has("requests"):
        return pd.DataFrame()
    last = max(known)
    run = pd.period_range(min(known), last, freq="M").astype(str)
    gaps = [n for n, month in enumerate(run, 1) if month not in known]
    frame = c.tables["requests"]
    months = frame.loc[frame["duplicate_of"].isna(), "received"].dt.strftime("%Y-%m")
    counts = months.value_counts().reindex(run[gaps[-1] if gaps else 0 :], fill_value=0)
    return pd.DataFrame({"period": counts.index, "value": counts.to_numpy()})


def record_checks(c: Community) -> pd.DataFrame:
    """Look for records that look made up: :func:`workbench.scoring.falsification`, `same_times`.

    Returns
    -------
    DataFrame
        Findings ``records.<test>.<measurement>`` (kind check, severity warning): failed where a
        check should start, with the base rate and what to do next. Tests for which the study has no
        data are left out.
    """
    slugs = {m["measurement"]: s for s, m in c.measures.items() if m.get("measurement")}
    ways = {"up": 1, "down": -1}
    counted = c.has("measurements")
    waves = (c.baseline, c.wave) if counted else ()
    found = scoring.falsification(
        c.tables["measurements"] if counted else None,
        documents=c.tables.get("documents"),
        sign_ins=c.tables.get("sign_ins"),
        events=_answers_as_events(c),
        assessed=[(w, month) for w in waves if w and (month := _assessed(c, w))],
        directions={
            name: ways.get(str(c.protocol.indicator(slug).direction), 0)
            for name, slug in slugs.items()
        },
        level=float(c.settings.get("decisions", {}).get("level", 0.95)),
    )
    rows: list[dict[Any, Any]] = []
    if c.has("requests"):
        rows += handled.same_time(c, records.timed(records.cases(c, c.wave)))
    for row in to_rows(found):
        slug = slugs.get(row["item"])
        title = c.protocol.indicator(slug).name if slug else None
        if row["item"] not in _OF_THE_UNIT:
            who = (title.zh, title.en) if title else (row["item"], row["item"])
            row["label_zh"] = f"{who[0]}：{row['label_zh']}"
            row["label_en"] = f"{who[1]}: {row['label_en']}"
        rows.append({k: v for k, v in row.items() if k != "item"} | {"indicator": slug})
    return from_rows(rows)


_OF_THE_UNIT = ("ledgers", "activities", "responses")  # not a measurement's name


def _answers_as_events(c: Community) -> pd.DataFrame | None:
    """Give this wave's questionnaires as sign-ins: when they came, how many answers they hold."""
    if not c.has("responses") or "finished" not in c.tables["responses"]:
        return None
    frame = c.tables["responses"]
    frame = frame[frame["wave"].eq(c.wave)]
    items = [i for i in c.items("satisfaction", "importance", "behaviour", "other") if i in frame]
    if frame.empty or not items:
        return None
    return pd.DataFrame({"time": frame["finished"], "answered": frame[items].notna().sum(axis=1)})


def _assessed(c: Community, wave: str) -> str | None:
    for one in c.settings["waves"]:
        if one["id"] == wave and one.get("fieldwork"):
            return str(one["fieldwork"][0])[:7]
    return None
