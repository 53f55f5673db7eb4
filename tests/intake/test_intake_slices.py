from __future__ import annotations

import csv
import hashlib
import json

import pytest

from workbench.errors import InputError
from workbench.intake import assessed_units, build, cut, write_tables
from workbench.intake.export import neutral

EXTRA = """\
  inspections: {file: data/inspections.csv}
  assessors: {file: data/assessors.csv}
  margins: {file: data/margins.csv}
signatories:"""
INSPECTIONS = """\
community,wave,assessor,role,visit,item,place,score,max_score,reason,note
A-1,w2,E9,expert,announced,F01,2号楼,8,10,灯不亮,@home
A-2,w2,E2,expert,announced,F01,1号楼,10,10,,
"""
ASSESSORS = "assessor,role\nE9,expert\nE2,expert\nE5,expert\n"
MARGINS = """\
area,variable,category,count,population
ST,sex,female,30,adults
ST,sex,male,30,adults
A-1,sex,female,10,adults
A-1,sex,male,10,adults
A-2,sex,female,20,adults
A-2,sex,male,20,adults
"""


@pytest.fixture
def full(folder):
    folder.write("data/inspections.csv", INSPECTIONS).write("data/assessors.csv", ASSESSORS)
    folder.write("data/margins.csv", MARGINS)
    folder.edit("study.yaml", "signatories:", EXTRA)
    text = (folder.path / "codebook.yaml").read_text(encoding="utf-8")
    item = "F01:\n  wording: {zh: 照明, en: light}\n  kind: number\n  role: inspection\n"
    return folder.write("codebook.yaml", text + item)


def sliced(folder, unit, name="out"):
    study, to = folder.load(), folder.path.parent / name
    write_tables(build(study), to / "tables")
    digest = cut(study, to / "tables", unit, to / unit)
    return to / unit, digest


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_slice_holds_its_own_rows_only(full):
    to, _ = sliced(full, "A-1")
    assert {row["community"] for row in rows(to / "inputs/responses.csv")} == {"A-1"}
    assert {row["community"] for row in rows(to / "inputs/communities.csv")} == {"A-1", "ST"}
    assert {row["area"] for row in rows(to / "inputs/margins.csv")} == {"A-1", "ST"}
    assert len(rows(to / "inputs/assessors.csv")) == 1
    everything = b"".join(path.read_bytes() for path in to.rglob("*") if path.is_file())
    assert b"A-2" not in everything


def test_what_identifies_a_person_stays_in_the_house(full):
    to, _ = sliced(full, "A-1")
    header = set(rows(to / "inputs/responses.csv")[0])
    assert header.isdisjoint({"ip", "device", "lat", "lon", "sug", "sug__missing", "_row", "_file"})
    assert "note" not in rows(to / "inputs/inspections.csv")[0]
    everything = b"".join(path.read_bytes() for path in to.rglob("*") if path.is_file())
    for secret in (b"10.0.0", "灯坏了".encode(), b"@home", b"abababab", str(full.path).encode()):
        assert secret not in everything


def test_persons_and_sampling_units_carry_keyed_numbers(full):
    first, digest = sliced(full, "A-1")
    again, same = sliced(full, "A-1", "again")
    answers = rows(first / "inputs/responses.csv")
    assert sorted(row["respondent"] for row in answers) == ["P00001", "P00002", "P00003", "P00004"]
    assert {row["psu"] for row in answers} == {"B00001", "B00002"}
    assert rows(first / "inputs/inspections.csv")[0]["assessor"].startswith("S00")
    assert digest == same
    orders = set()
    for key in range(6):
        full.write(".secret", f"{key:064x}\n")
        to = full.path.parent / f"key{key}"
        cut(full.load(), first.parent / "tables", "A-1", to)
        q1 = {row["respondent"]: row["q1"] for row in rows(to / "inputs/responses.csv")}
        orders.add(tuple(sorted(q1.items())))
    assert len(orders) > 1
    assert again.is_dir()


def test_the_digest_is_that_of_the_files(full):
    to, digest = sliced(full, "A-1")
    files = sorted(path for path in to.rglob("*") if path.is_file())
    lines = "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(to).as_posix()}\n"
        for path in files
    )
    assert hashlib.sha256(lines.encode()).hexdigest() == digest
    settings = json.loads((to / "inputs/study.json").read_bytes())
    for name, table in settings["tables"].items():
        data = (to / f"inputs/{name}.csv").read_bytes()
        assert table["sha256"] == hashlib.sha256(data).hexdigest()
        assert table["rows"] == len(rows(to / f"inputs/{name}.csv"))


def test_settings_are_resolved(full):
    to, _ = sliced(full, "A-1")
    settings = json.loads((to / "inputs/study.json").read_bytes())
    assert settings["study"] == "small"
    assert (settings["wave"], settings["baseline"]) == ("w2", "w1")
    assert settings["codebook"]["q1"]["top"] == [4, 5]
    assert settings["signatories"]["lead"]["demonstration"] is True
    assert settings["measures"]["resident_satisfaction"]["items"] == ["q1"]
    assert {"name", "sha256", "rows", "outside"} == set(settings["files"][0])
    assert json.loads((to / "protocol/protocol.json").read_bytes())["programme"] == "small"


def test_a_neighbours_rows_do_not_move_a_slice(full):
    _, before = sliced(full, "A-1")
    text = (full.path / "data/responses.csv").read_text(encoding="utf-8")
    full.write("data/responses.csv", text.replace("10.0.0.6,-2,", "10.0.0.6,5,"))
    to, after = sliced(full, "A-1", "after")
    changed = json.loads((to / "inputs/study.json").read_bytes())
    assert before != after  # the raw file's digest is told
    assert (
        changed["tables"]
        == json.loads((full.path.parent / "out/A-1/inputs/study.json").read_bytes())["tables"]
    )


def test_a_unit_above_others_gets_their_answers(full):
    full.edit("study.yaml", "unit: compound", "unit: subdistrict")
    full.edit("programme.yaml", "unit: compound", "unit: subdistrict")
    full.edit("programme.yaml", "level: compound", "level: subdistrict")
    to, _ = sliced(full, "ST")
    answers = rows(to / "inputs/responses.csv")
    assert len(answers) == 6
    assert len({row["psu"] for row in answers}) == 4  # b1 of one unit is not b1 of another


def test_corrections_travel_with_coded_values_and_new_numbers(full):
    full.write(
        "corrections.csv",
        "file,key,column,old,new,reason,author,date,approved_by,evidence\n"
        "data/responses.csv,4,q1,3,1,slip,A,2026-11-01,B,\n"
        "data/responses.csv,4,ip,10.0.0.4,10.0.0.9,slip,A,2026-11-01,B,\n"
        "data/responses.csv,6,q1,-2,5,slip,A,2026-11-01,B,\n",
    )
    to, _ = sliced(full, "A-1")
    first, second = rows(to / "inputs/corrections.csv")
    number = next(row for row in rows(to / "inputs/responses.csv") if row["q1"] == "1")
    assert first["key"] == number["respondent"]
    assert (first["item"], first["old_value"], first["new_value"]) == ("q1", "3", "1")
    assert (second["column"], second["old"], second["new"]) == ("ip", "(withheld)", "(withheld)")


def test_judgements_of_the_unit_name_persons_by_their_numbers(full):
    full.write(
        "judgements.csv",
        "id,kind,community,object,from,to,decision,reason_zh,reason_en,author,date,approved_by\n"
        "J1,exclusion,A-1,responses:4,,,exclude,重复,double,A,2026-11-01,B\n"
        "J2,waiver,A-2,check.responses.copies,,,waive,可以,fine,A,2026-11-01,B\n"
        "J3,comment,,x,,,note,说明,note,A,2026-11-01,B\n",
    )
    to, _ = sliced(full, "A-1")
    kept = rows(to / "inputs/judgements.csv")
    assert [row["id"] for row in kept] == ["J1", "J3"]
    assert kept[0]["object"].startswith("responses:P0000")


def test_an_unknown_unit_is_refused(full):
    with pytest.raises(InputError):
        sliced(full, "A-9")


def test_the_units_assessed_are_those_of_the_level(full):
    study = full.load()
    write_tables(build(study), full.path / "t")
    assert assessed_units(study, full.path / "t") == ["A-1", "A-2"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("=1+1", "'=1+1"),
        ("＝SUM(A1)", "'＝SUM(A1)"),
        (" @x", "' @x"),
        ("-2", "-2"),
        ("+8.5e3", "+8.5e3"),
        ("-2 people", "'-2 people"),
        ("\tx", "'\tx"),
        ("plain", "plain"),
        ("", ""),
    ],
)
def test_text_that_a_spreadsheet_would_run_is_made_harmless(text, expected):
    assert neutral(text) == expected


@pytest.mark.parametrize(
    "how",
    ["requests: {hours: working}", "requests: {within: {working_days: 3}}",
     'requests: {within: {working_hours: 8}, office: ["09:00", "17:00"]}'],
)  # fmt: skip
def test_a_slice_holds_the_working_calendar_where_time_is_counted_by_it(folder, tmp_path, how):
    folder.edit("study.yaml", "seed: 7\n", f"seed: 7\n{how}\n")
    assert folder.codes() == ["study.calendar"]
    folder.edit("study.yaml", "timezone: ", "calendar: cn\ntimezone: ")
    write_tables(folder.build(), tmp_path / "tables")
    cut(folder.load(), tmp_path / "tables", "A-1", tmp_path / "data")
    told = json.loads((tmp_path / "data/inputs/study.json").read_text(encoding="utf-8"))
    assert told["workdays"]["2026-10-01"] is False
    assert told["workdays"]["2026-09-20"] is True  # a Sunday that is worked on
    assert told["requests"]["clock"] == "received..answered"


def test_a_calendar_that_cannot_be_read_is_told_before_anything_is_counted_by_it(folder):
    days = (
        "date,kind,name,source\n2026-10-01,holiday,x,y\n2026-10-01,free,x,y\n2026-13-01,holiday,,\n"
    )
    folder.write("days.csv", days)
    folder.edit("study.yaml", "timezone: ", "calendar: days.csv\ntimezone: ")
    found = folder.problems()
    assert [(p.code, p.file, p.row) for p in found] == [
        ("calendar.file", "days.csv", 2),
        ("calendar.file", "days.csv", 3),
    ]


def test_a_slice_without_working_time_holds_no_calendar(folder, tmp_path):
    folder.edit("study.yaml", "timezone: ", "calendar: cn\ntimezone: ")
    write_tables(folder.build(), tmp_path / "tables")
    cut(folder.load(), tmp_path / "tables", "A-1", tmp_path / "data")
    told = json.loads((tmp_path / "data/inputs/study.json").read_text(encoding="utf-8"))
    assert "workdays" not in told
    assert "requests" not in told


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("{hors: working}", "hours"),
        ("{open: unresolve}", "unresolved"),
        ("{within: {hours: 2, working_days: 1}}", "exactly one limit"),
        ("{within: {}}", "exactly one limit"),
        ("{within: {hour: 2}}", "hours"),
        ('{office: ["17:00", "09:00"]}', "office hours end before they begin"),
        ("{clock: received..due}", "received..answered"),
    ],
)
def test_a_way_of_counting_that_cannot_be_used_is_refused(folder, how, said):
    folder.edit("study.yaml", "seed: 7\n", f"seed: 7\nrequests: {how}\n")
    problems = folder.problems()
    assert problems
    assert said in " ".join(p.text("en") for p in problems)
