"""Small cells are withheld with a second one, in every place where they could be worked out."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest

MINIMUM = 10  # decisions.min_cell of the bundled study
TELLING = (
    "value std_error ci_low ci_high n numerator denominator n_effective df p_value p_adjusted "
    "attainment points interval_zh interval_en"
).split()


@pytest.fixture(scope="module")
def found(demo_batch: Path) -> dict[str, list[dict[str, Any]]]:
    bags = sorted((demo_batch / "communities").glob("[!.]*"))
    return {b.name: json.loads((b / "data" / "findings.json").read_bytes()) for b in bags}


def groups(rows: list[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Give the rows of each set of groups that add up to a whole."""
    sets: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        name = str(row["finding"])
        if row["section"] == "subgroups" and row["subgroup"]:
            sets[name.rpartition("=")[0]].append(row)
        elif name.startswith("response.composition."):
            sets[name.rpartition(".")[0]].append(row)
    yield from sets.items()


def test_a_withheld_finding_tells_no_figure(found: dict[str, list[dict[str, Any]]]) -> None:
    withheld = [r for rows in found.values() for r in rows if r["status"] == "suppressed"]
    assert len(withheld) > 20
    for row in withheld:
        told = {name for name in TELLING if row.get(name) is not None}
        assert told == set(), (row["community"], row["finding"])
        assert not any(c.isdigit() for c in str(row["display_zh"] or "")), row["finding"]


def test_no_withheld_group_follows_from_what_is_printed(
    found: dict[str, list[dict[str, Any]]],
) -> None:
    seen = 0
    for unit, rows in found.items():
        for name, parts in groups(rows):
            hidden = [row for row in parts if row["status"] == "suppressed"]
            seen += bool(hidden)
            assert len(hidden) != 1, (unit, name)  # it would be the whole less the others
            for row in parts:
                if row["status"] in {"ok", "low_precision"} and row["n"] is not None:
                    assert row["n"] >= MINIMUM, (unit, row["finding"])
    assert seen > 10


def test_the_tables_of_all_results_tell_no_more(
    demo_batch: Path, found: dict[str, list[dict[str, Any]]]
) -> None:
    data = demo_batch / "overview" / "data"
    with (data / "results.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    slugs = [name.removesuffix("_status") for name in rows[0] if name.endswith("_status")]
    for row in rows:
        for slug in slugs:
            if row[f"{slug}_status"] in {"suppressed", "not_computed"}:
                told = [row.get(f"{slug}{end}") for end in ("", "_ci_low", "_ci_high")]
                assert not any(told), (row["community"], slug)
    book = openpyxl.load_workbook(data / "results.xlsx")
    names = {str(cell.value) for cell in book.worksheets[0][1]}
    assert not [name for name in names if "=" in name or "subgroup" in name]
    hidden = {str(r["finding"]) for rs in found.values() for r in rs if r["status"] == "suppressed"}
    listed = {value for row in rows for key, value in row.items() if key.endswith("_finding")}
    assert not [
        row
        for row in rows
        for key, value in row.items()
        if key.endswith("_finding")
        and value in hidden & listed
        and row[key.removesuffix("_finding") + "_status"] == "ok"
        and any(
            r["finding"] == value and r["status"] == "suppressed" for r in found[row["community"]]
        )
    ]
