"""What a check of evidence can answer: valid, changed, or cannot tell and what to bring."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from workbench.errors import printable

__all__ = ["Result", "Verdict", "printable", "result", "worst"]


class Verdict(StrEnum):
    """The three answers, in the order in which they outweigh each other."""

    VALID = "valid"
    CANNOT_TELL = "cannot_tell"
    CHANGED = "changed"

    @property
    def weight(self) -> int:
        """0 valid, 1 cannot tell, 2 changed."""
        return list(Verdict).index(self)

    def text(self, lang: str) -> str:
        """Return the word for a reader of ``lang`` (``zh`` or ``en``)."""
        zh = {"valid": "有效", "cannot_tell": "无法判定", "changed": "已被改动"}
        return zh[self.value] if lang == "zh" else self.value.replace("_", " ")


@dataclass(frozen=True, kw_only=True)
class Result:
    """One answer about one thing.

    Attributes
    ----------
    code : str
        Stable name of the check and its outcome, such as ``bag.file-changed``.
    verdict : Verdict
        The answer.
    where : str
        File (relative, ``/`` between folders), signature or line that it is about; may be empty.
    zh, en : str
        What was found.
    bring_zh, bring_en : str
        What to bring or do; given when the verdict is "cannot tell".
    """

    code: str
    verdict: Verdict
    where: str = ""
    zh: str
    en: str
    bring_zh: str = ""
    bring_en: str = ""

    def text(self, lang: str) -> str:
        """Return one line for a reader of ``lang`` (``zh`` or ``en``)."""
        zh = lang == "zh"
        head = self.where + ("：" if zh else ": ") if self.where else ""
        bring = self.bring_zh if zh else self.bring_en
        return printable(f"{head}{self.zh if zh else self.en}" + (f" → {bring}" if bring else ""))

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, for ``--json``."""
        return asdict(self) | {"verdict": self.verdict.value}


def result(
    code: str,
    verdict: Verdict,
    where: str,
    zh: str,
    en: str,
    bring_zh: str = "",
    bring_en: str = "",
) -> Result:
    """Make a result; see :class:`Result` for the arguments."""
    return Result(
        code=code,
        verdict=verdict,
        where=where,
        zh=zh,
        en=en,
        bring_zh=bring_zh,
        bring_en=bring_en,
    )


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the answer that outweighs the others; of nothing, valid.

    Examples
    --------
    >>> worst([Verdict.VALID, Verdict.CANNOT_TELL]).value
    'cannot_tell'
    """
    return max(verdicts, key=lambda verdict: verdict.weight, default=Verdict.VALID)
