"""The table of modes in a unit's notebook: drawn and opt-in answers side by side, with a warning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench import assess, survey
from workbench.assess.modes import modes
from workbench.community import Community


def told(c: Community) -> pd.DataFrame:
    rows = modes(c, assess.design(c))
    return pd.DataFrame(rows).set_index("finding") if rows else pd.DataFrame()


def mixed(now: int, before: int, names: list[str]) -> np.ndarray[Any, Any]:
    return np.array([*np.resize(names, now), *np.resize(names[:1], before)], dtype=object)


def test_one_mode_gives_no_table(unit: Callable[..., Community]) -> None:
    assert told(unit()).empty


def test_two_drawn_modes_are_compared_on_every_item(unit: Callable[..., Community]) -> None:
    c = unit(60, 60, mode=mixed(60, 60, ["household", "household", "paper"]))
    found = told(c)
    names = {f"fieldwork.mode.{q}.paper.{how}" for q in ("q1", "q2") for how in ("raw", "adjusted")}
    assert set(found.index) == names | {"fieldwork.mode.summary"}
    made = assess.design(c)
    assert made.raked is not None
    now = made.raked.subset(made.raked.data["wave"].eq("b"))
    data = now.data.assign(q1=now.data["q1"].isin([4, 5]).astype(float))
    direct = survey.mode_effects(now.changed(data=data), ["q1"], "mode", adjust=["sex"], share=True)
    rows = found.loc[["fieldwork.mode.q1.paper.raw", "fieldwork.mode.q1.paper.adjusted"]]
    for name in ("value", "std_error", "ci_low", "ci_high", "n"):
        assert rows[name].tolist() == pytest.approx(direct[name].tolist())
    assert "混有谁选了哪种方式" in rows["reason_zh"].iloc[0]
    assert "not the effect of the mode" in rows["reason_en"].iloc[0]
    assert "纸质" in rows["label_zh"].iloc[0]


def test_opt_in_answers_stand_beside_the_sample_and_are_named_as_such(
    unit: Callable[..., Community],
) -> None:
    c = unit(60, 60, mode=mixed(60, 60, ["household", "mini_program"]))
    found = told(c)
    row = found.loc["fieldwork.mode.q1.mini_program.raw"]
    frame = c.tables["responses"]
    frame = frame[frame["wave"].eq("b")]
    means = frame["q1"].ge(4).groupby(frame["mode"]).mean()
    assert row["value"] == pytest.approx(means["mini_program"] - means["household"])
    assert row["n"] == 60
    assert "自愿" in row["reason_zh"]
    assert "chose to take part" in row["reason_en"]


def test_a_mode_under_the_smallest_cell_is_not_told(unit: Callable[..., Community]) -> None:
    few = np.array(["household"] * 52 + ["paper"] * 8 + ["household"] * 60, dtype=object)
    assert told(unit(60, 60, mode=few)).empty


def test_it_is_part_of_the_field_work_in_the_notebook(unit: Callable[..., Community]) -> None:
    c = unit(60, 60, mode=mixed(60, 60, ["household", "paper"]))
    frame = assess.fieldwork(c, assess.design(c))
    assert frame["finding"].is_unique
    assert frame["finding"].str.startswith("fieldwork.mode.").sum() == 5
