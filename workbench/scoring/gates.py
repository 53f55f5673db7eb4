"""Eligibility: gates, vetoes and disqualifying facts, decided by the study's rule, with reasons."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import InputError, Problem
from workbench.scoring._frames import check_level, critical, need, numbers, one_of
from workbench.scoring.targets import Decision, decide, three_outcomes
from workbench.survey.rows import from_rows, to_rows

__all__ = ["CONDITION_KINDS", "decision_counts", "eligibility", "pass_rate"]

CONDITION_KINDS = {
    "threshold": ("indicator", "operator"),
    "no_fact": ("facts",),
    "fact": ("facts",),
    "until": ("fact",),
}
"""Kinds of condition, each with the keys it cannot do without."""

_KEYS = {"kind", "indicator", "operator", "threshold", "window_months", "facts", "fact", "absent",
         "zh", "en"}  # fmt: skip
_WORSE = {"failed": 2, "cannot_tell": 1, "passed": 0}


def eligibility(
    rules: Iterable[Mapping[str, Any]],
    *,
    as_of: dt.date,
    values: pd.DataFrame | None = None,
    facts: pd.DataFrame | None = None,
    decision: Decision | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Decide for each unit which gates it passes, with the reason in words.

    Parameters
    ----------
    rules : iterable of mapping
        ``id``, ``conditions`` (all must hold), ``zh``, ``en``, ``veto`` (true: a failed rule alone
        excludes). A condition: ``kind`` and

        threshold
            ``indicator``, ``operator`` (≥ ≤ > <), ``threshold`` (missing: not given in the source,
            the verdict is cannot_tell), ``window_months`` (the value's ``date`` must lie within).
        no_fact
            none of ``facts`` is true within ``window_months`` before ``as_of``. Nothing on file
            about a fact is cannot_tell unless ``absent: passed``.
        fact
            at least one of ``facts`` is true (an approval, a signature).
        until
            the date in the value of ``fact`` is past, or there is none.
    as_of : date
        The day of the decision.
    values : DataFrame
        ``indicator``, ``value``; ``community``, ``std_error``, ``ci_low``, ``ci_high``, ``df``,
        ``date``, ``status`` where they exist.
    facts : DataFrame
        Canonical ``facts``: ``fact``, ``value``, ``date``, ``community``, ``evidence``.
    decision : {"point", "lower", "upper"}
        The study's rule for a gate that rests on a sample, see :func:`decide`. It has no default:
        without it a sampled value is refused.
    level : float
        Confidence level of limits made from ``std_error``.

    Returns
    -------
    DataFrame
        One row per community and rule: ``finding`` (``rule.<id>``), ``rule``, ``verdict`` (passed,
        failed, cannot_tell; the decision), ``outcome`` (met, not_met, cannot_tell: what the
        statistics say), ``decision`` (the rule it was decided by, empty where nothing is sampled),
        ``indicator``, ``value``, ``ci_low``, ``ci_high``, ``target``, ``severity`` (veto, gate),
        ``date``, ``status``, ``reason_zh``, ``reason_en``, ``method``.

    Raises
    ------
    InputError
        Unknown kinds or keys, a rule without conditions, ``decision`` missing where a value is
        sampled.

    References
    ----------
    Rules R-17 to R-27; R-18 and R-17 contradict each other (X-46): which applies is the study's.

    Examples
    --------
    >>> rule = {"id": "R-17", "conditions": [{"kind": "threshold", "operator": "≥",
    ...         "indicator": "resident_satisfaction", "threshold": 0.70}]}
    >>> values = pd.DataFrame({"indicator": ["resident_satisfaction"], "value": [0.72],
    ...                        "std_error": [0.02]})
    >>> table = eligibility([rule], as_of=dt.date(2026, 12, 1), values=values, decision="lower")
    >>> row = table.iloc[0]
    >>> row["verdict"], row["outcome"]
    ('failed', 'cannot_tell')
    """
    check_level(level)
    checked = _check(rules)
    if decision is not None:
        one_of(decision, ("point", "lower", "upper"), of="decision")
    values = pd.DataFrame({"indicator": [], "value": []}) if values is None else values
    facts = pd.DataFrame({"fact": [], "value": []}) if facts is None else facts
    need(values, ("indicator", "value"), of="values")
    need(facts, ("fact", "value"), of="facts")
    has_unit = "community" in values.columns or "community" in facts.columns
    units: list[Any] = [None]
    if has_unit:
        both = [f["community"] for f in (values, facts) if "community" in f.columns]
        units = sorted(set(pd.concat(both).dropna()))
    values = _with_limits(values, level, decision, checked)
    records = []
    for unit in units:
        own_values, own_facts = _of(values, unit), _of(facts, unit)
        for rule in checked:
            answers = [
                _answer(c, own_values, own_facts, as_of, decision) for c in rule["conditions"]
            ]
            row = _worst(answers)
            text = {"finding": f"rule.{rule['id']}", "rule": rule["id"],
                    "severity": "veto" if rule.get("veto") else "gate"}  # fmt: skip
            records.append({**({"community": unit} if has_unit else {}), **text, **row})
    out = from_rows(records)
    return out.assign(level=level, date=as_of.isoformat(), method="scoring.eligibility")


def _check(rules: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    out, problems = [], []
    for rule in rules:
        r = dict(rule)
        name = str(r.get("id", "?"))
        conditions = [dict(c) for c in r.get("conditions") or []]
        if "id" not in r or not conditions:
            problems.append(_wrong(name, "缺编号或条件", "no id or no conditions", str(r)))
        for c in conditions:
            if c.get("kind") not in CONDITION_KINDS:
                problems.append(_wrong(name, "条件种类未知", "unknown kind of condition",
                                       str(c.get("kind"))))  # fmt: skip
                continue
            lacking = [k for k in CONDITION_KINDS[c["kind"]] if not c.get(k)]
            unknown = sorted(set(c) - _KEYS)
            if lacking or unknown:
                problems.append(_wrong(name, "条件的键有误", "keys of a condition",
                                       f"missing {lacking}, unknown {unknown}"))  # fmt: skip
            if c.get("operator") not in (None, "≥", "≤", ">", "<", ">=", "<="):
                problems.append(_wrong(name, "未知的比较", "unknown operator", str(c["operator"])))
            c["operator"] = {">=": "≥", "<=": "≤"}.get(str(c.get("operator")), c.get("operator"))
        out.append({**r, "conditions": conditions})
    if problems:
        raise InputError(*problems)
    return out


def _wrong(name: str, zh: str, en: str, found: str) -> Problem:
    return Problem(code="scoring.gate-rule", zh=f"规则 {name}：{zh}", en=f"rule {name}: {en}",
                   expected=", ".join(CONDITION_KINDS), found=found)  # fmt: skip


def _of(frame: pd.DataFrame, unit: Any) -> pd.DataFrame:
    if "community" not in frame.columns or unit is None:
        return frame
    own: pd.DataFrame = frame[frame["community"] == unit]
    return own


def _with_limits(
    values: pd.DataFrame, level: float, decision: str | None, rules: list[dict[str, Any]]
) -> pd.DataFrame:
    """Add limits; refuse a sampled value where no decision rule was chosen."""
    x, se = numbers(values, "value"), numbers(values, "std_error")
    z = critical(level, numbers(values, "df"))
    low, high = numbers(values, "ci_low"), numbers(values, "ci_high")
    low, high = np.where(np.isnan(low), x - z * se, low), np.where(np.isnan(high), x + z * se, high)
    gated = {c["indicator"]: r["id"] for r in rules for c in r["conditions"]
             if c["kind"] == "threshold"}  # fmt: skip
    sampled = low < high
    if decision is None:
        asked = [i for i in np.flatnonzero(sampled) if values["indicator"].iloc[i] in gated]
        if asked:
            names = sorted({str(values["indicator"].iloc[i]) for i in asked})
            raise InputError(
                *(
                    Problem(
                        code="scoring.decision-missing",
                        zh=f"规则 {gated[n]} 依据抽样结果 {n} 作决定，须先选定判定规则",
                        en=f"rule {gated[n]} rests on the sample {n}: choose a decision rule",
                        remedy_zh="在 study.yaml 的 decisions.gate 中写明 point、lower 或 upper",
                        remedy_en="set decisions.gate in study.yaml to point, lower or upper",
                        expected="point, lower, upper",
                    )
                    for n in names
                )
            )
    return values.assign(_x=x, _low=np.where(np.isnan(low), x, low),
                         _high=np.where(np.isnan(high), x, high), _sampled=sampled)  # fmt: skip


def _answer(
    c: dict[str, Any],
    values: pd.DataFrame,
    facts: pd.DataFrame,
    as_of: dt.date,
    decision: Decision | None,
) -> dict[str, Any]:
    if c["kind"] == "threshold":
        return _threshold(c, values, as_of, decision)
    if c["kind"] == "until":
        return _until(c, facts, as_of)
    return _fact(c, facts, as_of)


def _say(verdict: str, zh: str, en: str, **more: Any) -> dict[str, Any]:
    known = verdict != "cannot_tell" or more.get("outcome") is not None
    outcome = more.pop("outcome", None) or {"passed": "met", "failed": "not_met"}.get(verdict)
    return {"verdict": verdict, "outcome": outcome or "cannot_tell", "decision": "",
            "status": "ok" if known else "not_computed", "reason_zh": zh, "reason_en": en,
            **more}  # fmt: skip


def _threshold(
    c: dict[str, Any], values: pd.DataFrame, as_of: dt.date, decision: Decision | None
) -> dict[str, Any]:
    name, bound = str(c["indicator"]), c.get("threshold")
    label_zh, label_en = str(c.get("zh") or name), str(c.get("en") or name)
    if bound is None:
        return _say("cannot_tell", f"{label_zh}：来源未给出门槛，须由研究设定",
                    f"{label_en}: the source gives no threshold; the study must set one",
                    indicator=name)  # fmt: skip
    own = values[(values["indicator"] == name) & values["_x"].notna()]
    if "status" in own.columns:
        own = own[~own["status"].isin(["not_computed", "suppressed"])]
    if own.empty:
        return _say("cannot_tell", f"{label_zh}：没有结果", f"{label_en}: there is no result",
                    indicator=name, target=float(bound))  # fmt: skip
    if len(own) > 1:
        raise InputError(
            Problem(code="scoring.duplicate-row", zh=f"指标 {name} 有多个结果",
                    en=f"there are several values of {name}", found=str(len(own)))
        )  # fmt: skip
    row = own.iloc[0]
    months = c.get("window_months")
    if months is not None and "date" in own.columns and pd.notna(row["date"]):
        day = _day(row["date"])
        if day is not None and not _back(as_of, int(months)) <= day <= as_of:
            return _say("cannot_tell", f"{label_zh}：结果日期 {day} 不在近 {months} 个月内",
                        f"{label_en}: the value of {day} is not within {months} months",
                        indicator=name, target=float(bound))  # fmt: skip
    x, low, high = (np.array([float(row[k])]) for k in ("_x", "_low", "_high"))
    op, t = np.array([c["operator"]]), np.array([float(bound)])
    outcome = str(three_outcomes(low, high, op, t)[0])
    rule: Decision = decision or "point"
    verdict = {"met": "passed", "not_met": "failed"}.get(
        str(decide(x, low, high, op, t, rule)[0]), "cannot_tell"
    )
    sampled = bool(row["_sampled"])
    zh = f"{label_zh} {x[0]:.4g}，要求 {op[0]} {t[0]:.4g}"
    en = f"{label_en} {x[0]:.4g}, required {op[0]} {t[0]:.4g}"
    if sampled:
        limit_zh = {"point": "点估计", "lower": "区间不利一端", "upper": "区间有利一端"}[rule]
        limit_en = {"point": "point estimate", "lower": "less favourable limit",
                    "upper": "more favourable limit"}[rule]  # fmt: skip
        zh += f"；区间 {low[0]:.4g}–{high[0]:.4g}，按{limit_zh}判定"
        en += f"; interval {low[0]:.4g} to {high[0]:.4g}, decided by the {limit_en}"
    return _say(verdict, zh, en, outcome=outcome, indicator=name, value=float(x[0]), target=t[0],
                ci_low=float(low[0]) if sampled else np.nan,
                ci_high=float(high[0]) if sampled else np.nan,
                decision=rule if sampled else "")  # fmt: skip


def _fact(c: dict[str, Any], facts: pd.DataFrame, as_of: dt.date) -> dict[str, Any]:
    names = [c["facts"]] if isinstance(c["facts"], str) else [str(f) for f in c["facts"]]
    label_zh, label_en = str(c.get("zh") or "、".join(names)), str(c.get("en") or ", ".join(names))
    own = facts[facts["fact"].isin(names)]
    months = c.get("window_months")
    hits, undated = [], False
    for row in to_rows(own):
        if not _true(row["value"]):
            continue
        day = _day(row.get("date"))
        if day is not None and day > as_of:
            continue
        if months is not None and day is None:
            undated = True
        elif months is None or day is None or day >= _back(as_of, int(months)):
            hits.append(f"{row['fact']}{'' if day is None else f' ({day})'}")
    listed = ", ".join(hits)
    if c["kind"] == "fact":
        if hits:
            return _say("passed", f"{label_zh}：有（{listed}）", f"{label_en}: on file ({listed})")
        return _say("failed", f"{label_zh}：没有", f"{label_en}: not on file")
    if hits:
        return _say("failed", f"{label_zh}：存在（{listed}）", f"{label_en}: found ({listed})")
    if undated:
        return _say("cannot_tell", f"{label_zh}：事实没有日期，不能判断是否在期限内",
                    f"{label_en}: a fact has no date, so the window cannot be judged")  # fmt: skip
    silent = [n for n in names if n not in set(own["fact"])]
    if silent and c.get("absent") != "passed":
        return _say("cannot_tell", f"{label_zh}：没有关于 {'、'.join(silent)} 的记录",
                    f"{label_en}: nothing on file about {', '.join(silent)}")  # fmt: skip
    return _say("passed", f"{label_zh}：无", f"{label_en}: none")


def _until(c: dict[str, Any], facts: pd.DataFrame, as_of: dt.date) -> dict[str, Any]:
    own = facts[facts["fact"] == c["fact"]]
    label_zh, label_en = str(c.get("zh") or c["fact"]), str(c.get("en") or c["fact"])
    days = [d for d in (_day(v) for v in own["value"]) if d is not None]
    if len(days) < int(own["value"].notna().sum()):
        return _say("cannot_tell", f"{label_zh}：日期有误", f"{label_en}: not a date")
    if days and max(days) > as_of:
        return _say("failed", f"{label_zh}：至 {max(days)}", f"{label_en}: until {max(days)}")
    return _say("passed", f"{label_zh}：无", f"{label_en}: none")


def _true(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() not in ("", "0", "0.0", "false", "no", "否", "无")
    return bool(pd.notna(value) and value)


def _day(value: Any) -> dt.date | None:
    stamp = pd.to_datetime(value, errors="coerce") if value is not None else pd.NaT
    return None if pd.isna(stamp) else dt.date(stamp.year, stamp.month, stamp.day)


def _back(day: dt.date, months: int) -> dt.date:
    moved = pd.Timestamp(day) - pd.DateOffset(months=months)
    return dt.date(moved.year, moved.month, moved.day)


def _worst(answers: list[dict[str, Any]]) -> dict[str, Any]:
    """One row of all conditions: the worst verdict leads, every reason is kept."""
    lead = max(answers, key=lambda a: _WORSE[a["verdict"]])
    order = {"not_met": 2, "cannot_tell": 1, "met": 0}
    return {
        "indicator": "",
        "value": np.nan,
        "ci_low": np.nan,
        "ci_high": np.nan,
        "target": np.nan,
        **lead,
        "outcome": max((a["outcome"] for a in answers), key=lambda o: order[o]),
        "decision": next((a["decision"] for a in answers if a["decision"]), ""),
        "reason_zh": "；".join(a["reason_zh"] for a in answers),
        "reason_en": "; ".join(a["reason_en"] for a in answers),
    }


def pass_rate(verdicts: pd.DataFrame, *, band: tuple[float, float] = (0.60, 0.70)) -> pd.DataFrame:
    """Report the share of units that pass all gates beside the band the source names.

    Parameters
    ----------
    verdicts : DataFrame
        Result of :func:`eligibility` for all units.
    band : tuple of float
        Shares 0–1 (R-19: 60–70 %). The rate is reported; no threshold is bent to reach it (X-48).

    Returns
    -------
    DataFrame
        One row: ``value`` (share passed of those decided), ``numerator``, ``denominator``,
        ``undecided``, ``verdict`` (met: inside the band), ``method``.

    References
    ----------
    Rule R-19, doc 002 §8.2.
    """
    need(verdicts, ("community", "verdict"), of="verdicts")
    worst = verdicts["verdict"].map(_WORSE).groupby(verdicts["community"]).max()
    passed, failed = int((worst == 0).sum()), int((worst == 2).sum())
    share = passed / (passed + failed) if passed + failed else np.nan
    inside = band[0] <= share <= band[1]
    return pd.DataFrame(
        [{"statistic": "pass_rate", "value": share, "unit": "share", "numerator": passed,
          "denominator": passed + failed, "undecided": int((worst == 1).sum()),
          "verdict": "cannot_tell" if np.isnan(share) else "met" if inside else "not_met",
          "status": "not_computed" if np.isnan(share) else "ok", "method": "scoring.pass_rate"}]
    )  # fmt: skip


def decision_counts(values: pd.DataFrame, *, operator: str, target: float) -> pd.DataFrame:
    """Count how many decisions would turn out otherwise under each decision rule.

    Parameters
    ----------
    values : DataFrame
        One row per unit: ``value``, ``ci_low``, ``ci_high``; units without a value do not count.
    operator : {"≥", "≤", ">", "<"}
        How the value must stand to the target.
    target : float
        The gate.

    Returns
    -------
    DataFrame
        One row per rule (``item``: point, lower, upper): ``value`` (units that pass), ``n`` (units
        decided), ``differ_point``, ``differ_lower``, ``differ_upper`` (units decided otherwise by
        that rule), ``cannot_tell`` (units whose interval lies across the target), ``method``.
    """
    one_of(operator, ("≥", "≤", ">", "<"), of="operator")
    need(values, ("value", "ci_low", "ci_high"), of="values")
    x, low, high = (numbers(values, c) for c in ("value", "ci_low", "ci_high"))
    known = ~np.isnan(x)
    x, low, high = x[known], low[known], high[known]
    low, high = np.where(np.isnan(low), x, low), np.where(np.isnan(high), x, high)
    signs, bounds = np.full(len(x), operator), np.full(len(x), float(target))
    rules: tuple[Decision, ...] = ("point", "lower", "upper")
    passed = {rule: decide(x, low, high, signs, bounds, rule) == "met" for rule in rules}
    open_ = int((three_outcomes(low, high, signs, bounds) == "cannot_tell").sum())
    return pd.DataFrame(
        [
            {
                "item": rule,
                "statistic": "passed",
                "value": float(passed[rule].sum()),
                "n": len(x),
                **{f"differ_{r}": int((passed[rule] != passed[r]).sum()) for r in rules},
                "cannot_tell": open_,
            }
            for rule in rules
        ]
    ).assign(unit="count", target=float(target), method="scoring.decision_counts")
