"""How the parts of a score are weighed: schemes A and B, weights of one's own, equal weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from workbench.errors import InputError, Problem
from workbench.scoring._frames import need, refuse, words

__all__ = ["Part", "Scheme", "appraisal_scheme", "equal_scheme", "scheme"]


@dataclass(frozen=True, kw_only=True)
class Part:
    """One weighed part of a score."""

    slug: str
    zh: str
    en: str
    weight: float
    """Share of the total, 0–1; over the parts of a scheme they add up to 1."""
    members: tuple[str, ...]
    """The channels (or dimensions) whose points are pooled in this part."""


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """How the parts of a score are weighed against each other."""

    slug: str
    parts: tuple[Part, ...]
    by: Literal["channel", "dimension"] = "channel"
    origin: Literal["source", "commissioned", "assumption"]
    """Who set the weights (R-01); printed in the report."""
    formula: str = ""
    citation: str = ""

    def __post_init__(self) -> None:
        problems = []
        total = sum(p.weight for p in self.parts)
        if not abs(total - 1) <= 1e-9:
            problems.append(
                wrong_scheme(self.slug, "权重之和不为 1", "the weights do not sum to 1", total)
            )
        if any(not 0 <= p.weight <= 1 for p in self.parts):
            problems.append(
                wrong_scheme(self.slug, "权重不在 0 与 1 之间", "a weight outside 0–1", total)
            )
        members = [m for p in self.parts for m in p.members]
        twice = sorted({m for m in members if members.count(m) > 1})
        if twice:
            problems.append(
                wrong_scheme(
                    self.slug, "同一渠道归入两个部分", "a member of two parts", ", ".join(twice)
                )
            )
        if problems:
            raise InputError(*problems)


def wrong_scheme(slug: str, zh: str, en: str, found: object) -> Problem:
    """Tell what is wrong with a scheme."""
    return Problem(
        code="scoring.scheme",
        zh=f"计分方案 {slug}：{zh}",
        en=f"scheme {slug}: {en}",
        found=str(found),
    )


def scheme(
    name: str | Mapping[str, float],
    *,
    mystery_share: float = 0.20,
    by: Literal["channel", "dimension"] = "channel",
    origin: Literal["source", "commissioned", "assumption"] = "commissioned",
) -> Scheme:
    """Give scheme ``A`` or ``B`` of the programmes, or one made from weights.

    Parameters
    ----------
    name : {"A", "B"} or mapping of channel (dimension) to weight
        Weights of a mapping are scaled to sum 1.
    mystery_share : float
        Scheme B: share of the mystery visits in the third-party score.
    by, origin
        For a mapping: what is weighed, and who set the weights.

    Returns
    -------
    Scheme

    Raises
    ------
    InputError
        Unknown name, or weights that are negative or all zero.

    References
    ----------
    A: doc 002 §5.2 (rule R-02), ``0.40·D + 0.30·F + 0.30·S``. B: doc 002 §8.2 (rule R-03),
    ``0.70·(0.80·T + 0.20·M) + 0.30·S``.

    Examples
    --------
    >>> [(p.slug, round(p.weight, 2)) for p in scheme("B").parts]
    [('third_party', 0.56), ('mystery', 0.14), ('survey', 0.3)]
    """
    if isinstance(name, Mapping):
        given = {str(k): float(v) for k, v in name.items()}
        total = sum(given.values())
        if not given or not total > 0 or min(given.values()) < 0:
            raise InputError(
                wrong_scheme("custom", "权重为负或全为零", "negative or no weights", given)
            )
        parts = tuple(
            Part(slug=k, zh=k, en=k, weight=v / total, members=(k,)) for k, v in given.items()
        )
        text = " + ".join(f"{p.weight:.4g}·{p.slug}" for p in parts)
        return Scheme(slug="custom", parts=parts, by=by, origin=origin, formula=text)
    if name == "A":
        return Scheme(
            slug="A",
            origin="source",
            formula="0.40·D + 0.30·F + 0.30·S",
            citation="doc 002 §5.2",
            parts=(
                Part(slug="record", zh="线上数据采集", en="online data collection",
                     weight=0.40, members=("record", "fact")),
                Part(slug="inspection", zh="线下实地核查", en="on-site verification",
                     weight=0.30, members=("inspection", "mystery")),
                Part(slug="survey", zh="居民满意度测评", en="resident satisfaction",
                     weight=0.30, members=("survey",)),
            ),
        )  # fmt: skip
    if name == "B":
        if not 0 <= mystery_share <= 1:
            raise InputError(wrong_scheme("B", "暗访比例不在 0–1", "mystery_share", mystery_share))
        return Scheme(
            slug="B",
            origin="source",
            formula=f"0.70·({1 - mystery_share:.2f}·T + {mystery_share:.2f}·M) + 0.30·S",
            citation="doc 002 §8.2",
            parts=(
                Part(slug="third_party", zh="第三方测评", en="third-party assessment",
                     weight=0.70 * (1 - mystery_share), members=("record", "fact", "inspection")),
                Part(slug="mystery", zh="暗访", en="mystery visits",
                     weight=0.70 * mystery_share, members=("mystery",)),
                Part(slug="survey", zh="居民满意度测评", en="resident satisfaction",
                     weight=0.30, members=("survey",)),
            ),
        )  # fmt: skip
    raise refuse(
        "unknown-word",
        f"没有名为 {name!r} 的计分方案",
        f"there is no scheme {name!r}",
        expected="A, B, or weights",
        found=str(name),
    )


def equal_scheme(
    points: pd.DataFrame, *, by: Literal["channel", "dimension"] = "dimension"
) -> Scheme:
    """Weigh every channel or dimension that occurs alike: the stated default without a source.

    References
    ----------
    Rule R-01: no weights in the source; the report prints "weights: assumption of the assessor".
    """
    need(points, (by,), of="points")
    names = list(dict.fromkeys(words(points, by)))
    parts = tuple(Part(slug=n, zh=n, en=n, weight=1 / len(names), members=(n,)) for n in names if n)
    return Scheme(slug=f"equal_{by}", parts=parts, by=by, origin="assumption",
                  formula=f"mean over {len(names)}", citation="R-01")  # fmt: skip


def appraisal_scheme(split: tuple[float, float, float], *, resident_block: float = 0.60) -> Scheme:
    """Weigh the appraisal of a subdistrict: residents' block and administrative tasks.

    Parameters
    ----------
    split : (float, float, float)
        How satisfaction, problem resolution and social participation share the residents' block;
        scaled to sum 1. The source does not give it, so it has no default.
    resident_block : float
        Weight of the block, 0–1; the rest are administrative tasks.

    Returns
    -------
    Scheme
        Parts over the dimensions ``satisfaction``, ``resolution``, ``participation``,
        ``administrative``.

    References
    ----------
    Rule R-11, doc 001 §5.1: 60 % together; 40 % remain (implied).
    """
    total = sum(split)
    if len(split) != 3 or min(split) < 0 or not total > 0 or not 0 <= resident_block <= 1:
        raise InputError(wrong_scheme("appraisal", "分配有误", "a wrong split", split))
    names = (("satisfaction", "居民满意度", "resident satisfaction"),
             ("resolution", "问题解决率", "problem resolution"),
             ("participation", "社会参与度", "social participation"))  # fmt: skip
    parts = [
        Part(slug=slug, zh=zh, en=en, weight=resident_block * share / total, members=(slug,))
        for (slug, zh, en), share in zip(names, split, strict=True)
    ]
    rest = Part(slug="administrative", zh="行政任务", en="administrative tasks",
                weight=1 - resident_block, members=("administrative",))  # fmt: skip
    return Scheme(slug="appraisal", parts=(*parts, rest), by="dimension", origin="commissioned",
                  formula=f"{resident_block:.2f}·residents + {1 - resident_block:.2f}·tasks",
                  citation="doc 001 §5.1")  # fmt: skip
