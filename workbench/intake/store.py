"""Canonical tables on disk: one Parquet file each, sorted by unit, so that one unit reads fast."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.intake.export import csv_bytes
from workbench.intake.frames import Tables
from workbench.intake.tables import TABLES

if TYPE_CHECKING:
    import pandas as pd

    from workbench.intake.shelf import Frames

__all__ = [
    "PEOPLE",
    "column_types",
    "read_columns",
    "read_meta",
    "read_parts",
    "read_units",
    "write_tables",
]

_ROWS, _GROUPS = 2048, 512
"""Rows of a row group, small enough that one unit's rows are a few groups; and how many groups a
file has at most, for whoever reads one unit reads the list of them all."""

PEOPLE = {
    "responses": ("interviewer",),
    "dispositions": ("interviewer",),
    "inspections": ("assessor",),
    "assessors": ("assessor",),
    "issues": ("verified_by",),
    "backchecks": ("checker",),
    "codings": ("coder",),
    "objections": ("decided_by",),
}
"""Columns that name people of the assessor's; they are numbered alike in all units."""


def write_tables(tables: Tables, folder: Path) -> None:
    """Write the canonical tables to ``folder`` as ``<table>.parquet`` and ``intake.json``.

    Each file appears whole or not at all; files of tables that are gone are removed.

    Parameters
    ----------
    tables
        What intake built.
    folder
        ``DIR/private/tables``; made when missing, readable by its owner only.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in tables.frames:
        part = folder / f".{name}.parquet.part"
        _write(tables.frames, name, part)
        part.replace(folder / f"{name}.parquet")
    for path in folder.glob("*.parquet"):
        if path.stem not in tables.frames:
            path.unlink()
    for name, told in (("duplicates", tables.duplicates), ("names", tables.names)):
        _told(told, folder / f"{name}.csv")
    people = _people(tables, but="objections")
    meta = {
        "tables": sorted(tables.frames),
        "files": [
            {"name": f.name, "sha256": f.sha256, "rows": f.rows, "outside": f.outside}
            for f in tables.files
        ],
        "log": [{**e.as_dict(), "table": e.table, "community": e.community} for e in tables.log],
        "corrections": json.loads(tables.corrections.to_json(orient="records", force_ascii=False)),
        "people": people,
        "deciders": sorted(set(_people(tables)) - set(people)),
        "extracts": _extracts(tables),
        "asked_apart": tables.asked_apart,
        "text": tables.text,
    }
    part = folder / ".intake.json.part"
    with part.open("w", encoding="utf-8") as file:
        json.dump(meta, file, ensure_ascii=False, indent=1, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / "intake.json")


def _told(frame: pd.DataFrame | None, path: Path) -> None:
    """Write a list of the house's own as CSV; none is left where there is nothing to tell."""
    if frame is None or frame.empty:
        path.unlink(missing_ok=True)
        return
    part = path.with_name(f".{path.name}.part")
    cells = frame.astype(object).where(frame.notna(), None)
    part.write_bytes(csv_bytes((str(name), cells[name].tolist()) for name in frame.columns))
    part.replace(path)


def _write(frames: Frames, name: str, path: Path) -> None:
    """Write one table, block by block; where the blocks end leaves no trace."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    size = max(_ROWS, -(-frames.rows(name) // _GROUPS))
    rest: pa.Table | None = None
    writer: pq.ParquetWriter | None = None
    for block in frames.blocks(name):
        table = pa.Table.from_pandas(block, preserve_index=False).replace_schema_metadata()
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        rest = table if rest is None else pa.concat_tables([rest, table])
        full = rest.num_rows // size * size
        if full:
            writer.write_table(rest.slice(0, full).combine_chunks(), row_group_size=size)
            rest = rest.slice(full).combine_chunks()
    assert writer is not None  # there is one block at least
    assert rest is not None
    if rest.num_rows:
        writer.write_table(rest.combine_chunks(), row_group_size=size)
    writer.close()


def _extracts(tables: Tables) -> dict[str, str]:
    """Give, by table, when the records were drawn: the latest time in the whole table.

    ``<table>.first`` is the earliest time of receipt, before which the register tells nothing.
    """
    import pandas as pd

    found = {}
    for name, columns in {"requests": ("received", "assigned", "answered", "closed")}.items():
        if name in tables.frames:
            last = [
                pd.to_datetime(block[c], format="ISO8601", utc=True).max()
                for block in tables.frames.blocks(name, columns)
                for c in block
            ]
            known = [time for time in last if not pd.isna(time)]
            if known:
                found[name] = max(known).isoformat()
            begin = [
                pd.to_datetime(block["received"], format="ISO8601", utc=True).min()
                for block in tables.frames.blocks(name, ("received",))
            ]
            begin = [time for time in begin if not pd.isna(time)]
            if begin:
                found[f"{name}.first"] = min(begin).isoformat()
    return found


def _people(tables: Tables, but: str = "") -> list[str]:
    """Everybody of the assessor's who is named in a table."""
    names: set[str] = set()
    for table, columns in PEOPLE.items():
        if table in tables.frames and table != but:
            for block in tables.frames.blocks(table, columns):
                for column in block:
                    names |= set(block[column].dropna().unique())
    return sorted(names)


def read_meta(folder: Path) -> dict[str, Any]:
    """Give what intake recorded beside the tables: files, log, corrections, numbers of people."""
    meta: dict[str, Any] = json.loads((folder / "intake.json").read_text(encoding="utf-8"))
    return meta


def _read(folder: Path, table: str, units: list[str] | None) -> Any:
    """Read one table's rows of some units; only row groups that may hold them are touched."""
    import pyarrow.parquet as pq

    unit = TABLES[table].unit
    filters = [(unit, "in", units)] if unit and units is not None else None
    return pq.read_table(folder / f"{table}.parquet", filters=filters, use_threads=False)


def read_columns(folder: Path, table: str, units: list[str] | None) -> dict[str, list[Any]]:
    """Give one table's rows of some units as plain columns, ``None`` where missing.

    Parameters
    ----------
    folder
        Where `write_tables` wrote.
    table
        Name of the table; it must be one of those written.
    units
        Ids of the units; ``None`` gives the whole table.
    """
    columns: dict[str, list[Any]] = _read(folder, table, units).to_pydict()
    return columns


def read_units(folder: Path, table: str, units: list[str] | None) -> pd.DataFrame:
    """Give one table's rows of some units as `read_columns` does, as a typed frame."""
    from workbench.intake.shelf import dtype_of

    frame: pd.DataFrame = _read(folder, table, units).to_pandas(types_mapper=dtype_of)
    return frame


def column_types(folder: Path, table: str) -> dict[str, Any]:
    """Give the columns of a table with the types they have in a frame."""
    import pyarrow.parquet as pq

    from workbench.intake.shelf import dtype_of

    schema = pq.read_schema(folder / f"{table}.parquet")
    return {field.name: dtype_of(field.type) or "float64" for field in schema}


def read_parts(folder: Path, table: str) -> Iterator[pd.DataFrame]:
    """Give a whole table as `read_units` does, in parts."""
    import pyarrow.parquet as pq

    from workbench.intake.shelf import BLOCK, dtype_of

    with pq.ParquetFile(folder / f"{table}.parquet") as file:
        for batch in file.iter_batches(batch_size=BLOCK, use_threads=False):
            yield batch.to_pandas(types_mapper=dtype_of)
