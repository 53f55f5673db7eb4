"""Random draws of teams, visitors and units, which pass over whom the rules do and say so.

Every function takes a generator and gives the same draw for the same generator and the same pool,
whatever the order of its rows.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.scoring._frames import need, no_duplicates, refuse, words
from workbench.scoring.sheets import TEAM

__all__ = ["barred", "draw_teams", "draw_units", "draw_visits"]

NOTHING_DECLARED = ("", "none", "no", "nil", "无", "没有", "-", "—")
_TRIES = 5_000

Pair = tuple[str, str]


def barred(
    assessors: pd.DataFrame, units: pd.DataFrame, *, by: dt.date, elsewhere: bool = False
) -> pd.DataFrame:
    """Say which assessor may not go to which unit, and why.

    Parameters
    ----------
    assessors : DataFrame
        Canonical ``assessors``: ``assessor``, ``home`` (a unit or an area), ``interests`` (what was
        declared: ids of units or areas, or words), ``trained_on`` (ISO date).
    units : DataFrame
        ``community``, ``parent`` (area).
    by : date
        First day of field work: training must lie before or on it.
    elsewhere : bool
        Cross-inspection: whoever lives in the same area as the unit is barred too.

    Returns
    -------
    DataFrame
        ``assessor``, ``community`` (``*``: any unit), ``code`` (untrained, home, area, interest,
        interest_open), ``reason_zh``, ``reason_en``; a person without a row may go anywhere.

    Notes
    -----
    An interest that names no unit and no area bars its person from every unit until somebody says
    whom it concerns.

    References
    ----------
    Rules R-28, R-29, R-32; X-45: a team never inspects its own area.
    """
    need(assessors, ("assessor",), of="assessors")
    need(units, ("community",), of="units")
    no_duplicates(assessors, ("assessor",), of="assessors")
    no_duplicates(units, ("community",), of="units")
    area = dict(zip(words(units, "community"), words(units, "parent"), strict=True))
    known = set(area) | set(area.values()) - {""}
    rows: list[dict[str, str]] = []

    def bar(who: str, unit: str, code: str, zh: str, en: str) -> None:
        rows.append({"assessor": who, "community": unit, "code": code, "reason_zh": zh,
                     "reason_en": en})  # fmt: skip

    people = zip(*(words(assessors, c) for c in ("assessor", "home", "interests", "trained_on")),
                 strict=True)  # fmt: skip
    for who, home, interests, trained in people:
        day = pd.to_datetime(str(trained)[:10], errors="coerce") if trained else pd.NaT
        if pd.isna(day) or day.date() > by:
            bar(who, "*", "untrained", "外业之前没有培训记录", "no training before field work")
        told = str(interests).strip()
        named = {t for t in _tokens(told) if t in known}
        if told.lower() not in NOTHING_DECLARED and not named:
            bar(who, "*", "interest_open", f"申报了利益关系，未说明涉及哪个单位：{told}",
                f"declared an interest and not whom it concerns: {told}")  # fmt: skip
        home_area = area.get(home, home)
        for unit, parent in area.items():
            if home and home in (unit, parent):
                bar(who, unit, "home", "属于本人所在的小区或辖区", "own compound or area")
            elif elsewhere and home_area and home_area == parent:
                bar(who, unit, "area", "与本人所在小区同属一个辖区", "in the same area as home")
            if named & ({unit, parent} - {""}):
                bar(who, unit, "interest", "本人申报了利益关系", "declared an interest")
    return pd.DataFrame(rows, columns=["assessor", "community", "code", "reason_zh", "reason_en"])


def _tokens(text: str) -> list[str]:
    for mark in ";；,，、|":
        text = text.replace(mark, " ")
    return text.split()


def draw_units(units: Sequence[str], *, rng: np.random.Generator, share: float) -> list[str]:
    """Draw a share of the units, rounded up, all with the same chance.

    Parameters
    ----------
    units : sequence of str
        The pool.
    rng : numpy Generator
    share : float
        Above 0, at most 1 (R-32: 0.10).

    Returns
    -------
    list of str
        The units drawn, in the order of the draw.

    References
    ----------
    Rule R-32: 10 %, rounded up.
    """
    if not 0 < share <= 1:
        raise refuse("share", "抽取比例应在 0–1", "the share must lie in 0–1", found=str(share))
    pool = sorted(set(units))
    if not pool:
        raise refuse("empty", "没有可抽取的单位", "there is nothing to draw from")
    count = math.ceil(round(share * len(pool), 9))
    return [pool[i] for i in rng.permutation(len(pool))[:count]]


def draw_teams(
    assessors: pd.DataFrame,
    units: pd.DataFrame,
    *,
    rng: np.random.Generator,
    by: dt.date,
    team: Sequence[str] = TEAM,
    per_team: tuple[int, int] = (3, 5),
    elsewhere: bool = False,
    own: Mapping[str, str] | None = None,
    only: Sequence[str] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw which team assesses which unit.

    Parameters
    ----------
    assessors : DataFrame
        Canonical ``assessors``. Teams that are named (``team``) stay together; without names one
        person of each role is drawn into each team.
    units : DataFrame
        ``community``, ``parent``.
    rng : numpy Generator
    by : date
        First day of field work.
    team : sequence of str
        Roles of a team (R-28).
    per_team : (int, int)
        Least and most units of a team (R-29: 3 to 5).
    elsewhere : bool
        Whether whoever is of the unit's own area is passed over as well (R-32).
    own : mapping of unit to team, optional
        The team that assesses a unit already, and is not drawn for it again.
    only : sequence of str, optional
        The units that get a team; the others say what area people are of.

    Returns
    -------
    drawn : DataFrame
        One row per unit: ``community``, ``team``, and one column per role.
    passed : DataFrame
        Persons, teams and pairs passed over: ``assessor``, ``team``, ``community`` (``*``: at all),
        ``code``, ``reason_zh``, ``reason_en``.

    Raises
    ------
    InputError
        No whole team, too few teams for the units, or no assignment without a conflict.

    Notes
    -----
    As many teams as ``per_team`` allows take part (fewer where that leaves no way), drawn at
    random; loads differ by at most one. Teams and assignments are drawn until there is no conflict,
    so that all those without a conflict have the same chance.

    References
    ----------
    Rules R-28, R-29; doc 002 §7.1, §8.2.
    """
    why = barred(assessors, units, by=by, elsewhere=elsewhere)
    never = set(why.loc[why["community"].eq("*"), "assessor"])
    teams, broken = _teams(assessors, never, rng, team)
    passed = why.assign(team=why["assessor"].map(_team_of(teams)).fillna(""))
    passed = pd.concat([passed, pd.DataFrame(broken)], ignore_index=True)
    pool = sorted(words(units, "community") if only is None else only)
    least, most = per_team
    if not teams or len(pool) > most * len(teams):
        out = why[why["community"].eq("*")]
        zh, en = (
            "; ".join(f"{who} {text}" for who, text in zip(out["assessor"], out[lang], strict=True))
            for lang in ("reason_zh", "reason_en")
        )
        raise refuse(
            "teams",
            f"{len(pool)} 个单位，完整小组 {len(teams)} 个，每组至多 {most} 个"
            + (f"；不可派出：{zh}" if zh else ""),
            f"{len(pool)} units, {len(teams)} whole teams, at most {most} units each"
            + (f"; may not go: {en}" if en else ""),
            remedy_zh="补足小组、培训或利益申报",
            remedy_en="bring teams, training, declarations",
        )
    fewest = max(math.ceil(len(pool) / most), 1)
    taking = min(len(teams), max(len(pool) // least, fewest))
    pairs = set(zip(why["assessor"], why["community"], strict=True))
    closed = {
        (name, unit)
        for name, members in teams.items()
        for unit in pool
        if any((who, unit) in pairs for who in members.values())
    }
    closed |= {(str(name), str(unit)) for unit, name in (own or {}).items()}
    names = sorted(teams)
    for size in range(taking, fewest - 1, -1):
        for _ in range(_TRIES):
            chosen = [names[i] for i in rng.permutation(len(names))[:size]]
            slots = [chosen[i % size] for i in range(len(pool))]
            order = [slots[i] for i in rng.permutation(len(slots))]
            if any((name, unit) in closed for name, unit in zip(order, pool, strict=True)):
                continue
            drawn = pd.DataFrame(
                [{"community": unit, "team": name, **teams[name]}
                 for name, unit in zip(order, pool, strict=True)]
            )  # fmt: skip
            return drawn, passed[_PASSED].reset_index(drop=True)
    raise refuse(
        "conflicts", "没有一种分配能避开全部回避关系", "no assignment avoids every conflict",
        remedy_zh="补充外地小组", remedy_en="bring teams from elsewhere",
    )  # fmt: skip


_PASSED = ["assessor", "team", "community", "code", "reason_zh", "reason_en"]


def _team_of(teams: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    return {who: name for name, members in teams.items() for who in members.values()}


def _teams(
    assessors: pd.DataFrame, never: set[str], rng: np.random.Generator, team: Sequence[str]
) -> tuple[dict[str, dict[str, str]], list[dict[str, str]]]:
    """Give whole teams, and those that are not whole."""
    frame = pd.DataFrame({c: words(assessors, c) for c in ("assessor", "role", "team")})
    frame = frame[frame["role"].isin(list(team))].sort_values("assessor")
    may = frame[~frame["assessor"].isin(never)]
    broken: list[dict[str, str]] = []
    teams: dict[str, dict[str, str]] = {}
    for name, own in frame[frame["team"].ne("")].groupby("team", sort=True):
        members = may[may["team"].eq(name)].groupby("role")["assessor"].first().to_dict()
        if set(members) == set(team):
            teams[str(name)] = {role: str(members[role]) for role in team}
        else:
            lost = ", ".join(sorted(set(team) - set(members)))
            broken.append({"assessor": "", "team": str(name), "community": "*", "code": "not_whole",
                           "reason_zh": f"小组缺少可派出的成员：{lost}",
                           "reason_en": f"the team lacks members who may go: {lost}"})  # fmt: skip
        del own
    loose = may[may["team"].eq("")]
    drawn = {
        role: [str(who) for who in rng.permutation(loose.loc[loose["role"].eq(role), "assessor"])]
        for role in team
    }
    for k in range(min(len(people) for people in drawn.values())):
        teams[f"draw-{k + 1}"] = {role: drawn[role][k] for role in team}
    return teams, broken


def draw_visits(
    assessors: pd.DataFrame,
    units: pd.DataFrame,
    *,
    rng: np.random.Generator,
    days: Sequence[dt.date],
    role: str | None = "mystery",
    visits: int = 1,
    hours: tuple[int, int] = (8, 18),
    elsewhere: bool = False,
    only: Sequence[str] | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw who visits which unit, on which day and at what time.

    Parameters
    ----------
    assessors, units
        As for :func:`draw_teams`.
    rng : numpy Generator
    days : sequence of date
        Days of field work.
    role : str or None
        Who goes: persons of this role, or anybody.
    visits : int
        Visits per unit, on different days.
    hours : (int, int)
        Visits begin from the first hour to before the last, on a quarter.
    elsewhere : bool
        Whether whoever is of the unit's own area is passed over as well.
    only : sequence of str, optional
        The units that are visited; the others say what area people are of.

    Returns
    -------
    drawn : DataFrame
        One row per visit: ``community``, ``assessor``, ``date``, ``time``.
    passed : DataFrame
        As for :func:`draw_teams`.

    Raises
    ------
    InputError
        Nobody may go to a unit, or there are fewer days than visits.

    Notes
    -----
    Units are gone through in random order; of those who may go, one with the fewest visits so far
    is drawn. Day and time are drawn evenly: whoever knows the earlier visits learns nothing.

    References
    ----------
    Rules R-30, R-33, R-37; doc 002 §5.2, §8.2; doc 000 §7.2 (random object, random inspector).
    """
    first = min(days) if len(days) else None
    if first is None or visits > len(days) or visits < 1:
        raise refuse("days", "外业天数少于暗访次数", "fewer days of field work than visits")
    why = barred(assessors, units, by=first, elsewhere=elsewhere)
    pairs = set(zip(why["assessor"], why["community"], strict=True))
    roles = words(assessors, "role")
    pool = sorted(
        str(who)
        for who, own in zip(words(assessors, "assessor"), roles, strict=True)
        if (role is None or own == role) and (who, "*") not in pairs
    )
    load = dict.fromkeys(pool, 0)
    names = sorted(words(units, "community") if only is None else only)
    calendar = sorted(days)
    rows: list[dict[str, Any]] = []
    nobody = []
    for unit in (names[i] for i in rng.permutation(len(names))):
        on = [calendar[i] for i in sorted(rng.permutation(len(calendar))[:visits])]
        for day in on:
            may = [who for who in pool if (who, unit) not in pairs]
            if not may:
                nobody.append(unit)
                continue
            idle = [who for who in may if load[who] == min(load[w] for w in may)]
            who = idle[int(rng.integers(len(idle)))]
            load[who] += 1
            quarter = int(rng.integers(4 * (hours[1] - hours[0])))
            time = f"{hours[0] + quarter // 4:02d}:{15 * (quarter % 4):02d}"
            rows.append({"community": unit, "assessor": who, "date": day.isoformat(), "time": time})
    if nobody:
        listed = ", ".join(sorted(set(nobody))[:10])
        raise refuse("nobody", f"没有人可以去这些单位：{listed}", f"nobody may go to: {listed}",
                     remedy_zh="补充人员、培训或利益申报",
                     remedy_en="bring more people, training, declarations")  # fmt: skip
    drawn = pd.DataFrame(rows).sort_values(["community", "date", "time"]).reset_index(drop=True)
    mine = words(assessors, "assessor")[np.isin(roles, [role])] if role else words(
        assessors, "assessor")  # fmt: skip
    passed = why[why["assessor"].isin(mine)].assign(team="")
    return drawn, passed[_PASSED].reset_index(drop=True)
