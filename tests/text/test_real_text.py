"""Real records: the requests of Boston in 2015 by hour, weekday, area and square."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from workbench.text import by_area, by_hour, demand_grid, forecast, peak_hours

FILE = (
    Path(__file__).resolve().parents[3] / "shared/data/real/boston-311-2015/boston_311_2015.csv.gz"
)


@pytest.mark.shared
@pytest.mark.skipif(not FILE.is_file(), reason="../shared is not there")
def test_a_year_of_requests_by_hour_area_square_and_month() -> None:
    data = pd.read_csv(FILE, usecols=["OPEN_DT", "neighborhood", "LATITUDE", "LONGITUDE"])
    data["received"] = pd.to_datetime(data["OPEN_DT"], format="%m/%d/%Y %I:%M:%S %p")
    hours = by_hour(data)
    assert hours["value"].sum() == len(data) == 121_145
    day, hour = data["received"].dt.day_of_week, data["received"].dt.hour
    assert (
        hours.set_index(["weekday", "hour"]).loc[(1, 9), "value"] == (day.eq(1) & hour.eq(9)).sum()
    )
    peak = peak_hours(data).set_index("item")
    assert peak.loc["working_days", "numerator"] == (day.lt(5) & hour.isin([9, 10])).sum()
    areas = by_area(data, area="neighborhood")
    assert areas["numerator"].sum() == len(data)
    assert len(areas) == 24  # 23 neighbourhoods, and those without one
    default = [(42.359, -71.059)]
    grid = demand_grid(data, lat="LATITUDE", lon="LONGITUDE", metres=500, unlocated=default)
    hidden = len(data) - grid.attrs["left_out"] - grid["value"].sum()
    assert 0 < hidden < 10 * grid["status"].eq("suppressed").sum()
    months = data.groupby(data["received"].dt.strftime("%Y-%m")).size()
    told = forecast(months.rename_axis("period").rename("value").reset_index(), ahead=1)
    assert told.loc[0, "n"] == 9
    assert told["flags"].eq("exploratory;worse_than_naive").all()  # one year shows no season
