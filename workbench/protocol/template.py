"""The commented ``measures.yaml`` that a new study begins with."""

from __future__ import annotations

from collections.abc import Iterable

from workbench.protocol.model import Indicator, Protocol
from workbench.protocol.targets import official
from workbench.protocol.units import UNITS

__all__ = ["template"]

_HEAD = """\
# 各指标如何测量。____ 处须由人决定：来源没有规定，程序也没有默认值。
# How each indicator is measured. A person decides every ____: the source leaves it open, and there
# is no default. Remove the entries that the study does not assess (see scope in study.yaml).
#
# channel 渠道: survey 问卷 · inspection 现场检查 · record 记录 · fact 事实
# statistic 统计量:
#   survey       mean · mean_0_100 · top2 · bottom2 · net · median · share
#   inspection   share_passed · points · mean            (visits: announced, mystery, cross, …)
#   measurement  last · mean · sum · ratio_of_sums · change_rel · change_pp ·
#                per_100_households_year                 (window: last_3_months, last_12_months, …)
#   requests     count · per_100_households_year · median · share · share_within
#                (clock: received..answered; where: {outcome: resolved}; open: unresolved)
#   fact         value                                   (window_months: 36)
# check: 另一证据，不一致时列为发现 · further evidence whose disagreement is a finding:
#   check: {inspection: [w01], tolerance_pp: 5}
"""


def template(protocol: Protocol, scope: Iterable[str] | None = None) -> str:
    """Return a commented ``measures.yaml`` for a programme, with a blank at every open choice.

    Parameters
    ----------
    protocol
        The resolved programme.
    scope
        Slugs; None means every indicator but context, quality and composite ones.
    """
    slugs = (
        [
            slug
            for slug, indicator in protocol.indicators.items()
            if indicator.kind not in {"context", "quality", "composite"}
        ]
        if scope is None
        else list(scope)
    )
    rows = {row["indicator"]: row for row in official(protocol, slugs)}
    lines = [_HEAD]
    table = ""
    for slug in slugs:
        indicator = protocol.indicator(slug)
        if indicator.table != table:
            table = indicator.table
            name = protocol.tables[table].name
            lines.append(f"# —— {table} {name.zh} · {name.en}")
        row = rows[slug]
        lines.append(f"# {indicator.name.zh} · {indicator.name.en}")
        if row["status"] == "ok":
            lines.append(f"#   目标 target {row['display_zh']} · {row['display_en']}")
        else:
            unit = UNITS[indicator.unit]
            lines.append(
                f"#   来源没有目标，单位 {unit.zh} · no target in the source, unit {unit.en}"
            )
        lines.append(f"{slug}: {_entry(slug, indicator)}")
    return "\n".join(lines) + "\n"


def _entry(slug: str, indicator: Indicator) -> str:
    """Return the entry that fits the indicator's evidence and unit, with blanks."""
    family = UNITS[indicator.unit].family
    first = indicator.evidence[0]
    if family == "yes_no":
        back = next((t.window_months for t in indicator.targets if t.window_months), None)
        window = f", window_months: {back}" if back else ""
        return f"{{channel: fact, fact: {slug}{window}}}"
    if first in {"survey", "staff_survey"}:
        statistic = {"score_100": "mean_0_100", "score_5": "mean"}.get(family, "____")
        return f"{{channel: survey, items: [____], statistic: {statistic}, population: ____}}"
    if first in {"inspection", "mystery_visit"}:
        statistic = {"share": "share_passed", "score_100": "points", "score": "points"}.get(
            family, "mean"
        )
        return f"{{channel: inspection, items: [____], statistic: {statistic}, visits: [____]}}"
    if family == "time":
        return "{channel: record, requests: {kind: ____}, clock: ____, statistic: median}"
    if family == "household_rate":
        return (
            "{channel: record, requests: {kind: ____}, statistic: per_100_households_year, "
            "window: ____}"
        )
    statistic = {"share": "ratio_of_sums", "rate": "ratio_of_sums", "count": "sum"}.get(
        family, "last"
    )
    window = "" if statistic == "last" else ", window: ____"
    return f"{{channel: record, measurement: {slug}, statistic: {statistic}{window}}}"
