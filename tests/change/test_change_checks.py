"""The 28 checks: each passes, fails and says why; all run on a comparison."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench import change
from workbench.survey import Design

T = np.arange(1, 37)


def line(jump: float, slope: float = 0.0, seed: int = 1) -> pd.DataFrame:
    noise = np.random.default_rng(seed).normal(0, 0.5, 36)
    return pd.DataFrame({"t": T, "y": 5 + slope * T + jump * (T >= 20) + noise})


def wander(phi: float) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    e = np.zeros(36)
    for i in range(1, 36):
        e[i] = phi * e[i - 1] + rng.normal()
    return pd.DataFrame({"t": T, "y": e})


def groups(sizes: dict[int, int], grow: float, seed: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows, unit = [], 0
    for g, n in sizes.items():
        for _ in range(n):
            for t in range(1, 9):
                lift = (2 + grow * (t - g)) if g and t >= g else 0
                rows.append((unit, t, g, t + lift + rng.normal(0, 0.3)))
            unit += 1
    return pd.DataFrame(rows, columns=["unit", "t", "g", "y"])


def waves(ages: tuple[list[float], list[float]], n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(6)
    parts = [
        pd.DataFrame({"wave": w, "age": rng.choice(["a", "b", "c"], n, p=p)})
        for w, p in zip((1, 2), ages, strict=True)
    ]
    return pd.concat(parts, ignore_index=True)


WAVES: dict[str, Any] = {"by": "wave", "baseline": 1, "current": 2}
SERIES: dict[str, Any] = {"value": "y", "time": "t", "start": 20}
PANEL: dict[str, Any] = {"outcome": "y", "unit": "unit", "time": "t", "first_treated": "g"}
EVEN = [0.3, 0.4, 0.3]
CASES = pd.DataFrame({"d": [1.0, 2, 3, 4, 5, 6, 7, 8], "c": [1, 1, 1, 0, 1, 0, 0, 0]})
SIMPSON = pd.DataFrame(
    {
        "wave": [1] * 100 + [2] * 100,
        "community": ["A"] * 80 + ["B"] * 20 + ["A"] * 20 + ["B"] * 80,
        "q": [2] * 80 + [4] * 20 + [1.5] * 20 + [3.5] * 80,
    }
)


def counts(spread: float) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    mean = 20 * rng.gamma(spread, 1 / spread, 40)
    frame = pd.DataFrame({"y": rng.poisson(mean), "after": [0, 1] * 20, "t": 1.0})
    return change.rate_models(frame, count="y", exposure="t", after="after")


def run(name: str, *args: Any, **more: Any) -> Callable[[], pd.DataFrame]:
    return lambda: getattr(change, f"check_{name}")(*args, **more)


SELECTED: dict[str, Any] = {"sd": 10.0, "worst_of": 10, "reliability": 0.6}
TABLE: list[tuple[int, str, Callable[[], pd.DataFrame]]] = [
    (1, "passed", run("regression_to_mean", sd=10, observed=3)),
    (1, "passed", run("regression_to_mean", observed=12, **SELECTED)),
    (1, "failed", run("regression_to_mean", observed=5, **SELECTED)),
    (2, "failed", run("baseline", 40, [55, 60, 52])),
    (2, "failed", run("baseline", 70, [55, 60, 52])),
    (2, "passed", run("baseline", 56, [55, 60, 52])),
    (2, "cannot_tell", run("baseline", 40, [55])),
    (3, "passed", run("composition", waves((EVEN, EVEN)), variables=["age"], **WAVES)),
    (3, "failed", run("composition", waves((EVEN, [0.6, 0.3, 0.1])), variables=["age"], **WAVES)),
    (3, "cannot_tell", run("composition", waves((EVEN, EVEN)), variables=[], **WAVES)),
    (4, "passed", run("attrition", 0.1)),
    (4, "failed", run("attrition", 0.3)),
    (4, "failed", run("attrition", 0.1, by_arm={"on": 0.05, "off": 0.2})),
    (4, "cannot_tell", run("attrition", None)),
    (5, "passed", run("response", 0.1, 0.9, 0.9, 0.9)),
    (5, "failed", run("response", 0.42, 0.76, 0.35, 0.40)),
    (5, "cannot_tell", run("response", 0.42, 0.76, None, 0.4)),
    (6, "passed", run("season", [3, 4], [4, 3])),
    (6, "failed", run("season", [3], [9])),
    (6, "cannot_tell", run("season", [], [9])),
    (7, "passed", run("trend", line(3), **SERIES)),
    (7, "failed", run("trend", line(0, slope=0.3), **SERIES)),
    (7, "cannot_tell", run("trend", line(0), value="y", time="t", start=36)),
    (8, "passed", run("autocorrelation", wander(-0.3), **SERIES)),
    (8, "failed", run("autocorrelation", wander(0.8), **SERIES)),
    (9, "failed", run("date", line(4), registered=False, harmonics=0, **SERIES)),
    (9, "passed", run("date", line(4), registered=True, harmonics=0, **SERIES)),
    (10, "failed", run("overlap_rule", "The intervals overlap, so nothing happened.")),
    (10, "passed", run("overlap_rule", "A difference of 3 points.")),
    (11, "passed", run("percent_or_points", 42, 76, 34, "points")),
    (11, "failed", run("percent_or_points", 42, 76, 34, "percent")),
    (11, "failed", run("percent_or_points", 42, 76, 50, "points")),
    (12, "passed", run("impossible", 42, 50)),
    (12, "failed", run("impossible", 42, 11)),
    (12, "cannot_tell", run("impossible", 42, None)),
    (13, "passed", run("denominator", {"unit": "户", "n": 100}, {"unit": "户", "n": 109})),
    (13, "failed", run("denominator", {"unit": "户", "n": 100}, {"unit": "户", "n": 111})),
    (13, "failed", run("denominator", {"unit": "户"}, {"unit": "人"})),
    (13, "cannot_tell", run("denominator", {}, {})),
    (14, "failed", run("clusters", [1, 1, 1, 1, 0, 0, 0, 0], cluster=[1] * 4 + [2] * 4, used=False)),
    (14, "passed", run("clusters", [1, 1, 1, 1, 0, 0, 0, 0], cluster=[1] * 4 + [2] * 4, used=True)),
    (14, "failed", run("clusters", [1, 0, 1, 0], weights=[1, 1, 1, 9], used=False)),
    (14, "cannot_tell", run("clusters", [], used=True)),
    (15, "failed", run("pairs", [1, 2, 3], [1, 2, 3], paired=False)),
    (15, "passed", run("pairs", [1, 2, 3], [1, 2, 3], paired=True)),
    (15, "failed", run("pairs", [1, 2, 3], [4, 5, 6], paired=True)),
    (15, "cannot_tell", run("pairs", [], [1], paired=True)),
    (16, "failed", run("few", 2, 3)),
    (16, "passed", run("few", 4, 6)),
    (16, "failed", run("few", 1, 30)),
    (17, "failed", run("many_tests", pd.DataFrame({"p_value": [0.04, 0.03, 0.6, 0.9]}))),
    (17, "passed", run("many_tests", pd.DataFrame({"p_value": [0.001, 0.6]}))),
    (17, "not_applicable", run("many_tests", pd.DataFrame({"p_value": [np.nan]}))),
    (18, "failed", run("unchanged", "Satisfaction remained the same.", "cannot_tell")),
    (18, "failed", run("unchanged", "满意度没有变化。", "better")),
    (18, "passed", run("unchanged", "满意度没有变化。", "no_relevant_change")),
    (19, "failed", run("target", 50, 57, 0.8)),
    (19, "passed", run("target", 55, 57, 0.8)),
    (19, "passed", run("target", 20, 57, 0.8, claimed="not_met")),
    (20, "failed", run("open_cases", CASES, duration="d", closed="c")),
    (20, "passed", run("open_cases", CASES.assign(c=1), duration="d", closed="c")),
    (20, "cannot_tell", run("open_cases", CASES.assign(c=0), duration="d", closed="c")),
    (21, "failed", lambda: change.check_dispersion(counts(1.0))),
    (21, "passed", lambda: change.check_dispersion(counts(1e6))),
    (22, "failed", run("sparse", 12, 3)),
    (22, "failed", run("sparse", 0, 30)),
    (22, "passed", run("sparse", 12, 30)),
    (23, "failed", run("staggered", groups({0: 4, 3: 3, 5: 3}, 1.0), **PANEL)),
    (23, "passed", run("staggered", groups({0: 4, 5: 3}, 1.0), **PANEL)),
    (24, "passed", run("pre_trends", groups({0: 8, 5: 8}, 2.0), group=5, **PANEL)),
    (24, "cannot_tell", run("pre_trends", groups({0: 4, 2: 4}, 1.0), group=2, **PANEL)),
    (25, "passed", run("instrument", {"text": "您满意吗"}, {"text": "您满意吗"})),
    (25, "failed", run("instrument", {"text": "您满意吗"}, {"text": "您是否满意"})),
    (25, "failed", run("instrument", {"text": "a"}, {"text": "a", "mode": "web"})),
    (26, "failed", run("directions", SIMPSON, item="q", community="community", **WAVES)),
    (26, "passed", run("directions", SIMPSON.assign(q=SIMPSON["wave"] * 1.0), item="q",
                       community="community", **WAVES)),
    (27, "failed", run("ceiling", [5, 5, 5, 4], highest=5)),
    (27, "passed", run("ceiling", [5, 2, 3, 4], highest=5)),
    (27, "cannot_tell", run("ceiling", [], highest=5)),
    (28, "failed", run("conflicting_text", ["It was significant.", "It was not significant."])),
    (28, "failed", run("conflicting_text", ["变化显著。", "变化不显著。"])),
    (28, "passed", run("conflicting_text", ["It was not significant.", "变化不显著。"])),
]  # fmt: skip


@pytest.mark.parametrize(
    ("number", "verdict", "make"),
    TABLE,
    ids=[f"{n:02d}-{v}-{i}" for i, (n, v, _) in enumerate(TABLE)],
)
def test_each_check_gives_its_verdict_and_says_why(
    number: int, verdict: str, make: Callable[[], pd.DataFrame]
) -> None:
    made = make()
    assert set(made["check"]) == {number}
    assert made["verdict"].iloc[0] == verdict
    assert (made["method"] == f"change.check.{number:02d}").all()
    for name in ("reason_zh", "reason_en", "label_zh", "label_en"):
        assert made[name].ne("").all(), name
    assert (made["status"] == "ok").all() == (verdict in ("passed", "failed"))


def test_every_check_is_tried_both_ways() -> None:
    for number in change.CHECKS:
        seen = {verdict for n, verdict, _ in TABLE if n == number}
        assert "passed" in seen, number
        if number != 24:
            assert "failed" in seen, number


def test_without_a_known_reliability_three_are_shown() -> None:
    made = change.check_regression_to_mean(sd=10, observed=5, worst_of=10)
    assert made["reliability"].tolist() == [0.5, 0.7, 0.9]
    assert made["value"].is_monotonic_decreasing


@pytest.fixture(scope="module")
def study() -> pd.DataFrame:
    rng = np.random.default_rng(9)
    rows = [
        (w, f"B{b}", rng.choice(["a", "b"]), rng.integers(1, 6), rng.uniform(1, 2), f"C{b % 3}")
        for w in (1, 2)
        for b in range(10)
        for _ in range(12)
    ]
    return pd.DataFrame(rows, columns=["wave", "b", "age", "q1", "w", "community"])


def test_all_28_run_on_a_comparison_by_themselves(study: pd.DataFrame) -> None:
    design = Design(study, weights="w", psu="b")
    made = change.compare(design, "q1", baseline=1, current=2)
    found = change.checks(
        made, study, variables=["age"], weights="w", psu="b", community="community",
        months=([3], [9]), facts={"response_before": 0.4, "response_after": 0.35},
        instruments=({"text": "x"}, {"text": "x"}), earlier={"q1": [0.2, 0.9, 0.5]}, **WAVES,
    )  # fmt: skip
    assert set(found["check"]) == set(range(1, 29))
    verdict = found.drop_duplicates("check").set_index("check")["verdict"]
    assert verdict[6] == "failed"
    assert verdict[25] == "passed"
    assert verdict[14] == "passed"
    assert verdict[23] == "not_applicable"
    assert found[["label_zh", "label_en", "reason_zh", "reason_en"]].ne("").all().all()
    assert found["verdict"].isin(["passed", "failed", "cannot_tell", "not_applicable"]).all()


def test_without_any_information_nothing_passes_by_silence(study: pd.DataFrame) -> None:
    made = change.compare(study, "q1", baseline=1, current=2)
    found = change.checks(made).drop_duplicates("check").set_index("check")["verdict"]
    for number in (1, 2, 3, 5, 6, 13, 14, 15, 25, 26, 27):
        assert found[number] == "cannot_tell", number


def test_changed_modes_are_named_and_not_their_digests():
    row = change.check_instrument({"mode": ["household"]}, {"mode": ["household", "paper"]})
    said = row.iloc[0]
    assert "调查方式 household / household, paper" in said["reason_zh"]
    assert "mode household / household, paper" in said["reason_en"]
