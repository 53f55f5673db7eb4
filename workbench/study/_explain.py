"""From a validation error of pydantic to problems a person can act on."""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ValidationError

from workbench.errors import Problem

__all__ = ["TEXTS", "explain", "nearest", "nearest_remedy"]

Texts = tuple[str, str, str, str]  # zh, en, remedy zh, remedy en

TEXTS: dict[str, Texts] = {
    "missing": (
        "缺少必填的键",
        "a required key is missing",
        "补上这个键",
        "add the key",
    ),
    "blank": (
        "尚未填写",
        "not filled in yet",
        "由负责人填写；没有默认值",
        "a person must decide; there is no default",
    ),
    "literal_error": ("不是允许的词", "not one of the allowed words", "", ""),
    "signing_key": (
        "不是允许的密钥写法",
        "not a signing key",
        "写 demo、person，或写明密钥文件或令牌",
        "write demo, person, or name the key's file or token",
    ),
    "characters": (
        "含有控制字符或方向字符",
        "holds control or direction characters",
        "删去不可见的字符",
        "remove the invisible characters",
    ),
    "item_code": (
        "该代码是表中已有列的名称",
        "the code is the name of a column that the tables have already",
        "换一个代码，例如 q_加原名",
        "choose another code, for example q_ and the name",
    ),
    "month": ("月份写法不对", "not a month", "写作 2026-05", "write it as 2026-05"),
    "span": (
        "结束早于开始",
        "ends before it begins",
        "先写开始，后写结束",
        "write the beginning first, then the end",
    ),
    "replicates": (
        "复制权数的方法还缺参数",
        "the replicate method needs one more number",
        "fay 写 {method: fay, rho: 0.5}；jkn 写 {method: jkn, rscales: […]}，每个复制一个数",
        "write {method: fay, rho: 0.5}, or {method: jkn, rscales: […]} with one number a replicate",
    ),
    "header": (
        "表头的行号写法不对",
        "not the line or lines of a header",
        "写一行的行号，如 header: 2；表头有几行时依次列出，如 header: [1, 2]",
        "write a line, such as header: 2, or the lines one after another, such as header: [1, 2]",
    ),
    "limit": (
        "时限须恰好写一种",
        "exactly one limit of time is needed",
        "写 {hours: 24}、{working_hours: 16} 或 {working_days: 3}",
        "write {hours: 24}, {working_hours: 16} or {working_days: 3}",
    ),
    "office": (
        "办公时间结束早于开始",
        "office hours end before they begin",
        '写 office: ["08:30", "17:30"]',
        'write office: ["08:30", "17:30"]',
    ),
    "pattern": (
        "正则表达式不可用",
        "the pattern cannot be used",
        "写一个含一对括号的正则表达式",
        "write a regular expression with exactly one group ( )",
    ),
    "encoding": (
        "没有这种文本编码",
        "no such text encoding",
        "例如 gb18030、utf-8、latin-1",
        "for example gb18030, utf-8 or latin-1",
    ),
    "requests-twice": (
        "诉求的重复规则要写 keep（编号相同，by 含 request）或 days（再次反映）二者之一",
        "a rule for requests says either keep (one number: by has request) or days (told again)",
        "同一编号出现多次写 {by: [request], keep: last}；同一事再次反映写 "
        "{by: [category, text], days: 7}",
        "one number more than once: {by: [request], keep: last}; the same matter told again: "
        "{by: [category, text], days: 7}",
    ),
    "twice": ("重复给出", "given more than once", "只保留一个", "keep one of them"),
    "roles": (
        "轮次角色不对",
        "the roles of the waves do not fit",
        "恰有一个 role: current，至多一个 role: baseline",
        "give exactly one wave role: current and at most one role: baseline",
    ),
    "disclosure": (
        "没有这个披露项",
        "there is no such item of disclosure",
        "改用 AAPOR 或 ISO 20252 的项目名",
        "use the name of an item of AAPOR or ISO 20252",
    ),
    "timezone": (
        "没有这个时区",
        "no such time zone",
        "用 IANA 名称，例如 Asia/Shanghai",
        "use an IANA name such as Asia/Shanghai",
    ),
    "item_values": (
        "该题需要 values:",
        "the item needs values:",
        "列出选项代码与中英文标签",
        "list the codes with their labels in zh and en",
    ),
    "item_scale": (
        "量表至少需要两个整数",
        "a scale needs at least two whole numbers",
        "values: 的键写整数，例如 1 与 5",
        "use whole numbers as keys of values:, such as 1 and 5",
    ),
    "item_missing": (
        "同一代码既是选项又是缺失码",
        "one code is both a value and a missing code",
        "从 values: 或 missing: 中删去它",
        "remove it from values: or from missing:",
    ),
    "item_top": (
        "top: 中的代码不是该题的选项",
        "top: names what is not a value of the item",
        "top: 只写该题的选项代码",
        "name only values of the item in top:",
    ),
    "item_purpose": (
        "个人或敏感信息必须写明用途",
        "personal or sensitive data need a purpose",
        "补上 purpose:",
        "add purpose:",
    ),
}
_TYPES: tuple[tuple[str, str, str], ...] = (
    ("string_too_long", "更短的文本", "a shorter text"),
    ("string_too_short", "至少一个字符", "at least one character"),
    ("string_pattern", "符合所示格式的文本", "a text of the form shown"),
    ("int", "整数", "a whole number"),
    ("float", "数字", "a number"),
    ("bool", "true 或 false", "true or false"),
    ("string", "一段文本", "a text"),
    ("dict", "“键: 值”的映射", "a mapping of key: value"),
    ("model", "“键: 值”的映射", "a mapping of key: value"),
    ("list", "列表", "a list"),
    ("tuple", "两个值的列表", "a list of two"),
    ("too_short", "更多项", "more entries"),
    ("too_long", "更少项", "fewer entries"),
    ("missing", "两个值的列表", "a list of two"),
    ("date", "日期 YYYY-MM-DD", "a date YYYY-MM-DD"),
    ("greater", "更大的数", "a larger number"),
    ("less", "更小的数", "a smaller number"),
)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Give the known word that a mistyped one most resembles, if any does."""
    folded = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(word.casefold(), list(folded), n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def nearest_remedy(word: str, known: Iterable[str]) -> tuple[str, str]:
    """Give the remedy for an unknown word in zh and en: the nearest one, else the list."""
    names = list(known)
    close = nearest(word, names)
    if close is not None:
        return f"是否为“{close}”？", f'did you mean "{close}"?'
    shown = ", ".join(names[:20]) + (" …" if len(names) > 20 else "")
    return (f"可用：{shown}", f"known: {shown}") if names else ("删去它", "remove it")


def _models(annotation: Any) -> list[type[BaseModel]]:
    """Every model an annotation may hold, outermost first."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if typing.get_origin(annotation) in (
        typing.Union,
        types.UnionType,
        typing.Annotated,
        list,
        dict,
        tuple,
    ):
        return [found for part in typing.get_args(annotation) for found in _models(part)]
    return []


def _keys(model: type[BaseModel], loc: tuple[Any, ...]) -> list[str]:
    """Keys allowed in the mapping at ``loc`` below ``model``."""
    here = [model]
    for step in loc:
        following: list[type[BaseModel]] = []
        for candidate in here:
            for name, field in candidate.model_fields.items():
                if step in (name, field.alias):
                    following += _models(field.annotation)
            if candidate.__name__ == step:
                following.append(candidate)
        here = following or here
    return [field.alias or name for found in here for name, field in found.model_fields.items()]


def _path(loc: tuple[Any, ...]) -> str:
    """Give a key path as a person writes it: ``sources.responses[2].columns``."""
    text = ""
    for step in loc:
        if isinstance(step, int):
            text += f"[{step + 1}]"
        elif step not in ("Pkcs12", "Pkcs11") and not str(step).startswith(
            ("literal[", "function-")
        ):
            text += f".{step}" if text else str(step)
    return text


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 80 else text[:79] + "…"


def explain(
    error: ValidationError,
    model: type[BaseModel],
    file: str,
    *,
    prefix: tuple[Any, ...] = (),
) -> list[Problem]:
    """Give one problem per fault of a validation error.

    Parameters
    ----------
    error
        What pydantic raised.
    model
        The model that was validated; its keys are the candidates for a mistyped one.
    file
        Name of the file for the problems.
    prefix
        Path of the validated value inside the file.

    Returns
    -------
    list of Problem
        In the order of pydantic, without repetitions; ``column`` is the key path.
    """
    problems: dict[tuple[str, str], Problem] = {}
    for fault in error.errors(include_url=False):
        loc, kind, value = fault["loc"], fault["type"], fault.get("input")
        context = fault.get("ctx") or {}
        expected, found = str(context.get("expected", "")), ""
        if kind == "literal_error":
            expected = " | ".join(re.findall(r"'([^']*)'", expected))
        if kind == "extra_forbidden":
            key = str(loc[-1])
            zh, en = f"未知的键“{key}”", f'unknown key "{key}"'
            remedies = nearest_remedy(key, _keys(model, loc[:-1]))
            code = "key-unknown"
        elif value is None and kind != "missing":
            zh, en, *rest = TEXTS["blank"]
            remedies, code = (rest[0], rest[1]), "blank"
        elif kind in TEXTS:
            zh, en, *rest = TEXTS[kind]
            remedies, code = (rest[0], rest[1]), kind.replace("_", "-")
            if kind != "missing":
                found = _shown(context.get("found", value if not isinstance(value, dict) else ""))
            if kind == "literal_error":
                remedies = nearest_remedy(str(value), expected.split(" | "))
                code = "word-unknown"
        else:
            names = next(((zh, en) for key, zh, en in _TYPES if key in kind), None)
            zh, en = ("值不合要求", "the value does not fit")
            remedies = (
                (f"改为{names[0]}", f"give {names[1]}") if names else (fault["msg"], fault["msg"])
            )
            bounds = ("pattern", "ge", "gt", "le", "lt", "max_length", "min_length")
            expected = next((str(context[name]) for name in bounds if name in context), "")
            found, code = _shown(value), "value"
        place = _path(prefix + tuple(loc))
        problems.setdefault(
            (place, code),
            Problem(
                code=f"settings.{code}",
                file=file,
                column=place,
                zh=zh,
                en=en,
                remedy_zh=remedies[0],
                remedy_en=remedies[1],
                expected=expected,
                found=found,
            ),
        )
    return list(problems.values())
