"""The table of all results: units × indicators, as CSV and as a workbook."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from workbench.findings import safe_cell

__all__ = ["legend", "results", "to_csv", "to_xlsx"]

_HEAD = ("community", "name", "name_en", "kind", "state", "outcome")
_TOTAL = ("value", "ci_low", "ci_high", "status", "finding")
_FIRST = {"score.total": "score", "context.rank": "rank"}
# unit -> how a spreadsheet shows it
_FORMATS = {"share": "0.0%", "points": "0.0", "score_0_100": "0.0", "count": "0", "rank": "0"}
Legend = Mapping[str, Mapping[str, Any]]


def _slug(finding: Mapping[str, Any]) -> str:
    key = str(finding["finding"])
    return key.removeprefix("indicator.") if key.startswith("indicator.") else _FIRST.get(key, "")


def _column(slug: str, part: str) -> str:
    return slug if part == "value" else f"{slug}_{part}"


def results(
    units: Iterable[Mapping[str, Any]], findings: Mapping[str, Sequence[Mapping[str, Any]]]
) -> list[dict[str, Any]]:
    """Make the table of all results: one row per unit, five columns per indicator.

    Parameters
    ----------
    units
        Rows with ``community``, ``name``, ``kind``, ``state``, ``outcome``.
    findings
        Findings of each unit.

    Returns
    -------
    list of dict
        ``score``, ``rank`` and every indicator as ``<slug>`` (value in its unit, shares 0-1),
        ``<slug>_ci_low``, ``<slug>_ci_high``, ``<slug>_status``, ``<slug>_finding``; ``None`` where
        a unit has no such finding. Score and rank come first, then the indicators in the order of
        the reports. All rows have the same columns.
    """
    told = []
    slugs: dict[str, None] = {}
    for unit in units:
        row = {name: unit.get(name) for name in _HEAD}
        for finding in findings.get(unit["community"], ()):
            slug = _slug(finding)
            if slug:
                slugs[slug] = None
                row |= {_column(slug, part): finding.get(part) for part in _TOTAL}
        told.append(row)
    first = [slug for slug in _FIRST.values() if slug in slugs]
    order = [*first, *(slug for slug in slugs if slug not in first)]
    columns = [*_HEAD, *(_column(slug, part) for slug in order for part in _TOTAL)]
    return [{name: row.get(name) for name in columns} for row in told]


def legend(findings: Iterable[Sequence[Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Say what each column of values holds: name of the indicator in both languages, and unit."""
    told: dict[str, dict[str, Any]] = {}
    for found in findings:
        for row in found:
            slug = _slug(row)
            if slug and not (told.get(slug) or {}).get("unit"):
                told[slug] = {name: row.get(name) for name in ("label_zh", "label_en", "unit")}
    return told


def to_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Write the table as CSV: UTF-8 with BOM (spreadsheets), LF, formula-safe."""
    import csv

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    columns = list(rows[0]) if rows else list(_HEAD)
    writer.writerow(columns)
    for row in rows:
        writer.writerow(["" if row[c] is None else safe_cell(row[c]) for c in columns])
    return out.getvalue().encode("utf-8-sig")


def to_xlsx(rows: Sequence[Mapping[str, Any]], told: Legend) -> bytes:
    """Write the table as a workbook, with a second sheet that says what its columns hold.

    Text stays text; head row and names stay in sight; the same rows give the same bytes.

    Parameters
    ----------
    rows
        Result of :func:`results`.
    told
        Result of :func:`legend`.
    """
    from datetime import datetime

    from openpyxl import Workbook

    columns = list(rows[0]) if rows else list(_HEAD)
    book = Workbook(write_only=True)
    formats = {
        _column(slug, part): _FORMATS.get(str(one.get("unit")), "0.00")
        for slug, one in told.items()
        for part in ("value", "ci_low", "ci_high")
    }
    table = [[row[name] for name in columns] for row in rows]
    _sheet(book, "results", columns, table, formats=[formats.get(name, "") for name in columns])
    head = ("column", "label_zh", "label_en", "unit")
    listed = [[slug, *(one.get(name) for name in head[1:])] for slug, one in told.items()]
    _sheet(book, "columns", head, listed)
    book.properties.created = book.properties.modified = datetime(2000, 1, 1)
    raw = io.BytesIO()
    book.save(raw)
    return _same_bytes(raw.getvalue())


def _sheet(
    book: Any,
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    formats: Sequence[str] = (),
) -> None:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter

    sheet = book.create_sheet(title)
    sheet.freeze_panes = "C2" if title == "results" else "A2"
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(columns))}{len(rows) + 1}"
    for i, name in enumerate(columns):
        texts = [str(row[i]) for row in rows if isinstance(row[i], str)]
        wide = max((sum(2 if ord(c) > 0x2E80 else 1 for c in text) for text in texts), default=9)
        letter = get_column_letter(i + 1)
        sheet.column_dimensions[letter].width = min(max(wide + 2, len(name) / 2 + 2, 10), 44)
    sheet.row_dimensions[1].height = 45 if title == "results" else 15
    heads = []
    for name in columns:
        cell = WriteOnlyCell(sheet, value=name)
        cell.font, cell.alignment = Font(bold=True), Alignment(wrap_text=True, vertical="top")
        heads.append(cell)
    sheet.append(heads)
    for row in rows:
        cells = []
        for i, value in enumerate(row):
            cell = WriteOnlyCell(sheet, value=value)
            if isinstance(value, str):
                cell.data_type = "s"
            elif formats and formats[i]:
                cell.number_format = formats[i]
            cells.append(cell)
        sheet.append(cells)


def _same_bytes(workbook: bytes) -> bytes:
    """Pack a workbook again with fixed times, so that the clock is in no byte of it."""
    import re

    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook)) as source,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in sorted(source.namelist()):
            data = source.read(name)
            if name == "docProps/core.xml":
                data = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"2000-01-01T00:00:00Z", data)
            target.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
    return out.getvalue()
