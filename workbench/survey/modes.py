"""Modes of a survey compared item by item: as they are, and for equal make-up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from workbench.survey import intervals
from workbench.survey._input import Bools, Floats, check_columns, check_level, labels, numbers
from workbench.survey.contrasts import adjusted_p
from workbench.survey.design import Design
from workbench.survey.regression import model_matrix

__all__ = ["mode_effects"]

_CONFOUNDED = (
    "方式之间的差异混有谁选了哪种方式，不是方式的效果",
    "who answered in which mode is mixed into this difference; it is not the effect of the mode",
)
_WHY_NOT = {
    "constant": ("所有人答案相同", "all answers are alike"),
    "collinear": (
        "方式与人口构成分不开，无法调整",
        "mode and make-up cannot be told apart: no adjustment",
    ),
    "few": ("初级单元太少，无法给出区间", "too few primary units for an interval"),
}


def mode_effects(
    design: Design,
    items: Sequence[str],
    mode: str,
    *,
    adjust: Sequence[str] = (),
    reference: str | None = None,
    least: int = 10,
    share: bool = False,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare the modes of a survey on each item, raw and adjusted for who answered in which.

    Parameters
    ----------
    design : the sample, answers of all modes in it.
    items : numeric columns (0/1 for shares).
    mode : column of the modes; missing is in no comparison.
    adjust : columns of make-up (age, sex …) that are held equal by linear regression. A column with
        one category among the answers of an item is left out there.
    reference : the mode that others are compared with; ``None``: the one with most answers.
    least : a mode with fewer complete answers to an item takes no part in its comparison.
    share : the items are 0/1; differences are in points (stored 0-1, unit ``pp``).
    level : confidence level.

    Returns
    -------
    DataFrame, for each item and mode other than the reference a row ``adjustment`` ``raw`` and,
    where there is something to adjust for, a row ``adjusted``: ``item``, ``mode``, ``reference``,
    ``adjustment``, ``statistic`` (``difference``, mode minus reference), ``value``, ``unit``,
    ``std_error``, ``ci_low``, ``ci_high``, ``level``, ``n`` (answers of both modes), ``n_mode``,
    ``n_reference``, ``df``, ``p_value``, ``p_adjusted`` (Holm, over all comparisons of the last
    adjustment), ``family``, ``method``, ``status``, ``flags``, ``reason_zh``, ``reason_en``. Both
    rows rest on the same complete answers. No row where fewer than two modes have enough answers.

    Raises
    ------
    InputError
        A column is missing, or an item is not numeric.

    Notes
    -----
    Coefficients of the modes in ``y = mode + adjust``, weighted by the design, with the sandwich
    error of :func:`workbench.survey.glm`; all items in one step. People choose their mode, or
    interviewers choose it for them: what is left after adjustment is how answers differ between
    those who answered so, with measurement and selection in it. Only modes assigned at random
    would tell one from the other.

    References
    ----------
    Binder (1983), International Statistical Review 51, 279-292. de Leeuw (2005), Journal of
    Official Statistics 21, 233-255. Vannieuwenhuyze, Loosveldt & Molenberghs (2010), Public
    Opinion Quarterly 74, 1027-1045.

    Examples
    --------
    >>> data = pd.DataFrame({"y": [1, 0, 1, 1, 0, 0, 1, 0], "m": list("aabbaabb")})
    >>> out = mode_effects(Design(data), ["y"], "m", reference="a", share=True, least=2)
    >>> out[["mode", "adjustment", "value", "n"]].values.tolist()
    [['b', 'raw', 0.5, 8]]
    """
    check_level(level)
    check_columns(design.data, [*items, mode, *adjust], "mode_effects")
    text = labels(design.data[mode])
    here = design.inside & text.notna().to_numpy()
    for name in adjust:
        here = here & design.data[name].notna().to_numpy()
    size = text[here].value_counts()
    first = reference or (sorted(size.index, key=lambda m: (-size[m], m))[0] if len(size) else "")
    others = sorted(m for m in size.index if m != first)
    if not others or first not in size.index:
        return pd.DataFrame()
    data = design.data.assign(_mode=pd.Categorical(text, categories=[first, *others]))
    x, terms, _ = model_matrix(data, ["_mode", *adjust], levels_from=here)
    modes = 1 + len(others)
    rows: list[dict[str, Any]] = []
    scores: list[Floats] = []
    for item in items:
        y = numbers(design.data, item)
        use = here & ~np.isnan(y)
        counts = text[use].value_counts()
        large = [m for m in others if counts.get(m, 0) >= least]
        if counts.get(first, 0) < least or not large:
            continue
        use &= text.isin([first, *large]).to_numpy()
        df = design.subset(use).df
        for adjustment, width in (("raw", modes), ("adjusted", x.shape[1])):
            if adjustment == "adjusted" and not _moves(x[use, modes:]):
                continue
            told, z = _fit(design, x[:, :width], y, use, [1 + others.index(m) for m in large])
            for k, one in enumerate(large):
                rows.append(
                    {"item": item, "mode": one, "reference": first, "adjustment": adjustment,
                     "statistic": "difference", "value": told[0][k] if told else np.nan,
                     "n": int(counts[one] + counts[first]), "n_mode": int(counts[one]),
                     "n_reference": int(counts[first]), "df": float(df + 1 - z[1]),
                     "why": z[2], "constant": _single(adjust, terms, x, use)}
                )  # fmt: skip
                scores.append(z[0][:, k])
    if not rows:
        return pd.DataFrame()
    return _table(design, rows, np.column_stack(scores), share=share, level=level)


def _moves(x: Floats) -> bool:
    return bool(x.size and (np.ptp(x, axis=0) > 0).any())


def _single(adjust: Sequence[str], terms: dict[str, list[str]], x: Floats, use: Bools) -> str:
    """Name the columns of make-up that have one category among these answers."""
    at = 0
    alone = []
    for term, columns in terms.items():
        part = x[use, at : at + len(columns)]
        if term in adjust and not _moves(part):
            alone.append(term)
        at += len(columns)
    return ",".join(alone)


def _fit(
    design: Design, x: Floats, y: Floats, use: Bools, at: list[int]
) -> tuple[tuple[Floats] | None, tuple[Floats, int, str]]:
    """Regress one item: coefficients at ``at``; their influence, number of parameters, fault."""
    keep = [0, *at, *(j for j in range(1, x.shape[1]) if j not in at and np.ptp(x[use, j]) > 0)]
    part, w = x[use][:, keep], design.weights[use]
    nothing = np.zeros((len(y), len(at)))
    if np.ptp(y[use]) == 0:
        return None, (nothing, part.shape[1], "constant")
    scaled = part * np.sqrt(w)[:, None]
    norm = np.maximum(np.sqrt((scaled**2).sum(axis=0)), 1e-300)
    if len(part) <= part.shape[1] or np.linalg.matrix_rank(scaled / norm, tol=1e-9 * np.sqrt(
        len(part))) < part.shape[1]:  # fmt: skip
        return None, (nothing, part.shape[1], "collinear")
    inverse = np.linalg.inv(part.T @ (part * w[:, None]))
    beta = inverse @ (part.T @ (w * y[use]))
    influence = nothing
    influence[use] = ((part * (w * (y[use] - part @ beta))[:, None]) @ inverse)[:, 1 : 1 + len(at)]
    return (beta[1 : 1 + len(at)],), (influence, part.shape[1], "")


def _table(
    design: Design, rows: list[dict[str, Any]], z: Floats, *, share: bool, level: float
) -> pd.DataFrame:
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    value, df = np.array(columns["value"]), np.array(columns["df"])
    why, alone = np.array(columns.pop("why")), columns.pop("constant")
    se = np.where(why == "", np.sqrt(np.maximum(design.variances(z), 0)), np.nan)
    known = np.where(df >= 1, df, np.nan)
    low, high = intervals.wald(value, se, known, level)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = np.where(se > 0, 2 * stats.t.sf(np.abs(value / se), known), np.nan)
    how = np.array(columns["adjustment"])
    last = (how == ("adjusted" if (how == "adjusted").any() else "raw")) & ~np.isnan(p)
    few = (df < 1) & (why == "")
    told = np.where(few, "few", why)
    flags = [
        "association" + (";no_interval" if f else "") + (f";constant:{name}" if name else "")
        for f, name in zip(few, alone, strict=True)
    ]
    return pd.DataFrame(
        {
            **columns,
            "unit": "pp" if share else "score",
            "std_error": se,
            "ci_low": low,
            "ci_high": high,
            "level": level,
            "p_value": p,
            "p_adjusted": adjusted_p(np.where(last, p, np.nan), "holm"),
            "family": np.where(last, f"holm:{int(last.sum())}", ""),
            "method": "survey.mode_effects",
            "status": np.where(why != "", "not_computed", np.where(few, "low_precision", "ok")),
            "flags": flags,
            "reason_zh": [_WHY_NOT.get(w, _CONFOUNDED)[0] for w in told],
            "reason_en": [_WHY_NOT.get(w, _CONFOUNDED)[1] for w in told],
        }
    )
