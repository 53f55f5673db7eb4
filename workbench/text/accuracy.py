"""How often the machine's topics and sentiments are those that people gave."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from workbench.text._frames import Row, exploded, need, share

__all__ = ["accuracy"]


def accuracy(
    data: pd.DataFrame,
    *,
    truth: str,
    found: str,
    classes: Sequence[str] | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compare what was found with what people coded, class by class.

    Parameters
    ----------
    data : DataFrame
        One row per text: a random sample of those the classes were found in, coded by a person
        who did not see what the machine found.
    truth, found : str
        Columns of classes, one or several joined by ``;``; missing means none.
    classes : sequence of str, optional
        The classes to report; by default all that stand in either column.
    level : float
        Confidence level of the Wilson intervals.

    Returns
    -------
    DataFrame
        Per class (``item``) the rows ``precision`` (of the texts in which it was found, the share
        that people gave it), ``recall`` (of the texts people gave it, the share found), ``f1`` and
        ``kappa`` (class or not, machine and person as two coders); for ``item`` ``*`` the rows
        ``same`` (texts with exactly the same classes) and, where no text has two classes,
        ``kappa`` over all classes. ``value``, ``ci_low``, ``ci_high``, ``n``, ``numerator``,
        ``denominator``, ``status``; a share over no text is not computed.

    Notes
    -----
    ``precision = TP/(TP + FP)``, ``recall = TP/(TP + FN)``, ``F1 = 2TP/(2TP + FP + FN)``. Intervals
    hold for texts drawn at random; a sample chosen to be clear makes every figure too good.

    References
    ----------
    Manning, Raghavan & Schütze (2008), Introduction to Information Retrieval, ch. 8; Cohen (1960),
    Educ. Psychol. Meas. 20, 37-46.

    Examples
    --------
    >>> coded = pd.DataFrame({"truth": ["a", "a", "b", None], "found": ["a", "b", "b", None]})
    >>> told = accuracy(coded, truth="truth", found="found")
    >>> told.set_index(["item", "statistic"])["value"].loc[("a", "recall")].item()
    0.5
    """
    need(data, (truth, found))
    frame = data[[truth, found]].reset_index(drop=True)
    said, told = (_matrix(frame[name]) for name in (truth, found))
    names = list(classes) if classes is not None else sorted({*said.columns, *told.columns})
    said, told = (
        m.reindex(index=frame.index, columns=names, fill_value=False) for m in (said, told)
    )
    rows: list[Row] = []
    for name in names:
        a, b = said[name].to_numpy(dtype=bool), told[name].to_numpy(dtype=bool)
        both, real, claimed = int((a & b).sum()), int(a.sum()), int(b.sum())
        rows.append({"item": name, "statistic": "precision"} | share(both, claimed, level=level))
        rows.append({"item": name, "statistic": "recall"} | share(both, real, level=level))
        f1 = {"item": name, "statistic": "f1", "unit": "score", "n": real, "method": "text.f1"}
        rows.append(f1 | _known(2 * both / (real + claimed) if real + claimed else np.nan))
        rows.append({"item": name, "statistic": "kappa"} | _kappa(a.astype(float), b.astype(float)))
    same = (said.to_numpy(dtype=bool) == told.to_numpy(dtype=bool)).all(axis=1)
    rows.append({"item": "*", "statistic": "same"} | share(int(same.sum()), len(same), level=level))
    if len(frame) and said.sum(axis=1).max() <= 1 and told.sum(axis=1).max() <= 1 and names:
        one = [np.where(m.any(axis=1), m.to_numpy().argmax(axis=1), -1.0) for m in (said, told)]
        rows.append({"item": "*", "statistic": "kappa"} | _kappa(one[0], one[1]))
    return pd.DataFrame(rows)


def _matrix(values: pd.Series) -> pd.DataFrame:
    words = exploded(values)
    if words.empty:
        return pd.DataFrame(index=values.index)
    return pd.crosstab(words.index, words.to_numpy()).astype(bool)


def _known(value: float) -> Row:
    if np.isfinite(value):
        return {"value": float(value), "status": "ok"}
    zh, en = "没有可比的文本", "there is nothing to compare"
    return {"status": "not_computed", "reason_zh": zh, "reason_en": en}


def _kappa(a: np.ndarray, b: np.ndarray) -> Row:
    from workbench.scoring import cohen_kappa

    row: Row = {"unit": "score", "n": len(a), "method": "scoring.cohen_kappa"}
    if not len(a):
        return row | _known(np.nan)
    return row | _known(float(cohen_kappa(pd.DataFrame({"a": a, "b": b}))["value"].iloc[0]))
