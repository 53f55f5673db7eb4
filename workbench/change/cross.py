"""Independent cross-sections under a survey design: raw, standardised and composition part."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import special, stats

from workbench.change._frames import check_level, check_waves, not_computed, refuse, row, table
from workbench.change.proportions import newcombe
from workbench.survey import Design

__all__ = ["answers", "wave_change"]

Array = np.ndarray[Any, Any]
OF = ("top2", "share", "mean")


def answers(values: pd.Series, of: str, top: Sequence[float] = (4, 5)) -> Array:
    """Turn a column into what is averaged: 1/0 in the top categories, 1/0, or the score.

    Parameters
    ----------
    values
        One column; missing = not asked, not answered.
    of
        ``top2`` (1 when the value is among ``top``), ``share`` (true/false or 1/0) or ``mean``.
    top
        Values that count as satisfied.

    Returns
    -------
    numpy.ndarray
        Floats, NaN where missing.

    Raises
    ------
    InputError
        ``change.value`` for text where a number is needed, or a share that is not 0 or 1.
    """
    if of not in OF:
        refuse("of", "未知的统计量", "unknown statistic", "选用 " + "、".join(OF), " or ".join(OF))
    given = values.notna().to_numpy()
    y = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    bad = given & ~np.isfinite(y)
    if of == "share":
        bad |= given & ~np.isin(y, (0.0, 1.0))
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        refuse(
            "value",
            "该值不能用于此统计量",
            "a value that this statistic cannot use",
            "更正该值，或把缺失编码声明为缺失",
            "correct it, or declare the code as missing",
            column=str(values.name),
            row=at + 1,
            expected="0 or 1" if of == "share" else "a number",
            found=str(values.iloc[at]),
        )
    if of == "top2":
        return np.where(given, np.isin(y, list(top)).astype(float), np.nan)
    return y


@dataclass(frozen=True)
class _Part:
    """One estimate with its linearised values (weights included)."""

    value: float
    z: Array


def wave_change(
    design: Design,
    items: Sequence[str],
    *,
    by: str,
    baseline: Any,
    current: Any,
    of: str = "top2",
    top: Sequence[float] | Mapping[str, Sequence[float]] = (4, 5),
    standardise: Sequence[str] = (),
    level: float = 0.95,
) -> pd.DataFrame:
    """Give the change of each item between two waves under the design.

    Parameters
    ----------
    design
        One design that holds both waves; PSUs seen in both keep their covariance.
    items
        Columns analysed.
    by, baseline, current
        Column of the waves and its two values.
    of, top
        As for :func:`answers`; ``top`` may differ by item.
    standardise
        Categorical columns: the current wave is also given with the baseline's composition.
    level
        Confidence level.

    Returns
    -------
    pandas.DataFrame
        Per item ``adjustment`` ``raw`` and, with ``standardise``, ``standardised`` and
        ``composition`` (the part of the raw change that is due to composition): ``before``,
        ``after``, ``value`` = after - before (unit pp or score), ``std_error``, t interval and p
        on the design's degrees of freedom, ``n_before``, ``n_after``, ``deff``, and the inner
        interval at ``2 * level - 1`` for equivalence (``inner_low``, ``inner_high``).

    Raises
    ------
    InputError
        For unknown columns or waves, a wave without rows, unusable values.

    Notes
    -----
    Linearisation: the variance of the total of z_i = w_i m1_i (y_i - ybar1)/W1 - w_i m0_i
    (y_i - ybar0)/W0. Standardised: sum_k pi_k (ybar1k - ybar0k) with pi_k the baseline's
    weighted shares, whose own sampling error is carried. Where a share is exactly 0 or 1 in one
    wave, linearisation sees no variance there: Newcombe's interval on effective numbers is given
    (Kish for that wave, p(1-p)/se^2 for the other). An opt-in sample has no sampling interval.

    References
    ----------
    Särndal, Swensson and Wretman (1992) §5.5; Deville (1999); Kitagawa (1955); Newcombe (1998).
    """
    check_level(level)
    data = design.data
    _check(data, items, by, baseline, current, standardise)
    inside = design.inside
    waves = data[by]
    before = (waves == baseline).to_numpy(dtype=bool, na_value=False) & inside
    after = (waves == current).to_numpy(dtype=bool, na_value=False) & inside
    cells = _cells(data, standardise)
    works = []
    for item in items:
        wanted = top[item] if isinstance(top, Mapping) else top
        y = answers(data[item], of, wanted)
        works.append(_work(design.weights, item, y, before, after, cells))
    errors = _all_errors(design, works, cells)
    rows: list[dict[str, Any]] = []
    freedom: dict[bytes, int] = {}
    for work, se in zip(works, errors, strict=True):
        used = work.m0 | work.m1
        df = freedom.setdefault(used.tobytes(), -1)
        if df < 0:
            df = freedom[used.tobytes()] = design.subset(used).df
        rows += _rows(design, work, se, df, cells is not None, of, level)
    return table(rows)


def _check(
    data: pd.DataFrame,
    items: Sequence[str],
    by: str,
    baseline: Any,
    current: Any,
    standardise: Sequence[str],
) -> None:
    check_waves(data, (by, *items, *standardise), by, baseline, current)
    for wave in (baseline, current):
        if not (data[by] == wave).any():
            seen = ", ".join(str(v) for v in pd.unique(data[by].dropna())[:8])
            refuse(
                "wave",
                "该期没有数据",
                "a wave without rows",
                "核对期的名称",
                "check the name of the wave",
                column=by,
                expected=seen,
                found=str(wave),
            )


def _cells(data: pd.DataFrame, standardise: Sequence[str]) -> Array | None:
    if not standardise:
        return None
    keys = data[list(standardise)]
    codes = keys.groupby(list(standardise), sort=True, observed=True).ngroup().to_numpy()
    return np.where(keys.notna().all(axis=1).to_numpy(), codes, -1)


@dataclass(frozen=True)
class _Work:
    """One item: its answers, who answered, and the estimates to be given an error."""

    item: str
    y: Array
    m0: Array
    m1: Array
    levels: tuple[_Part, ...]  # baseline and current wave
    changes: dict[str, _Part]  # raw, and when it can be had standardised, composition

    @property
    def parts(self) -> list[_Part]:
        """All estimates: the changes, then the levels."""
        return [*self.changes.values(), *self.levels]


def _work(
    w: Array, item: str, answers_: Array, before: Array, after: Array, cells: Array | None
) -> _Work:
    there = ~np.isnan(answers_)
    m0, m1 = before & there, after & there
    y = np.where(there, answers_, 0.0)
    if not m0.any() or not m1.any():
        return _Work(item, y, m0, m1, (), {})
    p0, p1 = _mean(w, y, m0), _mean(w, y, m1)
    changes = {"raw": _Part(p1.value - p0.value, p1.z - p0.z)}
    if cells is not None:
        standard = _standardised(w, y, m0 & (cells >= 0), m1 & (cells >= 0), cells)
        if standard is not None:
            raw = changes["raw"]
            changes["standardised"] = standard
            changes["composition"] = _Part(raw.value - standard.value, raw.z - standard.z)
    return _Work(item, y, m0, m1, (p0, p1), changes)


# cells of a block of linearised values: bounds the memory, not the result
_BLOCK = 4_000_000


def _all_errors(design: Design, works: list[_Work], cells: Array | None) -> list[list[float]]:
    """Give the standard errors of all estimates of all items, many at a time."""
    if design.replicates is not None:
        return [_replicate_errors(design, work, cells) if work.levels else [] for work in works]
    columns = [part.z for work in works for part in work.parts]
    step = max(1, _BLOCK // max(1, len(design.data)))
    found: list[float] = []
    for at in range(0, len(columns), step):
        block = design.variances(np.column_stack(columns[at : at + step]))
        found += [math.sqrt(max(float(v), 0.0)) for v in np.asarray(block).ravel()]
    out, at = [], 0
    for work in works:
        out.append(found[at : at + len(work.parts)])
        at += len(work.parts)
    return out


def _rows(
    design: Design,
    work: _Work,
    se: list[float],
    df: int,
    standardise: bool,
    of: str,
    level: float,
) -> list[dict[str, Any]]:
    unit = "score" if of == "mean" else "pp"
    m0, m1, w = work.m0, work.m1, design.weights
    common: dict[str, Any] = {
        "item": work.item,
        "level": level,
        "n_before": int(m0.sum()),
        "n_after": int(m1.sum()),
        "n": int(m0.sum() + m1.sum()),
    }
    key = "change.difference.design"
    if not work.levels:
        which = ("基期", "baseline") if not m0.any() else ("本期", "current")
        return [
            not_computed(
                of,
                f"{which[0]}没有人回答此题",
                f"nobody answered in the {which[1]} wave",
                unit=unit,
                method=key,
                adjustment="raw",
                **common,
            )
        ]
    low = work.levels[0].value
    after = {"raw": work.levels[1].value, "composition": math.nan}
    # linearisation sees no variance in a wave in which all answers are equal
    blind = [bool(np.ptp(work.y[m]) == 0) for m in (m0, m1)]
    ends = [0.0 if b else e for b, e in zip(blind, se[-2:], strict=True)]
    rows = []
    for number, (name, part) in enumerate(work.changes.items()):
        made = {
            "before": math.nan if name == "composition" else low,
            "after": after.get(name, low + part.value),
            "adjustment": name,
            "method": key,
            **common,
        }
        if name == "raw" and of != "mean" and sum(blind) == 1 and max(ends) > 0:
            shares, errors = (low, work.levels[1].value), (ends[0], ends[1])
            rows.append(_edge(shares, errors, w, m0, m1, of, made))
            continue
        error = 0.0 if all(blind) else se[number]
        rows.append(_row(design, of, unit, part.value, error, df, level, made))
        if name == "raw":
            rows[-1]["deff"] = _deff(se[number], w, work.y, m0, m1)
    if standardise and len(work.changes) == 1:
        rows.append(
            not_computed(
                of,
                "基期有的构成类别在本期没有人，须先合并类别",
                "a category of the baseline has nobody in the current wave: merge categories",
                unit=unit,
                method="change.standardised",
                adjustment="standardised",
                **common,
            )
        )
    return rows


def _mean(w: Array, y: Array, members: Array) -> _Part:
    total = float((w * members).sum())
    value = float((w * y * members).sum() / total)
    return _Part(value, w * members * (y - value) / total)


def _standardised(w: Array, y: Array, m0: Array, m1: Array, cells: Array) -> _Part | None:
    """Change with the composition of the baseline; ``None`` when a cell is missing."""
    k = int(cells.max()) + 1
    code = np.where(cells >= 0, cells, 0)
    w0 = np.bincount(code, weights=w * m0, minlength=k)
    w1 = np.bincount(code, weights=w * m1, minlength=k)
    if ((w0 > 0) & (w1 <= 0)).any() or not w0.sum() > 0:
        return None
    pi = w0 / w0.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        y0 = np.where(w0 > 0, np.bincount(code, weights=w * m0 * y, minlength=k) / w0, 0.0)
        y1 = np.where(w1 > 0, np.bincount(code, weights=w * m1 * y, minlength=k) / w1, 0.0)
        per1 = np.where(w1 > 0, pi / w1, 0.0)
    change = float(pi @ (y1 - y0))
    # residual of the current wave, of the baseline, and the sampling error of the shares pi
    z = w * m1 * per1[code] * (y - y1[code])
    z = z - w * m0 * (y - y0[code]) / w0.sum()
    z = z + w * m0 * ((y1 - y0)[code] - change) / w0.sum()
    return _Part(change, z)


def _replicate_errors(design: Design, work: _Work, cells: Array | None) -> list[float]:
    reps = design.replicates
    assert reps is not None
    values = np.array(
        [
            _refit(reps.weights[:, r], work.y, work.m0, work.m1, cells)
            for r in range(reps.weights.shape[1])
        ]
    )
    if len(work.changes) == 1:
        values = values[:, [0, 3, 4]]
    centre = (
        values.mean(axis=0)
        if reps.centre == "mean"
        else np.array([part.value for part in work.parts], dtype=float)
    )
    spread = reps.scale * (reps.rscales[:, None] * (values - centre) ** 2).sum(axis=0)
    return [math.sqrt(float(v)) for v in spread]


def _refit(w: Array, y: Array, m0: Array, m1: Array, cells: Array | None) -> list[float]:
    p0, p1 = _mean(w, y, m0).value, _mean(w, y, m1).value
    standard = math.nan
    if cells is not None:
        made = _standardised(w, y, m0 & (cells >= 0), m1 & (cells >= 0), cells)
        standard = math.nan if made is None else made.value
    return [p1 - p0, standard, p1 - p0 - standard, p0, p1]


def _row(
    design: Design,
    of: str,
    unit: str,
    value: float,
    se: float,
    df: float,
    level: float,
    made: dict[str, Any],
) -> dict[str, Any]:
    method = made.pop("method")
    if made["adjustment"] != "raw":
        method = "change.standardised"
    if design.kind == "opt_in":
        flags = "opt_in"
        zh, en = "自愿参与的样本：没有抽样区间", "opt-in sample: no sampling interval"
        return row(
            of,
            value,
            unit=unit,
            method=method,
            **{**made, "flags": flags},
            reason_zh=zh,
            reason_en=en,
        )
    if df < 1 or not se > 1e-14:
        zh, en = (
            ("只有一个初级单元，无法估计误差", "one primary unit: no error can be estimated")
            if df < 1
            else (
                "两期回答全部相同，没有可估计的误差",
                "all answers are equal: no error to estimate",
            )
        )
        return not_computed(of, zh, en, unit=unit, method=method, df=df, **made)
    q, inner = (float(special.stdtrit(df, c)) for c in (0.5 + level / 2, level))
    t = value / se
    return row(
        of,
        value,
        unit=unit,
        method=method,
        std_error=se,
        ci_low=value - q * se,
        ci_high=value + q * se,
        inner_low=value - inner * se,
        inner_high=value + inner * se,
        test_statistic=t,
        df=df,
        p_value=float(2 * special.stdtr(df, -abs(t))),
        **made,
    )


def _edge(
    shares: tuple[float, float],
    errors: tuple[float, float],
    w: Array,
    m0: Array,
    m1: Array,
    of: str,
    made: dict[str, Any],
) -> dict[str, Any]:
    """Newcombe on effective numbers, where one wave stands at 0 or 1."""
    level = made["level"]
    (p0, p1), (se0, se1) = shares, errors
    n0 = p0 * (1 - p0) / se0**2 if se0 > 0 else _kish(w[m0])
    n1 = p1 * (1 - p1) / se1**2 if se1 > 0 else _kish(w[m1])
    low, high = newcombe(p0 * n0, n0, p1 * n1, n1, level=level)
    inner = newcombe(p0 * n0, n0, p1 * n1, n1, level=2 * level - 1)
    pooled = (p0 * n0 + p1 * n1) / (n0 + n1)
    z = (p1 - p0) / math.sqrt(pooled * (1 - pooled) * (1 / n0 + 1 / n1))
    made["method"] = "change.difference.newcombe_effective"
    return row(
        of,
        p1 - p0,
        unit="pp",
        std_error=math.hypot(se0, se1),
        ci_low=low,
        ci_high=high,
        inner_low=inner[0],
        inner_high=inner[1],
        test_statistic=z,
        p_value=float(2 * stats.norm.sf(abs(z))),
        reason_zh="一期为 0% 或 100%：用有效样本量的 Newcombe 区间",
        reason_en="one wave stands at 0% or 100%: Newcombe's interval on effective numbers",
        **made,
    )


def _kish(w: Array) -> float:
    return float(w.sum() ** 2 / (w @ w))


def _deff(se: float, w: Array, y: Array, m0: Array, m1: Array) -> float:
    plain = sum(
        _mean(w, (y - _mean(w, y, m).value) ** 2, m).value / (m.sum() - 1)
        for m in (m0, m1)
        if m.sum() > 1
    )
    return se**2 / plain if plain > 0 else math.nan
