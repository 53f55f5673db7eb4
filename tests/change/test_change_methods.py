"""Every method key that a result carries is named, with formula and source."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

PACKAGE = Path(__file__).resolve().parents[2] / "workbench" / "change"


@pytest.fixture(scope="module")
def named() -> dict[str, dict[str, str]]:
    return yaml.safe_load((PACKAGE / "methods.yaml").read_text(encoding="utf-8"))


def test_each_method_has_names_formula_and_citation(named: dict[str, dict[str, str]]) -> None:
    for key, entry in named.items():
        assert set(entry) == {"zh", "en", "formula", "citation"}, key
        assert all(entry.values()), key
        assert re.search(r"[\u4e00-\u9fff]|[A-Z]", entry["zh"]), key


def test_each_key_written_in_the_code_is_named(named: dict[str, dict[str, str]]) -> None:
    stems = ("ols", "did", "two_way", "marginal_homogeneity", "signed_rank")
    for path in PACKAGE.glob("*.py"):
        for key in re.findall(r'"(change\.[a-z_0-9.]+)"', path.read_text(encoding="utf-8")):
            assert key in named or key.removeprefix("change.") in stems, f"{path.name}: {key}"


@pytest.mark.shared
def test_each_key_in_the_reference_runs_is_named(
    named: dict[str, dict[str, str]], shared: Path
) -> None:
    import pandas as pd

    from workbench import change

    folder = shared / "reference" / "before_after" / "data"
    panel = pd.read_csv(folder / "panel_two_waves.csv").dropna()
    counts = pd.read_csv(folder / "counts_before_after.csv")
    counts["t"], counts["late"] = (
        counts["households"] * counts["months"],
        counts["period"] == "after",
    )
    did = pd.read_csv(folder / "did_two_by_two.csv")
    series = pd.read_csv(folder / "monthly_series.csv")
    stag = pd.read_csv(folder / "did_staggered.csv")
    cases = pd.read_csv(folder / "cases_durations.csv")
    yes = [(panel[c] >= 4).astype(int) for c in ("item_w1", "item_w2")]
    wide = {"outcome": "score", "unit": "unit", "time": "quarter", "first_treated": "first_treated"}
    both = {"baseline": "before", "current": "after", "by": "period"}
    frames = [
        change.paired_means(panel["score_w1"], panel["score_w2"]),
        change.paired_ranks(panel["item_w1"], panel["item_w2"]),
        change.paired_shares(*yes),
        change.marginal_homogeneity(panel["item_w1"], panel["item_w2"]),
        change.paired_by_community(
            panel, before="score_w1", after="score_w2", community="community"
        ),
        change.rate_models(counts, count="complaints", exposure="t", after="late",
                           community="community"),
        change.rate_ratio(23, 4, exposure_before=1440, exposure_after=1080),
        change.did(did, outcome="score", community="community", treated="treated", post="post"),
        change.segmented(series, value="complaints", time="t", start=28),
        change.segmented_counts(series, count="complaints", exposure="households", time="t",
                                start=28),
        change.two_way_effects(stag, **wide),
        change.callaway_santanna(stag, **wide),
        change.survival_change(cases, duration="days", closed="closed", strata="priority", **both),
        change.kaplan_meier(cases, duration="days", closed="closed"),
        change.two_shares(21, 50, 38, 50),
        change.share(3, 9),
        change.target_test(3, 9, 0.5),
        change.equivalence_shares(3, 9, 4, 9, margin=0.1),
        change.published(42, 76, n_before=50, n_after=50, response_before=0.4, response_after=0.4),
    ]  # fmt: skip
    used = {key for frame in frames for key in frame["method"]}
    assert used <= set(named), used - set(named)
