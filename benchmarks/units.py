"""Slices of the bundled study, as the batch cuts them, for the blocks that need some."""

from __future__ import annotations

from pathlib import Path

from workbench import bundle
from workbench.batch.slices import cut_unit, load_study
from workbench.batch.work import MapJob
from workbench.intake import build, write_tables

__all__ = ["NOTEBOOK", "cut_units", "job"]

NOTEBOOK = bundle.path("notebooks") / "community.ipynb"


def cut_units(out: Path, count: int) -> list[str]:
    """Cut the slices of the first ``count`` units of the bundled study; give their ids."""
    study = load_study("demo")
    tables = build(study)
    write_tables(tables, out / "private" / "tables")
    frame = tables.frames["communities"]
    units = sorted(frame.loc[frame["level"].eq(study.settings.unit), "community"].tolist())[:count]
    for unit in units:
        data = out / "private" / "slices" / unit / "data"
        data.mkdir(parents=True)
        cut_unit(study, out / "private" / "tables", unit, data)
    return units


def job(out: Path, unit: str, *, in_child: bool = False) -> MapJob:
    """The execution of one unit's notebook, as the batch orders it."""
    return MapJob(str(out), unit, str(NOTEBOOK), "benchmark", in_child)
