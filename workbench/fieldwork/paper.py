"""Tomorrow's list on paper: one A4 page for each team leader."""

from __future__ import annotations

from datetime import date
from importlib import resources
from typing import TYPE_CHECKING, Any

from workbench.fieldwork.tomorrow import KINDS, NOBODY, off_list, said_off

if TYPE_CHECKING:
    import pandas as pd

    from workbench.fieldwork.reading import Field

__all__ = ["tasks_pdf"]

# rows of a table that fit on one page with the other three; the rest stands in tomorrow.csv
_MOST = {"call_back": 12, "verify": 6, "revisit": 6, "short": 6}
_PARTS = (2.5, 2.0, 1.6, 1.3, 1.0, 0.8, 0.6, 0.4, 0.2)
_HEADS = {
    "call_back": (
        ("个案", "单位", "户", "访员", "已访", "上次", "情况"),
        ("case", "unit", "dwelling", "interviewer", "tries", "last", "outcome"),
    ),
    "verify": (
        ("问卷", "单位", "楼栋", "访员", "提交", "标记"),
        ("questionnaire", "unit", "building", "interviewer", "handed in", "signs"),
    ),
    "revisit": (("楼栋", "单位", "情况"), ("building", "unit", "state")),
    "short": (("单位", "还缺", "格"), ("unit", "missing", "cell")),
}
_COLUMNS = {
    "call_back": ("case", "name", "ssu", "interviewer", "attempts", "last", "reason"),
    "verify": ("respondent", "name", "psu", "interviewer", "last", "reason"),
    "revisit": ("psu", "name", "reason"),
    "short": ("name", "short", "reason"),
}
_WIDTHS = {  # shares of the line
    "call_back": (16, 18, 14, 10, 5, 10, 27),
    "verify": (12, 23, 12, 10, 11, 32),
    "revisit": (18, 26, 56),
    "short": (26, 8, 66),
}


def tasks_pdf(f: Field, tasks: pd.DataFrame, lang: str) -> bytes:
    """Set the list as PDF, a page for each team; the same list gives the same bytes.

    Parameters
    ----------
    f
        The wave.
    tasks
        As :func:`workbench.fieldwork.tomorrow.listed` gives it.
    lang
        ``zh`` or ``en``.
    """
    from workbench.report.typst_pdf import compile_pdf

    zh = lang == "zh"
    told = f.answers()
    until = f"{told['finished'].max():%Y-%m-%d %H:%M}" if f.has("responses", "finished") else ""
    issued = date.fromisoformat(f.settings["issued"])
    title = (
        f"明日清单　{f.settings['study']}　{f.wave}"
        if zh
        else (f"Tomorrow's list – {f.settings['study']} – {f.wave}")
    )
    note = (
        "仅供本队使用，含个案编号；用后收回。标记须复核，不是结论。",
        "For the team only: it names cases; collect it afterwards. A sign is to be looked "
        "into, and is no conclusion.",
    )
    document: dict[str, Any] = {
        "lang": lang,
        "title": title,
        "until": (f"数据截至{until}" if zh else f"data until {until}") if until else "",
        "note": note[0] if zh else note[1],
        "nothing": "" if len(tasks) else ("没有要再访、核实或补足的。" if zh else "Nothing to do."),
        "author": f.settings["study"],
        "issued": {"year": issued.year, "month": issued.month, "day": issued.day},
        "front": [""],
    }
    rest = off_list(f)
    source = resources.files("workbench.report").joinpath("templates/tomorrow.typ").read_bytes()
    for part in _PARTS:  # fewer rows until each team has its page
        document["teams"] = [
            _team(f, str(name), mine, rest[rest["team"].eq(name)], lang, part)
            for name, mine in tasks.groupby("team", sort=True)
        ]
        made = compile_pdf(document, {}, {}, issued=issued, source=source, scales=(1.0,))
        if made.pages <= max(1, len(document["teams"])):
            break
    return made.data


def _team(
    f: Field, name: str, mine: pd.DataFrame, rest: pd.DataFrame, lang: str, part: float
) -> dict[str, Any]:
    zh = lang == "zh"
    tables = []
    for kind, words in KINDS.items():
        rows = mine[mine["kind"].eq(kind)]
        if rows.empty:
            continue
        most = max(1, round(_MOST[kind] * part))
        cells = [
            [_cell(f, one, column, lang) for column in _COLUMNS[kind]]
            for one in rows.head(most).to_dict("records")
        ]
        more = len(rows) - most
        tables.append(
            {
                "title": f"{words[0 if zh else 1]} ({len(rows)})",
                "head": list(_HEADS[kind][0 if zh else 1]),
                "widths": list(_WIDTHS[kind]),
                "rows": cells,
                "more": (f"另{more}项见 tomorrow.csv" if zh else f"{more} more in tomorrow.csv")
                if more > 0
                else "",
            }
        )
    team = ("全体" if zh else "everybody") if name == NOBODY else name
    if name in set(f.tables["communities"]["community"] if f.has("communities") else ()):
        team = f.name(name, lang)
    off = said_off(rest, lang)
    return {
        "name": f"组：{team}" if zh else f"Team: {team}",
        "tables": tables,
        "off": (f"不在清单上的个案：{off}" if zh else f"Cases on no list: {off}") if off else "",
    }


def _cell(f: Field, one: dict[Any, Any], column: str, lang: str) -> str:
    if column == "name":
        return f.name(str(one["community"]), lang)
    if column == "reason":
        return str(one[f"reason_{lang}"])
    return str(one[column])
