"""The answer of ``workbench verify``: items with results, as text for readers and as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from workbench.evidence.result import Result, Verdict, printable, worst

if TYPE_CHECKING:
    from workbench.evidence.signature import SignatureStatus

__all__ = ["Item", "Report"]

# valid, but not to be passed over in silence
_NOTED = {"ledger.superseded", "ledger.not-opened", "ledger.closed", "batch.failed"}
_EXIT = {Verdict.VALID: 0, Verdict.CHANGED: 1, Verdict.CANNOT_TELL: 5}


@dataclass(frozen=True, kw_only=True)
class Item:
    """What was found about one report, bag, or the batch as such.

    Attributes
    ----------
    path : str
        Relative to what was verified; ``.`` for itself.
    kind : {"report", "bag", "overview", "batch"}
        What it is.
    community : str
        Unit, as far as known.
    edition : int or None
        Edition, as far as known.
    results : tuple of Result
        All answers, valid ones included.
    signatures : dict of str to tuple of SignatureStatus
        Report file → its signatures in the order of signing.
    """

    path: str
    kind: Literal["report", "bag", "overview", "batch"]
    community: str = ""
    edition: int | None = None
    results: tuple[Result, ...]
    signatures: dict[str, tuple[SignatureStatus, ...]]

    @property
    def verdict(self) -> Verdict:
        """The answer that outweighs the others."""
        return worst(result.verdict for result in self.results)

    @property
    def demonstration(self) -> bool:
        """Whether a signature is a demonstration."""
        return any(status.demonstration for found in self.signatures.values() for status in found)

    def text(self, lang: str) -> str:
        """Return the answer in one line, then what speaks against it, one line each."""
        zh = lang == "zh"
        name = {
            "report": ("报告", "report"),
            "bag": ("证据包", "bag"),
            "overview": ("总览", "overview"),
            "batch": ("批次", "batch"),
        }[self.kind][0 if zh else 1]
        word = self.verdict.text(lang)
        if self.demonstration and self.verdict is Verdict.VALID:
            word += "（示例密钥）" if zh else " (demonstration key)"
        kept = any(one.code == "bag.not-delivered" for one in self.results)
        if kept and self.verdict is Verdict.VALID:
            word += "；数据未交付" if zh else "; inputs not delivered"
        count = ""
        if self.signatures:
            least = min(map(len, self.signatures.values()))
            count = f"，3 个签名中有 {least} 个" if zh else f", {least} of 3 signatures"
        lines = [f"{name} {self.path}{'：' if zh else ': '}{word}{count}"]
        shown = [r for r in self.results if r.verdict is self.verdict or r.verdict.weight]
        if self.verdict is not Verdict.VALID:
            shown = [r for r in shown if r.verdict is not Verdict.VALID]
        lines += [f"  {result.text(lang)}" for result in shown]
        return "\n".join(map(printable, lines))

    def as_dict(self) -> dict[str, Any]:
        """Return the fields, for ``--json``."""
        return {
            "path": self.path,
            "kind": self.kind,
            "community": self.community,
            "edition": self.edition,
            "verdict": self.verdict.value,
            "demonstration": self.demonstration,
            "results": [result.as_dict() for result in self.results],
            "signatures": {
                name: [asdict(status) for status in found]
                for name, found in self.signatures.items()
            },
        }


@dataclass(frozen=True, kw_only=True)
class Report:
    """The answer of ``workbench verify``.

    Attributes
    ----------
    path : str
        Name of what was verified.
    items : tuple of Item
        One per report or bag; of a batch first the batch as such.
    """

    path: str
    items: tuple[Item, ...]

    @property
    def verdict(self) -> Verdict:
        """Changed if anything changed, else cannot tell if anything cannot be told, else valid."""
        return worst(item.verdict for item in self.items)

    @property
    def exit_code(self) -> int:
        """0 valid, 1 changed, 5 cannot tell."""
        return _EXIT[self.verdict]

    def text(self, lang: str) -> str:
        """Return the answer for a reader of ``lang`` (``zh`` or ``en``), items of a batch brief."""
        zh = lang == "zh"
        lines = []
        for item in self.items:
            text = item.text(lang)
            brief = len(self.items) > 1 and item.verdict is Verdict.VALID
            lines.append(text.split("\n", 1)[0] if brief else text)
            if brief:
                noted = [found for found in item.results if found.code in _NOTED]
                lines += [f"  {found.text(lang)}" for found in noted]
        if len(self.items) > 1:
            counts = {v: sum(item.verdict is v for item in self.items) for v in Verdict}
            parts = [f"{v.text(lang)} {counts[v]}" for v in Verdict if counts[v]]
            lines.append(("合计：" if zh else "total: ") + ("，" if zh else ", ").join(parts))
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """Return one JSON document, for ``--json``."""
        return {
            "path": self.path,
            "verdict": self.verdict.value,
            "exit_code": self.exit_code,
            "items": [item.as_dict() for item in self.items],
        }
