"""What judgements.csv names must be there: the unit, the check, the rows that are struck out.

A judgement that names nothing would have no effect and nobody would know.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from workbench.intake.frames import Problems
from workbench.intake.shelf import Frames
from workbench.intake.tables import TABLES
from workbench.intake.units import Units
from workbench.judgements import STRIKES, struck
from workbench.study import nearest_remedy
from workbench.text.masking import marks, mask, tells

if TYPE_CHECKING:
    from workbench.study import Judgement, Study

__all__ = ["check"]

_WHEN = re.compile(r"[0-9]{4}(?:-(?:H[12]|Q[1-4]|W[0-5][0-9]|[01][0-9](?:-[0-3][0-9])?))?\Z")


def check(study: Study, frames: Frames, units: Units, problems: Problems) -> None:
    """Enter every judgement that names something that is not there."""
    from workbench.checks.suites import known_checks

    checks: set[str] | None = None
    for line in study.judgements:
        if not _unit(line, units, problems):
            continue
        _told(line, problems)
        if line.kind == "waiver":
            checks = checks or known_checks(study.folder / "expectations")
            name = line.object.removeprefix("check.")
            if name not in checks:
                zh, en = nearest_remedy(name, sorted(checks))
                texts = (
                    "没有这项检查，豁免无效",
                    "there is no such check: nothing is waived",
                    zh,
                    en,
                )
                _tell(problems, line, "object", texts, "check.…")
        elif line.kind == "comparability":
            _comparable(study, line, problems)
        elif line.kind in STRIKES and _spans(study, line, problems):
            _rows(line, frames, problems)


def _comparable(study: Study, line: Judgement, problems: Problems) -> None:
    """See that a judgement about waves names a question or the waves, for all units."""
    about, _, code = line.object.partition(":")
    if line.community not in ("", "*"):
        texts = (
            "可比性按题判定，对全部单位有效，不能只写一个单位",
            "questions are comparable for all units or none; no unit can be named",
            "community 留空",
            "leave community blank",
        )
        _tell(problems, line, "community", texts)
    elif about == "item" and code not in study.codebook:
        zh, en = nearest_remedy(line.object, [f"item:{name}" for name in study.codebook])
        _tell(problems, line, "object", ("没有这道题", "there is no such item", zh, en), "item:…")
    elif about not in ("item", "waves"):
        zh, en = nearest_remedy(f"item:{line.object}", [f"item:{name}" for name in study.codebook])
        texts = (
            "既不是题也不是两期，判定无效",
            "neither an item nor waves: nothing is decided",
            zh,
            en,
        )
        _tell(problems, line, "object", texts, "item:… | waves:…")
    else:
        _spans(study, line, problems)


def _tell(
    problems: Problems,
    line: Judgement,
    column: str,
    texts: tuple[str, str, str, str],
    expected: str = "",
) -> None:
    problems.add(
        f"judgements.{column}",
        *texts,
        file="judgements.csv",
        row=line.row,
        column=column,
        community=line.community if column != "community" else "",
        expected=expected,
        found=str(getattr(line, "from_" if column == "from" else column)),
    )


def _told(line: Judgement, problems: Problems) -> None:
    """See that nothing that goes into the bag names a person: the words quoted, and the reasons."""
    for column in ("to", "decision", "reason_zh", "reason_en"):
        said = getattr(line, column)
        quoted = column == "to" and line.kind == "quotation"
        if not (tells(said) if quoted else next(marks(said), None)):
            continue
        problems.add(
            "privacy.mark",
            "文字可能识别个人，会随数据离开",
            "the words may tell who somebody is, and would leave with the data",
            "改为不含个人信息的文字（括号内为遮盖后的样子）",
            "write what names nobody (what was found is shown masked)",
            file="judgements.csv",
            row=line.row,
            column=column,
            community=line.community,
            found=mask(said),
        )


def _unit(line: Judgement, units: Units, problems: Problems) -> bool:
    known = sorted(units.level)
    if line.community in ("", "*") or line.community in units.level or not known:
        return True
    zh, en = nearest_remedy(line.community, known)
    _tell(problems, line, "community", ("没有这个单位", "there is no such unit", zh, en))
    return False


def _spans(study: Study, line: Judgement, problems: Problems) -> bool:
    """See that ``from`` and ``to`` are times or waves, in this order."""
    waves = [wave.id for wave in study.settings.waves]
    for column, value in (("from", line.from_), ("to", line.to)):
        if value and value not in waves and not _WHEN.match(value):
            texts = (
                "既不是时间也不是轮次",
                "neither a time nor a wave",
                "写作 2026-05、2026-05-31 或轮次编号",
                "write 2026-05, 2026-05-31 or the id of a wave",
            )
            _tell(problems, line, column, texts)
            return False
    if line.from_ and line.to and line.from_ not in waves and line.from_ > line.to:
        texts = ("早于 from", "is before from", "先写开始，后写结束", "write the beginning first")
        _tell(problems, line, "to", texts, f"≥ {line.from_}")
        return False
    return True


def _rows(line: Judgement, frames: Frames, problems: Problems) -> None:
    """See that the judgement strikes out at least one row."""
    table, colon, what = line.object.partition(":")
    form = "<table>:<id> | <table>:<column>=<value>"
    if not colon or table not in TABLES or not what:
        texts = (
            "没有写明表和编号",
            "does not name a table and an id",
            "写作 表:编号 或 表:列=值，例如 measurements:waste_sorting_accuracy",
            "write table:id or table:column=value, e.g. measurements:waste_sorting_accuracy",
        )
        _tell(problems, line, "object", texts, form)
        return
    if table not in frames:
        return  # the table could not be read, or is lacking: told elsewhere
    told = {"kind": line.kind, "object": line.object, "from": line.from_, "to": line.to}
    if not any(struck(block, table, told).any() for block in frames.blocks(table)):
        texts = (
            "没有一行符合，该决定不起作用",
            "fits no row: the decision would have no effect",
            "核对编号、列名、值与 from、to",
            "check id, column, value, from and to",
        )
        _tell(problems, line, "object", texts)
