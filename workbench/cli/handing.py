"""The commands for what leaves the house and comes back: audit, deliver, purge."""

from __future__ import annotations

import argparse
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

__all__ = ["add"]


def add(commands: Any) -> None:
    """Add the commands to the parser."""
    audit = commands.add_parser("audit", help="重新执行并比较 / execute a bag again and compare")
    audit.add_argument("bag", type=Path)
    audit.add_argument("--trust", type=Path, metavar="CERTS")
    audit.add_argument("--overview", type=Path, metavar="BAG")
    audit.add_argument("--python", type=Path, metavar="PATH")
    audit.add_argument("--run-foreign", action="store_true")
    audit.add_argument("--json", action="store_true")
    audit.set_defaults(call=_audit)

    deliver = commands.add_parser("deliver", help="按对象交付 / what each recipient may have")
    deliver.add_argument("dir", type=Path)
    deliver.add_argument("--profile", choices=("public", "client", "auditor"), required=True)
    deliver.add_argument("--to", type=Path, required=True, metavar="PATH")
    deliver.set_defaults(call=_deliver)

    purge = commands.add_parser("purge", help="到期删除数据 / remove rows after the retention date")
    purge.add_argument("study")
    purge.add_argument("--out", type=Path)
    purge.set_defaults(call=_purge)


def _audit(args: argparse.Namespace) -> int:
    from workbench.batch.audit import audit
    from workbench.evidence.keys import home_folder

    report = audit(
        args.bag,
        trust=args.trust,
        home=home_folder(os.environ),
        now=datetime.now(UTC),
        run_foreign=args.run_foreign,
        python=args.python,
        overview=args.overview,
    )
    if args.json:
        print(json.dumps(report.as_dict(), ensure_ascii=False, indent=1))
    else:
        print(report.text(args.messages))
    return report.exit_code


def _deliver(args: argparse.Namespace) -> int:
    from workbench.publish.deliver import deliver

    told = deliver(args.dir, args.profile, args.to)
    print(told.text(args.messages))
    return 1 if told.marks else 0


def _purge(args: argparse.Namespace) -> int:
    from workbench.batch.slices import load_study
    from workbench.publish.purge import purge

    out = args.out or Path("reports") / Path(args.study).resolve().name
    told = purge(load_study(args.study), out, today=datetime.now(UTC).date())
    print(told.text(args.messages))
    return 0
