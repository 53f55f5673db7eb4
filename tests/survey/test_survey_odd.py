"""Every estimator on samples that carry little: a finding with its reason or a refusal, no more."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from workbench import survey
from workbench.errors import InputError

N = 40
Call = Callable[[survey.Design, str], pd.DataFrame]


def _data() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "w": rng.uniform(1, 3, N),
            "h": np.repeat(["a", "b"], N // 2),
            "psu": np.arange(N) // 5,
            "one": 1,
            "g": rng.choice(["x", "y"], N),
            "wave": np.tile(["1", "2"], N // 2),
            "q": rng.integers(1, 6, N).astype(float),
            "q2": rng.integers(1, 6, N).astype(float),
            "nothing": np.nan,
            "equal": 5.0,
        }
    )


def _designs() -> dict[str, survey.Design]:
    data = _data()
    plain = survey.Design(data, weights="w", strata="h", psu="psu")
    return {
        "one unit": survey.Design(data, weights="w", psu="one"),
        "one unit a stratum": survey.Design(data, weights="w", strata="h", psu="h"),
        "one row": survey.Design(data[:1], weights="w", strata="h", psu="psu"),
        "a domain of nobody": plain.subset(np.zeros(N, dtype=bool)),
        "a domain of one": plain.subset(np.arange(N) == 3),
        "opt-in": survey.Design(data, kind="opt_in"),
        "census": survey.Design(data, kind="census"),
        "jackknife": survey.replicate(plain, "jkn"),
    }


CALLS: dict[str, Call] = {
    "mean": lambda d, i: survey.mean(d, i, by=["wave", "g"]),
    "total": lambda d, i: survey.total(d, i),
    "top2": lambda d, i: survey.top2(d, i, by="g"),
    "top2 wilson": lambda d, i: survey.top2(d, i, ci="wilson"),
    "top2 beta": lambda d, i: survey.top2(d, i, ci="beta"),
    "net": lambda d, i: survey.net(d, i),
    "proportion": lambda d, i: survey.proportion(d, i, by="wave"),
    "quantile": lambda d, i: survey.quantile(d, i, by="g"),
    "ratio": lambda d, i: survey.ratio(d, i, "q2"),
    "index": lambda d, i: survey.index(d, {i: 1, "q2": 2}),
    "dispersion": lambda d, i: survey.dispersion(d, i),
    "correlation": lambda d, i: survey.correlation(d, i, "q2"),
    "contrast": lambda d, i: survey.contrast(d, i, by="wave", contrast={"2": 1, "1": -1}),
    "against_whole": lambda d, i: survey.against_whole(d, i, by="g"),
    "rao_scott": lambda d, i: survey.rao_scott(d, "g", i),
    "ttest": lambda d, i: survey.ttest(d, i, group="g"),
    "ranktest": lambda d, i: survey.ranktest(d, i, "g"),
    "kruskal_wallis": lambda d, i: survey.ranktest(d, i, "g", test="kruskal_wallis"),
    "glm": lambda d, i: survey.glm(d, i, ["g", "q2"]).table,
    "rank_items": lambda d, i: survey.rank_items(d, [i, "q2"]),
    "adjusted_difference": lambda d, i: survey.adjusted_difference(d, i, "g", adjust=["q2"]),
    "presentation": lambda d, i: survey.presentation(survey.top2(d, i, by="g")),
    "disclosure": lambda d, i: survey.disclosure(
        survey.top2(d, i, by=["wave", "g"]), cells=["wave", "g"]
    ),
}


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("name", CALLS)
def test_little_gives_a_reason_or_a_refusal(name: str) -> None:
    for what, design in _designs().items():
        for item in ("q", "nothing", "equal"):
            where = f"{name}, {what}, {item}"
            try:
                told = CALLS[name](design, item)
            except InputError:
                continue
            value = pd.to_numeric(told["value"])
            weak = told["status"].ne("ok")
            assert not (value.isna() & ~weak).any(), where
            if weak.any():
                assert told.loc[weak, ["reason_zh", "reason_en"]].ne("").all(axis=None), where
            if "ci_low" in told:
                bare = told["ci_low"].isna() & value.notna()
                flagged = told["reason_en"].ne("") if "reason_en" in told else False
                assert (~bare | flagged).all(), where
            if {"std_error", "ci_low"} <= set(
                told
            ):  # an error of 0 is none: it would promise certainty
                none = told["std_error"].eq(0) & told["ci_low"].notna() & ~weak
                assert value[none].isin([0.0, 1.0]).all(), where  # there Wilson's interval stands
