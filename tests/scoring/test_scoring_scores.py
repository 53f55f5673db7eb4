"""Composite scores: schemes, tables that add up, missing results, intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench import scoring
from workbench.errors import InputError


def three(d: float, f: float, s: float) -> pd.DataFrame:
    return pd.DataFrame(
        {"indicator": ["d", "f", "s"], "channel": ["record", "inspection", "survey"],
         "max_points": 10, "attainment": [d, f, s], "attainment_se": 0.0}
    )  # fmt: skip


def many(seed: int = 0, communities: int = 3, gaps: bool = False) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    channels = ["record", "inspection", "survey", "mystery"]
    rows = [
        {"community": f"C{c}", "indicator": f"i{k:02d}", "channel": channels[k % 4],
         "dimension": f"d{k % 5}", "max_points": float(rng.integers(2, 10)),
         "attainment": rng.random(), "attainment_se": rng.random() * 0.1}
        for c in range(communities) for k in range(20)
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    if gaps:
        frame.loc[[3, 24], "attainment"] = np.nan
    return frame


def total(frame: pd.DataFrame, **options: object) -> pd.Series:
    out = scoring.composite(frame, **options)
    return out[out["part"] == "total"].iloc[0]


def test_scheme_a_printed_case():
    assert total(three(0.9, 0.8, 0.7), scheme="A")["value"] == pytest.approx(81.0)


def test_scheme_b_printed_case():
    frame = three(0.85, 0.80, 0.70).assign(channel=["record", "mystery", "survey"])
    assert total(frame, scheme="B")["value"] == pytest.approx(79.8)


def test_effective_weights_of_scheme_b_are_56_14_30():
    parts = scoring.scheme("B").parts
    assert [round(p.weight, 10) for p in parts] == [0.56, 0.14, 0.30]


@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("scheme", ["A", "B"])
def test_the_table_adds_up_every_way(gaps, scheme):
    out = scoring.composite(many(gaps=gaps), scheme=scheme)
    assert (out["status"] == "ok").sum() > 40
    for _, table in out.groupby("community"):
        whole = float(table.loc[table["part"] == "total", "value"].iloc[0])
        for part in ("indicator", "channel", "dimension"):
            assert table.loc[table["part"] == part, "contribution"].sum() == pytest.approx(whole)
        channels = table[table["part"] == "channel"]
        assert (channels["weight"] * channels["value"]).sum() == pytest.approx(whole)
        for _, row in table[table["part"].isin(["channel", "dimension"])].iterrows():
            assert row["value"] == pytest.approx(100 * row["points"] / row["max_points"])
        points = table[table["part"] == "indicator"]
        for d, group in points.groupby("dimension"):
            row = table[table["finding"] == f"score.dimension.{d}"].iloc[0]
            assert group["points"].sum() == pytest.approx(row["points"])


def test_total_by_hand():
    frame = many(gaps=True)
    out = scoring.composite(frame, scheme="A")
    own = frame[(frame["community"] == "C0") & frame["attainment"].notna()]
    expected = 0.0
    for weight, channels in (
        (0.4, ["record"]),
        (0.3, ["inspection", "mystery"]),
        (0.3, ["survey"]),
    ):
        part = own[own["channel"].isin(channels)]
        earned = (part["attainment"] * part["max_points"]).sum()
        expected += weight * 100 * earned / part["max_points"].sum()
    got = out[(out["community"] == "C0") & (out["part"] == "total")]["value"].iloc[0]
    assert got == pytest.approx(expected)


def test_max_points_times_a_constant_change_no_score():
    frame = many()
    one = scoring.composite(frame, scheme="A")
    ten = scoring.composite(frame.assign(max_points=frame["max_points"] * 10), scheme="A")
    for column in ("std_error", "ci_low", "ci_high", "contribution"):
        keep = one["part"] != "indicator"
        np.testing.assert_allclose(one.loc[keep, column], ten.loc[keep, column])
    np.testing.assert_allclose(one["contribution"], ten["contribution"])


def test_weights_times_a_constant_change_nothing():
    frame = three(0.9, 0.8, 0.7)
    small = total(frame, scheme={"record": 4, "inspection": 3, "survey": 3})
    large = total(frame, scheme={"record": 40, "inspection": 30, "survey": 30})
    assert small["value"] == pytest.approx(81.0)
    assert small["value"] == large["value"]


def test_order_of_communities_and_indicators_changes_nothing():
    frame = many(gaps=True)
    key = ["community", "finding"]
    one = scoring.composite(frame, scheme="B").sort_values(key).reset_index(drop=True)
    mixed = frame.sample(frac=1, random_state=2)
    two = scoring.composite(mixed, scheme="B").sort_values(key).reset_index(drop=True)
    pd.testing.assert_frame_equal(one, two)


def test_each_community_scores_the_same_alone_as_among_others():
    frame = many(gaps=True)
    among = scoring.composite(frame, scheme="A")
    for name, own in frame.groupby("community"):
        alone = scoring.composite(own.drop(columns="community"), scheme="A")
        part = among[among["community"] == name].drop(columns="community")
        pd.testing.assert_frame_equal(alone, part.reset_index(drop=True), check_dtype=False)


def test_deductions_stop_at_zero_and_at_the_cap():
    frame = three(0.9, 0.8, 0.7).assign(attainment=[0.9, np.nan, 0.7])
    frame["deductions"] = [np.nan, 14.0, np.nan]
    out = scoring.composite(frame, scheme="A").set_index("finding")
    assert out.loc["score.points.f", "points"] == 0
    frame["deduction_cap"] = 6.0
    out = scoring.composite(frame, scheme="A").set_index("finding")
    assert out.loc["score.points.f", "points"] == 4


def test_missing_channel_leaves_the_total_open_with_bounds():
    frame = three(0.9, np.nan, 0.7)
    row = total(frame, scheme="A")
    assert np.isnan(row["value"])
    assert (row["status"], row["flags"]) == ("not_computed", "incomplete")
    assert (row["bound_low"], row["bound_high"]) == (pytest.approx(57.0), pytest.approx(87.0))
    assert "线下实地核查" in row["reason_zh"]
    assert "on-site verification" in row["reason_en"]


def test_channel_without_any_indicator_is_a_gap_too():
    row = total(three(0.9, 0.8, 0.7).iloc[[0, 1]], scheme="A")
    assert row["status"] == "not_computed"
    assert (row["bound_low"], row["bound_high"]) == (pytest.approx(60.0), pytest.approx(90.0))


def test_missing_indicator_rescales_and_says_so():
    frame = pd.concat([three(0.9, 0.8, 0.7), three(0.1, np.nan, 0.5).assign(indicator=list("xyz"))])
    row = total(frame, scheme="A")
    assert row["flags"] == "rescaled"
    assert row["value"] == pytest.approx(0.4 * 50 + 0.3 * 80 + 0.3 * 60)
    assert row["bound_low"] == pytest.approx(0.4 * 50 + 0.3 * 40 + 0.3 * 60)
    assert row["bound_high"] == pytest.approx(0.4 * 50 + 0.3 * 90 + 0.3 * 60)
    strict = total(frame, scheme="A", missing="bounds")
    assert strict["status"] == "not_computed"
    wary = total(frame, scheme="A", min_share=0.6)
    assert wary["status"] == "not_computed"


def test_error_adds_up_within_a_channel_and_in_quadrature_between():
    frame = three(0.5, 0.5, 0.5).assign(attainment_se=[0.0, 0.04, 0.03])
    row = total(frame, scheme="A")
    assert row["std_error"] == pytest.approx(np.hypot(0.3 * 4, 0.3 * 3))
    assert row["se_survey"] == pytest.approx(0.9)
    assert row["se_inspection"] == pytest.approx(1.2)
    assert row["ci_high"] - row["value"] == pytest.approx(1.959964 * 1.5, rel=1e-6)
    two = pd.concat([frame, frame.assign(indicator=list("xyz"))])
    assert total(two, scheme="A")["se_survey"] == pytest.approx(0.9)
    assert total(two, scheme="A", correlation=0.0)["se_survey"] == pytest.approx(0.9 / np.sqrt(2))


def test_correlation_matrix_is_the_quadratic_form():
    frame = many(communities=1)
    names = frame["indicator"].tolist()
    rng = np.random.default_rng(4)
    a = rng.normal(size=(20, 25))
    r = pd.DataFrame(np.corrcoef(a), index=names, columns=names)
    out = scoring.composite(frame, scheme="A", correlation=r)
    row = out[out["part"] == "total"].iloc[0]
    points = out[out["part"] == "indicator"].set_index("indicator").loc[names]
    worth = (points["contribution"] / points["points"]).to_numpy()
    s = worth * points["std_error"].to_numpy(dtype=float)
    assert row["std_error"] == pytest.approx(np.sqrt(s @ r.to_numpy() @ s))


def test_limits_keep_the_asymmetry_at_full_points():
    frame = three(0.9, 0.8, 1.0).assign(
        attainment_se=[0, 0, 0.05], attainment_low=[0.9, 0.8, 0.85], attainment_high=[0.9, 0.8, 1]
    )
    row = total(frame, scheme="A")
    assert row["ci_high"] == pytest.approx(row["value"])
    assert row["ci_low"] == pytest.approx(row["value"] - 4.5)


def test_sampled_channel_without_an_error_is_low_precision():
    row = total(three(0.9, 0.8, 0.7).drop(columns="attainment_se"), scheme="A")
    assert (row["status"], row["flags"]) == ("low_precision", "error_unknown")


def test_dimension_scheme_of_equal_weights():
    frame = many(communities=1)
    scheme = scoring.equal_scheme(frame)
    assert scheme.origin == "assumption"
    out = scoring.composite(frame, scheme=scheme)
    dims = out[out["part"] == "dimension"]
    assert out[out["part"] == "total"]["value"].iloc[0] == pytest.approx(dims["value"].mean())


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"max_points": 0}, "scoring.points"),
        ({"attainment": 1.2}, "scoring.points"),
        ({"points": 11}, "scoring.points"),
        ({"deductions": -1}, "scoring.points"),
        ({"indicator": "d"}, "scoring.duplicate-row"),
        ({"channel": "rumour"}, "scoring.scheme"),
        ({"max_points": "viel"}, "scoring.not-a-number"),
    ],
)
def test_wrong_points_are_refused(change, code):
    with pytest.raises(InputError) as caught:
        scoring.composite(three(0.9, 0.8, 0.7).assign(**change), scheme="A")
    assert caught.value.problems[0].code == code


def test_weights_that_do_not_sum_to_one_are_refused():
    part = scoring.Part(slug="x", zh="x", en="x", weight=0.9, members=("x",))
    with pytest.raises(InputError, match="sum to 1"):
        scoring.Scheme(slug="s", parts=(part,), origin="commissioned")
    with pytest.raises(InputError):
        scoring.scheme("C")
    with pytest.raises(InputError):
        scoring.scheme({"a": -1, "b": 2})
