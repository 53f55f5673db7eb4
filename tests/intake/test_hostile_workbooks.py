"""Workbooks and texts as a stranger would send them: refused or read right, never half."""

from __future__ import annotations

import gzip
import io
import random
import re
import zipfile
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from workbench.errors import InputError, Problem
from workbench.intake import sheetxml, xlsxfile
from workbench.intake.dates import swapped
from workbench.intake.frames import Log
from workbench.intake.read import read_file
from workbench.intake.titles import unique
from workbench.study import source_of

HEAD = ["respondent", "community", "wave", "q1", "sex"]
ROWS: list[list[Any]] = [HEAD, *([f"{n:03d}", "A-1", "w1", n % 5 + 1, "male"] for n in range(1, 7))]
SHEET = "xl/worksheets/sheet1.xml"
Change = Callable[[bytes], bytes | None]


def book(rows: list[list[Any]] | None = None, spoil: Callable[[Any], None] | None = None) -> bytes:
    made = openpyxl.Workbook()
    for row in ROWS if rows is None else rows:
        made.active.append(row)
    if spoil is not None:
        spoil(made)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def edited(data: bytes, changes: dict[str, Change]) -> bytes:
    """Change members of an archive; ``None`` takes one out, an unknown name puts one in."""
    out, left = io.BytesIO(), dict(changes)
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            content = left.pop(name)(old.read(name)) if name in left else old.read(name)
            if content is not None:
                new.writestr(name, content, zipfile.ZIP_DEFLATED)
        for name, change in left.items():
            new.writestr(name, change(b"") or b"", zipfile.ZIP_DEFLATED)
    return out.getvalue()


def read(
    folder: Path, data: bytes, name: str = "a.xlsx", **how: Any
) -> tuple[pd.DataFrame, list[Problem], dict[str, int]]:
    path = folder / name
    path.write_bytes(data)
    log, problems = Log(), []  # type: ignore[var-annotated]
    raw = read_file(path, source_of(name, **how), log, problems)
    return raw.frame, problems, {entry.code: entry.n for entry in log.entries}


def refused(folder: Path, data: bytes, name: str = "a.xlsx", **how: Any) -> Problem:
    with pytest.raises(InputError) as caught:
        read(folder, data, name, **how)
    (problem,) = caught.value.problems
    assert problem.file == name
    for text in (problem.zh, problem.en, problem.remedy_zh, problem.remedy_en):
        assert text
    return problem


def turned(xml: bytes) -> bytes:
    rows = re.findall(rb"<row .*?</row>", xml, re.S)
    return xml.replace(b"".join(rows), b"".join([rows[0], *rows[:0:-1]]))


def wide(xml: bytes) -> bytes:
    more = "".join(f'<row r="{n}"><c r="XFD{n}"><v>1</v></c></row>' for n in range(8, 3000))
    return xml.replace(b"</sheetData>", more.encode() + b"</sheetData>")


def laughing(xml: bytes) -> bytes:
    """A document type that stands behind a long comment, and grows a thousand million fold."""
    names = "abcdefghij"
    lines = [
        f'<!ENTITY {c} "{("&" + p + ";") * 10}">'
        for p, c in pairwise(names)
    ]  # fmt: skip
    head = "<?xml version='1.0'?><!--" + "x" * 6000 + "--><!DOCTYPE w [<!ENTITY a 'aaaaaaaaaa'>"
    return (head + "".join(lines) + "]>").encode() + xml.replace(b"<v>", b"<v>&j;", 1)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({SHEET: lambda xml: xml[: len(xml) // 2]}, "file.torn"),
        ({SHEET: lambda xml: b"\0\xff" * 50}, "file.torn"),
        ({SHEET: lambda xml: xml.replace(b'r="D2"', b'r="!!"', 1)}, "file.torn"),
        ({SHEET: lambda xml: xml.replace(b"<v>2</v>", b"<v>abc</v>", 1)}, "file.torn"),
        ({SHEET: lambda xml: re.sub(rb'<c r="E2".*?</c>', b'<c r="E2" t="s"><v>999</v></c>', xml)},
         "file.torn"),
        ({SHEET: laughing}, "file.doctype"),
        ({SHEET: turned}, "file.torn"),
        ({SHEET: lambda xml: xml.replace(b'<row r="3"', b'<row r="2"')}, "file.torn"),
        ({SHEET: lambda xml: xml.replace(b'<row r="4"', b'<row r="99999999999"')}, "file.torn"),
        ({SHEET: wide}, "file.too-wide"),
        ({"xl/workbook.xml": lambda xml: None}, "file.torn"),
        ({"xl/workbook.xml": lambda xml: None, "xl/workbook.bin": lambda xml: b"\x83"},
         "file.kind"),
        ({"xl/workbook.xml": lambda xml: xml.replace(
            b"http://schemas.openxmlformats.org/spreadsheetml/2006/main",
            b"http://purl.oclc.org/ooxml/spreadsheetml/main")}, "file.kind"),
    ],
    ids=[
        "truncated", "garbage", "cell-name", "no-number", "no-such-string", "entities", "turned",
        "row-twice", "row-beyond", "16384-columns", "no-workbook", "xlsb", "strict",
    ],
)  # fmt: skip
def test_a_workbook_that_would_lose_cells_is_refused(
    tmp_path: Path, changes: dict[str, Change], code: str
) -> None:
    assert refused(tmp_path, edited(book(), changes)).code == code


SHARED = (
    '<?xml version="1.0"?><sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    "<si><t>respondent</t></si><si><t>您对𠮷祥里</t></si><si><t/></si>"
    "<si><r><t>很</t></r><r><rPr><b/></rPr><t>好_x005F_a</t></r>"
    "<rPh sb='0' eb='1'><t>hao</t></rPh></si></sst>"
)


def shared(rows: list[list[int]], texts: str = SHARED) -> bytes:
    """Give a workbook whose cells name shared texts by their number."""
    cells = "".join(
        f'<row r="{n}">'
        + "".join(f'<c r="{"ABC"[k]}{n}" t="s"><v>{v}</v></c>' for k, v in enumerate(row))
        + "</row>"
        for n, row in enumerate(rows, 1)
    )
    part = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    kind = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{part}"/></Types>'
    return edited(
        book([["x"]]),
        {
            SHEET: lambda xml: re.sub(rb"<row.*</row>", cells.encode(), xml, flags=re.S),
            "[Content_Types].xml": lambda xml: xml.replace(b"</Types>", kind.encode()),
            "xl/sharedStrings.xml": lambda _: texts.encode(),
        },
    )


def test_texts_that_cells_share_are_read_as_they_stand(tmp_path: Path) -> None:
    frame, problems, _ = read(tmp_path, shared([[0, 1], [1, 3], [3, 2], [2, 2], [1, 1]]))
    assert list(frame) == ["respondent", "您对𠮷祥里"]
    assert frame.fillna("-").to_numpy().tolist() == [
        ["您对𠮷祥里", "很好_a"], ["很好_a", "-"], ["您对𠮷祥里", "您对𠮷祥里"],
    ]  # fmt: skip
    assert frame.index.tolist() == [1, 2, 4]
    assert not problems
    for number in (4, -1):
        assert refused(tmp_path, shared([[0, 1], [1, number]])).code == "file.torn"


def test_a_sheet_is_read_as_far_as_it_is_asked_for() -> None:
    """The fault of its last row is met there, and not before the first is given."""
    data = edited(
        book([["a"], *([n] for n in range(3000))]),
        {SHEET: lambda xml: xml.replace(b"<v>2999</v>", b"<v>abc</v>")},
    )
    rows = xlsxfile.opened(data, None, file="a.xlsx").rows
    assert [next(rows) for _ in range(2000)][1999] == ["1998"]
    with pytest.raises(InputError) as caught:
        list(rows)
    assert caught.value.problems[0].code == "file.torn"


def test_array_and_shared_formulas_are_formulas_with_a_result_or_without() -> None:
    cells = (
        '<row r="2"><c r="A2"><f t="shared" ref="A2:A4" si="0">B2*2</f><v>8</v></c>'
        '<c r="B2"><f t="array" ref="B2:B3">SUM(C1:C2)</f></c></row>'
        '<row r="3"><c r="A3"><f t="shared" si="0"/><v>9</v></c></row>'
        '<row r="4"><c r="A4"><f t="shared" si="0"/></c></row>'
    )
    data = edited(
        book([["a", "b"], ["x"]]),
        {SHEET: lambda xml: re.sub(rb'<row r="2".*</row>', cells.encode(), xml, flags=re.S)},
    )
    told = xlsxfile.opened(data, None, file="a.xlsx", header=1)
    assert list(told.rows) == [["a", "b"], ["8", "=SUM(C1:C2)"], ["9"], ["=B4*2"]]
    assert told.formulas == 2
    assert (list(told.bare.rows), told.bare.column, told.bare.text) == ([1, 3], 1, "=SUM(C1:C2)")


def test_what_is_read_in_parts_may_be_more_than_what_is_unpacked_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = book([HEAD, *(ROWS[1:] * 200)])
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        sizes = {m.filename: m.file_size for m in archive.infolist()}
    rest = sum(sizes.values()) - sizes[SHEET]
    monkeypatch.setattr(xlsxfile, "MAX_TOTAL", rest)
    assert sizes[SHEET] > 5 * rest
    assert len(read(tmp_path, data)[0]) == 1200
    # an archive that is no workbook is unpacked whole
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.csv", "a,b\n" + "1,2\n" * rest)
    assert refused(tmp_path, packed.getvalue(), "a.zip").code == "file.bomb"
    monkeypatch.setattr(xlsxfile, "MAX_TOTAL", rest - 1)
    assert refused(tmp_path, data).code == "file.bomb"


@pytest.mark.parametrize("limit", ["MAX_SHEETS", "MAX_SHARED", "MAX_PIECE"])
def test_a_workbook_has_limits_in_all_of_its_texts_and_of_one_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    """A row that holds everything would be held whole, and so would one text."""
    long = SHARED.replace("respondent", "r" * 300_000)
    data = shared([[0, 1], [1, 3]], long)
    monkeypatch.setattr(xlsxfile, "MAX_RATIO", 10_000)
    assert len(read(tmp_path, data)[0]) == 1
    monkeypatch.setattr(sheetxml if limit == "MAX_PIECE" else xlsxfile, limit, 200_000)
    assert refused(tmp_path, data).code == "file.bomb"
    if limit == "MAX_PIECE":
        row = [["a"], ["b" * 30_000] * 8]
        assert refused(tmp_path, book(row)).code == "file.bomb"
        tail = edited(book(), {SHEET: lambda xml: xml + b" " * 400_000})
        assert refused(tmp_path, tail).code == "file.bomb"


def test_a_member_under_a_password_is_named_as_such(tmp_path: Path) -> None:
    data = bytearray(book())
    for match in re.finditer(b"PK\x01\x02", bytes(data)):
        data[match.start() + 8] |= 1
    assert refused(tmp_path, bytes(data)).code == "file.password"


def test_only_hidden_sheets_are_named_and_read_when_asked_for(tmp_path: Path) -> None:
    def hide(made: Any) -> None:
        made.active.title = "旧"
        made.active.sheet_state = "hidden"
        made.create_sheet("空")

    problem = refused(tmp_path, book(spoil=hide))
    assert (problem.code, problem.found) == ("file.sheet", "旧")
    frame, _, _ = read(tmp_path, book(spoil=hide), sheet="旧")
    assert len(frame) == 6


def test_a_sheet_with_a_chart_only_is_passed_over(tmp_path: Path) -> None:
    frame, _, _ = read(tmp_path, book(spoil=lambda made: made.create_chartsheet("图", 0)))
    assert frame["respondent"].tolist() == [row[0] for row in ROWS[1:]]


def test_rows_after_a_long_gap_are_read(tmp_path: Path) -> None:
    frame, _, _ = read(tmp_path, book(spoil=lambda made: made.active.__setitem__("A3000", "099")))
    assert frame.index.tolist() == [1, 2, 3, 4, 5, 6, 2999]
    assert frame["respondent"].iloc[-1] == "099"


def test_a_number_shown_with_leading_zeros_is_read_as_shown(tmp_path: Path) -> None:
    def zeros(made: Any) -> None:
        for n in range(2, 8):
            cell = made.active.cell(n, 1)
            cell.value, cell.number_format = n * 7, "00000"

    frame, _, log = read(tmp_path, book(spoil=zeros))
    assert frame["respondent"].tolist()[:2] == ["00014", "00021"]
    assert frame["q1"].tolist()[0] == "2"
    assert log["intake.zeros"] == 6


def test_an_old_workbook_shows_its_zeros_too(tmp_path: Path) -> None:
    xlwt = pytest.importorskip("xlwt")
    made = xlwt.Workbook()
    sheet = made.add_sheet("a")
    sheet.write(0, 0, "编号")
    sheet.write(1, 0, 71, xlwt.easyxf(num_format_str="00000"))
    sheet.write(2, 0, 71)
    sheet.row(2).hidden = True
    out = io.BytesIO()
    made.save(out)
    frame, _, log = read(tmp_path, out.getvalue(), "a.xls")
    assert frame["编号"].tolist() == ["00071", "71"]
    assert (log["intake.zeros"], log["intake.hidden-row"]) == (1, 1)


def test_hidden_rows_are_read_and_counted(tmp_path: Path) -> None:
    def hide(made: Any) -> None:
        made.active.row_dimensions[3].hidden = made.active.row_dimensions[5].hidden = True

    frame, _, log = read(tmp_path, book(spoil=hide))
    assert len(frame) == 6
    assert log["intake.hidden-row"] == 2


def test_cells_merged_over_columns_of_data_are_told(tmp_path: Path) -> None:
    _, problems, _ = read(tmp_path, book(spoil=lambda made: made.active.merge_cells("D3:E3")))
    (told,) = problems
    assert (told.code, told.row, told.column) == ("file.merged-columns", 2, "D:E")


def test_a_title_above_the_header_is_told_with_the_line_of_the_header(tmp_path: Path) -> None:
    rows = [["2026 年问卷"], [], *ROWS]
    _, problems, _ = read(tmp_path, book(rows))
    told = next(p for p in problems if p.code == "file.title-row")
    assert told.remedy_en == "write header: 3"
    frame, problems, _ = read(tmp_path, book(rows), header=3)
    assert not problems
    assert len(frame) == 6


def test_escaped_characters_of_a_workbook_are_given(tmp_path: Path) -> None:
    rows = [["respondent", "sug"], ["1", "灯_x000D_\n坏了"], ["2", "a_x005F_b"], ["3", "_xZZZZ_"]]
    frame, _, _ = read(tmp_path, book(rows))
    assert frame["sug"].tolist() == ["灯\n坏了", "a_b", "_xZZZZ_"]
    lone, _, _ = read(tmp_path, book([["respondent", "sug"], ["1", "x_xD83D_"]]))
    lone["sug"].iloc[0].encode("utf-8")  # no unpaired surrogate comes through


def test_a_date_off_limits_is_a_faulty_cell(tmp_path: Path) -> None:
    data = edited(
        book([["respondent", "d"], ["1", datetime(2026, 1, 1)]]),
        {SHEET: lambda xml: re.sub(rb"<v>46023</v>", b"<v>-5e9</v>", xml)},
    )
    _, problems, _ = read(tmp_path, data)
    assert [(p.code, p.row, p.column) for p in problems] == [("file.formula-error", 1, "d")]


def test_dates_since_1904_are_what_they_show(tmp_path: Path) -> None:
    data = edited(
        book([["respondent", "d"], ["1", datetime(2026, 1, 1)]]),
        {
            "xl/workbook.xml": lambda xml: xml.replace(
                b"<workbookPr/", b'<workbookPr date1904="1"/>'
            )
        },
    )
    frame, _, _ = read(tmp_path, data)
    assert frame["d"].tolist() == ["2030-01-02"]


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a.csv", "PDF"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a.csv", "PNG"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "a.xlsx", "JPEG"),
        (b"Rar!\x1a\x07\0\0", "a.xls", "RAR"),
        (b"7z\xbc\xaf\x27\x1c\0\0", "a.zip", "7z"),
        (b"SQLite format 3\0", "a.csv", "SQLite"),
        (b"MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=x\r\n", "a.xls", "MHTML"),
    ],
)
def test_what_is_no_table_is_called_by_its_name(
    tmp_path: Path, data: bytes, name: str, kind: str
) -> None:
    problem = refused(tmp_path, data, name)
    assert (problem.code, problem.found) == ("file.kind", kind)


def test_open_document_is_called_by_its_name(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
    for name in ("a.ods", "a.xlsx"):
        assert refused(tmp_path, out.getvalue(), name).found == "OpenDocument (.ods)"


def test_texts_that_begin_like_a_mark_are_tables_all_the_same(tmp_path: Path) -> None:
    for title in ("BMI", "MZ", "BZh"):
        frame, _, _ = read(tmp_path, f"{title},b\n1,2\n".encode(), "a.csv")
        assert list(frame) == [title, "b"]


def test_two_words_of_another_encoding_are_found(tmp_path: Path) -> None:
    for word in ("乙区", "甲小区", "阳光水岸", "锦绣一村"):
        data = "编号,小区\n1,甲\n".encode("gbk") + f"2,{word}\n".encode()
        assert refused(tmp_path, data, "a.csv", encoding="gbk").code == "file.encoding-mixed"


def test_no_line_of_gb18030_is_taken_for_utf8(tmp_path: Path) -> None:
    """Every pair of characters that could be mistaken, from all of the first level of GB 2312."""
    words = []
    for first in range(0xE4, 0xEA):
        for middle in range(0xA1, 0xC0):
            for last in range(0xA1, 0xC0):
                raw = bytes([first, middle, 0xB0 + last % 16, 0xE4 + middle % 6, 0xB5, last])
                words.append(raw.decode("gb18030"))
    text = "编号\n" + "\n".join(words) + "\n"
    frame, _, _ = read(tmp_path, text.encode("gb18030"), "a.csv", encoding="gb18030")
    assert frame["编号"].tolist() == words


def test_swapped_days_and_months_are_suspected_where_chance_is_small() -> None:
    texts = ["13/10/2026", "14/10/2026", "28/10/2026", "30/10/2026", "31/10/2026"]
    real = [f"2026-{n:02d}-10" for n in (1, 2, 3, 4, 5, 6)]
    cells = pd.Series([*texts, *real, None], dtype="str")
    assert swapped(cells, "dmy").tolist() == [5, 6, 7, 8, 9, 10]
    assert swapped(cells, "ymd").empty
    assert swapped(cells[:8], "dmy").empty  # three of each come about by chance
    assert swapped(pd.concat([cells, pd.Series(["2026-10-20"])]), "dmy").empty
    assert swapped(pd.concat([cells, pd.Series(["02/10/2026"])]), "dmy").empty


def test_titles_by_the_hundred_thousand_take_no_time() -> None:
    titles, repeated = unique(["a"] * 200_000)
    assert titles[-1] == "a#200000"
    assert repeated == {"a"}


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Change, cut out, repeat or cut off some bytes."""
    out = bytearray(data)
    kind = rng.randrange(5)
    for _ in range(rng.choice([1, 2, 20])):
        at = rng.randrange(len(out) or 1)
        if kind == 0:
            out[at : at + 1] = bytes([rng.randrange(256)])
        elif kind == 1:
            del out[at : at + rng.choice([1, 4, 50])]
        elif kind == 2:
            out[at:at] = out[at // 2 : at // 2 + 30]
        elif kind == 3:
            out[at : at + 4] = rng.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"<!--", b'"'])
        else:
            del out[max(at, 1) :]
    return bytes(out)


def old_book() -> bytes:
    xlwt = pytest.importorskip("xlwt")
    made = xlwt.Workbook()
    sheet = made.add_sheet("a")
    for n, row in enumerate(ROWS):
        for k, value in enumerate(row):
            sheet.write(n, k, value)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def stata(folder: Path) -> bytes:
    frame = pd.DataFrame(ROWS[1:], columns=HEAD)
    frame.to_stata(folder / "made.dta")
    return (folder / "made.dta").read_bytes()


def archived() -> bytes:
    text = "\n".join(",".join(map(str, row)) for row in ROWS).encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("答卷.csv", text)
    return out.getvalue()


def inner(rng: random.Random) -> bytes:
    """Damage one member of a sound archive."""
    names = zipfile.ZipFile(io.BytesIO(book())).namelist()
    return edited(book(), {rng.choice(names): lambda data: damaged(data, rng)})


def never_a_crash(folder: Path, times: int) -> None:
    made = {
        "a.xlsx": book(),
        "a.xls": old_book(),
        "a.dta": stata(folder),
        "a.zip": archived(),
        "a.csv.gz": gzip.compress(b"a,b\n1,2\n" * 50, mtime=0),
        "a.json": b'[{"a": 1, "b": [1, 2]}, {"a": "x"}]',
        "a.html": b"<html><table><tr><td>a<td>b</tr><tr><td>1<td>2</tr></table></html>",
    }
    for name, data in made.items():
        for n in range(times):
            rng = random.Random(f"{name} {n}")
            spoilt = inner(rng) if name == "a.xlsx" and n % 2 else damaged(data, rng)
            told: list[Problem] = []
            try:
                read(folder, spoilt, name)
            except InputError as error:
                told = list(error.problems)
            assert all(p.zh and p.en and p.remedy_zh and p.remedy_en for p in told)


def test_a_damaged_file_is_refused_or_read_and_never_a_crash(tmp_path: Path) -> None:
    never_a_crash(tmp_path, 12)


@pytest.mark.soak
def test_damaged_files_by_the_hundred_are_never_a_crash(tmp_path: Path) -> None:
    never_a_crash(tmp_path, 400)
