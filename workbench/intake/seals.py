"""Sealed scoring sheets: the short code of a file, and whether what is read is what was sealed."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import InputError, Problem
from workbench.evidence.files import sha256_file
from workbench.intake.frames import FILE, Log, Problems

if TYPE_CHECKING:
    import pandas as pd

    from workbench.intake.frames import FileUsed

__all__ = ["check_seals", "seal_of"]

LENGTH = 12
_MOST = 50 << 20  # bytes of an entry workbook
_SEAL = re.compile(r"[0-9a-f]{12,64}")


def seal_of(sheet: Path) -> tuple[str, str]:
    """Give the seal of a sheet: the first 12 hex digits of its SHA-256, and the whole digest.

    The assessor tells the code to the office before anybody sees another sheet; a byte changed
    afterwards gives another code.

    Raises
    ------
    InputError
        ``seal.file``, when there is no such file or it is empty; ``seal.open``, when an entry
        workbook is not called complete by its assessor.
    """
    if not sheet.is_file() or sheet.stat().st_size == 0:
        raise InputError(
            Problem(
                code="seal.file",
                zh="没有这个文件，或文件为空",
                en="there is no such file, or it is empty",
                file=sheet.name,
                remedy_zh="写明评分表文件",
                remedy_en="name the file of the sheet",
            )
        )
    if _open(sheet):
        raise InputError(
            Problem(
                code="seal.open",
                zh="评分人还没有注明已完成，不封存",
                en="the assessor has not called the sheet complete: it is not sealed",
                file=sheet.name,
                remedy_zh="在“说明”页填“是”并保存，再封存",
                remedy_en="write 是 on the sheet 说明, save, and seal it then",
            )
        )
    digest = sha256_file(sheet)
    return digest[:LENGTH], digest


def _open(sheet: Path) -> bool:
    """Whether the file is an entry workbook whose assessor has not finished."""
    if sheet.suffix.lower() != ".xlsx" or sheet.stat().st_size > _MOST:
        return False
    from workbench.intake.readers.entry import form_of, is_entry

    data = sheet.read_bytes()
    return is_entry(io.BytesIO(data)) and form_of(data, file=sheet.name).complete is False


def check_seals(
    frame: pd.DataFrame, files: Iterable[FileUsed], problems: Problems, log: Log
) -> None:
    """Hold the seal of every inspection file against the bytes that were read.

    A file all of whose rows bear one seal is one sheet: its digest must begin with the seal. Where
    a file gathers several sheets their seals cannot be verified; that is counted.
    """
    if "seal" not in frame:
        return
    digests = {file.name: file.sha256 for file in files}
    several = 0
    for name, rows in frame.groupby(FILE, sort=True):
        seals = rows["seal"].dropna().astype(str).str.strip().str.lower()
        if seals.empty:
            continue
        if seals.nunique() > 1 or len(seals) < len(rows):
            several += seals.nunique()
            continue
        seal = str(seals.iloc[0])
        digest = digests.get(str(name), "")
        if not _SEAL.fullmatch(seal) or not digest.startswith(seal):
            problems.add(
                "seal.broken",
                "评分表与封存时不同（封存码不符）",
                "the sheet is not the one that was sealed (the code does not fit)",
                "取回封存时的文件；更正写入 corrections.csv",
                "bring the file as it was sealed; corrections go to corrections.csv",
                file=str(name),
                column="seal",
                expected=seal,
                found=digest[:LENGTH],
            )
    if several:
        log.add(
            "seal.unverified",
            several,
            "多张评分表合并在一个文件里，封存码无法核对",
            "sheets gathered in one file: their seals cannot be verified",
        )
