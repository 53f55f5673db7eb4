"""A second edition beside the first: no cell that one withholds may follow from the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from workbench.survey.disclosure import HIDDEN

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["beside_earlier"]


def beside_earlier(c: Community, frame: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Withhold a whole table where an earlier edition withheld other cells of it than this one.

    Two editions show the same total. Where the first withholds cells A and B and the second A and
    C, what did not change between them gives A away: as the total less what either shows. So the
    same cells are withheld in all editions, or none of the table is shown.

    Parameters
    ----------
    c
        The unit; ``earlier_editions`` of its settings name what each edition before this one
        withheld. A first edition has none and comes back as it is.
    frame
        Result of :func:`workbench.survey.disclosure` with the ids of the findings in ``finding``.
    by
        Columns that tell one table of cells from another.

    Returns
    -------
    DataFrame
        The frame; rows of such tables are ``suppressed``, flags ``disclosure_edition``.

    References
    ----------
    Hundepool et al. (2012), *Statistical Disclosure Control*, 4.3 (differencing linked tables).
    """
    earlier = [set(e["withheld"]) for e in c.settings.get("earlier_editions") or ()]
    if not earlier or frame.empty:
        return frame
    out = frame.copy()
    tables = out.groupby(list(by), dropna=False, sort=False).ngroup()
    for number in tables.unique():
        own = tables.eq(number)
        names = set(out.loc[own, "finding"])
        flagged = out["flags"].fillna("").str.contains("disclosure")
        now = set(out.loc[own & flagged, "finding"])
        # an edition that withheld the whole table shows nothing that could be compared
        before = [told & names for told in earlier if not names <= told]
        if all(told == now for told in before):
            continue
        hide = own & ~flagged
        for column in HIDDEN:
            if column in out:
                out.loc[hide, column] = float("nan")
        out.loc[hide, "status"] = "suppressed"
        out.loc[hide, "flags"] = "disclosure_edition"
        out.loc[hide, "reason_zh"] = "与前一版对照可推算出小格，本版整表不公布"
        out.loc[hide, "reason_en"] = (
            "the whole table is withheld in this edition: set against an earlier one it would "
            "give a small cell away"
        )
    return out
