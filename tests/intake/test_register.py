"""Every column has a class and a purpose; what may lead to a person is known by it."""

from __future__ import annotations

import dataclasses

from workbench.intake.register import REGISTER, entry_of
from workbench.intake.tables import TABLES, Column, column_of


def test_every_column_of_every_table_has_an_entry_and_no_entry_is_left_over() -> None:
    columns = {(t.name, c.name) for t in TABLES.values() for c in t.columns}
    assert set(REGISTER) == columns
    assert entry_of("responses", "rw12") == entry_of("responses", "base_weight")


def test_entries_are_of_known_classes_with_a_purpose_in_both_languages() -> None:
    for entry in REGISTER.values():
        assert entry.protection in {"public", "internal", "personal", "sensitive"}
        assert entry.purpose_zh
        assert entry.purpose_en


def test_what_stays_in_the_house_is_not_public_and_places_and_machines_are_personal() -> None:
    for table in TABLES.values():
        for column in table.columns:
            entry = REGISTER[table.name, column.name]
            if column.house:
                assert entry.protection != "public", (table.name, column.name)
            if column.name in {"ip", "lat", "lon", "respondent", "psu", "ssu"}:
                assert entry.protection in {"personal", "sensitive"}


def test_a_column_without_an_entry_is_not_read() -> None:
    table = TABLES["responses"]
    wider = dataclasses.replace(table, columns=(*table.columns, Column("telephone")))
    assert column_of(wider, "ip") is not None
    assert column_of(wider, "telephone") is None
