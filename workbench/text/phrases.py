"""Key phrases: words and pairs of words that one group of texts uses more than the rest."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

from workbench.survey.contrasts import adjusted_p
from workbench.text._frames import need
from workbench.text.words import clauses, content, paired, prepared, tokens

__all__ = ["key_phrases", "phrases_of"]


def phrases_of(text: str) -> list[str]:
    """Give the words that say what a text is about, and pairs of them that stand together.

    Personal data are masked first. Pairs of Chinese words are written without a blank.

    Examples
    --------
    >>> phrases_of("张先生说电梯经常坏")
    ['电梯', '经常', '电梯经常']
    """
    return paired([w for part in clauses(prepared(text)) for w in content(tokens(part))])


def key_phrases(
    data: pd.DataFrame,
    *,
    group: str,
    text: str = "text",
    terms: str | None = None,
    prior: float = 0.01,
    min_cell: int = 10,
    most: int = 20,
    level: float = 0.95,
) -> pd.DataFrame:
    """Find what each group of texts speaks of more than all the others.

    Parameters
    ----------
    data : DataFrame
        One row per text; rows without a group or a text do not count.
    group : str
        Column that tells the groups apart: a unit, a wave, an age group, an outcome.
    text : str
        The texts, as they came.
    terms : str, optional
        Instead of ``text``, a column of words joined by ``;``, such as ``terms`` or ``phrases`` of
        `classify`; then no tokenizer is loaded.
    prior : float
        Weight of the prior, a share of how often the phrase stands in all texts together.
    min_cell : int
        A phrase is shown when at least so many texts of the group hold it.
    most : int
        Phrases shown for each group.
    level : float
        Confidence level of the limits.

    Returns
    -------
    DataFrame
        Per ``category`` (group) and ``item`` (phrase), the strongest first: ``value`` (log-odds
        ratio against the rest, shrunk), ``std_error``, ``ci_low``, ``ci_high``, ``z``, ``p_value``
        (two-sided), ``p_adjusted`` (Holm over all phrases of the group), ``n`` (texts of the group
        with it), ``denominator`` (texts of the group), ``rest`` (texts with it elsewhere). Empty
        with fewer than two groups.

    Notes
    -----
    Texts, not words, are counted: one who writes a word five times counts once. With y_g of n_g
    texts in the group, y_r of n_r elsewhere, a = prior·(y_g + y_r) and A = prior·(n_g + n_r):
    ``δ = ln((y_g + a)/(n_g − y_g + A − a)) − ln((y_r + a)/(n_r − y_r + A − a))``, variance
    ``1/(y_g + a) + 1/(y_r + a)``. For exploration: the data choose which phrases are looked at.
    Tokens are the tokenizer's; words it does not know fall apart.

    References
    ----------
    Monroe, Colaresi & Quinn (2008), Fightin' words, Polit. Anal. 16, 372-403, eq. 15-22.
    """
    source = terms or text
    need(data, (group, source))
    kept = data[data[group].notna() & data[source].notna()]
    counts: dict[str, Counter[str]] = {}
    sizes: Counter[str] = Counter()
    cache: dict[str, frozenset[str]] = {}
    for who, said in zip(kept[group].astype(str), kept[source].astype(str), strict=True):
        if said not in cache:
            cache[said] = frozenset(said.split(";") if terms else phrases_of(said))
        if cache[said]:
            sizes[who] += 1
            counts.setdefault(who, Counter()).update(cache[said])
    if len(sizes) < 2:
        return pd.DataFrame()
    total: Counter[str] = Counter()
    for of_group in counts.values():
        total.update(of_group)
    parts: list[pd.DataFrame] = []
    for who in sorted(counts):
        told = _against_rest(counts[who], total, sizes[who], sizes.total(), prior, min_cell)
        z = float(ndtri(0.5 + level / 2))
        told["ci_low"], told["ci_high"] = (
            told["value"] + sign * z * told["std_error"] for sign in (-1, 1)
        )
        shown = told[told["value"].gt(0)].sort_values(["z", "item"], ascending=[False, True])
        parts.append(shown.head(most).assign(category=who, level=level))
    return pd.concat(parts, ignore_index=True)


def _against_rest(
    mine: Counter[str], total: Counter[str], n: int, everything: int, prior: float, min_cell: int
) -> pd.DataFrame:
    """Give the log-odds ratio of each phrase of a group with enough texts."""
    # what stands in every text tells no group from another, and its odds are infinite
    names = sorted(k for k, count in mine.items() if count >= min_cell and total[k] < everything)
    y = np.array([mine[name] for name in names], dtype=float)
    both = np.array([total[name] for name in names], dtype=float)
    rest, m = both - y, everything - n
    a, b = prior * both, prior * everything
    value = np.log((y + a) / (n - y + b - a)) - np.log((rest + a) / (m - rest + b - a))
    error = np.sqrt(1 / (y + a) + 1 / (rest + a))
    p = 2 * ndtr(-np.abs(value / error))
    return pd.DataFrame(
        {
            "item": names,
            "statistic": "log_odds",
            "value": value,
            "std_error": error,
            "z": value / error,
            "p_value": p,
            "p_adjusted": adjusted_p(p, "holm"),
            "n": y.astype(int),
            "denominator": n,
            "rest": rest.astype(int),
            "method": "text.key_phrases",
            "status": "ok",
        }
    )
