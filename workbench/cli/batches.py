"""What came of a batch, and what moved between two: words for `run`, and the command `diff`."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.batch.run import Outcome

__all__ = ["add", "tell"]


def add(commands: Any) -> None:
    """Add the commands to the parser."""
    diff = commands.add_parser(
        "diff", help="两批或两版之间的变化 / what moved between batches, or editions"
    )
    diff.add_argument("before", type=Path)
    diff.add_argument("after", type=Path, nargs="?", help="省略：比较各版 / left out: the editions")
    diff.add_argument("--json", action="store_true")
    diff.set_defaults(call=_diff)


def tell(outcome: Outcome, out: Path, lang: str) -> None:
    """Say how a run came out: counts, failures by cause with an example, where reports are."""
    zh = lang == "zh"
    failed = sum(map(len, outcome.failed.values()))
    print(
        f"共{outcome.total}个：已签名{outcome.signed}，草稿{outcome.drafts}，"
        f"其中不予评定{outcome.withheld}；失败{failed}，未完成{outcome.waiting}"
        if zh
        else f"{outcome.total} units: {outcome.signed} signed, {outcome.drafts} drafts "
        f"({outcome.withheld} of them withheld), {failed} failed, {outcome.waiting} waiting"
    )
    for cause, units in sorted(outcome.failed.items(), key=lambda entry: -len(entry[1])):
        column = (f"，列 {cause.column}" if zh else f", column {cause.column}") * bool(cause.column)
        cell = (f"，单元格 {cause.cell}" if zh else f", cell {cause.cell}") * bool(cause.cell)
        said = cause.zh if zh else cause.en
        like = f"（如 {units[0]}）" if zh else f" ({units[0]})"
        print(f"  {len(units)} × {cause.code}{column}{cell}: {said}{like}")
    if failed:
        if (aside := out / "failed").is_dir():
            print(
                f"  执行到出错处的笔记本，或失败原因：{aside}/<编号>/"
                if zh
                else f"  notebooks as far as they ran, or the reason: {aside}/<id>/"
            )
        print(
            "  重试：再次运行并加 --retry-failed"
            if zh
            else "  to execute them again: run with --retry-failed"
        )
    if outcome.signed or outcome.drafts:
        where = f"{out / 'communities'}/"
        print(
            f"报告在 {where}<编号>/data/report.*.pdf"
            if zh
            else f"reports: {where}<id>/data/report.*.pdf"
        )


def _diff(args: argparse.Namespace) -> int:
    from workbench.batch.diff import diff

    found = diff(args.before, args.after)
    if args.json:
        print(json.dumps(found.as_dict(), ensure_ascii=False, indent=1))
    else:
        print(found.text(args.messages))
    return int(found.exit_code)
