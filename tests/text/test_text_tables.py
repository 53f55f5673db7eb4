"""Counts of what was said, beside counts made by hand; small cells are withheld."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench.errors import InputError
from workbench.survey import binomial_interval
from workbench.text import by_area, by_hour, demand_grid, needs_by_group, peak_hours, topic_table

SAID = pd.DataFrame(
    {
        "topic": ["parking;noise"] * 12 + ["parking"] * 8 + ["noise"] * 2 + [None] * 5 + ["pets"] * 3,
        "sentiment": ["negative"] * 20 + ["positive"] * 2 + ["neutral"] * 8,
        "topic_sentiment": ["parking:negative;noise:positive"] * 12 + ["parking:negative"] * 8
        + ["noise:positive"] * 2 + [None] * 5 + ["pets:neutral"] * 3,
    }
)  # fmt: skip


def test_topics_are_counted_of_the_texts_with_a_word_and_small_ones_withheld() -> None:
    silent = pd.DataFrame({"topic": [None], "sentiment": [None], "topic_sentiment": [None]})
    told = topic_table(pd.concat([SAID, silent], ignore_index=True))
    rows = told.set_index(["item", "statistic"])
    parking = rows.loc[("parking", "share")]
    assert (parking["numerator"], parking["n"]) == (20, 30)
    assert (parking["ci_low"], parking["ci_high"]) == pytest.approx(binomial_interval(20, 30))
    assert rows.loc[("noise", "positive"), "value"] == 1  # towards the topic, not of the whole text
    assert rows.loc[("pets", "share"), "status"] == "suppressed"
    assert np.isnan(rows.loc[("pets", "share"), "value"])
    assert ("pets", "negative") not in rows.index
    assert rows.loc[("none", "share"), "status"] == "suppressed"
    assert told["item"].tolist()[0] == "parking"


def test_hours_and_weekdays_add_up_and_the_busiest_is_found() -> None:
    when = pd.to_datetime(
        ["2026-10-12 18:30"] * 7
        + ["2026-10-13 19:59"] * 5
        + ["2026-10-14 03:00", "2026-10-17 10:00"]
    ).tz_localize("Asia/Shanghai")
    frame = pd.DataFrame({"received": when})
    hours = by_hour(frame)
    assert len(hours) == 168
    assert hours["value"].sum() == 14
    assert hours.set_index(["weekday", "hour"]).loc[(0, 18), "value"] == 7
    peak = peak_hours(frame).set_index("item").loc["working_days"]
    assert (peak["hour"], peak["numerator"], peak["denominator"]) == (18, 12, 13)
    assert "18:00–20:00" in peak["label_zh"]


def test_rates_of_areas_have_exact_poisson_limits() -> None:
    frame = pd.DataFrame({"area": ["N"] * 30 + ["S"] * 12 + ["E"] * 3 + [None] * 11})
    told = by_area(frame, area="area", households={"N": 1000, "S": 500}, years=0.5)
    rows = told.set_index(["item", "statistic"])
    north = rows.loc[("N", "rate")]
    assert north["value"] == pytest.approx(6.0)
    # chi2.ppf(.025, 60)/2 and chi2.ppf(.975, 62)/2 over 500 household-years, per hundred
    assert (north["ci_low"], north["ci_high"]) == pytest.approx((4.04817, 8.56537), abs=1e-4)
    assert rows.loc[("S", "share"), "n"] == 12


def test_no_figure_is_left_of_a_small_area_nor_of_one_that_gives_it_away() -> None:
    frame = pd.DataFrame({"area": ["N"] * 30 + ["S"] * 12 + ["E"] * 3 + [None] * 11})
    houses = {"N": 1000, "S": 500, "E": 80}
    told = by_area(frame, area="area", households=houses).set_index(["item", "statistic"])
    hidden = told[told["status"].eq("suppressed")]
    assert set(hidden.index) == {("E", "share"), ("E", "rate"), ("(unknown)", "share")}
    assert hidden[["value", "ci_low", "ci_high", "n", "numerator"]].isna().all(axis=None)
    shown = told.drop(hidden.index)["n"].groupby("item").first()
    assert len(frame) - shown.sum() == 3 + 11  # of both together, of neither alone


def test_needs_by_group_withhold_small_cells_and_those_they_follow_from() -> None:
    frame = pd.DataFrame(
        {"topic": ["elderly"] * 40 + ["parking"] * 63, "age": ["60+"] * 25 + ["18-34"] * 15
         + ["60+"] * 3 + ["18-34"] * 30 + ["35-59"] * 30}
    )  # fmt: skip
    told = needs_by_group(frame, group="age").set_index(["item", "category"])
    assert told.loc[("elderly", "60+"), "value"] == pytest.approx(25 / 28)
    assert told.loc[("parking", "60+"), "status"] == "suppressed"
    assert told.loc["parking"]["status"].eq("suppressed").sum() == 2


def test_of_a_group_with_few_texts_no_cell_is_shown_not_even_that_none_spoke_of_it() -> None:
    frame = pd.DataFrame(
        {"topic": ["elderly"] * 45 + ["parking"] * 4, "age": ["60+"] * 25 + ["18-34"] * 20
         + ["35-59"] * 4}
    )  # fmt: skip
    told = needs_by_group(frame, group="age").set_index(["item", "category"])
    none = told.loc[("elderly", "35-59")]
    assert none["status"] == "suppressed"
    assert none[["value", "n", "numerator", "denominator"]].isna().all()
    assert told.loc[("elderly", "18-34"), "flags"] == "disclosure_complementary"
    assert told.loc[("elderly", "60+"), "value"] == 1


def test_an_area_withheld_for_another_says_so() -> None:
    told = by_area(pd.DataFrame({"a": ["N"] * 30 + ["S"] * 12 + ["E"] * 3}), area="a")
    why = told.set_index("item")["flags"]
    assert why[["S", "E"]].tolist() == ["disclosure_complementary", "disclosure"]
    assert (
        told.set_index("item").loc["S", "reason_en"] != told.set_index("item").loc["E", "reason_en"]
    )


def test_a_grid_counts_squares_and_hides_the_lonely_one() -> None:
    rng = np.random.default_rng(3)
    near = pd.DataFrame({"lat": 31.2 + rng.random(50) * 1e-4, "lon": 121.4 + rng.random(50) * 1e-4})
    far = pd.DataFrame({"lat": [31.21], "lon": [121.41]})
    nowhere = pd.DataFrame({"lat": [0.0, np.nan], "lon": [0.0, 121.4]})
    grid = demand_grid(pd.concat([near, far, nowhere]), unlocated=[(0, 0)])
    assert grid.attrs["left_out"] == 2
    assert grid["value"].sum() == 50
    assert grid.loc[grid["row"].eq(0) & grid["column"].gt(0), "status"].tolist() == ["suppressed"]
    assert demand_grid(nowhere, unlocated=[(0, 0)]).empty


def test_no_texts_give_empty_tables_and_no_error() -> None:
    nothing = SAID.iloc[:0]
    assert topic_table(nothing).empty
    assert needs_by_group(nothing.assign(g="x"), group="g").empty
    assert by_area(pd.DataFrame({"a": []}), area="a").empty
    assert by_hour(pd.DataFrame({"received": pd.to_datetime([])}))["value"].sum() == 0


def test_a_column_of_no_times_is_told() -> None:
    with pytest.raises(InputError, match="received"):
        by_hour(pd.DataFrame({"received": ["yesterday"]}))
