"""Which target counts now, how many points an indicator carries, and who may be charged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from workbench.protocol.model import LEVELS, Baseline, Indicator, Protocol, Target
from workbench.protocol.units import UNITS

__all__ = ["gates", "official", "points", "printed", "shares"]

_SIGN = {">=": "≥", "<=": "≤", ">": ">", "<": "<", "=": "", "~": "≈"}
# a forecast or a staffing norm is scored against only where the standard prints no threshold
_ROLES = ("target", "norm", "expected")


def printed(figure: Baseline | Target, unit: str, lang: str) -> str:
    """Return a figure as a report prints it, e.g. ``≥90%`` or ``10–15 户/名组长``."""
    if figure.label is not None:
        return figure.label.zh if lang == "zh" else figure.label.en
    kind = figure.kind if isinstance(figure, Target) else "level"
    words = UNITS[figure.unit or unit]
    if kind == "bool":
        return {("zh", 1): "是", ("zh", 0): "否", ("en", 1): "yes", ("en", 0): "no"}[
            lang, int(figure.value or 0)
        ]
    if kind == "scale":
        return "按百分制计分" if lang == "zh" else "scored on its own 0–100 scale"
    name = words.zh if lang == "zh" else words.en
    if kind == "change_rel" or words.family == "change_rel":
        return f"{figure.value:+g}%".replace("-", "−")
    if kind == "change_pp" or words.family == "pp":
        points = " 个百分点" if lang == "zh" else " percentage points"
        return f"{figure.value:+g}".replace("-", "−") + points
    gap = "" if name.startswith("%") else " "
    if words.family in {"none", "text"} or words.zh == UNITS["count"].zh:
        gap = name = ""
    if figure.op == "between":
        return f"{figure.low:g}–{figure.high:g}{gap}{name}"
    return f"{_SIGN[figure.op]}{figure.value:g}{gap}{name}"


def official(
    protocol: Protocol,
    indicators: Iterable[str] | None = None,
    *,
    phase: str | None = None,
    month: int | None = None,
    year: int | None = None,
    locality: str | None = None,
    unit: str | None = None,
) -> list[dict[str, Any]]:
    """Return, per indicator, the one target that counts.

    The target of the phase counts; without one, the latest dated target already due; without one,
    the undated (final) target, marked ``due=False`` when an earlier phase was asked for. A target
    for the locality and year wins over the general one (R-08): the latest year not after ``year``.
    An indicator without a threshold is given the source's norm or forecast, with that ``role``.

    Parameters
    ----------
    protocol
        The resolved programme.
    indicators
        Slugs; None means all but context indicators.
    phase
        A phase of the programme; None means the final targets.
    month
        Programme month (1–120), in place of ``phase``.
    year, locality
        Row of a table of transition targets.
    unit
        Level of the assessed unit; None means the programme's. A target of a higher level is given
        with ``chargeable=False`` and must not be charged to the unit.

    Returns
    -------
    list of dict
        One per indicator, in the order asked: ``indicator, name_zh, name_en, dimension, table,
        indicator_kind, tag, unit, direction, level, combine, chargeable, status`` (``ok``,
        ``no_target``), ``role, kind, op`` (to compare with), ``op_printed, value, low, high,
        floor, target_phase, target_month, target_year, locality, due, origin, display_zh,
        display_en, responsible_zh, responsible_en, source, baseline_op, baseline_value,
        baseline_source``. Figures are in the printed unit (percent 0–100); what does not apply is
        None.

    Raises
    ------
    InputError
        An unknown indicator, phase or level, with the nearest known.
    """
    from workbench.protocol.faults import unknown

    if phase is not None and phase not in protocol.phases:
        raise unknown("phase", phase, protocol.phases, "阶段", "phase")
    level = unit or protocol.unit
    if level not in LEVELS:
        raise unknown("level", level, LEVELS, "层级", "level")
    slugs = (
        [s for s, i in protocol.indicators.items() if i.kind != "context"]
        if indicators is None
        else list(indicators)
    )
    when = month
    if when is None and phase is not None:
        when = protocol.phases[phase].last_month
    return [
        _row(protocol, slug, protocol.indicator(slug), when, year, locality, level)
        for slug in slugs
    ]


def _due_month(protocol: Protocol, target: Target) -> int:
    """Return the programme month a target is due; undated targets at the end of the programme."""
    if target.month is not None:
        return target.month
    if target.phase is not None:
        return protocol.phases[target.phase].last_month
    return max((p.last_month for p in protocol.phases.values()), default=0)


def _choose(
    protocol: Protocol,
    indicator: Indicator,
    month: int | None,
    year: int | None,
    locality: str | None,
) -> tuple[Target | None, bool]:
    """Return the target that counts, and whether it is due."""
    for role in _ROLES:
        fits = [t for t in indicator.targets if t.role == role]
        fits = [t for t in fits if t.locality is None or t.locality == locality]
        fits = [t for t in fits if t.year is None or (year is not None and t.year <= year)]
        by_year = [t for t in fits if t.year is not None]
        if by_year:
            return max(by_year, key=lambda t: (t.locality is not None, t.year or 0)), True
        fits = [t for t in fits if t.locality is not None] or fits
        if not fits:
            continue
        due = {id(t): _due_month(protocol, t) for t in fits}
        undated = [t for t in fits if t.phase is None and t.month is None]
        if month is None:
            return (undated or [max(fits, key=lambda t: due[id(t)])])[0], True
        now = [t for t in fits if due[id(t)] <= month]
        if now:
            # of two due in the same month the dated one is the more exact
            return max(now, key=lambda t: (due[id(t)], t not in undated)), True
        return (undated or sorted(fits, key=lambda t: due[id(t)]))[0], False
    return None, False


def _operator(target: Target, indicator: Indicator) -> str:
    """Return the operator a value is compared by; a bare figure is a bound by direction (R-14)."""
    if target.op == "=" and target.kind not in {"bool", "zero"}:
        return {"up": ">=", "down": "<=", "cap": "<="}.get(indicator.direction, "=")
    return target.op


def _row(
    protocol: Protocol,
    slug: str,
    indicator: Indicator,
    month: int | None,
    year: int | None,
    locality: str | None,
    level: str,
) -> dict[str, Any]:
    target, due = _choose(protocol, indicator, month, year, locality)
    baseline = next(
        (
            b
            for b in indicator.baselines
            if b.value is not None and not b.other and b.unit in (None, indicator.unit)
        ),
        None,
    )
    row: dict[str, Any] = {
        "indicator": slug,
        "name_zh": indicator.name.zh,
        "name_en": indicator.name.en,
        "dimension": indicator.dimension,
        "table": indicator.table,
        "indicator_kind": indicator.kind,
        "tag": indicator.tag,
        "unit": indicator.unit,
        "direction": indicator.direction,
        "level": indicator.level,
        "combine": indicator.combine,
        "chargeable": LEVELS.index(indicator.level) <= LEVELS.index(level),
        "status": "no_target" if target is None else "ok",
    }
    empty = dict.fromkeys(
        (
            "role", "kind", "op", "op_printed", "value", "low", "high", "floor", "target_phase",
            "target_month", "target_year", "locality", "due", "origin", "display_zh",
            "display_en", "responsible_zh", "responsible_en", "source",
        )
    )  # fmt: skip
    row.update(empty)
    if target is not None:
        row.update(
            role=target.role,
            kind=target.kind,
            op=_operator(target, indicator),
            op_printed=target.op,
            value=target.value,
            low=target.low,
            high=target.high,
            floor=target.floor,
            target_phase=target.phase,
            target_month=target.month,
            target_year=target.year,
            locality=target.locality,
            due=due,
            origin="assumption" if target.role != "target" else target.origin,
            display_zh=printed(target, indicator.unit, "zh"),
            display_en=printed(target, indicator.unit, "en"),
            responsible_zh=target.responsible.zh if target.responsible else None,
            responsible_en=target.responsible.en if target.responsible else None,
            source=target.source,
        )
    row.update(
        baseline_op=baseline.op if baseline else None,
        baseline_value=baseline.value if baseline else None,
        baseline_source=baseline.source if baseline else None,
    )
    return row


def points(protocol: Protocol, indicators: Iterable[str]) -> list[dict[str, Any]]:
    """Return the maximum points of indicators that are scored together.

    Points that the protocol or its overlay gives are taken as they are (R-12). Where none of the
    indicators has any, 100 points are shared equally over the dimensions present and equally
    within each, an assumption that the report prints (R-01). Where only some have points, the
    others get the mean of those given, marked in the same way. A micro-adjustment (R-06)
    changes points and keeps their sum; both are returned.

    Parameters
    ----------
    protocol
        The resolved programme.
    indicators
        Slugs of the indicators that are scored (those with a target that counts).

    Returns
    -------
    list of dict
        ``indicator, dimension, max_points, points_origin`` (source, commissioned, assumption),
        ``max_points_before`` (without the micro-adjustment), ``origin_zh, origin_en``.
    """
    slugs = list(indicators)
    chosen = {slug: protocol.indicator(slug) for slug in slugs}
    given = {s: i.max_points for s, i in chosen.items() if i.max_points is not None}
    result: dict[str, float] = {}
    if not given:
        groups: dict[str | None, list[str]] = {}
        for slug, indicator in chosen.items():
            groups.setdefault(indicator.dimension, []).append(slug)
        for members in groups.values():
            for slug in members:
                result[slug] = 100 / len(groups) / len(members)
    else:
        mean = sum(given.values()) / len(given)
        result = {slug: given.get(slug, mean) for slug in slugs}
    changed = dict(result)
    micro = protocol.micro_adjustment
    if micro is not None and result:
        changed = {s: p * (1 + micro.relative.get(s, 0.0)) for s, p in result.items()}
        scale = sum(result.values()) / sum(changed.values())
        changed = {s: p * scale for s, p in changed.items()}
    words = {
        "source": ("来源文件", "source"),
        "commissioned": ("委托方给定", "given by the commissioner"),
        "assumption": ("测评方假设", "assumption of the assessor"),
    }
    rows = []
    for slug in slugs:
        origin = chosen[slug].points_origin if slug in given else "assumption"
        rows.append(
            {
                "indicator": slug,
                "dimension": chosen[slug].dimension,
                "max_points": changed[slug],
                "points_origin": origin,
                "max_points_before": result[slug],
                "origin_zh": words[origin][0],
                "origin_en": words[origin][1],
            }
        )
    return rows


def gates(protocol: Protocol) -> list[dict[str, Any]]:
    """Return the eligibility gates: one row per target of role ``gate``.

    Returns
    -------
    list of dict
        ``rule, indicator, name_zh, name_en, op, value, unit, kind, window_months, applied,
        display_zh, display_en, source``. ``applied`` is False for a gate that the parameter
        ``gate_applied`` sets aside (its result is reported all the same, X-46).
    """
    applied = None
    if "gate_applied" in protocol.parameters:
        applied = protocol.parameters["gate_applied"].value
    rows = []
    for slug, indicator in protocol.indicators.items():
        for target in indicator.targets:
            if target.role != "gate":
                continue
            unit = target.unit or indicator.unit
            rows.append(
                {
                    "rule": target.rule,
                    "indicator": slug,
                    "name_zh": indicator.name.zh,
                    "name_en": indicator.name.en,
                    "op": target.op,
                    "value": target.value,
                    "unit": unit,
                    "kind": target.kind,
                    "window_months": target.window_months,
                    "applied": applied in (None, "both", target.rule)
                    or target.rule not in ("R-17", "R-18"),
                    "display_zh": printed(target, unit, "zh"),
                    "display_en": printed(target, unit, "en"),
                    "source": target.source,
                }
            )
    rows += _veto(protocol)
    return sorted(rows, key=lambda row: (str(row["rule"]), str(row["indicator"])))


def _veto(protocol: Protocol) -> list[dict[str, Any]]:
    """Return the veto on environment satisfaction (R-20) where a study gave its threshold."""
    told, slug = protocol.parameters.get("veto_environment"), "environment_satisfaction"
    if told is None or told.value is None or slug not in protocol.indicators:
        return []
    indicator = protocol.indicator(slug)
    target = Target(op=">=", value=float(told.value), role="gate", rule="R-20", source=told.source)
    return [
        {
            "rule": "R-20",
            "indicator": slug,
            "name_zh": indicator.name.zh,
            "name_en": indicator.name.en,
            "op": ">=",
            "value": float(told.value),
            "unit": indicator.unit,
            "kind": "level",
            "window_months": None,
            "applied": True,
            "display_zh": printed(target, indicator.unit, "zh"),
            "display_en": printed(target, indicator.unit, "en"),
            "source": told.source,
        }
    ]


def shares(protocol: Protocol, weights: Mapping[str, float] | None = None) -> list[dict[str, Any]]:
    """Return the shares of weight of an indicator set, each with its limit and verdict.

    Parameters
    ----------
    protocol
        The resolved programme.
    weights
        Points per scored indicator; None means equal points over base and feature indicators.

    Returns
    -------
    list of dict
        ``rule`` (R-04, R-05, R-09), ``share`` (0–1), ``limit``, ``verdict`` (passed, failed, or
        None where the source prints no limit), ``label_zh, label_en, reference_zh, reference_en``.
    """
    kinds = {"base", "feature"}
    if weights is None:
        scored = [s for s, i in protocol.indicators.items() if i.kind in kinds]
        weights = {row["indicator"]: row["max_points"] for row in points(protocol, scored)}
    total = sum(weights.values())
    if not total:
        return []
    of = {slug: protocol.indicator(slug) for slug in weights}

    def share(slugs: list[str]) -> float:
        return sum(weights[s] for s in slugs) / total

    rows: list[dict[str, Any]] = []
    feature = share([s for s, i in of.items() if i.kind == "feature"])
    if "max_feature_share" in protocol.parameters:
        limit = float(protocol.parameters["max_feature_share"].value)
        rows.append(
            {
                "rule": "R-04",
                "label_zh": "特色指标权重占比",
                "label_en": "weight of local-feature indicators",
                "share": feature,
                "limit": limit,
                "verdict": "passed" if feature <= limit + 1e-9 else "failed",
                "reference_zh": "不超过30%（杭州70/30）",
                "reference_en": "at most 30% (Hangzhou 70/30)",
            }
        )
    base = [i for i in protocol.indicators.values() if i.kind == "base"]
    if base and "min_quantified_share" in protocol.parameters:
        limit = float(protocol.parameters["min_quantified_share"].value)
        quantified = sum(i.quantified for i in base) / len(base)
        rows.append(
            {
                "rule": "R-05",
                "label_zh": "基础指标中量化指标占比",
                "label_en": "quantified indicators among base indicators",
                "share": quantified,
                "limit": limit,
                "verdict": "passed" if quantified >= limit - 1e-9 else "failed",
                "reference_zh": "提升至70%",
                "reference_en": "to be raised to 70%",
            }
        )
    for tag, zh, en, ref_zh, ref_en in (
        (
            "hard",
            "硬件指标权重占比",
            "weight of hard indicators",
            "现行考核：硬设施70%、软服务30%",
            "appraisal practice: hard 70%, soft 30%",
        ),
        (
            "soft",
            "软性指标权重占比",
            "weight of soft indicators",
            "60%的城市不足30%；上海50%",
            "under 30% in 60% of cities; 50% in Shanghai",
        ),
    ):
        rows.append(
            {
                "rule": "R-09",
                "label_zh": zh,
                "label_en": en,
                "share": share([s for s, i in of.items() if i.tag == tag]),
                "limit": None,
                "verdict": None,
                "reference_zh": ref_zh,
                "reference_en": ref_en,
            }
        )
    if protocol.schemes:
        resident = sum(
            s
            for key, s in protocol.scheme().shares().items()
            if "survey" in protocol.scheme().channels[key].evidence
        )
        rows.append(
            {
                "rule": "R-09",
                "label_zh": "居民评价权重占比",
                "label_en": "weight of residents' rating",
                "share": resident,
                "limit": None,
                "verdict": None,
                "reference_zh": "45%的城市不足20%",
                "reference_en": "under 20% in 45% of cities",
            }
        )
    return rows
