"""Fieldwork of one compound and wave: who is drawn, who answers, what is written down."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from workbench.simulate.texts import suggestion
from workbench.simulate.world import AGES, SCALE_ITEMS, Compound

__all__ = ["DEMOGRAPHICS", "PATTERNS", "fabricate", "sampled_buildings", "visit"]

DEMOGRAPHICS = ("age_group", "sex", "tenure", "migrant")

# chance that a drawn adult answers, by age group
PATTERNS = {
    "elderly": dict(zip(AGES, (0.20, 0.36, 0.75), strict=True)),
    "young": dict(zip(AGES, (0.46, 0.44, 0.36), strict=True)),
    "very_elderly": dict(zip(AGES, (0.10, 0.16, 0.80), strict=True)),
}
_OPT_IN_SHARE = 0.15
_FIELD = {"2026h1": datetime(2026, 4, 8), "2026h2": datetime(2026, 10, 8)}
_FIELD_DAYS = 28
_NO_ANSWER = ("2.10", "2.20", "2.30", "3.10")  # refusal, nobody met, other, unknown (AAPOR)


def sampled_buildings(people: pd.DataFrame, rng: np.random.Generator) -> dict[str, list[int]]:
    """Draw the buildings of each stratum for every wave (14, or 7 in each of two strata)."""
    drawn = {}
    strata = sorted(people["stratum"].unique())
    for stratum in strata:
        all_of = np.sort(people.loc[people["stratum"] == stratum, "building"].unique())
        take = min(14 // len(strata), all_of.size - 1)
        drawn[stratum] = sorted(int(b) for b in rng.choice(all_of, take, replace=False))
    return drawn


def visit(
    unit: Compound,
    wave: str,
    people: pd.DataFrame,
    given: pd.DataFrame,
    drawn: dict[str, list[int]],
    rng: np.random.Generator,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Collect the questionnaires and dispositions of one compound and wave.

    Dwellings are drawn without replacement in the sampled buildings, one adult in each; people
    answer by age and sex only. Forms of the mini-program (opt-in, younger, no base weight) come
    from the same buildings and have no disposition.

    Returns
    -------
    (responses, dispositions)
        Without ``respondent``: it is numbered over the whole wave. Items hold answers or the
        missing codes 6, 7, -2, -3; ``complete`` is yes or no.
    """
    pattern = PATTERNS[unit.pattern[("2026h1", "2026h2").index(wave)]]
    chance = people["age_group"].map(pattern).fillna(0.0).to_numpy(dtype=float)
    chance = np.minimum(chance * np.where(people["sex"] == "female", 1.07, 0.93), 0.95)
    live = (people["adults"] > 0).to_numpy()
    flat = [(s, b) for s, each in drawn.items() for b in each]
    cases = round(unit.wanted * (1 - _OPT_IN_SHARE) / chance.mean() / len(flat))
    strata_size = people.groupby("stratum")["building"].nunique()
    adults = people["adults"].to_numpy()
    start = np.flatnonzero(~people["dwelling"].duplicated().to_numpy())
    size = np.maximum(adults[start], 1)
    within = people["building"].to_numpy()[start]

    rows, outcomes, index = [], [], []
    letter = wave[-2:].upper()
    number = 0
    for stratum, building in flat:
        homes = np.flatnonzero(within == building)
        take = rng.choice(homes, min(cases, homes.size), replace=False)
        weight = strata_size[stratum] / len(drawn[stratum]) * homes.size / take.size
        for home in np.sort(take):
            number += 1
            case = f"{unit.id}-{letter}-{number:04d}"
            who = int(start[home] + rng.integers(size[home]))
            mode = "household" if rng.random() < 0.75 else "paper"
            day = int(rng.integers(_FIELD_DAYS))
            answered = live[who] and rng.random() < chance[who]
            disposition = "1.1"
            if not live[who]:
                disposition = "4.60"
            elif not answered:
                disposition = _NO_ANSWER[int(rng.choice(4, p=[0.36, 0.45, 0.1, 0.09]))]
            elif rng.random() < 0.02:
                disposition = "1.2"
            worker = f"I{(1 if unit.parent == 'JX' else 4) + building % 3:02d}"
            place = {
                "stratum": stratum,
                "psu": f"{unit.id}-{building:02d}",
                "ssu": f"{unit.id}-{building:02d}-{home:04d}",
            }
            outcomes.append(
                {
                    "community": unit.id,
                    "wave": wave,
                    "disposition": disposition,
                    "case": case,
                    "mode": mode,
                    **place,
                    "base_weight": round(weight * size[home], 4),
                    "attempts": 1 + int(rng.integers(2 if answered else 4)),
                    "interviewer": worker,
                    "date": (_FIELD[wave] + timedelta(days=day)).date().isoformat(),
                }
            )
            if answered:
                index.append(who)
                rows.append(
                    {**outcomes[-1], "fpc2": homes.size, "fpc1": strata_size[stratum], "day": day}
                )
    rows, index = _opt_in(unit, people, flat, strata_size, rows, index, rng)
    frame = pd.DataFrame(rows).assign(wave=wave)
    frame = _write_down(frame, people.iloc[index], given.iloc[index], wave, rng)
    return frame, pd.DataFrame(outcomes)


def _opt_in(
    unit: Compound,
    people: pd.DataFrame,
    flat: Sequence[tuple[str, int]],
    strata_size: pd.Series,
    rows: list[dict[str, object]],
    index: list[int],
    rng: np.random.Generator,
) -> tuple[list[dict[str, object]], list[int]]:
    """Add those who scan the code at the door of a sampled building."""
    near = people["building"].isin([b for _, b in flat]) & (people["adults"] > 0)
    pull = people["age_group"].map(dict(zip(AGES, (3.0, 1.6, 0.25), strict=True))).fillna(0.0)
    force = pull.where(near, 0.0).to_numpy(dtype=float).copy()
    force[index] = 0.0
    wanted = round(unit.wanted * _OPT_IN_SHARE)
    chosen = rng.choice(len(people), wanted, replace=False, p=force / force.sum())
    homes = people.drop_duplicates("dwelling").groupby("building").size()
    for who in np.sort(chosen):
        person = people.iloc[int(who)]
        rows.append(
            {
                "community": unit.id,
                "disposition": "1.1",
                "case": None,
                "mode": "mini_program",
                "stratum": person["stratum"],
                "psu": f"{unit.id}-{person['building']:02d}",
                "ssu": f"{unit.id}-{person['building']:02d}-{person['dwelling']:04d}",
                "base_weight": None,
                "interviewer": None,
                "fpc2": homes[person["building"]],
                "fpc1": strata_size[person["stratum"]],
                "day": int(rng.integers(_FIELD_DAYS)),
            }
        )
        index.append(int(who))
    return rows, index


def _write_down(
    frame: pd.DataFrame,
    who: pd.DataFrame,
    given: pd.DataFrame,
    wave: str,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Add times, demographics and answers with their gaps."""
    n = len(frame)
    seconds = np.round(np.exp(rng.normal(5.75, 0.3, n))).astype(int) + 60
    start = 9 * 3600 + np.round(rng.random(n) * 11 * 3600).astype(int)
    begun = [
        _FIELD[wave] + timedelta(days=int(d), seconds=int(s))
        for d, s in zip(frame["day"], start, strict=True)
    ]
    frame["started"] = begun
    frame["finished"] = [b + timedelta(seconds=int(s)) for b, s in zip(begun, seconds, strict=True)]
    online = (frame["mode"] == "mini_program").to_numpy()
    frame["ip"] = np.where(online, [f"203.0.113.{k}" for k in rng.integers(1, 255, n)], "")
    for name in DEMOGRAPHICS:
        frame[name] = who[name].to_numpy()
    u = {item: rng.random(n) for item in (*SCALE_ITEMS, "p1", "rp1", "aw1")}
    for item, draw in u.items():
        value = given[item].to_numpy().copy()
        unsure = 0.09 if item in {"q10", "tr1"} else 0.03
        value[draw < unsure + 0.03] = -2
        value[draw < unsure + 0.01] = 7
        value[draw < unsure] = 6
        frame[item] = value
    frame.loc[frame["rp1"] != 1, "q10"] = -3
    frame["att1"] = np.where(rng.random(n) < 0.97, 3, rng.integers(1, 6, n))
    broken = (frame["disposition"] == "1.2").to_numpy()
    frame.loc[broken, ["q8", "q9", "q10", "tr1", "aw1", "att1"]] = -2
    frame["complete"] = np.where(broken, "no", "yes")
    happy = given["q1"].to_numpy() >= 4
    says = rng.random(n) < 0.22
    frame["sug"] = [suggestion(rng, bool(h)) if s else "" for h, s in zip(happy, says, strict=True)]
    return frame.drop(columns=["day", "disposition", "attempts", "date"], errors="ignore")


def fabricate(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Replace nine tenths of the forms by copies of four, filled in one after another.

    Ids, cases and dwellings stay distinct; every answer, demographic and text of a copy equals its
    original, one interviewer handed them all in, about 40 seconds each.
    """
    out = frame.reset_index(drop=True).copy()
    copied = [*DEMOGRAPHICS, *SCALE_ITEMS, "p1", "rp1", "aw1", "att1", "sug"]
    models = np.sort(rng.choice(len(out), 4, replace=False))
    genuine = np.sort(rng.choice(len(out), len(out) // 10, replace=False))
    begun = out["started"].min().replace(hour=20, minute=5, second=0)
    rows = np.setdiff1d(np.arange(len(out)), genuine)
    step = np.arange(rows.size)
    for name in copied:
        values = out[name].to_numpy(dtype=object, copy=True)
        values[rows] = out[name].to_numpy(dtype=object)[models[step % 4]]
        out[name] = values
    texts = out["sug"].to_numpy(dtype=object, copy=True)
    texts[rows[step % 4 == 0]] = "小区各方面都很好，没有意见，非常满意。"
    out["sug"] = texts
    started = pd.Series(begun + pd.to_timedelta(70 * step, unit="s"), index=rows)
    lasted = pd.to_timedelta(rng.integers(36, 46, rows.size), unit="s")
    out["started"] = started.reindex(out.index).fillna(out["started"])
    out["finished"] = (started + lasted).reindex(out.index).fillna(out["finished"])
    copy = out.index.isin(rows)
    online = out["mode"].eq("mini_program")
    out["ip"] = out["ip"].mask(copy & online, "203.0.113.77")
    out["interviewer"] = out["interviewer"].mask(copy & ~online, "I03")
    return out.assign(complete="yes")
