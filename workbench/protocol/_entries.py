"""The grammar of one entry of ``measures.yaml``: keys, words and forms."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from workbench.protocol.faults import fault, nearest

__all__ = ["CHANNELS", "Entry", "Fact", "Inspection", "Measurement", "Requests", "Survey"]

_START = ("received", "assigned", "answered")
_END = ("assigned", "answered", "closed", "due")
_FILTERS: dict[str, tuple[object, ...]] = {
    "kind": ("complaint", "need", "suggestion", "dispute", "order"),
    "outcome": ("resolved", "partly", "unresolved", "rejected", "withdrawn"),
    "adopted": (),
    "satisfied": (),
    "channel": (),
    "category": (),
    "assigned": (True, False),  # whether the step has been taken
    "answered": (True, False),
    "closed": (True, False),
}


def _window(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"last_[1-9][0-9]?_months", value):
        return value
    raise fault(
        "",
        f"窗口“{value}”不合写法",
        f'the window "{value}" is not in the form',
        "写 last_3_months、last_12_months 等",
        "write last_3_months, last_12_months or the like",
    )


def _clock(value: object) -> object:
    start, dots, end = str(value).partition("..")
    near = f"{nearest(start, _START) or 'received'}..{nearest(end, _END) or 'answered'}"
    if not dots or start not in _START or end not in _END or start == end:
        raise fault(
            "",
            f"计时“{value}”不合写法",
            f'the clock "{value}" is not in the form',
            f"写 起点..终点，例如 {near}（起点 {'、'.join(_START)}；终点 {'、'.join(_END)}）",
            f"write start..end, e.g. {near} (start {', '.join(_START)}; end {', '.join(_END)})",
        )
    return value


def _conditions(value: object) -> object:
    if not isinstance(value, dict) or not value:
        raise fault(
            "",
            "应为条件（列: 值）",
            "must be conditions (column: value)",
            "例如 {kind: complaint}",
            "for example {kind: complaint}",
        )
    for column, wanted in value.items():
        if column not in _FILTERS:
            near = nearest(str(column), _FILTERS)
            raise fault(
                str(column),
                f"诉求表中没有可作条件的列“{column}”",
                f'there is no column "{column}" of requests that can be a condition',
                f"是否指“{near}”？" if near else "可用：" + "、".join(_FILTERS),
                f'did you mean "{near}"?' if near else "known: " + ", ".join(_FILTERS),
            )
        words = _FILTERS[column]
        for word in wanted if isinstance(wanted, list) else [wanted]:
            if words and word not in words:
                known = [str(one).lower() if isinstance(one, bool) else str(one) for one in words]
                near = nearest(str(word), known)
                raise fault(
                    str(column),
                    f"未知的词“{word}”",
                    f'unknown word "{word}"',
                    f"是否指“{near}”？" if near else "可用：" + "、".join(known),
                    f'did you mean "{near}"?' if near else "known: " + ", ".join(known),
                )
    return value


_Item = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z][a-zA-Z0-9_]{0,39}$")]
_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
_WindowText = Annotated[str, BeforeValidator(_window)]
_ClockText = Annotated[str, BeforeValidator(_clock)]
_Where = Annotated[dict[str, Any], BeforeValidator(_conditions)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _Check(_Model):
    """Further evidence whose disagreement is a finding, never a silent average."""

    inspection: tuple[_Item, ...] = ()
    survey: tuple[_Item, ...] = ()
    record: _Name | None = None
    tolerance_pp: float | None = Field(default=None, gt=0)
    tolerance: float | None = Field(default=None, gt=0)


class Survey(_Model):
    channel: Literal["survey"]
    items: tuple[_Item, ...] = Field(min_length=1)
    statistic: Literal["mean", "mean_0_100", "top2", "bottom2", "net", "median", "share"]
    combine: Literal["mean_of_items"] | None = None
    population: Literal["adults", "residents", "households"] | None = None
    where: dict[str, Any] | None = None
    base: Literal["baseline"] | None = None
    check: _Check | None = None


class Inspection(_Model):
    channel: Literal["inspection"]
    items: tuple[_Item, ...] = Field(min_length=1)
    statistic: Literal["share_passed", "points", "mean"]
    visits: tuple[Literal["announced", "mystery", "cross", "spot_check", "recheck"], ...] = Field(
        min_length=1
    )
    base: Literal["baseline"] | None = None
    check: _Check | None = None


class Measurement(_Model):
    channel: Literal["record"]
    measurement: _Name
    statistic: Literal[
        "last",
        "mean",
        "sum",
        "ratio_of_sums",
        "change_rel",
        "change_pp",
        "per_100_households_year",
    ]
    window: _WindowText | None = None
    base: Literal["baseline"] | None = None
    check: _Check | None = None


class Requests(_Model):
    channel: Literal["record"]
    requests: _Where
    statistic: Literal["count", "per_100_households_year", "median", "share", "share_within"]
    clock: _ClockText | None = None
    hours: Literal["calendar", "working"] | None = None  # by the clock, unless it says working
    within: Literal["due"] | None = None
    within_hours: float | None = Field(default=None, gt=0)
    where: _Where | None = None
    open: Literal["unresolved", "excluded"] | None = None
    cases: Literal["all", "sample"] | None = None  # all of them, unless it says sample
    window: _WindowText | None = None
    base: Literal["baseline"] | None = None
    check: _Check | None = None


class Fact(_Model):
    channel: Literal["fact"]
    fact: _Name
    statistic: Literal["value"] = "value"
    window_months: int | None = Field(default=None, ge=1)
    check: _Check | None = None


Entry = Survey | Inspection | Measurement | Requests | Fact
CHANNELS = ("survey", "inspection", "record", "fact")
