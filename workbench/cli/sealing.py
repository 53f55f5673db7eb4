"""The commands around signatures: open, sign, close, keys."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.batch.sign import Due
    from workbench.evidence.keys import Role, SigningKey
    from workbench.study import Study

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

    signing = commands.add_parser("sign", help="按角色签名 / sign what is due for a role")
    signing.add_argument("dir", type=Path)
    signing.add_argument(
        "--as", dest="role", required=True, choices=("lead", "reviewer", "institution")
    )
    signing.add_argument("--only", nargs="+", default=(), metavar="ID")
    instead = signing.add_mutually_exclusive_group()
    instead.add_argument(
        "--return", dest="sent_back", nargs="+", metavar="ID", help="退回 / send back"
    )
    instead.add_argument(
        "--pack", type=Path, metavar="FILE", help="给没有项目的机器 / to be signed elsewhere"
    )
    instead.add_argument("--unpack", type=Path, metavar="FILE")
    instead.add_argument("--external", type=Path, metavar="FOLDER", help="外部签章 / outside seal")
    signing.add_argument("--remark", default="", metavar="TEXT")
    _add_key(signing)
    signing.set_defaults(call=_sign)

    closing = commands.add_parser(
        "close", help="关闭批次，签署总览 / account for every unit and sign the overview"
    )
    closing.add_argument("dir", type=Path)
    closing.add_argument("--reason", default="", metavar="TEXT")
    _add_key(closing)
    closing.set_defaults(call=_close)

    keys = commands.add_parser("keys", help="签名证书 / signing keys")
    keys.add_argument("action", choices=("demo", "list", "check", "renew"))
    keys.add_argument("target", nargs="?", help="check: KEY; renew: a ledger, or a batch")
    keys.add_argument("--passphrase-file", type=Path, metavar="FILE")
    keys.add_argument("--tsa", metavar="URL", help="renew; without: the demonstration's")
    keys.add_argument("--json", action="store_true")
    keys.set_defaults(call=_keys)


def _add_key(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--key", metavar="KEY", help="*.p12, *.pem, pkcs11:… , demo")
    parser.add_argument("--passphrase-file", type=Path, metavar="FILE")
    parser.add_argument("--yes", action="store_true", help="不再询问 / do not ask")


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


def _sign(args: argparse.Namespace) -> int:
    from workbench.batch.sign import due, resume, sign, study_of

    zh, role = args.messages == "zh", args.role
    if args.dir.is_file():
        return _sign_pack(args)
    if args.sent_back:
        from workbench.batch.sign import send_back

        send_back(args.dir, role, args.sent_back, args.remark)
        print(
            f"已退回：{'、'.join(args.sent_back)}；再次运行 workbench run 重新出具"
            if zh
            else f"sent back: {', '.join(args.sent_back)}; workbench run makes them anew"
        )
        return 0
    study = study_of(args.dir)
    if args.unpack or (args.external and args.external.exists()):
        return _take_back(args, study)
    found = due(args.dir, role, args.only)
    if found.returned:
        text = "、".join(found.returned) if zh else ", ".join(found.returned)
        print(f"已退回，待重新出具：{text}" if zh else f"sent back, not made anew yet: {text}")
    if found.waiting:
        text = "、".join(found.waiting) if zh else ", ".join(found.waiting)
        print(f"尚待前一人签名：{text}" if zh else f"the signature before is missing: {text}")
    if not found.due and found.waiting and not found.done:
        raise InputError(
            Problem(
                code="sign.order",
                zh="签名顺序：先评估负责人，再复核人，最后机构；前一人尚未签名",
                en="lead assessor, reviewer, institution: the one before has not signed",
                found=", ".join(found.waiting)[:200],
            )
        )
    if not found.due:
        left = resume(study, args.dir)
        if left:
            print(f"已补登账本 {left} 份" if zh else f"entered in the ledger now: {left}")
        print(
            f"没有待签报告（已签 {len(found.done)} 份）"
            if zh
            else f"nothing to sign ({len(found.done)} signed already)"
        )
        return 0
    _show(found.due, zh, args.dir / "communities")
    if args.pack or args.external:
        from workbench.batch import packs

        if args.external and role != "institution":
            raise InputError(
                Problem(
                    code="sign.external",
                    zh="外部签章只用于评估机构",
                    en="an outside seal is the institution's",
                    remedy_zh="写 --as institution",
                    remedy_en="say --as institution",
                )
            )
        if args.pack:
            packs.pack(study, args.dir, role, found.due, args.pack)
        else:
            packs.hand_out(args.dir, found.due, args.external)
        print(args.pack or args.external)
        return 0
    key = _key(args, study, role)
    _who(key, zh)
    asked = (
        f"以{_ROLES[role][0]}身份签署以上 {len(found.due)} 个单位的报告？[y/N] "
        if zh
        else f"sign the reports of these {len(found.due)} units as {_ROLES[role][1]}? [y/N] "
    )
    if not _agreed(args, asked):
        return 1
    names = [one.name for one in found.due]
    done = sign(study, args.dir, role, key, names, told=lambda name: print(f"✓ {name}"))
    print(f"已签 {len(done)} 个单位" if zh else f"signed: {len(done)} units")
    return 0


_TOLD = 12  # reports whose first sentences are shown; of more, a line each
_MOVED = 8


def _show(due: Sequence[Due], zh: bool, place: Path | None) -> None:
    """Show what is signed: outcome, score, digest, pages and where they lie, what page one says.

    Open warnings and, of what was sent back, remark and changes are shown of every report.
    """
    at, full = 0 if zh else 1, len(due) <= _TOLD
    for one in due:
        words = [one.name, one.title, one.outcome, one.score, one.code]
        open_ = f"{len(one.open)}项未关闭的预警或检查" if zh else f"{len(one.open)} open warnings"
        words += [open_] if one.open else []
        if not full:
            words.append("/".join(map(str, one.pages)) + ("页" if zh else " pages"))
        print("  ".join(word for word in words if word))
        for name, pages in zip(one.reports, one.pages, strict=True) if full else ():
            file = name if place is None else place / one.name / "data" / name
            print(f"    {file}  {pages}{'页' if zh else ' pages'}")
        for sentence in one.said if full else ():
            print(f"    {sentence[at]}")
        for label in one.open if full else ():
            print(f"    ! {label[at]}")
        if one.remark:
            print(f"    {'曾退回' if zh else 'sent back before'} ({one.remark})")
            told = ", ".join(one.changed[:_MOVED]) + (" …" if len(one.changed) > _MOVED else "")
            nothing = "没有变化" if zh else "nothing"
            print(f"    {'此后变化' if zh else 'changed since'}: {told or nothing}")
            for moved in one.moved[:_MOVED]:
                print(f"      {moved[at]}")
    if not full:
        print(
            f"（{len(due)} 份；用 --only 编号 看每份的首页文字与未关闭的预警）"
            if zh
            else f"({len(due)} reports; --only ID shows what page one says and each open warning)"
        )


def _sign_pack(args: argparse.Namespace) -> int:
    """Sign a pack on a machine that has no study."""
    from workbench.batch.packs import read_pack, sign_pack

    zh, role = args.messages == "zh", args.role
    found = read_pack(args.dir)
    _show(found.due, zh, None)
    key = _key(args, None, role)
    _who(key, zh)
    n = len(found.due)
    asked = (
        f"以{_ROLES[role][0]}身份签署以上 {n} 个单位的报告？[y/N] "
        if zh
        else f"sign the reports of these {n} units as {_ROLES[role][1]}? [y/N] "
    )
    if not _agreed(args, asked):
        return 1
    print(sign_pack(args.dir, role, key, told=lambda name: print(f"✓ {name}")))
    return 0


def _take_back(args: argparse.Namespace, study: Study) -> int:
    """Take back what was signed on another machine or by an outside seal system."""
    from workbench.batch import packs

    zh, role = args.messages == "zh", args.role
    key = _key(args, study, "lead") if role == "institution" else None
    tell = {"told": lambda name: print(f"✓ {name}")}
    if args.unpack:
        done = packs.unpack(study, args.dir, role, args.unpack, key, **tell)
    else:
        done = packs.take_back(study, args.dir, role, args.external, key, **tell)
    print(f"已签 {len(done)} 个单位" if zh else f"signed: {len(done)} units")
    return 0


def _close(args: argparse.Namespace) -> int:
    from workbench.batch.closing import account, close, shown, signers
    from workbench.batch.sign import study_of

    zh = args.messages == "zh"
    study = study_of(args.dir)
    told = account(study, args.dir, args.reason)
    print(
        f"{told['units']} 个单位：已签 {told['signed']}（其中不予评定 {told['withheld']}），"
        f"失败 {len(told['failed'])}"
        if zh
        else f"{told['units']} units: {told['signed']} signed ({told['withheld']} withheld), "
        f"{len(told['failed'])} failed"
    )
    signing = signers(study, _key(args, study, "institution"))
    for key in signing.values():
        _who(key, zh)
    overview, code = shown(study, args.dir, signing)
    for lang, pdf in overview.pages.items():
        place = args.dir / "private" / "overview" / f"report.{lang}.pdf"
        print(f"  {place}  {pdf.pages}{'页' if zh else ' pages'}  {code}")
    if not _agreed(args, "签署总览并关闭？[y/N] " if zh else "sign the overview and close? [y/N] "):
        return 1
    number, _ = close(study, args.dir, signing, args.reason)
    print(f"已关闭：账本第 {number} 条" if zh else f"closed: number {number} of the ledger")
    return 0


def _keys(args: argparse.Namespace) -> int:
    if args.target is None and args.action in ("check", "renew"):
        raise InputError(
            Problem(
                code="keys.target",
                zh="缺少参数：密钥，或账本文件夹",
                en="which key, or which ledger?",
                remedy_zh="workbench keys check KEY；workbench keys renew DIR",
                remedy_en="workbench keys check KEY; workbench keys renew DIR",
            )
        )
    return {"demo": _demo, "list": _list, "check": _check, "renew": _renew}[args.action](args)


def _demo(args: argparse.Namespace) -> int:
    from workbench.evidence.keys import home_folder, make_demo_ca

    print(make_demo_ca(home_folder(os.environ)))
    return 0


def _list(args: argparse.Namespace) -> int:
    from workbench.evidence.keys import home_folder, list_keys

    found = [vars(key) | {} for key in list_keys(home_folder(os.environ))]
    if args.json:
        print(json.dumps(found, ensure_ascii=False, indent=1, default=str))
    else:
        for key in found:
            print("  ".join(str(value) for value in key.values()))
    return 0


def _check(args: argparse.Namespace) -> int:
    """Say whether a key may sign today; 1 when it may not."""
    from datetime import UTC, datetime

    from workbench.evidence.keys import describe_key, home_folder, load_key

    secret = args.passphrase_file.read_bytes().rstrip(b"\r\n") if args.passphrase_file else None
    home, here = home_folder(os.environ), Path.cwd()
    now = datetime.now(UTC)
    try:
        key = load_key(args.target, "lead", home=home, base=here, at=now, passphrase=secret)
    except InputError as error:
        for problem in error.problems:
            print(problem.text(args.messages))
        return 1
    facts = vars(describe_key(key, args.target)) | {"revocation_lists": len(key.lists)}
    if args.json:
        print(json.dumps(facts, ensure_ascii=False, indent=1))
    else:
        print("可以签名" if args.messages == "zh" else "may sign")
        for name, value in facts.items():
            print(f"  {name:16} {value}")
    return 0


def _renew(args: argparse.Namespace) -> int:
    from workbench.evidence import keys, timestamp
    from workbench.evidence.logs import renew

    named = Path(args.target)
    folder = named / "ledger" if (named / "ledger").is_dir() else named
    if args.tsa:
        authority = timestamp.http_authority(args.tsa)
    else:
        clock = keys.demo_clock(keys.home_folder(os.environ))
        authority = timestamp.local_authority(clock.certificate, clock.private, clock.chain)
    print(renew(folder, lambda data: timestamp.stamp(data, authority)))
    return 0


_ROLES = {
    "lead": ("评估负责人", "lead assessor"),
    "reviewer": ("复核人", "reviewer"),
    "institution": ("评估机构", "institution"),
}


def _who(key: SigningKey, zh: bool) -> None:
    mark = ("（示例密钥）" if zh else " (demonstration key)") if key.demonstration else ""
    print(f"{'证书' if zh else 'certificate'}: {key.name} {key.organisation}{mark}")


def _agreed(args: argparse.Namespace, asked: str) -> bool:
    """Ask once; a key that opens without a person needs the person's yes all the same."""
    if args.yes:
        return True
    try:
        return input(asked).strip().lower() in {"y", "yes", "是"}
    except EOFError:
        print()
        return False


def _key(args: argparse.Namespace, study: Study | None, role: Role) -> SigningKey:
    """Load the key that is named, or the study's; ask for what only its person knows."""
    from datetime import UTC, datetime
    from getpass import getpass

    from workbench.evidence.keys import home_folder, load_key

    home, now = home_folder(os.environ), datetime.now(UTC)
    setting, base = "person", Path.cwd()
    if study is not None:
        named = getattr(study.settings.signatories, role).key
        plain = isinstance(named, str)
        setting = named if plain else named.model_dump(exclude_none=True, mode="json")
        base = study.folder
    if args.key is not None:
        setting, base = args.key, Path.cwd()
    elif setting == "person":
        raise InputError(
            Problem(
                code="sign.key",
                zh="未给出签名密钥",
                en="no key is given to sign with",
                remedy_zh="用 --key 指定 .p12、.pem 或 pkcs11:…",
                remedy_en="name a .p12, a .pem or pkcs11:… with --key",
            )
        )
    secret = None
    if args.passphrase_file is not None:
        secret = args.passphrase_file.read_bytes().rstrip(b"\r\n")
    try:
        return load_key(setting, role, home=home, base=base, at=now, passphrase=secret)
    except InputError as error:
        asks = {"key.person", "key.unreadable"}
        if secret is not None or error.problems[0].code not in asks or not sys.stdin.isatty():
            raise
    secret = getpass("口令 / passphrase or PIN: ").encode()
    return load_key(setting, role, home=home, base=base, at=now, passphrase=secret)
