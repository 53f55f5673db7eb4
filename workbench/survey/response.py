"""Who answered: AAPOR outcome rates, substitution, the sample against the population."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from workbench.errors import InputError, Problem
from workbench.survey._input import (
    Floats,
    check_columns,
    coded_labels,
    labels,
    names,
    numbers,
    refuse,
)
from workbench.survey._margins import check_margins
from workbench.survey.design import Design
from workbench.survey.rows import from_rows

Group = tuple[Any, ...]  # labels, ``None`` where one is missing
Cell = tuple[int, Group, str]  # place of the variable, group, category

KINDS = ("I", "P", "R", "NC", "O", "UH", "UO", "NE")
RATES = (
    *(f"rr{i}" for i in range(1, 7)),
    *(f"coop{i}" for i in range(1, 5)),
    *(f"ref{i}" for i in range(1, 4)),
    *(f"con{i}" for i in range(1, 4)),
)


def disposition_kind(codes: pd.Series[str]) -> pd.Series[str]:
    """Return the AAPOR class of each final disposition code: I, P, R, NC, O, UH, UO or NE.

    Parameters
    ----------
    codes : text such as ``1.1``, ``2.10``, ``2.112``, ``3.20``, ``4.10``, shape (n,). Not missing.

    Raises
    ------
    InputError
        A code is missing or is not an AAPOR code, with its row.

    References
    ----------
    AAPOR (2023), *Standard Definitions*, 10th edition, table 1.
    """
    text = labels(codes)
    filled = text.fillna("")
    # the patterns exclude one another; a code is looked up once, however many cases have it
    patterns = (
        (r"1\.1\d*", "I"),
        (r"1\.2\d*", "P"),
        (r"2\.1\d*", "R"),
        (r"2\.2\d*", "NC"),
        (r"2\.3\d*", "O"),
        (r"3\.1\d*", "UH"),
        (r"3(\.[02-9]\d*)?", "UO"),
        (r"4(\.\d+)?", "NE"),
    )
    known = {
        code: next((name for pattern, name in patterns if re.fullmatch(pattern, str(code))), "")
        for code in filled.unique()
    }
    kind = pd.Series([known[code] for code in filled.tolist()], index=filled.index, dtype=object)
    bad = np.flatnonzero((kind == "").to_numpy())
    if bad.size:
        problems = [
            Problem(
                code="survey.disposition",
                column="disposition",
                row=int(i) + 1,
                zh="不是 AAPOR 最终处置码",
                en="not a final AAPOR disposition code",
                found=str(filled.iloc[i]) or "(empty)",
                expected="1.1, 1.2, 2.1x, 2.2x, 2.3x, 3.1x, 3.x, 4.x",
                remedy_zh="按 AAPOR 标准定义编码每个抽中的个案",
                remedy_en="code every sampled case by AAPOR Standard Definitions",
            )
            for i in bad[:20]
        ]
        raise InputError(*problems)
    return kind


def response_rates(
    dispositions: pd.DataFrame | None,
    *,
    by: str | Sequence[str] | None = None,
    e: float | None = None,
    disposition: str = "disposition",
    n: str = "n",
) -> pd.DataFrame:
    """AAPOR response, cooperation, refusal and contact rates.

    Parameters
    ----------
    dispositions : one row per sampled case, or per ``n`` equal ones; ``None`` or empty: every
        rate is "not computed: no record of who was not reached".
    by : column or columns (wave, mode, community); cases without a label are a group of their own.
    e : share of cases of unknown eligibility taken as eligible, 0-1; ``None``: proportional
        allocation in each group, ``(I+P+R+NC+O) / (I+P+R+NC+O+NE)``.
    disposition, n : names of the columns of code (text) and count (optional column; missing is
        an error).

    Returns
    -------
    DataFrame: ``item`` (``dispositions``), the ``by`` columns, ``statistic`` (rr1-rr6, coop1-coop4,
    ref1-ref3, con1-con3, e, count_I ... count_NE), ``value``, ``unit``, ``n`` (cases),
    ``numerator``, ``denominator``, ``method``, ``status``, ``flags``, ``reason_zh``, ``reason_en``.

    Raises
    ------
    InputError
        A code is not AAPOR's, a count is negative or missing, ``e`` is outside 0-1.

    References
    ----------
    AAPOR (2023), *Standard Definitions*, 10th edition, "Outcome rates".

    Examples
    --------
    >>> cases = pd.DataFrame({"disposition": ["1.1", "2.10", "3.20"], "n": [6, 2, 2]})
    >>> rates = response_rates(cases).set_index("statistic")
    >>> float(rates.loc["rr1", "value"])
    0.6
    """
    if e is not None and not 0 <= e <= 1:
        raise refuse("survey.e", "e 须在 0 与 1 之间", "e must lie between 0 and 1", found=str(e))
    keys = names(by)
    if dispositions is None or len(dispositions) == 0:
        return _no_record(keys)
    check_columns(dispositions, [disposition, *keys], "dispositions")
    kind = disposition_kind(dispositions[disposition])
    size = np.ones(len(dispositions))
    if n in dispositions.columns:
        size = numbers(dispositions, n)
        bad = np.flatnonzero(np.isnan(size) | (size < 0))
        if bad.size:
            raise refuse(
                "survey.disposition-count",
                "个案数缺失或为负",
                "the number of cases is missing or negative",
                column=n,
                row=int(bad[0]) + 1,
            )
    said = kind.to_numpy()
    cells = pd.DataFrame({name: np.where(said == name, size, 0.0) for name in KINDS})
    if not keys:
        return _rates(cells.sum().to_frame().T, keys, e)
    whose = [dispositions[key].reset_index(drop=True) for key in keys]
    return _rates(cells.groupby(whose, dropna=False).sum().reset_index(), keys, e)


def _rates(table: pd.DataFrame, keys: list[str], e: float | None) -> pd.DataFrame:
    i, p, r, nc, o, uh, uo, ne = (table[k].to_numpy(dtype=float) for k in KINDS)
    known = i + p + r + nc + o
    u = uh + uo
    with np.errstate(divide="ignore", invalid="ignore"):
        share = known / (known + ne) if e is None else np.full(known.size, float(e))
    all_ = known + u
    some = known + share * u
    spoken = i + p + r + o
    pairs: dict[str, tuple[Floats, Floats]] = {
        "rr1": (i, all_),
        "rr2": (i + p, all_),
        "rr3": (i, some),
        "rr4": (i + p, some),
        "rr5": (i, known),
        "rr6": (i + p, known),
        "coop1": (i, spoken),
        "coop2": (i + p, spoken),
        "coop3": (i, i + p + r),
        "coop4": (i + p, i + p + r),
        "ref1": (r, all_),
        "ref2": (r, some),
        "ref3": (r, known),
        "con1": (spoken, all_),
        "con2": (spoken, some),
        "con3": (spoken, known),
    }
    none = np.full(known.size, np.nan)
    blocks: list[tuple[str, Floats, str, Floats, Floats]] = []
    for statistic, (top, below) in pairs.items():
        with np.errstate(divide="ignore", invalid="ignore"):
            blocks.append(
                (statistic, np.where(below > 0, top / below, np.nan), "share", top, below)
            )
    top, below = (known, known + ne) if e is None else (none, none)
    blocks.append(("e", share, "share", top, below))
    blocks += [
        (f"count_{kind}", table[kind].to_numpy(dtype=float), "count", none, none) for kind in KINDS
    ]
    names, values, units, tops, belows = zip(*blocks, strict=True)
    value = np.concatenate(values)
    empty = ~np.isfinite(value)
    whole = pd.concat([table[keys]] * len(blocks), ignore_index=True)
    columns = {
        "item": "dispositions",
        **{key: whole[key] for key in keys},
        "statistic": np.repeat(names, known.size),
        "value": value,
        "unit": np.repeat(units, known.size),
        "n": np.tile(all_ + ne, len(blocks)),
        "numerator": np.concatenate(tops),
        "denominator": np.concatenate(belows),
        "method": "survey.response.aapor",
        "status": np.where(empty, "not_computed", "ok"),
        "flags": "",
        "reason_zh": np.where(empty, "分母为零", ""),
        "reason_en": np.where(empty, "the denominator is zero", ""),
    }
    return pd.DataFrame(columns, index=whole.index)


def _no_record(keys: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame({"item": "dispositions", "statistic": list(RATES)})
    for key in keys:
        frame[key] = None
    frame["value"] = np.nan
    frame["unit"] = "share"
    frame["n"] = 0.0
    frame["numerator"] = np.nan
    frame["denominator"] = np.nan
    frame["method"] = "survey.response.aapor"
    frame["status"] = "not_computed"
    frame["flags"] = "no_dispositions"
    frame["reason_zh"] = "没有未接触者的记录，无法计算"
    frame["reason_en"] = "no record of who was not reached"
    return frame


def substitution_rates(
    dispositions: pd.DataFrame, *, by: str | Sequence[str] | None = "interviewer"
) -> pd.DataFrame:
    """Share of cases that stand in for another one (换户率), by interviewer.

    Parameters
    ----------
    dispositions : one row per case (or ``n`` equal ones), with ``substitute_for`` (missing: an
        original case). A substitute counts as a case of its own in every response rate.

    Returns
    -------
    DataFrame: ``item``, the ``by`` columns, ``statistic`` ``substitution_rate``, ``value`` (share),
    ``n``, ``numerator``, ``denominator``, ``method``, ``status``.
    """
    keys = names(by)
    check_columns(dispositions, ["substitute_for", *keys], "substitution_rates")
    frame = dispositions[keys].copy()
    frame["_all"] = 0
    size = numbers(dispositions, "n") if "n" in dispositions.columns else np.ones(len(frame))
    frame["_n"] = size
    frame["_sub"] = size * dispositions["substitute_for"].notna().to_numpy()
    table = frame.groupby(keys or ["_all"], dropna=False)[["_n", "_sub"]].sum().reset_index()
    out = table[keys].copy()
    out.insert(0, "item", "dispositions")
    out["statistic"] = "substitution_rate"
    out["value"] = (table["_sub"] / table["_n"].where(table["_n"] > 0)).to_numpy()
    out["unit"] = "share"
    out["n"] = table["_n"].to_numpy()
    out["numerator"] = table["_sub"].to_numpy()
    out["denominator"] = table["_n"].to_numpy()
    out["method"] = "survey.response.substitution"
    out["status"] = np.where(out["value"].notna(), "ok", "not_computed")
    return out


def composition(
    design: Design, margins: pd.DataFrame, *, by: str | Sequence[str] | None = None
) -> pd.DataFrame:
    """Compare the sample with the population, variable by variable.

    Parameters
    ----------
    design : the sample, with whatever weights it has now.
    margins : as in :func:`workbench.survey.rake`; with or without the ``by`` columns.
    by : column or columns; each group is compared by itself.

    Returns
    -------
    DataFrame, one row per group, variable and category: ``item`` (variable), the ``by`` columns,
    ``category``, ``statistic`` (``composition``), ``value`` (share with the present weights),
    ``unit``, ``n`` (respondents), ``share_unweighted``, ``share_base`` (base weights),
    ``population`` (share), ``difference`` (value minus population), ``difference_unweighted``,
    ``standardised_difference``, ``method``, ``status``, ``reason_zh``, ``reason_en``. A category
    without respondents has value 0; one that the margins lack has population 0. Rows with a
    missing answer are left out of the shares and counted in ``n_missing``.

    Notes
    -----
    Standardised difference: ``(p - P) / sqrt(P (1 - P))`` of the unweighted share ``p``, so that it
    does not grow with n; above 0.1 is commonly called noticeable.

    References
    ----------
    Austin (2009), Statistics in Medicine 28, 3083-3107.
    """
    table = check_margins(margins)
    keys = names(by)
    check_columns(design.data, keys, "by")
    frame = _compared(design, table, keys)
    frame["method"] = "survey.composition"
    empty = frame["value"].isna()
    frame["status"] = np.where(empty, "not_computed", "ok")
    frame["reason_zh"] = np.where(empty, "该组没有已知该变量的受访者", "")
    frame["reason_en"] = np.where(empty, "no respondent of this group has the variable", "")
    return frame


def _compared(design: Design, table: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Each variable's shares in the sample and in the population, by group and category."""
    variables = list(dict.fromkeys(table["variable"]))
    counts, lost, groups = _counted(design, variables, keys)
    own = [(keys.index(c), labels(table[c]).tolist()) for c in keys if c in table.columns]
    rows: list[tuple[Cell, list[float]]] = []
    told = zip(table["variable"], table["category"], table["count"].tolist(), strict=True)
    for i, (variable, category, count) in enumerate(told):
        at = variables.index(variable)
        for group in groups:
            if all(group[key] == values[i] for key, values in own):
                cell = at, group, category
                rows.append((cell, [count, *counts.get(cell, (0.0, 0.0, 0.0))]))
    there = {cell for cell, _ in rows}
    rows += [(cell, [0.0, *sums]) for cell, sums in counts.items() if cell not in there]
    rows.sort(key=lambda row: (row[0][0], [(k is None, k or "") for k in row[0][1]], row[0][2]))
    cells = [cell for cell, _ in rows]
    out = pd.DataFrame(
        [figures for _, figures in rows], columns=["count", "n", "base", "now"], dtype=float
    )
    place = {pair: at for at, pair in enumerate(dict.fromkeys(cell[:2] for cell in cells))}
    whole = out.groupby([place[cell[:2]] for cell in cells]).transform("sum")
    whole[[None in group for _, group, _ in cells]] = np.nan
    share = out / whole.where(whole > 0)
    difference = share["n"] - share["count"]
    sd = (share["count"] * (1 - share["count"])) ** 0.5
    return pd.DataFrame(
        {
            "item": [variables[at] for at, _, _ in cells],
            **{
                c: pd.Series([group[i] for _, group, _ in cells], dtype=object)
                for i, c in enumerate(keys)
            },
            "category": [category for _, _, category in cells],
            "statistic": "composition",
            "value": share["now"],
            "unit": "share",
            "n": out["n"],
            "n_missing": [float(lost[cell[:2]]) for cell in cells],
            "share_unweighted": share["n"],
            "share_base": share["base"],
            "population": share["count"],
            "difference": share["now"] - share["count"],
            "difference_unweighted": difference,
            "standardised_difference": difference / sd.where(sd > 0),
        }
    )


def _counted(
    design: Design, variables: Sequence[str], keys: Sequence[str]
) -> tuple[dict[Cell, list[float]], dict[tuple[int, Group], int], list[Group]]:
    """Respondents by cell (number, base and present weight), by lack of an answer, and the groups.

    Who has no label of a group is in none: such a group is listed, and empty.
    """
    inside = np.flatnonzero(design.inside)
    texts = [labels(design.data[c]).to_numpy()[inside].tolist() for c in keys]
    who: list[Group] = list(zip(*texts, strict=True)) if keys else [()] * len(inside)
    groups = list(dict.fromkeys(who)) if keys else [()]
    place = {group: at for at, group in enumerate(groups)}
    number = np.array([place[group] for group in who], dtype=np.int64)
    labelled = np.array([None not in group for group in groups], dtype=bool)[number]
    cells: list[Cell] = []
    codes: list[np.ndarray[Any, Any]] = []
    lost: dict[tuple[int, Group], int] = {}
    for at, variable in enumerate(variables):
        answer, named = coded_labels(design.data, str(variable))
        answer = answer[inside]
        code = len(cells) + number * len(named) + answer
        codes.append(np.where(labelled & (answer >= 0), code, -1))
        cells += [(at, group, category) for group in groups for category in named]
        without = np.bincount(number[labelled & (answer < 0)], minlength=len(groups))
        lost |= {(at, group): n for group, n in zip(groups, without.tolist(), strict=True)}
    code = np.concatenate(codes)
    weights = [np.tile(w[inside], len(codes)) for w in (design.base_weights, design.weights)]
    figures = pd.DataFrame({"n": np.ones(len(code)), "base": weights[0], "now": weights[1]})
    sums = figures[code >= 0].groupby(code[code >= 0]).sum()
    counts = zip(sums.index.tolist(), sums.to_numpy().tolist(), strict=True)
    return {cells[at]: row for at, row in counts}, lost, groups


def representativity(frame: pd.DataFrame, response_rate: float) -> pd.DataFrame:
    """Summarise how unlike the population those who answered are: one row per variable.

    Parameters
    ----------
    frame : result of :func:`composition` for one group (one wave): ``item``, ``population``,
        ``share_unweighted``, ``standardised_difference``.
    response_rate : overall response rate, in (0, 1]; missing leaves the R-indicator out.

    Returns
    -------
    DataFrame ``item``, ``statistic`` (``largest_difference``: largest absolute standardised
    difference; ``dissimilarity``: half the sum of absolute differences, the share of answers that
    would have to move; ``r_indicator``; ``max_bias``: bound on the absolute bias of a mean whose
    standard deviation is 1), ``value``, ``unit``, ``category`` (of the largest difference),
    ``method``, ``status``, ``reason_zh``, ``reason_en``.

    Notes
    -----
    Response propensities by category are taken as ``rr p_c / P_c``; ``R = 1 - 2 S`` with ``S``
    their standard deviation in the population, ``max_bias = S / rr``. One variable at a time, on
    the margins: differences inside categories are not seen. Sampling error makes R look lower than
    it is when few answered.

    References
    ----------
    Schouten, Cobben & Bethlehem (2009), Survey Methodology 35, 101-113, eq. 3 and 13.

    Examples
    --------
    >>> told = {"item": ["sex"] * 2, "category": ["F", "M"], "population": [0.5, 0.5],
    ...         "share_unweighted": [0.6, 0.4], "standardised_difference": [0.2, -0.2]}
    >>> out = representativity(pd.DataFrame(told), 0.5).set_index("statistic")["value"]
    >>> out.round(3).to_dict()
    {'largest_difference': 0.2, 'dissimilarity': 0.1, 'r_indicator': 0.8, 'max_bias': 0.2}
    """
    columns = ["item", "category", "population", "share_unweighted", "standardised_difference"]
    check_columns(frame, columns, "composition")
    known = np.isfinite(response_rate)
    if known and not 0 < response_rate <= 1:
        raise refuse(
            "survey.response-rate",
            "应答率须在 (0, 1] 内",
            "the response rate must lie in (0, 1]",
            found=str(response_rate),
        )
    rows = []
    for item, part in frame.groupby("item", sort=False):
        part = part[part["population"] > 0]
        big, p = part["population"].to_numpy(), part["share_unweighted"].to_numpy()
        size = part["standardised_difference"].abs()
        where = (
            str(part["category"].to_numpy()[size.to_numpy().argmax()]) if size.notna().any() else ""
        )
        spread = float(np.sqrt(big @ (p / big - 1) ** 2)) if len(part) else np.nan
        told: list[tuple[str, float, str]] = [
            ("largest_difference", float(size.max()), "ratio"),
            ("dissimilarity", float(np.abs(p - big).sum() / 2), "share"),
            ("r_indicator", 1 - 2 * response_rate * spread if known else np.nan, "ratio"),
            ("max_bias", spread, "ratio"),
        ]
        for statistic, value, unit in told:
            ok = np.isfinite(value)
            rows.append(
                {
                    "item": item,
                    "category": where if statistic == "largest_difference" else "",
                    "statistic": statistic,
                    "value": value,
                    "unit": unit,
                    "method": "survey.representativity",
                    "status": "ok" if ok else "not_computed",
                    "reason_zh": "" if ok else "没有应答率",
                    "reason_en": "" if ok else "there is no response rate",
                }
            )
    return from_rows(rows)
