"""What was entered into a form's workbook: labels and codes to codes, blanks, skips, versions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.errors import Problem
from workbench.intake.frames import FILE, ROW, Raw
from workbench.intake.titles import plain, tidy

if TYPE_CHECKING:
    from workbench.intake.mapping import Mapping as Source
    from workbench.intake.readers.entry import Form
    from workbench.intake.readers.export import Export
    from workbench.intake.units import Units
    from workbench.study import Item

__all__ = ["REASONS", "WORDS", "entered", "placed", "said"]

REASONS: Mapping[str, tuple[str, str]] = {
    "dont_know": ("不清楚", "don't know"),
    "refused": ("不愿回答", "prefer not to say"),
    "skipped": ("未答", "no answer"),
    "not_asked": ("未问", "not asked"),
    "not_applicable": ("不适用", "not applicable"),
}
"""Why there is no answer, as forms say it; any other reason is its own word."""

WORDS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "mode": {
        "paper": ("纸质问卷", "paper"),
        "household": ("入户访问", "household interview"),
        "telephone": ("电话访问", "telephone"),
        "online": ("网上填答", "online"),
        "mini_program": ("小程序", "mini program"),
    },
    "visit": {
        "announced": ("通知检查", "announced"),
        "mystery": ("暗访", "mystery visit"),
        "cross": ("交叉检查", "cross-inspection"),
        "spot_check": ("抽查", "spot check"),
        "recheck": ("复查", "re-check"),
        "calibration": ("校准", "calibration"),
    },
    "role": {
        "expert": ("专家", "expert"),
        "analyst": ("数据分析师", "data analyst"),
        "resident": ("居民代表", "residents' representative"),
        "mystery": ("暗访员", "mystery visitor"),
    },
    "complete": {"true": ("是", "yes"), "false": ("否", "no")},
    "passed": {"true": ("合格", "passed"), "false": ("不合格", "failed")},
}
"""Words of a canonical column, as forms say them."""


def said(reason: str) -> tuple[str, str]:
    """Give the words for a reason, Chinese and English."""
    return REASONS.get(reason, (reason, reason))


def _table(choices: Mapping[str, Iterable[str | None]]) -> Callable[[str], str]:
    """Give what reads a cell: as it is written first, then without regard to width and case.

    A cell may hold the code, a label, or both; what could be two codes is left as it stands.
    """
    tables: list[dict[str, str]] = []
    for form in (tidy, plain):
        found: dict[str, set[str]] = {}
        for code, labels in choices.items():
            for label in filter(None, labels):
                for text in (label, f"{code} {label}", f"{code}={label}"):
                    found.setdefault(form(text), set()).add(code)
        codes = [form(code) for code in choices]
        table = {text: known.pop() for text, known in found.items() if len(known) == 1}
        table |= {form(c): c for c in choices if codes.count(form(c)) == 1}
        tables.append(table)
    exact, loose = tables

    def code_of(cell: str) -> str:
        return exact.get(tidy(cell)) or loose.get(plain(cell)) or cell

    return code_of


def _choices(here: Source, name: str) -> dict[str, list[str | None]]:
    """Give the codes that a column may hold, each with its labels; none for free columns."""
    if name in WORDS:
        return {code: [*labels] for code, labels in WORDS[name].items()}
    book = here.study.codebook
    if name == "item" and here.table.name == "inspections":
        marks = {c: i for c, i in book.items() if i.role == "inspection"}
        return {code: [item.wording.zh, item.wording.en] for code, item in marks.items()}
    code, _, option = name.partition("__")
    if not here.table.items or code not in book or book[code].kind == "text":
        return {}
    item = book[code]
    out: dict[str, list[str | None]] = {}
    if item.kind in ("scale", "single"):
        labels = item.values
        out = {p: [labels[p].zh, labels[p].en] if p in labels else [] for p in item.points}
    elif item.kind == "check" or option:
        out = {"true": ["是", "yes"], "false": ["否", "no"]}
    told: set[str] = set()
    for lost, reason in item.missing.items():  # words alone are those of the first of its codes
        words: list[str | None] = [*said(reason), reason]
        out.setdefault(lost, [f"{lost} {word}" for word in words] if reason in told else words)
        told.add(reason)
    return out


def entered(here: Source, raw: Raw, out: dict[str, pd.Series], units: Units) -> None:
    """Bring the cells of an entry workbook into the form of the codebook.

    Labels become codes; a blank wave, assessor or role is the form's; of a multiple answer with a
    tick the blanks are "no"; what was to be skipped is ``not_asked``. Nothing is done for a column
    that ``values:`` maps, and a cell that is no answer stays for the checks that follow. The marks
    of a sheet that is not called complete are left out.
    """
    form = raw.export.form if raw.export is not None else None
    if form is None:
        return
    _same(here, form)
    if form.kind != here.table.name:
        here.problems.add(
            "form.table",
            f"这是 {form.kind} 的录入表，却列在 {here.table.name} 之下",
            f"an entry workbook for {form.kind} stands under {here.table.name}",
            f"移到 sources: {form.kind}",
            f"move it to sources: {form.kind}",
            file=here.source.file,
            column=here.place,
            expected=form.kind,
            found=here.table.name,
        )
        return
    index = raw.frame.index
    for name, value in {"wave": form.wave, **form.fixed}.items():
        if name in here.source.set or not value:
            continue
        cells = out.get(name, pd.Series(None, index=index, dtype="str"))
        here.log.add(
            "intake.form-filled",
            int(cells.isna().sum()),
            f"{here.file} {name}：没有填写，按录入表为 {value}",
            f"{here.file} {name}: left blank; the form says {value}",
            table=here.table.name,
        )
        out[name] = cells.fillna(value).astype("str")
    for name in list(out):
        if name in here.source.values or name in here.source.set:
            continue
        if choices := _choices(here, name):
            code_of = _table(choices)
            cells = out[name]
            new = {cell: code_of(str(cell)) for cell in cells.dropna().unique()}
            out[name] = cells.map(lambda cell, new=new: new.get(cell, cell)).astype("str")
    unit = here.table.unit
    if unit in out:
        out[unit] = _units(out[unit], units)
    if here.table.items:
        _multiple(here, raw, out)
        _skipped(here, raw, out)
    if form.complete is False:
        _left_out(here, out.get(unit or "", pd.Series("", index, dtype="str")))


def _left_out(here: Source, units: pd.Series) -> None:
    """Leave out the marks of a sheet that its assessor has not called complete (R-28), counted."""
    named = units.fillna("")
    for unit, rows in named.groupby(named):
        here.log.add(
            "intake.form-open",
            len(rows),
            f"{here.file}：评分表未注明已完成，其评分不计入",
            f"{here.file}: marks of a sheet that is not called complete, left out",
            table=here.table.name,
            community=str(unit),
        )
    here.dropped(units.index, units.to_frame())


def _units(cells: pd.Series, units: Units) -> pd.Series:
    """Give ``JX-01 锦绣一村``, as a list offers it, as ``JX-01``."""
    ids = units.resolve(cells)
    first = cells.str.split(n=1).str[0]
    own = units.resolve(first)
    return ids.fillna(own).fillna(cells).astype("str")


def _multiple(here: Source, raw: Raw, out: dict[str, pd.Series]) -> None:
    """Fill the options that were not ticked in a row with a tick or a "no"."""
    for code, item in here.study.codebook.items():
        columns = [f"{code}__{o}" for o in item.values if f"{code}__{o}" in out]
        if item.kind != "multiple" or not columns:
            continue
        cells = pd.DataFrame({c: out[c] for c in columns})
        lost = cells.isin(set(item.missing))
        given = (cells.notna() & ~lost).any(axis=1)
        for column in columns:
            out[column] = out[column].mask(given & out[column].isna(), "false").astype("str")
        both = given & lost.any(axis=1)
        _tell(
            here,
            raw,
            columns[0],
            cells[both].apply(lambda row: " ".join(row.dropna()), axis=1) if both.any() else None,
            "form.both",
            (f"{code}：既选了选项，又填了缺失代码", f"{code}: an option and a missing code"),
            ("只留一种", "keep one of them"),
        )


def _skipped(here: Source, raw: Raw, out: dict[str, pd.Series]) -> None:
    """Say of a blank answer that it was to be skipped, and of a given one that it was not."""
    for code, item in here.study.codebook.items():
        columns = [c for c in (code, *(f"{code}__{o}" for o in item.values)) if c in out]
        if not item.where or not columns:
            continue
        off = pd.Series(False, index=raw.frame.index)
        for name, wanted in item.where.items():
            off |= _answered_otherwise(here.study.codebook[name], name, wanted, out, off.index)
        given = pd.DataFrame({c: out[c] for c in columns}).notna().any(axis=1)
        lost = f"{code}__missing"
        reason = out.get(lost, pd.Series(None, index=off.index, dtype="str"))
        out[lost] = reason.mask(off & ~given, "not_asked").astype("str")
        wrong = off & given & ~out[columns[0]].isin(set(item.missing))
        _tell(
            here,
            raw,
            columns[0],
            out[columns[0]][wrong].fillna("") if wrong.any() else None,
            "form.skip",
            ("按跳转说明不该问到这一题，却有回答", "answered, although the form skips it"),
            ("核对纸质问卷", "look at the paper form"),
            severity="warning",
        )


def _answered_otherwise(
    item: Item, name: str, wanted: list[str], out: Mapping[str, pd.Series], index: pd.Index
) -> pd.Series:
    """Where the item that decides was answered, and not by one of the answers wanted."""
    if item.kind == "multiple":
        ticks = {o: out[f"{name}__{o}"] for o in item.values if f"{name}__{o}" in out}
        yes = pd.Series(False, index=index)
        known = pd.Series(False, index=index)
        for option, cells in ticks.items():
            known |= cells.notna()
            if option in wanted:
                yes |= cells.str.casefold().isin({"true", "1", "是", "yes"})
        return known & ~yes
    if name not in out:
        return pd.Series(False, index=index)
    return out[name].notna() & ~out[name].isin(wanted)


def _tell(
    here: Source,
    raw: Raw,
    column: str,
    found: pd.Series | None,
    code: str,
    what: tuple[str, str],
    remedy: tuple[str, str],
    severity: str = "error",
) -> None:
    if found is None:
        return
    frame = pd.DataFrame({FILE: raw.file.name, ROW: found.index}, index=found.index)
    here.problems.cells(
        code, *what, *remedy, frame=frame, column=column, values=found, severity=severity
    )


def _same(here: Source, form: Form) -> None:
    """Hold the questions as they were printed against the codebook as it is now."""
    inspected = form.kind == "inspections"
    book = {
        code: item.asked()
        for code, item in here.study.codebook.items()
        if (item.role == "inspection") is inspected and item.is_read
    }
    for code, printed in form.asked.items():
        now = book.get(code)
        if now is not None and printed == now:
            continue
        place: dict[str, Any] = {"file": here.source.file, "column": code}
        if now is None:
            here.problems.add(
                "form.item-gone",
                f"录入表（版本 {form.code}）问了 {code}，现在的码本没有这道题：不读入",
                f"the form (version {form.code}) asks {code}, which the codebook no longer has: "
                "not read",
                "在 codebook.yaml 中恢复该题",
                "restore the item in codebook.yaml",
                severity="warning",
                **place,
            )
            continue
        differ = [n for n in ("kind", "values", "range", "missing") if printed.get(n) != now[n]]
        if not differ:
            here.problems.add(
                "form.wording",
                f"录入表（版本 {form.code}）的题目文字与码本不同：两期比较以印出的为准",
                f"the form (version {form.code}) words the item otherwise than the codebook: "
                "the comparison of waves goes by what was printed",
                "用印出的码本版本录入，或说明两种问法可比（judgements.csv，comparability）",
                "enter it with the codebook that was printed, or confirm the comparison "
                "(judgements.csv, comparability)",
                expected=now["wording"]["zh"],
                found=printed["wording"]["zh"],
                severity="warning",
                **place,
            )
        elif code not in here.source.values:
            here.problems.add(
                "form.codebook",
                f"录入表（版本 {form.code}）与现在的码本对 {code} 的规定不同：{'、'.join(differ)}",
                f"the form (version {form.code}) and the codebook define {code} differently: "
                f"{', '.join(differ)}",
                f"恢复印出时的码本；或写 values: {{{code}: …}} 说明各代码的含义",
                f"restore the codebook that was printed; or say what each code means in "
                f"values: {{{code}: …}}",
                expected=_told(now, differ[0]),
                found=_told(printed, differ[0]),
                **place,
            )
    for code in book:
        if code not in form.asked:
            here.problems.add(
                "form.item-new",
                f"录入表（版本 {form.code}）没有问 {code}：记为缺失",
                f"the form (version {form.code}) does not ask {code}: missing",
                "需要时重新印制问卷",
                "print the forms anew where it is needed",
                file=here.source.file,
                column=code,
                severity="warning",
            )
    known = {code.partition("__")[0] for code in form.letters}
    for code in form.asked if not inspected else ():
        if code in book and code not in known:
            here.problems.add(
                "form.column",
                f"录入表中 {code} 的列不见了，或第 1 行的代码被改动",
                f"the column {code} of the entry workbook is gone, or its code was changed",
                "恢复该列和第 1 行的代码",
                "restore the column and its code in the first row",
                file=here.source.file,
                column=code,
                expected=code,
            )


def _told(item: Mapping[str, Any], name: str) -> str:
    value = item.get(name)
    if name == "values" and isinstance(value, dict):
        return ", ".join(f"{code} = {label['zh']}" for code, label in value.items())[:120]
    return str(value)[:120]


def placed(problems: list[Problem], files: Iterable[tuple[str, Export | None]]) -> None:
    """Name sheet and cell in each problem of a row of an entry workbook."""
    forms = {name: export.form for name, export in files if export is not None and export.form}
    if not forms:
        return
    for n, problem in enumerate(problems):
        form = forms.get(problem.file)
        if form is None or problem.row is None:
            continue
        letter = form.letters.get(problem.column, "")
        cell = f"{form.sheet}!{letter}{problem.row + form.top - 1}"
        problems[n] = replace(problem, column=f"{cell} {problem.column}".strip())
