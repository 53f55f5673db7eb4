"""XLSForm, the form of KoboToolbox and ODK: its questions and choices."""

from __future__ import annotations

import io
import operator
import re
import zipfile
from typing import TYPE_CHECKING

from workbench.intake import xlsxfile
from workbench.intake.frames import Log, refuse
from workbench.intake.readers.export import Question, reason
from workbench.intake.titles import tidy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = ["is_form", "questions"]

_KINDS = {
    "select_one": "single", "select_multiple": "multiple", "rank": "multiple",
    "integer": "number", "decimal": "number", "range": "number",
    "text": "text", "date": "date", "datetime": "date", "acknowledge": "check",
}  # fmt: skip
_ENGLISH = re.compile(r"english|\(en\)", re.I)
_CHINESE = re.compile(r"chinese|中文|\(zh", re.I)


def is_form(data: bytes) -> bool:
    """Whether the bytes are a workbook with the sheets ``survey`` and ``choices``."""
    if data[:4] != b"PK\x03\x04":
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            book = archive.read("xl/workbook.xml")[: 1 << 20]
    except xlsxfile.TORN:
        return False
    names = {name.lower() for name in re.findall(rb'<sheet[^>]*\bname="([^"]+)"', book)}
    return {b"survey", b"choices"} <= names


def _table(data: bytes, sheet: str, file: str) -> list[dict[str, str]]:
    rows = xlsxfile.records(data, sheet, file=file)
    titles = [tidy(cell).casefold() for cell in rows[0]] if rows else []
    return [
        {title: tidy(cell) for title, cell in zip(titles, row, strict=False) if title}
        for row in rows[1:]
    ]


def _said(row: dict[str, str], language: str) -> str:
    """Give a row's label in a language; one that names none is judged by its characters."""
    for title, cell in row.items():
        if cell and title.startswith("label"):
            own = _ENGLISH if language == "en" else _CHINESE
            if own.search(title):
                return cell
    plainly = row.get("label", "")
    chinese = bool(re.search(r"[\u4e00-\u9fff]", plainly))
    return plainly if chinese == (language == "zh") else ""


_ONE = re.compile(
    r"""\$\{(\w+)\}\s*(!=|[<>]=?|=)\s*["']?([\w.-]*)["']?"""
    r"""|(not\s*\(\s*)?selected\(\s*\$\{(\w+)\}\s*,\s*["']([\w.-]+)["']\s*\)(?(4)\s*\))"""
)
_ORDER: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def _where(condition: str, known: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Give the answers that a condition names; nothing where it says more than that.

    ``known`` holds the choices of the questions with one answer: what is not equal, greater or less
    is told by the answers that are left.

    Examples
    --------
    >>> a = {"a": ["1", "2", "3"]}
    >>> _where("${a} = '1' or ${a}='2'", {}), _where("selected(${u}, 'x') and (${a} = 1)", a)
    ({'a': ('1', '2')}, {'u': ('x',), 'a': ('1',)})
    >>> _where("${a} != '2'", a), _where("${a} > 1 and ${a} <= 3", a), _where("${hh} > 3", a)
    ({'a': ('1', '3')}, {'a': ('2', '3')}, {})
    >>> _where("not(selected(${a}, '1'))", a), _where("not(selected(${u}, 'x'))", a)
    ({'a': ('2', '3')}, {})
    """
    out: dict[str, tuple[str, ...]] = {}
    for part in re.split(r"\s+and\s+", condition.strip()):
        inner = re.fullmatch(r"\((.*)\)", part.strip())
        pieces = re.split(r"\s+or\s+", inner[1] if inner is not None else part)
        found = [_term(piece.strip(), known) for piece in pieces]
        names = {name for name, _ in filter(None, found)}
        if None in found or len(names) != 1:
            return {}
        name = names.pop()
        codes = tuple(dict.fromkeys(c for term in found if term is not None for c in term[1]))
        if name in out:
            codes = tuple(c for c in out[name] if c in codes) if name in known else ()
        if not codes:
            return {}
        out[name] = codes
    return out


def _term(text: str, known: Mapping[str, Sequence[str]]) -> tuple[str, list[str]] | None:
    """Give the question and the answers that one comparison names."""
    match = _ONE.fullmatch(text)
    if match is None:
        return None
    name, code = match[1] or match[5], match[3] if match[1] else match[6]
    how = match[2] or ("!=" if match[4] else "=")
    if how == "=":
        return (name, [code]) if code else None
    if name not in known:
        return None
    if how == "!=":
        return name, [c for c in known[name] if c != code]
    try:
        return name, [c for c in known[name] if _ORDER[how](float(c), float(code))]
    except ValueError:
        return None


_SPACED = re.compile(r"^(begin|end|select) (group|repeat|one|multiple)\b")  # the old spelling


def questions(data: bytes, *, file: str, log: Log) -> list[Question]:
    """Give the questions of a form, in its order; notes, calculations and groups ask nothing.

    The condition of a group is that of each question in it. ``or_other`` adds an option and a
    text. Questions of a repeat (another table of the export) and those whose choices lie in
    another file are left out and counted in ``log``.

    Raises
    ------
    InputError
        The workbook cannot be opened, or a question names a list of choices that is not there.
    """
    lists: dict[str, list[tuple[str, str, str]]] = {}
    for row in _table(data, "choices", file):
        name = row.get("list_name") or row.get("list name") or ""
        if name and row.get("name"):
            zh, en = _said(row, "zh"), _said(row, "en")
            lists.setdefault(name, []).append((row["name"], zh or en or row["name"], en))
    out: list[Question] = []
    groups: list[tuple[str, str]] = []
    left: list[str] = []
    single: dict[str, list[str]] = {}
    for n, row in enumerate(_table(data, "survey", file), start=1):
        told = _SPACED.sub(r"\1_\2", row.get("type", ""))
        kind, _, rest = told.partition(" ")
        if kind in ("begin_group", "begin_repeat"):
            groups.append((kind, row.get("relevant", "")))
        elif kind in ("end_group", "end_repeat") and groups:
            groups.pop()
        name = row.get("name", "")
        if name and (
            kind.endswith("_from_file") or (kind in _KINDS and ("begin_repeat" in dict(groups)))
        ):
            left.append(name)
            continue
        if kind not in _KINDS or not name:
            continue
        choices: Iterable[tuple[str, str, str]] = ()
        other = rest.endswith(("or_other", "or other", "or specify other"))
        if kind in ("select_one", "select_multiple", "rank"):
            wanted = rest.split()[0] if rest else ""
            if wanted not in lists:
                raise refuse(
                    "form.choices",
                    file,
                    f"题目 {name} 的选项表不存在",
                    f"the list of choices of {name} is not there",
                    "改正 survey 表的 type 或 choices 表的 list_name",
                    "correct type in survey or list_name in choices",
                    row=n,
                    column="type",
                    expected=" | ".join(lists)[:100],
                    found=wanted,
                )
            choices = [*lists[wanted], *([("other", "其他", "Other")] if other else [])]
        labels = {code: zh for code, zh, _ in choices}
        lost = {c: reason(label) for c, label in labels.items() if re.fullmatch(r"-\d+|9{2,}", c)}
        zh, en = _said(row, "zh"), _said(row, "en")
        conditions = [text for _, text in (*groups, ("", row.get("relevant", ""))) if text]
        skip = conditions[0] if len(conditions) == 1 else " and ".join(f"({c})" for c in conditions)
        out.append(
            Question(
                name,
                zh or en or name,
                _KINDS[kind],
                name,
                en,
                labels={code: label for code, label in labels.items() if code not in lost},
                labels_en={code: en_ for code, _, en_ in choices if en_},
                missing=lost,
                where=_where(skip, single),
                skip=skip,
            )
        )
        if kind == "select_one":
            single[name] = [code for code in labels if code not in lost]
        if other:
            words = (f"{zh or en or name}：其他", f"{en}: other" if en else "")
            out.append(
                Question(
                    f"{name}_other", words[0], "text", f"{name}_other", words[1],
                    where={name: ("other",)}, skip="other",
                )
            )  # fmt: skip
    names = ", ".join(left)[:200]
    log.add(
        "intake.form-left-out",
        len(left),
        f"{file}：重复组中的题（导出为另一张表）和选项在别的文件中的题，未起草：{names}",
        f"{file}: questions of a repeat (another table of the export) and those whose choices lie "
        f"in another file are not drafted: {names}",
    )
    return out
