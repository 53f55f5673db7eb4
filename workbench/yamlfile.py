"""Reading YAML that people write: plain values only, every key once, errors with their place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from workbench.errors import InputError, Problem

__all__ = ["parse_yaml", "read_yaml"]

_MAX_BYTES = 4_000_000
_PLAIN = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in ("null", "bool", "int", "float", "timestamp", "str", "seq", "map", "merge")
)


# libyaml's parser where PyYAML was built with it (all its wheels), for speed
if TYPE_CHECKING:
    from yaml import SafeLoader as _Base
else:
    _Base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):
    """The safe loader with the booleans and integers of YAML 1.2."""


# YAML 1.1 reads a bare no or off as a boolean, 12:30 as 750 and 010 as 8; people mean text.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":bool", ":int"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_BOOL = r"^(?:true|True|TRUE|false|False|FALSE)$"
_INT = r"^[-+]?(?:0|[1-9][0-9]*)$"


_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(_BOOL), list("tTfF"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(_INT), list("-+0123456789"))
_Loader.add_constructor("tag:yaml.org,2002:int", lambda _loader, node: int(node.value))


def _problem(
    file: str,
    mark: yaml.Mark | None,
    code: str,
    zh: str,
    en: str,
    remedy_zh: str,
    remedy_en: str,
) -> Problem:
    line = "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}"
    place_zh = "" if mark is None else f"第 {mark.line + 1} 行第 {mark.column + 1} 列："
    place_en = f"{line}: " if line else ""
    return Problem(
        code=code,
        file=file,
        row=None if mark is None else mark.line + 1,
        zh=place_zh + zh,
        en=place_en + en,
        remedy_zh=remedy_zh,
        remedy_en=remedy_en,
    )


def _inspect(node: yaml.Node | None, file: str) -> list[Problem]:
    """Every tag, repeated key and key that is not plain in the tree below ``node``."""
    problems: list[Problem] = []
    seen_nodes: set[int] = set()
    stack: list[yaml.Node] = [] if node is None else [node]
    while stack:
        here = stack.pop()
        if id(here) in seen_nodes:
            problems.append(
                _problem(
                    file,
                    here.start_mark,
                    "yaml.alias",
                    "不接受锚点引用（&、*）",
                    "an alias of an anchor (&, *) is not accepted",
                    "把所引用的内容原样写出",
                    "write out what the alias stands for",
                )
            )
            continue
        seen_nodes.add(id(here))
        if here.tag not in _PLAIN:
            problems.append(
                _problem(
                    file,
                    here.start_mark,
                    "yaml.tag",
                    f"不接受标签 {here.tag}",
                    f"the tag {here.tag} is not accepted",
                    "删去标签（以 ! 开头的词），需要文本时加引号",
                    "remove the tag (the word that begins with !); put quotes around text",
                )
            )
        if isinstance(here, yaml.SequenceNode):
            stack.extend(reversed(here.value))
        elif isinstance(here, yaml.MappingNode):
            first: dict[tuple[str, str], int] = {}
            for key, value in here.value:
                if not isinstance(key, yaml.ScalarNode) or key.tag.endswith(":merge"):
                    problems.append(
                        _problem(
                            file,
                            key.start_mark,
                            "yaml.key",
                            "键应为单个词或数字",
                            "a key must be one word or number",
                            "键中的特殊符号加引号；不使用 <<",
                            "put quotes around a key with special signs; do not use <<",
                        )
                    )
                    continue
                name = (key.tag, key.value)
                if name in first:
                    problems.append(
                        _problem(
                            file,
                            key.start_mark,
                            "yaml.duplicate-key",
                            f"键“{key.value}”重复（首次出现于第 {first[name]} 行）",
                            f'the key "{key.value}" stands twice (first in line {first[name]})',
                            "只保留其中一个",
                            "keep one of the two",
                        )
                    )
                else:
                    first[name] = key.start_mark.line + 1
                stack.append(value)
    return problems


def parse_yaml(text: str, *, file: str = "") -> object:
    """Return the plain values in a YAML text.

    Booleans are ``true`` and ``false`` only, integers decimal only (as in YAML 1.2), dates become
    ``datetime.date``; tags, aliases, merge keys and repeated keys are refused.

    Parameters
    ----------
    text
        The YAML text, one document.
    file
        Name of the file that problems name.

    Returns
    -------
    object
        dict, list, str, int, float, bool, date, datetime or None (empty text).

    Raises
    ------
    InputError
        With one problem per fault, each with line and column.
    """
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        what = error.problem or str(error)
        raise InputError(
            _problem(
                file,
                error.problem_mark or error.context_mark,
                "yaml.syntax",
                f"不是有效的 YAML（{what}）",
                f"not valid YAML ({what})",
                "检查缩进、冒号后的空格、引号与括号是否成对；不要用制表符缩进",
                "check indentation (no tabs), the space after a colon, closing quotes and brackets",
            )
        ) from None
    except yaml.YAMLError as error:
        raise InputError(
            _problem(
                file,
                None,
                "yaml.characters",
                f"含有 YAML 不允许的字符（{error}）",
                f"holds characters YAML does not allow ({error})",
                "删除不可见的控制字符并存为 UTF-8",
                "remove invisible control characters and save as UTF-8",
            )
        ) from None
    problems = _inspect(node, file)
    if problems:
        raise InputError(*problems)
    if node is None:
        return None
    loader = _Loader("")
    try:
        return loader.construct_document(node)
    except (yaml.MarkedYAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        raise InputError(
            _problem(
                file,
                mark,
                "yaml.value",
                f"有无法读取的值（{error}）",
                f"holds a value that cannot be read ({error})",
                "日期写作 2026-10-08；文本加引号",
                "write dates as 2026-10-08; put quotes around text",
            )
        ) from None
    finally:
        loader.dispose()


def read_yaml(path: Path) -> object:
    """Return the plain values in a YAML file (UTF-8, with or without BOM, at most 4 MB).

    See :func:`parse_yaml` for what is accepted.

    Raises
    ------
    InputError
        The file is missing, too large, not UTF-8, or not plain YAML; with line and column.
    """
    name = path.name
    try:
        data = path.read_bytes()
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise InputError(
            _problem(
                name,
                None,
                "yaml.unreadable",
                f"无法读取文件（{why}）",
                f"the file cannot be read ({why})",
                f"确认 {name} 存在且可读",
                f"make sure that {name} exists and can be read",
            )
        ) from None
    if len(data) > _MAX_BYTES:
        raise InputError(
            _problem(
                name,
                None,
                "yaml.too-large",
                f"文件过大（{len(data)} 字节）",
                f"the file is too large ({len(data)} bytes)",
                "设置文件不应含数据；数据放入 data/",
                "a settings file holds no data; put data into data/",
            )
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            Problem(
                code="yaml.encoding",
                file=name,
                row=row,
                zh=f"第 {row} 行不是 UTF-8",
                en=f"line {row}: not UTF-8",
                remedy_zh="在编辑器中另存为 UTF-8",
                remedy_en="save the file as UTF-8 in your editor",
            )
        ) from None
    return parse_yaml(text, file=name)
