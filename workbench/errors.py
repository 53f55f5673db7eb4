"""What can go wrong, told to the person who can put it right.

A :class:`Problem` is one thing wrong in one place, in Chinese and English. An error carries all
problems found together, so that a study is refused once with a whole list and never ten times.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

__all__ = [
    "InputError",
    "MachineError",
    "NotebookError",
    "Problem",
    "Withheld",
    "WorkbenchError",
    "printable",
]

_UNPRINTABLE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def printable(text: str) -> str:
    r"""Return ``text`` with control, direction and unpaired characters written out.

    A file name or certificate made by a stranger must not steer the terminal that shows it.

    Examples
    --------
    >>> printable("a\x1b[2J\u202eb")
    'a⟨U+001B⟩[2J⟨U+202E⟩b'
    """
    return "".join(
        f"⟨U+{ord(char):04X}⟩" if unicodedata.category(char) in _UNPRINTABLE else char
        for char in text
    )


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing wrong in one place, with the next step.

    ``code`` is stable (``[a-z0-9.-]+``, e.g. ``responses.duplicate-id``); ``row`` counts data rows
    from 1, after the header; ``severity`` is ``error`` (refuses the study) or ``warning``.
    """

    code: str
    zh: str
    en: str
    remedy_zh: str = ""
    remedy_en: str = ""
    file: str = ""
    row: int | None = None
    column: str = ""
    community: str = ""
    expected: str = ""
    found: str = ""
    severity: str = "error"

    def place(self) -> str:
        """Where it is: ``file:row[column]`` as far as known."""
        row = "" if self.row is None else f":{self.row}"
        column = f"[{self.column}]" if self.column else ""
        return f"{self.file}{row}{column}"

    def text(self, lang: str) -> str:
        """One line for a reader of ``lang`` (``zh`` or ``en``)."""
        zh = lang == "zh"
        parts = [part for part in (self.place(), self.community) if part]
        head = " ".join(parts) + (("：" if zh else ": ") if parts else "")
        what = self.zh if zh else self.en
        seen = []
        if self.expected:
            seen.append(("应为 " if zh else "expected ") + self.expected)
        if self.found:
            seen.append(("实为 " if zh else "found ") + self.found)
        facts = ""
        if seen:
            facts = "（" + "，".join(seen) + "）" if zh else " (" + ", ".join(seen) + ")"
        remedy = self.remedy_zh if zh else self.remedy_en
        return printable(f"{head}{what}{facts}" + ((" → " + remedy) if remedy else ""))

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, for ``--json``."""
        return asdict(self)


class WorkbenchError(Exception):
    """Base of all errors of the workbench; ``code`` is stable, ``problems`` say what and where."""

    code = "workbench"

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*problems)
        self.problems: tuple[Problem, ...] = problems

    @classmethod
    def of(cls, problems: Iterable[Problem]) -> WorkbenchError:
        """Make one error of many problems."""
        return cls(*problems)

    def __str__(self) -> str:
        return "\n".join(f"{p.text('zh')}\n  {p.text('en')}" for p in self.problems)


class InputError(WorkbenchError):
    """The assessor can mend it: a file, a setting or a value of the study is wrong."""

    code = "input"


class NotebookError(WorkbenchError):
    """The author of a notebook can mend it: a cell calls the package wrongly."""

    code = "notebook"


class MachineError(WorkbenchError):
    """The operator can mend it: disk, memory, time, a key that cannot be opened."""

    code = "machine"


class Withheld(WorkbenchError):
    """A critical check reaches the whole unit: a notice is issued instead of a report."""

    code = "withheld"
