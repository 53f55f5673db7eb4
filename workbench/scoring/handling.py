"""The three rates of a hotline: answered in time, resolved, satisfied; and times that are copied.

Every request is looked at once, and what is left out of a denominator is counted beside it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.scoring._frames import NO_VALUE, check_level, need, one_of, refuse
from workbench.survey import binomial_interval
from workbench.survey.rows import from_rows

__all__ = ["RATES", "handling_rates", "same_times"]

RATES = ("answered_in_time", "resolved", "called_back", "satisfied")
"""The rates, in the order in which they are given."""

_SCORE = re.compile(r"-?\d+(?:\.\d+)?")
_YES, _NO = {"true", "yes", "1", "1.0", "是"}, {"false", "no", "0", "0.0", "否"}
_LEFT_OUT = {
    "duplicates": ("重复", "duplicates"),
    "withdrawn": ("撤回", "withdrawn"),
    "rejected": ("不予受理", "rejected"),
    "not_due": ("尚未到期", "not yet due"),
    "no_due": ("没有时限", "without a time limit"),
    "open": ("尚未办结", "still open"),
    "partly": ("部分解决", "partly resolved"),
    "set_aside": ("时间有误", "impossible times"),
    "no_outcome": ("没有办理结果", "without an outcome"),
    "no_call": ("未回访", "not called back"),
}


def handling_rates(
    requests: pd.DataFrame,
    *,
    drawn: Any,
    end: str = "answered",
    open: str = "unresolved",
    partly: str = "unresolved",
    rejected: str = "excluded",
    withdrawn: str = "excluded",
    satisfied_from: float | None = None,
    by: str | Sequence[str] | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Give the rates by which a hotline is judged, each with numerator and denominator.

    Parameters
    ----------
    requests : DataFrame
        One row per request. ``received`` (datetimes, all with or all without a zone); and as far as
        they are known ``answered``, ``closed``, ``due`` (datetimes; missing: not yet, or no limit),
        ``outcome`` (``resolved, partly, unresolved, rejected, withdrawn``; missing: not told),
        ``satisfied`` (yes or no, or a score, when called back; missing: not called back),
        ``duplicate_of`` (missing: none), ``set_aside`` (true where a time is impossible).
    drawn : Timestamp
        When the register was drawn: what was not due by then is not judged.
    end : {"answered", "closed"}
        The step that must come by ``due``. A case closed without a time of answer was answered
        when it was closed.
    open : {"unresolved", "excluded"}
        How cases whose time has run out and that nobody closed count in ``resolved``.
    partly : {"unresolved", "resolved", "excluded"}
        How partly resolved cases count in ``resolved``.
    rejected, withdrawn : {"excluded", "unresolved"}
        ``excluded``: they are in no rate. ``unresolved``: they are cases like others, judged by
        their times, and not resolved.
    satisfied_from : float, optional
        Where ``satisfied`` is a score: the lowest one that counts as satisfied.
    by : str or sequence of str, optional
        Columns (kind, category, channel); one set of rows for each crossing found.
    level : float
        Confidence level of the interval.

    Returns
    -------
    DataFrame
        Per group four rows (``statistic``): ``answered_in_time``, ``resolved``, ``called_back``,
        ``satisfied``; ``value`` 0-1 (unit ``share``), ``numerator``, ``denominator``, ``n``
        (the denominator), ``ci_low``, ``ci_high`` (Wilson), ``level``, ``known_low``,
        ``known_high`` (what the cases of which the end is not known could make of the rate),
        ``unknown`` (their number), ``method``, ``status`` (``not_computed`` without a
        denominator), ``flags``, ``reason_zh``, ``reason_en`` (what was left out, counted); and one
        column for each reason for which cases are not in the denominator: ``duplicates``,
        ``withdrawn``, ``rejected``, ``not_due``, ``no_due``, ``open``, ``partly``, ``set_aside``,
        ``no_outcome``, ``no_call``. These and the denominator add up to the rows of the group.

    Raises
    ------
    InputError
        ``received`` is missing; a word that is none of the above; ``satisfied`` that is neither
        yes nor no nor a score, or a score while ``satisfied_from`` says nothing.

    Notes
    -----
    *Answered in time*: of the requests whose time limit has come by ``drawn``, those with
    ``end`` ≤ ``due``. A request answered before a limit that lies ahead is not in it: the ones
    still waiting beside it are not either, and the quick ones alone would flatter.
    *Resolved*: of the same requests (a request without a limit is due at once), those with the
    outcome ``resolved``; a closed one without an outcome, or with impossible times, is unknown.
    *Called back*: of all closed requests, those with ``satisfied``; not computed where none has.
    *Satisfied*: of those called back, the satisfied ones; whoever was not called back is not in
    it, so read both together.
    A duplicate is in none of them: its original is.
    A register holds every case. The interval tells how far so few cases would scatter by chance,
    for comparisons; what the register itself leaves open stands in ``known_low, known_high``.

    References
    ----------
    Wilson (1927), JASA 22, 209-212.

    Examples
    --------
    >>> day = pd.Timestamp("2026-05-01")
    >>> told = pd.DataFrame({
    ...     "received": [day] * 4, "due": [day + pd.Timedelta("3D")] * 4,
    ...     "answered": [day, day, pd.NaT, day], "duplicate_of": [None, None, None, "r1"]})
    >>> out = handling_rates(told, drawn=pd.Timestamp("2026-06-01"))
    >>> out.loc[0, ["statistic", "numerator", "denominator", "duplicates"]].astype(str).tolist()
    ['answered_in_time', '2', '3', '1']
    """
    check_level(level)
    need(requests, ["received"], of="requests")
    one_of(end, ("answered", "closed"), of="end")
    one_of(open, ("unresolved", "excluded"), of="open")
    one_of(partly, ("unresolved", "resolved", "excluded"), of="partly")
    for name, word in (("rejected", rejected), ("withdrawn", withdrawn)):
        one_of(word, ("excluded", "unresolved"), of=name)
    keys = [by] if isinstance(by, str) else list(by or ())
    need(requests, keys, of="requests")
    known = _known(requests, drawn, end, satisfied_from)
    treated = {"withdrawn": withdrawn, "rejected": rejected}
    out_of_all = [word for word, how in treated.items() if how == "excluded"]
    classes = _classes(known, open, partly, out_of_all)
    parts: list[tuple[dict[str, Any], Any]] = [({}, np.arange(len(requests)))]
    if keys:
        crossed = requests[keys].astype("string").fillna("").reset_index(drop=True)
        parts = [
            (dict(zip(keys, name if isinstance(name, tuple) else (name,), strict=True)), at)
            for name, at in crossed.groupby(keys, sort=True).indices.items()
        ]
    rows = []
    for labels, at in parts:
        for statistic in RATES:
            reasons, hit = classes[statistic]
            asked = {"resolved": "told", "called_back": "called"}.get(statistic)
            silent = asked is not None and not (known[asked] & ~known["duplicates"])[at].any()
            rows.append(labels | _rate(statistic, reasons, hit, at, level, silent=silent))
    return from_rows(rows)


Bools = np.ndarray[Any, np.dtype[np.bool_]]


def _known(
    requests: pd.DataFrame, drawn: Any, end: str, satisfied_from: float | None
) -> dict[str, Bools]:
    """Give what the rates are made of as truths, one a row."""
    n, zone = len(requests), requests["received"].dt.tz
    when = pd.Timestamp(drawn)
    if when.tzinfo is None and zone is not None:
        when = when.tz_localize(zone)

    def times(name: str) -> pd.Series:
        if name not in requests:
            return pd.Series(pd.DatetimeIndex([pd.NaT] * n, tz=zone), requests.index)
        told = requests[name]
        if not pd.api.types.is_datetime64_any_dtype(told):
            told = pd.to_datetime(told)
        return told.dt.tz_localize(zone) if told.dt.tz is None and zone is not None else told

    def cells(name: str) -> np.ndarray[Any, Any]:
        if name not in requests:
            return np.full(n, None, object)
        told: np.ndarray[Any, Any] = requests[name].to_numpy(object, copy=True)
        told[told == ""] = None
        return told

    closed, due, outcome = times("closed"), times("due"), cells("outcome")
    done = closed if end == "closed" else times("answered").fillna(closed)
    called = _satisfied(cells("satisfied"), satisfied_from)
    told = pd.notna(outcome)
    return {
        "duplicates": pd.notna(cells("duplicate_of")),
        "no_due": due.isna().to_numpy(),
        "not_due": (due > when).to_numpy(),
        "in_time": (done <= due).to_numpy(),
        "closed": closed.notna().to_numpy() | told,
        "told": told,
        **{word: outcome == word for word in ("resolved", "partly", "rejected", "withdrawn")},
        "set_aside": cells("set_aside") == 1,
        "called": ~np.isnan(called),
        "content": called == 1,
    }


def _satisfied(told: np.ndarray[Any, Any], lowest: float | None) -> np.ndarray[Any, Any]:
    """Give 1.0 for satisfied, 0.0 for not, NaN where nobody was called back."""
    known: dict[Any, float] = {}
    odd: list[str] = []
    for value in {v for v in told if pd.notna(v)}:
        text = str(value).strip().casefold()
        score = float(text) if _SCORE.fullmatch(text) else None
        if lowest is not None and score is not None:
            known[value] = float(score >= lowest)
        elif text in _YES or text in _NO:
            known[value] = float(text in _YES)
        else:
            odd.append(str(value))
    if odd:
        raise refuse(
            "satisfied",
            "satisfied 既不是是/否，也没有说明几分以上算满意",
            "satisfied is neither yes nor no, and from which score on it is satisfied is not said",
            column="satisfied",
            found=", ".join(sorted(odd)[:6]),
            expected="true | false, or satisfied_from",
        )
    return np.array([known.get(v, np.nan) for v in told], dtype=float)


def _classes(
    known: dict[str, Bools], open: str, partly: str, out_of_all: list[str]
) -> dict[str, tuple[dict[str, Bools], Bools]]:
    """Give for each rate which requests are left out and why, and which ones meet it.

    Reasons are asked in order, so that a request has one.
    """
    base = {name: known[name] for name in ("duplicates", *out_of_all)}
    waiting = ~known["closed"]
    lost = known["set_aside"] & waiting  # its closing may be the impossible time
    resolved = base | {"not_due": known["not_due"], "set_aside": lost}
    if open == "excluded":
        resolved["open"] = waiting
    if partly == "excluded":
        resolved["partly"] = known["partly"]
    resolved["no_outcome"] = known["closed"] & ~known["told"]
    good = known["resolved"] | known["partly"] if partly == "resolved" else known["resolved"]
    uncalled = waiting & ~known["called"]
    calls = base | {"set_aside": lost & uncalled, "open": uncalled}
    times = {name: known[name] for name in ("no_due", "not_due", "set_aside")}
    return {
        "answered_in_time": (base | times, known["in_time"]),
        "resolved": (resolved, good),
        "called_back": (calls, known["called"]),
        "satisfied": (calls | {"no_call": ~known["called"]}, known["content"]),
    }


_UNKNOWN = ("set_aside", "no_outcome")  # what is left out because nobody knows how it ended
_NONE_TOLD = {
    "answered_in_time": ("没有已到期的诉求", "no request whose time limit has come"),
    "resolved": ("没有一件诉求写明办理结果", "no request has an outcome"),
    "called_back": ("没有回访记录", "nobody was called back"),
    "satisfied": ("没有回访记录", "nobody was called back"),
}


def _rate(
    statistic: str,
    reasons: dict[str, Bools],
    hit: Bools,
    rows: np.ndarray[Any, Any],
    level: float,
    *,
    silent: bool,
) -> dict[str, Any]:
    """Give one rate over some rows; ``silent``: none of them tells what is asked."""
    inside = np.ones(len(rows), dtype=bool)
    left = dict.fromkeys(_LEFT_OUT, 0)
    for name, told in reasons.items():
        out = inside & told[rows]
        left[name] = int(out.sum())
        inside &= ~out
    n, met = int(inside.sum()), int((inside & hit[rows]).sum())
    unknown = sum(left[name] for name in _UNKNOWN)
    row: dict[str, Any] = {"statistic": statistic, "value": None, "unit": "share"}
    row |= dict.fromkeys(("ci_low", "ci_high", "known_low", "known_high"))
    if n and not (silent and (statistic == "called_back" or left["no_outcome"])):
        low, high = binomial_interval(met, n, level=level)
        row |= {"value": met / n, "ci_low": low, "ci_high": high}
        row |= {"known_low": met / (n + unknown), "known_high": (met + unknown) / (n + unknown)}
    words = [(label, left[name]) for name, label in _LEFT_OUT.items() if left[name]]
    zh = "未计入：" + "、".join(f"{label[0]}{k}件" for label, k in words) if words else ""
    en = "left out: " + ", ".join(f"{k} {label[1]}" for label, k in words) if words else ""
    if row["value"] is None:
        none = _NONE_TOLD.get(statistic, NO_VALUE)
        zh, en = (f"{none[0]}（{zh}）" if zh else none[0], f"{none[1]} ({en})" if en else none[1])
    return row | {
        "level": level,
        "n": n,
        "numerator": met,
        "denominator": n,
        "unknown": unknown,
        **left,
        "method": "scoring.handling_rates",
        "status": "ok" if row["value"] is not None else "not_computed",
        "flags": "register" if row["value"] is not None else "",
        "reason_zh": zh,
        "reason_en": en,
    }


def same_times(
    requests: pd.DataFrame,
    *,
    first: str = "answered",
    second: str = "closed",
    limit: float = 0.20,
    level: float = 0.95,
) -> pd.DataFrame:
    """Say how many requests bear the very same time of two steps, such as answer and closing.

    Equal times are what a system writes when a case is closed with one click, or what a clerk
    copies: then the time of the answer tells nothing.

    Parameters
    ----------
    requests : DataFrame
        One row per request, with ``first`` and ``second`` (datetimes; missing: step not taken).
    first, second : str
        Columns of the two steps.
    limit : float
        Share, 0-1, above which the check fails.
    level : float
        Confidence level of the interval.

    Returns
    -------
    DataFrame
        One row: ``statistic`` ``same_time``, ``value`` (share, 0-1), ``unit``, ``ci_low``,
        ``ci_high`` (Wilson), ``level``, ``n`` and ``denominator`` (requests with both times),
        ``numerator``, ``target`` (``limit``), ``verdict`` (``passed``, ``failed``, or
        ``cannot_tell`` where both columns hold days without a time of day), ``method``, ``status``
        (``not_computed`` where no request has both), ``reason_zh``, ``reason_en``.

    Raises
    ------
    InputError
        A column is missing.

    Examples
    --------
    >>> at = pd.to_datetime(pd.Series(["2026-05-01 10:00", "2026-05-01 11:30"]))
    >>> out = same_times(pd.DataFrame({"answered": at, "closed": [at[0], at[1].ceil("D")]}))
    >>> out[["value", "verdict"]].values.tolist()
    [[0.5, 'failed']]
    """
    check_level(level)
    need(requests, [first, second], of="requests")
    pair = requests[[first, second]].dropna()
    n = len(pair)
    row: dict[str, Any] = {"statistic": "same_time", "value": None, "unit": "share"}
    row |= {"ci_low": None, "ci_high": None}
    row |= {"level": level, "n": n, "denominator": n, "numerator": 0, "target": limit}
    row |= {"method": "scoring.same_times", "status": "not_computed", "verdict": None}
    row |= {"reason_zh": "没有一件诉求两个时间都有", "reason_en": "no request has both times"}
    if not n:
        return pd.DataFrame([row])
    equal = int(pair[first].eq(pair[second]).sum())
    low, high = binomial_interval(equal, n, level=level)
    days_only = all(pair[c].eq(pair[c].dt.normalize()).all() for c in (first, second))
    verdict = "cannot_tell" if days_only else "failed" if equal / n > limit else "passed"
    zh, en = f"{n}件中{equal}件相同", f"{equal} of {n} are equal"
    if days_only:
        zh, en = zh + "；只有日期，没有时刻", en + "; days only, no time of day"
    row |= {"value": equal / n, "ci_low": low, "ci_high": high, "numerator": equal}
    row |= {"verdict": verdict, "status": "ok", "reason_zh": zh, "reason_en": en}
    return from_rows([row])
