"""Records that stand twice: found by rules that the study states, and every match told.

A questionnaire that is not kept leaves its table, and so does a further row of a request's number;
a request that is told again stays and names its original in ``duplicate_of``, so that whoever
counts leaves it out. Without a rule nothing is done.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.intake.convert import item_columns
from workbench.intake.frames import FILE, ROW, Log, Problems
from workbench.intake.tables import TABLES
from workbench.intake.titles import plain
from workbench.study import nearest_remedy

if TYPE_CHECKING:
    from workbench.study import Study
    from workbench.study.settings import RequestsTwice, RespondentsTwice

__all__ = ["COLUMNS", "lines", "looked_at", "not_itself", "same_words", "settle"]

COLUMNS = ["table", "rule", "community", "wave", "kept", "duplicate", "file", "row"]
"""What is told of each match; it names persons and stays in the house."""

_ANSWERS = "_answers"
_STEPS = ("received", "assigned", "answered", "closed")
_KEPT = ("community", "wave", "started", "finished", *_STEPS, "duplicate_of", FILE, ROW)
_MARKS = re.compile(r"[\W_]+")
_BLOCK = re.compile(r"(?<=[\d一二三四五六七八九十])(?:号楼|号院|幢|栋|座|#)")
_KEEP = {
    "first": ("保留最早一份", "the first is kept"),
    "last": ("保留最后一份", "the last is kept"),
    "most_complete": ("保留填得最全的一份", "the most complete is kept"),
}


def same_words(text: str) -> str:
    """Give a text or an address for comparison: no blanks, marks or wide forms, one word for block.

    Examples
    --------
    >>> same_words("３ 栋201室，灯坏了！") == same_words("3号楼 201室 灯坏了")
    True
    """
    return _MARKS.sub("", _BLOCK.sub("楼", plain(text).replace("#", "号楼")))


def looked_at(name: str, frame: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Give of some rows what :func:`settle` looks at: a few columns and the number of answers."""
    rules = study.settings.duplicates
    asked = [rules.respondents] if name == "responses" else rules.requests
    by = [column for rule in asked if rule is not None for column in rule.by]
    wanted = {TABLES[name].id, *_KEPT, *by}
    told = frame[[column for column in frame if column in wanted]]
    counted = _items(study) if name == "responses" else TABLES[name].names()
    filled = [column for column in counted if column in frame]
    return told.assign(**{_ANSWERS: frame[filled].notna().sum(axis=1)})


def _items(study: Study) -> list[str]:
    return [name for name in item_columns(study) if not name.endswith("__missing")]


def settle(
    frames: dict[str, pd.DataFrame], study: Study, log: Log, problems: Problems
) -> pd.DataFrame:
    """Apply the study's rules to ``responses`` and ``requests``.

    Parameters
    ----------
    frames
        Tables by name, as read from the study's own files and as far as `looked_at` gives them;
        those two are replaced in it.
    study
        ``duplicates:`` of its settings.
    log, problems
        Receive what was matched, counted by unit, and columns that do not exist.

    Returns
    -------
    DataFrame
        One row per match (``COLUMNS``): table, rule, unit, wave, id of the row that counts and of
        the one that does not, file and row of the latter.
    """
    rules, told = study.settings.duplicates, []
    if rules.respondents is not None and "responses" in frames:
        frames["responses"], rows = _respondents(
            frames["responses"], rules.respondents, study, log, problems
        )
        told += rows
    if "requests" in frames:
        # rows of one number first: what is told again is found among what stays
        for rule in sorted(rules.requests, key=lambda rule: rule.keep is None):
            settled = _requests if rule.keep is None else _numbers
            frames["requests"], rows = settled(frames["requests"], rule, log, problems)
            told += rows
    return pd.DataFrame(told, columns=COLUMNS)


_LINES = 20


def lines(rows: Sequence[Mapping[str, Any]], lang: str) -> list[str]:
    """Give the matches as lines: which row counts, and which does not."""
    zh = lang == "zh"
    out = [
        f"  {r['table']} {r['community']}: {r['kept']} ← {r['duplicate']} ({r['file']}:{r['row']})"
        for r in rows[:_LINES]
    ]
    if len(rows) > _LINES:
        out.append(f"  … +{len(rows) - _LINES}")
    head = "按规则视为重复：计入 ← 不计入" if zh else "Duplicates by rule: counted ← not counted"
    return [f"{head} ({len(rows)})", *out] if rows else []


def _known(
    by: list[str], names: list[str], frame: pd.DataFrame, rule: str, problems: Problems
) -> bool:
    wrong = [name for name in by if name not in names or name not in frame]
    for name in wrong:
        zh, en = nearest_remedy(name, names)
        problems.add(
            "duplicates.column",
            f"查重规则提到的列“{name}”不存在",
            f'the rule for duplicates names "{name}", which is no column',
            zh,
            en,
            file="study.yaml",
            column=f"duplicates.{rule}.by",
            found=name,
        )
    return not wrong


def _keys(frame: pd.DataFrame, by: list[str], words: tuple[str, ...] = ()) -> pd.Series:
    """Give one text for what is alike; missing where any column is."""
    parts = []
    for name in by:
        cells = frame[name].astype("string")
        fold = same_words if name in words else str if name == "request" else plain
        said = {v: fold(v) or pd.NA for v in cells.dropna().unique()}  # marks alone say nothing
        parts.append(cells.map(said).astype("string"))
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.str.cat(part, sep="\x1f")  # missing in one is missing in all
    return whole


def _instants(cells: pd.Series) -> pd.Series:
    return pd.to_datetime(cells, format="ISO8601", utc=True)


def _respondents(
    frame: pd.DataFrame, rule: RespondentsTwice, study: Study, log: Log, problems: Problems
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Keep one questionnaire of each person and wave."""
    names = [*TABLES["responses"].names(), *_items(study)]
    if not _known(rule.by, names, frame, "respondents", problems):
        return frame, []
    when = _instants(frame["finished"]).fillna(_instants(frame["started"]))
    frame, lost, rows = _one_stays(
        "responses", "respondents", frame, ["wave", *rule.by], when, rule.keep
    )
    said = _KEEP[rule.keep]
    by = ", ".join(rule.by)
    log.by_unit(
        "intake.duplicate-respondent",
        lost,
        f"同一期内 {by} 相同的重复答卷，{said[0]}，其余不读入",
        f"questionnaires of one wave alike in {by}: {said[1]}, these are left out",
        table="responses",
    )
    return frame, rows


def _one_stays(
    table: str, rule: str, frame: pd.DataFrame, by: list[str], when: pd.Series, keep: str
) -> tuple[pd.DataFrame, pd.Series, list[dict[str, Any]]]:
    """Keep one of the rows alike in ``by``: the rows that stay, units of the others, matches."""
    order = pd.DataFrame(
        {"key": _keys(frame, by), "when": when, "answers": frame[_ANSWERS]}, index=frame.index
    ).dropna(subset="key")
    # the kept one comes last; whoever has no time loses against those who have one
    if keep == "first":
        order = order.iloc[::-1].sort_values("when", ascending=False, kind="stable",
                                             na_position="first")  # fmt: skip
    else:
        order = order.sort_values("when", kind="stable", na_position="first")
    if keep == "most_complete":
        order = order.sort_values("answers", kind="stable")
    last = order.drop_duplicates("key", keep="last")
    kept = dict(zip(last["key"], last.index, strict=True))
    lost = order.index[~order.index.isin(last.index)].sort_values()
    rows = [_match(table, rule, frame, row, kept[order.at[row, "key"]]) for row in lost]
    return frame.drop(index=lost).reset_index(drop=True), frame.loc[lost, "community"], rows


def _match(
    table: str, rule: str, frame: pd.DataFrame, row: Any, kept: Any, original: str = ""
) -> dict[str, Any]:
    one = frame.loc[row]
    name = TABLES[table].id
    return {
        "table": table,
        "rule": rule,
        "community": one["community"],
        "wave": one.get("wave"),
        "kept": original or frame.at[kept, name],
        "duplicate": one[name],
        "file": one[FILE],
        "row": int(one[ROW]),
    }


def not_itself(frame: pd.DataFrame, log: Log) -> pd.DataFrame:
    """Take a request that is entered as its own duplicate for an original."""
    if "duplicate_of" not in frame or "request" not in frame:
        return frame
    own = frame["duplicate_of"].notna() & frame["duplicate_of"].eq(frame["request"])
    log.by_unit(
        "intake.duplicate-itself",
        frame.loc[own, "community"],
        "登记为自身重复件的诉求，按首件计",
        "requests entered as duplicates of themselves; counted as originals",
        table="requests",
    )
    return frame.assign(duplicate_of=frame["duplicate_of"].mask(own)) if own.any() else frame


def _numbers(
    frame: pd.DataFrame, rule: RequestsTwice, log: Log, problems: Problems
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Keep one row of each number of a request."""
    if not _known(rule.by, TABLES["requests"].names(), frame, "requests", problems):
        return frame, []
    assert rule.keep is not None
    steps = [_instants(frame[name]) for name in _STEPS if name in frame]
    when = pd.concat(steps, axis=1).max(axis=1)
    frame, lost, rows = _one_stays("requests", "requests", frame, rule.by, when, rule.keep)
    said, by = _KEEP[rule.keep], ", ".join(rule.by)
    log.by_unit(
        "intake.request-twice",
        lost,
        f"{by} 相同的诉求记录，{said[0]}，其余不读入",
        f"rows of requests alike in {by}: {said[1]}, these are left out",
        table="requests",
    )
    return frame, rows


def _requests(
    frame: pd.DataFrame, rule: RequestsTwice, log: Log, problems: Problems
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Name the original of each request that is told again within so many days."""
    names = [n for n in TABLES["requests"].names() if n not in ("request", "duplicate_of")]
    if not _known(rule.by, names, frame, "requests", problems):
        return frame, []
    by = list(dict.fromkeys(["community", *rule.by]))
    keys = _keys(frame, by, words=("text", "address"))
    at = _instants(frame["received"])
    assert rule.days is not None
    limit = pd.Timedelta(days=rule.days)
    table = pd.DataFrame({"key": keys, "at": at, "id": frame["request"]}).dropna()
    table = table[table.duplicated("key", keep=False)]
    given = frame["duplicate_of"].dropna().to_dict()
    found: dict[Any, str] = {}
    for _, group in table.sort_values(["at", "id"], kind="stable").groupby("key", sort=False):
        first = name = None
        for row, when, own in zip(group.index, group["at"], group["id"], strict=True):
            if first is not None and when - first <= limit:
                if row not in given and own != name:
                    found[row] = str(name)
                continue
            first, name = when, given.get(row, own)
    out = frame["duplicate_of"].astype(object).where(frame["duplicate_of"].notna(), None)
    for row, original in found.items():
        out.at[row] = original
    lost = sorted(found)
    rows = [_match("requests", "requests", frame, row, row, found[row]) for row in lost]
    said = ", ".join(rule.by)
    log.by_unit(
        "intake.duplicate-request",
        frame.loc[lost, "community"],
        f"{said} 相同且在{rule.days:g}天内再次反映的诉求，记为重复件",
        f"requests alike in {said}, told again within {rule.days:g} days: duplicates",
        table="requests",
    )
    return frame.assign(duplicate_of=out.astype("str")), rows
