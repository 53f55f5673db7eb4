"""What stands beside the signs: entropy, addresses, positions, records, estimates without them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import scoring, survey
from workbench.errors import InputError
from workbench.fieldwork.rows import Row, absent, nothing, row, who_of
from workbench.fieldwork.signs import FAR, SIGNS, shared

if TYPE_CHECKING:
    from workbench.fieldwork.reading import Field

__all__ = ["concentrated", "entropy", "positions", "records", "without"]

_RECORDS = ("measurements", "documents", "sign_ins")


def entropy(f: Field) -> pd.DataFrame:
    """Tell whose answers vary less, or more, than as many of the others'."""
    label = ("答案的熵", "Entropy of answers")
    items = f.items("satisfaction")
    frame = f.answers()
    if not f.has("responses", "interviewer") or frame["interviewer"].nunique() < 2 or not items:
        return nothing(
            "entropy",
            label,
            "没有两名以上访员或没有满意度题，不比较",
            "fewer than two interviewers, or no satisfaction items: not compared",
        )
    told = survey.answer_entropy(
        frame, items, "interviewer", rng=f.rng("entropy"), minimum=f.min_cell
    )
    rows = []
    for one in told[told["flags"].ne("")].to_dict("records"):
        name, less = str(one["group"]), one["flags"] == "stands_out"
        who = who_of("interviewer", name)
        rows.append(
            row(
                f"entropy.{name}",
                "check",
                f"{who[0]}：答案变化{'过少' if less else '过多'}",
                f"{who[1]}: answers vary too {'little' if less else 'much'}",
                value=one["value"],
                unit="bits",
                n=one["n"],
                base=one["others"],
                base_zh=f"其他{one['others']:.2f}比特",
                base_en=f"others {one['others']:.2f} bits",
                p_value=one["p_adjusted"],
                verdict="failed",
                severity="warning",
                method="survey.answer_entropy",
                remedy_zh="与近似问卷、用时一起看",
                remedy_en="look at it with near-identical interviews and times",
            )
        )
    if not rows:
        ok = told[told["status"].eq("ok")]
        zh, en = "无人突出", "nobody stands out"
        if len(ok):
            zh += f"；访员间差异为偶然的{ok['dispersion'].iloc[0]:.1f}倍"
            en += f"; interviewers differ {ok['dispersion'].iloc[0]:.1f} times as much as by chance"
        rows = [
            row(
                "entropy",
                "check",
                *label,
                verdict="passed",
                severity="warning",
                n=len(ok),
                display_zh="—",
                display_en="—",
                reason_zh=zh,
                reason_en=en,
                method="survey.answer_entropy",
            )
        ]
    return pd.DataFrame(rows)


def concentrated(f: Field) -> pd.DataFrame:
    """Tell how much of each unit's questionnaires came from one address or one device.

    Tools of one interviewer alone take no part (:func:`workbench.fieldwork.signs.shared`).
    """
    rows: list[Row] = []
    for column, zh, en in (("address", "地址", "address"), ("device", "设备", "device")):
        label = (f"{zh}集中度", f"Concentration by {en}")
        if not f.has("responses", column):
            rows.append(absent(f"concentration.{column}", label, f"没有{zh}", f"no {en} was given"))
            continue
        frame = f.answers()
        ours = shared(frame, column)
        if not ours.any():
            why = (f"每个{zh}只由一名访员使用", f"each {en} is one interviewer's alone")
            rows.append(
                row(
                    f"concentration.{column}",
                    "check",
                    *label,
                    verdict="passed",
                    severity="warning",
                    display_zh="—",
                    display_en="—",
                    reason_zh=why[0],
                    reason_en=why[1],
                    method="survey.concentration",
                )
            )
            continue
        told = survey.concentration(frame[column].where(ours), frame["community"])
        told = told[told["n"] >= f.min_cell].sort_values(
            ["value", "group"], ascending=[False, True], kind="stable"
        )
        for one in told.head(5).to_dict("records"):
            name = str(one["group"])
            bad = one["numerator"] >= 5 and one["value"] >= 0.2
            rows.append(
                row(
                    f"concentration.{column}.{name}",
                    "check",
                    f"{f.name(name, 'zh')}：{label[0]}",
                    f"{f.name(name, 'en')}: {label[1][0].lower()}{label[1][1:]}",
                    value=one["value"],
                    unit="share",
                    n=one["n"],
                    numerator=one["numerator"],
                    base=one["others"],
                    base_zh=f"其他单位{one['others']:.0%}"
                    if one["others"] == one["others"]
                    else None,
                    base_en=f"other units {one['others']:.0%}"
                    if one["others"] == one["others"]
                    else None,
                    verdict="failed" if bad else "passed",
                    severity="warning",
                    method="survey.concentration",
                    community=name,
                    reason_zh=f"最多的一个有{one['numerator']:.0f}份，共{one['distinct']}个不同{zh}",
                    reason_en=f"the commonest has {one['numerator']:.0f}; {one['distinct']} in all",
                    remedy_zh="看这些问卷的时间与答案是否也相近" if bad else None,
                    remedy_en="see whether their times and answers are alike too" if bad else None,
                )
            )
    return pd.DataFrame(rows)


def positions(f: Field) -> pd.DataFrame:
    """Tell how far from the building's other interviews they were, and what could not be used."""
    label = ("位置", "Positions")
    frame = f.answers()
    if not f.has("responses", "position"):
        return nothing("position", label, "没有位置", "no positions were given")
    untold = int(frame["position"].eq("no_system").sum())
    rows: list[Row] = []
    if untold:
        rows.append(
            row(
                "position.system",
                "check",
                "没有说明坐标系",
                "The system of coordinates is not told",
                value=float(untold),
                unit="count",
                n=int(frame["position"].notna().sum()),
                verdict="failed",
                severity="warning",
                reason_zh="GCJ-02 与 WGS-84 相差约半公里，未说明坐标系的位置不使用",
                reason_en="GCJ-02 is half a kilometre off WGS-84: such positions are not used",
                remedy_zh="在来源的 set: 中写 crs: WGS-84、GCJ-02 或 BD-09",
                remedy_en="write crs: WGS-84, GCJ-02 or BD-09 under set: of the source",
            )
        )
    far = frame["metres"].dropna()
    if len(far):
        many = int((far > FAR).sum())
        rows.append(
            row(
                "position.far",
                "check",
                f"离本楼其他访问{FAR:.0f}米以上",
                f"Over {FAR:.0f} m from the building's other interviews",
                value=many / len(far),
                unit="share",
                n=len(far),
                numerator=float(many),
                severity="warning",
                base_zh=SIGNS["far"][1][0],
                base_en=SIGNS["far"][1][1],
                verdict="failed" if many else "passed",
                reason_zh=f"中位{far.median():.0f}米，已换算为 WGS-84",
                reason_en=f"median {far.median():.0f} m, converted to WGS-84",
                remedy_zh=SIGNS["far"][2][0] if many else None,
                remedy_en=SIGNS["far"][2][1] if many else None,
            )
        )
    return pd.DataFrame(rows)


def records(f: Field) -> pd.DataFrame:
    """Run the tests of falsified records on every unit: those that failed; the rest are counted."""
    label = ("记录造假的迹象", "Signs of falsified records")
    if not any(map(f.has, _RECORDS)):
        return nothing(
            "records",
            label,
            "没有指标记录（measurements）、材料（documents）和签到记录（sign_ins）",
            "neither measurements nor documents nor sign-ins (sign_ins)",
        )
    measured: dict[str, Any] = f.settings["measured"]
    told: list[pd.DataFrame] = []
    for name in sorted(_names(f)):
        parts = {
            t: f.tables[t][f.tables[t]["community"].eq(name)] if f.has(t) else None
            for t in _RECORDS
        }
        found = scoring.falsification(
            parts["measurements"],
            documents=parts["documents"],
            sign_ins=parts["sign_ins"],
            assessed=[(w["id"], w["month"]) for w in f.settings["waves"]],
            directions={k: int(v["way"]) for k, v in measured.items()},
            level=f.level,
        )
        if len(found):
            told.append(found.assign(community=name))
    every = pd.concat(told, ignore_index=True) if told else pd.DataFrame()
    if every.empty:
        return nothing("records", label, "记录太少，没有可做的检验", "too few records for any test")
    rows: list[Row] = []
    for one in every[every["verdict"].eq("failed")].to_dict("records"):
        title = measured.get(str(one["item"]))
        for lang, joint in (("zh", "："), ("en", ": ")):
            what = f"{title[lang]}{joint}" if title else ""
            one[f"label_{lang}"] = (
                f"{f.name(one['community'], lang)}{joint}{what}{one[f'label_{lang}']}"
            )
        one["finding"] = f"field.{one['finding']}.{one['community']}"
        rows.append({str(k): v for k, v in one.items() if k not in ("item", "statistic")})
    passed = int(every["verdict"].ne("failed").sum())
    if f.has("documents", "alike"):
        rows += _ledgers(f)
    rows.append(
        row(
            "records.sound",
            "check",
            "其余检验",
            "The other tests",
            value=float(passed),
            unit="count",
            verdict="passed",
            severity="info",
            reason_zh=f"{every['community'].nunique()}个单位共{len(every)}项检验，{passed}项未见异常",
            reason_en=f"{len(every)} tests in {every['community'].nunique()} units, {passed} sound",
        )
    )
    return pd.DataFrame(rows)


def _ledgers(f: Field) -> list[Row]:
    told = scoring.ledgers_alike(f.tables["documents"], minimum=f.min_cell)
    rows = []
    for one in told[told["flags"].eq("stands_out")].to_dict("records"):
        name = str(one["community"])
        rows.append(
            row(
                f"records.ledgers.{name}",
                "check",
                f"{f.name(name, 'zh')}：雷同台账多于其他单位",
                f"{f.name(name, 'en')}: more copied ledgers than elsewhere",
                value=one["value"],
                unit="share",
                n=one["n"],
                base=one["base"],
                base_zh=f"其他单位{one['base']:.0%}",
                base_en=f"other units {one['base']:.0%}",
                p_value=one["p_adjusted"],
                verdict="failed",
                severity="warning",
                method="scoring.text_overlap",
                community=name,
                remedy_zh=scoring.REMEDIES["copied"][0],
                remedy_en=scoring.REMEDIES["copied"][1],
            )
        )
    return rows


def _names(f: Field) -> set[str]:
    return {str(c) for t in _RECORDS if f.has(t) for c in f.tables[t]["community"].dropna()}


def without(f: Field, found: pd.DataFrame) -> pd.DataFrame:
    """Give the main items with and without doubtful interviews side by side; nothing is deleted."""
    label = ("去掉可疑问卷后的差别", "With and without doubtful interviews")
    items = [i for i in f.items("satisfaction") if f.book[i]["kind"] == "scale"]
    items = [i for i in items if i in f.settings["bound"]] or items
    many = int(found["doubtful"].sum()) if len(found) else 0
    frame = f.answers()
    if not items or frame.empty:
        return nothing("without", label, "没有满意度题的回答", "no satisfaction answers")
    data = frame.assign(_in=~found["doubtful"].to_numpy())
    weighted = f.has("responses", "base_weight")
    if weighted:  # opt-in answers have no weight of the design and stay out
        data = data[data["base_weight"].astype(float).gt(0)].reset_index(drop=True)
    psu = "psu" if "psu" in data and data["psu"].notna().all() else None
    strata = ["community"]
    if "stratum" in data and data["stratum"].notna().all():
        strata.append("stratum")
    try:
        design = survey.Design(
            data, weights="base_weight" if weighted else None, strata=strata, psu=psu
        )
        clean = design.subset(data["_in"])
        rows: list[Row] = []
        for item in items[:6]:
            top = [float(v) for v in f.book[item]["top"]] or [4.0, 5.0]
            points = [float(v) for v in f.book[item]["values"]]
            how: dict[str, Any] = {
                "top": {item: top},
                "scale": {item: (min(points), max(points))},
                "level": f.level,
            }
            every = dict(survey.top2(design, item, **how).iloc[0])
            rows.append(_estimate(f, item, every, "", "全部问卷", "all interviews", weighted))
            if many:
                rest = dict(survey.top2(clean, item, **how).iloc[0])
                rows.append(
                    _estimate(
                        f,
                        item,
                        rest,
                        ".without",
                        f"去掉{many}份可疑问卷，仅供对照",
                        f"without {many} doubtful, for contrast",
                        weighted,
                        every,
                    )
                )
    except InputError as error:
        first = error.problems[0]
        return nothing("without", label, first.zh, first.en)
    return pd.DataFrame(rows)


def _estimate(
    f: Field,
    item: str,
    one: Mapping[Any, Any],
    tail: str,
    zh: str,
    en: str,
    weighted: bool,
    every: Mapping[Any, Any] | None = None,
) -> Row:
    kept = {
        k: one[k]
        for k in (
            "value",
            "unit",
            "n",
            "ci_low",
            "ci_high",
            "level",
            "std_error",
            "status",
            "method",
        )
        if k in one
    }
    told = (
        ("基础权数加权" if weighted else "未加权") + "，期中",
        ("base weights" if weighted else "unweighted") + ", interim",
    )
    known = every is not None and not pd.isna(one["value"]) and not pd.isna(every["value"])
    if every is not None and not known:
        told = (
            one.get("reason_zh") or "没有剩下的回答",
            one.get("reason_en") or "no answer is left",
        )
    elif every is not None:
        moved = 100 * (float(one["value"]) - float(every["value"]))
        by = f"{moved:+.1f}".replace("-", "−")
        told = (f"相差{by}个百分点", f"{by} points apart")
    return row(
        f"estimate.{item}{tail}",
        "estimate",
        f"{f.text(item, 'zh')}（{zh}）",
        f"{f.text(item, 'en')} ({en})",
        reason_zh=told[0],
        reason_en=told[1],
        **kept,
    )
