"""The table of all results: units × indicators, as CSV and as a workbook."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.findings import safe_cell

__all__ = ["Table", "results", "same_bytes", "to_csv", "to_xlsx"]

_HEAD = ("community", "name", "name_en", "kind", "state", "outcome")
_TOTAL = ("value", "ci_low", "ci_high", "status", "finding")
_FIRST = {"score.total": "score", "context.rank": "rank"}
# unit -> how a spreadsheet shows it
_FORMATS = {"share": "0.0%", "points": "0.0", "score_0_100": "0.0", "count": "0", "rank": "0"}


def _slug(finding: Mapping[str, Any]) -> str:
    key = str(finding["finding"])
    return key.removeprefix("indicator.") if key.startswith("indicator.") else _FIRST.get(key, "")


def _column(slug: str, part: str) -> str:
    return slug if part == "value" else f"{slug}_{part}"


@dataclass(frozen=True)
class Table:
    """Units × indicators: a list per unit in the order of ``columns``, ``None`` for what is empty.

    ``legend`` says what each column of values holds: slug → names in both languages, and unit.
    """

    columns: tuple[str, ...]
    rows: list[list[Any]]
    legend: dict[str, dict[str, Any]]

    def dicts(self) -> Iterator[dict[str, Any]]:
        """Give the rows by name."""
        return (dict(zip(self.columns, row, strict=True)) for row in self.rows)


def results(units: Iterable[tuple[Mapping[str, Any], Iterable[Mapping[str, Any]]]]) -> Table:
    """Make the table of all results: one row per unit, five columns per indicator.

    Parameters
    ----------
    units
        Each unit's ``community``, ``name``, ``kind``, ``state``, ``outcome``, and its findings. One
        unit is looked at after the other, and nothing is kept of it but its row.

    Returns
    -------
    Table
        ``score``, ``rank`` and every indicator as ``<slug>`` (value in its unit, shares 0-1),
        ``<slug>_ci_low``, ``<slug>_ci_high``, ``<slug>_status``, ``<slug>_finding``; ``None`` where
        a unit has no such finding. Score and rank come first, then the indicators in the order of
        the reports.
    """
    slugs: dict[str, int] = {}  # in the order of appearance
    legend: dict[str, dict[str, Any]] = {}
    told: list[tuple[list[Any], dict[int, tuple[Any, ...]]]] = []
    for unit, found in units:
        row: dict[int, tuple[Any, ...]] = {}
        for finding in found:
            slug = _slug(finding)
            if slug:
                values = (finding.get(part) for part in _TOTAL)
                row[slugs.setdefault(slug, len(slugs))] = tuple(map(_shared, values))
                if not (legend.get(slug) or {}).get("unit"):
                    legend[slug] = {n: finding.get(n) for n in ("label_zh", "label_en", "unit")}
        told.append(([unit.get(name) for name in _HEAD], row))
    first = [slug for slug in _FIRST.values() if slug in slugs]
    order = [*first, *(slug for slug in slugs if slug not in first)]
    columns = (*_HEAD, *(_column(slug, part) for slug in order for part in _TOTAL))
    empty = (None,) * len(_TOTAL)
    rows = [
        [*head, *(value for slug in order for value in row.get(slugs[slug], empty))]
        for head, row in told
    ]
    return Table(columns, rows, legend)


def _shared(value: Any) -> Any:
    """Keep a word that stands in every row once."""
    return sys.intern(value) if isinstance(value, str) else value


def to_csv(table: Table) -> bytes:
    """Write the table as CSV: UTF-8 with BOM (spreadsheets), LF, formula-safe."""
    import csv

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    for row in table.rows:
        writer.writerow(["" if value is None else safe_cell(value) for value in row])
    return out.getvalue().encode("utf-8-sig")


def to_xlsx(table: Table) -> bytes:
    """Write the table as a workbook, with a second sheet that says what its columns hold.

    Text stays text; head row and names stay in sight; the same rows give the same bytes.
    """
    from datetime import datetime

    from openpyxl import Workbook

    columns, told = table.columns, table.legend
    book = Workbook(write_only=True)
    formats = {
        _column(slug, part): _FORMATS.get(str(one.get("unit")), "0.00")
        for slug, one in told.items()
        for part in ("value", "ci_low", "ci_high")
    }
    shown = [formats.get(name, "") for name in columns]
    _sheet(book, "results", columns, table.rows, formats=shown, notes=_notes(table))
    head = ("column", "label_zh", "label_en", "unit")
    listed = [[slug, *(one.get(name) for name in head[1:])] for slug, one in told.items()]
    _sheet(book, "columns", head, listed)
    book.properties.created = book.properties.modified = datetime(2000, 1, 1)
    raw = io.BytesIO()
    book.save(raw)
    return same_bytes(raw.getvalue())


_PARTS_TOLD = {
    "value": ("", ""),
    "ci_low": ("区间下限，", "lower end of the interval, "),
    "ci_high": ("区间上限，", "upper end of the interval, "),
    "status": ("状态：正常、精度低、隐藏或未计算，", "status: ok, low precision, suppressed …, "),
    "finding": ("结论编号，", "id of the finding, "),
}


_HEAD_TOLD = {
    "community": "单位编号\nid of the unit",
    "name": "单位名称\nname of the unit, Chinese",
    "name_en": "单位英文名称\nname of the unit, English",
    "kind": "单位类型\nkind of unit",
    "state": "报告状态：draft 草稿，returned 退回，signing 签署中，signed 已签，failed 失败\n"
    "state of the report",
    "outcome": "assessed 已评定；withheld 不予评定\nassessed, or no result issued (withheld)",
}


def _notes(table: Table) -> dict[str, str]:
    """Say of each column what it holds: names in both languages, and unit."""
    notes = dict(_HEAD_TOLD)
    for slug, one in table.legend.items():
        for part, (zh, en) in _PARTS_TOLD.items():
            names = f"{zh}{one.get('label_zh') or slug}\n{en}{one.get('label_en') or slug}"
            unit = one.get("unit")
            told = f"{names}\n{unit}" if unit and part in ("value", "ci_low", "ci_high") else names
            notes[_column(slug, part)] = told
    return notes


def _sheet(
    book: Any,
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    formats: Sequence[str] = (),
    notes: Mapping[str, str] | None = None,
) -> None:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.comments import Comment
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter

    sheet = book.create_sheet(title)
    sheet.freeze_panes = "C2" if title == "results" else "A2"
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(columns))}{len(rows) + 1}"
    for i, name in enumerate(columns):
        texts = {row[i] for row in rows if isinstance(row[i], str)}
        wide = max((sum(2 if ord(c) > 0x2E80 else 1 for c in text) for text in texts), default=9)
        letter = get_column_letter(i + 1)
        sheet.column_dimensions[letter].width = min(max(wide + 2, len(name) / 2 + 2, 10), 44)
    sheet.row_dimensions[1].height = 45 if title == "results" else 15
    heads = []
    for name in columns:
        cell = WriteOnlyCell(sheet, value=name)
        cell.font, cell.alignment = Font(bold=True), Alignment(wrap_text=True, vertical="top")
        if notes and name in notes:
            cell.comment = Comment(notes[name], "workbench", width=320, height=90)
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


def same_bytes(workbook: bytes) -> bytes:
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
