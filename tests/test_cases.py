"""Published cases: what each may carry, ranges with expected figures apart, and adding to them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from workbench import cases, change
from workbench.bundle import path as bundled
from workbench.cli import main
from workbench.errors import InputError

GOOD = {
    "case_id": "own-obs-01",
    "programme": "civilised",
    "place": "one compound (某小区)",
    "intervention": "new bins",
    "indicator": "resident_satisfaction",
    "indicator_zh": "居民满意度",
    "before": "60",
    "after": "72",
    "unit": "% satisfied",
    "months_between": "6",
    "source_doc": "own",
    "source_section": "p. 3",
    "quote_zh": "满意度从60%提升至72%",
}


@pytest.fixture(scope="module")
def library() -> pd.DataFrame:
    return cases.load()


def test_the_bundled_library_has_139_cases_in_three_kinds(library: pd.DataFrame) -> None:
    assert len(library) == 139
    assert library["kind"].value_counts().to_dict() == {
        "observed": 85,
        "expected": 36,
        "comparison": 18,
    }


def test_no_case_without_numbers_asked_is_more_than_reported(library: pd.DataFrame) -> None:
    told = cases.carried(library)
    assert len(told) == 139
    assert told["finding"].is_unique
    assert set(told["evidence_grade"]) == {"E0", ""}
    assert set(told["verdict"]) == {"cannot_tell"}
    seen = told["status"].ne("not_computed")
    assert seen.sum() == 85
    assert told.loc[~seen, "value"].isna().all()
    assert told.loc[~seen, "evidence_grade"].eq("").all()
    for lang in ("zh", "en"):
        assert told[f"reason_{lang}"].ne("").all()
        for text in told[f"wording_{lang}"].dropna():
            assert change.overclaims(text, "E0") == []


def test_what_42_to_76_percent_may_carry_is_worked_out(library: pd.DataFrame) -> None:
    one = cases.carried(library, indicator="resident_satisfaction").set_index("finding")
    case = one.loc["x.case.rect-obs-03"]
    assert case["value"] == pytest.approx(0.34)
    assert case["wording_zh"] == "资料报告为 42.0% 与 76.0%。"
    # naive: the smallest n with counts that round to 42 and to 76 %
    least = next(
        n
        for n in range(1, 200)
        if all(any(round(100 * x / n) == p for x in range(n + 1)) for p in (42, 76))
    )
    assert f"最小样本为{least}" in case["reason_zh"]


def test_ranges_keep_observed_and_expected_apart(library: pd.DataFrame) -> None:
    told = cases.ranges(library, programme="rectification")
    mine = library[library["programme"].eq("rectification") & library["kind"].ne("comparison")]
    usable = mine["before"].ne(0) | mine["unit"].str.startswith("%")
    assert told["n"].sum() == usable.sum()
    assert not told["finding"].str.contains("comparison").any()
    waste = told[told["indicator"].eq("waste_sorting_accuracy")]
    assert sorted(name.split(".")[-2] for name in waste["finding"]) == ["expected", "observed"]


def test_a_unit_is_placed_among_the_cases(library: pd.DataFrame, tmp_path: Path) -> None:
    own = {"finding": "change.q1.top2", "value": 0.05, "ci_low": -0.02, "ci_high": 0.12,
           "verdict": "cannot_tell", "evidence_grade": "E1", "unit": "pp"}  # fmt: skip
    (tmp_path / "inputs").mkdir()
    (tmp_path / "findings.json").write_text(json.dumps([own]), encoding="utf-8")
    study = {"measures": {"resident_satisfaction": {"channel": "survey", "items": ["q1"]}}}
    (tmp_path / "inputs" / "study.json").write_text(json.dumps(study), encoding="utf-8")
    told = cases.among(library, tmp_path / "findings.json").iloc[0]
    mine = library[
        library["indicator"].eq("resident_satisfaction")
        & library["kind"].eq("observed")
        & library["unit"].str.startswith("%")
    ]
    less = int(((mine["after"] - mine["before"]) < 5).sum())
    assert told["value"] == 0.05
    assert told["reason_en"].startswith(f"{less} of {len(mine)} published cases claim less")
    assert cases.among(library, "").empty


def test_a_case_is_added_to_a_file_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    assert main(["cases", "add", str(file), *(f"{k}={v}" for k, v in GOOD.items())]) == 0
    again = GOOD | {"case_id": "own-prj-02", "n_before": "200", "n_after": "210"}
    assert cases.add(file, again) == 2
    assert main(["cases", "check", str(file)]) == 0
    with file.open(encoding="utf-8", newline="") as source:
        assert [row["case_id"] for row in csv.DictReader(source)] == ["own-obs-01", "own-prj-02"]
    sized = cases.add(file, GOOD | {"case_id": "own-obs-03", "n_before": "200", "n_after": "210"})
    assert sized == 3
    told = cases.carried(cases.load(file)).set_index("finding").loc["x.case.own-obs-03"]
    assert told["ci_low"] < 0.12 < told["ci_high"]


@pytest.mark.parametrize(
    ("wrong", "column"),
    [
        ({"case_id": "no good"}, "case_id"),
        ({"programme": "nowhere"}, "programme"),
        ({"indicator": "Zufriedenheit!"}, "indicator"),
        ({"after": "much"}, "after"),
        ({"after": "172"}, "after"),
        ({"unit": "index_before_100"}, "before"),
        ({"months_between": "0"}, "months_between"),
        ({"n_before": "1.5"}, "n_before"),
        ({"quote_zh": ""}, "quote_zh"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_case_is_refused_with_place_and_remedy(
    wrong: dict[str, str], column: str, tmp_path: Path
) -> None:
    file = tmp_path / "own.csv"
    with pytest.raises(InputError) as caught:
        cases.add(file, GOOD | wrong)
    problem = caught.value.problems[0]
    assert (problem.column, problem.row) == (column, 2)
    assert problem.remedy_zh
    assert problem.remedy_en
    assert not file.exists()


def test_all_problems_come_at_once_and_the_bundled_library_is_not_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "own.csv"
    cases.add(file, GOOD)
    with pytest.raises(InputError) as caught:
        cases.add(file, GOOD | {"after": "x", "unit": ""})
    assert {p.code for p in caught.value.problems} == {
        "cases.after", "cases.unit", "cases.duplicate",
    }  # fmt: skip
    before = bundled("cases").read_bytes()
    with pytest.raises(InputError, match="bundled"):
        cases.add(bundled("cases"), GOOD)
    assert bundled("cases").read_bytes() == before
    arguments: list[Any] = ["cases", "add", str(file)]
    assert main(arguments) == 2
    assert "case_id" in capsys.readouterr().err


def test_relative_claims_and_claims_in_points_are_worded_as_reported(
    library: pd.DataFrame,
) -> None:
    told = cases.carried(library).set_index("finding")
    relative = told.loc["x.case.rect-rel-01"]
    assert (relative["wording_zh"], relative["unit"]) == ("资料报告为 +45.0%。", "change_rel")
    points = told.loc["x.case.rect-trd-03"]
    assert points["wording_zh"] == "资料报告为 −18.0个百分点。"
    assert points["value"] == pytest.approx(-0.18)
