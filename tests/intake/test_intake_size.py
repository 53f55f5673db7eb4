"""Intake works through a file in parts: where they end leaves no trace, and memory is bounded."""

from __future__ import annotations

import csv
import importlib
import io
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import InputError
from workbench.intake import building, csvfile, read, readers, shelf, write_tables
from workbench.intake.building import collect
from workbench.intake.frames import Log
from workbench.intake.readers import columnar, export
from workbench.intake.readers.delimited import delimited
from workbench.study import Study, source_of

CORRECTIONS = "file,key,column,old,new,reason,author,date,approved_by,evidence\n"


@pytest.fixture
def field(root: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What writes studies of any size."""
    monkeypatch.syspath_prepend(str(root))
    return importlib.import_module("benchmarks.field")


def parts(monkeypatch: pytest.MonkeyPatch, cells: int, rows: int) -> None:
    """Let files be read ``cells`` cells at a time and tables be sorted ``rows`` rows at a time."""
    monkeypatch.setattr(csvfile, "BLOCK", cells)
    monkeypatch.setattr(export, "CELLS", cells)
    monkeypatch.setattr(columnar, "CELLS", cells)
    monkeypatch.setattr(columnar, "_VALUES", cells)
    monkeypatch.setattr(read, "AT_ONCE", cells)
    monkeypatch.setattr(building, "BLOCK", rows)
    monkeypatch.setattr(shelf, "BLOCK", rows)
    monkeypatch.setattr(shelf, "PIECE", max(rows // 2, 1))
    monkeypatch.setattr(shelf, "_IN_MEMORY", 1)


def told(study: Path, out: Path) -> dict[str, object]:
    """Give everything that intake makes of a study: bytes of the files, log, problems."""
    tables, problems = collect(Study.load(study))
    write_tables(tables, out)
    meta = json.loads((out / "intake.json").read_text(encoding="utf-8"))
    meta["log"] = sorted(json.dumps(entry, sort_keys=True) for entry in meta["log"])
    made: dict[str, object] = {p.name: p.read_bytes() for p in out.iterdir() if p.suffix != ".json"}
    return made | {"meta": meta, "problems": sorted(map(str, problems)), "n": len(problems)}


def faulty(rows: int, seed: int) -> str:
    """Give answers with faults of every kind, the rows in no order."""
    rng = random.Random(seed)
    lines = ["respondent,community,wave,started,finished,psu,base_weight,ip,q1,sex,use,sug"]
    for n in range(1, rows + 1):
        lines.append(
            ",".join(
                (
                    str(n if n % 17 else 3),
                    rng.choice(["A-1", "A-2", "A-2", "A-3", "甲小区", ""]),
                    rng.choice(["w1", "w2", "w2", "w9"]),
                    rng.choice(["2026-04-01 09:00", "2026/10/8", "32.13.2026", ""]),
                    rng.choice(["2026-04-01 09:05", "2026-10-08 08:00", ""]),
                    rng.choice(["b1", "b2", ""]),
                    rng.choice(["1", "2.5", "0", "x"]),
                    rng.choice(["10.0.0.1", "10.0.0.2"]),
                    rng.choice(["1", "5.0", "6", "-2", "9", "非常满意", "?", "７"]),
                    rng.choice(["female", "男", "m", ""]),
                    rng.choice(["电梯┋健身", "lift", "泳池", "电梯┋泳池", ""]),
                    rng.choice(["=1+1", "灯坏了灯坏了灯坏了", "13800138000", ""]),
                )
            )
        )
        if n % 23 == 0:
            lines.append("")
        if n % 31 == 0:
            lines[-1] += ",too much"
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("at", [1, 7])
def test_where_the_parts_end_leaves_no_trace(folder, tmp_path, monkeypatch, at):
    folder.write("data/responses.csv", faulty(90, at))
    folder.write(
        "corrections.csv",
        CORRECTIONS
        + "data/responses.csv,row:5,ip,10.0.0.1,10.9.9.9,typed,A,2026-10-01,B,\n"
        + "data/responses.csv,3,q1,1,2,typed,A,2026-10-01,B,\n"
        + "data/responses.csv,88,sex,male,female,typed,A,2026-10-01,B,\n",
    )
    folder.edit(
        "study.yaml",
        "{file: data/responses.csv}",
        "{file: data/responses.csv, values: {use: {泳池: null}, sex: {m: male}}}",
    )
    if at == 7:
        rule = "duplicates: {respondents: {by: [psu, ip], keep: most_complete}}"
        folder.edit("study.yaml", "seed: 7\n", f"seed: 7\n{rule}\n")
    whole = told(folder.path, tmp_path / "whole")
    assert whole["n"] > 12  # type: ignore[operator]
    assert ("duplicates.csv" in whole) == (at == 7)
    parts(monkeypatch, 12 * at, at)
    assert told(folder.path, tmp_path / "parts") == whole


@pytest.mark.parametrize(
    ("end", "quoted", "block"),
    [
        ("\n", 0, 300),
        ("\n", 0.02, 300),
        ("\r\n", 0.02, 90),
        ("\r", 0.02, 300),
        ("\n", 0.02, 1 << 21),
    ],
)
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_a_text_gives_the_records_of_the_csv_module_however_it_is_cut(
    monkeypatch, end, quoted, block, quoting
):
    rng = random.Random(1)
    cells = ["a", "", " b ", "７", "a'b", "\ufeff", "x\u2028y", "9" * 30, "c"]
    rows = [["名"] * 5] + [[rng.choice(cells) for _ in range(5)] for _ in range(900)]
    for row in rows[1:]:
        if rng.random() < quoted:
            row[rng.randrange(5)] = rng.choice(['p,"q"', f"l{end}m", f'{end}{end}"', '="007"'])
        if rng.random() < quoted:
            row[:] = rng.choice([[], row[:3], [*row, ""]])
    sink = io.StringIO(newline="")
    csv.writer(sink, lineterminator=end, quoting=quoting).writerows(rows)
    monkeypatch.setattr(csvfile, "BLOCK", block)
    grid = delimited(io.BytesIO(sink.getvalue().encode()), source_of("a.csv"), Log(), [])
    read_ = {}
    for places, columns in grid.chunks(range(5)):
        texts = zip(*(column.to_pylist() for column in columns), strict=True)
        read_ |= dict(zip(places.tolist(), texts, strict=True))
    plain = {
        n: tuple((c.strip().replace('="007"', "007") or None) for c in [*row, *[""] * 5][:5])
        for n, row in enumerate(rows[1:], start=1)
    }
    assert read_ == {n: row for n, row in plain.items() if any(row)}


def test_what_is_read_at_once_is_what_the_csv_module_reads():
    rng = random.Random(2)
    many = 0
    for _ in range(3000):
        text = "".join(
            rng.choice(["a", ",", ",", '"', '",', ',"', "\n", "\r\n", " "]) for _ in range(9)
        )
        columns = csvfile.columns("x,y\n" + text, ",", 2)
        if columns is not None:
            many += '"' in text
            rows = zip(*(column.to_pylist() for column in columns), strict=True)
            told = csv.reader(io.StringIO("x,y\n" + text, newline=""), strict=True)
            assert list(map(list, rows)) == [row or ["", ""] for row in told], text
    assert many > 20


def test_a_quote_that_never_closes_is_told_with_its_line_whatever_was_read_at_once(monkeypatch):
    text = "a,b\n" + "1,2\n" * 2000 + '3,"4\n'
    found = set()
    for block in (50, 5000, 1 << 21):
        monkeypatch.setattr(csvfile, "BLOCK", block)
        with pytest.raises(InputError) as caught:
            delimited(io.BytesIO(text.encode()), source_of("a.csv"), Log(), [])
        found.update(caught.value.problems)
    [problem] = found
    assert problem.row == 2001
    assert "2002" in problem.en


def test_the_demonstration_study_is_the_same_in_parts(root, tmp_path, monkeypatch):
    demo = root / "data" / "demo"
    whole = told(demo, tmp_path / "whole")
    parts(monkeypatch, 50_000, 300)
    assert told(demo, tmp_path / "parts") == whole


def test_no_stage_of_intake_holds_more_than_its_share(tmp_path, field, monkeypatch):
    cells, block, units = 80 * 1500, 2500, 200
    field.questionnaires(tmp_path / "s", 20_000)
    parts(monkeypatch, cells, block)
    seen: dict[str, list[int]] = {"mapped": [], "put": [], "read": []}
    mapping, take, add = building.map_source, shelf.Shelf.take, export.Grid.add

    def mapped(*args, **kwargs):
        seen["mapped"].append(len(args[4].frame))
        return mapping(*args, **kwargs)

    def taken(self, *args, **kwargs):
        table = take(self, *args, **kwargs)
        seen["put"].append(table.num_rows)
        return table

    def added(self, columns):
        seen["read"].append(len(columns[0]))
        return add(self, columns)

    monkeypatch.setattr(building, "map_source", mapped)
    monkeypatch.setattr(shelf.Shelf, "take", taken)
    monkeypatch.setattr(export.Grid, "add", added)
    tables, problems = collect(Study.load(tmp_path / "s"))
    assert not [p for p in problems if p.severity == "error"]
    assert tables.frames.rows("responses") == 20_000
    assert sum(seen["mapped"]) == 20_000 + units
    assert max(seen["read"]) <= cells // 80
    assert max(seen["mapped"]) <= 2 * cells // 80
    assert max(seen["put"]) <= block
    sizes = [len(rows) for rows in tables.frames.blocks("responses", ["community"])]
    assert max(sizes) <= block
    assert sum(sizes) == 20_000


def test_to_ask_whether_a_table_is_there_reads_nothing(folder, monkeypatch):
    frames = folder.build().frames
    monkeypatch.delattr(shelf.Shelf, "take")
    assert "requests" in frames
    assert "votes" not in frames
    assert frames.get("votes") is None


def test_a_file_rewritten_while_it_is_read_is_refused_though_size_and_time_are_kept(
    folder, monkeypatch
):
    path = folder.path / "data/responses.csv"
    reading = readers.read

    def rewriting(stream, how, *rest):
        grid = reading(stream, how, *rest)
        if how.file.endswith("responses.csv"):
            old = path.stat()
            path.write_bytes(path.read_bytes().replace(b"female", b"FEMALE"))
            os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))
        return grid

    monkeypatch.setattr(readers, "read", rewriting)
    with pytest.raises(InputError) as caught:
        folder.build()
    assert caught.value.problems[0].code == "file.changing"


def test_more_wrong_values_than_are_shown_are_counted_over_all_parts(folder, monkeypatch):
    rows = "".join(f"r{n},A-1,complaint,yesterday {n}\n" for n in range(60))
    folder.write("data/requests.csv", "request,community,kind,received\n" + rows)
    parts(monkeypatch, 4 * 7, 7)
    wrong = [problem for problem in folder.problems() if problem.code == "cell.date"]
    assert len(wrong) == 21
    assert "40 more values" in wrong[-1].en
    assert wrong[0].row == 1


def test_codes_met_in_later_parts_are_listed_with_those_met_before(folder, monkeypatch):
    head = "序号,提交答卷时间,所用时间,来自IP,community,1、满意吗\n"
    rows = [
        f"{n},2026/10/8 9:00:00,60秒,10.0.0.1,A-1,{'(跳过)' if n == 2 else '(空)' if n == 29 else 5}"
        for n in range(1, 31)
    ]
    folder.write("data/responses.csv", head + "\n".join(rows) + "\n")
    folder.edit(
        "study.yaml",
        "{file: data/responses.csv}",
        "{file: data/responses.csv, set: {wave: w2}, columns: {q1: 1、满意吗}}",
    ).edit("study.yaml", "  - {id: w1, role: baseline}\n", "")
    parts(monkeypatch, 6 * 7, 7)
    [entry] = [e for e in folder.build().log if e.code == "intake.missing-code"]
    assert entry.n == 2
    assert "(空), (跳过)" in entry.en


def test_what_two_sources_of_one_file_have_in_common_adds_up(folder):
    rows = "".join(
        f"r{n},A-1,{'need' if n % 2 else 'complaint'},2026-05-0{n}\n" for n in range(1, 7)
    )
    folder.write("data/requests.csv", "request,community,kind,received\n" + rows)
    both = ", ".join(
        f"{{file: data/requests.csv, where: {{kind: {k}}}}}" for k in ("need", "complaint")
    )
    folder.edit("study.yaml", "requests: {file: data/requests.csv}", f"requests: [{both}]")
    counted = [e.n for e in folder.build().log if e.code == "intake.date-only"]
    assert counted == [6]  # three of each, and not three once


_CHILD = """
import sys
from pathlib import Path
from workbench.intake import build, write_tables
from workbench.study import Study
tables = build(Study.load(Path(sys.argv[1])))
write_tables(tables, Path(sys.argv[1]) / "out")
rows = tables.frames.rows(sys.argv[2])
status = Path("/proc/self/status").read_text()  # ru_maxrss begins at what the parent held
print(rows, int(status.partition("VmHWM:")[2].split()[0]) // 1024)
"""


@pytest.mark.soak
@pytest.mark.parametrize(
    ("make", "rows", "table"),
    [
        ("questionnaires", 1_000_000, "responses"),
        ("requests", 10_000_000, "requests"),
    ],
)
def test_a_million_questionnaires_and_ten_million_requests_take_less_than_1_5_gb(
    tmp_path, field, make, rows, table
):
    getattr(field, make)(tmp_path / "s", rows)
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(tmp_path / "s"), table],
        check=True,
        capture_output=True,
        text=True,
    )
    read_, peak = map(int, done.stdout.split())
    assert read_ == rows
    assert peak < 1500
