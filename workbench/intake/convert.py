"""Text cells to typed columns: numbers, booleans, dates, words, and the items of the codebook."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pandas as pd

from workbench.intake.cells import Words, each, numbers, where
from workbench.intake.dates import Parsed, parse_dates, parse_times, readable, swapped
from workbench.intake.frames import FILE, ROW, Log, Problems
from workbench.intake.tables import PERIOD, Column, Table, column_of
from workbench.intake.titles import plain
from workbench.study import Item, nearest_remedy

if TYPE_CHECKING:
    from workbench.study import Source, Study

__all__ = ["convert", "item_columns"]

_INT = re.compile(r"[+-]?\d{1,18}(?:\.0+)?\Z")
_FLOAT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?\Z")
_CUT = re.compile(r"\d(?:\.\d+)?[eE]\+\d{1,3}")
_BOOL = dict.fromkeys(
    ("1", "true", "yes", "y", "t", "是", "有", "对", "合格", "通过", "完成"), True
) | dict.fromkeys(
    ("0", "false", "no", "n", "f", "否", "无", "错", "不合格", "未通过", "未完成"), False
)
_NAMES = {
    "int": ("整数", "a whole number"),
    "float": ("数字", "a number"),
    "bool": ("是或否（1/0、true/false）", "yes or no (1/0, true/false)"),
    "period": (
        "时期（2026、2026-H1、2026-Q1、2026-05、2026-W07、2026-05-01）",
        "a period (2026, 2026-H1, 2026-Q1, 2026-05, 2026-W07, 2026-05-01)",
    ),
}
_NARROW = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_FIX_ZH = "在 corrections.csv 中更正，或用 values: 对应"
_FIX_EN = "put it right in corrections.csv, or map it with values:"


def _number(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _code(text: str) -> str:
    """Give a code without the decimals a spreadsheet added: ``3.0`` is ``3``."""
    text = _number(text)
    return str(int(float(text))) if _INT.match(text) and len(text) < 16 else text


def _code_of(item: Item, text: str) -> str:
    """Give a code as the codebook writes it: ``01`` where it has one, else as :func:`_code`."""
    return text if item.holds(text) or text in item.missing else _code(text)


_HALVES = {"上半年": "H1", "下半年": "H2"}
_QUARTERS = {"一": "1", "二": "2", "三": "3", "四": "4"}
_PERIOD = re.compile(
    r"(?P<year>\d{4})(?:年|[-/.](?=\d))?(?:(?P<half>[上下]半年)|第?(?P<quarter>[1-4一二三四])季度|"
    r"(?P<month>\d{1,2})月?)?\Z"
)


def _period(text: str) -> str:
    """Give a period as people write it in the form of the table; other texts as they are.

    Examples
    --------
    >>> [_period(text) for text in ("2026年9月", "2026.9", "202609", "2026年三季度", "20261")]
    ['2026-09', '2026-09', '2026-09', '2026-Q3', '20261']
    """
    if PERIOD.match(text):
        return text
    match = _PERIOD.match("".join(_number(text).split()))
    if match is None or not _lies(match):
        return text
    year, half, quarter, month = match.groups()
    if half:
        return f"{year}-{_HALVES[half]}"
    if quarter:
        return f"{year}-Q{_QUARTERS.get(quarter, quarter)}"
    return f"{year}-{int(month):02d}" if month else year


def _lies(match: re.Match[str]) -> bool:
    """Whether a month is one of the year, with both digits where nothing parts it from the year."""
    month = match["month"]
    parted = match[0][4:5] in ("年", "-", "/", ".")
    return month is None or (1 <= int(month) <= 12 and (parted or len(month) == 2))


class _Converter:
    """One source's rows while they are converted."""

    def __init__(
        self,
        study: Study,
        table: Table,
        source: Source,
        log: Log,
        problems: Problems,
        frame: pd.DataFrame,
    ) -> None:
        self.study, self.table, self.source = study, table, source
        self.log, self.problems, self.frame = log, problems, frame
        self.file = Path(source.file).name
        self.whole: dict[str, pd.Index] = {}
        """Rows in which an instant has no time of day, by column."""

    def bad(
        self,
        code: str,
        column: str,
        rows: pd.Index,
        zh: str,
        en: str,
        *,
        fix: tuple[str, str] = (_FIX_ZH, _FIX_EN),
        expected: str = "",
    ) -> None:
        """Enter faulty cells of one column."""
        if rows.empty:
            return
        faulty = self.frame.loc[rows]
        self.problems.cells(
            code,
            zh,
            en,
            *fix,
            frame=faulty,
            column=column,
            expected=expected,
            values=faulty[column],
        )

    def column(self, column: Column) -> pd.Series:
        """Give one canonical column in its type."""
        cells = self.frame[column.name]
        kind = column.type
        if kind == "int":
            return self._numbers(column, cells, _INT, "Int64")
        if kind == "float":
            return self._numbers(column, cells, _FLOAT, "float64")
        if kind == "bool":
            return self.booleans(column.name, cells)
        if kind in ("date", "time"):
            return self.dates(column.name, cells, kind)
        if kind == "period":
            told = each(cells, _period)
            self.log.add(
                "intake.period",
                int((told.fillna("") != cells.fillna("")).sum()),
                f"{self.file} {column.name}：按写法改为 2026-09 的形式",
                f"{self.file} {column.name}: written as 2026-09",
                table=self.table.name,
            )
            cells = told
            wrong = cells.dropna()
            wrong = wrong[~where(wrong, PERIOD.match)]
            self.bad(
                "cell.period",
                column.name,
                wrong.index,
                "不是时期",
                "not a period",
                expected=_NAMES["period"][1],
            )
            return cells.drop(wrong.index).reindex(cells.index)
        if kind == "id":
            wrong = cells.dropna()
            wrong = wrong[where(wrong, lambda text: not text.isprintable() or len(text) > 200)]
            self.bad(
                "cell.id",
                column.name,
                wrong.index,
                "编号含控制字符或过长",
                "the id holds control characters or is too long",
            )
            cells = self._ids(column.name, cells)
        if column.words:
            wrong = cells.dropna()
            wrong = wrong[~wrong.isin(column.words)]
            for value in wrong.unique():
                self.bad(
                    "cell.word",
                    column.name,
                    wrong.index[wrong == value],
                    "不是允许的词",
                    "not one of the allowed words",
                    fix=nearest_remedy(value, column.words),
                    expected=" | ".join(column.words),
                )
            return cells.drop(wrong.index).reindex(cells.index)
        return cells

    def _ids(self, name: str, cells: pd.Series) -> pd.Series:
        """Give ids without the decimals of a spreadsheet; one whose digits it cut is a fault."""
        lost = cells.index[cells.str.fullmatch(_CUT).fillna(False).astype(bool)]
        self.bad(
            "cell.id-cut",
            name,
            lost,
            "编号被电子表格改写成科学计数，末尾数字可能已丢失",
            "a spreadsheet wrote the id as a power of ten: its last digits may be lost",
            fix=(
                "从原系统重新导出，不要用 Excel 打开后保存",
                "export it again from its system, and do not save it in Excel",
            ),
        )
        narrow = each(cells, lambda text: text.translate(_NARROW))
        self.log.add(
            "intake.id-wide",
            int((narrow.fillna("") != cells.fillna("")).sum()),
            f"{self.file} {name}：编号中的全角字符改为半角",
            f"{self.file} {name}: wide characters of ids made narrow",
            table=self.table.name,
        )
        cells = narrow
        decimal = cells.str.fullmatch(r"\d+\.0+").fillna(False).astype(bool)
        self.log.add(
            "intake.id-decimals",
            int(decimal.sum()),
            f"{self.file} {name}：编号写成小数（1001.0），去掉小数部分",
            f"{self.file} {name}: ids written with decimals (1001.0); taken off",
            table=self.table.name,
        )
        return cells.mask(decimal, cells.str.replace(r"\.0+\Z", "", regex=True))

    def _numbers(
        self,
        column: Column,
        cells: pd.Series,
        form: re.Pattern[str],
        dtype: Literal["Int64", "float64"],
    ) -> pd.Series:
        present = each(cells.dropna(), _number)
        fits = where(present, form.match)
        zh, en = _NAMES[column.type]
        self.bad(
            "cell.type", column.name, present.index[~fits], f"不是{zh}", f"not {en}", expected=en
        )
        values = numbers(present[fits], float)
        if column.low is not None:
            low = values.index[values < column.low]
            self.bad(
                "cell.range",
                column.name,
                low,
                f"小于 {column.low:g}",
                f"below {column.low:g}",
                expected=f"≥ {column.low:g}",
            )
        if column.above is not None:
            low = values.index[values <= column.above]
            weight = column.name.endswith("weight")
            self.bad(
                "weight.not-positive" if weight else "cell.range",
                column.name,
                low,
                "权数须大于零" if weight else f"须大于 {column.above:g}",
                "a weight must exceed zero" if weight else f"must exceed {column.above:g}",
                expected=f"> {column.above:g}",
            )
        values = values.reindex(cells.index)
        return values.astype("Int64") if dtype == "Int64" else values

    def booleans(self, name: str, cells: pd.Series) -> pd.Series:
        """Give yes and no as booleans."""
        known = numbers(cells.dropna(), lambda text: _BOOL.get(text.casefold()))
        zh, en = _NAMES["bool"]
        self.bad(
            "cell.type", name, known.index[known.isna()], f"不是{zh}", f"not {en}", expected=en
        )
        return known.dropna().reindex(cells.index).astype("boolean")

    def dates(self, name: str, cells: pd.Series, kind: str) -> pd.Series:
        """Give dates or instants as ISO 8601."""
        how = self.source.dates
        declared = how.get(name) if isinstance(how, dict) else how
        if declared is not None and not readable(declared):
            return cells.mask(cells.notna())  # told once for the source
        limits = name == "due"
        parsed: Parsed = (
            parse_dates(cells, declared)
            if kind == "date"
            else parse_times(cells, declared, self.study.zone, limits=limits)
        )
        fix = (
            '在该数据源写 dates: dmy、mdy 或格式，如 "%d/%m/%Y %H:%M"',
            'write dates: dmy, mdy or a format such as "%d/%m/%Y %H:%M" for the source',
        )
        self.bad(
            "cell.date-order",
            name,
            parsed.unclear,
            "日与月的先后不明",
            "day and month could be either",
            fix=fix,
            expected="YYYY-MM-DD",
        )
        suspect = self.frame.loc[swapped(cells, declared)]
        self.problems.cells(
            "cell.date-swapped",
            "日与月可能被电子表格对调：真日期都在 12 日以前，文本日期都在 12 日以后",
            "a spreadsheet has probably swapped day and month: every real date has a day up to 12, "
            "every date as text one beyond",
            "从原系统重新导出为文本；确认无误的可不理会",
            "export it again as text from its system; nothing is to be done where it is right",
            frame=suspect,
            column=name,
            severity="warning",
        )
        self.bad(
            "cell.date-serial",
            name,
            parsed.serial,
            "像是 Excel 的日期序号",
            "looks like an Excel date serial",
            fix=(
                "在 Excel 中设为日期格式后重新导出",
                "format the column as a date in Excel and export again",
            ),
            expected="YYYY-MM-DD",
        )
        self.bad(
            "cell.date",
            name,
            parsed.wrong,
            "不是日期",
            "not a date",
            expected=declared or "YYYY-MM-DD",
        )
        for code, n, zh, en in (
            (
                "intake.date-only",
                parsed.date_only if kind == "time" else 0,
                "没有时刻，按当日末计" if limits else "没有时刻，按零时计",
                f"no time of day; {'the end of the day' if limits else 'midnight'} is taken",
            ),
            (
                "intake.clock-back",
                parsed.repeated,
                "落在时钟回拨的一小时内，取先出现的",
                "in the hour that clocks repeat; the first is taken",
            ),
            (
                "intake.clock-forward",
                parsed.skipped,
                "落在时钟跳过的一小时内，顺延",
                "in the hour that clocks skip; moved to its end",
            ),
        ):
            self.log.add(
                code,
                n,
                f"{self.file} {name}：{zh}",
                f"{self.file} {name}: {en}",
                table=self.table.name,
            )
        if kind == "time":
            self.whole[name] = parsed.whole
        return parsed.values

    def same_day(self, out: dict[str, pd.Series]) -> None:
        """Put a step without a time of day at the end of the day on which the request came in.

        At midnight it would stand before the receipt, and its duration would be set aside.
        """
        if "received" not in self.whole:
            return
        received = out["received"]
        for name in ("assigned", "answered", "closed"):
            if name not in self.whole:
                continue
            rows = self.whole[name].difference(self.whole["received"])
            told = received[rows].dropna()
            told = told[told.str[:10].eq(out[name][told.index].str[:10])]
            if told.empty:
                continue
            out[name] = out[name].copy()
            out[name].loc[told.index] = told.str[:11] + "23:59:59" + told.str[19:]
            self.log.add(
                "intake.same-day",
                len(told),
                f"{self.file} {name}：没有时刻且与受理同日，按当日末计",
                f"{self.file} {name}: no time of day, on the day of receipt; its end is taken",
                table=self.table.name,
            )

    def item(self, code: str, item: Item) -> dict[str, pd.Series]:
        """Give an item's columns: its values, and the reason where a missing code stood."""
        name = f"{code}__missing"
        reason = (
            self.frame[name]
            if name in self.frame
            else pd.Series(None, index=self.frame.index, dtype="str")
        )
        out: dict[str, pd.Series] = {}
        if item.kind == "multiple":
            for option in item.values:
                column = f"{code}__{option}"
                if column in self.frame:
                    cells = self.frame[column]
                    reasons = each(cells, lambda text: item.missing.get(_code_of(item, text)))
                    reason = reason.fillna(reasons)
                    out[column] = self.booleans(column, cells.mask(reasons.notna()))
            if out:
                out[name] = reason
            return out
        words = Words(self.frame[code])
        missing = {
            word: why
            for word in words.words
            if (why := item.missing.get(_code_of(item, word))) is not None
        }
        if missing:
            reason = reason.fillna(words.each(missing.get))
        out[code] = self._answers(code, item, words, missing)
        if item.missing or reason.notna().any():
            out[name] = reason
        return out

    def not_asked(self, out: dict[str, pd.Series]) -> None:
        """Say of blanks that who answered otherwise before was not to be asked (``where:``)."""
        index = self.frame.index
        for code, item in self.study.codebook.items():
            columns = [c for c in (code, *(f"{code}__{o}" for o in item.values)) if c in out]
            if not item.where or not columns:
                continue
            off = pd.Series(False, index=index)
            for name, wanted in item.where.items():
                off |= _otherwise(self.study.codebook[name], name, wanted, out, index)
            lost = f"{code}__missing"
            reason = out.get(lost, pd.Series(None, index=index, dtype="str"))
            blank = pd.concat([out[c].isna() for c in columns], axis=1).all(axis=1)
            hit = off & blank & reason.isna()
            out[lost] = reason.mask(hit, "not_asked").astype("str")
            self.log.add(
                "intake.not-asked",
                int(hit.sum()),
                f"{self.file} {code}：空白，按码本 where: 不该问到，记为未问",
                f"{self.file} {code}: blank, and not to be asked by where: of the codebook",
                table=self.table.name,
            )

    def _answers(self, code: str, item: Item, cells: Words, missing: Collection[str]) -> pd.Series:
        """Give the answers that are no missing codes."""
        if item.kind in ("scale", "single"):
            labels: dict[str, str | None] = {}
            for value, label in item.values.items():
                for text in {plain(str(said)) for said in (label.zh, label.en) if said}:
                    labels[text] = None if text in labels else value

            def known(text: str) -> str | None:
                given = _code_of(item, text)
                return given if item.holds(given) else labels.get(plain(text))

            told = {word: known(word) for word in cells.words if word not in missing}
            wrong = {word for word, value in told.items() if value is None}
            self.bad(
                "item.off-scale",
                code,
                self.frame.index[cells.where(wrong.__contains__)],
                "不在该题的取值范围内",
                "not a value of the item",
                fix=(
                    "更正，或在 codebook.yaml 的 values: 或 missing: 中列出",
                    "put it right, or list it under values: or missing: in codebook.yaml",
                ),
                expected=" | ".join([*item.points, *item.missing][:24]),
            )
            if not item.whole:
                return cells.each(told.get)
            points = {word: float(value) for word, value in told.items() if value is not None}
            return cells.numbers(points.get).astype("Int64")
        answers = cells.each(lambda word: None if word in missing else word)
        codes = each(answers, partial(_code_of, item))
        if item.kind == "number":
            low, high = item.range or (None, None)
            frame = self.frame
            given = self._numbers(Column(code, "float"), codes, _FLOAT, "float64")
            if low is not None and high is not None:
                off = given.index[(given < low) | (given > high)]
                self.bad(
                    "item.off-scale",
                    code,
                    off,
                    "超出码本的 range",
                    "outside the range of the codebook",
                    expected=f"{low:g} – {high:g}",
                )
                given = given.drop(off).reindex(frame.index)
            return given
        if item.kind == "check":
            return self.booleans(code, codes)
        if item.kind == "date":
            return self.dates(code, codes, "date")
        return answers


def _otherwise(
    item: Item, name: str, wanted: list[str], out: dict[str, pd.Series], index: pd.Index
) -> pd.Series:
    """Tell who answered the item that decides, and not as wanted; a blank tells nothing."""
    reason = out.get(f"{name}__missing", pd.Series(None, index=index, dtype="str"))
    known, yes = reason.isin(["dont_know", "refused", "not_asked"]), pd.Series(False, index=index)
    if item.kind == "multiple":
        for option in item.values:
            if (ticks := out.get(f"{name}__{option}")) is not None:
                known |= ticks.notna()
                yes |= ticks.fillna(False).astype(bool) & (option in wanted)
    elif name in out:
        known |= out[name].notna()
        yes = each(out[name].astype("str"), _code).isin(wanted)
    return known & ~yes


def item_columns(study: Study) -> list[str]:
    """Names of the item columns of ``responses``, in the order of the codebook."""
    names: list[str] = []
    for code, item in study.codebook.items():
        if item.role == "inspection" or not item.is_read:
            continue
        names += [f"{code}__{o}" for o in item.values] if item.kind == "multiple" else [code]
        names.append(f"{code}__missing")
    return names


def convert(
    mapped: pd.DataFrame, study: Study, table: Table, source: Source, log: Log, problems: Problems
) -> pd.DataFrame:
    """Give a source's mapped rows in the types of its table.

    Parameters
    ----------
    mapped
        Text cells under canonical names, with ``_file`` and ``_row``.
    study, table, source
        Where they come from.
    log, problems
        Receive what is counted and every cell that does not fit its column.

    Returns
    -------
    DataFrame
        Same rows; text, ids, dates and instants as ``str``, whole numbers as ``Int64``, numbers
        as ``float64``, yes and no as ``boolean``; cells that do not fit are missing.
    """
    formats = source.dates if isinstance(source.dates, dict) else {"": source.dates}
    for declared in formats.values():
        if declared is not None and not readable(declared):
            zh, en = nearest_remedy(declared, ["ymd", "dmy", "mdy"])
            problems.add(
                "source.dates",
                "dates: 不是先后顺序也不是格式",
                "dates: is neither an order nor a format",
                zh,
                en,
                file="study.yaml",
                column=f"sources.{table.name}.dates",
                expected='ymd | dmy | mdy | "%d/%m/%Y"',
                found=declared,
            )
    worker = _Converter(study, table, source, log, problems, mapped)
    out: dict[str, pd.Series] = {}
    for name in map(str, mapped.columns):
        column = column_of(table, name)
        if column is not None:
            out[name] = worker.column(column)
            if column.required and name not in (table.unit,):
                _required(worker, name, mapped[name].isna())
    if table.name == "requests":
        worker.same_day(out)
    if table.items:
        for code, item in study.codebook.items():
            if (
                item.role != "inspection"
                and item.is_read
                and (code in mapped or any(f"{code}__{option}" in mapped for option in item.values))
            ):
                out |= worker.item(code, item)
        worker.not_asked(out)
        if not set(out) - set(table.names()):
            problems.add(
                "responses.no-items",
                "没有一道题的数据",
                "there are no answers to any item",
                "在 columns: 中写 题目代码: 列名，题目须在 codebook.yaml 中写明 class: 与 purpose:",
                "write code: title under columns: for items of codebook.yaml that have class: and "
                "purpose:",
                file=source.file,
                column="columns",
            )
    frame = pd.DataFrame(out, index=mapped.index)
    frame[FILE], frame[ROW] = mapped[FILE], mapped[ROW]
    for column in table.columns:
        if column.required and column.name not in mapped.columns:
            problems.add(
                "column.missing",
                f"表 {table.name} 缺少必需的列 {column.name}",
                f"the table {table.name} lacks the required column {column.name}",
                "在 columns: 或 set: 中给出它",
                "give it in columns: or set:",
                file=source.file,
                column=column.name,
            )
    return frame


def _required(worker: _Converter, name: str, blank: pd.Series) -> None:
    faulty = worker.frame[blank]
    worker.problems.cells(
        "cell.blank",
        "必需的值为空",
        "a required value is empty",
        "在 corrections.csv 中补上，或用 set: 给出",
        "fill it in through corrections.csv, or give it by set:",
        frame=faulty,
        column=name,
    )
