"""Recodes of mapped columns: values named by the source, patterns, options of multiple answers."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

import pandas as pd

from workbench.intake.cells import each
from workbench.intake.tables import column_of
from workbench.intake.titles import plain
from workbench.study import Item

if TYPE_CHECKING:
    from workbench.intake.mapping import Mapping

__all__ = ["OTHER", "UNMAPPED", "recode", "split_options", "texts_behind"]

UNMAPPED = "unmapped"
"""Reason in ``code__missing`` for an answer that the source's ``values:`` name nowhere."""

_PARTS = re.compile(r"[┋→|;；,，、\n]")
_SURE = re.compile(r"[┋→]")
_MARKS = ("\n", ";", "；", "|", ",", "，", "、", " ")
OTHER = re.compile(r"其他|其它|\bother", re.I)
"""In the label of an option that takes a text of its own."""


def _accepts(here: Mapping, name: str, value: str) -> bool | None:
    """Whether ``value`` may stand in the column as it is; ``None`` when anything may."""
    item = here.study.codebook.get(name) if here.table.items else None
    if item is not None:
        return _item_takes(item, value)
    if name == "wave":
        return any(value == wave.id for wave in here.study.settings.waves)
    column = column_of(here.table, name)
    if column is None or not column.words:
        return None
    return value in column.words


def _item_takes(item: Item, value: str) -> bool | None:
    if item.kind in ("scale", "single", "multiple"):
        return item.holds(value) or value in item.missing
    return None


def recode(here: Mapping, name: str, out: dict[str, pd.Series]) -> None:
    """Apply ``values:`` to one column; a value named nowhere is counted."""
    how, series = here.source.values[name], out[name]
    item = here.study.codebook.get(name) if here.table.items else None
    if item is not None and item.kind == "multiple":
        return  # its parts are recoded when the cell is split
    present = series.dropna()
    targets = {plain(value): new for value, new in how.values.items()}
    table: dict[str, str | None] = {}
    unnamed: list[str] = []
    for value in present.unique():
        new: str | None = value
        if how.pattern is not None:
            narrow = unicodedata.normalize("NFKC", value)
            match = re.search(how.pattern, value) or re.search(how.pattern, narrow)
            new = match.group(1) if match else None
            if match is None and plain(value) not in targets:
                unnamed.append(value)
                continue
        if new is None or plain(new) in targets:
            table[value] = targets.get(plain(value if new is None else new))
        elif how.pattern is not None:
            table[value] = new
        else:
            unnamed.append(value)
            continue
    recoded = each(present, table.get)
    lost: list[str] = []
    unread: list[str] = []
    crosswalk = item is not None and any(
        new is not None and new != value and item.holds(value) and item.holds(new)
        for value, new in how.values.items()
    )
    for value in unnamed:
        accepts = _accepts(here, name, value)
        rows = present.index[present == value]
        if accepts is None or accepts:
            recoded.loc[rows] = value
            if crosswalk and item is not None and item.holds(value):
                _half(here, name, value)
        else:
            lost.append(value)
        column = column_of(here.table, name)
        required = column is not None and column.required
        if accepts is False:
            unread.append(value)
        if accepts is False and required:
            here.dropped(rows, series.to_frame())
        done = (
            ("该行不读入", "the rows are left out")
            if accepts is False and required
            else ("记为缺失", "counted as missing")
            if accepts is False
            else ("保留原值", "kept as it is")
        )
        here.log.add(
            "intake.value-unnamed",
            len(rows),
            f"{here.file} {name}：values: 没有列出“{value[:40]}”，{done[0]}",
            f'{here.file} {name}: values: does not name "{value[:40]}"; {done[1]}',
            table=here.table.name,
        )
    out[name] = recoded.reindex(series.index)
    if unread:
        _unread(here, name, unread)
    if item is not None and lost:
        reason = pd.Series(None, index=series.index, dtype="str")
        reason.loc[present.index[present.isin(lost)]] = UNMAPPED
        before = out.get(f"{name}__missing")
        out[f"{name}__missing"] = reason if before is None else reason.fillna(before)


def _unread(here: Mapping, name: str, values: list[str]) -> None:
    """Tell of values that ``values:`` leaves out and the column does not hold: they are lost."""
    column = column_of(here.table, name)
    rows = column is not None and column.required
    lost = ("这些行不读入", "their rows are left out") if rows else ("记为缺失", "they are missing")
    away = ("用 where: 只取需要的行", "take the rows that are meant with where:") if rows else (
        "确实要去掉的写 值: null", "write value: null for one that is to be left out")  # fmt: skip
    here.problems.add(
        "source.values-unread",
        f"{name} 中有 values: 没有列出的值，{lost[0]}",
        f"values: does not name every value of {name}; {lost[1]}",
        f"在 values: 中补上；{away[0]}",
        f"add it under values:, or {away[1]}",
        file="study.yaml",
        column=f"{here.place}.values.{name}",
        found=", ".join(value[:20] for value in values[:8]) + (" …" if len(values) > 8 else ""),
        severity="warning",
    )


def _half(here: Mapping, name: str, value: str) -> None:
    """Tell that codes are turned into others and one of them is named nowhere."""
    here.problems.add(
        "source.values-half",
        f"values: 把 {name} 的代码换成了别的代码，却没有列出 {value}，它仍作 {value}",
        f"values: turns codes of {name} into others and does not name {value}, which stays {value}",
        f"不变则写 {value}: {value}；否则写明它对应什么",
        f"write {value}: {value} where it stays, else what it stands for",
        file="study.yaml",
        column=f"{here.place}.values.{name}",
        found=f"{here.file} {name} = {value}",
        severity="warning",
    )


def _options(cell: str, known: dict[str, str], separator: str) -> list[str]:
    """Give the options in one cell of a multiple answer, in order, without blanks.

    An option may hold a comma itself: a cell that is one is not split, the platform's own mark
    splits alone, and a mark that leaves nothing but options is the one that was meant.
    """
    if plain(cell) in known:
        return [cell]
    if _SURE.search(cell):
        parts = _SURE.split(cell)
    else:
        ways = [cell.split(mark) for mark in (separator, *_MARKS) if mark and mark in cell]
        ways.append(_spaced(cell.split(), known))
        parts = next((way for way in ways if _all(way, known)), _PARTS.split(cell))
    return [part.strip() for part in parts if part.strip()]


def _spaced(words: list[str], known: dict[str, str]) -> list[str]:
    """Give labels that hold blanks themselves out of labels parted by blanks, the longest first."""
    out: list[str] = []
    while words:
        n = next((n for n in range(len(words), 0, -1) if plain(" ".join(words[:n])) in known), 1)
        out.append(" ".join(words[:n]))
        words = words[n:]
    return out


def _all(parts: list[str], known: dict[str, str]) -> bool:
    return all(plain(part) in known or _behind(part, known)[1] for part in parts if part.strip())


def _behind(part: str, labels: dict[str, str]) -> tuple[str, str]:
    """Give the code of an option with a text behind it (其他：凉亭, 其他〖凉亭〗), and the text."""
    for found in reversed(list(re.finditer(r"[:：(（〖—-]", part))):
        option = labels.get(plain(part[: found.start()]))
        if option is not None and OTHER.search(part[: found.start()]):
            return option, part[found.start() :].strip(":：()（）〖〗—- ")
    return "", ""


def split_options(here: Mapping, out: dict[str, pd.Series], separator: str = "") -> None:
    """Make one column for each option of a multiple answer in one cell."""
    if not here.table.items:
        return
    for code, item in here.study.codebook.items():
        if item.kind != "multiple" or code not in out:
            continue
        series = out.pop(code)
        how = here.source.values.get(code)
        targets = {plain(v): new for v, new in how.values.items()} if how is not None else {}
        labels = {plain(option): option for option in item.values}
        labels |= {plain(label.zh): option for option, label in item.values.items()}
        labels |= {plain(label.en): option for option, label in item.values.items() if label.en}
        named = {text: option or "" for text, option in targets.items()} | labels
        chosen: dict[str, set[str]] = {}
        unnamed: dict[str, int] = {}
        reasons: dict[str, str] = {}
        written: dict[str, str] = {}
        for cell, n in series.dropna().value_counts().items():
            whole = targets.get(plain(str(cell)), str(cell))
            if whole in item.missing:
                reasons[str(cell)] = item.missing[whole]
                continue
            if whole is None:
                continue
            picked: set[str] = set()
            lost = 0
            for part in _options(str(cell), named, separator):
                option = targets.get(plain(part), part)
                option = labels.get(plain(option or ""), option)
                text = ""
                if option is not None and option not in item.values:
                    option, text = _behind(part, labels)
                if text:
                    written[str(cell)] = text
                if option in item.values:
                    picked.add(option)
                elif option is not None:
                    unnamed[part] = unnamed.get(part, 0) + int(n)
                    lost += 1
            if picked or not lost:
                chosen[str(cell)] = picked
            else:  # not one of them is an option: that nothing was chosen is not said
                reasons[str(cell)] = UNMAPPED
        for part, n in unnamed.items():
            here.log.add(
                "intake.value-unnamed",
                n,
                f"{here.file} {code}：没有选项“{part[:40]}”，未计入",
                f'{here.file} {code}: no option "{part[:40]}"; not counted',
                table=here.table.name,
            )
        for option in item.values:
            words = {
                cell: "true" if option in picked else "false" for cell, picked in chosen.items()
            }
            out[f"{code}__{option}"] = each(series, words.get)
        texts_behind(here, code, each(series, written.get), out)
        given = each(series, reasons.get)
        before = out.get(f"{code}__missing")
        out[f"{code}__missing"] = given if before is None else given.fillna(before)


def texts_behind(here: Mapping, name: str, texts: pd.Series, out: dict[str, pd.Series]) -> None:
    """Put texts written behind options into ``name_other``, if the codebook asks for them.

    A source that maps ``name_other`` itself is left to do so.
    """
    if not texts.notna().any():
        return
    target = f"{name}_other"
    if target in here.source.columns:
        return  # it has a column of its own
    kept = here.known(target)
    if kept:
        before = out.get(target)
        both = texts if before is None else before.str.cat(texts, sep="；")
        out[target] = both if before is None else both.fillna(before).fillna(texts)
    zh, en = (
        (f"读入 {target}", f"read into {target}")
        if kept
        else (f"未读入（码本没有 {target}）", f"not read (the codebook has no {target})")
    )
    here.log.add(
        "intake.other-text",
        int(texts.notna().sum()),
        f"{here.file} {name}：选项后填写的文字，{zh}",
        f"{here.file} {name}: text written behind an option, {en}",
        table=here.table.name,
    )
