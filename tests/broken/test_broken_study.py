"""A study folder with twenty planted faults, and files broken in one way each."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from workbench.errors import InputError
from workbench.intake import check, read_study
from workbench.intake.frames import Log
from workbench.intake.read import read_file
from workbench.study import Source
from workbench.yamlfile import read_yaml

HERE = Path(__file__).parent
STUDY, FILES = HERE / "twenty", HERE / "files"

# code, place, community, what a reader of Chinese and of English must find in the message
TWENTY = [
    ("settings.key-unknown", "study.yaml[weighting.popluation]", "", "population", "population"),
    ("settings.word-unknown", "codebook.yaml[q2.kind]", "", "“scale”", '"scale"'),
    ("judgements.kind", "judgements.csv:1[kind]", "A-1", "“waiver”", '"waiver"'),
    (
        "study.scope",
        "study.yaml[scope[2]]",
        "",
        "“resident_satisfaction”",
        '"resident_satisfaction"',
    ),
    ("table.unknown", "study.yaml[sources.photo]", "", "“photos”", '"photos"'),
    ("communities.id-unsafe", "data/communities.csv:4[community]", "../A-2", "字符", "characters"),
    ("communities.duplicate-id", "data/communities.csv:2[community]", "", "重复", "more than once"),
    ("communities.parent", "data/communities.csv:5[parent]", "A-3", "实为 SX", "found SX"),
    ("item.unknown", "study.yaml[sources.responses[1].columns.q1x]", "", "“q1”", '"q1"'),
    ("weight.not-positive", "data/responses.csv:4[base_weight]", "A-1", "大于零", "exceed zero"),
    ("item.off-scale", "data/responses.csv:3[q1]", "A-1", "实为 8", "found 8"),
    ("file.encoding", "data/inspections.csv:1", "", "楼道照明不亮", "gb18030: “A-1"),
    ("file.empty", "data/measurements.csv", "", "空的", "empty"),
    ("cell.date-order", "data/requests.csv:1[received]", "A-1", "03/04/2026", "day and month"),
    ("corrections.old", "corrections.csv:1[old]", "", "应为 3", "found 5"),
    (
        "responses.duplicate-id",
        "data/responses.csv:3[respondent]",
        "A-1",
        "2 行：3, 4",
        "rows: 3, 4",
    ),
    ("responses.duration", "data/responses.csv:2[finished]", "A-1", "早于", "before it started"),
    ("wave.no-responses", "study.yaml[waves[1]]", "", "w0", "w0"),
    ("margins.totals", "data/margins.csv:3[count]", "A-1", "不一致", "do not add up"),
    ("margins.category-lacking", "data/responses.csv:2[sex]", "A-1", "缺少", "lacks a category"),
]
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def problems():
    return check(STUDY).problems


def test_twenty_faults_are_answered_by_one_list_of_twenty(problems):
    told = [(problem.code, problem.place(), problem.community) for problem in problems]
    assert told == [fault[:3] for fault in TWENTY]


@pytest.mark.parametrize("n", range(20), ids=[fault[0] for fault in TWENTY])
def test_each_message_is_whole_in_both_languages(problems, n):
    problem, fault = problems[n], TWENTY[n]
    zh, en = problem.text("zh"), problem.text("en")
    assert fault[3] in zh
    assert fault[4] in en
    assert problem.place() in zh
    assert problem.place() in en
    assert CHINESE.search(problem.zh)
    assert problem.remedy_zh
    assert problem.remedy_en
    assert problem.remedy_zh in zh
    assert problem.remedy_en in en
    assert not CHINESE.search(problem.remedy_en)
    assert "→" in en


def test_running_it_is_refused_with_the_same_list_and_nothing_is_written(tmp_path, problems):
    study = tmp_path / "twenty"
    shutil.copytree(STUDY, study)
    before = sorted(study.rglob("*"))
    with pytest.raises(InputError) as caught:
        read_study(study)
    assert caught.value.problems == problems
    assert sorted(study.rglob("*")) == before


def read(name, **how):
    found = []
    return read_file(FILES / name, Source(file=name, **how), Log(), found), found


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("gbk_undeclared.csv", "file.encoding"),
        ("encoding_switches_half_way.csv", "file.encoding"),
        ("empty.csv", "file.empty"),
        ("bomb.xlsx", "file.bomb"),
        ("not_there.csv", "file.missing"),
    ],
)
def test_a_broken_file_is_refused_by_name(name, code):
    with pytest.raises(InputError) as caught:
        read(name)
    [problem] = caught.value.problems
    assert (problem.code, problem.file) == (code, name)
    assert ("part them" in (problem.remedy_en or "")) == name.startswith("encoding_switches")


@pytest.mark.parametrize("name", ["bom.csv", "bare_cr.csv"])
def test_an_odd_but_sound_file_is_read_right(name):
    raw, found = read(name)
    assert found == []
    assert raw.frame.to_dict("list") == {
        "编号": ["1", "2"],
        "小区": ["甲小区", "乙小区"],
        "满意": ["5", "3"],
    }


def test_a_gbk_file_is_read_when_it_is_declared():
    raw, _ = read("gbk_undeclared.csv", encoding="gbk")
    assert raw.frame["小区"].tolist() == ["甲小区", "乙小区"]


def test_a_file_whose_encoding_switches_names_the_line():
    with pytest.raises(InputError) as caught:
        read("encoding_switches_half_way.csv")
    assert caught.value.problems[0].row == 3


@pytest.mark.parametrize(
    ("name", "code", "row"),
    [("yaml_tag.yaml", "yaml.tag", 1), ("yaml_duplicate_key.yaml", "yaml.duplicate-key", 3)],
)
def test_yaml_with_tags_or_repeated_keys_is_refused(name, code, row):
    with pytest.raises(InputError) as caught:
        read_yaml(FILES / name)
    [problem] = caught.value.problems
    assert (problem.code, problem.row) == (code, row)
