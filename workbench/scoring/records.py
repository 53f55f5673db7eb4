"""Records that look made up: digits, surges before the assessment, copied texts, recounts.

Flags start a check and are never a penalty: honest counting can round, seasons can surge, forms
can share their words.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse, special

from workbench.scoring import _periods
from workbench.scoring._frames import (
    Floats,
    Ints,
    check_level,
    critical,
    need,
    no_duplicates,
    numbers,
    refuse,
    words,
)
from workbench.survey.rows import from_rows

__all__ = [
    "copied_texts",
    "device_faults",
    "digit_preference",
    "first_digits",
    "recount",
    "sprint",
    "surge",
    "text_overlap",
]


def digit_preference(values: Sequence[float] | pd.Series) -> pd.DataFrame:
    """Test last digits of counts: uniform, and heaped on 0 and 5.

    Parameters
    ----------
    values : sequence
        Whole numbers ≥ 0 that go well beyond two digits' range; gaps are left out.

    Returns
    -------
    DataFrame
        Rows ``chi_square`` (uniform, df 9), ``share_0_5``, ``heaping`` (one-sided exact binomial
        against 0.2, ``p_value``), ``whipple`` (100 = no heaping, 500 = all).

    Raises
    ------
    InputError
        Values that are no whole numbers, or fewer than 30.

    References
    ----------
    Mosimann, Wiseman & Edelman (1995), Account. Res. 4, 31-55; UN (1955) on Whipple's index.
    """
    x = _counts(values, 30)
    digits = (x % 10).astype(int)
    observed = np.bincount(digits, minlength=10)
    expected = len(x) / 10
    chi = float(((observed - expected) ** 2 / expected).sum())
    heaped = int(np.isin(digits, [0, 5]).sum())
    share = heaped / len(x)
    tail = float(special.bdtrc(heaped - 1, len(x), 0.2)) if heaped else 1.0
    rows = [
        {
            "statistic": "chi_square",
            "value": chi,
            "p_value": float(special.chdtrc(9, chi)),
            "df": 9.0,
        },
        {"statistic": "share_0_5", "value": share},
        {"statistic": "heaping", "value": share, "p_value": tail},
        {"statistic": "whipple", "value": 100 * share / 0.2},
    ]
    return pd.DataFrame(rows).assign(n=len(x), method="scoring.digit_preference")


def first_digits(values: Sequence[float] | pd.Series) -> pd.DataFrame:
    """Compare first digits with Benford's law.

    Parameters
    ----------
    values : sequence
        Whole numbers; zeros are left out.

    Returns
    -------
    DataFrame
        Rows ``chi_square`` (df 8, ``p_value``) and ``mean_absolute_deviation``.

    Notes
    -----
    Only for numbers that span several orders of magnitude; counts of activities per month do not.

    References
    ----------
    Benford (1938), Proc. Am. Philos. Soc. 78, 551-572; Nigrini (2012), Benford's Law, ch. 5.
    """
    x = _counts(values, 30)
    x = x[x > 0]
    first = np.array([int(str(int(v))[0]) for v in x])
    observed = np.bincount(first, minlength=10)[1:]
    p = np.log10(1 + 1 / np.arange(1, 10))
    chi = float(((observed - len(x) * p) ** 2 / (len(x) * p)).sum())
    mad = float(np.abs(observed / len(x) - p).mean())
    rows = [{"statistic": "chi_square", "value": chi, "p_value": float(special.chdtrc(8, chi)),
             "df": 8.0}, {"statistic": "mean_absolute_deviation", "value": mad}]  # fmt: skip
    return pd.DataFrame(rows).assign(n=len(x), method="scoring.first_digits")


def _counts(values: Sequence[float] | pd.Series, least: int) -> np.ndarray:
    x = numbers(pd.DataFrame({"value": pd.Series(values)}), "value")
    x = x[~np.isnan(x)]
    if (x < 0).any() or (x % 1 != 0).any():
        raise refuse("not-whole", "应为非负整数", "whole numbers ≥ 0 are needed")
    if len(x) < least:
        raise refuse("too-few", f"至少需要 {least} 个数", f"at least {least} numbers are needed",
                     found=str(len(x)))  # fmt: skip
    return x


def surge(
    counts: pd.DataFrame,
    *,
    unit: str = "community",
    period: str = "period",
    value: str = "value",
    last: int = 2,
    level: float = 0.95,
) -> pd.DataFrame:
    """Test whether the last periods before the assessment hold more than those before.

    Parameters
    ----------
    counts : DataFrame
        One row per unit and period: a count ≥ 0; a period not reported is left out of both sides.
    unit, period, value : str
        Column names; periods sort by time.
    last : int
        How many periods count as the last ones.
    level : float
        1 − level is the false discovery rate of ``verdict``.

    Returns
    -------
    DataFrame
        One row per unit: ``value`` (rate ratio), ``p_value`` (one-sided, conditional binomial),
        ``p_adjusted`` (Benjamini-Hochberg over units), ``verdict`` (failed: flagged; passed;
        cannot_tell), ``numerator`` (last), ``denominator`` (before), ``n`` (periods), ``status``.

    Notes
    -----
    Given the total, the last count is binomial with ``last/T`` if nothing changed. Seasons surge
    too: compare with the same months of other years or other units.

    References
    ----------
    Przyborowski & Wilenski (1940), Biometrika 31, 313-323; Benjamini & Hochberg (1995), JRSS B 57.
    """
    need(counts, (unit, period, value), of="counts")
    frame = counts.assign(_v=numbers(counts, value)).dropna(subset=["_v"])
    if (frame["_v"] < 0).any():
        raise refuse("count", "次数不能为负", "counts must not be negative")
    rows = []
    for name, own in frame.groupby(unit, sort=True):
        x = own.sort_values(period)["_v"].to_numpy(dtype=float)
        t = len(x)
        now, before = float(x[-last:].sum()), float(x[:-last].sum())
        usable = t > last and now + before > 0
        ratio = (now / last) / (before / (t - last)) if usable and before > 0 else np.nan
        p = np.nan
        if usable:
            p = float(special.bdtrc(now - 1, int(now + before), last / t)) if now > 0 else 1.0
        rows.append({unit: name, "statistic": "rate_ratio", "value": ratio, "p_value": p,
                     "numerator": now, "denominator": before, "n": t})  # fmt: skip
    columns = [unit, "statistic", "value", "p_value", "numerator", "denominator", "n"]
    out = from_rows(rows, columns=columns)
    out["p_adjusted"] = _benjamini_hochberg(out["p_value"].to_numpy(dtype=float))
    out["verdict"] = np.select(
        [out["p_adjusted"].isna(), out["p_adjusted"] < 1 - level],
        ["cannot_tell", "failed"],
        "passed",
    )
    out["status"] = np.where(out["p_value"].isna(), "not_computed", "ok")
    return out.assign(family="surge", method="scoring.surge")


def _benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    out = np.full(len(p), np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    m = len(order)
    if m:
        stepped = p[order] * m / np.arange(1, m + 1)
        out[order] = np.minimum(np.minimum.accumulate(stepped[::-1])[::-1], 1)
    return out


def text_overlap(
    texts: pd.DataFrame, *, key: str = "document", text: str = "text", size: int = 3,
    least: float = 0.5,
) -> pd.DataFrame:  # fmt: skip
    """Compare texts pair by pair by the pieces of characters they share.

    Parameters
    ----------
    texts : DataFrame
        One row per text with its ``key``; compared as stored, punctuation included.
    size : int
        Length of a piece in characters.
    least : float
        Similarity from which a pair is flagged.

    Returns
    -------
    DataFrame
        One row per pair, most alike first: ``item_a``, ``item_b``, ``value`` (Jaccard 0–1),
        ``verdict`` (failed: flagged).

    Notes
    -----
    ``|A ∩ B|/|A ∪ B|`` of the sets of pieces. Texts shorter than ``size`` are left out.

    References
    ----------
    Broder (1997), On the resemblance and containment of documents.
    """
    need(texts, (key, text), of="texts")
    sets = {
        str(k): {t[i : i + size] for i in range(len(t) - size + 1)}
        for k, t in zip(texts[key], texts[text].fillna("").astype(str), strict=True)
    }
    rows = [
        {"item_a": a, "item_b": b, "value": len(sets[a] & sets[b]) / len(sets[a] | sets[b])}
        for a, b in combinations([k for k, s in sets.items() if s], 2)
    ]
    out = from_rows(rows, columns=["item_a", "item_b", "value"])
    out["verdict"] = np.where(out["value"] >= least, "failed", "passed")
    out = out.sort_values("value", ascending=False, kind="stable").reset_index(drop=True)
    return out.assign(unit="share", method="scoring.text_overlap")


def copied_texts(
    texts: pd.DataFrame, *, key: str = "document", unit: str = "community", text: str = "text",
    size: int = 3, shortest: int = 20,
) -> pd.Series:  # fmt: skip
    """Give each text's greatest likeness to a text of another unit.

    Parameters
    ----------
    texts : DataFrame
        One row per text: ``key`` (unique), ``unit``, ``text`` (missing: none).
    size : int
        Length of a piece in characters, as in :func:`text_overlap`.
    shortest : int
        Shorter texts say nothing: a formula of a few words is alike everywhere.

    Returns
    -------
    Series of float
        By the index of ``texts``: Jaccard 0–1; missing for short texts and where no other unit has
        one.

    Notes
    -----
    Texts of one unit among themselves do not count: a unit may repeat itself. A ledger that follows
    a form shares the form's words: look at the two before anything is said (Q-02).

    References
    ----------
    Broder (1997), On the resemblance and containment of documents.

    Examples
    --------
    >>> told = pd.DataFrame({"document": ["a", "b", "c"], "community": ["A", "B", "B"],
    ...                      "text": ["巡查发现问题已经整改"] * 2 + ["完全不同的另一份记录内容"]})
    >>> copied_texts(told, shortest=5).tolist()
    [1.0, 1.0, 0.0]
    """
    need(texts, (key, unit, text), of="texts")
    no_duplicates(texts, (key,), of="texts")
    said = texts[text].fillna("").astype(str)
    rows = np.flatnonzero(said.str.len().ge(max(shortest, size)).to_numpy())
    out = np.full(len(texts), np.nan)
    if len(rows) < 2:
        return pd.Series(out, index=texts.index)
    places: dict[str, int] = {}
    at, columns = [], []
    for i, row in enumerate(rows):
        told = said.iloc[row]
        for piece in {told[k : k + size] for k in range(len(told) - size + 1)}:
            at.append(i)
            columns.append(places.setdefault(piece, len(places)))
    ones = np.ones(len(at))
    matrix = sparse.csr_array((ones, (at, columns)), shape=(len(rows), len(places)))
    many = np.asarray(matrix.sum(axis=1)).ravel()
    whose = texts[unit].to_numpy()[rows]
    for start in range(0, len(rows), 500):  # a block of texts against all others
        block = slice(start, start + 500)
        shared = (matrix[block] @ matrix.T).toarray()
        alike = shared / (many[block, None] + many[None, :] - shared)
        alike[whose[block, None] == whose[None, :]] = -1.0
        best = alike.max(axis=1)
        out[rows[block]] = np.where(best < 0, np.nan, best)
    return pd.Series(out, index=texts.index)


def recount(
    counts: pd.DataFrame, *, reported: str = "reported", recounted: str = "recounted",
    tolerance: float = 0.10,
) -> pd.DataFrame:  # fmt: skip
    """Compare what was reported with what a recount found.

    Parameters
    ----------
    counts : DataFrame
        ``reported``, ``recounted`` (≥ 0); other columns are kept.
    tolerance : float
        Relative excess that is let pass.

    Returns
    -------
    DataFrame
        ``counts`` with ``value`` (reported/recounted − 1; missing where the recount is 0),
        ``difference``, ``verdict`` (failed: reported more than the tolerance allows; cannot_tell).

    References
    ----------
    doc 002 §2.5: reported activities reached 1.5 times the truth.
    """
    need(counts, (reported, recounted), of="counts")
    r, t = numbers(counts, reported), numbers(counts, recounted)
    with np.errstate(divide="ignore", invalid="ignore"):
        excess = np.where(t > 0, r / t - 1, np.nan)
    known = ~(np.isnan(r) | np.isnan(t))
    far = r > t * (1 + tolerance) + 1e-9
    verdict = np.select([~known, far], ["cannot_tell", "failed"], "passed")
    return counts.assign(value=excess, difference=r - t, verdict=verdict, method="scoring.recount")


def sprint(
    series: pd.DataFrame,
    *,
    assessed: str,
    window: int = 2,
    direction: int = 1,
    unit: str = "community",
    period: str = "period",
    value: str = "value",
    cadence: str = "month",
    level: float = 0.95,
) -> pd.DataFrame:
    """Look for a step up just before an assessment and a fall just after it.

    Parameters
    ----------
    series : DataFrame
        One row per unit and period: ``value``; gaps are left out.
    assessed : str
        Period of the assessment, such as ``2026-10``; it belongs to the sprint.
    window : int
        Periods of the sprint (the assessment's own and those before it) and of the time after.
    direction : int
        1 where more is better, −1 where less is.
    unit, period, value : str
        Column names.
    cadence : str
        month, week, quarter …
    level : float
        Confidence level of each of the two differences.

    Returns
    -------
    DataFrame
        Two rows per unit: ``statistic`` ``sprint`` (mean of the sprint − mean before) and
        ``rebound`` (mean after − mean of the sprint), in the unit of ``value``, ``std_error``,
        ``ci_low``, ``ci_high``, ``df``, ``n`` (periods before), ``verdict`` (failed on both rows
        where the sprint is surely an improvement and the rebound surely a loss; else passed;
        cannot_tell: fewer than 4 periods before, or none after), ``status``, reasons, ``method``.

    Notes
    -----
    Each difference is compared with the spread of the periods before the sprint,
    ``se = s·sqrt(1/m + 1/n)``, t on n − 1 df. Seasons do the same: look at the same months of other
    years. A flag starts a check and is no finding against anybody.

    References
    ----------
    doc 002 §2.4: 60 % of compounds improve for the inspection and fall back.
    """
    check_level(level)
    need(series, (unit, period, value), of="series")
    if window < 1:
        raise refuse("window", "window 应不小于 1", "window must be at least 1")
    end = _periods.number(assessed, cadence)
    frame = series.assign(_v=numbers(series, value)).dropna(subset=["_v"])
    place = np.array([_periods.number(p, cadence) for p in words(frame, period)])
    rows: list[dict[str, Any]] = []
    for name in sorted(set(series[unit])):
        own = frame[unit].eq(name).to_numpy()
        told = steps(place[own], frame["_v"].to_numpy()[own], end, window, direction, level)
        rows += [{unit: name} | row for row in told]
    columns = [unit, "statistic", "value", "std_error", "ci_low", "ci_high", "df", "n", "verdict",
               "status", "reason_zh", "reason_en"]  # fmt: skip
    return from_rows(rows, columns=columns).assign(level=level, method="scoring.sprint")


def steps(
    at: Ints, x: Floats, end: int, window: int, direction: int, level: float
) -> list[dict[str, Any]]:
    """Give the two rows of :func:`sprint` for one unit's values ``x`` at the periods ``at``."""
    before = x[at <= end - window]
    peak = x[(at > end - window) & (at <= end)]
    after = x[(at > end) & (at <= end + window)]
    n = len(before)
    usable = n >= 4 and len(peak) > 0
    spread = float(before.std(ddof=1)) if usable else np.nan
    se_up = spread * np.sqrt(1 / max(len(peak), 1) + 1 / max(n, 1))
    se_down = spread * np.sqrt(1 / max(len(peak), 1) + 1 / max(len(after), 1))
    both = {
        "sprint": (_difference(peak, before), se_up),
        "rebound": (_difference(after, peak), se_down),
    }
    half = float(critical(level, float(max(n - 1, 1))))
    up = direction * both["sprint"][0] > half * both["sprint"][1]
    down = -direction * both["rebound"][0] > half * both["rebound"][1]
    short = not usable or not len(after)
    verdict = "cannot_tell" if short else "failed" if up and down else "passed"
    rows = []
    for statistic, (d, se) in both.items():
        lost = not usable or np.isnan(d)
        d, se = (np.nan, np.nan) if lost else (d, se)
        rows.append(
            {"statistic": statistic, "value": d, "std_error": se,
             "ci_low": d - half * se, "ci_high": d + half * se, "df": float(n - 1), "n": n,
             "verdict": verdict, "status": "not_computed" if lost else "ok",
             "reason_zh": "测评前或测评后的期数不足" if lost else "",
             "reason_en": "too few periods before or after the assessment" if lost else ""}
        )  # fmt: skip
    return rows


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(a.mean() - b.mean()) if len(a) and len(b) else np.nan


def device_faults(
    readings: pd.DataFrame,
    *,
    bounds: tuple[float, float] = (-np.inf, np.inf),
    frozen: int = 3,
    tolerance: float = 0.10,
    most_faulty: float = 0.05,
    cadence: str = "month",
    through: str | None = None,
) -> pd.DataFrame:
    """Look for devices that stand still, freeze, or show what cannot be.

    Parameters
    ----------
    readings : DataFrame
        Canonical ``measurements`` of one indicator: ``period``, ``origin``, ``value`` or
        ``numerator`` and ``denominator``; ``community``, ``device`` where they exist. Rows with
        origin ``device`` are looked at; those of origin ``recount`` are the manual spot checks they
        are held against.
    bounds : (float, float)
        Values that are possible.
    frozen : int
        So many equal values in a row are a frozen device (never at a bound: 100 % may last).
    tolerance : float
        Largest difference from the spot check that is let pass, in the unit of the value.
    most_faulty : float
        Share of periods with a fault from which a device fails (doc 002 §7.2: below 5 %).
    cadence, through
        How often a device reports, and the last period that should be there.

    Returns
    -------
    DataFrame
        One row per community and device: ``item`` (device), ``value`` (share of expected periods
        with a fault, 0–1), ``n`` (expected periods), ``missing``, ``impossible``, ``frozen``,
        ``apart`` (periods that differ from the spot check), ``checked`` (periods with one),
        ``periods`` (those with a fault), ``verdict`` (failed where the share is not below
        ``most_faulty``), ``method``.

    Notes
    -----
    What a faulty device reported should be set aside for those periods by a judgement of kind
    ``device_window``, with reason, and disclosed; nothing is taken out here.

    References
    ----------
    doc 002 §6.3, §7.2; rule R-33 (devices are auxiliary, manual checks verify them).
    """
    need(readings, ("period", "origin"), of="readings")
    figure = numbers(readings, "value")
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = numbers(readings, "numerator") / numbers(readings, "denominator")
    frame = readings.assign(
        _x=np.where(np.isnan(figure), ratio, figure),
        _unit=words(readings, "community"),
        _device=words(readings, "device"),
    )
    spot = frame[frame["origin"].eq("recount")]
    told = spot.groupby(["_unit", "period"])["_x"].mean().to_dict()
    rows = []
    for (unit, device), own in frame[frame["origin"].eq("device")].groupby(
        ["_unit", "_device"], sort=True
    ):
        seen = own.groupby("period")["_x"].mean()
        places = {_periods.number(str(p), cadence): float(x) for p, x in seen.items()}
        last = max(places)
        if through is not None:
            last = max(last, _periods.number(through, cadence))
        faults: dict[str, list[int]] = {"missing": [], "impossible": [], "frozen": [], "apart": []}
        run: list[int] = []
        checked = 0
        for at in range(min(places), last + 1):
            x = places.get(at, np.nan)
            same = bool(run) and x == places.get(run[-1], np.nan) and run[-1] == at - 1
            run = [*run, at] if same else [at]
            if np.isnan(x):
                faults["missing"].append(at)
                continue
            if not bounds[0] <= x <= bounds[1]:
                faults["impossible"].append(at)
            if len(run) >= frozen and x not in bounds:
                faults["frozen"] = sorted({*faults["frozen"], *run})
            by_hand = told.get((unit, _periods.text(at, cadence)), np.nan)
            if not np.isnan(by_hand):
                checked += 1
                if abs(x - by_hand) > tolerance + 1e-12:
                    faults["apart"].append(at)
        bad = sorted(set().union(*faults.values()))
        n = last - min(places) + 1
        rows.append(
            {"community": unit, "item": device, "statistic": "faulty_share", "value": len(bad) / n,
             "n": n, **{kind: len(at) for kind, at in faults.items()}, "checked": checked,
             "periods": ", ".join(_periods.text(at, cadence) for at in bad),
             "verdict": "failed" if len(bad) / n >= most_faulty else "passed"}
        )  # fmt: skip
    columns = ["community", "item", "statistic", "value", "n", "missing", "impossible", "frozen",
               "apart", "checked", "periods", "verdict"]  # fmt: skip
    out = from_rows(rows, columns=columns).assign(
        unit="share", target=most_faulty, method="scoring.device_faults"
    )
    return out if "community" in readings.columns else out.drop(columns="community")
