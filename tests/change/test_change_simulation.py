"""Size and coverage by simulation: how often a nominal 95 % interval misses the truth.

``python tests/change/test_change_simulation.py [draws [scene …]]`` prints the table of
docs/methods/change.md.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench import change, survey
from workbench.survey import Design

Rng = np.random.Generator
# one draw: per method whether the interval missed the truth (or the test rejected a true null)
Draw = dict[str, bool]


def missed(one: Any, truth: float) -> bool:
    return not one["ci_low"] <= truth <= one["ci_high"]


def under_design(rng: Rng, buildings: int) -> Iterator[Draw]:
    """Two waves of 10 people in each building, effects by building and by building and wave."""
    b = np.tile(np.repeat(np.arange(buildings), 10), 2)
    wave = np.repeat([1, 2], 10 * buildings)
    age = np.array(["young", "old"])
    while True:
        lift = rng.normal(0, 0.35, buildings)[b]
        moved = rng.normal(0, 0.2, (2, buildings))[wave - 1, b]
        old = (rng.random(len(b)) < 0.5).astype(int)
        y = 0.25 + lift + moved + 0.4 * (wave == 2) + 0.6 * old + rng.normal(0, 1, len(b)) > 0.5
        frame = pd.DataFrame({"wave": wave, "b": b, "q": y.astype(int), "age": age[old]})
        made = change.wave_change(
            Design(frame, psu="b"), ["q"], by="wave", baseline=1, current=2, of="share",
            standardise=["age"],
        ).set_index("adjustment")  # fmt: skip
        # probit with total sd: shares of the two age groups averaged
        sd = math.sqrt(1 + 0.35**2 + 0.2**2)
        truth = np.mean([_phi((0.15 + a) / sd) - _phi((-0.25 + a) / sd) for a in (0, 0.6)])
        two = change.two_shares(y[wave == 1].sum(), (wave == 1).sum(), y[wave == 2].sum(),
                                (wave == 2).sum())  # fmt: skip
        yield {
            f"design, {buildings} buildings": missed(made.loc["raw"], truth),
            f"standardised, {buildings} buildings": missed(made.loc["standardised"], truth),
            f"(ignoring buildings, {buildings})": missed(two.iloc[0], truth),
        }


def weighted(rng: Rng, buildings: int) -> Iterator[Draw]:
    """As the notebooks weight: the old answer twice as often as they live there, raked by wave."""
    there = pd.DataFrame({"variable": "age", "category": ["old", "young"], "count": [50, 50]})
    sd = math.sqrt(1 + 0.35**2 + 0.2**2)
    truth = np.mean([_phi((0.15 + a) / sd) - _phi((-0.25 + a) / sd) for a in (0, 0.6)])
    b = np.tile(np.repeat(np.arange(buildings), 10), 2)
    wave = np.repeat([1, 2], 10 * buildings)
    age = np.array(["young", "old"])
    while True:
        lift = rng.normal(0, 0.35, buildings)[b]
        moved = rng.normal(0, 0.2, (2, buildings))[wave - 1, b]
        old = (rng.random(len(b)) < np.where(wave == 1, 0.60, 0.72)).astype(int)
        y = 0.25 + lift + moved + 0.4 * (wave == 2) + 0.6 * old + rng.normal(0, 1, len(b)) > 0.5
        frame = pd.DataFrame({"wave": wave, "b": b, "q": y.astype(int), "age": age[old]})
        base = Design(frame, psu="b")
        raked = survey.rake(base, there, by="wave", variables=["age"])
        waves: dict[str, Any] = {"by": "wave", "baseline": 1, "current": 2, "of": "share"}
        ours = change.wave_change(raked, ["q"], **waves).iloc[0]
        plain = change.wave_change(base, ["q"], **waves).iloc[0]
        yield {
            f"design, raked, {buildings} buildings": missed(ours, truth),
            f"(unweighted, {buildings} buildings)": missed(plain, truth),
        }


def near_everybody(rng: Rng, buildings: int) -> Iterator[Draw]:
    """From 92 to 98 %: in one draw of four everybody is satisfied in the wave after."""
    b = np.tile(np.repeat(np.arange(buildings), 8), 2)
    wave = np.repeat([1, 2], 8 * buildings)
    while True:
        moved = rng.normal(0, 0.3, (2, buildings))[wave - 1, b]
        sd = math.sqrt(1 + 0.3**2)
        cut = np.where(wave == 1, -1.4051, -2.0537) * sd  # 8 and 2 % are below
        frame = pd.DataFrame({"wave": wave, "b": b})
        frame["q"] = (moved + rng.normal(0, 1, len(b)) > cut).astype(int)
        made = change.compare(Design(frame, psu="b"), "q", of="share", baseline=1, current=2)
        one = made.iloc[0]
        ok = one["status"] == "ok"
        yield {f"design and Newcombe at 100 %, {buildings} buildings": ok and missed(one, 0.06)}


def means(rng: Rng) -> Iterator[Draw]:
    """Scores 1-5, most of them high, spreads and numbers unlike; the same people and others."""
    share0, share1 = [0.05, 0.10, 0.20, 0.35, 0.30], [0.02, 0.05, 0.10, 0.33, 0.50]
    steps = np.arange(1, 6)
    truth = float(steps @ (np.array(share1) - np.array(share0)))
    while True:
        y0, y1 = rng.choice(steps, 40, p=share0), rng.choice(steps, 25, p=share1)
        frame = pd.DataFrame({"wave": [1] * 40 + [2] * 25, "q": np.r_[y0, y1]})
        made = change.compare(frame, "q", of="mean", baseline=1, current=2).iloc[0]
        x = rng.choice(steps, 25, p=share0)
        z = np.clip(x + rng.choice([-1, 0, 1], 25, p=[0.15, 0.5, 0.35]), 1, 5)
        gain = 0.2 + 0.15 * share0[0] - 0.35 * share0[4]  # ends of the scale cut some steps
        same = change.paired_means(x, z).iloc[0]
        yield {
            "Welch, scores of 40 and 25": missed(made, truth),
            "paired t, scores of 25": same["status"] == "ok" and missed(same, gain),
        }


def _phi(x: float) -> float:
    return 0.5 * (1 + math.erf(x / math.sqrt(2)))


def plain_shares(rng: Rng) -> Iterator[Draw]:
    while True:
        x0, x1 = rng.binomial(40, 0.85), rng.binomial(40, 0.95)
        rows = change.two_shares(x0, 40, x1, 40, exact=False).set_index("method")
        yield {
            "Newcombe, 40 + 40 at 85 and 95 %": missed(rows.loc["change.difference.newcombe"], 0.1),
            "(Wald, the same)": not rows.loc["change.difference.wald", "ci_low"]
            <= 0.1
            <= rows.loc["change.difference.wald", "ci_high"],
        }


def verdicts(rng: Rng, n: int) -> Iterator[Draw]:
    """A change of exactly the margin, and a share exactly at its target: neither may be claimed."""
    while True:
        one, two = (
            pd.DataFrame({"wave": 1, "q": rng.random(n) < 0.60}),
            pd.DataFrame({"wave": 2, "q": rng.random(n) < 0.70}),
        )
        frame = pd.concat([one, two]).astype({"q": int})
        made = change.compare(frame, "q", of="share", baseline=1, current=2, margin=0.10).iloc[0]
        at = change.target_test(int(rng.binomial(n, 0.85)), n, 0.85).iloc[0]
        yield {
            f"“no relevant change” said of a change of the margin, {n} + {n}": made["verdict"]
            == "no_relevant_change",
            f"“met” said of a share exactly at its target, {n}": at["verdict"] == "met",
        }


def many_items(rng: Rng) -> Iterator[Draw]:
    """Ten items without any change, Holm over them: one false verdict or more."""
    items = [f"q{i}" for i in range(10)]
    waves = [1] * 120 + [2] * 120
    while True:
        frame = pd.DataFrame(rng.random((240, 10)) < 0.6, columns=items).astype(int)
        made = change.compare(frame.assign(wave=waves), items, of="share", baseline=1, current=2)
        false = made["verdict"].isin(["better", "worse"])
        yield {
            "any false verdict among 10 items, Holm": bool(false.any()),
            "(any p below 5 % among 10 items, uncorrected)": bool((made["p_value"] < 0.05).any()),
        }


def pairs(rng: Rng) -> Iterator[Draw]:
    while True:
        base = rng.normal(0, 1, 60)
        x, y = (base + rng.normal(0, 0.7, (2, 60)) + np.array([[0.0], [0.4]])) > 0
        truth = _phi(0.4 / math.sqrt(1.49)) - 0.5
        made = change.paired_shares(x.astype(int), y.astype(int)).iloc[0]
        yield {"Tango, 60 pairs": made["status"] == "ok" and missed(made, truth)}


def rates(rng: Rng) -> Iterator[Draw]:
    while True:
        x0, x1 = rng.poisson(15), rng.poisson(9)
        if x0 == 0 or x1 == 0:
            continue
        made = change.rate_ratio(x0, x1, exposure_before=1, exposure_after=1).set_index("method")
        spread = rng.gamma(4, 1 / 4, (2, 12))
        one = change.rate(x1, households=100, years=1).iloc[0]
        several = change.rate_ratio(
            rng.poisson(15 * spread[0]), rng.poisson(9 * spread[1]),
            exposure_before=np.ones(12), exposure_after=np.ones(12),
        ).set_index("method")  # fmt: skip
        yield {
            "exact rate, about 9": missed(one, 9.0),
            "exact rate ratio, about 15 and 9": missed(made.loc["change.rate_ratio.exact"], 0.6),
            "mid-p rate ratio, the same": missed(made.loc["change.rate_ratio.midp"], 0.6),
            "quasi-Poisson, 12 + 12 overdispersed": missed(
                several.loc["change.rate_ratio.quasi"], 0.6
            ),
            "(Poisson, the same)": missed(several.loc["change.rate_ratio.poisson"], 0.6),
        }


def open_cases(rng: Rng) -> Iterator[Draw]:
    truth = 1 - math.exp(-3 / 5)
    while True:
        t, cut = rng.exponential(np.repeat([8.0, 5.0], 60)), rng.uniform(1, 15, 120)
        frame = pd.DataFrame({"d": np.minimum(t, cut), "c": t <= cut, "wave": [1] * 60 + [2] * 60})
        both = change.compare(
            frame, of="time", baseline=1, current=2, duration="d", closed="c", within=3
        ).iloc[0]
        now = frame[frame["wave"] == 2]
        made = change.kaplan_meier(now, duration="d", closed="c").set_index("statistic")
        naive = made.loc["closed_only_share_within", "value"]
        n = int(now["c"].sum())
        ends = change.share(round(naive * n), n).iloc[0]
        median = made.loc["median"]
        yield {
            "Kaplan-Meier share in 3 days, 60 cases": missed(made.loc["share_within"], truth),
            "Kaplan-Meier median, 60 cases": median["status"] == "ok"
            and bool(median["ci_low"] > 5 * math.log(2) or median["ci_high"] < 5 * math.log(2)),
            "Kaplan-Meier difference of the shares, 60 + 60": missed(
                both, truth - 1 + math.exp(-3 / 8)
            ),
            "(closed cases only)": missed(ends, truth),
        }


def two_estimates(rng: Rng) -> Iterator[Draw]:
    """Medians of durations of both waves, and shares of 30 and 40, from the interval of each."""
    while True:
        t, cut = rng.exponential(np.repeat([8.0, 5.0], 60)), rng.uniform(5, 25, 120)
        frame = pd.DataFrame({"d": np.minimum(t, cut), "c": t <= cut})
        told = []
        for part in (frame[:60], frame[60:]):
            made = change.kaplan_meier(part, duration="d", closed="c").set_index("statistic")
            told.append(made.loc["median"])
        shares = [
            change.share(int(rng.binomial(n, p)), n).set_index("method").loc["change.share.wilson"]
            for n, p in ((30, 0.85), (40, 0.95))
        ]
        both = pd.DataFrame(
            [
                {"item": item}
                | {n: float(one["value"]) for n, one in zip(("before", "after"), pair, strict=True)}
                | {
                    f"low_{n}": one["ci_low"]
                    for n, one in zip(("before", "after"), pair, strict=True)
                }
                | {
                    f"high_{n}": one["ci_high"]
                    for n, one in zip(("before", "after"), pair, strict=True)
                }
                for item, pair in (("median", told), ("share", shares))
            ]
        )
        rows = change.compare(both, of="estimates", margin=None).set_index("item")
        ok = rows["status"].eq("ok")
        yield {
            "two intervals: Kaplan-Meier medians, 60 + 60": bool(ok["median"])
            and missed(rows.loc["median"], -3 * math.log(2)),
            "two intervals: shares of 30 and 40": missed(rows.loc["share"], 0.10),
        }


def arms(rng: Rng, treated: int, comparison: int) -> Iterator[Draw]:
    n = treated + comparison
    c = np.repeat(np.arange(n), 20)
    post = np.tile(np.repeat([0, 1], 10), n)
    on = (c < treated).astype(int)
    frame = pd.DataFrame({"c": c, "on": on, "post": post})
    label = f"{treated} + {comparison} communities"
    while True:
        y = rng.normal(0, 3, n)[c] + rng.normal(0, 2, (n, 2))[c, post] + rng.normal(0, 8, len(c))
        made = change.did(
            frame.assign(y=y), outcome="y", community="c", treated="on", post="post", rng=rng
        ).set_index("method")
        yield {
            f"DiD, community t, {label}": missed(made.loc["change.did.community_t"], 0),
            f"DiD, CR2, {label}": missed(made.loc["change.did.cr2"], 0),
            f"DiD, randomisation p, {label}": made.loc["change.did.randomisation", "p_value"]
            <= 0.05,
            f"DiD, wild bootstrap p, {label}": made.loc["change.did.wild", "p_value"] <= 0.05,
            f"(DiD ignoring communities, {label})": missed(made.loc["change.did.iid"], 0),
        }


def series(rng: Rng, n: int, phi: float = 0.4) -> Iterator[Draw]:
    t = np.arange(n)
    harmonics = 0 if n < 12 else 1
    names = f"{n} points" if phi == 0.4 else f"{n} points, lag-1 {phi:g}"
    while True:
        e = np.zeros(n)
        e[0] = rng.normal() / math.sqrt(1 - phi**2)
        for i in range(1, n):
            e[i] = phi * e[i - 1] + rng.normal()
        y = 10 + 0.05 * t + harmonics * np.cos(2 * np.pi * t / 12) + 1.0 * (t >= n // 2) + e
        frame = pd.DataFrame({"t": t, "y": y})
        made = change.segmented(frame, value="y", time="t", start=n // 2, harmonics=harmonics)
        level = made[made["statistic"] == "level"].set_index("method")
        end = made[(made["statistic"] == "effect") & made["preferred"]].iloc[0]
        yield {
            f"series, level, {names}": missed(level.loc["change.its.integrated"], 1.0),
            f"series, effect at the end, {names}": missed(end, 1.0),
            f"(series, REML with phi as known, {names})": missed(
                level.loc["change.its.gls_reml"], 1.0
            ),
            f"(series, OLS, {names})": missed(level.loc["change.its.ols"], 1.0),
            f"(series, Newey-West, {names})": missed(level.loc["change.its.newey_west"], 1.0),
        }


def count_series(rng: Rng, n: int) -> Iterator[Draw]:
    """Complaints of about 12 a month, dispersion about 2, autocorrelated."""
    t = np.arange(n)
    while True:
        e = np.zeros(n)
        for i in range(1, n):
            e[i] = 0.4 * e[i - 1] + rng.normal(0, 0.27)
        mean = 12 * np.exp(0.1 * np.cos(2 * np.pi * t / 12) - 0.3 * (t >= n // 2) + e)
        frame = pd.DataFrame({"t": t, "y": rng.poisson(mean), "households": 1000.0})
        made = change.segmented_counts(
            frame, count="y", exposure="households", time="t", start=n // 2
        )
        level = made[made["statistic"] == "level"].set_index("method")
        ours = "change.its.counts_integrated"
        yield {
            f"counts in a series, {n} points": missed(level.loc[ours], -0.3),
            f"(counts, Poisson, {n} points)": missed(level.loc["change.its.poisson"], -0.3),
            f"(counts, Newey-West, {n} points)": missed(
                level.loc["change.its.poisson_newey_west"], -0.3
            ),
        }


def staggered(rng: Rng, sizes: tuple[int, int, int] = (7, 4, 4)) -> Iterator[Draw]:
    n = sum(sizes)
    unit, t = np.repeat(np.arange(n), 8), np.tile(np.arange(1, 9), n)
    g = np.array([0] * sizes[0] + [4] * sizes[1] + [6] * sizes[2])[unit]
    lift = np.where((g > 0) & (t >= g), 2.0 + 1.0 * (t - g), 0.0)
    truth = float(lift[(g > 0) & (t >= g)].mean())
    label = " + ".join(map(str, sizes)) + " units"
    while True:
        noise = rng.normal(0, 4, n)[unit] + 0.5 * t + rng.normal(0, 1, len(t))
        frame = pd.DataFrame({"u": unit, "t": t, "g": g, "y": noise + lift, "null": noise})
        names = {"unit": "u", "time": "t", "first_treated": "g"}
        made = change.callaway_santanna(frame, outcome="y", **names, rng=rng)
        simple = made[made["statistic"] == "simple"].iloc[0]
        normal = abs(simple["value"] - truth) > 1.959964 * simple["std_error"]
        nothing = change.callaway_santanna(frame, outcome="null", **names, rng=rng)
        drawn = nothing[nothing["statistic"] == "randomisation"]
        two = change.two_way_effects(frame, outcome="y", **names)
        yield {
            f"Callaway-Sant'Anna simple, {label}": missed(simple, truth),
            f"Callaway-Sant'Anna, randomisation p, {label}": drawn["p_value"].iloc[0] <= 0.05,
            f"(Callaway-Sant'Anna, normal limits, {label})": bool(normal),
            f"(two-way effects, {label})": missed(two.iloc[0], truth),
        }


SCENES: dict[str, Callable[[Rng], Iterator[Draw]]] = {
    "design6": lambda rng: under_design(rng, 6),
    "design8": lambda rng: under_design(rng, 8),
    "design12": lambda rng: under_design(rng, 12),
    "design20": lambda rng: under_design(rng, 20),
    "raked6": lambda rng: weighted(rng, 6),
    "raked12": lambda rng: weighted(rng, 12),
    "full8": lambda rng: near_everybody(rng, 8),
    "shares": plain_shares,
    "means": means,
    "pairs": pairs,
    "verdicts120": lambda rng: verdicts(rng, 120),
    "verdicts300": lambda rng: verdicts(rng, 300),
    "many_items": many_items,
    "rates": rates,
    "durations": open_cases,
    "two_estimates": two_estimates,
    "did": lambda rng: arms(rng, 4, 6),
    "did_one_side": lambda rng: arms(rng, 2, 11),
    "did_small": lambda rng: arms(rng, 3, 3),
    "did_larger": lambda rng: arms(rng, 10, 12),
    "series10": lambda rng: series(rng, 10),
    "series16": lambda rng: series(rng, 16),
    "series24": lambda rng: series(rng, 24),
    "series24_strong": lambda rng: series(rng, 24, 0.7),
    "series48": lambda rng: series(rng, 48),
    "counts24": lambda rng: count_series(rng, 24),
    "counts48": lambda rng: count_series(rng, 48),
    "staggered": staggered,
    "staggered_small": lambda rng: staggered(rng, (4, 2, 2)),
}


def rate_of_misses(scene: str, draws: int, seed: int = 20261122) -> pd.Series:
    rng = np.random.default_rng([seed, *scene.encode()])
    made = list(islice(SCENES[scene](rng), draws))
    return pd.DataFrame(made).mean()


# the small ring: would a method be badly wrong, forty draws show it
@pytest.mark.parametrize(
    ("scene", "most"),
    [
        ("design8", 0.15),
        ("shares", 0.15),
        ("pairs", 0.15),
        ("did", 0.17),
        ("durations", 0.15),
        ("series16", 0.17),
        ("staggered_small", 0.17),
        ("raked6", 0.15),
        ("two_estimates", 0.15),
    ],
)
def test_the_methods_of_the_notebooks_do_not_miss_far_too_often(scene: str, most: float) -> None:
    found = rate_of_misses(scene, 40)
    ours = found[~found.index.str.startswith("(")]
    assert (ours <= most).all(), ours


# what is known to miss more than it says is named in docs/methods/change.md
LIBERAL = {
    "series, level, 24 points, lag-1 0.7": 0.09,
    "design and Newcombe at 100 %, 8 buildings": 0.09,
}


@pytest.mark.soak
@pytest.mark.parametrize("scene", sorted(SCENES))
def test_misses_are_near_five_percent(scene: str) -> None:
    found = rate_of_misses(scene, 2000)
    for method, value in found.items():
        if not str(method).startswith("("):
            assert value <= LIBERAL.get(str(method), 0.08), (method, value)


def main() -> None:
    draws = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    print("| method | draws | misses of a nominal 5 % |")
    print("| --- | --- | --- |")
    for scene in sys.argv[2:] or SCENES:
        for method, value in rate_of_misses(scene, draws).items():
            print(f"| {method} | {draws} | {100 * value:.1f} % |", flush=True)


if __name__ == "__main__":
    main()
