"""The command before the contract: plan."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add the command to the parser."""
    plan = commands.add_parser(
        "plan", help="访问多少人能看出什么，一页 / what a number of interviews can show, one page"
    )
    plan.add_argument("study")
    plan.add_argument("--interviews", nargs="+", type=int, default=[30, 50, 100, 200], metavar="N")
    plan.add_argument("--psus", type=int, metavar="N", help="楼栋数 / buildings a unit")
    plan.add_argument("--rho", type=float, help="同楼相似程度 / likeness within a building")
    plan.add_argument("--weights", type=float, help="加权效应 / Kish effect of the weights")
    plan.add_argument("--share", type=float, help="平均满意率 / mean of the true shares, 0-1")
    plan.add_argument("--spread", type=float, help="其标准差 / their standard deviation, 0-1")
    plan.add_argument("--correlation", type=float, help="两期相关 / correlation of both waves")
    plan.add_argument("--power", type=float, help="发现变化的机会 / chance to find the change")
    plan.add_argument(
        "--out", type=Path, metavar="DIR", help="写出 PDF / writes plan.zh.pdf, plan.en.pdf"
    )
    plan.add_argument("--json", action="store_true")
    plan.set_defaults(call=_plan)


def _plan(args: argparse.Namespace) -> int:
    import dataclasses

    from workbench.batch.slices import load_study
    from workbench.planning import plan, plan_pdf, supposed

    study = load_study(args.study)
    names = ("psus", "rho", "weights", "share", "spread", "correlation", "power")
    given = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    page = plan(study, args.interviews, dataclasses.replace(supposed(study), **given))
    if args.json:
        print(json.dumps(page.as_dict(), ensure_ascii=False, indent=1))
    else:
        print(page.text(args.messages))
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
        for lang in study.settings.languages:
            (args.out / f"plan.{lang}.pdf").write_bytes(plan_pdf(page, lang, study=study))
            (args.out / f"plan.{lang}.txt").write_text(page.text(lang) + "\n", encoding="utf-8")
    return 0
