"""The real six-wave survey: every pair of waves."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench import change

pytestmark = pytest.mark.shared

# means of B0 (1-5; 6 = don't know, 7 = refused) and numbers of answers, waves 1 to 6
MEANS = [2.3285, 2.3757, 2.4481, 2.4904, 2.5674, 2.7944]
NUMBERS = [1236, 1344, 1359, 1360, 1373, 1381]


@pytest.fixture(scope="module")
def survey(shared: Path) -> pd.DataFrame:
    path = shared / "data/real/nepal-community-perception/all_rounds_merged.csv"
    frame = pd.read_csv(path, usecols=["Round", "District", "B0JS"])
    code = pd.to_numeric(frame["B0JS"].str.extract(r"^(\d)")[0])
    return pd.DataFrame(
        {"wave": frame["Round"], "district": frame["District"], "b0": code.where(code <= 5)}
    )


def test_every_pair_of_waves(survey: pd.DataFrame) -> None:
    for first, second in combinations(range(1, 7), 2):
        made = change.compare(
            survey, "b0", of="mean", psu="district", baseline=first, current=second, margin=0.1
        ).iloc[0]
        assert made["before"] == pytest.approx(MEANS[first - 1], abs=5e-5)
        assert made["after"] == pytest.approx(MEANS[second - 1], abs=5e-5)
        assert (made["n_before"], made["n_after"]) == (NUMBERS[first - 1], NUMBERS[second - 1])
        assert made["df"] == 13
        parts = survey[survey["wave"].isin([first, second])].dropna()
        # naive: the 14 districts seen twice, ratio of totals linearised
        z = pd.Series(0.0, index=parts.index)
        for wave, sign in ((first, -1), (second, 1)):
            here = parts["wave"] == wave
            y = parts.loc[here, "b0"]
            z[here] = sign * (y - y.mean()) / len(y)
        totals = z.groupby(parts["district"]).sum()
        naive = np.sqrt(14 / 13 * ((totals - totals.mean()) ** 2).sum())
        assert made["std_error"] == pytest.approx(naive, rel=1e-9)


def test_a_claim_over_the_waves_says_no_more_than_it_may(survey: pd.DataFrame) -> None:
    made = change.compare(
        survey, "b0", of="mean", psu="district", baseline=1, current=6, margin=0.1,
        facts={"same_question": True, "same_mode": True, "same_months": False},
    ).iloc[0]  # fmt: skip
    assert made["verdict"] == "better"
    assert made["evidence_grade"] == "E1"
    for lang in ("zh", "en"):
        assert change.overclaims(made[f"wording_{lang}"], "E1") == []
