"""What people decided about the data: applied by code, and undone one by one to see the effect.

A judgement of kind ``exclusion``, ``outlier`` or ``device_window`` names what it strikes out in
``object``: ``<table>:<id>`` (all rows of that id) or ``<table>:<column>=<value>``; ``from`` and
``to`` bound it in time (months, days, or wave ids), both ends included. Corrections were applied at
intake; here the value that was put right can be put back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from workbench.intake.tables import TABLES

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["STRIKES", "apply", "reverted", "struck"]

STRIKES = ("exclusion", "outlier", "device_window")
"""Kinds of judgement that strike out rows."""

# the column of a table that ``from`` and ``to`` bound
_TIME = {"measurements": "period", "requests": "received", "responses": "wave"} | {
    "inspections": "wave",
    "facts": "date",
}


def struck(frame: pd.DataFrame, table: str, judgement: Mapping[str, Any]) -> pd.Series:
    """Say of each row of ``table`` whether the judgement strikes it out."""
    import pandas as pd

    name, _, what = str(judgement["object"]).partition(":")
    if name != table or judgement["kind"] not in STRIKES:
        return pd.Series(False, index=frame.index)
    column, equals, value = what.partition("=")
    if not equals:
        column, value = TABLES[table].id, what
    if column not in frame:
        return pd.Series(False, index=frame.index)
    hit = frame[column].astype("string").eq(value).fillna(False).astype(bool)
    when = frame[_TIME[table]].astype("string") if table in _TIME else None
    if when is not None:
        first, last = judgement.get("from"), judgement.get("to")
        if isinstance(first, str) and first:
            hit &= when.ge(first).fillna(False)
        if isinstance(last, str) and last:
            hit &= (when.le(last) | when.str.startswith(last)).fillna(False)
    return hit


def apply(
    tables: Mapping[str, pd.DataFrame],
    judgements: pd.DataFrame | None,
    *,
    but: Collection[str] = (),
) -> dict[str, pd.DataFrame]:
    """Strike out what the judgements name, all but those with the ids ``but``."""
    out = dict(tables)
    if judgements is None:
        return out
    for one in judgements.to_dict("records"):
        table = str(one["object"]).partition(":")[0]
        if one["kind"] in STRIKES and one["id"] not in but and table in out:
            told = {str(name): value for name, value in one.items()}
            out[table] = out[table][~struck(out[table], table, told)].reset_index(drop=True)
    return out


def reverted(
    tables: Mapping[str, pd.DataFrame], correction: Mapping[str, Any]
) -> dict[str, pd.DataFrame] | None:
    """Put back the value that a correction replaced; ``None`` when no single row fits it."""
    table, column = str(correction["table"]), str(correction["item"])
    if table not in tables or table not in TABLES or column not in tables[table]:
        return None
    frame = tables[table]
    hit = frame[TABLES[table].id].eq(correction["key"])
    if isinstance(correction.get("wave"), str) and "wave" in frame:
        hit &= frame["wave"].eq(correction["wave"])
    old, new = correction.get("old_value"), correction.get("new_value")
    if str(frame[column].dtype).startswith("float"):
        old = float(old) if isinstance(old, str) else None
        new = float(new) if isinstance(new, str) else None
    hit &= frame[column].isna() if new is None or new != new else frame[column].eq(new)
    if int(hit.sum()) != 1:
        return None
    changed = frame.copy()
    changed.loc[hit, column] = old
    return {**tables, table: changed}
