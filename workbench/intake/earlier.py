"""A wave that an earlier batch assessed: its rows from the tables kept, its reports from the bags.

A unit with ``predecessors`` also gets the answers, cases and inspections that its predecessors
had in the baseline wave, wherever that wave comes from.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.intake.frames import FILE, ROW, Log, Problems
from workbench.intake.shelf import Stack
from workbench.intake.store import column_types, read_parts, read_units
from workbench.intake.tables import PUBLISHED, TABLES
from workbench.intake.units import Units

if TYPE_CHECKING:
    from workbench.study import Study, Wave

__all__ = ["add_earlier", "codebook_of", "dates_of", "join_predecessors", "predecessors"]

_BY_WAVE = ("responses", "dispositions", "inspections")
_BY_KEY = ("requests", "measurements", "assessors")


def add_earlier(
    study: Study, stacks: dict[str, Stack], units: Units, log: Log, problems: Problems
) -> set[str]:
    """Add the rows of waves that study.yaml takes from a batch.

    Of answers, dispositions and inspections the rows of that wave are taken; of requests,
    measurements and assessors those that the study's own files do not hold. Only columns that
    this study knows are kept; units that it does not have are left out and counted.

    Parameters
    ----------
    study
        The study; each wave with ``batch:`` names a folder that ``run`` wrote.
    stacks
        Canonical tables so far; rows are added.
    units
        The units of this study.
    log, problems
        Receive what is counted and batches that cannot be read.

    Returns
    -------
    set of str
        Tables that came from a batch only.
    """
    added: set[str] = set()
    for n, wave in enumerate(study.settings.waves, start=1):
        if wave.batch is None:
            continue
        folder = study.resolve(wave.batch) / "private" / "tables"
        if not (folder / "intake.json").is_file():
            problems.add(
                "wave.batch",
                "该批次没有保存数据表（private/tables）",
                "the batch holds no tables (private/tables)",
                "给出保存在本机的批次文件夹，或改用该轮次的数据源",
                "give the folder of the batch kept on this machine, or the wave's own sources",
                file="study.yaml",
                column=f"waves[{n}].batch",
                found=wave.batch,
            )
            continue
        for name in (*_BY_WAVE, *_BY_KEY):
            if (folder / f"{name}.parquet").is_file():
                take = _Taker(name, wave, stacks, units, log)
                if name not in stacks:
                    added.add(name)
                    stacks[name] = Stack(TABLES[name].unit)
                    stacks[name].types |= column_types(folder, name)
                for part in read_parts(folder, name):
                    stacks[name].add(take.rows(part))
        if wave.role == "baseline":
            told = _published(study.resolve(wave.batch), _communities(stacks), log)
            stacks["published"] = Stack(PUBLISHED.unit)
            stacks["published"].types |= {str(n): kind for n, kind in told.dtypes.items()}
            stacks["published"].add(told)
            added.add("published")
    return added


_TOLD = re.compile(
    r"score\.(total|points\.[a-z0-9_]+)|survey\.[a-z0-9_]+\.top2\.current|indicator\.[a-z0-9_]+"
)


def predecessors(frame: pd.DataFrame) -> dict[str, list[str]]:
    """Give the predecessors of each unit that has some; ids apart by ``;``, ``,`` or blanks."""
    if "predecessors" not in frame:
        return {}
    told = frame.dropna(subset=["predecessors"])
    pairs = zip(told["community"], told["predecessors"], strict=True)
    named = {str(u): [w for w in re.split(r"[;,，；\s]+", str(p)) if w] for u, p in pairs}
    return {unit: names for unit, names in named.items() if names}


def _communities(stacks: Mapping[str, Stack]) -> pd.DataFrame:
    if "communities" not in stacks:
        return pd.DataFrame(columns=["community"])
    return pd.concat(stacks["communities"].pieces())


def _published(batch: Path, units: pd.DataFrame, log: Log) -> pd.DataFrame:
    """Give what the batch's signed reports said about each unit, or its predecessors.

    Each bag is verified with its signatures, and the batch's ledger for what was superseded or
    withdrawn; of several editions the latest counts. The rows kept of the wave must be those in
    the bag. The row ``bag`` carries the answer. A bag that was changed, withdrawn, is not there or
    holds other rows gives no figures.
    """
    before = predecessors(units)
    answers = _verified(batch)
    rows = []
    for unit in units["community"]:
        for name in before.get(str(unit), [str(unit)]):
            rows += _of_bag(batch, str(unit), name, answers)
    out = pd.DataFrame(rows, columns=PUBLISHED.names())
    for column in PUBLISHED.columns:
        numeric = column.type == "float"
        out[column.name] = out[column.name].astype("float64" if numeric else "str")
    log.add(
        "intake.batch-published",
        int(out["finding"].eq("bag").sum()),
        "基期批次的已签名报告已核验",
        "signed reports of the baseline's batch verified",
        table="published",
    )
    out[FILE] = "published"
    out[ROW] = list(range(1, len(out) + 1))
    return out


def _verified(batch: Path) -> dict[tuple[str, int], tuple[str, str, str]]:
    """Verify the whole batch: (unit, edition) → verdict and what it is called, zh and en."""
    from datetime import UTC, datetime

    from workbench.errors import InputError
    from workbench.evidence.keys import ROLES, home_folder
    from workbench.evidence.verify import verify

    try:
        home = home_folder(os.environ)
        report = verify(batch, trust=None, home=home, now=datetime.now(UTC))
    except InputError:  # no bags in the folder: each unit says so
        return {}
    out = {}
    for item in report.items:
        if item.kind != "bag" or item.edition is None:
            continue
        signed = min(map(len, item.signatures.values()), default=0)
        if item.edition > 1 and signed < len(ROLES):
            continue  # a new edition counts once three have signed it
        codes = {result.code for result in item.results}
        lines = {lang: item.text(lang).split("\n")[0] for lang in ("zh", "en")}
        verdict = str(item.verdict.value)
        if any("withdrawn" in code for code in codes):
            verdict = "withdrawn"
        out[item.community, item.edition] = (verdict, lines["zh"], lines["en"])
    return out


_RENUMBERED = set("respondent case substitute_for panel_id psu ssu interviewer assessor".split())


def _other_rows(inputs: Path, name: str, kept: Path) -> str | None:
    """Name the table and column in which the rows kept are not those of the signed slice.

    Numbers and words are compared without regard to the order of the rows; names of persons and
    buildings were renumbered in the slice. A table that was not delivered is not compared.
    """
    for table in _BY_WAVE:
        file = inputs / f"{table}.csv"
        if not file.is_file() or not (kept / f"{table}.parquet").is_file():
            continue
        signed = pd.read_csv(file, dtype=str, keep_default_na=False)
        signed = signed[signed["community"].eq(name)]
        own = read_units(kept, table, [name])
        if len(own) != len(signed):
            return table
        for column in signed.columns.intersection(own.columns):
            if column in _RENUMBERED or column.endswith("__phrases"):
                continue  # numbers and phrases are made for the slice
            if signed[column].eq("").all():
                continue
            values = own[column]
            if pd.api.types.is_bool_dtype(values) or str(values.dtype).startswith("datetime"):
                continue
            if pd.api.types.is_numeric_dtype(values):
                mine = pd.to_numeric(values).astype(float).sort_values()
                told = pd.to_numeric(signed[column]).astype(float).sort_values()
                same = np.allclose(mine, told, rtol=1e-9, equal_nan=True)
            else:
                same = sorted(values.fillna("").astype(str)) == sorted(signed[column])
            if not same:
                return f"{table}.{column}"
    return None


def _of_bag(
    batch: Path,
    unit: str,
    name: str,
    answers: dict[tuple[str, int], tuple[str, str, str]],
) -> list[dict[str, object]]:
    editions = sorted(edition for who, edition in answers if who == name)
    base: dict[str, object] = {"community": unit, "source": name}
    if not editions:
        return [
            base
            | {
                "finding": "bag",
                "verdict": "missing",
                "status": "not_computed",
                "reason_zh": f"基期批次中没有{name}的证据包",
                "reason_en": f"the baseline's batch holds no bag of {name}",
            }
        ]
    last = editions[-1]
    verdict, zh, en = answers[name, last]
    head = {"finding": "bag", "verdict": verdict, "value": float(last), "unit": "count"}
    head |= {"display_zh": zh, "display_en": en, "status": "ok"}
    folder = batch / "communities" / (name if last == 1 else f"{name}@{last}")
    other = _other_rows(folder / "data" / "inputs", name, batch / "private" / "tables")
    if other is not None and verdict not in ("changed", "withdrawn"):
        verdict = "changed"
        head |= {"verdict": verdict, "display_zh": f"{zh}；保存的数据与签名的不同：{other}"}
        head |= {"display_en": f"{en}; the rows kept are not those that were signed: {other}"}
    rows = [base | head]
    file = folder / "data" / "findings.json"
    if verdict in ("changed", "withdrawn") or not file.is_file():
        return rows
    names = [n for n in PUBLISHED.names() if n not in ("community", "source")]
    for told in json.loads(file.read_text(encoding="utf-8")):
        if _TOLD.fullmatch(str(told["finding"])):
            rows.append({n: told.get(n) for n in names} | base)
    return rows


def dates_of(study: Study, wave: Wave) -> tuple[list[str], list[str]]:
    """Give the days of field work and the months of records of a wave, from its batch if need be.

    A wave that study.yaml takes from a batch has the dates that this batch was assessed with.
    """
    fieldwork = [day.isoformat() for day in wave.fieldwork or ()]
    months = [str(month) for month in wave.records or ()]
    if wave.batch is None or (fieldwork and months):
        return fieldwork, months
    for told in _signed_settings(study, wave).get("waves") or ():
        if told.get("id") == wave.id:
            return fieldwork or list(told["fieldwork"]), months or list(told["records"])
    return fieldwork, months


def codebook_of(study: Study, wave: Wave) -> dict[str, object] | None:
    """Give the questions that a wave taken from a batch was asked with, of items both have.

    ``None`` where the wave has sources of its own: this study's codebook holds for it.
    """
    told = _signed_settings(study, wave).get("codebook") if wave.batch is not None else None
    if not told:
        return None
    return {code: told[code] for code in study.codebook if code in told}


def _signed_settings(study: Study, wave: Wave) -> dict[str, Any]:
    """Give the settings that lie in the bags of a wave's batch; empty where there are none."""
    home = study.resolve(str(wave.batch))
    file = next(iter(sorted(home.glob("communities/*/data/inputs/study.json"))), None)
    told: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file else {}
    return told


def join_predecessors(study: Study, stacks: dict[str, Stack], log: Log) -> None:
    """Give units their predecessors' rows of the baseline wave, under their own id.

    Buildings, dwellings and inspected places keep the predecessor in their name, so that those of
    one number in two merged communities stay two. Every comparison of such a unit is at most E1.
    """
    before = predecessors(_communities(stacks))
    baseline = study.baseline
    if not before or baseline is None:
        return
    known_units = list(_communities(stacks)["community"])
    concerned = [*before, *(n for names in before.values() for n in names)]
    for name in _BY_WAVE:
        if name not in stacks:
            continue
        whole = Stack(stacks[name].unit)
        whole.types |= stacks[name].types
        found = []
        for part in stacks[name].pieces():
            found.append(part[part["community"].isin(concerned) & part["wave"].eq(baseline.id)])
            whole.add(part[part["community"].isin(known_units) | part["community"].isna()])
        frame = pd.concat(found) if found else pd.DataFrame(columns=["community", "wave"])
        for unit, names in before.items():
            mine = frame[frame["community"].isin(names)]
            own = frame["community"].eq(unit)
            if mine.empty or own.any():
                continue
            moved = mine.assign(community=unit)
            for column in ("psu", "ssu", "stratum", "place"):
                if column in moved:
                    known = mine[column].notna()
                    joined = mine["community"].astype("str") + "/" + mine[column].astype("str")
                    moved[column] = joined.where(known, mine[column])
            for column in ("respondent", "case"):
                if column in moved:
                    known = mine[column].notna()
                    joined = mine[column].astype("str") + "/" + unit
                    moved[column] = joined.where(known, mine[column])
            whole.add(moved)
            log.add(
                "intake.predecessors",
                len(moved),
                f"{name}：{unit}的基期取自{'、'.join(names)}",
                f"{name}: the baseline of {unit} comes from {', '.join(names)}",
                table=name,
                community=unit,
            )
        stacks[name] = whole


class _Taker:
    """Takes over rows of one table of an earlier batch."""

    def __init__(
        self, name: str, wave: Wave, stacks: Mapping[str, Stack], units: Units, log: Log
    ) -> None:
        self.name, self.wave, self.log = name, wave, log
        before = predecessors(_communities(stacks)) if name in _BY_WAVE else {}
        self.units = [*units.level, *(n for names in before.values() for n in names)]
        self.types = dict(stacks[name].types) if name in stacks else None
        self.key = [column for column in TABLES[name].key if column in (self.types or ())]
        self.own: pd.MultiIndex | None = None
        if name in _BY_KEY and self.types is not None:
            parts = [part[self.key].astype("str") for part in stacks[name].pieces(self.key)]
            if parts:
                self.own = pd.MultiIndex.from_frame(pd.concat(parts))

    def rows(self, earlier: pd.DataFrame) -> pd.DataFrame:
        """Give those rows that this study takes over."""
        name, table, batch = self.name, TABLES[self.name], self.wave.batch
        if name in _BY_WAVE:
            earlier = earlier[earlier["wave"] == self.wave.id]
        if self.own is not None:
            key = pd.MultiIndex.from_frame(earlier[self.key].astype("str"))
            earlier = earlier[~key.isin(self.own)]
        if table.unit:
            known = earlier[table.unit].isin(self.units)
            self.log.add(
                "intake.batch-unit",
                int((~known).sum()),
                f"{batch} {name}：单位不在本研究中，未读入",
                f"{batch} {name}: rows of units that this study does not have; left out",
                table=name,
            )
            earlier = earlier[known]
        self.log.add(
            "intake.batch",
            len(earlier),
            f"{name}：取自批次 {batch}",
            f"{name}: rows taken from the batch {batch}",
            table=name,
        )
        if self.types is not None:
            columns = [column for column in earlier.columns if column in self.types]
            earlier = earlier[columns].astype({c: self.types[c] for c in columns})
        return earlier
