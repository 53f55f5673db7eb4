"""What neighbouring labels have in common, so that a table or a chart says it once."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["ems", "shared"]

_WORTH = 8  # half ems that must be shared before it is said apart


def ems(text: str) -> float:
    """Give the width of text in ems: Chinese one, other letters about a half."""
    return sum(1.0 if ord(char) > 0x2E80 else 0.5 for char in text)


def shared(labels: Sequence[str]) -> tuple[str, str]:
    """Give the beginning and the end that all labels share; two empty strings when it is little.

    Latin words are never cut; something of each label is left.

    Examples
    --------
    >>> shared(["satisfied with services", "satisfied with safety", "satisfied with parks"])
    ('satisfied with ', '')
    >>> shared(["对治安满意的居民", "对环境满意的居民", "对文化活动满意的居民"])
    ('对', '满意的居民')
    >>> shared(["lifts (all), this wave", "noise (here), this wave", "parks (some), this wave"])
    ('', ', this wave')
    """
    if len(labels) < 3 or len(set(labels)) < len(labels):
        return "", ""
    start = _whole(_beginning(labels), labels, front=True)
    rest = [label[len(start) :] for label in labels]
    turned = _beginning([label[::-1] for label in rest])[::-1]
    end = _whole(turned, rest, front=False)
    if any(not label.removesuffix(end).strip() for label in rest):
        return "", ""
    return (start, end) if 2 * ems(start + end) >= _WORTH else ("", "")


def _beginning(labels: Sequence[str]) -> str:
    first, last = min(labels), max(labels)
    size = 0
    while size < min(len(first), len(last)) and first[size] == last[size]:
        size += 1
    return first[:size]


def _whole(part: str, labels: Sequence[str], *, front: bool) -> str:
    """Shorten a shared part until it ends between words."""
    while part:
        inner = part[-1] if front else part[0]
        outer = [label[len(part) :][:1] if front else label[: -len(part)][-1:] for label in labels]
        cut = _latin(inner) and any(map(_latin, outer))
        if not all(outer) or cut or _torn(part):
            part = part[:-1] if front else part[1:]
        else:
            break
    return part


def _torn(part: str) -> bool:
    """Whether a bracket opens or closes in a part whose other half is not in it."""
    depth = 0
    for char in part:
        depth += (char in "(（[【“") - (char in ")）]】”")
        if depth < 0:
            return True
    return depth > 0


def _latin(char: str) -> bool:
    return char.isalnum() and ord(char) < 0x2E80
