"""An institution's append-only log of what it issued, amended and withdrew (RFC 6962, C2SP).

``entries.jsonl`` holds one JSON line per entry; the bytes of the line without its line feed are
the leaf. ``checkpoint`` is the signed head, ``checkpoints.jsonl`` every head so far, ``stamps/``
the time stamps of heads (``<size>.tsr`` over the bytes of that ``checkpoint``).
``offsets.bin`` and ``hashes.bin`` only make it fast and are made anew from the entries when they
are lost. Nothing is ever taken out: a report is superseded or withdrawn by a further entry.
"""

from __future__ import annotations

import json
import os
import re
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from workbench.errors import InputError, MachineError, Problem
from workbench.evidence import merkle
from workbench.evidence.files import canonical_json, write_atomic
from workbench.evidence.note import Checkpoint, LogKey, VerifierKey, open_checkpoint, sign_note
from workbench.evidence.result import Result, Verdict, result

__all__ = [
    "ENTRY_TYPES",
    "Ledger",
    "check_ledger",
    "check_proof",
    "head_size",
    "is_demonstration_log",
]

ENTRY_TYPES = (
    "open",
    "draw",
    "context",
    "report",
    "amendment",
    "withdrawal",
    "notice",
    "close",
    "purge",
)
_ISSUES = ("report", "amendment")
_PROOF = "c2sp.org/tlog-proof@v1"


def is_demonstration_log(origin: str) -> bool:
    """Tell by its name whether a log takes what demonstration keys signed.

    A batch's own log does; an institution's does not.
    """
    return origin.startswith(("demonstration/", "batch/"))


def head_size(checkpoint: str) -> int:
    """Return how many entries a head says that it covers; whether it is signed is not looked at."""
    return int(checkpoint.split("\n")[1])


class Ledger:
    """A log in a folder, written by whoever holds its key, one writer at a time.

    Parameters
    ----------
    folder : Path
        The log's folder; made when missing.
    key : LogKey
        Signs the heads; its name is the log's origin.
    witness : Path, optional
        Where this machine keeps the newest head that it has signed: a log that was put back to an
        earlier state is not continued.

    Examples
    --------
    >>> import tempfile
    >>> from workbench.evidence.note import make_log_key
    >>> folder = Path(tempfile.mkdtemp())
    >>> ledger = Ledger(folder / "log", make_log_key(folder / "keys", "demonstration/log"))
    >>> ledger.append([{"type": "open", "study": "xf"}], demonstration=True)
    [0]
    >>> leaf, proof = ledger.entry(0), ledger.proof(0)
    >>> check_proof(leaf, proof, ledger.verifier)[0]
    0
    """

    def __init__(self, folder: Path, key: LogKey, witness: Path | None = None) -> None:
        self.folder = folder
        self.verifier = key.verifier
        self._key = key
        self._witness = witness
        self._known = 0
        self._issued: dict[Any, dict[Any, int]] = {}  # study → unit's edition → number
        self._superseded: set[int] = set()
        self._contexts: dict[Any, Any] = {}  # study → digest
        self._frozen: dict[Any, int] = {}  # study → number of its newest context
        self._withdrawn: dict[int, int] = {}  # number of an issue → number of its withdrawal
        self._closed: dict[Any, int] = {}
        self._opened: dict[Any, int] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def head(self) -> Checkpoint:
        """Return the signed head; of a new log size 0.

        Raises
        ------
        MachineError
            ``ledger.head`` when it is not signed by the key.
        """
        try:
            return open_checkpoint(self.checkpoint(), self.verifier)
        except FileNotFoundError:
            return Checkpoint(self.verifier.name, 0, merkle.tree_root(0, self._read))
        except ValueError as error:
            raise _broken(
                "ledger.head", "账本头不可信", "the head cannot be trusted", error
            ) from error

    def checkpoint(self) -> str:
        """Return the head as a signed note, to be given to time-stamp authority and client."""
        return (self.folder / "checkpoint").read_text(encoding="utf-8")

    def append(self, entries: Sequence[Mapping[str, Any]], *, demonstration: bool) -> list[int]:
        """Enter all of ``entries`` or none, and sign the new head.

        A crash leaves the log as it was: what the head does not cover is cut off at the next start.

        Parameters
        ----------
        entries : sequence of mapping
            Each with ``type`` (one of :data:`ENTRY_TYPES`) and what belongs to it. A ``report`` or
            ``amendment`` names ``study``, ``community`` and ``edition``; an ``amendment`` or
            ``withdrawal`` the number of the entry it ``supersedes``.
        demonstration : bool
            Whether demonstration keys signed what is entered.

        Returns
        -------
        list of int
            Numbers of the entries, from 0.

        Raises
        ------
        InputError
            ``ledger.type``, ``ledger.twice`` (one study, community and edition),
            ``ledger.supersedes`` (no such issue, or superseded already), ``ledger.demonstration``,
            ``ledger.closed`` (a report of a closed study, or a second ``close`` that does not say
            that it ``supersedes`` the newest),
            ``ledger.context`` (another context once a report was issued, which does not say that it
            ``replaces`` the newest), ``ledger.opened``
            (a further ``open`` without a reason), ``ledger.late`` (an ``open`` after a report).
        MachineError
            ``ledger.*`` when the files do not fit the head.
        """
        if demonstration and not is_demonstration_log(self._key.name):
            raise _refused(
                "ledger.demonstration",
                "机构账本不登记示例签名的报告",
                "an institution's log takes nothing that demonstration keys signed",
                found=self._key.name,
            )
        with self._locked():
            size = self._settle()
            lines = [canonical_json(dict(entry)) for entry in entries]
            self._check_rules(size, entries)
            self._write(size, lines)
            head = Checkpoint(self._key.name, size + len(lines), b"")
            head = Checkpoint(head.origin, head.size, merkle.tree_root(head.size, self._read))
            note = sign_note(head.body(), self._key)
            write_atomic(self.folder / "checkpoint", note.encode())  # from here on it is entered
            self._keep_head(note)
            self._remember(note)
        for at, entry in enumerate(entries):
            self._learn(size + at, entry)
        self._known = size + len(lines)
        return list(range(size, size + len(lines)))

    def entry(self, index: int) -> bytes:
        """Return the exact bytes of an entry, which are its leaf.

        Raises
        ------
        ValueError
            When there is no such entry.
        """
        size = self.head().size
        if not 0 <= index < size:
            raise ValueError(f"no entry {index} in a log of {size}")
        begin, end = self._offset(index), self._offset(index + 1)
        with (self.folder / "entries.jsonl").open("rb") as stream:
            stream.seek(begin)
            return stream.read(end - begin - 1)

    def proof(self, index: int, checkpoint: str = "") -> str:
        """Return the ``.tlog-proof`` of an entry: its number, the path, and the signed head.

        Parameters
        ----------
        index : int
            Number of the entry.
        checkpoint : str
            An earlier head of this log; empty for the newest.

        Raises
        ------
        ValueError
            When there is no such entry under that head.
        """
        note = checkpoint or self.checkpoint()
        size = open_checkpoint(note, self.verifier).size
        path = merkle.inclusion_proof(index, size, self._read)
        hashes = "".join(_base64(part) + "\n" for part in path)
        return f"{_PROOF}\nindex {index}\n{hashes}\n{note}"

    def issued(self, study: str, community: str, edition: int) -> int | None:
        """Return the number of the entry that issued a unit's edition; None when there is none."""
        self._read_on(self.head().size)
        return self._issued.get(study, {}).get(_edition(community, edition))

    def opened(self, study: str) -> int | None:
        """Return the number of the newest ``open`` entry of a study; None when there is none."""
        self._read_on(self.head().size)
        return self._opened.get(study)

    def context(self, study: str) -> str | None:
        """Return the digest under which a study's context was frozen; None before that."""
        self._read_on(self.head().size)
        found = self._contexts.get(study)
        return None if found is None else str(found)

    def frozen(self, study: str) -> int | None:
        """Return the number of the entry that froze a study's context last; None before that."""
        self._read_on(self.head().size)
        return self._frozen.get(study)

    def withdrawn(self, number: int, *, otherwise: int) -> int:
        """Return the number of the entry that withdrew an issue; ``otherwise`` where none did."""
        self._read_on(self.head().size)
        return self._withdrawn.get(number, otherwise)

    def closed(self, study: str) -> int | None:
        """Return the number of the entry that closed a study; None while it is open."""
        self._read_on(self.head().size)
        return self._closed.get(study)

    def stamp(self, ask: Callable[[bytes], bytes]) -> str:
        """Have the newest head time-stamped, if it is not yet; return that head.

        Parameters
        ----------
        ask : callable
            Takes bytes and returns an RFC 3161 response over their SHA-256.
        """
        note = self.checkpoint()
        file = self.stamp_file(open_checkpoint(note, self.verifier).size)
        if not file.exists():
            file.parent.mkdir(exist_ok=True)
            write_atomic(file, ask(note.encode()))
        return note

    def stamp_file(self, size: int) -> Path:
        """Return where the time stamp of the head of ``size`` entries lies."""
        return self.folder / "stamps" / f"{size:08d}.tsr"

    def consistency(self, old: int) -> list[bytes]:
        """Return the hashes that show an earlier head of ``old`` leaves to begin this log."""
        return merkle.consistency_proof(old, self.head().size, self._read)

    # --- rules ----------------------------------------------------------------------------------

    def _check_rules(self, size: int, entries: Sequence[Mapping[str, Any]]) -> None:
        self._read_on(size)
        fresh: dict[tuple[Any, ...], int] = {}
        gone: set[int] = set()
        for at, entry in enumerate(entries):
            kind = entry.get("type")
            if kind not in ENTRY_TYPES:
                raise _refused(
                    "ledger.type",
                    "未知的登记种类",
                    "no such kind of entry",
                    expected=", ".join(ENTRY_TYPES),
                    found=str(kind),
                )
            if kind in _ISSUES:
                unit = tuple(entry.get(name) for name in ("study", "community", "edition"))
                known = self._issued.get(unit[0], {}).get(_edition(*unit[1:]))
                if None in unit or known is not None or unit in fresh:
                    raise _refused(
                        "ledger.twice",
                        "该项目、单位、版次已登记或不完整",
                        "this study, community and edition is entered already, or incomplete",
                        found="/".join(map(str, unit)),
                    )
                fresh[unit] = size + at
            if kind in ("amendment", "withdrawal"):
                earlier = entry.get("supersedes")
                unknown = not self._may_be_superseded(earlier, size)
                unknown |= kind == "withdrawal" and earlier in self._withdrawn.values()
                if unknown or earlier in self._superseded or earlier in gone:
                    raise _refused(
                        "ledger.supersedes",
                        "被取代的登记不存在或已被取代",
                        "what it supersedes is no issue, or is superseded already",
                        found=str(earlier),
                    )
                gone.add(int(str(earlier)))
            self._check_study(kind, entry)

    def _may_be_superseded(self, number: Any, size: int) -> bool:
        """Tell whether an entry is a report, an amendment or a withdrawal."""
        if not isinstance(number, int) or not 0 <= number < size:
            return False
        return json.loads(self._line(number)).get("type") in (*_ISSUES, "withdrawal")

    def _check_study(self, kind: str, entry: Mapping[str, Any]) -> None:
        """Refuse what comes too late in a study's life, or without a reason."""
        study = entry.get("study")
        again = kind == "close" and entry.get("supersedes") is not None
        if again and entry["supersedes"] != self._closed.get(study):
            raise _refused(
                "ledger.supersedes",
                "被取代的登记不存在或已被取代",
                "what it supersedes is no issue, or is superseded already",
                found=str(entry["supersedes"]),
            )
        if kind in ("report", "close") and study in self._closed and not again:
            raise _refused(
                "ledger.closed",
                "该项目已关闭，不再登记新报告；更正须出新版",
                "the study is closed: no further report; a correction is a new edition",
                found=str(study),
            )
        frozen, issued = self._contexts.get(study), study in self._issued
        replaces = entry.get("replaces") is not None and (
            entry["replaces"] == self._frozen.get(study)
        )
        if kind == "context" and issued and not replaces and frozen != entry.get("context_sha256"):
            raise _refused(
                "ledger.context",
                "该项目已有报告登记，其汇总已冻结，不能更换",
                "a report of this study has been entered: its context is frozen",
                expected=str(frozen),
                found=str(entry.get("context_sha256")),
            )
        if kind == "open" and issued:
            raise _refused(
                "ledger.late",
                "该项目已有报告登记，不能再登记开启",
                "reports of this study have been entered: it is too late to open it",
                found=str(study),
            )
        if kind == "open" and study in self._opened and not entry.get("reason"):
            raise _refused(
                "ledger.opened",
                "该项目已登记开启；改动须说明理由",
                "the study is opened already: a change needs a reason",
                found=str(study),
                remedy_zh="用 --reason 说明改动的理由",
                remedy_en="give the reason of the change with --reason",
            )

    def _read_on(self, size: int) -> None:
        """Read the entries that are not known yet."""
        if self._known < size:
            with (self.folder / "entries.jsonl").open("rb") as stream:
                stream.seek(self._offset(self._known))
                for number in range(self._known, size):
                    self._learn(number, json.loads(stream.readline()))
            self._known = size

    def _learn(self, number: int, entry: Mapping[str, Any]) -> None:
        kind, study = entry.get("type"), entry.get("study")
        if kind in _ISSUES:
            edition = _edition(entry.get("community"), entry.get("edition"))
            self._issued.setdefault(study, {})[edition] = number
        if kind in ("amendment", "withdrawal"):
            self._superseded.add(int(str(entry["supersedes"])))
        if kind == "withdrawal":  # a new edition may follow it, and supersedes it
            self._withdrawn[int(str(entry["supersedes"]))] = number
        if kind == "open":
            self._opened[study] = number
        if kind == "context":
            self._contexts[study] = entry.get("context_sha256")
            self._frozen[study] = number
        if kind == "close":
            self._closed[study] = number

    # --- files ----------------------------------------------------------------------------------

    def _settle(self) -> int:
        """Cut off what the signed head does not cover; mend the fast files if they are lost."""
        head = self.head()
        history = self.folder / "checkpoints.jsonl"
        if head.size == 0 and history.exists():
            raise _broken("ledger.head", "账本头缺失", "the signed head is missing", None)
        for name in ("entries.jsonl", "offsets.bin", "hashes.bin"):
            (self.folder / name).touch()
        # nothing is cut off before the files are known to fit the head
        if not self._sound(head):
            self._rebuild(head.size)
            if not self._sound(head):
                raise _broken(
                    "ledger.root", "登记内容与账本头不符", "the entries do not fit the head", None
                )
        os.truncate(self.folder / "entries.jsonl", self._offset(head.size))
        os.truncate(self.folder / "offsets.bin", 8 * head.size)
        os.truncate(self.folder / "hashes.bin", 32 * merkle.stored_count(head.size))
        if head.size:
            self._mend_history(history)
            if _last_size(history) != head.size:
                self._keep_head(self.checkpoint())
        self._check_witness(head.size)
        return head.size

    def _check_witness(self, size: int) -> None:
        """Refuse to continue a log that this machine has seen with other or more entries."""
        if self._witness is None or not self._witness.exists():
            return
        seen = open_checkpoint(self._witness.read_text(encoding="utf-8"), self.verifier)
        if seen.size > size or merkle.tree_root(seen.size, self._read) != seen.root:
            raise _broken(
                "ledger.rolled-back",
                f"本机见过该账本有 {seen.size} 条登记，现只有 {size} 条或内容不同",
                f"this machine has seen the log with {seen.size} entries; now {size}, or others",
                None,
            )

    def _remember(self, note: str) -> None:
        if self._witness is not None:  # an older one is a beginning of this log too: no sync
            aside = self._witness.with_suffix(".part")
            aside.write_text(note, encoding="utf-8")
            aside.replace(self._witness)

    def _sound(self, head: Checkpoint) -> bool:
        """Whether hashes give the head's root, and offsets and entries its last leaf."""
        if head.size == 0:
            return True
        short = (self.folder / "offsets.bin").stat().st_size < 8 * head.size or (
            self.folder / "hashes.bin"
        ).stat().st_size < 32 * merkle.stored_count(head.size)
        if short or merkle.tree_root(head.size, self._read) != head.root:
            return False
        line = self._line(head.size - 1)
        leaf = merkle.leaf_hash(line[:-1])
        return line.endswith(b"\n") and leaf == self._read(0, head.size - 1)

    def _mend_history(self, history: Path) -> None:
        """End the history at its last whole line."""
        history.touch()
        size = history.stat().st_size
        with history.open("rb+") as stream:
            stream.seek(max(0, size - 1))
            if size and stream.read() != b"\n":
                stream.seek(0)
                stream.truncate(stream.read().rfind(b"\n") + 1)

    def _write(self, size: int, lines: Sequence[bytes]) -> None:
        offset = self._offset(size)
        offsets: list[bytes] = []
        hashes: list[bytes] = []
        stored = merkle.stored_count(size)

        def read(level: int, number: int) -> bytes:
            index = merkle.stored_index(level, number)
            return hashes[index - stored] if index >= stored else self._read(level, number)

        for at, line in enumerate(lines):
            offset += len(line)
            offsets.append(struct.pack("<Q", offset))
            hashes += merkle.new_hashes(size + at, merkle.leaf_hash(line[:-1]), read)
        _append(self.folder / "entries.jsonl", b"".join(lines))
        for name, data in (("offsets.bin", offsets), ("hashes.bin", hashes)):
            with (self.folder / name).open("ab") as stream:  # made anew when they are lost
                stream.write(b"".join(data))

    def _rebuild(self, size: int) -> None:
        """Make offsets and hashes anew from the first ``size`` entries."""
        lines = (self.folder / "entries.jsonl").read_bytes().split(b"\n")
        if len(lines) <= size:
            raise _broken("ledger.entries", "登记文件被截短", "entries are missing", None)
        offset, offsets = 0, []
        for line in lines[:size]:
            offset += len(line) + 1
            offsets.append(struct.pack("<Q", offset))
        write_atomic(self.folder / "offsets.bin", b"".join(offsets))
        write_atomic(self.folder / "hashes.bin", b"".join(merkle.all_hashes(lines[:size])))

    def _line(self, number: int) -> bytes:
        begin, end = self._offset(number), self._offset(number + 1)
        with (self.folder / "entries.jsonl").open("rb") as stream:
            stream.seek(begin)
            return stream.read(end - begin)

    def _offset(self, number: int) -> int:
        """Return where entry ``number`` begins."""
        if number == 0:
            return 0
        with (self.folder / "offsets.bin").open("rb") as stream:
            stream.seek(8 * (number - 1))
            return int(struct.unpack("<Q", stream.read(8))[0])

    def _read(self, level: int, number: int) -> bytes:
        with (self.folder / "hashes.bin").open("rb") as stream:
            stream.seek(32 * merkle.stored_index(level, number))
            return stream.read(32)

    def _keep_head(self, note: str) -> None:
        size = open_checkpoint(note, self.verifier).size
        _append(self.folder / "checkpoints.jsonl", canonical_json({"size": size, "note": note}))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the log; the system lets go when the process ends, however it ends."""
        with (self.folder / ".lock").open("ab+") as stream:
            _lock(stream)
            yield


def check_proof(leaf: bytes, proof: str, key: VerifierKey) -> tuple[int, Checkpoint]:
    """Return number and head of an entry when the proof shows it in the log of ``key``.

    Raises
    ------
    ValueError
        When the proof is malformed, its head is not signed by ``key``, or the leaf is another one.
    """
    head, _, note = proof.partition("\n\n")
    lines = head.split("\n")
    if len(lines) < 2 or lines[0] != _PROOF or not re.fullmatch(r"index (0|[1-9]\d*)", lines[1]):
        raise ValueError("not a tlog-proof")
    checkpoint = open_checkpoint(note, key)
    index = int(lines[1][6:])
    path = [_unbase64(line) for line in lines[2:]]
    if not merkle.verify_inclusion(
        merkle.leaf_hash(leaf), index, checkpoint.size, checkpoint.root, path
    ):
        raise ValueError("the entry is not in the log under this head")
    return index, checkpoint


def check_ledger(folder: Path, key: VerifierKey) -> list[Result]:
    """Check a log from its entries alone: the head, and every earlier head as its beginning.

    Parameters
    ----------
    folder : Path
        ``DIR/ledger`` or the institution's; it may come from a stranger.
    key : VerifierKey
        The log's key, from an independent source.

    Returns
    -------
    list of Result
        One per thing that does not fit, or a single valid one.
    """
    try:
        head = open_checkpoint((folder / "checkpoint").read_text(encoding="utf-8"), key)
        lines = (folder / "entries.jsonl").read_bytes().split(b"\n")[:-1]
        history = (folder / "checkpoints.jsonl").read_bytes().splitlines()
        notes = [json.loads(line)["note"] for line in history]
        heads = [open_checkpoint(note, key) for note in notes]
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        return [
            result(
                "ledger.unreadable",
                Verdict.CANNOT_TELL,
                "ledger",
                f"账本无法读取（{error}）",
                f"the log cannot be read ({error})",
                "请提供账本与其公钥",
                "bring the log and its key",
            )
        ]
    hashes = merkle.all_hashes(lines)

    def read(level: int, number: int) -> bytes:
        return hashes[merkle.stored_index(level, number)]

    found = []
    for entry in [*heads, head]:
        if entry.size > len(lines) or merkle.tree_root(entry.size, read) != entry.root:
            found.append(
                result(
                    "ledger.rewritten",
                    Verdict.CHANGED,
                    "ledger/entries.jsonl",
                    f"与 {entry.size} 条时签署的账本头不符：有登记被删除或替换",
                    f"not what the head of {entry.size} entries signed: removed or replaced",
                )
            )
    if len(lines) > head.size:
        found.append(
            result(
                "ledger.uncovered",
                Verdict.CANNOT_TELL,
                "ledger/entries.jsonl",
                f"最后 {len(lines) - head.size} 条登记不在签署的账本头之内",
                f"the last {len(lines) - head.size} entries are not covered by the signed head",
                "请提供最新的账本头",
                "bring the newest head",
            )
        )
    return found or [
        result(
            "ledger.whole",
            Verdict.VALID,
            "ledger",
            f"{head.size} 条登记与 {len(heads)} 个账本头一致",
            f"{head.size} entries, as signed in {len(heads)} heads",
        )
    ]


def _edition(community: Any, edition: Any) -> Any:
    """Give what stands for a unit's edition in memory: of first ones, which are many, the id."""
    return community if edition == 1 else (community, edition)


def _append(path: Path, data: bytes) -> None:
    with path.open("ab") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _last_size(history: Path) -> int:
    with history.open("rb") as stream:
        end = stream.seek(0, os.SEEK_END)
        stream.seek(max(0, end - 4096))
        lines = stream.read().splitlines()
    return int(json.loads(lines[-1])["size"]) if lines else 0


def _lock(stream: BinaryIO) -> None:
    if os.name == "nt":
        import msvcrt

        stream.seek(0)
        msvcrt.locking(stream.fileno(), msvcrt.LK_LOCK, 1)  # type: ignore[attr-defined,unused-ignore]
    else:
        import fcntl

        fcntl.flock(stream, fcntl.LOCK_EX)


def _base64(data: bytes) -> str:
    from base64 import b64encode

    return b64encode(data).decode()


def _unbase64(text: str) -> bytes:
    from base64 import b64decode

    return b64decode(text, validate=True)


def _refused(code: str, zh: str, en: str, **more: str) -> InputError:
    return InputError(Problem(code=code, zh=zh, en=en, **more))  # type: ignore[arg-type]


def _broken(code: str, zh: str, en: str, error: Exception | None) -> MachineError:
    return MachineError(
        Problem(
            code=code,
            zh=zh,
            en=en,
            found=str(error or ""),
            remedy_zh="从备份恢复账本；不要手工修改",
            remedy_en="restore the log from a copy; do not edit it",
        )
    )
