"""A small study in a folder of its own, to be spoilt in one place at a time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from workbench.errors import InputError, Problem
from workbench.intake import Tables, build, read_study
from workbench.study import Study

SETTINGS = """\
study: small
programme: programme.yaml
unit: compound
scope: [resident_satisfaction]
parties: {commissioner: Office, assessor: Centre, contract: C-1, interests: none}
timezone: Asia/Shanghai
issued: 2026-12-20
waves:
  - {id: w1, role: baseline}
  - {id: w2, role: current}
seed: 7
sample: {default: probability}
sources:
  communities: {file: data/communities.csv}
  responses: {file: data/responses.csv}
  requests: {file: data/requests.csv}
signatories:
  lead: {name: {zh: 甲, en: A}, organisation: Centre, key: demo}
  reviewer: {name: {zh: 乙, en: B}, organisation: Centre, key: demo}
  institution: {name: {zh: 丙, en: C}, organisation: Centre, key: demo}
timestamps: none
"""
PROGRAMME = """\
format: 1
programme: small
title: {zh: 小方案, en: A small programme}
version: "1"
valid_from: 2026-01-01
unit: compound
purpose: {zh: 测试, en: To test}
sources:
  - {document: none, title: {zh: 无, en: none}}
dimensions:
  whole: {name: {zh: 总体, en: Overall}, source: none}
tables:
  T1: {name: {zh: 指标, en: Indicators}, source: none}
indicators:
  resident_satisfaction:
    name: {zh: 居民满意度, en: Resident satisfaction}
    table: T1
    kind: core
    dimension: whole
    unit: percent_satisfied
    direction: up
    evidence: [survey]
    level: compound
    combine: population_mean
    targets:
      - {op: ">=", value: 70, floor: 0, origin: assumption, source: none}
    source: none
"""
CODEBOOK = """\
q1:
  wording: {zh: 满意吗, en: Satisfied?}
  kind: scale
  values: {1: {zh: 非常不满意, en: very dissatisfied}, 5: {zh: 非常满意, en: very satisfied}}
  top: [4, 5]
  missing: {6: dont_know, -2: skipped}
  role: satisfaction
  class: internal
  purpose: assessment
sex:
  wording: {zh: 性别, en: Sex}
  kind: single
  values: {female: {zh: 女, en: female}, male: {zh: 男, en: male}}
  role: demographic
  class: internal
  purpose: assessment
use:
  wording: {zh: 使用的设施, en: Facilities used}
  kind: multiple
  values: {lift: {zh: 电梯, en: lift}, gym: {zh: 健身, en: gym}}
  role: behaviour
  class: internal
  purpose: assessment
sug:
  wording: {zh: 建议, en: Suggestions}
  kind: text
  role: text
  class: personal
  purpose: summary
"""
MEASURES = (
    "resident_satisfaction: {channel: survey, items: [q1], statistic: top2, population: adults}\n"
)
COMMUNITIES = """\
community,name,level,parent
ST,街道,subdistrict,
A-1,甲小区,compound,ST
A-2,乙小区,compound,ST
"""
RESPONSES = """\
respondent,community,wave,started,finished,psu,base_weight,ip,q1,sex,use,sug
1,A-1,w1,2026-04-01 09:00,2026-04-01 09:05,b1,1.5,10.0.0.1,5,female,电梯┋健身,灯坏了
2,A-1,w1,2026-04-01 09:10,2026-04-01 09:15,b2,1.5,10.0.0.2,6,male,电梯,
3,A-1,w2,2026-10-08 09:00,2026-10-08 09:05,b1,2,10.0.0.3,4.0,female,,=1+1
4,A-1,w2,2026-10-08 09:10,2026-10-08 09:15,b2,2,10.0.0.4,3,male,健身,
5,A-2,w1,2026-04-01 09:00,2026-04-01 09:05,b1,1,10.0.0.5,2,female,,
6,A-2,w2,2026-10-08 09:00,2026-10-08 09:05,b2,1,10.0.0.6,-2,male,,
"""
REQUESTS = """\
request,community,kind,received,closed
r1,A-1,complaint,2026-05-01 10:00,2026-05-02 10:00
r2,A-2,need,2026-05-03,
"""


@dataclass
class Folder:
    """A study folder on disk."""

    path: Path

    def write(self, name: str, content: str | bytes) -> Folder:
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        return self

    def edit(self, name: str, old: str, new: str) -> Folder:
        text = (self.path / name).read_text(encoding="utf-8")
        assert old in text, f"{old!r} is not in {name}"
        return self.write(name, text.replace(old, new, 1))

    def load(self) -> Study:
        return Study.load(self.path)

    def build(self) -> Tables:
        return build(self.load())

    def problems(self) -> list[Problem]:
        """Every problem that refuses the folder; none when it is accepted."""
        try:
            read_study(self.path)
        except InputError as error:
            return [problem for problem in error.problems if problem.severity == "error"]
        return []

    def codes(self) -> list[str]:
        return [problem.code for problem in self.problems()]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A sound study of two compounds in two waves."""
    made = Folder(tmp_path / "small")
    for name, text in {
        "study.yaml": SETTINGS,
        "programme.yaml": PROGRAMME,
        "codebook.yaml": CODEBOOK,
        "measures.yaml": MEASURES,
        "data/communities.csv": COMMUNITIES,
        "data/responses.csv": RESPONSES,
        "data/requests.csv": REQUESTS,
        ".secret": "ab" * 32 + "\n",
    }.items():
        made.write(name, text)
    return made
