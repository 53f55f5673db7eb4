"""What must hold between answers, sample, dispositions, margins and weights."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.intake.frames import FILE, ROW, Problems
from workbench.intake.shelf import Frames, repeated
from workbench.intake.tables import TABLES
from workbench.intake.units import Units
from workbench.study import nearest_remedy

if TYPE_CHECKING:
    from workbench.study import Study

__all__ = ["check"]

_DISPOSITION = re.compile(r"[1-4]\.\d{1,3}\Z")
_TOLERANCE = 0.01
"""Relative difference up to which two totals of one population count as equal."""


def check(study: Study, frames: Frames, units: Units, problems: Problems) -> None:
    """Enter every breach of a rule about the survey; see ``rules.check_all``."""
    _small_area(study, problems)
    if "responses" in frames:
        for block in frames.blocks("responses", _looked_at(study)):
            _modes(study, block, problems)
            _interviews(study, block, problems)
            _cases(frames, block, problems)
            _design(study, block, problems)
        _unused_modes(study, frames, problems)
        _panel(frames, problems)
        _wave_counts(study, frames, problems)
        _nonresponse(study, frames, problems)
    if "dispositions" in frames:
        _dispositions(frames, problems)
    if "contacts" in frames:
        _contacts(frames, problems)
    if "margins" in frames:
        _margins(study, frames, problems)
    if "responses" in frames:
        _rake(study, frames, units, problems)


def _looked_at(study: Study) -> list[str]:
    """Name the columns of answers that a rule looks at."""
    weighting = study.settings.weighting
    parts = [part for variable in weighting.rake for part in variable.split(":")]
    base = [] if weighting.base is None else [weighting.base]
    return [*TABLES["responses"].names(), *parts, *base, FILE, ROW]


def _small_area(study: Study, problems: Problems) -> None:
    """Tell of a small-area model that was chosen too late, or nobody knows when."""
    model, days = study.settings.small_area, study.current.fieldwork
    if model is None:
        return
    late = model.chosen is not None and days is not None and model.chosen >= days[0]
    if model.chosen is not None and not late:
        return
    problems.add(
        "small-area.late" if late else "small-area.undated",
        "小区域模型选定时外业已开始，不予计算"
        if late
        else "没有写明小区域模型何时选定，报告会照此说明",
        "the small-area model was chosen after field work began: it is not computed"
        if late
        else "the day on which the small-area model was chosen is not given; the report says so",
        "下一期在外业之前选定并写明 chosen:" if late else "写明 chosen: 日期",
        "choose it before the next field work and give chosen:" if late else "give chosen: a day",
        file="study.yaml",
        column="small_area.chosen",
        expected=f"< {days[0]}" if days is not None else "YYYY-MM-DD",
        found=str(model.chosen or ""),
        severity="warning",
    )


def _kind(study: Study, modes: pd.Series) -> pd.Series:
    """Give the kind of sample of each row."""
    sample = study.settings.sample
    return modes.map(sample).astype("str").fillna(sample.get("default", ""))


def _modes(study: Study, responses: pd.DataFrame, problems: Problems) -> None:
    sample = study.settings.sample
    if "default" in sample:
        return
    modes = responses["mode"].fillna("")
    wrong = responses[~modes.isin(list(sample))]
    for mode in modes[wrong.index].unique():
        rows = wrong[modes[wrong.index] == mode]
        what = mode or "(empty)"
        problems.cells(
            "sample.mode",
            f"sample: 没有说明方式“{what}”的抽样类别",
            f'sample: does not say which kind of sample the mode "{what}" is',
            f"在 study.yaml 的 sample: 中写 {mode or 'default'}: probability、opt_in 或 census",
            f"write {mode or 'default'}: probability, opt_in or census under sample: in study.yaml",
            frame=rows,
            column="mode",
            expected=" | ".join(sample) or "default",
        )


def _unused_modes(study: Study, frames: Frames, problems: Problems) -> None:
    """Tell of a mode under ``sample:`` that no answer has: the answers meant take the default."""
    used: set[str] = set()
    for block in frames.blocks("responses", ["mode"]):
        used |= set(block["mode"].dropna().unique())
    for mode in sorted(set(study.settings.sample) - used - {"default"}) if used else []:
        zh, en = nearest_remedy(mode, sorted(used))
        problems.add(
            "sample.mode-unused",
            f"sample: 中的方式 {mode} 没有一份答卷，其设置不起作用",
            f"no answer has the mode {mode}, which sample: names: what it says has no effect",
            zh,
            en,
            file="study.yaml",
            column=f"sample.{mode}",
            severity="warning",
        )


def _panel(frames: Frames, problems: Problems) -> None:
    """See each person of a panel once in a wave."""
    there = repeated(frames, "responses", ["wave", "panel_id"], "panel_id")
    twice = there[there.duplicated(["wave", "panel_id"], keep=False)]
    problems.cells(
        "responses.panel",
        "同一人（panel_id）在一期内出现不止一次",
        "a person (panel_id) stands more than once in a wave",
        "每人每期只留一份答卷，或更正 panel_id",
        "keep one questionnaire per person and wave, or correct panel_id",
        frame=twice,
        column="panel_id",
        values=twice["panel_id"],
        expected="once per wave",
    )


def _interviews(study: Study, responses: pd.DataFrame, problems: Problems) -> None:
    started = pd.to_datetime(responses["started"], format="ISO8601", utc=True)
    finished = pd.to_datetime(responses["finished"], format="ISO8601", utc=True)
    negative = responses[finished < started]
    problems.cells(
        "responses.duration",
        "结束早于开始",
        "finished before it started",
        "核对平台导出的时间，用 corrections.csv 更正",
        "look at the platform's times and put them right in corrections.csv",
        frame=negative,
        column="finished",
        values=negative["finished"],
        expected="≥ started",
    )
    named = responses[responses["case"].notna()]
    again = named[named.duplicated(["wave", "community", "case"], keep=False)]
    problems.cells(
        "responses.case-twice",
        "同一样本在一期中有两份问卷",
        "two questionnaires of one case in one wave",
        "核对是否重复录入；重复的用 judgements.csv 的 exclusion 排除并说明理由",
        "see whether one was entered twice; exclude it by a judgement with its reason",
        frame=again,
        column="case",
        values=again["case"],
        severity="warning",
    )
    days = responses["started"].fillna(responses["finished"]).str[:10]  # local, as stored
    for wave in study.settings.waves:
        if wave.fieldwork is None:
            continue
        first, last = (day.isoformat() for day in wave.fieldwork)
        mine = responses[(responses["wave"] == wave.id) & days.notna()]
        off = mine[~days[mine.index].between(first, last)]
        problems.cells(
            "responses.fieldwork",
            f"答卷时间在 {wave.id} 的调查期之外",
            f"answered outside the fieldwork of {wave.id}",
            "核对时间与轮次；确属补访时延长 fieldwork:",
            "check time and wave; extend fieldwork: if it was a later visit",
            frame=off.assign(community=None),
            column="started",
            severity="warning",
            expected=f"{first} … {last}",
        )


def _cases(frames: Frames, responses: pd.DataFrame, problems: Problems) -> None:
    """Tell of questionnaires whose case is none of those that the unit's dispositions list."""
    if "dispositions" not in frames or not responses["case"].notna().any():
        return
    listed = frames["dispositions"]
    listed = listed[listed["case"].notna()]
    unit, key = ["wave", "community"], ["wave", "community", "case"]
    named = responses[responses["case"].notna()]
    mine = pd.MultiIndex.from_frame(named[unit]).isin(pd.MultiIndex.from_frame(listed[unit]))
    there = pd.MultiIndex.from_frame(named[key]).isin(pd.MultiIndex.from_frame(listed[key]))
    lost = named[mine & ~there]
    problems.cells(
        "responses.case-unlisted",
        "dispositions 中没有这个样本编号",
        "dispositions list no such case",
        "核对编号：007 与 7 是两个编号，前导零可能在电子表格中丢失；丢失的从原系统重新导出",
        "check the number: 007 and 7 are two, and a spreadsheet may have lost the zeros; then "
        "export it again from its system",
        frame=lost,
        column="case",
        values=lost["case"],
        severity="warning",
    )


def _wave_counts(study: Study, frames: Frames, problems: Problems) -> None:
    """Waves that should have answers and have none."""
    counts: Counter[str] = Counter()
    for block in frames.blocks("responses", ["wave"]):
        counts.update(Counter(block["wave"].dropna().tolist()))
    for n, wave in enumerate(study.settings.waves, start=1):
        expected = wave.fieldwork is not None or wave.records is None
        if expected and not counts.get(wave.id, 0):
            problems.add(
                "wave.no-responses",
                f"轮次 {wave.id} 没有一份答卷",
                f"the wave {wave.id} has no answers",
                "补上该轮次的数据源，核对 set: {wave: …}，或删去该轮次",
                "add the wave's source, check set: {wave: …}, or remove the wave",
                file="study.yaml",
                column=f"waves[{n}]",
                expected="> 0",
                found="0",
            )


def _design(study: Study, responses: pd.DataFrame, problems: Problems) -> None:
    """Strata with one sampling unit, answers without the base weight."""
    probability = _kind(study, responses["mode"]) == "probability"
    base = study.settings.weighting.base
    if base is not None:
        if base not in responses:
            zh, en = nearest_remedy(base, ["base_weight"])
            problems.add(
                "weighting.base",
                "responses 没有这一列",
                "responses has no such column",
                zh,
                en,
                file="study.yaml",
                column="weighting.base",
                found=base,
            )
        else:
            bare = responses[probability & responses[base].isna()]
            problems.cells(
                "weight.missing",
                "概率样本的答卷没有基础权数",
                "an answer of the probability sample has no base weight",
                "补上权数，或在 sample: 中说明该方式不是概率样本",
                "give the weight, or say under sample: that the mode is no probability sample",
                frame=bare.assign(community=bare["community"]),
                column=base,
            )
    mine = responses[probability & responses["psu"].notna()]
    if mine.empty:
        return
    have = responses.loc[responses["psu"].notna(), "community"].unique()
    problems.cells(
        "design.no-psu",
        "概率样本的答卷没有楼栋（psu），而本单位其他答卷有：这些答卷不会进入估计",
        "answers of the probability sample without a building (psu), where others of the unit have "
        "one: they will not enter the estimates",
        "补上楼栋，或在 sample: 中说明该方式不是概率样本",
        "give the building, or say under sample: that the mode is no probability sample",
        frame=responses[probability & responses["psu"].isna() & responses["community"].isin(have)],
        column="psu",
        severity="warning",
    )
    by = [mine["community"], mine["wave"], mine["stratum"].fillna("")]
    count = mine.groupby(by)["psu"].transform("nunique")
    whole = mine["fpc1"] == 1
    lonely = mine[(count == 1) & ~whole]
    for (unit, wave, stratum), rows in lonely.groupby(
        [lonely["community"], lonely["wave"], lonely["stratum"].fillna("")], sort=True
    ):
        problems.add(
            "design.lonely-psu",
            f"{wave} 的层“{stratum}”只有一个初级抽样单位，层内方差无法估计",
            f'stratum "{stratum}" of {wave} has one sampling unit; no variance can be estimated',
            "并入相邻的层，或在报告中说明",
            "join it with a neighbouring stratum, or say so in the report",
            file=str(rows[FILE].iloc[0]),
            row=int(rows[ROW].iloc[0]),
            column="psu",
            community=str(unit),
            expected="≥ 2",
            found="1",
            severity="warning",
        )


def _nonresponse(study: Study, frames: Frames, problems: Problems) -> None:
    """Classes of the adjustment for non-response: columns of answers and of dispositions."""
    wanted = study.settings.weighting.nonresponse
    if wanted and "dispositions" not in frames:
        problems.add(
            "weighting.nonresponse",
            "没有 dispositions，不能作无应答调整",
            "there are no dispositions to adjust for non-response with",
            "在 sources: 中给出 dispositions，或删去 weighting.nonresponse",
            "give dispositions under sources:, or remove weighting.nonresponse",
            file="study.yaml",
            column="weighting.nonresponse",
        )
        return
    for name in wanted:
        tables = ("responses", "dispositions")
        lacking = [t for t in tables if name not in frames.columns(t)]
        if lacking:
            both = set(frames.columns("responses")) & set(frames.columns("dispositions"))
            known = sorted(both - {FILE, ROW})
            zh, en = nearest_remedy(name, known)
            problems.add(
                "weighting.nonresponse",
                f"{'、'.join(lacking)} 没有这一列",
                f"{' and '.join(lacking)} have no such column",
                zh,
                en,
                file="study.yaml",
                column="weighting.nonresponse",
                found=name,
            )


def _codes(table: str, column: str, frame: pd.DataFrame, problems: Problems) -> None:
    """See that outcomes are codes of AAPOR."""
    odd = frame[frame[column].notna() & ~frame[column].fillna("").str.match(_DISPOSITION)]
    problems.cells(
        f"{table}.code",
        "不是 AAPOR 结果代码",
        "not an AAPOR disposition code",
        "写作 1.1、2.10、3.20、4.70 等；设为文本，免得末尾的零丢失",
        "write 1.1, 2.10, 3.20, 4.70 …; keep it as text so that no trailing zero is lost",
        frame=odd,
        column=column,
        values=odd[column],
        expected="1.1 … 4.90",
    )


def _contacts(frames: Frames, problems: Problems) -> None:
    """See that attempts are at cases that are there, and that outcomes are codes."""
    frame = frames["contacts"]
    _codes("contacts", "outcome", frame, problems)
    if "dispositions" not in frames:
        return
    cases = frames["dispositions"]
    known = set(zip(cases["wave"], cases["case"], strict=True))
    lost = frame[[key not in known for key in zip(frame["wave"], frame["case"], strict=True)]]
    lost = lost[lost["case"].notna()]
    problems.cells(
        "contacts.case",
        "dispositions 中没有这个样本编号；明日清单看不到这次接触",
        "dispositions list no such case; tomorrow's list does not see this attempt",
        "核对 case 与 wave，或在 dispositions 中补上该个案",
        "check case and wave, or add the case to the dispositions",
        frame=lost,
        column="case",
        values=lost["case"],
        severity="warning",
    )


def _dispositions(frames: Frames, problems: Problems) -> None:
    frame = frames["dispositions"]
    _codes("dispositions", "disposition", frame, problems)
    if "responses" not in frames:
        return
    named = frame[frame["respondent"].notna()]
    pairs = pd.MultiIndex.from_frame(named[["wave", "respondent"]])
    there = np.zeros(len(named), dtype=bool)
    for block in frames.blocks("responses", ["wave", "respondent"]):
        there |= pairs.isin(pd.MultiIndex.from_frame(block[["wave", "respondent"]]))
    lost = named[~there]
    problems.cells(
        "dispositions.respondent",
        "responses 没有这位受访者",
        "responses has no such respondent",
        "核对 respondent 与 wave",
        "check respondent and wave",
        frame=lost,
        column="respondent",
        values=lost["respondent"],
    )


def _margins(study: Study, frames: Frames, problems: Problems) -> None:
    """Known categories; totals that agree between variables and with the unit's size."""
    margins = frames["margins"]
    for variable, rows in margins.groupby("variable", sort=True):
        parts = str(variable).split(":")
        items = [study.codebook.get(part) for part in parts]
        if any(item is None for item in items):
            missing = next(part for part, item in zip(parts, items, strict=True) if item is None)
            zh, en = nearest_remedy(
                missing, [c for c, i in study.codebook.items() if i.role == "demographic"]
            )
            problems.cells(
                "margins.variable",
                "码本没有这个变量，该边际不被使用",
                "the codebook has no such variable; the margin is not used",
                zh,
                en,
                frame=rows.assign(community=None),
                column="variable",
                values=rows["variable"],
                severity="warning",
            )
            continue
        known = [
            ":".join(cell)
            for cell in _product([list(item.values) for item in items if item is not None])
        ]
        if not known:
            continue
        wrong = rows[~rows["category"].isin(known)]
        for value in wrong["category"].dropna().unique():
            zh, en = nearest_remedy(str(value), known)
            here = wrong[wrong["category"] == value]
            problems.cells(
                "margins.category",
                f"变量 {variable} 没有这个类别",
                f"the variable {variable} has no such category",
                zh,
                en,
                frame=here.assign(community=here["area"]),
                column="category",
                values=here["category"],
                expected=" | ".join(known[:12]),
            )
    cells = margins[["area", "population"]].drop_duplicates().dropna()
    for area, population in sorted(zip(cells["area"], cells["population"], strict=True)):
        rows = margins[(margins["area"] == area) & (margins["population"] == population)]
        sums = rows.groupby("variable", sort=True)["count"].sum()
        low, high = float(sums.min()), float(sums.max())
        place: dict[str, Any] = {
            "file": str(rows[FILE].iloc[0]),
            "row": int(rows[ROW].iloc[0]),
            "column": "count",
            "community": "" if area == "*" else str(area),
        }
        if high <= 0:
            problems.add(
                "margins.zero",
                f"{population} 的边际合计为零",
                f"the margins of {population} sum to zero",
                "改正 count",
                "correct count",
                expected="> 0",
                found="0",
                **place,
            )
        elif (high - low) / high > _TOLERANCE:
            text = ", ".join(f"{name} {value:g}" for name, value in sums.items())
            problems.add(
                "margins.totals",
                f"{population} 的各变量合计不一致",
                f"the variables of {population} do not add up to one total",
                "使各变量的 count 合计一致",
                "make the counts of every variable add up to the same total",
                expected=f"{high:g}",
                found=text,
                **place,
            )
        _against_size(frames, str(area), str(population), high, place, problems)


def _against_size(
    frames: Frames,
    area: str,
    population: str,
    total: float,
    place: dict[str, Any],
    problems: Problems,
) -> None:
    communities = frames.get("communities")
    if communities is None or total <= 0:
        return
    size = communities.loc[communities["community"] == area, population].dropna()
    if len(size) and abs(float(size.iloc[0]) - total) / total > _TOLERANCE:
        problems.add(
            "margins.size",
            f"边际合计与 communities 中的 {population} 不符",
            f"the margins do not add up to {population} in communities",
            "核对两者的截止日期与口径",
            "check date and definition of both",
            expected=f"{float(size.iloc[0]):g}",
            found=f"{total:g}",
            severity="warning",
            **place,
        )


def _product(lists: list[list[str]]) -> list[list[str]]:
    cells: list[list[str]] = [[]]
    for values in lists:
        cells = [[*cell, value] for cell in cells for value in values]
    return cells


def _rake(study: Study, frames: Frames, units: Units, problems: Problems) -> None:
    """Every raking variable needs a margin for each unit, with every category that was answered."""
    weighting = study.settings.weighting
    if not weighting.rake:
        return
    margins = frames.get("margins")
    if margins is None and "margins" in study.settings.sources:
        return  # told already: it cannot be read
    if margins is None:
        problems.add(
            "margins.none",
            "按边际加权，却没有 margins 表",
            "weights are raked, but there is no table margins",
            "在 sources: 中给出 margins，或删去 weighting.rake",
            "give margins under sources:, or remove weighting.rake",
            file="study.yaml",
            column="weighting.rake",
            found=", ".join(weighting.rake),
        )
        return
    margins = margins[margins["population"] == weighting.population]
    for variable in weighting.rake:
        parts = variable.split(":")
        if any(part not in frames.columns("responses") for part in parts):
            zh, en = nearest_remedy(
                variable, [c for c, i in study.codebook.items() if i.role == "demographic"]
            )
            problems.add(
                "weighting.variable",
                "responses 没有这个加权变量",
                "responses has no such variable to rake on",
                zh,
                en,
                file="study.yaml",
                column="weighting.rake",
                found=variable,
            )
            continue
        mine = margins[margins["variable"] == variable]
        for block in frames.blocks("responses", ["community", *parts, FILE, ROW]):
            answered = block[block[parts].notna().all(axis=1)]
            cells = answered[parts[0]].astype("str")
            for part in parts[1:]:
                cells = cells.str.cat(answered[part].astype("str"), sep=":")
            for unit, rows in answered.groupby("community", sort=True):
                _unit_margin(
                    study, str(unit), variable, cells[rows.index], rows, mine, units, problems
                )


def _unit_margin(
    study: Study,
    unit: str,
    variable: str,
    cells: pd.Series,
    rows: pd.DataFrame,
    margins: pd.DataFrame,
    units: Units,
    problems: Problems,
) -> None:
    weighting = study.settings.weighting
    areas = [unit] if weighting.borrow is None else [unit, *units.ancestors(unit), "*"]
    own = next((found for area in areas if len(found := margins[margins["area"] == area])), None)
    if own is None:
        if units.level.get(unit) != study.settings.unit:
            return
        problems.add(
            "margins.lacking",
            f"没有 {variable} 的边际（{weighting.population}）",
            f"no margin of {variable} ({weighting.population})",
            "补上该单位的边际，或声明 weighting: {borrow: parent}",
            "add the unit's margin, or declare weighting: {borrow: parent}",
            file="study.yaml",
            column="weighting.rake",
            community=unit,
            found=variable,
        )
        return
    positive = set(own.loc[own["count"] > 0, "category"])
    lacking = rows[~cells.isin(positive)]
    problems.cells(
        "margins.category-lacking",
        f"{variable} 的边际缺少答卷中出现的类别",
        f"the margin of {variable} lacks a category that was answered",
        "补上该类别的人数，或在 codebook 中列为缺失码",
        "add the count of the category, or make it a missing code in the codebook",
        frame=lacking,
        column=variable,
        values=cells[lacking.index],
        expected=" | ".join(sorted(positive)),
        community=unit,
    )
