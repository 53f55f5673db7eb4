"""What must hold within and between the canonical tables of a study."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.checks.privacy import KINDS, marks
from workbench.intake import rules_judged, rules_records, rules_survey
from workbench.intake.cells import each, where
from workbench.intake.frames import FILE, ROW, Log, Problems
from workbench.intake.shelf import Frames, repeated
from workbench.intake.tables import TABLES, column_of
from workbench.intake.units import Units
from workbench.study import nearest_remedy

if TYPE_CHECKING:
    from workbench.study import Study

__all__ = ["check_all"]

_PLAIN = re.compile(r"[+-]?[\d.]+")
_DAY = re.compile(r"[0-9]{4}(-[0-9]{2}){0,2}\Z")
_FORMULA = re.compile(
    r"^[\s\u3000]*[=+\-@＝＋－＠]|<\s*/?\s*[A-Za-z!]|\[[^\]]*\]\(\s*(?:https?|javascript):"
)


def check_all(
    study: Study,
    frames: Frames,
    units: Units,
    log: Log,
    problems: Problems,
    *,
    everything: bool,
) -> None:
    """Enter every breach of a rule.

    Parameters
    ----------
    study
        Settings, codebook and decisions.
    frames
        Canonical tables of which every file was read, typed, with ``_file`` and ``_row``.
    units
        The tree of units.
    log, problems
        Receive what is counted and what is wrong.
    everything
        Whether these are all tables of the study; if not, nothing is said about what is absent.
    """
    for name in frames:
        _duplicates(name, frames, problems)
        for block in frames.blocks(name, _looked_at(name, frames, study)):
            _waves(name, block, study, problems)
            _texts(name, block, study, log, problems)
            _future(name, block, study, problems)
    if "communities" in frames:
        _units(study, frames, problems, everything=everything)
    if "inspections" in frames:
        _inspections(study, frames, problems)
    if "measurements" in frames:
        _measurements(study, frames["measurements"], problems)
    if "requests" in frames:
        _requests(study, frames, log, problems)
    if "issues" in frames:
        _issues(frames["issues"], problems)
    if "facts" in frames:
        _facts(study, frames["facts"], problems)
    rules_judged.check(study, frames, units, problems)
    rules_records.check(study, frames, problems)
    rules_survey.check(study, frames, units, problems)


def _remedy(name: str, twice: pd.DataFrame) -> tuple[str, str]:
    """Say what to do with ids that stand more than once."""
    if name == "requests":
        return (
            "在 corrections.csv 中改正编号；同一件导出多次的（例如每月全量导出），在 study.yaml 写 "
            "duplicates: {requests: {by: [request], keep: last}}",
            "correct the id in corrections.csv; where one request was exported more than once (a "
            "full dump each month), say duplicates: {requests: {by: [request], keep: last}} in "
            "study.yaml",
        )
    if name != "responses":
        return (
            "在 corrections.csv 中改正编号，或从原系统重新导出，每件一行",
            "correct the id in corrections.csv, or export it again with one row for each",
        )
    if twice[FILE].nunique() > 1:
        return (
            '各文件各自从 1 编号的，在 columns: 中写 respondent: "row:n"（文件名加行号）；'
            "同一份答卷读了两次的，删去一个数据源",
            'where each file numbers from 1, write respondent: "row:n" under columns: (name of the '
            "file and row); where the same answers are read twice, remove one of the sources",
        )
    return (
        "在 corrections.csv 中改正编号；确为一人多份的，在 study.yaml 写 duplicates: "
        "{respondents: {by: [respondent], keep: last}}",
        "correct the id in corrections.csv; where one person did answer more than once, say "
        "duplicates: {respondents: {by: [respondent], keep: last}} in study.yaml",
    )


def _looked_at(name: str, frames: Frames, study: Study) -> list[str]:
    """Name the columns that a rule about rows looks at: all but answers that are no text."""
    texts = [code for code, item in study.codebook.items() if item.kind == "text"]
    return [*TABLES[name].names(), *(texts if TABLES[name].items else []), FILE, ROW]


def _duplicates(name: str, frames: Frames, problems: Problems) -> None:
    """Two rows alike in all columns that identify one."""
    table = TABLES[name]
    if name == "communities":
        return  # told when the units were taken
    if name == "sign_ins":
        return  # who signs twice is no fault of the data
    key = [column for column in table.key if column in frames.columns(name)]
    given = ""
    if table.id in key and name in (
        "dispositions",
        "responses",
        "requests",
        "issues",
        "assessors",
        "photos",
        "votes",
        "documents",
        "objections",
    ):
        given = table.id
    rows = repeated(frames, name, key, given)
    twice = rows[rows.duplicated(key, keep=False)]
    words = twice[key].astype("str").fillna("").agg(" / ".join, axis=1) if len(twice) else None
    problems.cells(
        f"{name}.duplicate-id" if len(key) <= 2 else f"{name}.duplicate-row",
        "编号重复" if len(key) <= 2 else "同一记录出现不止一次",
        "the id stands more than once"
        if len(key) <= 2
        else "the same record stands more than once",
        *_remedy(name, twice),
        frame=twice,
        column=table.id,
        values=words,
        expected=" + ".join(key),
    )


def _waves(name: str, frame: pd.DataFrame, study: Study, problems: Problems) -> None:
    """Rows of a wave that study.yaml does not name."""
    if "wave" not in frame:
        return
    known = [wave.id for wave in study.settings.waves]
    wrong = frame[frame["wave"].notna() & ~frame["wave"].isin(known)]
    for value in wrong["wave"].unique():
        rows = wrong[wrong["wave"] == value]
        zh, en = nearest_remedy(str(value), known)
        problems.cells(
            "wave.unknown",
            "study.yaml 没有这个轮次",
            "study.yaml names no such wave",
            zh,
            en,
            frame=rows,
            column="wave",
            expected=" | ".join(known),
            values=rows["wave"],
        )


def _private(
    name: str, column: str, frame: pd.DataFrame, cells: pd.Series, problems: Problems
) -> None:
    """Tell marks of persons in text that would leave the house with the slice."""
    known = column_of(TABLES[name], column)
    if known is None or known.house:  # an item that is free text stays in the house too
        return
    first = {text: dict(reversed(list(marks(text)))) for text in cells.unique()}
    for kind, (zh, en) in KINDS.items():
        shown = each(cells, lambda text: first[text].get(kind)).dropna()  # noqa: B023 - used at once
        problems.cells(
            "privacy.mark",
            f"文字中含有{zh}，会随数据离开",
            f"the text holds {en} and would leave with the data",
            "在 corrections.csv 中改为不含个人信息的文字",
            "put it right in corrections.csv without what names a person",
            frame=frame.loc[shown.index],
            column=column,
            values=shown,
        )


# what happened, table by table; a due date may well lie ahead
_HAPPENED = {
    "responses": ("started", "finished"),
    "dispositions": ("date",),
    "inspections": ("observed_at",),
    "measurements": ("period",),
    "requests": ("received", "assigned", "answered", "closed"),
    "sign_ins": ("at",),
    "contacts": ("at",),
    "facts": ("date",),
    "issues": ("found", "answered", "closed"),
}


def _future(name: str, frame: pd.DataFrame, study: Study, problems: Problems) -> None:
    """Tell what is said to have happened after the report was issued.

    One slip of the year would move the end of the records, and with it every open case. What
    befalls a title (notice, objection, naming …) comes after the report.
    """
    issued = study.settings.issued.isoformat()
    for column in _HAPPENED.get(name, ()):
        days = frame[column].dropna().str[:10]
        late = days[where(days, lambda d: bool(_DAY.match(d)) and d > issued[: len(d)])]
        if name == "facts" and len(late):
            from workbench.scoring.standing import TRANSITIONS

            events = [event for _, event in TRANSITIONS]
            late = late[~frame.loc[late.index, "fact"].isin(events)]
        problems.cells(
            f"{name}.future",
            "晚于报告出具日期",
            "after the date of issue of the report",
            "核对年份，在 corrections.csv 中更正；或改正 issued:",
            "look at the year, put it right in corrections.csv; or correct issued:",
            frame=frame.loc[late.index],
            column=column,
            values=late,
            expected=f"≤ {issued}",
        )


def _facts(study: Study, frame: pd.DataFrame, problems: Problems) -> None:
    """Tell values of the facts assessed that are neither yes nor no."""
    from workbench.intake.convert import _BOOL

    assessed = {entry.get("fact") for entry in _measures(study) if entry.get("fact")}
    mine = frame[frame["fact"].isin(assessed) & frame["value"].notna()]
    odd = mine[~mine["value"].str.strip().str.lower().isin(_BOOL)]
    problems.cells(
        "facts.value",
        "不是“是”或“否”，该指标将列为未计算",
        "neither yes nor no; the indicator will stand as not computed",
        "用 values: 对应为 true 或 false，或在 corrections.csv 中更正",
        "map it to true or false with values:, or put it right in corrections.csv",
        frame=odd,
        column="value",
        values=odd["value"],
        expected="true | false",
        severity="warning",
    )


def _measures(study: Study) -> list[dict[str, Any]]:
    told = study.measures
    return list(told.as_dict().values()) if told is not None else []  # a draft may lack it


def _texts(name: str, frame: pd.DataFrame, study: Study, log: Log, problems: Problems) -> None:
    """Free text that a spreadsheet or browser might run: kept as it is, made harmless on export."""
    columns = [
        column.name
        for column in TABLES[name].columns
        if column.type in ("words", "text") and not column.words
    ]
    if TABLES[name].items:
        columns += [code for code, item in study.codebook.items() if item.kind == "text"]
    for column in columns:
        if column not in frame:
            continue
        cells = frame[column].dropna()
        if cells.empty:
            continue
        _private(name, column, frame, cells, problems)
        risky = cells[where(cells, lambda t: _FORMULA.search(t) and not _PLAIN.fullmatch(t))]
        if risky.empty:
            continue
        problems.cells(
            "text.formula",
            "文本像公式或含有标记；保留原文，导出时失效",
            "text that looks like a formula or holds markup; kept, made harmless on export",
            "无须处理；如为误录，在 corrections.csv 中更正",
            "nothing to do; if it is a slip, put it right in corrections.csv",
            frame=frame.loc[risky.index],
            column=column,
            severity="warning",
        )
        log.add(
            "intake.text-neutralised",
            len(risky),
            f"{name}.{column}：像公式或含标记的文本",
            f"{name}.{column}: texts that look like formulas or hold markup",
            table=name,
        )


def _units(study: Study, frames: Frames, problems: Problems, *, everything: bool) -> None:
    """See that units get a report, and that there is something about each."""
    communities = frames["communities"]
    level = study.settings.unit
    assessed = communities[communities["level"] == level]
    if assessed.empty:
        problems.add(
            "communities.none-assessed",
            f"没有级别为 {level} 的单位",
            f"no unit is of level {level}",
            "改正 communities 的 level 或 study.yaml 的 unit:",
            "correct level in communities or unit: in study.yaml",
            file="study.yaml",
            column="unit",
            expected=level,
            found=" | ".join(sorted(set(communities["level"].dropna()))),
        )
        return
    if not everything:
        return
    named: set[str] = set()
    for name in frames:
        unit = TABLES[name].unit
        if unit and name not in ("communities", "margins"):
            for block in frames.blocks(name, [unit]):
                named |= set(block[unit].dropna().unique())
    parents = dict(zip(communities["community"], communities["parent"], strict=True))
    reached = set(named)
    for name in named:
        while isinstance(name := parents.get(name), str) and name not in reached:  # type: ignore[assignment]
            reached.add(name)
    alone = assessed[~assessed["community"].isin(reached)]
    problems.cells(
        "community.alone",
        "该单位只出现在 communities 表中，没有任何数据",
        "the unit stands in communities only; there are no data about it",
        "补上数据，或从 communities 中删去该单位",
        "add its data, or remove the unit from communities",
        frame=alone,
        column="community",
        values=alone["community"],
    )


def _inspections(study: Study, frames: Frames, problems: Problems) -> None:
    """Items, marks, reasons and assessors of inspections."""
    marks = frames["inspections"]
    known = [code for code, item in study.codebook.items() if item.role == "inspection"]
    wrong = marks[marks["item"].notna() & ~marks["item"].isin(known)]
    for code in wrong["item"].unique():
        zh, en = nearest_remedy(str(code), known)
        rows = wrong[wrong["item"] == code]
        problems.cells(
            "item.unknown",
            "码本没有这个核查项（role: inspection）",
            "the codebook has no such inspection item (role: inspection)",
            zh,
            en,
            frame=rows,
            column="item",
            values=rows["item"],
        )
    blank = marks[marks["score"].isna() & marks["passed"].isna()]
    problems.cells(
        "inspections.no-mark",
        "score 与 passed 都为空",
        "neither score nor passed is given",
        "补上得分或是否通过",
        "give the score or whether it passed",
        frame=blank,
        column="score",
    )
    over = marks[(marks["score"] > marks["max_score"]) | (marks["score"] < 0)]
    problems.cells(
        "inspections.score",
        "得分不在 0 与满分之间",
        "the score is not between 0 and max_score",
        "改正 score 或 max_score",
        "correct score or max_score",
        frame=over,
        column="score",
        values=over["score"],
    )
    lost = (marks["score"] < marks["max_score"]) | (marks["passed"] == False).fillna(False)  # noqa: E712
    bare = marks[lost.fillna(False).astype(bool) & marks["reason"].isna()]
    problems.cells(
        "inspections.reason",
        "扣分而没有原因",
        "points are lost without a reason",
        "写明扣分原因",
        "state why points were lost",
        frame=bare,
        column="reason",
    )
    if "assessors" in frames:
        people = set(frames["assessors"]["assessor"].dropna())
        strange = marks[marks["assessor"].notna() & ~marks["assessor"].isin(people)]
        for name in strange["assessor"].unique():
            zh, en = nearest_remedy(str(name), sorted(people))
            rows = strange[strange["assessor"] == name]
            problems.cells(
                "assessor.unknown",
                "assessors 表中没有这个人",
                "the table assessors has no such person",
                zh,
                en,
                frame=rows,
                column="assessor",
                values=rows["assessor"],
            )


def _shares(study: Study) -> set[str]:
    """Name the measurements that are percentages of a whole."""
    if study.measures is None or study.protocol is None:
        return set()
    known = study.protocol.indicators
    out = set()
    for measure in study.measures.as_dict().values():
        name = measure.get("measurement")
        unit = known[name].unit if name in known else measure["unit"]
        if name and unit == "percent" and not str(measure["statistic"]).startswith("change"):
            out.add(str(name))
    return out


def _measurements(study: Study, frame: pd.DataFrame, problems: Problems) -> None:
    """See a value, or a numerator with a denominator above zero; a share is one of 0 to 1."""
    shares = _shares(study)
    share = frame["value"].fillna(frame["numerator"] / frame["denominator"].where(lambda d: d > 0))
    over = frame[frame["indicator"].isin(shares) & ((share > 1 + 1e-9) | (share < 0))]
    problems.cells(
        "measurements.share",
        "比例不在 0 至 1 之间（即超过 100% 或为负）",
        "a share off its scale (above 100 %, or negative)",
        "核对分子与分母；value 写 0 至 1 的小数",
        "check numerator and denominator; write value as a fraction of 1",
        frame=over,
        column="value",
        values=share[over.index],
        expected="0-1",
    )
    bare = frame[frame["value"].isna() & (frame["numerator"].isna() | frame["denominator"].isna())]
    problems.cells(
        "measurements.no-value",
        "既没有 value，也没有成对的 numerator 与 denominator",
        "neither value nor numerator with denominator",
        "补上数值；没有数据的时期不写这一行",
        "give the value; leave out the row of a period without data",
        frame=bare,
        column="value",
    )
    zero = frame[frame["denominator"] <= 0]
    problems.cells(
        "measurements.denominator",
        "分母须大于零",
        "the denominator must exceed zero",
        "改正分母",
        "correct the denominator",
        frame=zero,
        column="denominator",
        values=zero["denominator"],
        expected="> 0",
    )


def _times(cells: pd.Series) -> pd.Series:
    return pd.to_datetime(cells, format="ISO8601", utc=True)


_STEPS = {
    "assigned": ("交办", "assigned"),
    "answered": ("首次答复", "answered"),
    "closed": ("办结", "closed"),
}


def _begins(study: Study, frames: Frames, problems: Problems) -> None:
    """Tell of a wave whose months of records begin before the register does."""
    first = min((str(b["received"].min()) for b in frames.blocks("requests", ["received"])
                 if b["received"].notna().any()), default="")  # fmt: skip
    for wave in study.settings.waves:
        if first and wave.records is not None and first[:7] > wave.records[0]:
            problems.add(
                "requests.begin",
                f"诉求台账自{first[:7]}起，{wave.id} 的记录月份更早：此前不是没有诉求，而是不知道",
                f"the register of requests begins in {first[:7]}, the months of records of "
                f"{wave.id} before: what came then is not nothing, it is not known",
                "补上缺的月份，或改正该期的 records:",
                "add the months that are missing, or correct records: of that wave",
                file="study.yaml",
                column=f"waves.{wave.id}.records",
                expected=str(wave.records[0]),
                found=first[:7],
                severity="warning",
            )


def _requests(study: Study, frames: Frames, log: Log, problems: Problems) -> None:
    _begins(study, frames, problems)
    named: set[str] = set()
    for block in frames.blocks("requests", ["duplicate_of"]):
        named |= set(block["duplicate_of"].dropna().unique())
    known: set[str] = set()
    for block in frames.blocks("requests", ["request"]) if named else ():
        known |= set(block["request"][block["request"].isin(list(named))])
    for block in frames.blocks("requests"):
        _of_requests(block, known, log, problems)
    if named:
        columns = ["request", "community", "duplicate_of", FILE, ROW]
        parts = (
            block.dropna(subset="duplicate_of") for block in frames.blocks("requests", columns)
        )
        _circles(pd.concat(parts), problems)


def _of_requests(frame: pd.DataFrame, known: set[str], log: Log, problems: Problems) -> None:
    """Count steps before the receipt, which are set aside later; nothing is dropped."""
    received = _times(frame["received"])
    for column in ("assigned", "answered", "closed"):
        early = frame[_times(frame[column]) < received]
        if early.empty:
            continue
        problems.cells(
            "requests.order",
            f"{column} 早于 received；该行留存，计算时长时搁置",
            f"{column} is before received; the row stays, its duration is set aside",
            "核对原始工单；确有误时用 corrections.csv 更正",
            "look at the original; put it right in corrections.csv if it is wrong",
            frame=early.assign(community=None),
            column=column,
            severity="warning",
        )
        log.by_unit(
            "intake.requests-order",
            early["community"],
            f"{_STEPS[column][0]}早于受理的诉求",
            f"Requests {_STEPS[column][1]} before they were received",
            table="requests",
        )
    lost = frame[frame["duplicate_of"].notna() & ~frame["duplicate_of"].isin(known)]
    problems.cells(
        "requests.duplicate-of",
        "duplicate_of 指向不存在的工单",
        "duplicate_of names a request that is not there",
        "改正 duplicate_of 或删去",
        "correct duplicate_of or leave it empty",
        frame=lost,
        column="duplicate_of",
        values=lost["duplicate_of"],
        severity="warning",
    )
    if frame["satisfied"].notna().any():
        words = {"true", "false", "yes", "no", "1", "0"}
        odd = frame[
            frame["satisfied"].notna()
            & ~frame["satisfied"].isin(words)
            & ~frame["satisfied"].str.fullmatch(r"-?\d+(\.\d+)?")
        ]
        problems.cells(
            "requests.satisfied",
            "satisfied 既不是是/否也不是分值",
            "satisfied is neither yes/no nor a score",
            "用 values: 对应为 true、false 或分值",
            "map it to true, false or a score with values:",
            frame=odd,
            column="satisfied",
            values=odd["satisfied"],
        )


def _circles(frame: pd.DataFrame, problems: Problems) -> None:
    """Refuse requests that are duplicates of each other: none of them would be counted."""
    rows = frame[frame["duplicate_of"].notna() & frame["request"].notna()]
    original = dict(zip(rows["request"], rows["duplicate_of"], strict=True))
    ends: dict[str, bool] = {}
    for begin in original:
        path: list[str] = []
        name = begin
        while name in original and name not in ends and name not in path:
            path.append(name)
            name = original[name]
        circle = name in path or ends.get(name, False)
        ends |= dict.fromkeys(path, circle)
    bad = rows[rows["request"].map(ends).astype(bool)] if any(ends.values()) else rows.iloc[:0]
    problems.cells(
        "requests.duplicate-circle",
        "互为重复件，没有首件，都不会被计入",
        "duplicates of each other without an original: none of them would count",
        "在 corrections.csv 中清空首件的 duplicate_of",
        "empty duplicate_of of the original through corrections.csv",
        frame=bad,
        column="duplicate_of",
        values=bad["duplicate_of"],
    )


def _issues(frame: pd.DataFrame, problems: Problems) -> None:
    for column in ("due", "answered", "closed"):
        early = frame[frame[column].notna() & (frame[column] < frame["found"])]
        problems.cells(
            "issues.order",
            f"{column} 早于 found",
            f"{column} is before found",
            "改正日期",
            "correct the date",
            frame=early,
            column=column,
            values=early[column],
            severity="warning",
        )
