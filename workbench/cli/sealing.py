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
    study = study_of(args.dir)
    found = due(args.dir, role, args.only)
    if found.waiting:
        text = "、".join(found.waiting) if zh else ", ".join(found.waiting)
        print(f"尚待前一人签名：{text}" if zh else f"the signature before is missing: {text}")
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
    for one in found.due:
        words = [one.name, one.title, one.outcome, one.score, one.code, " ".join(one.reports)]
        print("  ".join(word for word in words if word))
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


def _close(args: argparse.Namespace) -> int:
    from workbench.batch.closing import account, close
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
    key = _key(args, study, "institution")
    _who(key, zh)
    if not _agreed(args, "签署总览并关闭？[y/N] " if zh else "sign the overview and close? [y/N] "):
        return 1
    number, _ = close(study, args.dir, {"institution": key}, args.reason)
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


def _key(args: argparse.Namespace, study: Study, role: Role) -> SigningKey:
    """Load the key that is named, or the study's; ask for what only its person knows."""
    from datetime import UTC, datetime
    from getpass import getpass

    from workbench.evidence.keys import home_folder, load_key

    home, now = home_folder(os.environ), datetime.now(UTC)
    named = getattr(study.settings.signatories, role).key
    setting = named if isinstance(named, str) else named.model_dump(exclude_none=True, mode="json")
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
