"""What labels have in common is said once and no word is cut."""

from __future__ import annotations

import pytest

from workbench.wording import ems, shared


@pytest.mark.parametrize(
    ("labels", "ends"),
    [
        (["share of lifts", "share of lights", "share of parks"], ("share of ", "")),
        (["lift works now", "light works now", "lid works now"], ("", " works now")),
        (["satisfied with a", "satisfied with b"], ("", "")),
        (["satisfied with a", "satisfied with a", "satisfied with b"], ("", "")),
        (["satisfied with", "satisfied with a", "satisfied with b"], ("satisfied ", "")),
        (["一类小区", "二类小区", "三类小区"], ("", "")),
        (["对环境满意的居民", "对治安满意的居民", "对文化满意的居民"], ("对", "满意的居民")),
        (
            ["a b (one), this wave", "c d (two), this wave", "e (six), this wave"],
            ("", ", this wave"),
        ),
        (["a share of (all a)", "a share of (all b)", "a share of (all c)"], ("a share of ", "")),
        ([], ("", "")),
    ],
)
def test_the_shared_ends_are_found(labels: list[str], ends: tuple[str, str]) -> None:
    assert shared(labels) == ends
    for label in labels:
        assert label.removeprefix(ends[0]).removesuffix(ends[1]).strip()


def test_chinese_is_twice_as_wide() -> None:
    assert ems("ab居民") == 3.0
