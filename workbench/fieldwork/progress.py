"""How far the field work is: what arrived, progress against the sample, response, short cells."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import survey
from workbench.errors import InputError
from workbench.fieldwork.rows import Row, absent, nothing, row

if TYPE_CHECKING:
    from workbench.fieldwork.reading import Field

__all__ = ["arrived", "by_day", "cells", "changes", "planned", "progress", "response", "strata"]

_RATES = {
    "rr1": ("应答率 RR1", "Response rate RR1"),
    "rr3": ("应答率 RR3", "Response rate RR3"),
    "coop1": ("合作率 COOP1", "Cooperation rate COOP1"),
    "ref1": ("拒访率 REF1", "Refusal rate REF1"),
    "con1": ("接触率 CON1", "Contact rate CON1"),
}
_KINDS = {
    "added": ("新增问卷", "Questionnaires added"),
    "vanished": ("消失的问卷", "Questionnaires that vanished"),
    "changed": ("改动过的问卷", "Questionnaires changed"),
}
_EXPLAIN = {
    "vanished": (
        "问清谁在平台上删除了问卷，找回原导出核对",
        "ask who deleted them on the platform; compare with the export kept",
    ),
    "changed": (
        "问清谁在平台上改了答案；更正应写入 corrections.csv",
        "ask who changed answers on the platform; corrections belong into corrections.csv",
    ),
}
_CELL = 0.8  # a cell is short below this part of what the population would give it


def arrived(f: Field) -> pd.DataFrame:
    """Say what was read: questionnaires, files with their digests, problems of the data."""
    frame = f.answers()
    last = frame["finished"].max() if f.has("responses", "finished") else None
    until = f"{last:%Y-%m-%d %H:%M}" if last is not None else ""
    rows = [
        row(
            "arrived",
            "estimate",
            "已到问卷",
            "Questionnaires so far",
            value=float(len(frame)),
            unit="count",
            n=len(frame),
            wave=f.wave,
            reason_zh=f"最近一份提交于{until}" if until else "没有提交时间",
            reason_en=f"the last was handed in at {until}" if until else "no times of submission",
        )
    ]
    for i, file in enumerate(f.settings["files"], 1):
        rows.append(
            row(
                f"file.{i}",
                "text",
                f"文件 {file['name']}",
                f"File {file['name']}",
                display_zh=f"{file['rows']}行",
                display_en=f"{file['rows']} rows",
                n=file["rows"],
                reason_zh=f"SHA-256 {file['sha256'][:16]}…",
                reason_en=f"SHA-256 {file['sha256'][:16]}…",
            )
        )
    wrong = [p for p in f.settings["problems"] if p["severity"] == "error"]
    first = wrong[0] if wrong else {}
    more = ("；其余见 workbench check", "; the others: workbench check") if wrong[1:] else ("", "")
    rows.append(
        row(
            "problems",
            "check",
            "数据能否读入",
            "Can the data be read",
            value=float(len(wrong)),
            unit="count",
            verdict="failed" if wrong else "passed",
            severity="warning",
            reason_zh=f"{first['zh']}{more[0]}" if wrong else None,
            reason_en=f"{first['en']}{more[1]}" if wrong else None,
            remedy_zh=(first.get("remedy_zh") or None) if wrong else None,
            remedy_en=(first.get("remedy_en") or None) if wrong else None,
        )
    )
    return pd.DataFrame(rows)


def changes(f: Field) -> pd.DataFrame:
    """Tell what was added, changed, and vanished since the last export, by interviewer and day."""
    label = ("与上次导出比较", "Against the last export")
    read = {file["name"] for file in f.settings["files"]}
    if lost := [name for name in f.settings["answer_files"] if name not in read]:
        named = "、".join(lost), ", ".join(lost)
        return pd.DataFrame(
            [
                row(
                    "changes",
                    "check",
                    *label,
                    status="not_computed",
                    verdict="failed",
                    severity="warning",
                    reason_zh=f"{named[0]}读不了，不作比较；本页各数都没有其中的问卷",
                    reason_en=f"{named[1]} cannot be read: nothing is compared, and no figure on "
                    "this page has its questionnaires",
                    remedy_zh="重新导出后再运行一次；以前各次的导出都已保存",
                    remedy_en="export it again and run once more; the exports before it are kept",
                )
            ]
        )
    if "changes" not in f.tables:
        first = f.settings["reads"] <= 1
        return nothing(
            "changes",
            label,
            "这是第一次读取，没有可比较的导出" if first else "未保存以前的导出，无法比较",
            "the first reading: no earlier export to compare with"
            if first
            else "no earlier exports were kept to compare with",
        )
    frame = f.tables["changes"]
    rows = []
    for kind, words in _KINDS.items():
        mine = frame[frame["kind"].eq(kind)]
        n = int(mine["n"].sum())
        bad = kind != "added" and n > 0
        rows.append(
            row(
                f"changes.{kind}",
                "check",
                *words,
                value=float(n),
                unit="count",
                verdict="failed" if bad else "passed",
                severity="warning",
                remedy_zh=_EXPLAIN[kind][0] if bad else None,
                remedy_en=_EXPLAIN[kind][1] if bad else None,
            )
        )
        if kind == "added":
            continue
        for (who, day), some in mine.groupby(["interviewer", "day"], sort=True, dropna=False):
            name, at = who or "—", day or "—"
            told = some["columns"].iloc[0] or ""
            rows.append(
                row(
                    f"changes.{kind}.{name}.{at}",
                    "text",
                    f"{words[0]}：访员{name}，{at}",
                    f"{words[1]}: interviewer {name}, {at}",
                    value=float(some["n"].sum()),
                    unit="count",
                    reason_zh=f"改动的题目：{told}" if told else None,
                    reason_en=f"items changed: {told}" if told else None,
                )
            )
    return pd.DataFrame(rows)


def by_day(f: Field) -> pd.DataFrame:
    """Count the questionnaires of each day, for the chart; empty without times."""
    if not f.has("responses", "finished"):
        return pd.DataFrame()
    days = f.answers()["finished"].dropna().dt.strftime("%Y-%m-%d")
    counts = days.value_counts().sort_index()
    every = pd.date_range(counts.index[0], counts.index[-1], freq="D").strftime("%Y-%m-%d")
    counts = counts.reindex(every, fill_value=0) if len(every) <= 400 else counts
    return pd.DataFrame(
        {
            "period": counts.index,
            "value": counts.to_numpy(dtype=float),
            "unit": "count",
            "label_zh": "每日提交的问卷",
            "label_en": "Questionnaires a day",
        }
    )


def planned(f: Field) -> pd.DataFrame:
    """Give the plan by stratum: how many are wanted, how many are done.

    Returns
    -------
    DataFrame
        ``community``, ``stratum`` (``""`` where there is none), ``wanted``, ``done``, ``source``:
        ``target`` (told), ``drawn`` (households of the draw), ``cases`` (cases that have a
        disposition). Empty where nothing tells what is wanted.
    """
    frame = f.answers()
    own = frame[_finished(frame)] if len(frame) else pd.DataFrame(columns=["community"])
    # nobody was drawn who chose to take part: such answers are none of the sample's
    strata = _strata(own[_probability(f, own)]).groupby(["community", "stratum"])
    did = strata.size().rename("done").astype(float)
    if f.settings["target"]:
        units = _units(f)
        wanted = pd.Series(float(f.settings["target"]), index=units, name="wanted")
        made = own.groupby("community").size().astype(float)
        out = pd.DataFrame({"wanted": wanted, "done": made.reindex(units).fillna(0.0)})
        out = out.rename_axis("community").reset_index().assign(stratum="", source="target")
    elif f.has("drawn") and "ssu" in f.tables["drawn"]:
        drawn = f.tables["drawn"]
        roles = [c for c in ("role", "ssu_role") if c in drawn]
        first = drawn[(drawn[roles] == "sample").all(axis=1)] if roles else drawn
        out = _against(_strata(first), did, "drawn")
    elif f.has("dispositions"):
        cases = f.tables["dispositions"]
        out = _against(_strata(cases[_probability(f, cases)]), did, "cases")
    else:
        return pd.DataFrame(columns=["community", "stratum", "wanted", "done", "source"])
    return out[["community", "stratum", "wanted", "done", "source"]].reset_index(drop=True)


def _against(wanted: pd.DataFrame, did: pd.Series, source: str) -> pd.DataFrame:
    n = wanted["n"].fillna(1.0) if "n" in wanted else pd.Series(1.0, index=wanted.index)
    total = n.groupby([wanted["community"], wanted["stratum"]]).sum().rename("wanted")
    out = pd.concat([total, did], axis=1).fillna(0.0)
    return (
        out[out["wanted"] > 0]
        .rename_axis(["community", "stratum"])
        .reset_index()
        .assign(source=source)
    )


def _strata(frame: pd.DataFrame) -> pd.DataFrame:
    none = pd.Series(None, index=frame.index, dtype=object)
    stratum = frame.get("stratum", none)
    return frame.assign(stratum=stratum.fillna("").astype(str))


def _finished(frame: pd.DataFrame) -> pd.Series:
    """Tell the interviews that count: not broken off."""
    if "complete" not in frame:
        return pd.Series(True, index=frame.index)
    return frame["complete"].fillna(1.0).ne(0.0)


def _probability(f: Field, frame: pd.DataFrame) -> pd.Series:
    """Tell the rows of modes that are not opt-in."""
    kinds = dict(f.settings["sample"])
    default = kinds.pop("default", "probability")
    if "mode" not in frame:
        return pd.Series(default != "opt_in", index=frame.index)
    return frame["mode"].map(lambda mode: kinds.get(mode, default)).ne("opt_in")


def _units(f: Field) -> list[str]:
    frame = f.tables.get("communities")
    if frame is None or frame.empty:
        told = f.answers()
        return sorted(told["community"].dropna().unique()) if len(told) else []
    own = frame[frame["level"].eq(f.settings["unit"])]
    return sorted((own if len(own) else frame)["community"])


_SOURCES = {
    "target": ("每个单位要求{n:.0f}份", "{n:.0f} wanted in each unit"),
    "drawn": ("抽中户{n:.0f}户", "{n:.0f} households drawn"),
    "cases": ("已处置的抽中个案{n:.0f}个", "{n:.0f} cases with a disposition"),
}


def strata(f: Field) -> pd.DataFrame:
    """Give the progress of each stratum as findings, those furthest behind first."""
    plan = planned(f)
    if plan.empty:
        return pd.DataFrame()
    rows = []
    for one in (
        plan.assign(_p=plan["done"] / plan["wanted"])
        .sort_values(["_p", "community", "stratum"], kind="stable")
        .to_dict("records")
    ):
        tail = f" {one['stratum']}" if one["stratum"] else ""
        zh, en = (f.name(one["community"], lang) + tail for lang in ("zh", "en"))
        said = tuple(text.format(n=one["wanted"]) for text in _SOURCES[one["source"]])
        rows.append(
            row(
                f"progress.{one['community']}{'.' + one['stratum'] if one['stratum'] else ''}",
                "estimate",
                zh,
                en,
                value=one["_p"],
                unit="share",
                n=int(one["wanted"]),
                numerator=one["done"],
                denominator=one["wanted"],
                community=one["community"],
                subgroup=one["stratum"] or None,
                reason_zh=f"完成{one['done']:.0f}份；{said[0]}",
                reason_en=f"{one['done']:.0f} done; {said[1]}",
            )
        )
    return pd.DataFrame(rows)


def progress(f: Field) -> pd.DataFrame:
    """Tell the progress of the whole: done against wanted, days gone against days planned."""
    label = ("样本完成进度", "Progress against the sample")
    plan = planned(f)
    rows: list[Row] = []
    if plan.empty:
        rows.append(
            absent(
                "progress",
                label,
                "没有抽样名单、处置记录，也没有给出目标份数（--target），无法与样本比较",
                "no draw, no dispositions and no target (--target): nothing to compare with",
            )
        )
    else:
        wanted, done = float(plan["wanted"].sum()), float(plan["done"].sum())
        counted = float(
            plan[["wanted", "done"]].min(axis=1).sum()
        )  # too many here fill no gap there
        source = _SOURCES[str(plan["source"].iloc[0])]
        if plan["source"].iloc[0] == "target":
            source = ("共要求{n:.0f}份", "{n:.0f} wanted in all")
        rows.append(
            row(
                "progress",
                "estimate",
                *label,
                value=counted / wanted,
                unit="share",
                n=int(wanted),
                numerator=counted,
                denominator=wanted,
                reason_zh=f"完成{done:.0f}份，超额不补别处的缺；{source[0].format(n=wanted)}",
                reason_en=f"{done:.0f} done; too many in one place fill no gap in another; "
                f"{source[1].format(n=wanted)}",
            )
        )
    days = f.settings["fieldwork"]
    if days and f.has("responses", "finished"):
        first, last = (pd.Timestamp(day) for day in days)
        now = f.answers()["finished"].max().tz_localize(None).normalize()
        gone = min(max((now - first).days + 1, 0) / ((last - first).days + 1), 1.0)
        rows.append(
            row(
                "days",
                "estimate",
                "外业时间已过",
                "Field days gone",
                value=gone,
                unit="share",
                reason_zh=f"计划{days[0]}至{days[1]}，数据截至{now:%Y-%m-%d}",
                reason_en=f"planned {days[0]} to {days[1]}, data until {now:%Y-%m-%d}",
            )
        )
    return pd.DataFrame(rows)


def response(f: Field) -> pd.DataFrame:
    """Give the AAPOR rates so far, over all and by unit; interim: open cases count as unknown."""
    label = ("至今的应答率", "Response so far")
    if not f.has("dispositions"):
        return nothing(
            "response",
            label,
            "没有处置记录（dispositions），应答率无法计算",
            "no dispositions: response rates cannot be computed",
        )
    cases = f.tables["dispositions"]
    cases = cases[_probability(f, cases)].drop(
        columns=["n"] if not f.has("dispositions", "n") else []
    )
    if "n" in cases:
        cases = cases.assign(n=cases["n"].fillna(1.0))
    try:
        told = survey.response_rates(cases).set_index("statistic")
        units = survey.response_rates(cases, by="community")
    except InputError as error:
        first = error.problems[0]
        return nothing("response", label, first.zh, first.en)
    rows = []
    for name, (zh, en) in _RATES.items():
        one = told.loc[name].to_dict()
        more = {
            k: one[k]
            for k in (
                "value",
                "unit",
                "n",
                "numerator",
                "denominator",
                "method",
                "status",
                "reason_zh",
                "reason_en",
            )
            if k in one
        }
        rows.append(row(f"response.{name}", "estimate", zh, en, **more))
    rows[0]["reason_zh"] = rows[0].get("reason_zh") or "期中数字：未结束的个案按未知计"
    rows[0]["reason_en"] = rows[0].get("reason_en") or "interim: cases still open count as unknown"
    mine = units[units["statistic"].eq("rr1")].sort_values(["value", "community"], kind="stable")
    for one in mine.to_dict("records"):
        if one["value"] is None or math.isnan(one["value"]):
            continue
        name = str(one["community"])
        rows.append(
            row(
                f"response.rr1.{name}",
                "estimate",
                f"{f.name(name, 'zh')}：应答率 RR1",
                f"{f.name(name, 'en')}: response rate RR1",
                community=name,
                **{k: one[k] for k in ("value", "unit", "n", "method", "status")},
            )
        )
    return pd.DataFrame(rows)


def cells(f: Field) -> pd.DataFrame:
    """Give the cells of the population that are short among those who answered.

    Returns
    -------
    DataFrame
        ``community``, ``variable``, ``category``, ``have``, ``due`` (the cell's share of the
        population times the interviews with an answer to the variable), ``short`` (interviews that
        are missing to it), those with ``have`` below 80 % of ``due`` and at least one short.
    """
    columns = ["community", "variable", "category", "have", "due", "short"]
    frame = f.answers()
    names = [n for n in f.settings["rake"] if n in frame and frame[n].notna().any()]
    if not f.has("margins") or frame.empty or not names:
        return pd.DataFrame(columns=columns)
    margins = f.tables["margins"]
    population = f.settings["population"]
    if population and margins["population"].eq(population).any():
        margins = margins[margins["population"].eq(population)]
    own = frame[_probability(f, frame)]
    rows = []
    for (area, variable), group in margins[margins["variable"].isin(names)].groupby(
        ["area", "variable"], sort=True
    ):
        here = own[own["community"].eq(str(area))]
        answered = here[str(variable)].dropna().map(_code)
        total, n = float(group["count"].sum()), len(answered)
        if not total or not n:
            continue
        have = answered.value_counts()
        for category, count in zip(group["category"], group["count"], strict=True):
            due = n * float(count) / total
            got = float(have.get(_code(category), 0))
            if got < _CELL * due and due - got >= 1:
                rows.append((area, variable, category, got, due, math.ceil(due - got)))
    return pd.DataFrame(rows, columns=columns)


def _code(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
