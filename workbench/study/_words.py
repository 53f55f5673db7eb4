"""The base of all settings models, and the scalar types their keys share."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StringConstraints
from pydantic_core import PydanticCustomError

__all__ = ["Bilingual", "Code", "Model", "Month", "Slug", "Text", "Word", "word"]


class Model(BaseModel):
    """A settings model: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def word(value: Any) -> Any:
    """Give a YAML scalar as the text a person wrote; leave everything else alone."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    return value


def _bilingual(value: Any) -> Any:
    """Take one text for both languages."""
    value = word(value)
    return {"zh": value, "en": value} if isinstance(value, str) else value


def _month(value: Any) -> Any:
    value = word(value)
    if isinstance(value, str):
        year, dash, month = value.partition("-")
        if not (len(year) == 4 and year.isdigit() and dash and month.isdigit()):
            raise PydanticCustomError("month", "a month is written YYYY-MM")
        if len(month) != 2 or not 1 <= int(month) <= 12:
            raise PydanticCustomError("month", "a month is written YYYY-MM")
    return value


# control and direction characters; a line break in a block of text is none
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def _plain(value: str) -> str:
    found = _CONTROL.search(value)
    if found:
        raise PydanticCustomError(
            "characters", "control characters", {"found": f"U+{ord(found[0]):04X}"}
        )
    return value


Word = Annotated[
    str,
    BeforeValidator(word),
    StringConstraints(min_length=1, max_length=1000),
    AfterValidator(_plain),
]
"""A word or number, kept as text."""

Slug = Annotated[
    str, BeforeValidator(word), StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9._-]{0,39})$")
]
"""An id of the study or a wave: small letters, digits, ``.``, ``_``, ``-``, at most 40."""

Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,39}$")]
"""The code of an item."""

Month = Annotated[str, BeforeValidator(_month)]
"""A calendar month ``YYYY-MM``."""


class Text(Model):
    """A text in Chinese and, where a person has translated it, in English."""

    zh: Word
    en: Word | None = None


Bilingual = Annotated[Text, BeforeValidator(_bilingual)]
"""A text given as ``{zh: …, en: …}`` or once for both languages."""
