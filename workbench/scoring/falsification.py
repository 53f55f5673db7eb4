"""Records that were made up: every test of a unit's records in one call, with base rate and remedy.

Inflated counts, rounding and heaped digits, surges and sprints before the inspection, faulty
devices, copied ledgers, forced sign-ins. The monthly notebook, every unit's notebook and the
notebook of field work call the same functions. A flag starts a check and is never a penalty.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from workbench.scoring import _periods
from workbench.scoring._frames import check_level
from workbench.scoring._periods import by_period
from workbench.scoring.plausibility import ALIKE, forced_sign_ins, inflation, rounding
from workbench.scoring.records import device_faults, digit_preference, recount, steps, surge
from workbench.survey.rows import from_rows, to_rows

__all__ = ["REMEDIES", "falsification"]

Row = dict[str, Any]

_MONTH = r"\d{4}-\d{2}"
_WINDOW = 2  # months of a sprint, as of `workbench.scoring.sprint`
_FEW = 5  # sign-ins below which nothing is called a heap
_NAMED = 5  # activities that are named

# test -> what to do next, and how often honest records are flagged (docs/methods/fieldwork.md)
REMEDIES: dict[str, tuple[str, str]] = {
    "digits": (
        "抽取原始台账与签到表，按日重新清点",
        "draw original ledgers and sign-in sheets, and count again day by day",
    ),
    "rounding": (
        "索取未取整的分子分母，抽查若干期",
        "ask for the numerators and denominators as counted; check some periods",
    ),
    "recount": (
        "扩大复核样本，并请上报方解释差异",
        "recount more, and ask who reported it to explain the difference",
    ),
    "surge": (
        "与往年同月和其他单位比较，抽查最近两月的活动照片与签到表",
        "compare with the same months of other years and with other units; check photos and sheets",
    ),
    "sprint": (
        "测评后一至两个月再暗访一次",
        "a mystery visit one or two months after the assessment",
    ),
    "device": (
        "查设备运维记录；故障期的数值以 device_window 判断剔除并说明",
        "look at the device's log; set the faulty periods aside by a device_window judgement",
    ),
    "copied": (
        "并排阅读两份台账，核对日期、地点与照片；共用表格的文字不算",
        "read both ledgers side by side: dates, places, photos; the words of a form do not count",
    ),
    "sign_in": (
        "问当时推送或组织了什么，抽取若干人电话核实",
        "ask what was sent out or organised at that time, and call some of the people",
    ),
}
_BASE: dict[str, tuple[str, str]] = {
    "digits": ("应约为20%；诚实记录约1%被标记", "20% are due; 1% of honest records are flagged"),
    "rounding": ("诚实记录不到1%被标记", "under 1% of honest records are flagged"),
    "recount": ("如实上报为1", "1 where reported as counted"),
    "surge": ("平稳记录约3%被标记", "about 3% of steady records are flagged"),
    "sprint": ("平稳记录约1%被标记", "about 1% of steady records are flagged"),
    "device": ("正常设备约3%被标记", "about 3% of sound devices are flagged"),
    "copied": ("", ""),
    "sign_in": ("诚实记录至多1%被标记", "at most 1% of honest records are flagged"),
}


def falsification(
    measurements: pd.DataFrame | None = None,
    *,
    documents: pd.DataFrame | None = None,
    events: pd.DataFrame | None = None,
    sign_ins: pd.DataFrame | None = None,
    assessed: Sequence[tuple[str, str]] = (),
    directions: Mapping[str, int] | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Run every test of falsified records on one unit's records.

    Parameters
    ----------
    measurements : DataFrame
        Canonical ``measurements`` of one unit.
    documents : DataFrame
        Canonical ``documents`` of the unit, with ``alike``; ledgers and activities with
        ``reported`` and ``verified`` are recounts too.
    events : DataFrame
        Questionnaires of the unit: ``time`` and, where known, ``answered``.
    sign_ins : DataFrame
        Canonical ``sign_ins`` of the unit: ``activity``, ``at``; ``answers`` (what the person did
        beside signing; missing is not known), ``person``, ``way`` where there are any.
    assessed : sequence of (wave, month)
        When the assessments took place, the current one last, month as ``2026-10``.
    directions : mapping
        Measurement → 1 where more is better, −1 where less is. Without it neither surge nor sprint.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        Findings (kind check, severity warning): ``finding`` ``records.<test>.<name>``, ``item``
        (measurement), ``statistic`` (test), ``value``, ``unit``, ``n``, ``base`` and ``base_zh``,
        ``base_en`` (what honest records give), ``verdict`` (failed: a check should start),
        ``label_zh``, ``label_en`` (name of the test), ``reason_zh``, ``reason_en``, ``remedy_zh``,
        ``remedy_en`` (what to do next), ``method``. A test for which there are no data is left out.
    """
    rows: list[Row] = []
    if documents is not None and {"kind", "alike"} <= set(documents):
        rows += _copied(documents)
    if documents is not None and {"reported", "verified"} <= set(documents):
        rows += _documents(documents, level)
    if measurements is not None and len(measurements):
        ways = directions or {}
        for name, mine in measurements.groupby("indicator", sort=True):
            one, months = str(name), mine[mine["period"].str.fullmatch(_MONTH)]
            rows += (_digits(one, mine) or _rounded(one, mine)) + _recounts(one, mine, level)
            rows += _surge(one, months, assessed, ways)
            rows += _sprints(one, months, assessed, ways, level)
            rows += _devices(one, months)
    if events is not None and len(events):
        rows += _events(events)
    if sign_ins is not None and len(sign_ins):
        rows += _activities(sign_ins)
    return from_rows(rows) if rows else pd.DataFrame(columns=list(_check(*_NOTHING)))


def _check(
    test: str, name: str, hit: bool, label: tuple[str, str], said: tuple[str, str], **more: Any
) -> Row:
    tail = ("（启动核查，不是处罚）", " (a check, not a penalty)") if hit else ("", "")
    row = {
        "finding": f"records.{test}.{name}",
        "kind": "check",
        "item": name,
        "statistic": test,
        "channel": "record",
        "severity": "warning",
        "reach": "indicator",
        "verdict": "failed" if hit else "passed",
        "label_zh": label[0],
        "label_en": label[1],
        "reason_zh": said[0] + tail[0],
        "reason_en": said[1] + tail[1],
        "base_zh": _BASE[test][0] or None,
        "base_en": _BASE[test][1] or None,
        "remedy_zh": REMEDIES[test][0] if hit else None,
        "remedy_en": REMEDIES[test][1] if hit else None,
        "status": "ok",
    }
    return row | more


_NOTHING = ("digits", "", False, ("", ""), ("", ""))


def _copied(documents: pd.DataFrame) -> list[Row]:
    """Say how many ledgers are like another unit's; which unit, the house knows (Q-02, C-08)."""
    alike = documents.loc[documents["kind"].eq("ledger"), "alike"].dropna()
    if alike.empty:
        alike = documents["alike"].dropna()
    if alike.empty:
        return []
    over = int(alike.ge(ALIKE).sum())
    said = (
        f"{len(alike)}份台账中{over}份与其他单位的某份台账有{ALIKE:.0%}以上的文字片段相同",
        f"{over} of {len(alike)} ledgers share {ALIKE:.0%} or more of their pieces of text with a "
        "ledger of another unit",
    )
    label = ("台账文字与其他单位雷同", "Ledgers alike in wording to those of other units")
    more = {"value": float(alike.max()), "unit": "share", "n": len(alike), "target": ALIKE}
    return [_check("copied", "ledgers", over > 0, label, said, **more,
                   method="scoring.text_overlap")]  # fmt: skip


def _recounted(name: str, both: pd.DataFrame, what: tuple[str, str], level: float) -> list[Row]:
    checked = recount(both)
    over = checked[checked["verdict"].eq("failed")]
    told = inflation(both, level=level)
    ratio = told["value"]
    if ratio is None:
        n = f"{told['numerator']:g}"
        times = (f"上报{n}，核实为零", f"{n} reported, none verified")
    else:
        times = (f"上报为复核的{ratio:.2f}倍", f"reported {ratio:.2f} times as much")
    said = (
        f"复核{len(both)}{what[0]}，{times[0]}，{len(over)}{what[0]}超出10%",
        f"{len(both)} {what[1]} recounted, {times[1]}, {len(over)} above 10%",
    )
    label = ("上报与复核", "reported against recounted")
    kept = {k: told[k] for k in ("ci_low", "ci_high", "level", "base") if k in told}
    more = {"value": ratio, "unit": "ratio", "n": len(both), "method": "scoring.recount"}
    return [_check("recount", name, len(over) > 0, label, said, **kept, **more)]


def _documents(documents: pd.DataFrame, level: float) -> list[Row]:
    """Hold what ledgers and activities reported against what was verified (Q-01, C-07)."""
    known = documents["reported"].notna() & documents["verified"].notna()
    counted = documents[known & documents["kind"].isin(["activity", "ledger"])]
    if counted.empty:
        return []
    both = counted[["reported", "verified"]].rename(columns={"verified": "recounted"})
    return _recounted("activities", both, ("份", "documents"), level)


def _recounts(name: str, mine: pd.DataFrame, level: float) -> list[Row]:
    """Hold what was reported against what a recount of the same period found."""
    again = mine[mine["origin"].eq("recount")].assign(origin="ledger")
    sides = {}
    for side, frame in (("reported", mine), ("recounted", again)):
        if frame["origin"].ne("recount").any():
            series = by_period(frame, add=True).set_index("period")
            sides[side] = series["value"].fillna(series["numerator"])
    both = pd.DataFrame(sides).reindex(columns=["reported", "recounted"]).dropna()
    if both.empty or (both < 0).any(axis=None):  # a figure that can be negative is no count
        return []
    return _recounted(name, both, ("期", "periods"), level)


def _digits(name: str, mine: pd.DataFrame) -> list[Row]:
    """Look for heaping on 0 and 5 in what people counted by hand."""
    by_hand = mine[mine["origin"].isin(["ledger", "self_report"])]
    values = by_hand["value"].fillna(by_hand["numerator"]).dropna()
    whole = values[values.mod(1).eq(0) & values.ge(10)]
    if len(whole) < 30 or len(whole) < len(values) / 2:
        return []
    told = digit_preference(whole).set_index("statistic")
    p, share = float(told["p_value"]["heaping"]), float(told["value"]["share_0_5"])
    said = (f"末位为0或5的占{share:.0%}，应约为20%", f"{share:.0%} end in 0 or 5, about 20% should")
    more = {"value": share, "unit": "share", "p_value": p, "n": len(whole), "base": 0.2}
    return [_check("digits", name, p < 0.01, ("末位数字", "last digits"), said, **more,
                   method="scoring.digit_preference")]  # fmt: skip


def _rounded(name: str, mine: pd.DataFrame) -> list[Row]:
    """Look for shares and figures given rounder than they can have been counted."""
    by_hand = mine[mine["origin"].isin(["ledger", "self_report"]) & mine["value"].notna()]
    values = by_hand["value"]
    if values.lt(0).any():
        return []
    shares = values.le(1).all() and values.mod(1).gt(0).any()  # counts of 0 and 1 are no shares
    percent = values * 100 if shares else values
    told = rounding(percent.round(6))
    if told.empty:
        return []
    one = told.sort_values("p_adjusted", kind="stable").iloc[0].to_dict()
    step = str(one["statistic"]).rpartition("_")[2]
    said = (
        f"{one['value']:.0%}是{step}的倍数，按其精度应为{one['base']:.1%}",
        f"{one['value']:.0%} are multiples of {step}; by their precision {one['base']:.1%} are due",
    )
    more = {"value": one["value"], "unit": "share", "p_value": one["p_adjusted"],
            "n": int(one["n"]), "base": one["base"], "method": "scoring.rounding"}  # fmt: skip
    hit = one["verdict"] == "failed"
    return [_check("rounding", name, hit, ("取整", "rounding"), said, **more)]


def _surge(
    name: str, months: pd.DataFrame, assessed: Sequence[tuple[str, str]], ways: Mapping[str, int]
) -> list[Row]:
    """Hold the last two months before field work against the months before."""
    if not assessed or name not in ways:
        return []
    series = by_period(months, add=True)
    if series.empty:
        return []
    if series["value"].isna().any() or series["value"].lt(0).any():
        return []
    series = series[series["period"].le(assessed[-1][1])]
    if len(series) < 6 or series["value"].mod(1).ne(0).any():
        return []
    told = to_rows(surge(series.assign(community="")))[0]
    if told["status"] != "ok" or math.isnan(told["value"]):
        return []
    said = (
        f"最近两月为此前月均的{told['value']:.2f}倍",
        f"the last two months hold {told['value']:.2f} times the monthly mean before",
    )
    more = {"value": float(told["value"]), "unit": "ratio", "p_value": told["p_value"],
            "n": told["n"], "base": 1.0, "method": "scoring.surge"}  # fmt: skip
    hit = told["verdict"] == "failed"
    return [_check("surge", name, hit, ("测评前突增", "surge before the assessment"), said, **more)]


def _sprints(
    name: str,
    months: pd.DataFrame,
    assessed: Sequence[tuple[str, str]],
    ways: Mapping[str, int],
    level: float,
) -> list[Row]:
    """Look for a step up before a wave's field work and a fall after it."""
    way = ways.get(name)
    if not way or months.empty or not assessed:
        return []
    check_level(level)
    figures = by_period(months, add=False)
    figures = figures[figures["figure"].notna()]
    places = np.array([_periods.number(p, "month") for p in figures["period"]], dtype=int)
    rows = []
    for wave, at in assessed:
        end = _periods.number(at, "month")
        told = steps(places, figures["figure"].to_numpy(), end, _WINDOW, way, level)
        if told[0]["verdict"] == "cannot_tell":
            continue
        up, down = (float(one["value"]) for one in told)
        hit = told[0]["verdict"] == "failed"
        said = (
            f"{at}测评前两期较此前{up:+.3g}，测评后两期{down:+.3g}",
            f"{up:+.3g} in the two periods to {at}, {down:+.3g} in the two after",
        )
        label = ("迎检突击与回落", "sprint and rebound")
        row = _check("sprint", name, hit, label, said, wave=wave, method="scoring.sprint")
        rows.append(row | {"finding": f"records.sprint.{name}.{at}", "value": up})
    return rows


def _devices(name: str, months: pd.DataFrame) -> list[Row]:
    """Look for devices that stand still, freeze or show what cannot be."""
    if not months["origin"].eq("device").any():
        return []
    share = months["numerator"].notna().any()
    bounds = (0.0, 1.0) if share else (0.0, float("inf"))
    rows = []
    for one in to_rows(device_faults(months.assign(community=""), bounds=bounds)):
        device = str(one["item"]) or "*"
        said = (
            f"{one['n']}期中缺{one['missing']}、不可能{one['impossible']}、停滞{one['frozen']}、"
            f"与人工抽查不符{one['apart']}（抽查{one['checked']}期）",
            f"of {one['n']} periods {one['missing']} missing, {one['impossible']} impossible, "
            f"{one['frozen']} frozen, {one['apart']} apart from {one['checked']} spot checks",
        )
        if one["periods"]:
            said = (f"{said[0]}：{one['periods']}", f"{said[1]}: {one['periods']}")
        label = (f"设备 {device}", f"device {device}")
        hit = one["verdict"] == "failed"
        row = _check("device", name, hit, label, said, value=float(one["value"]), unit="share",
                     n=int(one["n"]), target=0.05, method="scoring.device_faults")  # fmt: skip
        rows.append(row | {"finding": f"records.device.{name}.{device}"})
    return rows


def _events(events: pd.DataFrame) -> list[Row]:
    """Look for questionnaires in bursts, and for those without any content."""
    frame = events.assign(_unit="")
    answered = "answered" if "answered" in events else ""
    told = to_rows(forced_sign_ins(frame, group="_unit", answered=answered))
    if not told or told[0]["verdict"] == "cannot_tell":
        return []
    one = told[0]
    said = (
        f"{one['numerator']:.0f}份在十分钟内集中提交（共{one['n']}份）",
        f"{one['numerator']:.0f} of {one['n']} came in bursts of ten minutes",
    )
    if not math.isnan(one["empty"]):
        said = (f"{said[0]}，{one['empty']:.0%}没有任何回答",
                f"{said[1]}, {one['empty']:.0%} without any answer")  # fmt: skip
    label = ("集中提交与空白参与（强制签到）", "Bursts, and taking part without an answer")
    more = {"value": one["value"], "unit": "share", "n": int(one["n"])}
    hit = one["verdict"] == "failed"
    return [_check("sign_in", "responses", hit, label, said, **more,
                   method="survey.arrival_bursts")]  # fmt: skip


def _activities(sign_ins: pd.DataFrame) -> list[Row]:
    """Look for activities whose sign-ins were ordered or written in one go (Q-08, Q-09, S-21).

    A meeting begins with a rush: its bursts say nothing, heaps in one very second do. Bursts count
    where an activity goes on for more than a day. A time at midnight is a day alone.
    """
    frame = sign_ins[sign_ins["activity"].notna()].reset_index(drop=True)
    at = pd.to_datetime(frame["at"])
    at = at.where(at.ne(at.dt.normalize()))
    answered = "answers" if "answers" in frame and frame["answers"].notna().any() else ""
    told = forced_sign_ins(frame.assign(at=at), group="activity", time="at", answered=answered)
    told = told[told["status"].eq("ok")].set_index("item")
    if told.empty:
        return []
    whose = frame["activity"]
    heaped = _heaped(at, whose).groupby(whose).sum().reindex(told.index)
    days = at.groupby(whose).agg(lambda times: times.max() - times.min()).reindex(told.index)
    rushed = told["numerator"].where(days.gt(pd.Timedelta(days=1)), 0.0)
    sizes = whose.value_counts().reindex(told.index)
    bare = (told["empty"].fillna(0.0) * sizes).round().where(told["empty"].ge(0.1), 0.0)
    bare = bare.where(bare.ge(_FEW), 0.0)
    hits = told.index[(heaped + rushed + bare).gt(0)]
    parts = (
        (heaped, "人次与他人同一秒签到（成堆）", "in heaps of one very second"),
        (rushed, "人次在持续多日的活动中十分钟内集中签到", "in bursts of ten minutes, over days"),
        (bare, "人次签到而无任何参与", "signed in and did nothing else"),
    )
    seen = [(f"{n.sum():.0f}{zh}", f"{n.sum():.0f} {en}") for n, zh, en in parts if n.sum()]
    zh, en = "，".join(s[0] for s in seen), ", ".join(s[1] for s in seen)
    named = [str(name) for name in hits[:_NAMED]]
    more = " …" if len(hits) > _NAMED else ""
    said = (
        f"{len(told)}个活动共{int(sizes.sum())}人次签到，{len(hits)}个活动须核查"
        + (f"（{'、'.join(named)}{more}）：{zh}" if named else ""),
        f"{int(sizes.sum())} sign-ins at {len(told)} activities, {len(hits)} to look at"
        + (f" ({', '.join(named)}{more}): {en}" if named else ""),
    )
    label = ("活动签到（强制签到）", "Sign-ins at activities (forced sign-in)")
    more_ = {"value": len(hits) / len(told), "unit": "share", "n": int(sizes.sum()),
             "numerator": float(len(hits)), "denominator": float(len(told))}  # fmt: skip
    return [_check("sign_in", "activities", len(hits) > 0, label, said, **more_,
                   method="survey.arrival_bursts")]  # fmt: skip


def _heaped(at: pd.Series, whose: pd.Series) -> pd.Series:
    """Tell the sign-ins of a second that holds more than the minute around it explains.

    ``P(Poisson(others of that minute / 60) >= in the second - 1)``, times the number of seconds;
    below 1 %, five or more. Times without seconds say nothing.
    """
    out = pd.Series(False, index=at.index)
    second = at.dt.floor("s")
    parts = []
    for _, times in second.dropna().groupby(whose):
        if times.dt.second.eq(0).all():
            continue
        stamps = (times - times.min()).dt.total_seconds().to_numpy()
        held = np.sort(stamps)
        many = np.searchsorted(held, stamps, "right") - np.searchsorted(held, stamps, "left")
        near = np.searchsorted(held, stamps + 30, "right") - np.searchsorted(held, stamps - 30)
        usual = np.maximum(near - many, 1) / 60
        p = special.gammainc(many - 1.0 + (many < 2), usual)
        parts.append(pd.DataFrame({"n": many, "p": p, "t": stamps}, index=times.index))
    if not parts:
        return out
    found = pd.concat(parts)
    seconds = sum(part["t"].nunique() for part in parts)
    hit = found["n"].ge(_FEW) & (found["p"] * seconds).lt(0.01)
    out.loc[found.index] = hit
    return out
