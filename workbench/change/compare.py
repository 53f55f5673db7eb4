"""The one entry point: chooses the estimator by the design of the data and says why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from workbench.change._frames import not_computed, refuse, row, table
from workbench.change.claim import Setting, claims
from workbench.change.cross import answers, wave_change
from workbench.change.durations import durations, survival_change
from workbench.change.grade import DesignFacts
from workbench.change.proportions import newcombe, two_shares
from workbench.change.rates import rate_ratio
from workbench.survey import Design

__all__ = ["compare"]

# design found -> why its method was chosen
CHOICE: dict[str, tuple[str, str]] = {
    "design": (
        "两期独立样本，有抽样设计：按设计的线性化方差，共用的初级单元计入协方差",
        "independent samples with a design: linearised variance, shared clusters with covariance",
    ),
    "simple": (
        "两期独立样本，未给出抽样设计：按简单随机样本处理",
        "independent samples without a stated design: treated as simple random samples",
    ),
    "rate": ("计数与暴露量：率比", "counts with exposure: ratio of rates"),
    "time": (
        "含未结个案的时长：Kaplan–Meier，未结个案按删失处理",
        "durations with open cases: Kaplan-Meier, open cases censored",
    ),
}


def compare(
    data: Design | pd.DataFrame,
    items: str | Sequence[str] | None = None,
    *,
    by: str = "wave",
    baseline: Any = None,
    current: Any = None,
    of: str = "top2",
    top: Sequence[float] | Mapping[str, Sequence[float]] = (4, 5),
    margin: float | Mapping[str, float] | None = 0.05,
    up: bool | Mapping[str, bool] = True,
    facts: DesignFacts | Mapping[str, Any] | None = None,
    standardise: str | Sequence[str] | None = None,
    weights: str | None = None,
    strata: str | Sequence[str] | None = None,
    psu: str | Sequence[str] | None = None,
    exposure: str | None = None,
    duration: str | None = None,
    closed: str | None = None,
    start: str | None = None,
    end: str | None = None,
    censored_at: Any = None,
    within: float = 3.0,
    time_unit: str = "days",
    level: float = 0.95,
    adjust: str | None = "holm",
) -> pd.DataFrame:
    """Compare before and after: estimate, interval, verdict, evidence grade and sentence.

    Parameters
    ----------
    data
        A :class:`workbench.survey.Design` that holds both waves, or a frame with one row per
        respondent, case, or community and period.
    items
        Columns compared: answers, or counts for ``of="rate"``. Not used for ``of="time"``.
    by, baseline, current
        Column of the waves and the two values compared.
    of
        ``top2`` (share in the top categories), ``share`` (0/1), ``mean`` (score), ``rate``
        (count over ``exposure``) or ``time`` (durations; share closed ``within``).
    top
        Values that count as satisfied; may differ by item.
    margin
        Largest change that does not matter, in the unit of the difference (0.05 = 5 points; for
        rates the distance of the logarithms); by item; ``None``: none was stated.
    up
        Whether a higher value is better; by item.
    facts
        :class:`~workbench.change.DesignFacts` or a mapping; what the data show is filled in.
    standardise
        Categorical columns; gives the change with the baseline's composition and the part due to
        composition beside the raw change.
    weights, strata, psu
        Columns of a design, when ``data`` is a frame.
    exposure
        Column of exposure for rates, in household-years.
    duration, closed, start, end, censored_at, within, time_unit
        As for :func:`~workbench.change.kaplan_meier`.
    level
        Confidence level.
    adjust
        Correction over the items of this call (``holm``, ``bh``, …): a verdict of better or worse
        needs the adjusted p too. ``None``: none.

    Returns
    -------
    pandas.DataFrame
        One row per item and ``adjustment`` (raw, standardised, composition): ``before``,
        ``after``, ``value`` = ``difference`` (unit pp as a 0-1 difference, score, ratio),
        ``std_error``, ``ci_low``, ``ci_high``, ``df``, ``p_value``, ``p_adjusted``, ``n_before``,
        ``n_after``, ``n``, ``margin``, ``verdict`` (better, worse, no_relevant_change,
        cannot_tell) with ``verdict_zh/en``, ``evidence_grade`` with ``reason_zh/en``,
        ``choice_zh/en`` (why this method), ``wording_zh/en``, ``method``, ``status``.

    Raises
    ------
    InputError
        For missing columns or waves, unusable values, exposure zero, an unknown ``of``.

    Examples
    --------
    >>> answers = pd.DataFrame({"wave": [1] * 60 + [2] * 60,
    ...                         "q1": [5] * 20 + [2] * 40 + [5] * 40 + [2] * 20})
    >>> made = compare(answers, "q1", baseline=1, current=2,
    ...                facts={"dates_known": True, "question_known": True})
    >>> made[["verdict", "evidence_grade"]].values.tolist()
    [['better', 'E1']]
    >>> made["wording_en"].iloc[0]
    'From 33.3% to 66.7%, a difference of +33.3 percentage points (95% interval +15.5 to +48.3); \
better.'
    """
    named = [items] if isinstance(items, str) else list(items or [])
    setting = Setting(margin=margin, up=up, facts=facts, level=level, adjust=adjust)
    if baseline is None or current is None:
        refuse(
            "wave",
            "须写明基期与本期",
            "baseline and current wave must be named",
            "写 baseline= 与 current=",
            "write baseline= and current=",
            column=by,
        )
    if of == "time":
        frame = _plain(data)
        made = _time(
            frame,
            by,
            baseline,
            current,
            duration,
            closed,
            start,
            end,
            censored_at,
            within,
            time_unit,
            level,
        )
        return _finish(made, setting, "time", "waves")
    if not named:
        refuse("items", "没有写明要比较的列", "no columns named", "写 items=", "write items=")
    if of == "rate":
        made = _rates(_plain(data), named, by, baseline, current, exposure, level)
        return _finish(made, setting, "rate", "waves")
    extra = [standardise] if isinstance(standardise, str) else list(standardise or [])
    if not isinstance(data, Design) and not (weights or strata or psu or extra):
        made = _simple(data, named, by, baseline, current, of, top, level)
        return _finish(made, setting, "simple", "waves")
    design = (
        data if isinstance(data, Design) else Design(data, weights=weights, strata=strata, psu=psu)
    )
    made = wave_change(
        design,
        named,
        by=by,
        baseline=baseline,
        current=current,
        of=of,
        top=top,
        standardise=extra,
        level=level,
    )
    return _finish(made, setting, "design", "waves")


def _finish(made: pd.DataFrame, setting: Setting, choice: str, kind: str) -> pd.DataFrame:
    zh, en = CHOICE[choice]
    known: dict[str, Any] = {
        "kind": kind,
        "n_known": True,
        "dates_known": True,
        "question_known": True,
    }
    if choice in ("rate", "time"):
        known["same_denominator"] = True
    return claims(made, setting, known=known, choice_zh=zh, choice_en=en)


def _plain(data: Design | pd.DataFrame) -> pd.DataFrame:
    return data.data if isinstance(data, Design) else data


def _waves(
    data: pd.DataFrame, names: Sequence[str], by: str, baseline: Any, current: Any
) -> tuple[pd.DataFrame, pd.DataFrame]:
    for name in (by, *names):
        if name not in data.columns:
            refuse(
                "column", "缺少所需的列", "a column is missing", "补上该列", "add it", column=name
            )
    parts = []
    for wave in (baseline, current):
        part = data[data[by] == wave]
        if part.empty:
            refuse(
                "wave",
                "该期没有数据",
                "a wave without rows",
                "核对期的名称",
                "check the name of the wave",
                column=by,
                expected=", ".join(str(v) for v in pd.unique(data[by].dropna())[:8]),
                found=str(wave),
            )
        parts.append(part)
    return parts[0], parts[1]


def _simple(
    data: pd.DataFrame,
    items: Sequence[str],
    by: str,
    baseline: Any,
    current: Any,
    of: str,
    top: Sequence[float] | Mapping[str, Sequence[float]],
    level: float,
) -> pd.DataFrame:
    first, second = _waves(data, items, by, baseline, current)
    rows = []
    for item in items:
        wanted = top[item] if isinstance(top, Mapping) else top
        y0, y1 = (answers(part[item], of, wanted) for part in (first, second))
        y0, y1 = y0[~np.isnan(y0)], y1[~np.isnan(y1)]
        rows.append(_simple_row(item, y0, y1, of, level))
    return table(rows)


def _simple_row(item: str, y0: Any, y1: Any, of: str, level: float) -> dict[str, Any]:
    common: dict[str, Any] = {
        "item": item,
        "adjustment": "raw",
        "level": level,
        "n_before": len(y0),
        "n_after": len(y1),
        "n": len(y0) + len(y1),
    }
    unit = "score" if of == "mean" else "pp"
    method = "change.welch" if of == "mean" else "change.difference.newcombe"
    if not len(y0) or not len(y1):
        zh, en = ("基期", "baseline") if not len(y0) else ("本期", "current")
        return not_computed(
            of,
            f"{zh}没有人回答此题",
            f"nobody answered in the {en} wave",
            unit=unit,
            method=method,
            **common,
        )
    common.update(before=float(y0.mean()), after=float(y1.mean()))
    spread = float(np.ptp(y0)) + float(np.ptp(y1))
    if spread == 0 or (of == "mean" and min(len(y0), len(y1)) < 2):
        return not_computed(
            of,
            "各期回答全部相同，没有可估计的误差" if spread == 0 else "一期只有一个回答",
            "all answers are equal: no error to estimate" if spread == 0 else "one answer only",
            unit=unit,
            method=method,
            **common,
        )
    if of != "mean":
        x0, n0, x1, n1 = y0.sum(), len(y0), y1.sum(), len(y1)
        best = two_shares(x0, n0, x1, n1, level=level).iloc[0]
        inner = newcombe(x0, n0, x1, n1, level=2 * level - 1)
        keep = ("std_error", "ci_low", "ci_high", "test_statistic", "p_value", "flags")
        more = {name: best[name] for name in (*keep, "reason_zh", "reason_en")}
        return row(
            of,
            float(best["value"]),
            unit=unit,
            method=method,
            inner_low=inner[0],
            inner_high=inner[1],
            **common,
            **more,
        )
    test = stats.ttest_ind(y1, y0, equal_var=False)
    ci, inner = test.confidence_interval(level), test.confidence_interval(2 * level - 1)
    value = float(y1.mean() - y0.mean())
    return row(
        of,
        value,
        unit=unit,
        method=method,
        std_error=value / float(test.statistic) if test.statistic else math.nan,
        ci_low=float(ci.low),
        ci_high=float(ci.high),
        inner_low=float(inner.low),
        inner_high=float(inner.high),
        test_statistic=float(test.statistic),
        df=float(test.df),
        p_value=float(test.pvalue),
        **common,
    )


def _rates(
    data: pd.DataFrame,
    items: Sequence[str],
    by: str,
    baseline: Any,
    current: Any,
    exposure: str | None,
    level: float,
) -> pd.DataFrame:
    if exposure is None:
        refuse(
            "exposure",
            "率的比较须给出暴露量",
            "a rate needs its exposure",
            "写 exposure=（户·年）",
            "write exposure= (household-years)",
        )
    first, second = _waves(data, [*items, exposure], by, baseline, current)
    rows = []
    for item in items:
        given = (first[item], second[item])
        times = {"exposure_before": first[exposure], "exposure_after": second[exposure]}
        made = rate_ratio(*given, level=level, **times)
        inner = rate_ratio(*given, level=2 * level - 1, **times)
        best = made[made["preferred"].astype(bool)].iloc[0].to_dict()
        narrow = inner[inner["method"] == best["method"]].iloc[0]
        best.update(
            item=item,
            adjustment="raw",
            before=100 * float(first[item].sum()) / float(first[exposure].sum()),
            after=100 * float(second[item].sum()) / float(second[exposure].sum()),
            inner_low=narrow["ci_low"],
            inner_high=narrow["ci_high"],
        )
        rows.append({str(name): value for name, value in best.items() if name != "preferred"})
    return table(rows)


def _time(
    data: pd.DataFrame,
    by: str,
    baseline: Any,
    current: Any,
    duration: str | None,
    closed: str | None,
    start: str | None,
    end: str | None,
    censored_at: Any,
    within: float,
    time_unit: str,
    level: float,
) -> pd.DataFrame:
    _waves(data, [], by, baseline, current)
    if start is not None and end is not None:
        data = durations(data, start=start, end=end, censored_at=censored_at, unit=time_unit)
        duration, closed = "duration", "closed"
    if duration is None or closed is None:
        refuse(
            "argument",
            "须给出 start、end、censored_at，或 duration、closed",
            "give start, end and censored_at, or duration and closed",
            "写明列名",
            "name the columns",
        )
    settings: dict[str, Any] = {
        "duration": duration,
        "closed": closed,
        "by": by,
        "baseline": baseline,
        "current": current,
        "within": within,
        "unit": time_unit,
    }
    made = survival_change(data, level=level, **settings)
    narrow = survival_change(data, level=2 * level - 1, **settings)
    one = {str(k): v for k, v in made.iloc[0].to_dict().items()}
    one.update(
        item=f"closed_within_{within:g}_{time_unit}",
        adjustment="raw",
        inner_low=narrow["ci_low"].iloc[0],
        inner_high=narrow["ci_high"].iloc[0],
    )
    return table([one])
