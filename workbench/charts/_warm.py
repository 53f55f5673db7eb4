"""Charts of made-up rows: what they leave in memory, processes forked afterwards need not make."""

from __future__ import annotations

__all__ = ["warm"]


def warm() -> None:
    """Draw what a unit's report draws, each kind once or twice, and throw it away.

    What is kept are the shapes of the words that charts say themselves, of digits and of letters,
    what libraries make when first used, and as many blank figures as a unit's report has charts in
    two languages. No thread is started, no setting and no state of a
    generator is touched: a chart drawn afterwards has the bytes it would have had.
    """
    import pandas as pd

    from workbench import charts
    from workbench.charts._canvas import make_before

    share = {"value": 0.25, "ci_low": 0.1, "ci_high": 0.4, "n": 1234.0, "level": 0.95}
    rows = pd.DataFrame(
        [
            share
            | {"label_zh": "甲", "label_en": "Residents, satisfied", "verdict": "better"}
            | {"before": 0.6, "after": 0.8, "target": 0.7, "base": 0.3, "baseline": 0.5}
            | {
                "decision": "improve",
                "points": 5.0,
                "max_points": 9.0,
                "time": 1.0,
                "at_risk": 67.0,
            },
        ],
        dtype=object,  # text in Arrow's arrays might start its threads
    )
    for chart, lang in (
        (charts.composition_chart, "zh"),
        (charts.items_chart, "en"),
        (charts.quadrants_chart, "en"),
        (charts.change_chart, "zh"),
        (charts.change_chart, "en"),
        (charts.survival_chart, "zh"),
    ):
        charts.to_svg(chart(rows, lang=lang))
    for panels, figures in ((1, 10), (2, 4)):
        make_before(panels, figures)
