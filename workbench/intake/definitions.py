"""Was the same thing asked in both waves: wording, labels and modes as the exports show them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.intake.frames import Log, Problems, Raw
from workbench.intake.titles import plain

if TYPE_CHECKING:
    import pandas as pd

    from workbench.study import Item, Judgement, Source, Study

__all__ = ["Asked", "Definitions", "asked_as"]

_NUMBER = re.compile(r"^\s*(?:第\s*\d{1,3}\s*题|[Qq]?\d{1,3}\s*[、．.：:，,])\s*")
_MARK = re.compile(
    r"[\[【(（](?:单选|多选|下拉|填空|矩阵|量表|排序|评分|必答|选答)[^\]】)）]*[\]】)）]"
)
_CODE = re.compile(r"[A-Za-z]{1,12}[\w\[\].]*\Z")
_REFUSED = ("not_comparable", "不可比")


@dataclass(frozen=True)
class Asked:
    """How one source asked one item: its wording, and the label of each code, as far as told."""

    wording: str = ""
    labels: tuple[tuple[str, str], ...] = ()


def asked_as(raw: Raw, title: str, item: Item, name: str, source: Source) -> Asked:
    """Read off a source how it asked an item.

    The wording is the column's title without its number, or the label that the file gives; a
    title that is a code says nothing. Labels are those of the file, under the codes to which
    ``values:`` recodes them.
    """
    told = raw.export.question(title) if raw.export is not None else None
    wording = told.wording if told is not None and not told.columns else title
    wording = _MARK.sub("", _NUMBER.sub("", re.sub(r"#\d+\Z", "", wording))).strip()
    if _CODE.match(wording) or plain(wording) == plain(name):
        wording = ""
    recode = source.values.get(name)
    if recode is not None and recode.pattern is not None:
        recode = None
    said = dict(told.labels) if told is not None else {}
    pairs = [(label, code) for code, label in said.items()]
    if recode is not None:
        pairs = [pair for pair in pairs if pair[1] not in recode.values]  # kept as they are
        for cell, code in recode.values.items():
            label = said.get(cell) if _plain_code(cell) else cell
            pairs += [(label, code)] if label is not None and code is not None else []
    labels: dict[str, set[str]] = {}
    for label, code in pairs:
        if item.holds(code):
            labels.setdefault(code, set()).add(plain(label))
    return Asked(wording, tuple((c, "/".join(sorted(said))) for c, said in sorted(labels.items())))


def _plain_code(label: str) -> bool:
    return re.fullmatch(r"-?\d+(?:\.\d+)?", label) is not None


class Definitions:
    """How each item was asked in each wave, gathered source by source."""

    def __init__(self) -> None:
        self.asked: dict[str, dict[str, dict[Asked, set[str]]]] = {}

    def add(self, frame: pd.DataFrame, how: Mapping[str, Asked]) -> None:
        """Enter the waves and modes of one source's rows."""
        if "wave" not in frame:
            return
        for wave in frame["wave"].dropna().unique():
            mine = frame[frame["wave"] == wave]
            told = set(mine["mode"].dropna()) if "mode" in mine else set()
            for item, asked in how.items():
                of_item = self.asked.setdefault(item, {}).setdefault(str(wave), {})
                of_item.setdefault(asked, set()).update(told)

    def apart(self, study: Study, log: Log, problems: Problems) -> dict[str, Any]:
        """Give the items that baseline and current wave asked differently, unless confirmed.

        Returns
        -------
        dict
            Item → wave → ``wording``, ``labels``, ``modes`` and the SHA-256 of all three. A
            judgement of the kind comparability on ``item:<code>`` (or on both waves as a whole)
            takes an item out; one whose decision is ``not_comparable`` or 不可比 does not, and
            stands beside the waves as ``judgement``. Modes of opt-in samples are left out; where
            the others have none in common and all else is alike, ``modes_only`` is true.
        """
        if study.baseline is None:
            return {}
        before, now = study.baseline.id, study.current.id
        out: dict[str, Any] = {}
        other_modes: list[str] = []
        for item, waves in sorted(self.asked.items()):
            if before not in waves or now not in waves:
                continue
            book = study.codebook[item]
            reworded = _differ(waves[before], waves[now], book)
            if not reworded and not _other_modes(study, waves[before], waves[now]):
                continue
            confirmed = _confirmed(study.judgements, item, before, now)
            if confirmed is not None:
                log.add(
                    "intake.asked-confirmed",
                    1,
                    f"{item}：两期问法不同，{confirmed} 确认可比",
                    f"{item}: asked differently in both waves; {confirmed} confirms the comparison",
                    table="responses",
                )
                continue
            out[item] = {wave: _told(waves[wave], book) for wave in (before, now)}
            if not reworded:
                out[item]["modes_only"] = True
            refused = _confirmed(study.judgements, item, before, now, refused=True)
            if refused is not None:
                out[item]["judgement"] = refused
                log.add(
                    "intake.asked-refused",
                    1,
                    f"{item}：两期问法不同，{refused} 判定不可比，不作比较",
                    f"{item}: asked differently in both waves; {refused} says that no comparison "
                    "is made",
                    table="responses",
                )
                continue
            if not reworded:
                other_modes.append(item)
                continue
            problems.add(
                "item.asked-differently",
                f"{item} 两期的题目文字或选项不同：确认之前不作比较",
                f"{item} was worded or labelled differently in both waves: "
                "no comparison until somebody confirms it",
                f"在 judgements.csv 中写 comparability，object 为 item:{item}，from {before}，"
                f"to {now}，并说明理由；选项不同的，先用 values: 对应",
                f"enter comparability in judgements.csv with object item:{item}, from {before}, "
                f"to {now} and the reason; map changed options with values: first",
                file="study.yaml",
                column=f"columns.{item}",
                expected=_said(out[item][before]),
                found=_said(out[item][now]),
                severity="warning",
            )
        if other_modes:
            modes = [", ".join(out[other_modes[0]][wave]["modes"]) for wave in (before, now)]
            problems.add(
                "wave.modes-differ",
                f"两期的调查方式完全不同，涉及 {len(other_modes)} 题：确认之前不作比较",
                f"the waves have no mode in common, for {len(other_modes)} items: no comparison "
                "until somebody confirms it",
                f"在 judgements.csv 中写 comparability，object 为 waves，from {before}，to {now}，"
                "并说明方式不同为何不影响比较",
                f"enter comparability in judgements.csv with object waves, from {before}, to {now} "
                "and why the modes do not matter",
                file="study.yaml",
                column="sources.responses",
                expected=modes[0],
                found=modes[1],
                severity="warning",
            )
        return out


def _other_modes(
    study: Study, one: Mapping[Asked, set[str]], other: Mapping[Asked, set[str]]
) -> bool:
    """Whether the samples that are compared were asked in modes of which none is the same."""
    kinds = study.settings.sample
    default = kinds.get("default")
    drawn = [
        {m for m in set().union(*asked.values()) if kinds.get(m, default) != "opt_in"}
        for asked in (one, other)
    ]
    return bool(drawn[0] and drawn[1]) and drawn[0].isdisjoint(drawn[1])


def _differ(one: Mapping[Asked, Any], other: Mapping[Asked, Any], item: Item) -> bool:
    """Whether two waves have not the same wordings, or sources of theirs label a code differently.

    A wave that tells no wording agrees. A source that tells no labels has those of the codebook,
    by which its answers are read.
    """
    words = [{plain(_end(a.wording)) for a in asked if a.wording} for asked in (one, other)]
    if words[0] and words[1] and words[0] != words[1]:
        return True
    if not any(a.labels for a in (*one, *other)):
        return False
    mine, theirs = ([_labels(a, item) for a in asked] for asked in (one, other))
    return any(_labelled_apart(a, b) for a in mine for b in theirs)


def _labels(asked: Asked, item: Item) -> dict[str, set[str]]:
    """Give what a source calls each code: what it tells, else the codebook's labels."""
    if asked.labels:
        return {code: set(label.split("/")) for code, label in asked.labels}
    return {
        code: {plain(text) for text in (label.zh, label.en) if text}
        for code, label in item.values.items()
    }


def _labelled_apart(one: Mapping[str, set[str]], other: Mapping[str, set[str]]) -> bool:
    if not one or not other:
        return False
    if _ends(one) != _ends(other):
        return True
    # a scale may label its ends only
    return any(one[code].isdisjoint(other[code]) for code in set(one) & set(other))


def _ends(labels: Mapping[str, object]) -> tuple[int, int] | None:
    """Give the least and the greatest code; none for a choice whose codes are words."""
    numbers = [int(code) for code in labels if re.fullmatch(r"-?\d+", code)]
    return (min(numbers), max(numbers)) if len(numbers) == len(labels) else None


def _end(wording: str) -> str:
    """Give a wording without the mark at its end."""
    return wording.rstrip("？?。.:：!！ ")


def _told(asked: Mapping[Asked, set[str]], item: Item) -> dict[str, Any]:
    wording = " | ".join(sorted({a.wording for a in asked if a.wording}))
    called: dict[str, set[str]] = {}
    for a in asked:
        for code, label in a.labels:
            called.setdefault(code, set()).update(label.split("/"))
    if not called:
        called = {
            code: {plain(label.zh or label.en or code)} for code, label in item.values.items()
        }
    labels = {code: "/".join(sorted(said)) for code, said in sorted(called.items())}
    modes = sorted(set().union(*asked.values()))
    whole = {"wording": plain(_end(wording)), "labels": labels, "modes": modes}
    text = json.dumps(whole, ensure_ascii=False, sort_keys=True)
    told = {"wording": wording, "labels": labels, "modes": modes}
    return told | {"sha256": hashlib.sha256(text.encode()).hexdigest()}


def _said(told: Mapping[str, Any]) -> str:
    labels = ", ".join(f"{code} = {label}" for code, label in told["labels"].items())
    return "; ".join(part for part in (told["wording"], labels) if part)[:120]


def _confirmed(
    lines: Iterable[Judgement], item: str, before: str, now: str, *, refused: bool = False
) -> str | None:
    """Give the id of the judgement that says both wordings ask the same, or that they do not."""
    for line in lines:
        if line.kind != "comparability" or (line.decision.strip() in _REFUSED) is not refused:
            continue
        whole = line.object.startswith("waves") and (line.from_, line.to) == (before, now)
        own = line.object == f"item:{item}" and {line.from_, line.to} <= {before, now, ""}
        if whole or own:
            return line.id
    return None
