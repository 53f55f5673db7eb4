"""How the field work went: every AAPOR rate, substitutes, interviewers, signs of careless answers.

Signs are shown beside each other and compared between interviewers; nothing is dropped for them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import survey
from workbench.assess.facts import MODES
from workbench.assess.modes import modes
from workbench.assess.sample import (
    NUMBERS,
    Sample,
    absent,
    composition,
    labelled,
    reachable,
)
from workbench.assess.satisfaction import (
    bound_items,
    satisfaction_items,
    scale_ends,
    top_codes,
    topic,
)
from workbench.errors import InputError
from workbench.survey.rows import from_rows, to_rows

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["fieldwork", "signs"]

SEVERAL = 2  # an answer is called doubtful only when this many different signs agree

_RATES = [f"{name}{i}" for name, n in (("rr", 6), ("coop", 4), ("ref", 3), ("con", 3)) for i in
          range(1, n + 1)]  # fmt: skip
_BY_MODE = ("rr1", "rr3", "coop1", "ref1", "con1")
_NAMES = {
    "rr": ("应答率", "Response rate"),
    "coop": ("合作率", "Cooperation rate"),
    "ref": ("拒访率", "Refusal rate"),
    "con": ("接触率", "Contact rate"),
}
_SIGNS = {
    "straightlined": ("各题答案全部相同", "all answers equal"),
    "speeding": ("用时不到中位数的一半", "less than half the median time"),
    "identical": ("与另一份问卷全部相同", "equal to another questionnaire"),
    "attention": ("注意力题答错", "attention question failed"),
    "intake": ("地址、设备、文字或位置重复", "repeated address, device, text or position"),
}
_SPREAD = {
    "largest_difference": ("样本与总体的最大标准化差异", "Largest standardised difference"),
    "dissimilarity": ("须移动的答卷比例", "Share of answers that would have to move"),
    "r_indicator": ("代表性指标 R", "Representativity indicator R"),
    "max_bias": ("以标准差计的最大可能偏差", "Largest possible bias, in standard deviations"),
}


def fieldwork(c: Community, sample: Sample) -> pd.DataFrame:
    """Tell how the field work of this wave went; empty without questionnaires."""
    if not c.has("responses") or not c.tables["responses"]["wave"].eq(c.wave).any():
        return pd.DataFrame()
    rows = _rates(c) + _substitutes(c) + _joined(c) + _unlike(c, sample)
    rows += _careless(c) + _interviewers(c) + _without(c, sample) + modes(c, sample)
    return from_rows(rows)


def _kept(told: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: told[name] for name in NUMBERS if name in told}


def _rates(c: Community) -> list[dict[str, Any]]:
    """Give RR1-RR6, COOP, REF, CON with e, over all drawn cases and by mode."""
    drawn = reachable(c)
    now = None if drawn is None else drawn[drawn["wave"].eq(c.wave)]
    parts: list[tuple[str, str, str, pd.DataFrame | None]] = [("", "", "", now)]
    if now is not None and now["mode"].nunique() > 1:
        for mode, mine in now.groupby("mode", sort=True):
            zh, en = MODES.get(str(mode), (str(mode), str(mode)))
            parts.append((f".{mode}", f"，{zh}", f", {en}", mine))
    rows = []
    for suffix, zh, en, part in parts:
        told = survey.response_rates(part).set_index("statistic")
        for name in [*(_BY_MODE if suffix else _RATES), "e"]:
            if name not in told.index:
                continue
            words = _NAMES.get(
                name.rstrip("123456"), ("未知个案的合格率 e", "Eligible share e of unknown cases")
            )
            label = name.upper() if name != "e" else "e"
            texts = (
                (words[0], words[1])
                if name == "e"
                else (f"{words[0]} {label}", f"{words[1]} {label}")
            )
            rows.append(
                labelled(
                    f"fieldwork.{name}{suffix}",
                    "estimate",
                    texts[0] + zh,
                    texts[1] + en,
                    wave=c.wave,
                    **_kept(told.loc[name].to_dict()),
                )
            )
    return rows


def _substitutes(c: Community) -> list[dict[str, Any]]:
    """Give the share of substitutes (换户) over all and by interviewer."""
    drawn = reachable(c)
    if drawn is None:
        return []
    now = drawn[drawn["wave"].eq(c.wave)]
    if now.empty:
        return []
    every = survey.substitution_rates(now, by=None).iloc[0].to_dict()
    label = ("换户率（替代个案占比）", "Substitution rate")
    rows = [labelled("fieldwork.substitution", "estimate", *label, wave=c.wave, **_kept(every))]
    named = now[now["interviewer"].notna()]
    if named["substitute_for"].notna().any():
        for one in to_rows(survey.substitution_rates(named)):
            who = one["interviewer"]
            rows.append(
                labelled(
                    f"fieldwork.substitution.{who}",
                    "estimate",
                    f"{label[0]}，访员{who}",
                    f"{label[1]}, interviewer {who}",
                    wave=c.wave,
                    **_kept(one),
                )
            )
    return rows


def _joined(c: Community) -> list[dict[str, Any]]:
    """Count questionnaires whose case no disposition knows, and interviews without one."""
    drawn = reachable(c)
    answers = c.answers()
    answers = answers[answers["wave"].eq(c.wave)]
    if drawn is None or "case" not in answers or answers["case"].isna().all():
        return []
    now = drawn[drawn["wave"].eq(c.wave) & drawn["case"].notna()]
    if now.empty:
        return []
    done = now[now["disposition"].str.match(r"1\.[12]")]
    alien = int((~answers["case"].isin(now["case"])).sum())
    lost = int((~done["case"].isin(answers["case"])).sum())
    said = (
        f"{alien}份问卷的个案不在处置记录中；{lost}个完成访问的个案没有问卷",
        f"{alien} questionnaires whose case has no disposition; {lost} interviews without one",
    )
    return [
        labelled(
            "fieldwork.joined",
            "text",
            "问卷与处置记录",
            "Questionnaires and dispositions",
            wave=c.wave,
            value=float(alien + lost),
            display_zh=said[0],
            display_en=said[1],
            method="records.count",
        )
    ]


def _unlike(c: Community, sample: Sample) -> list[dict[str, Any]]:
    """Say how unlike the population those who answered are (non-response bias indicators)."""
    if sample.base is None or sample.margins.empty or absent(c, sample):
        return []
    frame = composition(c, sample.base, sample.margins)
    drawn = reachable(c)
    now = None if drawn is None else drawn[drawn["wave"].eq(c.wave)]
    rates = survey.response_rates(now).set_index("statistic")["value"]
    rate = float(rates.get("rr3", math.nan))
    rate = rate if rate > 0 else math.nan
    mine = frame[frame["wave"].eq(c.wave)]
    small = set(mine.loc[mine["n"].between(1, c.min_cell - 1), "item"])  # would tell their size
    rows = []
    for one in to_rows(survey.representativity(mine, rate)):
        zh, en = _SPREAD[one["statistic"]]
        name = c.text(one["item"], "zh"), c.text(one["item"], "en")
        more = _kept(one)
        if one["item"] in small:
            more |= {"value": None, "status": "suppressed", "flags": "disclosure", **_SMALL}
        rows.append(
            labelled(
                f"fieldwork.{one['statistic']}.{one['item']}",
                "estimate",
                f"{zh}：{name[0]}",
                f"{en}: {name[1]}",
                wave=c.wave,
                **more,
            )
        )
    return rows


_SMALL = {
    "reason_zh": "有一组人数少于最小单元，由此可推算其人数",
    "reason_en": "a group is under the minimum, and its size could be worked out from this",
}


def signs(c: Community) -> pd.DataFrame:
    """Give one row per questionnaire of this wave's sample: which signs of careless answers it has.

    Columns of truth: those of ``straightlined, speeding, identical, attention, intake`` that the
    data can tell; and ``doubtful``, where two different signs agree. ``respondent`` names the row.
    """
    frame = c.answers()
    frame = frame[frame["wave"].eq(c.wave)].reset_index(drop=True)
    out = pd.DataFrame({"respondent": frame["respondent"]})
    items = [i for i in satisfaction_items(c) if frame[i].notna().any()]
    if frame.empty or len(items) < 2:
        return out.assign(doubtful=False)
    seconds = (
        (frame["finished"] - frame["started"]).dt.total_seconds() if "finished" in frame else None
    )
    timed = frame.assign(_s=seconds) if seconds is not None and seconds.gt(0).any() else frame
    if "_s" in timed:
        timed["_s"] = timed["_s"].where(timed["_s"] > 0)
    each = survey.data_quality(timed, items, duration="_s" if "_s" in timed else None)
    many = each["answered"].ge(4)
    if len(items) >= 4:
        out["straightlined"] = (each["straightlined"] & many).to_numpy()
    if "speeding" in each:
        out["speeding"] = each["speeding"].to_numpy()
    if len(items) >= 8:
        out["identical"] = (
            each["max_match"].ge(1) & each["answered"].ge(8) & ~each["straightlined"]
        ).to_numpy()
    tests = [i for i in c.items("attention") if i in frame and c.settings["codebook"][i].get("top")]
    if tests:
        right = top_codes(c, tests)
        out["attention"] = [
            any(pd.notna(v) and v not in right[i] for i, v in zip(tests, row, strict=True))
            for row in frame[tests].to_numpy()
        ]
    if "flags" in frame:
        out["intake"] = frame["flags"].notna().to_numpy()
    found = [name for name in _SIGNS if name in out]
    out["doubtful"] = out[found].sum(axis=1).ge(SEVERAL) if found else False
    return out


def _careless(c: Community) -> list[dict[str, Any]]:
    found = signs(c)
    n = len(found)
    if not n:
        return []
    rows = []
    for name in [*(s for s in _SIGNS if s in found), "doubtful"]:
        zh, en = _SIGNS.get(name, ("两种以上迹象并存", "two or more signs together"))
        count = int(found[name].sum())
        rows.append(
            labelled(
                f"fieldwork.sign.{name}",
                "estimate",
                f"作答迹象：{zh}",
                f"Sign: {en}",
                wave=c.wave,
                value=count / n,
                unit="share",
                n=n,
                numerator=float(count),
                denominator=float(n),
                method="survey.data_quality",
            )
        )
    return rows


def _interviewers(c: Community) -> list[dict[str, Any]]:
    """Compare interviewers: how alike their respondents answer, and who stands out."""
    frame = c.answers()
    frame = frame[frame["wave"].eq(c.wave) & frame["interviewer"].notna()].reset_index(drop=True)
    items = [i for i in satisfaction_items(c) if frame[i].notna().any()]
    if frame["interviewer"].nunique() < 2 or len(items) < 2:
        return []
    rows = []
    for one in to_rows(survey.interviewer_effect(frame, bound_items(c, items), "interviewer")):
        item = one["item"]
        rows.append(
            labelled(
                f"fieldwork.interviewer.{item}",
                "estimate",
                f"访员效应（组内相关）：{c.text(item, 'zh')}",
                f"Interviewer effect (intraclass correlation): {c.text(item, 'en')}",
                wave=c.wave,
                **_kept(one),
            )
        )
    told = survey.interviewer_signs(frame, items, "interviewer", minimum=c.min_cell)
    for one in to_rows(told[told["flags"].eq("stands_out")]):
        sign = "identical" if one["statistic"] == "high_match" else one["statistic"]
        zh, en = _SIGNS[sign]
        who = one["interviewer"]
        rows.append(
            labelled(
                f"fieldwork.stands_out.{one['statistic']}.{who}",
                "estimate",
                f"访员{who}：{zh}的比例明显高于其他访员（须复核，不是结论）",
                f"Interviewer {who}: {en} clearly more often than others (to look into)",
                wave=c.wave,
                **_kept(one),
            )
        )
    return rows


def _without(c: Community, sample: Sample) -> list[dict[str, Any]]:
    """Give the main items with and without doubtful answers, side by side."""
    if sample.raked is None or absent(c, sample):
        return []
    found = signs(c)
    doubtful = set(found.loc[found["doubtful"].astype(bool), "respondent"])
    items = bound_items(c, satisfaction_items(c))
    if not items or len(doubtful) < max(c.min_cell, 1):  # with and without would tell on the few
        return []
    now = sample.raked.subset(sample.raked.data["wave"].eq(c.wave))
    clean = now.subset(~now.data["respondent"].isin(doubtful))
    rows = []
    for item in items:
        one = (
            survey.top2(
                clean, item, top=top_codes(c, [item]), scale=scale_ends(c, [item]), level=c.level
            )
            .iloc[0]
            .to_dict()
        )
        if not c.min_cell <= one["n"]:
            continue
        rows.append(
            labelled(
                f"fieldwork.without_doubtful.{item}",
                "estimate",
                f"{topic(c, item, 'zh')}（去掉{len(doubtful)}份可疑问卷，仅供对照）",
                f"{topic(c, item, 'en')} (without {len(doubtful)} doubtful questionnaires, "
                "for contrast)",
                wave=c.wave,
                **_kept(one),
            )
        )
    return rows


def compared(
    c: Community,
    now: survey.Design,
    item: str,
    group: str,
    prefix: str,
    words: dict[Any, tuple[str, str]],
) -> list[dict[str, Any]]:
    """Give the difference in the share satisfied between groups, raw and adjusted."""
    y = now.data[item]
    top = top_codes(c, [item])[item]
    data = now.data.assign(_top=y.isin(top).astype(float).where(y.notna()))
    large = data.loc[now.inside & y.notna(), group].value_counts()
    keep = data[group].isin(large.index[large >= max(c.min_cell, 1)])
    held = [v for v in c.items("demographic") if v in data and v != group and data[v].notna().any()]
    try:
        told = survey.adjusted_difference(
            now.changed(data=data).subset(keep),
            "_top",
            group,
            adjust=held,
            share=True,
            level=c.level,
        )
    except InputError as error:
        problem = error.problems[0]
        return [
            labelled(
                f"{prefix}.{item}",
                "estimate",
                f"{topic(c, item, 'zh')}：比较",
                f"{topic(c, item, 'en')}: comparison",
                wave=c.wave,
                item=item,
                status="not_computed",
                reason_zh=problem.text("zh"),
                reason_en=problem.text("en"),
                method="survey.adjusted_difference",
            )
        ]
    named = {str(k): v for k, v in words.items()}
    rows = []
    for one in to_rows(told):
        a, b = (named.get(str(one[k]), (str(one[k]),) * 2) for k in ("group", "reference"))
        how = (
            ("构成调整后", "adjusted")
            if one["adjustment"] == "adjusted"
            else ("未调整", "as they are")
        )
        rows.append(
            labelled(
                f"{prefix}.{item}.{one['group']}.{one['adjustment']}",
                "estimate",
                f"{topic(c, item, 'zh')}：{a[0]}减{b[0]}（{how[0]}）",
                f"{topic(c, item, 'en')}: {a[1]} minus {b[1]} ({how[1]})",
                wave=c.wave,
                item=item,
                **_kept(one),
            )
        )
    return rows
