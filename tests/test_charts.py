"""Charts: what they say, what they show, the same bytes every time."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from workbench import charts
from workbench.errors import NotebookError

ITEMS = pd.DataFrame(
    {
        "label_zh": ["环境卫生", "治安", "流动人口"],
        "label_en": ["Cleanliness", "Security", "Migrants"],
        "value": [0.716, 0.561, math.nan],
        "ci_low": [0.66, 0.50, math.nan],
        "ci_high": [0.77, 0.61, math.nan],
        "level": [0.95, 0.95, math.nan],
        "n": [337, 341, math.nan],
        "target": [0.7, 0.7, 0.7],
        "unit": ["share"] * 3,
    }
)
CHANGE = pd.DataFrame(
    {
        "label_zh": ["环境卫生", "治安"],
        "label_en": ["Cleanliness", "Security"],
        "value": [0.068, -0.02],
        "ci_low": [0.01, -0.08],
        "ci_high": [0.12, 0.04],
        "level": [0.95, 0.95],
        "n": [651, 651],
        "verdict": ["better", "cannot_tell"],
        "before": [0.648, 0.60],
        "after": [0.716, 0.58],
    }
)
GROUPS = pd.DataFrame(
    {
        "label_zh": ["18–34岁", "60岁及以上"],
        "label_en": ["18–34", "60+"],
        "value": [0.11, 0.50],
        "target": [0.24, 0.32],
        "n": [38, 171],
    }
)
LOSSES = pd.DataFrame(
    {"label_zh": ["满意度", "楼道"], "label_en": ["Satisfaction", "Stairs"], "points": [4.0, 8.5]}
)
POINTS = pd.DataFrame(
    {
        "label_zh": ["环境", "服务"],
        "label_en": ["Environment", "Services"],
        "points": [23.0, math.nan],
        "max_points": [30.0, 44.0],
    }
)
MONTHS = pd.DataFrame(
    {
        "period": [f"2026-{m:02d}" for m in range(5, 11)],
        "value": [0.88, math.nan, 0.85, 0.841, 0.836, 0.842],
        "fired": [False] * 5 + [True],
        "label_zh": ["分类准确率"] * 6,
        "label_en": ["Accuracy"] * 6,
        "unit": ["share"] * 6,
    }
)
CURVE = pd.DataFrame(
    {
        "time": [0.5, 2.0, 3.4, 9.0],
        "value": [0.9, 0.7, 0.5, 0.1],
        "ci_low": [0.85, 0.63, 0.43, 0.05],
        "ci_high": [0.93, 0.76, 0.57, 0.16],
        "at_risk": [212, 180, 120, 30],
    }
)
RANKS = pd.DataFrame(
    {
        "unit": ["JX-02", "JX-01", "JX-03"],
        "rank": [2, 1, 3],
        "rank_low": [1, 1, 2],
        "rank_high": [3, 2, 3],
    }
)
DRAWN: list[tuple[Callable[..., Any], pd.DataFrame, str, str]] = [
    (charts.items_chart, ITEMS, "最高：环境卫生，71.6%；最低：治安，56.1%",
     "Highest: Cleanliness, 71.6% Lowest: Security, 56.1%"),
    (charts.change_chart, CHANGE, "2项中1项变好，0项变差", "Of 2 items 1 got better and 0 got worse"),
    (charts.composition_chart, GROUPS, "差别最大：60岁及以上在样本中偏多（样本/总体 50.0% / 32.0%）",
     "Largest gap: 60+, too many in the sample (sample / population 50.0% / 32.0%)"),
    (charts.staircase_chart, LOSSES, "从100分到87.5分，失分最多的是楼道（8.5分）",
     "From 100 to 87.5 points; the largest loss is Stairs (8.5)"),
    (charts.points_chart, POINTS, "失分最多的是环境：30分中得23.0分",
     "Environment lost most: 23.0 of 30 points"),
    (charts.series_chart, MONTHS, "分类准确率：2026-10触发预警", "Accuracy: warning in 2026-10"),
    (charts.survival_chart, CURVE, "一半的诉求在3.4天内办结",
     "Half of the requests are closed within 3.4 days"),
    (charts.ranks_chart, RANKS, "3个小区中，有2个的名次可能是第一", "2 of 3 communities may be first"),
]  # fmt: skip


def shown(figure: Any) -> str:
    """Every text in a figure."""
    from matplotlib.text import Text

    return "\n".join(text.get_text() for text in figure.findobj(Text) if text.get_visible())


@pytest.mark.parametrize(
    ("draw", "frame", "zh", "en"), DRAWN, ids=lambda v: getattr(v, "__name__", "")
)
def test_the_title_tells_the_message_in_the_language_of_the_reader(
    draw: Callable[..., Any], frame: pd.DataFrame, zh: str, en: str
) -> None:
    assert charts.message(draw(frame, lang="zh")) == zh
    assert charts.message(draw(frame, lang="en")) == en
    assert charts.message(draw(frame, lang="en", title="Say this")) == "Say this"


@pytest.mark.parametrize(
    ("draw", "frame", "zh", "en"), DRAWN, ids=lambda v: getattr(v, "__name__", "")
)
def test_a_chart_has_the_same_bytes_every_time_and_needs_no_font(
    draw: Callable[..., Any], frame: pd.DataFrame, zh: str, en: str
) -> None:
    figure = draw(frame, lang="zh")
    svg = charts.to_svg(figure)
    assert charts.to_svg(figure) == svg
    assert charts.to_svg(draw(frame.copy(), lang="zh")) == svg
    text = svg.decode("utf-8")
    assert "<text" not in text
    assert "<dc:date>" not in text
    assert not re.search(r'href="(?!#)', text)
    assert 5_000 < len(svg) < 150_000


@pytest.mark.parametrize(
    ("draw", "frame", "zh", "en"), DRAWN, ids=lambda v: getattr(v, "__name__", "")
)
def test_a_chart_changes_neither_its_frame_nor_the_settings(
    draw: Callable[..., Any], frame: pd.DataFrame, zh: str, en: str
) -> None:
    import matplotlib as mpl

    draw(frame, lang="zh")  # registers the font, once
    before, settings = frame.copy(), dict(mpl.rcParams)
    charts.to_svg(draw(frame, lang="en"))
    pd.testing.assert_frame_equal(frame, before)
    assert dict(mpl.rcParams) == settings


@pytest.mark.parametrize(
    ("draw", "frame", "zh", "en"), DRAWN, ids=lambda v: getattr(v, "__name__", "")
)
def test_every_character_has_a_glyph(
    draw: Callable[..., Any], frame: pd.DataFrame, zh: str, en: str, recwarn: Any
) -> None:
    charts.to_svg(draw(frame, lang="zh"))
    assert not [w for w in recwarn if "missing from" in str(w.message)]


def test_bars_start_at_zero() -> None:
    for draw, frame in ((charts.items_chart, ITEMS), (charts.composition_chart, GROUPS),
                        (charts.points_chart, POINTS), (charts.staircase_chart, LOSSES)):  # fmt: skip
        axes = draw(frame, lang="zh").axes[0]
        assert axes.get_xlim()[0] == 0.0


def strokes(axes: Any) -> set[tuple[float, float]]:
    """Where the straight lines of a chart begin and end, along x."""
    from matplotlib.collections import LineCollection

    parts = [part for held in axes.collections if isinstance(held, LineCollection)
             for part in held.get_segments()]  # fmt: skip
    drawn = {(float(part[0][0]), float(part[-1][0])) for part in parts}
    return drawn | {(float(x[0]), float(x[-1])) for x in (one.get_xdata() for one in axes.lines)}


def test_items_show_interval_n_and_target_and_hide_what_is_suppressed() -> None:
    figure = charts.items_chart(ITEMS, lang="en")
    axes, text = figure.axes[0], shown(figure)
    assert "Cleanliness (n=337)" in text
    assert "Migrants" in text
    assert "not shown" in text
    drawn = strokes(axes)
    assert (0.66, 0.77) in drawn
    assert (0.50, 0.61) in drawn
    assert (0.7, 0.7) in drawn


def test_changes_show_the_interval_around_zero_and_the_band() -> None:
    figure = charts.change_chart(CHANGE, lang="zh", margin=0.05)
    left, right = figure.axes
    assert left.get_xlim() == (0.0, 1.0)
    assert (0.01, 0.12) in strokes(right)
    assert (0.0, 0.0) in strokes(right)
    assert "灰带" in shown(figure)


def test_a_missing_month_breaks_the_line() -> None:
    axes = charts.series_chart(MONTHS, lang="zh", threshold=0.85).axes[0]
    drawn = [list(map(float, line.get_xdata())) for line in axes.lines]
    assert [0.0] in drawn
    assert [2.0, 3.0, 4.0, 5.0] in drawn
    assert "缺口" in shown(axes.figure)


def test_a_loss_that_is_not_itemised_is_a_step_of_its_own() -> None:
    figure = charts.staircase_chart(LOSSES, lang="en", score=85.0)
    assert "not itemised" in shown(figure)
    assert "−2.5" in shown(figure)


def test_ranks_take_findings_as_well() -> None:
    findings = RANKS.rename(columns={"rank": "value", "rank_low": "ci_low", "rank_high": "ci_high"})
    first = charts.to_svg(charts.ranks_chart(RANKS, lang="zh", highlight="JX-01"))
    assert charts.to_svg(charts.ranks_chart(findings, lang="zh", highlight="JX-01")) == first


@pytest.mark.parametrize("frame", [pd.DataFrame({"x": [1]}), ITEMS.iloc[:0]])
def test_a_frame_that_cannot_be_drawn_is_refused(frame: pd.DataFrame) -> None:
    with pytest.raises(NotebookError):
        charts.items_chart(frame, lang="zh")


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(NotebookError, match="zh or en"):
        charts.items_chart(ITEMS, lang="fr")


def test_full_width_quotation_marks_count_when_a_title_is_broken() -> None:
    from workbench.charts._canvas import width, wrapped

    title = "最高：回答满意的居民（“支持是否公平发放？”），83.1%；最低：回答满意的居民（“您的主要问题是否正在得到解决？”）"
    lines = wrapped(title, 92)
    assert len(lines) == 2
    assert all(width(line, 10) <= 6.54 for line in lines)


def test_no_line_of_a_label_ends_with_an_opening_bracket() -> None:
    from workbench.charts._canvas import wrapped

    label = "第三方测评（现场检查、数据采集、台账查阅）（占56%）"
    lines = wrapped(label, 44)
    assert "".join(lines) == label
    assert [line[-1] for line in lines if line[-1] in "（“"] == []
    assert lines[-1].startswith("（占")


def test_words_put_together_are_as_wide_as_matplotlib_shapes_them_at_once() -> None:
    import matplotlib as mpl
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    from workbench.charts import _canvas
    from workbench.charts._outlines import Outlines

    _canvas.font()
    with mpl.rc_context():
        mpl.rcParams.update(_canvas._settings())  # type: ignore[arg-type]
        how = FontProperties(size=10)
        for said in (
            "T.",
            "P, V.",
            "Té",
            "L'A-Z",
            "To. 95% (88–97)",
            "p = 0.07, n",
            "满意度T.，7月",
        ):
            whole = TextToPath().get_text_width_height_descent(said, how, False)
            mine = Outlines().get_text_width_height_descent(said, how, False)
            assert mine[0] == pytest.approx(whole[0])


def test_a_word_is_as_large_as_matplotlib_says() -> None:
    import matplotlib as mpl
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextToPath

    from workbench.charts import _canvas
    from workbench.charts._outlines import Outlines

    _canvas.font()
    with mpl.rc_context():
        mpl.rcParams.update(_canvas._settings())  # type: ignore[arg-type]
        how = FontProperties(size=10)
        for word in (
            "fi",
            "AVATo.",
            "(gj)",
            "L'A-Z",
            "T",
            "-",
            ".",
            "满",
            "一",
            "，",
            "é",
            "e\u0301",
            "┃",
        ):
            whole = TextToPath().get_text_width_height_descent(word, how, False)
            assert Outlines().get_text_width_height_descent(word, how, False) == whole, word


def test_a_chart_has_the_bytes_that_matplotlib_writes_with_the_same_outlines() -> None:
    import io

    import matplotlib as mpl
    from matplotlib.backends.backend_svg import RendererSVG

    from workbench.charts import _canvas
    from workbench.charts._outlines import Outlines

    for draw, frame, _, _ in DRAWN:
        figure, out = draw(frame, lang="zh"), io.StringIO()
        dpi, nothing = figure.dpi, {"Date": None, "Creator": None}
        with mpl.rc_context():
            mpl.rcParams.update(_canvas._settings())  # type: ignore[arg-type]
            figure.dpi = 72
            size: tuple[float, float] = tuple(figure.get_size_inches() * 72)
            whole: Any = RendererSVG(*size, out, image_dpi=dpi, metadata=nothing)  # type: ignore[no-untyped-call]
            whole._text2path = Outlines()
            figure.draw(whole)
            whole.finalize()
        figure.set_dpi(dpi)
        assert charts.to_svg(figure) == out.getvalue().encode(), draw.__name__


def test_a_figure_made_before_gives_the_same_bytes_and_is_taken_once_under_its_own_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import matplotlib as mpl

    from workbench.charts import _canvas

    monkeypatch.setattr(_canvas, "_before", [])
    made = {"change_chart": 2}
    for draw, frame, _, _ in DRAWN:
        anew = charts.to_svg(draw(frame, lang="zh"))
        _canvas.make_before(made.get(draw.__name__, 1), 1)
        with mpl.rc_context({"axes.linewidth": 3}):
            thick = charts.to_svg(draw(frame, lang="zh"))
            assert len(_canvas._before) == 1
            _canvas._before.clear()
            assert charts.to_svg(draw(frame, lang="zh")) == thick
        _canvas.make_before(made.get(draw.__name__, 1), 1)
        assert charts.to_svg(draw(frame, lang="zh")) == anew
        assert not _canvas._before


def test_a_warm_up_leaves_no_thread_no_setting_and_no_open_font() -> None:
    import subprocess
    import sys

    program = """
import gc, random, sys
import matplotlib, numpy, seaborn
from matplotlib.ft2font import FT2Font
from workbench import charts
from workbench.batch.forkserver import threads
from workbench.charts._warm import warm

def state():
    settings = {name: dict.__getitem__(matplotlib.rcParams, name) for name in matplotlib.rcParams}
    return settings, random.getstate(), numpy.random.get_state()[1].tolist()

before, running = state(), threads()
warm()
assert state() == before
assert threads() == running
assert not sys.modules["matplotlib.pyplot"].get_fignums()
assert not {"great_expectations", "pyarrow.parquet"} & set(sys.modules)
matplotlib.font_manager._get_font.cache_clear()
gc.collect()
assert not [one for one in gc.get_objects() if isinstance(one, FT2Font)]
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
