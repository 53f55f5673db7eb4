"""Text cut into words: Chinese by the tokenizer, everything else by letters.

The tokenizer (rjieba, MIT) is the only heavy thing of this package; it is loaded by the first call.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from workbench.text.lexicon import feelings, simplified
from workbench.text.masking import mask, plain

if TYPE_CHECKING:
    from rjieba import Jieba

__all__ = ["HAN", "clauses", "content", "paired", "prepared", "tokens"]

HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_RUN = re.compile(
    "(?P<han>[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+)|(?P<latin>[A-Za-zÀ-ÖØ-öø-ÿ]+(?:['’-][A-Za-z]+)*)"
    "|(?P<other>[\u2600-\u27bf\u2b50\U0001f300-\U0001faff])"
)
_CLAUSE = re.compile(
    '[,.;:!?\n\r\t。、…~|/()《》“”"]+|(?<=[\u4e00-\u9fff】])\\s+|\\s+(?=[\u4e00-\u9fff【])'
)
_PLACEHOLDER = re.compile(r"【[^【】]{1,6}】|\[(?:name|address|phone|plate|e-mail|id number|link|"
                          r"card number|WeChat id|QQ number)\]")  # fmt: skip
_ADDED = "满意 不错 业委会 居委会 接诉即办 电瓶车 保洁 飞线 物业费 停车费 加装电梯 投放点"


@cache
def _tokenizer() -> Jieba:
    from rjieba import Jieba

    made = Jieba()
    for word in _ADDED.split():
        made.add_word(word, 100_000, "n")
    return made


def prepared(text: str) -> str:
    """Give a text as it is counted: masked, simplified, lower case, without the placeholders."""
    return simplified(_PLACEHOLDER.sub(" ", mask(plain(text)))).replace("\ufe0f", "").lower()


def clauses(text: str) -> list[str]:
    """Give the clauses of a prepared text, without empty ones."""
    return [part for part in _CLAUSE.split(text) if part and _RUN.search(part)]


def tokens(text: str) -> list[str]:
    """Give the words and signs of feeling of a prepared text in their order.

    Examples
    --------
    >>> tokens("电梯坏了 the lift doesn't work 👍")
    ['电梯', '坏', '了', 'the', 'lift', "doesn't", 'work', '👍']
    """
    found: list[str] = []
    for run in _RUN.finditer(text):
        if run["han"]:
            for word in _tokenizer().cut(run[0], False):
                found += _apart(word)
        else:
            found.append(run[0].replace("’", "'"))
    return found


def _apart(word: str) -> tuple[str, ...]:
    """Part the feeling from what stands before it in one word: 不好 → 不, 好; 态度恶劣."""
    signs = feelings().signs
    if len(word) < 2 or word in signs:
        return (word,)
    if word[0] in "不没未无很太更最真挺" and word[1:] in signs:
        return word[0], word[1:]
    return (word[:-2], word[-2:]) if len(word) > 3 and word[-2:] in signs else (word,)


def content(words: Iterable[str]) -> list[str]:
    """Give the words of a clause that say what it is about; ``""`` where others stood, and last."""
    stop = feelings().stop
    kept = [w if w not in stop and len(w) > 1 and not w.isdigit() else "" for w in words]
    return [*kept, ""]


def paired(words: list[str]) -> list[str]:
    """Give the words of `content`, and the pairs of them that stand together.

    Pairs of Chinese words are written without a blank.
    """
    pairs = [
        a + ("" if HAN.search(a) and HAN.search(b) else " ") + b
        for a, b in pairwise(words)
        if a and b
    ]
    return [word for word in words if word] + pairs
