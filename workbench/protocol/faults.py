"""From what a model refuses to what a person reads: key, reason, nearest word, remedy."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from workbench.errors import InputError, Problem

__all__ = ["fault", "nearest", "path_of", "problems_of", "unknown"]


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word most like ``word``, or an empty string when none is like it.

    >>> nearest("indicatrs", ["indicators", "phases"])
    'indicators'
    """
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.55)
    return found[0] if found else ""


def fault(
    key: str, zh: str, en: str, remedy_zh: str = "", remedy_en: str = ""
) -> PydanticCustomError:
    """Make the error that a validator of a model raises; ``key`` is below the model's place."""
    return PydanticCustomError(
        "workbench",
        "{en}",
        {"key": key, "zh": zh, "en": en, "remedy_zh": remedy_zh, "remedy_en": remedy_en},
    )


def path_of(place: Iterable[object]) -> str:
    """Return the place of a key as people write it: ``indicators.x.targets[0].op``."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def unknown(code: str, word: str, known: Iterable[str], zh: str, en: str) -> InputError:
    """Return the error for an unknown name, with the nearest known one."""
    names = sorted(known)
    return InputError(unknown_problem(code, word, names, zh, en))


def unknown_problem(
    code: str, word: str, known: Iterable[str], zh: str, en: str, **place: Any
) -> Problem:
    """Return the problem of a word that is not one of ``known``."""
    names = list(known)
    near = nearest(word, names)
    few = "、".join(names[:12]) + ("……" if len(names) > 12 else "")
    few_en = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return Problem(
        code=f"protocol.unknown-{code}",
        zh=f"没有名为“{word}”的{zh}",
        en=f'there is no {en} "{word}"',
        remedy_zh=f"是否指“{near}”？" if near else f"可用：{few or '（无）'}",
        remedy_en=f'did you mean "{near}"?' if near else f"known: {few_en or '(none)'}",
        found=word,
        **place,
    )


def _options(annotation: Any) -> list[Any]:
    """Return the types an annotation stands for, without None."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _options(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [t for arg in get_args(annotation) for t in _options(arg) if t is not type(None)]
    return [annotation]


def _below(kinds: list[Any], part: object) -> list[Any]:
    found: list[Any] = []
    for kind in kinds:
        origin = get_origin(kind)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            field = kind.model_fields.get(str(part))
            if field is not None:
                found += _options(field.annotation)
        elif origin in (dict, Mapping):
            found += _options(get_args(kind)[1])
        elif origin in (tuple, list):
            found += _options(get_args(kind)[0])
    return found


def _known_keys(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """Return the keys a model accepts at a place."""
    kinds: list[Any] = [model]
    for part in place:
        kinds = _below(kinds, part)
    return [
        key
        for kind in kinds
        if isinstance(kind, type) and issubclass(kind, BaseModel)
        for key in kind.model_fields
    ]


def _known_words(model: type[BaseModel], place: tuple[int | str, ...]) -> list[str]:
    """Return the words a model accepts as value at a place."""
    kinds: list[Any] = [model]
    for part in place:
        kinds = _below(kinds, part)
    words: list[str] = []
    for kind in kinds:
        if get_origin(kind) is Literal:
            words += [str(word) for word in get_args(kind)]
    return words


# pydantic's error type -> what is expected, in Chinese and English
_EXPECTED = {
    "string_type": ("文本", "text"),
    "float_type": ("数字", "a number"),
    "int_type": ("整数", "a whole number"),
    "int_parsing": ("整数", "a whole number"),
    "int_from_float": ("整数", "a whole number"),
    "bool_type": ("true 或 false", "true or false"),
    "date_type": ("日期（YYYY-MM-DD）", "a date (YYYY-MM-DD)"),
    "date_parsing": ("日期（YYYY-MM-DD）", "a date (YYYY-MM-DD)"),
    "date_from_datetime_parsing": ("日期（YYYY-MM-DD）", "a date (YYYY-MM-DD)"),
    "date_from_datetime_inexact": ("日期（YYYY-MM-DD）", "a date (YYYY-MM-DD)"),
    "dict_type": ("键值对", "a mapping (key: value)"),
    "model_type": ("键值对", "a mapping (key: value)"),
    "model_attributes_type": ("键值对", "a mapping (key: value)"),
    "tuple_type": ("列表", "a list"),
    "list_type": ("列表", "a list"),
    "string_too_short": ("非空文本", "text that is not empty"),
    "too_short": ("至少一项", "at least one entry"),
    "finite_number": ("有限的数字", "a finite number"),
}
_BOUND = {
    "greater_than": (">", "gt"),
    "greater_than_equal": ("≥", "ge"),
    "less_than": ("<", "lt"),
    "less_than_equal": ("≤", "le"),
}


def _shown(value: object) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= 60 else text[:57] + "…"


def problems_of(
    error: ValidationError, model: type[BaseModel], *, file: str, code: str, under: str = ""
) -> list[Problem]:
    """Return one problem per thing a model refused.

    Parameters
    ----------
    error
        What pydantic raised.
    model
        The model that was validated (for the names of its keys).
    file, code
        The file's name, and the first word of the problems' codes.
    under
        Path of the model inside the file.
    """
    details = error.errors()
    places = [tuple(detail["loc"]) for detail in details]
    # a list whose only entry is refused is not too short as well
    return [
        _problem_of(detail, model, file, code, under)
        for detail, place in zip(details, places, strict=True)
        if detail["type"] != "too_short"
        or not any(len(p) > len(place) and p[: len(place)] == place for p in places)
    ]


def _problem_of(
    detail: ErrorDetails, model: type[BaseModel], file: str, code: str, under: str
) -> Problem:
    place = tuple(detail["loc"])
    kind = detail["type"]
    prefix = (under,) if under else ()
    key = path_of(prefix + place)
    context = detail.get("ctx") or {}
    if kind == "missing":
        return Problem(
            code=f"{code}.missing",
            file=file,
            column=key,
            zh=f"缺少“{place[-1]}”",
            en=f'"{place[-1]}" is missing',
            remedy_zh=f"补上 {key}",
            remedy_en=f"add {key}",
        )
    if kind == "extra_forbidden":
        known = _known_keys(model, place[:-1])
        near = nearest(str(place[-1]), known)
        return Problem(
            code=f"{code}.unknown-key",
            file=file,
            column=key,
            zh=f"未知的键“{place[-1]}”",
            en=f'unknown key "{place[-1]}"',
            remedy_zh=f"是否指“{near}”？" if near else "可用：" + "、".join(known),
            remedy_en=f'did you mean "{near}"?' if near else "known: " + ", ".join(known),
        )
    if kind == "literal_error":
        words = _known_words(model, place)
        near = nearest(str(detail["input"]), words)
        return Problem(
            code=f"{code}.unknown-word",
            file=file,
            column=key,
            zh="未知的词",
            en="unknown word",
            found=_shown(detail["input"]),
            expected=", ".join(words),
            remedy_zh=f"是否指“{near}”？" if near else "从所列词中选一个",
            remedy_en=f'did you mean "{near}"?' if near else "choose one of the words listed",
        )
    if kind == "workbench":
        below = str(context["key"])
        return Problem(
            code=f"{code}.value",
            file=file,
            column=path_of((*prefix, *place, below) if below else prefix + place),
            zh=str(context["zh"]),
            en=str(context["en"]),
            remedy_zh=str(context["remedy_zh"]),
            remedy_en=str(context["remedy_en"]),
        )
    if kind == "string_pattern_mismatch":
        clean = tuple(part for part in place if part != "[key]")
        return Problem(
            code=f"{code}.name",
            file=file,
            column=path_of(prefix + clean),
            zh="名称不合规则",
            en="the name does not fit the pattern",
            found=_shown(detail["input"]),
            expected=str(context.get("pattern", "")),
            remedy_zh="用小写英文字母、数字和下划线，以字母开头",
            remedy_en="use lower-case letters, digits and underscores, a letter first",
        )
    if kind in _BOUND:
        sign, name = _BOUND[kind]
        bound = f"{sign} {context.get(name)}"
        return Problem(
            code=f"{code}.range",
            file=file,
            column=key,
            zh="数值超出范围",
            en="the figure is out of range",
            found=_shown(detail["input"]),
            expected=bound,
            remedy_zh=f"改为 {bound} 的数字",
            remedy_en=f"give a figure {bound}",
        )
    zh, en = _EXPECTED.get(kind, (detail["msg"], detail["msg"]))
    return Problem(
        code=f"{code}.type",
        file=file,
        column=key,
        zh=f"应为{zh}",
        en=f"must be {en}",
        found=_shown(detail["input"]),
        remedy_zh=f"改写 {key}",
        remedy_en=f"rewrite {key}",
    )
