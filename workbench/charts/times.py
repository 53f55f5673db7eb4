"""Values by month and the time that requests take."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.charts._canvas import (
    BLUE,
    RED,
    SKY,
    canvas,
    column,
    labels_of,
    need,
    note,
    say,
    styled,
    unit_of,
    written,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["days_chart", "series_chart", "survival_chart"]


@styled
def series_chart(
    frame: pd.DataFrame, *, lang: str, threshold: float | None = None, title: str = ""
) -> Figure:
    """Draw a monthly series with its threshold and the months in which a warning fired.

    Parameters
    ----------
    frame
        One row per period in order of time: ``period`` (text), ``value`` (missing values break the
        line), optionally ``fired`` (true where the warning fired), labels, ``unit``, ``n``.
    lang, title
        As :func:`items_chart`; the default message says how often the warning fired.
    threshold
        In the unit of ``value``; a column ``target`` serves too.
    """
    import seaborn as sns
    from matplotlib.ticker import FuncFormatter

    frame = need(frame, "period", "value", lang=lang)
    values, unit = column(frame, "value"), unit_of(frame, "share")
    periods = [str(period) for period in frame["period"]]
    if threshold is None:
        targets = [t for t in column(frame, "target") if not math.isnan(t)]
        threshold = targets[-1] if targets else None
    fired = [bool(f) for f in frame["fired"]] if "fired" in frame.columns else [False] * len(frame)
    name = labels_of(frame, lang)[0] if f"label_{lang}" in frame.columns else ""
    title = title or _series_message(name, periods, values, fired, unit, lang)
    figure, (axes,) = canvas(0, title, height=2.5, foot=0.58)
    # seaborn looks for labels to write unless there is one; that costs a drawing
    axes.set(xlabel=" ", ylabel=" ")
    runs = [0]
    for before, value in itertools.pairwise(values):
        runs.append(runs[-1] + (math.isnan(before) or math.isnan(value)))
    known = [i for i, value in enumerate(values) if not math.isnan(value)]
    sns.lineplot(
        x=known,
        y=[values[i] for i in known],
        units=[runs[i] for i in known],
        estimator=None,
        marker="o",
        markersize=5,
        markeredgewidth=0,
        color=BLUE,
        ax=axes,
    )
    if threshold is not None:
        axes.plot(
            [-0.4, len(values) - 0.5],
            [threshold] * 2,
            color=RED,
            linewidth=1.2,
            linestyle=(0, (4, 2)),
        )
        axes.text(
            len(values) - 0.4,
            threshold,
            written(threshold, unit),
            va="center",
            fontsize=8,
            color=RED,
        )
    hits = [i for i in known if fired[i]]
    if hits:
        axes.scatter(
            hits,
            [values[i] for i in hits],
            s=90,
            facecolor="none",
            edgecolor=RED,
            linewidth=1.5,
            zorder=4,
        )
    _series_axes(axes, periods, [values[i] for i in known], threshold, unit)
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda y, _: f"{y * 100:.0f}%" if unit == "share" else f"{y:g}")
    )
    parts = [say(lang, "虚线：界限", "dashed: threshold")] if threshold is not None else []
    if hits:
        parts.append(say(lang, "圆圈：触发预警", "circle: warning fired"))
    if len(known) < len(values):
        parts.append(say(lang, "缺口：数据缺失", "gap: value missing"))
    note(axes, say(lang, "；", "; ").join(parts))
    return figure


def days_chart(frame: pd.DataFrame, *, lang: str) -> Figure:
    """Draw counts by day; the message tells the total and the largest day.

    Parameters
    ----------
    frame
        One row per day in order: ``period`` (YYYY-MM-DD), ``value`` (count), labels, ``unit``.
    lang
        As :func:`series_chart`.
    """
    frame = need(frame, "period", "value", lang=lang)
    values = column(frame, "value")
    most = max(range(len(values)), key=values.__getitem__)
    day, name = str(frame["period"].iloc[most]), labels_of(frame, lang)[0]
    title = say(
        lang,
        f"{name}：共{sum(values):,.0f}，最多的一天{day}为{values[most]:,.0f}",
        f"{name}: {sum(values):,.0f} in all, at most {values[most]:,.0f} on {day}",
    )
    # a chart of field work is of one year or two: the axis says month and day
    short = frame.assign(period=[str(p)[5:] for p in frame["period"]])
    return series_chart(short, lang=lang, title=title)


def _series_message(
    name: str,
    periods: Sequence[str],
    values: Sequence[float],
    fired: Sequence[bool],
    unit: str,
    lang: str,
) -> str:
    hits = [period for period, hit in zip(periods, fired, strict=True) if hit]
    if hits:
        return say(
            lang,
            f"{name}：{hits[0]}触发预警"
            if len(hits) == 1
            else f"{name}：{len(hits)}个月触发预警，最近为{hits[-1]}",
            f"{name}: warning in {hits[-1]}"
            + (f" and {len(hits) - 1} earlier" if hits[1:] else ""),
        )
    last = next((i for i in reversed(range(len(values))) if not math.isnan(values[i])), None)
    if last is None:
        return say(lang, f"{name}：没有数据", f"{name}: no data")
    value = written(values[last], unit)
    return say(
        lang,
        f"{name}：{periods[last]}为{value}，没有触发预警",
        f"{name}: {value} in {periods[last]}, no warning",
    )


def _dates(periods: Sequence[str]) -> list[str]:
    """Months with their year below where it changes; other periods as they are."""
    out, year = [], ""
    for period in periods:
        month = re.fullmatch(r"(\d{4})-(\d{2})", period)
        if month is None:
            out.append(period)
            continue
        out.append(month[2] + (f"\n{month[1]}" if month[1] != year else ""))
        year = month[1]
    return out


def _series_axes(
    axes: Axes, periods: Sequence[str], values: Sequence[float], threshold: float | None, unit: str
) -> None:
    every = max(1, math.ceil(len(periods) / 12))
    ticks = list(range(0, len(periods), every))
    axes.set_xticks(ticks, _dates([periods[i] for i in ticks]))
    axes.set_xlim(-0.4, len(periods) * 1.06)
    low = min([*values, threshold if threshold is not None else math.inf], default=0.0)
    high = max([*values, threshold if threshold is not None else -math.inf], default=1.0)
    if unit == "share" and low > 0.5:
        # a line, not a bar: the threshold must be seen to be crossed
        axes.set_ylim(max(0.0, low - 0.35 * (1 - low)), min(1.0, high + 0.35 * (1 - high) + 0.01))
    else:
        axes.set_ylim(0, high * 1.15 if high > 0 else 1)
    axes.set_ylabel("")
    axes.grid(axis="y")
    axes.set_axisbelow(True)


@styled
def survival_chart(
    frame: pd.DataFrame, *, lang: str, title: str = "", unit: str = "days"
) -> Figure:
    """Draw the share of requests still open against time, open cases censored.

    Parameters
    ----------
    frame
        Steps of a Kaplan–Meier curve in order of time: ``time`` (from 0), ``value`` (share still
        open), ``ci_low``, ``ci_high``, ``at_risk``; as ``change.kaplan_meier_curve`` gives.
    lang, title
        As :func:`items_chart`; the default message is the time at which half are closed.
    unit
        ``days`` or ``hours``.
    """
    from matplotlib.ticker import FuncFormatter

    frame = need(frame, "time", "value", lang=lang)
    times, open_ = [0.0, *column(frame, "time")], [1.0, *column(frame, "value")]
    lows, highs = [1.0, *column(frame, "ci_low")], [1.0, *column(frame, "ci_high")]
    half = next((t for t, s in zip(times, open_, strict=True) if s <= 0.5), None)
    name = say(lang, "天" if unit == "days" else "小时", unit)
    if not title:
        title = (
            say(
                lang,
                f"一半的诉求在{half:.1f}{name}内办结",
                f"Half of the requests are closed within {half:.1f} {name}",
            )
            if half is not None
            else say(lang, "观察期内办结的不到一半", "Fewer than half were closed while observed")
        )
    figure, (axes,) = canvas(0, title, ["100%" + " " * 6], height=2.3)
    bounds = [
        (t, a, b) for t, a, b in zip(times, lows, highs, strict=True) if not math.isnan(a + b)
    ]
    if len(bounds) > 1:
        axes.fill_between(
            [t for t, _, _ in bounds],
            [a for _, a, _ in bounds],
            [b for _, _, b in bounds],
            step="post",
            color=SKY,
            alpha=0.35,
            linewidth=0,
        )
    axes.step(times, open_, where="post", color=BLUE, linewidth=1.6)
    if half is not None:
        axes.plot([0, half, half], [0.5, 0.5, 0], color=RED, linewidth=1.1, linestyle=(0, (4, 2)))
    axes.set_ylim(0, 1.02)
    axes.set_xlim(0, _horizon(times, open_))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y * 100:.0f}%"))
    axes.set_ylabel(say(lang, "仍未办结", "still open"))
    axes.grid(axis="both")
    axes.set_axisbelow(True)
    risk = column(frame, "at_risk")
    count = "" if not risk or math.isnan(risk[0]) else f"；n={risk[0]:,.0f}"
    band = say(lang, "色带：置信区间", "band: confidence interval")
    note(
        axes,
        say(
            lang,
            f"收到后的{name}数；{band}{count}",
            f"{name} since receipt; {band}{count}".replace("；", "; "),
        ),
    )
    return figure


def _horizon(times: Sequence[float], open_: Sequence[float]) -> float:
    """End of the time axis: where one in fifty is still open, else the last time."""
    few = next((t for t, s in zip(times, open_, strict=True) if s <= 0.02), times[-1])
    return max(few * 1.05, 1e-9)
