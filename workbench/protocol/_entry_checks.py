"""What an entry of ``measures.yaml`` must hold, given its statistic, items and indicator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.errors import Problem
from workbench.protocol._entries import (
    Entry,
    Fact,
    Inspection,
    Measurement,
    Requests,
    Survey,
)
from workbench.protocol.faults import unknown_problem
from workbench.protocol.model import Protocol
from workbench.protocol.units import FAMILY_OF_STATISTIC, UNITS

__all__ = ["OPEN_WORDS", "incomplete", "items", "source_of", "unit"]

# what a blank leaves undecided
OPEN_WORDS = {
    "items": ("由哪些题目测量", "which items measure it"),
    "statistic": ("用什么统计量", "which statistic"),
    "population": ("分母是哪个总体", "which population is the denominator"),
    "window": ("计算窗口", "the window of time"),
    "clock": ("从何时计到何时", "from when to when time is counted"),
    "within_hours": ("时限（小时）", "the limit in hours"),
    "where": ("什么算作达到（分子）", "what counts (the numerator)"),
    "open": ("未办结的如何计", "how open cases count"),
    "visits": ("哪些检查计分", "which visits count"),
    "combine": ("多题如何合并", "how items are combined"),
    "measurement": ("哪个监测序列", "which series of measurements"),
    "requests": ("哪类诉求", "which requests"),
    "fact": ("哪项事实", "which fact"),
    "channel": ("由哪个渠道计分", "which channel is scored"),
    "window_months": ("回溯几个月", "how many months are looked back"),
}


def source_of(entry: Entry) -> str:
    """Return the source of an entry: its channel, records split in measurements and requests."""
    if isinstance(entry, Measurement):
        return "measurement"
    return "requests" if isinstance(entry, Requests) else entry.channel


def incomplete(slug: str, entry: Entry, blank: list[str], file: str) -> list[Problem]:
    """Say what the statistic needs and the entry lacks, or has and cannot use."""
    problems: list[Problem] = []

    def need(key: str, why_zh: str, why_en: str) -> None:
        if key not in blank and getattr(entry, key) is None:
            zh, en = OPEN_WORDS[key]
            problems.append(
                Problem(
                    code="measures.needs",
                    file=file,
                    column=f"{slug}.{key}",
                    zh=f"{why_zh}须写明 {key}：{zh}（没有默认值）",
                    en=f"{why_en} needs {key}: {en} (no default)",
                    remedy_zh=f"补上 {slug}.{key}",
                    remedy_en=f"add {slug}.{key}",
                )
            )

    def idle(key: str, belongs_zh: str, belongs_en: str) -> None:
        if getattr(entry, key) is not None:
            problems.append(
                Problem(
                    code="measures.idle",
                    file=file,
                    column=f"{slug}.{key}",
                    zh=f"{key} 只用于{belongs_zh}",
                    en=f"{key} belongs to {belongs_en} only",
                    remedy_zh=f"删去 {key}，或改换 statistic",
                    remedy_en=f"remove {key}, or change statistic",
                )
            )

    statistic = f"statistic: {entry.statistic}"
    if isinstance(entry, Survey):
        several = len(entry.items) > 1
        if several and entry.statistic in {"mean", "mean_0_100"}:
            need("combine", "多个题目", "an entry with several items")
        elif several:
            problems.append(
                Problem(
                    code="measures.items",
                    file=file,
                    column=f"{slug}.items",
                    zh=f"{statistic} 只能用一个题目",
                    en=f"{statistic} takes one item",
                    found=", ".join(entry.items),
                    remedy_zh="每题各立一个指标，或用 mean_0_100 与 combine: mean_of_items",
                    remedy_en="one indicator per item, or mean_0_100 with combine: mean_of_items",
                )
            )
        else:
            idle("combine", "多个题目", "several items")
        if entry.statistic == "share":
            need("where", statistic, statistic)
        else:
            idle("where", "statistic: share", "statistic: share")
    elif isinstance(entry, Measurement) and entry.statistic != "last":
        need("window", statistic, statistic)
    elif isinstance(entry, Requests):
        timed = entry.statistic in {"median", "share_within"}
        if timed:
            need("clock", statistic, statistic)
        else:
            idle("clock", "median、share_within", "median and share_within")
        if entry.statistic == "share":
            need("where", statistic, statistic)
            need("open", statistic, statistic)
        else:
            idle("where", "statistic: share", "statistic: share")
        if entry.statistic == "share_within":
            if entry.within is None:
                need("within_hours", statistic, statistic)
            elif entry.within_hours is not None:
                idle("within_hours", "没有 within: due 时", "an entry without within: due")
        else:
            idle("within", "statistic: share_within", "statistic: share_within")
            idle("within_hours", "statistic: share_within", "statistic: share_within")
    check = entry.check
    if (
        check is not None
        and not isinstance(entry, Fact)
        and check.tolerance_pp is None
        and check.tolerance is None
    ):
        problems.append(
            Problem(
                code="measures.needs",
                file=file,
                column=f"{slug}.check",
                zh="check 须写明多大差异算不一致（没有默认值）",
                en="check needs the difference that counts as a disagreement (no default)",
                remedy_zh="写 tolerance_pp（百分点）或 tolerance（指标单位）",
                remedy_en="write tolerance_pp (percentage points) or tolerance (indicator's unit)",
            )
        )
    if check is not None and not (check.inspection or check.survey or check.record):
        problems.append(
            Problem(
                code="measures.check",
                file=file,
                column=f"{slug}.check",
                zh="check 没有写明另一证据",
                en="check names no further evidence",
                remedy_zh="写 inspection: […]、survey: […] 或 record: 序列名",
                remedy_en="write inspection: […], survey: […] or record: series",
            )
        )
    return problems


def _of(item: Any, key: str) -> Any:
    return item.get(key) if isinstance(item, Mapping) else getattr(item, key, None)


def items(slug: str, entry: Entry, codebook: Mapping[str, Any] | None, file: str) -> list[Problem]:
    """Check the items an entry names against the codebook."""
    if codebook is None:
        return []
    problems: list[Problem] = []
    wanted: list[tuple[str, str, bool]] = []
    if isinstance(entry, Survey):
        wanted += [("items", code, False) for code in entry.items]
        wanted += [("where", code, False) for code in entry.where or {}]
    elif isinstance(entry, Inspection):
        wanted += [("items", code, True) for code in entry.items]
    if entry.check is not None:
        wanted += [("check.inspection", code, True) for code in entry.check.inspection]
        wanted += [("check.survey", code, False) for code in entry.check.survey]
    for key, code, inspected in wanted:
        place: dict[str, Any] = {"file": file, "column": f"{slug}.{key}"}
        item = codebook.get(code, codebook.get(code.lower()))
        if item is None:
            problems.append(
                unknown_problem("item", code, codebook, "题目（codebook）", "item", **place)
            )
        elif (_of(item, "role") == "inspection") != inspected:
            problems.append(
                Problem(
                    code="measures.role",
                    zh=f"{code} 在 codebook 中" + ("不是" if inspected else "是") + "检查项目",
                    en=f"{code} is "
                    + ("not " if inspected else "")
                    + "an inspection item in the codebook",
                    remedy_zh="改正 channel，或改正 codebook 中的 role",
                    remedy_en="correct channel, or role in the codebook",
                    **place,
                )
            )
        elif isinstance(entry, Survey) and key == "where":
            problems += _answers(slug, code, item, (entry.where or {})[code], file)
        elif isinstance(entry, Survey) and key == "items":
            problems += _definition(slug, code, item, entry.statistic, file)
    return problems


def _answers(slug: str, code: str, item: Any, wanted: object, file: str) -> list[Problem]:
    """Say which answers a condition names that the item does not have."""
    known = [str(value) for value in _of(item, "values") or {}]
    if not known:
        return []
    return [
        unknown_problem(
            "answer",
            str(word),
            known,
            f"答案（{code}）",
            f"answer to {code}",
            file=file,
            column=f"{slug}.where.{code}",
        )
        for word in (wanted if isinstance(wanted, list) else [wanted])
        if str(word) not in known
    ]


def _definition(slug: str, code: str, item: Any, statistic: str, file: str) -> list[Problem]:
    """Say what an item lacks for its statistic."""
    kind = _of(item, "kind")
    scaled = statistic in {"mean_0_100", "top2", "bottom2", "net"}
    if (scaled and kind != "scale") or (
        statistic in {"mean", "median"} and kind not in {"scale", "number"}
    ):
        return [
            Problem(
                code="measures.kind",
                file=file,
                column=f"{slug}.statistic",
                zh=f"statistic: {statistic} 不适用于 {code}",
                en=f"statistic: {statistic} does not fit {code}",
                expected="scale" if scaled else "scale, number",
                found=str(kind),
                remedy_zh="改换 statistic（如 share），或改换题目",
                remedy_en="choose another statistic (e.g. share), or another item",
            )
        ]
    if statistic in {"top2", "net"} and not _of(item, "top"):
        return [
            Problem(
                code="measures.blank",
                file=file,
                column=f"{slug}.items",
                zh=f"须由人决定：{code} 的哪些答案算“满意”（没有默认值）",
                en=f'a person must decide: which answers to {code} count as "satisfied" '
                "(no default)",
                remedy_zh=f"在 codebook.yaml 的 {code} 中写 top: […]",
                remedy_en=f"write top: […] for {code} in codebook.yaml",
            )
        ]
    return []


def unit(
    slug: str, entry: Entry, protocol: Protocol, file: str
) -> tuple[str | None, list[Problem]]:
    """Return the printed unit of the statistic, which must be one of the indicator's."""
    indicator = protocol.indicator(slug)
    source = source_of(entry)
    yields = FAMILY_OF_STATISTIC[source][entry.statistic]
    if "own" in yields:
        return indicator.unit, []
    for unit in indicator.units():
        if UNITS[unit].family in yields:
            return unit, []
    changes = {target.kind for target in indicator.targets}
    if "change_rel" in yields and "change_rel" in changes:
        return "percent_change", []
    if "pp" in yields and "change_pp" in changes:
        return "pp", []
    fitting = [
        statistic
        for statistic, families in FAMILY_OF_STATISTIC[source].items()
        if "own" in families or any(UNITS[u].family in families for u in indicator.units())
    ]
    units = ", ".join(UNITS[u].en for u in indicator.units())
    return None, [
        Problem(
            code="measures.unit",
            file=file,
            column=f"{slug}.statistic",
            zh=f"statistic: {entry.statistic} 的单位不是目标的单位",
            en=f"the unit of statistic: {entry.statistic} is not the target's",
            expected=units,
            found=", ".join(yields),
            remedy_zh="改用 " + "、".join(fitting)
            if fitting
            else "该渠道没有合适的统计量，改换渠道",
            remedy_en="use " + ", ".join(fitting)
            if fitting
            else "no statistic of this channel fits; choose another channel",
        )
    ]
