"""Bytes to text: what is declared, else UTF-8, else a refusal that shows the candidates."""

from __future__ import annotations

import re
import zlib

from workbench.intake.frames import refuse

__all__ = ["CANDIDATES", "MAX_BYTES", "decode", "one_encoding", "unpack"]

MAX_BYTES = 1 << 30
"""Largest file or unpacked content that is read, in bytes."""

_MAX_RATIO = 200
_SMALL = 10 << 20
"""An archive may unpack to this many bytes whatever its ratio."""

CANDIDATES = ("gb18030", "big5", "cp1252", "shift_jis", "utf-16")
"""Encodings offered for a file that is not UTF-8."""


def unpack(data: bytes, *, file: str) -> bytes:
    """Give the content of gzip data, never more than the limits; other data as they are.

    Raises
    ------
    InputError
        The content exceeds 1 GiB or 200 times the archive, or the archive is torn.
    """
    if data[:2] != b"\x1f\x8b":
        return data
    limit = min(MAX_BYTES, max(_SMALL, len(data) * _MAX_RATIO))
    out: list[bytes] = []
    size, rest = 0, data
    try:
        while rest:
            stream = zlib.decompressobj(wbits=31)
            part = stream.decompress(rest, limit - size + 1)
            size += len(part)
            out.append(part)
            if size > limit:
                raise refuse(
                    "file.bomb",
                    file,
                    "压缩文件展开后过大",
                    "the archive unpacks to too much",
                    "检查文件来源；确有需要时先自行解压并拆分",
                    "check where the file comes from; if genuine, unpack and split it yourself",
                    expected=f"≤ {limit} bytes",
                    found=f"{len(data)} bytes packed",
                )
            if not stream.eof:
                raise zlib.error("the stream ends early")
            rest = stream.unused_data
    except zlib.error as error:
        raise refuse(
            "file.torn",
            file,
            f"gzip 文件不完整或已损坏（{error}）",
            f"the gzip file is torn ({error})",
            "重新取得这个文件",
            "fetch the file again",
        ) from None
    return b"".join(out)


def _sample(data: bytes, codec: str, at: int) -> str | None:
    """Give the line around the first odd byte as ``codec`` reads the file."""
    try:
        if codec == "utf-16":
            if data[:2] not in (b"\xff\xfe", b"\xfe\xff") and b"\x00" not in data[:200]:
                return None
            return next(iter(data.decode(codec).splitlines()), "")[:60]
        data.decode(codec)
        start = max(data.rfind(b"\n", 0, at), data.rfind(b"\r", 0, at)) + 1
        ends = [end for end in (data.find(b"\n", at), data.find(b"\r", at)) if end != -1]
        line = data[start : min(ends, default=len(data))].decode(codec)
    except UnicodeError:
        return None
    return line if len(line) <= 60 else line[:59] + "…"


def decode(data: bytes, encoding: str | None, *, file: str) -> str:
    """Give the text of a file.

    Parameters
    ----------
    data
        The bytes, unpacked.
    encoding
        The declared encoding, any Python text codec; ``None`` means UTF-8 with or without BOM.
    file
        Name of the file for problems.

    Raises
    ------
    InputError
        The bytes are not in the declared encoding; nothing is declared and they are not UTF-8
        (the problem lists encodings that fit, each with a sample line); or the file is binary.
    """
    try:
        text = data.decode("utf-8-sig" if encoding is None else encoding)
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) or data.count(b"\r", 0, error.start)
        byte = f"0x{data[error.start]:02x}"
        if encoding is not None:
            raise refuse(
                "file.encoding-wrong",
                file,
                f"第 {row + 1} 行不是所声明的编码",
                f"line {row + 1} is not in the declared encoding",
                "改正 encoding:，或重新导出文件",
                "correct encoding:, or export the file again",
                row=row or None,
                expected=encoding,
                found=f"byte {byte} at {error.start}",
            ) from None
        samples = [
            (codec, line)
            for codec in CANDIDATES
            if (line := _sample(data, codec, error.start)) is not None
        ]
        listed = "; ".join(f"{codec}: “{line}”" for codec, line in samples)
        raise refuse(
            "file.encoding",
            file,
            f"第 {row + 1} 行起不是 UTF-8，也没有声明编码。可能的编码：{listed or '无'}",
            f"not UTF-8 from line {row + 1} on, and no encoding is declared. "
            f"Candidates: {listed or 'none'}",
            "选出读得通的一种，写入该数据源的 encoding:",
            "choose the one that reads well and write it as encoding: of the source",
            row=row or None,
            expected="UTF-8",
            found=f"byte {byte} at {error.start}",
        ) from None
    if "\x00" in text:
        raise refuse(
            "file.binary",
            file,
            "不是文本文件（含有空字节）",
            "not a text file (it holds NUL bytes)",
            "导出为 CSV 或 XLSX；若为 UTF-16，声明 encoding: utf-16",
            "export it as CSV or XLSX; if it is UTF-16, declare encoding: utf-16",
        )
    return text.removeprefix("\ufeff")


_UTF8_CHINESE = re.compile(rb"(?:[\xe4-\xe9][\x80-\xbf]{2}){2,}")
_SURE = 12  # bytes of UTF-8 Chinese in a row that GB18030 does not give by chance


def _reads_as_gb(line: bytes) -> bool:
    """Whether a line that is valid UTF-8 may be GB18030 all the same.

    In GB18030 two thirds at least of the characters in such bytes are of the first level of
    GB 2312, the common ones; UTF-8 read so gives rare ones.
    """
    if max(len(run) for run in _UTF8_CHINESE.findall(line)) >= _SURE:
        return False
    pairs = [
        char.encode("gb18030") for char in line.decode("gb18030", "replace") if ord(char) > 127
    ]
    common = sum(len(p) == 2 and 0xB0 <= p[0] <= 0xD7 and p[1] >= 0xA1 for p in pairs)
    return 2 * common >= len(pairs)


def one_encoding(data: bytes, *, file: str) -> None:
    """Refuse a file read as GB18030 in which some lines are UTF-8.

    Four characters of UTF-8 Chinese one after another in a line that is valid UTF-8 as a whole do
    not come about in GB18030 by chance, nor do two that GB18030 reads as rare characters; read as
    such they would be wrong words without an error.

    Raises
    ------
    InputError
        With the first such line.
    """
    for n, line in enumerate(data.splitlines()):
        if _UTF8_CHINESE.search(line):
            try:
                shown = line.decode("utf-8")
            except UnicodeDecodeError:
                continue
            if _reads_as_gb(line):
                continue
            raise refuse(
                "file.encoding-mixed",
                file,
                f"第 {n + 1} 行是 UTF-8，而文件按 GB18030 读取：编码中途改变",
                f"line {n + 1} is UTF-8 in a file read as GB18030: the encoding changes half-way",
                "分开导出各部分，不要拼接不同编码的文件",
                "export the parts apart; do not join files of different encodings",
                row=n or None,
                expected="GB18030",
                found=shown[:40],
            )
