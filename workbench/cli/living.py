"""The commands for the life of a report after its signatures: amend, withdraw, due."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
from pathlib import Path
from typing import Any

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add the commands to the parser."""
    amending = commands.add_parser(
        "amend", help="异议成立后出具新版 / a new edition that supersedes the old one"
    )
    amending.add_argument("bag", type=Path)
    amending.add_argument("--objection", default="", metavar="ID")
    amending.add_argument("--reason", default="", metavar="TEXT")
    amending.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    amending.set_defaults(call=_amend)

    withdrawing = commands.add_parser("withdraw", help="撤回报告 / withdraw a report")
    withdrawing.add_argument("bag", type=Path)
    withdrawing.add_argument("--reason", required=True, metavar="TEXT")
    withdrawing.set_defaults(call=_withdraw)

    due = commands.add_parser("due", help="到期事项 / what falls due: objections, feedback, …")
    due.add_argument("study")
    due.add_argument("--out", type=Path)
    due.add_argument("--on", type=dt.date.fromisoformat, metavar="DATE")
    due.add_argument("--json", action="store_true")
    due.set_defaults(call=_due)


def _amend(args: argparse.Namespace) -> int:
    from workbench.batch.amend import amend
    from workbench.batch.progress import Progress

    zh = args.messages == "zh"
    made = amend(
        args.bag,
        objection=args.objection,
        reason=args.reason,
        told=Progress(lang=args.messages),
        jobs=max(1, args.jobs),
    )
    before, after = (side[0 if zh else 1] or "—" for side in made.score)
    print(
        f"{made.name}：第{made.edition}版（{made.state}），总分 {before} → {after}"
        if zh
        else f"{made.name}: edition {made.edition} ({made.state}), score {before} → {after}"
    )
    for name, said in made.reissued.items():
        print(f"  {name}: {said[0 if zh else 1]}")
    if not made.reissued:
        print(
            "  其他单位的门槛、档次与授予不变，报告不重出"
            if zh
            else "  no other unit's gate, tier or award changes: no other report is issued anew"
        )
    if made.state != "signed":
        print(
            "  三人签名后取代旧版（workbench sign）"
            if zh
            else "  it supersedes the old edition once three have signed (workbench sign)"
        )
    return 0


def _withdraw(args: argparse.Namespace) -> int:
    from workbench.batch.amend import withdraw

    number = withdraw(args.bag, args.reason)
    print(
        f"已撤回：账本第 {number} 条"
        if args.messages == "zh"
        else f"withdrawn: number {number} of the ledger"
    )
    return 0


def _due(args: argparse.Namespace) -> int:
    """List what falls due; 1 when something is overdue."""
    from workbench.batch.duties import duties
    from workbench.batch.slices import load_study

    study = load_study(args.study)
    out = args.out or Path("reports") / Path(args.study).resolve().name
    on = args.on or dt.datetime.now(study.zone).date()
    found = duties(study, out, on)
    if args.json:
        print(json.dumps([one.as_dict() for one in found], ensure_ascii=False, indent=1))
    else:
        for one in found:
            print(one.text(args.messages))
        late = sum(one.overdue > 0 for one in found)
        print(
            f"{on}：{len(found)} 项待办，其中逾期 {late} 项"
            if args.messages == "zh"
            else f"{on}: {len(found)} to do, {late} of them overdue"
        )
    return int(any(one.overdue for one in found))
