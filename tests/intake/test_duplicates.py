"""Records that stand twice: by a stated rule only, every match told, nothing else moved."""

from __future__ import annotations

import pandas as pd
import pytest

from workbench.intake import cut, write_tables
from workbench.intake.checking import check
from workbench.intake.duplicates import same_words

ANSWERS = """\
respondent,community,wave,started,finished,psu,base_weight,device,panel_id,q1,sex,sug
1,A-1,w1,2026-04-01 09:00,2026-04-01 09:05,b1,1,d1,,5,female,好
2,A-1,w2,2026-10-08 09:00,2026-10-08 09:05,b1,1,d1,p1,4,female,
3,A-1,w2,2026-10-09 09:00,2026-10-09 09:05,b1,1,D1 ,p2,2,,
4,A-1,w2,2026-10-07 09:00,2026-10-07 09:05,b1,1,d1,p3,3,female,很好
5,A-1,w2,,,b2,1,d1,p4,1,,
6,A-1,w2,2026-10-08 10:00,2026-10-08 10:05,b2,1,,,3,male,
7,A-2,w1,2026-04-01 09:00,2026-04-01 09:05,b1,1,,,3,male,
8,A-2,w2,2026-10-08 10:00,2026-10-08 10:05,b2,1,,,3,male,
"""
RULE = "seed: 7\nduplicates:\n  respondents: {{by: {by}, keep: {keep}}}\n"


@pytest.fixture
def twice(folder):
    return folder.write("data/responses.csv", ANSWERS)


def kept(folder):
    return folder.build().frames["responses"]["respondent"].tolist()


def test_without_a_rule_every_questionnaire_stays(twice):
    assert len(kept(twice)) == 8
    assert twice.build().duplicates.empty


@pytest.mark.parametrize(("keep", "stays"), [("first", "4"), ("last", "3"), ("most_complete", "4")])
def test_one_questionnaire_of_a_device_and_wave_stays(twice, keep, stays):
    """Wave, device (in any writing) alike: 2, 3, 4 and 5; no device, no match."""
    twice.edit("study.yaml", "seed: 7\n", RULE.format(by="device", keep=keep))
    assert sorted(kept(twice)) == sorted(["1", stays, "6", "7", "8"])
    tables = twice.build()
    told = tables.duplicates
    assert set(told["kept"]) == {stays}
    assert sorted(told["duplicate"]) == sorted({"2", "3", "4", "5"} - {stays})
    assert told["row"].tolist() == [int(r) for r in told["duplicate"]]
    [entry] = [e for e in tables.log if e.code == "intake.duplicate-respondent"]
    assert (entry.n, entry.community) == (3, "A-1")
    assert "device" in entry.zh
    for lang in ("zh", "en"):
        assert f"{stays} ← " in check(twice.path).text(lang)


def test_several_columns_must_all_be_alike(twice):
    twice.edit("study.yaml", "seed: 7\n", RULE.format(by="[device, psu]", keep="last"))
    assert sorted(kept(twice)) == ["1", "3", "5", "6", "7", "8"]
    twice.edit("study.yaml", "by: [device, psu]", "by: [device, panel_id]")
    assert len(kept(twice)) == 8


def test_an_id_that_stands_twice_may_be_settled_by_the_rule(twice):
    twice.edit("data/responses.csv", "\n3,A-1", "\n2,A-1")
    assert twice.codes() == ["responses.duplicate-id"]
    twice.edit("study.yaml", "seed: 7\n", RULE.format(by="respondent", keep="first"))
    frame = twice.build().frames["responses"]
    assert frame.loc[frame["respondent"].eq("2"), "q1"].tolist() == [4]


def test_the_order_of_rows_does_not_matter(twice):
    twice.edit("study.yaml", "seed: 7\n", RULE.format(by="device", keep="most_complete"))
    head, *rows = ANSWERS.strip().split("\n")
    before = sorted(kept(twice))
    twice.write("data/responses.csv", "\n".join([head, *reversed(rows)]) + "\n")
    assert sorted(kept(twice)) == before


@pytest.mark.parametrize(
    ("rule", "code", "near"),
    [
        ("{respondents: {by: devise, keep: last}}", "duplicates.column", "device"),
        ("{respondents: {by: device}}", "settings.missing", ""),
        ("{respondents: {by: device, keep: latest}}", "settings.literal_error", "last"),
        ("{respondent: {by: device, keep: last}}", "settings.unknown-key", "respondents"),
        ("{requests: {by: txt, days: 3}}", "duplicates.column", "text"),
        ("{requests: {by: text}}", "settings.missing", ""),
        ("{requests: {by: text, days: 0}}", "", ""),
        ("{requests: {by: text, keep: last}}", "", "by has request"),
        ("{requests: {by: request, days: 3}}", "", "by has request"),
        ("{requests: {by: request, keep: last, days: 3}}", "", "either keep"),
    ],
)
def test_a_rule_that_cannot_be_used_is_refused_with_the_nearest_word(twice, rule, code, near):
    twice.edit("study.yaml", "seed: 7\n", f"seed: 7\nduplicates: {rule}\n")
    problems = twice.problems()
    assert problems
    text = " ".join(p.text("en") for p in problems)
    assert near in text
    if code.startswith("duplicates"):
        assert [p.code for p in problems] == [code]


def test_who_is_left_out_is_listed_in_the_house_and_counted_in_the_slice(twice, tmp_path):
    twice.edit("study.yaml", "seed: 7\n", RULE.format(by="device", keep="last"))
    study, tables = twice.load(), twice.build()
    write_tables(tables, tmp_path / "tables")
    told = pd.read_csv(tmp_path / "tables/duplicates.csv", dtype=str)
    assert told["duplicate"].tolist() == ["2", "4", "5"]
    cut(study, tmp_path / "tables", "A-1", tmp_path / "data")
    text = (tmp_path / "data/inputs/study.json").read_text(encoding="utf-8")
    assert "intake.duplicate-respondent" in text
    assert not list((tmp_path / "data").rglob("duplicates*"))
    other = tmp_path / "other"
    cut(study, tmp_path / "tables", "A-2", other)
    assert "duplicate-respondent" not in (other / "inputs/study.json").read_text(encoding="utf-8")
    twice.edit("study.yaml", "  respondents: {by: device, keep: last}\n", "  {}\n")
    write_tables(twice.build(), tmp_path / "tables")
    assert not (tmp_path / "tables/duplicates.csv").exists()


# requests told again

REQUESTS = """\
request,community,kind,received,closed,category,text,address,duplicate_of
r1,A-1,complaint,2026-05-01 10:00,,lamp,路灯不亮了！,3栋201,
r2,A-1,complaint,2026-05-03 10:00,,lamp,路灯 不亮了,３幢 201,
r3,A-1,complaint,2026-05-08 10:01,,lamp,路灯不亮了,3号楼201,
r4,A-1,complaint,2026-05-09 10:00,,lamp,路灯不亮了,3号楼201,
r5,A-2,complaint,2026-05-01 11:00,,lamp,路灯不亮了,3号楼201,
r6,A-1,complaint,2026-05-01 11:00,,noise,路灯不亮了,3号楼201,
r7,A-1,complaint,2026-05-01 12:00,,lamp,,3号楼201,
r8,A-1,complaint,2026-05-02 12:00,,lamp,路灯不亮了,3号楼201,r0
r0,A-1,complaint,2026-04-20 12:00,,lamp,别的,9号楼,
"""


def given(folder):
    frame = folder.build().frames["requests"].set_index("request")["duplicate_of"]
    return frame.dropna().to_dict()


@pytest.fixture
def again(folder):
    return folder.write("data/requests.csv", REQUESTS)


def test_without_a_rule_only_what_the_hotline_says_is_a_duplicate(again):
    assert given(again) == {"r8": "r0"}


@pytest.mark.parametrize(
    ("by", "days", "found"),
    [
        # r3 is a minute more than a week after the first, and the first of a new week
        ("[category, text]", 7, {"r2": "r1", "r4": "r3", "r8": "r0"}),
        ("[category, text, address]", 7, {"r2": "r1", "r4": "r3", "r8": "r0"}),
        ("[category, text]", 30, {"r2": "r1", "r3": "r1", "r4": "r1", "r8": "r0"}),
        ("text", 30, {"r2": "r1", "r3": "r1", "r4": "r1", "r6": "r1", "r8": "r0"}),
        # r8 is r0 told again, and r2 is r8
        ("[category, text]", 1, {"r2": "r0", "r4": "r3", "r8": "r0"}),
    ],
)
def test_a_request_told_again_within_so_many_days_names_its_original(again, by, days, found):
    again.edit(
        "study.yaml",
        "seed: 7\n",
        f"seed: 7\nduplicates: {{requests: {{by: {by}, days: {days}}}}}\n",
    )
    assert given(again) == found
    tables = again.build()
    assert len(tables.frames["requests"]) == 9  # nothing leaves the table
    told = dict(zip(tables.duplicates["duplicate"], tables.duplicates["kept"], strict=True))
    assert told == {k: v for k, v in found.items() if k != "r8"}
    counted = [e.n for e in tables.log if e.code == "intake.duplicate-request"]
    assert counted == [len(told)]


# requests of one number

DUMPS = """\
request,community,kind,received,answered,closed,category,text,duplicate_of
r1,A-1,complaint,2026-05-01 10:00,,,lamp,路灯不亮了,
r2,A-1,complaint,2026-05-02 10:00,,,noise,噪音,
r1,A-1,complaint,2026-05-01 10:00,2026-05-03 10:00,2026-05-04 10:00,,,
r1,A-2,complaint,2026-05-01 10:00,2026-05-03 10:00,,lamp,路灯不亮了,
r3,A-1,complaint,2026-05-03 11:00,,,lamp,路灯不亮了,r1
R1,A-1,complaint,2026-05-02 09:00,,,gas,煤气,
"""


@pytest.fixture
def dumps(folder):
    return folder.write("data/requests.csv", DUMPS)


def test_two_rows_of_one_number_are_refused_and_the_remedy_names_the_rule(dumps):
    problems = [p for p in dumps.problems() if p.code == "requests.duplicate-id"]
    (problem,) = problems
    assert "duplicates: {requests: {by: [request], keep: last}}" in problem.remedy_en
    assert "duplicates: {requests: {by: [request], keep: last}}" in problem.remedy_zh


@pytest.mark.parametrize(
    ("keep", "row"),
    [("first", 1), ("last", 3), ("most_complete", 4)],
)
def test_of_the_rows_of_one_number_the_rule_keeps_one(dumps, keep, row):
    """The latest step of a row is its time; a number in other letters is another number."""
    rule = f"duplicates: {{requests: {{by: [request], keep: {keep}}}}}"
    dumps.edit("study.yaml", "seed: 7\n", f"seed: 7\n{rule}\n")
    assert dumps.codes() == []
    tables = dumps.build()
    frame = tables.frames["requests"]
    assert sorted(frame["request"]) == ["R1", "r1", "r2", "r3"]
    told = tables.duplicates
    assert sorted(told["row"]) == sorted({1, 3, 4} - {row})
    assert set(told["rule"]) == {"requests"}
    counted = [(e.community, e.n) for e in tables.log if e.code == "intake.request-twice"]
    gone = [c for r, c in ((1, "A-1"), (3, "A-1"), (4, "A-2")) if r != row]
    assert dict(counted) == {c: gone.count(c) for c in gone}
    for lang in ("zh", "en"):
        assert "← " in check(dumps.path).text(lang)


def test_numbers_are_settled_before_what_is_told_again(dumps):
    rules = "[{by: [category, text], days: 7}, {by: request, keep: first}]"
    dumps.edit("study.yaml", "seed: 7\n", f"seed: 7\nduplicates: {{requests: {rules}}}\n")
    dumps.edit("data/requests.csv", "路灯不亮了,r1", "路灯不亮了,")
    assert given(dumps) == {"r3": "r1"}
    assert len(dumps.build().frames["requests"]) == 4


def test_texts_of_marks_alone_are_alike_to_nothing(again):
    texts = REQUESTS.replace("路灯不亮了！", "……").replace("路灯 不亮了", "？？？")
    again.write("data/requests.csv", texts)
    rule = "duplicates: {requests: {by: [category, text], days: 7}}"
    again.edit("study.yaml", "seed: 7\n", f"seed: 7\n{rule}\n")
    assert given(again) == {"r3": "r0", "r4": "r0", "r8": "r0"}  # r8 is r0; r1 and r2 say nothing


def test_an_original_that_is_entered_as_its_own_duplicate_counts(again):
    again.edit("data/requests.csv", "3栋201,\n", "3栋201,r1\n")
    assert given(again) == {"r8": "r0"}
    entries = [e for e in again.build().log if e.code == "intake.duplicate-itself"]
    assert [(e.n, e.community) for e in entries] == [(1, "A-1")]


def test_duplicates_in_a_circle_are_refused(again):
    again.edit("data/requests.csv", "9号楼,\n", "9号楼,r8\n")
    assert again.codes() == ["requests.duplicate-circle"] * 2
    again.edit("data/requests.csv", "3号楼201,r0\n", "3号楼201,r5\n")  # a chain is none
    assert again.codes() == []


def test_the_address_stays_in_the_house(again, tmp_path):
    write_tables(again.build(), tmp_path / "tables")
    cut(again.load(), tmp_path / "tables", "A-1", tmp_path / "data")
    head = (tmp_path / "data/inputs/requests.csv").read_text(encoding="utf-8").split("\n")[0]
    assert "address" not in head
    assert "text" not in head


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("3栋2单元201", "３幢２单元 201室".replace("室", ""), True),
        ("3号楼-201", "3号楼201", True),
        ("3#201", "3栋201", True),
        ("三栋201", "3栋201", False),  # not guessed
        ("路灯不亮", "路灯不亮了", False),
    ],
)
def test_texts_and_addresses_are_compared_by_what_they_say(one, other, same):
    assert (same_words(one) == same_words(other)) is same
