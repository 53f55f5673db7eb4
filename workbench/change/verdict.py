"""The verdict of a comparison: one object that feeds table, chart and sentence."""

from __future__ import annotations

import math
from dataclasses import dataclass

from workbench.change._frames import refuse

__all__ = ["VERDICTS", "Verdict", "judge"]


@dataclass(frozen=True)
class Verdict:
    """What a comparison shows: ``code`` with its words; nothing else may name the result."""

    code: str
    zh: str
    en: str


VERDICTS: dict[str, Verdict] = {
    "better": Verdict("better", "变好", "better"),
    "worse": Verdict("worse", "变差", "worse"),
    "no_relevant_change": Verdict(
        "no_relevant_change", "没有有意义的变化", "no change that matters"
    ),
    "cannot_tell": Verdict("cannot_tell", "无法判断", "cannot tell"),
}


def judge(
    ci: tuple[float, float],
    inner: tuple[float, float],
    *,
    margin: float | None,
    up: bool = True,
    p_value: float | None = None,
    level: float = 0.95,
    null: float = 0.0,
) -> Verdict:
    """Say better, worse, no relevant change or cannot tell.

    Parameters
    ----------
    ci
        Interval of the difference (after minus before) at ``level``.
    inner
        Interval at ``2 * level - 1`` (90 % beside 95 %), for two one-sided tests.
    margin
        Largest change that does not matter, in the unit of the difference, above 0; ``None``: no
        margin was stated, so "no relevant change" is never said.
    up
        Whether a higher value is the better one.
    p_value
        Two-sided; when given it must agree with ``ci`` (both or neither) or nothing can be told.
    level
        Confidence level of ``ci``.
    null
        The value of no change: 0 for differences, 1 for ratios (``margin`` is then the distance
        of the logarithms).

    Returns
    -------
    Verdict

    Raises
    ------
    InputError
        ``change.margin`` when the margin is not above 0.

    Notes
    -----
    ``inner`` inside (-margin, +margin) is the test of equivalence by two one-sided tests
    (Schuirmann 1987); it is asked first, so a change that is certain and too small to matter is
    ``no_relevant_change``. Else ``ci`` must leave out ``null``. A wide interval is ``cannot_tell``
    and never "unchanged".

    Examples
    --------
    >>> judge((0.02, 0.20), (0.03, 0.19), margin=0.05).code
    'better'
    >>> judge((-0.03, 0.03), (-0.02, 0.02), margin=0.05).code
    'no_relevant_change'
    >>> judge((-0.09, 0.11), (-0.07, 0.09), margin=0.05).code
    'cannot_tell'
    """
    if margin is not None and not margin > 0:
        refuse(
            "margin",
            "等效界值须大于 0",
            "an equivalence margin is above 0",
            "写明多大的变化才有意义，或不写界值",
            "state the smallest change that matters, or none",
            found=str(margin),
        )
    low, high = ci
    if any(math.isnan(x) for x in (low, high, *inner)):
        return VERDICTS["cannot_tell"]
    if null == 1.0:
        low, high, inner = _log(low), _log(high), (_log(inner[0]), _log(inner[1]))
    if margin is not None and -margin < inner[0] and inner[1] < margin:
        return VERDICTS["no_relevant_change"]
    agreed = p_value is None or math.isnan(p_value) or p_value < 1 - level + 1e-12
    if agreed and low > 0:
        return VERDICTS["better" if up else "worse"]
    if agreed and high < 0:
        return VERDICTS["worse" if up else "better"]
    return VERDICTS["cannot_tell"]


def _log(x: float) -> float:
    return -math.inf if x <= 0 else math.log(x)
