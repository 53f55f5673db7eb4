"""What is read at once is what pyHanko reads byte by byte."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyhanko.pdf_utils import generic, xref

from workbench.evidence import pdfsign
from workbench.evidence.pdfread import plain_table

LINE = b"0000000016 00000 n\r\n"
TABLE = b"0 4\n0000000000 65535 f\r\n" + LINE + b"0000000323 00000 n\r\n0000000444 00000 n\r\n"
REST = b"trailer\n<</Size 4>>\nstartxref\n0\n%%EOF\n"


def told(read: Callable[..., Any], process: Callable[..., Any], data: bytes) -> Any:
    """Give what is known of a table afterwards, and where the stream stands."""
    stream, section = io.BytesIO(data), xref.XRefSectionData()
    try:
        highest = process(section, read(stream, True), True)
    except Exception as error:
        return type(error)
    known = {name: getattr(section, name) for name in ("freed", "xrefs_in_objstm", "hybrid")}
    known |= {
        "places": dict(section.standard_xrefs),
        "refs": set(section.explicit_refs_in_revision),
    }
    return highest, known, stream.tell()


def both(data: bytes) -> tuple[Any, Any]:
    ours = told(pdfsign._table, pdfsign._entered, data)
    return ours, told(pdfsign._parse_table, pdfsign._process_entries, data)


def read_from(data: bytes, read: Callable[..., Any], shown: Callable[[Any], Any]) -> Any:
    """Give what is read from the third byte on, and where the stream stands, or the error."""
    stream = io.BytesIO(b"12" + data)
    stream.seek(2)
    try:
        found = read(stream)
    except Exception as error:
        return type(error)
    return shown(found), stream.tell()


def test_the_table_of_a_report_is_read_here_and_as_pyhanko_reads_it(
    compile_report: Callable[..., bytes], tmp_path: Path
) -> None:
    pdf = compile_report(tmp_path / "typst", b"", b"[]\n", "0ff1ceff00aa", "JX-01")
    data = pdf[pdf.index(b"\nxref\n") + 6 :]
    assert plain_table(io.BytesIO(data)) is not None
    ours, theirs = both(data)
    assert ours == theirs
    assert len(ours[1]["places"]) > 40


@pytest.mark.parametrize("end", [b"\r\n", b" \n", b" \r"])
def test_lines_may_end_in_three_ways(end: bytes) -> None:
    data = TABLE.replace(b"\r\n", end) + REST
    assert plain_table(io.BytesIO(data)) is not None
    ours, theirs = both(data)
    assert ours == theirs == (3, ours[1], len(TABLE) + 8)


@pytest.mark.parametrize(
    "data",
    [
        b"0 1\n0000000000 65535 f \n7 1\n" + LINE + REST,
        b"7 1\n" + LINE + REST,
        TABLE + b" \r\n" + REST,
        b"\n" + TABLE + REST,
        TABLE.replace(b"0 4", b"0  4") + REST,
        TABLE.replace(b"0 4", b"1 4") + REST,
        TABLE.replace(b"0 4", b"0 3") + REST,
        TABLE.replace(b"0 4", b"0 5") + REST,
        TABLE.replace(b"0 4", b"0 99999999") + REST,
        TABLE.replace(b"0 4", b"0 0") + REST,
        TABLE.replace(b"65535 f", b"00000 n") + REST,
        TABLE.replace(b"65535 f", b"65536 f") + REST,
        TABLE.replace(b"444 00000 n", b"444 00000 f") + REST,
        TABLE.replace(b"444 00000 n", b"444 00007 n") + REST,
        TABLE.replace(b"444 00000 n", b"444 00000 x") + REST,
        TABLE.replace(b"444 00000 n", b"44\xb2 00000 n") + REST,
        TABLE.replace(b" n\r\n", b" n\n") + REST,
        TABLE + LINE + REST,
        TABLE + b"9 1\n" + LINE + REST,
        TABLE + b"trailer    \n\n   \r\n\n       <</Size 4>>\n",
        TABLE + b"trailer %x\n<</Size 4>>\n",
        TABLE + b"trailex<</Size 4>>\n",
        TABLE + b"trailer",
        TABLE,
        b"",
    ],
)
def test_a_table_of_any_other_form_is_judged_by_pyhanko(data: bytes) -> None:
    ours, theirs = both(data)
    assert ours == theirs


def test_what_is_known_of_a_table_cannot_be_changed() -> None:
    table: Any = plain_table(io.BytesIO(TABLE + REST))
    with pytest.raises(TypeError):
        table.places[1] = (0, 17)
    assert isinstance(table.written, frozenset)


@pytest.mark.parametrize(
    "data",
    [
        b"<>",
        b"<0>",
        b"<4a4B>x",
        b"<FEFF752F>",
        b"<" + b"00ff" * 4000 + b">/M",
        b"<" + b"00" * 20_000 + b">",
        b"<4a 4B\n4>",
        b"<4a%>\n4b>",
        b"<4ag>",
        b"<4a",
        b"<",
        b"",
    ],
)
def test_hexadecimal_strings_are_what_pyhanko_reads(data: bytes) -> None:
    def told(read: Callable[..., Any]) -> Any:
        return read_from(data, read, lambda found: (type(found), found))

    assert told(pdfsign._hex_string) == told(pdfsign._read_hex)


@pytest.mark.parametrize(
    "data",
    [
        b"[]",
        b"[1 0 R]",
        b"[1 0 R 2 0 R 31 7 R]/K",
        b"[0 1 0 R 1 2 0 R]",
        b"[1 2 3 4 R]",
        b"[1 0 2 0 R]",
        b"[007 0 12]",
        b"[01 0 R]",
        b"[0 0 R]",
        b"[7 0 0 R]",
        b"[1 0 R2 0 R]",
        b"[1 0 Rx]",
        b"[ 1 0 R ]",
        b"[1  0 R]",
        b"[1 0\nR]",
        b"[-1 0.5 +2]",
        b"[1234567890 0 R]",
        b"[1 123456 R]",
        b"[(a) 1 0 R]",
        b"[1 0 R /K [2 0 R]]",
        b"[1 %\n2]",
        b"[" + b"5 0 R " * 9000 + b"1]",
        b"[1 0 R",
        b"[",
        b"",
    ],
)
def test_arrays_are_what_pyhanko_reads(data: bytes) -> None:
    container = generic.Reference(9, 0, object())

    def shown(found: Any) -> Any:
        items = list(map(found.raw_get, range(len(found))))
        assert all(item.container_ref is container for item in items)
        return [(type(item), repr(item)) for item in items]

    def told(read: Callable[..., Any]) -> Any:
        return read_from(data, lambda stream: read(stream, container), shown)

    assert told(pdfsign._array) == told(pdfsign._read_array)
