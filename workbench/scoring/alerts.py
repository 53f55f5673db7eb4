"""Early warnings as data: rules, the log of their evaluation, and the cards they give."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import InputError, Problem
from workbench.scoring import _periods
from workbench.scoring._frames import Floats, need, no_duplicates, numbers, refuse, words
from workbench.survey.rows import from_rows

__all__ = ["RULE_KEYS", "warning_log", "warnings"]

RULE_KEYS: dict[str, tuple[str, ...]] = {
    "run": ("threshold", "operator"),
    "plan_gap": ("threshold",),
    "below_reference": (),
    "falls": ("run",),
    "jump": ("threshold", "window"),
    "event": (),
    "overdue": (),
}
"""Kinds of rule, each with the parameters it cannot do without."""

_COMMON = ("id", "kind", "indicator", "cadence", "severity", "effect_zh", "effect_en", "zh", "en",
           "months", "run", "threshold", "operator", "window", "direction", "limit_hours",
           "source", "applies_to")  # fmt: skip
_OPERATORS = {"<": np.less, "<=": np.less_equal, "≤": np.less_equal,
              ">": np.greater, ">=": np.greater_equal, "≥": np.greater_equal}  # fmt: skip
_LOG = ["rule", "community", "indicator", "period", "value", "threshold", "condition",
        "run_length", "outcome", "reason_zh", "reason_en"]  # fmt: skip


def _check(rules: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    out, problems = [], []
    for rule in rules:
        r = dict(rule)
        name = str(r.get("id", "?"))

        def wrong(zh: str, en: str, expected: str, found: object, name: str = name) -> Problem:
            return Problem(code="scoring.warning-rule", zh=f"预警规则 {name}：{zh}",
                           en=f"warning rule {name}: {en}", expected=expected,
                           found=str(found))  # fmt: skip

        unknown = sorted(set(r) - set(_COMMON))
        if unknown:
            problems.append(
                wrong("未知的键", "unknown key", ", ".join(_COMMON), ", ".join(unknown))
            )
        if r.get("kind") not in RULE_KEYS:
            problems.append(
                wrong("未知的种类", "unknown kind", ", ".join(RULE_KEYS), r.get("kind"))
            )
        if "id" not in r or "indicator" not in r:
            problems.append(
                wrong("缺 id 或 indicator", "id or indicator is missing", "both", sorted(r))
            )
        if r.get("operator") is not None and r["operator"] not in _OPERATORS:
            problems.append(
                wrong("未知的比较", "unknown operator", " ".join(_OPERATORS), r["operator"])
            )
        if r.get("cadence", "month") not in (*_periods.PATTERNS, "sequence"):
            problems.append(wrong("未知的频率", "unknown cadence", ", ".join(_periods.PATTERNS),
                                  r["cadence"]))  # fmt: skip
        if r.get("run") is not None and int(r["run"]) < 1:
            problems.append(wrong("run 小于 1", "run below 1", "≥ 1", r["run"]))
        out.append(r)
    ids = [str(r.get("id")) for r in out]
    if len(set(ids)) < len(ids):
        problems.append(Problem(code="scoring.warning-rule", zh="预警规则编号重复",
                                en="a rule id occurs twice", found=", ".join(ids)))  # fmt: skip
    if problems:
        raise InputError(*problems)
    return out


def warning_log(
    series: pd.DataFrame,
    rules: Iterable[Mapping[str, Any]],
    *,
    as_of: dt.datetime | None = None,
    through: str | None = None,
) -> pd.DataFrame:
    """Evaluate every rule on every period and write down what was looked at.

    Parameters
    ----------
    series : DataFrame
        One row per community, indicator and period: ``indicator``, ``period`` (YYYY, YYYY-H1,
        YYYY-Q1, YYYY-MM, YYYY-Www, YYYY-MM-DD), ``value`` (missing: not reported), ``community``;
        for some kinds ``plan``, ``standard``, ``reference``, ``due``, ``done``.
    rules : iterable of mapping
        ``id``, ``kind``, ``indicator`` (slug, list, or ``*`` for all in the series), ``cadence``
        (default month; ``sequence``: as they follow, no calendar), ``run`` (periods in a row,
        default 1), ``months`` (calendar months in which the rule looks), and by kind:

        run
            ``operator`` and ``threshold`` say when the condition holds; threshold ``standard``
            takes the column of that name.
        plan_gap
            ``plan − value ≥ threshold``, in the unit of the values (share points).
        below_reference
            value worse than ``reference`` (``direction`` 1 up, −1 down).
        falls
            value below that of the period before, ``run`` times in a row.
        jump
            value above (1 + threshold) × the median of the ``window`` periods before.
        event
            value other than 0.
        overdue
            ``done`` (or ``as_of`` while open) later than ``due``; or, without ``due``, more than
            ``limit_hours`` after ``period`` (a time).
    as_of : datetime
        The day of the evaluation; needed for ``overdue``.
    through : str, optional
        Last period that should be there; months missing at the end are then seen as well.

    Returns
    -------
    DataFrame
        One row per rule, community, indicator and period: ``value``, ``threshold``, ``condition``
        (1, 0 or missing), ``run_length``, ``outcome`` (ok, watch: condition holds, run not long
        enough yet; warning: card given here; continued: run goes on after its card; missing;
        not_evaluated), ``reason_zh``, ``reason_en``.

    Raises
    ------
    InputError
        A rule of unknown kind or with unknown keys, a period not written as the cadence wants, the
        same period twice.

    Notes
    -----
    Values are compared as stored, never rounded. A missing period neither passes nor fails: it
    breaks the run. A rule whose parameter is not given is not evaluated, and says so.

    References
    ----------
    Rules W-01 to W-12, programmes chapter 2.7.
    """
    checked = _check(rules)
    need(series, ("indicator", "period", "value"), of="series")
    if "community" not in series.columns:
        series = series.assign(community="")
    frames = []
    for rule in checked:
        wanted = rule["indicator"]
        seen = list(dict.fromkeys(words(series, "indicator")))
        names = seen if wanted == "*" else [wanted] if isinstance(wanted, str) else list(wanted)
        lacking = [k for k in RULE_KEYS[rule["kind"]] if rule.get(k) is None]
        for name in names:
            part = series[series["indicator"] == name]
            if lacking or part.empty:
                frames.append(_not_evaluated(rule, name, lacking, series))
                continue
            for community, own in part.groupby("community", sort=True, dropna=False):
                rows = _evaluate(rule, own, as_of, through)
                frames.append(rows.assign(community=community, indicator=name, rule=rule["id"]))
    out = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=_LOG)
    return out.reindex(columns=_LOG)


def _not_evaluated(
    rule: dict[str, Any], name: str, lacking: list[str], series: pd.DataFrame
) -> pd.DataFrame:
    communities = list(dict.fromkeys(series["community"])) or [""]
    if lacking:
        zh = f"规则参数未给出：{', '.join(lacking)}"
        en = f"parameter of the rule not given: {', '.join(lacking)}"
    else:
        zh, en = f"没有指标 {name} 的数据", f"there is no series of {name}"
    return pd.DataFrame({"community": communities, "rule": rule["id"], "indicator": name,
                         "period": "", "value": np.nan, "outcome": "not_evaluated",
                         "reason_zh": zh, "reason_en": en})  # fmt: skip


def _evaluate(
    rule: dict[str, Any], own: pd.DataFrame, as_of: dt.datetime | None, through: str | None
) -> pd.DataFrame:
    kind = rule["kind"]
    if kind in ("event", "overdue"):
        return _events(rule, own, as_of)
    no_duplicates(own, ("community", "indicator", "period"), of="series")
    own, calendar = _calendar(rule, own, through)
    value = numbers(own, "value")
    condition, threshold = _condition(rule, own, value)
    wanted = int(rule.get("run") or 1)
    outcome, length = [], []
    count = 0
    months = rule.get("months")
    for i, holds in enumerate(condition):
        outside = months is not None and _periods.month_of(calendar[i], "month") not in months
        if np.isnan(holds) or outside:
            count = 0
            outcome.append("not_evaluated" if outside or not np.isnan(value[i]) else "missing")
        elif holds == 0:
            count = 0
            outcome.append("ok")
        else:
            count += 1
            outcome.append(
                "watch" if count < wanted else "warning" if count == wanted else "continued"
            )
        length.append(count)
    zh = np.where(np.array(outcome) == "missing", "该期缺失：既不算合格也不算不合格", "")
    en = np.where(np.array(outcome) == "missing", "period missing: neither a pass nor a fail", "")
    return pd.DataFrame({"period": own["period"].to_numpy(), "value": value,
                         "threshold": threshold, "condition": condition, "run_length": length,
                         "outcome": outcome, "reason_zh": zh, "reason_en": en})  # fmt: skip


def _calendar(
    rule: dict[str, Any], own: pd.DataFrame, through: str | None
) -> tuple[pd.DataFrame, list[int]]:
    """Sort by time and fill in the periods that are not there."""
    cadence = rule.get("cadence", "month")
    own = own.assign(period=words(own, "period"))
    if cadence == "sequence":
        own = own.sort_values("period", kind="stable").reset_index(drop=True)
        return own, list(range(len(own)))
    places = [_periods.number(p, cadence) for p in own["period"]]
    last = max(places)
    if through is not None:
        last = max(last, _periods.number(through, cadence))
    own = own.assign(_place=places).set_index("_place").sort_index()
    every = list(range(min(places), last + 1))
    own = own.reindex(every)
    own["period"] = [_periods.text(p, cadence) for p in every]
    return own.reset_index(drop=True), every


def _condition(rule: dict[str, Any], own: pd.DataFrame, value: Floats) -> tuple[Floats, Floats]:
    kind, bound = rule["kind"], rule.get("threshold", np.nan)
    threshold = np.full(len(value), np.nan)
    with np.errstate(invalid="ignore"):
        if kind == "run":
            if bound == "standard":
                threshold = numbers(own, "standard")
            else:
                threshold = np.full(len(value), float(bound))
            holds = _OPERATORS[rule["operator"]](value, threshold)
        elif kind == "plan_gap":
            plan = numbers(own, "plan")
            threshold = plan - float(bound)
            # a gap of exactly the threshold counts, also when it is not exact in binary
            holds = plan - value >= float(bound) - 1e-12
        elif kind == "below_reference":
            threshold = numbers(own, "reference")
            sign = float(rule.get("direction", 1))
            holds = sign * value < sign * threshold
        elif kind == "falls":
            threshold = np.concatenate([[np.nan], value[:-1]])
            holds = value < threshold
        else:
            window = int(rule["window"])
            before = pd.Series(value).shift(1).rolling(window, min_periods=window).median()
            threshold = (1 + float(bound)) * before.to_numpy(dtype=float)
            holds = value > threshold
    known = ~(np.isnan(value) | np.isnan(threshold))
    return np.where(known, holds.astype(float), np.nan), threshold


def _events(rule: dict[str, Any], own: pd.DataFrame, as_of: dt.datetime | None) -> pd.DataFrame:
    value = numbers(own, "value")
    period = words(own, "period")
    if rule["kind"] == "event":
        condition = np.where(np.isnan(value), np.nan, (value != 0).astype(float))
    else:
        if as_of is None:
            raise refuse("as-of", "判断是否超期需要给出评估日期", "overdue needs the day: as_of")
        start = _times(own, "period", as_of)
        due = _times(own, "due", as_of)
        if rule.get("limit_hours") is not None:
            due = due.fillna(start + pd.Timedelta(hours=float(rule["limit_hours"])))
        now = pd.Timestamp(as_of)
        now = now if as_of.tzinfo is None else now.tz_convert("UTC")
        done = _times(own, "done", as_of).fillna(now)
        late = (done > due).to_numpy()
        condition = np.where(due.isna().to_numpy(), np.nan, late.astype(float))
    outcome = np.select([condition == 1, condition == 0], ["warning", "ok"], "missing")
    unknown = outcome == "missing"
    return pd.DataFrame({"period": period, "value": value, "condition": condition,
                         "run_length": np.nan_to_num(condition).astype(int), "outcome": outcome,
                         "reason_zh": np.where(unknown, "缺少判断所需的日期或数值", ""),
                         "reason_en": np.where(unknown, "a date or value that is needed is missing",
                                               "")})  # fmt: skip


def _times(own: pd.DataFrame, column: str, as_of: dt.datetime) -> pd.Series:
    """Read times of a column; those without an offset are in the zone of ``as_of``."""
    out = []
    for text in words(own, column):
        stamp = pd.to_datetime(text, errors="coerce", format="ISO8601") if text else pd.NaT
        if not pd.isna(stamp) and as_of.tzinfo is not None:
            stamp = stamp.tz_localize(as_of.tzinfo) if stamp.tzinfo is None else stamp
            stamp = stamp.tz_convert("UTC")
        elif not pd.isna(stamp) and stamp.tzinfo is not None:
            raise refuse("zone", "时间带时区而评估时间不带", "times have a zone, as_of has none",
                         column=column)  # fmt: skip
        out.append(stamp)
    zone = "UTC" if as_of.tzinfo is not None else None
    return pd.Series(pd.DatetimeIndex(out, tz=zone), index=own.index)


def warnings(
    series: pd.DataFrame,
    rules: Iterable[Mapping[str, Any]],
    *,
    as_of: dt.datetime | None = None,
    through: str | None = None,
) -> pd.DataFrame:
    """Give the warning cards, and one row for every rule that gave none.

    Parameters
    ----------
    series, rules, as_of, through
        As for :func:`warning_log`, which shows every evaluation behind a row given here.

    Returns
    -------
    DataFrame
        One row per card; for ``event`` and ``overdue`` one per community and indicator. A rule
        without a card has one row. ``finding`` (``warning.W-04``; with the indicator where a rule
        watches several; further cards numbered), ``rule``, ``community``, ``indicator``,
        ``verdict`` (failed: card given; passed; cannot_tell: not evaluated, or a missing period
        might have completed a run), ``severity``, ``period`` (of the card), ``values`` (as stored,
        ``84, 83, 84``), ``value``, ``target`` (the bound compared with), ``n`` (cards), ``flags``
        (``missing_period``), ``status``, ``reason_zh``, ``reason_en``, ``method``.

    Notes
    -----
    A card starts a procedure and is no penalty. One run gives one card, dated at the period that
    completes it.

    References
    ----------
    Rules W-01 to W-12, R-50.

    Examples
    --------
    >>> rule = {"id": "W-04", "kind": "run", "indicator": "sorting", "operator": "<",
    ...         "threshold": 85, "run": 3, "severity": "yellow"}
    >>> months = pd.DataFrame({"indicator": "sorting", "value": [84, 83, 84],
    ...                        "period": ["2026-01", "2026-02", "2026-03"]})
    >>> warnings(months, [rule])[["verdict", "period", "values"]].iloc[0].tolist()
    ['failed', '2026-03', '84, 83, 84']
    """
    checked = _check(rules)
    log = warning_log(series, checked, as_of=as_of, through=through)
    by_id = {r["id"]: r for r in checked}
    records: list[dict[str, Any]] = []
    for (rule_id, community, indicator), part in log.groupby(
        ["rule", "community", "indicator"], sort=False, dropna=False
    ):
        rule = by_id[rule_id]
        single = isinstance(rule["indicator"], str) and rule["indicator"] != "*"
        stem = f"warning.{rule_id}" + ("" if single else f".{indicator}")
        common = {
            "rule": rule_id,
            "community": community,
            "indicator": indicator,
            "severity": str(rule.get("severity", "warning")),
            "effect_zh": str(rule.get("effect_zh", "")),
            "effect_en": str(rule.get("effect_en", "")),
        }
        cards = _cards(rule, part)
        gaps = part["outcome"].eq("missing")
        flags = "missing_period" if gaps.any() else ""
        for k, card in enumerate(cards):
            name = stem if k == 0 else f"{stem}.{k + 1}"
            records.append({"finding": name, **common, **card, "flags": flags})
        if not cards:
            quiet = _quiet(rule, part, gaps)
            records.append({"finding": stem, **common, **quiet, "n": 0, "flags": flags})
    columns = ["finding", "rule", "community", "indicator", "verdict", "severity", "period",
               "values", "value", "target", "n", "flags", "status", "reason_zh", "reason_en",
               "effect_zh", "effect_en"]  # fmt: skip
    out = from_rows(records).reindex(columns=columns)
    if "community" not in series.columns:
        out = out.drop(columns="community")
    return out.assign(method="scoring.warnings")


def _cards(rule: dict[str, Any], part: pd.DataFrame) -> list[dict[str, Any]]:
    part = part.reset_index(drop=True)
    hits = np.flatnonzero(part["outcome"].eq("warning"))
    if len(hits) == 0:
        return []
    if rule["kind"] in ("event", "overdue"):
        dates = sorted(part.loc[hits, "period"])
        listed = ", ".join(dates[:5]) + (" …" if len(dates) > 5 else "")
        return [_card(listed, dates[0], np.nan, np.nan, len(hits), f"{len(hits)} 起：{listed}",
                      f"{len(hits)} cases: {listed}")]  # fmt: skip
    out = []
    for i in hits:
        first = i - int(part["run_length"].iloc[i]) + 1 - (rule["kind"] == "falls")
        run = part.iloc[max(first, 0) : i + 1]
        listed = ", ".join(f"{v:.10g}" for v in run["value"])
        span = f"{run['period'].iloc[0]} – {run['period'].iloc[-1]}"
        out.append(_card(listed, str(run["period"].iloc[-1]), float(run["value"].iloc[-1]),
                         float(run["threshold"].iloc[-1]), len(hits),
                         f"{span}：{listed}", f"{span}: {listed}"))  # fmt: skip
    return out


def _card(
    listed: str, period: str, value: float, bound: float, n: int, zh: str, en: str
) -> dict[str, Any]:
    return {"verdict": "failed", "period": period, "values": listed, "value": value,
            "target": bound, "n": n, "status": "ok", "reason_zh": zh, "reason_en": en}  # fmt: skip


def _quiet(rule: dict[str, Any], part: pd.DataFrame, gaps: pd.Series) -> dict[str, Any]:
    """Tell why there is no card: the condition never held long enough, or it cannot be told."""
    dumb = part["outcome"].eq("not_evaluated").all()
    if dumb:
        zh = str(part["reason_zh"].iloc[0]) or "没有可判断的期间"
        en = str(part["reason_en"].iloc[0]) or "there is no period to judge"
        return {"verdict": "cannot_tell", "status": "not_computed", "reason_zh": zh,
                "reason_en": en}  # fmt: skip
    listed = ", ".join("—" if np.isnan(v) else f"{v:.10g}" for v in part["value"].tail(12))
    # would the missing periods, had they failed, have completed a run?
    filled = np.where(gaps | part["condition"].eq(1), 1, 0)
    longest = best = 0
    for holds in filled:
        longest = longest + 1 if holds else 0
        best = max(best, longest)
    if gaps.any() and best >= int(rule.get("run") or 1):
        missing = ", ".join(part.loc[gaps, "period"])
        return {"verdict": "cannot_tell", "status": "ok", "values": listed,
                "reason_zh": f"缺失期间中断了连续计数：{missing}",
                "reason_en": f"a missing period breaks the run: {missing}"}  # fmt: skip
    return {"verdict": "passed", "status": "ok", "values": listed, "reason_zh": "",
            "reason_en": ""}  # fmt: skip
