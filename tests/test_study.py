from __future__ import annotations

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError

from workbench.errors import InputError
from workbench.study import Study, read_secret
from workbench.study._explain import explain
from workbench.study.codebook import Item
from workbench.study.decisions import read_corrections, read_judgements
from workbench.study.settings import Settings

PARTY = {"commissioner": "a", "assessor": "b", "contract": 7, "interests": "none"}
PERSON = {"name": {"zh": "甲", "en": "A"}, "organisation": "o", "key": "demo"}
SOUND = {
    "study": "s-1",
    "programme": "civilised",
    "unit": "community",
    "parties": PARTY,
    "timezone": "Asia/Shanghai",
    "issued": "2026-12-20",
    "waves": [{"id": 2, "role": "current", "fieldwork": ["2026-10-08", "2026-11-05"]}],
    "seed": 1,
    "sample": {"default": "probability"},
    "sources": {"responses": [{"file": "data/a.csv"}]},
    "signatories": {"lead": PERSON, "reviewer": PERSON, "institution": PERSON},
}


def faults(**changes):
    try:
        Settings.model_validate({**SOUND, **changes})
    except ValidationError as error:
        return explain(error, Settings, "study.yaml")
    return []


def source(**keys):
    return {"responses": [{"file": "data/a.csv", **keys}]}


def test_sound_settings_are_taken_with_the_defaults_of_the_design():
    settings = Settings.model_validate(SOUND)
    assert settings.waves[0].id == "2"
    assert settings.parties.contract.zh == "7"
    assert settings.decisions.model_dump() == {
        "gate": None,
        "target": "point",
        "level": 0.95,
        "min_cell": 10,
        "margin_pp": 5,
        "multiplicity": "holm",
    }
    assert (settings.timestamps, settings.languages) == ("ledger", ("zh", "en"))


def test_the_grammar_of_sources_is_taken_whole():
    [made] = Settings.model_validate(
        {
            **SOUND,
            "sources": {
                "responses": {
                    "file": "data/wjx.xlsx",
                    "format": "xlsx",
                    "sheet": 1,
                    "header": 2,
                    "encoding": "gb18030",
                    "set": {"wave": 2, "mode": "household"},
                    "columns": {"q1": "3、您对环境", "psu": "楼栋"},
                    "values": {
                        "wave": {2: "w1", 6: "w2"},
                        "q1": {"pattern": "^\\s*([1-7])"},
                        "q2": {"满意": 5, "不答": None},
                    },
                    "community": {"from": "link_parameter", "values": {"甲小区一期": "JX-01"}},
                    "join": {
                        "file": "data/more.csv",
                        "by": "row",
                        "check": ["District"],
                        "columns": {"ssu": "VDC"},
                    },
                }
            },
        }
    ).sources["responses"]
    assert made.values["wave"].values == {"2": "w1", "6": "w2"}
    assert made.values["q1"].pattern == "^\\s*([1-7])"
    assert made.values["q2"].values == {"满意": "5", "不答": None}
    assert made.community.source == "link_parameter"
    assert made.join[0].by_row


FAULTS = [
    ({"wieghting": {}}, "settings.key-unknown", "wieghting", "“weighting”"),
    ({"parties": {**PARTY, "comissioner": 1}}, "settings.key-unknown", "parties.comissioner", "commissioner"),
    ({"sources": source(colums={})}, "settings.key-unknown", "sources.responses[1].colums", "“columns”"),
    ({"sources": source(join={"file": "b", "by": "row", "columns": {}, "chek": []})}, "settings.key-unknown", "sources.responses[1].join[1].chek", "“check”"),
    ({"unit": "comunity"}, "settings.word-unknown", "unit", "“community”"),
    ({"issued": None}, "settings.blank", "issued", "填写"),
    ({"parties": {**PARTY, "contract": None}}, "settings.blank", "parties.contract", "填写"),
    ({"seed": "x"}, "settings.value", "seed", "整数"),
    ({"issued": "soon"}, "settings.value", "issued", "YYYY-MM-DD"),
    ({"timezone": "Asia/Shangai"}, "settings.timezone", "timezone", "IANA"),
    ({"scope": ["a", "a"]}, "settings.twice", "scope", "一个"),
    ({"sample": {"default": "random"}}, "settings.word-unknown", "sample.default", "probability"),
    ({"sources": source(encoding="gb1803")}, "settings.encoding", "sources.responses[1].encoding", "gb18030"),
    ({"sources": source(format="wjx_txt")}, "settings.word-unknown", "sources.responses[1].format", "wjx_text"),
    ({"sources": source(values={"q": {"pattern": "(["}})}, "settings.pattern", "sources.responses[1].values.q.pattern", "括号"),
    ({"sources": source(values={"q": {"pattern": "a"}})}, "settings.pattern", "sources.responses[1].values.q.pattern", "括号"),
    ({"sources": source(set={"q": 1}, columns={"q": "x"})}, "settings.twice", "sources.responses[1]", "一个"),
    ({"waves": [{"id": "a", "role": "baseline"}]}, "settings.roles", "waves", "current"),
    ({"waves": [{"id": "a", "role": "current"}] * 2}, "settings.twice", "waves", "一个"),
    ({"waves": [{"id": "a", "role": "current", "fieldwork": ["2026-02-02", "2026-01-01"]}]}, "settings.span", "waves[1]", "开始"),
    ({"waves": [{"id": "a", "role": "current", "records": ["2026-13", "2026-14"]}]}, "settings.month", "waves[1].records[1]", "2026-05"),
    ({"signatories": {"lead": {**PERSON, "key": "mine"}, "reviewer": PERSON, "institution": PERSON}}, "settings.signing-key", "signatories.lead.key", ""),
    ({"signatories": {"lead": PERSON, "institution": PERSON}}, "settings.missing", "signatories.reviewer", "补上"),
    ({"weighting": {"replicates": "fay"}}, "settings.replicates", "weighting.replicates", "rho"),
    ({"weighting": {"replicates": {"method": "jkn"}}}, "settings.replicates", "weighting.replicates", "rscales"),
    ({"decisions": {"level": 95}}, "settings.value", "decisions.level", "更小"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "code", "place", "remedy"), FAULTS, ids=[f"{f[1]}-{f[2]}" for f in FAULTS]
)
def test_a_fault_names_the_key_and_the_remedy(change, code, place, remedy):
    told = [(problem.code, problem.column) for problem in faults(**change)]
    assert (code, place) in told
    problem = faults(**change)[told.index((code, place))]
    assert remedy in problem.remedy_zh
    assert problem.en
    assert problem.file == "study.yaml"


def test_all_faults_are_told_at_once():
    told = faults(unit="x", seed=-1, wieghting=1)
    assert {problem.column for problem in told} == {"unit", "seed", "wieghting"}


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"kind": "scale"}, "settings.item-values"),
        ({"kind": "scale", "values": {"a": None, "b": None}}, "settings.item-scale"),
        ({"kind": "scale", "values": [1, 5], "missing": {5: "x"}}, "settings.item-missing"),
        ({"kind": "scale", "values": [1, 5], "top": [6]}, "settings.item-top"),
        ({"kind": "text", "class": "personal"}, "settings.item-purpose"),
    ],
)
def test_an_item_must_hold_together(item, code):
    with pytest.raises(ValidationError) as caught:
        Item.model_validate({"wording": "x", **item})
    assert [problem.code for problem in explain(caught.value, Item, "f")] == [code]


def test_a_scale_may_label_its_ends_only():
    item = Item.model_validate({"wording": "x", "kind": "scale", "values": [1, 5], "top": [4, 5]})
    assert item.points == ["1", "2", "3", "4", "5"]
    assert item.as_dict()["top"] == [4, 5]
    assert item.as_dict()["wording"] == {"zh": "x", "en": "x"}


@pytest.mark.parametrize(
    ("item", "leaves"),
    [
        ({"kind": "text"}, False),
        ({"kind": "number", "class": "personal", "purpose": "p"}, False),
        ({"kind": "number", "class": "sensitive", "purpose": "p"}, True),
        ({"kind": "number", "class": "internal"}, False),
        ({"kind": "number", "purpose": "p"}, False),
    ],
)
def test_free_text_and_personal_items_leave_no_house(item, leaves):
    assert Item.model_validate({"wording": "x", **item}).leaves_house is leaves


HEAD = "file,key,column,old,new,reason,author,date,approved_by,evidence\n"


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        (HEAD, []),
        (HEAD + "a.csv,1,q1,1,2,why,A,2026-11-01,B,\n", []),
        (HEAD + "a.csv,1,q1,1,2,,A,2026-11-01,B,\n", ["decisions.blank"]),
        (HEAD + "a.csv,1,q1,1,2,why,A,1/11/2026,B,\n", ["decisions.date"]),
        (HEAD + "a.csv,1,q1,1,2,why,A,2026-11-01,B,\n" * 2, ["corrections.twice"]),
        (HEAD + "a.csv,1,q1,1,2,why,A,2026-11-01,B,x,y\n", ["decisions.cells"]),
        (HEAD.replace("reason", "reasons"), ["decisions.column", "decisions.column-unknown"]),
        ("", ["decisions.header"]),
        ('"', ["decisions.unreadable"]),
    ],
)
def test_corrections_are_checked_line_by_line(tmp_path, text, codes):
    path = tmp_path / "corrections.csv"
    path.write_text(text, encoding="utf-8")
    lines, problems = read_corrections(path)
    assert [problem.code for problem in problems] == codes
    if not codes and text != HEAD:
        assert (lines[0].key, lines[0].row) == ("1", 1)


def test_corrections_in_another_encoding_are_refused(tmp_path):
    path = tmp_path / "corrections.csv"
    path.write_bytes((HEAD + "a.csv,1,q1,1,2,错,A,2026-11-01,B,\n").encode("gbk"))
    assert [problem.code for problem in read_corrections(path)[1]] == ["decisions.unreadable"]


def test_judgements_have_a_kind_and_an_id_of_their_own(tmp_path):
    path = tmp_path / "judgements.csv"
    head = "id,kind,community,object,from,to,decision,reason_zh,reason_en,author,date,approved_by\n"
    line = "J1,waver,A-1,x,,,waive,可,,A,2026-11-01,B\n"
    path.write_text(head + line + line.replace("waver", "waiver"), encoding="utf-8")
    _, problems = read_judgements(path)
    assert [problem.code for problem in problems] == ["judgements.kind", "judgements.twice"]
    assert "waiver" in problems[0].remedy_en


def test_no_file_means_no_decisions(tmp_path):
    assert read_corrections(tmp_path / "corrections.csv") == ([], [])


def test_a_missing_secret_is_made_once_and_kept(tmp_path):
    first = read_secret(tmp_path)
    assert len(first) == 32
    assert read_secret(tmp_path) == first
    (tmp_path / ".secret").write_text("short")
    with pytest.raises(InputError):
        read_secret(tmp_path)


def test_workers_that_need_the_secret_at_the_same_moment_read_the_same_one(tmp_path):
    for n in range(30):
        folder = tmp_path / str(n)
        folder.mkdir()
        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(read_secret, [folder] * 8))) == 1


def test_the_bundled_study_is_sound(root: Path):
    study = Study.load(root / "data" / "demo")
    assert study.current.role == "current"
    assert study.baseline is not None
    assert set(study.measures.as_dict()) == set(study.settings.scope or ())


def test_the_settings_load_without_pandas():
    code = (
        "import sys, workbench.study; sys.exit('pandas' in sys.modules or 'numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_gate_on_a_sample_needs_a_decision_rule_that_has_no_default(
    tmp_path: Path, root: Path
) -> None:
    folder = tmp_path / "study"
    shutil.copytree(root / "data" / "demo", folder)
    settings = folder / "study.yaml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("{gate: lower, ", "{"), encoding="utf-8")
    _, problems = Study.draft(folder)
    (one,) = [p for p in problems if p.code == "decisions.blank"]
    assert (one.column, one.severity) == ("decisions.gate", "error")
    assert "no default" in one.en
    measures = folder / "measures.yaml"
    lines = measures.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith("resident_satisfaction")]
    measures.write_text("".join(kept), encoding="utf-8")
    scoped = settings.read_text(encoding="utf-8").replace("  - resident_satisfaction\n", "")
    settings.write_text(scoped, encoding="utf-8")
    _, problems = Study.draft(folder)  # no gate rests on a sample any more
    assert not [p for p in problems if p.code == "decisions.blank"]
