"""Digests, files and folders that are there whole or not at all, and JSON with one form.

Works alike on POSIX and Windows: nothing is renamed onto a folder that exists, and no call is
needed that Windows lacks.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

from workbench.errors import InputError, Problem

__all__ = [
    "ASIDE",
    "canonical_json",
    "copied_directory",
    "is_plain_file",
    "read_json",
    "read_plain",
    "recover",
    "replace_directory",
    "sha256_bytes",
    "sha256_file",
    "staging_directory",
    "write_aside",
    "write_atomic",
    "write_once",
]

ASIDE = re.compile(r"\A\.(?P<name>.+)\.(?P<stage>tmp|new|old)\Z")
"""Names that a folder bears while it is being replaced: ``.NAME.tmp``, ``.new``, ``.old``."""


def sha256_bytes(data: bytes) -> str:
    """Return the SHA-256 of ``data`` as 64 lower-case hex digits.

    Examples
    --------
    >>> sha256_bytes(b"")[:12]
    'e3b0c44298fc'
    """
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, read in pieces.

    Parameters
    ----------
    path : Path
        A regular file.

    Raises
    ------
    OSError
        When it cannot be read.
    """
    with path.open("rb", buffering=0) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def is_plain_file(path: str | Path) -> bool:
    """Tell whether ``path`` itself is a regular file: no link, pipe, device or folder."""
    return stat.S_ISREG(os.lstat(path).st_mode)


def write_atomic(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a file so that a reader, or a crash, meets the old bytes or the new, never a mixture.

    The bytes go to a file aside in the same folder, are forced to the disk, and the file is
    renamed over the old one.

    Parameters
    ----------
    path : Path
        The file; its folder exists.
    data : bytes
        All of its bytes.
    mode : int
        POSIX permissions of the file from its first byte on (keys: ``0o600``).

    Raises
    ------
    OSError
        When the disk is full or the folder cannot be written; the old file is then untouched.
    """
    aside = _written_aside(path, data, mode)
    try:
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def write_aside(path: Path, data: bytes) -> None:
    """Write a file into a folder that is built aside; see :func:`staging_directory`.

    :func:`replace_directory` forces it to the disk with the folder. A file that is there may be
    linked into the folder that stands (:func:`copied_directory`): it is put away, not written into.
    """
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def write_once(path: Path, data: bytes, *, mode: int = 0o644) -> bool:
    """Write a file as :func:`write_atomic` does, but never over one that is there.

    Of several processes that write the same file at the same moment the first one's stays, and
    none of them meets a part of it.

    Returns
    -------
    bool
        Whether the file is ours.

    Raises
    ------
    OSError
        When the disk is full or the folder cannot be written.
    """
    if path.exists():
        return False
    aside = _written_aside(path, data, mode)
    try:
        try:
            os.link(aside, path)
        except FileExistsError:
            return False
        except OSError:  # a file system without links: only here can a part of it be met
            try:
                path.touch(mode, exist_ok=False)
            except FileExistsError:
                return False
            aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    _sync_folder(path.parent)
    return True


def _written_aside(path: Path, data: bytes, mode: int) -> Path:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    aside = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            if os.name == "posix":
                os.fchmod(stream.fileno(), mode)
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    return aside


def staging_directory(target: Path) -> Path:
    """Make an empty folder beside ``target`` in which its successor is built.

    Returns
    -------
    Path
        ``.NAME.tmp`` in the same folder; what an earlier, interrupted attempt left there is gone.
    """
    _forget(_aside(target, "tmp"))
    folder = _aside(target, "tmp")
    folder.mkdir(parents=True)
    return folder


def copied_directory(target: Path) -> Path:
    """Begin the successor of ``target`` as a copy of it; see :func:`replace_directory`.

    Files are linked where the system can: :func:`write_aside` never writes into a file that is
    there, so the old folder stays as it is.
    """
    staged = staging_directory(target)
    staged.rmdir()
    shutil.copytree(target, staged, symlinks=True, copy_function=_link)
    return staged


def _link(source: str, to: str) -> None:
    try:
        os.link(source, to, follow_symlinks=False)
    except OSError:  # another file system, or one without links
        shutil.copy2(source, to, follow_symlinks=False)


def replace_directory(target: Path) -> None:
    """Put the folder built in :func:`staging_directory` in the place of ``target``.

    Steps, each a rename within one folder: ``.NAME.tmp`` → ``.NAME.new`` (it is whole now), the old
    one → ``.NAME.old``, ``.NAME.new`` → ``NAME``; then the old one is removed. After a crash at any
    step :func:`recover` leaves the old or the new folder under its name, whole.

    Parameters
    ----------
    target : Path
        The folder to be replaced; it need not exist yet.

    Raises
    ------
    OSError
        When a rename fails (on Windows: a file in it is open); :func:`recover` then restores.
    """
    staged, new, old = (_aside(target, stage) for stage in ("tmp", "new", "old"))
    _sync_tree(staged)
    _forget(new)
    _forget(old)
    staged.rename(new)
    if target.exists():
        target.rename(old)
    new.rename(target)
    _sync_folder(target.parent)
    _forget(old)


def recover(folder: Path, only: Collection[str] | None = None) -> list[str]:
    """Clear up in ``folder`` what interrupted replacements left, and say what was done.

    Where ``NAME`` is missing, a whole ``.NAME.new`` takes its place, else ``.NAME.old`` returns.
    Where ``NAME`` stands, what lies aside is removed.

    Parameters
    ----------
    folder : Path
        The folder that holds the replaced ones, such as ``DIR/communities``. May be missing.
    only : collection of str
        Clear up after these names alone: others are being replaced by somebody else.

    Returns
    -------
    list of str
        Names that were put back, sorted; empty when there was nothing to do.
    """
    if not folder.is_dir():
        return []
    if only is None:
        for part in folder.glob(".*.part"):  # of a write_atomic that was killed
            _forget(part)
    names = {m["name"] for entry in folder.iterdir() if (m := ASIDE.match(entry.name))}
    names &= names if only is None else set(only)
    restored = []
    for name in sorted(names):
        target = folder / name
        new, old = _aside(target, "new"), _aside(target, "old")
        if not target.exists():
            for candidate in (new, old):
                if candidate.is_dir():
                    candidate.rename(target)
                    restored.append(name)
                    break
        for stage in ("tmp", "new", "old"):
            _forget(_aside(target, stage))
    _sync_folder(folder)
    return restored


def canonical_json(value: Any) -> bytes:
    r"""Return JSON in the one form of our own files: keys sorted, UTF-8, no spaces, a final LF.

    Parameters
    ----------
    value : object
        Dictionaries with string keys, lists, strings, whole numbers, finite floats, booleans, None.

    Raises
    ------
    ValueError
        For NaN or infinity, which JSON does not have.

    Examples
    --------
    >>> canonical_json({"b": 1, "a": "甲"}).decode()
    '{"a":"甲","b":1}\n'
    """
    text = json.dumps(
        value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )
    return (text + "\n").encode()


def read_plain(path: Path, limit: int = 64 << 20) -> bytes:
    """Read a file that a stranger may have written: a regular one, and not a giant.

    Raises
    ------
    ValueError
        For a link, a pipe, a device, or more than ``limit`` bytes.
    OSError
        When it cannot be read.
    """
    if not is_plain_file(path) or path.stat().st_size > limit:
        raise ValueError(f"{path.name}: no regular file, or too large")
    return path.read_bytes()


def read_json(path: Path, *, limit: int = 256 << 20) -> Any:
    """Read a JSON file that a stranger may have written.

    Parameters
    ----------
    path : Path
        The file.
    limit : int
        Largest size in bytes that is read.

    Raises
    ------
    InputError
        ``evidence.json``: missing, a link, too large, not UTF-8, not JSON, nested too deep, NaN.
    """
    try:
        if not is_plain_file(path):
            raise ValueError("not a regular file")
        size = path.stat().st_size
        if size > limit:
            raise ValueError(f"{size} bytes, more than {limit}")
        return json.loads(path.read_bytes().decode(), parse_constant=_no_constant)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            Problem(
                code="evidence.json",
                zh="无法读取该 JSON 文件",
                en="this JSON file cannot be read",
                file=path.name,
                found=f"{type(error).__name__}: {error}"[:200],
                remedy_zh="请取得完好的文件",
                remedy_en="get an undamaged copy",
            )
        ) from error


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _aside(target: Path, stage: str) -> Path:
    return target.with_name(f".{target.name}.{stage}")


def _forget(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync_tree(folder: Path) -> None:
    # Windows flushes only what is open for writing
    flags = os.O_RDONLY if os.name == "posix" else os.O_RDWR
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)  # noqa: PTH118 - a Path interns its names
            if is_plain_file(path):
                handle = os.open(path, flags)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)
        _sync_folder(place)


def _sync_folder(folder: str | Path) -> None:
    """Force a folder's entries to the disk where the system can (Windows cannot)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
