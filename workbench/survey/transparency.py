"""What a published survey must disclose: AAPOR's eleven items and those of ISO 20252."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from workbench.survey._input import refuse
from workbench.survey.rows import from_rows

# AAPOR Code of Professional Ethics and Practices (2021), III.A, items 1-11
AAPOR: dict[str, tuple[str, str]] = {
    "strategy": ("数据收集方式", "data collection strategy"),
    "sponsor": ("委托方与执行方", "who sponsored the research and who conducted it"),
    "instruments": ("测量工具（问卷原文）", "measurement tools and instruments"),
    "population": ("调查总体", "population under study"),
    "recruitment": ("抽样与招募方法", "method used to generate and recruit the sample"),
    "mode": ("调查方式与语言", "methods and modes of data collection, languages"),
    "dates": ("调查日期", "dates of data collection"),
    "sizes": ("样本量与精度", "sample sizes and the precision of the results"),
    "weighting": ("加权方法", "how the data were weighted"),
    "processing": ("数据处理与质量控制", "how the data were processed and checked"),
    "limitations": ("局限", "limitations of the design and data collection"),
}
# ISO 20252:2019, reporting of quantitative research, beyond the items above
ISO_20252: dict[str, tuple[str, str]] = {
    "objectives": ("研究目的", "objectives of the research"),
    "planned_size": (
        "计划与完成的样本量及差异原因",
        "planned and achieved size, and why they differ",
    ),
    "response_rate": ("应答率及其定义", "response rate and its definition"),
    "incentives": ("酬谢", "incentives"),
    "interviewers": ("访员人数与复核方法", "number of interviewers and how they were validated"),
    "estimation": ("估算与插补方法", "estimation and imputation"),
    "subgroups": ("分组结果的基数", "bases of results for subgroups"),
    "subcontracting": ("分包的工作", "work that was subcontracted"),
}


def disclosure_items(facts: Mapping[str, str]) -> pd.DataFrame:
    """Fill AAPOR's and ISO 20252's items from what the study says; gaps are listed by name.

    Parameters
    ----------
    facts : text by key of :data:`AAPOR` and :data:`ISO_20252`; empty text is a gap.

    Returns
    -------
    DataFrame, one row per item: ``standard``, ``item`` (key), ``label_zh``, ``label_en``, ``text``,
    ``status`` (``ok`` or ``not_computed``), ``reason_zh``, ``reason_en``.

    Raises
    ------
    InputError
        A key is none of the items.

    References
    ----------
    AAPOR (2021), *Code of Professional Ethics and Practices*, section III. ISO 20252:2019, *Market,
    opinion and social research*, reporting requirements.

    Examples
    --------
    >>> items = disclosure_items({"dates": "2026-10-08 / 2026-11-05"})
    >>> int((items["status"] == "ok").sum()), len(items)
    (1, 19)
    """
    known = {**AAPOR, **ISO_20252}
    foreign = [key for key in facts if key not in known]
    if foreign:
        raise refuse(
            "survey.disclosure-item",
            "没有这个披露项",
            "there is no such item",
            found=foreign[0],
            expected=", ".join(known),
        )
    rows = []
    for standard, items in (("AAPOR", AAPOR), ("ISO 20252", ISO_20252)):
        for key, (zh, en) in items.items():
            text = str(facts.get(key, "") or "").strip()
            rows.append(
                {
                    "standard": standard,
                    "item": key,
                    "label_zh": zh,
                    "label_en": en,
                    "text": text,
                    "status": "ok" if text else "not_computed",
                    "reason_zh": "" if text else "研究资料中没有",
                    "reason_en": "" if text else "not stated in the study",
                }
            )
    return from_rows(rows)
