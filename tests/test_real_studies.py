"""The two real studies: published and recomputed figures from the raw files and through intake.

The figures are reference values of the data beside the project; the data themselves stay there.
"""

from __future__ import annotations

import functools
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from workbench import change, scoring, survey
from workbench.intake import build, check
from workbench.intake.duplicates import settle
from workbench.intake.frames import Log, Problems, Tables
from workbench.study import Study
from workbench.study.settings import Duplicates

pytestmark = pytest.mark.shared

STUDIES = Path(__file__).parent / "studies"
B0 = [2.3285, 2.3757, 2.4481, 2.4904, 2.5674, 2.7944]
ANSWERED = [1236, 1344, 1359, 1360, 1373, 1381]
TAKEN = "2016-01-12T22:22:40-05:00"  # the latest closing time in the file


@pytest.fixture(scope="module")
def perception(shared: Path) -> Path:
    return shared / "data/real/nepal-community-perception"


@pytest.fixture(scope="module")
def merged(perception: Path) -> pd.DataFrame:
    """All rounds, B0 as a number on the scale; 6 and 7 are no answers."""
    frame = pd.read_csv(perception / "all_rounds_merged.csv", dtype=str, keep_default_na=False)
    code = frame["B0JS"].str.extract(r"^\s*([1-7])")[0].astype(int)
    return frame.assign(round=frame["Round"].astype(int), b0=code.where(code <= 5))


@pytest.fixture(scope="module")
def requests(shared: Path) -> pd.DataFrame:
    """Every request with its times, naive local."""
    raw = shared / "data/real/boston-311-2015/boston_311_2015.csv.gz"
    frame = pd.read_csv(raw, dtype=str, keep_default_na=False, na_values=[""])
    for column in ("OPEN_DT", "CLOSED_DT"):
        frame[column] = pd.to_datetime(frame[column], format="%m/%d/%Y %I:%M:%S %p")
    days = (frame["CLOSED_DT"] - frame["OPEN_DT"]).dt.total_seconds() / 86400
    return frame.assign(days=days)


@functools.cache
def study(name: str) -> Study:
    return Study.load(STUDIES / name)


@functools.cache
def tables(name: str) -> Tables:
    return build(study(name))


def kept(name: str, code: str) -> int:
    return sum(entry.n for entry in tables(name).log if entry.code == code)


def test_there_are_these_two_real_studies_only() -> None:
    assert sorted(p.name for p in STUDIES.iterdir()) == ["boston", "nepal"]


@pytest.mark.parametrize("name", ["nepal", "boston"])
def test_a_real_study_is_accepted(name: str, shared: Path) -> None:
    report = check(STUDIES / name)
    assert report.ok, report.text("en")


# the perception survey


def test_round_means_of_the_raw_file_are_the_reference_figures(merged: pd.DataFrame) -> None:
    by = merged.groupby("round")["b0"]
    assert by.mean().round(4).tolist() == B0
    assert by.count().tolist() == ANSWERED


def test_poststratified_means_of_the_raw_file_are_the_reference_figures(
    merged: pd.DataFrame, perception: Path
) -> None:
    people = pd.read_csv(perception / "population_2011_district_sex.csv").set_index("DISTRICT")
    counts = {"Female": people["FEMALE_POPULATION"], "Male": people["MALE_POPULATION"]}
    for wave, expected in {2: 2.1318, 6: 2.8078}.items():
        rows = merged[(merged["round"] == wave) & merged["Gender"].isin(list(counts))]
        size = rows.groupby(["District", "Gender"])["b0"].transform("size")
        population = [counts[s][d] for d, s in zip(rows["District"], rows["Gender"], strict=True)]
        weight = np.array(population) / size
        valid = rows["b0"].notna()
        assert round(float(np.average(rows["b0"][valid], weights=weight[valid])), 4) == expected


def test_intake_keeps_every_row_of_the_perception_survey(
    shared: Path, merged: pd.DataFrame
) -> None:
    frame = tables("nepal").frames["responses"]
    assert len(frame) == len(merged) == 8302
    by = pd.to_numeric(frame["b0"]).groupby(frame["wave"])
    assert by.mean().round(4).tolist() == B0
    assert by.count().tolist() == ANSWERED
    reasons = frame["b0__missing"].value_counts()
    assert reasons.to_dict() == {"refused": 134, "dont_know": 115}


def test_psus_come_from_the_round_files_by_row(shared: Path, perception: Path) -> None:
    raw = (perception / "rounds/round3.csv").read_bytes().decode("latin-1").replace("\r", "\n")
    third = pd.read_csv(io.StringIO(raw), dtype=str, keep_default_na=False)
    frame = tables("nepal").frames["responses"]
    frame = frame[frame["wave"] == "r3"].sort_values("_row")
    assert frame["community"].str.casefold().tolist() == third["District"].str.casefold().tolist()
    assert frame["psu"].tolist() == third["VDC_Municipality"].str.strip().tolist()


def test_one_locality_has_one_spelling_in_both_waves_compared(shared: Path) -> None:
    frame = tables("nepal").frames["responses"]
    frame = frame[frame["wave"].isin(["r2", "r6"])]
    for _, rows in frame.groupby("community"):
        first = set(rows.loc[rows["wave"] == "r2", "psu"])
        last = set(rows.loc[rows["wave"] == "r6", "psu"])
        assert len(first & last) >= 8 or len(first | last) <= 9
        folded = [p.casefold() for p in first | last]
        assert len(set(folded)) == len(folded)


def test_margins_are_the_census_counts_of_each_district(shared: Path, perception: Path) -> None:
    people = pd.read_csv(perception / "population_2011_district_sex.csv")
    people["DISTRICT"] = people["DISTRICT"].str.upper()
    margins = tables("nepal").frames["margins"]
    wide = margins.pivot(index="area", columns="category", values="count")
    wide = wide.loc[people["DISTRICT"]].astype(int)
    assert wide["female"].tolist() == people["FEMALE_POPULATION"].tolist()
    assert wide["male"].tolist() == people["MALE_POPULATION"].tolist()


def test_the_communities_carry_the_census_figures(shared: Path, perception: Path) -> None:
    own = pd.read_csv(STUDIES / "nepal/communities.csv").set_index("community")
    people = pd.read_csv(perception / "population_2011_district_sex.csv")
    people = people.set_index(people["DISTRICT"].str.upper()).loc[own.index]
    assert (own["residents"] == people["TOTAL_POPULATION"]).all()
    assert (own["households"] == people["HOUSEHOLD"]).all()


def test_the_estimator_gives_the_poststratified_figures(shared: Path) -> None:
    frame = tables("nepal").frames["responses"]
    frame = frame[frame["sex"].notna() & frame["wave"].isin(["r2", "r6"])].reset_index(drop=True)
    frame = frame.assign(b0=pd.to_numeric(frame["b0"]), psu=frame["community"] + frame["psu"])
    margins = tables("nepal").frames["margins"]
    crossed = pd.DataFrame(
        {
            "variable": "community:sex",
            "category": margins["area"] + ":" + margins["category"],
            "count": margins["count"].astype(float),
        }
    )
    for wave, expected in {"r2": 2.1318, "r6": 2.8078}.items():
        rows = frame[frame["wave"] == wave].reset_index(drop=True)
        design = survey.Design(rows, strata="community", psu="psu")
        weighted = survey.poststratify(design, crossed)
        made = survey.mean(weighted, ["b0"])
        assert round(float(made["value"].iloc[0]), 4) == expected


# the service requests


def test_counts_of_the_raw_file_are_the_reference_figures(requests: pd.DataFrame) -> None:
    assert len(requests) == 121_145
    assert requests["CASE_ENQUIRY_ID"].is_unique
    assert requests["CLOSED_DT"].notna().sum() == 101_272
    assert requests["CLOSED_DT"].isna().sum() == 19_873
    assert (requests["days"] < 0).sum() == 197
    assert requests["neighborhood"].isna().sum() == 10_955
    assert requests["CLOSED_DT"].max() == pd.Timestamp("2016-01-12 22:22:40")


def test_raw_medians_are_the_reference_figures(requests: pd.DataFrame) -> None:
    assert round(requests["days"].median(), 4) == 2.7985
    assert round(requests.loc[requests["days"] >= 0, "days"].median(), 4) == 2.8111


def product_limit_median(duration: np.ndarray, closed: np.ndarray) -> float:
    """First time at which the product-limit estimate is one half or less, written out."""
    times = np.unique(duration[closed])
    at_risk = duration.size - np.searchsorted(np.sort(duration), times, side="left")
    ends = np.searchsorted(np.sort(duration[closed]), times, side="right")
    gone = np.diff(ends, prepend=0)
    return float(times[np.cumprod(1 - gone / at_risk) <= 0.5][0])


def test_the_censored_median_of_the_raw_file_is_the_reference_figure(
    requests: pd.DataFrame,
) -> None:
    rows = requests[~(requests["days"] < 0)]
    last = rows["CLOSED_DT"].max()
    open_for = (last - rows["OPEN_DT"]).dt.total_seconds() / 86400
    closed = rows["CLOSED_DT"].notna().to_numpy()
    duration = rows["days"].fillna(open_for).to_numpy()
    assert round(product_limit_median(duration, closed), 3) == 5.092


def test_the_estimator_gives_the_censored_median(requests: pd.DataFrame) -> None:
    times = pd.DataFrame(
        {
            "received": requests["OPEN_DT"].dt.tz_localize("Etc/GMT+5"),
            "closed": requests["CLOSED_DT"].dt.tz_localize("Etc/GMT+5"),
        }
    )
    found = change.kaplan_meier(times, start="received", end="closed", censored_at=TAKEN)
    made = found.set_index("statistic")["value"]
    assert round(float(made["median"]), 3) == 5.092
    assert made["cases"] == 121_145 - 197
    assert made["open"] == 19_873
    assert made["set_aside"] == 197


def test_intake_counts_what_corresponds_to_no_neighbourhood(
    shared: Path, requests: pd.DataFrame
) -> None:
    frame = tables("boston").frames["requests"]
    lost = requests["neighborhood"].isin(["Boston", "Chestnut Hill"]).sum() + 10_955
    assert kept("boston", "intake.unit-dropped") == lost == 13_519
    assert len(frame) == 121_145 - lost
    closed = pd.to_datetime(frame["closed"], utc=True)
    received = pd.to_datetime(frame["received"], utc=True)
    inside = ~requests["neighborhood"].isin(["Boston", "Chestnut Hill"])
    inside &= requests["neighborhood"].notna()
    assert closed.notna().sum() == requests.loc[inside, "CLOSED_DT"].notna().sum()
    assert (closed < received).sum() == (requests.loc[inside, "days"] < 0).sum()


def test_every_reason_of_the_source_has_a_kind(requests: pd.DataFrame) -> None:
    settings = yaml.safe_load((STUDIES / "boston/study.yaml").read_text(encoding="utf-8"))
    kinds = settings["sources"]["requests"][0]["values"]["kind"]
    assert set(kinds) == set(requests["REASON"])
    assert set(kinds.values()) == {"complaint", "need", "order", "suggestion"}


# which census neighbourhoods each unit of the requests holds (SOURCE.md, Names)
CENSUS = {
    "ALLSTON-BRIGHTON": ["Allston", "Brighton"],
    "CENTRAL": ["Downtown", "Beacon Hill", "Chinatown", "North End", "West End"],
    "FENWAY-LONGWOOD": ["Fenway", "Longwood"],
    "SOUTH-BOSTON": ["South Boston", "South Boston Waterfront"],
}


def test_households_of_the_neighbourhoods_are_those_of_the_census(shared: Path) -> None:
    census = pd.read_csv(shared / "data/real/boston-311-2015/neighborhood_households_tenure.csv")
    census = census[census["YEAR"] == 2010].set_index("NAME")
    count = census["owner"] + census["renter"]
    own = pd.read_csv(STUDIES / "boston/communities.csv").set_index("community")
    used: list[str] = []
    for unit, row in own.iterrows():
        names = CENSUS.get(str(unit), [str(row["name_en"])])
        used += names
        assert row["households"] == count[names].sum(), unit
    assert sorted(used) == sorted(set(count.index) - {"Harbor Islands"})


def test_every_neighbourhood_name_is_mapped_or_left_out_on_purpose(
    requests: pd.DataFrame,
) -> None:
    settings = yaml.safe_load((STUDIES / "boston/study.yaml").read_text(encoding="utf-8"))
    named = settings["sources"]["requests"][0]["community"]["values"]
    found = set(requests["neighborhood"].dropna())
    assert found - set(named) == {"Boston", "Chestnut Hill"}
    assert set(named) <= found
    own = pd.read_csv(STUDIES / "boston/communities.csv")["community"]
    assert set(named.values()) == set(own)


def test_every_name_of_a_neighbourhood_is_in_the_report_with_how_it_was_matched(
    requests: pd.DataFrame,
) -> None:
    told = tables("boston").names
    assert told is not None
    mine = told[told["table"].eq("requests")].set_index("name")
    assert mine["rows"].sum() == len(requests)
    counts = requests["neighborhood"].value_counts()
    assert (mine.loc[counts.index, "rows"] == counts).all()
    assert mine["how"].value_counts().to_dict() == {"alias": 21, "unmatched": 2, "blank": 1}
    assert set(mine.index[mine["how"].eq("unmatched")]) == {"Boston", "Chestnut Hill"}


def test_the_share_in_time_is_that_counted_one_by_one(requests: pd.DataFrame) -> None:
    """Roxbury, second half of 2015: due by the day of the extract, closed by then; nothing else."""
    drawn = pd.Timestamp(TAKEN).tz_localize(None)
    kept = due = met = 0
    for _, one in requests[requests["neighborhood"].eq("Roxbury")].iterrows():
        if not pd.Timestamp("2015-07-01") <= one["OPEN_DT"] < pd.Timestamp("2016-01-01"):
            continue
        kept += 1
        if pd.notna(one["CLOSED_DT"]) and one["CLOSED_DT"] < one["OPEN_DT"]:
            continue
        if not isinstance(one["TARGET_DT"], str):
            continue
        target = pd.to_datetime(one["TARGET_DT"], format="%m/%d/%Y %I:%M:%S %p")
        if target <= drawn:
            due += 1
            met += pd.notna(one["CLOSED_DT"]) and one["CLOSED_DT"] <= target
    frame = tables("boston").frames["requests"]
    frame = frame[frame["community"].eq("ROXBURY")].reset_index(drop=True)
    for name in ("received", "closed", "due", "answered"):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    inside = frame["received"].ge(pd.Timestamp("2015-07-01", tz="America/New_York"))
    inside &= frame["received"].lt(pd.Timestamp("2016-01-01", tz="America/New_York"))
    frame = frame[inside].assign(set_aside=frame["closed"] < frame["received"])
    found = scoring.handling_rates(frame, drawn=pd.Timestamp(TAKEN)).set_index("statistic")
    row = found.loc["answered_in_time"]
    assert (row["numerator"], row["denominator"]) == (met, due)
    assert row["denominator"] + row[["not_due", "no_due", "set_aside"]].sum() == kept
    assert found.loc["resolved", "status"] == "not_computed"  # no outcome in the file
    assert found.loc["satisfied", "status"] == "not_computed"  # nobody was called back


def test_a_rule_for_duplicates_matches_what_a_loop_does(shared: Path) -> None:
    """The same type of request in one neighbourhood within an hour of the first."""
    frame = tables("boston").frames["requests"]
    frame = frame[frame["community"].eq("HYDE-PARK")].reset_index(drop=True)
    own = study("boston")
    rule = Duplicates.model_validate({"requests": {"by": "category", "days": 1 / 24}})
    settings = own.settings.model_copy(update={"duplicates": rule})
    log = Log()
    told = settle(frames := {"requests": frame}, replace(own, settings=settings), log, Problems())
    times = pd.to_datetime(frame["received"], utc=True)
    first: dict[str, tuple[pd.Timestamp, str]] = {}
    wanted: dict[str, str] = {}
    for at, name, kind in sorted(zip(times, frame["request"], frame["category"], strict=True)):
        if kind in first and at - first[kind][0] <= pd.Timedelta(hours=1):
            wanted[name] = first[kind][1]
        else:
            first[kind] = (at, name)
    found = frames["requests"].set_index("request")["duplicate_of"].dropna().to_dict()
    assert found == wanted
    assert len(told) == len(wanted) == sum(entry.n for entry in log.entries) > 100
