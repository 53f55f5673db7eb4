"""Changes of all units side by side: what ``notebooks/batch.ipynb`` says about before and after.

It reads findings and the list of units, never rows of persons.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from workbench.overview import Batch

__all__ = ["controlled", "many_tests", "regressed"]

_LOWEST = 0.2  # METHODS_AND_GRADES §2, check 1: the lowest fifth of the baselines


def _changes(b: Batch) -> pd.DataFrame:
    """Give the weighted change of each item and unit, with its level before and after."""
    rows = b.read(r"change\.[a-z0-9_]+\.top2")
    rows = rows[rows["value"].notna() & rows["baseline"].notna()]
    return rows.merge(b.units[["community", "name"]], on="community")


def many_tests(b: Batch) -> pd.DataFrame:
    """Say how many of all comparisons are below 5 %, after correction, and by chance alone."""
    import pandas as pd

    from workbench import change

    rows = _changes(b)
    rows = rows[rows["p_value"].notna()]
    if rows.empty:
        return pd.DataFrame()
    method = str(b.settings["decisions"].get("multiplicity") or "holm")
    made = change.check_many_tests(rows[["p_value"]], method=method)
    return made.assign(finding="overview.check.17", kind="check")


def regressed(b: Batch) -> pd.DataFrame:
    """Check 1 for each unit: what is left of its change without regression to the mean.

    Asked of the units whose baseline was in the lowest fifth, where a gain is expected without
    any effect: the interval of the change, moved by what is expected (see
    :func:`workbench.overview.regression`), must leave out zero.
    """
    import pandas as pd

    from workbench.overview import regression

    expected = regression(b)
    if expected.empty:
        return pd.DataFrame()
    item = str(expected["item"].iloc[0])
    changed = _changes(b)
    changed = changed[changed["finding"].eq(f"change.{item}.top2")].set_index("community")
    rank = changed["baseline"].rank(method="max", pct=True)
    rows = []
    for one in expected.to_dict("records"):
        unit = one["community"]
        if unit not in changed.index:
            continue
        mine = changed.loc[unit]
        gain, move = float(mine["value"]), float(one["value"])
        low, high = float(mine["ci_low"]) - move, float(mine["ci_high"]) - move
        asked = bool(rank[unit] <= _LOWEST) and move > 0
        left = asked and not (low > 0 or high < 0)
        points = (100 * gain, 100 * move, 100 * (gain - move))
        words = [f"{p:+.1f}".replace("-", "−") for p in points]
        if asked:
            zh = (
                f"基期居最低五分之一；变化{words[0]}点，其中无需任何作用也预期{words[1]}点，"
                f"余{words[2]}点"
            )
            en = (
                f"baseline in the lowest fifth; of a change of {words[0]} points {words[1]} are "
                f"expected without any effect, {words[2]} are left"
            )
            if left:
                zh += "，余下部分不能与零区分"
                en += ", which cannot be told from none"
        else:
            zh = f"基期不在最低五分之一；仅因基期高低而预期的变化为{words[1]}点"
            en = f"baseline not in the lowest fifth; {words[1]} points are expected by its position"
        rows.append(
            {
                "finding": "context.check.01",
                "community": unit,
                "kind": "check",
                "label_zh": "向均值回归",
                "label_en": "regression to the mean",
                "verdict": "failed" if left else "passed",
                "severity": "warning",
                "reach": "indicator",
                "display_zh": zh,
                "display_en": en,
                "value": round(gain - move, 3),
                "unit": "pp",
                "item": item,
                "method": "change.check.01",
            }
        )
    return pd.DataFrame(rows)


def controlled(b: Batch) -> pd.DataFrame:
    """Compare the change of treated with that of comparison communities, item by item.

    One figure per community and wave, weighted to its population; the community is the unit of
    inference (t on community changes; p by randomisation while an arm has fewer than 4 or both
    together fewer than 11). Units without a result in both waves, withheld ones and those whose
    ``treated`` is not stated take no part. Empty where the study names no treated communities.

    Returns
    -------
    DataFrame
        ``overview.did.<item>`` and ``overview.did.check.NN``; for each treated community
        ``context.did.<item>``, rounded as printed.
    """
    import pandas as pd

    from workbench import change
    from workbench.assess.changes import check_rows

    arm = _arms(b)
    if not (arm == 1).any():
        return pd.DataFrame()
    rows = _changes(b)
    rows = rows[rows["community"].isin(arm.index)]
    items = [str(i) for i in rows["item"].dropna().unique()]
    if not (arm == 0).any() or not items:
        return pd.DataFrame([_none(items)])
    long = _long(rows, arm, items)
    lacking = [i for i in items if len(set(long.loc[long[i].notna(), "treated"])) < 2]
    items = [i for i in items if i not in lacking]
    few = [i for i in items if long.loc[long[i].notna(), "community"].nunique() < 3]
    items = [i for i in items if i not in few]  # one against one: nothing tells the error
    if not items:
        return pd.DataFrame([_none([*lacking, *few], few=bool(few))])
    waves = {w["id"]: w for w in b.settings.get("waves") or ()}
    margin = b.settings["decisions"].get("margin_pp")
    made, found = change.examine(
        long,
        items,
        by="post",
        baseline=0,
        current=1,
        of="mean",
        community="community",
        treated="treated",
        unit="pp",
        adjust=str(b.settings["decisions"].get("multiplicity") or "holm"),
        margin=None if margin is None else float(margin) / 100,
        level=float(b.settings["decisions"].get("level", 0.95)),
        rng=b.rng("did"),
        absent=(3, 4, 5, 14, 15, 27),
        facts={
            "dates_known": all(w.get("fieldwork") for w in waves.values()),
            "question_known": True,
            "same_question": True,
            "same_denominator": True,
            "same_months": _same_months(b),
            "composition_adjusted": True,
            "regression_to_mean_computed": True,
        },
    )
    labels = {i: _label(rows, i) for i in items}
    sizes = {i: _sizes(long, i) for i in items}
    out = [_told(made, labels, sizes)]
    out.append(check_rows(found, labels, prefix="overview.did"))
    for unit in arm.index[arm == 1]:
        if unit in set(rows["community"]):
            mine = out[0].copy()
            mine["finding"] = mine["finding"].str.replace("overview.", "context.", regex=False)
            out.append(mine.assign(community=unit))
    return pd.concat(out, ignore_index=True)


def _same_months(b: Batch) -> bool | None:
    """Say whether baseline and wave were asked in the same calendar months."""
    waves = {w["id"]: w.get("fieldwork") or () for w in b.settings.get("waves") or ()}
    named = [waves.get(b.settings.get(k)) for k in ("wave", "baseline")]
    if not all(named):
        return None
    now, before = ({str(day)[5:7] for day in days or ()} for days in named)
    return now == before


def _arms(b: Batch) -> pd.Series:
    """Give 1 for treated and 0 for comparison communities; others are left out."""
    import pandas as pd

    if "treated" not in b.units:
        return pd.Series(dtype=int)
    told = b.units.set_index("community")["treated"].astype("string").str.lower()
    return (
        told.map({"true": 1, "1": 1, "1.0": 1, "false": 0, "0": 0, "0.0": 0}).dropna().astype(int)
    )


def _long(rows: pd.DataFrame, arm: pd.Series, items: list[str]) -> pd.DataFrame:
    import pandas as pd

    parts = []
    for post in (0, 1):
        level = rows["baseline"] + post * rows["value"]
        wide = rows.assign(level=level).pivot(index="community", columns="item", values="level")
        wide = wide.reindex(columns=items)
        parts.append(wide.assign(post=post, treated=arm.reindex(wide.index)).reset_index())
    return pd.concat(parts, ignore_index=True)


def _label(rows: pd.DataFrame, item: str) -> tuple[str, str]:
    first = rows[rows["item"].eq(item)].iloc[0]
    return str(first["label_zh"]), str(first["label_en"])


def _sizes(long: pd.DataFrame, item: str) -> tuple[int, int]:
    arms = long.loc[long["post"].eq(1) & long[item].notna(), "treated"]
    return int((arms == 1).sum()), int((arms == 0).sum())


def _told(
    made: pd.DataFrame,
    labels: dict[str, tuple[str, str]],
    sizes: dict[str, tuple[int, int]],
) -> pd.DataFrame:
    out = made.copy()
    out["finding"] = "overview.did." + out["item"]
    out["kind"] = "comparison"
    out["channel"] = "survey"
    out["label_zh"] = [
        f"{labels[i][0]}：干预小区的变化减去对照小区的变化（{sizes[i][0]}个与{sizes[i][1]}个）"
        for i in out["item"]
    ]
    out["label_en"] = [
        f"{labels[i][1]}: change of {sizes[i][0]} treated less that of {sizes[i][1]} others"
        for i in out["item"]
    ]
    out["n"] = [float(sum(sizes[i])) for i in out["item"]]
    numbers = [
        "value",
        "std_error",
        "ci_low",
        "ci_high",
        "p_value",
        "p_adjusted",
        "before",
        "after",
    ]
    out[numbers] = out[numbers].astype(float).round(3)
    return out.drop(columns=["community"], errors="ignore")


def _none(items: list[str], *, few: bool = False) -> dict[str, Any]:
    zh = "没有对照单位" if items else "没有可比较的变化"
    en = "no comparison unit" if items else "no change to compare"
    if few:
        zh, en = "只有两个单位，无从估计误差", "only two units: nothing tells the error"
    return {
        "finding": "overview.did",
        "kind": "comparison",
        "label_zh": "干预与对照单位之差",
        "label_en": "Treated against comparison units",
        "value": math.nan,
        "verdict": "cannot_tell",
        "method": "change.did.community_t",
        "status": "not_computed",
        "reason_zh": zh,
        "reason_en": en,
    }
