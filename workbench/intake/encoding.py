"""Bytes to text: what is declared, else UTF-8, else a refusal that shows the candidates."""

from __future__ import annotations

import codecs
import io
import re
import zlib
from collections.abc import Iterator
from itertools import chain
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

from workbench.errors import InputError
from workbench.intake.frames import refuse

__all__ = [
    "CANDIDATES",
    "MAX_BYTES",
    "MAX_WHOLE",
    "blocks",
    "checked",
    "decode",
    "decoded",
    "one_encoding",
    "too_large",
    "unpack",
    "whole",
]

MAX_BYTES = 4 << 30
"""Largest file or unpacked content that is read, in bytes."""

MAX_WHOLE = 1 << 30
"""Largest file of a form that cannot be read in parts (workbook, page, JSON), in bytes."""

_AROUND = 1 << 16
"""Bytes before and behind an odd one in which its line is looked for."""

_MAX_RATIO = 200
_SMALL = 10 << 20
"""An archive may unpack to this many bytes whatever its ratio."""

CANDIDATES = ("gb18030", "big5", "cp1252", "shift_jis", "utf-16-le", "utf-16-be")
"""Encodings offered for a file that is not UTF-8."""


def blocks(stream: BinaryIO) -> Iterator[bytes]:
    """Give the bytes of a file from its beginning, a mebibyte at once."""
    stream.seek(0)
    while block := stream.read(1 << 20):
        yield block


def whole(stream: BinaryIO, *, file: str) -> bytes:
    """Give all bytes of a file whose form cannot be read in parts.

    Raises
    ------
    InputError
        The file has more than 1 GiB.
    """
    stream.seek(0)
    data = stream.read(MAX_WHOLE + 1)
    if len(data) > MAX_WHOLE:
        raise too_large(file, MAX_WHOLE, len(data))
    return data


def too_large(file: str, limit: int, size: int) -> InputError:
    """Give the refusal of a file with too many bytes."""
    return refuse(
        "file.too-large",
        file,
        "文件过大，未读取",
        "the file is too large and was not read",
        "拆分文件，或导出为按轮次分开的 CSV",
        "split the file, for example into one CSV per wave",
        expected=f"≤ {limit} bytes",
        found=f"{size} bytes",
    )


def unpack(stream: BinaryIO, *, file: str) -> BinaryIO:
    """Give the content of gzip data, never more than the limits; other data as they are.

    Raises
    ------
    InputError
        The content exceeds 4 GiB or 200 times the archive, or the archive is torn.
    """
    stream.seek(0)
    if stream.read(2) != b"\x1f\x8b":
        return stream
    packed = stream.seek(0, 2)
    out = cast(BinaryIO, SpooledTemporaryFile(max_size=_SMALL))  # noqa: SIM115 - given away
    try:
        _unzip(stream, out, packed, file)
    except InputError:
        out.close()
        raise
    return out


def _unzip(stream: BinaryIO, out: BinaryIO, packed: int, file: str) -> None:
    limit = min(MAX_BYTES, max(_SMALL, packed * _MAX_RATIO))
    size = 0
    unzip = zlib.decompressobj(wbits=31)
    try:
        for block in blocks(stream):
            rest = block
            while rest:
                if unzip.eof:  # one archive may follow another
                    unzip = zlib.decompressobj(wbits=31)
                part = unzip.decompress(rest, 1 << 20)
                size += len(part)
                if size > limit:
                    raise refuse(
                        "file.bomb",
                        file,
                        "压缩文件展开后过大",
                        "the archive unpacks to too much",
                        "检查文件来源；确有需要时先自行解压并拆分",
                        "check where the file comes from; if genuine, unpack and split it yourself",
                        expected=f"≤ {limit} bytes",
                        found=f"{packed} bytes packed",
                    )
                out.write(part)
                rest = unzip.unused_data or unzip.unconsumed_tail
        if not unzip.eof:
            raise zlib.error("the stream ends early")
    except zlib.error as error:
        raise refuse(
            "file.torn",
            file,
            f"gzip 文件不完整或已损坏（{error}）",
            f"the gzip file is torn ({error})",
            "重新取得这个文件",
            "fetch the file again",
        ) from None


def decoded(stream: BinaryIO, codec: str) -> Iterator[str]:
    """Give the text of a file in parts; an error tells the place in the file."""
    decoder = codecs.getincrementaldecoder(codec)()
    read = 0
    for block in chain(blocks(stream), [b""]):
        read += len(block)
        try:
            yield decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            before = read - len(error.object)
            error.start += before
            raise


def _row_of(stream: BinaryIO, at: int) -> int:
    """Count the lines before a place."""
    stream.seek(0)
    feeds = returns = 0
    while at > 0 and (block := stream.read(min(at, 1 << 20))):
        at -= len(block)
        feeds, returns = feeds + block.count(b"\n"), returns + block.count(b"\r")
    return feeds or returns


def _sample(stream: BinaryIO, codec: str, at: int) -> str | None:
    """Give the line around the first odd byte as ``codec`` reads the file."""
    stream.seek(0)
    head = stream.read(200)
    try:
        if codec.startswith("utf-16"):
            zeros = [head[k::2].count(0) for k in (0, 1)]
            if zeros[codec == "utf-16-le"] <= zeros[codec == "utf-16-be"]:
                return None
            first = "".join(decoded(stream, codec))
            return next(iter(first.splitlines()), "")[:60]
        for _ in decoded(stream, codec):
            pass
        begin = max(at - _AROUND, 0)
        stream.seek(begin)
        data = stream.read(2 * _AROUND)
        at -= begin
        start = max(data.rfind(b"\n", 0, at), data.rfind(b"\r", 0, at)) + 1
        ends = [end for end in (data.find(b"\n", at), data.find(b"\r", at)) if end != -1]
        line = data[start : min(ends, default=len(data))].decode(codec)
    except UnicodeError:
        return None
    return line if len(line) <= 60 else line[:59] + "…"


def decode(data: bytes, encoding: str | None, *, file: str) -> str:
    """Give the text of a file that is held whole; see :func:`checked`."""
    codec = checked(io.BytesIO(data), encoding, file=file)
    return data.decode(codec).removeprefix("\ufeff")


def checked(stream: BinaryIO, encoding: str | None, *, file: str) -> str:
    """Read a file through and give the codec in which all of it is text.

    Parameters
    ----------
    stream
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
    codec = "utf-8-sig" if encoding is None else encoding
    try:
        binary = any("\x00" in text for text in decoded(stream, codec))
    except UnicodeDecodeError as error:
        raise _undecodable(stream, encoding, error.start, file) from None
    if binary:
        raise refuse(
            "file.binary",
            file,
            "不是文本文件（含有空字节）",
            "not a text file (it holds NUL bytes)",
            "导出为 CSV 或 XLSX；若为 UTF-16，声明 encoding: utf-16",
            "export it as CSV or XLSX; if it is UTF-16, declare encoding: utf-16",
        )
    return codec


_CHOOSE = (
    "选出读得通的一种，写入该数据源的 encoding:",
    "choose the one that reads well and write it as encoding: of the source",
)
_MIXED = (
    "没有一种编码能通读全文，可能由编码不同的文件拼成：拆开，各写 encoding:，或重新导出",
    "no encoding reads it to the end, it may be files of several encodings joined: part them, each "
    "with its encoding:, or export it again",
)


def _undecodable(stream: BinaryIO, encoding: str | None, at: int, file: str) -> InputError:
    """Give the refusal of a file that is not in its encoding from a place on."""
    row = _row_of(stream, at)
    stream.seek(at)
    byte = f"0x{stream.read(1).hex()}"
    if encoding is not None:
        return refuse(
            "file.encoding-wrong",
            file,
            f"第 {row + 1} 行不是所声明的编码",
            f"line {row + 1} is not in the declared encoding",
            "改正 encoding:，或重新导出文件",
            "correct encoding:, or export the file again",
            row=row or None,
            expected=encoding,
            found=f"byte {byte} at {at}",
        )
    samples = [
        (codec, line) for codec in CANDIDATES if (line := _sample(stream, codec, at)) is not None
    ]
    listed = "; ".join(f"{codec}: “{line}”" for codec, line in samples)
    return refuse(
        "file.encoding",
        file,
        f"第 {row + 1} 行起不是 UTF-8，也没有声明编码。可能的编码：{listed or '无'}",
        f"not UTF-8 from line {row + 1} on, and no encoding is declared. "
        f"Candidates: {listed or 'none'}",
        *(_CHOOSE if samples else _MIXED),
        row=row or None,
        expected="UTF-8",
        found=f"byte {byte} at {at}",
    )


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


def one_encoding(stream: BinaryIO, *, file: str) -> None:
    """Refuse a file read as GB18030 in which some lines are UTF-8.

    Four characters of UTF-8 Chinese one after another in a line that is valid UTF-8 as a whole do
    not come about in GB18030 by chance, nor do two that GB18030 reads as rare characters; read as
    such they would be wrong words without an error.

    Raises
    ------
    InputError
        With the first such line.
    """
    stream.seek(0)
    for n, line in enumerate(line for lines in stream for line in lines.splitlines()):
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
