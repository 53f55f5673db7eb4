"""Topics and feelings of free text, by a dictionary that anybody can read and check."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import pandas as pd

from workbench.errors import InputError, Problem
from workbench.text.lexicon import Dictionary, dictionary, feelings
from workbench.text.words import HAN, clauses, content, paired, prepared, tokens

__all__ = ["COLUMNS", "PARTS", "SENTIMENTS", "Reading", "classify", "read_text"]

SENTIMENTS = {
    "negative": ("不满", "negative"),
    "neutral": ("中性", "neutral"),
    "positive": ("肯定", "positive"),
}
"""Sentiment → its name in zh and en."""

COLUMNS = ("topic", "sentiment", "topic_sentiment", "terms", "phrases")
PARTS = frozenset(
    "requests documents validation accuracy peak hours area groups phrases coded quotation".split()
)
"""Words behind ``voices.`` in the ids of findings that no item of free text may bear."""
_REACH = 3  # words after a negation that it turns
_LONGEST = 6  # tokens of the longest entry


@dataclass(frozen=True)
class Reading:
    """What was read out of one text."""

    topics: tuple[str, ...] = ()
    """Codes, the one with most words first; the earlier one where they tie."""
    sentiment: str | None = None
    """``negative``, ``neutral``, ``positive``; None for a text without a word."""
    by_topic: tuple[tuple[str, str], ...] = ()
    """Topic and sentiment of the clauses that speak of it."""
    terms: tuple[str, ...] = ()
    """Entries of the dictionary that were found, each once, in their order."""
    phrases: tuple[str, ...] = ()
    """Words that say what it is about, and pairs of them, as `phrases_of` gives them, each once."""


@dataclass
class _Found:
    hits: dict[str, int] = field(default_factory=dict)
    scores: dict[str, int] = field(default_factory=dict)
    terms: dict[str, None] = field(default_factory=dict)


def read_text(text: object, using: Dictionary) -> Reading:
    """Read one text.

    Parameters
    ----------
    text
        The words; anything that is no text, and a text of signs and blanks only, says nothing.
    using
        The topics, as `workbench.text.dictionary` gives them.

    Examples
    --------
    >>> read_text("停车很难，但是保洁很及时", dictionary()).by_topic
    (('parking', 'negative'), ('cleaning', 'positive'))
    >>> read_text("对物业不满意", dictionary()).sentiment
    'negative'
    >>> read_text("……！！", dictionary()).sentiment is None
    True
    """
    if not isinstance(text, str):
        return Reading()
    known = feelings()
    found, total, heavy, wish = _Found(), 0, False, False
    last: tuple[str, ...] = ()
    said: list[str] = []
    parts = clauses(prepared(text))
    if not parts:
        return Reading()
    for part in parts:
        here: list[str] = []
        for match in using.pattern.finditer(part):
            entry = using.names[match[0]]
            found.terms.setdefault(entry)
            for code in using.codes[match[0]]:
                found.hits[code] = found.hits.get(code, 0) + 1
                here.append(code)
        words = tokens(part)
        said += content(words)
        heavy = heavy or any(word in known.but for word in words[:2])
        # a wish goes on until something else is spoken of
        wish = _wished(words) or (wish and not here)
        score = _feeling(words, wish)
        total += score * (2 if heavy else 1)
        about = tuple(dict.fromkeys(here)) or last
        for code in about:
            found.scores[code] = found.scores.get(code, 0) + score
        last = about
    order = {code: place for place, code in enumerate(found.hits)}
    topics = sorted(found.hits, key=lambda code: (-found.hits[code], order[code]))
    return Reading(
        topics=tuple(topics),
        sentiment=_sign(total),
        by_topic=tuple((code, _sign(found.scores[code])) for code in topics),
        terms=tuple(found.terms),
        phrases=tuple(dict.fromkeys(paired(said))),
    )


def _sign(score: int) -> str:
    return "positive" if score > 0 else "negative" if score < 0 else "neutral"


def _wished(words: list[str]) -> bool:
    wishes = feelings().wishes
    pairs = (a + b for a, b in pairwise(words))
    return any(word in wishes for word in (*words, *pairs))


def _feeling(words: list[str], wish: bool) -> int:
    """Add up the feelings of one clause: turned by negations, held back by wishes."""
    known = feelings()
    score, turned_at, i = 0, [], 0
    while i < len(words):
        entry, width = _entry(words, i)
        if entry in known.turns:
            turned_at.append(i + width)
        sign = known.signs.get(entry, 0)
        if sign:
            turned = sum(0 <= i - end < _REACH for end in turned_at) % 2 == 1
            if wish:  # what is good is not there yet, what is bad is
                sign = sign if sign < 0 or entry in known.kept else 0
            elif turned:
                sign = -sign
            score += sign
        i += width
    return score


def _entry(words: list[str], start: int) -> tuple[str, int]:
    """Give the longest entry of the dictionary of feelings that begins here, and its tokens."""
    known = feelings()
    glue = "" if HAN.search(words[start]) else " "
    for width in range(min(_LONGEST, len(words) - start), 1, -1):
        entry = glue.join(words[start : start + width])
        if entry in known.signs or entry in known.turns:
            return entry, width
    return words[start], 1


def classify(
    data: pd.DataFrame, *, text: str = "text", using: Dictionary | None = None
) -> pd.DataFrame:
    """Give topic and sentiment of each text.

    Parameters
    ----------
    data : DataFrame
        Any rows with a column of free text, Chinese, English or both; missing means nothing said.
    text : str
        The column.
    using : Dictionary, optional
        The topics; the bundled ones by default, see `workbench.text.dictionary`.

    Returns
    -------
    DataFrame
        Index as in ``data``. ``topic``: codes joined by ``;``, the main one first, missing where
        no word of the dictionary stands; ``sentiment``: ``negative``, ``neutral``, ``positive``,
        missing where nothing was said; ``topic_sentiment``: ``code:sentiment`` joined by ``;``;
        ``terms``: the entries of the dictionary that were found, joined by ``;``. None of these
        holds a word that is not in the dictionary, so they tell of no person. ``phrases``: words of
        the masked text and pairs of them, joined by ``;``; of one text they are its words, and only
        those that many texts share may go on.

    Raises
    ------
    InputError
        The column is not there.

    Notes
    -----
    Personal data are masked first. A topic is there when one of its words is, the longest entry
    wins where two overlap. Sentiment is the sign of the sum over clauses of words that praise (+1)
    and blame (−1); a negation turns the next three words of its clause, in a wish (希望, please)
    praise does not count, clauses from 但是 or *but* on count twice. Irony, comparisons with
    elsewhere and what stands between the lines are not seen. Nobody should be paid by it: measure
    its error on a coded sample (`workbench.text.accuracy`), and call it not validated without one.

    References
    ----------
    Taboada et al. (2011), Lexicon-based methods for sentiment analysis, Comput. Linguist. 37,
    267-307; Grimmer & Stewart (2013), Text as data, Polit. Anal. 21, 267-297, §5.1.

    Examples
    --------
    >>> said = pd.DataFrame({"text": ["电梯常坏", "The garden is lovely", None]})
    >>> classify(said)["topic"].tolist()
    ['lifts', 'greening', nan]
    """
    if text not in data.columns:
        raise InputError(
            Problem(
                code="text.column",
                zh=f"表中没有列 {text}",
                en=f"the frame lacks the column {text}",
                column=text,
                found=", ".join(map(str, data.columns)),
            )
        )
    using = using or dictionary()
    codes, distinct = pd.factorize(data[text].astype(object))
    read = [_joined(read_text(one, using)) for one in distinct]
    nothing = (None,) * len(COLUMNS)
    rows = [nothing if code < 0 else read[code] for code in codes]
    return pd.DataFrame(rows, index=data.index, columns=list(COLUMNS), dtype="str")


def _joined(told: Reading) -> tuple[str | None, ...]:
    return (
        ";".join(told.topics) or None,
        told.sentiment,
        ";".join(f"{code}:{sign}" for code, sign in told.by_topic) or None,
        ";".join(told.terms) or None,
        ";".join(told.phrases) or None,
    )
