"""What a report says in words: who and what, what arrived, what people decided, the limits."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench import __version__, judgements
from workbench.findings import number
from workbench.survey.rows import from_rows, to_rows

if TYPE_CHECKING:
    from workbench.community import Community

__all__ = ["KINDS", "MODES", "arrivals", "decisions", "head", "limits", "outside"]

_LEVELS = {
    "compound": ("小区", "residential compound"),
    "community": ("社区", "community"),
    "subdistrict": ("街道", "subdistrict"),
    "district": ("区县", "district"),
}
KINDS = {
    "old_compound": ("老旧小区", "old compound"),
    "commercial": ("商品房小区", "commercial housing"),
    "work_unit": ("单位型宿舍", "work-unit housing"),
    "resettled": ("安置小区", "resettled compound"),
    "other": ("其他", "other"),
}
_ROLES = {
    "lead": ("主测评人", "Lead assessor"),
    "reviewer": ("复核人", "Reviewer"),
    "institution": ("测评机构", "Institution"),
}
_ORIGINS = {
    "source": ("来源文件", "the source document"),
    "commissioned": ("委托方给定", "given by the commissioner"),
    "assumption": ("测评方假设", "assumption of the assessor"),
}
_STAMPS = {
    "each": ("每个签名附时间戳", "a time stamp in each signature"),
    "ledger": ("时间由账本证明", "time is proved by the ledger"),
    "none": (
        "签名时间由签名人自行声明，无独立时间证明",
        "the time of signing is the signers' own word",
    ),
}


def _both(value: Any) -> tuple[str, str]:
    """Give zh and en of a text or of ``{zh, en}``."""
    if isinstance(value, Mapping):
        zh = str(value.get("zh") or value.get("en") or "—")
        return zh, str(value.get("en") or zh)
    text = "—" if value in (None, "") else str(value)
    return text, text


def _text(finding: str, zh: str, en: str, said: tuple[str, str]) -> dict[str, Any]:
    return {
        "finding": finding,
        "kind": "text",
        "label_zh": zh,
        "label_en": en,
        "display_zh": said[0],
        "display_en": said[1],
    }


def _wave(c: Community, name: str | None) -> tuple[str, str]:
    told = next((w for w in c.settings["waves"] if w["id"] == name), None)
    if told is None:
        return "无", "none"
    days = told.get("fieldwork")
    when = f"（{days[0]} 至 {days[1]}）" if days else ""
    english = f" ({days[0]} to {days[1]})" if days else ""
    return f"{name}{when}", f"{name}{english}"


def head(c: Community) -> pd.DataFrame:
    """Say what is assessed, by whom, for whom, with which set of indicators."""
    unit, told = c.unit, c.settings
    parent = c.tables["communities"].set_index("community")
    above = parent.loc[unit["parent"]] if unit.get("parent") in parent.index else None
    records = next(w for w in told["waves"] if w["id"] == c.wave).get("records")
    months = f"{records[0]} – {records[1]}" if records else "—"
    parties = told["parties"]
    protocol = c.protocol
    dates = f"{protocol.valid_from:%Y-%m-%d}"
    rows = [
        _text("head.unit", "被测单位", "Unit", (unit["name"], unit.get("name_en") or unit["name"])),
        _text("head.id", "编号", "Id", (c.community, c.community)),
        _text("head.level", "层级", "Level", _LEVELS.get(unit["level"], (unit["level"],) * 2)),
        _text("head.type", "类型", "Type", KINDS.get(unit.get("kind") or "", ("—", "—"))),
        _text(
            "head.parent",
            "上级",
            "Within",
            ("—", "—")
            if above is None
            else (str(above["name"]), str(_given(above["name_en"], above["name"]))),
        ),
        _text("head.programme", "测评项目", "Programme", (protocol.title.zh, protocol.title.en)),
        *_kind(c),
        *_phase(c),
        _text("head.period", "数据月份", "Months of records", (months, months)),
        _text("head.wave", "本期", "This wave", _wave(c, c.wave)),
        _text("head.baseline", "基期", "Baseline", _wave(c, c.baseline)),
        *(
            _text(f"head.{key}", zh, en, _both(parties.get(key)))
            for key, zh, en in (
                ("commissioner", "委托方", "Commissioner"),
                ("assessor", "测评机构", "Assessor"),
                ("contract", "合同", "Contract"),
                ("interests", "利益声明", "Declared interests"),
            )
        ),
        _text(
            "head.indicator_set",
            "指标体系版本",
            "Set of indicators",
            (f"{protocol.version}（自{dates}）", f"{protocol.version} (from {dates})"),
        ),
        _text("head.weights_origin", "权重来源", "Origin of the weights", _origin(c)),
        _text("head.issued", "出具日期", "Issued", _both(told["issued"])),
        *(
            _text(f"head.signatory.{role}", *_ROLES[role], _signatory(told, role))
            for role in _ROLES
            if role in told["signatories"]
        ),
        _text(
            "head.timestamps",
            "时间证明",
            "Proof of time",
            _STAMPS.get(str(told.get("timestamps") or "none"), ("—", "—")),
        ),
        _text("head.software", "软件", "Software", _both(f"workbench {__version__}")),
    ]
    rows += _procedure(c)
    if any(s.get("demonstration") for s in told["signatories"].values()):
        mark = ("示例签名：不具法律效力", "demonstration signature: no legal effect")
        rows.append(_text("head.demonstration", "签名性质", "Kind of signature", mark))
    return from_rows([row for row in rows if row["display_zh"] != "—"])


def _kind(c: Community) -> list[dict[str, Any]]:
    """Name the kind of report and, as ``item``, the sections that it prints."""
    kind = c.protocol.report_kinds.get(str(c.settings.get("report") or "wave"))
    if kind is None:
        return []
    row = _text("head.report_kind", "报告类型", "Kind of report", (kind.name.zh, kind.name.en))
    return [row | {"item": " ".join(kind.sections) or None}]


def _phase(c: Community) -> list[dict[str, Any]]:
    phase = c.protocol.phases.get(str(c.settings.get("phase")))
    if phase is None:
        return []
    return [
        _text("head.phase", "方案阶段", "Phase of the programme", (phase.name.zh, phase.name.en))
    ]


def _procedure(c: Community) -> list[dict[str, Any]]:
    """Say how long one may object, and how people were chosen."""
    rows = []
    days = c.protocol.parameters.get("objection_days")
    if days is not None and days.value is not None:
        said = (f"{days.value}天", f"{days.value} days")
        rows.append(_text("head.objection_days", "异议期", "Time to object", said))
    for name, labels, words in _DUTIES:
        told = c.protocol.parameters.get(name)
        if told is not None and told.value is not None:
            said = (words[0].format(told.value), words[1].format(told.value))
            rows.append(_text(f"head.{name}", *labels, said))
    if c.has("responses"):
        people = _POPULATIONS.get(str(c.settings["weighting"].get("population")), ("居民",) * 2)
        rows.append(_text("head.population", "总体", "Population", people))
        kinds = {k: v for k, v in c.settings["sample"].items() if k != "default"}
        default = _SAMPLES[c.settings["sample"].get("default", "probability")]
        zh = "；".join(
            [default[0], *(f"{_mode(m)[0]}：{_SAMPLES[k][0]}" for m, k in kinds.items())]
        )
        en = "; ".join(
            [default[1], *(f"{_mode(m)[1]}: {_SAMPLES[k][1]}" for m, k in kinds.items())]
        )
        rows.append(_text("head.sample", "样本", "Sample", (zh, en)))
        rows += _satisfied(c)
    return rows


def _satisfied(c: Community) -> list[dict[str, Any]]:
    """Say which answers count as satisfied, of which scale: the source leaves it open (X-97)."""
    book, scope = c.settings["codebook"], set(c.settings["scope"])
    said: dict[tuple[str, str], None] = {}
    for slug, measure in c.measures.items():
        if slug not in scope or measure.get("statistic") != "top2":
            continue
        item = book.get(measure["items"][0], {})
        values, top = item.get("values") or {}, item.get("top") or (4, 5)
        if not values:
            continue
        codes = sorted(float(code) for code in values)
        named = [f"{float(t):g}" for t in top]
        words = [_both(values.get(code)) for code in named]
        zh = "、".join(f"{code} {w[0]}" for code, w in zip(named, words, strict=True))
        en = ", ".join(f"{code} {w[1]}" for code, w in zip(named, words, strict=True))
        said[
            f"{len(codes)}级量表（{codes[0]:g}—{codes[-1]:g}）中的{zh}",
            f"{en} on a scale of {len(codes)} ({codes[0]:g} to {codes[-1]:g})",
        ] = None
    if not said:
        return []
    told = "；".join(zh for zh, _ in said), "; ".join(en for _, en in said)
    return [_text("head.satisfied", "“满意”指", "Satisfied means", told)]


# what the programme asks of those who publish and commission
_DUTIES = (
    (
        "notice_days",
        ("公示期", "Notice"),
        ("{}天，与异议期同时；最后一天收到的异议有效", "{} days, together with the time to object; "
         "an objection received on the last day is in time"),
    ),
    (
        "feedback_days",
        ("向参与居民反馈整改", "Feedback to those who took part"),
        ("评选后{}天内，附整改成果图", "within {} days after the selection, with pictures"),
    ),
    (
        "wave_cycle_months",
        ("方案规定的测评间隔", "Cycle of assessments by the programme"),
        ("{}个月", "{} months"),
    ),
)  # fmt: skip
_POPULATIONS = {
    "adults": ("成年居民", "adult residents"),
    "residents": ("全体居民", "all residents"),
    "households": ("住户", "households"),
}
MODES = {
    "household": ("入户访问", "household interview"),
    "interview": ("访问", "interview"),
    "face_to_face": ("面访", "face-to-face interview"),
    "capi": ("面访（平板）", "face-to-face interview on a tablet"),
    "intercept": ("拦截访问", "intercept interview"),
    "phone": ("电话", "telephone"),
    "telephone": ("电话", "telephone"),
    "cati": ("电话", "telephone"),
    "paper": ("纸质问卷", "paper questionnaire"),
    "drop_off": ("留置问卷", "questionnaire left and collected"),
    "mail": ("邮寄", "mail"),
    "post": ("邮寄", "mail"),
    "mixed": ("混合方式", "mixed modes"),
    "online": ("线上", "online"),
    "web": ("网页", "web"),
    "cawi": ("网页", "web"),
    "email": ("电子邮件", "e-mail"),
    "sms": ("短信", "text message"),
    "app": ("手机应用", "mobile application"),
    "wechat": ("微信", "WeChat"),
    "qr": ("扫码", "QR code"),
    "mini_program": ("小程序", "mini-program"),
    "?": ("未注明方式", "mode not given"),
}
"""Words for the modes of a survey; a mode that is not here is printed as it is."""


def _mode(name: str) -> tuple[str, str]:
    return MODES.get(name, (name, name))


_SAMPLES = {
    "probability": ("按抽样框随机抽取", "drawn at random from a frame"),
    "opt_in": ("自愿参与", "those who chose to take part"),
    "census": ("全体", "everybody"),
}


def _given(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None or value != value else value


def _signatory(told: Mapping[str, Any], role: str) -> tuple[str, str]:
    one = told["signatories"][role]
    name, firm = _both(one["name"]), _both(one.get("organisation"))
    if name == firm:
        return name
    return f"{name[0]}（{firm[0]}）", f"{name[1]} ({firm[1]})"


def _origin(c: Community) -> tuple[str, str]:
    scored = [s for s in c.settings["scope"] if c.protocol.indicator(s).targets]
    origins = {row["points_origin"] for row in c.protocol.points(scored)} if scored else set()
    scheme = c.protocol.scheme() if c.protocol.schemes else None
    zh = "、".join(_ORIGINS[o][0] for o in sorted(origins)) or "—"
    en = ", ".join(_ORIGINS[o][1] for o in sorted(origins)) or "—"
    if scheme is None:
        return f"指标分值：{zh}", f"points: {en}"
    by = _ORIGINS[scheme.origin]
    return f"方案：{by[0]}；指标分值：{zh}", f"scheme: {by[1]}; points: {en}"


_TABLES = {
    "communities": ("单位", "units"),
    "responses": ("问卷", "questionnaires"),
    "dispositions": ("样本处置记录", "dispositions"),
    "margins": ("总体边际", "population margins"),
    "inspections": ("现场检查记录", "inspection marks"),
    "assessors": ("测评员", "assessors"),
    "measurements": ("监测数据", "measurements"),
    "requests": ("居民诉求", "requests"),
    "facts": ("资格事实", "eligibility facts"),
    "issues": ("发现的问题", "issues found"),
    "frame": ("抽样框", "sampling frame"),
    "photos": ("照片登记", "pictures registered"),
    "votes": ("表决记录", "votes"),
    "funds": ("资金明细", "budget lines"),
    "documents": ("文件材料", "documents"),
    "supply": ("服务供给", "services and facilities"),
    "codings": ("访谈编码", "codings of interviews"),
    "sign_ins": ("签到记录", "sign-ins"),
    "backchecks": ("回访核对", "call-backs"),
    "objections": ("异议", "objections"),
    "cases": ("补充案例", "the study's own cases"),
    "corrections": ("数据更正", "corrections"),
    "judgements": ("人工决定", "judgements"),
}


_OPTIONAL = set(
    "frame photos votes funds documents supply codings sign_ins backchecks objections cases".split()
)


def arrivals(c: Community) -> pd.DataFrame:
    """Say how many rows each table holds, with its digest, the seed, and what intake noted."""
    rows = []
    digests = c.settings.get("tables", {})
    for name, (zh, en) in _TABLES.items():
        if name not in c.tables and name in _OPTIONAL:
            continue
        n = len(c.tables[name]) if name in c.tables else 0
        sha = digests.get(name, {}).get("sha256", "")[:12]
        row = _text(
            f"data.{name}.rows",
            zh,
            en[0].upper() + en[1:],
            (f"{n}行", f"{n} rows") if n else ("没有数据", "no data"),
        )
        row |= {"value": float(n), "n": n, "unit": "count", "flags": sha or None}
        rows.append(row)
    seed = str(c.settings["seed"])
    rows.append(_text("data.seed", "随机种子", "Seed of all random draws", (seed, seed)))
    for i, note in enumerate(c.settings.get("intake", ()), 1):
        said = (str(note["n"]), str(note["n"]))
        rows.append(_text(f"data.intake.{i}", note["zh"], note["en"], said) | {"n": note["n"]})
    return from_rows(rows)


_JUDGEMENTS = {
    "waiver": ("豁免", "waiver"),
    "exclusion": ("排除", "exclusion"),
    "device_window": ("设备故障时段", "device window"),
    "comparability": ("可比性", "comparability"),
    "quotation": ("引用原话", "quotation"),
    "outlier": ("异常值", "outlier"),
    "comment": ("说明", "comment"),
}


def decisions(c: Community, measured: pd.DataFrame) -> pd.DataFrame:
    """List the corrections and judgements of this unit, with the figures as without each.

    Parameters
    ----------
    c
        The unit, cleared.
    measured
        Result of :func:`workbench.assess.indicators`: the figures with all decisions.
    """
    rows: list[dict[str, Any]] = []
    if "corrections" in c.tables:
        for i, one in enumerate(to_rows(c.tables["corrections"]), 1):
            was = f"{_given(one.get('old'), '—')} → {_given(one.get('new'), '—')}"
            where = [str(one[name]) for name in ("file", "key", "column")]
            by = f"{_given(one.get('author'), '—')} / {_given(one.get('approved_by'), '—')}"
            label = ("更正：" + "，".join(where), "Correction: " + ", ".join(where))
            told = {str(name): value for name, value in one.items()}
            before = judgements.reverted(c.tables, told)
            effect = _effect(c, measured, before, str(one.get("table")))
            rows.append(
                _text(f"decision.correction.{i}", *label, (was + effect[0], was + effect[1]))
                | {
                    "reason_zh": f"{_given(one.get('reason'), '—')}（{by}）",
                    "reason_en": f"{_given(one.get('reason'), '—')} ({by})",
                    "date": _given(one.get("date"), None),
                }
            )
    if "judgements" in c.tables:
        for one in to_rows(c.tables["judgements"]):
            kind = _JUDGEMENTS.get(one["kind"], (one["kind"],) * 2)
            zh, en = f"人工决定 {one['id']}：{kind[0]}", f"Judgement {one['id']}: {kind[1]}"
            about, _, item = str(one["object"]).partition(":")
            book = c.settings["codebook"] if about == "item" else {}
            wording = book.get(item, {}).get("wording")
            if wording:
                words = [wording.get(lang) or wording.get("zh") for lang in ("zh", "en")]
                zh, en = f"{zh}，“{words[0]}”", f"{en}, “{words[1]}”"
            said = _both(_given(one.get("decision"), one.get("object")))
            if one["kind"] in judgements.STRIKES:
                table = str(one["object"]).partition(":")[0]
                kept = judgements.apply(c.undecided, c.tables["judgements"], but=[str(one["id"])])
                effect = _effect(c, measured, kept, table)
                said = (said[0] + effect[0], said[1] + effect[1])
            rows.append(
                _text(f"decision.{one['id']}", zh, en, said)
                | {
                    "item": _given(one.get("object"), None),
                    "reason_zh": _given(one.get("reason_zh"), None),
                    "reason_en": _given(one.get("reason_en"), one.get("reason_zh")),
                    "date": _given(one.get("date"), None),
                }
            )
    return from_rows(rows)


def _effect(
    c: Community, measured: pd.DataFrame, tables: Mapping[str, pd.DataFrame] | None, table: str
) -> tuple[str, str]:
    """Say how the indicators that a table feeds would stand with other tables."""
    from workbench.assess.indicators import values
    from workbench.assess.sample import design

    if tables is None:
        return "；无此决定的数值未能计算", "; the figure without it could not be computed"
    fed = set(c.indicators_fed_by(table, ""))
    other = dataclasses.replace(c, tables=tables)
    then = {row["indicator"]: row for row in values(other, design(other))}
    measured = measured[measured["finding"].str.startswith("indicator.")]
    now = measured.set_index("indicator")
    said: list[tuple[str, str]] = []
    for slug in (s for s in measured["indicator"] if s in fed):
        one, unit = now.loc[slug], str(now.loc[slug, "unit"])
        was, is_ = then[slug].get("value"), one["value"]
        pair = [[number(v, unit, lang) for v in (was, is_)] for lang in ("zh", "en")]
        if pair[0][0] != pair[0][1]:
            said.append(
                (
                    f"{one['label_zh']}：无此决定为{pair[0][0]}，现为{pair[0][1]}",
                    f"{one['label_en']}: {pair[1][0]} without it, {pair[1][1]} with it",
                )
            )
    if not said:
        return "；不改变任何印出的指标值", "; moves no printed indicator"
    return "；" + "；".join(s[0] for s in said), "; " + "; ".join(s[1] for s in said)


# kinds of indicators that an assessment is commissioned for; norms and context are not listed
_ASSESSED = set("base feature core second auxiliary goal process result".split())


def outside(c: Community) -> pd.DataFrame:
    """Name the programme's indicators that were not commissioned, once, in one list."""
    scope = set(c.settings["scope"])
    left = [
        i for slug, i in c.protocol.indicators.items() if slug not in scope and i.kind in _ASSESSED
    ]
    if not left:
        return pd.DataFrame()
    zh = "、".join(i.name.zh for i in left)
    en = "; ".join(i.name.en for i in left)
    row = _text("scope.outside", "未委托测评的指标", "Indicators not commissioned", (zh, en))
    return from_rows([row | {"value": float(len(left)), "unit": "count"}])


def _coverage(c: Community) -> list[tuple[str, str]]:
    """Say that what is there need not be used (Q-13, Q-14)."""
    mine = [c.protocol.indicator(s).name for s in c.settings["scope"] if "coverage" in s]
    if not mine:
        return []
    zh, en = "、".join(n.zh for n in mine), "; ".join(n.en for n in mine)
    return [
        (
            f"覆盖率只说明设施或服务已有，不说明已被使用：{zh}",
            f"Coverage says that a facility or service is there, not that it is used: {en}",
        )
    ]


def _counted(c: Community) -> list[tuple[str, str]]:
    """Say by what an indicator is judged that rests on a register of cases."""
    scope = set(c.settings["scope"])
    mine = [m for slug, m in c.measures.items() if slug in scope and m.get("requests") is not None]
    said = []
    if any(m.get("cases") != "sample" for m in mine):
        said.append(
            (
                "诉求登记视为全数，没有抽样误差：目标按登记的实际结果判定，所列区间只反映个案少时的"
                "偶然波动；登记之外的诉求无从得知",
                "The register of requests is taken as whole and has no sampling error: targets are "
                "judged by what it holds, the interval beside shows how chance moves so few cases; "
                "nothing is known of requests that were not entered",
            )
        )
    if any(m.get("cases") == "sample" for m in mine):
        said.append(
            (
                "部分诉求指标出自抽取的个案，按区间判定",
                "Some indicators rest on a sample of requests and are judged by their interval",
            )
        )
    return said


def limits(c: Community) -> pd.DataFrame:
    """Say what the report cannot carry: what is missing, assumed, or resolved in the source."""
    said: list[tuple[str, str]] = []
    source: list[dict[str, Any]] = []
    missing = [n for n in ("responses", "inspections", "measurements", "requests") if not c.has(n)]
    came = c.settings.get("tables", {})
    emptied = [n for n in missing if (came.get(n, {}).get("rows") or 0) > 0]
    if emptied:
        zh = "、".join(_TABLES[n][0] for n in emptied)
        en = ", ".join(_TABLES[n][1] for n in emptied)
        said.append(
            (
                f"收到的下列数据未通过检查，全部不用：{zh}",
                f"Data of this kind arrived, failed a check and are not used: {en}",
            )
        )
    absent = [n for n in missing if n not in emptied]
    if absent:
        zh = "、".join(_TABLES[n][0] for n in absent)
        en = ", ".join(_TABLES[n][1] for n in absent)
        said.append((f"本项目没有下列数据：{zh}", f"The study has no data of this kind: {en}"))
    if c.has("responses") and not c.has("dispositions"):
        said.append(
            (
                "没有未接触到个案的记录，应答率无法计算",
                "There is no record of who was not reached: no response rate",
            )
        )
    if c.has("responses"):
        said.append(
            (
                "区间只反映抽样误差，不含提问方式、漏答和不实回答的误差",
                "Intervals hold sampling error only, not errors of wording or untrue answers",
            )
        )
    said += [*_counted(c), *_coverage(c)]
    if c.settings["weighting"].get("borrow"):
        said.append(
            (
                "部分总体边际取自上级单位，是一项假设",
                "Some population margins are those of the parent unit: an assumption",
            )
        )
    for _, zh, en in c.excluded.values():
        said.append((f"因检查未通过而不计算：{zh}", f"Not computed because a check failed: {en}"))
    for one in c.protocol.parameters.values():
        if one.value is None:
            zh = f"规则{one.rule}未适用：{one.name.zh}没有给定"
            said.append((zh, f"Rule {one.rule} is not applied: {one.name.en} was not given"))
    scope = set(c.settings["scope"])
    for name, known in c.protocol.resolutions.items():
        if not known.indicators or scope & set(known.indicators):
            zh = f"{known.found.zh}，处理：{known.resolution.zh}"
            en = f"{known.found.en}, resolved: {known.resolution.en}"
            source.append(_text(f"source.{name}", name, name, (zh, en)) | {"rule": name})
    unique = dict.fromkeys(said)
    rows = [_text(f"limit.{i}", f"限制{i}", f"Limit {i}", told) for i, told in enumerate(unique, 1)]
    rows += source
    return from_rows(rows)
