"""Signs of invented or careless interviews, each with its base rate and what to do next.

A flag never deletes: estimates stand with and without flagged interviews side by side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench import survey
from workbench.fieldwork.quality import seconds
from workbench.fieldwork.rows import Row, absent, nothing, row, who_of

if TYPE_CHECKING:
    from workbench.fieldwork.reading import Field

__all__ = ["FAR", "SIGNS", "compared", "flags", "shared", "signs", "stands_out"]

FAR = 500.0  # metres from the middle of the building's interviews
LEAST = 8  # items below which likeness is not compared
SEVERAL = 2  # so many different signs make an interview doubtful
_ANSWERED = 5  # equal answers say something from this many on

# sign -> words, base rate (what honest interviews give), what to do next
SIGNS: dict[str, tuple[tuple[str, str], tuple[str, str], tuple[str, str]]] = {
    "near_identical": (
        (
            "与同一访员（无访员时同一单位）的其他问卷近乎相同",
            "near-identical to others of the interviewer (of the unit where nobody interviews)",
        ),
        ("诚实访问不到1%", "under 1% of honest interviews"),
        ("把这几份并排读，回访其中几户", "read them side by side; call some of them back"),
    ),
    "straightlined": (
        ("各题答案全部相同", "all answers equal"),
        ("诚实访问约2%至3%，满意的人常如此", "2 to 3% of honest interviews: satisfied people do"),
        ("单独出现不说明问题；与速度一起看", "alone it says little; look at the time taken too"),
    ),
    "speeding": (
        ("用时不到中位数的一半", "under half the median time"),
        ("诚实访问约0.5%至1%", "0.5 to 1% of honest interviews"),
        ("听录音或陪访一次", "listen to the recording, or go along once"),
    ),
    "burst": (
        ("十分钟内集中提交", "handed in within a burst of ten minutes"),
        ("全部问卷中误报一次的机会为1%", "1% chance of one false burst in the whole wave"),
        ("问当时是否群发链接或集中补录", "ask whether a link was sent out or forms typed in"),
    ),
    "overlap": (
        ("前一份未结束又开始一份", "begun before the one before had ended"),
        ("面访应为0", "0 for face-to-face interviews"),
        ("问是否多台设备或补录", "ask about several devices, or forms typed in later"),
    ),
    "same_ip": (
        ("同一地址5份以上", "five or more from one address"),
        ("小区公用网络和运营商网关也会如此", "shared networks and carriers' gateways do it too"),
        ("看是否同一时段、同一答案", "see whether time and answers are alike as well"),
    ),
    "same_device": (
        ("同一设备3份以上", "three or more from one device"),
        ("访员独用的设备不计；一家人可能共用", "a tablet of one interviewer's own does not count"),
        ("问这台设备在谁手里，何以多份", "ask whose device it is, and why several came from it"),
    ),
    "same_text": (
        ("文字回答与另外两份以上完全相同", "free text equal to two others or more"),
        ("八字以上的相同文字很少见", "equal texts of eight characters are rare"),
        ("回访，问原话", "call back and ask for the words"),
    ),
    "same_place": (
        ("位置与另外四份以上完全相同", "at the very position of four others or more"),
        ("同楼入户时位置会有几米差别", "positions in one building differ by metres"),
        ("问是否在办公室补录", "ask whether they were typed in at the office"),
    ),
    "far": (
        (
            f"离本楼其他访问{FAR:.0f}米以上",
            f"over {FAR:.0f} m from the building's other interviews",
        ),
        ("室内定位误差通常在50米内", "positions indoors are off by 50 m or less"),
        (
            "核对门牌照片；坐标系标错时全体偏离",
            "check the photo of the door; a wrong system shifts all of them",
        ),
    ),
    "attention": (
        ("注意力题答错", "attention question failed"),
        ("诚实访问约3%至5%", "3 to 5% of honest interviews"),
        ("单独出现不说明问题", "alone it says little"),
    ),
    "empty": (
        ("满意度题一半以上没有回答", "half the satisfaction items or more without an answer"),
        ("见缺失一节", "see missing answers"),
        ("回访补问，或按部分完成处置", "call back for the rest, or call it a partial"),
    ),
}


def signs(f: Field) -> pd.DataFrame:
    """Tell of each questionnaire which signs it bears.

    Returns
    -------
    DataFrame
        By the index of ``f.answers()``: a column of truth for each sign that the data can tell, and
        ``doubtful``: two different signs or more.
    """
    frame = f.answers()
    out = pd.DataFrame(index=frame.index)
    if frame.empty:
        return out.assign(doubtful=pd.Series(dtype=bool))
    items = f.items("satisfaction")
    rated = f.items("satisfaction", "importance", "behaviour", "other")
    rated = [
        i
        for i in rated
        if f.book[i]["kind"] in ("scale", "single", "check")
        and pd.api.types.is_numeric_dtype(frame[i])
    ]
    if len(rated) >= LEAST:
        told = survey.near_identical(frame.assign(_who=_own(frame)), rated, "_who")
        if told["status"].eq("ok").any():
            out["near_identical"] = told["near_identical"].to_numpy()
    if len(items) >= 4:
        x = frame[items]
        out["straightlined"] = _flat(x) & x.notna().sum(axis=1).ge(min(_ANSWERED, len(items)))
    if len(items) >= 2:
        out["empty"] = frame[items].notna().mean(axis=1) <= 0.5
    took = seconds(frame)
    if took.notna().any():
        mode = frame["mode"].fillna("") if "mode" in frame else pd.Series("", index=frame.index)
        out["speeding"] = took < took.groupby(mode).transform("median") / 2
    if f.has("responses", "finished"):
        who = frame.get("interviewer")
        out["burst"] = survey.arrival_bursts(frame["finished"], _own(frame))["burst"].to_numpy()
        if who is not None and who.notna().any() and took.notna().any():
            out["overlap"] = survey.overlapping(frame["started"], frame["finished"], who)
    marks = frame["flags"].fillna("").astype(str) if "flags" in frame else None
    for name, column in (
        ("same_ip", "address"),
        ("same_device", "device"),
        ("same_place", "position"),
    ):
        if marks is not None and f.has("responses", column):
            out[name] = marks.str.contains(name, regex=False)
    texts = [c for c in frame if str(c).endswith("__text") and frame[c].notna().any()]
    if marks is not None and texts:
        out["same_text"] = marks.str.contains("same_text", regex=False)
    if f.has("responses", "metres"):
        out["far"] = frame["metres"] > FAR
    tests = [i for i in f.items("attention") if f.book[i].get("top")]
    if tests:
        wrong = [
            frame[i].notna() & ~frame[i].isin([float(v) for v in f.book[i]["top"]]) for i in tests
        ]
        out["attention"] = np.logical_or.reduce(wrong)
    out = out[[name for name in SIGNS if name in out]].fillna(False).astype(bool)
    return out.assign(doubtful=out.sum(axis=1).ge(SEVERAL))


def _flat(answers: pd.DataFrame) -> pd.Series:
    """Tell the rows in which all answers that are given are equal."""
    codes = pd.factorize(answers.to_numpy().ravel())[0].reshape(answers.shape)
    given = codes >= 0
    most = np.where(given, codes, -1).max(axis=1)
    least = np.where(given, codes, codes.max() + 1).min(axis=1)
    return pd.Series(given.any(axis=1) & (most == least), index=answers.index)


def shared(frame: pd.DataFrame, column: str) -> pd.Series:
    """Tell the questionnaires whose address or device is not one interviewer's tool alone.

    A tablet and its SIM card bring all interviews of the one who carries them; that is no sign.
    Without an interviewer it is the respondents' own, and two interviewers share what they share.
    """
    who = frame.get("interviewer")
    if who is None:
        return frame[column].notna()
    users = _own(frame).groupby(frame[column]).transform("nunique")
    return frame[column].notna() & (who.isna() | users.gt(1))


def _own(frame: pd.DataFrame) -> pd.Series:
    """Give whose each questionnaire is: its interviewer's, else its unit's (filled in alone)."""
    place = frame["community"].astype(str) + "|self"
    who = frame.get("interviewer")
    return place if who is None else who.where(who.notna(), place)


def flags(f: Field, found: pd.DataFrame) -> pd.DataFrame:
    """Give each sign with its share, its base rate and what to do next."""
    n = len(found)
    rows: list[Row] = []
    for name, (words, base, remedy) in SIGNS.items():
        if name not in found:
            continue
        many = int(found[name].sum())
        rows.append(
            row(
                f"flag.{name}",
                "check",
                *words,
                value=many / n,
                unit="share",
                n=n,
                numerator=float(many),
                base_zh=base[0],
                base_en=base[1],
                verdict="failed" if many else "passed",
                severity="info",
                method="survey.data_quality",
                reason_zh=f"{many}份",
                reason_en=f"{many} of {n}",
                remedy_zh=remedy[0] if many else None,
                remedy_en=remedy[1] if many else None,
            )
        )
    if rows:
        many = int(found["doubtful"].sum())
        rows.append(
            row(
                "flag.doubtful",
                "check",
                "两种以上标记并存（可疑，须复核）",
                "two signs or more together (doubtful: to be looked into)",
                value=many / n,
                unit="share",
                n=n,
                numerator=float(many),
                verdict="failed" if many else "passed",
                severity="warning",
                reason_zh=f"{many}份；不删除任何问卷",
                reason_en=f"{many} of {n}; no questionnaire is deleted",
                method="survey.data_quality",
                remedy_zh="见明日清单的“回访核实”" if many else None,
                remedy_en="see tomorrow's list, to verify" if many else None,
            )
        )
    rows += _untold(f, found)
    return pd.DataFrame(rows)


def _untold(f: Field, found: pd.DataFrame) -> list[Row]:
    """Say which signs cannot be told and why."""
    rows = []
    for name, zh, en in (
        (
            "near_identical",
            f"只有一名访员或一个单位，或选择题不足{LEAST}道，近似问卷不比较",
            f"one interviewer or unit alone, or fewer than {LEAST} items: likeness is not compared",
        ),
        ("speeding", "没有开始和结束时间", "no times of start and end"),
        ("burst", "没有提交时间", "no times of submission"),
        ("same_ip", "没有地址", "no addresses"),
        ("same_device", "没有设备编号", "no devices"),
        ("far", "没有可用的位置（见“位置”）", "no usable positions (see positions)"),
        (
            "attention",
            "没有注意力题，或码本没有用 top: 写明正确答案",
            "no attention question, or the codebook does not give the right answer under top:",
        ),
    ):
        if name not in found:
            rows.append(absent(f"flag.{name}", SIGNS[name][0], zh, en))
    return rows


def compared(f: Field, found: pd.DataFrame, by: str) -> pd.DataFrame:
    """Hold each sign's share of one interviewer (or unit) against that of all others."""
    names = [name for name in (*SIGNS, "doubtful") if name in found]
    return survey.groups_compared(found[names], f.answers()[by], minimum=f.min_cell)


def stands_out(f: Field, found: pd.DataFrame) -> pd.DataFrame:
    """Name interviewers (units, where nobody interviews) with a sign more often than the others."""
    by = "interviewer" if f.has("responses", "interviewer") else "community"
    label = (
        ("与其他访员相比突出的", "Interviewers who stand out")
        if by == "interviewer"
        else ("与其他单位相比突出的", "Units that stand out")
    )
    names = [name for name in (*SIGNS, "doubtful") if name in found]
    frame = f.answers()
    if frame.empty or not names:
        return nothing("stands_out", label, "没有可比较的标记", "no signs to compare")
    told = compared(f, found, by)
    out = told[told["flags"].eq("stands_out")]
    rows = []
    for one in out.sort_values(["p_adjusted", "group"], kind="stable").to_dict("records"):
        sign, name = str(one["statistic"]), str(one["group"])
        words = (
            SIGNS[sign][0] if sign in SIGNS else ("两种以上标记并存", "two signs or more together")
        )
        who = who_of(by, name) if by == "interviewer" else (f.name(name, "zh"), f.name(name, "en"))
        remedy = SIGNS[sign][2] if sign in SIGNS else ("回访核实", "call back")
        rows.append(
            row(
                f"stands_out.{sign}.{name}",
                "check",
                f"{who[0]}：{words[0]}",
                f"{who[1]}: {words[1]}",
                value=one["value"],
                unit="share",
                n=one["n"],
                numerator=one["numerator"],
                base=one["others"],
                base_zh=f"其他{one['others']:.1%}",
                base_en=f"others {one['others']:.1%}",
                p_value=one["p_value"],
                p_adjusted=one["p_adjusted"],
                verdict="failed",
                severity="warning",
                method="survey.interviewer_signs",
                responsible=name,
                reason_zh="须复核，不是结论",
                reason_en="to look into, no conclusion",
                remedy_zh=remedy[0],
                remedy_en=remedy[1],
            )
        )
    if not rows:
        n = int(told["status"].eq("ok").groupby(told["group"]).any().sum())
        rows = [
            row(
                "stands_out",
                "check",
                *label,
                verdict="passed",
                severity="warning",
                display_zh="无",
                display_en="none",
                n=n,
                reason_zh=f"比较了{n}个，校正多重比较后无人突出",
                reason_en=f"{n} compared; nobody stands out after correction",
            )
        ]
    return pd.DataFrame(rows)
