"""Names of units: what is matched by itself, what a person must confirm, and the report on both."""

from __future__ import annotations

import pandas as pd
import pytest

from workbench.intake import write_tables
from workbench.intake.checking import check
from workbench.intake.names import Names

UNITS = {
    "A-1": "翠湖花园", "A-2": "丹桂苑", "A-3": "锦绣一期", "A-4": "锦绣二期", "A-5": "乙 小区",
    "A-6": "Green Lane Estate",
}  # fmt: skip


@pytest.fixture
def names():
    made = Names()
    for unit, name in UNITS.items():
        made.ids |= {unit.casefold(): unit, name.casefold(): unit}
        made.enter(unit, name, shown=True)
    return made


@pytest.mark.parametrize(
    ("said", "unit", "how"),
    [
        ("翠湖花园", "A-1", "exact"),
        ("a-2", "A-2", "exact"),
        ("Ａ－2", "A-2", "normalised"),  # wide forms
        ("翠湖花园小区", "A-1", "normalised"),
        ("翠湖花园（一期）", "A-1", "normalised"),
        ("翠湖", "A-1", "normalised"),
        ("丹桂", "A-2", "normalised"),
        ("丹桂花园", None, "unmatched"),  # another suffix is another name
        ("锦绣", None, "unmatched"),  # two units
        ("锦绣三期", None, "unmatched"),
        ("锦绣一期小区", "A-3", "normalised"),
        ("乙小区", "A-5", "normalised"),
        ("green lane", "A-6", "normalised"),
        ("乙", None, "unmatched"),  # too short to be taken off anything
        ("外地", None, "unmatched"),
    ],
)
def test_a_name_is_matched_by_id_name_spelling_or_suffix_and_by_nothing_else(
    names, said, unit, how
):
    assert names.match(said) == (unit, how)


def test_likely_units_are_offered_and_never_taken(names):
    assert names.candidates("丹桂花园")[0] in ("A-2", "A-1")
    assert set(names.candidates("锦绣三期")) >= {"A-3", "A-4"}
    assert names.candidates("没有的地方") == []


def test_check_reports_what_matched_how_and_asks_about_the_rest(folder, tmp_path):
    folder.write(
        "data/requests.csv",
        "request,小区,kind,received\nr1,甲小区,complaint,2026-05-01\nr2,老甲,need,2026-05-02\n"
        "r3,乙小区（一期）,need,2026-05-02\nr4,乙小曲,need,2026-05-02\nr5,,need,2026-05-02\n"
        "r6,乙小区（一期）,need,2026-05-03\n",
    ).edit(
        "study.yaml",
        "requests: {file: data/requests.csv}",
        "requests: {file: data/requests.csv, community: {from: 小区, values: {老甲: A-1}, "
        "unmatched: drop}}",
    )
    report = check(folder.path)
    assert report.ok, report.text("en")
    found = {row["name"]: row for row in report.names if row["table"] == "requests"}
    assert {name: row["how"] for name, row in found.items()} == {
        "甲小区": "exact",
        "老甲": "alias",
        "乙小区（一期）": "normalised",
        "乙小曲": "unmatched",
        None: "blank",
    }
    assert (found["乙小区（一期）"]["community"], found["乙小区（一期）"]["rows"]) == ("A-2", 2)
    assert "A-2" in found["乙小曲"]["candidates"]
    assert found["乙小曲"]["community"] is None
    assert sum(row["rows"] for row in found.values()) == 6
    for lang, word in (("zh", "须由人确认"), ("en", "a person must confirm")):
        assert word in report.text(lang)
    [entry] = [e for e in report.log if e.code == "intake.unit-normalised"]
    assert (entry.n, entry.community) == (2, "A-2")
    assert report.as_dict()["names"]
    write_tables(folder.build(), tmp_path / "tables")
    kept = pd.read_csv(tmp_path / "tables/names.csv")
    assert set(kept["how"]) == {"exact", "alias", "normalised", "unmatched", "blank"}


def test_an_unknown_name_is_refused_with_the_units_it_may_mean(folder):
    folder.edit("data/requests.csv", "r2,A-2", "r2,乙小曲")
    [problem] = folder.problems()
    assert (problem.code, problem.found) == ("community.unknown", "乙小曲")
    assert "A-2 乙小区" in problem.remedy_zh
    assert "is it A-2" in problem.remedy_en


def test_a_corrected_row_is_told_once(folder):
    folder.write(
        "corrections.csv",
        "file,key,column,old,new,reason,author,date,approved_by,evidence\n"
        "data/requests.csv,r1,kind,complaint,need,slip,A1,2026-11-18,B,ledger\n",
    )
    rows = folder.build().names
    assert rows is not None
    mine = rows[rows["table"] == "requests"]
    assert mine["rows"].sum() == 2
