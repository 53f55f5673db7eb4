"""Verify a ledger, and what only the ledger shows: nothing withdrawn, replaced, missing or hidden.

Nothing in it is believed but what a head signs that a believed key signed. It may come from a
stranger: no link is followed, and whatever its lines hold, there is an answer.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography import x509

from workbench.errors import InputError
from workbench.evidence import merkle
from workbench.evidence.bag import read_list
from workbench.evidence.files import (
    canonical_json,
    is_plain_file,
    read_json,
    read_plain,
    sha256_bytes,
)
from workbench.evidence.ledger import check_ledger, head_size
from workbench.evidence.note import Checkpoint, VerifierKey, open_checkpoint
from workbench.evidence.result import Result, Verdict, result
from workbench.evidence.timestamp import Stamp, check_stamp

__all__ = ["Clocks", "Log", "check_units", "read_log", "read_renewals"]

_LARGEST = 512 << 20
_ISSUES = ("report", "amendment")
_FINDINGS = "application/vnd.workbench.findings+json"
Unit = tuple[str, str, int]


@dataclass(frozen=True)
class Clocks:
    """Judges time stamps, with the later ones that vouch for earlier ones.

    Attributes
    ----------
    roots, crls : sequence
        What is believed of authorities, and revocation lists.
    now : datetime
        The time of judging.
    renewals : sequence of (bytes, bytes)
        Lists of stamps, and the stamps over these lists.
    """

    roots: Sequence[x509.Certificate]
    crls: Sequence[x509.CertificateRevocationList]
    now: datetime
    renewals: Sequence[tuple[bytes, bytes]] = ()

    def judge(self, token: bytes, data: bytes, *, depth: int = 0) -> Stamp:
        """Judge a stamp over ``data`` now, or at the time of a later stamp that covers it."""
        found = check_stamp(token, data, self.roots, now=self.now, crls=self.crls)
        if found.code != "expired" or depth > 8:
            return found
        name = sha256_bytes(token)
        for text, later in self.renewals:
            try:
                covered = name in read_list(text).values()
            except ValueError:
                continue
            if covered and later != token:
                by = self.judge(later, text, depth=depth + 1)
                if by.code == "valid" and by.time is not None:
                    return check_stamp(token, data, self.roots, now=by.time, crls=self.crls)
        return found


@dataclass(frozen=True)
class Log:
    """A ledger as its newest signed head covers it.

    Attributes
    ----------
    name : str
        Its origin.
    head : Checkpoint
        The newest head.
    lines : tuple of bytes
        The leaves.
    entries : tuple of dict
        The same, read; an empty mapping for a line that is no JSON object.
    hashes : tuple of bytes
        Stored hashes, to compute the root of any earlier size.
    key : VerifierKey
        The key that signed the head, which is believed.
    """

    name: str
    head: Checkpoint
    lines: tuple[bytes, ...]
    entries: tuple[Mapping[str, Any], ...]
    hashes: tuple[bytes, ...] = field(repr=False)
    key: VerifierKey = field(repr=False)

    def root(self, size: int) -> bytes:
        """Return the root of the first ``size`` entries."""
        return merkle.tree_root(size, lambda lv, n: self.hashes[merkle.stored_index(lv, n)])

    def begins(self, head: Checkpoint) -> bool:
        """Tell whether a head is one that this log has had."""
        return head.size <= len(self.lines) and self.root(head.size) == head.root


def read_log(
    folder: Path, keys: Sequence[VerifierKey], seen: Sequence[str] = ()
) -> tuple[Log | None, list[Result]]:
    """Check a ledger, and give it when it holds together.

    Parameters
    ----------
    folder : Path
        ``DIR/ledger`` or the institution's.
    keys : sequence of VerifierKey
        Keys that are believed.
    seen : sequence of str
        Heads known from elsewhere, as signed notes.

    Returns
    -------
    tuple
        The log, or None; and what was found.
    """
    try:
        note = read_plain(folder / "checkpoint").decode()
        for name in ("entries.jsonl", "checkpoints.jsonl"):
            if not is_plain_file(folder / name) or (folder / name).stat().st_size > _LARGEST:
                raise ValueError(f"{name}: no regular file, or too large")
    except (OSError, ValueError) as error:
        return None, [_unreadable(error)]
    origin = note.partition("\n")[0]
    known = [key for key in keys if key.name == origin]
    for key in known:
        try:
            head = open_checkpoint(note, key)
        except ValueError:
            continue
        results = check_ledger(folder, key)
        if any(found.verdict is not Verdict.VALID for found in results):
            return None, results
        lines = tuple((folder / "entries.jsonl").read_bytes().split(b"\n")[: head.size])
        hashes = tuple(merkle.all_hashes(lines))
        log = Log(origin, head, lines, tuple(map(_read, lines)), hashes, key)
        return log, [*results, *_rolled_back(log, key, seen)]
    if known:
        return None, [
            _changed(
                "ledger.head",
                "ledger/checkpoint",
                "账本头不是由该账本的密钥签署",
                "the head is not signed by the log's key",
            )
        ]
    return None, [
        result(
            "ledger.unknown",
            Verdict.CANNOT_TELL,
            "ledger",
            f"未知的账本：{origin[:80]}",
            f"unknown log: {origin[:80]}",
            "请从独立渠道取得账本公钥（.vkey），放入 --trust 文件夹",
            "get the log's key (.vkey) from an independent source into the folder given to --trust",
        )
    ]


def read_renewals(folder: Path) -> list[tuple[bytes, bytes]]:
    """Return the lists ``stamps/renewed-*.txt`` of a ledger with the stamps over them."""
    found = []
    stamps = folder / "stamps"
    for text in sorted(stamps.glob("renewed-*.txt")) if stamps.is_dir() else []:
        try:
            found.append((read_plain(text), read_plain(text.with_suffix(".tsr"))))
        except (OSError, ValueError):
            continue
    return found


def check_units(
    log: Log, study: str, bags: Mapping[Unit, Path], units: int | None, context: str = ""
) -> tuple[list[Result], dict[Unit, list[Result]]]:
    """Compare a batch with what its ledger says of the study.

    Parameters
    ----------
    log : Log
        From :func:`read_log`.
    study : str
        The batch's study.
    bags : mapping
        Unit and edition → its bag.
    units : int or None
        How many units the batch has, as ``batch.json`` says.
    context : str
        Digest of the context of all units, as ``batch.json`` says; empty when it is not known.

    Returns
    -------
    tuple
        What concerns the batch, and what concerns single bags.
    """
    about = [(at, entry) for at, entry in enumerate(log.entries) if entry.get("study") == study]
    results: list[Result] = []
    single: dict[Unit, list[Result]] = {unit: [] for unit in bags}
    issued: dict[Unit, int] = {}
    for at, entry in about:
        unit = _unit(entry)
        if entry.get("type") not in _ISSUES or unit is None:
            continue
        if unit in issued:
            results.append(
                _changed(
                    "ledger.twice",
                    f"ledger/entries.jsonl:{at + 1}",
                    f"{unit[1]} 第 {unit[2]} 版登记了两次（第 {issued[unit]} 与第 {at} 条）",
                    f"{unit[1]} edition {unit[2]} is entered twice ({issued[unit]} and {at})",
                )
            )
        issued.setdefault(unit, at)
    for unit, at in issued.items():
        if unit not in bags:
            results.append(
                _changed(
                    "ledger.missing",
                    f"communities/{unit[1]}" + (f"@{unit[2]}" if unit[2] > 1 else ""),
                    f"账本第 {at} 条登记了此报告，但证据包不在",
                    f"number {at} of the ledger issued this report, but its bag is not there",
                )
            )
    results += _later(log, about, issued, single)
    for unit, bag in bags.items():
        single[unit] += _entry_fits(log, issued.get(unit), bag)
    results += _closed(about, units)
    contexts = [(at, entry) for at, entry in about if entry.get("type") == "context"]
    if contexts and context and contexts[-1][1].get("context_sha256") != context:
        results.append(
            _changed(
                "ledger.context",
                "batch.json",
                "汇总不是首份签名时冻结的那一份",
                "the context is not the one that was frozen at the first signature",
            )
        )
    opened = [(at, entry) for at, entry in about if entry.get("type") == "open"]
    for unit, bag in bags.items():
        # what was frozen when the report was issued; the context of an amendment replaces that of
        # the edition before with its first signature, and its drafts come earlier
        by = issued.get(unit, 0 if unit[2] > 1 else len(log.entries))
        frozen = next((entry for at, entry in reversed(contexts) if at < by), None) or {}
        single[unit] += _as_planned(bag, opened[-1][1] if opened else {}, frozen)
    planned = opened[-1][1].get("units") if opened else None
    closed = any(entry.get("type") == "close" for _, entry in about)
    if not closed and None not in (planned, units) and planned != units:
        results.append(
            result(
                "ledger.units",
                Verdict.CANNOT_TELL,
                "batch.json",
                f"外业前登记 {planned} 个单位，批次为 {units} 个",
                f"opened with {planned} units, the batch has {units}",
                "请说明理由：workbench open 或 close 的 --reason",
                "it needs a reason: --reason of workbench open or close",
            )
        )
    if opened:
        text = f"number {opened[-1][0]} of the ledger"
        results.append(
            _valid("ledger.opened", f"方案已于外业前登记（{text}）", f"opened before: {text}")
        )
    else:
        results.append(
            _valid(
                "ledger.not-opened",
                "账本中没有该项目的开启登记：判定规则未在外业前固定",
                "no open entry of the study: its rules were not fixed before field work",
            )
        )
    return results, single


def _as_planned(
    bag: Path, opened: Mapping[str, Any], frozen: Mapping[str, Any]
) -> Iterator[Result]:
    """Compare a bag with what was entered before field work, and with the frozen context."""
    try:
        settings = read_json(bag / "data" / "inputs" / "study.json")
        context = read_json(bag / "data" / "context.json")
        protocol = sha256_bytes(read_plain(bag / "data" / "protocol" / "protocol.json"))
        found = {
            "protocol_sha256": ("data/protocol/protocol.json", protocol),
            **{
                f"{name}_sha256": (
                    "data/inputs/study.json",
                    sha256_bytes(canonical_json(settings[name])),
                )
                for name in ("measures", "codebook")
            },
            "decisions": ("data/inputs/study.json", settings["decisions"]),
        }
        notebook = next(
            (r["display_en"] for r in context if r["finding"] == "context.batch_notebook"), None
        )
    except (InputError, OSError, ValueError, LookupError, TypeError, AttributeError):
        return  # said already where the bag is checked
    for name, (where, value) in found.items():
        if name in opened and opened[name] != value:
            yield _changed(
                "ledger.plan",
                where,
                f"与外业前登记的方案不同（{name}）",
                f"not as it was entered before field work ({name})",
            )
    named = frozen.get("notebook_sha256")
    if notebook is None or named in (None, notebook):
        return
    # a draft whose own context a later run left as it was bears the digest of the earlier notebook
    same = _same_context(bag, context, str(named))
    if same is None:
        yield result(
            "ledger.context",
            Verdict.CANNOT_TELL,
            "data/context.json",
            "出自较早的汇总笔记本，而冻结的那一份不在",
            "made by an earlier notebook of the batch; the one that was frozen is not here",
            "请提供批次的 overview 文件夹",
            "bring the batch's folder overview",
        )
    elif not same:
        yield _changed(
            "ledger.context",
            "data/context.json",
            "与首份签名时冻结的汇总不同",
            "not as the batch notebook says that was frozen at the first signature",
        )


def _same_context(bag: Path, context: Sequence[Mapping[str, Any]], named: str) -> bool | None:
    """Compare a bag's context with what the frozen notebook says; None when that is not here."""
    batch = bag.resolve().parent.parent
    for overview in sorted(batch.glob("overview*")):
        try:
            said = _said_by(overview / "data" / "notebook.ipynb", named)
        except (InputError, OSError, ValueError, LookupError, TypeError, AttributeError):
            continue
        rows = [row for row in context if row["finding"] != "context.batch_notebook"]
        told = said.get(str(context[0]["community"]), ())
        pairs = zip(rows, told, strict=False)
        return len(rows) == len(told) and all(
            all(row.get(name) == value for name, value in other.items()) for row, other in pairs
        )
    return None


@lru_cache(maxsize=2)
def _said_by(notebook: Path, named: str) -> dict[str, list[Mapping[str, Any]]]:
    """Read the findings of the batch notebook with this digest, by unit."""
    if sha256_bytes(read_plain(notebook, 1 << 30)) != named:
        raise ValueError("another notebook")
    said: dict[str, list[Mapping[str, Any]]] = {}
    for cell in read_json(notebook, limit=1 << 30)["cells"]:
        for output in cell.get("outputs", ()):
            for row in output.get("data", {}).get(_FINDINGS, ()):
                said.setdefault(str(row.get("community")), []).append(row)
    return said


def _later(
    log: Log,
    about: Sequence[tuple[int, Mapping[str, Any]]],
    issued: Mapping[Unit, int],
    single: dict[Unit, list[Result]],
) -> Iterator[Result]:
    """Find what later entries say of earlier reports."""
    units = {number: unit for unit, number in issued.items()}
    # an edition that follows a withdrawal names it
    withdrawn = {at: e.get("supersedes") for at, e in about if e.get("type") == "withdrawal"}
    for at, entry in about:
        kind, earlier = entry.get("type"), entry.get("supersedes")
        if kind not in ("amendment", "withdrawal") or not isinstance(earlier, int):
            continue
        gone = withdrawn.get(earlier) if kind == "amendment" else None
        unit = units.get(gone if isinstance(gone, int) else earlier)
        if unit is None:
            yield _changed(
                "ledger.supersedes",
                f"ledger/entries.jsonl:{at + 1}",
                "被取代的登记不存在",
                "what it supersedes is not there",
            )
        elif kind == "withdrawal":
            reason = str(entry.get("reason") or "-")[:200]
            single.setdefault(unit, []).append(
                _changed(
                    "ledger.withdrawn",
                    "attest/entry.json",
                    f"该报告已撤回（第 {at} 条）：{reason}",
                    f"this report was withdrawn (number {at}): {reason}",
                )
            )
        else:
            single.setdefault(unit, []).append(
                _valid(
                    "ledger.superseded",
                    f"已由第 {entry.get('edition')} 版取代（第 {at} 条），现行的是新版",
                    f"superseded by edition {entry.get('edition')} (number {at}), which counts now",
                )
            )


def _entry_fits(log: Log, number: int | None, bag: Path) -> list[Result]:
    """Compare a bag's own entry and head with the ledger."""
    where = "attest/entry.json"
    try:
        leaf = read_plain(bag / where)
        note = read_plain(bag / "attest" / "entry.tlog-proof").decode().partition("\n\n")[2]
    except (OSError, ValueError):
        if number is None:
            return []  # a draft, or between signatures: the number of signatures says so
        return [
            _changed(
                "ledger.proof-missing",
                where,
                f"账本第 {number} 条登记了此报告，但证据包中没有登记与证明",
                f"number {number} of the ledger issued this report, its bag has no entry and proof",
            )
        ]
    if number is None:
        return [
            _changed(
                "ledger.not-entered",
                where,
                "批次的账本中没有此登记",
                "the batch's ledger has no such entry",
            )
        ]
    if log.lines[number] != leaf:
        return [
            _changed(
                "ledger.other-entry",
                where,
                f"与账本第 {number} 条登记不同：报告被替换",
                f"not what number {number} of the ledger says: the report was replaced",
            )
        ]
    try:
        parts = note.split("\n")
        head = Checkpoint(parts[0], head_size(note), _root(parts[2]))
    except (ValueError, LookupError):
        return []  # said already where the proof is checked
    if log.begins(head):
        return []
    return [
        _changed(
            "ledger.fork",
            "ledger/checkpoint",
            f"批次的账本（{log.head.size} 条）不是证据包所见账本头（{head.size} 条）的延续",
            f"the batch's ledger ({log.head.size}) does not go on from the head in the bag "
            f"({head.size}): entries were removed or replaced",
        )
    ]


def _closed(about: Sequence[tuple[int, Mapping[str, Any]]], units: int | None) -> Iterator[Result]:
    closed = [(at, entry) for at, entry in about if entry.get("type") == "close"]
    if not closed:
        return
    at = closed[0][0]
    for (before, _), (number, later) in itertools.pairwise(closed):
        if later.get("supersedes") != before:
            yield _changed(
                "ledger.twice",
                f"ledger/entries.jsonl:{number + 1}",
                f"批次关闭了两次（第 {before} 与第 {number} 条）",
                f"the batch is closed twice ({before} and {number})",
            )
    entry = closed[-1][1]
    if units is not None and entry.get("units") != units:
        yield _changed(
            "ledger.units",
            "batch.json",
            f"关闭时登记 {entry.get('units')} 个单位，批次现有 {units} 个",
            f"closed with {entry.get('units')} units, the batch now has {units}",
        )
    late = [n for n, other in about if n > at and other.get("type") == "report"]
    if late:
        yield _changed(
            "ledger.late",
            f"ledger/entries.jsonl:{late[0] + 1}",
            "关闭之后又登记了报告",
            "a report was entered after the study was closed",
        )
    yield _valid("ledger.closed", f"批次已关闭（第 {at} 条）", f"the batch is closed (number {at})")


def _rolled_back(log: Log, key: VerifierKey, seen: Sequence[str]) -> Iterator[Result]:
    for note in seen:
        try:
            head = open_checkpoint(note, key)
        except ValueError:
            continue  # of another log
        if not log.begins(head):
            yield _changed(
                "ledger.rolled-back",
                "ledger/checkpoint",
                f"此前见过 {head.size} 条登记的账本头，现有账本（{log.head.size} 条）不是其延续",
                f"a head of {head.size} entries was seen before: this log ({log.head.size}) does "
                "not go on from it",
            )


def _unit(entry: Mapping[str, Any]) -> Unit | None:
    study, community, edition = (entry.get(n) for n in ("study", "community", "edition"))
    if isinstance(study, str) and isinstance(community, str) and isinstance(edition, int):
        return study, community, edition
    return None


def _read(line: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _root(text: str) -> bytes:
    from base64 import b64decode

    return b64decode(text, validate=True)


def _unreadable(error: Exception) -> Result:
    return result(
        "ledger.unreadable",
        Verdict.CANNOT_TELL,
        "ledger",
        f"账本缺失或无法读取（{type(error).__name__}），无法得知是否有报告被撤回或取代",
        f"the ledger is missing or unreadable ({type(error).__name__}): whether a report was "
        "withdrawn or superseded cannot be told",
        "请提供批次的 ledger 文件夹",
        "bring the batch's folder ledger",
    )


def _changed(code: str, where: str, zh: str, en: str) -> Result:
    return result(code, Verdict.CHANGED, where, zh, en)


def _valid(code: str, zh: str, en: str) -> Result:
    return result(code, Verdict.VALID, "ledger", zh, en)
