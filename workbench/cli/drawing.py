"""The commands before and during field work: draw, seal."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

__all__ = ["add"]

_WORDS = {
    "sample": ("抽样", "sample"),
    "teams": ("测评小组", "teams"),
    "cross": ("异地交叉测评", "cross-inspection"),
    "mystery": ("暗访", "mystery visits"),
    "spotcheck": ("人工抽查", "manual spot checks"),
    "audit": ("双随机抽查", "audit"),
}


def add(commands: Any) -> None:
    """Add the commands to the parser."""
    drawing = commands.add_parser("draw", help="登记在账本的随机抽取 / logged random draws")
    drawing.add_argument("study")
    drawing.add_argument("purpose", choices=tuple(_WORDS))
    drawing.add_argument("--out", type=Path)
    drawing.add_argument("--round", type=_positive, default=1, metavar="N")
    drawing.add_argument("--psus", type=_positive, default=0, metavar="N")
    drawing.add_argument("--reserve", type=int, default=0, metavar="N")
    drawing.add_argument("--households", type=int, default=0, metavar="N")
    drawing.add_argument("--household-reserve", type=int, default=0, metavar="N")
    drawing.add_argument("--method", choices=("srs", "pps"), default="srs")
    drawing.add_argument("--visits", type=_positive, default=1, metavar="N")
    drawing.set_defaults(call=_draw)

    seal = commands.add_parser("seal", help="评分表封存码 / the seal of a scoring sheet")
    seal.add_argument("sheet", type=Path, nargs="+")
    seal.set_defaults(call=_seal)


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("1, 2, 3 …")
    return int(text)


def _draw(args: argparse.Namespace) -> int:
    from workbench.batch.draws import draw
    from workbench.batch.slices import load_study

    out = args.out or Path("reports") / Path(args.study).resolve().name
    told = draw(
        load_study(args.study),
        out,
        args.purpose,
        round_=args.round,
        psus=args.psus,
        reserve=args.reserve,
        households=args.households,
        household_reserve=args.household_reserve,
        method=args.method,
        visits=args.visits,
    )
    zh = args.messages == "zh"
    name = _WORDS[args.purpose][0 if zh else 1]
    entered = (
        (f"账本第 {told.number} 条" + ("（先前已登记）" if told.again else ""))
        if zh
        else (f"entry {told.number} of the ledger" + (" (entered before)" if told.again else ""))
    )
    print(
        f"{name}，第 {told.round} 轮：抽出 {len(told.drawn)} 行；{entered}"
        if zh
        else f"{name}, round {told.round}: {len(told.drawn)} rows drawn; {entered}"
    )
    print(("种子 " if zh else "seed ") + f"{told.seed:064x}")
    if len(told.drawn):
        print(told.drawn.to_string(index=False, max_rows=60))
    for one in told.passed.to_dict("records"):
        who = one["assessor"] or one["team"]
        where = "" if one["community"] == "*" else f" → {one['community']}"
        reason = one["reason_zh" if zh else "reason_en"]
        print((f"回避：{who}{where}：{reason}") if zh else f"passed over: {who}{where}: {reason}")
    print(told.file)
    return 0


def _seal(args: argparse.Namespace) -> int:
    from workbench.intake.seals import seal_of

    for sheet in args.sheet:
        code, digest = seal_of(sheet)
        print(f"{code}  {digest}  {sheet.name}")
    return 0
