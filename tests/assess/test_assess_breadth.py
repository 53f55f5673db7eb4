"""Who took part, by group: the participation rate of each group beside satisfaction."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from workbench import assess
from workbench.protocol import load


def test_participation_is_told_for_each_group(unit: Any, scale_item: Any) -> None:
    rng = np.random.default_rng(5)
    took = rng.integers(1, 3, 1200).astype(float)
    values = {"1": {"zh": "是", "en": "yes"}, "2": {"zh": "否", "en": "no"}}
    c = unit(800, 400, items={"p1": scale_item("behaviour", values, "single")}, p1=took)
    entry = {"channel": "survey", "items": ["p1"], "statistic": "share", "where": {"p1": 1}}
    c.settings["measures"] = {"participation_rate": entry}
    c = dataclasses.replace(c, protocol=load("participation"))
    told = assess.subgroups(c, assess.design(c)).set_index("finding")
    now = c.tables["responses"].iloc[:800]
    for code, name in ((1, "1"), (2, "2")):
        row = told.loc[f"survey.p1.top2.current.sex={name}"]
        mine = now[now["sex"].eq(code)]
        assert row["value"] == pytest.approx(float(mine["p1"].eq(1).mean()))
        assert row["label_en"].startswith(
            load("participation").indicator("participation_rate").name.en
        )
    assert "survey.q1.top2.current.sex=1" in told.index
