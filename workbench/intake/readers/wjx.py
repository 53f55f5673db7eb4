"""问卷星 (wjx.cn): exports as text, as index and as score, from any container.

No description is published by the vendor; the form is that of public exports and parsers: metadata
columns first, ``N、title`` for a question, ``第N题(option)`` for a column of a block, ``┋``
between options, ``→`` between ranks, ``〖…〗`` around the free text of an option, ``(跳过)`` and
``(空)`` or −3 and −2 where there is no answer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from workbench.errors import Problem
from workbench.intake.frames import Log
from workbench.intake.readers.export import Export, Grid, Named, Question

if TYPE_CHECKING:
    from workbench.study import Join, Source

__all__ = ["TITLES", "address", "is_mine", "seconds", "wjx"]

TITLES = ("序号", "提交答卷时间", "所用时间", "来源", "来源详情", "来自IP", "总分")
_TITLE = re.compile(r"(?P<n>\d{1,3})\s*[、．.：:，,]\s*(?P<wording>.+)")
_BLOCK = re.compile(r"第\s*(?P<n>\d{1,3})\s*题\s*[(（](?P<option>.+)[)）]")
_INNER = re.compile(r"(?P<stem>.+?)\s*[(（](?P<option>.+)[)）]")
_MARK = re.compile(
    r"\s*[\[【(（](?:单选|多选|下拉|填空|矩阵|量表|排序|评分|必答|选答)[^\]】)）]*[\]】)）]"
)
_IP = re.compile(r"[0-9a-fA-F.:*]{3,45}")
_MISSING = {"-3": "not_asked", "-2": "skipped", "(跳过)": "not_asked", "(空)": "skipped"}
_UNITS = (("时", 3600), ("小时", 3600), ("分", 60), ("分钟", 60), ("秒", 1))


def is_mine(titles: list[str]) -> bool:
    """Whether a header is that of an export of 问卷星."""
    return "提交答卷时间" in titles and bool({"所用时间", "来自IP", "来源详情"} & set(titles))


def address(cell: str) -> str | None:
    """Give the address of ``1.2.3.4(江苏-南京)`` alone."""
    match = _IP.match(cell)
    return match[0] if match else None


def seconds(cell: str) -> int | None:
    """Give a duration in seconds: ``123秒``, ``2分3秒``, ``1小时2分``, ``00:02:03``, ``123``.

    Examples
    --------
    >>> seconds("123秒"), seconds("2分3秒"), seconds("00:02:03"), seconds("?")
    (123, 123, 123, None)
    """
    text = cell.strip().replace(" ", "")
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        return round(float(text))
    if re.fullmatch(r"\d{1,3}:\d{2}(?::\d{2})?", text):
        total = 0
        for part in text.split(":"):
            total = total * 60 + int(part)
        return total
    parts = re.findall(r"(\d+)(小时|分钟|时|分|秒)", text)
    if not parts or "".join(n + unit for n, unit in parts) != text:
        return None
    return sum(int(n) * dict(_UNITS)[unit] for n, unit in parts)


def wjx(grid: Grid, how: Source | Join, log: Log, problems: list[Problem]) -> Grid:
    """Give an export of 问卷星 with its questions, options and missing codes told.

    Parameters
    ----------
    grid
        Its cells, whatever the container.
    how
        ``format: wjx_text``, ``wjx_index`` or ``wjx_score`` says which of the three it is; the
        file says it by itself otherwise.
    log, problems
        Receive what is counted, and a declared form that the cells contradict.
    """
    titles = grid.titles
    questions = _questions(grid, how, titles)
    texts = [
        title
        for n, title in enumerate(titles)
        if _TITLE.match(title) and any("┋" in c or "→" in c for c in grid.column(n)[:200])
    ]
    if how.format in ("wjx_index", "wjx_score") and texts:
        problems.append(
            Problem(
                code="file.variant",
                file=how.file,
                column=texts[0],
                zh="声明为按序号或按分数的导出，实为按文本",
                en="declared as an export by index or score, but the answers are texts",
                remedy_zh="改为 format: wjx_text，或重新按序号导出",
                remedy_en="write format: wjx_text, or export it by index",
                expected=how.format,
                found="┋ / →",
            )
        )
    named = {
        name: Named(title, clean)
        for name, title, clean in (
            ("respondent", "序号", None),
            ("finished", "提交答卷时间", None),
            ("ip", "来自IP", address),
        )
        if title in titles
    }
    grid.export = Export(
        platform="wjx",
        named=named,
        questions=tuple(questions),
        missing=_MISSING,
        other=re.compile(r"〖(.*?)〗"),
        seconds="所用时间" if "所用时间" in titles else "",
        separator="┋",
    )
    return grid


def _questions(grid: Grid, how: Source | Join, titles: list[str]) -> list[Question]:
    """Group the columns by the number of their question."""
    groups: dict[str, list[tuple[int, str]]] = {}
    for k, title in enumerate(titles):
        match = _BLOCK.fullmatch(title) or _TITLE.fullmatch(title)
        if match and title not in TITLES:
            groups.setdefault(str(int(match["n"])), []).append((k, title))
    return [_question(grid, how, n, columns) for n, columns in groups.items()]


def _question(grid: Grid, how: Source | Join, n: str, columns: list[tuple[int, str]]) -> Question:
    """Tell one question from its columns."""
    options: list[tuple[str, str]] = []
    wording, title = f"第{n}题", f"第{n}题"
    for _, name in columns:
        whole = _TITLE.fullmatch(name)
        if block := _BLOCK.fullmatch(name):
            options.append((block["option"].strip(), name))
        elif whole and len(columns) > 1 and (inner := _INNER.fullmatch(whole["wording"])):
            options.append((inner["option"].strip(), name))
            wording, title = inner["stem"], name[: name.index(inner["stem"]) + len(inner["stem"])]
        elif whole:
            wording, title = whole["wording"], name
    wording = _MARK.sub("", wording).strip()
    cells = [{c for c in grid.column(k) if c not in _MISSING} for k, name in columns]
    seen = set().union(*cells)
    if not options:
        kind = ""
        if any("┋" in cell for cell in seen):
            kind = "multiple"
        elif any("→" in cell for cell in seen):
            kind = "ranking"
        elif how.format == "wjx_score":
            kind = "number"
        return Question(title, wording, kind, f"q{n}")
    kind = "multiple" if seen <= {"0", "1"} else "matrix"
    ranks = [cell for cell in cells if cell]
    if kind == "matrix" and _ranks(grid, how, [k for k, name in columns if _has(options, name)]):
        kind = "ranking"
    return Question(title, wording, kind if ranks else "", f"q{n}", columns=tuple(options))


def _has(options: list[tuple[str, str]], name: str) -> bool:
    return any(name == column for _, column in options)


def _ranks(grid: Grid, how: Source | Join, places: list[int]) -> bool:
    """Whether every row holds each rank once at most, from 1 on."""
    rows = 0
    for row in grid.head[how.header + grid.body :]:
        cells = [row[k].strip() for k in places if k < len(row)]
        given = [c for c in cells if c and c not in _MISSING and c != "0"]
        if not given:
            continue
        if sorted(given, key=lambda c: (len(c), c)) != [str(n) for n in range(1, len(given) + 1)]:
            return False
        rows += 1
    return rows > 1
