"""Studies with known truth: a whole study folder from a seed (demo data, power studies).

``python -m workbench.simulate DIR`` writes the bundled study again, byte for byte.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from workbench.errors import InputError, Problem
from workbench.simulate import decisions, export, fieldwork, records
from workbench.simulate.files import write_csv
from workbench.simulate.world import WAVES, Compound, answers, plan, population, stream, truth

__all__ = ["SEED", "study"]

SEED = 20261258
_CHANCES = 40  # baseline samples of the regression case, of which the lowest is kept


def study(
    folder: Path, *, seed: int = SEED, compounds: int = 14, per_wave: int = 143
) -> dict[str, Any]:
    """Write a study folder whose truth is known, and return that truth.

    Parameters
    ----------
    folder
        Where to write; files of the same names are replaced, others are left alone.
    seed
        Any integer; the same seed gives the same bytes.
    compounds
        Compounds assessed, at least 12. The first 14 are the named cases.
    per_wave
        Questionnaires looked for per compound and wave, on average, at least 60.

    Returns
    -------
    dict
        As ``truth.json``: under ``communities`` each compound's ``case``, ``adults``,
        ``households`` and the population value of every item in each wave (shares 0-1, means 1-5);
        under ``cases`` the compounds of each case.

    Raises
    ------
    InputError
        If too few compounds or questionnaires are asked for, or ``folder`` is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(
            Problem(
                code="simulate.not-a-folder",
                zh="目标不是文件夹",
                en="the target is not a folder",
                file=folder.name,
            )
        )
    units = plan(compounds, per_wave)
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)

    known: dict[str, Any] = {}
    parts: dict[str, list[pd.DataFrame]] = {}
    for number, unit in enumerate(units):
        made, told = _compound(unit, number, seed)
        known[unit.id] = told
        for table, frame in made.items():
            parts.setdefault(table, []).append(frame)
    tables = {name: pd.concat(each, ignore_index=True) for name, each in parts.items()}

    tables["responses"] = export.numbered(tables["responses"])
    problems = records.issues(tables["inspections"])
    corrections = decisions.mistype(tables)

    again = records.cross(units, tables["inspections"], stream(seed, "cross"))
    tables["inspections"] = pd.concat([tables["inspections"], again], ignore_index=True)

    export.write_communities(folder, units, known)
    for wave in WAVES:
        export.write_responses(data, tables["responses"], wave, units)
    write_csv(data / "dispositions.csv", tables["dispositions"])
    export.write_margins(data, tables["margins"])
    write_csv(data / "inspections.csv", tables["inspections"])
    write_csv(data / "assessors.csv", records.assessors())
    write_csv(data / "measurements.csv", tables["measurements"])
    export.write_requests(data, tables["requests"], units)
    write_csv(data / "facts.csv", records.facts(units))
    write_csv(data / "issues.csv", problems)

    cases: dict[str, list[str]] = {}
    for unit in units:
        cases.setdefault(unit.case, []).append(unit.id)
    result = {"seed": seed, "waves": list(WAVES), "cases": cases, "communities": known}
    decisions.write_settings(folder, seed, units)
    write_csv(folder / "corrections.csv", corrections)
    write_csv(folder / "judgements.csv", decisions.judgements(tables["responses"]))
    text = json.dumps(result, ensure_ascii=False, indent=1, sort_keys=True)
    (folder / "truth.json").write_bytes((text + "\n").encode())
    return result


def _compound(
    unit: Compound, number: int, seed: int
) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """Everything about one compound, drawn from streams of its own."""
    people = population(unit, stream(seed, unit.id, "population"))
    given = answers(unit, people, stream(seed, unit.id, "answers"))
    drawn = fieldwork.sampled_buildings(people, stream(seed, unit.id, "buildings"))
    live = people[people["adults"] > 0]
    households = int(live["dwelling"].nunique())

    forms, outcomes = [], []
    for wave, said in zip(WAVES, given, strict=True):
        chances = _CHANCES if (unit.case, wave) == ("regression", WAVES[0]) else 1
        visits = [
            fieldwork.visit(
                unit, wave, people, said, drawn, stream(seed, unit.id, "fieldwork", wave, str(k))
            )
            for k in range(chances)
        ]
        form, outcome = min(visits, key=lambda v: _adjusted_top2(v[0], live))
        if (unit.case, wave) == ("withheld", WAVES[1]):
            form = fieldwork.fabricate(form, stream(seed, unit.id, "fabricate"))
        forms.append(form)
        outcomes.append(outcome)

    margins = [
        live.groupby(variable).size().rename_axis("category").reset_index(name="count")
        .assign(variable=variable)
        for variable in ("age_group", "sex", "tenure")
    ]  # fmt: skip
    crossed = live.groupby(["age_group", "sex"]).size().reset_index(name="count")
    crossed["category"] = crossed["age_group"] + ":" + crossed["sex"]
    margins.append(crossed.assign(variable="age_group:sex")[["category", "count", "variable"]])
    made = {
        "responses": pd.concat(forms, ignore_index=True),
        "dispositions": pd.concat(outcomes, ignore_index=True),
        "margins": pd.concat(margins, ignore_index=True).assign(area=unit.id),
        "inspections": records.inspections(unit, number, stream(seed, unit.id, "inspections")),
        "measurements": records.measurements(
            unit, households, len(live), stream(seed, unit.id, "measurements")
        ),
        "requests": records.requests(unit, households, stream(seed, unit.id, "requests")),
    }
    told = {
        "case": unit.case,
        "kind": unit.kind,
        "adults": len(live),
        "households": households,
        "items": {w: truth(people, g) for w, g in zip(WAVES, given, strict=True)},
    }
    return made, told


def _adjusted_top2(form: pd.DataFrame, live: pd.DataFrame) -> float:
    """Share satisfied overall in the probability sample, age groups weighted to the population."""
    valid = form[form["q1"].between(1, 5) & form["base_weight"].notna()]
    weight = valid["base_weight"].astype(float)
    total = weight.groupby(valid["age_group"]).sum()
    share = weight.where(valid["q1"] >= 4, 0.0).groupby(valid["age_group"]).sum() / total
    return float((share * live["age_group"].value_counts(normalize=True)).sum())
