"""What is not asked of residents: inspections, monthly figures, requests, facts, issues."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd

from workbench.simulate.texts import REASONS, REQUEST_TEXTS
from workbench.simulate.world import WAVES, Compound

__all__ = [
    "ITEMS",
    "MONTHS",
    "assessors",
    "cross",
    "facts",
    "inspections",
    "issues",
    "measurements",
    "requests",
]

MONTHS = tuple(f"{y}-{m:02d}" for y in (2024, 2025, 2026) for m in range(1, 13))[10:34]

# item -> (marked by points of 10, how many places)
ITEMS = {
    "f01": (False, 3),
    "f02": (False, 3),
    "f03": (False, 3),
    "f04": (False, 2),
    "h01": (True, 2),
    "h02": (True, 1),
    "h03": (True, 2),
    "w01": (False, 7),
    "l01": (False, 1),
    "c01": (True, 1),
    "c02": (True, 1),
    "c03": (True, 1),
}
_PLACES = ("1号楼", "5号楼", "中心广场", "南门", "北门", "9号楼", "地下车库")
_TEAMS = {"T1": ("E1", "A1", "R1"), "T2": ("E2", "A2", "R2"), "T3": ("E3", "A3", "R3")}
_ROLES = {"E": "expert", "A": "analyst", "R": "resident", "M": "mystery"}
_VISIT_DAYS = {"2026h1": datetime(2026, 4, 14), "2026h2": datetime(2026, 10, 14)}

# items in order more or less often than the rest, by case
_OWN_LEVEL = {
    ("w01", ""): 0.92,
    ("w01", "waste_warning"): 0.82,
    ("w01", "device_disagrees"): 0.5,
    ("l01", ""): 1.2,
    ("l01", "misses_target"): -0.2,
}
_KIND_LEVEL = {"old_compound": 0.0, "work_unit": 0.02, "commercial": 0.05}


def assessors() -> pd.DataFrame:
    """Three teams of three and two mystery visitors, pseudonymous."""
    rows = [(m, _ROLES[m[0]], team) for team, members in _TEAMS.items() for m in members]
    rows += [(m, "mystery", "") for m in ("M1", "M2")]
    frame = pd.DataFrame(rows, columns=["assessor", "role", "team"])
    frame["home"] = ["other_district"] * len(frame)
    frame["trained_on"] = "2026-03-20"
    frame["calibrated_on"] = "2026-04-01"
    frame["interests"] = "none"
    return frame


def inspections(unit: Compound, number: int, rng: np.random.Generator) -> pd.DataFrame:
    """Make the marks of a team's three assessors (announced) and a mystery visitor, both waves.

    ``number`` of the compound decides the team. Assessors see the same places and differ a little
    in strictness; the mystery visitor finds somewhat less in order, in one compound much less.
    """
    team = list(_TEAMS.values())[number % 3]
    good = 0.93 + 0.5 * _KIND_LEVEL[unit.kind] + float(rng.normal(0.0, 0.025))
    good -= 0.12 if unit.case == "misses_target" else 0.0
    rows = []
    for wave in WAVES:
        state: dict[tuple[str, str], float] = {}
        for item, (_, places) in ITEMS.items():
            for place in rng.choice(_PLACES, places, replace=False):
                state[item, str(place)] = float(rng.random())
        for assessor in (*team, f"M{1 + number % 2}"):
            secret = assessor.startswith("M")
            visit = "mystery" if secret else "announced"
            at = _VISIT_DAYS[wave] + timedelta(
                days=number % 14 + (7 if secret else 0), hours=9 + int(rng.integers(7))
            )
            level = good - (0.03 if secret else 0.0)
            if secret and unit.case == "visits_disagree":
                level -= 0.28
            if wave == WAVES[1] and unit.case == "real_gain":
                level += 0.03
            strict = float(rng.normal(0.0, 0.01))
            for (item, place), draw in state.items():
                bar = _OWN_LEVEL.get((item, unit.case), _OWN_LEVEL.get((item, ""), level))
                passes = draw + float(rng.normal(0.0, 0.02)) < bar + strict
                points = 10 if passes else 6
                points += 0 if passes and rng.random() < 0.55 else -int(rng.integers(1, 3))
                marked, _ = ITEMS[item]
                full = points == 10 if marked else passes
                rows.append(
                    {
                        "community": unit.id,
                        "wave": wave,
                        "assessor": assessor,
                        "role": _ROLES[assessor[0]],
                        "visit": visit,
                        "item": item,
                        "place": place,
                        "observed_at": f"{at:%Y-%m-%d %H:%M}",
                        "score": str(points) if marked else "",
                        "passed": "" if marked else ("yes" if passes else "no"),
                        "max_score": "10" if marked else "",
                        "reason": "" if full else REASONS[item],
                    }
                )
                at += timedelta(minutes=2)
    return pd.DataFrame(rows)


def cross(units: list[Compound], marks: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Make the marks of teams from elsewhere in a tenth of the compounds, rounded up (R-32).

    They see the places of the announced visit a fortnight later and are not quite so kind.
    """
    drawn = rng.choice(len(units), math.ceil(len(units) / 10), replace=False)
    teams = list(_TEAMS.values())
    rows = []
    for number in sorted(int(n) for n in drawn):
        own, others = teams[number % 3], teams[(number + 1) % 3]
        seen = marks[
            marks["community"].eq(units[number].id)
            & marks["wave"].eq(WAVES[1])
            & marks["visit"].eq("announced")
            & marks["assessor"].eq(own[0])
        ]
        for assessor in others:
            for one in seen.to_dict("records"):
                at = datetime.fromisoformat(one["observed_at"]) + timedelta(days=14)
                changed = rng.random() < 0.06
                marked = ITEMS[one["item"]][0]
                score = max(int(one["score"]) - int(rng.integers(0, 2)), 0) if marked else None
                passed = one["passed"] == "yes" and not changed
                full = score == 10 if marked else passed
                rows.append(
                    {str(k): v for k, v in one.items()}
                    | {
                        "assessor": assessor,
                        "role": _ROLES[assessor[0]],
                        "visit": "cross",
                        "observed_at": f"{at:%Y-%m-%d %H:%M}",
                        "score": str(score) if marked else "",
                        "passed": "" if marked else ("yes" if passed else "no"),
                        "reason": "" if full else REASONS[one["item"]],
                    }
                )
    return pd.DataFrame(rows, columns=marks.columns)


def measurements(
    unit: Compound, households: int, adults: int, rng: np.random.Generator
) -> pd.DataFrame:
    """Six monthly indicators over 24 months, numerator and denominator where there are any."""
    level = _KIND_LEVEL[unit.kind]
    fee = 0.64 if unit.case == "misses_target" else 0.86 + 2 * level
    rows: list[tuple[str, ...]] = []

    def add(indicator: str, month: str, share: float, base: int, origin: str, source: str) -> None:
        top = min(round(share * base), base)
        rows.append((indicator, month, "", str(top), str(base), origin, source))

    def note(indicator: str, month: str, *rest: str) -> None:
        rows.append((indicator, month, *rest))

    helpers, users = float(rng.normal(0.06, 0.012)), float(rng.normal(0.15, 0.05))
    due = households * 120  # yuan a month: 1.2 yuan per square metre, 100 square metres
    for step, month in enumerate(MONTHS):
        waste = 0.885 + level / 2 + 0.0014 * step + float(rng.normal(0, 0.006))
        if unit.case == "waste_warning":
            waste = (0.88, 0.868, 0.84, 0.832, 0.843)[step - 19] if step >= 19 else waste
        if unit.case == "missing_month":
            waste = {20: 0.84, 22: 0.84, 23: 0.84}.get(step, waste)
        bins = 900 + int(rng.integers(0, 120))
        if not (unit.case == "missing_month" and step == 21):
            add("waste_sorting_accuracy", month, waste, bins, "device", "智能投放柜")
        cases = 2 + int(rng.integers(0, 4))
        won = int(rng.binomial(cases, 0.97 if unit.case != "misses_target" else 0.8))
        rows.append(
            ("mediation_success_rate", month, "", str(won), str(cases), "ledger", "调解台账")
        )
        held = int(rng.integers(1, 3)) if unit.case != "misses_target" else int(rng.integers(0, 2))
        rows.append(
            ("community_activities_per_year", month, str(held), "", "", "ledger", "活动台账")
        )
        paid = fee + float(rng.normal(0, 0.015))
        add("property_fee_collection_rate", month, paid, due, "ledger", "物业收费系统")
        add("volunteer_share", month, helpers + 0.001 * step, adults, "system", "志愿者平台")
        active = users + 0.012 * step + level + 0.006 * math.sin(1.7 * (len(MONTHS) - 1 - step))
        add("smart_platform_active_users", month, active, adults, "system", "智慧社区平台")
    frame = pd.DataFrame(
        rows,
        columns=["indicator", "period", "value", "numerator", "denominator", "origin", "source"],
    )
    frame.insert(0, "community", unit.id)
    return frame


def requests(unit: Compound, households: int, rng: np.random.Generator) -> pd.DataFrame:
    """Draw requests of twelve months: some open, some entered twice, a few closed too early."""
    slow = {"misses_target": 2.6, "real_gain": 1.2}.get(unit.case, 1.0)
    rows: list[dict[str, object]] = []
    rates = {"complaint": 4.2, "need": 2.2, "dispute": 1.4, "suggestion": 0.8}  # per 100 a year
    begin, days = datetime(2025, 11, 1), 365
    end = datetime(2026, 11, 10)
    for kind, rate in rates.items():
        for _ in range(int(rng.poisson(rate * households / 100 * (1.4 if slow > 2 else 1.0)))):
            received = begin + timedelta(seconds=int(rng.integers(days * 86400)))
            answered = received + timedelta(hours=float(np.exp(rng.normal(2.7, 0.8))) * slow)
            closed = answered + timedelta(hours=float(np.exp(rng.normal(3.9, 1.0))) * slow)
            if unit.case == "real_gain" and received >= datetime(2026, 6, 15):
                closed = answered + (closed - answered) * 0.5
            lost = rng.random() < 0.06
            category, text = REQUEST_TEXTS[kind][int(rng.integers(len(REQUEST_TEXTS[kind])))]
            done = closed < end and not lost
            outcome = ""
            if done:
                outcome = ("resolved", "partly", "unresolved", "rejected")[
                    int(rng.choice(4, p=[0.78, 0.12, 0.06, 0.04]))
                ]
            if done and rng.random() < 0.006:
                closed = received - timedelta(hours=int(rng.integers(1, 48)))
            rows.append(
                {
                    "community": unit.id,
                    "kind": kind,
                    "received": received,
                    "answered": answered if answered < end and rng.random() > 0.03 else None,
                    "closed": closed if done else None,
                    "due": received + timedelta(hours=72),
                    "outcome": outcome,
                    "adopted": ("yes" if rng.random() < 0.4 else "no")
                    if kind == "suggestion" and done
                    else "",
                    "satisfied": ("yes" if rng.random() < 0.75 else "no")
                    if done and rng.random() < 0.5
                    else "",
                    "channel": ("hotline", "mini_program", "counter", "grid_worker")[
                        int(rng.choice(4, p=[0.45, 0.3, 0.15, 0.1]))
                    ],
                    "category": category,
                    "text": text.format(b=1 + int(rng.integers(18))),
                }
            )
    frame = pd.DataFrame(rows).sort_values("received", kind="stable").reset_index(drop=True)
    frame.insert(0, "request", [f"{unit.id}-W{k + 1:04d}" for k in range(len(frame))])
    frame["duplicate_of"] = ""
    for row in np.sort(rng.choice(np.arange(1, len(frame)), max(1, len(frame) // 40), False)):
        first = frame.iloc[row - 1]
        later = first["received"] + timedelta(minutes=int(rng.integers(5, 600)))
        same = ["kind", "category", "text", "adopted", "outcome"]
        frame.loc[row, same] = first[same]
        told = later + timedelta(hours=1)
        frame.loc[row, ["received", "due"]] = [later, later + timedelta(hours=72)]
        frame.loc[row, ["answered", "closed"]] = [told, told if first["outcome"] else None]
        frame.loc[row, "duplicate_of"] = first["duplicate_of"] or first["request"]
    for column in ("received", "answered", "closed", "due"):
        when = pd.to_datetime(frame[column])
        frame[column] = when.dt.strftime("%Y-%m-%d %H:%M:%S").fillna("")
    return frame


def facts(units: list[Compound]) -> pd.DataFrame:
    """Eligibility and veto facts: accident in three years, fire lane, award."""
    rows = []
    for unit in units:
        accident = unit.case == "visits_disagree"
        blocked = unit.case == "misses_target"
        rows += [
            (unit.id, "major_safety_accident", accident, "2025-03-18" if accident else "2026-11-06",
             "区应急管理局事故通报" if accident else "区应急管理局证明"),
            (unit.id, "fire_lane_clear", not blocked, "2026-10-20", "现场核查记录"),
            (unit.id, "awarded", unit.case == "waste_warning", "2026-11-06", "区文明办命名文件"),
        ]  # fmt: skip
        if blocked:
            rows.append((unit.id, "fire_lane_blocked", True, "2026-10-20", "现场核查记录"))
    frame = pd.DataFrame(rows, columns=["community", "fact", "value", "date", "evidence"])
    frame["value"] = np.where(frame["value"], "true", "false")
    return frame


def issues(found: pd.DataFrame) -> pd.DataFrame:
    """List one problem to put right per item of the current wave that two assessors marked down."""
    low = found[(found["wave"] == WAVES[1]) & (found["reason"] != "")]
    rows: list[dict[str, str]] = []
    for (unit, item, place), each in low.groupby(["community", "item", "place"], sort=True):
        if each["assessor"].nunique() < 3:
            continue
        day = date.fromisoformat(str(each["observed_at"].min())[:10])
        rows.append(
            {
                "issue": f"{unit}-P{len(rows) + 1:03d}",
                "community": str(unit),
                "found": day.isoformat(),
                "origin": "inspection",
                "item": str(item),
                "text_zh": f"{place}：{REASONS[str(item)]}",
                "priority": "high" if item in {"l01", "f03"} else "normal",
                "responsible": "物业企业",
                "due": (day + timedelta(days=30)).isoformat(),
                "closed": (day + timedelta(days=12)).isoformat() if len(rows) % 3 == 0 else "",
                "recommendation_zh": "限期整改并由居民代表复核",
                "recommendation_en": "put right in time; a residents' representative checks it",
            }
        )
    return pd.DataFrame(rows)
