"""Requests of residents: how many, answered in time, and how long until they are closed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import change
from workbench.assess import handled
from workbench.errors import InputError
from workbench.survey.rows import from_rows, to_rows

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["requests", "survival", "window"]

_DAY = 24.0


def window(c: Community, wave: str) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    """Give the beginning and the end (exclusive) of a wave's months of records, local time."""
    return c.once(("window", wave), lambda: _window(c, wave))


def _window(c: Community, wave: str) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    told = next(w for w in c.settings["waves"] if w["id"] == wave).get("records")
    if not told:
        return None
    first = pd.Timestamp(f"{told[0]}-01", tz=c.settings["timezone"])
    last = pd.Timestamp(f"{told[1]}-01", tz=c.settings["timezone"]) + pd.DateOffset(months=1)
    return first, last


def years(span: tuple[pd.Timestamp, pd.Timestamp]) -> float:
    """Length of a window in years, by its whole months."""
    months = (span[1].year - span[0].year) * 12 + span[1].month - span[0].month
    return months / 12


def drawn_at(c: Community) -> pd.Timestamp | None:
    """Time at which the records were drawn: the latest time in the whole table of the study."""
    told = c.settings.get("extracts", {}).get("requests")
    if told:
        return pd.Timestamp(told).tz_convert(c.settings["timezone"])
    frame = c.tables["requests"]
    latest = frame[["received", "answered", "closed"]].max().max()
    return None if pd.isna(latest) else latest


def received(c: Community, wave: str) -> pd.DataFrame:
    """Give the requests received in a wave's months, duplicates among them."""
    return c.once(("received", wave), lambda: _received(c, wave)).copy(deep=False)


def _received(c: Community, wave: str) -> pd.DataFrame:
    span = window(c, wave)
    frame = c.tables["requests"]
    if span is None:
        return frame.iloc[:0]
    inside = frame["received"].ge(span[0]) & frame["received"].lt(span[1])
    return frame[inside].reset_index(drop=True)


def cases(c: Community, wave: str) -> pd.DataFrame:
    """Give the requests received in a wave's months, duplicates left out."""
    return c.once(("cases", wave), lambda: _cases(c, wave)).copy(deep=False)


def _cases(c: Community, wave: str) -> pd.DataFrame:
    frame = received(c, wave)
    return frame[frame["duplicate_of"].isna()].reset_index(drop=True)


def timed(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out requests whose times a check set aside: they count, but have no duration."""
    return frame[~frame["set_aside"].astype(bool)] if "set_aside" in frame else frame


_ZH = {"current": "本期", "baseline": "基期"}
_EN = {"current": "this period", "baseline": "baseline period"}


def _row(finding: str, zh: str, en: str, **more: Any) -> dict[str, Any]:
    told = {"finding": finding, "kind": "estimate", "label_zh": zh, "label_en": en}
    return told | {"channel": "record"} | more


def requests(c: Community) -> pd.DataFrame:
    """Describe the requests of this wave's months and of the baseline's.

    Per period: number; rate per 100 households and year with exact interval; the shares answered in
    time, resolved, called back and satisfied (:func:`workbench.scoring.handling_rates`), this
    period's also by kind, with how they are counted; median time to close by Kaplan-Meier with open
    cases censored when the records were drawn. Then both periods compared: ratio of the rates,
    share closed within 72 hours, and the 28 checks of both comparisons. Duplicates do not count.
    """
    if not c.has("requests"):
        return pd.DataFrame()
    rows: list[dict[str, Any]] = []
    counts: dict[str, tuple[int, float]] = {}
    households = c.unit.get("households")
    for when, wave in (("current", c.wave), ("baseline", c.baseline)):
        span = window(c, wave) if wave else None
        if span is None:
            continue
        frame = cases(c, str(wave))
        common = {"wave": wave, "period": f"{span[0]:%Y-%m}..{span[1] - pd.Timedelta('1D'):%Y-%m}"}
        zh, en = f"（{_ZH[when]}）", f" ({_EN[when]})"
        begins = c.settings.get("extracts", {}).get("requests.first")
        if begins and pd.Timestamp(begins) >= span[1]:
            rows.append(_before(pd.Timestamp(begins).tz_convert(span[1].tz), when, zh, en) | common)
            continue
        rows.append(
            _row(
                f"requests.count.{when}",
                f"受理的诉求{zh}",
                f"Requests received{en}",
                value=float(len(frame)),
                unit="count",
                n=len(frame),
                method="records.count",
                **common,
            )
        )
        rate = _rate(frame, households, years(span), when, zh, en, level=c.level)
        rows.append(rate | common)
        if households:
            counts[when] = (len(frame), households * years(span))
        all_ = received(c, str(wave))
        told = handled.rates(c, all_, drawn_at(c), when, (zh, en))
        if when == "current":
            told += handled.by_kind(c, all_, drawn_at(c), when, (zh, en))
        rows += [row | common for row in told]
        rows += [row | common for row in _median(c, frame, when, zh, en)]
    if rows:
        rows.append(handled.treatment(c))
    out = [from_rows([*rows, *_limits(c)])]
    if c.baseline and window(c, c.wave) and window(c, str(c.baseline)):
        out += _compared(c, dict(reversed(counts.items())))
    return pd.concat(out, ignore_index=True)


_HOURS = {"minutes": 1 / 60, "hours": 1.0, "days": _DAY}
_STEPS = {"answered": "answered", "closed": "closed", "handled": "closed"}


def _limits(c: Community) -> list[dict[str, Any]]:
    """Count the requests within each limit of time that the programme sets for their kind.

    Time runs from receipt to the step that the limit names; handled is closed, answered is not
    (X-90: three time stamps, three figures). Open cases that may yet be in time count both ways.
    """
    from workbench.assess.requested import requested, told_of_register

    if c.protocol is None:
        return []
    rows = []
    for name, one in c.protocol.limits.items():
        if one.kind is None or one.value is None or one.unit not in _HOURS:
            continue
        step = _STEPS[one.clock]
        found = requested(
            c,
            {
                "requests": {"kind": one.kind},
                "statistic": "share_within",
                "clock": f"received..{step}",
                "within_hours": float(one.value) * _HOURS[one.unit],
            },
        )
        if found.get("status") == "not_computed" and not found.get("n"):
            continue  # no such request
        role = {"limit": ("", ""), "reached": ("（他处已达到）", " (reached elsewhere)"),
                "reference": ("（参考）", " (for reference)")}[one.role]  # fmt: skip
        row = _row(
            f"requests.limit.{name}",
            f"{name} {one.title.zh}（{one.text.zh}）：在限内的比例{role[0]}",
            f"{name} {one.title.en} ({one.text.en}): share within the limit{role[1]}",
            wave=c.wave,
            rule=name,
        )
        shown = ("ci_low", "ci_high", "level", "std_error", "known_low", "known_high")
        row |= {k: v for k, v in found.items() if k not in shown} | {"unit": "share"}
        said = told_of_register(found, "share") if found.get("unknown") else {}
        rows.append(row | said)
    return rows


def _before(begins: pd.Timestamp, when: str, zh: str, en: str) -> dict[str, Any]:
    """Say that a register tells nothing of a period, which is not that nothing came."""
    return _row(
        f"requests.count.{when}",
        f"受理的诉求{zh}",
        f"Requests received{en}",
        unit="count",
        status="not_computed",
        reason_zh=f"台账自{begins:%Y-%m-%d}起，此前情况不明",
        reason_en=f"the register begins on {begins:%Y-%m-%d}; before it nothing is known",
        method="records.count",
    )


_NUMBERS = "value unit std_error ci_low ci_high level n p_value method status flags".split()


def _taken(told: Mapping[Any, Any]) -> dict[str, Any]:
    kept = {name: told[name] for name in _NUMBERS if name in told}
    return kept | {k: told.get(k) for k in ("reason_zh", "reason_en")}


def _rate(
    frame: pd.DataFrame,
    households: Any,
    span: float,
    when: str,
    zh: str,
    en: str,
    *,
    level: float,
) -> dict[str, Any]:
    label = (f"每百户每年诉求量{zh}", f"Requests per 100 households and year{en}")
    if not households:
        return _row(
            f"requests.rate.{when}",
            *label,
            status="not_computed",
            reason_zh="没有户数",
            reason_en="the number of households is not known",
            method="change.rate.exact",
        )
    told = change.rate(float(len(frame)), households=float(households), years=span, level=level)
    one = to_rows(told)[0] if isinstance(told, pd.DataFrame) else dict(told)
    denominator = {"numerator": len(frame), "denominator": households * span}
    return _row(f"requests.rate.{when}", *label) | _taken(one) | denominator


def _median(c: Community, frame: pd.DataFrame, when: str, zh: str, en: str) -> list[dict[str, Any]]:
    frame = timed(frame)
    if frame.empty:
        return []
    try:
        told = change.kaplan_meier(
            _lasted(c, frame),
            duration="duration",
            closed="closed",
            within=(3.0,),
            unit="days",
            level=c.level,
        ).set_index("statistic")
    except InputError as error:
        problem = error.problems[0]
        return [
            _row(
                f"requests.km_median.{when}",
                f"办结用时中位数{zh}",
                f"Median time to close{en}",
                status="not_computed",
                reason_zh=problem.zh,
                reason_en=problem.en,
                method="change.kaplan_meier",
            )
        ]
    names = {
        "median": (
            "km_median",
            "办结用时中位数（未办结的按截止时间计）",
            "Median time to close, open cases included",
        ),
        "share_within": ("km_72h", *handled.three_days(c)),
        "closed_only_median": (
            "closed_median",
            "仅已办结诉求的用时中位数（偏短，仅供对照）",
            "Median of closed cases only (too short, for contrast)",
        ),
        "open": ("open", "尚未办结的诉求", "Requests still open"),
    }
    return [
        _row(f"requests.{name}.{when}", a + zh, b + en) | _taken(told.loc[key].to_dict())
        for key, (name, a, b) in names.items()
        if key in told.index
    ]


def _compared(c: Community, counts: dict[str, tuple[int, float]]) -> list[pd.DataFrame]:
    """Compare both periods, with the 28 checks: ratio of the rates, share closed in 72 hours.

    Nothing says whether more requests are better, so the ratio has no direction.
    """
    from workbench.assess.changes import check_rows, intact

    facts = {
        "dates_known": True,
        "question_known": True,
        "same_question": True,
        "same_mode": True,
        "comparable_units": not c.unit.get("predecessors"),
        "baseline_intact": intact(c),
    }
    spans = [window(c, str(wave)) for wave in (c.baseline, c.wave)]
    months = [
        sorted({day.month for day in pd.date_range(*span, freq="MS", inclusive="left")})
        for span in spans
        if span is not None
    ]
    shared: dict[str, Any] = {
        "baseline": "baseline",
        "current": "current",
        "margin": None,
        "level": c.level,
        "facts": facts,
        "months": tuple(months),
        "instruments": (_CLOCK, _CLOCK),
        "denominators": (_OF_ALL, _OF_ALL),
    }
    made: list[pd.DataFrame] = []
    found: list[pd.DataFrame] = []
    if len(counts) == 2:
        frame = pd.DataFrame(
            {"wave": list(counts), "requests": [float(n) for n, _ in counts.values()],
             "household_years": [years_ for _, years_ in counts.values()]}
        )  # fmt: skip
        one, checked = change.examine(
            frame, "requests", of="rate", exposure="household_years", up=None, **shared
        )
        made.append(one.assign(finding="requests.rate_ratio"))
        found.append(checked)
    told = _durations(c)
    if told is not None:
        one, checked = change.examine(
            told, of="time", duration="duration", closed="closed", within=3.0, up=True, **shared
        )
        made.append(one.assign(finding="requests.km_72h.difference"))
        found.append(checked)
    if not made:
        return []
    out = pd.concat(made, ignore_index=True)
    zh, en = handled.three_days(c)
    words = {
        **_COMPARED,
        "requests.km_72h.difference": (f"{zh}（与基期相比）", f"{en} (against the baseline)"),
    }
    for lang, at in (("zh", 0), ("en", 1)):
        out[f"label_{lang}"] = [words[name][at] for name in out["finding"]]
    open_ = out["verdict_en"].str.startswith("it moved")
    for lang, joint in (("zh", "；"), ("en", "; ")):
        said = out[f"verdict_{lang}"] + joint + out[f"reason_{lang}"]
        out[f"reason_{lang}"] = said.where(open_, out[f"reason_{lang}"])
    out = out.assign(kind="comparison", channel="record", wave=c.wave, baseline=out["before"])
    out["period"] = f"{c.baseline}..{c.wave}"
    names = {str(i): words[f] for i, f in zip(out["item"], out["finding"], strict=True)}
    return [out, check_rows(pd.concat(found), names, prefix="requests", of=("诉求", "requests"))]


_CLOCK = {"clock": "received..closed", "duplicates": "left out"}
_OF_ALL = {"unit": "requests received in the months of the wave"}
_COMPARED = {
    "requests.rate_ratio": (
        "诉求量之比（本期/基期）",
        "Ratio of the rates of requests (this period to baseline)",
    ),
}


def _lasted(c: Community, frame: pd.DataFrame) -> pd.DataFrame:
    """Give ``duration`` in days, by the clock or in working days, and whether each case closed.

    Impossible times are left out; whoever is open when the records were drawn counts as open.
    """
    drawn = drawn_at(c)
    out = change.durations(frame, start="received", end="closed", censored_at=drawn, unit="days")
    if handled.working(c):
        ends = frame.loc[out.index, "closed"].where(out["closed"], drawn)
        out["duration"] = handled.worked_days(c, frame.loc[out.index, "received"], ends)
    return out


def _durations(c: Community) -> pd.DataFrame | None:
    """Give the days to closing of both periods' requests; ``None`` where a period has none."""
    parts = []
    for when, wave in (("baseline", c.baseline), ("current", c.wave)):
        frame = timed(cases(c, str(wave)))
        if drawn_at(c) is None or frame.empty:
            return None
        parts.append(_lasted(c, frame)[["duration", "closed"]].assign(wave=when))
    return None if any(part.empty for part in parts) else pd.concat(parts, ignore_index=True)


def survival(c: Community) -> pd.DataFrame:
    """Give the Kaplan-Meier curve of this wave's requests for a chart; empty without requests."""
    if not c.has("requests"):
        return pd.DataFrame()
    frame = timed(cases(c, c.wave))
    if frame.empty or drawn_at(c) is None:
        return pd.DataFrame()
    return change.kaplan_meier_curve(
        _lasted(c, frame), duration="duration", closed="closed", level=c.level
    )
