"""Interviews and focus groups coded by people: passages to code, and what the coders marked."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd

from workbench.survey.rows import to_rows
from workbench.text._frames import Row, exploded, need, refuse
from workbench.text.masking import mask

__all__ = [
    "MOST_THEMES",
    "NO_THEME",
    "NO_THEME_NAMES",
    "documents_of",
    "is_coded",
    "passages",
    "theme_counts",
    "theme_marks",
]

MOST_THEMES = 5
"""Themes that one coder can give one passage: columns ``theme_1`` to ``theme_5``."""
NO_THEME = "none"
"""What a coder gives a passage in which there is no theme; one left blank is not coded."""
NO_THEME_NAMES = ("没有主题", "no theme")
_BREAK = re.compile(r"(?:\r?\n)+")
_SENTENCE = re.compile(r"(?<=[。！？!?；;])\s*")
_LONG = 300  # characters from which on a passage is cut at the ends of sentences


def passages(
    documents: pd.DataFrame, *, document: str = "document", text: str = "text"
) -> pd.DataFrame:
    r"""Cut conversations into passages to be coded: a paragraph each, long ones at a sentence.

    Parameters
    ----------
    documents : DataFrame
        One row per conversation; rows without a text give nothing.
    document, text : str
        Columns of its id and its words.

    Returns
    -------
    DataFrame
        ``passage`` (``<document>:<n>``), ``document``, ``text`` (masked), and ``community`` where
        the frame has it; in the order of the documents.

    Examples
    --------
    >>> said = pd.DataFrame({"document": ["D1"], "text": ["张先生：电梯常坏。\n希望早点修。"]})
    >>> passages(said)[["passage", "text"]].values.tolist()
    [['D1:1', '【姓名】:电梯常坏。'], ['D1:2', '希望早点修。']]
    """
    need(documents, (document, text))
    rows: list[Row] = []
    for one in to_rows(documents[documents[text].notna()]):
        said = [part for line in _BREAK.split(str(one[text])) for part in _cut(line.strip())]
        for n, part in enumerate(said, 1):
            row: Row = {"passage": f"{one[document]}:{n}", "document": one[document]}
            if "community" in documents:
                row["community"] = one["community"]
            rows.append(row | {"text": mask(part)})
    columns = ["passage", "document", *(["community"] if "community" in documents else []), "text"]
    return pd.DataFrame(rows, columns=columns)


def _cut(line: str) -> list[str]:
    if len(line) <= _LONG:
        return [line] if line else []
    parts: list[str] = []
    for sentence in _SENTENCE.split(line):
        if parts and len(parts[-1]) + len(sentence) <= _LONG:
            parts[-1] += sentence
        elif sentence:
            parts.append(sentence)
    return parts


def _themes(codings: pd.DataFrame) -> pd.Series:
    """Give each row's themes joined by ``;``, from ``themes`` or ``theme_1`` … ``theme_5``."""
    if "themes" in codings:
        return codings["themes"].astype(object)
    names = [f"theme_{n}" for n in range(1, MOST_THEMES + 1) if f"theme_{n}" in codings]
    need(codings, names or ["theme_1"])
    given = codings[names].astype(object)
    return given.apply(lambda row: ";".join(str(v) for v in row if pd.notna(v)) or None, axis=1)


def is_coded(codings: pd.DataFrame) -> pd.Series:
    """Say of each row whether its coder gave anything, be it that there is no theme.

    Examples
    --------
    >>> is_coded(pd.DataFrame({"theme_1": ["lifts", "none", None]})).tolist()
    [True, True, False]
    """
    words = exploded(_themes(codings).reset_index(drop=True))
    return pd.Series(np.isin(np.arange(len(codings)), words.index), index=codings.index)


def theme_marks(
    codings: pd.DataFrame, *, passage: str = "passage", coder: str = "coder"
) -> dict[str, pd.DataFrame]:
    """Give, for each theme, passages × coders: 1 given, 0 not, missing where one did not code.

    Parameters
    ----------
    codings : DataFrame
        One row per passage and coder; ``themes`` joined by ``;`` or ``theme_1`` … ``theme_5``. The
        theme ``none`` says that there is none in the passage, a row without any was not coded.
    passage, coder : str
        Its columns.

    Returns
    -------
    dict
        Theme → table as `workbench.scoring.cohen_kappa`, ``krippendorff_alpha`` (nominal) and
        ``chance_corrected`` take it; themes in alphabetical order.

    Raises
    ------
    InputError
        A column lacks, or a coder coded a passage twice.
    """
    need(codings, (passage, coder))
    twice = codings.duplicated([passage, coder], keep=False)
    if twice.any():
        first = codings.loc[twice, [passage, coder]].iloc[0]
        raise refuse(
            "coded-twice",
            "同一编码员对同一段落编码多次",
            "a coder coded one passage more than once",
            column=passage,
            found=f"{first[passage]} × {first[coder]}",
        )
    frame = codings[[passage, coder]].assign(themes=_themes(codings)).reset_index(drop=True)
    words = exploded(frame["themes"])
    marks = {}
    given = frame.index.isin(words.index)
    for theme in sorted(set(words) - {NO_THEME}):
        hit = frame.index.isin(words.index[words.eq(theme)]).astype(float)
        hit = np.where(given, hit, np.nan)
        marks[theme] = frame.assign(_=hit).pivot(index=passage, columns=coder, values="_")
    return marks


def documents_of(codings: pd.DataFrame) -> pd.Series:
    """Give the conversation of each row: ``document``, else what stands before the passage's colon.

    Examples
    --------
    >>> documents_of(pd.DataFrame({"passage": ["D1:2", "D2:1"], "document": [None, "X"]})).tolist()
    ['D1', 'X']
    """
    begun = codings["passage"].astype(str).str.rpartition(":")[0]
    if "document" not in codings:
        return begun
    return codings["document"].astype(object).where(codings["document"].notna(), begun)


def theme_counts(
    codings: pd.DataFrame, *, labels: Mapping[str, Mapping[str, str]] | None = None
) -> pd.DataFrame:
    """Count passages and conversations by theme, and where the coders differ.

    Parameters
    ----------
    codings : DataFrame
        As for `theme_marks`; the conversation as `documents_of` tells it.
    labels : mapping, optional
        Theme → ``{zh, en}``.

    Returns
    -------
    DataFrame
        Per theme ``item``: ``value`` and ``n`` (passages to which every coder who coded them gave
        it), ``any`` (at least one did), ``documents`` (conversations in which it was given by all),
        ``differing`` (ids of the passages in dispute joined by ``;``), ``label_zh``, ``label_en``;
        most passages first. Counts of a conversation say what was spoken of, not how many residents
        think so: those who come to talk are no sample.
    """
    marks, known = theme_marks(codings), documents_of(codings).set_axis(codings["passage"])
    known = known[~known.index.duplicated()]
    rows: list[Row] = []
    for theme, table in marks.items():
        every, some = table.min(axis=1).eq(1), table.max(axis=1).eq(1)
        name = (labels or {}).get(theme, {})
        rows.append(
            {
                "item": theme,
                "statistic": "passages",
                "label_zh": name.get("zh", theme),
                "label_en": name.get("en", theme),
                "value": float(every.sum()),
                "unit": "count",
                "n": int(every.sum()),
                "any": int(some.sum()),
                "denominator": int(table.notna().any(axis=1).sum()),
                "documents": int(known.reindex(table.index[every]).nunique()),
                "differing": ";".join(map(str, table.index[some & ~every])),
                "method": "records.count",
                "status": "ok",
            }
        )
    out = pd.DataFrame(rows)
    if out.empty:
        return out
    return out.sort_values(
        ["value", "any", "item"], ascending=[False, False, True], ignore_index=True
    )
