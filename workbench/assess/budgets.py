"""What the documents say of money besides the accounts: sources, need by size, reward, welfare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import scoring
from workbench.assess.sample import labelled
from workbench.survey.rows import to_rows

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["GOVERNMENT", "need", "reward", "stated_sources", "welfare"]

Row = dict[str, Any]

# whose shares a parameter lists, in its order; what is not listed the source leaves open
_LISTED = {
    ("rectification", "fund_sources"): ("centre", "local", "subdistrict"),
    ("rectification", "renovation_fund_sources"): ("centre", "local", "residents"),
    ("civilised", "fund_sources"): ("centre", "local", "society"),
    ("civilised", "device_fund_sources"): ("centre", "local"),
}
GOVERNMENT = ("centre", "local", "subdistrict", "government")
_SIZES = {
    "small": ("小型", "small"),
    "medium": ("中型", "medium"),
    "large": ("大型", "large"),
}
# revenue and what a share of it goes to, by programme (R-67: doc 002 §4.2; doc 003 §6.2)
_WELFARE = {
    "civilised": ("public_revenue", "welfare", "公共收益用于公益", "Public revenue for welfare"),
    "participation": (
        "collective_profit",
        "participation",
        "集体收益用于参与",
        "Collective profit for participation",
    ),
}


def stated_sources(c: Community) -> list[Row]:
    """Add up each set of shares of sources that the programme states, against 100 % (R-62)."""
    rows = []
    for (programme, name), _ in _LISTED.items():
        told = c.protocol.parameters.get(name)
        if programme != c.protocol.programme or told is None:
            continue
        shares = [float(v) for v in told.value]
        whole = sum(shares)
        even = abs(whole - 100) < 1e-9
        rest = "" if even else f"；其余{100 - whole:g}%没有说明" if whole < 100 else "；不归一"
        more = (
            "" if even else f"; {100 - whole:g} % not stated" if whole < 100 else ", as it stands"
        )
        listed = " + ".join(f"{v:g}" for v in shares)
        rows.append(
            labelled(
                f"funds.stated.{name}",
                "estimate",
                f"方案所列份额合计：{told.name.zh}",
                f"Sum of the shares stated: {told.name.en}",
                channel="record",
                value=whole / 100,
                unit="share",
                target=1.0,
                verdict="passed" if even else "failed",
                rule="R-62",
                reason_zh=f"{listed} = {whole:g}{rest}",
                reason_en=f"{listed} = {whole:g}{more}",
                method="scoring.budget_shares",
            )
        )
    return rows


def need(c: Community, planned: float | None) -> list[Row]:
    """Give the yearly need of funds by size, and what of it the plan covers (R-63, X-84, X-85)."""
    limits, bands = (c.protocol.parameters.get(n) for n in ("size_limits", "need_bands"))
    households = c.unit.get("households")
    if limits is None or bands is None or not households or pd.isna(households):
        return []
    small, large = (int(v) for v in limits.value)
    yuan = {
        size: (1e4 * low, 1e4 * high) for size, (low, high) in zip(_SIZES, bands.value, strict=True)
    }
    one = to_rows(
        scoring.annual_need([float(str(households))], small=small, large=large, bands=yuan)
    )[0]
    low, high = one["low_yuan"], one["high_yuan"]
    zh, en = _SIZES[one["size"]]
    row = labelled(
        "funds.need",
        "estimate",
        f"按规模的年度经费需求（{zh}，{float(str(households)):,.0f}户）",
        f"Yearly need of funds by size ({en}, {float(str(households)):,.0f} households)",
        channel="record",
        unit="share",
        rule="R-63",
        display_zh=f"{low / 1e4:g}—{high / 1e4:g}万元",
        display_en=f"{low:,.0f} to {high:,.0f} yuan",
        method=one["method"],
        reason_zh=f"规模分界{small}户、{large}户，上限不含",
        reason_en=f"limits of size {small:,} and {large:,} households, the upper one exclusive",
    )
    if planned is not None:
        row |= {"numerator": planned, "value": planned / high, "denominator": high}
        row["display_zh"] += f"；本年计划为需求的{planned / high:.0%}至{planned / low:.0%}"
        row["display_en"] += f"; the plan covers {planned / high:.0%} to {planned / low:.0%} of it"
    return [row]


def reward(c: Community) -> list[Row]:
    """Say what the reward instead of a subsidy would be, where its base was given (R-58)."""
    base, span = (c.protocol.parameters.get(n) for n in ("award_base", "award_range"))
    if base is None or span is None or base.value is None:
        return []
    low, high = (float(v) for v in span.value)
    row = labelled(
        "funds.reward",
        "text",
        "以奖代补（达标社区）",
        "Reward instead of a subsidy (communities that meet their targets)",
        rule="R-58",
        display_zh=f"{base.value}的{low:.0%}—{high:.0%}",
        display_en=f"{low:.0%} to {high:.0%} of {base.value}",
        method="records.reward",
        reason_zh="比例与是否达标由委托方决定",
        reason_en="the commissioner decides the share and whether the targets are met",
    )
    try:
        yuan = float(str(base.value).replace(",", ""))
    except ValueError:
        return [row]
    ends = [float(scoring.reward([yuan], share=share, met=[1.0])[0]) for share in (low, high)]
    row["display_zh"] = f"{ends[0]:,.0f}—{ends[1]:,.0f}元（基数{yuan:,.0f}元）"
    row["display_en"] = f"{ends[0]:,.0f} to {ends[1]:,.0f} yuan (base {yuan:,.0f})"
    return [row]


def welfare(c: Community, lines: pd.DataFrame) -> list[Row]:
    """Give the share of public revenue, or of collective profit, that goes to welfare (R-67)."""
    told = c.protocol.parameters.get("welfare_share")
    names = _WELFARE.get(c.protocol.programme)
    if told is None or names is None:
        return []
    source, field, zh, en = names
    mine = lines[lines["source"].eq(source)]
    whole = float(mine["planned"].sum())
    if not whole > 0:
        return []
    given = float(mine.loc[mine["field"].eq(field), "planned"].sum())
    bounds = [float(v) for v in told.value]
    share = given / whole
    inside = share >= bounds[0] - 1e-12 and (len(bounds) < 2 or share <= bounds[1] + 1e-12)
    asked = "–".join(f"{b:.0%}" for b in bounds)
    return [
        labelled(
            "funds.welfare",
            "estimate",
            zh,
            en,
            channel="record",
            value=share,
            unit="share",
            numerator=given,
            denominator=whole,
            target=bounds[0],
            verdict="met" if inside else "not_met",
            rule="R-67",
            reason_zh=f"方案：{asked}",
            reason_en=f"the programme: {asked}",
            method="scoring.budget_shares",
        )
    ]
