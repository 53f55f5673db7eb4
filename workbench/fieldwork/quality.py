"""How well it is asked: durations, missing and other answers, constraints, interviewers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from workbench import survey
from workbench.assess.facts import MODES
from workbench.errors import InputError
from workbench.fieldwork.rows import Row, absent, nothing, row, who_of
from workbench.intake.entered import said

if TYPE_CHECKING:
    from workbench.fieldwork.reading import Field

__all__ = ["backchecks", "constraints", "durations", "interviewers", "missing", "others", "seconds"]

_MUCH = 0.1  # share of missing answers from which an item is looked at
_SHOWN = 12


def seconds(frame: pd.DataFrame) -> pd.Series:
    """Give the duration of each questionnaire; missing where it is not above zero."""
    if not {"started", "finished"} <= set(frame):
        return pd.Series(float("nan"), index=frame.index)
    told = (frame["finished"] - frame["started"]).dt.total_seconds()
    return told.where(told > 0)


def durations(f: Field) -> pd.DataFrame:
    """Give the median and the quartiles of the time taken, by mode."""
    label = ("访问用时", "Time taken")
    frame = f.answers()
    took = seconds(frame) / 60 if len(frame) else pd.Series(dtype=float)
    if not took.notna().any():
        return nothing(
            "duration",
            label,
            "没有开始和结束时间，用时无法计算",
            "no times of start and end: durations cannot be computed",
        )
    rows = []
    modes = frame["mode"].fillna("") if "mode" in frame else pd.Series("", index=frame.index)
    parts = [("", took)] + (
        [(m, took[modes.eq(m)]) for m in sorted(modes.unique())] if modes.nunique() > 1 else []
    )
    for mode, mine in parts:
        mine = mine.dropna()
        if mine.empty:
            continue
        low, middle, high = mine.quantile([0.25, 0.5, 0.75])
        zh, en = MODES.get(mode, (mode, mode)) if mode else ("", "")
        fast = int((mine < middle / 2).sum())
        several = not mode and len(parts) > 1  # what is fast in one mode is usual in another
        rows.append(
            row(
                f"duration{'.' + mode if mode else ''}",
                "estimate",
                f"{label[0]}{'，' + zh if zh else ''}（中位数）",
                f"{label[1]}{', ' + en if en else ''} (median)",
                value=float(middle),
                unit="minutes",
                n=len(mine),
                reason_zh=f"四分之一在{low:.1f}分钟内，四分之一超过{high:.1f}分钟"
                + ("" if several else f"；{fast}份不到中位数的一半"),
                reason_en=f"a quarter within {low:.1f} minutes, a quarter above {high:.1f}"
                + ("" if several else f"; {fast} under half the median"),
            )
        )
    return pd.DataFrame(rows)


def missing(f: Field) -> pd.DataFrame:
    """Give the share of missing answers of each item, those above a tenth first, and why."""
    label = ("缺失的回答", "Missing answers")
    frame = f.answers()
    codes = [c for c, i in f.book.items() if c in frame and i["role"] not in ("inspection", "text")]
    if frame.empty or not codes:
        return nothing("missing", label, "没有问卷", "no questionnaires")
    modes = frame["mode"].fillna("") if "mode" in frame else pd.Series("", index=frame.index)
    rows: list[Row] = []
    apart: set[str] = set()
    for code in codes:
        why = frame.get(f"{code}__missing", pd.Series(None, index=frame.index, dtype=object))
        told_of = frame[code].notna() | why.notna()
        lacks = ~told_of.groupby(modes).transform("any") & bool(told_of.any())
        asked = ~why.eq("not_asked") & ~lacks
        n = int(asked.sum())
        gone = int((asked & frame[code].isna()).sum())
        if not n or not (gone or lacks.any()):
            continue
        share = gone / n
        kinds = why[asked & frame[code].isna()].fillna("skipped").value_counts()
        told = ["，".join(f"{said(str(k))[i]} {v}" for k, v in kinds.items()) for i in (0, 1)]
        if lacks.any():  # forms of one mode may lack a question; a column forgotten looks alike
            apart.add(f"missing.{code}")
            for i, joint in enumerate(("、", ", ")):
                names = joint.join(MODES.get(m, (m, m))[i] for m in sorted(set(modes[lacks])))
                told[i] = "，".join(
                    filter(
                        None,
                        [
                            told[i],
                            (
                                f"{names}的{int(lacks.sum())}份问卷没有此题",
                                f"not in the {int(lacks.sum())} of {names}",
                            )[i],
                        ],
                    )
                )
        bad = share > _MUCH and n >= f.min_cell
        remedy = (
            "问访员此题为何问不出来；跳转设错时改问卷",
            "ask interviewers why; mend the routing if it is wrong",
        )
        if frame[code].isna().all() and why.isna().all():  # no source brings it
            told = ["没有一个文件给出此题", "no file brings this item"]
            remedy = (
                "在来源的 columns: 中写明它的列；没有问的题从码本删去",
                "map its column under columns: of the source; if it is not asked, leave it out "
                "of the codebook",
            )
        rows.append(
            row(
                f"missing.{code}",
                "check",
                f.text(code, "zh"),
                f.text(code, "en"),
                value=share,
                unit="share",
                n=n,
                numerator=float(gone),
                base=_MUCH,
                base_zh="10%以上查看",
                base_en="looked at above 10%",
                verdict="failed" if bad else "passed",
                severity="warning",
                reason_zh=told[0],
                reason_en=told[1].replace("，", ", "),
                remedy_zh=remedy[0] if bad else None,
                remedy_en=remedy[1] if bad else None,
            )
        )
    rows.sort(key=lambda one: -one["value"])
    failed = [one for one in rows if one["verdict"] == "failed"]
    kept = failed or rows[:3]
    kept += [one for one in rows if one["finding"] in apart and one not in kept]
    if not kept:
        kept = [
            row(
                "missing",
                "check",
                *label,
                value=0.0,
                unit="share",
                n=len(frame),
                verdict="passed",
                severity="warning",
            )
        ]
    return pd.DataFrame(kept)


def others(f: Field) -> pd.DataFrame:
    """Count answers "other" of choices, and free texts with how often one text was repeated."""
    label = ("“其他”与文字题", 'Answers "other" and free text')
    frame = f.answers()
    rows: list[Row] = []
    for code, item in f.book.items():
        for value, told in item["values"].items():
            words = f"{told.get('zh') or ''} {told.get('en') or ''}".casefold()
            if not (
                words.strip().startswith("其他") or "其它" in words or "other" in words.split()
            ):
                continue
            name = f"{code}__{value}" if item["kind"] == "multiple" else code
            if name not in frame:
                continue
            given = frame[name].dropna()
            hit = (
                given.eq(1.0)
                if item["kind"] == "multiple"
                else given.astype(str).isin({str(value), f"{value}.0"})
            )
            n, many = len(given), int(hit.sum())
            bad = n >= f.min_cell and many / n > _MUCH
            rows.append(
                row(
                    f"other.{code}.{value}",
                    "check",
                    f"{f.text(code, 'zh')}：其他",
                    f"{f.text(code, 'en')}: other",
                    value=many / n if n else None,
                    unit="share",
                    n=n,
                    numerator=float(many),
                    base=_MUCH,
                    base_zh="10%以上归类",
                    base_en="coded above 10%",
                    verdict="failed" if bad else "passed",
                    severity="warning",
                    status="ok" if n else "not_computed",
                    remedy_zh="读原文（私有清单 others.csv），归入已有选项或增设选项"
                    if bad
                    else None,
                    remedy_en="read the words (private list others.csv); code them"
                    if bad
                    else None,
                )
            )
        text = f"{code}__text"
        if item["kind"] == "text" and text in frame and frame[text].notna().any():
            given = frame[text].dropna()
            most = int(given.value_counts().iloc[0])
            rows.append(
                row(
                    f"text.{code}",
                    "text",
                    f.text(code, "zh"),
                    f.text(code, "en"),
                    value=float(len(given)),
                    unit="count",
                    n=len(frame),
                    reason_zh=f"{given.nunique()}种不同文字，同一文字最多{most}次",
                    reason_en=f"{given.nunique()} different texts, one of them {most} times",
                )
            )
    if not rows:
        return nothing(
            "other",
            label,
            "码本中没有“其他”选项，也没有文字题的回答",
            'no option "other" in the codebook, and no free text',
        )
    return pd.DataFrame(rows)


def constraints(f: Field) -> pd.DataFrame:
    """Count breaches of what must hold: ids, times, dates and hours, values off their scale."""
    frame = f.answers()
    if frame.empty:
        return nothing("constraint", ("约束", "Constraints"), "没有问卷", "no questionnaires")
    rows: list[Row] = []

    def told(name: str, zh: str, en: str, hit: pd.Series, n: int, remedy: tuple[str, str]) -> None:
        bad = int(hit.sum())
        rows.append(
            row(
                f"constraint.{name}",
                "check",
                zh,
                en,
                value=float(bad),
                unit="count",
                n=n,
                numerator=float(bad),
                verdict="failed" if bad else "passed",
                severity="warning",
                remedy_zh=remedy[0] if bad else None,
                remedy_en=remedy[1] if bad else None,
            )
        )

    twice = frame["respondent"].duplicated(keep=False)
    told(
        "twice",
        "问卷编号重复",
        "an id stands twice",
        twice,
        len(frame),
        ("核对导出，按规则保留一份", "check the export; keep one by a stated rule"),
    )
    if f.has("responses", "case"):
        case = frame["case"]
        told(
            "case",
            "同一个案不止一份问卷",
            "two questionnaires of one case",
            case.notna() & case.duplicated(keep=False),
            int(case.notna().sum()),
            ("问访员哪一份是真访问", "ask the interviewer which one is the interview"),
        )
    if f.has("responses", "finished"):
        end = frame["finished"]
        n = int(end.notna().sum())
        if f.has("responses", "started"):
            told(
                "order",
                "结束早于开始",
                "ends before it starts",
                end < frame["started"],
                n,
                ("核对设备时钟", "check the device's clock"),
            )
        days = f.settings["fieldwork"]
        if days:
            day = end.dt.tz_localize(None).dt.normalize()
            out = (day < pd.Timestamp(days[0])) | (day > pd.Timestamp(days[1]))
            told(
                "days",
                f"不在外业日期内（{days[0]}至{days[1]}）",
                f"outside the days of field work ({days[0]} to {days[1]})",
                out,
                n,
                (
                    "试访问要剔除；延期要写入 study.yaml",
                    "leave out pilot interviews; write an extension into study.yaml",
                ),
            )
        if f.has("responses", "interviewer"):
            asked = frame["interviewer"].notna() & end.notna()
            night = asked & ~end.dt.hour.between(6, 21)
            told(
                "night",
                "访员在22时至6时提交",
                "handed in by an interviewer from 22 to 6 o'clock",
                night,
                int(asked.sum()),
                ("问是否补录；补录要注明", "ask whether it was typed in later; say so"),
            )
    files = set(f.settings["answer_files"])
    wrong = [p for p in f.settings["problems"] if p["severity"] == "error" and p["file"] in files]
    for i, one in enumerate(wrong[:_SHOWN], 1):  # what was found may be an id: it is not told
        at = " ".join(str(one[k]) for k in ("file", "column", "community") if one[k])
        due = one.get("expected")
        rows.append(
            row(
                f"constraint.read.{i}",
                "check",
                str(one["zh"]),
                str(one["en"]),
                verdict="failed",
                severity="warning",
                display_zh="—",
                display_en="—",
                reason_zh=at + (f"；应为{due}" if due else ""),
                reason_en=at + (f"; expected {due}" if due else ""),
                remedy_zh=one["remedy_zh"],
                remedy_en=one["remedy_en"],
            )
        )
    return pd.DataFrame(rows)


def interviewers(f: Field, signs: pd.DataFrame) -> pd.DataFrame:
    """Give one row for each interviewer: interviews, days, minutes, missing answers, signs."""
    label = ("访员表", "Interviewers")
    if not f.has("responses", "interviewer"):
        return nothing(
            "interviewers",
            label,
            "问卷没有访员列，无法按访员比较",
            "no column of interviewers: they cannot be compared",
        )
    frame = f.answers()
    items = f.items("satisfaction")
    minutes = seconds(frame) / 60
    gone = frame[items].isna().mean(axis=1) if items else pd.Series(float("nan"), index=frame.index)
    day = frame["finished"].dt.date if "finished" in frame else pd.Series(None, index=frame.index)
    refused = _refused(f)
    rows = []
    for name, at in frame.groupby("interviewer", sort=True).groups.items():
        n, days = len(at), int(day[at].nunique())
        doubtful = int(signs.loc[at, "doubtful"].sum()) if "doubtful" in signs else 0
        middle = minutes[at].median()
        zh = [f"{n}份"] + ([f"{days}天，每天{n / days:.1f}份"] if days else [])
        en = [f"{n} interviews"] + ([f"{days} days, {n / days:.1f} a day"] if days else [])
        if middle == middle:
            zh, en = [*zh, f"中位{middle:.1f}分钟"], [*en, f"median {middle:.1f} minutes"]
        if gone[at].notna().any():
            zh.append(f"满意度题缺失{gone[at].mean():.0%}")
            en.append(f"{gone[at].mean():.0%} of satisfaction answers missing")
        zh.append(f"{doubtful}份有两种以上标记")
        en.append(f"{doubtful} with two signs or more")
        if name in refused:
            zh.append(f"拒访率{refused[name]:.0%}")
            en.append(f"refusal rate {refused[name]:.0%}")
        who = who_of("interviewer", name)
        rows.append(
            row(
                f"interviewer.{name}",
                "estimate",
                who[0],
                who[1],
                value=float(n),
                unit="count",
                n=n,
                numerator=float(doubtful),
                responsible=str(name),
                reason_zh="；".join(zh),
                reason_en="; ".join(en),
            )
        )
    return pd.DataFrame([*rows, *_effects(f, items)])


def _effects(f: Field, items: list[str]) -> list[Row]:
    """Give the intraclass correlation of interviewers within units for the items assessed."""
    frame = f.answers()
    if frame["interviewer"].nunique() < 2 or not items:
        return []
    label = (
        "访员效应（组内相关，社区内）",
        "Interviewer effect (intraclass correlation within units)",
    )
    try:
        found = survey.interviewer_effect(
            frame[frame["interviewer"].notna()],
            [i for i in items if i in f.settings["bound"]] or items[:1],
            "interviewer",
            within="community",
        )
    except InputError as error:
        first = error.problems[0]
        return [absent("interviewer_effect", label, first.zh, first.en)]
    kept = ("value", "unit", "n", "p_value", "method", "status", "reason_zh", "reason_en")
    return [
        row(
            f"interviewer_effect.{one['item']}",
            "estimate",
            f"{label[0]}：{f.text(str(one['item']), 'zh')}",
            f"{label[1]}: {f.text(str(one['item']), 'en')}",
            **{k: one[k] for k in kept},
        )
        for one in found.to_dict("records")
    ]


def _refused(f: Field) -> dict[str, float]:
    """Give the refusal rate REF1 of each interviewer; nothing where dispositions do not tell."""
    if not f.has("dispositions", "interviewer"):
        return {}
    cases = f.tables["dispositions"]
    cases = cases[cases["interviewer"].notna()].assign(n=1.0)
    try:
        told = survey.response_rates(cases, by="interviewer")
    except InputError:
        return {}
    mine = told[told["statistic"].eq("ref1") & told["value"].notna()]
    return dict(zip(mine["interviewer"], mine["value"], strict=True))


def backchecks(f: Field) -> pd.DataFrame:
    """Compare what was asked again, by interviewer and by item."""
    label = ("回访核对", "Back-checks")
    frame = f.answers()
    if not f.has("backchecks") or frame.empty:
        return nothing(
            "backcheck",
            label,
            "没有回访记录（backchecks）；建议随机回访5%至15%的问卷，明日清单列出了应先回访的",
            "no back-checks; call back 5 to 15 % at random, first those on tomorrow's list",
        )
    rows = []
    again = f.tables["backchecks"]
    ways = ["item"] + (["interviewer"] if f.has("responses", "interviewer") else [])
    for by in ways:
        told = survey.backcheck_agreement(frame, again, by=by, level=f.level)
        for one in told.to_dict("records"):
            name = str(one["group"])
            zh, en = (f.text(name, "zh"), f.text(name, "en")) if by == "item" else who_of(by, name)
            out = one["flags"] == "stands_out"
            rows.append(
                row(
                    f"backcheck.{by}.{name}",
                    "check",
                    f"{label[0]}不一致：{zh}",
                    f"{label[1]} that differ: {en}",
                    value=one["value"],
                    unit="share",
                    n=one["n"],
                    ci_low=one["ci_low"],
                    ci_high=one["ci_high"],
                    level=one["level"],
                    numerator=one["numerator"],
                    base=one["others"],
                    base_zh=f"其他{one['others']:.0%}" if one["others"] == one["others"] else None,
                    base_en=f"others {one['others']:.0%}"
                    if one["others"] == one["others"]
                    else None,
                    p_value=one["p_adjusted"],
                    method=one["method"],
                    verdict="failed" if out else "passed",
                    severity="warning",
                    remedy_zh="全部回访该访员的问卷，暂停派活" if out and by != "item" else None,
                    remedy_en="call back all of this interviewer's interviews; no new cases"
                    if out and by != "item"
                    else None,
                )
            )
    if not rows:
        rows = [
            absent(
                "backcheck",
                label,
                "回访记录与本期问卷对不上",
                "no back-check fits a questionnaire of this wave",
            )
        ]
    return pd.DataFrame(rows)
