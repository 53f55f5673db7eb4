"""Entry workbooks: one for questionnaires, one for each assessor, with lists of what may stand.

What they are is said on hidden sheets, so that intake reads them back without any mapping
(:mod:`workbench.intake.readers.entry`).
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from workbench.intake.entered import WORDS, said
from workbench.intake.readers.entry import LISTS, MARK
from workbench.intake.tables import TABLES
from workbench.results import same_bytes
from workbench.study.codebook import asked_code

if TYPE_CHECKING:
    from workbench.forms.asked import Asked, Assessor
    from workbench.study import Item

__all__ = ["assessor_workbook", "responses_workbook"]

ROWS = 5000
"""Rows under the heads for which the lists hold."""
_TOP = 3
_PART = 30_000  # characters of a cell; a spreadsheet keeps 32,767
_FIRST = ("respondent", "community", "wave", "mode", "interviewer", "started", "finished")
_TITLES = {
    "respondent": ("问卷编号", "questionnaire no."),
    "community": ("单位", "unit"),
    "wave": ("期次（空 = 本期）", "wave (blank: the current one)"),
    "mode": ("方式", "mode"),
    "interviewer": ("访问员", "interviewer"),
    "started": ("开始时间", "started"),
    "finished": ("结束时间", "finished"),
    "case": ("样本编号", "case"),
    "stratum": ("分层", "stratum"),
    "psu": ("楼栋", "primary unit (building)"),
    "ssu": ("户", "secondary unit (household)"),
    "fpc1": ("本层楼栋数", "primary units of the stratum"),
    "fpc2": ("本楼户数", "secondary units of the primary unit"),
    "base_weight": ("基础权数", "base weight"),
    "panel_id": ("追踪编号", "panel id"),
    "complete": ("是否完成", "complete"),
    "assessor": ("评分人", "assessor"),
    "role": ("身份", "role"),
    "visit": ("检查方式", "kind of visit"),
    "item": ("检查项", "item"),
    "place": ("地点", "place"),
    "observed_at": ("检查时间", "observed at"),
    "score": ("得分", "score"),
    "passed": ("是否合格", "passed"),
    "max_score": ("满分", "points at most"),
    "reason": ("扣分理由（扣分时必填）", "reason (where points are lost)"),
    "photos": ("照片编号", "photos"),
    "note": ("备注（不外传）", "note (stays in the house)"),
}


@dataclass(frozen=True)
class _Column:
    """A column of a template: code, heads, type, and what its list offers."""

    code: str
    head: str
    type: str = "text"
    choices: Sequence[tuple[str, str]] = ()
    strict: bool = True
    low: float | None = None
    high: float | None = None
    lost: Sequence[str] = ()
    fill: str = "DFE5EB"


def responses_workbook(asked: Asked) -> bytes:
    """Give the template in which questionnaires are entered: a row each, items by their code.

    Returns
    -------
    bytes
        The same for the same study. Sheet ``录入``: codes in the first row, wording in the second.
    """
    table = TABLES["responses"]
    columns = [_canonical(asked, "responses", name) for name in _FIRST]
    for n, (code, item) in enumerate(asked.questions.items(), 1):
        columns += _item_columns(n, code, item)
    rest = [n for n in table.names() if n not in _FIRST and n in _TITLES]
    columns += [_canonical(asked, "responses", name, fill="F3E8D2") for name in rest]
    book, pages = _book("录入")
    _entry(book, pages, columns)
    guide = [
        ("数据录入说明", "How to enter questionnaires", ""),
        ("项目", "study", asked.study),
        ("问卷版本", "version of the questionnaire", asked.code),
        ("一行一份问卷；第 1、2 行不要改动。",
         "One row per questionnaire; leave rows 1 and 2.", ""),
        ("选择题填代码或文字均可，列表中有缺失代码（如 不清楚、未答）。",
         "Choices by code or label; the lists hold the codes for missing answers.", ""),
        ("多选题每个选项一列：选了填 1，其余可留空；一个都没选填一个 0。",
         "Several answers: 1 for each that is ticked; 0 in one where none is.", ""),
        ("没有作答的题留空，或填列表中的缺失代码。",
         "Leave blank what was not answered, or give the code from the list.", ""),
        ("右侧底色不同的列由办公室填写（抽样与权数）。",
         "The office fills in the columns at the right (sample and weights).", ""),
    ]  # fmt: skip
    _guide(book, guide)
    _mark(book, asked, "responses", asked.code, asked.questions, pages.title, {})
    return _bytes(book)


def assessor_workbook(asked: Asked, who: Assessor | None) -> bytes:
    """Give the scoring sheet of one assessor, or one that says in each row whose it is.

    The assessor calls it complete on the sheet ``说明``; until then ``workbench seal`` refuses it.
    """
    names = [] if who is not None else ["assessor", "role"]
    names += ["community", "wave", "visit", "item", "place", "observed_at", "passed", "score"]
    names += ["max_score", "reason", "photos", "note"]
    book, pages = _book("评分")
    _entry(book, pages, [_canonical(asked, "inspections", name) for name in names])
    guide = [
        ("评分说明", "How to score", ""),
        ("项目", "study", asked.study),
        ("检查表版本", "version of the sheet", asked.inspection_code),
        ("评分人", "assessor", "" if who is None else who.assessor),
        ("身份", "role", "" if who is None else who.role),
        ("独立评分：封存之前不看他人的评分表，也不给他人看。",
         "Score alone: see nobody's sheet and show yours to nobody before it is sealed.", ""),
        ("一行是一个检查项在一个地点的评分；合格项填“是否合格”，计分项填得分与满分。",
         "One row: one item at one place; passed or failed, or score and points at most.", ""),
        ("扣分或不合格必须写理由。", "Give a reason wherever points are lost.", ""),
        ("全部完成后在右格填“是”，然后封存（workbench seal），把封存码报给办公室：",
         "When all is done write 是 at the right, seal the file (workbench seal), tell the code:",
         ""),
    ]  # fmt: skip
    page = _guide(book, guide, asked.listed())
    from openpyxl.worksheet.datavalidation import DataValidation

    done = DataValidation(type="list", formula1='"是,否"', allow_blank=True)
    page.add_data_validation(done)
    done.add(f"C{len(guide)}")
    fixed = {} if who is None else {"assessor": who.assessor, "role": who.role}
    fixed |= {"complete": f"{page.title}!C{len(guide)}"}
    code = asked.inspection_code
    _mark(book, asked, "inspections", code, asked.inspected, pages.title, fixed)
    return _bytes(book)


def _canonical(asked: Asked, table: str, name: str, **more: Any) -> _Column:
    """Give the column of a canonical name, with the words it may hold."""
    column = next(c for c in TABLES[table].columns if c.name == name)
    zh, en = _TITLES[name]
    choices: list[tuple[str, str]] = []
    if name == "community":
        choices = [(unit, label) for unit, label in asked.units]
    elif name == "wave":
        choices = [(wave, "") for wave in asked.waves]
    elif name == "item":
        choices = [(code, item.wording.zh) for code, item in asked.inspected.items()]
    elif name in WORDS:
        words = dict(WORDS[name])
        if name == "mode":
            words = {m: words.get(m, (m, m)) for m in dict.fromkeys([*asked.modes, *words])}
        choices = [(code, label) for code, (label, _) in words.items()]
    low = column.low if column.low is not None else column.above
    low = 0.0 if name == "score" else low
    strict = name not in ("mode", "role")
    return _Column(
        name,
        f"{zh}\n{en}",
        column.type,
        choices,
        strict,
        low if column.type != "int" else 0,
        **more,
    )


def _item_columns(number: int, code: str, item: Item) -> list[_Column]:
    """Give the column of an item, or those of its options; numbered as on paper."""
    words = dict.fromkeys(filter(None, (item.wording.zh, item.wording.en)))
    head = f"{number}. " + "\n".join(words)
    lost = [(c, said(reason)[0]) for c, reason in item.missing.items()]
    codes = tuple(item.missing)
    if item.kind == "multiple":
        return [
            _Column(f"{code}__{option}", f"{head}\n【{label.zh}】", "bool",
                    [("1", ""), ("0", ""), *lost])
            for option, label in item.values.items()
        ]  # fmt: skip
    if item.kind in ("scale", "single"):
        labels = {c: "" if label.zh == c else label.zh for c, label in item.values.items()}
        return [_Column(code, head, "int" if item.whole else "id",
                        [*((p, labels.get(p, "")) for p in item.points), *lost])]  # fmt: skip
    if item.kind == "check":
        return [_Column(code, head, "bool", [("是", ""), ("否", ""), *lost])]
    low, high = item.range or (None, None)
    kind = {"number": "float", "date": "date"}.get(item.kind, "text")
    return [_Column(code, head, kind, low=low, high=high, lost=codes)]


def _book(title: str) -> tuple[Any, Any]:
    from openpyxl import Workbook

    book = Workbook()
    page: Any = book.active
    page.title = title
    return book, page


def _entry(book: Any, page: Any, columns: Sequence[_Column]) -> None:
    """Write heads, formats and validations of the sheet that is filled in."""
    from openpyxl.styles import Alignment, Font, PatternFill, Protection
    from openpyxl.utils import get_column_letter

    lists: dict[tuple[tuple[str, str], ...], str] = {}
    store = book.create_sheet(LISTS)
    for k, column in enumerate(columns, 1):
        letter = get_column_letter(k)
        for row, text in ((1, column.code), (2, column.head)):
            cell = page.cell(row, k)
            _text(cell, text)
            cell.font = Font(bold=row == 2, color="5B6776" if row == 1 else "1D2733", size=9)
            cell.fill = PatternFill("solid", fgColor=column.fill)
            cell.alignment = Alignment(wrap_text=True, vertical="top")
        narrow = column.type in ("int", "bool", "float") and len(column.head) < 60
        page.column_dimensions[letter].width = 16 if narrow else 20
        _form(page.column_dimensions[letter], column)
        page.column_dimensions[letter].protection = Protection(locked=False)
        where = f"{letter}{_TOP}:{letter}{_TOP + ROWS - 1}"
        _validate(page, column, f"{letter}{_TOP}", where, store, lists)
    page.row_dimensions[2].height = 78
    page.freeze_panes = f"B{_TOP}" if columns[0].code != "respondent" else f"C{_TOP}"
    store.sheet_state = "veryHidden"


def _form(dimension: Any, column: _Column) -> None:
    """Set how a column shows what is typed: ids and texts stay text, with their zeros."""
    forms = {"date": "yyyy-mm-dd", "time": "yyyy-mm-dd hh:mm"}
    if column.type in ("id", "text", "words") and not column.choices:
        dimension.number_format = "@"
    elif column.type in forms:
        dimension.number_format = forms[column.type]


def _validate(
    page: Any,
    column: _Column,
    first: str,
    where: str,
    store: Any,
    lists: dict[tuple[tuple[str, str], ...], str],
) -> None:
    """Set the list of a column, or the range of its numbers and dates."""
    from openpyxl.worksheet.datavalidation import DataValidation

    rule: Any
    if column.choices:
        rule = DataValidation(type="list", formula1=_listed(store, tuple(column.choices), lists))
        if not column.strict:
            rule.errorStyle = "warning"
        shown = "、".join(f"{c} {label}".strip() for c, label in column.choices[:12])
    elif column.type in ("float", "int"):
        rule = _numbers(column, first)
        shown = f"{_bound(column.low)} – {_bound(column.high)}"
    elif column.type in ("date", "time"):
        rule = DataValidation(type="date", operator="greaterThan", formula1="1")
        if column.lost:
            rule = DataValidation(type="custom", formula1=_or(f"ISNUMBER({first})", column, first))
        shown = "2026-10-08"
    else:
        return
    rule.allow_blank = True
    rule.showErrorMessage = True
    rule.errorTitle = "不在列表中 / not in the list"
    rule.error = shown[:220]
    rule.showInputMessage = True
    rule.promptTitle = column.code[:30]
    rule.prompt = column.head.replace("\n", " ")[:240]
    page.add_data_validation(rule)
    rule.add(where)


def _bound(value: float | None) -> str:
    return "…" if value is None else f"{value:g}"


def _numbers(column: _Column, first: str) -> Any:
    from openpyxl.worksheet.datavalidation import DataValidation

    low, high = column.low, column.high
    if column.lost:
        parts = [f"ISNUMBER({first})"]
        parts += [f"{first}>={low:g}"] if low is not None else []
        parts += [f"{first}<={high:g}"] if high is not None else []
        return DataValidation(type="custom", formula1=_or(f"AND({','.join(parts)})", column, first))
    kind: Literal["whole", "decimal"] = "whole" if column.type == "int" else "decimal"
    least = f"{low:g}" if low is not None else "-1E+15"
    most = f"{high:g}" if high is not None else "1E+15"
    return DataValidation(type=kind, operator="between", formula1=least, formula2=most)


def _or(condition: str, column: _Column, first: str) -> str:
    codes = ",".join(f'{first}&""="{code}"' for code in column.lost)
    return f"OR({condition},{codes})"


def _listed(
    store: Any,
    choices: tuple[tuple[str, str], ...],
    lists: dict[tuple[tuple[str, str], ...], str],
) -> str:
    """Write a list once and give its range: ``code label`` to choose from, then codes to type."""
    from openpyxl.utils import get_column_letter

    if choices not in lists:
        letter = get_column_letter(len(lists) + 1)
        entries: list[Any] = [f"{code} {label}" for code, label in choices if label]
        entries += [_number(code) for code, _ in choices]
        for n, value in enumerate(entries, 1):
            cell = store[f"{letter}{n}"]
            if isinstance(value, str):
                _text(cell, value)
            else:
                cell.value = value
        lists[choices] = f"'{LISTS}'!${letter}$1:${letter}${len(entries)}"
    return lists[choices]


def _number(code: str) -> str | int:
    plain = code.removeprefix("-")
    whole = plain.isascii() and plain.isdecimal() and (plain == "0" or plain[0] != "0")
    return int(code) if whole else code


def _guide(book: Any, lines: Iterable[tuple[str, str, str]], items: Sequence[Any] = ()) -> Any:
    """Write the sheet that says how to fill in, and what the items are for."""
    from openpyxl.styles import Alignment, Font

    page = book.create_sheet("说明")
    for n, line in enumerate(lines, 1):
        for k, text in enumerate(line, 1):
            if text:
                _text(page.cell(n, k), text)
                page.cell(n, k).alignment = Alignment(wrap_text=True, vertical="top")
                page.cell(n, k).font = Font(bold=n == 1)
        last = n
    for n, row in enumerate(items, last + 2):
        for k, text in enumerate(row, 1):
            _text(page.cell(n, k), text)
            page.cell(n, k).alignment = Alignment(wrap_text=True, vertical="top")
            page.cell(n, k).font = Font(bold=n == last + 2)
    for letter, width in zip("ABCDE", (44, 44, 30, 34, 24), strict=True):
        page.column_dimensions[letter].width = width
    return page


def _mark(
    book: Any,
    asked: Asked,
    table: str,
    code: str,
    items: Mapping[str, Item],
    sheet: str,
    more: Mapping[str, str],
) -> None:
    """Write the hidden sheet that says what the workbook is."""
    page = book.create_sheet(MARK)
    whole = {name: item.asked() for name, item in items.items()}
    assert asked_code(whole) == code
    rows: list[list[str]] = [
        ["version", "1"], ["table", table], ["study", asked.study], ["code", code],
        ["wave", asked.wave], ["sheet", sheet], *([k, v] for k, v in more.items()),
    ]  # fmt: skip
    for name, told in whole.items():
        text = json.dumps(told, ensure_ascii=False)
        parts = [text[n : n + _PART] for n in range(0, len(text), _PART)]
        rows.append(["asked", name, *parts])
    for n, row in enumerate(rows, 1):
        for k, value in enumerate(row, 1):
            _text(page.cell(n, k), value)
    page.sheet_state = "veryHidden"


def _text(cell: Any, value: str) -> None:
    """Write a text that no spreadsheet takes for a formula."""
    cell.value = value
    cell.data_type = "s"


def _bytes(book: Any) -> bytes:
    book.properties.created = book.properties.modified = datetime(2000, 1, 1)
    raw = io.BytesIO()
    book.save(raw)
    return same_bytes(raw.getvalue())
