"""The models of ``codebook.yaml``: questionnaire and inspection items alike."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from workbench.study._words import Bilingual, Model, Word, word

__all__ = ["Item", "asked_code"]

Kind = Literal["scale", "single", "multiple", "number", "text", "date", "check"]
Role = Literal[
    "satisfaction",
    "importance",
    "demographic",
    "behaviour",
    "attention",
    "inspection",
    "text",
    "other",
]
Class = Literal["public", "internal", "personal", "sensitive"]


def _labels(value: Any) -> Any:
    """Codes as text; a code without a label is labelled with itself."""
    if isinstance(value, list):
        value = dict.fromkeys(value)
    if not isinstance(value, dict):
        return value
    return {word(code): word(code) if label is None else label for code, label in value.items()}


def _codes(value: Any) -> Any:
    return (
        {word(code): word(label) for code, label in value.items()}
        if isinstance(value, dict)
        else value
    )


def _conditions(value: Any) -> Any:
    return (
        {word(code): codes if isinstance(codes, list) else [codes] for code, codes in value.items()}
        if isinstance(value, dict)
        else value
    )


def _is_int(code: str) -> bool:
    return code.removeprefix("-").isdecimal() and code.isascii()


class Item(Model):
    """One question or inspection item."""

    wording: Bilingual
    kind: Kind
    values: Annotated[dict[Word, Bilingual], BeforeValidator(_labels)] = Field(default_factory=dict)
    range: tuple[float, float] | None = None
    top: list[Word] = Field(default_factory=list)
    up: bool = True
    missing: Annotated[dict[Word, Word], BeforeValidator(_codes)] = Field(default_factory=dict)
    dimension: Word | None = None
    role: Role = "other"
    protection: Class | None = Field(None, alias="class")
    purpose: Word | None = None
    where: Annotated[dict[Word, list[Word]], BeforeValidator(_conditions)] = Field(
        default_factory=dict
    )
    """Asked only of those who gave one of these answers to an item before it."""

    @model_validator(mode="after")
    def _consistent(self) -> Item:
        if self.kind in ("scale", "single", "multiple") and not self.values:
            raise PydanticCustomError(
                "item_values", "values: is needed for {kind}", {"kind": self.kind}
            )
        if self.kind == "scale":
            wrong = [code for code in self.values if not _is_int(code)]
            if wrong or len(self.values) < 2:
                raise PydanticCustomError(
                    "item_scale",
                    "a scale has at least two whole numbers",
                    {"found": wrong or list(self.values)},
                )
        both = sorted(set(self.values) & set(self.missing))
        if both:
            raise PydanticCustomError(
                "item_missing", "both value and missing code", {"found": both}
            )
        outside = [code for code in self.top if not self.holds(code)]
        if outside:
            raise PydanticCustomError("item_top", "not a value of the item", {"found": outside})
        if self.protection in ("personal", "sensitive") and self.purpose is None:
            raise PydanticCustomError(
                "item_purpose", "purpose: is needed for class {cls}", {"cls": self.protection}
            )
        return self

    def holds(self, code: str) -> bool:
        """Whether ``code`` is a value of the item; a scale may label its ends only."""
        if self.kind == "scale" and _is_int(code):
            points = [int(value) for value in self.values]
            return min(points) <= int(code) <= max(points)
        return code in self.values

    @property
    def whole(self) -> bool:
        """Whether every value is a whole number, and written as such (``01`` is not)."""
        return bool(self.values) and all(
            _is_int(code) and code == str(int(code)) for code in self.values
        )

    @property
    def points(self) -> list[str]:
        """Every value of a scale or choice, in order."""
        if self.kind == "scale":
            ends = [int(value) for value in self.values]
            return [str(point) for point in range(min(ends), max(ends) + 1)]
        return list(self.values)

    @property
    def is_read(self) -> bool:
        """Whether its answers are read: those of a question without class and purpose are not."""
        return self.role == "inspection" or None not in (self.protection, self.purpose)

    @property
    def leaves_house(self) -> bool:
        """Whether answers may enter a slice: neither free text nor personal data may."""
        return self.is_read and self.kind != "text" and self.protection != "personal"

    def as_dict(self) -> dict[str, Any]:
        """Give the normalised form that ``study.json`` holds."""
        top: list[Any] = [int(code) if self.whole else code for code in self.top]
        told = {} if not self.where else {"where": {k: list(v) for k, v in self.where.items()}}
        return told | {
            "wording": self.wording.model_dump(),
            "kind": self.kind,
            "values": {code: label.model_dump() for code, label in self.values.items()},
            "range": None if self.range is None else list(self.range),
            "top": top,
            "up": self.up,
            "missing": dict(self.missing),
            "dimension": self.dimension,
            "role": self.role,
            "class": self.protection or "internal",
            "purpose": self.purpose or "assessment",
        }

    def asked(self) -> dict[str, Any]:
        """Give what the person who answers sees: wording, kind, options, range, condition."""
        whole = self.as_dict()
        names = ("wording", "kind", "values", "range", "missing", "where")
        return {name: whole[name] for name in names if name in whole}


def asked_code(asked: Mapping[str, Mapping[str, Any]]) -> str:
    """Give the code of a set of questions: 12 hex digits of the SHA-256 over :meth:`Item.asked`.

    Examples
    --------
    >>> asked_code({}) == asked_code({"q1": {"kind": "text"}})
    False
    """
    text = json.dumps(asked, ensure_ascii=False, sort_keys=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
