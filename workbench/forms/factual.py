"""The factual check before publication: the numbered facts of a unit, on paper and as a workbook.

A unit's committee looks through them and says which are wrong. The filled workbook reads back as
rows of ``objections`` with the stage ``factual_check``; what was not marked wrong raises nothing.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError, Problem
from workbench.evidence import bag as bags
from workbench.evidence.files import sha256_file, write_atomic
from workbench.findings import safe_cell
from workbench.report.blocks import Block, line, table
from workbench.report.document import finished, framed
from workbench.report.register import Num, Register
from workbench.report.tables import Page
from workbench.report.text import by_loss
from workbench.report.typst_pdf import compile_pdf
from workbench.report.words import Words
from workbench.results import same_bytes

if TYPE_CHECKING:
    from workbench.study import Study

__all__ = [
    "OBJECTIONS",
    "Sheet",
    "add_objections",
    "facts",
    "read_sheet",
    "read_sheets",
    "write_sheets",
]

# the columns of the canonical table ``objections``
OBJECTIONS = (
    "objection community stage received about claim evidence anonymous state decision reason_zh "
    "reason_en decided decided_by"
).split()
_SECTIONS = ("indicators", "eligibility", "warnings", "followup")
_HEADS = ("no", "finding", "item", "result", "reason", "true", "claim", "evidence")
_WRONG = {"不属实", "否", "错", "no", "n", "wrong", "false"}
_RIGHT = {"属实", "是", "对", "yes", "y", "right", "true"}
_MOST = 5_000_000  # bytes of a sheet that is read


@dataclass(frozen=True)
class Sheet:
    """One unit's facts: its bag, what identifies its report, and its findings."""

    community: str
    number: str
    digest: str
    demonstration: bool
    issued: date
    findings: list[dict[str, Any]]


def facts(register: Register) -> list[str]:
    """Ids of what is asked: deductions, dearest first; results; conditions; warnings; problems."""
    rest = [
        key
        for key, row in register.rows.items()
        if row.get("section") in _SECTIONS
        and row.get("status") != "suppressed"
        and not key.endswith(".done")
        and (register.has(key) or register.words(key, "reason"))
    ]
    return [*by_loss(register), *rest]


def _sheets(study: Study, out: Path) -> list[Sheet]:
    found = []
    for bag in sorted(p for p in (out / "communities").glob("[!.]*") if p.is_dir()):
        name, _, edition = bag.name.partition("@")
        info = bags.bag_info(bag)
        if info.get("Workbench-Outcome") != "assessed":
            continue
        found.append(
            Sheet(
                community=name,
                number=f"{study.id}/{name}/{edition or 1}",
                digest=sha256_file(bag / "data" / bags.EVIDENCE_LIST),
                demonstration=info.get("Workbench-Demonstration") == "yes",
                issued=study.settings.issued,
                findings=json.loads((bag / "data" / "findings.json").read_bytes()),
            )
        )
    return list({sheet.community: sheet for sheet in found}.values())


def write_sheets(study: Study, out: Path, to: Path) -> int:
    """Write a PDF in each language of the study and a workbook for every assessed unit.

    Returns
    -------
    int
        How many units have a sheet.

    Raises
    ------
    InputError
        ``forms.none``, when the batch has no report; ``forms.to``, when the folder is there.
    """
    sheets = _sheets(study, out)
    if not sheets:
        raise _refused("forms.none", "没有报告可以核对", "there is no report to check", out.name)
    if to.exists():
        raise _refused("forms.to", "该文件夹已存在", "the folder exists", to.name)
    to.mkdir(parents=True)
    for sheet in sheets:
        for lang in study.settings.languages:
            (to / f"{sheet.community}.{lang}.pdf").write_bytes(_pdf(sheet, lang))
        (to / f"{sheet.community}.xlsx").write_bytes(_workbook(sheet))
    return len(sheets)


def _refused(code: str, zh: str, en: str, found: str, **more: Any) -> InputError:
    return InputError(
        Problem(
            code=code,
            zh=zh,
            en=en,
            found=found,
            remedy_zh=more.pop("remedy_zh", "核对文件夹和表"),
            remedy_en=more.pop("remedy_en", "check folder and sheet"),
            **more,
        )
    )


def _pdf(sheet: Sheet, lang: str) -> bytes:
    register, words = Register(sheet.findings, lang), Words(lang)
    page = Page(register, words)
    doc = framed(
        register,
        words,
        kind="factual",
        evidence_digest=sheet.digest,
        issued=sheet.issued,
        edition=int(sheet.number.rpartition("/")[2]),
        report_number=sheet.number,
        demonstration=sheet.demonstration,
    )
    rows = []
    for number, key in enumerate(facts(register), 1):
        row = register.rows[key]
        place = page.quote(key, "place")
        why = line([part for part in (place, page.quote(key)) if part], words("colon"))
        shown = page.num(key) or page.verdict(row)
        rows.append([[str(number)], page.label(key), shown, why, [words("form.boxes")], [" "]])
    made = table(
        [(words("stairs.no"), 0, "left"), (words("col.item"), 1.4, "left"),
         (words("col.result"), 1, "left"), (words("col.reason"), 2.4, "left"),
         (words("form.true"), 0, "left"), (words("form.claim"), 2, "left")],
        rows,
    )  # fmt: skip
    title = f"{register.plain([Num('head.unit')])} · {words('doc.factual')}"
    head: Block = {"type": "heading", "title": title}
    notes: Block = {"type": "list", "items": [[words(f"form.how{n}")] for n in (1, 2, 3)]}
    plain = finished(doc, {"front": [[head, notes, made]], "sections": [], "annexes": []}, register)
    return compile_pdf(plain, {}, {}, issued=sheet.issued, scales=(1.0,)).data


def _workbook(sheet: Sheet) -> bytes:
    from openpyxl import Workbook
    from openpyxl.comments import Comment
    from openpyxl.styles import Alignment, Font, PatternFill
    from openpyxl.worksheet.datavalidation import DataValidation

    zh, en = Register(sheet.findings, "zh"), Register(sheet.findings, "en")
    words = {lang: Words(lang) for lang in ("zh", "en")}

    def both(key: str) -> str:
        return f"{words['zh'](key)} / {words['en'](key)}"

    book = Workbook()
    page: Any = book.active
    page.title = "factual_check"
    top = [
        (both("doc.factual"), ""),
        ("community", sheet.community),
        ("report", sheet.number),
        ("code", sheet.digest[:12]),
        (both("form.how1"), ""),
    ]
    for at, (name, value) in enumerate(top, 1):
        _text(page.cell(at, 1), name)
        _text(page.cell(at, 2), value)
    heads = [both(f"form.{name}") for name in _HEADS]
    for at, name in enumerate(heads, 1):
        cell = page.cell(len(top) + 1, at)
        _text(cell, name)
        cell.font, cell.fill = Font(bold=True), PatternFill("solid", fgColor="DFE5EB")
        cell.alignment = Alignment(wrap_text=True, vertical="top")
    for name in ("true", "claim", "evidence"):
        note = Comment(both(f"form.note_{name}"), "workbench", width=320, height=90)
        page.cell(len(top) + 1, _HEADS.index(name) + 1).comment = note
    for number, key in enumerate(facts(zh), 1):
        at = len(top) + 1 + number
        page.cell(at, 1, number)
        values = [key, _joined(zh, en, key, "label"), _joined(zh, en, key, "value"), _why(zh, key)]
        for column, value in enumerate(values, 2):
            _text(page.cell(at, column), value)
            page.cell(at, column).alignment = Alignment(wrap_text=True, vertical="top")
    last = len(top) + 1 + len(facts(zh))
    choice = DataValidation(type="list", formula1='"属实,不属实,true,wrong"', allow_blank=True)
    page.add_data_validation(choice)
    choice.add(f"F{len(top) + 2}:F{last}")
    for letter, width in zip("ABCDEFGH", (6, 26, 34, 22, 44, 10, 40, 30), strict=True):
        page.column_dimensions[letter].width = width
    page.freeze_panes = f"C{len(top) + 2}"
    page.auto_filter.ref = f"A{len(top) + 1}:H{last}"
    book.properties.created = book.properties.modified = datetime(2000, 1, 1)
    raw = io.BytesIO()
    book.save(raw)
    return same_bytes(raw.getvalue())


def _text(cell: Any, value: str) -> None:
    """Write a text that no spreadsheet takes for a formula."""
    cell.value = value
    cell.data_type = "s"


def _joined(zh: Register, en: Register, key: str, what: str) -> str:
    if what == "label":
        told = [zh.label(key), en.label(key)]
    else:
        told = [r.text(Num(key)) if r.has(key) else "" for r in (zh, en)]
    return " / ".join(dict.fromkeys(part for part in told if part))


def _why(register: Register, key: str) -> str:
    parts = [register.words(key, name) for name in ("place", "reason")]
    return "：".join(part.text for part in parts if part)


def read_sheet(study: Study, out: Path, file: Path, received: date) -> list[dict[str, str]]:
    """Read a filled workbook as rows of ``objections``.

    Parameters
    ----------
    study, out
        The study and its batch: the sheet must be of the report as it stands.
    file
        The workbook that came back.
    received
        The day on which it came.

    Returns
    -------
    list of dict
        One row per fact marked as wrong, columns :data:`OBJECTIONS`; numbered by unit and fact, so
        that reading twice gives the same rows.

    Raises
    ------
    InputError
        Every fault of the sheet at once: ``forms.file``, ``forms.code`` (a sheet of another
        version), ``forms.fact`` (a fact that was not asked), ``forms.claim`` (wrong, but not what
        is wrong), ``forms.answer`` (neither right nor wrong, or right with a claim).
    """
    cells = _cells(file)
    told = {str(row[0]): str(row[1] or "") for row in cells[:5] if len(row) > 1 and row[0]}
    by_unit = {sheet.community: sheet for sheet in _sheets(study, out)}
    sheet = by_unit.get(told.get("community", ""))
    if sheet is None:
        raise _refused("forms.file", "不是本批次的事实核对表", "no factual check of this batch",
                       told.get("community", ""), file=file.name)  # fmt: skip
    if told.get("code") != sheet.digest[:12]:
        raise _refused("forms.code", "核对的是另一版报告", "the sheet is of another version",
                       told.get("code", ""), file=file.name,
                       expected=sheet.digest[:12],
                       remedy_zh="重新发出核对表", remedy_en="hand out the sheet anew")  # fmt: skip
    asked = {key: n for n, key in enumerate(facts(Register(sheet.findings, "zh")), 1)}
    rows, problems = [], []
    for at, row in enumerate(cells[6:], 7):
        values = [str(v).strip() if v is not None else "" for v in [*row, *[None] * 8][:8]]
        about, answer, claim, evidence = values[1], values[5].lower(), values[6], values[7]
        if not (answer or claim or evidence):
            continue
        fault = _fault(about in asked, answer, claim)
        if fault:
            code, zh, en = fault
            problems.append(
                Problem(
                    code=code,
                    community=sheet.community,
                    file=file.name,
                    row=at,
                    zh=zh,
                    en=en,
                    found=answer or claim or about,
                    remedy_zh="请填表人改正后交回",
                    remedy_en="ask those who filled it in",
                ),
            )
        elif answer not in _RIGHT:
            rows.append(_row(sheet, asked[about], about, claim, evidence, received))
    if problems:
        raise InputError(*problems)
    return rows


def read_sheets(
    study: Study, out: Path, files: Sequence[Path], received: date | None
) -> list[dict[str, str]]:
    """Read several filled workbooks; every fault of every sheet is told at once.

    Raises
    ------
    InputError
        ``forms.received`` without a day; ``forms.twice`` for two sheets of one unit; and those of
        :func:`read_sheet`.
    """
    if received is None:
        more = {"remedy_zh": "加上 --received 日期", "remedy_en": "add --received DATE"}
        raise _refused("forms.received", "要写明收到日期", "say on which day they came", "", **more)
    rows: list[dict[str, str]] = []
    problems: list[Problem] = []
    for file in files:
        try:
            mine = read_sheet(study, out, file, received)
        except InputError as error:
            problems += error.problems
            continue
        seen = {row["objection"] for row in rows}
        if any(row["objection"] in seen for row in mine):
            problems.append(
                Problem(
                    code="forms.twice",
                    file=file.name,
                    zh="同一单位交回了两份不同的表",
                    en="two sheets of one unit came back",
                    remedy_zh="只留一份",
                    remedy_en="keep one of them",
                ),
            )
        rows += mine
    if problems:
        raise InputError(*problems)
    return sorted(rows, key=lambda row: row["objection"])


def _fault(asked: bool, answer: str, claim: str) -> tuple[str, str, str] | None:
    if not asked:
        return "forms.fact", "表中没有问过这一项", "this fact was not asked"
    if answer and answer not in _WRONG | _RIGHT:
        return "forms.answer", "请填属实或不属实", "write 属实 (true) or 不属实 (wrong)"
    if answer in _RIGHT and claim:
        return "forms.answer", "填了属实，又写了意见", "called true, and yet there is a claim"
    if answer in _WRONG and not claim:
        return "forms.claim", "不属实的，要写明哪里不对", "say what is wrong"
    return None


def _row(
    sheet: Sheet, number: int, about: str, claim: str, evidence: str, received: date
) -> dict[str, str]:
    edition = sheet.number.rpartition("/")[2]
    later = f"-E{edition}" if edition != "1" else ""
    told = {
        "objection": f"FC-{sheet.community}{later}-{number:03}",
        "community": sheet.community,
        "stage": "factual_check",
        "received": received.isoformat(),
        "about": about,
        "claim": claim,
        "evidence": evidence,
        "anonymous": "false",
        "state": "received",
    }
    return {name: told.get(name, "") for name in OBJECTIONS}


def _cells(file: Path) -> Sequence[Sequence[Any]]:
    from workbench.intake.xlsxfile import records

    if not file.is_file() or file.stat().st_size > _MOST:
        raise _refused("forms.file", "没有这个文件，或文件太大", "no such file, or too large",
                       file.name, file=file.name)  # fmt: skip
    return records(file.read_bytes(), "factual_check", file=file.name)


def add_objections(file: Path, rows: Sequence[Mapping[str, str]]) -> int:
    """Add rows to a table of objections (UTF-8 CSV), or begin one; those it has are passed over.

    What was decided in the meantime stays: a row is known by its ``objection``. Nothing is written
    unless everything is.

    Returns
    -------
    int
        How many rows are new.

    Raises
    ------
    InputError
        ``forms.table``: the file has other columns, or says something else under the same number.
    """
    before: list[dict[str, str]] = []
    columns = list(OBJECTIONS)
    if file.exists():
        text = file.read_bytes().decode("utf-8-sig", "replace")
        reader = csv.DictReader(io.StringIO(text, newline=""))
        before, columns = list(reader), list(reader.fieldnames or ())
    told = {row.get("objection"): row for row in before}
    said = ("objection", "community", "stage", "received", "about", "claim")
    missing = sorted(set(said) - set(columns))
    other = [
        row["objection"]
        for row in rows
        if row["objection"] in told
        and any(
            (told[row["objection"]].get(name) or "") != safe_cell(row[name])
            for name in ("community", "stage", "about", "claim")
        )
    ]
    if missing or other:
        raise _refused(
            "forms.table",
            "该文件不是异议表，或同一编号下内容不同",
            "the file is no table of objections, or says something else under the same number",
            ", ".join(missing or other)[:200],
            file=file.name,
            expected=", ".join(said),
            remedy_zh="写到另一个文件，或先改正该表",
            remedy_en="write to another file, or put the table right first",
        )
    fresh = [row for row in rows if row["objection"] not in told]
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows({name: row.get(name) or "" for name in columns} for row in before)
    writer.writerows({name: safe_cell(row.get(name, "")) for name in columns} for row in fresh)
    write_atomic(file, out.getvalue().encode("utf-8"))
    return len(fresh)
