"""Rows of a wave that an earlier batch read, taken from the tables that batch kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from workbench.intake.frames import Log, Problems
from workbench.intake.store import read_units
from workbench.intake.tables import TABLES
from workbench.intake.units import Units

if TYPE_CHECKING:
    from workbench.study import Study, Wave

__all__ = ["add_earlier"]

_BY_WAVE = ("responses", "dispositions", "inspections")
_BY_KEY = ("requests", "measurements", "assessors")


def add_earlier(
    study: Study, frames: dict[str, pd.DataFrame], units: Units, log: Log, problems: Problems
) -> set[str]:
    """Add the rows of waves that study.yaml takes from a batch.

    Of answers, dispositions and inspections the rows of that wave are taken; of requests,
    measurements and assessors those that the study's own files do not hold. Only columns that
    this study knows are kept; units that it does not have are left out and counted.

    Parameters
    ----------
    study
        The study; each wave with ``batch:`` names a folder that ``run`` wrote.
    frames
        Canonical tables so far; changed in place.
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
                rows = _rows(name, read_units(folder, name, None), wave, frames, units, log)
                if name not in frames:
                    added.add(name)
                    frames[name] = rows
                elif len(rows):
                    frames[name] = pd.concat([frames[name], rows], ignore_index=True)
    return added


def _rows(
    name: str,
    earlier: pd.DataFrame,
    wave: Wave,
    frames: dict[str, pd.DataFrame],
    units: Units,
    log: Log,
) -> pd.DataFrame:
    """Give the rows of one table that this study takes over."""
    table = TABLES[name]
    assert wave.batch is not None
    if name in _BY_WAVE:
        earlier = earlier[earlier["wave"] == wave.id]
    if name in frames and name in _BY_KEY:
        key = [column for column in table.key if column in earlier and column in frames[name]]
        mine = pd.MultiIndex.from_frame(frames[name][key].astype("str"))
        earlier = earlier[~pd.MultiIndex.from_frame(earlier[key].astype("str")).isin(mine)]
    if table.unit:
        known = earlier[table.unit].isin(list(units.level))
        log.add(
            "intake.batch-unit",
            int((~known).sum()),
            f"{wave.batch} {name}：单位不在本研究中，未读入",
            f"{wave.batch} {name}: rows of units that this study does not have; left out",
            table=name,
        )
        earlier = earlier[known]
    log.add(
        "intake.batch",
        len(earlier),
        f"{name}：取自批次 {wave.batch}",
        f"{name}: rows taken from the batch {wave.batch}",
        table=name,
    )
    if name in frames:
        columns = [column for column in earlier.columns if column in frames[name].columns]
        earlier = earlier[columns].astype({c: frames[name][c].dtype for c in columns})
    return earlier.reset_index(drop=True)
