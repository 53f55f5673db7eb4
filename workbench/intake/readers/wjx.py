"""问卷星 (wjx.cn): exports as text, as index and as score, from any container.

No description is published by the vendor; the form is that of public exports and parsers: metadata
columns first, ``N、title`` for a question; for a column of a block ``第N题(option)``, or
``N、title(option)`` and ``N、(option)`` ever after, or ``N、title—row`` and ``N、row``; ``┋``
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
_BARE = re.compile(r"(?P<n>\d{1,3})\s*[(（](?P<option>.+)[)）]")
_OWN = {
    *TITLES, "用户ID", "用户id", "开始答卷时间", "开始答题时间", "自定义参数", "自定义链接参数",
    "sojumpparm", "省份", "城市", "省市", "国家", "经纬度", "微信昵称", "微信OpenID", "答卷编号",
}  # fmt: skip
_TEXT = re.compile(r"〖(.*?)〗")
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
        other=_TEXT,
        seconds="所用时间" if "所用时间" in titles else "",
        separator="┋",
    )
    return grid


def _questions(grid: Grid, how: Source | Join, titles: list[str]) -> list[Question]:
    """Group the columns by the number of their question; one without a number stands alone."""
    groups: dict[str, list[tuple[int, str]]] = {}
    before = ""
    for k, title in enumerate(titles):
        match = _BLOCK.fullmatch(title) or _TITLE.fullmatch(title) or _BARE.fullmatch(title)
        if title in _OWN or title.startswith("#"):
            before = ""
        elif match:
            n = str(int(match["n"]))
            if before and n not in groups and _BARE.fullmatch(title) and _parted(before)[1]:
                groups[n] = groups.pop(before)  # the first option stands behind the wording
            groups.setdefault(n, []).append((k, title))
            before = ""
        else:
            groups[title] = [(k, title)]
            before = title
    return [
        question
        for n, columns in groups.items()
        for question in _question(grid, how, n if n.isdecimal() else "", columns)
    ]


def _parted(text: str) -> tuple[str, str]:
    """Give what stands before the last brackets and what in them; all before, if there are none.

    Examples
    --------
    >>> _parted("您常用（可多选）(超市（如：盒马）)"), _parted("(其他)"), _parted("年龄")
    (('您常用（可多选）', '超市（如：盒马）'), ('', '其他'), ('年龄', ''))
    """
    depth = 0
    for k in range(len(text) - 1, -1, -1):
        depth += (text[k] in ")）") - (text[k] in "(（")
        if depth == 0:
            break
    if not text or text[-1] not in ")）" or depth:
        return text, ""
    return text[:k].strip(), text[k + 1 : -1].strip()


def _parts(words: list[str]) -> tuple[str, list[str]]:
    """Give the wording and the options of the columns of one question; none if it has none."""
    inner = [_parted(word) for word in words]
    stem = inner[0][0]
    if len(words) > 1 and all(option and own in ("", stem) for own, option in inner):
        return stem, [option for _, option in inner]
    stem, _, row = words[0].rpartition("—")
    if len(words) > 1 and stem and row:
        rows = [word.removeprefix(stem).removeprefix("—").strip() for word in words[1:]]
        return stem.rstrip("—").strip(), [row.strip(), *rows]
    return "", []


def _question(
    grid: Grid, how: Source | Join, n: str, columns: list[tuple[int, str]]
) -> list[Question]:
    """Tell one question from its columns; repeated titles without options are as many questions."""
    whole = [(k, name) for k, name in columns if not _BLOCK.fullmatch(name)]
    blocks = [(_BLOCK.fullmatch(name), name) for _, name in columns]
    options = [(block["option"].strip(), name) for block, name in blocks if block]
    words = [_wording(grid, name) for _, name in whole]
    wording = title = f"第{n}题" if n else columns[0][1]
    if options:
        if whole:
            wording, title = words[0], whole[0][1]
    else:
        stem, found = _parts(words)
        if not found:
            codes = [f"q{n}_{place}" for place in range(1, len(whole) + 1)]
            if len(whole) == 1:
                codes = [f"q{n}" if n else f"c{whole[0][0] + 1}"]
            return [
                _plain(grid, how, k, name, word, code)
                for (k, name), word, code in zip(whole, words, codes, strict=True)
            ]
        options = [(option, name) for option, (_, name) in zip(found, whole, strict=True)]
        if stem:
            first = whole[0][1]
            wording, title = stem, first[: first.index(stem) + len(stem)]
    wording = _MARK.sub("", wording).strip()
    places = [k for k, name in columns if any(name == column for _, column in options)]
    cells = [_seen(grid, k) for k in places]
    kind = "multiple" if set().union(*cells) <= {"0", "1"} else "matrix"
    if kind == "matrix" and _ranks(grid, how, places):
        kind = "ranking"
    return [Question(title, wording, kind if any(cells) else "", f"q{n}", columns=tuple(options))]


def _wording(grid: Grid, name: str) -> str:
    """Give a title without its number, and without what was added to a repeated one."""
    base, _, _ = name.rpartition("#")
    name = base if base in grid.repeated else name
    match, bare = _TITLE.fullmatch(name), _BARE.fullmatch(name)
    return match["wording"] if match else f"({bare['option']})" if bare else name


def _seen(grid: Grid, k: int) -> set[str]:
    """Give the answers in a column, without texts behind options."""
    return {_TEXT.sub("", cell).strip() for cell in grid.column(k) if cell not in _MISSING}


def _plain(grid: Grid, how: Source | Join, k: int, name: str, wording: str, code: str) -> Question:
    """Tell a question of one column."""
    seen = _seen(grid, k)
    kind = "number" if how.format == "wjx_score" else ""
    if any("┋" in cell for cell in seen):
        kind = "multiple"
    elif any("→" in cell for cell in seen):
        kind = "ranking"
    return Question(name, _MARK.sub("", wording).strip(), kind, code)


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
