"""What the tables of this package share: checks of what comes in, and rows of shares."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from workbench.errors import InputError, Problem

Row = dict[str, Any]


def refuse(code: str, zh: str, en: str, **place: Any) -> InputError:
    """Return the error for one thing wrong with an argument."""
    return InputError(Problem(code=f"text.{code}", zh=zh, en=en, **place))


def need(data: pd.DataFrame, columns: Iterable[str]) -> None:
    """Refuse a frame without one of the columns, naming all that are missing.

    Raises
    ------
    InputError
        With one problem for each missing column.
    """
    missing = [name for name in columns if name not in data.columns]
    if missing:
        found = ", ".join(map(str, data.columns))
        problems = [
            refuse(
                "column",
                f"表中没有列 {name}",
                f"the frame lacks the column {name}",
                column=name,
                found=found,
            ).problems[0]
            for name in missing
        ]
        raise InputError(*problems)


def share(hit: int, n: int, *, level: float) -> Row:
    """Give a share of a simple count with its Wilson interval; not computed over nothing."""
    from workbench.survey import binomial_interval

    row: Row = {"unit": "share", "n": n, "numerator": hit, "denominator": n}
    if not n:
        return row | {
            "status": "not_computed",
            "reason_zh": "没有可用的文本",
            "reason_en": "there is no text to go by",
        }
    low, high = binomial_interval(hit, n, level=level)
    return row | {
        "value": hit / n,
        "ci_low": low,
        "ci_high": high,
        "level": level,
        "method": "survey.ci.wilson",
        "status": "ok",
    }


def exploded(values: pd.Series) -> pd.Series:
    """Give the words of a column joined by ``;``, one row each, index repeated, none twice."""
    parts = values.dropna().astype(str).str.split(";").explode().str.strip()
    parts = parts[parts.ne("")]
    keyed = pd.DataFrame({"at": parts.index, "word": parts.to_numpy()}).drop_duplicates()
    return pd.Series(keyed["word"].to_numpy(), index=keyed["at"].to_numpy(), dtype=object)
