"""What a platform's export tells, laid over mapped columns: after corrections, before recodes."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from workbench.intake.cells import Words, each, numbers, where
from workbench.intake.dates import parse_times
from workbench.intake.frames import Raw
from workbench.intake.labels import degree
from workbench.intake.readers.export import Export, Question
from workbench.intake.readers.wjx import seconds
from workbench.intake.recode import OTHER, UNMAPPED, texts_behind
from workbench.intake.tables import column_of
from workbench.intake.titles import plain, tidy

if TYPE_CHECKING:
    from workbench.intake.mapping import Mapping

__all__ = ["block", "named", "settle"]

_NOT = {"0", "false", "no", "n", "否", "未选中", "未选", "unchecked", "notselected"}
_YES = {"true", "yes", "y", "t", "x", "是", "选中", "已选", "√", "✓", "checked", "selected"}
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
    lost = {**export.missing, **asked.missing, **item.missing}
    for option, column in asked.columns:
        if column not in frame.columns:
            continue
        code = labels.get(plain(targets.get(plain(option), option) or ""))
        used.add(column)
        own = {option, code, *((item.values[code].zh, item.values[code].en) if code else ())}
        marks = _Marks.read(frame[column], own, lost, export.other)
        if code is None:
            _log(
                here,
                "intake.value-unnamed",
                int((marks.ticked.fillna(False) | marks.unread.notna()).sum()),
                f"{name}：没有选项“{option[:40]}”，未计入",
                f'{name}: no option "{option[:40]}"; not counted',
            )
            continue
        matched[code] = marks
        _log(
            here,
            "intake.mark-unread",
            int(marks.unread.notna().sum()),
            f"{name}：选项“{option[:40]}”下不是勾选的内容，记为缺失",
            f'{name}: cells under the option "{option[:40]}" that are no mark, counted as missing',
        )
        texts_behind(here, name, marks.text, out)
    if asked.title in frame.columns:
        used.add(asked.title)
    answered = pd.Series(False, index=frame.index)
    reasons = pd.Series(None, index=frame.index, dtype="str")
    for marks in matched.values():
        answered = answered | marks.ticked.notna()
        reasons = reasons.fillna(marks.reason)
    reasons = reasons.mask(answered)
    lacking = int(reasons.notna().sum())
    for code, marks in matched.items():
        unread = marks.unread.notna()
        words = marks.ticked.fillna(False).map({True: "true", False: "false"}).astype("str")
        out[f"{name}__{code}"] = words.where(answered & ~unread & (marks.reason != "not_asked"))
        reasons = reasons.mask(reasons.isna() & ~answered & unread, UNMAPPED)
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
        lacking,
        f"{name}：平台的缺失代码，记为缺失",
        f"{name}: missing codes of the platform, counted as missing",
    )
    return True


def _question(export: Export, wanted: str) -> Question | None:
    """Give the question that a title of ``columns:`` means.

    Its own title, code, wording or number (第6题), or a beginning of its title.
    """
    number = re.fullmatch(r"第(\d{1,3})题", wanted)
    code = f"q{int(number[1])}" if number else wanted
    named = [q for q in export.questions if plain(q.title) == wanted or q.code == code]
    blocks = [q for q in export.questions if q.columns]
    named += [q for q in blocks if plain(q.wording) == wanted]
    begun = [q for q in blocks if plain(q.title).startswith(wanted)]
    return named[0] if named else begun[0] if len(begun) == 1 else None


@dataclass(frozen=True)
class _Marks:
    """The cells of one option's column, each of them one of four things."""

    ticked: pd.Series
    """Whether the option was chosen."""
    reason: pd.Series
    """Why there is no answer."""
    text: pd.Series
    """What was written behind the option; it is ticked then."""
    unread: pd.Series
    """What is none of these."""

    @classmethod
    def read(
        cls,
        cells: pd.Series,
        own: Collection[str | None],
        lost: dict[str, str],
        form: re.Pattern[str] | None,
    ) -> _Marks:
        """Read a column.

        Parameters
        ----------
        own
            Names of the option itself, which some platforms write into its column.
        lost
            Cells that are no answer → reason.
        form
            How the platform writes a text behind an option.
        """
        names = {plain(text) for text in own if text}
        free = any(OTHER.search(text) for text in own if text)

        def core(cell: str) -> str:
            return _DECIMALS.sub("", plain(form.sub("", cell) if form else cell))

        def mark(cell: str) -> str | None:
            word = core(cell)
            if word in _NOT:
                return "0"
            number = re.fullmatch(r"[0-9]+", word) is not None
            return "1" if number or word in _YES or word in names or free else None

        def text(cell: str) -> str | None:
            if form is not None and (found := [t for t in form.findall(cell) if t.strip()]):
                return "；".join(found)
            word = core(cell)
            known = word in _NOT or word in _YES or word in names
            return cell if free and not known and not re.fullmatch(r"[0-9]+", word) else None

        reason = each(cells, _reason(lost))
        given = cells.where(reason.isna())
        marks = each(given, mark)
        return cls(
            marks.map({"1": True, "0": False}).astype("boolean"),
            reason,
            each(given, text),
            given.where(marks.isna()),
        )


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
        if item is None and name in out:
            _unanswered(here, name, out, export)
        if item is None or name not in out:
            continue
        asked = export.question(title)
        named_here = here.source.values.get(name)
        spoken = set(named_here.values) if named_here is not None else set()
        cells = Words(out[name])
        if (
            export.other is not None
            and not option
            and item.kind != "text"
            and any(map(export.other.search, cells.words))
        ):
            _free_text(here, name, out, export.other)
            cells = Words(out[name])
        lost = {**export.missing, **(asked.missing if asked else {})}
        lost = {
            cell: why
            for cell, why in lost.items()
            if cell not in item.missing and cell not in spoken and not item.holds(cell)
        }
        if item.kind == "number" and item.range is not None and item.range[0] < 0:
            lost = {cell: why for cell, why in lost.items() if not cell.startswith("-")}
        reason = _reason(lost)
        coded = {cell: word for cell in cells.words if (word := reason(cell)) is not None}
        if coded:
            given = {cell: cell for cell in cells.words if cell not in coded}
            why = cells.each(coded.get)
            hit = cells.where(coded.__contains__)
            before = out.get(f"{code}__missing")
            out[f"{code}__missing"] = why if before is None else before.mask(hit, why)
            out[name] = cells.each(given.get)
            _log(
                here,
                "intake.missing-code",
                int(hit.sum()),
                f"{name}：平台的缺失代码（{{listed}}），记为缺失",
                f"{name}: missing codes of the platform ({{listed}}), counted as missing",
                listed={_DECIMALS.sub("", cell) for cell in coded},
            )
        if asked is not None and not option and (named_here is None or not named_here.pattern):
            _definition(here, name, asked, title, spoken)


def _unanswered(here: Mapping, name: str, out: dict[str, pd.Series], export: Export) -> None:
    """Empty what a question left unanswered, where it feeds a column and no item.

    Three blank device numbers would be one device, blank buildings a building.
    """
    column = column_of(here.table, name)
    text = column is not None and column.type in ("text", "id")
    spoken = here.source.values[name].values if name in here.source.values else {}
    lost = {
        cell: why
        for cell, why in export.missing.items()
        if cell not in spoken and (text or not re.fullmatch(r"-?\d+", cell))
    }
    reason = _reason(lost)
    blank = where(out[name], lambda cell: reason(cell) is not None)
    if blank.any():
        out[name] = out[name].mask(blank, None)
        _log(
            here,
            "intake.missing-code",
            int(blank.sum()),
            f"{name}：平台的缺失代码，按空白处理",
            f"{name}: missing codes of the platform, taken as blank",
        )


def _reason(lost: dict[str, str]) -> Callable[[str], str | None]:
    """Give what tells the reason of a missing code, which a spreadsheet may write as ``-3.0``."""
    return lambda cell: lost.get(_DECIMALS.sub("", cell))


def _free_text(here: Mapping, name: str, out: dict[str, pd.Series], form: re.Pattern[str]) -> None:
    """Part an option from the text written behind it; the text goes to ``name_other``, if asked."""
    cells = out[name]
    hit = where(cells, form.search)
    if not hit.any():
        return
    texts = each(
        cells[hit], lambda cell: "；".join(t for t in form.findall(cell) if t.strip()) or None
    )
    plainly = each(cells[hit], lambda cell: form.sub("", cell).strip())
    out[name] = cells.mask(hit, plainly.reindex(cells.index))
    texts_behind(here, name, texts.reindex(cells.index), out)


def _side(label: str) -> int | None:
    """Say on which side of the middle a label stands: −1, 0 or 1; ``None`` when on none."""
    says = degree(label)
    return None if says is None else (says > 0) - (says < 0)


def _definition(
    here: Mapping, name: str, asked: Question, title: str, spoken: Collection[str]
) -> None:
    """Hold the labels that the file itself gives its codes against the codebook's.

    What ``values:`` names (``spoken``) is settled; a code left out of it is held like any other.
    """
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
        if code in spoken or label in spoken:
            continue
        means = mine.get(plain(label))
        own = item.values.get(code) if item.kind == "scale" else None
        ours = str(own.zh or own.en) if own is not None else ""
        sides = {_side(ours), _side(label)}
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
        elif means is None and None not in sides and len(sides) == 2:
            here.problems.add(
                "item.labels-differ",
                f"文件中代码 {code} 是“{label}”，码本中 {code} 是“{ours}”：量表不同",
                f'code {code} is "{label}" in the file, and "{ours}" in the codebook: '
                "another scale",
                f"在 values: 中写明每个代码对应什么（含义相同写 {code}: {code}），或改正码本",
                f"say with values: what each code stands for ({code}: {code} where it means the "
                "same), or correct the codebook",
                file=here.source.file,
                column=title,
                expected=f"{code} = {ours}",
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
