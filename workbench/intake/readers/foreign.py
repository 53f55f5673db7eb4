"""Files that are no tables at all, told by their first bytes and named as what they are."""

from __future__ import annotations

import re

from workbench.intake.frames import refuse

__all__ = ["refuse_foreign"]

_KINDS = (
    (b"%PDF-", "PDF"),
    (b"\x89PNG\r\n", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"Rar!\x1a\x07", "RAR"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"SQLite format 3\x00", "SQLite"),
    (b"{\\rtf", "RTF"),
    (b"MZ", "EXE"),
)
_TEXTS = (b"{\\rtf", b"%PDF-", b"GIF8")  # marks that no table begins with even as text
_WEB_ARCHIVE = re.compile(rb"\A\s*(?:from:|subject:|mime-version:|date:)", re.I)


def refuse_foreign(head: bytes, file: str) -> None:
    """Refuse what is no table.

    Parameters
    ----------
    head
        The first bytes of the file, some hundreds at least.

    Raises
    ------
    InputError
        ``file.kind`` for pictures, PDF, archives that are not read, databases, OpenDocument and
        web archives.
    """
    kind = next(
        (
            name
            for mark, name in _KINDS
            if head.startswith(mark) and (mark in _TEXTS or _binary(head))
        ),
        "",
    )
    if head[:4] == b"PK\x03\x04" and head[30:38] == b"mimetype":
        kind = "OpenDocument (.ods)"
    elif _WEB_ARCHIVE.match(head) and b"content-type: multipart/related" in head.lower():
        kind = "MHTML"
    if kind:
        raise refuse(
            "file.kind",
            file,
            "这种文件不是表格，不能读取",
            "a file of this kind is no table that can be read",
            "用原程序打开，另存为 .xlsx 或 CSV；压缩包先解压",
            "open it in its own program and save it as .xlsx or CSV; unpack an archive first",
            expected="csv, xlsx, xls, html, json, parquet, sav, dta, zip",
            found=kind,
        )


def _binary(head: bytes) -> bool:
    """Whether the bytes hold characters that no text does."""
    return re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", head) is not None
