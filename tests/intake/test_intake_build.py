from __future__ import annotations

import pandas as pd
import pytest

from workbench.intake import cut, write_tables
from workbench.intake.checking import check

CORRECTIONS = "file,key,column,old,new,reason,author,date,approved_by,evidence\n"


def test_a_sound_study_becomes_typed_tables(folder):
    tables = folder.build()
    answers = tables.frames["responses"]
    assert list(answers["community"]) == ["A-1"] * 4 + ["A-2"] * 2
    assert answers["q1"].dtype == "Int64"
    assert answers["q1"].tolist() == [5, pd.NA, 4, 3, 2, pd.NA]
    assert answers["q1__missing"].dropna().tolist() == ["dont_know", "skipped"]
    assert answers["use__lift"].tolist()[:4] == [True, True, pd.NA, False]
    assert answers["use__gym"].tolist()[:4] == [True, False, pd.NA, True]
    assert answers["started"].iloc[0] == "2026-04-01T09:00:00+08:00"
    assert {file.name: file.rows for file in tables.files}["data/responses.csv"] == 6


def test_a_skipped_question_is_missing_not_zero(folder):
    answers = folder.build().frames["responses"].set_index("respondent")
    assert answers.loc["6", "q1"] is pd.NA
    assert answers.loc["6", "q1__missing"] == "skipped"


def test_a_date_without_time_is_midnight_and_counted(folder):
    tables = folder.build()
    requests = tables.frames["requests"].set_index("request")
    assert requests.loc["r2", "received"] == "2026-05-03T00:00:00+08:00"
    assert [entry.n for entry in tables.log if entry.code == "intake.date-only"] == [1]


def test_columns_values_and_constants_are_applied(folder):
    folder.write(
        "data/responses.csv",
        "编号,小区,3、您满意吗（单选）,性别\n1,甲 区,满意,女\n2,乙区,不知,男\n3,乙区,5,男\n",
    ).edit(
        "study.yaml",
        "{file: data/responses.csv}",
        """
    file: data/responses.csv
    set: {wave: w2, mode: paper}
    columns: {respondent: 编号, q1: "3、您满意吗", sex: 性别}
    values: {q1: {满意: 4}, sex: {女: female, 男: male}}
    community: {from: 小区, values: {甲 区: A-1, 乙区: A-2}}""",
    ).edit("study.yaml", "  - {id: w1, role: baseline}\n", "")
    tables = folder.build()
    answers = tables.frames["responses"].set_index("respondent")
    assert answers["community"].to_dict() == {"1": "A-1", "2": "A-2", "3": "A-2"}
    assert answers.loc["1", "q1"] == 4
    assert answers.loc["3", "q1"] == 5  # a value of the item stands as it is
    assert answers.loc["2", "q1__missing"] == "unmapped"
    named = [entry for entry in tables.log if entry.code == "intake.value-unnamed"]
    assert sum(entry.n for entry in named) == 2
    assert "不知" in " ".join(entry.zh for entry in named)
    told = {p.column: p.found for p in tables.warnings if p.code == "source.values-unread"}
    assert "不知" in told["sources.responses[1].values.q1"]


def test_a_pattern_gives_its_group(folder):
    folder.edit("data/responses.csv", "10.0.0.1,5,", "10.0.0.1,5 completely,").edit(
        "study.yaml",
        "{file: data/responses.csv}",
        '{file: data/responses.csv, values: {q1: {pattern: "^\\\\s*(-?[0-9])"}}}',
    )
    assert folder.build().frames["responses"]["q1"].tolist()[0] == 5


def test_rows_of_a_wave_named_nowhere_are_left_out_and_counted(folder):
    text = (folder.path / "data/responses.csv").read_text(encoding="utf-8")
    text = text.replace(",w1,", ",1,").replace(",w2,", ",2,")
    folder.write("data/responses.csv", text + "7,A-1,3,,,,1,,5,male,,\n").edit(
        "study.yaml",
        "{file: data/responses.csv}",
        "{file: data/responses.csv, values: {wave: {1: w1, 2: w2}}}",
    )
    tables = folder.build()
    assert len(tables.frames["responses"]) == 6
    [entry] = [entry for entry in tables.log if entry.code == "intake.value-unnamed"]
    assert entry.n == 1
    [told] = [p for p in tables.warnings if p.code == "source.values-unread"]
    assert (told.found, "where:" in told.remedy_en) == ("3", True)


def test_units_named_nowhere_are_refused_or_dropped_as_declared(folder):
    folder.edit("data/requests.csv", "r2,A-2", "r2,Elsewhere")
    [problem] = folder.problems()
    assert problem.code == "community.unknown"
    assert (problem.row, problem.found) == (2, "Elsewhere")
    folder.edit(
        "study.yaml",
        "{file: data/requests.csv}",
        "{file: data/requests.csv, community: {from: community, unmatched: drop}}",
    )
    tables = folder.build()
    assert list(tables.frames["requests"]["request"]) == ["r1"]
    assert [entry.n for entry in tables.log if entry.code == "intake.unit-dropped"] == [1]


def test_a_unit_may_be_called_by_its_name_or_in_small_letters(folder):
    folder.edit("data/requests.csv", "r1,A-1", "r1,甲小区")
    folder.edit("data/requests.csv", "r2,A-2", "r2,a-2")
    assert list(folder.build().frames["requests"]["community"]) == ["A-1", "A-2"]


def test_a_name_that_cannot_be_an_id_gets_a_stable_one(folder):
    for name in ("data/communities.csv", "data/responses.csv", "data/requests.csv"):
        text = (folder.path / name).read_text(encoding="utf-8")
        folder.write(name, text.replace("A-2", "乙 2"))
    first, second = folder.build(), folder.build()
    ids = sorted(first.frames["communities"]["community"])
    assert ids == sorted(second.frames["communities"]["community"])
    assert ids[2].startswith("U-")
    assert set(first.frames["responses"]["community"]) == {"A-1", ids[2]}
    assert [entry.community for entry in first.log if entry.code == "intake.unit-id"] == [ids[2]]


def test_join_by_row_checks_that_rows_belong_together(folder):
    rows = "\r".join(f"x,k{n}" for n in range(1, 7))
    folder.write("data/more.csv", f"where,block\r{rows}\r")
    folder.edit(
        "study.yaml",
        "{file: data/responses.csv}",
        "{file: data/responses.csv, join: {file: data/more.csv, by: row, columns: {ssu: block}}}",
    )
    answers = folder.build().frames["responses"].set_index("respondent")
    assert answers["ssu"].to_dict() == {str(n): f"k{n}" for n in range(1, 7)}
    folder.write("data/more.csv", "community,block\nA-1,k\nA-2,k\n" + "A-1,k\n" * 4)
    folder.edit("study.yaml", "by: row,", "by: row, check: [community],")
    [problem] = folder.problems()
    assert (problem.code, problem.row, problem.expected, problem.found) == (
        "join.check",
        2,
        "A-1",
        "A-2",
    )
    folder.write("data/more.csv", "community,block\nA-1,k\n")
    assert folder.codes() == ["join.rows"]


def test_join_by_key(folder):
    folder.write("data/more.csv", "ip,block\n10.0.0.3,k3\n")
    folder.edit(
        "study.yaml",
        "{file: data/responses.csv}",
        "{file: data/responses.csv, join: {file: data/more.csv, by: [ip], columns: {ssu: block}}}",
    )
    tables = folder.build()
    assert tables.frames["responses"]["ssu"].dropna().tolist() == ["k3"]
    assert [entry.n for entry in tables.log if entry.code == "intake.join-unmatched"] == [5]


def test_where_keeps_row_numbers_of_the_file(folder):
    folder.edit(
        "study.yaml",
        "{file: data/responses.csv}",
        '{file: data/responses.csv, where: {wave: w2}, columns: {respondent: "row:n"}}',
    ).edit("study.yaml", "  - {id: w1, role: baseline}\n", "")
    assert folder.build().frames["responses"]["respondent"].tolist() == [
        "responses-3",
        "responses-4",
        "responses-6",
    ]


def test_a_correction_is_applied_and_both_values_are_kept(folder):
    folder.write(
        "corrections.csv",
        CORRECTIONS
        + "data/responses.csv,row:4,q1,3,1,slip,A,2026-11-01,B,\n"
        + "data/responses.csv,2,q1,6,4,slip,A,2026-11-01,B,call\n",
    )
    tables = folder.build()
    answers = tables.frames["responses"].set_index("respondent")
    assert answers["q1"].dropna().to_dict() == {"1": 5, "2": 4, "3": 4, "4": 1, "5": 2}
    kept = tables.corrections.set_index("line")
    told = kept.loc[1, ["community", "id", "column", "old_value", "new_value"]].tolist()
    assert told == ["A-1", "4", "q1", "3", "1"]
    assert kept.loc[2, "new_value"] == "4"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("data/responses.csv,row:4,q1,5,1", "corrections.old"),
        ("data/responses.csv,row:40,q1,5,1", "corrections.key"),
        ("data/responses.csv,99,q1,5,1", "corrections.key"),
        ("data/responses.csv,row:4,q7,5,1", "corrections.column"),
        ("data/answers.csv,row:4,q1,5,1", "corrections.file"),
    ],
)
def test_a_correction_that_does_not_fit_is_refused(folder, line, code):
    folder.write("corrections.csv", CORRECTIONS + line + ",slip,A,2026-11-01,B,\n")
    [problem] = folder.problems()
    assert (problem.code, problem.file, problem.row) == (code, "corrections.csv", 1)


RESPONSES, COMMUNITIES = "data/responses.csv", "data/communities.csv"
FINISHED = "2026-04-01 09:05,b1,1.5"
BROKEN_CELLS = [
    (RESPONSES, "2,A-1,w1", "1,A-1,w1", "responses.duplicate-id"),
    (RESPONSES, "10.0.0.1,5,", "10.0.0.1,9,", "item.off-scale"),
    (RESPONSES, "b1,1.5,", "b1,0,", "weight.not-positive"),
    (RESPONSES, "b1,1.5,", "b1,-1.5,", "weight.not-positive"),
    (RESPONSES, "b1,1.5,", "b1,inf,", "cell.type"),
    (RESPONSES, "b1,1.5,", "b1,1.5%,", "cell.type"),
    (
        "study.yaml",
        "timestamps:",
        "weighting: {nonresponse: [psu]}\ntimestamps:",
        "weighting.nonresponse",
    ),
    (
        "study.yaml",
        "timestamps:",
        "disclosure: {incentive: none}\ntimestamps:",
        "settings.disclosure",
    ),
    (RESPONSES, FINISHED, "2026-04-01 08:05,b1,1.5", "responses.duration"),
    (RESPONSES, FINISHED, "01/04/2026,b1,1.5", "cell.date-order"),
    (RESPONSES, FINISHED, "46113,b1,1.5", "cell.date-serial"),
    (RESPONSES, FINISHED, "2026-02-30,b1,1.5", "cell.date"),
    (RESPONSES, "1,A-1,w1", "1,A-1,w9", "wave.unknown"),
    (RESPONSES, "1,A-1,w1", "1,A-9,w1", "community.unknown"),
    (RESPONSES, "1,A-1,w1", ",A-1,w1", "cell.blank"),
    (RESPONSES, "started,finished,psu,", "started,psu,psu,", "source.column"),
    (RESPONSES, "respondent,", "id,", "column.missing"),
    (COMMUNITIES, "A-2,", "A/2,", "communities.id-unsafe"),
    (COMMUNITIES, "A-2,", "..,", "communities.id-unsafe"),
    (COMMUNITIES, "A-2,", "A\u202e2,", "communities.id-unsafe"),
    (COMMUNITIES, "A-2,", "CON,", "communities.id-unsafe"),
    (COMMUNITIES, "A-2,", "a-1,", "communities.duplicate-id"),
    (COMMUNITIES, "compound,ST", "compound,XX", "communities.parent"),
    (COMMUNITIES, "ST,街道,subdistrict,", "ST,街道,subdistrict,A-1", "communities.level"),
    (COMMUNITIES, "乙小区,compound", "乙小区,village", "cell.word"),
    (COMMUNITIES, "A-2,", "A-3,x,compound,ST\nA-2,", "community.alone"),
    ("data/requests.csv", "r2,", "r1,", "requests.duplicate-id"),
    ("study.yaml", "{id: w1,", "{id: w0, role: earlier}\n  - {id: w1,", "wave.no-responses"),
    ("study.yaml", "{default: probability}", "{paper: probability}", "sample.mode"),
    ("study.yaml", "sources:", "sources:\n  request: {file: x.csv}", "table.unknown"),
    ("study.yaml", "unit: compound", "unit: district", "communities.none-assessed"),
    ("study.yaml", "timestamps:", "weighting: {rake: [sex]}\ntimestamps:", "margins.none"),
    ("study.yaml", "timestamps:", "weighting: {base: bw}\ntimestamps:", "weighting.base"),
]


@pytest.mark.parametrize(("file", "old", "new", "code"), BROKEN_CELLS)
def test_a_fault_is_told_by_code_with_place_and_remedy(folder, file, old, new, code):
    problems = folder.edit(file, old, new).problems()
    assert code in [problem.code for problem in problems]
    for problem in problems:
        assert problem.file
        assert problem.row is not None or problem.column
        assert problem.zh
        assert problem.en
        assert problem.remedy_zh
        assert problem.remedy_en


MARGINS = "area,variable,category,count,population\n"


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ("A-1,sex,female,10,adults\nA-1,sex,male,10,adults\n", "margins.lacking"),
        ("*,sex,female,10,adults\n*,sex,male,10,adults\n", "margins.lacking"),
        ("A-1,sex,female,10,adults\nA-1,sex,male,0,adults\n", "margins.category-lacking"),
        ("A-1,sex,female,10,adults\nA-1,sex,man,10,adults\n", "margins.category"),
        ("A-1,sex,female,-1,adults\n", "cell.range"),
        ("A-1,sex,female,1,people\n", "cell.word"),
        ("A-1,sex,female,1,adults\nA-1,sex,female,1,adults\n", "margins.duplicate-row"),
    ],
)
def test_margins_that_cannot_serve_are_told(folder, rows, code):
    folder.write("data/margins.csv", MARGINS + rows).edit(
        "study.yaml", "signatories:", "  margins: {file: data/margins.csv}\nsignatories:"
    )
    folder.edit("study.yaml", "timestamps:", "weighting: {rake: [sex]}\ntimestamps:")
    assert code in folder.codes()


def test_margins_of_one_population_must_add_up_alike(folder):
    age = "age:\n  wording: x\n  kind: single\n  values: [old]\nuse:"
    folder.edit("codebook.yaml", "use:", age)
    rows = "A-1,sex,female,10,adults\nA-1,sex,male,10,adults\nA-1,age,old,30,adults\n"
    folder.write("data/margins.csv", MARGINS + rows).edit(
        "study.yaml", "signatories:", "  margins: {file: data/margins.csv}\nsignatories:"
    )
    [problem] = folder.problems()
    assert (problem.code, problem.community, problem.expected) == ("margins.totals", "A-1", "30")
    assert problem.found == "age 30, sex 20"


def test_formulas_and_markup_in_free_text_are_kept_and_told(folder):
    tables = folder.build()
    [warning] = [problem for problem in tables.warnings if problem.code == "text.formula"]
    assert (warning.row, warning.column) == (3, "sug")
    assert "=1+1" in tables.frames["responses"]["sug"].tolist()


def test_steps_before_receipt_are_counted_not_refused(folder):
    folder.edit("data/requests.csv", "2026-05-02 10:00", "2026-04-02 10:00")
    tables = folder.build()
    assert "requests.order" in [problem.code for problem in tables.warnings]
    [entry] = [entry for entry in tables.log if entry.code == "intake.requests-order"]
    assert (entry.n, entry.community) == (1, "A-1")


def test_a_blank_that_was_not_to_be_asked_is_no_missing_answer(folder):
    asked = "where: {q1: [5]}\n  class: internal\n  purpose: assessment\nsug:"
    folder.edit("codebook.yaml", "class: internal\n  purpose: assessment\nsug:", asked)
    tables = folder.build()
    answers = tables.frames["responses"].set_index("respondent")
    why = answers["use__missing"].fillna("")
    # 2 was not to be asked and answered; what 6 would have said is not known, its q1 was skipped
    assert why.to_dict() == dict.fromkeys("1246", "") | dict.fromkeys("35", "not_asked")
    assert answers["use__lift"].fillna(False).to_dict()["2"]
    [entry] = [entry for entry in tables.log if entry.code == "intake.not-asked"]
    assert entry.n == 2


def test_a_text_in_lenticular_brackets_behind_an_option_is_read_in_a_plain_table(folder):
    folder.edit("codebook.yaml", "gym: {zh: 健身, en: gym}",
                "gym: {zh: 健身, en: gym}, other: {zh: 其他, en: other}")  # fmt: skip
    folder.edit("codebook.yaml", "sug:\n", "use_other:\n  wording: 其他\n  kind: text\n"
                "  role: text\n  class: internal\n  purpose: needs\nsug:\n")  # fmt: skip
    folder.edit("data/responses.csv", "电梯┋健身", "电梯┋其他〖充电桩〗")
    frame = folder.build().frames["responses"]
    assert frame["use__other"].fillna(False).tolist()[0]
    assert frame["use_other"].tolist()[0] == "充电桩"


def test_flags_count_answers_from_one_address(folder):
    text = (folder.path / "data/responses.csv").read_text(encoding="utf-8")
    more = "".join(f"{n},A-1,w2,,,b1,1,9.9.9.9,5,male,,\n" for n in range(20, 25))
    answers = folder.write("data/responses.csv", text + more).build().frames["responses"]
    assert answers["flags"].value_counts().to_dict() == {"same_ip": 5}


def test_the_tablet_of_one_interviewer_is_no_flag(folder):
    head, *rows = (folder.path / "data/responses.csv").read_text(encoding="utf-8").splitlines()
    old = [f"{row},," for row in rows]
    new = [f"{n},A-1,w2,,,b1,1,,5,male,,,I{n % 2},pad{n % 2}" for n in range(20, 28)]
    own = "\n".join([f"{head},interviewer,device", *old, *new]) + "\n"
    assert folder.write("data/responses.csv", own).build().frames["responses"]["flags"].isna().all()
    lent = own.replace("I0,pad0", "I0,pad1", 1)  # one interview of another on this tablet
    answers = folder.write("data/responses.csv", lent).build().frames["responses"]
    assert answers.set_index("device")["flags"].dropna().to_dict() == {"pad1": "same_device"}
    alone = own.replace("I0,", ",").replace("I1,", ",")
    answers = folder.write("data/responses.csv", alone).build().frames["responses"]
    assert answers["flags"].eq("same_device").sum() == 8


def test_all_problems_come_at_once(folder):
    folder.edit("data/responses.csv", "1,A-1,w1", "1,A-9,w1")
    folder.edit("data/requests.csv", "2026-05-01 10:00", "05/01/2026")
    folder.edit("measures.yaml", "items: [q1]", "items: [q2]")
    codes = folder.codes()
    assert {"community.unknown", "cell.date-order"} <= set(codes)
    assert "measures.yaml" in [problem.file for problem in folder.problems()]


def test_a_baseline_may_come_from_an_earlier_batch(folder, tmp_path):
    whole = folder.build()
    write_tables(whole, tmp_path / "earlier" / "private" / "tables")
    text = (folder.path / "data/responses.csv").read_text(encoding="utf-8")
    kept = [line for line in text.splitlines() if ",w1," not in line]
    folder.write("data/responses.csv", "\n".join(kept) + "\n")
    assert folder.codes() == ["wave.no-responses"]
    folder.edit(
        "study.yaml", "{id: w1, role: baseline}", "{id: w1, role: baseline, batch: ../earlier}"
    )
    tables = folder.build()
    pd.testing.assert_frame_equal(
        tables.frames["responses"].drop(columns="_row"),
        whole.frames["responses"].drop(columns="_row"),
    )
    assert len(tables.frames["requests"]) == 2
    assert {entry.n for entry in tables.log if entry.code == "intake.batch"} == {3}
    folder.edit("study.yaml", "../earlier", "../nowhere")
    assert "wave.batch" in folder.codes()


def test_answers_to_no_item_are_refused(folder):
    folder.write("data/responses.csv", "respondent,community,wave\n1,A-1,w1\n2,A-2,w2\n")
    assert "responses.no-items" in folder.codes()


def test_files_that_settings_name_must_be_there(folder):
    folder.edit("study.yaml", "seed: 7", "seed: 7\nnotebook: mine.ipynb\ncalendar: days.csv")
    assert folder.codes() == ["study.file", "study.file"]


RECORDS = {
    "frame": "community,psu,size\nA-1,b1,40\nA-1,b2,35\n",
    "photos": "photo,community,file,sha256,taken,lat,lon,release,caption_zh\n"
    f"F1,A-1,f1.jpg,{'ab' * 32},2026-10-14 09:00,30.1,120.2,report,楼道\n",
    "votes": "vote,community,date,base,eligible,cast,approve,threshold,level,effective\n"
    "V1,A-1,2026-06-01,owners,200,180,160,0.8,co_govern,true\n",
    "funds": "community,line,period,field,nature,source,planned,spent\n"
    "A-1,L1,2026,environment,hard,local,400000,310000\n",
    "documents": "document,community,kind,text,reported,verified,indicator\n"
    "D1,A-1,self_report,自评满意度为92%,92,,resident_satisfaction\n",
    "supply": "community,service,capacity,unit,group\nA-1,meals,60,places,60+\n",
    "backchecks": "respondent,item,answer,method,checker,date\n3,q1,4,phone,K1,2026-11-08\n",
    "objections": "objection,community,stage,received,about,claim,decision,reason_zh,decided\n"
    "O1,A-1,notice,2026-12-02,deduction.1,设备故障,upheld,设备故障属实,2026-12-09\n",
    "cases": "case_id,indicator,before,after,unit\nmine-1,resident_satisfaction,42,76,%\n",
}


@pytest.fixture
def records(folder):
    """The sound study with one file more for each of the further tables."""
    lines = "".join(f"  {name}: {{file: data/{name}.csv}}\n" for name in RECORDS)
    for name, text in RECORDS.items():
        folder.write(f"data/{name}.csv", text)
    return folder.edit("study.yaml", "sources:\n", "sources:\n" + lines)


def test_every_further_table_is_read_and_typed(records):
    frames = records.build().frames
    assert {name: len(frames[name]) for name in RECORDS} == {
        **dict.fromkeys(RECORDS, 1),
        "frame": 2,
    }
    assert frames["votes"]["approve"].dtype == "Int64"
    assert frames["votes"]["effective"].tolist() == [True]
    assert frames["funds"]["planned"].tolist() == [400000.0]
    assert frames["backchecks"]["wave"].tolist() == ["w2"]


def test_the_slice_holds_them_without_what_must_stay_in_the_house(records, tmp_path):
    study = records.load()
    write_tables(records.build(), tmp_path / "tables")
    for unit in ("A-1", "A-2"):
        cut(study, tmp_path / "tables", unit, tmp_path / unit)
    read = {p.stem: p.read_text("utf-8") for p in (tmp_path / "A-1" / "inputs").glob("*.csv")}
    assert set(RECORDS) <= set(read)
    assert "30.1" not in read["photos"]
    assert "自评" not in read["documents"]
    assert ",设备故障," not in read["objections"]
    assert "设备故障属实" in read["objections"]
    respondent = read["backchecks"].splitlines()[1].split(",")[0]
    assert respondent.startswith("P")
    assert respondent in read["responses"]
    assert read["frame"].splitlines()[1].split(",")[1].startswith("B")
    other = (tmp_path / "A-2" / "inputs" / "backchecks.csv").read_text("utf-8")
    assert len(other.splitlines()) == 1


@pytest.mark.parametrize(
    ("table", "old", "new", "code"),
    [
        ("votes", "180,160", "150,160", "votes.count"),
        ("votes", "180,160", "201,160", "votes.count"),
        ("votes", "0.8", "80", "votes.threshold"),
        ("votes", "co_govern", "decide", "cell.word"),
        ("photos", "ab" * 32, "ab" * 31, "photos.sha256"),
        ("objections", "设备故障属实", "", "objections.reason"),
        ("objections", "2026-12-09", "2026-12-01", "objections.order"),
        ("backchecks", "3,q1", "3,q9", "item.unknown"),
        ("backchecks", "3,q1", "33,q1", "backchecks.respondent"),
        ("documents", "resident_satisfaction", "resident_satisfacton", "documents.indicator"),
        ("funds", "400000", "-1", "cell.range"),
        ("frame", "b1,40", "b1,0", "cell.range"),
        ("supply", "60,places", ",places", "cell.blank"),
    ],
)
def test_a_fault_of_a_further_table_is_told(records, table, old, new, code):
    problems = records.edit(f"data/{table}.csv", old, new).problems()
    assert [problem.code for problem in problems] == [code]
    assert problems[0].file == f"data/{table}.csv"
    assert problems[0].remedy_zh
    assert problems[0].remedy_en


def test_a_broken_protocol_is_told_with_the_documents_beside_it(records):
    records.write("protocol.yaml", "indicators: {waste_sorting_accuracy: {dimension: nowhere}}\n")
    told = [one.file for one in check(records.path).problems if one.severity == "error"]
    assert told == ["protocol.yaml"]


def test_codes_with_leading_zeros_stay_as_the_codebook_writes_them(folder):
    folder.edit("codebook.yaml", "female: {zh: 女, en: female}", '"01": {zh: 女, en: female}')
    folder.edit("codebook.yaml", "male: {zh: 男, en: male}", '"1": {zh: 男, en: male}')
    text = (folder.path / "data/responses.csv").read_text(encoding="utf-8")
    folder.write("data/responses.csv", text.replace("female", "01").replace("male", "1.0"))
    sex = folder.build().frames["responses"].sort_values("respondent")["sex"]
    assert sex.tolist() == ["01", "1", "01", "1", "01", "1"]


def test_a_source_in_which_nothing_names_the_unit_is_told_with_the_rest(folder):
    folder.edit("data/responses.csv", "respondent,community", "respondent,哪里")
    folder.edit("data/requests.csv", "request,community,kind", "request,哪里,kinds")
    told = {(p.file, p.column) for p in folder.problems() if p.code == "column.missing"}
    assert told >= {("data/responses.csv", "community"), ("data/requests.csv", "community")}
    assert ("data/requests.csv", "kind") in told


def test_months_before_the_register_begins_are_told(folder):
    folder.edit("study.yaml", "{id: w1, role: baseline}",
                "{id: w1, role: baseline, records: [2025-11, 2026-04]}")  # fmt: skip
    folder.edit("study.yaml", "{id: w2, role: current}",
                "{id: w2, role: current, records: [2026-05, 2026-10]}")  # fmt: skip
    told = [p for p in folder.build().warnings if p.code == "requests.begin"]
    assert [(p.column, p.expected, p.found) for p in told] == [
        ("waves.w1.records", "2025-11", "2026-05")
    ]


def test_a_mode_of_the_sample_that_no_answer_has_is_told(folder):
    folder.edit("study.yaml", "{file: data/responses.csv}",
                "{file: data/responses.csv, set: {mode: online}}")  # fmt: skip
    folder.edit("study.yaml", "{default: probability}", "{default: probability, onlin: opt_in}")
    [told] = [p for p in folder.build().warnings if p.code == "sample.mode-unused"]
    assert (told.column, told.remedy_en) == ("sample.onlin", 'did you mean "online"?')
