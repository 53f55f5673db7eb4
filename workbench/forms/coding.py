"""Coding sheets: the passages of conversations for each coder, with lists of themes to choose."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError, Problem
from workbench.forms.written import put, there
from workbench.results import same_bytes
from workbench.text import passages
from workbench.text.coding import MOST_THEMES, NO_THEME, NO_THEME_NAMES

if TYPE_CHECKING:
    import pandas as pd

    from workbench.study import Study

__all__ = ["coding_workbook", "write_coding_sheets"]

_KINDS = ("interview", "minutes")
_LISTS = "themes"
_THEMES = [f"theme_{n}" for n in range(1, MOST_THEMES + 1)]
_WIDTHS = {"passage": 14, "community": 12, "document": 12, "coder": 10, "text": 80, "note": 30}


def write_coding_sheets(study: Study, coders: Sequence[str], to: Path) -> int:
    """Write one coding sheet for each coder, ``<coder>.xlsx``, from interviews and minutes.

    The sheets read back without a mapping: ``codings: [{file: K1.xlsx}, {file: K2.xlsx}]`` under
    ``sources:``. Words in them are masked, yet they stay in the house.

    Returns
    -------
    int
        Passages in each sheet.

    Raises
    ------
    InputError
        The folder is there, a coder's name is none or stands twice, or there is nothing to code.
    """
    from workbench.intake import build

    problems = [
        _problem(
            "forms.coder",
            "编码员代号不合规定或重复",
            "no name for a coder, or one given twice",
            name,
        )
        for n, name in enumerate(coders)
        if not name.replace("-", "").replace("_", "").isalnum() or name in coders[:n]
    ]
    problems += there(to)
    if problems:
        raise InputError(*problems)
    tables = build(study)
    documents = tables.frames.get("documents")
    if documents is not None:
        documents = documents[documents["kind"].isin(_KINDS)]
    cut = passages(documents) if documents is not None and len(documents) else None
    if cut is None or cut.empty:
        raise InputError(
            _problem(
                "forms.coding",
                "没有可编码的内容：documents 表中没有带 text 的 interview 或 minutes",
                "nothing to code: no documents of kind interview or minutes with a text",
                "documents",
            )
        )
    themes: Mapping[str, Mapping[str, str]] = tables.text.get("topics") or {}
    put({f"{coder}.xlsx": coding_workbook(cut, coder, themes) for coder in coders}, to)
    return len(cut)


_REMEDIES = {
    "forms.coder": (
        "用字母、数字、横线，每人一个",
        "letters, digits, hyphens; one for each person",
    ),
    "forms.coding": ("在 documents 表中给出谈话的文字", "give the words in the table documents"),
}


def _problem(code: str, zh: str, en: str, found: str) -> Problem:
    remedy = _REMEDIES[code]
    return Problem(code=code, zh=zh, en=en, found=found, remedy_zh=remedy[0], remedy_en=remedy[1])


def coding_workbook(
    cut: pd.DataFrame, coder: str, themes: Mapping[str, Mapping[str, str]]
) -> bytes:
    """Give one coder's sheet: a row per passage, five columns of themes with a list each.

    Parameters
    ----------
    cut
        What `workbench.text.passages` gives.
    coder
        Who codes; stands in every row.
    themes
        Code → ``{zh, en}``.

    Returns
    -------
    bytes
        The same for the same passages. The first of the list says that there is no theme; a row
        left blank is not coded.
    """
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    book = Workbook()
    page: Any = book.active
    page.title = "coding"
    heads = ["passage", "community", "document", "coder", "text", *_THEMES, "note"]
    page.append(heads)
    frame = cut.reindex(columns=heads).assign(coder=coder).astype(object)
    for row in frame.where(frame.notna(), None).itertuples(index=False):
        page.append([None] * len(heads))
        for k, value in enumerate(row, 1):
            cell = page.cell(page.max_row, k)
            cell.value = value
            cell.data_type = "s" if isinstance(value, str) else "n"  # a text is never a formula
            cell.number_format = "@"
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    for k, head in enumerate(heads, 1):
        page.cell(1, k).font = Font(bold=True)
        page.column_dimensions[get_column_letter(k)].width = _WIDTHS.get(head, 18)
    page.freeze_panes = "B2"
    store = book.create_sheet(_LISTS)
    store.append([f"{NO_THEME} {NO_THEME_NAMES[0]}"])
    for code, name in themes.items():
        store.append([f"{code} {name['zh']}"])
    store.sheet_state = "veryHidden"
    rule = DataValidation(type="list", formula1=f"{_LISTS}!$A$1:$A${len(themes) + 1}")
    rule.allow_blank, rule.showErrorMessage = True, True
    rule.errorTitle, rule.error = "不在主题列表中", "not in the list of themes"
    page.add_data_validation(rule)
    first, last = (get_column_letter(heads.index(name) + 1) for name in (_THEMES[0], _THEMES[-1]))
    rule.add(f"{first}2:{last}{len(cut) + 1}")
    out = io.BytesIO()
    book.save(out)
    return same_bytes(out.getvalue())
