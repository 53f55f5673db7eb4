"""What residents answered: items, change between waves, sample and population."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.charts._canvas import (
    BLUE,
    GREEN,
    INK,
    LEAD,
    ORANGE,
    PALE,
    RED,
    SKY,
    SOFT,
    bars,
    canvas,
    column,
    labels_of,
    lead,
    led,
    level_note,
    marks,
    need,
    note,
    percent_axis,
    row_labels,
    rows_axis,
    say,
    shown_values,
    spans,
    styled,
    unit_of,
    written,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "cases_chart",
    "change_chart",
    "composition_chart",
    "items_chart",
    "quadrants_chart",
]

_TONES = {"better": GREEN, "worse": RED, "no_relevant_change": SOFT, "cannot_tell": ORANGE}


@styled
def items_chart(frame: pd.DataFrame, *, lang: str, title: str = "") -> Figure:
    """Draw shares per item as bars from zero with intervals, n and target.

    Parameters
    ----------
    frame
        One row per item: ``label_zh``/``label_en``, ``value`` (share 0–1, missing when
        suppressed), ``ci_low``, ``ci_high``, ``n``, optionally ``target``, ``level``,
        ``display_*``, ``status``.
    lang
        ``zh`` or ``en``.
    title
        The message; by default the highest and the lowest item.

    Raises
    ------
    NotebookError
        When columns are missing, the frame is empty or the language is unknown.
    """
    frame = need(frame, "value", lang=lang)
    labels, values = labels_of(frame, lang), column(frame, "value")
    shown = shown_values(frame, values, lang, unit_of(frame, "share"))
    known = [i for i, value in enumerate(values) if not math.isnan(value)]
    if not title and known:
        best, worst = max(known, key=values.__getitem__), min(known, key=values.__getitem__)
        title = say(
            lang,
            f"最高：{labels[best]}，{shown[best]}；最低：{labels[worst]}，{shown[worst]}",
            f"Highest: {labels[best]}, {shown[best]}\nLowest: {labels[worst]}, {shown[worst]}",
        )
    cut, above = led(labels)
    rows = row_labels(cut, column(frame, "n"))
    figure, (axes,) = canvas(len(labels), title, rows, head=LEAD if above else 0.0)
    lead(axes, above)
    bars(axes, values, SKY)
    lows, highs = column(frame, "ci_low"), column(frame, "ci_high")
    spans(axes, lows, highs, [INK] * len(labels))
    for at, (value, text) in enumerate(zip(values, shown, strict=True)):
        if math.isnan(value):
            text = text if text != "—" else say(lang, "不公布", "not shown")
            axes.text(0.01, at, text, va="center", color=SOFT, fontsize=8)
        else:
            axes.text(1.12, at, text, va="center", ha="right", fontsize=8.5)
    targets = column(frame, "target")
    told = _targets(axes, targets)
    rows_axis(axes, rows)
    percent_axis(axes, 0.0, 1.13)
    axes.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    key = say(lang, "；橙线：目标", "; orange line: target") if told else ""
    note(axes, level_note(frame, lang) + key)
    return figure


def _targets(axes: Axes, targets: Sequence[float]) -> bool:
    known = {target for target in targets if not math.isnan(target)}
    if len(known) == 1 and len([t for t in targets if not math.isnan(t)]) == len(targets):
        axes.axvline(next(iter(known)), color=RED, linewidth=1.3, linestyle=(0, (4, 2)))
    else:
        marks(targets, range(len(targets)), 0.4, axes, RED, linewidth=1.6)
    return bool(known)


@styled
def change_chart(
    frame: pd.DataFrame, *, lang: str, margin: float | None = None, title: str = ""
) -> Figure:
    """Draw differences between two waves with their intervals around zero.

    Parameters
    ----------
    frame
        One row per item: labels, ``value`` (difference of shares, 0.12 = 12 points), ``ci_low``,
        ``ci_high``, ``n``, ``verdict``; with columns ``before`` and ``after`` (shares) a panel on
        the left shows both, and ``target`` where there is one.
    lang
        ``zh`` or ``en``.
    margin
        Smallest relevant difference (share 0–1), drawn as a band.
    title
        The message; by default how many items got better or worse.
    """
    frame = need(frame, "value", lang=lang)
    labels, values = labels_of(frame, lang), column(frame, "value")
    shown = [written(value, "pp") for value in values]
    verdicts = [str(v) for v in frame["verdict"]] if "verdict" in frame.columns else []
    verdicts = verdicts or ["no_relevant_change"] * len(frame)
    title = title or _change_message(labels, verdicts, lang)
    cut, above = led(labels)
    rows = row_labels(cut, column(frame, "n"))
    paired = {"before", "after"} <= set(frame.columns)
    figure, panels = canvas(
        len(labels),
        title,
        rows,
        panels=2 if paired else 1,
        head=LEAD if above else 0.0,
        foot=0.58,
    )
    lead(panels[0], above)
    axes = panels[-1]
    if paired:
        _pair_panel(panels[0], frame, lang)
    colours = [_TONES.get(verdict, SOFT) for verdict in verdicts]
    lows, highs = column(frame, "ci_low"), column(frame, "ci_high")
    if margin is not None:
        axes.axvspan(-margin, margin, color=PALE, linewidth=0, zorder=0)
    axes.axvline(0, color=SOFT, linewidth=1)
    spans(axes, lows, highs, colours)
    reach = max([abs(x) for x in (*values, *lows, *highs) if not math.isnan(x)] or [0.1]) * 1.12
    axes.scatter(values, range(len(values)), s=36, color=colours, zorder=3)
    for at, text in enumerate(shown):
        axes.text(reach * 1.42, at, text, va="center", ha="right", fontsize=8.5)
    percent_axis(axes, -reach, reach * 1.45)
    ticks = [t for t in axes.get_xticks() if abs(t) <= reach]
    axes.set_xticks(ticks, [f"{t * 100:+.0f}".replace("-", "−").replace("+0", "0") for t in ticks])
    for panel in panels[1:]:
        rows_axis(panel, rows, written=False)
    rows_axis(panels[0], rows)
    band = say(lang, "；灰带：变化太小", "; band: too small to matter") if margin else ""
    unit = say(lang, "百分点；", "points; ")
    note(axes, unit + level_note(frame, lang) + band)
    return figure


def _change_message(labels: Sequence[str], verdicts: Sequence[str], lang: str) -> str:
    better = [label for label, v in zip(labels, verdicts, strict=True) if v == "better"]
    worse = [label for label, v in zip(labels, verdicts, strict=True) if v == "worse"]
    of = len(labels)
    if not better and not worse:
        return say(lang, f"{of}项都看不出明显变化", f"None of {of} items shows a clear change")
    return say(
        lang,
        f"{of}项中{len(better)}项变好，{len(worse)}项变差",
        f"Of {of} items {len(better)} got better and {len(worse)} got worse",
    )


def _pair_panel(axes: Axes, frame: pd.DataFrame, lang: str) -> None:
    before, after = column(frame, "before"), column(frame, "after")
    rows = range(len(before))
    axes.hlines(rows, before, after, colors=PALE, linewidth=3, zorder=1)
    axes.scatter(before, rows, s=30, facecolor="white", edgecolor=BLUE, linewidth=1.4, zorder=2)
    axes.scatter(after, rows, s=34, color=BLUE, zorder=3)
    targets = column(frame, "target")
    marks(targets, rows, 0.35, axes, RED, linewidth=1.6)
    percent_axis(axes, 0, 1)
    axes.set_xticks([0, 0.5, 1.0])
    aimed = any(not math.isnan(t) for t in targets)
    key = say(lang, "  ┃目标", "  ┃ target") if aimed else ""
    note(axes, say(lang, "○ 上一批次  ● 这一批次", "○ previous  ● current") + key)


@styled
def cases_chart(frame: pd.DataFrame, *, lang: str, title: str = "") -> Figure:
    """Draw the ranges of published changes in points: claims, and no intervals.

    Parameters
    ----------
    frame
        Rows of :func:`workbench.cases.ranges`; those in points are drawn, the 24 with most cases.
    lang
        ``zh`` or ``en``.
    title
        The message; by default how many claims there are and that they carry no interval.
    """
    frame = need(frame, "value", "range_low", "range_high", lang=lang)
    frame = frame[frame["unit"].eq("pp")]
    frame = frame.sort_values(["n", "indicator"], ascending=[False, True], kind="stable").head(24)
    labels, values = labels_of(frame, lang), column(frame, "value")
    counts = column(frame, "n")
    title = title or say(
        lang,
        f"{sum(counts):.0f}个公布的变化：都是说法，没有区间",
        f"{sum(counts):.0f} published changes: claims without an interval",
    )
    rows = row_labels(labels, counts)
    figure, (axes,) = canvas(len(labels), title, rows)
    axes.axvline(0, color=SOFT, linewidth=1)
    ends = list(zip(column(frame, "range_low"), column(frame, "range_high"), strict=True))
    for at, ((low, high), value) in enumerate(zip(ends, values, strict=True)):
        axes.plot([low, high], [at, at], color=PALE, linewidth=6, solid_capstyle="butt")
        axes.plot([value], [at], marker="o", markersize=5, color=ORANGE)
    reach = max((abs(x) for pair in ends for x in pair), default=0.1) * 1.1
    percent_axis(axes, -reach, reach)
    ticks = [t for t in axes.get_xticks() if abs(t) <= reach]
    axes.set_xticks(ticks, [f"{t * 100:+.0f}".replace("-", "−").replace("+0", "0") for t in ticks])
    rows_axis(axes, rows)
    note(
        axes,
        say(
            lang,
            "百分点；点：中位数，带：最小至最大；n：案例数",
            "points; dot: median, band: smallest to largest; n: cases",
        ),
    )
    return figure


@styled
def composition_chart(frame: pd.DataFrame, *, lang: str, title: str = "") -> Figure:
    """Draw the sample beside the population, group by group.

    Parameters
    ----------
    frame
        One row per group: labels, ``value`` (share in the sample), ``target`` (share in the
        population), ``n`` (respondents).
    lang, title
        As :func:`items_chart`; the default message names the largest gap.
    """
    frame = need(frame, "value", "target", lang=lang)
    labels = labels_of(frame, lang)
    sample, population = column(frame, "value"), column(frame, "target")
    known = [i for i in range(len(labels)) if not math.isnan(sample[i] - population[i])]
    if not title and known:
        i = max(known, key=lambda at: abs(sample[at] - population[at]))
        more = sample[i] > population[i]
        values = f"{written(sample[i], 'share')} / {written(population[i], 'share')}"
        title = say(
            lang,
            f"差别最大：{labels[i]}在样本中偏{'多' if more else '少'}（样本/总体 {values}）",
            f"Largest gap: {labels[i]}, too {'many' if more else 'few'} in the sample "
            f"(sample / population {values})",
        )
    rows = row_labels(labels, column(frame, "n"))
    figure, (axes,) = canvas(len(labels) * 1.1, title, rows, head=0.16, foot=0.3)
    names = (say(lang, "样本（未加权）", "sample (unweighted)"), say(lang, "总体", "population"))
    for shares, name, tone, shift in (
        (sample, names[0], BLUE, -0.18),
        (population, names[1], ORANGE, 0.18),
    ):
        bars(axes, shares, tone, shift=shift, height=0.36, label=name)
    for shift, shares in ((-0.18, sample), (0.18, population)):
        for at, share in enumerate(shares):
            if not math.isnan(share):
                axes.text(
                    share + 0.006, at + shift, written(share, "share"), va="center", fontsize=7
                )
    rows_axis(axes, rows)
    top = max([v for v in (*sample, *population) if not math.isnan(v)] or [1.0])
    percent_axis(axes, 0.0, min(1.1, top * 1.18))
    axes.set_xlabel("")
    axes.legend(title="", loc="lower right", bbox_to_anchor=(1.0, 0.99), ncols=2)
    return figure


_CORNERS = {
    "improve": (("优先改进", "improve first"), RED),
    "maintain": (("继续保持", "keep up"), GREEN),
    "low_priority": (("次要", "low priority"), SOFT),
    "possible_overkill": (("可能过度投入", "possibly more than needed"), BLUE),
}


@styled
def quadrants_chart(frame: pd.DataFrame, *, lang: str, title: str = "") -> Figure:
    """Draw importance against performance, cut at both means (满意度-重要度四分图).

    Parameters
    ----------
    frame
        One row per item: labels, ``value`` (performance, mean on the scale), ``ci_low``,
        ``ci_high``, ``base`` (importance), ``target`` (mean performance), ``baseline`` (mean
        importance), ``decision`` (the quadrant).
    lang, title
        As :func:`items_chart`; the default message names what to improve first.
    """
    frame = need(frame, "value", "base", "target", "baseline", "decision", lang=lang)
    labels, x, y = labels_of(frame, lang), column(frame, "value"), column(frame, "base")
    corners = [str(c) for c in frame["decision"]]
    if not title:
        first = [labels[i] for i, c in enumerate(corners) if c == "improve"]
        title = say(
            lang,
            "优先改进：" + "、".join(first) if first else "没有重要而满意度偏低的项目",
            "Improve first: " + "; ".join(first) if first else "Nothing important stands low",
        )
    figure, (axes,) = canvas(11, title, [""])
    cut, bar = column(frame, "target")[0], column(frame, "baseline")[0]
    lows, highs = column(frame, "ci_low"), column(frame, "ci_high")
    axes.axvline(cut, color=SOFT, linewidth=0.9)
    axes.axhline(bar, color=SOFT, linewidth=0.9)
    tones = [_CORNERS[corner][1] for corner in corners]
    axes.hlines(y, lows, highs, colors=tones, linewidth=1.1, alpha=0.6, zorder=2)
    axes.scatter(x, y, s=25, color=tones, zorder=3)
    for at in range(len(corners)):
        axes.annotate(str(at + 1), (x[at], y[at]), xytext=(3, 4), textcoords="offset points",
                      fontsize=8.5)  # fmt: skip
    known = [v for v in (*x, *lows, *highs) if not math.isnan(v)]
    pad_x = 0.06 * (max(known) - min(known) or 1)
    pad_y = 0.14 * (max(y) - min(y) or 1)
    axes.set_xlim(min(known) - pad_x, max(known) + pad_x)
    axes.set_ylim(min(y) - pad_y, max(y) + pad_y)
    for corner, (words, tone) in _CORNERS.items():
        right, up = corner in ("maintain", "possible_overkill"), corner in ("improve", "maintain")
        axes.text(0.99 if right else 0.01, 0.985 if up else 0.015, words[lang == "en"],
                  transform=axes.transAxes, ha="right" if right else "left",
                  va="top" if up else "bottom", color=tone, fontsize=8)  # fmt: skip
    axes.set_ylabel(say(lang, "重要度", "importance"))
    numbered = [f"{i}  {text}" for i, text in enumerate(labels, 1)]
    across = say(lang, "横轴：满意程度（平均分）；", "across: performance (mean score); ")
    note(axes, across + level_note(frame, lang))
    box = axes.get_position()
    axes.set_position((0.09, box.y0, 0.5, box.height))
    figure.text(0.62, box.y1, "\n".join(_folded(numbered, 22 if lang == "zh" else 38)),
                va="top", fontsize=7.5, linespacing=1.5)  # fmt: skip
    return figure


def _folded(texts: Sequence[str], width: int) -> list[str]:
    out = []
    for text in texts:
        rest = text
        while len(rest) > width:
            cut = rest.rfind(" ", 4, width)
            cut = width if cut < 0 else cut
            out.append(rest[:cut])
            rest = "   " + rest[cut:].strip()
        out.append(rest)
    return out
