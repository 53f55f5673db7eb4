"""Text to records: delimiter, quotes, any line end, with the numbers of the rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from workbench.errors import InputError, Problem

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["blocks", "columns", "lines", "records", "sniff"]

_DELIMITERS = (",", "\t", ";", "|", "；", "，")
_MAX_FIELD = 1 << 20

BLOCK = 1 << 21
"""Characters that are read at once."""


def sniff(text: str) -> str:
    """Give the delimiter that the first lines agree on; a comma when none occurs.

    The delimiter is the one that stands most often outside quotes in the first line and parses
    the first twenty lines into equally many fields more often than any other.
    """
    head = text[:100_000]
    lines = [line for line in head.splitlines()[:20] if line.strip()]
    best, score = ",", (0.0, 0)
    for delimiter in _DELIMITERS:
        try:
            counts = [len(r) for r in csv.reader(lines, delimiter=delimiter)]
        except csv.Error:
            continue
        if not counts or counts[0] < 2:
            continue
        agree = sum(count == counts[0] for count in counts) / len(counts)
        if (agree, counts[0]) > score:
            best, score = delimiter, (agree, counts[0])
    return best


def blocks(texts: Iterable[str]) -> Iterator[str]:
    """Give a text in blocks of whole lines, about ``BLOCK`` characters each; none is empty."""
    rest: list[str] = []
    size = 0
    for text in (long[k : k + BLOCK] for long in texts for k in range(0, len(long), BLOCK)):
        rest.append(text)
        size += len(text)
        if size >= BLOCK:
            whole = "".join(rest)
            # a CR that stands last may be half a CRLF
            end = max(whole.rfind("\n"), whole.rfind("\r", 0, -1)) + 1
            if end:
                yield whole[:end]
            rest = [whole[end:]]
            size = len(rest[0]) if end else 0
    if whole := "".join(rest):
        yield whole


def lines(block: str) -> list[str]:
    """Give the lines of a block with their ends, the last one first; CR, LF and CRLF end one."""
    return list(io.StringIO(block, newline=""))[::-1]


def columns(block: str, delimiter: str, width: int) -> list[pa.DictionaryArray] | None:
    """Give the columns of a block at once, as far as that gives what :func:`records` would.

    Returns
    -------
    list of DictionaryArray, or None
        A blank line is a record of empty fields. ``None`` for a block that holds a quote which
        neither begins nor ends a field, a line end between quotes, a record of other than
        ``width`` fields, a lone CR or a very long field.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow

    if (
        width < 2
        or not block
        or len(block) > 2 * BLOCK + _MAX_FIELD
        or block[0] == "\ufeff"
        or block.count("\r") != block.count("\r\n")
        or not delimiter.isascii()
    ):
        return None
    data = block.encode()
    if not _quoted_plainly(data, delimiter):
        return None
    texts = pa.dictionary(pa.int32(), pa.string())
    try:
        table = arrow.read_csv(
            pa.BufferReader(data),
            arrow.ReadOptions(
                use_threads=False, block_size=len(data) + 1, autogenerate_column_names=True
            ),
            arrow.ParseOptions(delimiter=delimiter, double_quote=False, ignore_empty_lines=False),
            arrow.ConvertOptions(
                column_types={f"f{n}": texts for n in range(width)},
                null_values=[],
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        return None
    if table.num_columns != width:
        return None
    found = [column.combine_chunks() for column in table.columns]
    longest = max(max(map(len, cells.dictionary.to_pylist()), default=0) for cells in found)
    return None if longest > _MAX_FIELD else found


def _quoted_plainly(data: bytes, delimiter: str) -> bool:
    """Whether quotes only enclose whole fields that hold neither quotes nor line ends."""
    import numpy as np

    byte = np.frombuffer(data, dtype=np.uint8)
    quotes = np.flatnonzero(byte == ord('"'))
    if not len(quotes):
        return True
    if len(quotes) % 2:
        return False
    begin, end = quotes[::2], quotes[1::2]
    edges = [ord(delimiter), ord("\n"), ord("\r")]
    before = byte[begin[begin > 0] - 1]
    behind = byte[end[end < len(byte) - 1] + 1]
    ends = np.flatnonzero(byte == ord("\n"))
    return bool(
        np.isin(before, edges).all()
        and np.isin(behind, edges).all()
        and (np.searchsorted(quotes, ends) % 2 == 0).all()
    )


def records(
    lines: Iterable[str], delimiter: str, *, file: str, before: Callable[[], int] = lambda: 0
) -> Iterator[list[str]]:
    """Give the records of a delimited text one by one; CR, LF and CRLF end a line alike.

    Blank lines are records too (``[]``), so that numbers of rows are those of the file.

    Parameters
    ----------
    lines
        The text line by line, line ends as they are (a stream opened with ``newline=""``).
    before
        Gives the number of records, each of one line, that were read past ``lines``.

    Raises
    ------
    InputError
        A quote is never closed, a field is longer than 1 MiB, or the text is cut off: its last
        record has fewer fields than the one before it, and no line end.
    """
    csv.field_size_limit(_MAX_FIELD)
    last = ["\n"]
    reader = csv.reader(_noting(lines, last), delimiter=delimiter, strict=True)
    rows = width = before_it = 0
    try:
        for row in reader:
            rows += 1
            width, before_it = len(row), width
            yield row
    except csv.Error as error:
        raise InputError(
            Problem(
                code="file.csv",
                file=file,
                row=max(rows + before(), 1),
                zh=f"第 {reader.line_num + before()} 行处无法解析（{error}）",
                en=f"cannot be parsed at line {reader.line_num + before()} ({error})",
                remedy_zh="检查引号是否成对、文件是否下载完整，或声明 delimiter:",
                remedy_en="check that quotes are paired and the file is whole, or declare "
                "delimiter:",
            )
        ) from None
    if 0 < width < before_it and not last[0].endswith(("\n", "\r")):
        raise InputError(
            Problem(
                code="file.torn",
                file=file,
                row=max(rows + before() - 1, 1),
                zh=f"文件在第 {reader.line_num + before()} 行中途断开，没有换行",
                en=f"the file is cut off in line {reader.line_num + before()}, without a line end",
                expected=f"{before_it}",
                found=f"{width}",
                remedy_zh="重新导出或下载；若本来如此，在末行后加换行",
                remedy_en="export or download it again; if it is meant so, end its last line",
            )
        )


def _noting(lines: Iterable[str], last: list[str]) -> Iterator[str]:
    """Pass lines on and keep the one that was passed last."""
    for line in lines:
        last[0] = line
        yield line
