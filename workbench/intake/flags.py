"""What addresses, devices and free text say about an answer, computed before they are left out.

Ledgers get the column ``alike``: how like the likest ledger of another unit they are (Q-02); the
texts themselves stay in the house.

A flag never removes an answer; it enters the slice as a word in the column ``flags``:

``same_ip``      five or more answers of one unit and wave came from one address
``same_device``  three or more came from one device
``same_text``    three or more gave the same free text of at least eight characters
``same_place``   five or more gave one position to five decimals (about a metre)

An address or device whose answers all come from one interviewer is that person's tablet, and no
flag.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from workbench.study import Study

__all__ = ["add_alike", "add_flags", "flagged_by"]

_LEAST = {"same_ip": 5, "same_device": 3, "same_text": 3, "same_place": 5}
_SHORTEST = 8


def flagged_by(study: Study) -> set[str]:
    """Name the columns that :func:`add_flags` looks at."""
    texts = {code for code, item in study.codebook.items() if item.kind == "text"}
    columns = {"community", "wave", "interviewer", "ip", "device", "lat", "lon", "flags"}
    return columns | texts


def add_flags(responses: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Give ``responses`` with the column ``flags``: words joined by ``;``, missing for none."""
    marks: dict[str, pd.Series] = {
        "same_ip": responses["ip"],
        "same_device": responses["device"],
        "same_place": responses["lat"]
        .round(5)
        .astype("str")
        .str.cat(responses["lon"].round(5).astype("str"), sep=",")
        .where(responses["lat"].notna() & responses["lon"].notna()),
    }
    for code, item in study.codebook.items():
        if item.kind == "text" and code in responses:
            text = responses[code]
            marks[f"same_text {code}"] = text.where(text.str.len() >= _SHORTEST)
    out = responses["flags"].fillna("")
    who = responses.get("interviewer", pd.Series(None, index=responses.index, dtype="str"))
    alone = who.fillna("\n")  # no id: filled in without an interviewer
    for name, values in sorted(marks.items()):
        flag = name.split()[0]
        if values.count() < _LEAST[flag]:
            continue
        keys = [responses["community"], responses["wave"], values]
        n = values.notna().groupby(keys).transform("sum")
        hit = values.notna() & (n >= _LEAST[flag]) & ~out.str.contains(flag, regex=False)
        if flag in ("same_ip", "same_device"):
            hit &= who.isna() | (alone.groupby(keys).transform("nunique") > 1)
        out = out.where(~hit, out + ";" + flag)
    out = out.str.removeprefix(";")
    return responses.assign(flags=out.mask(out == ""))


def add_alike(documents: pd.DataFrame) -> pd.DataFrame:
    """Give ``documents`` with ``alike``, 0-1, for ledgers with a text; missing for all others."""
    from workbench.scoring import copied_texts

    ledgers = documents[documents["kind"].eq("ledger") & documents["text"].notna()]
    told = copied_texts(ledgers).round(3) if len(ledgers) else pd.Series(dtype=float)
    return documents.assign(alike=told.reindex(documents.index).astype(float))
