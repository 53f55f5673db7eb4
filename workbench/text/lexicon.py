"""The dictionary behind topics and feelings: read from ``lexicon.yaml`` and a study's own file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from workbench.errors import InputError, Problem
from workbench.text.masking import plain
from workbench.yamlfile import read_yaml

__all__ = ["Dictionary", "Feelings", "Topic", "dictionary", "feelings", "forms", "simplified"]

_FOLDER = Path(__file__).parent
_WORD = re.compile(r'"([^"]+)"|(\S+)')
_CODE = re.compile(r"[a-z][a-z0-9_]{0,39}\Z")


@dataclass(frozen=True)
class Topic:
    """One topic: its code, its name in both languages, the words that tell of it."""

    code: str
    zh: str
    en: str
    words_zh: tuple[str, ...]
    words_en: tuple[str, ...]


@dataclass(frozen=True)
class Dictionary:
    """Topics in their order, and the pattern that finds their words."""

    topics: tuple[Topic, ...]
    codes: Mapping[str, tuple[str, ...]]
    """Word as it stands in a text (simplified, lower case) → the codes of its topics."""
    names: Mapping[str, str]
    """Word as it stands in a text → the entry it is a form of."""
    pattern: re.Pattern[str]

    def labels(self) -> dict[str, dict[str, str]]:
        """Give code → ``{zh, en}`` of every topic."""
        return {topic.code: {"zh": topic.zh, "en": topic.en} for topic in self.topics}


@dataclass(frozen=True)
class Feelings:
    """Words that speak well or badly, and those that change what stands beside them."""

    signs: Mapping[str, int]
    """Word → 1 or -1; 0 for words that only look like one."""
    turns: frozenset[str]
    wishes: frozenset[str]
    kept: frozenset[str]
    but: frozenset[str]
    stop: frozenset[str]


def _split(text: Any) -> tuple[str, ...]:
    """Give the words of a list written with blanks; several words in quotes are one entry."""
    return tuple(quoted or word for quoted, word in _WORD.findall(str(text or "")))


@cache
def _table() -> dict[int, str]:
    pairs = (_FOLDER / "traditional.txt").read_text(encoding="utf-8").split()
    return {ord(pair[0]): pair[1] for pair in pairs}


def simplified(text: str) -> str:
    """Give a text with the traditional characters of the dictionary in simplified form.

    Examples
    --------
    >>> simplified("電梯經常壞，維修不及時")
    '电梯经常坏，维修不及时'
    """
    return text.translate(_table())


def forms(word: str) -> set[str]:
    """Give an English word with its regular endings; several words stay as they are.

    Examples
    --------
    >>> sorted(forms("leak"))
    ['leak', 'leaked', 'leaking', 'leaks']
    """
    if " " in word or "'" in word or len(word) < 3:
        return {word}
    stem = word[:-1] if word.endswith("e") else word
    plural = f"{word[:-1]}ies" if word[-1] == "y" and word[-2] not in "aeiou" else f"{word}s"
    if word.endswith(("s", "x", "ch", "sh")):
        plural = f"{word}es"
    return {word, plural, f"{stem}ed", f"{stem}ing"}


@cache
def _own() -> dict[str, Any]:
    return _mapping(read_yaml(_FOLDER / "lexicon.yaml"))


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def dictionary(more: Path | Mapping[str, Any] | None = None) -> Dictionary:
    """Give the topics, with a study's own laid over them.

    Parameters
    ----------
    more
        A YAML file, or what stands in one: ``topics:`` with, for each code, ``label: {zh, en}``
        and words ``zh`` and ``en``, separated by blanks or as lists. A code that exists gets the
        words added; ``replace: true`` beside ``topics`` leaves the bundled topics out.

    Raises
    ------
    InputError
        A file that is no YAML, a code that is none, a topic without a name or without words; all
        problems at once.
    """
    topics = {code: _topic(code, entry) for code, entry in _own()["topics"].items()}
    if more is not None:
        told = _mapping(read_yaml(more) if isinstance(more, Path) else dict(more))
        file = more.name if isinstance(more, Path) else ""
        own = _checked(told, file, topics)
        if told.get("replace") is True:
            topics = {}
        for code, entry in own.items():
            new = _topic(code, entry)
            old = topics.get(code)
            topics[code] = new if old is None else Topic(
                code, new.zh or old.zh, new.en or old.en,
                old.words_zh + new.words_zh, old.words_en + new.words_en,
            )  # fmt: skip
    return _built(tuple(topics.values()))


def _topic(code: str, entry: Mapping[str, Any]) -> Topic:
    words = {}
    for lang in ("zh", "en"):
        given = entry.get(lang)
        listed = tuple(map(str, given)) if isinstance(given, list) else _split(given)
        words[lang] = tuple(simplified(plain(word)).lower() for word in listed)
    label = entry.get("label") or {}
    return Topic(code, str(label.get("zh", "")), str(label.get("en", "")), words["zh"], words["en"])


def _checked(told: Any, file: str, known: Mapping[str, Topic]) -> dict[str, Any]:
    """Give the topics of a study's file; refuse what is none."""
    problems: list[Problem] = []

    def wrong(column: str, zh: str, en: str, expected: str, found: object) -> None:
        problems.append(
            Problem(
                code="text.topics",
                zh=zh,
                en=en,
                file=file,
                column=column,
                expected=expected,
                found=str(found),
                remedy_zh="按 workbench/text/lexicon.yaml 中 topics 的写法填写",
                remedy_en="write it as topics: in workbench/text/lexicon.yaml",
            )
        )

    topics = told.get("topics") if isinstance(told, Mapping) else None
    if not isinstance(topics, Mapping) or not topics:
        wrong("topics", "没有主题", "there are no topics", "topics: {code: {label, zh, en}}", told)
        raise InputError(*problems)
    for code, entry in topics.items():
        place = f"topics.{code}"
        if not isinstance(code, str) or not _CODE.match(code) or code == "none":
            wrong(place, "主题代码不合规定", "no code for a topic",
                  "[a-z][a-z0-9_]{0,39}, but not none", code)  # fmt: skip
        if not isinstance(entry, Mapping):
            wrong(place, "主题不是映射", "a topic is a mapping", "{label, zh, en}", entry)
            continue
        for key in entry:
            if key not in {"label", "zh", "en"}:
                wrong(f"{place}.{key}", "不认识的键", "an unknown key", "label, zh, en", key)
        label = entry.get("label")
        for key in set(label) - {"zh", "en"} if isinstance(label, Mapping) else ():
            wrong(f"{place}.label", "名称中有逗号时须加引号", "a name with a comma needs quotes",
                  "label: {zh: …, en: …}", key)  # fmt: skip
        if not (isinstance(label, Mapping) and label.get("zh") and label.get("en")) and (
            code not in known or label is not None
        ):
            wrong(f"{place}.label", "主题没有中英文名称", "a topic without names in zh and en",
                  "label: {zh: …, en: …}", label)  # fmt: skip
        if not entry.get("zh") and not entry.get("en"):
            wrong(place, "主题没有词语", "a topic without words", "zh: …, en: …", dict(entry))
    if problems:
        raise InputError(*problems)
    return dict(topics)


def _built(topics: tuple[Topic, ...]) -> Dictionary:
    codes: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    han: set[str] = set()
    latin: set[str] = set()
    for topic in topics:
        for word in topic.words_zh:
            han.add(word)
            names[word] = word
            codes.setdefault(word, []).append(topic.code)
        for word in topic.words_en:
            for form in forms(word):
                latin.add(form)
                names.setdefault(form, word)
                if topic.code not in codes.setdefault(form, []):
                    codes[form].append(topic.code)
    parts = []
    for some, edge in ((han, ""), (latin, r"\b")):
        longest = sorted(some, key=lambda word: (-len(word), word))
        if longest:
            parts.append(f"{edge}(?:{'|'.join(map(re.escape, longest))}){edge}")
    kept = {word: tuple(found) for word, found in codes.items()}
    return Dictionary(topics, kept, names, re.compile("|".join(parts)))


@cache
def feelings() -> Feelings:
    """Give the words of feelings."""
    told = _own()["feelings"]
    signs: dict[str, int] = {}
    for name, sign in (("positive", 1), ("negative", -1), ("without", 0)):
        for word in _split(told[name]["zh"]):
            signs[word] = sign
        for word in _split(told[name]["en"]):
            signs |= dict.fromkeys(forms(word.lower()), sign)
    for name, sign in (("positive", 1), ("negative", -1)):
        signs |= dict.fromkeys(_split(told["emoji"][name]), sign)
    sets = {
        name: frozenset(w.lower() for lang in ("zh", "en") for w in _split(told[name][lang]))
        for name in ("turns", "wishes", "kept", "but")
    }
    stop = _own()["stop"]
    words = frozenset(w for lang in ("zh", "en") for w in _split(stop[lang]))
    return Feelings(signs=signs, stop=words, **sets)
