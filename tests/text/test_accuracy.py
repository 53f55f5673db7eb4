"""What the machine found beside what people coded."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench.errors import InputError
from workbench.scoring import cohen_kappa
from workbench.survey import binomial_interval
from workbench.text import accuracy

CODED = pd.DataFrame(
    {
        "truth": ["a;b", "a", "b", None, "a", "c", "b;a", None],
        "found": ["a", "a;b", "b", "b", None, "c", "a;b", None],
    }
)


def test_precision_and_recall_are_those_counted_by_hand() -> None:
    told = accuracy(CODED, truth="truth", found="found").set_index(["item", "statistic"])
    a = told.loc[("a", "recall")]
    assert (a["numerator"], a["denominator"], a["value"]) == (3, 4, 0.75)
    assert (a["ci_low"], a["ci_high"]) == pytest.approx(binomial_interval(3, 4))
    b = told.loc[("b", "precision")]
    assert (b["numerator"], b["denominator"]) == (2, 4)
    assert told.loc[("b", "f1"), "value"] == pytest.approx(2 * 2 / (3 + 4))
    assert told.loc[("*", "same"), "numerator"] == 4
    said = CODED["truth"].str.contains("a", na=False).astype(float)
    found = CODED["found"].str.contains("a", na=False).astype(float)
    kappa = cohen_kappa(pd.DataFrame({"x": said, "y": found}))["value"].iloc[0]
    assert told.loc[("a", "kappa"), "value"] == pytest.approx(kappa)


def test_classes_nobody_found_or_gave_are_not_computed_not_zero() -> None:
    told = accuracy(CODED.iloc[:2], truth="truth", found="found", classes=["a", "z"])
    z = told[told["item"].eq("z") & told["statistic"].isin(["precision", "recall", "f1"])]
    assert z["status"].eq("not_computed").all()
    assert z["value"].isna().all()


def test_one_class_each_gives_one_kappa_and_order_does_not_matter() -> None:
    rng = np.random.default_rng(5)
    words = np.array(["negative", "neutral", "positive"])
    frame = pd.DataFrame({"t": words[rng.integers(0, 3, 60)], "f": words[rng.integers(0, 3, 60)]})
    one = accuracy(frame, truth="t", found="f")
    other = accuracy(frame.sample(frac=1, random_state=1), truth="t", found="f")
    pd.testing.assert_frame_equal(one, other)
    codes = frame.apply(lambda column: column.map({w: float(i) for i, w in enumerate(words)}))
    kappa = one.loc[one["item"].eq("*") & one["statistic"].eq("kappa"), "value"].item()
    assert kappa == pytest.approx(cohen_kappa(codes)["value"].iloc[0])


def test_missing_columns_are_all_named() -> None:
    with pytest.raises(InputError) as error:
        accuracy(pd.DataFrame({"x": []}), truth="truth", found="found")
    assert [p.column for p in error.value.problems] == ["truth", "found"]
