"""What must hold between the parts of a protocol, beyond the form of each part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from workbench.errors import Problem
from workbench.protocol.faults import unknown_problem
from workbench.protocol.model import Indicator, Protocol, Scheme, Target
from workbench.protocol.units import UNITS

__all__ = ["faults"]

_TOLERANCE = 1e-9


def _fault(
    file: str, key: str, zh: str, en: str, remedy_zh: str, remedy_en: str, code: str = "value"
) -> Problem:
    return Problem(
        code=f"protocol.{code}",
        file=file,
        column=key,
        zh=zh,
        en=en,
        remedy_zh=remedy_zh,
        remedy_en=remedy_en,
    )


SECTIONS = (
    "data response satisfaction change requests voices agreement indicators score ruleset "
    "deductions reference followup eligibility warnings standing lower demand participation "
    "funds milestones claims objections context decisions limits"
).split()
"""Sections that a kind of report may name; a test holds that they are those of the report."""


def faults(protocol: Protocol, *, file: str) -> list[Problem]:
    """Return every contradiction between the parts of a protocol, in the order of its keys."""
    found = [
        *_dates(protocol, file),
        *_dimensions(protocol, file),
        *_indicators(protocol, file),
        *_schemes(protocol, file),
        *_parameters(protocol, file),
        *_conditions(protocol, file),
        *_kinds(protocol, file),
    ]
    if not found:
        found = [*_weights(protocol, file), *_micro(protocol, file)]
    return found


def _dates(protocol: Protocol, file: str) -> Iterator[Problem]:
    if protocol.valid_to is not None and protocol.valid_to < protocol.valid_from:
        yield _fault(
            file,
            "valid_to",
            f"失效日 {protocol.valid_to} 早于生效日 {protocol.valid_from}",
            f"valid_to {protocol.valid_to} is before valid_from {protocol.valid_from}",
            "改正其中一个日期",
            "correct one of the two dates",
        )
    for name, phase in protocol.phases.items():
        if phase.last_month < phase.first_month:
            yield _fault(
                file,
                f"phases.{name}.last_month",
                "阶段的末月早于首月",
                "the last month of the phase is before its first",
                "改正月份",
                "correct the months",
            )


def _dimensions(protocol: Protocol, file: str) -> Iterator[Problem]:
    used = {indicator.dimension for indicator in protocol.indicators.values()}
    for slug in protocol.dimensions:
        if slug not in used:
            yield _fault(
                file,
                f"dimensions.{slug}",
                f"维度“{slug}”没有指标",
                f'the dimension "{slug}" has no indicator',
                "为它指定指标（indicators.….dimension），或删去该维度",
                "give it indicators (indicators.….dimension), or remove it",
                code="empty-dimension",
            )


def _indicators(protocol: Protocol, file: str) -> Iterator[Problem]:
    for slug, indicator in protocol.indicators.items():
        at = f"indicators.{slug}"
        for unit in indicator.units():
            if unit not in UNITS:
                yield unknown_problem(
                    "unit", unit, UNITS, "单位", "unit", file=file, column=f"{at}.unit"
                )
        if indicator.table not in protocol.tables:
            yield unknown_problem(
                "table",
                indicator.table,
                protocol.tables,
                "表",
                "table",
                file=file,
                column=f"{at}.table",
            )
        if indicator.dimension is not None and indicator.dimension not in protocol.dimensions:
            yield unknown_problem(
                "dimension",
                indicator.dimension,
                protocol.dimensions,
                "维度",
                "dimension",
                file=file,
                column=f"{at}.dimension",
            )
        yield from _parents(protocol, slug, indicator, file)
        yield from _targets(protocol, slug, indicator, file)


def _parents(protocol: Protocol, slug: str, indicator: Indicator, file: str) -> Iterator[Problem]:
    at = f"indicators.{slug}.parent"
    if indicator.parent is None:
        return
    if indicator.parent not in protocol.indicators:
        yield unknown_problem(
            "parent",
            indicator.parent,
            protocol.indicators,
            "上级指标",
            "parent indicator",
            file=file,
            column=at,
        )
        return
    circle = [slug]
    above: str | None = indicator.parent
    while above is not None and above in protocol.indicators and above not in circle:
        circle.append(above)
        above = protocol.indicators[above].parent
    if above == slug and slug == min(circle):
        round_trip = " → ".join([*circle, slug])
        yield _fault(
            file,
            at,
            f"上级指标成环：{round_trip}",
            f"the parents run in a circle: {round_trip}",
            "删去其中一个 parent",
            "remove one parent",
        )


def _targets(protocol: Protocol, slug: str, indicator: Indicator, file: str) -> Iterator[Problem]:
    keys: Counter[tuple[object, ...]] = Counter()
    for n, target in enumerate(indicator.targets):
        at = f"indicators.{slug}.targets[{n}]"
        if target.phase is not None and target.phase not in protocol.phases:
            yield unknown_problem(
                "phase",
                target.phase,
                protocol.phases,
                "阶段",
                "phase",
                file=file,
                column=f"{at}.phase",
            )
        if target.unit is not None and target.unit not in UNITS:
            yield unknown_problem(
                "unit", target.unit, UNITS, "单位", "unit", file=file, column=f"{at}.unit"
            )
        rules = {**protocol.rules, **protocol.warnings}
        if target.rule is not None and rules and target.rule not in rules:
            yield unknown_problem(
                "rule",
                target.rule,
                rules,
                "规则",
                "rule",
                file=file,
                column=f"{at}.rule",
            )
        if target.role == "target":
            keys[target.key()] += 1
            if keys[target.key()] == 2:
                yield _fault(
                    file,
                    at,
                    "同一阶段、年份和地区有两个目标",
                    "two targets for the same phase, year and locality",
                    "合并，或注明不同的 phase、year、locality",
                    "merge them, or give them different phase, year or locality",
                    code="duplicate-target",
                )
            yield from _against_direction(indicator, target, at, file)
            yield from _floor(indicator, target, at, file)
        national = protocol.unit == "nation"
        if target.role in {"target", "gate"} and not national and _share_beyond(indicator, target):
            given = _given(protocol, slug, target.role)
            yield _fault(
                file,
                f"parameters.{given}" if given else f"{at}.value",
                f"百分比目标 {target.value:g} 超出 0—100",
                f"a percentage of {target.value:g} is outside 0-100",
                "百分比写 0—100 的数字",
                "write percentages as 0-100",
                code="range",
            )
    for n, baseline in enumerate(indicator.baselines):
        if baseline.unit is not None and baseline.unit not in UNITS:
            yield unknown_problem(
                "unit",
                baseline.unit,
                UNITS,
                "单位",
                "unit",
                file=file,
                column=f"indicators.{slug}.baselines[{n}].unit",
            )


def _given(protocol: Protocol, slug: str, role: str) -> str | None:
    """Return the parameter by which a study wrote a figure of an indicator."""
    for name, parameter in protocol.parameters.items():
        places = parameter.sets if parameter.origin == "study" else ()
        if any((p.indicator, p.role, p.key) == (slug, role, "value") for p in places):
            return name
    return None


def _floor(indicator: Indicator, target: Target, at: str, file: str) -> Iterator[Problem]:
    """Hold the value that earns nothing against the one that earns all (R-13, R-14)."""
    if target.kind != "level" or target.floor is None or target.value is None:
        return
    up = indicator.direction == "up"
    if indicator.direction not in {"up", "down"} or (
        target.floor < target.value if up else target.floor > target.value
    ):
        return
    side = ("低于", "below") if up else ("高于", "above")
    yield _fault(
        file,
        f"{at}.floor",
        f"得0分的值{target.floor:g}应{side[0]}目标{target.value:g}",
        f"the value that earns nothing, {target.floor:g}, must lie {side[1]} the target "
        f"{target.value:g}",
        "改正 floor 或 value",
        "correct floor or value",
        code="floor",
    )


def _kinds(protocol: Protocol, file: str) -> Iterator[Problem]:
    """Check that each kind of report prints sections that there are."""
    for name, kind in protocol.report_kinds.items():
        for section in kind.sections:
            if section not in SECTIONS:
                yield unknown_problem(
                    "section",
                    section,
                    SECTIONS,
                    "章节",
                    "section",
                    file=file,
                    column=f"report_kinds.{name}.sections",
                )


def _share_beyond(indicator: Indicator, target: Target) -> bool:
    unit = target.unit or indicator.unit
    return (
        unit in UNITS
        and UNITS[unit].family == "share"
        and target.kind == "level"
        and target.value is not None
        and not 0 <= target.value <= 100
    )


def _against_direction(
    indicator: Indicator, target: Target, at: str, file: str
) -> Iterator[Problem]:
    wrong = False
    if target.kind == "level":
        wrong = (indicator.direction == "up" and target.op in {"<", "<="}) or (
            indicator.direction == "down" and target.op in {">", ">="}
        )
    elif target.kind in {"change_rel", "change_pp"} and target.value is not None:
        wrong = (indicator.direction == "up" and target.value < 0) or (
            indicator.direction == "down" and target.value > 0
        )
    if wrong:
        better = ("越高越好", "higher is better")
        if indicator.direction == "down":
            better = ("越低越好", "lower is better")
        yield _fault(
            file,
            f"{at}.op",
            f"目标 {target.op}{target.value:g} 与方向（{better[0]}）矛盾",
            f"the target {target.op}{target.value:g} contradicts the direction ({better[1]})",
            "改正 op、数值的符号或 direction",
            "correct op, the sign of the figure, or direction",
            code="direction",
        )


def _schemes(protocol: Protocol, file: str) -> Iterator[Problem]:
    if protocol.default_scheme is not None and protocol.default_scheme not in protocol.schemes:
        yield unknown_problem(
            "scheme",
            protocol.default_scheme,
            protocol.schemes,
            "方案",
            "scheme",
            file=file,
            column="default_scheme",
        )
    chosen = protocol.parameters.get("scheme")
    if chosen is not None and protocol.schemes and chosen.value not in protocol.schemes:
        yield unknown_problem(
            "scheme",
            str(chosen.value),
            protocol.schemes,
            "方案",
            "scheme",
            file=file,
            column="parameters.scheme",
        )
    for name, scheme in protocol.schemes.items():
        yield from _scheme(name, scheme, file)


def _scheme(name: str, scheme: Scheme, file: str) -> Iterator[Problem]:
    at = f"schemes.{name}"
    whole = True
    for key, channel in scheme.channels.items():
        if channel.group is not None and channel.group not in scheme.groups:
            whole = False
            yield unknown_problem(
                "group",
                channel.group,
                scheme.groups,
                "组",
                "group",
                file=file,
                column=f"{at}.channels.{key}.group",
            )
    if not whole:
        return
    for group in scheme.groups:
        inside = sum(c.share for c in scheme.channels.values() if c.group == group)
        if abs(inside - 1) > _TOLERANCE:
            yield _sum_fault(file, f"{at}.groups.{group}", inside)
    total = sum(scheme.shares().values())
    if abs(total - 1) > _TOLERANCE:
        yield _sum_fault(file, f"{at}.channels", total)


def _sum_fault(file: str, key: str, total: float) -> Problem:
    return _fault(
        file,
        key,
        f"份额合计 {total:.6g}，不是 1",
        f"the shares sum to {total:.6g} and not to 1",
        "改正份额；不会自动归一",
        "correct the shares; they are never normalised silently",
        code="sum",
    )


def _parameters(protocol: Protocol, file: str) -> Iterator[Problem]:
    for name, parameter in protocol.parameters.items():
        rules = {**protocol.rules, **protocol.warnings}
        if rules and parameter.rule not in rules:
            yield unknown_problem(
                "rule",
                parameter.rule,
                rules,
                "规则",
                "rule",
                file=file,
                column=f"parameters.{name}.rule",
            )
        for needer in parameter.needed_by:
            if needer not in protocol.indicators and needer not in protocol.rules:
                yield unknown_problem(
                    "needer",
                    needer,
                    [*protocol.indicators, *protocol.rules],
                    "指标或规则",
                    "indicator or rule",
                    file=file,
                    column=f"parameters.{name}.needed_by",
                )
    for rule_id, rule in protocol.rules.items():
        for parameter_name in rule.parameters:
            if parameter_name not in protocol.parameters:
                yield unknown_problem(
                    "parameter",
                    parameter_name,
                    protocol.parameters,
                    "参数",
                    "parameter",
                    file=file,
                    column=f"rules.{rule_id}.parameters",
                )


def _conditions(protocol: Protocol, file: str) -> Iterator[Problem]:
    for name, warning in protocol.warnings.items():
        slug = warning.condition.indicator
        needed = warning.condition.parameter
        if needed is not None and needed not in protocol.parameters:
            yield unknown_problem(
                "parameter",
                needed,
                protocol.parameters,
                "参数",
                "parameter",
                file=file,
                column=f"warnings.{name}.condition.parameter",
            )
        if slug is not None and slug not in protocol.indicators:
            yield unknown_problem(
                "indicator",
                slug,
                protocol.indicators,
                "指标",
                "indicator",
                file=file,
                column=f"warnings.{name}.condition.indicator",
            )
    for slug, indicator in protocol.indicators.items():
        if indicator.data_class is not None and indicator.data_class not in protocol.data_classes:
            yield unknown_problem(
                "data-class",
                indicator.data_class,
                protocol.data_classes,
                "数据类",
                "data class",
                file=file,
                column=f"indicators.{slug}.data_class",
            )


def _weights(protocol: Protocol, file: str) -> Iterator[Problem]:
    given = {
        slug: i.max_points for slug, i in protocol.indicators.items() if i.max_points is not None
    }
    total = sum(given.values())
    if protocol.points_total is not None and abs(total - protocol.points_total) > 1e-6:
        yield _fault(
            file,
            "points_total",
            f"各指标满分合计 {total:g}，应为 {protocol.points_total:g}",
            f"the maximum points sum to {total:g} and not to {protocol.points_total:g}",
            "改正 max_points；不会自动归一",
            "correct max_points; they are never normalised silently",
            code="sum",
        )
    if not given or "max_feature_share" not in protocol.parameters:
        return
    limit = protocol.parameters["max_feature_share"].value
    feature = sum(p for s, p in given.items() if protocol.indicators[s].kind == "feature")
    if isinstance(limit, int | float) and feature / total > limit + _TOLERANCE:
        yield _fault(
            file,
            "indicators",
            f"特色指标占 {feature / total:.1%}，超过上限 {limit:.0%}（R-04）",
            f"local-feature indicators hold {feature / total:.1%}, above the {limit:.0%} of R-04",
            "降低特色指标的 max_points",
            "lower max_points of the local-feature indicators",
            code="feature-share",
        )


def _micro(protocol: Protocol, file: str) -> Iterator[Problem]:
    micro = protocol.micro_adjustment
    if micro is None:
        return
    bound = 0.20
    if "micro_max_relative" in protocol.parameters:
        bound = float(protocol.parameters["micro_max_relative"].value or bound)
    for slug, change in micro.relative.items():
        at = f"micro_adjustment.relative.{slug}"
        if slug not in protocol.indicators:
            yield unknown_problem(
                "indicator",
                slug,
                protocol.indicators,
                "指标",
                "indicator",
                file=file,
                column=at,
            )
        elif change <= -1:
            yield _fault(
                file,
                at,
                f"微调幅度 {change:+.0%} 使指标不再有分值",
                f"the micro-adjustment of {change:+.0%} leaves the indicator no points",
                "微调只改变权重，不取消指标",
                "a micro-adjustment moves weights and removes no indicator",
                code="micro",
            )
        elif protocol.indicators[slug].kind != "feature" and abs(change) > bound + _TOLERANCE:
            yield _fault(
                file,
                at,
                f"微调幅度 {change:+.0%} 超出 ±{bound:.0%}（R-06）",
                f"the micro-adjustment of {change:+.0%} exceeds ±{bound:.0%} (R-06)",
                "缩小幅度；更大的改动须由委托方修改权重",
                "make it smaller; a larger change is for the commissioner to decide",
                code="micro",
            )
    yield from _micro_share(protocol, micro.relative, file)


def _micro_share(protocol: Protocol, relative: dict[str, float], file: str) -> Iterator[Problem]:
    """Hold the limit of R-04 after the micro-adjustment too."""
    if "max_feature_share" not in protocol.parameters:
        return
    limit = protocol.parameters["max_feature_share"].value
    after = {
        slug: indicator.max_points * (1 + relative.get(slug, 0.0))
        for slug, indicator in protocol.indicators.items()
        if indicator.max_points is not None
    }
    if not after or not isinstance(limit, int | float):
        return
    share = sum(p for s, p in after.items() if protocol.indicators[s].kind == "feature")
    share /= sum(after.values())
    if share > limit + _TOLERANCE:
        yield _fault(
            file,
            "micro_adjustment.relative",
            f"微调后特色指标占 {share:.1%}，超过上限 {limit:.0%}（R-04）",
            f"after the micro-adjustment local features hold {share:.1%}, above {limit:.0%} (R-04)",
            "缩小特色指标的上调幅度",
            "raise the local-feature indicators by less",
            code="feature-share",
        )
