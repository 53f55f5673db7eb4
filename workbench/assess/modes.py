"""How the answers of one mode of the survey differ from another's, item by item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench import survey
from workbench.assess.facts import MODES
from workbench.assess.sample import NUMBERS, Sample, labelled
from workbench.assess.satisfaction import bound_items, satisfaction_items, top_codes, topic
from workbench.survey.rows import to_rows

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["modes"]

Row = dict[str, Any]

_HOW = {"raw": ("未调整", "as they are"), "adjusted": ("构成调整后", "adjusted")}
_KEPT = [*NUMBERS, "p_adjusted", "family"]


def modes(c: Community, sample: Sample) -> list[Row]:
    """Compare the modes of this wave on every satisfaction item, raw and adjusted for make-up.

    All modes stand beside each other, drawn samples and opt-in ones; nothing without two modes of
    ``min_cell`` answers. See :func:`workbench.survey.mode_effects`.
    """
    book = [i for i in satisfaction_items(c) if i in c.tables["responses"]]
    bound = [i for i in bound_items(c, book) if i in book]
    items = [*bound, *(i for i in book if i not in bound)]
    held = [v for v in c.items("demographic") if v in c.tables["responses"]]
    design, drawn = _together(c, sample, [*items, *held])
    if design is None or not items:
        return []
    top = top_codes(c, items)
    shares = {}
    for item in items:
        codes = design.data[item].to_numpy(dtype=float)
        shares[item] = np.where(np.isnan(codes), np.nan, np.isin(codes, list(top[item])))
    made = {name: design.data[name] for name in ("mode", *held)} | shares
    told = survey.mode_effects(
        design.changed(data=pd.DataFrame(made)),
        items,
        "mode",
        adjust=[v for v in held if design.data[v].notna().any()],
        least=max(c.min_cell, 2),
        share=True,
        level=c.level,
    )
    if told.empty:
        return []
    return [_summary(c, told), *(_row(c, one, drawn) for one in to_rows(told))]


def _together(
    c: Community, sample: Sample, columns: list[str]
) -> tuple[survey.Design | None, set[str]]:
    """Give this wave's answers of all modes as one sample, and the modes that were drawn.

    Drawn and opt-in answers are weighted to the same mean. Weights are taken as they are: the error
    is that of the primary units, buildings, and of each answer of those who chose to take part and
    bear no building.
    """
    parts = []
    drawn: set[str] = set()
    for design, kind in ((sample.raked, "drawn"), (sample.opt_in, "opt_in")):
        if design is None:
            continue
        use = design.inside & design.data["wave"].eq(c.wave).to_numpy()
        if not use.any():
            continue
        if kind == "drawn":
            drawn = set(design.data.loc[use, "mode"].dropna())
        parts.append((design, kind, use))
    if not parts:
        return None, drawn
    if len(parts) == 1 or parts[1][2].sum() < c.min_cell:
        design, _, use = parts[0]
        return design.subset(use), drawn
    frames = []
    for design, kind, use in parts:
        unit = "person" if "person" in design.data else "psu"
        frame = design.data.loc[use, list(dict.fromkeys([*columns, "mode", "stratum", unit]))]
        w = design.weights[use]
        units, rows = frame[unit].to_numpy(object), [f"{kind} {i}" for i in frame.index]
        strata = frame["stratum"].fillna("?") if kind == "drawn" else kind
        frames.append(
            frame.assign(
                _weight=w / w.mean(),
                _stratum=strata,
                _unit=[r if pd.isna(u) else u for u, r in zip(units, rows, strict=True)],
            )
        )
    data = pd.concat(frames, ignore_index=True)
    return survey.Design(data, weights="_weight", strata="_stratum", psu="_unit"), drawn


def _row(c: Community, one: dict[Any, Any], drawn: set[str]) -> Row:
    item = one["item"]
    a, b = (MODES.get(one[k], (one[k],) * 2) for k in ("mode", "reference"))
    how = _HOW[one["adjustment"]]
    row = labelled(
        f"fieldwork.mode.{item}.{one['mode']}.{one['adjustment']}",
        "estimate",
        f"{topic(c, item, 'zh')}：{a[0]}减{b[0]}（{how[0]}）",
        f"{topic(c, item, 'en')}: {a[1]} minus {b[1]} ({how[1]})",
        wave=c.wave,
        item=item,
        **{k: one[k] for k in _KEPT if k in one},
    )
    free = [w for m, w in ((one["mode"], a), (one["reference"], b)) if m not in drawn]
    if free:
        row["reason_zh"] += f"；{'、'.join(w[0] for w in free)}由居民自愿参与"
        row["reason_en"] += f"; residents chose to take part by {' and '.join(w[1] for w in free)}"
    return row


def _summary(c: Community, told: pd.DataFrame) -> Row:
    """Say how many items differ clearly between modes, after adjustment where there was any."""
    last = told[told["p_adjusted"].notna()]
    clear = last[last["p_adjusted"].lt(1 - c.level)]
    n, k = last["item"].nunique(), clear["item"].nunique()
    return labelled(
        "fieldwork.mode.summary",
        "text",
        "调查方式之间的差异",
        "Differences between modes",
        wave=c.wave,
        value=float(k),
        display_zh=f"{n}题中{k}题在不同方式之间有明显差异；差异混有谁选了哪种方式",
        display_en=f"{k} of {n} items differ clearly between modes; who chose which mode is mixed "
        "into it",
        method="survey.mode_effects",
    )
