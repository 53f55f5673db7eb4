"""What the report must say about the survey: AAPOR's eleven items and those of ISO 20252."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import survey
from workbench.assess.facts import MODES, head
from workbench.assess.response import population_size
from workbench.assess.sample import Sample, labelled, reachable, weights
from workbench.assess.satisfaction import bound_items, satisfaction_items, scale_ends, top_codes
from workbench.findings import number
from workbench.survey.rows import from_rows, to_rows

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["standards"]

Said = tuple[str, str]


def standards(c: Community, sample: Sample) -> pd.DataFrame:
    """Fill the items from what the study says and the data show; gaps stand with their name.

    What the data cannot know (incentives, subcontracting, why fewer were reached than planned) the
    study says itself under ``disclosure:``, by the item's key; its words go before ours.
    """
    if not c.has("responses"):
        return pd.DataFrame()
    facts = _facts(c, sample)
    for key, words in (c.settings.get("disclosure") or {}).items():
        facts[key] = (str(words["zh"]), str(words["en"]))
    parts = [survey.disclosure_items({key: said[i] for key, said in facts.items()}) for i in (0, 1)]
    rows = []
    for zh, en in zip(*(to_rows(part) for part in parts), strict=True):
        name = "aapor" if zh["standard"] == "AAPOR" else "iso20252"
        ok = zh["status"] == "ok"
        rows.append(
            labelled(
                f"disclosure.{name}.{zh['item']}",
                "text",
                f"{zh['standard']}：{zh['label_zh']}",
                f"{en['standard']}: {en['label_en']}",
                display_zh=zh["text"] if ok else None,
                display_en=en["text"] if ok else None,
                status=zh["status"],
                reason_zh=zh["reason_zh"],
                reason_en=en["reason_en"],
                rule=zh["standard"],
                method="survey.disclosure_items",
            )
        )
    return from_rows(rows)


def _facts(c: Community, sample: Sample) -> dict[str, Said]:
    told = head(c).set_index("finding")[["display_zh", "display_en"]]
    said = {str(name): (row["display_zh"], row["display_en"]) for name, row in told.iterrows()}
    answers = c.tables["responses"]
    now = answers[answers["wave"].eq(c.wave)]
    items = [i for i in c.settings["codebook"] if i in answers]
    modes = [MODES.get(str(m), (str(m), str(m))) for m in sorted(now["mode"].dropna().unique())]
    wave = next(w for w in c.settings["waves"] if w["id"] == c.wave)
    days = wave.get("fieldwork") or ()
    size = population_size(c, sample)
    people = said.get("head.population", ("居民", "residents"))
    counted = f"{size:,.0f}" if size == size else ""
    corrections = len(c.tables["corrections"]) if c.has("corrections") else 0
    decided = len(c.tables["judgements"]) if c.has("judgements") else 0
    out = {
        "strategy": _join([("结构化问卷", "structured questionnaire"), *modes]),
        "sponsor": _join([said[k] for k in ("head.commissioner", "head.assessor") if k in said]),
        "instruments": (
            f"{len(items)}道题，原文与编码见证据包 inputs/study.json",
            f"{len(items)} questions; wording and codes in inputs/study.json of the evidence bag",
        ),
        "population": (
            people[0] + (f"，共{counted}" if counted else ""),
            people[1] + (f", {counted} in all" if counted else ""),
        ),
        "recruitment": _recruitment(c, sample, said),
        "mode": _join(modes),
        "dates": (f"{days[0]} 至 {days[1]}", f"{days[0]} to {days[1]}") if days else ("", ""),
        "sizes": _sizes(c, sample),
        "weighting": _weighting(c, sample),
        "processing": (
            f"更正{corrections}处，人工决定{decided}项，均列于报告；自动检查结果见“数据”一节",
            f"{corrections} corrections and {decided} decisions, all listed; automatic checks "
            "in the section on data",
        ),
        "limitations": ("见“限制”一节", "see the section on limits"),
        "objectives": said.get("head.programme", ("", "")),
        "planned_size": _planned(c, len(c.answers().query("wave == @c.wave"))),
        "response_rate": _rate(c),
        "interviewers": _interviewers(c, now),
        "estimation": (
            "按抽样设计线性化估计方差；缺失回答作为子域处理，不插补",
            "design-based, variance by linearisation; missing answers are domains, none is imputed",
        ),
        "subgroups": (
            f"各分组的基数随结果列出；少于{c.min_cell}人的分组不公布",
            f"bases stand beside each result; groups under {c.min_cell} are withheld",
        ),
    }  # fmt: skip
    return {key: value for key, value in out.items() if value[0]}


def _join(parts: list[Said]) -> Said:
    return "；".join(p[0] for p in parts), "; ".join(p[1] for p in parts)


def _recruitment(c: Community, sample: Sample, said: dict[str, Said]) -> Said:
    parts = [said["head.sample"]] if "head.sample" in said else []
    if sample.base is not None:
        units, strata = sample.base.psus, sample.base.strata
        parts.append(
            (
                f"{units}个初级抽样单元，{strata}层",
                f"{units} primary units in {strata} {'stratum' if strata == 1 else 'strata'}",
            )
        )
    if c.has("frame"):
        frame = c.tables["frame"]
        source = "；".join(str(s) for s in frame["source"].dropna().unique())
        if source:
            parts.append((f"抽样框：{source}", f"frame: {source}"))
    return _join(parts)


def _sizes(c: Community, sample: Sample) -> Said:
    if sample.raked is None:
        return "", ""
    now = sample.raked.subset(sample.raked.data["wave"].eq(c.wave))
    n = int(now.inside.sum())
    parts = [(f"有效问卷{n}份", f"{n} questionnaires")]
    for item in bound_items(c, satisfaction_items(c))[:1]:
        one = survey.top2(now, item, top=top_codes(c, [item]), scale=scale_ends(c, [item]),
                          level=c.level).iloc[0]  # fmt: skip
        if one["n"] >= c.min_cell and one["ci_high"] > one["ci_low"]:
            half = (one["ci_high"] - one["ci_low"]) / 2
            zh, en = (number(half, "pp", lang).lstrip("+") for lang in ("zh", "en"))
            parts.append(
                (
                    f"主要问题的{c.level:.0%}置信区间半宽{zh}",
                    f"half width of the {c.level:.0%} interval of the main question: {en}",
                )
            )
    return _join(parts)


def _weighting(c: Community, sample: Sample) -> Said:
    told = weights(c, sample)
    if told.empty or "weights.raking" not in set(told["finding"]):
        return "", ""
    row: dict[Any, Any] = told[told["finding"].eq("weights.raking")].iloc[0].to_dict()
    if row.get("status") == "not_computed":
        return f"未加权：{row['reason_zh']}", f"not weighted: {row['reason_en']}"
    names = [str(name).split(":") for name in dict.fromkeys(sample.margins["variable"])]
    zh, en = ([" × ".join(c.text(part, lang) for part in name) for name in names]
              for lang in ("zh", "en"))  # fmt: skip
    return f"{row['display_zh']}；变量：{'、'.join(zh)}", f"{row['display_en']}; by {', '.join(en)}"


def _planned(c: Community, achieved: int) -> Said:
    drawn = reachable(c)
    if drawn is None:
        return "", ""
    cases = int(drawn.loc[drawn["wave"].eq(c.wave), "n"].sum())
    return (f"抽取{cases}个个案，完成{achieved}份；差异按处置结果列于应答率",
            f"{cases} cases drawn, {achieved} questionnaires; the difference is told by the "
            "dispositions")  # fmt: skip


def _rate(c: Community) -> Said:
    drawn = reachable(c)
    if drawn is None:
        return "", ""
    told = survey.response_rates(drawn[drawn["wave"].eq(c.wave)]).set_index("statistic")["value"]
    if not told.get("rr1", 0.0) >= 0:  # missing: nobody was drawn
        return "", ""
    rr1, rr3, e = (number(float(told[k]), "share", "en") for k in ("rr1", "rr3", "e"))
    return (f"AAPOR RR1 {rr1}，RR3 {rr3}（e = {e}，按比例分配）",
            f"AAPOR RR1 {rr1}, RR3 {rr3} (e = {e}, proportional allocation)")  # fmt: skip


def _interviewers(c: Community, now: pd.DataFrame) -> Said:
    n = int(now["interviewer"].nunique()) if "interviewer" in now else 0
    if not n:
        return "", ""
    again = len(c.tables["backchecks"]) if c.has("backchecks") else 0
    return (f"访员{n}人" + (f"，复核{again}次" if again else "，没有回访复核记录"),
            f"{n} interviewers" + (f", {again} answers asked again" if again
                                   else ", no record of back-checks"))  # fmt: skip
