"""Money by the rules: sums of stated sources, need by size, reward, welfare, the government's part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from workbench import assess, protocol, scoring
from workbench.community import Community


def _unit(
    programme: str,
    *lines: tuple[str, str, float],
    households: float = 5000,
    parameters: dict[str, Any] | None = None,
) -> Community:
    settings = {
        "community": "U",
        "wave": "b",
        "baseline": None,
        "issued": "2026-12-20",
        "timezone": "Asia/Shanghai",
        "waves": [{"id": "b", "records": ["2026-05", "2026-10"]}],
        "decisions": {"level": 0.95},
        "measures": {},
    }
    home = pd.DataFrame({"community": ["U"], "parent": [None], "households": [households]})
    tables = {"communities": home}
    if lines:
        frame = pd.DataFrame(lines, columns=["field", "source", "planned"])
        tables["funds"] = frame.assign(community="U", line=[f"l{i}" for i in range(len(lines))],
                                       period="2026", nature=None, spent=0.0)  # fmt: skip
    told = protocol.load(programme, parameters=parameters)
    return Community(Path(), settings, tables, told)


def _told(c: Community) -> Any:
    return assess.funds(c).set_index("finding")


def test_each_set_of_stated_sources_is_added_up_on_its_own() -> None:
    """30 + 40 + 10 leaves 20 open; 30 + 40 + 30 is whole (7.1, X-02)."""
    found = _told(_unit("rectification", ("environment", "local", 100.0)))
    open_, whole = (found.loc[f"funds.stated.{n}"]
                    for n in ("fund_sources", "renovation_fund_sources"))  # fmt: skip
    assert (open_["value"], open_["verdict"]) == (0.8, "failed")
    assert "20 % not stated" in open_["reason_en"]
    assert (whole["value"], whole["verdict"]) == (1.0, "passed")
    civil = _told(_unit("civilised", ("environment", "local", 100.0)))
    assert civil.loc["funds.stated.fund_sources", "verdict"] == "passed"
    assert civil.loc["funds.stated.device_fund_sources", "verdict"] == "passed"


@pytest.mark.parametrize(
    ("households", "size", "low", "high"),
    [
        (2999, "small", 15e4, 20e4),
        (3000, "medium", 30e4, 50e4),
        (7999, "medium", 30e4, 50e4),
        (8000, "large", 50e4, 80e4),  # the upper limit is exclusive
    ],
)
def test_the_need_follows_the_size(households: float, size: str, low: float, high: float) -> None:
    row = _told(_unit("participation", households=households)).loc["funds.need"]
    assert size in row["label_en"]
    assert row["display_en"] == f"{low:,.0f} to {high:,.0f} yuan"


def test_what_the_plan_covers_of_the_need_and_a_locality_s_own_bands() -> None:
    c = _unit("participation", ("culture", "residents", 240_000.0))
    row = _told(c).loc["funds.need"]
    assert row["value"] == pytest.approx(0.48)  # of 500,000
    assert row["display_en"].endswith("the plan covers 48% to 80% of it")
    own = _unit("participation", parameters={"need_bands": [[1, 2], [3, 4], [5, 6]]})
    assert _told(own).loc["funds.need", "display_en"] == "30,000 to 40,000 yuan"


@pytest.mark.parametrize(("paid", "verdict"), [(60.0, "met"), (59.9, "not_met")])
def test_the_government_gives_at_least_sixty(paid: float, verdict: str) -> None:
    c = _unit("participation", ("culture", "local", paid - 10), ("culture", "centre", 10.0),
              ("culture", "society", 100 - paid))  # fmt: skip
    row = _told(c).loc["funds.source.government"]
    assert (row["verdict"], row["target"]) == (verdict, 0.6)


def test_a_reward_needs_its_base() -> None:
    line = ("environment", "local", 100.0)
    assert "funds.reward" not in _told(_unit("rectification", line)).index
    given = _unit("rectification", line, parameters={"award_base": "2000000"})
    shown = _told(given).loc["funds.reward", "display_en"]
    assert shown == "200,000 to 400,000 yuan (base 2,000,000)"
    worded = _unit("rectification", line, parameters={"award_base": "本年计划"})
    assert _told(worded).loc["funds.reward", "display_zh"] == "本年计划的10%—20%"


@pytest.mark.parametrize(
    ("programme", "source", "field", "given", "verdict"),
    [
        ("civilised", "public_revenue", "welfare", 30.0, "met"),
        ("civilised", "public_revenue", "welfare", 29.0, "not_met"),
        ("participation", "collective_profit", "participation", 5.0, "met"),
        ("participation", "collective_profit", "participation", 10.0, "met"),
        ("participation", "collective_profit", "participation", 10.5, "not_met"),
    ],
)
def test_revenue_for_welfare(
    programme: str, source: str, field: str, given: float, verdict: str
) -> None:
    c = _unit(programme, (field, source, given), ("other", source, 100 - given))
    assert _told(c).loc["funds.welfare", "verdict"] == verdict


@pytest.mark.parametrize(
    ("before", "now", "mode", "share"),
    [
        (0.90, 0.80, "step", 0.8),  # printed
        (0.90, 0.40, "step", 0.0),  # printed: a drop of 50 points
        (0.90, 0.851, "step", 1.0),  # less than five points
        (0.90, 0.85, "step", 0.9),  # five points are a step
        (0.90, 0.95, "step", 1.0),  # a rise brings nothing
        (0.90, 0.87, "linear", 0.94),
    ],
)
def test_the_subsidy_falls_with_fee_collection(
    before: float, now: float, mode: Any, share: float
) -> None:
    row = pd.DataFrame({"base_yuan": [100_000], "reference_rate": [before], "rate": [now]})
    assert scoring.subsidy(row, cut_mode=mode)["value"].iloc[0] == pytest.approx(1e5 * share)


@pytest.mark.parametrize(("rate", "paid"), [(0.60, 0.0), (0.6001, 50_000.0), (3 / 5, 0.0)])
def test_the_bonus_asks_for_more_than_sixty(rate: float, paid: float) -> None:
    row = pd.DataFrame({"value": [rate], "denominator": [1000]})
    assert scoring.participation_award(row, decision="point")["award_yuan"].iloc[0] == paid
