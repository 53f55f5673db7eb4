"""The simulated world: compounds, everybody who lives in them, and what each would answer.

Nothing is estimated here. A population is made, its answers are made, and the share of satisfied
adults is set exactly, so that what a sample says can be held against what is true.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from importlib import resources

import numpy as np
import pandas as pd

from workbench.errors import InputError, Problem

__all__ = [
    "AGES",
    "SCALE_ITEMS",
    "WAVES",
    "Compound",
    "answers",
    "plan",
    "population",
    "stream",
    "truth",
]

WAVES = ("2026h1", "2026h2")
AGES = ("18-34", "35-59", "60+")

# distance of an item's share of satisfied adults from that of the overall item q1
SCALE_ITEMS = {
    "q1": 0.0,
    "q2": -0.03,
    "q3": 0.06,
    "q4": -0.02,
    "q5": 0.08,
    "q6": -0.05,
    "q7": -0.08,
    "q8": -0.04,
    "q9": 0.02,
    "q10": -0.15,
    "tr1": -0.25,
}
# items that rise with q1 in the compound with a real gain; the others rise by 3 points
_LIFTED = {"q1", "q2", "q7", "q8", "q9"}
# cut points of the five answers, measured from the point between 3 and 4
_CUTS = (-1.9, -0.75, 0.0, 1.1)

_ELDERLY = {"old_compound": 0.34, "commercial": 0.17, "work_unit": 0.28}
_RENTED = {"old_compound": 0.34, "commercial": 0.22, "work_unit": 0.14}


@dataclass(frozen=True, kw_only=True)
class Compound:
    """A compound and the part it plays.

    ``top2`` is the true share of adults satisfied overall (0-1) in the two waves; ``wanted`` the
    questionnaires looked for in a wave; ``pattern`` who answers in each wave (a key of
    ``fieldwork.PATTERNS``); ``age_effect`` how much more content people of 60 and over are.
    """

    id: str
    name: str
    name_en: str
    parent: str
    kind: str
    age_class: str
    case: str
    top2: tuple[float, float]
    wanted: int
    treated: bool = False
    pattern: tuple[str, str] = ("elderly", "elderly")
    age_effect: float = 0.5


def stream(seed: int, *purpose: str) -> np.random.Generator:
    """Return random numbers for one purpose, independent of every other purpose."""
    digest = hashlib.sha256("|".join((str(seed), *purpose)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def plan(compounds: int, per_wave: int) -> list[Compound]:
    """Compounds of a study and the part each plays, in the order of their ids.

    Parameters
    ----------
    compounds
        How many, at least 12: the named cases come first, ordinary compounds follow.
    per_wave
        Questionnaires looked for in a compound and wave, on average.

    Raises
    ------
    InputError
        If fewer than 12 compounds or fewer than 60 questionnaires a wave are asked for.
    """
    if compounds < 12 or per_wave < 60:
        raise InputError(
            Problem(
                code="simulate.too-small",
                zh="模拟研究至少要有 12 个小区、每轮每小区至少 60 份问卷",
                en="a simulated study needs at least 12 compounds and 60 questionnaires per wave",
                found=f"compounds={compounds}, per_wave={per_wave}",
            )
        )
    units = []
    text = resources.files("workbench.simulate").joinpath("compounds.csv").read_text("utf-8")
    named = list(csv.DictReader(text.splitlines()))
    for row in named[:compounds]:
        case = row["case"]
        units.append(
            Compound(
                id=row["community"],
                name=row["name"],
                name_en=row["name_en"],
                parent=row["community"][:2],
                kind=row["kind"],
                age_class=row["age_class"],
                case=case,
                top2=(float(row["before"]), float(row["after"])),
                wanted=round(per_wave * float(row["size"])),
                treated=case in {"real_gain", "regression"},
                pattern=("young", "very_elderly")
                if case == "composition"
                else ("elderly", "elderly"),
                age_effect=1.0 if case == "composition" else 0.5,
            )
        )
    for number in range(len(named), compounds):
        parent = ("JX", "HT")[number % 2]
        before = 0.65 + 0.03 * (number % 7)
        units.append(
            Compound(
                id=f"{parent}-{8 + (number - len(named)) // 2:02d}",
                name=f"{'锦荷'[number % 2]}苑第{number + 1}小区",
                name_en=f"Compound {number + 1}",
                parent=parent,
                kind=("old_compound", "commercial", "work_unit")[number % 3],
                age_class=("old", "new", "mixed")[number % 3],
                case="ordinary",
                top2=(before, before + 0.01),
                wanted=round(per_wave * 0.85),
            )
        )
    return sorted(units, key=lambda u: u.id)


def population(unit: Compound, rng: np.random.Generator) -> pd.DataFrame:
    """Every dwelling's adults of a compound, one row each.

    Returns
    -------
    pandas.DataFrame
        ``building`` (int), ``stratum``, ``dwelling`` (int, unique in the compound), ``dwellings``
        (count in the building, vacant ones included), ``adults`` (count in the dwelling),
        ``age_group``, ``sex``, ``tenure``, ``migrant``. Vacant dwellings have one row with
        ``adults`` 0 and empty demographics.
    """
    buildings = int(rng.integers(18, 27))
    size = rng.integers(36, 61, buildings)
    building = np.repeat(np.arange(1, buildings + 1), size)
    count = rng.choice([0, 1, 2, 3, 4], size=building.size, p=[0.04, 0.21, 0.48, 0.19, 0.08])
    elder_home = rng.random(building.size) < (_ELDERLY[unit.kind] - 0.08) / 0.77
    rented = rng.random(building.size) < _RENTED[unit.kind] * np.where(elder_home, 0.4, 1.3)
    home = np.repeat(np.arange(building.size), np.maximum(count, 1))
    u = rng.random(home.size)
    old = elder_home[home]
    age = np.where(
        old,
        np.where(u < 0.85, 2, np.where(u < 0.97, 1, 0)),
        np.where(u < 0.08, 2, np.where(u < 0.62, 1, 0)),
    )
    sex = np.where(rng.random(home.size) < 0.52, "female", "male")
    migrant = rng.random(home.size) < np.where(rented[home], 0.5, 0.05)
    high = building > buildings // 2
    stratum = np.where(high, "high_rise", "low_rise") if unit.kind == "commercial" else "all"
    frame = pd.DataFrame(
        {
            "building": building[home],
            "stratum": np.broadcast_to(stratum, building.shape)[home],
            "dwelling": home,
            "dwellings": size[building[home] - 1],
            "adults": count[home],
            "age_group": np.array(AGES)[age],
            "sex": sex,
            "tenure": np.where(rented[home], "renter", "owner"),
            "migrant": np.where(migrant, "yes", "no"),
        }
    )
    frame.loc[frame["adults"] == 0, ["age_group", "sex", "tenure", "migrant"]] = None
    return frame


def answers(unit: Compound, people: pd.DataFrame, rng: np.random.Generator) -> list[pd.DataFrame]:
    """Answer for every adult in each wave, with the true shares set exactly.

    A latent contentment (age, sex, tenure, building, person, item and wave) is cut at points that
    make the share of answers 4 and 5 in the population equal to the item's target.

    Returns
    -------
    list of pandas.DataFrame
        One frame per wave, rows as ``people``; items as integers 1-5; ``p1``, ``rp1`` and ``aw1``
        1 (yes) or 2 (no). ``q10`` is answered by all here; only those with ``rp1`` = 1 are asked.
    """
    n = len(people)
    live = (people["adults"] > 0).to_numpy()
    age = people["age_group"].map({AGES[0]: -0.2, AGES[1]: 0.0, AGES[2]: unit.age_effect})
    base = age.fillna(0.0).to_numpy(dtype=float)
    base = base + np.where(people["sex"] == "female", 0.05, 0.0)
    base = base - np.where(people["tenure"] == "renter", 0.15, 0.0)
    base = base + rng.normal(0.0, 0.15, int(people["building"].max()) + 1)[people["building"]]
    base = base + rng.normal(0.0, 0.75, n)
    waves = []
    for wave in range(len(WAVES)):
        out: dict[str, np.ndarray] = {}
        for item, offset in SCALE_ITEMS.items():
            share = unit.top2[0] + offset
            if wave:
                gain = unit.top2[1] - unit.top2[0]
                share += min(gain, 0.03) if item not in _LIFTED else gain
            latent = base + rng.normal(0.0, 0.7, n)
            middle = _cut(latent[live], min(max(share, 0.05), 0.95))
            out[item] = 1 + np.searchsorted(middle + np.array(_CUTS), latent)
        for item, share in (("p1", 0.34 + 0.04 * wave), ("rp1", 0.3), ("aw1", 0.45 + 0.05 * wave)):
            latent = base * 0.4 + rng.normal(0.0, 1.0, n)
            out[item] = np.where(latent > _cut(latent[live], share), 1, 2)
        waves.append(pd.DataFrame(out, index=people.index))
    return waves


def _cut(latent: np.ndarray, share: float) -> float:
    """Point above which exactly ``round(share x n)`` of the values lie."""
    above = round(share * latent.size)
    ordered = np.sort(latent)
    return float(ordered[latent.size - above - 1 : latent.size - above + 1].mean())


def truth(people: pd.DataFrame, given: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return the population values of one wave: ``top2``, ``mean`` or ``yes`` (shares 0-1)."""
    live = people["adults"] > 0
    out: dict[str, dict[str, float]] = {}
    for item in given.columns:
        value = given.loc[live, item]
        if item == "q10":
            value = value[given.loc[live, "rp1"] == 1]
        if item in SCALE_ITEMS:
            out[item] = {
                "top2": round(float((value >= 4).mean()), 6),
                "mean": round(float(value.mean()), 6),
            }
        else:
            out[item] = {"yes": round(float((value == 1).mean()), 6)}
    return out
