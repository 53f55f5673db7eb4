"""Records that look made up: digits, surges before the assessment, copied texts, recounts.

Flags start a check and are never a penalty: honest counting can round, seasons can surge, forms
can share their words.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import special

from workbench.scoring._frames import need, numbers, refuse

__all__ = ["digit_preference", "first_digits", "recount", "surge", "text_overlap"]


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
    out = pd.DataFrame(rows, columns=columns)
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
    out = pd.DataFrame(rows, columns=["item_a", "item_b", "value"])
    out["verdict"] = np.where(out["value"] >= least, "failed", "passed")
    out = out.sort_values("value", ascending=False, kind="stable").reset_index(drop=True)
    return out.assign(unit="share", method="scoring.text_overlap")


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
