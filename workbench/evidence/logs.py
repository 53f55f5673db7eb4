"""Which log a batch writes to, whose key signs it, and the copy that goes with the batch.

A log's folder holds ``log.vkey``, its public key. The private key lies in
``WORKBENCH_HOME/keys/log``; the public one is believed on this machine (``trust/log-<id>.vkey``),
and beside it lies the newest head that this machine has signed, so that a log put back to an
earlier state is not continued.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from workbench.errors import InputError, MachineError, Problem
from workbench.evidence.files import replace_directory, sha256_file, staging_directory, write_atomic
from workbench.evidence.ledger import Ledger
from workbench.evidence.note import VerifierKey, load_log_key, make_log_key

__all__ = ["VKEY", "copy_log", "entries", "open_log", "read_vkey", "renew"]

VKEY = "log.vkey"
_COPIED = ("entries.jsonl", "checkpoint", "checkpoints.jsonl", VKEY)


def open_log(folder: Path, *, home: Path, name: str) -> Ledger:
    """Open a log for writing; a new one is made with a key of its own.

    Parameters
    ----------
    folder : Path
        The institution's folder, or ``DIR/ledger``.
    home : Path
        ``WORKBENCH_HOME``.
    name : str
        What a new log is called, such as ``batch/xf-2026h2``; a random ending makes it unique, for
        two logs of one name and key would be two histories.

    Raises
    ------
    InputError
        ``ledger.key``, when this machine does not hold the key of a log that exists.
    MachineError
        ``ledger.vkey``, when entries are there without ``log.vkey``, or it cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file, keys = folder / VKEY, home / "keys" / "log"
    if not file.exists():
        if (folder / "entries.jsonl").exists():
            raise _broken("ledger.vkey", f"{VKEY} is missing")
        plain = re.sub(r"[\s+]+", "-", name)  # no white space and no plus in a log's name
        made = make_log_key(keys, f"{plain}-{secrets.token_hex(4)}")
        write_atomic(file, (made.verifier.text() + "\n").encode())
    public = read_vkey(folder)
    try:
        key = load_log_key(keys, public.name)
    except FileNotFoundError as error:
        raise _foreign(public.name) from error
    if key.verifier.text() != public.text():
        raise _foreign(public.name)
    trust = home / "trust"
    trust.mkdir(mode=0o700, parents=True, exist_ok=True)
    believed = trust / f"log-{public.key_id.hex()}.vkey"
    if not believed.exists():
        write_atomic(believed, (public.text() + "\n").encode())
    return Ledger(folder, key, believed.with_suffix(".checkpoint"))


def read_vkey(folder: Path) -> VerifierKey:
    """Read the public key that lies in a log's folder; whether it is believed is another question.

    Raises
    ------
    MachineError
        ``ledger.vkey``, when it cannot be read.
    """
    try:
        return VerifierKey.parse((folder / VKEY).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _broken("ledger.vkey", str(error)) from error


def copy_log(ledger: Ledger, target: Path) -> None:
    """Copy an institution's log into a batch, whole: only all entries show that none withdrew it.

    Parameters
    ----------
    ledger : Ledger
        The log; when its folder is ``target`` there is nothing to do.
    target : Path
        ``DIR/ledger``; the old copy is replaced by the new one or stays.
    """
    if ledger.folder.resolve() == target.resolve():
        return
    staged = staging_directory(target)
    for name in _COPIED:
        if (ledger.folder / name).is_file():
            shutil.copyfile(ledger.folder / name, staged / name)
    if (ledger.folder / "stamps").is_dir():
        shutil.copytree(ledger.folder / "stamps", staged / "stamps")
    replace_directory(target)


def entries(out: Path) -> Iterator[dict[str, Any]]:
    """Read the entries in a batch's ledger or copy of it, one by one; verified elsewhere."""
    file = out / "ledger" / "entries.jsonl"
    if not file.is_file():
        return
    with file.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                yield json.loads(line)


def renew(folder: Path, ask: Callable[[bytes], bytes]) -> Path:
    """Have all stamps of a log stamped once more, before their authority's certificate expires.

    ``stamps/renewed-NNN.txt`` lists the digests of the stamps so far, as ``sha256sum -c`` takes
    them; ``renewed-NNN.tsr`` is the stamp over that list.

    Parameters
    ----------
    folder : Path
        A log, or the copy in a batch.
    ask : callable
        Has bytes stamped: RFC 3161 response out.

    Returns
    -------
    Path
        The new stamp.

    Raises
    ------
    InputError
        ``ledger.unstamped``, when there is nothing to renew.
    MachineError
        ``stamp.*``; nothing has been changed then.
    """
    stamps = folder / "stamps"
    files = sorted(p.name for p in stamps.glob("*") if p.is_file() and not p.name.startswith("."))
    if not any(name.endswith(".tsr") for name in files):
        raise InputError(
            Problem(
                code="ledger.unstamped",
                zh="该账本没有时间戳可续",
                en="this log has no stamps to renew",
                file=folder.name,
            )
        )
    text = "".join(f"{sha256_file(stamps / name)}  {name}\n" for name in files).encode()
    number = 1 + sum(name.startswith("renewed-") and name.endswith(".txt") for name in files)
    listing = stamps / f"renewed-{number:03d}.txt"
    response = ask(text)
    write_atomic(listing, text)
    write_atomic(listing.with_suffix(".tsr"), response)
    return listing.with_suffix(".tsr")


def _foreign(name: str) -> InputError:
    return InputError(
        Problem(
            code="ledger.key",
            zh="本机没有该账本的签署密钥",
            en="this machine does not hold the key that signs this log",
            found=name,
            remedy_zh="在持有密钥的机器上运行，或把 WORKBENCH_HOME/keys/log 搬来",
            remedy_en="run where the key is, or bring WORKBENCH_HOME/keys/log here",
        )
    )


def _broken(code: str, found: str) -> MachineError:
    return MachineError(
        Problem(
            code=code,
            zh="账本公钥缺失或无法读取",
            en="the log's public key is missing or cannot be read",
            found=found,
            remedy_zh="从备份恢复账本文件夹",
            remedy_en="restore the folder of the log from a copy",
        )
    )
