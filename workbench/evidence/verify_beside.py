"""Verify what lies beside the bags of a batch: files of the ledger, keys to hand on, strangers.

The entries of the ledger are what counts; what is kept beside them shows when a head was signed and
stamped, and is handed to auditors. All of it is held against the log and against the bags.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography import x509

from workbench.errors import InputError
from workbench.evidence.attest import HEAD_STAMP, PROOF, stamp_result
from workbench.evidence.bag import NOTICE_LIST, digest_of_read, list_files, read_list
from workbench.evidence.files import (
    canonical_json,
    is_plain_file,
    read_plain,
    sha256_bytes,
    sha256_file,
)
from workbench.evidence.ledger import head_size
from workbench.evidence.logs import VKEY
from workbench.evidence.result import Result, Verdict, result

if TYPE_CHECKING:
    from workbench.evidence.trusted import Trust
    from workbench.evidence.verify_ledger import Log

__all__ = ["check_beside", "check_kept", "check_read"]

_BATCH = re.compile(
    r"\A(batch\.json|communities(\.jsonl)?|ledger|trust|overview(@[1-9]\d{0,3})?|private|failed|"
    r"draws|fieldwork|environment|notice|\.lock(-\d+-\d+)?|\..+\.(tmp|new|old|part))\Z"
)
_LEDGER = re.compile(
    r"\A(entries\.jsonl|checkpoint|checkpoints\.jsonl|log\.vkey|offsets\.bin|hashes\.bin|stamps|"
    r"\.lock|\..+\.part)\Z"
)
_TRUST = re.compile(r"\A(log\.vkey|root-[0-9a-f]{12}\.pem|list-[0-9a-f]{12}\.crl|\..+\.part)\Z")
_STAMP = re.compile(r"\A(\d{8,18})\.tsr\Z")
_RENEWED = re.compile(r"\Arenewed-\d{3,}\.(txt|tsr)\Z")
_ALONE = ("open", "context", "close")  # each is entered by itself, under a head of its own
_STRANGER = ("账本文件夹中没有这种文件", "no file that a ledger has")


def check_beside(out: Path, log: Log | None, trusted: Trust) -> Iterator[Result]:
    """Find what does not belong to a batch, and keys to hand on that are not its own.

    Parameters
    ----------
    out : Path
        The batch folder.
    log : Log or None
        Its ledger, where that holds together.
    trusted : Trust
        What is believed.
    """
    for path in sorted(out.iterdir()):
        if not _BATCH.match(path.name):
            yield result(
                "batch.stranger",
                Verdict.CANNOT_TELL,
                path.name,
                "不属于批次，无人签名",
                "no part of a batch, and signed by nobody",
                "把它移出批次文件夹，再次核验",
                "take it out of the folder of the batch and verify again",
            )
    if log is not None and (out / "notice").exists():
        yield from _check_notice(out / "notice", log)
    trust = out / "trust"
    if not trust.is_dir():
        return
    for path in sorted(trust.iterdir()):
        where = f"trust/{path.name}"
        if trust.is_symlink() or not _TRUST.match(path.name) or not is_plain_file(path):
            yield _changed(
                "trust.stranger", where, "没有这种文件", "no file that the workbench writes there"
            )
        elif path.name == VKEY and log is not None and not _is_key(path, log):
            yield _changed(
                "trust.key", where, "不是该批次账本的公钥", "not the key of the batch's ledger"
            )
        elif path.suffix == ".pem" and not set(_certificates(path)) <= set(trusted.roots):
            yield result(
                "trust.root",
                Verdict.CANNOT_TELL,
                where,
                "其中有您并不信任的根证书",
                "holds a root certificate that you do not believe",
                "向测评机构另行查证，或移走",
                "ask the assessor by another way, or take it out",
            )


def _check_notice(folder: Path, log: Log) -> Iterator[Result]:
    """Hold the files of a notice against its list, and the list against the newest entry."""
    where = f"notice/{NOTICE_LIST}"
    try:
        listing = read_plain(folder / NOTICE_LIST)
        told, there = read_list(listing), {*list_files(folder)} - {NOTICE_LIST}
    except (OSError, ValueError, InputError) as error:
        yield _changed("notice.list", where, f"无法核对：{error}", f"cannot be checked: {error}")
        return
    own = sha256_bytes(listing)
    entered = [entry for entry in log.entries if entry.get("type") == "notice"]
    found = [entry for entry in entered if entry.get("notice_sha256") == own]
    if not found:
        yield _changed(
            "notice.entry", where, "账本没有登记这份公示", "the ledger holds no such notice"
        )
    elif [e for e in entered if e.get("study") == found[-1].get("study")][-1] is not found[-1]:
        yield _changed(
            "notice.newer", where, "账本另有更新的公示", "the ledger holds a newer notice"
        )
    for name in sorted(there ^ set(told)):
        lost = name not in there
        zh, en = ("缺失", "is missing") if lost else ("不在清单中", "is not in the list")
        yield _changed("notice.files", f"notice/{name}", zh, en)
    for name in sorted(there & set(told)):
        path = folder / name
        if not is_plain_file(path) or sha256_file(path) != told[name]:
            yield _changed("notice.file", f"notice/{name}", "与清单不符", "is not the listed file")


def _certificates(path: Path) -> list[x509.Certificate | None]:
    try:
        return list(x509.load_pem_x509_certificates(read_plain(path)))
    except (OSError, ValueError):
        return [None]


def _is_key(path: Path, log: Log) -> bool:
    try:
        return read_plain(path) == (log.key.text() + "\n").encode()
    except (OSError, ValueError):
        return False


def check_kept(folder: Path, log: Log, bags: Iterable[Path], trusted: Trust) -> Iterator[Result]:
    """Check what a ledger keeps beside its entries: key, all heads so far, and their stamps.

    Parameters
    ----------
    folder : Path
        The ledger, whose entries fit its head.
    log : Log
        The same, read.
    bags : iterable of Path
        Bags that were entered in it: their heads and stamps must be among those kept.
    trusted : Trust
        What is believed.
    """
    for path in sorted(folder.iterdir()):
        if not _LEDGER.match(path.name):
            yield _changed("ledger.stranger", f"ledger/{path.name}", *_STRANGER)
    if not (folder / VKEY).exists():
        yield result(
            "ledger.key-missing",
            Verdict.CANNOT_TELL,
            f"ledger/{VKEY}",
            "账本公钥缺失",
            "the public key of the log is missing",
            "请提供批次原来的 ledger 文件夹",
            "bring the folder ledger as it was",
        )
    elif not is_plain_file(folder / VKEY) or not _is_key(folder / VKEY, log):
        yield _changed(
            "ledger.other-key",
            f"ledger/{VKEY}",
            "不是签署账本头的密钥",
            "not the key that signed the head of this log",
        )
    heads, found = _history(folder, log)
    yield from found
    stamps, more = _stamps(folder / "stamps", heads, trusted)
    yield from more
    if any(one.verdict is Verdict.CHANGED for one in found):
        return
    for at, entry in enumerate(log.entries):
        newest = at + 1 == log.head.size  # whether that is kept is said already
        if entry.get("type") in _ALONE and at + 1 not in heads and not newest:
            yield _head_gone(at + 1, f"登记第 {at} 条时", f"of entry {at}")
    for bag in bags:
        yield from _of_bag(bag, heads, stamps)


def _history(folder: Path, log: Log) -> tuple[dict[int, str], list[Result]]:
    """Return the heads that are kept, by size; the log is known to have had all of them."""
    where = "ledger/checkpoints.jsonl"
    heads: dict[int, str] = {}
    lines = read_plain(folder / "checkpoints.jsonl", 1 << 30).split(b"\n")
    for number, line in enumerate(lines[:-1], start=1):
        told = json.loads(line)
        size = head_size(told["note"])
        if canonical_json({"size": size, "note": told["note"]})[:-1] != line or (
            heads and size <= max(heads)
        ):
            return heads, [
                _changed(
                    "ledger.history",
                    f"{where}:{number}",
                    "不是工作台写下的账本头记录，或次序被改动",
                    "not a head as the workbench writes it, or not in its order",
                )
            ]
        heads[size] = told["note"]
    newest = read_plain(folder / "checkpoint").decode()
    if lines[-1] or _text(heads.get(log.head.size, "")) != _text(newest):
        return heads, [
            result(
                "ledger.history",
                Verdict.CANNOT_TELL,
                where,
                "最后一个账本头没有记入，或末行残缺",
                "the newest head is not among those kept, or the last line is cut off",
                "写入中断或被改动：再次运行 workbench，或请提供原来的账本",
                "an interrupted run, or changed: run the workbench once more, or bring the ledger "
                "as it was",
            )
        ]
    return heads, []


def _stamps(
    folder: Path, heads: Mapping[int, str], trusted: Trust
) -> tuple[dict[int, bytes], list[Result]]:
    """Judge every stamp that is kept; return those of heads by size."""
    kept: dict[int, bytes] = {}
    found: list[Result] = []
    clocks = trusted.clocks()
    for path in sorted(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []:
        where = f"ledger/stamps/{path.name}"
        size = _STAMP.match(path.name)
        partner = path.with_suffix(".tsr" if path.suffix == ".txt" else ".txt")
        try:
            data = read_plain(path)
            if size and int(size[1]) in heads:
                kept[int(size[1])] = data
                stamp = clocks.judge(data, heads[int(size[1])].encode())
            elif _RENEWED.match(path.name) and is_plain_file(partner):
                if path.suffix == ".txt":
                    found += _listed(folder, path.name, data)
                    continue
                stamp = clocks.judge(data, read_plain(partner))
            elif re.fullmatch(r"\..+\.part", path.name):
                continue
            else:
                raise ValueError("no head of this log, or no stamp")
        except (OSError, ValueError):
            found.append(
                _changed(
                    "ledger.stranger",
                    where,
                    "不是该账本的时间戳，或不成对",
                    "no stamp of a head of this log, or a renewal without its list",
                )
            )
            continue
        if stamp.code != "valid":
            at = f"{stamp.time:%Y-%m-%d %H:%M:%SZ}" if stamp.time else "-"
            found.append(stamp_result(where, stamp.code, stamp.authority, at))
    return kept, found


def _listed(folder: Path, name: str, text: bytes) -> Iterator[Result]:
    """Compare a list of stamps, which a later one vouches for, with the stamps."""
    for other, digest in sorted(read_list(text).items()):
        path = folder / other
        there = "/" not in other and path.exists() and is_plain_file(path)
        if not there or sha256_file(path) != digest:
            yield _changed(
                "ledger.stamp-gone",
                f"ledger/stamps/{other}",
                f"缺失或已改动：{name} 列有此时间戳",
                f"missing or changed: {name} lists this stamp",
            )


def _of_bag(bag: Path, heads: Mapping[int, str], stamps: Mapping[int, bytes]) -> Iterator[Result]:
    """Find the head and the stamp that a bag bears among those that the ledger keeps."""
    try:
        note = read_plain(bag / "attest" / PROOF).decode().partition("\n\n")[2]
        size = head_size(note)
    except (OSError, ValueError, LookupError):
        return  # said already where the proof is checked
    if _text(heads.get(size, "")) != _text(note):
        yield _head_gone(size, f"{bag.name} 所附的", f"that {bag.name} bears")
        return
    try:
        token = read_plain(bag / "attest" / HEAD_STAMP)
    except (OSError, ValueError):
        return
    if stamps.get(size) != token:
        yield _changed(
            "ledger.stamp-gone",
            f"ledger/stamps/{size:08d}.tsr",
            f"缺失，或不是 {bag.name} 所附的时间戳",
            f"missing, or not the stamp that {bag.name} bears",
        )


def _text(note: str) -> str:
    """Return what a head says; witnesses may sign it later too."""
    return note.rpartition("\n\n")[0]


def _head_gone(size: int, zh: str, en: str) -> Result:
    return _changed(
        "ledger.history",
        "ledger/checkpoints.jsonl",
        f"缺少{zh}账本头（{size} 条）",
        f"the head {en} ({size} entries) is missing",
    )


def check_read(overview: Path, log: Log | None, study: str) -> Iterator[Result]:
    """Compare what the batch notebook read with what was frozen at the first signature.

    Parameters
    ----------
    overview : Path
        ``DIR/overview``, without links in it.
    log : Log or None
        The batch's ledger.
    study : str
        The batch's study.
    """
    notebook = overview / "data" / "notebook.ipynb"
    frozen = [] if log is None else _of(log.entries, "context", study)
    if not notebook.exists() or not frozen:
        return
    own = sha256_file(notebook)
    mine = [entry for entry in frozen if entry.get("notebook_sha256") in (None, own)]
    edition = int(overview.name.partition("@")[2] or 1)
    if not mine and edition > 1 + sum("replaces" in entry for entry in frozen):
        return  # of an amendment that nobody has signed yet
    if not mine:
        yield _changed(
            "overview.differs",
            "data/notebook.ipynb",
            "不是首份签名时冻结的汇总笔记本",
            "not the notebook of the batch that was frozen at the first signature",
        )
        return
    wanted = {entry.get("read_sha256") for entry in mine}
    try:
        same = None in wanted or digest_of_read(overview / "data") in wanted
    except InputError:  # names that no machine of ours would write
        same = False
    if not same:
        yield _changed(
            "overview.differs",
            "data/inputs",
            "汇总笔记本所读的文件（inputs/、protocol/）与冻结时不同",
            "what the batch notebook read (inputs/, protocol/) is not as it was frozen",
        )


def _of(entries: Sequence[Mapping[str, Any]], kind: str, study: str) -> list[Mapping[str, Any]]:
    return [e for e in entries if e.get("type") == kind and e.get("study") == study]


def _changed(code: str, where: str, zh: str, en: str) -> Result:
    return result(code, Verdict.CHANGED, where, zh, en)
