"""The commands around signatures: open, sign, close."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add the commands to the parser."""
    opening = commands.add_parser(
        "open", help="外业之前登记方案 / enter what is going to be done, before field work"
    )
    opening.add_argument("study")
    opening.add_argument("--out", type=Path)
    opening.add_argument("--reason", default="", metavar="TEXT")
    opening.set_defaults(call=_open)


def _open(args: argparse.Namespace) -> int:
    from workbench.batch.opening import open_study
    from workbench.batch.slices import load_study

    study = load_study(args.study)
    found = open_study(study, _out(args), args.reason)
    told, zh = found.entry, args.messages == "zh"
    print(
        f"已登记为账本第 {found.number} 条：{told['units']} 个被测单位"
        if zh
        else f"entered as number {found.number} of the ledger: {told['units']} units"
    )
    for name in ("protocol", "measures", "codebook", "study", "units"):
        print(f"  {name:9} {told[f'{name}_sha256']}")
    return 0


def _out(args: argparse.Namespace) -> Path:
    named: Path | None = args.out
    return named or Path("reports") / Path(args.study).resolve().name
