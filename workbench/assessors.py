"""Who scored, over all units: what cells of ``notebooks/batch.ipynb`` call about the assessors.

It reads the totals that each unit's notebook recorded, and never a mark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from workbench.overview import Batch

__all__ = ["agreement", "cross", "severity", "study"]

Row = dict[str, Any]
_PREFIX = "agreement.total.announced."


def _totals(b: Batch) -> pd.DataFrame:
    """Give the totals of the team's visit: community, assessor, role, score, date."""
    rows = b.findings[b.findings["finding"].str.startswith(_PREFIX) & b.findings["value"].notna()]
    told = rows[["community", "item", "subgroup", "value", "date"]]
    told = told.set_axis(["community", "assessor", "role", "score", "date"], axis=1)
    return told.astype({"score": float}).reset_index(drop=True)


def severity(b: Batch) -> pd.DataFrame:
    """Say who is lenient or severe, and where a unit would rank without it.

    Returns
    -------
    DataFrame
        ``overview.severity.<assessor>`` (points, against the mean of those linked with the
        assessor) and, where all assessors are linked by units they share, ``context.severity`` per
        unit: its inspection score and rank before and after. Drift over the field work:
        ``overview.drift.<assessor>``.
    """
    import pandas as pd

    from workbench import scoring

    totals = _totals(b)
    if totals["assessor"].nunique() < 2:
        return pd.DataFrame()
    groups = _linked(totals)
    usable = [p for p in groups if p["assessor"].nunique() > 1 and p["community"].nunique() > 1]
    rows: list[Row] = []
    for part in usable:
        told = scoring.severity(part, unit="community", level=_level(b))
        effects = told[told["statistic"].eq("assessor_effect") & told["value"].notna()]
        for one in effects.to_dict("records"):
            rows.append(
                {
                    "finding": f"overview.severity.{one['item']}",
                    "kind": "estimate",
                    "unit": "points",
                    "label_zh": f"评分人 {one['item']} 的宽严（正为宽）",
                    "label_en": f"Assessor {one['item']}: lenient (+) or severe (−)",
                    "item": one["item"],
                    "method": "scoring.severity",
                }
                | {
                    k: one[k]
                    for k in ("value", "std_error", "ci_low", "ci_high", "df", "n", "level")
                }
            )
    if len(groups) == 1 and usable:
        rows += _shifted(told)
    elif len(groups) > 1:
        rows.append(
            {
                "finding": "overview.severity",
                "kind": "estimate",
                "unit": "points",
                "label_zh": "宽严调整后的名次",
                "label_en": "Ranks adjusted for severity",
                "status": "not_computed",
                "method": "scoring.severity",
                "reason_zh": f"评分人分成{len(groups)}组，组间没有共同评过的单位，宽严无法比较；"
                "交叉测评可把各组连起来",
                "reason_en": f"the assessors fall into {len(groups)} groups without a common unit: "
                "severity cannot be compared; cross-inspection would link them",
            }
        )
    return pd.DataFrame(rows + _drift(totals, _level(b)))


def _level(b: Batch) -> float:
    return float(b.settings["decisions"].get("level", 0.95))


def _linked(totals: pd.DataFrame) -> list[pd.DataFrame]:
    """Split totals into groups of assessors and units that are linked with each other."""
    group = {who: i for i, who in enumerate(sorted(totals["assessor"].unique()))}
    changed = True
    while changed:
        changed = False
        for _, own in totals.groupby("community"):
            least = min(group[who] for who in own["assessor"])
            for who in own["assessor"]:
                changed |= group[who] != least
                group[who] = least
    named = totals["assessor"].map(group)
    return [own.drop(columns="date") for _, own in totals.groupby(named, sort=True)]


def _shifted(told: pd.DataFrame) -> list[Row]:
    """Give each unit's inspection score and rank, before and after."""
    before = told[told["statistic"].eq("raw_mean")].set_index("item")
    rows = []
    for one in told[told["statistic"].eq("adjusted_mean")].to_dict("records"):
        old = before.loc[one["item"]]
        rows.append(
            {
                "finding": "context.severity",
                "community": one["item"],
                "kind": "estimate",
                "label_zh": "现场检查得分（评分人宽严调整后，仅供对照）",
                "label_en": "Inspection score adjusted for severity (for contrast only)",
                "value": round(float(one["value"]), 1),
                "unit": "score_0_100",
                "method": "scoring.severity",
                "n": one["n"],
                "display_zh": f"{float(old['value']):.1f} → {float(one['value']):.1f}分，"
                f"名次{int(old['rank'])} → {int(one['rank'])}",
                "display_en": f"{float(old['value']):.1f} → {float(one['value']):.1f} points, "
                f"rank {int(old['rank'])} → {int(one['rank'])}",
            }
        )
    return rows


def _drift(totals: pd.DataFrame, level: float) -> list[Row]:
    """Test whether an assessor grew milder or harder from unit to unit."""
    from workbench import scoring

    others = totals.groupby("community")["score"].transform
    n = others("size")
    rest = (others("sum") - totals["score"]) / (n - 1).where(n > 1)
    frame = totals.assign(value=totals["score"] - rest, observed_at=totals["date"])
    told = scoring.drift(frame[frame["value"].notna() & frame["date"].notna()], level=level)
    rows = []
    for one in told[told["value"].notna()].to_dict("records"):
        who = one["assessor"]
        rows.append(
            {
                "finding": f"overview.drift.{who}",
                "kind": "check",
                "severity": "warning",
                "reach": "table",
                "label_zh": f"评分人 {who}：外业期间的漂移（分/天）",
                "label_en": f"Assessor {who}: drift during field work (points a day)",
                "verdict": one["verdict"],
                "unit": "points",
                "item": who,
                "method": one["method"],
                "family": "drift",
                "status": "ok",
            }
            | {
                k: one[k]
                for k in (
                    "value",
                    "std_error",
                    "ci_low",
                    "ci_high",
                    "df",
                    "n",
                    "level",
                    "p_value",
                    "p_adjusted",
                )
            }
        )
    return rows


def agreement(b: Batch) -> pd.DataFrame:
    """Give every coefficient of agreement of the roles' totals over all units.

    Returns
    -------
    DataFrame
        ``overview.agreement.<coefficient>``: ICC (1,1) to (3,k) with limits, Krippendorff's alpha,
        Kendall's W; the raters are the roles of the team, the units the communities.
    """
    import pandas as pd

    from workbench import scoring

    totals = _totals(b).drop_duplicates(["community", "role"])
    if totals["role"].nunique() < 2 or totals["community"].nunique() < 3:
        return pd.DataFrame()
    told = scoring.agreement(
        totals, assessor="role", level=_level(b), rng=b.rng("agreement"), draws=200
    )
    names = {"krippendorff_alpha": "Krippendorff α", "kendall_w": "Kendall W"}
    rows = []
    for one in told.to_dict("records"):
        slug = str(one["statistic"])
        if not (slug in names or slug.startswith("icc_")):
            continue
        name = names.get(slug, f"ICC({slug[4:].replace('_', ',')})")
        rows.append(
            {
                "finding": f"overview.agreement.{slug}",
                "kind": "estimate",
                "label_zh": f"各角色总分的一致性：{name}",
                "label_en": f"Agreement of the roles' totals: {name}",
            }
            | {
                k: one.get(k)
                for k in (
                    "value",
                    "unit",
                    "ci_low",
                    "ci_high",
                    "level",
                    "n",
                    "status",
                    "reason_zh",
                    "reason_en",
                    "method",
                )
            }
        )
    return pd.DataFrame(rows)


def study(b: Batch) -> pd.DataFrame:
    """Say how exact the inspection score would be with one to six assessors.

    Returns
    -------
    DataFrame
        ``overview.d_study.<n>``: absolute standard error of a unit's total in points, with the
        dependability in the note. Only units whose whole team scored count.
    """
    import pandas as pd

    from workbench import scoring

    totals = _totals(b).drop_duplicates(["community", "role"])
    roles = totals["role"].nunique()
    whole = totals.groupby("community")["role"].transform("nunique").eq(roles)
    totals = totals[whole]
    if roles < 2 or totals["community"].nunique() < 3:
        return pd.DataFrame()
    parts = scoring.g_study(totals, assessor="role")
    told = scoring.d_study(parts, assessors=[1, 2, 3, 4, 5, 6])
    wide = told.pivot(index="assessors", columns="statistic", values="value")
    rows = []
    for n, one in wide.to_dict("index").items():
        rows.append(
            {
                "finding": f"overview.d_study.{n}",
                "kind": "estimate",
                "unit": "points",
                "label_zh": f"{n}名评分人时总分的标准误",
                "value": float(one["sem"]),
                "label_en": f"Standard error of a total with {n} assessors",
                "n": len(totals),
                "reason_zh": f"可靠性系数Φ {one['dependability']:.2f}，"
                f"排序用的概化系数 {one['generalizability']:.2f}",
                "reason_en": f"dependability {one['dependability']:.2f}, generalisability for "
                f"ranking {one['generalizability']:.2f}",
                "method": "scoring.d_study",
            }
        )
    return pd.DataFrame(rows)


def cross(b: Batch) -> pd.DataFrame:
    """Test whether teams score their units higher than teams from elsewhere do (R-32).

    Returns
    -------
    DataFrame
        ``overview.local_bonus`` (mean own minus cross with interval and paired test) and
        ``context.cross`` per unit drawn for cross-inspection. Empty when none was.
    """
    import pandas as pd

    from workbench import scoring

    own, other = (b.pick(f"agreement.visit.{visit}") for visit in ("announced", "cross"))
    if other.empty or own.empty:
        return pd.DataFrame()
    pairs = own[["community", "value"]].merge(other[["community", "value"]], on="community")
    pairs = (
        pairs.set_axis(["community", "own", "cross"], axis=1)
        .dropna()
        .astype({"own": float, "cross": float})
    )
    if pairs.empty:
        return pd.DataFrame()
    rows: list[Row] = [
        {
            "finding": "context.cross",
            "community": one["community"],
            "kind": "comparison",
            "label_zh": "异地交叉测评：本组与异地组之差",
            "unit": "points",
            "label_en": "Cross-inspection: own team minus team from elsewhere",
            "value": round(one["own"] - one["cross"], 1),
            "method": "scoring.local_bonus",
            "display_zh": f"{one['own']:.1f}分与{one['cross']:.1f}分",
            "display_en": f"{one['own']:.1f} and {one['cross']:.1f} points",
        }
        for one in pairs.to_dict("records")
    ]
    try:
        told = scoring.local_bonus(pairs, level=_level(b)).to_dict("records")[0]
    except InputError:
        return pd.DataFrame(rows)
    keep = (
        "value",
        "unit",
        "std_error",
        "ci_low",
        "ci_high",
        "level",
        "df",
        "p_value",
        "n",
        "verdict",
        "status",
        "reason_zh",
        "reason_en",
        "method",
    )
    rows.append(
        {
            "finding": "overview.local_bonus",
            "kind": "comparison",
            "rule": "R-32",
            "label_zh": "本地加分：本组减异地组的平均差",
            "label_en": "Local bonus: own minus cross, mean",
        }
        | {k: told[k] for k in keep}
    )
    return pd.DataFrame(rows)
