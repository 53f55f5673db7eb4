"""Assessors against a reference: who may go out, who drifts, and is the home team kinder."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import special

from workbench.scoring._frames import check_level, critical, need, numbers, refuse

__all__ = ["calibration", "drift", "local_bonus"]


def calibration(
    marks: pd.DataFrame,
    reference: pd.DataFrame,
    *,
    tolerance: float,
    least: float = 0.8,
    item: str = "item",
    assessor: str = "assessor",
    score: str = "score",
) -> pd.DataFrame:
    """Compare each assessor with reference scores from a calibration exercise.

    Parameters
    ----------
    marks : DataFrame
        One row per ``assessor`` and ``item`` with ``score``.
    reference : DataFrame
        ``item``, ``score``: what a panel agreed on.
    tolerance : float
        Difference in points that still counts as right.
    least : float
        Share of items that must be right.
    item, assessor, score : str
        Column names, in both frames.

    Returns
    -------
    DataFrame
        One row per assessor: ``value`` (share right), ``ci_low``, ``ci_high`` (Wilson, 95 %),
        ``bias`` (mean difference, positive = lenient), ``spread`` (standard deviation of it),
        ``n``, ``missing`` (reference items not marked), ``verdict`` (passed; failed: may not go
        out; cannot_tell: items missing), ``method``.

    Notes
    -----
    The verdict compares the share itself; the interval shows how little a dozen items say.
    """
    need(marks, (assessor, item, score), of="marks")
    need(reference, (item, score), of="reference")
    if tolerance < 0 or not 0 <= least <= 1:
        raise refuse("tolerance", "容差不能为负，least 应在 0–1", "wrong tolerance or least")
    if reference[item].duplicated().any() or marks.duplicated([assessor, item]).any():
        raise refuse("duplicate-row", "同一项目出现多次", "an item occurs more than once")
    truth = dict(zip(reference[item], numbers(reference, score), strict=True))
    rows = []
    for name, own in marks.groupby(assessor, sort=True):
        d = numbers(own, score) - np.array([truth.get(i, np.nan) for i in own[item]])
        d = d[~np.isnan(d)]
        n = len(d)
        right = float((np.abs(d) <= tolerance + 1e-12).mean()) if n else np.nan
        z2 = float(critical(0.95)) ** 2
        centre = (right + z2 / (2 * n)) / (1 + z2 / n) if n else np.nan
        half = (np.sqrt(z2 * (right * (1 - right) / n + z2 / (4 * n**2))) / (1 + z2 / n)
                if n else np.nan)  # fmt: skip
        lacking = len(truth) - n
        verdict = "cannot_tell" if lacking or not n else "passed" if right >= least else "failed"
        rows.append({"assessor": name, "statistic": "share_right", "value": right,
                     "ci_low": centre - half, "ci_high": centre + half, "n": n, "missing": lacking,
                     "bias": float(d.mean()) if n else np.nan,
                     "spread": float(d.std(ddof=1)) if n > 1 else np.nan,
                     "verdict": verdict})  # fmt: skip
    return pd.DataFrame(rows).assign(unit="share", level=0.95, method="scoring.calibration")


def drift(
    differences: pd.DataFrame,
    *,
    assessor: str = "assessor",
    time: str = "observed_at",
    value: str = "value",
    level: float = 0.95,
) -> pd.DataFrame:
    """Test whether an assessor grew milder or harder during field work.

    Parameters
    ----------
    differences : DataFrame
        One row per mark: ``assessor``, ``time``, ``value`` (own mark − mean of the others on the
        same thing, points).
    level : float
        Confidence level; Holm over assessors.

    Returns
    -------
    DataFrame
        One row per assessor: ``value`` (points per day), ``std_error``, ``ci_low``, ``ci_high``,
        ``df``, ``p_value``, ``p_adjusted``, ``n``, ``verdict`` (failed: drifts; passed;
        cannot_tell).

    Notes
    -----
    Least-squares slope over days. A drift of all assessors together is not seen.
    """
    check_level(level)
    need(differences, (assessor, time, value), of="differences")
    stamps = pd.to_datetime(differences[time], errors="coerce", format="ISO8601")
    days = (stamps - stamps.min()).dt.total_seconds().to_numpy() / 86400
    marks = {"a": differences[assessor].to_numpy(), "y": numbers(differences, value), "t": days}
    frame = pd.DataFrame(marks).dropna()
    rows = []
    for name, own in frame.groupby("a", sort=True):
        t, y = own["t"].to_numpy(), own["y"].to_numpy()
        n = len(y)
        spread = float(((t - t.mean()) ** 2).sum())
        slope = se = p = np.nan
        if n > 2 and spread > 0:
            slope = float(((t - t.mean()) * y).sum() / spread)
            rest = y - y.mean() - slope * (t - t.mean())
            se = float(np.sqrt((rest**2).sum() / (n - 2) / spread))
            p = float(2 * special.stdtr(n - 2, -abs(slope) / se)) if se > 0 else float(slope == 0)
        half = float(critical(level, float(max(n - 2, 1)))) * se
        rows.append({"assessor": name, "statistic": "points_per_day", "value": slope,
                     "std_error": se, "ci_low": slope - half, "ci_high": slope + half,
                     "df": float(n - 2), "p_value": p, "n": n})  # fmt: skip
    columns = ["assessor", "statistic", "value", "std_error", "ci_low", "ci_high", "df", "p_value",
               "n"]  # fmt: skip
    out = pd.DataFrame(rows, columns=columns)
    raw = out["p_value"].to_numpy(dtype=float)
    order = np.argsort(np.where(np.isnan(raw), 2.0, raw), kind="stable")
    m = int((~np.isnan(raw)).sum())
    adjusted = np.full(len(raw), np.nan)
    if m:
        first = order[:m]
        stepped = np.maximum.accumulate(raw[first] * np.arange(m, 0, -1))
        adjusted[first] = np.minimum(stepped, 1.0)
    out["p_adjusted"] = adjusted
    out["verdict"] = np.select(
        [np.isnan(adjusted), adjusted < 1 - level], ["cannot_tell", "failed"], "passed"
    )
    return out.assign(level=level, family="drift", method="scoring.drift")


def local_bonus(
    pairs: pd.DataFrame, *, own: str = "own", cross: str = "cross", level: float = 0.95
) -> pd.DataFrame:
    """Test whether teams score their own locality higher than teams from elsewhere do.

    Parameters
    ----------
    pairs : DataFrame
        One row per community drawn for cross-inspection: ``own`` and ``cross`` (total 0–100).
    own, cross : str
        Column names.
    level : float
        Confidence level.

    Returns
    -------
    DataFrame
        One row: ``value`` (mean own − cross, points), ``std_error``, ``ci_low``, ``ci_high``,
        ``df``, ``p_value`` (two-sided), ``n``, ``verdict`` (failed: a bonus or malus is shown;
        passed is never claimed: cannot_tell), ``status``, ``reason_zh``, ``reason_en``.

    References
    ----------
    Rule R-32, doc 002 §6.1: 10 % of the compounds are assessed by a team from elsewhere.
    """
    check_level(level)
    need(pairs, (own, cross), of="pairs")
    d = numbers(pairs, own) - numbers(pairs, cross)
    d = d[~np.isnan(d)]
    n = len(d)
    mean = float(d.mean()) if n else np.nan
    se = float(d.std(ddof=1) / np.sqrt(n)) if n > 1 else np.nan
    half = float(critical(level, float(max(n - 1, 1)))) * se
    p = float(2 * special.stdtr(n - 1, -abs(mean) / se)) if n > 1 and se > 0 else np.nan
    short = not se >= 0
    sure = not short and abs(mean) > half
    return pd.DataFrame(
        [{"statistic": "local_bonus", "value": mean, "unit": "points", "std_error": se,
          "ci_low": mean - half, "ci_high": mean + half, "level": level, "df": float(n - 1),
          "p_value": p, "n": n, "verdict": "failed" if sure else "cannot_tell",
          "status": "not_computed" if short else "ok",
          "reason_zh": "交叉测评不足两对" if short else "",
          "reason_en": "fewer than two cross-inspected pairs" if short else "",
          "method": "scoring.local_bonus"}]
    )  # fmt: skip
