"""Units beside each other: method, kind and gates, for cells of ``notebooks/batch.ipynb``.

Everything is made of findings of the units. What concerns one unit carries its ``community``
and goes into its context; what concerns all of them stands in the overview only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workbench.assess.facts import KINDS
from workbench.errors import InputError
from workbench.findings import interval, number

if TYPE_CHECKING:
    import pandas as pd

    from workbench.overview import Batch

__all__ = ["decisions", "funnel", "gap", "gates", "robustness", "sobol"]

Row = dict[str, Any]

_SIGNS = ("≥", "≤", ">", "<")
_CHANNELS = {
    "record": "线上数据",
    "inspection": "现场检查",
    "mystery": "暗访",
    "survey": "居民满意度",
}
_KINDS = (("age_class", "old", "new"), ("kind", "old_compound", "commercial"))


def _earned(b: Batch) -> pd.DataFrame:
    """Give the protocol's points of every indicator of the units with a whole score."""
    rows = b.findings[b.findings["finding"].str.startswith("score.points.")]
    rows = rows[rows["numerator"].notna() & rows["denominator"].gt(0)]
    totals = b.findings[b.findings["finding"].eq("score.total") & b.findings["value"].notna()]
    scaled = ["incomplete" in str(flags) for flags in totals["flags"]]
    whole = totals.loc[[not part for part in scaled], "community"]
    return rows[rows["community"].isin(whole)]


def _choices(b: Batch) -> Any:
    """Give the scores that other normalisations, means, weights and schemes would make.

    ``None`` with fewer than three whole scores.
    """
    import numpy as np

    from workbench import scoring

    rows = _earned(b)
    if rows.empty:
        return None
    share = (rows["numerator"] / rows["denominator"]).clip(0, 1)
    table = rows.assign(_x=100 * share).pivot(index="community", columns="indicator", values="_x")
    table = table.loc[:, table.notna().all()].astype(float)
    if len(table) < 3 or table.shape[1] < 2 or bool((table.nunique() <= 1).all()):
        return None
    points = rows.groupby("indicator")["denominator"].first()[table.columns]
    channel = rows.groupby("indicator")["channel"].first()[table.columns]
    worth = rows.groupby("indicator")["max_points"].first()[table.columns].astype(float)
    chosen = {str(k): float(v) for k, v in worth.items()}
    others: dict[str, dict[str, float]] = {}
    for name in ("A", "B"):
        weights = _weights(scoring.scheme(name), points, channel)
        same = weights and np.allclose(
            [weights[k] / sum(weights.values()) for k in chosen],
            [v / sum(chosen.values()) for v in chosen.values()],
        )
        if weights and not same:
            others[name] = weights
    # one above zero, so that a geometric mean is defined; the same shift for all
    level = 1 + 0.99 * table
    places = 1 + 99 * (table.rank(method="min") - 1) / (len(table) - 1)
    spread = table.max() - table.min()
    stretched = (1 + 99 * (table - table.min()) / spread.where(spread.gt(0), 1.0)).where(
        spread.gt(0), 50.0, axis=1
    )
    return scoring.ScoringChoices(
        tables={"attainment": level, "minmax": stretched, "percentile_rank": places},
        weights=chosen,
        schemes=others,
    )


def _weights(scheme: Any, points: pd.Series, channel: pd.Series) -> dict[str, float]:
    """Give each indicator's share of the total under a scheme; empty where a part has none."""
    out: dict[str, float] = {}
    for part in scheme.parts:
        mine = points[channel.isin(part.members)]
        if mine.empty:
            return {}
        out |= {str(k): float(part.weight * v / mine.sum()) for k, v in mine.items()}
    return out if set(out) == set(points.index) else {}


def robustness(b: Batch) -> pd.DataFrame:
    """Say which ranks a unit would have under other choices of method, apart from chance.

    Returns
    -------
    DataFrame
        ``context.rank_method`` per unit: rank under the study's choices, and the ranks in which
        90 % of 4,000 random combinations of normalisation, mean, scheme and weights (±25 %) put it.
    """
    import pandas as pd

    from workbench import scoring

    choices = _choices(b)
    if choices is None:
        return pd.DataFrame()
    told = scoring.choice_uncertainty(choices, rng=b.rng("method"), draws=4000)
    n = len(told)
    rows = []
    for one in told.to_dict("records"):
        low, high = int(one["rank_low"]), int(one["rank_high"])
        rows.append(
            {
                "finding": "context.rank_method",
                "community": one["item"],
                "kind": "estimate",
                "label_zh": "换用其他评分方法时的名次（与抽样误差分列）",
                "label_en": "Rank under other choices of method (apart from chance)",
                "value": float(one["rank"]),
                "ci_low": float(low),
                "ci_high": float(high),
                "unit": "rank",
                "n": n,
                "method": "scoring.choice_uncertainty",
                "display_zh": number(float(one["rank"]), "rank", "zh"),
                "display_en": number(float(one["rank"]), "rank", "en"),
                "interval_zh": f"第{low}至第{high}名",
                "interval_en": f"ranks {low} to {high}",
                "reason_zh": "归一化、合成方式、计分方案及权重（±25%）随机组合，九成情形下的名次",
                "reason_en": "in 90 % of random combinations of normalisation, mean, scheme and "
                "weights (±25 %)",
            }
        )
    return pd.DataFrame(rows)


def sobol(b: Batch, *, base: int = 256) -> pd.DataFrame:
    """Say which choice of method moves the ranking most: Sobol' total indices.

    Returns
    -------
    DataFrame
        ``overview.sobol.<input>``, largest first: share of the variance of the mean shift of ranks
        that goes away when this choice alone is settled.
    """
    import pandas as pd

    from workbench import scoring

    choices = _choices(b)
    if choices is None:
        return pd.DataFrame()
    try:
        told = scoring.choice_sensitivity(choices, rng=b.rng("sobol"), base=base)
    except InputError:  # no choice moves any rank
        return pd.DataFrame()
    told = told[told["statistic"].eq("total")].sort_values("value", ascending=False, kind="stable")
    words = {
        "normalisation": ("归一化", "normalisation"),
        "aggregation": ("合成方式", "mean"),
        "scheme": ("计分方案", "scheme"),
    }
    rows = []
    for one in told.to_dict("records"):
        slug = str(one["item"])
        name = slug.removeprefix("weight_")
        zh, en = words.get(slug, (f"{name} 的权重", f"weight of {name}"))
        rows.append(
            {
                "finding": f"overview.sobol.{slug}",
                "kind": "estimate",
                "label_zh": f"名次变动来自：{zh}",
                "label_en": f"Shift of ranks due to the {en}",
                "value": one["value"],
                "ci_low": max(one["ci_low"], 0.0),
                "ci_high": one["ci_high"],
                "level": 0.95,
                "unit": "ratio",
                "n": one["n"],
                "method": "scoring.sobol_indices",
            }
        )
    return pd.DataFrame(rows)


def funnel(b: Batch) -> pd.DataFrame:
    """Hold each unit's satisfaction against what samples of its size give by chance alone.

    Returns
    -------
    DataFrame
        ``context.funnel`` per unit: share, limits of the funnel (99.8 %, widened for
        over-dispersion), verdict ``cannot_tell`` inside, ``better`` or ``worse`` outside. With
        fewer than ten units there is no funnel.
    """
    import numpy as np
    import pandas as pd

    from workbench import scoring
    from workbench.overview import main_item

    rows = b.pick(f"survey.{main_item(b.settings)}.top2.current")
    if rows.empty:
        return pd.DataFrame()
    rows = rows[rows["value"].between(0, 1) & rows["n"].gt(0)].reset_index(drop=True)
    effective = rows["n_effective"].fillna(rows["n"])
    size = effective.clip(upper=rows["n"]).floordiv(1).clip(lower=1)
    if len(rows) < 10 or not 0 < float((rows["value"] * size).sum() / size.sum()) < 1:
        return pd.DataFrame()
    told = scoring.funnel_proportions(
        rows[["community"]].assign(numerator=np.rint(rows["value"] * size), denominator=size)
    )
    out = []
    for share, one in zip(rows["value"], told.to_dict("records"), strict=True):
        low = max(float(one["adjusted_low_998"]), 0.0)
        high = min(float(one["adjusted_high_998"]), 1.0)
        outside = "worse" if share < low else "better" if share > high else "cannot_tell"
        zh = {"worse": "低于漏斗下限", "better": "高于漏斗上限"}.get(outside, "在漏斗之内")
        en = {"worse": "below the funnel", "better": "above the funnel"}.get(
            outside, "inside the funnel"
        )
        span = [interval(low, high, "share", lang) for lang in ("zh", "en")]
        out.append(
            {
                "finding": "context.funnel",
                "community": one["community"],
                "kind": "estimate",
                "label_zh": "居民满意度与同规模样本的正常波动（漏斗图，含过度离散）",
                "label_en": "Satisfaction against chance in samples of this size (funnel)",
                "value": round(float(share), 3),
                "unit": "share",
                "n": int(one["denominator"]),
                "target": round(float(one["target"]), 3),
                "verdict": outside,
                "display_zh": f"{number(float(share), 'share', 'zh')}，{zh}（{span[0]}）",
                "display_en": f"{number(float(share), 'share', 'en')}, {en} ({span[1]})",
                "method": "scoring.funnel_proportions",
            }
        )
    return pd.DataFrame(out)


def gap(b: Batch, *, limit: float = 0.20) -> pd.DataFrame:
    """Compare old and new compounds: difference of scores, and the gap against 20 % (C-46).

    Returns
    -------
    DataFrame
        ``overview.gap`` (verdict met, not_met or cannot_tell from its interval) and
        ``overview.gap_difference`` (points). One row with the reason where a kind has fewer than
        two units.
    """
    import pandas as pd

    from workbench import scoring

    totals = b.pick("score.total")
    totals = totals[totals["value"].notna()] if len(totals) else totals
    label = {
        "label_zh": "新旧小区得分差距（目标不超过20%）",
        "label_en": "Gap between old and new compounds (target: at most 20 %)",
    }
    for column, old, new in _KINDS:
        if (
            column not in totals
            or totals[column].eq(old).sum() < 2
            or totals[column].eq(new).sum() < 2
        ):
            continue
        told = (
            scoring.kind_gap(
                totals[["value", column]].reset_index(drop=True),
                kind=column,
                lower=old,
                upper=new,
                limit=limit,
                level=float(b.settings["decisions"].get("level", 0.95)),
            )
            .set_index("statistic")
            .to_dict("index")
        )
        keep = ("value", "ci_low", "ci_high", "level", "n", "method")
        share, points = told["gap"], told["difference"]
        return pd.DataFrame(
            [
                {
                    "finding": "overview.gap",
                    "kind": "comparison",
                    **label,
                    "unit": "share",
                    "target": limit,
                    "verdict": share["verdict"],
                }
                | {k: share[k] for k in keep},
                {
                    "finding": "overview.gap_difference",
                    "kind": "comparison",
                    "unit": "points",
                    "label_zh": "新小区与老旧小区平均得分之差",
                    "label_en": "Mean score, new minus old",
                }
                | {k: points[k] for k in keep},
            ]
        )
    if totals.empty:
        return pd.DataFrame()
    return pd.DataFrame(
        [
            {
                "finding": "overview.gap",
                "kind": "comparison",
                **label,
                "unit": "share",
                "status": "not_computed",
                "method": "scoring.kind_gap",
                "reason_zh": "新旧小区各至少需要两个单位",
                "reason_en": "each kind needs two units",
            }
        ]
    )


def _sampled(b: Batch, prefix: str) -> pd.DataFrame:
    """Give rows with a bound, a sign and the interval of a sample."""
    rows = b.findings[b.findings["finding"].str.startswith(prefix)]
    rows = rows[rows["value"].notna() & rows["target"].notna() & rows["ci_low"].notna()]
    if "flags" in rows:  # counted in a register: no sample decides
        sampled = ["register" not in str(told).split(";") for told in rows["flags"]]
        rows = rows.iloc[[i for i, drawn in enumerate(sampled) if drawn]]
    return rows[rows["target_zh"].fillna("").str[:1].isin(_SIGNS)]


def decisions(b: Batch) -> pd.DataFrame:
    """Count how many decisions would differ under each rule: estimate, lower and upper limit.

    Returns
    -------
    DataFrame
        ``overview.decisions.<gate or indicator>.<rule>``: units that pass under that rule, of how
        many, and how many would be decided otherwise than by the study's own rule. Only where a
        decision rests on a sample.
    """
    import pandas as pd

    from workbench import scoring

    rows: list[Row] = []
    words = {
        "point": ("估计值", "the estimate"),
        "lower": ("区间不利一端", "the less favourable limit"),
        "upper": ("区间有利一端", "the more favourable limit"),
    }
    for prefix, used in (("rule.", "gate"), ("indicator.", "target")):
        own = str(b.settings["decisions"].get(used) or "")
        for name, part in _sampled(b, prefix).groupby("finding", sort=True):
            told = scoring.decision_counts(
                part,
                operator=str(part["target_zh"].iloc[0])[0],
                target=float(part["target"].iloc[0]),
            )
            for one in told.to_dict("records"):
                rule = str(one["item"])
                differ = int(one[f"differ_{own}"]) if f"differ_{own}" in one else None
                passed, n, open_ = int(one["value"]), int(one["n"]), int(one["cannot_tell"])
                rows.append(
                    {
                        "finding": f"overview.decisions.{name}.{rule}",
                        "kind": "text",
                        "label_zh": f"{part['label_zh'].iloc[0]}：按{words[rule][0]}决定",
                        "label_en": f"{part['label_en'].iloc[0]}: decided by {words[rule][1]}",
                        "value": float(passed),
                        "unit": "count",
                        "n": n,
                        "decision": rule,
                        "display_zh": f"{n}个单位中{passed}个通过，无法判断{open_}个"
                        + (f"；与本项目规则不同{differ}个" if differ is not None else ""),
                        "display_en": f"{passed} of {n} pass, {open_} cannot be told"
                        + (
                            f"; {differ} differ from the study's rule" if differ is not None else ""
                        ),
                        "method": one["method"],
                    }
                )
    return pd.DataFrame(rows)


def gates(b: Batch) -> pd.DataFrame:
    """Give the table of gates: how many units pass each, and the pass rate beside its band (R-19).

    Returns
    -------
    DataFrame
        ``overview.gate.<rule>`` and ``overview.pass_rate``; a gate that is shown and not applied
        does not count in the pass rate.
    """
    import pandas as pd

    from workbench import scoring

    rules = b.findings[b.findings["finding"].str.startswith("rule.")]
    if rules.empty:
        return pd.DataFrame()
    rows: list[Row] = []
    for name, part in rules.groupby("finding", sort=True):
        counts = part["verdict"].value_counts()
        said = {word: int(counts.get(word, 0)) for word in ("passed", "failed", "cannot_tell")}
        removed = _by_kind(b, part.loc[part["verdict"].eq("failed"), "community"])
        rows.append(
            {
                "finding": f"overview.gate.{name}",
                "kind": "text",
                "label_zh": part["label_zh"].iloc[0],
                "label_en": part["label_en"].iloc[0],
                "value": float(said["passed"]),
                "unit": "count",
                "n": len(part),
                "rule": part["rule"].iloc[0],
                "method": "scoring.eligibility",
                "display_zh": "通过{passed}，未通过{failed}，无法判断{cannot_tell}".format(**said)
                + (f"；未通过的类型：{removed[0]}" if removed[0] else ""),
                "display_en": "{passed} pass, {failed} fail, {cannot_tell} cannot be told".format(
                    **said
                )
                + (f"; of those that fail: {removed[1]}" if removed[1] else ""),
            }
        )
    applied = rules[~rules["label_zh"].fillna("").str.contains("仅列示")]
    if applied.empty:
        return pd.DataFrame(rows)
    decided = _decided(b)
    band = _band(decided)
    told = scoring.pass_rate(applied[["community", "verdict"]], band=band).to_dict("records")[0]
    rate = number(told["value"], "share", "zh")
    rows.append(
        {
            "finding": "overview.pass_rate",
            "kind": "text",
            "label_zh": f"初审通过率（区间：{band[0]:.0%}–{band[1]:.0%}）",
            "label_en": f"Pass rate of the review (band: {band[0]:.0%} to {band[1]:.0%})",
            "value": told["value"],
            "unit": "share",
            "numerator": told["numerator"],
            "denominator": told["denominator"],
            "n": told["denominator"],
            "status": told["status"],
            "rule": "R-19",
            "display_zh": f"{rate}；无法判断{told['undecided']}个。门槛不为凑通过率而调整",
            "display_en": f"{rate}; {told['undecided']} undecided. No threshold is bent for it",
            "method": told["method"],
        }
    )
    return pd.DataFrame([*rows, _award(decided)])


def _by_kind(b: Batch, units: pd.Series) -> tuple[str, str]:
    """Count units by type of compound: whom a gate keeps out (X-47)."""
    kinds = b.units[b.units["community"].isin(units)]["kind"].fillna("")
    counts = kinds[kinds.ne("")].value_counts().sort_index()
    named = [(KINDS.get(str(k), (str(k),) * 2), int(n)) for k, n in counts.items()]
    return (
        "，".join(f"{name[0]}{n}" for name, n in named),
        ", ".join(f"{name[1]} {n}" for name, n in named),
    )


def _decided(b: Batch) -> dict[str, tuple[str, str]]:
    """Give what the study decided of the ranking, as its units print it."""
    told = b.read(r"ruleset\.parameter\.(pass_band|award_rule|tie_rule)")
    return {
        str(one["finding"]).rpartition(".")[2]: (one["display_zh"], one["display_en"])
        for one in told.drop_duplicates("finding").to_dict("records")
    }


def _band(decided: Mapping[str, tuple[str, str]]) -> tuple[float, float]:
    if "pass_band" not in decided:
        return 0.60, 0.70  # R-19, doc 002 §8.2
    low, high = (float(word) / 100 for word in decided["pass_band"][1].split(", "))
    return low, high


def _award(decided: Mapping[str, tuple[str, str]]) -> Row:
    """Say by what rule a title is given and ties are broken; both are stated in advance (R-40)."""
    row: Row = {
        "finding": "overview.award",
        "kind": "text",
        "rule": "R-40",
        "label_zh": "授予规则与并列规则",
        "label_en": "Rule of the award, rule for ties",
    }
    lacking = [n for n in ("award_rule", "tie_rule") if n not in decided]
    if lacking:
        return row | {
            "status": "not_computed",
            "reason_zh": "没有事先给定，名次不等于授予",
            "reason_en": "not stated in advance: a rank is no award",
        }
    zh, en = ([decided[n][k] for n in ("award_rule", "tie_rule")] for k in (0, 1))
    return row | {
        "display_zh": f"{zh[0]}；并列：{zh[1]}（名次表中得分相同者同名次）",
        "display_en": f"{en[0]}; ties: {en[1]} (equal scores share a rank in the table)",
    }
