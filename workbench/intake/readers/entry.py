"""Entry workbooks of ``workbench forms``: known by a hidden sheet, read without any mapping."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from workbench.errors import Problem
from workbench.intake import xlsxfile
from workbench.intake.encoding import whole
from workbench.intake.frames import Log, refuse
from workbench.intake.readers.export import Export, Grid, Question
from workbench.intake.readers.workbook import rows_of
from workbench.study.codebook import asked_code

if TYPE_CHECKING:
    from workbench.study import Join, Source

__all__ = ["LISTS", "MARK", "Form", "entry", "form_of", "is_entry"]

MARK = "_workbench"
"""The hidden sheet that says what the workbook is."""
LISTS = "_workbench_lists"
"""The hidden sheet with the lists of answers."""
BODY = 1
"""Rows under the codes that describe the columns: the wording."""
_YES = {"是", "yes", "y", "true", "1", "完成"}


@dataclass(frozen=True)
class Form:
    """What an entry workbook says of itself.

    Attributes
    ----------
    kind
        The table its rows belong to: ``responses`` or ``inspections``.
    code, asked
        Code of the questions as they were printed, and each of them (:meth:`Item.asked`).
    wave, fixed
        What all rows have in common where they do not say otherwise: the wave; assessor and role.
    sheet, top
        Name of the sheet, and the number of its first row of data.
    letters
        Title → letter of its column.
    complete
        Whether the assessor calls the sheet complete; ``None`` where nobody is asked.
    """

    kind: str
    study: str
    code: str
    wave: str
    sheet: str
    asked: Mapping[str, Mapping[str, Any]]
    fixed: Mapping[str, str]
    complete: bool | None = None
    top: int = 0
    letters: Mapping[str, str] = field(default_factory=dict)


def is_entry(stream: BinaryIO) -> bool:
    """Whether the bytes are a workbook with the hidden sheet of a form."""
    try:
        with zipfile.ZipFile(stream) as archive, archive.open("xl/workbook.xml") as part:
            book = part.read(1 << 20)
    except xlsxfile.TORN:
        return False
    return re.search(rb'<sheet[^>]*\bname="' + MARK.encode() + b'"', book) is not None


def form_of(data: bytes, *, file: str) -> Form:
    """Read what an entry workbook says of itself.

    Raises
    ------
    InputError
        ``form.mark``: the hidden sheet was changed, or is of a version that is not known.
    """
    told: dict[str, str] = {}
    asked: dict[str, Any] = {}
    try:
        for row in xlsxfile.records(data, MARK, file=file):
            name, *cells = row
            if name == "asked":
                asked[cells[0]] = json.loads("".join(cells[1:]))
            elif cells:
                told[name] = cells[0]
        whole = told["version"] == "1" and asked_code(asked) == told["code"]
        form = Form(
            kind=told["table"],
            study=told["study"],
            code=told["code"],
            wave=told["wave"],
            sheet=told["sheet"],
            asked=asked,
            fixed={name: told[name] for name in ("assessor", "role") if told.get(name)},
        )
        _questions(form)
    except (KeyError, ValueError, IndexError, TypeError, AttributeError):
        whole = False
    if not whole:
        raise refuse(
            "form.mark",
            file,
            "录入表的隐藏页被改动，或出自未知版本：不能按录入表读取",
            "the hidden sheet of the entry workbook was changed, or its version is not known",
            "把数据粘贴到重新生成的录入表（workbench forms），或写 format: xlsx 与 columns:",
            "paste the rows into a template made anew (workbench forms); "
            "or write format: xlsx and columns:",
            found=f"version {told.get('version', '?')[:20]}, code {told.get('code', '?')[:20]}",
        )
    sheet, _, cell = told.get("complete", "").partition("!")
    return form if not cell else _completed(data, form, sheet, cell, file)


def _completed(data: bytes, form: Form, sheet: str, cell: str, file: str) -> Form:
    from dataclasses import replace

    place = re.fullmatch(r"([A-Z])(\d{1,4})", cell)
    said = ""
    if place is not None:
        rows = xlsxfile.records(data, sheet, file=file)
        n, k = int(place[2]) - 1, ord(place[1]) - ord("A")
        said = rows[n][k] if n < len(rows) and k < len(rows[n]) else ""
    return replace(form, complete=said.strip().casefold() in _YES)


def entry(stream: BinaryIO, how: Source | Join, log: Log, problems: list[Problem]) -> Grid:
    """Give the rows of an entry workbook under the codes of their columns."""
    from dataclasses import replace

    from openpyxl.utils import get_column_letter

    data = whole(stream, file=how.file)
    form = form_of(data, file=how.file)
    own: list[Problem] = []
    within = how.model_copy(update={"sheet": form.sheet, "header": 1 + BODY})
    sheet = rows_of(io.BytesIO(data), within, log, own)
    problems += [p for p in own if p.code != "file.header-merged"]
    first = "respondent" if form.kind == "responses" else "item"
    head = next((n for n, row in enumerate(sheet[:20]) if {first, "community"} <= set(row)), None)
    if head is None:
        raise refuse(
            "form.header",
            how.file,
            f"录入表“{form.sheet}”第 1 行的代码被改动",
            f'the codes in the first row of the sheet "{form.sheet}" were changed',
            "恢复第 1 行（从重新生成的录入表复制）",
            "restore the first row from a template made anew",
            expected=f"{first}, community, …",
            found=" | ".join(sheet[0][:6])[:80] if sheet else "",
        )
    rows = sheet[head:]
    letters = {
        title.strip(): get_column_letter(k) for k, title in enumerate(rows[0], 1) if title.strip()
    }
    form = replace(form, top=head + 2 + BODY, letters=letters)
    log.add(
        "intake.form",
        1,
        f"{how.file}：认作录入表（版本 {form.code}）；写 format: xlsx 则按普通表格读",
        f"{how.file}: taken for an entry workbook of version {form.code}; "
        "format: xlsx reads it as a plain table",
    )
    if form.complete is False:
        problems.append(
            Problem(
                code="form.open",
                file=how.file,
                zh="评分表未注明已完成：其评分一律不计入，封存之前也不要给他人看",
                en="the sheet is not called complete: none of its marks counts; "
                "show it to nobody before it is sealed",
                remedy_zh="评分人填完后在“说明”页填“是”并保存，再封存（workbench seal）",
                remedy_en="its assessor finishes it, writes 是 on the sheet 说明, saves, "
                "and seals it (workbench seal)",
                column="说明",
                expected="是",
                severity="warning",
            )
        )
    export = Export("form", questions=tuple(_questions(form)), form=form)
    grid = Grid(rows, how, export)
    grid.body = BODY
    return grid


def _questions(form: Form) -> list[Question]:
    """Give the questions as they were printed, for the comparison of waves."""
    out = []
    for code, item in form.asked.items():
        wording, kind = item["wording"], item["kind"]
        labels = {value: label["zh"] for value, label in item["values"].items()}
        out.append(
            Question(
                code,
                wording["zh"],
                kind,
                code,
                wording.get("en") or "",
                labels=labels if kind in ("scale", "single") else {},
            )
        )
    return out
