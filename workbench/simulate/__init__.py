"""Studies with known truth: a whole study folder from a seed (demo data, power studies).

``python -m workbench.simulate DIR`` writes the bundled study again, byte for byte.
"""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import InputError, Problem
from workbench.simulate import fieldwork, records
from workbench.simulate.files import write_csv, write_xlsx
from workbench.simulate.world import (
    AGES,
    SCALE_ITEMS,
    WAVES,
    Compound,
    answers,
    plan,
    population,
    stream,
    truth,
)

__all__ = ["SEED", "study"]

SEED = 20261226
_SUBDISTRICTS = {"JX": ("锦溪街道", "Jinxi Subdistrict"), "HT": ("荷塘街道", "Hetang Subdistrict")}
_CHANCES = 40  # baseline samples of the regression case, of which the lowest is kept

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
_LABELS: dict[str, dict[Any, str]] = {
    "age_group": dict(zip(AGES, ("18-34岁", "35-59岁", "60岁及以上"), strict=True)),
    "sex": {"female": "女", "male": "男"},
    "tenure": {"owner": "自有", "renter": "租住"},
    "migrant": {"yes": "是", "no": "否"},
    **dict.fromkeys((*SCALE_ITEMS, "att1"), _SATISFIED | _GAPS),
    "tr1": _AGREE | _GAPS,
    **dict.fromkeys(("p1", "rp1", "aw1"), _YES_NO | _GAPS),
}
_CODES: dict[str, dict[Any, int]] = {
    "age_group": _AGE_CODE,
    "sex": {"female": 1, "male": 2},
    "tenure": {"owner": 1, "renter": 2},
    "migrant": {"yes": 1, "no": 2},
}
_MODES = {"household": "入户访问", "paper": "纸质问卷", "mini_program": "小程序"}
_COMMON: dict[str, dict[Any, str]] = {"mode": _MODES, "complete": {True: "是", False: "否"}}
_PLATFORM = {
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


def study(
    folder: Path, *, seed: int = SEED, compounds: int = 14, per_wave: int = 143
) -> dict[str, Any]:
    """Write a study folder whose truth is known, and return that truth.

    Parameters
    ----------
    folder
        Where to write; files of the same names are replaced, others are left alone.
    seed
        Any integer; the same seed gives the same bytes.
    compounds
        Compounds assessed, at least 12. The first 14 are the named cases.
    per_wave
        Questionnaires looked for per compound and wave, on average, at least 60.

    Returns
    -------
    dict
        As ``truth.json``: under ``communities`` each compound's ``case``, ``adults``,
        ``households`` and the population value of every item in each wave (shares 0-1, means 1-5);
        under ``cases`` the compounds of each case.

    Raises
    ------
    InputError
        If too few compounds or questionnaires are asked for, or ``folder`` is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(
            Problem(
                code="simulate.not-a-folder",
                zh="目标不是文件夹",
                en="the target is not a folder",
                file=folder.name,
            )
        )
    units = plan(compounds, per_wave)
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)

    known: dict[str, Any] = {}
    parts: dict[str, list[pd.DataFrame]] = {}
    for number, unit in enumerate(units):
        made, told = _compound(unit, number, seed)
        known[unit.id] = told
        for table, frame in made.items():
            parts.setdefault(table, []).append(frame)
    tables = {name: pd.concat(each, ignore_index=True) for name, each in parts.items()}

    _write_communities(folder, units, known)
    for wave in WAVES:
        _write_responses(data, tables["responses"], wave, units)
    write_csv(data / "dispositions.csv", tables["dispositions"])
    _write_margins(data, tables["margins"])
    found = tables["inspections"]
    write_csv(data / "inspections.csv", found)
    write_csv(data / "assessors.csv", records.assessors())
    figures = _mistype(tables["measurements"])
    write_csv(data / "measurements.csv", figures)
    _write_requests(data, tables["requests"], units)
    write_csv(data / "facts.csv", records.facts(units))
    write_csv(data / "issues.csv", records.issues(found))

    cases: dict[str, list[str]] = {}
    for unit in units:
        cases.setdefault(unit.case, []).append(unit.id)
    result = {"seed": seed, "waves": list(WAVES), "cases": cases, "communities": known}
    _write_settings(folder, seed, units, figures)
    text = json.dumps(result, ensure_ascii=False, indent=1, sort_keys=True)
    (folder / "truth.json").write_bytes((text + "\n").encode())
    return result


def _compound(
    unit: Compound, number: int, seed: int
) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """Everything about one compound, drawn from streams of its own."""
    people = population(unit, stream(seed, unit.id, "population"))
    given = answers(unit, people, stream(seed, unit.id, "answers"))
    drawn = fieldwork.sampled_buildings(people, stream(seed, unit.id, "buildings"))
    live = people[people["adults"] > 0]
    households = int(live["dwelling"].nunique())

    forms, outcomes = [], []
    for wave, said in zip(WAVES, given, strict=True):
        chances = _CHANCES if (unit.case, wave) == ("regression", WAVES[0]) else 1
        visits = [
            fieldwork.visit(
                unit, wave, people, said, drawn, stream(seed, unit.id, "fieldwork", wave, str(k))
            )
            for k in range(chances)
        ]
        form, outcome = min(visits, key=lambda v: _adjusted_top2(v[0], live))
        if (unit.case, wave) == ("withheld", WAVES[1]):
            form = fieldwork.fabricate(form, stream(seed, unit.id, "fabricate"))
        forms.append(form)
        outcomes.append(outcome)

    margins = [
        live.groupby(variable).size().rename_axis("category").reset_index(name="count")
        .assign(variable=variable)
        for variable in ("age_group", "sex", "tenure")
    ]  # fmt: skip
    crossed = live.groupby(["age_group", "sex"]).size().reset_index(name="count")
    crossed["category"] = crossed["age_group"] + ":" + crossed["sex"]
    margins.append(crossed.assign(variable="age_group:sex")[["category", "count", "variable"]])
    made = {
        "responses": pd.concat(forms, ignore_index=True),
        "dispositions": pd.concat(outcomes, ignore_index=True),
        "margins": pd.concat(margins, ignore_index=True).assign(area=unit.id),
        "inspections": records.inspections(unit, number, stream(seed, unit.id, "inspections")),
        "measurements": records.measurements(
            unit, households, len(live), stream(seed, unit.id, "measurements")
        ),
        "requests": records.requests(unit, households, stream(seed, unit.id, "requests")),
    }
    told = {
        "case": unit.case,
        "kind": unit.kind,
        "adults": len(live),
        "households": households,
        "items": {w: truth(people, g) for w, g in zip(WAVES, given, strict=True)},
    }
    return made, told


def _adjusted_top2(form: pd.DataFrame, live: pd.DataFrame) -> float:
    """Share satisfied overall after weighting the age groups to the population."""
    valid = form[form["q1"].between(1, 5)]
    share = (valid["q1"] >= 4).groupby(valid["age_group"]).mean()
    return float((share * live["age_group"].value_counts(normalize=True)).sum())


def _write_communities(folder: Path, units: list[Compound], known: dict[str, Any]) -> None:
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


def _write_responses(data: Path, forms: pd.DataFrame, wave: str, units: list[Compound]) -> None:
    """Write a wave as the platform exports it: labels in GB18030, later codes in UTF-8 with BOM."""
    first = wave == WAVES[0]
    frame = forms[forms["wave"] == wave].sort_values(["finished", "psu", "ssu"], kind="stable")
    names = {u.id: u.name for u in units}
    letter = "A" if first else "B"
    frame["respondent"] = [f"{letter}{k + 1:05d}" for k in range(len(frame))]
    stamp = "%Y/%m/%d %H:%M:%S" if first else "%Y-%m-%d %H:%M:%S"
    for column in ("started", "finished"):
        frame[column] = pd.to_datetime(frame[column]).dt.strftime(stamp)
    frame["mode"] = frame["mode"].map(_MODES)
    frame["complete"] = frame["complete"].map({"yes": "是", "no": "否"})
    out = pd.DataFrame({header: frame[code] for header, code in _PLATFORM.items()})
    where = frame["community"]
    out.insert(4, "小区" if first else "小区编号", where.map(names) if first else where)
    for question, code in QUESTIONS.items():
        recode: dict[Any, Any] = _LABELS.get(code, {}) if first else _CODES.get(code, {})
        value = frame[code].map(recode) if recode else frame[code]
        out[question] = value
    name = "survey_2026h1_wjx.csv" if first else "survey_2026h2_wjx.csv"
    write_csv(data / name, out, encoding="gb18030" if first else "utf-8-sig")


def _write_margins(data: Path, margins: pd.DataFrame) -> None:
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


def _write_requests(data: Path, frame: pd.DataFrame, units: list[Compound]) -> None:
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


def _mistype(figures: pd.DataFrame) -> pd.DataFrame:
    """Mistype one figure, which ``corrections.csv`` puts right: ten times the fees of a month."""
    out = figures.copy()
    row = _mistyped_row(out)
    out.loc[out.index[row], "numerator"] = f"{out['numerator'].iloc[row]}0"
    return out


def _mistyped_row(figures: pd.DataFrame) -> int:
    hit = (
        (figures["community"] == "JX-03")
        & (figures["indicator"] == "property_fee_collection_rate")
        & (figures["period"] == "2026-07")
    )
    return int(np.flatnonzero(hit)[0])


def _write_settings(folder: Path, seed: int, units: list[Compound], figures: pd.DataFrame) -> None:
    """Copy the settings, with the seed, the names and the recodes filled in."""
    filled: dict[str, dict[Any, Any]] = {
        "@names@": {u.name: u.id for u in units},
        "@columns@": {code: header for header, code in (_PLATFORM | QUESTIONS).items()},
        "@labels@": {
            code: {label: value for value, label in labels.items()}
            for code, labels in (*_LABELS.items(), *_COMMON.items())
        },
        "@codes@": {
            code: {number: value for value, number in codes.items()}
            for code, codes in _CODES.items()
        }
        | {code: {label: value for value, label in each.items()} for code, each in _COMMON.items()},
    }
    for entry in sorted(resources.files(__name__).joinpath("template").iterdir(), key=str):
        lines = []
        for line in entry.read_text(encoding="utf-8").replace("@seed@", str(seed)).splitlines():
            inside = filled.get(line.strip())
            margin = line[: len(line) - len(line.lstrip())]
            lines += [line] if inside is None else [f"{margin}{row}" for row in _yaml(inside)]
        (folder / entry.name).write_bytes(("\n".join(lines) + "\n").encode())
    row = _mistyped_row(figures)
    wrong = str(figures["numerator"].iloc[row])
    corrections = [
        {
            "file": "data/measurements.csv",
            "key": f"row:{row + 1}",
            "column": "numerator",
            "old": wrong,
            "new": wrong[:-1],
            "reason": "物业收费系统导出时多录一个 0，与当月收费凭证核对",
            "author": "A1",
            "date": "2026-11-18",
            "approved_by": "林示范",
            "evidence": "收费凭证 2026-07 汇总单",
        }
    ]
    write_csv(folder / "corrections.csv", pd.DataFrame(corrections))
    secret = hashlib.sha256(f"{seed}|secret of a public demonstration".encode()).hexdigest()
    (folder / ".secret").write_bytes((secret + "\n").encode())


def _yaml(mapping: dict[Any, Any]) -> list[str]:
    """One line per key; strings quoted, mappings inside in flow form."""

    def text(value: Any) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f"{text(k)}: {text(v)}" for k, v in value.items()) + "}"
        return json.dumps(value, ensure_ascii=False)

    return [f"{text(key)}: {text(value)}" for key, value in mapping.items()]
