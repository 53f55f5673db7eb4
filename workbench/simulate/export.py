"""The study's tables as the files in which they would come: platform exports, a workbook, CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from workbench.simulate.files import write_csv, write_xlsx
from workbench.simulate.world import AGES, SCALE_ITEMS, WAVES, Compound

__all__ = [
    "CODES",
    "COMMON",
    "LABELS",
    "PLATFORM",
    "QUESTIONS",
    "numbered",
    "write_communities",
    "write_margins",
    "write_requests",
    "write_responses",
]

_SUBDISTRICTS = {"JX": ("锦溪街道", "Jinxi Subdistrict"), "HT": ("荷塘街道", "Hetang Subdistrict")}

# question as the survey platform prints it -> code of the codebook
QUESTIONS = {
    "1、您的年龄段": "age_group",
    "2、您的性别": "sex",
    "3、您现在的住房是": "tenure",
    "4、您的户籍是否在外区县": "migrant",
    "5、总体来说，您对本小区是否满意？": "q1",
    "6、您对环境卫生是否满意？": "q2",
    "7、您对治安状况是否满意？": "q3",
    "8、您对办事和生活服务的便利程度是否满意？": "q4",
    "9、您对邻里关系是否满意？": "q5",
    "10、您对文化活动是否满意？": "q6",
    "11、您对物业服务是否满意？": "q7",
    "12、您对公共设施的完好程度是否满意？": "q8",
    "13、您对垃圾分类的组织是否满意？": "q9",
    "14、近半年您是否向社区或物业反映过问题？": "rp1",
    "15、您对所反映问题的处理是否满意？": "q10",
    "16、近半年您是否参加过社区活动？": "p1",
    "17、您知道如何向社区反映问题吗？": "aw1",
    "18、有人说文明小区评选是“走过场”，您是否同意？": "tr1",
    "19、本题请选择“一般”": "att1",
    "20、您对本小区还有什么意见或建议？": "sug",
}
_SATISFIED = {1: "非常不满意", 2: "不太满意", 3: "一般", 4: "比较满意", 5: "非常满意"}
_AGREE = {1: "完全不同意", 2: "不太同意", 3: "一般", 4: "比较同意", 5: "完全同意"}
_GAPS = {6: "不清楚", 7: "拒绝回答", -2: "(空)", -3: "(跳过)"}
_YES_NO = {1: "是", 2: "否"}
_AGE_CODE = dict(zip(AGES, (1, 2, 3), strict=True))
LABELS: dict[str, dict[Any, str]] = {
    "age_group": dict(zip(AGES, ("18-34岁", "35-59岁", "60岁及以上"), strict=True)),
    "sex": {"female": "女", "male": "男"},
    "tenure": {"owner": "自有", "renter": "租住"},
    "migrant": {"yes": "是", "no": "否"},
    **dict.fromkeys((*SCALE_ITEMS, "att1"), _SATISFIED | _GAPS),
    "tr1": _AGREE | _GAPS,
    **dict.fromkeys(("p1", "rp1", "aw1"), _YES_NO | _GAPS),
}
CODES: dict[str, dict[Any, int]] = {
    "age_group": _AGE_CODE,
    "sex": {"female": 1, "male": 2},
    "tenure": {"owner": 1, "renter": 2},
    "migrant": {"yes": 1, "no": 2},
}
_MODES = {"household": "入户访问", "paper": "纸质问卷", "mini_program": "小程序"}
COMMON: dict[str, dict[Any, str]] = {"mode": _MODES, "complete": {True: "是", False: "否"}}
PLATFORM = {
    "答卷编号": "respondent",
    "开始答卷时间": "started",
    "提交答卷时间": "finished",
    "来自IP": "ip",
    "方式": "mode",
    "访问员": "interviewer",
    "样本编号": "case",
    "分层": "stratum",
    "楼栋": "psu",
    "户号": "ssu",
    "本层楼栋数": "fpc1",
    "本楼户数": "fpc2",
    "基础权数": "base_weight",
    "是否完成": "complete",
}
_RECORD_KINDS = {"complaint": "投诉", "need": "需求", "dispute": "纠纷", "suggestion": "建议"}
_OUTCOMES = {
    "resolved": "已解决",
    "partly": "部分解决",
    "unresolved": "未解决",
    "rejected": "不予受理",
}


def write_communities(folder: Path, units: list[Compound], known: dict[str, Any]) -> None:
    """Write the compounds and the two subdistricts above them."""
    rows: list[dict[str, Any]] = []
    for code, (zh, en) in _SUBDISTRICTS.items():
        inside = [known[u.id] for u in units if u.parent == code]
        rows.append(
            {
                "community": code,
                "name": zh,
                "name_en": en,
                "level": "subdistrict",
                "households": sum(k["households"] for k in inside),
                "adults": sum(k["adults"] for k in inside),
            }
        )
    for unit in units:
        rows.append(
            {
                "community": unit.id,
                "name": unit.name,
                "name_en": unit.name_en,
                "level": "compound",
                "parent": unit.parent,
                "kind": unit.kind,
                "age_class": unit.age_class,
                "households": known[unit.id]["households"],
                "adults": known[unit.id]["adults"],
                "treated": "yes" if unit.treated else "no",
                "intervention_date": "2026-06-15" if unit.treated else None,
            }
        )
    columns = ["community", "name", "name_en", "level", "parent", "kind", "age_class"]
    columns += ["households", "adults", "treated", "intervention_date"]
    write_csv(folder / "data" / "communities.csv", pd.DataFrame(rows)[columns])


def numbered(forms: pd.DataFrame) -> pd.DataFrame:
    """Give the questionnaires in the order they were handed in, numbered within their wave."""
    ordered = forms.sort_values(["wave", "finished", "psu", "ssu"], kind="stable")
    ordered = ordered.reset_index(drop=True)
    within = ordered.groupby("wave").cumcount() + 1
    letter = ordered["wave"].map(dict(zip(WAVES, "AB", strict=True)))
    ordered["respondent"] = letter + within.map("{:05d}".format)
    return ordered


def write_responses(data: Path, forms: pd.DataFrame, wave: str, units: list[Compound]) -> None:
    """Write a wave as the platform exports it: labels in GB18030, later codes in UTF-8 with BOM."""
    first = wave == WAVES[0]
    frame = forms[forms["wave"] == wave].copy()
    names = {u.id: u.name for u in units}
    stamp = "%Y/%m/%d %H:%M:%S" if first else "%Y-%m-%d %H:%M:%S"
    for column in ("started", "finished"):
        frame[column] = pd.to_datetime(frame[column]).dt.strftime(stamp)
    frame["mode"] = frame["mode"].map(_MODES)
    frame["complete"] = frame["complete"].map({"yes": "是", "no": "否"})
    out = pd.DataFrame({header: frame[code] for header, code in PLATFORM.items()})
    where = frame["community"]
    out.insert(4, "小区" if first else "小区编号", where.map(names) if first else where)
    for question, code in QUESTIONS.items():
        recode: dict[Any, Any] = LABELS.get(code, {}) if first else CODES.get(code, {})
        value = frame[code].map(recode) if recode else frame[code]
        out[question] = value
    name = "survey_2026h1_wjx.csv" if first else "survey_2026h2_wjx.csv"
    write_csv(data / name, out, encoding="gb18030" if first else "utf-8-sig")


def write_margins(data: Path, margins: pd.DataFrame) -> None:
    """Write adults per category as a workbook with a title above the header."""
    ordered = margins.sort_values(["area", "variable", "category"], kind="stable")
    rows: list[list[Any]] = [
        ["常住成年人口构成表（街道统计站，2026 年 1 月）"],
        ["地区编号", "变量", "类别", "人数", "总体", "来源", "截止日期"],
    ]
    rows += [
        [area, variable, category, int(count), "adults", "街道人口台账", "2026-01-31"]
        for area, variable, category, count in zip(
            *(ordered[c].tolist() for c in ("area", "variable", "category", "count")), strict=True
        )
    ]
    write_xlsx(data / "margins.xlsx", "人口构成", rows)


def write_requests(data: Path, frame: pd.DataFrame, units: list[Compound]) -> None:
    """Write requests as the hotline platform exports them."""
    names = {u.id: u.name for u in units}
    yes_no = {"yes": "是", "no": "否"}
    out = pd.DataFrame(
        {
            "工单号": frame["request"],
            "小区名称": frame["community"].map(names),
            "类型": frame["kind"].map(_RECORD_KINDS),
            "受理时间": frame["received"],
            "首次答复时间": frame["answered"],
            "办结时间": frame["closed"],
            "应办结时间": frame["due"],
            "办理结果": frame["outcome"].map(_OUTCOMES),
            "是否采纳": frame["adopted"].map(yes_no),
            "是否满意": frame["satisfied"].map(yes_no),
            "来源渠道": frame["channel"],
            "类别": frame["category"],
            "重复于": frame["duplicate_of"],
            "内容": frame["text"],
        }
    )
    write_csv(data / "requests_12345.csv", out)
