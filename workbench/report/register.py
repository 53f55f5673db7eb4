"""The register of printed numbers: finding id and field → finished string.

A report holds no number of its own. Text and tables refer to a finding and one of its fields;
what is printed there is looked up here, and an id nobody recorded stops the report.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.errors import NotebookError, Problem
from workbench.findings import digits, interval, number, span

__all__ = ["Num", "Quote", "Register", "Run", "finite", "foreign", "tenths", "tenths_range"]

Finding = Mapping[str, Any]


@dataclass(frozen=True)
class Num:
    """A printed number: the finding it comes from and the field that is shown."""

    id: str
    field: str = "value"


@dataclass(frozen=True)
class Quote:
    """Words of people, kept as they are; ``lang`` is the language they are in.

    ``original`` marks words that stand in another language than the report.
    """

    text: str
    lang: str
    original: bool = False


Run = str | Num | Quote

_HAN = "\u3400-\u9fff\uf900-\ufaff"
# words in Chinese: from the first to the last character, with what stands between them
_CHINESE = re.compile(
    rf"[《「“（]*[{_HAN}](?:[^{_HAN}\s]{{0,20}}[{_HAN}]|[^A-Za-z{_HAN}]*[{_HAN}])*[》」”）。！？]*"
)


def foreign(text: str, lang: str) -> list[str | Quote]:
    """Set off the Chinese words in an English text as original wording."""
    if lang != "en" or text.isascii() or not _CHINESE.search(text):
        return [text]
    out: list[str | Quote] = []
    at = 0
    for found in _CHINESE.finditer(text):
        if found.start() > at:
            out.append(text[at : found.start()])
        out.append(Quote(found.group(), "zh", original=True))
        at = found.end()
    return [*out, text[at:]] if at < len(text) else out


def finite(value: Any) -> bool:
    """Tell whether ``value`` is a number one can print (no ``None``, NaN, infinity, boolean)."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def tenths(share: float) -> int:
    """Give the nearest number of persons in ten; halves go up.

    Examples
    --------
    >>> tenths(0.716), tenths(0.65), tenths(0.02)
    (7, 7, 0)
    """
    return math.floor(share * 10 + 0.5)


def tenths_range(low: float, high: float) -> tuple[int, int]:
    """Give whole persons in ten that cover an interval of shares.

    A bound that lies within one in a hundred of a whole number counts as that number.

    Examples
    --------
    >>> tenths_range(0.66, 0.76), tenths_range(0.695, 0.705)
    ((6, 8), (7, 7))
    """
    return max(0, math.floor(low * 10 + 0.1)), min(10, math.ceil(high * 10 - 0.1))


_HIDDEN = ("suppressed",)
_WORD = re.compile(r"[a-z][a-z'’-]*[,;:]?(?:\s|\Z)")
_NAMES = ("place", "responsible")

# field: column and how it is written; "unit" as the finding's own value
_FIELDS = {
    "target": ("target", "unit"),
    "base": ("base", "unit"),
    "ci_low": ("ci_low", "unit"),
    "ci_high": ("ci_high", "unit"),
    "n": ("n", "{:,.0f}"),
    "numerator": ("numerator", "{:,.10g}"),
    "denominator": ("denominator", "{:,.10g}"),
    "attainment": ("attainment", "{:.0%}"),
    "level": ("level", "{:.0%}"),
    "points": ("points", "{:.1f}"),
    "max_points": ("max_points", "short"),
    "bare": ("value", "{:,.1f}"),
    "whole_low": ("ci_low", "down"),
    "whole_high": ("ci_high", "up"),
    "per100": ("value", "{:.0f}"),
    "p_value": ("p_value", "p"),
    "p_adjusted": ("p_adjusted", "p"),
}


class Register:
    """Finished strings of all findings in one language."""

    def __init__(self, findings: Iterable[Finding], lang: str) -> None:
        self.lang = lang
        self.rows: dict[str, Finding] = {}
        for row in findings:
            key = str(row["finding"])
            if key in self.rows:
                raise NotebookError(
                    Problem(
                        code="report.duplicate-finding",
                        zh=f"编号 {key} 记录了两次",
                        en=f"finding {key} is recorded twice",
                        remedy_zh="每个编号只记录一次",
                        remedy_en="record each id once",
                        community=str(row.get("community") or ""),
                    )
                )
            self.rows[key] = row
        self._made: dict[tuple[str, str], str] = {}

    def add(self, row: Finding) -> Num:
        """Enter a number that the report itself counts from findings (its ``inputs`` say which)."""
        self.rows.setdefault(str(row["finding"]), row)
        return Num(str(row["finding"]))

    def count(self, key: str, n: int, of: str) -> Num:
        """Enter how many findings there are of a kind; ``of`` names them."""
        row = {"finding": key, "kind": "estimate", "section": "report", "value": n, "n": n}
        self.add({**row, "unit": "count", "status": "ok", "notebook": "report", "counted": of})
        return Num(key, "n")

    def has(self, finding: str, field: str = "value") -> bool:
        """Tell whether there is something to print."""
        return finding in self.rows and bool(self._string(finding, field))

    def text(self, num: Num) -> str:
        """Give the finished string of a number.

        Raises
        ------
        NotebookError
            When no finding has that id or the finding has no such field.
        """
        made = self._string(num.id, num.field) if num.id in self.rows else ""
        if not made:
            raise NotebookError(
                Problem(
                    code="report.unknown-finding",
                    zh=f"报告引用了没有记录的数字 {num.id}（{num.field}）",
                    en=f"the report refers to {num.id} ({num.field}), which nobody recorded",
                    remedy_zh="在笔记本里用 record() 记录它",
                    remedy_en="record it in the notebook with record()",
                )
            )
        return made

    def words(self, finding: str, name: str) -> Quote | None:
        """Give words of people (reason, place, remedy, …) of a finding, in our language if there.

        Words in the other language are marked as original; in Chinese, names of places and of
        who is responsible stay as they are written.
        """
        row = self.rows[finding]
        other = "en" if self.lang == "zh" else "zh"
        own, theirs, plain = (row.get(k) for k in (f"{name}_{self.lang}", f"{name}_{other}", name))
        if own:
            return Quote(str(own), self.lang)
        if theirs:
            return Quote(str(theirs), other, original=self._marked(name))
        if plain:
            lang = "zh" if any("\u3400" <= char <= "\u9fff" for char in str(plain)) else "en"
            return Quote(str(plain), lang, original=lang != self.lang and self._marked(name))
        return None

    def _marked(self, name: str) -> bool:
        """Tell whether words in the other language bear the mark: Latin names in Chinese do not."""
        return self.lang == "en" or name not in _NAMES

    def shown(self, num: Num) -> list[str | Quote]:
        """Give the finished string of a number; words that are not in our language set off."""
        text = self.text(num)
        row = self.rows[num.id]
        if self.lang == "zh" and num.field == "value" and not row.get("display_zh"):
            told = row.get("display_en")
            if told and re.search(r"[A-Za-z]{3}", str(told)):
                return [Quote(text, "en", original=True)]
        return foreign(text, self.lang)

    def label(self, finding: str) -> str:
        """Give the label of a finding, or its id; in English a word at its head has a capital.

        The name of a file, an item or a variable keeps its letters.
        """
        row = self.rows[finding]
        other = "en" if self.lang == "zh" else "zh"
        own = row.get(f"label_{self.lang}")
        if own and self.lang == "en" and _WORD.match(own):
            own = own[:1].upper() + own[1:]
        return str(own or row.get(f"label_{other}") or finding)

    def plain(self, runs: Iterable[Run]) -> str:
        """Give runs as one string, as it will be printed."""
        out = []
        for run in runs:
            if isinstance(run, Num):
                out.append(self.text(run))
            else:
                out.append(run.text if isinstance(run, Quote) else run)
        return "".join(out)

    def _string(self, finding: str, field: str) -> str:
        key = (finding, field)
        if key not in self._made:
            self._made[key] = self._make(self.rows[finding], field)
        return self._made[key]

    def _make(self, row: Finding, field: str) -> str:
        lang, unit = self.lang, str(row.get("unit") or "")
        if field == "value":
            other = "en" if lang == "zh" else "zh"
            shown = row.get(f"display_{lang}") or row.get(f"display_{other}")
            if shown:
                return str(shown)
            return number(row["value"], unit, lang) if finite(row.get("value")) else ""
        if row.get("status") in _HIDDEN:
            return ""
        if field == "interval":
            ends = (row.get("ci_low"), row.get("ci_high"), unit, lang)
            made = row.get(f"interval_{lang}")
            return str(made) if made and made != interval(*ends) else span(*ends)
        if field == "digits":
            return digits(row["value"], unit) if finite(row.get("value")) else ""
        made = row.get(f"{field}_{lang}")
        if made:
            return str(made)
        if field.startswith("tenths"):
            return self._tenths(row, field)
        name, how = _FIELDS.get(field, (field, "text"))
        value = row.get(name)
        if how == "text":
            return "" if value in (None, "") else str(value)
        if not finite(value):
            return ""
        assert value is not None
        if how == "unit":
            return number(value, unit, lang)
        if how == "short":
            return f"{round(value, 1):g}"
        if how in ("down", "up"):  # outwards, so that what is printed holds what was found
            whole = (math.floor if how == "down" else math.ceil)(round(value, 6))
            return f"{whole:d}"
        if how == "p":
            return "<0.001" if value < 0.001 else f"{value:.3f}"
        return how.format(abs(value) * 100 if field == "per100" else value)

    @staticmethod
    def _tenths(row: Finding, field: str) -> str:
        if row.get("unit") != "share" or not finite(row.get("value")):
            return ""
        if field == "tenths":
            return str(tenths(row["value"]))
        if not (finite(row.get("ci_low")) and finite(row.get("ci_high"))):
            return ""
        low, high = tenths_range(row["ci_low"], row["ci_high"])
        return str(low if field == "tenths_low" else high)
