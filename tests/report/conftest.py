"""Findings of an invented compound, 锦绣花园一期, as a community's notebook would record them."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from typing import Any

import pytest

from workbench.findings import COLUMNS, EXTRA, interval, number

UNIT_ZH, UNIT_EN = "锦绣花园一期", "Jinxiu Garden, phase one"
LONG_ZH = (
    "3号楼2单元一至四层楼道内堆放旧家具、纸箱和电动自行车电池，最窄处净宽不足80厘米；"
    "9月18日上午第一次查到后已当面告知物业项目经理，10月21日夜间复查时仍未清理，"
    "住户䶮先生、𠮷女士反映已向物业报修三次，均无答复。"
)
TABLES = "dispositions facts inspections margins measurements requests responses".split()
INPUTS = ";".join(f"{name}:{hashlib.sha256(name.encode()).hexdigest()}" for name in TABLES)

ITEMS = [
    ("q1", "对小区总体满意的居民", "Residents satisfied with the compound overall", 0.716, 0.648),
    ("q2", "对环境卫生满意的居民", "Residents satisfied with cleanliness", 0.782, 0.655),
    ("q3", "对治安满意的居民", "Residents satisfied with security", 0.834, 0.822),
    ("q4", "对物业服务满意的居民", "Residents satisfied with property services", 0.561, 0.603),
    ("q5", "对邻里关系满意的居民", "Residents satisfied with neighbour relations", 0.803, 0.79),
    ("q6", "对文化活动满意的居民", "Residents satisfied with cultural activities", 0.64, 0.618),
]
INDICATORS = [
    # slug, zh, en, channel, unit, value, target, max points, points lost
    (
        "resident_satisfaction",
        "居民满意度",
        "Resident satisfaction",
        "survey",
        "score_0_100",
        71.6,
        70.0,
        30.0,
        8.52,
    ),
    (
        "waste_sorting_accuracy",
        "垃圾分类准确率",
        "Waste-sorting accuracy",
        "record",
        "share",
        0.842,
        0.90,
        12.0,
        2.78,
    ),
    (
        "mediation_success_rate",
        "矛盾纠纷调解成功率",
        "Dispute mediation success",
        "record",
        "share",
        0.957,
        0.95,
        8.0,
        0.0,
    ),
    (
        "community_activities_per_year",
        "社区活动年均开展次数",
        "Community activities a year",
        "record",
        "count",
        14,
        12,
        6.0,
        0.0,
    ),
    (
        "service_response_hours",
        "社区服务响应时间",
        "Response time of community services",
        "record",
        "hours",
        31.5,
        24.0,
        8.0,
        1.25,
    ),
    (
        "public_facility_intact_rate",
        "公共设施完好率",
        "Public facilities in working order",
        "inspection",
        "share",
        0.905,
        0.95,
        10.0,
        2.25,
    ),
    (
        "fire_lane_clear",
        "楼道与消防通道畅通",
        "Stairways and fire lanes clear",
        "inspection",
        "share",
        0.667,
        1.0,
        12.0,
        4.0,
    ),
    (
        "no_clutter",
        "无乱堆乱放",
        "No clutter in public areas",
        "inspection",
        "share",
        0.75,
        1.0,
        8.0,
        2.0,
    ),
    (
        "property_fee_collection_rate",
        "物业费收缴率",
        "Property-fee collection",
        "record",
        "share",
        0.883,
        0.90,
        6.0,
        0.8,
    ),
]


def _row(finding: str, section: str, kind: str, **more: Any) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys((*COLUMNS, *EXTRA))
    row |= {
        "finding": finding,
        "community": "JX-01",
        "edition": 1,
        "kind": kind,
        "section": section,
        "wave": "2026h2",
        "status": "ok",
        "notebook": "community",
        "cell": f"cell-{section}",
        "inputs": INPUTS,
    }
    row |= more
    if row["display_zh"] is None and isinstance(row["value"], (int, float)):
        row["display_zh"] = number(row["value"], row["unit"] or "", "zh")
        row["display_en"] = number(row["value"], row["unit"] or "", "en")
    for lang in ("zh", "en"):
        span = interval(row["ci_low"], row["ci_high"], row["unit"] or "", lang)
        row[f"interval_{lang}"] = span or None
        for name in ("target", "base"):
            if row[name] is not None:
                row[f"{name}_{lang}"] = number(row[name], row["unit"] or "", lang)
    return row


def _text(finding: str, section: str, zh: str, en: str, text_zh: str, text_en: str, **more: Any):
    return _row(
        finding,
        section,
        "text",
        label_zh=zh,
        label_en=en,
        display_zh=text_zh,
        display_en=text_en,
        **more,
    )


def _head(demonstration: bool) -> list[dict[str, Any]]:
    rows = [
        ("unit", "测评对象", "Unit", UNIT_ZH, UNIT_EN),
        ("level", "单元层级", "Level", "小区", "residential compound"),
        ("type", "类型", "Type", "老旧小区", "old compound"),
        ("parent", "所属", "Belongs to", "和平街道", "Heping subdistrict"),
        ("programme", "方案", "Programme", "文明小区评选", "Selection of civilised compounds"),
        (
            "period",
            "调查与检查时间",
            "Field work",
            "2026年10月8日至11月5日",
            "8 October to 5 November 2026",
        ),
        ("wave", "批次", "Wave", "2026年下半年", "second half of 2026"),
        ("baseline", "对比批次", "Compared with", "2026年上半年", "first half of 2026"),
        (
            "commissioner",
            "委托方",
            "Commissioned by",
            "和平街道办事处",
            "Heping Subdistrict Office",
        ),
        ("assessor", "测评机构", "Assessor", "新风社会评估中心", "Xinfeng Centre for Evaluation"),
        ("contract", "合同", "Contract", "XF-HP-2026-07", "XF-HP-2026-07"),
        (
            "interests",
            "利益关系声明",
            "Interests",
            "测评机构与物业企业、居委会无经济往来。",
            "The assessor has no business with the property company.",
        ),
        ("indicator_set", "指标集版本", "Indicator set", "civilised 2024.1", "civilised 2024.1"),
        (
            "weights_origin",
            "权重来源",
            "Origin of weights",
            "方案给定（A方案：数据40%、现场30%、居民30%）",
            "from the programme (scheme A: data 40%, on-site checks 30%, residents 30%)",
        ),
        ("issued", "签发日期", "Issued", "2026年12月20日", "20 December 2026"),
        (
            "signatory.lead",
            "主评人",
            "Lead assessor",
            "周明远（新风社会评估中心）",
            "Zhou Mingyuan (Xinfeng Centre for Evaluation)",
        ),
        (
            "signatory.reviewer",
            "复核人",
            "Reviewer",
            "林静宜（江城大学社会调查中心）",
            "Lin Jingyi (Jiangcheng University Survey Centre)",
        ),
        (
            "signatory.institution",
            "机构签章",
            "Institution",
            "新风社会评估中心",
            "Xinfeng Centre for Evaluation",
        ),
        ("objection_days", "公示与异议期", "Notice and objection period", "15天", "15 days"),
        (
            "objection_contact",
            "异议受理",
            "Objections to",
            "和平街道办事处文明办，公示栏旁意见箱，或 yiyi@example.org",
            "Heping Subdistrict Office, the box beside the notice board, or yiyi@example.org",
        ),
    ]
    out = [_text(f"head.{k}", "head", zh, en, a, b) for k, zh, en, a, b in rows]
    if demonstration:
        out.append(
            _text(
                "head.demonstration",
                "head",
                "签名性质",
                "Kind of signature",
                "示例密钥签名，不具法律效力。",
                "Signed with demonstration keys; no legal effect.",
                verdict="demonstration",
            )
        )
    return out


def _data_and_checks() -> list[dict[str, Any]]:
    tables = [
        ("responses", "问卷", "Questionnaires", 342),
        ("dispositions", "抽样住户", "Sampled cases", 520),
        ("margins", "人口结构", "Population cells", 18),
        ("inspections", "现场评分", "Inspection marks", 126),
        ("measurements", "平台数据", "Platform records", 96),
        ("requests", "诉求工单", "Requests", 212),
        ("facts", "资格事实", "Eligibility facts", 3),
    ]
    out = [
        _row(
            f"data.{t}.rows",
            "data",
            "check",
            label_zh=zh,
            label_en=en,
            value=n,
            unit="count",
            n=n,
            verdict="passed",
        )
        for t, zh, en, n in tables
    ]
    checks = [
        ("responses.respondent.unique", "答卷编号重复", "Questionnaire ids stand twice", "row"),
        ("responses.scale", "答案超出量表", "Answers off their scales", "row"),
        ("responses.duration", "答卷时长过短", "Questionnaires filled in too fast", "row"),
        (
            "responses.duplicate_device",
            "同一设备多次作答",
            "Several answers from one device",
            "row",
        ),
        ("responses.straightlining", "整卷选同一答案", "The same answer throughout", "row"),
        (
            "dispositions.known",
            "抽样住户没有结果",
            "Sampled cases without an outcome",
            "table",
        ),
        ("margins.total", "人口结构合计不一致", "Margins do not add up", "table"),
        ("inspections.three", "评分表没有交齐", "Score sheets are missing", "table"),
        ("inspections.reason", "扣分没有写明理由", "Lost points without a reason", "row"),
        ("measurements.months", "月度数据缺月", "Months are missing", "indicator"),
        ("measurements.range", "平台数值超出合理范围", "Platform values out of range", "indicator"),
        ("requests.order", "办结早于收到", "Closed before received", "row"),
    ]
    for key, zh, en, reach in checks:
        bad = key in ("responses.duplicate_device", "measurements.months")
        out.append(
            _row(
                f"checks.{key}",
                "checks",
                "check",
                label_zh=zh,
                label_en=en,
                reach=reach,
                verdict="failed" if bad else "passed",
                severity="warning",
                reason_zh="有6份答卷来自同一部手机，已剔除其中5份。"
                if key.endswith("device")
                else "2026年6月垃圾分类数据缺失，连续月份的判断在6月中断。"
                if bad
                else None,
                reason_en="Six questionnaires came from one phone; five were set aside."
                if key.endswith("device")
                else "June 2026 is missing for waste sorting; runs of months break there."
                if bad
                else None,
            )
        )
    return out


def _response() -> list[dict[str, Any]]:
    out = [
        _row(
            "response.rr1",
            "response",
            "estimate",
            label_zh="应答率（AAPOR RR1）",
            label_en="Response rate (AAPOR RR1)",
            value=0.6577,
            unit="share",
            numerator=342,
            denominator=520,
            n=520,
            method="survey.response.rr1",
        ),
        _row(
            "response.coop1",
            "response",
            "estimate",
            label_zh="合作率",
            label_en="Cooperation rate",
            value=0.792,
            unit="share",
            numerator=342,
            denominator=432,
            n=432,
            method="survey.response.coop1",
        ),
    ]
    for mode, zh, en, n in [
        ("household", "入户访谈", "Household interview", 268),
        ("paper", "纸质问卷", "Paper", 46),
        ("mini_program", "小程序", "Mini-program", 28),
    ]:
        out.append(
            _row(
                f"response.mode.{mode}",
                "response",
                "estimate",
                label_zh=f"方式：{zh}",
                label_en=f"Mode: {en}",
                value=n / 342,
                unit="share",
                n=n,
            )
        )
    for var, cat, zh, en, sample, margin in [
        ("age_group", "18-34", "18–34岁", "aged 18–34", 0.11, 0.24),
        ("age_group", "35-59", "35–59岁", "aged 35–59", 0.39, 0.44),
        ("age_group", "60+", "60岁及以上", "aged 60 and over", 0.50, 0.32),
        ("sex", "f", "女", "women", 0.58, 0.51),
        ("sex", "m", "男", "men", 0.42, 0.49),
        ("tenure", "owner", "自有住房", "owners", 0.81, 0.72),
        ("tenure", "tenant", "租住", "tenants", 0.19, 0.28),
    ]:
        out.append(
            _row(
                f"response.composition.{var}={cat}",
                "response",
                "estimate",
                label_zh=zh,
                label_en=en,
                subgroup=f"{var}={cat}",
                value=sample,
                unit="share",
                target=margin,
                n=round(342 * sample),
            )
        )
    out += [
        _row(
            "weights.deff",
            "weights",
            "estimate",
            label_zh="设计效应",
            label_en="Design effect",
            value=1.62,
            unit="ratio",
            method="survey.deff.kish",
        ),
        _row(
            "weights.n_effective",
            "weights",
            "estimate",
            label_zh="有效样本量",
            label_en="Effective sample size",
            value=211,
            unit="count",
        ),
        _row(
            "weights.range",
            "weights",
            "estimate",
            label_zh="最大与最小权重之比",
            label_en="Largest to smallest weight",
            value=4.8,
            unit="ratio",
        ),
        _text(
            "weights.raking",
            "weights",
            "加权方法",
            "Weighting",
            "按年龄、性别、住房性质迭代比例加权到成年居民总体，6轮收敛。",
            "Raked to the adult population by age, sex and tenure; converged in 6 rounds.",
            method="survey.rake",
        ),
    ]
    return out


def _satisfaction() -> list[dict[str, Any]]:
    out = []
    for item, zh, en, now, before in ITEMS:
        half = 0.052
        out.append(
            _row(
                f"survey.{item}.top2.current",
                "satisfaction",
                "estimate",
                label_zh=zh,
                label_en=en,
                channel="survey",
                value=now,
                unit="share",
                std_error=half / 1.97,
                ci_low=now - half - 0.004,
                ci_high=now + half - 0.006,
                level=0.95,
                n=337,
                df=41,
                method="survey.mean.taylor",
                cell="satisfaction-items",
            )
        )
        out.append(
            _row(
                f"survey.{item}.mean.current",
                "satisfaction",
                "estimate",
                label_zh=f"{zh.removesuffix('的居民').removesuffix('满意')}的平均分（1–5）",
                label_en=f"Mean score (1–5): {en.removeprefix('Residents satisfied with ')}",
                channel="survey",
                value=1 + 4 * now,
                unit="score",
                ci_low=1 + 4 * (now - half),
                ci_high=1 + 4 * (now + half),
                level=0.95,
                n=337,
                method="survey.mean.taylor",
                cell="satisfaction-items",
            )
        )
        out.append(
            _row(
                f"survey.{item}.top2.baseline",
                "satisfaction",
                "estimate",
                label_zh=f"{zh}（基期）",
                label_en=f"{en} (baseline)",
                channel="survey",
                value=before,
                unit="share",
                ci_low=before - half,
                ci_high=before + half,
                level=0.95,
                n=314,
                wave="2026h1",
                method="survey.mean.taylor",
                cell="satisfaction-items",
            )
        )
        diff = now - before
        verdict = {"q1": "better", "q2": "better", "q4": "cannot_tell"}.get(
            item, "no_relevant_change"
        )
        out.append(
            _row(
                f"change.{item}.top2",
                "change",
                "comparison",
                label_zh=zh,
                label_en=en,
                channel="survey",
                value=diff,
                unit="pp",
                ci_low=diff - 0.058,
                ci_high=diff + 0.058,
                level=0.95,
                n=651,
                p_value=0.021,
                p_adjusted=0.063,
                baseline="2026h1",
                verdict=verdict,
                evidence_grade="B" if item != "q4" else "C",
                method="change.difference.design",
                cell="change-items",
            )
        )
    for cat, zh, en, value, n in [
        ("18-34", "18–34岁", "aged 18–34", 0.581, 38),
        ("35-59", "35–59岁", "aged 35–59", 0.702, 133),
        ("60+", "60岁及以上", "aged 60 and over", 0.788, 171),
        ("owner", "自有住房", "owners", 0.733, 277),
        ("tenant", "租住", "tenants", 0.652, 65),
    ]:
        var = "tenure" if cat in ("owner", "tenant") else "age_group"
        out.append(
            _row(
                f"survey.q1.top2.current.{var}={cat}",
                "subgroups",
                "estimate",
                label_zh=f"对小区总体满意：{zh}",
                label_en=f"Satisfied overall: {en}",
                subgroup=f"{var}={cat}",
                value=value,
                unit="share",
                ci_low=value - 0.1,
                ci_high=value + 0.08,
                level=0.95,
                n=n,
                status="low_precision" if n < 50 else "ok",
                method="survey.mean.taylor",
            )
        )
    out.append(
        _row(
            "survey.q1.top2.current.resident_type=migrant",
            "subgroups",
            "estimate",
            label_zh="对小区总体满意：流动人口",
            label_en="Satisfied overall: migrants",
            subgroup="resident_type=migrant",
            display_zh="隐藏",
            display_en="suppressed",
            unit="share",
            status="suppressed",
            reason_zh="人数不足10人，为保护个人信息不公布。",
            reason_en="Fewer than 10 persons; not shown, to protect them.",
        )
    )
    return out


def _requests() -> list[dict[str, Any]]:
    spec = [
        (
            "requests.rate.current",
            "诉求发生率",
            "Rate of requests",
            18.4,
            "per_100_households_year",
            15.9,
            21.1,
            212,
            "change.rate",
        ),
        (
            "requests.in_time.current",
            "按时办结的诉求",
            "Requests closed in time",
            0.764,
            "share",
            0.70,
            0.818,
            187,
            "survey.ci.wilson",
        ),
        (
            "requests.km_median.current",
            "办结时间（一半的诉求在此之前办结）",
            "Time by which half of the requests are closed",
            3.4,
            "days",
            2.8,
            4.1,
            212,
            "change.kaplan_meier",
        ),
        (
            "requests.answered_72h.current",
            "72小时内答复的诉求",
            "Requests answered within 72 hours",
            0.881,
            "share",
            0.83,
            0.92,
            212,
            "survey.ci.wilson",
        ),
    ]
    out = [
        _row(
            k,
            "requests",
            "estimate",
            label_zh=zh,
            label_en=en,
            channel="record",
            value=v,
            unit=u,
            ci_low=lo,
            ci_high=hi,
            level=0.95,
            n=n,
            method=m,
        )
        for k, zh, en, v, u, lo, hi, n, m in spec
    ]
    out.append(
        _row(
            "requests.rate_ratio",
            "requests",
            "comparison",
            label_zh="诉求发生率与上一批次之比",
            label_en="Rate of requests against the previous wave",
            value=0.87,
            unit="ratio",
            ci_low=0.71,
            ci_high=1.07,
            level=0.95,
            n=431,
            verdict="cannot_tell",
            evidence_grade="C",
            method="change.rate_ratio",
        )
    )
    return out


def _indicators_and_score() -> list[dict[str, Any]]:
    out = []
    for slug, zh, en, channel, unit, value, target, most, lost in INDICATORS:
        down = unit == "hours"
        met = (value <= target) if down else (value >= target)
        verdict = "met" if met else "not_met"
        survey = channel == "survey"
        if slug == "property_fee_collection_rate":
            verdict = "cannot_tell"
        out.append(
            _row(
                f"indicator.{slug}",
                "indicators",
                "estimate",
                indicator=slug,
                label_zh=zh,
                label_en=en,
                channel=channel,
                value=value,
                unit=unit,
                target=target,
                target_phase="2026",
                attainment=1 - lost / most,
                verdict=verdict,
                ci_low=value - 4.1 if survey else None,
                ci_high=value + 3.9 if survey else None,
                level=0.95 if survey else None,
                n=337 if survey else 12,
                numerator=None if survey or unit != "share" else round(value * 300),
                denominator=None if survey or unit != "share" else 300,
                method="scoring.attainment",
                reason_zh="两个来源相差超过5个百分点。" if verdict == "cannot_tell" else None,
                reason_en="Two sources differ by more than 5 points."
                if verdict == "cannot_tell"
                else None,
            )
        )
        out.append(
            _row(
                f"score.points.{slug}",
                "score",
                "score",
                indicator=slug,
                label_zh=zh,
                label_en=en,
                channel=channel,
                value=most - lost,
                unit="points",
                points=most - lost,
                max_points=most,
                method="scoring.composite",
            )
        )
    out.append(
        _row(
            "indicator.key_equipment_failure_rate",
            "indicators",
            "estimate",
            indicator="key_equipment_failure_rate",
            label_zh="电梯等关键设备故障率",
            label_en="Failures of lifts and other key equipment",
            channel="record",
            display_zh="未计算",
            display_en="not computed",
            status="not_computed",
            verdict="cannot_tell",
            reason_zh="物业未提供设备台账，无法核对设备数量。",
            reason_en="The property company gave no equipment ledger to check against.",
        )
    )
    lost_all = sum(row[8] for row in INDICATORS)
    total = 100 - lost_all
    out.append(
        _row(
            "score.total",
            "score",
            "score",
            label_zh="总分",
            label_en="Total score",
            value=total,
            unit="points",
            ci_low=total - 1.3,
            ci_high=total + 1.2,
            level=0.95,
            points=total,
            max_points=100.0,
            method="scoring.composite",
            cell="score-total",
        )
    )
    for channel, zh, en in [
        ("record", "线上数据", "Data"),
        ("inspection", "现场核查", "On-site checks"),
        ("survey", "居民满意度", "Residents"),
    ]:
        rows = [row for row in INDICATORS if row[3] == channel]
        most, lost = sum(r[7] for r in rows), sum(r[8] for r in rows)
        out.append(
            _row(
                f"score.channel.{channel}",
                "score",
                "score",
                label_zh=zh,
                label_en=en,
                channel=channel,
                value=most - lost,
                unit="points",
                points=most - lost,
                max_points=most,
                method="scoring.composite",
            )
        )
    for dim, zh, en, got, most in [
        ("environment", "环境整洁度", "Environment", 23.0, 30.0),
        ("security", "治安稳定性", "Security", 8.0, 12.0),
        ("service", "服务便捷性", "Services", 33.4, 44.0),
        ("neighbourhood", "邻里和谐度", "Neighbourhood", 8.0, 8.0),
        ("culture", "文化活跃度", "Culture", 6.0, 6.0),
    ]:
        out.append(
            _row(
                f"score.dimension.{dim}",
                "score",
                "score",
                label_zh=zh,
                label_en=en,
                value=got,
                unit="points",
                points=got,
                max_points=most,
                method="scoring.composite",
            )
        )
    return out


def _deductions() -> list[dict[str, Any]]:
    spec = [
        (
            "居民满意度",
            "Resident satisfaction",
            8.52,
            None,
            None,
            "物业服务的满意度拖低了总分：一半多一点的居民满意。",
            "Property services pull the result down.",
            "公布报修处理进度，每月回访。",
            "Publish the state of repairs and call back every month.",
            "和平物业",
            "Heping Property",
            "2027-03-31",
        ),
        (
            "楼道与消防通道畅通",
            "Stairways and fire lanes clear",
            4.0,
            "3号楼2单元",
            "Building 3, stair 2",
            LONG_ZH,
            None,
            "三日内清空楼道，设集中充电点。",
            "Clear the stairs within three days; set up a shared charging point.",
            "和平物业",
            "Heping Property",
            "2026-12-31",
        ),
        (
            "垃圾分类准确率",
            "Waste-sorting accuracy",
            2.78,
            "东门投放点",
            "Collection point, east gate",
            "厨余垃圾混入塑料袋。",
            "Plastic bags in kitchen waste.",
            "每晚投放时段安排督导员。",
            "A guide at the point in the evening hours.",
            "居委会",
            "Residents' committee",
            "2027-01-31",
        ),
        (
            "公共设施完好率",
            "Public facilities in working order",
            2.25,
            "中心花园",
            "Central garden",
            "两盏路灯不亮，儿童滑梯扶手松动。",
            "Two lamps out; the slide's handrail is loose.",
            "更换灯具，停用并修好滑梯。",
            "Replace the lamps; close and repair the slide.",
            "和平物业",
            "Heping Property",
            "2026-12-31",
        ),
        (
            "无乱堆乱放",
            "No clutter in public areas",
            2.0,
            "5号楼架空层",
            "Under building 5",
            "架空层堆放装修垃圾。",
            None,
            "约定装修垃圾清运时间。",
            "Fix collection times for builders' waste.",
            "业委会",
            "Owners' committee",
            "2027-01-15",
        ),
        (
            "社区服务响应时间",
            "Response time of community services",
            1.25,
            None,
            None,
            "一半的服务请求要31.5小时以上才有答复。",
            "Half of the requests wait more than 31.5 hours.",
            "晚间安排值班。",
            "A duty officer in the evening.",
            "居委会",
            "Residents' committee",
            "2027-02-28",
        ),
        (
            "物业费收缴率",
            "Property-fee collection",
            0.8,
            None,
            None,
            "收缴率略低于要求。",
            "Collection lies a little below the target.",
            "公开收支账目。",
            "Publish the accounts.",
            "和平物业",
            "Heping Property",
            None,
        ),
    ]
    return [
        _row(
            f"deduction.{i}",
            "deductions",
            "deduction",
            label_zh=zh,
            label_en=en,
            points=lost,
            value=lost,
            unit="points",
            display_zh=f"{lost:.1f}",
            display_en=f"{lost:.1f}",
            place=pz,
            reason_zh=rz,
            reason_en=re,
            remedy_zh=mz,
            remedy_en=me,
            responsible=wz,
            due=due,
            item=f"F{i:02d}",
            method="scoring.composite",
        )
        for i, (zh, en, lost, pz, pe, rz, re, mz, me, wz, we, due) in enumerate(spec, 1)
    ]


def _rest() -> list[dict[str, Any]]:
    return [
        _text(
            "context.batch_notebook",
            "context",
            "汇总笔记本的 SHA-256",
            "SHA-256 of the batch notebook",
            "bc61f1f4604c22b8fc32aee54f098d4152a80e9b2e6d45a9f39c30634f6007b5",
            "bc61f1f4604c22b8fc32aee54f098d4152a80e9b2e6d45a9f39c30634f6007b5",
        ),
        _row(
            "rule.R-17",
            "eligibility",
            "check",
            rule="R-17",
            label_zh="近半年居民满意度不低于70%",
            label_en="Resident satisfaction of the last half-year at least 70%",
            verdict="cannot_tell",
            reason_zh="估计值为71.6%，但按这次样本也可能低于70%。",
            reason_en="The estimate is 71.6%; with this sample it may also lie below 70%.",
        ),
        _row(
            "rule.R-18",
            "eligibility",
            "check",
            rule="R-18",
            label_zh="近三年无重大安全事故，物业费收缴率不低于70%",
            label_en="No major accident in three years; fee collection at least 70%",
            verdict="passed",
        ),
        _row(
            "warning.W-04",
            "warnings",
            "warning",
            rule="W-04",
            label_zh="垃圾分类准确率连续3个月低于85%",
            label_en="Waste sorting below 85% in 3 consecutive months",
            verdict="failed",
            severity="warning",
            period="2026-10",
            display_zh="8月84.1%，9月83.6%，10月84.2%",
            display_en="August 84.1%, September 83.6%, October 84.2%",
        ),
        _row(
            "warning.W-08",
            "warnings",
            "warning",
            rule="W-08",
            label_zh="工单超期未办",
            label_en="Work orders overdue",
            verdict="passed",
            period="2026-10",
            display_zh="0件",
            display_en="0",
        ),
        _row(
            "decision.1",
            "decisions",
            "text",
            label_zh="剔除同一设备的5份答卷",
            label_en="Five questionnaires from one device set aside",
            decision="exclusion",
            display_zh="总分不作此处理时为78.6分",
            display_en="total without this decision: 78.6",
            reason_zh="入户回访确认为物业人员代填。",
            reason_en="A call-back confirmed that staff had filled them in.",
        ),
        _text(
            "limit.1",
            "limits",
            "覆盖",
            "Coverage",
            "租户名单不全，租户意见可能偏少。",
            "The list of tenants is incomplete; tenants may be under-represented.",
        ),
        _text(
            "limit.3",
            "limits",
            "限制3",
            "Limit 3",
            "来源文件X-23：投诉一处写下降80%，一处写35%；处理：都只作参考。",
            "source document X-23: complaints fall by 80% in one place, 35% in another; reference only",
        ),
        _text(
            "limit.2",
            "limits",
            "数据",
            "Data",
            "垃圾分类数据由设备自动识别，人工抽查了其中5%。",
            "Waste sorting is read by a device; 5% of readings were checked by hand.",
        ),
        _text(
            "scope.outside",
            "scope",
            "不在本次委托范围",
            "Not commissioned",
            "绿化覆盖率、社区食堂覆盖率、高空抛物监控、碳减排成效",
            "greening, community canteen, falling-object cameras, carbon reduction",
        ),
        _row(
            "context.rank",
            "context",
            "estimate",
            label_zh="本批次名次",
            label_en="Rank in this batch",
            value=5,
            unit="count",
            ci_low=3,
            ci_high=8,
            level=0.95,
            n=12,
            notebook="batch",
            cell="ranks",
            method="scoring.ranks",
        ),
        _text(
            "context.rank_set",
            "context",
            "名次无法区分的小区",
            "Not distinguishable from",
            "JX-02、JX-05、JX-07",
            "JX-02, JX-05, JX-07",
            notebook="batch",
            cell="ranks",
        ),
        _row(
            "context.percentile_in_kind",
            "context",
            "estimate",
            label_zh="在老旧小区中的位置",
            label_en="Place among old compounds",
            value=0.62,
            unit="share",
            n=5,
            notebook="batch",
            cell="ranks",
        ),
        _row(
            "x.volunteers",
            "x.annex",
            "estimate",
            label_zh="志愿者占比（研究补充）",
            label_en="Volunteers (added by the study)",
            value=0.083,
            unit="share",
            n=337,
        ),
    ]


def assessed(demonstration: bool = True) -> list[dict[str, Any]]:
    """All findings of the assessed compound, in the order of the report."""
    return [
        *_head(demonstration),
        *_data_and_checks(),
        *_response(),
        *_satisfaction(),
        *_requests(),
        *_indicators_and_score(),
        *_deductions(),
        *_rest(),
    ]


def withheld() -> list[dict[str, Any]]:
    """Findings of the same compound when a critical check reaches it whole."""
    return [
        *_head(True),
        *_data_and_checks(),
        _row(
            "checks.responses.fabricated",
            "checks",
            "check",
            label_zh="问卷有编造",
            label_en="Questionnaires are fabricated",
            verdict="failed",
            severity="critical",
            reach="community",
            reason_zh="同一访员的48份问卷中有41份答案完全相同。",
            reason_en="41 of 48 questionnaires of one interviewer are identical.",
            remedy_zh="由另一名访员重访这48户，或提交录音后由复核人裁定。",
            remedy_en="Have another interviewer visit the 48 households again.",
        ),
    ]


def evidence(findings: list[dict[str, Any]]) -> tuple[bytes, bytes, str]:
    """``findings.json``, the evidence list and its digest."""
    data = json.dumps(findings, ensure_ascii=False, indent=1).encode()
    lines = [f"{hashlib.sha256(data).hexdigest()}  findings.json"]
    lines += [
        f"{hashlib.sha256(name.encode()).hexdigest()}  inputs/{name}.csv"
        for name in ("dispositions", "inspections", "measurements", "requests", "responses")
    ]
    listing = ("\n".join(lines) + "\n").encode()
    return data, listing, hashlib.sha256(listing).hexdigest()


def meta(findings: list[dict[str, Any]]) -> dict[str, Any]:
    """What `render` wants beside findings and figures."""
    data, listing, digest = evidence(findings)
    return {
        "evidence_digest": digest,
        "evidence_list": listing,
        "findings_json": data,
        "issued": date(2026, 12, 20),
        "edition": 1,
        "report_number": "xf-2026h2/JX-01/1",
        "demonstration": True,
    }


@pytest.fixture(scope="session")
def jinxiu() -> list[dict[str, Any]]:
    """Findings of 锦绣花园一期."""
    return assessed()


@pytest.fixture(scope="session")
def jinxiu_withheld() -> list[dict[str, Any]]:
    """Findings of 锦绣花园一期 when the questionnaires were fabricated."""
    return withheld()


@pytest.fixture(scope="session")
def jinxiu_meta() -> dict[str, Any]:
    """Report number, edition, digests and date."""
    return meta(assessed())
