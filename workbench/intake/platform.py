"""What a platform's export tells, laid over mapped columns: after corrections, before recodes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import pandas as pd

from workbench.intake.cells import each, numbers, where
from workbench.intake.dates import parse_times
from workbench.intake.frames import Raw
from workbench.intake.readers.export import Export, Question
from workbench.intake.readers.wjx import seconds
from workbench.intake.titles import plain, tidy

if TYPE_CHECKING:
    from workbench.intake.mapping import Mapping

__all__ = ["block", "named", "settle"]

_NOT = {"0", "false", "no", "n", "否", "0.0", "未选中", "unchecked", "not selected"}
_DECIMALS = re.compile(r"\.0+\Z")
_RANK = re.compile(r"(?P<title>.+?)\s*[(（](?P<option>[^()（）]+)[)）]")


def _log(
    here: Mapping,
    code: str,
    n: int,
    zh: str,
    en: str,
    *,
    listed: Iterable[str] = (),
    once: bool = False,
) -> None:
    zh, en, table = f"{here.file} {zh}", f"{here.file} {en}", here.table.name
    here.log.add(code, n, zh, en, table=table, listed=listed, once=once)


def named(here: Mapping, raw: Raw, out: dict[str, pd.Series], used: set[str]) -> None:
    """Fill the columns of ``responses`` that the platform itself keeps and the source names not."""
    export = raw.export
    if export is None or here.table.name != "responses":
        return
    taken = set(here.source.set)
    for name, how in export.named.items():
        if name in out or name in taken or how.title not in raw.frame.columns:
            continue
        cells = raw.frame[how.title]
        if how.clean is not None:
            cleaned = each(cells, how.clean)
            changed = int((cleaned.fillna("") != cells.fillna("")).sum())
            if how.blank is None:
                _log(
                    here,
                    "intake.cleaned",
                    changed,
                    f"{how.title}：去掉平台附加的内容或补上时区",
                    f"{how.title}: additions of the platform taken off, or the time zone added",
                )
            cells = cleaned
        if how.blank is not None:
            cells = cells.fillna(how.blank)
        out[name] = cells
        used.add(how.title)
    if (
        export.seconds in raw.frame.columns
        and "started" not in {*out, *taken}
        and "finished" in out
    ):
        _started(here, raw.frame[export.seconds], out, export)
        used.add(export.seconds)


def _started(here: Mapping, lasted: pd.Series, out: dict[str, pd.Series], export: Export) -> None:
    """Take the beginning of an answer from its end and the time it took."""
    how = here.source.dates
    declared = how.get("finished") if isinstance(how, dict) else how
    if (declared is not None and "%" in declared) or (isinstance(how, dict) and "started" in how):
        return  # the beginning would have to be written in the declared form
    ends = parse_times(out["finished"], declared, here.study.zone).values
    both = ends.notna() & lasted.notna()
    took = numbers(lasted[both], seconds)
    unread = int(took.isna().sum())
    took = took.dropna().astype("int64").astype("timedelta64[s]")
    clock = ends[took.index].str[:19].astype("datetime64[s]") - took
    begun = clock.dt.strftime("%Y-%m-%dT%H:%M:%S").astype("str") + ends[took.index].str[19:]
    out["started"] = begun.reindex(ends.index)
    _log(
        here,
        "intake.started",
        len(begun),
        f"开始时间 = 提交时间 − {export.seconds}",
        f"started = finished − {export.seconds}",
    )
    _log(
        here,
        "intake.seconds-unread",
        unread,
        f"{export.seconds}：读不懂的用时",
        f"{export.seconds}: durations that cannot be read",
    )


def block(
    here: Mapping, raw: Raw, name: str, title: str, out: dict[str, pd.Series], used: set[str]
) -> bool:
    """Map a question that has one column for each option; say whether ``title`` is one.

    The options are matched to the codebook by code or label; both what has no option in the
    codebook and what has no column is counted.
    """
    export = raw.export
    if export is None or here.study.codebook.get(name) is None:
        return False
    wanted, item = plain(title), here.study.codebook[name]
    asked = _question(export, wanted)
    if asked is None or not asked.columns:
        return _rank(here, raw, name, title, out, used)
    if item.kind != "multiple":
        return False
    recodes = here.source.values.get(name)
    targets = {plain(v): new for v, new in recodes.values.items()} if recodes else {}
    labels = {plain(value): value for value in item.values}
    for value, label in item.values.items():
        labels |= {plain(text): value for text in (label.zh, label.en) if text}
    frame, matched = raw.frame, {}
    for option, column in asked.columns:
        if column not in frame.columns:
            continue
        code = labels.get(plain(targets.get(plain(option), option) or ""))
        used.add(column)
        if code is None:
            _log(
                here,
                "intake.value-unnamed",
                int(_ticked(frame[column], export.missing, asked).fillna(False).sum()),
                f"{name}：没有选项“{option[:40]}”，未计入",
                f'{name}: no option "{option[:40]}"; not counted',
            )
        else:
            matched[code] = column
    if asked.title in frame.columns:
        used.add(asked.title)
    lost = {**export.missing, **asked.missing, **item.missing}
    given = frame[list(matched.values())]
    answered = (given.notna() & ~given.isin(set(lost))).any(axis=1)
    reasons = pd.Series(None, index=frame.index, dtype="str")
    for cell, why in lost.items():
        reasons = reasons.mask((given == cell).any(axis=1) & ~answered, why)
    for code, column in matched.items():
        ticked = _ticked(frame[column], lost, asked).fillna(False)
        words = ticked.map({True: "true", False: "false"}).astype("str")
        out[f"{name}__{code}"] = words.where(answered)
    out[f"{name}__missing"] = reasons
    absent = [code for code in item.values if code not in matched]
    _log(
        here,
        "intake.option-absent",
        len(absent),
        f"{name}：导出中没有的选项，记为缺失：{'、'.join(absent)[:80]}",
        f"{name}: options without a column, counted as missing: {', '.join(absent)[:80]}",
        once=True,
    )
    _log(
        here,
        "intake.missing-code",
        int(reasons.notna().sum()),
        f"{name}：平台的缺失代码，记为缺失",
        f"{name}: missing codes of the platform, counted as missing",
    )
    return True


def _question(export: Export, wanted: str) -> Question | None:
    """Give the question that a title of ``columns:`` means: its own title, or a beginning of it."""
    whole = [q for q in export.questions if plain(q.title) == wanted or q.code == wanted]
    begun = [q for q in export.questions if q.columns and plain(q.title).startswith(wanted)]
    return whole[0] if whole else begun[0] if len(begun) == 1 else None


def _ticked(cells: pd.Series, lost: object, asked: Question) -> pd.Series:
    """Say where an option was chosen; missing stays missing."""
    present = cells.dropna()
    present = present[~present.isin(set(lost))]  # type: ignore[call-overload]
    return (~present.str.casefold().isin(_NOT)).reindex(cells.index).astype("boolean")


def _rank(
    here: Mapping, raw: Raw, name: str, title: str, out: dict[str, pd.Series], used: set[str]
) -> bool:
    """Give the rank of one option, ``title(option)``, from a cell ``first→second→third``."""
    match = _RANK.fullmatch(tidy(title))
    if match is None or tidy(title) in raw.frame.columns or raw.export is None:
        return False
    base = [t for t in map(str, raw.frame.columns) if plain(t) == plain(match["title"])]
    if len(base) != 1 or not any("→" in cell for cell in raw.seen(base[0])):
        return False
    wanted = plain(match["option"])

    def rank(cell: str) -> str | None:
        order = [plain(part) for part in cell.split("→")]
        return str(order.index(wanted) + 1) if wanted in order else None

    out[name] = each(raw.frame[base[0]], rank)
    used.add(base[0])
    return True


def settle(here: Mapping, raw: Raw, out: dict[str, pd.Series], titles: dict[str, str]) -> None:
    """Take the platform's missing codes and free texts out of the answers, each counted.

    Parameters
    ----------
    titles
        Column of the table → title of the file it came from.
    """
    export = raw.export
    if export is None or export.form is not None or not here.table.items:
        return
    for name, title in titles.items():
        code, _, option = name.partition("__")
        item = here.study.codebook.get(code)
        if item is None or name not in out or item.kind == "text":
            continue
        asked = export.question(title)
        named_here = here.source.values.get(name)
        spoken = set(named_here.values) if named_here is not None else set()
        if export.other is not None and not option:
            _free_text(here, name, out, export.other)
        lost = {**export.missing, **(asked.missing if asked else {})}
        lost = {
            cell: why
            for cell, why in lost.items()
            if cell not in item.missing and cell not in spoken and not item.holds(cell)
        }
        if item.kind == "number" and item.range is not None and item.range[0] < 0:
            lost = {cell: why for cell, why in lost.items() if not cell.startswith("-")}
        cells = out[name]
        why = each(cells, _reason(lost))
        hit = why.notna()
        if hit.any():
            codes = {_DECIMALS.sub("", cell) for cell in cells[hit].unique()}
            before = out.get(f"{code}__missing")
            out[f"{code}__missing"] = why if before is None else before.mask(hit, why)
            out[name] = cells.mask(hit)
            _log(
                here,
                "intake.missing-code",
                int(hit.sum()),
                f"{name}：平台的缺失代码（{{listed}}），记为缺失",
                f"{name}: missing codes of the platform ({{listed}}), counted as missing",
                listed=codes,
            )
        if asked is not None and named_here is None:
            _definition(here, name, asked, title)


def _reason(lost: dict[str, str]) -> Callable[[str], str | None]:
    """Give what tells the reason of a missing code, which a spreadsheet may write as ``-3.0``."""
    return lambda cell: lost.get(_DECIMALS.sub("", cell))


def _free_text(here: Mapping, name: str, out: dict[str, pd.Series], form: re.Pattern[str]) -> None:
    """Part an option from the text written behind it; the text goes to ``name_other``, if asked."""
    cells = out[name]
    hit = where(cells, form.search)
    if not hit.any():
        return
    target = f"{name}_other"
    kept = here.known(target) and target not in out
    if kept:
        texts = each(
            cells[hit], lambda cell: "；".join(t for t in form.findall(cell) if t.strip()) or None
        )
        out[target] = texts.reindex(cells.index)
    plainly = each(cells[hit], lambda cell: form.sub("", cell).strip())
    out[name] = cells.mask(hit, plainly.reindex(cells.index))
    _log(
        here,
        "intake.other-text",
        int(hit.sum()),
        f"{name}：选项后填写的文字，"
        + (f"读入 {target}" if kept else f"未读入（码本没有 {target}）"),
        f"{name}: text written behind an option, "
        + (f"read into {target}" if kept else f"not read (the codebook has no {target})"),
    )


def _definition(here: Mapping, name: str, asked: Question, title: str) -> None:
    """Hold the labels that the file itself gives its codes against the codebook's."""
    item = here.study.codebook[name]
    if item.kind not in ("scale", "single"):
        return
    mine = {
        plain(text): code
        for code, label in item.values.items()
        for text in (label.zh, label.en)
        if text
    }
    for code, label in asked.labels.items():
        means = mine.get(plain(label))
        if means is not None and means != code:
            here.problems.add(
                "item.labels-differ",
                f"文件中代码 {code} 是“{label}”，码本中“{label}”是 {means}：编码不同",
                f'code {code} is "{label}" in the file, and "{label}" is {means} in the codebook',
                "在 values: 中按标签对应，或改正码本",
                "map the codes with values:, or correct the codebook",
                file=here.source.file,
                column=title,
                expected=f"{means} = {label}",
                found=f"{code} = {label}",
            )
        elif means is None and item.holds(code) and code in item.values:
            here.problems.add(
                "item.label-other",
                "文件与码本对同一代码的说法不同",
                "file and codebook say different things of one code",
                "确认含义相同；不同则用 values: 对应",
                "make sure that they mean the same; if not, map them with values:",
                file=here.source.file,
                column=title,
                expected=f"{code} = {item.values[code].zh}",
                found=f"{code} = {label}",
                severity="warning",
            )
