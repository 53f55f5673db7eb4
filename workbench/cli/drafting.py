"""The command that drafts a codebook."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add the command to the parser."""
    book = commands.add_parser(
        "codebook", help="从导出文件或 XLSForm 起草 codebook.yaml / a draft from an export or form"
    )
    book.add_argument("file", type=Path)
    book.add_argument("--format", default="auto")
    book.add_argument("--sheet")
    book.add_argument("--header", type=int, default=1)
    book.add_argument("--encoding")
    book.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="同一批答卷的按文本导出 / the same answers as text",
    )
    book.add_argument("--out", type=Path, metavar="FILE", help="不覆盖已有文件 / never overwrites")
    book.set_defaults(call=_codebook)


def _codebook(args: argparse.Namespace) -> int:
    from workbench.intake.drafting import draft
    from workbench.intake.frames import refuse
    from workbench.study import source_of

    told = {"format": args.format, "sheet": args.sheet, "header": args.header}
    how = source_of(args.file.name, **told, encoding=args.encoding)
    labels = (args.labels, source_of(args.labels.name)) if args.labels else None
    made = draft(args.file, how, labels=labels)
    for problem in made.problems:
        print(problem.text(args.messages), file=sys.stderr)
    for entry in made.log.entries:
        print(f"{entry.n} × {entry.zh if args.messages == 'zh' else entry.en}", file=sys.stderr)
    text = made.text(args.messages)
    if args.out is None:
        print(text, end="")
        return 0
    try:
        with args.out.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise refuse(
            "codebook.exists",
            args.out.name,
            "文件已存在，未写入",
            "the file is there already; nothing was written",
            "给出新的文件名，再把需要的题目抄过去",
            "give a new name, and copy the items you need",
        ) from None
    print(
        f"{args.out}：{len(made.items)} 题"
        if args.messages == "zh"
        else f"{args.out}: {len(made.items)} items"
    )
    return 0
