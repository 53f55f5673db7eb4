"""The commands for what leaves the house and comes back: audit, deliver, purge."""

from __future__ import annotations

import argparse
import json
import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from workbench.errors import InputError, Problem

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

    noticing = commands.add_parser(
        "notice", help="公示：结果单与公开网站 / result sheets and the public site"
    )
    noticing.add_argument("dir", type=Path)
    noticing.add_argument(
        "--from", dest="begin", type=date.fromisoformat, required=True, metavar="DATE"
    )
    noticing.set_defaults(call=_notice)

    forms = commands.add_parser(
        "forms",
        help="问卷、评分表和录入表；事实核对表 / questionnaires, scoring sheets, entry workbooks",
    )
    forms.add_argument(
        "path", metavar="STUDY", help="--factual-check: 批次文件夹 / the batch's folder"
    )
    forms.add_argument(
        "--factual-check",
        action="store_true",
        help="公布前的事实核对表 / the facts of each unit, to be checked before publication",
    )
    forms.add_argument(
        "--read", nargs="+", type=Path, default=(), metavar="XLSX", help="读回核对表 / read back"
    )
    forms.add_argument(
        "--received", type=date.fromisoformat, metavar="DATE", help="收到日期 / when they came"
    )
    forms.add_argument(
        "--to", type=Path, metavar="DIR", help="默认 forms/项目名 / by default forms/<study>"
    )
    forms.add_argument(
        "--coding", nargs="+", metavar="CODER", help="访谈编码表 / coding sheets for interviews"
    )
    forms.set_defaults(call=_forms)

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


def _notice(args: argparse.Namespace) -> int:
    from workbench.batch.sign import study_of
    from workbench.publish.notice import marks_text, notice

    zh = args.messages == "zh"
    told = notice(study_of(args.dir), args.dir, args.begin)
    if told.marks or told.entry is None:
        print("\n".join(marks_text(told.marks, args.messages)))
        return 1
    until = told.entry["until"]
    last = until or ("方案没有规定" if zh else "no limit in the programme")
    units = told.entry["units"]
    print(
        f"账本第 {told.number} 条：{units} 个单位，异议截止 {last}"
        if zh
        else f"entered as number {told.number}: {units} units, objections until {last}"
    )
    if told.withdrawn:
        names = " ".join(told.withdrawn)
        print(f"  已撤回，不公示：{names}" if zh else f"  withdrawn and left out: {names}")
    if told.provisional:
        print(
            "  日历未覆盖该年，截止日为暂定"
            if zh
            else "  provisional: the calendar lacks that year"
        )
    print(f"  {args.dir / 'notice' / 'sheets'}\n  {args.dir / 'notice' / 'site' / 'index.html'}")
    return 0


def _forms(args: argparse.Namespace) -> int:
    if args.coding:
        return _coding(args)
    return _factual(args) if args.factual_check or args.read else _printed(args)


def _coding(args: argparse.Namespace) -> int:
    from workbench.batch.slices import load_study
    from workbench.forms.coding import write_coding_sheets

    study = load_study(args.path)
    to = args.to or Path("forms") / f"{study.id}-coding"
    n = write_coding_sheets(study, args.coding, to)
    print(
        f"{n} 段，{len(args.coding)} 名编码员：{to}"
        if args.messages == "zh"
        else f"{n} passages for {len(args.coding)} coders: {to}"
    )
    return 0


def _printed(args: argparse.Namespace) -> int:
    from workbench.batch.slices import load_study
    from workbench.forms.written import write_forms

    zh, study = args.messages == "zh", load_study(args.path)
    to = args.to or Path("forms") / study.id
    asked = write_forms(study, to)
    print(
        f"{len(asked.questions)} 道题（版本 {asked.code}），{len(asked.inspected)} 个检查项"
        f"（版本 {asked.inspection_code}），{len(asked.assessors)} 位评分人：{to}"
        if zh
        else f"{len(asked.questions)} questions (version {asked.code}), {len(asked.inspected)} "
        f"inspection items (version {asked.inspection_code}), {len(asked.assessors)} assessors: "
        f"{to}"
    )
    bare = asked.untranslated()
    if bare and "en" in asked.languages:
        named = ", ".join(bare[:20]) + (" …" if len(bare) > 20 else "")
        print(f"没有英文的题：{named}" if zh else f"without English, printed in Chinese: {named}")
    return 0


def _factual(args: argparse.Namespace) -> int:
    from workbench.batch.sign import study_of
    from workbench.forms.factual import add_objections, read_sheets, write_sheets

    folder = Path(args.path)
    zh, study = args.messages == "zh", study_of(folder)
    if args.to is None:
        raise InputError(
            Problem(
                code="forms.to",
                zh="没有写明写到哪里",
                en="it is not said where to write",
                remedy_zh="加上 --to",
                remedy_en="add --to",
            )
        )
    if not args.read:
        n = write_sheets(study, folder, args.to)
        print(f"{n} 个单位的核对表：{args.to}" if zh else f"sheets of {n} units: {args.to}")
        return 0
    rows = read_sheets(study, folder, args.read, args.received)
    new = add_objections(args.to, rows)
    print(
        f"{len(rows)} 条异议，新增 {new} 条：{args.to}"
        if zh
        else f"{len(rows)} objections, {new} of them new: {args.to}"
    )
    listed = {study.resolve(source.file) for source in study.settings.sources.get("objections", ())}
    if args.to.resolve() not in {path.resolve() for path in listed}:
        named = args.to.resolve()
        inside = named.is_relative_to(study.folder.resolve())
        shown = named.relative_to(study.folder.resolve()).as_posix() if inside else named.name
        print("  study.yaml › sources ›  objections: [{file: " + shown + "}]")
    return 0


def _purge(args: argparse.Namespace) -> int:
    from workbench.batch.slices import load_study
    from workbench.publish.purge import purge

    out = args.out or Path("reports") / Path(args.study).resolve().name
    told = purge(load_study(args.study), out, today=datetime.now(UTC).date())
    print(told.text(args.messages))
    return 0
