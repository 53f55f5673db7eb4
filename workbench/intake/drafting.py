"""A draft of ``codebook.yaml`` from an export or an XLSForm, for a person to finish."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import Problem
from workbench.intake import xlsform
from workbench.intake.frames import Log, Raw, refuse
from workbench.intake.labels import degree, ordered, role_of, split_missing
from workbench.intake.read import file_bytes, read_file
from workbench.intake.readers.export import Question
from workbench.intake.tables import TABLES
from workbench.intake.titles import plain

if TYPE_CHECKING:
    import pandas as pd

    from workbench.study import Source

__all__ = ["Draft", "Drafted", "draft"]

_MOST_OPTIONS = 20
_FEW = 12
_DATE = re.compile(r"\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?(?:[ T]\d{1,2}:\d{2}.*)?\Z")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?\Z")
_PERSONAL = re.compile(
    r"姓名|电话|手机|身份证|门牌|住址|微信|邮箱|name\b|phone|e-?mail|address", re.I
)


@dataclass(frozen=True)
class Drafted:
    """One item as far as the file tells it."""

    code: str
    column: str
    wording: str
    kind: str
    wording_en: str = ""
    values: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Label in Chinese and English of each code; empty where the file tells none."""
    top: tuple[str, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    role: str = "other"
    notes: tuple[tuple[str, str], ...] = ()
    """What a person must look at, zh and en."""
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Asked only of those who gave one of these answers to an item before it."""


@dataclass(frozen=True)
class Draft:
    """The items of a file, and everything told while it was read."""

    file: str
    items: tuple[Drafted, ...]
    problems: tuple[Problem, ...]
    log: Log

    def text(self, lang: str) -> str:
        """Give ``codebook.yaml``, with ``class:`` and ``purpose:`` left to a person."""
        zh = lang == "zh"
        lines = [
            f"# 由 {self.file} 起草，须由人核对并补全 class: 与 purpose:（没有它们的题不读取）"
            if zh
            else f"# Drafted from {self.file}. To be checked by a person; class: and purpose: are "
            "to be filled in (an item without them is not read).",
            "# class: public | internal | personal | sensitive",
            "# study.yaml:",
            "#   columns: {"
            + ", ".join(f"{item.code}: {_quoted(item.column)}" for item in self.items)
            + "}",
            "",
        ]
        for item in self.items:
            lines += [f"# {note[0 if zh else 1]}" for note in item.notes]
            lines += _item(item)
        return "\n".join(lines) + "\n"


def draft(path: Path, how: Source, *, labels: tuple[Path, Source] | None = None) -> Draft:
    """Draft the codebook of one file.

    Parameters
    ----------
    path, how
        The export or form, and how it is read (``format:``, ``sheet:`` …).
    labels
        The same answers exported as text: what each code of ``path`` means is read off the rows
        that both have.

    Returns
    -------
    Draft
        Items in the order of the file; kind, order of labels, missing codes and role as far as
        wordings and answers tell them.

    Raises
    ------
    InputError
        The file cannot be read, or holds no question.
    """
    log = Log()
    problems: list[Problem] = []
    if xlsform.is_form(data := file_bytes(path, how.file)):
        items = _from_form(xlsform.questions(data, file=how.file, log=log))
    else:
        raw = read_file(path, how, log, problems)
        words = None
        if labels is not None:
            words = read_file(*labels, log, problems)
        items = _from_export(raw, words)
    if not items:
        raise refuse(
            "codebook.no-question",
            how.file,
            "没有认出任何题目",
            "no question was found",
            "检查 --header 与 --format",
            "look at --header and --format",
        )
    return Draft(how.file, tuple(_unique(items)), tuple(problems), log)


def _from_form(asked: list[Question]) -> list[Drafted]:
    """Tell the items of a form, which says what may be answered, and of whom it is asked."""
    out: list[Drafted] = []
    before: dict[str, Drafted] = {}
    for one in asked:
        known = all(
            name in before and set(codes) <= set(before[name].values)
            for name, codes in one.where.items()
        )
        lost = (f"跳转条件没有转写：{one.skip}", f"its condition is not taken over: {one.skip}")
        item = _closed(one, list(one.labels.items()), one.kind, [])
        if one.where and known:
            item = replace(item, where=one.where)
        elif one.skip:
            item = replace(item, notes=(*item.notes, lost))
        before[item.code] = item
        out.append(item)
    return out


def _from_export(raw: Raw, words: Raw | None) -> list[Drafted]:
    """Tell the items of an export from its questions, or from all columns of a plain table."""
    frame, export = raw.frame, raw.export
    if export is not None and export.questions:
        kept = {how.title for how in export.named.values()}
        questions = [q for q in export.questions if q.title not in kept]
        missing = export.missing
    else:
        names = set(TABLES["responses"].names())
        titles = [t for t in map(str, frame.columns) if t not in names and not t.startswith("#")]
        questions = [Question(title, _wording(title)) for title in titles]
        missing = {}
    out: list[Drafted] = []
    for asked in questions:
        meaning = _meaning(raw, words, asked) if words is not None else {}
        if words is not None and words.export is not None and asked.columns:
            said = [q.wording for q in words.export.questions if q.code == asked.code]
            asked = replace(asked, wording=said[0] if len(said) == 1 else asked.wording)
        if asked.columns and asked.kind == "multiple":
            out.append(_multiple(asked, frame, missing))
        elif asked.columns:
            kind = "number" if asked.kind == "ranking" else ""
            for n, (row, column) in enumerate(asked.columns, start=1):
                if column in frame.columns:
                    one = Question(
                        column, f"{asked.wording}：{row}", kind, f"{asked.code}_{n}",
                        labels=asked.labels,
                    )  # fmt: skip
                    means = _meaning(raw, words, one) if words is not None else {}
                    out.append(_single(one, frame, missing, means))
        elif asked.title in frame.columns:
            out.append(_single(asked, frame, missing, meaning))
    return out


def _wording(title: str) -> str:
    """Give a title without the number in front."""
    return re.sub(r"^\s*[Qq]?\d{1,3}\s*[、．.：:]\s*", "", title) or title


def _meaning(raw: Raw, words: Raw, asked: Question) -> dict[str, str]:
    """Give what each code means, from the same rows exported as text; only if it is one meaning."""
    if len(raw.frame) != len(words.frame):
        return {}
    wanted = [t for t in map(str, words.frame.columns) if plain(t) == plain(asked.title)]
    if len(wanted) != 1 or asked.title not in raw.frame.columns:
        return {}
    key = next((t for t in map(str, raw.frame.columns) if t in ("序号", "编号")), None)
    mine = raw.frame.set_index(key) if key else raw.frame
    theirs = words.frame.set_index(key) if key and key in words.frame.columns else words.frame
    if mine.index.has_duplicates or theirs.index.has_duplicates:
        return {}
    other = words.export.other if words.export is not None else None
    met: dict[str, set[str]] = {}
    for code, label in zip(mine[asked.title], theirs[wanted[0]].reindex(mine.index), strict=True):
        if isinstance(code, str) and isinstance(label, str):
            met.setdefault(code, set()).add(other.sub("", label).strip() if other else label)
    if any(len(found) > 1 for found in met.values()):
        return {}
    if all(found == {code} for code, found in met.items()):
        return {}  # a text is the same in both
    return {code: found.pop() for code, found in met.items()}


def _multiple(asked: Question, frame: pd.DataFrame, missing: Mapping[str, str]) -> Drafted:
    """Tell a question with one column for each option."""
    seen = {c for _, column in asked.columns if column in frame for c in frame[column].dropna()}
    values = {str(n): (option, "") for n, (option, _) in enumerate(asked.columns, start=1)}
    return Drafted(
        asked.code,
        asked.title,
        asked.wording,
        "multiple",
        values=values,
        missing={code: why for code, why in missing.items() if code in seen},
        role=role_of(asked.wording, "multiple"),
    )


_SEEN = (
    "取值取自答卷：没有人选的选项不在其中",
    "options as they occur in the answers: one that nobody chose is not among them",
)
_NEW = (
    "代码是新编的，与按序号导出的代码未必相同",
    "the codes are new, and need not be those of an export by index",
)


def _single(
    asked: Question, frame: pd.DataFrame, missing: Mapping[str, str], meaning: Mapping[str, str]
) -> Drafted:
    """Tell a question of one column from its labels, or from the answers that occur."""
    cells = frame[asked.title].dropna().astype("str")
    gaps = {**missing, **asked.missing}
    found = {code: why for code, why in missing.items() if (cells == code).any()}
    found |= asked.missing  # what the file declares, whether it occurs or not
    given = cells[~cells.isin(set(found))].str.replace(r"\s*〖.*?〗", "", regex=True)
    labels = dict(asked.labels) or dict(meaning)
    notes: list[tuple[str, str]] = []
    if labels and not asked.labels:
        notes.append(_SEEN)
    if labels:
        pairs = [(code, label) for code, label in labels.items() if code not in gaps]
        return _closed(asked, pairs, asked.kind or "single", notes, found)
    if asked.kind in ("multiple", "ranking") or given.str.contains("┋").any():
        parts = list(dict.fromkeys(p.strip() for cell in given for p in re.split("[┋→|]", cell)))
        if asked.kind == "ranking":
            notes.append(
                (
                    "排序题：每个选项的名次写作 列名(选项)，kind: number",
                    "a ranking: the rank of one option is the column title(option), kind: number",
                )
            )
        pairs = [(str(n), part) for n, part in enumerate(parts, start=1) if part]
        notes.append((f"{_SEEN[0]}；{_NEW[0]}", f"{_SEEN[1]}; {_NEW[1]}"))
        return _closed(asked, pairs, "multiple", notes, found)
    values = list(dict.fromkeys(given))
    numeric = bool(values) and all(_NUMBER.match(value) for value in values)
    if values and all(_DATE.match(value) for value in values):
        return _open(asked, "date", found)
    if numeric and asked.kind != "number" and len(values) <= _FEW and _small(values):
        codes = sorted(values, key=float)
        notes.append(
            (
                "只见代码，不知含义：补上标签，或另用按文本的导出起草（--labels）",
                "codes without labels: fill them in, or draft with the export as text (--labels)",
            )
        )
        return Drafted(
            asked.code, asked.title, asked.wording, "single",
            values={code.removesuffix(".0"): ("", "") for code in codes},
            missing=found, role=role_of(asked.wording, "single"), notes=tuple(notes),
        )  # fmt: skip
    if numeric:
        return _open(asked, "number", found)
    few = len(values) <= _MOST_OPTIONS and (len(given) >= 2 * len(values) or ordered(values))
    if values and few and max(map(len, values)) <= 60:
        notes.append((f"{_SEEN[0]}；{_NEW[0]}", f"{_SEEN[1]}; {_NEW[1]}"))
        pairs = [(str(n), value) for n, value in enumerate(_by_number(values), start=1)]
        return _closed(asked, pairs, "single", notes, found, coded=False)
    return _open(asked, "text", found)


def _by_number(values: list[str]) -> list[str]:
    """Give labels by the first number in each, where most have one; else as they came."""
    numbers = {value: re.search(r"\d+(?:\.\d+)?", value) for value in values}
    if sum(match is not None for match in numbers.values()) < 0.8 * len(values):
        return values
    return sorted(values, key=lambda v: float(m[0]) if (m := numbers[v]) else float("inf"))


def _small(values: Iterable[str]) -> bool:
    return all(0 <= float(value) <= 20 and float(value).is_integer() for value in values)


def _open(asked: Question, kind: str, missing: Mapping[str, str]) -> Drafted:
    notes = (
        (("可能含个人信息：class: personal", "may hold personal data: class: personal"),)
        if _PERSONAL.search(asked.wording)
        else ()
    )
    return Drafted(
        asked.code, asked.title, asked.wording, kind, asked.wording_en,
        missing=missing, role=role_of(asked.wording, kind), notes=notes,
    )  # fmt: skip


def _closed(
    asked: Question,
    pairs: list[tuple[str, str]],
    kind: str,
    notes: list[tuple[str, str]],
    missing: Mapping[str, str] | None = None,
    *,
    coded: bool = True,
) -> Drafted:
    """Tell a question with options: a scale if its labels say degrees, else a choice.

    ``coded``: the codes are the file's own and stay; else a scale gets 1 for the least.
    """
    if kind not in ("single", "multiple", "scale"):
        return _open(asked, kind or "text", missing or asked.missing)
    labels = [label for _, label in pairs]
    answers, lost = split_missing(labels) if kind != "multiple" else (labels, {})
    order = ordered(answers) if kind != "multiple" else None
    codes = {label: code for code, label in pairs}
    gaps = dict(missing if missing is not None else asked.missing)
    gaps |= {codes[label] if coded else label: why for label, why in lost.items()}
    top: tuple[str, ...] = ()
    whole = all(re.fullmatch(r"-?\d+", codes[label]) for label in answers)
    if order is not None and not coded:
        codes |= {label: str(n) for n, label in enumerate(order, start=1)}
    if order is not None and (whole or not coded):
        kind = "scale"
        answers = sorted(answers, key=lambda label: int(codes[label]))
        below, above = (sum(s * (degree(label) or 0) > 0 for label in order) for s in (-1, 1))
        told = bool(asked.labels) and below == above  # four points, all told by the file
        if (len(order) % 2 == 0 or degree(order[len(order) // 2]) != 0) and not told:
            notes = [
                *notes,
                (
                    "量表两侧不对称，可能缺少没有人选的等级：核对后改正代码",
                    "the scale is not even on both sides: a point that nobody chose may be missing",
                ),
            ]
        middle = next((n for n, label in enumerate(order) if (degree(label) or 0) > 0), len(order))
        top = tuple(sorted((codes[label] for label in order[middle:]), key=int))
        if [codes[label] for label in order] != [codes[label] for label in answers]:
            notes = [
                *notes,
                (
                    "代码由大到小表示由差到好：up: false",
                    "a larger code says less: up: false",
                ),
            ]
    elif kind == "scale":
        kind = "single"
    if kind == "single" and all(re.fullmatch(r"-?\d+", codes[label]) for label in answers):
        answers = sorted(answers, key=lambda label: int(codes[label]))
    values = {codes[label]: (label, asked.labels_en.get(codes[label], "")) for label in answers}
    return Drafted(
        asked.code, asked.title, asked.wording, kind, asked.wording_en, values, top, gaps,
        role_of(asked.wording, kind), tuple(notes),
    )  # fmt: skip


def _unique(items: list[Drafted]) -> Iterable[Drafted]:
    """Give every item a code that the codebook takes, each once."""
    taken = set(TABLES["responses"].names())
    given: dict[str, str] = {}
    for n, item in enumerate(items, start=1):
        code = re.sub(r"[^a-z0-9_]+", "_", item.code.casefold()).strip("_")[:36]
        if not re.match(r"[a-z]", code):
            code = f"q{code or n}"
        if code in taken:
            code = f"q_{code}" if f"q_{code}" not in taken else f"{code}_{n}"
        taken.add(code)
        given[item.code] = code
        where = {given[name]: codes for name, codes in item.where.items()}
        yield replace(item, code=code, where=where)


def _quoted(text: str) -> str:
    """Give a text as YAML reads it back, whatever it holds."""
    return json.dumps(text, ensure_ascii=False)


def _label(zh: str, en: str) -> str:
    return f"{{zh: {_quoted(zh)}, en: {_quoted(en)}}}" if en else f"{{zh: {_quoted(zh)}}}"


def _item(item: Drafted) -> list[str]:
    """Give one item as lines of YAML."""
    lines = [
        f"{item.code}:",
        f"  wording: {_label(item.wording, item.wording_en)}",
        f"  kind: {item.kind}",
    ]
    if item.values:
        lines.append("  values:")
        lines += [
            f"    {_quoted(code)}: {_label(zh or code, en)}"
            for code, (zh, en) in item.values.items()
        ]
    if item.kind == "scale":
        lines.append(f"  top: [{', '.join(item.top)}]")
        ranks = list(item.values)
        lines.append(f"  up: {'true' if not item.top or item.top[-1] == ranks[-1] else 'false'}")
    if item.missing:
        told = ", ".join(f"{_quoted(code)}: {why}" for code, why in item.missing.items())
        lines.append(f"  missing: {{{told}}}")
    if item.where:
        told = ", ".join(
            f"{name}: [{', '.join(map(_quoted, codes))}]" for name, codes in item.where.items()
        )
        lines.append(f"  where: {{{told}}}")
    return [*lines, f"  role: {item.role}", "  class:", "  purpose:", ""]
