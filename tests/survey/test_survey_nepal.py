"""A real survey: six rounds in fourteen districts of Nepal, with census margins."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from workbench import survey

pytestmark = pytest.mark.shared


@pytest.fixture(scope="module")
def rounds(shared: Path) -> pd.DataFrame:
    folder = shared / "data" / "real" / "nepal-community-perception"
    data = pd.read_csv(folder / "all_rounds_merged.csv")
    codes = pd.to_numeric(data["B0JS"].str.extract(r"^(\d)")[0])
    return data.assign(
        B0=codes.where(codes <= 5),
        sex=data["Gender"].where(data["Gender"].isin(["Female", "Male"])),
    )


@pytest.fixture(scope="module")
def census(shared: Path) -> pd.DataFrame:
    folder = shared / "data" / "real" / "nepal-community-perception"
    counts = pd.read_csv(folder / "population_2011_district_sex.csv")
    long = counts.melt("DISTRICT", ["MALE_POPULATION", "FEMALE_POPULATION"], value_name="count")
    sex = long["variable"].map({"MALE_POPULATION": "Male", "FEMALE_POPULATION": "Female"})
    return pd.DataFrame(
        {
            "variable": "District:sex",
            "category": long["DISTRICT"] + ":" + sex,
            "count": long["count"],
        }
    )


def test_unweighted_means_of_the_six_rounds(rounds: pd.DataFrame) -> None:
    frame = survey.mean(survey.Design(rounds), "B0", by="Round", scale=(1, 5))
    assert frame["value"].round(4).tolist() == [2.3285, 2.3757, 2.4481, 2.4904, 2.5674, 2.7944]


@pytest.mark.parametrize(("wave", "expected"), [(2, 2.1318), (6, 2.8078)])
def test_means_post_stratified_by_district_and_sex(
    rounds: pd.DataFrame, census: pd.DataFrame, wave: int, expected: float
) -> None:
    d = survey.Design(rounds[rounds["Round"] == wave], strata="District")
    weighted = survey.poststratify(d, census, unknown="exclude")
    row = survey.mean(weighted, "B0").iloc[0]
    assert round(row["value"], 4) == expected
    assert weighted.weights.sum() == pytest.approx(census["count"].sum())
    assert row["ci_low"] < row["value"] < row["ci_high"]


def test_round_without_a_district_is_told_which_margin_has_nobody(
    rounds: pd.DataFrame, census: pd.DataFrame
) -> None:
    from workbench.errors import InputError

    d = survey.Design(rounds[rounds["Round"] == 1], strata="District")
    with pytest.raises(InputError, match="Okhaldhunga") as caught:
        survey.poststratify(d, census, unknown="exclude")
    assert {p.code for p in caught.value.problems} == {"survey.margin-without-respondents"}
