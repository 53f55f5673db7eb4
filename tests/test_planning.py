"""The page before the contract."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from workbench import survey
from workbench.batch.slices import load_study
from workbench.cli import main
from workbench.planning import Assumptions, plan, plan_pdf


def test_the_page_says_what_each_number_of_interviews_can_show() -> None:
    study = load_study("demo")
    page = plan(study)
    assert page.table["interviews"].tolist() == [30, 50, 100, 200]
    assert page.units == 14
    assert [g["indicator"] for g in page.gates] == ["resident_satisfaction"]
    assert page.gates[0]["target"] == pytest.approx(0.7)
    for column in ("half_width", "detectable_change", "undecided_0"):
        assert (np.diff(page.table[column]) < 0).all(), column
    one = page.table.iloc[2]
    deff = 1.3 * (1 + 9 * 0.05)
    assert one["n_effective"] == pytest.approx(100 / deff)
    told = survey.undecided([100], 0.7, share=0.75, spread=0.1, deff=deff, psus=10)
    assert one["undecided_0"] == pytest.approx(told["undecided"].iloc[0])
    for lang, word in (("zh", "资格线"), ("en", "gate")):
        text = page.text(lang)
        assert word in text
        for n in ("30", "50", "100", "200"):
            assert n in text


def test_the_page_is_one_page_and_the_same_bytes() -> None:
    study = load_study("demo")
    page = plan(study, [40, 60], Assumptions(psus=6))
    first = plan_pdf(page, "en", study=study)
    assert first.startswith(b"%PDF")
    assert first.count(b"/Type /Page\n") + first.count(b"/Type/Page/") <= 1
    assert plan_pdf(page, "en", study=study) == first


def test_the_part_left_undecided_agrees_with_simulated_communities() -> None:
    rng = np.random.default_rng(5)
    true = rng.normal(0.75, 0.1, 200_000)
    se = np.sqrt(0.7 * 0.3 * 1.5 / 60)
    seen = true + rng.normal(0, se, true.size)
    share = np.mean(np.abs(seen - 0.7) < 1.959964 * se)
    told = survey.undecided([60], 0.7, share=0.75, spread=0.1, deff=1.5)
    assert told["undecided"].iloc[0] == pytest.approx(share, abs=0.005)
    assert told[["undecided", "met", "not_met"]].sum(axis=1).iloc[0] == pytest.approx(1)


def test_the_smallest_change_named_has_the_power_named() -> None:
    change = survey.precision([80], deff=1.7, psus=9)["detectable_change"].iloc[0]
    power = survey.power_of_change([80], change, deff=1.7, psus=9)["power"].iloc[0]
    assert power == pytest.approx(0.8)


def test_the_command_prints_text_or_json(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["--messages", "en", "plan", "demo", "--out", str(tmp_path)]) == 0
    assert "Smallest visible change" in capsys.readouterr().out
    assert {p.name for p in tmp_path.iterdir()} == {
        f"plan.{lang}.{kind}" for lang in ("zh", "en") for kind in ("pdf", "txt")
    }
    assert (
        main(["plan", "demo", "--interviews", "60", "--rho", "0", "--weights", "1", "--json"]) == 0
    )
    told = json.loads(capsys.readouterr().out)
    assert told["interviews"][0]["n_effective"] == 60
    assert main(["--messages", "en", "plan", "demo", "--share", "1.5"]) == 2
    assert "share" in capsys.readouterr().err
