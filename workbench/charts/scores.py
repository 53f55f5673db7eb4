"""How a score comes about and how communities rank."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from workbench.charts._canvas import (
    BLUE,
    PALE,
    RED,
    SOFT,
    bars,
    canvas,
    column,
    labels_of,
    level_note,
    need,
    note,
    row_labels,
    rows_axis,
    say,
    spans,
    styled,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["points_chart", "ranks_chart", "staircase_chart"]


@styled
def staircase_chart(
    frame: pd.DataFrame,
    *,
    lang: str,
    full: float = 100.0,
    score: float | None = None,
    title: str = "",
) -> Figure:
    """Draw the way from the full score down to the score, one step per loss.

    Parameters
    ----------
    frame
        One row per loss: labels and ``points`` (points lost, above 0).
    lang, title
        As :func:`items_chart`; the default message names the largest loss.
    full
        Points of a unit without any loss.
    score
        The score; by default what is left after all losses. A difference is drawn as a step.
    """
    frame = need(frame, "points", lang=lang)
    frame = frame[[p > 0 for p in column(frame, "points")]]
    frame = frame.sort_values("points", ascending=False, kind="stable").reset_index(drop=True)
    labels, losses = labels_of(frame, lang), column(frame, "points")
    left = full - sum(losses)
    end = left if score is None else score
    if left - end > 0.05:
        labels, losses = [*labels, say(lang, "未列明", "not itemised")], [*losses, left - end]
    if not title:
        first = (labels[0], losses[0]) if losses else ("", 0.0)
        title = say(
            lang,
            f"从{full:g}分到{end:.1f}分，失分最多的是{first[0]}（{first[1]:.1f}分）",
            f"From {full:g} to {end:.1f} points; the largest loss is {first[0]} ({first[1]:.1f})",
        )
    names = [say(lang, "满分", "full score"), *labels, say(lang, "得分", "score")]
    names = row_labels(names, [math.nan] * len(names))
    figure, (axes,) = canvas(len(names), title, names)
    axes.barh([0], [full], color=PALE, height=0.62)
    axes.text(full + 0.8, 0, f"{full:g}", va="center", fontsize=8.5)
    at = full
    for row, lost in enumerate(losses, 1):
        axes.barh([row], [lost], left=at - lost, color=RED, height=0.62)
        axes.plot([at, at], [row - 1 + 0.31, row + 0.31], color=SOFT, linewidth=0.7)
        axes.text(full + 0.8, row, f"−{lost:.1f}", va="center", fontsize=8.5, color=RED)
        at -= lost
    axes.plot([at, at], [len(losses) + 0.31, len(losses) + 0.69], color=SOFT, linewidth=0.7)
    axes.barh([len(losses) + 1], [end], color=BLUE, height=0.62)
    axes.text(full + 0.8, len(losses) + 1, f"{end:.1f}", va="center", fontsize=8.5)
    rows_axis(axes, names)
    axes.set_xlim(0, full * 1.1)
    axes.set_xticks([full * i / 5 for i in range(6)])
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    note(axes, say(lang, "分", "points"))
    return figure


@styled
def points_chart(frame: pd.DataFrame, *, lang: str, title: str = "") -> Figure:
    """Draw points reached out of points possible, by channel, dimension or indicator.

    Parameters
    ----------
    frame
        One row per part: labels, ``points``, ``max_points``.
    lang, title
        As :func:`items_chart`; the default message names the part that lost most.
    """
    frame = need(frame, "points", "max_points", lang=lang)
    labels = labels_of(frame, lang)
    got, most = column(frame, "points"), column(frame, "max_points")
    lost = [0.0 if math.isnan(m - g) else m - g for g, m in zip(got, most, strict=True)]
    if not title:
        worst = max(range(len(labels)), key=lost.__getitem__)
        title = say(
            lang,
            f"失分最多的是{labels[worst]}：{round(most[worst], 1):g}分中得{got[worst]:.1f}分",
            f"{labels[worst]} lost most: {got[worst]:.1f} of {round(most[worst], 1):g} points",
        )
    rows = row_labels(labels, [math.nan] * len(labels))
    figure, (axes,) = canvas(len(labels), title, rows)
    bars(axes, most, PALE)
    bars(axes, got, BLUE)
    high = max((m for m in most if not math.isnan(m)), default=0.0) or 1.0
    for at, (g, m) in enumerate(zip(got, most, strict=True)):
        text = (
            say(lang, "未计算", "not computed") if math.isnan(g) else f"{g:.1f} / {round(m, 1):g}"
        )
        axes.text(high * 1.17, at, text, va="center", ha="right", fontsize=8.5)
    rows_axis(axes, rows)
    axes.set_xlim(0, high * 1.18)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    note(axes, say(lang, "分；浅色为满分", "points; pale: points possible"))
    return figure


@styled
def ranks_chart(frame: pd.DataFrame, *, lang: str, highlight: str = "", title: str = "") -> Figure:
    """Draw ranks of communities with the ranks that cannot be excluded.

    Parameters
    ----------
    frame
        One row per community: labels (or ``unit``/``community``), ``rank`` with ``rank_low`` and
        ``rank_high`` as ``scoring.ranks`` gives, or ``value`` with ``ci_low`` and ``ci_high``.
    lang, title
        As :func:`items_chart`; the default message says how many places cannot be told apart.
    highlight
        Label of the community to be set off.
    """
    frame = _ranked(need(frame, lang=lang), lang)
    labels = [str(label) for label in frame["label"]]
    ranks = column(frame, "rank")
    lows, highs = column(frame, "rank_low"), column(frame, "rank_high")
    if not title:
        first = sum(1 for low in lows if low <= 1)
        title = say(
            lang,
            f"{len(labels)}个小区中，有{first}个的名次可能是第一",
            f"{first} of {len(labels)} communities may be first",
        )
    rows = row_labels(labels, [math.nan] * len(labels))
    figure, (axes,) = canvas(len(labels) * 0.78, title, rows)
    colours = [RED if label == highlight else BLUE for label in labels]
    spans(axes, lows, highs, colours)
    axes.scatter(ranks, range(len(labels)), s=30, color=colours, zorder=3)
    rows_axis(axes, rows)
    axes.set_xlim(0.5, len(labels) + 0.5)
    step = max(1, math.ceil(len(labels) / 12))
    axes.set_xticks([1, *range(1 + step, len(labels) + 1, step)])
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    note(
        axes, say(lang, "名次（左为最高）；", "rank (best on the left); ") + level_note(frame, lang)
    )
    return figure


def _ranked(frame: pd.DataFrame, lang: str) -> pd.DataFrame:
    """Bring both forms of a ranking to the columns label, rank, rank_low, rank_high, best first."""
    if "rank" not in frame.columns:
        names = {"value": "rank", "ci_low": "rank_low", "ci_high": "rank_high"}
        frame = frame.rename(columns=names)
    frame = need(frame, "rank", "rank_low", "rank_high", lang=lang)
    for name in (f"label_{lang}", "label_zh", "label_en", "community", "unit"):
        if name in frame.columns:
            frame = frame.assign(label=frame[name].astype(str))
            break
    else:
        frame = frame.assign(label=[str(i) for i in frame.index])
    frame = frame[frame["rank"].notna()]
    return frame.sort_values(["rank", "label"], kind="stable").reset_index(drop=True)
