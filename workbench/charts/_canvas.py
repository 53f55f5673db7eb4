"""What all charts share: type, colours, margins, rows with n, SVG."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any

from workbench.errors import NotebookError, Problem
from workbench.wording import shared

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, RED, GREEN, ORANGE, SKY = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9"
INK, SOFT, PALE, GRID = "#1D2733", "#5B6776", "#DFE5EB", "#E7EBEF"
LEAD = 0.17  # inches for the line of :func:`lead`
WIDTH = 6.54  # inches: the text width of the report, so that type keeps its size


@lru_cache(maxsize=1)
def font() -> str:
    from matplotlib import font_manager
    from pylopdf_fonts_zh_cn import sans_path

    path = str(sans_path())
    font_manager.fontManager.addfont(path)
    return str(font_manager.FontProperties(fname=path).get_name())


def _settings() -> dict[str, Any]:
    return {
        "font.family": [font(), "DejaVu Sans"],
        "font.size": 8.5,
        "axes.titlesize": 10,
        "axes.labelsize": 8.5,
        "axes.unicode_minus": True,
        "axes.edgecolor": SOFT,
        "axes.labelcolor": SOFT,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": False,
        "grid.color": GRID,
        "grid.linewidth": 0.8,
        "text.color": INK,
        "xtick.color": SOFT,
        "ytick.color": INK,
        "xtick.labelsize": 8,
        "ytick.labelsize": 8.5,
        "figure.dpi": 100,
        "svg.fonttype": "path",
        "svg.hashsalt": "workbench",
        "legend.frameon": False,
        "legend.fontsize": 8,
    }


@contextmanager
def style() -> Iterator[None]:
    import matplotlib as mpl
    import seaborn as sns

    with mpl.rc_context(), sns.axes_style("white"):
        mpl.rcParams.update(_settings())  # type: ignore[arg-type]
        yield


def styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Draw under the style of the reports and leave everybody's settings alone."""

    @wraps(draw)
    def styled(*args: Any, **kwargs: Any) -> Figure:
        with style():
            return draw(*args, **kwargs)

    return styled


def to_svg(figure: Figure) -> bytes:
    """Give a figure as SVG; the same figure gives the same bytes.

    Text is drawn as outlines (``svg.fonttype: path``): no font is needed to show the file, and
    PDF/A accepts it.
    """
    import io

    import matplotlib as mpl

    from workbench.charts._outlines import Pen

    out = io.StringIO()
    dpi = figure.dpi
    with mpl.rc_context():
        mpl.rcParams.update(_settings())  # type: ignore[arg-type]
        # what print_svg does, with our own outlines; savefig would draw everything twice
        figure.dpi = 72
        width, height = figure.get_size_inches() * 72
        pen = Pen(width, height, out, dpi)
        figure.draw(pen)
        pen.finalize()  # type: ignore[no-untyped-call]
    figure.set_dpi(dpi)
    return out.getvalue().encode("utf-8")


def message(figure: Figure) -> str:
    """Give the sentence in the title of a figure: the alternative text of a chart of ours."""
    told = [text.get_text() for text in figure.texts if text.get_gid() == "message"]
    return " ".join(" ".join(told).split("\n"))


def need(frame: pd.DataFrame, *columns: str, lang: str) -> pd.DataFrame:
    missing = [name for name in columns if name not in frame.columns]
    problems = []
    if lang not in ("zh", "en"):
        problems.append(
            Problem(
                code="charts.lang",
                zh="语言只能是 zh 或 en",
                en="the language is zh or en",
                found=str(lang),
            )
        )
    if missing:
        problems.append(
            Problem(
                code="charts.columns",
                zh="画图的数据缺列",
                en="the frame of a chart lacks columns",
                expected=", ".join(columns),
                found=", ".join(map(str, frame.columns)),
                remedy_zh="传入估计函数给出的数据表",
                remedy_en="pass the frame that the estimator gives",
            )
        )
    elif len(frame) == 0:
        problems.append(
            Problem(code="charts.empty", zh="没有数据可画", en="there is nothing to draw")
        )
    if problems:
        raise NotebookError(*problems)
    return frame.reset_index(drop=True)


def labels_of(frame: pd.DataFrame, lang: str) -> list[str]:
    """Labels of the rows; English ones begin with a capital, Chinese ones in English are marked."""
    for name in (f"label_{lang}", "label_en" if lang == "zh" else "label_zh", "item"):
        if name in frame.columns:
            labels = [str(label) for label in frame[name]]
            return [_english(label) for label in labels] if lang == "en" else labels
    return [str(label) for label in frame.index]


def _english(label: str) -> str:
    mark = " (original wording)" if re.search(r"[\u3400-\u9fff]", label) else ""
    return straight(label[:1].upper() + label[1:]) + mark


def straight(text: str) -> str:
    """Write straight quotation marks in text without Chinese: the font has them full width."""
    if re.search(r"[\u3400-\u9fff]", text):
        return text
    return text.translate({0x201C: '"', 0x201D: '"', 0x2018: "'", 0x2019: "'", 0x2026: "..."})


def led(labels: Sequence[str]) -> tuple[list[str], str]:
    """Take off the labels what they share; give it as a line to stand above them."""
    start, end = shared(labels)
    cut = [label.removeprefix(start).removesuffix(end) for label in labels]
    return cut, f"{start}…{end}" if start or end else ""


def lead(axes: Axes, text: str) -> None:
    """Write what the labels share above them; ``canvas`` is given :data:`LEAD` more of a head."""
    figure = axes.figure
    top = axes.get_position().y1 + 0.03 / figure.get_figheight()  # type: ignore[union-attr]
    figure.text(0.0, top, straight(text), ha="left", va="bottom", fontsize=8, color=SOFT)


def column(frame: pd.DataFrame, name: str) -> list[float]:
    """Numbers of a column, NaN where missing; all NaN when there is no such column."""
    if name not in frame.columns:
        return [math.nan] * len(frame)
    return [math.nan if v is None or v != v else float(v) for v in frame[name].tolist()]


def shown_values(frame: pd.DataFrame, values: Sequence[float], lang: str, unit: str) -> list[str]:
    """Give the printed values: those of the findings where the frame has them."""
    name = f"display_{lang}"
    printed = frame[name].tolist() if name in frame.columns else [None] * len(frame)
    return [
        str(text) if isinstance(text, str) and text else written(value, unit)
        for text, value in zip(printed, values, strict=True)
    ]


def written(value: float, unit: str) -> str:
    if math.isnan(value):
        return "—"
    if unit == "share":
        return f"{value * 100:.1f}%"
    if unit == "pp":
        return f"{value * 100:+.1f}".replace("-", "−")
    if unit in ("count", "rank"):
        return f"{value:,.0f}"
    return f"{value:,.1f}".replace("-", "−")


def unit_of(frame: pd.DataFrame, default: str) -> str:
    if "unit" in frame.columns:
        for unit in frame["unit"].tolist():
            if isinstance(unit, str) and unit:
                return unit
    return default


def _wide(char: str) -> bool:
    """Tell whether a character is one em wide: Chinese, and marks that the font has so."""
    return ord(char) > 0x2E80 or char in "“”‘’…—"


def width(text: str, size: float) -> float:
    """Estimate the width of text in inches, a little too wide; Chinese is one em, Latin 0.56."""
    em = max(sum(1.0 if _wide(c) else 0.56 for c in part) for part in text.split("\n"))
    return em * size / 72


def canvas(
    rows: float,
    title: str,
    labels: Sequence[str] = (),
    *,
    height: float | None = None,
    panels: int = 1,
    head: float = 0.0,
    foot: float = 0.46,
) -> tuple[Figure, list[Axes]]:
    """Make figure and axes; margins follow from the labels, no layout engine moves anything.

    ``head`` and ``foot`` are inches kept free above and below the axes, beside the title.
    """
    title = straight(title)
    title = "\n".join(part for line in title.split("\n") for part in wrapped(line, 92))
    top = 0.17 + 0.19 * (1 + title.count("\n")) + head
    lines = max((label.count("\n") for label in labels), default=0) + 1
    each = 0.26 if lines == 1 else 0.11 + 0.13 * lines
    tall = height if height is not None else top + foot + each * rows
    left = max([width(label, 8.5) for label in labels], default=0.42) + 0.12
    figure = _made_before(panels) or _blank(panels)
    figure.set_size_inches(WIDTH, tall)
    figure.text(
        0.0, 1 - 0.04 / tall, title, ha="left", va="top", fontsize=10, color=INK, gid="message"
    )
    figure.subplots_adjust(
        left=left / WIDTH,
        right=1 - 0.06 / WIDTH,
        top=1 - top / tall,
        bottom=foot / tall,
        wspace=0.2,
    )
    return figure, list(figure.axes)


def _blank(panels: int) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, 1))
    FigureCanvasAgg(figure)
    figure.subplots(1, panels, width_ratios=[1.0] if panels == 1 else [1.0, 1.6])
    return figure


# blank figures, each to be taken once, with the settings they were made under
_before: list[tuple[Any, Figure]] = []


def make_before(panels: int, figures: int) -> None:
    """Make blank figures with ticks on their axes for :func:`canvas` to take.

    They are a fifth of the work on a chart; who forks makes them once for all its children.
    """
    import matplotlib as mpl

    with style():
        for _ in range(figures):
            figure = _blank(panels)
            for axes in figure.axes:
                axes.yaxis.get_major_ticks(11)
                axes.xaxis.get_major_ticks(8)
            _before.append((mpl.rcParams.copy(), figure))


def _made_before(panels: int) -> Figure | None:
    import matplotlib as mpl

    for at, (settings, figure) in enumerate(_before):
        # as plain dicts: matplotlib compares settings one by one, which takes longer than a figure
        if len(figure.axes) == panels and dict.__eq__(settings, mpl.rcParams):
            del _before[at]
            return figure
    return None


def wrapped(text: str, most: float) -> list[str]:
    """Break text at spaces, or anywhere in Chinese, into lines of at most ``most`` half ems."""
    lines, line, wide = [], "", 0.0
    for word in re.findall(r"[^\s\u2e80-\uffff]+\s*|\s+|[\u2e80-\uffff]", text):
        size = sum(2.0 if _wide(c) else 1.0 for c in word)
        if line and wide + size > most and word not in "，。；：、）":
            kept = line.rstrip("（“")  # an opening bracket stands before what it opens
            lines.append(kept.rstrip())
            line = line[len(kept) :]
            wide = 2.0 * len(line)
        line += word
        wide += size
    return [*lines, line.rstrip()]


def row_labels(labels: Sequence[str], counts: Sequence[float]) -> list[str]:
    """Labels of the rows, n beside each; long ones on two lines."""
    out = []
    for label, n in zip(labels, counts, strict=True):
        text = label if math.isnan(n) else f"{label} (n={n:,.0f})"
        out.append("\n".join(wrapped(text, 44)))
    return out


def rows_axis(axes: Axes, labels: Sequence[str], *, written: bool = True) -> None:
    """Write the labels of the rows, the first on top; or lay out rows like those beside it."""
    if written:
        axes.set_yticks(range(len(labels)), labels, linespacing=1.05)
    else:
        axes.set_yticks([])
    axes.set_ylim(len(labels) - 0.45, -0.55)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylabel("")
    axes.yaxis.set_label_coords(0, 0)  # anywhere, or its place is measured by those of the rows


def percent_axis(axes: Axes, low: float, high: float) -> None:
    from matplotlib.ticker import FuncFormatter

    axes.set_xlim(low, high)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x * 100:.0f}%".replace("-", "−")))
    axes.grid(axis="x")
    axes.set_axisbelow(True)


def spans(
    axes: Axes,
    lows: Sequence[float],
    highs: Sequence[float],
    colours: Sequence[str],
) -> None:
    """Draw an interval on each row, with its ends; what is not known is left out."""
    ends = enumerate(zip(lows, highs, colours, strict=True))
    known = [(at, *one) for at, one in ends if not (math.isnan(one[0]) or math.isnan(one[1]))]
    if not known:
        return
    rows, left, right, tones = zip(*known, strict=True)
    axes.hlines(rows, left, right, colors=tones, linewidth=1.6, capstyle="butt", zorder=2)
    marks([*left, *right], [*rows, *rows], 0.13, axes, [*tones, *tones], linewidth=1.2)


def marks(
    at: Sequence[float],
    rows: Sequence[float],
    half: float,
    axes: Axes,
    colours: str | Sequence[str],
    linewidth: float,
) -> None:
    """Draw an upright stroke of ``2 * half`` rows at each value, those that are not known apart."""
    low, high = [row - half for row in rows], [row + half for row in rows]
    axes.vlines(at, low, high, colors=colours, linewidth=linewidth, zorder=2)


def level_note(frame: pd.DataFrame, lang: str) -> str:
    levels = {value for value in column(frame, "level") if not math.isnan(value)}
    level = f"{next(iter(levels)) * 100:.0f}% " if len(levels) == 1 else ""
    return f"横线：{level}置信区间" if lang == "zh" else f"lines: {level}confidence intervals"


def note(axes: Axes, text: str) -> None:
    """Write the key to lines and colours below the axes, on two lines where it is long."""
    wide = axes.get_position().width * WIDTH * 72 / 7.5
    lines = wrapped(text, wide * 2)
    axes.set_xlabel("\n".join(lines), loc="left", fontsize=7.5, color=SOFT, linespacing=1.15)


def say(lang: str, zh: str, en: str) -> str:
    return zh if lang == "zh" else en


def bars(
    axes: Axes,
    values: Sequence[float],
    colour: str,
    *,
    shift: float = 0.0,
    height: float = 0.62,
    label: str = "",
) -> None:
    """Draw a bar from zero on each row, ``shift`` rows below its middle; none for a missing one."""
    rows = [row + shift - height / 2 for row in range(len(values))]
    known = [0.0 if math.isnan(value) else value for value in values]
    axes.barh(rows, known, height, align="edge", color=colour, label=label)
