"""Key phrases and forecasts, recomputed by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench.errors import InputError
from workbench.text import forecast, key_phrases


def test_the_log_odds_are_those_of_the_formula() -> None:
    data = pd.DataFrame(
        {
            "unit": ["A"] * 30 + ["B"] * 50,
            "text": ["电梯坏了"] * 20 + ["停车难"] * 10 + ["电梯坏了"] * 5 + ["停车难"] * 45,
        }
    )
    told = key_phrases(data, group="unit", prior=0.01)
    lift = told.set_index(["category", "item"]).loc[("A", "电梯")]
    y, n, r, m, a, b = 20, 30, 5, 50, 0.25, 0.8
    value = np.log((y + a) / (n - y + b - a)) - np.log((r + a) / (m - r + b - a))
    assert lift["value"] == pytest.approx(value)
    assert lift["std_error"] == pytest.approx(np.sqrt(1 / (y + a) + 1 / (r + a)))
    assert (lift["n"], lift["rest"], lift["denominator"]) == (20, 5, 30)
    assert told[told["category"].eq("B")]["item"].tolist()[0].startswith("停车")
    assert told["p_adjusted"].ge(told["p_value"]).all()


def test_small_phrases_and_names_are_not_shown() -> None:
    data = pd.DataFrame(
        {"g": ["A"] * 12 + ["B"] * 12, "text": ["王建国先生的电梯"] * 12 + ["停车难"] * 12}
    )
    told = key_phrases(data, group="g")
    assert told.loc[told["category"].eq("A"), "item"].tolist() == ["电梯"]
    assert key_phrases(data, group="g", min_cell=13).empty
    assert key_phrases(data.iloc[:12], group="g").empty


def test_words_read_before_need_no_text() -> None:
    data = pd.DataFrame(
        {"w": ["now"] * 15 + ["then"] * 20, "terms": ["电梯;故障"] * 15 + ["停车"] * 20}
    )
    told = key_phrases(data, group="w", terms="terms")
    assert set(told.loc[told["category"].eq("now"), "item"]) == {"电梯", "故障"}


def test_a_phrase_in_every_text_tells_nothing_and_stops_nothing() -> None:
    terms = ["lift;parking"] * 12 + ["lift"] * 8 + ["lift"] * 20
    data = pd.DataFrame({"g": ["a"] * 20 + ["b"] * 20, "terms": terms})
    told = key_phrases(data, group="g", terms="terms")
    assert told[["category", "item"]].values.tolist() == [["a", "parking"]]
    assert np.isfinite(told["value"]).all()


def months(values, start="2022-01"):
    period = pd.period_range(start, periods=len(values), freq="M").astype(str)
    return pd.DataFrame({"period": period, "value": values})


def test_a_season_without_noise_is_forecast_without_error() -> None:
    season = np.tile([10.0, 12, 9, 15, 20, 18, 25, 24, 13, 11, 10, 8], 4)
    told = forecast(months(season), ahead=3)
    assert told.loc[:2, "value"].tolist() == [10, 12, 9]
    assert told.set_index("statistic").loc["backtest_mae", "value"] == pytest.approx(0)
    assert told["flags"].eq("exploratory").all()


def test_the_interval_is_made_of_past_errors_and_covers_what_it_says() -> None:
    rng = np.random.default_rng(11)
    hit = n = 0
    for _ in range(150):
        x = rng.poisson(40, 31).astype(float)
        one = forecast(months(x[:30]), ahead=1).iloc[0]
        hit += one["ci_low"] <= x[30] <= one["ci_high"]
        n += 1
    assert 0.72 <= hit / n <= 0.90
    errors = np.sort([x[i] - x[i - 3 : i].mean() for i in range(3, 30)])
    k = int(28 * 0.1)
    assert one["ci_low"] == pytest.approx(one["value"] + errors[k - 1])
    assert one["ci_high"] == pytest.approx(one["value"] + errors[-k])


def test_an_interval_of_few_errors_claims_no_more_than_they_can_give() -> None:
    told = forecast(months(list(range(11))), ahead=1, level=0.95).iloc[0]  # eight errors
    assert (told["n"], told["status"]) == (8, "ok")
    assert told["level"] == pytest.approx(7 / 9)  # of the extremes of eight: (n - 1)/(n + 1)
    assert forecast(months([5.0] * 60), ahead=1, level=0.95).loc[0, "level"] == 0.95


def test_short_and_broken_series_say_so() -> None:
    told = forecast(months([3.0] * 9), ahead=2)
    assert told.loc[0, "status"] == "not_computed"
    assert "6" in told.loc[0, "reason_en"]
    with pytest.raises(InputError, match="2022-03"):
        forecast(months([1.0] * 20).drop(index=2))
    with pytest.raises(InputError):
        forecast(months([1.0, np.nan] * 10))
