"""Inspection marks: three sealed sheets merged only when all are in, and how far they agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import scoring
from workbench.errors import InputError
from workbench.findings import number
from workbench.survey.rows import from_rows, to_rows

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["agreement", "calibration", "marks", "places", "unmerged"]

Row = dict[str, Any]

# visits that the whole team makes; others are made by one person
_BY_TEAM = ("announced", "cross")
_ROLES = {
    "expert": ("社区治理专家", "governance expert"),
    "analyst": ("数据分析师", "data analyst"),
    "resident": ("居民代表", "residents' representative"),
    "mystery": ("暗访人员", "mystery visitor"),
    "monitor": ("居民监督员", "residents' monitor"),
    "review_group": ("评议团", "review group"),
}
_VISITS = {
    "announced": ("公开检查", "announced visit"),
    "mystery": ("神秘顾客暗访", "mystery visits"),
    "cross": ("异地交叉测评", "cross-inspection"),
    "spot_check": ("抽查", "spot checks"),
    "recheck": ("复查", "recheck"),
}


def _of_wave(c: Community, visits: list[str] | None) -> pd.DataFrame:
    frame = c.once("inspections of the wave", lambda: _inspected(c))
    wanted = frame[frame["visit"].isin(visits)] if visits else frame
    return wanted.reset_index(drop=True)


def _inspected(c: Community) -> pd.DataFrame:
    frame = c.tables["inspections"]
    return frame[frame["wave"].eq(c.wave) & frame["visit"].ne("calibration")]


def _team(c: Community) -> list[str]:
    """Give the roles that score back to back (R-28); none where the programme has no such rule."""
    if "team" not in c.protocol.parameters:
        return []
    return [str(role) for role in c.protocol.parameter("team") or ()]


def _status(c: Community, visits: list[str] | None) -> pd.DataFrame:
    """Say of each visit by a team whether all sheets are in; empty where the rule says nothing."""
    return c.once(("sheets", *(visits or ())), lambda: _sheets(c, visits))


def _sheets(c: Community, visits: list[str] | None) -> pd.DataFrame:
    team = _team(c)
    if not team:
        return pd.DataFrame()
    frame = _of_wave(c, visits)
    mine = frame[frame["role"].isin(team) & frame["visit"].isin(_BY_TEAM)]
    return scoring.sheet_status(mine, team=team) if len(mine) else pd.DataFrame()


def marks(c: Community, visits: list[str] | None) -> pd.DataFrame:
    """Give the inspection marks of this wave for some kinds of visit, calibration left out.

    The sheets of a team count only when all are in and whole (R-28); else none of them does.
    """
    return c.once(("marks", *(visits or ())), lambda: _marks(c, visits)).copy(deep=False)


def _marks(c: Community, visits: list[str] | None) -> pd.DataFrame:
    frame = _of_wave(c, visits)
    status = _status(c, visits)
    if status.empty:
        return frame
    open_ = set(status.loc[~status["merged"], "visit"])
    held = frame["visit"].isin(open_) & frame["role"].isin(_team(c))
    return frame[~held].reset_index(drop=True)


def unmerged(c: Community, visits: list[str] | None) -> tuple[str, str] | None:
    """Give the reason why sheets of these visits do not count yet, in two languages, if any do."""
    status = _status(c, visits)
    if status.empty or bool(status["merged"].all()):
        return None
    lacking = status[~status["complete"]]
    zh, en = ("；".join(lacking["reason_zh"]), "; ".join(lacking["reason_en"]))
    return (
        f"背对背评分表未收齐，不合并、不计分：{zh}",
        f"the sealed sheets are not all in, so none counts: {en}",
    )


def places(c: Community) -> dict[str, int]:
    """Give how many places of each inspection item there are, as ``supply`` says.

    A row whose ``service`` is an inspection item and whose ``unit`` is ``places`` counts them; the
    error of places not visited then enters the score.
    """
    if not c.has("supply"):
        return {}
    frame = c.tables["supply"]
    if "unit" not in frame:
        return {}
    mine = frame[
        frame["service"].isin(c.items("inspection")) & frame["unit"].isin(["places", "处"])
    ]
    total = mine.groupby("service")["capacity"].sum()
    return {str(item): int(n) for item, n in total.items()}


def agreement(c: Community) -> pd.DataFrame:
    """Show the score of each who marked, how far they are apart, and how far they agree.

    Returns
    -------
    DataFrame
        ``agreement.total.<visit>.<assessor>`` (own total 0-100), ``agreement.visit.<visit>`` (mean
        of a kind of visit with the error of its assessors), ``agreement.pair.<visit>.<a>.<b>``
        (kind check: failed from 15 points, R-31) and ``agreement.<coefficient>`` over the items and
        places of the team's visit. Empty without inspections of this unit: those who went to
        different communities are not compared, and a lower unit's sheets stand in its own report.
        Sheets that are not all in are shown to nobody: one row says so.
    """
    if not c.has("inspections") or not c.tables["inspections"]["community"].eq(c.community).any():
        return pd.DataFrame()
    rows: list[Row] = []
    for visit, names in _VISITS.items():
        why = unmerged(c, [visit])
        if why is not None:
            rows.append(
                {"finding": f"agreement.visit.{visit}", "kind": "estimate",
                 "status": "not_computed", "label_zh": f"{names[0]}：总分",
                 "label_en": f"{names[1].capitalize()}: total", "unit": "score_0_100",
                 "reason_zh": why[0], "reason_en": why[1], "method": "scoring.sheets"}
            )  # fmt: skip
            continue
        frame = marks(c, [visit])
        frame = frame[frame["community"].eq(c.community)].reset_index(drop=True)
        if len(frame):
            rows += _visit(c, visit, names, frame)
    told = from_rows(rows)
    if len(told):
        told["wave"] = c.wave
    return told


def _visit(c: Community, visit: str, names: tuple[str, str], frame: pd.DataFrame) -> list[Row]:
    told = scoring.inspection(frame, level=c.level, places_total=places(c))
    whole = to_rows(told[told["statistic"].eq("score_0_100") & told["item"].eq("")])[0]
    keep = ("value", "unit", "std_error", "ci_low", "ci_high", "level", "n", "df", "status",
            "flags", "reason_zh", "reason_en", "method")  # fmt: skip
    rows: list[Row] = [
        {"finding": f"agreement.visit.{visit}", "kind": "estimate", "channel": "inspection",
         "label_zh": f"{names[0]}：总分（{whole['assessors']}人）",
         "label_en": f"{names[1].capitalize()}: total ({whole['assessors']} assessor"
                     f"{'' if whole['assessors'] == 1 else 's'})"}
        | {name: whole[name] for name in keep}
    ]  # fmt: skip
    totals = _totals(frame)
    for one in to_rows(totals):
        role = _ROLES.get(str(one["role"]), (str(one["role"]), str(one["role"])))
        rows.append(
            {"finding": f"agreement.total.{visit}.{one['assessor']}", "kind": "estimate",
             "channel": "inspection", "item": one["assessor"], "subgroup": one["role"],
             "label_zh": f"{names[0]}：{role[0]} {one['assessor']}",
             "label_en": f"{names[1].capitalize()}: {role[1]} {one['assessor']}",
             "value": one["score"], "unit": "score_0_100", "n": one["n"],
             "date": one.get("date"), "method": "scoring.inspection", "status": "ok"}
        )  # fmt: skip
    if len(totals) > 1:
        rows += _pairs(c, visit, names, totals)
    if visit in _BY_TEAM and len(totals) > 1:
        rows += _coefficients(c, visit, frame)
    return rows


def _totals(frame: pd.DataFrame) -> pd.DataFrame:
    """Give each assessor's share of the points of the own sheet, 0-100."""
    frame = frame[frame["score"].notna() | frame["passed"].notna()]
    most = frame["max_score"].where(frame["score"].notna(), 1.0)
    got = frame["score"].fillna(frame["passed"])
    told = frame.assign(got=got, most=most).groupby(["assessor", "role"], sort=True)
    sums = told[["got", "most"]].sum()
    out = pd.DataFrame({"score": 100 * sums["got"] / sums["most"], "n": told.size()})
    if "observed_at" in frame:
        out["date"] = told["observed_at"].min().dt.strftime("%Y-%m-%d")
    return out.reset_index()


def _pairs(c: Community, visit: str, names: tuple[str, str], totals: pd.DataFrame) -> list[Row]:
    bound = 15.0
    if "interteam_flag_points" in c.protocol.parameters:
        bound = float(c.protocol.parameter("interteam_flag_points") or bound)
    told = scoring.pair_differences(totals.assign(community=c.community), flag_points=bound)
    rows = []
    for one in to_rows(told):
        pair = f"{one['assessor_a']}–{one['assessor_b']}"
        far = one["verdict"] == "failed"
        zh = f"相差{bound:g}分及以上：须复核评分标准（启动核查，不是处罚）"
        en = f"{bound:g} points or more apart: go back to the standard (a check, not a penalty)"
        rows.append(
            {"finding": f"agreement.pair.{visit}.{one['assessor_a']}.{one['assessor_b']}",
             "kind": "check", "channel": "inspection", "severity": "warning", "reach": "indicator",
             "label_zh": f"{names[0]}：{pair} 总分之差",
             "label_en": f"{names[1].capitalize()}: difference of totals {pair}",
             "value": one["value"], "unit": "points", "target": bound, "verdict": one["verdict"],
             "display_zh": number(one["value"], "points", "zh"),
             "display_en": number(one["value"], "points", "en"), "flags": one["flags"],
             "rule": "R-31", "status": "ok", "method": one["method"],
             "reason_zh": zh if far else "", "reason_en": en if far else ""}
        )  # fmt: skip
    return rows


# what a unit's report prints of the coefficients; the batch shows all of them over all units
_NAMES = {
    "pairs_agree": ("两两一致的比例", "share of pairs that agree"),
    "krippendorff_alpha": ("Krippendorff α", "Krippendorff's alpha"),
    "gwet_ac": ("Gwet AC1", "Gwet's AC1"),
    "kendall_w": ("Kendall 和谐系数 W", "Kendall's W"),
    "icc_2_1": ("组内相关系数 ICC(2,1)", "ICC(2,1)"),
    "icc_2_k": ("组内相关系数 ICC(2,k)", "ICC(2,k)"),
}


def _coefficients(c: Community, visit: str, frame: pd.DataFrame) -> list[Row]:
    """Give the coefficients over the items and places of one visit, by kind of mark."""
    spot = frame["item"] + "@" + frame["place"].fillna("")
    scored = frame["score"].notna()
    kinds: tuple[tuple[str, str, str, Any, pd.Series], ...] = (
        ("passed", "合格与否", "pass or fail", "nominal", frame["passed"].where(~scored)),
        ("scored", "评分", "scores", "interval", 100 * frame["score"] / frame["max_score"]),
    )
    rows: list[Row] = []
    for kind, zh, en, scale, values in kinds:
        told = pd.DataFrame(
            {"community": spot, "assessor": frame["assessor"], "score": values}
        ).dropna()
        if told["assessor"].nunique() < 2 or told["community"].nunique() < 2:
            continue
        try:
            found = scoring.agreement(told, scale=scale, level=c.level)
        except InputError as error:  # told, not passed over
            where, problem = _VISITS[visit], error.problems[0]
            rows.append(
                {"finding": f"agreement.coefficients.{visit}.{kind}", "kind": "estimate",
                 "channel": "inspection", "status": "not_computed",
                 "label_zh": f"{where[0]}·{zh}：一致性系数",
                 "label_en": f"{where[1].capitalize()}, {en}: coefficients of agreement",
                 "reason_zh": problem.zh, "reason_en": problem.en, "method": "scoring.sheets"}
            )  # fmt: skip
            continue
        pairwise = found["assessor_a"].fillna("").ne("")
        for one in to_rows(found[~pairwise & found["statistic"].isin(_NAMES)]):
            name = _NAMES[str(one["statistic"])]
            where = _VISITS[visit]
            rows.append(
                {"finding": f"agreement.{one['statistic']}.{visit}.{kind}", "kind": "estimate",
                 "channel": "inspection", "label_zh": f"{where[0]}·{zh}：{name[0]}",
                 "label_en": f"{where[1].capitalize()}, {en}: {name[1]}"}
                | {n: one.get(n) for n in ("value", "unit", "ci_low", "ci_high", "level", "n",
                                           "status", "reason_zh", "reason_en", "method")}
            )  # fmt: skip
    return rows


def calibration(c: Community, *, tolerance: float, least: float = 0.8) -> pd.DataFrame:
    """Say who may go out: marks of the calibration exercise against the reference scores.

    Parameters
    ----------
    c
        The unit where the exercise took place: visit ``calibration``; the reference scores are the
        rows whose role is ``reference``.
    tolerance
        Points of 100 that a mark may differ from the reference and still counts as right; no
        document gives it, so it is printed as an assumption.
    least
        Share of items that must be right.

    Returns
    -------
    DataFrame
        ``calibration.<assessor>`` (kind check: failed may not go out). Empty without an exercise.
    """
    if not c.has("inspections"):
        return pd.DataFrame()
    frame = c.tables["inspections"]
    frame = frame[frame["visit"].eq("calibration")]
    mark = (frame["score"] / frame["max_score"]).fillna(frame["passed"])
    spot = frame["item"] + "@" + frame["place"].fillna("")
    told = frame.assign(item=spot, score=100 * mark)
    ours, truth = told[told["role"].ne("reference")], told[told["role"].eq("reference")]
    if ours.empty or truth.empty:
        return pd.DataFrame()
    found = scoring.calibration(
        ours[["assessor", "item", "score"]], truth[["item", "score"]], tolerance=tolerance,
        least=least,
    )  # fmt: skip
    assumed = (
        f"容差{tolerance:g}分、至少{least:.0%}的项目在容差内，是测评方的假设（来源未规定）",
        f"a tolerance of {tolerance:g} points for at least {least:.0%} of the items is an "
        "assumption of the assessor (the source gives none)",
    )
    rows = []
    for one in to_rows(found):
        word = {
            "passed": ("可外出测评", "may go out"),
            "failed": ("不得外出测评", "may not go out"),
        }
        zh, en = word.get(str(one["verdict"]), ("有项目未评，不能判断", "items are missing"))
        rows.append(
            {
                "finding": f"calibration.{one['assessor']}",
                "kind": "check",
                "severity": "warning",
                "reach": "table",
                "item": one["assessor"],
                "label_zh": f"评分人 {one['assessor']}：校准",
                "label_en": f"Assessor {one['assessor']}: calibration",
                "reason_zh": f"{zh}；平均偏差{one['bias']:+.1f}分；{assumed[0]}",
                "reason_en": f"{en}; mean difference {one['bias']:+.1f} points; {assumed[1]}",
                "status": "ok",
                "target": least,
            }
            | {k: one[k] for k in ("value", "unit", "ci_low", "ci_high", "level", "n", "verdict",
                                   "method")}
        )  # fmt: skip
    return pd.DataFrame(rows)
