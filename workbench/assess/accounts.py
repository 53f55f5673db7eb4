"""The fund table of a unit, its shares against what documents state, and progress against plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench import scoring
from workbench.assess import budgets, records
from workbench.assess.sample import labelled
from workbench.findings import number
from workbench.survey.rows import from_rows, to_rows

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["funds", "organisations", "progress"]

Row = dict[str, Any]

_FIELDS = {
    "environment": ("环境", "environment"),
    "service": ("服务", "service"),
    "governance": ("治理", "governance"),
    "safety": ("安全", "safety"),
    "culture": ("文化", "culture"),
    "hard": ("硬件设施", "hard facilities"),
    "soft": ("软件服务", "soft services"),
    "centre": ("中央", "central government"),
    "local": ("地方", "local government"),
    "subdistrict": ("街道", "subdistrict"),
    "government": ("政府", "government"),
    "society": ("社会", "society"),
    "residents": ("居民", "residents"),
    "": ("未注明", "not given"),
}
_ORDER = ("environment", "service", "governance", "safety", "culture")


def _name(word: str) -> tuple[str, str]:
    return _FIELDS.get(word, (word, word))


def funds(c: Community) -> pd.DataFrame:
    """Give the itemised accounts: each line, fields, sources, soft services, progress.

    Returns
    -------
    DataFrame
        Findings ``funds.*``: lines and subtotals with ``value`` = spent/planned, ``numerator`` and
        ``denominator`` in yuan; shares of the plan with the source's share as target; the lag
        behind plan (W-01); the sums of the shares that the programme states (R-62), need by size
        (R-63), reward (R-58), welfare (R-67). Without ``funds`` the need alone.
    """
    if not c.has("funds"):
        return pd.DataFrame(budgets.need(c, None))
    lines = c.tables["funds"].drop(columns="community")
    rows = [*_lines(lines), *_shares(c, lines), *budgets.stated_sources(c), *progress(c)]
    year = _this_year(c, lines)
    planned = float(year["planned"].sum()) if len(year) else None
    rows += [*budgets.need(c, planned), *_special(c), *budgets.reward(c)]
    return from_rows([*rows, *budgets.welfare(c, lines)])


def _this_year(c: Community, lines: pd.DataFrame) -> pd.DataFrame:
    """Leave the lines of the year in which this wave's records end."""
    span = records.window(c, c.wave)
    return lines.iloc[:0] if span is None else lines[lines["period"].eq(f"{_last(span):%Y}")]


def _last(span: tuple[pd.Timestamp, pd.Timestamp]) -> pd.Timestamp:
    return span[1] - pd.Timedelta("1h")


def _lines(lines: pd.DataFrame) -> list[Row]:
    told = scoring.fund_table(lines.assign(field=lines["field"].fillna("")), by="field")
    rows = []
    for i, one in enumerate(to_rows(told), 1):
        group = _name(str(one["group"] or ""))
        name, label = {
            "line": (f"line.{i}", (f"{one['item']}（{group[0]}）", f"{one['item']} ({group[1]})")),
            "group": (
                f"field.{one['group'] or 'none'}",
                (f"小计：{group[0]}", f"Subtotal: {group[1]}"),
            ),
            "total": ("total", ("合计", "Total")),
        }[one["part"]]
        flags = str(one["flags"] or "")
        note = {
            "over_plan": ("超出计划", "over plan"),
            "not_reported": ("有支出未报", "spending not reported"),
        }
        said = [note[f] for f in flags.split(";") if f in note]
        paid = (number(one["spent"], "count", lang) for lang in ("zh", "en"))
        plan = (number(one["planned"], "count", lang) for lang in ("zh", "en"))
        spent, planned = tuple(paid), tuple(plan)
        share = one["value"]
        shown = "" if pd.isna(share) else f"{100 * share:.1f}%"
        rows.append(
            labelled(
                f"funds.{name}",
                "estimate",
                *label,
                channel="record",
                value=share,
                unit="share",
                numerator=one["spent"],
                denominator=one["planned"],
                period=one["period"] or None,
                display_zh=f"计划{planned[0]}元，支出{spent[0]}元"
                + (f"（{shown}）" if shown else ""),
                display_en=f"planned {planned[1]} yuan, spent {spent[1]}"
                + (f" ({shown})" if shown else ""),
                flags=flags or None,
                reason_zh="；".join(s[0] for s in said) or None,
                reason_en="; ".join(s[1] for s in said) or None,
                method=one["method"],
            )
        )
    return rows


def _shares(c: Community, lines: pd.DataFrame) -> list[Row]:
    """Compare the shares of fields, natures and sources with what the documents state."""
    rows = []
    parameters = c.protocol.parameters
    if "allocation" in parameters and lines["field"].notna().any():
        stated = parameters["allocation"].value
        told = scoring.budget_shares(
            lines.assign(field=lines["field"].fillna("")),
            group="field",
            stated=dict(zip(_ORDER, (s / 100 for s in stated), strict=True)),
        )
        rows += _compared("allocation", "资金分配", "Allocation", told, "R-61")
        if abs(sum(stated) - 100) > 1e-9:  # a marked option, used for nothing
            scaled = " / ".join(f"{100 * s / sum(stated):.1f}" for s in stated)
            rows[-1]["reason_zh"] = f"不归一；归一到100时为{scaled}，仅作备选"
            rows[-1]["reason_en"] = f"not normalised; to 100 it would be {scaled}, an option only"
    if "min_soft_share" in parameters and lines["nature"].notna().any():
        least = float(parameters["min_soft_share"].value)
        told = scoring.budget_shares(
            lines.assign(nature=lines["nature"].fillna("")),
            group="nature",
            minimum={"soft": least},
        )
        rows += _compared("nature", "软硬件投入", "Hard and soft", told, "R-66")
    if lines["source"].notna().any():
        named = lines["source"].fillna("")
        floors: dict[str, float] | None = None
        if c.protocol.programme == "participation" and "fund_sources" in parameters:
            # doc 003 §6.2 names the government's share as a whole
            named = named.mask(named.isin(budgets.GOVERNMENT), "government")
            floors = {"government": float(parameters["fund_sources"].value[0]) / 100}
        told = scoring.budget_shares(lines.assign(source=named), group="source", minimum=floors)
        rows += _compared("source", "资金来源", "Source", told, "R-62")
    return rows


def _compared(name: str, zh: str, en: str, told: pd.DataFrame, rule: str) -> list[Row]:
    rows = []
    compared = name == "allocation"  # a plan's shares are shown beside, and are no bound
    for one in to_rows(told):
        word = _name(str(one["item"]))
        label = (f"{zh}：{word[0]}占比", f"{en}: share of {word[1]}")
        if one["statistic"] == "stated_sum":
            label = (
                f"{zh}：来源所列各项合计（X-01）",
                f"{en}: sum of the shares the source states (X-01)",
            )
        rows.append(
            labelled(
                f"funds.{name}.{one['item'] or one['statistic']}",
                "estimate",
                *label,
                channel="record",
                value=one["value"],
                unit="share",
                numerator=one.get("numerator"),
                denominator=one.get("denominator"),
                target=one.get("target"),
                verdict=None if compared and one["item"] else one.get("verdict") or None,
                rule=rule,
                method=one["method"],
            )
        )
    return rows


def progress(c: Community) -> list[Row]:
    """Say how far spending lags behind the plan of the year (W-01); empty without lines of it."""
    span = records.window(c, c.wave)
    warning = c.protocol.warnings.get("W-01")
    if span is None or warning is None or not c.has("funds"):
        return []
    last, mine = _last(span), _this_year(c, c.tables["funds"])
    if mine.empty:
        return []
    behind = float(warning.condition.above or 20)
    told = scoring.fund_progress(mine, elapsed=last.month / 12, behind_pp=behind)
    one = to_rows(told)[0]
    fired = one["verdict"] == "failed"
    return [
        labelled(
            "funds.progress",
            "warning",
            f"W-01 {warning.title.zh}",
            f"W-01 {warning.title.en}",
            value=None if pd.isna(one["value"]) else one["value"] / 100,
            unit="pp",
            numerator=one["numerator"],
            denominator=one["denominator"],
            period=f"{last:%Y-%m}",
            verdict=one["verdict"],
            rule="W-01",
            display_zh=f"比计划进度{'落后' if one['value'] > 0 else '提前'}"
            f"{abs(one['value']):.1f}个百分点",
            display_en=f"{abs(one['value']):.1f} percentage points "
            f"{'behind' if one['value'] > 0 else 'ahead of'} plan",
            remedy_zh=warning.effect.zh if fired else None,
            remedy_en=warning.effect.en if fired else None,
            reason_zh=f"至{last:%Y年%m月}，按月平均的计划进度",
            reason_en=f"by {last:%Y-%m}, the plan spread evenly over the months",
            method=one["method"],
        )
    ]


def _special(c: Community) -> list[Row]:
    """Give the special fund by residents, and what the highest awards would cost (R-59, X-41)."""
    names = ("per_capita", "award_cap")
    if any(n not in c.protocol.parameters for n in names) or not c.unit.get("residents"):
        return []
    each, cap = (float(c.protocol.parameter(n)) for n in names)
    people = float(str(c.unit["residents"]))
    fund = float(scoring.special_fund(np.array([people]), per_resident_yuan=each)[0])
    below = int(c.tables["communities"]["parent"].eq(c.community).sum())
    row = labelled(
        "funds.special",
        "estimate",
        f"专项经费（每居民每年{each:g}元）",
        f"Special fund ({each:g} yuan per resident and year)",
        value=fund,
        unit="yuan",
        n=int(people),
        rule="R-59",
        display_zh=f"{fund:,.0f}元",
        display_en=f"{fund:,.0f} yuan",
        method="scoring.clear_awards",
    )
    if below:
        told = scoring.clear_awards(np.full(below, cap), fund_yuan=fund, cap_yuan=cap).iloc[-1]
        enough = told["verdict"] == "passed"
        row["reason_zh"] = (
            f"{below}个社区都得最高奖励{cap:,.0f}元，共{told['value']:,.0f}元，"
            f"{'不超过' if enough else '超过'}专项经费"
        )
        row["reason_en"] = (
            f"the highest award of {cap:,.0f} yuan to all {below} communities would cost "
            f"{told['value']:,.0f}, {'within' if enough else 'more than'} the fund"
        )
    return [row]


_SHEET = ("years", "staff", "q1", "q2", "q3", "q4", "annual")


def organisations(c: Community) -> pd.DataFrame:
    """Review the social organisations (R-26, C-55).

    Their figures are ``facts`` named ``social_org.<organisation>.<years|staff|q1…q4|annual>``; the
    pass mark and the weight of the quarters are the parameters ``org_pass_mark`` and
    ``org_quarterly_weight``, which the source leaves open.

    Returns
    -------
    DataFrame
        One finding ``organisation.*`` each; without the parameters the entry gate alone is judged.
    """
    if not c.has("facts") or "min_years" not in c.protocol.parameters:
        return pd.DataFrame()
    frame = c.tables["facts"]
    parts = frame["fact"].str.extract(r"^social_org\.(?P<organisation>[^.]+)\.(?P<what>\w+)$")
    mine = parts.assign(value=pd.to_numeric(frame["value"], errors="coerce"))
    mine = mine[mine["organisation"].notna()]
    if mine.empty:
        return pd.DataFrame()
    wide = mine.pivot_table(index="organisation", columns="what", values="value", aggfunc="last")
    wide = wide.reindex(columns=list(_SHEET)).reset_index()
    mark, quarterly = (
        c.protocol.parameters[name].value for name in ("org_pass_mark", "org_quarterly_weight")
    )
    known = mark is not None and quarterly is not None
    told = scoring.organisation_sheet(
        wide,
        pass_mark=float(mark) if known else 0.0,
        quarterly_weight=float(quarterly) if known else 0.5,
        min_years=float(c.protocol.parameter("min_years")),
        min_staff=float(c.protocol.parameter("min_staff")),
    )
    words = {
        "passed": ("符合", "met"),
        "failed": ("不符合", "not met"),
        "cannot_tell": ("无法判断", "cannot tell"),
    }
    rows = []
    for one in to_rows(told):
        gate = words[one["gate"]]
        base = [f"准入条件：{gate[0]}", f"entry gate: {gate[1]}"]
        verdict = one["verdict"] if known or one["gate"] != "passed" else "cannot_tell"
        lacking = (
            "合格线与季度权重没有给定",
            "pass mark and weight of the quarters were not given",
        )
        row = labelled(
            f"organisation.{one['organisation']}",
            "check",
            f"社会组织{one['organisation']}",
            f"Social organisation {one['organisation']}",
            value=one["value"] if known else None,
            unit="score_0_100",
            verdict=verdict,
            severity="info",
            rule="R-26",
            method=one["method"],
            reason_zh="；".join(
                w for w in (base[0], one["reason_zh"] or ("" if known else lacking[0])) if w
            ),
            reason_en="; ".join(
                w for w in (base[1], one["reason_en"] or ("" if known else lacking[1])) if w
            ),
        )
        if not known or pd.isna(one["value"]):
            row |= {"display_zh": "—", "display_en": "—"}
        rows.append(row)
    return from_rows(rows)
