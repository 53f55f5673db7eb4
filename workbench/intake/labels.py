"""Labels of answers: which of them say how much, in which order, and which are no answers."""

from __future__ import annotations

import re
from collections.abc import Iterable

from workbench.intake.readers.export import reason

__all__ = ["degree", "ordered", "role_of", "split_missing"]

# how strongly a word says what follows it; the first that fits counts
_STRENGTH = (
    (re.compile(r"非常|极其|极为|完全|十分|特别|总是|extremely|completely|strongly|always"), 3.0),
    (re.compile(r"很|经常|very|often|mostly"), 2.5),
    (re.compile(r"比较|较|基本|有点|有些|偶尔|稍|somewhat|fairly|rather|quite|slightly"), 1.0),
)
_MIDDLE = re.compile(
    r"一般|中立|普通|说不上|尚可|有时|差不多|neutral|neither|average|fair\b|sometimes|moderate"
)
_MILD = re.compile(r"不太|不大|不怎么|not very|not really")
_NEGATIVE = re.compile(
    r"不(?!清楚|知道)|没有?|差|低|难|坏|少|从未|从不|反对|unsatisf|dissatisf|disagree|poor|bad|never|rarely|"
    r"unlikely|unimportant|\bnot\b|low"
)
_CORES = re.compile(
    r"满意|同意|重要|了解|清楚|知道|方便|便利|安全|公平|支持|愿意|频繁|好|差|高|低|satisf|agree|important|"
    r"likely|good|poor|safe|often|aware"
)
_ROLES = (
    ("attention", re.compile(r"本题请选|请选择[“\"「]|select .* for this")),
    ("satisfaction", re.compile(r"满意|satisf", re.I)),
    ("importance", re.compile(r"重要|最需要|最希望|important|priorit", re.I)),
    (
        "demographic",
        re.compile(
            r"年龄|性别|学历|文化程度|户籍|收入|职业|住房|婚姻|民族|居住年限|\b(age|sex|gender)\b|"
            r"education|income|tenure|occupation",
            re.I,
        ),
    ),
    (
        "behaviour",
        re.compile(r"是否.*过|参加|参与|使用过|多久|几次|反映过|did you|have you|how often", re.I),
    ),
)


def degree(label: str) -> float | None:
    """Say how much a label says, from −3 to 3; ``None`` when it says no degree.

    Examples
    --------
    >>> [degree(w) for w in ("非常不满意", "不太满意", "一般", "比较满意", "非常满意")]
    [-3.0, -1.0, 0.0, 1.0, 3.0]
    """
    text = label.casefold()
    core = _CORES.search(text)
    if core is None and _MIDDLE.search(text):
        return 0.0
    if core is None:
        return None
    if _MIDDLE.search(text):
        return 0.0
    if _MILD.search(text):
        return -1.0
    strength = next((value for form, value in _STRENGTH if form.search(text)), 2.0)
    return -strength if _NEGATIVE.search(text) else strength


def ordered(labels: Iterable[str]) -> list[str] | None:
    """Give labels from the least to the most; ``None`` when they are no scale.

    Three at least, each with a degree of its own, and on both sides of the middle.
    """
    given = list(labels)
    degrees = {label: degree(label) for label in given}
    if len(given) < 3 or None in degrees.values():
        return None
    values = [value for value in degrees.values() if value is not None]
    if len(set(values)) < len(values) or min(values) >= 0 or max(values) <= 0:
        return None
    return sorted(given, key=lambda label: degrees[label] or 0.0)


def split_missing(labels: Iterable[str]) -> tuple[list[str], dict[str, str]]:
    """Part answers from labels that say why there is none, such as 不清楚 or 拒答.

    What another label affirms is an answer: 不了解 beside 非常了解 stays one.
    """
    given = list(labels)
    cores = [core[0] for label in given if (core := _CORES.search(label)) is not None]
    answers, missing = [], {}
    for label in given:
        why = reason(label)
        core = _CORES.search(label)
        if why == "missing" or (core is not None and cores.count(core[0]) > 1):
            answers.append(label)
        else:
            missing[label] = why
    return answers, missing


def role_of(wording: str, kind: str) -> str:
    """Guess the role of a question from its wording."""
    if kind == "text":
        return "text"
    return next((role for role, form in _ROLES if form.search(wording)), "other")
