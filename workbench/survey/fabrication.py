"""Signs of invented interviews that show while field work still runs; signs, never verdicts.

Each sign is held against a base rate: what the other interviewers' answers, or a steady arrival of
questionnaires, would give by chance. A sign says where to look next and removes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import special, stats

from workbench.survey._input import Bools, Floats, check_columns, labels, names, refuse
from workbench.survey.contrasts import adjusted_p
from workbench.survey.intervals import binomial_interval
from workbench.survey.quality import BLOCK, _answers, _codes, groups_compared, one_hot

__all__ = [
    "answer_entropy",
    "arrival_bursts",
    "backcheck_agreement",
    "concentration",
    "near_identical",
    "overlapping",
]

REFERENCE = 4000  # rows of other groups that stand for all of them: errors of a base rate under 1 %
DRAWS = 200


def near_identical(
    data: pd.DataFrame,
    items: Sequence[str],
    group: str,
    *,
    within: str | Sequence[str] | None = None,
    match: Sequence[float] = (0.8, 0.9, 1.0),
    level: float = 1e-4,
) -> pd.DataFrame:
    """Find interviews that are like others of their own interviewer, and unlike everybody else's.

    Parameters
    ----------
    data : one row per interview. items : numeric answers, at least two; missing matches missing.
    group : column of the interviewer (or device, or community where nobody interviews); rows
        without one take no part.
    within : column or columns; only interviews of one wave are compared.
    match : shares of items answered alike from which two interviews are near-identical, above 0.
    level : an interview is flagged when chance gives as many likenesses with a smaller probability.

    Returns
    -------
    DataFrame, one row per interview in the order of the data: ``match`` (the share that tells
    most), ``own_matches`` of ``own`` other interviews of its group, ``other_matches`` of ``others``
    interviews of all other groups (at most 4000 of them, evenly taken), ``expected`` (own matches
    at the others' rate), ``p_value`` (smallest over the shares, times their number),
    ``near_identical`` (flagged), ``status`` (``not_computed`` where there is no other group, no
    other interview of its own, or fewer than half the items are answered).

    Notes
    -----
    ``p = P(Bin(own, q) >= own_matches)`` with ``q = (other_matches + 1) / (others + 2)``. Each
    interview brings its own base rate: a form that says "very satisfied" throughout is like many
    others by chance and needs many more likenesses than a rare one. What is copied from and what
    was copied are alike: the genuine interview that served as a model is flagged too. Where each
    interviewer works in places of their own, likeness of neighbours raises ``own_matches``: look
    at the forms before anything is said.

    The work grows with rows times 4000, not with the square of the rows.

    References
    ----------
    Kuriakose & Robbins (2016), Statistical Journal of the IAOS 32, 283-291; Simmons, Mercer,
    Schwarzer & Kennedy (2016), ibid. 32, 327-338 (why a fixed threshold misleads).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> data = pd.DataFrame(rng.integers(1, 6, (200, 8)), columns=list("abcdefgh"))
    >>> data["who"] = ["x"] * 20 + ["y"] * 180
    >>> data.loc[:5, list("abcdefgh")] = data.loc[0, list("abcdefgh")].to_numpy()
    >>> near_identical(data, list("abcdefgh"), "who")["near_identical"].sum()
    np.int64(6)
    """
    check_columns(data, [group, *names(within)], "near_identical")
    shares = sorted(match)
    if not shares or not 0 < shares[0] <= shares[-1] <= 1:
        raise refuse("survey.match", "match 应在 0 与 1 之间", "match must lie in 0-1")
    x = _answers(data, items)
    n, k = x.shape
    if k < 2:
        raise refuse("survey.one-item", "至少需要两个题目", "at least two items are needed")
    whose = pd.factorize(labels(data[group]).to_numpy())[0]
    place = _codes(data, within)
    compared = (whose >= 0) & ((~np.isnan(x)).sum(axis=1) >= k / 2)
    hot = one_hot(x)
    own, others = np.zeros(n), np.zeros(n)
    mine, alien = np.zeros((n, len(shares))), np.zeros((n, len(shares)))
    least = np.array(shares) * k - 1e-9
    for where in np.unique(place[compared]):
        rows = np.flatnonzero(compared & (place == where))
        for one in np.unique(whose[rows]):
            inside, outside = rows[whose[rows] == one], rows[whose[rows] != one]
            kept = outside[:: max(1, -(-len(outside) // REFERENCE))]
            own[inside], others[inside] = len(inside) - 1, len(kept)
            mine[inside] = _counts(hot, inside, inside, least) - 1
            alien[inside] = _counts(hot, inside, kept, least)
    usable = compared & (own > 0) & (others > 0)
    rate = (alien + 1) / (others[:, None] + 2)
    tail = special.bdtrc(np.maximum(mine - 1, 0), np.maximum(own, 1).astype(int)[:, None], rate)
    chances = np.where(mine > 0, tail, 1.0)
    best = chances.argmin(axis=1)
    at = np.arange(n), best
    p = np.minimum(chances[at] * len(shares), 1.0)
    told = {
        "match": np.array(shares)[best],
        "own_matches": mine[at],
        "own": own,
        "other_matches": alien[at],
        "others": others,
        "expected": own * rate[at],
        "p_value": p,
    }
    out = pd.DataFrame({name: np.where(usable, told[name], np.nan) for name in told})
    out["near_identical"] = usable & (p < level)
    out["status"] = np.where(usable, "ok", "not_computed")
    return out


def _counts(hot: Floats, rows: np.ndarray, other: np.ndarray, least: Floats) -> Floats:
    """Count for each row the other rows that agree with it in at least so many items."""
    found = np.zeros((len(rows), len(least)))
    against = hot[other].T
    for start in range(0, len(rows), BLOCK):
        part = slice(start, start + BLOCK)
        same = hot[rows[part]] @ against
        for j, bound in enumerate(least):
            found[part, j] = (same >= bound).sum(axis=1)
    return found


def arrival_bursts(
    times: pd.Series,
    group: pd.Series,
    *,
    window: float = 600.0,
    least: int = 5,
    level: float = 0.01,
) -> pd.DataFrame:
    """Find questionnaires that came in a burst: more in a few minutes than the usual pace explains.

    Parameters
    ----------
    times : when each questionnaire was finished, aware or naive; missing takes no part.
    group : the place or person whose questionnaires are looked at together; missing takes no part.
    window : length in seconds, > 0. least : fewer in a window are never a burst.
    level : chance of one false burst among all questionnaires, 0-1.

    Returns
    -------
    DataFrame, one row per questionnaire in the order given: ``in_window`` (questionnaires of the
    group from this one on, within the window), ``expected`` (at the usual pace), ``p_value``,
    ``burst`` (it lies in a burst), ``status``.

    Notes
    -----
    The pace of a group is its questionnaires by the hour over those hours in which it had any; of
    three groups or more, at most the median pace of all, so that a burst does not hide behind
    itself. ``p = P(Poisson(expected) >= in_window - 1)``, times the number of questionnaires
    (Bonferroni). A link posted in a chat group gives an honest burst: ask what was sent out then.

    References
    ----------
    Naus (1965), JASA 60, 532-538 (the scan statistic).

    Examples
    --------
    >>> at = pd.to_datetime(["2026-10-08 09:00"] * 8 + [f"2026-10-{d:02d} 10:00"
    ...                     for d in range(9, 29)])
    >>> arrival_bursts(pd.Series(at), pd.Series(["A"] * 28))["burst"].sum()
    np.int64(8)
    """
    if not window > 0:
        raise refuse("survey.window", "window 应大于 0", "window must be above 0")
    when = pd.to_datetime(times).reset_index(drop=True)
    seconds = ((when - when.min()) / pd.Timedelta("1s")).to_numpy(dtype=float)
    whose = pd.factorize(pd.Series(labels(group).to_numpy()))[0]
    known = ~np.isnan(seconds) & (whose >= 0)
    n = len(seconds)
    many, expected, burst = np.full(n, np.nan), np.full(n, np.nan), np.zeros(n, dtype=bool)
    total = int(known.sum())
    parts = [np.flatnonzero(known & (whose == one)) for one in np.unique(whose[known])]
    pace = np.array([len(at) / len(np.unique(seconds[at] // 3600)) / 3600 for at in parts])
    usual = np.minimum(pace, np.median(pace)) if len(parts) >= 3 else pace
    p = np.full(n, np.nan)
    for at, speed in zip(parts, usual, strict=True):
        order = at[np.argsort(seconds[at], kind="stable")]
        s = seconds[order]
        last = np.searchsorted(s, s + window, side="left")
        count = last - np.arange(len(s))
        many[order], expected[order] = count, speed * window
        chance = np.where(count > 1, special.pdtrc(np.maximum(count - 2, 0), speed * window), 1.0)
        p[order] = np.minimum(chance * total, 1.0)
        hit = (p[order] < level) & (count >= least)
        steps = np.zeros(len(s) + 1)
        np.add.at(steps, np.flatnonzero(hit), 1)
        np.add.at(steps, last[hit], -1)
        burst[order] = np.cumsum(steps)[:-1] > 0
    return pd.DataFrame(
        {
            "in_window": many,
            "expected": expected,
            "p_value": p,
            "burst": burst,
            "status": np.where(known, "ok", "not_computed"),
        }
    )


def overlapping(started: pd.Series, finished: pd.Series, interviewer: pd.Series) -> Bools:
    """Mark interviews that begin before an earlier one of the same interviewer has ended.

    Parameters
    ----------
    started, finished : times; missing, or an end before its start: the row takes no part.
    interviewer : who interviewed; missing takes no part.

    Returns
    -------
    Truth, shape (n,). One person cannot do two interviews at once; paper forms typed in at the
    office can.
    """
    begun, done = (pd.to_datetime(t).reset_index(drop=True) for t in (started, finished))
    frame = pd.DataFrame({"w": labels(interviewer).to_numpy(), "a": begun, "b": done})
    frame = frame[frame.notna().all(axis=1) & (frame["b"] >= frame["a"])]
    frame = frame.sort_values(["w", "a", "b"], kind="stable")
    frame["until"] = frame.groupby("w")["b"].cummax()
    before = frame.groupby("w")["until"].shift()
    out = np.zeros(len(started), dtype=bool)
    out[frame.index[(frame["a"] < before).to_numpy()]] = True
    return out


def concentration(values: pd.Series, group: pd.Series) -> pd.DataFrame:
    """Tell how much of each group's questionnaires came from one address or device.

    Parameters
    ----------
    values : address, device or position of each questionnaire, as a code; missing takes no part.
    group : the place or person whose questionnaires are looked at together.

    Returns
    -------
    DataFrame, one row per group: ``group``, ``statistic`` (``largest_share``), ``value`` (share of
    the commonest value, 0-1), ``unit``, ``n`` (with a value), ``numerator`` (of the commonest),
    ``distinct``, ``effective`` (1 / sum of squared shares: as many equally used ones), ``others``
    (median largest share of the other groups: the base rate; missing for one group),
    ``method``, ``status``.

    Notes
    -----
    Shared Wi-Fi of a compound, a mobile carrier's gateway and a volunteer's tablet concentrate
    honest answers too.
    """
    frame = pd.DataFrame({"v": values.to_numpy(), "g": labels(group).to_numpy()}).dropna()
    rows = []
    for name, own in frame.groupby("g", sort=True)["v"]:
        counts = own.value_counts().to_numpy()
        shares = counts / counts.sum()
        rows.append(
            {
                "group": name,
                "statistic": "largest_share",
                "value": float(shares[0]),
                "unit": "share",
                "n": int(counts.sum()),
                "numerator": float(counts[0]),
                "distinct": len(counts),
                "effective": float(1 / (shares**2).sum()),
            }
        )
    columns = ["group", "statistic", "value", "unit", "n", "numerator", "distinct", "effective"]
    out = pd.DataFrame(rows, columns=columns)
    out["others"] = [out["value"].drop(i).median() if len(out) > 1 else np.nan for i in out.index]
    return out.assign(method="survey.concentration", status="ok")


def answer_entropy(
    data: pd.DataFrame,
    items: Sequence[str],
    group: str,
    *,
    rng: np.random.Generator,
    minimum: int = 10,
    level: float = 0.01,
) -> pd.DataFrame:
    """Tell how varied the answers are that each interviewer brings, against as many of the others'.

    Parameters
    ----------
    data : one row per interview. items : numeric answers; missing answers are left out.
    group : column of the interviewer; missing takes no part.
    rng : generator of the draws.
    minimum : interviewers with fewer interviews are not compared.
    level : adjusted p below which an interviewer stands out.

    Returns
    -------
    DataFrame, one row per interviewer: ``group``, ``statistic`` (``entropy``), ``value`` (mean
    entropy of the items, bits), ``others`` (mean of 200 draws of as many interviews of all others:
    the base rate), ``std_error`` (of those draws), ``z``, ``dispersion`` (of all ``z``, at least
    1), ``p_value`` (two-sided, normal, of ``z / dispersion``), ``p_adjusted`` (Holm), ``flags``
    (``stands_out``: less varied; ``more_varied``), ``n``, ``status``, ``reason_zh``, ``reason_en``.

    Notes
    -----
    ``H = -sum_v p_v log2 p_v`` for each item. Small samples have less entropy: the draws have the
    same size, so that both sides have it. Invented answers keep to the middle of the scale and vary
    too little; random ones vary too much. Neighbours answer alike and communities differ, which the
    draws do not know: ``z`` is divided by what interviewers vary by among themselves
    (``1.4826 median |z|``, at least 1), so that only one who differs from colleagues as no
    colleague does stands out.

    References
    ----------
    Shannon (1948), Bell System Technical Journal 27, 379-423; Bredl, Winker & Kötschau (2012),
    Survey Methodology 38, 1-10 (too little variance of falsified answers); Spiegelhalter (2005),
    Statistics in Medicine 24, 1185-1202 (dispersion).
    """
    check_columns(data, [group], "answer_entropy")
    x = _answers(data, items)
    who = pd.Series(labels(data[group]).to_numpy())
    whose, known = pd.factorize(who, sort=True)
    hot, first = one_hot(x, missing=False), _starts(x)
    rows = []
    for one, name in enumerate(known):
        inside, outside = (
            np.flatnonzero(whose == one),
            np.flatnonzero((whose >= 0) & (whose != one)),
        )
        n = len(inside)
        value = float(_entropy(hot[inside].sum(axis=0)[None, :], first)[0])
        row = {"group": name, "statistic": "entropy", "value": value, "unit": "bits", "n": n,
               "others": np.nan, "std_error": np.nan, "z": np.nan,
               "status": "not_computed", "reason_zh": "访问太少或没有其他访员，不比较",
               "reason_en": "too few interviews, or nobody to compare with"}  # fmt: skip
        if n >= minimum and len(outside) >= minimum:
            kept = outside[:: max(1, -(-len(outside) // REFERENCE))]
            draws = [hot[rng.choice(kept, n)].sum(axis=0) for _ in range(DRAWS)]
            base = _entropy(np.array(draws), first)
            spread = float(base.std(ddof=1))
            apart = (value - float(base.mean())) / spread if spread > 0 else np.nan
            row |= {"others": float(base.mean()), "std_error": spread, "z": apart, "status": "ok",
                    "reason_zh": "", "reason_en": ""}  # fmt: skip
        rows.append(row)
    columns = ["group", "statistic", "value", "unit", "n", "others", "std_error", "z", "status",
               "reason_zh", "reason_en"]  # fmt: skip
    out = pd.DataFrame(rows, columns=columns)
    z = out["z"].to_numpy(dtype=float)
    phi = _dispersion(z[~np.isnan(z)])
    out["dispersion"] = phi
    out["p_value"] = 2 * stats.norm.sf(np.abs(z) / phi)
    out["p_adjusted"] = adjusted_p(out["p_value"].to_numpy(dtype=float), "holm")
    sure = out["p_adjusted"] < level
    out["flags"] = np.select([sure & (out["z"] < 0), sure & (out["z"] > 0)],
                             ["stands_out", "more_varied"], "")  # fmt: skip
    return out.assign(method="survey.answer_entropy")


def _dispersion(z: Floats) -> float:
    return max(1.0, 1.4826 * float(np.median(np.abs(z)))) if len(z) else 1.0


def _starts(x: Floats) -> np.ndarray:
    """Give the column at which each item begins in ``one_hot(x, missing=False)``."""
    sizes = [len(np.unique(x[~np.isnan(x[:, j]), j])) for j in range(x.shape[1])]
    return np.concatenate([[0], np.cumsum(sizes)])


def _entropy(counts: Floats, first: np.ndarray) -> Floats:
    """Mean entropy over items of each row of counts, bits; items without answers are left out."""
    total, used = np.zeros(len(counts)), np.zeros(len(counts))
    for a, b in pairwise(first):
        part = counts[:, a:b]
        n = part.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            p = part / n[:, None]
            h = -np.where(p > 0, p * np.log2(p), 0.0).sum(axis=1)
        total += np.where(n > 0, h, 0.0)
        used += n > 0
    out: Floats = np.where(used > 0, total / np.maximum(used, 1), np.nan)
    return out


def backcheck_agreement(
    answers: pd.DataFrame,
    backchecks: pd.DataFrame,
    *,
    by: str,
    respondent: str = "respondent",
    level: float = 0.95,
    minimum: int = 10,
) -> pd.DataFrame:
    """Compare answers with those given when somebody else asked again.

    Parameters
    ----------
    answers : one row per interview: ``respondent``, items as columns, ``by`` where it is a column.
    backchecks : one row per item asked again: ``respondent``, ``item``, ``answer``.
    by : ``item``, or a column of ``answers`` such as the interviewer.
    level : confidence level of the intervals.
    minimum : groups with fewer comparisons are not tested against the others.

    Returns
    -------
    DataFrame, one row per group: ``group``, ``statistic`` (``mismatch``), ``value`` (share of
    comparisons that differ, 0-1), ``unit``, ``ci_low``, ``ci_high`` (Wilson), ``n`` (comparisons),
    ``numerator``, ``others``, ``p_value``, ``p_adjusted``, ``flags`` (``stands_out``), ``status``,
    ``method``. Comparisons whose interview, item or first answer is missing are left out.

    Notes
    -----
    Two numbers are compared as numbers, all else as text without outer blanks. Opinions change and
    memory fails: facts (age, tenure, whether the interview took place) should agree, attitudes
    need not. Comparisons of one interview are not independent; the interval is a little short.

    References
    ----------
    AAPOR & ASA (2021), *Data fabrication in survey research*: re-contact of 5-15 % of interviews.
    """
    check_columns(backchecks, [respondent, "item", "answer"], "backchecks")
    check_columns(answers, [respondent, *([by] if by != "item" else [])], "answers")
    first = answers.drop_duplicates(respondent).set_index(respondent)
    again = backchecks[backchecks[respondent].isin(first.index)]
    again = again[again["item"].isin(first.columns)].reset_index(drop=True)
    asked = [first.at[r, i] for r, i in zip(again[respondent], again["item"], strict=True)]
    then, now = pd.Series(asked, dtype=object), again["answer"].astype(object)
    known = (then.notna() & now.notna()).to_numpy()
    one, two = (pd.to_numeric(s, errors="coerce").astype(float) for s in (then, now))
    same = np.where(one.notna() & two.notna(), one == two, _plain(then) == _plain(now))
    whose = again["item"] if by == "item" else again[respondent].map(first[by])
    differs = pd.DataFrame({"mismatch": ~same[known].astype(bool)})
    out = groups_compared(differs, whose[known], minimum=minimum)
    bounds = [binomial_interval(x, n, level=level) for x, n in zip(out["numerator"], out["n"],
                                                                   strict=True)]  # fmt: skip
    out["ci_low"], out["ci_high"] = [b[0] for b in bounds], [b[1] for b in bounds]
    # a share with its interval stands for itself, compared or not
    return out.assign(level=level, status="ok", method="survey.backcheck_agreement")


def _plain(values: pd.Series) -> pd.Series:
    return values.astype(str).str.strip()
