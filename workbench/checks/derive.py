"""Columns that the suites ask about and no table brings: one function per table.

Each takes the unit's table and what the study says, and returns the table with more columns; a
column is added only where the table can carry it, so that the suite says "not supplied" otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from workbench.community import Community

__all__ = ["DERIVE", "MADE", "by_chance", "copied", "copies"]

SAME_SHEETS = 5  # a sheet that stands so often in one wave was not filled in by so many residents
ANSWERED = 10  # fewer answers, demographics not counted, make equal sheets of honest residents
RESAMPLES = 50


def copies(answers: pd.DataFrame) -> pd.Series:
    """Count how often each row's whole set of answers stands there; 0 where all are missing."""
    import pandas as pd

    if answers.empty:
        return pd.Series(0, index=answers.index)
    text = answers.astype("string").fillna("").agg("\x1f".join, axis=1)
    counts = text.map(text.value_counts())
    return counts.where(answers.notna().any(axis=1), 0).astype(int)


def by_chance(answers: pd.DataFrame, rng: np.random.Generator) -> float:
    """Give the share of sheets standing ``SAME_SHEETS`` times or more that chance alone reaches.

    Each column is shuffled by itself, so that the answers keep their frequencies and lose what
    ties them to one sheet; the 99 % quantile of ``RESAMPLES`` shares is returned.
    """
    import numpy as np
    import pandas as pd

    codes = np.column_stack([pd.factorize(answers[name])[0] for name in answers])
    # a sheet becomes one number: random 64-bit factors, sums modulo 2**64
    factors = rng.integers(1, 2**63, size=codes.shape[1], dtype=np.uint64) | np.uint64(1)
    shares = []
    for _ in range(RESAMPLES):
        mixed = rng.permuted(codes, axis=0).astype(np.uint64)
        counts = np.unique(mixed @ factors, return_counts=True)[1]
        shares.append(counts[counts >= SAME_SHEETS].sum() / len(codes))
    return float(np.quantile(shares, 0.99))


def copied(frame: pd.DataFrame, c: Community) -> pd.Series | None:
    """Mark this wave's sheets that equal four or more others: 1, 0, or missing where not asked.

    Only questionnaires of a probability sample or census are looked at, and of these only sheets
    with ``ANSWERED`` answers or more count as copies; demographics belong to the sheet and do not
    count. Where chance alone makes as many equal sheets, all are 0. ``None`` where the
    questionnaire is too short to tell.
    """
    items = [n for n in c.items("satisfaction", "behaviour", "other") if n in frame]
    asked = items + [name for name in c.items("demographic") if name in frame]
    if len(items) < ANSWERED:
        return None
    mine = frame["wave"].eq(c.wave) & c.kind_of_sample(frame).ne("opt_in")
    full = mine & frame[items].notna().sum(axis=1).ge(ANSWERED)
    out = mine.astype(float).where(mine) * 0.0
    if not full.any():
        return None
    same = copies(frame.loc[full, asked]).ge(SAME_SHEETS)
    if same.any() and same.mean() > by_chance(frame.loc[full, asked], c.rng("copies")):
        out.loc[same.index] = same.astype(float)
    return out


def _communities(frame: pd.DataFrame, c: Community) -> pd.DataFrame:
    """Ask for households where a rate needs them, of the unit itself; missing counts as 0."""
    needed = any(str(m.get("statistic", "")).startswith("per_100_h") for m in c.measures.values())
    if not (needed or c.has("requests")):
        return frame
    own = frame["community"].eq(c.community)
    return frame.assign(own_households=frame["households"].fillna(0.0).where(own))


def _responses(frame: pd.DataFrame, c: Community) -> pd.DataFrame:
    import numpy as np

    out = frame.copy()
    now = out["wave"].eq(c.wave)
    out["is_current"] = now.astype(int)
    probability = c.kind_of_sample(out).eq("probability")
    if out["base_weight"].notna().any():
        out["design_weight"] = out["base_weight"].where(probability, 1.0).fillna(0.0)
    if out["psu"].notna().any():
        out["design_psu"] = out["psu"].where(probability, "-")
    items = [name for name in c.items("satisfaction") if name in out]
    same = copied(out, c)
    if same is not None:
        out["copied_current"] = same
    if len(items) >= 4:
        given = out.loc[now, items]
        flat = given.nunique(axis=1).eq(1) & given.notna().sum(axis=1).ge(len(items) / 2)
        out["straight_current"] = flat.astype(float).reindex(out.index)
    if items:
        out["missing_current"] = out.loc[now, items].isna().mean(axis=1).reindex(out.index)
    seconds = (out["finished"] - out["started"]).dt.total_seconds()
    if seconds.notna().any():
        typical = np.nanmedian(seconds.where(now & seconds.gt(0)))
        fast = seconds.lt(0.3 * typical).where(seconds.notna())
        out["speeding_current"] = fast.where(now).astype(float)
    return out


def _inspections(frame: pd.DataFrame, c: Community) -> pd.DataFrame:
    out = frame.copy()
    out["mark"] = out["score"].fillna(out["passed"])
    lost = out["score"].lt(out["max_score"]) | out["passed"].eq(0.0)
    out["reason_missing"] = (lost & out["reason"].isna()).astype(int)
    mine = out["wave"].eq(c.wave) & out["visit"].eq("announced")
    out["announced_role"] = out["role"].where(mine)
    return out


def _measurements(frame: pd.DataFrame, c: Community) -> pd.DataFrame:
    out = frame.copy()
    out["figure"] = out["value"].fillna(out["numerator"] / out["denominator"])
    monthly = out.loc[out["period"].str.fullmatch(r"\d{4}-\d{2}", na=False)]
    out["gap"] = 0
    months = monthly["period"].str[:4].astype(int) * 12 + monthly["period"].str[5:].astype(int)
    for _, own in months.groupby(monthly["indicator"]):
        out.loc[own.index[:1], "gap"] = own.max() - own.min() + 1 - own.nunique()
    return out


DERIVE: dict[str, Callable[[pd.DataFrame, Community], pd.DataFrame]] = {
    "communities": _communities,
    "responses": _responses,
    "inspections": _inspections,
    "measurements": _measurements,
}

MADE: dict[str, frozenset[str]] = {
    "communities": frozenset({"own_households"}),
    "responses": frozenset(
        "is_current design_weight design_psu copied_current straight_current missing_current "
        "speeding_current".split()
    ),
    "inspections": frozenset({"mark", "reason_missing", "announced_role"}),
    "measurements": frozenset({"figure", "gap"}),
}
"""The columns that each of them may add."""
